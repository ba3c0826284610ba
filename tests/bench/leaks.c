/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * What the leak scan costs: mv-leaks MIB BLOCK_BYTES THREADS starts a child with so big a heap, linked in
 * lists of random order, a thousandth of it lost, and so many threads that wait; and prints for each mode
 *
 *     MODE_ms          from the start to the answer
 *     MODE_stopped_ms  how long the target stood at once
 *     MODE_rss_mib     the most memory the helper took
 *     MODE_lost        blocks found
 *     MODE_mark_ms, MODE_marked_mib   of the last round: the marking, and what it looked at
 *
 * beside blocks, heap_mib and predicted_ms, predicted_stop_ms of the exact one. Medians of ROUNDS.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/leaks.h"

#define ROUNDS 5
#define LISTS  4096

static _Atomic int *ready;
static void **lists[LISTS];

static void *thread_main(void *unused)
{
	++*ready;
	for (;;)
		pause();
	return unused;
}

__attribute__((noinline, noipa)) static void fill(size_t blocks, size_t bytes)
{
	uint64_t state = 1;

	for (size_t i = 0; i < blocks; i++) {
		void **block = calloc(1, bytes);

		if (!block)
			_exit(2);
		state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
		if (i % 1000 == 0)
			continue;
		block[0] = lists[(state >> 33) % LISTS];
		lists[(state >> 33) % LISTS] = block;
	}
}

static _Noreturn void be_target(size_t mib, size_t bytes, int threads)
{
	pthread_attr_t attr;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fill((mib << 20) / (bytes + 8), bytes);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	for (int i = 1; i < threads; i++)
		if (pthread_create(&thread, &attr, thread_main, NULL) != 0)
			_exit(1);
	thread_main(NULL);
	_exit(0);
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

/* Until it is over; how long it was marking, in ms, of the last round. */
static double watch(struct mv_source *source, struct mv_leaks_run *run, const struct mv_leaks **ret_leaks)
{
	uint64_t began_ns = 0, ended_ns = 0;
	uint32_t round = UINT32_MAX;

	while (mv_leaks_finish(run, ret_leaks) == -EAGAIN) {
		struct pollfd p = {.fd = mv_leaks_fd(run), .events = POLLIN};
		const struct mv_leaks_progress now = mv_leaks_progress(run);

		if (now.phase == MV_LEAKS_MARKS) {
			ended_ns = mv_source_now(source);
			if (now.round != round)
				began_ns = ended_ns;
			round = now.round;
		}
		poll(&p, 1, 1);
	}
	return (double)(ended_ns - began_ns) / 1e6;
}

static int measure(struct mv_source *source, struct mv_target *target, enum mv_leaks_mode mode,
		   const char *name)
{
	const struct mv_leaks_options options = {.mode = mode};
	double took[ROUNDS], stopped[ROUNDS], marked[ROUNDS];
	struct rusage usage;
	struct mv_leaks last = {0};

	for (int i = 0; i < ROUNDS; i++) {
		const struct mv_leaks *leaks;
		struct mv_leaks_run *run;
		const uint64_t began_ns = mv_source_now(source);

		if (mv_leaks_begin(source, target, &options, &run) < 0)
			return 1;
		marked[i] = watch(source, run, &leaks);
		took[i] = (double)(mv_source_now(source) - began_ns) / 1e6;
		stopped[i] = (double)leaks->stopped_ns / 1e6;
		last = *leaks;
		mv_leaks_free(run);
		if (last.why != MV_LEAKS_WHY_NONE) {
			printf("%s_why %s\n", name, mv_leaks_whys[last.why].json);
			return 1;
		}
	}
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("%s_ms %.1f\n%s_stopped_ms %.3f\n%s_rss_mib %.1f\n%s_lost %lu\n", name, median(took), name,
	       median(stopped), name, (double)usage.ru_maxrss / 1024, name, (unsigned long)last.lost.blocks);
	if (mode != MV_LEAKS_HEAP)
		printf("%s_mark_ms %.1f\n%s_marked_mib %.1f\n", name, median(marked), name,
		       (double)last.scanned_bytes / 1048576);
	if (mode == MV_LEAKS_EXACT)
		printf("blocks %lu\nheap_mib %.1f\n", (unsigned long)last.blocks,
		       (double)last.heap_bytes / 1048576);
	return 0;
}

static int predict(struct mv_source *source, struct mv_target *target)
{
	struct mv_leaks_cost cost;
	struct mv_maps maps;
	int r;

	mv_maps_init(&maps);
	r = mv_maps_read(target, &maps, NULL, 0);
	if (r == 0)
		r = mv_leaks_cost(source, target, &maps, MV_LEAKS_EXACT, &cost);
	mv_maps_release(&maps);
	if (r == 0)
		printf("predicted_ms %.1f\npredicted_stop_ms %.1f\nneed_mib %.1f\n",
		       (double)cost.took_ns / 1e6, (double)cost.stop_ns / 1e6,
		       (double)cost.need_bytes / 1048576);
	return r;
}

int main(int argc, char **argv)
{
	const size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 256;
	const size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 104;
	const int threads = argc > 3 ? atoi(argv[3]) : 1;
	struct mv_source *source;
	struct mv_target *target;
	int failed = 0;
	pid_t child;

	ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if ((void *)ready == MAP_FAILED || bytes < 24)
		return 1;
	child = fork();
	if (child == 0)
		be_target(mib, bytes, threads);
	while (*ready < threads && waitpid(child, NULL, WNOHANG) == 0)
		sched_yield();
	if (mv_source_new(&(struct mv_source_opts){0}, &source) < 0 ||
	    mv_target_open(source, child, &target) < 0)
		return 1;
	failed |= predict(source, target) < 0;
	failed |= measure(source, target, MV_LEAKS_HEAP, "heap");
	failed |= measure(source, target, MV_LEAKS_EXACT, "exact");
	failed |= measure(source, target, MV_LEAKS_SCAN, "scan");
	mv_target_close(target);
	mv_source_free(source);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return failed;
}
