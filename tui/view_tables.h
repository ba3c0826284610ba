/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_TABLES_H
#define MV_VIEW_TABLES_H

/* The tables view from inside: private to view_tables*.c. */

#include "tui/view_pages.h"

#define MV_TABLE_BYTES	 4096u
#define MV_TABLE_ENTRIES 512u

enum mv_tables_column {
	MV_TABLES_ADDRESS,
	MV_TABLES_SIZE,
	MV_TABLES_RSS,
	MV_TABLES_PTE,
	MV_TABLES_PMD,
	MV_TABLES_PUD,
	MV_TABLES_COST,
	MV_TABLES_FULL,
	MV_TABLES_NAME,
	MV_TABLES__N
};

struct mv_tables_key {
	uint64_t value;
	uint32_t index;
};

struct mv_tables {
	uint64_t selected; /* start of a mapping; 0: none yet */
	uint64_t came_from; /* the mapping that another side had selected */
	uint32_t at;	   /* its row in the order */
	uint32_t top;
	enum mv_tables_column sorted;
	bool reverse;
	uint32_t only;		     /* enum mv_kind of the mappings listed; MV_KIND__N: all */
	struct mv_tables_key *order; /* of the mappings of the snapshot settled with */
	uint32_t count, cap;
	uint64_t order_for[5]; /* tables read at, list of mappings and their number, epoch, sort and filter */
	bool order_short;      /* memory ran out */
	uint64_t entries;      /* used at the lowest level, summed over the mappings */
	uint64_t page;	       /* where we came from */
	struct mv_rect area, text;
	int path_y, levels_y, sums_y, flat_y, head_y, list_y, list_rows; /* y -1: no room */
	char find[256];
	struct mv_build said; /* the last hint */
};

/* Tables that hold entries of a mapping, of all levels; 0 for NULL. */
uint64_t mv_tables_of(const struct mv_mapping_tables *t);

/* view_tables_draw.c */
/* The columns as they lie in the list now; in view_tables_draw.c. */
void mv_tables_layout(const struct mv_tables *v, const struct mv_context *ctx,
		      struct mv_column col[static MV_TABLES__N]);
void mv_tables_draw(const struct mv_tables *v, const struct mv_context *ctx, struct mv_canvas *canvas);

#endif
