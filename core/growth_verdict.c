/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/growth_private.h"

/* What the histories say, in plain words: what goes on, since when, where, by whom; and what would tell more.
 */

#define STANDS_OUT 0.6 /* share of what is touched, or grown, that is worth naming */
#define MOST_OF_IT 0.8
#define ENOUGH	   0.4 /* share of one mapping that is named alone, whatever many others have together */

struct mv_clean mv_growth_state_words(enum mv_growth_state state)
{
	static const struct mv_clean words[MV_GROWTH__STATES] = {
#define X(id, words) {words},
		MV_GROWTH_STATES(X)
#undef X
	};

	return words[state];
}

struct mv_clean mv_growth_metric_words(enum mv_growth_metric metric)
{
	static const struct mv_clean words[MV_GROWTH__METRICS] = {
#define X(id, words) {words},
		MV_GROWTH_METRICS(X)
#undef X
	};

	return words[metric];
}

/* ---- by whom ---- */

/* Code that touches for others: the C library and the loader. */
static bool is_servant(const struct mv_snapshot *snap, uint32_t function)
{
	static const char *const servants[] = {"libc.so",   "libc-",	  "ld-linux", "ld-",
					       "libstdc++", "libpthread", "ld-musl"};
	const struct mv_function *f = mv_snapshot_function(snap, function);
	const char *image;

	if (!f || !(f->flags & MV_FUNCTION_NAMED))
		return true;
	image = mv_snapshot_text(snap, f->image).text;
	for (size_t i = 0; i < MV_COUNT_OF(servants); i++)
		if (strncmp(image, servants[i], strlen(servants[i])) == 0)
			return true;
	return false;
}

struct mv_growth_touch mv_growth_touched(const struct mv_calltree *tree, const struct mv_snapshot *snap)
{
	struct mv_growth_touch touch = {.function = MV_FUNCTION_NONE};
	uint32_t at = 0;

	if (!(snap->facts & MV_FACT_FAULTS) || snap->trace.why != MV_WHY_HAVE ||
	    snap->trace.stacks_why != MV_WHY_HAVE || !tree->count || !tree->nodes[0].pages)
		return touch;
	touch.known = true;
	/* Down the branch that has most, as long as it keeps nearly all of what stands above. */
	while ((at = tree->nodes[at].first_child)) {
		double share = (double)tree->nodes[at].pages / (double)tree->nodes[0].pages;

		if (share < STANDS_OUT || (touch.share > 0 && share < touch.share * MOST_OF_IT))
			break;
		if (is_servant(snap, tree->nodes[at].function))
			continue;
		touch.share = share;
		touch.function = tree->nodes[at].function;
	}
	return touch;
}

/* ---- where ---- */

static double grown(const struct mv_growth *g, const struct track *t, double since_s)
{
	double by = t->seen ? (double)t->pub.now.value[MV_GROWTH_HELD] : 0;

	if (!t->seen || (!t->has_history && !t->pub.no_history && t->pub.since_s <= since_s))
		return 0;
	return by - mv_growth_held_at(g, &t->pub, since_s);
}

struct mv_growth_share mv_growth_most(const struct mv_growth *g, const struct mv_snapshot *snap,
				      double since_s)
{
	struct {
		uint64_t name;
		double sum, most;
		uint32_t count;
		uint64_t start;
	} names[64];
	struct mv_growth_share share = {0};
	double all = 0;
	size_t n = 0, best = 0, single = 0;

	(void)snap;
	for (uint32_t i = 0; i < g->count; i++) {
		double by = grown(g, &g->tracks[i], since_s);
		size_t k = 0;

		if (by <= 0)
			continue;
		all += by;
		while (k < n && names[k].name != g->tracks[i].name)
			k++;
		if (k == MV_COUNT_OF(names))
			continue;
		if (k == n) {
			n++;
			names[k].name = g->tracks[i].name;
			names[k].sum = names[k].most = 0;
			names[k].count = 0;
		}
		names[k].sum += by;
		names[k].count++;
		if (by > names[k].most) {
			names[k].most = by;
			names[k].start = g->tracks[i].pub.start;
		}
	}
	for (size_t k = 1; k < n; k++)
		best = names[k].sum > names[best].sum ? k : best;
	if (!n)
		return share;
	for (size_t k = 0; k < n; k++)
		single = names[k].most > names[single].most ? k : single;
	/* One that has much of it is named alone; else those of one name are one cause. */
	bool alone = names[single].most >= ENOUGH * all || names[best].most >= MOST_OF_IT * names[best].sum;
	if (names[single].most >= ENOUGH * all)
		best = single;
	share.start = names[best].start;
	share.share = (alone ? names[best].most : names[best].sum) / all;
	share.mappings = alone ? 1 : names[best].count;
	return share;
}

/* ---- words ---- */

static void put_name(struct mv_build *b, const struct mv_snapshot *snap, uint64_t start)
{
	uint32_t i = mv_snapshot_find(snap, start);
	struct mv_clean name = {""};
	const char *slash;

	if (i < mv_snapshot_count(snap))
		name = mv_snapshot_name(snap, i);
	slash = strrchr(name.text, '/');
	if (slash && name.text[0] == '/' && slash[1])
		name = mv_clean_trusted(slash + 1);
	mv_build_clean(b, *name.text ? name : MV_TEXT("[anon]"));
}

/* " 97 % of it in [heap]" */
static void put_where(struct mv_build *b, const struct mv_growth *g, const struct mv_snapshot *snap,
		      double since_s)
{
	struct mv_growth_share most = mv_growth_most(g, snap, since_s);

	if (!most.mappings)
		return;
	if (most.share >= 0.995)
		mv_build_clean(b, MV_TEXT(", all of it in "));
	else
		mv_build_fmt(b, ", %.0f %% of it in ", most.share * 100);
	if (most.mappings > 1)
		mv_build_fmt(b, "%u mappings named ", most.mappings);
	put_name(b, snap, most.start);
	if (most.mappings == 1)
		mv_build_fmt(b, " at %llx", (unsigned long long)most.start);
}

static void put_slope(struct mv_build *b, const struct mv_growth_fit *fit)
{
	mv_growth_rate_build(b, fit->slope < 0 ? -fit->slope : fit->slope);
	if (fit->slope_high - fit->slope_low > 0.05 * (fit->slope < 0 ? -fit->slope : fit->slope)) {
		bool down = fit->slope < 0;

		mv_build_clean(b, MV_TEXT(" ("));
		mv_growth_rate_build(b, down ? -fit->slope_high : fit->slope_low);
		mv_build_clean(b, MV_TEXT(" to "));
		mv_growth_rate_build(b, down ? -fit->slope_low : fit->slope_high);
		mv_build_clean(b, MV_TEXT(")"));
	}
}

static void put_since(struct mv_build *b, const struct mv_growth_fit *fit)
{
	mv_build_clean(b, MV_TEXT(" for "));
	mv_growth_time_build(b, fit->until_s - fit->since_s);
}

static void put_swings(struct mv_build *b, const struct mv_growth_fit *fit)
{
	mv_build_clean(b, MV_TEXT("goes up and down by "));
	mv_build_size(b, (uint64_t)fit->fall);
	mv_build_fmt(b, ", %u times in ", fit->falls);
	mv_growth_time_build(b, fit->until_s - fit->since_s);
}

static void put_state(struct mv_build *b, const struct mv_growth *g, const struct mv_growth_fit *fit)
{
	double watched = g->about.until_s;

	switch (fit->state) {
	case MV_GROWTH_GROWS:
		if (fit->saw) {
			put_swings(b, fit);
			mv_build_clean(b, MV_TEXT(", and its low points rise by "));
			put_slope(b, fit);
			break;
		}
		mv_build_clean(b, MV_TEXT("grows "));
		put_slope(b, fit);
		put_since(b, fit);
		if (fit->faster_before)
			mv_build_clean(b, MV_TEXT(" (faster before)"));
		break;
	case MV_GROWTH_STEPS:
		mv_build_clean(b, MV_TEXT("grows in steps, "));
		mv_growth_rate_build(b, fit->slope);
		mv_build_clean(b, MV_TEXT(" on average"));
		put_since(b, fit);
		break;
	case MV_GROWTH_SAWTOOTH:
		put_swings(b, fit);
		mv_build_clean(b, MV_TEXT(", and comes back to where it was: no leak by this"));
		break;
	case MV_GROWTH_SHRINKS:
		mv_build_clean(b, MV_TEXT("shrinks "));
		put_slope(b, fit);
		put_since(b, fit);
		break;
	case MV_GROWTH_STOPPED:
		mv_build_clean(b, MV_TEXT("grew by "));
		mv_build_size(b, fit->rise > 0 ? (uint64_t)fit->rise : 0);
		mv_build_clean(b, MV_TEXT(" and has stopped: level for "));
		mv_growth_time_build(b, fit->until_s - fit->since_s);
		break;
	case MV_GROWTH_STEADY:
		mv_build_clean(b, MV_TEXT("steady"));
		put_since(b, fit);
		break;
	default:
		mv_build_clean(b, MV_TEXT("can't tell yet: "));
		if (fit->fell_once) {
			mv_build_clean(b, MV_TEXT("it grew and gave "));
			mv_build_size(b, (uint64_t)fit->fall);
			mv_build_clean(b, MV_TEXT(" back once; another round will tell"));
			break;
		}
		mv_build_clean(b, watched < 8 ? MV_TEXT("watched for ") : MV_TEXT("it paused; watched for "));
		mv_growth_time_build(b, watched);
		mv_build_clean(b, watched < 8 ? MV_TEXT(" of the 8 s that it takes") : MV_TEXT(""));
	}
}

static void put_heap(struct mv_build *b, const struct mv_growth_heap *heap, double slope)
{
	double little = slope / 10;

	if (!heap->known)
		return;
	if (heap->in_use_slope > little && heap->free_slope <= little)
		mv_build_clean(b, MV_TEXT("; heap: in use grows, free does not: live or lost blocks"));
	else if (heap->in_use_slope > little)
		mv_build_clean(b, MV_TEXT("; heap: in use grows, and free with it"));
	else if (heap->free_slope > little)
		mv_build_clean(b, MV_TEXT("; heap: free grows, in use does not: freed, but not given back"));
	else
		mv_build_clean(b, MV_TEXT("; the malloc heap has little part in it: it is other memory"));
}

static bool grows(enum mv_growth_state state)
{
	return state == MV_GROWTH_GROWS || state == MV_GROWTH_STEPS;
}

static void put_advice(struct mv_build *b, const struct mv_snapshot *snap, const struct mv_growth_evidence *e,
		       double slope)
{
	if (!(snap->facts & MV_FACT_FAULTS))
		mv_build_clean(b, MV_TEXT("F traces which code touches the new pages"));
	if (!e->heap.known) {
		mv_build_clean(b, b->len ? MV_TEXT("; 6 Heap: in use, or free?")
					 : MV_TEXT("6 Heap: in use, or free?"));
	} else if (e->heap.in_use_slope > slope / 10) {
		mv_build_clean(b, b->len ? MV_TEXT("; 6 Heap: L there tells live blocks from lost ones")
					 : MV_TEXT("6 Heap: L there tells live blocks from lost ones"));
	}
}

void mv_growth_verdict(const struct mv_growth *g, const struct mv_snapshot *snap,
		       const struct mv_growth_evidence *e, struct mv_growth_verdict *ret_verdict)
{
	const struct mv_growth_track *process = mv_growth_process(g);
	struct mv_growth_verdict *v = ret_verdict;

	v->state = process ? process->fit.state : MV_GROWTH_SHORT;
	mv_build_init(&v->text);
	mv_build_init(&v->advice);
	if (!process) {
		mv_build_clean(&v->text, MV_TEXT("nothing has been read yet"));
		return;
	}
	put_state(&v->text, g, &process->fit);
	if (!grows(v->state))
		return;
	put_where(&v->text, g, snap, process->fit.since_s);
	if (e->touch.known && e->touch.share > 0) {
		mv_build_fmt(&v->text, "; %.0f %% of the new pages first touched below ",
			     e->touch.share * 100);
		mv_build_clean(&v->text, mv_snapshot_function_name(snap, e->touch.function));
		mv_build_clean(&v->text, MV_TEXT("()"));
	}
	put_heap(&v->text, &e->heap, process->fit.slope);
	put_advice(&v->advice, snap, e, process->fit.slope);
}
