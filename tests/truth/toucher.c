/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Touches known pages from known functions in known threads, a phase for each line on stdin, and says what it
 * did:
 *
 *     NAME pages=N minor=N major=N
 *
 * minor and major are the faults of the whole process in that phase (getrusage), so that what can't be known
 * beforehand (fault-around, read-ahead, huge pages) is known afterwards. Built at -O2 without frame pointers:
 * tests/truth/faults.py also compiles it statically and strips it.
 */

#define NOINLINE __attribute__((noinline, noipa, used))

#ifndef MADV_NOHUGEPAGE
#define MADV_NOHUGEPAGE 15
#endif

static size_t page;
static char *small, *file_map, *big;
static int file_fd = -1;
static volatile sig_atomic_t handled;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "toucher: %s: %s\n", what, strerror(errno));
	_exit(2);
}

static char *map(size_t pages, int flags, int fd)
{
	char *at =
	    mmap(NULL, pages * page, PROT_READ | PROT_WRITE, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (at == MAP_FAILED)
		fail("mmap");
	if (fd < 0)
		madvise(at, pages * page, MADV_NOHUGEPAGE);
	return at;
}

/* ---- the functions that are to be named; the statement after the loop keeps the last call from being a jump
 * ---- */

static volatile int kept;

NOINLINE static void touch_write(char *at, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(at + i * page) = 1;
	kept++;
}

NOINLINE static void touch_read(char *at, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		kept += *(volatile char *)(at + i * page);
	kept++;
}

NOINLINE static void phase_zero(void)
{
	touch_write(map(100, MAP_PRIVATE, -1), 100);
	kept++;
}

NOINLINE static void phase_read(void)
{
	touch_read(small, 50);
	kept++;
}

NOINLINE static void phase_unzero(void)
{
	touch_write(small, 50);
	kept++;
}

/* A child that shares all pages and waits until it is killed: a copy is told only while there is one to share
 * with. */
static pid_t sharer;

/* The stack that is run on is shared after a fork, too: its pages are copied here, not below what is counted.
 * (No deeper than the 16 KiB of stack that are sampled.) */
NOINLINE static void unshare_stack(void)
{
	volatile char below[2 * 4096];

	for (size_t i = 0; i < sizeof(below); i += 512)
		below[i] = 1;
}

NOINLINE static void phase_cow(void)
{
	sharer = fork();
	if (sharer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	if (sharer < 0)
		fail("fork");
	unshare_stack();
	touch_write(small, 40);
	kept++;
}

NOINLINE static void phase_unshare(void)
{
	kill(sharer, SIGKILL);
	waitpid(sharer, NULL, 0);
	kept++;
}

NOINLINE static void phase_filecow(void)
{
	touch_write(file_map, 30);
	kept++;
}

NOINLINE static void phase_file(void)
{
	touch_read(map(256, MAP_SHARED, file_fd), 256);
	kept++;
}

NOINLINE static void phase_disk(void)
{
	char *at;

	fdatasync(file_fd);
	posix_fadvise(file_fd, 512 * (off_t)page, 512 * (off_t)page, POSIX_FADV_DONTNEED);
	at = mmap(NULL, 512 * page, PROT_READ, MAP_SHARED, file_fd, 512 * (off_t)page);
	if (at == MAP_FAILED)
		fail("mmap");
	madvise(at, 512 * page, MADV_RANDOM); /* no read-ahead */
	touch_read(at, 512);
	kept++;
}

NOINLINE static int recurse(int depth)
{
	volatile char frame[4096 - 64];

	frame[0] = (char)depth;
	frame[sizeof(frame) - 1] = 1;
	if (depth == 0)
		return frame[0];
	return recurse(depth - 1) + frame[0];
}

NOINLINE static void phase_stack(void)
{
	kept += recurse(128);
	kept++;
}

NOINLINE static void phase_huge(void)
{
	char *at = mmap(NULL, 10 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		fail("mmap");
	at = (char *)(((uintptr_t)at + (2 << 20) - 1) & ~(uintptr_t)((2 << 20) - 1));
	madvise(at, 8 << 20, MADV_HUGEPAGE);
	for (int i = 0; i < 4; i++)
		*(volatile char *)(at + ((size_t)i << 21)) = 1;
	kept++;
}

NOINLINE static void phase_shmem(void)
{
	touch_write(map(20, MAP_SHARED, -1), 20);
	kept++;
}

/* Faults inside a system call: the kernel writes to memory that was never touched. */
NOINLINE static void phase_syscall(void)
{
	char *at = map(16, MAP_PRIVATE, -1);

	if (pread(file_fd, at, 16 * page, 0) != (ssize_t)(16 * page))
		fail("pread");
	kept++;
}

NOINLINE static void touch_in_handler(char *at)
{
	touch_write(at, 10);
	kept++;
}

static void on_signal(int number)
{
	(void)number;
	touch_in_handler(big);
	handled = 1;
}

NOINLINE static void phase_signal(void)
{
	big = map(10, MAP_PRIVATE, -1);
	raise(SIGUSR1);
	kept++;
}

NOINLINE static void *thread_main(void *at)
{
	prctl(PR_SET_NAME, "toucher-thread");
	touch_write(at, 25);
	kept++;
	return NULL;
}

NOINLINE static void phase_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_main, map(25, MAP_PRIVATE, -1)) != 0)
		fail("pthread_create");
	pthread_join(thread, NULL);
	kept++;
}

/* Much, for sampling: a third in one function, two thirds in another. */
NOINLINE static void touch_third(char *at)
{
	touch_write(at, 20000);
	kept++;
}
NOINLINE static void touch_rest(char *at)
{
	touch_write(at, 40000);
	kept++;
}
NOINLINE static void phase_much(void)
{
	char *at = map(60000, MAP_PRIVATE, -1);

	touch_third(at);
	touch_rest(at + 20000 * page);
	munmap(at, 60000 * page);
	kept++;
}

/* ---- */

static const struct {
	const char *name;
	void (*run)(void);
	int pages;
} phases[] = {
    {"zero", phase_zero, 100},	  {"read", phase_read, 50},	  {"unzero", phase_unzero, 50},
    {"cow", phase_cow, 40},	  {"filecow", phase_filecow, 30}, {"file", phase_file, 256},
    {"disk", phase_disk, 512},	  {"stack", phase_stack, 128},	  {"huge", phase_huge, 4},
    {"shmem", phase_shmem, 20},	  {"syscall", phase_syscall, 16}, {"signal", phase_signal, 10},
    {"thread", phase_thread, 25}, {"much", phase_much, 60000},	  {"unshare", phase_unshare, 0},
};

NOINLINE static void run_phase(const char *name)
{
	struct rusage before, after;

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		if (strcmp(phases[i].name, name))
			continue;
		getrusage(RUSAGE_SELF, &before);
		phases[i].run();
		getrusage(RUSAGE_SELF, &after);
		printf("%s pages=%d minor=%ld major=%ld\n", name, phases[i].pages,
		       after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt);
		fflush(stdout);
		return;
	}
	errno = EINVAL;
	fail(name);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	char line[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	page = (size_t)sysconf(_SC_PAGESIZE);
	file_fd = argc > 1 ? open(argv[1], O_RDWR) : -1;
	if (file_fd < 0)
		fail("usage: toucher FILE of 1024 pages");
	sigaction(SIGUSR1, &action, NULL);
	small = map(50, MAP_PRIVATE, -1);
	file_map = map(30, MAP_PRIVATE, file_fd);
	printf("ready %d\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		run_phase(line);
	}
	return 0;
}
