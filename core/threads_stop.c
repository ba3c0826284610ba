/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/threads_private.h"

/*
 * The stop. A child does it, since only a tracer's exit lets go of a thread that does not stop: so whatever
 * happens, the end of the child, by itself or killed, is the end of the stop.
 *
 * The child seizes every thread before the first is interrupted, and asks for what they begin: so nothing has
 * to be listed while they stand. It copies what is wanted as each comes to its stop, and lets all go
 * together. Results lie in memory that both share.
 */

#define ADVISE_POPULATE_WRITE 23 /* MADV_POPULATE_WRITE, Linux 5.14 */

#define LIST_ROUNDS 64
#define LOOKS	    16 /* in vain, before waiting, and before giving up: it may be us who did not run */
#define TICK_US	    2000
/* Some stand already, no other has come for so long, and those left are in D state: they are for longer. */
#define PATIENCE_NS (50 * UINT64_C(1000000))

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* ---- in the child ---- */

#if MV_REGS_HERE

/* -ENOEXEC: another architecture's. */
static int read_regs(int tid, struct mv_stopped *t)
{
	struct user_regs_struct u = {0};
	struct iovec io = {&u, sizeof(u)};

	if (ptrace(PTRACE_GETREGSET, tid, (void *)1 /* NT_PRSTATUS */, &io) < 0)
		return -errno;
	if (io.iov_len != sizeof(u))
		return -ENOEXEC;
	t->fs_base = u.fs_base;
	t->gs_base = u.gs_base;
	t->regs = (struct mv_regs){{u.rax, u.rdx, u.rcx, u.rbx, u.rsi, u.rdi, u.rbp, u.rsp, u.r8, u.r9, u.r10,
				    u.r11, u.r12, u.r13, u.r14, u.r15, u.rip}};
	return 0;
}

static ssize_t read_vectors(int tid, uint8_t *to, size_t cap)
{
	struct iovec io = {to, cap < STOP_VECTOR_BYTES ? cap : STOP_VECTOR_BYTES};

	return ptrace(PTRACE_GETREGSET, tid, (void *)0x202 /* NT_X86_XSTATE */, &io) < 0
		   ? 0
		   : (ssize_t)io.iov_len;
}

#else

static int read_regs(int tid, struct mv_stopped *t)
{
	(void)tid;
	(void)t;
	return -ENOSYS;
}

static ssize_t read_vectors(int tid, uint8_t *to, size_t cap)
{
	(void)tid;
	(void)to;
	(void)cap;
	return 0;
}

#endif

/* From a place on and around: lists come in the same order again and again. */
static struct entry *find_entry(struct shared *sh, int tid, size_t from)
{
	for (size_t i = 0; i < sh->count; i++) {
		struct entry *e = &sh->entries[(from + i) % sh->count];

		if (e->stopped.tid == tid)
			return e;
	}
	return NULL;
}

/* Until something better is known, a thread is late: that is what is left of it if the child is killed. */
struct entry *stop_add_entry(struct mv_stop *stop, int tid, enum phase phase)
{
	struct shared *sh = stop->shared;
	struct entry *e = &sh->entries[sh->count];

	if (sh->count == stop->cap)
		return NULL;
	*e = (struct entry){.stopped = {.tid = tid, .result = MV_STOP_LATE}, .phase = phase};
	__atomic_store_n(&sh->count, sh->count + 1, __ATOMIC_RELEASE);
	return e;
}

static void finish(struct entry *e, enum mv_stop_result result, int error)
{
	e->stopped.error = error;
	e->phase = PHASE_DONE;
	__atomic_store_n(&e->stopped.result, (uint32_t)result, __ATOMIC_RELEASE);
}

/* A zombie is refused like a foreign debugger's thread, but it is no thread any more. */
static void refuse(struct mv_stop *stop, struct entry *e, int error)
{
	struct mv_thread_stat stat;
	int r = error == ESRCH ? -ESRCH : mv_thread_stat_read(stop->target, e->stopped.tid, &stat);
	bool gone = r == -ESRCH || (r == 0 && (stat.state == 'Z' || stat.state == 'X'));

	finish(e, gone ? MV_STOP_GONE : MV_STOP_REFUSED, gone ? 0 : error);
}

/* Seize, without a stop yet. What it begins from now on is seized by the kernel, and stops at its birth. */
static void seize(struct mv_stop *stop, struct entry *e)
{
	if (ptrace(PTRACE_SEIZE, e->stopped.tid, NULL, (void *)(long)PTRACE_O_TRACECLONE) == 0)
		e->phase = PHASE_SEIZED;
	else
		refuse(stop, e, errno);
}

static int compare_ids(const void *key, const void *element)
{
	const int x = *(const int *)key, y = *(const int *)element;

	return (x > y) - (x < y);
}

/*
 * One round over the target's list: seize what is new. What was seized by its number in the last round and is
 * not listed any more has ended, or is another's by now; then the child's end lets go of it. True: there was
 * something new.
 */
static bool seize_listed(struct mv_stop *stop, const int *ids, size_t n, bool whole)
{
	struct shared *sh = stop->shared;
	bool found = false;

	for (size_t i = 0; i < n; i++)
		if (!find_entry(sh, ids[i], i))
			stop_add_entry(stop, ids[i], PHASE_LISTED);
	for (uint32_t i = 0; i < sh->count; i++) {
		struct entry *e = &sh->entries[i];

		if (e->phase == PHASE_DONE)
			continue;
		if (!bsearch(&e->stopped.tid, ids, n, sizeof(*ids), compare_ids)) {
			if (whole)
				finish(e, MV_STOP_GONE, 0);
		} else if (e->phase == PHASE_LISTED) {
			found = true;
			seize(stop, e);
		}
	}
	return found;
}

/* Until a list has nothing new. It comes by the target's own directory, which no other process ever takes
 * over. */
static int seize_all(struct mv_stop *stop)
{
	int *ids = calloc(stop->cap, sizeof(*ids));
	bool found = true;
	ssize_t n = ids ? 0 : -ENOMEM;

	for (int round = 0; found && round < LIST_ROUNDS && now_ns() < stop->deadline_ns; round++) {
		const size_t cap = stop->cap;

		n = ids ? mv_target_list(stop->target, "task", ids, cap) : -ENOMEM;
		if (n < 0)
			break;
		found = seize_listed(stop, ids, (size_t)n < cap ? (size_t)n : cap, (size_t)n <= cap);
	}
	free(ids);
	return n < 0 ? (int)n : 0;
}

/* Registers and stack of one that stands. */
static void copy(struct mv_stop *stop, struct entry *e, size_t others)
{
	struct mv_stopped *t = &e->stopped;
	size_t left = stop->arena_bytes - stop->arena_used, cap = left / (others + 1);
	uint8_t *to = stop->arena + stop->arena_used;
	ssize_t n;
	int r = read_regs(t->tid, t);

	if (r < 0) {
		finish(e, r == -ESRCH ? MV_STOP_GONE : MV_STOP_REFUSED, r == -ESRCH ? 0 : -r);
		e->phase = PHASE_STOPPED;
		return;
	}
	if (cap > stop->stack_cap)
		cap = stop->stack_cap;
	n = stop->registers ? read_vectors(t->tid, to, cap)
			    : mv_thread_stack_copy(stop->target, stop->maps, t->regs.r[MV_REG_SP], to, cap);
	t->stack = to;
	t->stack_bytes = n > 0 ? (uint32_t)n : 0;
	stop->arena_used += (t->stack_bytes + 7) & ~(size_t)7;
	if (stop->arena_used > stop->arena_bytes)
		stop->arena_used = stop->arena_bytes;
	__atomic_store_n(&t->result, (uint32_t)MV_STOP_TAKEN, __ATOMIC_RELEASE);
}

/* It reported that it has begun another task: a thread of ours, or a process that nobody asked for. */
static void take_birth(struct mv_stop *stop, int tid)
{
	struct entry *e;
	unsigned long born = 0;

	if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &born) < 0 || born > INT32_MAX)
		return;
	if (syscall(SYS_tgkill, mv_target_pid(stop->target), (pid_t)born, 0) < 0)
		return;
	e = find_entry(stop->shared, (int)born, 0);
	if (!e) {
		stop_add_entry(stop, (int)born, PHASE_SEIZED);
	} else if (e->phase == PHASE_DONE && e->stopped.result == MV_STOP_REFUSED) {
		/* It was listed, and refused since it was ours already. */
		finish(e, MV_STOP_LATE, 0);
		e->phase = PHASE_SEIZED;
	}
}

/* What waitpid said of a thread. */
static void take_report(struct mv_stop *stop, struct entry *e, int status, size_t others)
{
	const int event = status >> 16;

	if (!WIFSTOPPED(status)) {
		finish(e, MV_STOP_GONE, 0);
		return;
	}
	e->phase = PHASE_STOPPED;
	if (event == PTRACE_EVENT_CLONE)
		take_birth(stop, e->stopped.tid);
	else if (event == 0)
		e->signal = WSTOPSIG(status);
	copy(stop, e, others);
}

/* Look once at each that was seized. Returns how many have reported; *ret_left: have not. */
static size_t look(struct mv_stop *stop, size_t *ret_left)
{
	struct shared *sh = stop->shared;
	size_t left = 0, reports = 0, pending = 0;

	for (uint32_t i = 0; i < sh->count; i++)
		pending += sh->entries[i].phase == PHASE_SEIZED;
	for (uint32_t i = 0; i < sh->count; i++) {
		struct entry *e = &sh->entries[i];
		int status, r;

		if (e->phase != PHASE_SEIZED)
			continue;
		r = (int)waitpid(e->stopped.tid, &status, __WALL | WNOHANG);
		if (r == 0) {
			left++;
			continue;
		}
		reports++;
		pending -= pending > 0;
		if (r < 0)
			finish(e, MV_STOP_GONE, 0);
		else
			take_report(stop, e, status, pending);
	}
	*ret_left = left;
	return reports;
}

/* Nothing to do but to end a wait. */
static void on_tick(int number)
{
	(void)number;
}

/* Waits that wait for one thread end with each tick. */
static void start_ticks(void)
{
	const struct sigaction action = {.sa_handler = on_tick};
	const struct itimerval every = {{.tv_usec = TICK_US}, {.tv_usec = TICK_US}};
	sigset_t ticks;

	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&ticks);
	sigaddset(&ticks, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &ticks, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

/* Sleep until one of those left reports, or a tick: to yield instead would give a busy machine our turn for
 * long. */
static void sleep_on(struct shared *sh, unsigned which)
{
	siginfo_t info;

	for (uint32_t i = 0; i < sh->count; i++) {
		struct entry *e = &sh->entries[(i + which) % sh->count];

		if (e->phase != PHASE_SEIZED)
			continue;
		waitid(P_PID, (id_t)e->stopped.tid, &info, WEXITED | WSTOPPED | WNOWAIT | __WALL);
		return;
	}
}

/* All that are left wait in the kernel, uninterruptibly; not for a processor on a busy machine. */
static bool rest_is_stuck(struct mv_stop *stop)
{
	struct shared *sh = stop->shared;
	struct mv_thread_stat stat;

	for (uint32_t i = 0; i < sh->count; i++) {
		struct entry *e = &sh->entries[i];

		if (e->phase == PHASE_SEIZED &&
		    mv_thread_stat_read(stop->target, e->stopped.tid, &stat) == 0 && stat.state != 'D')
			return false;
	}
	return true;
}

/* Until all stand, or the rest is late. */
static void wait_all(struct mv_stop *stop)
{
	uint64_t last_ns = now_ns();
	unsigned looks = 0;
	bool some = false;
	size_t left;

	for (;;) {
		size_t reports = look(stop, &left);
		uint64_t now = now_ns();

		if (!left && !reports)
			return;
		if (reports) {
			some = true;
			last_ns = now;
			looks = 0;
			continue;
		}
		if (looks > LOOKS && now >= stop->deadline_ns)
			return;
		if (looks > LOOKS && some && now - last_ns > PATIENCE_NS) {
			if (rest_is_stuck(stop))
				return;
			last_ns = now;
		}
		/* Not always on the same one: it may be late. */
		if (looks++ >= LOOKS)
			sleep_on(stop->shared, looks);
	}
}

/* They stand: say so, and keep them until we are asked to let go, nobody is left to ask, or time is up. */
static void hold_all(struct mv_stop *stop)
{
	const struct itimerval never = {{0}, {0}};
	struct pollfd p = {.fd = stop->hold[1], .events = POLLIN};
	uint64_t now;
	char byte = 0;

	setitimer(ITIMER_REAL, &never, NULL);
	if (send(p.fd, &byte, 1, MSG_NOSIGNAL) != 1)
		return;
	while ((now = now_ns()) < stop->deadline_ns) {
		const uint64_t left_ms = (stop->deadline_ns - now) / 1000000 + 1;

		if (poll(&p, 1, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX) <= 0)
			continue;
		stop->shared->asked = recv(p.fd, &byte, 1, 0) == 1;
		return;
	}
}

static void release_all(struct shared *sh)
{
	for (uint32_t i = 0; i < sh->count; i++) {
		struct entry *e = &sh->entries[i];

		if (e->phase == PHASE_STOPPED)
			ptrace(PTRACE_DETACH, e->stopped.tid, NULL, (void *)(long)e->signal);
	}
}

/* What is written while the target stands must not fault then. */
static void populate(void *at, size_t bytes)
{
	const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);

	if (madvise(at, bytes, ADVISE_POPULATE_WRITE) == 0)
		return;
	for (size_t i = 0; i < bytes; i += page_bytes)
		*((volatile uint8_t *)at + i) += 0;
}

/* Nobody can be listed. */
static void give_up(struct shared *sh, int error)
{
	for (uint32_t i = 0; i < sh->count; i++)
		finish(&sh->entries[i], error == -ESRCH ? MV_STOP_GONE : MV_STOP_REFUSED,
		       error == -ESRCH ? 0 : -error);
}

static void stop_target(struct mv_stop *stop)
{
	struct shared *sh = stop->shared;
	uint64_t word;
	int r;

	/* Its pagemap is opened here, not in the stop. Another program may run there by now. */
	if (mv_target_words(stop->target, 0, 1, &word) == -ESRCH) {
		mv_target_reopen(stop->target);
		mv_target_words(stop->target, 0, 1, &word);
	}
	populate(sh, stop->shared_bytes);
	r = seize_all(stop);
	if (r < 0) {
		give_up(sh, r);
		return;
	}
	start_ticks();
	for (uint32_t i = 0; i < sh->count; i++) {
		struct entry *e = &sh->entries[i];

		if (e->phase != PHASE_SEIZED)
			continue;
		if (!sh->began_ns)
			sh->began_ns = now_ns();
		if (ptrace(PTRACE_INTERRUPT, e->stopped.tid, NULL, NULL) < 0)
			finish(e, MV_STOP_GONE, 0);
	}
	wait_all(stop);
	if (stop->hold[1] >= 0)
		hold_all(stop);
	release_all(sh);
	sh->ended_ns = now_ns();
}

void stop_run_child(struct mv_stop *stop, pid_t parent)
{
	sigset_t all;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It ends by its deadline, or is killed. What would interrupt the parent is not meant for it. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "memview-stop");
	if (stop->hold[0] >= 0)
		close(stop->hold[0]);
	if (getppid() == parent)
		stop_target(stop);
	_exit(0);
}
