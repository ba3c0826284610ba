/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * The processes that the bench looks at (see README.md here): mv-target T2|T2m|T3|T4|T5|T6|T7 [loop]
 * Prints "ready", then for each line read the operations that its mmap/touch/munmap loop has done so far
 * (loop) and the time in nanoseconds; ends at end of input. T1 is a python3 that imports much, and needs no
 * code here.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define GIB  (1ul << 30)

static _Atomic uint64_t operations;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "mv-target: %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *map(size_t bytes, int advice)
{
	char *at =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		fail("mmap");
	madvise(at, bytes, advice);
	return at;
}

static void touch(volatile char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += PAGE)
		at[i] = 1;
}

/* Neighbours of unequal protection do not merge: one page each. */
static void many_mappings(size_t count)
{
	char *at = map(count * PAGE, MADV_NOHUGEPAGE);

	touch(at, count * PAGE);
	for (size_t i = 0; i < count; i += 2)
		if (mprotect(at + i * PAGE, PAGE, PROT_READ) < 0)
			fail("mprotect (vm.max_map_count?)");
}

static void sparse(void)
{
	volatile char *at = map(1024 * GIB, MADV_NOHUGEPAGE);
	uint64_t x = 88172645463325252u;

	for (int i = 0; i < 100000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at[x % (1024 * GIB / PAGE) * PAGE] = 1;
	}
}

static void half_cached_file(void)
{
	char name[] = "mv-target-XXXXXX";
	int fd = mkstemp(name);
	volatile char *at;
	char sum = 0;

	if (fd < 0 || unlink(name) < 0 || ftruncate(fd, (off_t)(4 * GIB)) < 0)
		fail(name);
	at = mmap(NULL, 4 * GIB, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		fail("mmap");
	for (size_t i = 0; i < GIB; i += PAGE)
		sum = (char)(sum + at[i]);
	if (sum)
		exit(1);
}

static void *churn(void *unused)
{
	for (;;) {
		char *at = map(16 * PAGE, MADV_NOHUGEPAGE);

		touch(at, 16 * PAGE);
		munmap(at, 16 * PAGE);
		atomic_fetch_add_explicit(&operations, 1, memory_order_relaxed);
	}
	return unused;
}

/* Page faults and nothing else: 16 MiB are touched and given back. */
static void *fault(void *unused)
{
	char *at = map(4096 * PAGE, MADV_NOHUGEPAGE);

	for (;;) {
		touch(at, 4096 * PAGE);
		madvise(at, 4096 * PAGE, MADV_DONTNEED);
		atomic_fetch_add_explicit(&operations, 4096, memory_order_relaxed);
	}
	return unused;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";
	pthread_t thread;
	char line[16];

	if (!strcmp(kind, "T2"))
		many_mappings(60000);
	else if (!strcmp(kind, "T2m"))
		many_mappings(1000000);
	else if (!strcmp(kind, "T3"))
		touch(map(8 * GIB, MADV_NOHUGEPAGE), 8 * GIB);
	else if (!strcmp(kind, "T4"))
		touch(map(8 * GIB, MADV_HUGEPAGE), 8 * GIB);
	else if (!strcmp(kind, "T5"))
		sparse();
	else if (!strcmp(kind, "T6"))
		half_cached_file();
	else if (strcmp(kind, "T7") != 0)
		return 2;
	if (argc > 2 && !strcmp(argv[2], "loop") &&
	    pthread_create(&thread, NULL, strcmp(kind, "T7") ? churn : fault, NULL) != 0)
		fail("pthread_create");
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		printf("%" PRIu64 " %" PRIu64 "\n", atomic_load(&operations),
		       (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
		fflush(stdout);
	}
	return 0;
}
