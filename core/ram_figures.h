/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_RAM_FIGURES_H
#define MV_RAM_FIGURES_H

/*
 * The figures of free, sar -r ALL and sar -B, under their own names: one table for screen, text, JSON, OpenMetrics and `w`.
 * X(ID, tool, JSON key, label, unit, the other tool's name or "", formula and source, meaning)
 * tool: FREE free, SAR_R sar -r ALL, SAR_B sar -B. Units: B bytes, P percent, R events a second, K KiB a second.
 * sar prints KiB where we keep bytes. Rates and %vmeff need two readings (mv_ram_figure's before).
 */
// clang-format off
#define MV_RAM_FIGURES(X)                                                                                      \
	X(FREE_TOTAL, FREE, "total", "total", B, "",                                                            \
	  "MemTotal", "RAM that the kernel manages: all of it but what the firmware and the kernel's own image keep.") \
	X(FREE_USED, FREE, "used", "used", B, "",                                                               \
	  "MemTotal - MemAvailable (free before procps 4: total - free - buffers - cache)", "What is taken and can't be had back without swapping or killing.") \
	X(FREE_FREE, FREE, "free", "free", B, "kbmemfree",                                                      \
	  "MemFree", "RAM with nothing in it. Little is normal: unused RAM is lent to the page cache.")         \
	X(FREE_SHARED, FREE, "shared", "shared", B, "",                                                         \
	  "Shmem", "tmpfs, memfd, SysV and shared anonymous memory. It is inside buff/cache, yet can't be dropped: it has no file to read it back from.") \
	X(FREE_BUFFERS, FREE, "buffers", "buffers", B, "kbbuffers",                                             \
	  "Buffers", "Page cache of block devices: file systems' own data on disk.")                            \
	X(FREE_CACHE, FREE, "cache", "cache", B, "",                                                            \
	  "Cached + SReclaimable", "Pages of files kept in RAM, and the slab objects that can be freed with them.") \
	X(FREE_BUFF_CACHE, FREE, "buff_cache", "buff/cache", B, "kbbuffers + kbcached + reclaimable slab",      \
	  "buffers + cache", "What free prints unless asked for wide output.")                                  \
	X(FREE_AVAILABLE, FREE, "available", "available", B, "kbavail",                                         \
	  "MemAvailable", "The kernel's estimate of what a new program could take without swapping: free, and the page cache and slab that can be dropped.") \
	X(SWAP_TOTAL, FREE, "swap_total", "swap total", B, "", "SwapTotal", "Room in all swap areas.")          \
	X(SWAP_USED, FREE, "swap_used", "swap used", B, "", "SwapTotal - SwapFree", "Anonymous pages that were moved out of RAM.") \
	X(SWAP_FREE, FREE, "swap_free", "swap free", B, "", "SwapFree", "Room left in swap.")                   \
	X(KBMEMFREE, SAR_R, "kbmemfree", "kbmemfree", B, "free", "MemFree", "Free memory.")                     \
	X(KBAVAIL, SAR_R, "kbavail", "kbavail", B, "available", "MemAvailable", "The kernel's estimate of what can be had without swapping.") \
	X(KBMEMUSED, SAR_R, "kbmemused", "kbmemused", B, "",                                                    \
	  "MemTotal - MemFree - Buffers - Cached - Slab, at least 0 (sar from 12.7.8 on: MemTotal - MemAvailable)", \
	  "Used memory without caches and the kernel's slab, reclaimable or not. Shared memory is in Cached, so it is not in here.")  \
	X(MEMUSED, SAR_R, "%memused", "%memused", P, "", "kbmemused / MemTotal", "Share of used memory.")       \
	X(KBBUFFERS, SAR_R, "kbbuffers", "kbbuffers", B, "buffers", "Buffers", "Page cache of block devices.")  \
	X(KBCACHED, SAR_R, "kbcached", "kbcached", B, "", "Cached", "Page cache of files, shared memory included.") \
	X(KBCOMMIT, SAR_R, "kbcommit", "kbcommit", B, "", "Committed_AS", "What all processes have been promised: it would be needed if they touched all of it.") \
	X(COMMIT, SAR_R, "%commit", "%commit", P, "", "Committed_AS / (MemTotal + SwapTotal)", "That promise against RAM and swap; more than 100 is overcommitted.") \
	X(KBACTIVE, SAR_R, "kbactive", "kbactive", B, "", "Active", "Pages used lately: reclaimed last.")       \
	X(KBINACT, SAR_R, "kbinact", "kbinact", B, "", "Inactive", "Pages not used lately: reclaimed first.")   \
	X(KBDIRTY, SAR_R, "kbdirty", "kbdirty", B, "", "Dirty", "Page cache that differs from the disk: it must be written before it can be dropped.") \
	X(KBANONPG, SAR_R, "kbanonpg", "kbanonpg", B, "", "AnonPages", "Anonymous pages that processes map: heap, stacks, private copies.") \
	X(KBSLAB, SAR_R, "kbslab", "kbslab", B, "", "Slab", "The kernel's small objects: inodes, directory entries, network buffers.") \
	X(KBKSTACK, SAR_R, "kbkstack", "kbkstack", B, "", "KernelStack", "A kernel stack for each thread.")     \
	X(KBPGTBL, SAR_R, "kbpgtbl", "kbpgtbl", B, "", "PageTables", "The page tables of all processes.")       \
	X(KBVMUSED, SAR_R, "kbvmused", "kbvmused", B, "", "VmallocUsed", "The kernel's virtually contiguous memory.") \
	X(PGPGIN, SAR_B, "pgpgin/s", "pgpgin/s", K, "vmstat bi", "vmstat pgpgin", "KiB read from block devices a second.") \
	X(PGPGOUT, SAR_B, "pgpgout/s", "pgpgout/s", K, "vmstat bo", "vmstat pgpgout", "KiB written to block devices a second.") \
	X(FAULT, SAR_B, "fault/s", "fault/s", R, "", "vmstat pgfault", "Page faults of all processes a second, minor and major.") \
	X(MAJFLT, SAR_B, "majflt/s", "majflt/s", R, "", "vmstat pgmajfault", "Those that had to read from disk or swap.") \
	X(PGFREE, SAR_B, "pgfree/s", "pgfree/s", R, "", "vmstat pgfree", "Pages put on the free lists a second.") \
	X(PGSCANK, SAR_B, "pgscank/s", "pgscank/s", R, "", "vmstat pgscan_kswapd", "Pages that kswapd, in the background, looked at to reclaim.") \
	X(PGSCAND, SAR_B, "pgscand/s", "pgscand/s", R, "", "vmstat pgscan_direct (sar 12.6 adds pgscan_direct_throttle)", "Pages that processes had to look at themselves, since kswapd was behind: they waited.") \
	X(PGSTEAL, SAR_B, "pgsteal/s", "pgsteal/s", R, "", "vmstat pgsteal_kswapd + pgsteal_direct + pgsteal_khugepaged + pgsteal_proactive (sar 12.6 adds pgsteal_anon and pgsteal_file, which tell the same pages once more: twice that from Linux 5.9 on)", "Pages reclaimed from the caches a second.") \
	X(VMEFF, SAR_B, "%vmeff", "%vmeff", P, "", "pgsteal / (pgscank + pgscand); nothing when no page was looked at, where sar prints 0", "How many of the pages looked at could be reclaimed. Near 100 is easy; below 30 the kernel works hard for little.")
// clang-format on

#include <stdbool.h>
#include <stdint.h>

enum mv_ram_tool { MV_RAM_FREE, MV_RAM_SAR_R, MV_RAM_SAR_B };
enum mv_ram_figure_id {
#define X(id, tool, key, label, unit, twin, formula, meaning) MV_RAM_FIG_##id,
	MV_RAM_FIGURES(X)
#undef X
	MV_RAM_FIG__N
};
struct mv_ram_figure_info {
	enum mv_ram_tool tool;
	char unit; /* 'B', 'P', 'R', 'K' */
	const char *key, *label, *twin, *formula, *meaning;
};
extern const struct mv_ram_figure_info mv_ram_figures[MV_RAM_FIG__N]; /* in ram_figures.c */

/* A figure that may be missing. B: bytes; P: 0 to 100 and more; R, K: a second. */
struct mv_ram_value {
	double value;
	uint32_t why; /* enum mv_why */
	uint32_t unused;
};

struct mv_ram;
/*
 * One figure of `now`. before: an earlier reading for what is a rate, or NULL (then NOT_READ). A counter that fell and two readings
 * of the same time give CHANGED; one that has wrapped at 2^32 (32-bit kernels) is counted on. %vmeff of no page that was looked at is
 * NOT_HERE. Whether the time between them is a gap (mv_ram_gap) is for the caller to ask. Pure.
 */
struct mv_ram_value mv_ram_figure(const struct mv_ram *now, const struct mv_ram *before, enum mv_ram_figure_id id);
/*
 * Have the two been read so far apart that a rate between them would say nothing: we were stopped, or the machine that we are a guest
 * of was? From three times the interval and a second on; never with an interval of 0. A machine that slept did not count, neither
 * time nor events: its rates stay true.
 */
bool mv_ram_gap(const struct mv_ram *now, const struct mv_ram *before, uint64_t interval_ns);

#endif
