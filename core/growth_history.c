/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "core/growth_private.h"

/*
 * Tiers of points: each holds the newest 48 of its kind, and of every four of them the next tier gets one,
 * which keeps the lowest and the highest of the four. So a trough is never thinned away.
 */

static uint16_t slot(const struct history_tier *t, uint16_t i) /* i-th oldest */
{
	return (uint16_t)((t->next + HISTORY_POINTS - t->count + i) % HISTORY_POINTS);
}

/* The newest `pending` points of a tier in one. */
static struct history_point gather(const struct history_tier *t)
{
	struct history_point sum = t->at[slot(t, (uint16_t)(t->count - 1))];

	for (uint16_t i = 0; i < t->pending; i++) {
		const struct history_point *p = &t->at[slot(t, (uint16_t)(t->count - 1 - i))];

		sum.low = p->low < sum.low ? p->low : sum.low;
		sum.high = p->high > sum.high ? p->high : sum.high;
		sum.gap |= p->gap;
	}
	return sum;
}

int history_push(struct history *h, const struct history_point *point, size_t *bytes)
{
	struct history_point p = *point;

	for (unsigned k = 0; k < HISTORY_TIERS; k++) {
		struct history_tier *t = &h->tier[k];

		if (!t->at) {
			t->at = calloc(HISTORY_POINTS, sizeof(*t->at));
			if (!t->at)
				return -ENOMEM;
			*bytes += HISTORY_POINTS * sizeof(*t->at);
		}
		t->at[t->next] = p;
		t->next = (uint16_t)((t->next + 1) % HISTORY_POINTS);
		t->count = t->count < HISTORY_POINTS ? (uint16_t)(t->count + 1) : t->count;
		if (++t->pending < HISTORY_EVERY)
			return 0;
		p = gather(t);
		t->pending = 0;
	}
	return 0;
}

void history_release(struct history *h, size_t *bytes)
{
	for (unsigned k = 0; k < HISTORY_TIERS; k++) {
		if (h->tier[k].at)
			*bytes -= HISTORY_POINTS * sizeof(*h->tier[k].at);
		free(h->tier[k].at);
	}
	*h = (struct history){0};
}

/* Of a coarse tier only what the finer one no longer has. */
size_t history_read(const struct history *h, struct history_point out[static HISTORY_MOST])
{
	size_t n = 0;

	for (unsigned k = HISTORY_TIERS; k-- > 0;) {
		const struct history_tier *t = &h->tier[k];
		const struct history_tier *finer = k ? &h->tier[k - 1] : NULL;

		for (uint16_t i = 0; i < t->count; i++) {
			const struct history_point *p = &t->at[slot(t, i)];

			if (finer && p->t_ds >= finer->at[slot(finer, 0)].t_ds)
				break;
			out[n++] = *p;
		}
	}
	return n;
}

static uint32_t shifted(uint32_t value, int64_t by)
{
	int64_t sum = (int64_t)value + by;

	return sum < 0 ? 0 : sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

void history_shift_point(struct history_point *p, const struct history_shift *by)
{
	p->rss = shifted(p->rss, by->rss);
	p->swap = shifted(p->swap, by->swap);
	p->anon = shifted(p->anon, by->anon);
	p->size = shifted(p->size, by->size);
	p->low = shifted(p->low, by->rss + by->swap);
	p->high = shifted(p->high, by->rss + by->swap);
}

void history_shift(struct history *h, const struct history_shift *by)
{
	for (unsigned k = 0; k < HISTORY_TIERS; k++)
		for (uint16_t i = 0; i < h->tier[k].count; i++)
			history_shift_point(&h->tier[k].at[slot(&h->tier[k], i)], by);
}
