/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TESTS_LIVE_H
#define MV_TESTS_LIVE_H

/* A real session under test: waiting for what is expected, and finding its processes. Include after cmocka.h.
 */

#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/session.h"

#define LIVE_DEADLINE_NS (60 * MV_NS_PER_SEC)
#define LIVE_DEADLINE_MS 60000

static struct mv_session *session;
static unsigned events; /* since the last wait_for began */

static inline uint64_t live_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

typedef bool condition(uint64_t arg);

/* Poll as the screen does. */
static inline unsigned live_turn(void)
{
	struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};
	int fds[2];
	size_t n = mv_session_fds(session, fds, 2);

	for (size_t i = 0; i < n; i++)
		p[i].fd = fds[i];
	poll(p, n, 20);
	return mv_session_dispatch(session);
}

/* Dispatch until it holds. False when the deadline has passed. */
static inline bool wait_for(condition *holds, uint64_t arg)
{
	uint64_t until = live_now() + LIVE_DEADLINE_NS;

	events = 0;
	while (!holds(arg)) {
		if (live_now() > until)
			return false;
		events |= live_turn();
	}
	return true;
}

/* The same in another session than the one under test. */
static inline bool wait_in(struct mv_session *other, condition *holds, uint64_t arg)
{
	struct mv_session *own = session;
	bool held;

	session = other;
	held = wait_for(holds, arg);
	session = own;
	return held;
}

/* A living child of parent by its name; 0: none. */
static inline int live_find(int parent, const char *name)
{
	struct mv_source *source;
	int found = 0;

	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &source), 0);
	for (int pid = mv_source_next_pid(source, 0); pid && !found; pid = mv_source_next_pid(source, pid)) {
		struct mv_target *t;
		struct mv_stat stat;

		if (mv_target_open(source, pid, &t) < 0)
			continue;
		if (mv_stat_read(t, &stat) == 0 && stat.ppid == parent && stat.state != 'Z' &&
		    (!name || !strcmp(stat.comm, name)))
			found = pid;
		mv_target_close(t);
	}
	mv_source_free(source);
	return found;
}

/* The same, once it has taken its name; never 0, which kill() would take for ourselves. */
static inline int live_child(int parent, const char *name)
{
	uint64_t until = live_now() + LIVE_DEADLINE_NS;
	int pid;

	while ((pid = live_find(parent, name)) == 0)
		assert_true(live_now() < until);
	return pid;
}

static inline int live_keeper(void)
{
	return live_child((int)getpid(), "memview-keep");
}

static inline int live_collector(void)
{
	return live_child(live_keeper(), "memview-collect");
}

static inline int live_pidfd(int pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	assert_true(fd >= 0);
	return fd;
}

/* The process ends, sooner or later; the descriptor is closed. */
static inline void live_assert_ends(int take_fd)
{
	struct pollfd p = {.fd = take_fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, LIVE_DEADLINE_MS), 1);
	close(take_fd);
}

#endif
