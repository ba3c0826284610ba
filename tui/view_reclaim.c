/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_reclaim.h"

/* The reclaim view: where things are, panes, keys. */

static int reclaim_init(void *state, const struct mv_place *place)
{
	struct reclaim_view *v = state;

	if (!place->unchosen)
		v->selected = place->pid;
	return 0;
}

static void reclaim_go(void *state, const struct mv_place *place)
{
	struct reclaim_view *v = state;

	if (place->pid && !place->unchosen)
		v->selected = place->pid;
}

static void reclaim_release(void *state)
{
	struct reclaim_view *v = state;

	free(v->rows);
	free(v->order);
}

/* ---- settling ---- */

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

static uint32_t kills_count(const struct mv_context *ctx)
{
	uint32_t count = 0;

	if (ctx->machine)
		mv_machine_kills(ctx->machine, &count);
	return count;
}

static uint32_t count_of(const struct reclaim_view *v, const struct mv_context *ctx)
{
	return v->pane == RECLAIM_KILLS ? kills_count(ctx) : v->count;
}

static void lay_out(struct reclaim_view *v, const struct mv_context *ctx, struct mv_rect area)
{
	int y = area.y, end = area.y + area.rows, rows = area.rows, detail = 0;
	struct reclaim_sums sums;
	struct mv_build b;

	v->area = area;
	v->path_y = v->bar_y = v->tabs_y = v->head_y = -1;
	v->text = area.cols >= 40 ? (struct mv_rect){area.y, area.x + 1, rows, area.cols - 2} : area;
	v->header_rows = rows >= 13 ? mv_header_rows(rows) : rows >= 8;
	y += v->header_rows;
	if (rows >= 9)
		v->path_y = y++;
	v->sums = (struct mv_rect){y, v->text.x, 0, v->text.cols};
	v->answer = v->sums;
	/* A kill in words needs the room more. */
	bool brief = v->pane == RECLAIM_KILLS && rows < 34;
	reclaim_sums_make(&sums, ctx);
	if (sums.have && rows >= 7 && !brief) {
		if (rows >= 12)
			v->bar_y = y++;
		v->sums = (struct mv_rect){y, v->text.x, rows >= 26 ? 8 : rows >= 16 ? 5 : 3, v->text.cols};
		v->sums.rows = reclaim_sums_draw(NULL, v->sums, &sums, ctx->exact);
		y += v->sums.rows;
	}
	y += rows >= 30;
	if (rows >= 14 && v->pane != RECLAIM_KILLS) {
		reclaim_answer(&b, v, ctx);
		v->answer = (struct mv_rect){
		    y, v->text.x, clamp(mv_wrap_rows(v->text.cols, mv_build_text(&b)), 0, rows >= 20 ? 2 : 1),
		    v->text.cols};
		y += v->answer.rows;
		y += rows >= 30;
	}
	if (end - y >= 2)
		v->tabs_y = y++;
	if (end - y >= 3)
		v->head_y = y++;
	if (v->pane == RECLAIM_KILLS && kills_count(ctx)) {
		/* What few kills do not need is the words'. */
		int left = end - y, table = clamp((int)kills_count(ctx), 1, left / 3 < 1 ? 1 : left / 3);

		detail = left - table > 2 ? left - table - 1 : 0;
	}
	v->table = (struct mv_rect){y, area.x + 2, end - y - detail - (detail > 0),
				    area.cols > 3 ? area.cols - 3 : 0};
	v->table.rows = v->table.rows < 0 ? 0 : v->table.rows;
	v->detail = (struct mv_rect){end - detail, v->text.x, detail, v->text.cols};
}

static uint32_t row_of(const struct reclaim_view *v, const struct mv_context *ctx)
{
	uint32_t count = count_of(v, ctx), tasks;

	if (v->pane == RECLAIM_KILLS) {
		const struct mv_kill *kills = ctx->machine ? mv_machine_kills(ctx->machine, &count) : NULL;

		for (uint32_t i = 0; v->selected_kill && i < count; i++)
			if (kills[i].boot_us == v->selected_kill)
				return i;
		return 0;
	}
	if (!v->selected || !count)
		return v->selected_group && v->at < count ? v->at : 0;
	const struct mv_task *task = mv_machine_tasks(ctx->machine, &tasks);
	/* In the pane of groups the same process may stand more than once: the nearest is meant. */
	if (v->at < count && !v->rows[v->at].is_group && task[v->rows[v->at].task].pid == v->selected)
		return v->at;
	for (uint32_t i = 0; i < count; i++)
		if (!v->rows[i].is_group && task[v->rows[i].task].pid == v->selected)
			return i;
	return v->at < count ? v->at : count - 1;
}

static void reclaim_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct reclaim_view *v = state;

	reclaim_rows_settle(v, ctx);
	lay_out(v, ctx, area);
	reclaim_victims_layout(v, ctx);
	reclaim_kills_layout(v, ctx);
	v->at = row_of(v, ctx);
	v->top = mv_table_scroll(v->top, v->at, count_of(v, ctx), v->table.rows);
}

static void reclaim_want(const void *state, const struct mv_context *ctx, struct mv_machine_want *want)
{
	(void)state;
	(void)ctx;
	/* The other panes' heads say how much is in them. */
	want->facts |= MV_MACHINE_TASKS | MV_MACHINE_OOM | MV_MACHINE_GROUPS | MV_MACHINE_KILLS;
}

/* ---- drawing ---- */

static void draw_tabs(const struct reclaim_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	static const struct mv_clean words[] = {{"who is next"}, {"in each cgroup"}, {"past kills"}};
	int x = v->text.x, end = x + v->text.cols;
	struct mv_build b;

	if (v->tabs_y < 0)
		return;
	for (int i = 0; i < RECLAIM__PANES && x < end; i++) {
		uint32_t count = i == RECLAIM_GROUPS ? v->limited : i == RECLAIM_KILLS ? kills_count(ctx) : 0;

		x += mv_canvas_text(c, v->tabs_y, x, end - x, i == (int)v->pane ? ROLE_SIDE_ON : ROLE_SIDE,
				    words[i]);
		if (count && x + 6 < end) {
			mv_build_init(&b);
			mv_build_fmt(&b, " %u", count);
			x += mv_canvas_build(c, v->tabs_y, x, end - x,
					     i == RECLAIM_KILLS ? ROLE_ALERT : ROLE_LABEL, &b);
		}
		x += 2;
	}
	for (int i = x; i < end; i++)
		mv_canvas_glyph2(c, v->tabs_y, i, ROLE_FRAME, U'─', '-');
}

static void reclaim_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *c,
			 struct mv_rect area)
{
	const struct reclaim_view *v = state;
	struct reclaim_sums sums;
	struct mv_build b;

	if (area.rows < 1 || area.cols < 1)
		return;
	if (v->header_rows)
		mv_machine_header_draw(
		    ctx, c, (struct mv_rect){area.y, area.x, v->header_rows > 1 ? area.rows : 1, area.cols});
	mv_machine_path_draw(ctx, c, v->path_y, v->text.x, v->text.cols, MV_TEXT("reclaim"), ROLE_LABEL,
			     NULL);
	reclaim_sums_make(&sums, ctx);
	if (sums.have && v->bar_y >= 0)
		mv_parts_draw(c, (struct mv_rect){v->bar_y, v->text.x, 1, v->text.cols}, sums.parts,
			      RECLAIM_PARTS);
	if (sums.have && v->sums.rows)
		reclaim_sums_draw(c, v->sums, &sums, ctx->exact);
	if (v->answer.rows) {
		enum mv_role role = reclaim_answer(&b, v, ctx);

		mv_wrap_draw(c, v->answer, role, mv_build_text(&b));
	}
	draw_tabs(v, ctx, c);
	if (v->pane == RECLAIM_KILLS)
		reclaim_kills_draw(v, ctx, c);
	else
		reclaim_victims_draw(v, ctx, c);
}

/* ---- keys ---- */

static struct mv_outcome select_row(struct reclaim_view *v, const struct mv_context *ctx, int64_t row)
{
	uint32_t count = count_of(v, ctx), n;

	if (!count)
		return mv_outcome_stay();
	v->at = row < 0 ? 0 : row >= (int64_t)count ? count - 1 : (uint32_t)row;
	if (v->pane == RECLAIM_KILLS) {
		v->selected_kill = mv_machine_kills(ctx->machine, &n)[v->at].boot_us;
	} else {
		const struct victim_row *at = &v->rows[v->at];

		v->selected = at->is_group ? 0 : mv_machine_tasks(ctx->machine, &n)[at->task].pid;
		v->selected_group = at->is_group;
	}
	v->top = mv_table_scroll(v->top, v->at, count, v->table.rows);
	return mv_outcome_stay();
}

static struct mv_outcome enter(struct reclaim_view *v, const struct mv_context *ctx)
{
	uint32_t n;

	if (v->pane == RECLAIM_KILLS)
		return mv_outcome_hint(kills_count(ctx) ? MV_TEXT("it has ended: there is nothing to open")
							: MV_TEXT("there is no process to open"));
	if (v->at >= v->count)
		return mv_outcome_hint(MV_TEXT("there is no process to open"));
	const struct victim_row *row = &v->rows[v->at];
	if (row->is_group)
		return (struct mv_outcome){
		    .kind = MV_OUT_PUSH,
		    .view = MV_VIEW_MACHINE,
		    .place = {.group = mv_group_key(ctx->machine,
						    &mv_machine_groups(ctx->machine, &n)[row->group])}};
	select_row(v, ctx, v->at);
	return (struct mv_outcome){.kind = MV_OUT_OPEN, .place = {.pid = v->selected}};
}

static struct mv_clean name_of(const struct reclaim_view *v, const struct mv_context *ctx, uint32_t row)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	uint32_t n;

	if (v->pane == RECLAIM_KILLS)
		return mv_machine_text(m, mv_machine_kills(m, &n)[row].name);
	if (v->rows[row].is_group)
		return mv_machine_text(m, mv_machine_groups(m, &n)[v->rows[row].group].path);
	return mv_machine_text(m, mv_machine_tasks(m, &n)[v->rows[row].task].name);
}

static struct mv_outcome find(struct reclaim_view *v, const struct mv_context *ctx, uint32_t from, bool back)
{
	uint32_t count = count_of(v, ctx);

	if (!v->find[0])
		return mv_outcome_hint(MV_TEXT("nothing was looked for yet; / finds a name"));
	for (uint32_t k = 1; k <= count; k++) {
		uint32_t row = (from + (back ? count - k : k)) % count;

		if (mv_holds(name_of(v, ctx, row), v->find))
			return select_row(v, ctx, row);
	}
	return mv_outcome_hint(MV_TEXT("nothing here is named so"));
}

static struct mv_outcome reclaim_answer_text(void *state, const struct mv_context *ctx, const char *text)
{
	struct reclaim_view *v = state;
	uint32_t count = count_of(v, ctx);

	if (!text[0])
		return mv_outcome_stay();
	strncpy(v->find, text, sizeof(v->find) - 1);
	v->find[sizeof(v->find) - 1] = '\0';
	return find(v, ctx, v->at ? v->at - 1 : count ? count - 1 : 0, false);
}

static struct mv_outcome next_pane(struct reclaim_view *v, const struct mv_context *ctx)
{
	v->pane = (enum reclaim_pane)((v->pane + 1) % RECLAIM__PANES);
	v->at = v->top = 0;
	reclaim_settle(v, ctx, v->area);
	return mv_outcome_stay();
}

static struct mv_outcome reclaim_act(void *state, const struct mv_context *ctx, enum mv_action action,
				     struct mv_input input)
{
	struct reclaim_view *v = state;
	int64_t at = v->at, row;

	if (mv_move_to(action, at, v->table.rows, &row))
		return select_row(v, ctx, row);
	switch (action) {
	case MV_ACT_ENTER:
		return enter(v, ctx);
	case MV_ACT_PANE:
		return next_pane(v, ctx);
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK, .text = MV_TEXT("find a name: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find(v, ctx, v->at, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		if (input.key == MV_KEY_CLICK && input.y >= v->table.y &&
		    input.y < v->table.y + v->table.rows &&
		    v->top + (uint32_t)(input.y - v->table.y) < count_of(v, ctx))
			return select_row(v, ctx, (int64_t)v->top + input.y - v->table.y);
		return mv_outcome_none();
	default:
		return mv_outcome_none();
	}
}

static bool meaning(const void *state, const struct mv_context *ctx, unsigned n, struct mv_meaning *m)
{
	return reclaim_meaning(state, ctx, n, m);
}

static struct mv_clean reclaim_enter_words(const void *state, const struct mv_context *ctx)
{
	const struct reclaim_view *v = state;

	(void)ctx;
	return v->pane != RECLAIM_KILLS && v->at < v->count && v->rows[v->at].is_group
		   ? MV_TEXT("its processes")
		   : MV_TEXT("open");
}

static struct mv_place reclaim_place(const void *state, const struct mv_context *ctx)
{
	const struct reclaim_view *v = state;

	(void)ctx;
	return (struct mv_place){.pid = v->selected, .unchosen = !v->selected};
}

const struct mv_view_ops mv_view_reclaim = {
    .id = MV_VIEW_RECLAIM,
    .letter = 'c',
    .name = {"Reclaim"},
    .state_bytes = sizeof(struct reclaim_view),
    .init = reclaim_init,
    .release = reclaim_release,
    .go = reclaim_go,
    .settle = reclaim_settle,
    .want_machine = reclaim_want,
    .draw = reclaim_draw,
    .act = reclaim_act,
    .answer = reclaim_answer_text,
    .meaning = meaning,
    .enter_words = reclaim_enter_words,
    .place = reclaim_place,
};
