/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_MACHINE_SAMPLER_H
#define MV_MACHINE_SAMPLER_H

/*
 * Source and want -> pictures of the machine, as the sampler does it for a process: a tick reads what every picture shows (ram, the
 * processes' stat); slower things (status of who ran, cgroups, PSS of visible rows, frames) are done in slices of work between
 * ticks, at a pace. It never waits for a process but in smaps_rollup, which it reads of visible rows alone; *at_pid says of which, so
 * that a successor can leave it out.
 */

#include "core/machine_snapshot.h"

struct mv_machine_sampler;

/* at_pid: where to write whose smaps_rollup is being read (0 nobody's), or NULL; what it holds at the start is left out. */
int mv_machine_sampler_new(struct mv_source *source, _Atomic int32_t *at_pid, struct mv_machine_sampler **ret_sampler);
void mv_machine_sampler_free(struct mv_machine_sampler *s);
void mv_machine_sampler_want(struct mv_machine_sampler *s, const struct mv_machine_want *want);
/* The next look. 0 or -errno of what no picture can be without. */
int mv_machine_sampler_tick(struct mv_machine_sampler *s);
/*
 * A slice of work, at most about 5 ms. Returns 1: more is due at once; 0: nothing until *ret_due_ns (UINT64_MAX never).
 * With MV_MACHINE_WHOLE paces do not hold.
 */
int mv_machine_sampler_work(struct mv_machine_sampler *s, uint64_t *ret_due_ns);
/* Has anything come since the last snapshot that is worth a new one before the next tick (slices of the atlas, PSS)? */
bool mv_machine_sampler_changed(const struct mv_machine_sampler *s);
size_t mv_machine_sampler_bytes(struct mv_machine_sampler *s); /* of the next snapshot */
void mv_machine_sampler_snapshot(struct mv_machine_sampler *s, struct mv_machine_snapshot *ret_snapshot);

#endif
