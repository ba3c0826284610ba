/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cgroup.h"
#include "core/machine_free.h"
#include "core/ram_private.h"

#define READ_BYTES     ((size_t)64 * 1024)
#define READ_MAX_BYTES ((size_t)16 * 1024 * 1024) /* zoneinfo has some lines for each CPU in each zone */

const char *const mv_meminfo_names[MV_MEM__N] = {
#define X(id, name) [MV_MEM_##id] = (name),
    MV_MEMINFO(X)
#undef X
};
const char *const mv_vmstat_names[MV_VMSTAT__N] = {
#define X(id, name) [MV_VMSTAT_##id] = (name),
    MV_VMSTAT(X)
#undef X
};

/* What these begin like, they are not a part of: reclaim is told by who did it and, since 5.9, once more by
 * what it was. */
static const char *const apart[] = {"pgscan_direct_throttle", "pgsteal_anon", "pgsteal_file"};

enum mv_why ram_why(ssize_t error)
{
	switch (error) {
	case -ENOENT:
	case -EOPNOTSUPP: /* PSI, switched off at boot */
		return MV_WHY_NO_KERNEL;
	case -EACCES:
	case -EPERM:
		return MV_WHY_NEEDS_ROOT;
	case -ENOMEM:
		return MV_WHY_NO_MEMORY;
	default:
		return MV_WHY_IO;
	}
}

size_t ram_word(struct mv_scan *line, const char **ret_word)
{
	mv_scan_spaces(line);
	*ret_word = line->at;
	while (line->at < line->end && *line->at != ' ' && *line->at != '\t')
		line->at++;
	return (size_t)(line->at - *ret_word);
}

struct mv_val ram_number(struct mv_source *source, const char *name)
{
	char text[64];
	ssize_t n = mv_source_read(source, name, text, sizeof(text));
	struct mv_scan scan = {text, text + (n > 0 ? n : 0)};
	uint64_t value;

	if (n < 0)
		return mv_val_missing(ram_why(n));
	return mv_scan_dec(&scan, &value) ? mv_val_of(value) : mv_val_missing(MV_WHY_MALFORMED);
}

/* ---- meminfo, vmstat ---- */

void mv_meminfo_parse(const char *text, size_t len, struct mv_val ret_values[static MV_MEM__N])
{
	struct mv_scan all = {text, text + len}, line;
	size_t next = 0; /* names come mostly in our order */

	while (mv_scan_line(&all, &line)) {
		const char *colon = memchr(line.at, ':', (size_t)(line.end - line.at));
		size_t name_len = colon ? (size_t)(colon - line.at) : 0, id;
		uint64_t value;

		for (id = 0; id < MV_MEM__N; id++) {
			const char *name = mv_meminfo_names[(next + id) % MV_MEM__N];

			if (name_len && ram_is(line.at, name_len, name, strlen(name)))
				break;
		}
		if (id == MV_MEM__N)
			continue;
		id = (next + id) % MV_MEM__N;
		next = id + 1;
		line.at = colon + 1;
		mv_scan_spaces(&line);
		if (!mv_scan_dec(&line, &value))
			continue;
		mv_scan_spaces(&line);
		if (line.end - line.at >= 2 && !memcmp(line.at, "kB", 2) &&
		    __builtin_mul_overflow(value, UINT64_C(1024), &value))
			continue;
		ret_values[id] = mv_val_of(value);
	}
}

/* A counter's name without the * at its end; whether it has one. */
struct pattern {
	const char *name;
	size_t len;
	bool is_start;
};

static void make_patterns(struct pattern patterns[static MV_VMSTAT__N])
{
	for (size_t i = 0; i < MV_VMSTAT__N; i++) {
		size_t len = strlen(mv_vmstat_names[i]);
		bool is_start = mv_vmstat_names[i][len - 1] == '*';

		patterns[i] = (struct pattern){mv_vmstat_names[i], len - is_start, is_start};
	}
}

static size_t find_counter(const struct pattern patterns[static MV_VMSTAT__N], const char *name, size_t len)
{
	for (size_t i = 0; i < MV_VMSTAT__N; i++) {
		const struct pattern *p = &patterns[i];

		if (len < p->len || (!p->is_start && len > p->len) || memcmp(name, p->name, p->len) != 0)
			continue;
		for (size_t k = 0; k < MV_COUNT_OF(apart); k++) {
			if (ram_is(name, len, apart[k], strlen(apart[k])))
				return MV_VMSTAT__N;
		}
		return i;
	}
	return MV_VMSTAT__N;
}

void mv_vmstat_parse(const char *text, size_t len, struct mv_val ret_values[static MV_VMSTAT__N])
{
	struct mv_scan all = {text, text + len}, line;
	struct pattern patterns[MV_VMSTAT__N];
	uint64_t sums[MV_VMSTAT__N] = {0};
	bool seen[MV_VMSTAT__N] = {0};

	make_patterns(patterns);
	while (mv_scan_line(&all, &line)) {
		const char *name;
		size_t name_len = ram_word(&line, &name);
		size_t id = find_counter(patterns, name, name_len);
		uint64_t value;

		mv_scan_spaces(&line);
		if (id == MV_VMSTAT__N || !mv_scan_dec(&line, &value))
			continue;
		sums[id] += value;
		seen[id] = true;
	}
	for (size_t i = 0; i < MV_VMSTAT__N; i++) {
		if (seen[i])
			ret_values[i] = mv_val_of(sums[i]);
	}
}

/* ---- swaps, pressure ---- */

/* "Filename Type Size Used Priority" below a heading; blanks in a name are escaped. */
void mv_swaps_parse(const char *text, size_t len, struct mv_ram *ram)
{
	struct mv_scan all = {text, text + len}, line;

	mv_scan_line(&all, &line); /* the heading */
	while (mv_scan_line(&all, &line) && ram->swaps_count < MV_SWAPS) {
		struct mv_swap swap = {0};
		const char *name, *kind;
		size_t name_len = ram_word(&line, &name), kind_len;
		uint64_t size, used, priority;
		bool negative;

		kind_len = ram_word(&line, &kind);
		mv_scan_spaces(&line);
		if (!name_len || !mv_scan_dec(&line, &size))
			continue;
		mv_scan_spaces(&line);
		if (!mv_scan_dec(&line, &used))
			continue;
		mv_scan_spaces(&line);
		negative = mv_scan_char(&line, '-');
		if (!mv_scan_dec(&line, &priority) || priority > INT32_MAX || size > UINT64_MAX / 1024 ||
		    used > UINT64_MAX / 1024)
			continue;
		memcpy(swap.name, name, name_len < sizeof(swap.name) ? name_len : sizeof(swap.name) - 1);
		for (size_t i = 0; i < kind_len && i < sizeof(swap.kind) - 1; i++)
			swap.kind[i] = (char)(kind[i] >= 'a' && kind[i] <= 'z' ? kind[i] : '?');
		swap.size_bytes = size * 1024;
		swap.used_bytes = used * 1024;
		swap.priority = negative ? -(int32_t)priority : (int32_t)priority;
		swap.zram = strstr(swap.name, "/zram") != NULL;
		ram->swaps[ram->swaps_count++] = swap;
	}
}

/* "12.34" as 1234. */
static bool scan_hundredths(struct mv_scan *line, uint32_t *ret_value)
{
	uint64_t whole, part;

	if (!mv_scan_dec(line, &whole) || !mv_scan_char(line, '.') || line->end - line->at < 2 ||
	    !mv_scan_dec(line, &part) || whole > 100 || part > 99)
		return false;
	*ret_value = (uint32_t)(whole * 100 + part);
	return true;
}

static bool skip(struct mv_scan *line, const char *text)
{
	size_t len = strlen(text);

	mv_scan_spaces(line);
	if ((size_t)(line->end - line->at) < len || memcmp(line->at, text, len) != 0)
		return false;
	line->at += len;
	return true;
}

void mv_psi_parse(const char *text, size_t len, struct mv_psi *ret_some, struct mv_psi *ret_full)
{
	struct mv_scan all = {text, text + len}, line;

	while (mv_scan_line(&all, &line)) {
		struct mv_psi psi = {.why = MV_WHY_HAVE}, *to = ret_some;

		if (!skip(&line, "some ")) {
			to = ret_full;
			if (!skip(&line, "full "))
				continue;
		}
		if (skip(&line, "avg10=") && scan_hundredths(&line, &psi.avg10) && skip(&line, "avg60=") &&
		    scan_hundredths(&line, &psi.avg60) && skip(&line, "avg300=") &&
		    scan_hundredths(&line, &psi.avg300) && skip(&line, "total=") &&
		    mv_scan_dec(&line, &psi.total_us))
			*to = psi;
	}
}

/* ---- all of it ---- */

/* A buffer that grows with the largest file. */
struct text {
	char *at;
	size_t cap;
};

static ssize_t read_text(struct mv_source *source, const char *name, struct text *text)
{
	for (;;) {
		ssize_t n = mv_source_read(source, name, text->at, text->cap);
		char *grown;

		if (n != -E2BIG || text->cap >= READ_MAX_BYTES)
			return n;
		grown = realloc(text->at, text->cap * 4);
		if (!grown)
			return -ENOMEM;
		text->at = grown;
		text->cap *= 4;
	}
}

static void miss_values(struct mv_val *values, size_t count, ssize_t error)
{
	for (size_t i = 0; i < count; i++)
		values[i] = mv_val_missing(error < 0 ? ram_why(error) : MV_WHY_NO_KERNEL);
}

/* The two that rates and free's figures come from lie next to each other in time. */
static int read_counters(struct mv_source *source, struct mv_ram *ram, struct text *text)
{
	ssize_t n;

	ram->at_ns = mv_source_now(source);
	n = read_text(source, "vmstat", text);
	miss_values(ram->vmstat, MV_VMSTAT__N, n);
	if (n > 0)
		mv_vmstat_parse(text->at, (size_t)n, ram->vmstat);
	n = read_text(source, "meminfo", text);
	if (n < 0)
		return (int)n;
	miss_values(ram->meminfo, MV_MEM__N, n);
	mv_meminfo_parse(text->at, (size_t)n, ram->meminfo);
	if (mv_source_is_live(source))
		mv_machine_free_read(&ram->free_used, &ram->free_cached);
	return 0;
}

static void read_zones(struct mv_source *source, struct mv_ram *ram, struct text *text)
{
	ssize_t n = read_text(source, "zoneinfo", text);
	ssize_t found = n;

	if (n > 0)
		mv_zoneinfo_parse(text->at, (size_t)n, ram);
	n = read_text(source, "buddyinfo", text);
	if (n > 0)
		mv_buddyinfo_parse(text->at, (size_t)n, ram);
	ram->zones_why = ram->zones_count ? MV_WHY_HAVE : found < 0 ? ram_why(found) : MV_WHY_MALFORMED;
}

static void read_pressure(struct mv_source *source, struct mv_ram *ram, struct text *text)
{
	ssize_t n = read_text(source, "pressure/memory", text);

	ram->some.why = ram->full.why = n < 0 ? ram_why(n) : MV_WHY_MALFORMED;
	if (n > 0)
		mv_psi_parse(text->at, (size_t)n, &ram->some, &ram->full);
}

static void read_swaps(struct mv_source *source, struct mv_ram *ram, struct text *text)
{
	ssize_t n = read_text(source, "swaps", text);

	ram->swaps_why = n < 0 ? ram_why(n) : MV_WHY_HAVE;
	if (n > 0)
		mv_swaps_parse(text->at, (size_t)n, ram);
}

/* "Y" or "N". */
static struct mv_val read_switch(struct mv_source *source, const char *name)
{
	char text[16];
	ssize_t n = mv_source_read(source, name, text, sizeof(text));

	if (n < 0)
		return mv_val_missing(ram_why(n));
	return *text == 'Y' || *text == 'N' ? mv_val_of(*text == 'Y') : mv_val_missing(MV_WHY_MALFORMED);
}

int mv_ram_read(struct mv_source *source, struct mv_ram *ret_ram)
{
	struct text text = {malloc(READ_BYTES), READ_BYTES};
	struct mv_ram ram = {0};
	struct mv_cgroup own;
	int err;

	if (!text.at)
		return -ENOMEM;
	err = read_counters(source, &ram, &text);
	if (!err) {
		read_zones(source, &ram, &text);
		read_pressure(source, &ram, &text);
		read_swaps(source, &ram, &text);
		ram_read_nodes(source, &ram);
		ram_read_huge(source, &ram);
		ram.overcommit = ram_number(source, "sys/vm/overcommit_memory");
		ram.swappiness = ram_number(source, "sys/vm/swappiness");
		ram.zswap_on = read_switch(source, "module/zswap/parameters/enabled");
		mv_cgroup_read_own(source, &own);
		ram.container_limit = own.limit_bytes;
		ram.container_usage = own.usage_bytes;
		*ret_ram = ram;
	}
	free(text.at);
	return err;
}
