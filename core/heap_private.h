/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_HEAP_PRIVATE_H
#define MV_HEAP_PRIVATE_H

/*
 * What the heap_*.c files share: glibc's structures, as offsets.
 *
 * Source: malloc/malloc.c and malloc/arena.c of glibc 2.26 to 2.43, 64 bit.
 */

#include <string.h>

#include "core/heap.h"

/*
 * struct malloc_state. From the field `top` on it is the same in all of them; bin i's fd and bk lie where a chunk's would if it
 * began at top + 16 i, so an empty bin points there. Before top: mutex, flags (2.27: have_fastchunks), ten fastbins (2.43: none).
 */
enum heap_layout { LAYOUT_226, LAYOUT_227, LAYOUT_243, LAYOUT__N };
extern const uint8_t heap_top_offset[LAYOUT__N]; /* of top in malloc_state */
#define STATE_BINS	16u /* from top, as all below */
#define STATE_BIN_COUNT 127u
#define STATE_NEXT	0x810u
#define STATE_SYSTEM	0x828u
#define STATE_BYTES	0x838u /* from top to the end */
#define STATE_MAX	(0x60u + STATE_BYTES)
#define STATE_FLAGS	4u /* from the start */
#define STATE_FASTBINS	0x50u /* before top; none in LAYOUT_243 */
#define FASTBINS	10u
#define FLAG_NONCONTIGUOUS 2u

struct heap_state {
	uint64_t address, field; /* of malloc_state, of its top */
	uint64_t top, next, system_bytes;
	uint64_t fast[FASTBINS];
	bool noncontiguous;
};
static inline uint64_t heap_load(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}
static inline size_t heap_state_bytes(uint32_t layout)
{
	return heap_top_offset[layout] + (size_t)STATE_BYTES;
}
/* bytes: heap_state_bytes of them, from malloc_state on. */
void heap_state_parse(uint32_t layout, uint64_t field, const uint8_t *bytes, struct heap_state *ret_state);

/*
 * struct malloc_par (mp_), around sbrk_base. From 2.35 on huge page settings lie between arena_max and n_mmaps (2.43: one more word).
 */
enum heap_params_layout { PARAMS_226, PARAMS_235 };
#define PARAMS_BEFORE 0x68u /* bytes that are looked at before sbrk_base, and from it on */
#define PARAMS_AFTER  0x20u
struct heap_params {
	uint64_t sbrk_base, mmapped_bytes, max_mmapped_bytes, huge_page, tcache_bins, tcache_max, tcache_count;
	int32_t mmaps, mmaps_max, max_mmaps, no_threshold;
	uint64_t arena_test;
};
/* bytes: from PARAMS_BEFORE before sbrk_base on. */
void heap_params_parse(uint32_t layout, const uint8_t *bytes, struct heap_params *ret_params);
/* Can these be mp_? Sets its layout. */
bool heap_params_likely(const uint8_t *bytes, uint32_t *ret_layout);

/* struct heap_info, at the start of each of a thread arena's heaps: aligned to their greatest size. */
#define HEAP_INFO_ARENA 0u
#define HEAP_INFO_PREV	8u
#define HEAP_INFO_SIZE	16u
#define HEAP_MAX	(UINT64_C(64) << 20)

#define SIZE_BITS	UINT64_C(7)
#define SIZE_PREV_USED	UINT64_C(1)
#define SIZE_MMAPPED	UINT64_C(2)
#define SIZE_NON_MAIN	UINT64_C(4)
#define CHUNK_MIN	UINT64_C(32)
#define CHUNK_HEADER	UINT64_C(16)

/* What to copy and walk. */
enum heap_spot_kind {
	SPOT_STATE,   /* malloc_state and mp_ */
	SPOT_MAIN,    /* the main arena's first segment, from sbrk_base on */
	SPOT_HEAP,    /* of a thread arena */
	SPOT_OTHER,   /* may hold segments of a main arena that is not contiguous, from page borders on */
	SPOT_MMAPPED, /* a mapped chunk, its whole mapping */
};
struct mv_heap_spot {
	uint64_t start, end;
	uint64_t lead; /* MMAPPED: bytes before the chunk (memalign) */
	uint32_t kind, unused;
};
enum mv_heap_reason heap_reason_of(int error); /* of what reading the target returned; in heap.c */
int heap_spot_add(struct mv_heap_where *where, struct mv_heap_spot spot); /* -ENOMEM */

/* Read where pages are present alone; -EFAULT one is not. At most 64 KiB. */
int heap_peek(struct mv_target *target, uint64_t address, void *buf, size_t bytes);

/* The next place from *at on where bytes [at, len) of base look like malloc_state's bins; false: none. */
bool heap_bins_find(const uint8_t *bytes, size_t len, uint64_t base, size_t *at);

/* A hash of all arenas' states: equal when nothing but tcaches has changed. 0: could not be read. */
uint64_t heap_states_hash(struct mv_target *target, const struct mv_heap_where *where);

/* Adds SPOT_MMAPPED, and SPOT_OTHER when the main arena is not contiguous. In heap_mapped.c. */
int heap_mapped_find(struct mv_target *target, const struct mv_maps *maps, const struct heap_params *params,
		     struct mv_heap_where *where);
/* Size of the heaps of thread arenas, at most. */
uint64_t heap_max_bytes(const struct heap_params *params);

/* A walk under way. */
struct heap_walk {
	const struct mv_heap_where *where;
	const struct mv_memcopy *copy;
	struct mv_heap *heap;
	struct heap_params params;
	struct heap_state *states; /* as many as heap->arenas */
	uint64_t budget;	   /* steps that may be taken in vain */
	struct heap_mend *mend;	   /* how the copy is made anew where it is torn; NULL: it is not */
	enum mv_heap_reason reason;
	bool mangled, mangled_known; /* are lists' pointers combined with their places? */
	uint64_t tcache_size;	     /* of the tables' chunks; 0 none seen */
	bool heap_info_235;
	bool key_seen; /* of a tcache: heap->cache_key */
};
/*
 * Mending of a torn copy, in heap_mend.c. A stretch that is being walked, and where it broke: at, after the block that began at before.
 */
struct heap_mend {
	struct mv_memcopy *copy;
	struct mv_target *target;
	uint64_t left_bytes; /* that may still be copied anew */
	uint64_t farthest;   /* where the chain broke last, or beyond */
	unsigned in_vain;    /* mends since it got farther */
};
struct heap_torn {
	uint64_t at, before;
	uint64_t start; /* of the arena's heap; main: of what is walked */
	uint32_t arena;
	bool newest;	/* of a thread arena's heaps: top lies in it */
	size_t first; /* block of the stretch that can be walked from */
};
/*
 * Copy anew what is around the break, and the arena's state. True: it can be walked on from block *ret_from, which is to be
 * taken back with all behind it, up to *ret_end, where the arena's heap or (contiguous main) the arena ends now.
 */
bool heap_mend(struct heap_walk *walk, const struct heap_torn *torn, size_t *ret_from, uint64_t *ret_end);

/* For each block in a tcache or fastbin, its state; the tables are OWN. In heap_tcache.c. */
void heap_caches_mark(struct heap_walk *walk);
/* Sums, classes, mallinfo, pages, version. In heap_sums.c. */
void heap_sums_make(struct heap_walk *walk);
/* In heap_index.c */
int heap_index_make(struct mv_heap *heap);
struct mv_block *heap_block_at(const struct mv_heap *heap, uint64_t start); /* that begins there, or NULL */
bool heap_blocks_grow(struct mv_heap *heap);
int heap_room(void **memory, size_t *room_bytes, size_t bytes); /* grows by mremap; keeps what is there */

#endif
