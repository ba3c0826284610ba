/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/tasks.h"
#include "tests/unit/fixture.h"
#include "tests/unit/tempdir.h"

static void assert_val(struct mv_val got, uint64_t want)
{
	assert_int_equal(got.why, MV_WHY_HAVE);
	assert_int_equal(got.value, want);
}

static struct mv_tasks *make(struct mv_source *source)
{
	struct mv_tasks *tasks;

	assert_int_equal(mv_tasks_new(source, true, &tasks), 0);
	return tasks;
}

static void look(struct mv_tasks *tasks, unsigned how)
{
	assert_int_equal(mv_tasks_read(tasks), 0);
	while (mv_tasks_step(tasks, how, 2) > 0)
		;
}

static const struct mv_task *task(const struct mv_tasks *tasks, int pid)
{
	size_t i = mv_tasks_find(tasks, pid);

	if (i == SIZE_MAX)
		fail_msg("no process %d", pid);
	return mv_tasks_at(tasks, i);
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

static void test_machine(void **state)
{
	struct mv_source *source = machine();
	struct mv_tasks *tasks = make(source);
	const struct mv_task *t;

	(void)state;
	assert_int_equal(mv_tasks_read(tasks), 0);
	/* At once, from stat alone. */
	assert_int_equal(mv_tasks_count(tasks), 17);
	assert_false(mv_tasks_whole(tasks));
	t = task(tasks, 801);
	assert_int_equal(t->ppid, 1);
	assert_int_equal(t->state, 'S');
	assert_int_equal(t->threads, 38);
	assert_int_equal(t->start_ticks, 1200);
	assert_int_equal(t->minor_faults, 700000);
	assert_int_equal(t->major_faults, 9000);
	assert_int_equal(t->cpu_ticks, 9100);
	assert_int_equal(t->rss_bytes, UINT64_C(1761280) * 1024);
	assert_int_equal(t->anon_bytes.why, MV_WHY_NOT_READ);
	assert_int_equal(t->oom_adjust.why, MV_WHY_NOT_READ);
	while (mv_tasks_step(tasks, MV_TASKS_GROUPS, 3) > 0)
		;
	assert_true(mv_tasks_whole(tasks));
	t = task(tasks, 801);
	assert_val(t->uid, 112);
	assert_val(t->anon_bytes, UINT64_C(1740800) * 1024);
	assert_val(t->file_bytes, 20480 * 1024);
	assert_val(t->shmem_bytes, 0);
	assert_val(t->swap_bytes, UINT64_C(307200) * 1024);
	assert_val(t->tables_bytes, 4608 * 1024);
	assert_val(t->size_bytes, (UINT64_C(1761280) + 307200 + 65536) * 1024);
	assert_val(t->oom_adjust, 1000);
	assert_int_equal(t->pss_bytes.why, MV_WHY_NOT_ASKED);
	assert_int_equal(t->flags, 0);
	assert_val(task(tasks, 412)->oom_adjust, 750);
	assert_val(task(tasks, 655)->oom_adjust, 0);
	assert_int_equal(task(tasks, 655)->flags, MV_TASK_UNKILLABLE);
	assert_int_equal(task(tasks, 1)->flags, MV_TASK_UNKILLABLE);
	t = task(tasks, 57);
	assert_int_equal(t->flags, MV_TASK_KERNEL);
	assert_int_equal(t->anon_bytes.why, MV_WHY_KERNEL_THREAD);
	assert_int_equal(t->size_bytes.why, MV_WHY_KERNEL_THREAD);
	assert_val(t->uid, 0);
	assert_string_equal(mv_tasks_name(tasks, mv_tasks_find(tasks, 57)), "kworker/u8:2-events_unbound");
	t = task(tasks, 2710);
	assert_int_equal(t->flags, MV_TASK_ZOMBIE);
	assert_int_equal(t->anon_bytes.why, MV_WHY_ZOMBIE);
	assert_val(t->uid, 1000);
	assert_string_equal(mv_tasks_name(tasks, mv_tasks_find(tasks, 3500)), "a) R 1 (\n\033[31m");
	/* What it takes once it is clean: "a) R 1 (\x0a\x1b[31m" and a NUL. */
	assert_int_equal(mv_tasks_name_bytes(tasks, mv_tasks_find(tasks, 3500)), 21);
	assert_int_equal(mv_tasks_find(tasks, 3), SIZE_MAX);
	mv_tasks_free(tasks);
	mv_source_free(source);
}

static void test_steps(void **state)
{
	struct mv_source *source = machine();
	struct mv_tasks *tasks = make(source);

	(void)state;
	look(tasks, 0);
	mv_source_step(source);
	look(tasks, 0);
	assert_val(task(tasks, 2048)->anon_bytes, (204800 + 102400) * 1024);
	assert_int_equal(task(tasks, 2048)->minor_faults, 52000 + 25600);
	assert_int_not_equal(mv_tasks_find(tasks, 3001), SIZE_MAX);
	mv_source_step(source);
	assert_int_equal(mv_tasks_read(tasks), 0);
	/* What was read in its turn stays until the next. */
	assert_int_equal(task(tasks, 655)->flags, MV_TASK_UNKILLABLE);
	look(tasks, 0);
	assert_int_equal(mv_tasks_count(tasks), 16);
	assert_int_equal(mv_tasks_find(tasks, 3001), SIZE_MAX);
	assert_val(task(tasks, 3500)->anon_bytes, 1024 * 1024);
	mv_source_step(source);
	look(tasks, 0);
	assert_val(task(tasks, 801)->swap_bytes, (307200 + 51200) * 1024);
	assert_int_equal(task(tasks, 801)->rss_bytes, (UINT64_C(1761280) - 71680) * 1024);
	mv_tasks_free(tasks);
	mv_source_free(source);
}

static void test_groups(void **state)
{
	struct mv_source *source = machine();
	struct mv_tasks *tasks = make(source);
	struct mv_groups *groups;

	(void)state;
	look(tasks, 0);
	assert_int_equal(task(tasks, 801)->group, MV_TASK_NO_GROUP);
	assert_int_equal(mv_groups_new(&groups), 0);
	assert_int_equal(mv_groups_begin(groups, source), 0);
	assert_int_equal(mv_groups_step(groups, 100), 0);
	mv_tasks_place(tasks, groups);
	/* Wanted only now: of those that have been read without it as well. */
	look(tasks, MV_TASKS_GROUPS);
	assert_string_equal(mv_groups_path(groups, task(tasks, 801)->group), "/system.slice/mysql.service");
	assert_int_equal(task(tasks, 991)->group, task(tasks, 992)->group);
	assert_int_equal(task(tasks, 57)->group, 0);
	assert_int_equal(mv_groups_find(groups, "/user.slice/user-1000.slice/user@1000.service/app.slice/"
						"app-org.gnome.Terminal\\x2d3.scope"),
			 task(tasks, 2048)->group);
	mv_tasks_place(tasks, NULL);
	assert_int_equal(task(tasks, 801)->group, MV_TASK_NO_GROUP);
	mv_groups_free(groups);
	mv_tasks_free(tasks);
	mv_source_free(source);
}

static void test_badness(void **state)
{
	struct mv_source *source = machine();
	struct mv_tasks *tasks = make(source);

	(void)state;
	look(tasks, 0);
	mv_tasks_weigh(tasks, (8126464 + 2621440) / 4);
	assert_val(task(tasks, 1611)->badness_bytes,
		   (UINT64_C(307200) + 102400 + 40960 + 49152 + 1400) * 1024 + UINT64_C(300) * 2686 * 4096);
	assert_val(task(tasks, 655)->badness_bytes, 0);
	assert_val(task(tasks, 412)->badness_bytes, 0); /* less than none */
	assert_int_equal(task(tasks, 1611)->oom_score.why, MV_WHY_NOT_ASKED);
	mv_tasks_score(tasks, 3);
	/* 1611 and 1523, and 2048: not mysqld, the largest. */
	assert_int_equal(task(tasks, 1611)->oom_score.why, MV_WHY_HAVE);
	assert_int_equal(task(tasks, 1523)->oom_score.why, MV_WHY_HAVE);
	assert_int_equal(task(tasks, 3500)->oom_score.why, MV_WHY_NOT_ASKED);
	assert_int_equal(task(tasks, 801)->oom_score.why, MV_WHY_NOT_ASKED);
	mv_tasks_weigh(tasks, (8126464 + 2621440) / 4);
	mv_tasks_score(tasks, MV_TASKS_SCORED);
	for (size_t i = 0; i < mv_tasks_count(tasks); i++)
		assert_int_equal(mv_tasks_at(tasks, i)->oom_score.why, MV_WHY_HAVE);
	mv_tasks_free(tasks);
	mv_source_free(source);
}

static void test_pss(void **state)
{
	struct mv_source *source = machine();
	struct mv_tasks *tasks = make(source);

	(void)state;
	look(tasks, 0);
	assert_int_equal(mv_tasks_pss_due(tasks, 801), 0);
	assert_true(mv_tasks_read_pss(tasks, 801));
	assert_val(task(tasks, 801)->pss_bytes, UINT64_C(1751040) * 1024);
	assert_int_equal(mv_tasks_pss_due(tasks, 801), task(tasks, 801)->pss_ns + MV_NS_PER_SEC);
	assert_true(mv_tasks_read_pss(tasks, 1));
	assert_int_equal(task(tasks, 1)->pss_bytes.why, MV_WHY_NEEDS_PTRACE);
	assert_false(mv_tasks_read_pss(tasks, 4));
	assert_int_equal(mv_tasks_pss_due(tasks, 4), UINT64_MAX);
	assert_int_equal(mv_tasks_pss_due(tasks, 57), UINT64_MAX);
	assert_int_equal(mv_tasks_pss_due(tasks, 2710), UINT64_MAX);
	mv_tasks_refuse_pss(tasks, 1523);
	assert_int_equal(mv_tasks_pss_due(tasks, 1523), UINT64_MAX);
	assert_int_equal(task(tasks, 1523)->pss_bytes.why, MV_WHY_LATE);
	mv_tasks_free(tasks);
	mv_source_free(source);
}

/* ---- what is read when ---- */

static void put_stat(const char *step, int pid, const char *name, char letter, unsigned threads,
		     unsigned start, unsigned ticks, unsigned pages)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "%s%d/stat", step, pid);
	snprintf(text, sizeof(text),
		 "%d (%s) %c 1 1 1 0 -1 4194304 10 0 0 0 %u 0 0 0 20 0 %u 0 %u 409600 %u 0\n", pid, name,
		 letter, ticks, threads, start, pages);
	tempdir_put(path, text);
}

static void put_status(const char *step, int pid, unsigned uid, unsigned anon_kib, unsigned swap_kib)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "%s%d/status", step, pid);
	snprintf(text, sizeof(text),
		 "Name:\tx\nState:\tS (sleeping)\nTgid:\t%d\nUid:\t%u\t%u\t%u\t%u\nVmPeak:\t400 "
		 "kB\nRssAnon:\t%u kB\nRssFile:\t4 kB\n"
		 "RssShmem:\t0 kB\nVmPTE:\t8 kB\nVmSwap:\t%u kB\n",
		 pid, uid, uid, uid, uid, anon_kib, swap_kib);
	tempdir_put(path, text);
}

static void test_turns(void **state)
{
	struct mv_source *source;
	struct mv_tasks *tasks;

	(void)state;
	put_stat("", 10, "still", 'S', 1, 100, 5, 26);
	put_status("", 10, 7, 100, 0);
	put_stat("", 11, "busy", 'S', 1, 100, 5, 26);
	put_status("", 11, 7, 100, 0);
	tempdir_put("11/oom_score_adj", "0\n");
	tempdir_put("clock", "1000000000000 1700000000000000000");
	/* A second later: reclaim has taken from both, and the busy one has run. */
	put_status("step1/", 10, 7, 60, 40);
	put_stat("step1/", 11, "busy", 'S', 1, 100, 6, 26);
	put_status("step1/", 11, 8, 60, 40);
	tempdir_put("step1/11/oom_score_adj", "500\n");
	tempdir_put("step2/clock", "1030100000000 1700000030000000000");
	source = tempdir_open();
	tasks = make(source);
	look(tasks, 0);
	assert_val(task(tasks, 10)->anon_bytes, 100 * 1024);
	assert_int_equal(task(tasks, 10)->rss_bytes, 104 * 1024); /* as stat says: 26 pages */
	mv_source_step(source);
	look(tasks, 0);
	assert_val(task(tasks, 10)->anon_bytes, 100 * 1024);
	assert_val(task(tasks, 11)->anon_bytes, 60 * 1024);
	assert_val(task(tasks, 11)->uid, 8);
	/* Which is what status says, since stat's count lags behind. */
	assert_int_equal(task(tasks, 11)->rss_bytes, 64 * 1024);
	/* It has its turn like all others. */
	assert_val(task(tasks, 11)->oom_adjust, 1000);
	mv_source_step(source);
	look(tasks, 0);
	assert_val(task(tasks, 10)->anon_bytes, 60 * 1024);
	assert_val(task(tasks, 10)->swap_bytes, 40 * 1024);
	assert_val(task(tasks, 11)->oom_adjust, 1500);
	mv_tasks_free(tasks);
	mv_source_free(source);
}

static void test_all(void **state)
{
	struct mv_source *source;
	struct mv_tasks *tasks;

	(void)state;
	put_stat("", 10, "still", 'S', 1, 100, 5, 26);
	put_status("", 10, 7, 100, 0);
	put_status("step1/", 10, 7, 60, 40);
	source = tempdir_open();
	tasks = make(source);
	look(tasks, 0);
	mv_source_step(source);
	look(tasks, MV_TASKS_ALL);
	assert_val(task(tasks, 10)->swap_bytes, 40 * 1024);
	mv_tasks_free(tasks);
	mv_source_free(source);
}

/* Between two looks at status RSS goes on as stat does. */
static void test_rss(void **state)
{
	struct mv_source *source;
	struct mv_tasks *tasks;

	(void)state;
	put_stat("", 10, "x", 'S', 1, 100, 5, 16);
	put_status("", 10, 7, 100, 0);
	put_stat("step1/", 10, "x", 'S', 1, 100, 5, 18);
	put_stat("step2/", 10, "x", 'S', 1, 100, 5, 0);
	/* Here status knows of less than stat does. */
	put_stat("", 11, "y", 'S', 1, 100, 5, 16);
	put_status("", 11, 7, 20, 0);
	put_stat("step2/", 11, "y", 'S', 1, 100, 5, 1);
	source = tempdir_open();
	tasks = make(source);
	look(tasks, 0);
	assert_int_equal(task(tasks, 10)->rss_bytes, 104 * 1024);
	mv_source_step(source);
	assert_int_equal(mv_tasks_read(tasks), 0);
	assert_int_equal(task(tasks, 10)->rss_bytes, 112 * 1024);
	mv_source_step(source);
	assert_int_equal(mv_tasks_read(tasks), 0);
	assert_int_equal(task(tasks, 10)->rss_bytes, 40 * 1024);
	assert_int_equal(task(tasks, 11)->rss_bytes, 0);
	mv_tasks_free(tasks);
	mv_source_free(source);
}

/* They come, go, and come again under a number that was another's. */
static void test_comings(void **state)
{
	struct mv_source *source;
	struct mv_tasks *tasks;

	(void)state;
	for (int pid = 10; pid < 20; pid++) {
		put_stat("", pid, "old", 'S', 1, 100, 5, 16);
		put_status("", pid, (unsigned)pid, 100, 0);
	}
	put_stat("step1/", 5, "new", 'S', 1, 200, 5, 16);
	put_status("step1/", 5, 5, 100, 0);
	/* Nothing but its start tells it from the old one. */
	put_stat("step1/", 12, "old", 'S', 1, 201, 5, 16);
	put_status("step1/", 12, 99, 30, 0);
	put_stat("step1/", 15, "renamed", 'S', 1, 100, 5, 16);
	tempdir_put("step1/13.gone", "");
	tempdir_put("step1/19.gone", "");
	tempdir_put("step1/30/status", "x");
	/* Between its stat and its status it ends. */
	put_stat("step1/", 31, "short", 'S', 1, 300, 5, 16);
	source = tempdir_open();
	tasks = make(source);
	look(tasks, 0);
	assert_int_equal(mv_tasks_count(tasks), 10);
	mv_source_step(source);
	look(tasks, 0);
	assert_int_equal(mv_tasks_count(tasks), 9);
	for (size_t i = 1; i < mv_tasks_count(tasks); i++)
		assert_true(mv_tasks_at(tasks, i - 1)->pid < mv_tasks_at(tasks, i)->pid);
	assert_string_equal(mv_tasks_name(tasks, mv_tasks_find(tasks, 5)), "new");
	assert_string_equal(mv_tasks_name(tasks, mv_tasks_find(tasks, 15)), "renamed");
	assert_int_equal(mv_tasks_name_bytes(tasks, mv_tasks_find(tasks, 15)), 8);
	assert_val(task(tasks, 12)->uid, 99);
	assert_int_equal(task(tasks, 12)->start_ticks, 201);
	assert_val(task(tasks, 14)->uid, 14);
	assert_int_equal(mv_tasks_find(tasks, 31), SIZE_MAX);
	assert_true(mv_tasks_whole(tasks));
	mv_tasks_free(tasks);
	mv_source_free(source);
}

/* hidepid=1: they are listed, and can't be read. A status that is refused, or broken, is no end. */
static void test_refused(void **state)
{
	struct mv_source *source;
	struct mv_tasks *tasks;

	(void)state;
	put_stat("", 10, "a", 'S', 1, 100, 5, 16);
	tempdir_put("10/status", "x");
	put_stat("", 11, "b", 'S', 1, 100, 5, 16);
	put_status("", 11, 7, 100, 0);
	tempdir_put("11/errors", "status EACCES\noom_score_adj EACCES\n");
	put_stat("", 12, "c", 'S', 1, 100, 5, 16);
	tempdir_put("12/errors", ". EPERM\n");
	source = tempdir_open();
	tasks = make(source);
	look(tasks, MV_TASKS_GROUPS);
	assert_int_equal(mv_tasks_count(tasks), 2);
	assert_int_equal(task(tasks, 10)->uid.why, MV_WHY_MALFORMED);
	assert_int_equal(task(tasks, 10)->anon_bytes.why, MV_WHY_MALFORMED);
	assert_int_equal(task(tasks, 10)->oom_adjust.why, MV_WHY_NO_KERNEL);
	assert_int_equal(task(tasks, 11)->anon_bytes.why, MV_WHY_NEEDS_PTRACE);
	assert_int_equal(task(tasks, 11)->oom_adjust.why, MV_WHY_NEEDS_PTRACE);
	assert_int_equal(task(tasks, 11)->rss_bytes, 16 * 4096);
	mv_tasks_free(tasks);
	mv_source_free(source);
}

/* The main thread has ended, others have not: no zombie, and its memory is told by way of a thread. */
static void test_leader_gone(void **state)
{
	struct mv_source *source;
	struct mv_tasks *tasks;

	(void)state;
	put_stat("", 10, "leader", 'Z', 2, 100, 5, 0);
	put_status("", 10, 7, 0, 0);
	put_stat("10/task/", 12, "thread", 'S', 2, 100, 5, 16);
	put_status("10/task/", 12, 7, 100, 0);
	source = tempdir_open();
	tasks = make(source);
	look(tasks, 0);
	assert_int_equal(task(tasks, 10)->flags, 0);
	assert_val(task(tasks, 10)->anon_bytes, 100 * 1024);
	assert_int_equal(task(tasks, 10)->rss_bytes, 104 * 1024);
	assert_int_equal(task(tasks, 10)->size_bytes.why, MV_WHY_NOT_HERE);
	mv_tasks_free(tasks);
	mv_source_free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_machine),
	    cmocka_unit_test(test_steps),
	    cmocka_unit_test(test_groups),
	    cmocka_unit_test(test_badness),
	    cmocka_unit_test(test_pss),
	    cmocka_unit_test_setup_teardown(test_turns, tempdir_make, tempdir_remove),
	    cmocka_unit_test_setup_teardown(test_all, tempdir_make, tempdir_remove),
	    cmocka_unit_test_setup_teardown(test_rss, tempdir_make, tempdir_remove),
	    cmocka_unit_test_setup_teardown(test_comings, tempdir_make, tempdir_remove),
	    cmocka_unit_test_setup_teardown(test_refused, tempdir_make, tempdir_remove),
	    cmocka_unit_test_setup_teardown(test_leader_gone, tempdir_make, tempdir_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
