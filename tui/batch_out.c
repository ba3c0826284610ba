/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/text.h"
#include "tui/batch.h"

#define OUT_BYTES (256 * 1024)

int mv_out_init(struct mv_out *out, int fd)
{
	char *buffer = malloc(OUT_BYTES);

	if (!buffer) {
		fputs("memview: out of memory\n", stderr);
		return MV_EXIT_COULD_NOT;
	}
	*out = (struct mv_out){.buffer = buffer, .fd = fd};
	return MV_EXIT_DONE;
}

void mv_out_release(struct mv_out *out)
{
	free(out->buffer);
	out->buffer = NULL;
}

int mv_out_flush(struct mv_out *out)
{
	size_t done = 0;

	while (!out->err && done < out->len) {
		ssize_t n = write(out->fd, out->buffer + done, out->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			out->err = -errno;
		else
			done += (size_t)n;
	}
	out->len = 0;
	return out->err;
}

/* Room for n bytes, which are few. */
static char *room(struct mv_out *out, size_t n)
{
	if (OUT_BYTES - out->len < n)
		mv_out_flush(out);
	return out->buffer + out->len;
}

void mv_out_ascii(struct mv_out *out, const char *bytes, size_t n)
{
	while (n) {
		size_t part = n < OUT_BYTES ? n : OUT_BYTES;

		memcpy(room(out, part), bytes, part);
		out->len += part;
		bytes += part;
		n -= part;
	}
}

void mv_out_clean(struct mv_out *out, struct mv_clean text)
{
	mv_out_ascii(out, text.text, strlen(text.text));
}

void mv_out_char(struct mv_out *out, char c, unsigned times)
{
	memset(room(out, times), c, times);
	out->len += times;
}

void mv_out_field(struct mv_out *out, struct mv_clean text, unsigned columns)
{
	unsigned width = mv_clean_width(text);

	mv_out_clean(out, text);
	if (width < columns)
		mv_out_char(out, ' ', columns - width);
}

void mv_out_right(struct mv_out *out, struct mv_clean text, unsigned columns)
{
	unsigned width = mv_clean_width(text);

	if (width < columns)
		mv_out_char(out, ' ', columns - width);
	mv_out_clean(out, text);
}

void mv_out_number(struct mv_out *out, uint64_t number, unsigned columns)
{
	char digits[24], *at = digits + sizeof(digits);
	size_t n;

	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	n = (size_t)(digits + sizeof(digits) - at);
	if (n < columns)
		mv_out_char(out, ' ', columns - (unsigned)n);
	mv_out_ascii(out, at, n);
}

void mv_out_hex(struct mv_out *out, uint64_t number, unsigned digits)
{
	char text[16], *at = text + sizeof(text);

	do
		*--at = "0123456789abcdef"[number & 15];
	while (number >>= 4);
	while (at > text && text + sizeof(text) - at < (ptrdiff_t)digits)
		*--at = '0';
	mv_out_ascii(out, at, (size_t)(text + sizeof(text) - at));
}

void mv_out_size(struct mv_out *out, uint64_t bytes, unsigned columns)
{
	char size[8];

	mv_text_size(size, bytes);
	mv_out_right(out, mv_clean_trusted(size), columns);
}

void mv_out_count(struct mv_out *out, uint64_t number, unsigned columns)
{
	char count[32];

	mv_text_count(count, number);
	mv_out_right(out, mv_clean_trusted(count), columns);
}

void mv_out_share(struct mv_out *out, uint64_t part, uint64_t of)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_fmt(&b, "%.1f%%", of ? 100.0 * (double)part / (double)of : 0.0);
	mv_out_right(out, mv_build_text(&b), 7);
	mv_out_char(out, ' ', 2);
}

void mv_out_val(struct mv_out *out, const struct mv_val *val, unsigned columns)
{
	if (mv_have(val))
		mv_out_number(out, val->value, columns);
	else
		mv_out_right(out, MV_TEXT("-"), columns);
}

void mv_out_line(struct mv_out *out, struct mv_clean text)
{
	mv_out_clean(out, text);
	mv_out_char(out, '\n', 1);
}

void mv_out_clock(struct mv_out *out, uint64_t real_ns)
{
	time_t seconds = (time_t)(real_ns / MV_NS_PER_SEC);
	char text[16] = "--:--:--";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	mv_out_clean(out, mv_clean_trusted(text));
}

void mv_out_build_time(struct mv_build *b, uint64_t real_ns)
{
	time_t seconds = (time_t)(real_ns / MV_NS_PER_SEC);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		return;
	mv_build_fmt(b, "%04d-%02d-%02d %02d:%02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		     tm.tm_hour, tm.tm_min, tm.tm_sec);
}

int mv_out_end(struct mv_out *out)
{
	int err = mv_out_flush(out);

	if (close(out->fd) < 0 && !err)
		err = -errno;
	out->fd = -1;
	if (err && err != -EPIPE)
		fprintf(stderr, "memview: can't write the output: %s\n", strerror(-err));
	return err ? MV_EXIT_COULD_NOT : MV_EXIT_DONE;
}
