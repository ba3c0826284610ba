/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "core/text.h"
#include "tui/batch.h"

/*
 * memview faults, as text: how the tracing went, then what was seen by kind, by mapping, by call stack, by
 * thread. All but the first few lines are estimates: samples times the period that they were taken at.
 */

#define LABEL_COLUMNS 10
#define ROWS_MAX      20  /* mappings and threads shown one by one */
#define TREE_DEPTH    40  /* lines below one another */
#define CHAIN_COLUMNS 100 /* of function names on one line */

struct printing {
	struct mv_out *out;
	const struct mv_snapshot *snap;
	uint64_t faults, pages; /* of all kinds */
};

double mv_batch_trace_seconds(const struct mv_snapshot *snap)
{
	const struct mv_trace *t = &snap->trace;
	const uint64_t until_ns = t->running ? snap->taken_ns : t->until_ns;

	if (t->why != MV_WHY_HAVE || until_ns <= t->since_ns)
		return 0;
	return (double)(until_ns - t->since_ns) / (double)MV_NS_PER_SEC;
}

/* ---- how it went ---- */

static void label(struct printing *p, struct mv_clean text)
{
	mv_out_field(p->out, text, LABEL_COLUMNS);
}

static void finish(struct printing *p, const struct mv_build *b)
{
	mv_out_line(p->out, mv_build_text(b));
}

static void print_identity(struct printing *p)
{
	const struct mv_snapshot *s = p->snap;
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, mv_snapshot_title(s));
	mv_build_fmt(&b, " %d   ", s->stat.pid);
	if (s->trace.why == MV_WHY_HAVE)
		mv_build_fmt(&b, "page faults of %.1f s   ", mv_batch_trace_seconds(s));
	mv_out_build_time(&b, s->taken_real_ns);
	if (s->trace.why == MV_WHY_HAVE && !s->trace.running)
		mv_build_clean(&b, MV_TEXT("   the process has ended"));
	finish(p, &b);
}

static void print_counter(struct printing *p, struct mv_clean name, uint64_t faults, double seconds)
{
	char count[32];
	struct mv_build b;

	label(p, name);
	mv_text_count(count, faults);
	mv_out_right(p->out, mv_clean_trusted(count), 12);
	mv_build_init(&b);
	if (seconds > 0) {
		mv_build_clean(&b, MV_TEXT("   +"));
		mv_build_count(&b, (uint64_t)((double)faults / seconds + 0.5));
		mv_build_clean(&b, MV_TEXT("/s"));
	}
	finish(p, &b);
}

static void print_sampled(struct printing *p)
{
	const struct mv_trace *t = &p->snap->trace;
	char count[32];
	struct mv_build b;

	label(p, MV_TEXT("sampled"));
	mv_text_count(count, t->sampled);
	mv_out_right(p->out, mv_clean_trusted(count), 12);
	mv_build_init(&b);
	if (t->sampled == t->minor + t->major && t->lost == 0) {
		mv_build_clean(&b, MV_TEXT("   every fault"));
	} else {
		mv_build_clean(&b, MV_TEXT("   one fault in "));
		mv_build_count(&b, t->period);
		mv_build_clean(&b, MV_TEXT(" at the end"));
	}
	mv_build_clean(&b, MV_TEXT("; "));
	mv_build_count(&b, t->lost);
	mv_build_clean(&b, MV_TEXT(" lost"));
	if (t->lost)
		mv_build_clean(&b, MV_TEXT(": the kernel had no room for them, what follows is too low"));
	finish(p, &b);
}

static void print_coverage(struct printing *p)
{
	const struct mv_trace *t = &p->snap->trace;
	struct mv_build b;

	label(p, MV_TEXT("threads"));
	mv_build_init(&b);
	mv_build_count(&b, t->threads_covered);
	mv_build_clean(&b, MV_TEXT(" of "));
	mv_build_count(&b, t->threads);
	mv_build_clean(&b, MV_TEXT(" covered, and those begun since"));
	if (t->threads_why != MV_WHY_HAVE) {
		mv_build_clean(&b, MV_TEXT(" "));
		mv_build_why(&b, (enum mv_why)t->threads_why);
	}
	finish(p, &b);
	if (!t->kernel_side) {
		label(p, MV_TEXT("not seen"));
		mv_out_line(p->out, MV_TEXT("faults inside system calls: that needs CAP_PERFMON, or "
					    "kernel.perf_event_paranoid at 1 or less"));
	}
	if (t->stacks_why != MV_WHY_HAVE) {
		label(p, MV_TEXT("stacks"));
		mv_build_init(&b);
		mv_build_why(&b, (enum mv_why)t->stacks_why);
		finish(p, &b);
	}
	if (t->no_stack) {
		label(p, MV_TEXT("stacks"));
		mv_build_init(&b);
		mv_build_count(&b, t->no_stack);
		mv_build_clean(&b, MV_TEXT(" samples have none: their unwinding came too late, or failed"));
		finish(p, &b);
	}
}

/* Nothing could be traced: the counters go on. */
static void print_refusal(struct printing *p)
{
	const struct mv_snapshot *s = p->snap;
	static const enum mv_figure counters[] = {MV_FIG_MINOR, MV_FIG_MAJOR};
	const struct mv_clean none = mv_batch_no_memory(s);
	struct mv_build b;

	if (none.text) {
		mv_out_line(p->out, none);
		return;
	}
	for (size_t i = 0; i < MV_COUNT_OF(counters); i++) {
		const struct mv_val *val = &s->figure[counters[i]];

		label(p, i ? MV_TEXT("major") : MV_TEXT("minor"));
		mv_build_init(&b);
		if (mv_have(val))
			mv_build_count(&b, val->value);
		else
			mv_build_why(&b, (enum mv_why)val->why);
		mv_build_clean(&b, MV_TEXT("   since it began"));
		finish(p, &b);
	}
	label(p, MV_TEXT("traced"));
	mv_build_init(&b);
	mv_build_why(&b, (enum mv_why)s->trace.why);
	finish(p, &b);
}

/* ---- tables ---- */

static void print_heading(struct printing *p, struct mv_clean title, struct mv_clean columns)
{
	mv_out_char(p->out, '\n', 1);
	if (*title.text)
		mv_out_line(p->out, title);
	mv_out_clean(p->out, MV_TEXT("      FAULTS       PAGES   BYTES  SHARE  "));
	mv_out_line(p->out, columns);
}

static void print_pages(struct printing *p, uint64_t pages)
{
	mv_out_count(p->out, pages, 12);
	mv_out_size(p->out, pages * p->snap->page_bytes, 8);
}

static void print_figures(struct printing *p, uint64_t faults, uint64_t pages)
{
	mv_out_count(p->out, faults, 12);
	print_pages(p, pages);
	mv_out_share(p->out, pages, p->pages);
}

static void print_rest(struct printing *p, uint64_t faults, uint64_t pages, uint32_t rows)
{
	struct mv_build b;

	print_figures(p, faults, pages);
	mv_build_init(&b);
	mv_build_count(&b, rows);
	mv_build_clean(&b, MV_TEXT(" more"));
	finish(p, &b);
}

static void print_kinds(struct printing *p)
{
	const struct mv_trace *t = &p->snap->trace;

	print_heading(p, MV_TEXT("By kind (samples times period; shares are of pages):"), MV_TEXT("KIND"));
	for (int k = 0; k < MV_FAULT__N; k++) {
		if (!t->faults[k])
			continue;
		print_figures(p, t->faults[k], t->pages[k]);
		mv_out_field(p->out, mv_clean_trusted(mv_fault_kinds[k].caption), 15);
		mv_out_line(p->out, mv_clean_trusted(mv_fault_kinds[k].meaning));
	}
}

static struct mv_clean most_of(const struct mv_fault_mapping *m)
{
	int most = 0;

	for (int k = 1; k < MV_FAULT__N; k++)
		most = m->by_kind[k] > m->by_kind[most] ? k : most;
	return mv_clean_trusted(mv_fault_kinds[most].caption);
}

static void print_mapping(struct printing *p, const struct mv_fault_mapping *m)
{
	const bool known = m->kind < MV_KIND__N;
	const struct mv_clean name = mv_snapshot_text(p->snap, m->name);

	print_figures(p, m->faults, m->pages);
	mv_out_hex(p->out, m->start, 12);
	mv_out_char(p->out, ' ', 1);
	mv_out_field(p->out, known ? mv_clean_trusted(mv_kind_name((enum mv_kind)m->kind)) : MV_TEXT("-"),
		     13);
	mv_out_field(p->out, most_of(m), 15);
	mv_out_clean(p->out, !known	  ? MV_TEXT("no mapping was known there")
			     : *name.text ? name
					  : MV_TEXT("[anon]"));
	mv_out_line(p->out, m->gone ? MV_TEXT(" (unmapped since)") : MV_TEXT(""));
}

static void print_mappings(struct printing *p)
{
	uint64_t faults = 0, pages = 0;
	uint32_t count;
	const struct mv_fault_mapping *m = mv_snapshot_fault_mappings(p->snap, &count);

	if (!count)
		return;
	print_heading(p, MV_TEXT("By mapping:"), MV_TEXT("ADDRESS      KIND         MOSTLY         NAME"));
	for (uint32_t i = 0; i < count && i < ROWS_MAX; i++)
		print_mapping(p, &m[i]);
	for (uint32_t i = ROWS_MAX; i < count; i++) {
		faults += m[i].faults;
		pages += m[i].pages;
	}
	if (count > ROWS_MAX)
		print_rest(p, faults, pages, count - ROWS_MAX);
}

static void print_threads(struct printing *p)
{
	uint64_t faults = 0, pages = 0;
	uint32_t count;
	const struct mv_fault_thread *t = mv_snapshot_fault_threads(p->snap, &count);

	if (!count)
		return;
	print_heading(p, MV_TEXT("By thread:"), MV_TEXT("    TID  NAME"));
	for (uint32_t i = 0; i < count && i < ROWS_MAX; i++) {
		const struct mv_clean name = mv_snapshot_text(p->snap, t[i].name);

		print_figures(p, t[i].faults, t[i].pages);
		mv_out_number(p->out, (uint64_t)t[i].tid, 7);
		mv_out_char(p->out, ' ', 2);
		mv_out_line(p->out, *name.text ? name : MV_TEXT("- (it has ended)"));
	}
	for (uint32_t i = ROWS_MAX; i < count; i++) {
		faults += t[i].faults;
		pages += t[i].pages;
	}
	if (count > ROWS_MAX)
		print_rest(p, faults, pages, count - ROWS_MAX);
}

/* ---- the call tree ---- */

struct walk {
	struct printing *p;
	const struct mv_calltree *tree;
};

static bool is_small(const struct walk *w, uint64_t pages)
{
	return pages * 100 < w->tree->nodes[0].pages;
}

static void start_branch(struct walk *w, uint64_t pages, unsigned depth)
{
	print_pages(w->p, pages);
	mv_out_share(w->p->out, pages, w->tree->nodes[0].pages);
	mv_out_char(w->p->out, ' ', 2 * depth);
}

/* A node, and below it those that are its only child and have all of its pages, on one line. Returns the
 * last. */
static uint32_t print_chain(struct walk *w, uint32_t at, unsigned depth)
{
	const struct mv_calltree_node *nodes = w->tree->nodes;
	struct mv_out *out = w->p->out;
	unsigned columns = 0;

	start_branch(w, nodes[at].pages, depth);
	for (;;) {
		const struct mv_clean name = mv_batch_level_name(w->p->snap, &nodes[at]);
		const uint32_t child = nodes[at].first_child;

		mv_out_clean(out, name);
		columns += mv_clean_width(name) + 3;
		if (!child || nodes[child].next || nodes[at].self_pages ||
		    nodes[child].pages != nodes[at].pages)
			break;
		mv_out_clean(out, MV_TEXT(" >"));
		if (columns + mv_clean_width(mv_batch_level_name(w->p->snap, &nodes[child])) >
		    CHAIN_COLUMNS) {
			mv_out_char(out, '\n', 1);
			mv_out_char(out, ' ', 29 + 2 * depth + 4);
			columns = 4;
		} else {
			mv_out_char(out, ' ', 1);
		}
		at = child;
	}
	mv_out_char(out, '\n', 1);
	return at;
}

static void print_more(struct walk *w, uint64_t pages, uint32_t count, unsigned depth)
{
	struct mv_build b;

	if (!count)
		return;
	start_branch(w, pages, depth);
	mv_build_init(&b);
	mv_build_fmt(&b, "(%u more below 1 %%)", count);
	finish(w->p, &b);
}

static void print_branch(struct walk *w, uint32_t first, unsigned depth)
{
	const struct mv_calltree_node *nodes = w->tree->nodes;
	uint64_t small_pages = 0;
	uint32_t small = 0;

	for (uint32_t at = first; at; at = nodes[at].next) {
		uint32_t last;

		if (is_small(w, nodes[at].pages)) {
			small_pages += nodes[at].pages;
			small++;
			continue;
		}
		last = print_chain(w, at, depth);
		if (!nodes[last].first_child)
			continue;
		if (depth + 1 == TREE_DEPTH) {
			start_branch(w, nodes[last].pages, depth + 1);
			mv_out_line(w->p->out, MV_TEXT("(deeper)"));
			continue;
		}
		if (nodes[last].self_pages && !is_small(w, nodes[last].self_pages)) {
			start_branch(w, nodes[last].self_pages, depth + 1);
			mv_out_line(w->p->out, MV_TEXT("(itself)"));
		}
		print_branch(w, nodes[last].first_child, depth + 1);
	}
	print_more(w, small_pages, small, depth);
}

static void build_pages(struct mv_build *b, uint64_t pages)
{
	mv_build_count(b, pages);
	mv_build_clean(b, pages == 1 ? MV_TEXT(" page") : MV_TEXT(" pages"));
}

/* Pages of stacks that do not reach their thread's start, and why. */
static void print_ends(struct printing *p)
{
	uint64_t pages[MV_STACK__N] = {0};
	uint32_t count;
	const struct mv_fault_stack *stacks = mv_snapshot_fault_stacks(p->snap, &count);
	struct mv_build b;

	for (uint32_t i = 0; i < count; i++)
		pages[stacks[i].end < MV_STACK__N ? stacks[i].end : MV_STACK_BROKEN] += stacks[i].pages;
	for (int e = MV_STACK_COMPLETE + 1; e < MV_STACK__N; e++) {
		if (!pages[e])
			continue;
		mv_build_init(&b);
		build_pages(&b, pages[e]);
		mv_build_clean(&b, MV_TEXT(" by stacks that do not reach their thread's start: "));
		mv_build_clean(&b, mv_clean_trusted(mv_stack_ends[e].words));
		finish(p, &b);
	}
	if (p->snap->trace.stacks_left_out) {
		mv_build_init(&b);
		mv_build_count(&b, p->snap->trace.stacks_left_out);
		mv_build_clean(
		    &b,
		    MV_TEXT(" pages by stacks that are not in the tree: there were too many different ones"));
		finish(p, &b);
	}
}

static int print_tree(struct printing *p)
{
	struct mv_calltree tree;
	struct walk w = {.p = p, .tree = &tree};
	int err;

	mv_calltree_init(&tree);
	err = mv_calltree_build(&tree, p->snap, MV_CALLTREE_CALLERS, 0);
	if (tree.count && tree.nodes[0].pages) {
		mv_out_line(
		    p->out,
		    MV_TEXT("\nBy call stack, callers first (whoever is on one line has the same pages):"));
		mv_out_line(p->out, MV_TEXT("       PAGES   BYTES  SHARE  FUNCTION"));
		print_branch(&w, tree.nodes[0].first_child, 0);
		print_ends(p);
	}
	mv_calltree_release(&tree);
	return err;
}

int mv_batch_print_faults(struct mv_out *out, const struct mv_snapshot *snap)
{
	const struct mv_trace *t = &snap->trace;
	struct printing p = {.out = out, .snap = snap};
	int err;

	print_identity(&p);
	if (t->why != MV_WHY_HAVE) {
		print_refusal(&p);
		return 0;
	}
	for (int k = 0; k < MV_FAULT__N; k++) {
		p.faults += t->faults[k];
		p.pages += t->pages[k];
	}
	print_counter(&p, MV_TEXT("minor"), t->minor, mv_batch_trace_seconds(snap));
	print_counter(&p, MV_TEXT("major"), t->major, mv_batch_trace_seconds(snap));
	print_sampled(&p);
	print_coverage(&p);
	if (!p.faults) {
		mv_out_line(out, MV_TEXT("\nNo page fault was seen."));
		return 0;
	}
	print_kinds(&p);
	print_mappings(&p);
	err = print_tree(&p);
	print_threads(&p);
	return err;
}
