/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_ARENA_H
#define MV_ARENA_H

/*
 * One flat block that things are laid out in one after another, each 8-byte aligned, addressed by offset:
 * position independent, so it can lie in shared memory. With base NULL it only measures, so that the code
 * which lays a block out also tells how big it gets.
 */

#include "core/types.h"

struct mv_arena {
	char *base;
	size_t used;
};

/* Reserve count elements of size bytes; returns their offset. Nothing is cleared. */
static inline uint64_t mv_arena_take(struct mv_arena *a, uint64_t count, size_t size)
{
	uint64_t at = (a->used + 7) & ~(size_t)7;

	a->used = (size_t)(at + count * size);
	return at;
}
/* The place of an offset; NULL while measuring. */
static inline void *mv_arena_at(const struct mv_arena *a, uint64_t offset)
{
	return a->base ? a->base + offset : NULL;
}

#endif
