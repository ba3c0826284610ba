/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/ages.h"

/*
 * Blocks of 512 pages, sorted by address, exist only where a page is present. Looks and questions both go by
 * ascending address, so a cursor or one binary search finds them. A block keeps bitmaps; times (u32 tenths of
 * a second since the first look, so 13 years) are kept only once a page of it has appeared under our eyes.
 * Memory that was there before costs 0.4 bytes a page, memory we saw appear 4.4.
 *
 * Where no block exists, `seen` tells ranges that were looked at and found empty from those never looked at.
 */

#define BLOCK_PAGES   512u
#define BLOCK_WORDS   (BLOCK_PAGES / 64)
#define SEEN_MAX      128
#define DS_NS	      (MV_NS_PER_SEC / 10)
#define FRESH_DS      30u
#define NEWEST_MAX_DS ((uint32_t)MV_AGE_UNKNOWN - 1)
#define ALL_ONES      (~UINT64_C(0))

struct block {
	uint64_t present[BLOCK_WORDS]; /* at the last look */
	uint64_t looked[BLOCK_WORDS];  /* ever looked at */
	uint64_t dated[BLOCK_WORDS];   /* present, and we saw it appear */
	uint32_t *at_ds;	       /* [512], of the dated ones; NULL when there never was one */
	uint32_t newest_ds;	       /* of the dated ones */
	bool any_dated;
	uint64_t look; /* number of the last look at it */
};

struct slot {
	uint64_t key;	     /* address / block bytes */
	struct block *block; /* NULL: evicted, to be removed at the end of this look */
};

struct seen {
	struct mv_range range;
	uint64_t look;
};

struct mv_ages {
	uint64_t page_bytes, block_bytes;
	size_t max_bytes, bytes;
	uint64_t base_ns;
	bool has_base;
	struct slot *slots;
	size_t count, cap;
	struct slot *added; /* of this look, ascending */
	size_t added_count, added_cap;
	struct seen seen[SEEN_MAX]; /* ascending, disjoint */
	size_t seen_count;
	/* the look under way */
	struct mv_range range;
	uint64_t look;
	uint32_t now_ds;
	size_t cursor; /* in slots */
	uint64_t key;  /* of the block being gathered */
	uint64_t gathered[BLOCK_WORDS];
	bool gathering;
	uint64_t stop; /* from here on there was no memory to keep track */
};

int mv_ages_new(uint32_t page_bytes, size_t max_bytes, struct mv_ages **ret_ages)
{
	struct mv_ages *ages = calloc(1, sizeof(*ages));

	if (!ages)
		return -ENOMEM;
	ages->page_bytes = page_bytes;
	ages->block_bytes = (uint64_t)page_bytes * BLOCK_PAGES;
	ages->max_bytes = max_bytes;
	*ret_ages = ages;
	return 0;
}

static void free_block(struct mv_ages *ages, struct slot *slot)
{
	if (!slot->block)
		return;
	ages->bytes -= sizeof(struct block) + (slot->block->at_ds ? BLOCK_PAGES * sizeof(uint32_t) : 0);
	free(slot->block->at_ds);
	free(slot->block);
	slot->block = NULL;
}

void mv_ages_clear(struct mv_ages *ages)
{
	for (size_t i = 0; i < ages->count; i++)
		free_block(ages, &ages->slots[i]);
	for (size_t i = 0; i < ages->added_count; i++)
		free_block(ages, &ages->added[i]);
	ages->count = ages->added_count = ages->seen_count = 0;
	ages->gathering = false;
}

void mv_ages_free(struct mv_ages *ages)
{
	if (!ages)
		return;
	mv_ages_clear(ages);
	free(ages->slots);
	free(ages->added);
	free(ages);
}

/* Set the bits of [from, to) of a block. */
static void set_bits(uint64_t bits[BLOCK_WORDS], unsigned from, unsigned to)
{
	for (unsigned word = from / 64; from < to; word++) {
		const unsigned low = from % 64;
		const unsigned n = to - from < 64 - low ? to - from : 64 - low;

		bits[word] |= (n == 64 ? ALL_ONES : (UINT64_C(1) << n) - 1) << low;
		from += n;
	}
}

/* The bits of the block that lie in range. */
static void mask_of(const struct mv_ages *ages, uint64_t key, struct mv_range range,
		    uint64_t mask[BLOCK_WORDS])
{
	const uint64_t start = key * ages->block_bytes;
	const uint64_t end = start + ages->block_bytes;
	const uint64_t from = range.start > start ? (range.start - start) / ages->page_bytes : 0;
	const uint64_t to =
	    range.end < end ? (range.end - start + ages->page_bytes - 1) / ages->page_bytes : BLOCK_PAGES;

	memset(mask, 0, BLOCK_WORDS * sizeof(*mask));
	if (range.end > start && range.start < end)
		set_bits(mask, (unsigned)from, (unsigned)to);
}

static size_t find_slot(const struct mv_ages *ages, uint64_t key)
{
	size_t low = 0, high = ages->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ages->slots[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void drop_seen(struct mv_ages *ages, size_t i)
{
	ages->seen_count--;
	memmove(&ages->seen[i], &ages->seen[i + 1], (ages->seen_count - i) * sizeof(ages->seen[0]));
}

/* Forget that ranges touching [start, end) were looked at: pages found there later count as there before. */
static void forget_seen(struct mv_ages *ages, uint64_t start, uint64_t end)
{
	for (size_t i = ages->seen_count; i-- > 0;) {
		if (ages->seen[i].range.start < end && ages->seen[i].range.end > start)
			drop_seen(ages, i);
	}
}

static void add_seen(struct mv_ages *ages, struct mv_range range)
{
	size_t at = 0, oldest = 0;

	if (range.start >= range.end)
		return;
	for (size_t i = ages->seen_count; i-- > 0;) {
		const struct mv_range *r = &ages->seen[i].range;

		if (r->start > range.end || r->end < range.start)
			continue;
		range.start = r->start < range.start ? r->start : range.start;
		range.end = r->end > range.end ? r->end : range.end;
		drop_seen(ages, i);
	}
	if (ages->seen_count == SEEN_MAX) {
		for (size_t i = 1; i < SEEN_MAX; i++) {
			if (ages->seen[i].look < ages->seen[oldest].look)
				oldest = i;
		}
		drop_seen(ages, oldest);
	}
	while (at < ages->seen_count && ages->seen[at].range.start < range.start)
		at++;
	memmove(&ages->seen[at + 1], &ages->seen[at], (ages->seen_count - at) * sizeof(ages->seen[0]));
	ages->seen[at] = (struct seen){range, ages->look};
	ages->seen_count++;
}

/* Pages of a block without an entry that an earlier look found absent. */
static void mask_seen(const struct mv_ages *ages, uint64_t key, uint64_t mask[BLOCK_WORDS])
{
	memset(mask, 0, BLOCK_WORDS * sizeof(*mask));
	for (size_t i = 0; i < ages->seen_count; i++) {
		uint64_t part[BLOCK_WORDS];

		if (ages->seen[i].range.end <= key * ages->block_bytes)
			continue;
		if (ages->seen[i].range.start >= (key + 1) * ages->block_bytes)
			break;
		mask_of(ages, key, ages->seen[i].range, part);
		for (size_t w = 0; w < BLOCK_WORDS; w++)
			mask[w] |= part[w];
	}
}

/* Blocks of the range under way are not for dropping, looked at yet or not. */
static bool is_old(const struct mv_ages *ages, const struct slot *slot, uint64_t look)
{
	const uint64_t start = slot->key * ages->block_bytes;

	return slot->block && slot->block->look <= look &&
	       (start >= ages->range.end || start + ages->block_bytes <= ages->range.start);
}

/* Make room by dropping all the blocks whose last look is the longest ago; false when there are none. */
static bool evict(struct mv_ages *ages)
{
	uint64_t oldest = ages->look;
	bool found = false;

	for (size_t i = 0; i < ages->count; i++) {
		if (is_old(ages, &ages->slots[i], oldest)) {
			oldest = ages->slots[i].block->look;
			found = true;
		}
	}
	for (size_t i = 0; found && i < ages->count; i++) {
		struct slot *slot = &ages->slots[i];

		if (!is_old(ages, slot, oldest))
			continue;
		free_block(ages, slot);
		forget_seen(ages, slot->key * ages->block_bytes, (slot->key + 1) * ages->block_bytes);
	}
	return found;
}

static void *get_memory(struct mv_ages *ages, size_t bytes)
{
	void *memory;

	while (ages->bytes + bytes > ages->max_bytes) {
		if (!evict(ages))
			return NULL;
	}
	memory = calloc(1, bytes);
	if (memory)
		ages->bytes += bytes;
	return memory;
}

static uint32_t find_newest(const struct block *b)
{
	uint32_t newest = 0;

	for (unsigned w = 0; w < BLOCK_WORDS; w++) {
		for (uint64_t bits = b->dated[w]; bits; bits &= bits - 1) {
			const uint32_t at_ds = b->at_ds[w * 64 + (unsigned)__builtin_ctzll(bits)];

			newest = at_ds > newest ? at_ds : newest;
		}
	}
	return newest;
}

/* Note what this look found in a block: pages in `mask` are present where `now` says so, absent elsewhere. */
static void update_block(struct mv_ages *ages, struct block *b, const uint64_t mask[BLOCK_WORDS],
			 const uint64_t now[BLOCK_WORDS])
{
	uint64_t appeared[BLOCK_WORDS], any_appeared = 0, changed = 0, dated = 0;

	b->look = ages->look;
	for (size_t w = 0; w < BLOCK_WORDS; w++) {
		appeared[w] = now[w] & ~b->present[w] & b->looked[w];
		any_appeared |= appeared[w];
		changed |= ((now[w] ^ b->present[w]) | ~b->looked[w]) & mask[w];
	}
	if (!changed)
		return;
	if (any_appeared && !b->at_ds)
		b->at_ds = get_memory(ages, BLOCK_PAGES * sizeof(uint32_t));
	for (unsigned w = 0; w < BLOCK_WORDS; w++) {
		b->present[w] = (b->present[w] & ~mask[w]) | now[w];
		b->looked[w] |= mask[w];
		b->dated[w] &= b->present[w] & ~appeared[w];
		if (b->at_ds) { /* without memory for times they count as there before */
			b->dated[w] |= appeared[w];
			for (uint64_t bits = appeared[w]; bits; bits &= bits - 1)
				b->at_ds[w * 64 + (unsigned)__builtin_ctzll(bits)] = ages->now_ds;
		}
		dated |= b->dated[w];
	}
	b->any_dated = dated != 0;
	if (b->any_dated)
		b->newest_ds = any_appeared ? ages->now_ds : find_newest(b);
}

static bool is_empty(const struct block *b)
{
	uint64_t any = 0;

	for (size_t w = 0; w < BLOCK_WORDS; w++)
		any |= b->present[w];
	return !any;
}

static void update_slot(struct mv_ages *ages, struct slot *slot, const uint64_t now[BLOCK_WORDS])
{
	uint64_t mask[BLOCK_WORDS];

	if (!slot->block)
		return;
	mask_of(ages, slot->key, ages->range, mask);
	update_block(ages, slot->block, mask, now);
	if (is_empty(slot->block)) /* `seen` covers what it had looked at */
		free_block(ages, slot);
}

static bool add_slot(struct mv_ages *ages, struct slot slot)
{
	if (ages->added_count == ages->added_cap) {
		size_t cap = ages->added_cap ? ages->added_cap * 2 : 64;
		struct slot *grown = reallocarray(ages->added, cap, sizeof(*grown));

		if (!grown)
			return false;
		ages->added = grown;
		ages->added_cap = cap;
	}
	ages->added[ages->added_count++] = slot;
	return true;
}

/* The first pages of a block. dead: an evicted slot with that key, to be used again; else NULL. */
static void start_block(struct mv_ages *ages, uint64_t key, struct slot *dead,
			const uint64_t now[BLOCK_WORDS])
{
	struct slot slot = {key, NULL};

	if (ages->stop == UINT64_MAX)
		slot.block = get_memory(ages, sizeof(struct block));
	if (!slot.block) {
		const uint64_t start = key * ages->block_bytes;

		ages->stop = ages->stop < start ? ages->stop : start;
		return;
	}
	mask_seen(ages, key, slot.block->looked);
	update_slot(ages, &slot, now);
	if (dead)
		*dead = slot;
	else if (slot.block && !add_slot(ages, slot)) {
		free_block(ages, &slot);
		ages->stop = key * ages->block_bytes;
	}
}

/* What was gathered of a block is complete. Blocks passed over have no page any more. */
static void finish_block(struct mv_ages *ages)
{
	static const uint64_t none[BLOCK_WORDS];
	struct slot *slot;

	if (!ages->gathering)
		return;
	ages->gathering = false;
	while (ages->cursor < ages->count && ages->slots[ages->cursor].key < ages->key)
		update_slot(ages, &ages->slots[ages->cursor++], none);
	slot = ages->cursor < ages->count && ages->slots[ages->cursor].key == ages->key
		   ? &ages->slots[ages->cursor]
		   : NULL;
	if (slot)
		ages->cursor++;
	if (slot && slot->block)
		update_slot(ages, slot, ages->gathered);
	else
		start_block(ages, ages->key, slot, ages->gathered);
}

void mv_ages_begin(struct mv_ages *ages, struct mv_range range, uint64_t now_ns)
{
	assert(range.start <= range.end);
	if (!ages->has_base) {
		ages->base_ns = now_ns;
		ages->has_base = true;
	}
	ages->range = range;
	ages->look++;
	ages->now_ds = now_ns > ages->base_ns ? (uint32_t)((now_ns - ages->base_ns) / DS_NS) : 0;
	ages->cursor = find_slot(ages, range.start / ages->block_bytes);
	ages->gathering = false;
	ages->stop = UINT64_MAX;
}

void mv_ages_present(struct mv_ages *ages, uint64_t start, uint64_t end)
{
	start = start > ages->range.start ? start : ages->range.start;
	end = end < ages->range.end ? end : ages->range.end;
	while (start < end) {
		const uint64_t key = start / ages->block_bytes;
		const uint64_t block_start = key * ages->block_bytes;
		const uint64_t block_end = block_start + ages->block_bytes;
		const uint64_t to = end < block_end ? end : block_end;

		if (!ages->gathering || ages->key != key) {
			finish_block(ages);
			ages->key = key;
			ages->gathering = true;
			memset(ages->gathered, 0, sizeof(ages->gathered));
		}
		set_bits(ages->gathered, (unsigned)((start - block_start) / ages->page_bytes),
			 (unsigned)((to - block_start) / ages->page_bytes));
		start = to;
	}
}

/* Put this look's new blocks into their places and drop the dead ones. */
static void merge_added(struct mv_ages *ages)
{
	size_t kept = 0, old, out;

	for (size_t i = 0; i < ages->count; i++) {
		if (ages->slots[i].block)
			ages->slots[kept++] = ages->slots[i];
	}
	ages->count = kept;
	if (ages->count + ages->added_count > ages->cap) {
		size_t cap = ages->count + ages->added_count + ages->count / 2;
		struct slot *grown = reallocarray(ages->slots, cap, sizeof(*grown));

		if (!grown) {
			mv_ages_clear(ages); /* nothing known is better than something wrong */
			ages->stop = ages->range.start;
			return;
		}
		ages->slots = grown;
		ages->cap = cap;
	}
	old = ages->count;
	out = ages->count + ages->added_count;
	while (ages->added_count) {
		const struct slot *last = &ages->added[ages->added_count - 1];

		if (old && ages->slots[old - 1].key > last->key) {
			ages->slots[--out] = ages->slots[--old];
		} else {
			ages->slots[--out] = *last;
			ages->added_count--;
			ages->count++;
		}
	}
}

void mv_ages_end(struct mv_ages *ages)
{
	static const uint64_t none[BLOCK_WORDS];
	struct mv_range seen = ages->range;
	bool has_dead = false;

	finish_block(ages);
	while (ages->cursor < ages->count &&
	       ages->slots[ages->cursor].key * ages->block_bytes < ages->range.end)
		update_slot(ages, &ages->slots[ages->cursor++], none);
	for (size_t i = 0; i < ages->count && !has_dead; i++)
		has_dead = !ages->slots[i].block;
	if (ages->added_count || has_dead)
		merge_added(ages);
	if (ages->stop < seen.end) {
		forget_seen(ages, ages->stop, seen.end);
		seen.end = ages->stop;
	}
	add_seen(ages, seen);
}

static uint32_t to_ds(const struct mv_ages *ages, uint64_t ns)
{
	return ns > ages->base_ns ? (uint32_t)((ns - ages->base_ns) / DS_NS) : 0;
}

/* The dated pages of a block that are in mask (NULL: all). */
static void tell_dated(const struct block *b, const uint64_t *mask, uint32_t now_ds, uint32_t *fresh,
		       uint32_t *newest)
{
	for (unsigned w = 0; w < BLOCK_WORDS; w++) {
		for (uint64_t bits = b->dated[w] & (mask ? mask[w] : ALL_ONES); bits; bits &= bits - 1) {
			const uint32_t at_ds = b->at_ds[w * 64 + (unsigned)__builtin_ctzll(bits)];

			*newest = at_ds > *newest ? at_ds : *newest;
			*fresh += now_ds < at_ds + FRESH_DS;
		}
	}
}

void mv_ages_tell(const struct mv_ages *ages, struct mv_range range, uint64_t now_ns, uint32_t *ret_fresh,
		  uint16_t *ret_newest_ds)
{
	const uint32_t now_ds = to_ds(ages, now_ns);
	bool any_present = false, any_dated = false;
	uint32_t fresh = 0, newest = 0;

	for (size_t i = find_slot(ages, range.start / ages->block_bytes); i < ages->count; i++) {
		const uint64_t start = ages->slots[i].key * ages->block_bytes;
		const struct block *b = ages->slots[i].block;
		uint64_t mask[BLOCK_WORDS], present = 0, dated = 0;
		bool whole;

		if (start >= range.end)
			break;
		whole = range.start <= start && range.end >= start + ages->block_bytes;
		if (whole && (!b->any_dated || now_ds >= b->newest_ds + FRESH_DS)) {
			any_present = true; /* empty blocks are not kept */
			any_dated |= b->any_dated;
			if (b->any_dated && b->newest_ds > newest)
				newest = b->newest_ds;
			continue;
		}
		mask_of(ages, ages->slots[i].key, range, mask);
		for (size_t w = 0; w < BLOCK_WORDS; w++) {
			present |= b->present[w] & mask[w];
			dated |= b->dated[w] & mask[w];
		}
		any_present |= present != 0;
		any_dated |= dated != 0;
		if (dated)
			tell_dated(b, whole ? NULL : mask, now_ds, &fresh, &newest);
	}
	*ret_fresh = fresh;
	if (!any_present)
		*ret_newest_ds = MV_AGE_UNKNOWN;
	else if (!any_dated)
		*ret_newest_ds = MV_AGE_BEFORE;
	else if (now_ds <= newest)
		*ret_newest_ds = 0;
	else
		*ret_newest_ds =
		    (uint16_t)(now_ds - newest < NEWEST_MAX_DS ? now_ds - newest : NEWEST_MAX_DS);
}

bool mv_ages_first_seen(const struct mv_ages *ages, uint64_t addr, uint64_t *ret_ns, bool *ret_before)
{
	const uint64_t key = addr / ages->block_bytes;
	const unsigned page = (unsigned)(addr % ages->block_bytes / ages->page_bytes);
	const uint64_t bit = UINT64_C(1) << page % 64;
	const size_t i = find_slot(ages, key);
	const struct block *b = i < ages->count && ages->slots[i].key == key ? ages->slots[i].block : NULL;

	*ret_before = b && (b->present[page / 64] & bit) && !(b->dated[page / 64] & bit);
	if (!b || !(b->dated[page / 64] & bit))
		return false;
	*ret_ns = ages->base_ns + b->at_ds[page] * DS_NS;
	return true;
}
