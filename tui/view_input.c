/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_levels.h"

/* What a key or the mouse does: the view on top first, then what is the same everywhere. */

#define HINT_SHOWN_NS (4 * MV_NS_PER_SEC)
#define WHEEL_ROWS    3

void mv_stack_hint(struct mv_stack *stack, struct mv_clean text, uint64_t until_ns)
{
	mv_build_init(&stack->hint);
	mv_build_clean(&stack->hint, text);
	stack->hint_until_ns = until_ns;
}

static enum mv_effect hint(struct mv_stack *stack, const struct mv_context *ctx, struct mv_clean text)
{
	mv_stack_hint(stack, text, ctx->now_ns + HINT_SHOWN_NS);
	return MV_EFFECT_DRAW;
}

static enum mv_effect leave_outermost(struct mv_stack *stack, const struct mv_context *ctx)
{
	if (level_is_machine(stack))
		return hint(stack, ctx,
			    ctx->home ? MV_TEXT("this is the outermost level; 0 goes back, q quits")
				      : MV_TEXT("this is the outermost level; q quits"));
	if (ctx->has_machine)
		return MV_EFFECT_MACHINE;
	return hint(stack, ctx, MV_TEXT("this is the outermost level; 0 the machine, q quits"));
}

static enum mv_effect follow(struct mv_stack *stack, const struct mv_context *ctx, struct mv_outcome out)
{
	int r = 0;

	switch (out.kind) {
	case MV_OUT_NONE:
		return MV_EFFECT_NONE;
	case MV_OUT_STAY:
		break;
	case MV_OUT_PUSH:
		r = level_push(stack, out.view, &out.place);
		break;
	case MV_OUT_POP:
		if (stack->depth == 1)
			return leave_outermost(stack, ctx);
		level_pop(stack);
		break;
	case MV_OUT_SIDE:
		r = level_turn(stack, out.view, out.place);
		break;
	case MV_OUT_ASK:
		mv_build_init(&stack->prompt);
		mv_build_clean(&stack->prompt, out.text);
		mv_editor_init(&stack->editor);
		stack->asking = true;
		break;
	case MV_OUT_CONFIRM:
		if (stack->rows < 3)
			return hint(stack, ctx, MV_TEXT("too few rows to ask first"));
		mv_build_init(&stack->prompt);
		mv_build_clean(&stack->prompt, out.text);
		stack->confirming = true;
		break;
	case MV_OUT_OPEN:
		stack->opens = out.place.pid;
		return MV_EFFECT_OPEN;
	case MV_OUT_HINT:
		return hint(stack, ctx, out.text);
	}
	if (r == -E2BIG)
		return hint(stack, ctx, MV_TEXT("so deep and no deeper; Esc goes out"));
	if (r < 0)
		return hint(stack, ctx, MV_TEXT("memview ran out of memory"));
	return MV_EFFECT_DRAW;
}

/* Only where it is drawn at once: no key answers a question that was not seen. */
void level_put_ready(struct mv_stack *stack, const struct mv_context *ctx)
{
	const struct level *level = level_top(stack);

	if (level->ops->ready && !stack->asking && !stack->quitting && !stack->confirming)
		follow(stack, ctx, level->ops->ready(level_state(level), ctx));
}

static enum mv_effect open_meaning(struct mv_stack *stack, const struct mv_context *ctx)
{
	struct mv_place nowhere = {0};
	const struct level *below = level_top(stack);

	if (level_is_overlay(below))
		return MV_EFFECT_NONE;
	int r = level_push(stack, MV_VIEW_MEANING, &nowhere);
	if (r < 0)
		return hint(stack, ctx, MV_TEXT("memview ran out of memory"));
	mv_meaning_over(level_state(level_top(stack)), below->ops, level_state(below), ctx);
	return MV_EFFECT_DRAW;
}

/* The same key closes what it opened. */
static enum mv_effect open_over(struct mv_stack *stack, const struct mv_context *ctx, enum mv_view_id id)
{
	struct mv_outcome out = {.kind = level_top(stack)->ops->id == id ? MV_OUT_POP : MV_OUT_PUSH,
				 .view = id};

	return follow(stack, ctx, out);
}

static enum mv_effect open_side(struct mv_stack *stack, const struct mv_context *ctx, enum mv_view_id id)
{
	struct mv_outcome out = {.kind = MV_OUT_SIDE, .view = id};
	const struct level *picture = level_picture(stack);

	if (!mv_view_of(id))
		return MV_EFFECT_NONE;
	if (picture->ops->place)
		out.place = picture->ops->place(level_state(picture), ctx);
	if (picture->ops->id == id && !level_is_overlay(level_top(stack)))
		return MV_EFFECT_NONE;
	return follow(stack, ctx, out);
}

static enum mv_effect quit(struct mv_stack *stack, const struct mv_context *ctx)
{
	if (!ctx->command || ctx->command->exited || stack->rows < 3)
		return MV_EFFECT_QUIT;
	stack->quitting = true;
	return MV_EFFECT_DRAW;
}

static enum mv_effect answer_quit(struct mv_stack *stack, char32_t key)
{
	stack->quitting = false;
	if (key == 'y' || key == 'Y')
		return MV_EFFECT_QUIT;
	if (key == 'l' || key == 'L')
		return MV_EFFECT_LEAVE_RUNNING;
	return MV_EFFECT_DRAW;
}

static enum mv_effect answer_confirm(struct mv_stack *stack, const struct mv_context *ctx, char32_t key)
{
	struct level *level = level_top(stack);
	enum mv_effect effect = MV_EFFECT_NONE;

	stack->confirming = false;
	if ((key == 'y' || key == 'Y') && level->ops->confirm)
		effect = follow(stack, ctx, level->ops->confirm(level_state(level), ctx));
	return effect == MV_EFFECT_NONE ? MV_EFFECT_DRAW : effect;
}

static enum mv_effect trace_everywhere(struct mv_stack *stack, const struct mv_context *ctx)
{
	stack->tracing = !stack->tracing;
	if (stack->tracing)
		return hint(stack, ctx, MV_TEXT("page faults are traced on every side now; F stops it"));
	return hint(stack, ctx,
		    level_traces(stack) ? MV_TEXT("faults are traced while their view is open")
					: MV_TEXT("page faults are no longer traced"));
}

/* The time by the clock goes with it: mv_growth_marked tells it to whoever shows something against it. */
static enum mv_effect mark(struct mv_stack *stack, const struct mv_context *ctx)
{
	if (!ctx->snap || !mv_growth_process(mv_delta_growth(ctx->delta)))
		return hint(stack, ctx, MV_TEXT("nothing has been read yet that could be marked"));
	struct mv_build b;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("marked at "));
	mv_clock_build(&b, ctx->now_real_ns);
	mv_build_clean(&b, ctx->against ? MV_TEXT(": from now on it is shown against this")
					: MV_TEXT(": d shows what has changed since"));
	hint(stack, ctx, mv_build_text(&b));
	return MV_EFFECT_MARK;
}

static enum mv_effect show_against(struct mv_stack *stack, const struct mv_context *ctx)
{
	if (!mv_growth_marked(mv_delta_growth(ctx->delta))->set)
		return hint(stack, ctx, MV_TEXT("nothing is marked yet: m marks what there is now"));
	hint(stack, ctx,
	     ctx->against ? MV_TEXT("shown as it is") : MV_TEXT("shown against the mark; d: as it is"));
	return MV_EFFECT_AGAINST;
}

static enum mv_effect go_home(struct mv_stack *stack, const struct mv_context *ctx)
{
	if (!ctx->home)
		return hint(
		    stack, ctx,
		    MV_TEXT("memview was started for no process; Enter opens the one under the cursor"));
	stack->opens = ctx->home;
	return MV_EFFECT_OPEN;
}

/* The sides of a process, and those of the machine. */
static const struct {
	enum mv_action action;
	enum mv_view_id view;
} sides[] = {
    {MV_ACT_SIDE_MAP, MV_VIEW_MAP},	      {MV_ACT_SIDE_PAGES, MV_VIEW_PAGES},
    {MV_ACT_SIDE_FAULTS, MV_VIEW_FAULTS},     {MV_ACT_SIDE_THREADS, MV_VIEW_THREADS},
    {MV_ACT_SIDE_GROWTH, MV_VIEW_GROWTH},     {MV_ACT_SIDE_HEAP, MV_VIEW_HEAP},
    {MV_ACT_SIDE_TABLES, MV_VIEW_TABLES},     {MV_ACT_SIDE_FILES, MV_VIEW_FILES},
    {MV_ACT_SIDE_MACHINE, MV_VIEW_MACHINE},   {MV_ACT_SIDE_MEMORY, MV_VIEW_MEMORY},
    {MV_ACT_SIDE_SERVICES, MV_VIEW_SERVICES}, {MV_ACT_SIDE_RECLAIM, MV_VIEW_RECLAIM},
    {MV_ACT_SIDE_ZONES, MV_VIEW_ZONES},	      {MV_ACT_SIDE_ATLAS, MV_VIEW_ATLAS},
};

/* What means the same in every view. */
static enum mv_effect act_common(struct mv_stack *stack, const struct mv_context *ctx, enum mv_action action)
{
	for (size_t i = 0; i < MV_COUNT_OF(sides); i++)
		if (sides[i].action == action)
			return open_side(stack, ctx, sides[i].view);
	switch (action) {
	case MV_ACT_BACK:
		return follow(stack, ctx, (struct mv_outcome){.kind = MV_OUT_POP});
	case MV_ACT_MARK:
		return mark(stack, ctx);
	case MV_ACT_AGAINST:
		return show_against(stack, ctx);
	case MV_ACT_MACHINE:
		return MV_EFFECT_MACHINE;
	case MV_ACT_HOME:
		return go_home(stack, ctx);
	case MV_ACT_TRACE:
		return trace_everywhere(stack, ctx);
	case MV_ACT_HELP:
		return open_over(stack, ctx, MV_VIEW_HELP);
	case MV_ACT_MEANING:
		if (level_top(stack)->ops->id == MV_VIEW_MEANING)
			return open_over(stack, ctx, MV_VIEW_MEANING);
		return open_meaning(stack, ctx);
	case MV_ACT_OUTPUT:
		if (!ctx->has_output)
			return hint(stack, ctx,
				    MV_TEXT("only a COMMAND that memview started has output here"));
		return open_over(stack, ctx, MV_VIEW_OUTPUT);
	case MV_ACT_RETRY:
		if (!ctx->status->gave_up)
			return hint(stack, ctx, MV_TEXT("reading goes on: nothing to try again"));
		return MV_EFFECT_RETRY;
	case MV_ACT_QUIT:
		return quit(stack, ctx);
	case MV_ACT_PAUSE:
		return MV_EFFECT_PAUSE;
	case MV_ACT_SLOWER:
		return MV_EFFECT_SLOWER;
	case MV_ACT_FASTER:
		return MV_EFFECT_FASTER;
	case MV_ACT_THEME:
		return MV_EFFECT_THEME;
	case MV_ACT_REDRAW:
		return MV_EFFECT_REDRAW;
	case MV_ACT_SAVE:
		return MV_EFFECT_SAVE;
	case MV_ACT_EXACT:
		return MV_EFFECT_EXACT;
	default:
		return MV_EFFECT_NONE;
	}
}

static enum mv_effect act(struct mv_stack *stack, const struct mv_context *ctx, enum mv_action action,
			  struct mv_input input)
{
	struct level *level = level_top(stack);
	struct mv_outcome out = level->ops->act(level_state(level), ctx, action, input);

	if (out.kind != MV_OUT_NONE)
		return follow(stack, ctx, out);
	return act_common(stack, ctx, action);
}

static enum mv_effect mouse(struct mv_stack *stack, const struct mv_context *ctx, struct mv_input input)
{
	enum mv_effect effect = MV_EFFECT_NONE;
	bool wheel_up = input.key == MV_KEY_WHEEL_UP;

	if (wheel_up || input.key == MV_KEY_WHEEL_DOWN) {
		for (int i = 0; i < WHEEL_ROWS; i++)
			if (act(stack, ctx, wheel_up ? MV_ACT_UP : MV_ACT_DOWN, (struct mv_input){0}) !=
			    MV_EFFECT_NONE)
				effect = MV_EFFECT_DRAW;
		return effect;
	}
	if (input.y == level_frame(stack, ctx).bottom) {
		struct mv_bottom bottom = level_bottom(stack, ctx);
		enum mv_action action = mv_bottom_at(&bottom, input.x);

		if (action != MV_ACT_NONE)
			return act(stack, ctx, action, (struct mv_input){0});
		return MV_EFFECT_NONE;
	}
	effect = act(stack, ctx, MV_ACT_NONE, input);
	if (effect == MV_EFFECT_NONE && input.key == MV_KEY_DOUBLE_CLICK) {
		effect = act(stack, ctx, MV_ACT_NONE, (struct mv_input){MV_KEY_CLICK, input.y, input.x});
		if (effect != MV_EFFECT_NONE)
			effect = act(stack, ctx, MV_ACT_ENTER, (struct mv_input){.key = MV_KEY_ENTER});
	}
	return effect;
}

static enum mv_effect edit(struct mv_stack *stack, const struct mv_context *ctx, char32_t key)
{
	struct level *level = level_top(stack);
	enum mv_effect effect = MV_EFFECT_NONE;

	switch (mv_editor_input(&stack->editor, key)) {
	case MV_EDITOR_GOES_ON:
		return MV_EFFECT_DRAW;
	case MV_EDITOR_CANCELLED:
		stack->asking = false;
		return MV_EFFECT_DRAW;
	case MV_EDITOR_DONE:
		break;
	}
	stack->asking = false;
	if (level->ops->answer)
		effect = follow(stack, ctx, level->ops->answer(level_state(level), ctx, stack->editor.text));
	return effect == MV_EFFECT_NONE ? MV_EFFECT_DRAW : effect;
}

int mv_stack_opens(const struct mv_stack *stack)
{
	return stack->opens;
}

void mv_stack_filter(struct mv_stack *stack, const struct mv_context *ctx, const char *text)
{
	struct level *level = &stack->levels[0];

	level_settle(stack, ctx);
	if (level->ops->act(level_state(level), ctx, MV_ACT_FILTER, (struct mv_input){.key = U'/'}).kind ==
	    MV_OUT_ASK)
		follow(stack, ctx, level->ops->answer(level_state(level), ctx, text));
}

enum mv_effect mv_stack_input(struct mv_stack *stack, const struct mv_context *ctx, struct mv_input input)
{
	bool is_mouse = input.key == MV_KEY_CLICK || input.key == MV_KEY_DOUBLE_CLICK ||
			input.key == MV_KEY_WHEEL_UP || input.key == MV_KEY_WHEEL_DOWN;

	if (input.key == MV_KEY_NONE || input.key == MV_KEY_TICK)
		return MV_EFFECT_NONE;
	level_settle(stack, ctx);
	if (is_mouse)
		return stack->asking || stack->quitting || stack->confirming ? MV_EFFECT_NONE
									     : mouse(stack, ctx, input);
	if (stack->asking)
		return edit(stack, ctx, input.key);
	if (stack->quitting)
		return answer_quit(stack, input.key);
	if (stack->confirming)
		return answer_confirm(stack, ctx, input.key);
	bool had_hint = ctx->now_ns < stack->hint_until_ns;
	stack->hint_until_ns = 0;
	enum mv_effect effect =
	    act(stack, ctx, mv_keys_action(input.key, level_picture(stack)->ops->letter), input);
	/* A hint that the key took away is gone from the screen only once it is drawn. */
	return effect == MV_EFFECT_NONE && had_hint ? MV_EFFECT_DRAW : effect;
}
