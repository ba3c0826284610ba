/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * What call stacks cost: mv-stacks THREADS starts a child with so many threads that wait 12 calls deep, and
 * prints
 *
 *     look_ms       stacks of all of them without stopping any, from the first read to the last answer, warm
 *     unwind_us     CPU of memview-symbols a stack, warm
 *     stop_ms       how long the child stood still for the exact picture
 *     epoll_eintr   times that a wait returned EINTR during the looks
 *
 * Medians of ROUNDS.
 */

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/symboliser.h"
#include "core/threads.h"

#define ROUNDS	  31
#define STACK_CAP 65536

struct shared {
	_Atomic int ready, interrupted, done; /* which it never is */
};
static struct shared *shared;

__attribute__((noinline, noipa)) static int wait_deep(int depth, int fd)
{
	struct epoll_event event;
	volatile int here = depth; /* else it becomes a loop */

	if (depth)
		return wait_deep(depth - 1, fd) + here;
	while (!shared->done)
		if (epoll_wait(fd, &event, 1, -1) < 0 && errno == EINTR)
			shared->interrupted++;
	return 0;
}

static void *thread_main(void *arg)
{
	shared->ready++;
	wait_deep(10, *(int *)arg);
	return NULL;
}

static _Noreturn void be_target(int threads)
{
	int fd = epoll_create1(0);
	pthread_attr_t attr;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	for (int i = 1; i < threads; i++)
		if (pthread_create(&thread, &attr, thread_main, &fd) != 0)
			_exit(1);
	thread_main(&fd);
	_exit(0);
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static size_t came, whole;

static void take(void *arg, uint64_t token, const struct mv_call *calls, size_t count, enum mv_stack_end end)
{
	(void)arg;
	(void)token;
	(void)calls;
	came++;
	whole += end == MV_STACK_COMPLETE && count > 10;
}

/* At least a turn: it may be its files that are waited for. */
static void await_answers(struct mv_symboliser *symboliser)
{
	do {
		struct pollfd p = {.fd = mv_symboliser_fd(symboliser), .events = POLLIN};

		poll(&p, 1, mv_symboliser_pending(symboliser) ? 1000 : 1);
		mv_symboliser_dispatch(symboliser, take, NULL);
	} while (mv_symboliser_pending(symboliser));
}

struct run {
	struct mv_source *source;
	struct mv_target *target;
	struct mv_symboliser *symboliser;
	struct mv_maps maps;
	int tids[4096];
	ssize_t count;
	uint8_t stack[STACK_CAP];
};

static void look(struct run *r)
{
	for (ssize_t i = 0; i < r->count; i++) {
		struct mv_thread_where where;
		struct mv_regs regs = {{0}};
		size_t bytes = 0;

		if (mv_thread_waiting_read(r->target, &r->maps, r->tids[i], &where, r->stack, STACK_CAP,
					   &bytes) < 0)
			continue;
		regs.r[MV_REG_SP] = where.sp;
		regs.r[MV_REG_PC] = where.pc;
		while (mv_symboliser_unwind(r->symboliser, (uint64_t)i + 1, &regs,
					    1u << MV_REG_SP | 1u << MV_REG_PC, r->stack, bytes) == -EAGAIN)
			await_answers(r->symboliser);
	}
	if (mv_symboliser_pending(r->symboliser))
		await_answers(r->symboliser);
}

static double stop_ms(struct run *r)
{
	const struct mv_stopped *stopped;
	struct mv_stop *stop;
	uint64_t ns = 0;
	size_t count;

	if (mv_poke_stop(r->target, &r->maps, r->tids, (size_t)r->count, 16384, 2000, &stop) < 0)
		return -1;
	while (mv_stop_take(stop, &stopped, &count, &ns) == -EAGAIN) {
		struct pollfd p = {.fd = mv_stop_fd(stop), .events = POLLIN};

		poll(&p, 1, 1000);
	}
	mv_stop_free(stop);
	return (double)ns / 1e6;
}

static int measure(struct run *r)
{
	double ms[ROUNDS], stops[ROUNDS];
	uint64_t cpu_ns = 0;
	int interrupted;

	look(r); /* warms up: files, tables, symbols */
	came = whole = 0;
	cpu_ns = mv_symboliser_cpu_ns(r->symboliser);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t began_ns = mv_source_now(r->source);

		look(r);
		ms[i] = (double)(mv_source_now(r->source) - began_ns) / 1e6;
	}
	cpu_ns = mv_symboliser_cpu_ns(r->symboliser) - cpu_ns;
	interrupted = shared->interrupted;
	for (int i = 0; i < ROUNDS; i++)
		stops[i] = stop_ms(r);
	printf("look_ms %.3f\nunwind_us %.2f\nstop_ms %.3f\nepoll_eintr %d\nwhole %.3f\n", median(ms, ROUNDS),
	       (double)cpu_ns / 1e3 / (double)(came ? came : 1), median(stops, ROUNDS), interrupted,
	       (double)whole / (double)(came ? came : 1));
	return 0;
}

int main(int argc, char **argv)
{
	static struct run r;
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	pid_t child;

	setlocale(LC_CTYPE, "");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	child = fork();
	if (child == 0)
		be_target(threads);
	while (shared->ready < threads)
		sched_yield();
	if (mv_source_new(&(struct mv_source_opts){0}, &r.source) < 0 ||
	    mv_target_open(r.source, child, &r.target) < 0)
		return 1;
	mv_maps_init(&r.maps);
	if (mv_maps_read(r.target, &r.maps, NULL, 0) < 0 ||
	    mv_symboliser_start(r.source, r.target, &r.symboliser) < 0 ||
	    mv_symboliser_maps(r.symboliser, &r.maps, 1) < 0)
		return 1;
	r.count = mv_target_list(r.target, "task", r.tids, MV_COUNT_OF(r.tids));
	measure(&r);
	mv_symboliser_free(r.symboliser);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
