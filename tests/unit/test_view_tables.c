/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/pagesim.h"
#include "tui/view_tables.h"

#define ANON UINT64_C(0x7f3a12000000)

static char text[1 << 20];

struct rig {
	struct pagesim sim;
	struct mv_tables *v;
	struct mv_rect area;
	struct snapbuild_row rows[64];
};

static void start(struct rig *r, int rows, int cols)
{
	struct mv_place place = {0};

	memset(r, 0, sizeof(*r));
	pagesim_start(&r->sim);
	for (size_t i = 0; i < snapbuild_python_count; i++) {
		uint32_t used = 0;
		r->rows[i] = snapbuild_python[i];
		for (int s = 1; s < MV_PAGE__N; s++)
			used += r->rows[i].state[s];
		r->rows[i].tables =
		    (struct mv_mapping_tables){{(used + 511) / 512, used != 0, used != 0}, used};
	}
	r->sim.build.rows = r->rows;
	struct mv_snapshot *h = &r->sim.build.head;
	h->tables_ns = 1;
	h->tables[0] = 62;
	h->tables[1] = 3;
	h->tables[2] = 2;
	h->tables[3] = 1;
	h->tables_kib = 268;
	r->area = (struct mv_rect){0, 0, rows, cols};
	r->v = calloc(1, mv_view_tables.state_bytes);
	assert_non_null(r->v);
	assert_int_equal(mv_view_tables.init(r->v, &place), 0);
	pagesim_turn(&r->sim, &mv_view_tables, r->v, r->area, 2);
}

static void finish(struct rig *r)
{
	mv_view_tables.release(r->v);
	free(r->v);
	pagesim_end(&r->sim);
}

static struct mv_outcome press(struct rig *r, enum mv_action action)
{
	struct mv_outcome out = mv_view_tables.act(r->v, &r->sim.ctx, action, (struct mv_input){0});

	pagesim_turn(&r->sim, &mv_view_tables, r->v, r->area, 1);
	return out;
}

static bool shows(struct rig *r, const char *words)
{
	struct mv_canvas c;
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	assert_int_equal(mv_canvas_init(&c, r->area.rows, r->area.cols), 0);
	mv_view_tables.draw(r->v, &r->sim.ctx, &c, r->area);
	mv_canvas_dump(&c, out);
	fclose(out);
	mv_canvas_release(&c);
	return strstr(text, words) != NULL;
}

static void turn(struct rig *r)
{
	pagesim_turn(&r->sim, &mv_view_tables, r->v, r->area, 2);
}

static void test_levels_and_sums(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 40, 120);
	assert_true(shows(&r, "all but the PGD 268K  VmPTE 268K  equal"));
	assert_true(shows(&r, "62     248K"));
	assert_true(shows(&r, "31,744")); /* 62 x 512 */
	assert_true(shows(&r, "A flat table would be 986,895 times the size"));
	r.sim.build.head.status.vm_pte_kib = mv_val_of(276);
	turn(&r);
	assert_true(shows(&r, "the kernel has 8.0K more") || shows(&r, "the kernel has 8K more"));
	r.sim.build.head.status.vm_pte_kib = mv_val_of(264);
	turn(&r);
	assert_true(shows(&r, "4K less"));
	r.sim.build.head.status.vm_pte_kib = mv_val_missing(MV_WHY_NO_KERNEL);
	turn(&r);
	assert_true(shows(&r, "VmPTE - (this kernel does not offer it)"));
	finish(&r);
}

static void test_dearest_first_and_sorting(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 40, 120);
	assert_int_equal(r.v->order[0].index, 6);
	press(&r, MV_ACT_DOWN);
	press(&r, MV_ACT_UP);
	assert_int_equal(r.v->selected, ANON);
	assert_true(shows(&r, "7f3a12000000     100M    41.3M       21      1     1      92K"));
	for (uint32_t i = 1; i < r.v->count; i++)
		assert_true(r.v->order[i - 1].value >= r.v->order[i].value);
	press(&r, MV_ACT_REVERSE);
	assert_int_equal(r.v->selected, ANON); /* the cursor stays on its mapping */
	assert_int_equal(r.v->at, r.v->count - 1);
	for (int i = 0; i < MV_TABLES__N; i++) {
		press(&r, MV_ACT_SORT);
		assert_int_equal(r.v->selected, ANON);
		assert_int_equal(r.v->order[r.v->at].index, 6);
		shows(&r, "");
	}
	finish(&r);
}

/* Coming from the map one sees the dearest, and the map keeps what it had; a page's mapping is gone to. */
static void test_opens_at_the_dearest(void **state)
{
	struct rig r;
	struct mv_place from_map = {.mapping = snapbuild_python[2].start},
			from_page = {.mapping = snapbuild_python[2].start, .page = snapbuild_python[2].start};

	(void)state;
	start(&r, 10, 40);
	mv_view_tables.go(r.v, &from_map);
	turn(&r);
	assert_int_equal(r.v->at, 0);
	assert_int_equal(r.v->top, 0);
	assert_true(mv_view_tables.place(r.v, &r.sim.ctx).unchosen);
	mv_view_tables.go(r.v, &from_page);
	turn(&r);
	assert_int_equal(r.v->order[r.v->at].index, 2);
	assert_false(mv_view_tables.place(r.v, &r.sim.ctx).unchosen);
	finish(&r);
}

static void test_address_order_ascends(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 40, 120);
	while (r.v->sorted != MV_TABLES_ADDRESS)
		press(&r, MV_ACT_SORT);
	for (uint32_t i = 0; i < r.v->count; i++)
		assert_int_equal(r.v->order[i].index, i);
	finish(&r);
}

static void test_moves_opens_finds(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 24, 80);
	struct mv_outcome out = press(&r, MV_ACT_ENTER);
	assert_int_equal(out.kind, MV_OUT_PUSH);
	assert_int_equal(out.view, MV_VIEW_PAGES);
	assert_int_equal(out.place.mapping, ANON);
	press(&r, MV_ACT_LAST);
	assert_int_equal(r.v->at, snapbuild_python_count - 1);
	press(&r, MV_ACT_PAGE_UP);
	press(&r, MV_ACT_FIRST);
	assert_int_equal(r.v->at, 0);
	press(&r, MV_ACT_UP);
	assert_int_equal(r.v->at, 0);
	mv_view_tables.answer(r.v, &r.sim.ctx, "0x55d1c2a00123");
	turn(&r);
	assert_int_equal(r.v->selected, 0x55d1c2a00000);
	assert_int_equal(r.v->order[r.v->at].index, 3);
	mv_view_tables.answer(r.v, &r.sim.ctx, "LIBC");
	uint64_t first = r.v->selected;
	press(&r, MV_ACT_FIND_NEXT);
	assert_int_not_equal(r.v->selected, first);
	press(&r, MV_ACT_FIND_PREV);
	assert_int_equal(r.v->selected, first);
	assert_int_equal(mv_view_tables.answer(r.v, &r.sim.ctx, "no such").kind, MV_OUT_HINT);
	assert_int_equal(mv_view_tables.answer(r.v, &r.sim.ctx, "0x1").kind, MV_OUT_HINT);
	struct mv_input click = {MV_KEY_CLICK, r.v->list_y + 1, 5};
	mv_view_tables.act(r.v, &r.sim.ctx, MV_ACT_NONE, click);
	assert_int_equal(r.v->at, r.v->top + 1);
	finish(&r);
}

static void test_selection_survives_changes(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 24, 80);
	press(&r, MV_ACT_DOWN);
	press(&r, MV_ACT_DOWN);
	uint64_t selected = r.v->selected;
	r.rows[3].tables.tables[0] = 40; /* another becomes the dearest */
	r.sim.build.head.tables_ns++;
	turn(&r);
	assert_int_equal(r.v->selected, selected);
	r.sim.build.rows = r.rows + 6; /* half of them vanish */
	r.sim.build.count = 4;
	r.sim.build.head.maps_gen++;
	turn(&r);
	assert_true(r.v->at < 4);
	assert_int_not_equal(r.v->selected, 0);
	r.sim.build.count = 0;
	r.sim.build.head.maps_gen++;
	turn(&r);
	assert_int_equal(press(&r, MV_ACT_ENTER).kind, MV_OUT_HINT);
	finish(&r);
}

static void test_filter_by_kind(void **state)
{
	struct rig r;
	unsigned seen = 0;

	(void)state;
	start(&r, 24, 80);
	uint64_t entries = r.v->entries;
	for (int i = 0; i < MV_KIND__N + 1; i++) {
		assert_int_equal(press(&r, MV_ACT_FILTER).kind, MV_OUT_HINT);
		if (r.v->only == MV_KIND__N)
			break;
		for (uint32_t k = 0; k < r.v->count; k++)
			assert_int_equal(r.rows[r.v->order[k].index].kind, r.v->only);
		assert_true(r.v->count > 0 && r.v->at < r.v->count);
		assert_int_equal(r.v->entries, entries);
		seen += r.v->count;
		assert_true(shows(&r, ", listed: "));
	}
	assert_int_equal(seen, snapbuild_python_count);
	assert_int_equal(r.v->count, snapbuild_python_count);
	finish(&r);
}

static void test_not_counted_yet(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 24, 80);
	r.sim.build.head.tables_ns = 0;
	r.sim.build.head.pages_done = 5;
	r.sim.build.head.round_of = 17;
	turn(&r);
	assert_true(shows(&r, "counting: 5 of 17 mappings"));
	r.sim.build.head.part_why[MV_PART_TABLES] = MV_WHY_NEEDS_PTRACE_DAC;
	turn(&r);
	assert_true(shows(&r, "the tables cannot be counted: needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"));
	/* The mappings themselves, refused: nothing is counted for ever. */
	r.sim.build.count = 0;
	r.sim.build.head.part_why[MV_PART_MAPS] = MV_WHY_NEEDS_PTRACE;
	turn(&r);
	assert_true(shows(&r, "the mappings cannot be read: needs CAP_SYS_PTRACE"));
	assert_true(shows(&r, "run memview as root (sudo)"));
	r.sim.build.head.life = MV_LIFE_ZOMBIE;
	turn(&r);
	assert_true(shows(&r, "no mappings are left of a zombie"));
	assert_false(shows(&r, "counting"));
	finish(&r);
}

/* Heads that read as what they are, and bars at every width. */
static void test_levels_have_bars(void **state)
{
	static const int widths[] = {80, 100, 120, 200};
	size_t last = 0;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(widths); i++) {
		struct rig r;
		start(&r, 40, widths[i]);
		assert_true(shows(&r, "CAPACITY   FULL"));
		/* The PTE level: its bar is the length of what is full and what is not. */
		char *line = strstr(text, "\n PTE ") + 1, *end = strchr(line, '\n');
		*end = '\0';
		char *percent = strrchr(line, ' ');
		assert_non_null(strstr(line, "█"));
		size_t cols = (size_t)(percent - line);
		assert_true(cols >= last);
		last = cols;
		finish(&r);
	}
	assert_true(last > 130);
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
		start(&r, sizes[s][0], sizes[s][1]);
		r.sim.build.head.levels = s & 1 ? 5 : 4;
		for (int k = 0; k < 4; k++) {
			press(&r, k & 1 ? MV_ACT_PAGE_DOWN : MV_ACT_LAST);
			r.sim.ctx.exact = k & 1;
			shows(&r, "");
		}
		finish(&r);
	}
	start(&r, 24, 80);
	while (n < 100 && mv_view_tables.meaning(r.v, &r.sim.ctx, n, &m)) {
		assert_true(m.title.len && m.formula.len && m.source.len && m.unit.len);
		n++;
	}
	assert_true(n >= 6 && n < 100);
	finish(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_levels_and_sums),	 cmocka_unit_test(test_dearest_first_and_sorting),
	    cmocka_unit_test(test_opens_at_the_dearest), cmocka_unit_test(test_address_order_ascends),
	    cmocka_unit_test(test_moves_opens_finds),	 cmocka_unit_test(test_selection_survives_changes),
	    cmocka_unit_test(test_filter_by_kind),	 cmocka_unit_test(test_not_counted_yet),
	    cmocka_unit_test(test_levels_have_bars),	 cmocka_unit_test(test_sizes_and_meanings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
