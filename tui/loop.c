/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tui/batch.h"
#include "tui/demo.h"
#include "tui/loop.h"
#include "tui/loop_private.h"
#include "tui/privilege.h"

/*
 * One round: wait; drain the terminal; take in signals, keys and snapshots; state what is wanted; draw if
 * anything changed and the terminal has taken the frame before. Nothing here blocks but poll.
 */

#define FRAME_NS      (33 * UINT64_C(1000000))	/* between frames that no key asked for */
#define FADING_NS     (250 * UINT64_C(1000000)) /* between frames while something fades */
#define KEY_SUSPEND   26			/* ^Z: the terminal is raw */
#define KEY_INTERRUPT 3

/* ---- start ---- */

static int complain(const char *what, int err)
{
	fprintf(stderr, "memview: %s: %s\n", what, strerror(-err));
	return MV_EXIT_COULD_NOT;
}

static int start_session(struct mv_loop *loop)
{
	const struct mv_options *o = loop->options;
	struct mv_session_opts opts = {0};
	int pid = 0, err, status = mv_choose_source(o, &opts.source, &loop->source);

	if (!status && o->who)
		status = mv_choose_process(loop->source, o, &pid);
	if (status)
		return status;
	if (o->proc_root) {
		fputs("memview: --proc-root has no live process: add --dump, or use report, json\n", stderr);
		return MV_EXIT_USAGE;
	}
	opts.pid = pid;
	opts.command = o->mode == MV_MODE_COMMAND ? o->command : NULL;
	opts.workload = o->mode == MV_MODE_DEMO ? mv_demo_run : NULL;
	opts.drop_command_user = opts.command && geteuid() == 0 && getenv("SUDO_UID");
	err = mv_session_start(&opts, &loop->session);
	if (err == -ESRCH && pid) /* it was there a moment ago */
		return mv_choose_ended(pid);
	if (err && opts.command)
		mv_choose_explain_command(o->command[0], err);
	else if (err)
		mv_choose_explain(loop->source, pid, err);
	return err ? MV_EXIT_COULD_NOT : MV_EXIT_DONE;
}

/* Keeper first, while the privileges are there; then the terminal; then nobody's business is ours any more.
 */
static int start(struct mv_loop *loop)
{
	const struct mv_place nowhere = {0};
	struct mv_theme plain;
	int err, status = start_session(loop);

	if (status)
		return status;
	loop->ctx.root = geteuid() == 0;
	loop->signal_fd = mv_loop_take_signals();
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->signal_fd < 0 || loop->timer_fd < 0)
		return complain("can't take signals", loop->signal_fd < 0 ? loop->signal_fd : -errno);
	err = mv_delta_new(&loop->delta);
	if (!err)
		err = mv_stack_new(MV_VIEW_MAP, &nowhere, &loop->stack);
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

/* ---- what views see ---- */

/* One lookup per user: the names' server may be slow. */
static void name_user(struct mv_loop *loop)
{
	const struct mv_snapshot *snap = loop->ctx.snap;
	const struct passwd *entry;

	if (!snap || !mv_have(&snap->status.uid) ||
	    (loop->user[0] && loop->user_uid == snap->status.uid.value))
		return;
	loop->user_uid = (uint32_t)snap->status.uid.value;
	entry = getpwuid((uid_t)loop->user_uid);
	if (entry)
		mv_clean_into(loop->user, sizeof(loop->user), entry->pw_name, strlen(entry->pw_name));
	else
		snprintf(loop->user, sizeof(loop->user), "%u", (unsigned)loop->user_uid);
}

static void refresh_context(struct mv_loop *loop)
{
	struct mv_context *ctx = &loop->ctx;

	ctx->snap = mv_session_snapshot(loop->session);
	ctx->delta = loop->delta;
	ctx->status = mv_session_status(loop->session);
	ctx->now_ns = mv_source_now(loop->source);
	ctx->now_real_ns = mv_source_now_real(loop->source);
	ctx->ascii = loop->options->ascii || mv_term_wants_ascii(loop->term);
	loop->canvas.ascii = ctx->ascii;
	ctx->page_cols = loop->choice.theme.cell ? loop->choice.theme.cell : 1;
	ctx->mono = loop->choice.theme.mono || !mv_term_colours(loop->term);
	ctx->theme = mv_clean_trusted(loop->choice.theme.name);
	ctx->has_output = loop->options->mode == MV_MODE_COMMAND;
	ctx->output = mv_session_output(loop->session, &ctx->output_len);
	name_user(loop);
	ctx->user = mv_clean_trusted(loop->user);
}

static void state_want(struct mv_loop *loop)
{
	struct mv_want want;

	mv_stack_want(loop->stack, &loop->ctx, loop->canvas.rows, loop->canvas.cols, &want);
	want.seq = loop->want.seq;
	if (want.seq && memcmp(&want, &loop->want, sizeof(want)) == 0)
		return;
	want.seq++;
	loop->want = want;
	mv_session_want(loop->session, &loop->want);
}

/* ---- what happens ---- */

/* What is lit fades by time alone, without news. */
static void note_lit(struct mv_loop *loop)
{
	const struct mv_snapshot *snap = loop->ctx.snap;
	size_t ghosts;

	mv_delta_ghosts(loop->delta, &ghosts);
	if (ghosts || snap->maps_gen != loop->maps_gen)
		loop->lit_until_ns = loop->ctx.now_ns + MV_LIT_NS + FADING_NS;
	loop->maps_gen = snap->maps_gen;
}

/* `memview demo` opens on its mapping's pages, once that is there. */
static void open_demo(struct mv_loop *loop)
{
	struct mv_place place = {0};
	struct mv_stack *stack;

	if (loop->options->mode != MV_MODE_DEMO || loop->opened_demo)
		return;
	place.mapping = mv_demo_mapping(loop->ctx.snap);
	if (!place.mapping)
		return;
	loop->opened_demo = true;
	if (mv_stack_new(MV_VIEW_MAP, &place, &stack) < 0)
		return;
	if (mv_stack_input(stack, &loop->ctx, (struct mv_input){.key = MV_KEY_ENTER}) == MV_EFFECT_NONE) {
		mv_stack_free(stack);
		return;
	}
	mv_stack_free(loop->stack);
	loop->stack = stack;
}

static void take_session(struct mv_loop *loop)
{
	const unsigned events = mv_session_dispatch(loop->session);

	if (!events)
		return;
	refresh_context(loop);
	if (events & MV_EVENT_STATUS)
		mv_delta_feed_counters(loop->delta, &loop->ctx.status->counters);
	if ((events & MV_EVENT_SNAPSHOT) && loop->ctx.snap) {
		mv_delta_feed(loop->delta, loop->ctx.snap); /* without memory this change is lost */
		loop->at_once = loop->at_once || !loop->seen_any;
		loop->seen_any = true;
		note_lit(loop);
		open_demo(loop);
	}
	if (events & MV_EVENT_LOST)
		loop->ctx.lost = true;
	loop->dirty = true;
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
	refresh_context(loop);
	loop->dirty = true;
}

static void take_key(struct mv_loop *loop, struct mv_input input)
{
	loop->at_once = true;
	if (input.key == KEY_SUSPEND) {
		suspend(loop);
		return;
	}
	refresh_context(loop);
	mv_loop_effect(loop, mv_stack_input(loop->stack, &loop->ctx, input));
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
	refresh_context(loop);
	mv_stack_draw(loop->stack, &loop->ctx, &loop->canvas);
	mv_term_show(loop->term, &loop->canvas);
	loop->dirty = false;
	loop->drawn_ns = loop->ctx.now_ns;
}

/* When to wake up though nothing comes: ages count up once a second, what fades does so in quarters. */
static uint64_t next_wake(const struct mv_loop *loop)
{
	uint64_t wake = loop->drawn_ns + (loop->ctx.now_ns < loop->lit_until_ns ? FADING_NS : MV_NS_PER_SEC);

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
	size_t count = mv_session_fds(loop->session, fds, MV_COUNT_OF(fds));
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
	refresh_context(loop);
	if (loop->choice.warning.len)
		mv_stack_hint(loop->stack, mv_build_text(&loop->choice.warning),
			      loop->ctx.now_ns + MV_HINT_NS);
	while (!loop->quit) {
		struct mv_input input;
		short term_events = 0;

		state_want(loop);
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
		take_session(loop);
		while (!loop->quit && mv_term_input(loop->term, &input))
			take_key(loop, input);
		if (term_events & (POLLHUP | POLLERR | POLLNVAL)) {
			loop->signal = SIGHUP;
			return;
		}
		refresh_context(loop);
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
	const struct mv_keeper_status *status = mv_session_status(loop->session);
	struct epilogue words = {.pid = status->pid,
				 .ended = status->exited,
				 .known = status->exit_known,
				 .status = status->exit_status};
	const char *output = mv_session_output(loop->session, &words.len);

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
	const bool command = loop->session && loop->options->mode == MV_MODE_COMMAND;

	mv_term_close(loop->term);
	if (command)
		words = last_words(loop);
	if (loop->session)
		mv_session_end(loop->session, loop->leave);
	if (command && loop->term)
		print_last_words(loop, &words);
	if (loop->choice.warning.len && loop->term)
		fprintf(stderr, "memview: %s\n", mv_build_text(&loop->choice.warning).text);
	free(words.output);
	mv_canvas_release(&loop->canvas);
	mv_stack_free(loop->stack);
	mv_delta_free(loop->delta);
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
