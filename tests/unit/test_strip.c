/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <locale.h>

#include "tests/unit/snapbuild.h"
#include "tui/widget.h"

#define COLS 90

static struct mv_strip_cell cells[1000];

static struct mv_snapshot *python(void)
{
	struct snapbuild b;

	snapbuild_init(&b);
	b.rows = snapbuild_python;
	b.count = snapbuild_python_count;
	return snapbuild_make(&b);
}

static int cells_of(uint32_t mapping, int cols)
{
	int n = 0;

	for (int x = 0; x < cols; x++)
		n += cells[x].first == mapping;
	return n;
}

static void test_evened_out_shows_each_mapping(void **state)
{
	struct mv_snapshot *s = python();
	uint32_t last = 0;

	(void)state;
	mv_strip_layout(s, COLS, false, cells);
	for (uint32_t i = 0; i < mv_snapshot_count(s); i++)
		assert_true(cells_of(i, COLS) >= 1);
	/* The 100M of anonymous memory get more room than the 4K guard, but not 25,000 times as much. */
	assert_true(cells_of(6, COLS) > 3 * cells_of(4, COLS));
	for (int x = 0; x < COLS; x++) {
		if (cells[x].first == UINT32_MAX)
			continue;
		assert_true(cells[x].first >= last);
		last = cells[x].first;
		const struct mv_mapping *m = &mv_snapshot_mappings(s)[last];
		assert_true(cells[x].start >= m->start && cells[x].end <= m->end &&
			    cells[x].start < cells[x].end);
	}
	assert_int_equal(last, mv_snapshot_count(s) - 1);
	free(s);
}

static void test_to_scale_keeps_distances(void **state)
{
	struct mv_snapshot *s = python();
	const struct mv_mapping *maps = mv_snapshot_mappings(s);
	uint64_t span = maps[mv_snapshot_count(s) - 1].end - maps[0].start;

	(void)state;
	mv_strip_layout(s, COLS, true, cells);
	assert_int_equal(cells[0].start, maps[0].start);
	assert_int_equal(cells[COLS - 1].end, maps[0].start + span);
	for (int x = 1; x < COLS; x++) {
		assert_int_equal(cells[x].start, cells[x - 1].end);
		assert_true(cells[x].end - cells[x].start <= span / COLS + 1);
	}
	/* 0x7f3a… begins 98.2 % of the way up. */
	assert_int_not_equal(cells[0].first, UINT32_MAX);
	assert_int_equal(cells[COLS / 2].first, UINT32_MAX);
	for (int x = 0; x < COLS; x++) {
		if (cells[x].first == UINT32_MAX)
			continue;
		assert_true(maps[cells[x].first].start < cells[x].end &&
			    maps[cells[x].first].end > cells[x].start);
	}
	free(s);
}

static void test_more_mappings_than_cells(void **state)
{
	enum { COUNT = 3000 };
	struct snapbuild_row *rows = calloc(COUNT, sizeof(*rows));
	struct snapbuild b;
	uint64_t at = 0x10000, covered = 0;

	(void)state;
	snapbuild_init(&b);
	for (uint64_t i = 0; i < COUNT; i++) {
		uint64_t bytes = 4096 * (1 + i % 7);

		if (i == COUNT / 2)
			at += UINT64_C(1) << 40;
		rows[i] = (struct snapbuild_row){
		    .start = at, .end = at + bytes, .perms = "rw-p", .kind = MV_KIND_ANON};
		at += bytes + 4096;
	}
	b.rows = rows;
	b.count = COUNT;
	struct mv_snapshot *s = snapbuild_make(&b);
	for (int cols = 1; cols <= 200; cols += 13) {
		uint32_t last = 0;
		int gaps = 0;

		mv_strip_layout(s, cols, false, cells);
		for (int x = 0; x < cols; x++) {
			assert_true(cells[x].start < cells[x].end);
			gaps += cells[x].first == UINT32_MAX;
			if (cells[x].first == UINT32_MAX)
				continue;
			assert_true(cells[x].first >= last);
			last = cells[x].first;
			covered++;
		}
		assert_true(cols < 14 ? gaps == 0 : gaps == (int)strlen("1.0T") + 2);
	}
	assert_true(covered > 0);
	free(s);
	free(rows);
}

static void test_vsyscall_is_left_out(void **state)
{
	static const struct snapbuild_row rows[] = {
	    {.start = 0x1000, .end = 0x3000, .perms = "rw-p", .kind = MV_KIND_ANON},
	    {.start = 0xffffffffff600000,
	     .end = 0xffffffffff601000,
	     .perms = "--xp",
	     .kind = MV_KIND_VSYSCALL,
	     .name = "[vsyscall]"},
	};
	struct snapbuild b;

	(void)state;
	snapbuild_init(&b);
	b.rows = rows;
	b.count = 2;
	struct mv_snapshot *s = snapbuild_make(&b);
	mv_strip_layout(s, 20, true, cells);
	assert_int_equal(cells_of(0, 20), 20);
	mv_strip_layout(s, 20, false, cells);
	assert_int_equal(cells_of(0, 20), 20);
	free(s);
}

static void test_nothing_to_show(void **state)
{
	struct snapbuild b;

	(void)state;
	snapbuild_init(&b);
	struct mv_snapshot *s = snapbuild_make(&b);
	mv_strip_layout(s, 5, false, cells);
	assert_int_equal(cells_of(UINT32_MAX, 5), 5);
	mv_strip_layout(s, 0, true, cells);
	free(s);
}

static void test_drawn(void **state)
{
	struct mv_snapshot *s = python();
	struct mv_canvas c;
	int marked = 0;

	(void)state;
	assert_int_equal(mv_canvas_init(&c, 2, COLS), 0);
	mv_strip_layout(s, COLS, false, cells);
	mv_strip_draw(&c, (struct mv_rect){0, 0, 2, COLS}, s, cells, COLS, snapbuild_python[6].start);
	assert_non_null(strstr(snapbuild_line(&c, 0), "41.4T"));
	assert_non_null(strstr(snapbuild_line(&c, 0), "785G"));
	assert_non_null(strstr(snapbuild_line(&c, 1), "anon"));
	for (int x = 0; x < COLS; x++) {
		bool cursor = mv_canvas_at(&c, 0, x)->attrs & MV_ATTR_CURSOR;

		assert_int_equal(cursor, cells[x].first == 6);
		marked += cursor;
		if (cells[x].first == 6)
			assert_int_equal(mv_canvas_at(&c, 0, x)->role, ROLE_KIND_ANON);
	}
	assert_true(marked > 1);
	mv_canvas_release(&c);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_evened_out_shows_each_mapping),
	    cmocka_unit_test(test_to_scale_keeps_distances),
	    cmocka_unit_test(test_more_mappings_than_cells),
	    cmocka_unit_test(test_vsyscall_is_left_out),
	    cmocka_unit_test(test_nothing_to_show),
	    cmocka_unit_test(test_drawn),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests_name("strip", tests, NULL, NULL);
}
