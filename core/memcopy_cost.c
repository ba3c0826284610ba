/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cgroup.h"
#include "core/memcopy.h"
#include "core/text.h"

/* What a copy would take, and whether there is so much. */

static void count_runs(const struct mv_run *runs, ssize_t n, struct mv_memcopy_cost *cost)
{
	for (ssize_t i = 0; i < n; i++) {
		const uint64_t bytes = runs[i].end - runs[i].start;

		if (runs[i].cats & MV_CAT_PRESENT)
			cost->present_bytes += bytes;
		else if (!(runs[i].cats & MV_CAT_GUARD))
			cost->swapped_bytes += bytes;
		if ((runs[i].cats & (MV_CAT_PRESENT | MV_CAT_PFNZERO)) == (MV_CAT_PRESENT | MV_CAT_PFNZERO))
			cost->zero_bytes += bytes;
	}
}

int mv_memcopy_cost(struct mv_target *target, const struct mv_range *ranges, size_t count,
		    struct mv_memcopy_cost *ret_cost)
{
	const uint64_t mask = ~(uint64_t)(mv_target_page_bytes(target) - 1);
	struct mv_memcopy_cost cost = {0};
	struct mv_run runs[MV_SCAN_RUNS];
	uint64_t walked, told, total = 0;

	for (size_t i = 0; i < count; i++) {
		struct mv_range r = {ranges[i].start & mask, (ranges[i].end + ~mask) & mask};

		total += r.end - r.start;
		while (r.start < r.end) {
			ssize_t n = mv_target_scan(target, r, MV_CAT_PFNZERO | MV_CAT_GUARD, MV_SCAN_PAGES,
						   runs, MV_COUNT_OF(runs), &walked, &told);

			if (n < 0)
				return (int)n;
			count_runs(runs, n, &cost);
			r.start = walked;
		}
	}
	cost.absent_bytes = total - cost.present_bytes - cost.swapped_bytes;
	*ret_cost = cost;
	return 0;
}

/* Page cache that the group would give back first. 0 when it does not say. */
static uint64_t inactive_file(struct mv_source *source, const struct mv_cgroup *group)
{
	char name[sizeof(group->path) + 32], text[8192];
	uint64_t bytes;
	ssize_t n;

	snprintf(name, sizeof(name), "cgroup/%s%s/memory.stat", group->version == 1 ? "memory" : "",
		 group->path);
	n = mv_source_read(source, name, text, sizeof(text));
	for (const char *at = n > 0 ? text : NULL; at; at = strchr(at, '\n')) {
		static const char key[] = "inactive_file ";
		struct mv_scan s;

		at += *at == '\n';
		s = (struct mv_scan){at + sizeof(key) - 1, text + n};
		if (!strncmp(at, key, sizeof(key) - 1))
			return mv_scan_dec(&s, &bytes) ? bytes : 0;
	}
	return 0;
}

static void less_by_group(struct mv_source *source, uint64_t *room)
{
	struct mv_target *self;
	struct mv_cgroup group;
	uint64_t left;

	if (mv_target_open(source, (int)getpid(), &self) < 0)
		return;
	if (mv_cgroup_read(source, self, &group) == 0 && mv_have(&group.limit_bytes) &&
	    mv_have(&group.usage_bytes)) {
		left = inactive_file(source, &group);
		if (group.limit_bytes.value > group.usage_bytes.value)
			left += group.limit_bytes.value - group.usage_bytes.value;
		if (left < *room)
			*room = left;
	}
	mv_target_close(self);
}

int mv_memcopy_room(struct mv_source *source, uint64_t *ret_bytes)
{
	char text[8192];
	ssize_t n = mv_source_read(source, "meminfo", text, sizeof(text));
	uint64_t kib, room;

	if (n < 0 || !mv_text_field(text, (size_t)n, "MemAvailable", &kib))
		return -ENOENT;
	room = kib * 1024;
	less_by_group(source, &room);
	*ret_bytes = room;
	return 0;
}
