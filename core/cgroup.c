/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/cgroup.h"
#include "core/text.h"

/* "a,b,c" has word as one of its parts. */
static bool list_has(const char *list, size_t len, const char *word)
{
	const char *end = list + len;
	size_t word_len = strlen(word);

	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		const char *part_end = comma ? comma : end;

		if ((size_t)(part_end - list) == word_len && memcmp(list, word, word_len) == 0)
			return true;
		list = part_end + 1;
	}
	return false;
}

int mv_cgroup_parse_path(const char *text, size_t len, char *path, size_t cap)
{
	struct mv_scan all = {text, text + len}, line;
	int version = 0;

	while (version != 1 && mv_scan_line(&all, &line)) {
		/* ID:CONTROLLERS:PATH */
		const char *first = memchr(line.at, ':', (size_t)(line.end - line.at));
		const char *second = first ? memchr(first + 1, ':', (size_t)(line.end - first - 1)) : NULL;
		size_t n;

		if (!second)
			continue;
		if (list_has(first + 1, (size_t)(second - first - 1), "memory"))
			version = 1;
		else if (second == first + 1 && first == line.at + 1 && *line.at == '0')
			version = 2;
		else
			continue;
		n = (size_t)(line.end - second - 1);
		n = n < cap ? n : cap - 1;
		memcpy(path, second + 1, n);
		path[n] = '\0';
	}
	return version;
}

/* The group being looked at: "cgroup/memory/a/b", of which the first `root` bytes are the mount. */
struct group {
	struct mv_source *source;
	char dir[PATH_MAX];
	size_t root;
	size_t len;
};

/* A file of the group, NUL-terminated; bytes or -errno. */
static ssize_t read_file(const struct group *group, const char *name, char *text, size_t cap)
{
	char path[PATH_MAX + 64];
	int n = snprintf(path, sizeof(path), "%.*s/%s", (int)group->len, group->dir, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return mv_source_read(group->source, path, text, cap);
}

static struct mv_val missing(ssize_t error)
{
	return mv_val_missing(error == -EACCES || error == -EPERM ? MV_WHY_NEEDS_ROOT : MV_WHY_NO_KERNEL);
}

/* A number, or "max" for no limit. */
static struct mv_val read_bytes(const struct group *group, const char *name)
{
	char text[64];
	ssize_t len = read_file(group, name, text, sizeof(text));
	struct mv_scan s = {text, text + (len > 0 ? len : 0)};
	uint64_t value;

	if (len < 0)
		return missing(len);
	if (strncmp(text, "max", 3) == 0)
		return mv_val_missing(MV_WHY_NO_LIMIT);
	return mv_scan_dec(&s, &value) ? mv_val_of(value) : mv_val_missing(MV_WHY_MALFORMED);
}

/* "key number" lines. */
static struct mv_val read_counter(const struct group *group, const char *name, const char *key)
{
	char text[4096];
	ssize_t len = read_file(group, name, text, sizeof(text));
	struct mv_scan all = {text, text + (len > 0 ? len : 0)}, line;
	size_t key_len = strlen(key);
	uint64_t value;

	if (len < 0)
		return missing(len);
	while (mv_scan_line(&all, &line)) {
		if ((size_t)(line.end - line.at) <= key_len || memcmp(line.at, key, key_len) != 0 ||
		    line.at[key_len] != ' ')
			continue;
		line.at += key_len;
		mv_scan_spaces(&line);
		return mv_scan_dec(&line, &value) ? mv_val_of(value) : mv_val_missing(MV_WHY_MALFORMED);
	}
	return mv_val_missing(MV_WHY_NO_KERNEL);
}

static uint64_t machine_bytes(struct mv_source *source)
{
	char text[8192];
	ssize_t len = mv_source_read(source, "meminfo", text, sizeof(text));
	uint64_t kib;

	if (len <= 0 || !mv_text_field(text, (size_t)len, "MemTotal", &kib))
		return UINT64_MAX;
	return kib * 1024;
}

/* One group up; false at the mount. */
static bool go_up(struct group *group)
{
	if (group->len <= group->root)
		return false;
	while (group->len > group->root && group->dir[group->len - 1] != '/')
		group->len--;
	if (group->len > group->root)
		group->len--;
	return true;
}

static void read_group(struct group *group, struct mv_cgroup *cg)
{
	const bool v1 = cg->version == 1;
	const char *limit_name = v1 ? "memory.limit_in_bytes" : "memory.max";
	const char *usage_name = v1 ? "memory.usage_in_bytes" : "memory.current";
	const uint64_t machine = machine_bytes(group->source);
	const size_t own_len = group->len;
	/* The topmost group of v2 has no limit, and no file for it. */
	struct mv_val found =
	    mv_val_missing(!v1 && own_len == group->root ? MV_WHY_NO_LIMIT : MV_WHY_NO_KERNEL);

	do {
		struct mv_val limit = read_bytes(group, limit_name);

		if (mv_have(&limit) && limit.value >= machine)
			limit = mv_val_missing(MV_WHY_NO_LIMIT);
		if (mv_have(&limit) || found.why == MV_WHY_NO_KERNEL)
			found = limit;
	} while (!mv_have(&found) && go_up(group));
	cg->limit_bytes = found;
	if (!mv_have(&found))
		group->len = own_len;

	cg->usage_bytes = read_bytes(group, usage_name);
	cg->high_bytes = v1 ? mv_val_missing(MV_WHY_NOT_HERE) : read_bytes(group, "memory.high");
	cg->swap_max_bytes = v1 ? mv_val_missing(MV_WHY_NOT_HERE) : read_bytes(group, "memory.swap.max");
	cg->oom_kills = read_counter(group, v1 ? "memory.oom_control" : "memory.events", "oom_kill");
}

/* "/a/../b": the group lies outside what this cgroup namespace shows. */
static bool climbs(const char *path)
{
	for (const char *dots = path; (dots = strstr(dots, "/..")); dots += 3) {
		if (dots[3] == '/' || dots[3] == '\0')
			return true;
	}
	return false;
}

/* By the text of a cgroup file, or why it could not be read. */
static void read_by_text(struct mv_source *source, const char *text, ssize_t len,
			 struct mv_cgroup *ret_cgroup)
{
	struct mv_cgroup cg = {0};
	struct group group = {.source = source};
	char path[PATH_MAX];
	size_t path_len;

	cg.limit_bytes = cg.usage_bytes = cg.high_bytes = cg.swap_max_bytes = cg.oom_kills =
	    missing(len < 0 ? len : -ENOENT);
	if (len > 0)
		cg.version = mv_cgroup_parse_path(text, (size_t)len, path, sizeof(path) - 64);
	if (cg.version) {
		path_len = strlen(path);
		memcpy(cg.path, path, path_len < sizeof(cg.path) ? path_len : sizeof(cg.path) - 1);
		while (path_len && path[path_len - 1] == '/')
			path[--path_len] = '\0';
		group.root = (size_t)sprintf(group.dir, "%s", cg.version == 1 ? "cgroup/memory" : "cgroup");
		memcpy(group.dir + group.root, path, path_len + 1);
		group.len = group.root + path_len;
		if (!climbs(path))
			read_group(&group, &cg);
	}
	*ret_cgroup = cg;
}

int mv_cgroup_read(struct mv_source *source, struct mv_target *target, struct mv_cgroup *ret_cgroup)
{
	char text[8192];
	ssize_t len = mv_target_read(target, MV_FILE_CGROUP, text, sizeof(text));

	if (len == -ESRCH)
		return -ESRCH;
	read_by_text(source, text, len, ret_cgroup);
	return 0;
}

void mv_cgroup_read_own(struct mv_source *source, struct mv_cgroup *ret_cgroup)
{
	char text[8192];
	ssize_t len = mv_source_read(source, "self/cgroup", text, sizeof(text));

	read_by_text(source, text, len, ret_cgroup);
}

/* A decimal that may be negative, moved up by `shift` so that it no longer is. */
static int read_score(struct mv_target *target, enum mv_file file, uint64_t shift, struct mv_val *ret_val)
{
	char text[64];
	ssize_t len = mv_target_read(target, file, text, sizeof(text));
	struct mv_scan s = {text, text + (len > 0 ? len : 0)};
	uint64_t value;
	bool negative;

	if (len == -ESRCH)
		return -ESRCH;
	if (len < 0) {
		*ret_val = missing(len);
		return 0;
	}
	negative = mv_scan_char(&s, '-');
	if (!mv_scan_dec(&s, &value) || (negative && value > shift))
		*ret_val = mv_val_missing(MV_WHY_MALFORMED);
	else
		*ret_val = mv_val_of(negative ? shift - value : shift + value);
	return 0;
}

int mv_oom_read(struct mv_target *target, struct mv_oom *ret_oom)
{
	struct mv_oom oom = {0};
	int ret = read_score(target, MV_FILE_OOM_SCORE, 0, &oom.score);

	if (!ret)
		ret = read_score(target, MV_FILE_OOM_ADJ, 1000, &oom.adjust);
	if (ret)
		return ret;
	*ret_oom = oom;
	return 0;
}

static struct mv_val read_address_limit(struct mv_target *target, ssize_t *ret_len)
{
	static const char key[] = "Max address space";
	char text[4096];
	ssize_t len = *ret_len = mv_target_read(target, MV_FILE_LIMITS, text, sizeof(text));
	struct mv_scan all = {text, text + (len > 0 ? len : 0)}, line;
	uint64_t value;

	if (len < 0)
		return missing(len);
	while (mv_scan_line(&all, &line)) {
		if ((size_t)(line.end - line.at) < sizeof(key) || memcmp(line.at, key, sizeof(key) - 1) != 0)
			continue;
		line.at += sizeof(key) - 1;
		mv_scan_spaces(&line);
		if (line.end - line.at >= 9 && memcmp(line.at, "unlimited", 9) == 0)
			return mv_val_missing(MV_WHY_NO_LIMIT);
		return mv_scan_dec(&line, &value) ? mv_val_of(value) : mv_val_missing(MV_WHY_MALFORMED);
	}
	return mv_val_missing(MV_WHY_MALFORMED);
}

int mv_limits_read(struct mv_source *source, struct mv_target *target, struct mv_limits *ret_limits)
{
	struct mv_limits limits = {0};
	char text[8192];
	ssize_t len;
	uint64_t kib;

	limits.address_bytes = read_address_limit(target, &len);
	if (len == -ESRCH)
		return -ESRCH;
	len = mv_source_read(source, "meminfo", text, sizeof(text));
	if (len < 0)
		limits.available_bytes = missing(len);
	else if (mv_text_field(text, (size_t)len, "MemAvailable", &kib))
		limits.available_bytes = mv_val_of(kib * 1024);
	else
		limits.available_bytes = mv_val_missing(MV_WHY_NO_KERNEL);
	*ret_limits = limits;
	return 0;
}
