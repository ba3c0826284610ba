/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/heap_private.h"
#include "core/stat.h"

/* A reading, from finding the heap to figures that add up, tried again while it changes. */

#define TRIES	    5u
#define EXACT_TRIES 3u /* for tcaches that agree with their counts */

const struct mv_block_state_info mv_block_states[MV_BLOCK__N] = {
#define X(id, json, caption, meaning) [MV_BLOCK_##id] = {json, caption, meaning},
    MV_BLOCK_STATES(X)
#undef X
};

const char *mv_heap_reason_text(enum mv_heap_reason reason)
{
	static const char *const texts[MV_HEAP__N] = {
#define X(id, json, text) [MV_HEAP_##id] = text,
		MV_HEAP_REASONS(X)
#undef X
	};
	return reason < MV_HEAP__N ? texts[reason] : "";
}

const char *mv_heap_reason_json(enum mv_heap_reason reason)
{
	static const char *const texts[MV_HEAP__N] = {
#define X(id, json, text) [MV_HEAP_##id] = json,
		MV_HEAP_REASONS(X)
#undef X
	};
	return reason < MV_HEAP__N ? texts[reason] : "";
}

enum mv_heap_reason heap_reason_of(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return MV_HEAP_NOT_ALLOWED;
	case -ESRCH:
		return MV_HEAP_GONE;
	case -ENOMEM:
		return MV_HEAP_TOO_BIG;
	case -ETIMEDOUT:
		return MV_HEAP_LATE;
	case -EFAULT: /* what was there a moment ago */
		return MV_HEAP_CHANGING;
	default:
		return MV_HEAP_IO;
	}
}

void mv_heap_init(struct mv_heap *heap)
{
	memset(heap, 0, sizeof(*heap));
}

void mv_heap_release(struct mv_heap *heap)
{
	if (heap->blocks)
		munmap(heap->blocks, heap->block_room * sizeof(*heap->blocks));
	if (heap->index_memory)
		munmap(heap->index_memory, heap->index_room);
	free(heap->regions);
	free(heap->arenas);
	mv_heap_init(heap);
}

struct mv_clean mv_heap_version(const struct mv_heap *heap, char out[static 48])
{
	const uint32_t first = heap->version_first, last = heap->version_last;
	int n;

	if (first > last || (first == 0 && last == UINT32_MAX))
		n = snprintf(out, 48, "glibc");
	else if (first == 0)
		n = snprintf(out, 48, "glibc 2.%u or older", last);
	else if (last == UINT32_MAX)
		n = snprintf(out, 48, "glibc 2.%u or newer", first);
	else if (first == last)
		n = snprintf(out, 48, "glibc 2.%u", first);
	else
		n = snprintf(out, 48, "glibc 2.%u to 2.%u", first, last);
	(void)n;
	return mv_clean_trusted(out);
}

struct mv_clean mv_heap_words(const struct mv_heap *heap, char out[static 160])
{
	const char *text = mv_heap_reason_text(heap->reason);
	char name[48] = "";

	if (heap->reason == MV_HEAP_OTHER)
		snprintf(out, 160, "not glibc's malloc: %s", mv_allocator_name(heap->allocator));
	else if (heap->reason == MV_HEAP_CORRUPT && heap->broke_after)
		snprintf(out, 160, "the chain of blocks breaks at 0x%llx, after 0x%llx: it is corrupt",
			 (unsigned long long)heap->broke_at, (unsigned long long)heap->broke_after);
	else if (heap->reason == MV_HEAP_CORRUPT && heap->broke_at)
		snprintf(out, 160, "the chain of blocks breaks at 0x%llx: it is corrupt",
			 (unsigned long long)heap->broke_at);
	else if (heap->reason == MV_HEAP_HAVE)
		snprintf(out, 160, "%s", mv_heap_version(heap, name).text);
	else
		snprintf(out, 160, "%s", text);
	return mv_clean_trusted(out);
}

/* ---- whose it is ---- */

/* No malloc_state in use was found: who else allocates? */
static enum mv_heap_reason other(struct mv_heap *heap, enum mv_heap_reason reason)
{
	for (uint32_t i = 0; i < heap->owners.count; i++)
		switch ((enum mv_allocator)heap->owners.at[i].allocator) {
		case MV_ALLOCATOR_MUSL:
		case MV_ALLOCATOR_JEMALLOC:
		case MV_ALLOCATOR_TCMALLOC:
		case MV_ALLOCATOR_MIMALLOC:
		case MV_ALLOCATOR_GO:
			heap->allocator = heap->owners.at[i].allocator;
			return MV_HEAP_OTHER;
		default:
			break;
		}
	heap->allocator = heap->owners.glibc ? MV_ALLOCATOR_GLIBC : MV_ALLOCATOR_NONE;
	return heap->owners.glibc ? MV_HEAP_NO_HEAP : reason;
}

enum mv_heap_reason mv_heap_seek(struct mv_target *target, const struct mv_maps *maps,
				 struct mv_heap_where *where, struct mv_heap *heap)
{
	enum mv_heap_reason reason;

	mv_heap_owners_see(maps, &heap->owners);
	reason = heap->owners.bits32 ? MV_HEAP_BITS32 : mv_heap_locate(target, maps, where);
	return reason == MV_HEAP_UNKNOWN || reason == MV_HEAP_NO_HEAP ? other(heap, reason) : reason;
}

/* ---- reading ---- */

struct reading {
	struct mv_source *source;
	struct mv_target *target;
	const struct mv_heap_opts *opts;
	struct mv_heap_where *where;
	struct mv_memcopy *copy;
	struct mv_heap *heap;
	struct mv_range *ranges;
	size_t range_count;
};

static enum mv_heap_reason find(struct reading *r)
{
	enum mv_heap_reason reason;
	struct mv_maps maps;
	struct mv_stat stat;
	int err = mv_stat_read(r->target, &stat);

	/* A zombie's memory is gone, whatever its files say. */
	if (err == -ESRCH || (err == 0 && (stat.state == 'Z' || stat.state == 'X')))
		return MV_HEAP_GONE;
	mv_maps_init(&maps);
	err = mv_maps_read(r->target, &maps, NULL, 0);
	reason = err < 0 ? heap_reason_of(err) : mv_heap_seek(r->target, &maps, r->where, r->heap);
	mv_maps_release(&maps);
	return reason;
}

/* How much we may still take; what a kept copy holds already is in it. */
static uint64_t limit_bytes(const struct reading *r)
{
	uint64_t room = 0, held = r->heap->block_room * sizeof(struct mv_block);

	if (r->opts->limit_bytes)
		return r->opts->limit_bytes;
	for (size_t i = 0; i < r->copy->count; i++)
		held += r->copy->at[i].present_bytes;
	if (mv_memcopy_room(r->source, &room) < 0)
		return UINT64_MAX / 2;
	return room / 4 * 3 + held;
}

static enum mv_heap_reason plan(struct reading *r, uint64_t *ret_left)
{
	const size_t n = mv_heap_ranges(r->where, r->opts->whole, NULL, 0);
	struct mv_range *ranges = reallocarray(r->ranges, n ? n : 1, sizeof(*ranges));
	struct mv_memcopy_cost cost;
	uint64_t limit, bytes;
	int err;

	if (!ranges)
		return MV_HEAP_TOO_BIG;
	r->ranges = ranges;
	r->range_count = mv_heap_ranges(r->where, r->opts->whole, ranges, n);
	err = mv_memcopy_cost(r->target, ranges, r->range_count, &cost);
	if (err < 0)
		return heap_reason_of(err);
	limit = limit_bytes(r);
	bytes = cost.present_bytes - cost.zero_bytes;
	if (bytes > limit)
		return MV_HEAP_TOO_BIG;
	*ret_left = limit - bytes;
	err = mv_memcopy_plan(r->copy, ranges, r->range_count);
	r->copy->deadline_ns = r->opts->deadline_ns;
	if (err == 0)
		err = mv_memcopy_prefault(r->copy, r->target);
	return err < 0 ? heap_reason_of(err) : MV_HEAP_HAVE;
}

static enum mv_heap_reason once(struct reading *r)
{
	struct mv_heap *heap = r->heap;
	enum mv_heap_reason reason = find(r);
	uint64_t left = 0, hash;
	int err;

	heap->still = false;
	if (reason == MV_HEAP_HAVE)
		reason = plan(r, &left);
	if (reason != MV_HEAP_HAVE)
		return reason;
	hash = heap_states_hash(r->target, r->where);
	heap->began_ns = mv_source_now(r->source);
	err = mv_memcopy_fill(r->copy, r->target);
	heap->ended_ns = mv_source_now(r->source);
	heap->still = err == 0 && hash && hash == heap_states_hash(r->target, r->where);
	if (err == 0)
		mv_heap_walk_live(r->where, r->copy, r->target,
				  left > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)left, heap);
	return err < 0 ? heap_reason_of(err) : (enum mv_heap_reason)heap->reason;
}

static bool is_passing(enum mv_heap_reason reason)
{
	/* Arenas that come meanwhile keep the search from closing their ring. */
	return reason == MV_HEAP_CHANGING || reason == MV_HEAP_CORRUPT || reason == MV_HEAP_NO_HEAP;
}

/* It did not reconcile, again and again: was it for a change, or is it so? */
static enum mv_heap_reason verdict(const struct mv_heap *heap, enum mv_heap_reason reason, bool same)
{
	if (reason == MV_HEAP_CORRUPT)
		return same ? MV_HEAP_CORRUPT : MV_HEAP_CHANGING;
	return reason == MV_HEAP_CHANGING && heap->still && same ? MV_HEAP_UNEQUAL : reason;
}

int mv_heap_read(struct mv_source *source, struct mv_target *target, const struct mv_heap_opts *opts,
		 struct mv_heap_where *where, struct mv_memcopy *copy, struct mv_heap *heap)
{
	struct reading r = {source, target, opts, where, copy, heap, NULL, 0};
	const unsigned tries = opts->tries ? opts->tries : TRIES;
	enum mv_heap_reason reason = MV_HEAP_NOT_READ;
	uint64_t broke_at = 0;
	bool same = true;

	heap->allocator = MV_ALLOCATOR_NONE;
	heap->broke_at = heap->broke_after = 0;
	heap->owners = (struct mv_heap_owners){0};
	heap->tries = 0;
	for (unsigned i = 0; i < tries; i++) {
		reason = once(&r);
		heap->tries++;
		if (reason == MV_HEAP_HAVE) {
			if (heap->caches_exact || !heap->still || i + 1 >= EXACT_TRIES)
				break;
			continue;
		}
		if (!is_passing(reason) || (opts->deadline_ns && mv_source_now(source) > opts->deadline_ns))
			break;
		same = same && (i == 0 || broke_at == heap->broke_at);
		broke_at = heap->broke_at;
		/* Twice the same while nothing moved is enough. */
		if (i > 0 && same && heap->still)
			break;
	}
	heap->reason = (uint32_t)(heap->tries > 1 ? verdict(heap, reason, same) : reason);
	if (heap->reason == MV_HEAP_CORRUPT && heap->tries == 1 && !heap->still)
		heap->reason = MV_HEAP_CHANGING;
	free(r.ranges);
	return 0;
}
