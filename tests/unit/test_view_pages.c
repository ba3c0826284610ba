/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/text.h"
#include "tests/unit/pagesim.h"
#include "tui/view_pages.h"

#define ANON  UINT64_C(0x7f3a12000000)
#define PAGE  UINT64_C(4096)
#define TIB   (UINT64_C(1) << 40)
#define WHOLE UINT64_C(0)

static const struct mv_rect screen = {0, 0, 22, 80};

struct rig {
	struct pagesim sim;
	struct mv_pages *p;
	struct mv_rect area;
};

static void open_at(struct rig *r, uint64_t mapping, uint64_t page)
{
	struct mv_place place = {.mapping = mapping, .page = page};

	if (!r->area.rows)
		r->area = screen;
	r->p = calloc(1, mv_view_pages.state_bytes);
	assert_non_null(r->p);
	assert_int_equal(mv_view_pages.init(r->p, &place), 0);
	pagesim_turn(&r->sim, &mv_view_pages, r->p, r->area, 3);
}

static void start(struct rig *r, const struct pagesim_run *runs, size_t count)
{
	memset(r, 0, sizeof(*r));
	r->sim.runs = runs;
	r->sim.runs_count = count;
	pagesim_start(&r->sim);
}

static void finish(struct rig *r)
{
	mv_view_pages.release(r->p);
	free(r->p);
	pagesim_end(&r->sim);
}

/* Press a key, then let the collector answer until nothing more is asked. */
static struct mv_outcome press(struct rig *r, enum mv_action action)
{
	struct mv_outcome out = mv_view_pages.act(r->p, &r->sim.ctx, action, (struct mv_input){0});

	pagesim_turn(&r->sim, &mv_view_pages, r->p, r->area, 2);
	for (int i = 0; r->p->search.on && i < 200; i++)
		pagesim_turn(&r->sim, &mv_view_pages, r->p, r->area, 1);
	pagesim_turn(&r->sim, &mv_view_pages, r->p, r->area, 1);
	return out;
}

static void dump(struct rig *r, char *text, size_t cap, bool ascii)
{
	struct mv_canvas c;
	FILE *out = fmemopen(text, cap, "w");

	assert_non_null(out);
	assert_int_equal(mv_canvas_init(&c, r->area.rows, r->area.cols), 0);
	c.ascii = ascii;
	mv_view_pages.draw(r->p, &r->sim.ctx, &c, r->area);
	mv_canvas_dump(&c, out);
	fclose(out);
	mv_canvas_release(&c);
}

static const struct pagesim_run some[] = {
    {ANON, ANON + 100 * PAGE, MV_PAGE_ANON},
    {ANON + 100 * PAGE, ANON + 101 * PAGE, MV_PAGE_SWAPPED},
    {ANON + 20000 * PAGE, ANON + 20001 * PAGE, MV_PAGE_ZERO},
};

static void test_opens_fitted_to_the_screen(void **state)
{
	struct rig r;
	static char text[65536];

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, ANON, 0);
	assert_true(mv_pages_rows(r.p) <= (uint64_t)r.p->geo.grid_rows);
	assert_int_equal(r.p->cell_pages & (r.p->cell_pages - 1), 0);
	uint32_t cells = (uint32_t)r.p->geo.cells;
	assert_true((uint64_t)cells * (r.p->cell_pages / 2) * (uint64_t)r.p->geo.grid_rows < 25600);
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "7f3a12000000 [anon] rw-p 100M"));
	assert_non_null(strstr(text, "one cell = 32 pages (128K)"));
	assert_non_null(strstr(text, "page 1 of 25,600"));
	assert_non_null(strstr(text, "15,040 never touched"));
	assert_non_null(strstr(text, "■██s")); /* the first is the cursor's */
	finish(&r);
}

static void test_zoom_out_ends_at_one_cell(void **state)
{
	struct rig r;

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, ANON, 0);
	for (int i = 0; i < 20; i++)
		press(&r, MV_ACT_ZOOM_OUT);
	assert_int_equal(r.p->cell_pages, 32768); /* 25,600 pages */
	press(&r, MV_ACT_ZOOM_IN);
	assert_int_equal(r.p->cell_pages, 16384);
	finish(&r);
}

static void test_zoom_keeps_the_page_and_its_place(void **state)
{
	struct rig r;

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, ANON, ANON + 20000 * PAGE);
	for (int i = 0; i < 7; i++) {
		uint64_t before = mv_pages_row_of(r.p, r.sim.snap, r.p->cursor) - r.p->top;
		press(&r, i < 5 ? MV_ACT_ZOOM_IN : MV_ACT_ZOOM_OUT);
		uint64_t after = mv_pages_row_of(r.p, r.sim.snap, r.p->cursor) - r.p->top;
		assert_int_equal(r.p->cursor, ANON + 20000 * PAGE);
		if (i < 5)
			assert_int_equal(before, after);
	}
	assert_int_equal(r.p->cell_pages, 4);
	finish(&r);
}

static void test_moves_by_cells_and_rows(void **state)
{
	struct rig r;

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, ANON, 0);
	uint64_t cell = mv_pages_cell_bytes(r.p), row = cell * (uint64_t)r.p->geo.cells;
	press(&r, MV_ACT_LEFT);
	assert_int_equal(r.p->cursor, ANON);
	press(&r, MV_ACT_RIGHT);
	assert_int_equal(r.p->cursor, ANON + cell);
	press(&r, MV_ACT_DOWN);
	assert_int_equal(r.p->cursor, ANON + cell + row);
	press(&r, MV_ACT_LEFT);
	press(&r, MV_ACT_LEFT);
	assert_int_equal(r.p->cursor, ANON + row - cell);
	press(&r, MV_ACT_LAST);
	assert_int_equal(r.p->cursor, ANON + 25600 * PAGE - cell);
	press(&r, MV_ACT_DOWN);
	press(&r, MV_ACT_RIGHT);
	assert_int_equal(r.p->cursor, ANON + 25600 * PAGE - cell);
	press(&r, MV_ACT_FIRST);
	assert_int_equal(r.p->cursor, ANON);
	finish(&r);
}

/* At any zoom the jump lands on the page itself. */
static void test_next_state_finds_the_page(void **state)
{
	(void)state;
	for (int zoom = 0; zoom <= 5; zoom++) {
		struct rig r;
		start(&r, some, MV_COUNT_OF(some));
		open_at(&r, ANON, 0);
		for (int i = 0; i < zoom; i++)
			press(&r, MV_ACT_ZOOM_IN);
		press(&r, MV_ACT_NEXT_STATE);
		assert_int_equal(r.p->cursor, ANON + 100 * PAGE);
		press(&r, MV_ACT_LAST);
		press(&r, MV_ACT_PREV_STATE);
		assert_int_equal(r.p->cursor, ANON + 20000 * PAGE);
		assert_false(r.p->search.on);
		finish(&r);
	}
}

static void test_next_state_says_when_there_is_none(void **state)
{
	struct rig r;

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, ANON, ANON + 20001 * PAGE);
	press(&r, MV_ACT_ZOOM_IN);
	press(&r, MV_ACT_ZOOM_IN);
	press(&r, MV_ACT_ZOOM_IN);
	press(&r, MV_ACT_ZOOM_IN);
	press(&r, MV_ACT_ZOOM_IN);
	uint64_t before = r.p->cursor;
	struct mv_outcome out = press(&r, MV_ACT_NEXT_STATE);
	assert_int_equal(r.p->cursor, before);
	assert_true(out.kind == MV_OUT_HINT || r.p->note == MV_PAGES_NOTE_END);
	finish(&r);
}

/* 1 TiB with one page in it: found with a handful of questions. */
static void test_a_tebibyte(void **state)
{
	static const struct snapbuild_row rows[] = {
	    {.start = TIB, .end = 2 * TIB, .perms = "rw-p", .kind = MV_KIND_ANON, .no_tally = true},
	};
	static const struct pagesim_run one[] = {{TIB + 777777 * PAGE, TIB + 777778 * PAGE, MV_PAGE_ANON}};
	struct rig r;

	(void)state;
	start(&r, one, 1);
	r.sim.build.rows = rows;
	r.sim.build.count = 1;
	open_at(&r, TIB, 0);
	assert_true(mv_pages_rows(r.p) <= (uint64_t)r.p->geo.grid_rows);
	while (r.p->cell_pages > 1)
		mv_pages_zoom(r.p, r.sim.snap, true);
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	unsigned before = r.sim.answers;
	press(&r, MV_ACT_NEXT_STATE);
	assert_int_equal(r.p->cursor, TIB + 777777 * PAGE);
	assert_true(r.sim.answers - before < 10);
	press(&r, MV_ACT_LAST);
	assert_int_equal(r.p->cursor, 2 * TIB - PAGE);
	press(&r, MV_ACT_PREV_STATE);
	assert_int_equal(r.p->cursor, TIB + 777777 * PAGE);
	finish(&r);
}

static void test_whole_process(void **state)
{
	struct rig r;
	static char text[65536];

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, WHOLE, 0);
	assert_true(r.p->whole);
	/* Every mapping begins a row of its own, in order, and nothing is left out. */
	uint64_t total = mv_pages_rows(r.p), at = 0;
	uint32_t mapping = 0;
	struct mv_pages_row row;
	for (uint64_t i = 0; i < total; i++) {
		assert_true(mv_pages_row(r.p, r.sim.snap, i, &row));
		if (row.first) {
			assert_int_equal(row.range.start, snapbuild_python[mapping++].start);
		} else {
			assert_int_equal(row.range.start, at);
		}
		assert_int_equal(mv_pages_row_of(r.p, r.sim.snap, row.range.start), i);
		assert_int_equal(mv_pages_row_of(r.p, r.sim.snap, row.range.end - 1), i);
		at = row.range.end;
	}
	assert_int_equal(mapping, snapbuild_python_count);
	assert_false(mv_pages_row(r.p, r.sim.snap, total, &row));
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "whole process: 17 mappings"));
	assert_non_null(strstr(text, "python3.11 124K"));
	/* Over the edge of a mapping to the next, and to its own grid and back. */
	press(&r, MV_ACT_LAST);
	for (int i = 0; i < 3; i++)
		press(&r, MV_ACT_LEFT);
	assert_true(r.p->cursor < 0x7ffe5d5f4000);
	press(&r, MV_ACT_SIDE_PAGES);
	assert_false(r.p->whole);
	assert_true(r.p->range.start <= r.p->cursor && r.p->cursor < r.p->range.end);
	press(&r, MV_ACT_SIDE_PAGES);
	assert_true(r.p->whole);
	finish(&r);
}

static void test_whole_process_searches_over_mappings(void **state)
{
	struct rig r;

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, WHOLE, 0);
	assert_true(r.p->cursor == snapbuild_python[0].start);
	/* The tallies of literal rows say more than these runs: let them not be known. */
	r.sim.build.without_tallies = true;
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	press(&r, MV_ACT_NEXT_STATE);
	assert_int_equal(r.p->cursor, ANON);
	press(&r, MV_ACT_PREV_STATE);
	assert_int_equal(r.p->cursor, 0x7f3a0bfff000);
	finish(&r);
}

static void test_sixty_thousand_mappings(void **state)
{
	static struct snapbuild_row rows[60000];
	struct mv_pages_row row;
	struct rig r;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(rows); i++)
		rows[i] = (struct snapbuild_row){.start = ANON + i * 3 * PAGE,
						 .end = ANON + (i * 3 + 2) * PAGE,
						 .perms = i & 1 ? "rw-p" : "r--p",
						 .kind = MV_KIND_ANON};
	start(&r, NULL, 0);
	r.sim.build.rows = rows;
	r.sim.build.count = MV_COUNT_OF(rows);
	open_at(&r, WHOLE, 0);
	assert_int_equal(mv_pages_rows(r.p), 60000);
	assert_true(mv_pages_row(r.p, r.sim.snap, 43210, &row));
	assert_int_equal(row.mapping, 43210);
	press(&r, MV_ACT_LAST);
	assert_int_equal(r.p->top, 60000 - (uint64_t)r.p->geo.grid_rows);
	finish(&r);
}

static void test_mapping_grows_moves_and_goes(void **state)
{
	struct snapbuild_row rows[] = {
	    {.start = ANON,
	     .end = ANON + 64 * PAGE,
	     .perms = "rw-p",
	     .kind = MV_KIND_STACK,
	     .name = "[stack]"},
	    {.start = ANON + TIB, .end = ANON + TIB + PAGE, .perms = "rw-p", .kind = MV_KIND_ANON},
	};
	static char text[65536];
	struct rig r;

	(void)state;
	start(&r, some, 1);
	r.sim.build.rows = rows;
	r.sim.build.count = 2;
	open_at(&r, ANON, ANON + 5 * PAGE);
	rows[0].start -= 16 * PAGE; /* as a stack does */
	r.sim.build.head.maps_gen++;
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	assert_false(r.p->gone);
	assert_int_equal(r.p->range.start, ANON - 16 * PAGE);
	assert_int_equal(r.p->cursor, ANON + 5 * PAGE);
	rows[0].end = ANON + 3 * PAGE; /* the cursor's page is cut off */
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	assert_int_equal(r.p->cursor, ANON + 2 * PAGE);
	r.sim.build.rows = rows + 1;
	r.sim.build.count = 1;
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	assert_true(r.p->gone);
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "this mapping has gone"));
	assert_non_null(strstr(text, "[stack]"));
	assert_int_equal(press(&r, MV_ACT_ENTER).kind, MV_OUT_HINT);
	assert_int_equal(press(&r, MV_ACT_NEXT_STATE).kind, MV_OUT_HINT);
	finish(&r);
}

static void test_exec_is_another_process(void **state)
{
	struct rig r;

	(void)state;
	start(&r, some, 1);
	open_at(&r, ANON, 0);
	r.sim.build.head.epoch++;
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 1);
	assert_true(r.p->gone);
	finish(&r);
}

static void test_enter_mouse_and_find(void **state)
{
	struct rig r;

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, ANON, 0);
	struct mv_input click = {MV_KEY_CLICK, r.p->geo.grid_y + 1, r.p->geo.grid_x + 3};
	uint64_t cell = mv_pages_cell_bytes(r.p);
	assert_int_equal(mv_view_pages.act(r.p, &r.sim.ctx, MV_ACT_NONE, click).kind, MV_OUT_STAY);
	assert_int_equal(r.p->cursor, ANON + (uint64_t)(r.p->geo.cells + 3) * cell);
	click.key = MV_KEY_DOUBLE_CLICK;
	struct mv_outcome out = mv_view_pages.act(r.p, &r.sim.ctx, MV_ACT_NONE, click);
	assert_int_equal(out.kind, MV_OUT_PUSH);
	assert_int_equal(out.view, MV_VIEW_PAGE);
	assert_int_equal(out.place.page, r.p->cursor);
	assert_int_equal(out.place.mapping, ANON);
	out = mv_view_pages.answer(r.p, &r.sim.ctx, "0x7f3a12064123");
	assert_int_equal(out.kind, MV_OUT_STAY);
	assert_int_equal(r.p->cursor, ANON + 100 * PAGE);
	assert_int_equal(mv_view_pages.answer(r.p, &r.sim.ctx, "0x10").kind, MV_OUT_HINT);
	assert_int_equal(mv_view_pages.answer(r.p, &r.sim.ctx, "zzz").kind, MV_OUT_HINT);
	assert_int_equal(mv_view_pages.answer(r.p, &r.sim.ctx, "0xffffffffffffffffffff").kind, MV_OUT_HINT);
	mv_view_pages.answer(r.p, &r.sim.ctx, "LIBC");
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	assert_int_equal(r.p->range.start, 0x7f3a20000000);
	finish(&r);
}

static void test_what_it_asks_for(void **state)
{
	static struct mv_want want;
	struct rig r;

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, ANON, ANON + 7 * PAGE);
	memset(&want, 0, sizeof(want));
	mv_view_pages.want(r.p, &r.sim.ctx, &want);
	assert_int_equal(want.facts, MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_GRID | MV_FACT_PAGE);
	assert_int_equal(want.page, ANON + 7 * PAGE);
	assert_int_equal(want.cell_pages, 32);
	assert_int_equal(want.spans_count, mv_pages_rows(r.p));
	assert_int_equal(want.spans[0].start, ANON);
	for (uint32_t i = 1; i < want.spans_count; i++)
		assert_int_equal(want.spans[i].start, want.spans[i - 1].end);
	assert_int_equal(want.spans[want.spans_count - 1].end, ANON + 25600 * PAGE);
	while (r.p->cell_pages > 1)
		press(&r, MV_ACT_ZOOM_IN);
	memset(&want, 0, sizeof(want));
	mv_view_pages.want(r.p, &r.sim.ctx, &want);
	assert_true(want.facts & MV_FACT_SHARING);
	assert_int_equal(want.spans_count, r.p->geo.grid_rows);
	finish(&r);
}

/* The counts at every zoom: a cell's pages by the glyphs of the dump. */
static void test_counts_at_zooms(void **state)
{
	static struct pagesim_run every_second[50];
	static char text[65536];
	struct rig r;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(every_second); i++)
		every_second[i] =
		    (struct pagesim_run){ANON + 2 * i * PAGE, ANON + (2 * i + 1) * PAGE, MV_PAGE_ANON};
	start(&r, every_second, MV_COUNT_OF(every_second));
	open_at(&r, ANON, 0);
	while (r.p->cell_pages > 1)
		press(&r, MV_ACT_ZOOM_IN);
	dump(&r, text, sizeof(text), true);
	*strstr(text, "--- roles") = '\0';
	size_t touched = 0;
	for (const char *line = strstr(text, "7f3a12000000>#"); line;
	     line = strstr(line, "#."), line += line ? 2 : 0)
		touched++;
	assert_int_equal(touched - 1, 50);
	press(&r, MV_ACT_ZOOM_OUT);
	dump(&r, text, sizeof(text), true);
	assert_non_null(strstr(text, "7f3a12000000>=================================================="));
	finish(&r);
}

static void test_reasons(void **state)
{
	static char text[65536];
	struct rig r;

	(void)state;
	start(&r, some, 1);
	r.sim.build.count = 0;
	r.sim.build.head.part_why[MV_PART_MAPS] = MV_WHY_NEEDS_PTRACE;
	r.sim.build.head.maps_ns = 0;
	open_at(&r, ANON, 0);
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "the mappings cannot be read: needs CAP_SYS_PTRACE"));
	assert_non_null(strstr(text, "run memview as root (sudo), or as the owner of the process"));
	r.sim.build.head.part_why[MV_PART_MAPS] = MV_WHY_NOT_READ;
	r.sim.build.head.life = MV_LIFE_KERNEL_THREAD;
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "no mappings: it is a part of the kernel"));
	assert_null(strstr(text, "sudo"));
	r.sim.build.head.life = MV_LIFE_ZOMBIE;
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "no mappings are left of a zombie"));
	r.sim.build.head.life = MV_LIFE_GONE;
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "no mappings were read in time"));
	finish(&r);
}

/* Mappings are known, what is in them is not. */
static void test_pages_refused(void **state)
{
	static char text[65536];
	struct rig r;

	(void)state;
	start(&r, some, 0);
	r.sim.build.without_tallies = true;
	r.sim.build.head.part_why[MV_PART_PAGES] = MV_WHY_NEEDS_PTRACE_DAC;
	open_at(&r, ANON, 0);
	dump(&r, text, sizeof(text), false);
	assert_non_null(
	    strstr(text, "the pages cannot be read: needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"));
	finish(&r);
}

/* In the whole process a mapping without a page is one row, whatever its size; its row is told as such, moved
 * over, opened and searched past. A page in it unfolds it. */
static void test_untouched_mappings_are_folded(void **state)
{
	struct snapbuild_row rows[] = {
	    {.start = ANON - 64 * PAGE,
	     .end = ANON,
	     .perms = "rw-p",
	     .kind = MV_KIND_HEAP,
	     .name = "[heap]",
	     .state = {[MV_PAGE_ANON] = 64}},
	    {.start = TIB, .end = 2 * TIB, .perms = "---p", .kind = MV_KIND_RESERVED},
	    {.start = 2 * TIB,
	     .end = 2 * TIB + 3000 * PAGE,
	     .perms = "rw-p",
	     .kind = MV_KIND_ANON,
	     .state = {[MV_PAGE_ANON] = 3000}},
	};
	static const struct pagesim_run runs[] = {{2 * TIB, 2 * TIB + 3000 * PAGE, MV_PAGE_ANON}};
	static struct mv_want want = {.facts = MV_FACT_MAPS, .cell_pages = 1};
	static char text[65536];
	struct mv_pages_row row;
	struct rig r;

	(void)state;
	start(&r, runs, 1);
	r.sim.build.rows = rows + 1;
	r.sim.build.count = 2;
	pagesim_answer(&r.sim, &want);
	open_at(&r, WHOLE, 0);
	assert_true(mv_pages_row(r.p, r.sim.snap, 0, &row));
	assert_true(row.folded && row.first && row.range.end == 2 * TIB);
	assert_int_equal(mv_pages_row_cells(r.p, &row), 1);
	assert_int_equal(mv_pages_row_of(r.p, r.sim.snap, TIB + 12345 * PAGE), 0);
	/* The 12M that are there decide the zoom, not the 1T that is not. */
	assert_true(r.p->cell_pages <= 4);
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "1.0T never touched"));
	memset(&want, 0, sizeof(want));
	mv_view_pages.want(r.p, &r.sim.ctx, &want);
	assert_int_equal(want.spans[0].start, 2 * TIB); /* no cells are asked for */
	assert_int_equal(want.visible.start, TIB);
	press(&r, MV_ACT_RIGHT);
	assert_int_equal(r.p->cursor, 2 * TIB);
	press(&r, MV_ACT_LEFT);
	assert_int_equal(r.p->cursor, TIB);
	struct mv_input click = {MV_KEY_CLICK, r.p->geo.grid_y, r.p->geo.grid_x + 9};
	assert_int_equal(mv_view_pages.act(r.p, &r.sim.ctx, MV_ACT_NONE, click).kind, MV_OUT_STAY);
	press(&r, MV_ACT_NEXT_STATE);
	assert_int_equal(r.p->cursor, 2 * TIB);
	press(&r, MV_ACT_PREV_STATE);
	assert_int_equal(r.p->cursor, 2 * TIB - PAGE);
	assert_int_equal(press(&r, MV_ACT_ENTER).place.mapping, TIB);
	rows[1].state[MV_PAGE_ANON] = 1;
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	assert_true(mv_pages_row(r.p, r.sim.snap, 0, &row));
	assert_false(row.folded);
	finish(&r);
}

/* The figures below the whole process are all mappings' together. */
static void test_whole_process_adds_up(void **state)
{
	uint64_t present = 0, pages = 0;
	static char text[65536];
	char number[32], said[64];
	struct rig r;

	(void)state;
	for (size_t i = 0; i < snapbuild_python_count; i++) {
		const struct snapbuild_row *row = &snapbuild_python[i];
		if (row->kind == MV_KIND_VSYSCALL)
			continue;
		pages += (row->end - row->start) / PAGE;
		for (int s = MV_PAGE_ZERO; s < MV_PAGE__N; s++)
			present += row->state[s];
	}
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, WHOLE, 0);
	assert_int_equal(r.p->sum.pages, pages);
	dump(&r, text, sizeof(text), false);
	mv_text_count(number, present);
	snprintf(said, sizeof(said), " %s present", number);
	assert_non_null(strstr(text, said));
	assert_non_null(strstr(text, "in all  "));
	press(&r, MV_ACT_LAST); /* wherever the cursor is */
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, said));
	finish(&r);
}

/* Zoomed in, a bar at the edge and the page's number say where one is. */
static void test_says_where_it_is(void **state)
{
	static char text[65536];
	struct rig r;

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	open_at(&r, ANON, 0);
	dump(&r, text, sizeof(text), false);
	assert_null(strstr(text, "┃"));
	while (r.p->cell_pages > 1)
		press(&r, MV_ACT_ZOOM_IN);
	dump(&r, text, sizeof(text), false);
	char *bar = strstr(text, "┃"), *track = strstr(text, "│");
	assert_true(bar && track && bar < track);
	mv_view_pages.answer(r.p, &r.sim.ctx, "0x7f3a15200000");
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "page 12,801 of 25,600"));
	bar = strstr(text, "┃");
	track = strstr(text, "│");
	assert_true(track < bar && strstr(bar, "│"));
	press(&r, MV_ACT_LAST);
	dump(&r, text, sizeof(text), false);
	assert_null(strstr(strstr(text, "┃"), "│"));
	finish(&r);
}

/* However narrow, no figure is cut short: what does not fit is not said. */
static void test_no_figure_is_cut(void **state)
{
	static char text[65536];

	(void)state;
	for (int cols = 40; cols <= 130; cols++) {
		struct rig r;
		start(&r, some, MV_COUNT_OF(some));
		r.area = (struct mv_rect){0, 0, 24, cols};
		open_at(&r, cols & 1 ? ANON : WHOLE, 0);
		mv_pages_go(r.p, r.sim.snap, ANON + 99 * PAGE);
		pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
		dump(&r, text, sizeof(text), false);
		char *line = strstr(text, "this cell");
		if (line) {
			*strchr(line, '\n') = '\0';
			assert_null(strstr(line, "…"));
		}
		finish(&r);
	}
}

/* Most pages have the last colour of the ages: it is never left out. */
static void test_legend_of_ages_fits(void **state)
{
	static const int widths[] = {60, 80, 120};
	static char text[65536];

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(widths); i++) {
		struct rig r;
		start(&r, some, MV_COUNT_OF(some));
		r.area = (struct mv_rect){0, 0, 24, widths[i]};
		open_at(&r, ANON, 0);
		press(&r, MV_ACT_COLOUR);
		dump(&r, text, sizeof(text), false);
		assert_non_null(strstr(text, "10 min"));
		assert_non_null(strstr(text, "older"));
		finish(&r);
	}
}

static void test_progress_and_end(void **state)
{
	static char text[65536];
	struct rig r;

	(void)state;
	start(&r, some, MV_COUNT_OF(some));
	r.sim.unread_from = ANON + 12800 * PAGE;
	open_at(&r, ANON, 0);
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "reading 50%"));
	/* A search waits for what is not read, and Esc ends it. */
	mv_pages_go(r.p, r.sim.snap, ANON + 200 * PAGE);
	press(&r, MV_ACT_NEXT_STATE);
	assert_true(r.p->search.on);
	dump(&r, text, sizeof(text), false);
	assert_non_null(strstr(text, "searching"));
	assert_non_null(strstr(text, "███s")); /* the picture stays meanwhile */
	assert_int_equal(press(&r, MV_ACT_BACK).kind, MV_OUT_HINT);
	assert_false(r.p->search.on);
	assert_int_equal(press(&r, MV_ACT_BACK).kind, MV_OUT_NONE);
	press(&r, MV_ACT_NEXT_STATE);
	r.sim.build.head.life = MV_LIFE_GONE;
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	assert_false(r.p->search.on);
	dump(&r, text, sizeof(text), false);
	assert_null(strstr(text, "reading"));
	finish(&r);
}

static void test_meanings_and_place(void **state)
{
	struct mv_meaning m;
	struct rig r;
	unsigned n = 0;

	(void)state;
	start(&r, some, 1);
	open_at(&r, ANON, 0);
	while (n < 100 && mv_view_pages.meaning(r.p, &r.sim.ctx, n, &m)) {
		assert_true(m.title.len > 0 && m.formula.len > 0 && m.source.len > 0);
		n++;
	}
	assert_true(n > 9 && n < 100);
	assert_int_equal(mv_view_pages.place(r.p, &r.sim.ctx).mapping, ANON);
	struct mv_place other = {.mapping = snapbuild_python[3].start};
	mv_view_pages.go(r.p, &other);
	pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 2);
	assert_int_equal(r.p->range.start, other.mapping);
	finish(&r);
}

/* Any size, any keys: nothing breaks, nothing is drawn outside, drawing twice gives the same. */
static void test_sizes_and_keys(void **state)
{
	static const enum mv_action keys[] = {
	    MV_ACT_DOWN,       MV_ACT_RIGHT,	  MV_ACT_ZOOM_OUT,  MV_ACT_PAGE_DOWN,
	    MV_ACT_SIDE_PAGES, MV_ACT_NEXT_STATE, MV_ACT_ZOOM_IN,   MV_ACT_LAST,
	    MV_ACT_PREV_STATE, MV_ACT_COLOUR,	  MV_ACT_PAGE_UP,   MV_ACT_UP,
	    MV_ACT_LEFT,       MV_ACT_FIRST,	  MV_ACT_FIND_NEXT, MV_ACT_ENTER};
	static const int sizes[][2] = {{1, 1},	 {1, 80},  {2, 5},    {3, 23},	 {5, 24},   {8, 40},
				       {10, 40}, {23, 80}, {38, 120}, {58, 200}, {200, 500}};
	static char first[1 << 20], second[1 << 20];

	(void)state;
	for (size_t s = 0; s < MV_COUNT_OF(sizes); s++) {
		struct rig r;
		start(&r, some, MV_COUNT_OF(some));
		r.area = (struct mv_rect){0, 0, sizes[s][0], sizes[s][1]};
		r.sim.ctx.page_cols = s & 1 ? 2 : 1;
		open_at(&r, s % 3 ? ANON : WHOLE, 0);
		for (size_t k = 0; k < 3 * MV_COUNT_OF(keys); k++) {
			mv_view_pages.act(r.p, &r.sim.ctx, keys[k * 7 % MV_COUNT_OF(keys)],
					  (struct mv_input){0});
			r.sim.ctx.page_cols = s & 1 ? 2 : 1;
			pagesim_turn(&r.sim, &mv_view_pages, r.p, r.area, 1);
		}
		if (sizes[s][0] < 200) {
			dump(&r, first, sizeof(first), s & 2);
			dump(&r, second, sizeof(second), s & 2);
			assert_string_equal(first, second);
		}
		finish(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_opens_fitted_to_the_screen),
	    cmocka_unit_test(test_zoom_out_ends_at_one_cell),
	    cmocka_unit_test(test_zoom_keeps_the_page_and_its_place),
	    cmocka_unit_test(test_moves_by_cells_and_rows),
	    cmocka_unit_test(test_next_state_finds_the_page),
	    cmocka_unit_test(test_next_state_says_when_there_is_none),
	    cmocka_unit_test(test_a_tebibyte),
	    cmocka_unit_test(test_whole_process),
	    cmocka_unit_test(test_whole_process_searches_over_mappings),
	    cmocka_unit_test(test_sixty_thousand_mappings),
	    cmocka_unit_test(test_mapping_grows_moves_and_goes),
	    cmocka_unit_test(test_exec_is_another_process),
	    cmocka_unit_test(test_enter_mouse_and_find),
	    cmocka_unit_test(test_what_it_asks_for),
	    cmocka_unit_test(test_counts_at_zooms),
	    cmocka_unit_test(test_reasons),
	    cmocka_unit_test(test_pages_refused),
	    cmocka_unit_test(test_untouched_mappings_are_folded),
	    cmocka_unit_test(test_whole_process_adds_up),
	    cmocka_unit_test(test_says_where_it_is),
	    cmocka_unit_test(test_no_figure_is_cut),
	    cmocka_unit_test(test_legend_of_ages_fits),
	    cmocka_unit_test(test_progress_and_end),
	    cmocka_unit_test(test_meanings_and_place),
	    cmocka_unit_test(test_sizes_and_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
