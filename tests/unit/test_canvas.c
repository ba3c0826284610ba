/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <locale.h>

#include "tui/canvas.h"
#include "tui/theme.h"

static struct mv_canvas canvas;

static int setup(void **state)
{
	(void)state;
	return mv_canvas_init(&canvas, 4, 10);
}

static int teardown(void **state)
{
	(void)state;
	mv_canvas_release(&canvas);
	return 0;
}

/* The text plane, lines ended by '\n', trailing blanks trimmed. */
static const char *text_plane(void)
{
	static char out[4096];
	char *dump = NULL, *end;
	size_t size = 0;
	FILE *file = open_memstream(&dump, &size);

	assert_non_null(file);
	assert_int_equal(mv_canvas_dump(&canvas, file), 0);
	fclose(file);
	end = strstr(dump, "--- roles\n");
	assert_non_null(end);
	*end = '\0';
	snprintf(out, sizeof(out), "%s", dump);
	free(dump);
	return out;
}

static char *whole_dump(void)
{
	char *dump = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&dump, &size);

	assert_non_null(file);
	assert_int_equal(mv_canvas_dump(&canvas, file), 0);
	fclose(file);
	return dump;
}

static void text_is_drawn_and_cut(void **state)
{
	(void)state;
	assert_int_equal(mv_canvas_text(&canvas, 0, 0, -1, ROLE_TEXT, MV_TEXT("0123456789")), 10);
	assert_int_equal(mv_canvas_text(&canvas, 1, 0, -1, ROLE_TEXT, MV_TEXT("0123456789a")), 10);
	assert_int_equal(mv_canvas_text(&canvas, 2, 2, 4, ROLE_TEXT, MV_TEXT("abcdef")), 4);
	assert_int_equal(mv_canvas_text(&canvas, 3, 2, 0, ROLE_TEXT, MV_TEXT("abcdef")), 0);
	assert_string_equal(text_plane(), "0123456789\n012345678…\n  abc…\n\n");
}

static void everything_outside_is_clipped(void **state)
{
	(void)state;
	mv_canvas_text(&canvas, -1, 0, -1, ROLE_TEXT, MV_TEXT("above"));
	mv_canvas_text(&canvas, 4, 0, -1, ROLE_TEXT, MV_TEXT("below"));
	mv_canvas_text(&canvas, 0, -2, -1, ROLE_TEXT, MV_TEXT("left"));
	mv_canvas_text(&canvas, 0, 10, -1, ROLE_TEXT, MV_TEXT("right"));
	mv_canvas_text(&canvas, 1, 8, -1, ROLE_TEXT, MV_TEXT("right"));
	mv_canvas_glyph(&canvas, 2, -1, ROLE_TEXT, U'x');
	mv_canvas_glyph(&canvas, 2, 10, ROLE_TEXT, U'x');
	mv_canvas_fill(&canvas, (struct mv_rect){3, -5, 9, 7}, ROLE_TEXT, U'#');
	mv_canvas_fill(&canvas, (struct mv_rect){-9, 0, 3, 3}, ROLE_TEXT, U'#');
	mv_canvas_attr(&canvas, (struct mv_rect){-1, -1, 99, 99}, MV_ATTR_BOLD);
	mv_canvas_role(&canvas, (struct mv_rect){3, 9, 99, 99}, ROLE_ALERT);
	mv_canvas_text_right(&canvas, 2, -3, 5, ROLE_TEXT, MV_TEXT("abcde"));
	assert_string_equal(text_plane(), "ft\n        r…\nde\n##\n");
	assert_int_equal(mv_canvas_at(&canvas, 3, 9)->role, ROLE_ALERT);
	assert_int_equal(mv_canvas_at(&canvas, 0, 0)->attrs, MV_ATTR_BOLD);
	assert_null(mv_canvas_at(&canvas, 0, 10));
	assert_null(mv_canvas_at(&canvas, -1, 0));
}

static void wide_characters_stay_whole(void **state)
{
	(void)state;
	assert_int_equal(mv_canvas_text(&canvas, 0, 0, -1, ROLE_TEXT, MV_TEXT("가나다라마")), 10);
	/* Five columns have room for two and the mark. */
	assert_int_equal(mv_canvas_text(&canvas, 1, 0, 5, ROLE_TEXT, MV_TEXT("가나다라마")), 5);
	/* Four have room for one: the mark stands next to it. */
	assert_int_equal(mv_canvas_text(&canvas, 2, 0, 4, ROLE_TEXT, MV_TEXT("가나다라마")), 3);
	assert_int_equal(mv_canvas_text(&canvas, 3, -1, -1, ROLE_TEXT, MV_TEXT("가나")), 4);
	assert_string_equal(text_plane(), "가나다라마\n가나…\n가…\n 나\n");
}

static void half_a_wide_character_goes_blank(void **state)
{
	(void)state;
	for (int y = 0; y < 3; y++)
		mv_canvas_text(&canvas, y, 0, -1, ROLE_TEXT, MV_TEXT("가나"));
	mv_canvas_glyph(&canvas, 0, 1, ROLE_TEXT, U'x');	     /* right half */
	mv_canvas_glyph(&canvas, 1, 2, ROLE_TEXT, U'x');	     /* left half */
	mv_canvas_text(&canvas, 2, 1, -1, ROLE_TEXT, MV_TEXT("다")); /* halves of two */
	mv_canvas_glyph(&canvas, 3, 9, ROLE_TEXT, U'가');	     /* has no room */
	assert_string_equal(text_plane(), " x나\n가x\n 다\n\n");
	assert_int_equal(mv_canvas_at(&canvas, 2, 3)->width, 1);
	assert_int_equal(mv_canvas_at(&canvas, 3, 9)->width, 1);
}

static void combining_characters_attach(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(mv_canvas_text(&canvas, 0, 0, -1, ROLE_TEXT, MV_TEXT("e\u0301x가\u0301")), 4);
	assert_int_equal(mv_canvas_utf8(mv_canvas_at(&canvas, 0, 0), out), 3);
	assert_string_equal(out, "e\u0301");
	assert_string_equal(text_plane(), "e\u0301x가\u0301\n\n\n\n");
	assert_int_equal(mv_canvas_utf8(mv_canvas_at(&canvas, 0, 3), out), 0);
	/* One that has nothing of its own text to sit on is left out, not hung on its neighbour. */
	mv_canvas_text(&canvas, 0, 1, -1, ROLE_TEXT, MV_TEXT("\u0301y"));
	assert_int_equal(mv_canvas_at(&canvas, 0, 0)->ch[2], 0);
	/* More than a cell holds are left out. */
	mv_canvas_text(&canvas, 1, 0, -1, ROLE_TEXT, MV_TEXT("o\u0301\u0302\u0303z"));
	assert_int_equal(mv_canvas_at(&canvas, 1, 0)->ch[2], 0x302);
	assert_int_equal(mv_canvas_at(&canvas, 1, 1)->ch[0], 'z');
}

static void right_aligned_text_is_cut_at_its_left(void **state)
{
	(void)state;
	assert_int_equal(mv_canvas_text_right(&canvas, 0, 2, 6, ROLE_TEXT, MV_TEXT("abc")), 3);
	assert_int_equal(mv_canvas_text_right(&canvas, 1, 2, 6, ROLE_TEXT, MV_TEXT("abcdefgh")), 6);
	assert_int_equal(mv_canvas_text_right(&canvas, 2, 2, 4, ROLE_TEXT, MV_TEXT("가나다")), 3);
	assert_int_equal(mv_canvas_text_right(&canvas, 3, 2, 0, ROLE_TEXT, MV_TEXT("abc")), 0);
	assert_string_equal(text_plane(), "     abc\n  …defgh\n   …다\n\n");
}

static void ascii_stands_in(void **state)
{
	(void)state;
	canvas.ascii = true;
	mv_canvas_text(&canvas, 0, 0, -1, ROLE_TEXT, MV_TEXT("→…·×○◆█▓▒▚"));
	mv_canvas_text(&canvas, 1, 0, -1, ROLE_TEXT, MV_TEXT("▁▄─│╭é€e\u0301가"));
	mv_canvas_text(&canvas, 2, 0, 4, ROLE_TEXT, MV_TEXT("abcdef"));
	mv_canvas_text_right(&canvas, 2, 5, 4, ROLE_TEXT, MV_TEXT("abcdef"));
	mv_canvas_glyph2(&canvas, 3, 0, ROLE_TEXT, U'█', '@');
	mv_canvas_glyph(&canvas, 3, 1, ROLE_TEXT, U'█');
	assert_string_equal(text_plane(), ">..xo*#%+=\n.=-|+??e??\nabc> >def\n@#\n");
	canvas.ascii = false;
}

static void malformed_text_draws_question_marks(void **state)
{
	(void)state;
	mv_canvas_text(&canvas, 0, 0, -1, ROLE_TEXT,
		       mv_clean_trusted("a\xff"
					"b\xc3"));
	mv_canvas_text(&canvas, 1, 0, -1, ROLE_TEXT,
		       mv_clean_trusted("a\033[\xc2\x9b"
					"2J"));
	assert_string_equal(text_plane(), "a?b?\na?[?2J\n\n\n");
}

static void a_box_has_its_title_and_its_inside(void **state)
{
	struct mv_rect inside = mv_canvas_box(&canvas, (struct mv_rect){0, 0, 4, 10}, MV_TEXT("map"));

	(void)state;
	assert_string_equal(text_plane(), "╭ map ───╮\n│        │\n│        │\n╰────────╯\n");
	assert_int_equal(inside.y, 1);
	assert_int_equal(inside.x, 1);
	assert_int_equal(inside.rows, 2);
	assert_int_equal(inside.cols, 8);
	mv_canvas_clear(&canvas);
	mv_canvas_box(&canvas, (struct mv_rect){0, 0, 2, 10}, MV_TEXT("too long a title"));
	assert_string_equal(text_plane(), "╭ too l… ╮\n╰────────╯\n\n\n");
	inside = mv_canvas_box(&canvas, (struct mv_rect){0, 0, 1, 1}, MV_TEXT("x"));
	assert_int_equal(inside.rows, 0);
}

static void the_dump_tells_roles_and_attributes(void **state)
{
	char *dump;

	(void)state;
	mv_canvas_text(&canvas, 0, 0, -1, ROLE_DIM, MV_TEXT("ab"));
	mv_canvas_text(&canvas, 0, 3, -1, ROLE_TEXT, MV_TEXT("c d"));
	mv_canvas_text(&canvas, 1, 0, -1, ROLE_HEX_ADDR, MV_TEXT("x"));
	mv_canvas_text(&canvas, 1, 1, -1, ROLE_HEX_BYTE, MV_TEXT("y"));
	mv_canvas_attr(&canvas, (struct mv_rect){1, 0, 1, 4}, MV_ATTR_CURSOR);
	mv_canvas_attr(&canvas, (struct mv_rect){2, 0, 1, 1}, MV_ATTR_BOLD);
	mv_canvas_attr(&canvas, (struct mv_rect){2, 1, 1, 1}, MV_ATTR_UNDERLINE);
	mv_canvas_attr(&canvas, (struct mv_rect){2, 3, 1, 1}, MV_ATTR_REVERSE | MV_ATTR_BOLD);
	dump = whole_dump();
	assert_string_equal(dump, "ab c d\nxy\n\n\n"
				  "--- roles\ndd . .\nHE::\n\n\nd dim\nh hex-addr\ne hex-byte\n"
				  "--- attributes\n\n\nbu *\n\n");
	free(dump);
}

static void every_role_has_a_letter(void **state)
{
	struct mv_canvas wide;
	char *dump = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&dump, &size);

	(void)state;
	assert_int_equal(mv_canvas_init(&wide, 1, ROLE__N), 0);
	for (int i = 0; i < ROLE__N; i++)
		mv_canvas_glyph(&wide, 0, i, (enum mv_role)i, U'x');
	assert_int_equal(mv_canvas_dump(&wide, file), 0);
	fclose(file);
	assert_non_null(strstr(dump, "k key\n"));
	assert_non_null(strstr(dump, " sharing-shared\n"));
	free(dump);
	mv_canvas_release(&wide);
}

static void sizes_from_nothing_up(void **state)
{
	struct mv_canvas c;

	(void)state;
	assert_int_equal(mv_canvas_init(&c, 0, 0), 0);
	mv_canvas_text(&c, 0, 0, -1, ROLE_TEXT, MV_TEXT("x"));
	mv_canvas_box(&c, (struct mv_rect){0, 0, 5, 5}, MV_TEXT("x"));
	assert_null(mv_canvas_at(&c, 0, 0));
	assert_int_equal(mv_canvas_resize(&c, 1, 1), 0);
	mv_canvas_text(&c, 0, 0, -1, ROLE_TEXT, MV_TEXT("xy"));
	assert_int_equal(mv_canvas_at(&c, 0, 0)->ch[0], U'…');
	assert_int_equal(mv_canvas_resize(&c, 2, 3), 0);
	assert_int_equal(mv_canvas_at(&c, 0, 0)->ch[0], U' ');
	mv_canvas_release(&c);
}

static void ansi_lines_carry_colours(void **state)
{
	struct mv_theme theme;
	char *out = NULL, message[100];
	size_t size = 0;
	FILE *file = open_memstream(&out, &size);
	int line;

	(void)state;
	assert_int_equal(
	    mv_theme_parse("[theme]\nground = #000000\nink = #ffffff\n[roles]\nalert = #ff0000 bold\n",
			   &theme, &line, message, sizeof(message)),
	    0);
	mv_canvas_resize(&canvas, 1, 3);
	mv_canvas_text(&canvas, 0, 0, -1, ROLE_ALERT, MV_TEXT("a가"));
	assert_int_equal(mv_canvas_ansi(&canvas, &theme, file), 0);
	fclose(file);
	assert_string_equal(out, "\033[0;1;38;2;255;0;0;48;2;0;0;0ma가\033[0m\n");
	free(out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(text_is_drawn_and_cut),
	    TEST(everything_outside_is_clipped),
	    TEST(wide_characters_stay_whole),
	    TEST(half_a_wide_character_goes_blank),
	    TEST(combining_characters_attach),
	    TEST(right_aligned_text_is_cut_at_its_left),
	    TEST(ascii_stands_in),
	    TEST(malformed_text_draws_question_marks),
	    TEST(a_box_has_its_title_and_its_inside),
	    TEST(the_dump_tells_roles_and_attributes),
	    TEST(every_role_has_a_letter),
	    TEST(sizes_from_nothing_up),
	    TEST(ansi_lines_carry_colours),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests_name("canvas", tests, NULL, NULL);
}
