/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/kills.h"

static struct mv_kills *make(void)
{
	struct mv_kills *kills;

	assert_int_equal(mv_kills_new(&kills), 0);
	return kills;
}

/* Each line as a record of the kernel's, a millisecond after the other. Returns how many told something new.
 */
static int feed(struct mv_kills *kills, const char *const *lines)
{
	static uint64_t seq, us = 5000000;
	int news = 0;

	for (; *lines; lines++) {
		char record[2048];
		int len = snprintf(record, sizeof(record), "6,%ju,%ju,-;%s\n SUBSYSTEM=none\n",
				   (uintmax_t)seq++, (uintmax_t)(us += 1000), *lines);
		int ret = mv_kills_take(kills, record, (size_t)len);

		assert_true(ret >= 0);
		news += ret;
	}
	return news;
}
#define FEED(kills, ...) feed(kills, (const char *const[]){__VA_ARGS__, NULL})

static void assert_val(struct mv_val got, uint64_t want)
{
	assert_int_equal(got.why, MV_WHY_HAVE);
	assert_int_equal(got.value, want);
}

static void test_618_group(void **state)
{
	struct mv_kills *kills = make();
	struct mv_kill_texts t;
	const struct mv_kill *k;

	(void)state;
	assert_int_equal(FEED(kills,
			      "hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
			      "CPU: 1 UID: 0 PID: 901 Comm: hog Not tainted 6.18.0 #1",
			      "memory: usage 32768kB, limit 32768kB, failcnt 36",
			      "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/"
			      ",mems_allowed=0,oom_memcg=/limited,"
			      "task_memcg=/limited/inner,task=hog,pid=901,uid=33",
			      "Memory cgroup out of memory: Killed process 901 (hog) total-vm:67924kB, "
			      "anon-rss:32000kB, file-rss:1100kB, "
			      "shmem-rss:4kB, UID:33 pgtables:112kB oom_score_adj:-17"),
			 1);
	assert_int_equal(mv_kills_count(kills), 1);
	k = mv_kills_at(kills, 0);
	t = mv_kills_texts(kills, 0);
	assert_int_equal(k->pid, 901);
	assert_int_equal(k->constraint, MV_OOM_BY_MEMCG);
	assert_string_equal(t.name, "hog");
	assert_string_equal(t.invoker, "hog");
	assert_string_equal(t.limited, "/limited");
	assert_string_equal(t.group, "/limited/inner");
	assert_non_null(
	    strstr(t.line, "Memory cgroup out of memory: Killed process 901 (hog) total-vm:67924kB"));
	assert_val(k->total_vm, 67924 * 1024);
	assert_val(k->anon, 32000 * 1024);
	assert_val(k->file, 1100 * 1024);
	assert_val(k->shmem, 4 * 1024);
	assert_val(k->tables, 112 * 1024);
	assert_val(k->uid, 33);
	assert_val(k->adjust, 1000 - 17);
	assert_false(k->reaped);
	assert_true(k->boot_us > 5000000);
	assert_int_equal(FEED(kills, "oom_reaper: reaped process 902 (other), now anon-rss:0kB"), 0);
	assert_int_equal(
	    FEED(kills,
		 "oom_reaper: reaped process 901 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB"),
	    1);
	assert_true(mv_kills_at(kills, 0)->reaped);
	assert_int_equal(FEED(kills, "oom_reaper: reaped process 901 (hog), now anon-rss:0kB"), 0);
	mv_kills_free(kills);
}

static void test_constraints(void **state)
{
	struct mv_kills *kills = make();

	(void)state;
	for (unsigned i = MV_OOM_BY_NONE; i < MV_OOM_BY__N; i++) {
		char line[300], killed[200];

		snprintf(line, sizeof(line),
			 "oom-kill:constraint=%s,nodemask=(null),cpuset=user,mems_allowed=0,%stask_memcg=/"
			 "user.slice,task=a b,pid=%u,uid=1000",
			 mv_oom_constraints[i].kernel,
			 i == MV_OOM_BY_MEMCG ? "oom_memcg=/user.slice," : "global_oom,", i);
		snprintf(killed, sizeof(killed),
			 "Out of memory: Killed process %u (a b) total-vm:8kB, anon-rss:4kB, file-rss:0kB, "
			 "shmem-rss:0kB",
			 i);
		assert_int_equal(FEED(kills, line, killed), 1);
		assert_int_equal(mv_kills_at(kills, 0)->constraint, i);
		assert_string_equal(mv_kills_texts(kills, 0).group, "/user.slice");
		assert_string_equal(mv_kills_texts(kills, 0).name, "a b");
		/* Of the line before, since this kernel (5.0) does not say it in the last. */
		assert_val(mv_kills_at(kills, 0)->uid, 1000);
		assert_int_equal(mv_kills_at(kills, 0)->tables.why, MV_WHY_NO_KERNEL);
		assert_int_equal(mv_kills_at(kills, 0)->adjust.why, MV_WHY_NO_KERNEL);
	}
	assert_string_equal(mv_kills_texts(kills, 0).limited, "");
	assert_string_equal(mv_kills_texts(kills, 2).limited, "/user.slice");
	mv_kills_free(kills);
}

static void test_419(void **state)
{
	struct mv_kills *kills = make();
	const struct mv_kill *k;

	(void)state;
	assert_int_equal(
	    FEED(kills,
		 "stress invoked oom-killer: gfp_mask=0x6000c0(GFP_KERNEL), nodemask=(null), order=0, "
		 "oom_score_adj=0",
		 "stress cpuset=/ mems_allowed=0", "Task in /lim/a killed as a result of limit of /lim",
		 "memory: usage 32768kB, limit 32768kB, failcnt 20",
		 "Memory cgroup out of memory: Kill process 1234 (stress) score 976 or sacrifice child",
		 "Killed process 1235 (stress) total-vm:45676kB, anon-rss:32016kB, file-rss:1024kB, "
		 "shmem-rss:0kB",
		 "oom_reaper: reaped process 1235 (stress), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB"),
	    2);
	k = mv_kills_at(kills, 0);
	assert_int_equal(k->pid, 1235);
	assert_int_equal(k->constraint, MV_OOM_BY_MEMCG);
	assert_val(k->anon, 32016 * 1024);
	assert_int_equal(k->uid.why, MV_WHY_NO_KERNEL);
	assert_true(k->reaped);
	assert_string_equal(mv_kills_texts(kills, 0).group, "/lim/a");
	assert_string_equal(mv_kills_texts(kills, 0).limited, "/lim");
	assert_string_equal(mv_kills_texts(kills, 0).invoker, "stress");
	/* Machine-wide: which of the other reasons it was, 4.19 does not say. */
	assert_int_equal(
	    FEED(kills,
		 "x invoked oom-killer: gfp_mask=0x14200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null), order=0",
		 "Out of memory: Kill process 77 (big) score 900 or sacrifice child",
		 "Killed process 77 (big) total-vm:9kB, anon-rss:5kB, file-rss:3kB, shmem-rss:1kB"),
	    1);
	assert_int_equal(mv_kills_at(kills, 0)->constraint, MV_OOM_BY_UNKNOWN);
	assert_string_equal(mv_kills_texts(kills, 0).group, "");
	assert_string_equal(mv_kills_texts(kills, 0).invoker, "x");
	mv_kills_free(kills);
}

/* Linux 5.3 told page tables in bytes. */
static void test_53_tables(void **state)
{
	struct mv_kills *kills = make();

	(void)state;
	FEED(kills, "Out of memory: Killed process 5 (a) total-vm:8kB, anon-rss:4kB, file-rss:0kB, "
		    "shmem-rss:0kB, UID:7 "
		    "pgtables:200704 oom_score_adj:1000");
	assert_val(mv_kills_at(kills, 0)->tables, 200704);
	assert_val(mv_kills_at(kills, 0)->uid, 7);
	assert_val(mv_kills_at(kills, 0)->adjust, 2000);
	mv_kills_free(kills);
}

/* memory.oom.group: all of them are killed, and what has run out is said once. */
static void test_whole_group(void **state)
{
	struct mv_kills *kills = make();

	(void)state;
	assert_int_equal(
	    FEED(kills, "a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0",
		 "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/"
		 "g,task_memcg=/g,task=a,pid=10,uid=5",
		 "Memory cgroup out of memory: Killed process 10 (a) total-vm:8kB, anon-rss:4kB, "
		 "file-rss:0kB, shmem-rss:0kB, UID:5 pgtables:4kB oom_score_adj:0",
		 "Tasks in /g are going to be killed due to memory.oom.group set",
		 "Memory cgroup out of memory: Killed process 10 (a) total-vm:8kB, anon-rss:4kB, "
		 "file-rss:0kB, shmem-rss:0kB, UID:5 pgtables:4kB oom_score_adj:0",
		 "Memory cgroup out of memory: Killed process 11 (b) total-vm:8kB, anon-rss:4kB, "
		 "file-rss:0kB, shmem-rss:0kB, UID:6 pgtables:4kB oom_score_adj:0"),
	    2);
	assert_int_equal(mv_kills_count(kills), 2);
	assert_int_equal(mv_kills_at(kills, 0)->pid, 11);
	assert_int_equal(mv_kills_at(kills, 0)->constraint, MV_OOM_BY_MEMCG);
	assert_string_equal(mv_kills_texts(kills, 0).limited, "/g");
	assert_string_equal(mv_kills_texts(kills, 0).group, "/g");
	assert_val(mv_kills_at(kills, 0)->uid, 6);
	mv_kills_free(kills);
}

/* The kernel limits how much it writes: a kill without the lines before it does not get another's. */
static void test_lone_line(void **state)
{
	struct mv_kills *kills = make();

	(void)state;
	FEED(kills, "a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0",
	     "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/"
	     ",mems_allowed=0,global_oom,task_memcg=/g,task=a,pid=10,uid=5",
	     "Out of memory: Killed process 10 (a) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB",
	     "Out of memory: Killed process 11 (b) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB",
	     "Memory cgroup out of memory: Killed process 12 (c) total-vm:8kB, anon-rss:4kB, file-rss:0kB, "
	     "shmem-rss:0kB",
	     "Out of memory (oom_kill_allocating_task): Killed process 13 (d) total-vm:8kB, anon-rss:4kB, "
	     "file-rss:0kB, shmem-rss:0kB");
	assert_int_equal(mv_kills_count(kills), 4);
	assert_int_equal(mv_kills_at(kills, 0)->pid, 13);
	assert_int_equal(mv_kills_at(kills, 1)->constraint, MV_OOM_BY_MEMCG);
	assert_int_equal(mv_kills_at(kills, 2)->constraint, MV_OOM_BY_UNKNOWN);
	assert_string_equal(mv_kills_texts(kills, 2).group, "");
	assert_string_equal(mv_kills_texts(kills, 2).invoker, "");
	assert_int_equal(mv_kills_at(kills, 3)->constraint, MV_OOM_BY_NONE);
	/* Nor where no line named the one that it was about (before 5.0). */
	FEED(kills, "a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0",
	     "Killed process 20 (a) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB",
	     "Killed process 21 (b) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB");
	assert_string_equal(mv_kills_texts(kills, 1).invoker, "a");
	assert_string_equal(mv_kills_texts(kills, 0).invoker, "");
	/* Nor is one that was chosen and had ended by itself taken for the next. */
	FEED(kills, "a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0",
	     "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/"
	     ",mems_allowed=0,global_oom,task_memcg=/g,task=e,pid=14,uid=5",
	     "Out of memory: OOM victim 14 (e) is already exiting. Skip killing the task",
	     "Out of memory: Killed process 15 (f) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB");
	assert_int_equal(mv_kills_at(kills, 0)->pid, 15);
	assert_int_equal(mv_kills_at(kills, 0)->constraint, MV_OOM_BY_UNKNOWN);
	mv_kills_free(kills);
}

static void test_hostile_names(void **state)
{
	static const struct {
		const char *logged, *raw;
	} names[] = {
	    {") total-vm:9kB,", ") total-vm:9kB,"},
	    {",pid=1,uid=0", ",pid=1,uid=0"},
	    {"a b,c\"d'", "a b,c\"d'"},
	    {"x\\x0ay\\x1b[31m", "x\ny\033[31m"},
	    {"\\x5cx41", "\\x41"},
	    {",task=z", ",task=z"},
	    {"\\xc3\\xa4", "\xc3\xa4"},
	    {"(b) (c)", "(b) (c)"},
	};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(names); i++) {
		struct mv_kills *kills = make();
		char oom_kill[400], killed[300], invoked[200];

		snprintf(invoked, sizeof(invoked),
			 "%s invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0", names[i].logged);
		snprintf(oom_kill, sizeof(oom_kill),
			 "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/"
			 ",mems_allowed=0,oom_memcg=/a,task_memcg=/x,"
			 "task_memcg=/a,task_memcg=/x,task=y,b,task=%s,pid=31,uid=32",
			 names[i].logged);
		snprintf(killed, sizeof(killed),
			 "Memory cgroup out of memory: Killed process 31 (%s) total-vm:10kB, anon-rss:11kB, "
			 "file-rss:12kB, shmem-rss:13kB",
			 names[i].logged);
		assert_int_equal(FEED(kills, invoked, oom_kill, killed), 1);
		assert_string_equal(mv_kills_texts(kills, 0).name, names[i].raw);
		assert_string_equal(mv_kills_texts(kills, 0).invoker, names[i].raw);
		assert_string_equal(mv_kills_texts(kills, 0).limited, "/a,task_memcg=/x");
		assert_string_equal(mv_kills_texts(kills, 0).group, "/a,task_memcg=/x,task=y,b");
		assert_val(mv_kills_at(kills, 0)->total_vm, 10 * 1024);
		assert_val(mv_kills_at(kills, 0)->uid, 32);
		mv_kills_free(kills);
	}
}

/* None of these is a kill: torn, of another, or what only looks like one. */
static void test_not_ours(void **state)
{
	static const char *const records[] = {
	    "",
	    ";",
	    "6,1,2,-",
	    "6,1;Out of memory: Killed process 5 (a) total-vm:8kB",
	    "6,1,2,-;Out of memory: Killed process 5 (a",
	    "6,1,2,-;Out of memory: Killed process 5 (a)",
	    "6,1,2,-;Out of memory: Killed process -5 (a) total-vm:8kB",
	    "6,1,2,-;Out of memory: Killed process 99999999999 (a) total-vm:8kB",
	    "6,1,2,-;Out of memory: Killed process  (a) total-vm:8kB",
	    "6,1,2,-;app: Killed process 5 (a) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB",
	    "6,1,2,-;oom_reaper: reaped process 5 (a)",
	    "6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_all",
	    "6,1,2,-;oom-kill:constraint=",
	    /* Priority 12 is user.warning: written into the log by a program. */
	    "12,1,2,-;Out of memory: Killed process 5 (a) total-vm:8kB, anon-rss:4kB, file-rss:0kB, "
	    "shmem-rss:0kB",
	    "x,1,2,-;Out of memory: Killed process 5 (a) total-vm:8kB, anon-rss:4kB, file-rss:0kB, "
	    "shmem-rss:0kB",
	};
	struct mv_kills *kills = make();

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(records); i++)
		assert_int_equal(mv_kills_take(kills, records[i], strlen(records[i])), 0);
	assert_int_equal(mv_kills_count(kills), 0);
	/* Cut short, it has what is there. */
	FEED(kills, "Out of memory: Killed process 5 (a) total-vm:8kB, anon-rss:4");
	assert_int_equal(mv_kills_count(kills), 1);
	assert_int_equal(mv_kills_at(kills, 0)->file.why, MV_WHY_NO_KERNEL);
	mv_kills_free(kills);
}

static void test_newest(void **state)
{
	struct mv_kills *kills = make();

	(void)state;
	for (int i = 1; i <= 100; i++) {
		char line[200];

		snprintf(line, sizeof(line),
			 "Out of memory: Killed process %d (n%d) total-vm:8kB, anon-rss:4kB, file-rss:0kB, "
			 "shmem-rss:0kB",
			 i, i);
		assert_int_equal(FEED(kills, line), 1);
	}
	assert_int_equal(mv_kills_count(kills), 64);
	for (int i = 0; i < 64; i++)
		assert_int_equal(mv_kills_at(kills, (size_t)i)->pid, 100 - i);
	assert_string_equal(mv_kills_texts(kills, 63).name, "n37");
	mv_kills_free(kills);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_618_group),	  cmocka_unit_test(test_constraints),
	    cmocka_unit_test(test_419),		  cmocka_unit_test(test_53_tables),
	    cmocka_unit_test(test_whole_group),	  cmocka_unit_test(test_lone_line),
	    cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_not_ours),
	    cmocka_unit_test(test_newest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
