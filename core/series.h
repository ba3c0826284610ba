/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SERIES_H
#define MV_SERIES_H

/* A ring of (time, value or gap): what sparklines are drawn from. Advances when sampling, never when drawing. */

#include "core/types.h"

#define MV_SERIES_POINTS 256

struct mv_point {
	uint64_t at_ns;
	double value;
	bool gap; /* nothing is known for this time */
};
struct mv_series {
	struct mv_point points[MV_SERIES_POINTS];
	uint32_t count; /* up to MV_SERIES_POINTS */
	uint32_t next;
};
void mv_series_init(struct mv_series *s);
void mv_series_push(struct mv_series *s, uint64_t at_ns, double value);
void mv_series_gap(struct mv_series *s, uint64_t at_ns);
/* The i-th newest point, 0 the newest; NULL when there are not so many. */
const struct mv_point *mv_series_back(const struct mv_series *s, uint32_t i);
/*
 * Levels 0-8 of the newest n points, oldest first, for one glyph each; 9 marks a gap or nothing yet.
 * floor_zero: the scale starts at 0 (rates), else at the lowest point (RSS), and a flat line is level 1.
 */
void mv_series_levels(const struct mv_series *s, uint32_t n, bool floor_zero, uint8_t *ret_levels);

#endif
