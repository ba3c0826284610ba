/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_HEAP_H
#define MV_HEAP_H

/*
 * The malloc heap of a live process, read from outside: without its help, without symbols of its libc, and without stopping it.
 *
 * Source: glibc's malloc_state, found by its structure in the data of a program or library; its chunks, walked from first to
 *         last in a copy (memcopy.h); mp_, found beside it. glibc 2.26 to 2.43, 64 bit. Layouts: heap_private.h.
 * Proof:  a reading is handed out only when each arena's chunks add up to what glibc says it took from the system, each free
 *         chunk's two sizes agree, and mapped chunks add up to mp_'s sum. Else there is a reason, and no figures.
 * Memory: the copy (what is present of the heap) and 16 bytes a block, and 4 bytes for each 512 of the heap as an index.
 */

#include "core/clean.h"
#include "core/maps.h"
#include "core/memcopy.h"

/* What a block is. X(ID, JSON name, caption, meaning) */
#define MV_BLOCK_STATES(X)                                                                                    \
	X(IN_USE, "in-use", "in use", "given to the program, not freed")                                      \
	X(FREE, "free", "free", "freed and kept in a bin for the next malloc")                                \
	X(TCACHE, "tcache", "tcache", "freed, kept by a thread for itself; glibc counts it as in use")        \
	X(FASTBIN, "fastbin", "fastbin", "freed, small, not yet joined with its neighbours")                  \
	X(TOP, "top", "top", "the end of an arena: what new blocks are cut from")                             \
	X(MMAPPED, "mmapped", "mmapped", "big: a mapping of its own, unmapped when freed")                    \
	X(OWN, "own", "malloc's own", "arena headers, the threads' tcache tables, ends of segments")

enum mv_block_state {
#define X(id, json, caption, meaning) MV_BLOCK_##id,
	MV_BLOCK_STATES(X)
#undef X
	MV_BLOCK__N
};
struct mv_block_state_info {
	const char *json, *caption, *meaning;
};
extern const struct mv_block_state_info mv_block_states[MV_BLOCK__N];

/* start: the chunk's address; what malloc returned is start + 16. */
struct mv_block {
	uint64_t start;
	uint64_t size_state; /* bytes, a multiple of 16, and the state in the low four bits */
};
static inline uint64_t mv_block_size(const struct mv_block *b)
{
	return b->size_state & ~UINT64_C(15);
}
static inline enum mv_block_state mv_block_state(const struct mv_block *b)
{
	return (enum mv_block_state)(b->size_state & 15);
}

/* Why there are no figures. X(ID, JSON name, text): the text completes "the heap can't be read: …". */
#define MV_HEAP_REASONS(X)                                                                                    \
	X(NOT_READ, "not-read", "not read yet")                                                               \
	X(HAVE, "", "")                                                                                       \
	X(CHANGING, "changing", "it changes too fast")                                                        \
	X(CORRUPT, "corrupt", "the chain of blocks breaks: it is corrupt")                                    \
	X(UNEQUAL, "unequal", "its blocks don't add up to what malloc took from the system")                  \
	X(NO_HEAP, "no-heap", "there is no heap: nothing was allocated")                                      \
	X(OTHER, "other-allocator", "another allocator than glibc's is in use")                               \
	X(UNKNOWN, "unknown-allocator", "glibc's malloc was not found, nor another that is known")            \
	X(BITS32, "32-bit", "32-bit programs are not supported")                                              \
	X(NOT_ALLOWED, "not-allowed", "not allowed to read its memory: needs CAP_SYS_PTRACE")                 \
	X(GONE, "gone", "the process has ended")                                                              \
	X(SWAPPED, "swapped", "a part of it is in swap, and to read that would swap it in")                   \
	X(TOO_BIG, "too-big", "there is not enough free memory for a copy of it")                             \
	X(LATE, "late", "it took too long")                                                                   \
	X(IO, "io", "the read failed")

enum mv_heap_reason {
#define X(id, json, text) MV_HEAP_##id,
	MV_HEAP_REASONS(X)
#undef X
	MV_HEAP__N
};
const char *mv_heap_reason_text(enum mv_heap_reason reason); /* never NULL */
const char *mv_heap_reason_json(enum mv_heap_reason reason);

/* Allocators, and runtimes with a heap of their own. X(ID, JSON name, name) */
#define MV_ALLOCATORS(X)                                                                                      \
	X(NONE, "none", "none that is known")                                                                 \
	X(GLIBC, "glibc", "glibc")                                                                            \
	X(MUSL, "musl", "musl")                                                                               \
	X(JEMALLOC, "jemalloc", "jemalloc")                                                                   \
	X(TCMALLOC, "tcmalloc", "tcmalloc")                                                                   \
	X(MIMALLOC, "mimalloc", "mimalloc")                                                                   \
	X(GO, "go", "Go")                                                                                     \
	X(JVM, "jvm", "Java")                                                                                 \
	X(V8, "v8", "V8 (JavaScript)")                                                                        \
	X(PYMALLOC, "pymalloc", "Python's pymalloc")

enum mv_allocator {
#define X(id, json, name) MV_ALLOCATOR_##id,
	MV_ALLOCATORS(X)
#undef X
	MV_ALLOCATOR__N
};
const char *mv_allocator_name(enum mv_allocator allocator);
const char *mv_allocator_json(enum mv_allocator allocator);

/*
 * An allocator seen in the mappings: by the name of a library or program, or of anonymous mappings.
 * bytes: addresses of the mappings that are its own. guessed: not by their names but because no other owner is left (then
 * several guessers share them). Missing where nothing tells.
 */
struct mv_heap_owner {
	uint32_t allocator; /* enum mv_allocator */
	bool guessed;
	uint8_t pad[3];
	uint32_t mappings, unused;
	struct mv_val bytes;
};
struct mv_heap_owners {
	struct mv_heap_owner at[MV_ALLOCATOR__N]; /* of those seen, in the order of MV_ALLOCATORS, glibc apart */
	uint32_t count;
	bool glibc; /* libc.so.6 of glibc is mapped; a static program's is only found by its structure */
	bool bits32;
};
/* maps: classified. Cost: one pass. */
void mv_heap_owners_see(const struct mv_maps *maps, struct mv_heap_owners *ret_owners);
/* Is this ordinary memory of the program's own: anonymous, private, readable and writable, no stack? */
bool mv_heap_may_hold(const struct mv_maps *maps, const struct mv_mapping *mapping);

struct mv_heap_sum {
	uint64_t blocks, bytes;
};

struct mv_heap_arena {
	uint64_t address; /* of its malloc_state */
	uint64_t top;
	uint64_t system_bytes; /* taken from the system, without mmapped blocks: glibc's own count */
	struct mv_heap_sum sum[MV_BLOCK__N];
	uint64_t foreign_bytes; /* inside its addresses, taken by others (sbrk); part of system_bytes */
	uint64_t max_free_bytes;
	uint64_t resident_bytes, free_resident_bytes, top_resident_bytes, trimmable_bytes; /* as below */
	uint32_t segments;
	bool is_main, contiguous;
	bool reconciled;
	uint8_t pad;
};

/* The figures of mallinfo2(3), as the target itself would report them. usmblks is 0 there always. */
#define MV_MALLINFO_FIELDS(X) \
	X(arena) X(ordblks) X(smblks) X(hblks) X(hblkhd) X(usmblks) X(fsmblks) X(uordblks) X(fordblks) X(keepcost)
struct mv_mallinfo {
#define X(field) uint64_t field;
	MV_MALLINFO_FIELDS(X)
#undef X
};

/*
 * Block sizes: below MV_HEAP_EXACT each multiple of 16 is a class of its own, above that eight classes to each doubling.
 * Free ones are all that are not in use but top: in bins, tcache and fastbins. In use: mmapped ones, too, by their whole mapping.
 */
#define MV_HEAP_EXACT	UINT64_C(65536)
#define MV_HEAP_CLASSES (4096 + 8 * 32)
struct mv_heap_class {
	uint64_t used_blocks, used_bytes, free_blocks, free_bytes;
};
uint32_t mv_heap_class_of(uint64_t bytes); /* always below MV_HEAP_CLASSES */
/* The sizes a class holds, first and last, multiples of 16. */
void mv_heap_class_sizes(uint32_t class_index, uint64_t *ret_first, uint64_t *ret_last);

/* A stretch of addresses that blocks lie in without a gap. */
enum mv_heap_region_kind { MV_REGION_MAIN, MV_REGION_ARENA, MV_REGION_MMAPPED };
struct mv_heap_region {
	uint64_t start, end;
	uint32_t arena; /* index; of MMAPPED meaningless */
	uint32_t kind;
	uint64_t first; /* index of its first block */
	uint64_t count;
	const uint32_t *index; /* for each 512 bytes: the block, from first on, that covers its start; NULL for MMAPPED */
};

/* One reading. Everything but reason, broke_* and owners is meaningless unless reason is MV_HEAP_HAVE. */
struct mv_heap {
	uint32_t reason; /* enum mv_heap_reason */
	uint32_t allocator; /* enum mv_allocator: whose heap it is, or whose malloc is used instead */
	uint64_t broke_at, broke_after; /* CORRUPT, CHANGING, SWAPPED: the chunk that makes no sense, and the last that did; 0 not told */
	struct mv_heap_owners owners;

	struct mv_block *blocks; /* ascending by start */
	size_t block_count;
	struct mv_heap_region *regions; /* ascending */
	size_t region_count;
	struct mv_heap_arena *arenas; /* the main arena first */
	size_t arena_count;

	struct mv_heap_sum sum[MV_BLOCK__N];
	struct mv_mallinfo mallinfo;
	struct mv_heap_class classes[MV_HEAP_CLASSES];
	uint64_t system_bytes;	 /* of all arenas, without mmapped ones */
	uint64_t resident_bytes; /* pages of the arenas that are present */
	uint64_t free_resident_bytes; /* pages wholly inside free blocks that are present, top's not among them */
	uint64_t top_resident_bytes;  /* pages wholly inside tops */
	uint64_t trimmable_bytes;     /* resident pages that malloc_trim(0) would give back now, fastbins left as they are */
	uint64_t max_free_bytes;      /* the largest free block, tops not among them */
	/* Of the free bytes (FREE, FASTBIN and TCACHE), how much is not in the largest block: thousandths; 0 when nothing is free. */
	uint32_t fragmentation;
	uint32_t tcaches;  /* tables found */
	bool mmapped_found; /* each mmapped block is in blocks; else only their sum is known (mp_ of glibc, in mallinfo) */
	bool still;	 /* no arena changed from before the copy until after it. Else the figures are of that time, not of a moment */
	/* What free() leaves in the second word of a block that goes to a tcache, and malloc() clears; glibc 2.34 on. 0: not known. */
	uint64_t cache_key;
	bool caches_exact;  /* each tcache's lists agreed with its counts. Else a block just moved may count as in use or as tcache */
	uint8_t tries;	 /* it took */
	uint32_t version_first, version_last; /* glibc 2.x to 2.y, by its layout; last UINT32_MAX: or newer; first 0: or older */
	uint64_t began_ns, ended_ns;	     /* of the copy */

	/* private */
	size_t block_room, block_limit;
	uint32_t *index_memory;
	size_t index_room, region_room, arena_room;
};

void mv_heap_init(struct mv_heap *heap);
void mv_heap_release(struct mv_heap *heap);

/* "glibc 2.32 to 2.41", "glibc 2.43 or newer", "glibc 2.26" */
struct mv_clean mv_heap_version(const struct mv_heap *heap, char out[static 48]);
/* What to say of a reading that has no figures, without addresses. NUL-terminated. */
struct mv_clean mv_heap_words(const struct mv_heap *heap, char out[static 160]);

/* Where a heap is: found once, good until the process maps another libc; its ranges grow old as the heap grows. */
struct mv_heap_where {
	uint64_t state;	 /* address of main_arena's top field */
	uint64_t params; /* address of mp_.sbrk_base; 0 not found */
	uint32_t layout; /* enum heap_layout */
	uint32_t params_layout;
	struct mv_heap_spot *spots; /* what to copy and walk; ascending */
	size_t spot_count, spot_room;
	uint32_t page_bytes;
	bool noncontiguous;
	bool mapped_all; /* all mmapped blocks were found */
};
void mv_heap_where_init(struct mv_heap_where *where);
void mv_heap_where_release(struct mv_heap_where *where);
/*
 * Find malloc_state, mp_, the arenas' heaps and mmapped chunks. maps: read just now and classified, stacks by their pointers if
 * they are at hand. Found before, it is only looked at whether it is still there.
 * Returns MV_HEAP_HAVE or the reason why not. Cost: 0.1 to 15 ms the first time, then 0.1 ms, and 0.2 us for each present page
 * of anonymous memory that is not the heap's, if blocks are mmapped.
 */
enum mv_heap_reason mv_heap_locate(struct mv_target *target, const struct mv_maps *maps, struct mv_heap_where *where);
/*
 * The same, and who else allocates: sets owners of a heap, and its allocator where glibc's malloc is not in use; then the reason says
 * that it is another's.
 */
enum mv_heap_reason mv_heap_seek(struct mv_target *target, const struct mv_maps *maps, struct mv_heap_where *where,
				 struct mv_heap *heap);
/*
 * What has to be in a copy for mv_heap_walk, ascending, not overlapping. whole: with all of the mmapped blocks, else with a page or two of
 * each. Returns how many there are, which may exceed cap.
 */
size_t mv_heap_ranges(const struct mv_heap_where *where, bool whole, struct mv_range *ret_ranges, size_t cap);
/*
 * Walk in a copy that holds those ranges (and whatever else). Reads the copy alone. block_limit: bytes that blocks and index may take.
 * On any reason but MV_HEAP_HAVE there are no figures. Sets all but owners, still, tries and the times.
 * Errors: -ENOMEM. Cost: 15 ns a block.
 */
int mv_heap_walk(const struct mv_heap_where *where, const struct mv_memcopy *copy, size_t limit_bytes, struct mv_heap *heap);
/*
 * The same for a copy of a target that runs on: where the chain breaks, a few pages around and the arena's state are copied anew
 * and the walk goes on before them, until it holds or has been tried often. What comes out must add up all the same.
 */
int mv_heap_walk_live(const struct mv_heap_where *where, struct mv_memcopy *copy, struct mv_target *target, size_t limit_bytes,
		      struct mv_heap *heap);

struct mv_heap_opts {
	uint64_t limit_bytes; /* for copy, blocks and index; 0: three fourths of mv_memcopy_room */
	uint64_t deadline_ns; /* 0: none */
	uint32_t tries;	  /* 0: five */
	bool whole;	      /* copy the mmapped blocks too */
};
/*
 * All of it, again and again until it reconciles: maps, locate, copy, walk. copy and where may be kept for the next reading, which
 * is then cheaper (its memory is there already).
 * Returns 0 whatever heap->reason says; -ENOMEM. Cost: 42 to 70 ms a million blocks of 77 bytes, warm.
 */
int mv_heap_read(struct mv_source *source, struct mv_target *target, const struct mv_heap_opts *opts, struct mv_heap_where *where,
		 struct mv_memcopy *copy, struct mv_heap *heap);

/* The block that holds an address, its header included; NULL: none. Cost: a few ns. */
const struct mv_block *mv_heap_find(const struct mv_heap *heap, uint64_t address);
/* Does a block that looks as if it were in use bear the tcaches' key: a thread is just about to take it, or has just put it there? */
bool mv_heap_is_cached(const struct mv_heap *heap, const struct mv_memcopy *copy, const struct mv_block *b);
/* The first block that ends beyond an address: an index, block_count when none does. O(log n). */
size_t mv_heap_from(const struct mv_heap *heap, uint64_t address);

/* A cell of the picture: how many bytes of it are what. What they don't add up to is outside the heap. */
struct mv_heap_cell {
	uint64_t bytes[MV_BLOCK__N];
	uint32_t blocks; /* that begin in it */
	uint32_t unused;
};
/*
 * Fill the cells of a range, each of cell_bytes, the last maybe less; count is (range + cell_bytes - 1) / cell_bytes.
 * Cost: the blocks and cells in the range.
 */
void mv_heap_cells(const struct mv_heap *heap, struct mv_range range, uint64_t cell_bytes, struct mv_heap_cell *ret_cells, size_t count);

#endif
