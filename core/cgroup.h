/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_CGROUP_H
#define MV_CGROUP_H

/* Memory limit and usage of the target's memory cgroup (v1, v2), and its OOM score. */

#include "core/source.h"

struct mv_cgroup {
	int version;		   /* 1, 2, 0 none */
	struct mv_val limit_bytes; /* nearest limit on the way up to the root; MV_WHY_NO_LIMIT */
	struct mv_val usage_bytes; /* of the group that sets the limit, else of the process's own group */
	struct mv_val high_bytes;  /* v2 memory.high */
	struct mv_val swap_max_bytes;
	struct mv_val oom_kills;
	char path[256]; /* raw, cut: clean before showing */
};
/* Source: PID/cgroup, then below /sys/fs/cgroup[/memory] memory.max|memory.limit_in_bytes, memory.current|…usage….
 * Missing files give MV_WHY_NO_KERNEL; a limit at or above the machine's RAM is no limit. Errors: -ESRCH. Cost: 4-8 opens. */
int mv_cgroup_read(struct mv_source *source, struct mv_target *target, struct mv_cgroup *ret_cgroup);
/* Of the caller itself; a fixture's is DIR/self/cgroup. */
void mv_cgroup_read_own(struct mv_source *source, struct mv_cgroup *ret_cgroup);
/* The "memory" path out of PID/cgroup's text; returns the version, 0 when there is none. */
int mv_cgroup_parse_path(const char *text, size_t len, char *path, size_t cap);

/* Other ends that memory can come to. */
struct mv_limits {
	struct mv_val address_bytes;   /* RLIMIT_AS, soft; MV_WHY_NO_LIMIT */
	struct mv_val available_bytes; /* MemAvailable of the machine */
};
/* Source: PID/limits "Max address space", meminfo MemAvailable. Errors: -ESRCH. Cost: 2 reads, 10-40 us. */
int mv_limits_read(struct mv_source *source, struct mv_target *target, struct mv_limits *ret_limits);

struct mv_oom {
	struct mv_val score;  /* 0-2000 */
	struct mv_val adjust; /* -1000..1000, stored + 1000 */
};
int mv_oom_read(struct mv_target *target, struct mv_oom *ret_oom);

#endif
