/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/cgroup.h"
#include "core/tasks_private.h"
#include "core/text.h"

#define TURN_NS	  (15 * MV_NS_PER_SEC) /* and up to as long again, lest all come at once */
#define SPREAD	  1009
#define PSS_NS	  MV_NS_PER_SEC
#define PSS_TIMES 20

static struct mv_val kib(struct mv_val v)
{
	v.value *= 1024;
	return v;
}

static void note_status(struct task *task, const struct mv_status *status)
{
	struct mv_task *t = &task->t;

	t->uid = status->euid;
	if (t->flags & (MV_TASK_KERNEL | MV_TASK_ZOMBIE))
		return;
	t->anon_bytes = kib(status->rss_anon_kib);
	t->file_bytes = kib(status->rss_file_kib);
	t->shmem_bytes = kib(status->rss_shmem_kib);
	t->swap_bytes = kib(status->vm_swap_kib);
	t->tables_bytes = kib(status->vm_pte_kib);
	task->rss_at_status = task->stat_rss_bytes;
	task->status_rss_bytes = 0;
	if (mv_have(&t->anon_bytes) && mv_have(&t->file_bytes) && mv_have(&t->shmem_bytes))
		task->status_rss_bytes = t->anon_bytes.value + t->file_bytes.value + t->shmem_bytes.value;
	tasks_settle_rss(task);
}

/* The main thread has ended: what belongs to all of it is read by way of another thread. */
static int read_by_thread(struct mv_tasks *t, int pid, struct mv_status *ret_status)
{
	struct mv_target *target;
	struct mv_stat stat;
	int err = mv_target_open(t->source, pid, &target);

	if (err)
		return err;
	err = mv_stat_read(target, &stat);
	if (!err)
		err = mv_status_read(target, ret_status);
	mv_target_close(target);
	return err;
}

static int read_status(struct mv_tasks *t, const struct task *task, struct mv_status *ret_status)
{
	/* 65,536 supplementary groups make the line Groups that long. */
	char text[8192];
	ssize_t n;

	if (task->t.state == 'Z' && !(task->t.flags & MV_TASK_ZOMBIE))
		return read_by_thread(t, task->t.pid, ret_status);
	n = mv_source_task_read(t->source, task->t.pid, MV_FILE_STATUS, text, sizeof(text));
	if (n == -E2BIG)
		return read_by_thread(t, task->t.pid, ret_status);
	return n < 0 ? (int)n : mv_status_parse(text, (size_t)n, ret_status);
}

static bool has_gone(ssize_t error)
{
	return error == -ESRCH || error == -ENOENT;
}

static enum mv_why why_of(ssize_t error)
{
	return error == -EBADMSG		     ? MV_WHY_MALFORMED
	       : error == -EACCES || error == -EPERM ? MV_WHY_NEEDS_PTRACE
						     : MV_WHY_IO;
}

/* A number that may be negative, moved up by `shift`. */
static struct mv_val read_number(struct mv_tasks *t, int pid, enum mv_file file, uint64_t shift)
{
	char text[64];
	ssize_t n = mv_source_task_read(t->source, pid, file, text, sizeof(text));
	struct mv_scan s = {text, text + (n > 0 ? n : 0)};
	uint64_t value;
	bool negative;

	if (n < 0)
		return mv_val_missing(has_gone(n) ? MV_WHY_NO_KERNEL : why_of(n));
	negative = mv_scan_char(&s, '-');
	if (!mv_scan_dec(&s, &value) || (negative && value > shift))
		return mv_val_missing(MV_WHY_MALFORMED);
	return mv_val_of(negative ? shift - value : shift + value);
}

/* PID 1 is passed by where it is the machine's; in a container it is one like any other, and then it has a
 * score. */
static bool is_spared(struct mv_tasks *t, const struct task *task)
{
	struct mv_val score;

	if (mv_have(&task->t.oom_adjust) && task->t.oom_adjust.value == 0)
		return true;
	if (task->t.pid != 1)
		return false;
	score = read_number(t, 1, MV_FILE_OOM_SCORE, 0);
	return !mv_have(&score) || score.value == 0;
}

static void read_adjust(struct mv_tasks *t, struct task *task)
{
	task->t.oom_adjust = read_number(t, task->t.pid, MV_FILE_OOM_ADJ, 1000);
	task->t.flags &= ~(uint32_t)MV_TASK_UNKILLABLE;
	if (is_spared(t, task))
		task->t.flags |= MV_TASK_UNKILLABLE;
}

static void read_group(struct mv_tasks *t, struct task *task)
{
	char text[8192], path[PATH_MAX];
	ssize_t n = mv_source_task_read(t->source, task->t.pid, MV_FILE_CGROUP, text, sizeof(text));
	bool have = n > 0 && mv_cgroup_parse_path(text, (size_t)n, path, sizeof(path)) > 0;

	tasks_note_path(t, task, have ? path : NULL);
}

/* Has it run, or has its memory been touched, since status was read? */
static bool has_moved(const struct task *task)
{
	const struct mv_task *t = &task->t;

	return t->cpu_ticks != task->cpu_at_status ||
	       t->minor_faults + t->major_faults != task->faults_at_status ||
	       task->stat_rss_bytes != task->rss_at_status;
}

/* Everything of one process that is due. False: it has gone. */
static bool read_task(struct mv_tasks *t, struct task *task, bool groups, bool turn)
{
	const uint64_t now_ns = mv_source_now(t->source);
	struct mv_status status;
	int err = read_status(t, task, &status);

	if (has_gone(err))
		return false;
	task->status_ns = now_ns;
	task->cpu_at_status = task->t.cpu_ticks;
	task->faults_at_status = task->t.minor_faults + task->t.major_faults;
	task->rss_at_status = task->stat_rss_bytes;
	if (err) {
		task->t.uid = mv_val_missing(why_of(err));
		if (!(task->t.flags & (MV_TASK_KERNEL | MV_TASK_ZOMBIE)))
			tasks_lack_memory(task, why_of(err));
	} else {
		note_status(task, &status);
	}
	if (!turn)
		return true;
	read_adjust(t, task);
	if (groups)
		read_group(t, task);
	task->group_read = groups;
	task->turn_ns = now_ns + TURN_NS + TURN_NS / SPREAD * ((uint64_t)task->t.pid * 7919 % SPREAD);
	return true;
}

int mv_tasks_step(struct mv_tasks *tasks, unsigned how, size_t count)
{
	const bool groups = how & MV_TASKS_GROUPS;
	const uint64_t now_ns = mv_source_now(tasks->source);

	while (tasks->left && count) {
		struct task *task = &tasks->at[tasks->cursor];
		/* Nothing of these changes that status would tell. */
		const bool still = task->t.flags & (MV_TASK_KERNEL | MV_TASK_ZOMBIE);
		const bool turn = !task->status_ns || (groups && !task->group_read) ||
				  (!still && now_ns >= task->turn_ns) ||
				  (how & MV_TASKS_ALL && task->status_ns < tasks->look_ns);

		tasks->left--;
		if (!turn && (still || !has_moved(task))) {
			tasks->cursor = (tasks->cursor + 1) % tasks->count;
			continue;
		}
		count--;
		if (read_task(tasks, task, groups, turn))
			tasks->cursor = (tasks->cursor + 1) % tasks->count;
		else
			tasks_drop(tasks, tasks->cursor);
	}
	return tasks->left != 0;
}

/* ---- badness ---- */

void mv_tasks_weigh(struct mv_tasks *tasks, uint64_t total_pages)
{
	for (size_t i = 0; i < tasks->count; i++) {
		struct mv_task *t = &tasks->at[i].t;
		int64_t badness = mv_oom_badness(t, tasks->page_bytes, total_pages);

		t->badness_bytes = mv_val_of(badness > 0 ? (uint64_t)badness * tasks->page_bytes : 0);
		t->oom_score = mv_val_missing(MV_WHY_NOT_ASKED);
	}
}

/* The highest `count` of them, by a heap of indices with the least at its front. */
static void sift(const struct mv_tasks *t, uint32_t *heap, size_t n, size_t i)
{
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child < n && child <= 2 * i + 2; child++)
			if (t->at[heap[child]].t.badness_bytes.value <
			    t->at[heap[least]].t.badness_bytes.value)
				least = child;
		if (least == i)
			return;
		uint32_t swapped = heap[i];

		heap[i] = heap[least];
		heap[least] = swapped;
		i = least;
	}
}

void mv_tasks_score(struct mv_tasks *tasks, size_t count)
{
	uint32_t heap[MV_TASKS_SCORED];
	size_t n = 0;

	if (count > MV_COUNT_OF(heap))
		count = MV_COUNT_OF(heap);
	for (uint32_t i = 0; i < tasks->count; i++) {
		if (n < count) {
			heap[n++] = i;
			if (n == count)
				for (size_t at = n / 2; at-- > 0;)
					sift(tasks, heap, n, at);
		} else if (n &&
			   tasks->at[i].t.badness_bytes.value > tasks->at[heap[0]].t.badness_bytes.value) {
			heap[0] = i;
			sift(tasks, heap, n, 0);
		}
	}
	for (size_t i = 0; i < n; i++) {
		struct mv_task *t = &tasks->at[heap[i]].t;

		t->oom_score = read_number(tasks, t->pid, MV_FILE_OOM_SCORE, 0);
		if (t->oom_score.why == MV_WHY_NO_KERNEL)
			t->oom_score = mv_val_missing(MV_WHY_GONE);
	}
}

/* ---- PSS ---- */

uint64_t mv_tasks_pss_due(const struct mv_tasks *tasks, int32_t pid)
{
	size_t i = mv_tasks_find(tasks, pid);
	const struct task *task;
	uint64_t wait_ns;

	if (i == SIZE_MAX)
		return UINT64_MAX;
	task = &tasks->at[i];
	if (task->pss_refused || task->t.flags & (MV_TASK_KERNEL | MV_TASK_ZOMBIE))
		return UINT64_MAX;
	if (!task->t.pss_ns)
		return 0;
	wait_ns = (uint64_t)task->pss_cost_us * 1000 * PSS_TIMES;
	return task->t.pss_ns + (wait_ns > PSS_NS ? wait_ns : PSS_NS);
}

void mv_tasks_refuse_pss(struct mv_tasks *tasks, int32_t pid)
{
	size_t i = mv_tasks_find(tasks, pid);

	if (i == SIZE_MAX)
		return;
	tasks->at[i].pss_refused = true;
	tasks->at[i].t.pss_bytes = mv_val_missing(MV_WHY_LATE);
}

static struct mv_val read_pss(struct mv_tasks *t, int pid)
{
	char text[8192];
	uint64_t value;
	ssize_t n = mv_source_task_read(t->source, pid, MV_FILE_ROLLUP, text, sizeof(text));

	if (n < 0)
		return mv_val_missing(n == -ENOENT  ? MV_WHY_NO_KERNEL
				      : n == -ESRCH ? MV_WHY_GONE
						    : why_of(n));
	/* Nothing at all: it has no memory any more. */
	if (n == 0)
		return mv_val_missing(MV_WHY_GONE);
	return mv_text_field(text, (size_t)n, "Pss", &value) ? mv_val_of(value * 1024)
							     : mv_val_missing(MV_WHY_MALFORMED);
}

bool mv_tasks_read_pss(struct mv_tasks *tasks, int32_t pid)
{
	size_t i = mv_tasks_find(tasks, pid);
	uint64_t began_ns = mv_source_now(tasks->source), now_ns;
	struct task *task;

	if (i == SIZE_MAX)
		return false;
	task = &tasks->at[i];
	task->t.pss_bytes = read_pss(tasks, pid);
	now_ns = mv_source_now(tasks->source);
	task->t.pss_ns = now_ns;
	task->pss_cost_us = (uint32_t)((now_ns - began_ns) / 1000);
	return true;
}
