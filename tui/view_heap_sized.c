/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_heap.h"

/*
 * The blocks of one size, in the picture: which cells hold a part of one, and going from one to the next. The
 * sampler knows the blocks; it is asked for the neighbours of an address, and a step is made when it has
 * answered.
 */

#define STEPS_MAX 64 /* n held down: no more are owed than that */

static bool is_at_hand(const struct heap_view *v)
{
	const struct heap_sized *s = &v->sized;

	return s->found && s->found >= v->cursor && s->found - v->cursor < heap_zoom_bytes(v);
}

/* What the snapshot says of the size and the place that are asked for now; NULL: not told yet. */
static const struct mv_heap_sized *told(const struct heap_view *v, const struct mv_context *ctx)
{
	const struct mv_heap_sized *s;

	if (!heap_have(ctx) || !v->sized.size)
		return NULL;
	s = &ctx->snap->heap_sized;
	return s->size == v->sized.size && s->near == v->sized.near ? s : NULL;
}

static uint64_t target_of(const struct heap_sized *sized, const struct mv_heap_sized *s)
{
	if (sized->steps < 0)
		return s->before ? s->before : s->last;
	uint64_t next = sized->found ? s->after : s->at;

	return next ? next : s->first;
}

void heap_sized_settle(struct heap_view *v, const struct mv_context *ctx)
{
	const struct mv_heap_sized *s = told(v, ctx);

	if (!s || !v->sized.steps)
		return;
	uint64_t target = target_of(&v->sized, s);

	v->sized.steps += !target ? -v->sized.steps : v->sized.steps < 0 ? 1 : -1;
	v->sized.found = target;
	if (!target)
		return;
	v->sized.near = v->cursor = target;
	v->chosen = true;
}

void heap_sized_begin(struct heap_view *v, uint64_t first, uint64_t last)
{
	v->sized = (struct heap_sized){.size = first, .last = last, .steps = 1};
}

void heap_sized_step(struct heap_view *v, int by)
{
	struct heap_sized *s = &v->sized;

	if (!s->steps) {
		s->found = is_at_hand(v) ? s->found : 0;
		s->near = s->found ? s->found : v->cursor;
	}
	s->steps += by;
	s->steps = s->steps > STEPS_MAX ? STEPS_MAX : s->steps < -STEPS_MAX ? -STEPS_MAX : s->steps;
}

void heap_sized_want(const struct heap_view *v, struct mv_want *want)
{
	want->heap_size = v->sized.size;
	want->heap_near = v->sized.near;
}

uint64_t heap_sized_found(const struct heap_view *v)
{
	return v->sized.size && is_at_hand(v) ? v->sized.found : 0;
}

const uint64_t *heap_sized_marks(const struct heap_view *v, const struct mv_context *ctx, uint32_t *ret_count)
{
	*ret_count = 0;
	if (!heap_have(ctx) || !v->sized.size || ctx->snap->heap_sized.size != v->sized.size)
		return NULL;
	return mv_snapshot_heap_marks(ctx->snap, ret_count);
}

void heap_build_size(struct mv_build *b, uint64_t first, uint64_t last)
{
	if (first == last) {
		mv_build_count(b, first);
		return;
	}
	mv_build_size(b, first);
	mv_build_clean(b, MV_TEXT("-"));
	mv_build_size(b, last);
}

/* "112 bytes: 3 of 800  n N: others, Esc: ends" */
void heap_sized_words(struct mv_build *b, const struct heap_view *v, const struct mv_context *ctx, int cols)
{
	const struct mv_heap_sized *s = told(v, ctx);

	mv_build_init(b);
	heap_build_size(b, v->sized.size, v->sized.last);
	mv_build_clean(b, v->sized.size == v->sized.last ? MV_TEXT(" bytes: ") : MV_TEXT(": "));
	if (!s) {
		mv_build_clean(b, MV_TEXT("looking"));
		return;
	}
	if (!s->blocks) {
		mv_build_clean(b, MV_TEXT("none in use any more"));
		return;
	}
	if (v->sized.found && s->at == v->sized.found) {
		mv_build_count(b, s->passed + 1);
		mv_build_clean(b, MV_TEXT(" of "));
	} else if (v->sized.found) {
		mv_build_clean(b, MV_TEXT("freed, of "));
	}
	mv_build_count(b, s->blocks);
	mv_build_clean(b, (int)mv_clean_width(mv_build_text(b)) + 24 <= cols
			      ? MV_TEXT("  n N: others, Esc: ends")
			      : MV_TEXT("  n N Esc"));
}

/* "55d97c041010  a block of 4,096 bytes" of the block that the cursor was put on; false: it is on none. */
bool heap_sized_block(struct mv_build *b, const struct heap_view *v, const struct mv_context *ctx)
{
	const struct mv_heap_sized *s = told(v, ctx);

	if (!s || !heap_sized_found(v) || s->at != v->sized.found)
		return false;
	mv_words_addr(b, s->at);
	mv_build_clean(b, MV_TEXT("  in use, a block of "));
	mv_build_count(b, s->at_bytes);
	mv_build_clean(b, MV_TEXT(" bytes; Enter: what is in it"));
	return true;
}
