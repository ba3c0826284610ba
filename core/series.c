/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/series.h"

#include <string.h>

void mv_series_init(struct mv_series *s)
{
	memset(s, 0, sizeof(*s));
}

static void push(struct mv_series *s, struct mv_point p)
{
	s->points[s->next] = p;
	s->next = (s->next + 1) % MV_SERIES_POINTS;
	if (s->count < MV_SERIES_POINTS)
		s->count++;
}

void mv_series_push(struct mv_series *s, uint64_t at_ns, double value)
{
	push(s, (struct mv_point){.at_ns = at_ns, .value = value});
}

void mv_series_gap(struct mv_series *s, uint64_t at_ns)
{
	push(s, (struct mv_point){.at_ns = at_ns, .gap = true});
}

const struct mv_point *mv_series_back(const struct mv_series *s, uint32_t i)
{
	if (i >= s->count)
		return NULL;
	return &s->points[(s->next + MV_SERIES_POINTS - 1 - i) % MV_SERIES_POINTS];
}

static uint8_t level(double value, double low, double high)
{
	double part;

	if (high <= low)
		return value > 0 ? 1 : 0;
	part = (value - low) / (high - low);
	/* What is not nothing never looks like nothing. */
	if (part <= 0)
		return value > 0 && low > 0 ? 1 : 0;
	return (uint8_t)(1 + (int)(part * 7 + 0.5));
}

void mv_series_levels(const struct mv_series *s, uint32_t n, bool floor_zero, uint8_t *ret_levels)
{
	double low = 0, high = 0;
	bool any = false;

	for (uint32_t i = 0; i < n; i++) {
		const struct mv_point *p = mv_series_back(s, i);

		if (!p || p->gap)
			continue;
		if (!any || p->value < low)
			low = p->value;
		if (!any || p->value > high)
			high = p->value;
		any = true;
	}
	if (floor_zero)
		low = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct mv_point *p = mv_series_back(s, n - 1 - i);

		ret_levels[i] = !p || p->gap ? 9 : level(p->value, low, high);
	}
}
