/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/heap_private.h"

/*
 * Freed chunks that look as if they were in use: those in the threads' tcaches and in fastbins. A tcache's
 * table is a chunk like any other, known by its size and by what lies in it: counts, and lists of chunks of
 * the right sizes that are as long as the counts say. From 2.32 on a list's pointers are combined with the
 * addresses they lie at (safe-linking).
 */

#define SMALL_BINS  64u
#define BINS_MAX    76u
#define TORN_HEADS  4u /* times as many good lists as bad ones */
#define TORN_COUNTS 3u
#define TCACHE_MAX  0x410u /* the biggest chunk that a tcache of small bins holds */
#define FAST_MAX    (CHUNK_MIN + 16 * (FASTBINS - 1)) /* the biggest that a fastbin can */

/* A table: 2.26 to 2.29, 2.30 to 2.41, since 2.42. */
static const struct kind {
	uint16_t chunk_bytes, bins, count_bytes;
	bool slots; /* its counts are how many may still come */
} kinds[] = {
    {0x250, 64, 1, false},
    {0x290, 64, 2, false},
    {0x300, 76, 2, true},
};

struct table {
	const struct kind *kind;
	const uint8_t *bytes;
};

static uint32_t count_of(const struct table *t, unsigned bin)
{
	uint16_t count;

	if (t->kind->count_bytes == 1)
		return t->bytes[bin];
	memcpy(&count, t->bytes + 2 * bin, sizeof(count));
	return count;
}

static uint64_t head_of(const struct table *t, unsigned bin)
{
	return heap_load(t->bytes + t->kind->bins * t->kind->count_bytes + 8 * bin);
}

static const struct kind *kind_of(const struct heap_walk *w, uint64_t bytes)
{
	for (size_t i = 0; i < MV_COUNT_OF(kinds); i++)
		if (kinds[i].chunk_bytes == bytes)
			return (w->where->layout == LAYOUT_226 && i > 0) ||
				       (w->where->layout == LAYOUT_243 && i != 2)
				   ? NULL
				   : &kinds[i];
	return NULL;
}

/* The chunk whose memory begins there, if a list of that bin may hold it. */
static struct mv_block *member(const struct heap_walk *w, uint64_t memory, unsigned bin)
{
	const uint64_t bytes = CHUNK_MIN + 16u * bin;
	struct mv_block *b;

	if (memory & 15 || memory < CHUNK_HEADER)
		return NULL;
	b = heap_block_at(w->heap, memory - CHUNK_HEADER);
	if (!b || mv_block_state(b) != MV_BLOCK_IN_USE)
		return NULL;
	return (bin < SMALL_BINS ? mv_block_size(b) == bytes : mv_block_size(b) >= bytes) ? b : NULL;
}

/* What a pointer at that place leads to. */
static bool follow(const struct heap_walk *w, uint64_t place, bool mangled, uint64_t *ret_next)
{
	const uint8_t *at = mv_memcopy_at(w->copy, place, 8);

	if (!at || !mv_memcopy_has(w->copy, place))
		return false;
	*ret_next = heap_load(at) ^ (mangled ? place >> 12 : 0);
	return true;
}

/* How long the list is; -1: it breaks. */
static int64_t length(struct heap_walk *w, uint64_t head, unsigned bin, uint32_t most, bool mangled)
{
	uint32_t n = 0;

	for (uint64_t at = head; at; n++) {
		if (n == most || !w->budget || !member(w, at, bin) || !follow(w, at, mangled, &at))
			return -1;
		w->budget--;
	}
	return n;
}

enum verdict { NO_TABLE, EMPTY, TORN, TABLE };

static enum verdict judge(struct heap_walk *w, const struct table *t, bool mangled)
{
	const bool slots = t->kind->slots;
	unsigned good = 0, bad = 0, odd = 0, full = 0;

	for (unsigned bin = 0; bin < t->kind->bins; bin++) {
		const uint64_t head = head_of(t, bin);
		const uint32_t count = count_of(t, bin);
		int64_t n;

		full += slots && count == w->params.tcache_count;
		if (slots ? count > 65535 : !head != !count)
			odd++;
		if (!head)
			continue;
		n = length(w, head, bin, slots ? 65535 : count, mangled);
		if (n > 0 && (slots || n == count))
			good++;
		else if (member(w, head, bin))
			odd++;
		else
			bad++;
		if (bad > good * 2 + TORN_COUNTS)
			return NO_TABLE;
	}
	if (!good && !bad)
		return odd || (slots && full != t->kind->bins) ? NO_TABLE : EMPTY;
	if (!bad && !odd)
		return TABLE;
	return good >= bad * TORN_HEADS && good && odd <= TORN_COUNTS + good ? TORN : NO_TABLE;
}

/* The same in all threads, from 2.34 on; before it was the table's address, and no key was known by it. */
static void learn_key(struct heap_walk *w, uint64_t memory)
{
	const uint8_t *at = mv_memcopy_at(w->copy, memory + 8, 8);
	const uint64_t key = at ? heap_load(at) : 0;

	if (!w->key_seen)
		w->heap->cache_key = key;
	else if (w->heap->cache_key != key)
		w->heap->cache_key = 0;
	w->key_seen = true;
}

static void mark_lists(struct heap_walk *w, const struct table *t)
{
	for (unsigned bin = 0; bin < t->kind->bins; bin++) {
		struct mv_block *b;

		for (uint64_t at = head_of(t, bin); at && (b = member(w, at, bin));) {
			b->size_state = mv_block_size(b) | MV_BLOCK_TCACHE;
			if (w->mangled)
				learn_key(w, at);
			if (!follow(w, at, w->mangled, &at))
				break;
		}
	}
}

/* Only how they are linked tells 2.32 from before. */
static enum verdict judge_both(struct heap_walk *w, const struct table *t)
{
	enum verdict v;

	if (w->mangled_known)
		return judge(w, t, w->mangled);
	v = judge(w, t, true);
	if (v != NO_TABLE) {
		w->mangled = true;
	} else if (!t->kind->slots) {
		v = judge(w, t, false);
		w->mangled = false;
	}
	w->mangled_known = v >= TORN;
	return v;
}

/* An empty table holds nothing to know it by: it is one where a thread's first malloc puts it. */
static bool is_first(const struct mv_heap *heap, const struct mv_block *b)
{
	for (size_t i = 0; i < heap->region_count; i++) {
		const struct mv_heap_region *r = &heap->regions[i];
		size_t first = r->first;

		if (b->start < r->start)
			return false;
		if (b->start >= r->end)
			continue;
		first += mv_block_state(&heap->blocks[first]) == MV_BLOCK_OWN;
		return b == &heap->blocks[first];
	}
	return false;
}

static void mark_table(struct heap_walk *w, struct mv_block *b, const struct kind *kind)
{
	const struct table t = {
	    .kind = kind,
	    .bytes = mv_memcopy_at(w->copy, b->start + CHUNK_HEADER, kind->chunk_bytes - CHUNK_HEADER)};
	enum verdict v;

	if (!t.bytes || !mv_memcopy_has(w->copy, b->start + CHUNK_HEADER))
		return;
	v = judge_both(w, &t);
	if (v == NO_TABLE || (v == EMPTY && !kind->slots && !is_first(w->heap, b)))
		return;
	b->size_state = mv_block_size(b) | MV_BLOCK_OWN;
	w->heap->tcaches++;
	w->heap->caches_exact &= v != TORN;
	if (v != EMPTY || kind->slots)
		w->tcache_size = kind->chunk_bytes;
	mark_lists(w, &t);
}

static struct mv_block *fast_member(const struct heap_walk *w, uint64_t chunk, unsigned bin)
{
	struct mv_block *b = chunk & 15 ? NULL : heap_block_at(w->heap, chunk);

	return b && b->size_state == ((CHUNK_MIN + 16u * bin) | MV_BLOCK_IN_USE) ? b : NULL;
}

#define AHEAD 64u

/*
 * A fastbin may be long and lies all over the heap: it is followed for a stretch, and then the stretch is
 * looked up, so that these look-ups don't wait for each other. Addresses that are no chunks end it.
 */
static void mark_fastbin(struct heap_walk *w, uint64_t head, unsigned bin)
{
	uint64_t at = head, next, chunks[AHEAD];

	if (!w->mangled_known && fast_member(w, at, bin) && follow(w, at + CHUNK_HEADER, true, &next)) {
		w->mangled = !next || fast_member(w, next, bin);
		w->mangled_known = true;
	}
	while (at) {
		unsigned n = 0;

		do {
			chunks[n++] = at;
			if (at & 15 || !follow(w, at + CHUNK_HEADER, w->mangled, &at))
				at = 1; /* the next is no chunk */
		} while (n < AHEAD && at && !(at & 15));
		for (unsigned i = 0; i < n; i++) {
			struct mv_block *b = fast_member(w, chunks[i], bin);

			if (!b) {
				w->heap->caches_exact = false;
				return;
			}
			b->size_state = mv_block_size(b) | MV_BLOCK_FASTBIN;
		}
		if (at & 15) {
			w->heap->caches_exact = false;
			return;
		}
	}
}

bool mv_heap_is_cached(const struct mv_heap *heap, const struct mv_memcopy *copy, const struct mv_block *b)
{
	const uint8_t *at = heap->cache_key && mv_block_size(b) <= TCACHE_MAX
				? mv_memcopy_at(copy, b->start + CHUNK_HEADER + 8, 8)
				: NULL;

	return at && heap_load(at) == heap->cache_key;
}

/*
 * A list that was torn is lost behind the tear, and its rest, deep in the list, stays where it is from look
 * to look. There a chunk tells by itself that it is on one: by the tcaches' key; or, of a fastbin, by what it
 * begins with, which leads to a chunk of the same size or ends the list, combined with its own place, so that
 * nobody else's pointer looks like that. (From 2.32 on; earlier nothing tells.)
 */
static void mark_remains(struct heap_walk *w)
{
	struct mv_heap *heap = w->heap;

	if (!w->mangled_known || !w->mangled)
		return;
	for (size_t i = 0; i < heap->block_count; i++) {
		struct mv_block *b = &heap->blocks[i];
		const uint64_t bytes = mv_block_size(b);
		const struct mv_block *next_block;
		uint64_t next;

		if (mv_block_state(b) != MV_BLOCK_IN_USE || bytes > TCACHE_MAX)
			continue;
		if (mv_heap_is_cached(heap, w->copy, b)) {
			b->size_state = bytes | MV_BLOCK_TCACHE;
			continue;
		}
		if (w->where->layout == LAYOUT_243 || bytes > FAST_MAX ||
		    !follow(w, b->start + CHUNK_HEADER, true, &next) || next & 15)
			continue;
		next_block = next ? heap_block_at(heap, next) : NULL;
		if (!next || (next_block && mv_block_size(next_block) == bytes))
			b->size_state = bytes | MV_BLOCK_FASTBIN;
	}
}

void heap_caches_mark(struct heap_walk *w)
{
	struct mv_heap *heap = w->heap;

	heap->tcaches = 0;
	heap->cache_key = 0;
	heap->caches_exact = true;
	if (w->where->layout == LAYOUT_243) {
		w->mangled = true;
		w->mangled_known = true;
	}
	for (size_t i = 0; i < heap->block_count; i++) {
		const uint64_t bytes = mv_block_size(&heap->blocks[i]);
		const struct kind *kind = NULL;

		if (mv_block_state(&heap->blocks[i]) == MV_BLOCK_IN_USE && bytes >= 0x250 && bytes <= 0x300)
			kind = kind_of(w, bytes);
		if (kind)
			mark_table(w, &heap->blocks[i], kind);
	}
	for (size_t i = 0; i < heap->arena_count; i++)
		for (unsigned bin = 0; bin < FASTBINS; bin++)
			if (w->states[i].fast[bin])
				mark_fastbin(w, w->states[i].fast[bin], bin);
	if (!heap->caches_exact)
		mark_remains(w);
}
