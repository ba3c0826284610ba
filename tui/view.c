/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_levels.h"

#define YOUNG_NS (2 * MV_NS_PER_SEC)

/* ---- what surrounds the view ---- */

struct frame level_frame(const struct mv_stack *stack, const struct mv_context *ctx)
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

void level_settle(struct mv_stack *stack, const struct mv_context *ctx)
{
	note_epoch(stack, ctx);
	struct frame f = level_frame(stack, ctx);
	struct level *picture = level_picture(stack);

	if (picture->ops->settle)
		picture->ops->settle(level_state(picture), ctx, f.area);
	for (unsigned n = (unsigned)(picture - stack->levels) + 1; n < stack->depth; n++)
		if (stack->levels[n].ops->settle)
			stack->levels[n].ops->settle(level_state(&stack->levels[n]), ctx, f.area);
}

/* Tracing begins with the faults view, goes on while one looks closer from there, and ends when it is left.
 */
bool level_traces(const struct mv_stack *stack)
{
	for (unsigned n = 0; n < stack->depth; n++)
		if (stack->levels[n].ops->id == MV_VIEW_FAULTS)
			return true;
	return stack->tracing;
}

void mv_stack_want_machine(struct mv_stack *stack, const struct mv_context *ctx, int rows, int cols,
			   struct mv_machine_want *ret_want)
{
	struct level *picture = level_picture(stack);

	stack->rows = rows;
	stack->cols = cols;
	memset(ret_want, 0, sizeof(*ret_want));
	ret_want->interval_ms = ctx->paused ? 0 : ctx->interval_ms;
	ret_want->cell_frames = 1;
	if (!level_is_machine(stack))
		return;
	level_settle(stack, ctx);
	/* Growth is counted whatever is shown. */
	ret_want->facts |= MV_MACHINE_TASKS;
	if (picture->ops->want_machine)
		picture->ops->want_machine(level_state(picture), ctx, ret_want);
}

void mv_stack_want(struct mv_stack *stack, const struct mv_context *ctx, int rows, int cols,
		   struct mv_want *ret_want)
{
	struct level *picture = level_picture(stack);

	stack->rows = rows;
	stack->cols = cols;
	memset(ret_want, 0, sizeof(*ret_want));
	ret_want->interval_ms = ctx->paused ? 0 : ctx->interval_ms;
	ret_want->cell_pages = 1;
	level_settle(stack, ctx);
	mv_header_want(ctx, rows, cols, ret_want);
	/* Histories go on whatever is shown: what grew meanwhile is asked for afterwards. */
	ret_want->facts |= MV_FACT_MAPS | MV_FACT_PAGES;
	if (level_traces(stack))
		ret_want->facts |= MV_FACT_FAULTS;
	if (picture->ops->want)
		picture->ops->want(level_state(picture), ctx, ret_want);
}

/* ---- the bottom line ---- */

struct mv_bottom level_bottom(const struct mv_stack *stack, const struct mv_context *ctx)
{
	const struct level *level = &stack->levels[stack->depth - 1];
	struct mv_bottom bottom = {.cols = stack->cols,
				   .shown = level->ops->id,
				   .letter = level->ops->letter,
				   .machine = level_is_machine(stack),
				   .outermost =
				       stack->depth == 1 && (level_is_machine(stack) || !ctx->has_machine),
				   .overlay = level_is_overlay(level)};

	if (stack->depth == 1)
		bottom.back = MV_TEXT("machine");
	if (level->ops->enter_words)
		bottom.enter = level->ops->enter_words(level_state(level), ctx);
	return bottom;
}

static void draw_bottom(const struct mv_stack *stack, const struct mv_context *ctx, struct mv_canvas *c,
			int y)
{
	struct mv_bottom bottom = level_bottom(stack, ctx);

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
	level_settle(stack, ctx);
	level_put_ready(stack, ctx);
	struct frame f = level_frame(stack, ctx);
	const struct level *level = level_top(stack), *picture = level_picture(stack);

	/* Only the meaning leaves what it lies over in sight. */
	if (level->ops->id == MV_VIEW_MEANING && picture != level)
		picture->ops->draw(level_state(picture), ctx, canvas, f.area);
	level->ops->draw(level_state(level), ctx, canvas, f.area);
	if (f.banner >= 0) {
		mv_canvas_fill(canvas, (struct mv_rect){f.banner, 0, 1, canvas->cols}, f.what.role, U' ');
		mv_canvas_build(canvas, f.banner, 1, canvas->cols - 1, f.what.role, &f.what.text);
		mv_canvas_attr(canvas, (struct mv_rect){f.banner, 0, 1, canvas->cols}, MV_ATTR_REVERSE);
	}
	if (f.bottom >= 0)
		draw_bottom(stack, ctx, canvas, f.bottom);
}
