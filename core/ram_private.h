/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_RAM_PRIVATE_H
#define MV_RAM_PRIVATE_H

/* Shared by ram.c (meminfo, vmstat and what is one line) and ram_zones.c (zones, nodes, huge pages) only. */

#include "core/ram.h"
#include "core/text.h"

/* What a failed read of a machine file means. */
enum mv_why ram_why(ssize_t error);
/* The first decimal of a machine file. */
struct mv_val ram_number(struct mv_source *source, const char *name);
/* The next word, without the blanks before it; its length, 0 at the line's end. */
size_t ram_word(struct mv_scan *line, const char **ret_word);
static inline bool ram_is(const char *word, size_t len, const char *want, size_t want_len)
{
	return len == want_len && __builtin_memcmp(word, want, len) == 0;
}

void ram_read_nodes(struct mv_source *source, struct mv_ram *ram);
void ram_read_huge(struct mv_source *source, struct mv_ram *ram);

#endif
