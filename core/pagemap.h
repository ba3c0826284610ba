/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_PAGEMAP_H
#define MV_PAGEMAP_H

/* Page categories -> page states, runs and tallies per cell. Pure: the reading is mv_target_scan's. */

#include <uchar.h>

#include "core/maps.h"

/*
 * States of a page, one each, first rule that fits. X(ID, JSON name, glyph, ASCII glyph, caption, meaning).
 * The role that draws it is ROLE_PAGE_<ID> (tui/roles.h).
 */
#define MV_PAGE_STATES(X)                                                                                     \
	X(NONE, "none", U'·', '.', "not touched", "no page yet: the first touch will fault one in")           \
	X(GUARD, "guard", U'×', 'x', "guard", "a guard marker: touching it is a SIGSEGV")                     \
	X(SWAPPED, "swapped", U's', 's', "swapped", "in swap: the next touch is a major fault")               \
	X(ZERO, "zero", U'○', 'o', "zero page", "read before written: the shared page of zeroes, not in RSS") \
	X(COW, "cow", U'◆', '*', "private copy", "a file's page that was written to: copied, now anonymous")  \
	X(ANON, "anon", U'█', '#', "private", "anonymous memory of this process")                             \
	X(ANON_SHARED, "anon-shared", U'▓', '%', "shared", "anonymous, and another process maps it too")      \
	X(SHMEM, "shmem", U'▚', '=', "shared memory", "a page of a shared-memory object")                     \
	X(FILE, "file", U'▒', '+', "file", "a page of the page cache")

enum mv_page_state {
#define X(id, json, glyph, ascii, caption, meaning) MV_PAGE_##id,
	MV_PAGE_STATES(X)
#undef X
	MV_PAGE__N
};
struct mv_page_state_info {
	const char *json;
	char32_t glyph;
	char ascii;
	const char *caption, *meaning;
};
extern const struct mv_page_state_info mv_page_states[MV_PAGE__N];

/* The state of a page by its categories and its mapping. `shared`: present, anonymous, bit 56 clear (word read). */
enum mv_page_state mv_page_state_of(uint64_t cats, const struct mv_mapping *mapping, bool shared);

/*
 * Pages by state. state[MV_PAGE_NONE] is not kept: never touched = pages - the rest (mv_tally_none).
 * huge counts pages inside huge blocks, of any state; base pages throughout.
 */
struct mv_tally {
	uint32_t state[MV_PAGE__N]; /* [MV_PAGE_NONE] holds 0 */
	uint32_t huge;
};
static inline uint64_t mv_tally_present(const struct mv_tally *t)
{
	return (uint64_t)t->state[MV_PAGE_ZERO] + t->state[MV_PAGE_COW] + t->state[MV_PAGE_ANON] +
	       t->state[MV_PAGE_ANON_SHARED] + t->state[MV_PAGE_SHMEM] + t->state[MV_PAGE_FILE];
}
/* anon = present - file - zero; file counts shared memory too. */
static inline uint64_t mv_tally_anon(const struct mv_tally *t)
{
	return (uint64_t)t->state[MV_PAGE_COW] + t->state[MV_PAGE_ANON] + t->state[MV_PAGE_ANON_SHARED];
}
static inline uint64_t mv_tally_file(const struct mv_tally *t)
{
	return (uint64_t)t->state[MV_PAGE_SHMEM] + t->state[MV_PAGE_FILE];
}
void mv_tally_add(struct mv_tally *sum, const struct mv_tally *t);
/* Count one run (clipped to [start, end) already) into a tally. */
void mv_tally_count(struct mv_tally *tally, const struct mv_run *run, const struct mv_mapping *mapping,
		    uint32_t page_bytes);

/*
 * What a cell of many pages shows: the state most of its touched pages have, how full it is (touched eighths,
 * 1-8, rounded up so that one page is never invisible; 0 only when nothing is there), and marks for swap and
 * guard, which are never averaged away.
 */
struct mv_cell_summary {
	enum mv_page_state state; /* MV_PAGE_NONE when nothing is there */
	uint8_t eighths;
	bool has_swap, has_guard, has_huge;
};
struct mv_cell_summary mv_tally_summary(const struct mv_tally *tally, uint64_t pages);

/* One cell of a page grid, as the sampler fills it: 56 bytes. */
struct mv_grid_cell {
	struct mv_tally tally;
	uint32_t pages;	    /* pages this cell stands for; the last of a mapping may hold fewer */
	uint32_t fresh;	    /* of them, appeared within the last 3 s */
	uint16_t newest_ds; /* tenths of a second since the newest appeared; MV_AGE_BEFORE, MV_AGE_UNKNOWN */
	uint16_t flags;	    /* enum mv_grid_flag */
};
#define MV_AGE_BEFORE  UINT16_C(0xffff) /* it was there when we first looked */
#define MV_AGE_UNKNOWN UINT16_C(0xfffe) /* nothing present, or ages are not tracked for so many pages */
enum mv_grid_flag {
	MV_GRID_READ = 1,    /* 0: not read yet */
	MV_GRID_SHARING = 2, /* bit 56 was read: anon and anon-shared are told apart */
};

/* Bits of a raw pagemap word. */
#define MV_WORD_PRESENT	  (UINT64_C(1) << 63)
#define MV_WORD_SWAPPED	  (UINT64_C(1) << 62)
#define MV_WORD_FILE	  (UINT64_C(1) << 61)
#define MV_WORD_GUARD	  (UINT64_C(1) << 58)
#define MV_WORD_EXCLUSIVE (UINT64_C(1) << 56)
#define MV_WORD_SOFTDIRTY (UINT64_C(1) << 55)
#define MV_WORD_PFN(w)	  ((w) & ((UINT64_C(1) << 55) - 1))
#define MV_WORD_SWAP_TYPE(w)   ((w) & 31)
#define MV_WORD_SWAP_OFFSET(w) (((w) >> 5) & ((UINT64_C(1) << 50) - 1))

#endif
