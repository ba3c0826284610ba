/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "core/heap_private.h"

/*
 * From chunk to chunk in a copy. What a chunk is says the next one's header: PREV_INUSE clear means free, and
 * then the word before it repeats the free chunk's size.
 */

#define ARENAS_MAX 65536u
#define HEAPS_MAX  (UINT64_C(1) << 20)
#define MEND_BYTES (UINT64_C(16) << 20) /* and twice the copy: that may be copied anew where it is torn */

/* A stretch to walk. */
struct task {
	uint64_t start, end;  /* end: where it ends, or (main arena) where its memory may end at most */
	uint64_t first;	      /* chunk */
	uint64_t lead;	      /* MMAPPED */
	uint32_t arena, kind; /* enum mv_heap_region_kind */
	bool newest;	      /* of a thread arena: it ends with the top */
	bool exact;	      /* end is where the top ends */
};
struct tasks {
	struct task *at;
	size_t count, room;
};

/* A chain under way. */
struct chain {
	const uint8_t *bytes; /* of base */
	uint64_t base, end;
	uint64_t top; /* where the state says that it is */
	bool main, exact;
	uint64_t at, before; /* where it stands, stood last */
	size_t first;	     /* its first block */
};
enum chain_end { CHAIN_TOP, CHAIN_FENCE, CHAIN_BROKEN, CHAIN_FULL };

static inline uint64_t word(const struct chain *c, uint64_t address)
{
	return heap_load(c->bytes + (address - c->base));
}

static inline bool push(struct mv_heap *heap, uint64_t start, uint64_t size, enum mv_block_state state)
{
	if (heap->block_count == heap->block_room && !heap_blocks_grow(heap))
		return false;
	heap->blocks[heap->block_count++] = (struct mv_block){start, size | (uint64_t)state};
	return true;
}

/*
 * The end of a segment that is not the last. Main arena: two or three headers of 16 bytes. Thread arena: one
 * of 16 and one of 0, which end the heap.
 */
static enum chain_end take_fence(struct mv_heap *heap, struct chain *c)
{
	unsigned n = 0;

	for (; n < 4 && c->at + CHUNK_HEADER <= c->end; n++) {
		const uint64_t size = word(c, c->at + 8) & ~SIZE_BITS;

		if (size != CHUNK_HEADER && (c->main || size))
			break;
		if (!push(heap, c->at, CHUNK_HEADER, MV_BLOCK_OWN))
			return CHAIN_FULL;
		c->at += CHUNK_HEADER;
		if (!size)
			return c->at == c->end ? CHAIN_FENCE : CHAIN_BROKEN;
	}
	return c->main && n >= 2 ? CHAIN_FENCE : CHAIN_BROKEN;
}

/* Too small to be freed when the next heap began: malloc keeps it. */
static void own_last(struct mv_heap *heap, const struct chain *c)
{
	if (heap->block_count > c->first + 1 && c->at - c->before == CHUNK_MIN &&
	    mv_block_state(&heap->blocks[heap->block_count - 1]) == MV_BLOCK_IN_USE)
		heap->blocks[heap->block_count - 1].size_state |= MV_BLOCK_OWN;
}

static enum chain_end take_top(struct mv_heap *heap, struct chain *c, uint64_t size)
{
	const uint64_t end = c->at + size;

	if (size < CHUNK_HEADER || size & 15 || size > c->end - c->at || (c->exact && end != c->end))
		return CHAIN_BROKEN;
	if (!push(heap, c->at, size, MV_BLOCK_TOP))
		return CHAIN_FULL;
	c->before = c->at;
	c->at = end;
	return CHAIN_TOP;
}

/* From c->at to a top, a fence, or what makes no sense, where c->at then stands. */
static enum chain_end walk_chain(struct mv_heap *heap, struct chain *c)
{
	const uint64_t forbidden = SIZE_MMAPPED | 8 | (c->main ? SIZE_NON_MAIN : 0);
	uint64_t head, next, size;

	if (c->at > c->end || c->end - c->at < CHUNK_HEADER)
		return CHAIN_BROKEN;
	for (head = word(c, c->at + 8);; head = next) {
		size = head & ~SIZE_BITS;
		if (c->at == c->top || (c->exact && size == c->end - c->at))
			return take_top(heap, c, size);
		if (size <= CHUNK_HEADER) {
			if (!c->main && !size && c->end - c->at == CHUNK_HEADER)
				own_last(heap, c);
			return take_fence(heap, c);
		}
		if (head & forbidden || size > c->end - c->at - CHUNK_HEADER)
			return CHAIN_BROKEN;
		next = word(c, c->at + size + 8);
		if (!(next & SIZE_PREV_USED) && word(c, c->at + size) != size) {
			/* Whose fault is it? */
			if (next & forbidden || (next & ~SIZE_BITS) < CHUNK_HEADER ||
			    (next & ~SIZE_BITS) > c->end - c->at - size) {
				c->before = c->at;
				c->at += size;
			}
			return CHAIN_BROKEN;
		}
		if (!push(heap, c->at, size, next & SIZE_PREV_USED ? MV_BLOCK_IN_USE : MV_BLOCK_FREE))
			return CHAIN_FULL;
		c->before = c->at;
		c->at += size;
	}
}

/* ---- what there is to walk ---- */

static void fail(struct heap_walk *w, enum mv_heap_reason reason, uint64_t at, uint64_t after)
{
	if (w->reason != MV_HEAP_HAVE)
		return;
	w->reason = reason;
	w->heap->broke_at = at;
	w->heap->broke_after = after;
}

/* Was it left out of the copy since it is in swap? Else it makes no sense. */
static void fail_broken(struct heap_walk *w, uint64_t at, uint64_t after)
{
	const struct mv_memcopy_range *range = mv_memcopy_find(w->copy, at);
	const bool absent = range && !mv_memcopy_has(w->copy, at) && range->swapped_bytes;

	fail(w, absent ? MV_HEAP_SWAPPED : MV_HEAP_CORRUPT, at, after);
}

static bool add_task(struct heap_walk *w, struct tasks *tasks, struct task task)
{
	if (tasks->count == tasks->room) {
		const size_t room = tasks->room ? tasks->room * 2 : 64;
		struct task *at = reallocarray(tasks->at, room, sizeof(*at));

		if (!at) {
			fail(w, MV_HEAP_TOO_BIG, 0, 0);
			return false;
		}
		tasks->at = at;
		tasks->room = room;
	}
	tasks->at[tasks->count++] = task;
	return true;
}

static bool add_state(struct heap_walk *w, const struct heap_state *state)
{
	struct mv_heap *heap = w->heap;
	const size_t n = heap->arena_count;

	if (n == heap->arena_room) {
		const size_t room = n ? n * 2 : 16;
		struct mv_heap_arena *arenas = reallocarray(heap->arenas, room, sizeof(*arenas));

		if (arenas)
			heap->arenas = arenas;
		if (!arenas)
			return false;
		heap->arena_room = room;
	}
	if ((n & (n - 1)) == 0) {
		struct heap_state *states = reallocarray(w->states, n ? n * 2 : 1, sizeof(*states));

		if (!states)
			return false;
		w->states = states;
	}
	w->states[n] = *state;
	heap->arenas[n] = (struct mv_heap_arena){.address = state->address,
						 .top = state->top,
						 .system_bytes = state->system_bytes,
						 .is_main = n == 0,
						 .contiguous = n > 0 || !state->noncontiguous};
	heap->arena_count++;
	return true;
}

static void read_states(struct heap_walk *w)
{
	const uint32_t layout = w->where->layout, offset = heap_top_offset[layout];
	uint64_t field = w->where->state;

	for (unsigned i = 0; i < ARENAS_MAX; i++) {
		const uint8_t *bytes = mv_memcopy_at(w->copy, field - offset, heap_state_bytes(layout));
		struct heap_state state;

		/* An arena that is newer than the list of what was copied. */
		if (!bytes || !mv_memcopy_has(w->copy, field)) {
			fail(w, MV_HEAP_CHANGING, 0, 0);
			return;
		}
		heap_state_parse(layout, field, bytes, &state);
		if (!add_state(w, &state)) {
			fail(w, MV_HEAP_TOO_BIG, 0, 0);
			return;
		}
		if (state.next == w->where->state - offset)
			return;
		field = state.next + offset;
	}
	fail(w, MV_HEAP_CORRUPT, field, 0);
}

/* The heaps of a thread arena, from the newest to the first, which holds the arena itself. */
static bool add_heaps(struct heap_walk *w, struct tasks *tasks, uint32_t arena)
{
	const struct heap_state *state = &w->states[arena];
	const uint64_t max = heap_max_bytes(&w->params),
		       own = (state->field + STATE_BYTES + 15) & ~UINT64_C(15);
	uint64_t at = state->top & ~(max - 1), sum = 0;
	const uint64_t info_bytes = state->address - (state->address & ~(max - 1));

	w->heap_info_235 |= info_bytes == 48;
	for (uint64_t i = 0; i < HEAPS_MAX; i++) {
		const uint8_t *info = mv_memcopy_at(w->copy, at, 48);
		struct task task = {.start = at, .arena = arena, .kind = MV_REGION_ARENA, .newest = i == 0};
		uint64_t size;

		if (!info || !mv_memcopy_has(w->copy, at)) {
			fail(w, MV_HEAP_CHANGING, at, 0);
			return false;
		}
		size = heap_load(info + HEAP_INFO_SIZE);
		task.first = at == (state->address & ~(max - 1)) ? own : at + info_bytes;
		task.end = at + size;
		task.exact = task.newest;
		if (heap_load(info + HEAP_INFO_ARENA) != state->address || size > max || size & 4095 ||
		    task.first >= task.end || (info_bytes != 32 && info_bytes != 48)) {
			fail_broken(w, at, 0);
			return false;
		}
		if (!add_task(w, tasks, task))
			return false;
		sum += size;
		if (at == (state->address & ~(max - 1)))
			break;
		at = heap_load(info + HEAP_INFO_PREV);
	}
	if (sum != state->system_bytes)
		fail(w, MV_HEAP_CHANGING, 0, 0);
	return sum == state->system_bytes;
}

static bool start_chain(const struct heap_walk *w, uint64_t start, uint64_t end, uint32_t arena,
			struct chain *c)
{
	const struct mv_memcopy_range *range = mv_memcopy_find(w->copy, start);

	if (!range || end > range->end || start >= end)
		return false;
	*c = (struct chain){.bytes = range->bytes,
			    .base = range->start,
			    .end = end,
			    .top = w->states[arena].top,
			    .main = arena == 0,
			    .at = start};
	return true;
}

/* Does a chain of the main arena begin here, and hold? Adds its blocks if so. */
static bool try_chain(struct heap_walk *w, uint64_t start, struct chain *c)
{
	const size_t blocks = w->heap->block_count;
	enum chain_end end;
	const uint64_t head = word(c, start + 8);

	if ((head & SIZE_BITS) != SIZE_PREV_USED || head & 8 || head < CHUNK_MIN)
		return false;
	c->at = c->before = start;
	c->first = blocks;
	end = walk_chain(w->heap, c);
	if (end == CHAIN_TOP || end == CHAIN_FENCE)
		return true;
	w->budget -= w->heap->block_count - blocks < w->budget ? w->heap->block_count - blocks : w->budget;
	w->heap->block_count = blocks;
	return false;
}

/* Where a main arena that is not contiguous may go on: at page borders of a spot. */
static bool add_segments(struct heap_walk *w, struct tasks *tasks, const struct mv_heap_spot *spot)
{
	const uint64_t page = w->where->page_bytes;
	struct chain c;

	if (!start_chain(w, spot->start, spot->end, 0, &c))
		return true;
	for (uint64_t at = spot->start; at + page <= spot->end && w->budget;) {
		struct task task = {.start = at, .first = at, .arena = 0, .kind = MV_REGION_MAIN};

		w->budget--;
		if (!mv_memcopy_has(w->copy, at) || !try_chain(w, at, &c)) {
			at += page;
			continue;
		}
		w->heap->block_count = 0; /* they come in their order, later */
		task.end = c.at;
		if (!add_task(w, tasks, task))
			return false;
		at = (c.at + page - 1) / page * page;
	}
	return true;
}

static bool add_main(struct heap_walk *w, struct tasks *tasks, const struct mv_heap_spot *spot)
{
	const struct heap_state *state = &w->states[0];
	struct task task = {.start = (w->params.sbrk_base + 15) & ~UINT64_C(15), .kind = MV_REGION_MAIN};

	task.first = task.start;
	task.exact = !state->noncontiguous;
	task.end = task.exact ? w->params.sbrk_base + state->system_bytes : spot->end;
	if (task.first < spot->start || task.end > spot->end || task.end <= task.first) {
		fail(w, MV_HEAP_CHANGING, 0, 0);
		return false;
	}
	return add_task(w, tasks, task);
}

static int by_start(const void *a, const void *b)
{
	const struct task *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Mapped chunks that no segment turned out to cover. */
static bool add_mapped(struct heap_walk *w, struct tasks *tasks)
{
	const size_t walked = tasks->count;

	for (size_t i = 0, k = 0; i < w->where->spot_count; i++) {
		const struct mv_heap_spot *spot = &w->where->spots[i];

		if (spot->kind != SPOT_MMAPPED)
			continue;
		while (k < walked && tasks->at[k].end <= spot->start)
			k++;
		if (k < walked && tasks->at[k].start < spot->end)
			continue;
		if (!add_task(w, tasks,
			      (struct task){.start = spot->start,
					    .first = spot->start + spot->lead,
					    .end = spot->end,
					    .lead = spot->lead,
					    .kind = MV_REGION_MMAPPED}))
			return false;
	}
	qsort(tasks->at, tasks->count, sizeof(*tasks->at), by_start);
	return true;
}

static void add_tasks(struct heap_walk *w, struct tasks *tasks)
{
	const struct mv_heap_where *where = w->where;
	bool ok = true;

	for (uint32_t i = 1; ok && i < w->heap->arena_count; i++)
		ok = add_heaps(w, tasks, i);
	for (size_t i = 0; ok && i < where->spot_count && w->states[0].system_bytes; i++) {
		if (where->spots[i].kind == SPOT_MAIN)
			ok = add_main(w, tasks, &where->spots[i]);
		else if (where->spots[i].kind == SPOT_OTHER && w->states[0].noncontiguous)
			ok = add_segments(w, tasks, &where->spots[i]);
	}
	if (!ok || !tasks->count)
		return;
	qsort(tasks->at, tasks->count, sizeof(*tasks->at), by_start);
	for (size_t i = 1; i < tasks->count; i++)
		if (tasks->at[i].start < tasks->at[i - 1].end && tasks->at[i - 1].exact) {
			fail(w, MV_HEAP_CHANGING, tasks->at[i].start, 0);
			return;
		}
}

/* ---- walking it ---- */

static bool add_region(struct heap_walk *w, const struct task *task, uint64_t start, uint64_t end,
		       size_t first)
{
	struct mv_heap *heap = w->heap;

	if (heap->region_count == heap->region_room) {
		const size_t room = heap->region_room ? heap->region_room * 2 : 64;
		struct mv_heap_region *regions = reallocarray(heap->regions, room, sizeof(*regions));

		if (!regions)
			return false;
		heap->regions = regions;
		heap->region_room = room;
	}
	heap->regions[heap->region_count++] = (struct mv_heap_region){.start = start,
								      .end = end,
								      .arena = task->arena,
								      .kind = task->kind,
								      .first = first,
								      .count = heap->block_count - first};
	return true;
}

static void walk_mapped(struct heap_walk *w, const struct task *task)
{
	const size_t first = w->heap->block_count;

	if ((task->lead && !push(w->heap, task->start, task->lead, MV_BLOCK_OWN)) ||
	    !push(w->heap, task->first, task->end - task->first, MV_BLOCK_MMAPPED) ||
	    !add_region(w, task, task->start, task->end, first))
		fail(w, MV_HEAP_TOO_BIG, 0, 0);
}

/* Somebody else took memory by sbrk, so the arena goes on beyond that: where a chain begins that holds to its
 * end. */
static bool find_next(struct heap_walk *w, struct chain *c)
{
	const uint64_t page = w->where->page_bytes;

	for (uint64_t at = c->at; at + CHUNK_MIN <= c->end && w->budget; at += CHUNK_HEADER, w->budget--) {
		if (!mv_memcopy_has(w->copy, at)) {
			at = at / page * page + page - CHUNK_HEADER;
			continue;
		}
		if (try_chain(w, at, c))
			return true;
	}
	return false;
}

/* Segments of the main arena that follow in [heap]. Without any more it is for the sum to say whether one is
 * missing. */
static void walk_on(struct heap_walk *w, const struct task *task, struct chain *c)
{
	struct mv_heap *heap = w->heap;

	for (;;) {
		const uint64_t before = c->at;
		const size_t first = heap->block_count;

		if (c->at >= c->end || !find_next(w, c)) {
			c->at = before;
			return;
		}
		heap->arenas[0].foreign_bytes += heap->blocks[first].start - before;
		if (!add_region(w, task, heap->blocks[first].start, c->at, first)) {
			fail(w, MV_HEAP_TOO_BIG, 0, 0);
			return;
		}
		if (mv_block_state(&heap->blocks[heap->block_count - 1]) == MV_BLOCK_TOP)
			return;
	}
}

/* Mend the copy where it is torn, and go on before that. False: it can't be. */
static bool go_on(struct heap_walk *w, const struct task *task, struct chain *c)
{
	const struct heap_torn torn = {.at = c->at,
				       .before = c->before,
				       .start = task->start,
				       .arena = task->arena,
				       .newest = task->newest,
				       .first = c->first};
	struct mv_heap *heap = w->heap;
	size_t from;
	uint64_t end;

	if (!w->mend || !(task->exact || task->kind == MV_REGION_ARENA) || !heap_mend(w, &torn, &from, &end))
		return false;
	c->end = end;
	c->top = w->states[task->arena].top;
	c->at = from < heap->block_count ? heap->blocks[from].start : task->first;
	c->before = from > c->first ? heap->blocks[from - 1].start : 0;
	heap->block_count = from;
	return true;
}

static void walk_task(struct heap_walk *w, const struct task *task)
{
	const size_t first = w->heap->block_count;
	enum chain_end end;
	struct chain c;

	if (task->kind == MV_REGION_MMAPPED) {
		walk_mapped(w, task);
		return;
	}
	if (!start_chain(w, task->first, task->end, task->arena, &c)) {
		fail(w, MV_HEAP_CHANGING, 0, 0);
		return;
	}
	c.exact = task->exact;
	c.before = 0;
	if (task->first > task->start &&
	    !push(w->heap, task->start, task->first - task->start, MV_BLOCK_OWN)) {
		fail(w, MV_HEAP_TOO_BIG, 0, 0);
		return;
	}
	c.first = w->heap->block_count;
	do
		end = walk_chain(w->heap, &c);
	while (end == CHAIN_BROKEN && go_on(w, task, &c));
	if (end == CHAIN_BROKEN)
		fail_broken(w, c.at, c.before);
	else if (end == CHAIN_FULL || !add_region(w, task, task->start, c.at, first))
		fail(w, MV_HEAP_TOO_BIG, 0, 0);
	else if (task->kind == MV_REGION_ARENA && c.at != c.end)
		fail_broken(w, c.at, c.before);
	else if (task->kind == MV_REGION_MAIN && end == CHAIN_FENCE && c.at < c.end)
		walk_on(w, task, &c);
}

/* Do each arena's blocks add up to what it took from the system? */
static void reconcile(struct heap_walk *w)
{
	struct mv_heap *heap = w->heap;
	const uint64_t lost = -w->params.sbrk_base & 15;

	for (size_t i = 0; i < heap->region_count; i++) {
		const struct mv_heap_region *region = &heap->regions[i];

		if (region->kind == MV_REGION_MMAPPED)
			continue;
		heap->arenas[region->arena].segments++;
		heap->arenas[region->arena].sum[MV_BLOCK_OWN].bytes += region->end - region->start;
	}
	for (size_t i = 0; i < heap->arena_count; i++) {
		struct mv_heap_arena *a = &heap->arenas[i];
		const uint64_t bytes = a->sum[MV_BLOCK_OWN].bytes;

		a->sum[MV_BLOCK_OWN].bytes = 0;
		a->reconciled = bytes == a->system_bytes;
		/* What others took by sbrk counts as long as the arena was contiguous; the first chunk is
		 * aligned. */
		if (i == 0 &&
		    (bytes + a->foreign_bytes == a->system_bytes ||
		     bytes + a->foreign_bytes + lost == a->system_bytes || bytes + lost == a->system_bytes))
			a->reconciled = true;
		if (!a->reconciled)
			fail(w, MV_HEAP_CHANGING, 0, 0);
	}
}

static bool read_params(struct heap_walk *w)
{
	const uint8_t *bytes =
	    mv_memcopy_at(w->copy, w->where->params - PARAMS_BEFORE, PARAMS_BEFORE + PARAMS_AFTER);

	if (!bytes || !mv_memcopy_has(w->copy, w->where->params))
		return false;
	heap_params_parse(w->where->params_layout, bytes, &w->params);
	return true;
}

static void walk_all(struct heap_walk *w)
{
	struct tasks tasks = {0};

	if (!read_params(w)) {
		fail(w, MV_HEAP_CHANGING, 0, 0);
		return;
	}
	read_states(w);
	if (w->reason == MV_HEAP_HAVE)
		add_tasks(w, &tasks);
	if (w->reason == MV_HEAP_HAVE && add_mapped(w, &tasks))
		for (size_t i = 0; w->reason == MV_HEAP_HAVE && i < tasks.count; i++)
			walk_task(w, &tasks.at[i]);
	free(tasks.at);
	if (w->reason == MV_HEAP_HAVE)
		reconcile(w);
	if (w->reason == MV_HEAP_HAVE && w->heap->block_count > UINT32_MAX)
		fail(w, MV_HEAP_TOO_BIG, 0, 0);
}

static int walk(const struct mv_heap_where *where, const struct mv_memcopy *copy, struct heap_mend *mend,
		size_t limit_bytes, struct mv_heap *heap)
{
	struct heap_walk w = {.where = where,
			      .copy = copy,
			      .heap = heap,
			      .mend = mend,
			      .budget = UINT64_C(1) << 26,
			      .reason = MV_HEAP_HAVE};
	int r = 0;

	heap->block_limit = limit_bytes;
	heap->block_count = heap->region_count = heap->arena_count = 0;
	heap->broke_at = heap->broke_after = 0;
	heap->allocator = MV_ALLOCATOR_GLIBC;
	walk_all(&w);
	if (w.reason == MV_HEAP_HAVE)
		r = heap_index_make(heap);
	if (r == 0 && w.reason == MV_HEAP_HAVE) {
		heap_caches_mark(&w);
		heap_sums_make(&w);
	}
	free(w.states);
	heap->reason = (uint32_t)(r < 0 ? MV_HEAP_TOO_BIG : w.reason);
	return 0;
}

int mv_heap_walk(const struct mv_heap_where *where, const struct mv_memcopy *copy, size_t limit_bytes,
		 struct mv_heap *heap)
{
	return walk(where, copy, NULL, limit_bytes, heap);
}

int mv_heap_walk_live(const struct mv_heap_where *where, struct mv_memcopy *copy, struct mv_target *target,
		      size_t limit_bytes, struct mv_heap *heap)
{
	struct heap_mend mend = {.copy = copy, .target = target, .left_bytes = MEND_BYTES};

	for (size_t i = 0; i < copy->count; i++)
		mend.left_bytes += copy->at[i].present_bytes * 2;
	return walk(where, copy, &mend, limit_bytes, heap);
}
