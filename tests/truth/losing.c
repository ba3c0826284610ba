/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * A program that loses blocks and works on, for memview beside LeakSanitizer and valgrind:
 *
 *     mv-losing BLOCKS
 *
 * It holds so many blocks of 24 to 280 bytes, one in 1000 more is lost; prints "ready"; then a thread
 * replaces blocks in random order, and each line of input is answered by how often it has done that so far,
 * and the time in ns. It ends with its input.
 */

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

static void **slots;
static size_t slots_count;
static atomic_uint_fast64_t operations;

static uint64_t next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return *state >> 33;
}

__attribute__((noinline, noipa)) static void *make(uint64_t any)
{
	const size_t bytes = 24 + any % 256;
	void *block = malloc(bytes);

	if (!block)
		exit(1);
	memset(block, 0, bytes);
	return block;
}

__attribute__((noinline, noipa)) static void fill(void)
{
	uint64_t state = 1;

	for (size_t i = 0; i < slots_count; i++) {
		slots[i] = make(next(&state));
		if (i % 1000 == 0)
			make(next(&state));
	}
}

static void *work(void *unused)
{
	uint64_t state = 2;

	for (;;) {
		const size_t i = next(&state) % slots_count;

		free(slots[i]);
		slots[i] = make(next(&state));
		atomic_fetch_add_explicit(&operations, 1, memory_order_relaxed);
	}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char line[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	slots_count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	slots = slots_count ? calloc(slots_count, sizeof(*slots)) : NULL;
	if (!slots)
		return 2;
	fill();
	if (pthread_create(&thread, NULL, work, NULL) != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		printf("%" PRIu64 " %" PRIu64 "\n", (uint64_t)atomic_load(&operations),
		       (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
		fflush(stdout);
	}
	return 0;
}
