/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_PAGES_DRAW_H
#define MV_VIEW_PAGES_DRAW_H

/* What the grid's drawing (view_pages_draw.c) and the lines below it (view_pages_lines.c) share. */

#include "tui/view_pages.h"

/* What the screen's cells have in common, for legend and progress. */
struct mv_pages_seen {
	uint32_t states; /* bit per enum mv_page_state */
	bool fresh, huge;
	uint32_t faults; /* kinds that flash, a bit each */
	uint64_t cells,
	    unread; /* of those that a snapshot has brought: what was asked for just now is no news */
};

/* Draws from left to right, and stops at the right edge. */
struct mv_pages_pen {
	struct mv_canvas *c;
	int y, x, end;
};

static inline void pen_text(struct mv_pages_pen *pen, enum mv_role role, struct mv_clean text)
{
	if (pen->x < pen->end)
		pen->x += mv_canvas_text(pen->c, pen->y, pen->x, pen->end - pen->x, role, text);
}

static inline void pen_build(struct mv_pages_pen *pen, enum mv_role role, const struct mv_build *b)
{
	pen_text(pen, role, mv_build_text(b));
}

/* All of it or nothing. */
static inline bool pen_build_whole(struct mv_pages_pen *pen, enum mv_role role, const struct mv_build *b)
{
	if ((int)mv_clean_width(mv_build_text(b)) > pen->end - pen->x)
		return false;
	pen_build(pen, role, b);
	return true;
}

static inline void pen_glyph(struct mv_pages_pen *pen, enum mv_role role, char32_t glyph, char ascii)
{
	if (pen->x < pen->end)
		mv_canvas_glyph2(pen->c, pen->y, pen->x++, role, glyph, ascii);
}

/* A glyph and its caption, only when all of it fits. */
static inline void pen_key(struct mv_pages_pen *pen, enum mv_role role, char32_t glyph, char ascii,
			   struct mv_clean caption)
{
	if (pen->x + 2 + (int)mv_clean_width(caption) > pen->end)
		return;
	pen_glyph(pen, role, glyph, ascii);
	pen->x++;
	pen_text(pen, ROLE_LABEL, caption);
	pen->x += 2;
}

static inline bool never_read(const struct mv_snapshot *snap, uint32_t mapping)
{
	return mapping < mv_snapshot_count(snap) &&
	       mv_snapshot_mappings(snap)[mapping].kind == MV_KIND_VSYSCALL;
}

/* Legend, figures, the cursor's page: in the lines that the geometry has for them. */
void mv_pages_draw_lines(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c,
			 const struct mv_pages_seen *seen);

#endif
