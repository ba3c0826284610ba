/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tui/tty.h"

#define GIVE_BACK_MS 100
#define READ_BYTES   65536
#define PIPE_BYTES   (1024 * 1024)

/* What brings the terminal back, for the crash handler too: plain memory, written before it is armed. */
static struct rescue {
	volatile sig_atomic_t armed;
	volatile sig_atomic_t cut; /* a sequence may have gone out in part */
	int fd;
	struct termios saved;
	char text[256];
	size_t len;
} rescue;

int mv_tty_open_fd(void)
{
	const int flags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
	int fd = open("/dev/tty", flags);

	/* No controlling terminal, as under some test drivers: the one that our output goes to will do. */
	for (int i = STDOUT_FILENO; fd < 0 && i >= STDIN_FILENO; i--) {
		const char *name = isatty(i) ? ttyname(i) : NULL;

		if (name)
			fd = open(name, flags);
	}
	return fd < 0 ? -ENOTTY : fd;
}

static int open_pipe(struct mv_tty *tty, FILE **ret_out, size_t *ret_bytes)
{
	int ends[2], bytes;
	FILE *out;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	tty->pipe_fd = ends[0];
	out = fdopen(ends[1], "w");
	if (!out) {
		close(ends[1]);
		return -ENOMEM;
	}
	/* A user who has many pipes gets a smaller one. */
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
	bytes = fcntl(ends[1], F_GETPIPE_SZ);
	*ret_bytes = bytes > 0 ? (size_t)bytes : 4096;
	*ret_out = out;
	return 0;
}

int mv_tty_init(struct mv_tty *tty, FILE **ret_in, FILE **ret_out, size_t *ret_pipe_bytes)
{
	FILE *in;
	int fd, err;

	*tty = (struct mv_tty){.fd = mv_tty_open_fd(), .pipe_fd = -1};
	if (tty->fd < 0)
		return tty->fd;
	fd = fcntl(tty->fd, F_DUPFD_CLOEXEC, 3);
	in = fd < 0 ? NULL : fdopen(fd, "r");
	err = in ? open_pipe(tty, ret_out, ret_pipe_bytes) : -ENOMEM;
	if (err < 0) {
		if (in)
			fclose(in);
		else if (fd >= 0)
			close(fd);
		mv_tty_release(tty);
		return err;
	}
	*ret_in = in;
	return 0;
}

void mv_tty_release(struct mv_tty *tty)
{
	if (tty->pipe_fd >= 0)
		close(tty->pipe_fd);
	if (tty->fd >= 0)
		close(tty->fd);
	free(tty->data);
	*tty = (struct mv_tty){.fd = -1, .pipe_fd = -1};
}

int mv_tty_take(struct mv_tty *tty)
{
	struct termios raw;

	if (tcgetattr(tty->fd, &rescue.saved) < 0)
		return -errno;
	raw = rescue.saved;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	rescue.cut = 0;
	return tcsetattr(tty->fd, TCSANOW, &raw) < 0 ? -errno : 0;
}

bool mv_tty_is_raw(const struct mv_tty *tty)
{
	struct termios now;

	return tcgetattr(tty->fd, &now) == 0 && !(now.c_lflag & ICANON);
}

/* ---- output ---- */

static bool make_room(struct mv_tty *tty, size_t more)
{
	size_t cap = tty->cap ? tty->cap : READ_BYTES;
	char *data;

	if (tty->start && tty->start + tty->len + more > tty->cap) {
		memmove(tty->data, tty->data + tty->start, tty->len);
		tty->start = 0;
	}
	while (cap < tty->start + tty->len + more)
		cap *= 2;
	if (cap == tty->cap)
		return true;
	data = realloc(tty->data, cap);
	if (!data)
		return false;
	tty->data = data;
	tty->cap = cap;
	return true;
}

int mv_tty_queue(struct mv_tty *tty, const char *text)
{
	size_t n = strlen(text);

	if (!make_room(tty, n))
		return -ENOMEM;
	memcpy(tty->data + tty->start + tty->len, text, n);
	tty->len += n;
	return 0;
}

void mv_tty_discard(struct mv_tty *tty)
{
	char scrap[4096];

	while (read(tty->pipe_fd, scrap, sizeof(scrap)) > 0)
		;
	if (tty->len)
		rescue.cut = 1;
	tty->start = tty->len = 0;
}

int mv_tty_collect(struct mv_tty *tty)
{
	ssize_t n;

	do {
		if (!make_room(tty, READ_BYTES)) {
			mv_tty_discard(tty);
			return -ENOMEM;
		}
		n = read(tty->pipe_fd, tty->data + tty->start + tty->len, READ_BYTES);
		if (n > 0)
			tty->len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return 0;
}

int mv_tty_drain(struct mv_tty *tty)
{
	while (tty->len) {
		ssize_t n = write(tty->fd, tty->data + tty->start, tty->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -EIO;
		tty->start += (size_t)n;
		tty->len -= (size_t)n;
		rescue.cut = tty->len > 0;
	}
	tty->start = 0;
	return 0;
}

/* ---- the way back ---- */

void mv_tty_rescue_begin(void)
{
	rescue.armed = 0;
	rescue.len = 0;
}

/* Without padding ($<5>), which means nothing to what terminals are today. */
void mv_tty_rescue_add(const char *text)
{
	if (!text || text == (const char *)-1)
		return;
	while (*text && rescue.len < sizeof(rescue.text)) {
		const char *end = text[0] == '$' && text[1] == '<' ? strchr(text, '>') : NULL;

		if (end)
			text = end + 1;
		else
			rescue.text[rescue.len++] = *text++;
	}
}

void mv_tty_rescue_arm(const struct mv_tty *tty)
{
	rescue.fd = tty->fd;
	rescue.armed = 1;
}

void mv_tty_rescue(void)
{
	int saved_errno = errno;
	sigset_t ttou, before;
	ssize_t n = 1;

	if (!rescue.armed)
		return;
	rescue.armed = 0;
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, &before);
	/* CAN ends a sequence that went out in part. */
	if (rescue.cut)
		n = write(rescue.fd, "\030", 1);
	if (n > 0)
		n = write(rescue.fd, rescue.text, rescue.len);
	(void)n; /* what a stalled terminal does not take is lost: the modes matter more */
	tcsetattr(rescue.fd, TCSANOW, &rescue.saved);
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved_errno;
}

void mv_tty_give_back(struct mv_tty *tty, bool drop_input)
{
	struct pollfd room = {.fd = tty->fd, .events = POLLOUT};

	if (poll(&room, 1, GIVE_BACK_MS) <= 0 || !(room.revents & POLLOUT)) {
		tcflush(tty->fd, TCOFLUSH);
		rescue.cut = 1;
	}
	if (drop_input)
		tcflush(tty->fd, TCIFLUSH);
	mv_tty_rescue();
}
