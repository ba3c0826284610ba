/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/types.h"
#include "tui/escape.h"
#include "tui/keys.h"

static struct mv_input parse(const char *text, int taken)
{
	struct mv_input input = {0};

	assert_int_equal(mv_keys_parse(text, &input), taken);
	return input;
}

static void each_actions_keys_parse(void **state)
{
	(void)state;
	for (unsigned action = MV_ACT_NONE + 1; action < MV_ACT__N; action++) {
		const char *at = mv_actions[action].keys;
		struct mv_input input;
		unsigned found = 0;
		int n;

		for (; (n = mv_keys_parse(at, &input)) > 0; at += n)
			found++;
		if (n < 0 || found == 0)
			fail_msg("%s: \"%s\"", mv_actions[action].name, at);
	}
}

/* Where an action works: with a letter of a process's view, of one of the machine's, or both. */
static bool works_in(unsigned action, char letter)
{
	const bool machine = mv_keys_of_machine(letter);

	for (const char *at = mv_actions[action].where; *at; at++)
		if (*at == '*' || mv_keys_of_machine(*at) == machine)
			return true;
	return false;
}

static void no_key_does_two_things_in_a_view(void **state)
{
	(void)state;
	for (unsigned action = MV_ACT_NONE + 1; action < MV_ACT__N; action++) {
		for (const char *letter = "mM"; *letter; letter++) {
			const char *at = mv_actions[action].keys;
			struct mv_input input;

			for (int n; works_in(action, *letter) && (n = mv_keys_parse(at, &input)) > 0;
			     at += n) {
				enum mv_action does = mv_keys_action(input.key, *letter);

				if (does != action)
					fail_msg("%s of %s does %s", at, mv_actions[action].name,
						 mv_actions[does].name);
			}
		}
	}
}

/* The same digits turn a process and the machine; neither's keys do anything in the other. */
static void realms_are_apart(void **state)
{
	(void)state;
	assert_int_equal(mv_keys_action('1', 'm'), MV_ACT_SIDE_MAP);
	assert_int_equal(mv_keys_action('1', 'e'), MV_ACT_SIDE_MAP);
	assert_int_equal(mv_keys_action('1', 'M'), MV_ACT_SIDE_MACHINE);
	assert_int_equal(mv_keys_action('6', 'y'), MV_ACT_SIDE_ATLAS);
	assert_int_equal(mv_keys_action('0', 'm'), MV_ACT_MACHINE);
	assert_int_equal(mv_keys_action('0', 'a'), MV_ACT_HOME);
	assert_int_equal(mv_keys_action('8', 'M'), MV_ACT_NONE);
	assert_int_equal(mv_keys_action('F', 'M'), MV_ACT_NONE);
	assert_int_equal(mv_keys_action('q', 'M'), MV_ACT_QUIT);
	assert_false(mv_keys_of_machine('\0'));
}

static void each_action_works_somewhere_and_says_what_it_does(void **state)
{
	(void)state;
	for (unsigned action = MV_ACT_NONE + 1; action < MV_ACT__N; action++) {
		const char *where = mv_actions[action].where;

		assert_true(*mv_actions[action].help && *mv_actions[action].group && *where);
		assert_true(strcmp(where, "*") == 0 ||
			    strspn(where, "mpgtfrkwei+@ho" MV_MACHINE_LETTERS) == strlen(where));
	}
	assert_string_equal(mv_actions[MV_ACT_NONE].name, "");
	assert_string_equal(mv_actions[MV_ACT_QUIT].name, "QUIT");
}

static void notation_is_read(void **state)
{
	struct mv_input input;

	(void)state;
	assert_int_equal(parse("j<Enter>", 1).key, 'j');
	assert_int_equal(parse("<Enter>x", 7).key, MV_KEY_ENTER);
	assert_int_equal(parse("  <PgDn>", 8).key, MV_KEY_PGDN);
	assert_int_equal(parse("<lt>", 4).key, '<');
	assert_int_equal(parse("<Space>", 7).key, ' ');
	assert_int_equal(parse(">", 1).key, '>');
	assert_int_equal(parse("^Lx", 2).key, 12);
	assert_int_equal(parse("^", 1).key, '^');
	assert_int_equal(parse("^a", 1).key, '^');
	assert_int_equal(parse("가", 3).key, U'가');
	assert_int_equal(parse("<Tick>", 6).key, MV_KEY_TICK);
	assert_int_equal(parse("<BS>", 4).key, MV_KEY_BACKSPACE);
	input = parse("<Click 4,12>q", 12);
	assert_int_equal(input.key, MV_KEY_CLICK);
	assert_int_equal(input.y, 4);
	assert_int_equal(input.x, 12);
	assert_int_equal(parse("<WheelUp>", 9).key, MV_KEY_WHEEL_UP);
	parse("", 0);
	parse("   ", 0);
}

static void wrong_notation_is_refused(void **state)
{
	static const char *const wrong[] = {
	    "<",    "<Entr>", "<Enter",	  "<Enter 1,2>", "<Click x>", "<Click 1,>", "<Click 1,2,3>",
	    "\xff", "\xc3",   "\xe0\x80", "<>"};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(wrong); i++) {
		struct mv_input input = {.key = 'x'};

		if (mv_keys_parse(wrong[i], &input) >= 0)
			fail_msg("\"%s\" is read as %u", wrong[i], (unsigned)input.key);
		assert_int_equal(input.key, 'x');
	}
}

static void keys_find_their_actions(void **state)
{
	(void)state;
	assert_int_equal(mv_keys_action('j', 'm'), MV_ACT_DOWN);
	assert_int_equal(mv_keys_action(MV_KEY_DOWN, 'm'), MV_ACT_DOWN);
	assert_int_equal(mv_keys_action('<', 'm'), MV_ACT_SLOWER);
	assert_int_equal(mv_keys_action(' ', 'm'), MV_ACT_PAUSE);
	assert_int_equal(mv_keys_action(12, 'm'), MV_ACT_REDRAW);
	assert_int_equal(mv_keys_action(3, 'm'), MV_ACT_QUIT);
	assert_int_equal(mv_keys_action(MV_KEY_BACKSPACE, 'm'), MV_ACT_BACK);
	assert_int_equal(mv_keys_action(MV_KEY_NONE, 'm'), MV_ACT_NONE);
	assert_int_equal(mv_keys_action(U'가', 'm'), MV_ACT_NONE);
	assert_int_equal(mv_keys_action(MV_KEY_CLICK, 'm'), MV_ACT_NONE);
}

static void names_are_shown(void **state)
{
	static const struct {
		char32_t key;
		const char *name;
	} wanted[] = {
	    {'j', "j"},
	    {'<', "<"},
	    {' ', "Space"},
	    {12, "^L"},
	    {MV_KEY_ENTER, "Enter"},
	    {MV_KEY_PGDN, "PgDn"},
	    {MV_KEY_BACKSPACE, "Backspace"},
	    {U'é', "é"},
	    {U'가', "가"},
	};
	char out[16], tiny[3];

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(wanted); i++) {
		assert_int_equal(mv_keys_name(wanted[i].key, out, sizeof(out)), strlen(wanted[i].name));
		assert_string_equal(out, wanted[i].name);
	}
	assert_int_equal(mv_keys_name(MV_KEY_ENTER, tiny, sizeof(tiny)), 5);
	assert_string_equal(tiny, "En");
	assert_int_equal(mv_keys_of(MV_ACT_ENTER, out, sizeof(out)), 5);
	assert_string_equal(out, "Enter");
	assert_int_equal(mv_keys_of(MV_ACT_SLOWER, out, sizeof(out)), 1);
	assert_int_equal(mv_keys_of(MV_ACT_NONE, out, sizeof(out)), 0);
	assert_string_equal(out, "");
}

/* What comes of `text` behind an Escape, fed in two parts with `pause_ns` between them. */
static struct mv_input sequence(const char *text, size_t cut, uint64_t pause_ns, int *ret_keys)
{
	struct mv_escape e = {0};
	struct mv_input input = {0};
	uint64_t now_ns = 5000 * UINT64_C(1000000);

	*ret_keys = 0;
	mv_escape_begin(&e, now_ns);
	for (size_t i = 0; text[i]; i++) {
		now_ns += i == cut ? pause_ns : 0;
		*ret_keys += mv_escape_feed(&e, (unsigned char)text[i], now_ns, &input) == MV_ESCAPE_KEY;
	}
	return input;
}

static void sequences_are_whole_wherever_they_are_split(void **state)
{
	static const struct {
		const char *text;
		char32_t key;
		int y, x;
	} wanted[] = {
	    {"[<0;27;7M", MV_KEY_CLICK, 6, 26},
	    {"[<4;1;1M", MV_KEY_CLICK, 0, 0},
	    {"[<64;300;12M", MV_KEY_WHEEL_UP, 11, 299},
	    {"[<65;2;12M", MV_KEY_WHEEL_DOWN, 11, 1},
	    {"[<0;27;7m", MV_KEY_NONE, 0, 0},
	    {"[<32;27;7M", MV_KEY_NONE, 0, 0},
	    {"[<2;27;7M", MV_KEY_NONE, 0, 0},
	    {"[<0;0;0M", MV_KEY_NONE, 0, 0},
	    {"[M !\"", MV_KEY_CLICK, 1, 0},
	    {"[M`#1", MV_KEY_WHEEL_UP, 16, 2},
	    {"[B", MV_KEY_DOWN, 0, 0},
	    {"OA", MV_KEY_UP, 0, 0},
	    {"[5~", MV_KEY_PGUP, 0, 0},
	    {"[1;5C", MV_KEY_NONE, 0, 0},
	    {"[?62;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16c", MV_KEY_NONE, 0, 0},
	};
	int keys;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(wanted); i++)
		for (size_t cut = 0; wanted[i].text[cut]; cut++) {
			struct mv_input got = sequence(wanted[i].text, cut, 900 * UINT64_C(1000000), &keys);
			assert_int_equal(keys, 0);
			assert_int_equal(got.key, wanted[i].key);
			assert_int_equal(got.y, wanted[i].y);
			assert_int_equal(got.x, wanted[i].x);
		}
}

static void what_is_no_sequence_is_keys(void **state)
{
	struct mv_escape e = {0};
	struct mv_input input;
	int keys;

	(void)state;
	assert_int_equal(mv_escape_feed(&e, '[', 1, &input), MV_ESCAPE_KEY);
	sequence("j2", 9, 0, &keys);
	assert_int_equal(keys, 2);
	/* The rest never came: a second later keys are keys again. */
	sequence("[<0j2", 3, 1100 * UINT64_C(1000000), &keys);
	assert_int_equal(keys, 2);
}

static void two_clicks_are_one_double_click(void **state)
{
	struct mv_escape e = {0};
	struct mv_input input = {0};
	const uint64_t ms = 1000000;
	const struct {
		uint64_t at_ms;
		const char *text;
		char32_t key;
	} clicks[] = {{1000, "[<0;5;5M", MV_KEY_CLICK},
		      {1300, "[<0;5;5M", MV_KEY_DOUBLE_CLICK},
		      {1400, "[<0;5;5M", MV_KEY_CLICK},
		      {1900, "[<0;5;5M", MV_KEY_CLICK},
		      {2000, "[<0;6;5M", MV_KEY_CLICK}};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(clicks); i++) {
		mv_escape_begin(&e, clicks[i].at_ms * ms);
		for (const char *t = clicks[i].text; *t; t++)
			mv_escape_feed(&e, (unsigned char)*t, clicks[i].at_ms * ms, &input);
		assert_int_equal(input.key, clicks[i].key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_actions_keys_parse),
	    cmocka_unit_test(no_key_does_two_things_in_a_view),
	    cmocka_unit_test(realms_are_apart),
	    cmocka_unit_test(each_action_works_somewhere_and_says_what_it_does),
	    cmocka_unit_test(notation_is_read),
	    cmocka_unit_test(wrong_notation_is_refused),
	    cmocka_unit_test(keys_find_their_actions),
	    cmocka_unit_test(names_are_shown),
	    cmocka_unit_test(sequences_are_whole_wherever_they_are_split),
	    cmocka_unit_test(what_is_no_sequence_is_keys),
	    cmocka_unit_test(two_clicks_are_one_double_click),
	};

	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
