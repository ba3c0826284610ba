/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SYMBOLS_PRIVATE_H
#define MV_SYMBOLS_PRIVATE_H

/* What the files of symbols.h share: an image's parts, one of each file. */

#include "core/maps.h"
#include "core/symbols.h"

#include <elfutils/libdw.h>
#include <gelf.h>

/* A PT_LOAD. */
struct image_segment {
	uint64_t vaddr, offset, filesz, memsz; /* filesz ends within the file */
	uint32_t perms;			       /* enum mv_perm */
};

/* A file mapped whole, and libelf's view of it. */
struct image_file {
	const uint8_t *bytes;
	size_t size;
	Elf *elf;
};

struct image_symbols; /* in symbols_table.c */
struct image_lines;   /* in symbols_lines.c */

struct mv_image {
	struct image_file own, debug; /* debug.elf NULL: there is none */
	struct image_segment *segments; /* ascending by vaddr */
	size_t segment_count;
	struct mv_build_id id;
	uint64_t eh_frame_hdr; /* vaddr of PT_GNU_EH_FRAME; 0 none */
	struct image_symbols *symbols; /* each NULL until it is asked for */
	struct image_lines *lines;
	int symbols_error, lines_error, table_error; /* why there are none, so that they aren't tried again */
	bool table_known;
	struct mv_unwind_table table;
	void *synthetic;
};

/* A section by name; false none. */
bool image_section(Elf *elf, const char *name, GElf_Shdr *ret_header, Elf_Scn **ret_section);

void image_symbols_free(struct image_symbols *symbols);
void image_lines_free(struct image_lines *lines);

#endif
