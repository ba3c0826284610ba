/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A copy of a process's memory with whatever in it: a walk ends, stays inside, and what it hands out adds up.
 * The first byte is the layout, the others overwrite an ordinary heap: address (3 bytes), length (1), bytes.
 */

#include "config.h"

#include "core/heap_private.h"
#include "tests/fuzz/fuzz.h"

#define DATA   UINT64_C(0x10000000) /* malloc_state and mp_ */
#define MAIN   UINT64_C(0x20000000)
#define ARENA  UINT64_C(0x40000000)
#define OTHER  UINT64_C(0x60000000)
#define BYTES  UINT64_C(0x4000)
#define FIELD  (DATA + 0x100)
#define PARAMS (DATA + 0x2000)
#define PIECES 4

static const uint64_t starts[PIECES] = {DATA, MAIN, ARENA, OTHER};
static uint8_t memory[PIECES][BYTES];
static uint64_t present[PIECES][(BYTES / 4096 + 63) / 64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void put(uint64_t address, uint64_t value)
{
	for (size_t i = 0; i < PIECES; i++)
		if (address >= starts[i] && address - starts[i] <= BYTES - 8)
			memcpy(memory[i] + (address - starts[i]), &value, 8);
}

static void put_state(uint64_t field, uint64_t top, uint64_t next, uint64_t system)
{
	put(field, top);
	for (uint64_t i = 0; i < STATE_BIN_COUNT; i++) {
		put(field + STATE_BINS + 16 * i, field + 16 * i);
		put(field + STATE_BINS + 16 * i + 8, field + 16 * i);
	}
	put(field + STATE_NEXT, next);
	put(field + STATE_SYSTEM, system);
}

static void lay_out(uint32_t layout)
{
	const uint32_t offset = heap_top_offset[layout];
	const uint64_t info = 0x30, field = ARENA + info + offset,
		       first = (field + STATE_BYTES + 15) & ~UINT64_C(15);

	memset(memory, 0, sizeof(memory));
	put(MAIN + 8, 0x291);
	put(MAIN + 0x298, 0x41);
	put(MAIN + 0x2d8, 0x501);
	put(MAIN + 0x7d0, 0x500);
	put(MAIN + 0x7d8, 0x60);
	put(MAIN + 0x838, (BYTES - 0x830) | 1);
	put_state(FIELD, MAIN + 0x830, ARENA + info, BYTES);
	put(ARENA, ARENA + info);
	put(ARENA + 16, BYTES);
	put(first + 8, 0x105);
	put(first + 0x108, (BYTES - (first - ARENA) - 0x100) | 1);
	put_state(field, first + 0x100, FIELD - offset, BYTES);
	put(PARAMS, MAIN);
	put(PARAMS - 0x48, 8);
	put(PARAMS + 8, 64);
	put(PARAMS + 0x18, 7);
	put(OTHER + 8, 0x101);
	put(OTHER + 0x108, 0x11);
	put(OTHER + 0x118, 0x11);
}

static void overwrite(const uint8_t *data, size_t size)
{
	while (size > 4) {
		const size_t place =
		    ((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % sizeof(memory);
		size_t n = data[3] & 15;

		data += 4;
		size -= 4;
		n = n < size ? n : size;
		n = n < sizeof(memory) - place ? n : sizeof(memory) - place;
		memcpy(&memory[0][0] + place, data, n);
		data += n;
		size -= n;
	}
}

static void check(const struct mv_heap *heap)
{
	uint64_t end = 0, bytes = 0, own = 0;

	for (size_t i = 0; i < heap->block_count; i++) {
		const struct mv_block *b = &heap->blocks[i];

		MUST(b->start >= end && mv_block_size(b) && mv_block_state(b) < MV_BLOCK__N);
		end = b->start + mv_block_size(b);
		MUST(end > b->start);
		bytes += mv_block_state(b) == MV_BLOCK_MMAPPED ? 0 : mv_block_size(b);
		MUST(mv_heap_find(heap, b->start) == b);
		MUST(mv_heap_find(heap, end - 1) == b);
	}
	for (size_t i = 0; i < heap->arena_count; i++)
		own += heap->arenas[i].foreign_bytes;
	MUST(bytes <= heap->system_bytes && bytes + own + 15 >= heap->system_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mv_memcopy_range ranges[PIECES] = {0};
	struct mv_memcopy copy = {.at = ranges, .count = PIECES, .page_bytes = 4096};
	struct mv_heap_spot spots[] = {{.start = MAIN, .end = MAIN + BYTES, .kind = SPOT_MAIN},
				       {.start = OTHER, .end = OTHER + BYTES, .kind = SPOT_OTHER}};
	struct mv_heap_where where = {
	    .state = FIELD, .params = PARAMS, .params_layout = PARAMS_235, .page_bytes = 4096};
	static struct mv_heap heap;

	if (!size)
		return 0;
	where.layout = data[0] % LAYOUT__N;
	where.spots = spots;
	where.spot_count = MV_COUNT_OF(spots);
	lay_out(where.layout);
	overwrite(data + 1, size - 1);
	for (size_t i = 0; i < PIECES; i++) {
		present[i][0] = UINT64_MAX;
		ranges[i] = (struct mv_memcopy_range){
		    .start = starts[i], .end = starts[i] + BYTES, .bytes = memory[i], .bits = present[i]};
	}
	MUST(mv_heap_walk(&where, &copy, (size_t)64 << 20, &heap) == 0);
	MUST(heap.reason < MV_HEAP__N);
	if (heap.reason == MV_HEAP_HAVE)
		check(&heap);
	/* Unless it was overwritten, it is whole. */
	if (size == 1)
		MUST(heap.reason == MV_HEAP_HAVE && heap.arena_count == 2);
	return 0;
}
