/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/machine_history.h"
#include "tests/unit/snapbuild_machine.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static void fill_ram(struct mv_ram *r)
{
	for (size_t i = 0; i < MV_MEM__N; i++)
		r->meminfo[i] = mv_val_of(0);
	for (size_t i = 0; i < MV_VMSTAT__N; i++)
		r->vmstat[i] = mv_val_of(0);
	r->meminfo[MV_MEM_TOTAL] = mv_val_of(8 * GIB);
	r->meminfo[MV_MEM_FREE] = mv_val_of(1 * GIB);
	r->meminfo[MV_MEM_AVAILABLE] = mv_val_of(4 * GIB);
	r->meminfo[MV_MEM_BUFFERS] = mv_val_of(256 * MIB);
	r->meminfo[MV_MEM_CACHED] = mv_val_of(3 * GIB);
	r->meminfo[MV_MEM_SRECLAIMABLE] = mv_val_of(256 * MIB);
	r->meminfo[MV_MEM_SHMEM] = mv_val_of(512 * MIB);
	r->meminfo[MV_MEM_ACTIVE_FILE] = r->meminfo[MV_MEM_INACTIVE_FILE] = mv_val_of(1 * GIB);
	r->meminfo[MV_MEM_ANON] = mv_val_of(3 * GIB);
	r->meminfo[MV_MEM_SWAP_TOTAL] = mv_val_of(2 * GIB);
	r->meminfo[MV_MEM_SWAP_FREE] = mv_val_of(3 * GIB / 2);
	r->meminfo[MV_MEM_HUGE_SIZE] = mv_val_of(2 * MIB);
	r->free_used = r->free_cached = mv_val_missing(MV_WHY_NOT_READ);
	r->some.why = r->full.why = MV_WHY_HAVE;
	r->container_limit = r->container_usage = mv_val_missing(MV_WHY_NO_LIMIT);
	r->zones_why = MV_WHY_HAVE;
	r->zones_count = 1;
	r->zones[0] = (struct mv_zone){.orders = 11,
				       .name = "Normal",
				       .free = GIB / 4096,
				       .min = 4000,
				       .low = 5000,
				       .high = 6000,
				       .managed = 2 * 1024 * 1024};
	r->zones[0].blocks[0] = 1024;
	r->zones[0].blocks[10] = 255;
	r->nodes_why = MV_WHY_NOT_HERE;
}

void snapbuild_machine_init(struct snapbuild_machine *b)
{
	struct mv_machine_snapshot *h = &b->head;

	memset(b, 0, sizeof(*b));
	h->magic = MV_MACHINE_MAGIC;
	h->page_bytes = 4096;
	h->seq = 1;
	h->facts = MV_MACHINE_TASKS | MV_MACHINE_GROUPS | MV_MACHINE_OOM | MV_MACHINE_KILLS;
	h->taken_ns = h->tasks_ns = h->groups_ns = h->ram.at_ns = 100 * MV_NS_PER_SEC;
	h->taken_real_ns = UINT64_C(1700000000) * MV_NS_PER_SEC;
	h->booted_real_ns = UINT64_C(1699999900) * MV_NS_PER_SEC;
	h->ticks_per_sec = 100;
	h->cpus = 4;
	memcpy(h->host, "box", sizeof("box"));
	memcpy(h->kernel, "6.18.0", sizeof("6.18.0"));
	h->groups_why = mv_val_of(2);
	h->kills_why = mv_val_of(1);
	h->total_pages = 10 * GIB / 4096;
	h->panic_on_oom = h->kill_allocating = mv_val_of(0);
	fill_ram(&h->ram);
}

struct snapbuild_task snapbuild_process(int pid, int ppid, const char *name, uint32_t uid, uint64_t anon_mib)
{
	uint64_t rss = (anon_mib + 4) * MIB;

	return (struct snapbuild_task){.name = name,
				       .plain = {.pid = pid,
						 .ppid = ppid,
						 .start_ticks = 1000 + (uint64_t)pid,
						 .group = MV_TASK_NO_GROUP,
						 .threads = 1,
						 .state = 'S',
						 .rss_bytes = rss,
						 .uid = mv_val_of(uid),
						 .size_bytes = mv_val_of(2 * rss),
						 .anon_bytes = mv_val_of(anon_mib * MIB),
						 .file_bytes = mv_val_of(4 * MIB),
						 .shmem_bytes = mv_val_of(0),
						 .swap_bytes = mv_val_of(0),
						 .tables_bytes = mv_val_of(MIB),
						 .pss_bytes = mv_val_missing(MV_WHY_NOT_ASKED),
						 .oom_adjust = mv_val_of(1000),
						 .oom_score = mv_val_missing(MV_WHY_NOT_ASKED),
						 .badness_bytes = mv_val_of(rss + MIB)}};
}

struct snapbuild_cgroup_row snapbuild_cgroup(const char *path, const char *name, uint32_t parent,
					     uint64_t usage_mib, uint64_t limit_mib)
{
	struct mv_group g = {.parent = parent, .version = 2, .usage = mv_val_of(usage_mib * MIB)};

	g.limit = limit_mib ? mv_val_of(limit_mib * MIB) : mv_val_missing(MV_WHY_NO_LIMIT);
	g.anon = mv_val_of(usage_mib * MIB / 2);
	g.file = mv_val_of(usage_mib * MIB / 4);
	g.shmem = g.kernel = g.slab = g.swap_usage = mv_val_of(0);
	g.low_events = g.high_events = g.max_events = g.oom_events = g.oom_kills = mv_val_of(0);
	return (struct snapbuild_cgroup_row){.path = path, .name = name, .plain = g};
}

/* ---- making one ---- */

struct maker {
	char *base;
	uint64_t at, text_at, text;
};

static void *section(struct maker *m, struct mv_section *sec, size_t count, size_t size)
{
	void *start = m->base + m->at;

	sec->offset = m->at;
	sec->count = count;
	m->at = (m->at + count * size + 7) & ~UINT64_C(7);
	return start;
}

static uint32_t put_text(struct maker *m, const char *text)
{
	uint32_t at = (uint32_t)m->text;

	if (!text || !*text)
		return 0;
	strcpy(m->base + m->text_at + m->text, text);
	m->text += strlen(text) + 1;
	return at;
}

struct mv_machine_snapshot *snapbuild_machine_make(const struct snapbuild_machine *b)
{
	size_t rows = b->tasks_count * sizeof(struct mv_task) + b->groups_count * sizeof(struct mv_group) +
		      b->kills_count * sizeof(struct mv_kill);
	size_t texts = 64 + b->tasks_count * 64 + b->groups_count * 512 + b->kills_count * 1024;
	struct mv_machine_snapshot *s = calloc(1, sizeof(*s) + rows + texts + 64);
	struct maker m = {(char *)s, sizeof(*s), 0, 1};

	if (!s)
		abort();
	*s = b->head;
	struct mv_task *tasks = section(&m, &s->tasks, b->tasks_count, sizeof(*tasks));
	struct mv_group *groups = section(&m, &s->groups, b->groups_count, sizeof(*groups));
	struct mv_kill *kills = section(&m, &s->kills, b->kills_count, sizeof(*kills));
	section(&m, &s->stretches, 0, 1);
	section(&m, &s->cells, 0, 1);
	m.text_at = m.at;
	for (size_t i = 0; i < b->tasks_count; i++) {
		tasks[i] = b->tasks[i].plain;
		tasks[i].name = put_text(&m, b->tasks[i].name);
		if (tasks[i].group != MV_TASK_NO_GROUP && tasks[i].group < b->groups_count)
			groups[tasks[i].group].tasks++;
	}
	for (size_t i = 0; i < b->groups_count; i++) {
		uint32_t in = groups[i].tasks;

		groups[i] = b->groups[i].plain;
		groups[i].tasks = in;
		groups[i].path = put_text(&m, b->groups[i].path);
		groups[i].name = put_text(&m, b->groups[i].name);
		groups[i].depth = groups[i].parent == i ? 0 : groups[groups[i].parent].depth + 1;
	}
	for (size_t i = 0; i < b->kills_count; i++) {
		kills[i] = b->kills[i].plain;
		kills[i].name = put_text(&m, b->kills[i].name);
		kills[i].group = put_text(&m, b->kills[i].group);
		kills[i].limited = put_text(&m, b->kills[i].limited);
		kills[i].invoker = put_text(&m, b->kills[i].invoker);
		kills[i].line = put_text(&m, b->kills[i].line);
	}
	s->text = (struct mv_section){m.text_at, m.text};
	s->length = m.text_at + m.text;
	if (mv_machine_check(s, s->length) < 0)
		abort();
	return s;
}

/* ---- the views over them ---- */

static void refresh(struct snapbuild_rig *rig)
{
	rig->ctx.machine = rig->snap;
	rig->ctx.history = rig->history;
	rig->ctx.delta = rig->delta;
	rig->ctx.status = &rig->status;
	rig->ctx.now_ns = rig->snap ? rig->snap->taken_ns + MV_NS_PER_SEC / 5 : 0;
	rig->ctx.now_real_ns = rig->snap ? rig->snap->taken_real_ns + MV_NS_PER_SEC / 5 : 0;
}

static void take(struct snapbuild_rig *rig)
{
	free(rig->snap);
	rig->snap = snapbuild_machine_make(&rig->machine);
	if (mv_machine_history_feed(rig->history, rig->snap) < 0)
		abort();
	refresh(rig);
	mv_stack_want_machine(rig->stack, &rig->ctx, rig->canvas.rows, rig->canvas.cols, &rig->want);
}

void snapbuild_rig_start(struct snapbuild_rig *rig, enum mv_view_id first, int rows, int cols)
{
	const struct mv_place nowhere = {0};

	rig->snap = NULL;
	rig->ctx = (struct mv_context){.interval_ms = 1000, .page_cols = 1, .own_cpu_percent = -1};
	if (mv_machine_history_new(&rig->history) < 0 || mv_delta_new(&rig->delta) < 0 ||
	    mv_stack_new(first, &nowhere, &rig->stack) < 0 || mv_canvas_init(&rig->canvas, rows, cols) < 0)
		abort();
	take(rig);
}

void snapbuild_rig_end(struct snapbuild_rig *rig)
{
	mv_canvas_release(&rig->canvas);
	mv_stack_free(rig->stack);
	mv_delta_free(rig->delta);
	mv_machine_history_free(rig->history);
	free(rig->snap);
	rig->snap = NULL;
}

void snapbuild_rig_look(struct snapbuild_rig *rig, unsigned ms)
{
	struct mv_machine_snapshot *h = &rig->machine.head;
	uint64_t by = (uint64_t)ms * 1000000;

	h->seq++;
	h->taken_ns += by;
	h->tasks_ns += h->tasks_ns ? by : 0;
	h->groups_ns += by;
	h->ram.at_ns += by;
	h->taken_real_ns += by;
	take(rig);
}

enum mv_effect snapbuild_rig_press(struct snapbuild_rig *rig, const char *keys)
{
	enum mv_effect effect = MV_EFFECT_NONE;
	struct mv_input input;

	for (int n; (n = mv_keys_parse(keys, &input)) > 0; keys += n) {
		effect = mv_stack_input(rig->stack, &rig->ctx, input);
		if (effect == MV_EFFECT_EXACT)
			rig->ctx.exact = !rig->ctx.exact;
		mv_stack_want_machine(rig->stack, &rig->ctx, rig->canvas.rows, rig->canvas.cols, &rig->want);
	}
	return effect;
}

int snapbuild_rig_row(struct snapbuild_rig *rig, const char *text)
{
	mv_stack_draw(rig->stack, &rig->ctx, &rig->canvas);
	for (int y = 0; y < rig->canvas.rows; y++)
		if (strstr(snapbuild_line(&rig->canvas, y), text))
			return y;
	return -1;
}

bool snapbuild_rig_shows(struct snapbuild_rig *rig, const char *text)
{
	return snapbuild_rig_row(rig, text) >= 0;
}

int snapbuild_rig_cursor(struct snapbuild_rig *rig)
{
	mv_stack_draw(rig->stack, &rig->ctx, &rig->canvas);
	for (int y = 0; y < rig->canvas.rows; y++) {
		const char *line = snapbuild_line(&rig->canvas, y);

		if (line[strspn(line, " ")] == '>')
			return y;
	}
	return -1;
}
