/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_FIGURES_H
#define MV_FIGURES_H

/*
 * Every figure that memview shows of a whole process: one table for header, report, JSON and `w`.
 * X(ID, JSON key in "totals" or "", label, unit, source, meaning and formula)
 * Units: B bytes (kept in bytes), N a count, S a score.
 */
// clang-format off
#define MV_FIGURES(X)                                                                                         \
	X(SIZE, "size", "VSZ", B, "/proc/PID/statm field 1 x page size (status VmSize)",                      \
	  "All addresses that the process has mapped, touched or not. Costs no RAM by itself.")               \
	X(RSS, "rss", "RSS", B, "/proc/PID/statm field 2 x page size (status VmRSS)",                         \
	  "Pages of this process that are in RAM = anon + file + shmem. Shared pages count in full; the zero page and hugetlb do not count.") \
	X(PSS, "pss", "PSS", B, "/proc/PID/smaps_rollup Pss (or the sum of smaps)",                           \
	  "RSS with each page divided by the number of processes that map it. The PSS of all processes adds up to the RAM they use.") \
	X(USS, "uss", "USS", B, "/proc/PID/smaps_rollup Private_Clean + Private_Dirty",                       \
	  "Pages that only this process maps: what its end would free.")                                      \
	X(SWAP, "swap", "swap", B, "/proc/PID/status VmSwap",                                                 \
	  "Anonymous pages of this process that are in swap. Shared memory in swap is not counted here.")     \
	X(DIRTY, "dirty", "dirty", B, "/proc/PID/smaps_rollup Shared_Dirty + Private_Dirty",                  \
	  "Pages that differ from any file: they must be written or swapped before they can be freed.")       \
	X(ANON, "anon", "anon", B, "/proc/PID/status RssAnon",                                                \
	  "The part of RSS that belongs to no file: heap, stacks, private copies.")                           \
	X(FILE, "file", "file", B, "/proc/PID/status RssFile",                                                \
	  "The part of RSS that is page cache of mapped files.")                                              \
	X(SHMEM, "shmem", "shmem", B, "/proc/PID/status RssShmem",                                            \
	  "The part of RSS that is shared memory (tmpfs, memfd, SysV, shared anonymous).")                    \
	X(LOCKED, "locked", "locked", B, "/proc/PID/smaps_rollup Locked",                                     \
	  "Pages locked into RAM by mlock: never reclaimed, never swapped.")                                  \
	X(HUGE, "huge", "huge", B, "/proc/PID/smaps_rollup AnonHugePages + ShmemPmdMapped + FilePmdMapped",   \
	  "Memory mapped by transparent huge pages.")                                                         \
	X(PAGE_TABLES, "page_tables", "tables", B, "/proc/PID/status VmPTE",                                  \
	  "RAM that this process's page tables take (all levels but the topmost). Not part of RSS.")          \
	X(PEAK_RSS, "", "peak RSS", B, "/proc/PID/status VmHWM", "The highest RSS so far.")                   \
	X(LIMIT, "", "limit", B, "memory.max (cgroup v2) or memory.limit_in_bytes (v1) of the nearest group with a limit", \
	  "What the process's memory cgroup may use; at this point the kernel reclaims, then kills inside the group.") \
	X(USAGE, "", "used", B, "memory.current (cgroup v2) or memory.usage_in_bytes (v1) of that group",     \
	  "What the whole group uses now, page cache included.")                                              \
	X(OOM, "", "oom", S, "/proc/PID/oom_score",                                                           \
	  "Badness for the OOM killer, 0 to 2000; the highest is killed first.")                              \
	X(THREADS, "", "threads", N, "/proc/PID/stat field 20", "Threads of the process; they share all its memory.") \
	X(MINOR, "", "minor", N, "/proc/PID/stat field 10",                                                   \
	  "Page faults since start that needed no disk: first touch, copy-on-write, page cache hit. Rate = difference / seconds between two reads.") \
	X(MAJOR, "", "major", N, "/proc/PID/stat field 12",                                                   \
	  "Page faults since start that had to read from disk or swap: the process waited for each.")
// clang-format on

enum mv_figure {
#define X(id, json, label, unit, source, meaning) MV_FIG_##id,
	MV_FIGURES(X)
#undef X
	MV_FIG__N
};
struct mv_figure_info {
	const char *json, *label;
	char unit; /* 'B', 'N', 'S' */
	const char *source, *meaning;
};
extern const struct mv_figure_info mv_figures[MV_FIG__N]; /* in snapshot.c */

#endif
