/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SNAPSHOT_H
#define MV_SNAPSHOT_H

/*
 * One immutable picture of a process at one time: a flat block with offsets instead of pointers, so that it can
 * lie in shared memory; and what is asked for, struct mv_want. Demand goes up, snapshots come down.
 */

#include "core/blocks.h"
#include "core/cgroup.h"
#include "core/clean.h"
#include "core/figures.h"
#include "core/filecache.h"
#include "core/pagemap.h"
#include "core/smaps.h"
#include "core/stat.h"
#include "core/trace.h"

/* ---- what is wanted ---- */

enum mv_fact {
	MV_FACT_MAPS = 1 << 0,	 /* mappings with kinds */
	MV_FACT_PAGES = 1 << 1,	 /* page states tallied per mapping */
	MV_FACT_SMAPS = 1 << 2,	 /* smaps' fields per mapping, and the totals they add up to */
	MV_FACT_ROLLUP = 1 << 3, /* the totals alone (PSS, USS, dirty, locked, huge) */
	MV_FACT_GRID = 1 << 4,	 /* spans[] tallied in cells of cell_pages */
	MV_FACT_SHARING = 1 << 5, /* in the grid, anon and anon-shared told apart; only at cell_pages 1 */
	MV_FACT_TABLES = 1 << 6, /* page tables per level, and per mapping */
	MV_FACT_PAGE = 1 << 7,	 /* everything about the page at `page`, and its bytes */
	MV_FACT_CMDLINE = 1 << 8, /* read once: it can fault pages of the target in */
	MV_FACT_FAULTS = 1 << 10, /* trace page faults, from the first want that says so to the first that does not */
	MV_FACT_THREADS = 1 << 11, /* every thread, and its calls, without stopping it */
	MV_FACT_LINES = 1 << 12, /* source lines of the calls of `thread` */
	MV_FACT_HEAP = 1 << 13, /* the malloc heap, and what is known of lost blocks; copied and walked, at a pace */
	MV_FACT_FILES = 1 << 14, /* the files that are mapped, and what of them is in the page cache; at a pace */
	MV_FACT_WHOLE = 1 << 9,	 /* batch: complete each wanted fact before the first snapshot, then stop pacing */
};

#define MV_WANT_SPANS 512
#define MV_HEAP_CELLS 16384

enum mv_fault_want {
	MV_FAULT_NO_STACKS = 1,	 /* addresses alone: cheaper at period 1 */
};

enum mv_leaks_want {
	MV_LEAKS_WANT_EXACT = 1, /* by a full stop; else four looks or more at the running process */
	MV_LEAKS_WANT_COST = 2,	 /* work out what an exact one would take, each time leaks_seq differs; nothing else is done then */
};

/* Sent as it is over the socket. */
struct mv_want {
	uint32_t seq;	      /* the snapshot that answers it says so */
	uint32_t facts;	      /* enum mv_fact */
	uint32_t interval_ms; /* between ticks; 0: paused, only a new want makes a snapshot */
	uint32_t cell_pages;  /* a power of two */
	uint64_t page;	      /* page address for MV_FACT_PAGE */
	struct mv_range visible; /* mappings on the screen: their pages are scanned first */
	uint32_t spans_count;
	int32_t thread;	       /* whose calls are looked at: read more often, and in full; 0 none */
	uint32_t stop_seq;     /* an exact picture of the threads by a stop is asked for when it differs from the last want's; 0 never */
	uint32_t fault_stack_bytes; /* MV_FACT_FAULTS: user stack to copy beside a sample; 0: 16 KiB */
	uint64_t fault_period; /* MV_FACT_FAULTS: 0 adapts */
	uint32_t fault_flags;  /* enum mv_fault_want */
	uint32_t leaks_seq;    /* MV_FACT_HEAP: a leak scan is asked for when it differs from the last want's; 0 never */
	uint32_t leaks_flags;  /* enum mv_leaks_want */
	uint32_t unused;
	struct mv_range heap_window; /* MV_FACT_HEAP: picture of these addresses; empty none */
	uint64_t heap_cell_bytes;    /* of a cell, 16 at least; at most MV_HEAP_CELLS cells are told */
	uint64_t heap_size;	     /* MV_FACT_HEAP: where blocks in use of this size's class are: heap_sized, heap_marks; 0 none */
	uint64_t heap_near;	     /* seen from this address */
	struct mv_range spans[MV_WANT_SPANS]; /* grid rows, top to bottom; each inside one mapping, cells from its start */
};

/* ---- what comes back ---- */

struct mv_section {
	uint64_t offset; /* bytes from the start of the snapshot */
	uint64_t count;	 /* elements */
};

/* Pages and tables of one mapping. */
struct mv_mapping_tables {
	uint32_t tables[3]; /* PTE, PMD, PUD tables that hold entries of it (a border table counts for both neighbours) */
	uint32_t entries;   /* lowest-level entries in use, of 512 a PTE table */
};

enum mv_mapping_seen {
	MV_SEEN_PAGES = 1, /* its tally was read */
	MV_SEEN_SMAPS = 2, /* its smaps row was read */
};

/* One page under the loupe. */
struct mv_page_detail {
	uint64_t addr;
	uint64_t word;	/* raw pagemap word */
	uint64_t cats;	/* enum mv_cat; HUGE and PFNZERO only if cats_told says so */
	uint64_t cats_told;
	struct mv_val have;  /* why: nothing below holds unless MV_WHY_HAVE (NOT_HERE: no mapping there) */
	struct mv_val frame; /* frame number */
	struct mv_val flags, mapcount, cgroup; /* kpageflags, kpagecount, kpagecgroup inode */
	struct mv_val swap_type, swap_offset;
	struct mv_val bytes; /* value: bytes in the section page_bytes_read; why not otherwise */
	struct mv_val first_seen_ns; /* NOT_HERE: there before we looked */
	uint32_t state;	     /* enum mv_page_state */
	uint32_t block_pages; /* size of the block that maps it, in base pages: 1 or 512 */
};

/* X(ID, JSON "what") of things that may be unavailable for the whole process. */
#define MV_PARTS(X)                                                                                           \
	X(MAPS, "maps") X(PAGES, "pages") X(SMAPS, "smaps") X(FRAMES, "pfn") X(KPAGE, "kpageflags")           \
	X(BYTES, "bytes") X(CGROUP, "cgroup") X(CMDLINE, "cmdline") X(COUNTERS, "counters")                   \
	X(TABLES, "page_tables") X(SOFT_DIRTY, "soft_dirty") X(FAULTS, "faults") X(THREADS, "threads")        \
	X(STACKS, "stacks")
enum mv_part {
#define X(id, json) MV_PART_##id,
	MV_PARTS(X)
#undef X
	MV_PART__N
};
const char *mv_part_name(enum mv_part part);

enum mv_life { MV_LIFE_ALIVE, MV_LIFE_ZOMBIE, MV_LIFE_GONE, MV_LIFE_KERNEL_THREAD };

#define MV_SNAPSHOT_MAGIC UINT32_C(0x4d56534e)

struct mv_snapshot {
	uint32_t magic;
	uint32_t page_bytes;
	uint64_t length; /* bytes of the whole block */
	uint64_t seq;	 /* counts up by one a snapshot */
	uint32_t want_seq;
	uint32_t facts; /* of the want it answers */
	uint32_t cell_pages;
	uint32_t epoch; /* execs seen since watching */
	uint32_t life;	/* enum mv_life */
	uint32_t levels; /* page-table levels of this machine */
	uint64_t taken_ns, taken_real_ns;
	uint64_t counters_ns;	  /* when stat, statm and status were read; 0 never */
	uint64_t started_real_ns; /* when the process started; 0 unknown */

	struct mv_stat stat;
	struct mv_status status;
	struct mv_cgroup cgroup;
	struct mv_oom oom;
	struct mv_limits limits;
	struct mv_val figure[MV_FIG__N];
	uint32_t part_why[MV_PART__N]; /* enum mv_why: MV_WHY_HAVE when that part is readable */
	struct mv_features features;

	/* When each group was read last, 0 never. */
	uint64_t maps_ns, smaps_ns, rollup_ns;
	uint64_t pages_ns;	/* when the last whole round over all mappings ended */
	uint32_t pages_done;	/* mappings read in the round under way */
	uint32_t maps_gen;	/* counts changes of the list of mappings */
	bool maps_torn;
	bool pages_exact; /* the tallies were read after the last change of the counters */
	uint16_t unused;
	uint32_t round_of;   /* mappings in that round */
	uint64_t cats_told;  /* categories this backend tells */
	uint64_t cpu_ns;     /* CPU the collector has used */

	/* Tables: per level, from the pages; valid with MV_FACT_TABLES once tables_ns is not 0. */
	uint64_t tables_ns;
	uint64_t tables[5];
	uint64_t tables_kib; /* to compare with VmPTE */

	struct mv_page_detail page;

	struct mv_trace trace;		/* with MV_FACT_FAULTS */
	struct mv_threads_head threads_head; /* with MV_FACT_THREADS */
	struct mv_heap_head heap;		 /* with MV_FACT_HEAP (blocks.h) */
	struct mv_heap_sized heap_sized;	 /* with want.heap_size */
	struct mv_leaks_head leaks;		 /* with MV_FACT_HEAP */
	bool files_whole; /* each of the files has been read at least once */
	char pad[7];

	/* Sections. Those parallel to mappings have its count, or 0 when not wanted. */
	struct mv_section mappings;	    /* struct mv_mapping */
	struct mv_section names;	    /* char */
	struct mv_section seen;		    /* uint8_t, enum mv_mapping_seen */
	struct mv_section tallies;	    /* struct mv_tally */
	struct mv_section smaps;	    /* struct mv_smaps_row */
	struct mv_section mapping_tables;   /* struct mv_mapping_tables */
	struct mv_section spans;	    /* struct mv_range: the want's */
	struct mv_section span_first;	    /* uint32_t: index of each span's first cell, and the end: spans + 1 */
	struct mv_section cells;	    /* struct mv_grid_cell */
	struct mv_section page_bytes_read;  /* uint8_t: the bytes of page.addr's page */
	struct mv_section cmdline;	    /* char: cleaned arguments, NUL after each */
	struct mv_section title;	    /* char: cleaned comm, NUL-terminated */
	/* Of the trace and the threads (trace.h); empty when not wanted. */
	struct mv_section fault_mappings;   /* struct mv_fault_mapping */
	struct mv_section fault_stacks;	    /* struct mv_fault_stack */
	struct mv_section fault_calls;	    /* uint32_t: function indices */
	struct mv_section fault_threads;    /* struct mv_fault_thread */
	struct mv_section fault_log;	    /* struct mv_fault_entry, newest first */
	struct mv_section threads;	    /* struct mv_thread */
	struct mv_section thread_calls;	    /* struct mv_call */
	struct mv_section lines;	    /* struct mv_line */
	struct mv_section functions;	    /* struct mv_function */
	struct mv_section trace_text;	    /* char */
	/* Of the heap (blocks.h); empty when not wanted. */
	struct mv_section heap_arenas;	    /* struct mv_heap_arena */
	struct mv_section heap_sizes;	    /* struct mv_heap_size */
	struct mv_section heap_stretches;   /* struct mv_heap_stretch, ascending */
	struct mv_section heap_cells;	    /* struct mv_heap_cell, of heap.window */
	struct mv_section heap_marks;	    /* uint64_t for each of the cells: bytes of it that are blocks of heap_sized; empty: none wanted */
	struct mv_section heap_owners;	    /* struct mv_heap_owner: other allocators that were seen */
	struct mv_section leak_groups;	    /* struct mv_leak_group, by bytes, the most first */
	struct mv_section leak_links;	    /* struct mv_leaks_link between them */
	struct mv_section heap_text;	    /* char */
	struct mv_section files;	    /* struct mv_cached_file, by their first mapping; empty when not wanted */
};

/* Check magic, length and that every section and every name lies inside. Once per arrival: 0 or -EBADMSG. */
int mv_snapshot_check(const struct mv_snapshot *s, size_t mapped_bytes);

/* Accessors; pointers live as long as the snapshot. Index must be below the count. */
static inline const struct mv_mapping *mv_snapshot_mappings(const struct mv_snapshot *s)
{
	return (const struct mv_mapping *)(const void *)((const char *)s + s->mappings.offset);
}
static inline uint32_t mv_snapshot_count(const struct mv_snapshot *s)
{
	return (uint32_t)s->mappings.count;
}
/* NULL when not wanted or not read. */
const struct mv_tally *mv_snapshot_tally(const struct mv_snapshot *s, uint32_t i);
const struct mv_smaps_row *mv_snapshot_smaps(const struct mv_snapshot *s, uint32_t i);
const struct mv_mapping_tables *mv_snapshot_tables(const struct mv_snapshot *s, uint32_t i);
/* Cells of span i, or NULL; ret_count gets their number. */
const struct mv_grid_cell *mv_snapshot_cells(const struct mv_snapshot *s, uint32_t i, uint32_t *ret_count);
/* Cells of the span that starts at addr with the same cell size, or NULL. */
const struct mv_grid_cell *mv_snapshot_cells_at(const struct mv_snapshot *s, uint64_t addr, uint32_t *ret_count);
struct mv_clean mv_snapshot_name(const struct mv_snapshot *s, uint32_t i);	 /* of a mapping; "" anonymous */
struct mv_clean mv_snapshot_title(const struct mv_snapshot *s);			 /* comm */
struct mv_clean mv_snapshot_argument(const struct mv_snapshot *s, uint32_t n); /* text NULL past the last */
/* One field of one mapping in KiB. */
struct mv_val mv_snapshot_field(const struct mv_snapshot *s, uint32_t i, enum mv_smaps_field field);
/* A mapping's RSS in bytes: smaps where the row is newer, else present - zero pages of the tally. */
struct mv_val mv_snapshot_rss(const struct mv_snapshot *s, uint32_t i);
uint64_t mv_mapping_bytes(const struct mv_mapping *m);
uint64_t mv_mapping_pages(const struct mv_mapping *m, uint32_t page_bytes);
/* The trace and the threads. A count of 0 when there are none. */
const struct mv_fault_mapping *mv_snapshot_fault_mappings(const struct mv_snapshot *s, uint32_t *ret_count);
const struct mv_fault_stack *mv_snapshot_fault_stacks(const struct mv_snapshot *s, uint32_t *ret_count);
const uint32_t *mv_snapshot_fault_calls(const struct mv_snapshot *s, const struct mv_fault_stack *stack);
const struct mv_fault_thread *mv_snapshot_fault_threads(const struct mv_snapshot *s, uint32_t *ret_count);
const struct mv_fault_entry *mv_snapshot_fault_log(const struct mv_snapshot *s, uint32_t *ret_count);
const struct mv_thread *mv_snapshot_threads(const struct mv_snapshot *s, uint32_t *ret_count);
const struct mv_thread *mv_snapshot_thread(const struct mv_snapshot *s, int32_t tid); /* NULL none */
const struct mv_call *mv_snapshot_thread_calls(const struct mv_snapshot *s, const struct mv_thread *thread);
const struct mv_function *mv_snapshot_function(const struct mv_snapshot *s, uint32_t function); /* NULL none */
struct mv_clean mv_snapshot_function_name(const struct mv_snapshot *s, uint32_t function); /* "?" when none */
/* The source line of an address; file's text NULL: none, or not known yet. */
struct mv_clean mv_snapshot_line(const struct mv_snapshot *s, uint64_t pc, uint32_t *ret_line);
struct mv_clean mv_snapshot_text(const struct mv_snapshot *s, uint32_t text);
/* The heap. A count of 0 when there are none. */
const struct mv_heap_arena *mv_snapshot_heap_arenas(const struct mv_snapshot *s, uint32_t *ret_count);
const struct mv_heap_size *mv_snapshot_heap_sizes(const struct mv_snapshot *s, uint32_t *ret_count);
const struct mv_heap_stretch *mv_snapshot_heap_stretches(const struct mv_snapshot *s, uint32_t *ret_count);
const struct mv_heap_cell *mv_snapshot_heap_cells(const struct mv_snapshot *s, uint32_t *ret_count);
const uint64_t *mv_snapshot_heap_marks(const struct mv_snapshot *s, uint32_t *ret_count);
const struct mv_heap_owner *mv_snapshot_heap_owners(const struct mv_snapshot *s, uint32_t *ret_count);
const struct mv_leak_group *mv_snapshot_leak_groups(const struct mv_snapshot *s, uint32_t *ret_count);
const struct mv_leaks_link *mv_snapshot_leak_links(const struct mv_snapshot *s, uint32_t *ret_count);
struct mv_clean mv_snapshot_heap_text(const struct mv_snapshot *s, uint32_t text);
/* The files that are mapped; a count of 0 when there are none, or they are not wanted. */
const struct mv_cached_file *mv_snapshot_files(const struct mv_snapshot *s, uint32_t *ret_count);
/* Index of the mapping that holds addr; count when none does. */
uint32_t mv_snapshot_find(const struct mv_snapshot *s, uint64_t addr);

#endif
