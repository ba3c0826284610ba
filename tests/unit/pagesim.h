/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TESTS_PAGESIM_H
#define MV_TESTS_PAGESIM_H

/*
 * Plays the collector for tests of views: runs of page states and a want -> the snapshot that answers it, at
 * any cell size. Included once by a test program.
 */

#include <stdlib.h>
#include <string.h>

#include "tests/unit/snapbuild.h"

struct pagesim_run {
	uint64_t start, end;
	enum mv_page_state state;
};
struct pagesim {
	struct snapbuild build; /* rows, head */
	const struct pagesim_run *runs;
	size_t runs_count;
	uint64_t unread_from; /* pages from here on have not been read yet; 0: all have */
	bool root;	      /* frames are told */
	bool huge;	      /* every page lies in a huge block */
	uint32_t fresh_ds;    /* every page is fresh and so old; 0: all were there before */
	struct mv_snapshot *snap;
	struct mv_delta *delta;
	struct mv_keeper_status status;
	struct mv_context ctx;
	unsigned answers; /* snapshots made */
};

static enum mv_page_state pagesim_state(const struct pagesim *sim, uint64_t addr)
{
	for (size_t i = 0; i < sim->runs_count; i++)
		if (addr >= sim->runs[i].start && addr < sim->runs[i].end)
			return sim->runs[i].state;
	return MV_PAGE_NONE;
}

static struct mv_grid_cell pagesim_cell(const struct pagesim *sim, uint64_t start, uint64_t end)
{
	struct mv_grid_cell cell = {.pages = (uint32_t)((end - start) / 4096),
				    .flags = MV_GRID_READ | MV_GRID_SHARING,
				    .newest_ds = MV_AGE_UNKNOWN};

	if (sim->unread_from && start >= sim->unread_from) {
		cell.flags = 0;
		return cell;
	}
	for (size_t i = 0; i < sim->runs_count; i++) {
		uint64_t low = sim->runs[i].start > start ? sim->runs[i].start : start;
		uint64_t high = sim->runs[i].end < end ? sim->runs[i].end : end;
		if (low >= high)
			continue;
		cell.tally.state[sim->runs[i].state] += (uint32_t)((high - low) / 4096);
		cell.newest_ds = MV_AGE_BEFORE;
		if (sim->fresh_ds) {
			cell.fresh += (uint32_t)((high - low) / 4096);
			cell.newest_ds = (uint16_t)sim->fresh_ds;
		}
		if (sim->huge)
			cell.tally.huge += (uint32_t)((high - low) / 4096);
	}
	return cell;
}

static void pagesim_answer(struct pagesim *sim, const struct mv_want *want)
{
	struct snapbuild b = sim->build;
	uint32_t *counts = calloc(want->spans_count + 1, sizeof(*counts));
	struct mv_grid_cell *cells = NULL;
	uint64_t bytes = (uint64_t)want->cell_pages * 4096;
	size_t total = 0, n = 0;

	b.head.facts = want->facts;
	b.head.cell_pages = want->cell_pages;
	b.head.page.addr = want->page;
	b.head.page.have = mv_val_of(1);
	b.head.page.state = (uint32_t)pagesim_state(sim, want->page);
	b.head.page.word = MV_WORD_PRESENT | MV_WORD_EXCLUSIVE;
	b.head.page.block_pages = 1;
	b.head.page.frame = mv_val_missing(MV_WHY_NEEDS_SYS_ADMIN);
	if (sim->root) {
		b.head.page.frame = mv_val_of(0x1a2b3c);
		b.head.page.flags = mv_val_of(0x5068);
		b.head.page.mapcount = mv_val_of(1);
		b.head.page.cgroup = mv_val_of(4242);
	} else {
		b.head.page.flags = b.head.page.mapcount = b.head.page.cgroup = b.head.page.frame;
	}
	b.head.page.bytes = sim->build.page_bytes_count ? mv_val_of(sim->build.page_bytes_count)
							: mv_val_missing(MV_WHY_NOT_PRESENT);
	b.head.page.first_seen_ns = mv_val_of(96 * MV_NS_PER_SEC);
	for (uint32_t i = 0; i < want->spans_count; i++) {
		counts[i] = (uint32_t)((want->spans[i].end - want->spans[i].start + bytes - 1) / bytes);
		total += counts[i];
	}
	cells = calloc(total + 1, sizeof(*cells));
	for (uint32_t i = 0; i < want->spans_count; i++)
		for (uint64_t at = want->spans[i].start; at < want->spans[i].end; at += bytes)
			cells[n++] = pagesim_cell(
			    sim, at, at + bytes < want->spans[i].end ? at + bytes : want->spans[i].end);
	b.spans = want->spans;
	b.span_cells = counts;
	b.spans_count = want->spans_count;
	b.cells = cells;
	free(sim->snap);
	sim->snap = snapbuild_make(&b);
	sim->build.head.seq++;
	sim->answers++;
	free(counts);
	free(cells);
	snapbuild_context(&sim->ctx, sim->snap, sim->delta, &sim->status);
}

/* Settle, state the want, answer it, as often as it takes for a picture that stays. */
static void pagesim_turn(struct pagesim *sim, const struct mv_view_ops *ops, void *state, struct mv_rect area,
			 int times)
{
	static struct mv_want want;

	for (int i = 0; i < times; i++) {
		ops->settle(state, &sim->ctx, area);
		memset(&want, 0, sizeof(want));
		want.cell_pages = 1;
		ops->want(state, &sim->ctx, &want);
		pagesim_answer(sim, &want);
	}
	ops->settle(state, &sim->ctx, area);
}

static void pagesim_start(struct pagesim *sim)
{
	static struct mv_want none = {.facts = MV_FACT_MAPS, .cell_pages = 1};

	snapbuild_init(&sim->build);
	if (mv_delta_new(&sim->delta))
		abort();
	sim->build.rows = snapbuild_python;
	sim->build.count = snapbuild_python_count;
	pagesim_answer(sim, &none);
}

static void pagesim_end(struct pagesim *sim)
{
	mv_delta_free(sim->delta);
	free(sim->snap);
}

#endif
