/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_HEAP_H
#define MV_VIEW_HEAP_H

/*
 * The heap view from inside: private to view_heap*.c and its test. An answer in words, a bar, a picture block by block, and
 * panes below it: block sizes, arenas, lost blocks, mallinfo2's figures. What it shows: core/blocks.h.
 */

#include "tui/view_pages.h"
#include "tui/view_private.h"
#include "tui/widget.h"

enum heap_pane { HEAP_PICTURE, HEAP_SIZES, HEAP_ARENAS, HEAP_LEAKS, HEAP_FIGURES, HEAP__PANES };

enum heap_size_column {
	SIZE_SIZE, SIZE_BLOCKS, SIZE_BYTES, SIZE_MORE_BLOCKS, SIZE_MORE_BYTES, SIZE_SHARE, SIZE_FREE_BLOCKS, SIZE_FREE_BYTES, SIZE_BAR,
	SIZE__COLUMNS
};
enum heap_leak_column {
	LEAK_BLOCKS, LEAK_BYTES, LEAK_SIZE, LEAK_DIRECT, LEAK_HELD, LEAK_WHAT, LEAK__COLUMNS
};
enum heap_arena_column {
	ARENA_NAME, ARENA_SYSTEM, ARENA_USED, ARENA_BLOCKS, ARENA_FREE, ARENA_CACHED, ARENA_TOP, ARENA_FREE_RESIDENT, ARENA_TRIM,
	ARENA_SEGMENTS, ARENA__COLUMNS
};

/* What one class of sizes held when the comparing began. */
struct heap_base {
	uint64_t first, used_blocks, used_bytes;
};

struct heap_size_row {
	uint64_t first, last;
	struct mv_heap_class c;		 /* now: 0s when there are none left */
	int64_t more_blocks, more_bytes; /* than in the baseline, in use */
};

enum heap_asking { HEAP_ASKS_NOTHING, HEAP_ASKS_SCAN, HEAP_ASKS_EXACT };

/* What was asked for with L and !, until it is answered. */
struct heap_ask {
	uint32_t seq;	      /* goes into the want until it is taken up; 0 none */
	uint32_t flags;	      /* enum mv_leaks_want */
	uint64_t cost_before; /* leaks.cost_ns when a cost was asked for: another one answers it */
	enum heap_asking question; /* open: what y means */
	bool cost_first;      /* !: its question comes once the cost is known */
	uint32_t mine;	      /* the last scan asked for here; 0 none */
	struct mv_build text;
};

/* A size whose blocks are marked in the picture. */
struct heap_sized {
	uint64_t size, last; /* its class: sizes from, to; size 0: none is marked */
	uint64_t near;	     /* where its neighbours are asked for */
	uint64_t found;	     /* the block that the cursor was put on; 0 none */
	int steps;	     /* to blocks above (below: negative) that are still to be made */
};

struct heap_geometry {
	struct mv_rect area, text; /* text: inside the margins */
	int header_rows, path_y;
	struct mv_rect head; /* headline */
	struct mv_rect next; /* what can be done where there are no figures; rows 0: nothing, or no room */
	int bar_y, legend_y; /* y -1: no room */
	int beside_y;	     /* other allocators */
	int title_y;	     /* of the picture */
	struct mv_rect grid; /* rows 0: not shown */
	int cursor_y;
	int tabs_y, note_y, table_head_y;
	struct mv_rect table;
	struct mv_rect detail; /* below the table of lost groups */
};

struct heap_view {
	enum heap_pane focus, shown; /* shown: the pane below the picture, never HEAP_PICTURE */
	/* The picture: identities are addresses. */
	uint64_t came_from;  /* an address that another side had selected, until it is looked up; 0 none */
	bool chosen;	     /* the cursor was moved by hand */
	uint64_t cursor;     /* an address; 0: none chosen yet */
	uint64_t cell_bytes; /* 0: as fits */
	uint64_t fit_bytes;  /* of a cell, so that the stretch fits */
	struct mv_range stretch; /* the one the cursor is in; empty: none */
	uint32_t stretch_at, stretches;
	struct mv_range window;
	struct heap_sized sized;
	/* Sizes. */
	struct heap_base *base;
	uint32_t base_count;
	uint64_t base_ns, base_real_ns; /* when the figures of the baseline were read */
	uint64_t base_mark_ns;		/* mark that it is of; 0: of the first reading */
	bool base_set;
	struct heap_size_row *sizes;
	uint32_t sizes_count, sizes_cap, base_cap;
	uint64_t sizes_made[5];
	uint64_t size_selected;
	bool size_chosen;
	uint32_t size_at, size_top;
	enum heap_size_column sort;
	bool reverse;
	int64_t more_bytes, more_blocks; /* of all sizes together */
	int64_t most_more;		 /* what the one that grew most has grown by */
	bool short_of_memory;
	/* Arenas, mallinfo's fields. */
	uint32_t arena_at, arena_top, figure_at, figure_top;
	/* Lost blocks. */
	struct heap_ask ask;
	uint32_t leak_at, leak_top, leak_count, example;
	struct {
		uint64_t size, first_word;
		uint32_t what;
		bool set;
	} leak_selected;
	struct heap_geometry geo;
	struct mv_column size_cols[SIZE__COLUMNS], leak_cols[LEAK__COLUMNS], arena_cols[ARENA__COLUMNS];
};

/* The heap's figures are there (of some reading). */
static inline bool heap_have(const struct mv_context *ctx)
{
	return ctx->snap && ctx->snap->facts & MV_FACT_HEAP && ctx->snap->heap.at_ns;
}
static inline const struct mv_leaks_head *heap_leaks_head(const struct mv_context *ctx)
{
	return ctx->snap && ctx->snap->facts & MV_FACT_HEAP ? &ctx->snap->leaks : NULL;
}
/* Others that have memory here beside malloc. */
static inline bool heap_have_others(const struct mv_context *ctx)
{
	uint32_t count = 0;

	if (heap_have(ctx))
		mv_snapshot_heap_owners(ctx->snap, &count);
	return count;
}
static inline uint64_t heap_used_bytes(const struct mv_heap_sum sum[static MV_BLOCK__N])
{
	return sum[MV_BLOCK_IN_USE].bytes + sum[MV_BLOCK_MMAPPED].bytes;
}
static inline uint64_t heap_used_blocks(const struct mv_heap_sum sum[static MV_BLOCK__N])
{
	return sum[MV_BLOCK_IN_USE].blocks + sum[MV_BLOCK_MMAPPED].blocks;
}

/* ---- view_heap_picture.c ---- */
/* What a kind of block looks like. */
struct heap_look {
	char32_t glyph;
	char ascii;
	enum mv_role role;
};
extern const struct heap_look heap_looks[MV_BLOCK__N];
void heap_picture_settle(struct heap_view *v, const struct mv_context *ctx);
void heap_picture_want(const struct heap_view *v, struct mv_want *want);
void heap_picture_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c);
struct mv_outcome heap_picture_act(struct heap_view *v, const struct mv_context *ctx, enum mv_action action);
/* Cells of the window as it is now; NULL: not read. ret_count: how many there are of them. */
const struct mv_heap_cell *heap_shown_cells(const struct heap_view *v, const struct mv_context *ctx, uint32_t *ret_count);
uint64_t heap_zoom_bytes(const struct heap_view *v);
void heap_picture_go(struct heap_view *v, const struct mv_context *ctx, uint64_t address);

/* ---- view_heap_sized.c ---- */
void heap_sized_settle(struct heap_view *v, const struct mv_context *ctx); /* before the picture's */
void heap_sized_want(const struct heap_view *v, struct mv_want *want);
void heap_sized_begin(struct heap_view *v, uint64_t first, uint64_t last); /* mark a class, go to its first block */
void heap_sized_step(struct heap_view *v, int by);			    /* 1: to the next one, -1: to the one before */
uint64_t heap_sized_found(const struct heap_view *v); /* the block at the cursor; 0: it was moved from it */
/* For each cell of the picture how many bytes of it are theirs; NULL: nothing is marked, or not told yet. */
const uint64_t *heap_sized_marks(const struct heap_view *v, const struct mv_context *ctx, uint32_t *ret_count);
void heap_sized_words(struct mv_build *b, const struct heap_view *v, const struct mv_context *ctx, int cols);
bool heap_sized_block(struct mv_build *b, const struct heap_view *v, const struct mv_context *ctx);
void heap_build_size(struct mv_build *b, uint64_t first, uint64_t last); /* "112", "64K-72.0K" */

/* ---- view_heap_sizes.c ---- */
void heap_sizes_settle(struct heap_view *v, const struct mv_context *ctx);
void heap_sizes_layout(struct heap_view *v, const struct mv_context *ctx);
void heap_sizes_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c);
void heap_sizes_select(struct heap_view *v, int64_t row);
struct mv_outcome heap_sizes_sort(struct heap_view *v, const struct mv_context *ctx, int column); /* -1: the next one */

/* ---- view_heap_panes.c: arenas, mallinfo's figures, other allocators ---- */
void heap_arenas_layout(struct heap_view *v, const struct mv_context *ctx);
void heap_arenas_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c);
void heap_figures_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c);
void heap_owners_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c);
#define HEAP_FIGURES_COUNT 10
void heap_put(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, const struct mv_build *b);
void heap_put_size(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, uint64_t bytes, bool exact);
void heap_put_count(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, uint64_t n);
/* The cursor's row: marked as such, paler while another pane has the keys. */
void heap_mark_row(const struct heap_view *v, struct mv_canvas *c, int y, bool has_keys);

/* ---- view_heap_ask.c ---- */
struct mv_outcome heap_say(struct heap_view *v, struct mv_clean text); /* a hint that the view owns */
void heap_ask_settle(struct heap_ask *ask, const struct mv_leaks_head *l);
struct mv_outcome heap_ask_scan(struct heap_view *v, const struct mv_context *ctx);
struct mv_outcome heap_ask_exact(struct heap_view *v, const struct mv_context *ctx);
struct mv_outcome heap_ask_confirm(struct heap_view *v, const struct mv_context *ctx);
/* The question of !, once what it would take has come. */
struct mv_outcome heap_ask_ready(struct heap_view *v, const struct mv_context *ctx);
/* That question is not to come any more; false: none was to. */
bool heap_ask_drop(struct heap_view *v);
/* What an exact scan would take is known, and not too old. */
bool heap_cost_known(const struct mv_leaks_head *l, const struct mv_context *ctx);

/* ---- view_heap_leaks.c ---- */
void heap_leaks_settle(struct heap_view *v, const struct mv_context *ctx);
void heap_leaks_layout(struct heap_view *v, const struct mv_context *ctx);
void heap_leaks_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c);
void heap_leaks_select(struct heap_view *v, const struct mv_context *ctx, int64_t row);
struct mv_outcome heap_leaks_example(struct heap_view *v, const struct mv_context *ctx, int step);
struct mv_outcome heap_leaks_open(struct heap_view *v, const struct mv_context *ctx);
/* The answer is shown: groups of the scan that ended last. */
bool heap_leaks_told(const struct mv_context *ctx);
/* What the scan says, in one line; its role. */
enum mv_role heap_leaks_verdict(struct mv_build *b, const struct heap_view *v, const struct mv_context *ctx);

/* ---- view_heap_words.c ---- */
/* The answer in plain words; its role. */
enum mv_role heap_headline(struct mv_build *b, const struct mv_context *ctx);
/* What one can do where there are no figures; text "": nothing is to be said. */
struct mv_clean heap_next_words(const struct mv_context *ctx);
void heap_top_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c);
/* "4.1 s ago", "just now" */
void heap_ago(struct mv_build *b, const struct mv_context *ctx, uint64_t at_ns);
void heap_duration(struct mv_build *b, uint64_t ns); /* "0.41 ms", "3.1 s" */
bool heap_meaning(const struct heap_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m);

#endif
