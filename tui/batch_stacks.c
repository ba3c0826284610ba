/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "tui/batch_json.h"

/*
 * memview stacks: every thread, how much of its stack it uses, and its calls; as text, or as JSON (schema
 * memview.stacks/1). The target goes on meanwhile, unless --exact asks for a stop.
 */

#define EXACT_SEQ 1 /* the one stop that is asked for */

static const struct {
	const char *json;
	struct mv_clean words;
} hows[] = {
    [MV_HOW_NONE] = {NULL, {"no calls"}},
    [MV_HOW_UNSTOPPED] = {"unstopped", {"unstopped"}},
    [MV_HOW_SAMPLED] = {"sampled", {"sampled while it ran"}},
    [MV_HOW_STOPPED] = {"stopped", {"stopped"}},
};

static enum mv_stack_how how_of(const struct mv_thread *t)
{
	return t->how < MV_COUNT_OF(hows) && t->count ? (enum mv_stack_how)t->how : MV_HOW_NONE;
}

static enum mv_stack_end end_of(const struct mv_thread *t)
{
	return t->end < MV_STACK__N ? (enum mv_stack_end)t->end : MV_STACK_BROKEN;
}

/* Why a thread has no calls, in this command's words. */
static const char *why_no_calls(const struct mv_snapshot *snap, const struct mv_thread *t)
{
	const enum mv_why whole = (enum mv_why)snap->threads_head.calls_why, own = (enum mv_why)t->calls_why;

	if (own == MV_WHY_RUNNING)
		return "it was running: --exact takes an exact picture by a stop";
	return mv_why_text(own != MV_WHY_HAVE && own != MV_WHY_NOT_READ ? own : whole);
}

/* How far into its function; missing where the function's start or its name is not known. */
static struct mv_val offset_of(const struct mv_function *f, uint64_t pc)
{
	if (!f || !(f->flags & MV_FUNCTION_NAMED) || !f->start || pc < f->start)
		return mv_val_missing(MV_WHY_NOT_HERE);
	return mv_val_of(pc - f->start);
}

/* ---- text ---- */

static void print_identity(struct mv_out *out, const struct mv_snapshot *s)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, mv_snapshot_title(s));
	mv_build_fmt(&b, " %d   ", s->stat.pid);
	if (s->threads_head.why == MV_WHY_HAVE) {
		mv_build_count(&b, s->threads_head.total);
		mv_build_clean(&b,
			       s->threads_head.total == 1 ? MV_TEXT(" thread   ") : MV_TEXT(" threads   "));
	}
	mv_out_build_time(&b, s->taken_real_ns);
	mv_out_line(out, mv_build_text(&b));
}

static void print_stop(struct mv_out *out, const struct mv_threads_head *h)
{
	struct mv_build b;

	if (h->stop_state != MV_STOP_DONE)
		return;
	mv_build_init(&b);
	mv_build_fmt(&b, "stopped for %.2f ms: %u taken", (double)h->stopped_ns / 1e6, h->stop_taken);
	if (h->stop_failed)
		mv_build_fmt(&b, ", %u could not be", h->stop_failed);
	mv_out_line(out, mv_build_text(&b));
}

static void build_bytes(struct mv_build *b, const struct mv_val *bytes)
{
	if (mv_have(bytes))
		mv_build_size(b, bytes->value);
	else
		mv_build_clean(b, MV_TEXT("-"));
}

static void print_thread_line(struct mv_out *out, const struct mv_snapshot *snap, const struct mv_thread *t)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_fmt(&b, "\nthread %d ", t->tid);
	mv_build_clean(&b, mv_snapshot_text(snap, t->name));
	mv_build_clean(&b, MV_TEXT("  "));
	mv_build_clean(&b, t->gone ? MV_TEXT("ended since") : mv_clean_trusted(mv_stat_state_text(t->state)));
	mv_build_clean(&b, MV_TEXT("  in use "));
	build_bytes(&b, &t->used);
	if (t->stack.end > t->stack.start) {
		mv_build_clean(&b, MV_TEXT(" of "));
		mv_build_size(&b, t->stack.end - t->stack.start);
	}
	mv_build_clean(&b, MV_TEXT(", touched "));
	build_bytes(&b, &t->touched);
	mv_build_clean(&b, MV_TEXT(", guard "));
	build_bytes(&b, &t->guard);
	mv_build_clean(&b, MV_TEXT("  ("));
	mv_build_clean(&b, hows[how_of(t)].words);
	mv_build_clean(&b, MV_TEXT(")"));
	mv_out_line(out, mv_build_text(&b));
}

static void print_number(struct mv_out *out, uint32_t number)
{
	char text[16];

	snprintf(text, sizeof(text), "#%u", number);
	mv_out_ascii(out, "  ", 2);
	mv_out_field(out, mv_clean_trusted(text), 5);
}

static void print_call(struct mv_out *out, const struct mv_snapshot *snap, const struct mv_call *call,
		       uint32_t number)
{
	const struct mv_function *f = mv_snapshot_function(snap, call->function);
	const struct mv_val offset = offset_of(f, call->pc);
	uint32_t line = 0;
	const struct mv_clean file = mv_snapshot_line(snap, call->pc, &line);

	print_number(out, number);
	mv_out_ascii(out, "0x", 2);
	mv_out_hex(out, call->pc, 12);
	mv_out_char(out, ' ', 1);
	mv_out_clean(out, mv_snapshot_function_name(snap, call->function));
	if (mv_have(&offset) && offset.value) {
		mv_out_ascii(out, "+0x", 3);
		mv_out_hex(out, offset.value, 1);
	}
	if (call->flags & MV_CALL_SIGNAL)
		mv_out_clean(out, MV_TEXT("  (interrupted by a signal)"));
	if (file.text) {
		mv_out_ascii(out, "  ", 2);
		mv_out_clean(out, file);
		mv_out_char(out, ':', 1);
		mv_out_number(out, line, 1);
	} else if (f && (f->flags & MV_FUNCTION_NAMED) && *mv_snapshot_text(snap, f->image).text) {
		mv_out_ascii(out, "  ", 2);
		mv_out_clean(out, mv_snapshot_text(snap, f->image));
	}
	mv_out_char(out, '\n', 1);
}

static void print_thread(struct mv_out *out, const struct mv_snapshot *snap, const struct mv_thread *t)
{
	const struct mv_call *calls = mv_snapshot_thread_calls(snap, t);

	print_thread_line(out, snap, t);
	for (uint32_t i = 0; i < t->count; i++)
		print_call(out, snap, &calls[i], i);
	if (!t->count) {
		mv_out_ascii(out, "  - (", 5);
		mv_out_clean(out, mv_clean_trusted(why_no_calls(snap, t)));
		mv_out_line(out, MV_TEXT(")"));
	} else if (end_of(t) != MV_STACK_COMPLETE) {
		mv_out_ascii(out, "  - (", 5);
		mv_out_clean(out, mv_clean_trusted(mv_stack_ends[end_of(t)].words));
		mv_out_line(out, MV_TEXT(")"));
	}
}

void mv_batch_print_stacks(struct mv_out *out, const struct mv_snapshot *snap)
{
	const struct mv_threads_head *h = &snap->threads_head;
	const struct mv_clean none = mv_batch_no_memory(snap);
	uint32_t count;
	const struct mv_thread *threads = mv_snapshot_threads(snap, &count);
	struct mv_build b;

	print_identity(out, snap);
	if (none.text) {
		mv_out_line(out, none);
		return;
	}
	print_stop(out, h);
	mv_build_init(&b);
	if (h->why != MV_WHY_HAVE) {
		mv_build_clean(&b, MV_TEXT("threads   "));
		mv_build_why(&b, (enum mv_why)h->why);
		mv_out_line(out, mv_build_text(&b));
		return;
	}
	if (h->calls_why != MV_WHY_HAVE) {
		mv_build_clean(&b, MV_TEXT("stacks    "));
		mv_build_why(&b, (enum mv_why)h->calls_why);
		mv_out_line(out, mv_build_text(&b));
	}
	for (uint32_t i = 0; i < count; i++)
		print_thread(out, snap, &threads[i]);
	if (h->total > count) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("\n"));
		mv_build_count(&b, h->total - count);
		mv_build_clean(&b, MV_TEXT(" more threads are not shown: there are too many"));
		mv_out_line(out, mv_build_text(&b));
	}
}

/* ---- JSON ---- */

static json_t *stack_object(const struct mv_thread *t)
{
	const bool known = t->stack.end > t->stack.start;
	json_t *stack = json_object();

	mv_json_set(stack, "start", known ? mv_json_address(t->stack.start) : json_null());
	mv_json_set(stack, "end", known ? mv_json_address(t->stack.end) : json_null());
	mv_json_set(stack, "used", mv_json_val(&t->used));
	mv_json_set(stack, "touched", mv_json_val(&t->touched));
	return stack;
}

static json_t *frame_object(const struct mv_snapshot *snap, const struct mv_call *call)
{
	const struct mv_function *f = mv_snapshot_function(snap, call->function);
	const struct mv_val offset = offset_of(f, call->pc);
	uint32_t line = 0;
	const struct mv_clean file = mv_snapshot_line(snap, call->pc, &line);
	json_t *frame = json_object();

	mv_json_set(frame, "pc", mv_json_address(call->pc));
	mv_json_set(frame, "function", f ? mv_json_text(mv_snapshot_text(snap, f->name)) : json_null());
	mv_json_set(frame, "offset", mv_json_val(&offset));
	mv_json_set(frame, "file", file.text ? mv_json_text(file) : json_null());
	mv_json_set(frame, "line", file.text && line ? json_integer(line) : json_null());
	return frame;
}

static json_t *thread_object(const struct mv_snapshot *snap, const struct mv_thread *t)
{
	const struct mv_call *calls = mv_snapshot_thread_calls(snap, t);
	const char *how = hows[how_of(t)].json;
	const char state[2] = {t->state, '\0'};
	json_t *thread = json_object(), *frames = json_array();

	for (uint32_t i = 0; i < t->count; i++)
		mv_json_append(frames, frame_object(snap, &calls[i]));
	mv_json_set(thread, "tid", json_integer(t->tid));
	mv_json_set(thread, "name", mv_json_text(mv_snapshot_text(snap, t->name)));
	mv_json_set(thread, "state", state[0] ? json_string(state) : json_null());
	mv_json_set(thread, "how", how ? json_string_nocheck(how) : json_null());
	mv_json_set(thread, "stack", stack_object(t));
	mv_json_set(thread, "frames", frames);
	mv_json_set(thread, "end",
		    t->count ? json_string_nocheck(mv_stack_ends[end_of(t)].json) : json_null());
	return thread;
}

static json_t *head_object(const struct mv_json *j)
{
	json_t *head = json_object();

	mv_json_set_origin(head, "memview.stacks/1", j->snap);
	mv_json_set(head, "pid", json_integer(j->pid));
	mv_json_set(head, "name", mv_json_text(mv_snapshot_title(j->snap)));
	return head;
}

static void add_unavailable_calls(json_t *list, const struct mv_snapshot *s)
{
	uint32_t count;
	const struct mv_thread *threads = mv_snapshot_threads(s, &count);
	char what[32];

	for (uint32_t i = 0; i < count; i++) {
		if (threads[i].count)
			continue;
		snprintf(what, sizeof(what), "frames of %d", threads[i].tid);
		mv_json_unavailable(list, what, why_no_calls(s, &threads[i]));
	}
}

static json_t *unavailable_array(const struct mv_snapshot *s)
{
	const struct mv_threads_head *h = &s->threads_head;
	json_t *list = json_array();
	char more[64];

	if (h->why != MV_WHY_HAVE) {
		mv_json_unavailable(list, mv_part_name(MV_PART_THREADS), mv_why_text((enum mv_why)h->why));
		return list;
	}
	if (h->total > s->threads.count) {
		snprintf(more, sizeof(more), "there are %u, too many to read them all", h->total);
		mv_json_unavailable(list, mv_part_name(MV_PART_THREADS), more);
	}
	if (h->calls_why != MV_WHY_HAVE)
		mv_json_unavailable(list, mv_part_name(MV_PART_STACKS),
				    mv_why_text((enum mv_why)h->calls_why));
	else
		add_unavailable_calls(list, s);
	return list;
}

void mv_json_give_stacks(struct mv_json *j)
{
	const bool have = j->snap->threads_head.why == MV_WHY_HAVE;
	uint32_t count;
	const struct mv_thread *threads = mv_snapshot_threads(j->snap, &count);

	mv_json_give_open(j, head_object(j));
	mv_json_literal(j, have ? ",\n\"threads\": [" : ",\n\"threads\": null");
	for (uint32_t i = 0; have && i < count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, thread_object(j->snap, &threads[i]));
	}
	mv_json_literal(j, have ? "],\n\"unavailable\": " : ",\n\"unavailable\": ");
	mv_json_give(j, unavailable_array(j->snap));
	mv_json_literal(j, "}\n");
}

/* ---- the command ---- */

/* What is lacking, on stderr, with the exit status. */
static int judge(const struct mv_batch *batch, const struct mv_snapshot *snap, bool exact)
{
	const struct mv_threads_head *h = &snap->threads_head;
	const int pid = mv_batch_pid(batch);
	int status = mv_batch_judge(batch, snap);

	if (status || snap->life == MV_LIFE_KERNEL_THREAD || snap->life == MV_LIFE_ZOMBIE)
		return status;
	if (h->why == MV_WHY_GONE)
		return mv_choose_ended(pid);
	if (h->why != MV_WHY_HAVE) {
		fprintf(stderr, "memview: the threads of %d can't be read: %s\n", pid,
			mv_why_text(h->why == MV_WHY_NOT_READ ? MV_WHY_IO : (enum mv_why)h->why));
		return MV_EXIT_COULD_NOT;
	}
	if (exact && h->stop_state != MV_STOP_DONE) {
		const bool said = h->stop_state == MV_STOP_FAILED && h->stop_why != MV_WHY_HAVE &&
				  h->stop_why != MV_WHY_NOT_READ;

		fprintf(stderr, "memview: %d could not be stopped, these are its stacks without a stop: %s\n",
			pid, said ? mv_why_text((enum mv_why)h->stop_why) : "it did not stop in time");
		return MV_EXIT_COULD_NOT;
	}
	return MV_EXIT_DONE;
}

static int print(struct mv_json *j, bool json)
{
	if (json)
		mv_json_give_stacks(j);
	else
		mv_batch_print_stacks(&j->out, j->snap);
	return mv_json_end(j, MV_EXIT_DONE);
}

int mv_batch_stacks(const struct mv_options *options)
{
	struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_THREADS | MV_FACT_LINES,
			       .stop_seq = options->exact ? EXACT_SEQ : 0};
	struct mv_json j = {0};
	struct mv_batch *batch;
	int printed, status;

	if (options->json)
		mv_json_begin();
	status = mv_batch_open(options, &batch);
	if (status)
		return status;
	j.pid = mv_batch_pid(batch);
	if (options->exact)
		fprintf(
		    stderr,
		    "memview: stopping %d for some milliseconds; system calls that wait in it may fail with "
		    "EINTR\n",
		    j.pid);
	status = mv_out_init(&j.out, STDOUT_FILENO);
	if (!status)
		status = mv_batch_take(batch, &want, &j.snap);
	if (!status) {
		status = judge(batch, j.snap, options->exact);
		printed = status == MV_EXIT_ENDED ? status : print(&j, options->json);
		status = status ? status : printed;
	}
	mv_out_release(&j.out);
	mv_batch_close(batch);
	return status;
}
