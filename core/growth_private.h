/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_GROWTH_PRIVATE_H
#define MV_GROWTH_PRIVATE_H

/*
 * Shared by growth.c (who is tracked), growth_history.c (thinned points), growth_mark.c and growth_pages.c (the baseline,
 * and pages at it) and growth_verdict.c.
 */

#include "core/growth.h"

/* ---- histories ---- */

#define HISTORY_TIERS  7
#define HISTORY_POINTS 48 /* a tier */
#define HISTORY_EVERY  4  /* points of a tier make one of the next */
#define HISTORY_MOST   (HISTORY_TIERS * HISTORY_POINTS)
_Static_assert(MV_GROWTH_SAMPLES == HISTORY_MOST + 1, "growth.h tells how many there can be");

/* Amounts are pages of the machine's size, at most 2^32 - 1 (16 TiB). 32 bytes. */
struct history_point {
	uint32_t t_ds : 29; /* tenths of a second since the watching began: 1.7 years */
	uint32_t gap : 1;   /* nothing is known of the time before it */
	uint32_t dirty_have : 1, split_have : 1; /* split: anon and swap */
	uint32_t size, rss, anon, dirty, swap;
	uint32_t low, high; /* of rss + swap, since the point before */
};

struct history_tier {
	struct history_point *at; /* [HISTORY_POINTS], a ring; NULL: never filled */
	uint16_t count, next;
	uint16_t pending; /* of its points not in the next tier yet */
};

struct history {
	struct history_tier tier[HISTORY_TIERS];
};

/* Errors: -ENOMEM. *bytes counts the memory of all histories. */
int history_push(struct history *h, const struct history_point *p, size_t *bytes);
void history_release(struct history *h, size_t *bytes);
/* Points, oldest first. */
size_t history_read(const struct history *h, struct history_point out[static HISTORY_MOST]);
/* Pages to add to every point there is, or to take away. */
struct history_shift {
	int64_t rss, swap, anon, size;
};
void history_shift(struct history *h, const struct history_shift *by);
void history_shift_point(struct history_point *p, const struct history_shift *by);

/* ---- pages at the mark ---- */

struct page_block; /* in growth_pages.c */
struct page_marks {
	struct page_block *blocks; /* ascending by address */
	uint32_t count, cap;
	uint32_t page_bytes;
	bool short_of; /* room ran out */
};
void page_marks_clear(struct page_marks *m);
/* Take in a grid of single pages. */
void page_marks_feed(struct page_marks *m, const struct mv_snapshot *snap);
struct mv_range page_marks_todo(const struct page_marks *m, struct mv_range range);
struct mv_growth_pages page_marks_at(const struct page_marks *m, struct mv_range range);

/* ---- all of it ---- */

struct track {
	struct mv_growth_track pub;
	uint64_t name;	   /* hash */
	uint32_t index;	   /* of its mapping in the list of maps_gen */
	uint32_t split_of; /* track that it was cut off, + 1; 0 none, or done */
	bool seen;	   /* it has values */
	bool changed;	   /* since the fit */
	bool has_history;
	struct history_point begin, last; /* the first look and the newest, in a history or not */
	struct history history;
};

struct mv_growth {
	int32_t pid;
	uint32_t epoch, maps_gen, page_bytes;
	bool started, rounds; /* rounds: one whole look at the mappings was taken in */
	uint64_t base_ns, taken_ns, counters_ns, pages_ns;
	uint64_t spacing_ns, round_ns; /* usual time between looks at the counters, and at the mappings */
	struct track process;
	struct mv_growth_fit size_fit;
	struct track *tracks, *spare;
	uint32_t count, cap, spare_cap;
	uint32_t fit_next;
	size_t history_bytes;
	struct mv_growth_about about;
	struct mv_growth_mark mark;
	struct page_marks pages;
};

/* What a snapshot tells of a mapping. */
struct mv_growth_amounts growth_amounts_of(const struct mv_snapshot *s, uint32_t i);

#endif
