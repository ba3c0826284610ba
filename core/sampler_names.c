/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_trace.h"

#include <stdlib.h>
#include <string.h>

/* Functions and text that traced faults and threads refer to by number. */

#define TEXT_MAX (16u << 20) /* beyond it names are "": a process with more is beyond reading anyway */

static uint32_t hash_of(const char *text, size_t len)
{
	uint32_t h = UINT32_C(2166136261);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)text[i]) * UINT32_C(16777619);
	return h;
}

static bool grow_hash(struct names *n)
{
	uint32_t cap = n->text_hash_cap ? n->text_hash_cap * 2 : 256;
	uint32_t *hash = calloc(cap, sizeof(*hash));

	if (!hash)
		return false;
	for (uint32_t i = 0; i < n->text_hash_cap; i++) {
		uint32_t at = n->text_hash[i], slot;

		if (!at)
			continue;
		slot = hash_of(n->text + at, strlen(n->text + at)) & (cap - 1);
		while (hash[slot])
			slot = (slot + 1) & (cap - 1);
		hash[slot] = at;
	}
	free(n->text_hash);
	n->text_hash = hash;
	n->text_hash_cap = cap;
	return true;
}

static bool grow_text(struct names *n, size_t len)
{
	size_t cap = n->text_cap ? n->text_cap : 4096;
	char *text;

	if (n->text_len + len + 1 > TEXT_MAX)
		return false;
	while (cap < n->text_len + len + 1)
		cap *= 2;
	if (cap == n->text_cap)
		return true;
	text = realloc(n->text, cap);
	if (!text)
		return false;
	if (!n->text) {
		text[0] = '\0';
		n->text_len = 1;
	}
	n->text = text;
	n->text_cap = (uint32_t)cap;
	return true;
}

uint32_t names_text(struct names *n, const char *clean)
{
	size_t len = strlen(clean);
	uint32_t slot;

	if (!len || !grow_text(n, len) || (n->text_count * 2 >= n->text_hash_cap && !grow_hash(n)))
		return 0;
	slot = hash_of(clean, len) & (n->text_hash_cap - 1);
	while (n->text_hash[slot]) {
		if (!strcmp(n->text + n->text_hash[slot], clean))
			return n->text_hash[slot];
		slot = (slot + 1) & (n->text_hash_cap - 1);
	}
	n->text_hash[slot] = n->text_len;
	n->text_count++;
	memcpy(n->text + n->text_len, clean, len + 1);
	n->text_len += (uint32_t)len + 1;
	return n->text_hash[slot];
}

uint32_t names_raw(struct names *n, const char *raw, size_t len)
{
	char clean[1024];

	return names_text(n, mv_clean_into(clean, sizeof(clean), raw, len).text);
}

uint32_t names_function(struct names *n, const char *name, const char *image, uint64_t start, uint32_t flags)
{
	if (n->functions_count == n->functions_cap) {
		uint32_t cap = n->functions_cap ? n->functions_cap * 2 : 256;
		struct mv_function *more = realloc(n->functions, cap * sizeof(*more));

		if (!more)
			return MV_FUNCTION_NONE;
		n->functions = more;
		n->functions_cap = cap;
	}
	n->functions[n->functions_count] = (struct mv_function){
	    .name = names_text(n, name), .image = names_text(n, image), .flags = flags, .start = start};
	return n->functions_count++;
}

void names_follow(struct names *n, const struct mv_symboliser *symboliser)
{
	while (n->functions_count < mv_symboliser_functions(symboliser)) {
		const struct mv_function_info *f = mv_symboliser_function(symboliser, n->functions_count);

		if (names_function(n, f->name, f->image, f->start, f->flags) == MV_FUNCTION_NONE)
			return;
	}
}

void names_release(struct names *n)
{
	free(n->text);
	free(n->text_hash);
	free(n->functions);
	free(n->lines);
	*n = (struct names){0};
}
