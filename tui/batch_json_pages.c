/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "tui/batch_json.h"

/*
 * --pages: the state of every page of a range, as runs. Read in two steps, so that a terabyte with nothing in
 * it is told at once: cells of 512 pages first, and only those that hold something page by page.
 */

#define COARSE_PAGES 512
#define SLICE_CELLS  32768 /* cells a want: 1.8 MB */

/* Runs in the making: equal neighbours become one. */
struct runs {
	struct mv_json *json;
	uint64_t start, end; /* start == end: none */
	int state;	     /* enum mv_page_state; -1 not read, or not told */
	bool zero_told;	     /* else what others map too may be the zero page */
	bool some;
};

static json_t *state_name(int state)
{
	return state < 0 ? json_null() : json_string(mv_page_states[state].json);
}

static void give_run(struct runs *r)
{
	json_t *run;

	if (r->start == r->end)
		return;
	run = json_object();
	json_object_set_new(run, "start", mv_json_address(r->start));
	json_object_set_new(run, "end", mv_json_address(r->end));
	json_object_set_new(run, "state", state_name(r->state));
	mv_json_literal(r->json, r->some ? ",\n" : "\n");
	mv_json_give(r->json, run);
	r->some = true;
	r->start = r->end;
}

static void add_run(struct runs *r, uint64_t start, uint64_t end, int state)
{
	if (r->start != r->end && (r->end != start || r->state != state))
		give_run(r);
	if (r->start == r->end)
		r->start = start;
	r->end = end;
	r->state = state;
}

static int state_of(const struct runs *r, const struct mv_grid_cell *cell)
{
	if (!(cell->flags & MV_GRID_READ))
		return -1;
	for (int s = MV_PAGE_NONE + 1; s < MV_PAGE__N; s++) {
		if (cell->tally.state[s])
			return s == MV_PAGE_ANON_SHARED && !r->zero_told ? -1 : s;
	}
	return MV_PAGE_NONE;
}

/* One want for one span; the cells live until the next. NULL: the mapping has gone in between. */
static int take_cells(struct mv_batch *batch, struct mv_range span, uint32_t cell_pages,
		      const struct mv_grid_cell **ret_cells, uint32_t *ret_count)
{
	struct mv_want want = {.facts = MV_FACT_GRID | (cell_pages == 1 ? MV_FACT_SHARING : 0),
			       .cell_pages = cell_pages,
			       .spans_count = 1,
			       .spans = {span}};
	const struct mv_snapshot *snap;
	int status = mv_batch_take(batch, &want, &snap);

	if (status)
		return status;
	*ret_count = 0;
	*ret_cells = mv_snapshot_cells_at(snap, span.start, ret_count);
	return MV_EXIT_DONE;
}

static int read_fine(struct runs *r, struct mv_batch *batch, struct mv_range span, uint32_t page_bytes)
{
	const struct mv_grid_cell *cells;
	uint32_t count;
	int status = take_cells(batch, span, 1, &cells, &count);
	uint64_t at = span.start;

	for (uint32_t i = 0; !status && i < count && at < span.end; i++, at += page_bytes)
		add_run(r, at, at + page_bytes, state_of(r, &cells[i]));
	if (!status && at < span.end)
		add_run(r, at, span.end, -1);
	return status;
}

/* The coarse cells of a slice that hold something, one bit each. */
static int read_coarse(const struct runs *r, struct mv_batch *batch, struct mv_range span, uint8_t *holds)
{
	const struct mv_grid_cell *cells;
	uint32_t count;
	int status = take_cells(batch, span, COARSE_PAGES, &cells, &count);

	for (uint32_t i = 0; !status && i < SLICE_CELLS; i++)
		holds[i] = i >= count || state_of(r, &cells[i]) != MV_PAGE_NONE;
	return status;
}

static int read_slice(struct runs *r, struct mv_batch *batch, struct mv_range span, uint32_t page_bytes,
		      uint8_t *holds)
{
	const uint64_t coarse = (uint64_t)COARSE_PAGES * page_bytes;
	const uint32_t cells = (uint32_t)((span.end - span.start + coarse - 1) / coarse);
	int status = read_coarse(r, batch, span, holds);

	for (uint32_t i = 0, last; !status && i < cells; i = last) {
		struct mv_range part = {.start = span.start + i * coarse};

		for (last = i + 1; last < cells && holds[last] == holds[i]; last++) {
			if (holds[i] && last - i >= SLICE_CELLS / COARSE_PAGES)
				break;
		}
		part.end = span.start + last * coarse;
		if (part.end > span.end)
			part.end = span.end;
		if (holds[i])
			status = read_fine(r, batch, part, page_bytes);
		else
			add_run(r, part.start, part.end, MV_PAGE_NONE);
	}
	return status;
}

/* The mappings of a snapshot that meet the range, clipped to it: they must outlive the snapshot. */
static size_t clip_mappings(const struct mv_snapshot *snap, struct mv_range pages, struct mv_range *out)
{
	const struct mv_mapping *mappings = mv_snapshot_mappings(snap);
	size_t n = 0;

	for (uint32_t i = 0; i < mv_snapshot_count(snap); i++) {
		const struct mv_mapping *m = &mappings[i];

		if (m->kind == MV_KIND_VSYSCALL || m->end <= pages.start || m->start >= pages.end)
			continue;
		out[n++] = (struct mv_range){m->start > pages.start ? m->start : pages.start,
					     m->end < pages.end ? m->end : pages.end};
	}
	return n;
}

static int read_ranges(struct runs *r, struct mv_batch *batch, const struct mv_range *ranges, size_t n,
		       uint32_t page_bytes, uint8_t *holds)
{
	const uint64_t slice = (uint64_t)SLICE_CELLS * COARSE_PAGES * page_bytes;
	int status = MV_EXIT_DONE;

	for (size_t i = 0; i < n && !status; i++) {
		for (uint64_t at = ranges[i].start; at < ranges[i].end && !status; at += slice) {
			uint64_t end = ranges[i].end - at > slice ? at + slice : ranges[i].end;

			status = read_slice(r, batch, (struct mv_range){at, end}, page_bytes, holds);
		}
		give_run(r);
	}
	return status;
}

int mv_json_page_runs(struct mv_json *j, struct mv_batch *batch, struct mv_range pages)
{
	const uint32_t page_bytes = j->snap->page_bytes;
	const uint64_t mask = page_bytes - 1;
	struct mv_range *ranges = calloc(mv_snapshot_count(j->snap) + 1, sizeof(*ranges));
	uint8_t *holds = malloc(SLICE_CELLS);
	struct runs runs = {.json = j, .zero_told = j->snap->cats_told & MV_CAT_PFNZERO};
	int status = MV_EXIT_COULD_NOT;

	pages.start &= ~mask;
	pages.end = pages.end > UINT64_MAX - mask ? ~mask : (pages.end + mask) & ~mask;
	mv_json_literal(j, ",\n\"page_runs\": ");
	if (!ranges || !holds) {
		j->failed = true;
	} else if (j->snap->part_why[MV_PART_PAGES] != MV_WHY_HAVE) {
		mv_json_literal(j, "null");
		status = MV_EXIT_DONE;
	} else {
		size_t n = clip_mappings(j->snap, pages, ranges);

		mv_json_literal(j, "[");
		status = read_ranges(&runs, batch, ranges, n, page_bytes, holds);
		mv_json_literal(j, "]");
	}
	free(holds);
	free(ranges);
	return status;
}
