/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/growth_private.h"

/* Who is tracked: matching lists of mappings, taking in what each look told of them. */

#define LOOK_NS	    (MV_NS_PER_SEC * 9 / 10) /* looks that come faster are not kept */
#define GAP_TIMES   4
#define GAP_NS	    (5 * MV_NS_PER_SEC) /* at least */
#define FITS_A_FEED 128
#define LEAST_PAGES 16 /* fewer are no change to speak of */
#define LEAST_BYTES (64u << 10)
#define SPARE_MAX   512
#define T_DS_MAX    ((UINT32_C(1) << 29) - 1)

int mv_growth_new(struct mv_growth **ret_growth)
{
	struct mv_growth *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	*ret_growth = g;
	return 0;
}

static void clear(struct mv_growth *g)
{
	for (uint32_t i = 0; i < g->count; i++)
		history_release(&g->tracks[i].history, &g->history_bytes);
	history_release(&g->process.history, &g->history_bytes);
	free(g->tracks);
	free(g->spare);
	page_marks_clear(&g->pages);
	*g = (struct mv_growth){0};
}

void mv_growth_free(struct mv_growth *growth)
{
	if (!growth)
		return;
	clear(growth);
	free(growth);
}

size_t mv_growth_bytes(const struct mv_growth *g)
{
	return sizeof(*g) + ((size_t)g->cap + g->spare_cap) * sizeof(struct track) + g->history_bytes;
}

/* ---- one look ---- */

static uint32_t to_pages(const struct mv_growth *g, uint64_t bytes)
{
	uint64_t pages = bytes / g->page_bytes;

	return pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages;
}

static void set(struct mv_growth_amounts *a, enum mv_growth_metric metric, struct mv_val v)
{
	if (!mv_have(&v))
		return;
	a->value[metric] = v.value;
	a->have |= 1u << metric;
}

/* What is held: what lies in RAM and what lies in swap. */
static void set_held(struct mv_growth_amounts *a)
{
	a->value[MV_GROWTH_HELD] = a->value[MV_GROWTH_RSS] + a->value[MV_GROWTH_SWAP];
	if (a->have & 1u << MV_GROWTH_RSS)
		a->have |= 1u << MV_GROWTH_HELD;
}

static struct history_point point_of(const struct mv_growth *g, const struct mv_growth_amounts *a,
				     uint64_t at_ns)
{
	uint64_t ds = (at_ns - g->base_ns) / (MV_NS_PER_SEC / 10);
	struct history_point p = {
	    .t_ds = ds > T_DS_MAX ? T_DS_MAX : (uint32_t)ds & T_DS_MAX,
	    .dirty_have = (a->have >> MV_GROWTH_DIRTY) & 1u,
	    .split_have = (a->have >> MV_GROWTH_ANON) & 1u,
	    .size = to_pages(g, a->value[MV_GROWTH_SIZE]),
	    .rss = to_pages(g, a->value[MV_GROWTH_RSS]),
	    .anon = to_pages(g, a->value[MV_GROWTH_ANON]),
	    .dirty = to_pages(g, a->value[MV_GROWTH_DIRTY]),
	    .swap = to_pages(g, a->value[MV_GROWTH_SWAP]),
	};

	p.low = p.high = to_pages(g, a->value[MV_GROWTH_HELD]);
	return p;
}

static bool same_amounts(const struct history_point *a, const struct history_point *b)
{
	return a->size == b->size && a->rss == b->rss && a->anon == b->anon && a->swap == b->swap &&
	       (a->dirty == b->dirty || !a->dirty_have || !b->dirty_have);
}

static void drop_history(struct mv_growth *g, struct track *t)
{
	history_release(&t->history, &g->history_bytes);
	t->has_history = false;
	t->pub.no_history = true;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Room for one more tier: the history of the mapping that changed least goes. */
static void make_room(struct mv_growth *g, const struct track *keep)
{
	while (mv_growth_bytes(g) + HISTORY_POINTS * sizeof(struct history_point) > MV_GROWTH_BYTES) {
		struct track *least = NULL;
		uint64_t least_change = 0;

		for (uint32_t i = 0; i < g->count; i++) {
			struct track *t = &g->tracks[i];
			uint64_t change =
			    distance(t->pub.now.value[MV_GROWTH_HELD], t->pub.first.value[MV_GROWTH_HELD]);

			if (t->has_history && t != keep && (!least || change < least_change)) {
				least = t;
				least_change = change;
			}
		}
		if (!least)
			return;
		drop_history(g, least);
	}
}

/* A history begins with the first change: what was before it is one level line. */
static int keep_point(struct mv_growth *g, struct track *t, const struct history_point *p)
{
	int r = 0;

	if (!t->has_history && (t->pub.no_history || same_amounts(&t->last, p)))
		return 0;
	make_room(g, t);
	if (!t->has_history) {
		t->has_history = true;
		if (t->begin.t_ds < t->last.t_ds)
			r = history_push(&t->history, &t->begin, &g->history_bytes);
		if (!r)
			r = history_push(&t->history, &t->last, &g->history_bytes);
	}
	if (!r)
		r = history_push(&t->history, p, &g->history_bytes);
	if (r < 0)
		drop_history(g, t);
	return r;
}

static int take(struct mv_growth *g, struct track *t, const struct mv_growth_amounts *amounts, uint64_t at_ns,
		bool gap)
{
	struct history_point p = point_of(g, amounts, at_ns);
	int r = 0;

	p.gap = gap;
	t->pub.now = *amounts;
	if (t->seen) {
		t->changed |= !same_amounts(&t->last, &p);
		r = keep_point(g, t, &p);
	} else {
		t->pub.since_s = p.t_ds / 10.0;
		t->begin = p;
		if (!t->pub.appeared)
			t->pub.first = *amounts;
		t->seen = true;
	}
	t->last = p;
	return r;
}

/* ---- the process ---- */

/* The usual time between two looks; true when this one came so late that nothing is known of the time before.
 */
static bool is_gap(uint64_t *spacing_ns, uint64_t before_ns, uint64_t now_ns)
{
	uint64_t ns = now_ns - before_ns;
	bool gap = *spacing_ns && ns > GAP_NS && ns > GAP_TIMES * *spacing_ns;

	if (before_ns && !gap)
		*spacing_ns = *spacing_ns ? (*spacing_ns * 3 + ns) / 4 : ns;
	/* A longer pace was chosen: the next look that comes as late is none. */
	else if (gap && *spacing_ns < ns / GAP_TIMES)
		*spacing_ns = *spacing_ns * 2 < ns / 2 ? *spacing_ns * 2 : ns / 2;
	return before_ns && gap;
}

static int feed_process(struct mv_growth *g, const struct mv_snapshot *s)
{
	struct mv_growth_amounts a = {0};

	if (s->part_why[MV_PART_COUNTERS] != MV_WHY_HAVE || !mv_have(&s->figure[MV_FIG_RSS]) ||
	    s->counters_ns < g->counters_ns + (g->counters_ns ? LOOK_NS : 1))
		return 0;
	if (!g->base_ns)
		g->base_ns = g->about.since_ns = s->counters_ns;
	set(&a, MV_GROWTH_SIZE, s->figure[MV_FIG_SIZE]);
	set(&a, MV_GROWTH_RSS, s->figure[MV_FIG_RSS]);
	set(&a, MV_GROWTH_ANON, s->figure[MV_FIG_ANON]);
	set(&a, MV_GROWTH_SWAP, s->figure[MV_FIG_SWAP]);
	set(&a, MV_GROWTH_DIRTY, s->figure[MV_FIG_DIRTY]);
	set_held(&a);
	bool gap = is_gap(&g->spacing_ns, g->counters_ns, s->counters_ns);
	g->about.gaps += gap;
	g->counters_ns = s->counters_ns;
	g->about.until_s = (double)(s->counters_ns - g->base_ns) / 1e9;
	return take(g, &g->process, &a, s->counters_ns, gap);
}

/* ---- lists of mappings ---- */

static uint64_t hash_of(const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return h;
}

static struct track track_of(const struct mv_growth *g, const struct mv_snapshot *s, uint32_t i)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(s)[i];

	return (struct track){.pub = {.start = m->start,
				      .end = m->end,
				      .appeared = g->rounds,
				      .kind = m->kind,
				      .perms = m->perms},
			      .name = hash_of(mv_snapshot_name(s, i).text),
			      .index = i};
}

static void add_amounts(struct mv_growth_amounts *to, const struct mv_growth_amounts *a, bool less)
{
	for (unsigned m = 0; m < MV_GROWTH__METRICS; m++) {
		uint64_t by = a->value[m];

		if (less)
			by = by > to->value[m] ? to->value[m] : by;
		to->value[m] = less ? to->value[m] - by : to->value[m] + by;
	}
	to->have |= less ? 0 : a->have;
}

/* Pages to add to a history for these amounts. */
static void shift_by(struct mv_growth *g, struct track *t, const struct mv_growth_amounts *a, int sign)
{
	struct history_shift by = {.rss = sign * (int64_t)to_pages(g, a->value[MV_GROWTH_RSS]),
				   .swap = sign * (int64_t)to_pages(g, a->value[MV_GROWTH_SWAP]),
				   .anon = sign * (int64_t)to_pages(g, a->value[MV_GROWTH_ANON]),
				   .size = sign * (int64_t)to_pages(g, a->value[MV_GROWTH_SIZE])};

	history_shift(&t->history, &by);
	history_shift_point(&t->begin, &by);
	if (sign > 0)
		history_shift_point(&t->last, &by);
}

/* What held `old` was taken into `into`: its past comes along, so that nothing seems to have grown. */
static void merge(struct mv_growth *g, struct track *into, const struct track *old)
{
	if (!old->seen || !into->seen)
		return;
	add_amounts(&into->pub.first, &old->pub.first, false);
	add_amounts(&into->pub.mark, &old->pub.mark, false);
	into->pub.mark_pss += old->pub.mark_pss;
	into->pub.mark_dirty += old->pub.mark_dirty;
	if (old->pub.marked && (!into->pub.marked || old->pub.mark_start < into->pub.mark_start))
		into->pub.mark_start = old->pub.mark_start;
	if (old->pub.marked && (!into->pub.marked || old->pub.mark_end > into->pub.mark_end))
		into->pub.mark_end = old->pub.mark_end;
	into->pub.marked |= old->pub.marked;
	shift_by(g, into, &old->pub.now, 1);
	add_amounts(&into->pub.now, &old->pub.now, false);
}

/* A part that was cut off has the past of what it was cut off from. */
static void settle_split(struct mv_growth *g, struct track *part)
{
	struct track *from = &g->tracks[part->split_of - 1];

	part->split_of = 0;
	if (!from->seen)
		return;
	struct mv_growth_amounts moved = part->pub.now;
	part->pub.first = moved;
	part->pub.appeared = false;
	part->pub.since_s = from->pub.since_s;
	add_amounts(&from->pub.first, &moved, true);
	if (from->pub.marked) {
		part->pub.marked = true;
		part->pub.mark = moved;
		part->pub.mark_start = from->pub.mark_start;
		part->pub.mark_end = from->pub.mark_end;
		add_amounts(&from->pub.mark, &moved, true);
	}
	shift_by(g, from, &moved, -1);
}

static void vanish(struct mv_growth *g, struct track *old)
{
	g->about.gone++;
	g->about.gone_bytes += old->pub.now.value[MV_GROWTH_HELD];
	if (old->pub.marked) {
		g->mark.gone++;
		g->mark.gone_bytes += old->pub.mark.value[MV_GROWTH_HELD];
	}
}

/* It lies in what is mapped now, and is called the same. */
static bool is_covered(const struct track *old, const struct track *now)
{
	return old->name == now->name && now->pub.start <= old->pub.start && now->pub.end >= old->pub.end;
}

/* The same mapping: it begins where it began, or ends where it ended (what grows down), or has grown both
 * ways. */
static bool is_same(const struct track *old, const struct track *now)
{
	return is_covered(old, now) ||
	       (old->name == now->name && (old->pub.start == now->pub.start || old->pub.end == now->pub.end));
}

static void carry_over(struct track *now, struct track *old)
{
	struct track fresh = *now;

	*now = *old;
	now->pub.start = fresh.pub.start;
	now->pub.end = fresh.pub.end;
	now->pub.kind = fresh.pub.kind;
	now->pub.perms = fresh.pub.perms;
	now->index = fresh.index;
	old->history = (struct history){0};
	old->has_history = false;
}

/*
 * Both lists ascend. An old one that lies in the track before it was merged into that; a new one that lies
 * where an old one was that goes on was cut off it. old_end: of the last old one that was matched, as it was.
 */
static void match(struct mv_growth *g, struct track *now, uint32_t count)
{
	uint32_t i = 0, j = 0;
	uint64_t old_end = 0;
	uint32_t old_now = 0;

	while (i < g->count || j < count) {
		struct track *old = i < g->count ? &g->tracks[i] : NULL, *row = j < count ? &now[j] : NULL;

		if (old && row && is_same(old, row)) {
			old_end = old->pub.end;
			old_now = j;
			carry_over(row, old);
			i++;
			j++;
		} else if (!row || (old && old->pub.start < row->pub.start)) {
			if (j && is_covered(old, &now[j - 1]))
				merge(g, &now[j - 1], old);
			else
				vanish(g, old);
			history_release(&old->history, &g->history_bytes);
			i++;
		} else {
			if (old_end > row->pub.start && j && row->name == now[old_now].name)
				row->split_of = old_now + 1;
			j++;
		}
	}
}

/* When they are too many, what can't be written to is left out first: it can't grow much. */
static int feed_list(struct mv_growth *g, const struct mv_snapshot *s)
{
	uint32_t all = mv_snapshot_count(s), count = all < MV_GROWTH_TRACKS ? all : MV_GROWTH_TRACKS, n = 0;
	struct track *rows;

	if (count > g->spare_cap) {
		struct track *more = realloc(g->spare, count * sizeof(*more));

		if (!more)
			return -ENOMEM;
		g->spare = more;
		g->spare_cap = count;
	}
	for (uint32_t i = 0; i < all && n < count; i++) {
		const struct mv_mapping *m = &mv_snapshot_mappings(s)[i];
		bool can_grow = m->perms & MV_PERM_W || all <= MV_GROWTH_TRACKS;

		if (can_grow || all - i <= count - n)
			g->spare[n++] = track_of(g, s, i);
	}
	g->about.left_out = all - n;
	match(g, g->spare, n);
	rows = g->tracks;
	uint32_t cap = g->cap;
	g->tracks = g->spare;
	g->cap = g->spare_cap;
	g->count = n;
	if (cap > SPARE_MAX) { /* a long list's is given back */
		free(rows);
		rows = NULL;
		cap = 0;
	}
	g->spare = rows;
	g->spare_cap = cap;
	g->maps_gen = s->maps_gen;
	return 0;
}

struct mv_growth_amounts growth_amounts_of(const struct mv_snapshot *s, uint32_t i)
{
	const struct mv_tally *tally = mv_snapshot_tally(s, i);
	struct mv_val clean = mv_snapshot_field(s, i, MV_SMAPS_PRIVATE_DIRTY);
	struct mv_val shared = mv_snapshot_field(s, i, MV_SMAPS_SHARED_DIRTY);
	struct mv_growth_amounts a = {0};

	set(&a, MV_GROWTH_SIZE, mv_val_of(mv_mapping_bytes(&mv_snapshot_mappings(s)[i])));
	set(&a, MV_GROWTH_RSS, mv_snapshot_rss(s, i));
	if (tally) {
		set(&a, MV_GROWTH_ANON, mv_val_of(mv_tally_anon(tally) * s->page_bytes));
		set(&a, MV_GROWTH_SWAP, mv_val_of((uint64_t)tally->state[MV_PAGE_SWAPPED] * s->page_bytes));
	}
	if (mv_have(&clean) && mv_have(&shared))
		set(&a, MV_GROWTH_DIRTY, mv_val_of((clean.value + shared.value) * 1024));
	set_held(&a);
	return a;
}

/* Once for each whole round over the pages; while no counter moves, nothing has changed, and that is a look
 * too. */
static int feed_mappings(struct mv_growth *g, const struct mv_snapshot *s)
{
	uint64_t at_ns = s->pages_ns > s->smaps_ns ? s->pages_ns : s->smaps_ns;
	int r = 0;

	if (s->pages_exact && s->counters_ns > at_ns)
		at_ns = s->counters_ns;
	if (!at_ns || at_ns < g->base_ns || at_ns < g->pages_ns + (g->pages_ns ? LOOK_NS : 0) || !g->count)
		return 0;
	bool gap = is_gap(&g->round_ns, g->pages_ns, at_ns);
	for (uint32_t i = 0; i < g->count; i++) {
		struct track *t = &g->tracks[i];
		struct mv_growth_amounts a = growth_amounts_of(s, t->index);

		if (!(a.have & 1u << MV_GROWTH_RSS))
			continue;
		int err = take(g, t, &a, at_ns, gap);
		r = r ? r : err;
	}
	for (uint32_t i = 0; i < g->count; i++)
		if (g->tracks[i].split_of && g->tracks[i].seen)
			settle_split(g, &g->tracks[i]);
	g->pages_ns = at_ns;
	g->rounds = true;
	return r;
}

/* ---- fits ---- */

static double least_of(const struct mv_growth *g)
{
	double pages = (double)LEAST_PAGES * g->page_bytes;

	return pages > LEAST_BYTES ? pages : LEAST_BYTES;
}

static struct mv_growth_fit fit_of(const struct mv_growth *g, const struct track *t,
				   enum mv_growth_metric metric)
{
	struct mv_growth_sample samples[MV_GROWTH_SAMPLES];
	size_t n = mv_growth_samples(g, &t->pub, metric, samples, MV_GROWTH_SAMPLES);
	struct mv_growth_fit fit;

	if (t->has_history)
		return mv_growth_fit(samples, n, least_of(g));
	/* A level line, however few its points. */
	fit = (struct mv_growth_fit){.state = MV_GROWTH_SHORT};
	if (n) {
		fit.since_s = samples[0].at_s;
		fit.until_s = samples[n - 1].at_s;
		fit.samples = 2;
		if (fit.until_s - fit.since_s >= 8 && !t->pub.no_history)
			fit.state = MV_GROWTH_STEADY;
	}
	return fit;
}

/* Those that have changed, or whose answer may change by time alone; in turns when there are many. */
static void make_fits(struct mv_growth *g)
{
	uint32_t fits = 0;

	g->process.pub.fit = fit_of(g, &g->process, MV_GROWTH_HELD);
	g->size_fit = fit_of(g, &g->process, MV_GROWTH_SIZE);
	for (uint32_t k = 0; k < g->count && fits < FITS_A_FEED; k++) {
		struct track *t = &g->tracks[(g->fit_next + k) % g->count];

		if (!t->changed && t->has_history && t->pub.fit.state == MV_GROWTH_STEADY)
			continue;
		fits += t->has_history;
		t->pub.fit = fit_of(g, t, MV_GROWTH_HELD);
		t->changed = false;
		if (fits == FITS_A_FEED)
			g->fit_next = (g->fit_next + k + 1) % g->count;
	}
}

int mv_growth_feed(struct mv_growth *g, const struct mv_snapshot *s)
{
	uint64_t counters_ns = g->counters_ns, pages_ns = g->pages_ns;
	int r, err = 0;

	if (g->started && (g->epoch != s->epoch || g->pid != s->stat.pid))
		clear(g);
	if (s->taken_ns < g->taken_ns)
		return 0;
	g->started = true;
	g->epoch = s->epoch;
	g->pid = s->stat.pid;
	g->page_bytes = s->page_bytes;
	g->taken_ns = s->taken_ns;
	if (s->life != MV_LIFE_ALIVE)
		return 0;
	r = feed_process(g, s);
	if (s->mappings.count && (!g->maps_gen || s->maps_gen != g->maps_gen))
		err = feed_list(g, s);
	if (!err && s->mappings.count && s->maps_gen == g->maps_gen)
		err = feed_mappings(g, s);
	if (g->mark.set && s->taken_ns <= g->mark.at_ns + MV_GROWTH_MARK_NS) {
		page_marks_feed(&g->pages, s);
		g->mark.pages_short = g->pages.short_of;
	}
	if (g->counters_ns != counters_ns || g->pages_ns != pages_ns)
		make_fits(g);
	return r ? r : err;
}

/* ---- answers ---- */

const struct mv_growth_track *mv_growth_process(const struct mv_growth *g)
{
	return g->process.seen ? &g->process.pub : NULL;
}

const struct mv_growth_fit *mv_growth_size_fit(const struct mv_growth *g)
{
	return &g->size_fit;
}

uint32_t mv_growth_count(const struct mv_growth *g)
{
	return g->count;
}

const struct mv_growth_track *mv_growth_at(const struct mv_growth *g, uint32_t i)
{
	return &g->tracks[i].pub;
}

const struct mv_growth_track *mv_growth_find(const struct mv_growth *g, uint64_t start)
{
	uint32_t low = 0, high = g->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (g->tracks[mid].pub.start < start)
			low = mid + 1;
		else
			high = mid;
	}
	return low < g->count && g->tracks[low].pub.start == start ? &g->tracks[low].pub : NULL;
}

static double amount_of(const struct history_point *p, enum mv_growth_metric metric)
{
	switch (metric) {
	case MV_GROWTH_RSS:
		return p->rss;
	case MV_GROWTH_ANON:
		return p->anon;
	case MV_GROWTH_SWAP:
		return p->swap;
	case MV_GROWTH_DIRTY:
		return p->dirty;
	case MV_GROWTH_SIZE:
		return p->size;
	default:
		return (double)p->rss + p->swap;
	}
}

static bool tells(const struct history_point *p, enum mv_growth_metric metric)
{
	return metric == MV_GROWTH_DIRTY			      ? p->dirty_have
	       : metric == MV_GROWTH_ANON || metric == MV_GROWTH_SWAP ? p->split_have
								      : true;
}

/* pub is a track's first member. */
static const struct track *track_from(const struct mv_growth_track *pub)
{
	return (const struct track *)(const void *)pub;
}
_Static_assert(offsetof(struct track, pub) == 0, "a track is found by what is shown of it");

size_t mv_growth_samples(const struct mv_growth *g, const struct mv_growth_track *pub,
			 enum mv_growth_metric metric, struct mv_growth_sample *samples, size_t cap)
{
	struct history_point points[MV_GROWTH_SAMPLES];
	const struct track *t = track_from(pub);
	size_t n = 0, count = 0;
	uint32_t segment = 0;

	/* Where it began is never thinned away. */
	if (t->has_history) {
		n = history_read(&t->history, points + 1);
		if (points[1].t_ds > t->begin.t_ds)
			points[0] = t->begin;
		else
			memmove(points, points + 1, n-- * sizeof(*points));
		n++;
	} else if (t->seen) {
		points[n] = t->begin;
		n += t->begin.t_ds < t->last.t_ds;
		points[n++] = t->last;
	}
	for (size_t i = n > cap ? n - cap : 0; i < n; i++) {
		const struct history_point *p = &points[i];
		double value = amount_of(p, metric) * g->page_bytes;

		segment += p->gap;
		if (!tells(p, metric))
			continue;
		samples[count++] = (struct mv_growth_sample){
		    .at_s = p->t_ds / 10.0,
		    .value = value,
		    .low = metric == MV_GROWTH_HELD ? (double)p->low * g->page_bytes : value,
		    .high = metric == MV_GROWTH_HELD ? (double)p->high * g->page_bytes : value,
		    .segment = segment};
	}
	return count;
}

double mv_growth_held_at(const struct mv_growth *g, const struct mv_growth_track *pub, double at_s)
{
	struct mv_growth_sample samples[MV_GROWTH_SAMPLES];
	size_t n;
	double held;

	if (pub->no_history && at_s < pub->fit.until_s)
		return (double)pub->first.value[MV_GROWTH_HELD];
	if (pub->since_s > at_s + 0.05)
		return pub->appeared ? 0 : (double)pub->first.value[MV_GROWTH_HELD];
	n = mv_growth_samples(g, pub, MV_GROWTH_HELD, samples, MV_GROWTH_SAMPLES);
	held = n ? samples[0].value : 0;
	for (size_t i = 0; i < n && samples[i].at_s <= at_s + 0.05; i++)
		held = samples[i].value;
	return held;
}

struct mv_growth_about mv_growth_about(const struct mv_growth *g)
{
	struct mv_growth_about about = g->about;

	for (uint32_t i = 0; i < g->count; i++)
		about.no_history += g->tracks[i].pub.no_history;
	return about;
}
