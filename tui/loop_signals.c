/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>

#include "tui/loop_private.h"

static const int awaited[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT};
static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

int mv_loop_take_signals(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < MV_COUNT_OF(awaited); i++)
		sigaddset(&set, awaited[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	sigaction(SIGPIPE, &ignore, NULL); /* a write that fails says so itself */
	return fd;
}

static void on_crash(int signal)
{
	mv_term_emergency();
	raise(signal); /* plain again by SA_RESETHAND */
}

void mv_loop_guard_crashes(void)
{
	static char stack_bytes[64 * 1024];
	const stack_t stack = {.ss_sp = stack_bytes, .ss_size = sizeof(stack_bytes)};
	struct sigaction action = {.sa_handler = on_crash,
				   .sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK)};

	sigaltstack(&stack, NULL); /* a stack overflow leaves none to run on */
	for (size_t i = 0; i < MV_COUNT_OF(crashes); i++)
		sigaction(crashes[i], &action, NULL);
}

void mv_loop_die_by(int signal)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t set;

	sigaction(signal, &plain, NULL);
	raise(signal);
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
