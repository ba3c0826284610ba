/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/machine_sampler_private.h"

#include <assert.h>
#include <string.h>

/* The machine sampler's state -> one flat block. */

struct layout {
	struct mv_section tasks, groups, kills, stretches, cells, text;
	size_t length;
};

static struct mv_section take(struct mv_arena *a, uint64_t count, size_t size)
{
	return (struct mv_section){.offset = mv_arena_take(a, count, size), .count = count};
}

static size_t clean_bytes(const char *raw)
{
	return mv_clean_bytes(raw, strlen(raw), NULL, 0) + 1;
}

/* What people call a group: the last part of its path. */
static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static size_t text_bytes(const struct mv_machine_sampler *s, const struct layout *l)
{
	size_t bytes = 1; /* "" is at 0 */

	for (size_t i = 0; i < l->tasks.count; i++)
		bytes += mv_tasks_name_bytes(s->tasks, i);
	for (size_t i = 0; i < l->groups.count; i++) {
		const char *path = mv_groups_path(s->groups, i);

		bytes += clean_bytes(path) + clean_bytes(last_part(path));
	}
	for (size_t i = 0; i < l->kills.count; i++) {
		struct mv_kill_texts t = mv_kills_texts(s->kills, i);

		bytes += clean_bytes(t.name) + clean_bytes(t.group) + clean_bytes(t.limited) +
			 clean_bytes(t.invoker) + clean_bytes(t.line);
	}
	return bytes;
}

static uint64_t count_cells(const struct mv_machine_sampler *s)
{
	const struct mv_machine_want *w = &s->want;
	struct mv_atlas_head head;

	if (!WANTS(s, ATLAS) || !mv_have(&s->atlas_why))
		return 0;
	mv_atlas_head(s->atlas, w, &head);
	return mv_have(&head.have) ? (w->atlas_end - w->atlas_start + w->cell_frames - 1) / w->cell_frames
				   : 0;
}

static uint64_t count_stretches(const struct mv_machine_sampler *s)
{
	const struct mv_atlas_stretch *stretches;

	return WANTS(s, ATLAS) && mv_have(&s->atlas_why) ? mv_atlas_stretches(s->atlas, &stretches) : 0;
}

static struct layout lay_out(const struct mv_machine_sampler *s)
{
	struct mv_arena a = {.used = sizeof(struct mv_machine_snapshot)};
	struct layout l;

	l.tasks = take(&a, WANTS_TASKS(s) ? mv_tasks_count(s->tasks) : 0, sizeof(struct mv_task));
	l.groups = take(&a, WANTS(s, GROUPS) && mv_have(&s->groups_why) ? mv_groups_count(s->groups) : 0,
			sizeof(struct mv_group));
	l.kills = take(&a, WANTS(s, KILLS) ? mv_kills_count(s->kills) : 0, sizeof(struct mv_kill));
	l.stretches = take(&a, count_stretches(s), sizeof(struct mv_atlas_stretch));
	l.cells = take(&a, count_cells(s), sizeof(struct mv_atlas_cell));
	l.text = take(&a, text_bytes(s, &l), 1);
	l.length = (a.used + 7) & ~(size_t)7;
	return l;
}

size_t mv_machine_sampler_bytes(struct mv_machine_sampler *s)
{
	return lay_out(s).length;
}

/* The snapshot's texts, one after the other. */
struct pool {
	char *at;
	size_t used, cap;
};

static uint32_t put_text(struct pool *pool, const char *raw)
{
	const size_t len = strlen(raw), at = pool->used;

	if (!len)
		return 0;
	pool->used += mv_clean_bytes(raw, len, pool->at + at, pool->cap - at) + 1;
	assert(pool->used <= pool->cap);
	return (uint32_t)at;
}

static void write_tasks(const struct mv_machine_sampler *s, struct mv_machine_snapshot *m, struct pool *pool)
{
	struct mv_task *t = (struct mv_task *)(void *)((char *)m + m->tasks.offset);
	const bool groups = m->groups.count != 0;

	for (size_t i = 0; i < m->tasks.count; i++) {
		t[i] = *mv_tasks_at(s->tasks, i);
		t[i].name = put_text(pool, mv_tasks_name(s->tasks, i));
		if (!groups)
			t[i].group = MV_TASK_NO_GROUP;
		/* Only of what is on the screen: another's would grow old unseen. */
		t[i].pss_bytes = mv_val_missing(MV_WHY_NOT_ASKED);
		t[i].pss_ns = 0;
		if (!WANTS(s, OOM))
			t[i].badness_bytes = t[i].oom_score = mv_val_missing(MV_WHY_NOT_ASKED);
	}
	for (uint32_t i = 0; i < s->want.visible_count; i++) {
		size_t at = mv_tasks_find(s->tasks, s->want.visible[i]);
		const struct mv_task *from = at == SIZE_MAX ? NULL : mv_tasks_at(s->tasks, at);

		if (!from || at >= m->tasks.count)
			continue;
		t[at].pss_ns = from->pss_ns;
		t[at].pss_bytes = from->flags & MV_TASK_KERNEL	 ? mv_val_missing(MV_WHY_KERNEL_THREAD)
				  : from->flags & MV_TASK_ZOMBIE ? mv_val_missing(MV_WHY_ZOMBIE)
				  : from->pss_bytes.why == MV_WHY_NOT_ASKED ? mv_val_missing(MV_WHY_NOT_READ)
									    : from->pss_bytes;
	}
}

static void write_groups(const struct mv_machine_sampler *s, struct mv_machine_snapshot *m, struct pool *pool)
{
	struct mv_group *g = (struct mv_group *)(void *)((char *)m + m->groups.offset);
	const struct mv_task *t = (const struct mv_task *)(const void *)((const char *)m + m->tasks.offset);

	for (size_t i = 0; i < m->groups.count; i++) {
		const char *path = mv_groups_path(s->groups, i);

		g[i] = *mv_groups_at(s->groups, i);
		g[i].path = put_text(pool, path);
		g[i].name = put_text(pool, last_part(path));
		g[i].tasks = 0;
	}
	for (size_t i = 0; i < m->tasks.count; i++)
		if (t[i].group < m->groups.count)
			g[t[i].group].tasks++;
}

static void write_kills(const struct mv_machine_sampler *s, struct mv_machine_snapshot *m, struct pool *pool)
{
	struct mv_kill *k = (struct mv_kill *)(void *)((char *)m + m->kills.offset);
	/* The log's clock stands still while the machine sleeps, as this one does. */
	const uint64_t zero_ns = mv_source_now_real(s->source) - mv_source_now(s->source);

	for (size_t i = 0; i < m->kills.count; i++) {
		struct mv_kill_texts texts = mv_kills_texts(s->kills, i);

		k[i] = *mv_kills_at(s->kills, i);
		k[i].real_ns = zero_ns + k[i].boot_us * 1000;
		k[i].name = put_text(pool, texts.name);
		k[i].group = put_text(pool, texts.group);
		k[i].limited = put_text(pool, texts.limited);
		k[i].invoker = put_text(pool, texts.invoker);
		k[i].line = put_text(pool, texts.line);
	}
}

static void write_atlas(const struct mv_machine_sampler *s, struct mv_machine_snapshot *m)
{
	const struct mv_atlas_stretch *stretches;

	m->atlas.have = WANTS(s, ATLAS) ? s->atlas_why : mv_val_missing(MV_WHY_NOT_ASKED);
	m->atlas.lit = mv_val_missing(MV_WHY_NOT_ASKED);
	m->atlas.cell_frames = s->want.cell_frames;
	if (WANTS(s, FRAME) && s->frame_known)
		m->frame = *mv_frame_detail_of(s->atlas);
	if (!WANTS(s, ATLAS) || !mv_have(&s->atlas_why))
		return;
	mv_atlas_head(s->atlas, &s->want, &m->atlas);
	mv_atlas_stretches(s->atlas, &stretches);
	if (m->stretches.count)
		memcpy((char *)m + m->stretches.offset, stretches, m->stretches.count * sizeof(*stretches));
	mv_atlas_cells(s->atlas, &s->want, (struct mv_atlas_cell *)(void *)((char *)m + m->cells.offset),
		       m->cells.count);
}

void mv_machine_sampler_snapshot(struct mv_machine_sampler *s, struct mv_machine_snapshot *ret_snapshot)
{
	struct mv_machine_snapshot *m = ret_snapshot;
	const struct layout l = lay_out(s);
	struct pool pool = {.at = (char *)m + l.text.offset, .used = 1, .cap = l.text.count};

	/* Whole: nothing of an earlier picture, nor of our own memory, is to be seen between the pieces. */
	memset(m, 0, l.length);
	m->magic = MV_MACHINE_MAGIC;
	m->page_bytes = s->page_bytes;
	m->length = l.length;
	m->seq = ++s->seq;
	m->want_seq = s->want.seq;
	m->facts = s->want.facts;
	m->taken_ns = mv_source_now(s->source);
	m->taken_real_ns = mv_source_now_real(s->source);
	m->booted_real_ns = s->booted_real_ns;
	m->ticks_per_sec = s->ticks_per_sec;
	m->cpus = s->cpus;
	memcpy(m->host, s->host, sizeof(m->host));
	memcpy(m->kernel, s->kernel, sizeof(m->kernel));
	m->ram = s->ram;
	m->tasks_ns = WANTS_TASKS(s) ? s->tasks_ns : 0;
	m->tasks_hidden = WANTS_TASKS(s) && s->tasks_hidden;
	m->tasks_left_out = WANTS_TASKS(s) ? (uint32_t)mv_tasks_left_out(s->tasks) : 0;
	m->groups_why = WANTS(s, GROUPS) ? s->groups_why : mv_val_missing(MV_WHY_NOT_ASKED);
	if (WANTS(s, GROUPS) && s->groups_why.why == MV_WHY_NOT_ASKED)
		m->groups_why = mv_val_missing(MV_WHY_NOT_READ);
	m->groups_ns = WANTS(s, GROUPS) ? s->groups_pace.done_ns : 0;
	m->kills_why = !WANTS(s, KILLS)			      ? mv_val_missing(MV_WHY_NOT_ASKED)
		       : s->kills_why.why == MV_WHY_NOT_ASKED ? mv_val_missing(MV_WHY_NOT_READ)
							      : s->kills_why;
	m->total_pages = s->total_pages;
	m->panic_on_oom = s->panic_on_oom;
	m->kill_allocating = s->kill_allocating;
	m->tasks = l.tasks;
	m->groups = l.groups;
	m->kills = l.kills;
	m->stretches = l.stretches;
	m->cells = l.cells;
	m->text = l.text;
	write_tasks(s, m, &pool);
	write_groups(s, m, &pool);
	write_kills(s, m, &pool);
	write_atlas(s, m);
	s->changed = false;
}
