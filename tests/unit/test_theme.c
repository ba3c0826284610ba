/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/types.h"
#include "tui/theme.h"

static const char *const shipped[] = {"dark", "light", "projector", "colour-blind", "mono"};

static struct mv_theme load(const char *name)
{
	char path[4096], message[160] = "";
	struct mv_theme theme;
	int line = 0;

	snprintf(path, sizeof(path), "%s/%s.ini", getenv("MEMVIEW_THEMES"), name);
	if (mv_theme_load(path, &theme, &line, message, sizeof(message)) < 0)
		fail_msg("%s:%d: %s", path, line, message);
	assert_string_equal(theme.name, name);
	return theme;
}

static struct mv_theme parse(const char *text)
{
	char message[160] = "";
	struct mv_theme theme;
	int line = 0;

	if (mv_theme_parse(text, &theme, &line, message, sizeof(message)) < 0)
		fail_msg("line %d: %s", line, message);
	return theme;
}

static const char *role_key(unsigned role)
{
	static const char *const keys[] = {
#define X(id, key, fallback) key,
		MV_ROLES(X)
#undef X
	};

	return keys[role];
}

/* Each role against what it stands on: its own ground, the theme's, the cursor's. */
static void check_contrast(const struct mv_theme *theme, double least)
{
	for (unsigned role = 0; role < ROLE__N; role++) {
		for (unsigned cursor = 0; cursor < 2; cursor++) {
			struct mv_style style = mv_theme_style(theme, role, cursor ? MV_ATTR_CURSOR : 0);
			double wanted = cursor && role != ROLE_CURSOR ? 4.5 : least;
			double contrast = mv_theme_contrast(style.fg, style.bg);

			assert_true(style.fg >= 0 && style.bg >= 0);
			if (contrast < wanted)
				fail_msg("%s: %s%s has %.2f:1, needs %.1f:1", theme->name, role_key(role),
					 cursor ? " under the cursor" : "", contrast, wanted);
		}
	}
}

static void shipped_themes_can_be_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(shipped); i++) {
		struct mv_theme theme = load(shipped[i]);

		if (!theme.mono)
			check_contrast(&theme, strcmp(theme.name, "projector") == 0 ? 7.0 : 4.5);
	}
}

static void shipped_themes_leave_no_role_to_chance(void **state)
{
	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(shipped); i++) {
		struct mv_theme theme = load(shipped[i]);
		struct mv_style *anon = &theme.style[ROLE_PAGE_ANON], *fresh = &theme.style[ROLE_PAGE_FRESH];
		struct mv_style *cursor = &theme.style[ROLE_CURSOR];

		assert_true(anon->fg != fresh->fg || anon->attrs != fresh->attrs);
		assert_true(cursor->attrs & MV_ATTR_REVERSE ||
			    (cursor->bg >= 0 && cursor->bg != theme.ground));
		for (unsigned role = 0; role < ROLE__N; role++)
			assert_true(theme.style[role].set);
		/* The selected page's ground is neither the screen's nor what a page is drawn in. */
		for (unsigned role = ROLE_PAGE_NONE; !theme.mono && role <= ROLE_PAGE_UNREAD; role++) {
			struct mv_style page = mv_theme_style(&theme, role, 0),
					at = mv_theme_style(&theme, role, MV_ATTR_CURSOR);
			int32_t drawn = page.attrs & MV_ATTR_REVERSE ? page.bg : page.fg;
			assert_false(at.attrs & MV_ATTR_REVERSE);
			assert_true(mv_theme_contrast(at.bg, at.fg) >= 7.0);
			assert_true(at.bg != theme.ground);
			if (role != ROLE_PAGE_FRESH)
				assert_true(mv_theme_contrast(at.bg, drawn) >= 1.4);
		}
	}
}

/* States that stand side by side in one grid must not look alike. */
static void states_are_told_apart(void **state)
{
	static const enum mv_role blocks[] = {ROLE_PAGE_ANON, ROLE_PAGE_SHMEM, ROLE_PAGE_FILE, ROLE_PAGE_COW};

	(void)state;
	for (size_t t = 0; t < MV_COUNT_OF(shipped); t++) {
		struct mv_theme theme = load(shipped[t]);

		for (size_t i = 0; i < MV_COUNT_OF(blocks) && !theme.mono; i++) {
			for (size_t j = 0; j < i; j++)
				assert_int_not_equal(theme.style[blocks[i]].fg, theme.style[blocks[j]].fg);
		}
	}
}

static void the_mono_file_is_the_built_in_one(void **state)
{
	struct mv_theme file = load("mono"), built_in;

	(void)state;
	mv_theme_mono(&built_in);
	assert_true(file.mono && built_in.mono);
	assert_string_equal(built_in.name, "mono");
	for (unsigned role = 0; role < ROLE__N; role++) {
		if (file.style[role].attrs != built_in.style[role].attrs || file.style[role].fg != -1 ||
		    built_in.style[role].bg != -1)
			fail_msg("%s differs", role_key(role));
	}
}

static void projector_has_large_cells(void **state)
{
	(void)state;
	assert_int_equal(load("projector").cell, 2);
	assert_int_equal(load("dark").cell, 1);
}

static void styles_are_parsed(void **state)
{
	struct mv_theme theme = parse(
	    "# a comment\n; another\n[theme]\nname = my own\nground=#102030\nink = #FFeedd\ncell = 2\n\n"
	    "[roles]\r\n  dim = #808080\nalert = #ffffff on #ff0000 bold underline\n"
	    "cursor = on #334455\nstrong = bold reverse dim\nlabel =\n");

	(void)state;
	assert_string_equal(theme.name, "my own");
	assert_int_equal(theme.ground, 0x102030);
	assert_int_equal(theme.ink, 0xffeedd);
	assert_int_equal(theme.cell, 2);
	assert_false(theme.mono);
	assert_int_equal(theme.style[ROLE_DIM].fg, 0x808080);
	assert_int_equal(theme.style[ROLE_DIM].bg, -1);
	assert_int_equal(theme.style[ROLE_ALERT].bg, 0xff0000);
	assert_int_equal(theme.style[ROLE_ALERT].attrs, MV_ATTR_BOLD | MV_ATTR_UNDERLINE);
	assert_int_equal(theme.style[ROLE_STRONG].attrs, MV_ATTR_BOLD | MV_ATTR_REVERSE | MV_ATTR_DIM);
	assert_int_equal(theme.style[ROLE_CURSOR].bg, 0x334455);
	assert_int_equal(theme.style[ROLE_LABEL].fg, -1);
}

static void what_is_left_out_falls_back(void **state)
{
	struct mv_theme theme = parse("[roles]\ndim = #101010\nkind-stack = #202020\n");

	(void)state;
	assert_int_equal(theme.style[ROLE_FRAME].fg, 0x101010);	  /* frame -> dim */
	assert_int_equal(theme.style[ROLE_HEADING].fg, 0x101010); /* heading -> label -> dim */
	assert_int_equal(theme.style[ROLE_KIND_THREAD_STACK].fg, 0x202020);
	assert_int_equal(theme.style[ROLE_TEXT].fg, -1);
	/* A cursor must be seen, whatever was left out. */
	assert_int_equal(theme.style[ROLE_CURSOR].attrs, MV_ATTR_REVERSE);
	assert_true(parse("").mono);
	assert_int_equal(parse("").ground, -1);
}

static void errors_name_the_line(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *message;
	} wrong[] = {
	    {"[roles]\ntext = #12345\n", 2, "not a colour"},
	    {"[roles]\n\n; x\ntext = #12345g\n", 4, "#12345g"},
	    {"[roles]\nnothing = bold\n", 2, "no such role: \"nothing\""},
	    {"[roles]\ntext = #ffffff on\n", 2, "after \"on\""},
	    {"[roles]\ntext = on red\n", 2, "not a colour"},
	    {"[roles]\ntext = blink\n", 2, "blink"},
	    {"[roles]\ntext = bold #ffffff\n", 2, "#ffffff"},
	    {"[theme]\ncell = 3\n", 2, "cell"},
	    {"[theme]\nground = white\n", 2, "white"},
	    {"[theme]\nname = \n", 2, "name"},
	    {"[theme]\nname = 12345678901234567890123456789012\n", 2, "name"},
	    {"[theme]\nname = a\033[2Jb\n", 2, "\\x1b"},
	    {"[theme]\nsize = 2\n", 2, "size"},
	    {"[other]\nx = 1\n", 2, "other"},
	    {"[roles]\nrubbish\ntext = blink\n", 2, "neither"},
	    {"[roles\n", 1, "neither"},
	};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(wrong); i++) {
		struct mv_theme theme = {.cell = 77};
		char message[160] = "";
		int line = 0;

		assert_int_equal(mv_theme_parse(wrong[i].text, &theme, &line, message, sizeof(message)),
				 -EINVAL);
		if (line != wrong[i].line || !strstr(message, wrong[i].message))
			fail_msg("%s: line %d: %s", wrong[i].text, line, message);
		assert_int_equal(theme.cell, 77);
	}
}

static void a_long_line_is_refused(void **state)
{
	char text[1024] = "[roles]\ndim = bold\ntext = ", message[160] = "";
	struct mv_theme theme;
	int line = 0;

	(void)state;
	memset(text + strlen(text), ' ', 600);
	snprintf(text + 620, sizeof(text) - 620, "bold\n");
	assert_int_equal(mv_theme_parse(text, &theme, &line, message, sizeof(message)), -EINVAL);
	assert_int_equal(line, 3);
	assert_non_null(strstr(message, "too long"));
}

static void a_missing_file_says_so(void **state)
{
	struct mv_theme theme;
	char message[160] = "";
	int line = -1;

	(void)state;
	assert_int_equal(mv_theme_load("/nonexistent/x.ini", &theme, &line, message, sizeof(message)),
			 -ENOENT);
	assert_int_equal(line, 0);
	assert_string_equal(message, strerror(ENOENT));
}

static void cells_look_as_the_theme_says(void **state)
{
	struct mv_theme theme =
	    parse("[theme]\nground = #000000\nink = #eeeeee\n[roles]\ncursor = #ffffff on #333333\n"
		  "alert = #ffffff on #aa0000\ndim = #444444\nbar = #88ccff bold\n");
	struct mv_style style;

	(void)state;
	style = mv_theme_style(&theme, ROLE_TEXT, 0);
	assert_int_equal(style.fg, 0xeeeeee);
	assert_int_equal(style.bg, 0);
	style = mv_theme_style(&theme, ROLE_BAR, MV_ATTR_CURSOR | MV_ATTR_UNDERLINE);
	assert_int_equal(style.fg, 0x88ccff);
	assert_int_equal(style.bg, 0x333333);
	assert_int_equal(style.attrs, MV_ATTR_BOLD | MV_ATTR_UNDERLINE);
	/* What could not be read on the cursor's ground takes the cursor's ink. */
	assert_int_equal(mv_theme_style(&theme, ROLE_DIM, MV_ATTR_CURSOR).fg, 0xffffff);
	assert_int_equal(mv_theme_style(&theme, ROLE_ALERT, 0).bg, 0xaa0000);
	assert_int_equal(mv_theme_style(&theme, ROLE_ALERT, MV_ATTR_CURSOR).bg, 0x333333);
	/* A page that fills its cell must not hide the cursor: ink and ground change places. */
	style = mv_theme_style(&theme, ROLE_PAGE_ANON, MV_ATTR_CURSOR | MV_ATTR_UNDERLINE);
	assert_int_equal(style.fg, 0);
	assert_int_equal(style.bg, 0xeeeeee);
	assert_int_equal(style.attrs, MV_ATTR_UNDERLINE);
	assert_int_equal(mv_theme_style(&theme, ROLE_BAR, MV_ATTR_CURSOR).attrs & MV_ATTR_REVERSE, 0);
	mv_theme_mono(&theme);
	assert_int_equal(mv_theme_style(&theme, ROLE_TEXT, MV_ATTR_CURSOR).attrs, MV_ATTR_REVERSE);
	assert_int_equal(mv_theme_style(&theme, ROLE_PAGE_ANON, MV_ATTR_CURSOR).attrs, MV_ATTR_REVERSE);
	/* Reverse twice is plain: a selected alert still differs from its neighbours. */
	assert_int_equal(mv_theme_style(&theme, ROLE_ALERT, MV_ATTR_CURSOR).attrs, MV_ATTR_BOLD);
}

static void nearest_colours(void **state)
{
	(void)state;
	assert_int_equal(mv_theme_to_256(0x000000), 16);
	assert_int_equal(mv_theme_to_256(0xffffff), 231);
	assert_int_equal(mv_theme_to_256(0xff0000), 196);
	assert_int_equal(mv_theme_to_256(0x5f87af), 67);
	assert_int_equal(mv_theme_to_256(0x808080), 244);
	assert_int_equal(mv_theme_to_16(0x000000), 0);
	assert_int_equal(mv_theme_to_16(0xffffff), 15);
	assert_int_equal(mv_theme_to_16(0x990000), 1);
	assert_int_equal(mv_theme_to_16(0xff8080), 9);
	assert_int_equal(mv_theme_to_16(0x707070), 8);
	assert_int_equal(mv_theme_to_8(0x10151a), 0);
	assert_int_equal(mv_theme_to_8(0xffffff), 7);
	assert_int_equal(mv_theme_to_8(0xff8a80), 1);
	assert_int_equal(mv_theme_to_8(0x86d58f), 2);
	assert_int_equal(mv_theme_to_8(0x0000ff), 4);
	/* Light blue is cyan: plain blue on black can't be read. */
	assert_int_equal(mv_theme_to_8(0x8fbdf0), 6);
	for (int32_t rgb = 0; rgb < 0x1000000; rgb += 0x1357) {
		assert_in_range(mv_theme_to_256(rgb), 16, 255);
		assert_in_range(mv_theme_to_16(rgb), 0, 15);
		assert_in_range(mv_theme_to_8(rgb), 0, 7);
	}
}

static void contrast_is_wcags(void **state)
{
	(void)state;
	/* Known pairs, in hundredths. */
	assert_int_equal((int)(mv_theme_contrast(0x000000, 0xffffff) * 100 + 0.5), 2100);
	assert_int_equal((int)(mv_theme_contrast(0xffffff, 0x767676) * 100 + 0.5), 454);
	assert_int_equal((int)(mv_theme_contrast(0xff0000, 0xffffff) * 100 + 0.5), 400);
	assert_int_equal((int)(mv_theme_contrast(0x0000ff, 0xffffff) * 100 + 0.5), 859);
	assert_int_equal((int)(mv_theme_contrast(0x123456, 0x123456) * 100 + 0.5), 100);
}

static void write_file(const char *dir, const char *name)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("[theme]\n", file);
	fclose(file);
}

static void users_themes_are_found(void **state)
{
	char dir[] = "/tmp/mv-theme-XXXXXX", themes[256], path[512];
	struct mv_theme_list list;
	static const char *const files[] = {"light.ini", "mine.ini", "no-theme.txt", ".hidden.ini", ".ini"};

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(themes, sizeof(themes), "%s/memview", dir);
	assert_int_equal(mkdir(themes, 0700), 0);
	snprintf(themes, sizeof(themes), "%s/memview/themes", dir);
	assert_int_equal(mkdir(themes, 0700), 0);
	for (size_t i = 0; i < MV_COUNT_OF(files); i++)
		write_file(themes, files[i]);
	setenv("XDG_CONFIG_HOME", dir, 1);
	mv_theme_find(&list);
	assert_int_equal(list.count, 6);
	for (size_t i = 0; i < MV_COUNT_OF(shipped); i++)
		assert_string_equal(list.at[i].name, shipped[i]);
	assert_string_equal(list.at[5].name, "mine");
	/* The user's own of the same name wins, in the old place. */
	assert_non_null(strstr(list.at[1].path, dir));
	assert_null(strstr(list.at[0].path, dir));
	/* A relative directory is none. */
	setenv("XDG_CONFIG_HOME", "tmp", 1);
	setenv("HOME", "", 1);
	mv_theme_find(&list);
	assert_int_equal(list.count, 5);
	for (size_t i = 0; i < MV_COUNT_OF(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", themes, files[i]);
		unlink(path);
	}
	rmdir(themes);
	*strrchr(themes, '/') = '\0';
	rmdir(themes);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shipped_themes_can_be_read),
	    cmocka_unit_test(shipped_themes_leave_no_role_to_chance),
	    cmocka_unit_test(states_are_told_apart),
	    cmocka_unit_test(the_mono_file_is_the_built_in_one),
	    cmocka_unit_test(projector_has_large_cells),
	    cmocka_unit_test(styles_are_parsed),
	    cmocka_unit_test(what_is_left_out_falls_back),
	    cmocka_unit_test(errors_name_the_line),
	    cmocka_unit_test(a_long_line_is_refused),
	    cmocka_unit_test(a_missing_file_says_so),
	    cmocka_unit_test(cells_look_as_the_theme_says),
	    cmocka_unit_test(nearest_colours),
	    cmocka_unit_test(contrast_is_wcags),
	    cmocka_unit_test(users_themes_are_found),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	setenv("MEMVIEW_THEMES", "themes", 0); /* run by hand from the top */
	return cmocka_run_group_tests_name("theme", tests, NULL, NULL);
}
