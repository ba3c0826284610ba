/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/heap_private.h"

/* What the blocks add up to. */

#define EXACT_CLASSES 4096u
#define FREE_HEADER   48u /* of a free chunk: what malloc_trim leaves alone */
#define TOP_LEFT      33u /* of top: what malloc_trim(0) keeps at least */

uint32_t mv_heap_class_of(uint64_t bytes)
{
	unsigned log;

	if (bytes < MV_HEAP_EXACT)
		return (uint32_t)(bytes / 16);
	log = 63u - (unsigned)__builtin_clzll(bytes);
	if (log >= 16 + 32)
		return MV_HEAP_CLASSES - 1;
	return EXACT_CLASSES + 8 * (log - 16) + (uint32_t)(bytes >> (log - 3) & 7);
}

void mv_heap_class_sizes(uint32_t class_index, uint64_t *ret_first, uint64_t *ret_last)
{
	const uint32_t i = class_index - EXACT_CLASSES, log = 16 + i / 8;

	if (class_index < EXACT_CLASSES) {
		*ret_first = *ret_last = class_index * UINT64_C(16);
		return;
	}
	*ret_first = (UINT64_C(8) + i % 8) << (log - 3);
	*ret_last =
	    class_index == MV_HEAP_CLASSES - 1 ? ~UINT64_C(15) : *ret_first + (UINT64_C(1) << (log - 3)) - 16;
}

/* ---- pages ---- */

/* Present bytes of the pages in [start, end), which are page borders. */
static uint64_t present_bytes(const struct heap_walk *w, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;

	for (uint64_t at = start; at < end; at += w->where->page_bytes)
		bytes += mv_memcopy_has(w->copy, at) ? w->where->page_bytes : 0;
	return bytes;
}

/* Of the pages wholly inside [start, end). */
static uint64_t inside_bytes(const struct heap_walk *w, uint64_t start, uint64_t end)
{
	const uint64_t page = w->where->page_bytes;

	start = (start + page - 1) / page * page;
	end = end / page * page;
	return start < end ? present_bytes(w, start, end) : 0;
}

static void add_top_pages(const struct heap_walk *w, struct mv_heap_arena *a, const struct mv_block *b)
{
	const uint64_t page = w->where->page_bytes, size = mv_block_size(b), end = b->start + size;

	a->top_resident_bytes += inside_bytes(w, b->start + CHUNK_HEADER, end);
	/* Only the main arena gives back its top, and only where it ends at the break. */
	if (a->is_main && a->contiguous && size > TOP_LEFT)
		a->trimmable_bytes += inside_bytes(w, end - (size - TOP_LEFT) / page * page, end);
}

static void add_free_pages(const struct heap_walk *w, struct mv_heap_arena *a, const struct mv_block *b)
{
	uint64_t bytes;

	if (mv_block_size(b) < w->where->page_bytes)
		return;
	bytes = inside_bytes(w, b->start + FREE_HEADER, b->start + mv_block_size(b));
	a->free_resident_bytes += bytes;
	a->trimmable_bytes += bytes;
}

/* ---- sums ---- */

static void add_class(struct mv_heap *heap, uint64_t bytes, enum mv_block_state state)
{
	struct mv_heap_class *c = &heap->classes[mv_heap_class_of(bytes)];

	if (state == MV_BLOCK_IN_USE || state == MV_BLOCK_MMAPPED) {
		c->used_blocks++;
		c->used_bytes += bytes;
	} else if (state == MV_BLOCK_FREE || state == MV_BLOCK_TCACHE || state == MV_BLOCK_FASTBIN) {
		c->free_blocks++;
		c->free_bytes += bytes;
	}
}

static void add_region(const struct heap_walk *w, const struct mv_heap_region *region)
{
	struct mv_heap *heap = w->heap;
	struct mv_heap_arena *a = &heap->arenas[region->arena];
	const uint64_t page = w->where->page_bytes;
	struct mv_heap_sum *sum = region->kind == MV_REGION_MMAPPED ? heap->sum : a->sum;

	for (size_t i = region->first; i < region->first + region->count; i++) {
		const struct mv_block *b = &heap->blocks[i];
		const enum mv_block_state state = mv_block_state(b);
		const uint64_t bytes = mv_block_size(b);

		sum[state].blocks++;
		sum[state].bytes += bytes;
		add_class(heap, bytes, state);
		if (state == MV_BLOCK_FREE)
			add_free_pages(w, a, b);
		else if (state == MV_BLOCK_TOP)
			add_top_pages(w, a, b);
		if ((state == MV_BLOCK_FREE || state == MV_BLOCK_FASTBIN || state == MV_BLOCK_TCACHE) &&
		    bytes > a->max_free_bytes)
			a->max_free_bytes = bytes;
	}
	if (region->kind != MV_REGION_MMAPPED)
		a->resident_bytes += present_bytes(w, region->start / page * page, region->end);
}

/* int_mallinfo of malloc.c, for each arena. */
static void add_mallinfo(struct mv_mallinfo *m, const struct mv_heap_arena *a)
{
	const uint64_t avail =
	    a->sum[MV_BLOCK_TOP].bytes + a->sum[MV_BLOCK_FREE].bytes + a->sum[MV_BLOCK_FASTBIN].bytes;

	m->arena += a->system_bytes;
	m->ordblks += 1 + a->sum[MV_BLOCK_FREE].blocks;
	m->smblks += a->sum[MV_BLOCK_FASTBIN].blocks;
	m->fsmblks += a->sum[MV_BLOCK_FASTBIN].bytes;
	m->fordblks += avail;
	m->uordblks += a->system_bytes - avail;
	if (a->is_main)
		m->keepcost = a->sum[MV_BLOCK_TOP].bytes;
}

static void add_arena(struct mv_heap *heap, const struct mv_heap_arena *a)
{
	for (int i = 0; i < MV_BLOCK__N; i++) {
		heap->sum[i].blocks += a->sum[i].blocks;
		heap->sum[i].bytes += a->sum[i].bytes;
	}
	heap->system_bytes += a->system_bytes;
	heap->resident_bytes += a->resident_bytes;
	heap->free_resident_bytes += a->free_resident_bytes;
	heap->top_resident_bytes += a->top_resident_bytes;
	heap->trimmable_bytes += a->trimmable_bytes;
	if (a->max_free_bytes > heap->max_free_bytes)
		heap->max_free_bytes = a->max_free_bytes;
	add_mallinfo(&heap->mallinfo, a);
}

static void count_mapped(const struct heap_walk *w)
{
	struct mv_heap *heap = w->heap;
	struct mv_heap_sum *mapped = &heap->sum[MV_BLOCK_MMAPPED];
	const uint64_t with_leads = mapped->bytes + heap->sum[MV_BLOCK_OWN].bytes;

	heap->mallinfo.hblks = (uint64_t)w->params.mmaps;
	heap->mallinfo.hblkhd = w->params.mmapped_bytes;
	heap->mmapped_found = mapped->blocks == heap->mallinfo.hblks && with_leads == heap->mallinfo.hblkhd;
	/* mp_'s own counts are right whatever was found. */
	if (!heap->mmapped_found)
		*mapped = (struct mv_heap_sum){heap->mallinfo.hblks, heap->mallinfo.hblkhd};
}

/* ---- which glibc ---- */

static void narrow(struct mv_heap *heap, uint32_t first, uint32_t last)
{
	if (first > heap->version_first)
		heap->version_first = first;
	if (last < heap->version_last)
		heap->version_last = last;
}

static void guess_version(const struct heap_walk *w)
{
	struct mv_heap *heap = w->heap;

	heap->version_first = 0;
	heap->version_last = UINT32_MAX;
	if (w->where->layout == LAYOUT_226)
		narrow(heap, 0, 26);
	else if (w->where->layout == LAYOUT_227)
		narrow(heap, 27, 42);
	else
		narrow(heap, 43, UINT32_MAX);
	if (w->tcache_size == 0x250)
		narrow(heap, 26, 29);
	else if (w->tcache_size == 0x290)
		narrow(heap, 30, 41);
	else if (w->tcache_size == 0x300)
		narrow(heap, 42, UINT32_MAX);
	if (w->where->params_layout == PARAMS_235 || w->heap_info_235)
		narrow(heap, 35, UINT32_MAX);
	else
		narrow(heap, 0, 34);
	if (w->mangled_known)
		narrow(heap, w->mangled ? 32 : 0, w->mangled ? UINT32_MAX : 31);
}

void heap_sums_make(struct heap_walk *w)
{
	struct mv_heap *heap = w->heap;
	uint64_t freed;

	memset(heap->sum, 0, sizeof(heap->sum));
	memset(heap->classes, 0, sizeof(heap->classes));
	heap->mallinfo = (struct mv_mallinfo){0};
	heap->system_bytes = heap->resident_bytes = heap->free_resident_bytes = 0;
	heap->top_resident_bytes = heap->trimmable_bytes = heap->max_free_bytes = 0;
	for (size_t i = 0; i < heap->region_count; i++)
		add_region(w, &heap->regions[i]);
	count_mapped(w);
	for (size_t i = 0; i < heap->arena_count; i++)
		add_arena(heap, &heap->arenas[i]);
	freed = heap->sum[MV_BLOCK_FREE].bytes + heap->sum[MV_BLOCK_FASTBIN].bytes +
		heap->sum[MV_BLOCK_TCACHE].bytes;
	heap->fragmentation =
	    freed ? (uint32_t)((freed - heap->max_free_bytes) / 16 * 1000 / (freed / 16)) : 0;
	guess_version(w);
}
