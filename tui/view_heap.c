/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_heap.h"

/* The heap view: where things are, panes, keys. */

#define BOTH_ROWS 11 /* below the bar: fewer hold the picture or a pane, not both */

/* ---- life ---- */

/* What was chosen on another side is gone to, if blocks are there. */
static void heap_go(void *state, const struct mv_place *place)
{
	struct heap_view *v = state;

	v->came_from = place->unchosen ? 0 : place->page ? place->page : place->mapping;
	/* Who turned away does not expect a question any more. */
	heap_ask_drop(v);
}

static int heap_init(void *state, const struct mv_place *place)
{
	struct heap_view *v = state;

	v->focus = HEAP_PICTURE;
	v->shown = HEAP_SIZES;
	v->sort = SIZE_MORE_BYTES;
	heap_go(state, place);
	return 0;
}

static void heap_release(void *state)
{
	struct heap_view *v = state;

	free(v->base);
	free(v->sizes);
}

/* ---- where things are ---- */

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

static void lay_out_pane(struct heap_view *v, const struct mv_context *ctx, int y, int end)
{
	struct heap_geometry *g = &v->geo;
	int rows = end - y, detail = 0;

	if (rows >= 2)
		g->tabs_y = y++;
	if (rows >= 3)
		g->note_y = y++;
	if (rows >= 5)
		g->table_head_y = y++;
	if (v->shown == HEAP_LEAKS && heap_leaks_told(ctx) && rows >= 6) {
		/* What few groups do not need is theirs that hang together. */
		detail = clamp(rows / 2 - 1, 0, 8);
		if (end - y - detail > (int)v->leak_count)
			detail = end - y - (v->leak_count < 1 ? 1 : (int)v->leak_count);
	}
	g->table =
	    (struct mv_rect){y, g->text.x + 2, end - y - detail > 0 ? end - y - detail : 0, g->text.cols - 2};
	g->detail = (struct mv_rect){end - detail, g->text.x + 2, detail, g->text.cols - 2};
}

static void lay_out(struct heap_view *v, const struct mv_context *ctx, struct mv_rect area)
{
	struct heap_geometry *g = &v->geo;
	int y = area.y, end = area.y + area.rows, rows = area.rows;
	struct mv_build b;

	*g = (struct heap_geometry){.area = area,
				    .path_y = -1,
				    .bar_y = -1,
				    .legend_y = -1,
				    .beside_y = -1,
				    .title_y = -1,
				    .cursor_y = -1,
				    .tabs_y = -1,
				    .note_y = -1,
				    .table_head_y = -1};
	g->text = area.cols >= 40 ? (struct mv_rect){area.y, area.x + 1, rows, area.cols - 2} : area;
	g->header_rows = rows >= 13 ? mv_header_rows(rows) : rows >= 8;
	y += g->header_rows;
	if (rows >= 7)
		g->path_y = y++;
	heap_headline(&b, ctx);
	g->head = (struct mv_rect){y, g->text.x,
				   clamp(mv_wrap_rows(g->text.cols, mv_build_text(&b)), 1,
					 rows >= 16  ? 3
					 : rows >= 9 ? 2
						     : 1),
				   g->text.cols};
	y += g->head.rows;
	if (!heap_have(ctx)) {
		/* Owners: a note and their lines. */
		struct mv_clean next = heap_next_words(ctx);

		g->next = (struct mv_rect){
		    y, g->text.x, clamp(mv_wrap_rows(g->text.cols, next), 0, next.text[0] ? end - y : 0),
		    g->text.cols};
		y += g->next.rows + (rows >= 16);
		if (end - y >= 2)
			g->note_y = y++;
		g->table = (struct mv_rect){y, g->text.x + 2, end > y ? end - y : 0, g->text.cols - 2};
		return;
	}
	if (rows >= 12)
		g->bar_y = y++;
	if (rows >= 16)
		g->legend_y = y++;
	if (rows >= 20 && heap_have_others(ctx))
		g->beside_y = y++;
	y += rows >= 30;
	int left = end - y, picture = v->focus == HEAP_PICTURE ? left : 0;
	if (left >= BOTH_ROWS)
		picture = v->focus == HEAP_PICTURE ? left / 2 : clamp(left / 3, 4, 12);
	if (picture > 0) {
		int from = y, to = y + picture;

		if (picture >= 3)
			g->title_y = from++;
		if (picture >= 2)
			g->cursor_y = --to;
		g->grid = (struct mv_rect){from, g->text.x, to - from, g->text.cols};
		y += picture + (rows >= 30);
	}
	if (end > y)
		lay_out_pane(v, ctx, y, end);
}

static void heap_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct heap_view *v = state;
	uint32_t arenas = 0;

	v->leak_count = 0;
	if (heap_have(ctx) && heap_leaks_told(ctx))
		mv_snapshot_leak_groups(ctx->snap, &v->leak_count);
	lay_out(v, ctx, area);
	heap_sized_settle(v, ctx);
	heap_picture_settle(v, ctx);
	heap_sizes_settle(v, ctx);
	heap_leaks_settle(v, ctx);
	heap_sizes_layout(v, ctx);
	heap_arenas_layout(v, ctx);
	heap_leaks_layout(v, ctx);
	if (heap_have(ctx))
		mv_snapshot_heap_arenas(ctx->snap, &arenas);
	if (v->arena_at >= arenas)
		v->arena_at = arenas ? arenas - 1 : 0;
	v->arena_top = mv_table_scroll(v->arena_top, v->arena_at, arenas, v->geo.table.rows);
	v->figure_top = mv_table_scroll(v->figure_top, v->figure_at, HEAP_FIGURES_COUNT, v->geo.table.rows);
}

static void heap_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	const struct heap_view *v = state;

	(void)ctx;
	want->facts |= MV_FACT_MAPS | MV_FACT_HEAP;
	heap_picture_want(v, want);
	heap_sized_want(v, want);
	if (v->ask.seq) {
		want->leaks_seq = v->ask.seq;
		want->leaks_flags = v->ask.flags;
	}
}

/* ---- drawing ---- */

static struct mv_clean pane_words(enum heap_pane pane)
{
	return pane == HEAP_SIZES    ? MV_TEXT("Sizes")
	       : pane == HEAP_ARENAS ? MV_TEXT("Arenas")
	       : pane == HEAP_LEAKS  ? MV_TEXT("Leaks")
				     : MV_TEXT("mallinfo2");
}

static bool unasked(const struct mv_context *ctx)
{
	return ctx->snap->leaks.state == MV_LEAKS_STATE_NONE;
}

static void draw_tabs(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	int x = v->geo.text.x, end = x + v->geo.text.cols;
	struct mv_build b;

	if (v->geo.tabs_y < 0)
		return;
	for (int i = HEAP_SIZES; i < HEAP__PANES && x < end; i++) {
		enum heap_pane pane = (enum heap_pane)i;
		bool lost = pane == HEAP_LEAKS && heap_leaks_told(ctx) && ctx->snap->leaks.lost.blocks;

		x += mv_canvas_text(c, v->geo.tabs_y, x, end - x,
				    pane == v->focus   ? ROLE_SIDE_ON
				    : pane == v->shown ? ROLE_STRONG
						       : ROLE_SIDE,
				    pane_words(pane));
		if (lost && x + 12 < end) {
			mv_build_init(&b);
			mv_build_clean(&b, MV_TEXT(" "));
			mv_build_count(&b, ctx->snap->leaks.lost.blocks);
			mv_build_clean(&b, MV_TEXT(" lost"));
			x += mv_canvas_build(c, v->geo.tabs_y, x, end - x, ROLE_ALERT, &b);
		}
		if (pane == HEAP_LEAKS && unasked(ctx) && x + 4 < end) {
			mv_canvas_text(c, v->geo.tabs_y, x + 1, 1, ROLE_KEY, MV_TEXT("L"));
			mv_canvas_text(c, v->geo.tabs_y, x + 2, 1, ROLE_SIDE, MV_TEXT("?"));
			x += 3;
		}
		x += 2;
	}
	for (int i = x; i < end; i++)
		mv_canvas_glyph2(c, v->geo.tabs_y, i, ROLE_FRAME, U'─', '-');
}

static void heap_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *c,
		      struct mv_rect area)
{
	const struct heap_view *v = state;

	if (area.rows < 1 || area.cols < 1)
		return;
	if (v->geo.header_rows)
		mv_header_draw(
		    ctx, c,
		    (struct mv_rect){area.y, area.x, v->geo.header_rows > 1 ? area.rows : 1, area.cols});
	heap_top_draw(v, ctx, c);
	if (!heap_have(ctx)) {
		if (ctx->snap && ctx->snap->facts & MV_FACT_HEAP)
			heap_owners_draw(v, ctx, c);
		return;
	}
	heap_picture_draw(v, ctx, c);
	if (!v->geo.table.rows && v->geo.note_y < 0 && v->geo.tabs_y < 0)
		return;
	draw_tabs(v, ctx, c);
	switch (v->shown) {
	case HEAP_ARENAS:
		heap_arenas_draw(v, ctx, c);
		break;
	case HEAP_LEAKS:
		heap_leaks_draw(v, ctx, c);
		break;
	case HEAP_FIGURES:
		heap_figures_draw(v, ctx, c);
		break;
	default:
		heap_sizes_draw(v, ctx, c);
	}
}

/* ---- keys ---- */

static struct mv_outcome next_pane(struct heap_view *v, const struct mv_context *ctx)
{
	v->focus = (enum heap_pane)((v->focus + 1) % HEAP__PANES);
	if (v->focus != HEAP_PICTURE)
		v->shown = v->focus;
	heap_settle(v, ctx, v->geo.area);
	return mv_outcome_stay();
}

static void select_row(struct heap_view *v, const struct mv_context *ctx, int64_t row)
{
	uint32_t count = 0, *at = v->shown == HEAP_ARENAS ? &v->arena_at : &v->figure_at;

	if (v->shown == HEAP_SIZES) {
		heap_sizes_select(v, row);
	} else if (v->shown == HEAP_LEAKS) {
		heap_leaks_select(v, ctx, row);
	} else {
		if (v->shown == HEAP_ARENAS && heap_have(ctx))
			mv_snapshot_heap_arenas(ctx->snap, &count);
		count = v->shown == HEAP_FIGURES ? HEAP_FIGURES_COUNT : count;
		*at = row < 0 || !count ? 0 : row >= (int64_t)count ? count - 1 : (uint32_t)row;
		heap_settle(v, ctx, v->geo.area);
	}
}

static uint32_t row_at(const struct heap_view *v, uint32_t *ret_top)
{
	switch (v->shown) {
	case HEAP_ARENAS:
		*ret_top = v->arena_top;
		return v->arena_at;
	case HEAP_LEAKS:
		*ret_top = v->leak_top;
		return v->leak_at;
	case HEAP_FIGURES:
		*ret_top = v->figure_top;
		return v->figure_at;
	default:
		*ret_top = v->size_top;
		return v->size_at;
	}
}

/* To the arena's first stretch, in the picture. */
static struct mv_outcome show_arena(struct heap_view *v, const struct mv_context *ctx)
{
	uint32_t count;
	const struct mv_heap_stretch *s = mv_snapshot_heap_stretches(ctx->snap, &count);

	for (uint32_t i = 0; i < count; i++)
		if (s[i].kind != MV_REGION_MMAPPED && s[i].arena == v->arena_at) {
			v->focus = HEAP_PICTURE;
			v->cell_bytes = 0;
			heap_settle(v, ctx, v->geo.area);
			heap_picture_go(v, ctx, s[i].start);
			return mv_outcome_stay();
		}
	return mv_outcome_hint(MV_TEXT("its blocks are not among the largest stretches, which are told"));
}

/* Blocks of the selected size, in the picture. */
static struct mv_outcome show_size(struct heap_view *v, const struct mv_context *ctx)
{
	if (v->size_at >= v->sizes_count || !v->sizes[v->size_at].c.used_blocks)
		return mv_outcome_hint(MV_TEXT("no block of this size is in use"));
	v->focus = HEAP_PICTURE;
	heap_sized_begin(v, v->sizes[v->size_at].first, v->sizes[v->size_at].last);
	heap_settle(v, ctx, v->geo.area);
	return mv_outcome_stay();
}

static struct mv_outcome next_match(struct heap_view *v, const struct mv_context *ctx, int by)
{
	if (v->focus == HEAP_LEAKS)
		return heap_leaks_example(v, ctx, by);
	if (!v->sized.size || !heap_have(ctx))
		return mv_outcome_hint(MV_TEXT("Enter on a size first: its blocks are gone through then"));
	v->focus = HEAP_PICTURE;
	heap_sized_step(v, by);
	heap_settle(v, ctx, v->geo.area);
	return mv_outcome_stay();
}

/* What was begun here is left first: a question to come, blocks that are marked. */
static struct mv_outcome back(struct heap_view *v, const struct mv_context *ctx)
{
	if (heap_ask_drop(v))
		return mv_outcome_hint(MV_TEXT("let be: nothing was stopped"));
	if (!v->sized.size || v->focus != HEAP_PICTURE)
		return mv_outcome_none();
	v->sized = (struct heap_sized){0};
	v->focus = v->shown = HEAP_SIZES;
	heap_settle(v, ctx, v->geo.area);
	return mv_outcome_stay();
}

static struct mv_outcome enter(struct heap_view *v, const struct mv_context *ctx)
{
	if (!heap_have(ctx))
		return mv_outcome_hint(MV_TEXT("there is nothing to open"));
	switch (v->focus) {
	case HEAP_ARENAS:
		return show_arena(v, ctx);
	case HEAP_LEAKS:
		return heap_leaks_open(v, ctx);
	case HEAP_SIZES:
		return show_size(v, ctx);
	case HEAP_FIGURES:
		return mv_outcome_hint(MV_TEXT("w says what these figures are"));
	default:
		return heap_picture_act(v, ctx, MV_ACT_ENTER);
	}
}

static struct mv_outcome heap_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct heap_view *v = state;
	struct mv_scan scan = {text, text + strlen(text)};
	uint64_t address;

	if (text[0] == '0' && (text[1] | 32) == 'x')
		scan.at += 2;
	if (!text[0] || !heap_have(ctx))
		return mv_outcome_stay();
	if (!mv_scan_hex(&scan, &address) || scan.at != scan.end)
		return mv_outcome_hint(MV_TEXT("an address is hexadecimal: 0x55d0c0de"));
	v->focus = HEAP_PICTURE;
	heap_settle(v, ctx, v->geo.area);
	heap_picture_go(v, ctx, address);
	if (address < v->stretch.start || address >= v->stretch.end)
		return mv_outcome_hint(MV_TEXT("that address is not in the heap; the nearest is shown"));
	return mv_outcome_stay();
}

static struct mv_outcome click(struct heap_view *v, const struct mv_context *ctx, struct mv_input input)
{
	const struct heap_geometry *g = &v->geo;
	uint32_t top, row = row_at(v, &top);

	(void)row;
	if (input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK)
		return mv_outcome_none();
	if (input.y >= g->grid.y && input.y < g->grid.y + g->grid.rows && input.x >= g->grid.x &&
	    input.x < g->grid.x + g->grid.cols) {
		uint64_t cell = (uint64_t)(input.y - g->grid.y) * (uint64_t)g->grid.cols +
				(uint64_t)(input.x - g->grid.x);
		uint64_t address = v->window.start + cell * heap_zoom_bytes(v);

		if (address >= v->window.end)
			return mv_outcome_none();
		v->cursor = address;
		v->chosen = true;
		v->focus = HEAP_PICTURE;
		return input.key == MV_KEY_DOUBLE_CLICK ? enter(v, ctx) : mv_outcome_stay();
	}
	if (g->table_head_y >= 0 && input.y == g->table_head_y && v->shown == HEAP_SIZES)
		for (int i = 0; i < SIZE__COLUMNS; i++)
			if (v->size_cols[i].w && input.x >= v->size_cols[i].x &&
			    input.x < v->size_cols[i].x + v->size_cols[i].w && i != SIZE_BAR)
				return heap_sizes_sort(v, ctx, i);
	if (input.y < g->table.y || input.y >= g->table.y + g->table.rows)
		return mv_outcome_none();
	v->focus = v->shown;
	select_row(v, ctx, (int64_t)top + input.y - g->table.y);
	return input.key == MV_KEY_DOUBLE_CLICK ? enter(v, ctx) : mv_outcome_stay();
}

/* Keys of the pane below the picture. */
static struct mv_outcome act_in_pane(struct heap_view *v, const struct mv_context *ctx, enum mv_action action)
{
	int64_t screen = v->geo.table.rows > 1 ? v->geo.table.rows - 1 : 1;
	uint32_t top;
	int64_t at = row_at(v, &top);

	switch (action) {
	case MV_ACT_UP:
		at--;
		break;
	case MV_ACT_DOWN:
		at++;
		break;
	case MV_ACT_PAGE_UP:
		at -= screen;
		break;
	case MV_ACT_PAGE_DOWN:
		at += screen;
		break;
	case MV_ACT_FIRST:
		at = 0;
		break;
	case MV_ACT_LAST:
		at = INT64_MAX;
		break;
	case MV_ACT_LEFT:
	case MV_ACT_RIGHT:
		return v->focus == HEAP_LEAKS ? heap_leaks_example(v, ctx, action == MV_ACT_LEFT ? -1 : 1)
					      : mv_outcome_stay();
	case MV_ACT_ENTER:
		return enter(v, ctx);
	default:
		return mv_outcome_none();
	}
	select_row(v, ctx, at);
	return mv_outcome_stay();
}

static struct mv_outcome heap_act(void *state, const struct mv_context *ctx, enum mv_action action,
				  struct mv_input input)
{
	struct heap_view *v = state;
	struct mv_outcome out;

	switch (action) {
	case MV_ACT_PANE:
		return next_pane(v, ctx);
	case MV_ACT_LEAKS:
	case MV_ACT_STOP:
		out = action == MV_ACT_LEAKS ? heap_ask_scan(v, ctx) : heap_ask_exact(v, ctx);
		heap_settle(v, ctx, v->geo.area);
		return out;
	case MV_ACT_ZOOM_IN:
	case MV_ACT_ZOOM_OUT:
		return heap_picture_act(v, ctx, action);
	case MV_ACT_SORT:
		if (v->shown != HEAP_SIZES)
			return mv_outcome_hint(MV_TEXT("only the sizes have another order"));
		return heap_sizes_sort(v, ctx, -1);
	case MV_ACT_REVERSE:
		return v->shown == HEAP_SIZES ? heap_sizes_sort(v, ctx, (int)v->sort) : mv_outcome_stay();
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK,
					   .text = MV_TEXT("go to the block at an address (0x...): ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return next_match(v, ctx, action == MV_ACT_FIND_NEXT ? 1 : -1);
	case MV_ACT_BACK:
		return back(v, ctx);
	case MV_ACT_NONE:
		return click(v, ctx, input);
	default:
		return v->focus == HEAP_PICTURE ? heap_picture_act(v, ctx, action)
						: act_in_pane(v, ctx, action);
	}
}

static struct mv_outcome heap_confirm(void *state, const struct mv_context *ctx)
{
	return heap_ask_confirm(state, ctx);
}

static struct mv_outcome heap_ready(void *state, const struct mv_context *ctx)
{
	return heap_ask_ready(state, ctx);
}

static bool meaning(const void *state, const struct mv_context *ctx, unsigned n,
		    struct mv_meaning *ret_meaning)
{
	return heap_meaning(state, ctx, n, ret_meaning);
}

static struct mv_clean heap_enter_words(const void *state, const struct mv_context *ctx)
{
	const struct heap_view *v = state;

	(void)ctx;
	return v->focus == HEAP_ARENAS || v->focus == HEAP_SIZES ? MV_TEXT("blocks") : MV_TEXT("bytes");
}

static struct mv_place heap_place(const void *state, const struct mv_context *ctx)
{
	const struct heap_view *v = state;
	uint32_t i;

	if (!ctx->snap || !v->cursor)
		return (struct mv_place){.unchosen = true};
	i = mv_snapshot_find(ctx->snap, v->cursor);
	if (i >= mv_snapshot_count(ctx->snap))
		return (struct mv_place){.unchosen = true};
	return (struct mv_place){.mapping = mv_snapshot_mappings(ctx->snap)[i].start,
				 .page = v->cursor & ~(uint64_t)(ctx->snap->page_bytes - 1),
				 .unchosen = !v->chosen};
}

const struct mv_view_ops mv_view_heap = {
    .id = MV_VIEW_HEAP,
    .letter = 'e',
    .name = {"Heap"},
    .state_bytes = sizeof(struct heap_view),
    .init = heap_init,
    .release = heap_release,
    .go = heap_go,
    .settle = heap_settle,
    .want = heap_want,
    .draw = heap_draw,
    .act = heap_act,
    .answer = heap_answer,
    .ready = heap_ready,
    .confirm = heap_confirm,
    .meaning = meaning,
    .enter_words = heap_enter_words,
    .place = heap_place,
};
