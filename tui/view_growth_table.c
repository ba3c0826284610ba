/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_growth.h"
#include "tui/widget.h"

/* The table of mappings: which rows in which order, what its cells say. */

/*
 * X(ID, heading, width, width at least, given up when narrow (highest first), right-aligned)
 */
// clang-format off
#define COLUMNS(X)                                              \
	X(GROWTH_ADDRESS, "ADDRESS", 12, 12, 4, false)          \
	X(GROWTH_COL_SIZE, "SIZE", 5, 5, 8, true)               \
	X(GROWTH_COL_RSS, "RSS", 5, 5, 5, true)                 \
	X(GROWTH_DELTA, "GROWN", 7, 7, 0, true)                 \
	X(GROWTH_SHARE, "SHARE", 5, 5, 2, true)                 \
	X(GROWTH_SLOPE, "SLOPE", 9, 9, 1, true)                 \
	X(GROWTH_MARGIN, "+/-", 9, 9, 7, true)                  \
	X(GROWTH_TREND, "TREND", 24, 8, 6, false)               \
	X(GROWTH_STATE, "STATE", 11, 11, 3, false)              \
	X(GROWTH_NAME, "NAME", 24, 10, 0, false)
// clang-format on

static const struct {
	struct mv_clean heading;
	int width, min_width, give_up;
	bool right;
} infos[GROWTH__COLUMNS] = {
#define X(id, heading, width, min, give, right) [id] = {{heading}, width, min, give, right},
    COLUMNS(X)
#undef X
};

struct mv_clean growth_column_heading(const struct growth_view *v, enum growth_column column)
{
	(void)v;
	return infos[column].heading;
}

bool growth_column_ascends(enum growth_column column)
{
	return column == GROWTH_ADDRESS || column == GROWTH_NAME || column == GROWTH_STATE;
}

void growth_columns_layout(struct growth_view *v, const struct mv_context *ctx)
{
	int cols = v->geo.table.cols, address = ctx->snap ? mv_words_addr_cols(ctx->snap) : 12;

	for (int i = 0; i < GROWTH__COLUMNS; i++) {
		v->columns[i] = (struct mv_column){.heading = infos[i].heading,
						   .width = infos[i].width,
						   .min_width = infos[i].min_width,
						   .give_up = infos[i].give_up,
						   .right = infos[i].right,
						   .on = true};
		if (ctx->exact && (i == GROWTH_COL_SIZE || i == GROWTH_COL_RSS || i == GROWTH_DELTA))
			v->columns[i].width = v->columns[i].min_width = 15;
	}
	v->columns[GROWTH_ADDRESS].width = v->columns[GROWTH_ADDRESS].min_width = address;
	if (cols >= 60)
		v->columns[GROWTH_NAME].min_width = 14;
	if (cols >= 140)
		v->columns[GROWTH_TREND].width = 40;
	mv_table_layout(v->columns, GROWTH__COLUMNS, cols, GROWTH_NAME);
	for (int i = 0; i < GROWTH__COLUMNS; i++)
		v->columns[i].x += v->geo.table.x;
}

/* ---- rows ---- */

struct key {
	const struct mv_context *ctx;
	enum growth_column sort;
	int sign;
};

static const struct mv_growth_track *track_of(const struct mv_context *ctx, const struct growth_row *row)
{
	return mv_growth_find(mv_delta_growth(ctx->delta), row->start);
}

static double number_of(const struct key *key, const struct growth_row *row)
{
	const struct mv_growth_track *t = track_of(key->ctx, row);

	switch (key->sort) {
	case GROWTH_COL_SIZE:
		return (double)(t->end - t->start);
	case GROWTH_COL_RSS:
		return (double)t->now.value[MV_GROWTH_RSS];
	case GROWTH_SLOPE:
		return t->fit.slope;
	case GROWTH_STATE:
		return t->fit.state;
	default:
		return row->delta;
	}
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct growth_row *x = a, *y = b;
	const struct key *key = arg;
	int r = 0;

	if (key->sort == GROWTH_NAME) {
		r = strcmp(mv_snapshot_name(key->ctx->snap, x->mapping).text,
			   mv_snapshot_name(key->ctx->snap, y->mapping).text);
	} else if (key->sort != GROWTH_ADDRESS) {
		double p = number_of(key, x), q = number_of(key, y);

		r = (p > q) - (p < q);
	}
	if (!r)
		return key->sort == GROWTH_ADDRESS && key->sign < 0
			   ? (x->start < y->start) - (x->start > y->start)
			   : (x->start > y->start) - (x->start < y->start);
	return key->sign * r;
}

static double delta_of(const struct mv_growth_track *t, bool against)
{
	return (double)t->now.value[MV_GROWTH_HELD] -
	       (double)(against ? t->mark.value[MV_GROWTH_HELD] : t->first.value[MV_GROWTH_HELD]);
}

/* What never moved is no row: of a hundred mappings two or three are. */
static bool has_changed(const struct mv_growth_track *t, bool against)
{
	return delta_of(t, against) != 0 || t->fit.samples > 2 || t->no_history ||
	       (against ? !t->marked : t->appeared);
}

void growth_rows_settle(struct growth_view *v, const struct mv_context *ctx)
{
	const struct mv_growth *growth = mv_delta_growth(ctx->delta);
	const struct mv_growth_mark *mark = mv_against(ctx);
	uint32_t count = ctx->snap ? mv_snapshot_count(ctx->snap) : 0;
	uint64_t made[5] = {ctx->snap ? ctx->snap->seq : 0, ctx->snap ? ctx->snap->epoch : 0,
			    (uint64_t)v->sort << 1 | v->reverse, mark ? mark->at_ns : 0,
			    ctx->snap ? ctx->snap->taken_ns : 0};

	if (v->rows && memcmp(made, v->made, sizeof(made)) == 0)
		return;
	memcpy(v->made, made, sizeof(made));
	if (count > v->cap) {
		struct growth_row *more = reallocarray(v->rows, count, sizeof(*more));

		v->short_of_memory = !more;
		if (!more)
			return;
		v->rows = more;
		v->cap = count;
	}
	v->count = v->followed = 0;
	v->grown = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t start = mv_snapshot_mappings(ctx->snap)[i].start;
		const struct mv_growth_track *t = mv_growth_find(growth, start);

		if (!t || !t->now.have)
			continue;
		v->followed++;
		if (!has_changed(t, mark != NULL))
			continue;
		v->rows[v->count] = (struct growth_row){i, start, delta_of(t, mark != NULL)};
		v->grown += v->rows[v->count].delta > 0 ? v->rows[v->count].delta : 0;
		v->count++;
	}
	struct key key = {ctx, v->sort, growth_column_ascends(v->sort) != v->reverse ? 1 : -1};
	if (v->count)
		qsort_r(v->rows, v->count, sizeof(*v->rows), compare, &key);
}

bool growth_row_matches(const struct mv_context *ctx, const struct growth_row *row, const char *text)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[row->mapping];
	struct mv_scan scan = {text + 2, text + strlen(text)};
	struct mv_build name;
	uint64_t addr;

	if (text[0] == '0' && (text[1] | 32) == 'x' && mv_scan_hex(&scan, &addr))
		return addr >= m->start && addr < m->end;
	mv_build_init(&name);
	mv_words_name(&name, ctx->snap, row->mapping, false);
	return strcasestr(name.text, text) != NULL;
}

/* ---- cells ---- */

static void put(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role,
		const struct mv_build *b)
{
	if (!col->w)
		return;
	if (col->right)
		mv_canvas_text_right(c, y, col->x, col->w, role, mv_build_text(b));
	else
		mv_canvas_build(c, y, col->x, col->w, role, b);
}

static void put_size(struct mv_canvas *c, int y, const struct mv_column *col, uint64_t bytes, bool exact)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_size_build(&b, bytes, exact);
	put(c, y, col, bytes ? ROLE_TEXT : ROLE_DIM, &b);
}

static enum mv_role role_of(double by)
{
	return by > 0 ? ROLE_GREW : ROLE_DIM;
}

/* "+1.0M/s", "-31K/min": slow ones a minute, slower ones an hour. */
static void build_rate(struct mv_build *b, double per_second, bool sign)
{
	static const struct {
		double seconds;
		struct mv_clean words;
	} spans[] = {{1, {"/s"}}, {60, {"/min"}}, {3600, {"/h"}}};
	size_t i = 0;

	while (i + 1 < MV_COUNT_OF(spans) && fabs(per_second) * spans[i].seconds < 1024)
		i++;
	if (fabs(per_second) * 3600 < 1) {
		mv_build_clean(b, MV_TEXT("0"));
		return;
	}
	if (sign)
		mv_build_clean(b, per_second > 0 ? MV_TEXT("+") : MV_TEXT("-"));
	mv_build_size(b, (uint64_t)(fabs(per_second) * spans[i].seconds));
	mv_build_clean(b, spans[i].words);
}

static void draw_trend(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		       const struct mv_column *col, const struct mv_growth_track *t)
{
	static const char32_t glyphs[] = U"▁▂▃▄▅▆▇█";
	static const char ascii[] = ".:-=+*#@";
	struct mv_growth_sample samples[MV_GROWTH_SAMPLES];
	struct mv_range_s span = growth_span(ctx);
	struct growth_curve curve;

	if (!col->w)
		return;
	size_t n = mv_growth_samples(mv_delta_growth(ctx->delta), t, v->metric, samples, MV_GROWTH_SAMPLES);
	growth_curve_make(&curve, samples, n, span.from, span.to, col->w);
	for (int i = 0; i < curve.cols; i++) {
		double part =
		    curve.high > curve.low ? (curve.value[i] - curve.low) / (curve.high - curve.low) : 0;
		int level = (int)(part * 7 + 0.5);

		if (curve.gap[i])
			continue;
		if (curve.high > curve.low)
			mv_canvas_glyph2(c, y, col->x + i, ROLE_SPARK, glyphs[level], ascii[level]);
		else
			mv_canvas_glyph2(c, y, col->x + i, ROLE_DIM, U'─', '-');
	}
}

static void draw_slope(struct mv_canvas *c, int y, const struct mv_column *columns,
		       const struct mv_growth_track *t)
{
	bool told = t->fit.state != MV_GROWTH_SHORT && !t->no_history;
	bool still = t->fit.state == MV_GROWTH_STEADY || t->fit.state == MV_GROWTH_STOPPED ||
		     t->fit.state == MV_GROWTH_SAWTOOTH;
	double margin = (t->fit.slope_high - t->fit.slope_low) / 2;
	struct mv_build b;

	mv_build_init(&b);
	if (!told)
		mv_build_clean(&b, MV_TEXT("-"));
	else
		build_rate(&b, still ? 0 : t->fit.slope, true);
	put(c, y, &columns[GROWTH_SLOPE], told && !still ? role_of(t->fit.slope) : ROLE_DIM, &b);
	mv_build_init(&b);
	if (told && !still)
		build_rate(&b, margin, false);
	put(c, y, &columns[GROWTH_MARGIN], ROLE_DIM, &b);
}

static void draw_row(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		     const struct growth_row *row)
{
	const struct mv_column *col = v->columns;
	const struct mv_growth_track *t = track_of(ctx, row);
	const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[row->mapping];
	bool hit = v->find[0] && growth_row_matches(ctx, row, v->find);
	struct mv_build b;

	if (!t)
		return;
	mv_build_init(&b);
	mv_words_addr(&b, row->start);
	put(c, y, &col[GROWTH_ADDRESS], ROLE_TEXT, &b);
	put_size(c, y, &col[GROWTH_COL_SIZE], m->end - m->start, ctx->exact);
	put_size(c, y, &col[GROWTH_COL_RSS], t->now.value[MV_GROWTH_RSS], ctx->exact);
	mv_build_init(&b);
	if (row->delta != 0)
		mv_build_clean(&b, row->delta > 0 ? MV_TEXT("+") : MV_TEXT("-"));
	mv_size_build(&b, (uint64_t)fabs(row->delta), ctx->exact);
	put(c, y, &col[GROWTH_DELTA], role_of(row->delta), &b);
	mv_build_init(&b);
	if (row->delta > 0)
		mv_build_fmt(&b, "%.0f %%", row->delta * 100 / v->grown);
	put(c, y, &col[GROWTH_SHARE], ROLE_STRONG, &b);
	draw_slope(c, y, col, t);
	draw_trend(v, ctx, c, y, &col[GROWTH_TREND], t);
	if (col[GROWTH_STATE].w)
		mv_canvas_text(c, y, col[GROWTH_STATE].x, col[GROWTH_STATE].w,
			       t->fit.state == MV_GROWTH_GROWS || t->fit.state == MV_GROWTH_STEPS ? ROLE_GREW
												  : ROLE_DIM,
			       t->no_history ? MV_TEXT("-") : mv_growth_state_words(t->fit.state));
	mv_build_init(&b);
	mv_words_name(&b, ctx->snap, row->mapping, true);
	put(c, y, &col[GROWTH_NAME], hit ? ROLE_FOUND : mv_role_of_kind(m->kind), &b);
	/* What came since, in the free column before the row. */
	if (mv_against(ctx) ? !t->marked : t->appeared)
		mv_canvas_glyph(c, y, v->geo.table.x - 1, ROLE_NEW, U'+');
}

void growth_table_draw(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->geo.table;

	if (v->geo.head_y >= 0)
		mv_table_headings(c, v->geo.head_y, v->columns, GROWTH__COLUMNS, (int)v->sort,
				  growth_column_ascends(v->sort) != v->reverse);
	for (int i = 0; i < t->rows && v->top + (uint32_t)i < v->count; i++) {
		uint32_t n = v->top + (uint32_t)i;

		draw_row(v, ctx, c, t->y + i, &v->rows[n]);
		if (n != v->at)
			continue;
		mv_canvas_glyph(c, t->y + i, t->x - 2, ROLE_CURSOR, U'>');
		mv_canvas_attr(c, (struct mv_rect){t->y + i, t->x - 2, 1, t->cols + 2}, MV_ATTR_CURSOR);
	}
	if (v->count || !t->rows)
		return;
	struct mv_clean advice;
	struct mv_build why;
	if (v->short_of_memory)
		mv_canvas_text(c, t->y, t->x, t->cols, ROLE_WARN, MV_TEXT("memview ran out of memory for the table"));
	else if (v->followed)
		mv_canvas_text(c, t->y, t->x, t->cols, ROLE_DIM, MV_TEXT("no mapping has changed"));
	else if (mv_words_nothing(ctx, MV_PART_PAGES, &why, &advice))
		mv_wrap_draw(c, *t, ROLE_WARN, mv_build_text(&why));
	else
		mv_canvas_text(c, t->y, t->x, t->cols, ROLE_DIM, MV_TEXT("reading the mappings' pages"));
}
