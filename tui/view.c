/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_private.h"

#define LEVELS_MAX    12
#define HINT_SHOWN_NS (4 * MV_NS_PER_SEC)
#define WHEEL_ROWS    3
#define YOUNG_NS      (2 * MV_NS_PER_SEC)

/* One level of the zoom. Its sides keep their state while another side is shown. */
struct level {
	const struct mv_view_ops *ops;
	void *sides[MV_VIEW__N];
};

struct mv_stack {
	struct level levels[LEVELS_MAX];
	unsigned depth; /* at least 1 */
	int rows, cols; /* of the last want or draw */
	struct mv_build hint;
	uint64_t hint_until_ns;
	bool asking;
	struct mv_build prompt;
	struct mv_editor editor;
	bool quitting; /* the question for a running COMMAND is open */
	bool confirming; /* a view's question is open: `prompt` */
	bool tracing;	 /* `F`: page faults are traced whatever is shown */
	int opens;	 /* the process that is to be shown, with MV_EFFECT_OPEN */
	bool epoch_known;
	uint32_t epoch;
	uint64_t exec_ns, exec_real_ns;
};

static const struct mv_view_ops *const views[MV_VIEW__N] = {
    [MV_VIEW_MAP] = &mv_view_map,	[MV_VIEW_PAGES] = &mv_view_pages,
    [MV_VIEW_PAGE] = &mv_view_page,	[MV_VIEW_TABLES] = &mv_view_tables,
    [MV_VIEW_FAULTS] = &mv_view_faults, [MV_VIEW_THREADS] = &mv_view_threads,
    [MV_VIEW_STACK] = &mv_view_stack,	[MV_VIEW_GROWTH] = &mv_view_growth,
    [MV_VIEW_HEAP] = &mv_view_heap,
    [MV_VIEW_HELP] = &mv_view_help,	[MV_VIEW_MEANING] = &mv_view_meaning,
    [MV_VIEW_OUTPUT] = &mv_view_output,
    [MV_VIEW_MACHINE] = &mv_view_machine, [MV_VIEW_MEMORY] = &mv_view_memory,
    [MV_VIEW_SERVICES] = &mv_view_services, [MV_VIEW_RECLAIM] = &mv_view_reclaim,
    [MV_VIEW_ZONES] = &mv_view_zones,
    [MV_VIEW_ATLAS] = &mv_view_atlas,
    [MV_VIEW_FRAME] = &mv_view_frame,
    [MV_VIEW_FILES] = &mv_view_files,
};

const struct mv_view_ops *mv_view_of(enum mv_view_id id)
{
	return views[id];
}

/* ---- levels ---- */

static struct level *top(struct mv_stack *stack)
{
	return &stack->levels[stack->depth - 1];
}

static void *state_of(const struct level *level)
{
	return level->sides[level->ops->id];
}

/* Views that lie over another one and have no want of their own. */
static bool is_overlay(const struct level *level)
{
	return level->ops->id == MV_VIEW_HELP || level->ops->id == MV_VIEW_MEANING ||
	       level->ops->id == MV_VIEW_OUTPUT;
}

static bool is_machine_side(enum mv_view_id id)
{
	return id >= MV_VIEW_MACHINE && id <= MV_VIEW_ATLAS;
}

/* A stack is the machine's or a process's for all its life. */
static bool is_machine(const struct mv_stack *stack)
{
	return is_machine_side(stack->levels[0].ops->id);
}

static struct level *top_picture(struct mv_stack *stack)
{
	unsigned n = stack->depth - 1;

	while (n > 0 && is_overlay(&stack->levels[n]))
		n--;
	return &stack->levels[n];
}

static void forget_side(struct level *level, enum mv_view_id id)
{
	if (!level->sides[id])
		return;
	if (views[id]->release)
		views[id]->release(level->sides[id]);
	free(level->sides[id]);
	level->sides[id] = NULL;
}

static int show_side(struct level *level, enum mv_view_id id, const struct mv_place *place)
{
	const struct mv_view_ops *ops = views[id];
	int r;

	if (level->sides[id] && ops->go) {
		ops->go(level->sides[id], place);
		level->ops = ops;
		return 0;
	}
	void *state = calloc(1, ops->state_bytes ? ops->state_bytes : 1);
	if (!state)
		return -ENOMEM;
	r = ops->init ? ops->init(state, place) : 0;
	if (r < 0) {
		free(state);
		return r;
	}
	forget_side(level, id);
	level->sides[id] = state;
	level->ops = ops;
	return 0;
}

static void pop(struct mv_stack *stack)
{
	struct level *level = top(stack);

	for (int id = 0; id < MV_VIEW__N; id++)
		forget_side(level, (enum mv_view_id)id);
	level->ops = NULL;
	stack->depth--;
}

static int push(struct mv_stack *stack, enum mv_view_id id, const struct mv_place *place)
{
	if (stack->depth == LEVELS_MAX)
		return -E2BIG;
	memset(&stack->levels[stack->depth], 0, sizeof(stack->levels[0]));
	int r = show_side(&stack->levels[stack->depth], id, place);
	if (!r)
		stack->depth++;
	return r;
}

int mv_stack_new(enum mv_view_id first, const struct mv_place *place, struct mv_stack **ret_stack)
{
	struct mv_stack *stack = calloc(1, sizeof(*stack));

	if (!stack)
		return -ENOMEM;
	stack->rows = 24;
	stack->cols = 80;
	int r = push(stack, first, place);
	if (r < 0) {
		free(stack);
		return r;
	}
	*ret_stack = stack;
	return 0;
}

void mv_stack_free(struct mv_stack *stack)
{
	if (!stack)
		return;
	while (stack->depth)
		pop(stack);
	free(stack);
}

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

/*
 * Sides turn the picture round on its level. Where that would put the same whole-process side on two levels
 * that lie upon each other (Map > a mapping's pages, then 1), we go back to the lower one instead.
 */
static int turn(struct mv_stack *stack, enum mv_view_id id, struct mv_place place)
{
	while (stack->depth > 1 && is_overlay(top(stack)))
		pop(stack);
	if (stack->depth > 1 && stack->levels[stack->depth - 2].ops->id == id && id != MV_VIEW_PAGES)
		pop(stack);
	return show_side(top(stack), id, &place);
}

/* ---- what surrounds the view ---- */

struct frame {
	struct mv_rect area; /* of the view */
	int bottom;	     /* row of the bottom line, -1 none */
	int banner;	     /* row of the banner, -1 none */
	struct mv_banner what;
};

static struct frame frame_of(const struct mv_stack *stack, const struct mv_context *ctx)
{
	struct frame f = {.area = {0, 0, stack->rows, stack->cols}, .bottom = -1, .banner = -1};
	bool banner = mv_banner_of(ctx, stack->exec_ns, stack->exec_real_ns, &f.what);

	if (stack->rows >= 3)
		f.bottom = --f.area.rows;
	if (banner && stack->rows >= 6)
		f.banner = --f.area.rows;
	else if (banner && f.bottom >= 0 && !stack->asking && !stack->quitting && !stack->confirming) {
		f.banner = f.bottom;
		f.bottom = -1;
	}
	return f;
}

/* A COMMAND's own first exec, right after its start, is no news. */
static void note_epoch(struct mv_stack *stack, const struct mv_context *ctx)
{
	if (!ctx->snap)
		return;
	uint64_t started_ns = ctx->snap->started_real_ns;
	bool young = started_ns && ctx->now_real_ns < started_ns + YOUNG_NS;
	if (stack->epoch_known && ctx->snap->epoch != stack->epoch && !young) {
		stack->exec_ns = ctx->now_ns;
		stack->exec_real_ns = ctx->now_real_ns;
	}
	stack->epoch = ctx->snap->epoch;
	stack->epoch_known = true;
}

static void settle(struct mv_stack *stack, const struct mv_context *ctx)
{
	note_epoch(stack, ctx);
	struct frame f = frame_of(stack, ctx);
	struct level *picture = top_picture(stack);

	if (picture->ops->settle)
		picture->ops->settle(state_of(picture), ctx, f.area);
	for (unsigned n = (unsigned)(picture - stack->levels) + 1; n < stack->depth; n++)
		if (stack->levels[n].ops->settle)
			stack->levels[n].ops->settle(state_of(&stack->levels[n]), ctx, f.area);
}

/* Tracing begins with the faults view, goes on while one looks closer from there, and ends when it is left. */
static bool traces(const struct mv_stack *stack)
{
	for (unsigned n = 0; n < stack->depth; n++)
		if (stack->levels[n].ops->id == MV_VIEW_FAULTS)
			return true;
	return stack->tracing;
}

void mv_stack_want_machine(struct mv_stack *stack, const struct mv_context *ctx, int rows, int cols,
			   struct mv_machine_want *ret_want)
{
	struct level *picture = top_picture(stack);

	stack->rows = rows;
	stack->cols = cols;
	memset(ret_want, 0, sizeof(*ret_want));
	ret_want->interval_ms = ctx->paused ? 0 : ctx->interval_ms;
	ret_want->cell_frames = 1;
	if (!is_machine(stack))
		return;
	settle(stack, ctx);
	/* Growth is counted whatever is shown. */
	ret_want->facts |= MV_MACHINE_TASKS;
	if (picture->ops->want_machine)
		picture->ops->want_machine(state_of(picture), ctx, ret_want);
}

void mv_stack_want(struct mv_stack *stack, const struct mv_context *ctx, int rows, int cols,
		   struct mv_want *ret_want)
{
	struct level *picture = top_picture(stack);

	stack->rows = rows;
	stack->cols = cols;
	memset(ret_want, 0, sizeof(*ret_want));
	ret_want->interval_ms = ctx->paused ? 0 : ctx->interval_ms;
	ret_want->cell_pages = 1;
	settle(stack, ctx);
	mv_header_want(ctx, rows, cols, ret_want);
	/* Histories go on whatever is shown: what grew meanwhile is asked for afterwards. */
	ret_want->facts |= MV_FACT_MAPS | MV_FACT_PAGES;
	if (traces(stack))
		ret_want->facts |= MV_FACT_FAULTS;
	if (picture->ops->want)
		picture->ops->want(state_of(picture), ctx, ret_want);
}

/* ---- the bottom line ---- */

static struct mv_bottom bottom_of(const struct mv_stack *stack, const struct mv_context *ctx)
{
	const struct level *level = &stack->levels[stack->depth - 1];
	struct mv_bottom bottom = {.cols = stack->cols,
				   .shown = level->ops->id,
				   .letter = level->ops->letter,
				   .machine = is_machine(stack),
				   .outermost = stack->depth == 1 && (is_machine(stack) || !ctx->has_machine),
				   .overlay = is_overlay(level)};

	if (stack->depth == 1)
		bottom.back = MV_TEXT("machine");
	if (level->ops->enter_words)
		bottom.enter = level->ops->enter_words(state_of(level), ctx);
	return bottom;
}

static void draw_bottom(const struct mv_stack *stack, const struct mv_context *ctx, struct mv_canvas *c,
			int y)
{
	struct mv_bottom bottom = bottom_of(stack, ctx);

	if (stack->asking)
		mv_editor_draw(&stack->editor, c, y, c->cols, mv_build_text(&stack->prompt));
	else if (stack->quitting)
		mv_quitting_draw(ctx, c, y);
	else if (stack->confirming)
		mv_confirm_draw(&stack->prompt, c, y);
	else if (ctx->now_ns < stack->hint_until_ns)
		mv_canvas_build(c, y, 1, c->cols - 1, ROLE_STRONG, &stack->hint);
	else
		mv_bottom_draw(&bottom, c, y);
}

void mv_stack_draw(struct mv_stack *stack, const struct mv_context *ctx, struct mv_canvas *canvas)
{
	stack->rows = canvas->rows;
	stack->cols = canvas->cols;
	canvas->mono = ctx->mono;
	mv_canvas_clear(canvas);
	if (canvas->rows < 1 || canvas->cols < 1)
		return;
	settle(stack, ctx);
	struct frame f = frame_of(stack, ctx);
	const struct level *level = top(stack), *picture = top_picture(stack);

	/* Only the meaning leaves what it lies over in sight. */
	if (level->ops->id == MV_VIEW_MEANING && picture != level)
		picture->ops->draw(state_of(picture), ctx, canvas, f.area);
	level->ops->draw(state_of(level), ctx, canvas, f.area);
	if (f.banner >= 0) {
		mv_canvas_fill(canvas, (struct mv_rect){f.banner, 0, 1, canvas->cols}, f.what.role, U' ');
		mv_canvas_build(canvas, f.banner, 1, canvas->cols - 1, f.what.role, &f.what.text);
		mv_canvas_attr(canvas, (struct mv_rect){f.banner, 0, 1, canvas->cols}, MV_ATTR_REVERSE);
	}
	if (f.bottom >= 0)
		draw_bottom(stack, ctx, canvas, f.bottom);
}

/* ---- inputs ---- */

static enum mv_effect leave_outermost(struct mv_stack *stack, const struct mv_context *ctx)
{
	if (is_machine(stack))
		return hint(stack, ctx, ctx->home ? MV_TEXT("this is the outermost level; 0 goes back, q quits")
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
		r = push(stack, out.view, &out.place);
		break;
	case MV_OUT_POP:
		if (stack->depth == 1)
			return leave_outermost(stack, ctx);
		pop(stack);
		break;
	case MV_OUT_SIDE:
		r = turn(stack, out.view, out.place);
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

static enum mv_effect open_meaning(struct mv_stack *stack, const struct mv_context *ctx)
{
	struct mv_place nowhere = {0};
	const struct level *below = top(stack);

	if (is_overlay(below))
		return MV_EFFECT_NONE;
	int r = push(stack, MV_VIEW_MEANING, &nowhere);
	if (r < 0)
		return hint(stack, ctx, MV_TEXT("memview ran out of memory"));
	mv_meaning_over(state_of(top(stack)), below->ops, state_of(below), ctx);
	return MV_EFFECT_DRAW;
}

/* The same key closes what it opened. */
static enum mv_effect open_over(struct mv_stack *stack, const struct mv_context *ctx, enum mv_view_id id)
{
	struct mv_outcome out = {.kind = top(stack)->ops->id == id ? MV_OUT_POP : MV_OUT_PUSH, .view = id};

	return follow(stack, ctx, out);
}

static enum mv_effect open_side(struct mv_stack *stack, const struct mv_context *ctx, enum mv_view_id id)
{
	struct mv_outcome out = {.kind = MV_OUT_SIDE, .view = id};
	const struct level *picture = top_picture(stack);

	if (!views[id])
		return MV_EFFECT_NONE;
	if (picture->ops->place)
		out.place = picture->ops->place(state_of(picture), ctx);
	if (picture->ops->id == id && !is_overlay(top(stack)))
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
	struct level *level = top(stack);
	enum mv_effect effect = MV_EFFECT_NONE;

	stack->confirming = false;
	if ((key == 'y' || key == 'Y') && level->ops->confirm)
		effect = follow(stack, ctx, level->ops->confirm(state_of(level), ctx));
	return effect == MV_EFFECT_NONE ? MV_EFFECT_DRAW : effect;
}

static enum mv_effect trace_everywhere(struct mv_stack *stack, const struct mv_context *ctx)
{
	stack->tracing = !stack->tracing;
	if (stack->tracing)
		return hint(stack, ctx, MV_TEXT("page faults are traced on every side now; F stops it"));
	return hint(stack, ctx, traces(stack) ? MV_TEXT("faults are traced while their view is open")
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
	hint(stack, ctx, ctx->against ? MV_TEXT("shown as it is") : MV_TEXT("shown against the mark; d: as it is"));
	return MV_EFFECT_AGAINST;
}

static enum mv_effect go_home(struct mv_stack *stack, const struct mv_context *ctx)
{
	if (!ctx->home)
		return hint(stack, ctx, MV_TEXT("memview was started for no process; Enter opens the one under the cursor"));
	stack->opens = ctx->home;
	return MV_EFFECT_OPEN;
}

/* The sides of a process, and those of the machine. */
static const struct {
	enum mv_action action;
	enum mv_view_id view;
} sides[] = {
    {MV_ACT_SIDE_MAP, MV_VIEW_MAP}, {MV_ACT_SIDE_PAGES, MV_VIEW_PAGES},
    {MV_ACT_SIDE_FAULTS, MV_VIEW_FAULTS}, {MV_ACT_SIDE_THREADS, MV_VIEW_THREADS},
    {MV_ACT_SIDE_GROWTH, MV_VIEW_GROWTH}, {MV_ACT_SIDE_HEAP, MV_VIEW_HEAP},
    {MV_ACT_SIDE_TABLES, MV_VIEW_TABLES}, {MV_ACT_SIDE_FILES, MV_VIEW_FILES},
    {MV_ACT_SIDE_MACHINE, MV_VIEW_MACHINE}, {MV_ACT_SIDE_MEMORY, MV_VIEW_MEMORY},
    {MV_ACT_SIDE_SERVICES, MV_VIEW_SERVICES}, {MV_ACT_SIDE_RECLAIM, MV_VIEW_RECLAIM},
    {MV_ACT_SIDE_ZONES, MV_VIEW_ZONES}, {MV_ACT_SIDE_ATLAS, MV_VIEW_ATLAS},
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
		if (top(stack)->ops->id == MV_VIEW_MEANING)
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
	struct level *level = top(stack);
	struct mv_outcome out = level->ops->act(state_of(level), ctx, action, input);

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
	if (input.y == frame_of(stack, ctx).bottom) {
		struct mv_bottom bottom = bottom_of(stack, ctx);
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
	struct level *level = top(stack);
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
		effect = follow(stack, ctx, level->ops->answer(state_of(level), ctx, stack->editor.text));
	return effect == MV_EFFECT_NONE ? MV_EFFECT_DRAW : effect;
}

int mv_stack_opens(const struct mv_stack *stack)
{
	return stack->opens;
}

void mv_stack_filter(struct mv_stack *stack, const struct mv_context *ctx, const char *text)
{
	struct level *level = &stack->levels[0];

	settle(stack, ctx);
	if (level->ops->act(state_of(level), ctx, MV_ACT_FILTER, (struct mv_input){.key = U'/'}).kind == MV_OUT_ASK)
		follow(stack, ctx, level->ops->answer(state_of(level), ctx, text));
}

enum mv_effect mv_stack_input(struct mv_stack *stack, const struct mv_context *ctx, struct mv_input input)
{
	bool is_mouse = input.key == MV_KEY_CLICK || input.key == MV_KEY_DOUBLE_CLICK ||
			input.key == MV_KEY_WHEEL_UP || input.key == MV_KEY_WHEEL_DOWN;

	if (input.key == MV_KEY_NONE || input.key == MV_KEY_TICK)
		return MV_EFFECT_NONE;
	settle(stack, ctx);
	if (is_mouse)
		return stack->asking || stack->quitting || stack->confirming ? MV_EFFECT_NONE : mouse(stack, ctx, input);
	if (stack->asking)
		return edit(stack, ctx, input.key);
	if (stack->quitting)
		return answer_quit(stack, input.key);
	if (stack->confirming)
		return answer_confirm(stack, ctx, input.key);
	bool had_hint = ctx->now_ns < stack->hint_until_ns;
	stack->hint_until_ns = 0;
	enum mv_effect effect = act(stack, ctx, mv_keys_action(input.key, top_picture(stack)->ops->letter), input);
	/* A hint that the key took away is gone from the screen only once it is drawn. */
	return effect == MV_EFFECT_NONE && had_hint ? MV_EFFECT_DRAW : effect;
}
