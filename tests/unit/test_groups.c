/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/groups.h"
#include "tests/unit/fixture.h"
#include "tests/unit/tempdir.h"

static void assert_val(struct mv_val got, uint64_t want)
{
	assert_int_equal(got.why, MV_WHY_HAVE);
	assert_int_equal(got.value, want);
}

static struct mv_groups *read_all(struct mv_source *source, unsigned directories)
{
	struct mv_groups *groups;
	int ret;

	assert_int_equal(mv_groups_new(&groups), 0);
	assert_int_equal(mv_groups_begin(groups, source), 0);
	while ((ret = mv_groups_step(groups, directories)) > 0)
		assert_int_equal(mv_groups_count(groups), 0); /* whole, or not at all */
	assert_int_equal(ret, 0);
	return groups;
}

static const struct mv_group *at(const struct mv_groups *groups, const char *path)
{
	for (size_t i = 0; i < mv_groups_count(groups); i++)
		if (!strcmp(mv_groups_path(groups, i), path))
			return mv_groups_at(groups, i);
	fail_msg("no group %s", path);
	return NULL;
}

/* ---- the parsers ---- */

static void test_limit(void **state)
{
	(void)state;
	assert_val(mv_group_limit_parse("67108864\n", 9), 67108864);
	assert_val(mv_group_limit_parse("0", 1), 0);
	assert_int_equal(mv_group_limit_parse("max\n", 4).why, MV_WHY_NO_LIMIT);
	assert_int_equal(mv_group_limit_parse("9223372036854771712\n", 20).why, MV_WHY_NO_LIMIT);
	assert_int_equal(mv_group_limit_parse("9223372036854710272\n", 20).why, MV_WHY_NO_LIMIT); /* of 64K pages */
	assert_int_equal(mv_group_limit_parse("", 0).why, MV_WHY_MALFORMED);
	assert_int_equal(mv_group_limit_parse("ma", 2).why, MV_WHY_MALFORMED);
}

static void test_stat(void **state)
{
	static const char v1[] = "cache 5\nrss 6\ntotal_cache 100\ntotal_rss 200\ntotal_shmem 30\ntotal_dirty 4\n"
				 "total_inactive_file 50\nnonsense\ntotal_mapped_file x";
	static const char v2[] = "anon 1\nfile 2\nkernel 3\nshmem 4\nfile_dirty 5\nslab 6\ninactive_file 7\nanon_thp 8\n";
	static const char old[] = "anon 1\nfile 2\nkernel_stack 16\npagetables 32\npercpu 64\nslab 128\n";
	struct mv_group g = {0};

	(void)state;
	mv_group_stat_parse(v1, sizeof(v1) - 1, 1, &g);
	assert_val(g.anon, 200);
	assert_val(g.file, 100);
	assert_val(g.shmem, 30);
	assert_val(g.dirty, 4);
	assert_val(g.inactive_file, 50);
	g = (struct mv_group){0};
	mv_group_stat_parse(v2, sizeof(v2) - 1, 2, &g);
	assert_val(g.anon, 1);
	assert_val(g.file, 2);
	assert_val(g.kernel, 3);
	assert_val(g.shmem, 4);
	assert_val(g.dirty, 5);
	assert_val(g.slab, 6);
	assert_val(g.inactive_file, 7);
	mv_group_stat_parse(old, sizeof(old) - 1, 2, &g);
	assert_val(g.kernel, 240);
	assert_int_equal(g.shmem.why, MV_WHY_NO_KERNEL);
	mv_group_stat_parse("", 0, 2, &g);
	assert_int_equal(g.anon.why, MV_WHY_NO_KERNEL);
	assert_int_equal(g.kernel.why, MV_WHY_NO_KERNEL);
}

static void test_events(void **state)
{
	static const char v1[] = "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n";
	static const char v2[] = "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n";
	struct mv_group g = {0};

	(void)state;
	mv_group_events_parse(v1, sizeof(v1) - 1, 1, &g);
	assert_val(g.oom_kills, 7);
	mv_group_events_parse(v2, sizeof(v2) - 1, 2, &g);
	assert_val(g.low_events, 1);
	assert_val(g.high_events, 2);
	assert_val(g.max_events, 3);
	assert_val(g.oom_events, 4);
	assert_val(g.oom_kills, 5);
	/* Old kernels do not count them. */
	mv_group_events_parse("under_oom 0\n", 12, 1, &g);
	assert_int_equal(g.oom_kills.why, MV_WHY_NO_KERNEL);
}

/* ---- trees ---- */

static void test_v2(void **state)
{
	struct mv_source_opts opts = {0};
	struct mv_source *source;
	struct mv_groups *groups;
	const struct mv_group *g;
	char path[1024];

	(void)state;
	fixture_path(path, sizeof(path), "machine");
	opts.root = path;
	assert_int_equal(mv_source_new(&opts, &source), 0);
	groups = read_all(source, 3);
	assert_int_equal(mv_groups_version(groups), 2);
	assert_int_equal(mv_groups_count(groups), 16);
	assert_string_equal(mv_groups_path(groups, 0), "/");
	g = mv_groups_at(groups, 0);
	assert_int_equal(g->inode, 1);
	assert_int_equal(g->limit.why, MV_WHY_NO_LIMIT);
	assert_int_equal(g->usage.why, MV_WHY_NOT_HERE);
	assert_val(g->anon, UINT64_C(3686400) * 1024);
	g = at(groups, "/system.slice/mysql.service");
	assert_int_equal(g->depth, 2);
	assert_string_equal(mv_groups_path(groups, g->parent), "/system.slice");
	assert_int_equal(g->inode, 0x103);
	assert_val(g->limit, UINT64_C(4) << 30);
	assert_val(g->high, UINT64_C(2621440) * 1024);
	assert_val(g->anon, UINT64_C(1740800) * 1024);
	assert_val(g->swap_usage, UINT64_C(307200) * 1024);
	assert_int_equal(g->swap_limit.why, MV_WHY_NO_LIMIT);
	assert_val(g->high_events, 310);
	assert_int_equal(g->some.avg10, 420);
	assert_int_equal(g->some.total_us, 2000000);
	assert_int_equal(g->full.avg60, 30);
	/* Each parent stands before its child. */
	for (size_t i = 1; i < mv_groups_count(groups); i++) {
		g = mv_groups_at(groups, i);
		assert_true(g->parent < i);
		assert_int_equal(g->depth, mv_groups_at(groups, g->parent)->depth + 1);
	}
	/* Those below one follow it, so that the list is a tree as it is read. */
	assert_string_equal(mv_groups_path(groups, 3), "/system.slice/batch.service");
	assert_val(at(groups, "/system.slice/batch.service")->oom_kills, 1);
	mv_source_step(source);
	mv_source_step(source);
	assert_int_equal(mv_groups_begin(groups, source), 0);
	assert_int_equal(mv_groups_step(groups, 2), 1);
	/* The old tree stays until the new one is whole. */
	assert_int_equal(mv_groups_count(groups), 16);
	assert_val(at(groups, "/system.slice/batch.service")->oom_kills, 1);
	assert_int_equal(mv_groups_step(groups, 100), 0);
	assert_val(at(groups, "/system.slice/batch.service")->oom_kills, 2);
	mv_groups_free(groups);
	mv_source_free(source);
}

static void put_v1(void)
{
	tempdir_put("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	tempdir_put("cgroup/memory/memory.usage_in_bytes", "500000\n");
	tempdir_put("cgroup/memory/a/memory.limit_in_bytes", "67108864\n");
	tempdir_put("cgroup/memory/a/memory.usage_in_bytes", "40960\n");
	tempdir_put("cgroup/memory/a/memory.memsw.limit_in_bytes", "100663296\n");
	tempdir_put("cgroup/memory/a/memory.memsw.usage_in_bytes", "49152\n");
	tempdir_put("cgroup/memory/a/memory.max_usage_in_bytes", "60000000\n");
	tempdir_put("cgroup/memory/a/memory.kmem.usage_in_bytes", "8192\n");
	tempdir_put("cgroup/memory/a/memory.failcnt", "17\n");
	tempdir_put("cgroup/memory/a/memory.memsw.failcnt", "3\n");
	tempdir_put("cgroup/memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	tempdir_put("cgroup/memory/a/memory.stat", "rss 1\ntotal_rss 16384\ntotal_cache 24576\n");
	tempdir_put("cgroup/memory/a/b/memory.usage_in_bytes", "4096\n");
}

static void test_v1(void **state)
{
	struct mv_source *source;
	struct mv_groups *groups;
	const struct mv_group *g;

	(void)state;
	put_v1();
	source = tempdir_open();
	groups = read_all(source, 1);
	assert_int_equal(mv_groups_version(groups), 1);
	assert_int_equal(mv_groups_count(groups), 3);
	assert_int_equal(mv_groups_at(groups, 0)->limit.why, MV_WHY_NO_LIMIT);
	g = at(groups, "/a");
	assert_int_equal(g->version, 1);
	assert_val(g->limit, 67108864);
	assert_val(g->usage, 40960);
	assert_val(g->swap_usage, 8192);
	assert_val(g->swap_limit, 33554432);
	assert_val(g->peak, 60000000);
	assert_val(g->kernel, 8192);
	assert_val(g->max_events, 20); /* of either limit */
	assert_val(g->oom_kills, 2);
	assert_val(g->anon, 16384);
	assert_val(g->file, 24576);
	assert_int_equal(g->high.why, MV_WHY_NOT_HERE);
	assert_int_equal(g->some.why, MV_WHY_NOT_HERE);
	g = at(groups, "/a/b");
	assert_int_equal(g->limit.why, MV_WHY_NO_KERNEL);
	assert_int_equal(g->swap_usage.why, MV_WHY_NO_KERNEL);
	mv_groups_free(groups);
	mv_source_free(source);
}

static void test_hybrid_and_none(void **state)
{
	struct mv_source *source;
	struct mv_groups *groups;

	(void)state;
	source = tempdir_open();
	assert_int_equal(mv_groups_new(&groups), 0);
	assert_int_equal(mv_groups_begin(groups, source), -ENOENT);
	assert_int_equal(mv_groups_version(groups), 0);
	mv_groups_free(groups);
	/* v2 is there, and memory is not among what it controls. */
	tempdir_put("cgroup/unified/cgroup.controllers", "hugetlb\n");
	assert_int_equal(mv_groups_new(&groups), 0);
	assert_int_equal(mv_groups_begin(groups, source), -ENOENT);
	mv_groups_free(groups);
	put_v1();
	groups = read_all(source, 10);
	assert_int_equal(mv_groups_version(groups), 3);
	assert_int_equal(at(groups, "/a")->version, 1);
	mv_groups_free(groups);
	mv_source_free(source);
}

/* In a container a part of the tree is mounted, and paths may be told from the machine's root on. */
static void test_container(void **state)
{
	struct mv_source *source;
	struct mv_groups *groups;

	(void)state;
	tempdir_put("self/mountinfo", "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
			      "torn\n"
			      "35 31 0:32 /docker/12\\0403 /sys/fs/cgroup/cpu,memory ro shared:4 master:1 - cgroup cgroup rw,memory,cpu\n"
			      "36 31 0:33 / /sys/fs/cgroup/devices ro - cgroup cgroup rw,devices\n");
	tempdir_put("cgroup/cpu,memory/memory.usage_in_bytes", "5\n");
	tempdir_put("cgroup/cpu,memory/x/memory.usage_in_bytes", "4\n");
	source = tempdir_open();
	groups = read_all(source, 10);
	assert_int_equal(mv_groups_version(groups), 1);
	assert_int_equal(mv_groups_count(groups), 2);
	assert_int_equal(mv_groups_find(groups, "/docker/12 3"), 0);
	assert_int_equal(mv_groups_find(groups, "/docker/12 3/x"), 1);
	assert_int_equal(mv_groups_find(groups, "/docker/12 3/x/deeper/still"), 1);
	assert_int_equal(mv_groups_find(groups, "/docker/12 3/y"), 0);
	assert_int_equal(mv_groups_find(groups, "/docker/12 34"), SIZE_MAX);
	assert_int_equal(mv_groups_find(groups, "/x"), SIZE_MAX);
	mv_groups_free(groups);
	mv_source_free(source);
}

static void test_find(void **state)
{
	struct mv_source *source;
	struct mv_groups *groups;
	char *deep = malloc(8192);

	(void)state;
	put_v1();
	tempdir_put("cgroup/memory/a-b/memory.usage_in_bytes", "4096\n");
	tempdir_put("cgroup/memory/\033[31m\\/memory.usage_in_bytes", "4096\n");
	source = tempdir_open();
	groups = read_all(source, 10);
	assert_string_equal(mv_groups_path(groups, mv_groups_find(groups, "/a")), "/a");
	assert_string_equal(mv_groups_path(groups, mv_groups_find(groups, "/a-b")), "/a-b");
	assert_string_equal(mv_groups_path(groups, mv_groups_find(groups, "/a/b")), "/a/b");
	assert_string_equal(mv_groups_path(groups, mv_groups_find(groups, "/\033[31m\\")), "/\033[31m\\");
	assert_int_equal(mv_groups_find(groups, "/"), 0);
	assert_int_equal(mv_groups_find(groups, "/gone/since"), 0);
	/* Outside of what this namespace shows. */
	assert_int_equal(mv_groups_find(groups, "/../other"), SIZE_MAX);
	assert_int_equal(mv_groups_find(groups, ""), SIZE_MAX);
	assert_int_equal(mv_groups_find(groups, "a"), SIZE_MAX);
	assert_non_null(deep);
	memset(deep, 'x', 8191);
	deep[0] = '/';
	deep[8191] = '\0';
	assert_int_equal(mv_groups_find(groups, deep), SIZE_MAX);
	free(deep);
	mv_groups_free(groups);
	mv_source_free(source);
}

static void test_refused(void **state)
{
	struct mv_source *source;
	struct mv_groups *groups;
	const struct mv_group *g;

	(void)state;
	put_v1();
	tempdir_put("errors", "cgroup/memory/a/memory.usage_in_bytes EACCES\ncgroup/memory/a/memory.stat EIO\n");
	source = tempdir_open();
	groups = read_all(source, 10);
	g = at(groups, "/a");
	assert_int_equal(g->usage.why, MV_WHY_NEEDS_ROOT);
	assert_int_equal(g->swap_usage.why, MV_WHY_NEEDS_ROOT);
	assert_val(g->limit, 67108864);
	assert_false(mv_have(&g->anon));
	mv_groups_free(groups);
	mv_source_free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_stat),
	    cmocka_unit_test(test_events),
	    cmocka_unit_test(test_v2),
	    cmocka_unit_test_setup_teardown(test_v1, tempdir_make, tempdir_remove),
	    cmocka_unit_test_setup_teardown(test_hybrid_and_none, tempdir_make, tempdir_remove),
	    cmocka_unit_test_setup_teardown(test_container, tempdir_make, tempdir_remove),
	    cmocka_unit_test_setup_teardown(test_find, tempdir_make, tempdir_remove),
	    cmocka_unit_test_setup_teardown(test_refused, tempdir_make, tempdir_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
