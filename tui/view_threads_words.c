/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_private.h"
#include "tui/view_threads.h"

/* Words that the list of threads and the view of one stack share; the question before a stop, and its result.
 */

#define STOP_NS_A_THREAD 50000 /* what stopping a thread and copying its stack takes, measured */

struct mv_clean mv_threads_state(const struct mv_thread *t)
{
	return t->gone ? MV_TEXT("ended") : mv_words(mv_stat_state_text(t->state));
}

enum mv_role mv_threads_state_role(const struct mv_thread *t)
{
	if (t->gone)
		return ROLE_GONE;
	switch (t->state) {
	case 'R':
		return ROLE_LIVE;
	case 'D':
	case 'T':
	case 't':
	case 'Z':
	case 'X':
		return ROLE_WARN;
	default:
		return ROLE_DIM;
	}
}

bool mv_threads_grows(const struct mv_snapshot *snap, const struct mv_thread *t)
{
	uint32_t i = t->stack.end ? mv_snapshot_find(snap, t->stack.start) : UINT32_MAX;

	return i < mv_snapshot_count(snap) && mv_snapshot_mappings(snap)[i].kind == MV_KIND_STACK;
}

/* ---- how near to its end ---- */

enum mv_stack_danger mv_threads_danger(const struct mv_snapshot *snap, const struct mv_thread *t)
{
	uint64_t size = t->stack.end - t->stack.start;

	if (!size || mv_threads_grows(snap, t))
		return MV_STACK_CALM;
	if (mv_have(&t->used) && t->used.value >= size / 8 * 7)
		return MV_STACK_NEAR;
	if (mv_have(&t->touched) && t->touched.value >= size / 8 * 7)
		return MV_STACK_WAS_NEAR;
	return MV_STACK_CALM;
}

void mv_threads_bar(struct mv_canvas *c, int y, int x, int cols, const struct mv_snapshot *snap,
		    const struct mv_thread *t)
{
	uint64_t size = t->stack.end - t->stack.start;
	enum mv_stack_danger danger = mv_threads_danger(snap, t);
	enum mv_role role = danger != MV_STACK_CALM ? ROLE_WARN : ROLE_BAR;
	struct mv_build b;

	if (!size || cols < 1)
		return;
	if (mv_have(&t->touched))
		mv_bar_draw(c, y, x, cols, ROLE_GAP, t->touched.value, size);
	if (mv_have(&t->used) && t->used.value) {
		uint64_t cells = (uint64_t)((unsigned __int128)t->used.value * (unsigned)cols / size) + 1;
		if (!mv_have(&t->touched))
			mv_bar_draw(c, y, x, cols, role, t->used.value, size);
		mv_canvas_role(c, (struct mv_rect){y, x, 1, cells < (uint64_t)cols ? (int)cells : cols},
			       role);
	}
	if (danger == MV_STACK_CALM || cols < 5)
		return;
	uint64_t most = danger == MV_STACK_NEAR ? t->used.value : t->touched.value;
	mv_build_init(&b);
	mv_build_fmt(&b, "%u%%", (unsigned)(most >= size ? 100 : most * 100 / size));
	mv_canvas_text_right(c, y, x + cols - 4, 4, danger == MV_STACK_NEAR ? ROLE_ALERT : ROLE_WARN,
			     mv_build_text(&b));
}

/* ---- how the calls were got ---- */

static void build_ago(struct mv_build *b, const struct mv_context *ctx, uint64_t at_ns)
{
	uint64_t age = ctx->now_ns > at_ns ? ctx->now_ns - at_ns : 0;

	if (age < MV_NS_PER_SEC / 10) {
		mv_build_clean(b, MV_TEXT("just now"));
		return;
	}
	if (age < 10 * MV_NS_PER_SEC)
		mv_build_fmt(b, "%u.%u s", (unsigned)(age / MV_NS_PER_SEC),
			     (unsigned)(age % MV_NS_PER_SEC / (MV_NS_PER_SEC / 10)));
	else
		mv_age_build(b, age);
	mv_build_clean(b, MV_TEXT(" ago"));
}

/* "0.21 ms" */
static void build_ms(struct mv_build *b, uint64_t ns)
{
	double ms = (double)ns / 1e6;

	mv_build_fmt(b, ms < 10 ? "%.2f ms" : ms < 100 ? "%.1f ms" : "%.0f ms", ms);
}

bool mv_threads_how(struct mv_build *b, const struct mv_context *ctx, const struct mv_thread *t, bool brief)
{
	const struct mv_threads_head *head = &ctx->snap->threads_head;

	if (brief && t->how != MV_HOW_NONE) {
		build_ago(b, ctx, t->calls_ns);
		return true;
	}
	switch (t->how) {
	case MV_HOW_UNSTOPPED:
		mv_build_clean(b, MV_TEXT("without stopping it, "));
		break;
	case MV_HOW_SAMPLED:
		mv_build_clean(b, MV_TEXT("sampled while it ran, "));
		break;
	case MV_HOW_STOPPED:
		mv_build_clean(b, MV_TEXT("stopped "));
		if (head->stop_state == MV_STOP_DONE) {
			mv_build_clean(b, MV_TEXT("for "));
			build_ms(b, head->stopped_ns);
		}
		mv_build_clean(b, MV_TEXT(", "));
		break;
	default:
		return false;
	}
	build_ago(b, ctx, t->calls_ns);
	return true;
}

/* ---- why there is nothing ---- */

static struct mv_clean advice_for(uint32_t why)
{
	switch (why) {
	case MV_WHY_NEEDS_PTRACE:
	case MV_WHY_NEEDS_PTRACE_DAC:
	case MV_WHY_NEEDS_SYS_ADMIN:
	case MV_WHY_NEEDS_DAC:
	case MV_WHY_NEEDS_ROOT:
		return MV_TEXT("run memview as root (sudo), or as the owner of the process");
	case MV_WHY_RUNNING:
		return MV_TEXT("what runs is sampled when it is on a CPU while memview looks: not yet");
	case MV_WHY_NO_UNWINDER:
		return MV_TEXT("stacks, pages and states are told all the same");
	default:
		return MV_TEXT("");
	}
}

bool mv_threads_calls_why(struct mv_build *b, const struct mv_snapshot *snap, const struct mv_thread *t,
			  struct mv_clean *ret_advice)
{
	uint32_t why = snap->threads_head.calls_why;

	if (t && t->calls_why != MV_WHY_HAVE && (t->calls_why != MV_WHY_NOT_READ || why <= MV_WHY_HAVE))
		why = t->calls_why;
	if (why == MV_WHY_HAVE)
		return false;
	*ret_advice = advice_for(why);
	mv_build_clean(b, why == MV_WHY_NOT_READ ? MV_TEXT("the calls are not read yet")
						 : mv_words(mv_why_text((enum mv_why)why)));
	return true;
}

bool mv_threads_nothing(struct mv_build *b, const struct mv_context *ctx, struct mv_clean *ret_advice)
{
	const struct mv_snapshot *snap = ctx->snap;
	uint32_t count = 0;

	*ret_advice = MV_TEXT("");
	if (snap)
		mv_snapshot_threads(snap, &count);
	if (count)
		return false;
	if (snap && snap->life == MV_LIFE_KERNEL_THREAD) {
		mv_build_clean(b, MV_TEXT("a kernel thread has no stack in user memory"));
	} else if (snap && snap->life != MV_LIFE_ALIVE) {
		mv_build_clean(b, MV_TEXT("the process has ended, and its threads with it"));
	} else if (snap && snap->threads_head.why == MV_WHY_NOT_READ &&
		   snap->part_why[MV_PART_MAPS] > MV_WHY_HAVE) {
		/* Without the list of mappings nobody looks at threads. */
		mv_build_clean(b, MV_TEXT("the threads cannot be read: "));
		mv_build_clean(b, mv_words(mv_why_text((enum mv_why)snap->part_why[MV_PART_MAPS])));
		*ret_advice = advice_for(snap->part_why[MV_PART_MAPS]);
	} else if (!snap || snap->threads_head.why == MV_WHY_NOT_READ) {
		mv_build_clean(b, MV_TEXT("reading the threads"));
	} else if (snap->threads_head.why == MV_WHY_HAVE) {
		mv_build_clean(b, MV_TEXT("no threads"));
	} else {
		mv_build_clean(b, MV_TEXT("the threads cannot be read: "));
		mv_build_clean(b, mv_words(mv_why_text((enum mv_why)snap->threads_head.why)));
		*ret_advice = advice_for(snap->threads_head.why);
	}
	return true;
}

/* ---- the exact picture ---- */

static void build_failure(struct mv_build *b, const struct mv_snapshot *snap)
{
	const struct mv_threads_head *head = &snap->threads_head;
	const struct mv_val *tracer = &snap->status.tracer_pid;

	mv_build_clean(b, MV_TEXT("no exact picture: "));
	mv_build_clean(b, mv_words(mv_why_text((enum mv_why)head->stop_why)));
	if (head->stop_why == MV_WHY_TRACED) {
		if (mv_have(tracer) && tracer->value)
			mv_build_fmt(b, " (PID %u)", (unsigned)tracer->value);
		mv_build_clean(b, MV_TEXT("; end that one first"));
	} else if (advice_for(head->stop_why).text[0]) {
		mv_build_clean(b, MV_TEXT("; "));
		mv_build_clean(b, advice_for(head->stop_why));
	}
}

static void build_taken(struct mv_build *b, const struct mv_threads_head *head)
{
	mv_build_clean(b, MV_TEXT("exact: stopped for "));
	build_ms(b, head->stopped_ns);
	mv_build_clean(b, MV_TEXT(", "));
	mv_build_count(b, head->stop_taken);
	mv_build_clean(b, head->stop_taken == 1 ? MV_TEXT(" thread taken") : MV_TEXT(" threads taken"));
	if (head->stop_failed) {
		mv_build_clean(b, MV_TEXT(", "));
		mv_build_count(b, head->stop_failed);
		mv_build_clean(b, MV_TEXT(" not"));
	}
}

bool mv_threads_stop_note(struct mv_build *b, const struct mv_context *ctx, const struct mv_stop_ask *ask,
			  enum mv_role *ret_role)
{
	const struct mv_threads_head *head = ctx->snap ? &ctx->snap->threads_head : NULL;

	if (!head)
		return false;
	bool asked = ask->seq && head->stop_seq != ask->seq;
	*ret_role = ROLE_WARN;
	if (asked && ctx->snap->life != MV_LIFE_ALIVE)
		mv_build_clean(b, MV_TEXT("no exact picture: the process has ended"));
	else if (asked || head->stop_state == MV_STOP_RUNNING)
		mv_build_clean(b, MV_TEXT("stopping the threads for an exact picture"));
	else if (head->stop_state == MV_STOP_FAILED)
		build_failure(b, ctx->snap);
	else if (head->stop_state == MV_STOP_DONE)
		build_taken(b, head);
	else
		return false;
	if (!asked && head->stop_state == MV_STOP_DONE)
		*ret_role = head->stop_failed ? ROLE_WARN : ROLE_GOOD;
	return true;
}

static struct mv_outcome hint(struct mv_stop_ask *ask, struct mv_clean text)
{
	mv_build_init(&ask->question);
	mv_build_clean(&ask->question, text);
	return (struct mv_outcome){.kind = MV_OUT_HINT, .text = mv_build_text(&ask->question)};
}

static uint32_t threads_of(const struct mv_snapshot *snap)
{
	uint32_t n = snap->threads_head.total ? snap->threads_head.total : (uint32_t)snap->stat.threads;

	return n ? n : 1;
}

struct mv_outcome mv_stop_ask(struct mv_stop_ask *ask, const struct mv_context *ctx)
{
	const struct mv_snapshot *snap = ctx->snap;
	struct mv_build *b = &ask->question;

	if (!snap)
		return hint(ask, MV_TEXT("nothing is known of the threads yet"));
	if (ctx->lost || ctx->status->exited || snap->life != MV_LIFE_ALIVE)
		return hint(ask, MV_TEXT("there is nothing left to stop"));
	if (ask->seq || snap->threads_head.stop_state == MV_STOP_RUNNING)
		return hint(ask, MV_TEXT("an exact picture is being taken already"));
	if (mv_have(&snap->status.tracer_pid) && snap->status.tracer_pid.value) {
		mv_build_init(b);
		mv_build_fmt(b, "a debugger has it (PID %u): ", (unsigned)snap->status.tracer_pid.value);
		mv_build_clean(b, MV_TEXT("it cannot be stopped a second time"));
		return (struct mv_outcome){.kind = MV_OUT_HINT, .text = mv_build_text(b)};
	}
	uint32_t n = threads_of(snap);
	double ms = (double)n * STOP_NS_A_THREAD / 1e6;
	mv_build_init(b);
	mv_build_clean(b, MV_TEXT("Stop "));
	mv_build_count(b, n);
	mv_build_clean(b, n == 1 ? MV_TEXT(" thread ~") : MV_TEXT(" threads ~"));
	mv_build_fmt(b, ms < 0.1 ? "%.2f" : ms < 1 ? "%.1f" : "%.0f", ms);
	mv_build_clean(b, MV_TEXT(" ms? Waiting calls may return EINTR."));
	return (struct mv_outcome){.kind = MV_OUT_CONFIRM, .text = mv_build_text(b)};
}

struct mv_outcome mv_stop_confirm(struct mv_stop_ask *ask, const struct mv_context *ctx)
{
	ask->seq = (uint32_t)(ctx->now_ns / 1000000) | 1;
	return (struct mv_outcome){.kind = MV_OUT_STAY};
}

void mv_stop_settle(struct mv_stop_ask *ask, const struct mv_snapshot *snap)
{
	const struct mv_threads_head *head = snap ? &snap->threads_head : NULL;

	if (!ask->seq || !head || !head->stop_seq)
		return;
	bool over = head->stop_state == MV_STOP_DONE || head->stop_state == MV_STOP_FAILED;
	bool newer = (int32_t)(head->stop_seq - ask->seq) > 0;
	if (newer || (over && head->stop_seq == ask->seq))
		ask->seq = 0;
}

/* ---- what is it ---- */

static void add_stop_words(struct mv_meaning *m)
{
	mv_build_init(&m->title);
	mv_build_clean(&m->title, MV_TEXT("exact picture (!)"));
	mv_build_init(&m->formula);
	mv_build_clean(
	    &m->formula,
	    MV_TEXT(
		"all threads are stopped, registers and stacks are copied, all go on; unwound after that"));
	mv_build_init(&m->source);
	mv_build_clean(&m->source, MV_TEXT("ptrace: SEIZE, INTERRUPT, GETREGSET, DETACH"));
	mv_build_init(&m->unit);
	mv_build_clean(&m->unit, MV_TEXT("about 0.05 ms a thread"));
	mv_build_init(&m->note);
	mv_build_clean(
	    &m->note,
	    MV_TEXT("It disturbs: epoll_wait, recv with a timeout, semtimedop and sigtimedwait return EINTR "
		    "in the process. poll, select, nanosleep and futex go on."));
}

static struct mv_clean note_of(enum mv_thread_column column)
{
	switch (column) {
	case MV_THREAD_COL_USED:
		return MV_TEXT("Thread-local storage lies at the end of a thread's stack and counts.");
	case MV_THREAD_COL_TOUCHED:
		return MV_TEXT(
		    "A stack never gives pages back by itself: what was touched once stays in RAM.");
	case MV_THREAD_COL_FULL:
		return MV_TEXT(
		    "From seven eighths on it is a warning, with the share in percent. The main thread's "
		    "stack grows as it is touched, up to ulimit -s.");
	case MV_THREAD_COL_STACK:
		return MV_TEXT("Addresses only: RAM is what was touched.");
	case MV_THREAD_COL_GUARD:
		return MV_TEXT(
		    "The next page below a full stack: touching it is a SIGSEGV instead of a write into "
		    "other memory.");
	case MV_THREAD_COL_WHERE:
		return MV_TEXT(
		    "Read while it waits, without stopping it. ~ before the first: it was running, and was "
		    "sampled on its CPU. Enter shows all calls.");
	default:
		return MV_TEXT("");
	}
}

bool mv_threads_meaning(const struct mv_threads *v, const struct mv_context *ctx, unsigned n,
			struct mv_meaning *ret_meaning)
{
	(void)v;
	(void)ctx;
	if (n < MV_THREAD_COL__N) {
		const struct mv_thread_column_info *info = &mv_thread_columns[n];
		mv_build_init(&ret_meaning->title);
		mv_build_clean(&ret_meaning->title, mv_words(info->heading));
		mv_build_init(&ret_meaning->formula);
		mv_build_clean(&ret_meaning->formula, mv_words(info->words));
		mv_build_init(&ret_meaning->source);
		mv_build_clean(&ret_meaning->source, mv_words(info->source));
		mv_build_init(&ret_meaning->unit);
		mv_build_clean(&ret_meaning->unit, mv_words(info->unit));
		mv_build_init(&ret_meaning->note);
		mv_build_clean(&ret_meaning->note, note_of((enum mv_thread_column)n));
		return true;
	}
	if (n == MV_THREAD_COL__N) {
		add_stop_words(ret_meaning);
		return true;
	}
	return false;
}
