/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * A heap of known construction: mv-heapster CASE [ARG]. It lays the heap out, prints
 *
 *     ready pid=PID key=value ...
 *
 * and waits. Each line on its standard input is answered by a line "info arena=… ordblks=… …" of its own
 * mallinfo2; what is asked in the line is done before: "trim" malloc_trim(0), with rss_before= and rss_after=
 * in KiB. It ends when its standard input closes. Whatever it keeps in mind lies in static memory: nothing is
 * allocated but by the case.
 *
 * Cases:
 *   sizes SEED      100,000 blocks of one thread, every third freed, some by calloc, memalign and realloc,
 * and mapped ones threads N       N threads that each fill an arena of their own and free half of it
 *   one-arena N     the same in one arena (M_ARENA_MAX)
 *   foreign         sbrk by others between mallocs
 *   blocked         sbrk refused (a mapping in the way): the main arena goes on in mappings
 *   mapped          blocks of their own, by malloc, memalign and realloc
 *   fragments       every second of many blocks of a size freed; free pages resident but for given-back ones
 *   fast            chunks in fastbins and tcaches of several sizes
 *   big N           N blocks of 32 to 128 bytes
 *   smashed         a chunk's size overwritten; smashed=ADDRESS
 *   change N        N threads that malloc and free as fast as they can; live_min=, live_max= bytes in use of
 * theirs none            nothing allocated that it knows of huge            glibc.malloc.hugetlb=2 must be in
 * GLIBC_TUNABLES: a heap in huge pages
 */

#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SLOTS 8000000

static void *slots[SLOTS];
static uint64_t seed = 1;
static char extra[256]; /* of the ready line */

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void *must(void *p)
{
	if (!p)
		die("malloc");
	return p;
}

static uint64_t rss_kib(void)
{
	static char text[16384];
	const int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *at;

	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	at = strstr(text, "Rss:");
	return at ? strtoull(at + 4, NULL, 10) : 0;
}

static void case_sizes(const char *arg)
{
	seed = strtoull(arg, NULL, 10) * 7919 + 1;
	for (int i = 0; i < 100000; i++) {
		const size_t size = random_number() % 100 ? random_number() % 1000 : random_number() % 400000;

		switch (random_number() % 8) {
		case 0:
			slots[i] = must(calloc(1, size + 1));
			break;
		case 1:
			slots[i] = must(memalign((size_t)16 << random_number() % 9, size + 1));
			break;
		case 2:
			slots[i] = must(realloc(must(malloc(size + 1)), size * 2 + 1));
			break;
		default:
			slots[i] = must(malloc(size + 1));
		}
		if (i && random_number() % 3 == 0) {
			const size_t k = random_number() % (size_t)i;

			free(slots[k]);
			slots[k] = NULL;
		}
	}
}

static pthread_barrier_t barrier;
static int thread_count;

static void *fill_arena(void *arg)
{
	const size_t base = (size_t)(uintptr_t)arg * 20000;
	uint64_t mine = 1234567 + (uint64_t)(uintptr_t)arg;

	for (size_t i = base; i < base + 20000; i++) {
		mine = mine * UINT64_C(6364136223846793005) + 1442695040888963407;
		slots[i] = must(malloc(mine >> 33 & (i % 50 ? 1023 : 32767)));
	}
	for (size_t i = base; i < base + 20000; i += 2) {
		free(slots[i]);
		slots[i] = NULL;
	}
	pthread_barrier_wait(&barrier);
	pause();
	return NULL;
}

static void case_threads(const char *arg)
{
	pthread_t thread;

	thread_count = atoi(arg);
	pthread_barrier_init(&barrier, NULL, (unsigned)thread_count + 1);
	for (int i = 0; i < thread_count; i++)
		if (pthread_create(&thread, NULL, fill_arena, (void *)(uintptr_t)i) != 0)
			die("pthread_create");
	pthread_barrier_wait(&barrier);
}

static void case_one_arena(const char *arg)
{
	mallopt(M_ARENA_MAX, 1);
	case_threads(arg);
}

static void case_foreign(const char *arg)
{
	size_t n = 0;

	(void)arg;
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 1000; i++)
			slots[n++] = must(malloc(random_number() % 2000));
		memset(must(sbrk(round % 2 ? 4096 : 10008)), 0x41, 100);
	}
	for (int i = 0; i < 1000; i++)
		slots[n++] = must(malloc(random_number() % 2000));
	for (size_t i = 0; i < n; i += 3)
		free(slots[i]);
}

static void block_sbrk(void)
{
	char *now = sbrk(0);
	char *at = (char *)(((uintptr_t)now + 4095) & ~(uintptr_t)4095);

	if (mmap(at, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		die("mmap");
}

static void case_blocked(const char *arg)
{
	size_t n = 0;

	(void)arg;
	for (; n < 1000; n++)
		slots[n] = must(malloc(random_number() % 1000));
	block_sbrk();
	for (; n < 60000; n++) {
		slots[n] = must(malloc(random_number() % 1000));
		if (n % 20000 == 0)
			slots[n + 100000] = must(malloc(300000));
	}
	for (size_t i = 0; i < n; i += 3)
		free(slots[i]);
}

static void case_mapped(const char *arg)
{
	(void)arg;
	mallopt(M_MMAP_THRESHOLD, 100000);
	for (int i = 0; i < 300; i++) {
		const size_t size = 100000 + random_number() % 1000000;

		if (i % 3 == 0)
			slots[i] = must(malloc(size));
		else if (i % 3 == 1)
			slots[i] = must(memalign((size_t)4096 << random_number() % 6, size));
		else
			slots[i] = must(realloc(must(malloc(size)), size * 2));
		memset(slots[i], 1, 5000);
	}
	for (int i = 1; i < 300; i += 6)
		slots[i] = must(realloc(slots[i], 3000000));
	for (int i = 0; i < 300; i += 5) {
		free(slots[i]);
		slots[i] = NULL;
	}
}

static void case_fragments(const char *arg)
{
	(void)arg;
	for (size_t i = 0; i < 4000; i++)
		memset(slots[i] = must(malloc(20000)), 1, 20000);
	slots[4000] = must(malloc(100));
	for (size_t i = 0; i < 4000; i += 2)
		free(slots[i]);
	snprintf(extra, sizeof(extra), " rss=%" PRIu64, rss_kib());
}

static void case_fast(const char *arg)
{
	(void)arg;
	for (size_t i = 0; i < 4000; i++)
		slots[i] = must(malloc(24 + 16 * (i % 7)));
	for (size_t i = 0; i < 4000; i += 2)
		free(slots[i]);
}

static void case_big(const char *arg)
{
	const size_t n = strtoull(arg, NULL, 10);

	for (size_t i = 0; i < n && i < SLOTS; i++) {
		slots[i] = must(malloc(24 + random_number() % 96));
		*(uint64_t *)slots[i] = i;
	}
	for (size_t i = 0; i < n && i < SLOTS; i += 5)
		free(slots[i]);
}

static void case_smashed(const char *arg)
{
	(void)arg;
	for (size_t i = 0; i < 1000; i++)
		slots[i] = must(malloc(100));
	((uint64_t *)slots[500])[-1] = 0x4141414141414141;
	snprintf(extra, sizeof(extra), " smashed=%" PRIu64, (uint64_t)(uintptr_t)slots[500] - 16);
}

#define HELD 200 /* blocks a thread holds, of up to 2047 bytes */

static void *change(void *arg)
{
	uint64_t mine = 88172645463325252u + (uint64_t)(uintptr_t)arg;
	static __thread void *held[HELD];

	for (size_t i = 0; i < HELD; i++)
		held[i] = must(malloc(1024));
	pthread_barrier_wait(&barrier);
	for (;;) {
		size_t k;

		mine ^= mine << 13;
		mine ^= mine >> 7;
		mine ^= mine << 17;
		k = mine % HELD;
		free(held[k]);
		held[k] = must(malloc(1 + (mine >> 20) % 2047));
	}
	return NULL;
}

static void case_change(const char *arg)
{
	pthread_t thread;

	thread_count = atoi(arg);
	for (size_t i = 0; i < 20000; i++)
		slots[i] = must(malloc(1000));
	pthread_barrier_init(&barrier, NULL, (unsigned)thread_count + 1);
	for (int i = 0; i < thread_count; i++)
		if (pthread_create(&thread, NULL, change, (void *)(uintptr_t)i) != 0)
			die("pthread_create");
	pthread_barrier_wait(&barrier);
	/* One block of each thread may be in no state, and tcaches hold 7 of each of 64 sizes. */
	snprintf(extra, sizeof(extra), " live_min=%d live_max=%d",
		 20000 * 1008 + thread_count * (HELD - 1) * 32,
		 20000 * 1008 + thread_count * (HELD + 1) * 2080);
}

static void case_none(const char *arg)
{
	(void)arg;
}

static void case_huge(const char *arg)
{
	(void)arg;
	for (size_t i = 0; i < 20000; i++)
		slots[i] = must(malloc(random_number() % 1000));
	for (size_t i = 0; i < 20000; i += 3)
		free(slots[i]);
}

static const struct {
	const char *name;
	void (*run)(const char *arg);
} cases[] = {
    {"sizes", case_sizes},	   {"threads", case_threads}, {"one-arena", case_one_arena},
    {"foreign", case_foreign},	   {"blocked", case_blocked}, {"mapped", case_mapped},
    {"fragments", case_fragments}, {"fast", case_fast},	      {"big", case_big},
    {"smashed", case_smashed},	   {"change", case_change},   {"none", case_none},
    {"huge", case_huge},
};

static void say(const char *text)
{
	const size_t n = strlen(text);

	if (write(STDOUT_FILENO, text, n) != (ssize_t)n)
		_exit(1);
}

static void answer(bool trim)
{
	uint64_t before = 0, after = 0;
	struct mallinfo2 m;
	char line[512];

	if (trim) {
		before = rss_kib();
		malloc_trim(0);
		after = rss_kib();
	}
	m = mallinfo2();
	snprintf(
	    line, sizeof(line),
	    "info arena=%zu ordblks=%zu smblks=%zu hblks=%zu hblkhd=%zu usmblks=%zu fsmblks=%zu uordblks=%zu "
	    "fordblks=%zu keepcost=%zu rss_before=%" PRIu64 " rss_after=%" PRIu64 "\n",
	    m.arena, m.ordblks, m.smblks, m.hblks, m.hblkhd, m.usmblks, m.fsmblks, m.uordblks, m.fordblks,
	    m.keepcost, before, after);
	say(line);
}

int main(int argc, char **argv)
{
	char line[384], asked;
	size_t i = 0;
	bool trim = false;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (i < sizeof(cases) / sizeof(cases[0]) && (argc < 2 || strcmp(argv[1], cases[i].name) != 0))
		i++;
	if (i == sizeof(cases) / sizeof(cases[0]))
		return 2;
	cases[i].run(argc > 2 ? argv[2] : "1");
	snprintf(line, sizeof(line), "ready pid=%d%s\n", (int)getpid(), extra);
	say(line);
	while (read(STDIN_FILENO, &asked, 1) == 1) {
		trim |= asked == 't';
		if (asked != '\n')
			continue;
		answer(trim);
		trim = false;
	}
	_exit(0);
}
