/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"

static struct mv_scan scan_of(const char *text)
{
	return (struct mv_scan){text, text + strlen(text)};
}

static void test_hex(void **state)
{
	struct mv_scan s = scan_of("7ffe-FFFFFFFFFFFFFFFF 10000000000000000 x");
	uint64_t value = 42;

	(void)state;
	assert_true(mv_scan_hex(&s, &value));
	assert_int_equal(value, 0x7ffe);
	assert_false(mv_scan_hex(&s, &value));
	assert_true(mv_scan_char(&s, '-'));
	assert_false(mv_scan_char(&s, '-'));
	assert_true(mv_scan_hex(&s, &value));
	assert_true(value == UINT64_MAX);
	mv_scan_spaces(&s);
	assert_false(mv_scan_hex(&s, &value)); /* 65 bits */
	assert_int_equal(*s.at, '1');
	assert_true(value == UINT64_MAX);
	s = scan_of("");
	assert_false(mv_scan_hex(&s, &value));
	assert_false(mv_scan_char(&s, 'a'));
}

static void test_dec(void **state)
{
	struct mv_scan s = scan_of("18446744073709551615\t 18446744073709551616 99999999999999999999999");
	uint64_t value = 0;

	(void)state;
	assert_true(mv_scan_dec(&s, &value));
	assert_true(value == UINT64_MAX);
	assert_false(mv_scan_dec(&s, &value));
	mv_scan_spaces(&s);
	assert_false(mv_scan_dec(&s, &value));
	assert_int_equal(*s.at, '1');
	s.at += 21;
	assert_false(mv_scan_dec(&s, &value));
}

static void test_lines(void **state)
{
	struct mv_scan s = scan_of("one\n\nlast"), line;

	(void)state;
	assert_true(mv_scan_line(&s, &line));
	assert_int_equal(line.end - line.at, 3);
	assert_true(mv_scan_line(&s, &line));
	assert_int_equal(line.end - line.at, 0);
	assert_true(mv_scan_line(&s, &line));
	assert_memory_equal(line.at, "last", 4);
	assert_int_equal(line.end - line.at, 4);
	assert_false(mv_scan_line(&s, &line));
}

static void test_field(void **state)
{
	static const char text[] =
	    "VmPTESomething:\t1 kB\nxVmPTE:\t2 kB\nVmPTE:\t     268 kB\nBad:\tx\nVmSwap:\t0 kB";
	uint64_t value = 7;

	(void)state;
	assert_true(mv_text_field(text, strlen(text), "VmPTE", &value));
	assert_int_equal(value, 268);
	assert_true(mv_text_field(text, strlen(text), "VmSwap:", &value));
	assert_int_equal(value, 0);
	value = 7;
	assert_false(mv_text_field(text, strlen(text), "VmPT", &value));
	assert_false(mv_text_field(text, strlen(text), "Bad", &value));
	assert_false(mv_text_field("", 0, "VmPTE", &value));
	assert_int_equal(value, 7);
}

static void check_size(uint64_t bytes, const char *expected)
{
	char out[8];

	assert_int_equal(mv_text_size(out, bytes), strlen(expected));
	assert_string_equal(out, expected);
}

static void test_size(void **state)
{
	(void)state;
	check_size(0, "0");
	check_size(1, "1B");
	check_size(1023, "1023B");
	check_size(1024, "1K");
	check_size(1536, "1.5K");
	check_size(4096, "4K");
	check_size(268 * 1024, "268K");
	check_size(1023 * 1024, "1023K");
	check_size(1024 * 1024 - 1, "1.0M");
	check_size(1024 * 1024, "1.0M");
	check_size(43202377, "41.2M");
	check_size(100 << 20, "100M");
	check_size((100 << 20) - 1024, "100M");
	check_size((100 << 20) - 104858, "99.9M");
	check_size(UINT64_C(1) << 30, "1.0G");
	check_size(UINT64_C(256) << 30, "256G");
	check_size(UINT64_C(46072000000000), "41.9T");
	check_size(UINT64_C(1) << 47, "128T");
	check_size(UINT64_C(1) << 60, "1E");
	check_size(UINT64_MAX, "16E");
	for (unsigned shift = 0; shift < 64; shift++) {
		char out[8];

		for (uint64_t less = 0; less < 2; less++)
			assert_true(mv_text_size(out, (UINT64_C(1) << shift) - less) <= 5);
	}
}

static void check_count(uint64_t number, const char *expected)
{
	char out[32];

	assert_int_equal(mv_text_count(out, number), strlen(expected));
	assert_string_equal(out, expected);
}

static void test_count(void **state)
{
	(void)state;
	check_count(0, "0");
	check_count(999, "999");
	check_count(26645, "26,645");
	check_count(1000000, "1,000,000");
	check_count(UINT64_MAX, "18,446,744,073,709,551,615");
}

static void check_short(uint64_t number, const char *expected)
{
	char out[8];

	assert_int_equal(mv_text_short(out, number), strlen(expected));
	assert_string_equal(out, expected);
}

static void test_short(void **state)
{
	(void)state;
	check_short(0, "0");
	check_short(999, "999");
	check_short(1000, "1.0k");
	check_short(12345, "12.3k");
	check_short(99949, "99.9k");
	check_short(99950, "100k");
	check_short(999499, "999k");
	check_short(999500, "1.0m");
	check_short(4500000, "4.5m");
	check_short(UINT64_MAX, "18.4e");
}

static void check_span(uint64_t seconds, const char *expected)
{
	char out[32];

	assert_int_equal(mv_text_span(out, seconds * MV_NS_PER_SEC + 999), strlen(expected));
	assert_string_equal(out, expected);
}

static void test_span(void **state)
{
	(void)state;
	check_span(0, "0:00");
	check_span(4, "0:04");
	check_span(12 * 60 + 3, "12:03");
	check_span(3 * 3600 + 12 * 60 + 9, "3:12:09");
	check_span(3600, "1:00:00");
	check_span(5 * 86400 + 3 * 3600 + 12 * 60 + 59, "5d 03:12");
}

static void test_why(void **state)
{
	(void)state;
	assert_string_equal(mv_why_text(MV_WHY_HAVE), "");
	assert_string_equal(mv_why_text(MV_WHY_NEEDS_SYS_ADMIN), "needs CAP_SYS_ADMIN");
	for (int why = 0; why < MV_WHY__N; why++)
		assert_non_null(mv_why_text((enum mv_why)why));
	assert_string_equal(mv_why_text(MV_WHY__N), mv_why_text(MV_WHY_NOT_READ));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hex),	  cmocka_unit_test(test_dec),  cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_field), cmocka_unit_test(test_size), cmocka_unit_test(test_count),
	    cmocka_unit_test(test_short), cmocka_unit_test(test_span), cmocka_unit_test(test_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
