/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/text.h"

const char *mv_why_text(enum mv_why why)
{
	static const char *const texts[MV_WHY__N] = {
#define X(id, text) [MV_WHY_##id] = (text),
		MV_WHYS(X)
#undef X
	};

	return (unsigned)why < MV_WHY__N ? texts[why] : texts[MV_WHY_NOT_READ];
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool mv_scan_hex(struct mv_scan *s, uint64_t *ret_value)
{
	const char *at = s->at;
	uint64_t value = 0;

	for (; at < s->end; at++) {
		int digit = hex_digit(*at);

		if (digit < 0)
			break;
		if (value >> 60)
			return false;
		value = value << 4 | (unsigned)digit;
	}
	if (at == s->at)
		return false;
	s->at = at;
	*ret_value = value;
	return true;
}

bool mv_scan_dec(struct mv_scan *s, uint64_t *ret_value)
{
	const char *at = s->at;
	uint64_t value = 0;

	for (; at < s->end && *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return false;
	}
	if (at == s->at)
		return false;
	s->at = at;
	*ret_value = value;
	return true;
}

bool mv_scan_char(struct mv_scan *s, char c)
{
	if (s->at >= s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

void mv_scan_spaces(struct mv_scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
		s->at++;
}

bool mv_scan_line(struct mv_scan *s, struct mv_scan *ret_line)
{
	const char *newline;

	if (s->at >= s->end)
		return false;
	newline = memchr(s->at, '\n', (size_t)(s->end - s->at));
	ret_line->at = s->at;
	ret_line->end = newline ? newline : s->end;
	s->at = newline ? newline + 1 : s->end;
	return true;
}

bool mv_text_field(const char *text, size_t len, const char *key, uint64_t *ret_value)
{
	struct mv_scan all = {text, text + len}, line;
	size_t key_len = strlen(key);

	if (key_len && key[key_len - 1] == ':')
		key_len--;
	while (mv_scan_line(&all, &line)) {
		if ((size_t)(line.end - line.at) <= key_len || memcmp(line.at, key, key_len) != 0 ||
		    line.at[key_len] != ':')
			continue;
		line.at += key_len + 1;
		mv_scan_spaces(&line);
		return mv_scan_dec(&line, ret_value);
	}
	return false;
}

static size_t put_dec(char *out, uint64_t number, unsigned min_digits)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number || n < min_digits);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	out[n] = '\0';
	return n;
}

/* "12.3" out of 123 tenths. */
static size_t put_tenths(char *out, uint64_t tenths)
{
	size_t n = put_dec(out, tenths / 10, 1);

	out[n++] = '.';
	return n + put_dec(out + n, tenths % 10, 1);
}

/* amount is in the unit below `unit`, of which `step` make one. Rounds half up; never shows step or more. */
static size_t put_scaled(char *out, uint64_t tenths, uint64_t whole, char unit)
{
	size_t n = tenths < 1000 ? put_tenths(out, tenths) : put_dec(out, whole, 1);

	out[n++] = unit;
	out[n] = '\0';
	return n;
}

size_t mv_text_size(char out[static 8], uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	size_t unit = 0, n;
	unsigned shift;
	uint64_t whole, rest, tenths;

	if (bytes == 0)
		return put_dec(out, 0, 1);
	while (unit < 6) {
		/* The next unit as soon as rounding would show 1024 of this one. */
		shift = (unsigned)unit * 10;
		if (bytes >> shift < 1023 ||
		    (bytes >> shift == 1023 && (unit == 0 || !(bytes >> (shift - 1) & 1))))
			break;
		unit++;
	}
	shift = (unsigned)unit * 10;
	whole = bytes >> shift;
	rest = unit ? bytes & ((UINT64_C(1) << shift) - 1) : 0;
	if (unit == 6 || (unit <= 1 && rest == 0)) {
		/* Whole KiB, as sizes of pages are; exbibytes need no decimal. */
		n = put_dec(out, whole + (rest >> (shift ? shift - 1 : 0) & 1), 1);
		out[n++] = units[unit];
		out[n] = '\0';
		return n;
	}
	/* rest < 2^50 here, so ten times it fits */
	tenths = whole * 10 + (rest * 10 + (UINT64_C(1) << (shift - 1))) / (UINT64_C(1) << shift);
	return put_scaled(out, tenths, whole + (rest >> (shift - 1) & 1), units[unit]);
}

size_t mv_text_count(char out[static 32], uint64_t number)
{
	char plain[24];
	size_t n = put_dec(plain, number, 1), len = 0;

	for (size_t i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			out[len++] = ',';
		out[len++] = plain[i];
	}
	out[len] = '\0';
	return len;
}

size_t mv_text_short(char out[static 8], uint64_t number)
{
	static const char units[] = " kmgtpe";
	uint64_t scale = 1;
	size_t unit = 0;

	if (number < 1000)
		return put_dec(out, number, 1);
	/* The next unit as soon as rounding would show 1000 of this one. */
	while (unit < 6 && (number / scale > 999 ||
			    (number / scale == 999 && number % scale >= (scale + 1) / 2 && scale > 1))) {
		scale *= 1000;
		unit++;
	}
	return put_scaled(out, (number / (scale / 10) + (number % (scale / 10) >= scale / 20 ? 1 : 0)),
			  number / scale + (number % scale >= scale / 2 ? 1 : 0), units[unit]);
}

size_t mv_text_span(char out[static 32], uint64_t ns)
{
	uint64_t seconds = ns / MV_NS_PER_SEC;
	uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
	size_t n = 0;

	if (days) {
		n += put_dec(out + n, days, 1);
		out[n++] = 'd';
		out[n++] = ' ';
		n += put_dec(out + n, hours % 24, 2);
		out[n++] = ':';
		return n + put_dec(out + n, minutes % 60, 2);
	}
	if (hours) {
		n += put_dec(out + n, hours, 1);
		out[n++] = ':';
	}
	n += put_dec(out + n, minutes % 60, hours ? 2 : 1);
	out[n++] = ':';
	return n + put_dec(out + n, seconds % 60, 2);
}
