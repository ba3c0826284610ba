/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SAMPLER_H
#define MV_SAMPLER_H

/*
 * source + want -> snapshot, within a budget of CPU and of the target's lock time. Keeps what was read
 * before, knows how old it is, and reads again only what is wanted and due (PERFORMANCE.md, the pipeline).
 */

#include "core/snapshot.h"

struct mv_sampler;

/* Takes neither source nor target: both must outlive it. */
int mv_sampler_new(struct mv_source *source, struct mv_target *target, struct mv_sampler **ret_sampler);
void mv_sampler_free(struct mv_sampler *sampler);

/* Set what is wanted from now on. */
void mv_sampler_want(struct mv_sampler *sampler, const struct mv_want *want);

/*
 * The tick: counters, and whatever is due. Returns 0, or -ESRCH once the process has ended (what was known
 * stays, life says GONE).
 */
int mv_sampler_tick(struct mv_sampler *sampler);

/*
 * Do a slice of the work that is still due (at most about 1 ms of the target's lock). Returns 1 when there is
 * more to do now, 0 when there is nothing, with *ret_due_ns the time of the next paced piece (UINT64_MAX: at
 * the tick).
 */
int mv_sampler_work(struct mv_sampler *sampler, uint64_t *ret_due_ns);

/* Descriptors whose readiness means work (rings of traced faults, the symboliser's answers), for poll. */
size_t mv_sampler_fds(const struct mv_sampler *sampler, int *fds, size_t cap);
/* This one of them is ready. */
void mv_sampler_wake(struct mv_sampler *sampler, int fd);
/* Batch: answers that belong to the picture are still to come, though there is nothing to do. */
bool mv_sampler_waits(const struct mv_sampler *sampler);

/* CPU that memview-symbols has used on our behalf. */
uint64_t mv_sampler_helper_cpu_ns(const struct mv_sampler *sampler);

/* True when something a snapshot would show has changed since the last mv_sampler_snapshot. */
bool mv_sampler_changed(const struct mv_sampler *sampler);

/*
 * What a block holds already: the long sections of an unchanged list are not copied again. All zero for a new block;
 * private to the sampler, kept beside the block.
 */
struct mv_stamp {
	uint32_t maps_gen, pages_gen, rows_gen;
	struct mv_section mappings, names, tallies, tables, smaps;
};

/* Bytes the next snapshot needs, at most; then write it to `block` (8-byte aligned, that big). stamp may be NULL. */
size_t mv_sampler_snapshot_bytes(const struct mv_sampler *sampler);
void mv_sampler_snapshot(struct mv_sampler *sampler, struct mv_snapshot *block, struct mv_stamp *stamp);

/* Everything wanted, read whole, no pacing; then a malloc'ed snapshot (free it). Batch and fixtures. */
int mv_sampler_once(struct mv_sampler *sampler, const struct mv_want *want,
		    struct mv_snapshot **ret_snapshot);

#endif
