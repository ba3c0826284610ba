/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/maps.h"
#include "core/sampler.h"
#include "core/stat.h"

/* A process whose main thread has ended while another runs: its memory is read all the same. */

static const char marker[] = "still here";

static void *wait_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static pid_t child_pid;

static int start(void **state)
{
	(void)state;
	child_pid = fork();
	if (child_pid == 0) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
			_exit(1);
		pthread_exit(NULL);
	}
	return child_pid > 0 ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	kill(child_pid, SIGKILL);
	return waitpid(child_pid, NULL, 0) == child_pid ? 0 : -1;
}

/* Until the kernel calls the main thread a zombie, and the other one sleeps. */
static void await_zombie(struct mv_target *target)
{
	char text[1024] = "";
	struct mv_stat stat;

	for (int tries = 0; tries < 10000000; tries++) {
		if (mv_target_read_named(target, "stat", text, sizeof(text)) > 0 && strstr(text, ") Z ") &&
		    mv_stat_read(target, &stat) == 0 && stat.state == 'S')
			return;
		sched_yield();
	}
	fail_msg("its main thread does not end");
}

static void test_lives_on(void **state)
{
	struct mv_source *source;
	struct mv_target *target;
	struct mv_sampler *sampler;
	struct mv_snapshot *snap;
	struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_SMAPS};
	struct mv_stat stat;
	char bytes[sizeof(marker)];

	(void)state;
	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &source), 0);
	assert_int_equal(mv_target_open(source, child_pid, &target), 0);
	await_zombie(target);
	assert_int_equal(mv_stat_read(target, &stat), 0);
	assert_int_equal(stat.state, 'S');
	assert_int_equal(stat.pid, child_pid);
	assert_int_not_equal(mv_target_via_tid(target), 0);
	assert_int_equal(mv_target_bytes(target, (uintptr_t)marker, bytes, sizeof(bytes)), sizeof(bytes));
	assert_memory_equal(bytes, marker, sizeof(marker));
	assert_int_equal(mv_sampler_new(source, target, &sampler), 0);
	assert_int_equal(mv_sampler_once(sampler, &want, &snap), 0);
	assert_int_equal(snap->life, MV_LIFE_ALIVE);
	assert_true(mv_snapshot_count(snap) > 10);
	assert_true(snap->figure[MV_FIG_RSS].value > 0);
	assert_true(mv_have(&snap->figure[MV_FIG_PSS]));
	free(snap);
	mv_sampler_free(sampler);
	mv_target_close(target);
	mv_source_free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_lives_on, start, finish)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
