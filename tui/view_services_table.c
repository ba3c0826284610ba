/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_services.h"

/* The tree of memory cgroups: which rows in which order, what its cells say. */

/*
 * X(ID, heading, width, width at least, given up when narrow (highest first), right-aligned, words, source on
 * v2; v1)
 */
// clang-format off
#define COLUMNS(X)                                                                                                      \
	X(USAGE, "USAGE", 6, 6, 0, true, "what is charged to it and to the groups below it", "memory.current; v1: memory.usage_in_bytes") \
	X(BAR, "OF LIMIT", 14, 8, 1, false, "usage against the nearest limit: its own, or of a group above it; else against RAM", "usage / limit") \
	X(LIMIT, "LIMIT", 6, 6, 2, true, "its own limit; in parentheses the nearest one above it", "memory.max; v1: memory.limit_in_bytes") \
	X(ANON, "ANON", 5, 5, 4, true, "heap, stacks, private copies", "memory.stat anon; v1: rss")                              \
	X(FILE, "FILE", 5, 5, 5, true, "page cache that its processes brought in, shared memory included", "memory.stat file; v1: cache") \
	X(KERNEL, "KERNEL", 6, 6, 9, true, "kernel memory on its behalf: slab, stacks, page tables", "memory.stat kernel; v1: memory.kmem.usage_in_bytes") \
	X(SHMEM, "SHMEM", 5, 5, 10, true, "shared memory and tmpfs", "memory.stat shmem")                                       \
	X(SLAB, "SLAB", 5, 5, 11, true, "the kernel's small objects", "memory.stat slab")                                        \
	X(SWAP, "SWAP", 5, 5, 6, true, "what lies in swap", "memory.swap.current; v1: memory.memsw - memory")                   \
	X(LOW, "LOW", 5, 4, 15, true, "times it was reclaimed although below what memory.low protects", "memory.events low")    \
	X(HIGH, "HIGH", 5, 4, 14, true, "times it was throttled for being above memory.high", "memory.events high")             \
	X(MAX, "MAX", 5, 4, 12, true, "times its usage was about to go over the limit", "memory.events max; v1: memory.failcnt") \
	X(OOM, "OOM", 4, 4, 13, true, "times no memory could be had for it at the limit", "memory.events oom")                  \
	X(KILL, "KILLS", 5, 5, 3, true, "processes of it that the OOM killer has ended", "memory.events oom_kill; v1: memory.oom_control oom_kill") \
	X(PRESSURE, "PSI", 6, 6, 8, true, "share of the last ten seconds in which some of its tasks waited for memory", "memory.pressure some avg10") \
	X(TASKS, "TASKS", 5, 5, 7, true, "processes in it and below it", "cgroup.procs")                                       \
	X(NAME, "NAME", 24, 16, 0, false, "the group", "its directory below /sys/fs/cgroup")
// clang-format on

static const struct {
	struct mv_clean heading;
	int width, min_width, give_up;
	bool right;
	struct mv_clean words, source;
} infos[SERVICE__COLUMNS] = {
#define X(id, heading, width, min, give, right, words, source) \
	[SERVICE_##id] = {{heading}, width, min, give, right, {words}, {source}},
    COLUMNS(X)
#undef X
};

const struct mv_group *service_groups(const struct mv_context *ctx, uint32_t *ret_count)
{
	*ret_count = 0;
	return ctx->machine ? mv_machine_groups(ctx->machine, ret_count) : NULL;
}

bool service_ascends(enum service_column column)
{
	return column == SERVICE_NAME;
}

static bool is_size(int column)
{
	return column == SERVICE_USAGE || column == SERVICE_LIMIT ||
	       (column >= SERVICE_ANON && column <= SERVICE_SWAP);
}

void services_columns_layout(struct services_view *v, const struct mv_context *ctx)
{
	for (int i = 0; i < SERVICE__COLUMNS; i++) {
		v->columns[i] = (struct mv_column){.heading = infos[i].heading,
						   .width = infos[i].width,
						   .min_width = infos[i].min_width,
						   .give_up = infos[i].give_up,
						   .right = infos[i].right,
						   .on = true};
		if (ctx->exact && is_size(i))
			v->columns[i].width = v->columns[i].min_width = 15;
	}
	/* The tree sets its names in. */
	if (v->table.cols >= 60)
		v->columns[SERVICE_NAME].min_width = v->table.cols >= 100 ? 34 : 30;
	mv_table_layout(v->columns, SERVICE__COLUMNS, v->table.cols, SERVICE_NAME);
	for (int i = 0; i < SERVICE__COLUMNS; i++)
		v->columns[i].x += v->table.x;
}

/* ---- values ---- */

static struct mv_val value_of(const struct services_view *v, const struct mv_group *groups,
			      const struct mv_group *g, int column)
{
	const struct mv_group *at;

	switch (column) {
	case SERVICE_USAGE:
		return g->usage;
	case SERVICE_BAR: {
		struct mv_val limit = mv_group_limit(groups, g, &at);

		/* In millionths, to be sorted by. */
		if (!mv_have(&limit) || !limit.value || !mv_have(&g->usage))
			return mv_val_missing(MV_WHY_NO_LIMIT);
		return mv_val_of((uint64_t)((double)g->usage.value / (double)limit.value * 1e6));
	}
	case SERVICE_LIMIT:
		return mv_group_limit(groups, g, &at);
	case SERVICE_ANON:
		return g->anon;
	case SERVICE_FILE:
		return g->file;
	case SERVICE_KERNEL:
		return g->kernel;
	case SERVICE_SHMEM:
		return g->shmem;
	case SERVICE_SLAB:
		return g->slab;
	case SERVICE_SWAP:
		return g->swap_usage;
	case SERVICE_LOW:
		return g->low_events;
	case SERVICE_HIGH:
		return g->high_events;
	case SERVICE_MAX:
		return g->max_events;
	case SERVICE_OOM:
		return g->oom_events;
	case SERVICE_KILL:
		return g->oom_kills;
	case SERVICE_PRESSURE:
		return g->some.why == MV_WHY_HAVE ? mv_val_of(g->some.avg10)
						  : mv_val_missing((enum mv_why)g->some.why);
	default:
		return mv_val_of(v->tasks ? v->tasks[g - groups] : g->tasks);
	}
}

/* ---- rows ---- */

#define NONE UINT32_MAX

struct sorting {
	const struct services_view *v;
	const struct mv_context *ctx;
	const struct mv_group *groups;
};

static int compare(const void *pa, const void *pb, void *arg)
{
	const struct sorting *s = arg;
	const struct mv_group *a = &s->groups[*(const uint32_t *)pa], *b = &s->groups[*(const uint32_t *)pb];
	bool downwards = service_ascends(s->v->sort) == s->v->reverse;
	struct mv_val x, y;
	int r;

	if (s->v->sort == SERVICE_NAME) {
		r = strcasecmp(mv_machine_text(s->ctx->machine, a->name).text,
			       mv_machine_text(s->ctx->machine, b->name).text);
	} else {
		x = value_of(s->v, s->groups, a, (int)s->v->sort);
		y = value_of(s->v, s->groups, b, (int)s->v->sort);
		/* What is not known comes last in either direction. */
		if (mv_have(&x) != mv_have(&y))
			return mv_have(&x) ? -1 : 1;
		r = mv_have(&x) ? (x.value > y.value) - (x.value < y.value) : 0;
	}
	if (r)
		return downwards ? -r : r;
	return (a > b) - (a < b);
}

static int make_room(struct services_view *v, uint32_t count)
{
	struct service_row *rows;
	uint32_t *tasks, *heads;

	if (count <= v->cap)
		return 0;
	uint32_t need = count + count / 4 + 16;
	rows = reallocarray(v->rows, need, sizeof(*rows));
	if (rows)
		v->rows = rows;
	tasks = reallocarray(v->tasks, need, sizeof(*tasks));
	if (tasks)
		v->tasks = tasks;
	heads = reallocarray(v->heads, need, 3 * sizeof(*heads));
	if (heads)
		v->heads = heads;
	if (!rows || !tasks || !heads)
		return -1;
	v->cap = need;
	return 0;
}

static bool is_folded(const struct services_view *v, uint64_t key)
{
	for (uint32_t i = 0; i < v->folded_count; i++)
		if (v->folded[i] == key)
			return true;
	return false;
}

/* Nobody in it, nothing charged, nothing set: systemd leaves many of them. */
static bool is_empty(const struct services_view *v, const struct mv_group *groups, uint32_t i)
{
	const struct mv_group *g = &groups[i];

	return g->parent != i && !v->tasks[i] && !(mv_have(&g->usage) && g->usage.value) &&
	       !mv_have(&g->limit);
}

static void count_tasks(struct services_view *v, const struct mv_group *groups, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		v->tasks[i] = groups[i].tasks;
	/* Parents come before their children. */
	for (uint32_t i = count; i-- > 1;)
		if (groups[i].parent < i)
			v->tasks[groups[i].parent] += v->tasks[i];
}

static void add_rows(struct services_view *v, const struct mv_context *ctx, const struct mv_group *groups,
		     uint32_t count)
{
	uint32_t *first = v->heads, *next = v->heads + count, *order = v->heads + 2 * (size_t)count,
		 shown = 0, roots = NONE;
	struct sorting sorting = {v, ctx, groups};

	v->count = v->hidden = 0;
	for (uint32_t i = 0; i < count; i++) {
		first[i] = next[i] = NONE;
		if (is_empty(v, groups, i))
			v->hidden++;
		else
			order[shown++] = i;
	}
	if (shown)
		qsort_r(order, shown, sizeof(*order), compare, &sorting);
	for (uint32_t n = shown; n-- > 0;) {
		uint32_t i = order[n], *head = groups[i].parent < i ? &first[groups[i].parent] : &roots;

		next[i] = *head;
		*head = i;
	}
	for (uint32_t at = roots, depth = 0; at != NONE;) {
		struct service_row row = {
		    .group = at, .depth = (uint8_t)(depth > 200 ? 200 : depth), .parent = first[at] != NONE};

		row.open = row.parent && !is_folded(v, mv_group_key(ctx->machine, &groups[at]));
		v->rows[v->count++] = row;
		if (row.open) {
			at = first[at];
			depth++;
			continue;
		}
		while (at != NONE && next[at] == NONE) {
			at = groups[at].parent < at ? groups[at].parent : NONE;
			depth -= depth > 0;
		}
		at = at == NONE ? NONE : next[at];
	}
}

void services_rows_settle(struct services_view *v, const struct mv_context *ctx)
{
	uint32_t count;
	const struct mv_group *groups = service_groups(ctx, &count);
	uint64_t order = (uint64_t)v->sort << 1 | v->reverse | v->folds << 16;

	if (!ctx->machine || (v->made && v->made_seq == ctx->machine->seq && v->made_order == order))
		return;
	v->made = true;
	v->made_seq = ctx->machine->seq;
	v->made_order = order;
	v->short_of_memory = make_room(v, count) < 0;
	v->count = 0;
	if (v->short_of_memory || !count)
		return;
	count_tasks(v, groups, count);
	add_rows(v, ctx, groups, count);
}

bool services_fold(struct services_view *v, const struct mv_context *ctx, bool open)
{
	uint32_t count;
	const struct mv_group *groups = service_groups(ctx, &count);

	if (v->at >= v->count || !v->rows[v->at].parent || v->rows[v->at].open == open)
		return false;
	uint64_t key = mv_group_key(ctx->machine, &groups[v->rows[v->at].group]);
	v->folds++;
	for (uint32_t i = 0; i < v->folded_count; i++)
		if (v->folded[i] == key) {
			v->folded[i] = v->folded[--v->folded_count];
			return true;
		}
	if (v->folded_count == SERVICE_FOLDED_MAX)
		memmove(v->folded, v->folded + 1, --v->folded_count * sizeof(*v->folded));
	v->folded[v->folded_count++] = key;
	return true;
}

/* ---- cells ---- */

static void draw_limit(struct mv_canvas *c, int y, const struct mv_column *col, const struct mv_context *ctx,
		       const struct mv_group *g, const struct mv_group *at, struct mv_val limit)
{
	struct mv_build b;

	mv_build_init(&b);
	if (!mv_have(&limit)) {
		mv_build_clean(&b, MV_TEXT("-"));
	} else if (at == g) {
		mv_cell_size(c, y, col, ROLE_TEXT, limit, ctx->exact);
		return;
	} else {
		mv_build_clean(&b, MV_TEXT("("));
		mv_build_size(&b, limit.value);
		mv_build_clean(&b, MV_TEXT(")"));
	}
	mv_cell_put(c, y, col, ROLE_DIM, &b);
}

static void draw_bar(struct mv_canvas *c, int y, const struct mv_column *col, const struct mv_context *ctx,
		     const struct mv_group *g, struct mv_val limit)
{
	struct mv_val whole = mv_have(&limit) ? limit : mv_machine_mem(ctx, MV_MEM_TOTAL);

	if (!col->w)
		return;
	if (!mv_have(&whole) || !mv_have(&g->usage)) {
		mv_canvas_text(c, y, col->x, col->w, ROLE_DIM, MV_TEXT("-"));
		return;
	}
	bool full = mv_have(&limit) && g->usage.value >= limit.value / 10 * 9;
	mv_bar_draw(c, y, col->x, col->w,
		    full	      ? ROLE_WARN
		    : mv_have(&limit) ? ROLE_RAM_USED
				      : ROLE_DIM,
		    g->usage.value, whole.value);
}

static void draw_name(const struct services_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		      const struct service_row *row, const struct mv_group *g)
{
	const struct mv_column *col = &v->columns[SERVICE_NAME];
	int x = col->x + 2 * (row->depth > 10 ? 10 : row->depth), end = col->x + col->w;
	struct mv_clean name = mv_machine_text(ctx->machine, g->name);
	bool hit = v->find[0] && mv_holds(name, v->find);

	if (x >= end)
		return;
	if (row->parent)
		mv_canvas_glyph2(c, y, x, ROLE_KEY, row->open ? U'▾' : U'▸', row->open ? '-' : '+');
	if (x + 2 < end)
		mv_canvas_text(c, y, x + 2, end - x - 2,
			       hit	     ? ROLE_FOUND
			       : row->parent ? ROLE_STRONG
					     : ROLE_TEXT,
			       name);
}

static enum mv_role role_of(int column)
{
	return column == SERVICE_USAGE	? ROLE_STRONG
	       : column == SERVICE_KILL ? ROLE_ALERT
	       : column == SERVICE_SWAP ? ROLE_RAM_SWAP
	       : column == SERVICE_MAX || column == SERVICE_OOM || column == SERVICE_HIGH ||
		       column == SERVICE_LOW
		   ? ROLE_WARN
		   : ROLE_TEXT;
}

static void draw_row(const struct services_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		     const struct service_row *row)
{
	uint32_t count;
	const struct mv_group *groups = service_groups(ctx, &count), *g = &groups[row->group], *at;
	struct mv_val limit = mv_group_limit(groups, g, &at);
	struct mv_build b;

	for (int i = 0; i < SERVICE_NAME; i++) {
		const struct mv_column *col = &v->columns[i];
		struct mv_val value = value_of(v, groups, g, i);

		if (!col->w)
			continue;
		if (i == SERVICE_BAR) {
			draw_bar(c, y, col, ctx, g, limit);
		} else if (i == SERVICE_LIMIT) {
			draw_limit(c, y, col, ctx, g, at, limit);
		} else if (i == SERVICE_PRESSURE) {
			mv_build_init(&b);
			if (mv_have(&value))
				mv_percent_build(&b, (double)value.value / 100);
			else
				mv_build_clean(&b, MV_TEXT("-"));
			mv_cell_put(c, y, col, mv_have(&value) && value.value >= 100 ? ROLE_WARN : ROLE_DIM,
				    &b);
		} else if (is_size(i)) {
			mv_cell_size(c, y, col, role_of(i), value, ctx->exact);
		} else {
			mv_cell_count(c, y, col, role_of(i), value);
		}
	}
	draw_name(v, ctx, c, y, row, g);
}

void services_table_draw(const struct services_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->table;

	if (v->head_y >= 0)
		mv_table_headings(c, v->head_y, v->columns, SERVICE__COLUMNS, (int)v->sort,
				  service_ascends(v->sort) != v->reverse);
	for (int i = 0; i < t->rows && v->top + (uint32_t)i < v->count; i++) {
		uint32_t n = v->top + (uint32_t)i;

		draw_row(v, ctx, c, t->y + i, &v->rows[n]);
		if (n == v->at)
			mv_cell_cursor(c, t->y + i, *t, true);
	}
}

/* ---- what it is ---- */

bool service_column_meaning(const struct services_view *v, const struct mv_context *ctx,
			    enum service_column column, struct mv_meaning *m)
{
	uint32_t count;
	const struct mv_group *groups = service_groups(ctx, &count);
	struct mv_val value = mv_val_missing(MV_WHY_NOT_READ);
	char kind = is_size(column)								    ? 'B'
		    : column == SERVICE_BAR || column == SERVICE_PRESSURE || column == SERVICE_NAME ? 0
												    : 'N';

	if (v->at < v->count)
		value = value_of(v, groups, &groups[v->rows[v->at].group], column);
	mv_machine_meaning(m, infos[column].heading, infos[column].words, infos[column].source,
			   kind == 'B' ? MV_TEXT("bytes (K = 1024, M = 1024K, G = 1024M)")
			   : kind      ? MV_TEXT("a count; events since the group was made")
				       : MV_TEXT(""),
			   MV_TEXT(""), value, v->at < v->count ? kind : 0);
	return true;
}
