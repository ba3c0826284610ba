/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/snapbuild.h"

/* The sections of the heap, behind the rest of a snapshot. */

/* Rows at the block's end; which is the section's offset in struct mv_snapshot. Returns where they are. */
static void *append(struct mv_snapshot **s, size_t which, const void *rows, size_t count, size_t size)
{
	uint64_t at = (*s)->length;
	size_t bytes = (count * size + 7) & ~(size_t)7;
	struct mv_section *sec;

	*s = realloc(*s, at + bytes);
	if (!*s)
		abort();
	memset((char *)*s + at, 0, bytes);
	if (rows && count)
		memcpy((char *)*s + at, rows, count * size);
	(*s)->length = at + bytes;
	sec = (struct mv_section *)(void *)((char *)*s + which);
	*sec = (struct mv_section){.offset = at, .count = count};
	return (char *)*s + at;
}
#define APPEND(s, name, rows, count, size) append(s, offsetof(struct mv_snapshot, name), rows, count, size)

/* Offset of a name among the names so far. */
static uint32_t add_text(char *text, uint32_t *len, const char *name)
{
	uint32_t at = *len;

	if (!name)
		return 0;
	strcpy(text + at, name);
	*len += (uint32_t)strlen(name) + 1;
	return at;
}

struct mv_snapshot *snapbuild_add_heap(struct mv_snapshot *s, const struct snapbuild_heap *h)
{
	size_t room = 1;
	uint32_t len = 1;
	struct mv_leak_group *groups;
	char *text;

	APPEND(&s, heap_arenas, h->arenas, h->arenas_count, sizeof(*h->arenas));
	APPEND(&s, heap_sizes, h->sizes, h->sizes_count, sizeof(*h->sizes));
	APPEND(&s, heap_stretches, h->stretches, h->stretches_count, sizeof(*h->stretches));
	APPEND(&s, heap_cells, h->cells, h->cells_count, sizeof(*h->cells));
	APPEND(&s, heap_marks, h->marks, h->marks_count, sizeof(*h->marks));
	APPEND(&s, heap_owners, h->owners, h->owners_count, sizeof(*h->owners));
	APPEND(&s, leak_links, h->links, h->links_count, sizeof(*h->links));
	for (size_t i = 0; i < h->groups_count; i++)
		room += (h->groups[i].name ? strlen(h->groups[i].name) + 1 : 0) +
			(h->groups[i].text ? strlen(h->groups[i].text) + 1 : 0);
	text = calloc(1, room);
	if (!text)
		abort();
	groups = APPEND(&s, leak_groups, NULL, h->groups_count, sizeof(*groups));
	for (size_t i = 0; i < h->groups_count; i++) {
		groups[i].g = h->groups[i].g;
		groups[i].name = add_text(text, &len, h->groups[i].name);
		groups[i].text = add_text(text, &len, h->groups[i].text);
	}
	APPEND(&s, heap_text, text, room, 1);
	free(text);
	return s;
}
