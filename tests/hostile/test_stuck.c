/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * A target stuck in the kernel with its mmap_lock held for writing: whoever reads its pages blocks too.
 *
 * It is made with a file system that never answers a read (FUSE, spoken raw). One process reads the file,
 * which leaves a locked page in the page cache; the target maps the same file by a descriptor opened for
 * direct I/O, and that makes mmap() wait for the page, inside the lock. The end of the server frees them all.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/live.h"

#define PROMPTLY_NS  (2 * MV_NS_PER_SEC) /* far more than a call that blocks on nothing takes */
#define FILE_NODE    2
#define FILE_BYTES   (1u << 20)
#define REQUEST_MOST (256u << 10)

static char where[64]; /* the mount point */
static pid_t server, reader, target;
static int order_fd = -1;
static bool is_built;

/* ---- the file system that never answers a read ---- */

static void answer(int fuse, const struct fuse_in_header *in, int error, const void *body, size_t n)
{
	struct fuse_out_header out = {
	    .len = (uint32_t)(sizeof(out) + n), .error = error, .unique = in->unique};
	char packet[512];

	memcpy(packet, &out, sizeof(out));
	if (n)
		memcpy(packet + sizeof(out), body, n);
	if (write(fuse, packet, sizeof(out) + n) < 0 && errno != ENOENT)
		_exit(1);
}

static struct fuse_attr attr_of(uint64_t node)
{
	return (struct fuse_attr){.ino = node,
				  .size = node == FILE_NODE ? FILE_BYTES : 0,
				  .mode = node == FILE_NODE ? S_IFREG | 0644 : S_IFDIR | 0755,
				  .nlink = 2,
				  .blksize = 4096};
}

static void serve_one(int fuse, const struct fuse_in_header *in, int reading)
{
	struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION,
				     .minor = FUSE_KERNEL_MINOR_VERSION,
				     .max_readahead = 4096,
				     .max_write = 4096,
				     .time_gran = 1};
	struct fuse_entry_out entry = {
	    .nodeid = FILE_NODE, .entry_valid = 3600, .attr_valid = 3600, .attr = attr_of(FILE_NODE)};
	struct fuse_attr_out attr = {.attr_valid = 3600, .attr = attr_of(in->nodeid)};
	/* Reads of the page cache by its first opener, past it by the second, and no invalidation at open. */
	static uint32_t flags = FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE;
	struct fuse_open_out opened = {.open_flags = flags};

	switch (in->opcode) {
	case FUSE_INIT:
		answer(fuse, in, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		answer(fuse, in, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		answer(fuse, in, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		answer(fuse, in, 0, &opened, sizeof(opened));
		flags = FOPEN_KEEP_CACHE;
		break;
	case FUSE_READ:
		if (write(reading, "r", 1) != 1)
			_exit(1);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		answer(fuse, in, 0, NULL, 0);
		break;
	default:
		answer(fuse, in, -ENOSYS, NULL, 0);
	}
}

static _Noreturn void serve(int ready, int reading)
{
	static char request[REQUEST_MOST] __attribute__((aligned(8)));
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[96];
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (fuse < 0 || mount("stuck", where, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		_exit(1);
	if (write(ready, "m", 1) != 1)
		_exit(1);
	while ((n = read(fuse, request, sizeof(request))) > 0 || errno == EINTR || errno == ENOENT)
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			serve_one(fuse, (const struct fuse_in_header *)(const void *)request, reading);
	_exit(0);
}

/* ---- who reads it, and who maps it ---- */

static _Noreturn void be_reader(void)
{
	char path[80], byte;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/file", where);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	_exit(fd < 0 || read(fd, &byte, 1) < 0);
}

static _Noreturn void be_target(int orders, int ready)
{
	char path[80], order;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/file", where);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || write(ready, "o", 1) != 1 || read(orders, &order, 1) != 1)
		_exit(1);
	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	pause();
	_exit(0);
}

static bool hear(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&p, 1, LIVE_DEADLINE_MS) == 1 && read(fd, &byte, 1) == 1;
}

static void reap(pid_t *pid)
{
	int fd = *pid > 0 ? (int)syscall(SYS_pidfd_open, *pid, 0) : -1;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	/* Freed or not, this test waits no longer than that. */
	if (fd >= 0 && poll(&p, 1, LIVE_DEADLINE_MS) == 1)
		waitpid(*pid, NULL, 0);
	close(fd);
	*pid = 0;
}

/* Returns whether this machine can play it: root, FUSE, a mount namespace. */
static bool build(void)
{
	int ready[2], reading[2], orders[2];
	bool ok;

	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0) {
		print_message("needs root and /dev/fuse\n");
		return false;
	}
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("needs a mount namespace of its own\n");
		return false;
	}
	assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(reading, O_CLOEXEC) | pipe2(orders, O_CLOEXEC), 0);
	snprintf(where, sizeof(where), "/tmp/mv-stuck-XXXXXX");
	assert_non_null(mkdtemp(where));
	server = fork();
	if (server == 0) {
		/* Nobody else may hold /dev/fuse: its closing is what frees the stuck. */
		close(ready[0]);
		close(reading[0]);
		serve(ready[1], reading[1]);
	}
	close(reading[1]);
	ok = hear(ready[0]);
	if (ok && (target = fork()) == 0)
		be_target(orders[0], ready[1]);
	close(ready[1]);
	close(orders[0]);
	ok = ok && hear(ready[0]);
	if (ok && (reader = fork()) == 0)
		be_reader();
	ok = ok && hear(reading[0]);
	close(ready[0]);
	close(reading[0]);
	order_fd = orders[1];
	is_built = ok;
	if (!ok)
		print_message("could not mount a FUSE file system\n");
	return ok;
}

/* ---- the session ---- */

static struct mv_want want;

static int teardown(void **state)
{
	(void)state;
	mv_session_end(session, MV_LEAVE_END);
	session = NULL;
	reap(&server); /* and with it the connection: all that waited go on */
	reap(&reader);
	reap(&target);
	if (order_fd >= 0)
		close(order_fd);
	order_fd = -1;
	if (where[0]) {
		umount2(where, MNT_DETACH);
		rmdir(where);
	}
	where[0] = '\0';
	return 0;
}

/* Dispatch until it holds, while wants change as by keys; no call may wait for anything. */
static bool wait_at_keys(condition *holds, uint64_t arg)
{
	uint64_t until = live_now() + LIVE_DEADLINE_NS;

	while (!holds(arg)) {
		uint64_t began = live_now();

		if (began > until)
			return false;
		live_turn();
		want.page += 4096;
		mv_session_want(session, &want);
		assert_true(live_now() - began < PROMPTLY_NS);
	}
	return true;
}

static bool has_picture(uint64_t unused)
{
	(void)unused;
	return mv_session_snapshot(session) && mv_session_snapshot(session)->pages_ns;
}

static bool is_stuck(uint64_t unused)
{
	(void)unused;
	return mv_session_status(session)->stuck;
}

static bool has_collectors(uint64_t n)
{
	return mv_session_status(session)->collectors >= n;
}

static bool has_given_up(uint64_t wanted)
{
	return mv_session_status(session)->gave_up == (wanted != 0);
}

static bool has_counters_after(uint64_t ns)
{
	return mv_session_status(session)->counters.at_ns > ns;
}

/* Ends the session and looks whether its processes do, though the target is still stuck. */
static void end_session(void)
{
	int keeper = live_keeper(), collector = live_find(keeper, "memview-collect");
	int fds[2] = {live_pidfd(keeper), collector ? live_pidfd(collector) : -1};
	uint64_t began;

	began = live_now();
	mv_session_end(session, MV_LEAVE_END);
	session = NULL;
	assert_true(live_now() - began < PROMPTLY_NS);
	live_assert_ends(fds[0]);
	if (fds[1] >= 0)
		live_assert_ends(fds[1]);
}

static void start_session(void)
{
	struct mv_session_opts opts = {.pid = target};

	want = (struct mv_want){
	    .facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_SMAPS, .interval_ms = 200, .cell_pages = 1};
	assert_int_equal(mv_session_start(&opts, &session), 0);
	mv_session_want(session, &want);
}

static void test_gets_stuck_while_watched(void **state)
{
	uint64_t at, seq;

	(void)state;
	if (!build())
		skip();
	start_session();
	assert_true(wait_at_keys(has_picture, 0));
	assert_false(is_stuck(0));
	assert_int_equal(write(order_fd, "x", 1), 1);
	assert_true(wait_at_keys(is_stuck, 0));
	/* It says what the collector waits for. */
	assert_true(strlen(mv_session_status(session)->wchan) > 1);
	assert_true(wait_at_keys(has_collectors, 2));
	assert_true(is_stuck(0)); /* the new one has shown nothing yet */
	assert_true(wait_at_keys(has_given_up, 1));
	assert_int_equal(mv_session_status(session)->collectors, 2);
	/* Counters go on, the last picture stays. */
	at = live_now();
	assert_true(wait_at_keys(has_counters_after, at));
	assert_int_equal(mv_session_status(session)->counters.why, MV_WHY_HAVE);
	assert_non_null(mv_session_snapshot(session));
	assert_true(mv_session_snapshot(session)->mappings.count > 0);
	/* `R`: one more try, as stuck as before. */
	mv_session_retry(session);
	assert_true(wait_at_keys(has_given_up, 0));
	assert_true(wait_at_keys(has_collectors, 3));
	assert_true(wait_at_keys(has_given_up, 1));
	/* Once it is free again, `R` brings it back. */
	seq = mv_session_snapshot(session)->taken_ns;
	reap(&server);
	mv_session_retry(session);
	assert_true(wait_at_keys(has_given_up, 0));
	at = live_now() + LIVE_DEADLINE_NS;
	while (mv_session_snapshot(session)->taken_ns == seq || is_stuck(0)) {
		assert_true(live_now() < at);
		wait_at_keys(has_counters_after, live_now());
	}
	end_session();
}

static void test_stuck_from_the_start(void **state)
{
	(void)state;
	if (!build())
		skip();
	assert_int_equal(write(order_fd, "x", 1), 1);
	start_session();
	assert_true(wait_at_keys(is_stuck, 0));
	end_session();
	/* And with a collector that is being replaced. */
	start_session();
	assert_true(wait_at_keys(has_collectors, 2));
	end_session();
}

static bool has_machine_after(uint64_t ns)
{
	const struct mv_machine_snapshot *m = mv_session_machine(session);

	return m && m->taken_ns > ns;
}

/* The machine's collector reads smaps_rollup of what is on the screen: stuck there, its successor leaves that process
 * out and goes on with all others; and from there it is opened without waiting for anything. */
static void test_machine_gets_stuck(void **state)
{
	const struct mv_session_opts machine = {.machine = true};
	struct mv_session_opts process = {0};
	struct mv_machine_want wanted = {
	    .facts = MV_MACHINE_TASKS, .interval_ms = 200, .cell_frames = 1, .visible_count = 1};
	struct mv_session *beside;
	uint64_t began;

	(void)state;
	if (!build())
		skip();
	wanted.visible[0] = process.pid = target;
	assert_int_equal(write(order_fd, "x", 1), 1);
	assert_int_equal(mv_session_start(&machine, &session), 0);
	mv_session_machine_want(session, &wanted);
	assert_true(wait_for(is_stuck, 0));
	assert_int_equal(mv_session_status(session)->stuck_pid, target);
	assert_true(wait_for(has_collectors, 2));
	assert_true(wait_for(has_machine_after, live_now() + 5 * MV_NS_PER_SEC));
	assert_false(is_stuck(0));
	assert_int_equal(mv_session_status(session)->collectors, 2);
	assert_false(mv_session_status(session)->gave_up);
	assert_non_null(mv_machine_task(mv_session_machine(session), target));
	began = live_now();
	assert_int_equal(mv_session_start_from(session, &process, &beside), 0);
	mv_session_end(beside, MV_LEAVE_END);
	assert_true(live_now() - began < PROMPTLY_NS);
	end_session();
}

/* ---- both at once ---- */

#define SKIPPED 77

static pid_t beside;
static FILE *said; /* by it */

/* What they wait for are the keeper's deadlines: the others run beside the first, in a process of their own.
 */
static void run_beside(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_stuck_from_the_start, teardown),
	    cmocka_unit_test_teardown(test_machine_gets_stuck, teardown),
	};
	int failed;

	said = tmpfile();
	beside = said ? fork() : -1;
	if (beside != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(fileno(said), 1);
	dup2(fileno(said), 2);
	failed = cmocka_run_group_tests_name("beside", tests, NULL, NULL);
	fflush(NULL);
	_exit(failed ? 1 : is_built ? 0 : SKIPPED);
}

static void test_result_of_beside(void **state)
{
	char line[512];
	int status;

	(void)state;
	assert_true(beside > 0);
	assert_int_equal(waitpid(beside, &status, 0), beside);
	rewind(said);
	while (status && fgets(line, sizeof(line), said))
		print_message("# %s", line);
	fclose(said);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_gets_stuck_while_watched, teardown),
	    {"test_stuck_from_the_start, test_machine_gets_stuck", test_result_of_beside, NULL, NULL, NULL},
	};

	run_beside();
	return cmocka_run_group_tests_name("stuck", tests, NULL, NULL);
}
