/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_FAULTS_WORDS_H
#define MV_VIEW_FAULTS_WORDS_H

/* What is said and shown of traced faults, wherever: in their own view, on the page grid, on the map. Pure. */

#include "core/snapshot.h"

struct mv_clean mv_words_fault(unsigned kind);	       /* "demand zero" */
struct mv_clean mv_words_fault_meaning(unsigned kind); /* what happened */

/* Something is traced, or was until the process ended. */
static inline bool mv_faults_traced(const struct mv_snapshot *snap)
{
	return snap && (snap->facts & MV_FACT_FAULTS) && snap->trace.why == MV_WHY_HAVE;
}

/* The log's entries within MV_FLASH_NS before the snapshot: that many, from the first. 0 without a trace. O(n). */
uint32_t mv_faults_recent(const struct mv_snapshot *snap);
/* The pages that a fault brought: one, or a huge one's 512. */
struct mv_range mv_faults_pages(const struct mv_snapshot *snap, const struct mv_fault_entry *entry);
/* The newest entry of the log whose pages lie in the range; NULL none. O(log). */
const struct mv_fault_entry *mv_faults_newest(const struct mv_snapshot *snap, struct mv_range range);

/*
 * How many faults a second, by the log: the weights of the last second, or of as much as the log reaches back.
 * Units: faults a second. seconds 0: nothing can be said yet.
 */
struct mv_faults_window {
	uint32_t count; /* entries, from the first */
	double seconds;
};
struct mv_faults_window mv_faults_window(const struct mv_snapshot *snap);

/*
 * A function's name in at most cols columns, its own name first of all: arguments go first, then what stands in <>,
 * then what it belongs to. What is still too long is left to the canvas to cut.
 */
void mv_words_function(struct mv_build *b, struct mv_clean name, int cols);
/* A thread of the trace by its number: "4712 reader", or the number alone. */
void mv_words_fault_thread(struct mv_build *b, const struct mv_snapshot *snap, int32_t tid);

#endif
