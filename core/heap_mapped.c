/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "core/heap_private.h"

/*
 * Chunks that are mappings of their own, and segments of a main arena that sbrk was refused: both begin at
 * page borders of anonymous memory, anywhere, since neighbouring mappings become one. So the first words of
 * its present pages are looked at, a chunk's pages skipped at once, until as many are found as mp_ counts.
 */

#define BATCH	   512u
#define PROBES_MAX (UINT64_C(1) << 23)
#define LEADS_MAX  4096u /* chunks that are asked for a second header */
#define DEEP_MAX   100000u

struct probe {
	struct mv_target *target;
	struct mv_heap_where *where;
	const struct heap_params *params;
	uint64_t page;
	struct mv_range region; /* adjacent mappings */
	uint64_t probes, found, bytes;
	uint64_t deep; /* page borders that may still be looked at for second headers */
	bool other;    /* the region's segment is noted */
};

struct head {
	uint64_t prev, size;
};

/* Bytes of the mapping that a mapped chunk's header at lead bytes from its start tells; 0: it is none. */
static uint64_t mapping_bytes(const struct probe *p, struct head head, uint64_t lead, uint64_t room)
{
	uint64_t bytes = head.size & ~SIZE_BITS;

	if ((head.size & SIZE_BITS) != SIZE_MMAPPED || bytes & 15 || (head.prev & ~UINT64_C(1)) != lead ||
	    (head.prev & 1 && p->where->layout != LAYOUT_243))
		return 0;
	bytes += p->where->layout == LAYOUT_243 ? CHUNK_HEADER : 0;
	if (bytes < CHUNK_MIN || bytes > room || (bytes + lead) % p->page || bytes + lead > room)
		return 0;
	return bytes + lead;
}

/* Is a mapped chunk's second header there? Then its mapping's bytes, else 0. */
static uint64_t second_header(const struct probe *p, uint64_t start, uint64_t at)
{
	struct head head;

	if (heap_peek(p->target, at, &head, sizeof(head)) < 0)
		return 0;
	return mapping_bytes(p, head, at - start, p->region.end - start);
}

/*
 * memalign leaves the first header and makes another, right before an aligned address; it alone changes with
 * realloc. And that may have moved it: then it lies before any page border.
 */
static void find_lead(struct probe *p, uint64_t start, uint64_t *bytes, uint64_t *ret_lead)
{
	const uint64_t end = start + *bytes;
	uint64_t before = 0, whole;

	*ret_lead = 0;
	if (p->found >= LEADS_MAX)
		return;
	for (unsigned shift = 5; shift < 40; shift++) {
		const uint64_t align = UINT64_C(1) << shift;
		uint64_t at = ((start + CHUNK_HEADER + align - 1) & ~(align - 1)) - CHUNK_HEADER;

		if (at - start < CHUNK_MIN)
			at += align;
		if (at >= end)
			break;
		whole = at == before ? 0 : second_header(p, start, at);
		before = at;
		if (!whole)
			continue;
		*bytes = whole;
		*ret_lead = at - start;
		return;
	}
	for (uint64_t at = start + p->page - CHUNK_HEADER; p->deep && at < end; at += p->page, p->deep--) {
		whole = second_header(p, start, at);
		if (!whole)
			continue;
		*bytes = whole;
		*ret_lead = at - start;
		return;
	}
}

/* What a page's first words say: returns where to look next. */
static int look(struct probe *p, uint64_t at, struct head head, uint64_t *ret_next)
{
	uint64_t bytes = mapping_bytes(p, head, 0, p->region.end - at), lead;

	*ret_next = at + p->page;
	if (bytes) {
		find_lead(p, at, &bytes, &lead);
		p->found++;
		p->bytes += bytes;
		*ret_next = at + bytes;
		return heap_spot_add(p->where,
				     (struct mv_heap_spot){
					 .start = at, .end = at + bytes, .lead = lead, .kind = SPOT_MMAPPED});
	}
	if (!p->where->noncontiguous || p->other || (head.size & SIZE_BITS) != SIZE_PREV_USED ||
	    head.size & 8 || head.size < CHUNK_MIN || (head.size & ~SIZE_BITS) > p->region.end - at)
		return 0;
	p->other = true;
	return heap_spot_add(p->where,
			     (struct mv_heap_spot){.start = at, .end = p->region.end, .kind = SPOT_OTHER});
}

static bool done(const struct probe *p)
{
	if (p->probes > PROBES_MAX)
		return true;
	return !p->where->noncontiguous && p->found == (uint64_t)p->params->mmaps &&
	       p->bytes == p->params->mmapped_bytes;
}

/* A run of present pages, from *at on. */
static int probe_run(struct probe *p, uint64_t end, uint64_t *at)
{
	uint64_t addresses[BATCH];
	struct head heads[BATCH];
	unsigned batch = 1; /* more, the longer nothing is found */

	while (*at < end && !done(p)) {
		unsigned n = 0;
		ssize_t got;
		uint64_t next = *at;

		for (; n < batch && *at + n * p->page < end; n++)
			addresses[n] = *at + n * p->page;
		got = mv_target_gather(p->target, addresses, n, sizeof(heads[0]), heads);
		p->probes += n;
		if (got == -EFAULT)
			got = 0;
		if (got < 0)
			return (int)got;
		for (ssize_t i = 0; i < got; i++) {
			int r;

			if (addresses[i] < next)
				continue;
			r = look(p, addresses[i], heads[i], &next);
			if (r < 0)
				return r;
		}
		if (got == 0)
			next = *at + p->page;
		batch = next > *at + batch * p->page ? 1 : batch * 2 < BATCH ? batch * 2 : BATCH;
		*at = next;
	}
	return 0;
}

static int probe_region(struct probe *p)
{
	struct mv_range left = p->region;
	struct mv_run runs[64];
	uint64_t walked, told;

	p->other = false;
	while (left.start < left.end && !done(p)) {
		ssize_t n = mv_target_scan(p->target, left, 0, MV_SCAN_PAGES, runs, MV_COUNT_OF(runs),
					   &walked, &told);

		if (n < 0)
			return (int)n;
		for (ssize_t i = 0; i < n; i++) {
			int r;

			if (!(runs[i].cats & MV_CAT_PRESENT))
				continue;
			if (runs[i].start > left.start)
				left.start = runs[i].start;
			if (left.start >= runs[i].end)
				continue;
			r = probe_run(p, runs[i].end, &left.start);
			if (r < 0)
				return r;
		}
		if (left.start < walked)
			left.start = walked;
	}
	return 0;
}

static const struct mv_heap_spot *heap_over(const struct mv_heap_spot *spots, size_t count,
					    struct mv_range range)
{
	for (size_t i = 0; i < count; i++)
		if (spots[i].kind == SPOT_HEAP && spots[i].start < range.end && spots[i].end > range.start)
			return &spots[i];
	return NULL;
}

static int by_start(const void *a, const void *b)
{
	const struct mv_heap_spot *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* The region without the arenas' heaps in it, which lie in spots[from, count), ascending. */
static int probe_between(struct probe *p, struct mv_range whole, size_t count)
{
	int r = 0;

	while (r == 0 && whole.start < whole.end && !done(p)) {
		const struct mv_heap_spot *heap = heap_over(p->where->spots, count, whole);

		if (heap && heap->start <= whole.start) {
			whole.start = heap->end;
			continue;
		}
		p->region = whole;
		if (heap)
			p->region.end = heap->start;
		whole.start = p->region.end;
		r = probe_region(p);
	}
	return r;
}

/* [heap] is walked from its start if the main arena began there. */
static bool is_wanted(const struct mv_maps *maps, uint32_t i, bool with_brk)
{
	return (with_brk || maps->at[i].kind != MV_KIND_HEAP) && mv_heap_may_hold(maps, &maps->at[i]);
}

static int probe_all(struct probe *p, const struct mv_maps *maps, size_t count)
{
	bool with_brk = p->where->noncontiguous;
	int r = 0;

	p->found = p->bytes = p->probes = 0;
	for (size_t i = 0; i < count; i++)
		with_brk &= p->where->spots[i].kind != SPOT_MAIN;
	for (uint32_t i = 0; r == 0 && i < maps->count && !done(p); i++) {
		struct mv_range region = {maps->at[i].start, maps->at[i].end};

		if (!is_wanted(maps, i, with_brk))
			continue;
		while (i + 1 < maps->count && maps->at[i + 1].start == region.end &&
		       is_wanted(maps, i + 1, with_brk))
			region.end = maps->at[++i].end;
		r = probe_between(p, region, count);
	}
	p->where->mapped_all = p->found == (uint64_t)p->params->mmaps && p->bytes == p->params->mmapped_bytes;
	return r;
}

int heap_mapped_find(struct mv_target *target, const struct mv_maps *maps, const struct heap_params *params,
		     struct mv_heap_where *where)
{
	struct probe p = {
	    .target = target, .where = where, .params = params, .page = mv_target_page_bytes(target)};
	const size_t count = where->spot_count;
	int r;

	if (count)
		qsort(where->spots, count, sizeof(*where->spots), by_start);
	r = probe_all(&p, maps, count);
	if (r == 0 && p.found && !where->mapped_all) {
		where->spot_count = count;
		p.deep = DEEP_MAX;
		r = probe_all(&p, maps, count);
	}
	return r;
}
