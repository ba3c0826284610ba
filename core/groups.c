/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/groups_private.h"
#include "core/text.h"

#define GROUPS_MAX 8192

/* A directory that was found and is still to be read, deepest first: so those below one follow it. */
struct pending {
	char *path;
	uint32_t parent; /* its index; its own at the root */
	uint32_t depth;
};

struct tree {
	struct mv_group *at;
	char **path; /* as PID/cgroup has it; "/" is the root that we see */
	size_t count, cap;
	uint32_t *by_path; /* indices, ascending by path; once the tree is whole */
};

struct mv_groups {
	struct mv_source *source;
	struct tree tree, next; /* read last; being read */
	struct group_mount mount;
	bool mount_known;
	int version;
	struct pending *pending;
	size_t pending_count, pending_cap;
};

static void clear_tree(struct tree *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->path[i]);
	free(t->at);
	free(t->path);
	free(t->by_path);
	*t = (struct tree){0};
}

static void clear_pending(struct mv_groups *g)
{
	while (g->pending_count)
		free(g->pending[--g->pending_count].path);
}

int mv_groups_new(struct mv_groups **ret_groups)
{
	struct mv_groups *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	*ret_groups = g;
	return 0;
}

void mv_groups_free(struct mv_groups *groups)
{
	if (!groups)
		return;
	clear_pending(groups);
	free(groups->pending);
	clear_tree(&groups->tree);
	clear_tree(&groups->next);
	free(groups);
}

/* path is taken. */
static int push(struct mv_groups *g, char *path, uint32_t parent, uint32_t depth)
{
	if (!path)
		return -ENOMEM;
	if (g->pending_count == g->pending_cap) {
		size_t cap = g->pending_cap * 2 + 64;
		struct pending *grown = reallocarray(g->pending, cap, sizeof(*grown));

		if (!grown) {
			free(path);
			return -ENOMEM;
		}
		g->pending = grown;
		g->pending_cap = cap;
	}
	g->pending[g->pending_count++] = (struct pending){path, parent, depth};
	return 0;
}

int mv_groups_begin(struct mv_groups *groups, struct mv_source *source)
{
	groups->source = source;
	clear_tree(&groups->next);
	clear_pending(groups);
	if (!groups->mount_known) {
		int err = group_mount_find(source, &groups->mount);

		if (err)
			return err;
		groups->mount_known = true;
		groups->version = groups->mount.version;
	}
	return push(groups, strdup("/"), 0, 0);
}

static int add(struct tree *t, const struct pending *p)
{
	if (t->count == t->cap) {
		size_t cap = t->cap * 2 + 32;
		struct mv_group *at = reallocarray(t->at, cap, sizeof(*at));
		char **path;

		if (!at)
			return -ENOMEM;
		t->at = at;
		path = reallocarray(t->path, cap, sizeof(*path));
		if (!path)
			return -ENOMEM;
		t->path = path;
		t->cap = cap;
	}
	t->at[t->count] = (struct mv_group){.parent = p->parent, .depth = p->depth};
	t->path[t->count] = p->path;
	t->count++;
	return 0;
}

static int push_below(struct mv_groups *g, const char *dir, uint32_t parent)
{
	const char *above = g->next.path[parent];
	uint32_t depth = g->next.at[parent].depth + 1;
	char *names, **name;
	ssize_t n = mv_source_list(g->source, dir, &names);
	const char *at;
	int err = 0;

	if (n <= 0)
		return n == -ENOMEM ? -ENOMEM : 0; /* it has gone: nothing is below it */
	name = reallocarray(NULL, (size_t)n, sizeof(*name));
	at = names;
	for (ssize_t i = 0; name && i < n; i++, at += strlen(at) + 1)
		name[i] = (char *)at;
	/* From the last to the first: the first is read next. */
	for (ssize_t i = n; name && !err && i-- > 0;) {
		char *path;

		if (g->next.count + g->pending_count >= GROUPS_MAX)
			continue;
		if (asprintf(&path, "%s/%s", above[1] ? above : "", name[i]) < 0)
			path = NULL;
		err = push(g, path, parent, depth);
	}
	err = name ? err : -ENOMEM;
	free(name);
	free(names);
	return err;
}

static int read_next(struct mv_groups *g)
{
	struct pending p = g->pending[--g->pending_count];
	uint32_t index = (uint32_t)g->next.count;
	char dir[PATH_MAX];
	int err, n = snprintf(dir, sizeof(dir), "%s%s", g->mount.dir, p.path[1] ? p.path : "");

	/* Deeper than the kernel lets anybody open by name. */
	if (n < 0 || (size_t)n >= sizeof(dir) - 64) {
		free(p.path);
		return 0;
	}
	err = add(&g->next, &p);
	if (err) {
		free(p.path);
		return err;
	}
	group_read(g->source, dir, g->mount.version, &g->next.at[index]);
	return push_below(g, dir, index);
}

static int by_path(const void *a, const void *b, void *paths)
{
	char **path = paths;

	return strcmp(path[*(const uint32_t *)a], path[*(const uint32_t *)b]);
}

static int finish(struct mv_groups *g)
{
	struct tree *t = &g->next;

	t->by_path = reallocarray(NULL, t->count, sizeof(*t->by_path));
	if (!t->by_path)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->count; i++)
		t->by_path[i] = i;
	qsort_r(t->by_path, t->count, sizeof(*t->by_path), by_path, t->path);
	clear_tree(&g->tree);
	g->tree = *t;
	*t = (struct tree){0};
	return 0;
}

int mv_groups_step(struct mv_groups *groups, unsigned directories)
{
	int err = 0;

	if (!groups->pending_count)
		return 0;
	for (; !err && directories && groups->pending_count; directories--)
		err = read_next(groups);
	if (!err && groups->pending_count)
		return 1;
	if (!err)
		err = finish(groups);
	if (err) {
		clear_pending(groups);
		clear_tree(&groups->next);
	}
	return err;
}

int mv_groups_version(const struct mv_groups *groups)
{
	return groups->version;
}

size_t mv_groups_count(const struct mv_groups *groups)
{
	return groups->tree.count;
}

const struct mv_group *mv_groups_at(const struct mv_groups *groups, size_t i)
{
	return &groups->tree.at[i];
}

const char *mv_groups_path(const struct mv_groups *groups, size_t i)
{
	return groups->tree.path[i];
}

static size_t find_exact(const struct tree *t, const char *path)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(t->path[t->by_path[mid]], path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->count && strcmp(t->path[t->by_path[low]], path) == 0 ? t->by_path[low] : SIZE_MAX;
}

size_t mv_groups_find(const struct mv_groups *groups, const char *path)
{
	const size_t root = strlen(groups->mount.root);
	char text[PATH_MAX];
	size_t len;

	if (!groups->tree.count || path[0] != '/')
		return SIZE_MAX;
	/* What is mounted here may be a part of the tree that paths are told of. */
	if (root > 1) {
		if (strncmp(path, groups->mount.root, root) != 0 || (path[root] != '/' && path[root] != '\0'))
			return SIZE_MAX;
		path += root;
	}
	len = strlen(path);
	if (len >= sizeof(text) || strncmp(path, "/..", 3) == 0)
		return SIZE_MAX;
	memcpy(text, path, len + 1);
	while (len) {
		size_t i = find_exact(&groups->tree, text);

		if (i != SIZE_MAX)
			return i;
		while (len && text[len - 1] != '/')
			len--;
		if (len)
			text[--len] = '\0';
	}
	return 0;
}
