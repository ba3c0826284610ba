/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tui/batch_heap.h"

/*
 * memview heap: the malloc heap of a process read once, printed as text (batch_heap_text.c) or as JSON
 * (schema memview.heap/1). The target goes on meanwhile.
 */

/* ---- why there are no figures ---- */

enum mv_heap_reason mv_batch_heap_reason(const struct mv_snapshot *snap)
{
	const struct mv_heap_head *h = &snap->heap;

	if (h->at_ns && h->reason == MV_HEAP_HAVE)
		return MV_HEAP_HAVE;
	/* Asked for, and not begun: nothing could be read at all. */
	if (h->reason == MV_HEAP_HAVE || h->reason == MV_HEAP_NOT_READ || h->reason >= MV_HEAP__N)
		return snap->life == MV_LIFE_GONE ? MV_HEAP_GONE : MV_HEAP_IO;
	return (enum mv_heap_reason)h->reason;
}

void mv_batch_build_break(struct mv_build *b, const struct mv_heap_head *h)
{
	if (h->broke_at)
		mv_build_fmt(b, "; at 0x%llx", (unsigned long long)h->broke_at);
	if (h->broke_at && h->broke_after)
		mv_build_fmt(b, ", the block after 0x%llx", (unsigned long long)h->broke_after);
}

void mv_batch_heap_why(struct mv_build *b, const struct mv_snapshot *snap)
{
	const struct mv_heap_head *h = &snap->heap;
	const enum mv_heap_reason reason = mv_batch_heap_reason(snap);

	if (reason == MV_HEAP_OTHER && h->allocator != MV_ALLOCATOR_NONE && h->allocator < MV_ALLOCATOR__N) {
		mv_build_clean(b, MV_TEXT("another allocator than glibc's is in use: "));
		mv_build_clean(b, mv_clean_trusted(mv_allocator_name((enum mv_allocator)h->allocator)));
		return;
	}
	mv_build_clean(b, mv_clean_trusted(mv_heap_reason_text(reason)));
	if (reason != MV_HEAP_CORRUPT && reason != MV_HEAP_CHANGING && reason != MV_HEAP_SWAPPED)
		return;
	mv_batch_build_break(b, h);
}

void mv_batch_heap_version(struct mv_build *b, const struct mv_heap_head *h)
{
	const uint32_t first = h->version_first, last = h->version_last;

	mv_build_clean(b, MV_TEXT("glibc"));
	if (first > last || (first == 0 && last == UINT32_MAX))
		return;
	mv_build_fmt(b, " 2.%u", first ? first : last);
	if (first == 0)
		mv_build_clean(b, MV_TEXT(" or older"));
	else if (last == UINT32_MAX)
		mv_build_clean(b, MV_TEXT(" or newer"));
	else if (last != first)
		mv_build_fmt(b, " to 2.%u", last);
}

/* ---- JSON ---- */

json_t *mv_json_heap_sum(const struct mv_heap_sum *sum)
{
	json_t *object = json_object();

	mv_json_set(object, "blocks", mv_json_number(sum->blocks));
	mv_json_set(object, "bytes", mv_json_number(sum->bytes));
	return object;
}

static json_t *sum_and_resident(const struct mv_heap_sum *sum, uint64_t resident_bytes)
{
	json_t *object = mv_json_heap_sum(sum);

	mv_json_set(object, "resident_bytes", mv_json_number(resident_bytes));
	return object;
}

static json_t *arena_object(const struct mv_heap_arena *a)
{
	json_t *arena = json_object();

	mv_json_set(arena, "address", mv_json_address(a->address));
	mv_json_set(arena, "main", json_boolean(a->is_main));
	mv_json_set(arena, "contiguous", json_boolean(a->contiguous));
	mv_json_set(arena, "segments", json_integer(a->segments));
	mv_json_set(arena, "system_bytes", mv_json_number(a->system_bytes));
	mv_json_set(arena, "foreign_bytes", mv_json_number(a->foreign_bytes));
	mv_json_set(arena, "resident_bytes", mv_json_number(a->resident_bytes));
	mv_json_set(arena, "trimmable_bytes", mv_json_number(a->trimmable_bytes));
	mv_json_set(arena, "max_free_bytes", mv_json_number(a->max_free_bytes));
	mv_json_set(arena, "in_use", mv_json_heap_sum(&a->sum[MV_BLOCK_IN_USE]));
	mv_json_set(arena, "free", sum_and_resident(&a->sum[MV_BLOCK_FREE], a->free_resident_bytes));
	mv_json_set(arena, "tcache", mv_json_heap_sum(&a->sum[MV_BLOCK_TCACHE]));
	mv_json_set(arena, "fastbins", mv_json_heap_sum(&a->sum[MV_BLOCK_FASTBIN]));
	mv_json_set(arena, "top", sum_and_resident(&a->sum[MV_BLOCK_TOP], a->top_resident_bytes));
	mv_json_set(arena, "own", mv_json_heap_sum(&a->sum[MV_BLOCK_OWN]));
	return arena;
}

static json_t *mallinfo_object(const struct mv_mallinfo *m)
{
	json_t *object = json_object();

#define X(field) mv_json_set(object, #field, mv_json_number(m->field));
	MV_MALLINFO_FIELDS(X)
#undef X
	return object;
}

json_t *mv_json_heap_size(const struct mv_heap_size *z)
{
	json_t *size = json_object();

	mv_json_set(size, "size", mv_json_number(z->first));
	mv_json_set(size, "size_max", mv_json_number(z->last));
	mv_json_set(size, "blocks", mv_json_number(z->c.used_blocks));
	mv_json_set(size, "bytes", mv_json_number(z->c.used_bytes));
	mv_json_set(size, "free_blocks", mv_json_number(z->c.free_blocks));
	mv_json_set(size, "free_bytes", mv_json_number(z->c.free_bytes));
	return size;
}

static json_t *owners_array(const struct mv_snapshot *snap)
{
	uint32_t count;
	const struct mv_heap_owner *o = mv_snapshot_heap_owners(snap, &count);
	json_t *owners = json_array();

	for (uint32_t i = 0; i < count; i++) {
		json_t *owner = json_object();

		mv_json_set(owner, "allocator",
			    json_string_nocheck(mv_allocator_json((enum mv_allocator)o[i].allocator)));
		mv_json_set(owner, "mappings", json_integer(o[i].mappings));
		mv_json_set(owner, "bytes", mv_json_val(&o[i].bytes));
		mv_json_set(owner, "guessed", json_boolean(o[i].guessed));
		mv_json_append(owners, owner);
	}
	return owners;
}

/* Keys and values of a reading; all null when there is none. */
static void set_figures(json_t *head, const struct mv_heap_head *h, bool have)
{
	mv_json_set(head, "system_bytes", have ? mv_json_number(h->system_bytes) : json_null());
	mv_json_set(head, "resident_bytes", have ? mv_json_number(h->resident_bytes) : json_null());
	mv_json_set(head, "in_use", have ? mv_json_heap_sum(&h->sum[MV_BLOCK_IN_USE]) : json_null());
	mv_json_set(head, "free",
		    have ? sum_and_resident(&h->sum[MV_BLOCK_FREE], h->free_resident_bytes) : json_null());
	mv_json_set(head, "tcache", have ? mv_json_heap_sum(&h->sum[MV_BLOCK_TCACHE]) : json_null());
	mv_json_set(head, "fastbins", have ? mv_json_heap_sum(&h->sum[MV_BLOCK_FASTBIN]) : json_null());
	mv_json_set(head, "top",
		    have ? sum_and_resident(&h->sum[MV_BLOCK_TOP], h->top_resident_bytes) : json_null());
	mv_json_set(head, "mmapped", have ? mv_json_heap_sum(&h->sum[MV_BLOCK_MMAPPED]) : json_null());
	mv_json_set(head, "own", have ? mv_json_heap_sum(&h->sum[MV_BLOCK_OWN]) : json_null());
	mv_json_set(head, "trimmable_bytes", have ? mv_json_number(h->trimmable_bytes) : json_null());
	mv_json_set(head, "max_free_bytes", have ? mv_json_number(h->max_free_bytes) : json_null());
	mv_json_set(head, "fragmentation", have ? json_real(h->fragmentation / 1000.0) : json_null());
	mv_json_set(head, "tcaches", have ? json_integer(h->tcaches) : json_null());
	mv_json_set(head, "mallinfo2", have ? mallinfo_object(&h->mallinfo) : json_null());
	mv_json_set(head, "still", have ? json_boolean(h->still) : json_null());
	mv_json_set(head, "caches_exact", have ? json_boolean(h->caches_exact) : json_null());
	mv_json_set(head, "mmapped_found", have ? json_boolean(h->mmapped_found) : json_null());
	mv_json_set(head, "took_ns", have ? mv_json_number(h->took_ns) : json_null());
	mv_json_set(head, "tries", have ? json_integer(h->tries) : json_null());
}

static json_t *head_object(const struct mv_json *j)
{
	const struct mv_heap_head *h = &j->snap->heap;
	const bool have = mv_batch_heap_reason(j->snap) == MV_HEAP_HAVE;
	const bool known = h->allocator != MV_ALLOCATOR_NONE && h->allocator < MV_ALLOCATOR__N;
	json_t *head = json_object();
	struct mv_build b;

	mv_json_set_origin(head, "memview.heap/1", j->snap);
	mv_json_set(head, "pid", json_integer(j->pid));
	mv_json_set(head, "name", mv_json_text(mv_snapshot_title(j->snap)));
	mv_json_set(head, "allocator",
		    known ? json_string_nocheck(mv_allocator_json((enum mv_allocator)h->allocator))
			  : json_null());
	mv_build_init(&b);
	mv_batch_heap_version(&b, h);
	mv_json_set(head, "version_guess", have ? mv_json_text(mv_build_text(&b)) : json_null());
	set_figures(head, h, have);
	mv_json_set(head, "owners", owners_array(j->snap));
	return head;
}

static json_t *unavailable_array(const struct mv_snapshot *s)
{
	json_t *list = json_array();
	struct mv_build b;

	if (mv_json_is_unavailable(s->part_why[MV_PART_MAPS]))
		mv_json_unavailable(list, mv_part_name(MV_PART_MAPS),
				    mv_why_text((enum mv_why)s->part_why[MV_PART_MAPS]));
	if (mv_batch_heap_reason(s) != MV_HEAP_HAVE) {
		mv_build_init(&b);
		mv_batch_heap_why(&b, s);
		mv_json_unavailable(list, "heap", mv_build_text(&b).text);
	} else if (!s->heap.mmapped_found) {
		mv_json_unavailable(
		    list, "mmapped",
		    "not each mmapped block was found: sizes lack some of them, mallinfo2 does not");
	}
	return list;
}

void mv_json_give_heap(struct mv_json *j)
{
	const bool have = mv_batch_heap_reason(j->snap) == MV_HEAP_HAVE;
	uint32_t arenas_count, sizes_count;
	const struct mv_heap_arena *arenas = mv_snapshot_heap_arenas(j->snap, &arenas_count);
	const struct mv_heap_size *sizes = mv_snapshot_heap_sizes(j->snap, &sizes_count);

	mv_json_give_open(j, head_object(j));
	mv_json_literal(j, have ? ",\n\"arenas\": [" : ",\n\"arenas\": null");
	for (uint32_t i = 0; have && i < arenas_count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, arena_object(&arenas[i]));
	}
	mv_json_literal(j, have ? "],\n\"sizes\": [" : ",\n\"sizes\": null");
	for (uint32_t i = 0; have && i < sizes_count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, mv_json_heap_size(&sizes[i]));
	}
	mv_json_literal(j, have ? "],\n\"unavailable\": " : ",\n\"unavailable\": ");
	mv_json_give(j, unavailable_array(j->snap));
	mv_json_literal(j, "}\n");
}

/* ---- the command ---- */

int mv_batch_heap_judge(const struct mv_batch *batch, const struct mv_snapshot *snap)
{
	const struct mv_clean none = mv_batch_no_memory(snap);
	const int pid = mv_batch_pid(batch);
	const enum mv_heap_reason reason = mv_batch_heap_reason(snap);
	struct mv_build b;
	int status;

	if (none.text) {
		fprintf(stderr, "memview: the heap of %d can't be read: %s\n", pid, none.text);
		return MV_EXIT_COULD_NOT;
	}
	status = mv_batch_judge(batch, snap);
	if (status || reason == MV_HEAP_HAVE)
		return status;
	if (reason == MV_HEAP_GONE)
		return mv_choose_ended(pid);
	mv_build_init(&b);
	mv_batch_heap_why(&b, snap);
	fprintf(stderr, "memview: the heap of %d can't be read: %s", pid, mv_build_text(&b).text);
	if (reason == MV_HEAP_NOT_ALLOWED && geteuid() != 0)
		fprintf(stderr, "; try sudo memview heap %d", pid);
	fputc('\n', stderr);
	return MV_EXIT_COULD_NOT;
}

static int print(struct mv_json *j, bool json)
{
	if (json)
		mv_json_give_heap(j);
	else if (mv_batch_print_heap(&j->out, j->snap) < 0)
		j->failed = true;
	return mv_json_end(j, MV_EXIT_DONE);
}

int mv_batch_heap(const struct mv_options *options)
{
	struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_HEAP};
	struct mv_json j = {0};
	struct mv_batch *batch;
	int printed, status;

	if (options->json)
		mv_json_begin();
	status = mv_batch_open(options, &batch);
	if (status)
		return status;
	j.pid = mv_batch_pid(batch);
	status = mv_out_init(&j.out, STDOUT_FILENO);
	if (!status)
		status = mv_batch_take(batch, &want, &j.snap);
	if (!status) {
		status = mv_batch_heap_judge(batch, j.snap);
		printed = status == MV_EXIT_ENDED ? status : print(&j, options->json);
		status = status ? status : printed;
	}
	mv_out_release(&j.out);
	mv_batch_close(batch);
	return status;
}
