/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/growth_private.h"

/* Which pages were there at the mark: two bits a page, in blocks of 512 pages that were looked at. */

#define BLOCK_PAGES 512u
#define BLOCK_WORDS (BLOCK_PAGES / 64)
#define BLOCKS_MAX  ((1u << 20) / sizeof(struct page_block))

struct page_block {
	uint64_t key; /* address / bytes of a block */
	uint64_t looked[BLOCK_WORDS], present[BLOCK_WORDS];
};

void page_marks_clear(struct page_marks *m)
{
	free(m->blocks);
	*m = (struct page_marks){0};
}

static uint64_t block_bytes(const struct page_marks *m)
{
	return (uint64_t)m->page_bytes * BLOCK_PAGES;
}

/* The first block whose key is not below. */
static uint32_t lower(const struct page_marks *m, uint64_t key)
{
	uint32_t low = 0, high = m->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (m->blocks[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct page_block *block_of(struct page_marks *m, uint64_t key)
{
	uint32_t at = lower(m, key);

	if (at < m->count && m->blocks[at].key == key)
		return &m->blocks[at];
	if (m->count == m->cap) {
		uint32_t cap = m->cap ? m->cap * 2 : 64;
		struct page_block *more;

		cap = cap > BLOCKS_MAX ? (uint32_t)BLOCKS_MAX : cap;
		more = cap > m->count ? realloc(m->blocks, cap * sizeof(*more)) : NULL;
		if (!more)
			return NULL;
		m->blocks = more;
		m->cap = cap;
	}
	memmove(&m->blocks[at + 1], &m->blocks[at], (m->count - at) * sizeof(*m->blocks));
	m->blocks[at] = (struct page_block){.key = key};
	m->count++;
	return &m->blocks[at];
}

static void take_cells(struct page_marks *m, uint64_t addr, const struct mv_grid_cell *cells, uint32_t count)
{
	struct page_block *b = NULL;

	for (uint32_t i = 0; i < count; i++, addr += m->page_bytes) {
		uint64_t key = addr / block_bytes(m), page = addr / m->page_bytes % BLOCK_PAGES;
		uint64_t bit = UINT64_C(1) << page % 64;

		if (!(cells[i].flags & MV_GRID_READ))
			continue;
		if (!b || b->key != key)
			b = block_of(m, key);
		if (!b) {
			m->short_of = true;
			return;
		}
		/* The look nearest to the mark is the one that counts. */
		if (b->looked[page / 64] & bit)
			continue;
		b->looked[page / 64] |= bit;
		if (mv_tally_present(&cells[i].tally))
			b->present[page / 64] |= bit;
	}
}

void page_marks_feed(struct page_marks *m, const struct mv_snapshot *snap)
{
	const struct mv_range *spans =
	    (const struct mv_range *)(const void *)((const char *)snap + snap->spans.offset);

	if (snap->cell_pages != 1 || (m->page_bytes && m->page_bytes != snap->page_bytes))
		return;
	m->page_bytes = snap->page_bytes;
	for (uint32_t i = 0; i < snap->spans.count; i++) {
		uint32_t count;
		const struct mv_grid_cell *cells = mv_snapshot_cells(snap, i, &count);

		if (cells)
			take_cells(m, spans[i].start, cells, count);
	}
}

/* Pages from addr on that were looked at, up to the end of its word of bits. */
static uint64_t looked_from(const struct page_marks *m, uint64_t addr)
{
	uint64_t key = addr / block_bytes(m), page = addr / m->page_bytes % BLOCK_PAGES, not ;
	uint32_t at = lower(m, key);

	if (at == m->count || m->blocks[at].key != key)
		return 0;
	not = ~m->blocks[at].looked[page / 64] >> page % 64;
	return not ? (uint64_t)__builtin_ctzll(not ) : 64 - page % 64;
}

struct mv_range page_marks_todo(const struct page_marks *m, struct mv_range range)
{
	uint64_t end;

	if (m->short_of)
		return (struct mv_range){0, 0};
	for (uint64_t n; m->page_bytes && range.start < range.end && (n = looked_from(m, range.start));)
		range.start += n * m->page_bytes;
	if (range.start >= range.end)
		return (struct mv_range){0, 0};
	end = range.start + (uint64_t)MV_GROWTH_MARK_PAGES * (m->page_bytes ? m->page_bytes : 4096);
	range.end = range.end > end ? end : range.end;
	return range;
}

struct mv_growth_pages page_marks_at(const struct page_marks *m, struct mv_range range)
{
	struct mv_growth_pages sum = {0};

	if (!m->page_bytes)
		return sum;
	for (uint32_t i = lower(m, range.start / block_bytes(m)); i < m->count; i++) {
		const struct page_block *b = &m->blocks[i];
		uint64_t start = b->key * block_bytes(m), first, last;

		if (start >= range.end)
			break;
		first = range.start > start ? (range.start - start) / m->page_bytes : 0;
		last = range.end - start < block_bytes(m) ? (range.end - start) / m->page_bytes : BLOCK_PAGES;
		for (uint64_t w = first / 64; w < (last + 63) / 64; w++) {
			uint64_t mask = ~UINT64_C(0);

			if (w == first / 64)
				mask &= ~UINT64_C(0) << first % 64;
			if (w == last / 64)
				mask &= (UINT64_C(1) << last % 64) - 1;
			sum.known += (uint64_t)__builtin_popcountll(b->looked[w] & mask);
			sum.present += (uint64_t)__builtin_popcountll(b->present[w] & mask);
		}
	}
	return sum;
}
