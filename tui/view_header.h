/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_HEADER_H
#define MV_VIEW_HEADER_H

/*
 * A header is a row of items, each a label, a value and perhaps a sparkline. What does not fit is given up
 * item by item, so that nothing jumps about: values keep a width of their own whatever they show. Shared by the
 * process's header and the machine's.
 */

#include "core/series.h"
#include "tui/view.h"

#define MV_HEADER_SPARK 10   /* columns of a sparkline */
#define MV_HEADER_KEEP	(-1) /* an item's give_up: never */
#define MV_HEADER_ITEMS 12

struct mv_header_item {
	struct mv_clean label;
	struct mv_build value;
	enum mv_role role;
	unsigned value_cols;   /* at least */
	unsigned value_most;   /* cut to so many; 0: never */
	struct mv_build extra; /* after it: a rate, an age */
	enum mv_role extra_role;
	unsigned extra_cols;
	const struct mv_series *series;
	enum mv_role spark_role;
	bool floor_zero;
	int spark;   /* columns */
	int give_up; /* dropped first when higher; 0 only when nothing else helps, MV_HEADER_KEEP never */
	bool off;
};

struct mv_header_line {
	struct mv_header_item items[MV_HEADER_ITEMS];
	size_t count;
};

struct mv_header_item *mv_header_add(struct mv_header_line *line, struct mv_clean label, int give_up);
/* What memview itself costs, once it is known. */
void mv_header_add_own(struct mv_header_line *line, const struct mv_context *ctx);
int mv_header_line_width(const struct mv_header_line *line);
/* Give up what is too much for so many columns; the second cuts even what must stay. */
void mv_header_fit(struct mv_header_line *line, int cols);
void mv_header_fit_hard(struct mv_header_line *line, int cols);
void mv_header_line_draw(const struct mv_header_line *line, struct mv_canvas *c, int y, int x, int end);

#endif
