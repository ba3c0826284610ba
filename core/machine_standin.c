/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* Until the machine's sampler and history are merged: the names of the processes and nothing else. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/clean.h"
#include "core/machine_history.h"
#include "core/machine_sampler.h"

struct mv_machine_sampler {
	struct mv_source *source;
	struct mv_machine_want want;
	struct mv_task *tasks;
	uint32_t count, cap;
	uint64_t seq, taken_ns;
	struct {
		char text[64];
	} *names;
};

int mv_machine_sampler_new(struct mv_source *source, _Atomic int32_t *at_pid, struct mv_machine_sampler **ret_sampler)
{
	struct mv_machine_sampler *s = calloc(1, sizeof(*s));

	(void)at_pid;
	if (!s)
		return -ENOMEM;
	s->source = source;
	s->cap = 4096;
	s->tasks = calloc(s->cap, sizeof(*s->tasks));
	s->names = calloc(s->cap, sizeof(*s->names));
	*ret_sampler = s;
	return 0;
}

void mv_machine_sampler_free(struct mv_machine_sampler *s)
{
	free(s->tasks);
	free(s->names);
	free(s);
}

void mv_machine_sampler_want(struct mv_machine_sampler *s, const struct mv_machine_want *want)
{
	s->want = *want;
}

int mv_machine_sampler_tick(struct mv_machine_sampler *s)
{
	s->count = 0;
	for (int pid = mv_source_next_pid(s->source, 0); pid && s->count < s->cap; pid = mv_source_next_pid(s->source, pid)) {
		struct mv_target *t;
		struct mv_stat stat;

		if (mv_target_open(s->source, pid, &t) < 0)
			continue;
		if (mv_stat_read(t, &stat) == 0) {
			s->tasks[s->count] = (struct mv_task){.pid = pid, .ppid = stat.ppid, .start_ticks = stat.start_ticks};
			mv_clean_into(s->names[s->count].text, 64, stat.comm, strlen(stat.comm));
			s->count++;
		}
		mv_target_close(t);
	}
	s->taken_ns = mv_source_now(s->source);
	return 0;
}

int mv_machine_sampler_work(struct mv_machine_sampler *s, uint64_t *ret_due_ns)
{
	(void)s;
	*ret_due_ns = UINT64_MAX;
	return 0;
}

bool mv_machine_sampler_changed(const struct mv_machine_sampler *s)
{
	(void)s;
	return false;
}

size_t mv_machine_sampler_bytes(struct mv_machine_sampler *s)
{
	return sizeof(struct mv_machine_snapshot) + s->count * (sizeof(struct mv_task) + 64) + 64;
}

void mv_machine_sampler_snapshot(struct mv_machine_sampler *s, struct mv_machine_snapshot *m)
{
	struct mv_arena a = {(char *)m, 0};
	char *text;

	memset(m, 0, sizeof(*m));
	mv_arena_take(&a, 1, sizeof(*m));
	m->magic = MV_MACHINE_MAGIC;
	m->seq = ++s->seq;
	m->want_seq = s->want.seq;
	m->facts = s->want.facts;
	m->taken_ns = s->taken_ns;
	m->tasks = (struct mv_section){mv_arena_take(&a, s->count, sizeof(struct mv_task)), s->count};
	memcpy(mv_arena_at(&a, m->tasks.offset), s->tasks, s->count * sizeof(struct mv_task));
	m->text = (struct mv_section){mv_arena_take(&a, s->count * 64, 1), (uint64_t)s->count * 64};
	text = mv_arena_at(&a, m->text.offset);
	for (uint32_t i = 0; i < s->count; i++) {
		memcpy(text + (size_t)i * 64, s->names[i].text, 64);
		((struct mv_task *)mv_arena_at(&a, m->tasks.offset))[i].name = i * 64;
	}
	m->length = a.used;
}

int mv_machine_check(const struct mv_machine_snapshot *m, size_t mapped_bytes)
{
	return mapped_bytes < sizeof(*m) || m->magic != MV_MACHINE_MAGIC || m->length > mapped_bytes ? -EBADMSG : 0;
}

const struct mv_task *mv_machine_tasks(const struct mv_machine_snapshot *m, uint32_t *ret_count)
{
	*ret_count = (uint32_t)m->tasks.count;
	return (const struct mv_task *)(const void *)((const char *)m + m->tasks.offset);
}

const struct mv_task *mv_machine_task(const struct mv_machine_snapshot *m, int32_t pid)
{
	uint32_t n;
	const struct mv_task *tasks = mv_machine_tasks(m, &n);

	for (uint32_t i = 0; i < n; i++)
		if (tasks[i].pid == pid)
			return &tasks[i];
	return NULL;
}

struct mv_clean mv_machine_text(const struct mv_machine_snapshot *m, uint32_t text)
{
	return mv_clean_trusted((const char *)m + m->text.offset + text);
}

struct mv_machine_history {
	uint64_t fed;
};

int mv_machine_history_new(struct mv_machine_history **ret_history)
{
	*ret_history = calloc(1, sizeof(**ret_history));
	return *ret_history ? 0 : -ENOMEM;
}

void mv_machine_history_free(struct mv_machine_history *history)
{
	free(history);
}

int mv_machine_history_feed(struct mv_machine_history *history, const struct mv_machine_snapshot *m)
{
	(void)m;
	history->fed++;
	return 0;
}
