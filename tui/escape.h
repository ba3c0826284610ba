/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_ESCAPE_H
#define MV_ESCAPE_H

/*
 * Sequences "\E[..." that come as single characters: reports of the mouse, which curses does not read for us
 * because it takes one whose end has not come yet for keys, and keys that came in two reads. Pure, but for
 * what it keeps.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/keys.h"

enum mv_escape_result {
	MV_ESCAPE_KEY,	 /* not part of a sequence: a key in its own right */
	MV_ESCAPE_TAKEN, /* kept; or the end of one that means nothing */
	MV_ESCAPE_INPUT, /* the end of one: ret_input is what it means */
	MV_ESCAPE_WIDTH, /* the end of the answer "\E[2;cR": ret_input->x is the column c - 1 */
};
struct mv_escape {
	enum { MV_ESCAPE_NONE, MV_ESCAPE_BEGUN, MV_ESCAPE_OPEN, MV_ESCAPE_MOUSE } state;
	char text[32]; /* behind "\E[" */
	size_t len;
	uint64_t begun_ns;
	uint64_t click_ns; /* of the last click, for the second; 0 none */
	int click_y, click_x;
};
/* An Escape was read: the next character tells whether it begins a sequence. */
void mv_escape_begin(struct mv_escape *e, uint64_t now_ns);
/* Any other character. An unfinished sequence is forgotten after a second. */
enum mv_escape_result mv_escape_feed(struct mv_escape *e, char32_t ch, uint64_t now_ns,
				     struct mv_input *ret_input);

#endif
