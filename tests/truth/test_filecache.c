/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* A file of which every second page was read is half in the page cache, by cachestat and by mincore alike. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/sampler.h"

#define PAGES 1024

static char path[64];
static int fd = -1;
static size_t page;

/* A file of 1,024 pages on a disk, none of them in the cache. */
static int make_file(void **state)
{
	struct statfs fs;
	char *bytes;

	(void)state;
	page = (size_t)sysconf(_SC_PAGESIZE);
	snprintf(path, sizeof(path), "/var/tmp/mv-filecache-XXXXXX");
	fd = mkostemp(path, O_CLOEXEC);
	bytes = fd < 0 ? NULL : malloc(page);
	if (!bytes)
		return -1;
	memset(bytes, 'x', page);
	for (size_t i = 0; i < PAGES; i++) {
		if (write(fd, bytes, page) != (ssize_t)page)
			return -1;
	}
	free(bytes);
	if (fsync(fd) < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0 || fstatfs(fd, &fs) < 0)
		return -1;
	/* No readahead: a page comes in only when it is read. */
	return posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0 ? 0 : -1;
}

static int remove_file(void **state)
{
	(void)state;
	if (fd >= 0)
		close(fd);
	unlink(path);
	return 0;
}

static uint64_t ask(bool use_mincore, struct mv_cached *ret_cached)
{
	uint64_t bytes;
	int err = mv_cached_begin(fd, use_mincore, ret_cached, &bytes);

	assert_int_equal(err, 0);
	assert_int_equal(bytes, PAGES * page);
	/* In two pieces: they add up. */
	assert_int_equal(mv_cached_add(fd, 0, 100 * page, (uint32_t)page, ret_cached), 0);
	assert_int_equal(mv_cached_add(fd, 100 * page, bytes - 100 * page, (uint32_t)page, ret_cached), 0);
	assert_true(mv_have(&ret_cached->cached));
	return ret_cached->cached.value;
}

/* Not each file system can drop what it holds. */
static void need_empty_cache(void)
{
	struct mv_cached cached;

	if (ask(true, &cached) == 0)
		return;
	print_message("# SKIP the file system of /var/tmp keeps its files in RAM\n");
	skip();
}

static void read_every_second(void)
{
	char byte;

	for (size_t i = 0; i < PAGES; i += 2)
		assert_int_equal(pread(fd, &byte, 1, (off_t)(i * page)), 1);
}

static void test_every_second_page(void **state)
{
	struct mv_cached by_cachestat, by_mincore;

	(void)state;
	need_empty_cache();
	read_every_second();
	assert_int_equal(ask(true, &by_mincore), PAGES / 2);
	assert_int_equal(by_mincore.way, MV_CACHE_MINCORE);
	assert_int_equal(by_mincore.dirty.why, MV_WHY_NO_KERNEL);
	assert_int_equal(ask(false, &by_cachestat), PAGES / 2);
	if (by_cachestat.way == MV_CACHE_CACHESTAT)
		assert_int_equal(by_cachestat.dirty.value + by_cachestat.writeback.value, 0);
	/* Asking has brought nothing in. */
	assert_int_equal(ask(false, &by_cachestat), PAGES / 2);
}

static void test_dirty_until_it_is_written(void **state)
{
	struct mv_cached cached;

	(void)state;
	ask(false, &cached);
	if (cached.way != MV_CACHE_CACHESTAT) {
		print_message("# SKIP this kernel has no cachestat\n");
		skip();
	}
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(pwrite(fd, "y", 1, (off_t)(3 * i * page)), 1);
	ask(false, &cached);
	assert_in_range(cached.dirty.value + cached.writeback.value, 10, 11);
	assert_int_equal(fsync(fd), 0);
	ask(false, &cached);
	assert_int_equal(cached.dirty.value, 0);
	assert_int_equal(cached.writeback.value, 0);
}

/* A process without rights to the file is told nothing, rather than that all of it is there. */
static void test_refused_to_others(void **state)
{
	pid_t child;
	int status;

	(void)state;
	if (geteuid() != 0) {
		print_message("# SKIP needs root: to be somebody else\n");
		skip();
	}
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct mv_cached cached;
		uint64_t bytes;
		int other = open(path, O_RDONLY | O_CLOEXEC); /* who has it open for writing is told */

		if (other < 0 || setgid(65534) < 0 || setuid(65534) < 0)
			_exit(2);
		_exit(mv_cached_begin(other, true, &cached, &bytes) != -EPERM ||
		      mv_cached_begin(other, false, &cached, &bytes) != -EPERM);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The whole way: what a process maps of it, through the sampler. */
static void test_by_the_sampler(void **state)
{
	const struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_FILES, .cell_pages = 1};
	const struct mv_cached_file *files, *found = NULL;
	struct mv_snapshot *snap;
	struct mv_sampler *sampler;
	struct mv_source *source;
	struct mv_target *target;
	uint32_t count;
	char *at;

	(void)state;
	need_empty_cache();
	read_every_second();
	at = mmap(NULL, 512 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	/* Twice the same 100 pages: they count once. */
	assert_ptr_not_equal(mmap(NULL, 100 * page, PROT_READ, MAP_SHARED, fd, (off_t)(412 * page)),
			     MAP_FAILED);
	assert_int_equal(madvise(at, 512 * page, MADV_RANDOM), 0);
	at[0] = 'c'; /* a private copy: no longer the file's page */
	assert_int_equal(mv_source_new(NULL, &source), 0);
	assert_int_equal(mv_target_open(source, (int)getpid(), &target), 0);
	assert_int_equal(mv_sampler_new(source, target, &sampler), 0);
	assert_int_equal(mv_sampler_once(sampler, &want, &snap), 0);
	assert_int_equal(mv_snapshot_check(snap, snap->length), 0);
	assert_true(snap->files_whole);
	files = mv_snapshot_files(snap, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(mv_snapshot_name(snap, files[i].mapping).text, path) == 0)
			found = &files[i];
	}
	assert_non_null(found);
	assert_int_equal(found->mappings, 2);
	assert_int_equal(found->mapped_bytes, 512 * page);
	assert_int_equal(found->size_bytes.value, PAGES * page);
	assert_int_equal(found->cached.cached.value, PAGES / 2);
	assert_true(mv_have(&found->resident));
	assert_in_range(found->resident.value, 0, 256 + 50);
	free(snap);
	mv_sampler_free(sampler);
	mv_target_close(target);
	mv_source_free(source);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)
	const struct CMUnitTest tests[] = {
	    TEST(test_every_second_page),
	    TEST(test_dirty_until_it_is_written),
	    TEST(test_refused_to_others),
	    TEST(test_by_the_sampler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
