/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_trace.h"

#include <stdlib.h>
#include <string.h>

/* Traced faults and threads -> their sections of a snapshot. */

/* The log starts with the seq of its oldest that is still there. */
static uint32_t log_count(const struct sums *u)
{
	return !u->log ? 0 : u->seq < MV_FAULT_LOG ? (uint32_t)u->seq : MV_FAULT_LOG;
}

static uint64_t lines_room(const struct mv_sampler *s)
{
	const struct looks *l = &s->calls->looks;
	uint64_t n = s->calls->names.lines_count;

	for (uint32_t i = 0; WANTS(s, LINES) && i < l->count; i++)
		if (s->want.thread ? l->at[i].t.tid == s->want.thread : WHOLE(s))
			n += l->at[i].calls_count;
	return n;
}

void trace_lay_out(const struct mv_sampler *s, struct mv_arena *a, struct trace_layout *l)
{
	static const struct calls none;
	const struct calls *c = s->calls ? s->calls : &none;
	const struct sums *u = &c->trace.sums;
	bool faults = WANTS(s, FAULTS), threads = WANTS(s, THREADS), any = s->calls && (faults || threads);
	uint64_t calls = 0;

	for (uint32_t i = 0; threads && i < c->looks.count; i++)
		calls += c->looks.at[i].calls_count;
	l->functions = section_take(a, any ? c->names.functions_count : 0, sizeof(struct mv_function));
	l->text = section_take(a, any ? (c->names.text_len ? c->names.text_len : 1) : 0, 1);
	l->mappings = section_take(a,
				   !faults				   ? 0
				   : u->mappings_count < MV_FAULT_MAPPINGS ? u->mappings_count
									   : MV_FAULT_MAPPINGS,
				   sizeof(struct mv_fault_mapping));
	l->stacks = section_take(a, faults ? u->stacks_count : 0, sizeof(struct mv_fault_stack));
	l->calls = section_take(a, faults ? u->calls_count : 0, sizeof(uint32_t));
	l->threads_faulting = section_take(a, faults ? u->threads_count : 0, sizeof(struct mv_fault_thread));
	l->log = section_take(a, faults ? log_count(u) : 0, sizeof(struct mv_fault_entry));
	l->threads = section_take(a, threads ? c->looks.count : 0, sizeof(struct mv_thread));
	l->thread_calls = section_take(a, calls, sizeof(struct mv_call));
	l->lines = section_take(a, any && threads ? lines_room(s) : 0, sizeof(struct mv_line));
}

static void *at(struct mv_snapshot *b, const struct mv_section *sec)
{
	return (char *)b + sec->offset;
}

/* ---- faults ---- */

static void write_head(const struct mv_sampler *s, struct mv_trace *t)
{
	const struct calls *c = s->calls;
	const struct trace *r = &c->trace;
	uint64_t minor = r->state.minor, major = r->state.major;

	*t = (struct mv_trace){
	    .why = r->why,
	    .stacks_why = r->flags_wanted & MV_FAULT_NO_STACKS ? MV_WHY_NOT_ASKED
			  : !MV_REGS_HERE		       ? MV_WHY_NOT_HERE
							       : c->why,
	    .running = r->why == MV_WHY_HAVE && !r->ended,
	    .kernel_side = r->state.kernel_side,
	    .threads = r->state.threads,
	    .threads_covered = r->state.threads_covered,
	    .threads_why = r->state.threads_why,
	    .since_ns = r->since_ns,
	    .until_ns = r->ended ? r->newest_ns : mv_source_now(s->source),
	    .minor = minor,
	    .major = major,
	    .period = r->state.period,
	    .sampled = r->state.sampled,
	    .lost = r->state.lost,
	    .no_stack = r->sums.no_stack,
	    .stacks_left_out = r->sums.stacks_left_out,
	};
	/* The process's own counters see what the events may not: faults inside system calls. */
	if (s->counters_ns > r->since_ns && mv_source_is_live(s->source)) {
		if (s->stat.minor_faults - r->minor_before > minor)
			t->minor = s->stat.minor_faults - r->minor_before;
		if (s->stat.major_faults - r->major_before > major)
			t->major = s->stat.major_faults - r->major_before;
	}
	memcpy(t->faults, r->sums.faults, sizeof(t->faults));
	memcpy(t->pages, r->sums.pages, sizeof(t->pages));
	if (!s->maps_gen && s->maps_pace.why != MV_WHY_NOT_READ && s->maps_pace.why != MV_WHY_HAVE &&
	    !r->tried)
		t->why = s->maps_pace.why;
}

static int compare_mappings(const void *a, const void *b)
{
	const struct mv_fault_mapping *x = a, *y = b;

	if (x->pages != y->pages)
		return x->pages < y->pages ? 1 : -1;
	return (x->start > y->start) - (x->start < y->start);
}

static bool is_gone(const struct mv_sampler *s, const struct mv_fault_mapping *f)
{
	uint32_t i = mv_maps_find(s->maps.at, s->maps.count, f->start);

	for (; i < s->maps.count && s->maps.at[i].start < f->end; i++)
		if (s->maps.at[i].kind == f->kind && s->maps.at[i].perms == f->perms)
			return false;
	return true;
}

static void write_mappings(const struct mv_sampler *s, struct mv_fault_mapping *out, uint64_t count)
{
	const struct sums *u = &s->calls->trace.sums;
	struct mv_fault_mapping *sorted;

	if (!count)
		return;
	if (u->mappings_count > count && (sorted = malloc(u->mappings_count * sizeof(*sorted)))) {
		memcpy(sorted, u->mappings, u->mappings_count * sizeof(*sorted));
		qsort(sorted, u->mappings_count, sizeof(*sorted), compare_mappings);
		memcpy(out, sorted, count * sizeof(*sorted));
		free(sorted);
	} else {
		memcpy(out, u->mappings, count * sizeof(*out));
		qsort(out, count, sizeof(*out), compare_mappings);
	}
	for (uint64_t i = 0; i < count; i++)
		out[i].gone = is_gone(s, &out[i]);
}

static int compare_stacks(const void *a, const void *b)
{
	const struct mv_fault_stack *x = a, *y = b;

	if (x->pages != y->pages)
		return x->pages < y->pages ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

static void write_stacks(const struct sums *u, struct mv_fault_stack *out, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		const struct sum_stack *k = &u->stacks[i];

		out[i] = (struct mv_fault_stack){.first = k->first,
						 .count = k->count,
						 .tid = k->tid,
						 .end = k->end,
						 .faults = k->faults,
						 .pages = k->pages,
						 .last_page = k->last_page,
						 .last_ns = k->last_ns};
	}
	if (count)
		qsort(out, count, sizeof(*out), compare_stacks);
}

static int compare_threads(const void *a, const void *b)
{
	const struct mv_fault_thread *x = a, *y = b;

	if (x->pages != y->pages)
		return x->pages < y->pages ? 1 : -1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

static void write_faults(const struct mv_sampler *s, struct mv_snapshot *b, const struct trace_layout *l)
{
	const struct sums *u = &s->calls->trace.sums;
	struct mv_fault_entry *log = at(b, &l->log);

	write_head(s, &b->trace);
	write_mappings(s, at(b, &l->mappings), l->mappings.count);
	write_stacks(u, at(b, &l->stacks), l->stacks.count);
	if (l->calls.count)
		memcpy(at(b, &l->calls), u->calls, l->calls.count * sizeof(*u->calls));
	if (l->threads_faulting.count) {
		memcpy(at(b, &l->threads_faulting), u->threads,
		       l->threads_faulting.count * sizeof(*u->threads));
		qsort(at(b, &l->threads_faulting), l->threads_faulting.count, sizeof(*u->threads),
		      compare_threads);
	}
	for (uint64_t i = 0; i < l->log.count; i++)
		log[i] = u->log[(u->seq - 1 - i) % MV_FAULT_LOG];
}

/* ---- threads ---- */

static void write_threads(const struct mv_sampler *s, struct mv_snapshot *b, const struct trace_layout *l)
{
	const struct looks *k = &s->calls->looks;
	struct mv_thread *out = at(b, &l->threads);
	struct mv_call *calls = at(b, &l->thread_calls);
	uint32_t used = 0;

	b->threads_head = (struct mv_threads_head){
	    .why = k->first_done || k->why != MV_WHY_HAVE ? k->why : MV_WHY_NOT_READ,
	    .calls_why = !MV_REGS_HERE && k->calls_why == MV_WHY_HAVE ? MV_WHY_NOT_HERE : k->calls_why,
	    .total = k->total,
	    .at_ns = k->done_ns,
	    .stop_seq = k->stop_seq,
	    .stop_state = k->stop_state,
	    .stop_taken = k->stop_taken,
	    .stop_failed = k->stop_failed,
	    .stopped_ns = k->stopped_ns,
	    .stop_why = k->stop_why,
	};
	if (!k->first_done && mv_source_is_live(s->source) && !s->maps_gen && !list_is_to_come(s))
		b->threads_head.why = s->maps_pace.why;
	for (uint64_t i = 0; i < l->threads.count; i++) {
		out[i] = k->at[i].t;
		out[i].first = used;
		out[i].count = k->at[i].calls_count;
		if (out[i].count)
			memcpy(calls + used, k->at[i].calls, out[i].count * sizeof(*calls));
		used += out[i].count;
	}
}

static int compare_lines(const void *a, const void *b)
{
	const struct mv_line *x = a, *y = b;

	return (x->pc > y->pc) - (x->pc < y->pc);
}

/* Those known so far, each address once; returns how many. */
static uint64_t write_lines(const struct mv_sampler *s, struct mv_line *out, uint64_t room)
{
	const struct looks *l = &s->calls->looks;
	const struct names *names = &s->calls->names;
	uint64_t n = 0, kept = 0;

	for (uint32_t i = 0; i < names->lines_count && n < room; i++)
		out[n++] = names->lines[i];
	for (uint32_t i = 0; WANTS(s, LINES) && i < l->count; i++) {
		const struct thread_state *t = &l->at[i];

		if (s->want.thread ? t->t.tid != s->want.thread : !WHOLE(s))
			continue;
		for (uint32_t k = 0; t->lines && k < t->calls_count && n < room; k++)
			if (t->lines[k].file)
				out[n++] = t->lines[k];
	}
	if (n)
		qsort(out, n, sizeof(*out), compare_lines);
	for (uint64_t i = 0; i < n; i++)
		if (!kept || out[kept - 1].pc != out[i].pc)
			out[kept++] = out[i];
	return kept;
}

void trace_write(const struct mv_sampler *s, struct mv_snapshot *b, const struct trace_layout *l)
{
	const struct names *n;
	uint64_t lines = 0;

	if (!s->calls)
		return;
	n = &s->calls->names;
	if (WANTS(s, FAULTS)) {
		write_faults(s, b, l);
		b->part_why[MV_PART_FAULTS] = b->trace.why;
		b->part_why[MV_PART_STACKS] = b->trace.stacks_why;
	}
	if (WANTS(s, THREADS)) {
		write_threads(s, b, l);
		b->part_why[MV_PART_THREADS] = b->threads_head.why;
		b->part_why[MV_PART_STACKS] = b->threads_head.calls_why;
	}
	if (l->lines.count)
		lines = write_lines(s, at(b, &l->lines), l->lines.count);
	b->fault_mappings = l->mappings;
	b->fault_stacks = l->stacks;
	b->fault_calls = l->calls;
	b->fault_threads = l->threads_faulting;
	b->fault_log = l->log;
	b->threads = l->threads;
	b->thread_calls = l->thread_calls;
	b->lines = (struct mv_section){l->lines.offset, lines};
	b->functions = l->functions;
	b->trace_text = l->text;
	if (l->functions.count)
		memcpy(at(b, &l->functions), n->functions, l->functions.count * sizeof(*n->functions));
	if (l->text.count && n->text)
		memcpy(at(b, &l->text), n->text, l->text.count);
	else if (l->text.count)
		*(char *)at(b, &l->text) = '\0';
}
