/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_reclaim.h"

/* Who would be killed, in order, with the sum taken apart: machine-wide, and in each group that has a limit.
 */

// clang-format off
#define COLUMNS(X)                                              \
	X(PID, "PID", 7, 7, 0, true)                            \
	X(USER, "USER", 8, 8, 6, false)                         \
	X(BADNESS, "BADNESS", 7, 7, 0, true)                    \
	X(RSS, "= RSS", 6, 6, 3, true)                          \
	X(SWAP, "+ SWAP", 6, 6, 4, true)                        \
	X(TABLES, "+ TABLES", 8, 8, 5, true)                    \
	X(ADJUST, "+ ADJ", 13, 13, 2, true)                     \
	X(SCORE, "SCORE", 5, 5, 7, true)                        \
	X(FREES, "FREES", 6, 6, 1, true)                        \
	X(NAME, "NAME", 16, 10, 0, false)
// clang-format on

static const struct {
	struct mv_clean heading;
	int width, min_width, give_up;
	bool right;
} infos[VICTIM__COLUMNS] = {
#define X(id, heading, width, min, give, right) [VICTIM_##id] = {{heading}, width, min, give, right},
    COLUMNS(X)
#undef X
};

void reclaim_victims_layout(struct reclaim_view *v, const struct mv_context *ctx)
{
	for (int i = 0; i < VICTIM__COLUMNS; i++) {
		v->victims[i] = (struct mv_column){.heading = infos[i].heading,
						   .width = infos[i].width,
						   .min_width = infos[i].min_width,
						   .give_up = infos[i].give_up,
						   .right = infos[i].right,
						   .on = true};
		if (ctx->exact && i >= VICTIM_BADNESS && i <= VICTIM_FREES && i != VICTIM_SCORE)
			v->victims[i].width = v->victims[i].min_width = i == VICTIM_ADJUST ? 22 : 14;
	}
	if (v->table.cols >= 60)
		v->victims[VICTIM_NAME].min_width = 14;
	mv_table_layout(v->victims, VICTIM__COLUMNS, v->table.cols, VICTIM_NAME);
	for (int i = 0; i < VICTIM__COLUMNS; i++)
		v->victims[i].x += v->table.x;
}

/* ---- the sum ---- */

static uint64_t known(struct mv_val v)
{
	return mv_have(&v) ? v.value : 0;
}

struct badness badness_of(const struct mv_context *ctx, const struct mv_task *task, uint32_t group)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	uint64_t page = m->page_bytes ? m->page_bytes : 4096;
	struct badness bad = {.rss = task->rss_bytes,
			      .swap = known(task->swap_bytes),
			      .tables = known(task->tables_bytes),
			      .total = m->total_pages};
	uint32_t count;
	const struct mv_group *groups = mv_machine_groups(m, &count);

	if (group < count && mv_have(&groups[group].limit))
		bad.total = groups[group].limit.value / page;
	bad.sum = mv_oom_badness(task, page, bad.total) * (int64_t)page;
	bad.adjust = bad.sum - (int64_t)(bad.rss + bad.swap + bad.tables);
	/* Pages are counted whole; what was not set is not there. */
	if (!mv_have(&task->oom_adjust) || task->oom_adjust.value == 1000 ||
	    llabs(bad.adjust) < (int64_t)page)
		bad.adjust = 0;
	return bad;
}

/* ---- rows ---- */

static int make_room(struct reclaim_view *v, uint32_t tasks, uint32_t rows)
{
	if (tasks > v->order_cap) {
		uint32_t *order = reallocarray(v->order, tasks, sizeof(*order));

		if (!order)
			return -1;
		v->order = order;
		v->order_cap = tasks;
	}
	if (rows > v->cap) {
		struct victim_row *at = reallocarray(v->rows, rows, sizeof(*at));

		if (!at)
			return -1;
		v->rows = at;
		v->cap = rows;
	}
	return 0;
}

static void add_group(struct reclaim_view *v, const struct mv_context *ctx, uint32_t group, uint32_t most)
{
	size_t count = mv_oom_order(ctx->machine, group, v->order, v->order_cap);

	if (group != MV_TASK_NO_GROUP)
		v->rows[v->count++] = (struct victim_row){.group = group, .is_group = true};
	for (size_t i = 0; i < count && i < most; i++)
		v->rows[v->count++] = (struct victim_row){.task = v->order[i], .group = group};
}

/* How much of its limit it uses, in parts of 65536. */
static uint64_t fullness(const struct mv_group *g)
{
	if (!mv_have(&g->usage) || !g->limit.value)
		return 0;
	return (uint64_t)((double)g->usage.value / (double)g->limit.value * 65536);
}

/* The fullest first: it is the next to kill. */
static void add_groups(struct reclaim_view *v, const struct mv_context *ctx, const struct mv_group *g,
		       uint32_t groups)
{
	uint32_t last = MV_TASK_NO_GROUP;

	for (uint32_t n = 0; n < v->limited; n++) {
		uint32_t next = MV_TASK_NO_GROUP;

		for (uint32_t i = 0; i < groups; i++) {
			if (!mv_have(&g[i].limit))
				continue;
			bool later = last == MV_TASK_NO_GROUP || fullness(&g[i]) < fullness(&g[last]) ||
				     (fullness(&g[i]) == fullness(&g[last]) && i > last);

			if (later && (next == MV_TASK_NO_GROUP || fullness(&g[i]) > fullness(&g[next])))
				next = i;
		}
		if (next == MV_TASK_NO_GROUP)
			return;
		add_group(v, ctx, next, VICTIMS_OF_GROUP);
		last = next;
	}
}

void reclaim_rows_settle(struct reclaim_view *v, const struct mv_context *ctx)
{
	uint32_t tasks, groups;

	if (!ctx->machine || (v->made && v->made_seq == ctx->machine->seq && v->made_pane == v->pane))
		return;
	v->made = true;
	v->made_seq = ctx->machine->seq;
	v->made_pane = v->pane;
	v->count = v->limited = 0;
	mv_machine_tasks(ctx->machine, &tasks);
	const struct mv_group *g = mv_machine_groups(ctx->machine, &groups);
	for (uint32_t i = 0; i < groups; i++)
		v->limited += mv_have(&g[i].limit);
	v->short_of_memory = make_room(v, tasks, tasks + v->limited * (VICTIMS_OF_GROUP + 1)) < 0;
	if (v->short_of_memory || v->pane == RECLAIM_KILLS)
		return;
	if (v->pane == RECLAIM_MACHINE) {
		if (tasks)
			add_group(v, ctx, MV_TASK_NO_GROUP, tasks);
		return;
	}
	add_groups(v, ctx, g, groups);
}

/* ---- drawing ---- */

static void draw_group(const struct reclaim_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		       const struct mv_group *g)
{
	int x = v->table.x, end = v->table.x + v->table.cols;
	bool full = mv_have(&g->usage) && g->usage.value >= g->limit.value / 10 * 9;
	struct mv_build b;

	x += mv_canvas_text(c, y, x, end - x, ROLE_STRONG, mv_machine_text(ctx->machine, g->path)) + 2;
	if (!mv_have(&g->usage) || x >= end)
		return;
	mv_build_init(&b);
	mv_size_build(&b, g->usage.value, ctx->exact);
	mv_build_clean(&b, MV_TEXT(" of "));
	mv_size_build(&b, g->limit.value, ctx->exact);
	x += mv_canvas_build(c, y, x, end - x, full ? ROLE_WARN : ROLE_TEXT, &b) + 1;
	if (end - x >= 10)
		mv_bar_draw(c, y, x, end - x > 20 ? 20 : end - x, full ? ROLE_WARN : ROLE_RAM_USED,
			    g->usage.value, g->limit.value);
}

/* "+2.1G (+300)" */
static void build_adjust(struct mv_build *b, const struct mv_task *task, int64_t adjust, bool exact)
{
	mv_build_init(b);
	if (!mv_have(&task->oom_adjust)) {
		mv_build_clean(b, MV_TEXT("-"));
		return;
	}
	if (task->oom_adjust.value == 1000) {
		mv_build_clean(b, MV_TEXT("0"));
		return;
	}
	mv_build_clean(b, adjust < 0 ? MV_TEXT("-") : MV_TEXT("+"));
	mv_size_build(b, (uint64_t)llabs(adjust), exact);
	mv_build_fmt(b, " (%+d)", (int)task->oom_adjust.value - 1000);
}

static void draw_victim(const struct reclaim_view *v, const struct mv_context *ctx, struct mv_canvas *c,
			int y, const struct victim_row *row, const struct mv_task *task)
{
	const struct mv_column *col = v->victims;
	struct badness bad = badness_of(ctx, task, row->group);
	uint64_t page = ctx->machine->page_bytes ? ctx->machine->page_bytes : 4096;
	bool hit = v->find[0] && mv_holds(mv_machine_text(ctx->machine, task->name), v->find);
	struct mv_build b;

	mv_build_init(&b);
	mv_build_fmt(&b, "%d", task->pid);
	mv_cell_put(c, y, &col[VICTIM_PID], ROLE_TEXT, &b);
	mv_build_init(&b);
	mv_user_build(&b, ctx, &task->uid);
	mv_cell_put(c, y, &col[VICTIM_USER], ROLE_TEXT, &b);
	mv_cell_size(c, y, &col[VICTIM_BADNESS], ROLE_STRONG, mv_val_of(bad.sum > 0 ? (uint64_t)bad.sum : 0),
		     ctx->exact);
	mv_cell_size(c, y, &col[VICTIM_RSS], ROLE_TEXT, mv_val_of(bad.rss), ctx->exact);
	mv_cell_size(c, y, &col[VICTIM_SWAP], ROLE_RAM_SWAP, task->swap_bytes, ctx->exact);
	mv_cell_size(c, y, &col[VICTIM_TABLES], ROLE_TEXT, task->tables_bytes, ctx->exact);
	build_adjust(&b, task, bad.adjust, ctx->exact);
	mv_cell_put(c, y, &col[VICTIM_ADJUST], bad.adjust ? ROLE_WARN : ROLE_DIM, &b);
	struct mv_val score =
	    mv_have(&task->oom_score) && row->group == MV_TASK_NO_GROUP
		? task->oom_score
		: mv_val_of(mv_oom_scale(bad.sum / (int64_t)page, bad.total ? bad.total : 1));
	mv_cell_count(c, y, &col[VICTIM_SCORE], ROLE_TEXT, score);
	mv_cell_size(c, y, &col[VICTIM_FREES], ROLE_GOOD, mv_oom_frees(task), ctx->exact);
	mv_canvas_text(c, y, col[VICTIM_NAME].x, col[VICTIM_NAME].w, hit ? ROLE_FOUND : ROLE_TEXT,
		       mv_machine_text(ctx->machine, task->name));
}

static struct mv_clean nothing_words(const struct reclaim_view *v, const struct mv_context *ctx)
{
	const struct mv_machine_snapshot *m = ctx->machine;

	if (v->short_of_memory)
		return MV_TEXT("memview ran out of memory for the table");
	if (!m || !m->tasks_ns)
		return MV_TEXT("reading the processes");
	if (v->pane == RECLAIM_MACHINE)
		return MV_TEXT("no process could be killed");
	if (!mv_have(&m->groups_why) && m->groups_why.why != MV_WHY_NOT_READ)
		return MV_TEXT("there are no memory cgroups");
	return m->groups_ns ? MV_TEXT("no memory cgroup has a limit") : MV_TEXT("reading the memory cgroups");
}

void reclaim_victims_draw(const struct reclaim_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->table;
	uint32_t tasks, groups;
	const struct mv_task *task = ctx->machine ? mv_machine_tasks(ctx->machine, &tasks) : NULL;
	const struct mv_group *g = ctx->machine ? mv_machine_groups(ctx->machine, &groups) : NULL;

	if (!v->count) {
		if (t->rows)
			mv_canvas_text(c, t->y, t->x, t->cols, ROLE_DIM, nothing_words(v, ctx));
		return;
	}
	if (v->head_y >= 0)
		mv_table_headings(c, v->head_y, v->victims, VICTIM__COLUMNS, VICTIM_BADNESS, false);
	for (int i = 0; i < t->rows && v->top + (uint32_t)i < v->count; i++) {
		const struct victim_row *row = &v->rows[v->top + (uint32_t)i];

		if (row->is_group)
			draw_group(v, ctx, c, t->y + i, &g[row->group]);
		else
			draw_victim(v, ctx, c, t->y + i, row, &task[row->task]);
		if (v->top + (uint32_t)i == v->at)
			mv_cell_cursor(c, t->y + i, *t, true);
	}
}
