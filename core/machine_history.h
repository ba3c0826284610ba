/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_MACHINE_HISTORY_H
#define MV_MACHINE_HISTORY_H

/*
 * Successive pictures of the machine -> rates, sparklines, and what each process has grown by since memview started. Fed once a
 * picture, whether it is drawn or not. Processes are matched by PID and start time.
 */

#include "core/delta.h"
#include "core/machine_snapshot.h"
#include "core/ram_figures.h"
#include "core/series.h"

struct mv_machine_history;

int mv_machine_history_new(struct mv_machine_history **ret_history);
void mv_machine_history_free(struct mv_machine_history *history);
/* Pictures must come in order of time; an older one is ignored. Errors: -ENOMEM (the change is lost). Cost: O(tasks). */
int mv_machine_history_feed(struct mv_machine_history *history, const struct mv_machine_snapshot *m);

/* A figure of free or sar as of the newest picture; rates against the one before. A gap (sleep, stop) is CHANGED. */
struct mv_ram_value mv_machine_figure(const struct mv_machine_history *history, enum mv_ram_figure_id id);
const struct mv_series *mv_machine_series(const struct mv_machine_history *history, enum mv_ram_figure_id id);
/* Share of the time since the last picture that some, all waited for memory, in percent; and their series. */
struct mv_ram_value mv_machine_pressure(const struct mv_machine_history *history, bool full);
const struct mv_series *mv_machine_pressure_series(const struct mv_machine_history *history, bool full);

struct mv_task_change {
	uint64_t first_ns;	/* when it was first seen: growth counts from there */
	int64_t grown_bytes;	/* of RSS and swap since then */
	struct mv_rate growth;	/* bytes a second, since then: known from 5 s on */
	struct mv_rate minor, major; /* faults a second, between the last two pictures */
	struct mv_rate cpu;	/* share of one core */
	bool is_new;		/* appeared within the last 3 s, not in the first picture */
	bool only_grows;	/* it has grown in each of the last 8 looks that differed, and by 1 MiB and 1 % at least */
};
/* Zeroes when it is not known. O(log n). */
struct mv_task_change mv_machine_task_change(const struct mv_machine_history *history, int32_t pid, uint64_t start_ticks);

#endif
