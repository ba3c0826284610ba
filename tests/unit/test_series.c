/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/series.h"

static struct mv_series s;

static int start(void **state)
{
	(void)state;
	mv_series_init(&s);
	return 0;
}

static void test_nothing_yet(void **state)
{
	uint8_t levels[5];

	(void)state;
	assert_null(mv_series_back(&s, 0));
	mv_series_levels(&s, 5, true, levels);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(levels[i], 9);
}

static void test_newest_first(void **state)
{
	(void)state;
	mv_series_push(&s, 1, 10);
	mv_series_push(&s, 2, 20);
	mv_series_gap(&s, 3);
	assert_true(mv_series_back(&s, 0)->gap);
	assert_int_equal(mv_series_back(&s, 0)->at_ns, 3);
	assert_int_equal(mv_series_back(&s, 1)->at_ns, 2);
	assert_float_equal(mv_series_back(&s, 2)->value, 10, 0);
	assert_null(mv_series_back(&s, 3));
}

/* The ring turns over as often as it likes: the newest MV_SERIES_POINTS stay, in order. */
static void test_ring_turns(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 5 * MV_SERIES_POINTS + 7; i++) {
		mv_series_push(&s, i, (double)i);
		assert_int_equal(s.count, i < MV_SERIES_POINTS ? i : MV_SERIES_POINTS);
	}
	for (uint32_t i = 0; i < MV_SERIES_POINTS; i++)
		assert_int_equal(mv_series_back(&s, i)->at_ns, 5 * MV_SERIES_POINTS + 7 - i);
	assert_null(mv_series_back(&s, MV_SERIES_POINTS));
}

static void test_rates_stand_on_zero(void **state)
{
	static const double values[] = {0, 1, 400, 800, 0.001};
	static const uint8_t expected[] = {9, 0, 1, 5, 8, 1};
	uint8_t levels[6];

	(void)state;
	for (size_t i = 0; i < 5; i++)
		mv_series_push(&s, i, values[i]);
	mv_series_levels(&s, 6, true, levels);
	/* Something is never drawn as nothing, however little it is beside the peak. */
	assert_memory_equal(levels, expected, 6);
}

static void test_flat_lines(void **state)
{
	uint8_t levels[3];

	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		mv_series_push(&s, i, 5);
	mv_series_levels(&s, 3, false, levels);
	assert_memory_equal(levels, ((uint8_t[]){1, 1, 1}), 3);
	mv_series_levels(&s, 3, true, levels);
	assert_memory_equal(levels, ((uint8_t[]){8, 8, 8}), 3);
	mv_series_init(&s);
	for (uint64_t i = 0; i < 3; i++)
		mv_series_push(&s, i, 0);
	mv_series_levels(&s, 3, true, levels);
	assert_memory_equal(levels, ((uint8_t[]){0, 0, 0}), 3);
}

/* RSS: the scale starts at the lowest point shown, not at one that has left the picture. */
static void test_scale_of_what_is_shown(void **state)
{
	uint8_t levels[3];

	(void)state;
	mv_series_push(&s, 1, 1e9);
	mv_series_push(&s, 2, 100);
	mv_series_push(&s, 3, 107);
	mv_series_push(&s, 4, 114);
	mv_series_levels(&s, 3, false, levels);
	assert_memory_equal(levels, ((uint8_t[]){1, 5, 8}), 3);
}

static void test_gaps_stay_gaps(void **state)
{
	uint8_t levels[4];

	(void)state;
	mv_series_push(&s, 1, 8);
	mv_series_gap(&s, 2);
	mv_series_push(&s, 3, 16);
	mv_series_gap(&s, 4);
	mv_series_levels(&s, 4, false, levels);
	assert_memory_equal(levels, ((uint8_t[]){1, 9, 8, 9}), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_nothing_yet, start),
	    cmocka_unit_test_setup(test_newest_first, start),
	    cmocka_unit_test_setup(test_ring_turns, start),
	    cmocka_unit_test_setup(test_rates_stand_on_zero, start),
	    cmocka_unit_test_setup(test_flat_lines, start),
	    cmocka_unit_test_setup(test_scale_of_what_is_shown, start),
	    cmocka_unit_test_setup(test_gaps_stay_gaps, start),
	};

	return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}
