/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/growth.h"
#include "core/text.h"
#include "tui/batch_heap.h"

/* Who makes a process grow, as text: memory, call stacks that touched it first, block sizes of the heap. */

#define ROWS_MAX     10
#define CALLS_MAX    24	 /* innermost ones of a stack */
#define LINE_COLUMNS 100 /* of function names */
#define RATE_COLUMNS 12

struct printing {
	struct mv_out *out;
	const struct mv_batch_growth *g;
};

static void finish(struct printing *p, const struct mv_build *b)
{
	mv_out_line(p->out, mv_build_text(b));
}

static void print_rate(struct printing *p, uint64_t bytes, double seconds)
{
	struct mv_build b;

	mv_build_init(&b);
	if (seconds > 0)
		mv_growth_rate_build(&b, (double)bytes / seconds);
	else
		mv_build_clean(&b, MV_TEXT("-"));
	mv_out_right(p->out, mv_build_text(&b), RATE_COLUMNS);
}

static void print_more(struct printing *p, uint32_t count)
{
	struct mv_build b;

	if (count <= ROWS_MAX)
		return;
	mv_build_init(&b);
	mv_build_count(&b, count - ROWS_MAX);
	mv_build_clean(&b, MV_TEXT(" more; --json lists all"));
	mv_out_char(p->out, ' ', RATE_COLUMNS + 17);
	finish(p, &b);
}

/* ---- memory ---- */

static void print_mappings(struct printing *p)
{
	const struct mv_batch_growth *g = p->g;

	if (!g->rss_known) {
		mv_out_line(p->out, MV_TEXT("What of each mapping is in RAM was not known both times."));
		if (!g->mappings_count)
			return;
	}
	if (!g->mappings_count) {
		mv_out_line(p->out, MV_TEXT("No anonymous memory grew."));
		return;
	}
	mv_out_line(p->out, MV_TEXT("        RATE   BYTES  SHARE  ADDRESS      KIND          NAME"));
	for (uint32_t i = 0; i < g->mappings_count && i < ROWS_MAX; i++) {
		const struct mv_grown_mapping *m = &g->mappings[i];
		const struct mv_clean name = mv_snapshot_name(g->snap, m->index);

		print_rate(p, m->bytes, g->seconds);
		mv_out_size(p->out, m->bytes, 8);
		mv_out_share(p->out, m->bytes, g->grown_bytes);
		mv_out_hex(p->out, m->start, 12);
		mv_out_char(p->out, ' ', 1);
		mv_out_field(p->out, mv_clean_trusted(mv_kind_name((enum mv_kind)m->kind)), 14);
		mv_out_line(p->out, *name.text ? name : MV_TEXT("[anon]"));
	}
	print_more(p, g->mappings_count);
}

/* ---- call stacks ---- */

static void print_calls(struct printing *p, const struct mv_grown_stack *s)
{
	const struct mv_fault_stack plain = {.first = s->first, .count = s->count};
	const uint32_t *calls = mv_snapshot_fault_calls(p->g->snap, &plain);
	const uint32_t first = s->count > CALLS_MAX ? s->count - CALLS_MAX : 0;
	unsigned columns = 0;

	if (!s->count)
		mv_out_clean(p->out, MV_TEXT("[no stack]"));
	if (first) {
		mv_out_clean(p->out, MV_TEXT("... "));
		columns = 4;
	}
	for (uint32_t i = first; i < s->count; i++) {
		const struct mv_clean name = mv_snapshot_function_name(p->g->snap, calls[i]);
		const unsigned width = mv_clean_width(name) + 3;

		if (i > first)
			mv_out_clean(p->out, MV_TEXT(" >"));
		if (i > first && columns + width > LINE_COLUMNS) {
			mv_out_char(p->out, '\n', 1);
			mv_out_char(p->out, ' ', RATE_COLUMNS + 17 + 4);
			columns = 4;
		} else if (i > first) {
			mv_out_char(p->out, ' ', 1);
		}
		mv_out_clean(p->out, name);
		columns += width;
	}
	mv_out_char(p->out, '\n', 1);
}

/* The one function below which most was touched, if there is one. */
static int print_below(struct printing *p)
{
	struct mv_calltree tree;
	struct mv_growth_touch touch;
	struct mv_build b;
	int err;

	mv_calltree_init(&tree);
	err = mv_calltree_build(&tree, p->g->snap, MV_CALLTREE_CALLERS, 0);
	touch = mv_growth_touched(&tree, p->g->snap);
	mv_calltree_release(&tree);
	if (!touch.known || touch.share <= 0)
		return err;
	mv_build_init(&b);
	mv_build_fmt(&b, "%.0f %% of all pages touched meanwhile: below ", 100 * touch.share);
	mv_build_clean(&b, mv_snapshot_function_name(p->g->snap, touch.function));
	finish(p, &b);
	return err;
}

static int print_stacks(struct printing *p)
{
	const struct mv_batch_growth *g = p->g;
	struct mv_build b;

	if (g->why != MV_WHY_HAVE) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("\nCall stacks "));
		mv_build_why(&b, (enum mv_why)g->why);
		finish(p, &b);
		return 0;
	}
	if (!g->stacks_count) {
		mv_out_line(p->out, MV_TEXT("\nNo first touch of memory that grew was seen."));
		return 0;
	}
	mv_out_line(
	    p->out,
	    g->rss_known
		? MV_TEXT("\nFirst touched by (stacks whose newest page lies in memory that grew, samples):")
		: MV_TEXT("\nFirst touched by (all stacks, samples):"));
	mv_out_line(p->out, MV_TEXT("        RATE   BYTES  SHARE  CALLS, OUTERMOST FIRST"));
	for (uint32_t i = 0; i < g->stacks_count && i < ROWS_MAX; i++) {
		const uint64_t bytes = g->stacks[i].pages * g->snap->page_bytes;

		print_rate(p, bytes, g->seconds);
		mv_out_size(p->out, bytes, 8);
		mv_out_share(p->out, g->stacks[i].pages, g->pages);
		print_calls(p, &g->stacks[i]);
	}
	print_more(p, g->stacks_count);
	if (g->other_pages) {
		mv_build_init(&b);
		mv_build_size(&b, g->other_pages * g->snap->page_bytes);
		mv_build_clean(&b, MV_TEXT(" more were touched elsewhere: files, memory that did not grow"));
		finish(p, &b);
	}
	return print_below(p);
}

/* ---- block sizes ---- */

static void print_heap_change(struct printing *p)
{
	const struct mv_heap_sum *was = p->g->heap_before.sum, *now = p->g->snap->heap.sum;
	static const enum mv_block_state states[] = {MV_BLOCK_IN_USE, MV_BLOCK_MMAPPED, MV_BLOCK_FREE};
	struct mv_build b;

	mv_build_init(&b);
	for (size_t i = 0; i < MV_COUNT_OF(states); i++) {
		const enum mv_block_state s = states[i];

		mv_build_clean(&b, i ? MV_TEXT(", ") : MV_TEXT(""));
		mv_build_clean(&b, mv_clean_trusted(mv_block_states[s].caption));
		mv_build_clean(&b, MV_TEXT(" "));
		mv_build_size(&b, was[s].bytes);
		mv_build_clean(&b, MV_TEXT(" -> "));
		mv_build_size(&b, now[s].bytes);
	}
	finish(p, &b);
}

static void print_sizes(struct printing *p)
{
	const struct mv_batch_growth *g = p->g;
	struct mv_build b;

	if (g->heap_seconds <= 0) {
		mv_out_line(p->out,
			    MV_TEXT("\nWhich block sizes grew is not known: the heap could not be read "
				    "both times."));
		return;
	}
	mv_build_init(&b);
	mv_build_fmt(&b, "\nThe heap after %.1f s: ", g->heap_seconds);
	mv_out_clean(p->out, mv_build_text(&b));
	print_heap_change(p);
	if (!g->sizes_count) {
		mv_out_line(p->out, MV_TEXT("No block size has more in use than before."));
		return;
	}
	mv_out_line(p->out, MV_TEXT("Block sizes with more in use (malloc's header included):"));
	mv_out_line(p->out, MV_TEXT("        RATE   BYTES      BLOCKS  SIZE"));
	for (uint32_t i = 0; i < g->sizes_count && i < ROWS_MAX; i++) {
		const struct mv_grown_size *z = &g->sizes[i];

		print_rate(p, z->bytes, g->heap_seconds);
		mv_out_size(p->out, z->bytes, 8);
		mv_out_count(p->out, z->blocks, 12);
		mv_out_char(p->out, ' ', 2);
		mv_build_init(&b);
		mv_batch_build_size_class(&b, &z->now);
		finish(p, &b);
	}
	print_more(p, g->sizes_count);
}

int mv_batch_print_growth(struct mv_out *out, const struct mv_batch_growth *growth)
{
	struct printing p = {.out = out, .g = growth};
	struct mv_build b;
	int err;

	mv_build_init(&b);
	mv_build_fmt(&b, "\nWho makes it grow, in %.1f s:", growth->seconds);
	if (growth->rss_known && growth->seconds > 0) {
		mv_build_clean(&b, MV_TEXT(" anonymous memory by "));
		mv_growth_rate_build(&b, (double)growth->grown_bytes / growth->seconds);
	}
	finish(&p, &b);
	print_mappings(&p);
	err = print_stacks(&p);
	print_sizes(&p);
	return err;
}
