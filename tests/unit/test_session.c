/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/live.h"

#define PAGES 100

/* ---- a process to be watched ---- */

static struct {
	pid_t pid;
	int orders, answers;
	char *pages; /* PAGES of them, none touched */
} target;

static _Noreturn void be_target(int orders, int answers)
{
	char order;
	size_t touched = 0;

	while (read(orders, &order, 1) == 1) {
		if (order == 't' && touched < PAGES)
			target.pages[touched++ * 4096] = 1;
		if (order == 'x')
			execlp("sleep", "sleep", "1000", (char *)NULL);
		if (order == 'q')
			_exit(7);
		if (write(answers, &order, 1) != 1)
			break;
	}
	_exit(0);
}

static void start_target(void)
{
	int down[2], up[2];

	assert_int_equal(pipe2(down, O_CLOEXEC) | pipe2(up, O_CLOEXEC), 0);
	target.pages = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(target.pages, MAP_FAILED);
	madvise(target.pages, PAGES * 4096, MADV_NOHUGEPAGE);
	target.pid = fork();
	if (target.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
#ifdef PR_SET_PTRACER
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
#endif
		be_target(down[0], up[1]);
	}
	assert_true(target.pid > 0);
	close(down[0]);
	close(up[1]);
	target.orders = down[1];
	target.answers = up[0];
}

static void order(char what)
{
	char answer;

	assert_int_equal(write(target.orders, &what, 1), 1);
	if (what == 't')
		assert_int_equal(read(target.answers, &answer, 1), 1);
}

static void stop_target(void)
{
	if (target.pid) {
		kill(target.pid, SIGKILL);
		waitpid(target.pid, NULL, 0);
		munmap(target.pages, PAGES * 4096);
		close(target.orders);
		close(target.answers);
	}
	target.pid = 0;
}

/* ---- the session under test ---- */

static struct mv_want want;
static struct mv_session *beside; /* a second session, where there is one */

static int setup(void **state)
{
	(void)state;
	want = (struct mv_want){.facts = MV_FACT_MAPS | MV_FACT_PAGES, .interval_ms = 50, .cell_pages = 1};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mv_session_end(session, MV_LEAVE_END);
	mv_session_end(beside, MV_LEAVE_END);
	mv_session_end(NULL, MV_LEAVE_END);
	session = beside = NULL;
	stop_target();
	return 0;
}

static bool answered(uint64_t seq)
{
	const struct mv_snapshot *s = mv_session_snapshot(session);

	return s && s->want_seq == seq && s->pages_ns;
}

static bool taken_after(uint64_t ns)
{
	const struct mv_snapshot *s = mv_session_snapshot(session);

	return s && s->taken_ns > ns;
}

static bool has_life(uint64_t life)
{
	return mv_session_snapshot(session) && mv_session_snapshot(session)->life == life;
}

static bool has_epoch(uint64_t epoch)
{
	return mv_session_snapshot(session) && mv_session_snapshot(session)->epoch >= epoch;
}

static bool has_exited(uint64_t and_known)
{
	return mv_session_status(session)->exited && (!and_known || mv_session_status(session)->exit_known);
}

static bool has_collectors(uint64_t n)
{
	return mv_session_status(session)->collectors >= n;
}

static bool has_counters_after(uint64_t ns)
{
	return mv_session_status(session)->counters.at_ns > ns;
}

static bool has_event(uint64_t event)
{
	return (events & event) != 0;
}

static bool has_output(uint64_t bytes)
{
	size_t n;

	mv_session_output(session, &n);
	return n >= bytes;
}

static void start_on(int pid)
{
	struct mv_session_opts opts = {.pid = pid};

	assert_int_equal(mv_session_start(&opts, &session), 0);
	mv_session_want(session, &want);
}

static void start_command(char *const *argv)
{
	struct mv_session_opts opts = {.command = argv};

	assert_int_equal(mv_session_start(&opts, &session), 0);
	mv_session_want(session, &want);
}

static size_t count_fds(const char *whose)
{
	DIR *dir = opendir(whose);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static size_t fds_of(int pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return count_fds(path);
}

/* Zombies too. */
static size_t count_children(int parent)
{
	struct mv_source *source;
	size_t n = 0;

	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &source), 0);
	for (int pid = mv_source_next_pid(source, 0); pid; pid = mv_source_next_pid(source, pid)) {
		struct mv_target *t;
		struct mv_stat stat;

		if (mv_target_open(source, pid, &t) < 0)
			continue;
		n += mv_stat_read(t, &stat) == 0 && stat.ppid == parent;
		mv_target_close(t);
	}
	mv_source_free(source);
	return n;
}

/* ---- tests ---- */

static void test_nobody_there(void **state)
{
	struct mv_session_opts opts = {.pid = 1 << 22};
	struct mv_session *none = NULL;

	(void)state;
	assert_int_equal(mv_session_start(&opts, &none), -ESRCH);
	opts = (struct mv_session_opts){.command = (char *[]){"no/such/command", NULL}};
	assert_int_equal(mv_session_start(&opts, &none), -ENOENT);
	opts = (struct mv_session_opts){.command = (char *[]){"/dev/null", NULL}};
	assert_int_equal(mv_session_start(&opts, &none), -EACCES);
	assert_null(none);
	assert_int_equal(live_find((int)getpid(), NULL), 0);
}

static void test_answers(void **state)
{
	const struct mv_snapshot *s;
	uint32_t n, present = 0;

	(void)state;
	start_target();
	for (int i = 0; i < 23; i++)
		order('t');
	start_on(target.pid);
	assert_null(mv_session_snapshot(session));
	assert_true(wait_for(answered, 1));
	s = mv_session_snapshot(session);
	assert_int_equal(s->life, MV_LIFE_ALIVE);
	assert_int_equal(s->stat.pid, target.pid);
	assert_int_equal(mv_session_status(session)->pid, target.pid);
	assert_true(mv_snapshot_find(s, (uintptr_t)target.pages) < mv_snapshot_count(s));
	/* The same want again is no news, another is. */
	mv_session_want(session, &want);
	want.facts |= MV_FACT_GRID;
	want.spans_count = 1;
	want.spans[0] = (struct mv_range){(uintptr_t)target.pages, (uintptr_t)target.pages + PAGES * 4096};
	mv_session_want(session, &want);
	assert_true(wait_for(answered, 2));
	assert_true(events & MV_EVENT_SNAPSHOT);
	assert_true(wait_for(taken_after, live_now()));
	{
		const struct mv_grid_cell *c =
		    mv_snapshot_cells_at(mv_session_snapshot(session), want.spans[0].start, &n);

		assert_non_null(c);
		assert_int_equal(n, PAGES);
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(mv_tally_anon(&c[i].tally), i < 23);
			present += (uint32_t)mv_tally_present(&c[i].tally);
		}
	}
	assert_int_equal(present, 23);
}

static bool is_block(const char *name, char path[64])
{
	char link[64];
	ssize_t n;

	snprintf(path, 64, "/proc/self/fd/%.20s", name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return false;
	link[n] = '\0';
	return !strncmp(link, "/memfd:memview", 14);
}

/* The screen cannot write what the collector reads, nor take it away, and the collector not shrink it. */
static void test_blocks_are_sealed(void **state)
{
	DIR *dir;
	size_t blocks = 0;

	(void)state;
	start_target();
	start_on(target.pid);
	assert_true(wait_for(answered, 1));
	dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		char path[64];
		int fd = atoi(e->d_name), seals;

		if (!is_block(e->d_name, path))
			continue;
		blocks++;
		seals = fcntl(fd, F_GET_SEALS);
		assert_int_equal(seals & F_SEAL_SHRINK, F_SEAL_SHRINK);
		assert_int_equal(ftruncate(fd, 0), -1);
		assert_int_equal(errno, EPERM);
		if (!(seals & F_SEAL_FUTURE_WRITE)) /* before Linux 5.1 */
			continue;
		assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
		assert_int_equal(errno, EPERM);
		assert_int_equal(pwrite(fd, "x", 1, 0), -1);
		assert_int_equal(open(path, O_RDWR | O_TRUNC | O_CLOEXEC), -1);
	}
	closedir(dir);
	assert_int_equal(blocks, 3);
	assert_int_not_equal(mprotect((void *)((uintptr_t)mv_session_snapshot(session) & ~(uintptr_t)4095),
				      4096, PROT_READ | PROT_WRITE),
			     0);
}

static void test_collector_killed(void **state)
{
	const struct mv_snapshot *last;
	uint64_t seq;

	(void)state;
	start_target();
	start_on(target.pid);
	assert_true(wait_for(answered, 1));
	assert_true(wait_for(taken_after, live_now()));
	last = mv_session_snapshot(session);
	seq = last->seq;
	kill(live_collector(), SIGKILL);
	assert_true(wait_for(has_collectors, 2));
	/* The last picture stays until the next one's first. */
	assert_non_null(mv_session_snapshot(session));
	assert_true(mv_session_snapshot(session)->seq >= seq || answered(1));
	assert_true(wait_for(taken_after, live_now()));
	assert_false(mv_session_status(session)->gave_up);
	assert_int_equal(
	    mv_snapshot_check(mv_session_snapshot(session), mv_session_snapshot(session)->length), 0);
}

/* One that crashes as soon as it is started is given up; `R` tries again. */
static bool given_up(uint64_t wanted)
{
	return mv_session_status(session)->gave_up == (wanted != 0);
}

static void test_collector_crashes_again(void **state)
{
	uint64_t at;

	(void)state;
	start_target();
	start_on(target.pid);
	assert_true(wait_for(answered, 1));
	kill(live_collector(), SIGKILL);
	assert_true(wait_for(has_collectors, 2));
	kill(live_collector(), SIGKILL);
	assert_true(wait_for(given_up, 1));
	at = live_now();
	/* Counters go on, and so does the last picture. */
	assert_true(wait_for(has_counters_after, at));
	assert_non_null(mv_session_snapshot(session));
	assert_int_equal(live_find(live_keeper(), "memview-collect"), 0);
	mv_session_retry(session);
	assert_true(wait_for(taken_after, at));
	assert_true(wait_for(given_up, 0));
}

/* Crashes far apart are none in a row. */
static void test_collector_crashes_seldom(void **state)
{
	(void)state;
	start_target();
	start_on(target.pid);
	for (unsigned i = 1; i <= 3; i++) {
		uint64_t from = live_now();

		assert_true(wait_for(taken_after, from + 9 * MV_NS_PER_SEC / 2));
		kill(live_collector(), SIGKILL);
		assert_true(wait_for(has_collectors, i + 1));
	}
	assert_true(wait_for(taken_after, live_now()));
	assert_false(mv_session_status(session)->gave_up);
}

/* PIDFD_GET_INFO tells the exit status since 6.15. */
static bool tells_exits(void)
{
	struct utsname u;
	int major, minor;

	return uname(&u) == 0 && sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 15));
}

/* The test is the target's parent: to the keeper it is a stranger. */
static void test_target_exits(void **state)
{
	const struct mv_keeper_status *status;

	(void)state;
	start_target();
	start_on(target.pid);
	assert_true(wait_for(answered, 1));
	order('q');
	assert_true(wait_for(has_exited, 0));
	assert_true(wait_for(has_life, MV_LIFE_ZOMBIE));
	status = mv_session_status(session);
	assert_true(status->exit_real_ns > 0);
	assert_false(status->exit_known);
	assert_int_equal(waitpid(target.pid, NULL, 0), target.pid);
	assert_true(wait_for(has_life, MV_LIFE_GONE));
	assert_true(mv_session_snapshot(session)->mappings.count > 0);
	assert_true(mv_session_snapshot(session)->figure[MV_FIG_RSS].value > 0);
	target.pid = 0;
	munmap(target.pages, PAGES * 4096);
	close(target.orders);
	close(target.answers);
	/* Who wants something of the dead is answered still. */
	want.facts |= MV_FACT_SMAPS;
	mv_session_want(session, &want);
	assert_true(wait_for(answered, 2));
	if (!tells_exits()) {
		print_message("# SKIP before Linux 6.15 nobody tells how another's child ended\n");
		skip();
	}
	assert_true(wait_for(has_exited, 1));
	assert_true(WIFEXITED(mv_session_status(session)->exit_status));
	assert_int_equal(WEXITSTATUS(mv_session_status(session)->exit_status), 7);
}

static void test_exec_is_an_epoch(void **state)
{
	(void)state;
	start_target();
	want.facts |= MV_FACT_CMDLINE;
	start_on(target.pid);
	assert_true(wait_for(answered, 1));
	assert_int_equal(mv_session_snapshot(session)->epoch, 0);
	order('x');
	assert_true(wait_for(has_epoch, 1));
	assert_true(wait_for(taken_after, live_now() + MV_NS_PER_SEC / 2));
	assert_int_equal(mv_session_snapshot(session)->epoch, 1);
	assert_string_equal(mv_snapshot_title(mv_session_snapshot(session)).text, "sleep");
	assert_string_equal(mv_snapshot_argument(mv_session_snapshot(session), 1).text, "1000");
	assert_int_equal(mv_snapshot_find(mv_session_snapshot(session), (uintptr_t)target.pages),
			 mv_snapshot_count(mv_session_snapshot(session)));
}

static void test_paused(void **state)
{
	(void)state;
	start_target();
	want.interval_ms = 0;
	start_on(target.pid);
	assert_true(wait_for(answered, 1));
	for (uint32_t i = 2; i < 6; i++) {
		want.visible.end = i;
		mv_session_want(session, &want);
		assert_true(wait_for(answered, i));
	}
}

static void test_keeper_killed(void **state)
{
	int fd;

	(void)state;
	start_target();
	start_on(target.pid);
	assert_true(wait_for(answered, 1));
	fd = live_pidfd(live_collector());
	kill(live_keeper(), SIGKILL);
	assert_true(wait_for(has_event, MV_EVENT_LOST));
	assert_non_null(mv_session_snapshot(session));
	live_assert_ends(fd);
	assert_int_equal(kill(target.pid, 0), 0);
	mv_session_retry(session);
	want.visible.end = 9;
	mv_session_want(session, &want);
	assert_int_equal(mv_session_dispatch(session) & MV_EVENT_SNAPSHOT, 0);
}

static void test_end_leaves_nothing(void **state)
{
	(void)state;
	start_target();
	for (unsigned stopped = 0; stopped < 2; stopped++) {
		int fds[2];

		start_on(target.pid);
		assert_true(wait_for(answered, 1));
		fds[0] = live_pidfd(live_keeper());
		fds[1] = live_pidfd(live_collector());
		if (stopped)
			assert_int_equal(kill(live_collector(), SIGSTOP), 0);
		mv_session_end(session, MV_LEAVE_END);
		session = NULL;
		live_assert_ends(fds[0]);
		live_assert_ends(fds[1]);
		assert_int_equal(live_find((int)getpid(), "memview-keep"), 0);
	}
	assert_int_equal(kill(target.pid, 0), 0);
}

static void test_command(void **state)
{
	static char script[] = "echo hello; exit 3";
	const char *text;
	size_t n;

	(void)state;
	start_command((char *[]){"sh", "-c", script, NULL});
	assert_true(mv_session_status(session)->pid > 0);
	assert_true(wait_for(has_exited, 1));
	assert_true(mv_session_status(session)->is_command);
	assert_int_equal(WEXITSTATUS(mv_session_status(session)->exit_status), 3);
	assert_true(wait_for(has_output, 6));
	text = mv_session_output(session, &n);
	assert_int_equal(n, 6);
	assert_memory_equal(text, "hello\n", 6);
}

static void test_command_is_ended(void **state)
{
	/* One that ends when asked, with a child of its own; and one that doesn't. */
	static char asked[] = "sleep 1000 & echo; wait",
		    deaf[] = "trap '' TERM; echo; while :; do sleep 1; done";
	char *scripts[] = {asked, deaf};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int fds[2], pid;

		start_command((char *[]){"sh", "-c", scripts[i], NULL});
		pid = mv_session_status(session)->pid;
		assert_true(wait_for(has_output, 1));
		fds[0] = live_pidfd(pid);
		fds[1] = live_pidfd(live_keeper());
		pid = live_find(pid, NULL);
		mv_session_end(session, MV_LEAVE_END);
		session = NULL;
		if (i == 0 && pid)
			live_assert_ends(live_pidfd(pid));
		live_assert_ends(fds[0]);
		live_assert_ends(fds[1]);
	}
}

static void test_command_left_running(void **state)
{
	static char script[] = "echo; while :; do sleep 1; echo; done";
	int pid, keeps, fd, hold[2], saved = dup(1);
	struct pollfd p;
	char c;

	(void)state;
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	assert_int_equal(dup2(hold[1], 1), 1);
	close(hold[1]);
	start_command((char *[]){"sh", "-c", script, NULL});
	dup2(saved, 1);
	close(saved);
	pid = mv_session_status(session)->pid;
	assert_true(wait_for(has_output, 1));
	keeps = live_keeper();
	fd = live_pidfd(live_collector());
	mv_session_end(session, MV_LEAVE_RUNNING);
	session = NULL;
	live_assert_ends(fd);
	/* Who reads what memview prints sees its end, though the keeper stays. */
	p = (struct pollfd){.fd = hold[0], .events = POLLIN};
	assert_int_equal(poll(&p, 1, LIVE_DEADLINE_MS), 1);
	assert_int_equal(read(hold[0], &c, 1), 0);
	close(hold[0]);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(kill(keeps, 0), 0);
	fd = live_pidfd(keeps);
	kill(-pid, SIGKILL);
	live_assert_ends(fd);
	waitpid(keeps, NULL, 0);
}

/* Endless output keeps the keeper from nothing. */
static void test_command_floods(void **state)
{
	int fds[2];
	uint64_t at;
	size_t n;

	(void)state;
	start_command((char *[]){"yes", "flood", NULL});
	assert_true(wait_for(has_output, 256 << 10));
	at = live_now();
	assert_true(wait_for(has_counters_after, at));
	mv_session_output(session, &n);
	assert_true(n <= 256 << 10);
	fds[0] = live_pidfd(mv_session_status(session)->pid);
	fds[1] = live_pidfd(live_keeper());
	mv_session_end(session, MV_LEAVE_END);
	session = NULL;
	live_assert_ends(fds[0]);
	live_assert_ends(fds[1]);
}

static int work_a_little(void)
{
	return 5;
}

static void test_workload(void **state)
{
	struct mv_session_opts opts = {.workload = work_a_little};

	(void)state;
	assert_int_equal(mv_session_start(&opts, &session), 0);
	mv_session_want(session, &want);
	assert_true(wait_for(has_exited, 1));
	assert_int_equal(WEXITSTATUS(mv_session_status(session)->exit_status), 5);
}

/* The screen takes signals by a descriptor; what it starts must not inherit that it blocks them. */
static void test_signals_are_not_blocked(void **state)
{
	char path[64], text[4096] = "";
	sigset_t block, before;
	int fd;

	(void)state;
	start_target();
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGWINCH);
	sigprocmask(SIG_BLOCK, &block, &before);
	start_on(target.pid);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_true(wait_for(answered, 1));
	snprintf(path, sizeof(path), "/proc/%d/status", live_collector());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	assert_non_null(strstr(text, "SigBlk:\t0000000000000000"));
}

static void test_no_descriptors_leak(void **state)
{
	size_t before[3] = {0}, after[3];
	int pids[2] = {0};

	(void)state;
	start_target();
	start_on(target.pid);
	want.facts = 0x1ff;
	want.spans_count = 1;
	for (uint32_t i = 0; i < 50; i++) {
		want.spans[0] =
		    (struct mv_range){(uintptr_t)target.pages, (uintptr_t)target.pages + (i + 1) * 4096};
		want.page = (uintptr_t)target.pages + i * 4096;
		mv_session_want(session, &want);
		order('t');
		assert_true(wait_for(answered, i + 2));
		if (i == 9) {
			pids[0] = live_keeper();
			pids[1] = live_collector();
			/* Also what is opened after some seconds. */
			assert_true(wait_for(taken_after, live_now() + 7 * MV_NS_PER_SEC / 2));
			before[0] = count_fds("/proc/self/fd");
			before[1] = fds_of(pids[0]);
			before[2] = fds_of(pids[1]);
		}
	}
	after[0] = count_fds("/proc/self/fd");
	after[1] = fds_of(pids[0]);
	after[2] = fds_of(pids[1]);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(before[i], after[i]);
}

/* ---- the machine, and the way from it to a process ---- */

static const struct mv_machine_want machine_want = {
    .facts = MV_MACHINE_TASKS, .interval_ms = 50, .cell_frames = 1};

static bool lists(uint64_t pid)
{
	const struct mv_machine_snapshot *m = mv_session_machine(session);

	return m && mv_machine_task(m, (int32_t)pid);
}

static bool lists_no_more(uint64_t pid)
{
	const struct mv_machine_snapshot *m = mv_session_machine(session);

	return m && m->tasks_ns && !mv_machine_task(m, (int32_t)pid);
}

static bool has_machine_after(uint64_t ns)
{
	const struct mv_machine_snapshot *m = mv_session_machine(session);

	return m && m->taken_ns > ns;
}

static bool has_machine_answer(uint64_t seq)
{
	const struct mv_machine_snapshot *m = mv_session_machine(session);

	return m && m->want_seq == seq;
}

static void start_machine(void)
{
	struct mv_session_opts opts = {.machine = true};

	assert_int_equal(mv_session_start(&opts, &session), 0);
	mv_session_machine_want(session, &machine_want);
}

static int start_beside(int pid)
{
	struct mv_session_opts opts = {.pid = pid, .machine = pid == 0};
	int r = mv_session_start_from(session, &opts, &beside);

	if (r == 0 && pid)
		mv_session_want(beside, &want);
	else if (r == 0)
		mv_session_machine_want(beside, &machine_want);
	return r;
}

/* The keeper that the keeper under test has forked. */
static int keeper_beside(void)
{
	return live_child(live_keeper(), "memview-keep");
}

static void test_machine(void **state)
{
	struct mv_machine_want other = machine_want;

	(void)state;
	start_target();
	start_machine();
	assert_null(mv_session_machine(session));
	assert_true(wait_for(lists, (uint64_t)target.pid));
	assert_null(mv_session_snapshot(session));
	assert_int_equal(mv_session_status(session)->pid, 0);
	assert_true(wait_for(has_event, MV_EVENT_STATUS));
	assert_false(mv_session_status(session)->exited);
	assert_int_equal(mv_session_status(session)->counters.why, MV_WHY_NOT_READ);
	/* A process's want is none of its own. */
	mv_session_want(session, &want);
	/* Paused, another want is answered all the same. */
	other.interval_ms = 0;
	mv_session_machine_want(session, &other);
	mv_session_machine_want(session, &other);
	assert_true(wait_for(has_machine_answer, 2));
	other.visible[0] = target.pid;
	other.visible_count = 1;
	mv_session_machine_want(session, &other);
	assert_true(wait_for(has_machine_answer, 3));
	mv_session_machine_want(session, &machine_want);
	kill(target.pid, SIGKILL);
	waitpid(target.pid, NULL, 0);
	assert_true(wait_for(lists_no_more, (uint64_t)target.pid));
	assert_int_equal(mv_machine_check(mv_session_machine(session), mv_session_machine(session)->length),
			 0);
}

static void test_machine_collector_killed(void **state)
{
	(void)state;
	start_machine();
	assert_true(wait_for(has_machine_answer, 1));
	kill(live_collector(), SIGKILL);
	assert_true(wait_for(has_collectors, 2));
	assert_non_null(mv_session_machine(session));
	assert_true(wait_for(has_machine_after, live_now()));
}

static void test_from_the_machine(void **state)
{
	(void)state;
	start_target();
	start_machine();
	assert_true(wait_for(lists, (uint64_t)target.pid));
	assert_int_equal(start_beside(target.pid), 0);
	assert_int_equal(mv_session_status(beside)->pid, target.pid);
	assert_true(wait_in(beside, answered, 1));
	assert_int_equal(mv_session_snapshot(beside)->stat.pid, target.pid);
	assert_null(mv_session_machine(beside));
	/* Both go on. */
	assert_true(wait_for(has_machine_after, live_now()));
	assert_true(wait_in(beside, taken_after, live_now()));
	/* Its keeper is told from a collector: nothing is replaced when it ends. */
	mv_session_end(beside, MV_LEAVE_END);
	beside = NULL;
	assert_int_equal(live_find(live_keeper(), "memview-keep"), 0);
	assert_true(wait_for(has_machine_after, live_now() + MV_NS_PER_SEC));
	assert_int_equal(mv_session_status(session)->collectors, 1);
	assert_false(mv_session_status(session)->gave_up);
}

static void test_from_a_process_to_the_machine(void **state)
{
	int fd;

	(void)state;
	start_target();
	start_on(target.pid);
	assert_true(wait_for(answered, 1));
	assert_int_equal(start_beside(0), 0);
	assert_true(wait_in(beside, lists, (uint64_t)target.pid));
	/* The first may end: the other's keeper, an orphan then, goes on. */
	fd = live_pidfd(keeper_beside());
	mv_session_end(session, MV_LEAVE_END);
	session = beside;
	beside = NULL;
	assert_true(wait_for(has_machine_after, live_now() + MV_NS_PER_SEC));
	/* And from there on. */
	assert_int_equal(start_beside(target.pid), 0);
	assert_true(wait_in(beside, answered, 1));
	mv_session_end(beside, MV_LEAVE_END);
	beside = NULL;
	mv_session_end(session, MV_LEAVE_END);
	session = NULL;
	live_assert_ends(fd);
}

static void test_from_says_why_not(void **state)
{
	struct mv_session_opts opts = {.command = (char *[]){"true", NULL}};

	(void)state;
	start_machine();
	assert_int_equal(start_beside(1 << 22), -ESRCH);
	assert_int_equal(mv_session_start_from(session, &opts, &beside), -EINVAL);
	opts = (struct mv_session_opts){.pid = -1};
	assert_int_equal(mv_session_start_from(session, &opts, &beside), -EINVAL);
	assert_null(beside);
	/* A keeper that does not answer holds nobody up for long. */
	kill(live_keeper(), SIGSTOP);
	assert_int_equal(start_beside(getpid()), -ETIMEDOUT);
	kill(live_keeper(), SIGCONT);
	kill(live_keeper(), SIGKILL);
	assert_true(wait_for(has_event, MV_EVENT_LOST));
	assert_int_equal(start_beside(getpid()), -EPIPE);
	assert_null(beside);
}

static void test_from_a_keeper_that_is_killed(void **state)
{
	int fds[2];

	(void)state;
	start_target();
	start_machine();
	assert_int_equal(start_beside(target.pid), 0);
	fds[0] = live_pidfd(live_collector());
	fds[1] = live_pidfd(keeper_beside());
	kill(live_keeper(), SIGKILL);
	assert_true(wait_for(has_event, MV_EVENT_LOST));
	live_assert_ends(fds[0]);
	assert_true(wait_in(beside, answered, 1));
	assert_true(wait_in(beside, taken_after, live_now()));
	mv_session_end(beside, MV_LEAVE_END);
	beside = NULL;
	live_assert_ends(fds[1]);
}

/* A keeper that is forked from a COMMAND's has neither its pty nor its end to tell. */
static void test_from_a_command(void **state)
{
	static char script[] = "echo hello; read line; exit 3";
	char path[64], link[64];
	struct dirent *e;
	DIR *dir;
	int n = 0;

	(void)state;
	start_command((char *[]){"sh", "-c", script, NULL});
	assert_true(wait_for(has_output, 6));
	assert_int_equal(start_beside(0), 0);
	assert_true(wait_in(beside, has_machine_answer, 1));
	assert_false(mv_session_status(beside)->is_command);
	snprintf(path, sizeof(path), "/proc/%d/fd", keeper_beside());
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		ssize_t len = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		link[len < 0 ? 0 : len] = '\0';
		assert_false(!strncmp(link, "/dev/pt", 7));
		n += !strncmp(link, "socket:", 7);
	}
	closedir(dir);
	assert_int_equal(n, 1);
	/* Its stdin is /dev/null, so it has ended; the first keeper alone reaps it. */
	assert_true(wait_for(has_exited, 1));
	assert_int_equal(WEXITSTATUS(mv_session_status(session)->exit_status), 3);
	assert_false(mv_session_status(beside)->exited);
}

static void test_no_descriptors_leak_from(void **state)
{
	size_t before[2] = {0};

	(void)state;
	start_target();
	start_machine();
	assert_true(wait_for(has_machine_answer, 1));
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(start_beside(target.pid), 0);
		assert_true(wait_in(beside, answered, 1));
		mv_session_end(beside, MV_LEAVE_END);
		beside = NULL;
		assert_int_equal(start_beside(1 << 22), -ESRCH);
		if (i == 2) {
			/* Also what is opened after some seconds. */
			assert_true(wait_for(has_machine_after, live_now() + 7 * MV_NS_PER_SEC / 2));
			before[0] = count_fds("/proc/self/fd");
			before[1] = fds_of(live_keeper());
		}
	}
	assert_int_equal(before[0], count_fds("/proc/self/fd"));
	assert_int_equal(before[1], fds_of(live_keeper()));
	/* All of them have been reaped, but perhaps the last. */
	assert_true(wait_for(has_machine_after, live_now() + 3 * MV_NS_PER_SEC / 2));
	assert_int_equal(count_children(live_keeper()), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_nobody_there),
	    T(test_answers),
	    T(test_blocks_are_sealed),
	    T(test_collector_killed),
	    T(test_collector_crashes_again),
	    T(test_collector_crashes_seldom),
	    T(test_target_exits),
	    T(test_exec_is_an_epoch),
	    T(test_paused),
	    T(test_keeper_killed),
	    T(test_end_leaves_nothing),
	    T(test_command),
	    T(test_command_is_ended),
	    T(test_command_left_running),
	    T(test_command_floods),
	    T(test_workload),
	    T(test_signals_are_not_blocked),
	    T(test_no_descriptors_leak),
	    T(test_machine),
	    T(test_machine_collector_killed),
	    T(test_from_the_machine),
	    T(test_from_a_process_to_the_machine),
	    T(test_from_says_why_not),
	    T(test_from_a_keeper_that_is_killed),
	    T(test_from_a_command),
	    T(test_no_descriptors_leak_from),
	};
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
