/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_FAULTS_H
#define MV_VIEW_FAULTS_H

/*
 * The faults view from inside: private to view_faults*.c. What is touched right now, and by whom: how fast by kind, and
 * four panes: call stacks as a tree, mappings, threads, the latest faults one by one.
 */

#include "core/calltree.h"
#include "tui/view_faults_words.h"
#include "tui/view_pages.h"

enum mv_faults_pane { MV_FAULTS_STACKS, MV_FAULTS_MAPPINGS, MV_FAULTS_THREADS, MV_FAULTS_LOG, MV_FAULTS_PANES };

/* A line of the tree: a call, and the calls above it that lead nowhere else. */
struct mv_faults_row {
	uint32_t head, node; /* first and last of that chain */
	uint64_t path;	     /* who it is: a hash of the functions' names from the root to node */
	uint64_t guides;     /* bit d: of the ancestor line at depth d further siblings follow */
	uint16_t depth;	     /* lines above it up to the root, 0 outermost */
	bool open, children, more; /* more: further siblings follow */
};

/* What was opened or closed, by path; ascending. */
struct mv_faults_fold {
	uint64_t path;
	bool open;
};
#define MV_FAULTS_FOLDS 4096

/* Who is selected in a pane: a path; a mapping's start; a tid; a log entry's time, address and thread. */
struct mv_faults_identity {
	bool set; /* false: the first row, whatever comes there */
	uint64_t a, b;
	int32_t tid;
};

/* Where things are; y -1: no room. */
struct mv_faults_geometry {
	struct mv_rect area, text; /* text: inside the margins */
	int header_rows;
	int path_y;
	int warn_y, warn_rows;
	int kinds_y, kinds_rows; /* heading included; one line a kind, or all in few lines when !table */
	bool table;
	bool quiet_line; /* the last but two of kinds_rows tells what never occurred */
	int tabs_y, head_y, list_y, list_rows;
	int log_y, log_rows; /* the second pane, heading included */
};

struct mv_faults_view {
	enum mv_faults_pane pane;
	enum mv_calltree_order order;
	int32_t only; /* stacks of this thread alone; 0: of all */
	struct mv_faults_identity selected[MV_FAULTS_PANES];
	uint32_t at[MV_FAULTS_PANES], top[MV_FAULTS_PANES];
	/* The tree of the snapshot settled with, and its lines. */
	struct mv_calltree tree;
	struct mv_faults_row *rows;
	uint32_t rows_count, rows_cap;
	bool rows_short; /* memory ran out */
	uint64_t rows_for[5]; /* snapshot, epoch, order, thread, folds */
	struct mv_faults_fold *folds;
	uint32_t folds_count, folds_cap;
	uint64_t folds_gen; /* counts what was opened and closed */
	struct mv_faults_geometry geo;
	char find[256];
	struct mv_build said; /* the last hint */
};

struct mv_clean mv_faults_pane_name(enum mv_faults_pane pane);
/* Columns of the pane names' line: where each lies. */
int mv_faults_tab_x(const struct mv_faults_view *v, enum mv_faults_pane pane);

/* ---- view_faults_tree.c: the lines of the tree ---- */

void mv_faults_tree_release(struct mv_faults_view *v);
/* Build tree and lines anew when snapshot, order, thread or folds have changed. */
void mv_faults_tree_settle(struct mv_faults_view *v, const struct mv_snapshot *snap);
/* Open or close what a line is; false: it is so already, or has nothing in it. */
bool mv_faults_tree_fold(struct mv_faults_view *v, const struct mv_snapshot *snap, uint32_t row, bool open);
/* The line that this one lies in; itself when outermost. */
uint32_t mv_faults_tree_parent(const struct mv_faults_view *v, uint32_t row);
/*
 * The next call, in the tree's order and round its end, whose function's name has text in it: the lines above it are
 * opened and its line selected. false: none.
 */
bool mv_faults_tree_find(struct mv_faults_view *v, const struct mv_snapshot *snap, const char *text, bool back);

/* ---- view_faults_lists.c: rows of any pane ---- */

uint32_t mv_faults_count(const struct mv_faults_view *v, const struct mv_snapshot *snap, enum mv_faults_pane pane);
struct mv_faults_identity mv_faults_identity(const struct mv_faults_view *v, const struct mv_snapshot *snap,
					     enum mv_faults_pane pane, uint32_t row);
/* The row of whom is selected; `at` when it is no longer there. */
uint32_t mv_faults_row_of(const struct mv_faults_view *v, const struct mv_snapshot *snap, enum mv_faults_pane pane);
/* Address of the newest fault of a row, 0 none. */
uint64_t mv_faults_address(const struct mv_faults_view *v, const struct mv_snapshot *snap, enum mv_faults_pane pane,
			   uint32_t row);
/* Does any of a list's words, or an address that it covers, match? Not for the tree. */
bool mv_faults_matches(const struct mv_snapshot *snap, enum mv_faults_pane pane, uint32_t row, const char *text);

/* ---- view_faults_draw.c, view_faults_panes.c, view_faults_meaning.c ---- */

/* How many lines the warnings take in so many columns, at most `most`. */
int mv_faults_warnings(const struct mv_context *ctx, int cols, int most);
/* Kinds that have occurred, as bits. */
uint32_t mv_faults_kinds(const struct mv_snapshot *snap);
void mv_faults_draw(const struct mv_faults_view *v, const struct mv_context *ctx, struct mv_canvas *canvas);
/* The rows of a pane with its heading, from row `top` on; at: the selected row, UINT32_MAX none is. */
void mv_faults_pane_draw(const struct mv_faults_view *v, const struct mv_context *ctx, struct mv_canvas *c,
			 enum mv_faults_pane pane, int head_y, struct mv_rect list, uint32_t top, uint32_t at);
bool mv_faults_meaning(const struct mv_faults_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m);

#endif
