/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_GROWTH_H
#define MV_GROWTH_H

/*
 * Memory over time: how much the process and each of its mappings held since the watching began, what that amounts to
 * (a slope, or none), and what there was when a baseline was marked. Pure: fed with snapshots, asked by views and reports.
 *
 * Mappings are known by their start and name; the end may move (and the start of what grows down). What is merged into
 * its neighbour or split off it is carried over, so that neither looks like growth. An exec begins anew.
 *
 * Memory: at most MV_GROWTH_BYTES. Histories are thinned: 48 points one look apart, 48 four apart, 48 sixteen apart ...:
 * two days at one look a second are 11 KiB. What never changed has none. What does not fit: the history (not the sums)
 * of the mapping that changed least; mappings beyond MV_GROWTH_TRACKS, counted in left_out.
 */

#include "core/calltree.h"
#include "core/snapshot.h"

#define MV_GROWTH_BYTES	 (8u << 20)
#define MV_GROWTH_TRACKS 4096

struct mv_growth;

int mv_growth_new(struct mv_growth **ret_growth);
void mv_growth_free(struct mv_growth *growth);
/*
 * Snapshots in order of time; an older one is ignored. More than four times the usual time between two looks is a gap:
 * nothing is said of what happened in it. Errors: -ENOMEM (this change is lost).
 * Cost: O(mappings tracked), 10-50 us for each one that changes.
 */
int mv_growth_feed(struct mv_growth *growth, const struct mv_snapshot *snap);
size_t mv_growth_bytes(const struct mv_growth *growth); /* that it takes now */

/* ---- histories ---- */

/* X(ID, words, ASCII heading). HELD is what counts as growth: pages that were swapped out have not been given back. */
#define MV_GROWTH_METRICS(X)                                                                                  \
	X(RSS, "RSS") X(ANON, "anon") X(SWAP, "swap") X(DIRTY, "dirty") X(SIZE, "size") X(HELD, "RSS + swap")
enum mv_growth_metric {
#define X(id, words) MV_GROWTH_##id,
	MV_GROWTH_METRICS(X)
#undef X
	MV_GROWTH__METRICS
};

/* One point of a history; a thinned one stands for all looks since the one before. */
struct mv_growth_sample {
	double at_s;	  /* since the watching began */
	double value;	  /* bytes, at the last of these looks */
	double low, high; /* of HELD, over all of them; equal to value for the other metrics */
	uint32_t segment; /* counts gaps: no line leads from one segment to another */
};
#define MV_GROWTH_SAMPLES 337 /* no history has more */

/* ---- what a history amounts to ---- */

/* X(ID, word for tables, JSON) */
#define MV_GROWTH_STATES(X)                                                                                   \
	X(SHORT, "too short") X(STEADY, "steady") X(GROWS, "grows") X(STEPS, "in steps")                     \
	X(SAWTOOTH, "up and down") X(SHRINKS, "shrinks") X(STOPPED, "stopped")
enum mv_growth_state {
#define X(id, words) MV_GROWTH_##id,
	MV_GROWTH_STATES(X)
#undef X
	MV_GROWTH__STATES
};
struct mv_clean mv_growth_state_words(enum mv_growth_state state);
struct mv_clean mv_growth_metric_words(enum mv_growth_metric metric);

/*
 * Slopes are Theil and Sen's: the median of the slopes between any two points of one segment, so that outliers weigh
 * nothing; low and high by Kendall's statistic (95 %), wider for points that hang together. Of a sawtooth: of its troughs.
 */
struct mv_growth_fit {
	enum mv_growth_state state;
	double slope, slope_low, slope_high; /* bytes a second, of what goes on now */
	double since_s;	  /* when what goes on now began; STOPPED: when it stopped */
	double until_s;	  /* the last look */
	double rise;	  /* bytes: since since_s; STOPPED: before it */
	uint32_t samples; /* that this rests on */
	uint32_t falls;	  /* times that it gave much back */
	double fall;	  /* bytes, of the usual one */
	bool saw;	  /* GROWS: the troughs rise below the ups and downs */
	bool fell_once;	  /* SHORT: it grew and gave much back, once */
	bool faster_before; /* GROWS, STOPPED: it began with more (starting up, filling) */
};
/*
 * In growth_fit.c. Samples ascend by time; least: bytes below which nothing is a change.
 * Cost: O(n + 48^2), 20-50 us.
 */
struct mv_growth_fit mv_growth_fit(const struct mv_growth_sample *samples, size_t n, double least);

/* ---- the process and its mappings ---- */

/* Bytes; missing ones are 0 and not in have. */
struct mv_growth_amounts {
	uint64_t value[MV_GROWTH__METRICS]; /* HELD follows from the others */
	uint32_t have;			    /* bit per metric */
};

struct mv_growth_track {
	uint64_t start, end; /* the process: 0, 0 */
	double since_s;	     /* first seen */
	bool appeared;	     /* after the watching began: all it has is new */
	bool marked;	     /* it was there at the mark */
	bool no_history;     /* dropped for lack of memory */
	uint8_t kind, perms;
	struct mv_growth_amounts first, now, mark; /* first and mark: 0 when it was not there then */
	uint64_t mark_start, mark_end;		   /* where it lay at the mark */
	uint64_t mark_pss, mark_dirty;		   /* bytes at the mark, where known then */
	bool mark_pss_have, mark_dirty_have;
	struct mv_growth_fit fit; /* of HELD */
};
const struct mv_growth_track *mv_growth_process(const struct mv_growth *growth); /* NULL before the first look */
const struct mv_growth_fit *mv_growth_size_fit(const struct mv_growth *growth);	 /* of the process's size */
/* Mappings tracked, ascending by start. */
uint32_t mv_growth_count(const struct mv_growth *growth);
const struct mv_growth_track *mv_growth_at(const struct mv_growth *growth, uint32_t i);
const struct mv_growth_track *mv_growth_find(const struct mv_growth *growth, uint64_t start); /* NULL none */
/* Oldest first; returns how many, at most cap (the newest ones). track: of this growth. */
size_t mv_growth_samples(const struct mv_growth *growth, const struct mv_growth_track *track,
			 enum mv_growth_metric metric, struct mv_growth_sample *samples, size_t cap);
/* What it held so long after the watching began; 0 when it was not there yet. */
double mv_growth_held_at(const struct mv_growth *growth, const struct mv_growth_track *track, double at_s);

struct mv_growth_about {
	uint64_t since_ns;     /* CLOCK_MONOTONIC of the first look; 0 none yet */
	double until_s;	       /* of the last one */
	uint32_t left_out;     /* mappings that are not tracked */
	uint32_t no_history;   /* tracked, but their history was dropped */
	uint32_t gone;	       /* mappings that have vanished since */
	uint32_t gaps;
	uint64_t gone_bytes;   /* that these held last */
};
struct mv_growth_about mv_growth_about(const struct mv_growth *growth);

/* ---- the baseline ---- */

struct mv_growth_mark {
	bool set;
	uint64_t at_ns, real_ns;
	double at_s;
	uint32_t gone;	     /* mappings that were there and are no more */
	uint64_t gone_bytes; /* that these held at the mark */
	bool pages_short;    /* not all pages that were looked at could be remembered */
};
/* Remember what there is now. */
void mv_growth_mark(struct mv_growth *growth, const struct mv_snapshot *snap, uint64_t now_ns, uint64_t real_ns);
const struct mv_growth_mark *mv_growth_marked(const struct mv_growth *growth);

/*
 * Pages at the mark. Which ones were there is taken from snapshots whose grid shows one page a cell, while they come within
 * MV_GROWTH_MARK_NS after the mark; of at most 1 MiB of memory (15 GiB of 4K pages). Of others nothing is known.
 */
#define MV_GROWTH_MARK_NS    (3 * MV_NS_PER_SEC)
#define MV_GROWTH_MARK_PAGES 65536 /* to ask for at once */
/* The first pages of range that are to be looked at for the mark; empty: all are, or it is too late, or no room. */
struct mv_range mv_growth_pages_todo(const struct mv_growth *growth, struct mv_range range, uint64_t now_ns);
struct mv_growth_pages {
	uint64_t known, present; /* pages of the range that were looked at; of these, present */
};
struct mv_growth_pages mv_growth_pages_at(const struct mv_growth *growth, struct mv_range range);
/* The same of a part of a mapping: where it did not reach at the mark, no page was. */
struct mv_growth_pages mv_growth_pages_then(const struct mv_growth *growth, const struct mv_growth_track *track,
					    struct mv_range range);

/* ---- forecast: growth_forecast.c ---- */

enum mv_growth_limit { MV_LIMIT_CGROUP, MV_LIMIT_ADDRESS_SPACE, MV_LIMIT_AVAILABLE, MV_LIMIT__N };
/* When a limit is reached if it goes on like this. Seconds from now; late: never within the slope's uncertainty when 0. */
struct mv_growth_forecast {
	uint32_t why;	    /* HAVE; NO_LIMIT; NOT_HERE: it does not grow; or why the limit is not known */
	uint64_t limit, used; /* bytes; AVAILABLE: limit is what is left, used 0 */
	double in_s, early_s, late_s;
};
void mv_growth_forecast(const struct mv_growth *growth, const struct mv_snapshot *snap,
			struct mv_growth_forecast ret_forecasts[static MV_LIMIT__N]);
/* The one that is reached first; MV_LIMIT__N none is. */
enum mv_growth_limit mv_growth_nearest(const struct mv_growth_forecast forecasts[static MV_LIMIT__N]);
/* "the cgroup's limit (512M) reached in 6 min (5 min to 8 min)"; false: it is not. */
bool mv_growth_forecast_build(struct mv_build *b, enum mv_growth_limit limit, const struct mv_growth_forecast *forecast);
/* "40 s", "12 min", "3.1 h", "2 d" */
void mv_growth_time_build(struct mv_build *b, double seconds);
/* "1.02 MiB/s", "31 KiB/min": as a rate that people can picture. */
void mv_growth_rate_build(struct mv_build *b, double per_second);

/* ---- verdict: growth_verdict.c ---- */

/* Who touches new pages: the deepest function below which most of them were touched first. */
struct mv_growth_touch {
	bool known;	   /* page faults are traced, and stacks are told */
	double share;	   /* of all pages traced; 0: nobody stands out */
	uint32_t function; /* index in the snapshot */
};
struct mv_growth_touch mv_growth_touched(const struct mv_calltree *callers, const struct mv_snapshot *snap);

/* Slopes of the malloc heap's bytes in use and free, over the same time. Bytes a second. */
struct mv_growth_heap {
	bool known;
	double in_use_slope, free_slope;
};

/* What else is known, for the verdict. */
struct mv_growth_evidence {
	struct mv_growth_touch touch;
	struct mv_growth_heap heap;
};
/* The mapping, or the mappings of one name, that have most of the growth since since_s. */
struct mv_growth_share {
	double share;	   /* of what all that grew grew by */
	uint32_t mappings; /* of that name that grew; 0: nothing grew */
	uint64_t start;	   /* of the one that grew most */
};
struct mv_growth_share mv_growth_most(const struct mv_growth *growth, const struct mv_snapshot *snap, double since_s);

/* What is going on, in plain words with their evidence; advice: what to press to know more, "" when nothing helps. */
struct mv_growth_verdict {
	enum mv_growth_state state;
	struct mv_build text, advice;
};
void mv_growth_verdict(const struct mv_growth *growth, const struct mv_snapshot *snap,
		       const struct mv_growth_evidence *evidence, struct mv_growth_verdict *ret_verdict);

#endif
