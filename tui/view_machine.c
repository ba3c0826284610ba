/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "tui/view_machine.h"

/* The machine view: where things are, keys. */

/* ---- life ---- */

static void machine_go(void *state, const struct mv_place *place)
{
	struct machine_view *v = state;

	if (place->pid && !(place->unchosen && v->selected.set))
		v->selected =
		    (struct task_identity){.set = true, .kind = TASK_ROW_PROCESS, .pid = place->pid};
}

static int machine_init(void *state, const struct mv_place *place)
{
	struct machine_view *v = state;

	v->columns_on = task_columns_default();
	v->order.sort = TASK_GROWTH;
	v->order.group = place->group;
	if (!place->unchosen)
		machine_go(state, place);
	return 0;
}

static void machine_release(void *state)
{
	struct machine_view *v = state;

	task_rows_release(&v->rows);
}

/* ---- settling, want, drawing ---- */

static void machine_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct machine_view *v = state;

	machine_lay_out(v, ctx, area);
	task_columns_layout(v, ctx);
	task_rows_settle(&v->rows, ctx, &v->order);
	v->at = task_rows_find(&v->rows, ctx, &v->selected, v->at);
	v->top = mv_table_scroll(v->top, v->at, v->rows.count, v->geo.table.rows);
}

static void machine_want(const void *state, const struct mv_context *ctx, struct mv_machine_want *want)
{
	const struct machine_view *v = state;

	want->facts |= MV_MACHINE_TASKS;
	if (v->order.group || v->order.tree == TASK_BY_SERVICE || v->columns[TASK_SERVICE].w ||
	    v->order.sort == TASK_SERVICE)
		want->facts |= MV_MACHINE_GROUPS;
	if (v->columns[TASK_OOM].w || v->order.sort == TASK_OOM)
		want->facts |= MV_MACHINE_OOM;
	if (!v->columns[TASK_PSS].w)
		return;
	/* What each process's PSS costs, only the rows in sight are worth. */
	for (int i = 0; i < v->geo.table.rows && want->visible_count < MV_MACHINE_VISIBLE; i++) {
		uint32_t n = v->top + (uint32_t)i;
		const struct mv_task *task = n < v->rows.count ? task_at(ctx, &v->rows.at[n]) : NULL;

		if (task && !(task->flags & (MV_TASK_KERNEL | MV_TASK_ZOMBIE)))
			want->visible[want->visible_count++] = task->pid;
	}
}

static void draw_rows(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->geo.table;

	if (v->geo.headings_y >= 0)
		mv_table_headings(c, v->geo.headings_y, v->columns, TASK__COLUMNS, (int)v->order.sort,
				  task_column_ascends(v->order.sort) != v->order.reverse);
	for (int i = 0; i < t->rows && v->top + (uint32_t)i < v->rows.count; i++) {
		uint32_t n = v->top + (uint32_t)i;

		task_row_draw(v, ctx, c, t->y + i, &v->rows.at[n]);
		if (n == v->at)
			mv_cell_cursor(c, t->y + i, *t, true);
	}
}

static void machine_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *c,
			 struct mv_rect area)
{
	const struct machine_view *v = state;
	struct mv_build b;

	if (area.rows < 1 || area.cols < 1)
		return;
	mv_machine_header_draw(ctx, c, area);
	machine_ram_draw(v, ctx, c);
	if (v->geo.answer_y >= 0) {
		int x = area.x + (area.cols >= 40);
		enum mv_role role = machine_answer(&b, v, ctx);

		mv_canvas_build(c, v->geo.answer_y, x, area.x + area.cols - x, role, &b);
	}
	if (v->rows.count)
		draw_rows(v, ctx, c);
	else
		machine_nothing_draw(v, ctx, c);
	machine_note_draw(v, ctx, c);
	if (v->chooser != TASK_CHOOSE_NOTHING)
		machine_chooser_draw(v, ctx, c);
}

/* ---- keys ---- */

static struct mv_outcome say(struct machine_view *v, struct mv_clean text)
{
	mv_build_init(&v->hint);
	mv_build_clean(&v->hint, text);
	return mv_outcome_hint(mv_build_text(&v->hint));
}

static struct mv_outcome select_row(struct machine_view *v, const struct mv_context *ctx, int64_t row)
{
	if (!v->rows.count)
		return mv_outcome_stay();
	v->at = row < 0 ? 0 : row >= (int64_t)v->rows.count ? v->rows.count - 1 : (uint32_t)row;
	v->selected = task_identity_of(&v->rows, ctx, v->at);
	v->top = mv_table_scroll(v->top, v->at, v->rows.count, v->geo.table.rows);
	return mv_outcome_stay();
}

static struct mv_outcome resettle(struct machine_view *v, const struct mv_context *ctx)
{
	machine_settle(v, ctx, v->geo.area);
	return mv_outcome_stay();
}

/* The order is another: one wants to see what is first in it. */
static struct mv_outcome reordered(struct machine_view *v, const struct mv_context *ctx)
{
	v->selected = (struct task_identity){0};
	v->top = 0;
	return resettle(v, ctx);
}

static struct mv_outcome sort_by(struct machine_view *v, const struct mv_context *ctx,
				 enum task_column column, bool turn)
{
	v->order.reverse = turn && v->order.sort == column && !v->order.reverse;
	v->order.sort = column;
	return reordered(v, ctx);
}

static struct mv_outcome sort_next(struct machine_view *v, const struct mv_context *ctx)
{
	int column = (int)v->order.sort;

	do
		column = (column + 1) % TASK__COLUMNS;
	while (column != (int)v->order.sort && !v->columns[column].w);
	return sort_by(v, ctx, (enum task_column)column, false);
}

static struct mv_outcome fold(struct machine_view *v, const struct mv_context *ctx, bool open)
{
	if (task_rows_turn(&v->rows, ctx, v->at, open))
		return resettle(v, ctx);
	/* From what is below a row, back to it. */
	if (!open && v->at < v->rows.count && v->rows.at[v->at].depth) {
		uint32_t row = v->at;

		while (row > 0 && v->rows.at[row].depth >= v->rows.at[v->at].depth)
			row--;
		return select_row(v, ctx, row);
	}
	return mv_outcome_stay();
}

static struct mv_outcome enter(struct machine_view *v, const struct mv_context *ctx)
{
	const struct task_row *row = v->at < v->rows.count ? &v->rows.at[v->at] : NULL;
	const struct mv_task *task = row ? task_at(ctx, row) : NULL;

	if (!row)
		return say(v, MV_TEXT("there is no process to open"));
	if (!task)
		return fold(v, ctx, !row->open);
	v->selected = task_identity_of(&v->rows, ctx, v->at);
	return (struct mv_outcome){.kind = MV_OUT_OPEN, .place = {.pid = task->pid}};
}

static struct mv_outcome search(struct machine_view *v, const struct mv_context *ctx, uint32_t from,
				bool back)
{
	uint32_t count = v->rows.count;

	if (!v->find[0])
		return say(v, MV_TEXT("nothing was looked for yet; / finds a name or a PID"));
	for (uint32_t k = 1; k <= count; k++) {
		uint32_t row = (from + (back ? count - k : k)) % count;

		if (task_row_matches(ctx, &v->rows.at[row], v->find))
			return select_row(v, ctx, row);
	}
	return say(v, MV_TEXT("no process that is shown has this name or PID"));
}

struct mv_outcome machine_ask_name(struct machine_view *v)
{
	v->chooser = TASK_CHOOSE_NOTHING;
	v->asking_name = true;
	return (struct mv_outcome){.kind = MV_OUT_ASK, .text = MV_TEXT("only processes whose name holds: ")};
}

static struct mv_outcome machine_answer_text(void *state, const struct mv_context *ctx, const char *text)
{
	struct machine_view *v = state;
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	if (v->asking_name) {
		len = len < sizeof(v->order.name) ? len : sizeof(v->order.name) - 1;
		memcpy(v->order.name, text, len);
		v->order.name[len] = '\0';
		return reordered(v, ctx);
	}
	len = len < sizeof(v->find) ? len : sizeof(v->find) - 1;
	memcpy(v->find, text, len);
	v->find[len] = '\0';
	if (!len)
		return mv_outcome_stay();
	/* The row under the cursor counts too. */
	return search(v, ctx, v->at ? v->at - 1 : v->rows.count ? v->rows.count - 1 : 0, false);
}

static struct mv_outcome click(struct machine_view *v, const struct mv_context *ctx, struct mv_input input)
{
	const struct mv_rect *t = &v->geo.table;
	int64_t row = (int64_t)v->top + input.y - t->y;

	if (input.key != MV_KEY_CLICK)
		return mv_outcome_none();
	if (v->geo.headings_y >= 0 && input.y == v->geo.headings_y) {
		for (int i = 0; i < TASK__COLUMNS; i++)
			if (v->columns[i].w && input.x >= v->columns[i].x &&
			    input.x < v->columns[i].x + v->columns[i].w)
				return sort_by(v, ctx, (enum task_column)i, true);
		return mv_outcome_none();
	}
	if (input.y < t->y || input.y >= t->y + t->rows || row >= (int64_t)v->rows.count)
		return mv_outcome_none();
	return select_row(v, ctx, row);
}

static struct mv_outcome open_chooser(struct machine_view *v, enum task_chooser chooser)
{
	v->chooser = chooser;
	v->chooser_at = 0;
	return mv_outcome_stay();
}

static struct mv_outcome machine_act(void *state, const struct mv_context *ctx, enum mv_action action,
				     struct mv_input input)
{
	struct machine_view *v = state;
	int64_t at = v->at, row;

	if (v->chooser != TASK_CHOOSE_NOTHING) {
		struct mv_outcome out = machine_chooser_act(v, ctx, action, input);

		machine_settle(v, ctx, v->geo.area);
		return out;
	}
	if (mv_move_to(action, at, v->geo.table.rows, &row))
		return select_row(v, ctx, row);
	switch (action) {
	case MV_ACT_LEFT:
	case MV_ACT_RIGHT:
		return fold(v, ctx, action == MV_ACT_RIGHT);
	case MV_ACT_ENTER:
		return enter(v, ctx);
	case MV_ACT_SORT:
		return sort_next(v, ctx);
	case MV_ACT_REVERSE:
		v->order.reverse = !v->order.reverse;
		return reordered(v, ctx);
	case MV_ACT_GROUP:
		v->order.tree = (enum task_tree)((v->order.tree + 1) % TASK_TREE__N);
		return resettle(v, ctx);
	case MV_ACT_FILTER:
		return input.key == U'/' ? machine_ask_name(v) : open_chooser(v, TASK_CHOOSE_FILTER);
	case MV_ACT_COLUMNS:
		return open_chooser(v, TASK_CHOOSE_COLUMNS);
	case MV_ACT_FIND:
		v->asking_name = false;
		return (struct mv_outcome){.kind = MV_OUT_ASK, .text = MV_TEXT("find a name or a PID: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return search(v, ctx, v->at, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return click(v, ctx, input);
	default:
		return mv_outcome_none();
	}
}

/* ---- what it is ---- */

static bool machine_meaning(const void *state, const struct mv_context *ctx, unsigned n, struct mv_meaning *m)
{
	const struct machine_view *v = state;

	/* First what one looks at: the column sorted by; then from left to right. */
	if (n == 0)
		return task_column_meaning(v, ctx, v->order.sort, m);
	for (int i = 0; i < TASK__COLUMNS; i++)
		if (v->columns[i].w && i != (int)v->order.sort && --n == 0)
			return task_column_meaning(v, ctx, (enum task_column)i, m);
	return false;
}

static struct mv_clean machine_enter_words(const void *state, const struct mv_context *ctx)
{
	const struct machine_view *v = state;

	(void)ctx;
	if (v->chooser != TASK_CHOOSE_NOTHING)
		return MV_TEXT("choose");
	if (v->at < v->rows.count && v->rows.at[v->at].kind == TASK_ROW_SERVICE)
		return v->rows.at[v->at].open ? MV_TEXT("fold") : MV_TEXT("unfold");
	return MV_TEXT("open");
}

static struct mv_place machine_place(const void *state, const struct mv_context *ctx)
{
	const struct machine_view *v = state;
	struct task_identity who = task_identity_of(&v->rows, ctx, v->at);

	return (struct mv_place){.pid = who.pid, .group = v->order.group, .unchosen = !v->selected.set};
}

const struct mv_view_ops mv_view_machine = {
    .id = MV_VIEW_MACHINE,
    .letter = 'M',
    .name = {"Machine"},
    .state_bytes = sizeof(struct machine_view),
    .init = machine_init,
    .release = machine_release,
    .go = machine_go,
    .settle = machine_settle,
    .want_machine = machine_want,
    .draw = machine_draw,
    .act = machine_act,
    .answer = machine_answer_text,
    .meaning = machine_meaning,
    .enter_words = machine_enter_words,
    .place = machine_place,
};
