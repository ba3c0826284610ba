/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Tracing page faults: what each page was before is read first (the baseline), then the tracer runs; after
 * each drain the pages that faulted are looked at again, and what each fault was follows from both.
 */

#define DRAIN_NS      (50 * MV_NS_PER_SEC / 1000)
#define DRAIN_SAMPLES 512 /* in one go: a want may wait */
#define BASE_SLICE_NS (MV_NS_PER_SEC / 1000)
#define BASE_MAX_NS   MV_NS_PER_SEC /* what takes longer is begun without: unknown before */
#define BOOK_BYTES    (32u << 20)
#define FRESH_MAX     128
#define STACK_GROWTH  (64u << 20)
#define MAPS_AGAIN_NS (20 * MV_NS_PER_SEC / 1000) /* the list is read for a new mapping at most so often */
#define MAPS_SHARE    20			  /* and then takes at most a twentieth of a core */
#define FLUSH_NS      MV_NS_PER_SEC		  /* one that execs all the time is never done */
#define STACK_BYTES   16384
#define LOOKUPS_NS    (10 * MV_NS_PER_SEC / 1000) /* looking at pages again may take so long a drain */
#define ALL_CATS      (MV_CAT_FILE | MV_CAT_HUGE | MV_CAT_PFNZERO | MV_CAT_GUARD)
#define ALL_REGS      ((UINT32_C(1) << MV_REGS) - 1)

/* ---- begin and end ---- */

void trace_release(struct trace *t)
{
	mv_faults_stop(t->faults);
	mv_pagebook_free(t->book);
	free(t->samples);
	free(t->fresh);
	free(t->pending);
	sums_release(&t->sums);
	*t = (struct trace){0};
}

void trace_want(struct mv_sampler *s, const struct mv_want *want)
{
	struct trace *t = &s->calls->trace;
	bool wanted = want->facts & MV_FACT_FAULTS;
	bool other = t->period_wanted != want->fault_period || t->flags_wanted != want->fault_flags ||
		     t->stack_wanted != want->fault_stack_bytes;

	/* Not the symboliser's answers alone: the descriptors are closed at once. */
	if (t->wanted && (!wanted || other))
		trace_release(t);
	t->wanted = wanted;
	t->flush = want->facts & MV_FACT_WHOLE;
	t->flush_until_ns = mv_source_now(s->source) + FLUSH_NS;
	t->drain_due_ns = 0;
	t->period_wanted = want->fault_period;
	t->flags_wanted = want->fault_flags;
	t->stack_wanted = want->fault_stack_bytes;
}

static int allocate(struct mv_sampler *s, struct trace *t)
{
	t->samples = malloc(DRAIN_SAMPLES * sizeof(*t->samples));
	t->fresh = malloc(FRESH_MAX * sizeof(*t->fresh));
	t->pending = calloc(TRACE_PENDING, sizeof(*t->pending));
	if (!t->samples || !t->fresh || !t->pending)
		return -ENOMEM;
	t->samples_cap = DRAIN_SAMPLES;
	return mv_pagebook_new(s->page_bytes, BOOK_BYTES, &t->book);
}

static void start(struct mv_sampler *s)
{
	struct trace *t = &s->calls->trace;
	bool stacks = !(t->flags_wanted & MV_FAULT_NO_STACKS) && MV_REGS_HERE && calls_ready(s);
	struct mv_faults_opts opts = {
	    .period = t->period_wanted,
	    .stack_bytes = !stacks	     ? 0
			   : t->stack_wanted ? t->stack_wanted
					     : STACK_BYTES,
	    .rate_hint = s->fault_rate,
	};
	struct mv_stat stat;
	int r;

	/* The exact counters of this very moment, not of the last tick. */
	if (mv_stat_read(s->target, &stat) == 0) {
		t->minor_before = stat.minor_faults;
		t->major_before = stat.major_faults;
	}
	t->tried = true;
	r = mv_faults_start(s->source, s->target, &opts, &t->faults);
	t->why = r < 0 ? mv_faults_why(r) : MV_WHY_HAVE;
	if (r < 0) {
		t->faults = NULL;
		return;
	}
	mv_faults_state(t->faults, &t->state);
	t->since_ns = t->newest_ns = t->state.since_ns;
	t->drain_due_ns = t->since_ns + DRAIN_NS / 5;
}

/* ---- the baseline: what every page is before ---- */

/* Does it help to know whether other processes map the page: only where a write may copy it. */
static bool may_be_copied(const struct mv_mapping *m)
{
	return !(m->perms & MV_PERM_SHARED) && m->kind != MV_KIND_HUGE;
}

/* Note what a run of present pages is; shared or not is in pagemap's words alone. */
static void note_run(struct mv_sampler *s, const struct mv_run *run, const struct mv_mapping *m,
		     uint64_t told)
{
	struct trace *t = &s->calls->trace;
	uint64_t words[512];

	if (!may_be_copied(m) || !(run->cats & MV_CAT_PRESENT) ||
	    run->cats & (MV_CAT_FILE | MV_CAT_PFNZERO)) {
		mv_pagebook_note(t->book, (struct mv_range){run->start, run->end},
				 mv_known_of(run->cats, told, 0));
		return;
	}
	for (uint64_t at = run->start; at < run->end;) {
		uint64_t left = (run->end - at) / s->page_bytes;
		ssize_t n = mv_target_words(s->target, at, left < 512 ? (size_t)left : 512, words);

		if (n <= 0)
			return;
		for (ssize_t i = 0; i < n; i++, at += s->page_bytes)
			mv_pagebook_note(t->book, (struct mv_range){at, at + s->page_bytes},
					 mv_known_of(run->cats, told, words[i]));
	}
}

/* Note the pages of a part of one mapping; returns where it stopped, or 0 when it can't be read. */
static uint64_t note_part(struct mv_sampler *s, const struct mv_mapping *m, struct mv_range part)
{
	struct mv_run runs[MV_SCAN_RUNS];
	uint64_t walked, told;
	ssize_t n =
	    mv_target_scan(s->target, part, ALL_CATS, MV_SCAN_PAGES, runs, MV_COUNT_OF(runs), &walked, &told);

	if (n < 0)
		return 0;
	/* What is not among the runs is not there, or not any more. */
	mv_pagebook_fresh(s->calls->trace.book,
			  (struct mv_range){part.start, walked < part.end ? walked : part.end});
	for (ssize_t i = 0; i < n; i++)
		note_run(s, &runs[i], m, told);
	return walked;
}

/* A slice of the baseline. True when there is more. */
static bool base_step(struct mv_sampler *s)
{
	struct trace *t = &s->calls->trace;
	uint64_t began_ns = mv_source_now(s->source), now_ns = began_ns;

	while (now_ns - began_ns < BASE_SLICE_NS) {
		uint32_t i = mv_maps_find(s->maps.at, s->maps.count, t->base_cursor);
		const struct mv_mapping *m = &s->maps.at[i];
		uint64_t from;

		if (i >= s->maps.count || now_ns - t->base_began_ns > BASE_MAX_NS)
			return false;
		from = t->base_cursor > m->start ? t->base_cursor : m->start;
		t->base_cursor =
		    m->kind == MV_KIND_VSYSCALL ? 0 : note_part(s, m, (struct mv_range){from, m->end});
		if (!t->base_cursor)
			t->base_cursor = m->end;
		now_ns = mv_source_now(s->source);
	}
	t->base_due_ns = now_ns + (now_ns - began_ns);
	return true;
}

/* The main stack reaches down to its mapping's start. */
static void note_stack(struct mv_sampler *s)
{
	for (uint32_t i = s->maps.count; i-- > 0;)
		if (s->maps.at[i].kind == MV_KIND_STACK) {
			s->calls->trace.stack_low = s->maps.at[i].start;
			return;
		}
}

/* ---- taking samples in ---- */

/* The newest first. */
static const struct fresh_map *fresh_at(const struct trace *t, uint64_t addr)
{
	for (uint32_t i = 0; i < FRESH_MAX && i < t->fresh_count; i++) {
		const struct fresh_map *f = &t->fresh[(t->fresh_count - 1 - i) % FRESH_MAX];

		if (f->mapping.start <= addr && addr < f->mapping.end)
			return f;
	}
	return NULL;
}

/*
 * The mapping that an address is in; NULL none known. What came after the list was read goes before it, what
 * came earlier and is not in it has gone again. name may be NULL.
 */
static const struct mv_mapping *mapping_at(const struct mv_sampler *s, uint64_t addr,
					   struct mv_clean *ret_name)
{
	const struct fresh_map *f = fresh_at(&s->calls->trace, addr);
	uint32_t i = mv_maps_find(s->maps.at, s->maps.count, addr);
	const struct mv_mapping *m = i < s->maps.count ? &s->maps.at[i] : NULL;
	/* A stack that has grown since. */
	bool stack = m && m->kind == MV_KIND_STACK && m->start > addr && m->start - addr <= STACK_GROWTH;

	if (m && m->start > addr && !stack)
		m = NULL;
	if (f && (!m || f->at_ns > s->maps_pace.done_ns)) {
		if (ret_name)
			*ret_name = s->calls->names.text ? mv_clean_trusted(s->calls->names.text + f->name)
							 : MV_TEXT("");
		return &f->mapping;
	}
	if (ret_name)
		*ret_name = m ? mv_clean_trusted(s->maps.names + m->name) : MV_TEXT("");
	return m;
}

static struct mv_mapping mapping_of(const struct mv_perf_record *r)
{
	const bool file = r->inode != 0, x = r->prot & PROT_EXEC, w = r->prot & PROT_WRITE;
	struct mv_mapping m = {
	    .start = r->addr, .end = r->addr + r->len, .offset = r->offset, .inode = r->inode};

	m.perms = (uint8_t)((r->prot & PROT_READ ? MV_PERM_R : 0) | (w ? MV_PERM_W : 0) |
			    (x ? MV_PERM_X : 0) | (r->shared ? MV_PERM_SHARED : 0));

	if (!strcmp(r->name, "[heap]"))
		m.kind = MV_KIND_HEAP;
	else if (!strcmp(r->name, "[stack]"))
		m.kind = MV_KIND_STACK;
	else if (r->shared &&
		 (!file || !strncmp(r->name, "/dev/zero", 9) || !strncmp(r->name, "/memfd:", 7) ||
		  !strncmp(r->name, "/SYSV", 5) || !strncmp(r->name, "/dev/shm/", 9)))
		m.kind = MV_KIND_SHARED;
	else if (file)
		m.kind = x ? MV_KIND_TEXT : w ? MV_KIND_DATA : MV_KIND_FILE;
	else
		m.kind = x				      ? MV_KIND_JIT
			 : r->prot & (PROT_READ | PROT_WRITE) ? MV_KIND_ANON
							      : MV_KIND_RESERVED;
	if (file && m.kind != MV_KIND_SHARED)
		m.flags = MV_MAPPING_FILE;
	return m;
}

/*
 * The kernel tells of each new mapping, but also of one that has grown, merged with its neighbour or changed
 * its access: all of it, though only a part is new. So only where nothing was known to be mapped is nothing
 * present; and in a mapping that is just as it was before, since one is not told of a change to the same: it
 * was unmapped and mapped again.
 */
static void note_mapping(struct mv_sampler *s, const struct mv_mapping *m)
{
	struct mv_pagebook *book = s->calls->trace.book;

	for (uint64_t at = m->start; at < m->end;) {
		const struct mv_mapping *old = mapping_at(s, at, NULL);
		uint64_t end = m->end;

		if (old && old->start == m->start && old->end == m->end && old->perms == m->perms) {
			mv_pagebook_remapped(book, (struct mv_range){at, end});
		} else if (old) {
			end = old->end < m->end ? old->end : m->end;
		} else {
			uint32_t i = mv_maps_find(s->maps.at, s->maps.count, at);

			if (i < s->maps.count && s->maps.at[i].start > at && s->maps.at[i].start < end)
				end = s->maps.at[i].start;
			mv_pagebook_fresh(book, (struct mv_range){at, end});
		}
		at = end;
	}
}

static void take_mapping(struct mv_sampler *s, const struct mv_perf_record *r)
{
	struct trace *t = &s->calls->trace;
	struct mv_mapping m = mapping_of(r);
	bool named = r->inode || m.kind == MV_KIND_HEAP || m.kind == MV_KIND_STACK;

	if (m.start >= m.end)
		return;
	note_mapping(s, &m);
	if (m.kind == MV_KIND_TEXT)
		t->code_mapped = true;
	t->fresh[t->fresh_count++ % FRESH_MAX] = (struct fresh_map){
	    m, named ? names_raw(&s->calls->names, r->name, strlen(r->name)) : 0, r->at_ns};
}

/*
 * The target has forked: all that is private is shared from now on, unless the child borrows the memory
 * (vfork) and leaves it at its exec. A child that has gone or exec'ed by now leaves that open.
 */
static void take_fork(struct mv_sampler *s, const struct mv_perf_record *r)
{
	struct mv_pagebook *book = s->calls->trace.book;

	switch (mv_source_forked(s->source, mv_target_pid(s->target), r->new_pid)) {
	case MV_FORK_COPIES:
		mv_pagebook_forked(book);
		break;
	case MV_FORK_BORROWS:
		break;
	case MV_FORK_UNKNOWN:
		mv_pagebook_stale(book, (struct mv_range){0, UINT64_C(1) << 63});
		break;
	}
}

static void ask_stack(struct mv_sampler *s, struct sample *sample, const struct mv_perf_record *r)
{
	struct trace *t = &s->calls->trace;
	struct pending *p = &t->pending[(t->tokens + 1) % TRACE_PENDING];

	if (!r->has_regs || p->token || !s->calls->symboliser)
		return;
	if (mv_symboliser_unwind(s->calls->symboliser, TOKEN_TRACE(t->tokens + 1), &r->regs, ALL_REGS,
				 r->stack, r->stack_bytes) < 0)
		return;
	sample->token = ++t->tokens;
	*p = (struct pending){.token = sample->token};
}

static int take_event(void *arg, const struct mv_fault_event *event)
{
	struct mv_sampler *s = arg;
	struct trace *t = &s->calls->trace;
	const struct mv_perf_record *r = event->record;
	struct sample *sample;

	switch (r->kind) {
	case MV_PERF_FORK:
		take_fork(s, r);
		return 0;
	case MV_PERF_EXEC:
		trace_exec(s);
		return 1;
	case MV_PERF_MMAP:
		take_mapping(s, r);
		/* Its stacks need the new list: go on when it has been read. */
		return t->code_mapped && !t->filling;
	case MV_PERF_SAMPLE:
		break;
	default:
		return 0;
	}
	if (t->samples_count == t->samples_cap)
		return 1;
	sample = &t->samples[t->samples_count++];
	*sample =
	    (struct sample){.at_ns = r->at_ns,
			    .addr = r->addr,
			    .weight = event->weight,
			    .tid = r->tid,
			    .major = r->event == MV_PERF_MAJOR,
			    .in_kernel = r->in_kernel,
			    .before = mv_pagebook_get(t->book, r->addr & ~(uint64_t)(s->page_bytes - 1))};
	ask_stack(s, sample, r);
	return 0;
}

/* ---- what the pages are after ---- */

static int compare_samples(const void *a, const void *b)
{
	const struct sample *x = *(const struct sample *const *)a, *y = *(const struct sample *const *)b;

	return x->addr != y->addr ? (x->addr > y->addr) - (x->addr < y->addr)
				  : (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

/* Look at [page, end) again and note it; the book then says what each page is after. */
static void look_again(struct mv_sampler *s, uint64_t page, uint64_t end)
{
	while (page && page < end) {
		const struct mv_mapping *m = mapping_at(s, page, NULL);

		if (!m || m->kind == MV_KIND_VSYSCALL)
			return;
		page = note_part(s, m, (struct mv_range){page, end < m->end ? end : m->end});
	}
}

/* Ranges of neighbouring pages are looked at together. What there is no time for stays unknown. */
static void look_at_samples(struct mv_sampler *s, const struct sample **sorted, uint32_t count)
{
	uint64_t began_ns = mv_source_now(s->source), bytes = s->page_bytes;

	for (uint32_t i = 0; i < count;) {
		uint64_t page = sorted[i]->addr & ~(bytes - 1), end = page + bytes;

		for (i++; i < count && sorted[i]->addr < end + bytes; i++)
			end = (sorted[i]->addr & ~(bytes - 1)) + bytes;
		if (mv_source_now(s->source) - began_ns > LOOKUPS_NS)
			mv_pagebook_stale(s->calls->trace.book, (struct mv_range){page, end});
		else
			look_again(s, page, end);
	}
}

static enum mv_fault_kind kind_of(struct mv_sampler *s, const struct sample *sample,
				  const struct mv_mapping *m, uint8_t before)
{
	struct trace *t = &s->calls->trace;
	uint64_t page = sample->addr & ~(uint64_t)(s->page_bytes - 1);
	struct mv_fault_facts facts = {.major = sample->major,
				       .have_mapping = m != NULL,
				       .kind = m ? m->kind : 0,
				       .perms = m ? m->perms : 0,
				       .flags = m ? m->flags : 0,
				       .before = before,
				       .after = mv_pagebook_get(t->book, page)};

	if (m && m->kind == MV_KIND_STACK && t->stack_low && page < t->stack_low) {
		facts.below_stack = true;
		t->stack_low = page;
	}
	return mv_fault_kind_of(&facts);
}

static void sum_up(struct mv_sampler *s, const struct sample *sample, uint8_t before)
{
	struct trace *t = &s->calls->trace;
	struct mv_clean name;
	const struct mv_mapping *m = mapping_at(s, sample->addr, &name);
	struct sum_fault f = {.at_ns = sample->at_ns,
			      .addr = sample->addr,
			      .weight = sample->weight,
			      .tid = sample->tid,
			      .kind = kind_of(s, sample, m, before),
			      .major = sample->major,
			      .in_kernel = sample->in_kernel,
			      .mapping = m,
			      .mapping_name = name,
			      .page_bytes = s->page_bytes,
			      .huge_pages = (2u << 20) / s->page_bytes};
	uint64_t pages = f.weight * (f.kind == MV_FAULT_HUGE ? f.huge_pages : 1);
	uint64_t page = f.addr & ~(uint64_t)(s->page_bytes - 1);
	uint64_t seq = sums_fault(&t->sums, &s->calls->names, &f);

	if (sample->token)
		t->pending[sample->token % TRACE_PENDING] = (struct pending){.token = sample->token,
									     .seq = seq,
									     .tid = f.tid,
									     .faults = f.weight,
									     .pages = pages,
									     .page = page,
									     .at_ns = f.at_ns};
	else
		sums_stack(&t->sums, seq, f.tid, f.weight, pages, page, f.at_ns, NULL, 0,
			   MV_STACK_NOT_UNWOUND);
	if (f.at_ns > t->newest_ns)
		t->newest_ns = f.at_ns;
}

/*
 * The second fault on a page in one drain: between the two nobody looked. If the first can only have brought
 * the zero page (the page is a copy now, and was nothing before), the second copied it; else what lay between
 * is not known.
 */
static uint8_t between(uint8_t before, bool again)
{
	return again ? (uint8_t)(before & ~(unsigned)MV_KNOWN) : before;
}

static void classify(struct mv_sampler *s)
{
	struct trace *t = &s->calls->trace;
	const struct sample **sorted;
	uint8_t *before;
	uint32_t n = t->samples_count;

	if (!n)
		return;
	sorted = malloc(n * sizeof(*sorted));
	before = malloc(n);
	if (sorted && before) {
		for (uint32_t i = 0; i < n; i++)
			sorted[i] = &t->samples[i];
		qsort(sorted, n, sizeof(*sorted), compare_samples);
		for (uint32_t i = 0; i < n; i++) {
			bool again = i && (sorted[i - 1]->addr ^ sorted[i]->addr) < s->page_bytes;

			before[sorted[i] - t->samples] = between(sorted[i]->before, again);
		}
		look_at_samples(s, sorted, n);
		for (uint32_t i = 0; i < n; i++)
			sum_up(s, &t->samples[i], before[i]);
	}
	free(sorted);
	free(before);
	t->samples_count = 0;
	s->changed |= s->want.interval_ms != 0;
}

void trace_stack_came(struct mv_sampler *s, uint64_t token, const struct mv_call *calls, size_t count,
		      enum mv_stack_end end)
{
	struct trace *t = &s->calls->trace;
	struct pending *p;

	if (!t->pending)
		return;
	p = &t->pending[(token >> 1) % TRACE_PENDING];
	/* An answer to a tracing that has ended since. */
	if (p->token != token >> 1)
		return;
	sums_stack(&t->sums, p->seq, p->tid, p->faults, p->pages, p->page, p->at_ns, calls, count, end);
	p->token = 0;
}

/* ---- the work ---- */

bool trace_waiting(const struct mv_sampler *s)
{
	const struct trace *t = &s->calls->trace;

	if (!mv_source_is_live(s->source) || t->ended || (t->tried && !t->faults))
		return false;
	if (!t->tried)
		return list_is_to_come(s) || (s->life == MV_LIFE_ALIVE && s->maps_gen);
	return (t->flush && mv_source_now(s->source) < t->flush_until_ns) ||
	       (s->calls->symboliser && mv_symboliser_pending(s->calls->symboliser));
}

void trace_exec(struct mv_sampler *s)
{
	struct trace *t = &s->calls->trace;

	if (!t->book)
		return;
	/* A new address space begins empty. */
	mv_pagebook_clear(t->book);
	mv_pagebook_baseline(t->book, (struct mv_range){0, UINT64_C(1) << 57});
	t->fresh_count = 0;
	t->maps_due_ns = 0;
	t->stack_low = 0;
	t->code_mapped = true;
}

/* Names of threads that were met first in this drain. */
static void name_threads(struct mv_sampler *s)
{
	struct sums *u = &s->calls->trace.sums;

	for (uint32_t i = 0; i < u->threads_count; i++) {
		struct mv_thread_stat stat;

		if (u->threads[i].name || !u->threads[i].tid)
			continue;
		if (mv_thread_stat_read(s->target, u->threads[i].tid, &stat) == 0)
			u->threads[i].name =
			    names_raw(&s->calls->names, stat.comm, strnlen(stat.comm, sizeof(stat.comm)));
		else /* it has ended: not asked again */
			u->threads[i].name = names_text(&s->calls->names, "?");
	}
}

static void refresh_maps(struct mv_sampler *s)
{
	struct trace *t = &s->calls->trace;
	uint64_t now_ns = mv_source_now(s->source);

	if (s->life != MV_LIFE_ALIVE || now_ns < t->maps_due_ns)
		return;
	list_read_maps(s);
	t->maps_due_ns = mv_source_now(s->source) + MAPS_AGAIN_NS + s->maps_pace.cost_ns * MAPS_SHARE;
	t->code_mapped = false;
	if (!t->stack_low)
		note_stack(s);
}

static bool drain(struct mv_sampler *s)
{
	struct trace *t = &s->calls->trace;
	size_t n;

	if (t->code_mapped) {
		refresh_maps(s);
		calls_ready(s);
		if (s->calls->symboliser && !mv_symboliser_ready(s->calls->symboliser) && !t->filling)
			return true;
	}
	n = mv_faults_drain(t->faults, DRAIN_SAMPLES, take_event, s);
	classify(s);
	name_threads(s);
	t->filling = n >= DRAIN_SAMPLES;
	mv_faults_state(t->faults, &t->state);
	if (n < DRAIN_SAMPLES && !t->code_mapped)
		t->flush = false;
	/* Not before the last stacks are known: who waits for the end looks no further. */
	if (t->state.ended && !n && !t->ended &&
	    !(s->calls->symboliser && mv_symboliser_pending(s->calls->symboliser))) {
		t->ended = true;
		s->changed = true;
	}
	return n >= DRAIN_SAMPLES || t->code_mapped;
}

bool trace_work(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct trace *t = &s->calls->trace;
	uint64_t now_ns = mv_source_now(s->source);

	if (!mv_source_is_live(s->source)) {
		if (t->played_ns != s->counters_ns)
			trace_play(s);
		t->played_ns = s->counters_ns;
		t->tried = true;
		return false;
	}
	if (!t->tried) {
		if (s->life != MV_LIFE_ALIVE || !s->maps_gen)
			return false; /* comes with the next tick */
		if (!t->book && allocate(s, t) < 0) {
			t->tried = true;
			t->why = MV_WHY_NO_MEMORY;
			return false;
		}
		if (!t->base_began_ns) {
			t->base_began_ns = now_ns;
			calls_ready(s); /* reads its files meanwhile */
		}
		if (!WHOLE(s) && now_ns < t->base_due_ns) {
			*ret_next_ns = t->base_due_ns < *ret_next_ns ? t->base_due_ns : *ret_next_ns;
			return false;
		}
		if (base_step(s))
			return true;
		if (!(t->flags_wanted & MV_FAULT_NO_STACKS) && calls_settling(s, ret_next_ns))
			return false;
		note_stack(s);
		start(s);
		s->changed = true;
		return true;
	}
	if (!t->faults || t->ended)
		return false;
	/* What is in the rings waits for the new list, so that its stacks can be unwound: while there is
	 * room. */
	if (!t->filling && calls_settling(s, ret_next_ns))
		return false;
	if (now_ns >= t->drain_due_ns) {
		bool more = drain(s);

		t->drain_due_ns = more ? now_ns : now_ns + DRAIN_NS;
		if (t->code_mapped)
			t->drain_due_ns = t->maps_due_ns;
		else if (more)
			return true;
	}
	*ret_next_ns = t->drain_due_ns < *ret_next_ns ? t->drain_due_ns : *ret_next_ns;
	return false;
}
