/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_MEMCOPY_H
#define MV_MEMCOPY_H

/*
 * A copy of what is present of ranges of a target's memory, in anonymous memory of our own. Nothing is faulted in and nothing is
 * swapped in: what is not present is left out, counted, and reads as zeroes here.
 *
 * Source: the page categories (mv_target_scan) right before the bytes (process_vm_readv), 2 MiB at a time; so the caller chooses
 *         ranges of anonymous memory or ordinary files, never of devices.
 * Memory: what is present, and a bit a page. Addresses for whole ranges are reserved, but nothing is behind them. A child that is
 *         forked does not inherit it.
 */

#include "core/source.h"

/* start and end are page borders; the counts are of the last fill: together they are end - start. */
struct mv_memcopy_range {
	uint64_t start, end;
	uint8_t *bytes;		   /* of start; up to end they can be read always */
	uint64_t present_bytes;	   /* copied, or pages of zeroes that need no copy */
	uint64_t swapped_bytes;	   /* left out: to read them would swap them in */
	uint64_t absent_bytes;	   /* left out: never touched, or given back (a guard, too) */
	uint64_t unreadable_bytes; /* present, but the kernel refused them, or they went away meanwhile */
	/* private */
	uint64_t *bits;	     /* which pages are here */
	uint64_t room_bytes; /* reserved for it: it may grow so far in place */
	bool filled;	     /* since it was reserved */
};

struct mv_memcopy {
	struct mv_memcopy_range *at; /* ascending, never overlapping */
	size_t count;
	uint32_t page_bytes;
	uint64_t deadline_ns;  /* set by the caller, 0 none: CLOCK_MONOTONIC when a fill ends with -ETIMEDOUT */
	uint64_t *done_bytes; /* set by the caller or NULL: counts up as bytes come, for others to read (atomically) */
	/* Set by the caller: so many threads copy at once in a fill (mv_memcopy_hands); 0 and 1: the caller's alone. More than one only
	 * while the target stands: they would take its processors from it. */
	unsigned hands;
	/* private */
	struct mv_memcopy_slab *slabs; /* reserved addresses */
	size_t slabs_count;
};

/* What a copy would take, without copying. */
struct mv_memcopy_cost {
	uint64_t present_bytes, swapped_bytes, absent_bytes; /* swapped and absent: would be left out */
	uint64_t zero_bytes; /* of the present: pages of zeroes, which cost no memory here */
};
/* Errors: as mv_target_scan. Cost: 1 ms a GiB that is present. */
int mv_memcopy_cost(struct mv_target *target, const struct mv_range *ranges, size_t count, struct mv_memcopy_cost *ret_cost);

/*
 * How many bytes we may take: the less of MemAvailable and of what the limit of our own memory cgroup leaves (its inactive page
 * cache counted as free). A fourth of it is best left to others. Errors: -ENOENT the kernel doesn't say.
 */
int mv_memcopy_room(struct mv_source *source, uint64_t *ret_bytes);

void mv_memcopy_init(struct mv_memcopy *copy);
/*
 * Reserve addresses for these ranges, ascending, not overlapping; they are widened to page borders, and those that then
 * touch become one. Takes no memory yet. Planned again, ranges with the same start keep their place (prefaulted and
 * filled as they are) if they have grown by an eighth and 1 MiB at most; pointers into others become invalid.
 * Errors: -EINVAL not in order; -ENOMEM; then nothing has changed.
 */
int mv_memcopy_plan(struct mv_memcopy *copy, const struct mv_range *ranges, size_t count);
/*
 * Take the memory for what is present now, so that a fill does not fault: in huge pages where ranges are nearly full. The
 * caller has asked mv_memcopy_cost whether there is room. Errors: -ENOMEM, else as mv_target_scan. Cost: 0.3-0.8 s a GiB.
 */
int mv_memcopy_prefault(struct mv_memcopy *copy, struct mv_target *target);
/* How many are worth their while for so many bytes: as many as can run at once, but one alone for a few MiB. */
unsigned mv_memcopy_hands(uint64_t bytes);
/*
 * Copy. May be repeated: then it is a fresh copy, and what has gone reads as zeroes again. Reads of 64 KiB.
 * Errors: -ESRCH it has ended or exec'ed; -EACCES, -EPERM; -ETIMEDOUT; then what is in the copy is of no use.
 * Cost: 0.2 s a GiB when prefaulted, half of it by two at once; else 0.8 to 3.
 */
int mv_memcopy_fill(struct mv_memcopy *copy, struct mv_target *target);
/*
 * Copy the pages of [start, end), as far as one range of the last fill holds them, as they are by now: for a part that changed
 * while the rest came. Counts of present and absent bytes follow. Errors: as mv_memcopy_fill; -EINVAL no range holds start.
 */
int mv_memcopy_renew(struct mv_memcopy *copy, struct mv_target *target, uint64_t start, uint64_t end);
/*
 * Let hardly anyone have our processor while a copy of what changes quickly is made: one that was torn is not torn again because
 * the target ran for milliseconds between two pages. It takes processor time from the target: only for what the user has asked for.
 * Returns what is to be given to mv_memcopy_calm; nothing changes where it is not allowed (CAP_SYS_NICE).
 */
int mv_memcopy_hurry(void);
void mv_memcopy_calm(int before);

/* The range that holds an address; NULL none. O(log n). */
const struct mv_memcopy_range *mv_memcopy_find(const struct mv_memcopy *copy, uint64_t address);
/* The copied bytes of [address, address + bytes); NULL: not wholly inside one range. Pages left out read as zeroes. O(log n). */
const uint8_t *mv_memcopy_at(const struct mv_memcopy *copy, uint64_t address, size_t bytes);
/* Was the page that holds this address present? O(log n). */
bool mv_memcopy_has(const struct mv_memcopy *copy, uint64_t address);
/* The first run of present pages in [at, end) of a range, clipped to it. False: there is none. */
bool mv_memcopy_run(const struct mv_memcopy *copy, const struct mv_memcopy_range *range, uint64_t at, uint64_t end,
		    struct mv_range *ret_run);
void mv_memcopy_release(struct mv_memcopy *copy); /* and ready for the next plan; what the caller has set is forgotten */

#endif
