/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <inttypes.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include <cmocka.h>

#include "core/clean.h"

/* Every fact is checked under both; C.UTF-8 is part of every glibc since 2.35. */
static int use_utf8(void **state)
{
	(void)state;
	return setlocale(LC_ALL, "C.UTF-8") ? 0 : -1;
}

static int use_c(void **state)
{
	(void)state;
	return setlocale(LC_ALL, "C") ? 0 : -1;
}

static void check(const char *raw, const char *expected)
{
	char out[512];

	assert_int_equal(mv_clean_bytes(raw, strlen(raw), out, sizeof(out)), strlen(expected));
	assert_string_equal(out, expected);
	assert_int_equal(mv_clean_bytes(raw, strlen(raw), NULL, 0), strlen(expected));
}

static void test_plain(void **state)
{
	(void)state;
	check("", "");
	check("/usr/bin/python3.11", "/usr/bin/python3.11");
	check("[heap] ~", "[heap] ~");
}

static void test_controls(void **state)
{
	(void)state;
	check("\x1b[31m", "\\x1b[31m");
	check("a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f");
	check("back\\slash", "back\\\\slash");
	check("\\x1b", "\\\\x1b");
}

static void test_nul(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(mv_clean_bytes("a\0b", 3, out, sizeof(out)), 6);
	assert_string_equal(out, "a\\x00b");
}

static void test_utf8(void **state)
{
	(void)state;
	check("\xed\x95\x9c\xea\xb8\x80", "\xed\x95\x9c\xea\xb8\x80"); /* two Hangul syllables */
	check("caf\xc3\xa9", "caf\xc3\xa9");
	check("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"); /* an emoji */
	check("\xc2\x9b[31m", "\\u{9b}[31m");	       /* C1 control sequence introducer */
	check("\xc2\xadx", "\\u{ad}x");		       /* soft hyphen */
	check("\xe2\x80\xaegnp", "\\u{202e}gnp");      /* right-to-left override */
	check("\xe2\x81\xa6", "\\u{2066}");
	check("a\xe2\x80\x8b", "a\\u{200b}");
	check("\xef\xbb\xbf", "\\u{feff}");
	check("\xef\xb8\x8f", "\\u{fe0f}");
	check("\xee\x80\x80", "\\u{e000}"); /* private use */
	check("\xf3\xa0\x81\x81", "\\u{e0041}");
	check("\xf4\x80\x80\x80", "\\u{100000}");
	check("\xd8\x9c", "\\u{61c}");
	check("\xe2\x80\xa8", "\\u{2028}");
}

static void test_broken(void **state)
{
	(void)state;
	check("\xff\xfe", "\\xff\\xfe");
	check("\xc3(", "\\xc3(");
	check("\xe2\x82", "\\xe2\\x82");
	check("x\xe2\x82y", "x\\xe2\\x82y");
	check("\xc0\xaf", "\\xc0\\xaf");	  /* over-long */
	check("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
	check("\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80");
	check("\x80z", "\\x80z");
}

static void test_combining(void **state)
{
	(void)state;
	check("e\xcc\x81", "e\xcc\x81");
	check("e\xcc\x81\xcc\x82", "e\xcc\x81\xcc\x82");
	check("e\xcc\x81\xcc\x82\xcc\x83", "e\xcc\x81\xcc\x82\\u{303}"); /* a third one */
	check("\xcc\x81", "\\u{301}");					 /* nothing to sit on */
	check("\x1b\xcc\x81", "\\x1b\\u{301}");				 /* not on an escape */
}

static void test_jamo(void **state)
{
	(void)state;
	check("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab");
	check("a\xe1\x85\xa1", "a\\u{1161}");
	check("\xe1\x85\xa0", "\\u{1160}"); /* a filler shows nothing */
}

static void test_c_locale(void **state)
{
	(void)state;
	check("caf\xc3\xa9", "caf\\xc3\\xa9");
	check("\xc2\x9b", "\\xc2\\x9b");
	check("\xff", "\\xff");
	for (int byte = 0x80; byte < 0x100; byte++) {
		char raw[2] = {(char)byte, 0}, expected[8];

		snprintf(expected, sizeof(expected), "\\x%02x", (unsigned)byte);
		check(raw, expected);
	}
}

/* At every capacity the result is the longest prefix that cuts nothing in two. */
static void test_cut(void **state)
{
	static const char raw[] = "ab\x1b\xc3\xa9\xe2\x80\xae\\z";
	static const size_t ends[] = {0, 1, 2, 6, 8, 16, 18, 19};
	char full[64], out[64];
	size_t need = mv_clean_bytes(raw, strlen(raw), full, sizeof(full));

	(void)state;
	assert_int_equal(need, 19);
	for (size_t cap = 1; cap <= need + 1; cap++) {
		size_t expected = 0;

		memset(out, '#', sizeof(out));
		for (size_t i = 0; i < MV_COUNT_OF(ends); i++)
			expected = ends[i] < cap ? ends[i] : expected;
		assert_int_equal(mv_clean_bytes(raw, strlen(raw), out, cap), need);
		assert_int_equal(strlen(out), expected);
		assert_memory_equal(out, full, expected);
		assert_int_equal(out[cap], '#');
	}
}

static int hex_of(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static size_t put_utf8(unsigned char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (unsigned char)(0xc0 | c >> 6);
		out[1] = (unsigned char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (unsigned char)(0xe0 | c >> 12);
		out[1] = (unsigned char)(0x80 | (c >> 6 & 63));
		out[2] = (unsigned char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | c >> 18);
	out[1] = (unsigned char)(0x80 | (c >> 12 & 63));
	out[2] = (unsigned char)(0x80 | (c >> 6 & 63));
	out[3] = (unsigned char)(0x80 | (c & 63));
	return 4;
}

/* Clean text back to the bytes it was made of: needs no locale. */
static size_t uncover(const char *text, unsigned char *out)
{
	size_t n = 0;

	while (*text) {
		if (*text != '\\') {
			out[n++] = (unsigned char)*text++;
		} else if (text[1] == '\\') {
			out[n++] = '\\';
			text += 2;
		} else if (text[1] == 'x') {
			out[n++] = (unsigned char)(hex_of(text[2]) << 4 | hex_of(text[3]));
			text += 4;
		} else {
			uint32_t c = 0;

			assert_int_equal(text[1], 'u');
			assert_int_equal(text[2], '{');
			for (text += 3; *text != '}'; text++)
				c = c << 4 | (uint32_t)hex_of(*text);
			text++;
			n += put_utf8(out + n, c);
		}
	}
	return n;
}

static void check_invariant(const unsigned char *raw, size_t n)
{
	char clean[4 * 64 + 1];
	unsigned char back[64 + 8];
	wchar_t wide[4 * 64 + 1];
	size_t len = mv_clean_bytes((const char *)raw, n, clean, sizeof(clean)), wide_len;
	unsigned joined = 2;

	assert_true(len < sizeof(clean));
	assert_int_equal(strlen(clean), len);
	wide_len = mbstowcs(wide, clean, MV_COUNT_OF(wide));
	assert_true(wide_len != (size_t)-1);
	for (size_t i = 0; i < wide_len; i++) {
		int width = wcwidth(wide[i]);

		assert_true(iswprint((wint_t)wide[i]));
		assert_true(width >= 0);
		joined = width ? 0 : joined + 1;
		assert_true(joined <= 2 && (i || width));
		assert_false(wide[i] >= 0x202a && wide[i] <= 0x202e);
		assert_false(wide[i] >= 0x2066 && wide[i] <= 0x2069);
	}
	assert_int_equal(uncover(clean, back), n);
	assert_memory_equal(back, raw, n);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void test_random(void **state)
{
	static const char *const bits[] = {"\xc2",     "\xe2\x80",     "\xe1\x85\xa1", "\xe1\x84\x92",
					   "\xcc\x81", "\xe2\x80\xae", "\xf0\x9f\x98", "\\",
					   "\x1b[",    "\xed\xa0",     "\xed\x95\x9c", "\\u{"};
	uint32_t seed = 20;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		unsigned char raw[64];
		size_t n = 0, wanted = next_random(&seed) % 56;

		while (n < wanted) {
			uint32_t choice = next_random(&seed);

			if (choice & 1) {
				const char *bit = bits[(choice >> 8) % MV_COUNT_OF(bits)];

				memcpy(raw + n, bit, strlen(bit));
				n += strlen(bit);
			} else {
				raw[n++] = (unsigned char)(choice >> 8);
			}
		}
		check_invariant(raw, n);
	}
}

/* Each character there is, after a letter. */
static void test_all_characters(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x110000; c++) {
		unsigned char raw[8] = {'a'};

		check_invariant(raw, 1 + put_utf8(raw + 1, c));
	}
}

static void test_width(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(mv_clean_width(MV_TEXT("")), 0);
	assert_int_equal(mv_clean_width(MV_TEXT("plain\\\\")), 7);
	assert_int_equal(mv_clean_width(mv_clean_into(out, sizeof(out), "e\xcc\x81\xed\x95\x9c", 6)), 3);
	assert_int_equal(mv_clean_width(mv_clean_into(out, sizeof(out), "\xff", 1)), 4);
	assert_int_equal(mv_clean_width(mv_clean_trusted("abc")), 3);
}

static void test_width_of_unreadable(void **state)
{
	(void)state;
	assert_int_equal(mv_clean_width(MV_TEXT("\xe2\x96\x88")), 3);
}

static void test_build(void **state)
{
	struct mv_build b;

	(void)state;
	mv_build_init(&b);
	assert_string_equal(mv_build_text(&b).text, "");
	mv_build_clean(&b, MV_TEXT("RSS "));
	mv_build_size(&b, 41 << 20);
	mv_build_clean(&b, MV_TEXT(" of "));
	mv_build_count(&b, 26645);
	mv_build_fmt(&b, " %5.1f%% %-3d|%#" PRIx64 " %02u ", 12.34, 7, UINT64_C(0x7f), 3u);
	mv_build_why(&b, MV_WHY_NEEDS_SYS_ADMIN);
	mv_build_why(&b, MV_WHY_HAVE);
	assert_string_equal(mv_build_text(&b).text,
			    "RSS 41.0M of 26,645  12.3% 7  |0x7f 03 - (needs CAP_SYS_ADMIN)-");
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("\xed\x95\x9c"));
	mv_build_pad(&b, 5);
	mv_build_pad(&b, 3);
	assert_string_equal(mv_build_text(&b).text, "\xed\x95\x9c   ");
}

static void fill(struct mv_build *b, size_t n)
{
	mv_build_init(b);
	while (b->len < n)
		mv_build_clean(b, MV_TEXT("."));
}

/* Nothing is cut in two at the end: no character, no escape, no number. */
static void test_build_full(void **state)
{
	struct mv_build b;
	const size_t room = sizeof(b.text) - 1;
	static const struct {
		const char *text;
		size_t left, kept;
	} cases[] = {
	    {"ab\\x1b", 5, 2},	    {"ab\\x1b", 6, 6},	      {"a\\u{202e}", 8, 1}, {"a\\\\", 2, 1},
	    {"\xed\x95\x9c", 2, 0}, {"x\xed\x95\x9cy", 4, 4}, {"abc", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(cases); i++) {
		fill(&b, room - cases[i].left);
		mv_build_clean(&b, mv_clean_trusted(cases[i].text));
		assert_int_equal(b.len, room - cases[i].left + cases[i].kept);
		assert_int_equal(strlen(b.text), b.len);
	}
	fill(&b, room - 3);
	mv_build_fmt(&b, "%d", 1234);
	mv_build_count(&b, 1234);
	mv_build_size(&b, 1000 << 10);
	assert_int_equal(b.len, room - 3);
	assert_int_equal(strlen(b.text), b.len);
	mv_build_pad(&b, 10000);
	assert_int_equal(b.len, room);
	mv_build_fmt(&b, "%d", 1);
	assert_int_equal(strlen(b.text), room);
}

int main(void)
{
	const struct CMUnitTest in_utf8[] = {
	    cmocka_unit_test(test_plain),      cmocka_unit_test(test_controls),
	    cmocka_unit_test(test_nul),	       cmocka_unit_test(test_utf8),
	    cmocka_unit_test(test_broken),     cmocka_unit_test(test_combining),
	    cmocka_unit_test(test_jamo),       cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_random),     cmocka_unit_test(test_all_characters),
	    cmocka_unit_test(test_width),      cmocka_unit_test(test_build),
	    cmocka_unit_test(test_build_full),
	};
	const struct CMUnitTest in_c[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_controls),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_broken),
	    cmocka_unit_test(test_c_locale),
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_width_of_unreadable),
	};
	int failed = cmocka_run_group_tests_name("clean under C.UTF-8", in_utf8, use_utf8, NULL);

	return failed + cmocka_run_group_tests_name("clean under C", in_c, use_c, NULL);
}
