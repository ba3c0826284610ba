/* SPDX-License-Identifier: GPL-3.0-or-later */

/* An ELF file of the target's choosing: whatever it says, answers lie within bounds, and a stack walked by
 * its tables ends. */

#include "config.h"

#include "core/maps.h"
#include "core/unwind.h"
#include "tests/fuzz/fuzz.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BASE	    UINT64_C(0x555500000000)
#define STACK_AT    UINT64_C(0x7ffd00000000)
#define STACK_WORDS 512
#define MAPS	    16
#define PLACES	    48 /* addresses that everything is asked for */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static int file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	MUST(fd >= 0);
	for (size_t at = 0; at < size;) {
		ssize_t n = write(fd, data + at, size - at);

		MUST(n > 0);
		at += (size_t)n;
	}
	return fd;
}

/* Addresses worth asking for: starts of functions by the unwind table, then what is left spread over the
 * file. */
static void choose_places(struct mv_image *image, const struct mv_unwind_table *table, size_t size,
			  uint64_t places[PLACES])
{
	size_t n = 0;

	for (; table && n < PLACES / 2 && n < table->count; n++) {
		uint64_t i = table->count <= PLACES / 2 ? n : n * (table->count / (PLACES / 2));
		int32_t pair[2] = {0};

		if (table->synthetic)
			memcpy(pair, (const uint8_t *)table->synthetic + 8 * i, 8);
		else
			MUST(mv_image_read(image, table->table_vaddr + 8 * i, pair, 8));
		places[n] = table->segbase_vaddr + (uint64_t)pair[0] + (n % 3) * 5;
	}
	for (size_t i = 0; n < PLACES; n++, i++)
		places[n] = i == 0 ? UINT64_MAX : i == 1 ? 0 : i * (size / PLACES + 1);
}

static void check_table(const struct mv_unwind_table *table)
{
	const int32_t *pairs = table->synthetic;

	MUST(table->count > 0);
	for (uint64_t i = 1; pairs && i < table->count; i++)
		MUST(pairs[2 * i - 2] <= pairs[2 * i]);
}

static void check_names(struct mv_image *image, const uint64_t places[PLACES])
{
	char name[600];

	for (size_t i = 0; i < PLACES; i++) {
		struct mv_symbol symbol;
		const char *file = NULL;
		uint32_t line = 0;

		if (mv_image_symbol(image, places[i], &symbol) == 0) {
			size_t n = mv_symbol_demangle(symbol.name, name, sizeof(name));

			MUST(n < sizeof(name) && strlen(name) == n);
			MUST(symbol.vaddr <= places[i]);
			MUST(symbol.size == 0 || places[i] - symbol.vaddr < symbol.size);
			MUST(symbol.name[0]);
		}
		if (mv_image_line(image, places[i], &file, &line) == 0)
			MUST(file && strlen(file) < (1 << 24) && line > 0);
	}
}

static void check_bytes(const struct mv_image *image, const uint64_t places[PLACES])
{
	uint8_t bytes[64];
	struct mv_build_id id;

	mv_image_build_id(image, &id);
	MUST(id.len <= sizeof(id.bytes));
	for (size_t i = 0; i < PLACES; i++) {
		uint64_t bias;

		if (mv_image_read(image, places[i], bytes, sizeof(bytes)))
			MUST(mv_image_read(image, places[i] + 63, bytes, 1));
		for (uint32_t perms = 0; perms < 8; perms++)
			if (mv_image_bias(image, BASE, places[i] & ~UINT64_C(0xfff), perms, &bias) == 0)
				MUST(mv_image_fits(image, bias, BASE, places[i] & ~UINT64_C(0xfff)));
	}
}

/* The mappings that a kernel would make of it, as far as they ascend. */
static size_t make_maps(const uint8_t *data, size_t size, struct mv_unwind_map *maps)
{
	Elf64_Ehdr e;
	size_t n = 0;

	memcpy(&e, data, sizeof(e));
	for (size_t i = 0; i < e.e_phnum && n < MAPS; i++) {
		Elf64_Phdr p;
		uint64_t start, end;

		if (e.e_phoff > size || size - e.e_phoff < (i + 1) * sizeof(p))
			break;
		memcpy(&p, data + e.e_phoff + i * sizeof(p), sizeof(p));
		start = BASE + (p.p_vaddr & ~UINT64_C(0xfff));
		end = BASE + ((p.p_vaddr + p.p_filesz + 0xfff) & ~UINT64_C(0xfff));
		if (p.p_type == PT_LOAD && start < end && (!n || start >= maps[n - 1].end))
			maps[n++] =
			    (struct mv_unwind_map){start, end, p.p_offset & ~UINT64_C(0xfff), 0,
						   p.p_flags & PF_X ? MV_PERM_R | MV_PERM_X : MV_PERM_R};
	}
	if (!n)
		maps[n++] = (struct mv_unwind_map){BASE, BASE + (1 << 20), 0, 0, MV_PERM_R | MV_PERM_X};
	return n;
}

static void check_stacks(struct mv_unwinder *unwinder, const uint64_t places[PLACES])
{
	uint64_t stack[STACK_WORDS];
	struct mv_call calls[64];
	struct mv_regs regs;

	/* Return addresses, and between them pointers into the stack. */
	for (size_t i = 0; i < STACK_WORDS; i++)
		stack[i] = i % 3 == 2 ? STACK_AT + 8 * (i + 7) : BASE + places[i % (PLACES / 2)];
	for (size_t i = 0; i < PLACES; i++) {
		enum mv_stack_end end = MV_STACK__N;
		size_t n;

		for (size_t r = 0; r < MV_REGS; r++)
			regs.r[r] = STACK_AT + 16 * r;
		regs.r[MV_REG_SP] = STACK_AT;
		regs.r[MV_REG_PC] = BASE + places[i];
		n = mv_unwind(unwinder, &regs, i % 2 ? UINT32_MAX : 0x10080, (const uint8_t *)stack,
			      sizeof(stack) - i % 9, calls, MV_COUNT_OF(calls), &end);
		MUST(n >= 1 && n <= MV_COUNT_OF(calls));
		MUST(end < MV_STACK__N);
		for (size_t k = 0; k < n; k++)
			MUST(calls[k].function == MV_FUNCTION_NONE);
	}
}

static void check_image(struct mv_image *image, const uint8_t *data, size_t size)
{
	struct mv_unwind_map maps[MAPS];
	struct mv_unwind_table table;
	struct mv_unwinder *unwinder;
	uint64_t places[PLACES];
	bool has_table = mv_image_unwind_table(image, &table) == 0;
	int err;

	if (has_table)
		check_table(&table);
	choose_places(image, has_table ? &table : NULL, size, places);
	check_bytes(image, places);
	check_names(image, places);
	if (mv_image_add_debug(image, file_of(data, size)) == 0)
		check_names(image, places);

	MUST(mv_unwinder_new(&unwinder) == 0);
	err = mv_unwinder_maps(unwinder, maps, make_maps(data, size, maps));
	MUST(err == 0 && mv_unwinder_image(unwinder, 0, image) == 0);
	check_stacks(unwinder, places);
	mv_unwinder_free(unwinder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mv_image *image = NULL;
	char name[256], out[300];

	/* Short inputs as names; the rest as files. */
	if (size > 0 && size < 256) {
		memcpy(name, data, size);
		name[size] = '\0';
		MUST(mv_symbol_demangle(name, out, sizeof(out)) == strlen(out));
	}
	if (mv_image_open(file_of(data, size), &image) != 0)
		return 0;
	MUST(size >= sizeof(Elf64_Ehdr));
	check_image(image, data, size);
	mv_image_close(image);
	return 0;
}
