/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/faults.h"
#include "tests/unit/puppet.h"

static struct mv_source *source;
static struct puppet puppet;
static struct mv_target *target;
static struct mv_faults *faults;

/* What a drain has brought. */
#define SEEN_MAX 200000
static struct {
	struct {
		uint64_t addr;
		int tid;
	} samples[SEEN_MAX];
	size_t count;
	uint64_t weight, forks, execs;
	uint64_t with_regs, stack_bytes;
	int fork_pid;
	/* a mapping looked for, and whether it came */
	uint64_t map_start;
	struct mv_perf_record map;
	char map_name[256];
} seen;

static int take(void *arg, const struct mv_fault_event *event)
{
	const struct mv_perf_record *r = event->record;

	(void)arg;
	assert_int_equal(r->pid, puppet.pid);
	switch (r->kind) {
	case MV_PERF_SAMPLE:
		assert_true(event->weight > 0);
		assert_true(seen.count < SEEN_MAX);
		seen.samples[seen.count].addr = r->addr;
		seen.samples[seen.count++].tid = r->tid;
		seen.weight += event->weight;
		seen.with_regs += r->has_regs;
		seen.stack_bytes += r->stack_bytes;
		break;
	case MV_PERF_FORK:
		seen.forks++;
		seen.fork_pid = r->new_pid;
		break;
	case MV_PERF_EXEC:
		seen.execs++;
		break;
	case MV_PERF_MMAP:
		if (seen.map_start >= r->addr && seen.map_start < r->addr + r->len) {
			seen.map = *r;
			snprintf(seen.map_name, sizeof(seen.map_name), "%s", r->name);
		}
		break;
	default:
		fail_msg("a record of kind %d is handed out", (int)r->kind);
	}
	return 0;
}

static void forget(void)
{
	memset(&seen, 0, sizeof(seen));
}

static void drain(void)
{
	mv_faults_drain(faults, 0, take, NULL);
}

static struct mv_faults_state state_now(void)
{
	struct mv_faults_state state;

	mv_faults_state(faults, &state);
	return state;
}

static void start(uint64_t period, uint32_t stack_bytes)
{
	const struct mv_faults_opts opts = {.period = period, .stack_bytes = stack_bytes, .rate_hint = -1};

	assert_int_equal(mv_target_open(source, puppet.pid, &target), 0);
	assert_int_equal(mv_faults_start(source, target, &opts, &faults), 0);
	forget();
}

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &source), 0);
	puppet_start(&puppet);
	/* Once round, so that nothing of the puppet's own comes between later. */
	puppet_ask(&puppet, PUPPET_TOUCH, 3, puppet_ask(&puppet, PUPPET_MAP, 3, 0));
	puppet_ask(&puppet, PUPPET_USAGE, 0, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mv_faults_stop(faults);
	mv_target_close(target);
	puppet_end(&puppet);
	mv_source_free(source);
	faults = NULL;
	target = NULL;
	return 0;
}

/* Samples inside n pages from `at` on. */
static size_t count_inside(uint64_t at, uint64_t n)
{
	size_t inside = 0;

	for (size_t i = 0; i < seen.count; i++)
		inside += seen.samples[i].addr >= at && seen.samples[i].addr < at + n * PUPPET_PAGE;
	return inside;
}

static void assert_each_in_order(uint64_t at, uint64_t n)
{
	uint64_t next = 0;

	for (size_t i = 0; i < seen.count; i++) {
		const uint64_t addr = seen.samples[i].addr;

		if (addr < at || addr >= at + n * PUPPET_PAGE)
			continue;
		assert_int_equal(addr / PUPPET_PAGE, at / PUPPET_PAGE + next);
		next++;
	}
	assert_int_equal(next, n);
}

/* ---- live ---- */

static void test_every_fault(void **state)
{
	uint64_t at, before, after, counted, weight;

	(void)state;
	puppet_need_perf();
	at = puppet_ask(&puppet, PUPPET_MAP, 20000, 0);
	start(1, 0);
	before = puppet_ask(&puppet, PUPPET_USAGE, 0, 0);
	drain();
	counted = state_now().minor;
	weight = seen.weight;
	puppet_ask(&puppet, PUPPET_TOUCH, 20000, at);
	after = puppet_ask(&puppet, PUPPET_USAGE, 0, 0);
	drain();
	assert_each_in_order(at, 20000);
	assert_int_equal(state_now().minor - counted, after - before);
	assert_int_equal(seen.weight - weight, after - before);
	assert_int_equal(state_now().sampled, seen.count);
	assert_int_equal(state_now().lost, 0);
	assert_int_equal(state_now().major, 0);
	assert_int_equal(state_now().threads, 1);
	assert_int_equal(state_now().threads_covered, 1);
	assert_int_equal(state_now().threads_why, MV_WHY_HAVE);
	assert_false(state_now().ended);
	assert_int_equal(seen.with_regs, 0);
}

/* At most so many at a time, none twice and none left out. */
static void test_drain_in_parts(void **state)
{
	uint64_t at;
	size_t calls = 0;

	(void)state;
	puppet_need_perf();
	at = puppet_ask(&puppet, PUPPET_MAP, 1000, 0);
	start(1, 0);
	puppet_ask(&puppet, PUPPET_TOUCH, 1000, at);
	while (mv_faults_drain(faults, 7, take, NULL) == 7)
		calls++;
	assert_true(calls >= 1000 / 7);
	assert_each_in_order(at, 1000);
	assert_int_equal(mv_faults_drain(faults, 7, take, NULL), 0);
}

static void test_stacks(void **state)
{
	uint64_t at;

	(void)state;
	puppet_need_perf();
	at = puppet_ask(&puppet, PUPPET_MAP, 100, 0);
	start(1, 1024);
	puppet_ask(&puppet, PUPPET_TOUCH, 100, at);
	drain();
	assert_each_in_order(at, 100);
	if (!MV_REGS_HERE)
		return;
	assert_int_equal(seen.with_regs, seen.count);
	assert_int_equal(seen.stack_bytes, seen.count * 1024);
}

static void test_later_threads(void **state)
{
	uint64_t at;
	int last = 0, threads = 0;

	(void)state;
	puppet_need_perf();
	at = puppet_ask(&puppet, PUPPET_MAP, 4000, 0);
	start(1, 0);
	puppet_ask(&puppet, PUPPET_THREADS, 4, 0);
	puppet_ask(&puppet, PUPPET_BY_THREADS, 1000, at);
	drain();
	assert_each_in_order(at, 4000);
	for (size_t i = 0; i < seen.count; i++) {
		if (seen.samples[i].addr < at || seen.samples[i].addr >= at + 4000 * PUPPET_PAGE)
			continue;
		assert_int_not_equal(seen.samples[i].tid, puppet.pid);
		threads += seen.samples[i].tid != last;
		last = seen.samples[i].tid;
	}
	assert_int_equal(threads, 4);
	assert_int_equal(state_now().threads, 1); /* when it began */
}

static void test_threads_that_were_there(void **state)
{
	uint64_t at;

	(void)state;
	puppet_need_perf();
	puppet_ask(&puppet, PUPPET_THREADS, 9, 0);
	at = puppet_ask(&puppet, PUPPET_MAP, 900, 0);
	start(1, 0);
	assert_int_equal(state_now().threads, 10);
	assert_int_equal(state_now().threads_covered, 10);
	puppet_ask(&puppet, PUPPET_BY_THREADS, 100, at);
	drain();
	assert_each_in_order(at, 900);
}

/* Threads come and go while it attaches: none of their faults is missed, and none comes twice. */
static void test_churn(void **state)
{
	const uint64_t room = SEEN_MAX;
	static uint8_t times[SEEN_MAX];
	uint64_t at, from, until, enough;
	struct timespec deadline, now;

	(void)state;
	puppet_need_perf();
	at = puppet_ask(&puppet, PUPPET_MAP, room, 0);
	puppet_ask(&puppet, PUPPET_CHURN, 2, at);
	start(1, 0);
	/* Threads that run now may have claimed their pages and not touched them yet: begin with the next. */
	from = puppet_ask(&puppet, PUPPET_CLAIMED, 0, 0) + 4;
	enough = from + 2000;
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += PUPPET_DEADLINE;
	do {
		drain();
		clock_gettime(CLOCK_MONOTONIC, &now);
		assert_true(now.tv_sec < deadline.tv_sec);
	} while (puppet_ask(&puppet, PUPPET_CLAIMED, 0, 0) < enough);
	until = puppet_ask(&puppet, PUPPET_REST, 0, 0);
	assert_true(until < room);
	drain();
	assert_int_equal(state_now().lost, 0);
	memset(times, 0, sizeof(times));
	for (size_t i = 0; i < seen.count; i++) {
		if (seen.samples[i].addr >= at && seen.samples[i].addr < at + room * PUPPET_PAGE)
			times[(seen.samples[i].addr - at) / PUPPET_PAGE]++;
	}
	for (uint64_t i = 0; i < until; i++) {
		assert_true(times[i] <= 1);
		if (i >= from)
			assert_int_equal(times[i], 1);
	}
}

static void test_children_are_not_counted(void **state)
{
	uint64_t at, counted;
	int child;

	(void)state;
	puppet_need_perf();
	at = puppet_ask(&puppet, PUPPET_MAP, 5000, 0);
	start(1, 0);
	counted = state_now().minor;
	child = (int)puppet_ask(&puppet, PUPPET_FORK, 5000, at);
	drain();
	assert_int_equal(count_inside(at, 5000), 0);
	assert_int_equal(seen.forks, 1);
	assert_int_equal(seen.fork_pid, child);
	assert_int_equal(state_now().forks, 1);
	if (state_now().minor - counted >= 5000) { /* before 5.13 */
		print_message("# SKIP this kernel counts child processes, too\n");
		skip();
	}
}

static void test_exec(void **state)
{
	uint64_t at;

	(void)state;
	puppet_need_perf();
	start(1, 0);
	puppet_ask(&puppet, PUPPET_EXEC, 0, 0);
	drain();
	assert_int_equal(seen.execs, 1);
	assert_int_equal(state_now().execs, 1);
	assert_int_equal(state_now().forks, 0);
	forget();
	at = puppet_ask(&puppet, PUPPET_MAP, 500, 0);
	puppet_ask(&puppet, PUPPET_TOUCH, 500, at);
	drain();
	assert_each_in_order(at, 500);
	assert_false(state_now().ended);
}

static void test_new_mappings(void **state)
{
	uint64_t at;

	(void)state;
	puppet_need_perf();
	start(101, 0);
	at = puppet_ask(&puppet, PUPPET_MAP, 300, 0);
	seen.map_start = at;
	drain();
	assert_true(seen.map.addr <= at);
	assert_true(seen.map.addr + seen.map.len >= at + 300 * PUPPET_PAGE);
	assert_int_equal(seen.map.prot, PROT_READ | PROT_WRITE);
	assert_false(seen.map.shared);
	assert_int_equal(seen.map.inode, 0);
	assert_string_equal(seen.map_name, "//anon");
}

static void test_last_samples(void **state)
{
	struct pollfd polled[64];
	int fds[64];
	uint64_t at;
	size_t n;

	(void)state;
	puppet_need_perf();
	puppet_ask(&puppet, PUPPET_THREADS, 3, 0);
	at = puppet_ask(&puppet, PUPPET_MAP, 700, 0);
	start(1, 0);
	assert_false(state_now().ended);
	puppet_send(&puppet, PUPPET_LEAVE, 700, at);
	do { /* as threads end, other descriptors tell of the rest */
		n = mv_faults_fds(faults, fds, MV_COUNT_OF(fds));
		n = n < MV_COUNT_OF(fds) ? n : MV_COUNT_OF(fds);
		assert_true(n > 0);
		for (size_t i = 0; i < n; i++)
			polled[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
		assert_true(poll(polled, n, PUPPET_DEADLINE * 1000) > 0);
	} while (!state_now().ended);
	drain();
	assert_each_in_order(at, 700);
	assert_int_equal(waitpid(puppet.pid, NULL, 0), puppet.pid);
	puppet.pid = 0;
	assert_true(state_now().ended);
	assert_true(state_now().minor >= 700);
	forget();
	drain();
	assert_int_equal(seen.count, 0);
}

static void test_gone(void **state)
{
	const struct mv_faults_opts opts = {.period = 1, .rate_hint = -1};

	(void)state;
	puppet_need_perf();
	assert_int_equal(mv_target_open(source, puppet.pid, &target), 0);
	kill(puppet.pid, SIGKILL);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)puppet.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(mv_faults_start(source, target, &opts, &faults), -ESRCH); /* a zombie */
	assert_int_equal(waitpid(puppet.pid, NULL, 0), puppet.pid);
	puppet.pid = 0;
	assert_int_equal(mv_faults_start(source, target, &opts, &faults), -ESRCH);
	assert_null(faults);
	assert_int_equal(mv_faults_why(-ESRCH), MV_WHY_GONE);
}

static void test_period_101(void **state)
{
	uint64_t at, counted, weight;

	(void)state;
	puppet_need_perf();
	at = puppet_ask(&puppet, PUPPET_MAP, 50000, 0);
	start(101, 0);
	counted = state_now().minor;
	puppet_ask(&puppet, PUPPET_TOUCH, 50000, at);
	drain();
	counted = state_now().minor - counted;
	weight = seen.weight;
	assert_true(counted >= 50000);
	assert_in_range(weight, counted * 95 / 100, counted * 105 / 100);
	assert_int_equal(state_now().period, 101);
}

/* The sum of the weights stays near the exact count while the period goes up, and samples become rarer. */
static void test_adapts(void **state)
{
	const uint64_t n = 20000;
	uint64_t at, counted, error;
	struct timespec deadline, now;

	(void)state;
	puppet_need_perf();
	at = puppet_ask(&puppet, PUPPET_MAP, n, 0);
	start(0, 0);
	assert_int_equal(state_now().period, 31);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += PUPPET_DEADLINE;
	while (state_now().period <= 31) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		assert_true(now.tv_sec < deadline.tv_sec);
		at = puppet_ask(&puppet, PUPPET_MAP, n, 0);
		puppet_ask(&puppet, PUPPET_TOUCH, n, at);
		drain();
	}
	/* What the old period left is counted with it, what comes now with the new. */
	at = puppet_ask(&puppet, PUPPET_MAP, n, 0);
	puppet_ask(&puppet, PUPPET_TOUCH, n, at);
	drain();
	counted = state_now().minor;
	error = counted > seen.weight ? counted - seen.weight : seen.weight - counted;
	assert_true(error < counted / 10 + 2 * 2003);
	assert_int_equal(state_now().lost, 0);
}

/* The same with threads that follow: no ioctl reaches their events. */
static void test_adapts_with_followers(void **state)
{
	uint64_t at, counted, error, before, weight, major;
	struct timespec deadline, now;

	(void)state;
	puppet_need_perf();
	start(0, 0);
	puppet_ask(&puppet, PUPPET_THREADS, 4, 0);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += PUPPET_DEADLINE;
	while (state_now().period <= 31) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		assert_true(now.tv_sec < deadline.tv_sec);
		at = puppet_ask(&puppet, PUPPET_MAP, 20000, 0);
		puppet_ask(&puppet, PUPPET_BY_THREADS, 5000, at);
		drain();
	}
	before = state_now().minor;
	weight = seen.weight;
	major = state_now().major;
	at = puppet_ask(&puppet, PUPPET_MAP, 40000, 0);
	puppet_ask(&puppet, PUPPET_BY_THREADS, 10000, at);
	drain();
	counted = state_now().minor - before;
	weight = seen.weight - weight;
	assert_in_range(counted, 40000, 40200 + PUPPET_SHADOW(40000));
	error = counted > weight ? counted - weight : weight - counted;
	assert_true(error < counted / 10 + 5 * 503);
	assert_int_equal(state_now().major, major);
	assert_int_equal(state_now().threads, 1); /* when it began */
}

static size_t open_files(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* In a child of ours, since limits and identity don't come back. Exit status 0: as it should be. */
static int in_child(int (*check)(void))
{
	int status, pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(check());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int check_few_files(void)
{
	const struct mv_faults_opts opts = {.period = 1, .rate_hint = -1};
	const struct rlimit limit = {.rlim_cur = 64, .rlim_max = 96};
	const size_t before = open_files();
	struct mv_faults_state s;
	int fd;

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || mv_target_open(source, puppet.pid, &target) < 0)
		return 10;
	if (mv_faults_start(source, target, &opts, &faults) < 0)
		return 11;
	mv_faults_state(faults, &s);
	if (s.threads != 61 || s.threads_covered < 1 || s.threads_covered >= 61)
		return 12;
	if (s.threads_why != MV_WHY_NEEDS_FILES)
		return 13;
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* some are left for others */
	if (fd < 0)
		return 14;
	close(fd);
	mv_faults_stop(faults);
	mv_target_close(target);
	return open_files() == before ? 0 : 15;
}

static void test_few_files(void **state)
{
	(void)state;
	puppet_need_perf();
	puppet_ask(&puppet, PUPPET_THREADS, 60, 0);
	assert_int_equal(in_child(check_few_files), 0);
}

static int check_no_files(void)
{
	const struct mv_faults_opts opts = {.period = 1, .rate_hint = -1};
	struct rlimit limit;

	if (mv_target_open(source, puppet.pid, &target) < 0)
		return 10;
	limit.rlim_cur = limit.rlim_max = (rlim_t)open_files() + 1;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 11;
	return mv_faults_start(source, target, &opts, &faults) == -EMFILE ? 0 : 12;
}

static void test_no_files(void **state)
{
	(void)state;
	puppet_need_perf();
	assert_int_equal(in_child(check_no_files), 0);
	assert_int_equal(mv_faults_why(-EMFILE), MV_WHY_NEEDS_FILES);
}

static int check_refused(void)
{
	const struct mv_faults_opts opts = {.period = 1, .rate_hint = -1};
	int err;

	if (mv_target_open(source, puppet.pid, &target) < 0)
		return 10;
	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 11;
	err = mv_faults_start(source, target, &opts, &faults);
	if (mv_perf_paranoid(source) > 2)
		return err == -EACCES || err == -EPERM ? 0 : 12;
	return err == -EPERM && mv_faults_why(err) == MV_WHY_NEEDS_PTRACE ? 0 : 13;
}

static void test_refused(void **state)
{
	(void)state;
	puppet_need_perf();
	if (geteuid() != 0) {
		print_message("# SKIP only root has something to give up\n");
		skip();
	}
	assert_int_equal(in_child(check_refused), 0);
}

/* Unprivileged, on a process of one's own: as far as paranoid allows. */
static int check_unprivileged(void)
{
	const struct mv_faults_opts opts = {.period = 1, .stack_bytes = 1024, .rate_hint = -1};
	const int paranoid = mv_perf_paranoid(source);
	struct mv_faults_state s;
	uint64_t at;
	int err;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 11;
	prctl(PR_SET_DUMPABLE, 1); /* as it would be had nobody begun it */
	puppet_start(&puppet);
	at = puppet_ask(&puppet, PUPPET_MAP, 100, 0);
	if (mv_target_open(source, puppet.pid, &target) < 0)
		return 10;
	err = mv_faults_start(source, target, &opts, &faults);
	if (paranoid > 2)
		return err == -EACCES || err == -EPERM ? 0 : 12;
	if (err)
		return 13;
	forget();
	puppet_ask(&puppet, PUPPET_TOUCH, 100, at);
	drain();
	mv_faults_state(faults, &s);
	if (s.kernel_side != (paranoid <= 1))
		return 14;
	return count_inside(at, 100) == 100 ? 0 : 15;
}

static void test_unprivileged(void **state)
{
	(void)state;
	puppet_need_perf();
	if (geteuid() != 0) {
		print_message("# SKIP only root has something to give up\n");
		skip();
	}
	assert_int_equal(in_child(check_unprivileged), 0);
}

/* A directory that plays a machine has no events. */
static void test_fixture(void **state)
{
	const char *fixtures = getenv("MV_FIXTURES");
	const struct mv_faults_opts opts = {.period = 1, .rate_hint = -1};
	struct mv_source *played;
	struct mv_target *python;
	char root[4096];

	(void)state;
	if (!fixtures) {
		print_message("# SKIP MV_FIXTURES does not name tests/fixtures\n");
		skip();
	}
	snprintf(root, sizeof(root), "%s/python", fixtures);
	assert_int_equal(mv_source_new(&(struct mv_source_opts){.root = root}, &played), 0);
	assert_int_equal(mv_target_open(played, 4711, &python), 0);
	assert_int_equal(mv_faults_start(played, python, &opts, &faults), -ENOSYS);
	assert_int_equal(mv_faults_why(-ENOSYS), MV_WHY_NO_KERNEL);
	mv_target_close(python);
	mv_source_free(played);
}

/* ---- pure ---- */

static bool is_prime(uint64_t n)
{
	for (uint64_t d = 2; d * d <= n; d++) {
		if (n % d == 0)
			return false;
	}
	return true; /* 1 as well */
}

static void test_next_period(void **state)
{
	(void)state;
	/* In between nothing changes, whatever the period is. */
	assert_int_equal(mv_faults_next_period(31, 500, MV_NS_PER_SEC, 0), 31);
	assert_int_equal(mv_faults_next_period(50, 300, MV_NS_PER_SEC, 0), 50);
	/* Too many, too few. */
	assert_int_equal(mv_faults_next_period(1, 400000, MV_NS_PER_SEC, 0), 503);
	assert_int_equal(mv_faults_next_period(31, 100, MV_NS_PER_SEC / 20, 0), 101);
	assert_int_equal(mv_faults_next_period(101, 100, MV_NS_PER_SEC, 0), 31);
	/* Going down is slower than going up. */
	assert_int_equal(mv_faults_next_period(503, 0, MV_NS_PER_SEC, 0), 101);
	assert_int_equal(mv_faults_next_period(1, 0, MV_NS_PER_SEC, 0), 1);
	/* Lost ones say that it is too fast in any case. */
	assert_int_equal(mv_faults_next_period(31, 500, MV_NS_PER_SEC, 1), 61);
	assert_int_equal(mv_faults_next_period(1, 10, MV_NS_PER_SEC, 9), 3);
	assert_int_equal(mv_faults_next_period(100003, UINT64_MAX, 1, 1), 100003);
	assert_int_equal(mv_faults_next_period(31, 0, 0, 0), 7);
}

/* At any steady rate it settles, within the goal wherever periods can reach it. */
static void test_period_settles(void **state)
{
	(void)state;
	for (double rate = 1; rate < 5e7; rate *= 1.07) {
		for (size_t first = 0; first < 2; first++) {
			uint64_t period = first ? 100003 : 1;

			for (int i = 0; i < 16; i++)
				period = mv_faults_next_period(period, (uint64_t)(rate / (double)period),
							       MV_NS_PER_SEC, 0);
			assert_true(is_prime(period));
			assert_true(rate / (double)period < 1001);
			assert_true(period == 1 || rate / (double)period > 299);
		}
	}
}

int main(int argc, char **argv)
{
#define LIVE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    LIVE(test_every_fault),
	    LIVE(test_drain_in_parts),
	    LIVE(test_stacks),
	    LIVE(test_later_threads),
	    LIVE(test_threads_that_were_there),
	    LIVE(test_churn),
	    LIVE(test_children_are_not_counted),
	    LIVE(test_exec),
	    LIVE(test_new_mappings),
	    LIVE(test_last_samples),
	    LIVE(test_gone),
	    LIVE(test_period_101),
	    LIVE(test_adapts),
	    LIVE(test_adapts_with_followers),
	    LIVE(test_few_files),
	    LIVE(test_no_files),
	    LIVE(test_refused),
	    LIVE(test_unprivileged),
	    cmocka_unit_test(test_fixture),
	    cmocka_unit_test(test_next_period),
	    cmocka_unit_test(test_period_settles),
	};

	puppet_if_executed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
