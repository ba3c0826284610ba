/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/command.h"
#include "core/symboliser_private.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* AddressSanitizer's shadow fits into no limit on memory. */
#if defined(__SANITIZE_ADDRESS__)
#define LIMIT_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LIMIT_MEMORY 0
#endif
#endif
#ifndef LIMIT_MEMORY
#define LIMIT_MEMORY 1
#endif

#define PROGRAM_FD	(MV_SYMBOLS_SOCKET + 1)
#define SEND_BYTES	(8 << 20) /* what may wait in the socket: some hundred stacks */
#define NOBODY		65534
#define OWN_FDS		16
#define DATA_BYTES	((rlim_t)512 << 20)
#define AS_BYTES	((rlim_t)64 << 30) /* files are mapped whole */
#define CAPABILITY_LAST 63

struct launch {
	int socket, program;
	pid_t parent;
	bool root;
	struct mv_user user; /* second choice after nobody */
};

/* ---- in the child, before exec ---- */

static bool close_from(unsigned first)
{
	long max;

	if (syscall(SYS_close_range, first, ~0u, 0) == 0)
		return true;
	max = sysconf(_SC_OPEN_MAX);
	if (max < 0 || max > 65536)
		max = 65536;
	for (int fd = (int)first; fd < max; fd++)
		close(fd);
	return true;
}

/* 0, 1, 2: nothing; 3: the socket; 4, until exec: the program. */
static bool place_descriptors(const struct launch *l)
{
	int socket = fcntl(l->socket, F_DUPFD, PROGRAM_FD + 1);
	int program = fcntl(l->program, F_DUPFD, PROGRAM_FD + 1);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		null = fcntl(null, F_DUPFD, PROGRAM_FD + 1);
	if (socket < 0 || program < 0 || null < 0)
		return false;
	for (int fd = 0; fd < MV_SYMBOLS_SOCKET; fd++) {
		if (dup2(null, fd) < 0)
			return false;
	}
	if (dup2(socket, MV_SYMBOLS_SOCKET) < 0 || dup3(program, PROGRAM_FD, O_CLOEXEC) < 0)
		return false;
	return close_from(PROGRAM_FD + 1);
}

static void set_limit(__rlimit_resource_t which, rlim_t most)
{
	struct rlimit limit;

	if (getrlimit(which, &limit) < 0)
		return;
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > most)
		limit.rlim_max = most;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(which, &limit);
}

static void set_limits(void)
{
	if (LIMIT_MEMORY) {
		set_limit(RLIMIT_DATA, DATA_BYTES);
		set_limit(RLIMIT_AS, AS_BYTES);
	}
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_FSIZE, 0);
	set_limit(RLIMIT_NPROC, 0); /* after the change of user: otherwise that makes exec fail */
	/* Each file and its debug file, and for a moment one of either on its way. */
	set_limit(RLIMIT_NOFILE, OWN_FDS + 2 * MV_SYMBOLS_IMAGES);
}

/*
 * Nobody rather than the user who called sudo: what is read needs no rights, and that user has files that a
 * taken-over process could read. Where there is no nobody (a user namespace), that user; and where nobody
 * else is, root of such a namespace, without its capabilities.
 */
static bool become_other(const struct launch *l)
{
	struct mv_user nobody = {.uid = NOBODY, .gid = NOBODY};
	int err;

	if (!l->root)
		return true;
	err = mv_command_become(&nobody);
	if (err == -EINVAL)
		err = mv_command_become(&l->user);
	return !err || err == -EINVAL || (err == -EPERM && geteuid() == 0);
}

static bool drop_rights(const struct launch *l)
{
	cap_t none = cap_init();
	bool dropped;

	if (!none)
		return false;
	/* Allowed while the right to do so is there; no_new_privs makes the set meaningless all the same. */
	for (unsigned long cap = 0; cap <= CAPABILITY_LAST; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	dropped = become_other(l) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && cap_set_proc(none) == 0;
	cap_free(none);
	return dropped;
}

static void reset_signals(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++) /* fails for SIGKILL, SIGSTOP and glibc's own: as it should */
		sigaction(i, &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Returns only when something failed. */
static void become_program(const struct launch *l)
{
	char name[] = "memview-symbols";
	char *const argv[] = {name, NULL}, *const nothing[] = {NULL};

	setsid(); /* the terminal's signals are not for it */
	if (!place_descriptors(l) || !drop_rights(l))
		return;
	set_limits();
	/* After the change of user, which clears it. A parent that ended before is not noticed otherwise. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != l->parent)
		return;
	reset_signals();
	syscall(SYS_execveat, PROGRAM_FD, "", argv, nothing, AT_EMPTY_PATH);
}

/* ---- in the collector ---- */

int mv_symbols_prepare(int socket)
{
	const int bytes = SEND_BYTES;
	int flags = fcntl(socket, F_GETFL);

	if (flags < 0 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	if (setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)); /* as far as allowed */
	return 0;
}

static int fork_program(const struct launch *l, struct mv_symbols_child *ret_child)
{
	pid_t pid = fork();

	if (pid < 0)
		return errno == ENOMEM ? -ENOMEM : -EAGAIN;
	if (pid == 0) {
		become_program(l);
		_exit(127);
	}
	ret_child->pid = pid;
	ret_child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return 0;
}

int mv_symbols_spawn(struct mv_source *source, int *ret_socket, struct mv_symbols_child *ret_child)
{
	struct launch l = {.parent = getpid(), .root = geteuid() == 0 || getuid() == 0};
	int pair[2], err;

	l.program = mv_source_open_helper(source);
	if (l.program < 0)
		return l.program;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		err = errno == ENOMEM ? -ENOMEM : -EAGAIN;
		close(l.program);
		return err;
	}
	l.socket = pair[1];
	if (l.root)
		mv_command_invoker(&l.user); /* reads the password file, so before the fork */
	l.user.groups_count = 0;
	err = mv_symbols_prepare(pair[0]);
	if (!err)
		err = fork_program(&l, ret_child);
	close(pair[1]);
	close(l.program);
	if (err)
		close(pair[0]);
	else
		*ret_socket = pair[0];
	return err;
}

void mv_symbols_kill(const struct mv_symbols_child *child)
{
	if (!child->pid)
		return;
	if (child->pidfd < 0 || syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0) < 0)
		kill(child->pid, SIGKILL);
}

bool mv_symbols_reap(struct mv_symbols_child *child, int wait_ms, uint64_t *cpu_ns)
{
	struct pollfd ended = {.fd = child->pidfd, .events = POLLIN};
	struct rusage used = {0};
	int status;
	pid_t pid;

	if (!child->pid)
		return true;
	if (wait_ms && child->pidfd >= 0)
		poll(&ended, 1, wait_ms);
	do
		pid = wait4(child->pid, &status, wait_ms && child->pidfd < 0 ? 0 : WNOHANG, &used);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	if (pid > 0) {
		*cpu_ns += (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * MV_NS_PER_SEC;
		*cpu_ns += (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
	}
	if (child->pidfd >= 0)
		close(child->pidfd);
	*child = (struct mv_symbols_child){.pidfd = -1};
	return true;
}

uint64_t mv_symbols_cpu(const struct mv_symbols_child *child)
{
	struct timespec used;
	clockid_t clock;

	if (!child->pid || clock_getcpuclockid(child->pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
		return 0;
	return (uint64_t)used.tv_sec * MV_NS_PER_SEC + (uint64_t)used.tv_nsec;
}
