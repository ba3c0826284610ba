/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/sampler_heap.h"

/* Where the blocks in use of a size are, in the blocks of the newest reading. */

static bool is_sized(const struct mv_block *b, uint32_t class_index)
{
	const enum mv_block_state state = mv_block_state(b);

	return (state == MV_BLOCK_IN_USE || state == MV_BLOCK_MMAPPED) &&
	       mv_heap_class_of(mv_block_size(b)) == class_index;
}

void mv_heap_sized_find(const struct mv_heap *heap, uint64_t size, uint64_t near,
			struct mv_heap_sized *ret_sized)
{
	struct mv_heap_sized f = {.size = size, .near = near};
	const uint32_t class_index = mv_heap_class_of(size);

	for (size_t i = 0; i < heap->block_count; i++) {
		const struct mv_block *b = &heap->blocks[i];

		if (!is_sized(b, class_index))
			continue;
		f.blocks++;
		f.first = f.first ? f.first : b->start;
		f.last = b->start;
		if (b->start < near) {
			f.passed++;
			f.before = b->start;
			continue;
		}
		if (!f.at) {
			f.at = b->start;
			f.at_bytes = mv_block_size(b);
		}
		if (!f.after && b->start > near)
			f.after = b->start;
	}
	*ret_sized = f;
}

void mv_heap_sized_mark(const struct mv_heap *heap, uint64_t size, struct mv_range range, uint64_t cell_bytes,
			uint64_t *ret_marks, size_t count)
{
	const uint32_t class_index = mv_heap_class_of(size);

	memset(ret_marks, 0, count * sizeof(*ret_marks));
	if (!cell_bytes || range.start >= range.end)
		return;
	for (size_t i = mv_heap_from(heap, range.start); i < heap->block_count; i++) {
		const struct mv_block *b = &heap->blocks[i];
		const uint64_t end = b->start + mv_block_size(b);
		const uint64_t from = b->start > range.start ? b->start : range.start;

		if (b->start >= range.end)
			break;
		if (!is_sized(b, class_index))
			continue;
		for (uint64_t at = from; at < end;) {
			const uint64_t cell = (at - range.start) / cell_bytes;
			const uint64_t left = cell_bytes - (at - range.start) % cell_bytes;
			const uint64_t bytes = end - at < left ? end - at : left;

			if (cell >= count)
				return;
			ret_marks[cell] += bytes;
			at += bytes;
		}
	}
}
