/* SPDX-License-Identifier: GPL-3.0-or-later */

/* ELF files: made up ones byte by byte, and real ones against nm, addr2line and objcopy. */

#include "config.h"

#include "core/maps.h"
#include "core/symbols.h"
#include "core/unwind.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE
#endif

static char scratch[] = "/tmp/mv-symbols-XXXXXX";

/* --- A file made up
 * ------------------------------------------------------------------------------------------------ */

/*
 * Three segments whose ends share pages of the file, as a linker lays them: constants, code, data; .text and
 * its symbols. R   offset 0x0000 vaddr 0x0000, 0x1400 bytes RX  offset 0x1400 vaddr 0x2400, 0x0800 bytes RW
 * offset 0x1c00 vaddr 0x3c00, 0x0200 bytes, 0x1400 in memory
 */
enum {
	TEXT = 0x2400,
	TEXT_SIZE = 0x800,
	SYMBOLS_AT = 0x2000,
	NAMES_AT = 0x2800,
	HEADERS_AT = 0x2c00,
	SIZE = 0x3000
};

struct made {
	uint8_t bytes[SIZE];
	size_t names;
	Elf64_Ehdr *ehdr;
	Elf64_Phdr *phdr;
	Elf64_Shdr *shdr; /* none, .text, .symtab, .strtab */
	Elf64_Sym *sym;
	size_t syms;
};

static void make(struct made *f)
{
	memset(f, 0, sizeof(*f));
	f->ehdr = (Elf64_Ehdr *)(void *)f->bytes;
	f->phdr = (Elf64_Phdr *)(void *)(f->bytes + 64);
	f->shdr = (Elf64_Shdr *)(void *)(f->bytes + HEADERS_AT);
	f->sym = (Elf64_Sym *)(void *)(f->bytes + SYMBOLS_AT);
	f->syms = f->names = 1;
	*f->ehdr = (Elf64_Ehdr){
	    .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_DYN,
	    .e_machine = MACHINE,
	    .e_version = EV_CURRENT,
	    .e_phoff = 64,
	    .e_shoff = HEADERS_AT,
	    .e_ehsize = 64,
	    .e_phentsize = 56,
	    .e_phnum = 3,
	    .e_shentsize = 64,
	    .e_shnum = 4,
	    .e_shstrndx = 3,
	};
	f->phdr[0] = (Elf64_Phdr){PT_LOAD, PF_R, 0, 0, 0, 0x1400, 0x1400, 0x1000};
	f->phdr[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0x1400, TEXT, TEXT, TEXT_SIZE, TEXT_SIZE, 0x1000};
	f->phdr[2] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0x1c00, 0x3c00, 0x3c00, 0x200, 0x1400, 0x1000};
	f->shdr[1] = (Elf64_Shdr){.sh_type = SHT_PROGBITS,
				  .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
				  .sh_addr = TEXT,
				  .sh_offset = 0x1400,
				  .sh_size = TEXT_SIZE};
	f->shdr[2] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
				  .sh_offset = SYMBOLS_AT,
				  .sh_size = 80 * sizeof(Elf64_Sym),
				  .sh_link = 3,
				  .sh_entsize = sizeof(Elf64_Sym),
				  .sh_addralign = 8};
	f->shdr[3] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
				  .sh_offset = NAMES_AT,
				  .sh_size = HEADERS_AT - NAMES_AT,
				  .sh_addralign = 1};
	for (size_t i = 0x1400; i < 0x1e00; i++)
		f->bytes[i] = (uint8_t)(i ^ i >> 8);
}

static Elf64_Sym *add(struct made *f, const char *name, uint64_t vaddr, uint64_t size, int bind, int type)
{
	Elf64_Sym *sym = &f->sym[f->syms++];

	*sym = (Elf64_Sym){.st_name = (uint32_t)f->names,
			   .st_info = (unsigned char)ELF64_ST_INFO(bind, type),
			   .st_shndx = 1,
			   .st_value = vaddr,
			   .st_size = size};
	strcpy((char *)f->bytes + NAMES_AT + f->names, name);
	f->names += strlen(name) + 1;
	return sym;
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("made", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}

static struct mv_image *open_made(const struct made *f)
{
	struct mv_image *image = NULL;

	assert_int_equal(mv_image_open(file_of(f->bytes, SIZE), &image), 0);
	return image;
}

static void assert_symbol(struct mv_image *image, uint64_t vaddr, const char *name)
{
	struct mv_symbol symbol = {.name = NULL};
	int err = mv_image_symbol(image, vaddr, &symbol);

	if (!name) {
		if (!err)
			fail_msg("%#lx is %s, not nobody's", vaddr, symbol.name);
		assert_int_equal(err, -ENOENT);
		return;
	}
	if (err || strcmp(symbol.name, name) != 0)
		fail_msg("%#lx is %s, not %s", vaddr, err ? "nobody's" : symbol.name, name);
}

static void test_symbol_of_address(void **state)
{
	struct made f;
	struct mv_image *image;
	struct mv_symbol symbol;

	(void)state;
	make(&f);
	add(&f, "outer", 0x2400, 0x100, STB_GLOBAL, STT_FUNC);
	add(&f, "nested", 0x2440, 0x20, STB_LOCAL, STT_FUNC);
	add(&f, "label", 0x2480, 0, STB_LOCAL, STT_NOTYPE);
	add(&f, "assembly", 0x2500, 0, STB_GLOBAL, STT_NOTYPE);
	add(&f, "_alias", 0x2540, 0x10, STB_GLOBAL, STT_FUNC);
	add(&f, "weak", 0x2540, 0x10, STB_WEAK, STT_FUNC);
	add(&f, "an.part.0", 0x2540, 0x10, STB_GLOBAL, STT_FUNC);
	add(&f, "plain", 0x2540, 0x10, STB_GLOBAL, STT_FUNC);
	add(&f, "plainer", 0x2540, 0x10, STB_GLOBAL, STT_FUNC);
	add(&f, "unsized", 0x2540, 0, STB_GLOBAL, STT_FUNC);
	add(&f, "crossing", 0x2580, 0x40, STB_LOCAL, STT_FUNC);
	add(&f, "crossed", 0x25a0, 0x40, STB_LOCAL, STT_GNU_IFUNC);
	add(&f, "huge", 0x2600, UINT64_MAX, STB_GLOBAL, STT_FUNC);
	add(&f, "last", 0x2bff, 1, STB_GLOBAL, STT_FUNC);
	/* These are no functions, or lie nowhere. */
	add(&f, "data", 0x2410, 8, STB_GLOBAL, STT_OBJECT);
	add(&f, "thread", 0x2418, 8, STB_GLOBAL, STT_TLS);
	add(&f, "elsewhere", 0x2c00, 8, STB_GLOBAL, STT_FUNC);
	add(&f, "before", 0x23ff, 8, STB_GLOBAL, STT_FUNC);
	add(&f, "missing", 0x2420, 8, STB_GLOBAL, STT_FUNC)->st_shndx = SHN_UNDEF;
	add(&f, "absolute", 0x2420, 8, STB_GLOBAL, STT_FUNC)->st_shndx = SHN_ABS;
	add(&f, "noplace", 0x2420, 8, STB_GLOBAL, STT_FUNC)->st_shndx = 77;
	add(&f, "noname", 0x2420, 8, STB_GLOBAL, STT_FUNC)->st_name = UINT32_MAX;
	add(&f, "$x", 0x2420, 0, STB_LOCAL, STT_NOTYPE);
	image = open_made(&f);
	assert_symbol(image, 0, NULL);
	assert_symbol(image, 0x23ff, NULL);
	assert_symbol(image, 0x2400, "outer");
	assert_symbol(image, 0x2420, "outer");
	assert_symbol(image, 0x243f, "outer");
	assert_symbol(image, 0x2440, "nested");
	assert_symbol(image, 0x245f, "nested");
	assert_symbol(image, 0x2460, "outer");
	assert_symbol(image, 0x2480, "outer");
	assert_symbol(image, 0x24ff, "outer");
	assert_symbol(image, 0x2500, "assembly");
	assert_symbol(image, 0x253f, "assembly");
	assert_symbol(image, 0x2540, "plain");
	assert_symbol(image, 0x254f, "plain");
	assert_symbol(image, 0x2550, NULL);
	assert_symbol(image, 0x257f, NULL);
	assert_symbol(image, 0x259f, "crossing");
	assert_symbol(image, 0x25a0, "crossed");
	assert_symbol(image, 0x25df, "crossed");
	assert_symbol(image, 0x25e0, NULL);
	assert_symbol(image, 0x2600, "huge");
	assert_symbol(image, 0x2bfe, "huge");
	assert_symbol(image, 0x2bff, "last");
	assert_symbol(image, 0x2c00, NULL);
	assert_symbol(image, UINT64_MAX, NULL);
	assert_int_equal(mv_image_symbol(image, 0x2444, &symbol), 0);
	assert_int_equal(symbol.vaddr, 0x2440);
	assert_int_equal(symbol.size, 0x20);
	assert_int_equal(mv_image_symbol(image, 0x2504, &symbol), 0);
	assert_int_equal(symbol.size, 0);
	mv_image_close(image);
}

/* Names without an end, and a table that claims more than the file has. */
static void test_symbols_cut_short(void **state)
{
	struct made f;
	struct mv_image *image;

	(void)state;
	make(&f);
	add(&f, "first", 0x2400, 0x10, STB_GLOBAL, STT_FUNC);
	add(&f, "second", 0x2410, 0x10, STB_GLOBAL, STT_FUNC);
	f.shdr[3].sh_size = f.names - 3; /* amid "second" */
	image = open_made(&f);
	assert_symbol(image, 0x2400, "first");
	assert_symbol(image, 0x2410, NULL);
	mv_image_close(image);
	f.shdr[2].sh_size = UINT64_MAX / 24 * 24;
	image = open_made(&f);
	assert_symbol(image, 0x2400, NULL);
	mv_image_close(image);
}

static void test_bias(void **state)
{
	const uint64_t base = 0x7f0000000000;
	struct made f;
	struct mv_image *image;
	uint64_t bias;

	(void)state;
	make(&f);
	image = open_made(&f);
	assert_int_equal(mv_image_bias(image, base, 0, MV_PERM_R, &bias), 0);
	assert_int_equal(bias, base);
	/* One page of the file, in three mappings. */
	assert_int_equal(mv_image_bias(image, base + 0x1000, 0x1000, MV_PERM_R, &bias), 0);
	assert_int_equal(bias, base);
	assert_int_equal(mv_image_bias(image, base + 0x2000, 0x1000, MV_PERM_R | MV_PERM_X, &bias), 0);
	assert_int_equal(bias, base);
	assert_int_equal(mv_image_bias(image, base + 0x3000, 0x1000, MV_PERM_R | MV_PERM_W, &bias), 0);
	assert_int_equal(bias, base);
	assert_int_equal(mv_image_bias(image, base, 0x2000, MV_PERM_R, &bias), -ENOENT);
	assert_int_equal(mv_image_bias(image, base, 0x10, MV_PERM_R, &bias), -ENOENT);
	/* RELRO has taken the W away: only its neighbours tell what it is. */
	assert_true(mv_image_fits(image, base, base + 0x3000, 0x1000));
	assert_true(mv_image_fits(image, base, base + 0x2000, 0x1000));
	assert_false(mv_image_fits(image, base, base + 0x4000, 0x1000));
	mv_image_close(image);
}

/* Two instances of a file, the data of each made read-only: every address has its own instance's bias. */
static void test_two_instances(void **state)
{
	const uint64_t one = 0x10000, two = 0x40000;
	const uint32_t r = MV_PERM_R, x = MV_PERM_R | MV_PERM_X;
	const struct mv_unwind_map maps[] = {
	    {one, one + 0x2000, 0, 0, r},
	    {one + 0x2000, one + 0x3000, 0x1000, 0, x},
	    {one + 0x3000, one + 0x4000, 0x1000, 0, r},
	    {one + 0x4000, one + 0x5000, 0, MV_IMAGE_NONE, x},
	    {two, two + 0x2000, 0, 0, r},
	    {two + 0x2000, two + 0x3000, 0x1000, 0, x},
	    {two + 0x3000, two + 0x4000, 0x1000, 0, r},
	    {two + 0x8000, two + 0x9000, 0x9000, 0, r},
	};
	struct mv_unwinder *unwinder;
	struct made f;
	struct mv_image *image;
	uint64_t vaddr;
	uint32_t id = 7;
	bool anonymous;

	(void)state;
	make(&f);
	image = open_made(&f);
	assert_int_equal(mv_unwinder_new(&unwinder), 0);
	assert_int_equal(mv_unwinder_maps(unwinder, maps, MV_COUNT_OF(maps)), 0);
	assert_null(mv_unwinder_find(unwinder, one, &vaddr, &id));
	assert_int_equal(mv_unwinder_image(unwinder, 0, image), 0);
	for (uint64_t at = 0; at < 0x4000; at += 0x7f0) {
		assert_ptr_equal(mv_unwinder_find(unwinder, one + at, &vaddr, &id), image);
		assert_int_equal(vaddr, at);
		assert_int_equal(id, 0);
		assert_ptr_equal(mv_unwinder_find(unwinder, two + at, &vaddr, &id), image);
		assert_int_equal(vaddr, at);
	}
	assert_null(mv_unwinder_find(unwinder, one + 0x4000, &vaddr, &id));
	assert_null(mv_unwinder_find(unwinder, two + 0x8000, &vaddr, &id));
	assert_null(mv_unwinder_find(unwinder, one - 1, &vaddr, &id));
	assert_null(mv_unwinder_find(unwinder, UINT64_MAX, &vaddr, &id));
	assert_true(mv_unwinder_is_code(unwinder, one + 0x2fff, &anonymous));
	assert_false(anonymous);
	assert_true(mv_unwinder_is_code(unwinder, one + 0x4000, &anonymous));
	assert_true(anonymous);
	assert_false(mv_unwinder_is_code(unwinder, one + 0x3000, &anonymous));
	mv_unwinder_free(unwinder);
	mv_image_close(image);
}

static void test_read(void **state)
{
	uint8_t bytes[0x1400], zero[0x1200] = {0};
	struct made f;
	struct mv_image *image;

	(void)state;
	make(&f);
	image = open_made(&f);
	assert_true(mv_image_read(image, TEXT, bytes, TEXT_SIZE));
	assert_memory_equal(bytes, f.bytes + 0x1400, TEXT_SIZE);
	assert_false(mv_image_read(image, TEXT, bytes, TEXT_SIZE + 1));
	assert_false(mv_image_read(image, TEXT - 1, bytes, 2));
	assert_true(mv_image_read(image, 0x3c00, bytes, 0x1400));
	assert_memory_equal(bytes, f.bytes + 0x1c00, 0x200);
	assert_memory_equal(bytes + 0x200, zero, 0x1200);
	assert_true(mv_image_read(image, 0x4fff, bytes, 1));
	assert_false(mv_image_read(image, 0x5000, bytes, 1));
	assert_false(mv_image_read(image, UINT64_MAX, bytes, 2));
	mv_image_close(image);
}

static int open_error(const void *bytes, size_t size)
{
	struct mv_image *image = NULL;
	int err = mv_image_open(file_of(bytes, size), &image);

	if (!err)
		mv_image_close(image);
	return err;
}

static void test_not_ours(void **state)
{
	struct mv_image *image;
	struct made f;

	(void)state;
	make(&f);
	assert_int_equal(open_error(f.bytes, 0), -ENOEXEC);
	assert_int_equal(open_error(f.bytes, 63), -ENOEXEC);
	f.bytes[EI_CLASS] = ELFCLASS32;
	assert_int_equal(open_error(f.bytes, SIZE), -ENOEXEC);
	make(&f);
	f.bytes[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(open_error(f.bytes, SIZE), -ENOEXEC);
	make(&f);
	f.ehdr->e_machine = EM_SPARC;
	assert_int_equal(open_error(f.bytes, SIZE), -ENOEXEC);
	make(&f);
	f.ehdr->e_type = ET_REL;
	assert_int_equal(open_error(f.bytes, SIZE), -ENOEXEC);
	assert_int_equal(mv_image_open(-1, &image), -EIO);
	assert_int_equal(mv_image_open(open("/", O_RDONLY | O_CLOEXEC), &image), -ENOEXEC);
}

/* Segments that reach beyond the file, or around the end of all addresses. */
static void test_segments_that_lie(void **state)
{
	uint8_t bytes[8];
	struct made f;
	struct mv_image *image;

	(void)state;
	make(&f);
	f.phdr[0].p_filesz = f.phdr[0].p_memsz = UINT64_MAX;
	f.phdr[1].p_vaddr = UINT64_MAX - 0x10;
	f.phdr[2].p_offset = SIZE - 4;
	image = open_made(&f);
	assert_true(mv_image_read(image, SIZE - 8, bytes, 8));
	assert_true(mv_image_read(image, 0x3c00, bytes, 8));
	assert_memory_equal(bytes + 4, "\0\0\0\0", 4);
	assert_false(mv_image_read(image, UINT64_MAX - 0x10, bytes, 8) &&
		     memcmp(bytes, f.bytes + 0x1400, 8) == 0);
	mv_image_close(image);
	f.ehdr->e_phnum = 0xffff;
	f.ehdr->e_phoff = SIZE - 100;
	assert_int_not_equal(open_error(f.bytes, SIZE), 1);
}

/* --- Names
 * ---------------------------------------------------------------------------------------------------------
 */

static void test_demangle(void **state)
{
	const struct {
		const char *raw, *plain;
	} names[] = {
	    {"main", "main"},
	    {"_start", "_start"},
	    {"memcpy@@GLIBC_2.14", "memcpy"},
	    {"@odd", "@odd"},
	    {"", ""},
#ifdef HAVE_DEMANGLE
	    {"_ZNSt6vectorIiSaIiEE9push_backERKi",
	     "std::vector<int, std::allocator<int> >::push_back(int const&)"},
	    {"_Z1fv.cold", "f() [clone .cold]"},
	    {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad"},
	    {"_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>"},
	    {"_RNvCs1234_7mycrate3foo", "mycrate::foo"},
#endif
	    {"_Zfoo", "_Zfoo"},
	    {"_Rfoo", "_Rfoo"},
	};
	char out[512];

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(names); i++) {
		size_t n = mv_symbol_demangle(names[i].raw, out, sizeof(out));

		assert_string_equal(out, names[i].plain);
		assert_int_equal(n, strlen(out));
	}
}

/* Each level says the one before twice: written out it would be longer than any memory. */
static void test_demangle_is_bounded(void **state)
{
	char raw[2048] = "_Z1fSt4pairIiiES_IS0_S0_E", out[300], small[4];
	size_t n = strlen(raw);

	(void)state;
	for (int i = 1; i < 36; i++) {
		char id = (char)(i < 10 ? '0' + i : 'A' + i - 10);

		n += (size_t)snprintf(raw + n, sizeof(raw) - n, "S_IS%c_S%c_E", id, id);
	}
	n = mv_symbol_demangle(raw, out, sizeof(out));
	assert_int_equal(n, strlen(out));
	assert_true(n < sizeof(out));
	assert_int_equal(mv_symbol_demangle("_Z3foov", small, sizeof(small)), 3);
	assert_memory_equal(small + 3, "", 1);
	assert_int_equal(mv_symbol_demangle("main", small, 0), 0);
	assert_int_equal(mv_symbol_demangle("main", small, 1), 0);
}

/* --- Real files
 * ------------------------------------------------------------------------------------------------------ */

static const char *built(const char *name)
{
	static char path[4096];
	const char *build = getenv("top_builddir");

	snprintf(path, sizeof(path), "%s/%s", build ? build : ".", name);
	return path;
}

static struct mv_image *open_file(const char *path)
{
	struct mv_image *image = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || mv_image_open(fd, &image) != 0)
		return NULL;
	return image;
}

/* A line of nm -n -S: address, size, type, name. false: another kind of line. */
struct listed {
	uint64_t vaddr, size;
	char type, name[1000];
};
static bool next_listed(FILE *f, struct listed *ret)
{
	char line[20000];

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %lx %c %999s", &ret->vaddr, &ret->size, &ret->type, ret->name) == 4 &&
		    strchr("tTwWi", ret->type) && ret->size > 0) {
			ret->name[strcspn(ret->name, "@")] = '\0';
			return true;
		}
	return false;
}

static void check_group(struct mv_image *image, const struct listed *at, size_t n)
{
	struct mv_symbol symbol;
	char name[1000];
	bool among = false;

	if (mv_image_symbol(image, at[0].vaddr, &symbol) != 0)
		fail_msg("nobody at %#lx, where nm has %s", at[0].vaddr, at[0].name);
	assert_int_equal(symbol.vaddr, at[0].vaddr);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(symbol.name, "@"), symbol.name);
	for (size_t i = 0; i < n; i++)
		among |= strcmp(at[i].name, name) == 0;
	if (!among)
		fail_msg("%#lx is %s, where nm has %s", at[0].vaddr, name, at[0].name);
}

/* Every sized function that nm lists begins where it says, under one of its names. Returns how many. */
static size_t compare_with_nm(const char *path, const char *options)
{
	static struct listed group[64];
	struct mv_image *image = open_file(path);
	char command[4200];
	struct listed next;
	size_t n = 0, all = 0;
	FILE *f;

	if (!image)
		return 0;
	snprintf(command, sizeof(command), "nm -n -S --defined-only %s '%s' 2>/dev/null", options, path);
	f = popen(command, "r"); /* NOLINT */
	while (f && next_listed(f, &next)) {
		if (n && next.vaddr != group[0].vaddr) {
			check_group(image, group, n);
			all += n;
			n = 0;
		}
		if (n < MV_COUNT_OF(group))
			group[n++] = next;
	}
	if (n)
		check_group(image, group, n);
	if (f)
		pclose(f);
	mv_image_close(image);
	return all + n;
}

static void need(const char *tool)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", tool);
	if (system(command) != 0) { /* NOLINT */
		print_message("# SKIP no %s here\n", tool);
		skip();
	}
}

/* The file that holds an address of this very process, by /proc/self/maps. */
static bool own_file(const char *part, char *ret_path)
{
	char line[5000];
	FILE *f = fopen("/proc/self/maps", "r");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, part) && sscanf(line, "%*s %*s %*s %*s %*s %4095s", ret_path) == 1;
	if (f)
		fclose(f);
	return found;
}

static void test_against_nm(void **state)
{
	const char *const libraries[] = {"/libc.so", "/libc-", "/ld-linux", "/ld-musl", "/libdw"};
	char path[4096];
	size_t found = 0;

	(void)state;
	need("nm");
	assert_true(compare_with_nm(built("mv-calls"), "") > 15);
	assert_true(compare_with_nm(built("tests/unit/test_symbols"), "") > 15);
	compare_with_nm(built("memview"), "");
	for (size_t i = 0; i < MV_COUNT_OF(libraries); i++)
		if (own_file(libraries[i], path))
			found += compare_with_nm(path, "-D");
	assert_true(found > 100);
}

/* Lines of every eighth byte of a function, against addr2line's. */
static size_t compare_lines(const char *path, uint64_t from, uint64_t size, size_t *ret_none)
{
	struct mv_image *image = open_file(path);
	char command[4200], line[5000];
	size_t known = 0;

	assert_non_null(image);
	for (uint64_t at = from; at < from + size; at += 8) {
		const char *file = NULL, *colon, *slash;
		uint32_t number = 0;
		int err = mv_image_line(image, at, &file, &number);
		FILE *f;

		snprintf(command, sizeof(command), "addr2line -e '%s' %#lx", path, at);
		f = popen(command, "r"); /* NOLINT */
		assert_non_null(f);
		assert_non_null(fgets(line, sizeof(line), f));
		pclose(f);
		colon = strrchr(line, ':');
		assert_non_null(colon);
		if (colon[1] == '?' || colon[1] == '0') {
			assert_int_equal(err, -ENOENT);
			++*ret_none;
			continue;
		}
		if (err || (uint32_t)strtoul(colon + 1, NULL, 10) != number)
			fail_msg("%#lx: line %u (%d), where addr2line has %s", at, number, err, line);
		slash = strrchr(file, '/');
		assert_non_null(strstr(line, slash ? slash : file));
		known++;
	}
	mv_image_close(image);
	return known;
}

static uint64_t vaddr_of(const char *path, const char *name, uint64_t *ret_size)
{
	struct listed next;
	char command[4200];
	uint64_t vaddr = 0;
	FILE *f;

	snprintf(command, sizeof(command), "nm -n -S --defined-only '%s'", path);
	f = popen(command, "r"); /* NOLINT */
	while (f && next_listed(f, &next))
		if (strcmp(next.name, name) == 0) {
			vaddr = next.vaddr;
			*ret_size = next.size;
		}
	if (f)
		pclose(f);
	return vaddr;
}

static void test_against_addr2line(void **state)
{
	const char *const names[] = {"main", "library", "deep", "signalled"};
	size_t known = 0, none = 0;

	(void)state;
	need("nm");
	need("addr2line");
	for (size_t i = 0; i < MV_COUNT_OF(names); i++) {
		uint64_t size = 0, vaddr = vaddr_of(built("mv-calls"), names[i], &size);

		assert_int_not_equal(vaddr, 0);
		known += compare_lines(built("mv-calls"), vaddr, size, &none);
	}
	assert_true(known > 20);
}

static void run(const char *command)
{
	if (system(command) != 0) /* NOLINT */
		fail_msg("%s failed", command);
}

/* Names and lines of a stripped file come from the debug file of the same build, and of no other. */
static void test_debug_file(void **state)
{
	char command[9000], path[128];
	const char *file;
	uint32_t line;
	uint64_t size, vaddr;
	struct mv_image *image;
	struct mv_build_id id;

	(void)state;
	need("nm");
	need("objcopy");
	need("strip");
	snprintf(command, sizeof(command), "objcopy --only-keep-debug '%s' %s/right.debug", built("mv-calls"),
		 scratch);
	run(command);
	snprintf(command, sizeof(command), "strip -o %s/stripped '%s'", scratch, built("mv-calls"));
	run(command);
	snprintf(command, sizeof(command), "objcopy --only-keep-debug '%s' %s/wrong.debug",
		 built("mv-library.so"), scratch);
	run(command);
	vaddr = vaddr_of(built("mv-calls"), "main", &size);
	snprintf(path, sizeof(path), "%s/stripped", scratch);
	image = open_file(path);
	assert_non_null(image);
	mv_image_build_id(image, &id);
	assert_in_range(id.len, 8, 20);
	assert_symbol(image, vaddr, NULL);
	assert_int_equal(mv_image_line(image, vaddr, &file, &line), -ENOENT);

	snprintf(path, sizeof(path), "%s/wrong.debug", scratch);
	assert_int_equal(mv_image_add_debug(image, open(path, O_RDONLY | O_CLOEXEC)), -ESTALE);
	assert_symbol(image, vaddr, NULL);
	snprintf(path, sizeof(path), "%s/right.debug", scratch);
	assert_int_equal(mv_image_add_debug(image, open(path, O_RDONLY | O_CLOEXEC)), 0);
	assert_symbol(image, vaddr, "main");
	assert_int_equal(mv_image_line(image, vaddr, &file, &line), 0);
	assert_non_null(strstr(file, "calls.c"));
	mv_image_close(image);
}

static int by_start(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return x[0] < y[0] ? -1 : x[0] > y[0];
}

/* Made from .eh_frame when the header is gone: the same functions and entries as the linker's own table. */
static void test_table_made(void **state)
{
	char path[4096];
	struct mv_unwind_table linker, made;
	struct mv_image *with, *without;
	int32_t *pairs;
	uint8_t *bytes;
	size_t file_size;
	FILE *f;

	(void)state;
	assert_true(own_file("/libc", path));
	f = fopen(path, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	file_size = (size_t)ftell(f);
	rewind(f);
	bytes = malloc(file_size);
	assert_int_equal(fread(bytes, 1, file_size, f), file_size);
	fclose(f);
	with = open_file(path);
	if (mv_image_unwind_table(with, &linker) != 0) {
		print_message("# SKIP this libc has no unwind information\n");
		skip();
	}
	assert_null(linker.synthetic);
	/* The program header that names it becomes another's. */
	for (int i = 0; i < ((Elf64_Ehdr *)(void *)bytes)->e_phnum; i++) {
		Elf64_Phdr *p = (Elf64_Phdr *)(void *)(bytes + ((Elf64_Ehdr *)(void *)bytes)->e_phoff) + i;

		if (p->p_type == PT_GNU_EH_FRAME)
			p->p_type = PT_NULL;
	}
	assert_int_equal(mv_image_open(file_of(bytes, file_size), &without), 0);
	assert_int_equal(mv_image_unwind_table(without, &made), 0);
	assert_non_null(made.synthetic);
	assert_int_equal(made.count, linker.count);
	pairs = malloc(linker.count * 8);
	assert_true(mv_image_read(with, linker.table_vaddr, pairs, linker.count * 8));
	qsort(pairs, linker.count, 8, by_start);
	for (size_t i = 0; i < made.count; i++)
		for (size_t k = 0; k < 2; k++)
			assert_int_equal(made.segbase_vaddr +
					     (uint64_t)((const int32_t *)made.synthetic)[2 * i + k],
					 linker.segbase_vaddr + (uint64_t)pairs[2 * i + k]);
	free(pairs);
	free(bytes);
	mv_image_close(with);
	mv_image_close(without);
}

static int make_scratch(void **state)
{
	(void)state;
	return mkdtemp(scratch) ? 0 : -1;
}

static int drop_scratch(void **state)
{
	char line[64];

	(void)state;
	snprintf(line, sizeof(line), "rm -rf %s", scratch);
	return system(line); /* NOLINT */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_symbol_of_address),
	    cmocka_unit_test(test_symbols_cut_short),
	    cmocka_unit_test(test_bias),
	    cmocka_unit_test(test_two_instances),
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_not_ours),
	    cmocka_unit_test(test_segments_that_lie),
	    cmocka_unit_test(test_demangle),
	    cmocka_unit_test(test_demangle_is_bounded),
	    cmocka_unit_test(test_against_nm),
	    cmocka_unit_test(test_against_addr2line),
	    cmocka_unit_test(test_debug_file),
	    cmocka_unit_test(test_table_made),
	};

	return cmocka_run_group_tests(tests, make_scratch, drop_scratch);
}
