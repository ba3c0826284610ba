/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_KEYS_H
#define MV_KEYS_H

/* Keys, and key -> action. */

#include <stdbool.h>
#include <uchar.h>

#include "tui/actions.h"

/* A key is a Unicode character or one of these. */
enum mv_key {
	MV_KEY_NONE = 0,
	MV_KEY_TAB = 9,
	MV_KEY_ENTER = 13,
	MV_KEY_ESC = 27,
	MV_KEY_BACKSPACE = 127,
	MV_KEY_UP = 0x110000,
	MV_KEY_DOWN,
	MV_KEY_LEFT,
	MV_KEY_RIGHT,
	MV_KEY_PGUP,
	MV_KEY_PGDN,
	MV_KEY_HOME,
	MV_KEY_END,
	MV_KEY_DELETE,
	MV_KEY_BTAB,
	MV_KEY_CLICK,	     /* mouse: position in struct mv_input */
	MV_KEY_DOUBLE_CLICK,
	MV_KEY_WHEEL_UP,
	MV_KEY_WHEEL_DOWN,
	MV_KEY_TICK,	     /* only in --keys: "<Tick>", lets the fixture move one step */
};
struct mv_input {
	char32_t key;
	int y, x; /* of the mouse */
};

/* The action of a key in the view of that letter, or in another of its realm; MV_ACT_NONE when it has none there. */
enum mv_action mv_keys_action(char32_t key, char letter);
/* Is the view of that letter one of the machine's? */
bool mv_keys_of_machine(char letter);
/* Read one key from a notation ("j", "<Enter>", "<PgDn>", "<lt>", "^L", "<Tick>", "<Click y,x>"): returns the characters
 * taken, 0 at the end, -EINVAL. */
int mv_keys_parse(const char *text, struct mv_input *ret_input);
/* The name to show for a key ("Enter", "PgDn", "j"). */
size_t mv_keys_name(char32_t key, char *out, size_t cap);
/* First key of an action as shown in hints. */
size_t mv_keys_of(enum mv_action action, char *out, size_t cap);

#endif
