/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Names as compilers write them -> names as people do. */

#include "config.h"

#include "core/symbols.h"

#include <string.h>
#if defined(HAVE_LIBIBERTY_DEMANGLE_H)
#include <libiberty/demangle.h>
#elif defined(HAVE_DEMANGLE_H)
#include <demangle.h>
#endif
#include <setjmp.h>

#define RAW_MAX 4096 /* bytes of a mangled name that are looked at */

static size_t copy(const char *raw, size_t raw_len, char *out, size_t cap)
{
	size_t n = raw_len < cap - 1 ? raw_len : cap - 1;

	memcpy(out, raw, n);
	out[n] = '\0';
	return n;
}

#ifdef HAVE_DEMANGLE
struct sink {
	char *out;
	size_t len, cap;
	jmp_buf full;
};

/* Back references make a short name say more than there is memory for: the demangler is left when the room is
 * used up. */
static void take(const char *part, size_t n, void *opaque)
{
	struct sink *sink = opaque;
	size_t room = sink->cap - 1 - sink->len;

	memcpy(sink->out + sink->len, part, n < room ? n : room);
	sink->len += n < room ? n : room;
	if (n > room)
		longjmp(sink->full, 1);
}

/* The length; 0: it is no mangled name. It allocates nothing, so nothing leaks when it is left. */
static size_t demangle(const char *name, char *out, size_t cap)
{
	const int opts = DMGL_PARAMS | DMGL_ANSI;
	struct sink sink = {.out = out, .cap = cap};

	if (setjmp(sink.full) == 0) {
		if (!rust_demangle_callback(name, opts, take, &sink)) {
			sink.len = 0;
			if (!cplus_demangle_v3_callback(name, opts, take, &sink))
				return 0;
		}
	}
	out[sink.len] = '\0';
	return sink.len;
}
#else
static size_t demangle(const char *name, char *out, size_t cap)
{
	(void)name;
	(void)out;
	(void)cap;
	return 0;
}
#endif

size_t mv_symbol_demangle(const char *raw, char *out, size_t cap)
{
	char name[RAW_MAX];
	size_t raw_len = strnlen(raw, RAW_MAX), n = 0;
	const char *version = memchr(raw, '@', raw_len);

	if (cap == 0)
		return 0;
	if (version && version != raw)
		raw_len = (size_t)(version - raw);
	if (raw_len < RAW_MAX && raw_len > 2 && raw[0] == '_' && (raw[1] == 'Z' || raw[1] == 'R')) {
		memcpy(name, raw, raw_len);
		name[raw_len] = '\0';
		n = demangle(name, out, cap);
	}
	return n ? n : copy(raw, raw_len, out, cap);
}
