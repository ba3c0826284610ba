/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "core/command.h"
#include "core/text.h"

#define NOBODY 65534

/* ---- whom to become ---- */

static bool number_of(const char *text, uint64_t max, uint64_t *ret_number)
{
	struct mv_scan scan;
	uint64_t number;

	if (!text)
		return false;
	scan = (struct mv_scan){text, text + strlen(text)};
	if (!mv_scan_dec(&scan, &number) || scan.at != scan.end || number > max)
		return false;
	*ret_number = number;
	return true;
}

static void keep_text(char *out, size_t cap, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (len >= cap) /* half a path is worse than none */
		len = 0;
	memcpy(out, text ? text : "", len);
	out[len] = '\0';
}

void mv_command_invoker(struct mv_user *ret_user)
{
	struct mv_user user = {.uid = NOBODY, .gid = NOBODY, .groups_count = 0};
	const struct passwd *entry;
	uint64_t uid = 0, gid = 0;
	int count = MV_USER_GROUPS;

	if (number_of(getenv("SUDO_UID"), UINT32_MAX - 1, &uid) && uid)
		user.uid = (uid_t)uid;
	entry = getpwuid(user.uid);
	if (entry && entry->pw_gid)
		user.gid = entry->pw_gid;
	else if (uid && number_of(getenv("SUDO_GID"), UINT32_MAX - 1, &gid) && gid)
		user.gid = (gid_t)gid;
	if (entry) {
		keep_text(user.name, sizeof(user.name), entry->pw_name);
		keep_text(user.home, sizeof(user.home), entry->pw_dir);
		/* More groups than fit: fewer rights, never more. */
		if (getgrouplist(entry->pw_name, user.gid, user.groups, &count) < 0)
			count = MV_USER_GROUPS;
		user.groups_count = (size_t)count;
	} else {
		user.groups[0] = user.gid;
		user.groups_count = 1;
	}
	*ret_user = user;
}

int mv_command_become(const struct mv_user *user)
{
	if (setgroups(user->groups_count, user->groups) < 0)
		return -errno;
	if (setresgid(user->gid, user->gid, user->gid) < 0 || setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	if (user->uid != 0 && (setuid(0) == 0 || getuid() == 0 || geteuid() == 0))
		return -EPERM;
	return 0;
}

/* ---- the child ---- */

static void reset_signals(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++) /* fails for SIGKILL, SIGSTOP and glibc's own: as it should */
		sigaction(i, &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Whatever the caller has open, and whoever opened it, ends here. keep_fd (above 2) closes on exec. */
static void close_others(int keep_fd)
{
	long max;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned)keep_fd + 1, ~0u, 0) == 0 &&
	    (keep_fd == 3 || syscall(SYS_close_range, 3u, (unsigned)keep_fd - 1, 0) == 0))
		return;
#endif
	max = sysconf(_SC_OPEN_MAX);
	if (max < 0 || max > 65536)
		max = 65536;
	for (int fd = 3; fd < max; fd++) {
		if (fd != keep_fd)
			close(fd);
	}
}

/* Put descriptors in place; those at hand may themselves be 0, 1 or 2, so lift them first. */
static int place_descriptors(const char *slave_name, int *error_fd)
{
	int lifted = fcntl(*error_fd, F_DUPFD_CLOEXEC, 3);
	int null, slave;

	if (lifted < 0)
		return -errno;
	*error_fd = lifted;
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0)
		return -errno;
	null = fcntl(null, F_DUPFD_CLOEXEC, 3);
	slave = open(slave_name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (null < 0 || slave < 0)
		return -errno;
	slave = fcntl(slave, F_DUPFD_CLOEXEC, 3);
	if (slave < 0 || dup2(null, 0) < 0 || dup2(slave, 1) < 0 || dup2(slave, 2) < 0)
		return -errno;
	close_others(lifted);
	return 0;
}

static int take_identity(const struct mv_command_opts *opts)
{
	int err = opts->user ? mv_command_become(opts->user) : 0;

	if (err || !opts->user)
		return err;
	if (opts->user->name[0] &&
	    (setenv("USER", opts->user->name, 1) || setenv("LOGNAME", opts->user->name, 1)))
		return -ENOMEM;
	if (opts->user->home[0] && setenv("HOME", opts->user->home, 1))
		return -ENOMEM;
	return 0;
}

/* Returns only on failure of exec; a workload ends the process. */
static int become_command(const struct mv_command_opts *opts, const char *slave_name, pid_t parent,
			  int *error_fd)
{
	int err = place_descriptors(slave_name, error_fd);

	if (err)
		return err;
	if (setsid() < 0)
		return -errno;
	err = take_identity(opts);
	if (err)
		return err;
	/* EINVAL: no Yama here, so no leave is needed. */
	if (opts->tracer_pid && prctl(PR_SET_PTRACER, (unsigned long)opts->tracer_pid, 0, 0, 0) < 0 &&
	    errno != EINVAL)
		return -errno;
	if (setenv("TERM", "dumb", 1))
		return -ENOMEM;
	if (opts->workload) {
		/* Asked for after the change of identity, which clears it; and so that the pages may be read.
		 */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_DUMPABLE, 1);
		if (getppid() != parent)
			_exit(1);
		reset_signals();
		close(*error_fd);
		_exit(opts->workload());
	}
	reset_signals();
	execvp(opts->argv[0], opts->argv);
	return -errno;
}

_Noreturn static void run_child(const struct mv_command_opts *opts, const char *slave_name, pid_t parent,
				int error_fd)
{
	int err = become_command(opts, slave_name, parent, &error_fd);
	ssize_t n;

	do
		n = write(error_fd, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	_exit(127);
}

/* ---- the caller's side ---- */

static int open_pty(const struct mv_command_opts *opts, char *slave_name, size_t cap)
{
	struct winsize size = {.ws_row = opts->rows ? opts->rows : 24,
			       .ws_col = opts->cols ? opts->cols : 80};
	struct termios modes;
	int err;
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (grantpt(fd) < 0 || unlockpt(fd) < 0 || tcgetattr(fd, &modes) < 0)
		goto fail;
	modes.c_oflag &= ~(tcflag_t)OPOST;
	modes.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (tcsetattr(fd, TCSANOW, &modes) < 0 || ioctl(fd, TIOCSWINSZ, &size) < 0)
		goto fail;
	errno = ptsname_r(fd, slave_name, cap);
	if (errno)
		goto fail;
	/* Opening the slave as another user needs that user to own it. */
	if (opts->user && chown(slave_name, opts->user->uid, (gid_t)-1) < 0)
		goto fail;
	return fd;
fail:
	err = -errno;
	close(fd);
	return err;
}

/* The child's word on how exec went: 0 when the pipe was closed by it. */
static int hear_child(int fd)
{
	int err = 0;
	ssize_t n;

	do
		n = read(fd, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 0 ? 0 : n == (ssize_t)sizeof(err) && err < 0 ? err : -EIO;
}

int mv_command_start(const struct mv_command_opts *opts, struct mv_command *ret_command)
{
	char slave_name[64];
	int pipe_fds[2];
	pid_t pid, parent = getpid();
	int err, pty = open_pty(opts, slave_name, sizeof(slave_name));

	if (pty < 0)
		return pty;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		err = -errno;
		close(pty);
		return err;
	}
	pid = fork();
	if (pid == 0)
		run_child(opts, slave_name, parent, pipe_fds[1]);
	err = pid < 0 ? -errno : 0;
	close(pipe_fds[1]);
	if (!err)
		err = hear_child(pipe_fds[0]);
	close(pipe_fds[0]);
	if (err) {
		close(pty);
		while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return err;
	}
	*ret_command = (struct mv_command){.pid = pid, .pty_fd = pty};
	return 0;
}
