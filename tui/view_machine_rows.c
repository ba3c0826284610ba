/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_machine.h"

/* Which processes are rows, in which order: flat, below their parents, or folded into their services. */

#define NODE_NONE UINT32_MAX

void task_rows_release(struct task_rows *rows)
{
	free(rows->at);
	free(rows->nodes);
	free(rows->order);
	free(rows->services);
	memset(rows, 0, sizeof(*rows));
}

static int reserve(void *at, uint32_t *cap, uint32_t need, size_t size)
{
	void *old, *grown;

	if (need <= *cap)
		return 0;
	memcpy(&old, at, sizeof(old));
	grown = reallocarray(old, need + need / 4 + 16, size);
	if (!grown)
		return -ENOMEM;
	memcpy(at, &grown, sizeof(grown));
	*cap = need + need / 4 + 16;
	return 0;
}

/* ---- what they are ---- */

const struct mv_task *task_at(const struct mv_context *ctx, const struct task_row *row)
{
	uint32_t count;
	const struct mv_task *tasks = ctx->machine ? mv_machine_tasks(ctx->machine, &count) : NULL;

	return tasks && row->kind == TASK_ROW_PROCESS && row->index < count ? &tasks[row->index] : NULL;
}

static const struct mv_group *group_at(const struct mv_context *ctx, uint32_t index)
{
	uint32_t count;
	const struct mv_group *groups = ctx->machine ? mv_machine_groups(ctx->machine, &count) : NULL;

	return groups && index < count ? &groups[index] : NULL;
}

struct mv_clean task_name(const struct mv_context *ctx, const struct mv_task *task)
{
	return mv_machine_text(ctx->machine, task->name);
}

const struct mv_group *group_of_key(const struct mv_context *ctx, uint64_t key)
{
	uint32_t count = 0;
	const struct mv_group *groups = ctx->machine ? mv_machine_groups(ctx->machine, &count) : NULL;

	for (uint32_t i = 0; i < count; i++)
		if (mv_group_key(ctx->machine, &groups[i]) == key)
			return &groups[i];
	return NULL;
}

static bool below_group(const struct mv_group *groups, uint32_t count, uint32_t index,
			const struct mv_group *above)
{
	while (index < count) {
		if (&groups[index] == above)
			return true;
		if (groups[index].parent == index)
			return false;
		index = groups[index].parent;
	}
	return false;
}

struct task_identity task_identity_of(const struct task_rows *rows, const struct mv_context *ctx, uint32_t n)
{
	struct task_identity who = {0};

	if (n >= rows->count || !ctx->machine)
		return who;
	const struct task_row *row = &rows->at[n];
	who.kind = row->kind;
	if (row->kind == TASK_ROW_PROCESS) {
		const struct mv_task *task = task_at(ctx, row);

		if (!task)
			return who;
		who.pid = task->pid;
		who.start = task->start_ticks;
	} else {
		const struct mv_group *group = group_at(ctx, row->index);

		who.group = group ? mv_group_key(ctx->machine, group) : 0;
	}
	who.set = true;
	return who;
}

static bool same(const struct task_identity *a, const struct task_identity *b)
{
	return a->set && b->set && a->kind == b->kind && a->pid == b->pid && a->start == b->start &&
	       a->group == b->group;
}

uint32_t task_rows_find(const struct task_rows *rows, const struct mv_context *ctx,
			const struct task_identity *who, uint32_t near)
{
	uint32_t best = near < rows->count ? near : rows->count ? rows->count - 1 : 0;

	if (!who->set)
		return 0;
	for (uint32_t i = 0; i < rows->count; i++) {
		struct task_identity here = task_identity_of(rows, ctx, i);

		if (same(&here, who))
			return i;
		/* Of a place that another view chose only the number is known. */
		if (who->kind == TASK_ROW_PROCESS && here.kind == TASK_ROW_PROCESS && here.pid == who->pid &&
		    (!who->start || here.start == who->start))
			return i;
	}
	return best;
}

static bool is_turned(const struct task_rows *rows, const struct task_identity *who)
{
	for (uint32_t i = 0; i < rows->turned_count; i++)
		if (same(&rows->turned[i], who))
			return true;
	return false;
}

bool task_rows_turn(struct task_rows *rows, const struct mv_context *ctx, uint32_t n, bool open)
{
	struct task_identity who = task_identity_of(rows, ctx, n);

	if (!who.set || !rows->at[n].parent || rows->at[n].open == open)
		return false;
	rows->turns++;
	for (uint32_t i = 0; i < rows->turned_count; i++)
		if (same(&rows->turned[i], &who)) {
			rows->turned[i] = rows->turned[--rows->turned_count];
			return true;
		}
	/* The one turned longest ago goes back to what it is by default. */
	if (rows->turned_count == TASK_TURNED_MAX)
		memmove(rows->turned, rows->turned + 1, --rows->turned_count * sizeof(*rows->turned));
	rows->turned[rows->turned_count++] = who;
	return true;
}

/* ---- order ---- */

struct sorting {
	const struct mv_context *ctx;
	const struct task_node *nodes;
	const struct task_order *order;
	const struct mv_task *tasks;
};

static int by_key(const void *pa, const void *pb, void *arg)
{
	const struct sorting *s = arg;
	const struct task_node *a = &s->nodes[*(const uint32_t *)pa], *b = &s->nodes[*(const uint32_t *)pb];
	bool downwards = task_column_ascends(s->order->sort) == s->order->reverse;
	int r = 0;

	if (s->order->sort == TASK_NAME)
		r = strcasecmp(task_name(s->ctx, &s->tasks[a->index]).text,
			       task_name(s->ctx, &s->tasks[b->index]).text);
	else
		r = (a->key > b->key) - (a->key < b->key);
	/* What is not known comes last in either direction. */
	if (s->order->sort != TASK_NAME && (a->key < 0) != (b->key < 0) && s->order->sort != TASK_GROWTH)
		return a->key < 0 ? 1 : -1;
	if (r)
		return downwards ? -r : r;
	return (s->tasks[a->index].pid > s->tasks[b->index].pid) -
	       (s->tasks[a->index].pid < s->tasks[b->index].pid);
}

static bool passes(struct task_rows *rows, const struct mv_context *ctx, const struct task_order *order,
		   const struct mv_task *task, const struct mv_group *within)
{
	uint32_t count;
	const struct mv_group *groups = mv_machine_groups(ctx->machine, &count);

	if (order->group && !(within && below_group(groups, count, task->group, within)))
		return false;
	if (task->flags & MV_TASK_KERNEL && !order->kernel) {
		rows->kernel_hidden++;
		return false;
	}
	if (order->by_user && !(mv_have(&task->uid) && task->uid.value == order->uid)) {
		rows->others_hidden++;
		return false;
	}
	if (order->name[0] && !mv_holds(task_name(ctx, task), order->name)) {
		rows->others_hidden++;
		return false;
	}
	return true;
}

static int collect(struct task_rows *rows, const struct mv_context *ctx, const struct task_order *order)
{
	uint32_t count, groups;
	const struct mv_task *tasks = mv_machine_tasks(ctx->machine, &count);
	const struct mv_group *within = order->group ? group_of_key(ctx, order->group) : NULL;

	mv_machine_groups(ctx->machine, &groups);
	if (reserve(&rows->nodes, &rows->nodes_cap, count, sizeof(*rows->nodes)) < 0 ||
	    reserve(&rows->order, &rows->order_cap, count + groups + 1, sizeof(*rows->order)) < 0 ||
	    reserve(&rows->at, &rows->cap, count + groups + 1, sizeof(*rows->at)) < 0)
		return -ENOMEM;
	rows->nodes_count = 0;
	rows->kernel_hidden = rows->others_hidden = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (!passes(rows, ctx, order, &tasks[i], within))
			continue;
		rows->nodes[rows->nodes_count++] =
		    (struct task_node){.key = task_key_of(ctx, &tasks[i], order->sort),
				       .index = i,
				       .parent = NODE_NONE,
				       .first = NODE_NONE,
				       .next = NODE_NONE};
	}
	rows->processes = rows->nodes_count;
	return 0;
}

static void sort_nodes(struct task_rows *rows, const struct mv_context *ctx, const struct task_order *order)
{
	struct sorting sorting = {ctx, rows->nodes, order, mv_machine_tasks(ctx->machine, &(uint32_t){0})};

	for (uint32_t i = 0; i < rows->nodes_count; i++)
		rows->order[i] = i;
	if (rows->nodes_count)
		qsort_r(rows->order, rows->nodes_count, sizeof(*rows->order), by_key, &sorting);
}

/* ---- flat ---- */

static void put_flat(struct task_rows *rows)
{
	for (uint32_t i = 0; i < rows->nodes_count; i++)
		rows->at[rows->count++] = (struct task_row){.index = rows->nodes[rows->order[i]].index};
}

/* ---- below their parents ---- */

/* The node of a PID: they come ascending, as the tasks do. */
static uint32_t node_of(const struct task_rows *rows, const struct mv_task *tasks, int32_t pid)
{
	uint32_t low = 0, high = rows->nodes_count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (tasks[rows->nodes[mid].index].pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < rows->nodes_count && tasks[rows->nodes[low].index].pid == pid ? low : NODE_NONE;
}

/* A ring of parents is nothing the kernel makes, but a list that was read while it changed may show one. */
static bool closes_ring(const struct task_rows *rows, uint32_t node, uint32_t parent)
{
	for (uint32_t n = parent, steps = 0; n != NODE_NONE; n = rows->nodes[n].parent)
		if (n == node || ++steps > rows->nodes_count)
			return true;
	return false;
}

static void link_parents(struct task_rows *rows, const struct mv_context *ctx, const struct task_order *order)
{
	const struct mv_task *tasks = mv_machine_tasks(ctx->machine, &(uint32_t){0});
	bool most = task_column_adds_up(order->sort) || order->sort == TASK_GROWTH;

	for (uint32_t i = 0; i < rows->nodes_count; i++) {
		uint32_t parent = node_of(rows, tasks, tasks[rows->nodes[i].index].ppid);

		if (parent != NODE_NONE && !closes_ring(rows, i, parent))
			rows->nodes[i].parent = parent;
	}
	/* A branch stands where the most of it would: who grows is not hidden below a parent that does not.
	 */
	for (uint32_t i = 0; i < rows->nodes_count; i++)
		for (uint32_t n = rows->nodes[i].parent; n != NODE_NONE; n = rows->nodes[n].parent) {
			rows->nodes[n].below++;
			if (most && rows->nodes[i].key > rows->nodes[n].key)
				rows->nodes[n].key = rows->nodes[i].key;
		}
}

static void put_branches(struct task_rows *rows, const struct mv_context *ctx)
{
	const struct mv_task *tasks = mv_machine_tasks(ctx->machine, &(uint32_t){0});
	uint32_t roots = NODE_NONE;

	/* From the last to the first, so that each list comes in order. */
	for (uint32_t i = rows->nodes_count; i-- > 0;) {
		struct task_node *node = &rows->nodes[rows->order[i]];
		uint32_t *head = node->parent == NODE_NONE ? &roots : &rows->nodes[node->parent].first;

		node->next = *head;
		*head = rows->order[i];
	}
	uint32_t at = roots, depth = 0;
	while (at != NODE_NONE) {
		struct task_node *node = &rows->nodes[at];
		struct task_row row = {.index = node->index,
				       .depth = (uint8_t)(depth > 200 ? 200 : depth),
				       .parent = node->first != NODE_NONE,
				       .below = node->below};
		struct task_identity who = {.set = true,
					    .kind = TASK_ROW_PROCESS,
					    .pid = tasks[node->index].pid,
					    .start = tasks[node->index].start_ticks};

		row.open = row.parent && !is_turned(rows, &who);
		rows->at[rows->count++] = row;
		if (row.open) {
			at = node->first;
			depth++;
			continue;
		}
		while (at != NODE_NONE && rows->nodes[at].next == NODE_NONE) {
			at = rows->nodes[at].parent;
			depth -= depth > 0;
		}
		if (at != NODE_NONE)
			at = rows->nodes[at].next;
	}
}

/* ---- in their services ---- */

/* The sum over its processes, or the most of them; by name its own. */
static void sum_services(struct task_rows *rows, const struct mv_context *ctx, const struct task_order *order,
			 uint32_t groups)
{
	const struct mv_task *tasks = mv_machine_tasks(ctx->machine, &(uint32_t){0});

	for (uint32_t g = 0; g <= groups; g++)
		rows->services[g] =
		    (struct task_node){.index = g, .first = NODE_NONE, .next = NODE_NONE, .key = -1};
	for (uint32_t i = rows->nodes_count; i-- > 0;) {
		struct task_node *node = &rows->nodes[rows->order[i]];
		uint32_t g = tasks[node->index].group < groups ? tasks[node->index].group : groups;
		struct task_node *service = &rows->services[g];

		node->next = service->first;
		service->first = rows->order[i];
		service->below++;
		if (service->below == 1)
			service->key = node->key;
		else if (task_column_adds_up(order->sort))
			service->key += node->key > 0 ? node->key : 0;
		else if (node->key > service->key)
			service->key = node->key;
	}
}

struct service_sorting {
	const struct mv_context *ctx;
	const struct task_node *services;
	const struct task_order *order;
	uint32_t groups;
};

static int by_service(const void *pa, const void *pb, void *arg)
{
	const struct service_sorting *s = arg;
	uint32_t ia = *(const uint32_t *)pa, ib = *(const uint32_t *)pb;
	bool downwards = task_column_ascends(s->order->sort) == s->order->reverse;
	double a = s->services[ia].key, b = s->services[ib].key;
	int r = (a > b) - (a < b);

	if (s->order->sort == TASK_NAME && ia < s->groups && ib < s->groups)
		r = strcasecmp(mv_machine_text(s->ctx->machine, group_at(s->ctx, ia)->name).text,
			       mv_machine_text(s->ctx->machine, group_at(s->ctx, ib)->name).text);
	if (r)
		return downwards ? -r : r;
	return (ia > ib) - (ia < ib);
}

static int put_services(struct task_rows *rows, const struct mv_context *ctx, const struct task_order *order)
{
	uint32_t groups, shown = 0;

	mv_machine_groups(ctx->machine, &groups);
	if (reserve(&rows->services, &rows->services_cap, groups + 1, sizeof(*rows->services)) < 0)
		return -ENOMEM;
	sum_services(rows, ctx, order, groups);
	for (uint32_t g = 0; g <= groups; g++)
		if (rows->services[g].below)
			rows->order[shown++] = g;
	struct service_sorting sorting = {ctx, rows->services, order, groups};
	if (shown)
		qsort_r(rows->order, shown, sizeof(*rows->order), by_service, &sorting);
	for (uint32_t i = 0; i < shown; i++) {
		const struct task_node *service = &rows->services[rows->order[i]];
		const struct mv_group *group = group_at(ctx, service->index);
		struct task_identity who = {.set = true,
					    .kind = TASK_ROW_SERVICE,
					    .group = group ? mv_group_key(ctx->machine, group) : 0};
		struct task_row row = {.index = service->index,
				       .kind = TASK_ROW_SERVICE,
				       .parent = true,
				       .open = is_turned(rows, &who),
				       .below = service->below};

		rows->at[rows->count++] = row;
		for (uint32_t n = row.open ? service->first : NODE_NONE; n != NODE_NONE;
		     n = rows->nodes[n].next)
			rows->at[rows->count++] =
			    (struct task_row){.index = rows->nodes[n].index, .depth = 1};
	}
	return 0;
}

/* ---- all of it ---- */

static int make(struct task_rows *rows, const struct mv_context *ctx, const struct task_order *order)
{
	int r = collect(rows, ctx, order);

	rows->count = 0;
	if (r < 0)
		return r;
	if (order->tree == TASK_BY_PARENT)
		link_parents(rows, ctx, order);
	sort_nodes(rows, ctx, order);
	switch (order->tree) {
	case TASK_BY_PARENT:
		put_branches(rows, ctx);
		return 0;
	case TASK_BY_SERVICE:
		return put_services(rows, ctx, order);
	default:
		put_flat(rows);
		return 0;
	}
}

static bool same_order(const struct task_order *a, const struct task_order *b)
{
	return a->sort == b->sort && a->reverse == b->reverse && a->tree == b->tree &&
	       a->kernel == b->kernel && a->by_user == b->by_user && a->uid == b->uid &&
	       a->group == b->group && strcmp(a->name, b->name) == 0;
}

bool task_rows_settle(struct task_rows *rows, const struct mv_context *ctx, const struct task_order *order)
{
	if (!ctx->machine)
		return false;
	if (rows->made && rows->seq == ctx->machine->seq && rows->made_turns == rows->turns &&
	    same_order(&rows->made_order, order))
		return false;
	rows->failed = make(rows, ctx, order) < 0;
	if (rows->failed)
		rows->count = 0;
	rows->made = true;
	rows->seq = ctx->machine->seq;
	rows->made_turns = rows->turns;
	rows->made_order = *order;
	return true;
}

bool task_row_matches(const struct mv_context *ctx, const struct task_row *row, const char *text)
{
	const struct mv_task *task = task_at(ctx, row);
	const struct mv_group *group;
	struct mv_build pid;

	if (task) {
		mv_build_init(&pid);
		mv_build_fmt(&pid, "%d", task->pid);
		return mv_holds(task_name(ctx, task), text) || strcmp(pid.text, text) == 0;
	}
	group = group_at(ctx, row->index);
	return group && mv_holds(mv_machine_text(ctx->machine, group->name), text);
}
