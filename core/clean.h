/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_CLEAN_H
#define MV_CLEAN_H

/*
 * Any outside string (process name, command line, path, memory) -> text that is safe to show.
 *
 * The result is well-formed in the current LC_CTYPE, has no control, bidi, zero-width or private-use
 * character, no broken byte and no bare backslash; what was escaped reads \xNN or \u{…} or \\ and so can be
 * turned back. Drawing and printing functions take struct mv_clean only, so a raw char * does not compile
 * into a cell. Views never make one from a char *: they use the accessors of snapshot.h, MV_TEXT for
 * literals and struct mv_build for numbers.
 */

#include "core/types.h"

struct mv_clean {
	const char *text; /* NUL-terminated; owned by whoever made it */
};

/* A string literal, and nothing else, as clean text. */
#define MV_TEXT(literal) ((struct mv_clean){"" literal ""})

/*
 * Clean raw[0..n) into out, NUL-terminated, never cutting an escape or a character in two.
 * Returns the bytes a full result needs without the NUL (as snprintf); out may be NULL when cap is 0.
 * Cost: one mbrtowc a character; plain printable ASCII is copied bytewise.
 */
size_t mv_clean_bytes(const char *raw, size_t n, char *out, size_t cap);

/*
 * Clean text -> the raw bytes that it was made of, NUL-terminated. Returns how many, or -EINVAL: it does not fit, has a NUL
 * inside or is not what mv_clean_bytes makes.
 */
ssize_t mv_clean_undo(const char *clean, char *out, size_t cap);

/* mv_clean_bytes as a value: cleans into out and wraps it. */
struct mv_clean mv_clean_into(char *out, size_t cap, const char *raw, size_t n);

/* Wrap text that mv_clean_bytes made earlier (a snapshot's string pool). Not for anything else. */
struct mv_clean mv_clean_trusted(const char *text);

/* Terminal columns that clean text takes. */
unsigned mv_clean_width(struct mv_clean text);

/*
 * A line of text under construction: literals, clean text and numbers. Cuts silently at its capacity.
 * mv_build_fmt takes numbers only: %s, %c and %p in its format are refused by assert and by tests/layers.sh.
 */
struct mv_build {
	size_t len;
	char text[504];
};

void mv_build_init(struct mv_build *b);
void mv_build_clean(struct mv_build *b, struct mv_clean text);
void mv_build_fmt(struct mv_build *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void mv_build_size(struct mv_build *b, uint64_t bytes);   /* 41.2M: see mv_text_size */
void mv_build_count(struct mv_build *b, uint64_t number); /* 26,645 */
void mv_build_why(struct mv_build *b, enum mv_why why);   /* - (needs CAP_SYS_ADMIN) */
void mv_build_pad(struct mv_build *b, unsigned columns);  /* spaces up to that column */
struct mv_clean mv_build_text(const struct mv_build *b);

#endif
