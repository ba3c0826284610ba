/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/leaks_private.h"

/*
 * The results as a file: the helper writes it, the caller maps it when the helper has ended. Where the helper
 * had pointers there are offsets. Arrays begin at multiples of 16.
 */

struct writer {
	int fd;
	uint64_t at;
	int error;
};

static void write_at(struct writer *w, const void *from, uint64_t bytes, uint64_t at)
{
	for (uint64_t done = 0; !w->error && done < bytes;) {
		ssize_t n = pwrite(w->fd, (const char *)from + done, bytes - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			w->error = n < 0 ? -errno : -EIO;
		else
			done += (uint64_t)n;
	}
}

/* Returns the offset, as the pointer that it becomes. */
static void *append(struct writer *w, const void *from, uint64_t bytes)
{
	const uint64_t at = w->at;

	if (!bytes || !from)
		return NULL;
	write_at(w, from, bytes, at);
	w->at = (at + bytes + 15) & ~UINT64_C(15);
	return (void *)(uintptr_t)at;
}

static uint64_t index_entries(const struct mv_heap_region *region)
{
	return region->index ? (region->end - region->start + 511) / 512 : 0;
}

static void append_index(struct writer *w, const struct mv_heap *heap, struct mv_heap_region *regions)
{
	for (size_t i = 0; i < heap->region_count; i++) {
		regions[i] = heap->regions[i];
		regions[i].index =
		    append(w, heap->regions[i].index, index_entries(&heap->regions[i]) * sizeof(uint32_t));
	}
}

static int append_heap(struct writer *w, const struct mv_heap *from, bool want_blocks, struct mv_heap *to)
{
	struct mv_heap_region *regions = NULL;

	*to = *from;
	to->index_memory = NULL;
	to->index_room = to->region_room = to->arena_room = to->block_room = 0;
	to->arenas = append(w, from->arenas, from->arena_count * sizeof(*from->arenas));
	to->blocks = NULL;
	to->regions = NULL;
	if (!want_blocks)
		return 0;
	regions = calloc(from->region_count + 1, sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	append_index(w, from, regions);
	to->blocks = append(w, from->blocks, from->block_count * sizeof(*from->blocks));
	to->regions = append(w, regions, from->region_count * sizeof(*regions));
	free(regions);
	return 0;
}

int leaks_write(int fd, const struct mv_leaks *leaks, const struct mv_leaks_options *options)
{
	struct leaks_file *file = calloc(1, sizeof(*file));
	struct writer w = {.fd = fd, .at = (sizeof(*file) + 15) & ~(uint64_t)15};
	int r;

	if (!file)
		return -ENOMEM;
	file->leaks = *leaks;
	r = append_heap(&w, &leaks->heap, options->want_blocks && leaks->why == MV_LEAKS_WHY_NONE,
			&file->leaks.heap);
	file->leaks.groups = append(&w, leaks->groups, leaks->groups_count * sizeof(*leaks->groups));
	file->leaks.links = append(&w, leaks->links, leaks->links_count * sizeof(*leaks->links));
	file->leaks.lost_blocks =
	    append(&w, leaks->lost_blocks, leaks->lost.blocks * sizeof(*leaks->lost_blocks));
	file->bytes = w.at;
	write_at(&w, file, sizeof(*file), 0);
	if (!w.error && ftruncate(fd, (off_t)w.at) < 0)
		w.error = -errno;
	free(file);
	return r < 0 ? r : w.error;
}

/* An offset becomes a pointer, if all of the array lies in the file. */
static bool point(const struct leaks_file *file, size_t bytes, const void *offset, uint64_t count,
		  size_t each, const void **ret_pointer)
{
	const uint64_t at = (uintptr_t)offset;

	*ret_pointer = NULL;
	if (!at)
		return true;
	if (at % 16 || at > bytes || count > (bytes - at) / each)
		return false;
	*ret_pointer = (const char *)file + at;
	return true;
}

static bool point_heap(struct leaks_file *file, size_t bytes)
{
	struct mv_heap *h = &file->leaks.heap;
	bool good =
	    point(file, bytes, h->arenas, h->arena_count, sizeof(*h->arenas), (const void **)&h->arenas) &&
	    point(file, bytes, h->blocks, h->block_count, sizeof(*h->blocks), (const void **)&h->blocks) &&
	    point(file, bytes, h->regions, h->region_count, sizeof(*h->regions), (const void **)&h->regions);

	for (size_t i = 0; good && h->regions && i < h->region_count; i++) {
		struct mv_heap_region *r = &h->regions[i];
		const uint64_t entries = r->index ? (r->end - r->start + 511) / 512 : 0;

		good = r->first <= h->block_count && r->count <= h->block_count - r->first &&
		       point(file, bytes, r->index, entries, sizeof(*r->index), (const void **)&r->index);
	}
	return good;
}

int leaks_check(struct leaks_file *file, size_t bytes)
{
	struct mv_leaks *l = &file->leaks;

	if (bytes < sizeof(*file) || file->bytes > bytes)
		return -EBADMSG;
	if (!point_heap(file, bytes) ||
	    !point(file, bytes, l->groups, l->groups_count, sizeof(*l->groups), (const void **)&l->groups) ||
	    !point(file, bytes, l->links, l->links_count, sizeof(*l->links), (const void **)&l->links) ||
	    !point(file, bytes, l->lost_blocks, l->lost.blocks, sizeof(*l->lost_blocks),
		   (const void **)&l->lost_blocks))
		return -EBADMSG;
	return 0;
}
