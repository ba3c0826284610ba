/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_GROWTH_H
#define MV_VIEW_GROWTH_H

/*
 * The growth view from inside: private to view_growth*.c and its test. A verdict in words, charts over time, the mappings
 * by what they have of the growth, and when it meets a limit. What it shows lies in core/growth.h; it wants cheap facts alone.
 */

#include "tui/view_pages.h"
#include "tui/view_private.h"

enum growth_column {
	GROWTH_ADDRESS, GROWTH_COL_SIZE, GROWTH_COL_RSS, GROWTH_DELTA, GROWTH_SHARE, GROWTH_SLOPE, GROWTH_MARGIN, GROWTH_TREND,
	GROWTH_STATE, GROWTH_NAME, GROWTH__COLUMNS
};

struct growth_row {
	uint32_t mapping; /* in the snapshot */
	uint64_t start;
	double delta; /* of HELD, since the beginning or the mark */
};

/* Where things are; y -1: no room. */
struct growth_geometry {
	struct mv_rect area, text; /* text: inside the margins */
	int header_rows, path_y;
	struct mv_rect verdict; /* rows 0: none */
	int advice_y;
	struct mv_rect charts;
	int charts_count;
	int forecast_y, forecast_rows;
	int head_y;
	struct mv_rect table;
	int note_y;
};

struct growth_view {
	enum growth_column sort;
	bool reverse;
	enum mv_growth_metric metric; /* of the first chart and of the trends */
	struct growth_row *rows;
	uint32_t count, cap;
	uint32_t followed; /* mappings, whether they have changed or not */
	double grown;	 /* what all that grew grew by, since the same time */
	uint64_t made[5]; /* of what the rows were made */
	bool short_of_memory;
	uint64_t selected, selected_end; /* start and end of a mapping; 0, 0: the first row, whatever comes there */
	uint32_t at, top;
	struct mv_growth_verdict verdict;
	struct mv_growth_forecast forecast[MV_LIMIT__N];
	struct mv_calltree tree; /* of the traced faults, while there are any */
	struct growth_geometry geo;
	struct mv_column columns[GROWTH__COLUMNS];
	char find[256];
};

/* ---- view_growth_table.c ---- */

/* Make rows anew when snapshot, order or mark have changed. */
void growth_rows_settle(struct growth_view *v, const struct mv_context *ctx);
void growth_columns_layout(struct growth_view *v, const struct mv_context *ctx);
struct mv_clean growth_column_heading(const struct growth_view *v, enum growth_column column);
bool growth_column_ascends(enum growth_column column);
void growth_table_draw(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c);
bool growth_row_matches(const struct mv_context *ctx, const struct growth_row *row, const char *text);

/* ---- view_growth_draw.c ---- */

/* A history in so many columns from from_s to to_s: the last known value of each; gap: nothing is known there. */
struct growth_curve {
	double value[256];
	bool gap[256];
	int cols;
	double low, high; /* of what is known */
	bool any;
};
void growth_curve_make(struct growth_curve *curve, const struct mv_growth_sample *samples, size_t n, double from_s,
		       double to_s, int cols);
void growth_charts_draw(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c);

/* ---- view_growth_words.c ---- */

/* The time that is shown: since the watching began, or since the mark. */
struct mv_range_s {
	double from, to;
};
struct mv_range_s growth_span(const struct mv_context *ctx);
void growth_verdict_settle(struct growth_view *v, const struct mv_context *ctx);
/* Lines of the forecast, nearest end first; returns how many there are. */
int growth_forecast_lines(const struct growth_view *v, const struct mv_context *ctx, struct mv_build lines[static MV_LIMIT__N]);
void growth_path_draw(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c);
void growth_verdict_draw(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c);
void growth_note_draw(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c);
bool growth_meaning(const struct growth_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m);

#endif
