/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/ages.h"

#define PAGE	   UINT64_C(4096)
#define BLOCK	   (512 * PAGE)
#define SEC	   MV_NS_PER_SEC
#define PLENTY	   ((size_t)64 << 20)
#define BASE	   UINT64_C(0x7f0000000000)
#define AT(page)   (BASE + (uint64_t)(page)*PAGE)
#define SPAN(a, b) ((struct mv_range){AT(a), AT(b)})

static int set_up(void **state)
{
	struct mv_ages *ages;

	assert_int_equal(mv_ages_new((uint32_t)PAGE, PLENTY, &ages), 0);
	*state = ages;
	return 0;
}

static int tear_down(void **state)
{
	mv_ages_free(*state);
	return 0;
}

/* One look at [from, to) that finds [a, b) present; a == b: nothing. */
static void look(struct mv_ages *ages, uint64_t from, uint64_t to, uint64_t a, uint64_t b, uint64_t now_ns)
{
	mv_ages_begin(ages, SPAN(from, to), now_ns);
	if (a < b)
		mv_ages_present(ages, AT(a), AT(b));
	mv_ages_end(ages);
}

static void expect(const struct mv_ages *ages, uint64_t from, uint64_t to, uint64_t now_ns, uint32_t fresh,
		   unsigned newest)
{
	uint32_t got_fresh = 77777;
	uint16_t got_newest = 7777;

	mv_ages_tell(ages, SPAN(from, to), now_ns, &got_fresh, &got_newest);
	assert_int_equal(got_fresh, fresh);
	assert_int_equal(got_newest, newest);
}

static void test_first_look_is_before(void **state)
{
	struct mv_ages *ages = *state;
	bool before = false;
	uint64_t ns = 5;

	expect(ages, 0, 100, SEC, 0, MV_AGE_UNKNOWN);
	look(ages, 0, 2000, 10, 1500, SEC);
	expect(ages, 0, 2000, SEC, 0, MV_AGE_BEFORE);
	expect(ages, 512, 1024, SEC, 0, MV_AGE_BEFORE);
	expect(ages, 0, 10, SEC, 0, MV_AGE_UNKNOWN);
	expect(ages, 10, 11, SEC, 0, MV_AGE_BEFORE);
	expect(ages, 1500, 1501, SEC, 0, MV_AGE_UNKNOWN);
	assert_false(mv_ages_first_seen(ages, AT(10), &ns, &before));
	assert_true(before);
	assert_false(mv_ages_first_seen(ages, AT(9), &ns, &before));
	assert_false(before);
	assert_int_equal(ns, 5);
}

static void test_appears_and_fades(void **state)
{
	struct mv_ages *ages = *state;
	bool before = true;
	uint64_t ns = 0;

	look(ages, 0, 2000, 0, 100, 10 * SEC);
	look(ages, 0, 2000, 0, 101, 12 * SEC);
	expect(ages, 0, 2000, 12 * SEC, 1, 0);
	expect(ages, 100, 101, 14 * SEC, 1, 20);
	expect(ages, 0, 512, 14 * SEC + SEC / 2, 1, 25);
	expect(ages, 0, 512, 15 * SEC, 0, 30);
	expect(ages, 0, 100, 15 * SEC, 0, MV_AGE_BEFORE);
	assert_true(mv_ages_first_seen(ages, AT(100), &ns, &before));
	assert_false(before);
	assert_int_equal(ns, 12 * SEC);
	expect(ages, 0, 512, 12 * SEC + 10000 * SEC, 0, MV_AGE_UNKNOWN - 1); /* held at the top */
}

/* The case a grid lives on: a range seen empty, then pages come. */
static void test_appears_in_an_empty_range(void **state)
{
	struct mv_ages *ages = *state;

	look(ages, 0, 5000, 0, 0, SEC);
	look(ages, 0, 5000, 600, 1200, 2 * SEC);
	expect(ages, 0, 5000, 2 * SEC, 600, 0);
	expect(ages, 1024, 1536, 2 * SEC, 1200 - 1024, 0);
	expect(ages, 2000, 5000, 2 * SEC, 0, MV_AGE_UNKNOWN);
	/* beyond what was looked at, pages are old acquaintances */
	look(ages, 4900, 6000, 4950, 5050, 3 * SEC);
	expect(ages, 4900, 5000, 3 * SEC, 50, 0);
	expect(ages, 5000, 6000, 3 * SEC, 0, MV_AGE_BEFORE);
}

static void test_vanishes_and_comes_back(void **state)
{
	struct mv_ages *ages = *state;

	look(ages, 0, 1000, 0, 1000, SEC);
	look(ages, 0, 1000, 0, 0, 2 * SEC);
	expect(ages, 0, 1000, 2 * SEC, 0, MV_AGE_UNKNOWN);
	look(ages, 0, 1000, 3, 4, 3 * SEC);
	expect(ages, 0, 1000, 3 * SEC, 1, 0);
	look(ages, 0, 1000, 4, 5, 4 * SEC); /* the newest vanishes: the next newest counts */
	expect(ages, 0, 1000, 5 * SEC, 1, 10);
	look(ages, 0, 1000, 4, 6, 9 * SEC);
	look(ages, 0, 1000, 4, 5, 10 * SEC);
	expect(ages, 0, 512, 10 * SEC, 0, 60);
}

/* Two mappings may share a block: a look at one says nothing about the other. */
static void test_ranges_within_a_block(void **state)
{
	struct mv_ages *ages = *state;

	look(ages, 0, 100, 0, 100, SEC);
	look(ages, 100, 200, 100, 150, 2 * SEC);
	expect(ages, 0, 200, 2 * SEC, 0, MV_AGE_BEFORE);
	look(ages, 100, 200, 100, 160, 3 * SEC);
	expect(ages, 0, 200, 3 * SEC, 10, 0);
	expect(ages, 0, 100, 3 * SEC, 0, MV_AGE_BEFORE);
	look(ages, 0, 100, 0, 0, 4 * SEC);
	expect(ages, 0, 100, 4 * SEC, 0, MV_AGE_UNKNOWN);
	expect(ages, 150, 160, 4 * SEC, 10, 10);
}

static void test_clear(void **state)
{
	struct mv_ages *ages = *state;

	look(ages, 0, 1000, 0, 0, SEC);
	look(ages, 0, 1000, 0, 1000, 2 * SEC);
	mv_ages_clear(ages);
	expect(ages, 0, 1000, 2 * SEC, 0, MV_AGE_UNKNOWN);
	look(ages, 0, 1000, 0, 1000, 3 * SEC);
	expect(ages, 0, 1000, 3 * SEC, 0, MV_AGE_BEFORE);
}

static void test_a_terabyte_of_nothing(void **state)
{
	struct mv_ages *ages = *state;
	const uint64_t tib = (UINT64_C(1) << 40) / PAGE;

	look(ages, 0, tib, 0, 0, SEC);
	for (unsigned round = 0; round < 2; round++) {
		mv_ages_begin(ages, SPAN(0, tib), (2 + round) * SEC);
		for (uint64_t i = 0; i < 1000; i++)
			mv_ages_present(ages, AT(i * (tib / 1000)), AT(i * (tib / 1000) + 1));
		mv_ages_end(ages);
	}
	expect(ages, 0, tib, 3 * SEC, 1000, 10);
}

static void test_memory_is_bounded(void **state)
{
	struct mv_ages *ages;

	(void)state;
	assert_int_equal(mv_ages_new((uint32_t)PAGE, 40 * 1024, &ages), 0);
	look(ages, 0, 1000 * 512, 0, 0, SEC);
	look(ages, 0, 1000 * 512, 0, 1000 * 512, 2 * SEC); /* far more than fits */
	expect(ages, 0, 512, 2 * SEC, 512, 0);
	expect(ages, 999 * 512, 1000 * 512, 2 * SEC, 0, MV_AGE_UNKNOWN);
	look(ages, 0, 1000 * 512, 0, 1000 * 512, 3 * SEC);
	expect(ages, 0, 512, 3 * SEC, 512, 10); /* what fitted stays */
	look(ages, 2000 * 512, 2100 * 512, 2000 * 512, 2100 * 512,
	     4 * SEC); /* and gives way to what is shown now */
	expect(ages, 0, 512, 4 * SEC, 0, MV_AGE_UNKNOWN);
	expect(ages, 2000 * 512, 2001 * 512, 4 * SEC, 0, MV_AGE_BEFORE);
	look(ages, 0, 512, 0, 512, 5 * SEC); /* forgotten, so nothing is claimed to be fresh */
	expect(ages, 0, 512, 5 * SEC, 0, MV_AGE_BEFORE);
	mv_ages_free(ages);
}

/* Random looks against a plain array. */
static void test_against_a_model(void **state)
{
	enum { PAGES = 4000, BEFORE = -1, ABSENT = -2, UNSEEN = -3 };
	struct mv_ages *ages = *state;
	static int model[PAGES];
	static bool present[PAGES];

	for (int i = 0; i < PAGES; i++)
		model[i] = UNSEEN;
	srand(3);
	for (int tick = 1; tick < 300; tick++) {
		int from = rand() % PAGES, to = from + 1 + rand() % (PAGES - from);
		uint64_t now = (uint64_t)tick * SEC;

		for (int k = 0; k < 8; k++) {
			int a = rand() % PAGES, len = rand() % 700;
			bool on = rand() % 3 != 0;

			for (int i = a; i < PAGES && i < a + len; i++)
				present[i] = on;
		}
		mv_ages_begin(ages, SPAN(from, to), now);
		for (int i = from; i < to; i++) {
			int end = i;

			while (end < to && present[end])
				end++;
			if (end > i)
				mv_ages_present(ages, AT(i), AT(end));
			i = end > i ? end - 1 : i;
		}
		mv_ages_end(ages);
		for (int i = from; i < to; i++) {
			if (!present[i])
				model[i] = ABSENT;
			else if (model[i] == UNSEEN)
				model[i] = BEFORE;
			else if (model[i] == ABSENT)
				model[i] = tick;
		}
		for (int i = 0; i < PAGES; i++) {
			uint64_t ns;
			bool before;
			bool dated = mv_ages_first_seen(ages, AT(i), &ns, &before);

			assert_int_equal(dated, model[i] >= 0);
			assert_int_equal(before, model[i] == BEFORE);
			if (dated)
				assert_int_equal(ns, (uint64_t)model[i] * SEC);
		}
		for (int a = 0, b; a < PAGES; a = b) {
			uint32_t fresh = 0;
			int newest = UNSEEN;

			b = a + 1 + rand() % 1500;
			b = b > PAGES ? PAGES : b;
			for (int i = a; i < b; i++) {
				newest = model[i] > newest ? model[i] : newest;
				fresh += model[i] >= 0 && model[i] > tick - 3;
			}
			expect(ages, (uint64_t)a, (uint64_t)b, now, fresh,
			       newest >= 0	  ? (unsigned)(tick - newest) * 10
			       : newest == BEFORE ? MV_AGE_BEFORE
						  : MV_AGE_UNKNOWN);
		}
	}
}

int main(void)
{
#define AGES_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    AGES_TEST(test_first_look_is_before),      AGES_TEST(test_appears_and_fades),
	    AGES_TEST(test_appears_in_an_empty_range), AGES_TEST(test_vanishes_and_comes_back),
	    AGES_TEST(test_ranges_within_a_block),     AGES_TEST(test_clear),
	    AGES_TEST(test_a_terabyte_of_nothing),     AGES_TEST(test_memory_is_bounded),
	    AGES_TEST(test_against_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
