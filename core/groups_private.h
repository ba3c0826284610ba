/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_GROUPS_PRIVATE_H
#define MV_GROUPS_PRIVATE_H

/* Shared by groups.c (the tree) and groups_read.c (where it is mounted; what one directory says) only. */

#include "core/groups.h"

struct group_mount {
	int version;	/* as mv_groups_version */
	char dir[512];	/* for mv_source_read: "cgroup/memory", "cgroup" */
	char root[512]; /* what of the hierarchy is mounted there: "/" all of it; in a container "/docker/..."
			 */
};

/* Source: self/mountinfo, else what is there at the usual places. -ENOENT: no memory controller. */
int group_mount_find(struct mv_source *source, struct group_mount *ret_mount);
/* Everything that the files of a group's directory say; what is missing says so. */
void group_read(struct mv_source *source, const char *dir, int version, struct mv_group *group);

#endif
