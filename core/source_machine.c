/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/source_private.h"
#include "core/text.h"

/* Files and directories of the machine, in /proc and in the trees of /sys that the rest of core may name. */

static const struct {
	const char *name, *path;
} trees[MV_TREE__N] = {
    [MV_TREE_CGROUP] = {"cgroup", "/sys/fs/cgroup"},
    [MV_TREE_NODE] = {"node", "/sys/devices/system/node"},
    [MV_TREE_MM] = {"mm", "/sys/kernel/mm"},
    [MV_TREE_MODULE] = {"module", "/sys/module"},
};

/* Names can come from the target (its cgroup's path): they never lead out of the tree they are below. */
bool mv_source_name_is_inside(const char *name)
{
	if (name[0] == '/' || name[0] == '\0')
		return false;
	for (const char *at = name; at; at = strchr(at, '/')) {
		if (*at == '/')
			at++;
		if (at[0] == '.' && at[1] == '.' && (at[2] == '/' || at[2] == '\0'))
			return false;
	}
	return true;
}

/* The tree that name lies in, and in *ret_below where: "." for the tree itself. MV_TREE__N: below /proc. */
static size_t tree_of(const char *name, const char **ret_below)
{
	for (size_t i = 0; i < MV_TREE__N; i++) {
		size_t len = strlen(trees[i].name);

		if (strncmp(name, trees[i].name, len) != 0 || (name[len] != '/' && name[len] != '\0'))
			continue;
		*ret_below = name[len] && name[len + 1] ? name + len + 1 : ".";
		return i;
	}
	*ret_below = name;
	return MV_TREE__N;
}

/* flags: O_DIRECTORY or 0. A descriptor or -errno. */
static int open_live(struct mv_source *source, const char *name, int flags)
{
	const char *below;
	size_t tree = tree_of(name, &below);
	int dir = source->root_fd, fd;

	if (tree < MV_TREE__N) {
		if (source->tree_fd[tree] < 0)
			source->tree_fd[tree] = open(trees[tree].path, MV_OPEN_FLAGS | O_DIRECTORY);
		dir = source->tree_fd[tree];
		if (dir < 0)
			return -errno;
		if (!mv_source_name_is_inside(below)) /* "cgroup//etc" */
			return -ENOENT;
	}
	fd = openat(dir, below, MV_OPEN_FLAGS | flags);
	return fd < 0 ? -errno : fd;
}

ssize_t mv_source_read(struct mv_source *source, const char *name, char *buf, size_t cap)
{
	ssize_t n;
	int fd;

	if (!mv_source_name_is_inside(name))
		return -ENOENT;
	fd = source->live ? open_live(source, name, 0) : mv_fixture_open(source->fixture, 0, name);
	if (fd < 0)
		return fd;
	n = mv_source_slurp(fd, buf, cap, false);
	close(fd);
	return n;
}

int mv_source_collect_names(int take_fd, struct mv_names *names)
{
	DIR *dir = fdopendir(take_fd);
	struct dirent *entry;
	int err;

	if (!dir) {
		err = -errno;
		close(take_fd);
		return err;
	}
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		size_t bytes = strlen(entry->d_name) + 1;
		bool is_dir = entry->d_type == DT_DIR;
		struct stat st;

		if (entry->d_name[0] == '.' && (bytes == 2 || (bytes == 3 && entry->d_name[1] == '.')))
			continue;
		if (entry->d_type == DT_UNKNOWN)
			is_dir = fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				 S_ISDIR(st.st_mode);
		if (!is_dir)
			continue;
		if (names->cap - names->used < bytes) {
			size_t cap = (names->used + bytes) * 2 + 256;
			char *grown = realloc(names->text, cap);

			if (!grown) {
				closedir(dir);
				return -ENOMEM;
			}
			names->text = grown;
			names->cap = cap;
		}
		memcpy(names->text + names->used, entry->d_name, bytes);
		names->used += bytes;
		names->count++;
	}
	err = -errno;
	closedir(dir);
	return err;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Ascending, what comes twice once; takes names->text. */
static ssize_t sort_names(struct mv_names *names, char **ret_names)
{
	const char **order = calloc(names->count + 1, sizeof(*order));
	char *sorted = malloc(names->used + 1), *to = sorted;
	const char *from = names->text, *last = NULL;
	ssize_t kept = 0;

	if (order && sorted) {
		for (size_t i = 0; i < names->count; i++, from += strlen(from) + 1)
			order[i] = from;
		qsort(order, names->count, sizeof(*order), by_name);
		for (size_t i = 0; i < names->count; i++) {
			if (last && !strcmp(order[i], last))
				continue;
			last = order[i];
			to = stpcpy(to, last) + 1;
			kept++;
		}
		/* Nothing to free where there is nothing to read. */
		if (!kept) {
			free(sorted);
			sorted = NULL;
		}
		*ret_names = sorted;
	} else {
		free(sorted);
		kept = -ENOMEM;
	}
	free(order);
	free(names->text);
	return kept;
}

ssize_t mv_source_list(struct mv_source *source, const char *name, char **ret_names)
{
	struct mv_names names = {0};
	int err = -ENOENT, fd;

	if (!mv_source_name_is_inside(name))
		return -ENOENT;
	if (source->live) {
		fd = open_live(source, name, O_DIRECTORY);
		err = fd < 0 ? fd : mv_source_collect_names(fd, &names);
	} else {
		err = mv_fixture_names(source->fixture, name, &names);
	}
	if (err) {
		free(names.text);
		return err == -ENOTDIR ? -ENOENT : err;
	}
	return sort_names(&names, ret_names);
}

/* A fixture says it: its own directories have an inode, but not the same one everywhere. */
static uint64_t fixture_inode(struct mv_source *source, const char *name)
{
	char path[512], text[32];
	struct mv_scan scan;
	uint64_t inode;
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/inode", name) >= (int)sizeof(path))
		return 0;
	n = mv_source_read(source, path, text, sizeof(text));
	scan = (struct mv_scan){text, text + (n > 0 ? n : 0)};
	return mv_scan_hex(&scan, &inode) ? inode : 0;
}

uint64_t mv_source_inode(struct mv_source *source, const char *name)
{
	struct stat st;
	int fd;

	if (!source->live)
		return fixture_inode(source, name);
	if (!mv_source_name_is_inside(name))
		return 0;
	fd = open_live(source, name, O_DIRECTORY | O_PATH);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		st.st_ino = 0;
	close(fd);
	return st.st_ino;
}
