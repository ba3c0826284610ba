/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_STAT_H
#define MV_STAT_H

/* PID/stat, statm, status: who the process is and its cheap counters. */

#include "core/source.h"

#define MV_COMM_BYTES 64 /* comm is at most 15 bytes for user processes, kworkers up to 63 */

/**
 * Identity and fault counters of a process.
 *
 * Source: <root>/<pid>/stat fields 2, 3, 4, 10, 12, 20, 22, 23, 24; man 5 proc. Parsed from the last ')'.
 * Units:  faults since start, children excluded; start in clock ticks since boot; rss in pages.
 */
struct mv_stat {
	char comm[MV_COMM_BYTES]; /* raw, as the kernel has it: clean before showing */
	int32_t pid;
	int32_t ppid;
	char state; /* R S D T t Z X I */
	char pad[3];
	uint32_t threads;
	uint32_t flags; /* PF_KTHREAD 0x00200000 */
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t utime_ticks;
	uint64_t stime_ticks;
	uint64_t start_ticks;
	uint64_t vsize_bytes;
	uint64_t rss_pages; /* lags: prefer statm */
};

/* Source: statm. Units: pages. resident = anon + file + shmem as of the call. */
struct mv_statm {
	uint64_t size_pages;
	uint64_t resident_pages;
	uint64_t shared_pages; /* file + shmem */
	uint64_t data_pages;
};

/* Source: status. KiB as the kernel prints them; absent lines (old kernels, kernel threads) are missing. */
struct mv_status {
	struct mv_val uid, euid;
	struct mv_val vm_peak_kib, vm_hwm_kib, vm_lck_kib;
	struct mv_val rss_anon_kib, rss_file_kib, rss_shmem_kib;
	struct mv_val vm_pte_kib, vm_swap_kib, hugetlb_kib;
	struct mv_val tracer_pid;
	bool kernel_thread; /* "Kthread: 1" (6.7+); else by PF_KTHREAD of stat */
};

/*
 * mv_stat_read: where the main thread has ended and others run, state is that of one of these, and the target's other files
 * are read by way of it from then on (mv_target_via).
 */
/* Errors: -ESRCH gone; -EACCES hidden; -EBADMSG not such a text. Cost: one pread each, 2-9 us. */
int mv_stat_parse(const char *text, size_t len, struct mv_stat *ret_stat);
int mv_stat_read(struct mv_target *target, struct mv_stat *ret_stat);
int mv_statm_parse(const char *text, size_t len, struct mv_statm *ret_statm);
int mv_statm_read(struct mv_target *target, struct mv_statm *ret_statm);
int mv_status_parse(const char *text, size_t len, struct mv_status *ret_status);
int mv_status_read(struct mv_target *target, struct mv_status *ret_status);

#define MV_PF_KTHREAD 0x00200000u
static inline bool mv_stat_is_kernel_thread(const struct mv_stat *s)
{
	return (s->flags & MV_PF_KTHREAD) != 0;
}
/* One word for a state letter: "running", "sleeping", "disk sleep", "stopped", "traced", "zombie", "dead", "idle". */
const char *mv_stat_state_text(char state);

#endif
