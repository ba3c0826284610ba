/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/oom.h"
#include "core/text.h"
#include "tui/view_machine.h"

/*
 * One table of columns: headings, chooser, cells, sorting and `w` derive from it.
 * X(ID, heading, width, width at least, given up when narrow (highest first), right-aligned, shown at first,
 * kind, words, source) kind: B bytes, N a count, R events a second, G bytes a second, T text.
 */
// clang-format off
#define COLUMNS(X)                                                                                                     \
	X(PID, "PID", 7, 5, 0, true, 1, 'N', "the process's number", "/proc/PID")                                        \
	X(USER, "USER", 8, 8, 5, false, 1, 'T', "effective user", "/proc/PID/status Uid, second field")                 \
	X(RSS, "RSS", 5, 5, 0, true, 1, 'B', "its memory in RAM: ANON + FILE + SHMEM. Pages shared with others count in each", "/proc/PID/stat, field 24; lags by some pages a thread") \
	X(ANON, "ANON", 5, 5, 4, true, 1, 'B', "heap, stacks, private copies: only swap or its end takes it away", "/proc/PID/status RssAnon") \
	X(FILE, "FILE", 5, 5, 11, true, 1, 'B', "pages of mapped files: the kernel drops them when it must", "/proc/PID/status RssFile") \
	X(SHMEM, "SHMEM", 5, 5, 12, true, 1, 'B', "shared memory that it maps: tmpfs, memfd, SysV", "/proc/PID/status RssShmem") \
	X(SWAP, "SWAP", 5, 5, 7, true, 1, 'B', "its anonymous pages that lie in swap", "/proc/PID/status VmSwap")       \
	X(PSS, "PSS", 5, 5, 10, true, 1, 'B', "RSS with each page divided by the number of processes that map it: PSS of all adds up", "/proc/PID/smaps_rollup Pss, of the rows on the screen alone") \
	X(FAULTS, "FAULTS/s", 8, 8, 6, true, 1, 'R', "minor page faults a second: pages touched for the first time that were in RAM, or were made", "/proc/PID/stat, field 10: difference / seconds") \
	X(MAJOR, "MAJ/s", 5, 5, 9, true, 1, 'R', "major faults a second: each had to wait for disk or swap", "/proc/PID/stat, field 12: difference / seconds") \
	X(GROWTH, "GROWTH", 10, 9, 2, true, 1, 'G', "growth of RSS and swap a second, since it was first seen; ^: in each of the last eight looks", "(RSS + swap now - when first seen) / seconds") \
	X(OOM, "OOM", 4, 4, 8, true, 1, 'N', "the OOM killer's score: the highest is killed first", "(1000 + badness x 1000 / (RAM + swap)) x 2 / 3; /proc/PID/oom_score") \
	X(TABLES, "TABLES", 6, 6, 13, true, 1, 'B', "its page tables", "/proc/PID/status VmPTE")                         \
	X(THREADS, "THREADS", 7, 7, 14, true, 1, 'N', "its threads", "/proc/PID/stat, field 20")                        \
	X(GROWN, "GROWN", 7, 7, 15, true, 0, 'G', "growth of RSS and swap since it was first seen", "RSS + swap now - when first seen") \
	X(SIZE, "VSZ", 5, 5, 15, true, 0, 'B', "addresses it has reserved: little says how much of it was ever touched", "/proc/PID/status VmSize") \
	X(CPU, "CPU", 5, 5, 15, true, 0, 'P', "share of one CPU between the last two looks", "/proc/PID/stat, fields 14 + 15: difference / seconds") \
	X(STATE, "STATE", 9, 9, 15, false, 0, 'T', "what it does", "/proc/PID/stat, field 3")                            \
	X(ADJUST, "ADJ", 5, 5, 15, true, 0, 'N', "what was set for the OOM killer: -1000 never, 1000 at once", "/proc/PID/oom_score_adj") \
	X(PARENT, "PPID", 7, 5, 15, true, 0, 'N', "who started it, or takes over from who did", "/proc/PID/stat, field 4") \
	X(SERVICE, "SERVICE", 20, 10, 15, false, 0, 'T', "its memory cgroup", "/proc/PID/cgroup")                       \
	X(NAME, "NAME", 16, 9, 0, false, 1, 'T', "its name, 15 bytes of it", "/proc/PID/stat, field 2")
// clang-format on

static const struct {
	struct mv_clean heading;
	int width, min_width, give_up;
	bool right, on;
	char kind;
	struct mv_clean words, source;
} infos[TASK__COLUMNS] = {
#define X(id, heading, width, min, give, right, on, kind, words, source) \
	[TASK_##id] = {{heading}, width, min, give, right, on, kind, {words}, {source}},
    COLUMNS(X)
#undef X
};

uint32_t task_columns_default(void)
{
	uint32_t on = 0;

	for (int i = 0; i < TASK__COLUMNS; i++)
		on |= infos[i].on ? UINT32_C(1) << i : 0;
	return on;
}

struct mv_clean task_column_heading(enum task_column column)
{
	return infos[column].heading;
}

struct mv_clean task_column_words(enum task_column column)
{
	return infos[column].words;
}

bool task_column_ascends(enum task_column column)
{
	return column == TASK_PID || column == TASK_USER || column == TASK_STATE || column == TASK_PARENT ||
	       column == TASK_SERVICE || column == TASK_NAME;
}

bool task_column_adds_up(enum task_column column)
{
	char kind = infos[column].kind;

	return kind == 'B' || kind == 'R' || kind == 'P' || column == TASK_THREADS || column == TASK_GROWN;
}

static bool is_size(enum task_column column)
{
	return infos[column].kind == 'B';
}

#define EXACT_COLS 14

void task_columns_layout(struct machine_view *v, const struct mv_context *ctx)
{
	int cols = v->geo.table.cols;

	for (int i = 0; i < TASK__COLUMNS; i++) {
		struct mv_column *col = &v->columns[i];

		*col = (struct mv_column){.heading = infos[i].heading,
					  .width = infos[i].width,
					  .min_width = infos[i].min_width,
					  .give_up = infos[i].give_up,
					  .right = infos[i].right,
					  .on = v->columns_on >> i & 1};
		/* A byte more or less moves no digit of the largest process. */
		if (ctx->exact && (is_size((enum task_column)i) || i == TASK_GROWN))
			col->width = col->min_width = EXACT_COLS;
	}
	struct mv_column *name = &v->columns[TASK_NAME];
	if (cols >= 60)
		name->min_width = v->order.tree == TASK_FLAT ? 14 : 24;
	/* Usage and limit stand behind a service's name. */
	if (v->order.tree == TASK_BY_SERVICE && cols >= 60)
		name->min_width = cols >= 100 ? 44 : 38;
	mv_table_layout(v->columns, TASK__COLUMNS, cols, TASK_NAME);
	for (int i = 0; i < TASK__COLUMNS; i++)
		v->columns[i].x += v->geo.table.x;
}

/* ---- values ---- */

static struct task_value plain(struct mv_val v)
{
	return (struct task_value){.v = v};
}

static struct task_value rate(struct mv_rate r)
{
	return (struct task_value){.v = r.have ? mv_val_of(0) : mv_val_missing(MV_WHY_NOT_READ),
				   .rate = r.per_second};
}

static struct mv_task_change change_of(const struct mv_context *ctx, const struct mv_task *task)
{
	if (!ctx->history)
		return (struct mv_task_change){0};
	return mv_machine_task_change(ctx->history, task->pid, task->start_ticks);
}

/* The kernel's own where it was read, else worked out from the badness. */
static struct mv_val score_of(const struct mv_context *ctx, const struct mv_task *task)
{
	if (mv_have(&task->oom_score))
		return task->oom_score;
	if (!mv_have(&task->badness_bytes))
		return task->badness_bytes;
	if (!ctx->machine->page_bytes || !ctx->machine->total_pages)
		return mv_val_missing(MV_WHY_NOT_READ);
	if (!task->badness_bytes.value)
		return mv_val_of(0);
	return mv_val_of(mv_oom_scale((int64_t)(task->badness_bytes.value / ctx->machine->page_bytes),
				      ctx->machine->total_pages));
}

struct task_value task_value_of(const struct mv_context *ctx, const struct mv_task *task,
				enum task_column column)
{
	switch (column) {
	case TASK_PID:
		return plain(mv_val_of((uint64_t)task->pid));
	case TASK_PARENT:
		return plain(mv_val_of((uint64_t)task->ppid));
	case TASK_USER:
		return plain(task->uid);
	case TASK_RSS:
		return plain(task->flags & MV_TASK_KERNEL   ? mv_val_missing(MV_WHY_KERNEL_THREAD)
			     : task->flags & MV_TASK_ZOMBIE ? mv_val_missing(MV_WHY_ZOMBIE)
							    : mv_val_of(task->rss_bytes));
	case TASK_ANON:
		return plain(task->anon_bytes);
	case TASK_FILE:
		return plain(task->file_bytes);
	case TASK_SHMEM:
		return plain(task->shmem_bytes);
	case TASK_SWAP:
		return plain(task->swap_bytes);
	case TASK_PSS:
		return plain(task->pss_bytes);
	case TASK_TABLES:
		return plain(task->tables_bytes);
	case TASK_SIZE:
		return plain(task->size_bytes);
	case TASK_THREADS:
		return plain(mv_val_of(task->threads));
	case TASK_OOM:
		return plain(score_of(ctx, task));
	case TASK_ADJUST:
		return plain(task->oom_adjust);
	case TASK_STATE:
		return plain(mv_val_of((unsigned char)task->state));
	case TASK_FAULTS:
		return rate(change_of(ctx, task).minor);
	case TASK_MAJOR:
		return rate(change_of(ctx, task).major);
	case TASK_CPU:
		return rate(change_of(ctx, task).cpu);
	case TASK_GROWTH:
		return rate(change_of(ctx, task).growth);
	case TASK_GROWN: {
		struct mv_task_change change = change_of(ctx, task);

		return (struct task_value){.v = change.first_ns ? mv_val_of(0)
								: mv_val_missing(MV_WHY_NOT_READ),
					   .rate = (double)change.grown_bytes};
	}
	case TASK_SERVICE:
		return plain(task->group == MV_TASK_NO_GROUP ? mv_val_missing(MV_WHY_NOT_READ)
							     : mv_val_of(task->group));
	default:
		return plain(mv_val_missing(MV_WHY_NOT_HERE));
	}
}

#define GROWERS_ABOVE 1e18 /* more than any RSS */

/*
 * By growth those that only grow come first, the fastest first; the rest follows by RSS: most processes
 * breathe, and an order by how fast they do would never stand still.
 */
double task_key_of(const struct mv_context *ctx, const struct mv_task *task, enum task_column column)
{
	if (column == TASK_GROWTH) {
		struct mv_task_change change = change_of(ctx, task);

		if (change.only_grows && change.growth.have)
			return GROWERS_ABOVE + change.growth.per_second;
		return (double)task->rss_bytes;
	}
	struct task_value value = task_value_of(ctx, task, column);
	char kind = infos[column].kind;
	if (!mv_have(&value.v))
		return -1;
	if (column == TASK_GROWN)
		return value.rate + GROWERS_ABOVE;
	return kind == 'R' || kind == 'P' ? value.rate : (double)value.v.value;
}

/* ---- cells ---- */

/* "+1.0M/s", "-31K/min": slow ones a minute, slower ones an hour. */
static void build_growth(struct mv_build *b, double per_second)
{
	static const struct {
		double seconds;
		struct mv_clean words;
	} spans[] = {{1, {"/s"}}, {60, {"/min"}}, {3600, {"/h"}}};
	size_t i = 0;

	while (i + 1 < MV_COUNT_OF(spans) && fabs(per_second) * spans[i].seconds < 1024)
		i++;
	if (fabs(per_second) * 3600 < 1024) {
		mv_build_clean(b, MV_TEXT("0"));
		return;
	}
	mv_build_clean(b, per_second > 0 ? MV_TEXT("+") : MV_TEXT("-"));
	mv_build_size(b, (uint64_t)(fabs(per_second) * spans[i].seconds));
	mv_build_clean(b, spans[i].words);
}

static enum mv_role build_cell(struct mv_build *b, const struct mv_context *ctx, enum task_column column,
			       struct task_value value, bool only_grows)
{
	mv_build_init(b);
	if (!mv_have(&value.v)) {
		mv_build_clean(b, MV_TEXT("-"));
		return ROLE_DIM;
	}
	switch (column) {
	case TASK_PID:
	case TASK_PARENT:
		mv_build_fmt(b, "%llu", (unsigned long long)value.v.value);
		return ROLE_TEXT;
	case TASK_USER:
		mv_user_build(b, ctx, &value.v);
		return ROLE_TEXT;
	case TASK_STATE:
		mv_build_clean(b, mv_words(mv_stat_state_text((char)value.v.value)));
		return value.v.value == 'D' || value.v.value == 'Z' ? ROLE_WARN
		       : value.v.value == 'R'			    ? ROLE_TEXT
								    : ROLE_DIM;
	case TASK_ADJUST:
		mv_build_fmt(b, "%d", (int)value.v.value - 1000);
		return value.v.value == 1000 ? ROLE_DIM : ROLE_TEXT;
	case TASK_GROWTH:
		build_growth(b, value.rate);
		return only_grows					  ? ROLE_GREW
		       : fabs(value.rate) * 3600 < 1024 || value.rate < 0 ? ROLE_DIM
									  : ROLE_TEXT;
	case TASK_GROWN:
		if (value.rate != 0)
			mv_build_clean(b, value.rate > 0 ? MV_TEXT("+") : MV_TEXT("-"));
		mv_size_build(b, (uint64_t)fabs(value.rate), ctx->exact);
		return only_grows ? ROLE_GREW : value.rate > 0 ? ROLE_TEXT : ROLE_DIM;
	case TASK_CPU:
		mv_build_fmt(b, value.rate >= 0.9995 ? "%.0f%%" : "%.1f%%", value.rate * 100);
		return value.rate >= 0.0005 ? ROLE_TEXT : ROLE_DIM;
	case TASK_SERVICE: {
		uint32_t count;
		const struct mv_group *groups = mv_machine_groups(ctx->machine, &count);

		if (value.v.value < count)
			mv_build_clean(b, mv_machine_text(ctx->machine, groups[value.v.value].name));
		return ROLE_DIM;
	}
	default:
		mv_build_count(b, value.v.value);
		return value.v.value ? ROLE_TEXT : ROLE_DIM;
	}
}

static void draw_cell(const struct mv_context *ctx, struct mv_canvas *c, int y, const struct mv_column *col,
		      enum task_column column, struct task_value value, bool only_grows)
{
	struct mv_build b;
	struct mv_rate r = {.per_second = value.rate, .have = mv_have(&value.v)};

	if (!col->w)
		return;
	switch (infos[column].kind) {
	case 'B':
		mv_cell_size(c, y, col,
			     column == TASK_SWAP  ? ROLE_RAM_SWAP
			     : column == TASK_RSS ? ROLE_STRONG
						  : ROLE_TEXT,
			     value.v, ctx->exact);
		return;
	case 'R':
		mv_cell_rate(c, y, col, column == TASK_MAJOR ? ROLE_FAULT_MAJOR : ROLE_FAULT_MINOR, r);
		return;
	default: {
		enum mv_role role = build_cell(&b, ctx, column, value, only_grows);

		mv_cell_put(c, y, col, role, &b);
	}
	}
}

/* Branches are set in; what has more below it says so. */
static int draw_twig(struct mv_canvas *c, int y, const struct mv_column *col, const struct task_row *row,
		     bool tree)
{
	int x = col->x + (row->depth > 8 ? 16 : 2 * row->depth);

	if (!tree)
		return col->x;
	if (row->parent && x < col->x + col->w)
		mv_canvas_glyph2(c, y, x, ROLE_KEY, row->open ? U'▾' : U'▸', row->open ? '-' : '+');
	return x + 2;
}

static void draw_name(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		      const struct task_row *row, const struct mv_task *task)
{
	const struct mv_column *col = &v->columns[TASK_NAME];
	bool hit = v->find[0] && task_row_matches(ctx, row, v->find);
	int x = draw_twig(c, y, col, row, v->order.tree != TASK_FLAT), end = col->x + col->w;
	enum mv_role role = hit						    ? ROLE_FOUND
			    : task->flags & (MV_TASK_KERNEL | MV_TASK_OURS) ? ROLE_DIM
									    : ROLE_TEXT;
	struct mv_build b;

	mv_build_init(&b);
	if (task->flags & MV_TASK_KERNEL)
		mv_build_clean(&b, MV_TEXT("["));
	mv_build_clean(&b, task_name(ctx, task));
	if (task->flags & MV_TASK_KERNEL)
		mv_build_clean(&b, MV_TEXT("]"));
	if (x < end)
		x += mv_canvas_build(c, y, x, end - x, role, &b);
	if (task->flags & MV_TASK_ZOMBIE && x + 1 < end)
		mv_canvas_text(c, y, x + 1, end - x - 1, ROLE_WARN, MV_TEXT("zombie"));
	else if (row->parent && !row->open && x + 1 < end) {
		mv_build_init(&b);
		mv_build_fmt(&b, " (+%u)", row->below);
		mv_canvas_build(c, y, x, end - x, ROLE_DIM, &b);
	}
}

/* ---- a service's row ---- */

/* Over those of its processes that pass the filters. */
static struct task_value sum_of(const struct machine_view *v, const struct mv_context *ctx,
				const struct task_row *row, enum task_column column)
{
	const struct mv_task *tasks = mv_machine_tasks(ctx->machine, &(uint32_t){0});
	struct task_value sum = {.v = mv_val_missing(MV_WHY_NOT_READ)};
	const struct task_node *node = &v->rows.services[row->index];

	for (uint32_t n = node->first; n != UINT32_MAX; n = node->next) {
		node = &v->rows.nodes[n];
		struct task_value one = task_value_of(ctx, &tasks[node->index], column);

		if (!mv_have(&one.v))
			continue;
		sum.v = mv_val_of((mv_have(&sum.v) ? sum.v.value : 0) + one.v.value);
		sum.rate += one.rate;
	}
	return sum;
}

static void draw_service(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c,
			 int y, const struct task_row *row)
{
	const struct mv_column *col = &v->columns[TASK_NAME];
	uint32_t count;
	const struct mv_group *groups = mv_machine_groups(ctx->machine, &count), *at;
	const struct mv_group *group = row->index < count ? &groups[row->index] : NULL;
	int x = draw_twig(c, y, col, row, true), end = col->x + col->w;
	struct mv_build b;

	for (int i = 0; i < TASK_NAME; i++)
		if (v->columns[i].w && (task_column_adds_up((enum task_column)i) || i == TASK_GROWTH))
			draw_cell(ctx, c, y, &v->columns[i], (enum task_column)i,
				  sum_of(v, ctx, row, (enum task_column)i), false);
	bool hit = v->find[0] && task_row_matches(ctx, row, v->find);
	if (x < end)
		x += mv_canvas_text(c, y, x, end - x, hit ? ROLE_FOUND : ROLE_STRONG,
				    group ? mv_machine_text(ctx->machine, group->name)
					  : MV_TEXT("no memory cgroup"));
	mv_build_init(&b);
	mv_build_fmt(&b, " (%u)", row->below);
	if (x < end)
		x += mv_canvas_build(c, y, x, end - x, ROLE_DIM, &b);
	if (!group || !mv_have(&group->usage))
		return;
	struct mv_val limit = mv_group_limit(groups, group, &at);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("  "));
	mv_size_build(&b, group->usage.value, false);
	if (mv_have(&limit) && at == group) {
		mv_build_clean(&b, MV_TEXT(" of "));
		mv_size_build(&b, limit.value, false);
	}
	if (x + (int)b.len <= end)
		mv_canvas_build(c, y, x, end - x,
				mv_have(&limit) && at == group && group->usage.value >= limit.value / 10 * 9
				    ? ROLE_WARN
				    : ROLE_LABEL,
				&b);
}

void task_row_draw(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		   const struct task_row *row)
{
	const struct mv_task *task = task_at(ctx, row);

	if (row->kind == TASK_ROW_SERVICE) {
		draw_service(v, ctx, c, y, row);
		return;
	}
	if (!task)
		return;
	struct mv_task_change change = change_of(ctx, task);
	for (int i = 0; i < TASK_NAME; i++)
		if (v->columns[i].w)
			draw_cell(ctx, c, y, &v->columns[i], (enum task_column)i,
				  task_value_of(ctx, task, (enum task_column)i), change.only_grows);
	draw_name(v, ctx, c, y, row, task);
	/* In the free column before the row: what is lit reads without colours too. */
	if (change.only_grows)
		mv_canvas_glyph(c, y, v->geo.table.x - 1, ROLE_GREW, U'^');
	else if (change.is_new)
		mv_canvas_glyph(c, y, v->geo.table.x - 1, ROLE_NEW, U'+');
}

/* ---- what it is ---- */

bool task_column_meaning(const struct machine_view *v, const struct mv_context *ctx, enum task_column column,
			 struct mv_meaning *m)
{
	const struct mv_task *task = v->at < v->rows.count ? task_at(ctx, &v->rows.at[v->at]) : NULL;
	char kind = infos[column].kind;
	struct mv_build b;

	mv_words_meaning(m, infos[column].heading, infos[column].words, infos[column].source,
			 kind == 'B'   ? MV_TEXT("bytes (K = 1024, M = 1024K, G = 1024M)")
			 : kind == 'G' ? MV_TEXT("bytes a second")
			 : kind == 'R' ? MV_TEXT("a second")
			 : kind == 'P' ? MV_TEXT("percent of one CPU")
				       : MV_TEXT(""),
			 MV_TEXT(""));
	if (column == TASK_GROWTH)
		mv_build_clean(
		    &m->note,
		    MV_TEXT("By this column those that only grow come first, the others follow by RSS."));
	if (!task || column == TASK_NAME)
		return true;
	struct task_value value = task_value_of(ctx, task, column);
	mv_build_clean(&m->title, MV_TEXT("  "));
	if (!mv_have(&value.v)) {
		mv_build_why(&m->title, (enum mv_why)value.v.why);
		return true;
	}
	if (kind == 'B') {
		mv_build_size(&m->title, value.v.value);
		mv_build_clean(&m->note, MV_TEXT("exactly "));
		mv_build_count(&m->note, value.v.value);
		mv_build_clean(&m->note, MV_TEXT(" bytes"));
		return true;
	}
	if (kind == 'R') {
		mv_per_second_build(&m->title, value.rate);
		return true;
	}
	build_cell(&b, ctx, column, value, false);
	mv_build_clean(&m->title, mv_build_text(&b));
	return true;
}
