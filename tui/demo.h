/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_DEMO_H
#define MV_DEMO_H

#include "core/snapshot.h"

/*
 * The workload of `memview demo`: maps 100 MiB and touches 10 MiB of it a second, a page at a time, then
 * rests. Runs in a child of the keeper until it is ended; returns its exit status.
 */
int mv_demo_run(void);
/* Where that mapping starts, in a snapshot of the workload; 0 not mapped yet. */
uint64_t mv_demo_mapping(const struct mv_snapshot *snap);

#endif
