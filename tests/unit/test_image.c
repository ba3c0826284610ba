/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clean.h"
#include "core/source.h"
#include "tests/unit/fixture.h"

/* A mapping that nothing has: so that map_files tells nothing, as without rights. */
static const struct mv_range nowhere = {0x1000, 0x2000};

struct scene {
	struct mv_source *source;
	struct mv_target *self;
	char folder[64];
	size_t page;
};

static void file_in(const struct scene *t, char path[static 256], const char *name)
{
	snprintf(path, 256, "%s/%s", t->folder, name);
}

/* A file with these words, and its inode. */
static uint64_t make_file(const struct scene *t, const char *name, const char *words)
{
	char path[256];
	struct stat st;
	int fd;

	file_in(t, path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, words, strlen(words)), strlen(words));
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	return st.st_ino;
}

static void make_folder(const struct scene *t, const char *name)
{
	char path[256];

	file_in(t, path, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static struct mv_range map_file(const struct scene *t, const char *name)
{
	char path[256];
	void *at;
	int fd;

	file_in(t, path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	at = mmap(NULL, t->page, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(at != MAP_FAILED);
	close(fd);
	return (struct mv_range){(uint64_t)(uintptr_t)at, (uint64_t)(uintptr_t)at + t->page};
}

static void unmap(const struct scene *t, struct mv_range range)
{
	munmap((void *)(uintptr_t)range.start, t->page);
}

/* What a descriptor reads; it is closed. */
static void assert_reads(int fd, const char *words)
{
	char text[64];
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, words);
	close(fd);
}

static int open_path(const struct scene *t, const char *name, uint64_t inode)
{
	char path[256];

	file_in(t, path, name);
	return mv_target_open_image(t->self, nowhere, inode, path);
}

/* May we follow the links in map_files? */
static bool has_map_files(struct mv_range range)
{
	char name[96];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/map_files/%" PRIx64 "-%" PRIx64, range.start, range.end);
	fd = open(name, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void test_by_path(void **state)
{
	struct scene *t = *state;
	uint64_t inode = make_file(t, "library.so", "library");

	assert_reads(open_path(t, "library.so", inode), "library");
	assert_int_equal(open_path(t, "library.so", inode + 1), -ENOENT);
	assert_int_equal(open_path(t, "library.so/", inode), -ENOENT);
	assert_int_equal(open_path(t, "other.so", inode), -ENOENT);
	assert_int_equal(mv_target_open_image(t->self, nowhere, inode, ""), -ENOENT);
	assert_int_equal(mv_target_open_image(t->self, nowhere, inode, "library.so"), -ENOENT);
}

static void test_replaced(void **state)
{
	struct scene *t = *state;
	uint64_t inode = make_file(t, "old.so", "old");
	struct mv_range range = map_file(t, "old.so");
	char from[256], to[256];
	int fd;

	make_file(t, "new.so", "new");
	file_in(t, from, "new.so");
	file_in(t, to, "old.so");
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(open_path(t, "old.so", inode), -ENOENT);
	fd = mv_target_open_image(t->self, range, inode, to);
	if (has_map_files(range))
		assert_reads(fd, "old");
	else
		assert_int_equal(fd, -ENOENT);
	unmap(t, range);
}

static void test_deleted(void **state)
{
	struct scene *t = *state;
	uint64_t inode = make_file(t, "gone.so", "gone");
	struct mv_range range = map_file(t, "gone.so");
	char path[256];

	if (!has_map_files(range)) {
		unmap(t, range);
		print_message("# SKIP needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE\n");
		skip();
	}
	file_in(t, path, "gone.so");
	assert_int_equal(unlink(path), 0);
	assert_reads(mv_target_open_image(t->self, range, inode, ""), "gone");
	/* Not the file that maps told of: the mapping is another's by now. */
	assert_int_equal(mv_target_open_image(t->self, range, inode + 1, ""), -ENOENT);
	unmap(t, range);
}

/* Programs can be read by PID/exe even when they were deleted, and without rights. */
static void test_own_program(void **state)
{
	struct scene *t = *state;
	struct stat st;
	int fd;

	assert_int_equal(stat("/proc/self/exe", &st), 0);
	fd = mv_target_open_image(t->self, nowhere, st.st_ino, "");
	assert_true(fd >= 0);
	close(fd);
}

/* Nothing is opened but regular files: an open of a FIFO would wait, one of a device may act. */
static void test_not_regular(void **state)
{
	struct scene *t = *state;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char path[256];
	struct stat st;
	int fd;

	file_in(t, path, "fifo.so");
	assert_int_equal(mkfifo(path, 0666), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(open_path(t, "fifo.so", st.st_ino), -ENOENT);
	assert_int_equal(mv_target_open_debug(t->self, path), -ENOENT);

	assert_int_equal(stat(t->folder, &st), 0);
	assert_int_equal(mv_target_open_image(t->self, nowhere, st.st_ino, t->folder), -ENOENT);

	file_in(t, path, "socket.so");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(strlen(path) < sizeof(name.sun_path));
	memcpy(name.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(open_path(t, "socket.so", st.st_ino), -ENOENT);
	close(fd);

	assert_int_equal(stat("/dev/null", &st), 0);
	assert_int_equal(mv_target_open_image(t->self, nowhere, st.st_ino, "/dev/null"), -ENOENT);
}

static void test_links(void **state)
{
	struct scene *t = *state;
	uint64_t inode = make_file(t, "real.so", "real");
	char path[256], to[256];
	struct stat st;

	file_in(t, path, "link.so");
	assert_int_equal(symlink("real.so", path), 0);
	assert_reads(open_path(t, "link.so", inode), "real");
	file_in(t, path, "loop.so");
	assert_int_equal(symlink("loop.so", path), 0);
	assert_int_equal(open_path(t, "loop.so", inode), -ENOENT);
	/* A link of /proc leads to what no path names: never. */
	file_in(t, path, "magic.so");
	file_in(t, to, "real.so");
	assert_int_equal(symlink("/proc/self/exe", path), 0);
	assert_int_equal(stat("/proc/self/exe", &st), 0);
	assert_int_equal(mv_target_open_debug(t->self, path), -ENOENT);
}

/* A process in a root of its own, ready; 0: not allowed here. */
static pid_t start_rooted(const struct scene *t)
{
	int ready[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chroot(t->folder) == 0 && chdir("/") == 0 && write(ready[1], "y", 1) == 1) {
			for (;;)
				pause();
		}
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		close(ready[0]);
		return pid;
	}
	close(ready[0]);
	waitpid(pid, NULL, 0);
	return 0;
}

/* Paths mean what they mean to the target, and links don't lead out of its root. */
static void test_other_root(void **state)
{
	struct scene *t = *state;
	uint64_t inode = make_file(t, "inside.so", "inside");
	struct mv_target *target;
	char path[256];
	struct stat st;
	pid_t pid;

	file_in(t, path, "out");
	assert_int_equal(symlink("/inside.so", path), 0);
	file_in(t, path, "up");
	assert_int_equal(symlink("../../../../../../../etc/passwd", path), 0);
	make_folder(t, "usr");
	make_folder(t, "usr/lib");
	make_folder(t, "usr/lib/debug");
	make_file(t, "usr/lib/debug/memview-test.debug", "debug");
	pid = start_rooted(t);
	if (!pid) {
		print_message("# SKIP needs CAP_SYS_CHROOT\n");
		skip();
	}
	assert_int_equal(mv_target_open(t->source, pid, &target), 0);
	assert_reads(mv_target_open_image(target, nowhere, inode, "/inside.so"), "inside");
	assert_reads(mv_target_open_image(target, nowhere, inode, "/out"), "inside");
	assert_reads(mv_target_open_image(target, nowhere, inode, "/../../inside.so"), "inside");
	assert_int_equal(stat("/etc/passwd", &st), 0);
	assert_int_equal(mv_target_open_image(target, nowhere, st.st_ino, "/up"), -ENOENT);
	assert_int_equal(mv_target_open_image(target, nowhere, st.st_ino, "/etc/passwd"), -ENOENT);
	assert_reads(mv_target_open_debug(target, "usr/lib/debug/memview-test.debug"), "debug");
	assert_int_equal(mv_target_open_debug(target, "usr/lib/debug/memview-none.debug"), -ENOENT);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(mv_target_open_image(target, nowhere, inode, "/inside.so"), -ESRCH);
	mv_target_close(target);
}

static void test_debug_file(void **state)
{
	struct scene *t = *state;
	char path[256];

	make_file(t, "x.debug", "own");
	file_in(t, path, "x.debug");
	assert_reads(mv_target_open_debug(t->self, path), "own");
	assert_reads(mv_target_open_debug(t->self, path + 1), "own"); /* without the slash, from the root */
}

static void test_fixture(void **state)
{
	struct fixture f = fixture_open("python", 4711);

	(void)state;
	assert_int_equal(mv_target_open_image(f.target, nowhere, 1, "/etc/passwd"), -ENOENT);
	assert_int_equal(mv_target_open_debug(f.target, "etc/passwd"), -ENOENT);
	assert_int_equal(mv_source_open_helper(f.source), -ENOENT);
	fixture_close(&f);
}

static void test_helper(void **state)
{
	struct mv_source_opts opts = {.helper = "/bin/true"};
	struct mv_source *source;
	int fd;

	(void)state;
	assert_int_equal(mv_source_new(&opts, &source), 0);
	fd = mv_source_open_helper(source);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	mv_source_free(source);
	opts.helper = "/nonexistent";
	assert_int_equal(mv_source_new(&opts, &source), 0);
	assert_int_equal(mv_source_open_helper(source), -ENOENT);
	mv_source_free(source);
}

/* ---- clean names -> raw ones ---- */

static void test_undo(void **state)
{
	static const char *const raw[] = {
	    "/usr/lib/x.so",
	    "/a b/c\\d",
	    "/tab\there",
	    "/new\nline",
	    "/esc\033[31m",
	    "/caf\303\251",
	    "/zero\342\200\213width",
	    "/broken\377\300",
	};
	static const char *const bad[] = {"\\",	  "\\q",   "\\x",    "\\x1",	  "\\xg0",
					  "\\u{", "\\u{}", "\\u{20", "\\u{d800}", "\\x00"};
	char clean[256], back[64];

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(raw); i++) {
		mv_clean_bytes(raw[i], strlen(raw[i]), clean, sizeof(clean));
		assert_int_equal(mv_clean_undo(clean, back, sizeof(back)), strlen(raw[i]));
		assert_string_equal(back, raw[i]);
		assert_int_equal(mv_clean_undo(clean, back, strlen(raw[i]) + 1), strlen(raw[i]));
		assert_int_equal(mv_clean_undo(clean, back, strlen(raw[i])), -EINVAL);
	}
	for (size_t i = 0; i < MV_COUNT_OF(bad); i++)
		assert_int_equal(mv_clean_undo(bad[i], back, sizeof(back)), -EINVAL);
}

static int open_scene(void **state)
{
	struct scene *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	strcpy(t->folder, "/tmp/memview-image-XXXXXX");
	t->page = (size_t)sysconf(_SC_PAGESIZE);
	*state = t;
	return mkdtemp(t->folder) && mv_source_new(NULL, &t->source) == 0 &&
		       mv_target_open(t->source, getpid(), &t->self) == 0
		   ? 0
		   : -1;
}

static int close_scene(void **state)
{
	struct scene *t = *state;
	char command[128];

	mv_target_close(t->self);
	mv_source_free(t->source);
	snprintf(command, sizeof(command), "rm -rf %s", t->folder);
	if (system(command) != 0)
		return -1;
	free(t);
	return 0;
}

#define scene_test(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    scene_test(test_by_path),	   scene_test(test_replaced),	 scene_test(test_deleted),
	    scene_test(test_own_program),  scene_test(test_not_regular), scene_test(test_links),
	    scene_test(test_other_root),   scene_test(test_debug_file),	 cmocka_unit_test(test_fixture),
	    cmocka_unit_test(test_helper), cmocka_unit_test(test_undo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
