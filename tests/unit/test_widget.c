/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <locale.h>

#include "core/pagemap.h"
#include "tui/widget.h"

static struct mv_canvas canvas;

static int setup(void **state)
{
	(void)state;
	return mv_canvas_init(&canvas, 2, 30);
}

static int teardown(void **state)
{
	(void)state;
	mv_canvas_release(&canvas);
	return 0;
}

/* Row y as UTF-8, trailing blanks trimmed. */
static const char *row(int y)
{
	static char out[1024];
	size_t n = 0;

	for (int x = 0; x < canvas.cols; x++)
		n += mv_canvas_utf8(mv_canvas_at(&canvas, y, x), out + n);
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return out;
}

static int role_at(int y, int x)
{
	return mv_canvas_at(&canvas, y, x)->role;
}

/* ---- bar ---- */

static const char *bar(int cols, uint64_t part, uint64_t whole)
{
	mv_canvas_clear(&canvas);
	mv_bar_draw(&canvas, 0, 0, cols, ROLE_BAR, part, whole);
	return row(0);
}

static void bars_are_filled_by_eighths(void **state)
{
	(void)state;
	assert_string_equal(bar(4, 0, 100), "");
	assert_string_equal(bar(4, 50, 100), "██");
	assert_string_equal(bar(4, 100, 100), "████");
	assert_string_equal(bar(4, 17, 32), "██▏");
	assert_string_equal(bar(4, 23, 32), "██▉");
	assert_string_equal(bar(0, 1, 2), "");
	assert_string_equal(bar(-3, 1, 2), "");
	canvas.ascii = true;
	assert_string_equal(bar(4, 17, 32), "##-");
	assert_string_equal(bar(4, 23, 32), "##=");
	canvas.ascii = false;
}

static void a_bar_never_lies_at_its_ends(void **state)
{
	(void)state;
	assert_string_equal(bar(4, 1, UINT64_MAX), "▏");
	assert_string_equal(bar(4, UINT64_MAX - 1, UINT64_MAX), "███▉");
	assert_string_equal(bar(4, UINT64_MAX, UINT64_MAX), "████");
	assert_string_equal(bar(4, 5, 3), "████");
	assert_string_equal(bar(4, 0, 0), "");
	for (uint64_t part = 1; part < 1000; part++) {
		bar(4, part, 1000);
		assert_true(mv_canvas_at(&canvas, 0, 0)->ch[0] != U' ');
		assert_true(mv_canvas_at(&canvas, 0, 3)->ch[0] != U'█');
	}
}

/* ---- spark ---- */

static void sparks_show_the_newest_at_the_right(void **state)
{
	struct mv_series series;

	(void)state;
	mv_series_init(&series);
	mv_series_push(&series, 1, 0);
	mv_series_gap(&series, 2);
	mv_series_push(&series, 3, 100);
	mv_spark_draw(&canvas, 0, 0, 5, ROLE_SPARK, &series, true);
	assert_string_equal(row(0), "  ▁ █");
	/* Nothing is quieter than a little. */
	assert_int_equal(role_at(0, 2), ROLE_DIM);
	assert_int_equal(role_at(0, 4), ROLE_SPARK);
	canvas.ascii = true;
	mv_spark_draw(&canvas, 0, 0, 5, ROLE_SPARK, &series, true);
	assert_string_equal(row(0), "  _ @");
	canvas.ascii = false;
	mv_canvas_clear(&canvas);
	mv_spark_draw(&canvas, 0, 0, 0, ROLE_SPARK, &series, true);
	mv_spark_draw(&canvas, 0, -3, 5, ROLE_SPARK, &series, true);
	assert_string_equal(row(0), " █");
}

static void a_spark_is_no_wider_than_its_history(void **state)
{
	struct mv_series series;

	(void)state;
	mv_series_init(&series);
	mv_series_push(&series, 1, 5);
	mv_canvas_resize(&canvas, 1, 400);
	mv_spark_draw(&canvas, 0, 0, 400, ROLE_SPARK, &series, true);
	assert_true(mv_canvas_at(&canvas, 0, 399)->ch[0] != U' ');
	assert_true(mv_canvas_at(&canvas, 0, 398)->ch[0] == U' ');
}

/* ---- table ---- */

static struct mv_column column(int width, int min_width, int give_up)
{
	return (struct mv_column){.heading = MV_TEXT("HEAD"),
				  .width = width,
				  .min_width = min_width,
				  .give_up = give_up,
				  .on = true};
}

static void columns_stretch_shrink_and_go(void **state)
{
	struct mv_column c[4] = {column(8, 8, 0), column(6, 6, 2), column(20, 8, 0), column(10, 6, 0)};

	(void)state;
	mv_table_layout(c, 4, 60, 3); /* 8+6+20+10+3 = 47, the rest to the last */
	assert_int_equal(c[0].w, 8);
	assert_int_equal(c[1].x, 9);
	assert_int_equal(c[2].w, 20);
	assert_int_equal(c[3].x, 37);
	assert_int_equal(c[3].w, 23);
	mv_table_layout(c, 4, 40, 3); /* the third shrinks */
	assert_int_equal(c[1].w, 6);
	assert_int_equal(c[2].w, 13);
	assert_int_equal(c[3].w, 10);
	mv_table_layout(c, 4, 30, 3); /* the second goes */
	assert_int_equal(c[1].w, 0);
	assert_int_equal(c[2].x, 9);
	assert_int_equal(c[2].w, 10);
	mv_table_layout(c, 4, 12, 3); /* nothing more may go: cut at the edge */
	assert_int_equal(c[0].w, 8);
	assert_int_equal(c[2].w, 3);
	assert_int_equal(c[3].w, 0);
	mv_table_layout(c, 4, 0, -1);
	assert_int_equal(c[0].w, 0);
	c[1].on = false;
	mv_table_layout(c, 4, 60, -1); /* without a stretch the rest stays empty */
	assert_int_equal(c[1].w, 0);
	assert_int_equal(c[3].w, 10);
}

static void columns_go_in_their_order(void **state)
{
	struct mv_column c[4] = {column(5, 5, 1), column(5, 5, 3), column(5, 5, 2), column(5, 5, 3)};
	static const bool left[4][4] = {{1, 1, 1, 1}, {1, 1, 1, 0}, {1, 0, 1, 0}, {1, 0, 0, 0}};

	(void)state;
	for (int n = 0; n < 4; n++) {
		mv_table_layout(c, 4, (4 - n) * 6 - 1, -1);
		for (int i = 0; i < 4; i++)
			assert_int_equal(c[i].w > 0, left[n][i]);
	}
}

static void columns_never_overlap_or_stick_out(void **state)
{
	(void)state;
	for (int cols = 0; cols < 120; cols++) {
		struct mv_column c[5] = {column(12, 12, 0), column(6, 5, 4), column(20, 8, 0),
					 column(7, 7, 9), column(30, 6, 0)};
		int x = 0;

		mv_table_layout(c, 5, cols, 4);
		for (int i = 0; i < 5; i++) {
			if (c[i].w == 0)
				continue;
			assert_true(c[i].x >= x);
			x = c[i].x + c[i].w + 1;
			assert_true(x - 1 <= cols);
		}
	}
}

static void headings_show_the_order(void **state)
{
	struct mv_column c[3] = {column(6, 6, 0), column(6, 6, 0), column(3, 3, 0)};

	(void)state;
	c[1].right = true;
	mv_table_layout(c, 3, 30, -1);
	mv_table_headings(&canvas, 0, c, 3, 1, false);
	assert_string_equal(row(0), "HEAD    HEAD▾ HE…");
	assert_int_equal(role_at(0, 9), ROLE_SORTED);
	assert_int_equal(role_at(0, 0), ROLE_HEADING);
	mv_canvas_clear(&canvas);
	mv_table_headings(&canvas, 0, c, 3, 0, true);
	assert_string_equal(row(0), "HEAD▴    HEAD HE…");
}

static void scrolling_moves_as_little_as_possible(void **state)
{
	(void)state;
	assert_int_equal(mv_table_scroll(0, 5, 100, 10), 0);
	assert_int_equal(mv_table_scroll(0, 10, 100, 10), 1);
	assert_int_equal(mv_table_scroll(50, 49, 100, 10), 49);
	assert_int_equal(mv_table_scroll(50, 55, 100, 10), 50);
	assert_int_equal(mv_table_scroll(95, 99, 100, 10), 90);
	assert_int_equal(mv_table_scroll(7, 3, 5, 10), 0);
	assert_int_equal(mv_table_scroll(7, 30, 20, 10), 10);
	assert_int_equal(mv_table_scroll(7, 3, 100, 0), 0);
	assert_int_equal(mv_table_scroll(0, 0, 0, 10), 0);
}

/* ---- hexdump ---- */

static void bytes_are_shown_as_hex_and_text(void **state)
{
	static const uint8_t bytes[18] = "Hi\0\xff"
					 "abcdefghijklmn";

	(void)state;
	mv_canvas_resize(&canvas, 3, 90);
	mv_hexdump_draw(&canvas, (struct mv_rect){0, 1, 3, 89}, 0x7f3a12940120, bytes, 17, 16);
	assert_string_equal(
	    row(0), " 7f3a12940120  48 69 00 ff 61 62 63 64  65 66 67 68 69 6a 6b 6c  Hi··abcdefghijkl");
	assert_string_equal(row(1), " 7f3a12940130  6d                                                m");
	assert_string_equal(row(2), "");
	assert_int_equal(role_at(0, 1), ROLE_HEX_ADDR);
	assert_int_equal(role_at(0, 15), ROLE_HEX_BYTE);
	assert_int_equal(role_at(0, 21), ROLE_HEX_ZERO);
}

static void a_hexdump_stays_in_its_area(void **state)
{
	static const uint8_t bytes[64];

	(void)state;
	mv_canvas_resize(&canvas, 3, 90);
	mv_hexdump_draw(&canvas, (struct mv_rect){1, 0, 1, 16}, 0x1000, bytes, sizeof(bytes), 8);
	assert_string_equal(row(0), "");
	assert_string_equal(row(1), "000000001000  00");
	assert_string_equal(row(2), "");
	mv_hexdump_draw(&canvas, (struct mv_rect){2, 0, 1, 90}, UINT64_C(0xffffffffff600000), bytes, 8, 8);
	assert_string_equal(row(2), "ffffffffff600000  00 00 00 00 00 00 00 00  ········");
}

/* ---- legend ---- */

static void the_legend_names_what_occurs(void **state)
{
	uint32_t states = 1u << MV_PAGE_NONE | 1u << MV_PAGE_ANON | 1u << MV_PAGE_FILE;

	(void)state;
	assert_int_equal(mv_legend_draw(&canvas, 0, 0, 99, states), 32);
	mv_canvas_resize(&canvas, 1, 60);
	assert_int_equal(mv_legend_draw(&canvas, 0, 1, 59, states), 32);
	assert_string_equal(row(0), " █ private  ▒ file  · not touched");
	assert_int_equal(role_at(0, 1), ROLE_PAGE_ANON);
	assert_int_equal(role_at(0, 3), ROLE_LABEL);
	mv_canvas_clear(&canvas);
	/* Whole entries only. */
	assert_int_equal(mv_legend_draw(&canvas, 0, 0, 20, states), 17);
	assert_string_equal(row(0), "█ private  ▒ file");
	assert_int_equal(mv_legend_draw(&canvas, 0, 0, 60, 0), 0);
	assert_int_equal(mv_legend_draw(&canvas, 0, 0, -1, states), 0);
}

/* All cells are given out, the least that is there gets one, nothing gets none. */
static void parts_fill_their_bar(void **state)
{
	const struct mv_share parts[] = {{1000000, ROLE_RAM_USED, U'█', '#', {"used"}},
					 {0, ROLE_RAM_SHARED, U'▚', '=', {"shared"}},
					 {1, ROLE_RAM_CACHE, U'▒', '+', {"cache"}},
					 {999999, ROLE_RAM_FREE, U'·', '.', {"free"}}};
	int cells[MV_COUNT_OF(parts)];

	(void)state;
	for (int cols = 0; cols <= 40; cols++) {
		mv_parts_layout(parts, MV_COUNT_OF(parts), cols, cells);
		assert_int_equal(cells[0] + cells[1] + cells[2] + cells[3], cols);
		assert_int_equal(cells[1], 0);
		if (cols >= 3)
			assert_true(cells[0] >= 1 && cells[2] == 1 && cells[3] >= 1);
	}
	mv_canvas_clear(&canvas);
	mv_parts_draw(&canvas, (struct mv_rect){0, 0, 1, 9}, parts, MV_COUNT_OF(parts));
	assert_string_equal(row(0), "████▒····");
}

static void parts_are_named_over_as_many_lines_as_it_takes(void **state)
{
	const struct mv_share parts[] = {{1 << 20, ROLE_RAM_USED, U'█', '#', {"used"}}, {0, ROLE_RAM_FREE, U'·', '.', {"free"}}};

	(void)state;
	mv_canvas_clear(&canvas);
	/* Two columns apart, one where that is needed, a line more where that is not enough. */
	assert_int_equal(mv_parts_legend(&canvas, (struct mv_rect){0, 0, 2, 21}, parts, 2, false), 1);
	assert_string_equal(row(0), "█ used 1.0M  · free 0");
	mv_canvas_clear(&canvas);
	assert_int_equal(mv_parts_legend(&canvas, (struct mv_rect){0, 0, 2, 20}, parts, 2, false), 1);
	assert_string_equal(row(0), "█ used 1.0M · free 0");
	assert_int_equal(mv_parts_legend(NULL, (struct mv_rect){0, 0, 2, 19}, parts, 2, false), 2);
	assert_int_equal(mv_parts_legend(NULL, (struct mv_rect){0, 0, 1, 5}, parts, 2, false), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(bars_are_filled_by_eighths),
	    TEST(a_bar_never_lies_at_its_ends),
	    TEST(sparks_show_the_newest_at_the_right),
	    TEST(a_spark_is_no_wider_than_its_history),
	    TEST(columns_stretch_shrink_and_go),
	    TEST(columns_go_in_their_order),
	    TEST(columns_never_overlap_or_stick_out),
	    TEST(headings_show_the_order),
	    TEST(scrolling_moves_as_little_as_possible),
	    TEST(bytes_are_shown_as_hex_and_text),
	    TEST(a_hexdump_stays_in_its_area),
	    TEST(the_legend_names_what_occurs),
	    TEST(parts_fill_their_bar),
	    TEST(parts_are_named_over_as_many_lines_as_it_takes),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests_name("widget", tests, NULL, NULL);
}
