/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>

#include "core/oom.h"

#define PAGES_MAX   (INT64_C(1) << 52) /* more than any machine has, and it can be reckoned with */
#define ADJUST_ZERO 1000	       /* oom_score_adj is kept moved up by as much */

static uint64_t or_zero(const struct mv_val *v)
{
	return mv_have(v) ? v->value : 0;
}

int64_t mv_oom_badness(const struct mv_task *task, uint64_t page_bytes, uint64_t total_pages)
{
	const int64_t adjust = mv_have(&task->oom_adjust) ? (int64_t)task->oom_adjust.value - ADJUST_ZERO : 0;
	int64_t pages;

	if (task->flags & (MV_TASK_KERNEL | MV_TASK_ZOMBIE | MV_TASK_UNKILLABLE) || adjust == -ADJUST_ZERO ||
	    !page_bytes)
		return 0;
	pages = (int64_t)(task->rss_bytes / page_bytes + or_zero(&task->swap_bytes) / page_bytes +
			  or_zero(&task->tables_bytes) / page_bytes);
	pages += adjust * (int64_t)(total_pages / 1000);
	if (pages > PAGES_MAX)
		pages = PAGES_MAX;
	/* None at all would mean that it is passed by. */
	return pages ? pages : -1;
}

uint64_t mv_oom_scale(int64_t badness, uint64_t total_pages)
{
	int64_t points;

	if (!badness || !total_pages)
		return 0;
	points = (1000 + badness * 1000 / (int64_t)total_pages) * 2 / 3;
	return points > 0 ? (uint64_t)points : 0;
}

static bool is_below(const struct mv_group *groups, uint32_t group, uint32_t above)
{
	/* Parents come before their children, so this ends. */
	while (group != above) {
		if (groups[group].parent >= group)
			return false;
		group = groups[group].parent;
	}
	return true;
}

/* What may be used in all: in a group its limit, and as much swap as it and the machine have. */
static uint64_t total_of(const struct mv_machine_snapshot *m, const struct mv_group *group)
{
	const struct mv_val *swap = &m->ram.meminfo[MV_MEM_SWAP_TOTAL];
	uint64_t bytes, swap_bytes = or_zero(swap);

	if (!group || !mv_have(&group->limit))
		return m->total_pages;
	bytes = group->limit.value;
	if (mv_have(&group->swap_limit) && group->swap_limit.value < swap_bytes)
		swap_bytes = group->swap_limit.value;
	return (bytes + swap_bytes) / m->page_bytes;
}

struct candidate {
	int64_t badness;
	uint64_t start_ticks;
	uint32_t task;
};

/* Of equals the kernel takes the last that it looks at: its list is in the order of their making. */
static int worst_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->badness != y->badness)
		return x->badness < y->badness ? 1 : -1;
	if (x->start_ticks != y->start_ticks)
		return x->start_ticks < y->start_ticks ? 1 : -1;
	return (x->task < y->task) - (x->task > y->task);
}

size_t mv_oom_order(const struct mv_machine_snapshot *m, uint32_t group, uint32_t *ret_tasks, size_t cap)
{
	uint32_t tasks_count, groups_count;
	const struct mv_task *tasks = mv_machine_tasks(m, &tasks_count);
	const struct mv_group *groups = mv_machine_groups(m, &groups_count);
	const struct mv_group *in = group < groups_count ? &groups[group] : NULL;
	const uint64_t total = total_of(m, in);
	struct candidate *all;
	size_t n = 0;

	if (group != MV_TASK_NO_GROUP && !in)
		return 0;
	all = tasks_count ? reallocarray(NULL, tasks_count, sizeof(*all)) : NULL;
	if (!all)
		return 0;
	for (uint32_t i = 0; i < tasks_count; i++) {
		int64_t badness;

		if (in && (tasks[i].group >= groups_count || !is_below(groups, tasks[i].group, group)))
			continue;
		badness = mv_oom_badness(&tasks[i], m->page_bytes, total);
		if (badness)
			all[n++] = (struct candidate){badness, tasks[i].start_ticks, i};
	}
	if (n)
		qsort(all, n, sizeof(*all), worst_first);
	if (n > cap)
		n = cap;
	for (size_t i = 0; i < n; i++)
		ret_tasks[i] = all[i].task;
	free(all);
	return n;
}

struct mv_val mv_oom_frees(const struct mv_task *task)
{
	if (!mv_have(&task->anon_bytes))
		return task->anon_bytes;
	return mv_val_of(task->anon_bytes.value + or_zero(&task->swap_bytes) + or_zero(&task->tables_bytes));
}

/* ---- what could be reclaimed ---- */

#define MEM(id) (&ram->meminfo[MV_MEM_##id])

/* The sum of those of the n that this kernel tells; missing when it lacks the first. */
static struct mv_val sum_of(const struct mv_val *const *values, size_t n)
{
	uint64_t sum = 0;

	if (!mv_have(values[0]))
		return *values[0];
	for (size_t i = 0; i < n; i++)
		sum += or_zero(values[i]);
	return mv_val_of(sum);
}

#define SUM(...) \
	sum_of((const struct mv_val *const[]){__VA_ARGS__}, \
	       sizeof((const struct mv_val *const[]){__VA_ARGS__}) / sizeof(struct mv_val *))

static struct mv_val least(struct mv_val value, uint64_t most)
{
	if (value.value > most)
		value.value = most;
	return value;
}

static struct mv_val less(struct mv_val value, uint64_t other)
{
	value.value = value.value > other ? value.value - other : 0;
	return value;
}

/* Zones count in pages, and all their pages are MemTotal: so big is one. */
static struct mv_val reserve_of(const struct mv_ram *ram)
{
	uint64_t managed = 0, low = 0, page_bytes = 1024;

	if (ram->zones_why != MV_WHY_HAVE)
		return mv_val_missing((enum mv_why)ram->zones_why);
	for (uint32_t i = 0; i < ram->zones_count && i < MV_ZONES; i++) {
		managed += ram->zones[i].managed;
		low += ram->zones[i].low;
	}
	if (!managed || !mv_have(MEM(TOTAL)))
		return mv_val_missing(MV_WHY_MALFORMED);
	while (page_bytes < UINT64_C(1) << 20 && page_bytes + page_bytes / 2 < MEM(TOTAL)->value / managed)
		page_bytes *= 2;
	return mv_val_of(low * page_bytes);
}

static struct mv_val huge_of(const struct mv_ram *ram)
{
	if (mv_have(MEM(HUGETLB)) || !mv_have(MEM(HUGE_TOTAL)) || !mv_have(MEM(HUGE_SIZE)))
		return *MEM(HUGETLB);
	return mv_val_of(MEM(HUGE_TOTAL)->value * MEM(HUGE_SIZE)->value);
}

struct mv_reclaim mv_reclaim_of(const struct mv_ram *ram)
{
	const struct mv_val files = SUM(MEM(ACTIVE_FILE), MEM(INACTIVE_FILE));
	const struct mv_val anon = SUM(MEM(ACTIVE_ANON), MEM(INACTIVE_ANON));
	/* Stacks are mapped by vmalloc (VMAP_STACK) and counted there; without it both are, and the larger
	 * says more. */
	const struct mv_val *mapped =
	    or_zero(MEM(VMALLOC_USED)) > or_zero(MEM(KSTACK)) ? MEM(VMALLOC_USED) : MEM(KSTACK);
	struct mv_reclaim r = {.cache_clean = files, .swappable = anon, .stuck_anon = anon};

	r.cache_dirty = SUM(MEM(DIRTY), MEM(WRITEBACK));
	if (mv_have(&files)) {
		if (mv_have(&r.cache_dirty))
			r.cache_dirty = least(r.cache_dirty, files.value);
		r.cache_clean = less(files, or_zero(&r.cache_dirty));
	}
	r.slab = *MEM(SRECLAIMABLE);
	if (mv_have(&anon)) {
		r.swappable = least(anon, or_zero(MEM(SWAP_FREE)));
		r.stuck_anon = less(anon, r.swappable.value);
	}
	r.locked = *MEM(UNEVICTABLE);
	r.kernel = SUM(MEM(SUNRECLAIM), mapped, MEM(TABLES), MEM(SEC_TABLES), MEM(PERCPU));
	r.huge = huge_of(ram);
	r.reserve = reserve_of(ram);
	return r;
}
