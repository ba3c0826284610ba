/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/keeper.h"

#define OUTPUT_MAX (256u << 10)
#define START_MS   10000
#define FROM_MS	   1000 /* from a live screen: a keeper forks in less than one */
#define END_MS	   300

struct seen_block {
	int fd;
	const char *at;
	size_t bytes;
};

struct mv_session {
	pid_t keeper; /* our child, or another keeper's */
	bool machine;
	int keeper_fd, collector_fd; /* -1 closed */
	struct mv_keeper_status status;
	struct seen_block pool[MV_POOL_BLOCKS];
	int current;		/* block that the newest snapshot lies in, -1 none */
	struct seen_block kept; /* a replaced collector's last picture, until its successor has sent one */
	union {
		struct mv_want want;
		struct mv_machine_want machine_want;
	};
	bool has_want, unsent;
	char *output;
	size_t output_len;
};

static void forget_block(struct seen_block *b)
{
	if (b->at)
		munmap((void *)(uintptr_t)b->at, b->bytes);
	if (b->fd >= 0)
		close(b->fd);
	*b = (struct seen_block){.fd = -1};
}

static void forget_pool(struct mv_session *s)
{
	for (unsigned i = 0; i < MV_POOL_BLOCKS; i++)
		forget_block(&s->pool[i]);
	s->current = -1;
}

/* Another collector's pool. */
static void take_pool(struct mv_session *s, int *fds)
{
	if (s->current >= 0) {
		forget_block(&s->kept);
		s->kept = s->pool[s->current];
		s->pool[s->current] = (struct seen_block){.fd = -1};
	}
	forget_pool(s);
	for (unsigned i = 0; i < MV_POOL_BLOCKS; i++) {
		s->pool[i].fd = fds[i];
		fds[i] = -1;
	}
}

static void close_collector(struct mv_session *s)
{
	if (s->collector_fd >= 0)
		close(s->collector_fd);
	s->collector_fd = -1;
}

static void close_keeper(struct mv_session *s)
{
	if (s->keeper_fd >= 0)
		close(s->keeper_fd);
	s->keeper_fd = -1;
}

/* The keeper's first word: how the start went. */
static int await_start(struct mv_session *s, int timeout_ms)
{
	struct pollfd p = {.fd = s->keeper_fd, .events = POLLIN};
	struct mv_message m;
	ssize_t n;

	do {
		if (poll(&p, 1, timeout_ms) == 0)
			return -ETIMEDOUT;
		n = mv_message_receive(s->keeper_fd, &m, NULL, 0);
	} while (n == -EAGAIN);
	if (n <= 0 || m.type != MV_MSG_STARTED)
		return -EAGAIN;
	s->status.pid = m.pid;
	s->keeper = m.keeper;
	return m.error;
}

/* A session that has our end of a socket; the other end is the keeper's to be. */
static int prepare(const struct mv_session_opts *opts, struct mv_session **ret_session, int *ret_keepers_end)
{
	struct mv_session *s = calloc(1, sizeof(*s));
	int pair[2];

	if (!s)
		return -ENOMEM;
	s->collector_fd = -1;
	for (unsigned i = 0; i < MV_POOL_BLOCKS; i++)
		s->pool[i].fd = -1;
	s->current = -1;
	s->kept.fd = -1;
	s->machine = opts->machine;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		int r = -errno;

		free(s);
		return r;
	}
	s->keeper_fd = pair[0];
	/* The keeper says the same, but only with its first status. */
	s->status.is_command = opts->command || opts->workload;
	*ret_session = s;
	*ret_keepers_end = pair[1];
	return 0;
}

static int started(struct mv_session *s, int r, struct mv_session **ret_session)
{
	if (r < 0) {
		mv_session_end(s, MV_LEAVE_END);
		return r;
	}
	*ret_session = s;
	return 0;
}

int mv_session_start(const struct mv_session_opts *opts, struct mv_session **ret_session)
{
	struct mv_session *s;
	int keepers_end, r = prepare(opts, &s, &keepers_end);

	if (r < 0)
		return r;
	s->keeper = fork();
	if (s->keeper == 0) {
		close(s->keeper_fd);
		_exit(mv_keeper_run(opts, keepers_end));
	}
	close(keepers_end);
	return started(s, s->keeper < 0 ? -EAGAIN : await_start(s, START_MS), ret_session);
}

int mv_session_start_from(struct mv_session *other, const struct mv_session_opts *opts,
			  struct mv_session **ret_session)
{
	struct mv_message m = {.type = MV_MSG_SPAWN, .pid = opts->machine ? 0 : opts->pid};
	struct mv_session *s;
	int keepers_end, r;

	if (opts->command || opts->workload || (!opts->machine && opts->pid <= 0))
		return -EINVAL;
	if (other->keeper_fd < 0)
		return -EPIPE;
	r = prepare(opts, &s, &keepers_end);
	if (r < 0)
		return r;
	r = mv_message_send(other->keeper_fd, &m, 0, &keepers_end, 1);
	close(keepers_end);
	return started(s, r < 0 ? r : await_start(s, FROM_MS), ret_session);
}

size_t mv_session_fds(const struct mv_session *session, int *fds, size_t cap)
{
	size_t n = 0;

	if (session->keeper_fd >= 0 && n < cap)
		fds[n++] = session->keeper_fd;
	if (session->collector_fd >= 0 && n < cap)
		fds[n++] = session->collector_fd;
	return n;
}

/* ---- from the keeper ---- */

static void keep_output(struct mv_session *s, const char *text, size_t len)
{
	char *more;

	if (!s->output) {
		s->output = malloc(2 * OUTPUT_MAX);
		if (!s->output)
			return;
	}
	if (s->output_len + len > 2 * OUTPUT_MAX) {
		/* The older half goes; moved seldom, since there is room for twice as much. */
		more = s->output + s->output_len - OUTPUT_MAX;
		memmove(s->output, more, OUTPUT_MAX);
		s->output_len = OUTPUT_MAX;
	}
	memcpy(s->output + s->output_len, text, len);
	s->output_len += len;
}

static void send_want(struct mv_session *s)
{
	struct mv_message m = {.type = MV_MSG_WANT};
	size_t bytes = s->machine ? sizeof(m.machine_want) : sizeof(m.want);

	if (s->machine)
		m.machine_want = s->machine_want;
	else
		m.want = s->want;
	s->unsent = false;
	if (s->has_want && s->collector_fd >= 0)
		s->unsent = mv_message_send(s->collector_fd, &m, bytes, NULL, 0) == -EAGAIN;
}

static unsigned from_keeper(struct mv_session *s)
{
	struct mv_message m;
	unsigned events = 0;
	int fd;
	ssize_t n;

	while (s->keeper_fd >= 0 && (n = mv_message_receive(s->keeper_fd, &m, &fd, 1)) != -EAGAIN) {
		if (n == 0) {
			close_keeper(s);
			return events | MV_EVENT_LOST;
		}
		if (m.type == MV_MSG_STATUS) {
			s->status = m.status;
			s->status.wchan[sizeof(s->status.wchan) - 1] = '\0';
			events |= MV_EVENT_STATUS;
		} else if (m.type == MV_MSG_COLLECTOR && fd >= 0) {
			close_collector(s);
			s->collector_fd = fd;
			fd = -1;
			send_want(s);
		} else if (m.type == MV_MSG_OUTPUT && m.length <= MV_OUTPUT_BYTES) {
			keep_output(s, m.text, (size_t)m.length);
			events |= MV_EVENT_OUTPUT;
		}
		if (fd >= 0)
			close(fd);
	}
	return events;
}

/* ---- from the collector ---- */

static void release_block(struct mv_session *s, uint32_t block)
{
	struct mv_message m = {.type = MV_MSG_RELEASE, .block = block};

	/* A full socket means that the collector is not reading: it is stuck and will be replaced. */
	mv_message_send(s->collector_fd, &m, 0, NULL, 0);
}

static int map_block(struct seen_block *b, uint64_t length)
{
	struct stat st;
	void *at;

	if (b->fd < 0 || fstat(b->fd, &st) < 0 || (uint64_t)st.st_size < length)
		return -EBADMSG;
	if (b->bytes >= length)
		return 0;
	if (b->at)
		munmap((void *)(uintptr_t)b->at, b->bytes);
	b->at = NULL;
	b->bytes = 0;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, b->fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	b->at = at;
	b->bytes = (size_t)st.st_size;
	return 0;
}

static int check(const struct mv_session *s, const struct seen_block *b, uint64_t length)
{
	if (s->machine)
		return mv_machine_check((const struct mv_machine_snapshot *)(const void *)b->at,
					(size_t)length);
	return mv_snapshot_check((const struct mv_snapshot *)(const void *)b->at, (size_t)length);
}

/* A snapshot has come. When it can't be mapped or does not hold together, no later one will do better: that
 * is the end. */
static unsigned take_snapshot(struct mv_session *s, const struct mv_message *m)
{
	struct seen_block *b;

	if (m->block >= MV_POOL_BLOCKS)
		return 0;
	b = &s->pool[m->block];
	if (map_block(b, m->length) < 0 || check(s, b, m->length) < 0) {
		close_collector(s);
		close_keeper(s);
		return MV_EVENT_LOST;
	}
	if (s->current >= 0)
		release_block(s, (uint32_t)s->current);
	s->current = (int)m->block;
	forget_block(&s->kept);
	return MV_EVENT_SNAPSHOT;
}

static unsigned from_collector(struct mv_session *s)
{
	int fds[MV_POOL_BLOCKS];
	struct mv_message m;
	unsigned events = 0;
	ssize_t n;

	while (s->collector_fd >= 0 &&
	       (n = mv_message_receive(s->collector_fd, &m, fds, MV_POOL_BLOCKS)) != -EAGAIN) {
		if (n == 0) {
			close_collector(s);
			break;
		}
		if (m.type == MV_MSG_POOL) {
			take_pool(s, fds);
		} else if (m.type == MV_MSG_READY) {
			events |= take_snapshot(s, &m);
		}
		for (unsigned i = 0; i < MV_POOL_BLOCKS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	return events;
}

unsigned mv_session_dispatch(struct mv_session *session)
{
	unsigned events = from_keeper(session);

	events |= from_collector(session);
	if (session->unsent)
		send_want(session);
	return events;
}

/* ---- to them ---- */

void mv_session_want(struct mv_session *session, const struct mv_want *want)
{
	struct mv_want next = *want;

	if (session->machine)
		return;
	next.seq = session->want.seq;
	if (session->has_want && memcmp(&next, &session->want, sizeof(next)) == 0)
		return;
	next.seq++;
	session->want = next;
	session->has_want = true;
	send_want(session);
}

void mv_session_machine_want(struct mv_session *session, const struct mv_machine_want *want)
{
	struct mv_machine_want next = *want;

	if (!session->machine)
		return;
	next.seq = session->machine_want.seq;
	if (session->has_want && memcmp(&next, &session->machine_want, sizeof(next)) == 0)
		return;
	next.seq++;
	session->machine_want = next;
	session->has_want = true;
	send_want(session);
}

void mv_session_retry(struct mv_session *session)
{
	struct mv_message m = {.type = MV_MSG_RETRY};

	if (session->keeper_fd >= 0)
		mv_message_send(session->keeper_fd, &m, 0, NULL, 0);
}

static const void *newest(const struct mv_session *session)
{
	return session->current < 0 ? session->kept.at : session->pool[session->current].at;
}

const struct mv_snapshot *mv_session_snapshot(const struct mv_session *session)
{
	return session->machine ? NULL : newest(session);
}

const struct mv_machine_snapshot *mv_session_machine(const struct mv_session *session)
{
	return session->machine ? newest(session) : NULL;
}

const struct mv_keeper_status *mv_session_status(const struct mv_session *session)
{
	return &session->status;
}

const char *mv_session_output(const struct mv_session *session, size_t *ret_len)
{
	size_t skip = session->output_len > OUTPUT_MAX ? session->output_len - OUTPUT_MAX : 0;

	*ret_len = session->output_len - skip;
	return session->output ? session->output + skip : "";
}

/* Wait for the keeper a little, so that nothing is left behind; a COMMAND that needs longer to end is its
 * business. */
static void await_end(pid_t keeper)
{
	int fd = (int)syscall(SYS_pidfd_open, keeper, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (fd >= 0) {
		poll(&p, 1, END_MS);
		close(fd);
	}
	waitpid(keeper, NULL, WNOHANG);
}

void mv_session_end(struct mv_session *session, enum mv_leave leave)
{
	struct mv_message m = {.type = MV_MSG_LEAVE, .leave = (int32_t)leave};

	if (!session)
		return;
	if (session->keeper_fd >= 0) {
		mv_message_send(session->keeper_fd, &m, 0, NULL, 0);
		close(session->keeper_fd);
	}
	close_collector(session);
	forget_pool(session);
	forget_block(&session->kept);
	if (session->keeper > 0 && leave == MV_LEAVE_END)
		await_end(session->keeper);
	free(session->output);
	free(session);
}
