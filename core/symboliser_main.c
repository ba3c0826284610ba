/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "core/symboliser_private.h"

/*
 * libunwind blocks all signals around each step, for callers whose handlers unwind too: two system calls,
 * which take four fifths of its time. This program has no handler that could come between, and libunwind
 * finds this function before libc's.
 */
int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	(void)how;
	(void)set;
	if (old)
		sigemptyset(old);
	return 0;
}

/* Started by memview alone, which has already taken all its rights (symboliser_child.c). */
int main(void)
{
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(MV_SYMBOLS_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET)
		return 1;
	/* Exec by a descriptor leaves the descriptor's number as the name, and makes the process open to its
	 * user. */
	prctl(PR_SET_NAME, "memview-symbols", 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return mv_symboliser_serve(MV_SYMBOLS_SOCKET);
}
