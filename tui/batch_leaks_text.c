/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/text.h"
#include "tui/batch_heap.h"

/*
 * memview leaks, as text: the verdict first, then how it was come by and what was left out, the lost blocks
 * in groups, how these hang together, and, if it was asked for, who makes the process grow.
 */

#define LABEL_COLUMNS 12
#define GROUPS_MAX    20
#define LINKS_MAX     20
#define EXAMPLES_MAX  4

struct printing {
	struct mv_out *out;
	const struct mv_snapshot *snap;
	const struct mv_leaks_head *l;
};

static void finish(struct printing *p, const struct mv_build *b)
{
	mv_out_line(p->out, mv_build_text(b));
}

static void label(struct printing *p, struct mv_clean text)
{
	mv_out_field(p->out, text, LABEL_COLUMNS);
}

static void build_sum(struct mv_build *b, const struct mv_heap_sum *sum)
{
	mv_batch_build_blocks(b, sum->blocks);
	mv_build_clean(b, MV_TEXT(", "));
	mv_build_size(b, sum->bytes);
}

/* ---- why there is no answer ---- */

bool mv_leaks_have(const struct mv_snapshot *snap)
{
	return snap->leaks.state == MV_LEAKS_STATE_DONE && snap->leaks.why == MV_LEAKS_WHY_NONE;
}

void mv_batch_leaks_why(struct mv_build *b, const struct mv_snapshot *snap)
{
	const struct mv_leaks_head *l = &snap->leaks;
	char error[128];

	if (l->state != MV_LEAKS_STATE_DONE) {
		mv_build_clean(b, snap->life == MV_LIFE_GONE ? MV_TEXT("the process has ended")
							     : MV_TEXT("its heap was not looked at"));
		return;
	}
	/* The heap's own reason says it better. */
	if (l->why == MV_LEAKS_WHY_NO_HEAP && mv_batch_heap_reason(snap) != MV_HEAP_HAVE) {
		mv_batch_heap_why(b, snap);
		return;
	}
	mv_build_clean(b, mv_clean_trusted(mv_leaks_whys[l->why].words));
	switch ((enum mv_leaks_why)l->why) {
	case MV_LEAKS_WHY_TORN:
		/* A chain that breaks in a process that runs need not be damaged. */
		if (l->mode != MV_LEAKS_EXACT && l->heap_reason == MV_HEAP_CORRUPT) {
			mv_batch_build_break(b, &snap->heap);
			mv_build_clean(b, MV_TEXT("; --exact can tell which"));
		} else if (mv_batch_heap_reason(snap) != MV_HEAP_HAVE) {
			mv_build_clean(b, MV_TEXT(": "));
			mv_batch_heap_why(b, snap);
		}
		return;
	case MV_LEAKS_WHY_NO_ROOM:
		if (l->cost_ns && l->cost.need_bytes) {
			mv_build_clean(b, MV_TEXT(" ("));
			mv_build_size(b, l->cost.need_bytes);
			mv_build_clean(b, MV_TEXT(" needed, three fourths of "));
			mv_build_size(b, l->cost.room_bytes);
			mv_build_clean(b, MV_TEXT(" may be taken)"));
		}
		return;
	case MV_LEAKS_WHY_FAILED:
		if (l->error) {
			const char *text = strerror(l->error);

			mv_build_clean(b, MV_TEXT(": "));
			mv_build_clean(b, mv_clean_into(error, sizeof(error), text, strlen(text)));
		}
		return;
	default:
		return;
	}
}

/* ---- the verdict ---- */

/* What could not be seen may hold pointers: some that seem lost may not be. */
static bool is_doubtful(const struct mv_leaks_head *l)
{
	return l->swapped_bytes || l->unreadable_bytes || l->threads_unseen;
}

static void print_verdict(struct printing *p)
{
	const struct mv_leaks_head *l = p->l;
	const struct mv_heap_sum all = {l->blocks, l->bytes};
	struct mv_build b;

	mv_build_init(&b);
	if (!l->lost.blocks) {
		mv_build_clean(&b, MV_TEXT("nothing lost: all that is in use ("));
		build_sum(&b, &all);
		mv_build_clean(&b, MV_TEXT(") can be reached"));
		finish(p, &b);
		return;
	}
	build_sum(&b, &l->lost);
	mv_build_clean(&b, MV_TEXT(" lost: nothing points to "));
	if (!l->indirect.blocks) {
		mv_build_clean(&b, l->lost.blocks == 1 ? MV_TEXT("it") : MV_TEXT("them"));
	} else {
		mv_build_count(&b, l->direct.blocks);
		mv_build_clean(&b, MV_TEXT(" of them, only lost blocks to the other "));
		mv_build_count(&b, l->indirect.blocks);
	}
	if (is_doubtful(l))
		mv_build_clean(&b, MV_TEXT(", in what could be seen"));
	finish(p, &b);
}

static void print_identity(struct printing *p)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, mv_snapshot_title(p->snap));
	mv_build_fmt(&b, " %d   leak scan   ", p->snap->stat.pid);
	mv_out_build_time(&b, p->snap->taken_real_ns);
	finish(p, &b);
}

/* ---- how it was come by ---- */

static void build_stood(struct mv_build *b, uint64_t ns)
{
	mv_build_fmt(b, "%.1f ms", (double)ns / 1e6);
}

static void print_how(struct printing *p)
{
	const struct mv_leaks_head *l = p->l;
	struct mv_build b;

	label(p, MV_TEXT("how"));
	mv_build_init(&b);
	if (l->mode == MV_LEAKS_EXACT) {
		mv_build_clean(&b, MV_TEXT("exact: it stood for "));
		build_stood(&b, l->stopped_ns);
		mv_build_clean(&b, MV_TEXT(" while it was copied"));
	} else {
		if (l->rounds == 1)
			mv_build_clean(&b, MV_TEXT("one look, for it did not change meanwhile"));
		else
			mv_build_fmt(&b, "%u looks at the running process; lost is what all found lost",
				     l->rounds);
		mv_build_clean(&b, MV_TEXT("; it stood for "));
		build_stood(&b, l->stopped_ns);
		mv_build_clean(&b, MV_TEXT(" at most, for its registers"));
	}
	mv_build_fmt(&b, "; %.1f ms in all", (double)l->took_ns / 1e6);
	finish(p, &b);
}

static void print_seen(struct printing *p)
{
	const struct mv_leaks_head *l = p->l;
	const struct mv_heap_sum all = {l->blocks, l->bytes};
	struct mv_build b;

	label(p, MV_TEXT("in use"));
	mv_build_init(&b);
	build_sum(&b, &all);
	if (l->lost.blocks && l->bytes)
		mv_build_fmt(&b, "; lost %.1f %% of the bytes",
			     100.0 * (double)l->lost.bytes / (double)l->bytes);
	finish(p, &b);
	if (l->interior_only.blocks) {
		label(p, MV_TEXT("by the way"));
		mv_build_init(&b);
		build_sum(&b, &l->interior_only);
		mv_build_clean(&b,
			       MV_TEXT(" can only be reached by addresses inside them; not counted as lost"));
		finish(p, &b);
	}
	label(p, MV_TEXT("looked at"));
	mv_build_init(&b);
	mv_build_size(&b, l->scanned_bytes);
	mv_build_clean(
	    &b, MV_TEXT(" of words: registers, stacks, data, other memory, blocks that are reached; "));
	mv_build_count(&b, l->threads);
	mv_build_clean(&b, l->threads == 1 ? MV_TEXT(" thread") : MV_TEXT(" threads"));
	if (l->dead_stacks)
		mv_build_fmt(&b, "; not the stacks of %u that have ended", l->dead_stacks);
	finish(p, &b);
}

static void print_left_out(struct printing *p)
{
	const struct mv_leaks_head *l = p->l;
	struct mv_build b;

	label(p, MV_TEXT("left out"));
	mv_build_init(&b);
	if (l->swapped_bytes) {
		mv_build_size(&b, l->swapped_bytes);
		mv_build_clean(&b, MV_TEXT(" in swap, to be left there; "));
	}
	if (l->unreadable_bytes) {
		mv_build_size(&b, l->unreadable_bytes);
		mv_build_clean(&b, MV_TEXT(" that could not be read; "));
	}
	if (l->threads_unseen)
		mv_build_fmt(&b, "the registers of %u threads, which did not stop; ", l->threads_unseen);
	if (is_doubtful(l))
		mv_build_clean(&b, MV_TEXT("pointers there are not seen: some that seem lost may not be"));
	else
		mv_build_clean(&b, MV_TEXT("nothing that can hold a pointer"));
	finish(p, &b);
}

/* ---- groups ---- */

/* The file or memory that a group's first word points into; text NULL: not mapped any more. */
static struct mv_clean mapping_of(const struct mv_snapshot *snap, const struct mv_leaks_group *g)
{
	const uint32_t i = mv_snapshot_find(snap, g->first_word);

	if (!g->mapping || i >= mv_snapshot_count(snap))
		return (struct mv_clean){NULL};
	return mv_snapshot_name(snap, i);
}

void mv_batch_build_first_word(struct mv_build *b, const struct mv_snapshot *snap,
			       const struct mv_leak_group *g)
{
	const enum mv_first_word what = (enum mv_first_word)g->g.what;
	struct mv_clean name;

	if (g->name) {
		mv_build_clean(b, mv_snapshot_heap_text(snap, g->name));
		return;
	}
	if (what == MV_FIRST_TEXT && g->text) {
		mv_build_clean(b, MV_TEXT("characters: "));
		mv_build_clean(b, mv_snapshot_heap_text(snap, g->text));
		return;
	}
	if (what == MV_FIRST_IMAGE || what == MV_FIRST_MEMORY) {
		name = mapping_of(snap, &g->g);
		mv_build_fmt(b, "0x%llx in ", (unsigned long long)g->g.first_word);
		mv_build_clean(b, name.text && *name.text  ? name
				  : what == MV_FIRST_IMAGE ? MV_TEXT("a file that was mapped")
							   : MV_TEXT("anonymous memory"));
		return;
	}
	mv_build_clean(b, mv_clean_trusted(mv_first_words[what].words));
	if (what == MV_FIRST_NUMBER)
		mv_build_fmt(b, ": 0x%llx", (unsigned long long)g->g.first_word);
}

static void print_examples(struct printing *p, const struct mv_leaks_group *g)
{
	const uint32_t count = g->examples_count < MV_LEAKS_EXAMPLES ? g->examples_count : MV_LEAKS_EXAMPLES;

	if (!count)
		return;
	mv_out_char(p->out, ' ', 5);
	mv_out_clean(p->out, count < g->blocks ? MV_TEXT("as at") : MV_TEXT("at"));
	for (uint32_t i = 0; i < count && i < EXAMPLES_MAX; i++) {
		mv_out_ascii(p->out, " 0x", 3);
		mv_out_hex(p->out, g->examples[i], 1);
	}
	mv_out_char(p->out, '\n', 1);
}

static void print_number(struct printing *p, uint32_t index)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_fmt(&b, "#%u", index + 1);
	mv_out_field(p->out, mv_build_text(&b), 5);
}

static void print_group(struct printing *p, const struct mv_leak_group *g, uint32_t index)
{
	struct mv_build b;

	print_number(p, index);
	mv_out_count(p->out, g->g.blocks, 10);
	mv_out_size(p->out, g->g.bytes, 8);
	mv_out_count(p->out, g->g.size, 12);
	mv_out_count(p->out, g->g.direct_blocks, 10);
	mv_out_size(p->out, g->g.held_bytes, 8);
	mv_out_char(p->out, ' ', 2);
	mv_build_init(&b);
	mv_batch_build_first_word(&b, p->snap, g);
	finish(p, &b);
	print_examples(p, &g->g);
}

static void print_groups(struct printing *p)
{
	uint32_t count, left_out = p->l->groups_left_out;
	const struct mv_leak_group *g = mv_snapshot_leak_groups(p->snap, &count);
	struct mv_build b;

	if (!count)
		return;
	mv_out_line(
	    p->out,
	    MV_TEXT("\nLost blocks by size (malloc's header included) and what their first word is:"));
	mv_out_line(p->out, MV_TEXT("         BLOCKS   BYTES        SIZE    DIRECT    HOLD  FIRST WORD"));
	for (uint32_t i = 0; i < count && i < GROUPS_MAX; i++)
		print_group(p, &g[i], i);
	if (count > GROUPS_MAX || left_out) {
		mv_build_init(&b);
		mv_build_count(&b, (uint64_t)left_out + (count > GROUPS_MAX ? count - GROUPS_MAX : 0));
		mv_build_clean(&b, MV_TEXT(" smaller groups more"));
		if (count > GROUPS_MAX)
			mv_build_fmt(&b, "; --json lists %u", count);
		finish(p, &b);
	}
	mv_out_line(
	    p->out,
	    MV_TEXT("DIRECT: nothing points to these. HOLD: what else hangs off them, over all levels."));
}

static void print_links(struct printing *p)
{
	uint32_t count;
	const struct mv_leaks_link *l = mv_snapshot_leak_links(p->snap, &count);
	struct mv_build b;

	if (!count)
		return;
	mv_out_line(p->out, MV_TEXT("\nHow they hang together:"));
	for (uint32_t i = 0; i < count && i < LINKS_MAX; i++) {
		const struct mv_heap_sum sum = {l[i].blocks, l[i].bytes};

		mv_build_init(&b);
		mv_build_fmt(&b, "#%u > #%u   ", l[i].from + 1, l[i].to + 1);
		mv_build_pad(&b, 14);
		build_sum(&b, &sum);
		mv_build_fmt(&b, ", by the pointer at +%llu", (unsigned long long)l[i].offset);
		finish(p, &b);
	}
	if (count > LINKS_MAX) {
		mv_build_init(&b);
		mv_build_count(&b, count - LINKS_MAX);
		mv_build_clean(&b, MV_TEXT(" more; --json lists all"));
		finish(p, &b);
	}
}

/* ---- all of it ---- */

static void print_refusal(struct printing *p)
{
	const struct mv_clean none = mv_batch_no_memory(p->snap);
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("can't tell what is lost: "));
	if (none.text)
		mv_build_clean(&b, none);
	else
		mv_batch_leaks_why(&b, p->snap);
	finish(p, &b);
}

int mv_batch_print_leaks(struct mv_out *out, const struct mv_snapshot *snap,
			 const struct mv_batch_growth *growth)
{
	struct printing p = {.out = out, .snap = snap, .l = &snap->leaks};

	if (mv_leaks_have(snap))
		print_verdict(&p);
	else
		print_refusal(&p);
	print_identity(&p);
	if (mv_leaks_have(snap)) {
		print_seen(&p);
		print_how(&p);
		print_left_out(&p);
		print_groups(&p);
		print_links(&p);
	}
	return growth ? mv_batch_print_growth(out, growth) : 0;
}
