/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/pagesim.h"
#include "tui/view_page.h"

#define ANON UINT64_C(0x7f3a12000000)
#define PAGE UINT64_C(4096)

static const struct pagesim_run runs[] = {
    {ANON, ANON + 100 * PAGE, MV_PAGE_ANON},
    {ANON + 101 * PAGE, ANON + 102 * PAGE, MV_PAGE_SWAPPED},
};
static uint8_t bytes[4096];
static char text[1 << 20];

struct rig {
	struct pagesim sim;
	struct mv_page *p;
	struct mv_rect area;
};

static void start(struct rig *r, uint64_t page, int rows, int cols)
{
	struct mv_place place = {.mapping = ANON, .page = page};

	memset(r, 0, sizeof(*r));
	r->sim.runs = runs;
	r->sim.runs_count = MV_COUNT_OF(runs);
	pagesim_start(&r->sim);
	struct mv_snapshot *h = &r->sim.build.head;
	h->tables_ns = 1;
	h->tables[0] = 61;
	h->tables[1] = 3;
	h->tables[2] = 2;
	h->tables[3] = 1;
	h->tables_kib = 264;
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, "Hello", 5);
	r->sim.build.page_bytes = bytes;
	r->sim.build.page_bytes_count = sizeof(bytes);
	r->area = (struct mv_rect){0, 0, rows, cols};
	r->p = calloc(1, mv_view_page.state_bytes);
	assert_non_null(r->p);
	assert_int_equal(mv_view_page.init(r->p, &place), 0);
}

static void finish(struct rig *r)
{
	free(r->p);
	pagesim_end(&r->sim);
}

static struct mv_outcome press(struct rig *r, enum mv_action action)
{
	struct mv_outcome out = mv_view_page.act(r->p, &r->sim.ctx, action, (struct mv_input){0});

	pagesim_turn(&r->sim, &mv_view_page, r->p, r->area, 2);
	return out;
}

/* Settle and draw; true when the picture has the words. */
static bool shows(struct rig *r, const char *words)
{
	struct mv_canvas c;
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	assert_int_equal(mv_canvas_init(&c, r->area.rows, r->area.cols), 0);
	mv_view_page.draw(r->p, &r->sim.ctx, &c, r->area);
	mv_canvas_dump(&c, out);
	fclose(out);
	mv_canvas_release(&c);
	return strstr(text, words) != NULL;
}

static void turn(struct rig *r)
{
	pagesim_turn(&r->sim, &mv_view_page, r->p, r->area, 2);
}

static void test_address_is_split(void **state)
{
	struct rig r;

	(void)state;
	start(&r, ANON + 0x940 * PAGE, 23, 80);
	turn(&r);
	assert_true(shows(&r, "PGD 254     PUD 232     PMD 148     PTE 320"));
	assert_true(shows(&r, "bits 47-39  38-30       29-21       20-12       11-0"));
	assert_true(shows(&r, "PGD[254] ─▸ PUD[232] ─▸ PMD[148] ─▸ PTE[320] ─▸ nothing yet"));
	assert_true(shows(&r, "1 PGD, 2 PUD, 3 PMD, 61 PTE = 264K; a flat table would take 256G"));
	finish(&r);
	start(&r, ANON, 40, 120);
	r.sim.build.head.levels = 5;
	turn(&r);
	assert_true(shows(&r, "PGD 0       P4D 254     PUD 232     PMD 144     PTE 0"));
	assert_true(shows(&r, "bits 56-48"));
	assert_true(shows(&r, "011111110"));
	assert_true(shows(&r, "│   254 │─▸"));
	finish(&r);
}

/* The arrows mean something else in each pane: it is said, and so is what scrolls. */
static void test_says_what_the_arrows_do(void **state)
{
	struct rig r;

	(void)state;
	start(&r, ANON, 23, 80);
	r.sim.root = true;
	turn(&r);
	turn(&r);
	assert_true(shows(&r, "Left Right: "));
	assert_true(r.p->facts_count <= (unsigned)r.p->facts.rows || shows(&r, "Down: more"));
	press(&r, MV_ACT_PANE);
	assert_false(shows(&r, "Left Right: "));
	assert_true(shows(&r, "arrows: move over the bytes") || shows(&r, "arrows: bytes"));
	finish(&r);
	start(&r, ANON, 40, 160);
	turn(&r);
	assert_true(shows(&r, "Left Right: the neighbouring page   Up Down: scroll   Tab: the bytes"));
	finish(&r);
}

static void test_without_rights(void **state)
{
	struct rig r;

	(void)state;
	start(&r, ANON, 30, 100);
	turn(&r);
	assert_true(shows(&r, "present, anon, exclusive"));
	assert_true(shows(&r, "frame       - (needs CAP_SYS_ADMIN)"));
	assert_true(shows(&r, "flags       - (needs CAP_SYS_ADMIN)"));
	assert_true(shows(&r, "Hello"));
	finish(&r);
}

static void test_as_root(void **state)
{
	struct rig r;

	(void)state;
	start(&r, ANON, 40, 120);
	r.sim.root = true;
	turn(&r);
	assert_true(shows(&r, "0x1a2b3c  at RAM address 0x1a2b3c000"));
	assert_true(shows(&r, "mapped      once"));
	assert_true(shows(&r, "inode 4242"));
	assert_true(shows(&r, "SWAPBACKED     goes to swap when reclaimed, not to a file"));
	assert_false(shows(&r, "MLOCKED"));
	finish(&r);
}

static void test_swapped_and_missing_bytes(void **state)
{
	struct rig r;

	(void)state;
	start(&r, ANON + 101 * PAGE, 30, 100);
	r.sim.build.page_bytes_count = 0;
	turn(&r);
	assert_true(shows(&r, "swapped: in swap: the next touch is a major fault"));
	assert_true(shows(&r, "- (no page is present here)"));
	finish(&r);
}

static void test_turns_pages_and_moves_over_bytes(void **state)
{
	struct rig r;

	(void)state;
	start(&r, ANON, 30, 100);
	turn(&r);
	assert_int_equal(press(&r, MV_ACT_LEFT).kind, MV_OUT_HINT);
	assert_int_equal(press(&r, MV_ACT_RIGHT).kind, MV_OUT_STAY);
	assert_int_equal(r.p->addr, ANON + PAGE);
	assert_int_equal(mv_view_page.place(r.p, &r.sim.ctx).page, ANON + PAGE);
	press(&r, MV_ACT_LAST);
	assert_int_equal(r.p->addr, ANON + 25599 * PAGE);
	assert_int_equal(press(&r, MV_ACT_RIGHT).kind, MV_OUT_HINT);
	press(&r, MV_ACT_FIRST);
	assert_int_equal(r.p->addr, ANON);
	press(&r, MV_ACT_PANE);
	press(&r, MV_ACT_RIGHT);
	press(&r, MV_ACT_DOWN);
	assert_int_equal(r.p->byte, 17);
	assert_true(shows(&r, "7f3a12000011 is byte 17 of 4,096"));
	press(&r, MV_ACT_LAST);
	assert_int_equal(r.p->byte, 4095);
	assert_true(shows(&r, "7f3a12000ff0"));
	press(&r, MV_ACT_RIGHT); /* over the edge */
	assert_int_equal(r.p->addr, ANON + PAGE);
	assert_int_equal(r.p->byte, 0);
	press(&r, MV_ACT_LEFT);
	assert_int_equal(r.p->addr, ANON);
	assert_int_equal(r.p->byte, 4095);
	finish(&r);
}

static void test_mapping_gone(void **state)
{
	struct rig r;

	(void)state;
	start(&r, ANON, 24, 80);
	turn(&r);
	r.sim.build.rows = snapbuild_python;
	r.sim.build.count = 3;
	turn(&r);
	assert_true(shows(&r, "this mapping has gone"));
	assert_int_equal(press(&r, MV_ACT_RIGHT).kind, MV_OUT_HINT);
	finish(&r);
}

static void test_64k_pages_have_other_tables(void **state)
{
	struct rig r;

	(void)state;
	start(&r, ANON, 24, 80);
	r.sim.build.head.page_bytes = 65536;
	turn(&r);
	assert_true(shows(&r, "known for pages of 4K only"));
	finish(&r);
}

static void test_click_selects_a_byte(void **state)
{
	struct rig r;

	(void)state;
	start(&r, ANON, 30, 100);
	turn(&r);
	struct mv_input click = {MV_KEY_CLICK, r.p->hex.y + 2, r.p->hex.x + 14 + 3 * 9 + 1};
	mv_view_page.act(r.p, &r.sim.ctx, MV_ACT_NONE, click);
	assert_true(r.p->bytes_pane);
	assert_int_equal(r.p->byte, 2 * 16 + 9);
	click.x = r.p->hex.x + 14 + 50 + 15;
	mv_view_page.act(r.p, &r.sim.ctx, MV_ACT_NONE, click);
	assert_int_equal(r.p->byte, 2 * 16 + 15);
	finish(&r);
}

static void test_sizes_and_meanings(void **state)
{
	static const int sizes[][2] = {{1, 1},	 {1, 80},  {2, 3},   {4, 13},	{7, 30},   {8, 39},
				       {10, 40}, {15, 81}, {24, 80}, {38, 120}, {60, 200}, {200, 500}};
	struct mv_meaning m;
	unsigned n = 0;
	struct rig r;

	(void)state;
	for (size_t s = 0; s < MV_COUNT_OF(sizes); s++) {
		start(&r, ANON, sizes[s][0], sizes[s][1]);
		r.sim.root = s & 1;
		turn(&r);
		for (int k = 0; k < 6; k++) {
			press(&r, k % 3 ? MV_ACT_PAGE_DOWN : MV_ACT_PANE);
			shows(&r, "");
		}
		press(&r, MV_ACT_PAGE_UP);
		finish(&r);
	}
	start(&r, ANON, 24, 80);
	turn(&r);
	while (n < 100 && mv_view_page.meaning(r.p, &r.sim.ctx, n, &m)) {
		assert_true(m.title.len && m.formula.len && m.source.len && m.unit.len);
		n++;
	}
	assert_true(n >= 10 && n < 100);
	finish(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_address_is_split),
	    cmocka_unit_test(test_says_what_the_arrows_do),
	    cmocka_unit_test(test_without_rights),
	    cmocka_unit_test(test_as_root),
	    cmocka_unit_test(test_swapped_and_missing_bytes),
	    cmocka_unit_test(test_turns_pages_and_moves_over_bytes),
	    cmocka_unit_test(test_mapping_gone),
	    cmocka_unit_test(test_64k_pages_have_other_tables),
	    cmocka_unit_test(test_click_selects_a_byte),
	    cmocka_unit_test(test_sizes_and_meanings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
