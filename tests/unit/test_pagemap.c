/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pagemap.h"

#define PAGE 4096u

static const struct mv_mapping anon = {.perms = MV_PERM_R | MV_PERM_W, .kind = MV_KIND_ANON};
static const struct mv_mapping private_file = {
    .perms = MV_PERM_R | MV_PERM_W, .kind = MV_KIND_DATA, .flags = MV_MAPPING_FILE};
static const struct mv_mapping shared_file = {
    .perms = MV_PERM_R | MV_PERM_W | MV_PERM_SHARED, .kind = MV_KIND_FILE, .flags = MV_MAPPING_FILE};
static const struct mv_mapping shmem = {.perms = MV_PERM_R | MV_PERM_SHARED, .kind = MV_KIND_SHARED};
static const struct mv_mapping hugetlb = {.perms = MV_PERM_R, .kind = MV_KIND_HUGE, .flags = MV_MAPPING_FILE};

static void test_states(void **state)
{
	const uint64_t p = MV_CAT_PRESENT, s = MV_CAT_SWAPPED, f = MV_CAT_FILE;

	(void)state;
	assert_int_equal(mv_page_state_of(0, &anon, false), MV_PAGE_NONE);
	assert_int_equal(mv_page_state_of(f, &anon, false), MV_PAGE_NONE);
	assert_int_equal(mv_page_state_of(s | MV_CAT_GUARD, &anon, false), MV_PAGE_GUARD);
	assert_int_equal(mv_page_state_of(s, &anon, false), MV_PAGE_SWAPPED);
	assert_int_equal(mv_page_state_of(s | f, &shmem, false), MV_PAGE_SWAPPED);
	assert_int_equal(mv_page_state_of(p | MV_CAT_PFNZERO, &anon, false), MV_PAGE_ZERO);
	assert_int_equal(mv_page_state_of(p | MV_CAT_PFNZERO | MV_CAT_HUGE, &anon, false), MV_PAGE_ZERO);
	assert_int_equal(mv_page_state_of(p | MV_CAT_PFNZERO, &private_file, false), MV_PAGE_ZERO);
	assert_int_equal(mv_page_state_of(p, &private_file, false), MV_PAGE_COW);
	assert_int_equal(mv_page_state_of(p, &private_file, true), MV_PAGE_COW);
	assert_int_equal(mv_page_state_of(p | f, &private_file, false), MV_PAGE_FILE);
	assert_int_equal(mv_page_state_of(p, &anon, false), MV_PAGE_ANON);
	assert_int_equal(mv_page_state_of(p, &anon, true), MV_PAGE_ANON_SHARED);
	assert_int_equal(mv_page_state_of(p, NULL, false), MV_PAGE_ANON);
	assert_int_equal(mv_page_state_of(p, &hugetlb, false), MV_PAGE_ANON);
	assert_int_equal(mv_page_state_of(p | f, &hugetlb, false), MV_PAGE_SHMEM);
	assert_int_equal(mv_page_state_of(p | f, &shmem, false), MV_PAGE_SHMEM);
	assert_int_equal(mv_page_state_of(p | f, &shared_file, false), MV_PAGE_FILE);
	assert_int_equal(mv_page_state_of(p | f, NULL, false), MV_PAGE_FILE);
}

static void test_table_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < MV_PAGE__N; i++) {
		assert_non_null(mv_page_states[i].json);
		assert_true(mv_page_states[i].ascii > ' ' && mv_page_states[i].ascii < 127);
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(mv_page_states[i].ascii, mv_page_states[k].ascii);
			assert_true(mv_page_states[i].glyph != mv_page_states[k].glyph);
			assert_string_not_equal(mv_page_states[i].json, mv_page_states[k].json);
		}
	}
}

static void test_count(void **state)
{
	struct mv_tally t = {0}, sum = {0};

	(void)state;
	mv_tally_count(&t, &(struct mv_run){0x1000, 0x4000, MV_CAT_PRESENT}, &anon, PAGE);
	mv_tally_count(&t, &(struct mv_run){0x200000, 0x400000, MV_CAT_PRESENT | MV_CAT_HUGE}, &anon, PAGE);
	mv_tally_count(&t, &(struct mv_run){0x400000, 0x401000, MV_CAT_PRESENT | MV_CAT_PFNZERO}, &anon,
		       PAGE);
	mv_tally_count(&t, &(struct mv_run){0x401000, 0x403000, MV_CAT_SWAPPED}, &anon, PAGE);
	mv_tally_count(&t, &(struct mv_run){0x403000, 0x404000, 0}, &anon, PAGE);
	assert_int_equal(t.state[MV_PAGE_NONE], 0);
	assert_int_equal(t.state[MV_PAGE_ANON], 3 + 512);
	assert_int_equal(t.huge, 512);
	assert_int_equal(mv_tally_present(&t), 3 + 512 + 1);
	assert_int_equal(mv_tally_anon(&t), 3 + 512);
	assert_int_equal(mv_tally_file(&t), 0);
	mv_tally_add(&sum, &t);
	mv_tally_add(&sum, &t);
	assert_int_equal(sum.state[MV_PAGE_SWAPPED], 4);
	assert_int_equal(sum.huge, 1024);
}

static void test_count_with_64k_pages_and_beyond_32_bits(void **state)
{
	struct mv_tally t = {0};

	(void)state;
	mv_tally_count(&t, &(struct mv_run){0x10000, 0x30000, MV_CAT_PRESENT}, &anon, 65536);
	assert_int_equal(t.state[MV_PAGE_ANON], 2);
	mv_tally_count(&t, &(struct mv_run){0, UINT64_C(1) << 47, MV_CAT_PRESENT}, &anon, PAGE);
	assert_int_equal(t.state[MV_PAGE_ANON], UINT32_MAX); /* held at the top, not wrapped round */
	mv_tally_add(&t, &t);
	assert_int_equal(t.state[MV_PAGE_ANON], UINT32_MAX);
}

static void test_summary_edges(void **state)
{
	struct mv_tally t = {0};
	struct mv_cell_summary s = mv_tally_summary(&t, 512);

	(void)state;
	assert_int_equal(s.eighths, 0);
	assert_int_equal(s.state, MV_PAGE_NONE);
	assert_false(s.has_swap || s.has_guard || s.has_huge);

	t.state[MV_PAGE_ANON] = 1; /* one page in 512 is seen */
	s = mv_tally_summary(&t, 512);
	assert_int_equal(s.eighths, 1);
	assert_int_equal(s.state, MV_PAGE_ANON);
	assert_int_equal(mv_tally_summary(&t, 1).eighths, 8);

	t.state[MV_PAGE_ANON] = 511; /* and so is the one that is missing */
	assert_int_equal(mv_tally_summary(&t, 512).eighths, 7);
	t.state[MV_PAGE_ANON] = 512;
	assert_int_equal(mv_tally_summary(&t, 512).eighths, 8);

	t.state[MV_PAGE_ANON] = 500; /* what is rare, and matters, is marked */
	t.state[MV_PAGE_SWAPPED] = 1;
	t.state[MV_PAGE_GUARD] = 1;
	s = mv_tally_summary(&t, 512);
	assert_int_equal(s.state, MV_PAGE_ANON);
	assert_true(s.has_swap && s.has_guard);
}

static void test_summary_never_lies(void **state)
{
	(void)state;
	for (uint64_t pages = 1; pages <= 4096; pages = pages * 3 / 2 + 1) {
		unsigned before = 0;

		for (uint32_t touched = 0; touched <= pages; touched++) {
			struct mv_tally t = {.state = {[MV_PAGE_FILE] = touched}};
			unsigned eighths = mv_tally_summary(&t, pages).eighths;

			assert_int_equal(eighths == 0, touched == 0);
			assert_int_equal(eighths == 8, touched == pages);
			assert_true(eighths >= before && eighths <= 8);
			before = eighths;
		}
	}
}

/* Random runs of 64 x 512 pages, counted whole and cell by cell at several zooms. */
static void test_cells_add_up(void **state)
{
	enum { PAGES = 64 * 512 };
	static const uint64_t cats[] = {MV_CAT_PRESENT,
					MV_CAT_PRESENT | MV_CAT_FILE,
					MV_CAT_PRESENT | MV_CAT_HUGE,
					MV_CAT_PRESENT | MV_CAT_PFNZERO,
					MV_CAT_SWAPPED | MV_CAT_GUARD,
					MV_CAT_SWAPPED};
	static const uint64_t zooms[] = {1, 2, 16, 512};
	const uint64_t base = UINT64_C(0x7f0000000000);

	(void)state;
	srand(7);
	for (int round = 0; round < 20; round++) {
		struct mv_run runs[400];
		struct mv_tally whole = {0};
		uint64_t page = 0;
		size_t n = 0;

		while (n < MV_COUNT_OF(runs)) {
			uint64_t start = page + (uint64_t)(rand() % 90);
			uint64_t end = start + 1 + (uint64_t)(rand() % (round < 10 ? 3 : 600));

			if (end > PAGES)
				break;
			runs[n++] = (struct mv_run){base + start * PAGE, base + end * PAGE,
						    cats[(size_t)rand() % MV_COUNT_OF(cats)]};
			page = end;
		}
		for (size_t i = 0; i < n; i++)
			mv_tally_count(&whole, &runs[i], &anon, PAGE);
		for (size_t z = 0; z < MV_COUNT_OF(zooms); z++) {
			struct mv_tally sum = {0};
			bool swap = false, guard = false;

			for (uint64_t first = 0; first < PAGES; first += zooms[z]) {
				const uint64_t start = base + first * PAGE, end = start + zooms[z] * PAGE;
				struct mv_tally cell = {0};
				struct mv_cell_summary s;
				uint64_t touched = 0;

				for (size_t i = 0; i < n; i++) {
					struct mv_run r = runs[i];

					if (r.start >= end || r.end <= start)
						continue;
					r.start = r.start < start ? start : r.start;
					r.end = r.end > end ? end : r.end;
					mv_tally_count(&cell, &r, &anon, PAGE);
				}
				s = mv_tally_summary(&cell, zooms[z]);
				for (size_t k = 1; k < MV_PAGE__N; k++)
					touched += cell.state[k];
				assert_int_equal(s.eighths != 0, touched != 0);
				assert_int_equal(s.eighths == 8, touched == zooms[z]);
				swap |= s.has_swap;
				guard |= s.has_guard;
				mv_tally_add(&sum, &cell);
			}
			assert_memory_equal(&sum, &whole, sizeof(sum));
			assert_int_equal(swap, whole.state[MV_PAGE_SWAPPED] != 0);
			assert_int_equal(guard, whole.state[MV_PAGE_GUARD] != 0);
		}
	}
}

static void test_word_fields(void **state)
{
	(void)state;
	/* a swapped page: bit 62, type in bits 0-4, offset in bits 5-54 */
	assert_int_equal(MV_WORD_SWAP_TYPE(UINT64_C(0x4000000000000023)), 3);
	assert_int_equal(MV_WORD_SWAP_OFFSET(UINT64_C(0x4000000000000020)), 1);
	/* soft-dirty and exclusive are no part of the frame number */
	assert_int_equal(MV_WORD_PFN(UINT64_C(0x81800000001a2b3c)), 0x1a2b3c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_states),
	    cmocka_unit_test(test_table_is_whole),
	    cmocka_unit_test(test_count),
	    cmocka_unit_test(test_count_with_64k_pages_and_beyond_32_bits),
	    cmocka_unit_test(test_summary_edges),
	    cmocka_unit_test(test_summary_never_lies),
	    cmocka_unit_test(test_cells_add_up),
	    cmocka_unit_test(test_word_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
