/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clean.h"
#include "core/tasks_private.h"

static void forget_path(struct mv_tasks *t, uint32_t path)
{
	struct task_path *p;

	if (path == NO_PATH)
		return;
	p = &t->paths[path];
	if (--p->users)
		return;
	free(p->text);
	p->text = NULL;
}

int mv_tasks_new(struct mv_source *source, bool own, struct mv_tasks **ret_tasks)
{
	struct mv_tasks *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->source = source;
	t->page_bytes = mv_source_page_bytes(source);
	err = mv_machine_list_new(source, own, &t->list);
	if (err) {
		mv_tasks_free(t);
		return err;
	}
	*ret_tasks = t;
	return 0;
}

void mv_tasks_free(struct mv_tasks *tasks)
{
	if (!tasks)
		return;
	mv_machine_list_free(tasks->list);
	for (size_t i = 0; i < tasks->paths_count; i++)
		free(tasks->paths[i].text);
	free(tasks->paths);
	free(tasks->at);
	free(tasks->fresh);
	free(tasks);
}

/* ---- the list ---- */

static int take_process(void *arg, const struct mv_stat *stat)
{
	struct mv_tasks *t = arg;

	if (t->fresh_count == MV_TASKS_MAX) {
		t->left_out++;
		return 0;
	}
	if (t->fresh_count == t->fresh_cap) {
		size_t cap = t->fresh_cap + t->fresh_cap / 8 + 64;
		struct mv_stat *grown = reallocarray(t->fresh, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->fresh = grown;
		t->fresh_cap = cap;
	}
	if (t->fresh_count && t->fresh[t->fresh_count - 1].pid >= stat->pid)
		t->unsorted = true;
	t->fresh[t->fresh_count++] = *stat;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct mv_stat *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Listed in two pieces while processes come and go, one can come out of turn, or twice. */
static void sort_fresh(struct mv_tasks *t)
{
	size_t kept = 0;

	if (!t->unsorted)
		return;
	qsort(t->fresh, t->fresh_count, sizeof(*t->fresh), by_pid);
	for (size_t i = 0; i < t->fresh_count; i++)
		if (!kept || t->fresh[kept - 1].pid != t->fresh[i].pid)
			t->fresh[kept++] = t->fresh[i];
	t->fresh_count = kept;
}

/* Drop those that are not in the new list any more, or whose number is another's now. */
static void drop_ended(struct mv_tasks *t)
{
	size_t kept = 0, f = 0;

	for (size_t i = 0; i < t->count; i++) {
		struct task *old = &t->at[i];

		while (f < t->fresh_count && t->fresh[f].pid < old->t.pid)
			f++;
		if (f < t->fresh_count && t->fresh[f].pid == old->t.pid &&
		    t->fresh[f].start_ticks == old->t.start_ticks) {
			if (kept != i)
				t->at[kept] = *old;
			kept++;
		} else {
			forget_path(t, old->path);
		}
	}
	t->count = kept;
}

static int make_room(struct mv_tasks *t)
{
	size_t cap = t->fresh_count + t->fresh_count / 16 + 16;
	struct task *grown;

	/* A machine that has had many once keeps no room for them. */
	if (t->cap >= t->fresh_count && t->cap <= 2 * cap)
		return 0;
	grown = reallocarray(t->at, cap, sizeof(*grown));
	if (!grown)
		return t->cap >= t->fresh_count ? 0 : -ENOMEM;
	t->at = grown;
	t->cap = cap;
	return 0;
}

static enum mv_why memory_why(const struct task *task)
{
	return task->t.flags & MV_TASK_KERNEL	? MV_WHY_KERNEL_THREAD
	       : task->t.flags & MV_TASK_ZOMBIE ? MV_WHY_ZOMBIE
						: MV_WHY_NOT_READ;
}

void tasks_lack_memory(struct task *task, enum mv_why why)
{
	struct mv_task *t = &task->t;

	t->anon_bytes = t->file_bytes = t->shmem_bytes = t->swap_bytes = t->tables_bytes =
	    mv_val_missing(why);
}

/* What every look tells. */
static void note_stat(const struct mv_tasks *t, struct task *task, const struct mv_stat *stat)
{
	struct mv_task *m = &task->t;
	uint32_t kind = m->flags & (MV_TASK_KERNEL | MV_TASK_ZOMBIE), now = 0;

	if (memcmp(task->comm, stat->comm, sizeof(task->comm)) != 0) {
		memcpy(task->comm, stat->comm, sizeof(task->comm));
		task->name_bytes =
		    (uint16_t)(mv_clean_bytes(task->comm, strnlen(task->comm, sizeof(task->comm)), NULL, 0) +
			       1);
	}
	if (mv_stat_is_kernel_thread(stat))
		now |= MV_TASK_KERNEL;
	/* A main thread that has ended while others run is no zombie. */
	if ((stat->state == 'Z' && stat->threads <= 1) || stat->state == 'X')
		now |= MV_TASK_ZOMBIE;
	m->flags = (m->flags & ~(uint32_t)(MV_TASK_KERNEL | MV_TASK_ZOMBIE)) | now;
	if (kind != now || !task->status_ns)
		tasks_lack_memory(task, memory_why(task));
	if (kind != now)
		task->status_rss_bytes = task->rss_at_status = 0;
	m->ppid = stat->ppid;
	m->threads = stat->threads;
	m->state = stat->state;
	m->minor_faults = stat->minor_faults;
	m->major_faults = stat->major_faults;
	m->cpu_ticks = stat->utime_ticks + stat->stime_ticks;
	task->stat_rss_bytes = stat->rss_pages * t->page_bytes;
	m->size_bytes = now		     ? mv_val_missing(memory_why(task))
			: stat->state == 'Z' ? mv_val_missing(MV_WHY_NOT_HERE)
					     : mv_val_of(stat->vsize_bytes);
	tasks_settle_rss(task);
}

void tasks_settle_rss(struct task *task)
{
	const int64_t moved = (int64_t)(task->stat_rss_bytes - task->rss_at_status);
	const int64_t rss = (int64_t)task->status_rss_bytes + moved;

	/* What status told then, and what stat says has come or gone since. */
	task->t.rss_bytes = !task->status_rss_bytes ? task->stat_rss_bytes : rss > 0 ? (uint64_t)rss : 0;
}

static void begin(struct task *task, const struct mv_stat *stat)
{
	*task = (struct task){.path = NO_PATH};
	task->t =
	    (struct mv_task){.pid = stat->pid, .start_ticks = stat->start_ticks, .group = MV_TASK_NO_GROUP};
	task->name_bytes = 1;
	task->t.pss_bytes = task->t.oom_score = mv_val_missing(MV_WHY_NOT_ASKED);
}

/* The new list and what is kept of the old one, both ascending -> one, from its end on, so that it needs no
 * second table. */
static void merge(struct mv_tasks *t)
{
	size_t old = t->count;

	for (size_t i = t->fresh_count; i-- > 0;) {
		const struct mv_stat *stat = &t->fresh[i];

		if (old && t->at[old - 1].t.pid == stat->pid) {
			old--;
			if (old != i)
				t->at[i] = t->at[old];
		} else {
			begin(&t->at[i], stat);
		}
		note_stat(t, &t->at[i], stat);
	}
	t->count = t->fresh_count;
}

/* ---- which of them are ours ---- */

static bool is_memview(const struct task *task)
{
	return strncmp(task->comm, "memview", strlen("memview")) == 0;
}

static struct task *find_task(struct mv_tasks *t, int32_t pid)
{
	size_t i = mv_tasks_find(t, pid);

	return i == SIZE_MAX ? NULL : &t->at[i];
}

static bool descends(struct mv_tasks *t, const struct task *task, int32_t from)
{
	/* Read while processes come and go, parents could make a ring. */
	for (int steps = 0; task && steps < 16; steps++) {
		if (task->t.pid == from)
			return true;
		task = find_task(t, task->t.ppid);
	}
	return false;
}

/* We, those of that name above us (the screen started the keeper, the keeper us), and those that they
 * started. */
static void mark_ours(struct mv_tasks *t)
{
	struct task *top = find_task(t, (int32_t)getpid()), *above;

	if (!mv_source_is_live(t->source) || !top)
		return;
	top->t.flags |= MV_TASK_OURS;
	for (int steps = 0; steps < 16 && (above = find_task(t, top->t.ppid)) && is_memview(above); steps++) {
		top = above;
		top->t.flags |= MV_TASK_OURS;
	}
	for (size_t i = 0; i < t->count; i++)
		if (is_memview(&t->at[i]) && descends(t, &t->at[i], top->t.pid))
			t->at[i].t.flags |= MV_TASK_OURS;
}

int mv_tasks_read(struct mv_tasks *tasks)
{
	int err;

	tasks->fresh_count = tasks->left_out = 0;
	tasks->unsorted = false;
	err = mv_machine_list_read(tasks->list, take_process, tasks);
	if (err)
		return err;
	sort_fresh(tasks);
	drop_ended(tasks);
	err = make_room(tasks);
	if (err)
		return err;
	merge(tasks);
	mark_ours(tasks);
	tasks->look_ns = mv_source_now(tasks->source);
	tasks->left = tasks->count;
	if (tasks->cursor >= tasks->count)
		tasks->cursor = 0;
	return 0;
}

/* ---- what is known ---- */

bool mv_tasks_whole(const struct mv_tasks *tasks)
{
	for (size_t i = 0; i < tasks->count; i++)
		if (!tasks->at[i].status_ns)
			return false;
	return true;
}

size_t mv_tasks_count(const struct mv_tasks *tasks)
{
	return tasks->count;
}

size_t mv_tasks_left_out(const struct mv_tasks *tasks)
{
	return tasks->left_out;
}

const struct mv_task *mv_tasks_at(const struct mv_tasks *tasks, size_t i)
{
	return &tasks->at[i].t;
}

const char *mv_tasks_name(const struct mv_tasks *tasks, size_t i)
{
	return tasks->at[i].comm;
}

size_t mv_tasks_name_bytes(const struct mv_tasks *tasks, size_t i)
{
	return tasks->at[i].name_bytes;
}

size_t mv_tasks_find(const struct mv_tasks *tasks, int32_t pid)
{
	size_t low = 0, high = tasks->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (tasks->at[mid].t.pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < tasks->count && tasks->at[low].t.pid == pid ? low : SIZE_MAX;
}

void tasks_drop(struct mv_tasks *t, size_t i)
{
	forget_path(t, t->at[i].path);
	memmove(&t->at[i], &t->at[i + 1], (t->count - i - 1) * sizeof(*t->at));
	t->count--;
	if (t->cursor > i)
		t->cursor--;
	if (t->cursor >= t->count)
		t->cursor = 0;
}

/* ---- the groups they are in ---- */

static uint64_t hash_of(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return hash;
}

/* The place of a path, with one more user; NO_PATH without memory. */
static uint32_t keep_path(struct mv_tasks *t, const char *text)
{
	const uint64_t hash = hash_of(text);
	uint32_t free_place = NO_PATH;

	for (uint32_t i = 0; i < t->paths_count; i++) {
		if (!t->paths[i].text) {
			free_place = i;
		} else if (t->paths[i].hash == hash && strcmp(t->paths[i].text, text) == 0) {
			t->paths[i].users++;
			return i;
		}
	}
	if (free_place == NO_PATH) {
		if (t->paths_count == t->paths_cap) {
			size_t cap = t->paths_cap * 2 + 16;
			struct task_path *grown = reallocarray(t->paths, cap, sizeof(*grown));

			if (!grown)
				return NO_PATH;
			t->paths = grown;
			t->paths_cap = cap;
		}
		free_place = (uint32_t)t->paths_count++;
		t->paths[free_place].text = NULL;
	}
	t->paths[free_place] = (struct task_path){.hash = hash, .users = 1, .group = MV_TASK_NO_GROUP};
	t->paths[free_place].text = strdup(text);
	if (!t->paths[free_place].text)
		return NO_PATH;
	if (t->groups) {
		size_t group = mv_groups_find(t->groups, text);

		t->paths[free_place].group = group == SIZE_MAX ? MV_TASK_NO_GROUP : (uint32_t)group;
	}
	return free_place;
}

void tasks_note_path(struct mv_tasks *t, struct task *task, const char *text)
{
	uint32_t path = text ? keep_path(t, text) : NO_PATH;

	forget_path(t, task->path);
	task->path = path;
	task->t.group = path == NO_PATH ? MV_TASK_NO_GROUP : t->paths[path].group;
}

void mv_tasks_place(struct mv_tasks *tasks, const struct mv_groups *groups)
{
	tasks->groups = groups;
	for (size_t i = 0; i < tasks->paths_count; i++) {
		size_t group =
		    groups && tasks->paths[i].text ? mv_groups_find(groups, tasks->paths[i].text) : SIZE_MAX;

		tasks->paths[i].group = group == SIZE_MAX ? MV_TASK_NO_GROUP : (uint32_t)group;
	}
	for (size_t i = 0; i < tasks->count; i++) {
		struct task *task = &tasks->at[i];

		task->t.group = task->path == NO_PATH ? MV_TASK_NO_GROUP : tasks->paths[task->path].group;
	}
}
