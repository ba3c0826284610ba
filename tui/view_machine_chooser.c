/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_machine.h"

/* The chooser: columns with check marks, or whose processes are shown; a box over the table. */

enum choice_kind { CHOICE_COLUMN, CHOICE_KERNEL, CHOICE_NAME, CHOICE_ALL, CHOICE_MINE, CHOICE_USER };
struct choice {
	enum choice_kind kind;
	uint32_t id; /* column or uid */
	uint32_t count;
	uint64_t bytes;
};
struct choices {
	struct choice at[TASK_USERS_MAX + TASK__COLUMNS + 4];
	uint32_t count;
};

static void note_user(struct choices *list, uint32_t first, const struct mv_task *task)
{
	uint32_t uid = (uint32_t)task->uid.value, i = first;

	while (i < list->count && list->at[i].id != uid)
		i++;
	if (i == list->count) {
		if (list->count - first == TASK_USERS_MAX)
			return;
		list->at[list->count++] = (struct choice){.kind = CHOICE_USER, .id = uid};
	}
	list->at[i].count++;
	list->at[i].bytes += task->rss_bytes;
}

static int by_bytes(const void *pa, const void *pb)
{
	const struct choice *a = pa, *b = pb;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return (a->id > b->id) - (a->id < b->id);
}

static void list_users(struct choices *list, const struct mv_context *ctx)
{
	uint32_t count = 0;
	const struct mv_task *tasks = ctx->machine ? mv_machine_tasks(ctx->machine, &count) : NULL;
	struct choice kernel = {.kind = CHOICE_KERNEL}, name = {.kind = CHOICE_NAME},
		      all = {.kind = CHOICE_ALL}, mine = {.kind = CHOICE_MINE, .id = ctx->own_uid};

	list->count = 3 + ctx->own_uid_known;
	uint32_t first = list->count;
	for (uint32_t i = 0; i < count; i++) {
		if (tasks[i].flags & MV_TASK_KERNEL) {
			kernel.count++;
			continue;
		}
		all.count++;
		all.bytes += tasks[i].rss_bytes;
		if (!mv_have(&tasks[i].uid))
			continue;
		if (tasks[i].uid.value == ctx->own_uid) {
			mine.count++;
			mine.bytes += tasks[i].rss_bytes;
		}
		note_user(list, first, &tasks[i]);
	}
	list->at[0] = kernel;
	list->at[1] = name;
	list->at[2] = all;
	if (ctx->own_uid_known)
		list->at[3] = mine;
	qsort(list->at + first, list->count - first, sizeof(*list->at), by_bytes);
}

static void make_list(struct choices *list, const struct machine_view *v, const struct mv_context *ctx)
{
	list->count = 0;
	if (v->chooser == TASK_CHOOSE_FILTER) {
		list_users(list, ctx);
		return;
	}
	for (uint32_t i = 0; i < TASK__COLUMNS; i++)
		if (i != TASK_PID && i != TASK_NAME)
			list->at[list->count++] = (struct choice){.kind = CHOICE_COLUMN, .id = i};
}

static bool is_on(const struct machine_view *v, const struct mv_context *ctx, const struct choice *choice)
{
	switch (choice->kind) {
	case CHOICE_COLUMN:
		return v->columns_on >> choice->id & 1;
	case CHOICE_KERNEL:
		return v->order.kernel;
	case CHOICE_NAME:
		return v->order.name[0] != '\0';
	case CHOICE_ALL:
		return !v->order.by_user;
	case CHOICE_MINE:
		return v->order.by_user && v->order.uid == choice->id;
	default:
		/* One's own is marked once, as "mine". */
		return v->order.by_user && v->order.uid == choice->id &&
		       !(ctx->own_uid_known && choice->id == ctx->own_uid);
	}
}

static void draw_choice(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c,
			int y, int x, int cols, const struct choice *choice)
{
	bool on = is_on(v, ctx, choice), check = choice->kind <= CHOICE_NAME;
	struct mv_build b;

	mv_canvas_text(c, y, x, 3, ROLE_KEY,
		       check ? on ? MV_TEXT("[x]") : MV_TEXT("[ ]")
		       : on ? MV_TEXT("(x)")
			     : MV_TEXT("( )"));
	mv_build_init(&b);
	if (choice->kind == CHOICE_COLUMN) {
		bool no_room = on && !v->columns[choice->id].w;

		mv_canvas_text(c, y, x + 4, 9, no_room ? ROLE_DIM : ROLE_TEXT,
			       task_column_heading((enum task_column)choice->id));
		if (no_room)
			mv_build_clean(&b, MV_TEXT("no room: "));
		mv_build_clean(&b, task_column_words((enum task_column)choice->id));
		mv_canvas_build(c, y, x + 14, cols - 14, ROLE_DIM, &b);
		return;
	}
	if (choice->kind == CHOICE_NAME) {
		char clean[128];

		mv_build_clean(&b, v->order.name[0] ? MV_TEXT("only names with ")
						    : MV_TEXT("only names with ... (/)"));
		mv_build_clean(&b, mv_clean_into(clean, sizeof(clean), v->order.name, strlen(v->order.name)));
		mv_canvas_build(c, y, x + 4, cols - 4, ROLE_TEXT, &b);
		return;
	}
	if (choice->kind == CHOICE_USER)
		mv_user_build(&b, ctx, &(struct mv_val){.value = choice->id, .why = MV_WHY_HAVE});
	else
		mv_build_clean(&b, choice->kind == CHOICE_KERNEL ? MV_TEXT("kernel threads too")
				   : choice->kind == CHOICE_ALL	 ? MV_TEXT("all users")
								 : MV_TEXT("mine"));
	mv_canvas_build(c, y, x + 4, cols < 40 ? cols - 12 : 20, ROLE_TEXT, &b);
	mv_build_init(&b);
	mv_build_count(&b, choice->count);
	mv_canvas_text_right(c, y, cols < 40 ? x + cols - 7 : x + 24, 7, ROLE_TEXT, mv_build_text(&b));
	if (choice->kind == CHOICE_KERNEL || cols < 40)
		return;
	mv_build_init(&b);
	mv_build_size(&b, choice->bytes);
	mv_canvas_text_right(c, y, x + 32, 7, ROLE_DIM, mv_build_text(&b));
}

void machine_chooser_draw(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *area = &v->geo.area;
	struct choices list;
	int y = v->geo.headings_y >= 0 ? v->geo.headings_y : v->geo.table.y, cols = area->cols - 4;

	make_list(&list, v, ctx);
	int rows = (int)list.count + 2, most = v->chooser == TASK_CHOOSE_COLUMNS ? 84 : 46;
	cols = cols > most ? most : cols;
	rows = rows > area->y + area->rows - y ? area->y + area->rows - y : rows;
	if (rows < 3 && area->rows > 3) {
		y = area->y;
		rows = area->rows;
	}
	struct mv_rect r = {y, area->x + 2, rows, cols};
	/* What would peep out beside it is too little to read. */
	bool alone = cols + 40 > area->cols;
	mv_canvas_fill(c, alone ? (struct mv_rect){y, area->x, rows, area->cols} : r, ROLE_TEXT, U' ');
	struct mv_rect in = mv_canvas_box(c, r,
					  v->chooser == TASK_CHOOSE_COLUMNS
					      ? MV_TEXT("columns  Space chooses, Esc closes")
					      : MV_TEXT("whose processes  Space chooses, Esc closes"));
	uint32_t top = mv_table_scroll(0, v->chooser_at, list.count, in.rows);
	for (int i = 0; i < in.rows && top + (uint32_t)i < list.count; i++) {
		draw_choice(v, ctx, c, in.y + i, in.x + 1, in.cols - 2, &list.at[top + (uint32_t)i]);
		if (top + (uint32_t)i == v->chooser_at)
			mv_canvas_attr(c, (struct mv_rect){in.y + i, in.x, 1, in.cols}, MV_ATTR_CURSOR);
	}
}

static void choose(struct machine_view *v, const struct choice *choice)
{
	switch (choice->kind) {
	case CHOICE_COLUMN:
		v->columns_on ^= UINT32_C(1) << choice->id;
		break;
	case CHOICE_KERNEL:
		v->order.kernel = !v->order.kernel;
		break;
	case CHOICE_NAME:
		v->order.name[0] = '\0';
		break;
	case CHOICE_ALL:
		v->order.by_user = false;
		break;
	default:
		v->order.by_user = true;
		v->order.uid = choice->id;
	}
}

struct mv_outcome machine_chooser_act(struct machine_view *v, const struct mv_context *ctx,
				      enum mv_action action, struct mv_input input)
{
	struct choices list;
	uint32_t at = v->chooser_at;

	make_list(&list, v, ctx);
	if (input.key == ' ' || action == MV_ACT_ENTER) {
		if (at < list.count && list.at[at].kind == CHOICE_NAME && !v->order.name[0])
			return machine_ask_name(v);
		if (at < list.count)
			choose(v, &list.at[at]);
		return mv_outcome_stay();
	}
	switch (action) {
	case MV_ACT_UP:
		at -= at > 0;
		break;
	case MV_ACT_DOWN:
		at += at + 1 < list.count;
		break;
	case MV_ACT_PAGE_UP:
		at -= at > 10 ? 10 : at;
		break;
	case MV_ACT_PAGE_DOWN:
		at = at + 10 < list.count ? at + 10 : list.count ? list.count - 1 : 0;
		break;
	case MV_ACT_FIRST:
		at = 0;
		break;
	case MV_ACT_LAST:
		at = list.count ? list.count - 1 : 0;
		break;
	case MV_ACT_FIND:
		if (v->chooser == TASK_CHOOSE_FILTER)
			return machine_ask_name(v);
		break;
	case MV_ACT_QUIT:
	case MV_ACT_HELP:
	case MV_ACT_REDRAW:
	case MV_ACT_THEME:
	case MV_ACT_SAVE:
		return mv_outcome_none();
	case MV_ACT_BACK:
	case MV_ACT_COLUMNS:
	case MV_ACT_FILTER:
		v->chooser = TASK_CHOOSE_NOTHING;
		break;
	default:
		break;
	}
	v->chooser_at = at;
	return mv_outcome_stay();
}
