/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/command.h"

/* All that it prints until it ends. */
static void read_all(int fd, char *out, size_t cap)
{
	size_t len = 0;

	for (;;) {
		struct pollfd waiter = {.fd = fd, .events = POLLIN};
		ssize_t n;

		assert_true(poll(&waiter, 1, 10000) > 0);
		n = read(fd, out + len, cap - 1 - len);
		if (n < 0 && errno == EIO)
			break;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		assert_true(n > 0);
		len += (size_t)n;
		assert_true(len < cap - 1);
	}
	out[len] = '\0';
}

static int run(const struct mv_command_opts *opts, char *out, size_t cap)
{
	struct mv_command command;
	int status;

	assert_int_equal(mv_command_start(opts, &command), 0);
	assert_int_equal(fcntl(command.pty_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	read_all(command.pty_fd, out, cap);
	close(command.pty_fd);
	assert_int_equal(waitpid(command.pid, &status, 0), command.pid);
	return status;
}

static int run_shell(const char *script, char *out, size_t cap)
{
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(script), NULL};
	const struct mv_command_opts opts = {.argv = argv};
	int status = run(&opts, out, cap);

	free(argv[2]);
	return status;
}

static void test_output_and_status(void **state)
{
	char out[4096];
	int status = run_shell("echo one; echo two >&2; printf '\\033[31m'; exit 7", out, sizeof(out));

	(void)state;
	assert_string_equal(out, "one\ntwo\n\033[31m");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_surroundings(void **state)
{
	char out[4096];
	int leaked = open("/dev/zero", O_RDONLY); /* not close-on-exec */

	(void)state;
	assert_true(leaked > 2);
	/* Nothing but 0, 1, 2; 3 is the listing's own directory. stdin is empty; own session; a terminal
	 * outside. */
	run_shell("cat; ls /proc/self/fd | tr '\\n' ' '; test -t 1 && echo tty; echo $TERM; stty size <&1; "
		  "(: </dev/tty) 2>/dev/null || echo no controlling terminal; "
		  "test \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$ && echo leader",
		  out, sizeof(out));
	assert_string_equal(out, "0 1 2 3 tty\ndumb\n24 80\nno controlling terminal\nleader\n");
	close(leaked);
}

static void test_signals_are_plain(void **state)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	sigset_t blocked, old;
	uint64_t blk, ign;
	char out[4096];

	(void)state;
	sigaction(SIGPIPE, &ignore, &before);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &old);
	run_shell("grep -E '^Sig(Blk|Ign)' /proc/self/status", out, sizeof(out));
	/* 32 and 33 are the C library's own: whoever started us may have left them ignored, and nobody can
	 * change them. */
	assert_int_equal(sscanf(out, "SigBlk: %" SCNx64 " SigIgn: %" SCNx64, &blk, &ign), 2);
	assert_int_equal(blk, 0);
	assert_int_equal(ign & ~(UINT64_C(3) << 31), 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	sigaction(SIGPIPE, &before, NULL);
}

static void refuse(const char *name, int expected)
{
	char *const argv[] = {strdup(name), NULL};
	const struct mv_command_opts opts = {.argv = argv};
	struct mv_command command = {.pid = -7, .pty_fd = -7};

	assert_int_equal(mv_command_start(&opts, &command), expected);
	assert_int_equal(command.pid, -7);
	assert_int_equal(command.pty_fd, -7);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	free(argv[0]);
}

static void test_exec_failures(void **state)
{
	(void)state;
	refuse("mv-no-such-command", -ENOENT);
	refuse("/etc/passwd", -EACCES);
	refuse("/nowhere/at/all", -ENOENT);
	refuse("", -ENOENT);
}

static int work(void)
{
	static const char said[] = "working\n";

	if (write(1, said, sizeof(said) - 1) != sizeof(said) - 1 || fcntl(3, F_GETFD) >= 0 ||
	    getsid(0) != getpid())
		return 1;
	return 42;
}

static void test_workload(void **state)
{
	const struct mv_command_opts opts = {.workload = work};
	char out[256];
	int status = run(&opts, out, sizeof(out));

	(void)state;
	assert_string_equal(out, "working\n");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

static void test_closing_the_pty_leaves_it_running(void **state)
{
	char *const argv[] = {(char[]){"cat"}, (char[]){"/dev/zero"}, NULL};
	char *const quiet[] = {(char[]){"sleep"}, (char[]){"1000"}, NULL};
	struct mv_command_opts opts = {.argv = quiet};
	struct mv_command command;
	int status;

	(void)state;
	assert_int_equal(mv_command_start(&opts, &command), 0);
	close(command.pty_fd);
	assert_int_equal(kill(command.pid, SIGTERM), 0);
	assert_int_equal(waitpid(command.pid, &status, 0), command.pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM); /* and not SIGHUP, which would have come first */

	/* One that prints gets an error instead. */
	opts.argv = argv;
	assert_int_equal(mv_command_start(&opts, &command), 0);
	close(command.pty_fd);
	assert_int_equal(waitpid(command.pid, &status, 0), command.pid);
	assert_true(WIFEXITED(status));
}

static void test_another_user(void **state)
{
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"},
			      (char[]){"id -u; id -g; id -G; echo $HOME $USER"}, NULL};
	struct mv_user user = {.uid = 1234, .gid = 2345, .groups_count = 2, .groups = {2345, 3456}};
	const struct mv_command_opts opts = {.argv = argv, .user = &user};
	char out[4096];

	(void)state;
	if (geteuid() != 0) {
		print_message("not root: can't become another user\n");
		skip();
	}
	strcpy(user.name, "someone");
	strcpy(user.home, "/nowhere");
	run(&opts, out, sizeof(out));
	assert_string_equal(out, "1234\n2345\n2345 3456\n/nowhere someone\n");
}

static void test_invoker(void **state)
{
	struct mv_user user;

	(void)state;
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	mv_command_invoker(&user);
	assert_int_equal(user.uid, 65534);
	assert_int_not_equal(user.gid, 0);
	setenv("SUDO_UID", "1987654", 1);
	setenv("SUDO_GID", "1987655", 1);
	mv_command_invoker(&user);
	assert_int_equal(user.uid, 1987654);
	assert_int_equal(user.gid, 1987655);
	assert_int_equal(user.groups_count, 1);
	assert_int_equal(user.groups[0], 1987655);
	for (size_t i = 0; i < 4; i++) {
		static const char *const bad[] = {"0", "-1", "12x", "99999999999999"};

		setenv("SUDO_UID", bad[i], 1);
		mv_command_invoker(&user);
		assert_int_equal(user.uid, 65534);
	}
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_output_and_status),
	    cmocka_unit_test(test_surroundings),
	    cmocka_unit_test(test_signals_are_plain),
	    cmocka_unit_test(test_exec_failures),
	    cmocka_unit_test(test_workload),
	    cmocka_unit_test(test_closing_the_pty_leaves_it_running),
	    cmocka_unit_test(test_another_user),
	    cmocka_unit_test(test_invoker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
