/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_MEMORY_H
#define MV_VIEW_MEMORY_H

/*
 * The memory view from inside: private to view_memory*.c and its test. Every figure of free and sar under its own name, and what
 * belongs to them: pressure, huge pages, swap, what is to be written.
 */

#include "tui/view_machine_words.h"

enum memory_section {
	MEMORY_FREE, MEMORY_SAR_R, MEMORY_SAR_B, MEMORY_PRESSURE, MEMORY_WRITE, MEMORY_SWAP, MEMORY_HUGE, MEMORY__SECTIONS
};
enum memory_kind {
	MEMORY_FIGURE,	 /* id: enum mv_ram_figure_id */
	MEMORY_BYTES,	 /* id: enum mv_meminfo_id */
	MEMORY_COUNT,	 /* the same, a count */
	MEMORY_EVENTS,	 /* id: enum mv_vmstat_id, since boot */
	MEMORY_NOW,	 /* id: 0 some, 1 full: share of the last interval */
	MEMORY_AVERAGE,	 /* id: 10, 60, 300 of some; + 1000 of full */
	MEMORY_SETTING,	 /* id: 0 overcommit, 1 swappiness, 2 zswap */
};
/* A line of the view. */
struct memory_row {
	enum memory_section section;
	enum memory_kind kind;
	unsigned id;
};
#define MEMORY_ROWS_MAX 96
#define MEMORY_COLUMNS	3

/* A line of a column: a row, a section's title, or blank. */
struct memory_line {
	int16_t row;	 /* -1: none */
	int16_t section; /* its title; -1: none */
};
#define MEMORY_LINES_MAX (MEMORY_ROWS_MAX + 2 * MEMORY__SECTIONS)

struct memory_view {
	struct memory_row rows[MEMORY_ROWS_MAX];
	unsigned count;
	unsigned at;  /* row under the cursor: an index that never changes */
	int columns, column_cols;
	struct memory_line lines[MEMORY_COLUMNS][MEMORY_LINES_MAX];
	int lines_count[MEMORY_COLUMNS], most_lines;
	int at_column, at_line;
	int top;
	struct mv_rect area, body;
	int header_rows, path_y, answer_y, note_y, note_rows; /* y -1: none */
	char find[64];
};

/* ---- view_memory_rows.c ---- */
void memory_rows_make(struct memory_view *v);
void memory_rows_lay_out(struct memory_view *v);
struct mv_clean memory_label(const struct memory_row *row);
struct mv_clean memory_section_title(enum memory_section section);
/* What the other tool calls it; "" nothing. */
struct mv_clean memory_twin(const struct memory_row *row);
struct mv_clean memory_formula(const struct memory_row *row);
struct mv_clean memory_words(const struct memory_row *row);
/* Its value as text; the role to draw it in. */
enum mv_role memory_value_build(struct mv_build *b, const struct mv_context *ctx, const struct memory_row *row);
/* Why it has no value; HAVE if it has one. */
enum mv_why memory_why(const struct mv_context *ctx, const struct memory_row *row);
const struct mv_series *memory_series(const struct mv_context *ctx, const struct memory_row *row);
bool memory_meaning(const struct memory_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m);

#endif
