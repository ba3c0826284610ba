/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TASKS_PRIVATE_H
#define MV_TASKS_PRIVATE_H

/* Shared by tasks.c (the list, and who is in it) and tasks_read.c (what else is read of a process) only. */

#include "core/oom.h"
#include "core/tasks.h"

#define NO_PATH UINT32_MAX

/* A process. Its figures are laid out as the snapshot has them, so that they are copied as they are. */
struct task {
	struct mv_task t;
	char comm[MV_COMM_BYTES]; /* raw */
	uint64_t status_ns;	  /* when status was read; 0 never */
	uint64_t turn_ns;	  /* when its turn comes again */
	uint64_t cpu_at_status, faults_at_status;
	uint64_t rss_at_status; /* stat's, when status was read */
	uint64_t
	    status_rss_bytes;	 /* the sum that status told: stat's lags behind by up to some hundred KiB */
	uint64_t stat_rss_bytes; /* stat's, now */
	uint32_t pss_cost_us;
	uint32_t path; /* its cgroup's, in paths */
	uint16_t name_bytes;
	bool pss_refused, group_read;
};

_Static_assert(sizeof(struct task) + sizeof(struct mv_stat) <= 560, "with room to grow, 600 bytes a process");

/* A cgroup's path, as PID/cgroup has it. */
struct task_path {
	uint64_t hash;
	char *text; /* NULL: a free place */
	uint32_t users;
	uint32_t group; /* index in the tree, or MV_TASK_NO_GROUP */
};

struct mv_tasks {
	struct mv_source *source;
	struct mv_machine_list *list;
	uint32_t page_bytes;
	struct task *at; /* ascending by PID */
	size_t count, cap;
	struct mv_stat *fresh; /* as the last look had them */
	size_t fresh_count, fresh_cap;
	bool unsorted;
	size_t left_out;
	uint64_t look_ns;
	size_t cursor, left; /* who comes next, and how many have not been asked since the look */
	struct task_path *paths;
	size_t paths_count, paths_cap;
	const struct mv_groups *groups;
};

/* No word of its memory, and why. */
void tasks_lack_memory(struct task *task, enum mv_why why);
void tasks_settle_rss(struct task *task);
/* It is in the cgroup of this path; NULL unknown. */
void tasks_note_path(struct mv_tasks *t, struct task *task, const char *text);
/* It has ended since the look. */
void tasks_drop(struct mv_tasks *t, size_t i);

#endif
