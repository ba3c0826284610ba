/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_WIDGET_H
#define MV_WIDGET_H

/* Pieces that views draw with: pure functions of their arguments onto a canvas. */

#include "core/delta.h"
#include "tui/canvas.h"

/* ---- spark: a series in cols cells, newest at the right ---- */
void mv_spark_draw(struct mv_canvas *c, int y, int x, int cols, enum mv_role role, const struct mv_series *series,
		   bool floor_zero);

/* ---- bar: part of whole in eighths of a cell; never empty when part > 0, never full unless part >= whole ---- */
void mv_bar_draw(struct mv_canvas *c, int y, int x, int cols, enum mv_role role, uint64_t part, uint64_t whole);

/* ---- parts: a whole in its parts, as one bar; read by glyph first, colour second ---- */
#define MV_PARTS_MAX 16
struct mv_share {
	uint64_t bytes;
	enum mv_role role;
	char32_t glyph;
	char ascii;
	struct mv_clean words;
};
/* How many of cols cells each part gets: all of them together, and one at least for what is not nothing. */
void mv_parts_layout(const struct mv_share *parts, size_t count, int cols, int *ret_cells);
void mv_parts_draw(struct mv_canvas *c, struct mv_rect area, const struct mv_share *parts, size_t count);
/* "█ used 5.4G  ▚ shared 101M": glyph, words and size of each, over as many of the area's rows as it takes; returns how
 * many. c NULL: only counts. */
int mv_parts_legend(struct mv_canvas *c, struct mv_rect area, const struct mv_share *parts, size_t count, bool exact);

/* ---- strip: the address space in one line of cells ---- */
struct mv_strip_cell {
	uint32_t first;	   /* index of the mapping that has most of the cell; UINT32_MAX: a gap */
	uint64_t start, end; /* addresses the cell stands for */
	bool boundary;	   /* another segment begins here */
};
/*
 * Lay the mappings of a snapshot out over cols cells. to_scale: by true address distance; else evened out: by the
 * square roots of sizes, and while there are three cells for each mapping every one gets a cell at least; the largest
 * gaps get just their name. vsyscall is left out. cells has cols entries. Pure; O(mappings + cols).
 */
void mv_strip_layout(const struct mv_snapshot *snap, int cols, bool to_scale, struct mv_strip_cell *cells);
/* Draw it: kinds coloured, fill by residency, names where they fit, gaps named by size, `selected` marked. */
void mv_strip_draw(struct mv_canvas *c, struct mv_rect area, const struct mv_snapshot *snap,
		   const struct mv_strip_cell *cells, int cols, uint64_t selected);

/* ---- grid: cells of a page grid; one row ---- */
enum mv_grid_colour { MV_GRID_STATE, MV_GRID_AGE, MV_GRID_SHARE, MV_GRID_GROWTH, MV_GRID_COLOUR__N };
void mv_grid_draw(struct mv_canvas *c, int y, int x, const struct mv_grid_cell *cells, int count, int cell_cols,
		  uint32_t cell_pages, enum mv_grid_colour colour);
/* A fault fell on what a cell that is drawn already stands for. */
void mv_grid_flash(struct mv_canvas *c, int y, int x, int cell_cols, enum mv_role role);
/* Mark a cell that is drawn already as the selected one. */
void mv_grid_mark(struct mv_canvas *c, int y, int x, int cell_cols);

/* ---- table: column layout by width and by order of giving up ---- */
struct mv_column {
	struct mv_clean heading;
	int width;	   /* columns wanted */
	int min_width;	   /* it may shrink to this before it is dropped */
	int give_up;	   /* dropped first when higher; 0: never */
	bool right;	   /* right-aligned */
	bool on;	   /* chosen by the user */
	int x, w;	   /* out: where it is drawn; w 0: left out */
};
/* Fit columns into cols; the one with stretch (index, -1 none) takes what is left. */
void mv_table_layout(struct mv_column *columns, size_t count, int cols, int stretch);
void mv_table_headings(struct mv_canvas *c, int y, const struct mv_column *columns, size_t count, int sorted, bool reverse);
/* First row to show so that `cursor` of `count` is visible in `rows`, moving as little as possible from `top`. */
uint32_t mv_table_scroll(uint32_t top, uint32_t cursor, uint32_t count, int rows);

/* ---- hexdump: `bytes` at address addr; per_row 8 or 16 ---- */
void mv_hexdump_draw(struct mv_canvas *c, struct mv_rect area, uint64_t addr, const uint8_t *bytes, size_t count, int per_row);

/* ---- legend: glyph and caption of the page states that occur, in one line; returns columns used ---- */
int mv_legend_draw(struct mv_canvas *c, int y, int x, int cols, uint32_t states /* bit per enum mv_page_state */);

#endif
