/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TESTS_SNAPBUILD_MACHINE_H
#define MV_TESTS_SNAPBUILD_MACHINE_H

/* Pictures of the machine out of literal tables, for tests of what is drawn; and a stack of views over them. Out of memory:
 * abort. */

#include "core/machine_snapshot.h"
#include "tests/unit/snapbuild.h"

struct snapbuild_task {
	const char *name;
	struct mv_task plain; /* ascending by pid; name is set by make */
};
struct snapbuild_cgroup_row {
	const char *path, *name;
	struct mv_group plain; /* parents first; texts are set by make */
};
struct snapbuild_kill {
	const char *name, *group, *limited, *invoker, *line; /* NULL: "" */
	struct mv_kill plain;				     /* newest first */
};
struct snapbuild_machine {
	struct mv_machine_snapshot head; /* any plain field; sections are set by make */
	const struct snapbuild_task *tasks;
	size_t tasks_count;
	const struct snapbuild_cgroup_row *groups;
	size_t groups_count;
	const struct snapbuild_kill *kills;
	size_t kills_count;
};

/* 8 GiB of RAM, 2 GiB of swap with 512 MiB in use, no pressure, one zone, taken at 100 s; no processes. */
void snapbuild_machine_init(struct snapbuild_machine *b);
/* One malloc'ed block that mv_machine_check likes; free() it. */
struct mv_machine_snapshot *snapbuild_machine_make(const struct snapbuild_machine *b);

/* A process of user uid with so many MiB of anonymous memory, and 4 MiB of files. */
struct snapbuild_task snapbuild_process(int pid, int ppid, const char *name, uint32_t uid, uint64_t anon_mib);
/* A group below `parent` (an index; its own: the root) that uses so many MiB, of limit_mib (0 none). */
struct snapbuild_cgroup_row snapbuild_cgroup(const char *path, const char *name, uint32_t parent, uint64_t usage_mib, uint64_t limit_mib);

/* ---- the views over them ---- */

struct snapbuild_rig {
	struct snapbuild_machine machine;
	struct mv_machine_snapshot *snap;
	struct mv_machine_history *history;
	struct mv_delta *delta;
	struct mv_stack *stack;
	struct mv_keeper_status status;
	struct mv_context ctx;
	struct mv_canvas canvas;
	struct mv_machine_want want;
};
/* The view first, of rows x cols, over machine as it is (init: by snapbuild_machine_init before). */
void snapbuild_rig_start(struct snapbuild_rig *rig, enum mv_view_id first, int rows, int cols);
void snapbuild_rig_end(struct snapbuild_rig *rig);
/* Machine has changed: the next picture, `ms` later, is fed to the history and looked at. */
void snapbuild_rig_look(struct snapbuild_rig *rig, unsigned ms);
/* Type keys in their notation; the last one's effect. */
enum mv_effect snapbuild_rig_press(struct snapbuild_rig *rig, const char *keys);
/* Draw; does any row hold text? */
bool snapbuild_rig_shows(struct snapbuild_rig *rig, const char *text);
/* The first row that holds text, -1 none. */
int snapbuild_rig_row(struct snapbuild_rig *rig, const char *text);
/* The cursor's row, -1 none. */
int snapbuild_rig_cursor(struct snapbuild_rig *rig);

#endif
