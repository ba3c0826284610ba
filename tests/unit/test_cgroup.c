/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/cgroup.h"
#include "tests/unit/fixture.h"

static void check_path(const char *text, int version, const char *expected)
{
	char path[64] = "untouched";

	assert_int_equal(mv_cgroup_parse_path(text, strlen(text), path, sizeof(path)), version);
	assert_string_equal(path, expected);
}

static void test_path(void **state)
{
	char small[8];

	(void)state;
	check_path("0::/user.slice\n", 2, "/user.slice");
	check_path("0::/", 2, "/");
	check_path("4:memory:/a\n0::/b\n", 1, "/a");
	check_path("0::/b\n4:cpu,memory,io:/a:c\n", 1, "/a:c");
	check_path("4:memoryx,xmemory:/a\n1:name=memory:/b\n", 0, "untouched");
	check_path("1:name=systemd:/b\nnonsense\n0:\n", 0, "untouched");
	check_path("", 0, "untouched");
	assert_int_equal(mv_cgroup_parse_path("0::/123456789\n", 14, small, sizeof(small)), 2);
	assert_string_equal(small, "/123456");
}

static void test_v2(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct mv_cgroup cg;
	struct mv_oom oom;

	(void)state;
	assert_int_equal(mv_cgroup_read(f.source, f.target, &cg), 0);
	assert_int_equal(cg.version, 2);
	assert_string_equal(cg.path, "/system.slice/grow.service");
	assert_int_equal(cg.limit_bytes.value, 512 << 20);
	assert_true(mv_have(&cg.limit_bytes));
	assert_int_equal(cg.usage_bytes.value, 112 << 20);
	assert_int_equal(cg.high_bytes.why, MV_WHY_NO_LIMIT);
	assert_int_equal(cg.swap_max_bytes.why, MV_WHY_NO_LIMIT);
	assert_true(mv_have(&cg.oom_kills));
	assert_int_equal(cg.oom_kills.value, 0);
	assert_int_equal(mv_oom_read(f.target, &oom), 0);
	assert_true(mv_have(&oom.score));
	assert_int_equal(oom.adjust.value, 1000);
	mv_source_step(f.source);
	assert_int_equal(mv_cgroup_read(f.source, f.target, &cg), 0);
	assert_int_equal(cg.usage_bytes.value, 126 << 20);
	mv_source_step(f.source);
	assert_int_equal(mv_cgroup_read(f.source, f.target, &cg), -ESRCH);
	assert_int_equal(mv_oom_read(f.target, &oom), -ESRCH);
	fixture_close(&f);
}

/* The process's own group has no limit, the one above has; the root's is above the machine's RAM. */
static void test_v1(void **state)
{
	struct fixture f = fixture_open("k419", 1234);
	struct mv_cgroup cg;
	struct mv_oom oom;

	(void)state;
	assert_int_equal(mv_cgroup_read(f.source, f.target, &cg), 0);
	assert_int_equal(cg.version, 1);
	assert_string_equal(cg.path, "/user.slice/user-1000.slice");
	assert_int_equal(cg.limit_bytes.value, 256 << 20);
	assert_int_equal(cg.usage_bytes.value, 112 << 20);
	assert_int_equal(cg.oom_kills.value, 3);
	assert_int_equal(cg.high_bytes.why, MV_WHY_NOT_HERE);
	assert_int_equal(mv_oom_read(f.target, &oom), 0);
	assert_int_equal(oom.score.value, 12);
	assert_int_equal(oom.adjust.value, 500);
	fixture_close(&f);
}

static void test_outside(void **state)
{
	struct fixture f = fixture_open("hostile", 666);
	struct mv_cgroup cg;

	(void)state;
	/* "/evil/../.." is not followed */
	assert_int_equal(mv_cgroup_read(f.source, f.target, &cg), 0);
	assert_int_equal(cg.version, 2);
	assert_int_equal(cg.limit_bytes.why, MV_WHY_NO_KERNEL);
	fixture_close(&f);
}

static void test_root_group(void **state)
{
	struct fixture f = fixture_open("kthread", 2);
	struct mv_cgroup cg;
	struct mv_oom oom;

	(void)state;
	assert_int_equal(mv_cgroup_read(f.source, f.target, &cg), 0);
	assert_int_equal(cg.version, 2);
	assert_int_equal(cg.limit_bytes.why, MV_WHY_NO_LIMIT);
	assert_int_equal(cg.usage_bytes.why, MV_WHY_NO_KERNEL);
	assert_int_equal(mv_oom_read(f.target, &oom), 0);
	assert_false(mv_have(&oom.score));
	fixture_close(&f);
}

static void test_missing(void **state)
{
	struct fixture f = fixture_open("k61", 1234);
	struct mv_cgroup cg;

	(void)state;
	assert_int_equal(mv_cgroup_read(f.source, f.target, &cg), 0);
	assert_int_equal(cg.version, 0);
	assert_int_equal(cg.limit_bytes.why, MV_WHY_NO_KERNEL);
	assert_int_equal(cg.oom_kills.why, MV_WHY_NO_KERNEL);
	fixture_close(&f);
}

/* A group with its parent's files missing or without sense. */
static void test_odd(void **state)
{
	struct fixture f = fixture_open("oddgroup", 5);
	struct mv_cgroup cg;
	struct mv_oom oom;

	(void)state;
	assert_int_equal(mv_cgroup_read(f.source, f.target, &cg), 0);
	assert_int_equal(cg.limit_bytes.value, 64 << 20);
	assert_int_equal(cg.usage_bytes.why, MV_WHY_MALFORMED);
	assert_int_equal(cg.oom_kills.why, MV_WHY_MALFORMED);
	assert_int_equal(cg.high_bytes.value, 48 << 20);
	assert_int_equal(mv_oom_read(f.target, &oom), 0);
	assert_int_equal(oom.score.why, MV_WHY_NEEDS_ROOT);
	assert_int_equal(oom.adjust.why, MV_WHY_MALFORMED);
	fixture_close(&f);

	f = fixture_open("oddgroup", 6);
	assert_int_equal(mv_cgroup_read(f.source, f.target, &cg), 0);
	assert_int_equal(cg.limit_bytes.why, MV_WHY_NO_LIMIT);
	assert_int_equal(cg.oom_kills.why, MV_WHY_NO_KERNEL);
	assert_int_equal(mv_oom_read(f.target, &oom), 0);
	assert_int_equal(oom.adjust.value, 0);
	fixture_close(&f);
}

static void test_limits(void **state)
{
	struct fixture f = fixture_open("grower", 5150);
	struct mv_limits limits;

	(void)state;
	assert_int_equal(mv_limits_read(f.source, f.target, &limits), 0);
	assert_int_equal(limits.address_bytes.value, UINT64_C(1) << 30);
	assert_int_equal(limits.available_bytes.value, UINT64_C(12000000) * 1024);
	fixture_close(&f);
	f = fixture_open("python", 4711);
	assert_int_equal(mv_limits_read(f.source, f.target, &limits), 0);
	assert_int_equal(limits.address_bytes.why, MV_WHY_NO_LIMIT);
	assert_true(mv_have(&limits.available_bytes));
	fixture_close(&f);
	/* Neither file is there. */
	f = fixture_open("zombie", 55);
	assert_int_equal(mv_limits_read(f.source, f.target, &limits), 0);
	assert_false(mv_have(&limits.address_bytes));
	assert_false(mv_have(&limits.available_bytes));
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_path),    cmocka_unit_test(test_v2),	       cmocka_unit_test(test_v1),
	    cmocka_unit_test(test_outside), cmocka_unit_test(test_root_group), cmocka_unit_test(test_missing),
	    cmocka_unit_test(test_odd),	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
