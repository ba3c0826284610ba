/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX      (1u << 20)
#define AGES_PAGES_MAX (1u << 20) /* more pages than that on the screen: no ages */
#define GROUP_MAX      1024	  /* mappings in one call's range */
#define BIG_PAGES      512
#define GRID_SHARE     50 /* long run: 1/50 of a core for the grid */
#define GRID_BURST_NS  (2 * MV_NS_PER_SEC / 1000)
#define GRID_OLD_NS    (5 * MV_NS_PER_SEC)
#define FREE_CATS      (MV_CAT_HUGE | MV_CAT_PFNZERO | MV_CAT_GUARD)

/* Only here can a present page be a file's; asking costs 1.1 to 4.5 times, so big anonymous memory is not
 * asked. */
static bool may_hold_file(const struct mv_mapping *m)
{
	return (m->perms & MV_PERM_SHARED) || (m->flags & MV_MAPPING_FILE) || m->inode ||
	       m->kind == MV_KIND_SHARED || m->kind == MV_KIND_VDSO || m->kind == MV_KIND_VVAR;
}

static bool must_not_scan(const struct mv_mapping *m)
{
	return m->kind == MV_KIND_VSYSCALL;
}

static enum mv_why why_no_pages(int error)
{
	return error == -ENOMEM			     ? MV_WHY_NO_MEMORY
	       : error == -EACCES || error == -EPERM ? MV_WHY_NEEDS_PTRACE_DAC
						     : MV_WHY_IO;
}

/* ---- the round over all mappings ---- */

static void begin_mapping(struct mv_sampler *s, uint32_t index)
{
	struct round *r = &s->round;

	r->index = index;
	memset(&r->tally, 0, sizeof(r->tally));
	mv_table_count_init(&r->mapping_tables);
}

/* The mapping under work is complete: publish its figures. */
static void commit_mapping(struct mv_sampler *s)
{
	struct round *r = &s->round;
	struct mv_mapping_tables *t = &s->tables[r->index];

	if (!must_not_scan(&s->maps.at[r->index])) {
		s->tallies[r->index] = r->tally;
		s->pages_gen++;
		for (unsigned l = 0; r->count_tables && l < 3; l++)
			t->tables[l] = (uint32_t)r->mapping_tables.tables[l];
		if (r->count_tables)
			t->entries = (uint32_t)r->mapping_tables.pages;
		s->seen[r->index] |= MV_SEEN_PAGES;
	}
	r->present += mv_tally_present(&r->tally);
	if (r->done < s->maps.count) /* the list may have changed meanwhile */
		r->done++;
	begin_mapping(s, r->index + 1);
}

static void commit_below(struct mv_sampler *s, uint64_t addr)
{
	while (s->round.index < s->maps.count && s->maps.at[s->round.index].end <= addr)
		commit_mapping(s);
}

static void account_run(struct mv_sampler *s, struct mv_run run)
{
	struct round *r = &s->round;

	while (run.start < run.end) {
		const struct mv_mapping *m;
		struct mv_run part = run;

		commit_below(s, run.start);
		if (r->index >= s->maps.count)
			return;
		m = &s->maps.at[r->index];
		if (run.end <= m->start)
			return;
		if (part.start < m->start)
			part.start = m->start;
		if (part.end > m->end)
			part.end = m->end;
		mv_tally_count(&r->tally, &part, m, s->page_bytes);
		if (r->count_tables) {
			/* Only a huge block of anonymous memory keeps a PTE table in store. */
			bool bare =
			    m->kind == MV_KIND_HUGE || (part.cats & MV_CAT_HUGE && part.cats & MV_CAT_FILE);

			mv_table_count_run(&r->mapping_tables, part.start, part.end, bare);
			mv_table_count_run(&r->tables, part.start, part.end, bare);
		}
		run.start = part.end;
	}
}

static void add_segment(struct round *r, uint64_t start, uint64_t end)
{
	if (start < end)
		r->segment[r->segments++] = (struct mv_range){start, end};
}

static void enter_segment(struct mv_sampler *s)
{
	struct round *r = &s->round;

	r->cursor = r->segment[r->at].start;
	begin_mapping(s, mv_maps_find(s->maps.at, s->maps.count, r->cursor));
}

void round_start(struct mv_sampler *s)
{
	struct round *r = &s->round;
	const struct mv_range *v = &s->want.visible;
	bool first = s->pages_ns == 0;

	*r = (struct round){.active = true,
			    .first = first,
			    .count_tables = WANTS(s, TABLES),
			    .began_ns = mv_source_now(s->source),
			    .gate = sampler_gate(s)};
	s->pages_pace.due_ns = 0;
	mv_table_count_init(&r->tables);
	/* Tables are counted in one ascending pass. */
	if (v->start < v->end && !WANTS(s, TABLES) && !WHOLE(s)) {
		uint32_t i = mv_maps_find(s->maps.at, s->maps.count, v->start);
		uint32_t j = mv_maps_find(s->maps.at, s->maps.count, v->end - 1);
		uint64_t low = i < s->maps.count ? s->maps.at[i].start : UINT64_MAX;
		uint64_t high =
		    j < s->maps.count && s->maps.at[j].start < v->end ? s->maps.at[j].end : v->end;

		add_segment(r, low, high);
		add_segment(r, 0, low);
		add_segment(r, high, UINT64_MAX);
	} else {
		add_segment(r, 0, UINT64_MAX);
	}
	enter_segment(s);
}

static void finish_round(struct mv_sampler *s)
{
	struct round *r = &s->round;

	r->active = false;
	s->pages_pace.done_ns = s->pages_ns = mv_source_now(s->source);
	s->pages_pace.gate = r->gate;
	s->pages_pace.why = MV_WHY_HAVE;
	/* Tables wanted only after it had begun: the next round counts them, at once. */
	s->pages_pace.wanted_now = WANTS(s, TABLES) && !r->count_tables;
	s->changed = true;
	if (r->first)
		s->urgent = true;
	/* After an exec the old address space reads as empty: look at the list of mappings again. */
	if (r->present == 0 && s->statm.resident_pages > 0)
		s->maps_pace.done_ns = 0;
	if (!r->count_tables)
		return;
	memcpy(s->table_counts, r->tables.tables, sizeof(s->table_counts));
	s->table_counts[s->levels - 1] = 1;
	s->tables_kib = mv_table_count_kib(&r->tables, s->levels);
	s->tables_ns = s->pages_ns;
}

/* From mapping i on, the range that one call may cover: neighbours that need the same, within the segment. */
static uint64_t group_end(const struct mv_sampler *s, uint32_t i, uint64_t limit, bool *ret_file)
{
	const struct mv_mapping *at = s->maps.at;
	bool gaps = mv_source_features(s->source)->pagemap_scan;
	bool big = mv_mapping_pages(&at[i], s->page_bytes) > BIG_PAGES;
	uint32_t j = i;

	/* big: some anonymous mapping so far is, so that asking for files would cost */
	*ret_file = may_hold_file(&at[i]);
	big = big && !*ret_file;
	while (j + 1 < s->maps.count && j - i < GROUP_MAX && at[j + 1].start < limit &&
	       !must_not_scan(&at[j + 1])) {
		const struct mv_mapping *next = &at[j + 1];
		bool file = may_hold_file(next);

		if (!gaps && next->start != at[j].end)
			break;
		if (!file)
			big |= mv_mapping_pages(next, s->page_bytes) > BIG_PAGES;
		/* A big anonymous mapping gets a call of its own, a small one rides along with files. */
		if (big && (file || *ret_file))
			break;
		*ret_file |= file;
		j++;
	}
	return at[j].end < limit ? at[j].end : limit;
}

void round_step(struct mv_sampler *s)
{
	struct round *r = &s->round;
	struct mv_run runs[MV_SCAN_RUNS];
	struct mv_range range;
	uint64_t walked, told, limit = r->segment[r->at].end;
	bool file;
	ssize_t n;

	while (r->index < s->maps.count && must_not_scan(&s->maps.at[r->index]))
		commit_mapping(s);
	if (r->index >= s->maps.count || s->maps.at[r->index].start >= limit) {
		if (++r->at < r->segments)
			enter_segment(s);
		else
			finish_round(s);
		return;
	}
	if (r->cursor < s->maps.at[r->index].start)
		r->cursor = s->maps.at[r->index].start;
	range.start = r->cursor;
	range.end = group_end(s, r->index, limit, &file);
	n = mv_target_scan(s->target, range, FREE_CATS | (file ? MV_CAT_FILE : 0), MV_SCAN_PAGES, runs,
			   MV_SCAN_RUNS, &walked, &told);
	if (n < 0) {
		r->active = false;
		s->pages_pace.done_ns = mv_source_now(s->source);
		s->pages_pace.gate = r->gate;
		s->pages_pace.wanted_now = false;
		if (n == -ESRCH)
			s->maps_pace.done_ns = 0; /* is it an exec or the end? */
		else
			s->pages_pace.why = why_no_pages((int)n);
		s->changed = s->urgent = true;
		return;
	}
	if (file)
		s->cats_told = told;
	else
		s->cats_told |= told;
	for (ssize_t i = 0; i < n; i++)
		account_run(s, runs[i]);
	commit_below(s, walked);
	r->cursor = walked;
	s->changed = true;
}

/* An address within a mapping becomes its start or end. */
static uint64_t snap(const struct mv_sampler *s, uint64_t addr, bool up)
{
	uint32_t i = mv_maps_find(s->maps.at, s->maps.count, addr);

	if (i == s->maps.count || s->maps.at[i].start >= addr)
		return addr;
	return up ? s->maps.at[i].end : s->maps.at[i].start;
}

void round_relist(struct mv_sampler *s)
{
	struct round *r = &s->round;

	if (!r->active)
		return;
	/* A mapping is tallied whole or not at all: what is left to do must not cut one that has grown across
	 * a border. */
	for (unsigned i = r->at; i < r->segments; i++)
		r->segment[i] =
		    (struct mv_range){snap(s, r->segment[i].start, false), snap(s, r->segment[i].end, true)};
	/* Go on where it was; the mapping under work starts over. */
	r->cursor = snap(s, r->cursor, false);
	begin_mapping(s, mv_maps_find(s->maps.at, s->maps.count, r->cursor));
	r->done = r->done < s->maps.count ? r->done : s->maps.count;
}

/* ---- the grid ---- */

static uint64_t span_pages(const struct mv_sampler *s, uint32_t i)
{
	const struct mv_range *r = &s->want.spans[i];

	return r->end > r->start ? (r->end - r->start) / s->page_bytes : 0;
}

void grid_release(struct mv_sampler *s)
{
	free(s->grid.cells);
	free(s->grid.first);
	free(s->grid.spans);
	free(s->grid.work);
	free(s->grid.words);
	free(s->grid.present);
	s->grid = (struct grid){0};
}

/*
 * Cells that the new layout shares with the old one stay until they are read anew: of a process that has just
 * ended they are the last picture, and no other will come.
 */
static void keep_known(const struct grid *old, const struct mv_want *want, uint32_t page_bytes,
		       const uint32_t *first, struct mv_grid_cell *cells)
{
	uint64_t cell_bytes = (uint64_t)want->cell_pages * page_bytes;

	for (uint32_t i = 0; i < want->spans_count; i++) {
		const struct mv_range *now = &want->spans[i];

		for (uint32_t k = 0; k < old->spans_count; k++) {
			const struct mv_range *was = &old->spans[k];
			uint64_t from = was->start > now->start ? was->start : now->start;
			uint64_t to = was->end < now->end ? was->end : now->end;

			/* Only whole cells, at the same places; the last may be short where both end
			 * together. */
			if (from >= to || (from - was->start) % cell_bytes ||
			    (from - now->start) % cell_bytes)
				continue;
			for (; from < to && (to - from >= cell_bytes || was->end == now->end);
			     from += cell_bytes)
				cells[first[i] + (from - now->start) / cell_bytes] =
				    old->cells[old->first[k] + (from - was->start) / cell_bytes];
		}
	}
}

int grid_want(struct mv_sampler *s, bool keep)
{
	struct grid *g = &s->grid;
	uint64_t total = 0, longest = 0, pages = 0;
	uint32_t n = s->want.spans_count;
	uint32_t *first;
	struct mv_grid_cell *cells, *work;
	struct mv_range *spans;

	g->active = false;
	if (!WANTS(s, GRID) || n == 0)
		return 0;
	first = malloc((n + 1) * sizeof(*first));
	if (!first)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t count = (span_pages(s, i) + s->want.cell_pages - 1) / s->want.cell_pages;

		first[i] = (uint32_t)total;
		total += count;
		pages += span_pages(s, i);
		longest = count > longest ? count : longest;
		if (total > CELLS_MAX) {
			free(first);
			return -EINVAL;
		}
	}
	first[n] = (uint32_t)total;
	cells = calloc(total ? total : 1, sizeof(*cells));
	work = calloc(longest ? longest : 1, sizeof(*work));
	spans = malloc(n * sizeof(*spans));
	if (!cells || !work || !spans) {
		free(first);
		free(cells);
		free(work);
		free(spans);
		return -ENOMEM;
	}
	memcpy(spans, s->want.spans, n * sizeof(*spans));
	if (keep && g->cells && g->cell_pages == s->want.cell_pages)
		keep_known(g, &s->want, s->page_bytes, first, cells);
	free(g->cells);
	free(g->first);
	free(g->work);
	free(g->spans);
	g->spans = spans;
	g->spans_count = n;
	g->cell_pages = s->want.cell_pages;
	g->cells = cells;
	g->first = first;
	g->work = work;
	g->track_ages = pages <= AGES_PAGES_MAX;
	g->pace = (struct paced){.wanted_now = true};
	grid_start(s);
	return 0;
}

static void enter_span(struct mv_sampler *s)
{
	struct grid *g = &s->grid;
	const struct mv_range *span = &s->want.spans[g->span];
	uint64_t left = span_pages(s, g->span);
	uint32_t count = g->first[g->span + 1] - g->first[g->span];

	g->cursor = span->start;
	g->present_count = g->words_count = 0;
	memset(g->work, 0, count * sizeof(*g->work));
	for (uint32_t i = 0; i < count; i++) {
		g->work[i].pages = left < s->want.cell_pages ? (uint32_t)left : s->want.cell_pages;
		g->work[i].newest_ds = MV_AGE_UNKNOWN;
		g->work[i].flags = MV_GRID_READ;
		left -= g->work[i].pages;
	}
	if (!WANTS(s, SHARING) || s->want.cell_pages != 1)
		return;
	if (count > g->words_cap) {
		uint64_t *more = realloc(g->words, count * sizeof(*more));

		if (!more)
			return;
		g->words = more;
		g->words_cap = count;
	}
	if (count) {
		ssize_t n = mv_target_words(s->target, span->start, count, g->words);

		g->words_count = n > 0 ? (size_t)n : 0;
	}
	for (uint32_t i = 0; i < g->words_count; i++)
		g->work[i].flags |= MV_GRID_SHARING;
}

void grid_start(struct mv_sampler *s)
{
	struct grid *g = &s->grid;
	struct gate now = sampler_gate(s);

	if (g->active || !WANTS(s, GRID) || s->want.spans_count == 0 || !g->cells)
		return;
	if (!g->pace.wanted_now && !g->lit && sampler_gate_equal(&now, &g->pace.gate) &&
	    mv_source_now(s->source) - g->pace.done_ns < GRID_OLD_NS)
		return;
	g->active = true;
	g->lit = false;
	g->cost_ns = 0;
	g->span = 0;
	g->pace.gate = now;
	enter_span(s);
}

static int remember_present(struct grid *g, const struct mv_run *run)
{
	if (!g->track_ages || !(run->cats & MV_CAT_PRESENT))
		return 0;
	if (g->present_count == g->present_cap) {
		size_t cap = g->present_cap ? g->present_cap * 2 : 256;
		struct mv_run *more = realloc(g->present, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		g->present = more;
		g->present_cap = cap;
	}
	g->present[g->present_count++] = *run;
	return 0;
}

/* Count a run of the span under work into its cells. */
static void fill_cells(struct mv_sampler *s, const struct mv_run *run, const struct mv_mapping *m)
{
	struct grid *g = &s->grid;
	uint64_t start = s->want.spans[g->span].start;
	uint64_t cell_bytes = (uint64_t)s->want.cell_pages * s->page_bytes;

	for (uint64_t at = run->start; at < run->end;) {
		uint64_t i = (at - start) / cell_bytes, left = cell_bytes - (at - start) % cell_bytes;
		struct mv_run part = {at, left < run->end - at ? at + left : run->end, run->cats};

		if (g->work[i].flags & MV_GRID_SHARING &&
		    mv_page_state_of(run->cats, m,
				     (g->words[i] & MV_WORD_PRESENT) && !(g->words[i] & MV_WORD_EXCLUSIVE)) ==
			MV_PAGE_ANON_SHARED) {
			g->work[i].tally.state[MV_PAGE_ANON_SHARED]++;
			g->work[i].tally.huge += run->cats & MV_CAT_HUGE ? 1 : 0;
		} else {
			mv_tally_count(&g->work[i].tally, &part, m, s->page_bytes);
		}
		at = part.end;
	}
}

static void tell_ages(struct mv_sampler *s, const struct mv_range *span, uint32_t count)
{
	struct grid *g = &s->grid;
	uint64_t now_ns = mv_source_now(s->source);
	uint64_t cell_bytes = (uint64_t)s->want.cell_pages * s->page_bytes;

	mv_ages_begin(s->ages, *span, now_ns);
	for (size_t i = 0; i < g->present_count; i++)
		mv_ages_present(s->ages, g->present[i].start, g->present[i].end);
	mv_ages_end(s->ages);
	for (uint32_t i = 0; i < count; i++) {
		struct mv_range cell = {span->start + i * cell_bytes, span->end};

		if (cell.end - cell.start > cell_bytes)
			cell.end = cell.start + cell_bytes;
		mv_ages_tell(s->ages, cell, now_ns, &g->work[i].fresh, &g->work[i].newest_ds);
		g->lit |= g->work[i].fresh != 0;
	}
}

static void commit_span(struct mv_sampler *s)
{
	struct grid *g = &s->grid;
	uint32_t count = g->first[g->span + 1] - g->first[g->span];

	if (g->track_ages)
		tell_ages(s, &s->want.spans[g->span], count);
	memcpy(g->cells + g->first[g->span], g->work, count * sizeof(*g->work));
	s->changed = true;
	if (++g->span < s->want.spans_count) {
		enter_span(s);
		return;
	}
	g->active = false;
	s->urgent |= g->pace.wanted_now;
	g->pace.wanted_now = false;
	g->pace.done_ns = mv_source_now(s->source);
}

/* A slice of the grid is done; a short grid is done at once and paced as a whole. */
static void pace_grid(struct mv_sampler *s, uint64_t began_ns)
{
	struct grid *g = &s->grid;
	uint64_t now_ns = mv_source_now(s->source), cost_ns = now_ns - began_ns;

	g->cost_ns += cost_ns;
	if (g->cost_ns <= GRID_BURST_NS)
		g->pace.due_ns = g->active ? 0 : now_ns + g->cost_ns * GRID_SHARE;
	else
		g->pace.due_ns = now_ns + cost_ns * GRID_SHARE;
}

void grid_step(struct mv_sampler *s)
{
	struct grid *g = &s->grid;
	const struct mv_range *span = &s->want.spans[g->span];
	uint32_t i = mv_maps_find(s->maps.at, s->maps.count, g->cursor);
	/* The mapping that the view asked for may have gone, shrunk or been split since: what is there now is
	 * read, mapping by mapping. */
	const struct mv_mapping *m =
	    i < s->maps.count && s->maps.at[i].start < span->end ? &s->maps.at[i] : NULL;
	struct mv_run runs[MV_SCAN_RUNS];
	uint64_t began_ns = mv_source_now(s->source), walked = span->end, told;
	struct mv_range range = {g->cursor, span->end};
	ssize_t n = 0;

	if (m) {
		range.start = range.start > m->start ? range.start : m->start;
		walked = range.end = range.end < m->end ? range.end : m->end;
	}
	if (m && !must_not_scan(m))
		n = mv_target_scan(s->target, range, FREE_CATS | (may_hold_file(m) ? MV_CAT_FILE : 0),
				   MV_SCAN_PAGES, runs, MV_SCAN_RUNS, &walked, &told);
	if (n < 0 || !s->maps_gen) {
		g->active = false;
		g->pace.wanted_now = false;
		if (n == -ESRCH)
			s->maps_pace.done_ns = 0; /* is it an exec or the end? */
		else if (n < 0)
			s->pages_pace.why = why_no_pages((int)n);
		s->changed = s->urgent = true;
		return;
	}
	for (ssize_t k = 0; k < n; k++) {
		fill_cells(s, &runs[k], m);
		if (remember_present(g, &runs[k]) < 0)
			g->track_ages = false;
	}
	g->cursor = walked;
	if (!m || walked >= span->end)
		commit_span(s);
	pace_grid(s, began_ns);
}

/* ---- one page under the loupe ---- */

static void read_frame(struct mv_sampler *s, struct mv_page_detail *d)
{
	uint64_t flags = 0, count = 0, cgroup = 0, pfn = MV_WORD_PFN(d->word);
	enum mv_why why[3];

	if (!mv_source_features(s->source)->frame_numbers || pfn == 0) {
		d->frame = d->flags = d->mapcount = d->cgroup = mv_val_missing(MV_WHY_NEEDS_SYS_ADMIN);
		return;
	}
	d->frame = mv_val_of(pfn);
	mv_source_frames(s->source, pfn, 1, &flags, &count, &cgroup, why);
	d->flags = why[0] == MV_WHY_HAVE ? mv_val_of(flags) : mv_val_missing(why[0]);
	d->mapcount = why[1] == MV_WHY_HAVE ? mv_val_of(count) : mv_val_missing(why[1]);
	d->cgroup = why[2] == MV_WHY_HAVE ? mv_val_of(cgroup) : mv_val_missing(why[2]);
}

/* Only what is present, and only by process_vm_readv: nothing is faulted in. */
static void read_bytes(struct mv_sampler *s, struct mv_page_detail *d, const struct mv_mapping *m)
{
	ssize_t n;

	if (!(d->cats & MV_CAT_PRESENT)) {
		d->bytes = mv_val_missing(MV_WHY_NOT_PRESENT);
		return;
	}
	if (m->kind == MV_KIND_VVAR || m->kind == MV_KIND_VSYSCALL) {
		d->bytes = mv_val_missing(MV_WHY_NOT_ORDINARY);
		return;
	}
	n = mv_target_bytes(s->target, d->addr, s->page_bytes_read, s->page_bytes);
	if (n >= 0)
		d->bytes = mv_val_of((uint64_t)n);
	else
		d->bytes = mv_val_missing(n == -EPERM || n == -EACCES ? MV_WHY_NEEDS_PTRACE
					  : n == -ESRCH		      ? MV_WHY_GONE
					  : n == -EFAULT	      ? MV_WHY_NOT_ORDINARY
								      : MV_WHY_IO);
}

static void read_first_seen(struct mv_sampler *s, struct mv_page_detail *d)
{
	uint64_t ns;
	bool before;

	if (mv_ages_first_seen(s->ages, d->addr, &ns, &before))
		d->first_seen_ns = mv_val_of(ns);
	else
		d->first_seen_ns = mv_val_missing(before ? MV_WHY_NOT_HERE : MV_WHY_NOT_READ);
}

void page_read(struct mv_sampler *s)
{
	struct mv_page_detail d = {.addr = s->want.page / s->page_bytes * s->page_bytes, .block_pages = 1};
	uint32_t i = mv_maps_find(s->maps.at, s->maps.count, d.addr);
	const struct mv_mapping *m =
	    i < s->maps.count && s->maps.at[i].start <= d.addr ? &s->maps.at[i] : NULL;
	struct mv_run run = {0};
	uint64_t walked;
	ssize_t n = 0;

	s->page_due = false;
	s->changed = s->urgent = true;
	if (!m || must_not_scan(m)) {
		d.have = mv_val_missing(m ? MV_WHY_NOT_ORDINARY : MV_WHY_NOT_HERE);
		s->page = d;
		return;
	}
	n = mv_target_words(s->target, d.addr, 1, &d.word);
	if (n == 1)
		n = mv_target_scan(s->target, (struct mv_range){d.addr, d.addr + s->page_bytes},
				   FREE_CATS | MV_CAT_FILE, 1, &run, 1, &walked, &d.cats_told);
	if (n < 0) {
		/* The last picture stays when it has ended. */
		if (n == -ESRCH && s->page.addr == d.addr)
			return;
		d.have = mv_val_missing(n == -ESRCH ? MV_WHY_GONE : why_no_pages((int)n));
		s->page = d;
		return;
	}
	d.have = mv_val_of(1);
	d.cats = n ? run.cats : 0;
	d.state = mv_page_state_of(d.cats, m, (d.word & MV_WORD_PRESENT) && !(d.word & MV_WORD_EXCLUSIVE));
	if (d.cats & MV_CAT_HUGE)
		d.block_pages = 512;
	d.frame = d.flags = d.mapcount = d.cgroup = mv_val_missing(MV_WHY_NOT_PRESENT);
	d.swap_type = d.swap_offset = mv_val_missing(MV_WHY_NOT_HERE);
	if (d.cats & MV_CAT_PRESENT)
		read_frame(s, &d);
	if (d.state == MV_PAGE_SWAPPED) {
		d.swap_type = mv_val_of(MV_WORD_SWAP_TYPE(d.word));
		d.swap_offset = mv_val_of(MV_WORD_SWAP_OFFSET(d.word));
	}
	read_bytes(s, &d, m);
	read_first_seen(s, &d);
	s->page = d;
}
