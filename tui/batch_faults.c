/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/batch_json.h"

/*
 * memview faults: the target's page faults are traced for some seconds, then what was seen is printed: as
 * text (batch_faults_text.c), as folded stacks, or as JSON (schema memview.faults/1).
 */

#define LOOK_MS 250 /* between snapshots, of which the last is shown when no more can come */

struct mv_clean mv_batch_level_name(const struct mv_snapshot *snap, const struct mv_calltree_node *node)
{
	if (node->function == MV_FUNCTION_NONE && node->depth == 1 && !node->first_child)
		return MV_TEXT("[no stack]");
	return mv_snapshot_function_name(snap, node->function);
}

/* ---- folded stacks ---- */

/* A name as a level of a folded stack: ';' parts levels. */
static void give_level(struct mv_out *out, struct mv_clean name)
{
	for (const char *c = name.text; *c; c++)
		mv_out_char(out, *c == ';' ? ':' : *c, 1);
}

static void give_weight(struct mv_out *out, uint64_t pages)
{
	mv_out_char(out, ' ', 1);
	mv_out_number(out, pages, 1);
	mv_out_char(out, '\n', 1);
}

/* path has room for the node's depth. */
static void give_stack(struct mv_out *out, const struct mv_snapshot *snap, const struct mv_calltree *tree,
		       uint32_t node, uint32_t *path)
{
	const uint32_t depth = tree->nodes[node].depth;
	const uint64_t pages = tree->nodes[node].self_pages;

	for (uint32_t at = node, i = depth; i > 0; at = tree->nodes[at].parent)
		path[--i] = at;
	give_level(out, mv_snapshot_title(snap));
	for (uint32_t i = 0; i < depth; i++) {
		mv_out_char(out, ';', 1);
		give_level(out, mv_batch_level_name(snap, &tree->nodes[path[i]]));
	}
	give_weight(out, pages);
}

/* The threads' stacks merged: one line for each node that is innermost somewhere. */
int mv_batch_print_folded(struct mv_out *out, const struct mv_snapshot *snap)
{
	struct mv_calltree tree;
	uint32_t deepest = 1, *path;
	int err;

	mv_calltree_init(&tree);
	err = mv_calltree_build(&tree, snap, MV_CALLTREE_CALLERS, 0);
	for (uint32_t i = 0; i < tree.count; i++)
		deepest = tree.nodes[i].depth > deepest ? tree.nodes[i].depth : deepest;
	path = calloc(deepest, sizeof(*path));
	if (!path)
		err = -ENOMEM;
	for (uint32_t i = 1; path && i < tree.count; i++) {
		if (tree.nodes[i].self_pages)
			give_stack(out, snap, &tree, i, path);
	}
	if (snap->trace.stacks_left_out) {
		give_level(out, mv_snapshot_title(snap));
		mv_out_clean(out, MV_TEXT(";[beyond the stacks kept]"));
		give_weight(out, snap->trace.stacks_left_out);
	}
	free(path);
	mv_calltree_release(&tree);
	return err;
}

/* ---- JSON ---- */

static json_t *exact_object(const struct mv_trace *t, bool have)
{
	json_t *faults = json_object();

	mv_json_set(faults, "minor", have ? mv_json_number(t->minor) : json_null());
	mv_json_set(faults, "major", have ? mv_json_number(t->major) : json_null());
	return faults;
}

static json_t *kinds_object(const struct mv_trace *t)
{
	json_t *kinds = json_object();

	for (int k = 0; k < MV_FAULT__N; k++) {
		json_t *kind = json_object();

		mv_json_set(kind, "faults", mv_json_number(t->faults[k]));
		mv_json_set(kind, "pages", mv_json_number(t->pages[k]));
		mv_json_set(kinds, mv_fault_kinds[k].json, kind);
	}
	return kinds;
}

static json_t *head_object(const struct mv_json *j)
{
	const struct mv_trace *t = &j->snap->trace;
	const bool have = t->why == MV_WHY_HAVE;
	json_t *head = json_object();

	mv_json_set_origin(head, "memview.faults/1", j->snap);
	mv_json_set(head, "pid", json_integer(j->pid));
	mv_json_set(head, "name", mv_json_text(mv_snapshot_title(j->snap)));
	mv_json_set(head, "seconds", json_real(mv_batch_trace_seconds(j->snap)));
	mv_json_set(head, "faults", exact_object(t, have));
	mv_json_set(head, "sampled", mv_json_number(have ? t->sampled : 0));
	mv_json_set(head, "lost", mv_json_number(have ? t->lost : 0));
	mv_json_set(head, "period", have ? mv_json_number(t->period) : json_null());
	mv_json_set(head, "kernel_side", have ? json_boolean(t->kernel_side) : json_null());
	mv_json_set(head, "threads", have ? mv_json_number(t->threads) : json_null());
	mv_json_set(head, "threads_covered", have ? mv_json_number(t->threads_covered) : json_null());
	mv_json_set(head, "kinds", have ? kinds_object(t) : json_null());
	return head;
}

static json_t *mapping_object(const struct mv_json *j, const struct mv_fault_mapping *m)
{
	json_t *mapping = json_object(), *kinds = json_object();

	for (int k = 0; k < MV_FAULT__N; k++) {
		if (m->by_kind[k])
			mv_json_set(kinds, mv_fault_kinds[k].json, mv_json_number(m->by_kind[k]));
	}
	mv_json_set(mapping, "start", mv_json_address(m->start));
	mv_json_set(mapping, "end", mv_json_address(m->end));
	mv_json_set(mapping, "kind",
		    m->kind < MV_KIND__N ? json_string_nocheck(mv_kind_name((enum mv_kind)m->kind))
					 : json_null());
	mv_json_set(mapping, "name",
		    m->kind < MV_KIND__N ? mv_json_text(mv_snapshot_text(j->snap, m->name)) : json_null());
	mv_json_set(mapping, "faults", mv_json_number(m->faults));
	mv_json_set(mapping, "pages", mv_json_number(m->pages));
	mv_json_set(mapping, "kinds", kinds);
	return mapping;
}

static json_t *stack_object(const struct mv_json *j, const struct mv_fault_stack *s)
{
	const uint32_t *calls = mv_snapshot_fault_calls(j->snap, s);
	const enum mv_stack_end end = s->end < MV_STACK__N ? (enum mv_stack_end)s->end : MV_STACK_BROKEN;
	json_t *stack = json_object(), *frames = json_array();

	for (uint32_t i = 0; i < s->count; i++)
		mv_json_append(frames, mv_json_text(mv_snapshot_function_name(j->snap, calls[i])));
	mv_json_set(stack, "frames", frames);
	mv_json_set(stack, "pages", mv_json_number(s->pages));
	mv_json_set(stack, "faults", mv_json_number(s->faults));
	mv_json_set(stack, "thread", json_integer(s->tid));
	mv_json_set(stack, "end", json_string_nocheck(mv_stack_ends[end].json));
	return stack;
}

static void give_mappings(struct mv_json *j)
{
	uint32_t count;
	const struct mv_fault_mapping *m = mv_snapshot_fault_mappings(j->snap, &count);

	for (uint32_t i = 0; i < count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, mapping_object(j, &m[i]));
	}
}

static void give_stacks(struct mv_json *j)
{
	uint32_t count;
	const struct mv_fault_stack *s = mv_snapshot_fault_stacks(j->snap, &count);

	for (uint32_t i = 0; i < count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, stack_object(j, &s[i]));
	}
}

static json_t *unavailable_array(const struct mv_snapshot *s)
{
	const struct mv_trace *t = &s->trace;
	json_t *list = json_array();
	char left_out[80];

	if (t->why != MV_WHY_HAVE)
		mv_json_unavailable(list, mv_part_name(MV_PART_FAULTS), mv_why_text((enum mv_why)t->why));
	if (t->why == MV_WHY_HAVE && t->stacks_why != MV_WHY_HAVE)
		mv_json_unavailable(list, mv_part_name(MV_PART_STACKS),
				    mv_why_text((enum mv_why)t->stacks_why));
	if (t->why == MV_WHY_HAVE && t->threads_why != MV_WHY_HAVE)
		mv_json_unavailable(list, mv_part_name(MV_PART_THREADS),
				    mv_why_text((enum mv_why)t->threads_why));
	if (t->stacks_left_out) {
		snprintf(left_out, sizeof(left_out), "%" PRIu64 " pages are of stacks beyond those kept",
			 t->stacks_left_out);
		mv_json_unavailable(list, mv_part_name(MV_PART_STACKS), left_out);
	}
	if (mv_json_is_unavailable(s->part_why[MV_PART_MAPS]) && t->running)
		mv_json_unavailable(list, mv_part_name(MV_PART_MAPS),
				    mv_why_text((enum mv_why)s->part_why[MV_PART_MAPS]));
	return list;
}

void mv_json_give_faults(struct mv_json *j)
{
	const bool have = j->snap->trace.why == MV_WHY_HAVE;

	mv_json_give_open(j, head_object(j));
	mv_json_literal(j, have ? ",\n\"mappings\": [" : ",\n\"mappings\": null");
	if (have)
		give_mappings(j);
	mv_json_literal(j, have ? "],\n\"stacks\": [" : ",\n\"stacks\": null");
	if (have)
		give_stacks(j);
	mv_json_literal(j, have ? "],\n\"unavailable\": " : ",\n\"unavailable\": ");
	mv_json_give(j, unavailable_array(j->snap));
	mv_json_literal(j, "}\n");
}

/* ---- tracing ---- */

static bool has_ended(const struct mv_snapshot *snap)
{
	return snap->trace.why != MV_WHY_HAVE || !snap->trace.running;
}

/* What has been seen until now, whole: also what still lies in the kernel's rings. */
static const struct mv_snapshot *last_picture(struct mv_batch *batch, struct mv_want *want)
{
	const struct mv_snapshot *snap = NULL;

	if (!mv_batch_status(batch)->exited) {
		want->facts |= MV_FACT_WHOLE;
		want->interval_ms = 0;
		mv_batch_follow(batch, want);
		snap = mv_batch_last(batch, NULL);
	}
	return mv_batch_status(batch)->exited ? mv_batch_last(batch, has_ended) : snap;
}

/* Trace for as long as the options say: ret_snap is the picture at the end, of whatever was seen. */
static int trace(struct mv_batch *batch, struct mv_want *want, const struct mv_options *options,
		 const struct mv_snapshot **ret_snap)
{
	uint64_t end_ns;
	int status;

	mv_batch_await_interrupt();
	status = mv_batch_take(batch, want, ret_snap); /* which comes when it has begun */
	if (status || (*ret_snap)->trace.why != MV_WHY_HAVE)
		return status;
	end_ns = (*ret_snap)->trace.since_ns + (uint64_t)options->duration_ms * (MV_NS_PER_SEC / 1000);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "memview: tracing page faults of %d for %g s; Ctrl-C ends it early\n",
			mv_batch_pid(batch), options->duration_ms / 1000.0);
	want->facts &= ~(uint32_t)MV_FACT_WHOLE;
	want->interval_ms = LOOK_MS;
	mv_batch_follow(batch, want);
	mv_batch_pass(batch, end_ns);
	*ret_snap = last_picture(batch, want);
	return MV_EXIT_DONE;
}

/* ---- the command ---- */

/* Why nothing could be traced, on stderr. MV_EXIT_DONE: it was, or there is nothing to trace. */
static int judge(const struct mv_batch *batch, const struct mv_snapshot *snap)
{
	const enum mv_why why = (enum mv_why)snap->trace.why;
	const int pid = mv_batch_pid(batch);
	int status;

	if (why == MV_WHY_HAVE || snap->life == MV_LIFE_KERNEL_THREAD || snap->life == MV_LIFE_ZOMBIE)
		return MV_EXIT_DONE;
	status = mv_batch_judge(batch, snap);
	if (status)
		return status;
	if (why == MV_WHY_GONE)
		return mv_choose_ended(pid);
	fprintf(stderr, "memview: the page faults of %d can't be traced: %s", pid,
		why == MV_WHY_NOT_READ ? "tracing did not begin" : mv_why_text(why));
	if ((why == MV_WHY_NEEDS_PERFMON || why == MV_WHY_NEEDS_PTRACE || why == MV_WHY_NEEDS_ROOT) &&
	    geteuid() != 0)
		fprintf(stderr, "; try sudo memview faults %d", pid);
	fputc('\n', stderr);
	return MV_EXIT_COULD_NOT;
}

static int print(struct mv_json *j, const struct mv_options *options)
{
	int err = 0;

	if (options->json)
		mv_json_give_faults(j);
	else if (options->folded)
		err = mv_batch_print_folded(&j->out, j->snap);
	else
		err = mv_batch_print_faults(&j->out, j->snap);
	j->failed |= err < 0;
	return mv_json_end(j, MV_EXIT_DONE);
}

static int run(struct mv_batch *batch, struct mv_json *j, const struct mv_options *options)
{
	struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_FAULTS, .fault_period = options->period};
	int status, printed;

	status = options->proc_root ? mv_batch_take(batch, &want, &j->snap)
				    : trace(batch, &want, options, &j->snap);
	if (status)
		return status;
	if (!j->snap)
		return mv_batch_trouble(batch) ? MV_EXIT_COULD_NOT : mv_choose_ended(mv_batch_pid(batch));
	j->pid = mv_batch_pid(batch);
	status = judge(batch, j->snap);
	if (status == MV_EXIT_ENDED)
		return status;
	/* What was seen until something went wrong is printed all the same. */
	if (!status && !options->proc_root)
		status = mv_batch_trouble(batch);
	printed = print(j, options);
	return status ? status : printed;
}

int mv_batch_faults(const struct mv_options *options)
{
	struct mv_json j = {0};
	struct mv_batch *batch;
	int status;

	if (options->json)
		mv_json_begin();
	status = mv_batch_open(options, &batch);
	if (status)
		return status;
	status = mv_out_init(&j.out, STDOUT_FILENO);
	if (!status)
		status = run(batch, &j, options);
	mv_out_release(&j.out);
	mv_batch_close(batch);
	return status;
}
