/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * mv-workload NAME [N]: lays out memory in a pattern known to the page, says "ready ADDR-END key=value…", and
 * waits. A line on stdin makes the next step, if the pattern has one, and is answered by "step K key=value…";
 * end of input ends it. tests/truth/README.md lists the patterns.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADVISE_PAGEOUT	     21	 /* Linux 5.4 */
#define ADVISE_COLLAPSE	     25	 /* Linux 6.1 */
#define ADVISE_GUARD_INSTALL 102 /* Linux 6.13 */

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

static size_t page_bytes;

static void die(const char *what)
{
	fprintf(stderr, "mv-workload: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Anonymous memory that the kernel will not merge into huge pages, with an untouched page on either side. */
static char *map_anon(size_t bytes, int flags)
{
	char *p =
	    mmap(NULL, bytes + 2 * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	p = mmap(p + page_bytes, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	madvise(p, bytes, MADV_NOHUGEPAGE); /* EINVAL without huge pages: as wanted */
	return p;
}

static void write_page(char *p)
{
	*(volatile char *)p = 1;
}

static void read_page(const char *p)
{
	(void)*(const volatile char *)p;
}

static void write_every(char *p, size_t bytes, size_t stride)
{
	for (size_t at = 0; at < bytes; at += stride)
		write_page(p + at);
}

static void ready(const void *p, size_t bytes)
{
	printf("ready %" PRIx64 "-%" PRIx64 " pid=%d pages=%zu", (uint64_t)(uintptr_t)p,
	       (uint64_t)(uintptr_t)p + bytes, (int)getpid(), bytes / page_bytes);
}

static void end_line(void)
{
	putchar('\n');
	if (fflush(stdout))
		exit(1);
}

/* Wait for a line; false at the end of input. Unbuffered, so that a forked child never shares half a line. */
static bool next_step(void)
{
	char c;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		if (c == '\n')
			return true;
	}
}

static void wait_for_end(void)
{
	while (next_step())
		;
}

static int temp_file(size_t bytes)
{
	const char *dir = getenv("TMPDIR");
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/mv-workload-XXXXXX", dir && *dir ? dir : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		die(path);
	unlink(path);
	for (size_t at = 0; at < bytes; at += page_bytes) {
		if (pwrite(fd, "x", 1, (off_t)(at + page_bytes - 1)) != 1)
			die("write");
	}
	return fd;
}

static void do_23of100(size_t n)
{
	char *p = map_anon(100 * page_bytes, MAP_PRIVATE);

	(void)n;
	write_every(p + 7 * page_bytes, 23 * page_bytes, page_bytes);
	ready(p, 100 * page_bytes);
	printf(" present=23 anon=23 first=7");
	end_line();
	wait_for_end();
}

static void do_every_second(size_t n)
{
	char *p = map_anon(1024 * page_bytes, MAP_PRIVATE);

	(void)n;
	write_every(p, 1024 * page_bytes, 2 * page_bytes);
	ready(p, 1024 * page_bytes);
	printf(" present=512 anon=512");
	end_line();
	wait_for_end();
}

static void do_one_per_2m(size_t n)
{
	char *p = map_anon(256 * MIB, MAP_PRIVATE);

	(void)n;
	write_every(p, 256 * MIB, 2 * MIB);
	ready(p, 256 * MIB);
	printf(" present=128 anon=128");
	end_line();
	wait_for_end();
}

static void do_zero(size_t n)
{
	char *p = map_anon(100 * page_bytes, MAP_PRIVATE);

	(void)n;
	for (size_t i = 0; i < 40; i++)
		read_page(p + i * page_bytes);
	write_every(p + 50 * page_bytes, 10 * page_bytes, page_bytes);
	ready(p, 100 * page_bytes);
	printf(" present=50 anon=10 zero=40");
	end_line();
	wait_for_end();
}

/* The child says ready and is the one to look at; the parent keeps its half and waits for it. */
static void do_cow_fork(size_t n)
{
	char *p = map_anon(100 * page_bytes, MAP_PRIVATE);
	pid_t parent = getpid(), child;

	(void)n;
	write_every(p, 100 * page_bytes, page_bytes);
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		write_every(p, 50 * page_bytes, page_bytes);
		ready(p, 100 * page_bytes);
		printf(" parent=%d present=100 anon=100 exclusive=50 shared=50", (int)parent);
		end_line();
		wait_for_end();
		exit(0);
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void do_huge(size_t n)
{
	const size_t huge = 2 * MIB;
	char *p = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long huge_kib = 0, kib;
	char line[256];
	FILE *smaps;

	(void)n;
	if (p == MAP_FAILED)
		die("mmap");
	p = (char *)(((uintptr_t)p + huge - 1) & ~(uintptr_t)(huge - 1));
	madvise(p, huge, MADV_HUGEPAGE);
	write_every(p, huge, page_bytes);
	madvise(p, huge, ADVISE_COLLAPSE);
	smaps = fopen("/proc/self/smaps", "re");
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "AnonHugePages: %lu kB", &kib) == 1)
			huge_kib += kib;
	}
	if (smaps)
		fclose(smaps);
	ready(p, huge);
	printf(" present=%zu anon=%zu huge=%zu", huge / page_bytes, huge / page_bytes,
	       huge_kib * 1024 / page_bytes);
	end_line();
	wait_for_end();
}

/* Fault-around may bring in more pages than were read: smaps has the truth. */
static void do_file_half(size_t n)
{
	const size_t bytes = 64 * page_bytes;
	int fd = temp_file(bytes);
	char *priv = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	(void)n;
	if (priv == MAP_FAILED || shared == MAP_FAILED)
		die("mmap");
	madvise(priv, bytes, MADV_RANDOM);
	for (size_t i = 0; i < 32; i++) {
		read_page(priv + i * page_bytes);
		read_page(shared + i * page_bytes);
	}
	ready(priv, bytes);
	printf(" file_min=32 anon=0 shared=%" PRIx64 "-%" PRIx64, (uint64_t)(uintptr_t)shared,
	       (uint64_t)(uintptr_t)shared + bytes);
	end_line();
	wait_for_end();
}

static void do_private_file_cow(size_t n)
{
	const size_t bytes = 64 * page_bytes;
	int fd = temp_file(bytes);
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	(void)n;
	if (p == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < 64; i++)
		read_page(p + i * page_bytes);
	write_every(p, 16 * page_bytes, page_bytes);
	ready(p, bytes);
	printf(" present=64 cow=16 file=48");
	end_line();
	wait_for_end();
}

static void do_shmem(size_t n)
{
	char *p = map_anon(100 * page_bytes, MAP_SHARED);

	(void)n;
	write_every(p, 40 * page_bytes, page_bytes);
	ready(p, 100 * page_bytes);
	printf(" present=40 shmem=40");
	end_line();
	wait_for_end();
}

static void do_memfd(size_t n)
{
	const size_t bytes = 100 * page_bytes;
	int fd = memfd_create("mv-workload", MFD_CLOEXEC);
	char *p;

	(void)n;
	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		die("memfd");
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("mmap");
	write_every(p + 20 * page_bytes, 30 * page_bytes, page_bytes);
	ready(p, bytes);
	printf(" present=30 shmem=30");
	end_line();
	wait_for_end();
}

static void do_guard(size_t n)
{
	char *p = map_anon(100 * page_bytes, MAP_PRIVATE);
	int guards = madvise(p, 10 * page_bytes, ADVISE_GUARD_INSTALL) == 0 ? 10 : 0;

	(void)n;
	write_every(p + 20 * page_bytes, 30 * page_bytes, page_bytes);
	ready(p, 100 * page_bytes);
	printf(" present=30 anon=30 guard=%d", guards);
	end_line();
	wait_for_end();
}

static void do_hundred_mib(size_t n)
{
	char *p = map_anon(100 * MIB, MAP_PRIVATE);

	(void)n;
	ready(p, 100 * MIB);
	printf(" present=0");
	end_line();
	if (!next_step())
		return;
	write_every(p, 100 * MIB, page_bytes);
	printf("step 1 present=%zu faults=%zu", 100 * MIB / page_bytes, 100 * MIB / page_bytes);
	end_line();
	wait_for_end();
}

static void do_sparse_1t(size_t n)
{
	const size_t bytes = 1024 * GIB;
	char *p = map_anon(bytes, MAP_PRIVATE | MAP_NORESERVE);

	(void)n;
	for (size_t i = 0; i < 1000; i++)
		write_page(p + i * GIB + i * page_bytes);
	ready(p, bytes);
	printf(" present=1000 anon=1000");
	end_line();
	wait_for_end();
}

static void do_swap(size_t n)
{
	const size_t pages = 64;
	char *p = map_anon(pages * page_bytes, MAP_PRIVATE);
	uint64_t words[64] = {0};
	size_t swapped = 0;
	int fd;

	(void)n;
	write_every(p, pages * page_bytes, page_bytes);
	madvise(p, 32 * page_bytes, ADVISE_PAGEOUT);
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (pread(fd, words, sizeof(words), (off_t)((uintptr_t)p / page_bytes * 8)) < 0)
			die("pagemap");
		close(fd);
	}
	for (size_t i = 0; i < pages; i++)
		swapped += words[i] >> 62 & 1;
	ready(p, pages * page_bytes);
	printf(" present=%zu swap=%zu", pages - swapped, swapped);
	end_line();
	wait_for_end();
}

static void do_hugetlb(size_t n)
{
	const size_t bytes = 2 * MIB;
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	bool got = p != MAP_FAILED;

	(void)n;
	if (got)
		write_page(p);
	ready(got ? p : NULL, got ? bytes : 0);
	printf(" present=%zu hugetlb=%d", got ? bytes / page_bytes : 0, got);
	end_line();
	wait_for_end();
}

static void do_protnone(size_t n)
{
	char *p = map_anon(100 * page_bytes, MAP_PRIVATE);

	(void)n;
	write_every(p, 25 * page_bytes, page_bytes);
	if (mprotect(p, 100 * page_bytes, PROT_NONE) < 0)
		die("mprotect");
	ready(p, 100 * page_bytes);
	printf(" present=25 anon=25");
	end_line();
	wait_for_end();
}

static void do_mlock(size_t n)
{
	char *p = map_anon(8 * page_bytes, MAP_PRIVATE);
	bool locked = mlock(p, 8 * page_bytes) == 0;

	(void)n;
	if (!locked)
		write_every(p, 8 * page_bytes, page_bytes);
	ready(p, 8 * page_bytes);
	printf(" present=8 anon=8 locked=%d", locked ? 8 : 0);
	end_line();
	wait_for_end();
}

/* A page for each line. */
static void do_growing(size_t n)
{
	const size_t pages = 1024;
	char *p = map_anon(pages * page_bytes, MAP_PRIVATE);

	(void)n;
	ready(p, pages * page_bytes);
	printf(" present=0");
	end_line();
	for (size_t i = 0; i < pages && next_step(); i++) {
		write_page(p + i * page_bytes);
		printf("step %zu present=%zu", i + 1, i + 1);
		end_line();
	}
	wait_for_end();
}

/* n mappings of a page each, touched: neighbours differ in protection, so that none merge. */
static void do_many_mappings(size_t n)
{
	char *p = map_anon(n * page_bytes, MAP_PRIVATE);
	size_t made = 0;

	write_every(p, n * page_bytes, page_bytes);
	while (made < n && mprotect(p + made * page_bytes, page_bytes,
				    made % 2 ? PROT_READ : PROT_READ | PROT_WRITE) == 0)
		made++;
	ready(p, n * page_bytes);
	printf(" present=%zu anon=%zu mappings=%zu", n, n, made);
	end_line();
	wait_for_end();
}

/* A step execs the program anew as 23of100. */
static void do_exec(size_t n)
{
	char *p = map_anon(10 * page_bytes, MAP_PRIVATE);

	(void)n;
	write_every(p, 10 * page_bytes, page_bytes);
	ready(p, 10 * page_bytes);
	printf(" present=10 anon=10");
	end_line();
	if (!next_step())
		return;
	execl("/proc/self/exe", "mv-workload", "23of100", (char *)NULL);
	die("exec");
}

static const struct {
	const char *name;
	void (*run)(size_t n);
} patterns[] = {
    {"23of100", do_23of100},
    {"every-second", do_every_second},
    {"one-per-2m", do_one_per_2m},
    {"zero", do_zero},
    {"cow-fork", do_cow_fork},
    {"huge", do_huge},
    {"file-half", do_file_half},
    {"private-file-cow", do_private_file_cow},
    {"shmem", do_shmem},
    {"memfd", do_memfd},
    {"guard", do_guard},
    {"hundred-mib", do_hundred_mib},
    {"sparse-1t", do_sparse_1t},
    {"swap", do_swap},
    {"hugetlb", do_hugetlb},
    {"protnone-with-pages", do_protnone},
    {"mlock", do_mlock},
    {"growing", do_growing},
    {"many-mappings", do_many_mappings},
    {"exec", do_exec},
};

int main(int argc, char **argv)
{
	const size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;

	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves nothing behind */
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (argc > 1 && n > 0 && !strcmp(argv[1], patterns[i].name)) {
			patterns[i].run(n);
			return 0;
		}
	}
	fprintf(stderr, "usage: mv-workload NAME [N]; NAME is one of");
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		fprintf(stderr, " %s", patterns[i].name);
	fputc('\n', stderr);
	return 2;
}
