/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_PROTOCOL_H
#define MV_PROTOCOL_H

/*
 * What screen, keeper and collector say to each other: one struct mv_message a SOCK_SEQPACKET packet, descriptors
 * beside it.
 *
 *   screen -> collector   WANT, RELEASE
 *   collector -> screen   POOL (three memfds), READY
 *   screen -> keeper      RETRY, LEAVE, SPAWN (a socket for another keeper, which will say STARTED there)
 *   keeper -> screen      STARTED, COLLECTOR (a socket to it), STATUS, OUTPUT
 *
 * SPAWN names a process by its number, or the machine, and nothing else: what is started is always memview itself.
 *
 * Nobody ever blocks in a send: what does not fit now is said later (wants, status) or dropped.
 */

#include <stdatomic.h>

#include "core/session.h"

enum mv_message_type {
	MV_MSG_WANT,
	MV_MSG_RELEASE,
	MV_MSG_POOL,
	MV_MSG_READY,
	MV_MSG_RETRY,
	MV_MSG_LEAVE,
	MV_MSG_SPAWN,
	MV_MSG_STARTED,
	MV_MSG_COLLECTOR,
	MV_MSG_STATUS,
	MV_MSG_OUTPUT,
};

#define MV_POOL_BLOCKS	3
#define MV_OUTPUT_BYTES 8192 /* of a COMMAND's output in one message */

struct mv_message {
	uint32_t type;
	uint32_t block;	 /* READY, RELEASE */
	uint64_t length; /* READY: bytes of the snapshot; OUTPUT: bytes of text */
	int32_t error;	 /* STARTED: 0 or -errno */
	int32_t pid;	 /* STARTED, SPAWN: the target; 0 the machine */
	int32_t leave;	 /* LEAVE: enum mv_leave */
	int32_t keeper;	 /* STARTED: the keeper itself */
	union {
		struct mv_want want;		     /* WANT to a process's collector */
		struct mv_machine_want machine_want; /* WANT to the machine's */
		struct mv_keeper_status status;
		char text[MV_OUTPUT_BYTES];
	};
};
/* Bytes of a message up to its union. */
#define MV_MESSAGE_HEAD offsetof(struct mv_message, want)

/* 0, or -EAGAIN (the other side is slow), -EPIPE (it has gone). body: bytes of the union to send. */
int mv_message_send(int fd, const struct mv_message *m, size_t body, const int *fds, size_t fds_count);
/* Bytes received; 0: the other side has closed; -EAGAIN: nothing there. Descriptors beyond cap are closed;
 * unused places of fds are -1. */
ssize_t mv_message_receive(int fd, struct mv_message *m, int *fds, size_t fds_cap);

/* A page that keeper and collector share: how the collector is. */
struct mv_pulse {
	_Atomic uint32_t busy;	/* it is working, not waiting */
	_Atomic uint32_t rests; /* times it had done all that is wanted for the moment */
	_Atomic uint64_t pss_bytes;
	_Atomic uint64_t helper_cpu_ns; /* used by memview-symbols, the collector's child */
	_Atomic int32_t at_pid; /* the machine's: whose smaps_rollup is being read, 0 nobody's. It stays when that is never answered: the
				 * successor leaves this process out */
};

#endif
