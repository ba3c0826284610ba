/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/threads_private.h"

/* The caller's side of a stop: the child is begun, watched, asked to let go, killed when it is late. */

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define ARENA_MAX   ((size_t)64 * 1024 * 1024) /* of all copied stacks */
#define MORE	    64			       /* threads that may be begun meanwhile, and a quarter */
#define THREADS_MAX ((size_t)32768)
#define MARGIN_NS   (200 * UINT64_C(1000000)) /* beyond the child's own deadline, until it is killed */
#define KILL_MS	    100

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static int new_stop(const int *tids, size_t count, size_t stack_cap, struct mv_stop **ret_stop)
{
	struct mv_stop *stop = calloc(1, sizeof(*stop));
	size_t head, stacks;
	void *at;

	if (!stop)
		return -ENOMEM;
	stop->pidfd = stop->hold[0] = stop->hold[1] = -1;
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
		stop_add_entry(stop, tids[i], PHASE_LISTED);
	*ret_stop = stop;
	return 0;
}

/* Start the child. The stop is freed when that fails. */
static int start(struct mv_stop *stop, struct mv_target *target, const struct mv_maps *maps,
		 unsigned deadline_ms, struct mv_stop **ret_stop)
{
	const pid_t self = getpid();
	int r;

	stop->maps = maps;
	stop->target = target;
	stop->deadline_ns = now_ns() + deadline_ms * UINT64_C(1000000);
	stop->child = (int)fork();
	if (stop->child == 0)
		stop_run_child(stop, self);
	r = stop->child < 0 ? -errno : 0;
	if (r == 0) {
		stop->pidfd = (int)syscall(SYS_pidfd_open, stop->child, 0);
		r = stop->pidfd < 0 ? -errno : 0;
	}
	stop->maps = NULL;
	stop->target = NULL;
	if (stop->hold[1] >= 0)
		close(stop->hold[1]);
	stop->hold[1] = -1;
	if (r < 0) {
		mv_stop_free(stop);
		return r == -EINVAL ? -ENOSYS : r;
	}
	*ret_stop = stop;
	return 0;
}

int mv_poke_stop(struct mv_target *target, const struct mv_maps *maps, const int *tids, size_t count,
		 size_t stack_cap, unsigned deadline_ms, struct mv_stop **ret_stop)
{
	struct mv_stop *stop;
	int r;

	if (!MV_REGS_HERE || mv_target_pidfd(target) < 0)
		return -ENOSYS;
	r = new_stop(tids, count, stack_cap, &stop);
	return r < 0 ? r : start(stop, target, maps, deadline_ms, ret_stop);
}

int mv_poke_registers(struct mv_target *target, const int *tids, size_t count, unsigned deadline_ms,
		      bool hold, struct mv_stop **ret_stop)
{
	struct mv_stop *stop;
	int r;

	if (!MV_REGS_HERE || mv_target_pidfd(target) < 0)
		return -ENOSYS;
	r = new_stop(tids, count, STOP_VECTOR_BYTES, &stop);
	if (r < 0)
		return r;
	stop->registers = true;
	if (hold && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stop->hold) < 0) {
		r = -errno;
		stop->hold[0] = stop->hold[1] = -1;
		mv_stop_free(stop);
		return r;
	}
	return start(stop, target, NULL, deadline_ms, ret_stop);
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

static void collect(struct mv_stop *stop)
{
	const struct shared *sh = stop->shared;
	const uint64_t ended_ns = sh->ended_ns ? sh->ended_ns : now_ns();

	stop->results_count = __atomic_load_n(&sh->count, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < stop->results_count; i++) {
		uint32_t result = __atomic_load_n(&sh->entries[i].stopped.result, __ATOMIC_ACQUIRE);

		stop->results[i] = sh->entries[i].stopped;
		stop->results[i].result = result;
	}
	stop->stopped_ns = sh->began_ns ? ended_ns - sh->began_ns : 0;
}

int mv_stop_wait_held(struct mv_stop *stop)
{
	struct pollfd p = {.fd = stop->hold[0], .events = POLLIN};
	char byte;

	while (!stop->held) {
		const uint64_t now = now_ns(), end = mv_stop_deadline_ns(stop);

		if (now >= end)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((end - now) / 1000000) + 1) > 0 && recv(p.fd, &byte, 1, 0) != 1)
			return -ETIMEDOUT;
		stop->held = p.revents & POLLIN;
	}
	return 0;
}

int mv_stop_release(struct mv_stop *stop)
{
	struct pollfd p = {.fd = stop->pidfd, .events = POLLIN};
	char byte = 0;

	stop->held = false;
	send(stop->hold[0], &byte, 1, MSG_NOSIGNAL);
	poll(&p, 1, (int)(MARGIN_NS / 1000000));
	return reap(stop) && stop->shared->asked ? 0 : -ETIMEDOUT;
}

int mv_stop_take(struct mv_stop *stop, const struct mv_stopped **ret_threads, size_t *ret_count,
		 uint64_t *ret_stopped_ns)
{
	if (!stop->taken && !stop->held && !reap(stop)) {
		if (now_ns() < mv_stop_deadline_ns(stop))
			return -EAGAIN;
		kill_child(stop);
	}
	if (!stop->taken) {
		collect(stop);
		stop->taken = !stop->held;
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
	if (stop->hold[0] >= 0)
		close(stop->hold[0]);
	munmap(stop->shared, stop->shared_bytes);
	free(stop->results);
	free(stop);
}
