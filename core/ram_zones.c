/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ram_private.h"

/* "Node 0, zone   Normal": what comes after it is left in line. */
static bool scan_zone(struct mv_scan *line, uint32_t *ret_node, char name[static 12])
{
	const char *word;
	uint64_t node;
	size_t len;

	if (ram_word(line, &word) != 4 || memcmp(word, "Node", 4) != 0)
		return false;
	mv_scan_spaces(line);
	if (!mv_scan_dec(line, &node) || node > UINT32_MAX || !mv_scan_char(line, ',') ||
	    ram_word(line, &word) != 4 || memcmp(word, "zone", 4) != 0)
		return false;
	len = ram_word(line, &word);
	if (!len || len >= 12)
		return false;
	memset(name, 0, 12);
	for (size_t i = 0; i < len; i++)
		name[i] = (char)((word[i] >= '0' && word[i] <= '9') || (word[i] >= 'A' && word[i] <= 'Z') ||
					 (word[i] >= 'a' && word[i] <= 'z')
				     ? word[i]
				     : '?');
	*ret_node = (uint32_t)node;
	return true;
}

static struct mv_zone *find_zone(struct mv_ram *ram, uint32_t node, const char *name)
{
	for (uint32_t i = 0; i < ram->zones_count; i++) {
		if (ram->zones[i].node == node && !strcmp(ram->zones[i].name, name))
			return &ram->zones[i];
	}
	return NULL;
}

static struct mv_zone *add_zone(struct mv_ram *ram, uint32_t node, const char *name)
{
	struct mv_zone *zone = ram->zones_count < MV_ZONES ? &ram->zones[ram->zones_count] : NULL;

	if (!zone)
		return NULL;
	ram->zones_count++;
	*zone = (struct mv_zone){.node = node};
	memcpy(zone->name, name, sizeof(zone->name));
	return zone;
}

/* "pages free 2816", "min 16", "start_pfn: 1"; pagesets have "high:" too, with a colon. */
static void take_zone_line(struct mv_scan line, struct mv_zone *zone)
{
	const char *word;
	size_t len = ram_word(&line, &word);
	uint64_t value;
	const struct {
		const char *name;
		uint64_t *to;
	} fields[] = {{"free", &zone->free},	   {"min", &zone->min},
		      {"low", &zone->low},	   {"high", &zone->high},
		      {"spanned", &zone->spanned}, {"present", &zone->present},
		      {"managed", &zone->managed}, {"start_pfn:", &zone->start_pfn}};

	if (ram_is(word, len, "pages", 5))
		len = ram_word(&line, &word);
	mv_scan_spaces(&line);
	if (!len || !mv_scan_dec(&line, &value))
		return;
	for (size_t i = 0; i < MV_COUNT_OF(fields); i++) {
		if (ram_is(word, len, fields[i].name, strlen(fields[i].name)))
			*fields[i].to = value;
	}
}

/* Each node names all kinds of zones; those without a page of RAM are none. */
static void drop_empty(struct mv_ram *ram)
{
	if (ram->zones_count && !ram->zones[ram->zones_count - 1].present)
		ram->zones_count--;
}

void mv_zoneinfo_parse(const char *text, size_t len, struct mv_ram *ram)
{
	struct mv_scan all = {text, text + len}, line;
	struct mv_zone *zone = NULL;

	while (mv_scan_line(&all, &line)) {
		char name[12];
		uint32_t node;

		if (line.at < line.end && *line.at == 'N' && scan_zone(&line, &node, name)) {
			drop_empty(ram);
			zone = add_zone(ram, node, name);
		} else if (zone) {
			take_zone_line(line, zone);
		}
	}
	drop_empty(ram);
}

void mv_buddyinfo_parse(const char *text, size_t len, struct mv_ram *ram)
{
	struct mv_scan all = {text, text + len}, line;

	while (mv_scan_line(&all, &line)) {
		struct mv_zone *zone;
		char name[12];
		uint32_t node;
		uint64_t blocks;

		if (!scan_zone(&line, &node, name))
			continue;
		zone = find_zone(ram, node, name);
		if (!zone)
			zone = add_zone(ram, node, name); /* zoneinfo could not be read */
		if (!zone)
			continue;
		zone->orders = 0;
		while (zone->orders < MV_ORDERS) {
			mv_scan_spaces(&line);
			if (!mv_scan_dec(&line, &blocks))
				break;
			zone->blocks[zone->orders++] = blocks;
		}
	}
}

/* "Node 0 MemTotal: 7340032 kB" */
static void take_node_meminfo(const char *text, size_t len, struct mv_node *node)
{
	struct mv_scan all = {text, text + len}, line;
	const struct {
		const char *name;
		uint64_t *to;
	} fields[] = {{"MemTotal:", &node->total_bytes},
		      {"MemFree:", &node->free_bytes},
		      {"FilePages:", &node->file_bytes},
		      {"AnonPages:", &node->anon_bytes},
		      {"Slab:", &node->slab_bytes}};

	while (mv_scan_line(&all, &line)) {
		const char *word;
		uint64_t value;
		size_t n;

		ram_word(&line, &word); /* Node */
		ram_word(&line, &word); /* its number */
		n = ram_word(&line, &word);
		mv_scan_spaces(&line);
		if (!n || !mv_scan_dec(&line, &value) || value > UINT64_MAX / 1024)
			continue;
		for (size_t i = 0; i < MV_COUNT_OF(fields); i++) {
			if (ram_is(word, n, fields[i].name, strlen(fields[i].name)))
				*fields[i].to = value * 1024;
		}
	}
}

static void take_numastat(const char *text, size_t len, struct mv_node *node)
{
	struct mv_scan all = {text, text + len}, line;
	const struct {
		const char *name;
		struct mv_val *to;
	} fields[] = {{"numa_hit", &node->hit}, {"numa_miss", &node->miss}, {"numa_foreign", &node->foreign}};

	while (mv_scan_line(&all, &line)) {
		const char *word;
		size_t n = ram_word(&line, &word);
		uint64_t value;

		mv_scan_spaces(&line);
		if (!n || !mv_scan_dec(&line, &value))
			continue;
		for (size_t i = 0; i < MV_COUNT_OF(fields); i++) {
			if (ram_is(word, n, fields[i].name, strlen(fields[i].name)))
				*fields[i].to = mv_val_of(value);
		}
	}
}

static bool read_node(struct mv_source *source, uint32_t number, struct mv_node *ret_node)
{
	struct mv_node node = {.node = number};
	char path[64], text[8192];
	ssize_t n;

	snprintf(path, sizeof(path), "node/node%u/meminfo", number);
	n = mv_source_read(source, path, text, sizeof(text));
	if (n <= 0)
		return false;
	take_node_meminfo(text, (size_t)n, &node);
	snprintf(path, sizeof(path), "node/node%u/numastat", number);
	n = mv_source_read(source, path, text, sizeof(text));
	node.hit = node.miss = node.foreign = mv_val_missing(n < 0 ? ram_why(n) : MV_WHY_NO_KERNEL);
	if (n > 0)
		take_numastat(text, (size_t)n, &node);
	*ret_node = node;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct mv_node *x = a, *y = b;

	return (x->node > y->node) - (x->node < y->node);
}

/* The number at the end of "node12", "hugepages-2048kB"; false when the name is another. */
static bool scan_number(const char *name, const char *before, const char *after, uint64_t *ret_number)
{
	const size_t len = strlen(before);
	struct mv_scan scan = {name, name + strlen(name)};

	if (strncmp(name, before, len) != 0)
		return false;
	scan.at += len;
	return mv_scan_dec(&scan, ret_number) && !strcmp(scan.at, after);
}

void ram_read_nodes(struct mv_source *source, struct mv_ram *ram)
{
	char *names = NULL, *name;
	ssize_t count = mv_source_list(source, "node", &names);
	enum mv_why why = ram_why(count);

	ram->nodes_why = count >= 0 ? MV_WHY_HAVE : why == MV_WHY_NO_KERNEL ? MV_WHY_NOT_HERE : why;
	name = names;
	for (ssize_t i = 0; i < count && ram->nodes_count < MV_NODES; i++, name += strlen(name) + 1) {
		uint64_t number;

		if (scan_number(name, "node", "", &number) && number <= UINT32_MAX &&
		    read_node(source, (uint32_t)number, &ram->nodes[ram->nodes_count]))
			ram->nodes_count++;
	}
	qsort(ram->nodes, ram->nodes_count, sizeof(*ram->nodes), by_number);
	free(names);
}

static uint64_t read_pool(struct mv_source *source, const char *size, const char *file)
{
	char path[128];
	struct mv_val value;

	snprintf(path, sizeof(path), "mm/hugepages/%s/%s", size, file);
	value = ram_number(source, path);
	return mv_have(&value) ? value.value : 0;
}

static int by_page(const void *a, const void *b)
{
	const struct mv_huge_pool *x = a, *y = b;

	return (x->page_bytes > y->page_bytes) - (x->page_bytes < y->page_bytes);
}

void ram_read_huge(struct mv_source *source, struct mv_ram *ram)
{
	char *names = NULL, *name;
	ssize_t count = mv_source_list(source, "mm/hugepages", &names);

	ram->huge_why = count < 0 ? ram_why(count) : MV_WHY_HAVE;
	name = names;
	for (ssize_t i = 0; i < count && ram->huge_count < MV_HUGE_SIZES; i++, name += strlen(name) + 1) {
		uint64_t kib;

		if (!scan_number(name, "hugepages-", "kB", &kib) || kib > UINT64_MAX / 1024 ||
		    strlen(name) > 64)
			continue;
		ram->huge[ram->huge_count++] = (struct mv_huge_pool){
		    .page_bytes = kib * 1024,
		    .total = read_pool(source, name, "nr_hugepages"),
		    .free = read_pool(source, name, "free_hugepages"),
		    .reserved = read_pool(source, name, "resv_hugepages"),
		    .surplus = read_pool(source, name, "surplus_hugepages"),
		};
	}
	qsort(ram->huge, ram->huge_count, sizeof(*ram->huge), by_page);
	free(names);
}
