/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/stat.h"
#include "tests/unit/fixture.h"

static void test_python(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct mv_stat stat;
	struct mv_statm statm;
	struct mv_status status;

	(void)state;
	assert_int_equal(mv_stat_read(f.target, &stat), 0);
	assert_int_equal(stat.pid, 4711);
	assert_int_equal(stat.ppid, 1);
	assert_string_equal(stat.comm, "python3");
	assert_int_equal(stat.state, 'S');
	assert_int_equal(stat.threads, 3);
	assert_int_equal(stat.flags, 4194304);
	assert_int_equal(stat.minor_faults, 12432);
	assert_int_equal(stat.major_faults, 2);
	assert_int_equal(stat.utime_ticks, 2);
	assert_int_equal(stat.stime_ticks, 1);
	assert_int_equal(stat.start_ticks, 90000);
	assert_int_equal(stat.vsize_bytes, 352993280);
	assert_int_equal(stat.rss_pages, 13607);
	assert_false(mv_stat_is_kernel_thread(&stat));

	assert_int_equal(mv_statm_read(f.target, &statm), 0);
	assert_int_equal(mv_status_read(f.target, &status), 0);
	assert_int_equal(status.uid.value, 65534);
	assert_int_equal(status.euid.value, 65534);
	assert_true(mv_have(&status.vm_pte_kib));
	assert_int_equal(statm.resident_pages * 4,
			 status.rss_anon_kib.value + status.rss_file_kib.value + status.rss_shmem_kib.value);
	assert_int_equal(statm.shared_pages * 4, status.rss_file_kib.value + status.rss_shmem_kib.value);
	assert_int_equal(statm.size_pages * 4096, stat.vsize_bytes);
	assert_int_equal(status.vm_hwm_kib.value, 54840);
	assert_true(mv_have(&status.vm_swap_kib));
	assert_int_equal(status.tracer_pid.value, 0);
	assert_false(status.kernel_thread);
	fixture_close(&f);
}

static void test_hostile_name(void **state)
{
	struct fixture f = fixture_open("hostile", 666);
	struct mv_stat stat;
	struct mv_status status;

	(void)state;
	assert_int_equal(mv_stat_read(f.target, &stat), 0);
	assert_string_equal(stat.comm, "a) R 1 (\n\x1b[31m)");
	assert_int_equal(stat.state, 'S');
	assert_int_equal(stat.start_ticks, 90000);
	assert_int_equal(mv_status_read(f.target, &status), 0);
	assert_int_equal(status.rss_file_kib.value, 60);
	fixture_close(&f);
}

static void test_old_kernel(void **state)
{
	struct fixture f = fixture_open("k419", 1234);
	struct mv_status status;

	(void)state;
	assert_int_equal(mv_status_read(f.target, &status), 0);
	assert_int_equal(status.uid.value, 1000);
	assert_int_equal(status.vm_peak_kib.value, 5600);
	assert_int_equal(status.rss_file_kib.value, 1116);
	assert_false(status.kernel_thread);
	fixture_close(&f);
}

static void check_without_memory(const char *name, int pid, char letter, bool kernel, enum mv_why why,
				 bool told)
{
	struct fixture f = fixture_open(name, pid);
	struct mv_stat stat;
	struct mv_statm statm;
	struct mv_status status;

	assert_int_equal(mv_stat_read(f.target, &stat), 0);
	assert_int_equal(stat.state, letter);
	assert_int_equal(mv_stat_is_kernel_thread(&stat), kernel);
	assert_true(strlen(stat.comm) < MV_COMM_BYTES);
	assert_int_equal(mv_statm_read(f.target, &statm), 0);
	assert_int_equal(statm.resident_pages, 0);
	assert_int_equal(mv_status_read(f.target, &status), 0);
	assert_int_equal(status.vm_pte_kib.why, why);
	assert_int_equal(status.vm_peak_kib.why, why);
	assert_true(mv_have(&status.tracer_pid));
	assert_int_equal(status.kernel_thread, told);
	fixture_close(&f);
}

static void test_without_memory(void **state)
{
	(void)state;
	check_without_memory("zombie", 55, 'Z', false, MV_WHY_ZOMBIE, false);
	check_without_memory("kthread", 2, 'S', true, MV_WHY_KERNEL_THREAD, true);
	/* before 6.7 status does not say that it is one */
	check_without_memory("kthread", 317, 'I', true, MV_WHY_NOT_HERE, false);
}

static int parse_stat(const char *text, struct mv_stat *ret_stat)
{
	return mv_stat_parse(text, strlen(text), ret_stat);
}

static void test_broken_stat(void **state)
{
	static const char whole[] = "7 (x) S 1 7 7 0 -1 64 1 0 2 0 3 4 0 0 20 0 1 0 50 4096 1\n";
	struct mv_stat stat = {.pid = 99};

	(void)state;
	for (size_t len = 0; len < strlen(whole) - 2; len++)
		assert_int_equal(mv_stat_parse(whole, len, &stat), -EBADMSG);
	assert_int_equal(parse_stat("7 x S 1", &stat), -EBADMSG);
	assert_int_equal(parse_stat("(x) S 1 7 7 0 -1 64 1 0 2 0 3 4 0 0 20 0 1 0 50 4096 1", &stat),
			 -EBADMSG);
	assert_int_equal(parse_stat("7) (x S 1 7 7 0 -1 64 1 0 2 0 3 4 0 0 20 0 1 0 50 4096 1", &stat),
			 -EBADMSG);
	assert_int_equal(
	    parse_stat("99999999999 (x) S 1 7 7 0 -1 64 1 0 2 0 3 4 0 0 20 0 1 0 50 4096 1", &stat),
	    -EBADMSG);
	assert_int_equal(
	    parse_stat("7 (x) S 4294967296 7 7 0 -1 64 1 0 2 0 3 4 0 0 20 0 1 0 50 4096 1", &stat), -EBADMSG);
	assert_int_equal(stat.pid, 99);
	assert_int_equal(parse_stat(whole, &stat), 0);
	assert_int_equal(stat.rss_pages, 1);
	assert_int_equal(parse_stat("7 () S 1 7 7 0 -1 64 1 0 2 0 3 4 0 0 -20 -1 1 0 50 4096 1", &stat), 0);
	assert_string_equal(stat.comm, "");
}

static void test_broken_statm(void **state)
{
	struct mv_statm statm = {.size_pages = 1};

	(void)state;
	assert_int_equal(mv_statm_parse("", 0, &statm), -EBADMSG);
	assert_int_equal(mv_statm_parse("1 2 3 4 5", 9, &statm), -EBADMSG);
	assert_int_equal(mv_statm_parse("1 2 x 4 5 6", 11, &statm), -EBADMSG);
	assert_int_equal(statm.size_pages, 1);
	assert_int_equal(mv_statm_parse("10 2 3 4 5 6 0\n", 15, &statm), 0);
	assert_int_equal(statm.size_pages, 10);
	assert_int_equal(statm.data_pages, 6);
}

static int parse_status(const char *text, struct mv_status *ret_status)
{
	return mv_status_parse(text, strlen(text), ret_status);
}

static void test_broken_status(void **state)
{
	struct mv_status status = {.kernel_thread = true};

	(void)state;
	assert_int_equal(parse_status("", &status), -EBADMSG);
	assert_int_equal(parse_status("State:\tS\n", &status), -EBADMSG);
	assert_int_equal(parse_status("Uid:\t0\t0\n", &status), -EBADMSG);
	assert_int_equal(parse_status("State:\nUid:\tx\n", &status), -EBADMSG);
	assert_true(status.kernel_thread);

	/* its memory is given up already, but it is no zombie yet */
	assert_int_equal(parse_status("\nState:\tR\nUid:\t5\t6\nKthread:\t0\n", &status), 0);
	assert_int_equal(status.euid.value, 6);
	assert_int_equal(status.vm_swap_kib.why, MV_WHY_GONE);
	assert_int_equal(status.tracer_pid.why, MV_WHY_GONE);

	assert_int_equal(parse_status("State:\tR\nUid:\t5\t6\nVmPeak:\t1 kB\nVmPTE:\tx kB", &status), 0);
	assert_int_equal(status.vm_pte_kib.why, MV_WHY_MALFORMED);
	assert_int_equal(status.hugetlb_kib.why, MV_WHY_NO_KERNEL);
}

/* The line of groups may be longer than any buffer of fixed size. */
static void test_many_groups(void **state)
{
	char dir[] = "/tmp/memview-test-XXXXXX", path[256];
	struct mv_source_opts opts = {.root = dir};
	struct mv_source *source;
	struct mv_target *target;
	struct mv_status status;
	FILE *out;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "mkdir %s/8 && echo '8 (x)' >%s/8/stat", dir, dir);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s/8/status", dir);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "State:\tS (sleeping)\nUid:\t1\t2\t3\t4\nGroups:\t");
	for (int i = 0; i < 20000; i++)
		fprintf(out, "%d ", i);
	fprintf(out, "\nVmPeak:\t      44 kB\nVmPTE:\t      12 kB\n");
	fclose(out);
	assert_int_equal(mv_source_new(&opts, &source), 0);
	assert_int_equal(mv_target_open(source, 8, &target), 0);
	assert_int_equal(mv_status_read(target, &status), 0);
	assert_int_equal(status.vm_pte_kib.value, 12);
	mv_target_close(target);
	mv_source_free(source);
	snprintf(path, sizeof(path), "rm -r %s", dir);
	assert_int_equal(system(path), 0);
}

static void test_states(void **state)
{
	(void)state;
	assert_string_equal(mv_stat_state_text('R'), "running");
	assert_string_equal(mv_stat_state_text('S'), "sleeping");
	assert_string_equal(mv_stat_state_text('D'), "disk sleep");
	assert_string_equal(mv_stat_state_text('T'), "stopped");
	assert_string_equal(mv_stat_state_text('t'), "traced");
	assert_string_equal(mv_stat_state_text('Z'), "zombie");
	assert_string_equal(mv_stat_state_text('X'), "dead");
	assert_string_equal(mv_stat_state_text('x'), "dead");
	assert_string_equal(mv_stat_state_text('I'), "idle");
	assert_string_equal(mv_stat_state_text('P'), "parked");
	assert_string_equal(mv_stat_state_text('\x1b'), "unknown");
}

static void test_gone(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct mv_stat stat;
	struct mv_statm statm;
	struct mv_status status;

	(void)state;
	mv_source_step(f.source);
	assert_int_equal(mv_stat_read(f.target, &stat), 0);
	mv_source_step(f.source);
	assert_int_equal(mv_stat_read(f.target, &stat), -ESRCH);
	assert_int_equal(mv_statm_read(f.target, &statm), -ESRCH);
	assert_int_equal(mv_status_read(f.target, &status), -ESRCH);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_python),	  cmocka_unit_test(test_hostile_name),
	    cmocka_unit_test(test_old_kernel),	  cmocka_unit_test(test_without_memory),
	    cmocka_unit_test(test_broken_stat),	  cmocka_unit_test(test_broken_statm),
	    cmocka_unit_test(test_broken_status), cmocka_unit_test(test_many_groups),
	    cmocka_unit_test(test_states),	  cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
