/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_growth.h"

#define HEAP_BYTES (UINT64_C(256) << 20) /* anonymous memory of a process whose heap is read beside */

/* The growth view: where things are, keys. */

/* ---- life ---- */

static int growth_init(void *state, const struct mv_place *place)
{
	struct growth_view *v = state;

	/* One wants to see what grows most, whatever was looked at before. */
	(void)place;
	v->sort = GROWTH_DELTA;
	mv_calltree_init(&v->tree);
	return 0;
}

static void growth_go(void *state, const struct mv_place *place)
{
	(void)state;
	(void)place;
}

static void growth_release(void *state)
{
	struct growth_view *v = state;

	free(v->rows);
	mv_calltree_release(&v->tree);
}

/* ---- where things are ---- */

/* Half of what is left, and what a short table does not need. */
static int charts_rows(int left, uint32_t mappings)
{
	int table = mappings < 6 ? 6 : mappings > 99 ? 99 : (int)mappings, rows = left - table - 1;

	rows = rows < left / 2 ? left / 2 : rows;
	return rows < 4 ? 0 : rows > 16 ? 16 : rows;
}

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

static void lay_out(struct growth_view *v, const struct mv_context *ctx, struct mv_rect area)
{
	struct growth_geometry *g = &v->geo;
	int y = area.y, end = area.y + area.rows, rows = area.rows;
	struct mv_build lines[MV_LIMIT__N];

	*g = (struct growth_geometry){
	    .area = area, .path_y = -1, .advice_y = -1, .forecast_y = -1, .head_y = -1, .note_y = -1};
	g->text = area.cols >= 40 ? (struct mv_rect){area.y, area.x + 1, rows, area.cols - 2} : area;
	g->header_rows = rows >= 13 ? mv_header_rows(rows) : rows >= 7;
	y += g->header_rows;
	if (rows >= 5)
		g->path_y = y++;
	int words = mv_wrap_rows(g->text.cols, mv_build_text(&v->verdict.text));
	int most = rows >= 20 ? 4 : rows >= 9 ? 3 : rows >= 3 ? 2 : 1;
	g->verdict = (struct mv_rect){y, g->text.x, clamp(words, 1, most), g->text.cols};
	y += g->verdict.rows;
	if (rows >= 18 && v->verdict.advice.len)
		g->advice_y = y++;
	g->forecast_rows = rows >= 10 ? growth_forecast_lines(v, ctx, lines) : 0;
	g->forecast_rows = clamp(g->forecast_rows, 0, rows >= 36 ? MV_LIMIT__N : 1);
	if (g->forecast_rows)
		g->forecast_y = y;
	y += g->forecast_rows;
	if (rows >= 30)
		y++;
	if (rows >= 20)
		g->note_y = --end;
	g->charts = (struct mv_rect){y, g->text.x, charts_rows(end - y, v->count), g->text.cols};
	if (rows < 16)
		g->charts.rows = 0;
	g->charts_count = g->text.cols >= 150 ? 3 : g->text.cols >= 100 ? 2 : 1;
	y += g->charts.rows;
	if (g->charts.rows && rows >= 30)
		y++;
	if (end - y >= 2)
		g->head_y = y++;
	g->table = (struct mv_rect){y, g->text.x + 2, end > y ? end - y : 0, g->text.cols - 2};
}

static uint32_t row_of(const struct growth_view *v)
{
	uint32_t near = v->at < v->count ? v->at : v->count ? v->count - 1 : 0;

	if (!v->selected)
		return 0;
	for (uint32_t i = 0; i < v->count; i++)
		if (v->rows[i].start == v->selected)
			return i;
	return near;
}

static void growth_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct growth_view *v = state;

	growth_verdict_settle(v, ctx);
	growth_rows_settle(v, ctx);
	lay_out(v, ctx, area);
	growth_columns_layout(v, ctx);
	v->at = row_of(v);
	/* It grew downwards: its start is another now, its end is not. */
	if (ctx->snap && v->at < v->count && v->selected && v->rows[v->at].start != v->selected)
		for (uint32_t i = 0; i < v->count; i++)
			if (mv_snapshot_mappings(ctx->snap)[v->rows[i].mapping].end == v->selected_end)
				v->at = i;
	if (v->selected && ctx->snap && v->at < v->count) {
		v->selected = v->rows[v->at].start;
		v->selected_end = mv_snapshot_mappings(ctx->snap)[v->rows[v->at].mapping].end;
	}
	v->top = mv_table_scroll(v->top, v->at, v->count, v->geo.table.rows);
}

/* A reading of the heap copies it. */
static bool small_heap(const struct mv_context *ctx)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; ctx->snap && i < mv_snapshot_count(ctx->snap); i++) {
		const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[i];

		if (m->kind == MV_KIND_HEAP || m->kind == MV_KIND_ANON)
			bytes += mv_snapshot_rss(ctx->snap, i).value;
	}
	return bytes < HEAP_BYTES;
}

static void growth_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	const struct growth_view *v = state;

	want->facts |= MV_FACT_MAPS | MV_FACT_PAGES;
	/* Whether blocks in use or free ones grow is part of the verdict, where to know it is cheap. */
	if ((v->verdict.state == MV_GROWTH_GROWS || v->verdict.state == MV_GROWTH_STEPS) && small_heap(ctx))
		want->facts |= MV_FACT_HEAP;
}

static void growth_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *c,
			struct mv_rect area)
{
	const struct growth_view *v = state;

	if (area.rows < 1 || area.cols < 1)
		return;
	if (v->geo.header_rows)
		mv_header_draw(
		    ctx, c,
		    (struct mv_rect){area.y, area.x, v->geo.header_rows > 1 ? area.rows : 1, area.cols});
	growth_path_draw(v, ctx, c);
	growth_verdict_draw(v, ctx, c);
	if (!ctx->snap || !mv_growth_process(mv_delta_growth(ctx->delta)))
		return;
	if (v->geo.charts.rows)
		growth_charts_draw(v, ctx, c);
	growth_table_draw(v, ctx, c);
	growth_note_draw(v, ctx, c);
}

/* ---- keys ---- */

static struct mv_outcome select_row(struct growth_view *v, const struct mv_context *ctx, int64_t row)
{
	if (!v->count || !ctx->snap)
		return mv_outcome_stay();
	v->at = row < 0 ? 0 : row >= (int64_t)v->count ? v->count - 1 : (uint32_t)row;
	v->selected = v->rows[v->at].start;
	v->selected_end = mv_snapshot_mappings(ctx->snap)[v->rows[v->at].mapping].end;
	v->top = mv_table_scroll(v->top, v->at, v->count, v->geo.table.rows);
	return mv_outcome_stay();
}

static struct mv_outcome enter(const struct growth_view *v)
{
	if (v->at >= v->count)
		return mv_outcome_hint(MV_TEXT("there is no mapping to open"));
	return (struct mv_outcome){
	    .kind = MV_OUT_PUSH, .view = MV_VIEW_PAGES, .place = {.mapping = v->rows[v->at].start}};
}

/* The order is another: one wants to see what is first in it. */
static struct mv_outcome reordered(struct growth_view *v, const struct mv_context *ctx)
{
	v->selected = 0;
	v->top = 0;
	growth_settle(v, ctx, v->geo.area);
	return mv_outcome_stay();
}

static struct mv_outcome sort_next(struct growth_view *v, const struct mv_context *ctx)
{
	int column = (int)v->sort;

	/* A margin and a picture are no order. */
	do
		column = (column + 1) % GROWTH__COLUMNS;
	while (column != (int)v->sort && (!v->columns[column].w || column == GROWTH_MARGIN ||
					  column == GROWTH_TREND || column == GROWTH_SHARE));
	v->sort = (enum growth_column)column;
	v->reverse = false;
	return reordered(v, ctx);
}

static struct mv_outcome find(struct growth_view *v, const struct mv_context *ctx, bool back)
{
	if (!v->find[0])
		return mv_outcome_hint(
		    MV_TEXT("nothing searched for yet: / finds a name, or an address as 0x..."));
	for (uint32_t k = 1; k <= v->count && ctx->snap; k++) {
		uint32_t row = (v->at + (back ? v->count - k : k)) % v->count;

		if (growth_row_matches(ctx, &v->rows[row], v->find))
			return select_row(v, ctx, row);
	}
	return mv_outcome_hint(MV_TEXT("nothing here has that name or address"));
}

static struct mv_outcome growth_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct growth_view *v = state;

	if (!text[0] || !ctx->snap)
		return mv_outcome_stay();
	strncpy(v->find, text, sizeof(v->find) - 1);
	v->find[sizeof(v->find) - 1] = '\0';
	return find(v, ctx, false);
}

static struct mv_outcome click(struct growth_view *v, const struct mv_context *ctx, struct mv_input input)
{
	const struct growth_geometry *g = &v->geo;
	int64_t row = (int64_t)v->top + input.y - g->table.y;

	if (input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK)
		return mv_outcome_none();
	if (g->head_y >= 0 && input.y == g->head_y)
		for (int i = 0; i < GROWTH__COLUMNS; i++) {
			const struct mv_column *col = &v->columns[i];

			if (!col->w || input.x < col->x || input.x >= col->x + col->w || i == GROWTH_MARGIN ||
			    i == GROWTH_TREND)
				continue;
			v->reverse = v->sort == (enum growth_column)i && !v->reverse;
			v->sort = (enum growth_column)i;
			return reordered(v, ctx);
		}
	if (input.y < g->table.y || input.y >= g->table.y + g->table.rows || row >= (int64_t)v->count)
		return mv_outcome_none();
	select_row(v, ctx, row);
	return input.key == MV_KEY_DOUBLE_CLICK ? enter(v) : mv_outcome_stay();
}

static struct mv_outcome next_metric(struct growth_view *v, const struct mv_context *ctx)
{
	v->metric = (enum mv_growth_metric)((v->metric + 1) % MV_GROWTH__METRICS);
	growth_settle(v, ctx, v->geo.area);
	return mv_outcome_stay();
}

static struct mv_outcome growth_act(void *state, const struct mv_context *ctx, enum mv_action action,
				    struct mv_input input)
{
	struct growth_view *v = state;
	int64_t row;

	if (mv_move_to(action, v->at, v->geo.table.rows, &row))
		return select_row(v, ctx, row);
	switch (action) {
	case MV_ACT_ENTER:
		return enter(v);
	case MV_ACT_PANE:
		return next_metric(v, ctx);
	case MV_ACT_SORT:
		return sort_next(v, ctx);
	case MV_ACT_REVERSE:
		v->reverse = !v->reverse;
		return reordered(v, ctx);
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK,
					   .text = MV_TEXT("find a name, or an address as 0x...: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find(v, ctx, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return click(v, ctx, input);
	default:
		return mv_outcome_none();
	}
}

static bool meaning(const void *state, const struct mv_context *ctx, unsigned n,
		    struct mv_meaning *ret_meaning)
{
	return growth_meaning(state, ctx, n, ret_meaning);
}

static struct mv_clean growth_enter_words(const void *state, const struct mv_context *ctx)
{
	(void)state;
	(void)ctx;
	return MV_TEXT("its pages");
}

static struct mv_place growth_place(const void *state, const struct mv_context *ctx)
{
	const struct growth_view *v = state;

	(void)ctx;
	return (struct mv_place){.mapping = v->at < v->count ? v->rows[v->at].start : 0,
				 .unchosen = !v->selected};
}

const struct mv_view_ops mv_view_growth = {
    .id = MV_VIEW_GROWTH,
    .letter = 'w',
    .name = {"Growth"},
    .state_bytes = sizeof(struct growth_view),
    .init = growth_init,
    .release = growth_release,
    .go = growth_go,
    .settle = growth_settle,
    .want = growth_want,
    .draw = growth_draw,
    .act = growth_act,
    .answer = growth_answer,
    .meaning = meaning,
    .enter_words = growth_enter_words,
    .place = growth_place,
};
