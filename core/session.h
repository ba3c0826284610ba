/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SESSION_H
#define MV_SESSION_H

/*
 * The screen's end of the three processes: starts the keeper, states wants, receives snapshots and status.
 * Never blocks: poll its descriptors and call mv_session_dispatch. Interactive and batch commands use the
 * same.
 */

#include "core/delta.h"
#include "core/machine_snapshot.h"

struct mv_session;

struct mv_session_opts {
	int pid;	      /* the target; 0 with command, workload or machine */
	bool machine;	      /* the machine itself is watched: mv_session_machine, not mv_session_snapshot */
	char *const *command; /* argv of a COMMAND to start, or NULL */
	/* A built-in workload (memview demo): runs in a child of the keeper, gets nothing, returns its exit
	 * status. */
	int (*workload)(void);
	bool drop_command_user;	      /* run COMMAND as SUDO_UID when started under sudo */
	struct mv_source_opts source; /* root must be NULL: fixtures are sampled in-process */
};

/*
 * Forks the keeper, which forks everything else. Returns once it runs (under a millisecond).
 * Errors: -ESRCH, -EPERM (hidden), -ENOENT /proc not mounted or COMMAND not found, -EACCES COMMAND not
 * executable, -EAGAIN, -ENOMEM.
 */
int mv_session_start(const struct mv_session_opts *opts, struct mv_session **ret_session);

/*
 * The same, but the keeper is forked by another session's keeper, which has kept the privileges that we have given up: from the machine
 * to a process, and back. Either session may end first. The source is the other's: opts->source does not count. Waits a second at most.
 * Errors: as above; -EPIPE the other session's keeper has gone, -EAGAIN, -ETIMEDOUT it does not answer, -EINVAL opts name a command.
 */
int mv_session_start_from(struct mv_session *other, const struct mv_session_opts *opts, struct mv_session **ret_session);

/* What the keeper knows, also while the collector is stuck. */
struct mv_keeper_status {
	struct mv_counters counters;
	bool exited;	 /* the target has ended */
	bool exit_known; /* exit_status is a wait status (COMMAND, workload), else nobody told us */
	int exit_status;
	uint64_t exit_real_ns; /* when, CLOCK_REALTIME */
	int pid;	       /* of the target; 0 the machine */
	bool is_command;       /* a child of ours */
	uint32_t collectors;   /* started so far; more than 1: replaced */
	bool stuck;	       /* the one that runs now does not move */
	bool gave_up;	       /* two got stuck: `R` starts again */
	char wchan[48];	       /* what the stuck one is blocked in; clean ASCII */
	int stuck_pid;	       /* of the machine's: the process it is stuck at, whose PSS is no longer read; 0 none */
	uint64_t collector_cpu_ns, keeper_cpu_ns;
	uint64_t collector_pss_bytes, keeper_pss_bytes; /* 0 unknown */
};

/* Descriptors to poll for POLLIN: fills up to cap, returns how many. They may change after a dispatch. */
size_t mv_session_fds(const struct mv_session *session, int *fds, size_t cap);

enum mv_session_event {
	MV_EVENT_SNAPSHOT = 1, /* mv_session_snapshot is new */
	MV_EVENT_STATUS = 2,
	MV_EVENT_OUTPUT = 4, /* COMMAND printed something */
	MV_EVENT_LOST = 8,   /* the keeper has gone, or memory ran out: nothing comes any more */
};
/* Take in all that has arrived. Returns event bits. */
unsigned mv_session_dispatch(struct mv_session *session);

void mv_session_want(struct mv_session *session, const struct mv_want *want); /* sends when it differs */
void mv_session_machine_want(struct mv_session *session, const struct mv_machine_want *want); /* of a machine's session */
void mv_session_retry(struct mv_session *session);			      /* `R` */
/* Newest snapshot, valid until the next dispatch; NULL when none has come. */
const struct mv_snapshot *mv_session_snapshot(const struct mv_session *session);
const struct mv_machine_snapshot *mv_session_machine(const struct mv_session *session); /* the same of the machine */
const struct mv_keeper_status *mv_session_status(const struct mv_session *session);
/* What COMMAND printed last (at most 256 KiB), raw: clean before showing. */
const char *mv_session_output(const struct mv_session *session, size_t *ret_len);

enum mv_leave { MV_LEAVE_END, /* COMMAND gets SIGTERM, SIGKILL after 2 s */ MV_LEAVE_RUNNING };
/* Ends keeper and collector, within a second whatever the target does. Frees the session. */
void mv_session_end(struct mv_session *session, enum mv_leave leave);

#endif
