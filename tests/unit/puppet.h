/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TESTS_PUPPET_H
#define MV_TESTS_PUPPET_H

/*
 * A child of the test that does what it is told and then waits, so that what it has done is known to the page. It dies
 * with us. Include after cmocka.h.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/faults.h"

#define PUPPET_PAGE	4096ul
/* Pages that AddressSanitizer touches for its own sake when so many are touched for the first time. */
#ifdef __SANITIZE_ADDRESS__
#define PUPPET_SHADOW(pages) ((pages) / 8)
#else
#define PUPPET_SHADOW(pages) 0
#endif
#define PUPPET_DEADLINE 60 /* seconds */

enum puppet_do {
	PUPPET_USAGE,	 /* how many minor faults so far */
	PUPPET_MAP,	 /* map n pages: their address */
	PUPPET_TOUCH,	 /* write to n pages from `at` on */
	PUPPET_DROP,	 /* give n pages from `at` on back */
	PUPPET_THREADS,	 /* start n threads more, that wait */
	PUPPET_TID,	 /* the number of the newest thread */
	PUPPET_BY_THREADS, /* each thread touches n pages, one after the other from `at` on */
	PUPPET_FORK,	 /* a child that touches n pages and ends: its pid */
	PUPPET_EXEC,	 /* become a new puppet */
	PUPPET_CHURN,	 /* begin thread after thread, each touching the next n pages from `at` on, until PUPPET_REST */
	PUPPET_CLAIMED,	 /* the next page that a churning thread will touch */
	PUPPET_REST,	 /* no more of that: the next page */
	PUPPET_LEAVE,	 /* touch n pages from `at` on and end */
};
struct puppet_order {
	uint64_t what, n, at;
};
struct puppet {
	int pid;
	int orders, answers;
};

/* ---- the child's side ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t turn;
	uint64_t at, n;
	unsigned threads, waiting, round, to_go, tid;
} puppet_crew = {.lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER};
static struct {
	uint64_t at, n, next, rest;
} puppet_churn;

static inline void puppet_touch(uint64_t at, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		*(volatile char *)(uintptr_t)(at + i * PUPPET_PAGE) = 1;
}

static inline uint64_t puppet_map(uint64_t n)
{
	void *at = mmap(NULL, n * PUPPET_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		_exit(3);
	madvise(at, n * PUPPET_PAGE, MADV_NOHUGEPAGE);
	return (uint64_t)(uintptr_t)at;
}

/* In each round every thread touches the next n pages, one thread after the other. */
static inline void *puppet_thread(void *unused)
{
	unsigned seen;

	pthread_mutex_lock(&puppet_crew.lock);
	seen = puppet_crew.round;
	puppet_crew.tid = (unsigned)syscall(SYS_gettid);
	puppet_crew.waiting++;
	pthread_cond_broadcast(&puppet_crew.turn);
	for (;;) {
		while (puppet_crew.round == seen)
			pthread_cond_wait(&puppet_crew.turn, &puppet_crew.lock);
		seen = puppet_crew.round;
		puppet_touch(puppet_crew.at, puppet_crew.n);
		puppet_crew.at += puppet_crew.n * PUPPET_PAGE;
		puppet_crew.to_go--;
		pthread_cond_broadcast(&puppet_crew.turn);
	}
	return unused;
}

static inline void puppet_start_threads(uint64_t n)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	pthread_mutex_lock(&puppet_crew.lock);
	for (uint64_t i = 0; i < n; i++, puppet_crew.threads++) {
		if (pthread_create(&thread, &attr, puppet_thread, NULL))
			_exit(4);
	}
	while (puppet_crew.waiting < puppet_crew.threads)
		pthread_cond_wait(&puppet_crew.turn, &puppet_crew.lock);
	pthread_mutex_unlock(&puppet_crew.lock);
	pthread_attr_destroy(&attr);
}

static inline void puppet_by_threads(const struct puppet_order *order)
{
	pthread_mutex_lock(&puppet_crew.lock);
	puppet_crew.at = order->at;
	puppet_crew.n = order->n;
	puppet_crew.to_go = puppet_crew.threads;
	puppet_crew.round++;
	pthread_cond_broadcast(&puppet_crew.turn);
	while (puppet_crew.to_go)
		pthread_cond_wait(&puppet_crew.turn, &puppet_crew.lock);
	pthread_mutex_unlock(&puppet_crew.lock);
}

static inline void *puppet_churned(void *unused)
{
	const uint64_t first = __atomic_fetch_add(&puppet_churn.next, puppet_churn.n, __ATOMIC_SEQ_CST);

	puppet_touch(puppet_churn.at + first * PUPPET_PAGE, puppet_churn.n);
	return unused;
}

/* Thread after thread. */
static inline void *puppet_churner(void *unused)
{
	while (!__atomic_load_n(&puppet_churn.rest, __ATOMIC_SEQ_CST)) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, puppet_churned, NULL))
			_exit(5);
		pthread_join(thread, NULL);
	}
	return unused;
}

static inline uint64_t puppet_fork(const struct puppet_order *order)
{
	int pid = fork();

	if (pid == 0) {
		puppet_touch(order->at, order->n);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(6);
	return (uint64_t)pid;
}

static inline void puppet_exec(int orders, int answers)
{
	char in[16], out[16];
	char *argv[] = {(char[]){"puppet"}, in, out, NULL};

	snprintf(in, sizeof(in), "%d", orders);
	snprintf(out, sizeof(out), "%d", answers);
	execv("/proc/self/exe", argv);
	_exit(7);
}

static inline uint64_t puppet_obey(const struct puppet_order *order, int orders, int answers)
{
	static pthread_t churner;
	struct rusage usage;

	switch (order->what) {
	case PUPPET_USAGE:
		getrusage(RUSAGE_SELF, &usage);
		return (uint64_t)usage.ru_minflt;
	case PUPPET_MAP:
		return puppet_map(order->n);
	case PUPPET_TOUCH:
		puppet_touch(order->at, order->n);
		break;
	case PUPPET_DROP:
		madvise((void *)(uintptr_t)order->at, order->n * PUPPET_PAGE, MADV_DONTNEED);
		break;
	case PUPPET_THREADS:
		puppet_start_threads(order->n);
		break;
	case PUPPET_TID:
		return puppet_crew.tid;
	case PUPPET_BY_THREADS:
		puppet_by_threads(order);
		break;
	case PUPPET_FORK:
		return puppet_fork(order);
	case PUPPET_EXEC:
		puppet_exec(orders, answers);
		break;
	case PUPPET_CHURN:
		puppet_churn.at = order->at;
		puppet_churn.n = order->n;
		if (pthread_create(&churner, NULL, puppet_churner, NULL))
			_exit(8);
		break;
	case PUPPET_CLAIMED:
		return __atomic_load_n(&puppet_churn.next, __ATOMIC_SEQ_CST);
	case PUPPET_REST:
		__atomic_store_n(&puppet_churn.rest, 1, __ATOMIC_SEQ_CST);
		pthread_join(churner, NULL);
		return puppet_churn.next;
	case PUPPET_LEAVE:
		puppet_touch(order->at, order->n);
		_exit(0);
	}
	return 0;
}

static inline _Noreturn void puppet_live(int orders, int answers)
{
	struct puppet_order order;
	uint64_t answer;

	while (read(orders, &order, sizeof(order)) == sizeof(order)) {
		answer = puppet_obey(&order, orders, answers);
		if (write(answers, &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

/* First in main: the program is a puppet that has been executed. */
static inline void puppet_if_executed(int argc, char **argv)
{
	uint64_t answer = 0;
	int in, out;

	if (argc != 3 || strcmp(argv[0], "puppet") || sscanf(argv[1], "%d", &in) != 1 ||
	    sscanf(argv[2], "%d", &out) != 1)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(out, &answer, sizeof(answer)) != sizeof(answer))
		_exit(9);
	puppet_live(in, out);
}

/* ---- ours ---- */

static inline void puppet_start(struct puppet *p)
{
	const int parent = (int)getpid();
	int orders[2], answers[2];

	assert_int_equal(pipe(orders), 0);
	assert_int_equal(pipe(answers), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(2);
		close(orders[1]);
		close(answers[0]);
		puppet_live(orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	p->orders = orders[1];
	p->answers = answers[0];
}

static inline void puppet_send(struct puppet *p, enum puppet_do what, uint64_t n, uint64_t at)
{
	const struct puppet_order order = {(uint64_t)what, n, at};

	assert_int_equal(write(p->orders, &order, sizeof(order)), (int)sizeof(order));
}

static inline uint64_t puppet_answer(struct puppet *p)
{
	struct pollfd fd = {.fd = p->answers, .events = POLLIN};
	uint64_t answer = 0;

	assert_int_equal(poll(&fd, 1, PUPPET_DEADLINE * 1000), 1);
	assert_int_equal(read(p->answers, &answer, sizeof(answer)), (int)sizeof(answer));
	return answer;
}

static inline uint64_t puppet_ask(struct puppet *p, enum puppet_do what, uint64_t n, uint64_t at)
{
	puppet_send(p, what, n, at);
	return puppet_answer(p);
}

/* Its end, by itself or by us. */
static inline void puppet_end(struct puppet *p)
{
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		assert_int_equal(waitpid(p->pid, NULL, 0), p->pid);
	}
	close(p->orders);
	close(p->answers);
	p->pid = 0;
}

/* Why perf can't be used here, or NULL. */
static inline const char *puppet_no_perf(void)
{
	const struct mv_perf_opts opts = {.period = 1, .exclude_kernel = true};
	struct mv_source *source;
	struct mv_perf *perf;
	int err;

	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &source), 0);
	assert_int_equal(mv_perf_new(source, 8, &perf), 0);
	err = mv_perf_add(perf, MV_PERF_MINOR, (int)getpid(), &opts);
	mv_perf_free(perf);
	mv_source_free(source);
	if (err == -EACCES || err == -EPERM || err == -ENOSYS || err == -ENOENT || err == -ENODEV)
		return strerror(-err);
	assert_int_equal(err, 0);
	return NULL;
}

static inline void puppet_need_perf(void)
{
	const char *why = puppet_no_perf();

	if (!why)
		return;
	print_message("# SKIP perf events may not be opened here: %s\n", why);
	skip();
}

#endif
