/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TESTS_SNAPBUILD_H
#define MV_TESTS_SNAPBUILD_H

/* Snapshots out of literal tables, for tests of what is drawn. Runs out of memory by abort. */

#include "core/snapshot.h"
#include "tui/view.h"

struct snapbuild_row {
	uint64_t start, end;
	const char *perms; /* "rw-p" */
	enum mv_kind kind;
	const char *name; /* clean already; NULL or "" anonymous */
	uint64_t offset, inode;
	uint32_t dev_minor;
	uint32_t object;	    /* 0: equal names make one object, "" one each */
	uint32_t state[MV_PAGE__N]; /* the tally, in pages */
	uint32_t huge;		    /* pages in huge blocks */
	bool no_tally;		    /* its pages were not read */
	uint32_t kib[MV_SMAPS__N];  /* smaps' fields; RSS 0 is filled in from the tally */
	bool no_smaps;		    /* its smaps row was not read */
	uint64_t vm_flags;	    /* bits by enum mv_vm_flag */
	struct mv_mapping_tables tables;
};

/* ---- the trace and the threads: literal rows, names as strings ---- */

/* What a function is, beyond its name. Optional: names that calls mention and that are not listed become named
 * functions of no image. */
struct snapbuild_function {
	const char *name, *image;
	uint32_t flags; /* enum mv_function_flag */
	uint64_t start;
};

struct snapbuild_fault_stack {
	const char *calls; /* outermost first: "_start;main;fill"; "?" is MV_FUNCTION_NONE; NULL or "": none */
	struct mv_fault_stack plain; /* tid, end, faults, pages, last_page, last_ns; first and count are set by make */
};

struct snapbuild_fault_mapping {
	const char *name;
	struct mv_fault_mapping plain;
};

struct snapbuild_fault_thread {
	const char *name;
	struct mv_fault_thread plain;
};

struct snapbuild_fault_entry {
	const char *function; /* NULL or "?": MV_FUNCTION_NONE */
	const char *mapping_name;
	struct mv_fault_entry plain;
};

struct snapbuild_call {
	const char *function; /* NULL or "?": MV_FUNCTION_NONE */
	uint64_t pc, sp;
	uint32_t flags; /* enum mv_call_flag */
};

struct snapbuild_thread {
	const char *name;
	const struct snapbuild_call *calls; /* innermost first */
	uint32_t calls_count;
	struct mv_thread plain; /* ascending by tid; first and count are set by make */
};

struct snapbuild_line {
	uint64_t pc; /* ascending */
	const char *file; /* NULL: none is known */
	uint32_t line;
};

struct snapbuild_trace {
	const struct snapbuild_function *functions;
	size_t functions_count;
	const struct snapbuild_fault_stack *stacks;
	size_t stacks_count;
	const struct snapbuild_fault_mapping *mappings;
	size_t mappings_count;
	const struct snapbuild_fault_thread *fault_threads;
	size_t fault_threads_count;
	const struct snapbuild_fault_entry *log;
	size_t log_count;
	const struct snapbuild_thread *threads;
	size_t threads_count;
	const struct snapbuild_line *lines;
	size_t lines_count;
};

/* ---- the heap: rows as they are, names as strings ---- */

struct snapbuild_group {
	const char *name, *text; /* NULL: none */
	struct mv_leaks_group g;
};

struct snapbuild_heap {
	const struct mv_heap_arena *arenas;
	size_t arenas_count;
	const struct mv_heap_size *sizes;
	size_t sizes_count;
	const struct mv_heap_stretch *stretches;
	size_t stretches_count;
	const struct mv_heap_cell *cells; /* of head.heap.window */
	size_t cells_count;
	const uint64_t *marks; /* of the cells */
	size_t marks_count;
	const struct mv_heap_owner *owners;
	size_t owners_count;
	const struct snapbuild_group *groups;
	size_t groups_count;
	const struct mv_leaks_link *links;
	size_t links_count;
};

struct snapbuild {
	/* Any plain field: figures, stat, times, life, part_why, page, cell_pages, levels… Sections are set
	 * by make. */
	struct mv_snapshot head;
	const struct snapbuild_row *rows;
	size_t count;
	bool without_tallies, without_smaps, without_tables; /* leave those sections out */
	/* Grid: spans_count spans; cells of all spans one after another, span_cells[i] of them in span i. */
	const struct mv_range *spans;
	const uint32_t *span_cells;
	size_t spans_count;
	const struct mv_grid_cell *cells;
	const uint8_t *page_bytes;
	size_t page_bytes_count;
	const char *cmdline; /* clean arguments with a NUL after each */
	size_t cmdline_len;
	const char *title; /* comm */
	/* Sections of faults and threads; head.trace and head.threads_head are the test's own to fill. */
	struct snapbuild_trace trace;
	/* Sections of the heap; head.heap and head.leaks are the test's own, and only with MV_FACT_HEAP in head.facts. */
	struct snapbuild_heap heap;
};

/* Sensible plain fields: python3 4711, sleeping, figures of a small process, taken at 100 s; all parts
 * readable. */
void snapbuild_init(struct snapbuild *b);
/* One malloc'ed block; free() it. */
struct mv_snapshot *snapbuild_make(const struct snapbuild *b);
/* Of make, in snapbuild_trace.c: the same block with the trace's sections behind it. */
struct mv_snapshot *snapbuild_add_trace(struct mv_snapshot *take_snap, const struct snapbuild_trace *trace);
/* The same, in snapbuild_heap.c. */
struct mv_snapshot *snapbuild_add_heap(struct mv_snapshot *take_snap, const struct snapbuild_heap *heap);

/* A context that looks at snap 0.2 s after it was taken: 1 s interval, nothing else set. status is the
 * test's. */
void snapbuild_context(struct mv_context *ctx, const struct mv_snapshot *snap, const struct mv_delta *delta,
		       struct mv_keeper_status *status);

/* Row y of a canvas as UTF-8, blanks at its end cut off; valid until the next call but three. */
const char *snapbuild_line(const struct mv_canvas *c, int y);
/* Does any row hold text? */
bool snapbuild_shows(const struct mv_canvas *c, const char *text);

/* A small python: heap, anon blocks, libc's five mappings, stack, vdso. */
extern const struct snapbuild_row snapbuild_python[];
extern const size_t snapbuild_python_count;

#endif
