/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_COMMAND_H
#define MV_COMMAND_H

/* Starting a COMMAND or a built-in workload to be watched, and the user it runs as. */

#include "core/types.h"

#define MV_USER_GROUPS 256

/* Someone to become: identity for good, with what their environment says of them. */
struct mv_user {
	uid_t uid;
	gid_t gid;
	size_t groups_count;
	gid_t groups[MV_USER_GROUPS];
	char name[64]; /* "" unknown; as the password file has it */
	char home[512];
};

/*
 * The user who called sudo: SUDO_UID and SUDO_GID, groups and home from the password file; without them, or
 * when they name root, nobody. Only meaningful for root. Reads the environment and the password file: call it
 * before a fork.
 */
void mv_command_invoker(struct mv_user *ret_user);
/* Become that user for good. Errors: -EPERM, also when the way back to root stays open. */
int mv_command_become(const struct mv_user *user);

struct mv_command_opts {
	char *const *argv; /* NULL with a workload; argv[0] is looked for in PATH */
	int (*workload)(
	    void);	/* runs instead of an exec; its result is the exit status; dies with its parent */
	int tracer_pid; /* may read it where Yama allows descendants only; 0 nobody */
	const struct mv_user *user; /* become that user first; NULL: stay */
	unsigned short rows, cols;  /* of the pty; 0: 24x80 */
};
struct mv_command {
	int pid;    /* a child of the caller: to be reaped by it */
	int pty_fd; /* master, non-blocking, close-on-exec: what it prints, \n untranslated; -EIO is its end.
		       The caller closes it. */
};

/**
 * Start a command from its first page: own session, stdin /dev/null, output to a pty that is not its
 * controlling terminal (so closing the master doesn't hang it up), TERM=dumb, default signals, no descriptor
 * but 0, 1, 2.
 *
 * Returns once exec has succeeded or failed. Nothing is left behind on failure.
 * Errors: of exec (-ENOENT not found, -EACCES not executable, -ENOEXEC), -EPERM, -EAGAIN, -ENOMEM.
 * Lifetime: opts are not kept.
 */
int mv_command_start(const struct mv_command_opts *opts, struct mv_command *ret_command);

#endif
