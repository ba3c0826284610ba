/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_KILLS_H
#define MV_KILLS_H

/*
 * Past OOM kills, from the kernel's log.
 *
 * Source: /dev/kmsg by mv_source_log (root, or where kernel.dmesg_restrict is 0), records "PRIO,SEQ,USEC,FLAGS;TEXT". Of each
 * kill these lines are joined: "NAME invoked oom-killer: ...", "oom-kill:constraint=...,task=...,pid=...,uid=...", "Out of
 * memory: Killed process PID (NAME) total-vm:...kB, anon-rss:..., ..." (or "Memory cgroup out of memory: ..."), "oom_reaper: reaped
 * process PID". Texts of kernels since 4.19.
 */

#include "core/machine_snapshot.h"

struct mv_kills; /* kills as they were found, the newest 64, with raw texts */

int mv_kills_new(struct mv_kills **ret_kills);
void mv_kills_free(struct mv_kills *kills);
/* One record of the log. 1: a kill is new or has changed; 0: not ours; -ENOMEM. */
int mv_kills_take(struct mv_kills *kills, const char *record, size_t len);
size_t mv_kills_count(const struct mv_kills *kills);
/* The i-th, newest first; its text fields are left 0. */
const struct mv_kill *mv_kills_at(const struct mv_kills *kills, size_t i);
struct mv_kill_texts {
	const char *name, *group, *limited, *invoker, *line; /* raw */
};
struct mv_kill_texts mv_kills_texts(const struct mv_kills *kills, size_t i);

#endif
