/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MAX 4

int mv_message_send(int fd, const struct mv_message *m, size_t body, const int *fds, size_t fds_count)
{
	char control[CMSG_SPACE(FDS_MAX * sizeof(int))] = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)m, .iov_len = MV_MESSAGE_HEAD + body};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fds_count) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(fds_count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fds_count * sizeof(int));
	}
	while (sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		return errno == EAGAIN || errno == ENOBUFS ? -EAGAIN : errno == ECONNRESET ? -EPIPE : -errno;
	}
	return 0;
}

static void take_fds(struct msghdr *msg, int *fds, size_t cap)
{
	size_t taken = 0;

	for (size_t i = 0; i < cap; i++)
		fds[i] = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(got));
			if (taken < cap)
				fds[taken++] = got;
			else
				close(got);
		}
	}
}

ssize_t mv_message_receive(int fd, struct mv_message *m, int *fds, size_t fds_cap)
{
	char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct iovec iov = {.iov_base = m, .iov_len = sizeof(*m)};
	struct msghdr msg = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : 0;
	take_fds(&msg, fds, fds_cap);
	/* A packet too short for its head cannot be one of ours. */
	return n > 0 && (size_t)n < MV_MESSAGE_HEAD ? 0 : n;
}
