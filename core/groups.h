/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_GROUPS_H
#define MV_GROUPS_H

/*
 * The machine's memory cgroups, v1 and v2: usage, limits, what they hold, what happened to them. Sources: below /sys/fs/cgroup
 * (v2) or /sys/fs/cgroup/memory (v1), of the root that we see (in a container: our own part of the tree). Used by the machine's
 * sampler alone.
 */

#include "core/machine_snapshot.h"

struct mv_groups; /* the tree as it was read last, with raw paths */

int mv_groups_new(struct mv_groups **ret_groups);
void mv_groups_free(struct mv_groups *groups);
/* Read the tree anew, in slices: begin, then step until it returns 0 (1: more). Errors: -ENOENT no memory controller; -ENOMEM. */
int mv_groups_begin(struct mv_groups *groups, struct mv_source *source);
int mv_groups_step(struct mv_groups *groups, unsigned directories);
int mv_groups_version(const struct mv_groups *groups); /* 1, 2, 3 both (memory by v1), 0 none */
size_t mv_groups_count(const struct mv_groups *groups);
/* The i-th, parents first; texts (path, name) are left 0. raw path by mv_groups_path. */
const struct mv_group *mv_groups_at(const struct mv_groups *groups, size_t i);
const char *mv_groups_path(const struct mv_groups *groups, size_t i);
/* Index of the group with this raw path (as in PID/cgroup), or of the nearest above it that we see; SIZE_MAX none. */
size_t mv_groups_find(const struct mv_groups *groups, const char *path);

/* Parsers, pure. "max" and v1's huge numbers: NO_LIMIT. */
struct mv_val mv_group_limit_parse(const char *text, size_t len);
void mv_group_stat_parse(const char *text, size_t len, int version, struct mv_group *group);
void mv_group_events_parse(const char *text, size_t len, int version, struct mv_group *group);

#endif
