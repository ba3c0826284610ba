/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_ATLAS_H
#define MV_VIEW_ATLAS_H

/*
 * The atlas from inside: private to view_atlas*.c, view_frame.c and their test.
 *
 * A grid of cells, each of 2^n neighbouring frames. A zone begins a new row, and so does what lies behind a hole that would fill
 * more than one. What is shown: core/machine_snapshot.h, which tells one window of cells at a time.
 */

#include "tui/view_machine_words.h"
#include "tui/view_pages_draw.h"

#define ATLAS_SEGMENTS 128
#define ATLAS_CELL_MAX (UINT32_C(1) << 30)
#define ATLAS_WINDOW_CELLS (MV_ATLAS_CELLS / 2) /* asked for at once */

/* Frames that share rows: of one zone, with the small holes in it. */
struct atlas_segment {
	uint64_t start, end; /* multiples of a cell's frames */
	uint64_t first_row;
	uint32_t zone; /* index in ram.zones */
};

struct atlas_geometry {
	struct mv_rect area;
	int header_rows, path_y, legend_y, legend_rows, lit_y, cursor_y; /* -1: no room */
	struct mv_rect grid;
	int text_x, text_cols, addr_cols, name_x, name_cols;
};

struct atlas_row {
	const struct atlas_segment *segment;
	uint64_t start, end; /* frames */
	bool first;	     /* of its segment */
};

struct atlas_search {
	bool on, back;
	uint8_t use;
	uint64_t at;	     /* on from this frame: the first one not looked at, or backwards the end of these */
	uint64_t start, end; /* of the window that is asked for */
};

struct atlas_view {
	uint64_t cursor; /* a frame */
	uint64_t top;	 /* number of the first row on the screen */
	int anchor;	 /* the cursor's row on the screen, to be kept after a zoom; -1 none */
	uint32_t cell_frames;
	uint32_t fit_frames; /* at which all of it is on the screen */
	bool zoom_chosen, settled;
	int32_t lit;
	char find[128];
	struct atlas_search search;
	struct atlas_segment segments[ATLAS_SEGMENTS];
	uint32_t segments_count;
	uint64_t rows;
	uint32_t page_bytes;
	struct atlas_geometry geo;
	struct mv_build hint; /* how a search ended */
};

/* ---- view_atlas_layout.c ---- */
void atlas_lay_out(struct atlas_view *v, const struct mv_context *ctx, struct mv_rect area);
bool atlas_row_at(const struct atlas_view *v, uint64_t number, struct atlas_row *ret_row);
uint64_t atlas_row_of(const struct atlas_view *v, uint64_t frame);
/* Is any frame of [start, end) RAM? */
bool atlas_is_ram(const struct mv_machine_snapshot *m, uint64_t start, uint64_t end);
/* The cell that begins at a frame; NULL when this picture does not tell it. */
const struct mv_atlas_cell *atlas_cell_at(const struct atlas_view *v, const struct mv_machine_snapshot *m, uint64_t frame);
void atlas_move_cells(struct atlas_view *v, int64_t by);
void atlas_move_rows(struct atlas_view *v, int64_t by);
void atlas_zoom(struct atlas_view *v, int steps); /* positive: in */
/* Frames of the window that is on the screen. */
void atlas_window(const struct atlas_view *v, uint64_t *ret_start, uint64_t *ret_end);

/* ---- view_atlas_search.c ---- */
/* false: there is nothing to begin with. */
bool atlas_search_start(struct atlas_view *v, const struct mv_context *ctx, bool back);
void atlas_search_step(struct atlas_view *v, const struct mv_context *ctx);

/* ---- view_atlas_draw.c ---- */
void atlas_draw(const struct atlas_view *v, const struct mv_context *ctx, struct mv_canvas *c);

/* ---- view_atlas_words.c ---- */
enum mv_role atlas_role_of(unsigned use);
struct mv_clean atlas_words_of(unsigned use);	  /* "page cache: pages of files" */
struct mv_clean atlas_name_of(unsigned use); /* "page cache" */
/* "node 0 Normal" */
void atlas_zone_build(struct mv_build *b, const struct mv_machine_snapshot *m, uint32_t zone);
/* "python3 4711" */
void atlas_process_build(struct mv_build *b, const struct mv_context *ctx, int32_t pid);
/* Why there is no atlas, and what would help; false: there is one. */
bool atlas_nothing(const struct mv_context *ctx, struct mv_build *ret_why, struct mv_clean *ret_advice);
bool atlas_meaning(const struct atlas_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m);

#endif
