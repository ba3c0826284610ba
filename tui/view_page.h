/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_PAGE_H
#define MV_VIEW_PAGE_H

/* The page view from inside: private to view_page*.c. */

#include "tui/view_pages.h"

#define MV_PAGE_FACTS_MAX  64
#define MV_PAGE_SPLIT_COLS 12 /* of one index */
struct mv_page {
	uint64_t addr; /* of the page */
	unsigned byte; /* under the cursor */
	unsigned page_bytes;
	bool known, gone;
	bool bytes_pane;
	struct mv_range range; /* of its mapping */
	uint32_t index;
	unsigned facts_top, facts_count;
	unsigned hex_top;			/* first row shown */
	struct mv_rect text, split, facts, hex; /* where things are; rows 0: no room */
	struct mv_rect area;
	int path_y, bytes_y; /* -1 no room */
	unsigned per_row;
};

struct mv_page_fact {
	struct mv_clean label;
	enum mv_role role;
	struct mv_build text;
};
struct mv_page_facts {
	unsigned count;
	struct mv_page_fact at[MV_PAGE_FACTS_MAX];
};

/* What is known of the page, line by line (view_page_facts.c). */
void mv_page_facts(const struct mv_page *p, const struct mv_context *ctx, struct mv_page_facts *ret_facts);
/* view_page_draw.c */
void mv_page_draw(const struct mv_page *p, const struct mv_context *ctx, struct mv_canvas *canvas);

#endif
