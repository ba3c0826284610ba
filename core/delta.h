/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_DELTA_H
#define MV_DELTA_H

/*
 * Successive snapshots -> rates, changes, matched mappings. Fed once per snapshot, whether it is drawn or
 * not. Mappings are matched by identity: the start of a mapping, or the end for what grows down; a new epoch
 * matches nothing.
 */

#include "core/growth.h"
#include "core/series.h"
#include "core/snapshot.h"

struct mv_delta;

int mv_delta_new(struct mv_delta **ret_delta);
void mv_delta_free(struct mv_delta *delta);
/* Snapshots must come in order of time; an older one is ignored. Errors: -ENOMEM (the change is lost). */
int mv_delta_feed(struct mv_delta *delta, const struct mv_snapshot *snap);

/* Counters read elsewhere (the keeper's, while the collector is stuck). Older ones than the last are ignored.
 */
struct mv_counters {
	uint64_t at_ns;
	uint64_t start_ticks;
	uint64_t minor_faults, major_faults;
	uint64_t rss_bytes, size_bytes;
	uint32_t threads;
	char state;
	char pad[3];
	uint32_t why; /* MV_WHY_HAVE, or why nothing above holds */
};
void mv_delta_feed_counters(struct mv_delta *delta, const struct mv_counters *counters);
const struct mv_counters *mv_delta_counters(const struct mv_delta *delta); /* the newest of either source */

/* Per second. Missing (NOT_READ) until two readings of the same process, or when a counter fell. */
struct mv_rate {
	double per_second;
	bool have;
};
struct mv_rate mv_delta_minor_rate(const struct mv_delta *delta);
struct mv_rate mv_delta_major_rate(const struct mv_delta *delta);
struct mv_rate mv_delta_rss_rate(const struct mv_delta *delta); /* bytes a second */

enum mv_series_id { MV_SERIES_RSS, MV_SERIES_MINOR, MV_SERIES_MAJOR, MV_SERIES__N };
const struct mv_series *mv_delta_series(const struct mv_delta *delta, enum mv_series_id id);

/* Traced faults of a kind: estimated faults a second, and its series. Missing while nothing is traced. */
struct mv_rate mv_delta_fault_rate(const struct mv_delta *delta, enum mv_fault_kind kind);
const struct mv_series *mv_delta_fault_series(const struct mv_delta *delta, enum mv_fault_kind kind);

/* A thread's share of one core (0 to 1) and faults a second, between its last two readings. O(log n). */
struct mv_thread_rates {
	struct mv_rate cpu, minor, major;
};
struct mv_thread_rates mv_delta_thread(const struct mv_delta *delta, int32_t tid);

enum mv_change { MV_CHANGE_NONE, MV_CHANGE_NEW, MV_CHANGE_GREW, MV_CHANGE_SHRANK };
struct mv_mapping_change {
	enum mv_change change; /* of its size; lit for 3 s after at_ns */
	uint64_t at_ns;
	struct mv_rate growth; /* of its RSS, bytes a second, smoothed over the last few seconds */
};
/* By the start address of a mapping of the newest snapshot fed; all zero when unknown. O(log n). */
struct mv_mapping_change mv_delta_mapping(const struct mv_delta *delta, uint64_t start);

/* What was held since the watching began, and at the mark: fed by mv_delta_feed too. */
const struct mv_growth *mv_delta_growth(const struct mv_delta *delta);
/* How the malloc heap has changed between the first reading of it and the last; known once they are 5 s apart. */
struct mv_growth_heap mv_delta_heap(const struct mv_delta *delta);
/* Mark a baseline: mv_growth_mark. */
void mv_delta_mark(struct mv_delta *delta, const struct mv_snapshot *snap, uint64_t now_ns, uint64_t real_ns);

/* Mappings that vanished within the last 3 s, ascending by start. Names are copied. */
struct mv_ghost {
	struct mv_range range;
	uint64_t at_ns;
	uint8_t kind, perms;
	char name[118]; /* clean */
};
const struct mv_ghost *mv_delta_ghosts(const struct mv_delta *delta, size_t *ret_count);
#define MV_LIT_NS (3 * MV_NS_PER_SEC)

#endif
