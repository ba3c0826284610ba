/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/sampler.h"
#include "tests/unit/snapbuild.h"
#include "tui/view_growth.h"

/* The whole stack of views over the fixture `grower`, which is looked at once a second. */

static struct {
	struct mv_source *source;
	struct mv_target *target;
	struct mv_sampler *sampler;
	struct mv_delta *delta;
	struct mv_snapshot *snap;
	struct mv_stack *stack;
	struct mv_keeper_status status;
	struct mv_context ctx;
	struct mv_canvas canvas;
	struct mv_want want;
} rig;

static void refresh(void)
{
	snapbuild_context(&rig.ctx, rig.snap, rig.delta, &rig.status);
	rig.ctx.now_ns = mv_source_now(rig.source);
	rig.ctx.now_real_ns = mv_source_now_real(rig.source);
}

static void look(void)
{
	for (int round = 0; round < 4; round++) {
		bool against = rig.ctx.against;
		struct mv_snapshot *snap;

		mv_stack_want(rig.stack, &rig.ctx, rig.canvas.rows, rig.canvas.cols, &rig.want);
		assert_int_equal(mv_sampler_once(rig.sampler, &rig.want, &snap), 0);
		assert_int_equal(mv_delta_feed(rig.delta, snap), 0);
		free(rig.snap);
		rig.snap = snap;
		refresh();
		rig.ctx.against = against;
	}
}

static void tick(unsigned times)
{
	while (times--) {
		mv_source_step(rig.source);
		look();
	}
}

static void press(const char *keys)
{
	struct mv_input input;

	for (int n; (n = mv_keys_parse(keys, &input)) > 0; keys += n) {
		switch (mv_stack_input(rig.stack, &rig.ctx, input)) {
		case MV_EFFECT_MARK:
			mv_delta_mark(rig.delta, rig.snap, rig.ctx.now_ns, rig.ctx.now_real_ns);
			break;
		case MV_EFFECT_AGAINST:
			rig.ctx.against = !rig.ctx.against;
			break;
		default:
			break;
		}
		look();
	}
}

static void draw(void)
{
	mv_stack_draw(rig.stack, &rig.ctx, &rig.canvas);
}

static bool shows(const char *text)
{
	draw();
	return snapbuild_shows(&rig.canvas, text);
}

static int start(void **state)
{
	const char *fixtures = getenv("MV_FIXTURES");
	char root[4096];
	struct mv_source_opts opts = {.root = root};
	struct mv_place nowhere = {0};

	(void)state;
	snprintf(root, sizeof(root), "%s/grower", fixtures ? fixtures : "tests/fixtures");
	memset(&rig, 0, sizeof(rig));
	if (mv_source_new(&opts, &rig.source) || mv_target_open(rig.source, 5150, &rig.target) ||
	    mv_sampler_new(rig.source, rig.target, &rig.sampler) || mv_delta_new(&rig.delta) ||
	    mv_stack_new(MV_VIEW_MAP, &nowhere, &rig.stack) || mv_canvas_init(&rig.canvas, 40, 120))
		return -1;
	refresh();
	look();
	return 0;
}

static int end(void **state)
{
	(void)state;
	mv_canvas_release(&rig.canvas);
	mv_stack_free(rig.stack);
	mv_delta_free(rig.delta);
	free(rig.snap);
	mv_sampler_free(rig.sampler);
	mv_target_close(rig.target);
	mv_source_free(rig.source);
	return 0;
}

static const struct mv_growth_track *track(uint64_t at)
{
	const struct mv_growth_track *t = mv_growth_find(mv_delta_growth(rig.delta), at);

	assert_non_null(t);
	return t;
}

#define HEAP	UINT64_C(0x55d0c0000000)
#define CACHE	UINT64_C(0x7f3000000000)
#define SCRATCH UINT64_C(0x7f4000000000)

/* Histories go on while another side is shown; each mapping is what it is. */
static void what_grows_is_told(void **state)
{
	(void)state;
	press("4");
	tick(24);
	press("5");
	assert_int_equal(track(HEAP)->fit.state, MV_GROWTH_GROWS);
	assert_true(track(HEAP)->fit.slope > 1048000 && track(HEAP)->fit.slope < 1049000);
	assert_int_equal(track(CACHE)->fit.state, MV_GROWTH_STOPPED);
	assert_int_equal(track(SCRATCH)->fit.state, MV_GROWTH_SAWTOOTH);
	assert_true(shows("growth"));
	assert_true(shows("60 % of it in [heap]"));
	assert_true(shows("the cgroup's limit (256M) reached in"));
	assert_true(shows("RLIMIT_AS (1.0G) reached in"));
	assert_true(shows("MemAvailable (11.4G) used up in"));
	assert_true(shows("+24.0M  60 %   +1.0M/s"));
	assert_true(shows("up and down"));
	assert_true(shows("stopped"));
	assert_true(shows("7 of 10 mappings changed"));
	/* Those that came are marked, those that never moved are no rows. */
	assert_true(shows("+7f5000000000"));
	assert_false(shows("libc.so.6"));
}

static void at_first_nothing_is_claimed(void **state)
{
	(void)state;
	press("5");
	assert_true(shows("can't tell yet: watched for 0 s of the 8 s that it takes"));
	assert_true(shows("no mapping has changed"));
	assert_false(shows("at this rate"));
	tick(4);
	assert_true(shows("can't tell yet: watched for 4 s"));
}

static void tracing_names_who_touches(void **state)
{
	(void)state;
	tick(16);
	press("5");
	assert_true(shows("F traces which code touches the new pages"));
	press("F");
	assert_true(shows("97 % of the new pages"));
	assert_true(shows("below load_row()"));
	assert_false(shows("F traces which code"));
}

static void enter_opens_the_mappings_pages(void **state)
{
	(void)state;
	tick(16);
	press("5j<Enter>");
	assert_true(shows("one cell ="));
	assert_true(shows("7f3000000000 [anon]"));
	press("<Esc>");
	assert_true(shows("mappings changed"));
	/* What is selected stays so on the other sides. */
	press("2");
	assert_true(shows("7f3000000000 [anon]"));
}

static void order_and_search(void **state)
{
	(void)state;
	tick(16);
	press("5s");
	assert_true(shows("SLOPE"));
	press("S/0x7f4000000010<Enter>");
	draw();
	assert_true(shows("> 7f4000000000"));
	press("/heap<Enter>");
	assert_true(shows("> 55d0c0000000"));
	press("/nobody<Enter>");
	assert_true(shows("nothing here has that name or address"));
}

static void tab_shows_other_figures(void **state)
{
	(void)state;
	tick(10);
	press("5");
	assert_true(shows("RSS 23.8M  +20.1M"));
	press("<Tab><Tab>");
	assert_true(shows("swap 0"));
	press("<Tab>");
	assert_true(shows("dirty"));
}

static void nothing_is_shown_against_no_mark(void **state)
{
	(void)state;
	press("5d");
	assert_true(shows("nothing is marked yet"));
	assert_false(rig.ctx.against);
}

static void growth_map_and_pages_against_a_mark(void **state)
{
	(void)state;
	tick(10);
	/* In the heap's pages: which of them are there is looked at with the mark. */
	press("5<Enter>m");
	press("<Esc>d");
	tick(6);
	assert_true(shows("against the mark of"));
	assert_true(shows("+6.0M"));
	press("1");
	assert_true(shows("ΔRSS"));
	assert_true(shows("+6.0M"));
	assert_true(shows("against the mark of"));
	press("s");
	draw();
	press("/heap<Enter>2");
	assert_true(shows("new since"));
	assert_true(shows("present +1,536"));
	/* The new ones lie behind the old ones: the role tells them. */
	bool old = false, fresh = false;
	for (int y = 0; y < rig.canvas.rows; y++)
		for (int x = 0; x < rig.canvas.cols; x++) {
			const struct mv_cell *cell = mv_canvas_at(&rig.canvas, y, x);

			old |= cell->role == ROLE_DIM && cell->ch[0] == U'█';
			fresh |= cell->role == ROLE_NEW && cell->ch[0] == U'█';
		}
	assert_true(old && fresh);
	press("d");
	assert_false(shows("new since"));
	/* Pages that nobody looked at are not guessed at. */
	press("1m/0x7f3000000000<Enter>2d");
	assert_true(shows("not known (m here)"));
	draw();
}

static void every_size_and_every_figure_is_said(void **state)
{
	static const int sizes[][2] = {{1, 1},	 {2, 10},   {5, 20},   {8, 30},	 {10, 40},
				       {24, 80}, {40, 120}, {60, 200}, {6, 200}, {40, 10}};
	struct mv_meaning m;
	unsigned n = 0;

	(void)state;
	tick(12);
	press("5");
	for (size_t i = 0; i < MV_COUNT_OF(sizes); i++)
		for (int ascii = 0; ascii < 2; ascii++) {
			assert_int_equal(mv_canvas_resize(&rig.canvas, sizes[i][0], sizes[i][1]), 0);
			rig.canvas.ascii = ascii;
			draw();
			for (int y = 0; ascii && y < rig.canvas.rows; y++)
				for (int x = 0; x < rig.canvas.cols; x++)
					assert_true(mv_canvas_at(&rig.canvas, y, x)->ch[0] < 128);
			look();
		}
	while (mv_view_growth.meaning(&(struct growth_view){0}, &rig.ctx, n, &m)) {
		assert_true(m.title.len && m.formula.len && m.source.len);
		n++;
	}
	assert_true(n > 7);
}

/* One look a second, twelve columns: each second in its place, none where nobody looked. */
static void curves_have_gaps(void **state)
{
	struct mv_growth_sample s[] = {
	    {0, 10, 10, 10, 0}, {1, 20, 20, 20, 0}, {2, 30, 30, 30, 0}, {9, 5, 5, 5, 1}, {10, 6, 6, 6, 1}};
	struct growth_curve c;

	(void)state;
	growth_curve_make(&c, s, 5, 0, 10, 10);
	assert_int_equal(c.cols, 10);
	assert_false(c.gap[0] || c.gap[1]);
	assert_true(c.gap[3] && c.gap[5] && c.gap[7]);
	assert_false(c.gap[8] || c.gap[9]);
	assert_true(c.value[0] > 19 && c.value[0] < 21);
	assert_true(c.value[9] > 5.9 && c.value[9] < 6.1);
	assert_true(c.low > 4.9 && c.low < 5.1 && c.high > 29.9);
	growth_curve_make(&c, s, 0, 0, 10, 10);
	assert_false(c.any);
	growth_curve_make(&c, s, 5, 0, 10, 0);
	assert_int_equal(c.cols, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_grows_is_told, start, end),
	    cmocka_unit_test_setup_teardown(at_first_nothing_is_claimed, start, end),
	    cmocka_unit_test_setup_teardown(tracing_names_who_touches, start, end),
	    cmocka_unit_test_setup_teardown(enter_opens_the_mappings_pages, start, end),
	    cmocka_unit_test_setup_teardown(order_and_search, start, end),
	    cmocka_unit_test_setup_teardown(tab_shows_other_figures, start, end),
	    cmocka_unit_test_setup_teardown(nothing_is_shown_against_no_mark, start, end),
	    cmocka_unit_test_setup_teardown(growth_map_and_pages_against_a_mark, start, end),
	    cmocka_unit_test_setup_teardown(every_size_and_every_figure_is_said, start, end),
	    cmocka_unit_test(curves_have_gaps),
	};

	return cmocka_run_group_tests_name("view_growth", tests, NULL, NULL);
}
