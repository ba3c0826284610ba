/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_LEAKS_PRIVATE_H
#define MV_LEAKS_PRIVATE_H

/* What the files of the leak scan share. */

#include "core/leaks.h"
#include "core/memcopy.h"
#include "core/threads.h"

#define MARK_NONE UINT32_MAX
#define LEAKS_ROUNDS	 4  /* looks of a scan at least, unless it is told otherwise */
#define LEAKS_ROUNDS_MAX 16 /* and at most, while they don't agree */

/* Addresses -> blocks; and which of them are marked. leaks_mark.c. */
struct mark_window;
struct mark {
	const struct mv_block *blocks;
	size_t count;
	const struct mv_memcopy *copy;
	uint64_t low, span; /* of all blocks */
	unsigned shift;	    /* of a granule */
	struct mark_window *windows;
	size_t windows_mask;
	uint32_t *granules; /* 1 + the first block that ends behind the granule's start; 0 none */
	size_t granules_bytes;
	uint32_t *stack;
	size_t stack_count, stack_bytes;
	uint64_t *marked;  /* bit a block: reachable */
	uint64_t *started; /* bit a block: by its start */
	uint64_t words;	   /* looked at */
	const struct mv_memcopy_range *last; /* range that was used last */
};

/* blocks ascend, and lie in the copy. Errors: -ENOMEM, -E2BIG. */
int mark_init(struct mark *mark, const struct mv_block *blocks, size_t count, const struct mv_memcopy *copy);
void mark_release(struct mark *mark);
/* Index of the block whose usable bytes hold the address; MARK_NONE. */
uint32_t mark_find(const struct mark *mark, uint64_t address);
void mark_words(struct mark *mark, const uint64_t *words, size_t count); /* roots */
/* Roots out of registers and stacks. There the address of a block's header is malloc's own, of a block that it is about to give or to
 * take; in other roots it is the last usable word of the block before; and in blocks it is neither, but what malloc has
 * left there: the links of free blocks. */
void mark_frames(struct mark *mark, const uint64_t *words, size_t count);
/* Roots: what of the copy belongs to no block, without malloc's own state: it points to where blocks begin and end. */
void mark_rest(struct mark *mark, struct mv_range own);
void mark_drain(struct mark *mark); /* and what is reachable from what is marked */

static inline bool block_counts(const struct mv_block *b)
{
	return mv_block_state(b) == MV_BLOCK_IN_USE || mv_block_state(b) == MV_BLOCK_MMAPPED;
}
/* What malloc returned, and where its usable bytes end: they reach into the next header, but for mmapped ones. */
static inline uint64_t block_user(const struct mv_block *b)
{
	return b->start + 16;
}
static inline uint64_t block_end(const struct mv_block *b)
{
	return b->start + mv_block_size(b) + (mv_block_state(b) == MV_BLOCK_MMAPPED ? 0 : 8);
}
/* Is it, in a block, what malloc has left there? b: the block that mark_find says. */
static inline bool block_ends_at(const struct mv_block *b, uint64_t word)
{
	return word == b->start + mv_block_size(b);
}
static inline bool bit_get(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}
static inline void bit_set(uint64_t *bits, size_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

/*
 * The copied words of a block, run by run: at the user address *at a run of *ret_count words begins; false: no more.
 * *at is where to go on; begin with block_user. Pages that were not present are skipped.
 */
bool mark_block_words(struct mark *mark, const struct mv_block *block, uint64_t *at, uint64_t *ret_address,
		      const uint64_t **ret_words, size_t *ret_count);

/* What is lost, sorted out. leaks_groups.c. */
struct lost {
	uint32_t *blocks; /* indices, ascending */
	size_t count;
	struct mv_leaks_group *groups;
	size_t groups_count, groups_left_out;
	struct mv_leaks_link *links;
	size_t links_count;
	uint64_t bytes, direct_blocks, direct_bytes;
};
/* is_lost: a bit a block. Errors: -ENOMEM. */
int lost_sort(struct mark *mark, const uint64_t *is_lost, const struct mv_maps *maps, size_t groups_max, struct lost *ret_lost);
void lost_release(struct lost *lost);

/* The words of the roots that may point into the copied ranges. leaks_roots.c. */
struct roots {
	uint64_t *words;
	size_t count, cap;
	size_t frames; /* the first of them are from registers and stacks */
	uint64_t read_bytes, swapped_bytes, absent_bytes, unreadable_bytes;
	uint32_t threads, threads_unseen, dead_stacks;
	uint64_t deadline_ns;
	/* private */
	uint64_t *buffer;
	uint64_t *windows; /* bits: hashed places that the copy's ranges lie at */
	const struct mv_memcopy_range *last;
};
int roots_init(struct roots *roots); /* -ENOMEM */
void roots_release(struct roots *roots);
/* Read them all anew. Threads: where their stacks are. Errors: as mv_target_scan and mv_target_bytes; -ENOMEM; -ETIMEDOUT. */
int roots_read(struct roots *roots, struct mv_target *target, const struct mv_maps *maps, const struct mv_memcopy *copy,
	       const struct mv_stopped *threads, size_t count);
/* Present and swapped bytes of the mappings that are roots, without reading them. */
int roots_cost(struct mv_target *target, const struct mv_maps *maps, const struct mv_range *heap, size_t heap_count,
	       struct mv_memcopy_cost *ret_cost);

/* What helper and caller share while it runs. */
struct leaks_shared {
	uint64_t done_bytes, total_bytes;
	uint32_t phase, round;
	uint32_t finished; /* the results' file is whole */
};
/* The results' file begins with this; pointers in it are offsets into the file, 0 for NULL. */
struct leaks_file {
	struct mv_leaks leaks;
	uint64_t bytes;
};
struct leaks_job {
	struct mv_source *source;
	struct mv_target *target;
	struct mv_leaks_options options;
	struct leaks_shared *shared;
	int results; /* the file */
	uint64_t began_ns, deadline_ns;
};
/* In the helper: all of it, up to the finished file. leaks_scan.c. */
void leaks_work(const struct leaks_job *job);
/* Into the file. -errno. leaks_file.c */
int leaks_write(int fd, const struct mv_leaks *leaks, const struct mv_leaks_options *options);
/* The other way round: make pointers of offsets. -EBADMSG: it is not whole. */
int leaks_check(struct leaks_file *file, size_t bytes);

#endif
