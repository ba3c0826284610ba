/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/batch_heap.h"

/*
 * What grew between two looks at a process: mappings of anonymous memory by what of them is in RAM, block
 * sizes by two readings of the heap; and which code touched new pages meanwhile, by the trace of its page
 * faults.
 */

/* ---- mappings ---- */

/* Memory that is no file's. */
static bool is_anonymous(uint32_t kind)
{
	switch (kind) {
	case MV_KIND_HEAP:
	case MV_KIND_STACK:
	case MV_KIND_HUGE:
	case MV_KIND_SHARED:
	case MV_KIND_THREAD_STACK:
	case MV_KIND_BSS:
	case MV_KIND_JIT:
	case MV_KIND_ANON:
		return true;
	default:
		return false;
	}
}

/*
 * What of the range was in RAM before; *at is the first mapping that ends beyond it, and moves on. Mappings
 * merge and are split: of one that lies in it in part, that part. False: it is not known.
 */
static bool rss_before(const struct mv_snapshot *before, const struct mv_mapping *m, uint32_t *at,
		       uint64_t *ret_bytes)
{
	const struct mv_mapping *old = mv_snapshot_mappings(before);
	const uint32_t count = mv_snapshot_count(before);
	uint64_t bytes = 0;

	while (*at < count && old[*at].end <= m->start)
		++*at;
	for (uint32_t i = *at; i < count && old[i].start < m->end; i++) {
		const uint64_t from = old[i].start > m->start ? old[i].start : m->start;
		const uint64_t to = old[i].end < m->end ? old[i].end : m->end;
		const struct mv_val rss = mv_snapshot_rss(before, i);

		if (!mv_have(&rss))
			return false;
		bytes +=
		    (uint64_t)((double)rss.value * (double)(to - from) / (double)(old[i].end - old[i].start));
	}
	*ret_bytes = bytes;
	return true;
}

static int work_out_mappings(struct mv_batch_growth *g, const struct mv_snapshot *before)
{
	const struct mv_mapping *m = mv_snapshot_mappings(g->snap);
	const uint32_t count = mv_snapshot_count(g->snap);
	uint32_t at = 0;

	/* Of a process that has ended, the figures of an earlier look may be all there is. */
	g->rss_known = count > 0 && mv_snapshot_count(before) > 0 && g->snap->life == MV_LIFE_ALIVE &&
		       g->snap->pages_ns > before->pages_ns;
	g->mappings = calloc(count ? count : 1, sizeof(*g->mappings));
	if (!g->mappings)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		const struct mv_val rss = mv_snapshot_rss(g->snap, i);
		uint64_t had;

		if (!is_anonymous(m[i].kind))
			continue;
		if (!mv_have(&rss) || !rss_before(before, &m[i], &at, &had)) {
			g->rss_known = false;
			continue;
		}
		if (rss.value <= had)
			continue;
		g->grown_bytes += rss.value - had;
		g->mappings[g->mappings_count++] = (struct mv_grown_mapping){.start = m[i].start,
									     .end = m[i].end,
									     .kind = m[i].kind,
									     .index = i,
									     .bytes = rss.value - had};
	}
	return 0;
}

static int by_address(const void *key, const void *mapping)
{
	const uint64_t address = *(const uint64_t *)key;
	const struct mv_grown_mapping *m = mapping;

	return address < m->start ? -1 : address >= m->end;
}

static int by_growth(const void *a, const void *b)
{
	const struct mv_grown_mapping *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return (x->start > y->start) - (x->start < y->start);
}

/* ---- call stacks ---- */

static const uint32_t *calls_of(const struct mv_snapshot *snap, const struct mv_grown_stack *s)
{
	const struct mv_fault_stack stack = {.first = s->first, .count = s->count};

	return mv_snapshot_fault_calls(snap, &stack);
}

static int by_calls(const void *a, const void *b, void *snap)
{
	const struct mv_grown_stack *x = a, *y = b;
	const uint32_t *p = calls_of(snap, x), *q = calls_of(snap, y);

	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	for (uint32_t i = 0; i < x->count; i++) {
		if (p[i] != q[i])
			return p[i] < q[i] ? -1 : 1;
	}
	return 0;
}

static int by_pages(const void *a, const void *b)
{
	const struct mv_grown_stack *x = a, *y = b;

	if (x->pages != y->pages)
		return x->pages < y->pages ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

/* Equal neighbours become one. */
static void merge_stacks(struct mv_batch_growth *g)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < g->stacks_count; i++) {
		if (kept && !by_calls(&g->stacks[kept - 1], &g->stacks[i], (void *)(uintptr_t)g->snap))
			g->stacks[kept - 1].pages += g->stacks[i].pages;
		else
			g->stacks[kept++] = g->stacks[i];
	}
	g->stacks_count = kept;
}

/*
 * Does a page lie in memory that grew? Faults go on while mappings are listed: what lies in none of the list
 * is newer than it, if the trace does not know it as a file's or as unmapped since.
 */
static bool is_grown(const struct mv_batch_growth *g, uint64_t page)
{
	uint32_t count;
	const struct mv_fault_mapping *m = mv_snapshot_fault_mappings(g->snap, &count);

	if (bsearch(&page, g->mappings, g->mappings_count, sizeof(*g->mappings), by_address))
		return true;
	if (mv_snapshot_find(g->snap, page) < mv_snapshot_count(g->snap))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (page >= m[i].start && page < m[i].end)
			return !m[i].gone && is_anonymous(m[i].kind);
	}
	return true;
}

/* Where growth by mapping is not known, all of them: then nothing tells them apart. */
static int work_out_stacks(struct mv_batch_growth *g)
{
	uint32_t count;
	const struct mv_fault_stack *s = mv_snapshot_fault_stacks(g->snap, &count);

	g->stacks = calloc(count ? count : 1, sizeof(*g->stacks));
	if (!g->stacks)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		if (g->rss_known && !is_grown(g, s[i].last_page)) {
			g->other_pages += s[i].pages;
			continue;
		}
		g->pages += s[i].pages;
		g->stacks[g->stacks_count++] = (struct mv_grown_stack){
		    .first = s[i].first, .count = s[i].count, .end = s[i].end, .pages = s[i].pages};
	}
	qsort_r(g->stacks, g->stacks_count, sizeof(*g->stacks), by_calls, (void *)(uintptr_t)g->snap);
	merge_stacks(g);
	qsort(g->stacks, g->stacks_count, sizeof(*g->stacks), by_pages);
	return 0;
}

/* ---- block sizes ---- */

static int by_size_growth(const void *a, const void *b)
{
	const struct mv_grown_size *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return (x->now.first > y->now.first) - (x->now.first < y->now.first);
}

static int work_out_sizes(struct mv_batch_growth *g, const struct mv_snapshot *before)
{
	uint32_t had_count, count, k = 0;
	const struct mv_heap_size *had = mv_snapshot_heap_sizes(before, &had_count);
	const struct mv_heap_size *now = mv_snapshot_heap_sizes(g->snap, &count);

	if (mv_batch_heap_reason(before) != MV_HEAP_HAVE || mv_batch_heap_reason(g->snap) != MV_HEAP_HAVE ||
	    g->snap->heap.at_ns <= before->heap.at_ns)
		return 0;
	g->heap_seconds = (double)(g->snap->heap.at_ns - before->heap.at_ns) / (double)MV_NS_PER_SEC;
	g->sizes = calloc(count ? count : 1, sizeof(*g->sizes));
	if (!g->sizes)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct mv_heap_class was = {0};

		while (k < had_count && had[k].first < now[i].first)
			k++;
		if (k < had_count && had[k].first == now[i].first)
			was = had[k].c;
		if (now[i].c.used_bytes <= was.used_bytes)
			continue;
		g->sizes[g->sizes_count++] = (struct mv_grown_size){
		    .now = now[i],
		    .blocks =
			now[i].c.used_blocks > was.used_blocks ? now[i].c.used_blocks - was.used_blocks : 0,
		    .bytes = now[i].c.used_bytes - was.used_bytes};
	}
	qsort(g->sizes, g->sizes_count, sizeof(*g->sizes), by_size_growth);
	return 0;
}

/* ---- all of it ---- */

static uint32_t why_traced(const struct mv_snapshot *after)
{
	if (!(after->facts & MV_FACT_FAULTS))
		return MV_WHY_NOT_ASKED;
	return after->trace.why == MV_WHY_HAVE ? after->trace.stacks_why : after->trace.why;
}

int mv_batch_growth_work_out(struct mv_batch_growth *growth, const struct mv_snapshot *before,
			     const struct mv_snapshot *after)
{
	int err;

	*growth = (struct mv_batch_growth){.snap = after,
					   .why = why_traced(after),
					   .seconds = mv_batch_trace_seconds(after),
					   .heap_before = before->heap};
	if (growth->seconds <= 0 && after->taken_ns > before->taken_ns)
		growth->seconds = (double)(after->taken_ns - before->taken_ns) / (double)MV_NS_PER_SEC;
	err = work_out_mappings(growth, before);
	if (!err)
		err = work_out_stacks(growth);
	if (!err)
		err = work_out_sizes(growth, before);
	if (err) {
		mv_batch_growth_release(growth);
		return err;
	}
	qsort(growth->mappings, growth->mappings_count, sizeof(*growth->mappings), by_growth);
	return 0;
}

void mv_batch_growth_release(struct mv_batch_growth *growth)
{
	free(growth->mappings);
	free(growth->stacks);
	free(growth->sizes);
	*growth = (struct mv_batch_growth){0};
}
