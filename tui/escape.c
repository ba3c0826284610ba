/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "core/types.h"
#include "tui/escape.h"

#define UNFINISHED_NS	(1000 * UINT64_C(1000000))
#define DOUBLE_CLICK_NS (400 * UINT64_C(1000000))

/* "<b;x;yM", or "m" when the button is let go. */
static bool take_mouse(struct mv_escape *e, uint64_t now_ns, struct mv_input *ret_input)
{
	const int modifiers = 4 | 8 | 16;
	int button, x, y;
	char end;

	if (sscanf(e->text, "<%3d;%5d;%5d%c", &button, &x, &y, &end) != 4 || end != 'M' || x < 1 || y < 1)
		return false;
	struct mv_input input = {.y = y - 1, .x = x - 1};
	bool twice = e->click_ns && now_ns - e->click_ns < DOUBLE_CLICK_NS && e->click_y == input.y &&
		     e->click_x == input.x;
	switch (button & ~modifiers) {
	case 0:
		input.key = twice ? MV_KEY_DOUBLE_CLICK : MV_KEY_CLICK;
		e->click_ns = twice ? 0 : now_ns;
		e->click_y = input.y;
		e->click_x = input.x;
		break;
	case 64:
		input.key = MV_KEY_WHEEL_UP;
		break;
	case 65:
		input.key = MV_KEY_WHEEL_DOWN;
		break;
	default:
		return false;
	}
	*ret_input = input;
	return true;
}

static enum mv_escape_result take(struct mv_escape *e, uint64_t now_ns, struct mv_input *ret_input)
{
	static const struct {
		char text[4];
		char32_t key;
	} keys[] = {
	    {"A", MV_KEY_UP},	{"B", MV_KEY_DOWN},  {"C", MV_KEY_RIGHT}, {"D", MV_KEY_LEFT},
	    {"H", MV_KEY_HOME}, {"F", MV_KEY_END},   {"1~", MV_KEY_HOME}, {"4~", MV_KEY_END},
	    {"Z", MV_KEY_BTAB}, {"5~", MV_KEY_PGUP}, {"6~", MV_KEY_PGDN}, {"3~", MV_KEY_DELETE},
	};
	int column;
	char end;

	if (take_mouse(e, now_ns, ret_input))
		return MV_ESCAPE_INPUT;
	for (size_t i = 0; i < MV_COUNT_OF(keys); i++) {
		if (strcmp(e->text, keys[i].text) != 0)
			continue;
		*ret_input = (struct mv_input){.key = keys[i].key};
		return MV_ESCAPE_INPUT;
	}
	if (sscanf(e->text, "2;%1d%c", &column, &end) != 2 || end != 'R')
		return MV_ESCAPE_TAKEN;
	*ret_input = (struct mv_input){.x = column - 1};
	return MV_ESCAPE_WIDTH;
}

void mv_escape_begin(struct mv_escape *e, uint64_t now_ns)
{
	e->state = MV_ESCAPE_BEGUN;
	e->begun_ns = now_ns;
}

enum mv_escape_result mv_escape_feed(struct mv_escape *e, char32_t ch, uint64_t now_ns,
				     struct mv_input *ret_input)
{
	if (now_ns - e->begun_ns > UNFINISHED_NS)
		e->state = MV_ESCAPE_NONE;
	if (e->state == MV_ESCAPE_BEGUN && (ch == '[' || ch == 'O')) {
		e->state = MV_ESCAPE_OPEN;
		e->len = 0;
		return MV_ESCAPE_TAKEN;
	}
	if ((e->state != MV_ESCAPE_OPEN && e->state != MV_ESCAPE_MOUSE) || ch < 0x20 || ch > 0x7e) {
		e->state = MV_ESCAPE_NONE;
		return MV_ESCAPE_KEY;
	}
	if (e->len + 1 < sizeof(e->text))
		e->text[e->len++] = (char)ch;
	e->text[e->len] = '\0';
	if (e->state == MV_ESCAPE_MOUSE) {
		if (e->len < 4)
			return MV_ESCAPE_TAKEN;
		/* Button, column and line as one character each: as newer terminals write it. */
		snprintf(e->text, sizeof(e->text), "<%d;%d;%dM", e->text[1] - 32, e->text[2] - 32,
			 e->text[3] - 32);
	} else if (ch < 0x40) {
		return MV_ESCAPE_TAKEN;
	} else if (strcmp(e->text, "M") == 0) {
		e->state = MV_ESCAPE_MOUSE;
		return MV_ESCAPE_TAKEN;
	}
	e->state = MV_ESCAPE_NONE;
	return take(e, now_ns, ret_input);
}
