/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_private.h"
#include "tui/view_stack.h"

/*
 * One thread: the calls it is in, innermost first, and the pages of its stack that they lie on. The cursor
 * moves over the calls and its mark over the pages.
 */

/* ---- the copy of the last picture ---- */

/* Offset of a copy of the text, 0 for "" and when memory runs out. */
static uint32_t keep_text(struct mv_stack_view *v, struct mv_clean text)
{
	size_t n = text.text ? strlen(text.text) + 1 : 1;

	if (n == 1)
		return 0;
	if (v->pool_len + n > v->pool_cap) {
		size_t cap = (v->pool_len + n) * 2;
		char *bigger = realloc(v->pool, cap);
		if (!bigger) {
			v->short_of_memory = true;
			return 0;
		}
		v->pool = bigger;
		v->pool_cap = cap;
	}
	memcpy(v->pool + v->pool_len, text.text, n);
	v->pool_len += n;
	return (uint32_t)(v->pool_len - n);
}

struct mv_clean mv_stack_view_text(const struct mv_stack_view *v, uint32_t text)
{
	return text && v->pool ? mv_clean_trusted(v->pool + text) : MV_TEXT("");
}

static bool make_room(struct mv_stack_view *v, uint32_t count)
{
	if (count <= v->cap)
		return true;
	struct mv_stack_call *bigger = realloc(v->calls, count * sizeof(*bigger));
	if (!bigger)
		return false;
	v->calls = bigger;
	v->cap = count;
	return true;
}

static void keep_call(struct mv_stack_view *v, const struct mv_snapshot *snap, const struct mv_call *call,
		      struct mv_stack_call *ret)
{
	const struct mv_function *f = mv_snapshot_function(snap, call->function);
	struct mv_clean file;

	*ret = (struct mv_stack_call){
	    .pc = call->pc, .sp = call->sp, .offset = UINT64_MAX, .flags = call->flags};
	if (f) {
		ret->name = keep_text(v, mv_snapshot_text(snap, f->name));
		ret->image = keep_text(v, mv_snapshot_text(snap, f->image));
		ret->named = f->flags & MV_FUNCTION_NAMED;
		if (f->start && f->start <= call->pc)
			ret->offset = call->pc - f->start;
	}
	file = mv_snapshot_line(snap, call->pc, &ret->line);
	ret->file = file.text ? keep_text(v, file) : 0;
}

static void keep_calls(struct mv_stack_view *v, const struct mv_snapshot *snap, const struct mv_thread *t)
{
	const struct mv_call *calls = mv_snapshot_thread_calls(snap, t);

	v->short_of_memory = !make_room(v, t->count);
	v->count = v->short_of_memory ? 0 : t->count;
	for (uint32_t i = 0; i < v->count; i++)
		keep_call(v, snap, &calls[i], &v->calls[i]);
	for (uint32_t i = 0; i + 1 < v->count; i++)
		if (v->calls[i].sp && v->calls[i + 1].sp > v->calls[i].sp)
			v->calls[i].bytes = v->calls[i + 1].sp - v->calls[i].sp;
}

static void keep_stack(struct mv_stack_view *v, const struct mv_snapshot *snap, const struct mv_thread *t)
{
	uint32_t i = t->stack.end > t->stack.start ? mv_snapshot_find(snap, t->stack.start) : UINT32_MAX;

	v->stack = t->stack;
	v->stack_kind = MV_KIND__N;
	v->grows = mv_threads_grows(snap, t);
	v->danger = mv_threads_danger(snap, t);
	if (i >= mv_snapshot_count(snap))
		return;
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[i];
	v->stack_kind = m->kind;
	if (v->stack.end > m->end)
		v->stack.end = m->end;
}

static void keep(struct mv_stack_view *v, const struct mv_context *ctx, const struct mv_thread *t)
{
	v->thread = *t;
	v->rates = mv_delta_thread(ctx->delta, t->tid);
	v->known = true;
	v->gone = t->gone;
	v->pool_len = 1; /* offset 0 is no text */
	v->name = keep_text(v, mv_snapshot_text(ctx->snap, t->name));
	keep_stack(v, ctx->snap, t);
	keep_calls(v, ctx->snap, t);
}

/* A list that leaves threads out does not say that one has ended. */
static bool has_ended(const struct mv_stack_view *v, const struct mv_snapshot *snap)
{
	uint32_t count;

	mv_snapshot_threads(snap, &count);
	if (!v->known)
		return false;
	if (snap->life != MV_LIFE_ALIVE)
		return true;
	return snap->facts & MV_FACT_THREADS && snap->threads_head.why == MV_WHY_HAVE &&
	       snap->threads_head.at_ns && snap->threads_head.total <= count;
}

static void take(struct mv_stack_view *v, const struct mv_context *ctx)
{
	const struct mv_snapshot *snap = ctx->snap;
	uint64_t now[3] = {snap->seq, snap->taken_ns, (uint64_t)snap->epoch << 32 | snap->want_seq};
	const struct mv_thread *t = mv_snapshot_thread(snap, v->tid);

	if (!memcmp(now, v->seen_for, sizeof(now)))
		return;
	memcpy(v->seen_for, now, sizeof(now));
	/* What is dead has no stack any more: the picture before is its last. */
	bool dead = t && (t->state == 'Z' || t->state == 'X');
	if (t && !(dead && v->known))
		keep(v, ctx, t);
	else if (dead || has_ended(v, snap))
		v->gone = true;
	if (!v->gone)
		mv_stack_grid_take(v, snap);
}

/* ---- the cursor ---- */

static void remember(struct mv_stack_view *v)
{
	if (v->at >= v->count)
		return;
	v->at_sp = v->calls[v->at].sp;
	v->at_depth = v->count - v->at;
}

/* The same call in another picture: its place on the stack says which it is. */
static void follow(struct mv_stack_view *v)
{
	uint32_t found = v->count;

	if (!v->count) {
		v->at = 0;
		return;
	}
	if (!v->chosen || !v->at_depth) {
		v->at = 0;
		remember(v);
		return;
	}
	for (uint32_t i = 0; v->at_sp && i < v->count && found == v->count; i++)
		if (v->calls[i].sp == v->at_sp)
			found = i;
	if (found == v->count)
		found = v->at_depth <= v->count ? v->count - v->at_depth : 0;
	v->at = found;
}

static int stack_init(void *state, const struct mv_place *place)
{
	struct mv_stack_view *v = state;

	v->tid = place->thread;
	v->came_from = place->mapping;
	v->stack_kind = MV_KIND__N;
	return 0;
}

static void stack_release(void *state)
{
	struct mv_stack_view *v = state;

	free(v->calls);
	free(v->pool);
	free(v->cells.at);
}

static void stack_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct mv_stack_view *v = state;

	mv_stop_settle(&v->stop, ctx->snap);
	if (ctx->snap)
		take(v, ctx);
	follow(v);
	mv_stack_view_layout(v, ctx, area);
	/* What ends the list is a line of it. */
	uint32_t lines = v->count + (v->count && v->thread.end != MV_STACK_COMPLETE);
	v->top = mv_table_scroll(v->top, v->at, lines, v->list_rows);
	if (v->list_rows > 1 && v->at + 1 == v->count && lines > v->count)
		v->top = mv_table_scroll(v->top, v->count, lines, v->list_rows);
}

static void stack_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	const struct mv_stack_view *v = state;

	(void)ctx;
	want->facts |= MV_FACT_MAPS | MV_FACT_THREADS | MV_FACT_LINES;
	want->thread = v->tid;
	want->stop_seq = v->stop.seq;
	if (!v->gone)
		mv_stack_grid_want(v, want);
}

static void stack_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
		       struct mv_rect area)
{
	if (area.rows > 0 && area.cols > 0)
		mv_stack_view_draw(state, ctx, canvas);
}

/* ---- keys ---- */

static struct mv_outcome select_call(struct mv_stack_view *v, int64_t call)
{
	if (!v->count)
		return mv_outcome_stay();
	if (call < 0)
		call = 0;
	v->at = call >= (int64_t)v->count ? v->count - 1 : (uint32_t)call;
	v->chosen = true;
	remember(v);
	return mv_outcome_stay();
}

/* The page that the selected call's stack pointer is on; without calls, the innermost that is in use. */
static uint64_t page_of(const struct mv_stack_view *v)
{
	uint64_t page_bytes = v->grid.page_bytes ? v->grid.page_bytes : 4096, addr = 0;

	if (v->at < v->count)
		addr = v->calls[v->at].sp;
	else if (v->stack.end && mv_have(&v->thread.used))
		addr = v->stack.end - v->thread.used.value;
	if (addr < v->stack.start || addr >= v->stack.end)
		return 0;
	return addr & ~(page_bytes - 1);
}

static struct mv_outcome open_page(const struct mv_stack_view *v)
{
	uint64_t page = page_of(v);

	if (!page)
		return mv_outcome_hint(v->count ? MV_TEXT("where this call lies on the stack is not known")
						: MV_TEXT("where its stack is in use is not known"));
	return (struct mv_outcome){.kind = MV_OUT_PUSH,
				   .view = MV_VIEW_PAGES,
				   .place = {.mapping = v->stack.start, .page = page, .thread = v->tid}};
}

static struct mv_outcome click(struct mv_stack_view *v, struct mv_input input)
{
	uint32_t call;

	if (input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	call = mv_stack_grid_call_at(v, input.y, input.x);
	if (call == UINT32_MAX && input.y >= v->list_y && input.y < v->list_y + v->list_rows &&
	    input.x < v->text.x + v->list_cols)
		call = v->top + (uint32_t)(input.y - v->list_y);
	if (call >= v->count)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	select_call(v, call);
	return input.key == MV_KEY_DOUBLE_CLICK ? open_page(v) : mv_outcome_stay();
}

static struct mv_outcome stack_act(void *state, const struct mv_context *ctx, enum mv_action action,
				   struct mv_input input)
{
	struct mv_stack_view *v = state;
	int64_t at = v->at, screen = v->list_rows > 1 ? v->list_rows - 1 : 1;

	switch (action) {
	case MV_ACT_STOP:
		if (v->gone)
			return mv_outcome_hint(
			    MV_TEXT("this thread has ended: there is nothing left to stop"));
		return mv_stop_ask(&v->stop, ctx);
	case MV_ACT_UP:
		return select_call(v, at - 1);
	case MV_ACT_DOWN:
		return select_call(v, at + 1);
	case MV_ACT_PAGE_UP:
		return select_call(v, at - screen);
	case MV_ACT_PAGE_DOWN:
		return select_call(v, at + screen);
	case MV_ACT_FIRST:
		return select_call(v, 0);
	case MV_ACT_LAST:
		return select_call(v, v->count);
	case MV_ACT_ENTER:
		return open_page(v);
	case MV_ACT_NONE:
		return click(v, input);
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
}

static struct mv_outcome stack_confirm(void *state, const struct mv_context *ctx)
{
	return mv_stop_confirm(&((struct mv_stack_view *)state)->stop, ctx);
}

static bool stack_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			  struct mv_meaning *ret_meaning)
{
	return mv_stack_view_meaning(state, ctx, n, ret_meaning);
}

static struct mv_clean stack_enter(const void *state, const struct mv_context *ctx)
{
	(void)state;
	(void)ctx;
	return MV_TEXT("its page");
}

static struct mv_place stack_place(const void *state, const struct mv_context *ctx)
{
	const struct mv_stack_view *v = state;

	(void)ctx;
	return (struct mv_place){.mapping = v->known && v->stack.end ? v->stack.start : v->came_from,
				 .page = page_of(v),
				 .thread = v->tid};
}

const struct mv_view_ops mv_view_stack = {
    .id = MV_VIEW_STACK,
    .letter = 'k',
    .name = {"Stack"},
    .state_bytes = sizeof(struct mv_stack_view),
    .init = stack_init,
    .release = stack_release,
    .settle = stack_settle,
    .want = stack_want,
    .draw = stack_draw,
    .act = stack_act,
    .confirm = stack_confirm,
    .meaning = stack_meaning,
    .enter_words = stack_enter,
    .place = stack_place,
};
