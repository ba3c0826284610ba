/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/pagemap.h"
#include "core/source.h"
#include "tests/unit/tempdir.h"

#define CATS_ALL ((uint64_t)(MV_CAT_FILE | MV_CAT_HUGE | MV_CAT_PFNZERO | MV_CAT_GUARD))

static struct mv_source *open_fixture(bool no_scan)
{
	struct mv_source_opts opts = {.root = tempdir, .no_pagemap_scan = no_scan};
	struct mv_source *source;

	assert_int_equal(mv_source_new(&opts, &source), 0);
	return source;
}

struct taken {
	size_t calls, lines, bytes, longest;
	size_t stop_at;
	bool unfinished_before_end;
};

static int take(void *arg, const char *text, size_t len)
{
	struct taken *t = arg;

	assert_true(len > 0);
	if (t->unfinished_before_end) /* only the last piece may lack its newline */
		return -1;
	t->unfinished_before_end = text[len - 1] != '\n';
	t->calls++;
	t->bytes += len;
	for (const char *at = text, *end = text + len; at < end; t->lines++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = newline ? (size_t)(newline + 1 - at) : (size_t)(end - at);

		t->longest = n > t->longest ? n : t->longest;
		at += n;
	}
	return t->stop_at && t->lines >= t->stop_at ? 42 : 0;
}

static void test_no_such_root(void **state)
{
	struct mv_source *source = (struct mv_source *)7;

	(void)state;
	assert_int_equal(mv_source_new(&(struct mv_source_opts){.root = "/nowhere/at/all"}, &source),
			 -ENOENT);
	tempdir_put("plain", "");
	strcat(tempdir, "/plain");
	assert_int_equal(mv_source_new(&(struct mv_source_opts){.root = tempdir}, &source), -ENOENT);
	tempdir[strlen(tempdir) - 6] = '\0';
	assert_ptr_equal(source, 7);
	mv_source_free(NULL);
	mv_target_close(NULL);
}

static void test_machine_files(void **state)
{
	struct mv_source *s;
	char buf[16];

	(void)state;
	tempdir_put("meminfo", "MemTotal: 1\n");
	tempdir_put("cgroup/a/memory.max", "max\n");
	tempdir_put("errors", "vmstat EACCES\n");
	tempdir_put("vmstat", "x\n");
	s = open_fixture(false);
	assert_false(mv_source_is_live(s));
	assert_int_equal(mv_source_read(s, "meminfo", buf, sizeof(buf)), 12);
	assert_string_equal(buf, "MemTotal: 1\n");
	assert_int_equal(mv_source_read(s, "meminfo", buf, 13), 12);
	assert_int_equal(mv_source_read(s, "meminfo", buf, 12), -E2BIG);
	assert_string_equal(buf, "MemTotal: 1");
	assert_int_equal(mv_source_read(s, "cgroup/a/memory.max", buf, sizeof(buf)), 4);
	assert_int_equal(mv_source_read(s, "vmstat", buf, sizeof(buf)), -EACCES);
	assert_int_equal(mv_source_read(s, "nothing", buf, sizeof(buf)), -ENOENT);
	mv_source_free(s);
}

static void list_is(struct mv_source *s, const char *name, const char *want)
{
	char *names = NULL, *at, got[256] = "";
	ssize_t n = mv_source_list(s, name, &names);

	assert_true(n >= 0);
	at = names;
	for (ssize_t i = 0; i < n; i++, at += strlen(at) + 1) {
		strcat(got, at);
		strcat(got, " ");
	}
	assert_string_equal(got, want);
	free(names);
}

static void test_machine_directories(void **state)
{
	struct mv_source *s;
	char link[128], *names;

	(void)state;
	tempdir_put("node/node1/meminfo", "x\n");
	tempdir_put("node/node0/meminfo", "x\n");
	tempdir_put("node/online", "0-1\n");
	tempdir_put("mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
	tempdir_put("cgroup/b/memory.max", "max\n");
	tempdir_put("cgroup/a/x/memory.max", "max\n");
	tempdir_put("cgroup/a/inode", "1f2\n");
	tempdir_put("cgroup/refused/memory.max", "max\n");
	tempdir_put("errors", "cgroup/refused EACCES\n");
	tempdir_put("step1/cgroup/c/memory.max", "max\n");
	tempdir_put("step1/cgroup/a/memory.max", "max\n");
	tempdir_put("step2/cgroup/b.gone", "");
	snprintf(link, sizeof(link), "%s/cgroup/memory", tempdir);
	assert_int_equal(symlink("a", link), 0);
	s = open_fixture(false);
	list_is(s, "node", "node0 node1 ");
	list_is(s, "node/node0", "");
	list_is(s, "mm/hugepages", "hugepages-2048kB ");
	list_is(s, "cgroup", "a b refused ");
	list_is(s, "cgroup/a", "x ");
	assert_int_equal(mv_source_inode(s, "cgroup/a"), 0x1f2);
	assert_int_equal(mv_source_inode(s, "cgroup/b"), 0);
	assert_int_equal(mv_source_list(s, "cgroup/refused", &names), -EACCES);
	assert_int_equal(mv_source_list(s, "cgroup/none", &names), -ENOENT);
	assert_int_equal(mv_source_list(s, "cgroup/../node", &names), -ENOENT);
	assert_int_equal(mv_source_list(s, "module", &names), -ENOENT);
	mv_source_step(s);
	list_is(s, "cgroup", "a b c refused ");
	list_is(s, "cgroup/a", "x ");
	mv_source_step(s);
	list_is(s, "cgroup", "a c refused ");
	mv_source_free(s);
}

/* Of whatever machine this is: the same names as the directory has, without its links and files. */
static void test_live_directories(void **state)
{
	static const struct {
		const char *name, *path;
	} trees[] = {
	    {"mm", "/sys/kernel/mm"}, {"node", "/sys/devices/system/node"}, {"cgroup", "/sys/fs/cgroup"}};
	struct mv_source *s;
	char text[64];

	(void)state;
	assert_int_equal(mv_source_new(NULL, &s), 0);
	for (size_t i = 0; i < MV_COUNT_OF(trees); i++) {
		struct dirent **entries;
		char *names = NULL, *at;
		int n = scandir(trees[i].path, &entries, NULL, alphasort);
		ssize_t listed = mv_source_list(s, trees[i].name, &names);
		struct stat st;

		assert_int_equal(n < 0, listed < 0);
		if (n < 0)
			continue;
		at = names;
		assert_int_equal(stat(trees[i].path, &st), 0);
		assert_int_equal(mv_source_inode(s, trees[i].name), st.st_ino);
		for (int k = 0; k < n; k++) {
			if (entries[k]->d_type == DT_DIR && entries[k]->d_name[0] != '.') {
				assert_true(listed-- > 0);
				assert_string_equal(at, entries[k]->d_name);
				at += strlen(at) + 1;
			}
			free(entries[k]);
		}
		free(entries);
		free(names);
		assert_int_equal(listed, 0);
	}
	if (access("/sys/module/kernel/parameters/panic", R_OK) == 0)
		assert_true(mv_source_read(s, "module/kernel/parameters/panic", text, sizeof(text)) > 0);
	assert_int_equal(mv_source_read(s, "mm//etc/hostname", text, sizeof(text)), -ENOENT);
	assert_int_equal(mv_source_inode(s, "mm/none"), 0);
	mv_source_free(s);
}

/* A cgroup's path is the target's to choose. */
static void test_names_stay_inside(void **state)
{
	static const char *const bad[] = {"../x",	 "a/../../x", "cgroup/../meminfo",
					  "/etc/passwd", "",	      "a/.."};
	struct mv_source *live, *s;
	struct mv_target *t;
	char buf[16];

	(void)state;
	tempdir_put("7/stat", "x\n");
	s = open_fixture(false);
	assert_int_equal(mv_source_new(NULL, &live), 0);
	assert_int_equal(mv_target_open(s, 7, &t), 0);
	for (size_t i = 0; i < MV_COUNT_OF(bad); i++) {
		assert_int_equal(mv_source_read(s, bad[i], buf, sizeof(buf)), -ENOENT);
		assert_int_equal(mv_source_read(live, bad[i], buf, sizeof(buf)), -ENOENT);
		assert_int_equal(mv_target_read_named(t, bad[i], buf, sizeof(buf)), -ENOENT);
	}
	assert_int_equal(mv_source_read(live, "cgroup//etc/hostname", buf, sizeof(buf)), -ENOENT);
	mv_target_close(t);
	mv_source_free(s);
	mv_source_free(live);
}

static void test_processes(void **state)
{
	struct mv_source *s;
	struct mv_target *t = (struct mv_target *)7;
	int ids[2];

	(void)state;
	tempdir_put("30/stat", "x");
	tempdir_put("4/stat", "x");
	tempdir_put("12/status", "Name:\tx\nTgid:\t4\n");
	tempdir_put("100/errors", ". EPERM\n");
	tempdir_put("4/task/4/stat", "x");
	tempdir_put("4/task/12/stat", "x");
	tempdir_put("4/task/9/stat", "x");
	tempdir_put("nopid/stat", "x");
	s = open_fixture(false);
	assert_int_equal(mv_source_next_pid(s, 0), 4);
	assert_int_equal(mv_source_next_pid(s, 4), 12);
	assert_int_equal(mv_source_next_pid(s, 12), 30);
	assert_int_equal(mv_source_next_pid(s, 30), 100);
	assert_int_equal(mv_source_next_pid(s, 100), 0);
	assert_int_equal(mv_target_open(s, 0, &t), -ESRCH);
	assert_int_equal(mv_target_open(s, -4, &t), -ESRCH);
	assert_int_equal(mv_target_open(s, 5, &t), -ESRCH);
	assert_int_equal(mv_target_open(s, 12, &t), -ESRCH); /* a thread of 4 */
	assert_int_equal(mv_target_open(s, 100, &t), -EPERM);
	assert_ptr_equal(t, 7);
	assert_int_equal(mv_source_thread_group(s, 12), 4);
	assert_int_equal(mv_source_thread_group(s, 5), -ESRCH);
	assert_int_equal(mv_source_thread_group(s, 0), -ESRCH);
	assert_int_equal(mv_target_open(s, 4, &t), 0);
	assert_int_equal(mv_target_pid(t), 4);
	assert_int_equal(mv_target_pidfd(t), -1);
	assert_int_equal(mv_target_list(t, "task", ids, 2), 3);
	assert_int_equal(mv_target_list(t, "nothing", ids, 2), -ENOENT);
	mv_target_close(t);
	mv_source_free(s);
}

static void test_target_files(void **state)
{
	struct mv_source *s;
	struct mv_target *t;
	char buf[64];

	(void)state;
	tempdir_put("4/statm", "1 2 3\n");
	tempdir_put("4/cmdline", "a\nb");
	tempdir_put("4/errors", "smaps EACCES\nmaps EIO\nstatus ESRCH\n");
	tempdir_put("4/smaps", "x\n");
	tempdir_put("4/task/4/syscall", "running\n");
	s = open_fixture(false);
	assert_int_equal(mv_target_open(s, 4, &t), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(mv_target_read(t, MV_FILE_STATM, buf, sizeof(buf)), 6);
	assert_string_equal(buf, "1 2 3\n");
	assert_int_equal(mv_target_read(t, MV_FILE_CMDLINE, buf, sizeof(buf)), 3);
	assert_int_equal(mv_target_read(t, MV_FILE_SMAPS, buf, sizeof(buf)), -EACCES);
	assert_int_equal(mv_target_stream(t, MV_FILE_MAPS, take, NULL), -EIO);
	assert_int_equal(mv_target_read(t, MV_FILE_STATUS, buf, sizeof(buf)), -ESRCH);
	assert_int_equal(mv_target_read(t, MV_FILE_ROLLUP, buf, sizeof(buf)),
			 -ENOENT); /* it is there, the file is not */
	assert_int_equal(mv_target_read_named(t, "task/4/syscall", buf, sizeof(buf)), 8);
	mv_target_close(t);
	mv_source_free(s);
}

static void test_stream(void **state)
{
	struct mv_source *s;
	struct mv_target *t;
	struct taken got = {0};
	char *text = malloc(600001);
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	while (len < 300000) /* lines of every length, across the edges of the buffer */
		len += (size_t)sprintf(text + len, "%0*d\n", (int)(len % 97) + 1, 7);
	memset(text + len, 'x', 200000); /* one longer than the buffer */
	len += 200000;
	text[len++] = '\n';
	strcpy(text + len, "unfinished");
	len += 10;
	tempdir_put("4/maps", text);
	tempdir_put("4/smaps", "");
	s = open_fixture(false);
	assert_int_equal(mv_target_open(s, 4, &t), 0);
	assert_int_equal(mv_target_stream(t, MV_FILE_MAPS, take, &got), 0);
	assert_int_equal(got.bytes, len);
	assert_int_equal(got.longest, 200001);
	assert_true(got.unfinished_before_end);
	assert_true(got.calls < 20);
	got = (struct taken){.stop_at = 5};
	assert_int_equal(mv_target_stream(t, MV_FILE_MAPS, take, &got), 42);
	assert_int_equal(got.calls, 1);
	got = (struct taken){0};
	assert_int_equal(mv_target_stream(t, MV_FILE_SMAPS, take, &got), 0);
	assert_int_equal(got.calls, 0);
	mv_target_close(t);
	mv_source_free(s);
	free(text);
}

static void test_steps(void **state)
{
	struct mv_source *s;
	struct mv_target *t;
	char buf[64];

	(void)state;
	tempdir_put("clock", "5000000000 1700000000000000000\n");
	tempdir_put("4/statm", "one\n");
	tempdir_put("4/wchan", "w");
	tempdir_put("9/statm", "x\n");
	tempdir_put("step1/4/statm", "two\n");
	tempdir_put("step1/4/wchan.gone", "");
	tempdir_put("step1/11/statm", "new\n");
	tempdir_put("step2/clock", "9000000000 1700000009000000000\n");
	tempdir_put("step2/9.gone", "");
	s = open_fixture(false);
	assert_int_equal(mv_target_open(s, 4, &t), 0);
	assert_true(mv_source_now(s) == 5000000000);
	assert_int_equal(mv_target_read(t, MV_FILE_STATM, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "one\n");
	assert_int_equal(mv_target_read(t, MV_FILE_WCHAN, buf, sizeof(buf)), 1);
	mv_source_step(s);
	assert_true(mv_source_now(s) == 6000000000);
	assert_true(mv_source_now_real(s) == 1700000001000000000);
	mv_target_read(t, MV_FILE_STATM, buf, sizeof(buf));
	assert_string_equal(buf, "two\n");
	assert_int_equal(mv_target_read(t, MV_FILE_WCHAN, buf, sizeof(buf)), -ENOENT);
	assert_int_equal(mv_source_next_pid(s, 0), 4);
	assert_int_equal(mv_source_next_pid(s, 4), 9);
	assert_int_equal(mv_source_next_pid(s, 9), 11);
	mv_target_close(t);
	assert_int_equal(mv_target_open(s, 9, &t), 0);
	mv_source_step(s);
	assert_true(mv_source_now(s) == 9000000000);
	assert_int_equal(mv_target_read(t, MV_FILE_STATM, buf, sizeof(buf)), -ESRCH); /* it has exited */
	assert_int_equal(mv_source_next_pid(s, 4), 9); /* as of the last round */
	assert_int_equal(mv_source_next_pid(s, 0), 4);
	assert_int_equal(mv_source_next_pid(s, 4), 11);
	mv_source_step(s); /* past the last step only time goes on */
	assert_true(mv_source_now(s) == 10000000000);
	mv_target_close(t);
	mv_source_free(s);
}

static const char pages_text[] = "1000-3000 p\n"
				 "3000-4000 px pfn=1a2b\n"
				 "4000-6000 f\n"
				 "8000-9000 z\n"
				 "a000-c000 s\n"
				 "c000-d000 g\n"
				 "200000-400000 ph pfn=4000\n";

static ssize_t scan_all(struct mv_target *t, uint64_t cats, uint64_t max_pages, struct mv_run *runs,
			size_t cap, size_t room, uint64_t *told)
{
	struct mv_range range = {0, 0x500000};
	size_t used = 0;

	while (range.start < range.end) {
		struct mv_run part[64];
		uint64_t walked;
		ssize_t n = mv_target_scan(t, range, cats, max_pages, part, cap, &walked, told);

		assert_true(n >= 0 && (size_t)n <= cap);
		assert_true(walked > range.start);
		for (ssize_t i = 0; i < n; i++) {
			assert_true(used < room);
			if (used && runs[used - 1].end == part[i].start &&
			    runs[used - 1].cats == part[i].cats)
				runs[used - 1].end = part[i].end;
			else
				runs[used++] = part[i];
		}
		range.start = walked;
	}
	return (ssize_t)used;
}

static void test_fixture_scan(void **state)
{
	static const struct mv_run want[] = {
	    {0x1000, 0x4000, MV_CAT_PRESENT},
	    {0x4000, 0x6000, MV_CAT_PRESENT | MV_CAT_FILE},
	    {0x8000, 0x9000, MV_CAT_PRESENT | MV_CAT_PFNZERO},
	    {0xa000, 0xc000, MV_CAT_SWAPPED},
	    {0xc000, 0xd000, MV_CAT_SWAPPED | MV_CAT_GUARD},
	    {0x200000, 0x400000, MV_CAT_PRESENT | MV_CAT_HUGE},
	};
	struct mv_source *s;
	struct mv_target *t;
	struct mv_run runs[64];
	uint64_t told, walked;

	(void)state;
	tempdir_put("4/pages", pages_text);
	s = open_fixture(false);
	assert_int_equal(mv_target_open(s, 4, &t), 0);
	for (size_t cap = 1; cap < 8; cap++) {
		for (uint64_t max_pages = 1; max_pages < 2000; max_pages = max_pages * 2 + 1) {
			assert_int_equal(scan_all(t, CATS_ALL, max_pages, runs, cap, 64, &told),
					 MV_COUNT_OF(want));
			assert_memory_equal(runs, want, sizeof(want));
		}
	}
	assert_int_equal(told, CATS_ALL | MV_CAT_PRESENT | MV_CAT_SWAPPED);
	/* what is not asked does not split runs */
	assert_int_equal(scan_all(t, 0, 10000, runs, 64, 64, &told), 4);
	assert_int_equal(runs[0].end, 0x6000);
	assert_int_equal(told, MV_CAT_PRESENT | MV_CAT_SWAPPED);
	assert_int_equal(mv_target_scan(t, (struct mv_range){0x6000, 0x8000}, 0, 9, runs, 1, &walked, &told),
			 0);
	assert_int_equal(walked, 0x8000);
	/* vsyscall's addresses */
	assert_int_equal(mv_target_scan(t, (struct mv_range){0xffffffffff600000, 0xffffffffff601000}, 0, 9,
					runs, 1, &walked, &told),
			 0);
	assert_true(walked == 0xffffffffff601000);
	mv_target_close(t);
	mv_source_free(s);

	s = open_fixture(true);
	assert_int_equal(mv_target_open(s, 4, &t), 0);
	assert_int_equal(scan_all(t, CATS_ALL, 100, runs, 64, 64, &told), 6);
	assert_int_equal(told, MV_CAT_PRESENT | MV_CAT_SWAPPED | MV_CAT_FILE | MV_CAT_GUARD);
	assert_int_equal(runs[2].cats, MV_CAT_PRESENT);
	assert_int_equal(runs[5].cats, MV_CAT_PRESENT);
	mv_target_close(t);
	mv_source_free(s);
}

static void test_fixture_words_bytes_frames(void **state)
{
	struct mv_source *s;
	struct mv_target *t;
	uint64_t words[16], flags[2], counts[2], cgroups[2];
	unsigned char bytes[8] = {0};
	enum mv_why why[3];

	(void)state;
	tempdir_put("4/pages", pages_text);
	tempdir_put("4/bytes", "1000 48656c6c6f\n1005 20ff\n9000 00\n");
	tempdir_put("kpage", "1a2b 800000068 1 2\n1a2c 10 3 4\n");
	s = open_fixture(false);
	assert_int_equal(mv_target_open(s, 4, &t), 0);
	assert_int_equal(mv_target_words(t, 0, 14, words), 14);
	assert_true(words[0] == 0 && words[6] == 0);
	assert_true(words[1] == MV_WORD_PRESENT);
	assert_true(words[3] == (MV_WORD_PRESENT | MV_WORD_EXCLUSIVE | 0x1a2b));
	assert_true(words[4] == (MV_WORD_PRESENT | MV_WORD_FILE));
	assert_true(words[10] == MV_WORD_SWAPPED);
	assert_true(words[12] == (MV_WORD_SWAPPED | MV_WORD_GUARD));
	assert_int_equal(mv_target_words(t, 0x203000, 1, words), 1);
	assert_int_equal(MV_WORD_PFN(words[0]), 0x4003);
	assert_int_equal(mv_target_bytes(t, 0x1001, bytes, 8), 6);
	assert_memory_equal(bytes, "ello \xff", 6);
	assert_int_equal(mv_target_bytes(t, 0x5000, bytes, 8), -EFAULT);
	mv_source_frames(s, 0x1a2b, 2, flags, counts, NULL, why);
	assert_int_equal(why[0], MV_WHY_HAVE);
	assert_int_equal(why[1], MV_WHY_HAVE);
	assert_int_equal(why[2], MV_WHY_NOT_ASKED);
	assert_true(flags[0] == 0x800000068 && flags[1] == 0x10 && counts[1] == 3);
	mv_source_frames(s, 0x1a2c, 2, flags, counts, cgroups, why);
	assert_int_equal(cgroups[0], 4);
	assert_true(flags[1] == UINT64_C(1) << 20); /* no such frame */
	mv_target_close(t);
	mv_source_free(s);

	tempdir_put("errors", "kpageflags EACCES\n");
	tempdir_put("4/errors", "pagemap EACCES\nmem EPERM\n");
	s = open_fixture(false);
	assert_int_equal(mv_target_open(s, 4, &t), 0);
	assert_int_equal(mv_target_words(t, 0, 14, words), -EACCES);
	assert_int_equal(mv_target_bytes(t, 0x1001, bytes, 8), -EPERM);
	mv_source_frames(s, 0x1a2b, 1, flags, counts, cgroups, why);
	assert_int_equal(why[0], MV_WHY_NEEDS_DAC);
	assert_int_equal(why[1], MV_WHY_HAVE);
	assert_false(mv_source_features(s)->kpageflags);
	mv_target_close(t);
	mv_source_free(s);
}

static void test_fixture_page_bytes(void **state)
{
	struct mv_source *s;
	struct mv_target *t;
	uint64_t words[2];

	(void)state;
	tempdir_put("page_bytes", "65536\n");
	tempdir_put("4/pages", "10000-20000 p\n");
	s = open_fixture(false);
	assert_int_equal(mv_source_page_bytes(s), 65536);
	assert_int_equal(mv_target_open(s, 4, &t), 0);
	assert_int_equal(mv_target_words(t, 0x10000, 2, words), 2);
	assert_true(words[0] == MV_WORD_PRESENT && words[1] == 0);
	mv_target_close(t);
	mv_source_free(s);
	tempdir_put("page_bytes", "12345\n");
	s = open_fixture(false);
	assert_int_equal(mv_source_page_bytes(s), 4096);
	mv_source_free(s);
}

static int tid_of_thread;

static void *thread_body(void *arg)
{
	int *pipes = arg;
	char c;

	tid_of_thread = (int)syscall(SYS_gettid);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	return read(pipes[2], &c, 1) == 1 ? arg : NULL;
}

static void test_a_thread_is_no_process(void **state)
{
	int from[2], to[2], pipes[3];
	struct mv_source *s;
	struct mv_target *t;
	pthread_t thread;
	char c;

	(void)state;
	assert_int_equal(pipe(from), 0);
	assert_int_equal(pipe(to), 0);
	pipes[1] = from[1];
	pipes[2] = to[0];
	assert_int_equal(pthread_create(&thread, NULL, thread_body, pipes), 0);
	assert_int_equal(read(from[0], &c, 1), 1);
	assert_int_equal(mv_source_new(NULL, &s), 0);
	assert_int_equal(mv_target_open(s, tid_of_thread, &t), -ESRCH);
	assert_int_equal(mv_source_thread_group(s, tid_of_thread), getpid());
	assert_int_equal(mv_source_thread_group(s, getpid()), getpid());
	assert_int_equal(mv_target_open(s, getpid(), &t), 0);
	assert_int_equal(mv_target_list(t, "task", NULL, 0), 2);
	assert_int_equal(write(to[1], "x", 1), 1);
	pthread_join(thread, NULL);
	mv_target_close(t);
	mv_source_free(s);
	for (int i = 0; i < 2; i++) {
		close(from[i]);
		close(to[i]);
	}
}

static size_t count_fds(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The real thing, on ourselves: descriptors are kept, close on exec, and all given back. */
static void test_live_self(void **state)
{
	const size_t before = count_fds();
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct taken got = {0};
	struct mv_source *s;
	struct mv_target *t;
	char text[8192], copy[4];
	size_t kept;
	char *mem = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool was_open[256];
	uint64_t word;

	(void)state;
	for (int fd = 0; fd < 256; fd++)
		was_open[fd] = fcntl(fd, F_GETFD) >= 0;
	assert_true(mem != MAP_FAILED);
	madvise(mem, 8 * page, MADV_NOHUGEPAGE);
	strcpy(mem + 2 * page, "abc");
	assert_int_equal(mv_source_new(NULL, &s), 0);
	assert_true(mv_source_is_live(s));
	assert_int_equal(mv_source_page_bytes(s), page);
	assert_true(mv_source_now(s) > 0 && mv_source_now_real(s) > UINT64_C(1600000000) * MV_NS_PER_SEC);
	assert_int_equal(mv_target_open(s, getpid(), &t), 0);
	assert_true(mv_target_pidfd(t) >= 0);
	assert_true(mv_target_read(t, MV_FILE_STAT, text, sizeof(text)) > 0);
	kept = count_fds();
	assert_true(mv_target_read(t, MV_FILE_STAT, text, sizeof(text)) > 0);
	assert_int_equal(count_fds(), kept);
	for (int fd = 0; fd < 256; fd++) {
		if (!was_open[fd] && fcntl(fd, F_GETFD) >= 0)
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	for (int i = 0; i < 2; i++) {
		got = (struct taken){0};
		assert_int_equal(mv_target_stream(t, MV_FILE_MAPS, take, &got), 0);
		assert_true(got.lines > 5);
	}
	assert_int_equal(mv_target_words(t, (uintptr_t)mem + 2 * page, 1, &word), 1);
	assert_true(word & MV_WORD_PRESENT);
	assert_int_equal(mv_target_words(t, (uintptr_t)mem + page, 1, &word), 1);
	assert_false(word & MV_WORD_PRESENT);
	assert_int_equal(mv_target_bytes(t, (uintptr_t)mem + 2 * page, copy, 4), 4);
	assert_string_equal(copy, "abc");
	mv_target_reopen(t);
	assert_true(mv_target_read(t, MV_FILE_STATUS, text, sizeof(text)) > 0);
	assert_true(mv_source_next_pid(s, 0) > 0);
	mv_source_features(s);
	mv_target_close(t);
	mv_source_free(s);
	assert_int_equal(count_fds(), before);
	munmap(mem, 8 * page);
}

/* A zombie opens and has no memory; once reaped it is gone, also for an open target. */
static void test_live_zombie(void **state)
{
	struct mv_source *s;
	struct mv_target *t;
	struct mv_run run;
	uint64_t walked, told;
	char text[4096];
	siginfo_t info;
	ssize_t scanned;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(mv_source_new(NULL, &s), 0);
	assert_int_equal(mv_target_open(s, child, &t), 0);
	assert_true(mv_target_read(t, MV_FILE_STAT, text, sizeof(text)) > 0);
	scanned = mv_target_scan(t, (struct mv_range){0, 1 << 20}, 0, 64, &run, 1, &walked, &told);
	assert_true(scanned == -ESRCH || (geteuid() != 0 && scanned == -EACCES));
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(mv_target_read(t, MV_FILE_STAT, text, sizeof(text)), -ESRCH);
	assert_int_equal(mv_target_read(t, MV_FILE_WCHAN, text, sizeof(text)), -ESRCH);
	mv_target_close(t);
	assert_int_equal(mv_target_open(s, child, &t), -ESRCH);
	mv_source_free(s);
}

int main(void)
{
#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_make, tempdir_remove)
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_no_such_root),
	    FIXTURE_TEST(test_machine_files),
	    FIXTURE_TEST(test_machine_directories),
	    FIXTURE_TEST(test_names_stay_inside),
	    FIXTURE_TEST(test_processes),
	    FIXTURE_TEST(test_target_files),
	    FIXTURE_TEST(test_stream),
	    FIXTURE_TEST(test_steps),
	    FIXTURE_TEST(test_fixture_scan),
	    FIXTURE_TEST(test_fixture_words_bytes_frames),
	    FIXTURE_TEST(test_fixture_page_bytes),
	    cmocka_unit_test(test_a_thread_is_no_process),
	    cmocka_unit_test(test_live_directories),
	    cmocka_unit_test(test_live_self),
	    cmocka_unit_test(test_live_zombie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
