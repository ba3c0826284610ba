/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/leaks_private.h"

/* The caller's side: the helper's beginning and end. */

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define DEADLINE_MS	 60000
#define STOP_DEADLINE_MS 5000
#define ROUNDS_MAX	 64
#define GROUPS		 256
#define GROUPS_MOST	 4096
#define MARGIN_NS	 (500 * UINT64_C(1000000)) /* beyond the helper's own deadline, until it is killed */
#define KILL_MS		 1000

const struct mv_leaks_why_info mv_leaks_whys[MV_LEAKS_WHY__N] = {
#define X(id, json, words) [MV_LEAKS_WHY_##id] = {json, words},
    MV_LEAKS_WHYS(X)
#undef X
};

const struct mv_first_word_info mv_first_words[MV_FIRST__N] = {
#define X(id, json, words) [MV_FIRST_##id] = {json, words},
    MV_FIRST_WORDS(X)
#undef X
};

struct mv_leaks_run {
	struct leaks_shared *shared;
	int child, pidfd, results;
	uint64_t deadline_ns;
	bool reaped;
	struct leaks_file *file; /* mapped when it is over */
	size_t file_bytes;
	const struct mv_leaks *answer;
	struct mv_leaks failed; /* what is said when there is no file */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void set_defaults(struct mv_leaks_options *o)
{
	if (!o->deadline_ms)
		o->deadline_ms = DEADLINE_MS;
	if (!o->stop_deadline_ms)
		o->stop_deadline_ms = STOP_DEADLINE_MS;
	if (!o->rounds)
		o->rounds = LEAKS_ROUNDS;
	if (o->rounds > ROUNDS_MAX)
		o->rounds = ROUNDS_MAX;
	if (!o->groups)
		o->groups = GROUPS;
	if (o->groups > GROUPS_MOST)
		o->groups = GROUPS_MOST;
}

static _Noreturn void run_child(const struct leaks_job *job, pid_t parent)
{
	sigset_t all;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It ends by its deadline, or is killed. What would interrupt the caller is not meant for it. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "memview-leaks");
	if (getppid() == parent)
		leaks_work(job);
	_exit(0);
}

int mv_leaks_begin(struct mv_source *source, struct mv_target *target, const struct mv_leaks_options *options,
		   struct mv_leaks_run **ret_run)
{
	const pid_t self = getpid();
	struct leaks_job job = {.source = source, .target = target, .options = *options};
	struct mv_leaks_run *run;
	void *at;
	int r = 0;

	if (mv_target_pidfd(target) < 0)
		return -ENOSYS;
	run = calloc(1, sizeof(*run));
	if (!run)
		return -ENOMEM;
	set_defaults(&job.options);
	run->pidfd = -1;
	run->results = memfd_create("memview-leaks", MFD_CLOEXEC);
	at = mmap(NULL, sizeof(*run->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	run->shared = at == MAP_FAILED ? NULL : at;
	if (run->results < 0 || !run->shared) {
		r = run->results < 0 ? -errno : -ENOMEM;
		mv_leaks_free(run);
		return r;
	}
	job.shared = run->shared;
	job.results = run->results;
	job.began_ns = now_ns();
	job.deadline_ns = job.began_ns + job.options.deadline_ms * UINT64_C(1000000);
	run->deadline_ns = job.deadline_ns + MARGIN_NS;
	run->failed.mode = job.options.mode;
	run->child = (int)fork();
	if (run->child == 0)
		run_child(&job, self);
	r = run->child < 0 ? -errno : 0;
	if (r == 0) {
		run->pidfd = (int)syscall(SYS_pidfd_open, run->child, 0);
		r = run->pidfd < 0 ? -errno : 0;
	}
	if (r < 0) {
		mv_leaks_free(run);
		return r == -EINVAL ? -ENOSYS : r;
	}
	*ret_run = run;
	return 0;
}

int mv_leaks_fd(const struct mv_leaks_run *run)
{
	return run->pidfd;
}

uint64_t mv_leaks_deadline_ns(const struct mv_leaks_run *run)
{
	return run->deadline_ns;
}

struct mv_leaks_progress mv_leaks_progress(const struct mv_leaks_run *run)
{
	const struct leaks_shared *s = run->shared;

	return (struct mv_leaks_progress){
	    .phase = __atomic_load_n(&s->phase, __ATOMIC_RELAXED),
	    .round = __atomic_load_n(&s->round, __ATOMIC_RELAXED),
	    .done_bytes = __atomic_load_n(&s->done_bytes, __ATOMIC_RELAXED),
	    .total_bytes = __atomic_load_n(&s->total_bytes, __ATOMIC_RELAXED),
	};
}

static bool reap(struct mv_leaks_run *run)
{
	int r;

	if (run->reaped)
		return true;
	do
		r = (int)waitpid(run->child, NULL, WNOHANG);
	while (r < 0 && errno == EINTR);
	/* Nobody's children are waited for where SIGCHLD is ignored. */
	run->reaped = r != 0;
	return run->reaped;
}

/* Its end is the end of its stop, too. One that can't be killed at once, since it waits in the kernel, is
 * left to its fate. */
static void kill_child(struct mv_leaks_run *run)
{
	struct pollfd p = {.fd = run->pidfd, .events = POLLIN};

	if (reap(run))
		return;
	kill(run->child, SIGKILL);
	poll(&p, p.fd >= 0, KILL_MS);
	reap(run);
}

/* The file that the helper left; NULL: there is none that is whole. */
static const struct mv_leaks *open_file(struct mv_leaks_run *run)
{
	struct stat st;
	void *at;

	if (!__atomic_load_n(&run->shared->finished, __ATOMIC_ACQUIRE) || fstat(run->results, &st) < 0 ||
	    st.st_size < (off_t)sizeof(*run->file))
		return NULL;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, run->results, 0);
	if (at == MAP_FAILED)
		return NULL;
	run->file = at;
	run->file_bytes = (size_t)st.st_size;
	return leaks_check(run->file, run->file_bytes) == 0 ? &run->file->leaks : NULL;
}

int mv_leaks_finish(struct mv_leaks_run *run, const struct mv_leaks **ret_leaks)
{
	bool late = false;

	if (!run->answer && !reap(run)) {
		if (now_ns() < run->deadline_ns)
			return -EAGAIN;
		kill_child(run);
		late = true;
	}
	if (!run->answer)
		run->answer = open_file(run);
	if (!run->answer) {
		run->failed.why = late ? MV_LEAKS_WHY_NO_TIME : MV_LEAKS_WHY_FAILED;
		run->answer = &run->failed;
	}
	*ret_leaks = run->answer;
	return 0;
}

void mv_leaks_free(struct mv_leaks_run *run)
{
	if (!run)
		return;
	if (run->child > 0)
		kill_child(run);
	if (run->pidfd >= 0)
		close(run->pidfd);
	if (run->results >= 0)
		close(run->results);
	if (run->file)
		munmap(run->file, run->file_bytes);
	if (run->shared)
		munmap(run->shared, sizeof(*run->shared));
	free(run);
}
