/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_private.h"
#include "core/threads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The list of mappings, the columns parallel to it, and what comes of smaps. */

#define TORN_TRIES  8
#define SPARE_MAX   10000 /* mappings */
#define THREADS_MAX 4096

/* Note the end of a costly reading that began at began_ns, and when it may be done again. */
static void paced_done(struct mv_sampler *s, struct paced *p, uint64_t began_ns, unsigned share)
{
	uint64_t now_ns = mv_source_now(s->source);

	p->done_ns = now_ns;
	p->cost_ns = now_ns - began_ns;
	p->due_ns = now_ns + p->cost_ns * share;
	p->wanted_now = false;
}

/* ---- mappings ---- */

/* Columns for count mappings, nothing known of any. */
static int fresh_columns(struct mv_sampler *s, uint32_t count)
{
	uint32_t cap = count ? count : 1;
	uint8_t *seen = calloc(cap, 1);
	struct mv_tally *tallies = calloc(cap, sizeof(*tallies));
	struct mv_mapping_tables *tables = calloc(cap, sizeof(*tables));

	if (!seen || !tallies || !tables) {
		free(seen);
		free(tallies);
		free(tables);
		return -ENOMEM;
	}
	free(s->seen);
	free(s->tallies);
	free(s->tables);
	s->seen = seen;
	s->tallies = tallies;
	s->tables = tables;
	s->pages_gen++;
	return 0;
}

/* The same mapping, perhaps grown, and not another object put in its place. */
static bool same_place(const struct mv_mapping *old, const struct mv_mapping *now)
{
	return (old->start == now->start || old->end == now->end) &&
	       old->end - old->start <= now->end - now->start && old->inode == now->inode &&
	       old->dev_major == now->dev_major && old->dev_minor == now->dev_minor;
}

/* Where each mapping of the new list was in the old one; UINT32_MAX: nowhere. By start, else by end. */
static uint32_t *match_old(const struct mv_maps *old, const struct mv_maps *now)
{
	uint32_t *from = malloc((now->count ? now->count : 1) * sizeof(*from));
	uint32_t i = 0;

	if (!from)
		return NULL;
	for (uint32_t j = 0; j < now->count; j++) {
		const struct mv_mapping *m = &now->at[j];

		while (i < old->count && old->at[i].start < m->start && old->at[i].end < m->end)
			i++;
		from[j] = i < old->count && same_place(&old->at[i], m) ? i : UINT32_MAX;
	}
	return from;
}

/* Rows of smaps in the order of the new list. */
static int realign_rows(struct mv_sampler *s, const uint32_t *from, uint32_t count)
{
	struct mv_smaps_row *rows;

	if (!s->rows.count)
		return 0;
	rows = calloc(count ? count : 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (uint32_t j = 0; j < count; j++)
		if (from[j] != UINT32_MAX)
			rows[j] = s->rows.at[from[j]];
	free(s->rows.at);
	s->rows = (struct mv_smaps){.at = rows, .count = count, .cap = count ? count : 1};
	s->rows_gen++;
	return 0;
}

/* Bring the columns of the old list into the order of the new one. */
static int realign(struct mv_sampler *s, const struct mv_maps *now)
{
	uint8_t *seen = s->seen;
	struct mv_tally *tallies = s->tallies;
	struct mv_mapping_tables *tables = s->tables;
	uint32_t *from;
	int r;

	if (s->maps.count == 0)
		return fresh_columns(s, now->count);
	from = match_old(&s->maps, now);
	r = from ? realign_rows(s, from, now->count) : -ENOMEM;
	s->seen = NULL;
	s->tallies = NULL;
	s->tables = NULL;
	if (r == 0)
		r = fresh_columns(s, now->count);
	if (r < 0) {
		free(from);
		s->seen = seen;
		s->tallies = tallies;
		s->tables = tables;
		return r;
	}
	for (uint32_t j = 0; j < now->count; j++) {
		if (from[j] == UINT32_MAX)
			continue;
		s->seen[j] = seen[from[j]];
		s->tallies[j] = tallies[from[j]];
		s->tables[j] = tables[from[j]];
	}
	free(from);
	free(seen);
	free(tallies);
	free(tables);
	return 0;
}

static bool same_list(const struct mv_maps *a, const struct mv_maps *b)
{
	return a->count == b->count && a->names_len == b->names_len &&
	       memcmp(a->at, b->at, a->count * sizeof(*a->at)) == 0 &&
	       memcmp(a->names, b->names, a->names_len) == 0;
}

/* maps_next has been read: make it the list. */
static int take_maps(struct mv_sampler *s)
{
	struct mv_maps old;
	int r;

	s->maps_torn = s->maps_next.torn;
	if (s->maps_gen && same_list(&s->maps, &s->maps_next))
		return 0;
	r = realign(s, &s->maps_next);
	if (r < 0)
		return r;
	old = s->maps;
	s->maps = s->maps_next;
	s->maps_next = old;
	/* Starts from the clock: the successor of a replaced collector must not repeat its generations. */
	s->maps_gen = s->maps_gen ? s->maps_gen + 1 : (uint32_t)(mv_source_now(s->source) / 1000000) | 1;
	s->changed = true;
	round_relist(s);
	return 0;
}

static int compare_addr(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* 0: it runs, or has ended. */
static uint64_t read_stack_pointer(struct mv_sampler *s, int tid)
{
	struct mv_thread_where where;

	return mv_thread_where_read(s->target, tid, &where) == 0 ? where.sp : 0;
}

/* Where the threads' stacks are. A thread that runs keeps the pointer it had when it was seen waiting. */
static void read_threads(struct mv_sampler *s, uint64_t now_ns)
{
	int *tids;
	uint64_t *sps;
	ssize_t n;

	if (s->stat.threads < 2 || s->stat.threads > THREADS_MAX) {
		s->threads = 0;
		return;
	}
	if (s->threads_ns && s->threads_count == s->stat.threads &&
	    now_ns - s->threads_ns < 10 * MV_NS_PER_SEC)
		return;
	tids = calloc(THREADS_MAX, sizeof(*tids));
	sps = calloc(THREADS_MAX, sizeof(*sps));
	n = tids && sps ? mv_target_list(s->target, "task", tids, THREADS_MAX) : -ENOMEM;
	if (n > THREADS_MAX)
		n = THREADS_MAX;
	for (ssize_t i = 0; i < n; i++) {
		/* The main thread's stack is [stack]. */
		sps[i] = tids[i] == s->stat.pid ? 0 : read_stack_pointer(s, tids[i]);
		for (size_t k = 0; !sps[i] && k < s->threads; k++)
			if (s->tids[k] == tids[i])
				sps[i] = s->stack_pointers[k];
	}
	if (n < 0) {
		free(tids);
		free(sps);
		return;
	}
	free(s->tids);
	free(s->stack_pointers);
	s->tids = tids;
	s->stack_pointers = sps;
	s->threads = (size_t)n;
	s->threads_ns = now_ns;
	s->threads_count = s->stat.threads;
}

/* Stack pointers ascending, in a scratch array; *ret_n of them. NULL when there are none. */
static uint64_t *sorted_stacks(const struct mv_sampler *s, size_t *ret_n)
{
	uint64_t *sorted;
	size_t n = 0;

	*ret_n = 0;
	if (!s->threads)
		return NULL;
	sorted = malloc(s->threads * sizeof(*sorted));
	if (!sorted)
		return NULL;
	for (size_t i = 0; i < s->threads; i++)
		if (s->stack_pointers[i])
			sorted[n++] = s->stack_pointers[i];
	qsort(sorted, n, sizeof(*sorted), compare_addr);
	*ret_n = n;
	return sorted;
}

static enum mv_why why_of(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return MV_WHY_NEEDS_PTRACE;
	case -ESRCH:
		return MV_WHY_GONE;
	case -ENOENT:
		return MV_WHY_NO_KERNEL;
	case -EBADMSG:
		return MV_WHY_MALFORMED;
	case -ENOMEM:
		return MV_WHY_NO_MEMORY;
	default:
		return MV_WHY_IO;
	}
}

/* Another program runs now: nothing that was read of the old one holds. */
static void note_exec(struct mv_sampler *s)
{
	s->emptied = false;
	s->epoch++;
	mv_maps_clear(&s->maps);
	s->rows.count = 0;
	mv_ages_clear(s->ages);
	s->round.active = false;
	s->pages_ns = s->tables_ns = s->total_ns = 0;
	s->total_have = false;
	s->smaps_pace = s->rollup_pace = s->pages_pace = (struct paced){0};
	s->threads_ns = 0;
	free(s->cmdline);
	s->cmdline = NULL;
	s->cmdline_len = 0;
	s->cmdline_why = MV_WHY_NOT_READ;
	s->page_due = true;
	calls_exec(s);
	heap_exec(s);
	grid_want(s, false);
}

static int read_next(struct mv_sampler *s, bool with_smaps, const uint64_t *stacks, size_t n)
{
	return with_smaps ? mv_smaps_read(s->target, &s->maps_next, &s->smaps_next, stacks, n)
			  : mv_maps_read(s->target, &s->maps_next, stacks, n);
}

/* A list that changed under us lacks all that came after. Busy targets need some tries until one comes whole.
 */
static int read_whole(struct mv_sampler *s, bool with_smaps, const uint64_t *stacks, size_t n)
{
	int r = read_next(s, with_smaps, stacks, n);

	for (int again = 0; r == 0 && s->maps_next.torn && again < TORN_TRIES; again++)
		r = read_next(s, with_smaps, stacks, n);
	return r;
}

/* The arrays that were filled last, or replaced, are filled next; a long list's are given back meanwhile. */
static void release_spares(struct mv_sampler *s)
{
	if (s->maps_next.count <= SPARE_MAX)
		return;
	mv_maps_release(&s->maps_next);
	mv_maps_init(&s->maps_next);
}

/* Read the list, alone or with smaps. */
static int read_list(struct mv_sampler *s, bool with_smaps)
{
	size_t n;
	uint64_t *stacks = sorted_stacks(s, &n);
	int r = read_whole(s, with_smaps, stacks, n);

	/* The address space we had open is empty though the process lives: exec has given it another, or it
	 * is on its way out. */
	if (r == 0 && s->maps_next.count == 0 && s->life == MV_LIFE_ALIVE) {
		s->emptied = s->maps.count != 0;
		mv_target_reopen(s->target);
		r = read_whole(s, with_smaps, stacks, n);
		/* The last picture of one that ends is worth more than none. */
		if (r == 0 && s->maps_next.count == 0)
			r = -ESRCH;
	}
	free(stacks);
	if (r < 0)
		return r;
	if (s->emptied)
		note_exec(s);
	r = take_maps(s);
	release_spares(s);
	return r;
}

void list_read_maps(struct mv_sampler *s)
{
	uint64_t began_ns = mv_source_now(s->source);
	int r;

	read_threads(s, began_ns);
	s->maps_pace.gate = sampler_gate(s);
	r = read_list(s, false);
	if (r != -ESRCH || !s->maps_gen)
		s->maps_pace.why = r < 0 ? why_of(r) : MV_WHY_HAVE;
	paced_done(s, &s->maps_pace, began_ns, SHARE_MAPS);
	s->changed = true;
}

bool list_is_to_come(const struct mv_sampler *s)
{
	return s->life == MV_LIFE_ALIVE && !s->maps_gen &&
	       (s->maps_pace.why == MV_WHY_NOT_READ || s->maps_pace.why == MV_WHY_HAVE);
}

/* ---- smaps ---- */

static void add_up(struct mv_smaps_row *total, const struct mv_smaps_row *rows, uint32_t count)
{
	memset(total, 0, sizeof(*total));
	for (uint32_t i = 0; i < count; i++) {
		total->seen |= rows[i].seen;
		for (unsigned f = 0; f < MV_SMAPS__N; f++)
			total->kib[f] += rows[i].kib[f];
	}
}

void list_read_smaps(struct mv_sampler *s)
{
	uint64_t began_ns = mv_source_now(s->source);
	struct mv_smaps rows;
	int r;

	if (WHOLE(s))
		read_threads(s, began_ns);
	s->smaps_pace.gate = sampler_gate(s);
	r = read_list(s, true);
	if (r == 0) {
		/* parallel to the list that came with them */
		rows = s->rows;
		s->rows = s->smaps_next;
		s->smaps_next = rows;
		s->rows_gen++;
		if (rows.count > SPARE_MAX)
			mv_smaps_release(&s->smaps_next);
		for (uint32_t i = 0; i < s->maps.count; i++)
			s->seen[i] |= MV_SEEN_SMAPS;
		add_up(&s->total, s->rows.at, s->rows.count);
		s->total_have = true;
		s->total_ns = mv_source_now(s->source);
		s->maps_pace.why = MV_WHY_HAVE;
		s->maps_pace.gate = s->smaps_pace.gate;
		s->maps_pace.done_ns = s->total_ns;
	}
	if (r != -ESRCH || !s->maps_gen)
		s->smaps_pace.why = r < 0 ? why_of(r) : MV_WHY_HAVE;
	paced_done(s, &s->smaps_pace, began_ns, SHARE_SMAPS);
	s->changed = true;
}

void list_read_rollup(struct mv_sampler *s)
{
	uint64_t began_ns = mv_source_now(s->source);
	struct mv_smaps_row row;
	int r;

	s->rollup_pace.gate = sampler_gate(s);
	r = mv_rollup_read(s->target, &row);
	/* The address space it was opened on is gone. Who reads no list learns of an exec here. */
	if (r == -ESRCH && !s->maps_gen) {
		mv_target_reopen(s->target);
		r = mv_rollup_read(s->target, &row);
		if (r == 0 && s->total_have)
			note_exec(s);
	}
	if (r == 0) {
		s->total = row;
		s->total_have = true;
		s->total_ns = mv_source_now(s->source);
	}
	if (r != -ESRCH || !s->total_have)
		s->rollup_pace.why = r < 0 ? why_of(r) : MV_WHY_HAVE;
	paced_done(s, &s->rollup_pace, began_ns, SHARE_SMAPS);
	s->changed = true;
}
