/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TEXT_H
#define MV_TEXT_H

/* Scanners for /proc text, and numbers as people read them. No locale, no allocation. */

#include "core/types.h"

/* A cursor over text that need not be NUL-terminated. Scanners move it only on success. */
struct mv_scan {
	const char *at;
	const char *end;
};

bool mv_scan_hex(struct mv_scan *s, uint64_t *ret_value); /* 1-16 digits, no 0x; false on overflow */
bool mv_scan_dec(struct mv_scan *s, uint64_t *ret_value);
bool mv_scan_char(struct mv_scan *s, char c);
void mv_scan_spaces(struct mv_scan *s);			       /* blanks and tabs */
bool mv_scan_line(struct mv_scan *s, struct mv_scan *ret_line); /* next line without its \n; false at end */

/* Find "Key:" at the start of a line and read the decimal after it ("VmPTE:\t 268 kB" -> 268). */
bool mv_text_field(const char *text, size_t len, const char *key, uint64_t *ret_value);

/* "0", "268K", "41.2M", "1.0G", "16E": at most 5 characters, one decimal below 100. Returns its length. */
size_t mv_text_size(char out[static 8], uint64_t bytes);
/* "26,645" up to 26 characters. */
size_t mv_text_count(char out[static 32], uint64_t number);
/* Short count for narrow columns: "999", "12.3k", "4.5m"; at most 5 characters. */
size_t mv_text_short(char out[static 8], uint64_t number);
/* "0:04", "12:03", "3:12:09", "5d 03:12" */
size_t mv_text_span(char out[static 32], uint64_t ns);

#endif
