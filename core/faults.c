/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/faults.h"

#define SAMPLES_MAX	1000 /* a second; more than that costs the target */
#define SAMPLES_MIN	300
#define PERIOD_FIRST	31 /* while nothing is known */
#define PASSES_MAX	64 /* over the list of threads, of a target that makes ever new ones */
#define ADAPT_FIRST_NS	(50 * UINT64_C(1000000))  /* how soon again, during the first second */
#define ADAPT_NS	(250 * UINT64_C(1000000)) /* and later */
#define TWIN_NS		UINT64_C(20000)		  /* one fault seen by two events is stored within that */
#define COUNT_CHEAP_NS	UINT64_C(1000000)
#define COUNT_SHARE	50
#define CHANGE_SHARE	20
#define BURST_SAMPLES	128		     /* with their stacks half a CPU's ring */
#define BURST_FADES	64		     /* by so much each time the period is looked at: half in 11 s */
#define BIG_RINGS_BYTES ((uint32_t)16 << 20) /* a CPU, for every fault with its stack */

enum coverage { COVERED, ENDED, LEFT_OUT };

struct thread {
	int tid;
	enum coverage coverage;
	bool late;    /* found when others were followed already: it may follow one of them, too */
	bool doubled; /* it does: its own events have been closed */
};

/* Since when a period is in force. */
struct change {
	uint64_t from_ns;
	uint64_t period;
};

struct mv_faults {
	struct mv_source *source;
	struct mv_target *target;
	int pid;
	struct mv_perf *perf;
	struct thread *threads; /* ascending by tid */
	size_t thread_count, thread_cap;
	size_t late_count;
	uint64_t before_id; /* events up to that one are of an earlier round of covering */
	uint64_t round_ns;  /* since when those of this round count */
	bool followed;	    /* some thread has begun since */
	bool adapts;
	struct mv_perf_opts opts;
	struct mv_faults_state state;
	struct change changes[8]; /* newest first */
	uint64_t adapted_ns;	  /* when the period was looked at last, and what came since */
	uint64_t window_samples, window_lost;
	uint64_t drained, burst; /* faults that this drain brought; the most that one did, of late */
	uint64_t change_cost_ns;
	uint64_t counted_ns, count_cost_ns;
	struct { /* the last sample, while threads may be seen twice */
		int32_t tid, opened_on;
		uint32_t event;
		uint64_t addr, at_ns;
	} last;
	/* of the drain that runs */
	size_t max, taken;
	mv_take_fault *take;
	void *arg;
};

/* ---- periods ---- */

static const uint32_t steps[] = {1,   3,    7,	  13,	31,    61,    101,   211,
				 503, 1009, 2003, 5003, 10007, 20011, 50021, 100003};

uint64_t mv_faults_next_period(uint64_t period, uint64_t samples, uint64_t ns, uint64_t lost)
{
	const double rate = ns ? (double)samples * 1e9 / (double)ns : 0;
	const double faults = rate * (double)period;
	size_t now = 0, next = 0;

	while (now + 1 < MV_COUNT_OF(steps) && steps[now] < period)
		now++;
	if (rate >= SAMPLES_MIN && rate <= SAMPLES_MAX && !lost)
		return period;
	while (next + 1 < MV_COUNT_OF(steps) && faults / (double)steps[next] > SAMPLES_MAX)
		next++;
	if (lost && next <= now)
		next = now + 1 < MV_COUNT_OF(steps) ? now + 1 : now;
	if (next + 2 < now) /* it may only be drawing breath */
		next = now - 2;
	return steps[next];
}

/* The next higher step at which the largest burst of late fits into a ring. */
static uint64_t period_for_burst(uint64_t period, uint64_t burst)
{
	size_t i = 0;

	while (i + 1 < MV_COUNT_OF(steps) && (steps[i] < period || burst / steps[i] > BURST_SAMPLES))
		i++;
	return steps[i];
}

static void note_period(struct mv_faults *f, uint64_t from_ns, uint64_t period)
{
	memmove(&f->changes[1], &f->changes[0], sizeof(f->changes) - sizeof(f->changes[0]));
	f->changes[0] = (struct change){from_ns, period};
	f->state.period = period;
}

/* The period when a sample was written: rings hold some from before the last change. */
static uint64_t period_at(const struct mv_faults *f, uint64_t at_ns)
{
	size_t i = 0;

	while (i + 1 < MV_COUNT_OF(f->changes) && f->changes[i].from_ns > at_ns && f->changes[i + 1].period)
		i++;
	return f->changes[i].period;
}

/* ---- threads ---- */

static size_t thread_place(const struct mv_faults *f, int tid)
{
	size_t low = 0, high = f->thread_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->threads[mid].tid < tid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct thread *find_thread(const struct mv_faults *f, int tid)
{
	const size_t at = thread_place(f, tid);

	return at < f->thread_count && f->threads[at].tid == tid ? &f->threads[at] : NULL;
}

static struct thread *new_thread(struct mv_faults *f, int tid)
{
	const size_t at = thread_place(f, tid);

	if (f->thread_count == f->thread_cap) {
		const size_t cap = f->thread_cap ? f->thread_cap * 2 : 64;
		struct thread *grown = reallocarray(f->threads, cap, sizeof(*grown));

		if (!grown)
			return NULL;
		f->threads = grown;
		f->thread_cap = cap;
	}
	memmove(&f->threads[at + 1], &f->threads[at], (f->thread_count - at) * sizeof(*f->threads));
	f->thread_count++;
	f->threads[at] = (struct thread){.tid = tid};
	return &f->threads[at];
}

/* Both events or none. Major faults are rare and dear: each is sampled. One event alone tells of mappings and
 * forks. */
static int open_thread(struct mv_faults *f, int tid)
{
	struct mv_perf_opts minor = f->opts, major = f->opts;
	int err;

	minor.records = true;
	minor.period = f->state.period;
	major.period = 1;
	err = mv_perf_add(f->perf, MV_PERF_MINOR, tid, &minor);
	if (!err && !f->before_id) /* the period of these never changes: those of the first round stay */
		err = mv_perf_add(f->perf, MV_PERF_MAJOR, tid, &major);
	if (err)
		mv_perf_remove(f->perf, tid, f->before_id);
	return err;
}

static bool is_refusal(int err)
{
	return err == -EACCES || err == -EPERM;
}

/* What the first thread allows holds for all. */
static int cover_thread(struct mv_faults *f, int tid)
{
	int err = open_thread(f, tid);

	if (is_refusal(err) && !f->state.threads_covered && !f->opts.exclude_kernel) {
		f->opts.exclude_kernel = true;
		err = open_thread(f, tid);
		if (is_refusal(err))
			f->opts.exclude_kernel = false;
	}
	return err;
}

/* Is there any use in trying the other threads? */
static bool ends_it(int err)
{
	return err < 0 && err != -ESRCH && !is_refusal(err);
}

static int meet_thread(struct mv_faults *f, int tid, bool late, int *err)
{
	struct thread *t = new_thread(f, tid);
	int now;

	if (!t)
		return -ENOMEM;
	t->late = late;
	now = ends_it(*err) ? *err : cover_thread(f, tid);
	if (now == -ESRCH) {
		t->coverage = ENDED;
		return 0;
	}
	f->state.threads++;
	if (now == 0) {
		f->state.threads_covered++;
		f->late_count += late;
		return 0;
	}
	t->coverage = LEFT_OUT;
	*err = now;
	return 0;
}

/* One look at the list of threads. Returns how many were new. */
static ssize_t meet_threads(struct mv_faults *f, bool late, int **tids, size_t *cap, int *err)
{
	ssize_t n, fresh = 0;

	while ((n = mv_target_list(f->target, "task", *tids, *cap)) > 0 && (size_t)n > *cap) {
		const size_t more = (size_t)n + (size_t)n / 4 + 16;
		int *grown = reallocarray(*tids, more, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*tids = grown;
		*cap = more;
	}
	for (ssize_t i = 0; i < n; i++) {
		int failed;

		if (find_thread(f, (*tids)[i]))
			continue;
		fresh++;
		failed = meet_thread(f, (*tids)[i], late, err);
		if (failed)
			return failed;
	}
	return n < 0 ? n : fresh;
}

/*
 * Again until a look at the list finds none that is new: whatever begins after that follows a thread that is
 * covered. One found late may be covered twice, by its parent's event and its own; only its samples tell (see
 * seen_twice).
 */
static int cover_threads(struct mv_faults *f)
{
	int *tids = NULL, err = 0;
	size_t cap = 0;
	ssize_t fresh = 1;

	for (int pass = 0; pass < PASSES_MAX && fresh > 0; pass++)
		fresh = meet_threads(f, pass > 0, &tids, &cap, &err);
	free(tids);
	if (fresh < 0)
		return (int)fresh;
	f->state.threads_why =
	    f->state.threads_covered == f->state.threads ? MV_WHY_HAVE : mv_faults_why(err);
	if (f->state.threads_covered)
		return 0;
	/* Our own events were allowed, those on the target were not. */
	if (is_refusal(err))
		return mv_perf_fds(f->perf, NULL, 0) ? -EPERM : -EACCES;
	return err ? err : -ESRCH;
}

/* ---- another period ---- */

static void forget_threads(struct mv_faults *f)
{
	f->thread_count = f->late_count = 0;
	f->state.threads = f->state.threads_covered = 0;
}

/*
 * Others in the place of all events of minor faults: the kernel gives no new period to those that threads
 * have inherited, or exchanged. For a moment both are there; a time parts what is taken from which. Where
 * there is no room for both, the old ones go first.
 */
static int cover_anew(struct mv_faults *f, uint64_t period)
{
	const uint64_t newest = mv_perf_newest(f->perf);
	const struct mv_faults_state had = f->state;
	int err;

	f->before_id = newest;
	f->state.period = period;
	forget_threads(f);
	err = cover_threads(f);
	if (f->state.threads_why == MV_WHY_NEEDS_FILES || err == -EMFILE) {
		for (size_t i = 0; i < f->thread_count; i++)
			mv_perf_remove(f->perf, f->threads[i].tid, newest);
		mv_perf_retire(f->perf, MV_PERF_MINOR, newest);
		forget_threads(f);
		err = cover_threads(f);
	}
	f->round_ns = mv_source_now(f->source);
	mv_perf_retire(f->perf, MV_PERF_MINOR, newest);
	f->state.period = had.period;
	f->state.threads = had.threads;
	f->state.threads_covered = had.threads_covered;
	f->state.threads_why = had.threads_why;
	return err;
}

static int change_period(struct mv_faults *f, uint64_t period)
{
	return f->followed ? cover_anew(f, period) : mv_perf_set_period(f->perf, MV_PERF_MINOR, period);
}

/* Costly changes are rarer. */
static void adapt(struct mv_faults *f)
{
	const uint64_t now = mv_source_now(f->source);
	const uint64_t pace = now - f->state.since_ns < MV_NS_PER_SEC ? ADAPT_FIRST_NS : ADAPT_NS;
	const uint64_t spent = now - f->adapted_ns;
	uint64_t next;

	/* A second's worth in less than that is a burst: it is answered at once. */
	if (now <= f->adapted_ns || (spent < pace && f->window_samples < SAMPLES_MAX) ||
	    spent < f->change_cost_ns * CHANGE_SHARE)
		return;
	next = mv_faults_next_period(f->state.period, f->window_samples, now - f->adapted_ns, f->window_lost);
	next = period_for_burst(next, f->burst);
	f->burst -= f->burst / BURST_FADES;
	f->window_samples = f->window_lost = 0;
	f->adapted_ns = now;
	if (next == f->state.period)
		return;
	if (change_period(f, next) == 0)
		note_period(f, mv_source_now(f->source), next);
	f->change_cost_ns = mv_source_now(f->source) - now;
}

enum mv_why mv_faults_why(int error)
{
	switch (error) {
	case 0:
		return MV_WHY_HAVE;
	case -EACCES:
		return MV_WHY_NEEDS_PERFMON;
	case -EPERM:
		return MV_WHY_NEEDS_PTRACE;
	case -EMFILE:
	case -ENFILE:
		return MV_WHY_NEEDS_FILES;
	case -ENOMEM:
		return MV_WHY_NO_MEMORY;
	case -ESRCH:
		return MV_WHY_GONE;
	case -ENOSYS:
	case -ENOENT:
	case -ENODEV:
	case -EINVAL:
	case -EOPNOTSUPP:
		return MV_WHY_NO_KERNEL;
	}
	return MV_WHY_IO;
}

/* ---- start and stop ---- */

static uint64_t first_period(const struct mv_faults_opts *opts)
{
	if (opts->period)
		return opts->period;
	if (opts->rate_hint < 0)
		return PERIOD_FIRST;
	return mv_faults_next_period(
	    1, opts->rate_hint < 1e12 ? (uint64_t)opts->rate_hint : UINT64_C(1) << 40, MV_NS_PER_SEC, 0);
}

int mv_faults_start(struct mv_source *source, struct mv_target *target, const struct mv_faults_opts *opts,
		    struct mv_faults **ret_faults)
{
	const bool big = opts->period == 1 && opts->stack_bytes > 0;
	struct mv_faults *f;
	int err;

	if (!mv_source_is_live(source))
		return -ENOSYS;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->source = source;
	f->target = target;
	f->pid = mv_target_pid(target);
	f->adapts = opts->period == 0;
	f->opts = (struct mv_perf_opts){.stack_bytes = opts->stack_bytes, .follow = true};
	note_period(f, 0, first_period(opts));
	err = mv_perf_new(source, big ? BIG_RINGS_BYTES / mv_source_page_bytes(source) : 0, &f->perf);
	f->state.since_ns = f->adapted_ns = mv_source_now(source);
	if (!err)
		err = cover_threads(f);
	if (!err)
		err = mv_perf_enable(f->perf);
	f->state.kernel_side = !f->opts.exclude_kernel;
	if (err) {
		mv_faults_stop(f);
		return err;
	}
	*ret_faults = f;
	return 0;
}

void mv_faults_stop(struct mv_faults *faults)
{
	if (!faults)
		return;
	mv_perf_free(faults->perf);
	free(faults->threads);
	free(faults);
}

size_t mv_faults_fds(struct mv_faults *faults, int *fds, size_t cap)
{
	return mv_perf_fds(faults->perf, fds, cap);
}

/* ---- what comes ---- */

static bool is_doubled(const struct mv_faults *f, int tid)
{
	const struct thread *t = find_thread(f, tid);

	return t && t->doubled;
}

/*
 * A thread that began while others were being covered may have inherited an event and been given its own.
 * Both start to count at the same moment, so their samples come as twins, of which one is dropped; and its
 * own events are closed as soon as anything tells of the other. Linux 6.18 writes the first event's id and
 * time into both; before, each had its own.
 */
static bool seen_twice(struct mv_faults *f, const struct mv_perf_record *r)
{
	const bool same = f->last.tid == r->tid && f->last.event == r->event && f->last.addr == r->addr;
	const bool twin = same && (f->last.at_ns == r->at_ns ||
				   (f->last.opened_on != r->opened_on && r->at_ns - f->last.at_ns < TWIN_NS));

	if (twin || (r->opened_on && r->opened_on != r->tid)) {
		struct thread *t = find_thread(f, r->tid);

		if (t && t->late && !t->doubled) {
			mv_perf_remove(f->perf, r->tid, f->before_id);
			t->doubled = true;
		}
	}
	f->last.tid = r->tid;
	f->last.opened_on = r->opened_on;
	f->last.event = r->event;
	f->last.addr = r->addr;
	f->last.at_ns = r->at_ns;
	return twin;
}

static int hand_out(struct mv_faults *f, const struct mv_perf_record *r, uint64_t weight)
{
	const struct mv_fault_event event = {.record = r, .weight = weight};

	return f->take(f->arg, &event);
}

static int take_sample(struct mv_faults *f, const struct mv_perf_record *r)
{
	const bool major = r->event == MV_PERF_MAJOR;
	int stop;

	if (f->late_count && seen_twice(f, r))
		return 0;
	f->state.sampled++;
	f->window_samples += !major;
	f->drained += major ? 0 : f->state.period;
	f->taken++;
	stop = hand_out(f, r, major ? 1 : period_at(f, r->at_ns));
	return stop || f->taken == f->max;
}

/* While two rounds of events stand side by side, a time says which one counts. */
static bool is_of_other_round(const struct mv_faults *f, const struct mv_perf_record *r)
{
	return f->before_id && (r->id <= f->before_id) != (r->at_ns < f->round_ns) &&
	       !(r->kind == MV_PERF_SAMPLE && r->event == MV_PERF_MAJOR);
}

static int take_record(void *arg, const struct mv_perf_record *r)
{
	struct mv_faults *f = arg;

	if (r->kind == MV_PERF_LOST) {
		f->state.lost += r->lost;
		f->window_lost += r->lost;
		f->drained += r->lost * f->state.period;
		return 0;
	}
	/* Before 5.13 its child processes follow, too. */
	if (r->pid != f->pid || (r->kind != MV_PERF_SAMPLE && f->late_count && is_doubled(f, r->opened_on)))
		return 0;
	if (r->kind == MV_PERF_FORK && r->new_pid == f->pid) /* a thread */
		f->followed = true;
	if (is_of_other_round(f, r))
		return 0;
	switch (r->kind) {
	case MV_PERF_SAMPLE:
		return take_sample(f, r);
	case MV_PERF_FORK:
		if (r->new_pid == f->pid)
			return 0;
		f->state.forks++;
		return hand_out(f, r, 0);
	case MV_PERF_EXEC:
		f->state.execs++;
		return hand_out(f, r, 0);
	case MV_PERF_MMAP:
		return hand_out(f, r, 0);
	case MV_PERF_EXIT:
	case MV_PERF_LOST:
		break;
	}
	return 0;
}

size_t mv_faults_drain(struct mv_faults *faults, size_t max, mv_take_fault *take, void *arg)
{
	faults->max = max;
	faults->taken = 0;
	faults->take = take;
	faults->arg = arg;
	faults->drained = 0;
	mv_perf_drain(faults->perf, 0, take_record, faults);
	if (faults->drained > faults->burst)
		faults->burst = faults->drained;
	if (faults->adapts)
		adapt(faults);
	return faults->taken;
}

/* Exact counters are read from each event. What that costs sets how soon it is done again; after the end
 * always. */
static void count(struct mv_faults *f)
{
	const uint64_t now = mv_source_now(f->source);
	uint64_t minor, major;

	if (f->count_cost_ns > COUNT_CHEAP_NS && !f->state.ended &&
	    now - f->counted_ns < f->count_cost_ns * COUNT_SHARE)
		return;
	if (mv_perf_count(f->perf, MV_PERF_MINOR, &minor) == 0 &&
	    mv_perf_count(f->perf, MV_PERF_MAJOR, &major) == 0) {
		f->state.minor = minor;
		f->state.major = major;
	}
	f->counted_ns = mv_source_now(f->source);
	f->count_cost_ns = f->counted_ns - now;
}

void mv_faults_state(struct mv_faults *faults, struct mv_faults_state *ret_state)
{
	faults->state.ended = mv_perf_ended(faults->perf);
	count(faults);
	*ret_state = faults->state;
}
