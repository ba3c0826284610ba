/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clean.h"
#include "core/symboliser_private.h"

#define PATH_BYTES 4096
#define VDSO_BYTES ((size_t)256 * 1024) /* it has two to four pages */

/* ---- opening ---- */

static int fd_of_bytes(const char *name, const void *bytes, size_t n)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < n) {
		ssize_t got = write(fd, (const char *)bytes + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			close(fd);
			return got < 0 ? -errno : -EIO;
		}
		done += (size_t)got;
	}
	return fd;
}

/* The vdso is no file: its pages, which the kernel keeps, are its image. */
static int copy_vdso(struct mv_symboliser *s, struct mv_range mapping)
{
	size_t bytes = (size_t)(mapping.end - mapping.start);
	void *copy;
	ssize_t n;
	int fd;

	if (bytes > VDSO_BYTES)
		return -ENOENT;
	copy = malloc(bytes);
	if (!copy)
		return -ENOMEM;
	n = mv_target_bytes(s->target, mapping.start, copy, bytes);
	fd = n < 0 ? (int)n : (size_t)n < bytes ? -EIO : fd_of_bytes("vdso", copy, bytes);
	free(copy);
	return fd;
}

int mv_symbols_open_image(struct mv_symboliser *s, struct mv_symbols_image *image)
{
	if (!s->target)
		return -ESRCH;
	if (image->vdso)
		return copy_vdso(s, image->mapping);
	return mv_target_open_image(s->target, image->mapping, image->map_inode,
				    image->path ? image->path : "");
}

int mv_symbols_open_debug(struct mv_symboliser *s, const struct mv_symbols_image *image)
{
	static const char folder[] = "usr/lib/debug/.build-id/";
	char path[sizeof(folder) + 2 * sizeof(image->debug.bytes) + sizeof("/.debug")];
	size_t len = sizeof(folder) - 1;

	if (!s->target)
		return -ESRCH;
	memcpy(path, folder, len);
	for (uint32_t i = 0; i < image->debug.len; i++) {
		len += (size_t)snprintf(path + len, sizeof(path) - len, "%02x%s", image->debug.bytes[i],
					i == 0 ? "/" : "");
	}
	snprintf(path + len, sizeof(path) - len, ".debug");
	return mv_target_open_debug(s->target, path);
}

int mv_symbols_maps_fd(const struct mv_symboliser *s)
{
	return fd_of_bytes("maps", s->maps, s->maps_count * sizeof(*s->maps));
}

/* ---- which file ---- */

static char *base_name(const char *clean)
{
	const char *slash = strrchr(clean, '/');

	return strdup(slash ? slash + 1 : clean);
}

/* As the kernel has it; NULL when it is no path that leads anywhere. */
static char *raw_path(const struct mv_maps *maps, const struct mv_mapping *m)
{
	const char *clean = maps->names ? maps->names + m->name : "";
	char raw[PATH_BYTES];

	if ((m->flags & MV_MAPPING_DELETED) || clean[0] != '/' || mv_clean_undo(clean, raw, sizeof(raw)) < 0)
		return NULL;
	return strdup(raw);
}

static bool is_same_file(const struct mv_symbols_image *a, const struct mv_symbols_image *b)
{
	return a->inode == b->inode && a->dev == b->dev && a->size == b->size && a->vdso == b->vdso &&
	       a->modified_s == b->modified_s && a->modified_ns == b->modified_ns &&
	       a->unreadable == b->unreadable;
}

/* Open it, and tell it by what can't be the same for another file, even one that got its inode's number. */
static void identify(struct mv_symboliser *s, struct mv_symbols_image *image)
{
	struct stat st;

	image->fd = mv_symbols_open_image(s, image);
	if (image->vdso && image->fd >= 0)
		return;
	if (image->fd < 0 || fstat(image->fd, &st) < 0) {
		image->unreadable = true;
		image->dev = (uint64_t)image->map_major << 32 | image->map_minor;
		image->inode = image->map_inode;
		return;
	}
	image->dev = (uint64_t)st.st_dev;
	image->inode = (uint64_t)st.st_ino;
	image->size = (uint64_t)st.st_size;
	image->modified_s = st.st_mtim.tv_sec;
	image->modified_ns = st.st_mtim.tv_nsec;
}

static void drop_image(struct mv_symbols_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	free(image->path);
	free(image->name);
}

/* A known file is mapped again, maybe elsewhere and under another name. */
static void take_again(struct mv_symbols_image *known, struct mv_symbols_image *fresh)
{
	free(known->path);
	known->path = fresh->path;
	known->mapping = fresh->mapping;
	known->map_major = fresh->map_major;
	known->map_minor = fresh->map_minor;
	known->map_inode = fresh->map_inode;
	if (known->fd >= 0)
		close(known->fd);
	known->fd = fresh->fd;
	fresh->path = NULL;
	fresh->fd = -1;
	drop_image(fresh);
}

/* The number of a file that was not mapped there before. MV_IMAGE_NONE: no room or memory for it. */
static uint32_t meet(struct mv_symboliser *s, const struct mv_maps *maps, const struct mv_mapping *m)
{
	struct mv_symbols_image fresh = {
	    .mapping = {m->start, m->end},
	    .map_major = m->dev_major,
	    .map_minor = m->dev_minor,
	    .map_inode = m->inode,
	    .vdso = m->kind == MV_KIND_VDSO,
	    .fd = -1,
	};

	fresh.path = raw_path(maps, m);
	fresh.name = base_name(maps->names ? maps->names + m->name : "");
	identify(s, &fresh);
	for (uint32_t i = 0; i < s->images_count; i++) {
		if (is_same_file(&s->images[i], &fresh)) {
			take_again(&s->images[i], &fresh);
			return i;
		}
	}
	if (!fresh.name || s->images_count >= MV_SYMBOLS_IDENTITIES ||
	    !mv_symbols_reserve(&s->images, &s->images_cap, s->images_count, sizeof(*s->images))) {
		drop_image(&fresh);
		return MV_IMAGE_NONE;
	}
	s->images[s->images_count] = fresh;
	return s->images_count++;
}

/*
 * The number of a mapping's file. One that was told at the same place and that maps as the same inode is the
 * same file: while it is mapped, its inode can't be given to another.
 */
static uint32_t image_of(struct mv_symboliser *s, const struct mv_maps *maps, const struct mv_mapping *m)
{
	uint32_t low = 0, high = s->maps_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->maps[middle].start < m->start)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < s->maps_count && s->maps[low].start == m->start && s->maps[low].image != MV_IMAGE_NONE) {
		struct mv_symbols_image *image = &s->images[s->maps[low].image];

		if (image->map_inode == m->inode && image->map_major == m->dev_major &&
		    image->map_minor == m->dev_minor && image->vdso == (m->kind == MV_KIND_VDSO)) {
			image->mapping = (struct mv_range){m->start, m->end};
			return s->maps[low].image;
		}
	}
	return meet(s, maps, m);
}

/* ---- the list ---- */

static bool has_image(const struct mv_mapping *m)
{
	return (m->flags & MV_MAPPING_FILE) || m->kind == MV_KIND_VDSO;
}

/* The image of each object that has code; the first executable mapping decides. */
static uint32_t *find_images(struct mv_symboliser *s, const struct mv_maps *maps)
{
	uint32_t *images = malloc((maps->object_count + 1u) * sizeof(*images));
	uint32_t found = 0;

	if (!images)
		return NULL;
	for (uint32_t i = 0; i <= maps->object_count; i++)
		images[i] = MV_IMAGE_NONE;
	for (uint32_t i = 0; i < maps->count && found < MV_SYMBOLS_IMAGES; i++) {
		const struct mv_mapping *m = &maps->at[i];

		if (!(m->perms & MV_PERM_X) || !has_image(m) || images[m->object] != MV_IMAGE_NONE)
			continue;
		images[m->object] = image_of(s, maps, m);
		found++;
	}
	return images;
}

/* Files with code, all their mappings; and code without a file. Returns how many; out may be NULL to count.
 */
static uint32_t fill_list(const struct mv_maps *maps, const uint32_t *images, struct mv_unwind_map *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < maps->count && n < MV_SYMBOLS_MAPS; i++) {
		const struct mv_mapping *m = &maps->at[i];
		uint32_t image = has_image(m) ? images[m->object] : MV_IMAGE_NONE;

		/* A file beyond what is taken is no generated code: better no code at all. */
		if (image == MV_IMAGE_NONE && (has_image(m) || !(m->perms & MV_PERM_X)))
			continue;
		if (m->kind == MV_KIND_VSYSCALL)
			continue;
		if (out)
			out[n] = (struct mv_unwind_map){m->start, m->end, m->offset, image, m->perms};
		n++;
	}
	return n;
}

/* Which images the list has. Those that it has no more are forgotten by memview-symbols too. */
static int mark_current(struct mv_symboliser *s, const struct mv_unwind_map *list, uint32_t count,
			bool *ret_vanished)
{
	bool *listed = calloc(s->images_count + 1u, sizeof(*listed));

	if (!listed)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		if (list[i].image != MV_IMAGE_NONE)
			listed[list[i].image] = true;
	}
	for (uint32_t i = 0; i < s->images_count; i++) {
		struct mv_symbols_image *image = &s->images[i];

		if (image->current && !listed[i]) {
			*ret_vanished = true;
			image->sent = image->debug_asked = image->debug_unsent = false;
			free(image->path);
			image->path = NULL;
		}
		if (!image->current && listed[i])
			s->images_unsent = true;
		image->current = listed[i];
	}
	free(listed);
	return 0;
}

int mv_symbols_take_maps(struct mv_symboliser *s, const struct mv_maps *maps, bool *ret_vanished)
{
	uint32_t *images = find_images(s, maps);
	struct mv_unwind_map *list;
	uint32_t count;
	int err;

	*ret_vanished = false;
	if (!images)
		return -ENOMEM;
	count = fill_list(maps, images, NULL);
	list = calloc(count + 1u, sizeof(*list));
	if (list)
		fill_list(maps, images, list);
	free(images);
	if (!list)
		return -ENOMEM;
	if (s->has_maps && count == s->maps_count && memcmp(list, s->maps, count * sizeof(*list)) == 0) {
		free(list); /* something else has changed: the heap has grown */
		return 0;
	}
	err = mark_current(s, list, count, ret_vanished);
	if (err) {
		free(list);
		return err;
	}
	free(s->maps);
	s->maps = list;
	s->maps_count = count;
	s->has_maps = s->maps_unsent = true;
	return 0;
}

void mv_symbols_close_images(struct mv_symboliser *s)
{
	for (uint32_t i = 0; i < s->images_count; i++) {
		if (s->images[i].fd >= 0)
			close(s->images[i].fd);
		s->images[i].fd = -1;
	}
}

void mv_symbols_free_images(struct mv_symboliser *s)
{
	for (uint32_t i = 0; i < s->images_count; i++)
		drop_image(&s->images[i]);
	free(s->images);
	free(s->maps);
}
