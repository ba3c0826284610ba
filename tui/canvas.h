/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_CANVAS_H
#define MV_CANVAS_H

/*
 * A grid of {glyph, role} between the views and the terminal. Everything drawn outside it is clipped away.
 * Views draw here and nowhere else; term.c shows it, canvas_dump prints it, canvas_svg makes a picture of it.
 */

#include <stdio.h>
#include <uchar.h>

#include "core/clean.h"
#include "tui/roles.h"

enum mv_attr { MV_ATTR_REVERSE = 1, MV_ATTR_BOLD = 2, MV_ATTR_UNDERLINE = 4, MV_ATTR_CURSOR = 8 /* drawn in ROLE_CURSOR's ground */,
	       MV_ATTR_DIM = 16 /* themes only */ };

struct mv_cell {
	char32_t ch[3]; /* base and up to two combining characters; ch[0] 0: right half of a wide character */
	uint8_t role;
	uint8_t attrs;
	uint8_t width; /* 1 or 2; 0 for the right half */
	uint8_t pad;
};

struct mv_rect {
	int y, x, rows, cols;
};

struct mv_canvas {
	int rows, cols;
	bool mono;  /* no colours: what a colour says needs a glyph */
	bool ascii; /* only ASCII glyphs may be put: widgets ask for it, text is transliterated where needed */
	struct mv_cell *cells; /* row by row */
};

int mv_canvas_init(struct mv_canvas *c, int rows, int cols); /* -ENOMEM; sizes from 0x0 up */
int mv_canvas_resize(struct mv_canvas *c, int rows, int cols); /* also clears */
void mv_canvas_release(struct mv_canvas *c);
void mv_canvas_clear(struct mv_canvas *c);

/* Draw at most max_cols columns of text (-1: to the canvas' edge); what does not fit ends in '…' ('>' in ASCII).
 * Returns the columns used. */
int mv_canvas_text(struct mv_canvas *c, int y, int x, int max_cols, enum mv_role role, struct mv_clean text);
/* The same, right-aligned in a field of cols columns; too long a text is cut at its left end. */
int mv_canvas_text_right(struct mv_canvas *c, int y, int x, int cols, enum mv_role role, struct mv_clean text);
int mv_canvas_build(struct mv_canvas *c, int y, int x, int max_cols, enum mv_role role, const struct mv_build *b);
void mv_canvas_glyph(struct mv_canvas *c, int y, int x, enum mv_role role, char32_t glyph);
/* glyph, or its ASCII stand-in when the canvas is ASCII. */
void mv_canvas_glyph2(struct mv_canvas *c, int y, int x, enum mv_role role, char32_t glyph, char ascii);
void mv_canvas_fill(struct mv_canvas *c, struct mv_rect r, enum mv_role role, char32_t glyph);
/* Add attributes to, or set the role of, what is there already. */
void mv_canvas_attr(struct mv_canvas *c, struct mv_rect r, unsigned attrs);
void mv_canvas_role(struct mv_canvas *c, struct mv_rect r, enum mv_role role);
/* A box with rounded corners and a title in its top edge; its inside is returned. */
struct mv_rect mv_canvas_box(struct mv_canvas *c, struct mv_rect r, struct mv_clean title);
const struct mv_cell *mv_canvas_at(const struct mv_canvas *c, int y, int x); /* NULL outside */

/* A cell's glyph as UTF-8, NUL-terminated; "" for the right half of a wide one. Returns its bytes. */
size_t mv_canvas_utf8(const struct mv_cell *cell, char out[static 16]);

/* Text plane as UTF-8 lines, then "--- roles" and a plane of one character a cell (key below it, only the roles used;
 * a cell under the cursor attribute shows its role shifted: upper case, or '!' for '1'; ROLE_TEXT is '.', or a blank
 * where nothing is drawn, and ':' under the cursor). "--- attributes" follows where any cell has one: b bold, u underlined,
 * r reverse, * several. Trailing blanks are trimmed. For golden screens. -EIO when out fails. */
int mv_canvas_dump(const struct mv_canvas *c, FILE *out);
/* Text with ANSI colours of the theme (p). */
struct mv_theme;
int mv_canvas_ansi(const struct mv_canvas *c, const struct mv_theme *theme, FILE *out);
/* A stand-alone SVG picture (p, and the README's pictures). In canvas_svg.c. */
int mv_canvas_svg(const struct mv_canvas *c, const struct mv_theme *theme, FILE *out);

#endif
