/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_faults.h"

/* The faults view: where things are, keys. That faults are traced while it is open is the stack of views'
 * doing. */

#define LIST_LEAST   5	/* rows that the kinds leave to the list */
#define ROWS_FOR_TWO 34 /* the log below the pane that is chosen */
#define ROWS_AIRY    30

struct mv_clean mv_faults_pane_name(enum mv_faults_pane pane)
{
	static const struct mv_clean names[MV_FAULTS_PANES] = {
	    {"Stacks"}, {"Mappings"}, {"Threads"}, {"Log"}};

	return names[pane];
}

int mv_faults_tab_x(const struct mv_faults_view *v, enum mv_faults_pane pane)
{
	int x = v->geo.text.x;

	for (int i = 0; i < (int)pane; i++)
		x += (int)mv_clean_width(mv_faults_pane_name((enum mv_faults_pane)i)) + 3;
	return x;
}

/* ---- life ---- */

static void select_thread(struct mv_faults_view *v, int32_t tid)
{
	v->selected[MV_FAULTS_THREADS] = (struct mv_faults_identity){.set = true, .tid = tid};
}

static int faults_init(void *state, const struct mv_place *place)
{
	struct mv_faults_view *v = state;

	mv_calltree_init(&v->tree);
	mv_build_init(&v->said);
	if (place->thread)
		select_thread(v, place->thread);
	return 0;
}

static void faults_go(void *state, const struct mv_place *place)
{
	struct mv_faults_view *v = state;

	if (place->thread)
		select_thread(v, place->thread);
}

static void faults_release(void *state)
{
	mv_faults_tree_release(state);
}

/* ---- where things are ---- */

uint32_t mv_faults_kinds(const struct mv_snapshot *snap)
{
	uint32_t kinds = 0;

	for (unsigned k = 0; mv_faults_traced(snap) && k < MV_FAULT__N; k++)
		kinds |= snap->trace.faults[k] ? UINT32_C(1) << k : 0;
	return kinds;
}

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

static void lay_out_kinds(struct mv_faults_geometry *g, const struct mv_context *ctx, int *y)
{
	int occurred = __builtin_popcount(mv_faults_kinds(ctx->snap)), rows = g->area.rows;
	/* Heading, a line a kind, the quiet ones, two sums; pane names and heading below. */
	int table = 1 + occurred + (occurred < MV_FAULT__N) + 2;

	g->kinds_y = -1;
	g->table =
	    rows >= 20 && *y + table + 2 + LIST_LEAST <= g->area.y + rows && mv_faults_traced(ctx->snap);
	g->quiet_line = occurred < MV_FAULT__N;
	g->kinds_rows = g->table ? table : rows >= 15 ? 2 : rows >= 6 ? 1 : 0;
	/* The reason why there is none takes the place of a picture. */
	if (!mv_faults_traced(ctx->snap))
		g->kinds_rows = clamp(rows - (*y - g->area.y), 0, 12);
	if (g->kinds_rows) {
		g->kinds_y = *y;
		*y += g->kinds_rows;
	}
}

static void lay_out(struct mv_faults_view *v, const struct mv_context *ctx, struct mv_rect area)
{
	struct mv_faults_geometry *g = &v->geo;
	int y = area.y, end = area.y + area.rows, rows = area.rows;

	*g = (struct mv_faults_geometry){
	    .area = area, .path_y = -1, .warn_y = -1, .tabs_y = -1, .head_y = -1, .log_y = -1};
	g->text = area.cols >= 40 ? (struct mv_rect){area.y, area.x + 1, rows, area.cols - 2} : area;
	g->header_rows = rows >= 13 ? mv_header_rows(rows) : rows >= 7;
	y += g->header_rows;
	if (rows >= 2)
		g->path_y = y++;
	g->warn_rows = rows >= 9 ? mv_faults_warnings(ctx, g->text.cols, rows >= 20 ? 3 : 1) : 0;
	if (g->warn_rows)
		g->warn_y = y;
	y += g->warn_rows + (rows >= ROWS_AIRY);
	lay_out_kinds(g, ctx, &y);
	if (!mv_faults_traced(ctx->snap))
		return;
	y += rows >= ROWS_AIRY;
	if (rows >= 4)
		g->tabs_y = y++;
	if (rows >= 11)
		g->head_y = y++;
	g->list_y = y;
	g->list_rows = end > y ? end - y : 0;
	if (rows >= ROWS_FOR_TWO && v->pane != MV_FAULTS_LOG) {
		g->log_rows = clamp(g->list_rows / 3, 5, 14);
		g->log_y = end - g->log_rows;
		g->list_rows -= g->log_rows + 1;
	}
}

static void faults_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct mv_faults_view *v = state;

	lay_out(v, ctx, area);
	if (!mv_faults_traced(ctx->snap))
		return;
	mv_faults_tree_settle(v, ctx->snap);
	for (int pane = 0; pane < MV_FAULTS_PANES; pane++) {
		v->at[pane] = mv_faults_row_of(v, ctx->snap, (enum mv_faults_pane)pane);
		v->top[pane] = mv_table_scroll(v->top[pane], v->at[pane],
					       mv_faults_count(v, ctx->snap, (enum mv_faults_pane)pane),
					       v->geo.list_rows);
	}
}

static void faults_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	(void)state;
	(void)ctx;
	want->facts |= MV_FACT_MAPS;
}

static void faults_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
			struct mv_rect area)
{
	if (area.rows > 0 && area.cols > 0)
		mv_faults_draw(state, ctx, canvas);
}

/* ---- keys ---- */

static struct mv_outcome select_row(struct mv_faults_view *v, const struct mv_context *ctx, int64_t row)
{
	uint32_t count = mv_faults_count(v, ctx->snap, v->pane);

	if (!count)
		return mv_outcome_stay();
	v->at[v->pane] = row < 0 ? 0 : row >= (int64_t)count ? count - 1 : (uint32_t)row;
	v->selected[v->pane] = mv_faults_identity(v, ctx->snap, v->pane, v->at[v->pane]);
	v->top[v->pane] = mv_table_scroll(v->top[v->pane], v->at[v->pane], count, v->geo.list_rows);
	return mv_outcome_stay();
}

static struct mv_place place_here(const struct mv_faults_view *v, const struct mv_snapshot *snap)
{
	struct mv_place place = {.unchosen = !v->selected[v->pane].set};
	uint32_t row = v->at[v->pane], count;

	if (!mv_faults_traced(snap))
		return place;
	uint64_t addr = mv_faults_address(v, snap, v->pane, row);
	uint32_t i = mv_snapshot_find(snap, addr);
	if (addr && i < mv_snapshot_count(snap)) {
		place.mapping = mv_snapshot_mappings(snap)[i].start;
		place.page = addr & ~(uint64_t)(snap->page_bytes - 1);
	}
	if (v->pane == MV_FAULTS_THREADS && row < mv_faults_count(v, snap, v->pane))
		place.thread = mv_snapshot_fault_threads(snap, &count)[row].tid;
	else if (v->pane == MV_FAULTS_LOG && row < mv_faults_count(v, snap, v->pane))
		place.thread = mv_snapshot_fault_log(snap, &count)[row].tid;
	else
		place.thread = v->only;
	return place;
}

/* The mapping's page grid, the cursor on the newest page that faulted here. */
static struct mv_outcome enter(const struct mv_faults_view *v, const struct mv_context *ctx)
{
	struct mv_place place = place_here(v, ctx->snap);

	if (v->at[v->pane] >= mv_faults_count(v, ctx->snap, v->pane))
		return mv_outcome_hint(MV_TEXT("there is no fault to look at yet"));
	if (!place.mapping)
		return mv_outcome_hint(MV_TEXT("that page is not mapped any more"));
	place.unchosen = false;
	return (struct mv_outcome){.kind = MV_OUT_PUSH, .view = MV_VIEW_PAGES, .place = place};
}

static struct mv_outcome turn_pane(struct mv_faults_view *v, const struct mv_context *ctx,
				   enum mv_faults_pane pane)
{
	v->pane = pane;
	faults_settle(v, ctx, v->geo.area);
	return mv_outcome_stay();
}

static void show_stacks_of(struct mv_faults_view *v, const struct mv_context *ctx, int32_t tid)
{
	v->only = tid;
	v->selected[MV_FAULTS_STACKS] = (struct mv_faults_identity){0};
	v->at[MV_FAULTS_STACKS] = v->top[MV_FAULTS_STACKS] = 0;
	turn_pane(v, ctx, tid ? MV_FAULTS_STACKS : MV_FAULTS_THREADS);
}

/* Into what is closed, then to the first line inside; from a thread to its stacks. */
static struct mv_outcome go_right(struct mv_faults_view *v, const struct mv_context *ctx)
{
	uint32_t at = v->at[v->pane], count;

	if (at >= mv_faults_count(v, ctx->snap, v->pane))
		return mv_outcome_stay();
	if (v->pane == MV_FAULTS_THREADS) {
		show_stacks_of(v, ctx, mv_snapshot_fault_threads(ctx->snap, &count)[at].tid);
		return mv_outcome_stay();
	}
	if (v->pane != MV_FAULTS_STACKS)
		return mv_outcome_stay();
	select_row(v, ctx, at);
	if (v->rows[at].open)
		return select_row(v, ctx, (int64_t)at + 1);
	mv_faults_tree_fold(v, ctx->snap, at, true);
	return select_row(v, ctx, at);
}

/* Close what is open, then to the line that it lies in; outermost, from one thread's stacks back to the
 * threads. */
static struct mv_outcome go_left(struct mv_faults_view *v, const struct mv_context *ctx)
{
	uint32_t at = v->at[v->pane];

	if (v->pane != MV_FAULTS_STACKS)
		return mv_outcome_stay();
	if (mv_faults_tree_fold(v, ctx->snap, at, false))
		return select_row(v, ctx, at);
	uint32_t parent = mv_faults_tree_parent(v, at);
	if (parent == at && v->only)
		show_stacks_of(v, ctx, 0);
	else
		select_row(v, ctx, parent);
	return mv_outcome_stay();
}

static struct mv_outcome turn_order(struct mv_faults_view *v, const struct mv_context *ctx)
{
	if (v->pane != MV_FAULTS_STACKS)
		return mv_outcome_hint(MV_TEXT("x turns the call stacks round; Tab goes to them"));
	v->order = v->order == MV_CALLTREE_CALLERS ? MV_CALLTREE_CALLED : MV_CALLTREE_CALLERS;
	/* It is another tree: one wants to see what is first in it. */
	v->selected[MV_FAULTS_STACKS] = (struct mv_faults_identity){0};
	v->top[MV_FAULTS_STACKS] = 0;
	return turn_pane(v, ctx, MV_FAULTS_STACKS);
}

static struct mv_outcome find(struct mv_faults_view *v, const struct mv_context *ctx, bool back)
{
	uint32_t count = mv_faults_count(v, ctx->snap, v->pane), at = v->at[v->pane];

	if (!v->find[0])
		return mv_outcome_hint(
		    MV_TEXT("nothing searched for yet: / finds a function, a mapping's name or an address"));
	if (v->pane == MV_FAULTS_STACKS) {
		if (v->find[0] == '0' && (v->find[1] | 32) == 'x')
			return mv_outcome_hint(MV_TEXT("addresses are in the other panes: Tab"));
		if (!mv_faults_tree_find(v, ctx->snap, v->find, back))
			return mv_outcome_hint(MV_TEXT("no function on the stacks has that name"));
		faults_settle(v, ctx, v->geo.area);
		return mv_outcome_stay();
	}
	for (uint32_t k = 1; k <= count; k++) {
		uint32_t row = (at + (back ? count - k : k)) % count;

		if (mv_faults_matches(ctx->snap, v->pane, row, v->find))
			return select_row(v, ctx, row);
	}
	return mv_outcome_hint(MV_TEXT("nothing here has that name or address"));
}

static struct mv_outcome faults_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct mv_faults_view *v = state;

	if (!text[0] || !ctx->snap)
		return mv_outcome_stay();
	strncpy(v->find, text, sizeof(v->find) - 1);
	v->find[sizeof(v->find) - 1] = '\0';
	return find(v, ctx, false);
}

static struct mv_outcome click(struct mv_faults_view *v, const struct mv_context *ctx, struct mv_input input)
{
	const struct mv_faults_geometry *g = &v->geo;

	if (input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK)
		return mv_outcome_none();
	for (int i = 0; g->tabs_y >= 0 && input.y == g->tabs_y && i < MV_FAULTS_PANES; i++) {
		enum mv_faults_pane pane = (enum mv_faults_pane)i;
		int x = mv_faults_tab_x(v, pane);

		if (input.x >= x && input.x < x + (int)mv_clean_width(mv_faults_pane_name(pane)) + 2)
			return turn_pane(v, ctx, pane);
	}
	int64_t row = (int64_t)v->top[v->pane] + input.y - g->list_y;
	if (input.y >= g->list_y && input.y < g->list_y + g->list_rows &&
	    row < (int64_t)mv_faults_count(v, ctx->snap, v->pane)) {
		select_row(v, ctx, row);
		return input.key == MV_KEY_DOUBLE_CLICK ? enter(v, ctx) : mv_outcome_stay();
	}
	if (g->log_y >= 0 && input.y >= g->log_y)
		return turn_pane(v, ctx, MV_FAULTS_LOG);
	return mv_outcome_none();
}

static struct mv_outcome faults_act(void *state, const struct mv_context *ctx, enum mv_action action,
				    struct mv_input input)
{
	struct mv_faults_view *v = state;
	int64_t row;

	if (!mv_faults_traced(ctx->snap))
		return mv_outcome_none();
	if (mv_move_to(action, v->at[v->pane], v->geo.list_rows, &row))
		return select_row(v, ctx, row);
	switch (action) {
	case MV_ACT_LEFT:
		return go_left(v, ctx);
	case MV_ACT_RIGHT:
		return go_right(v, ctx);
	case MV_ACT_ENTER:
		return enter(v, ctx);
	case MV_ACT_PANE:
		return turn_pane(v, ctx, (enum mv_faults_pane)((v->pane + 1) % MV_FAULTS_PANES));
	case MV_ACT_GROUP:
		return turn_order(v, ctx);
	case MV_ACT_FIND:
		return (struct mv_outcome){
		    .kind = MV_OUT_ASK, .text = MV_TEXT("find a function, a name, or an address as 0x...: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find(v, ctx, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return click(v, ctx, input);
	default:
		return mv_outcome_none();
	}
}

static bool faults_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			   struct mv_meaning *ret_meaning)
{
	return mv_faults_meaning(state, ctx, n, ret_meaning);
}

static struct mv_clean faults_enter_words(const void *state, const struct mv_context *ctx)
{
	(void)state;
	(void)ctx;
	return MV_TEXT("its page");
}

static struct mv_place faults_place(const void *state, const struct mv_context *ctx)
{
	return place_here(state, ctx->snap);
}

const struct mv_view_ops mv_view_faults = {
    .id = MV_VIEW_FAULTS,
    .letter = 'f',
    .name = {"Faults"},
    .state_bytes = sizeof(struct mv_faults_view),
    .init = faults_init,
    .release = faults_release,
    .go = faults_go,
    .settle = faults_settle,
    .want = faults_want,
    .draw = faults_draw,
    .act = faults_act,
    .answer = faults_answer,
    .meaning = faults_meaning,
    .enter_words = faults_enter_words,
    .place = faults_place,
};
