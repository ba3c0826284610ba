/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_MACHINE_H
#define MV_MACHINE_H

/* The machine's processes. The only user of libproc2, which reads nothing but /proc: fixtures get our own
 * list. */

#include "core/stat.h"

struct mv_process {
	int pid;
	char state;
	struct mv_val uid; /* effective */
	uint64_t rss_bytes;
	char comm[MV_COMM_BYTES]; /* raw: clean before showing */
};

/**
 * Processes that bear a name, ascending by PID; the caller itself is left out.
 *
 * Source: libproc2's process list, else <root>/<pid>/stat and status. The kernel keeps 15 bytes of a name, so
 * a longer one is compared by its first 15. Errors: -ENOMEM; -errno of the list. Nobody of that name is no
 * error: *ret_count is 0. Cost:   about 20 us a process of the machine. *ret_list is malloc'ed.
 */
int mv_machine_find(struct mv_source *source, const char *name, struct mv_process **ret_list,
		    size_t *ret_count);

/*
 * All processes, again and again: what PID/stat says of each, with the name as the kernel has it.
 *
 * Source: libproc2's list of a live machine, which is kept open and holds 250 bytes a process; else, and when
 * `own`, <root>/<pid>/stat. Both tell the same. Cost: 14 us a process, own 9 us. Errors: -ENOMEM.
 */
struct mv_machine_list;
int mv_machine_list_new(struct mv_source *source, bool own, struct mv_machine_list **ret_list);
void mv_machine_list_free(struct mv_machine_list *list);
/* take(arg, stat) for each; a non-zero return ends it and is returned. Mostly ascending by PID: the kernel
 * lists them so. Those that vanish meanwhile are left out. Errors: -errno of the list. */
typedef int mv_take_process(void *arg, const struct mv_stat *stat);
int mv_machine_list_read(struct mv_machine_list *list, mv_take_process *take, void *arg);

/* Where the process list comes from, for --version: "libproc2" or "its own list". */
const char *mv_machine_backend(void);

#endif
