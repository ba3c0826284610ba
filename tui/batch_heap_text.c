/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>

#include "core/text.h"
#include "tui/batch_heap.h"

/*
 * memview heap, as text: whose heap it is, what malloc has taken and what became of it, then arenas, block
 * sizes and other allocators. Figures are those of the target's malloc, its headers included.
 */

#define LABEL_COLUMNS 12
#define ARENAS_MAX    16
#define SIZES_MAX     24

struct printing {
	struct mv_out *out;
	const struct mv_snapshot *snap;
	const struct mv_heap_head *h;
};

void mv_batch_build_blocks(struct mv_build *b, uint64_t blocks)
{
	mv_build_count(b, blocks);
	mv_build_clean(b, blocks == 1 ? MV_TEXT(" block") : MV_TEXT(" blocks"));
}

void mv_batch_build_size_class(struct mv_build *b, const struct mv_heap_size *z)
{
	mv_build_count(b, z->first);
	if (z->last == z->first)
		return;
	mv_build_clean(b, MV_TEXT(" to "));
	mv_build_count(b, z->last);
}

static void finish(struct printing *p, const struct mv_build *b)
{
	mv_out_line(p->out, mv_build_text(b));
}

static void label(struct printing *p, struct mv_clean text)
{
	mv_out_field(p->out, text, LABEL_COLUMNS);
}

/* ---- the whole ---- */

static void print_identity(struct printing *p)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, mv_snapshot_title(p->snap));
	mv_build_fmt(&b, " %d   malloc heap   ", p->snap->stat.pid);
	mv_out_build_time(&b, p->snap->taken_real_ns);
	finish(p, &b);
}

static void print_allocator(struct printing *p)
{
	struct mv_build b;

	label(p, MV_TEXT("allocator"));
	mv_build_init(&b);
	mv_batch_heap_version(&b, p->h);
	mv_build_clean(&b, MV_TEXT(", by the layout of its structures"));
	finish(p, &b);
	label(p, MV_TEXT("taken"));
	mv_build_init(&b);
	mv_build_size(&b, p->h->system_bytes);
	mv_build_fmt(&b, " from the system by %u arena", (unsigned)p->snap->heap_arenas.count);
	mv_build_clean(&b, p->snap->heap_arenas.count == 1 ? MV_TEXT(", ") : MV_TEXT("s, "));
	mv_build_size(&b, p->h->resident_bytes);
	mv_build_clean(&b, MV_TEXT(" of it in RAM"));
	finish(p, &b);
}

static void add_resident(struct mv_build *b, uint64_t bytes)
{
	mv_build_clean(b, MV_TEXT("; "));
	mv_build_size(b, bytes);
	mv_build_clean(b, MV_TEXT(" of it in RAM, in whole pages"));
}

/* What is special about one state's blocks. */
static void add_note(struct mv_build *b, const struct mv_heap_head *h, enum mv_block_state state)
{
	switch (state) {
	case MV_BLOCK_FREE:
		add_resident(b, h->free_resident_bytes);
		if (h->max_free_bytes) {
			mv_build_clean(b, MV_TEXT("; the largest "));
			mv_build_size(b, h->max_free_bytes);
		}
		return;
	case MV_BLOCK_TOP:
		add_resident(b, h->top_resident_bytes);
		return;
	case MV_BLOCK_TCACHE:
		mv_build_fmt(b, "; of %u thread", h->tcaches);
		mv_build_clean(b, h->tcaches == 1 ? MV_TEXT("") : MV_TEXT("s"));
		return;
	case MV_BLOCK_MMAPPED:
		if (!h->mmapped_found) {
			mv_build_clean(b, MV_TEXT("; malloc itself counts "));
			mv_batch_build_blocks(b, h->mallinfo.hblks);
			mv_build_clean(b, MV_TEXT(", "));
			mv_build_size(b, h->mallinfo.hblkhd);
		}
		return;
	default:
		return;
	}
}

static void print_states(struct printing *p)
{
	struct mv_build b;

	mv_out_line(p->out, MV_TEXT("\n                  BLOCKS   BYTES"));
	for (int s = 0; s < MV_BLOCK__N; s++) {
		const struct mv_heap_sum *sum = &p->h->sum[s];

		mv_out_field(p->out, mv_clean_trusted(mv_block_states[s].caption), LABEL_COLUMNS);
		mv_out_count(p->out, sum->blocks, 12);
		mv_out_size(p->out, sum->bytes, 8);
		mv_out_char(p->out, ' ', 2);
		mv_build_init(&b);
		mv_build_clean(&b, mv_clean_trusted(mv_block_states[s].meaning));
		if (sum->blocks || (s == MV_BLOCK_MMAPPED && p->h->mallinfo.hblks))
			add_note(&b, p->h, (enum mv_block_state)s);
		finish(p, &b);
	}
}

static void print_fragmentation(struct printing *p)
{
	const struct mv_heap_head *h = p->h;
	const uint64_t free_bytes =
	    h->sum[MV_BLOCK_FREE].bytes + h->sum[MV_BLOCK_TCACHE].bytes + h->sum[MV_BLOCK_FASTBIN].bytes;
	struct mv_build b;

	mv_out_char(p->out, '\n', 1);
	label(p, MV_TEXT("fragmented"));
	mv_build_init(&b);
	if (free_bytes)
		mv_build_fmt(&b, "%.1f %% of the free bytes are not in the largest free block",
			     h->fragmentation / 10.0);
	else
		mv_build_clean(&b, MV_TEXT("nothing is free"));
	finish(p, &b);
	label(p, MV_TEXT("trimmable"));
	mv_build_init(&b);
	mv_build_size(&b, h->trimmable_bytes);
	mv_build_clean(&b, MV_TEXT(" of RAM would go back to the system by malloc_trim(0)"));
	finish(p, &b);
}

static void print_mallinfo(struct printing *p)
{
	struct mv_build b;

	label(p, MV_TEXT("mallinfo2"));
	mv_build_init(&b);
#define X(field) \
	mv_build_clean(&b, b.len ? MV_TEXT("  " #field " ") : MV_TEXT(#field " ")); \
	mv_build_fmt(&b, "%llu", (unsigned long long)p->h->mallinfo.field);
	MV_MALLINFO_FIELDS(X)
#undef X
	finish(p, &b);
}

static void print_doubts(struct printing *p)
{
	const struct mv_heap_head *h = p->h;
	struct mv_build b;

	label(p, MV_TEXT("read"));
	mv_build_init(&b);
	mv_build_fmt(&b, "in %.1f ms", (double)h->took_ns / 1e6);
	if (h->tries > 1)
		mv_build_fmt(&b, ", at the %u. try", h->tries);
	mv_build_clean(&b, h->still
			       ? MV_TEXT("; it did not change meanwhile")
			       : MV_TEXT("; it changed meanwhile: the figures are of that time, not of one "
					 "moment"));
	finish(p, &b);
	if (!h->caches_exact) {
		label(p, MV_TEXT(""));
		mv_out_line(p->out, MV_TEXT("a block that moved just then may count as in use or as tcache"));
	}
}

/* ---- tables ---- */

static void print_arena(struct printing *p, const struct mv_heap_arena *a)
{
	mv_out_size(p->out, a->system_bytes, 8);
	mv_out_size(p->out, a->resident_bytes, 8);
	mv_out_count(p->out, a->sum[MV_BLOCK_IN_USE].blocks, 12);
	mv_out_size(p->out, a->sum[MV_BLOCK_IN_USE].bytes, 8);
	mv_out_size(p->out, a->sum[MV_BLOCK_FREE].bytes, 8);
	mv_out_size(p->out, a->sum[MV_BLOCK_TCACHE].bytes + a->sum[MV_BLOCK_FASTBIN].bytes, 8);
	mv_out_size(p->out, a->sum[MV_BLOCK_TOP].bytes, 8);
	mv_out_size(p->out, a->trimmable_bytes, 8);
	mv_out_char(p->out, ' ', 2);
	mv_out_hex(p->out, a->address, 12);
	mv_out_clean(p->out, a->is_main ? MV_TEXT("  main") : MV_TEXT(""));
	mv_out_clean(p->out, a->is_main && !a->contiguous ? MV_TEXT(", not contiguous: sbrk was refused")
							  : MV_TEXT(""));
	mv_out_char(p->out, '\n', 1);
}

static void print_arenas(struct printing *p)
{
	uint32_t count;
	const struct mv_heap_arena *a = mv_snapshot_heap_arenas(p->snap, &count);
	struct mv_build b;

	if (!count)
		return;
	mv_out_line(p->out, MV_TEXT("\nArenas:"));
	mv_out_line(p->out, MV_TEXT("   TAKEN  IN RAM      BLOCKS  IN USE    FREE  CACHED     TOP    TRIM  "
				    "ADDRESS"));
	for (uint32_t i = 0; i < count && i < ARENAS_MAX; i++)
		print_arena(p, &a[i]);
	if (count > ARENAS_MAX) {
		mv_build_init(&b);
		mv_build_count(&b, count - ARENAS_MAX);
		mv_build_clean(&b, MV_TEXT(" more; --json lists all"));
		finish(p, &b);
	}
}

static int by_bytes(const void *a, const void *b)
{
	const struct mv_heap_size *x = *(const struct mv_heap_size *const *)a;
	const struct mv_heap_size *y = *(const struct mv_heap_size *const *)b;

	if (x->c.used_bytes != y->c.used_bytes)
		return x->c.used_bytes < y->c.used_bytes ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

static void print_size(struct printing *p, const struct mv_heap_size *z, uint64_t all_bytes)
{
	struct mv_build b;

	mv_out_count(p->out, z->c.used_blocks, 12);
	mv_out_size(p->out, z->c.used_bytes, 8);
	mv_build_init(&b);
	mv_build_fmt(&b, "%.1f%%", all_bytes ? 100.0 * (double)z->c.used_bytes / (double)all_bytes : 0.0);
	mv_out_right(p->out, mv_build_text(&b), 7);
	mv_out_count(p->out, z->c.free_blocks, 12);
	mv_out_size(p->out, z->c.free_bytes, 8);
	mv_out_char(p->out, ' ', 2);
	mv_build_init(&b);
	mv_batch_build_size_class(&b, z);
	finish(p, &b);
}

static void print_rest(struct printing *p, const struct mv_heap_size *const *sizes, uint32_t count)
{
	uint64_t bytes = 0;
	struct mv_build b;

	for (uint32_t i = 0; i < count; i++)
		bytes += sizes[i]->c.used_bytes;
	mv_build_init(&b);
	mv_build_count(&b, count);
	mv_build_clean(&b, MV_TEXT(" more sizes, "));
	mv_build_size(&b, bytes);
	mv_build_clean(&b, MV_TEXT(" in use; --json lists all"));
	finish(p, &b);
}

static int print_sizes(struct printing *p)
{
	uint32_t count;
	const struct mv_heap_size *sizes = mv_snapshot_heap_sizes(p->snap, &count);
	const struct mv_heap_size **order;
	uint64_t all = 0;

	if (!count)
		return 0;
	order = calloc(count, sizeof(*order));
	if (!order)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		order[i] = &sizes[i];
		all += sizes[i].c.used_bytes;
	}
	qsort(order, count, sizeof(*order), by_bytes);
	mv_out_line(p->out,
		    MV_TEXT("\nBy block size, malloc's header included (shares are of bytes in use):"));
	mv_out_line(p->out, MV_TEXT("      IN USE   BYTES  SHARE        FREE   BYTES  SIZE"));
	for (uint32_t i = 0; i < count && i < SIZES_MAX; i++)
		print_size(p, order[i], all);
	if (count > SIZES_MAX)
		print_rest(p, order + SIZES_MAX, count - SIZES_MAX);
	free(order);
	return 0;
}

static void print_owners(struct printing *p)
{
	uint32_t count;
	const struct mv_heap_owner *o = mv_snapshot_heap_owners(p->snap, &count);
	struct mv_build b;

	if (!count)
		return;
	mv_out_line(p->out, MV_TEXT("\nOther allocators and runtimes, by the names of mappings:"));
	for (uint32_t i = 0; i < count; i++) {
		mv_out_char(p->out, ' ', 2);
		mv_out_field(p->out, mv_clean_trusted(mv_allocator_name((enum mv_allocator)o[i].allocator)),
			     20);
		mv_build_init(&b);
		if (mv_have(&o[i].bytes)) {
			mv_build_size(&b, o[i].bytes.value);
			mv_build_clean(&b, MV_TEXT(" of addresses in "));
			mv_build_count(&b, o[i].mappings);
			mv_build_clean(&b, o[i].mappings == 1 ? MV_TEXT(" mapping") : MV_TEXT(" mappings"));
			if (o[i].guessed)
				mv_build_clean(&b, MV_TEXT(" (guessed: they are nobody else's)"));
		} else {
			mv_build_clean(&b, MV_TEXT("which mappings are its own is not known"));
		}
		finish(p, &b);
	}
}

static void print_refusal(struct printing *p)
{
	const struct mv_clean none = mv_batch_no_memory(p->snap);
	struct mv_build b;

	if (none.text) {
		mv_out_line(p->out, none);
		return;
	}
	label(p, MV_TEXT("heap"));
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("- ("));
	mv_batch_heap_why(&b, p->snap);
	mv_build_clean(&b, MV_TEXT(")"));
	finish(p, &b);
}

int mv_batch_print_heap(struct mv_out *out, const struct mv_snapshot *snap)
{
	struct printing p = {.out = out, .snap = snap, .h = &snap->heap};
	int err = 0;

	print_identity(&p);
	if (mv_batch_heap_reason(snap) != MV_HEAP_HAVE) {
		print_refusal(&p);
	} else {
		print_allocator(&p);
		print_states(&p);
		print_fragmentation(&p);
		print_mallinfo(&p);
		print_doubts(&p);
		print_arenas(&p);
		err = print_sizes(&p);
	}
	print_owners(&p);
	return err;
}
