/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_private.h"

/* The machine: a plain list of its processes. */

struct machine_state {
	int32_t pid; /* under the cursor, 0 none yet */
	uint32_t at, count, top, rows;
	char filter[64];
};

static bool listed(const struct machine_state *s, const struct mv_context *ctx, const struct mv_task *task)
{
	return !s->filter[0] || strstr(mv_machine_text(ctx->machine, task->name).text, s->filter);
}

static void settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct machine_state *s = state;
	uint32_t n = 0;
	const struct mv_task *tasks = ctx->machine ? mv_machine_tasks(ctx->machine, &n) : NULL;
	uint32_t at = 0;

	s->rows = area.rows > 2 ? (uint32_t)area.rows - 2 : 0;
	s->count = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!listed(s, ctx, &tasks[i]))
			continue;
		if (tasks[i].pid <= s->pid)
			at = s->count;
		s->count++;
	}
	s->at = at;
	if (s->at < s->top)
		s->top = s->at;
	if (s->rows && s->at >= s->top + s->rows)
		s->top = s->at - s->rows + 1;
}

static const struct mv_task *row(const struct machine_state *s, const struct mv_context *ctx, uint32_t wanted)
{
	uint32_t n = 0, at = 0;
	const struct mv_task *tasks = ctx->machine ? mv_machine_tasks(ctx->machine, &n) : NULL;

	for (uint32_t i = 0; i < n; i++)
		if (listed(s, ctx, &tasks[i]) && at++ == wanted)
			return &tasks[i];
	return NULL;
}

static int init(void *state, const struct mv_place *place)
{
	((struct machine_state *)state)->pid = place->pid;
	return 0;
}

static void go(void *state, const struct mv_place *place)
{
	if (place->pid)
		((struct machine_state *)state)->pid = place->pid;
}

static void want_machine(const void *state, const struct mv_context *ctx, struct mv_machine_want *want)
{
	(void)state;
	(void)ctx;
	want->facts |= MV_MACHINE_TASKS;
}

static void draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas, struct mv_rect area)
{
	const struct machine_state *s = state;
	struct mv_build b;

	mv_build_init(&b);
	mv_build_fmt(&b, "memview  the machine  %u processes", s->count);
	mv_build_clean(&b, ctx->paused ? MV_TEXT("  PAUSED") : MV_TEXT("  LIVE"));
	mv_canvas_build(canvas, area.y, area.x + 1, area.cols - 1, ROLE_TITLE, &b);
	for (uint32_t i = 0; i < s->rows; i++) {
		const struct mv_task *task = row(s, ctx, s->top + i);
		const bool on = s->top + i == s->at;

		if (!task)
			break;
		mv_build_init(&b);
		mv_build_fmt(&b, "%s%7d  ", on ? "> " : "  ", task->pid);
		mv_size_build(&b, task->rss_bytes, ctx->exact);
		mv_build_clean(&b, MV_TEXT("  "));
		mv_build_clean(&b, mv_machine_text(ctx->machine, task->name));
		mv_canvas_build(canvas, area.y + 2 + (int)i, area.x, area.cols, on ? ROLE_STRONG : ROLE_TEXT, &b);
	}
}

static struct mv_outcome move(struct machine_state *s, const struct mv_context *ctx, int64_t to)
{
	const struct mv_task *task;

	to = to < 0 ? 0 : to >= s->count ? (int64_t)s->count - 1 : to;
	task = to < 0 ? NULL : row(s, ctx, (uint32_t)to);
	if (task)
		s->pid = task->pid;
	return mv_outcome_stay();
}

static struct mv_outcome act(void *state, const struct mv_context *ctx, enum mv_action action, struct mv_input input)
{
	struct machine_state *s = state;
	const struct mv_task *task = row(s, ctx, s->at);

	(void)input;
	switch (action) {
	case MV_ACT_UP:
		return move(s, ctx, (int64_t)s->at - 1);
	case MV_ACT_DOWN:
		return move(s, ctx, (int64_t)s->at + 1);
	case MV_ACT_FIRST:
		return move(s, ctx, 0);
	case MV_ACT_LAST:
		return move(s, ctx, s->count);
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK, .text = MV_TEXT("only processes called: ")};
	case MV_ACT_ENTER:
		if (task)
			return (struct mv_outcome){.kind = MV_OUT_OPEN, .place = {.pid = task->pid}};
		return mv_outcome_stay();
	default:
		return mv_outcome_none();
	}
}

static struct mv_outcome answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct machine_state *s = state;

	(void)ctx;
	s->pid = 0;
	strncpy(s->filter, text, sizeof(s->filter) - 1);
	return mv_outcome_stay();
}

static struct mv_place place(const void *state, const struct mv_context *ctx)
{
	(void)ctx;
	return (struct mv_place){.pid = ((const struct machine_state *)state)->pid};
}

const struct mv_view_ops mv_view_machine = {
    .id = MV_VIEW_MACHINE,
    .letter = 'M',
    .name = {"Machine"},
    .state_bytes = sizeof(struct machine_state),
    .init = init,
    .go = go,
    .settle = settle,
    .want_machine = want_machine,
    .draw = draw,
    .act = act,
    .answer = answer,
    .place = place,
};
