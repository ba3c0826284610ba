/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/widget.h"

/* Eighths of a cell that are filled. */
static uint64_t filled_of(int cols, uint64_t part, uint64_t whole)
{
	uint64_t all = (uint64_t)cols * 8, filled;

	if (part == 0)
		return 0;
	if (part >= whole)
		return all;
	filled = (uint64_t)((unsigned __int128)part * all / whole);
	return filled ? filled : 1;
}

void mv_bar_draw(struct mv_canvas *c, int y, int x, int cols, enum mv_role role, uint64_t part,
		 uint64_t whole)
{
	static const char32_t glyphs[] = U" ▏▎▍▌▋▊▉";
	static const char ascii[] = " ----===";
	uint64_t filled;

	if (cols <= 0)
		return;
	filled = filled_of(cols, part, whole);
	for (int i = 0; i < cols; i++) {
		uint64_t before = (uint64_t)i * 8, here = filled > before ? filled - before : 0;

		if (here >= 8)
			mv_canvas_glyph2(c, y, x + i, role, U'█', '#');
		else
			mv_canvas_glyph2(c, y, x + i, role, glyphs[here], ascii[here]);
	}
}
