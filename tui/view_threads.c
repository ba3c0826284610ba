/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_private.h"
#include "tui/view_threads.h"

/*
 * The threads: what each does, how deep its stack is and was. A thread is known by its number (tid), and the
 * cursor stays on it whatever the order.
 */

/* ---- the order ---- */

/* What compares by text. */
static struct mv_clean text_of(const struct mv_snapshot *snap, uint32_t i, enum mv_thread_column by)
{
	uint32_t count;
	const struct mv_thread *t = &mv_snapshot_threads(snap, &count)[i];

	if (by == MV_THREAD_COL_NAME)
		return mv_snapshot_text(snap, t->name);
	if (!t->count)
		return MV_TEXT("");
	return mv_snapshot_function_name(snap, mv_snapshot_thread_calls(snap, t)->function);
}

static int compare_texts(const struct mv_snapshot *snap, uint32_t i, uint32_t j, enum mv_thread_column by)
{
	struct mv_clean a = text_of(snap, i, by), b = text_of(snap, j, by);
	int r = strcmp(a.text, b.text);

	/* What has no text comes last. */
	if (!a.text[0] != !b.text[0])
		return a.text[0] ? -1 : 1;
	return r ? r : (i > j) - (i < j);
}

static int compare_names(const void *a, const void *b, void *arg)
{
	const struct mv_threads_key *x = a, *y = b;

	return compare_texts(arg, x->index, y->index, MV_THREAD_COL_NAME);
}

static int compare_functions(const void *a, const void *b, void *arg)
{
	const struct mv_threads_key *x = a, *y = b;

	return compare_texts(arg, x->index, y->index, MV_THREAD_COL_WHERE);
}

/* Largest first, equals by tid. */
static int compare_values(const void *a, const void *b, void *arg)
{
	const struct mv_threads_key *x = a, *y = b;

	(void)arg;
	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return (x->index > y->index) - (x->index < y->index);
}

/* Busy ones first. */
static uint64_t rank_of(const struct mv_thread *t)
{
	static const char order[] = "XZIPSTtDR";
	const char *at = t->state ? strchr(order, t->state) : NULL;

	return t->gone || !at ? 0 : (uint64_t)(at - order) + 1;
}

/* Missing figures count as less than any. */
static uint64_t figure(const struct mv_val *v)
{
	return mv_have(v) ? v->value + 1 : 0;
}

static uint64_t rate(struct mv_rate r)
{
	return r.have && r.per_second >= 0 ? (uint64_t)llround(r.per_second * 1000) + 1 : 0;
}

static uint64_t value_of(const struct mv_context *ctx, const struct mv_thread *t, uint32_t i,
			 enum mv_thread_column by)
{
	uint64_t size = t->stack.end - t->stack.start;

	switch (by) {
	case MV_THREAD_COL_STATE:
		return rank_of(t);
	case MV_THREAD_COL_CPU:
		return rate(mv_delta_thread(ctx->delta, t->tid).cpu);
	case MV_THREAD_COL_MINOR:
		return t->minor_faults;
	case MV_THREAD_COL_MINOR_RATE:
		return rate(mv_delta_thread(ctx->delta, t->tid).minor);
	case MV_THREAD_COL_MAJOR:
		return t->major_faults;
	case MV_THREAD_COL_MAJOR_RATE:
		return rate(mv_delta_thread(ctx->delta, t->tid).major);
	case MV_THREAD_COL_STACK:
		return size;
	case MV_THREAD_COL_USED:
		return figure(&t->used);
	case MV_THREAD_COL_TOUCHED:
		return figure(&t->touched);
	case MV_THREAD_COL_FULL:
		if (!size || !mv_have(&t->touched) || mv_threads_grows(ctx->snap, t))
			return 0;
		return 1 + (uint64_t)((double)t->touched.value * 1e6 / (double)size);
	case MV_THREAD_COL_GUARD:
		return figure(&t->guard);
	default:
		return UINT64_MAX - i; /* by tid */
	}
}

static bool make_room(struct mv_threads *v, uint32_t count)
{
	if (count <= v->cap)
		return true;
	uint32_t cap = count + count / 2;
	struct mv_threads_key *bigger = realloc(v->order, cap * sizeof(*bigger));
	if (!bigger)
		return false;
	v->order = bigger;
	v->cap = cap;
	return true;
}

static void add_up(struct mv_threads_sum *sum, const struct mv_thread *t)
{
	sum->running += !t->gone && t->state == 'R';
	sum->gone += t->gone != 0;
	if (t->gone || !t->stack.end)
		return;
	sum->stacks++;
	sum->reserved += t->stack.end - t->stack.start;
	sum->touched += mv_have(&t->touched) ? t->touched.value : 0;
	sum->used += mv_have(&t->used) ? t->used.value : 0;
}

/* Sort anew when a snapshot came. O(n log n) then, else nothing. */
static void sort(struct mv_threads *v, const struct mv_context *ctx)
{
	const struct mv_snapshot *snap = ctx->snap;
	uint32_t count;
	const struct mv_thread *t = mv_snapshot_threads(snap, &count);
	uint64_t now[5] = {snap->seq, snap->taken_ns, snap->epoch, count,
			   (uint64_t)v->sorted * 2 + v->reverse};

	if (v->order && !memcmp(now, v->order_for, sizeof(now)))
		return;
	v->order_short = !make_room(v, count);
	v->count = v->order_short ? 0 : count;
	memset(&v->sum, 0, sizeof(v->sum));
	for (uint32_t i = 0; i < v->count; i++) {
		add_up(&v->sum, &t[i]);
		v->order[i] = (struct mv_threads_key){value_of(ctx, &t[i], i, v->sorted), i};
	}
	if (v->count)
		qsort_r(v->order, v->count, sizeof(*v->order),
			v->sorted == MV_THREAD_COL_NAME	   ? compare_names
			: v->sorted == MV_THREAD_COL_WHERE ? compare_functions
							   : compare_values,
			(void *)(uintptr_t)snap);
	for (uint32_t i = 0; v->reverse && i < v->count / 2; i++) {
		struct mv_threads_key k = v->order[i];
		v->order[i] = v->order[v->count - 1 - i];
		v->order[v->count - 1 - i] = k;
	}
	memcpy(v->order_for, now, sizeof(now));
}

/* ---- the cursor ---- */

static const struct mv_thread *at_row(const struct mv_threads *v, const struct mv_snapshot *snap,
				      uint32_t row)
{
	uint32_t count;
	const struct mv_thread *t = snap ? mv_snapshot_threads(snap, &count) : NULL;

	return t && row < v->count && v->order[row].index < count ? &t[v->order[row].index] : NULL;
}

/* The thread whose stack another side had selected. */
static void look_up(struct mv_threads *v, const struct mv_snapshot *snap)
{
	if (!v->look_up || !v->count)
		return;
	v->look_up = false;
	for (uint32_t row = 0; row < v->count; row++) {
		const struct mv_thread *t = at_row(v, snap, row);
		if (t->stack.end && t->stack.start <= v->came_from && v->came_from < t->stack.end)
			v->selected = t->tid;
	}
}

/* The row of the selected thread; when it has ended, the row stays and selects who is there now. Until one is
 * chosen the cursor stays on the first row, whoever comes there. */
static void follow(struct mv_threads *v, const struct mv_snapshot *snap)
{
	if (v->at >= v->count)
		v->at = v->count ? v->count - 1 : 0;
	if (!v->selected || !v->count || at_row(v, snap, v->at)->tid == v->selected)
		return;
	for (uint32_t row = 0; row < v->count; row++) {
		if (at_row(v, snap, row)->tid == v->selected) {
			v->at = row;
			return;
		}
	}
	v->selected = at_row(v, snap, v->at)->tid;
}

static void lay_out(struct mv_threads *v, struct mv_rect area)
{
	int y = area.y, end = area.y + area.rows, rows = area.rows;

	v->area = area;
	v->text = area.cols >= 40 ? (struct mv_rect){area.y, area.x + 1, rows, area.cols - 2} : area;
	v->path_y = v->note_y = v->head_y = -1;
	y += rows >= 13 ? mv_header_rows(rows) : 0;
	if (rows >= 2)
		v->path_y = y++;
	if (rows >= 7)
		v->note_y = y++;
	if (rows >= 26)
		y++;
	if (rows >= 4)
		v->head_y = y++;
	v->list_y = y;
	v->list_rows = end > y ? end - y : 0;
}

static int threads_init(void *state, const struct mv_place *place)
{
	struct mv_threads *v = state;

	v->sorted = MV_THREAD_COL_TID;
	v->selected = place->thread;
	v->came_from = place->mapping;
	v->look_up = place->mapping && !place->thread && !place->unchosen;
	return 0;
}

static void threads_go(void *state, const struct mv_place *place)
{
	struct mv_threads *v = state;

	if (place->thread && !place->unchosen)
		v->selected = place->thread;
	else if (place->mapping && place->mapping != v->came_from && !place->unchosen)
		v->look_up = true;
	v->came_from = place->mapping;
}

static void threads_release(void *state)
{
	free(((struct mv_threads *)state)->order);
}

static void threads_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct mv_threads *v = state;

	lay_out(v, area);
	mv_stop_settle(&v->stop, ctx->snap);
	if (!ctx->snap) {
		v->count = 0;
		return;
	}
	sort(v, ctx);
	look_up(v, ctx->snap);
	follow(v, ctx->snap);
	v->top = mv_table_scroll(v->top, v->at, v->count, v->list_rows);
}

static void threads_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	const struct mv_threads *v = state;
	const struct mv_thread *t = at_row(v, ctx->snap, v->at);

	want->facts |= MV_FACT_MAPS | MV_FACT_THREADS;
	want->thread = t ? t->tid : v->selected;
	want->stop_seq = v->stop.seq;
}

static void threads_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
			 struct mv_rect area)
{
	if (area.rows > 0 && area.cols > 0)
		mv_threads_draw(state, ctx, canvas);
}

/* ---- keys ---- */

static struct mv_outcome select_row(struct mv_threads *v, const struct mv_snapshot *snap, int64_t row)
{
	if (!v->count)
		return mv_outcome_stay();
	if (row < 0)
		row = 0;
	v->at = row >= (int64_t)v->count ? v->count - 1 : (uint32_t)row;
	v->selected = at_row(v, snap, v->at)->tid;
	return mv_outcome_stay();
}

static bool matches(const struct mv_snapshot *snap, const struct mv_thread *t, const char *text)
{
	const struct mv_call *calls = mv_snapshot_thread_calls(snap, t);
	struct mv_build tid;

	mv_build_init(&tid);
	mv_build_fmt(&tid, "%d", t->tid);
	if (!strcmp(tid.text, text) || strcasestr(mv_snapshot_text(snap, t->name).text, text))
		return true;
	for (uint32_t i = 0; i < t->count; i++)
		if (calls[i].function != MV_FUNCTION_NONE &&
		    strcasestr(mv_snapshot_function_name(snap, calls[i].function).text, text))
			return true;
	return false;
}

static struct mv_outcome find(struct mv_threads *v, const struct mv_snapshot *snap, bool back)
{
	if (!v->find[0])
		return mv_outcome_hint(
		    MV_TEXT("nothing searched for yet: / finds a number, a name or a function"));
	for (uint32_t k = 1; k <= v->count; k++) {
		uint32_t row = (v->at + (back ? v->count - k : k)) % v->count;
		if (matches(snap, at_row(v, snap, row), v->find))
			return select_row(v, snap, row);
	}
	return mv_outcome_hint(MV_TEXT("no thread has that number or name, and none is in such a function"));
}

static struct mv_outcome threads_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct mv_threads *v = state;

	if (!text[0] || !ctx->snap)
		return mv_outcome_stay();
	strncpy(v->find, text, sizeof(v->find) - 1);
	return find(v, ctx->snap, false);
}

static struct mv_outcome open_stack(const struct mv_threads *v, const struct mv_snapshot *snap)
{
	const struct mv_thread *t = at_row(v, snap, v->at);

	if (!t)
		return mv_outcome_hint(MV_TEXT("there is no thread to open"));
	return (struct mv_outcome){.kind = MV_OUT_PUSH,
				   .view = MV_VIEW_STACK,
				   .place = {.mapping = t->stack.start, .thread = t->tid}};
}

static struct mv_outcome sort_by(struct mv_threads *v, enum mv_thread_column column)
{
	v->reverse = v->sorted == column && !v->reverse;
	v->sorted = column;
	return mv_outcome_stay();
}

/* To the next column that is on the screen. */
static struct mv_outcome sort_next(struct mv_threads *v, const struct mv_context *ctx)
{
	struct mv_column col[MV_THREAD_COL__N];

	mv_threads_layout(v, ctx, col);
	v->reverse = false;
	do
		v->sorted = (enum mv_thread_column)((v->sorted + 1) % MV_THREAD_COL__N);
	while (!col[v->sorted].w && v->sorted != MV_THREAD_COL_TID);
	return mv_outcome_stay();
}

static struct mv_outcome click(struct mv_threads *v, const struct mv_context *ctx, struct mv_input input)
{
	struct mv_column col[MV_THREAD_COL__N];

	if (input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	if (input.y == v->head_y) {
		mv_threads_layout(v, ctx, col);
		for (int i = 0; i < MV_THREAD_COL__N; i++)
			if (col[i].w && input.x - v->text.x >= col[i].x &&
			    input.x - v->text.x < col[i].x + col[i].w)
				return sort_by(v, (enum mv_thread_column)i);
	}
	int64_t row = (int64_t)v->top + input.y - v->list_y;
	if (input.y < v->list_y || row >= (int64_t)v->count)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	select_row(v, ctx->snap, row);
	return input.key == MV_KEY_DOUBLE_CLICK ? open_stack(v, ctx->snap) : mv_outcome_stay();
}

static struct mv_outcome threads_act(void *state, const struct mv_context *ctx, enum mv_action action,
				     struct mv_input input)
{
	struct mv_threads *v = state;
	int64_t at = v->at, screen = v->list_rows > 1 ? v->list_rows - 1 : 1;

	if (action == MV_ACT_STOP)
		return mv_stop_ask(&v->stop, ctx);
	if (!ctx->snap)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	switch (action) {
	case MV_ACT_UP:
		return select_row(v, ctx->snap, at - 1);
	case MV_ACT_DOWN:
		return select_row(v, ctx->snap, at + 1);
	case MV_ACT_PAGE_UP:
		return select_row(v, ctx->snap, at - screen);
	case MV_ACT_PAGE_DOWN:
		return select_row(v, ctx->snap, at + screen);
	case MV_ACT_FIRST:
		return select_row(v, ctx->snap, 0);
	case MV_ACT_LAST:
		return select_row(v, ctx->snap, v->count);
	case MV_ACT_ENTER:
		return open_stack(v, ctx->snap);
	case MV_ACT_SORT:
		return sort_next(v, ctx);
	case MV_ACT_REVERSE:
		v->reverse = !v->reverse;
		return mv_outcome_stay();
	case MV_ACT_FIND:
		return (struct mv_outcome){
		    .kind = MV_OUT_ASK, .text = MV_TEXT("find a thread's number or name, or a function: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find(v, ctx->snap, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return click(v, ctx, input);
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
}

static struct mv_outcome threads_confirm(void *state, const struct mv_context *ctx)
{
	return mv_stop_confirm(&((struct mv_threads *)state)->stop, ctx);
}

static bool threads_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			    struct mv_meaning *ret_meaning)
{
	return mv_threads_meaning(state, ctx, n, ret_meaning);
}

static struct mv_clean threads_enter(const void *state, const struct mv_context *ctx)
{
	(void)state;
	(void)ctx;
	return MV_TEXT("its stack");
}

static struct mv_place threads_place(const void *state, const struct mv_context *ctx)
{
	const struct mv_threads *v = state;
	const struct mv_thread *t = at_row(v, ctx->snap, v->at);

	if (!t)
		return (struct mv_place){.mapping = v->came_from, .thread = v->selected, .unchosen = true};
	return (struct mv_place){.mapping = t->stack.start, .thread = t->tid, .unchosen = !v->selected};
}

const struct mv_view_ops mv_view_threads = {
    .id = MV_VIEW_THREADS,
    .letter = 'r',
    .name = {"Threads"},
    .state_bytes = sizeof(struct mv_threads),
    .init = threads_init,
    .go = threads_go,
    .release = threads_release,
    .settle = threads_settle,
    .want = threads_want,
    .draw = threads_draw,
    .act = threads_act,
    .answer = threads_answer,
    .confirm = threads_confirm,
    .meaning = threads_meaning,
    .enter_words = threads_enter,
    .place = threads_place,
};
