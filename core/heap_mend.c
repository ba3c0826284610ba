/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/heap_private.h"

/*
 * A copy of a heap that goes on changing is torn: a block was joined with the next, or cut in two, between
 * the copies of its ends; or its arena has grown. A few pages are copied in a few microseconds, so those
 * around the break nearly always hold together, and the walk goes on in them. Where they meet older ones it
 * may break again, and is mended again: at worst the heap is copied once more, piece by piece, each walked as
 * soon as it has come.
 */

#define AHEAD_BYTES ((uint64_t)64 * 1024)
#define BACK_SHIFT  8u /* pages to go back by, at most, each time in vain twice as far */
#define VAIN_MAX    16u

/* False: there is nothing to be copied any more, or too much was. */
static bool renew(struct heap_mend *m, uint64_t start, uint64_t end)
{
	if (end - start > m->left_bytes)
		return false;
	m->left_bytes -= end - start;
	return mv_memcopy_renew(m->copy, m->target, start, end) == 0;
}

static bool renew_state(struct heap_walk *w, uint32_t arena)
{
	const uint32_t layout = w->where->layout;
	struct heap_state *state = &w->states[arena];
	const uint64_t at = state->address, next = state->next;
	const uint8_t *bytes;

	if (!renew(w->mend, at, at + heap_state_bytes(layout)))
		return false;
	bytes = mv_memcopy_at(w->copy, at, heap_state_bytes(layout));
	if (!bytes || !mv_memcopy_has(w->copy, state->field))
		return false;
	heap_state_parse(layout, state->field, bytes, state);
	/* An arena that has come since is not walked, so nothing may lead to it. */
	state->next = next;
	w->heap->arenas[arena].top = state->top;
	w->heap->arenas[arena].system_bytes = state->system_bytes;
	return true;
}

/* Where it ends by now; 0: elsewhere, beyond what is copied, or it is another kind of heap now. */
static uint64_t end_of(struct heap_walk *w, const struct heap_torn *torn)
{
	const struct mv_memcopy_range *range = mv_memcopy_find(w->copy, torn->start);
	const struct heap_state *state = &w->states[torn->arena];
	const uint64_t max = heap_max_bytes(&w->params);
	const uint8_t *info;
	uint64_t end;

	if (!torn->arena) {
		end = w->params.sbrk_base + state->system_bytes;
		return state->noncontiguous || !range || end > range->end ? 0 : end;
	}
	if (!renew(w->mend, torn->start, torn->start + 48))
		return 0;
	info = mv_memcopy_at(w->copy, torn->start, 48);
	if (!info || heap_load(info + HEAP_INFO_ARENA) != state->address ||
	    (torn->newest && (state->top & ~(max - 1)) != torn->start))
		return 0;
	end = torn->start + heap_load(info + HEAP_INFO_SIZE);
	return end > range->end || end <= torn->start || end & 4095 ? 0 : end;
}

/* The last block whose header was not copied anew leads into what was. */
static size_t block_before(const struct mv_heap *heap, size_t first, uint64_t address)
{
	size_t low = first, high = heap->block_count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (heap->blocks[mid].start < address)
			low = mid + 1;
		else
			high = mid;
	}
	return low > first ? low - 1 : first;
}

bool heap_mend(struct heap_walk *w, const struct heap_torn *torn, size_t *ret_from, uint64_t *ret_end)
{
	const uint64_t page = w->where->page_bytes;
	struct heap_mend *m = w->mend;
	const uint64_t before = torn->before ? torn->before : torn->at;
	uint64_t from, back;

	if (torn->at > m->farthest) {
		m->farthest = torn->at;
		m->in_vain = 0;
	} else if (++m->in_vain > VAIN_MAX) {
		return false;
	}
	back = m->in_vain ? page << (m->in_vain < BACK_SHIFT ? m->in_vain : BACK_SHIFT) : 0;
	from = before / page * page;
	from = from - torn->start > back ? from - back : torn->start;
	if (torn->at - before > AHEAD_BYTES) {
		if (!renew(m, from, before + page) || !renew(m, torn->at, torn->at + AHEAD_BYTES))
			return false;
	} else if (!renew(m, from, torn->at + AHEAD_BYTES)) {
		return false;
	}
	if (!renew_state(w, torn->arena))
		return false;
	*ret_end = end_of(w, torn);
	*ret_from = block_before(w->heap, torn->first, from);
	return *ret_end > torn->at;
}
