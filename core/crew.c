/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "core/crew.h"

struct job {
	void (*work)(void *arg);
	void *arg;
};

unsigned mv_crew_hands(void)
{
	cpu_set_t set;
	int n;

	/* More processors than the set has room for are refused. */
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return errno == EINVAL ? MV_CREW_MOST : 1;
	n = CPU_COUNT(&set);
	return n < 1 ? 1 : n < MV_CREW_MOST ? (unsigned)n : MV_CREW_MOST;
}

static void *be_hand(void *arg)
{
	const struct job *job = arg;

	job->work(job->arg);
	return NULL;
}

void mv_crew_work(unsigned hands, void (*work)(void *arg), void *arg)
{
	struct job job = {work, arg};
	pthread_t threads[MV_CREW_MOST - 1];
	sigset_t all, before;
	unsigned n = 0;

	if (hands > MV_CREW_MOST)
		hands = MV_CREW_MOST;
	/* Signals are for the thread that was there before. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (n + 1 < hands && pthread_create(&threads[n], NULL, be_hand, &job) == 0)
		n++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	work(arg);
	while (n > 0)
		pthread_join(threads[--n], NULL);
}
