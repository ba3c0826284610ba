/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/frames.h"

static const struct mv_frame_flag_info *find(unsigned bit)
{
	for (size_t i = 0; i < mv_frame_flags_count; i++) {
		if (mv_frame_flags[i].bit == bit)
			return &mv_frame_flags[i];
	}
	return NULL;
}

static void test_bits_ascend_and_have_words(void **state)
{
	(void)state;
	assert_true(mv_frame_flags_count > 0);
	for (size_t i = 0; i < mv_frame_flags_count; i++) {
		assert_true(mv_frame_flags[i].bit < 64);
		assert_true(strlen(mv_frame_flags[i].name) > 0);
		assert_true(strlen(mv_frame_flags[i].meaning) > 0);
		if (i > 0)
			assert_true(mv_frame_flags[i].bit > mv_frame_flags[i - 1].bit);
	}
}

/* The numbers of Documentation/admin-guide/mm/pagemap.rst that are easiest to get wrong. */
static void test_known_bits(void **state)
{
	static const struct {
		unsigned bit;
		const char *name;
	} known[] = {{0, "LOCKED"},	    {4, "DIRTY"},   {12, "ANON"},   {15, "COMPOUND_HEAD"},
		     {16, "COMPOUND_TAIL"}, {17, "HUGE"},   {20, "NOPAGE"}, {22, "THP"},
		     {24, "ZERO_PAGE"},	    {26, "PGTABLE"}};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(known); i++) {
		assert_non_null(find(known[i].bit));
		assert_string_equal(find(known[i].bit)->name, known[i].name);
	}
	assert_null(find(27));
	assert_null(find(63));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bits_ascend_and_have_words),
	    cmocka_unit_test(test_known_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
