/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/machine_sampler.h"
#include "tests/unit/fixture.h"
#include "tests/unit/tempdir.h"

#define EVERYTHING \
	(MV_MACHINE_TASKS | MV_MACHINE_GROUPS | MV_MACHINE_OOM | MV_MACHINE_KILLS | MV_MACHINE_ATLAS | \
	 MV_MACHINE_FRAME)

static void assert_val(struct mv_val got, uint64_t want)
{
	assert_int_equal(got.why, MV_WHY_HAVE);
	assert_int_equal(got.value, want);
}

static struct mv_source *machine(void)
{
	struct mv_source_opts opts = {0};
	struct mv_source *source;
	char path[1024];

	fixture_path(path, sizeof(path), "machine");
	opts.root = path;
	assert_int_equal(mv_source_new(&opts, &source), 0);
	return source;
}

static struct mv_machine_sampler *make(struct mv_source *source)
{
	struct mv_machine_sampler *s;

	assert_int_equal(mv_machine_sampler_new(source, NULL, &s), 0);
	return s;
}

static struct mv_machine_want want_of(uint32_t facts)
{
	return (struct mv_machine_want){.seq = 7, .facts = facts, .interval_ms = 1000, .cell_frames = 64};
}

static struct mv_machine_snapshot *snapshot(struct mv_machine_sampler *s, size_t *ret_bytes)
{
	size_t bytes = mv_machine_sampler_bytes(s);
	struct mv_machine_snapshot *m = aligned_alloc(8, bytes);

	assert_non_null(m);
	memset(m, 0xa5, bytes);
	mv_machine_sampler_snapshot(s, m);
	assert_int_equal(m->length, bytes);
	assert_int_equal(mv_machine_check(m, bytes), 0);
	*ret_bytes = bytes;
	return m;
}

/* The next look, with all that is due, as a picture. */
static struct mv_machine_snapshot *look(struct mv_machine_sampler *s)
{
	uint64_t due_ns;
	size_t bytes;

	assert_int_equal(mv_machine_sampler_tick(s), 0);
	for (int i = 0; mv_machine_sampler_work(s, &due_ns) > 0; i++)
		assert_true(i < 10000);
	return snapshot(s, &bytes);
}

static const struct mv_group *group(const struct mv_machine_snapshot *m, const char *path)
{
	uint32_t count;
	const struct mv_group *g = mv_machine_groups(m, &count);

	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(mv_machine_text(m, g[i].path).text, path))
			return &g[i];
	fail_msg("no group %s", path);
	return NULL;
}

static void test_everything(void **state)
{
	struct mv_source *source = machine();
	struct mv_machine_sampler *s = make(source);
	struct mv_machine_want want = want_of(EVERYTHING);
	struct mv_machine_snapshot *m;
	const struct mv_task *t;
	const struct mv_kill *k;
	uint32_t count, groups;

	(void)state;
	want.visible_count = 4;
	want.visible[0] = 801;
	want.visible[1] = 1;
	want.visible[2] = 57;
	want.visible[3] = 4;
	mv_machine_sampler_want(s, &want);
	m = look(s);
	assert_int_equal(m->want_seq, 7);
	assert_int_equal(m->seq, 1);
	assert_int_equal(m->facts, EVERYTHING);
	assert_int_equal(m->page_bytes, 4096);
	assert_int_equal(m->cpus, 4);
	assert_int_equal(m->ticks_per_sec, 100);
	assert_string_equal(m->host, "machine");
	assert_string_equal(m->kernel, "6.18.0");
	assert_int_equal(m->taken_ns, 1000 * MV_NS_PER_SEC);
	assert_int_equal(m->booted_real_ns, UINT64_C(1749999000) * MV_NS_PER_SEC);
	assert_val(m->ram.meminfo[MV_MEM_TOTAL], UINT64_C(8126464) * 1024);
	assert_int_equal(m->total_pages, (8126464 + 2621440) / 4);
	assert_val(m->panic_on_oom, 0);
	assert_val(m->kill_allocating, 0);

	mv_machine_tasks(m, &count);
	assert_int_equal(count, 17);
	assert_int_equal(m->tasks_hidden, 0);
	t = mv_machine_task(m, 801);
	assert_non_null(t);
	assert_null(mv_machine_task(m, 802));
	assert_string_equal(mv_machine_text(m, t->name).text, "mysqld");
	assert_string_equal(mv_machine_text(m, mv_machine_groups(m, &groups)[t->group].name).text,
			    "mysql.service");
	assert_val(t->pss_bytes, UINT64_C(1751040) * 1024);
	assert_val(t->oom_score, 794);
	assert_val(t->badness_bytes, (UINT64_C(1761280) + 307200 + 4608) * 1024);
	assert_int_equal(mv_machine_task(m, 1)->pss_bytes.why, MV_WHY_NEEDS_PTRACE);
	assert_int_equal(mv_machine_task(m, 57)->pss_bytes.why, MV_WHY_KERNEL_THREAD);
	assert_int_equal(mv_machine_task(m, 1523)->pss_bytes.why, MV_WHY_NOT_ASKED);
	assert_string_equal(mv_machine_text(m, mv_machine_task(m, 3500)->name).text,
			    "a) R 1 (\\x0a\\x1b[31m");

	assert_val(m->groups_why, 2);
	assert_int_equal(groups, 16);
	assert_int_equal(group(m, "/system.slice/nginx.service")->tasks, 3);
	assert_string_equal(mv_machine_text(m, group(m, "/")->name).text, "/");
	/* systemd's \x2d is text, and reads as such. */
	assert_string_equal(
	    mv_machine_text(m, mv_machine_groups(m, &groups)[mv_machine_task(m, 2048)->group].name).text,
	    "app-org.gnome.Terminal\\\\x2d3.scope");

	assert_val(m->kills_why, 1);
	k = mv_machine_kills(m, &count);
	assert_int_equal(count, 2);
	assert_int_equal(k[0].pid, 2950);
	assert_int_equal(k[1].pid, 1587);
	assert_true(k[1].reaped);
	assert_string_equal(mv_machine_text(m, k[1].name).text, "Web Content");
	assert_string_equal(mv_machine_text(m, k[1].invoker).text, "Isolated Web Co");
	assert_string_equal(mv_machine_text(m, k[1].limited).text, "");
	assert_int_equal(k[1].constraint, MV_OOM_BY_NONE);
	assert_int_equal(k[1].boot_us, 812346030);
	assert_int_equal(k[1].real_ns, UINT64_C(1749999812346030000));
	free(m);

	mv_source_step(source);
	free(look(s));
	mv_source_step(source);
	m = look(s);
	assert_int_equal(m->seq, 3);
	mv_machine_kills(m, &count);
	assert_int_equal(count, 3);
	assert_null(mv_machine_task(m, 3001));
	assert_val(group(m, "/system.slice/batch.service")->oom_kills, 2);
	assert_int_equal(group(m, "/system.slice/batch.service")->tasks, 0);
	free(m);
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

/* Nothing is read that is not wanted, and what is not says so. */
static void test_nothing(void **state)
{
	struct mv_source *source = machine();
	struct mv_machine_sampler *s = make(source);
	struct mv_machine_want want = want_of(0);
	struct mv_machine_snapshot *m;
	uint64_t due_ns;
	uint32_t count;
	size_t bytes;

	(void)state;
	/* Before any look there is a picture, with nothing in it. */
	m = snapshot(s, &bytes);
	assert_int_equal(m->ram.meminfo[MV_MEM_TOTAL].why, MV_WHY_NOT_READ);
	free(m);
	mv_machine_sampler_want(s, &want);
	assert_true(mv_machine_sampler_changed(s));
	assert_int_equal(mv_machine_sampler_tick(s), 0);
	assert_int_equal(mv_machine_sampler_work(s, &due_ns), 0);
	assert_int_equal(due_ns, UINT64_MAX);
	m = snapshot(s, &bytes);
	assert_false(mv_machine_sampler_changed(s));
	assert_true(mv_have(&m->ram.meminfo[MV_MEM_TOTAL]));
	mv_machine_tasks(m, &count);
	assert_int_equal(count, 0);
	assert_int_equal(m->tasks_ns, 0);
	assert_int_equal(m->groups_why.why, MV_WHY_NOT_ASKED);
	assert_int_equal(m->kills_why.why, MV_WHY_NOT_ASKED);
	assert_int_equal(m->atlas.have.why, MV_WHY_NOT_ASKED);
	free(m);
	want.facts = MV_MACHINE_TASKS;
	mv_machine_sampler_want(s, &want);
	m = look(s);
	assert_int_equal(mv_machine_task(m, 801)->group, MV_TASK_NO_GROUP);
	assert_int_equal(mv_machine_task(m, 801)->badness_bytes.why, MV_WHY_NOT_ASKED);
	assert_int_equal(mv_machine_task(m, 801)->oom_score.why, MV_WHY_NOT_ASKED);
	free(m);
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

/* The first picture has each process, by its stat; what takes longer follows in slices. */
static void test_first(void **state)
{
	struct mv_source *source = machine();
	struct mv_machine_sampler *s = make(source);
	struct mv_machine_want want = want_of(MV_MACHINE_TASKS | MV_MACHINE_GROUPS | MV_MACHINE_KILLS);
	struct mv_machine_snapshot *m;
	uint64_t due_ns;
	uint32_t count;
	size_t bytes;

	(void)state;
	mv_machine_sampler_want(s, &want);
	assert_int_equal(mv_machine_sampler_tick(s), 0);
	m = snapshot(s, &bytes);
	mv_machine_tasks(m, &count);
	assert_int_equal(count, 17);
	assert_int_equal(mv_machine_task(m, 801)->rss_bytes, UINT64_C(1761280) * 1024);
	assert_int_equal(mv_machine_task(m, 801)->anon_bytes.why, MV_WHY_NOT_READ);
	assert_int_equal(m->groups_why.why, MV_WHY_NOT_READ);
	assert_int_equal(m->kills_why.why, MV_WHY_NOT_READ);
	free(m);
	assert_false(mv_machine_sampler_changed(s));
	while (mv_machine_sampler_work(s, &due_ns) > 0)
		;
	assert_true(mv_machine_sampler_changed(s));
	m = snapshot(s, &bytes);
	assert_true(mv_have(&mv_machine_task(m, 801)->anon_bytes));
	assert_true(mv_have(&m->groups_why));
	free(m);
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

static void put_machine(void)
{
	tempdir_put("meminfo", "MemTotal: 1000 kB\nMemFree: 500 kB\n");
	tempdir_put("7/stat", "7 (mine) S 1 1 1 0 -1 4194304 10 0 0 0 5 0 0 0 20 0 1 0 100 409600 16 0\n");
	tempdir_put("7/status",
		    "Name:\tx\nState:\tS (sleeping)\nTgid:\t7\nUid:\t5\t5\t5\t5\nVmPeak:\t4 kB\n");
	tempdir_put("7/smaps_rollup", "Rss: 64 kB\nPss: 60 kB\n");
}

static void test_bare(void **state)
{
	struct mv_source *source;
	struct mv_machine_sampler *s;
	struct mv_machine_want want = want_of(EVERYTHING);
	struct mv_machine_snapshot *m;

	(void)state;
	put_machine();
	tempdir_put("sys/kernel/hostname", "a\033[31m\\b\n");
	source = tempdir_open();
	s = make(source);
	mv_machine_sampler_want(s, &want);
	m = look(s);
	assert_int_equal(m->groups_why.why, MV_WHY_NO_KERNEL);
	assert_int_equal(m->kills_why.why, MV_WHY_NO_KERNEL);
	assert_int_equal(m->panic_on_oom.why, MV_WHY_NO_KERNEL);
	assert_int_equal(m->tasks_hidden, 0);
	assert_int_equal(m->cpus, 1);
	assert_string_equal(m->host, "a?[31m?b");
	assert_string_equal(m->kernel, "");
	free(m);
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

static void test_refused(void **state)
{
	struct mv_source *source;
	struct mv_machine_sampler *s;
	struct mv_machine_want want = want_of(EVERYTHING);
	struct mv_machine_snapshot *m;
	_Atomic int32_t at_pid = 7;

	(void)state;
	put_machine();
	/* hidepid: PID 1 is there and can't be seen. */
	tempdir_put("1/errors", ". EPERM\n");
	tempdir_put("kmsg", "x");
	tempdir_put("errors", "kmsg EACCES\n");
	source = tempdir_open();
	/* Whoever read 7 before has hung there. */
	assert_int_equal(mv_machine_sampler_new(source, &at_pid, &s), 0);
	want.visible_count = 1;
	want.visible[0] = 7;
	mv_machine_sampler_want(s, &want);
	m = look(s);
	assert_int_equal(m->tasks_hidden, 1);
	assert_int_equal(m->kills_why.why, MV_WHY_NEEDS_SYSLOG);
	assert_int_equal(mv_machine_task(m, 7)->pss_bytes.why, MV_WHY_LATE);
	assert_int_equal(atomic_load(&at_pid), 7);
	free(m);
	mv_machine_sampler_free(s);
	/* The next one need not be told so again. */
	atomic_store(&at_pid, 0);
	assert_int_equal(mv_machine_sampler_new(source, &at_pid, &s), 0);
	mv_machine_sampler_want(s, &want);
	m = look(s);
	assert_val(mv_machine_task(m, 7)->pss_bytes, 60 * 1024);
	assert_int_equal(atomic_load(&at_pid), 0);
	free(m);
	mv_machine_sampler_free(s);
	mv_source_free(source);
	/* Without meminfo there is no picture. */
	tempdir_put("meminfo.gone", "");
	source = tempdir_open();
	s = make(source);
	mv_machine_sampler_want(s, &want);
	assert_int_equal(mv_machine_sampler_tick(s), -ENOENT);
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

/* Wants come from a process with fewer rights. */
static void test_wants(void **state)
{
	static const struct {
		uint32_t cell_frames, visible;
		uint64_t start, end;
	} bad[] = {
	    {0, 0, 0, 1000},
	    {3, 0, 0, 1000},
	    {64, 0, 1000, 0},
	    {1, 0, 0, UINT64_MAX},
	    {1u << 31, 0, 0, UINT64_MAX},
	    {1, UINT32_MAX, 0, 1},
	    {1, 129, 0, MV_ATLAS_CELLS + 1},
	};
	struct mv_source *source = machine();
	struct mv_machine_sampler *s = make(source);

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(bad); i++) {
		struct mv_machine_want want = want_of(UINT32_MAX);
		uint32_t count;
		struct mv_machine_snapshot *m;

		memset(want.visible, 0xff, sizeof(want.visible));
		want.cell_frames = bad[i].cell_frames;
		want.visible_count = bad[i].visible;
		want.atlas_start = bad[i].start;
		want.atlas_end = bad[i].end;
		want.lit = -1;
		want.pfn = UINT64_MAX;
		mv_machine_sampler_want(s, &want);
		m = look(s);
		mv_machine_cells(m, &count);
		assert_true(count <= MV_ATLAS_CELLS);
		free(m);
	}
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

/* Batch: everything that is wanted is read before work ends, whatever the pace. */
static void test_whole(void **state)
{
	struct mv_source *source = machine();
	struct mv_machine_sampler *s = make(source);
	struct mv_machine_want want = want_of(EVERYTHING | MV_MACHINE_WHOLE);
	struct mv_machine_snapshot *m;

	(void)state;
	want.visible_count = 2;
	want.visible[0] = 801;
	want.visible[1] = 1523;
	for (int i = 0; i < 3; i++) {
		mv_machine_sampler_want(s, &want);
		m = look(s);
		assert_true(mv_have(&m->groups_why));
		assert_true(mv_have(&m->kills_why));
		assert_true(mv_have(&mv_machine_task(m, 801)->pss_bytes));
		assert_true(mv_have(&mv_machine_task(m, 1523)->pss_bytes));
		free(m);
	}
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

/* Paused: what is known stays as it is, and what was never read is read once. */
static void test_paused(void **state)
{
	struct mv_source *source = machine();
	struct mv_machine_sampler *s = make(source);
	struct mv_machine_want want = want_of(MV_MACHINE_TASKS | MV_MACHINE_KILLS);
	struct mv_machine_snapshot *m;
	uint64_t due_ns;
	size_t bytes;

	(void)state;
	mv_machine_sampler_want(s, &want);
	free(look(s));
	mv_source_step(source);
	mv_source_step(source);
	want.interval_ms = 0;
	want.facts |= MV_MACHINE_GROUPS;
	want.visible_count = 1;
	want.visible[0] = 801;
	mv_machine_sampler_want(s, &want);
	while (mv_machine_sampler_work(s, &due_ns) > 0)
		;
	assert_int_equal(due_ns, UINT64_MAX);
	m = snapshot(s, &bytes);
	assert_true(mv_have(&m->groups_why));
	assert_true(mv_have(&mv_machine_task(m, 801)->pss_bytes));
	assert_non_null(mv_machine_task(m, 3001));
	assert_val(group(m, "/system.slice/batch.service")->oom_kills, 2);
	free(m);
	for (int i = 0; i < 10; i++)
		mv_source_step(source);
	assert_int_equal(mv_machine_sampler_work(s, &due_ns), 0);
	assert_int_equal(due_ns, UINT64_MAX);
	assert_false(mv_machine_sampler_changed(s));
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

/* ---- a block that a broken, or broken into, collector has made ---- */

static struct mv_machine_snapshot *copy_of(const struct mv_machine_snapshot *m)
{
	struct mv_machine_snapshot *copy = aligned_alloc(8, m->length);

	assert_non_null(copy);
	memcpy(copy, m, m->length);
	return copy;
}

/* The field's place in the first, or last, element of a section. */
#define IN(section, type, at) ((struct type *)(void *)((char *)c + c->section.offset) + (at))

static void test_broken(void **state)
{
	struct mv_source *source = machine();
	struct mv_machine_sampler *s = make(source);
	struct mv_machine_want want = want_of(EVERYTHING);
	struct mv_machine_snapshot *m, *c;
	uint64_t i;

	(void)state;
	mv_machine_sampler_want(s, &want);
	m = look(s);
#define BROKEN(statement) \
	do { \
		c = copy_of(m); \
		statement; \
		if (mv_machine_check(c, m->length) != -EBADMSG) \
			fail_msg("passed: %s", #statement); \
		free(c); \
	} while (0)
	assert_int_equal(mv_machine_check(m, m->length - 1), -EBADMSG);
	assert_int_equal(mv_machine_check(m, sizeof(*m) - 1), -EBADMSG);
	BROKEN(c->magic++);
	BROKEN(c->length++);
	BROKEN(c->length = sizeof(*c) - 1);
	BROKEN(c->page_bytes = 0);
	BROKEN(c->page_bytes = 4097);
	BROKEN(c->ticks_per_sec = 0);
	BROKEN(memset(c->host, 'x', sizeof(c->host)));
	BROKEN(memset(c->kernel, 'x', sizeof(c->kernel)));
	BROKEN(c->groups_why.why = MV_WHY__N);
	BROKEN(c->kills_why.why = MV_WHY__N);
	BROKEN(c->panic_on_oom.why = MV_WHY__N);
	BROKEN(c->kill_allocating.why = MV_WHY__N);
#define BROKEN_SECTION(section) \
	BROKEN(c->section.offset = 0); \
	BROKEN(c->section.offset += 4); \
	BROKEN(c->section.offset = c->length + 8); \
	BROKEN(c->section.offset = UINT64_MAX - 7); \
	BROKEN(c->section.count = UINT64_MAX); \
	BROKEN(c->section.count = UINT64_C(1) << 61); \
	BROKEN(c->section.count = c->length)
	BROKEN_SECTION(tasks);
	BROKEN_SECTION(groups);
	BROKEN_SECTION(kills);
	BROKEN_SECTION(stretches);
	BROKEN_SECTION(cells);
	BROKEN_SECTION(text);
	BROKEN(c->text.count = 0);
	BROKEN(((char *)c)[c->text.offset + c->text.count - 1] = 'x');
	/* Ascending, since they are searched. */
	BROKEN(IN(tasks, mv_task, 1)->pid = IN(tasks, mv_task, 0)->pid);
	BROKEN(IN(tasks, mv_task, 16)->name = (uint32_t)c->text.count);
	BROKEN(IN(tasks, mv_task, 16)->group = (uint32_t)c->groups.count);
	BROKEN(IN(tasks, mv_task, 3)->group = MV_TASK_NO_GROUP - 1);
	BROKEN(IN(tasks, mv_task, 3)->uid.why = MV_WHY__N);
	BROKEN(IN(tasks, mv_task, 3)->oom_adjust.why = MV_WHY__N);
	BROKEN(IN(tasks, mv_task, 3)->oom_adjust.value = 2001);
	BROKEN(IN(tasks, mv_task, 3)->state = '\033');
	BROKEN(c->total_pages = UINT64_MAX);
	BROKEN(IN(tasks, mv_task, 3)->badness_bytes.why = MV_WHY__N);
	/* Upwards there is an end. */
	BROKEN(IN(groups, mv_group, 3)->parent = 3);
	BROKEN(IN(groups, mv_group, 3)->parent = 4);
	BROKEN(IN(groups, mv_group, 3)->depth = 9);
	BROKEN(IN(groups, mv_group, 0)->parent = 1);
	BROKEN(IN(groups, mv_group, 15)->path = (uint32_t)c->text.count);
	BROKEN(IN(groups, mv_group, 15)->name = UINT32_MAX);
	BROKEN(IN(groups, mv_group, 15)->usage.why = MV_WHY__N);
	BROKEN(IN(groups, mv_group, 15)->oom_kills.why = MV_WHY__N);
	BROKEN(IN(groups, mv_group, 15)->full.why = MV_WHY__N);
	BROKEN(IN(kills, mv_kill, 1)->name = (uint32_t)c->text.count);
	BROKEN(IN(kills, mv_kill, 1)->group = (uint32_t)c->text.count);
	BROKEN(IN(kills, mv_kill, 1)->limited = (uint32_t)c->text.count);
	BROKEN(IN(kills, mv_kill, 1)->invoker = (uint32_t)c->text.count);
	BROKEN(IN(kills, mv_kill, 1)->line = (uint32_t)c->text.count);
	BROKEN(IN(kills, mv_kill, 1)->constraint = MV_OOM_BY__N);
	BROKEN(IN(kills, mv_kill, 1)->adjust.why = MV_WHY__N);
	BROKEN(c->ram.zones_count = MV_ZONES + 1);
	BROKEN(c->ram.nodes_count = MV_NODES + 1);
	BROKEN(c->ram.huge_count = MV_HUGE_SIZES + 1);
	BROKEN(c->ram.swaps_count = MV_SWAPS + 1);
	BROKEN(c->ram.zones[0].orders = MV_ORDERS + 1);
	BROKEN(memset(c->ram.zones[0].name, 'x', sizeof(c->ram.zones[0].name)));
	BROKEN(memset(c->ram.swaps[0].name, 'x', sizeof(c->ram.swaps[0].name)));
	BROKEN(memset(c->ram.swaps[0].kind, 'x', sizeof(c->ram.swaps[0].kind)));
	BROKEN(c->ram.nodes[0].hit.why = MV_WHY__N);
	BROKEN(c->ram.zones_why = MV_WHY__N);
	BROKEN(c->ram.some.why = MV_WHY__N);
	BROKEN(c->ram.meminfo[MV_MEM__N - 1].why = MV_WHY__N);
	BROKEN(c->ram.vmstat[0].why = MV_WHY__N);
	BROKEN(c->ram.container_usage.why = MV_WHY__N);
	BROKEN(c->atlas.have.why = MV_WHY__N);
	BROKEN(c->atlas.lit.why = MV_WHY__N);
	BROKEN(c->atlas.cell_frames = 3);
	BROKEN(c->atlas.start = c->atlas.end + 1);
	BROKEN(c->frame.use = MV_USE__N);
	BROKEN(c->frame.mappers_count = 17);
	BROKEN(c->frame.searched.why = MV_WHY__N);
	/* Any byte of it: what passes can be walked. */
	for (i = 0; i < m->length; i += 3) {
		uint32_t tasks, groups, kills;
		const struct mv_task *t;
		const struct mv_group *g;
		const struct mv_kill *k;

		c = copy_of(m);
		((unsigned char *)c)[i] ^= (unsigned char)(1u << i % 8);
		if (mv_machine_check(c, m->length) == 0) {
			t = mv_machine_tasks(c, &tasks);
			g = mv_machine_groups(c, &groups);
			k = mv_machine_kills(c, &kills);
			for (uint32_t at = 0; at < tasks; at++) {
				assert_ptr_equal(mv_machine_task(c, t[at].pid), &t[at]);
				assert_true(strlen(mv_machine_text(c, t[at].name).text) < c->text.count);
				for (uint32_t up = t[at].group; up < groups && g[up].parent != up;
				     up = g[up].parent)
					assert_true(g[up].parent < up);
			}
			for (uint32_t at = 0; at < kills; at++)
				assert_true(strlen(mv_machine_text(c, k[at].line).text) < c->text.count);
		}
		free(c);
	}
	free(m);
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_everything),
	    cmocka_unit_test(test_nothing),
	    cmocka_unit_test(test_first),
	    cmocka_unit_test_setup_teardown(test_bare, tempdir_make, tempdir_remove),
	    cmocka_unit_test_setup_teardown(test_refused, tempdir_make, tempdir_remove),
	    cmocka_unit_test(test_wants),
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_paused),
	    cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
