/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_OOM_H
#define MV_OOM_H

/*
 * Who would be killed: the OOM killer's own arithmetic, mm/oom_kill.c oom_badness().
 *
 *     badness = RSS + swap + page tables, in pages; + oom_score_adj x (all pages that may be used) / 1000
 *
 * all pages: RAM and swap, or in a memory cgroup its limit. -1000 is never killed, nor are PID 1 and kernel threads. oom_score is the
 * same on a scale: (1000 + badness x 1000 / all pages) x 2 / 3.
 */

#include "core/machine_snapshot.h"

/* Badness in pages; 0: passed by. Values that are missing count as 0. total_pages: of the machine or of the group. */
int64_t mv_oom_badness(const struct mv_task *task, uint64_t page_bytes, uint64_t total_pages);
/* What oom_score would say of it. */
uint64_t mv_oom_scale(int64_t badness, uint64_t total_pages);

/*
 * The order: indices of tasks, who goes first at the front; those passed by are left out. group: only tasks of that group and below,
 * against its limit; MV_TASK_NO_GROUP the whole machine. Returns how many were filled, at most cap. Pure. O(n log n).
 */
size_t mv_oom_order(const struct mv_machine_snapshot *m, uint32_t group, uint32_t *ret_tasks, size_t cap);
/* What its end would free: private memory as far as known (anon + swap's room + page tables); file pages stay as cache. */
struct mv_val mv_oom_frees(const struct mv_task *task);

/* What could be reclaimed now, and what could not, in bytes. Pure. */
struct mv_reclaim {
	struct mv_val cache_clean; /* page cache that can be dropped at once: active and inactive file pages, less dirty and writeback */
	struct mv_val cache_dirty; /* after it is written */
	struct mv_val slab;	   /* reclaimable slab */
	struct mv_val swappable;   /* anonymous and shared memory, as far as swap has room; 0 without swap */
	struct mv_val stuck_anon;  /* anonymous and shared memory that no swap can take */
	struct mv_val locked;	   /* unevictable, mlock */
	struct mv_val kernel;	   /* unreclaimable slab, stacks, page tables, per-CPU, vmalloc */
	struct mv_val huge;	   /* reserved for huge pages */
	struct mv_val reserve;	   /* below the zones' low marks: for the kernel itself */
};
struct mv_reclaim mv_reclaim_of(const struct mv_ram *ram);

#endif
