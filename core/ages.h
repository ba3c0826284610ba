/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_AGES_H
#define MV_AGES_H

/*
 * When each page was first seen present: what makes a fresh page bright and answers "first seen".
 * Kept by the sampler for the ranges that a grid shows; bounded. Memory: 250 bytes per 512 pages that hold any
 * present page, and 2 KiB more once one of them has appeared under our eyes. Resolution: a tenth of a second.
 */

#include "core/pagemap.h"

struct mv_ages;

/* max_bytes bounds its memory; the blocks looked at longest ago go first. What does not fit is not tracked. */
int mv_ages_new(uint32_t page_bytes, size_t max_bytes, struct mv_ages **ret_ages);
void mv_ages_free(struct mv_ages *ages);
void mv_ages_clear(struct mv_ages *ages); /* after exec */

/*
 * One look at [range): begin, then every run of present pages ascending, then end. Pages of range not in a run
 * are noted as absent. A block's first look marks its present pages "there before"; a page that is present now
 * and was absent at the last look appeared at now_ns. What was forgotten for lack of memory starts anew as
 * "there before". Cost: below 1 ns a page on dense ranges; absent ranges cost nothing.
 */
void mv_ages_begin(struct mv_ages *ages, struct mv_range range, uint64_t now_ns);
void mv_ages_present(struct mv_ages *ages, uint64_t start, uint64_t end);
void mv_ages_end(struct mv_ages *ages);

/* Newest page of [range): fresh = pages that appeared within 3 s of now; newest as in struct mv_grid_cell. */
void mv_ages_tell(const struct mv_ages *ages, struct mv_range range, uint64_t now_ns, uint32_t *ret_fresh,
		  uint16_t *ret_newest_ds);
/* When one page was first seen: true with the time; false when unknown or there before (*ret_before). */
bool mv_ages_first_seen(const struct mv_ages *ages, uint64_t addr, uint64_t *ret_ns, bool *ret_before);

#endif
