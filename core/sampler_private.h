/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SAMPLER_PRIVATE_H
#define MV_SAMPLER_PRIVATE_H

/*
 * Shared by sampler.c (what is due), sampler_list.c (maps and smaps), sampler_pages.c (pages), sampler_calls.c (faults
 * and threads) and sampler_write.c (snapshots) only.
 */

#include "core/ages.h"
#include "core/arena.h"
#include "core/frames.h"
#include "core/pagetable.h"
#include "core/sampler.h"

/* What must stay equal for the pages to be taken as unchanged: exact counters of the kernel. */
struct gate {
	uint64_t size_pages, resident_pages, shared_pages, minor_faults, major_faults, swap_kib;
};

/* A kind of costly reading: when it was done last, what it cost, when it may be done again. */
struct paced {
	uint64_t done_ns;
	uint64_t cost_ns;
	uint64_t due_ns;
	struct gate gate; /* the counters when it began */
	bool wanted_now;  /* somebody waits for it: no pacing */
	enum mv_why why;  /* NOT_READ, HAVE, or what keeps it from being read */
};

/* One whole look at the pages of all mappings, in slices: visible ones first, then the rest. */
struct round {
	bool active;
	bool first;		    /* nothing is known yet: may take half a core */
	bool count_tables;	    /* tables are counted since its beginning */
	struct mv_range segment[3]; /* left to do: visible, below, above */
	unsigned segments, at;
	uint64_t cursor; /* next address in segment[at] */
	uint64_t cost_ns, began_ns;
	struct gate gate;
	uint32_t index; /* mapping that tally and tables below belong to */
	uint32_t done;
	struct mv_tally tally;
	struct mv_table_count mapping_tables, tables;
	uint64_t present;
};

/* The grid on the screen. */
struct grid {
	struct mv_grid_cell *cells; /* published; committed span by span */
	uint32_t *first;	    /* spans_count + 1 */
	struct mv_range *spans;	    /* what cells are of: the want may be newer */
	uint32_t spans_count, cell_pages;
	uint32_t cells_cap;
	bool active;
	uint32_t span;	 /* being read */
	uint64_t cursor; /* next address in it */
	uint64_t cost_ns;
	struct mv_grid_cell *work; /* cells of that span so far */
	uint64_t *words;	   /* raw words of that span, when sharing is wanted */
	size_t words_cap, words_count;
	struct mv_run *present; /* its present runs, for the ages */
	size_t present_count, present_cap;
	bool track_ages;
	bool lit; /* some pages are fresh: they must be told to fade */
	struct paced pace;
};

struct calls;

struct mv_sampler {
	struct mv_source *source;
	struct mv_target *target;
	struct mv_want want;
	uint32_t page_bytes;
	unsigned levels;
	uint64_t seq;

	/* cheap, every tick */
	enum mv_life life;
	struct mv_stat stat;
	struct mv_statm statm;
	struct mv_status status;
	uint64_t counters_ns;
	enum mv_why counters_why;
	double fault_rate; /* minor faults a second between the last two ticks; negative unknown */
	uint64_t started_real_ns;
	struct mv_cgroup cgroup;
	struct mv_oom oom;
	struct mv_limits limits;
	enum mv_why cgroup_why;
	uint64_t cgroup_ns;
	char *cmdline; /* clean, NUL after each argument */
	size_t cmdline_len;
	enum mv_why cmdline_why;

	/* mappings and what is parallel to them */
	struct mv_maps maps, maps_next;
	struct paced maps_pace;
	uint32_t maps_gen, epoch;
	uint32_t pages_gen, rows_gen; /* count changes of tallies and tables, and of rows */
	bool maps_torn;
	bool emptied; /* the address space that the list was read of is gone: the next list is another's */
	uint8_t *seen;
	struct mv_tally *tallies;
	struct mv_smaps rows; /* empty until smaps is wanted */
	struct mv_mapping_tables *tables;

	/* thread stacks: last known stack pointer by thread */
	int *tids;
	uint64_t *stack_pointers;
	size_t threads, threads_cap;
	uint64_t threads_ns;
	uint32_t threads_count; /* as stat said when they were read */

	struct mv_smaps smaps_next;
	struct paced smaps_pace, rollup_pace;
	struct mv_smaps_row total; /* of the process */
	bool total_have;
	uint64_t total_ns;

	struct round round;
	struct paced pages_pace;
	uint64_t pages_ns, tables_ns;
	uint64_t table_counts[MV_LEVELS_MAX], tables_kib;
	uint64_t cats_told;

	struct grid grid;
	struct mv_ages *ages;

	struct mv_page_detail page;
	uint8_t *page_bytes_read; /* page_bytes of them */
	bool page_due;

	uint64_t helpers_cpu_ns; /* of earlier memview-symbols */
	struct files *files; /* mapped files in the page cache (sampler_files.c); NULL until wanted */
	struct heap *heap; /* the malloc heap (sampler_heap.c); NULL until wanted */
	struct calls *calls; /* traced faults and threads (sampler_trace.h); NULL until wanted */

	bool changed, urgent;
};

#define WANTS(s, fact) ((s)->want.facts & MV_FACT_##fact)
#define WHOLE(s)       WANTS(s, WHOLE)

struct gate sampler_gate(const struct mv_sampler *s);
bool sampler_gate_equal(const struct gate *a, const struct gate *b);

/*
 * Shares of one core that each kind of reading may take in the long run, as 1/n: after a reading that took t,
 * the next waits n * t. Together they stay below PERFORMANCE.md's 3 %.
 */
#define SHARE_MAPS  100
#define SHARE_SMAPS 150

/* sampler_list.c */
void list_read_maps(struct mv_sampler *s);
/* Not read yet, but nothing speaks against it. */
bool list_is_to_come(const struct mv_sampler *s);
void list_read_smaps(struct mv_sampler *s); /* the list as well */
void list_read_rollup(struct mv_sampler *s);

/* sampler_pages.c */
void round_start(struct mv_sampler *s);
void round_step(struct mv_sampler *s);		/* one slice */
void round_relist(struct mv_sampler *s);	/* the list of mappings has changed under it */
int grid_want(struct mv_sampler *s, bool keep); /* spans have changed */
void grid_start(struct mv_sampler *s);
void grid_step(struct mv_sampler *s);
void page_read(struct mv_sampler *s);
void grid_release(struct mv_sampler *s);

/* sampler_calls.c: traced faults and threads. Works for a process that has ended, too: its last samples. */
void calls_want(struct mv_sampler *s, const struct mv_want *want);
bool calls_work(struct mv_sampler *s, uint64_t *ret_next_ns);
bool calls_waiting(const struct mv_sampler *s); /* batch: answers are still to come */
size_t calls_fds(const struct mv_sampler *s, int *fds, size_t cap);
void calls_wake(struct mv_sampler *s, int fd);
uint64_t calls_cpu_ns(const struct mv_sampler *s);
void calls_exec(struct mv_sampler *s);
void calls_release(struct mv_sampler *s);

/* Sections of a snapshot: room is taken for each, then they are written. */
static inline struct mv_section section_take(struct mv_arena *a, uint64_t count, size_t size)
{
	return (struct mv_section){.offset = mv_arena_take(a, count, size), .count = count};
}

/* sampler_heap.c */
struct heap_layout {
	struct mv_section arenas, sizes, stretches, cells, owners, groups, links, text;
};
void heap_want(struct mv_sampler *s, const struct mv_want *want);
bool heap_work(struct mv_sampler *s, uint64_t *ret_next_ns);
bool heap_waiting(const struct mv_sampler *s); /* batch: a reading is still to come */
size_t heap_fds(const struct mv_sampler *s, int *fds, size_t cap);
void heap_exec(struct mv_sampler *s);
void heap_release(struct mv_sampler *s);
void heap_lay_out(const struct mv_sampler *s, struct mv_arena *a, struct heap_layout *l);
void heap_write(const struct mv_sampler *s, struct mv_snapshot *b, const struct heap_layout *l);

/* sampler_files.c */
void files_want(struct mv_sampler *s, const struct mv_want *want);
void files_tick(struct mv_sampler *s);
bool files_work(struct mv_sampler *s, uint64_t *ret_next_ns);
uint64_t files_count(const struct mv_sampler *s); /* of the section */
bool files_all_read(const struct mv_sampler *s);
void files_write(const struct mv_sampler *s, struct mv_cached_file *ret_files);
void files_release(struct mv_sampler *s);

/* sampler_write_trace.c */
struct trace_layout {
	struct mv_section functions, text, mappings, stacks, calls, threads_faulting, log, threads, thread_calls, lines;
};
void trace_lay_out(const struct mv_sampler *s, struct mv_arena *a, struct trace_layout *l);
void trace_write(const struct mv_sampler *s, struct mv_snapshot *b, const struct trace_layout *l);

#endif
