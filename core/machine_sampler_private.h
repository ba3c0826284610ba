/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_MACHINE_SAMPLER_PRIVATE_H
#define MV_MACHINE_SAMPLER_PRIVATE_H

/* Shared by machine_sampler.c (what is due) and machine_sampler_write.c (its state -> a snapshot) only. */

#include "core/arena.h"
#include "core/atlas.h"
#include "core/kills.h"
#include "core/machine_sampler.h"
#include "core/oom.h"
#include "core/tasks.h"

/* A kind of reading: may it be done again? */
struct pace {
	uint64_t due_ns;
	uint64_t done_ns; /* when it was done last; 0 never */
	uint64_t cost_ns; /* of the round under way */
	bool active;
};

struct mv_machine_sampler {
	struct mv_source *source;
	_Atomic int32_t *at_pid; /* NULL: nobody is told */
	int32_t stuck_pid;	 /* whose smaps_rollup was read by one that hung; 0 nobody's */
	struct mv_machine_want want;
	uint32_t page_bytes, cpus, ticks_per_sec;
	uint64_t seq, booted_real_ns;
	char host[64], kernel[96];

	struct mv_ram ram;
	uint64_t total_pages;
	struct mv_val panic_on_oom, kill_allocating;

	struct mv_tasks *tasks;
	uint64_t tasks_ns;
	bool tasks_hidden, tasks_due, weigh_due;
	uint64_t tasks_cost_ns; /* since the look */

	struct mv_groups *groups;
	struct pace groups_pace;
	struct mv_val groups_why;

	struct mv_kills *kills;
	struct mv_val kills_why;
	bool log_due;

	struct pace pss_pace;

	struct mv_atlas *atlas; /* NULL until it is wanted */
	struct pace atlas_pace, lit_pace, frame_pace;
	struct mv_val atlas_why;
	int32_t lit;
	bool frame_known;
	uint64_t window_left; /* frames that a new window needs */

	bool changed;
};

#define WANTS(s, fact) ((s)->want.facts & MV_MACHINE_##fact)
#define WHOLE(s)       WANTS(s, WHOLE)
/* Are the processes' table and what is read of each needed? */
#define WANTS_TASKS(s) ((s)->want.facts & (MV_MACHINE_TASKS | MV_MACHINE_OOM))

#endif
