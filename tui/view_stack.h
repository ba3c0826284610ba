/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_STACK_H
#define MV_VIEW_STACK_H

/*
 * One thread's stack from inside: its calls, and the pages they lie on. Private to view_stack*.c and their test.
 *
 * A copy of the last picture is kept, since a thread may end while it is looked at: what was seen stays. Calls are copied
 * with their words, cells with their addresses.
 */

#include "tui/view_threads.h"

struct mv_stack_call {
	uint64_t pc, sp;
	uint64_t bytes;	 /* of the stack: to its caller's stack pointer; 0 unknown (no caller known) */
	uint64_t offset; /* into the function; UINT64_MAX unknown */
	uint32_t name, image, file; /* text in the pool; 0 none */
	uint32_t line;
	uint32_t flags;	 /* enum mv_call_flag */
	bool named;	 /* a symbol: not file+offset, nor an address */
};

/* The grid: rows of cells that end at the stack's end, the lowest addresses on top, as the calls have the innermost. */
struct mv_stack_grid {
	struct mv_range shown;	/* addresses it stands for; empty: no grid */
	uint32_t cell_pages;	/* a power of two */
	uint32_t page_bytes;
	int rows, cells;	/* that it has; cells a row */
	int cell_cols, addr_cols; /* columns of a cell, of the addresses (0: none) */
};

/* Cells kept of the last snapshot that had them. */
struct mv_stack_cells {
	struct mv_range range;
	uint32_t cell_pages;
	uint32_t count, cap;
	struct mv_grid_cell *at; /* from range.start on; not read where no snapshot told */
};

struct mv_stack_view {
	int32_t tid;
	uint64_t came_from; /* a mapping, handed on to other sides while nothing is known */
	bool known, gone;   /* has been seen; has ended */
	uint64_t seen_for[3]; /* seq, time, want of the snapshot copied */
	/* The copy. */
	struct mv_thread thread;
	struct mv_thread_rates rates;
	struct mv_range stack;	/* clipped to its mapping; empty: unknown */
	uint8_t stack_kind;	/* enum mv_kind of the mapping; MV_KIND__N none */
	bool grows, reserved;	/* the kernel makes it longer; addresses alone so far */
	enum mv_stack_danger danger;
	uint32_t name;
	struct mv_stack_call *calls;
	uint32_t count, cap;
	char *pool;
	size_t pool_len, pool_cap;
	bool short_of_memory;
	/* The cursor: a call, by its stack pointer, else by its depth from the outermost. */
	bool chosen;
	uint32_t at, top;
	uint64_t at_sp;
	uint32_t at_depth;

	struct mv_stop_ask stop;
	struct mv_stack_grid grid;
	struct mv_stack_cells cells;
	struct mv_rect area, text;
	bool beside;	     /* the grid lies beside the calls, else below */
	struct mv_rect side; /* where the grid and its words are */
	int path_y, how_y, size_y, note_y, head_y, list_y, list_rows, list_cols; /* y -1: no room */
	int grid_y, legend_y, cursor_y;
};

/* ---- view_stack_grid.c ---- */
/* Where the grid lies and what it shows. */
void mv_stack_grid_settle(struct mv_stack_view *v, const struct mv_context *ctx);
/* Its rows as spans of a want. */
void mv_stack_grid_want(const struct mv_stack_view *v, struct mv_want *want);
/* Take the cells that a snapshot brought. */
void mv_stack_grid_take(struct mv_stack_view *v, const struct mv_snapshot *snap);
/* Lines of words above it, when it lies beside the calls. */
int mv_stack_grid_above(const struct mv_stack_view *v);
void mv_stack_grid_draw(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c);
/* Addresses of a call on the stack; empty when its stack pointer is not known. */
struct mv_range mv_stack_call_range(const struct mv_stack_view *v, uint32_t call);
/* The call that a click on the grid means; UINT32_MAX none. */
uint32_t mv_stack_grid_call_at(const struct mv_stack_view *v, int y, int x);

/* ---- view_stack_draw.c ---- */
void mv_stack_view_layout(struct mv_stack_view *v, const struct mv_context *ctx, struct mv_rect area);
void mv_stack_view_draw(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c);
struct mv_clean mv_stack_view_text(const struct mv_stack_view *v, uint32_t text);
bool mv_stack_view_meaning(const struct mv_stack_view *v, const struct mv_context *ctx, unsigned n,
			   struct mv_meaning *ret_meaning);

#endif
