/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SOURCE_H
#define MV_SOURCE_H

/*
 * Where bytes come from: the live machine, or a fixture directory that plays one. The only opener of /proc
 * (and of /sys/fs/cgroup), and the carrier of the clock. Nothing here interprets what it reads.
 *
 * Fixture directory DIR:
 *   DIR/PID/{stat,statm,status,maps,smaps,cmdline,cgroup,oom_score,...}   as in /proc
 *   DIR/PID/pages     lines "START-END LETTERS": page states for mv_target_scan (hex, page aligned, sorted).
 *                     Letters: p present, s swapped, f file, z zero page, h huge, g guard, x exclusive (bit 56)
 *                     and optionally " pfn=HEX" for the first page of the range
 *   DIR/PID/bytes     lines "ADDR HEXBYTES" for mv_target_bytes
 *   DIR/PID/faults    what the tracer would tell, oldest first; tabs part the fields, # begins a comment:
 *                       trace SINCE_MS PERIOD LOST THREADS COVERED KERNEL_SIDE MINOR MAJOR
 *                       name TID NAME
 *                       fault AGO_MS TID ADDR KIND WEIGHT FLAGS END FRAMES   (KIND, END: JSON names; FLAGS: M major,
 *                       K in the kernel, or -; FRAMES: outermost;...;innermost)
 *   DIR/PID/stacks    what looking at the threads would tell, by tid; tabs as well:
 *                       thread TID HOW END STACK_START STACK_END SP TOUCHED GUARD   (HOW unstopped, sampled,
 *                       stopped or running; TOUCHED, GUARD decimal; GUARD - for the main thread)
 *                       call PC SP START NAME IMAGE   (innermost first, of the thread before)
 *                       line PC FILE LINE             (at the end, ascending)
 *                     names and counters come from DIR/PID/task/TID/{stat,schedstat}
 *   DIR/PID/heap      what reading malloc's heap and a leak scan would tell; tabs part the fields; sums follow from the blocks:
 *                       heap REASON ALLOCATOR AGO_MS FIGURES_AGO_MS TOOK_US TRIES FIRST LAST FLAGS   (REASON, ALLOCATOR: JSON names,
 *                       - for HAVE; FIGURES_AGO_MS - there never were any; glibc 2.FIRST to 2.LAST, - or newer; FLAGS: s still,
 *                       m mmapped blocks found, c caches exact, or -)
 *                       broke AT AFTER                (hex)
 *                       arena ADDRESS SYSTEM RESIDENT FREE_RESIDENT TOP_RESIDENT TRIMMABLE SEGMENTS TCACHES FLAGS   (M main, c)
 *                       region KIND START             (main, arena or mmapped; ascending; of the arena before it)
 *                       blocks TIMES SIZE:STATE ...   (a pattern, so many times over, at the end of that region; STATE: JSON)
 *                       owner ALLOCATOR MAPPINGS BYTES FLAGS   (BYTES - unknown; g guessed, or -)
 *                       leaks MODE WHY ROUNDS STOPPED_US TOOK_MS SCANNED HEAP ROOTS SWAPPED ABSENT UNREADABLE THREADS UNSEEN
 *                       DEAD_STACKS GROUPS_LEFT_OUT   (what a scan answers once it is asked for; WHY - when there is an answer)
 *                       group SIZE FIRST_WORD WHAT BLOCKS DIRECT HELD_BLOCKS HELD_BYTES NAME TEXT EXAMPLE,...   (most bytes first)
 *                       link FROM TO OFFSET BLOCKS BYTES
 *                       runs PHASE ROUND DONE TOTAL   (a scan that was asked for is not over in this step; PHASE: a number)
 *                       cost COPY STREAM SWAPPED NEED ROOM STOP_US TOOK_MS   (of an exact scan)
 *   DIR/PID/filecache what cachestat would tell of mapped files:
 *                       MAJOR:MINOR INODE SIZE CACHED DIRTY WRITEBACK EVICTED RECENTLY_EVICTED   (device hex, as in maps; bytes,
 *                       then pages, decimal; the last four - where only mincore is there)
 *                       MAJOR:MINOR INODE refused
 *                     a file without a line has gone
 *   DIR/PID/errors    lines "FILE ERRNO-NAME" (EACCES, EPERM, ENOENT, ESRCH, EIO): opening FILE fails so. FILE
 *                     "." is the process itself, "pagemap" governs scan and words, "mem" mv_target_bytes
 *   DIR/errors        the same for machine files ("kpageflags EACCES")
 *   DIR/page_bytes    bytes of a base page, decimal; 4096 without it
 *   DIR/kpage         lines "PFN[-END] FLAGS COUNT CGROUP-INO", all hex: of one frame, or of [PFN, END); a later line wins
 *   DIR/{meminfo,...} other machine files; DIR/cgroup/... for /sys/fs/cgroup, DIR/node/... for /sys/devices/system/node,
 *                     DIR/mm/... for /sys/kernel/mm, DIR/module/... for /sys/module
 *   DIR/kmsg          the kernel's log: a record a line, as /dev/kmsg gives them
 *   DIR/clock         "MONOTONIC_NS REALTIME_NS"; without it 1000 s and 2024-01-01T00:00:00Z
 *   DIR/step1, step2  optional: each a DIR of its own; mv_source_step moves to the next, a missing file there
 *                     falls back to the step before, a file named FILE.gone hides it (PID.gone: it has exited)
 */

#include "core/types.h"

struct mv_source;
struct mv_target;

/* What the kernel calls a page; same bits as PAGE_IS_* of <linux/fs.h>, defined here since headers lack them. */
enum mv_cat {
	MV_CAT_WPALLOWED = 1 << 0,
	MV_CAT_WRITTEN = 1 << 1,
	MV_CAT_FILE = 1 << 2,
	MV_CAT_PRESENT = 1 << 3,
	MV_CAT_SWAPPED = 1 << 4,
	MV_CAT_PFNZERO = 1 << 5,
	MV_CAT_HUGE = 1 << 6,
	MV_CAT_SOFT_DIRTY = 1 << 7,
	MV_CAT_GUARD = 1 << 8,
};

/* A run of pages of equal categories. The layout is the kernel's struct page_region. */
struct mv_run {
	uint64_t start;
	uint64_t end;
	uint64_t cats; /* enum mv_cat bits */
};

/* The files below a PID that are read again and again; each is opened once and kept. */
#define MV_FILES(X)                                                                                           \
	X(STAT, "stat") X(STATM, "statm") X(STATUS, "status") X(MAPS, "maps") X(SMAPS, "smaps")               \
	X(ROLLUP, "smaps_rollup") X(CMDLINE, "cmdline") X(CGROUP, "cgroup") X(OOM_SCORE, "oom_score")         \
	X(OOM_ADJ, "oom_score_adj") X(WCHAN, "wchan") X(LIMITS, "limits")
enum mv_file {
#define X(id, name) MV_FILE_##id,
	MV_FILES(X)
#undef X
	MV_FILE__N
};

struct mv_source_opts {
	const char *root;	/* NULL: the live machine; else a fixture directory */
	bool no_pagemap_scan;	/* act as a kernel without PAGEMAP_SCAN (MEMVIEW_NO_IOCTL=1) */
	bool no_procmap_query;
	const char *helper; /* the program memview-symbols; NULL: where it is installed. Not copied */
};

/* Errors: -ENOENT no such directory, or /proc is not mounted; -ENOMEM. */
int mv_source_new(const struct mv_source_opts *opts, struct mv_source **ret_source);
void mv_source_free(struct mv_source *source);
uint64_t mv_source_now(const struct mv_source *source);	     /* CLOCK_MONOTONIC, or the fixture's, ns */
uint64_t mv_source_now_real(const struct mv_source *source); /* CLOCK_REALTIME, ns since 1970 */
bool mv_source_is_live(const struct mv_source *source);
/* Bytes of a base page: sysconf's, or the fixture's `page_bytes` (4096 without one). */
uint32_t mv_source_page_bytes(const struct mv_source *source);
/* Fixtures: move to the next step and advance the clock by a second (or to its `clock`). No-op when live. */
void mv_source_step(struct mv_source *source);
/* Whole machine file ("meminfo", "sys/vm/overcommit_memory", "cgroup/…" = below /sys/fs/cgroup, "node/…", "mm/…" and "module/…"
 * as above). NUL is added after the last byte. Returns bytes or -errno; -E2BIG when cap does not hold it (buf then has its start and a
 * NUL). A name with ".." in it is -ENOENT. */
ssize_t mv_source_read(struct mv_source *source, const char *name, char *buf, size_t cap);
/* Names of the directories inside a machine directory ("cgroup/memory", "mm/hugepages", "node"), ascending, symbolic links left
 * out: *ret_names is one malloc'ed block, a NUL after each. Returns how many, or -errno. */
ssize_t mv_source_list(struct mv_source *source, const char *name, char **ret_names);
/* The inode of such a directory (a cgroup's identity in kpagecgroup); 0 unknown. A fixture's is in its file `inode`, hex. */
uint64_t mv_source_inode(struct mv_source *source, const char *name);
/*
 * The kernel's log, from where the last call ended (at first: from its oldest record on): take(arg, record, len) for each record;
 * a non-zero return ends it and is returned. Never waits. Source: /dev/kmsg. Errors: -EPERM (kernel.dmesg_restrict), -ENOENT.
 */
typedef int mv_take_log(void *arg, const char *record, size_t len);
int mv_source_log(struct mv_source *source, mv_take_log *take, void *arg);
/* One small file of a process, opened and closed here: for lists of all processes, where a descriptor each would be too many.
 * As mv_target_read, but a PID that is taken again meanwhile is not noticed: compare stat's start. */
ssize_t mv_source_task_read(struct mv_source *source, int pid, enum mv_file file, char *buf, size_t cap);
/* Next PID of the process list after `after` (0: the first), ascending; 0 when done. The list is as of the last
 * call with 0. */
int mv_source_next_pid(struct mv_source *source, int after);
/* Frame flags, counts, memory-cgroup inodes of n frames from pfn on. Any out pointer may be NULL.
 * Returns an mv_why per array: MV_WHY_HAVE, NEEDS_DAC, NO_KERNEL, IO (no such frames), NOT_ASKED. Cost: 150 ns a frame in runs, 750 ns singly. */
void mv_source_frames(struct mv_source *source, uint64_t pfn, size_t n, uint64_t *flags, uint64_t *counts,
		      uint64_t *cgroups, enum mv_why ret_why[static 3]);

/* The process that a thread belongs to (tid itself for a main thread), by its status; -ESRCH, -EPERM, -EBADMSG. */
int mv_source_thread_group(struct mv_source *source, int tid);

/*
 * What a process's new child does with its memory: has a copy of its own (fork), borrows its parent's (vfork, posix_spawn,
 * until its exec), or can't be told any more (it has ended or exec'ed, or belongs to somebody else).
 * Source: /proc/CHILD/stat flags (PF_FORKNOEXEC) and kcmp(2) KCMP_VM. Cost: 10 us.
 */
enum mv_fork { MV_FORK_COPIES, MV_FORK_BORROWS, MV_FORK_UNKNOWN };
enum mv_fork mv_source_forked(struct mv_source *source, int parent, int child);

/*
 * One dirfd of /proc/PID and one pidfd, for the target's whole life: immune to PID reuse.
 * Errors: -ESRCH no such process, or pid is a thread other than the main one (mv_source_thread_group tells whose);
 * -EPERM hidden (hidepid: ENOENT, yet kill says EPERM); -EMFILE, -ENOMEM.
 */
int mv_target_open(struct mv_source *source, int pid, struct mv_target **ret_target);
void mv_target_close(struct mv_target *target);
int mv_target_pid(const struct mv_target *target);
uint32_t mv_target_page_bytes(const struct mv_target *target); /* its source's */
/* A pidfd to poll for the end (POLLIN); -1 for fixtures. Owned by the target. */
int mv_target_pidfd(const struct mv_target *target);
/*
 * The main thread can end before the others: then PID/maps and its kind are empty, and what belongs to the whole process
 * is read below PID/task/TID of a thread that lives; 0: of the process again. Kept files are closed. stat stays PID's.
 */
void mv_target_via(struct mv_target *target, int tid);
int mv_target_via_tid(const struct mv_target *target); /* 0: not in use */

/* Close every kept file, so that the next read opens anew (after exec, when kept files read 0 bytes). */
void mv_target_reopen(struct mv_target *target);

/* Read a small file whole by pread at 0 on a kept descriptor; NUL added. Returns bytes, or -errno: -ESRCH gone;
 * -ENOENT the process is there but this kernel lacks the file; -EACCES; -E2BIG (buf has its first cap - 1 bytes
 * and a NUL: enough for a long cmdline). Cost: 2-9 us for stat, statm, status. */
ssize_t mv_target_read(struct mv_target *target, enum mv_file file, char *buf, size_t cap);

/*
 * Stream a big text file from its start: calls take(arg, text, len) with whole lines (each ends with \n, or is
 * the file's unfinished last) until the file ends or take returns non-zero, which is returned.
 * Buffer 64 KiB, grows for a longer line. Returns 0 or -errno as mv_target_read. Nothing is taken from the maps of
 * a zombie, a kernel thread, or a process that has exec'ed since they were opened: mv_target_reopen, then again.
 * take must not stream the same target.
 */
typedef int mv_take_lines(void *arg, const char *text, size_t len);
int mv_target_stream(struct mv_target *target, enum mv_file file, mv_take_lines *take, void *arg);

/* Any other file of the process by name ("task/4712/syscall", "map_files/…" never). As mv_target_read, not kept. */
ssize_t mv_target_read_named(struct mv_target *target, const char *name, char *buf, size_t cap);
/* Names of the entries of a directory below it ("task"), as numbers, ascending; returns how many there are
 * (which may exceed cap) or -errno. */
ssize_t mv_target_list(struct mv_target *target, const char *name, int *out, size_t cap);

/*
 * Page categories of [start, end), as runs that have any of (PRESENT|SWAPPED|GUARD), in ascending order.
 *
 * Uses PAGEMAP_SCAN, else reads pagemap and coalesces (then FILE and exclusive come for free, HUGE and, where frame
 * numbers are hidden, PFNZERO are not told: *ret_told says which of PRESENT|SWAPPED|return_cats these runs can tell; runs are not split by
 * anything else). Never more than max_pages pages (found ones by the ioctl, walked ones by pagemap) or cap
 * runs a call, so that the target's mmap_lock is held for at most about 1 ms; *ret_walked is where it stopped,
 * always beyond range.start: start again there. What the ioctl refuses (above 1<<47 without la57) goes by
 * pagemap; from 1<<63 on ([vsyscall]) there are no runs. Never writes (no WP_MATCHING).
 * return_cats: which of FILE|HUGE|PFNZERO|GUARD the caller needs; FILE costs 1.1 to 4.5 times.
 * Returns runs filled or -errno: -ESRCH it has no memory (gone, a zombie, a kernel thread) or has exec'ed since
 * the first scan (then mv_target_reopen); -EACCES/-EPERM not allowed (without rights a zombie of one's own, too).
 * cap is at most MV_SCAN_RUNS (above 512 regions, Linux 6.18 returns a stale walk_end).
 */
#define MV_SCAN_RUNS 256
#define MV_SCAN_PAGES 8192
ssize_t mv_target_scan(struct mv_target *target, struct mv_range range, uint64_t return_cats, uint64_t max_pages,
		       struct mv_run *runs, size_t cap, uint64_t *ret_walked, uint64_t *ret_told);

/*
 * Raw pagemap words of n pages from addr on (bits: 63 present, 62 swapped, 61 file or shared anon, 58 guard,
 * 56 exclusive, 55 soft-dirty, 0-54 frame when CAP_SYS_ADMIN, else 0; swapped: 0-4 type, 5-54 offset).
 * Returns words read, fewer at the end of user addresses, or -errno as mv_target_scan.
 */
ssize_t mv_target_words(struct mv_target *target, uint64_t addr, size_t n, uint64_t *words);

/* Bytes of the target by process_vm_readv. The caller has made sure that the pages are present and the mapping
 * is anonymous or an ordinary file (KERNEL.md: a read would fault others in). Returns bytes or -errno. */
ssize_t mv_target_bytes(struct mv_target *target, uint64_t addr, void *buf, size_t n);
/* The same for pieces of equal size, one after the other into buf: returns how many came whole, from the first on (at most 512 a
 * call; fixtures: one), or -errno. -EFAULT: not even the first. In source_gather.c. Cost: 0.1 us a piece and 1 us. */
ssize_t mv_target_gather(struct mv_target *target, const uint64_t *addresses, size_t count, size_t bytes_each, void *buf);

/*
 * The file behind a mapping, for reading: by map_files (exact also when deleted or in another mount namespace; needs
 * CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE), else by PID/root and its raw path ("" unknown), which is resolved inside that
 * root, else by PID/exe, which leads to a program that was deleted. It must be a regular file with that inode: FIFOs, devices
 * and sockets are never opened, so nothing acts and nothing waits but for a file system that does not answer.
 * Errors: -ESRCH; -ENOENT gone or replaced, and for fixtures; -EACCES. Cost: 10 us. In source_image.c.
 */
int mv_target_open_image(struct mv_target *target, struct mv_range mapping, uint64_t inode, const char *path);
/* A regular file at a path of the machine (separate debug files below usr/lib/debug, without a slash in front): first our
 * own, then, inside its root, the target's. As above. */
int mv_target_open_debug(struct mv_target *target, const char *path);
/* The program memview-symbols, opened for execution: beside our own program, else where it is installed; -ENOENT. */
int mv_source_open_helper(struct mv_source *source);

/* Feature probes, once per source, on memview itself. */
struct mv_features {
	bool pagemap_scan;
	bool procmap_query;
	bool frame_numbers;  /* our own pagemap shows frame numbers: CAP_SYS_ADMIN */
	bool kpageflags;
	bool guard_category;
	bool soft_dirty;
};
const struct mv_features *mv_source_features(struct mv_source *source);

#endif
