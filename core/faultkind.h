/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_FAULTKIND_H
#define MV_FAULTKIND_H

/*
 * What kind a fault was: from what was known of its page before and after, and from its mapping. Never a guess: what
 * these do not settle is MV_FAULT_UNKNOWN.
 */

#include "core/faults.h"
#include "core/maps.h"

/* What is known of a page at some time. */
enum mv_known {
	MV_KNOWN = 1 << 0,	   /* anything at all; without it the rest means nothing */
	MV_KNOWN_PRESENT = 1 << 1,
	MV_KNOWN_SWAPPED = 1 << 2,
	MV_KNOWN_FILE = 1 << 3,	   /* a file's page or shared memory */
	MV_KNOWN_ZERO = 1 << 4,	   /* the zero page */
	MV_KNOWN_HUGE = 1 << 5,
	MV_KNOWN_SHARED = 1 << 6,  /* anonymous, and mapped by another process as well */
	MV_KNOWN_STALE = 1 << 7,   /* it was so once; it may have been dropped since (munmap and mmap, MADV_DONTNEED) */
};

struct mv_fault_facts {
	bool major;
	bool have_mapping;
	uint8_t kind;	/* enum mv_kind of its mapping */
	uint8_t perms;	/* enum mv_perm */
	uint8_t flags;	/* enum mv_mapping_flag */
	bool below_stack; /* below the lowest address that the stack was known to reach; each fault there lowers that */
	uint8_t before, after; /* enum mv_known bits */
};
enum mv_fault_kind mv_fault_kind_of(const struct mv_fault_facts *facts);

/*
 * The knowledge of a page from a run's categories and, if words are at hand, its pagemap word (0: none). Without a word,
 * cats_told must have PRESENT and SWAPPED, and FILE for a page that is present: else nothing is known.
 */
uint8_t mv_known_of(uint64_t cats, uint64_t cats_told, uint64_t word);

/*
 * The book: what was last known of each page, a byte a page in blocks of 512 pages. Bounded: beyond max_bytes nothing
 * new is remembered (and is unknown).
 */
struct mv_pagebook;
int mv_pagebook_new(uint32_t page_bytes, size_t max_bytes, struct mv_pagebook **ret_book);
void mv_pagebook_free(struct mv_pagebook *book);
void mv_pagebook_clear(struct mv_pagebook *book);
/* The baseline of a range has been read whole: what is not noted in it is known to be not present. Ranges may come in
 * any order. */
void mv_pagebook_baseline(struct mv_pagebook *book, struct mv_range range);
void mv_pagebook_note(struct mv_pagebook *book, struct mv_range range, uint8_t known);
uint8_t mv_pagebook_get(const struct mv_pagebook *book, uint64_t page); /* page: any address in it */
/* A new mapping lies there: nothing is present. */
void mv_pagebook_fresh(struct mv_pagebook *book, struct mv_range range);
/* The mapping there was unmapped and mapped again, or a part of it: nothing is present; but what was shared with another
 * process is marked stale, since a copy is possible where a part stayed. */
void mv_pagebook_remapped(struct mv_pagebook *book, struct mv_range range);
/* The target has forked: all that is present and anonymous is shared from now on. O(blocks). */
void mv_pagebook_forked(struct mv_pagebook *book);
/* Those pages may have been dropped unseen since: what is present or swapped is stale. */
void mv_pagebook_stale(struct mv_pagebook *book, struct mv_range range);

#endif
