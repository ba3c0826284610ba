/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "core/clean.h"
#include "core/text.h"

/*
 * Characters that iswprint() lets through and that yet show nothing, reorder their neighbours or mean
 * something private: formats (Cf), fillers, variation selectors, private use, noncharacters. Ascending.
 */
static const struct {
	uint32_t first, last;
} hidden[] = {
    {0x00ad, 0x00ad},	{0x034f, 0x034f},   {0x0600, 0x0605},	{0x061c, 0x061c},      {0x06dd, 0x06dd},
    {0x070f, 0x070f},	{0x0890, 0x0891},   {0x08e2, 0x08e2},	{0x115f, 0x1160},      {0x17b4, 0x17b5},
    {0x180b, 0x180f},	{0x200b, 0x200f},   {0x2028, 0x202e},	{0x2060, 0x206f},      {0x3164, 0x3164},
    {0xd800, 0xf8ff},	{0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},	{0xfeff, 0xfeff},      {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},	{0xfffe, 0xffff},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},    {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}, {0xf0000, UINT32_MAX},
};

static bool is_hidden(uint32_t c)
{
	size_t low = 0, high = MV_COUNT_OF(hidden);

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (c > hidden[middle].last)
			low = middle + 1;
		else if (c < hidden[middle].first)
			high = middle;
		else
			return true;
	}
	return false;
}

static bool is_leading_jamo(uint32_t c)
{
	return (c >= 0x1100 && c < 0x115f) || (c >= 0xa960 && c <= 0xa97c);
}

static bool is_joining_jamo(uint32_t c)
{
	return (c > 0x1160 && c <= 0x11ff) || (c >= 0xd7b0 && c <= 0xd7fb);
}

/* What may follow: a combining mark needs a character of its own to sit on, and two are enough for any
 * script. */
struct joiner {
	unsigned room;	 /* zero-width characters the last one still takes */
	bool after_jamo; /* the last one is a leading jamo, perhaps with others joined */
};

static bool is_showable(wchar_t wide, struct joiner *joiner)
{
	uint32_t c = (uint32_t)wide;
	int width;

	if (c == '\\' || !iswprint((wint_t)wide) || is_hidden(c))
		return false;
	width = wcwidth(wide);
	if (width < 0)
		return false;
	if (width > 0) {
		joiner->room = 2;
		joiner->after_jamo = is_leading_jamo(c);
		return true;
	}
	if (joiner->room == 0 || (is_joining_jamo(c) && !joiner->after_jamo))
		return false;
	joiner->room--;
	return true;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '\\';
}

/* UTF-8 of a character beyond ASCII; 0 when it has none. */
static size_t encode_utf8(uint32_t c, unsigned char out[static 4])
{
	size_t n = c < 0x80 ? 0 : c < 0x800 ? 2 : c < 0x10000 ? 3 : c < 0x110000 ? 4 : 0;

	if (c >= 0xd800 && c < 0xe000)
		return 0;
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (unsigned char)(0x80 | (c & 0x3f));
	if (n)
		out[0] = (unsigned char)((0xf00 >> n & 0xff) | c);
	return n;
}

static size_t put_hex(char *out, uint32_t value, unsigned min_digits)
{
	static const char digits[] = "0123456789abcdef";
	unsigned n = min_digits;

	while (n < 8 && value >> (4 * n))
		n++;
	for (unsigned i = 0; i < n; i++)
		out[i] = digits[value >> (4 * (n - 1 - i)) & 15];
	return n;
}

#define ESCAPED_MAX 16

/*
 * One escape for the n raw bytes of a character, or of its first byte alone when it is broken (wide is WEOF).
 * \u{…} stands for the character's UTF-8, whatever the locale; so it is used only where those are the bytes.
 */
static size_t escape(char out[static ESCAPED_MAX], const char *raw, size_t n, wint_t wide)
{
	unsigned char utf8[4];
	size_t len = 0;

	if (n == 1 && raw[0] == '\\') {
		memcpy(out, "\\\\", 2);
		return 2;
	}
	if (n > 1 && wide != WEOF && encode_utf8((uint32_t)wide, utf8) == n && memcmp(utf8, raw, n) == 0) {
		memcpy(out, "\\u{", 3);
		len = 3 + put_hex(out + 3, (uint32_t)wide, 2);
		out[len++] = '}';
		return len;
	}
	/* At most the four bytes of any multibyte encoding that glibc has. */
	for (size_t i = 0; i < n && len + 4 <= ESCAPED_MAX; i++) {
		memcpy(out + len, "\\x", 2);
		len += 2;
		len += put_hex(out + len, (unsigned char)raw[i], 2);
	}
	return len;
}

/* A cursor that counts all and writes what fits, nothing any more after the first piece that did not. */
struct sink {
	char *out;
	size_t room; /* without the NUL */
	size_t written, needed;
};

static void sink_put(struct sink *sink, const char *text, size_t n)
{
	if (sink->written == sink->needed && n <= sink->room - sink->written) {
		memcpy(sink->out + sink->written, text, n);
		sink->written += n;
	}
	sink->needed += n;
}

/* Plain ASCII may be cut anywhere. */
static void sink_put_plain(struct sink *sink, const char *text, size_t n)
{
	if (sink->written == sink->needed) {
		size_t fits = sink->room - sink->written;

		fits = n < fits ? n : fits;
		if (fits)
			memcpy(sink->out + sink->written, text, fits);
		sink->written += fits;
	}
	sink->needed += n;
}

size_t mv_clean_bytes(const char *raw, size_t n, char *out, size_t cap)
{
	struct sink sink = {.out = out, .room = cap ? cap - 1 : 0};
	struct joiner joiner = {0};
	mbstate_t state = {0};

	assert(out || cap == 0);
	for (size_t at = 0; at < n;) {
		char escaped[ESCAPED_MAX];
		size_t run = 0, used;
		wchar_t wide;

		while (at + run < n && is_plain((unsigned char)raw[at + run]))
			run++;
		if (run) {
			sink_put_plain(&sink, raw + at, run);
			joiner = (struct joiner){.room = 2};
			at += run;
			continue;
		}
		used = mbrtowc(&wide, raw + at, n - at, &state);
		if (used == 0)
			used = 1; /* a NUL */
		if (used > n - at || used * 4 > ESCAPED_MAX) {
			memset(&state, 0, sizeof(state));
			sink_put(&sink, escaped, escape(escaped, raw + at, 1, WEOF));
			joiner.room = 0;
			at++;
			continue;
		}
		if (is_showable(wide, &joiner)) {
			sink_put(&sink, raw + at, used);
		} else {
			sink_put(&sink, escaped, escape(escaped, raw + at, used, (wint_t)wide));
			joiner.room = 0;
		}
		at += used;
	}
	if (cap)
		out[sink.written] = '\0';
	return sink.needed;
}

/* One escape at *at -> its bytes. Returns how many, 0 for none that we make. */
static size_t unescape(const char **at, unsigned char out[static 4])
{
	struct mv_scan s = {*at + 2, *at + 2};
	uint64_t value;

	if ((*at)[1] == '\\') {
		out[0] = '\\';
		*at += 2;
		return 1;
	}
	if ((*at)[1] == 'x') {
		s.end += strnlen(s.at, 2);
		if (!mv_scan_hex(&s, &value) || s.at != *at + 4)
			return 0;
		out[0] = (unsigned char)value;
		*at = s.at;
		return 1;
	}
	if ((*at)[1] != 'u' || (*at)[2] != '{')
		return 0;
	s.at++;
	s.end += strnlen(s.end, 10);
	if (!mv_scan_hex(&s, &value) || !mv_scan_char(&s, '}') || value > 0x10ffff)
		return 0;
	*at = s.at;
	return encode_utf8((uint32_t)value, out);
}

ssize_t mv_clean_undo(const char *clean, char *out, size_t cap)
{
	size_t len = 0;

	while (*clean) {
		unsigned char bytes[4];
		size_t n = 1;

		if (*clean == '\\')
			n = unescape(&clean, bytes);
		else
			bytes[0] = (unsigned char)*clean++;
		if (!n || memchr(bytes, 0, n) || len + n >= cap)
			return -EINVAL;
		memcpy(out + len, bytes, n);
		len += n;
	}
	if (len >= cap)
		return -EINVAL;
	out[len] = '\0';
	return (ssize_t)len;
}

struct mv_clean mv_clean_into(char *out, size_t cap, const char *raw, size_t n)
{
	assert(out && cap > 0);
	mv_clean_bytes(raw, n, out, cap);
	return (struct mv_clean){out};
}

struct mv_clean mv_clean_trusted(const char *text)
{
	return (struct mv_clean){text};
}

/* Bytes of the character at text; 1 for a byte that this locale can't read (a literal under LANG=C). */
static size_t step(const char *text, size_t n, wchar_t *ret_wide)
{
	mbstate_t state = {0};
	size_t used;

	if (is_plain((unsigned char)*text)) {
		*ret_wide = (unsigned char)*text;
		return 1;
	}
	used = mbrtowc(ret_wide, text, n, &state);
	if (used == 0 || used > n) {
		*ret_wide = L'?';
		return 1;
	}
	return used;
}

unsigned mv_clean_width(struct mv_clean text)
{
	size_t n = strlen(text.text);
	unsigned columns = 0;

	for (size_t at = 0; at < n;) {
		wchar_t wide;
		int width;

		at += step(text.text + at, n - at, &wide);
		width = wcwidth(wide);
		columns += width > 0 ? (unsigned)width : 0;
	}
	return columns;
}

void mv_build_init(struct mv_build *b)
{
	b->len = 0;
	b->text[0] = '\0';
}

/* Bytes of the escape or character at text. */
static size_t unit_len(const char *text, size_t n)
{
	const char *brace;
	wchar_t wide;

	if (*text != '\\')
		return step(text, n, &wide);
	if (n >= 4 && text[1] == 'x')
		return 4;
	brace = n >= 3 && text[1] == 'u' ? memchr(text, '}', n) : NULL;
	if (brace)
		return (size_t)(brace - text) + 1;
	return n < 2 ? n : 2;
}

static void append(struct mv_build *b, const char *text, size_t n)
{
	memcpy(b->text + b->len, text, n);
	b->len += n;
	b->text[b->len] = '\0';
}

void mv_build_clean(struct mv_build *b, struct mv_clean text)
{
	size_t n = strlen(text.text), room = sizeof(b->text) - 1 - b->len, fits = 0;

	if (n <= room) {
		append(b, text.text, n);
		return;
	}
	while (fits < n) {
		size_t unit = unit_len(text.text + fits, n - fits);

		if (fits + unit > room)
			break;
		fits += unit;
	}
	append(b, text.text, fits);
}

/* Whether a format has conversions of numbers only. */
static bool is_numeric_format(const char *fmt)
{
	for (; (fmt = strchr(fmt, '%')); fmt++) {
		fmt++;
		if (*fmt == '%')
			continue;
		fmt += strspn(fmt, "#0- +'I123456789.*hlqjzt");
		if (*fmt == '\0' || !strchr("diouxXeEfFgG", *fmt))
			return false;
	}
	return true;
}

void mv_build_fmt(struct mv_build *b, const char *fmt, ...)
{
	size_t room = sizeof(b->text) - b->len;
	va_list args;
	int n;

	assert(is_numeric_format(fmt));
	(void)is_numeric_format;
	va_start(args, fmt);
	n = vsnprintf(b->text + b->len, room, fmt, args);
	va_end(args);
	/* Half a number would be another number. */
	if (n >= 0 && (size_t)n < room)
		b->len += (size_t)n;
	else
		b->text[b->len] = '\0';
}

void mv_build_size(struct mv_build *b, uint64_t bytes)
{
	char text[8];
	size_t n = mv_text_size(text, bytes);

	if (n < sizeof(b->text) - b->len)
		append(b, text, n);
}

void mv_build_count(struct mv_build *b, uint64_t number)
{
	char text[32];
	size_t n = mv_text_count(text, number);

	if (n < sizeof(b->text) - b->len)
		append(b, text, n);
}

void mv_build_why(struct mv_build *b, enum mv_why why)
{
	const char *text = mv_why_text(why);

	mv_build_clean(b, MV_TEXT("-"));
	if (*text == '\0')
		return;
	mv_build_clean(b, MV_TEXT(" ("));
	mv_build_clean(b, mv_clean_trusted(text));
	mv_build_clean(b, MV_TEXT(")"));
}

void mv_build_pad(struct mv_build *b, unsigned columns)
{
	unsigned width = mv_clean_width(mv_build_text(b));

	for (; width < columns && b->len < sizeof(b->text) - 1; width++)
		append(b, " ", 1);
}

struct mv_clean mv_build_text(const struct mv_build *b)
{
	return (struct mv_clean){b->text};
}
