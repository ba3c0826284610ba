/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/groups_private.h"
#include "core/text.h"

#define MOUNTS_BYTES ((size_t)1 << 20)
/* v1 says "no limit" by the highest multiple of a page that fits. */
#define V1_NO_LIMIT (UINT64_C(1) << 62)

/* ---- where it is mounted ---- */

static bool is_word(const char *at, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(at, word, len) == 0;
}

/* "a,b,c" has word. */
static bool has_option(const char *at, size_t len, const char *word)
{
	while (len) {
		const char *comma = memchr(at, ',', len);
		size_t n = comma ? (size_t)(comma - at) : len;

		if (is_word(at, n, word))
			return true;
		if (!comma)
			return false;
		len -= n + 1;
		at = comma + 1;
	}
	return false;
}

/* The next word of a line; mountinfo parts them by one blank, and escapes those inside. */
static bool next_word(struct mv_scan *line, const char **ret_at, size_t *ret_len)
{
	const char *blank;

	if (line->at >= line->end)
		return false;
	blank = memchr(line->at, ' ', (size_t)(line->end - line->at));
	*ret_at = line->at;
	*ret_len = (size_t)((blank ? blank : line->end) - line->at);
	line->at = blank ? blank + 1 : line->end;
	return true;
}

/* \040 and others -> the byte. */
static void copy_unescaped(const char *at, size_t len, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < cap; n++) {
		if (at[i] == '\\' && len - i >= 4 && at[i + 1] >= '0' && at[i + 1] <= '3') {
			out[n] = (char)((at[i + 1] - '0') << 6 | (at[i + 2] - '0') << 3 | (at[i + 3] - '0'));
			i += 4;
		} else {
			out[n] = at[i++];
		}
	}
	out[n] = '\0';
}

struct mount_line {
	char root[512], dir[512]; /* dir: below what mv_source_read calls cgroup/ */
	bool v1_memory, v2;
};

/* "ID PARENT MAJ:MIN ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE SUPER"; false: another file system, or out of
 * our sight. */
static bool parse_mount(struct mv_scan line, struct mount_line *ret_line)
{
	static const char below[] = "/fs/cgroup";
	const char *word[6], *at, *type, *super;
	size_t len[6], n, type_len, super_len;
	char point[512], *found;

	for (size_t i = 0; i < MV_COUNT_OF(word); i++)
		if (!next_word(&line, &word[i], &len[i]))
			return false;
	do {
		if (!next_word(&line, &at, &n))
			return false;
	} while (!is_word(at, n, "-"));
	if (!next_word(&line, &type, &type_len) || !next_word(&line, &at, &n) ||
	    !next_word(&line, &super, &super_len))
		return false;
	ret_line->v2 = is_word(type, type_len, "cgroup2");
	ret_line->v1_memory = is_word(type, type_len, "cgroup") && has_option(super, super_len, "memory");
	if (!ret_line->v2 && !ret_line->v1_memory)
		return false;
	copy_unescaped(word[3], len[3], ret_line->root, sizeof(ret_line->root));
	copy_unescaped(word[4], len[4], point, sizeof(point));
	found = strstr(point, below);
	if (!found || (found[sizeof(below) - 1] != '/' && found[sizeof(below) - 1] != '\0'))
		return false;
	snprintf(ret_line->dir, sizeof(ret_line->dir), "cgroup%.480s", found + sizeof(below) - 1);
	return true;
}

static bool controls_memory(struct mv_source *source, const char *dir)
{
	char name[600], text[1024];
	ssize_t n;

	snprintf(name, sizeof(name), "%.500s/cgroup.controllers", dir);
	n = mv_source_read(source, name, text, sizeof(text));
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == ' ')
			text[i] = ',';
	return n > 0 && has_option(text, (size_t)n, "memory");
}

static bool has_file(struct mv_source *source, const char *dir, const char *file)
{
	char name[600], text[2];
	ssize_t n;

	snprintf(name, sizeof(name), "%.500s/%s", dir, file);
	n = mv_source_read(source, name, text, sizeof(text));
	return n >= 0 || n == -E2BIG;
}

/* v1 has the memory controller where both are there; v2 only where it was left to it. */
static int choose(struct mv_source *source, const struct mount_line *v1, const struct mount_line *v2,
		  struct group_mount *ret_mount)
{
	if (v1->v1_memory) {
		ret_mount->version = v2->v2 ? 3 : 1;
		strcpy(ret_mount->dir, v1->dir);
		strcpy(ret_mount->root, v1->root);
		return 0;
	}
	if (!v2->v2 || !controls_memory(source, v2->dir))
		return -ENOENT;
	ret_mount->version = 2;
	strcpy(ret_mount->dir, v2->dir);
	strcpy(ret_mount->root, v2->root);
	return 0;
}

int group_mount_find(struct mv_source *source, struct group_mount *ret_mount)
{
	struct mount_line v1 = {.root = "/"}, v2 = {.root = "/"}, found;
	char *text = malloc(MOUNTS_BYTES);
	struct mv_scan all, line;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	n = mv_source_read(source, "self/mountinfo", text, MOUNTS_BYTES);
	all = (struct mv_scan){text, text + (n == -E2BIG ? (ssize_t)MOUNTS_BYTES - 1 : n > 0 ? n : 0)};
	while (mv_scan_line(&all, &line)) {
		if (!parse_mount(line, &found))
			continue;
		if (found.v1_memory && !v1.v1_memory)
			v1 = found;
		if (found.v2 && !v2.v2)
			v2 = found;
	}
	free(text);
	if (n >= 0 || n == -E2BIG)
		return choose(source, &v1, &v2, ret_mount);
	/* A fixture without it. */
	if (has_file(source, "cgroup/memory", "memory.limit_in_bytes")) {
		v1.v1_memory = true;
		strcpy(v1.dir, "cgroup/memory");
	}
	v2.v2 = true;
	strcpy(v2.dir, "cgroup");
	if (!has_file(source, v2.dir, "cgroup.controllers")) {
		strcpy(v2.dir, "cgroup/unified");
		v2.v2 = has_file(source, v2.dir, "cgroup.controllers");
	}
	return choose(source, &v1, &v2, ret_mount);
}

/* ---- what one directory says ---- */

struct mv_val mv_group_limit_parse(const char *text, size_t len)
{
	struct mv_scan s = {text, text + len};
	uint64_t value;

	if (len >= 3 && memcmp(text, "max", 3) == 0)
		return mv_val_missing(MV_WHY_NO_LIMIT);
	if (!mv_scan_dec(&s, &value))
		return mv_val_missing(MV_WHY_MALFORMED);
	return value >= V1_NO_LIMIT ? mv_val_missing(MV_WHY_NO_LIMIT) : mv_val_of(value);
}

struct key {
	const char *name;
	size_t at; /* of a struct mv_group */
};
#define AT(field) offsetof(struct mv_group, field)

static struct mv_val *slot(struct mv_group *group, size_t at)
{
	return (struct mv_val *)(void *)((char *)group + at);
}

/* Lines "NAME NUMBER": those that are known are kept, and the others of the table are not this kernel's. */
static void parse_keys(const char *text, size_t len, const struct key *keys, size_t keys_count,
		       struct mv_group *group)
{
	struct mv_scan all = {text, text + len}, line;

	for (size_t i = 0; i < keys_count; i++)
		*slot(group, keys[i].at) = mv_val_missing(MV_WHY_NO_KERNEL);
	while (mv_scan_line(&all, &line)) {
		const char *name;
		uint64_t value;
		size_t n;

		if (!next_word(&line, &name, &n) || !mv_scan_dec(&line, &value))
			continue;
		for (size_t i = 0; i < keys_count; i++)
			if (is_word(name, n, keys[i].name))
				*slot(group, keys[i].at) = mv_val_of(value);
	}
}

static bool find_number(const char *text, size_t len, const char *key, uint64_t *ret_value)
{
	struct mv_scan all = {text, text + len}, line;

	while (mv_scan_line(&all, &line)) {
		const char *name;
		size_t n;

		if (next_word(&line, &name, &n) && is_word(name, n, key))
			return mv_scan_dec(&line, ret_value);
	}
	return false;
}

/* Before 5.18 there is no sum: what it is made of. */
static struct mv_val sum_kernel(const char *text, size_t len)
{
	static const char *const parts[] = {"kernel_stack", "pagetables", "percpu", "vmalloc", "slab"};
	uint64_t sum = 0, value;
	bool have = false;

	for (size_t i = 0; i < MV_COUNT_OF(parts); i++) {
		if (!find_number(text, len, parts[i], &value))
			continue;
		sum += value;
		have = true;
	}
	return have ? mv_val_of(sum) : mv_val_missing(MV_WHY_NO_KERNEL);
}

void mv_group_stat_parse(const char *text, size_t len, int version, struct mv_group *group)
{
	/* v1 counts cgroups below in total_ alone. */
	static const struct key v1[] = {
	    {"total_rss", AT(anon)},
	    {"total_cache", AT(file)},
	    {"total_shmem", AT(shmem)},
	    {"total_dirty", AT(dirty)},
	    {"total_inactive_file", AT(inactive_file)},
	};
	static const struct key v2[] = {
	    {"anon", AT(anon)},
	    {"file", AT(file)},
	    {"shmem", AT(shmem)},
	    {"file_dirty", AT(dirty)},
	    {"slab", AT(slab)},
	    {"kernel", AT(kernel)},
	    {"inactive_file", AT(inactive_file)},
	};

	if (version != 2) {
		parse_keys(text, len, v1, MV_COUNT_OF(v1), group);
		return;
	}
	parse_keys(text, len, v2, MV_COUNT_OF(v2), group);
	if (!mv_have(&group->kernel))
		group->kernel = sum_kernel(text, len);
}

void mv_group_events_parse(const char *text, size_t len, int version, struct mv_group *group)
{
	static const struct key v1[] = {{"oom_kill", AT(oom_kills)}};
	static const struct key v2[] = {
	    {"low", AT(low_events)}, {"high", AT(high_events)},	  {"max", AT(max_events)},
	    {"oom", AT(oom_events)}, {"oom_kill", AT(oom_kills)},
	};

	if (version != 2)
		parse_keys(text, len, v1, MV_COUNT_OF(v1), group);
	else
		parse_keys(text, len, v2, MV_COUNT_OF(v2), group);
}

struct reading {
	struct mv_source *source;
	const char *dir;
	char text[16384];
	ssize_t len; /* of what was read last, or -errno */
};

static bool read_file(struct reading *r, const char *file)
{
	char name[PATH_MAX];
	int n = snprintf(name, sizeof(name), "%s/%s", r->dir, file);

	r->len = n > 0 && (size_t)n < sizeof(name) ? mv_source_read(r->source, name, r->text, sizeof(r->text))
						   : -ENAMETOOLONG;
	return r->len >= 0;
}

/* absent: what it means that there is no such file. */
static struct mv_val why_not(const struct reading *r, enum mv_why absent)
{
	return mv_val_missing(r->len == -EACCES || r->len == -EPERM ? MV_WHY_NEEDS_ROOT
			      : r->len == -ENOENT		    ? absent
								    : MV_WHY_IO);
}

static struct mv_val read_number(struct reading *r, const char *file, enum mv_why absent)
{
	if (!read_file(r, file))
		return why_not(r, absent);
	return mv_group_limit_parse(r->text, (size_t)r->len);
}

/* v1's memsw counts memory and swap together. */
static struct mv_val apart(struct mv_val both, const struct mv_val *memory)
{
	if (!mv_have(&both))
		return both;
	if (!mv_have(memory))
		return *memory;
	return mv_val_of(both.value > memory->value ? both.value - memory->value : 0);
}

static void read_v1(struct reading *r, struct mv_group *g)
{
	const enum mv_why no = MV_WHY_NO_KERNEL;

	g->version = 1;
	g->usage = read_number(r, "memory.usage_in_bytes", no);
	g->limit = read_number(r, "memory.limit_in_bytes", no);
	g->swap_usage = apart(read_number(r, "memory.memsw.usage_in_bytes", no), &g->usage);
	g->swap_limit = apart(read_number(r, "memory.memsw.limit_in_bytes", no), &g->limit);
	g->peak = read_number(r, "memory.max_usage_in_bytes", no);
	g->kernel = read_number(r, "memory.kmem.usage_in_bytes", no);
	g->max_events = read_number(r, "memory.failcnt", no);
	/* Where memory and swap together may not be more, it is that limit which is met. */
	if (mv_have(&g->swap_limit) && mv_have(&g->max_events)) {
		struct mv_val both = read_number(r, "memory.memsw.failcnt", no);

		g->max_events.value += mv_have(&both) ? both.value : 0;
	}
	g->high = g->low = g->slab = g->low_events = g->high_events = g->oom_events =
	    mv_val_missing(MV_WHY_NOT_HERE);
	g->some.why = g->full.why = MV_WHY_NOT_HERE;
	read_file(r, "memory.stat");
	mv_group_stat_parse(r->text, r->len > 0 ? (size_t)r->len : 0, 1, g);
	read_file(r, "memory.oom_control");
	mv_group_events_parse(r->text, r->len > 0 ? (size_t)r->len : 0, 1, g);
}

static void read_v2(struct reading *r, struct mv_group *g)
{
	/* The machine's topmost group has no limits and no usage of its own: nor has it the files. */
	const bool top = !g->depth && !read_file(r, "memory.current") && r->len == -ENOENT;
	const enum mv_why no = top ? MV_WHY_NOT_HERE : MV_WHY_NO_KERNEL;

	g->version = 2;
	g->usage = read_number(r, "memory.current", no);
	g->limit = read_number(r, "memory.max", top ? MV_WHY_NO_LIMIT : no);
	g->high = read_number(r, "memory.high", top ? MV_WHY_NO_LIMIT : no);
	g->low = read_number(r, "memory.low", no);
	g->swap_usage = read_number(r, "memory.swap.current", no);
	g->swap_limit = read_number(r, "memory.swap.max", top ? MV_WHY_NO_LIMIT : no);
	g->peak = read_number(r, "memory.peak", no);
	read_file(r, "memory.stat");
	mv_group_stat_parse(r->text, r->len > 0 ? (size_t)r->len : 0, 2, g);
	if (read_file(r, "memory.events"))
		mv_group_events_parse(r->text, (size_t)r->len, 2, g);
	else
		g->low_events = g->high_events = g->max_events = g->oom_events = g->oom_kills =
		    why_not(r, no);
	g->some.why = g->full.why = MV_WHY_NO_KERNEL;
	if (read_file(r, "memory.pressure"))
		mv_psi_parse(r->text, (size_t)r->len, &g->some, &g->full);
}

void group_read(struct mv_source *source, const char *dir, int version, struct mv_group *group)
{
	struct reading r = {.source = source, .dir = dir};

	group->inode = mv_source_inode(source, dir);
	if (version == 2)
		read_v2(&r, group);
	else
		read_v1(&r, group);
}
