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
};

/* Sensible plain fields: python3 4711, sleeping, figures of a small process, taken at 100 s; all parts
 * readable. */
void snapbuild_init(struct snapbuild *b);
/* One malloc'ed block; free() it. */
struct mv_snapshot *snapbuild_make(const struct snapbuild *b);

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
