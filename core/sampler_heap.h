/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SAMPLER_HEAP_H
#define MV_SAMPLER_HEAP_H

/*
 * The sampler's picture of the heap and of its lost blocks: what the next snapshot says of them (blocks.h). Filled live by
 * sampler_heap.c, from a fixture by sampler_heap_fixture.c.
 */

#include "core/blocks.h"
#include "core/source.h"

/*
 * Arrays are owned by malloc, and in the order that the snapshot's sections have. Text is NUL-terminated pieces behind each
 * other; offset 0 is "" as soon as there is any. The picture's cells are not here: mv_heap_cells makes them of `heap` for each
 * snapshot, as its want asks.
 */
struct heap_picture {
	struct mv_heap_head head; /* but window and cell_bytes: the want's */
	struct mv_leaks_head leaks;
	struct mv_heap_arena *arenas;
	uint32_t arenas_count;
	struct mv_heap_size *sizes;
	uint32_t sizes_count;
	struct mv_heap_stretch *stretches;
	uint32_t stretches_count;
	struct mv_heap_owner *owners;
	uint32_t owners_count;
	struct mv_leak_group *groups;
	uint32_t groups_count;
	struct mv_leaks_link *links;
	uint32_t links_count;
	char *text;
	uint32_t text_len;
	const struct mv_heap *heap; /* blocks, for the cells; NULL when there are no figures */
	bool heap_owned;	    /* by this picture (fixtures), else by a run of leaks.h */
};

/*
 * A fixture's PID/heap (source.h has its form), read anew: the picture as it stands in this step. leaks_seq, leaks_flags: the
 * want's; when the picture's leaks are of another seq (and this is not 0), the file's scan is its answer, at once: or what
 * an exact one would cost, with MV_LEAKS_WANT_COST. Else what was answered stays. The picture is zeroed or of an earlier call.
 * Returns 0, also when the file or parts are missing: the head says why. -ENOMEM: the picture is emptied.
 */
int mv_heap_fixture_read(struct mv_target *target, uint64_t now_ns, uint32_t leaks_seq, uint32_t leaks_flags,
			 struct heap_picture *picture);
void mv_heap_fixture_release(struct heap_picture *picture); /* frees all and zeroes it */

/* ---- sampler_sized.c: where the blocks in use of a size are ---- */

/* Seen from `near`; size: any of its class. Cost: a pass over all blocks, 2 ns each. */
void mv_heap_sized_find(const struct mv_heap *heap, uint64_t size, uint64_t near, struct mv_heap_sized *ret_sized);
/* How many bytes of each cell of a range, as of mv_heap_cells, are theirs. Cost: the blocks and cells in the range. */
void mv_heap_sized_mark(const struct mv_heap *heap, uint64_t size, struct mv_range range, uint64_t cell_bytes, uint64_t *ret_marks,
		     size_t count);

#endif
