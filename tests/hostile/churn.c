/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * mv-churn maps | threads | exec N: a process that is never the same twice. It prints "ready" once it is at
 * it, and ends with its parent or with the end of its input. exec N: it executes itself N times and then
 * waits.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define THREADS 4

static size_t page_bytes;

static void say_ready(void)
{
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		_exit(1);
}

static void wait_for_end(void)
{
	char c;
	ssize_t n;

	while ((n = read(STDIN_FILENO, &c, 1)) > 0 || (n < 0 && errno == EINTR))
		;
	_exit(0);
}

static void *change_mappings(void *arg)
{
	for (size_t i = (size_t)(uintptr_t)arg;; i++) {
		const size_t bytes = (1 + i % 64) * page_bytes;
		char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			continue;
		p[0] = p[bytes - 1] = 1;
		mprotect(p, bytes / 2 / page_bytes * page_bytes, PROT_READ);
		munmap(p, bytes);
	}
	return NULL;
}

static void *end_at_once(void *arg)
{
	return arg;
}

static void *change_threads(void *arg)
{
	for (;;) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, end_at_once, NULL) == 0)
			pthread_join(thread, NULL);
	}
	return arg;
}

static int in_threads(void *(*work)(void *))
{
	for (uintptr_t i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, (void *)i) != 0)
			return 1;
	}
	say_ready();
	wait_for_end();
	return 0;
}

static int exec_again(const char *times)
{
	const unsigned long left = strtoul(times, NULL, 10);
	char next[24];

	if (getenv("MV_CHURN_BEGUN") == NULL) {
		setenv("MV_CHURN_BEGUN", "1", 1);
		say_ready();
	}
	if (left == 0)
		wait_for_end();
	snprintf(next, sizeof(next), "%lu", left - 1);
	execl("/proc/self/exe", "mv-churn", "exec", next, (char *)NULL);
	return 1;
}

int main(int argc, char **argv)
{
	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc == 2 && !strcmp(argv[1], "maps"))
		return in_threads(change_mappings);
	if (argc == 2 && !strcmp(argv[1], "threads"))
		return in_threads(change_threads);
	if (argc == 3 && !strcmp(argv[1], "exec"))
		return exec_again(argv[2]);
	fputs("usage: mv-churn maps | threads | exec N\n", stderr);
	return 2;
}
