/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_ZONES_H
#define MV_VIEW_ZONES_H

/*
 * The zones view from inside: private to view_zones*.c and its test. Free memory where it lies: against each zone's marks, in
 * blocks of which size, on which node.
 */

#include "tui/view_machine_words.h"

enum zone_column {
	ZONE_NAME, ZONE_FREE, ZONE_BAR, ZONE_TIMES, ZONE_MIN, ZONE_LOW, ZONE_HIGH, ZONE_MANAGED, ZONE_LARGEST, ZONE_HUGE, ZONE__COLUMNS
};

struct zones_view {
	/* Rows: all zones together when there are several, then each that has memory. */
	struct mv_zone sum;
	bool has_sum;
	uint8_t at_zone[MV_ZONES]; /* index in ram.zones of the rows after the sum */
	uint32_t count;		   /* rows */
	bool chosen;
	uint32_t node;		   /* of the one selected, by hand */
	char name[12];		   /* "": the sum */
	uint32_t at, top;
	struct mv_column columns[ZONE__COLUMNS];
	struct mv_rect area, text, table, chart, words, more;
	int header_rows, path_y, head_y, title_y;
};

/* The zone of a row. */
const struct mv_zone *zone_at(const struct zones_view *v, const struct mv_context *ctx, uint32_t row);
/* How often a block of so many bytes could be taken from its free lists; and the size of its largest block, 0 none. */
uint64_t zone_blocks(const struct mv_zone *z, uint64_t page_bytes, uint64_t block_bytes);
uint64_t zone_largest(const struct mv_zone *z, uint64_t page_bytes);

/* ---- view_zones_draw.c ---- */
void zones_columns_layout(struct zones_view *v, const struct mv_context *ctx);
void zones_table_draw(const struct zones_view *v, const struct mv_context *ctx, struct mv_canvas *c);
void zones_chart_draw(const struct zones_view *v, const struct mv_context *ctx, struct mv_canvas *c);
/* What the free lists mean, in a sentence. */
void zones_words(struct mv_build *b, const struct zones_view *v, const struct mv_context *ctx);
/* Nodes and pools, a line each; returns how many there are (c NULL: only counts). */
int zones_more_draw(const struct zones_view *v, const struct mv_context *ctx, struct mv_canvas *c);
bool zones_meaning(const struct zones_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m);

#endif
