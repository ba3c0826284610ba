/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/faultkind.h"
#include "core/pagemap.h"

const struct mv_fault_kind_info mv_fault_kinds[MV_FAULT__N] = {
#define X(id, json, caption, meaning) [MV_FAULT_##id] = {json, caption, meaning},
    MV_FAULT_KINDS(X)
#undef X
};

/* ---- the rules ---- */

/* There was no page and nothing in swap. That it may be stale changes nothing: what is absent can't be
 * dropped. */
static bool was_absent(uint8_t before)
{
	return (before & MV_KNOWN) && !(before & (MV_KNOWN_PRESENT | MV_KNOWN_SWAPPED));
}

/* It was there, and still is or was until this fault. */
static bool was_present(uint8_t before)
{
	return (before & MV_KNOWN) && (before & MV_KNOWN_PRESENT) && !(before & MV_KNOWN_STALE);
}

static bool is_present(uint8_t after)
{
	return (after & MV_KNOWN) && (after & MV_KNOWN_PRESENT);
}

/*
 * What was in swap comes back, from the disk (major) or out of the swap cache (minor). If it may have been
 * dropped since, a minor fault may as well have brought a zeroed page; a major one may not.
 */
static bool is_swap_in(const struct mv_fault_facts *f)
{
	if (!(f->before & MV_KNOWN) || !(f->before & MV_KNOWN_SWAPPED))
		return false;
	return f->major || !(f->before & MV_KNOWN_STALE);
}

/*
 * Private anonymous memory. Its faults, as the kernel has them:
 * - absent, read: the zero page, or a huge one of zeroes; absent, written to: a zeroed page, or a huge one
 * - the zero page, written to: a page of its own
 * - shared with another process (fork, KSM), written to: a copy
 * - swapped: swap-in
 * - present and its own: protection or NUMA hints; nothing comes
 * - a wait for a userfaultfd handler, which is a major fault and may put anything there
 */
static enum mv_fault_kind anonymous(const struct mv_fault_facts *f)
{
	const bool was_zero = was_present(f->before) && (f->before & MV_KNOWN_ZERO);
	const bool huge = f->after & MV_KNOWN_HUGE;

	if (is_swap_in(f))
		return MV_FAULT_SWAP;
	/* Neither swap nor a file: it waited for a userfaultfd handler, or was swapped unseen. */
	if (f->major)
		return MV_FAULT_UNKNOWN;
	/* Without a look afterwards a huge page can't be told from a small one, nor a copy from a hint. */
	if (!is_present(f->after))
		return MV_FAULT_UNKNOWN;
	/* Another mapping has come in its place meanwhile. */
	if (f->after & MV_KNOWN_FILE)
		return MV_FAULT_UNKNOWN;
	/* Only a read of an absent page puts the zero page there, so this settles it even when nothing was
	 * known before; but a fault does not leave a zero page as it was. */
	if (f->after & MV_KNOWN_ZERO)
		return was_zero ? MV_FAULT_UNKNOWN : huge ? MV_FAULT_HUGE : MV_FAULT_ZERO;
	if (was_absent(f->before))
		return huge ? MV_FAULT_HUGE : MV_FAULT_ZERO;
	/* The huge zero page gives way to a huge page, or is split and one small page comes. */
	if (was_zero)
		return huge && (f->before & MV_KNOWN_HUGE) ? MV_FAULT_HUGE : MV_FAULT_COW;
	/* Shared still: whatever it was, nothing was copied. */
	if (was_present(f->before) && (f->before & MV_KNOWN_SHARED) && !(f->after & MV_KNOWN_SHARED))
		return MV_FAULT_COW;
	/* Nothing known before; or present, its own and present still; or stale: dropped and zeroed, or not.
	 */
	return MV_FAULT_UNKNOWN;
}

/* A shared mapping of shared memory: swap-in when it was seen in swap; a major fault otherwise is a swap-in
 * that the page table does not show, or a wait (hole punching, userfaultfd). */
static enum mv_fault_kind shared_memory(const struct mv_fault_facts *f)
{
	if (is_swap_in(f))
		return MV_FAULT_SWAP;
	if (f->major)
		return MV_FAULT_UNKNOWN;
	/* Mapped before and mapped now: nothing came. */
	if (was_present(f->before) && is_present(f->after))
		return MV_FAULT_UNKNOWN;
	return MV_FAULT_SHMEM;
}

/*
 * A shared mapping of a file. A page that was there before may fault, too: it was write-protected, so that
 * the kernel learns which pages are dirty; that is a file's page in RAM. Frames of a device are no file's
 * pages.
 */
static enum mv_fault_kind shared_file(const struct mv_fault_facts *f)
{
	if (is_present(f->after) && !(f->after & MV_KNOWN_FILE))
		return MV_FAULT_UNKNOWN;
	return f->major ? MV_FAULT_DISK : MV_FAULT_FILE;
}

/*
 * A private mapping of a file (of shared memory: object_is_memory). A read, or an execution, maps the file's
 * page; a write makes a copy, reading the file first if need be. A copy may be swapped, and shared after a
 * fork.
 */
static enum mv_fault_kind private_file(const struct mv_fault_facts *f, bool object_is_memory)
{
	/* No copy existed: the file's page, there or not, since it may be dropped at any time. */
	const bool was_no_copy =
	    was_absent(f->before) ||
	    ((f->before & MV_KNOWN) && !(f->before & MV_KNOWN_SWAPPED) && (f->before & MV_KNOWN_FILE));

	if (is_swap_in(f))
		return MV_FAULT_SWAP;
	/* A file's page now: whatever was before, the fault mapped it. */
	if (is_present(f->after) && (f->after & MV_KNOWN_FILE)) {
		if (object_is_memory)
			return f->major ? MV_FAULT_UNKNOWN : MV_FAULT_SHMEM;
		return f->major ? MV_FAULT_DISK : MV_FAULT_FILE;
	}
	/* The file had to be read, whether a copy was made of it or not, and whether that is there still or
	 * not. */
	if (f->major)
		return was_no_copy && !object_is_memory ? MV_FAULT_DISK : MV_FAULT_UNKNOWN;
	/* The file's page or a copy? Only a look afterwards tells. */
	if (!is_present(f->after) || (f->after & MV_KNOWN_ZERO))
		return MV_FAULT_UNKNOWN;
	if (was_no_copy)
		return MV_FAULT_COW;
	/* A copy that a child shared, copied again. */
	if (was_present(f->before) && (f->before & MV_KNOWN_SHARED) && !(f->after & MV_KNOWN_SHARED))
		return MV_FAULT_COW;
	/* Nothing known before: a copy made now, or one that came out of swap; or a copy that was its own
	 * already. */
	return MV_FAULT_UNKNOWN;
}

/* hugetlb has whole huge pages only. One that was there and its own has only changed its protection. */
static enum mv_fault_kind hugetlb(const struct mv_fault_facts *f)
{
	if (was_present(f->before) && is_present(f->after)) {
		const bool was_shared = f->before & (MV_KNOWN_SHARED | MV_KNOWN_FILE);

		return !(f->perms & MV_PERM_SHARED) && was_shared && !(f->after & MV_KNOWN_SHARED) &&
			       !(f->after & MV_KNOWN_FILE)
			   ? MV_FAULT_COW
			   : MV_FAULT_UNKNOWN;
	}
	return MV_FAULT_HUGE;
}

enum mv_fault_kind mv_fault_kind_of(const struct mv_fault_facts *f)
{
	const bool shared = f->perms & MV_PERM_SHARED;

	if (!f->have_mapping)
		return MV_FAULT_UNKNOWN;
	switch (f->kind) {
	case MV_KIND_VDSO: /* the kernel's own pages, installed by its own handlers */
	case MV_KIND_VVAR:
	case MV_KIND_VSYSCALL:
		return MV_FAULT_UNKNOWN;
	case MV_KIND_HUGE:
		return hugetlb(f);
	case MV_KIND_SHARED:
		return shared ? shared_memory(f) : private_file(f, true);
	case MV_KIND_STACK:
		/* The mapping had to grow first; new pages are never a major fault. */
		if (f->below_stack && !f->major && !was_present(f->before))
			return MV_FAULT_STACK;
		break;
	}
	if (f->flags & MV_MAPPING_FILE)
		return shared ? shared_file(f) : private_file(f, false);
	/* Shared, without a file, and not known as shared memory: a driver's. */
	return shared ? MV_FAULT_UNKNOWN : anonymous(f);
}

uint8_t mv_known_of(uint64_t cats, uint64_t cats_told, uint64_t word)
{
	const uint64_t needed = MV_CAT_PRESENT | MV_CAT_SWAPPED;
	const bool present = word ? word & MV_WORD_PRESENT : cats & MV_CAT_PRESENT;
	const bool swapped = word ? word & MV_WORD_SWAPPED : cats & MV_CAT_SWAPPED;
	const bool file = word ? word & MV_WORD_FILE : cats & MV_CAT_FILE;
	uint8_t known = MV_KNOWN;

	if (!word && (cats_told & needed) != needed)
		return 0;
	/* A guard marker is told as swapped, too; there is no page. */
	if ((cats & MV_CAT_GUARD) || (word & MV_WORD_GUARD))
		return MV_KNOWN;
	if (swapped)
		return MV_KNOWN | MV_KNOWN_SWAPPED;
	if (!present)
		return MV_KNOWN;
	if (!word && !(cats_told & MV_CAT_FILE))
		return 0; /* a file's page and a copy of it are not to be mixed up */
	known |= MV_KNOWN_PRESENT;
	if (file)
		known |= MV_KNOWN_FILE;
	if (cats & MV_CAT_PRESENT) {
		known |= cats & MV_CAT_PFNZERO ? MV_KNOWN_ZERO : 0;
		known |= cats & MV_CAT_HUGE ? MV_KNOWN_HUGE : 0;
	}
	if (word && !file && !(known & MV_KNOWN_ZERO) && !(word & MV_WORD_EXCLUSIVE))
		known |= MV_KNOWN_SHARED;
	return known;
}

/* ---- the book ---- */

#define BLOCK_PAGES 512
#define FORGOTTEN   MV_KNOWN_STALE /* a byte that says "unknown" inside a baseline */

struct block {
	uint64_t number;	    /* its first page / BLOCK_PAGES */
	uint8_t known[BLOCK_PAGES]; /* 0: as the baseline says */
};

struct mv_pagebook {
	uint32_t page_bytes;
	size_t max_bytes, used_bytes;
	struct block **slots; /* open addressing, at most three quarters full */
	size_t slot_count, block_count;
	struct mv_range
	    *base; /* where what is not noted is absent: pages, ascending, neither touching nor overlapping */
	size_t base_count, base_cap;
};

int mv_pagebook_new(uint32_t page_bytes, size_t max_bytes, struct mv_pagebook **ret_book)
{
	struct mv_pagebook *book;

	assert(page_bytes > 0);
	book = calloc(1, sizeof(*book));
	if (!book)
		return -ENOMEM;
	book->page_bytes = page_bytes;
	book->max_bytes = max_bytes;
	*ret_book = book;
	return 0;
}

void mv_pagebook_clear(struct mv_pagebook *book)
{
	for (size_t i = 0; i < book->slot_count; i++)
		free(book->slots[i]);
	free(book->slots);
	free(book->base);
	book->slots = NULL;
	book->base = NULL;
	book->slot_count = book->block_count = book->base_count = book->base_cap = 0;
	book->used_bytes = 0;
}

void mv_pagebook_free(struct mv_pagebook *book)
{
	if (!book)
		return;
	mv_pagebook_clear(book);
	free(book);
}

/* Take so much of the bound. */
static bool claim(struct mv_pagebook *book, size_t bytes)
{
	if (bytes > book->max_bytes - book->used_bytes)
		return false;
	book->used_bytes += bytes;
	return true;
}

static size_t slot_of(const struct mv_pagebook *book, uint64_t number)
{
	size_t i = (size_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (book->slot_count - 1);

	while (book->slots[i] && book->slots[i]->number != number)
		i = (i + 1) & (book->slot_count - 1);
	return i;
}

static struct block *find_block(const struct mv_pagebook *book, uint64_t number)
{
	return book->slot_count ? book->slots[slot_of(book, number)] : NULL;
}

static bool grow_slots(struct mv_pagebook *book)
{
	struct mv_pagebook bigger = *book;

	bigger.slot_count = book->slot_count ? book->slot_count * 2 : 64;
	if (!claim(&bigger, (bigger.slot_count - book->slot_count) * sizeof(*bigger.slots)))
		return false;
	bigger.slots = calloc(bigger.slot_count, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < book->slot_count; i++) {
		if (book->slots[i])
			bigger.slots[slot_of(&bigger, book->slots[i]->number)] = book->slots[i];
	}
	free(book->slots);
	*book = bigger;
	return true;
}

static struct block *make_block(struct mv_pagebook *book, uint64_t number)
{
	struct block *block = find_block(book, number);

	if (block)
		return block;
	if ((book->block_count + 1) * 4 > book->slot_count * 3 && !grow_slots(book))
		return NULL;
	if (!claim(book, sizeof(*block)))
		return NULL;
	block = calloc(1, sizeof(*block));
	if (!block) {
		book->used_bytes -= sizeof(*block);
		return NULL;
	}
	block->number = number;
	book->slots[slot_of(book, number)] = block;
	book->block_count++;
	return block;
}

/* The first of the baseline's ranges that ends beyond a page. */
static size_t base_place(const struct mv_pagebook *book, uint64_t page)
{
	size_t low = 0, high = book->base_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (book->base[mid].end <= page)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Room for one more, which is not there yet. */
static bool base_reserve(struct mv_pagebook *book)
{
	const size_t cap = book->base_cap ? book->base_cap * 2 : 64;
	struct mv_range *grown;

	if (book->base_count < book->base_cap)
		return true;
	if (!claim(book, (cap - book->base_cap) * sizeof(*grown)))
		return false;
	grown = reallocarray(book->base, cap, sizeof(*grown));
	if (!grown) {
		book->used_bytes -= (cap - book->base_cap) * sizeof(*grown);
		return false;
	}
	book->base = grown;
	book->base_cap = cap;
	return true;
}

/* Put `with` (0 or 1 ranges) in the place of [from, to). */
static void base_replace(struct mv_pagebook *book, size_t from, size_t to, const struct mv_range *with)
{
	const size_t n = with ? 1 : 0;

	memmove(&book->base[from + n], &book->base[to], (book->base_count - to) * sizeof(*book->base));
	if (with)
		book->base[from] = *with;
	book->base_count = book->base_count - (to - from) + n;
}

static void base_add(struct mv_pagebook *book, struct mv_range pages)
{
	size_t from = base_place(book, pages.start ? pages.start - 1 : 0), to = from;

	while (to < book->base_count && book->base[to].start <= pages.end) {
		if (book->base[to].start < pages.start)
			pages.start = book->base[to].start;
		if (book->base[to].end > pages.end)
			pages.end = book->base[to].end;
		to++;
	}
	if (to > from || base_reserve(book))
		base_replace(book, from, to, &pages);
}

/* Never fails: if there is no room for both rests of a range, only the first stays. */
static void base_cut(struct mv_pagebook *book, struct mv_range pages)
{
	size_t i = base_place(book, pages.start);

	while (i < book->base_count && book->base[i].start < pages.end) {
		const struct mv_range had = book->base[i];
		const struct mv_range left = {had.start, pages.start}, right = {pages.end, had.end};
		const bool has_left = left.start < left.end, has_right = right.start < right.end;

		base_replace(book, i, i + 1, has_left ? &left : has_right ? &right : NULL);
		i += has_left;
		if (has_left && has_right && base_reserve(book))
			base_replace(book, i, i, &right);
		if (has_right)
			return;
	}
}

static struct mv_range pages_of(const struct mv_pagebook *book, struct mv_range range)
{
	/* A page that is only touched counts whole. */
	return (struct mv_range){range.start / book->page_bytes,
				 range.end / book->page_bytes + (range.end % book->page_bytes != 0)};
}

void mv_pagebook_baseline(struct mv_pagebook *book, struct mv_range range)
{
	const struct mv_range pages = pages_of(book, range);

	if (pages.start < pages.end)
		base_add(book, pages);
}

typedef void for_known(uint8_t *known, size_t n);

/* Pages of existing blocks, whichever is shorter: block by block of the range, or all the blocks there are.
 */
static void each_known(struct mv_pagebook *book, struct mv_range pages, for_known *change)
{
	const uint64_t first = pages.start / BLOCK_PAGES, last = (pages.end - 1) / BLOCK_PAGES;
	const bool by_slot = last - first >= book->slot_count;
	const uint64_t n = by_slot ? book->slot_count : last - first + 1;

	for (uint64_t i = 0; i < n; i++) {
		struct block *b = by_slot ? book->slots[i] : find_block(book, first + i);
		uint64_t from, to;

		if (!b || b->number < first || b->number > last)
			continue;
		from = b->number == first ? pages.start % BLOCK_PAGES : 0;
		to = b->number == last ? (pages.end - 1) % BLOCK_PAGES + 1 : BLOCK_PAGES;
		change(b->known + from, to - from);
	}
}

static void drop_known(uint8_t *known, size_t n)
{
	memset(known, 0, n);
}

static void stale_known(uint8_t *known, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (known[i] & (MV_KNOWN_PRESENT | MV_KNOWN_SWAPPED))
			known[i] |= MV_KNOWN_STALE;
	}
}

/* The zero page belongs to nobody, a file's to the file. */
static void share_known(uint8_t *known, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((known[i] & MV_KNOWN_PRESENT) && !(known[i] & (MV_KNOWN_FILE | MV_KNOWN_ZERO)))
			known[i] |= MV_KNOWN_SHARED;
	}
}

void mv_pagebook_fresh(struct mv_pagebook *book, struct mv_range range)
{
	const struct mv_range pages = pages_of(book, range);

	if (pages.start >= pages.end)
		return;
	each_known(book, pages, drop_known);
	base_add(book, pages);
}

/* What another process maps as well may have stayed, and then a write copies it. */
static void remap_known(uint8_t *known, size_t n)
{
	for (size_t i = 0; i < n; i++)
		known[i] = known[i] & MV_KNOWN_SHARED ? known[i] | MV_KNOWN_STALE : 0;
}

void mv_pagebook_remapped(struct mv_pagebook *book, struct mv_range range)
{
	const struct mv_range pages = pages_of(book, range);

	if (pages.start >= pages.end)
		return;
	each_known(book, pages, remap_known);
	base_add(book, pages);
}

void mv_pagebook_note(struct mv_pagebook *book, struct mv_range range, uint8_t known)
{
	const struct mv_range pages = pages_of(book, range);
	const uint8_t byte = known & MV_KNOWN ? known : FORGOTTEN;
	uint64_t at = pages.start;

	if (known == MV_KNOWN) {
		mv_pagebook_fresh(book, range);
		return;
	}
	while (at < pages.end) {
		const uint64_t left = BLOCK_PAGES - at % BLOCK_PAGES;
		const uint64_t n = pages.end - at < left ? pages.end - at : left;
		struct block *b = make_block(book, at / BLOCK_PAGES);

		if (!b) { /* nor may the baseline say that it is absent */
			base_cut(book, (struct mv_range){at, pages.end});
			each_known(book, (struct mv_range){at, pages.end}, drop_known);
			return;
		}
		memset(b->known + at % BLOCK_PAGES, byte, n);
		at += n;
	}
}

uint8_t mv_pagebook_get(const struct mv_pagebook *book, uint64_t page)
{
	const uint64_t number = page / book->page_bytes;
	const struct block *b = find_block(book, number / BLOCK_PAGES);
	size_t at;

	if (b && b->known[number % BLOCK_PAGES])
		return b->known[number % BLOCK_PAGES] == FORGOTTEN ? 0 : b->known[number % BLOCK_PAGES];
	at = base_place(book, number);
	return at < book->base_count && book->base[at].start <= number ? MV_KNOWN : 0;
}

void mv_pagebook_forked(struct mv_pagebook *book)
{
	for (size_t i = 0; i < book->slot_count; i++) {
		if (book->slots[i])
			share_known(book->slots[i]->known, BLOCK_PAGES);
	}
}

void mv_pagebook_stale(struct mv_pagebook *book, struct mv_range range)
{
	const struct mv_range pages = pages_of(book, range);

	if (pages.start < pages.end)
		each_known(book, pages, stale_known);
}
