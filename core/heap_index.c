/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/heap_private.h"

/* The memory of blocks and their index; which block holds an address; the picture. */

#define GRANULE	     512u
#define BLOCKS_START (UINT64_C(1) << 16)
#define HUGE_BYTES   ((size_t)2 << 20)

/* Addresses that begin at a huge page's border: what is not moved from there to there is cut into small
 * pages. */
static void *find_place(size_t bytes)
{
	char *at =
	    mmap(NULL, bytes + HUGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t lead;

	if (at == MAP_FAILED)
		return MAP_FAILED;
	lead = -(uintptr_t)at & (HUGE_BYTES - 1);
	if (lead)
		munmap(at, lead);
	munmap(at + lead + bytes, HUGE_BYTES - lead);
	return at + lead;
}

int heap_room(void **memory, size_t *room_bytes, size_t bytes)
{
	size_t room = *room_bytes ? *room_bytes : 65536;
	void *place, *grown;

	if (bytes <= *room_bytes)
		return 0;
	while (room < bytes)
		room *= 2;
	place = find_place(room);
	if (place == MAP_FAILED)
		return -ENOMEM;
	if (*memory)
		grown = mremap(*memory, *room_bytes, room, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	else
		grown = mmap(place, room, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	if (grown == MAP_FAILED) {
		munmap(place, room);
		return -ENOMEM;
	}
	if (room >= HUGE_BYTES)
		madvise(grown, room, MADV_HUGEPAGE);
	*memory = grown;
	*room_bytes = room;
	return 0;
}

bool heap_blocks_grow(struct mv_heap *heap)
{
	size_t bytes = heap->block_room * sizeof(*heap->blocks);
	size_t want = heap->block_room ? bytes * 2 : BLOCKS_START * sizeof(*heap->blocks);
	void *memory = heap->blocks;

	if (want > heap->block_limit || heap_room(&memory, &bytes, want) < 0)
		return false;
	heap->blocks = memory;
	heap->block_room = bytes / sizeof(*heap->blocks);
	return true;
}

int heap_index_make(struct mv_heap *heap)
{
	void *memory = heap->index_memory;
	size_t granules = 0, used = 0;
	int r;

	for (size_t i = 0; i < heap->region_count; i++)
		if (heap->regions[i].kind != MV_REGION_MMAPPED)
			granules += (heap->regions[i].end - heap->regions[i].start) / GRANULE + 1;
	r = heap_room(&memory, &heap->index_room, granules * sizeof(uint32_t) + 1);
	if (r < 0)
		return r;
	heap->index_memory = memory;
	for (size_t i = 0; i < heap->region_count; i++) {
		struct mv_heap_region *region = &heap->regions[i];
		const struct mv_block *blocks = heap->blocks + region->first;
		uint32_t *index = heap->index_memory + used;
		size_t n = 0;

		region->index = NULL;
		if (region->kind == MV_REGION_MMAPPED)
			continue;
		for (uint32_t k = 0; k < region->count; k++) {
			const uint64_t end = blocks[k].start + mv_block_size(&blocks[k]) - region->start;

			for (; n * GRANULE < end; n++)
				index[n] = k;
		}
		region->index = index;
		used += n;
	}
	return 0;
}

static const struct mv_heap_region *region_of(const struct mv_heap *heap, uint64_t address)
{
	size_t low = 0, high = heap->region_count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (heap->regions[mid].end <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low < heap->region_count ? &heap->regions[low] : NULL;
}

/* The block of a region that holds an address in it, or the last that begins before it. */
static size_t place(const struct mv_heap *heap, const struct mv_heap_region *region, uint64_t address)
{
	size_t i = region->first, end = region->first + region->count;

	if (region->index)
		i += region->index[(address - region->start) / GRANULE];
	while (i + 1 < end && heap->blocks[i + 1].start <= address)
		i++;
	return i;
}

const struct mv_block *mv_heap_find(const struct mv_heap *heap, uint64_t address)
{
	const struct mv_heap_region *region = region_of(heap, address);
	const struct mv_block *b;

	if (!region || address < region->start || !region->count)
		return NULL;
	b = &heap->blocks[place(heap, region, address)];
	return b->start <= address && address - b->start < mv_block_size(b) ? b : NULL;
}

size_t mv_heap_from(const struct mv_heap *heap, uint64_t address)
{
	const struct mv_heap_region *region = region_of(heap, address);
	size_t i;

	if (!region)
		return heap->block_count;
	if (address <= region->start)
		return region->first;
	i = place(heap, region, address);
	return heap->blocks[i].start + mv_block_size(&heap->blocks[i]) > address ? i : i + 1;
}

struct mv_block *heap_block_at(const struct mv_heap *heap, uint64_t start)
{
	const struct mv_block *b = mv_heap_find(heap, start);

	return b && b->start == start ? &heap->blocks[b - heap->blocks] : NULL;
}

void mv_heap_cells(const struct mv_heap *heap, struct mv_range range, uint64_t cell_bytes,
		   struct mv_heap_cell *ret_cells, size_t count)
{
	memset(ret_cells, 0, count * sizeof(*ret_cells));
	if (!cell_bytes || range.start >= range.end)
		return;
	for (size_t i = mv_heap_from(heap, range.start); i < heap->block_count; i++) {
		const struct mv_block *b = &heap->blocks[i];
		const uint64_t block_end = b->start + mv_block_size(b);
		const uint64_t end = block_end < range.end ? block_end : range.end;
		uint64_t at = b->start > range.start ? b->start : range.start;

		if (b->start >= range.end)
			break;
		if (at == b->start && (at - range.start) / cell_bytes < count)
			ret_cells[(at - range.start) / cell_bytes].blocks++;
		while (at < end) {
			const uint64_t cell = (at - range.start) / cell_bytes;
			const uint64_t left = cell_bytes - (at - range.start) % cell_bytes;
			const uint64_t bytes = end - at < left ? end - at : left;

			if (cell >= count)
				return;
			ret_cells[cell].bytes[mv_block_state(b)] += bytes;
			at += bytes;
		}
	}
}
