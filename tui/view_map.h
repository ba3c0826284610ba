/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_MAP_H
#define MV_VIEW_MAP_H

/*
 * The map view's insides, shared by its files: view_map.c (layout, drawing, keys), view_map_rows.c (which rows
 * in which order), view_map_columns.c (which columns, what a cell says), view_map_words.c (what is said about
 * them).
 */

#include "tui/view_private.h"
#include "tui/widget.h"

/* ---- columns ---- */

/* Smaps' other fields follow the fixed ones, so that every field of that table can be shown. */
enum map_column {
	COL_ADDRESS,
	COL_SIZE,
	COL_RSS,
	COL_PSS,
	COL_DIRTY,
	COL_SWAP,
	COL_PERM,
	COL_KIND,
	COL_RESIDENT,
	COL_GROWTH,
	COL_END,
	COL_PAGES,
	COL_OFFSET,
	COL_INODE,
	COL_DEVICE,
	COL_FLAGS,
	COL_SMAPS, /* COL_SMAPS + enum mv_smaps_field, those that have no column of their own */
	COL_NAME = COL_SMAPS + MV_SMAPS__N,
	COL__N
};
_Static_assert(COL__N <= 64, "one bit for each column");

/* ---- rows ---- */

enum map_row_kind { ROW_MAPPING, ROW_GROUP, ROW_GHOST };
struct map_row {
	uint32_t index; /* of the mapping, the group or the ghost */
	uint8_t kind;	/* enum map_row_kind */
	bool child;	/* inside an unfolded group */
};

/* The mappings of one object: members[first .. first + count). */
struct map_group {
	uint32_t first, count;
	uint32_t sums; /* large groups: their row in map_rows' sums, else UINT32_MAX */
	bool unfolded;
};
#define GROUP_LARGE 32

/* A column summed over a group. */
struct map_sum {
	struct mv_val value;
	double rate;
	bool made;
};

/* Who is selected: found again by start, or by end for what grows down. */
struct map_identity {
	uint8_t kind; /* enum map_row_kind */
	bool set;
	uint64_t start, end;
};

/* What decides which rows there are and their order. */
struct map_order {
	enum map_column sort;
	bool reverse;
	bool grouped;
	uint32_t kinds; /* bit per enum mv_kind that is shown; 0: all */
};

struct map_rows {
	struct map_row *at;
	uint32_t count, cap;
	uint32_t mappings; /* of them shown, groups' members counted */
	/* Only when grouped. */
	struct map_group *groups;
	uint32_t groups_count, groups_cap;
	uint32_t *members, members_cap;
	bool groups_made;
	uint32_t groups_gen, groups_epoch, groups_kinds; /* of what */
	struct map_sum *sums; /* large groups x COL__N, of sums_seq, made when first needed */
	uint32_t sums_count, sums_cap;
	uint64_t sums_seq;
	/* Starts of the first mappings of unfolded groups. */
	uint64_t *unfolded;
	uint32_t unfolded_count, unfolded_cap;
	/* What all this was made from. */
	bool made;
	uint64_t seq, folds;
	uint64_t mark_ns; /* the mark that it is shown against, 0 none */
	uint32_t maps_gen, epoch, ghosts;
	struct map_order order;
	uint64_t folds_now; /* counts folding and unfolding */
	bool failed;	    /* out of memory: the rows are what they were */
};

/* ---- state ---- */

enum map_pane { PANE_TABLE, PANE_STRIP };
enum map_chooser { CHOOSE_NOTHING, CHOOSE_COLUMNS, CHOOSE_KINDS };

struct map_layout {
	struct mv_rect strip_box; /* rows 0: none */
	struct mv_rect strip;
	int headings; /* row, -1 none */
	struct mv_rect table;
	int note; /* row, -1 none */
};

struct map_state {
	struct map_order order;
	struct map_rows rows;
	struct map_identity selected;
	uint32_t cursor, top;
	enum map_pane pane;
	bool to_scale;
	uint64_t columns_on; /* bit per enum map_column */
	struct mv_column columns[COL__N];
	enum map_chooser chooser;
	uint32_t chooser_cursor;
	struct map_layout layout;
	struct mv_rect area;
	char find[128]; /* text looked for, lower case; "" none */
	struct mv_build hint;
	/* The strip, laid out for a snapshot and a width. */
	struct mv_strip_cell *cells;
	int cells_cols;
	bool cells_made, cells_scale;
	uint32_t cells_gen, cells_epoch;
	uint64_t cells_seq;
};

/* ---- view_map_rows.c ---- */

void map_rows_release(struct map_rows *rows);
/* Make the rows anew if anything they depend on has changed. O(n log n) then, else O(ghosts). true when made
 * anew. */
bool map_rows_settle(struct map_rows *rows, const struct mv_context *ctx, const struct map_order *order);
struct map_identity map_rows_identity(const struct map_rows *rows, const struct mv_context *ctx,
				      uint32_t row);
/* The row of an identity; near when it has gone. */
uint32_t map_rows_find(const struct map_rows *rows, const struct mv_context *ctx,
		       const struct map_identity *who, uint32_t near);
/* Next row from `from` (exclusive) whose name holds text (lower case), around the end; count when none. */
uint32_t map_rows_search(const struct map_rows *rows, const struct mv_context *ctx, uint32_t from,
			 bool backwards, const char *text);
bool map_row_matches(const struct map_rows *rows, const struct mv_context *ctx, const struct map_row *row,
		     const char *text);
/* Mappings of the snapshot, by kind. */
void map_rows_count_kinds(const struct mv_snapshot *snap, uint32_t ret_counts[static MV_KIND__N]);

/* Room for `need` elements of `size` bytes in *at, whose capacity is *cap; what is there is kept. Errors:
 * -ENOMEM. */
int map_reserve(void *at, uint32_t *cap, uint32_t need, size_t size);

/* ---- view_map_groups.c ---- */

/* Find the groups anew if the mappings or the kinds shown have changed; forget sums of another snapshot. */
int map_groups_settle(struct map_rows *rows, const struct mv_context *ctx, uint32_t kinds);
bool map_group_is_unfolded(const struct map_rows *rows, const struct mv_context *ctx,
			   const struct map_group *group);
/* Sum over the members, missing only when none has a value. The second keeps it, so that scrolling past a
 * group of thousands of mappings costs once a snapshot. */
struct map_sum map_group_sum(const struct map_rows *rows, const struct mv_context *ctx,
			     const struct map_group *group, enum map_column column);
struct map_sum map_group_sum_keep(struct map_rows *rows, const struct mv_context *ctx,
				  const struct map_group *group, enum map_column column);
/* Fold or unfold the group that a row is, or lies in. false: there is none, or it is so already. */
bool map_rows_fold(struct map_rows *rows, const struct mv_context *ctx, uint32_t row, bool unfold);
/* The group that a row is or is a member of; UINT32_MAX none. */
uint32_t map_rows_group_of(const struct map_rows *rows, uint32_t row);

/* ---- view_map_sort.c ---- */

struct map_key {
	uint64_t number;
	struct map_row row;
};
/* Ascending by number; equal ones keep their order. O(n). Errors: -ENOMEM, the order is what it was. */
int map_keys_sort(struct map_key *keys, uint32_t count);
/* Rows, which come in the order of addresses, by order->sort; missing values last. Errors: -ENOMEM. */
int map_rows_sort(struct map_rows *rows, const struct mv_context *ctx, const struct map_order *order);

/* ---- view_map_columns.c ---- */

struct map_cell {
	struct mv_build text;
	enum mv_role role;
	bool both_ends; /* what is too long for its column loses its middle */
};
uint64_t map_columns_default(void);
bool map_column_exists(enum map_column column);
struct mv_clean map_column_heading(enum map_column column);
struct mv_clean map_column_words(enum map_column column); /* for the chooser and `w` */
struct mv_clean map_column_source(enum map_column column);
unsigned map_column_field(enum map_column column); /* smaps field behind it, MV_SMAPS__N none */
bool map_column_is_size(enum map_column column);
bool map_column_needs_smaps(enum map_column column);
/* It shows the change since the mark: its number is the rate, in bytes. */
bool map_column_is_delta(const struct mv_context *ctx, enum map_column column);
bool map_column_ascends(enum map_column column); /* sorted upwards unless reversed */
void map_columns_layout(struct map_state *state, const struct mv_context *ctx, int cols);
/* The number that a column is sorted by and that its cell shows: of a mapping; of a row (groups: the sum). */
struct mv_val map_value(const struct mv_context *ctx, uint32_t mapping, enum map_column column,
			double *ret_rate);
struct mv_val map_row_value(const struct map_state *state, const struct mv_context *ctx,
			    const struct map_row *row, enum map_column column, double *ret_rate);
struct mv_clean map_name(const struct mv_context *ctx, uint32_t mapping);
void map_cell_build(const struct mv_context *ctx, enum map_column column, struct mv_val v, double rate,
		    struct map_cell *cell);
void map_row_draw(const struct map_state *state, const struct mv_context *ctx, struct mv_canvas *c, int y,
		  int x, const struct map_row *row);

/* ---- view_map_words.c ---- */

bool map_column_meaning(const struct map_state *state, const struct mv_context *ctx, enum map_column column,
			struct mv_meaning *ret_meaning);
/* Why shown columns have no value, how old they are: one line; false when there is nothing to say. */
bool map_columns_note(const struct map_state *state, const struct mv_context *ctx, struct mv_build *b);
/* Instead of rows: why there are none. */
void map_nothing_draw(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c);
/* The line below the rows: how many there are, and map_columns_note. */
void map_note_draw(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c);

/* ---- view_map_chooser.c ---- */

void map_chooser_draw(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c);
struct mv_outcome map_chooser_act(struct map_state *s, const struct mv_context *ctx, enum mv_action action,
				  struct mv_input input);

#endif
