/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <locale.h>

#include "tests/unit/snapbuild.h"
#include "tui/view_private.h"

/* The stack of views and what is around them: fed with keys, read from the canvas. */

static struct {
	struct snapbuild build;
	struct mv_snapshot *snap;
	struct mv_delta *delta;
	struct mv_keeper_status status;
	struct mv_context ctx;
	struct mv_canvas canvas;
	struct mv_stack *stack;
	struct mv_want want;
} t;

static void feed(void)
{
	free(t.snap);
	t.snap = snapbuild_make(&t.build);
	assert_int_equal(mv_delta_feed(t.delta, t.snap), 0);
	snapbuild_context(&t.ctx, t.snap, t.delta, &t.status);
}

static int setup(void **state)
{
	struct mv_place nowhere = {0};

	(void)state;
	memset(&t, 0, sizeof(t));
	snapbuild_init(&t.build);
	t.build.rows = snapbuild_python;
	t.build.count = snapbuild_python_count;
	assert_int_equal(mv_delta_new(&t.delta), 0);
	feed();
	assert_int_equal(mv_stack_new(MV_VIEW_MAP, &nowhere, &t.stack), 0);
	return mv_canvas_init(&t.canvas, 24, 100);
}

static int teardown(void **state)
{
	(void)state;
	mv_stack_free(t.stack);
	mv_canvas_release(&t.canvas);
	mv_delta_free(t.delta);
	free(t.snap);
	return 0;
}

static void draw(void)
{
	mv_stack_want(t.stack, &t.ctx, t.canvas.rows, t.canvas.cols, &t.want);
	mv_stack_draw(t.stack, &t.ctx, &t.canvas);
}

static void resize(int rows, int cols)
{
	assert_int_equal(mv_canvas_resize(&t.canvas, rows, cols), 0);
	draw();
}

static enum mv_effect press(const char *keys)
{
	enum mv_effect effect = MV_EFFECT_NONE;
	struct mv_input input;
	int n;

	draw();
	for (; (n = mv_keys_parse(keys, &input)) > 0; keys += n) {
		effect = mv_stack_input(t.stack, &t.ctx, input);
		draw();
	}
	assert_int_equal(n, 0);
	return effect;
}

static const char *bottom(void)
{
	return snapbuild_line(&t.canvas, t.canvas.rows - 1);
}

static bool shows(const char *text)
{
	return snapbuild_shows(&t.canvas, text);
}

/* ---- levels and sides ---- */

static void test_levels(void **state)
{
	(void)state;
	draw();
	assert_true(shows("ADDRESS"));
	assert_null(strstr(bottom(), "Esc out"));
	press("jjj<Enter>");
	assert_false(shows("ADDRESS"));
	assert_non_null(strstr(bottom(), "Esc out"));
	press("<Esc>");
	assert_true(shows("ADDRESS"));
	assert_true(shows("> 55d1c2a00000"));
}

static void test_esc_at_the_top_hints(void **state)
{
	(void)state;
	assert_int_equal(press("<Esc>"), MV_EFFECT_DRAW);
	assert_non_null(strstr(bottom(), "q quits"));
	t.ctx.now_ns += 10 * MV_NS_PER_SEC;
	draw();
	assert_non_null(
	    strstr(bottom(), "1 Map 2 Pages 3 Faults 4 Threads 5 Growth 6 Heap 7 Tables 8 Files"));
}

static void test_sides_keep_level_and_place(void **state)
{
	(void)state;
	press("sxjj");
	assert_true(shows("SIZE▾"));
	press("7");
	assert_false(shows("RESIDENT"));
	assert_null(strstr(bottom(), "Esc out"));
	press("1");
	/* Sorted and grouped as it was. */
	assert_true(shows("SIZE▾"));
	assert_true(shows("libc.so.6 (5)"));
	assert_true(shows("> 55d1c0a00000"));
	assert_null(strstr(bottom(), "Esc out"));
}

static void test_bottom_says_what_enter_does(void **state)
{
	(void)state;
	press("xjjjjj");
	while (!strstr(bottom(), "Enter unfold") && press("<Down>") == MV_EFFECT_DRAW && !shows("> 7ffe"))
		;
	assert_non_null(strstr(bottom(), "Enter unfold"));
	press("<Enter>");
	assert_non_null(strstr(bottom(), "Enter fold"));
	press("<Down>");
	assert_non_null(strstr(bottom(), "Enter in"));
	resize(24, 80);
	press("<Left>");
	assert_non_null(strstr(bottom(), "Enter unfold"));
}

static void test_side_from_a_deeper_level(void **state)
{
	(void)state;
	press("jjj<Enter>1");
	assert_true(shows("> 55d1c2a00000"));
	/* No second map lies upon the first. */
	assert_null(strstr(bottom(), "Esc out"));
}

static void test_side_that_is_on(void **state)
{
	(void)state;
	draw();
	assert_int_equal(mv_canvas_at(&t.canvas, 23, 1)->role, ROLE_SIDE_ON);
	press("7");
	assert_int_equal(mv_canvas_at(&t.canvas, 23, 1)->role, ROLE_KEY);
}

static void test_many_levels_do_not_end_it(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		press("<Enter>?w");
	for (int i = 0; i < 100; i++)
		press("<Esc>");
	press("<Esc>");
	assert_true(shows("ADDRESS"));
}

/* ---- the machine ---- */

/* Its stack instead of the process's. */
static void go_to_the_machine(void)
{
	const struct mv_place nowhere = {0};

	mv_stack_free(t.stack);
	t.stack = NULL;
	assert_int_equal(mv_stack_new(MV_VIEW_MACHINE, &nowhere, &t.stack), 0);
	t.ctx.snap = NULL;
	t.ctx.has_machine = true;
	t.status.pid = 0;
}

/* Is the side of that digit marked in the bottom line? */
static bool is_on(char digit)
{
	const char *line = bottom(), *at = strchr(line, digit);

	return at && mv_canvas_at(&t.canvas, t.canvas.rows - 1, (int)(at - line))->role == ROLE_SIDE_ON;
}

static void test_from_a_process_to_the_machine(void **state)
{
	(void)state;
	assert_int_equal(press("<Esc>"), MV_EFFECT_DRAW);
	assert_non_null(strstr(bottom(), "0 the machine, q quits"));
	assert_int_equal(press("0"), MV_EFFECT_MACHINE);
	t.ctx.has_machine = true;
	draw();
	assert_non_null(strstr(bottom(), "Esc machine"));
	assert_int_equal(press("<Esc>"), MV_EFFECT_MACHINE);
	/* From a level further in, and from what lies over it, Esc goes out as ever. */
	assert_int_equal(press("jjj<Enter>"), MV_EFFECT_DRAW);
	assert_non_null(strstr(bottom(), "Esc out"));
	assert_int_equal(press("<Esc>"), MV_EFFECT_DRAW);
	assert_int_equal(press("?<Esc>"), MV_EFFECT_DRAW);
	assert_int_equal(press("?<Esc><Esc>"), MV_EFFECT_MACHINE);
	assert_int_equal(press("?0"), MV_EFFECT_MACHINE);
}

static void test_sides_of_the_machine(void **state)
{
	(void)state;
	go_to_the_machine();
	draw();
	assert_non_null(strstr(bottom(), "1 Machine 2 Memory 3 Services 4 Reclaim 5 Zones 6 Atlas"));
	assert_null(strstr(bottom(), "Map"));
	assert_null(strstr(bottom(), "Esc"));
	for (const char *side = "234561"; *side; side++) {
		const char key[2] = {*side, '\0'};

		press(key);
		assert_true(is_on(*side));
	}
	/* What a process alone can do is dead here. */
	assert_int_equal(press("8"), MV_EFFECT_NONE);
	assert_int_equal(press("F"), MV_EFFECT_NONE);
	assert_int_equal(press("m"), MV_EFFECT_NONE);
	/* From what lies over a side, the same digits. */
	press("?2");
	assert_true(is_on('2'));
	assert_int_equal(press("q"), MV_EFFECT_QUIT);
}

static void test_outermost_is_the_machine(void **state)
{
	(void)state;
	go_to_the_machine();
	assert_int_equal(press("<Esc>"), MV_EFFECT_DRAW);
	assert_non_null(strstr(bottom(), "this is the outermost level; q quits"));
	assert_int_equal(press("0"), MV_EFFECT_DRAW);
	assert_non_null(strstr(bottom(), "memview was started for no process"));
	t.ctx.home = 4711;
	assert_int_equal(press("<Esc>"), MV_EFFECT_DRAW);
	assert_non_null(strstr(bottom(), "0 goes back"));
	assert_int_equal(press("0"), MV_EFFECT_OPEN);
	assert_int_equal(mv_stack_opens(t.stack), 4711);
}

static void test_wants_of_the_machine(void **state)
{
	struct mv_machine_want want;

	(void)state;
	mv_stack_want_machine(t.stack, &t.ctx, 24, 100, &want);
	assert_int_equal(want.facts, 0);
	assert_int_equal(want.interval_ms, 1000);
	go_to_the_machine();
	for (const char *side = "123456"; *side; side++) {
		const char key[2] = {*side, '\0'};

		t.ctx.paused = false;
		press(key);
		mv_stack_want_machine(t.stack, &t.ctx, 24, 100, &want);
		/* Growth is counted whatever is shown. */
		assert_true(want.facts & MV_MACHINE_TASKS);
		assert_int_equal(want.interval_ms, 1000);
		t.ctx.paused = true;
		mv_stack_want_machine(t.stack, &t.ctx, 24, 100, &want);
		assert_int_equal(want.interval_ms, 0);
		assert_true(want.cell_frames && !(want.cell_frames & (want.cell_frames - 1)));
	}
}

static void test_quit_from_the_machine_asks_for_a_running_command(void **state)
{
	struct mv_keeper_status command = {.pid = 4711, .is_command = true};

	(void)state;
	go_to_the_machine();
	t.ctx.has_output = true;
	t.ctx.command = &command;
	assert_int_equal(press("q"), MV_EFFECT_DRAW);
	assert_non_null(strstr(bottom(), "4711 still runs"));
	assert_int_equal(press("l"), MV_EFFECT_LEAVE_RUNNING);
	command.exited = true;
	assert_int_equal(press("q"), MV_EFFECT_QUIT);
}

static void test_banner_of_a_stuck_machine(void **state)
{
	(void)state;
	go_to_the_machine();
	t.status.stuck = true;
	t.status.stuck_pid = 77;
	memcpy(t.status.wchan, "fuse_wait", sizeof("fuse_wait"));
	draw();
	assert_true(shows("the reader is blocked in fuse_wait at process 77, which will be left out"));
	assert_false(shows("counters go on"));
}

/* ---- the bottom line ---- */

static void test_bottom_fits(void **state)
{
	(void)state;
	for (int cols = 1; cols <= 200; cols++) {
		resize(24, cols);
		assert_null(strstr(bottom(), "…"));
	}
	resize(24, 30);
	assert_non_null(strstr(bottom(), "? help"));
	assert_non_null(strstr(bottom(), "q quit"));
	/* Narrow: the side that is shown has its name, all the others can be turned to. */
	resize(24, 40);
	assert_non_null(strstr(bottom(), "1 Map 2 3 4 5 6 7 8  ? help  q quit"));
	press("7");
	assert_non_null(strstr(bottom(), "1 2 3 4 5 6 7 Tables 8  ? help  q quit"));
	press("1");
	resize(24, 80);
	assert_non_null(strstr(
	    bottom(), "1Map 2Pages 3Faults 4Threads 5Growth 6Heap 7Tables 8Files Enter in ? help q quit"));
	resize(24, 96);
	assert_non_null(strstr(
	    bottom(),
	    "1 Map 2 Pages 3 Faults 4 Threads 5 Growth 6 Heap 7 Tables 8 Files  Enter in  ? help  q quit"));
}

static void test_bottom_can_be_clicked(void **state)
{
	(void)state;
	resize(24, 100);
	press("<Click 23,51>"); /* Tables */
	assert_false(shows("RESIDENT"));
	press("<Click 23,2>"); /* Map */
	assert_true(shows("RESIDENT"));
}

static void test_hint_of_the_loop(void **state)
{
	(void)state;
	mv_stack_hint(t.stack, MV_TEXT("saved to x.svg"), t.ctx.now_ns + 1);
	draw();
	assert_non_null(strstr(bottom(), "saved to x.svg"));
	/* Any key takes it away. */
	assert_int_equal(press("9"), MV_EFFECT_DRAW);
	assert_null(strstr(bottom(), "saved"));
}

/* ---- effects ---- */

static void test_effects(void **state)
{
	static const struct {
		const char *key;
		enum mv_effect effect;
	} all[] = {{"<Space>", MV_EFFECT_PAUSE}, {"<lt>", MV_EFFECT_SLOWER}, {">", MV_EFFECT_FASTER},
		   {"t", MV_EFFECT_THEME},	 {"^L", MV_EFFECT_REDRAW},   {"p", MV_EFFECT_SAVE},
		   {"u", MV_EFFECT_EXACT},	 {"q", MV_EFFECT_QUIT},	     {"^C", MV_EFFECT_QUIT}};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(all); i++)
		assert_int_equal(press(all[i].key), all[i].effect);
	assert_int_equal(press("R"), MV_EFFECT_DRAW);
	t.status.gave_up = true;
	assert_int_equal(press("R"), MV_EFFECT_RETRY);
}

static void test_quit_asks_for_a_running_command(void **state)
{
	(void)state;
	t.ctx.has_output = true;
	t.status.is_command = true;
	t.ctx.command = &t.status;
	assert_int_equal(press("q"), MV_EFFECT_DRAW);
	assert_non_null(strstr(bottom(), "python3 4711 still runs"));
	assert_int_equal(press("<Esc>"), MV_EFFECT_DRAW);
	assert_null(strstr(bottom(), "still runs"));
	assert_int_equal(press("ql"), MV_EFFECT_LEAVE_RUNNING);
	assert_int_equal(press("qy"), MV_EFFECT_QUIT);
	t.status.exited = true;
	assert_int_equal(press("q"), MV_EFFECT_QUIT);
}

static void test_paused_wants_no_ticks(void **state)
{
	(void)state;
	draw();
	assert_int_equal(t.want.interval_ms, 1000);
	t.ctx.paused = true;
	draw();
	assert_int_equal(t.want.interval_ms, 0);
	assert_true(shows("PAUSED"));
}

/* ---- line editor ---- */

static void test_editor(void **state)
{
	(void)state;
	press("/lixc");
	assert_non_null(strstr(bottom(), ": lixc"));
	press("<Left><BS>b<End>!<BS><Enter>");
	assert_true(shows("> 7f3a20000000"));
	press("/q<Esc>");
	assert_true(shows("> 7f3a20000000"));
	assert_null(strstr(bottom(), "find a name"));
	assert_int_equal(press("/<BS>"), MV_EFFECT_DRAW);
	assert_null(strstr(bottom(), "find a name"));
}

static void test_editor_alone(void **state)
{
	struct mv_editor e;

	(void)state;
	mv_editor_init(&e);
	mv_editor_input(&e, 0xd55c); /* three bytes */
	mv_editor_input(&e, 'a');
	mv_editor_input(&e, 0x1f600); /* four */
	assert_int_equal(e.len, 8);
	mv_editor_input(&e, MV_KEY_LEFT);
	mv_editor_input(&e, MV_KEY_LEFT);
	assert_int_equal(e.cursor, 3);
	mv_editor_input(&e, MV_KEY_BACKSPACE);
	assert_string_equal(e.text, "a😀");
	mv_editor_input(&e, MV_KEY_DELETE);
	assert_string_equal(e.text, "😀");
	mv_editor_input(&e, 1);
	mv_editor_input(&e, 0x85);
	mv_editor_input(&e, 0xdc00);
	mv_editor_input(&e, MV_KEY_PGUP);
	assert_string_equal(e.text, "😀");
	for (int i = 0; i < 1000; i++)
		mv_editor_input(&e, 0xd55c);
	assert_true(e.len < sizeof(e.text));
	assert_int_equal(e.text[e.len], 0);
	assert_int_equal(mv_editor_input(&e, MV_KEY_ENTER), MV_EDITOR_DONE);
	mv_editor_draw(&e, &t.canvas, 0, 20, MV_TEXT("find: "));
	assert_int_equal(mv_canvas_at(&t.canvas, 0, 0)->ch[0], U' ');
}

/* ---- banners ---- */

static void test_banner_of_the_end(void **state)
{
	(void)state;
	t.status.exited = t.status.exit_known = true;
	t.status.exit_real_ns = UINT64_C(1700000000) * MV_NS_PER_SEC;
	t.status.exit_status = 3 << 8;
	draw();
	assert_true(shows("ended with exit status 3 at 22:13:20"));
	assert_true(shows("last picture"));
	assert_true(shows("ENDED"));
	assert_true(shows("7f3a12000000"));
	t.status.exit_status = SIGKILL;
	draw();
	assert_true(shows("ended by SIGKILL"));
	t.status.exit_status = SIGRTMIN;
	draw();
	assert_true(shows("ended by signal "));
	t.status.exit_known = false;
	draw();
	assert_true(shows("the process has ended"));
}

static void test_banner_of_a_stuck_reader(void **state)
{
	(void)state;
	t.status.stuck = true;
	memcpy(t.status.wchan, "fuse_wait", sizeof("fuse_wait"));
	t.ctx.now_ns = t.snap->taken_ns + 12 * MV_NS_PER_SEC;
	draw();
	assert_true(shows("the reader is blocked in fuse_wait; data is 12 s old"));
	assert_true(shows("12 s OLD"));
	t.status.gave_up = true;
	draw();
	assert_true(shows("R tries again"));
}

static void test_banner_of_a_lost_reader(void **state)
{
	(void)state;
	t.ctx.lost = true;
	draw();
	assert_true(shows("nothing more is read"));
	assert_true(shows("LOST"));
	/* It stays, whatever is pressed. */
	press("jj");
	t.ctx.now_ns += 100 * MV_NS_PER_SEC;
	draw();
	assert_true(shows("nothing more is read"));
	assert_true(shows("1 Map"));
}

static void test_banner_of_an_exec(void **state)
{
	(void)state;
	draw();
	assert_false(shows("exec:"));
	t.build.head.seq++;
	t.build.head.epoch++;
	t.build.head.taken_ns += MV_NS_PER_SEC;
	feed();
	draw();
	assert_true(shows("exec: a new program since "));
	t.ctx.now_ns += 11 * MV_NS_PER_SEC;
	draw();
	assert_false(shows("exec:"));
}

static void test_first_exec_of_a_command_is_no_news(void **state)
{
	(void)state;
	t.build.head.started_real_ns = t.build.head.taken_real_ns;
	t.build.head.seq++;
	feed();
	draw();
	t.build.head.seq++;
	t.build.head.epoch++;
	feed();
	draw();
	assert_false(shows("exec:"));
}

static void test_banner_of_what_has_no_memory(void **state)
{
	(void)state;
	t.build.head.seq++;
	t.build.count = 0;
	t.build.head.life = MV_LIFE_KERNEL_THREAD;
	feed();
	draw();
	assert_true(shows("a kernel thread has no user memory"));
	t.build.head.seq++;
	t.build.head.life = MV_LIFE_ZOMBIE;
	feed();
	draw();
	assert_true(shows("a zombie"));
}

/* ---- header ---- */

static void test_header(void **state)
{
	(void)state;
	resize(24, 140);
	const char *first = snapbuild_line(&t.canvas, 0), *second = snapbuild_line(&t.canvas, 1);
	assert_non_null(strstr(first, "memview  python3 4711  uid 65534  sleeping  3 threads  RSS 98.2M"));
	assert_non_null(strstr(first, "VSZ 117M   PSS 91.0M  swap 0"));
	assert_non_null(strstr(first, "LIVE 1s"));
	assert_non_null(strstr(second, "faults  minor 26,645"));
	assert_non_null(strstr(second, "tables 268K   limit 112M of 512M  oom 666"));
	assert_true(t.want.facts & MV_FACT_ROLLUP);
	t.ctx.user = MV_TEXT("nobody");
	draw();
	assert_true(shows("4711  nobody  sleeping"));
	resize(24, 80);
	assert_false(shows("oom"));
	assert_false(shows("limit"));
	assert_null(strstr(snapbuild_line(&t.canvas, 0), "PSS"));
	assert_false(t.want.facts & MV_FACT_ROLLUP);
	assert_non_null(strstr(snapbuild_line(&t.canvas, 0), "RSS 98.2M"));
	assert_non_null(strstr(snapbuild_line(&t.canvas, 0), "LIVE 1s"));
}

static void test_header_rates(void **state)
{
	(void)state;
	t.build.head.seq++;
	t.build.head.taken_ns += MV_NS_PER_SEC;
	t.build.head.stat.minor_faults += 2560;
	t.build.head.figure[MV_FIG_MINOR] = mv_val_of(26645 + 2560);
	feed();
	draw();
	assert_true(shows("minor 29,205 +2,560/s"));
	assert_true(shows("major 0 +0/s"));
}

static void test_header_without_values(void **state)
{
	(void)state;
	t.build.head.seq++;
	t.build.head.figure[MV_FIG_PSS] = mv_val_missing(MV_WHY_NEEDS_PTRACE);
	t.build.head.figure[MV_FIG_LIMIT] = mv_val_missing(MV_WHY_NO_LIMIT);
	feed();
	resize(24, 140);
	assert_true(shows("PSS -"));
	/* The counters' zeros are no figures where there are none. */
	t.build.head.seq++;
	t.build.head.taken_ns += MV_NS_PER_SEC;
	t.build.head.life = MV_LIFE_KERNEL_THREAD;
	t.build.head.figure[MV_FIG_RSS] = mv_val_missing(MV_WHY_KERNEL_THREAD);
	t.build.head.figure[MV_FIG_SIZE] = mv_val_missing(MV_WHY_KERNEL_THREAD);
	feed();
	assert_non_null(mv_delta_counters(t.delta));
	draw();
	assert_true(shows("RSS -"));
	assert_true(shows("VSZ -"));
	assert_true(shows("limit none"));
	snapbuild_context(&t.ctx, NULL, t.delta, &t.status);
	t.status.pid = 4711;
	draw();
	assert_true(shows("PID 4711"));
}

/* ---- help, meaning, output ---- */

static void test_help_has_every_action(void **state)
{
	(void)state;
	resize(130, 200);
	press("?");
	for (int a = MV_ACT_NONE + 1; a < MV_ACT__N; a++) {
		char words[24];

		snprintf(words, sizeof(words), "%.20s", mv_actions[a].help);
		assert_true(shows(words));
	}
	assert_true(shows("Esc Backspace"));
	assert_true(shows("+  new: appeared"));
	assert_true(shows("^  grew: its size"));
	assert_true(shows("-  gone: unmapped"));
	assert_true(shows("(0x...)"));
	assert_true(shows("the brk heap"));
	assert_true(shows("◆  a file's page"));
	press("?");
	assert_true(shows("ADDRESS"));
}

static void test_help_scrolls(void **state)
{
	(void)state;
	resize(24, 80);
	press("?");
	assert_true(shows("there is more below"));
	assert_false(shows("malloc"));
	press("G");
	assert_true(shows("this is the end"));
	assert_true(shows("malloc"));
	press("g<Esc>");
	assert_true(shows("ADDRESS"));
}

static void test_meaning(void **state)
{
	(void)state;
	press("jjjw");
	assert_true(shows("what is this figure"));
	assert_true(shows("RSS  124K"));
	assert_true(shows("exactly 126,976 bytes"));
	assert_true(shows("1 of "));
	/* The view below stays in sight. */
	assert_true(shows("python3 4711"));
	press("<Up>");
	assert_true(shows("threads  3"));
	press("<Down><Down>");
	assert_true(shows("2 of "));
	press("w");
	assert_false(shows("what is this figure"));
}

static void test_every_meaning_is_told(void **state)
{
	struct mv_meaning m;
	unsigned n;

	(void)state;
	for (n = 0; mv_header_meaning(&t.ctx, n, &m); n++)
		assert_true(m.title.len && m.formula.len && m.source.len && m.unit.len);
	assert_int_equal(n, 15);
}

static void test_output(void **state)
{
	static const char output[] = "one\r\ntwo\ttab\n\033[31mred\n";

	(void)state;
	press("o");
	assert_non_null(strstr(bottom(), "only a COMMAND"));
	t.ctx.has_output = true;
	t.ctx.output = output;
	t.ctx.output_len = sizeof(output) - 1;
	press("o");
	assert_true(shows(" one"));
	assert_true(shows("two     tab"));
	assert_true(shows("\\x1b[31mred"));
	assert_true(shows("following the end"));
	press("o");
	assert_true(shows("ADDRESS"));
}

static void test_output_stands_still_when_scrolled(void **state)
{
	char text[2000];
	size_t len = 0;

	(void)state;
	t.ctx.has_output = true;
	t.ctx.output = text;
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "line %d\n", i);
	t.ctx.output_len = len;
	press("o");
	assert_true(shows("line 99"));
	press("<Up><Up>");
	assert_false(shows("line 98"));
	assert_true(shows("line 97"));
	len += (size_t)snprintf(text + len, sizeof(text) - len, "line 100\nline 101\n");
	t.ctx.output_len = len;
	draw();
	assert_false(shows("line 98"));
	assert_true(shows("line 97"));
	press("G");
	assert_true(shows("line 101"));
}

/* ---- any size ---- */

static void test_any_size(void **state)
{
	static const int sizes[][2] = {{1, 1},	{1, 500}, {200, 1}, {2, 2},   {3, 9},	 {4, 12},   {5, 38},
				       {6, 80}, {9, 39},  {10, 40}, {24, 80}, {60, 200}, {200, 500}};

	(void)state;
	t.ctx.has_output = true;
	t.ctx.output = "x\n";
	t.ctx.output_len = 2;
	for (size_t i = 0; i < MV_COUNT_OF(sizes); i++) {
		for (int exited = 0; exited < 2; exited++) {
			t.status.exited = exited;
			resize(sizes[i][0], sizes[i][1]);
			press("?<Down><Esc>w<Down><Esc>o<Esc>/abc<Esc>jx<Tab>z<Enter><Esc>27<Esc>1");
			assert_non_null(mv_canvas_at(&t.canvas, 0, 0));
		}
	}
}

static void test_zero_size(void **state)
{
	(void)state;
	resize(0, 0);
	press("j");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_levels),
	    TEST(test_esc_at_the_top_hints),
	    TEST(test_sides_keep_level_and_place),
	    TEST(test_side_from_a_deeper_level),
	    TEST(test_bottom_says_what_enter_does),
	    TEST(test_side_that_is_on),
	    TEST(test_many_levels_do_not_end_it),
	    TEST(test_from_a_process_to_the_machine),
	    TEST(test_sides_of_the_machine),
	    TEST(test_outermost_is_the_machine),
	    TEST(test_wants_of_the_machine),
	    TEST(test_quit_from_the_machine_asks_for_a_running_command),
	    TEST(test_banner_of_a_stuck_machine),
	    TEST(test_bottom_fits),
	    TEST(test_bottom_can_be_clicked),
	    TEST(test_hint_of_the_loop),
	    TEST(test_effects),
	    TEST(test_quit_asks_for_a_running_command),
	    TEST(test_paused_wants_no_ticks),
	    TEST(test_editor),
	    TEST(test_editor_alone),
	    TEST(test_banner_of_the_end),
	    TEST(test_banner_of_a_stuck_reader),
	    TEST(test_banner_of_a_lost_reader),
	    TEST(test_banner_of_an_exec),
	    TEST(test_first_exec_of_a_command_is_no_news),
	    TEST(test_banner_of_what_has_no_memory),
	    TEST(test_header),
	    TEST(test_header_rates),
	    TEST(test_header_without_values),
	    TEST(test_help_has_every_action),
	    TEST(test_help_scrolls),
	    TEST(test_meaning),
	    TEST(test_every_meaning_is_told),
	    TEST(test_output),
	    TEST(test_output_stands_still_when_scrolled),
	    TEST(test_any_size),
	    TEST(test_zero_size),
	};

	setlocale(LC_ALL, "C.UTF-8");
	setenv("TZ", "UTC0", 1);
	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
