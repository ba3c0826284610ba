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

static struct mv_theme theme;

static char *svg_of(const struct mv_canvas *c)
{
	char *out = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&out, &size);

	assert_non_null(file);
	assert_int_equal(mv_canvas_svg(c, &theme, file), 0);
	fclose(file);
	return out;
}

static void set_theme(const char *text)
{
	char message[160] = "";
	int line = 0;

	assert_int_equal(mv_theme_parse(text, &theme, &line, message, sizeof(message)), 0);
}

static int setup(void **state)
{
	(void)state;
	set_theme("[theme]\nground = #000000\nink = #eeeeee\n[roles]\nalert = #ff0000 on #222222 bold\n");
	return 0;
}

/* Draw one line and see that the picture has `wanted` in it. */
static void expect(enum mv_role role, struct mv_clean text, unsigned attrs, const char *wanted)
{
	struct mv_canvas c;
	char *svg;

	assert_int_equal(mv_canvas_init(&c, 1, 20), 0);
	mv_canvas_text(&c, 0, 0, -1, role, text);
	mv_canvas_attr(&c, (struct mv_rect){0, 0, 1, 20}, attrs);
	svg = svg_of(&c);
	if (!strstr(svg, wanted))
		fail_msg("no %s in\n%s", wanted, svg);
	free(svg);
	mv_canvas_release(&c);
}

#define CRISP "shape-rendering=\"crispEdges\" "

static void text_is_set_to_its_columns(void **state)
{
	(void)state;
	expect(ROLE_TEXT, MV_TEXT("abc de  f"), 0,
	       "<text x=\"14\" y=\"27.5\" textLength=\"54\" fill=\"#eeeeee\">abc de</text>");
	expect(ROLE_TEXT, MV_TEXT("abc de  f"), 0,
	       "<text x=\"86\" y=\"27.5\" textLength=\"9\" fill=\"#eeeeee\">f</text>");
	expect(ROLE_TEXT, MV_TEXT("a가b"), 0,
	       "<text x=\"23\" y=\"27.5\" textLength=\"18\" fill=\"#eeeeee\">가</text>");
	expect(ROLE_ALERT, MV_TEXT("x"), 0, "fill=\"#ff0000\" font-weight=\"700\">x</text>");
	expect(ROLE_ALERT, MV_TEXT("x"), 0,
	       "<rect x=\"14\" y=\"14\" width=\"9\" height=\"18\" " CRISP "fill=\"#222222\"/>");
}

static void markup_is_escaped(void **state)
{
	(void)state;
	expect(ROLE_TEXT, MV_TEXT("</text>&\""), 0, ">&lt;/text&gt;&amp;&quot;</text>");
}

static void blocks_are_rectangles(void **state)
{
	(void)state;
	expect(ROLE_TEXT, MV_TEXT("███"), 0,
	       "<rect x=\"14\" y=\"14\" width=\"27\" height=\"18\" " CRISP "fill=\"#eeeeee\"/>");
	expect(ROLE_TEXT, MV_TEXT("▄"), 0,
	       "<rect x=\"14\" y=\"23\" width=\"9\" height=\"9\" " CRISP "fill=\"#eeeeee\"/>");
	expect(ROLE_TEXT, MV_TEXT("▌▌"), 0,
	       "<rect x=\"23\" y=\"14\" width=\"4.5\" height=\"18\" " CRISP "fill=\"#eeeeee\"/>");
	expect(ROLE_TEXT, MV_TEXT("▒▒"), 0, "width=\"18\" height=\"18\" " CRISP "fill=\"url(#s0)\"/>");
	expect(ROLE_TEXT, MV_TEXT("▒"), 0, "<pattern id=\"s0\"");
	expect(ROLE_TEXT, MV_TEXT("·"), 0, "<circle cx=\"18.5\" cy=\"23\"");
	expect(ROLE_TEXT, MV_TEXT("─"), 0, "<path d=\"M14 23H23\"");
}

static void reverse_and_underline_show(void **state)
{
	(void)state;
	expect(ROLE_TEXT, MV_TEXT("x"), MV_ATTR_REVERSE, "fill=\"#000000\">x</text>");
	expect(ROLE_TEXT, MV_TEXT("x"), MV_ATTR_REVERSE,
	       "<rect x=\"14\" y=\"14\" width=\"180\" height=\"18\" " CRISP "fill=\"#eeeeee\"/>");
	expect(ROLE_TEXT, MV_TEXT("x"), MV_ATTR_UNDERLINE,
	       "<rect x=\"14\" y=\"30\" width=\"9\" height=\"1\" fill=\"#eeeeee\"/>");
}

static void the_picture_stands_alone(void **state)
{
	struct mv_canvas c;
	char *svg;

	(void)state;
	assert_int_equal(mv_canvas_init(&c, 24, 80), 0);
	svg = svg_of(&c);
	assert_ptr_equal(
	    strstr(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"748\" height=\"460\" "), svg);
	assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
	assert_null(strstr(svg, "href"));
	free(svg);
	mv_canvas_resize(&c, 0, 0);
	svg = svg_of(&c);
	assert_non_null(strstr(svg, "</svg>"));
	free(svg);
	mv_canvas_release(&c);
}

static void a_theme_without_colours_has_a_picture_too(void **state)
{
	(void)state;
	mv_theme_mono(&theme);
	expect(ROLE_ALERT, MV_TEXT("x"), 0, "fill=\"#111418\" font-weight=\"700\">x</text>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(text_is_set_to_its_columns, setup),
	    cmocka_unit_test_setup(markup_is_escaped, setup),
	    cmocka_unit_test_setup(blocks_are_rectangles, setup),
	    cmocka_unit_test_setup(reverse_and_underline_show, setup),
	    cmocka_unit_test_setup(the_picture_stands_alone, setup),
	    cmocka_unit_test_setup(a_theme_without_colours_has_a_picture_too, setup),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests_name("svg", tests, NULL, NULL);
}
