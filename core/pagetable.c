/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/pagetable.h"

#define PAGE_BITS     12u
#define INDEX_BITS    9u
#define ENTRY_BYTES   8u
#define TABLE_KIB     4u
#define CPUINFO_BYTES 8192 /* the flags of the first processor are well inside */

/* Bits of an address below the index of that level. */
static unsigned level_shift(unsigned level)
{
	assert(level >= 1 && level <= MV_LEVELS_MAX);
	return PAGE_BITS + INDEX_BITS * (level - 1);
}

struct mv_path mv_pagetable_path(uint64_t addr, unsigned levels)
{
	struct mv_path path = {.levels = levels, .offset = (unsigned)(addr & ((1u << PAGE_BITS) - 1))};

	assert(levels <= MV_LEVELS_MAX);
	for (unsigned level = 1; level <= levels; level++)
		path.index[level - 1] = (unsigned)(addr >> level_shift(level)) & ((1u << INDEX_BITS) - 1);
	return path;
}

const char *mv_pagetable_level_name(unsigned level, unsigned levels)
{
	static const char *const names[MV_LEVELS_MAX] = {"PTE", "PMD", "PUD", "P4D", "PGD"};

	assert(level >= 1 && level <= levels && levels <= MV_LEVELS_MAX);
	return level == levels ? "PGD" : names[level - 1];
}

uint64_t mv_pagetable_span(unsigned level)
{
	return UINT64_C(1) << level_shift(level);
}

unsigned mv_pagetable_levels(struct mv_source *source)
{
	char text[CPUINFO_BYTES];
	const char *flags, *end, *at;
	ssize_t n = mv_source_read(source, "cpuinfo", text, sizeof(text));

	if (n < 0 && n != -E2BIG)
		return 4;
	flags = strstr(text, "\nflags");
	if (!flags)
		return 4;
	end = strchrnul(flags + 1, '\n');
	at = strstr(flags, " la57");
	return at && at < end && (at[5] == ' ' || at[5] == '\n' || at[5] == '\0') ? 5 : 4;
}

void mv_table_count_init(struct mv_table_count *c)
{
	memset(c, 0, sizeof(*c));
	/* The top is always there, and with five levels so is the P4D table of the first 256 TiB. */
	c->tables[4] = 1;
	c->tables[3] = 1;
	c->last[3] = 1;
}

void mv_table_count_run(struct mv_table_count *c, uint64_t start, uint64_t end, bool hugetlb)
{
	if (start >= end)
		return;
	/* A table of level L maps what one entry of level L + 1 does. */
	for (unsigned level = hugetlb ? 2 : 1; level < MV_LEVELS_MAX; level++) {
		const uint64_t first = start >> level_shift(level + 1);
		const uint64_t last = (end - 1) >> level_shift(level + 1);
		uint64_t n = last - first + 1;

		if (c->last[level - 1] > first) {
			const uint64_t counted = c->last[level - 1] - first;

			n = n > counted ? n - counted : 0;
		}
		c->tables[level - 1] += n;
		if (n)
			c->last[level - 1] = last + 1;
	}
	if (!hugetlb)
		c->pages += (end - start) >> PAGE_BITS;
}

uint64_t mv_table_count_kib(const struct mv_table_count *c, unsigned levels)
{
	(void)levels; /* the kernel counts neither P4D nor PGD */
	return (c->tables[0] + c->tables[1] + c->tables[2]) * TABLE_KIB;
}

uint64_t mv_pagetable_flat_bytes(uint32_t page_bytes, unsigned levels)
{
	const unsigned user_bits = level_shift(levels) + INDEX_BITS - 1;

	return (UINT64_C(1) << user_bits) / page_bytes * ENTRY_BYTES;
}
