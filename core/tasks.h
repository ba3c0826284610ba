/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TASKS_H
#define MV_TASKS_H

/*
 * The table of all processes over time: what is read of which, and when. The machine's sampler alone uses it.
 *
 * Every look reads PID/stat of all. PID/status is read only of those whose CPU time, faults or RSS have moved
 * since, and of each in turn, twice a minute at least: reclaim and swap change those that sleep. With that
 * turn go oom_score_adj and, when it is wanted, cgroup.
 *
 * Memory: 600 bytes a process at most, and each cgroup's path once.
 */

#include "core/groups.h"
#include "core/machine.h"

struct mv_tasks;

#define MV_TASKS_MAX 32768

/* own: by our own list, even where there is libproc2. */
int mv_tasks_new(struct mv_source *source, bool own, struct mv_tasks **ret_tasks);
void mv_tasks_free(struct mv_tasks *tasks);

/* All processes anew, by their stat. Those that have gone are dropped. Errors: as mv_machine_list_read. Cost:
 * 15 us a process. */
int mv_tasks_read(struct mv_tasks *tasks);

enum mv_tasks_how {
	MV_TASKS_GROUPS = 1, /* their cgroups as well */
	MV_TASKS_ALL = 2, /* every process that was not read since the last look, whether it is due or not */
};
/*
 * Read what is due since the last look, of at most so many processes: 1 there may be more, 0 none until the
 * next look. Cost: 15 us for a status, 35 us for all of it.
 */
int mv_tasks_step(struct mv_tasks *tasks, unsigned how, size_t count);
/* Has everything been read of each at least once? */
bool mv_tasks_whole(const struct mv_tasks *tasks);

size_t mv_tasks_count(const struct mv_tasks *tasks);
size_t mv_tasks_left_out(const struct mv_tasks *tasks); /* beyond MV_TASKS_MAX */
/* The i-th, ascending by PID; its name is left 0. PSS is NOT_ASKED, or what was read of it last; score
 * likewise. */
const struct mv_task *mv_tasks_at(const struct mv_tasks *tasks, size_t i);
const char *mv_tasks_name(const struct mv_tasks *tasks, size_t i); /* raw */
size_t mv_tasks_name_bytes(const struct mv_tasks *tasks,
			   size_t i); /* that it takes once it is clean, with its NUL */
size_t mv_tasks_find(const struct mv_tasks *tasks, int32_t pid); /* SIZE_MAX none */

/* Put every process into its group of a tree that was read anew; groups NULL: into none. */
void mv_tasks_place(struct mv_tasks *tasks, const struct mv_groups *groups);

/* The total that badness is compared with, in pages: works each task's badness out. */
void mv_tasks_weigh(struct mv_tasks *tasks, uint64_t total_pages);
#define MV_TASKS_SCORED 32
/* Read the kernel's own score of the so many, MV_TASKS_SCORED at most, that have the highest badness. After
 * mv_tasks_weigh. */
void mv_tasks_score(struct mv_tasks *tasks, size_t count);

/*
 * Read the PSS of one. Source: PID/smaps_rollup; it may take long and, for a process that is stuck, for ever.
 * Returns false when there is no such process. Which needs rights says so in its why.
 */
bool mv_tasks_read_pss(struct mv_tasks *tasks, int32_t pid);
/* When may it be read again? Never within 20 times what it took, nor within a second. UINT64_MAX: never; 0 at
 * once. */
uint64_t mv_tasks_pss_due(const struct mv_tasks *tasks, int32_t pid);
/* It is not to be read: its reader hung. */
void mv_tasks_refuse_pss(struct mv_tasks *tasks, int32_t pid);

#endif
