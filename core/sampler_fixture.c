/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_trace.h"
#include "core/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A fixture's PID/faults and PID/stacks play the tracer and the symboliser, anew with each tick: their form
 * is told in source.h. */

#define FILE_BYTES (1u << 20)
#define FIELDS_MAX 12

/* One line in fields, which tabs part. Cuts the text; returns how many. */
static unsigned split(char *line, char **fields)
{
	unsigned n = 0;

	for (char *at = line; at && n < FIELDS_MAX; n++) {
		fields[n] = at;
		at = strchr(at, '\t');
		if (at)
			*at++ = '\0';
	}
	return n;
}

static uint64_t hex(const char *text)
{
	return strtoull(text, NULL, 16);
}

static uint64_t dec(const char *text)
{
	return strtoull(text, NULL, 10);
}

/* Calls `take` with the fields of each line; false: there is no such file. */
static bool each_line(struct mv_sampler *s, const char *name,
		      void (*take)(struct mv_sampler *s, char **fields, unsigned n))
{
	char *text = malloc(FILE_BYTES), *fields[FIELDS_MAX] = {NULL}, *rest = text;
	ssize_t len = text ? mv_target_read_named(s->target, name, text, FILE_BYTES) : -ENOMEM;

	while (len > 0 && *rest) {
		char *line = rest;

		rest = strchr(line, '\n');
		if (rest)
			*rest++ = '\0';
		if (*line && *line != '#')
			take(s, fields, split(line, fields));
		if (!rest)
			break;
	}
	free(text);
	return len >= 0;
}

/* A function by its name, once each. */
static uint32_t function_of(struct names *n, const char *name, const char *image, uint64_t start)
{
	uint32_t text = names_raw(n, name, strlen(name)), file = names_raw(n, image, strlen(image));
	uint32_t flags = strchr(name, '+') ? 0 : !strcmp(name, "[jit]") ? MV_FUNCTION_JIT : MV_FUNCTION_NAMED;

	for (uint32_t i = 0; i < n->functions_count; i++)
		if (n->functions[i].name == text && n->functions[i].image == file)
			return i;
	return text ? names_function(n, n->text + text, n->text + file, start, flags) : MV_FUNCTION_NONE;
}

static uint8_t end_of(const char *json)
{
	for (uint8_t i = 0; i < MV_STACK__N; i++)
		if (!strcmp(mv_stack_ends[i].json, json))
			return i;
	return MV_STACK_COMPLETE;
}

/* ---- faults ---- */

static enum mv_fault_kind kind_named(const char *json)
{
	for (unsigned k = 0; k < MV_FAULT__N; k++)
		if (!strcmp(mv_fault_kinds[k].json, json))
			return (enum mv_fault_kind)k;
	return MV_FAULT_UNKNOWN;
}

/* "trace SINCE_MS PERIOD LOST THREADS COVERED KERNEL MINOR MAJOR" */
static void take_trace(struct mv_sampler *s, char **f, unsigned n)
{
	struct trace *t = &s->calls->trace;

	if (n < 9)
		return;
	t->why = MV_WHY_HAVE;
	t->since_ns = mv_source_now(s->source) - dec(f[1]) * 1000000;
	t->state.period = dec(f[2]);
	t->state.lost = dec(f[3]);
	t->state.threads = (uint32_t)dec(f[4]);
	t->state.threads_covered = (uint32_t)dec(f[5]);
	t->state.threads_why =
	    t->state.threads == t->state.threads_covered ? MV_WHY_HAVE : MV_WHY_NEEDS_FILES;
	t->state.kernel_side = dec(f[6]) != 0;
	t->state.minor = dec(f[7]);
	t->state.major = dec(f[8]);
}

/* outermost;…;innermost -> calls innermost first */
static size_t parse_calls(struct names *n, char *text, struct mv_call *calls)
{
	struct mv_call reversed[MV_CALLS_MAX];
	size_t count = 0;

	for (char *at = text; at && *at && count < MV_CALLS_MAX; count++) {
		char *next = strchr(at, ';');

		if (next)
			*next++ = '\0';
		reversed[count] = (struct mv_call){.function = function_of(n, at, "", 0)};
		at = next;
	}
	for (size_t i = 0; i < count; i++)
		calls[i] = reversed[count - 1 - i];
	return count;
}

/* "fault AGO_MS TID ADDR KIND WEIGHT FLAGS END FRAMES" */
static void take_fault(struct mv_sampler *s, char **f, unsigned n)
{
	struct calls *c = s->calls;
	struct trace *t = &c->trace;
	struct mv_call calls[MV_CALLS_MAX];
	size_t count;

	if (n < 9)
		return;
	uint64_t addr = hex(f[3]), page = addr & ~(uint64_t)(s->page_bytes - 1);
	uint32_t i = mv_maps_find(s->maps.at, s->maps.count, addr);
	bool mapped = i < s->maps.count && s->maps.at[i].start <= addr;
	struct sum_fault fault = {
	    .at_ns = mv_source_now(s->source) - dec(f[1]) * 1000000,
	    .addr = addr,
	    .weight = dec(f[5]),
	    .tid = (int32_t)dec(f[2]),
	    .kind = kind_named(f[4]),
	    .major = strchr(f[6], 'M'),
	    .in_kernel = strchr(f[6], 'K'),
	    .mapping = mapped ? &s->maps.at[i] : NULL,
	    .mapping_name = mapped ? mv_clean_trusted(s->maps.names + s->maps.at[i].name) : MV_TEXT(""),
	    .page_bytes = s->page_bytes,
	    .huge_pages = (2u << 20) / s->page_bytes,
	};
	uint64_t pages = fault.weight * (fault.kind == MV_FAULT_HUGE ? fault.huge_pages : 1);
	uint64_t seq = sums_fault(&t->sums, &c->names, &fault);
	count = parse_calls(&c->names, f[8], calls);
	sums_stack(&t->sums, seq, fault.tid, fault.weight, pages, page, fault.at_ns, calls, count,
		   end_of(f[7]));
	t->state.sampled++;
	if (fault.at_ns > t->newest_ns)
		t->newest_ns = fault.at_ns;
}

static void take_fault_line(struct mv_sampler *s, char **f, unsigned n)
{
	if (!strcmp(f[0], "trace"))
		take_trace(s, f, n);
	else if (!strcmp(f[0], "fault"))
		take_fault(s, f, n);
	else if (!strcmp(f[0], "name") && n >= 3)
		sums_thread_name(&s->calls->trace.sums, (int32_t)dec(f[1]),
				 names_raw(&s->calls->names, f[2], strlen(f[2])));
}

void trace_play(struct mv_sampler *s)
{
	struct trace *t = &s->calls->trace;

	sums_release(&t->sums);
	t->state = (struct mv_faults_state){0};
	t->why = MV_WHY_NO_KERNEL;
	s->calls->why = MV_WHY_HAVE;
	if (!each_line(s, "faults", take_fault_line))
		t->why = MV_WHY_NEEDS_PERFMON;
	s->changed = true;
}

/* ---- threads ---- */

static struct thread_state *last_thread(struct looks *l)
{
	return l->count ? &l->at[l->count - 1] : NULL;
}

/* "thread TID HOW END STACK-START STACK-END SP TOUCHED GUARD", ascending; HOW unstopped, sampled, stopped or
 * running */
static void take_thread(struct mv_sampler *s, char **f, unsigned n)
{
	static const char *const hows[] = {"none", "unstopped", "sampled", "stopped"};
	struct looks *l = &s->calls->looks;
	struct mv_thread_stat stat;
	struct thread_state *more;
	struct mv_thread t;

	if (n < 9)
		return;
	more = realloc(l->at, (l->count + 1) * sizeof(*more));
	if (!more)
		return;
	l->at = more;
	t = (struct mv_thread){.tid = (int32_t)dec(f[1]),
			       .end = end_of(f[3]),
			       .calls_why = strcmp(f[2], "running") ? MV_WHY_HAVE : MV_WHY_RUNNING,
			       .stack = {hex(f[4]), hex(f[5])},
			       .used = mv_val_of(hex(f[5]) - hex(f[6])),
			       .touched = mv_val_of(dec(f[7])),
			       .guard = *f[8] == '-' ? mv_val_missing(MV_WHY_NOT_HERE) : mv_val_of(dec(f[8])),
			       .cpu_ns = mv_val_missing(MV_WHY_NO_KERNEL),
			       .counters_ns = mv_source_now(s->source),
			       .calls_ns = mv_source_now(s->source)};
	for (uint8_t i = 0; i < MV_COUNT_OF(hows); i++)
		if (!strcmp(f[2], hows[i]))
			t.how = i;
	if (mv_thread_stat_read(s->target, t.tid, &stat) == 0) {
		t.state = stat.state;
		t.minor_faults = stat.minor_faults;
		t.major_faults = stat.major_faults;
		t.cpu_ns = stat.cpu_ns;
		t.name = names_raw(&s->calls->names, stat.comm, strnlen(stat.comm, sizeof(stat.comm)));
	}
	l->at[l->count++] = (struct thread_state){.t = t};
	l->total = l->cap = l->count;
}

/* "call PC SP START NAME IMAGE", innermost first, of the thread before */
static void take_call(struct mv_sampler *s, char **f, unsigned n)
{
	struct thread_state *t = last_thread(&s->calls->looks);
	struct mv_call *more;

	if (n < 6 || !t)
		return;
	more = realloc(t->calls, (t->calls_count + 1) * sizeof(*more));
	if (!more)
		return;
	t->calls = more;
	t->calls[t->calls_count++] =
	    (struct mv_call){.pc = hex(f[1]),
			     .sp = hex(f[2]),
			     .function = function_of(&s->calls->names, f[4], f[5], hex(f[3]))};
}

/* A call's source: "line PC FILE LINE". */
static void take_line(struct mv_sampler *s, char **f, unsigned n)
{
	struct names *names = &s->calls->names;
	struct mv_line *more;

	if (n < 4)
		return;
	more = realloc(names->lines, (names->lines_count + 1) * sizeof(*more));
	if (!more)
		return;
	names->lines = more;
	names->lines[names->lines_count++] = (struct mv_line){
	    .pc = hex(f[1]), .file = names_raw(names, f[2], strlen(f[2])), .line = (uint32_t)dec(f[3])};
}

static void take_stack_line(struct mv_sampler *s, char **f, unsigned n)
{
	if (!strcmp(f[0], "thread"))
		take_thread(s, f, n);
	else if (!strcmp(f[0], "call"))
		take_call(s, f, n);
	else if (!strcmp(f[0], "line"))
		take_line(s, f, n);
}

void looks_play(struct mv_sampler *s)
{
	struct looks *l = &s->calls->looks;

	for (uint32_t i = 0; i < l->count; i++)
		free(l->at[i].calls);
	l->count = 0;
	free(s->calls->names.lines);
	s->calls->names.lines = NULL;
	s->calls->names.lines_count = 0;
	l->why = l->calls_why = MV_WHY_HAVE;
	s->calls->why = MV_WHY_HAVE;
	l->done_ns = mv_source_now(s->source);
	if (!each_line(s, "stacks", take_stack_line))
		l->why = l->calls_why = MV_WHY_NEEDS_PTRACE;
	s->changed = true;
}
