/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_heap.h"

/*
 * The questions before a scan for lost blocks. What is asked for goes into the want until the sampler has
 * taken it up, and is withdrawn then: a want that comes back must not begin it again. The question of ! needs
 * to know first what an exact scan would take: it comes by itself once that is known.
 */

#define COST_FRESH_NS (30 * MV_NS_PER_SEC) /* so long a prediction holds */

struct mv_outcome heap_say(struct heap_view *v, struct mv_clean text)
{
	mv_build_init(&v->ask.text);
	mv_build_clean(&v->ask.text, text);
	return mv_outcome_hint(mv_build_text(&v->ask.text));
}

/* What speaks against asking at all; text "": nothing. */
static struct mv_clean objection(const struct heap_view *v, const struct mv_context *ctx)
{
	const struct mv_leaks_head *l = heap_leaks_head(ctx);

	if (!ctx->snap || !l)
		return MV_TEXT("nothing is known of the heap yet");
	if (ctx->lost || ctx->status->exited || ctx->snap->life != MV_LIFE_ALIVE)
		return MV_TEXT("there is nothing left to scan");
	if (l->state == MV_LEAKS_STATE_RUNS || (v->ask.seq && !(v->ask.flags & MV_LEAKS_WANT_COST)))
		return MV_TEXT("a scan is under way already");
	if (ctx->snap->heap.allocator != MV_ALLOCATOR_GLIBC)
		return ctx->snap->heap.reason == MV_HEAP_NOT_READ
			   ? MV_TEXT("nothing is known of the heap yet")
			   : MV_TEXT(
				 "only blocks of glibc's malloc can be scanned: there is no such heap here");
	if (ctx->paused)
		return MV_TEXT("paused: nothing is read; the space bar goes on");
	return MV_TEXT("");
}

static void show_leaks(struct heap_view *v)
{
	v->focus = v->shown = HEAP_LEAKS;
}

struct mv_outcome heap_ask_scan(struct heap_view *v, const struct mv_context *ctx)
{
	struct mv_clean no = objection(v, ctx);
	struct mv_build *b = &v->ask.text;

	show_leaks(v);
	if (no.text[0])
		return heap_say(v, no);
	heap_ask_drop(v);
	mv_build_init(b);
	mv_build_clean(b, MV_TEXT("Scan for lost blocks? Reads it 4 times, stops of some ms."));
	v->ask.question = HEAP_ASKS_SCAN;
	return (struct mv_outcome){.kind = MV_OUT_CONFIRM, .text = mv_build_text(b)};
}

static bool cost_fresh(const struct mv_leaks_head *l, const struct mv_context *ctx)
{
	return l->cost_ns && (l->cost_ns > ctx->now_ns || ctx->now_ns - l->cost_ns < COST_FRESH_NS);
}

bool heap_cost_known(const struct mv_leaks_head *l, const struct mv_context *ctx)
{
	return l->cost.stop_ns && cost_fresh(l, ctx);
}

static uint32_t next_seq(const struct heap_view *v, const struct mv_context *ctx)
{
	uint32_t seq = (uint32_t)(ctx->now_ns / 1000000) | 1;

	/* Twice within a millisecond is still another question. */
	while (seq == v->ask.mine || seq == ctx->snap->leaks.seq)
		seq += 2;
	return seq;
}

static struct mv_outcome question(struct heap_view *v, const struct mv_leaks_head *l)
{
	struct mv_build *b = &v->ask.text;

	if (!l->cost.stop_ns)
		return heap_say(
		    v, MV_TEXT("what an exact scan would take can't be told: the heap can't be read"));
	if (l->cost.need_bytes > l->cost.room_bytes / 4 * 3)
		return heap_say(v, MV_TEXT("there is not enough free memory for an exact scan"));
	mv_build_init(b);
	mv_build_clean(b, MV_TEXT("Stop it ~"));
	heap_duration(b, l->cost.stop_ns);
	mv_build_clean(b, MV_TEXT(" to copy its heap ("));
	mv_build_size(b, l->cost.need_bytes);
	mv_build_clean(b, MV_TEXT(" of "));
	mv_build_size(b, l->cost.room_bytes);
	mv_build_clean(b, MV_TEXT(" free)?"));
	v->ask.question = HEAP_ASKS_EXACT;
	return (struct mv_outcome){.kind = MV_OUT_CONFIRM, .text = mv_build_text(b)};
}

struct mv_outcome heap_ask_exact(struct heap_view *v, const struct mv_context *ctx)
{
	struct mv_clean no = objection(v, ctx);
	const struct mv_leaks_head *l = heap_leaks_head(ctx);

	show_leaks(v);
	if (no.text[0])
		return heap_say(v, no);
	if (v->ask.cost_first)
		return heap_say(v,
				MV_TEXT("what an exact scan would take is being worked out; Esc lets it be"));
	if (cost_fresh(l, ctx))
		return question(v, l);
	v->ask.seq = next_seq(v, ctx);
	v->ask.mine = v->ask.seq;
	v->ask.flags = MV_LEAKS_WANT_COST;
	v->ask.cost_before = l->cost_ns;
	v->ask.cost_first = true;
	return mv_outcome_stay();
}

bool heap_ask_drop(struct heap_view *v)
{
	bool waited = v->ask.cost_first;

	if (waited)
		v->ask.seq = 0;
	v->ask.cost_first = false;
	return waited;
}

struct mv_outcome heap_ask_ready(struct heap_view *v, const struct mv_context *ctx)
{
	struct mv_clean no = objection(v, ctx);

	if (!v->ask.cost_first || (v->ask.seq && !no.text[0]))
		return mv_outcome_none();
	heap_ask_drop(v);
	return no.text[0] ? heap_say(v, no) : question(v, heap_leaks_head(ctx));
}

struct mv_outcome heap_ask_confirm(struct heap_view *v, const struct mv_context *ctx)
{
	struct mv_clean no = objection(v, ctx);

	if (no.text[0])
		return heap_say(v, no);
	show_leaks(v);
	v->ask.seq = next_seq(v, ctx);
	v->ask.mine = v->ask.seq;
	v->ask.flags = v->ask.question == HEAP_ASKS_EXACT ? MV_LEAKS_WANT_EXACT : 0;
	v->ask.question = HEAP_ASKS_NOTHING;
	return mv_outcome_stay();
}

void heap_ask_settle(struct heap_ask *ask, const struct mv_leaks_head *l)
{
	bool answered = ask->flags & MV_LEAKS_WANT_COST
			    ? l->cost_ns != ask->cost_before
			    : l->seq == ask->seq && l->state != MV_LEAKS_STATE_NONE;

	if (ask->seq && answered)
		ask->seq = 0;
}
