/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/text.h"
#include "tui/batch.h"
#include "tui/loop.h"
#include "tui/loop_private.h"
#include "tui/privilege.h"

/*
 * One round: wait; drain the terminal; take in signals, keys and snapshots; state what is wanted; draw if
 * anything changed and the terminal has taken the frame before. Nothing here blocks but poll.
 */

#define FRAME_NS      (33 * UINT64_C(1000000)) /* between frames that no key asked for */
#define KEY_SUSPEND   26		       /* ^Z: the terminal is raw */
#define KEY_INTERRUPT 3

/* ---- start ---- */

static int complain(const char *what, int err)
{
	fprintf(stderr, "memview: %s: %s\n", what, strerror(-err));
	return MV_EXIT_COULD_NOT;
}

/* Who looks: root's own processes are mine only where nobody else has called sudo. */
static uid_t invoker(void)
{
	const char *text = getenv("SUDO_UID");
	struct mv_scan scan = {text, text ? text + strlen(text) : NULL};
	uint64_t uid;

	if (geteuid() == 0 && text && mv_scan_dec(&scan, &uid) && scan.at == scan.end && uid <= UINT32_MAX)
		return (uid_t)uid;
	return getuid();
}

/* Keeper first, while the privileges are there; then the terminal; then nobody's business is ours any more.
 */
static int start(struct mv_loop *loop)
{
	struct mv_theme plain;
	int err, status = mv_loop_start_session(loop);

	if (status)
		return status;
	loop->ctx.root = geteuid() == 0;
	loop->ctx.own_uid = (uint32_t)invoker();
	loop->ctx.own_uid_known = true;
	loop->signal_fd = mv_loop_take_signals();
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->signal_fd < 0 || loop->timer_fd < 0)
		return complain("can't take signals", loop->signal_fd < 0 ? loop->signal_fd : -errno);
	err = mv_loop_prepare(loop);
	if (!err)
		err = mv_canvas_init(&loop->canvas, 0, 0);
	if (err)
		return complain("can't start", err);
	mv_loop_guard_crashes();
	mv_theme_mono(&plain);
	err = mv_term_open(&plain, loop->options->mouse, &loop->term);
	if (err)
		return complain("can't use the terminal", err);
	if (loop->ctx.root && !getenv("SUDO_UID"))
		mv_theme_choose_keep(&loop->choice);
	err = mv_privilege_drop();
	if (err) {
		mv_term_close(loop->term);
		loop->term = NULL;
		return complain("can't drop its privileges", err);
	}
	mv_theme_choose(&loop->choice, loop->options->theme, loop->options->no_colour);
	mv_term_theme(loop->term, &loop->choice.theme);
	return MV_EXIT_DONE;
}

static void suspend(struct mv_loop *loop)
{
	struct signalfd_siginfo info;

	mv_term_suspend(loop->term);
	/* The SIGCONT that woke us needs no second answer. */
	while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP || info.ssi_signo == SIGQUIT) {
			loop->signal = (int)info.ssi_signo;
			loop->quit = true;
		}
	}
	mv_loop_refresh_context(loop);
	loop->dirty = true;
}

static void take_key(struct mv_loop *loop, struct mv_input input)
{
	loop->at_once = true;
	if (input.key == KEY_SUSPEND) {
		suspend(loop);
		return;
	}
	mv_loop_refresh_context(loop);
	mv_loop_effect(loop, mv_stack_input(loop->shown->stack, &loop->ctx, input));
}

static void resize(struct mv_loop *loop)
{
	int rows, cols;

	mv_term_size(loop->term, &rows, &cols);
	if (rows != loop->canvas.rows || cols != loop->canvas.cols)
		mv_canvas_resize(&loop->canvas, rows, cols); /* without memory the old size stays */
	loop->dirty = true;
}

static void take_signals(struct mv_loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch ((int)info.ssi_signo) {
		case SIGCONT: /* after a SIGSTOP: others have written to the terminal */
			mv_term_resume(loop->term);
			resize(loop);
			break;
		case SIGWINCH:
			resize(loop);
			break;
		case SIGTSTP:
			suspend(loop);
			break;
		case SIGINT:
			take_key(loop, (struct mv_input){.key = KEY_INTERRUPT});
			break;
		default: /* SIGTERM, SIGHUP, SIGQUIT */
			loop->signal = (int)info.ssi_signo;
			loop->quit = true;
		}
	}
}

/* ---- frames ---- */

static void draw(struct mv_loop *loop)
{
	mv_loop_refresh_context(loop);
	mv_stack_draw(loop->shown->stack, &loop->ctx, &loop->canvas);
	mv_term_show(loop->term, &loop->canvas);
	loop->dirty = false;
	loop->drawn_ns = loop->ctx.now_ns;
}

/* When to wake up though nothing comes: ages count up once a second, what fades does so in quarters. */
static uint64_t next_wake(const struct mv_loop *loop)
{
	uint64_t wake =
	    loop->drawn_ns + (loop->ctx.now_ns < loop->lit_until_ns ? MV_FADING_NS : MV_NS_PER_SEC);

	if (loop->dirty && wake > loop->drawn_ns + FRAME_NS)
		wake = loop->drawn_ns + FRAME_NS;
	return wake ? wake : 1; /* 0 would disarm */
}

static int wait(struct mv_loop *loop, short *ret_term_events)
{
	const uint64_t wake = next_wake(loop);
	const struct itimerspec at = {
	    .it_value = {(time_t)(wake / MV_NS_PER_SEC), (long)(wake % MV_NS_PER_SEC)}};
	struct pollfd waiters[3 + 8] = {{.fd = mv_term_fd(loop->term), .events = POLLIN},
					{.fd = loop->signal_fd, .events = POLLIN},
					{.fd = loop->timer_fd, .events = POLLIN}};
	int fds[8];
	size_t count = mv_loop_fds(loop, fds, MV_COUNT_OF(fds));
	uint64_t expirations;

	if (mv_term_pending(loop->term))
		waiters[0].events |= POLLOUT;
	for (size_t i = 0; i < count; i++)
		waiters[3 + i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
	if (poll(waiters, (nfds_t)(3 + count), -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (read(loop->timer_fd, &expirations, sizeof(expirations)) > 0 &&
	    mv_source_now(loop->source) >= wake)
		loop->dirty = true;
	*ret_term_events = waiters[0].revents;
	return 0;
}

static void run(struct mv_loop *loop)
{
	loop->at_once = true;
	resize(loop);
	mv_loop_refresh_context(loop);
	if (loop->choice.warning.len)
		mv_stack_hint(loop->shown->stack, mv_build_text(&loop->choice.warning),
			      loop->ctx.now_ns + MV_HINT_NS);
	while (!loop->quit) {
		struct mv_input input;
		short term_events = 0;

		mv_loop_state_wants(loop);
		if (loop->dirty && !mv_term_pending(loop->term) &&
		    (loop->at_once || mv_source_now(loop->source) >= loop->drawn_ns + FRAME_NS)) {
			draw(loop);
			loop->at_once = false;
		}
		if (mv_term_drain(loop->term) < 0 || wait(loop, &term_events) < 0 ||
		    mv_term_drain(loop->term) < 0) {
			loop->signal = SIGHUP; /* the terminal has gone */
			return;
		}
		take_signals(loop);
		mv_loop_take_sessions(loop);
		while (!loop->quit && mv_term_input(loop->term, &input))
			take_key(loop, input);
		if (term_events & (POLLHUP | POLLERR | POLLNVAL)) {
			loop->signal = SIGHUP;
			return;
		}
		mv_loop_refresh_context(loop);
		mv_loop_measure_cost(loop);
	}
}

/* ---- end ---- */

/* What COMMAND printed and how it ended; kept beyond the session. */
struct epilogue {
	char *output;
	size_t len;
	int pid;
	bool ended, known;
	int status;
};

static struct epilogue last_words(const struct mv_loop *loop)
{
	const struct mv_keeper_status *status = mv_session_status(loop->home.session);
	struct epilogue words = {.pid = status->pid,
				 .ended = status->exited,
				 .known = status->exit_known,
				 .status = status->exit_status};
	const char *output = mv_session_output(loop->home.session, &words.len);

	words.output = words.len ? malloc(words.len) : NULL;
	if (words.output)
		memcpy(words.output, output, words.len);
	return words;
}

static void print_last_words(const struct mv_loop *loop, const struct epilogue *words)
{
	if (words->output)
		mv_batch_print_output(words->output, words->len);
	if (words->ended)
		mv_batch_print_end(words->pid, words->known, words->status);
	else if (loop->leave == MV_LEAVE_RUNNING)
		fprintf(stderr, "memview: %d is left running\n", words->pid);
	else
		fprintf(stderr, "memview: %d was ended\n", words->pid);
}

static void release(struct mv_loop *loop)
{
	struct epilogue words = {0};
	const bool command = loop->home.session && loop->options->mode == MV_MODE_COMMAND;

	mv_term_close(loop->term);
	if (command)
		words = last_words(loop);
	mv_loop_end_sessions(loop);
	if (command && loop->term)
		print_last_words(loop, &words);
	if (loop->choice.warning.len && loop->term)
		fprintf(stderr, "memview: %s\n", mv_build_text(&loop->choice.warning).text);
	free(words.output);
	mv_canvas_release(&loop->canvas);
	mv_loop_users_release(loop);
	mv_theme_choose_release(&loop->choice);
	mv_source_free(loop->source);
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
}

int mv_loop_run(const struct mv_options *options)
{
	struct mv_loop *loop;
	char message[256];
	int status, signal;

	if (mv_term_probe(message, sizeof(message)) < 0) {
		fprintf(stderr, "memview: %s\n", message);
		return MV_EXIT_COULD_NOT;
	}
	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return complain("can't start", -ENOMEM);
	loop->options = options;
	loop->signal_fd = loop->timer_fd = -1;
	loop->leave = MV_LEAVE_END;
	loop->ctx.interval_ms = options->interval_ms;
	loop->ctx.own_cpu_percent = -1;
	status = start(loop);
	if (!status)
		run(loop);
	signal = loop->signal;
	release(loop);
	free(loop);
	if (signal)
		mv_loop_die_by(signal);
	return status;
}
