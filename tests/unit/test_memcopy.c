/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "core/memcopy.h"
#include "core/stat.h"
#include "tests/unit/puppet.h"

#define PAGE PUPPET_PAGE

static struct puppet puppet;
static struct mv_source *source;
static struct mv_target *target;
static struct mv_memcopy copy;

static int set_up(void **state)
{
	(void)state;
	puppet_start(&puppet);
	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &source), 0);
	assert_int_equal(mv_target_open(source, puppet.pid, &target), 0);
	mv_memcopy_init(&copy);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mv_memcopy_release(&copy);
	mv_target_close(target);
	mv_source_free(source);
	puppet_end(&puppet);
	return 0;
}

/* What a look must not change. */
struct body {
	char statm[256];
	uint64_t minor, major, tables_kib, swap_kib;
};

static uint64_t status_field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static struct body read_body(void)
{
	struct body b = {0};
	struct mv_stat stat;
	char status[8192];

	assert_true(mv_target_read(target, MV_FILE_STATM, b.statm, sizeof(b.statm)) > 0);
	assert_int_equal(mv_stat_read(target, &stat), 0);
	b.minor = stat.minor_faults;
	b.major = stat.major_faults;
	assert_true(mv_target_read(target, MV_FILE_STATUS, status, sizeof(status)) > 0);
	b.tables_kib = status_field(status, "VmPTE:");
	b.swap_kib = status_field(status, "VmSwap:");
	return b;
}

static void assert_same_body(const struct body *a, const struct body *b)
{
	assert_string_equal(a->statm, b->statm);
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->major, b->major);
	assert_int_equal(a->tables_kib, b->tables_kib);
	assert_int_equal(a->swap_kib, b->swap_kib);
}

/* Only what is present comes, and nothing of the target changes. */
static void test_present(void **state)
{
	const uint64_t at = puppet_ask(&puppet, PUPPET_MAP, 2048, 0);
	const struct mv_range range = {at + 8, at + 2048 * PAGE - 8};
	struct mv_memcopy_cost cost;
	struct mv_range run;
	struct body before, after;
	uint64_t done = 0;

	(void)state;
	puppet_ask(&puppet, PUPPET_TOUCH, 3, at + 10 * PAGE);
	puppet_ask(&puppet, PUPPET_TOUCH, 600, at + 1000 * PAGE);
	before = read_body();
	assert_int_equal(mv_memcopy_cost(target, &range, 1, &cost), 0);
	assert_int_equal(cost.present_bytes, 603 * PAGE);
	assert_int_equal(cost.swapped_bytes, 0);
	assert_int_equal(cost.absent_bytes, (2048 - 603) * PAGE);

	assert_int_equal(mv_memcopy_plan(&copy, &range, 1), 0);
	assert_int_equal(mv_memcopy_prefault(&copy, target), 0);
	copy.done_bytes = &done;
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	after = read_body();
	assert_same_body(&before, &after);

	assert_int_equal(copy.count, 1);
	assert_int_equal(copy.at[0].start, at);
	assert_int_equal(copy.at[0].end, at + 2048 * PAGE);
	assert_int_equal(copy.at[0].present_bytes, 603 * PAGE);
	assert_int_equal(copy.at[0].absent_bytes, (2048 - 603) * PAGE);
	assert_int_equal(copy.at[0].unreadable_bytes, 0);
	assert_int_equal(done, 603 * PAGE);
	for (uint64_t p = 0; p < 2048; p++) {
		const bool there = (p >= 10 && p < 13) || (p >= 1000 && p < 1600);

		assert_int_equal(mv_memcopy_has(&copy, at + p * PAGE + 99), there);
		assert_int_equal(*mv_memcopy_at(&copy, at + p * PAGE, PAGE), there);
	}
	assert_true(mv_memcopy_run(&copy, &copy.at[0], at, at + 2048 * PAGE, &run));
	assert_int_equal(run.start, at + 10 * PAGE);
	assert_int_equal(run.end, at + 13 * PAGE);
	assert_true(mv_memcopy_run(&copy, &copy.at[0], at + 11 * PAGE + 16, at + 12 * PAGE + 8, &run));
	assert_int_equal(run.start, at + 11 * PAGE + 16);
	assert_int_equal(run.end, at + 12 * PAGE + 8);
	assert_true(mv_memcopy_run(&copy, &copy.at[0], run.end + PAGE, at + 2048 * PAGE, &run));
	assert_int_equal(run.start, at + 1000 * PAGE);
	assert_int_equal(run.end, at + 1600 * PAGE);
	assert_false(mv_memcopy_run(&copy, &copy.at[0], at + 1600 * PAGE, at + 2048 * PAGE, &run));
	assert_null(mv_memcopy_at(&copy, at - 1, 1));
	assert_null(mv_memcopy_at(&copy, at + 2048 * PAGE - 8, 9));
	assert_non_null(mv_memcopy_at(&copy, at + 2048 * PAGE - 8, 8));
	assert_false(mv_memcopy_has(&copy, at + 2048 * PAGE));
}

/* A fresh copy shows what is new, and forgets what has gone. */
static void test_again(void **state)
{
	const uint64_t at = puppet_ask(&puppet, PUPPET_MAP, 64, 0);
	const struct mv_range range = {at, at + 64 * PAGE};
	struct iovec here = {(char[1]){7}, 1}, there = {(void *)(uintptr_t)at, 1};

	(void)state;
	puppet_ask(&puppet, PUPPET_TOUCH, 2, at);
	assert_int_equal(mv_memcopy_plan(&copy, &range, 1), 0);
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	assert_int_equal(*mv_memcopy_at(&copy, at, 1), 1);
	puppet_ask(&puppet, PUPPET_TOUCH, 1, at + 63 * PAGE);
	assert_int_equal(process_vm_writev(puppet.pid, &here, 1, &there, 1, 0), 1);
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	assert_int_equal(*mv_memcopy_at(&copy, at, 1), 7);
	assert_true(mv_memcopy_has(&copy, at + 63 * PAGE));
	assert_int_equal(copy.at[0].present_bytes, 3 * PAGE);
	assert_int_equal(*mv_memcopy_at(&copy, at + PAGE, 1), 1);

	/* It goes away, all of it: every page is left out, and no byte of the old copy is seen. */
	const uint8_t *bytes = mv_memcopy_at(&copy, at, 64 * PAGE);

	puppet_ask(&puppet, PUPPET_EXEC, 0, 0);
	assert_int_equal(mv_memcopy_fill(&copy, target), -ESRCH);
	mv_target_reopen(target);
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	assert_int_equal(copy.at[0].present_bytes, 0);
	for (uint64_t i = 0; i < 64 * PAGE; i++)
		assert_int_equal(bytes[i], 0);
	puppet_end(&puppet);
	assert_int_equal(mv_memcopy_fill(&copy, target), -ESRCH);
	puppet_start(&puppet);
}

/* A part alone is as it is now; the rest stays as it was copied, and the counts add up. */
static void test_renew(void **state)
{
	const uint64_t at = puppet_ask(&puppet, PUPPET_MAP, 64, 0);
	const struct mv_range range = {at, at + 64 * PAGE};
	uint64_t byte;

	(void)state;
	puppet_ask(&puppet, PUPPET_TOUCH, 2, at);
	assert_int_equal(mv_memcopy_plan(&copy, &range, 1), 0);
	assert_int_equal(mv_memcopy_renew(&copy, target, at, at + PAGE), -EINVAL);
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	puppet_ask(&puppet, PUPPET_TOUCH, 4, at + 10 * PAGE);
	for (byte = at; byte < at + 2 * PAGE; byte += PAGE)
		assert_int_equal(process_vm_writev(puppet.pid, &(struct iovec){(char[1]){7}, 1}, 1,
						   &(struct iovec){(void *)(uintptr_t)byte, 1}, 1, 0),
				 1);
	assert_int_equal(mv_memcopy_renew(&copy, target, at + PAGE + 8, at + 12 * PAGE - 8), 0);
	assert_int_equal(*mv_memcopy_at(&copy, at, 1), 1);
	assert_int_equal(*mv_memcopy_at(&copy, at + PAGE, 1), 7);
	assert_true(mv_memcopy_has(&copy, at + 11 * PAGE));
	assert_false(mv_memcopy_has(&copy, at + 12 * PAGE));
	assert_int_equal(copy.at[0].present_bytes, 4 * PAGE);
	assert_int_equal(copy.at[0].absent_bytes, 60 * PAGE);
	/* beyond the end is cut off, and what lies in no range is refused */
	assert_int_equal(mv_memcopy_renew(&copy, target, at + 12 * PAGE, at + 99 * PAGE), 0);
	assert_int_equal(copy.at[0].present_bytes, 6 * PAGE);
	assert_int_equal(mv_memcopy_renew(&copy, target, at + 64 * PAGE, at + 65 * PAGE), -EINVAL);
}

static void test_plan(void **state)
{
	const uint64_t big = UINT64_C(1) << 36;
	const struct mv_range two[] = {
	    {big, big + 100}, {big + 200, big + 3 * PAGE}, {big + 8 * PAGE, big + 9 * PAGE}};
	const struct mv_range grown[] = {
	    {big - 3 * PAGE, big - PAGE}, {big, big + 7 * PAGE}, {big + 8 * PAGE, big + 9 * PAGE}};
	const struct mv_range wrong[] = {{big, big + PAGE}, {big - 5 * PAGE, big - PAGE}};
	const struct mv_range empty[] = {{big, big}};
	const uint8_t *first, *second;

	(void)state;
	assert_int_equal(mv_memcopy_plan(&copy, NULL, 0), 0);
	assert_null(mv_memcopy_at(&copy, big, 1));
	assert_int_equal(mv_memcopy_plan(&copy, two, 3), 0);
	assert_int_equal(copy.count, 2);
	assert_int_equal(copy.at[0].end, big + 3 * PAGE);
	first = mv_memcopy_at(&copy, big, 1);
	second = mv_memcopy_at(&copy, big + 8 * PAGE, 1);
	/* in another order: nothing has changed */
	assert_int_equal(mv_memcopy_plan(&copy, wrong, 2), -EINVAL);
	assert_ptr_equal(mv_memcopy_at(&copy, big, 1), first);
	/* what begins where it began keeps its place */
	assert_int_equal(mv_memcopy_plan(&copy, grown, 3), 0);
	assert_int_equal(copy.count, 3);
	assert_ptr_equal(mv_memcopy_at(&copy, big, 7 * PAGE), first);
	assert_ptr_equal(mv_memcopy_at(&copy, big + 8 * PAGE, PAGE), second);
	assert_non_null(mv_memcopy_at(&copy, big - 3 * PAGE, 2 * PAGE));
	assert_null(mv_memcopy_at(&copy, big - PAGE, 1));
	/* what touches is one */
	assert_int_equal(
	    mv_memcopy_plan(&copy, (struct mv_range[]){{big, big + PAGE}, {big + PAGE, big + 2 * PAGE}}, 2),
	    0);
	assert_ptr_equal(mv_memcopy_at(&copy, big, 2 * PAGE), first);
	assert_int_equal(copy.count, 1);
	assert_int_equal(mv_memcopy_plan(&copy, empty, 1), 0);
	assert_int_equal(copy.count, 0);
	/* more than there are addresses */
	assert_int_equal(mv_memcopy_plan(&copy, &(struct mv_range){0, UINT64_C(1) << 62}, 1), -ENOMEM);
	assert_int_equal(copy.count, 0);
}

static void test_deadline(void **state)
{
	const uint64_t at = puppet_ask(&puppet, PUPPET_MAP, 8, 0);
	const struct mv_range range = {at, at + 8 * PAGE};

	(void)state;
	puppet_ask(&puppet, PUPPET_TOUCH, 8, at);
	assert_int_equal(mv_memcopy_plan(&copy, &range, 1), 0);
	copy.deadline_ns = 1;
	assert_int_equal(mv_memcopy_fill(&copy, target), -ETIMEDOUT);
	copy.deadline_ns = 0;
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* Swapped pages are counted apart and never asked for: this machine would refuse them all. */
static void test_swapped(void **state)
{
	char dir[] = "/tmp/mv-memcopy-XXXXXX", path[600];
	struct mv_source_opts opts = {.root = dir};
	struct mv_range range = {0x10000, 0x20000};
	struct mv_memcopy_cost cost;
	struct mv_memcopy c;
	struct mv_source *machine;
	struct mv_target *process;
	uint64_t room;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/7", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	write_file(dir, "7/stat", "7 (main) S 1 7 7 0 -1 64 10 0 2 0 3 4 0 0 20 0 2 0 50 4096 1\n");
	write_file(dir, "7/pages",
		   "10000-12000 s\n12000-14000 p\n14000-15000 pz\n16000-18000 g\n1f000-20000 s\n");
	write_file(dir, "7/bytes", "12000 0102030405060708\n13000 ff\n");
	assert_int_equal(mv_source_new(&opts, &machine), 0);
	assert_int_equal(mv_target_open(machine, 7, &process), 0);
	assert_int_equal(mv_memcopy_room(machine, &room), -ENOENT);
	write_file(dir, "meminfo", "MemTotal:  9000 kB\nMemAvailable:   5000 kB\n");
	assert_int_equal(mv_memcopy_room(machine, &room), 0);
	assert_int_equal(room, 5000 * 1024);

	assert_int_equal(mv_memcopy_cost(process, &range, 1, &cost), 0);
	assert_int_equal(cost.present_bytes, 0x3000);
	assert_int_equal(cost.swapped_bytes, 0x3000);
	assert_int_equal(cost.zero_bytes, 0x1000);
	assert_int_equal(cost.absent_bytes, 0xa000);
	mv_memcopy_init(&c);
	assert_int_equal(mv_memcopy_plan(&c, &range, 1), 0);
	assert_int_equal(mv_memcopy_fill(&c, process), 0);
	assert_int_equal(c.at[0].swapped_bytes, 0x3000);
	assert_int_equal(c.at[0].present_bytes + c.at[0].unreadable_bytes, 0x3000);
	assert_int_equal(c.at[0].absent_bytes, 0xa000);
	assert_false(mv_memcopy_has(&c, 0x10000));
	assert_true(mv_memcopy_has(&c, 0x14000));
	assert_false(mv_memcopy_has(&c, 0x16000));
	mv_memcopy_release(&c);
	mv_target_close(process);
	mv_source_free(machine);
	unlink(strcat(strcpy(path, dir), "/7/stat"));
	unlink(strcat(strcpy(path, dir), "/7/pages"));
	unlink(strcat(strcpy(path, dir), "/7/bytes"));
	unlink(strcat(strcpy(path, dir), "/meminfo"));
	rmdir(strcat(strcpy(path, dir), "/7"));
	assert_int_equal(rmdir(dir), 0);
}

static void test_room(void **state)
{
	uint64_t room = 0;

	(void)state;
	assert_int_equal(mv_memcopy_room(source, &room), 0);
	assert_true(room > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_present, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_renew, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_plan, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_swapped, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_room, set_up, tear_down),
	};

	puppet_if_executed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
