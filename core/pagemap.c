/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/pagemap.h"

const struct mv_page_state_info mv_page_states[MV_PAGE__N] = {
#define X(id, json, glyph, ascii, caption, meaning) [MV_PAGE_##id] = {json, glyph, ascii, caption, meaning},
    MV_PAGE_STATES(X)
#undef X
};

/* A page of a private file mapping that belongs to no file has been written to. hugetlb mappings bear a
 * file's inode although nothing was copied. */
static bool is_private_file(const struct mv_mapping *m)
{
	return m && (m->flags & MV_MAPPING_FILE) && !(m->perms & MV_PERM_SHARED) && m->kind != MV_KIND_HUGE;
}

enum mv_page_state mv_page_state_of(uint64_t cats, const struct mv_mapping *mapping, bool shared)
{
	if (cats & MV_CAT_GUARD)
		return MV_PAGE_GUARD;
	if (cats & MV_CAT_SWAPPED)
		return MV_PAGE_SWAPPED;
	if (!(cats & MV_CAT_PRESENT))
		return MV_PAGE_NONE;
	if (cats & MV_CAT_PFNZERO)
		return MV_PAGE_ZERO;
	if (cats & MV_CAT_FILE)
		return mapping && (mapping->kind == MV_KIND_SHARED || mapping->kind == MV_KIND_HUGE)
			   ? MV_PAGE_SHMEM
			   : MV_PAGE_FILE;
	if (is_private_file(mapping))
		return MV_PAGE_COW;
	return shared ? MV_PAGE_ANON_SHARED : MV_PAGE_ANON;
}

static uint32_t add_capped(uint32_t a, uint64_t b)
{
	return b > UINT32_MAX - a ? UINT32_MAX : a + (uint32_t)b;
}

void mv_tally_add(struct mv_tally *sum, const struct mv_tally *t)
{
	for (size_t i = 0; i < MV_PAGE__N; i++)
		sum->state[i] = add_capped(sum->state[i], t->state[i]);
	sum->huge = add_capped(sum->huge, t->huge);
}

void mv_tally_count(struct mv_tally *tally, const struct mv_run *run, const struct mv_mapping *mapping,
		    uint32_t page_bytes)
{
	const enum mv_page_state state = mv_page_state_of(run->cats, mapping, false);
	const uint64_t pages = (run->end - run->start) / page_bytes;

	if (state == MV_PAGE_NONE)
		return;
	tally->state[state] = add_capped(tally->state[state], pages);
	if (run->cats & MV_CAT_HUGE)
		tally->huge = add_capped(tally->huge, pages);
}

struct mv_cell_summary mv_tally_summary(const struct mv_tally *tally, uint64_t pages)
{
	struct mv_cell_summary s = {
	    .state = MV_PAGE_NONE,
	    .has_swap = tally->state[MV_PAGE_SWAPPED] != 0,
	    .has_guard = tally->state[MV_PAGE_GUARD] != 0,
	    .has_huge = tally->huge != 0,
	};
	uint64_t touched = 0, most = 0, eighths;

	for (size_t i = MV_PAGE_NONE + 1; i < MV_PAGE__N; i++) {
		touched += tally->state[i];
		if (tally->state[i] > most) { /* of equals the first, which is the rarer sight */
			most = tally->state[i];
			s.state = (enum mv_page_state)i;
		}
	}
	if (!touched)
		return s;
	if (touched >= pages) {
		s.eighths = 8;
		return s;
	}
	eighths = (touched * 8 + pages - 1) / pages;
	s.eighths = (uint8_t)(eighths < 7 ? eighths : 7); /* 8 says that none is missing */
	return s;
}
