/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What is read of the machine, whatever is in it. The first byte says what the others are: k records of the kernel's log, a
 * line each; 1 or 2 a cgroup's stat, events and limit; b a picture of the machine, overwritten: place (3 bytes), length (1), bytes.
 */

#include "config.h"

#include <string.h>

#include "core/groups.h"
#include "core/kills.h"
#include "core/oom.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void feed_log(const char *text, size_t size)
{
	struct mv_kills *kills;

	MUST(mv_kills_new(&kills) == 0);
	while (size) {
		const char *newline = memchr(text, '\n', size);
		size_t len = newline ? (size_t)(newline - text) : size;
		int ret = mv_kills_take(kills, text, len);

		MUST(ret == 0 || ret == 1);
		if (!newline)
			break;
		text = newline + 1;
		size -= len + 1;
	}
	MUST(mv_kills_count(kills) <= 64);
	for (size_t i = 0; i < mv_kills_count(kills); i++) {
		const struct mv_kill *k = mv_kills_at(kills, i);
		struct mv_kill_texts t = mv_kills_texts(kills, i);

		MUST(k->constraint < MV_OOM_BY__N && k->pid >= 0);
		MUST(strlen(t.name) < 64 && strlen(t.invoker) < 64 && strlen(t.group) < 512 && strlen(t.limited) < 512 &&
		     strlen(t.line) < 1024);
	}
	mv_kills_free(kills);
}

static void parse_group(const char *text, size_t size, int version)
{
	struct mv_group group = {0};
	struct mv_val limit = mv_group_limit_parse(text, size);

	MUST(limit.why == MV_WHY_HAVE || limit.why == MV_WHY_NO_LIMIT || limit.why == MV_WHY_MALFORMED);
	mv_group_stat_parse(text, size, version, &group);
	mv_group_events_parse(text, size, version, &group);
	MUST(group.anon.why == MV_WHY_HAVE || group.anon.why == MV_WHY_NO_KERNEL);
}

struct picture {
	struct mv_machine_snapshot m;
	struct mv_task tasks[3];
	struct mv_group groups[3];
	struct mv_kill kills[1];
	struct mv_atlas_stretch stretches[2];
	struct mv_atlas_cell cells[4];
	char text[16];
};

static void lay_out(struct picture *p)
{
	memset(p, 0, sizeof(*p));
	p->m.magic = MV_MACHINE_MAGIC;
	p->m.length = sizeof(*p);
	p->m.page_bytes = 4096;
	p->m.ticks_per_sec = 100;
	p->m.total_pages = 1000000;
	p->m.ram.zones_count = 1;
	p->m.atlas.cell_frames = 1;
#define SECTION(name) p->m.name = (struct mv_section){offsetof(struct picture, name), sizeof(p->name) / sizeof(p->name[0])}
	SECTION(tasks);
	SECTION(groups);
	SECTION(kills);
	SECTION(stretches);
	SECTION(cells);
	SECTION(text);
#undef SECTION
	for (uint32_t i = 0; i < 3; i++) {
		p->tasks[i].pid = (int32_t)i + 1;
		p->tasks[i].group = i;
		p->tasks[i].rss_bytes = UINT64_C(1) << 20;
		p->groups[i].parent = i ? i - 1 : 0;
		p->groups[i].depth = i;
	}
	p->stretches[0] = (struct mv_atlas_stretch){.start = 1, .end = 2};
	p->stretches[1] = (struct mv_atlas_stretch){.start = 4, .end = 6};
	strcpy(p->text + 1, "text");
}

static void overwrite(void *block, size_t room, const uint8_t *data, size_t size)
{
	while (size > 4) {
		const size_t place = ((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % room;
		size_t n = data[3] & 15;

		data += 4;
		size -= 4;
		n = n < size ? n : size;
		n = n < room - place ? n : room - place;
		memcpy((char *)block + place, data, n);
		data += n;
		size -= n;
	}
}

static void walk(const struct mv_machine_snapshot *m)
{
	uint32_t tasks, groups, kills, n, order[8];
	const struct mv_task *t = mv_machine_tasks(m, &tasks);
	const struct mv_group *g = mv_machine_groups(m, &groups);
	const struct mv_kill *k = mv_machine_kills(m, &kills);

	for (uint32_t i = 0; i < tasks; i++) {
		MUST(mv_machine_task(m, t[i].pid) == &t[i]);
		MUST(strlen(mv_machine_text(m, t[i].name).text) < m->text.count);
		mv_oom_frees(&t[i]);
	}
	for (uint32_t i = 0; i < groups; i++) {
		MUST(strlen(mv_machine_text(m, g[i].path).text) < m->text.count);
		MUST(mv_oom_order(m, i, order, 8) <= 8);
	}
	for (uint32_t i = 0; i < kills; i++)
		MUST(strlen(mv_machine_text(m, k[i].line).text) < m->text.count);
	MUST(mv_oom_order(m, MV_TASK_NO_GROUP, order, 8) <= 8);
	mv_machine_stretches(m, &n);
	mv_machine_cells(m, &n);
	mv_reclaim_of(&m->ram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct picture p;

	if (!size)
		return 0;
	switch (data[0]) {
	case 'k':
		feed_log((const char *)data + 1, size - 1);
		break;
	case '1':
	case '2':
		parse_group((const char *)data + 1, size - 1, data[0] - '0');
		break;
	case 'b':
		lay_out(&p);
		overwrite(&p, sizeof(p), data + 1, size - 1);
		if (mv_machine_check(&p.m, sizeof(p)) == 0)
			walk(&p.m);
		else
			MUST(size > 5); /* unless it was overwritten, it is whole */
		break;
	}
	return 0;
}
