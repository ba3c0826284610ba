/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_MACHINE_SNAPSHOT_H
#define MV_MACHINE_SNAPSHOT_H

/*
 * One immutable picture of the machine at one time, as struct mv_snapshot is of a process: a flat block with offsets, checked once
 * when it arrives; and what is asked for. Raw counters only: rates, growth and sparklines come from successive pictures
 * (machine_history.h).
 */

#include "core/frames.h"
#include "core/ram.h"
#include "core/snapshot.h"

/* ---- what is wanted ---- */

enum mv_machine_fact {
	MV_MACHINE_TASKS = 1 << 0,  /* the processes */
	MV_MACHINE_GROUPS = 1 << 1, /* memory cgroups; with TASKS each task says which is its own */
	MV_MACHINE_OOM = 1 << 2,    /* badness of each task; the kernel's own score of the worst */
	MV_MACHINE_KILLS = 1 << 3,  /* past OOM kills from the kernel's log */
	MV_MACHINE_ATLAS = 1 << 4,  /* page frames: totals per kind, and the window's cells */
	MV_MACHINE_FRAME = 1 << 5,  /* everything about the frame `pfn` */
	MV_MACHINE_WHOLE = 1 << 6,  /* batch: complete each wanted fact before the first snapshot */
};

#define MV_MACHINE_VISIBLE 128	 /* rows whose PSS is read */
#define MV_ATLAS_CELLS	   32768 /* of a window */

/* Sent as it is over the socket. */
struct mv_machine_want {
	uint32_t seq;
	uint32_t facts;	      /* enum mv_machine_fact */
	uint32_t interval_ms; /* between ticks; 0: paused */
	uint32_t visible_count;
	int32_t visible[MV_MACHINE_VISIBLE]; /* processes on the screen: their PSS is read, within a budget; 0 count: none */
	int32_t lit;			     /* whose frames are told in the atlas; 0 none */
	uint32_t cell_frames;		     /* of a cell of the atlas: a power of two */
	uint64_t atlas_start, atlas_end;     /* frame numbers of the window; at most MV_ATLAS_CELLS cells */
	uint64_t pfn;			     /* of MV_MACHINE_FRAME */
};

/* ---- what comes back ---- */

enum mv_task_flag {
	MV_TASK_KERNEL = 1,   /* a kernel thread: no user memory */
	MV_TASK_OURS = 2,     /* one of memview's own processes */
	MV_TASK_ZOMBIE = 4,
	MV_TASK_UNKILLABLE = 8, /* oom_score_adj is -1000, or it is PID 1: the OOM killer passes it by */
};
#define MV_TASK_NO_GROUP UINT32_MAX

/*
 * A process. Sources: PID/stat (RSS there lags by some pages a thread), PID/status once it has run, PID/oom_score_adj,
 * PID/smaps_rollup for visible rows. Bytes. Ascending by pid.
 */
struct mv_task {
	int32_t pid, ppid;
	uint64_t start_ticks;	   /* with pid the identity */
	uint32_t name;		   /* text: comm, cleaned */
	uint32_t group;		   /* index of its memory cgroup, or MV_TASK_NO_GROUP */
	uint32_t flags;		   /* enum mv_task_flag */
	uint32_t threads;
	char state;
	char unused[7];
	uint64_t rss_bytes;
	uint64_t minor_faults, major_faults, cpu_ticks;
	struct mv_val uid;		      /* effective */
	struct mv_val size_bytes, anon_bytes, file_bytes, shmem_bytes, swap_bytes, tables_bytes;
	struct mv_val pss_bytes;	      /* NOT_ASKED unless visible */
	uint64_t pss_ns;		      /* when that was read */
	struct mv_val oom_adjust;	      /* stored + 1000 */
	struct mv_val oom_score;	      /* the kernel's own, of those with the highest badness; else NOT_ASKED */
	struct mv_val badness_bytes;	      /* what the OOM killer compares; see oom.h. 0 for what it passes by */
};

/* A memory cgroup. Bytes; counts of events since it was made. Parents come before their children. */
struct mv_group {
	uint32_t path;	 /* text: cleaned, "/" the root */
	uint32_t name;	 /* text: its last part, as people say it: "ssh.service" */
	uint32_t parent; /* index; its own at the root */
	uint32_t depth;
	uint32_t tasks;	 /* processes that are in it itself */
	uint32_t version; /* 1, 2 */
	uint64_t inode;	 /* what kpagecgroup says of its frames */
	struct mv_val usage, limit, high, low, swap_usage, swap_limit, peak;
	struct mv_val anon, file, kernel, shmem, slab, inactive_file, dirty;
	struct mv_val low_events, high_events, max_events, oom_events, oom_kills;
	struct mv_psi some, full; /* v2 */
};

/* X(ID, what the kernel writes, words) */
#define MV_OOM_CONSTRAINTS(X)                                                                                  \
	X(UNKNOWN, "", "not said")                                                                             \
	X(NONE, "CONSTRAINT_NONE", "the whole machine had run out of memory")                                  \
	X(MEMCG, "CONSTRAINT_MEMCG", "a memory cgroup had reached its limit, while the machine may have had plenty") \
	X(CPUSET, "CONSTRAINT_CPUSET", "the memory nodes that its cpuset allows were full")                    \
	X(MEMORY_POLICY, "CONSTRAINT_MEMORY_POLICY", "the memory nodes that its NUMA policy allows were full")
enum mv_oom_constraint {
#define X(id, kernel, words) MV_OOM_BY_##id,
	MV_OOM_CONSTRAINTS(X)
#undef X
	MV_OOM_BY__N
};
struct mv_oom_constraint_info {
	const char *kernel, *words;
};
extern const struct mv_oom_constraint_info mv_oom_constraints[MV_OOM_BY__N]; /* in kills.c */

/* One kill by the OOM killer, decoded from the kernel's log. Newest first. */
struct mv_kill {
	uint64_t boot_us;   /* the log's own time: since boot */
	uint64_t real_ns;   /* the same as a time of day */
	uint32_t constraint; /* enum mv_oom_constraint */
	int32_t pid;
	uint32_t name;	    /* text: the task that was killed */
	uint32_t group;	    /* text: the cgroup it was in (task_memcg) */
	uint32_t limited;   /* text: the cgroup that had run out (oom_memcg); "" none */
	uint32_t invoker;   /* text: who asked for memory when there was none; "" not said */
	uint32_t line;	    /* text: the kernel's own line, cleaned */
	uint32_t unused;
	struct mv_val total_vm, anon, file, shmem, tables; /* bytes */
	struct mv_val uid, adjust; /* adjust: stored + 1000 */
	bool reaped;	    /* oom_reaper has said that it took the memory back */
	char pad[7];
};

/* What a page frame is used for. X(ID, JSON name, glyph, ASCII, words) */
#define MV_FRAME_USES(X)                                                                                       \
	X(NONE, "none", " ", " ", "no RAM at this address, or not the kernel's")                               \
	X(FREE, "free", "·", ".", "free, on the buddy lists")                                                  \
	X(DEFERRED, "deferred", "˙", "'", "free: the kernel has not begun to use it")                          \
	X(ANON, "anon", "█", "#", "anonymous memory of processes")                                             \
	X(FILE, "file", "▒", "+", "page cache: pages of files")                                                \
	X(SHMEM, "shmem", "▚", "=", "shared memory and tmpfs")                                                 \
	X(THP, "thp", "▓", "%", "anonymous, in a transparent huge page")                                       \
	X(HUGETLB, "hugetlb", "H", "H", "reserved huge pages")                                                 \
	X(SLAB, "slab", "◇", "o", "the kernel's small objects")                                                \
	X(TABLES, "tables", "◆", "*", "page tables")                                                           \
	X(KERNEL, "kernel", "▪", "k", "other memory of the kernel, and what no flag tells")                     \
	X(RESERVED, "reserved", "×", "x", "kept by firmware, kernel image or devices")                          \
	X(POISON, "poison", "!", "!", "hardware has reported it as broken")
enum mv_frame_use {
#define X(id, json, glyph, ascii, words) MV_USE_##id,
	MV_FRAME_USES(X)
#undef X
	MV_USE__N
};
struct mv_frame_use_info {
	const char *json, *glyph, *ascii, *words;
};
extern const struct mv_frame_use_info mv_frame_uses[MV_USE__N]; /* in atlas.c */
/* The use that kpageflags' word of a frame tells, but for DEFERRED, which its neighbours tell. Pure. In atlas.c. */
enum mv_frame_use mv_frame_use_of(uint64_t flags, struct mv_val count);

/* Of the frames of one cell. */
struct mv_atlas_cell {
	uint8_t use;	/* enum mv_frame_use that most have; MV_USE__N: not read yet */
	uint8_t full;	/* share of its frames in use, 0 to 255 */
	uint8_t lit;	/* share of its frames that the lit process maps, 0 none to 255 */
	uint8_t poison; /* one is broken: never averaged away */
};
/* A stretch of frames inside one zone; between stretches there is no RAM. Ascending. */
struct mv_atlas_stretch {
	uint64_t start, end; /* frame numbers */
	uint32_t node, zone; /* zone: index in ram.zones */
};

struct mv_atlas_head {
	struct mv_val have;	/* why: NEEDS_DAC, NO_KERNEL; HAVE: what follows holds */
	uint64_t frames;	/* of all stretches */
	uint64_t read;		/* of them in the round under way */
	uint64_t round_ns;	/* when the last whole round had ended; 0 never */
	uint64_t oldest_ns;	/* when the oldest figure on the window was read; 0: some not yet */
	uint64_t uses[MV_USE__N]; /* frames, of the last whole round (of the first one: so far) */
	struct mv_val lit;	/* frames of the lit process that have been found; why: NEEDS_SYS_ADMIN, GONE, NOT_ASKED */
	uint64_t lit_pages;	/* present pages that process has (each may be a frame of its own) */
	uint64_t lit_runs;	/* stretches of neighbouring frames they lie in */
	uint64_t start, end;	/* of the window told */
	uint32_t cell_frames;
	uint32_t unused;
};
/* One frame under the loupe. */
struct mv_frame_detail {
	uint64_t pfn;
	struct mv_val flags, count, cgroup; /* kpageflags, kpagecount, kpagecgroup's inode */
	uint32_t use;			    /* enum mv_frame_use */
	uint32_t mappers_count;
	struct mv_val searched;		    /* how many of the visible processes have been searched for it; why not otherwise */
	struct {
		int32_t pid;
		uint32_t unused;
		uint64_t address; /* where it maps the frame */
	} mappers[16];
};

#define MV_MACHINE_MAGIC UINT32_C(0x4d564d43)

struct mv_machine_snapshot {
	uint32_t magic;
	uint32_t page_bytes;
	uint64_t length;
	uint64_t seq;
	uint32_t want_seq;
	uint32_t facts;
	uint64_t taken_ns, taken_real_ns, booted_real_ns;
	uint64_t cpu_ns; /* the collector has used */
	uint32_t ticks_per_sec;
	uint32_t cpus;
	char host[64], kernel[96]; /* clean ASCII */

	struct mv_ram ram;

	uint64_t tasks_ns;	  /* when the list was read; 0 never */
	uint32_t tasks_hidden;	  /* 1: /proc is mounted with hidepid: there are others that we don't see */
	uint32_t tasks_left_out;  /* beyond what is kept */
	struct mv_val groups_why; /* HAVE and the version 1, 2, 3 hybrid; NO_KERNEL without a memory controller */
	uint64_t groups_ns;
	struct mv_val kills_why;  /* HAVE; NEEDS_SYSLOG; NO_KERNEL */
	uint64_t total_pages;	  /* that badness is compared with: RAM and swap */
	struct mv_val panic_on_oom, kill_allocating; /* sys/vm/panic_on_oom, oom_kill_allocating_task */

	struct mv_atlas_head atlas;
	struct mv_frame_detail frame;

	struct mv_section tasks;     /* struct mv_task, ascending by pid */
	struct mv_section groups;    /* struct mv_group */
	struct mv_section kills;     /* struct mv_kill, newest first */
	struct mv_section stretches; /* struct mv_atlas_stretch */
	struct mv_section cells;     /* struct mv_atlas_cell, of the window */
	struct mv_section text;	     /* char: clean, NUL after each */
};

/* Check magic, length, that every section and every text lies inside and every index below its count. 0 or -EBADMSG. */
int mv_machine_check(const struct mv_machine_snapshot *m, size_t mapped_bytes);
const struct mv_task *mv_machine_tasks(const struct mv_machine_snapshot *m, uint32_t *ret_count);
const struct mv_task *mv_machine_task(const struct mv_machine_snapshot *m, int32_t pid); /* NULL none. O(log n) */
const struct mv_group *mv_machine_groups(const struct mv_machine_snapshot *m, uint32_t *ret_count);
const struct mv_kill *mv_machine_kills(const struct mv_machine_snapshot *m, uint32_t *ret_count);
const struct mv_atlas_stretch *mv_machine_stretches(const struct mv_machine_snapshot *m, uint32_t *ret_count);
const struct mv_atlas_cell *mv_machine_cells(const struct mv_machine_snapshot *m, uint32_t *ret_count);
struct mv_clean mv_machine_text(const struct mv_machine_snapshot *m, uint32_t text);

#endif
