/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/pagemap.h"
#include "core/threads.h"
#include "tests/unit/fixture.h"
#include "tests/unit/live.h"

#define STACK_CAP	 65536
#define STOP_DEADLINE_MS 20000

/* ---- text ---- */

static int parse_where(const char *text, struct mv_thread_where *ret_where)
{
	return mv_thread_where_parse(text, strlen(text), ret_where);
}

static void test_where(void **state)
{
	struct mv_thread_where w;

	(void)state;
	assert_int_equal(parse_where("202 0x1 0x2 0x3 0x4 0x5 0xffffffff 0x7ffc0010 0x401000\n", &w), 0);
	assert_false(w.running);
	assert_int_equal(w.syscall, 202);
	assert_int_equal(w.sp, 0x7ffc0010);
	assert_int_equal(w.pc, 0x401000);
	assert_int_equal(parse_where("-1 0x7ffc0010 0x401000\n", &w), 0);
	assert_int_equal(w.syscall, -1);
	assert_int_equal(w.pc, 0x401000);
	assert_int_equal(parse_where("running\n", &w), 0);
	assert_true(w.running);
	assert_int_equal(parse_where("0 0x0 0x0 0x0 0x0 0x0 0x0 0x7ffc0010 0x401000", &w), 0);
	assert_int_equal(w.syscall, 0);
}

static void test_broken_where(void **state)
{
	static const char whole[] = "202 0x1 0x2 0x3 0x4 0x5 0x6 0x7ffc0010 0x401000";
	static const char *const broken[] = {
	    "",
	    "\n",
	    "run\n",
	    "running on\n",
	    "202\n",
	    "-1 0x1\n",
	    "-1 0x1 0x2 0x3\n",
	    "202 0x1 0x2\n",
	    "202 1 2 3 4 5 6 7 8\n",
	    "202 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8 0x9\n",
	    "99999999999 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8\n",
	    "202 0x1 0x2 0x3 0x4 0x5 0x6 0x11112222333344445 0x8\n",
	};
	struct mv_thread_where w = {.pc = 99};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(broken); i++)
		assert_int_equal(parse_where(broken[i], &w), -EBADMSG);
	/* cut anywhere before the last word */
	for (size_t len = 0; len < sizeof(whole) - 9; len++)
		assert_int_equal(mv_thread_where_parse(whole, len, &w), -EBADMSG);
	assert_int_equal(w.pc, 99);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A process of two threads as a directory. */
static void test_fixture(void **state)
{
	static const char *const folders[] = {"/7", "/7/task", "/7/task/7", "/7/task/8"};
	static const char *const files[] = {"/7/task/7/stat", "/7/task/7/schedstat", "/7/task/8/stat",
					    "/7/task/8/syscall"};
	char dir[] = "/tmp/mv-threads-XXXXXX", path[512];
	struct mv_source_opts opts = {.root = dir};
	struct mv_source *source;
	struct mv_target *target;
	struct mv_thread_stat stat = {0};
	struct mv_thread_where where;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < MV_COUNT_OF(folders); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	write_file(dir, files[0], "7 (main) S 1 7 7 0 -1 64 10 0 2 0 3 4 0 0 20 0 2 0 50 4096 1\n");
	write_file(dir, files[1], "123456789 55 9\n");
	write_file(dir, files[2], "8 (a) b) R 1 7 7 0 -1 64 11 0 3 0 3 4 0 0 20 0 2 0 50 4096 1\n");
	write_file(dir, files[3], "running\n");
	assert_int_equal(mv_source_new(&opts, &source), 0);
	assert_int_equal(mv_target_open(source, 7, &target), 0);

	assert_int_equal(mv_thread_stat_read(target, 7, &stat), 0);
	assert_int_equal(stat.tid, 7);
	assert_int_equal(stat.state, 'S');
	assert_int_equal(stat.minor_faults, 10);
	assert_int_equal(stat.major_faults, 2);
	assert_int_equal(stat.cpu_ns.value, 123456789);
	/* no schedstat: seven ticks */
	assert_int_equal(mv_thread_stat_read(target, 8, &stat), 0);
	assert_string_equal(stat.comm, "a) b");
	assert_true(mv_have(&stat.cpu_ns));
	assert_int_equal(stat.cpu_ns.value, 7 * MV_NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
	assert_int_equal(mv_thread_stat_read(target, 9, &stat), -ESRCH);
	assert_int_equal(mv_thread_where_read(target, 8, &where), 0);
	assert_true(where.running);
	/* it is there, but this kernel has no such file */
	assert_int_equal(mv_thread_where_read(target, 7, &where), -ENOENT);
	assert_int_equal(mv_thread_where_read(target, 9, &where), -ESRCH);

	struct mv_stop *stop;
	const struct mv_maps no_maps = {0};
	assert_int_equal(mv_poke_stop(target, &no_maps, NULL, 0, STACK_CAP, 1000, &stop), -ENOSYS);
	mv_target_close(target);
	mv_source_free(source);
	for (size_t i = MV_COUNT_OF(files); i-- > 0;) {
		snprintf(path, sizeof(path), "%s%s", dir, files[i]);
		assert_int_equal(unlink(path), 0);
	}
	for (size_t i = MV_COUNT_OF(folders); i-- > 0;) {
		snprintf(path, sizeof(path), "%s%s", dir, folders[i]);
		assert_int_equal(rmdir(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

/* ---- live targets: children of ours whose threads wait in known places ---- */

enum place { IN_COND, IN_PAUSE, IN_EPOLL, IN_SLEEP, IN_HOLES, IN_VFORK, PLACES };
static const long place_syscalls[PLACES] = {SYS_futex,		 SYS_pause, SYS_epoll_wait,
					    SYS_clock_nanosleep, SYS_pause, SYS_vfork};

/* What target and test share. Slot 0 is the main thread's. */
#define SLOTS 256
struct slot {
	int tid;
	int place;
	int done;
	int interrupted; /* EINTRs it has seen */
	uint64_t stack_start, stack_end;
	uint64_t frame; /* above the calls in which it waits */
};
struct board {
	struct slot slots[SLOTS];
	int count; /* slots in use, once they all are */
	int go;
	int signals; /* handled */
	int born;    /* threads of the churn */
	int vfork_child;
};
static struct board *board;
/* Held open by the test: its end tells the target to finish. */
static int hold[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void on_signal(int signal_number)
{
	(void)signal_number;
	__atomic_add_fetch(&board->signals, 1, __ATOMIC_RELAXED);
}

static bool gone_ahead(void)
{
	return __atomic_load_n(&board->go, __ATOMIC_ACQUIRE) != 0;
}

static void wait_in_epoll(struct slot *slot)
{
	int ep = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};

	epoll_ctl(ep, EPOLL_CTL_ADD, hold[0], &event);
	while (epoll_wait(ep, &event, 1, -1) < 0)
		if (!gone_ahead())
			__atomic_add_fetch(&slot->interrupted, 1, __ATOMIC_RELEASE);
	close(ep);
}

/* The stack pointer lies below 64 pages that were never touched. */
static __attribute__((noinline)) void wait_below_holes(void)
{
	volatile char untouched[64 * 4096];

	untouched[0] = 1;
	while (!gone_ahead())
		pause();
	untouched[1] = untouched[0];
}

/* The parent of a vfork is in D state until its child has ended. */
static __attribute__((noinline)) void wait_in_vfork(void)
{
	pid_t child = vfork();

	if (child == 0) {
		char c;

		board->vfork_child = (int)getpid();
		while (read(hold[0], &c, 1) < 0)
			;
		_exit(0);
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void note_self(struct slot *slot)
{
	pthread_attr_t attr;
	void *start;
	size_t bytes;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &start, &bytes);
	pthread_attr_destroy(&attr);
	slot->stack_start = (uintptr_t)start;
	slot->stack_end = (uintptr_t)start + bytes;
	slot->frame = (uintptr_t)__builtin_frame_address(0);
	__atomic_store_n(&slot->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
}

static void *waiter(void *arg)
{
	struct slot *slot = arg;

	note_self(slot);
	switch ((enum place)slot->place) {
	case IN_COND:
		pthread_mutex_lock(&mutex);
		while (!gone_ahead())
			pthread_cond_wait(&cond, &mutex);
		pthread_mutex_unlock(&mutex);
		break;
	case IN_PAUSE:
		while (!gone_ahead())
			pause();
		break;
	case IN_EPOLL:
		wait_in_epoll(slot);
		break;
	case IN_SLEEP:
		while (!gone_ahead())
			nanosleep(&(struct timespec){.tv_sec = 1000}, NULL);
		break;
	case IN_HOLES:
		wait_below_holes();
		break;
	case IN_VFORK:
		wait_in_vfork();
		break;
	case PLACES:
		break;
	}
	__atomic_store_n(&slot->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static pthread_t begin_thread(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	if (pthread_create(&thread, &attr, run, arg) != 0)
		_exit(2);
	pthread_attr_destroy(&attr);
	return thread;
}

static void wait_for_end_of_hold(void)
{
	char c;

	while (read(hold[0], &c, 1) != 0)
		;
}

/* The target: a main thread in read() and count others. */
static void run_waiters(const enum place *places, int count)
{
	pthread_t threads[SLOTS];

	for (int i = 0; i < count; i++) {
		board->slots[i + 1].place = (int)places[i];
		threads[i] = begin_thread(waiter, &board->slots[i + 1]);
	}
	note_self(&board->slots[0]);
	__atomic_store_n(&board->count, count + 1, __ATOMIC_RELEASE);
	wait_for_end_of_hold();
	__atomic_store_n(&board->go, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < count; i++) {
		while (!__atomic_load_n(&board->slots[i + 1].done, __ATOMIC_ACQUIRE)) {
			pthread_mutex_lock(&mutex);
			pthread_cond_broadcast(&cond);
			pthread_mutex_unlock(&mutex);
			pthread_kill(threads[i], SIGUSR1);
			sched_yield();
		}
		pthread_join(threads[i], NULL);
	}
}

struct live {
	int pid;
	struct mv_source *source;
	struct mv_target *target;
	struct mv_maps maps;
	int tids[SLOTS];
	size_t count;
};

typedef void run_target(const enum place *places, int count);

static void sample(struct live *l)
{
	ssize_t n = mv_target_list(l->target, "task", l->tids, SLOTS);

	assert_true(n >= 0 && n <= SLOTS);
	l->count = (size_t)n;
	assert_int_equal(mv_maps_read(l->target, &l->maps, NULL, 0), 0);
	/* Arguments lie above what the main thread takes for its stack. */
	for (uint32_t i = 0; i < l->maps.count; i++)
		if (l->maps.at[i].kind == MV_KIND_STACK)
			board->slots[0].stack_end = l->maps.at[i].end;
}

static bool has_parked(struct live *l, int tid, long number, char state_letter)
{
	struct mv_thread_where where;
	struct mv_thread_stat stat;

	if (mv_thread_stat_read(l->target, tid, &stat) < 0 || stat.state != state_letter)
		return false;
	if (number < 0)
		return true;
	/* A sleep that a stop interrupted goes on in restart_syscall. */
	return mv_thread_where_read(l->target, tid, &where) == 0 && !where.running &&
	       (where.syscall == number || where.syscall == SYS_restart_syscall);
}

#define UNTIL(holds) \
	do { \
		for (uint64_t until_ns = live_now() + LIVE_DEADLINE_NS; !(holds); sched_yield()) \
			assert_true(live_now() < until_ns); \
	} while (0)

/* Every waiter is in its system call. */
static void await_parked(struct live *l)
{
	UNTIL(__atomic_load_n(&board->count, __ATOMIC_ACQUIRE) > 0);
	for (int i = 0; i < board->count; i++) {
		struct slot *slot = &board->slots[i];

		UNTIL(__atomic_load_n(&slot->tid, __ATOMIC_ACQUIRE) > 0);
		UNTIL(has_parked(l, slot->tid, i ? place_syscalls[slot->place] : SYS_read,
				 i && slot->place == IN_VFORK ? 'D' : 'S'));
	}
}

static struct live start(run_target *run, const enum place *places, int count)
{
	struct live l = {0};

	memset(board, 0, sizeof(*board));
	assert_int_equal(pipe(hold), 0);
	l.pid = (int)fork();
	assert_true(l.pid >= 0);
	if (l.pid == 0) {
		struct sigaction action = {.sa_handler = on_signal};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Where Yama lets ancestors trace only, siblings of the target are not among them. */
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
		close(hold[1]);
		sigaction(SIGUSR1, &action, NULL);
		sigaction(SIGRTMIN, &action, NULL);
		run(places, count);
		_exit(0);
	}
	close(hold[0]);
	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &l.source), 0);
	assert_int_equal(mv_target_open(l.source, l.pid, &l.target), 0);
	mv_maps_init(&l.maps);
	return l;
}

static struct live start_waiters(const enum place *places, int count)
{
	struct live l = start(run_waiters, places, count);

	await_parked(&l);
	sample(&l);
	return l;
}

static void release_live(struct live *l)
{
	mv_maps_release(&l->maps);
	mv_target_close(l->target);
	mv_source_free(l->source);
}

/* Let it finish: nothing that was done to it keeps it from that. */
static void finish(struct live *l)
{
	struct pollfd p = {.fd = mv_target_pidfd(l->target), .events = POLLIN};
	int status;

	close(hold[1]);
	assert_int_equal(poll(&p, 1, LIVE_DEADLINE_MS), 1);
	assert_int_equal(waitpid(l->pid, &status, 0), l->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	release_live(l);
}

static void end_by_force(struct live *l)
{
	kill(l->pid, SIGKILL);
	waitpid(l->pid, NULL, 0);
	close(hold[1]);
	release_live(l);
}

static struct slot *slot_of(int tid)
{
	for (int i = 0; i < board->count; i++)
		if (board->slots[i].tid == tid)
			return &board->slots[i];
	return NULL;
}

static char state_of(struct live *l, int tid)
{
	struct mv_thread_stat stat;

	return mv_thread_stat_read(l->target, tid, &stat) == 0 ? stat.state : '?';
}

static int tracer_of(struct live *l, int tid)
{
	char name[64], text[4096];
	const char *at;

	snprintf(name, sizeof(name), "task/%d/status", tid);
	if (mv_target_read_named(l->target, name, text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "TracerPid:");
	assert_non_null(at);
	return atoi(at + strlen("TracerPid:"));
}

static void assert_free(struct live *l)
{
	for (size_t i = 0; i < l->count; i++) {
		assert_int_equal(tracer_of(l, l->tids[i]), 0);
		assert_true(strchr("tT", state_of(l, l->tids[i])) == NULL);
	}
}

/* ---- without stopping it ---- */

static const enum place all_places[] = {IN_COND, IN_PAUSE, IN_EPOLL, IN_SLEEP};

/* The kernel's own words, read by other means. */
static uint64_t told_pc(int pid, int tid)
{
	char path[64], line[256], *last;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	last = strrchr(line, ' ');
	assert_non_null(last);
	return strtoull(last, NULL, 16);
}

static void check_waiting(struct live *l, const struct slot *slot)
{
	static uint8_t stack[STACK_CAP], again[STACK_CAP];
	struct mv_thread_where where;
	size_t bytes;

	assert_int_equal(
	    mv_thread_waiting_read(l->target, &l->maps, slot->tid, &where, stack, sizeof(stack), &bytes), 0);
	assert_false(where.running);
	assert_int_equal(where.pc, told_pc(l->pid, slot->tid));
	assert_true(where.sp >= slot->stack_start && where.sp < slot->stack_end);
	assert_true(bytes > 0 && bytes <= slot->stack_end - where.sp);
	assert_int_equal(mv_target_bytes(l->target, where.sp, again, bytes), bytes);
	assert_memory_equal(stack, again, bytes);
	/* not more than was asked for */
	memset(again, 0x5a, sizeof(again));
	assert_int_equal(mv_thread_waiting_read(l->target, &l->maps, slot->tid, &where, again, 100, &bytes),
			 0);
	assert_int_equal(bytes, 100);
	assert_memory_equal(stack, again, 100);
	assert_int_equal(again[100], 0x5a);
}

static void test_waiting(void **state)
{
	struct live l = start_waiters(all_places, MV_COUNT_OF(all_places));
	struct mv_thread_stat stat;

	(void)state;
	assert_int_equal(l.count, 1 + MV_COUNT_OF(all_places));
	for (int turn = 0; turn < 50; turn++)
		for (int i = 0; i < board->count; i++)
			check_waiting(&l, &board->slots[i]);
	/* what waits in epoll_wait does not notice */
	for (int i = 0; i < board->count; i++)
		assert_int_equal(board->slots[i].interrupted, 0);
	assert_int_equal(mv_thread_stat_read(l.target, board->slots[0].tid, &stat), 0);
	assert_true(mv_have(&stat.cpu_ns) && stat.cpu_ns.value > 0);
	assert_true(stat.minor_faults > 0);
	finish(&l);
}

static void run_spinner(const enum place *places, int count)
{
	(void)places;
	(void)count;
	note_self(&board->slots[0]);
	__atomic_store_n(&board->count, 1, __ATOMIC_RELEASE);
	for (;;)
		__atomic_add_fetch(&board->born, 1, __ATOMIC_RELAXED);
}

static void test_running(void **state)
{
	struct live l = start(run_spinner, NULL, 0);
	struct mv_thread_where where = {.pc = 1};
	uint8_t byte;
	size_t bytes = 77;
	int r;

	(void)state;
	UNTIL(__atomic_load_n(&board->count, __ATOMIC_ACQUIRE) > 0);
	sample(&l);
	UNTIL(mv_thread_where_read(l.target, l.pid, &where) == 0 && where.running);
	UNTIL((r = mv_thread_waiting_read(l.target, &l.maps, l.pid, &where, &byte, 1, &bytes)) != 0);
	assert_int_equal(r, -EAGAIN);
	end_by_force(&l);
}

/* Presence of each page of a stack, as pagemap tells it. */
static size_t presence(struct live *l, const struct slot *slot, uint8_t *out, size_t cap)
{
	const uint64_t page_bytes = mv_target_page_bytes(l->target);
	const size_t pages = (size_t)((slot->stack_end - slot->stack_start) / page_bytes);
	uint64_t word;

	assert_true(pages <= cap);
	for (size_t i = 0; i < pages; i++) {
		assert_int_equal(mv_target_words(l->target, slot->stack_start + i * page_bytes, 1, &word), 1);
		out[i] = (word & MV_WORD_PRESENT) != 0;
	}
	return pages;
}

static struct mv_stop *poke(struct live *l, unsigned deadline_ms);
static const struct mv_stopped *await_stop(struct mv_stop *stop, size_t *ret_count);

static void test_never_faults_in(void **state)
{
	static const enum place places[] = {IN_HOLES};
	static uint8_t before[4096], after[4096], stack[512 * 1024];
	struct live l = start_waiters(places, 1);
	const struct slot *slot = &board->slots[1];
	struct mv_thread_where where;
	size_t bytes, count, pages = presence(&l, slot, before, sizeof(before));

	(void)state;
	assert_int_equal(
	    mv_thread_waiting_read(l.target, &l.maps, slot->tid, &where, stack, sizeof(stack), &bytes), 0);
	/* up to the hole, not beyond */
	assert_true(bytes > 0 && bytes < slot->stack_end - where.sp - 32 * 4096);
	struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);
	const struct mv_stopped *t = await_stop(stop, &count);
	for (size_t i = 0; i < count; i++)
		if (t[i].tid == slot->tid)
			assert_int_equal(t[i].stack_bytes, bytes < STACK_CAP ? bytes : STACK_CAP);
	mv_stop_free(stop);
	assert_int_equal(presence(&l, slot, after, sizeof(after)), pages);
	assert_memory_equal(before, after, pages);
	/* Not one page of it was there, in the middle of the stack: and reading it would have shown. */
	assert_int_equal(mv_thread_stack_copy(l.target, &l.maps, slot->stack_end - 40 * 4096, stack, 4096),
			 0);
	assert_int_equal(mv_target_bytes(l.target, slot->stack_end - 40 * 4096, stack, 4096), 4096);
	presence(&l, slot, after, sizeof(after));
	assert_memory_not_equal(before, after, pages);
	finish(&l);
}

static void test_only_stacks(void **state)
{
	struct live l = start_waiters(all_places, 1);
	uint8_t buffer[64];
	unsigned files = 0;

	(void)state;
	/* code and files are not what a stack pointer leads to, nor is shared memory */
	for (uint32_t i = 0; i < l.maps.count; i++)
		if (l.maps.at[i].flags & MV_MAPPING_FILE) {
			files++;
			assert_int_equal(mv_thread_stack_copy(l.target, &l.maps, l.maps.at[i].start, buffer,
							      sizeof(buffer)),
					 -EFAULT);
		}
	assert_true(files > 0);
	assert_int_equal(mv_thread_stack_copy(l.target, &l.maps, (uintptr_t)board, buffer, sizeof(buffer)),
			 -EFAULT);
	assert_int_equal(mv_thread_stack_copy(l.target, &l.maps, 64, buffer, sizeof(buffer)), -EFAULT);
	finish(&l);
}

static void test_ended(void **state)
{
	struct live l = start_waiters(all_places, 1);
	struct mv_thread_stat stat;
	struct mv_thread_where where;
	uint8_t byte;
	size_t bytes;

	(void)state;
	kill(l.pid, SIGKILL);
	waitpid(l.pid, NULL, 0);
	assert_int_equal(mv_thread_stat_read(l.target, l.tids[1], &stat), -ESRCH);
	assert_int_equal(mv_thread_where_read(l.target, l.tids[1], &where), -ESRCH);
	assert_int_equal(mv_thread_waiting_read(l.target, &l.maps, l.tids[1], &where, &byte, 1, &bytes),
			 -ESRCH);
	size_t count;
	struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);
	const struct mv_stopped *t = await_stop(stop, &count);
	assert_int_equal(count, l.count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(t[i].result, MV_STOP_GONE);
	mv_stop_free(stop);
	close(hold[1]);
	release_live(&l);
}

/* ---- by a stop ---- */

static uint64_t stopped_ns;

static struct mv_stop *poke(struct live *l, unsigned deadline_ms)
{
	struct mv_stop *stop;

	assert_int_equal(mv_poke_stop(l->target, &l->maps, l->tids, l->count, STACK_CAP, deadline_ms, &stop),
			 0);
	return stop;
}

static const struct mv_stopped *await_stop(struct mv_stop *stop, size_t *ret_count)
{
	struct pollfd p = {.fd = mv_stop_fd(stop), .events = POLLIN};
	const struct mv_stopped *threads;

	assert_int_equal(poll(&p, 1, LIVE_DEADLINE_MS), 1);
	assert_int_equal(mv_stop_take(stop, &threads, ret_count, &stopped_ns), 0);
	return threads;
}

static void assert_taken(struct live *l, const struct mv_stopped *t)
{
	const struct slot *slot = slot_of(t->tid);
	static uint8_t stack[STACK_CAP];
	size_t bytes;

	assert_int_equal(t->result, MV_STOP_TAKEN);
	assert_non_null(slot);
	assert_in_range(t->regs.r[MV_REG_SP], slot->stack_start, slot->stack_end - 1);
	assert_true(t->stack_bytes > 0 && t->stack_bytes <= STACK_CAP);
	assert_true(t->regs.r[MV_REG_SP] + t->stack_bytes <= slot->stack_end);
	assert_int_equal(t->regs.r[MV_REG_PC], told_pc(l->pid, t->tid));
	/* It waits in the same calls as before: they have not changed. errno, further up, may have. */
	bytes = (size_t)(slot->frame - t->regs.r[MV_REG_SP]);
	assert_true(bytes > 0 && bytes <= t->stack_bytes);
	assert_int_equal(mv_target_bytes(l->target, t->regs.r[MV_REG_SP], stack, bytes), bytes);
	assert_memory_equal(stack, t->stack, bytes);
}

static void test_stop(void **state)
{
	struct live l = start_waiters(all_places, MV_COUNT_OF(all_places));
	const struct mv_stopped *t, *same;
	uint64_t ns;
	size_t count, again;

	(void)state;
	for (int turn = 0; turn < 20; turn++) {
		struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);

		t = await_stop(stop, &count);
		assert_int_equal(count, l.count);
		assert_true(stopped_ns > 0);
		await_parked(&l);
		for (size_t i = 0; i < count; i++)
			assert_taken(&l, &t[i]);
		assert_free(&l);
		assert_int_equal(mv_stop_take(stop, &same, &again, &ns), 0);
		assert_ptr_equal(same, t);
		assert_int_equal(ns, stopped_ns);
		mv_stop_free(stop);
	}
	print_message("epoll_wait was interrupted %d times by 20 stops\n", board->slots[3].interrupted);
	finish(&l);
}

static void test_hundred(void **state)
{
	enum place places[100];
	uint64_t best = UINT64_MAX;
	size_t count;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(places); i++)
		places[i] = all_places[i % MV_COUNT_OF(all_places)];
	struct live l = start_waiters(places, MV_COUNT_OF(places));
	for (int turn = 0; turn < 5; turn++) {
		struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);
		const struct mv_stopped *t = await_stop(stop, &count);

		assert_int_equal(count, 1 + MV_COUNT_OF(places));
		await_parked(&l);
		for (size_t i = 0; i < count; i++)
			assert_taken(&l, &t[i]);
		best = stopped_ns < best ? stopped_ns : best;
		mv_stop_free(stop);
	}
	print_message("101 threads stood for %llu us at best\n", (unsigned long long)best / 1000);
	assert_free(&l);
	finish(&l);
}

/* Only the list tells; those that nobody named are stopped all the same. */
static void test_unnamed(void **state)
{
	struct live l = start_waiters(all_places, MV_COUNT_OF(all_places));
	struct mv_stop *stop;
	const struct mv_stopped *t;
	size_t count;
	int gone = 0x3fffffff;

	(void)state;
	assert_int_equal(mv_poke_stop(l.target, &l.maps, &gone, 1, 4096, STOP_DEADLINE_MS, &stop), 0);
	t = await_stop(stop, &count);
	assert_int_equal(count, l.count + 1);
	assert_int_equal(t[0].result, MV_STOP_GONE);
	for (size_t i = 1; i < count; i++) {
		assert_int_equal(t[i].result, MV_STOP_TAKEN);
		assert_true(t[i].stack_bytes <= 4096);
	}
	mv_stop_free(stop);
	finish(&l);
}

static void test_group_stopped(void **state)
{
	struct live l = start_waiters(all_places, MV_COUNT_OF(all_places));
	size_t count;

	(void)state;
	kill(l.pid, SIGSTOP);
	for (size_t i = 0; i < l.count; i++)
		UNTIL(has_parked(&l, l.tids[i], -1, 'T'));
	for (int turn = 0; turn < 5; turn++) {
		struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);
		const struct mv_stopped *t = await_stop(stop, &count);

		assert_int_equal(count, l.count);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(t[i].result, MV_STOP_TAKEN);
		mv_stop_free(stop);
		for (size_t i = 0; i < l.count; i++) {
			UNTIL(state_of(&l, l.tids[i]) == 'T');
			assert_int_equal(tracer_of(&l, l.tids[i]), 0);
		}
	}
	kill(l.pid, SIGCONT);
	await_parked(&l);
	finish(&l);
}

static void test_traced(void **state)
{
	struct live l = start_waiters(all_places, MV_COUNT_OF(all_places));
	int debugger = (int)fork();
	size_t count;

	(void)state;
	if (debugger == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < l.count; i++)
			if (ptrace(PTRACE_SEIZE, l.tids[i], NULL, NULL) < 0)
				_exit(1);
		for (;;)
			pause();
	}
	for (size_t i = 0; i < l.count; i++)
		UNTIL(tracer_of(&l, l.tids[i]) == debugger);
	struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);
	const struct mv_stopped *t = await_stop(stop, &count);
	assert_int_equal(count, l.count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(t[i].result, MV_STOP_REFUSED);
		assert_int_equal(t[i].error, EPERM);
	}
	assert_int_equal(stopped_ns, 0);
	mv_stop_free(stop);
	for (size_t i = 0; i < l.count; i++)
		assert_int_equal(tracer_of(&l, l.tids[i]), debugger);
	kill(debugger, SIGKILL);
	waitpid(debugger, NULL, 0);
	finish(&l);
}

/* ---- in the kernel, uninterruptibly ---- */

static const enum place with_vfork[] = {IN_VFORK, IN_COND, IN_PAUSE, IN_SLEEP};

static void test_late(void **state)
{
	struct live l = start_waiters(with_vfork, MV_COUNT_OF(with_vfork));
	size_t count, taken = 0, late = 0;

	(void)state;
	/* The deadline is far: what stands is let go long before. */
	struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);
	const struct mv_stopped *t = await_stop(stop, &count);
	assert_int_equal(count, l.count);
	for (size_t i = 0; i < count; i++) {
		taken += t[i].result == MV_STOP_TAKEN;
		late += t[i].result == MV_STOP_LATE;
		if (t[i].result == MV_STOP_LATE)
			assert_int_equal(t[i].tid, board->slots[1].tid);
	}
	assert_int_equal(late, 1);
	assert_int_equal(taken, count - 1);
	assert_true(stopped_ns < STOP_DEADLINE_MS * UINT64_C(1000000));
	mv_stop_free(stop);
	assert_free(&l);
	assert_int_equal(state_of(&l, board->slots[1].tid), 'D');
	finish(&l);
}

/* A single thread, in vfork. */
static void run_vfork(const enum place *places, int count)
{
	(void)places;
	(void)count;
	note_self(&board->slots[0]);
	__atomic_store_n(&board->count, 1, __ATOMIC_RELEASE);
	wait_in_vfork();
}

static struct live start_vfork(void)
{
	struct live l = start(run_vfork, NULL, 0);

	UNTIL(has_parked(&l, l.pid, SYS_vfork, 'D'));
	sample(&l);
	return l;
}

static void test_late_alone(void **state)
{
	struct live l = start_vfork();
	size_t count;

	(void)state;
	struct mv_stop *stop = poke(&l, 50);
	const struct mv_stopped *t = await_stop(stop, &count);
	assert_int_equal(count, 1);
	assert_int_equal(t->result, MV_STOP_LATE);
	assert_true(live_now() < mv_stop_deadline_ns(stop));
	mv_stop_free(stop);
	assert_int_equal(tracer_of(&l, l.pid), 0);
	finish(&l);
}

static void test_target_killed(void **state)
{
	struct live l = start_vfork();
	struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);
	const struct mv_stopped *t;
	uint64_t ns;
	size_t count;

	(void)state;
	UNTIL(tracer_of(&l, l.pid) != 0);
	assert_int_equal(mv_stop_take(stop, &t, &count, &ns), -EAGAIN);
	kill(l.pid, SIGKILL);
	t = await_stop(stop, &count);
	assert_int_equal(count, 1);
	assert_int_equal(t->result, MV_STOP_GONE);
	assert_true(live_now() < mv_stop_deadline_ns(stop));
	mv_stop_free(stop);
	end_by_force(&l);
}

/* A stop under way whose child stands still itself, while threads of the target stand. */
static struct mv_stop *freeze_stop(struct live *l, unsigned deadline_ms, int *ret_child)
{
	for (uint64_t until_ns = live_now() + LIVE_DEADLINE_NS; live_now() < until_ns;) {
		struct mv_stop *stop = poke(l, deadline_ms);
		int child = 0;
		size_t standing = 0, count;

		while (!child &&
		       poll(&(struct pollfd){.fd = mv_stop_fd(stop), .events = POLLIN}, 1, 0) == 0) {
			child = tracer_of(l, board->slots[1].tid);
			sched_yield();
		}
		/* Once the others stand; it may have let go of them again by the time it is halted. */
		for (int looks = 0; child && standing < l->count - 1 && looks < 1000; looks++) {
			standing = 0;
			for (size_t i = 0; i < l->count; i++)
				standing += state_of(l, l->tids[i]) == 't';
		}
		if (child && kill(child, SIGSTOP) == 0 &&
		    poll(&(struct pollfd){.fd = mv_stop_fd(stop), .events = POLLIN}, 1, 0) == 0) {
			standing = 0;
			for (size_t i = 0; i < l->count; i++)
				standing += state_of(l, l->tids[i]) == 't';
			*ret_child = child;
			if (standing == l->count - 1)
				return stop;
			kill(child, SIGCONT);
		}
		await_stop(stop, &count);
		mv_stop_free(stop);
	}
	fail();
	return NULL;
}

static void test_child_killed(void **state)
{
	struct live l = start_waiters(with_vfork, MV_COUNT_OF(with_vfork));
	int child;
	struct mv_stop *stop = freeze_stop(&l, STOP_DEADLINE_MS, &child);
	size_t count;

	(void)state;
	kill(child, SIGKILL);
	const struct mv_stopped *t = await_stop(stop, &count);
	assert_int_equal(count, l.count);
	await_parked(&l);
	/* What it had copied by then is as good as ever. */
	for (size_t i = 0; i < count; i++)
		if (t[i].tid == board->slots[1].tid)
			assert_int_equal(t[i].result, MV_STOP_LATE);
		else if (t[i].result == MV_STOP_TAKEN)
			assert_taken(&l, &t[i]);
		else
			assert_int_equal(t[i].result, MV_STOP_LATE);
	mv_stop_free(stop);
	assert_free(&l);
	finish(&l);
}

static void test_freed_early(void **state)
{
	struct live l = start_waiters(with_vfork, MV_COUNT_OF(with_vfork));
	int child;
	struct mv_stop *stop = freeze_stop(&l, STOP_DEADLINE_MS, &child);

	(void)state;
	mv_stop_free(stop);
	assert_free(&l);
	assert_int_equal(kill(child, 0), -1);
	finish(&l);
}

static void test_deadline(void **state)
{
	struct live l = start_waiters(with_vfork, MV_COUNT_OF(with_vfork));
	const struct mv_stopped *t;
	int child;
	struct mv_stop *stop = freeze_stop(&l, 500, &child);
	uint64_t ns;
	size_t count;

	(void)state;
	/* It does not end by itself any more. */
	UNTIL(mv_stop_take(stop, &t, &count, &ns) == 0);
	assert_true(live_now() >= mv_stop_deadline_ns(stop));
	assert_int_equal(count, l.count);
	assert_free(&l);
	assert_true(ns > 0);
	mv_stop_free(stop);
	finish(&l);
}

/* ---- what else goes on meanwhile ---- */

/* Its main thread has ended; the process goes on. */
static void *last_one(void *arg)
{
	waiter(arg);
	_exit(0);
}

static void run_without_leader(const enum place *places, int count)
{
	(void)count;
	note_self(&board->slots[0]);
	board->slots[1].place = (int)places[0];
	begin_thread(last_one, &board->slots[1]);
	__atomic_store_n(&board->count, 2, __ATOMIC_RELEASE);
	pthread_exit(NULL);
}

static void test_leader_ended(void **state)
{
	static const enum place places[] = {IN_EPOLL};
	struct live l = start(run_without_leader, places, 1);
	size_t count;

	(void)state;
	UNTIL(__atomic_load_n(&board->slots[1].tid, __ATOMIC_ACQUIRE) > 0);
	UNTIL(has_parked(&l, l.pid, -1, 'Z') && has_parked(&l, board->slots[1].tid, SYS_epoll_wait, 'S'));
	sample(&l);
	assert_int_equal(l.count, 2);
	struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);
	const struct mv_stopped *t = await_stop(stop, &count);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(t[i].result, t[i].tid == l.pid ? MV_STOP_GONE : MV_STOP_TAKEN);
		if (t[i].tid != l.pid)
			assert_in_range(t[i].regs.r[MV_REG_SP], board->slots[1].stack_start,
					board->slots[1].stack_end - 1);
	}
	mv_stop_free(stop);
	assert_int_equal(tracer_of(&l, board->slots[1].tid), 0);
	finish(&l);
}

static void *short_lived(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&board->born, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *breeder(void *arg)
{
	note_self(arg);
	while (!gone_ahead())
		pthread_join(begin_thread(short_lived, NULL), NULL);
	return NULL;
}

static void run_churn(const enum place *places, int count)
{
	pthread_t threads[SLOTS];

	(void)places;
	for (int i = 0; i < count; i++)
		threads[i] = begin_thread(breeder, &board->slots[i + 1]);
	note_self(&board->slots[0]);
	__atomic_store_n(&board->count, count + 1, __ATOMIC_RELEASE);
	wait_for_end_of_hold();
	__atomic_store_n(&board->go, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static void test_churn(void **state)
{
	struct live l = start(run_churn, NULL, 4);
	size_t count, unnamed = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		UNTIL(__atomic_load_n(&board->slots[i].tid, __ATOMIC_ACQUIRE) > 0);
	for (int turn = 0; turn < 100; turn++) {
		int born = __atomic_load_n(&board->born, __ATOMIC_RELAXED);

		sample(&l);
		struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);
		const struct mv_stopped *t = await_stop(stop, &count);
		for (size_t i = 0; i < count; i++) {
			/* Threads that end are gone, all others stood, each but once. */
			assert_true(t[i].result == MV_STOP_TAKEN || t[i].result == MV_STOP_GONE);
			if (slot_of(t[i].tid))
				assert_int_equal(t[i].result, MV_STOP_TAKEN);
			for (size_t k = 0; k < i; k++)
				assert_int_not_equal(t[i].tid, t[k].tid);
		}
		unnamed += count > l.count;
		mv_stop_free(stop);
		/* and it goes on */
		UNTIL(__atomic_load_n(&board->born, __ATOMIC_RELAXED) > born + 8);
	}
	print_message("threads were begun meanwhile in %d of 100 stops\n", (int)unnamed);
	for (int i = 0; i < 5; i++)
		assert_int_equal(tracer_of(&l, board->slots[i].tid), 0);
	finish(&l);
}

/* A program that becomes another all the time. */
static void run_execs(const enum place *places, int count)
{
	static const char script[] = "exec /bin/sh -c \"$0\" \"$0\"";

	(void)places;
	(void)count;
	execl("/bin/sh", "sh", "-c", script, script, (char *)NULL);
	_exit(127);
}

static uint64_t faults_of(struct live *l)
{
	struct mv_thread_stat stat;

	assert_int_equal(mv_thread_stat_read(l->target, l->pid, &stat), 0);
	return stat.minor_faults;
}

static void test_exec(void **state)
{
	struct live l = start(run_execs, NULL, 0);
	size_t count;

	(void)state;
	UNTIL(faults_of(&l) > 1000);
	for (int turn = 0; turn < 100; turn++) {
		uint64_t faults = faults_of(&l);

		/* Its list of mappings is as old as can be. */
		if (turn % 10 == 0)
			mv_target_reopen(l.target);
		if (turn % 10 == 0)
			sample(&l);
		struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);
		const struct mv_stopped *t = await_stop(stop, &count);
		assert_int_equal(count, 1);
		assert_int_equal(t->result, MV_STOP_TAKEN);
		assert_true(t->regs.r[MV_REG_SP] != 0);
		mv_stop_free(stop);
		UNTIL(faults_of(&l) > faults);
	}
	assert_int_equal(tracer_of(&l, l.pid), 0);
	end_by_force(&l);
}

/* No signal is lost, wherever the stop meets it. */
static void test_signals(void **state)
{
	struct live l = start_waiters(all_places, 2);
	int sent = 0;
	size_t count;

	(void)state;
	for (int turn = 0; turn < 100; turn++) {
		struct mv_stop *stop = poke(&l, STOP_DEADLINE_MS);

		while (poll(&(struct pollfd){.fd = mv_stop_fd(stop), .events = POLLIN}, 1, 0) == 0)
			sent += syscall(SYS_tgkill, l.pid, board->slots[2].tid, SIGRTMIN) == 0;
		await_stop(stop, &count);
		mv_stop_free(stop);
		UNTIL(__atomic_load_n(&board->signals, __ATOMIC_RELAXED) == sent);
	}
	assert_true(sent > 0);
	finish(&l);
}

static int make_board(void **state)
{
	(void)state;
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return board == MAP_FAILED ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_where),	 cmocka_unit_test(test_broken_where),
	    cmocka_unit_test(test_fixture),	 cmocka_unit_test(test_waiting),
	    cmocka_unit_test(test_running),	 cmocka_unit_test(test_never_faults_in),
	    cmocka_unit_test(test_only_stacks),	 cmocka_unit_test(test_ended),
	    cmocka_unit_test(test_stop),	 cmocka_unit_test(test_hundred),
	    cmocka_unit_test(test_unnamed),	 cmocka_unit_test(test_group_stopped),
	    cmocka_unit_test(test_traced),	 cmocka_unit_test(test_late),
	    cmocka_unit_test(test_late_alone),	 cmocka_unit_test(test_target_killed),
	    cmocka_unit_test(test_child_killed), cmocka_unit_test(test_freed_early),
	    cmocka_unit_test(test_deadline),	 cmocka_unit_test(test_leader_ended),
	    cmocka_unit_test(test_churn),	 cmocka_unit_test(test_signals),
	    cmocka_unit_test(test_exec),
	};

	return cmocka_run_group_tests(tests, make_board, NULL);
}
