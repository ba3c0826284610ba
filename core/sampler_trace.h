/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SAMPLER_TRACE_H
#define MV_SAMPLER_TRACE_H

/*
 * Traced faults and threads, as the sampler keeps them: shared by sampler_faults.c (tracing), sampler_sums.c (what it
 * adds up to), sampler_threads.c (threads and their calls), sampler_names.c (functions and text) and
 * sampler_write_trace.c (snapshots) only; and by sampler_heap.c for the symboliser. Reached from sampler.c by the few functions at the end.
 */

#include "core/faultkind.h"
#include "core/sampler_private.h"
#include "core/symboliser.h"
#include "core/threads.h"

/* ---- functions and text: append-only while anything refers to them ---- */

struct names {
	char *text; /* clean strings, NUL after each; text[0] is "" */
	uint32_t text_len, text_cap;
	uint32_t *text_hash, text_hash_cap, text_count; /* offsets; 0 empty */
	struct mv_function *functions;
	uint32_t functions_count, functions_cap;
	struct mv_line *lines; /* a fixture's: ascending by pc */
	uint32_t lines_count;
};
/* Offset of an equal string, added if need be; 0 for "" and when memory ran out. */
uint32_t names_text(struct names *n, const char *clean);
/* The same for text that is not clean yet. */
uint32_t names_raw(struct names *n, const char *raw, size_t len);
uint32_t names_function(struct names *n, const char *name, const char *image, uint64_t start, uint32_t flags);
/* Take in what the symboliser has met since; its ids are indices here. */
void names_follow(struct names *n, const struct mv_symboliser *symboliser);
void names_release(struct names *n);

/* ---- what the faults add up to ---- */

struct sum_stack {
	uint32_t hash, first, count; /* calls in sums.calls, outermost first */
	int32_t tid;
	uint32_t end;
	uint64_t faults, pages, last_page, last_ns;
};

struct sums {
	uint64_t faults[MV_FAULT__N], pages[MV_FAULT__N];
	uint64_t no_stack, stacks_left_out;
	struct mv_fault_mapping *mappings;
	uint32_t mappings_count, mappings_cap, mapping_hit;
	struct mv_fault_thread *threads; /* in order of appearance; [0] takes what has no room: tid 0 */
	uint32_t threads_count, threads_cap, thread_hit;
	struct sum_stack *stacks;
	uint32_t stacks_count, stacks_cap;
	uint32_t *stack_hash, stack_hash_cap; /* index + 1 */
	uint32_t *calls, calls_count, calls_cap;
	struct mv_fault_entry *log; /* a ring of MV_FAULT_LOG by seq */
	uint64_t seq;		    /* faults summed up so far */
};

/* One fault, with all that was found out but its stack. */
struct sum_fault {
	uint64_t at_ns, addr, weight;
	int32_t tid;
	enum mv_fault_kind kind;
	bool major, in_kernel;
	const struct mv_mapping *mapping; /* NULL none known */
	struct mv_clean mapping_name;
	uint32_t page_bytes, huge_pages;
};
/* Returns its seq, by which sums_stack finds it again. -ENOMEM is silent: what does not fit is left out. */
uint64_t sums_fault(struct sums *u, struct names *n, const struct sum_fault *f);
/* The stack of fault seq: calls innermost first. */
void sums_stack(struct sums *u, uint64_t seq, int32_t tid, uint64_t faults, uint64_t pages, uint64_t page,
		uint64_t at_ns, const struct mv_call *calls, size_t count, enum mv_stack_end end);
void sums_thread_name(struct sums *u, int32_t tid, uint32_t name);
void sums_release(struct sums *u);

/* ---- tracing ---- */

#define TRACE_PENDING 4096 /* stacks under way */

/* A fault whose stack has been asked for. */
struct pending {
	uint64_t token; /* 0 free */
	uint64_t seq;
	int32_t tid;
	uint64_t faults, pages, page, at_ns;
};

/* A mapping that came after the list was read, from the kernel's own record of it. */
struct fresh_map {
	struct mv_mapping mapping;
	uint32_t name; /* text */
	uint64_t at_ns;
};

/* One sample between the drain and its classification. */
struct sample {
	uint64_t at_ns, addr, weight, token;
	int32_t tid;
	bool major, in_kernel;
	uint8_t before; /* known of its page by the samples and records before it */
};

struct trace {
	bool wanted, tried;
	enum mv_why why; /* NOT_READ until tried */
	struct mv_faults *faults;
	struct mv_faults_state state; /* the last */
	uint64_t period_wanted;
	uint32_t flags_wanted, stack_wanted;
	uint64_t minor_before, major_before; /* stat's counters when it began */
	uint64_t since_ns, newest_ns;
	uint64_t drain_due_ns;
	uint64_t played_ns; /* a fixture's tick that was played last */
	bool ended; /* all that will come has come */

	struct mv_pagebook *book;
	bool base_done;
	uint64_t base_cursor, base_began_ns, base_due_ns;
	uint64_t stack_low; /* lowest address that the main stack is known to have reached; 0 unknown */

	struct sample *samples; /* of one drain */
	uint32_t samples_count, samples_cap;
	struct fresh_map *fresh; /* a ring */
	uint32_t fresh_count;	 /* all that ever came */
	bool filling;	  /* a ring fills up: what is in it can't wait, though some stacks may not be told then */
	bool code_mapped; /* a mapping with code has come: the list is to be read before going on */
	uint64_t maps_due_ns; /* when the list may be read for our sake again */
	bool flush;	      /* batch: what is in the rings belongs to the picture */
	uint64_t flush_until_ns;

	struct pending *pending; /* ring by token */
	uint64_t tokens;
	struct sums sums;
};

/* ---- threads ---- */

struct thread_state {
	struct mv_thread t; /* first and count unused */
	struct mv_call *calls;
	struct mv_line *lines; /* of each call, once it is known: file 0 until then, or none; NULL none asked */
	uint32_t calls_count;
	uint64_t sp, pc; /* of the calls; the same again: they still hold */
	uint32_t look;	 /* the last look that saw it */
	uint64_t asked;	 /* token of its stack that is being unwound; 0 none */
	enum mv_stack_how asked_how;
};

struct looks {
	bool wanted;
	enum mv_why why, calls_why;
	struct thread_state *at; /* ascending by tid */
	uint32_t count, cap;
	int *tids; /* of the look under way */
	uint32_t tids_count, tids_at, tids_cap;
	uint32_t total;
	uint32_t look;
	bool active, first_done;
	bool full; /* the symboliser takes no more for the moment */
	uint64_t began_ns, done_ns, cost_ns, due_ns;
	uint8_t *stack; /* scratch */

	struct mv_perf *cpu; /* samples of those that run */
	uint64_t cpu_until_ns;
	uint32_t cpu_waiting;

	uint32_t tokens;

	struct mv_stop *stop;
	const struct mv_stopped *stopped; /* its results once it is over; owned by it */
	size_t stopped_count, stopped_at;
	uint32_t stop_seq;
	enum mv_stop_state stop_state;
	enum mv_why stop_why;
	uint32_t stop_taken, stop_failed;
	uint64_t stopped_ns, frozen_until_ns;

	bool lines_asked;
	uint32_t lines_missing; /* asked for and not come */
};

/* What tracing and threads share. */
struct calls {
	struct mv_symboliser *symboliser;
	enum mv_why why; /* HAVE: stacks can be had */
	bool tried;
	bool objects_wanted;  /* the heap's: names of what lost blocks begin with */
	uint64_t settling_ns; /* since when it is waited for; 0 it is not */
	uint64_t idle_ns; /* since when nobody needs it; 0 somebody does */
	struct names names;
	struct trace trace;
	struct looks looks;
};

/* Make sure that the symboliser runs and knows the mappings; false: it does not (calls.why says why). */
bool calls_ready(struct mv_sampler *s);
/* Keep the symboliser for names of objects, or no longer. False: there is none. */
bool calls_want_objects(struct mv_sampler *s, bool wanted);
/* It has not taken in the newest list of mappings yet: worth waiting for, though not for ever. Lowers *ret_next_ns. */
bool calls_settling(struct mv_sampler *s, uint64_t *ret_next_ns);
/* Tokens: the low bit tells whose. */
#define TOKEN_TRACE(n)	  ((n) << 1)
#define TOKEN_THREAD(tid, n) ((uint64_t)(n) << 33 | (uint64_t)(uint32_t)(tid) << 1 | 1)

void trace_stack_came(struct mv_sampler *s, uint64_t token, const struct mv_call *calls, size_t count,
		      enum mv_stack_end end);
void looks_stack_came(struct mv_sampler *s, uint64_t token, const struct mv_call *calls, size_t count,
		      enum mv_stack_end end);
/* sampler_faults.c; work returns true when something was done, and lowers *ret_next_ns */
void trace_want(struct mv_sampler *s, const struct mv_want *want);
bool trace_work(struct mv_sampler *s, uint64_t *ret_next_ns);
bool trace_waiting(const struct mv_sampler *s); /* batch: not all has come back yet */
void trace_exec(struct mv_sampler *s);
void trace_release(struct trace *t);
/* sampler_threads.c */
void looks_want(struct mv_sampler *s, const struct mv_want *want);
bool looks_work(struct mv_sampler *s, uint64_t *ret_next_ns);
void looks_follow_lines(struct mv_sampler *s); /* take in the source lines that have come */
bool looks_waiting(const struct mv_sampler *s); /* batch: not all has come back yet */
void looks_release(struct looks *l);
/* sampler_fixture.c: a fixture's PID/faults and PID/stacks play the tracer */
void trace_play(struct mv_sampler *s);
void looks_play(struct mv_sampler *s);

#endif
