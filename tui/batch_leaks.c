/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/batch_heap.h"

/*
 * memview leaks: blocks of the heap that nothing points to any more; with -d, page faults are traced first,
 * for who makes it grow. As text (batch_leaks_text.c, batch_growth_text.c), or as JSON (schema
 * memview.leaks/1).
 */

#define LOOK_MS \
	250 /* between snapshots while faults are traced, of which the last is shown when no more can come \
	     */
#define COST_SEQ 1 /* what an exact scan takes, if one is wanted */
#define SCAN_SEQ 2

/* ---- JSON: the scan ---- */

static json_t *lost_object(const struct mv_leaks_head *l)
{
	json_t *lost = mv_json_heap_sum(&l->lost);

	mv_json_set(lost, "direct_blocks", mv_json_number(l->direct.blocks));
	mv_json_set(lost, "direct_bytes", mv_json_number(l->direct.bytes));
	mv_json_set(lost, "indirect_blocks", mv_json_number(l->indirect.blocks));
	mv_json_set(lost, "indirect_bytes", mv_json_number(l->indirect.bytes));
	return lost;
}

static json_t *group_object(const struct mv_snapshot *snap, const struct mv_leak_group *g)
{
	const uint32_t examples_count =
	    g->g.examples_count < MV_LEAKS_EXAMPLES ? g->g.examples_count : MV_LEAKS_EXAMPLES;
	json_t *group = json_object(), *examples = json_array();

	for (uint32_t i = 0; i < examples_count; i++)
		mv_json_append(examples, mv_json_address(g->g.examples[i]));
	mv_json_set(group, "size", mv_json_number(g->g.size));
	mv_json_set(group, "blocks", mv_json_number(g->g.blocks));
	mv_json_set(group, "bytes", mv_json_number(g->g.bytes));
	mv_json_set(group, "first_word",
		    g->g.what == MV_FIRST_UNSEEN ? json_null() : mv_json_address(g->g.first_word));
	mv_json_set(group, "what", json_string_nocheck(mv_first_words[g->g.what].json));
	mv_json_set(group, "symbol",
		    g->name ? mv_json_text(mv_snapshot_heap_text(snap, g->name)) : json_null());
	mv_json_set(group, "text",
		    g->text ? mv_json_text(mv_snapshot_heap_text(snap, g->text)) : json_null());
	mv_json_set(group, "direct_blocks", mv_json_number(g->g.direct_blocks));
	mv_json_set(group, "direct_bytes", mv_json_number(g->g.direct_bytes));
	mv_json_set(group, "held_blocks", mv_json_number(g->g.held_blocks));
	mv_json_set(group, "held_bytes", mv_json_number(g->g.held_bytes));
	mv_json_set(group, "examples", examples);
	return group;
}

static json_t *link_object(const struct mv_leaks_link *l)
{
	json_t *object = json_object();

	mv_json_set(object, "from", json_integer(l->from));
	mv_json_set(object, "to", json_integer(l->to));
	mv_json_set(object, "offset", mv_json_number(l->offset));
	mv_json_set(object, "blocks", mv_json_number(l->blocks));
	mv_json_set(object, "bytes", mv_json_number(l->bytes));
	return object;
}

static json_t *left_out_object(const struct mv_leaks_head *l)
{
	json_t *object = json_object();

	mv_json_set(object, "swapped_bytes", mv_json_number(l->swapped_bytes));
	mv_json_set(object, "unreadable_bytes", mv_json_number(l->unreadable_bytes));
	mv_json_set(object, "absent_bytes", mv_json_number(l->absent_bytes));
	mv_json_set(object, "threads", json_integer(l->threads_unseen));
	mv_json_set(object, "groups", json_integer(l->groups_left_out));
	return object;
}

static json_t *head_object(const struct mv_json *j)
{
	const struct mv_leaks_head *l = &j->snap->leaks;
	const bool have = mv_leaks_have(j->snap);
	json_t *head = json_object();

	mv_json_set_origin(head, "memview.leaks/1", j->snap);
	mv_json_set(head, "pid", json_integer(j->pid));
	mv_json_set(head, "name", mv_json_text(mv_snapshot_title(j->snap)));
	mv_json_set(head, "mode",
		    have ? json_string_nocheck(l->mode == MV_LEAKS_EXACT ? "exact" : "scan") : json_null());
	mv_json_set(head, "rounds", have ? json_integer(l->rounds) : json_null());
	mv_json_set(head, "stopped_ns", have ? mv_json_number(l->stopped_ns) : json_null());
	mv_json_set(head, "took_ns", have ? mv_json_number(l->took_ns) : json_null());
	mv_json_set(head, "scanned_bytes", have ? mv_json_number(l->scanned_bytes) : json_null());
	mv_json_set(head, "left_out_bytes",
		    have ? mv_json_number(l->swapped_bytes + l->unreadable_bytes) : json_null());
	mv_json_set(head, "left_out", have ? left_out_object(l) : json_null());
	mv_json_set(head, "threads", have ? json_integer(l->threads) : json_null());
	mv_json_set(head, "dead_stacks", have ? json_integer(l->dead_stacks) : json_null());
	mv_json_set(head, "blocks", have ? mv_json_number(l->blocks) : json_null());
	mv_json_set(head, "bytes", have ? mv_json_number(l->bytes) : json_null());
	mv_json_set(head, "lost", have ? lost_object(l) : json_null());
	mv_json_set(head, "interior_only", have ? mv_json_heap_sum(&l->interior_only) : json_null());
	return head;
}

/* ---- JSON: growth ---- */

static json_t *per_second(uint64_t bytes, double seconds)
{
	return seconds > 0 ? json_real((double)bytes / seconds) : json_null();
}

static json_t *grown_mapping_object(const struct mv_batch_growth *g, const struct mv_grown_mapping *m)
{
	json_t *mapping = json_object();

	mv_json_set(mapping, "start", mv_json_address(m->start));
	mv_json_set(mapping, "end", mv_json_address(m->end));
	mv_json_set(mapping, "kind", json_string_nocheck(mv_kind_name((enum mv_kind)m->kind)));
	mv_json_set(mapping, "name", mv_json_text(mv_snapshot_name(g->snap, m->index)));
	mv_json_set(mapping, "bytes", mv_json_number(m->bytes));
	mv_json_set(mapping, "bytes_per_second", per_second(m->bytes, g->seconds));
	return mapping;
}

static json_t *grown_stack_object(const struct mv_batch_growth *g, const struct mv_grown_stack *s)
{
	const struct mv_fault_stack plain = {.first = s->first, .count = s->count};
	const uint32_t *calls = mv_snapshot_fault_calls(g->snap, &plain);
	const enum mv_stack_end end = s->end < MV_STACK__N ? (enum mv_stack_end)s->end : MV_STACK_BROKEN;
	const uint64_t bytes = s->pages * g->snap->page_bytes;
	json_t *stack = json_object(), *frames = json_array();

	for (uint32_t i = 0; i < s->count; i++)
		mv_json_append(frames, mv_json_text(mv_snapshot_function_name(g->snap, calls[i])));
	mv_json_set(stack, "frames", frames);
	mv_json_set(stack, "bytes", mv_json_number(bytes));
	mv_json_set(stack, "bytes_per_second", per_second(bytes, g->seconds));
	mv_json_set(stack, "end", json_string_nocheck(mv_stack_ends[end].json));
	return stack;
}

static json_t *grown_size_object(const struct mv_batch_growth *g, const struct mv_grown_size *z)
{
	json_t *size = json_object();

	mv_json_set(size, "size", mv_json_number(z->now.first));
	mv_json_set(size, "size_max", mv_json_number(z->now.last));
	mv_json_set(size, "blocks", mv_json_number(z->blocks));
	mv_json_set(size, "bytes", mv_json_number(z->bytes));
	mv_json_set(size, "bytes_per_second", per_second(z->bytes, g->heap_seconds));
	return size;
}

static json_t *growth_head(const struct mv_batch_growth *g)
{
	const bool heap = g->heap_seconds > 0;
	const uint64_t other = g->other_pages * g->snap->page_bytes;
	json_t *head = json_object();

	mv_json_set(head, "seconds", json_real(g->seconds));
	mv_json_set(head, "bytes", g->rss_known ? mv_json_number(g->grown_bytes) : json_null());
	mv_json_set(head, "bytes_per_second",
		    g->rss_known ? per_second(g->grown_bytes, g->seconds) : json_null());
	mv_json_set(head, "other_bytes", g->why == MV_WHY_HAVE ? mv_json_number(other) : json_null());
	mv_json_set(head, "heap_seconds", heap ? json_real(g->heap_seconds) : json_null());
	return head;
}

static void give_growth(struct mv_json *j, const struct mv_batch_growth *g)
{
	const bool traced = g->why == MV_WHY_HAVE, heap = g->heap_seconds > 0;

	mv_json_give_open(j, growth_head(g));
	mv_json_literal(j, ",\n\"mappings\": [");
	for (uint32_t i = 0; i < g->mappings_count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, grown_mapping_object(g, &g->mappings[i]));
	}
	mv_json_literal(j, traced ? "],\n\"stacks\": [" : "],\n\"stacks\": null");
	for (uint32_t i = 0; traced && i < g->stacks_count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, grown_stack_object(g, &g->stacks[i]));
	}
	mv_json_literal(j, traced ? "]" : "");
	mv_json_literal(j, heap ? ",\n\"sizes\": [" : ",\n\"sizes\": null");
	for (uint32_t i = 0; heap && i < g->sizes_count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, grown_size_object(g, &g->sizes[i]));
	}
	mv_json_literal(j, heap ? "]}" : "}");
}

/* ---- JSON: all of it ---- */

static json_t *unavailable_array(const struct mv_snapshot *s, const struct mv_batch_growth *g)
{
	const struct mv_clean none = mv_batch_no_memory(s);
	json_t *list = json_array();
	struct mv_build b;

	if (mv_json_is_unavailable(s->part_why[MV_PART_MAPS]))
		mv_json_unavailable(list, mv_part_name(MV_PART_MAPS),
				    mv_why_text((enum mv_why)s->part_why[MV_PART_MAPS]));
	if (!mv_leaks_have(s)) {
		mv_build_init(&b);
		if (none.text)
			mv_build_clean(&b, none);
		else
			mv_batch_leaks_why(&b, s);
		mv_json_unavailable(list, "lost", mv_build_text(&b).text);
	}
	if (g && g->why != MV_WHY_HAVE)
		mv_json_unavailable(list, "growth.stacks", mv_why_text((enum mv_why)g->why));
	if (g && !g->rss_known)
		mv_json_unavailable(list, "growth.bytes",
				    "what of each mapping is in RAM was not known both times");
	if (g && g->heap_seconds <= 0)
		mv_json_unavailable(list, "growth.sizes", "the heap could not be read both times");
	return list;
}

void mv_json_give_leaks(struct mv_json *j, const struct mv_batch_growth *growth)
{
	const bool have = mv_leaks_have(j->snap);
	uint32_t groups_count, links_count;
	const struct mv_leak_group *groups = mv_snapshot_leak_groups(j->snap, &groups_count);
	const struct mv_leaks_link *links = mv_snapshot_leak_links(j->snap, &links_count);

	mv_json_give_open(j, head_object(j));
	mv_json_literal(j, have ? ",\n\"groups\": [" : ",\n\"groups\": null");
	for (uint32_t i = 0; have && i < groups_count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, group_object(j->snap, &groups[i]));
	}
	mv_json_literal(j, have ? "],\n\"links\": [" : ",\n\"links\": null");
	for (uint32_t i = 0; have && i < links_count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, link_object(&links[i]));
	}
	mv_json_literal(j, have ? "],\n\"growth\": " : ",\n\"growth\": ");
	if (growth)
		give_growth(j, growth);
	else
		mv_json_give(j, json_null());
	mv_json_literal(j, ",\n\"unavailable\": ");
	mv_json_give(j, unavailable_array(j->snap, growth));
	mv_json_literal(j, "}\n");
}

/* ---- who makes it grow ---- */

struct looking {
	struct mv_batch *batch;
	const struct mv_options *options;
	struct mv_json j;
	struct mv_snapshot *before, *after; /* copies; NULL: none */
	struct mv_batch_growth growth;
	bool traced; /* growth holds what grew between the two */
};

/* What the answer means for the exit status; that there is none, and why, on stderr. */
static int judge(const struct looking *k)
{
	const struct mv_snapshot *snap = k->j.snap;
	const struct mv_clean none = mv_batch_no_memory(snap);
	const int pid = mv_batch_pid(k->batch);
	struct mv_build b;
	int status;

	if (!none.text && mv_leaks_have(snap))
		return snap->leaks.lost.blocks ? MV_EXIT_LOST : MV_EXIT_DONE;
	mv_build_init(&b);
	if (none.text) {
		mv_build_clean(&b, none);
	} else {
		status = mv_batch_judge(k->batch, snap);
		if (status)
			return status;
		if (snap->life == MV_LIFE_GONE || snap->leaks.why == MV_LEAKS_WHY_GONE)
			return mv_choose_ended(pid);
		mv_batch_leaks_why(&b, snap);
	}
	fprintf(stderr, "memview: can't tell what is lost in %d: %s", pid, mv_build_text(&b).text);
	if (!none.text && snap->leaks.why == MV_LEAKS_WHY_DENIED && geteuid() != 0)
		fprintf(stderr, "; try sudo memview leaks %d", pid);
	fputc('\n', stderr);
	return MV_EXIT_COULD_NOT;
}

/* A snapshot lies in a pool that is used again. */
static int keep(const struct mv_snapshot *snap, struct mv_snapshot **ret_copy)
{
	struct mv_snapshot *copy = malloc(snap->length);

	if (!copy) {
		fputs("memview: out of memory\n", stderr);
		return MV_EXIT_COULD_NOT;
	}
	memcpy(copy, snap, snap->length);
	free(*ret_copy);
	*ret_copy = copy;
	return MV_EXIT_DONE;
}

static void say_tracing(const struct looking *k)
{
	const enum mv_why why = (enum mv_why)k->before->trace.why;

	if (why != MV_WHY_HAVE)
		fprintf(stderr, "memview: the page faults of %d can't be traced, so no call stacks: %s\n",
			mv_batch_pid(k->batch),
			why == MV_WHY_NOT_READ ? "tracing did not begin" : mv_why_text(why));
	else if (isatty(STDERR_FILENO))
		fprintf(stderr, "memview: tracing page faults of %d for %g s; Ctrl-C ends it early\n",
			mv_batch_pid(k->batch), k->options->duration_ms / 1000.0);
}

/* The second look; of a process that has ended meanwhile, what was seen of it until then. */
static int look_again(struct looking *k, struct mv_want *want)
{
	const struct mv_snapshot *snap = NULL;
	int status = MV_EXIT_ENDED;

	if (mv_batch_status(k->batch)->exited)
		mv_choose_ended(mv_batch_pid(k->batch));
	else
		status = mv_batch_take(k->batch, want, &snap);
	if (status == MV_EXIT_ENDED)
		snap = mv_batch_last(k->batch, NULL);
	if (!snap || keep(snap, &k->after))
		return status ? status : MV_EXIT_COULD_NOT;
	if (status == MV_EXIT_ENDED)
		k->after->life = MV_LIFE_GONE;
	if (mv_batch_growth_work_out(&k->growth, k->before, k->after) < 0) {
		fputs("memview: out of memory\n", stderr);
		return MV_EXIT_COULD_NOT;
	}
	k->traced = true;
	k->j.snap = k->after;
	return status;
}

/* Look, trace for as long as the options say, look again. A status with a snapshot in k->j: that is to be
 * printed. */
static int trace(struct looking *k)
{
	struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_HEAP | MV_FACT_FAULTS};
	const struct mv_snapshot *snap;
	int status;

	mv_batch_await_interrupt();
	status = mv_batch_take(k->batch, &want, &snap);
	if (!status)
		status = keep(snap, &k->before);
	if (status)
		return status;
	k->j.snap = k->before;
	if (mv_batch_no_memory(snap).text || snap->part_why[MV_PART_MAPS] != MV_WHY_HAVE)
		return judge(k);
	say_tracing(k);
	want.facts = MV_FACT_MAPS | MV_FACT_FAULTS;
	want.interval_ms = LOOK_MS;
	mv_batch_follow(k->batch, &want);
	mv_batch_pass(k->batch,
		      k->before->taken_ns + (uint64_t)k->options->duration_ms * (MV_NS_PER_SEC / 1000));
	want.facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_HEAP | MV_FACT_FAULTS;
	return look_again(k, &want);
}

/* ---- the scan ---- */

/* How long the process will stand, before it does. */
static int announce(struct looking *k, struct mv_want *want)
{
	const struct mv_leaks_cost *c;
	const struct mv_snapshot *snap;
	struct mv_build b;
	int status;

	want->leaks_seq = COST_SEQ;
	want->leaks_flags = MV_LEAKS_WANT_EXACT | MV_LEAKS_WANT_COST;
	status = mv_batch_take(k->batch, want, &snap);
	if (status || mv_batch_heap_reason(snap) != MV_HEAP_HAVE)
		return status; /* it will not be stopped; why, is said of the scan */
	c = &snap->leaks.cost;
	mv_build_init(&b);
	mv_build_fmt(&b, "stopping %d for ", mv_batch_pid(k->batch));
	if (snap->leaks.cost_ns && c->stop_ns) {
		mv_build_fmt(&b, "about %.1f ms (", (double)c->stop_ns / 1e6);
		mv_build_size(&b, c->copy_bytes);
		mv_build_clean(&b, MV_TEXT(" to copy, "));
		mv_build_size(&b, c->stream_bytes);
		mv_build_clean(&b, MV_TEXT(" to read through)"));
	} else {
		mv_build_clean(&b, MV_TEXT("a time that is not known beforehand, 5 s at most"));
	}
	fprintf(stderr, "memview: %s; system calls that wait in it may fail with EINTR\n",
		mv_build_text(&b).text);
	return MV_EXIT_DONE;
}

static int scan(struct looking *k)
{
	struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_HEAP};
	int status = MV_EXIT_DONE;

	if (k->options->exact && !k->options->proc_root)
		status = announce(k, &want);
	want.leaks_flags = k->options->exact ? MV_LEAKS_WANT_EXACT : 0;
	want.leaks_seq = SCAN_SEQ;
	if (!status)
		status = mv_batch_take(k->batch, &want, &k->j.snap);
	/* Whose heap it is instead, a reading of the heap tells. */
	want.leaks_seq = 0;
	if (!status && k->j.snap->leaks.why == MV_LEAKS_WHY_NO_HEAP && !k->options->proc_root)
		status = mv_batch_take(k->batch, &want, &k->j.snap);
	if (!status)
		return judge(k);
	if (k->traced)
		k->after->life = MV_LIFE_GONE;
	k->j.snap = k->after;
	return status;
}

/* ---- the command ---- */

static int print(struct looking *k)
{
	const struct mv_batch_growth *growth = k->traced ? &k->growth : NULL;

	if (k->options->json)
		mv_json_give_leaks(&k->j, growth);
	else if (mv_batch_print_leaks(&k->j.out, k->j.snap, growth) < 0)
		k->j.failed = true;
	return mv_json_end(&k->j, MV_EXIT_DONE);
}

static int run(struct looking *k)
{
	int printed, status = MV_EXIT_DONE;

	k->j.pid = mv_batch_pid(k->batch);
	if (k->options->duration_ms && !k->options->proc_root)
		status = trace(k);
	if (!status)
		status = scan(k);
	/* What was seen until something went wrong is printed all the same. */
	if (!k->j.snap || (status == MV_EXIT_ENDED && !k->traced))
		return status;
	printed = print(k);
	return printed ? printed : status;
}

int mv_batch_leaks(const struct mv_options *options)
{
	struct looking k = {.options = options};
	int status;

	if (options->json)
		mv_json_begin();
	status = mv_batch_open(options, &k.batch);
	if (status)
		return status;
	status = mv_out_init(&k.j.out, STDOUT_FILENO);
	if (!status)
		status = run(&k);
	mv_out_release(&k.j.out);
	mv_batch_growth_release(&k.growth);
	free(k.before);
	free(k.after);
	mv_batch_close(k.batch);
	return status;
}
