/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/atlas_private.h"
#include "core/text.h"

/* Where there is RAM: zones, and in them what iomem calls System RAM. */

#define IOMEM_MAX_BYTES ((size_t)4 << 20)

void atlas_layout_forget(struct mv_atlas *a)
{
	atlas_lit_forget(a);
	free(a->stretches);
	free(a->parts);
	free(a->uses);
	free(a->blocks);
	a->stretches = NULL;
	a->parts = NULL;
	a->uses = NULL;
	a->blocks = NULL;
	a->count = 0;
	a->frames = a->blocks_count = 0;
	a->layout_key = 0;
	a->round_at = a->round_ns = 0;
	a->window_done = false;
	a->window_at = a->window_start;
	a->tail_at = UINT64_MAX;
	memset(a->counts, 0, sizeof(a->counts));
	memset(a->told, 0, sizeof(a->told));
}

struct layout {
	struct mv_atlas_stretch *stretches;
	struct atlas_part *parts;
	size_t count, cap;
	uint64_t frames, blocks;
};

static int add_stretch(struct layout *l, struct mv_atlas_stretch stretch)
{
	uint64_t floor = l->count ? l->stretches[l->count - 1].end : 0;

	if (stretch.start < floor) /* zones of several nodes that lie in one another */
		stretch.start = floor;
	if (stretch.start >= stretch.end)
		return 0;
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		struct mv_atlas_stretch *stretches = reallocarray(l->stretches, cap, sizeof(*stretches));
		struct atlas_part *parts;

		if (!stretches)
			return -ENOMEM;
		l->stretches = stretches;
		parts = reallocarray(l->parts, cap, sizeof(*parts));
		if (!parts)
			return -ENOMEM;
		l->parts = parts;
		l->cap = cap;
	}
	l->stretches[l->count] = stretch;
	l->parts[l->count] = (struct atlas_part){.frame = l->frames, .block = l->blocks};
	l->count++;
	l->frames += stretch.end - stretch.start;
	l->blocks += (stretch.end - 1) / ATLAS_BLOCK - stretch.start / ATLAS_BLOCK + 1;
	return 0;
}

/* "00001000-0009fbff : System RAM", indented below a bus or a device; "System RAM (kmem)" counts, too. */
static bool parse_ram(struct mv_scan line, struct mv_range *ret_bytes)
{
	static const char name[] = "System RAM";
	struct mv_range bytes;

	mv_scan_spaces(&line);
	if (!mv_scan_hex(&line, &bytes.start) || !mv_scan_char(&line, '-') || !mv_scan_hex(&line, &bytes.end))
		return false;
	mv_scan_spaces(&line);
	if (!mv_scan_char(&line, ':'))
		return false;
	mv_scan_spaces(&line);
	if ((size_t)(line.end - line.at) < sizeof(name) - 1 || memcmp(line.at, name, sizeof(name) - 1) != 0 ||
	    bytes.end <= bytes.start || bytes.end == UINT64_MAX)
		return false;
	bytes.end++;
	*ret_bytes = bytes;
	return true;
}

/* The whole of iomem; NULL when there is none. */
static char *load_iomem(struct mv_source *source, size_t *ret_len)
{
	char *text = NULL;
	ssize_t n = -E2BIG;

	for (size_t cap = (size_t)64 << 10; n == -E2BIG && cap <= IOMEM_MAX_BYTES; cap *= 4) {
		char *grown = realloc(text, cap);

		if (!grown)
			break;
		text = grown;
		n = mv_source_read(source, "iomem", text, cap);
	}
	if (n < 0) {
		free(text);
		return NULL;
	}
	*ret_len = (size_t)n;
	return text;
}

/* The parts of one zone that are RAM: of a frame that is half something else there is none. */
static int lay_out_zone(struct mv_atlas *a, struct layout *l, const struct mv_zone *zone, uint32_t index,
			const char *iomem, size_t len)
{
	const uint64_t page_bytes = mv_source_page_bytes(a->source), end = zone->start_pfn + zone->spanned;
	const size_t before = l->count;
	struct mv_scan all = {iomem, iomem + len}, line;
	int err = 0;

	while (!err && iomem && mv_scan_line(&all, &line)) {
		struct mv_atlas_stretch stretch = {.node = zone->node, .zone = index};
		struct mv_range bytes;

		if (!parse_ram(line, &bytes))
			continue;
		stretch.start = (bytes.start + page_bytes - 1) / page_bytes;
		stretch.end = bytes.end / page_bytes;
		if (stretch.start < zone->start_pfn)
			stretch.start = zone->start_pfn;
		if (stretch.end > end)
			stretch.end = end;
		if (stretch.start < stretch.end)
			err = add_stretch(l, stretch);
	}
	/* Without rights iomem has noughts for addresses; then kpageflags is refused as well. */
	if (!err && l->count == before)
		err = add_stretch(l, (struct mv_atlas_stretch){zone->start_pfn, end, zone->node, index});
	if (l->count > before)
		l->parts[l->count - 1].last = true;
	return err;
}

static uint64_t mix(uint64_t key, uint64_t value)
{
	return (key ^ value) * UINT64_C(0x100000001b3) + 1;
}

static uint64_t key_of(const struct mv_ram *ram)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325);

	for (uint32_t i = 0; i < ram->zones_count; i++) {
		key = mix(key, ram->zones[i].start_pfn);
		key = mix(key, ram->zones[i].spanned);
		key = mix(key, ram->zones[i].present);
		key = mix(key, ram->zones[i].node);
	}
	return key;
}

/* What changes without the layout: how much the allocator has been given, and is to be given. */
static void note_managed(struct mv_atlas *a, const struct mv_ram *ram)
{
	const struct mv_val *total = &ram->meminfo[MV_MEM_TOTAL];
	uint64_t managed = 0, frames = mv_have(total) ? total->value / mv_source_page_bytes(a->source) : 0;

	for (uint32_t i = 0; i < ram->zones_count; i++)
		managed += ram->zones[i].managed;
	a->owed = frames > managed ? frames - managed : 0;
	for (size_t i = 0; i < a->count; i++) {
		const struct mv_zone *zone = &ram->zones[a->stretches[i].zone];

		a->parts[i].unmanaged = zone->present > zone->managed ? zone->present - zone->managed : 0;
	}
}

/* Indices of zones with RAM, by address. */
static size_t sort_zones(const struct mv_ram *ram, uint32_t order[static MV_ZONES])
{
	size_t n = 0;

	for (uint32_t i = 0; i < ram->zones_count && i < MV_ZONES; i++) {
		size_t at = n;

		if (!ram->zones[i].present || !ram->zones[i].spanned)
			continue;
		while (at > 0 && ram->zones[order[at - 1]].start_pfn > ram->zones[i].start_pfn) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = i;
		n++;
	}
	return n;
}

int mv_atlas_lay_out(struct mv_atlas *atlas, const struct mv_ram *ram)
{
	const uint64_t key = key_of(ram);
	struct layout l = {0};
	uint32_t order[MV_ZONES];
	size_t zones, len = 0;
	char *iomem;
	int err = 0;

	if (key == atlas->layout_key) {
		note_managed(atlas, ram);
		return 0;
	}
	atlas_layout_forget(atlas);
	iomem = load_iomem(atlas->source, &len);
	zones = sort_zones(ram, order);
	for (size_t i = 0; !err && i < zones; i++)
		err = lay_out_zone(atlas, &l, &ram->zones[order[i]], order[i], iomem, len);
	free(iomem);
	atlas->stretches = l.stretches;
	atlas->parts = l.parts;
	if (!err && l.frames) {
		atlas->uses = malloc(l.frames);
		atlas->blocks = calloc(l.blocks, sizeof(*atlas->blocks));
		if (!atlas->uses || !atlas->blocks)
			err = -ENOMEM;
	}
	if (err) {
		atlas_layout_forget(atlas);
		return err;
	}
	if (l.frames)
		memset(atlas->uses, ATLAS_UNREAD, l.frames);
	atlas->count = l.count;
	atlas->frames = l.frames;
	atlas->blocks_count = l.blocks;
	atlas->layout_key = key;
	note_managed(atlas, ram);
	return 0;
}
