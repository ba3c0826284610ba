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
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/threads.h"

/*
 * The stop. A child does it, since only a tracer's exit lets go of a thread that does not stop: so whatever
 * happens, the end of the child, by itself or killed, is the end of the stop.
 *
 * The child seizes every thread before the first is interrupted, and asks for what they begin: so nothing has
 * to be listed while they stand. It copies what is wanted as each comes to its stop, and lets all go
 * together. Results lie in memory that both share.
 */

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define ADVISE_POPULATE_WRITE 23 /* MADV_POPULATE_WRITE, Linux 5.14 */

#define ARENA_MAX   ((size_t)64 * 1024 * 1024) /* of all copied stacks */
#define MORE	    64			       /* threads that may be begun meanwhile, and a quarter */
#define THREADS_MAX ((size_t)32768)
#define LIST_ROUNDS 64
#define LOOKS	    16 /* in vain, before waiting, and before giving up: it may be us who did not run */
#define TICK_US	    2000
/* Some stand already, no other has come for so long, and those left are in D state: they are for longer. */
#define PATIENCE_NS (50 * UINT64_C(1000000))
#define MARGIN_NS   (200 * UINT64_C(1000000)) /* beyond the child's own deadline, until it is killed */
#define KILL_MS	    100

/* How far the child is with a thread. Its own business, but for what goes into stopped.result. */
enum phase {
	PHASE_LISTED,
	PHASE_SEIZED, /* interrupted soon, or begun by one that was seized: it stops by itself */
	PHASE_STOPPED,
	PHASE_DONE, /* ended, refused or not ours */
};

struct entry {
	struct mv_stopped stopped;
	uint32_t phase;
	int32_t signal; /* that it was about to get when it stopped: handed on */
};

/* What parent and child share. */
struct shared {
	uint32_t count; /* of entries; grows only */
	uint32_t unused;
	uint64_t began_ns, ended_ns; /* first interrupt, last release; 0 not yet */
	struct entry entries[];
};

struct mv_stop {
	struct shared *shared;
	size_t shared_bytes;
	uint8_t *arena;
	size_t arena_bytes, arena_used;
	uint32_t cap; /* entries */
	size_t stack_cap;
	const struct mv_maps *maps; /* the child's copy */
	struct mv_target *target;
	int child, pidfd;
	uint64_t deadline_ns; /* the child's */
	bool reaped, taken;
	struct mv_stopped *results;
	uint32_t results_count;
	uint64_t stopped_ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* ---- in the child ---- */

#if MV_REGS_HERE

/* -ENOEXEC: another architecture's. */
static int read_regs(int tid, struct mv_regs *ret_regs)
{
	struct user_regs_struct u = {0};
	struct iovec io = {&u, sizeof(u)};

	if (ptrace(PTRACE_GETREGSET, tid, (void *)1 /* NT_PRSTATUS */, &io) < 0)
		return -errno;
	if (io.iov_len != sizeof(u))
		return -ENOEXEC;
	*ret_regs = (struct mv_regs){{u.rax, u.rdx, u.rcx, u.rbx, u.rsi, u.rdi, u.rbp, u.rsp, u.r8, u.r9,
				      u.r10, u.r11, u.r12, u.r13, u.r14, u.r15, u.rip}};
	return 0;
}

#else

static int read_regs(int tid, struct mv_regs *ret_regs)
{
	(void)tid;
	(void)ret_regs;
	return -ENOSYS;
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
static struct entry *add_entry(struct mv_stop *stop, int tid, enum phase phase)
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
			add_entry(stop, ids[i], PHASE_LISTED);
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
	int r = read_regs(t->tid, &t->regs);

	if (r < 0) {
		finish(e, r == -ESRCH ? MV_STOP_GONE : MV_STOP_REFUSED, r == -ESRCH ? 0 : -r);
		e->phase = PHASE_STOPPED;
		return;
	}
	if (cap > stop->stack_cap)
		cap = stop->stack_cap;
	n = mv_thread_stack_copy(stop->target, stop->maps, t->regs.r[MV_REG_SP], to, cap);
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
		add_entry(stop, (int)born, PHASE_SEIZED);
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
	release_all(sh);
	sh->ended_ns = now_ns();
}

static void run_child(struct mv_stop *stop, pid_t parent)
{
	sigset_t all;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It ends by its deadline, or is killed. What would interrupt the parent is not meant for it. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "memview-stop");
	if (getppid() == parent)
		stop_target(stop);
	_exit(0);
}

/* ---- in the parent ---- */

static int new_stop(const int *tids, size_t count, size_t stack_cap, struct mv_stop **ret_stop)
{
	struct mv_stop *stop = calloc(1, sizeof(*stop));
	size_t head, stacks;
	void *at;

	if (!stop)
		return -ENOMEM;
	stop->pidfd = -1;
	if (count > THREADS_MAX)
		count = THREADS_MAX;
	stop->cap = (uint32_t)(count + count / 4 + MORE);
	stop->stack_cap = stack_cap;
	head = (sizeof(struct shared) + stop->cap * sizeof(struct entry) + 4095) & ~(size_t)4095;
	stacks = count + count / 4 + 4;
	stop->arena_bytes = stack_cap > ARENA_MAX / stacks ? ARENA_MAX : stack_cap * stacks;
	stop->shared_bytes = head + stop->arena_bytes;
	at = mmap(NULL, stop->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	stop->results = calloc(stop->cap, sizeof(*stop->results));
	if (at == MAP_FAILED || !stop->results) {
		if (at != MAP_FAILED)
			munmap(at, stop->shared_bytes);
		free(stop->results);
		free(stop);
		return -ENOMEM;
	}
	stop->shared = at;
	stop->arena = (uint8_t *)at + head;
	for (size_t i = 0; i < count; i++)
		add_entry(stop, tids[i], PHASE_LISTED);
	*ret_stop = stop;
	return 0;
}

int mv_poke_stop(struct mv_target *target, const struct mv_maps *maps, const int *tids, size_t count,
		 size_t stack_cap, unsigned deadline_ms, struct mv_stop **ret_stop)
{
	const pid_t self = getpid();
	struct mv_stop *stop;
	int r;

	if (!MV_REGS_HERE || mv_target_pidfd(target) < 0)
		return -ENOSYS;
	r = new_stop(tids, count, stack_cap, &stop);
	if (r < 0)
		return r;
	stop->maps = maps;
	stop->target = target;
	stop->deadline_ns = now_ns() + deadline_ms * UINT64_C(1000000);
	stop->child = (int)fork();
	if (stop->child == 0)
		run_child(stop, self);
	r = stop->child < 0 ? -errno : 0;
	if (r == 0) {
		stop->pidfd = (int)syscall(SYS_pidfd_open, stop->child, 0);
		r = stop->pidfd < 0 ? -errno : 0;
	}
	stop->maps = NULL;
	stop->target = NULL;
	if (r < 0) {
		mv_stop_free(stop);
		return r == -EINVAL ? -ENOSYS : r;
	}
	*ret_stop = stop;
	return 0;
}

int mv_stop_fd(const struct mv_stop *stop)
{
	return stop->pidfd;
}

uint64_t mv_stop_deadline_ns(const struct mv_stop *stop)
{
	return stop->deadline_ns + MARGIN_NS;
}

/* Has the child ended? Then every thread has been let go. */
static bool reap(struct mv_stop *stop)
{
	int r;

	if (stop->reaped)
		return true;
	do
		r = (int)waitpid(stop->child, NULL, WNOHANG);
	while (r < 0 && errno == EINTR);
	/* Nobody's children are waited for where SIGCHLD is ignored. */
	stop->reaped = r != 0;
	return stop->reaped;
}

/* One that can't be killed at once, since it waits in the kernel itself, is left to its fate. */
static void kill_child(struct mv_stop *stop)
{
	struct pollfd p = {.fd = stop->pidfd, .events = POLLIN};

	if (reap(stop))
		return;
	kill(stop->child, SIGKILL);
	poll(&p, 1, KILL_MS);
	reap(stop);
}

int mv_stop_take(struct mv_stop *stop, const struct mv_stopped **ret_threads, size_t *ret_count,
		 uint64_t *ret_stopped_ns)
{
	const struct shared *sh = stop->shared;

	if (!stop->taken && !reap(stop)) {
		if (now_ns() < mv_stop_deadline_ns(stop))
			return -EAGAIN;
		kill_child(stop);
	}
	if (!stop->taken) {
		const uint64_t ended_ns = sh->ended_ns ? sh->ended_ns : now_ns();

		stop->results_count = __atomic_load_n(&sh->count, __ATOMIC_ACQUIRE);
		for (uint32_t i = 0; i < stop->results_count; i++) {
			uint32_t result = __atomic_load_n(&sh->entries[i].stopped.result, __ATOMIC_ACQUIRE);

			stop->results[i] = sh->entries[i].stopped;
			stop->results[i].result = result;
		}
		stop->stopped_ns = sh->began_ns ? ended_ns - sh->began_ns : 0;
		stop->taken = true;
	}
	*ret_threads = stop->results;
	*ret_count = stop->results_count;
	*ret_stopped_ns = stop->stopped_ns;
	return 0;
}

void mv_stop_free(struct mv_stop *stop)
{
	if (!stop)
		return;
	if (stop->child > 0)
		kill_child(stop);
	if (stop->pidfd >= 0)
		close(stop->pidfd);
	munmap(stop->shared, stop->shared_bytes);
	free(stop->results);
	free(stop);
}
