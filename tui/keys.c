/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/types.h"
#include "tui/keys.h"

const struct mv_action_info mv_actions[MV_ACT__N] = {[MV_ACT_NONE] = {"", "", "", "", ""},
#define X(id, keys, group, where, help) [MV_ACT_##id] = {#id, keys, group, where, help},
						     MV_ACTIONS(X)
#undef X
};

/* Named keys; of two names for one key the first is shown. */
static const struct {
	const char *name;
	char32_t key;
	bool mouse; /* takes a position */
} names[] = {
    {"Tab", MV_KEY_TAB, false},
    {"Enter", MV_KEY_ENTER, false},
    {"Esc", MV_KEY_ESC, false},
    {"Space", U' ', false},
    {"lt", U'<', false},
    {"Backspace", MV_KEY_BACKSPACE, false},
    {"BS", MV_KEY_BACKSPACE, false},
    {"Up", MV_KEY_UP, false},
    {"Down", MV_KEY_DOWN, false},
    {"Left", MV_KEY_LEFT, false},
    {"Right", MV_KEY_RIGHT, false},
    {"PgUp", MV_KEY_PGUP, false},
    {"PgDn", MV_KEY_PGDN, false},
    {"Home", MV_KEY_HOME, false},
    {"End", MV_KEY_END, false},
    {"Del", MV_KEY_DELETE, false},
    {"S-Tab", MV_KEY_BTAB, false},
    {"Click", MV_KEY_CLICK, true},
    {"DoubleClick", MV_KEY_DOUBLE_CLICK, true},
    {"WheelUp", MV_KEY_WHEEL_UP, true},
    {"WheelDown", MV_KEY_WHEEL_DOWN, true},
    {"Tick", MV_KEY_TICK, false},
};

/* "y,x" and nothing behind it. */
static bool parse_position(const char *text, const char *end, struct mv_input *input)
{
	int used = 0;

	return sscanf(text, "%5d,%5d%n", &input->y, &input->x, &used) == 2 && text + used == end;
}

/* "<Name>" or "<Name y,x>"; returns the bytes taken or -EINVAL. */
static int parse_named(const char *text, struct mv_input *ret_input)
{
	const char *end = strchr(text, '>');
	struct mv_input input = {0};
	size_t len;

	if (!end)
		return -EINVAL;
	len = strcspn(text + 1, " >");
	for (size_t i = 0; i < MV_COUNT_OF(names); i++) {
		if (strlen(names[i].name) != len || strncmp(names[i].name, text + 1, len) != 0)
			continue;
		input.key = names[i].key;
		if (text[1 + len] == ' ' && !(names[i].mouse && parse_position(text + 2 + len, end, &input)))
			return -EINVAL;
		*ret_input = input;
		return (int)(end - text) + 1;
	}
	return -EINVAL;
}

/* One UTF-8 character; returns its bytes or -EINVAL. */
static int parse_char(const char *text, struct mv_input *ret_input)
{
	const unsigned char *s = (const unsigned char *)text;
	int n = *s < 0x80	      ? 1
		: (*s & 0xe0) == 0xc0 ? 2
		: (*s & 0xf0) == 0xe0 ? 3
		: (*s & 0xf8) == 0xf0 ? 4
				      : 0;
	char32_t key = n == 1 ? *s : *s & (0x7fu >> n);

	if (n == 0)
		return -EINVAL;
	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -EINVAL;
		key = key << 6 | (s[i] & 0x3fu);
	}
	if (key >= MV_KEY_UP)
		return -EINVAL;
	*ret_input = (struct mv_input){.key = key};
	return n;
}

int mv_keys_parse(const char *text, struct mv_input *ret_input)
{
	const char *at = text + strspn(text, " ");
	int taken;

	if (*at == '\0')
		return 0;
	if (at[0] == '^' && at[1] >= '@' && at[1] <= '_') {
		*ret_input = (struct mv_input){.key = (char32_t)(at[1] & 0x1f)};
		taken = 2;
	} else {
		taken = *at == '<' ? parse_named(at, ret_input) : parse_char(at, ret_input);
	}
	return taken < 0 ? taken : (int)(at - text) + taken;
}

bool mv_keys_of_machine(char letter)
{
	return letter && strchr(MV_MACHINE_LETTERS "@", letter);
}

/* In any view of the realm: what a view has no use for it lets be. */
static bool works_in_realm(enum mv_action action, bool machine)
{
	for (const char *at = mv_actions[action].where; *at; at++)
		if (*at == '*' || mv_keys_of_machine(*at) == machine)
			return true;
	return false;
}

enum mv_action mv_keys_action(char32_t key, char letter)
{
	for (unsigned action = MV_ACT_NONE + 1; key != MV_KEY_NONE && action < MV_ACT__N; action++) {
		struct mv_input input;
		const char *at = mv_actions[action].keys;

		if (!works_in_realm((enum mv_action)action, mv_keys_of_machine(letter)))
			continue;
		for (int n; (n = mv_keys_parse(at, &input)) > 0; at += n) {
			if (input.key == key)
				return (enum mv_action)action;
		}
	}
	return MV_ACT_NONE;
}

size_t mv_keys_name(char32_t key, char *out, size_t cap)
{
	char text[8] = "";
	int n = 0;

	for (size_t i = 0; i < MV_COUNT_OF(names); i++) {
		if (names[i].key == key && key != U'<')
			return (size_t)snprintf(out, cap, "%s", names[i].name);
	}
	if (key < 0x20)
		return (size_t)snprintf(out, cap, "^%c", (char)(key + '@'));
	if (key < 0x80) {
		text[n++] = (char)key;
	} else if (key < 0x800) {
		text[n++] = (char)(0xc0 | key >> 6);
		text[n++] = (char)(0x80 | (key & 0x3f));
	} else if (key < 0x10000) {
		text[n++] = (char)(0xe0 | key >> 12);
		text[n++] = (char)(0x80 | (key >> 6 & 0x3f));
		text[n++] = (char)(0x80 | (key & 0x3f));
	} else {
		text[n++] = '?';
	}
	return (size_t)snprintf(out, cap, "%s", text);
}

size_t mv_keys_of(enum mv_action action, char *out, size_t cap)
{
	struct mv_input input = {0};

	if (mv_keys_parse(mv_actions[action].keys, &input) > 0)
		return mv_keys_name(input.key, out, cap);
	if (cap)
		*out = '\0';
	return 0;
}
