/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <locale.h>

#include "tests/unit/snapbuild.h"
#include "tui/view_map.h"

/* The map view by itself, without the stack: settled, drawn and acted upon as the stack does. */

static struct {
	struct snapbuild build;
	struct snapbuild_row rows[32];
	struct mv_snapshot *snap;
	struct mv_delta *delta;
	struct mv_keeper_status status;
	struct mv_context ctx;
	struct mv_canvas canvas;
	void *view;
} t;

static void feed(void)
{
	free(t.snap);
	t.snap = snapbuild_make(&t.build);
	assert_int_equal(mv_delta_feed(t.delta, t.snap), 0);
	snapbuild_context(&t.ctx, t.snap, t.delta, &t.status);
}

/* The next snapshot, a second later; changed: the list of mappings is another. */
static void next(bool changed)
{
	t.build.head.seq++;
	t.build.head.taken_ns += MV_NS_PER_SEC;
	t.build.head.smaps_ns = t.build.head.pages_ns = t.build.head.maps_ns = t.build.head.taken_ns;
	t.build.head.maps_gen += changed;
	feed();
}

static int setup(void **state)
{
	struct mv_place nowhere = {0};

	(void)state;
	memset(&t, 0, sizeof(t));
	snapbuild_init(&t.build);
	memcpy(t.rows, snapbuild_python, snapbuild_python_count * sizeof(t.rows[0]));
	t.build.rows = t.rows;
	t.build.count = snapbuild_python_count;
	assert_int_equal(mv_delta_new(&t.delta), 0);
	feed();
	t.view = calloc(1, mv_view_map.state_bytes);
	assert_non_null(t.view);
	assert_int_equal(mv_view_map.init(t.view, &nowhere), 0);
	return mv_canvas_init(&t.canvas, 30, 140);
}

static int teardown(void **state)
{
	(void)state;
	mv_view_map.release(t.view);
	free(t.view);
	mv_canvas_release(&t.canvas);
	mv_delta_free(t.delta);
	free(t.snap);
	return 0;
}

static void draw(void)
{
	struct mv_rect all = {0, 0, t.canvas.rows, t.canvas.cols};

	mv_canvas_clear(&t.canvas);
	mv_view_map.settle(t.view, &t.ctx, all);
	mv_view_map.draw(t.view, &t.ctx, &t.canvas, all);
}

static void resize(int rows, int cols)
{
	assert_int_equal(mv_canvas_resize(&t.canvas, rows, cols), 0);
	draw();
}

static struct mv_outcome press(const char *keys)
{
	struct mv_outcome out = {.kind = MV_OUT_NONE};
	struct mv_input input;
	int n;

	draw();
	for (; (n = mv_keys_parse(keys, &input)) > 0; keys += n) {
		mv_view_map.settle(t.view, &t.ctx, (struct mv_rect){0, 0, t.canvas.rows, t.canvas.cols});
		out = mv_view_map.act(t.view, &t.ctx, mv_keys_action(input.key, mv_view_map.letter), input);
	}
	assert_int_equal(n, 0);
	draw();
	return out;
}

static struct mv_outcome find(const char *text)
{
	assert_int_equal(press("/").kind, MV_OUT_ASK);
	struct mv_outcome out = mv_view_map.answer(t.view, &t.ctx, text);

	draw();
	return out;
}

/* The line of the selected row. */
static const char *selected(void)
{
	for (int y = 0; y < t.canvas.rows; y++)
		if (snapbuild_line(&t.canvas, y)[0] == '>')
			return snapbuild_line(&t.canvas, y) + 2;
	return "";
}

static int line_with(const char *text)
{
	for (int y = 0; y < t.canvas.rows; y++)
		if (strstr(snapbuild_line(&t.canvas, y), text))
			return y;
	return -1;
}

static bool starts(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

static uint32_t facts(void)
{
	struct mv_want want = {0};

	mv_view_map.want(t.view, &t.ctx, &want);
	return want.facts;
}

/* ---- drawing ---- */

static void test_columns_of_the_mock_up(void **state)
{
	(void)state;
	draw();
	const char *heads = snapbuild_line(&t.canvas, line_with("ADDRESS"));
	static const char *const order[] = {"ADDRESS", "SIZE", "RSS",	   "PSS",    "DIRTY", "SWAP",
					    "PERM",    "KIND", "RESIDENT", "GROWTH", "NAME"};
	for (size_t i = 0; i < MV_COUNT_OF(order); i++) {
		const char *at = strstr(heads, order[i]);

		assert_non_null(at);
		heads = at;
	}
	int y = line_with("7f3a12000000");
	assert_non_null(strstr(snapbuild_line(&t.canvas, y), "100M 41.3M 41.3M  41.3M     0 rw-p  anon"));
	/* 41.25 of 100 MiB in 20 columns: 8 cells and a quarter. */
	assert_non_null(strstr(snapbuild_line(&t.canvas, y), "████████▎ "));
	assert_non_null(strstr(snapbuild_line(&t.canvas, line_with("/dev/shm")), "한국어 이름"));
	assert_true(snapbuild_shows(&t.canvas, "17 mappings"));
}

static void test_narrow_gives_columns_up_in_order(void **state)
{
	static const char *const order[] = {"GROWTH", "SWAP", "DIRTY", "PSS", "KIND"};
	size_t gone = 0;

	(void)state;
	for (int cols = 140; cols >= 40; cols--) {
		resize(24, cols);
		const char *heads = snapbuild_line(&t.canvas, line_with("ADDRESS"));

		while (gone < MV_COUNT_OF(order) && !strstr(heads, order[gone]))
			gone++;
		for (size_t i = gone; i < MV_COUNT_OF(order); i++)
			assert_non_null(strstr(heads, order[i]));
		assert_non_null(strstr(heads, "NAME"));
	}
	assert_int_equal(gone, MV_COUNT_OF(order));
}

static int width_of(enum map_column column)
{
	return ((struct map_state *)t.view)->columns[column].w;
}

static void test_names_before_bars(void **state)
{
	(void)state;
	for (int cols = 60; cols <= 220; cols++) {
		resize(24, cols);
		if (width_of(COL_RESIDENT) > 12)
			assert_true(width_of(COL_NAME) >= 34);
		if (cols >= 80)
			assert_int_equal(width_of(COL_KIND), 12);
		if (width_of(COL_NAME) > 34)
			assert_int_equal(width_of(COL_RESIDENT), 20);
	}
	assert_int_equal(width_of(COL_RESIDENT), 20);
}

static void test_long_names(void **state)
{
	(void)state;
	t.rows[0].name = "/usr/lib/python3.11/lib-dynload/_decimal.cpython-311-x86_64-linux-gnu.so";
	next(true);
	resize(24, 200);
	assert_true(snapbuild_shows(&t.canvas, " /usr/lib/python3.11/lib-dynload/_decimal.cpython"));
	resize(24, 160);
	assert_true(snapbuild_shows(&t.canvas, " _decimal.cpython-311-x86_64-linux-gnu.so"));
	resize(24, 80);
	assert_true(snapbuild_shows(&t.canvas, " _decimal.cpy…gnu.so"));
	t.canvas.ascii = true;
	draw();
	assert_true(snapbuild_shows(&t.canvas, " _decimal.cpy>gnu.so"));
}

static void test_address_of_vsyscall(void **state)
{
	(void)state;
	t.rows[t.build.count++] = (struct snapbuild_row){.start = 0xffffffffff600000,
							 .end = 0xffffffffff601000,
							 .perms = "--xp",
							 .kind = MV_KIND_VSYSCALL,
							 .name = "[vsyscall]"};
	next(true);
	resize(40, 100);
	assert_true(snapbuild_shows(&t.canvas, "ffffffffff600000    4K"));
	assert_true(snapbuild_shows(&t.canvas, " 55d1c0a00000      124K"));
	resize(40, 80);
	assert_true(snapbuild_shows(&t.canvas, "ffffffff…000    4K"));
}

static void test_cursor_without_colours(void **state)
{
	(void)state;
	draw();
	int y = line_with("> "), bar = 2 + ((struct map_state *)t.view)->columns[COL_RESIDENT].x;

	for (int x = 0; x < t.canvas.cols; x++)
		assert_true(mv_canvas_at(&t.canvas, y, x)->attrs & MV_ATTR_CURSOR);
	t.ctx.mono = true;
	draw();
	for (int x = 0; x < t.canvas.cols; x++) {
		bool in_bar = x >= bar && x < bar + width_of(COL_RESIDENT);

		assert_int_equal(!(mv_canvas_at(&t.canvas, y, x)->attrs & MV_ATTR_CURSOR), in_bar);
	}
	/* Nor the strip, whose frame marks the selection. */
	press("jjjjjj");
	int strip = line_with("address space") + 1, marks = 0;
	for (int x = 0; x < t.canvas.cols; x++)
		assert_false(mv_canvas_at(&t.canvas, strip, x)->attrs & MV_ATTR_CURSOR);
	for (int x = 0; x < t.canvas.cols; x++)
		marks += mv_canvas_at(&t.canvas, strip + 2, x)->ch[0] == U'━' ||
			 mv_canvas_at(&t.canvas, strip + 1, x)->ch[0] == U'━';
	assert_true(marks > 0);
}

static void test_smaps_only_when_shown(void **state)
{
	(void)state;
	resize(24, 140);
	assert_true(facts() & MV_FACT_SMAPS);
	resize(24, 50);
	assert_int_equal(facts(), MV_FACT_MAPS | MV_FACT_PAGES);
}

static void test_visible_range(void **state)
{
	struct mv_want want = {0};

	(void)state;
	resize(14, 100);
	press("G");
	mv_view_map.want(t.view, &t.ctx, &want);
	assert_true(want.visible.start > snapbuild_python[0].start);
	assert_int_equal(want.visible.end, snapbuild_python[snapbuild_python_count - 1].end);
}

static void test_missing_says_why(void **state)
{
	(void)state;
	t.build.without_smaps = true;
	t.build.head.part_why[MV_PART_SMAPS] = MV_WHY_NEEDS_PTRACE;
	next(false);
	draw();
	assert_true(snapbuild_shows(&t.canvas, "PSS, DIRTY: - (needs CAP_SYS_PTRACE)"));
	assert_non_null(
	    strstr(snapbuild_line(&t.canvas, line_with("7f3a12000000")), "41.3M     -      -     0"));
}

static void test_unreadable(void **state)
{
	(void)state;
	t.build.count = 0;
	t.build.head.part_why[MV_PART_MAPS] = MV_WHY_NEEDS_PTRACE;
	next(true);
	draw();
	assert_true(snapbuild_shows(&t.canvas, "cannot be read: needs CAP_SYS_PTRACE"));
	assert_true(snapbuild_shows(&t.canvas, "as root (sudo)"));
	t.ctx.root = true;
	draw();
	assert_false(snapbuild_shows(&t.canvas, "sudo"));
	assert_true(snapbuild_shows(&t.canvas, "even root may not"));
}

static void test_before_the_first_snapshot(void **state)
{
	(void)state;
	snapbuild_context(&t.ctx, NULL, t.delta, &t.status);
	assert_int_equal(press("<Down><Enter>").kind, MV_OUT_HINT);
	press("sxzfC<Esc><Tab><Left>");
	assert_true(snapbuild_shows(&t.canvas, "reading the mappings"));
}

static void test_old_data_is_marked(void **state)
{
	(void)state;
	t.ctx.now_ns = t.build.head.taken_ns + 12 * MV_NS_PER_SEC;
	draw();
	assert_true(snapbuild_shows(&t.canvas, "PSS, DIRTY 12 s ago"));
	/* Only what is shown can be old. */
	resize(24, 80);
	assert_null(strstr(snapbuild_line(&t.canvas, line_with("ADDRESS")), "DIRTY"));
	assert_true(snapbuild_shows(&t.canvas, "PSS 12 s ago"));
}

/* ---- moving and identity ---- */

static void test_moves(void **state)
{
	(void)state;
	assert_true(starts((press(""), selected()), "55d1c0a00000"));
	press("<PgDn><PgUp>");
	assert_true(starts(selected(), "55d1c0a00000"));
	press("<Down>");
	assert_true(starts(selected(), "55d1c0a1f000"));
	press("G");
	assert_true(starts(selected(), "7ffe5d5f4000"));
	press("<Down>");
	assert_true(starts(selected(), "7ffe5d5f4000"));
	press("g<Up>");
	assert_true(starts(selected(), "55d1c0a00000"));
}

static void test_selection_survives(void **state)
{
	(void)state;
	press("jjj");
	assert_true(starts(selected(), "55d1c2a00000"));
	/* A mapping below appears, another one vanishes, the order turns: the heap stays selected. */
	memmove(&t.rows[1], &t.rows[0], (t.build.count - 1) * sizeof(t.rows[0]));
	t.rows[0] =
	    (struct snapbuild_row){.start = 0x10000, .end = 0x20000, .perms = "rw-p", .kind = MV_KIND_ANON};
	next(true);
	draw();
	assert_true(starts(selected(), "55d1c2a00000"));
	/* The heap grows: same start. */
	t.rows[4].end += 0x1000;
	next(true);
	draw();
	assert_true(starts(selected(), "55d1c2a00000"));
	/* Sorted by RSS, it is followed when others outgrow it, too. */
	press("ss");
	assert_int_equal(find("0x55d1c2a00000").kind, MV_OUT_STAY);
	int before = line_with("55d1c2a00000");
	t.rows[0].state[MV_PAGE_ANON] = 16;
	t.rows[4].state[MV_PAGE_ANON] = 1;
	next(false);
	draw();
	assert_true(starts(selected(), "55d1c2a00000"));
	assert_true(line_with("55d1c2a00000") > before);
}

static void test_stack_that_grows_down(void **state)
{
	(void)state;
	press("G<Up><Up>");
	assert_true(starts(selected(), "7ffe5d500000"));
	t.rows[14].start -= 0x10000;
	next(true);
	draw();
	assert_true(starts(selected(), "7ffe5d4f0000"));
}

static void test_new_grown_gone_are_lit(void **state)
{
	(void)state;
	draw();
	/* The guard and the thread's stack vanish, a mapping appears, anon grows. */
	memmove(&t.rows[4], &t.rows[6], (t.build.count - 6) * sizeof(t.rows[0]));
	t.build.count -= 1;
	memmove(&t.rows[1], &t.rows[0], (t.build.count - 1) * sizeof(t.rows[0]));
	t.rows[0] =
	    (struct snapbuild_row){.start = 0x10000, .end = 0x20000, .perms = "rw-p", .kind = MV_KIND_ANON};
	t.rows[5].end += 0x100000;
	next(true);
	draw();
	int fresh = line_with("000000010000"), grown = line_with("7f3a12000000"),
	    gone = line_with("7f3a0b800000");
	assert_int_equal(mv_canvas_at(&t.canvas, fresh, 2)->role, ROLE_NEW);
	assert_int_equal(mv_canvas_at(&t.canvas, grown, 2)->role, ROLE_GREW);
	assert_true(gone > fresh && gone < grown);
	assert_int_equal(mv_canvas_at(&t.canvas, gone, 2)->role, ROLE_GONE);
	/* And marked, for who has no colours. */
	assert_int_equal(mv_canvas_at(&t.canvas, fresh, 1)->ch[0], U'+');
	assert_int_equal(mv_canvas_at(&t.canvas, grown, 1)->ch[0], U'^');
	assert_int_equal(mv_canvas_at(&t.canvas, gone, 1)->ch[0], U'-');
	assert_non_null(strstr(snapbuild_line(&t.canvas, gone), "gone"));
	t.ctx.now_ns += MV_LIT_NS;
	draw();
	assert_int_equal(mv_canvas_at(&t.canvas, line_with("000000010000"), 2)->role, ROLE_TEXT);
	assert_int_equal(mv_canvas_at(&t.canvas, line_with("000000010000"), 1)->ch[0], U' ');
	assert_int_equal(line_with("7f3a0b800000"), -1);
}

static void test_entering_what_has_gone(void **state)
{
	(void)state;
	press("jjjj");
	assert_true(starts(selected(), "7f3a0b7ff000"));
	memmove(&t.rows[4], &t.rows[5], (t.build.count - 5) * sizeof(t.rows[0]));
	t.build.count--;
	next(true);
	assert_int_equal(press("<Enter>").kind, MV_OUT_HINT);
	assert_true(starts(selected(), "7f3a0b7ff000"));
}

/* ---- order ---- */

static void test_sorts(void **state)
{
	(void)state;
	press("ss"); /* SIZE, RSS */
	assert_true(line_with("7f3a12000000") < line_with("  55d1c0a1f000  2.9M"));
	assert_true(line_with("55d1c0a1f000") < line_with("7f3a20026000"));
	assert_int_equal(line_with("7f3a12000000"), line_with("ADDRESS") + 1);
	assert_true(starts(selected(), "7f3a12000000"));
	/* From anywhere one sees what is first now, also where the rows are more than the screen's. */
	resize(14, 140);
	press("GS");
	assert_int_equal(line_with("> "), line_with("ADDRESS") + 1);
	assert_int_equal(line_with("7f3a12000000"), -1);
	press("GS");
	assert_true(starts(selected(), "7f3a12000000"));
	assert_int_equal(line_with("> "), line_with("ADDRESS") + 1);
	resize(30, 140);
	press("S");
	assert_true(line_with("7f3a12000000") > line_with("  55d1c0a1f000  2.9M"));
	const struct mv_cell *head = mv_canvas_at(&t.canvas, line_with("ADDRESS"), 2);
	assert_int_equal(head->role, ROLE_HEADING);
}

static void test_click_on_heading_sorts(void **state)
{
	char keys[64];
	int x;

	(void)state;
	draw();
	int y = line_with("ADDRESS");
	for (x = 0; mv_canvas_at(&t.canvas, y, x)->ch[0] != U'Z'; x++) /* SIZE */
		;
	snprintf(keys, sizeof(keys), "<Click %d,%d>", y, x);
	press(keys);
	assert_int_equal(mv_canvas_at(&t.canvas, y, x)->role, ROLE_SORTED);
	assert_int_equal(line_with("7f3a12000000"), y + 1);
	press(keys);
	assert_true(line_with("7f3a0b7ff000") < line_with("7f3a12000000"));
}

static void test_filters(void **state)
{
	(void)state;
	press("f");
	assert_true(snapbuild_shows(&t.canvas, "[ ] heap"));
	assert_false(snapbuild_shows(&t.canvas, "[ ] jit"));
	press("<Space><Esc>");
	assert_true(snapbuild_shows(&t.canvas, "1 of 17 mappings, only heap"));
	assert_true(line_with("55d1c2a00000") > 0);
	assert_int_equal(line_with("7f3a12000000"), -1);
	assert_int_equal(find("0x7f3a12000000").kind, MV_OUT_HINT);
	press("f<Space><Esc>");
	assert_true(line_with("7f3a12000000") > 0);
}

static void test_groups(void **state)
{
	(void)state;
	press("x");
	int group = line_with("libc.so.6 (5)");
	assert_true(group > 0);
	assert_non_null(strstr(snapbuild_line(&t.canvas, group), "1.8M  1.4M   60K"));
	assert_int_equal(line_with("7f3a2017b000"), -1);
	assert_int_equal(find("libc").kind, MV_OUT_STAY);
	assert_true(starts(selected(), "7f3a20000000"));
	press("<Right>");
	assert_int_equal(line_with("7f3a2017b000"), group + 3);
	/* From a member, Left folds and goes to the group. */
	press("<Down><Down><Left>");
	assert_int_equal(line_with("7f3a2017b000"), -1);
	assert_non_null(strstr(selected(), "libc.so.6 (5)"));
	press("<Enter>");
	assert_int_equal(line_with("7f3a2017b000"), group + 3);
	next(true);
	draw();
	assert_int_equal(line_with("7f3a2017b000"), group + 3);
	press("<Down><Down>x");
	assert_true(starts(selected(), "7f3a20026000"));
	/* Narrow, the names of groups have room before kinds, which groups don't have. */
	resize(30, 80);
	assert_true(width_of(COL_KIND) > 0);
	press("x");
	assert_int_equal(width_of(COL_KIND), 0);
	assert_true(width_of(COL_PSS) > 0 && width_of(COL_NAME) >= 26);
}

static void test_large_group_sums_follow_the_snapshots(void **state)
{
	enum { COUNT = 100 };
	static struct snapbuild_row rows[COUNT];

	(void)state;
	for (uint64_t i = 0; i < COUNT; i++)
		rows[i] = (struct snapbuild_row){.start = 0x100000 * (i + 1),
						 .end = 0x100000 * (i + 1) + 0x4000,
						 .perms = "rw-p",
						 .kind = MV_KIND_ANON,
						 .object = 1,
						 .state[MV_PAGE_ANON] = 1};
	t.build.rows = rows;
	t.build.count = COUNT;
	next(true);
	press("xss");
	assert_non_null(strstr(selected(), "1.6M  400K"));
	assert_non_null(strstr(selected(), "[anon] (100)"));
	for (int i = 0; i < COUNT; i++)
		rows[i].state[MV_PAGE_ANON] = 2;
	next(false);
	draw();
	assert_non_null(strstr(selected(), "1.6M  800K"));
	t.build.count = 50;
	next(true);
	draw();
	assert_true(line_with("[anon] (50)") > 0);
	assert_non_null(strstr(snapbuild_line(&t.canvas, line_with("[anon] (50)")), "800K  400K"));
}

static void test_chooses_columns(void **state)
{
	(void)state;
	press("C");
	assert_true(snapbuild_shows(&t.canvas, "[x] SIZE"));
	assert_false(snapbuild_shows(&t.canvas, "no room"));
	press("<Space><Esc>");
	const char *heads = snapbuild_line(&t.canvas, line_with("ADDRESS"));
	assert_null(strstr(heads, "SIZE"));
	resize(30, 80);
	press("C");
	assert_true(snapbuild_shows(&t.canvas, "[x] GROWTH       no room: "));
	assert_false(snapbuild_shows(&t.canvas, "[x] RSS          no room"));
	press("<Esc>");
	resize(30, 140);
	/* Every field of smaps can be had. */
	press("CG<Space><Esc>");
	assert_non_null(strstr(snapbuild_line(&t.canvas, line_with("ADDRESS")), "MMUPAGE"));
}

static void test_every_column(void **state)
{
	struct mv_meaning m;
	bool told = false;

	(void)state;
	t.rows[0].vm_flags = UINT64_C(1) << MV_VM_RD | UINT64_C(1) << MV_VM_EX;
	next(false);
	resize(40, 500);
	press("C<Down><Down><Down><Down><Down><Down><Down><Down>");
	for (int i = 0; i < 40; i++)
		press("<Down><Space>");
	/* At the end of the list one box was turned to and fro: the count of presses left it off or on. */
	press("<Esc>");
	const char *heads = snapbuild_line(&t.canvas, line_with("ADDRESS"));
	static const char *const some[] = {"END",     "PAGES",	  "OFFSET", "INODE", "DEV",
					   "VMFLAGS", "SH-CLEAN", "LOCKED", "KPAGE"};
	for (size_t i = 0; i < MV_COUNT_OF(some); i++)
		assert_non_null(strstr(heads, some[i]));
	const char *line = snapbuild_line(&t.canvas, line_with("  55d1c0a1f000  2.9M"));
	assert_non_null(strstr(line, "55d1c0cff000"));
	assert_non_null(strstr(line, "1f000"));
	assert_non_null(strstr(line, "00:01"));
	assert_non_null(strstr(snapbuild_line(&t.canvas, line_with("> 55d1c0a00000")), " rd ex "));
	for (unsigned n = 0; mv_view_map.meaning(t.view, &t.ctx, n, &m); n++)
		told |= strstr(m.note.text, "rd readable, ex executable") != NULL;
	assert_true(told);
	/* Sorted by each in turn, both ways, until the names. */
	for (int i = 0; i < 60 && mv_canvas_at(&t.canvas, line_with("ADDRESS"), 2)->role != ROLE_SORTED; i++)
		press("s");
	for (int i = 0; i < 60; i++) {
		press("sSS");
		assert_int_equal(t.canvas.rows, 40);
		if (strstr(snapbuild_line(&t.canvas, line_with("ADDRESS")), "NAME▴"))
			break;
	}
	assert_true(line_with("/dev/shm") < line_with("gnu/libc.so.6"));
	assert_true(line_with("/usr/bin/python3.11") < line_with("[heap]"));
	press("S");
	assert_true(line_with("/dev/shm") > line_with("gnu/libc.so.6"));
	press("x");
	assert_true(line_with("[heap]") < line_with("python3.11 (3)"));
}

static void test_sorts_by_growth(void **state)
{
	(void)state;
	for (int i = 1; i <= 3; i++) {
		t.rows[6].state[MV_PAGE_ANON] += 2560;
		t.rows[3].state[MV_PAGE_ANON] -= 1;
		next(false);
	}
	press("sssssssss");
	assert_non_null(strstr(selected(), "+10.0M/s"));
	press("S");
	assert_true(starts(selected(), "55d1c2a00000"));
	assert_non_null(strstr(selected(), "-4K/s"));
}

/* ---- finding ---- */

static void test_finds(void **state)
{
	(void)state;
	assert_int_equal(find("LIBC").kind, MV_OUT_STAY);
	assert_true(starts(selected(), "7f3a20000000"));
	press("n");
	assert_true(starts(selected(), "7f3a20026000"));
	press("NN");
	assert_true(starts(selected(), "7f3a201d2000"));
	assert_int_equal(find("0x7f3a12345678").kind, MV_OUT_STAY);
	assert_true(starts(selected(), "7f3a12000000"));
	assert_int_equal(find("0x1").kind, MV_OUT_HINT);
	assert_int_equal(find("0xwhat").kind, MV_OUT_HINT);
	assert_int_equal(find("no such name").kind, MV_OUT_HINT);
	assert_int_equal(find("한국").kind, MV_OUT_STAY);
	assert_true(starts(selected(), "7f3a20300000"));
}

static void test_finds_inside_a_folded_group(void **state)
{
	(void)state;
	press("x");
	assert_int_equal(find("0x7f3a2017b123").kind, MV_OUT_STAY);
	assert_true(starts(selected(), "7f3a2017b000"));
}

/* ---- strip ---- */

static void test_strip_steps_by_address(void **state)
{
	(void)state;
	press("ss<Tab>g"); /* by RSS, the strip has the keys */
	assert_true(starts(selected(), "7f3a12000000"));
	press("<Right>");
	assert_true(starts(selected(), "7f3a20000000"));
	press("<Left><Left>");
	assert_true(starts(selected(), "7f3a0b800000"));
}

static void test_strip_names_the_ends(void **state)
{
	(void)state;
	draw();
	assert_true(snapbuild_shows(&t.canvas, " 55d1c0a00000 "));
	assert_true(snapbuild_shows(&t.canvas, " 7ffe5d5f6000 "));
	assert_true(snapbuild_shows(&t.canvas, "41.4T"));
	press("z");
	assert_true(snapbuild_shows(&t.canvas, "true to scale"));
}

/* ---- outcomes ---- */

static void test_enter_opens_the_pages(void **state)
{
	(void)state;
	struct mv_outcome out = press("jjj<Enter>");

	assert_int_equal(out.kind, MV_OUT_PUSH);
	assert_int_equal(out.view, MV_VIEW_PAGES);
	assert_int_equal(out.place.mapping, 0x55d1c2a00000);
	assert_int_equal(mv_view_map.place(t.view, &t.ctx).mapping, 0x55d1c2a00000);
	mv_view_map.go(t.view, &(struct mv_place){.mapping = 0x7f3a20026000});
	draw();
	assert_true(starts(selected(), "7f3a20026000"));
}

static void test_meanings(void **state)
{
	struct mv_meaning m;
	bool growth = false;
	unsigned n;

	(void)state;
	press("jjj");
	assert_true(mv_view_map.meaning(t.view, &t.ctx, 0, &m));
	assert_string_equal(m.title.text, "RSS  124K");
	assert_non_null(strstr(m.note.text, "126,976 bytes"));
	for (n = 0; mv_view_map.meaning(t.view, &t.ctx, n, &m); n++) {
		assert_true(m.formula.len && m.source.len);
		growth |= starts(m.title.text, "GROWTH");
	}
	assert_int_equal(n, 11);
	assert_true(growth);
}

static void test_exact_figures(void **state)
{
	(void)state;
	t.ctx.exact = true;
	draw();
	assert_non_null(strstr(snapbuild_line(&t.canvas, line_with("7f3a12000000")), " 104,857,600 "));
	assert_non_null(strstr(snapbuild_line(&t.canvas, line_with("7f3a12000000")), " 43,253,760 "));
}

static void test_any_size(void **state)
{
	static const int sizes[][2] = {{1, 1},	{1, 500}, {200, 1}, {2, 7},    {3, 20},	  {5, 30},
				       {8, 40}, {10, 40}, {24, 80}, {40, 120}, {60, 200}, {200, 500}};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(sizes); i++) {
		resize(sizes[i][0], sizes[i][1]);
		press("GgC<Down><Space><Esc>f<Esc>xzx<Tab><Right><Tab>");
	}
	/* Below 40x10 the header and the strip stay. */
	resize(5, 38);
	assert_non_null(strstr(snapbuild_line(&t.canvas, 0), "python3 4711"));
	assert_non_null(strstr(snapbuild_line(&t.canvas, 1), "T│"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_columns_of_the_mock_up),
	    TEST(test_narrow_gives_columns_up_in_order),
	    TEST(test_names_before_bars),
	    TEST(test_long_names),
	    TEST(test_address_of_vsyscall),
	    TEST(test_cursor_without_colours),
	    TEST(test_smaps_only_when_shown),
	    TEST(test_visible_range),
	    TEST(test_missing_says_why),
	    TEST(test_unreadable),
	    TEST(test_before_the_first_snapshot),
	    TEST(test_old_data_is_marked),
	    TEST(test_moves),
	    TEST(test_selection_survives),
	    TEST(test_stack_that_grows_down),
	    TEST(test_new_grown_gone_are_lit),
	    TEST(test_entering_what_has_gone),
	    TEST(test_sorts),
	    TEST(test_click_on_heading_sorts),
	    TEST(test_filters),
	    TEST(test_groups),
	    TEST(test_large_group_sums_follow_the_snapshots),
	    TEST(test_chooses_columns),
	    TEST(test_every_column),
	    TEST(test_sorts_by_growth),
	    TEST(test_finds),
	    TEST(test_finds_inside_a_folded_group),
	    TEST(test_strip_steps_by_address),
	    TEST(test_strip_names_the_ends),
	    TEST(test_enter_opens_the_pages),
	    TEST(test_meanings),
	    TEST(test_exact_figures),
	    TEST(test_any_size),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests_name("view_map", tests, NULL, NULL);
}
