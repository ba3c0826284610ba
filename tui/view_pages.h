/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_PAGES_H
#define MV_VIEW_PAGES_H

/*
 * The page grid from inside. Three parts: layout (which addresses lie where, cursor moves), search (e and E),
 * and the view itself (drawing, keys). Private to view_pages*.c, view_page.c and view_tables.c, and to their
 * tests.
 *
 * The grid is a column of rows that may be very long (1 TiB at one page a cell has millions): a row is known
 * by its number, and its addresses are computed. A mapping begins a new row; the whole process is its
 * mappings one below the other, found by prefix sums. There a mapping without any page is folded to one row,
 * however large: its only cell is all of it.
 */

#include "tui/view_private.h"
#include "tui/widget.h"

#define MV_PAGES_CELL_MAX (UINT32_C(1) << 30) /* pages a cell, at most */

/* Where things are drawn; a line that has no room has y = -1. */
struct mv_pages_geometry {
	struct mv_rect area;
	int header_rows;
	int path_y, grid_y, grid_rows, legend_y, tally_y, cursor_y, note_y;
	int text_x, text_cols; /* inside the margins */
	int addr_cols;	       /* of the addresses before each row; 0: none */
	int grid_x;	       /* after the addresses */
	int cells, cell_cols;  /* cells a row, columns a cell */
	int name_x, name_cols; /* mappings' names, in the whole process; 0 columns: none */
};

/* One row of the grid. */
struct mv_pages_row {
	uint32_t mapping; /* index in the snapshot */
	bool first;	  /* of its mapping */
	bool folded;	  /* stands for the whole mapping, which has no page */
	struct mv_range range;
};

/* A search for the next page whose state differs from `state`: from coarse cells to fine ones. */
struct mv_pages_search {
	bool on;
	bool back;
	uint8_t state;		/* enum mv_page_state, sharing folded */
	uint32_t cell_pages;	/* of the cells asked for */
	struct mv_range left;	/* still to be looked at */
	struct mv_range narrow; /* a cell known to hold a difference; empty: none */
	uint32_t maps_gen;	/* the plan fits this list of mappings */
	uint32_t count;
	struct mv_range spans[256]; /* ascending */
};

/* Cells kept on the screen while a search asks for others. */
struct mv_pages_kept {
	uint32_t rows, cell_pages;
	struct mv_grid_cell *cells;
	struct {
		uint64_t addr;
		uint32_t first, count;
	} at[MV_WANT_SPANS];
};

enum mv_pages_note {
	MV_PAGES_NOTE_NONE,
	MV_PAGES_NOTE_END,     /* no further change */
	MV_PAGES_NOTE_CUT_OFF, /* the search could not go on */
};

/* The whole process: its mappings' tallies added up. What the kernel keeps to itself (vsyscall) is left out.
 */
struct mv_pages_sum {
	uint64_t pages, state[MV_PAGE__N], huge;
	uint32_t mappings, unread;
};

struct mv_pages {
	/* What is looked at. */
	bool whole;
	struct mv_range range; /* of the mapping, as last seen */
	uint32_t index;	       /* of the mapping in the snapshot settled with */
	bool gone;	       /* the mapping is no longer there */
	bool known;	       /* a mapping has been found at least once */
	uint32_t epoch;
	struct mv_build gone_name;

	uint64_t cursor; /* page address */
	uint64_t top_addr;
	uint64_t top;	     /* number of the first row on the screen, as settled */
	int anchor;	     /* screen row the cursor is to keep after a zoom; -1 none */
	uint32_t cell_pages; /* a power of two */
	uint64_t fit_for[3]; /* snapshot, rows and cells that the process's zoom was chosen for */
	bool zoom_chosen;    /* by the user, or fixed once everything was read */
	enum mv_grid_colour colour;
	uint32_t page_bytes;
	struct mv_pages_geometry geo;
	bool geo_known;

	/* Prefix sums of rows, in the whole process: first_row[i] of mapping i, first_row[count] the total.
	 */
	uint64_t *first_row;
	uint32_t first_row_count, first_row_cap;
	uint64_t first_row_key[4]; /* snapshot, list of mappings, epoch, bytes a row */
	struct mv_pages_sum sum;   /* of the same snapshot */
	bool first_row_short;	   /* memory ran out: nothing can be drawn */

	struct mv_pages_search search;
	struct mv_pages_kept kept;
	bool marking; /* the mark was made here: its pages are being looked at */
	enum mv_pages_note note;
	char find[256]; /* last text searched for */
};

/* ---- layout (view_pages_layout.c) ---- */
void mv_pages_geometry(struct mv_rect area, int addr_cols, int cell_cols, bool whole,
		       struct mv_pages_geometry *ret_geo);
/* Find the mapping again, choose the zoom, count rows, keep cursor and scroll inside. */
void mv_pages_settle(struct mv_pages *p, const struct mv_snapshot *snap, struct mv_rect area, int cell_cols);
uint64_t mv_pages_rows(const struct mv_pages *p);
bool mv_pages_row(const struct mv_pages *p, const struct mv_snapshot *snap, uint64_t number,
		  struct mv_pages_row *ret_row);
uint64_t mv_pages_row_of(const struct mv_pages *p, const struct mv_snapshot *snap, uint64_t addr);
uint64_t mv_pages_cell_bytes(const struct mv_pages *p);
/* Cells of a row. */
uint32_t mv_pages_row_cells(const struct mv_pages *p, const struct mv_pages_row *row);
/* The cursor's cell: its row, column and addresses; false without mappings. */
bool mv_pages_cursor_cell(const struct mv_pages *p, const struct mv_snapshot *snap,
			  struct mv_pages_row *ret_row, uint32_t *ret_column, struct mv_range *ret_cell);
void mv_pages_move_cells(struct mv_pages *p, const struct mv_snapshot *snap, int by);
void mv_pages_move_rows(struct mv_pages *p, const struct mv_snapshot *snap, int64_t by);
void mv_pages_move_end(struct mv_pages *p, const struct mv_snapshot *snap, bool last);
/* Set the zoom, the cursor staying on its page and near its screen row. */
void mv_pages_zoom(struct mv_pages *p, const struct mv_snapshot *snap, bool in);
/* Turn between the mapping under the cursor and the whole process. */
void mv_pages_turn(struct mv_pages *p, const struct mv_snapshot *snap);
/* Go to the page of an address: false when nothing is mapped there. */
bool mv_pages_go(struct mv_pages *p, const struct mv_snapshot *snap, uint64_t addr);
/* Cells of a row from the snapshot or from those kept; NULL when not read. */
const struct mv_grid_cell *mv_pages_cells(const struct mv_pages *p, const struct mv_snapshot *snap,
					  uint64_t addr, uint32_t *ret_count);

/* ---- drawing (view_pages_draw.c) ---- */
void mv_pages_draw(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *canvas);

/* ---- search (view_pages_search.c) ---- */
void mv_pages_search_start(struct mv_pages *p, const struct mv_snapshot *snap, bool back);
/* Look at what a snapshot brought; moves the cursor, or plans what to ask for next. */
void mv_pages_search_step(struct mv_pages *p, const struct mv_snapshot *snap);
void mv_pages_search_stop(struct mv_pages *p);
/* Keep the screen's cells, since the next snapshots bring others. Without memory the grid goes blank meanwhile. */
void mv_pages_keep(struct mv_pages *p, const struct mv_snapshot *snap);

/* ---- the mark (view_pages_mark.c) ---- */
/* Ask for the pages that are to be remembered for the mark; false: there are none. */
bool mv_pages_mark_want(const struct mv_pages *p, const struct mv_context *ctx, struct mv_want *want);
/* Show a row of cells, drawn already, against the mark. */
void mv_pages_mark_row(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c, int y,
		       const struct mv_pages_row *row, const struct mv_grid_cell *cells, uint32_t count);
void mv_pages_mark_legend(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int end);

/* ---- words (view_pages_words.c): shared with the page and tables views ---- */
struct mv_clean mv_words_state(unsigned state); /* caption: "private copy" */
struct mv_clean mv_words_state_meaning(unsigned state);
/* The same of one page, whose mapping may forbid any access. */
struct mv_clean mv_words_page_meaning(const struct mv_snapshot *snap, const struct mv_page_detail *page);
struct mv_clean mv_words_kind(unsigned kind);
/* "41.2M", or "42,224K" when exact figures are wanted. */
void mv_words_size(struct mv_build *b, uint64_t bytes, bool exact);
/* The last part of a path, for narrow places; all of it when it is no path. */
struct mv_clean mv_words_base(struct mv_clean name);
/* "[anon]" for a mapping without a name; cut to its last part when brief. */
void mv_words_name(struct mv_build *b, const struct mv_snapshot *snap, uint32_t mapping, bool brief);
void mv_words_perms(struct mv_build *b, unsigned perms);
/* "7f3a12000000 [anon] rw-p 100M" */
void mv_words_mapping(struct mv_build *b, const struct mv_snapshot *snap, uint32_t mapping, bool brief,
		      bool exact);
/* "python3 4711 > " */
void mv_words_process(struct mv_build *b, const struct mv_context *ctx);
/* "present, anon, exclusive" of a page under the loupe. */
void mv_words_page(struct mv_build *b, const struct mv_page_detail *page, const struct mv_snapshot *snap);
/* "1a2b3c" -> a plain address is always 12 digits or more. */
void mv_words_addr(struct mv_build *b, uint64_t addr);
int mv_words_addr_cols(const struct mv_snapshot *snap); /* columns that every user address fits in */
/* The page under the loupe, or NULL when this snapshot has another one. */
const struct mv_page_detail *mv_words_detail(const struct mv_snapshot *snap, uint64_t page);
/* Why the mappings, or what `part` tells of them (PAGES, TABLES), can't be shown; false when they can.
 * *ret_advice: what would help, "" when nothing would. */
bool mv_words_nothing(const struct mv_context *ctx, enum mv_part part, struct mv_build *ret_why,
		      struct mv_clean *ret_advice);
/* Levels of the page tables, and their names, of this machine. */
unsigned mv_words_levels(const struct mv_snapshot *snap);
struct mv_clean mv_words_level(unsigned level, unsigned levels);
/* Fill a meaning out of literals. */
void mv_words_meaning(struct mv_meaning *m, struct mv_clean title, struct mv_clean formula,
		      struct mv_clean source, struct mv_clean unit, struct mv_clean note);

#endif
