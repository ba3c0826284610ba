/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/crew.h"

struct room {
	pthread_barrier_t all;
	unsigned came, ours, open_to_signals;
	pthread_t caller;
};

/* Nobody leaves before all are there: they are at work at once. */
static void meet(void *arg)
{
	struct room *const room = arg;
	sigset_t set;

	__atomic_fetch_add(&room->came, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&room->ours, pthread_equal(pthread_self(), room->caller) != 0, __ATOMIC_RELAXED);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	__atomic_fetch_add(&room->open_to_signals, sigismember(&set, SIGTERM) == 0, __ATOMIC_RELAXED);
	pthread_barrier_wait(&room->all);
}

static void assert_meet(unsigned hands, unsigned expected)
{
	struct room room = {.caller = pthread_self()};

	assert_int_equal(pthread_barrier_init(&room.all, NULL, expected), 0);
	mv_crew_work(hands, meet, &room);
	assert_int_equal(room.came, expected);
	assert_int_equal(room.ours, 1);
	/* signals come to the caller as before, to the others never */
	assert_int_equal(room.open_to_signals, 1);
	pthread_barrier_destroy(&room.all);
}

static void test_work(void **state)
{
	(void)state;
	assert_meet(0, 1);
	assert_meet(1, 1);
	assert_meet(2, 2);
	assert_meet(MV_CREW_MOST, MV_CREW_MOST);
	assert_meet(99, MV_CREW_MOST);
}

/* As many as there are processors for us, not in the machine. */
static void test_hands(void **state)
{
	cpu_set_t before, one;
	size_t cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(mv_crew_hands(),
			 CPU_COUNT(&before) < MV_CREW_MOST ? CPU_COUNT(&before) : MV_CREW_MOST);
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(mv_crew_hands(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_work),
	    cmocka_unit_test(test_hands),
	};

	alarm(60); /* one that waits for a thread that never was */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
