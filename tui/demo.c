/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tui/demo.h"

#define DEMO_BYTES ((size_t)100 << 20)
#define DEMO_RATE  ((size_t)10 << 20) /* a second */
#define DEMO_STEPS 50		      /* a second */
#define DEMO_NAME  "demand-paging"

static void sleep_until(struct timespec *at)
{
	at->tv_nsec += 1000000000L / DEMO_STEPS;
	if (at->tv_nsec >= 1000000000L) {
		at->tv_nsec -= 1000000000L;
		at->tv_sec++;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, at, NULL) != 0)
		;
}

int mv_demo_run(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), step = DEMO_RATE / DEMO_STEPS;
	volatile char *memory =
	    mmap(NULL, DEMO_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct timespec next;
	size_t done = 0;

	prctl(PR_SET_NAME, DEMO_NAME);
	if (memory == MAP_FAILED)
		return 1;
	/* One fault a page, as the lecture has it; a kernel without huge pages refuses, and needs no telling.
	 */
	madvise((void *)(uintptr_t)memory, DEMO_BYTES, MADV_NOHUGEPAGE);
#ifdef PR_SET_VMA
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, memory, DEMO_BYTES, DEMO_NAME);
#endif
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (size_t end = step; end <= DEMO_BYTES; end += step) {
		sleep_until(&next);
		for (; done + page <= end; done += page)
			memory[done] = 1;
	}
	for (; done < DEMO_BYTES; done += page)
		memory[done] = 1;
	for (;;)
		pause();
}

uint64_t mv_demo_mapping(const struct mv_snapshot *snap)
{
	const struct mv_mapping *mappings = mv_snapshot_mappings(snap);

	/* Its neighbours of the same kind may have merged with it. */
	for (uint32_t i = 0; i < mv_snapshot_count(snap); i++) {
		if (mappings[i].kind == MV_KIND_ANON && mv_mapping_bytes(&mappings[i]) >= DEMO_BYTES)
			return mappings[i].start;
	}
	return 0;
}
