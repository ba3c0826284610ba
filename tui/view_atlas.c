/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_atlas.h"

/* Every page frame of the machine: state and keys. */

#define CLOSER 4 /* steps of zoom that Enter takes */

static int atlas_init(void *state, const struct mv_place *place)
{
	struct atlas_view *v = state;

	v->cell_frames = v->fit_frames = 1;
	v->page_bytes = 4096;
	v->anchor = -1;
	v->lit = place->unchosen ? 0 : place->pid; /* who stands first in a list was chosen by nobody */
	v->cursor = place->frame;
	mv_build_init(&v->hint);
	return 0;
}

static void atlas_go(void *state, const struct mv_place *place)
{
	struct atlas_view *v = state;

	v->search.on = false;
	if (place->pid && !place->unchosen)
		v->lit = place->pid;
	if (place->frame)
		v->cursor = place->frame;
}

static void atlas_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct atlas_view *v = state;

	atlas_lay_out(v, ctx, area);
	if (!v->search.on || !ctx->machine)
		return;
	atlas_search_step(v, ctx);
	if (!v->search.on)
		atlas_lay_out(v, ctx, area);
}

static void atlas_want(const void *state, const struct mv_context *ctx, struct mv_machine_want *want)
{
	const struct atlas_view *v = state;

	(void)ctx;
	want->facts |= MV_MACHINE_ATLAS;
	want->lit = v->lit;
	want->cell_frames = v->cell_frames;
	if (v->search.on) {
		want->atlas_start = v->search.start;
		want->atlas_end = v->search.end;
	} else {
		atlas_window(v, &want->atlas_start, &want->atlas_end);
	}
}

static void atlas_view_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
			    struct mv_rect area)
{
	const struct atlas_view *v = state;

	if (v->settled && area.rows > 0 && area.cols > 0)
		atlas_draw(v, ctx, canvas);
}

static struct mv_outcome enter(struct atlas_view *v, const struct mv_context *ctx)
{
	uint64_t at = v->cursor / v->cell_frames * v->cell_frames;

	if (!v->segments_count || !mv_have(&ctx->machine->atlas.have))
		return mv_outcome_hint(MV_TEXT("there is no frame to look into"));
	if (v->cell_frames > 1) {
		atlas_zoom(v, CLOSER);
		return mv_outcome_stay();
	}
	if (!atlas_is_ram(ctx->machine, at, at + 1))
		return mv_outcome_hint(MV_TEXT("there is no RAM at this address"));
	return (struct mv_outcome){
	    .kind = MV_OUT_PUSH, .view = MV_VIEW_FRAME, .place = {.frame = at, .pid = v->lit}};
}

static struct mv_clean enter_words(const void *state, const struct mv_context *ctx)
{
	const struct atlas_view *v = state;

	(void)ctx;
	return v->cell_frames > 1 ? MV_TEXT("closer") : MV_TEXT("frame");
}

/* From the lit process on, round the list: the next whose name has the text in it. */
static struct mv_outcome find_name(struct atlas_view *v, const struct mv_context *ctx, bool back)
{
	uint32_t count, at = 0;
	const struct mv_task *tasks = mv_machine_tasks(ctx->machine, &count);

	if (!v->find[0])
		return mv_outcome_hint(
		    MV_TEXT("nobody searched for yet: / lights a process's frames, by its PID or name"));
	while (at < count && tasks[at].pid < v->lit)
		at++;
	/* Forward from the one behind it, backwards from the one before it. */
	if (!back && at < count && tasks[at].pid == v->lit)
		at++;
	for (uint32_t k = 0; k < count; k++) {
		uint32_t i = back ? (at + count - 1 - k) % count : (at + k) % count;

		if (!(tasks[i].flags & MV_TASK_KERNEL) &&
		    mv_holds(mv_machine_text(ctx->machine, tasks[i].name), v->find)) {
			v->lit = tasks[i].pid;
			return mv_outcome_stay();
		}
	}
	return mv_outcome_hint(MV_TEXT("no process has that name"));
}

static struct mv_outcome atlas_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct atlas_view *v = state;
	char *end;
	long pid = strtol(text, &end, 10);

	if (!ctx->machine)
		return mv_outcome_stay();
	if (!text[0]) {
		v->lit = 0;
		return mv_outcome_stay();
	}
	if (end != text && !*end) {
		const struct mv_task *task =
		    pid > 0 && pid <= INT32_MAX ? mv_machine_task(ctx->machine, (int32_t)pid) : NULL;

		if (!task)
			return mv_outcome_hint(MV_TEXT("there is no such process"));
		if (task->flags & MV_TASK_KERNEL)
			return mv_outcome_hint(MV_TEXT("a kernel thread has no frames of its own"));
		v->lit = task->pid;
		return mv_outcome_stay();
	}
	strncpy(v->find, text, sizeof(v->find) - 1);
	v->find[sizeof(v->find) - 1] = '\0';
	return find_name(v, ctx, false);
}

static struct mv_outcome next_use(struct atlas_view *v, const struct mv_context *ctx, bool back)
{
	if (!atlas_search_start(v, ctx, back))
		return mv_outcome_hint(MV_TEXT("this cell has not been read yet"));
	if (v->hint.len)
		return mv_outcome_hint(mv_build_text(&v->hint));
	return mv_outcome_stay();
}

static struct mv_outcome mouse(struct atlas_view *v, const struct mv_context *ctx, struct mv_input input)
{
	const struct mv_rect *grid = &v->geo.grid;
	struct atlas_row row;
	uint64_t at;

	if ((input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK) || input.y < grid->y ||
	    input.y >= grid->y + grid->rows || input.x < grid->x || input.x >= grid->x + grid->cols ||
	    !atlas_row_at(v, v->top + (uint64_t)(input.y - grid->y), &row))
		return mv_outcome_none();
	at = row.start + (uint64_t)(input.x - grid->x) * v->cell_frames;
	if (at >= row.end)
		return mv_outcome_none();
	v->cursor = at;
	return input.key == MV_KEY_DOUBLE_CLICK ? enter(v, ctx) : mv_outcome_stay();
}

static bool move(struct atlas_view *v, enum mv_action action)
{
	const int64_t screen = v->geo.grid.rows > 1 ? v->geo.grid.rows - 1 : 1;

	switch (action) {
	case MV_ACT_UP:
		atlas_move_rows(v, -1);
		return true;
	case MV_ACT_DOWN:
		atlas_move_rows(v, 1);
		return true;
	case MV_ACT_LEFT:
		atlas_move_cells(v, -1);
		return true;
	case MV_ACT_RIGHT:
		atlas_move_cells(v, 1);
		return true;
	case MV_ACT_PAGE_UP:
	case MV_ACT_PAGE_DOWN:
		v->anchor = (int)(atlas_row_of(v, v->cursor) - v->top);
		atlas_move_rows(v, action == MV_ACT_PAGE_UP ? -screen : screen);
		return true;
	case MV_ACT_FIRST:
		v->cursor = v->segments_count ? v->segments[0].start : 0;
		return true;
	case MV_ACT_LAST:
		v->cursor = v->segments_count ? v->segments[v->segments_count - 1].end - 1 : 0;
		return true;
	case MV_ACT_ZOOM_IN:
	case MV_ACT_ZOOM_OUT:
		atlas_zoom(v, action == MV_ACT_ZOOM_IN ? 1 : -1);
		return true;
	default:
		return false;
	}
}

static struct mv_outcome atlas_act(void *state, const struct mv_context *ctx, enum mv_action action,
				   struct mv_input input)
{
	struct atlas_view *v = state;
	const bool searching = v->search.on;

	if (!ctx->machine || !v->settled)
		return mv_outcome_none();
	v->search.on = false;
	mv_build_init(&v->hint);
	if (searching && action == MV_ACT_BACK)
		return mv_outcome_hint(MV_TEXT("search stopped"));
	if (move(v, action))
		return mv_outcome_stay();
	switch (action) {
	case MV_ACT_ENTER:
		return enter(v, ctx);
	case MV_ACT_NEXT_STATE:
	case MV_ACT_PREV_STATE:
		return next_use(v, ctx, action == MV_ACT_PREV_STATE);
	case MV_ACT_FIND:
		return (struct mv_outcome){
		    .kind = MV_OUT_ASK,
		    .text = MV_TEXT("light a process's frames: its PID or name, nothing for nobody: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find_name(v, ctx, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return mouse(v, ctx, input);
	default:
		return mv_outcome_none();
	}
}

static bool atlas_view_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			       struct mv_meaning *ret_meaning)
{
	return atlas_meaning(state, ctx, n, ret_meaning);
}

static struct mv_place atlas_place(const void *state, const struct mv_context *ctx)
{
	const struct atlas_view *v = state;

	(void)ctx;
	return (struct mv_place){.pid = v->lit, .frame = v->cursor};
}

const struct mv_view_ops mv_view_atlas = {
    .id = MV_VIEW_ATLAS,
    .letter = 'a',
    .name = {"Atlas"},
    .state_bytes = sizeof(struct atlas_view),
    .init = atlas_init,
    .go = atlas_go,
    .settle = atlas_settle,
    .want_machine = atlas_want,
    .draw = atlas_view_draw,
    .act = atlas_act,
    .answer = atlas_answer,
    .meaning = atlas_view_meaning,
    .enter_words = enter_words,
    .place = atlas_place,
};
