/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_BLOCKS_H
#define MV_BLOCKS_H

/*
 * The malloc heap and its lost blocks as a snapshot carries them: plain numbers, text by offset. What they mean: heap.h, leaks.h.
 * Source: a helper process of the collector that copies and walks the heap (leaks.h); bytes everywhere.
 */

#include "core/heap.h"
#include "core/leaks.h"

/* With MV_FACT_HEAP. Everything from `sum` on is of the last reading that reconciled: 0s when there was none (at_ns 0). */
struct mv_heap_head {
	uint32_t reason;    /* enum mv_heap_reason, of the newest reading: NOT_READ none yet; else than HAVE, and at_ns not 0: the figures are older */
	uint32_t allocator; /* enum mv_allocator, of the newest reading */
	uint64_t broke_at, broke_after;
	uint64_t asked_ns; /* when the newest reading ended, 0 never */
	uint64_t at_ns;	   /* when the figures' copy was made (CLOCK_MONOTONIC), 0 never */
	uint64_t took_ns;  /* that reading, the copy included */
	struct mv_heap_sum sum[MV_BLOCK__N];
	struct mv_mallinfo mallinfo;
	uint64_t system_bytes, resident_bytes, free_resident_bytes, top_resident_bytes, trimmable_bytes, max_free_bytes;
	uint32_t fragmentation; /* thousandths */
	uint32_t tcaches;
	uint32_t version_first, version_last;
	bool mmapped_found, still, caches_exact;
	uint8_t tries;
	uint32_t gen; /* counts readings that reconciled */
	/* The picture: cells of want.heap_window, empty when the want has none. */
	struct mv_range window;
	uint64_t cell_bytes;
};

/* One class of block sizes, of those that have blocks; ascending. */
struct mv_heap_size {
	uint64_t first, last; /* sizes with malloc's header */
	struct mv_heap_class c;
};

/*
 * Blocks in use of one class of sizes, that of want.heap_size, seen from an address: so that one can go from one to the next.
 * 0s when the want has no size; addresses are the blocks' starts, 0 where there is none.
 */
struct mv_heap_sized {
	uint64_t size, near;   /* the want's */
	uint64_t blocks;       /* that there are */
	uint64_t passed;       /* of them, begin below `near` */
	uint64_t first, last;  /* the lowest and the highest */
	uint64_t before;       /* the last below `near` */
	uint64_t at, at_bytes; /* the first at `near` or above, and its size */
	uint64_t after;	       /* the first above `near` */
};

/* A stretch of blocks without a gap. */
struct mv_heap_stretch {
	uint64_t start, end;
	uint32_t arena; /* index; of MMAPPED meaningless */
	uint32_t kind;	/* enum mv_heap_region_kind */
	uint64_t blocks;
};
#define MV_HEAP_STRETCHES 4096 /* the largest so many are told */

enum mv_leaks_state {
	MV_LEAKS_STATE_NONE,  /* none asked for since watching */
	MV_LEAKS_STATE_RUNS,  /* progress says how far */
	MV_LEAKS_STATE_DONE,  /* why says whether there is an answer */
};

/* With MV_FACT_HEAP: the scan asked for by want.leaks_seq. All from `why` on is of the scan that ended last. */
struct mv_leaks_head {
	uint32_t state; /* enum mv_leaks_state */
	uint32_t seq;	/* of the want that asked for what runs or was done */
	uint32_t mode;	/* enum mv_leaks_mode, of that */
	struct mv_leaks_progress progress;
	uint32_t why; /* enum mv_leaks_why: not NONE: no answer, and only heap_reason and error hold */
	uint32_t heap_reason;
	int32_t error;
	uint32_t rounds;
	uint64_t at_ns; /* when it ended, 0 never */
	uint64_t stopped_ns, took_ns, scanned_bytes, heap_bytes, roots_bytes;
	uint64_t swapped_bytes, absent_bytes, unreadable_bytes; /* left out */
	uint32_t threads, threads_unseen, dead_stacks;
	uint32_t groups_left_out;
	uint64_t blocks, bytes; /* in use, lost or not */
	struct mv_heap_sum lost, direct, indirect, interior_only;
	/* What an exact one would take, as far as it was asked for (MV_LEAKS_WANT_COST). cost_ns 0: not known; stop_ns 0: it could
	 * not be told. Each time that it is asked for cost_ns is another. */
	uint64_t cost_ns; /* when that was worked out */
	struct mv_leaks_cost cost;
};

struct mv_leak_group {
	struct mv_leaks_group g;
	uint32_t name; /* text: the symbol its first word is the address of, or into ("vtable for Session"); 0 none or not known yet */
	uint32_t text; /* text: g.text, cleaned */
};

#endif
