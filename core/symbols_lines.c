/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Source lines. Which unit holds an address comes from the units' own ranges, read once: .debug_aranges is
 * missing from clang's files and incomplete in others. A unit's lines are decoded at the first look-up in it,
 * and kept by libdw.
 */

#include "config.h"

#include "core/symbols_private.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RANGES_MAX (UINT32_C(1) << 22) /* of all units together; many units may name the same list */

struct unit_range {
	uint64_t start, end;
	Dwarf_Off die;
};

struct image_lines {
	Dwarf *dwarf;
	struct unit_range *ranges; /* ascending, apart */
	size_t count, cap;
};

void image_lines_free(struct image_lines *lines)
{
	if (!lines)
		return;
	if (lines->dwarf)
		dwarf_end(lines->dwarf);
	free(lines->ranges);
	free(lines);
}

static int append(struct image_lines *lines, uint64_t start, uint64_t end, Dwarf_Off die)
{
	if (lines->count == lines->cap) {
		size_t cap = lines->cap ? lines->cap * 2 : 256;
		struct unit_range *grown = reallocarray(lines->ranges, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		lines->ranges = grown;
		lines->cap = cap;
	}
	lines->ranges[lines->count++] = (struct unit_range){.start = start, .end = end, .die = die};
	return 0;
}

static int add_unit(struct image_lines *lines, Dwarf_Die *unit)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while (lines->count < RANGES_MAX && (at = dwarf_ranges(unit, at, &base, &start, &end)) > 0) {
		int err;

		/* 0: code that the linker left out. */
		if (start == 0 || start >= end)
			continue;
		err = append(lines, start, end, dwarf_dieoffset(unit));
		if (err)
			return err;
	}
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct unit_range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->die < y->die ? -1 : x->die > y->die;
}

static bool has_lines(int tag)
{
	return tag == DW_TAG_compile_unit || tag == DW_TAG_skeleton_unit;
}

static int read_units(struct image_lines *lines)
{
	Dwarf_Off at = 0, next;
	size_t head;

	while (lines->count < RANGES_MAX &&
	       dwarf_nextcu(lines->dwarf, at, &next, &head, NULL, NULL, NULL) == 0) {
		Dwarf_Die unit;
		int err = 0;

		if (dwarf_offdie(lines->dwarf, at + head, &unit) && has_lines(dwarf_tag(&unit)))
			err = add_unit(lines, &unit);
		if (err)
			return err;
		if (next <= at)
			break;
		at = next;
	}
	if (lines->count)
		qsort(lines->ranges, lines->count, sizeof(*lines->ranges), by_start);
	return 0;
}

/* The file that has them: the image itself, else its debug file. */
static Dwarf *open_dwarf(struct mv_image *image)
{
	Elf *files[] = {image->own.elf, image->debug.elf};

	for (size_t i = 0; i < MV_COUNT_OF(files); i++) {
		GElf_Shdr header;
		Elf_Scn *section;
		Dwarf *dwarf;

		if (!files[i] || (!image_section(files[i], ".debug_info", &header, &section) &&
				  !image_section(files[i], ".zdebug_info", &header, &section)))
			continue;
		if (header.sh_type == SHT_NOBITS)
			continue;
		dwarf = dwarf_begin_elf(files[i], DWARF_C_READ, NULL);
		if (dwarf)
			return dwarf;
	}
	return NULL;
}

static int load(struct mv_image *image, struct image_lines **ret_lines)
{
	struct image_lines *lines = calloc(1, sizeof(*lines));
	int err = -ENOENT;

	if (!lines)
		return -ENOMEM;
	lines->dwarf = open_dwarf(image);
	if (lines->dwarf)
		err = read_units(lines);
	if (err) {
		image_lines_free(lines);
		return err;
	}
	*ret_lines = lines;
	return 0;
}

/* The range that holds vaddr; NULL none. Should ranges overlap, the one that begins last. */
static const struct unit_range *find(const struct image_lines *lines, uint64_t vaddr)
{
	size_t lo = 0, hi = lines->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (lines->ranges[mid].start <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && vaddr < lines->ranges[lo - 1].end ? &lines->ranges[lo - 1] : NULL;
}

int mv_image_line(struct mv_image *image, uint64_t vaddr, const char **ret_file, uint32_t *ret_line)
{
	const struct unit_range *range;
	const char *file = NULL;
	Dwarf_Line *line = NULL;
	Dwarf_Die unit;
	int number = 0;

	if (!image->lines && !image->lines_error)
		image->lines_error = load(image, &image->lines);
	if (!image->lines)
		return image->lines_error;
	range = find(image->lines, vaddr);
	if (!range || !dwarf_offdie(image->lines->dwarf, range->die, &unit))
		return -ENOENT;
	line = dwarf_getsrc_die(&unit, vaddr);
	if (line)
		file = dwarf_linesrc(line, NULL, NULL);
	/* Line 0 is code that no line stands for. */
	if (!file || dwarf_lineno(line, &number) != 0 || number <= 0)
		return -ENOENT;
	*ret_file = file;
	*ret_line = (uint32_t)number;
	return 0;
}
