/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/machine.h"

/* A child that bears `comm` and lives until `end`, or as long as we do. */
static int bearer(const char *comm)
{
	int ready[2], pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, comm);
		close(ready[0]);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	return pid;
}

static void end(int pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct mv_source *live(void)
{
	const struct mv_source_opts opts = {0};
	struct mv_source *source;

	assert_int_equal(mv_source_new(&opts, &source), 0);
	return source;
}

static void find(struct mv_source *source, const char *name, struct mv_process **ret_list, size_t *ret_count)
{
	assert_int_equal(mv_machine_find(source, name, ret_list, ret_count), 0);
}

static void test_live_names(void **state)
{
	static const char *const names[] = {"mv test one", "mv-fifteen-char", "a) R 1 (b", "mv\tx\033[31m"};
	struct mv_source *source = live();

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(names); i++) {
		int pid = bearer(names[i]);
		struct mv_process *list;
		size_t count;

		find(source, names[i], &list, &count);
		if (count != 1)
			fail_msg("%zu processes bear \"%s\"", count, names[i]);
		assert_int_equal(list[0].pid, pid);
		assert_string_equal(list[0].comm, names[i]);
		assert_true(mv_have(&list[0].uid));
		assert_int_equal(list[0].uid.value, geteuid());
		assert_true(list[0].rss_bytes > 0);
		free(list);
		end(pid);
		find(source, names[i], &list, &count);
		assert_int_equal(count, 0);
		free(list);
	}
	mv_source_free(source);
}

static void test_several_and_long(void **state)
{
	struct mv_source *source = live();
	int pid[2];
	struct mv_process *list;
	size_t count;

	(void)state;
	pid[0] = bearer("mv-a-long-name-");
	pid[1] = bearer("mv-a-long-name-");
	/* What was cut off by the kernel can't be told apart. */
	find(source, "mv-a-long-name-cut-by-the-kernel", &list, &count);
	assert_int_equal(count, 2);
	assert_true(list[0].pid < list[1].pid);
	assert_true(list[0].pid == pid[0] || list[1].pid == pid[0]);
	free(list);
	find(source, "mv-a-long-name", &list, &count);
	assert_int_equal(count, 0);
	free(list);
	end(pid[0]);
	end(pid[1]);
	mv_source_free(source);
}

static void test_not_oneself(void **state)
{
	struct mv_source *source = live();
	struct mv_process *list;
	size_t count;

	(void)state;
	prctl(PR_SET_NAME, "mv-oneself");
	find(source, "mv-oneself", &list, &count);
	assert_int_equal(count, 0);
	free(list);
	mv_source_free(source);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void test_fixture(void **state)
{
	static const char *const files[] = {"42/stat", "42/statm", "42/status", "7/stat", "7", "42"};
	char dir[] = "/tmp/mv-machine-XXXXXX", path[512];
	struct mv_source_opts opts = {.root = dir};
	struct mv_source *source;
	struct mv_process *list;
	size_t count;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/42", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/7", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	put(dir, "42/stat", "42 (one) S 1 42 42 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 1 0 100 4096 3 0\n");
	put(dir, "42/statm", "10 3 1 1 0 2 0\n");
	put(dir, "42/status", "Name:\tone\nState:\tS (sleeping)\nTgid:\t42\nUid:\t1000\t1001\t1000\t1000\n");
	put(dir, "7/stat", "7 (one) S 1 7 7 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 1 0 100 4096 3 0\n");
	assert_int_equal(mv_source_new(&opts, &source), 0);
	find(source, "one", &list, &count);
	assert_int_equal(count, 2);
	assert_int_equal(list[0].pid, 7);
	assert_false(mv_have(&list[0].uid));
	assert_int_equal(list[1].pid, 42);
	assert_int_equal(list[1].rss_bytes, 3 * 4096);
	assert_true(mv_have(&list[1].uid));
	assert_int_equal(list[1].uid.value, 1001);
	free(list);
	find(source, "on", &list, &count);
	assert_int_equal(count, 0);
	free(list);
	mv_source_free(source);
	for (size_t i = 0; i < MV_COUNT_OF(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		assert_int_equal(remove(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_live_names),
	    cmocka_unit_test(test_several_and_long),
	    cmocka_unit_test(test_not_oneself),
	    cmocka_unit_test(test_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
