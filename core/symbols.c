/* SPDX-License-Identifier: GPL-3.0-or-later */

/* An ELF file's frame: segments, build id, where an instance of it lies, its bytes. */

#include "config.h"

#include "core/symbols_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENTS_MAX 4096 /* real files have about four to load */
#define NOTES_MAX    1024 /* of one segment */

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__riscv)
#define MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#elif defined(__s390x__)
#define MACHINE EM_S390
#elif defined(__loongarch__)
#define MACHINE 258
#elif defined(__i386__)
#define MACHINE EM_386
#elif defined(__arm__)
#define MACHINE EM_ARM
#else
#define MACHINE EM_NONE
#endif

static bool is_ours(const uint8_t *bytes, size_t size)
{
	const unsigned char data = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	const unsigned char class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	Elf64_Half type, machine;

	if (size < sizeof(Elf32_Ehdr) || (class == ELFCLASS64 && size < sizeof(Elf64_Ehdr)))
		return false;
	/* Both lie in the same place in either class. */
	memcpy(&type, bytes + offsetof(Elf64_Ehdr, e_type), sizeof(type));
	memcpy(&machine, bytes + offsetof(Elf64_Ehdr, e_machine), sizeof(machine));
	return memcmp(bytes, ELFMAG, SELFMAG) == 0 && bytes[EI_CLASS] == class && bytes[EI_DATA] == data &&
	       (type == ET_EXEC || type == ET_DYN) && (MACHINE == EM_NONE || machine == MACHINE);
}

static void file_close(struct image_file *file)
{
	if (file->elf)
		elf_end(file->elf);
	if (file->bytes)
		munmap((void *)file->bytes, file->size);
	*file = (struct image_file){.size = 0};
}

/* Map a file whole. The descriptor is closed in any case: what is mapped needs none. */
static int file_open(int take_fd, struct image_file *file)
{
	struct stat st;
	void *bytes;
	int err = 0;

	if (fstat(take_fd, &st) < 0)
		err = -EIO;
	else if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		err = -ENOEXEC;
	if (err) {
		close(take_fd);
		return err;
	}
	/* Private and writable: libelf marks a section header when it has unpacked a compressed section. */
	bytes =
	    mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, take_fd, 0);
	err = bytes == MAP_FAILED ? -errno : 0;
	close(take_fd);
	if (err)
		return err == -ENOMEM ? -ENOMEM : -EIO;
	*file = (struct image_file){.bytes = bytes, .size = (size_t)st.st_size};
	if (!is_ours(bytes, file->size)) {
		file_close(file);
		return -ENOEXEC;
	}
	file->elf = elf_memory((char *)bytes, file->size);
	if (!file->elf || elf_kind(file->elf) != ELF_K_ELF) {
		file_close(file);
		return -ENOEXEC;
	}
	return 0;
}

bool image_section(Elf *elf, const char *name, GElf_Shdr *ret_header, Elf_Scn **ret_section)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return false;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *its = NULL;

		if (gelf_getshdr(section, &header))
			its = elf_strptr(elf, names, header.sh_name);
		if (its && strcmp(its, name) == 0) {
			*ret_header = header;
			*ret_section = section;
			return true;
		}
	}
	return false;
}

/* --- Program headers ---------------------------------------------------------------------------------------
 */

static int by_vaddr(const void *a, const void *b)
{
	const struct image_segment *x = a, *y = b;

	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

/* Cut to what the file holds, so that nobody needs to look again. */
static void add_segment(struct mv_image *image, const GElf_Phdr *p)
{
	struct image_segment s = {.vaddr = p->p_vaddr, .offset = p->p_offset, .memsz = p->p_memsz};

	if (s.offset <= image->own.size)
		s.filesz =
		    p->p_filesz < image->own.size - s.offset ? p->p_filesz : image->own.size - s.offset;
	if (s.memsz > UINT64_MAX - s.vaddr || image->segment_count == SEGMENTS_MAX)
		return;
	if (s.filesz > s.memsz)
		s.filesz = s.memsz;
	s.perms = (p->p_flags & PF_R ? MV_PERM_R : 0) | (p->p_flags & PF_W ? MV_PERM_W : 0) |
		  (p->p_flags & PF_X ? MV_PERM_X : 0);
	image->segments[image->segment_count++] = s;
}

/* A build id among the notes at offset; false none. */
static bool find_build_id(const struct image_file *file, uint64_t offset, uint64_t size, uint64_t align,
			  struct mv_build_id *ret_id)
{
	uint64_t pad = align == 8 ? 7 : 3, at = 0;

	if (offset > file->size || size > file->size - offset)
		return false;
	for (int n = 0; n < NOTES_MAX && size - at >= sizeof(Elf64_Nhdr); n++) {
		Elf64_Nhdr note; /* the 32-bit one is the same */
		uint64_t name, desc;

		memcpy(&note, file->bytes + offset + at, sizeof(note));
		name = at + sizeof(note);
		desc = name + (((uint64_t)note.n_namesz + pad) & ~pad);
		if (desc > size || note.n_descsz > size - desc)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz > 0 &&
		    note.n_descsz <= sizeof(ret_id->bytes) &&
		    memcmp(file->bytes + offset + name, "GNU", 4) == 0) {
			ret_id->len = note.n_descsz;
			memcpy(ret_id->bytes, file->bytes + offset + desc, note.n_descsz);
			return true;
		}
		at = desc + (((uint64_t)note.n_descsz + pad) & ~pad);
		if (at > size)
			return false;
	}
	return false;
}

/* By sections too: a separate debug file's segments tell the original's offsets. */
static void read_build_id(const struct image_file *file, struct mv_build_id *ret_id)
{
	size_t count = 0;
	Elf_Scn *section = NULL;

	*ret_id = (struct mv_build_id){.len = 0};
	if (elf_getphdrnum(file->elf, &count) < 0)
		count = 0;
	while ((section = elf_nextscn(file->elf, section))) {
		GElf_Shdr h;

		if (gelf_getshdr(section, &h) && h.sh_type == SHT_NOTE &&
		    find_build_id(file, h.sh_offset, h.sh_size, h.sh_addralign, ret_id))
			return;
	}
	for (size_t i = 0; i < count && i < SEGMENTS_MAX; i++) {
		GElf_Phdr p;

		if (gelf_getphdr(file->elf, (int)i, &p) && p.p_type == PT_NOTE &&
		    find_build_id(file, p.p_offset, p.p_filesz, p.p_align, ret_id))
			return;
	}
}

static int read_segments(struct mv_image *image)
{
	size_t count;

	if (elf_getphdrnum(image->own.elf, &count) < 0)
		return -ENOEXEC;
	if (count > SEGMENTS_MAX)
		count = SEGMENTS_MAX;
	image->segments = calloc(count + 1, sizeof(*image->segments));
	if (!image->segments)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(image->own.elf, (int)i, &p))
			continue;
		if (p.p_type == PT_LOAD && p.p_memsz > 0)
			add_segment(image, &p);
		else if (p.p_type == PT_GNU_EH_FRAME)
			image->eh_frame_hdr = p.p_vaddr;
	}
	qsort(image->segments, image->segment_count, sizeof(*image->segments), by_vaddr);
	return 0;
}

int mv_image_open(int take_fd, struct mv_image **ret_image)
{
	struct mv_image *image;
	int err;

	elf_version(EV_CURRENT);
	image = calloc(1, sizeof(*image));
	if (!image) {
		close(take_fd);
		return -ENOMEM;
	}
	err = file_open(take_fd, &image->own);
	if (!err)
		err = read_segments(image);
	if (err) {
		mv_image_close(image);
		return err;
	}
	read_build_id(&image->own, &image->id);
	*ret_image = image;
	return 0;
}

void mv_image_close(struct mv_image *image)
{
	if (!image)
		return;
	image_symbols_free(image->symbols);
	image_lines_free(image->lines);
	free(image->synthetic);
	free(image->segments);
	file_close(&image->debug);
	file_close(&image->own);
	free(image);
}

void mv_image_build_id(const struct mv_image *image, struct mv_build_id *ret_id)
{
	*ret_id = image->id;
}

int mv_image_add_debug(struct mv_image *image, int take_fd)
{
	struct image_file file = {.size = 0};
	struct mv_build_id id;
	int err = file_open(take_fd, &file);

	if (err)
		return err;
	read_build_id(&file, &id);
	if (image->id.len == 0 || id.len != image->id.len || memcmp(id.bytes, image->id.bytes, id.len) != 0) {
		file_close(&file);
		return -ESTALE;
	}
	/* What was read without it was read in vain. */
	image_symbols_free(image->symbols);
	image_lines_free(image->lines);
	image->symbols = NULL;
	image->lines = NULL;
	image->symbols_error = image->lines_error = 0;
	file_close(&image->debug);
	image->debug = file;
	return 0;
}

/* --- Where an instance lies
 * --------------------------------------------------------------------------------- */

/* Is the mapping's first byte one that the kernel takes from this segment, which it rounds to whole pages? */
static bool segment_has(const struct image_segment *s, uint64_t map_offset, uint64_t page)
{
	uint64_t first = s->offset & ~(page - 1), end = s->offset + s->filesz;

	return (s->vaddr - s->offset) % page == 0 && map_offset % page == 0 && s->filesz > 0 &&
	       map_offset >= first && map_offset < end;
}

/* How well a mapping's permissions fit a segment's: RELRO takes its W away, a breakpoint gives none. */
static int fitness(const struct image_segment *s, uint32_t perms)
{
	const uint32_t rwx = MV_PERM_R | MV_PERM_W | MV_PERM_X;

	if (s->perms == (perms & rwx))
		return 3;
	if ((s->perms & MV_PERM_X) == (perms & MV_PERM_X))
		return (s->perms & MV_PERM_W) >= (perms & MV_PERM_W) ? 2 : 1;
	return 0;
}

int mv_image_bias(const struct mv_image *image, uint64_t map_start, uint64_t map_offset, uint32_t perms,
		  uint64_t *ret_bias)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct image_segment *best = NULL;

	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segments[i];

		if (segment_has(s, map_offset, page) && (!best || fitness(s, perms) > fitness(best, perms)))
			best = s;
	}
	if (!best)
		return -ENOENT;
	*ret_bias = map_start - (best->vaddr - best->offset + map_offset);
	return 0;
}

bool mv_image_fits(const struct mv_image *image, uint64_t bias, uint64_t map_start, uint64_t map_offset)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segments[i];

		if (segment_has(s, map_offset, page) && map_start - bias == s->vaddr - s->offset + map_offset)
			return true;
	}
	return false;
}

/* The last segment that begins at or below vaddr; NULL none. */
static const struct image_segment *segment_of(const struct mv_image *image, uint64_t vaddr)
{
	size_t lo = 0, hi = image->segment_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (image->segments[mid].vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &image->segments[lo - 1] : NULL;
}

bool mv_image_read(const struct mv_image *image, uint64_t vaddr, void *out, size_t n)
{
	const struct image_segment *s = segment_of(image, vaddr);
	uint64_t at;
	size_t have;

	if (!s)
		return false;
	at = vaddr - s->vaddr;
	if (at > s->memsz || n > s->memsz - at)
		return false;
	have = at >= s->filesz ? 0 : n <= s->filesz - at ? n : (size_t)(s->filesz - at);
	if (have)
		memcpy(out, image->own.bytes + s->offset + at, have);
	memset((uint8_t *)out + have, 0, n - have);
	return true;
}
