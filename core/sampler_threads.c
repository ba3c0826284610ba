/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Looks at the threads: counters, where each waits, its stack; in slices, without stopping any. Those that
 * run are filled from samples of their own CPU time. On demand, the exact picture by a stop.
 */

#define SLICE_THREADS	 16
#define SHARE_THREADS	 50 /* of one core in the long run, as 1/n */
#define STACK_CAP	 65536
#define CPU_PERIOD_NS	 1000000 /* a sample a millisecond of CPU time */
#define CPU_STACK	 16384
#define CPU_WAIT_NS	 (60 * MV_NS_PER_SEC / 1000)
#define CPU_RING_PAGES	 64 /* few samples are awaited */
#define CPU_THREADS	 64 /* that run at once: more than there are CPUs, mostly */
#define STOP_DEADLINE_MS 2000
#define STOP_BYTES	 (64u << 20)		/* for the stacks of all */
#define FROZEN_NS	 (10 * MV_NS_PER_SEC)	/* an exact picture stays so long */
#define FULL_NS		 (MV_NS_PER_SEC / 1000) /* when the symboliser's queue was full */
#define ALL_REGS	 ((UINT32_C(1) << MV_REGS) - 1)
#define LINES_NS	 (20 * MV_NS_PER_SEC) /* batch: how long lines may take */
#define SYMBOLS_NS	 (20 * MV_NS_PER_SEC) /* batch: how long stacks may take */

static void free_calls(struct thread_state *t)
{
	free(t->calls);
	free(t->lines);
}

void looks_release(struct looks *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free_calls(&l->at[i]);
	free(l->at);
	free(l->tids);
	free(l->stack);
	mv_perf_free(l->cpu);
	mv_stop_free(l->stop);
	*l = (struct looks){0};
}

void looks_want(struct mv_sampler *s, const struct mv_want *want)
{
	struct looks *l = &s->calls->looks;
	bool wanted = want->facts & MV_FACT_THREADS;

	if (l->wanted && !wanted) {
		/* Counters and calls stay as they were: shown again, they are read anew at once. */
		mv_perf_free(l->cpu);
		l->cpu = NULL;
		l->active = false;
		l->due_ns = 0;
	}
	l->wanted = wanted;
	/* The lines of another thread's calls. */
	l->lines_asked = false;
}

/* ---- one thread ---- */

static uint32_t lower_bound(const struct looks *l, int tid)
{
	uint32_t low = 0, high = l->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (l->at[mid].t.tid < tid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct thread_state *find(const struct looks *l, int tid)
{
	uint32_t i = lower_bound(l, tid);

	return i < l->count && l->at[i].t.tid == tid ? &l->at[i] : NULL;
}

static struct thread_state *find_or_add(struct looks *l, int tid)
{
	uint32_t i = lower_bound(l, tid);

	if (i < l->count && l->at[i].t.tid == tid)
		return &l->at[i];
	if (l->count == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 16;
		struct thread_state *more = realloc(l->at, cap * sizeof(*more));

		if (!more)
			return NULL;
		l->at = more;
		l->cap = cap;
	}
	memmove(&l->at[i + 1], &l->at[i], (l->count - i) * sizeof(l->at[0]));
	l->count++;
	l->at[i] = (struct thread_state){.t = {.tid = tid,
					       .calls_why = MV_WHY_NOT_READ,
					       .used = mv_val_missing(MV_WHY_NOT_READ),
					       .touched = mv_val_missing(MV_WHY_NOT_READ),
					       .guard = mv_val_missing(MV_WHY_NOT_READ)}};
	return &l->at[i];
}

/* The high-water mark: the lowest page that was ever touched is the first that is there. */
static struct mv_val touched_of(struct mv_sampler *s, struct mv_range stack)
{
	struct mv_run run;
	uint64_t at = stack.start, told;

	while (at < stack.end) {
		uint64_t walked;
		ssize_t n = mv_target_scan(s->target, (struct mv_range){at, stack.end}, 0, MV_SCAN_PAGES,
					   &run, 1, &walked, &told);

		if (n < 0)
			return mv_val_missing(n == -EACCES || n == -EPERM ? MV_WHY_NEEDS_PTRACE_DAC
									  : MV_WHY_IO);
		if (n > 0 && !(run.cats & MV_CAT_GUARD))
			return mv_val_of(stack.end - run.start);
		at = walked;
	}
	return mv_val_of(0);
}

/* Which mapping it stands on, and how much of that it uses. */
static void note_stack(struct mv_sampler *s, struct thread_state *t, uint64_t sp)
{
	uint32_t i = mv_maps_find(s->maps.at, s->maps.count, sp);
	const struct mv_mapping *m = &s->maps.at[i];

	if (i >= s->maps.count || m->start > sp)
		return;
	t->t.stack = (struct mv_range){m->start, m->end};
	t->t.used = mv_val_of(m->end - sp);
	t->t.touched = touched_of(s, t->t.stack);
	if (m->kind == MV_KIND_STACK)
		t->t.guard = mv_val_missing(MV_WHY_NOT_HERE);
	else if (i && m[-1].end == m->start && m[-1].kind == MV_KIND_GUARD)
		t->t.guard = mv_val_of(m[-1].end - m[-1].start);
	else
		t->t.guard = mv_val_of(0);
}

/* 0, or -EAGAIN: it takes no more for the moment. */
static int ask(struct mv_sampler *s, struct thread_state *t, enum mv_stack_how how,
	       const struct mv_regs *regs, uint32_t known, const uint8_t *stack, size_t bytes)
{
	struct calls *c = s->calls;
	int r;

	if (!c->symboliser)
		return -EPIPE;
	uint64_t token = TOKEN_THREAD(t->t.tid, ++c->looks.tokens & 0x7fffffff);
	r = t->asked ? -EBUSY : mv_symboliser_unwind(c->symboliser, token, regs, known, stack, bytes);
	if (r < 0)
		return r;
	t->asked = token;
	t->asked_how = how;
	return 0;
}

static enum mv_why why_no_calls(int error)
{
	return error == -EACCES || error == -EPERM ? MV_WHY_NEEDS_PTRACE
	       : error == -ESRCH		   ? MV_WHY_GONE
	       : error == -ENOENT		   ? MV_WHY_NO_KERNEL
						   : MV_WHY_CHANGED;
}

/* Where it waits and its calls. True when it runs and samples would help. */
static bool look_at_stack(struct mv_sampler *s, struct thread_state *t)
{
	struct looks *l = &s->calls->looks;
	struct mv_thread_where where;
	struct mv_regs regs = {{0}};
	size_t bytes = 0;
	int r;

	if (s->calls->why != MV_WHY_HAVE)
		t->t.calls_why = s->calls->why;
	r = mv_thread_waiting_read(s->target, &s->maps, t->t.tid, &where, l->stack, STACK_CAP, &bytes);
	if (r == -EAGAIN)
		return true;
	if (r < 0) {
		if (!t->calls_count)
			t->t.calls_why = why_no_calls(r);
		return false;
	}
	note_stack(s, t, where.sp);
	/* It has not moved since: what was unwound then still holds, also what a stop told. */
	if (t->calls_count && t->sp == where.sp && t->pc == where.pc) {
		t->t.calls_ns = mv_source_now(s->source);
		return false;
	}
	regs.r[MV_REG_SP] = where.sp;
	regs.r[MV_REG_PC] = where.pc;
	r = ask(s, t, MV_HOW_UNSTOPPED, &regs, 1u << MV_REG_SP | 1u << MV_REG_PC, l->stack, bytes);
	if (r == 0) {
		t->sp = where.sp;
		t->pc = where.pc;
	}
	l->full = r == -EAGAIN;
	return false;
}

void looks_stack_came(struct mv_sampler *s, uint64_t token, const struct mv_call *calls, size_t count,
		      enum mv_stack_end end)
{
	struct looks *l = &s->calls->looks;
	struct thread_state *t = find(l, (int)(token >> 1 & 0x7fffffff));
	struct mv_call *copy;

	/* Else it has been asked for anew since, or has ended. */
	if (!t || t->asked != token)
		return;
	t->asked = 0;
	l->lines_asked = false;
	if (!count) { /* it was lost with the symboliser: asked again at the next look */
		t->sp = t->pc = 0;
		if (!t->calls_count)
			t->t.calls_why = s->calls->why == MV_WHY_HAVE ? MV_WHY_NOT_READ : s->calls->why;
		return;
	}
	copy = malloc(count * sizeof(*copy));
	if (!copy)
		return;
	memcpy(copy, calls, count * sizeof(*copy));
	free(t->calls);
	free(t->lines);
	t->lines = NULL;
	t->calls = copy;
	t->calls_count = (uint32_t)count;
	t->t.calls_why = MV_WHY_HAVE;
	t->t.calls_ns = mv_source_now(s->source);
	t->t.how = (uint8_t)t->asked_how;
	t->t.end = (uint8_t)end;
}

/* Counters; false: it has ended. */
static bool look_at_counters(struct mv_sampler *s, struct thread_state *t)
{
	struct mv_thread_stat stat;

	if (mv_thread_stat_read(s->target, t->t.tid, &stat) < 0)
		return false;
	t->t.state = stat.state;
	t->t.minor_faults = stat.minor_faults;
	t->t.major_faults = stat.major_faults;
	t->t.cpu_ns = stat.cpu_ns;
	t->t.counters_ns = mv_source_now(s->source);
	t->t.name = names_raw(&s->calls->names, stat.comm, strnlen(stat.comm, sizeof(stat.comm)));
	return true;
}

/* ---- those that run: samples of their CPU time ---- */

static void sample_running(struct mv_sampler *s, struct thread_state *t)
{
	struct looks *l = &s->calls->looks;
	const struct mv_perf_opts opts = {
	    .period = CPU_PERIOD_NS, .stack_bytes = CPU_STACK, .exclude_kernel = true};

	if (s->calls->why != MV_WHY_HAVE || !MV_REGS_HERE || l->cpu_waiting >= CPU_THREADS)
		return;
	if (!l->cpu && mv_perf_new(s->source, CPU_RING_PAGES, &l->cpu) < 0)
		l->cpu = NULL;
	if (!l->cpu || mv_perf_add(l->cpu, MV_PERF_CPU, t->t.tid, &opts) < 0)
		return;
	l->cpu_waiting++;
}

static void begin_sampling(struct mv_sampler *s)
{
	struct looks *l = &s->calls->looks;

	if (!l->cpu)
		return;
	mv_perf_enable(l->cpu);
	l->cpu_until_ns = mv_source_now(s->source) + CPU_WAIT_NS;
}

static int take_cpu_sample(void *arg, const struct mv_perf_record *r)
{
	struct mv_sampler *s = arg;
	struct looks *l = &s->calls->looks;
	struct thread_state *t = r->kind == MV_PERF_SAMPLE ? find(l, r->tid) : NULL;

	if (!t || !r->has_regs || t->asked)
		return 0;
	note_stack(s, t, r->regs.r[MV_REG_SP]);
	if (ask(s, t, MV_HOW_SAMPLED, &r->regs, ALL_REGS, r->stack, r->stack_bytes) == 0) {
		t->sp = t->pc = 0; /* the next look looks again */
		if (l->cpu_waiting)
			l->cpu_waiting--;
	}
	return 0;
}

/* Not longer than that without looking: an answer, or the end of the stop, wakes us before. */
static void look_again_at(uint64_t at_ns, uint64_t *ret_next_ns)
{
	if (at_ns < *ret_next_ns)
		*ret_next_ns = at_ns;
}

/* True while samples are awaited. */
static bool cpu_samples(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct looks *l = &s->calls->looks;

	if (!l->cpu || !l->cpu_until_ns)
		return false;
	mv_perf_drain(l->cpu, 0, take_cpu_sample, s);
	if (l->cpu_waiting && mv_source_now(s->source) < l->cpu_until_ns) {
		/* Looked at ten times, not at each sample: the ring's mark is far above one. */
		look_again_at(mv_source_now(s->source) + CPU_WAIT_NS / 10, ret_next_ns);
		return true;
	}
	mv_perf_free(l->cpu);
	l->cpu = NULL;
	l->cpu_until_ns = 0;
	l->cpu_waiting = 0;
	for (uint32_t i = 0; i < l->count; i++)
		if (l->at[i].t.calls_why == MV_WHY_NOT_READ && !l->at[i].asked)
			l->at[i].t.calls_why = MV_WHY_RUNNING;
	return false;
}

/* ---- a look at all ---- */

static int list(struct mv_sampler *s)
{
	struct looks *l = &s->calls->looks;

	if (!l->tids)
		l->tids = calloc(MV_THREADS_MAX, sizeof(*l->tids));
	if (!l->stack)
		l->stack = malloc(STACK_CAP);
	if (!l->tids || !l->stack)
		return -ENOMEM;
	ssize_t n = mv_target_list(s->target, "task", l->tids, MV_THREADS_MAX);
	if (n < 0)
		return (int)n;
	l->total = (uint32_t)n;
	l->tids_count = n > MV_THREADS_MAX ? MV_THREADS_MAX : (uint32_t)n;
	l->tids_at = 0;
	return 0;
}

/* The main thread alone is left, a zombie: the process has ended, and what was seen before is the last picture. */
static bool only_a_zombie(struct mv_sampler *s)
{
	const struct looks *l = &s->calls->looks;
	struct mv_thread_stat stat;

	return l->first_done && l->tids_count == 1 &&
	       mv_thread_stat_read(s->target, l->tids[0], &stat) == 0 && stat.state == 'Z';
}

static bool begin(struct mv_sampler *s)
{
	struct looks *l = &s->calls->looks;
	int r = list(s);

	if (r < 0 || only_a_zombie(s)) {
		if (r < 0)
			l->why = r == -ENOMEM ? MV_WHY_NO_MEMORY : r == -ESRCH ? MV_WHY_GONE : MV_WHY_IO;
		l->due_ns = mv_source_now(s->source) + MV_NS_PER_SEC;
		return false;
	}
	calls_ready(s);
	l->why = MV_WHY_HAVE;
	l->active = true;
	l->began_ns = mv_source_now(s->source);
	l->cost_ns = 0;
	l->look++;
	return true;
}

/* Those that were not seen in this look have ended. */
static void forget_ended(struct looks *l)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->count; i++) {
		if (l->at[i].look == l->look)
			l->at[kept++] = l->at[i];
		else
			free_calls(&l->at[i]);
	}
	l->count = kept;
}

static void finish(struct mv_sampler *s)
{
	struct looks *l = &s->calls->looks;

	forget_ended(l);
	begin_sampling(s);
	l->active = false;
	l->first_done = true;
	l->done_ns = mv_source_now(s->source);
	l->due_ns = l->done_ns + l->cost_ns * SHARE_THREADS;
	l->calls_why = s->calls->why;
	s->changed = true;
}

static void step(struct mv_sampler *s)
{
	struct looks *l = &s->calls->looks;
	uint64_t began_ns = mv_source_now(s->source);
	bool frozen = began_ns < l->frozen_until_ns;

	l->full = false;
	for (unsigned i = 0; i < SLICE_THREADS && l->tids_at < l->tids_count; i++) {
		struct thread_state *t = find_or_add(l, l->tids[l->tids_at++]);

		if (!t || !look_at_counters(s, t))
			continue;
		t->look = l->look;
		if (!frozen && look_at_stack(s, t) && !t->asked)
			sample_running(s, t);
		if (l->full) { /* the same again, once there is room */
			l->tids_at--;
			break;
		}
	}
	l->cost_ns += mv_source_now(s->source) - began_ns;
	if (l->tids_at >= l->tids_count)
		finish(s);
}

/* ---- the exact picture ---- */

static void begin_stop(struct mv_sampler *s)
{
	struct looks *l = &s->calls->looks;
	size_t cap = STACK_CAP;
	int r;

	l->stop_seq = s->want.stop_seq;
	l->stop_state = MV_STOP_FAILED;
	l->stop_taken = l->stop_failed = 0;
	l->stopped_ns = 0;
	s->changed = true;
	if (list(s) < 0) {
		l->stop_why = MV_WHY_GONE;
		return;
	}
	while (cap > 8192 && cap * l->tids_count > STOP_BYTES)
		cap /= 2;
	r = mv_poke_stop(s->target, &s->maps, l->tids, l->tids_count, cap, STOP_DEADLINE_MS, &l->stop);
	if (r < 0) {
		l->stop = NULL;
		l->stop_why = r == -ENOSYS ? MV_WHY_NO_KERNEL : MV_WHY_NO_MEMORY;
		return;
	}
	l->stop_state = MV_STOP_RUNNING;
}

/* 0, or -EAGAIN: the symboliser takes no more for the moment. */
static int take_stopped(struct mv_sampler *s, const struct mv_stopped *stopped)
{
	struct looks *l = &s->calls->looks;
	struct thread_state *t = find_or_add(l, stopped->tid);
	int r;

	if (stopped->result != MV_STOP_TAKEN || !t) {
		l->stop_failed += stopped->result != MV_STOP_GONE;
		if (stopped->result == MV_STOP_REFUSED)
			l->stop_why = s->status.tracer_pid.value ? MV_WHY_TRACED : MV_WHY_NEEDS_PTRACE;
		else if (stopped->result == MV_STOP_LATE)
			l->stop_why = MV_WHY_LATE;
		return 0;
	}
	t->look = l->look;
	if (!t->t.counters_ns)
		look_at_counters(s, t);
	note_stack(s, t, stopped->regs.r[MV_REG_SP]);
	t->asked = 0; /* an answer under way is older than this */
	r = ask(s, t, MV_HOW_STOPPED, &stopped->regs, ALL_REGS, stopped->stack, stopped->stack_bytes);
	if (r == -EAGAIN)
		return r;
	l->stop_taken++;
	if (r == 0) {
		t->sp = stopped->regs.r[MV_REG_SP];
		t->pc = stopped->regs.r[MV_REG_PC];
	}
	return 0;
}

static void end_stop(struct mv_sampler *s)
{
	struct looks *l = &s->calls->looks;

	l->stop_state = l->stop_taken ? MV_STOP_DONE : MV_STOP_FAILED;
	if (!l->stop_taken && !l->stop_failed)
		l->stop_why = MV_WHY_GONE;
	mv_stop_free(l->stop);
	l->stop = NULL;
	l->stopped = NULL;
	l->frozen_until_ns = mv_source_now(s->source) + FROZEN_NS;
	s->changed = true;
}

/* True while it is under way. */
static bool stop_work(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct looks *l = &s->calls->looks;
	int r = 0;

	if (!l->stop) {
		if (!s->want.stop_seq || s->want.stop_seq == l->stop_seq || !s->maps_gen ||
		    calls_settling(s, ret_next_ns))
			return false;
		begin_stop(s);
		if (!l->stop)
			return false;
	}
	if (!l->stopped) {
		r = mv_stop_take(l->stop, &l->stopped, &l->stopped_count, &l->stopped_ns);
		l->stopped_at = 0;
		if (r == -EAGAIN) {
			look_again_at(mv_stop_deadline_ns(l->stop), ret_next_ns);
			return true;
		}
	}
	while (r == 0 && l->stopped_at < l->stopped_count) {
		r = take_stopped(s, &l->stopped[l->stopped_at]);
		l->stopped_at += r == 0;
	}
	if (r == -EAGAIN && s->calls->why == MV_WHY_HAVE) {
		look_again_at(mv_source_now(s->source) + FULL_NS, ret_next_ns);
		return true;
	}
	end_stop(s);
	return false;
}

/* ---- source lines ---- */

/* Whose lines are wanted: one thread's, or in batch everybody's. */
static bool wants_lines(const struct mv_sampler *s, const struct thread_state *t)
{
	return WANTS(s, LINES) && (s->want.thread ? t->t.tid == s->want.thread : WHOLE(s) != 0);
}

/* The state of one call's line: 0 known (or known that there is none), -EAGAIN not yet. */
static int line_of(struct mv_sampler *s, struct mv_line *line)
{
	const char *file;
	uint32_t number;
	int r;

	if (line->file)
		return 0;
	r = mv_symboliser_line_of(s->calls->symboliser, line->pc, &file, &number);
	if (r == 0 && file) {
		line->file = names_text(&s->calls->names, file);
		line->line = number;
		s->changed = true;
	}
	return r;
}

/* How many have still to come. */
static uint32_t follow_lines(struct mv_sampler *s)
{
	struct looks *l = &s->calls->looks;
	uint32_t missing = 0;

	for (uint32_t i = 0; i < l->count; i++)
		for (uint32_t k = 0; wants_lines(s, &l->at[i]) && l->at[i].lines && k < l->at[i].calls_count;
		     k++)
			missing += line_of(s, &l->at[i].lines[k]) == -EAGAIN;
	l->lines_missing = missing;
	return missing;
}

static void ask_lines(struct mv_sampler *s)
{
	struct calls *c = s->calls;
	struct looks *l = &c->looks;

	if (!WANTS(s, LINES) || !c->symboliser || l->lines_asked)
		return;
	l->lines_asked = true;
	for (uint32_t i = 0; i < l->count; i++) {
		struct thread_state *t = &l->at[i];

		if (!wants_lines(s, t) || !t->calls_count)
			continue;
		if (!t->lines)
			t->lines = calloc(t->calls_count, sizeof(*t->lines));
		for (uint32_t k = 0; t->lines && k < t->calls_count; k++) {
			t->lines[k].pc = t->calls[k].pc;
			mv_symboliser_line(c->symboliser, t->calls[k].pc);
		}
	}
	follow_lines(s);
}

void looks_follow_lines(struct mv_sampler *s)
{
	if (s->calls->looks.lines_asked && s->calls->looks.lines_missing)
		follow_lines(s);
}

bool looks_waiting(const struct mv_sampler *s)
{
	const struct looks *l = &s->calls->looks;
	uint64_t now_ns = mv_source_now(s->source);

	if (!mv_source_is_live(s->source) || s->life != MV_LIFE_ALIVE)
		return false;
	if (!s->maps_gen)
		return list_is_to_come(s);
	if (!l->first_done)
		return l->why == MV_WHY_NOT_READ || l->why == MV_WHY_HAVE;
	if (l->stop || l->cpu || (s->want.stop_seq && s->want.stop_seq != l->stop_seq))
		return true;
	for (uint32_t i = 0; i < l->count; i++)
		if (l->at[i].asked && s->calls->why == MV_WHY_HAVE && now_ns - l->began_ns < SYMBOLS_NS)
			return true;
	return WANTS(s, LINES) && s->calls->why == MV_WHY_HAVE && now_ns - l->began_ns < LINES_NS &&
	       (!l->lines_asked || l->lines_missing);
}

/* ---- the work ---- */

/* The thread under the eye is looked at with every tick. */
static bool fresh_thread(struct mv_sampler *s, uint64_t now_ns)
{
	struct looks *l = &s->calls->looks;
	struct thread_state *t = s->want.thread ? find(l, s->want.thread) : NULL;

	if (!t || now_ns < l->frozen_until_ns || t->t.counters_ns >= s->counters_ns || !s->want.interval_ms)
		return false;
	if (!look_at_counters(s, t)) {
		t->t.gone = true;
		t->t.counters_ns = s->counters_ns;
		return true;
	}
	if (look_at_stack(s, t) && !t->asked && !l->cpu) {
		sample_running(s, t);
		begin_sampling(s);
	}
	s->changed = true;
	return true;
}

bool looks_work(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct looks *l = &s->calls->looks;
	uint64_t now_ns = mv_source_now(s->source), due_ns = l->due_ns;

	if (!mv_source_is_live(s->source)) {
		if (!l->first_done || l->done_ns < s->counters_ns)
			looks_play(s);
		l->first_done = true;
		return false;
	}
	if (s->life != MV_LIFE_ALIVE || !s->maps_gen)
		return false;
	if (stop_work(s, ret_next_ns))
		return false;
	ask_lines(s);
	cpu_samples(s, ret_next_ns);
	if (l->active) {
		if (calls_settling(s, ret_next_ns))
			return false;
		step(s);
		if (l->full)
			look_again_at(now_ns + FULL_NS, ret_next_ns);
		return !l->full;
	}
	if (l->first_done && (!s->want.interval_ms || WHOLE(s)))
		return false;
	/* Counters are read a tick: looking more often shows nothing new. */
	if (l->first_done && l->began_ns + s->want.interval_ms * (MV_NS_PER_SEC / 1000) * 9 / 10 > due_ns)
		due_ns = l->began_ns + s->want.interval_ms * (MV_NS_PER_SEC / 1000) * 9 / 10;
	if (!l->cpu && now_ns >= due_ns)
		return begin(s);
	if (!l->cpu)
		look_again_at(due_ns, ret_next_ns);
	return fresh_thread(s, now_ns);
}
