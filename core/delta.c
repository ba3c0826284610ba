/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEAP_APART_NS (5 * MV_NS_PER_SEC) /* of two readings that a slope is told from */

/* What is remembered of one mapping between snapshots. */
struct row {
	uint64_t start, end;
	uint64_t rss_bytes, rss_ns; /* rss_ns 0: not known yet */
	uint64_t change_ns;
	double growth;
	uint32_t name;
	uint8_t change; /* enum mv_change */
	uint8_t kind, perms;
	bool growth_have;
};

/* What is remembered of one thread. */
struct thread_row {
	int32_t tid;
	uint64_t at_ns, minor, major, cpu_ns;
	bool cpu_have;
	struct mv_thread_rates rates;
};

struct mv_delta {
	bool started;
	uint64_t taken_ns, pages_ns, smaps_ns;
	uint64_t growth_ns; /* when growth was reckoned last */
	bool still;	    /* since then no counter has moved */
	uint32_t epoch, maps_gen;
	int32_t pid;

	struct row *rows, *spare; /* ascending by start; spare takes the next generation */
	uint32_t count, cap, spare_cap;
	char *names;
	size_t names_len, names_cap;

	struct mv_ghost *ghosts;
	size_t ghosts_count, ghosts_cap;

	struct mv_counters counters;
	uint64_t snapshot_ns; /* of the last snapshot's counters */
	uint64_t spacing_ns;  /* between those of the last two snapshots */
	struct mv_rate minor, major, rss;
	struct mv_series series[MV_SERIES__N];

	uint64_t trace_since_ns, trace_ns; /* of the trace fed last; 0 none */
	uint64_t trace_faults[MV_FAULT__N];
	struct mv_rate fault_rates[MV_FAULT__N];
	struct mv_series fault_series[MV_FAULT__N];

	struct thread_row *threads; /* ascending by tid */
	uint32_t threads_count;

	struct mv_growth *growth;
	struct heap_at { /* the malloc heap at the first reading and the last; ns 0: none */
		uint64_t ns;
		double used, free;
	} heap_first, heap_last;
};

/* More vanish at once than anybody can look at: keep the first so many. */
#define GHOSTS_MAX 256
#define SPARE_MAX  10000

int mv_delta_new(struct mv_delta **ret_delta)
{
	struct mv_delta *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	if (mv_growth_new(&d->growth) < 0) {
		free(d);
		return -ENOMEM;
	}
	*ret_delta = d;
	return 0;
}

void mv_delta_free(struct mv_delta *delta)
{
	if (!delta)
		return;
	free(delta->rows);
	free(delta->spare);
	free(delta->names);
	free(delta->ghosts);
	free(delta->threads);
	mv_growth_free(delta->growth);
	free(delta);
}

/* ---- counters ---- */

static struct mv_rate rate_of(uint64_t before, uint64_t now, uint64_t ns)
{
	if (ns == 0)
		return (struct mv_rate){0};
	return (struct mv_rate){.per_second = ((double)now - (double)before) * 1e9 / (double)ns,
				.have = true};
}

static void push_rate(struct mv_series *series, uint64_t at_ns, struct mv_rate rate)
{
	if (rate.have)
		mv_series_push(series, at_ns, rate.per_second);
	else
		mv_series_gap(series, at_ns);
}

static void take_counters(struct mv_delta *d, const struct mv_counters *c)
{
	const struct mv_counters *old = &d->counters;
	bool comparable = old->why == MV_WHY_HAVE && c->why == MV_WHY_HAVE &&
			  old->start_ticks == c->start_ticks && c->minor_faults >= old->minor_faults &&
			  c->major_faults >= old->major_faults;
	uint64_t ns = comparable ? c->at_ns - old->at_ns : 0;

	d->minor = rate_of(old->minor_faults, c->minor_faults, ns);
	d->major = rate_of(old->major_faults, c->major_faults, ns);
	d->rss = rate_of(old->rss_bytes, c->rss_bytes, ns);
	push_rate(&d->series[MV_SERIES_MINOR], c->at_ns, d->minor);
	push_rate(&d->series[MV_SERIES_MAJOR], c->at_ns, d->major);
	if (c->why == MV_WHY_HAVE)
		mv_series_push(&d->series[MV_SERIES_RSS], c->at_ns, (double)c->rss_bytes);
	else
		mv_series_gap(&d->series[MV_SERIES_RSS], c->at_ns);
	d->counters = *c;
}

void mv_delta_feed_counters(struct mv_delta *delta, const struct mv_counters *counters)
{
	uint64_t spacing_ns = delta->spacing_ns ? delta->spacing_ns : MV_NS_PER_SEC;

	/* While snapshots come, theirs are used; these fill in when they stay away. */
	if (counters->at_ns <= delta->counters.at_ns ||
	    (delta->snapshot_ns && counters->at_ns < delta->snapshot_ns + spacing_ns * 3 / 2))
		return;
	take_counters(delta, counters);
}

static void feed_snapshot_counters(struct mv_delta *d, const struct mv_snapshot *s)
{
	struct mv_counters c = {
	    .at_ns = s->counters_ns,
	    .start_ticks = s->stat.start_ticks,
	    .minor_faults = s->stat.minor_faults,
	    .major_faults = s->stat.major_faults,
	    .rss_bytes = s->figure[MV_FIG_RSS].value,
	    .size_bytes = s->figure[MV_FIG_SIZE].value,
	    .threads = s->stat.threads,
	    .state = s->stat.state,
	    .why = s->part_why[MV_PART_COUNTERS],
	};

	if (c.at_ns <= d->counters.at_ns)
		return;
	if (d->snapshot_ns && c.at_ns - d->snapshot_ns < 10 * MV_NS_PER_SEC)
		d->spacing_ns = c.at_ns - d->snapshot_ns;
	d->snapshot_ns = c.at_ns;
	take_counters(d, &c);
}

/* ---- mappings ---- */

static void add_ghost(struct mv_delta *d, const struct row *old, uint64_t now_ns)
{
	struct mv_ghost *g;
	size_t n;

	if (d->ghosts_count >= GHOSTS_MAX)
		return;
	if (d->ghosts_count == d->ghosts_cap) {
		size_t cap = d->ghosts_cap ? d->ghosts_cap * 2 : 16;
		struct mv_ghost *more = realloc(d->ghosts, cap * sizeof(*more));

		if (!more)
			return;
		d->ghosts = more;
		d->ghosts_cap = cap;
	}
	g = &d->ghosts[d->ghosts_count++];
	*g = (struct mv_ghost){
	    .range = {old->start, old->end}, .at_ns = now_ns, .kind = old->kind, .perms = old->perms};
	/* Names are clean; cut at a character's start so that they stay well-formed. */
	n = strlen(d->names + old->name);
	if (n >= sizeof(g->name)) {
		n = sizeof(g->name) - 1;
		while (n && ((unsigned char)d->names[old->name + n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(g->name, d->names + old->name, n);
}

static int compare_ghosts(const void *a, const void *b)
{
	const struct mv_ghost *x = a, *y = b;

	return (x->range.start > y->range.start) - (x->range.start < y->range.start);
}

static void forget_ghosts(struct mv_delta *d, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->ghosts_count; i++)
		if (now_ns - d->ghosts[i].at_ns < MV_LIT_NS)
			d->ghosts[kept++] = d->ghosts[i];
	d->ghosts_count = kept;
}

static void carry_over(struct row *now, const struct row *old, uint64_t now_ns)
{
	uint64_t size = now->end - now->start, before = old->end - old->start;

	now->rss_bytes = old->rss_bytes;
	now->rss_ns = old->rss_ns;
	now->growth = old->growth;
	now->growth_have = old->growth_have;
	now->change = old->change;
	now->change_ns = old->change_ns;
	if (size == before)
		return;
	now->change = size > before ? MV_CHANGE_GREW : MV_CHANGE_SHRANK;
	now->change_ns = now_ns;
}

/* The mapping before place j covers it all: it was merged into it and has not vanished. */
static bool merged(const struct row *now, uint32_t j, const struct row *old)
{
	return j > 0 && now[j - 1].start <= old->start && now[j - 1].end >= old->end;
}

/* Match the remembered rows with the snapshot's mappings: by start, else by end (what grows down). */
static void match_rows(struct mv_delta *d, struct row *now, uint32_t count, uint64_t now_ns)
{
	uint32_t i = 0, j = 0;

	while (i < d->count || j < count) {
		struct row *old = i < d->count ? &d->rows[i] : NULL, *row = j < count ? &now[j] : NULL;

		if (old && row && (old->start == row->start || old->end == row->end)) {
			carry_over(row, old, now_ns);
			i++;
			j++;
		} else if (!row || (old && old->start < row->start)) {
			if (!merged(now, j, old))
				add_ghost(d, old, now_ns);
			i++;
		} else {
			row->change = MV_CHANGE_NEW;
			row->change_ns = now_ns;
			j++;
		}
	}
	if (d->ghosts_count)
		qsort(d->ghosts, d->ghosts_count, sizeof(*d->ghosts), compare_ghosts);
}

static int take_names(struct mv_delta *d, const struct mv_snapshot *s)
{
	if (s->names.count > d->names_cap) {
		char *more = realloc(d->names, s->names.count);

		if (!more)
			return -ENOMEM;
		d->names = more;
		d->names_cap = s->names.count;
	}
	memcpy(d->names, (const char *)s + s->names.offset, s->names.count);
	d->names_len = s->names.count;
	return 0;
}

/* A new list of mappings. same: of the same program as the one before. */
static int feed_mappings(struct mv_delta *d, const struct mv_snapshot *s, bool same)
{
	const struct mv_mapping *m = mv_snapshot_mappings(s);
	uint32_t count = mv_snapshot_count(s), cap;
	struct row *rows;

	if (count > d->spare_cap) {
		struct row *more = realloc(d->spare, count * sizeof(*more));

		if (!more)
			return -ENOMEM;
		d->spare = more;
		d->spare_cap = count;
	}
	for (uint32_t j = 0; j < count; j++)
		d->spare[j] = (struct row){.start = m[j].start,
					   .end = m[j].end,
					   .name = m[j].name,
					   .kind = m[j].kind,
					   .perms = m[j].perms};
	if (same)
		match_rows(d, d->spare, count, s->taken_ns);
	if (take_names(d, s) < 0)
		return -ENOMEM;
	rows = d->rows;
	cap = d->cap;
	d->rows = d->spare;
	d->cap = d->spare_cap;
	d->count = count;
	if (cap > SPARE_MAX) { /* a long list's is given back */
		free(rows);
		rows = NULL;
		cap = 0;
	}
	d->spare = rows;
	d->spare_cap = cap;
	return 0;
}

/* Rates of growth, once for each whole round of reading pages (or smaps, when only those can be read). */
static void feed_growth(struct mv_delta *d, const struct mv_snapshot *s)
{
	uint64_t at_ns = s->pages_ns > s->smaps_ns ? s->pages_ns : s->smaps_ns;

	d->growth_ns = at_ns;
	d->still = false;

	for (uint32_t i = 0; i < d->count; i++) {
		struct row *row = &d->rows[i];
		struct mv_val rss = mv_snapshot_rss(s, i);
		struct mv_rate rate;

		if (!mv_have(&rss))
			continue;
		if (row->rss_ns && at_ns > row->rss_ns) {
			rate = rate_of(row->rss_bytes, rss.value, at_ns - row->rss_ns);
			row->growth =
			    row->growth_have ? (row->growth + rate.per_second) / 2 : rate.per_second;
			/* What halves for ever would never be shown as still again. */
			if (rss.value == row->rss_bytes && row->growth < 4096 && row->growth > -4096)
				row->growth = 0;
			row->growth_have = true;
		}
		row->rss_bytes = rss.value;
		row->rss_ns = at_ns;
	}
}

/* The pages are not read again while no counter moves: then nothing has grown, and that is an answer too. */
static void feed_stillness(struct mv_delta *d, const struct mv_snapshot *s)
{
	bool still = s->pages_exact && s->part_why[MV_PART_COUNTERS] == MV_WHY_HAVE &&
		     s->counters_ns > d->growth_ns && s->counters_ns - d->growth_ns >= d->spacing_ns / 2;

	if (!still || d->still)
		return;
	for (uint32_t i = 0; i < d->count; i++) {
		d->rows[i].growth = 0;
		d->rows[i].growth_have = d->rows[i].rss_ns != 0;
	}
	d->still = true;
}

/* ---- traced faults and threads ---- */

/* Once a tick, so that the series goes in step with the counters' and is not made of single samples. */
static void feed_trace(struct mv_delta *d, const struct mv_snapshot *s)
{
	const struct mv_trace *t = &s->trace;
	bool traced = s->facts & MV_FACT_FAULTS && t->why == MV_WHY_HAVE && t->running;
	bool same = traced && d->trace_ns && d->trace_since_ns == t->since_ns;

	if (same && s->counters_ns <= d->trace_ns)
		return;
	for (unsigned k = 0; k < MV_FAULT__N; k++) {
		d->fault_rates[k] =
		    same && t->faults[k] >= d->trace_faults[k]
			? rate_of(d->trace_faults[k], t->faults[k], s->counters_ns - d->trace_ns)
			: (struct mv_rate){0};
		if (traced && !same)
			mv_series_init(&d->fault_series[k]);
		if (traced)
			push_rate(&d->fault_series[k], s->counters_ns, d->fault_rates[k]);
	}
	memcpy(d->trace_faults, t->faults, sizeof(d->trace_faults));
	d->trace_since_ns = t->since_ns;
	d->trace_ns = traced ? s->counters_ns : 0;
}

static struct thread_row thread_row_of(const struct mv_thread *t, const struct thread_row *old)
{
	struct thread_row row = {.tid = t->tid,
				 .at_ns = t->counters_ns,
				 .minor = t->minor_faults,
				 .major = t->major_faults,
				 .cpu_ns = t->cpu_ns.value,
				 .cpu_have = mv_have(&t->cpu_ns)};
	uint64_t ns = old ? row.at_ns - old->at_ns : 0;

	if (!old || row.minor < old->minor || row.major < old->major || row.at_ns < old->at_ns)
		return row;
	if (ns == 0)
		return *old;
	row.rates.minor = rate_of(old->minor, row.minor, ns);
	row.rates.major = rate_of(old->major, row.major, ns);
	if (row.cpu_have && old->cpu_have && row.cpu_ns >= old->cpu_ns)
		row.rates.cpu = (struct mv_rate){(double)(row.cpu_ns - old->cpu_ns) / (double)ns, true};
	return row;
}

/* Both lists ascend by tid. */
static int feed_threads(struct mv_delta *d, const struct mv_snapshot *s)
{
	uint32_t count, i = 0;
	const struct mv_thread *t = mv_snapshot_threads(s, &count);
	struct thread_row *rows;

	if (!count)
		return 0;
	rows = malloc(count * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (uint32_t j = 0; j < count; j++) {
		while (i < d->threads_count && d->threads[i].tid < t[j].tid)
			i++;
		bool known = i < d->threads_count && d->threads[i].tid == t[j].tid;
		rows[j] = thread_row_of(&t[j], known ? &d->threads[i] : NULL);
	}
	free(d->threads);
	d->threads = rows;
	d->threads_count = count;
	return 0;
}

static void feed_heap(struct mv_delta *d, const struct mv_snapshot *s, bool same)
{
	const struct mv_heap_sum *sum = s->heap.sum;
	const struct heap_at at = {
	    .ns = s->heap.at_ns,
	    .used = (double)sum[MV_BLOCK_IN_USE].bytes + (double)sum[MV_BLOCK_MMAPPED].bytes,
	    .free = (double)sum[MV_BLOCK_FREE].bytes + (double)sum[MV_BLOCK_FASTBIN].bytes +
		    (double)sum[MV_BLOCK_TCACHE].bytes + (double)sum[MV_BLOCK_TOP].bytes,
	};

	if (!same)
		d->heap_first = d->heap_last = (struct heap_at){0};
	if (!at.ns || at.ns == d->heap_last.ns)
		return;
	if (!d->heap_first.ns)
		d->heap_first = at;
	d->heap_last = at;
}

int mv_delta_feed(struct mv_delta *delta, const struct mv_snapshot *snap)
{
	bool same = delta->started && delta->epoch == snap->epoch && delta->pid == snap->stat.pid;
	int r = 0;

	/* Not by seq: a replaced collector counts anew. */
	if (same && snap->taken_ns < delta->taken_ns)
		return 0;
	/* A new program matches nothing of the old one, also when its list comes later. */
	if (!same)
		delta->count = 0;
	feed_snapshot_counters(delta, snap);
	forget_ghosts(delta, snap->taken_ns);
	/* A snapshot without mappings (not wanted, or the process has ended) says nothing about them. */
	if (snap->mappings.count && (!delta->count || snap->maps_gen != delta->maps_gen)) {
		r = feed_mappings(delta, snap, same && delta->count);
		if (r == 0)
			delta->maps_gen = snap->maps_gen;
	}
	if (r == 0 && snap->mappings.count == delta->count) {
		if (snap->pages_ns > delta->pages_ns || snap->smaps_ns > delta->smaps_ns)
			feed_growth(delta, snap);
		else
			feed_stillness(delta, snap);
		delta->pages_ns = snap->pages_ns;
		delta->smaps_ns = snap->smaps_ns;
	}
	feed_trace(delta, snap);
	feed_heap(delta, snap, same);
	if (r == 0)
		r = feed_threads(delta, snap);
	if (mv_growth_feed(delta->growth, snap) < 0)
		r = -ENOMEM;
	delta->started = true;
	delta->taken_ns = snap->taken_ns;
	delta->epoch = snap->epoch;
	delta->pid = snap->stat.pid;
	return r;
}

/* ---- answers ---- */

const struct mv_counters *mv_delta_counters(const struct mv_delta *delta)
{
	return &delta->counters;
}

struct mv_rate mv_delta_minor_rate(const struct mv_delta *delta)
{
	return delta->minor;
}

struct mv_rate mv_delta_major_rate(const struct mv_delta *delta)
{
	return delta->major;
}

struct mv_rate mv_delta_rss_rate(const struct mv_delta *delta)
{
	return delta->rss;
}

const struct mv_series *mv_delta_series(const struct mv_delta *delta, enum mv_series_id id)
{
	return &delta->series[id];
}

struct mv_mapping_change mv_delta_mapping(const struct mv_delta *delta, uint64_t start)
{
	uint32_t low = 0, high = delta->count;
	const struct row *row;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (delta->rows[mid].start < start)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == delta->count || delta->rows[low].start != start)
		return (struct mv_mapping_change){0};
	row = &delta->rows[low];
	return (struct mv_mapping_change){.change = (enum mv_change)row->change,
					  .at_ns = row->change_ns,
					  .growth = {row->growth, row->growth_have}};
}

struct mv_growth_heap mv_delta_heap(const struct mv_delta *delta)
{
	const struct heap_at *first = &delta->heap_first, *last = &delta->heap_last;
	const double seconds = (double)(last->ns - first->ns) / 1e9;

	if (!first->ns || last->ns - first->ns < HEAP_APART_NS)
		return (struct mv_growth_heap){.known = false};
	return (struct mv_growth_heap){.known = true,
				       .in_use_slope = (last->used - first->used) / seconds,
				       .free_slope = (last->free - first->free) / seconds};
}

const struct mv_growth *mv_delta_growth(const struct mv_delta *delta)
{
	return delta->growth;
}

void mv_delta_mark(struct mv_delta *delta, const struct mv_snapshot *snap, uint64_t now_ns, uint64_t real_ns)
{
	mv_growth_mark(delta->growth, snap, now_ns, real_ns);
}

const struct mv_ghost *mv_delta_ghosts(const struct mv_delta *delta, size_t *ret_count)
{
	*ret_count = delta->ghosts_count;
	return delta->ghosts;
}

struct mv_rate mv_delta_fault_rate(const struct mv_delta *delta, enum mv_fault_kind kind)
{
	return delta->trace_ns ? delta->fault_rates[kind] : (struct mv_rate){0};
}

const struct mv_series *mv_delta_fault_series(const struct mv_delta *delta, enum mv_fault_kind kind)
{
	return &delta->fault_series[kind];
}

struct mv_thread_rates mv_delta_thread(const struct mv_delta *delta, int32_t tid)
{
	uint32_t low = 0, high = delta->threads_count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (delta->threads[mid].tid < tid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < delta->threads_count && delta->threads[low].tid == tid ? delta->threads[low].rates
									    : (struct mv_thread_rates){0};
}
