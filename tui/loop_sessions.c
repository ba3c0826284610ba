/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/demo.h"
#include "tui/loop_private.h"

/*
 * What is watched, and which of it is shown. Each session goes on while another is shown, and wants then only
 * what histories need; a process that was opened from the machine ends when it is left.
 */

#define WATCHED_MAX 3

static void each_watched(struct mv_loop *loop, struct mv_watched *all[WATCHED_MAX])
{
	all[0] = &loop->guest;
	all[1] = &loop->machine;
	all[2] = &loop->home;
}

static bool is_command(const struct mv_loop *loop)
{
	return loop->options->mode == MV_MODE_COMMAND || loop->options->mode == MV_MODE_DEMO;
}

/* ---- start ---- */

int mv_loop_start_session(struct mv_loop *loop)
{
	const struct mv_options *o = loop->options;
	struct mv_session_opts opts = {0};
	int pid = 0, err, status = mv_choose_source(o, &opts.source, &loop->source);

	if (!status && o->who)
		status = mv_choose_or_list(loop->source, o, &pid);
	if (status)
		return status;
	if (o->proc_root) {
		fputs("memview: --proc-root has no live process: add --dump, or use report, json\n", stderr);
		return MV_EXIT_USAGE;
	}
	opts.pid = pid;
	opts.machine = !pid && !is_command(loop);
	opts.command = o->mode == MV_MODE_COMMAND ? o->command : NULL;
	opts.workload = o->mode == MV_MODE_DEMO ? mv_demo_run : NULL;
	opts.drop_command_user = opts.command && geteuid() == 0 && getenv("SUDO_UID");
	loop->shown = opts.machine ? &loop->machine : &loop->home;
	loop->filter = opts.machine ? o->who : NULL;
	err = mv_session_start(&opts, &loop->shown->session);
	if (err == -ESRCH && pid) /* it was there a moment ago */
		return mv_choose_ended(pid);
	if (err && opts.command)
		mv_choose_explain_command(o->command[0], err);
	else if (err && opts.machine)
		fprintf(stderr, "memview: can't watch the machine: %s\n", strerror(-err));
	else if (err)
		mv_choose_explain(loop->source, pid, err);
	return err ? MV_EXIT_COULD_NOT : MV_EXIT_DONE;
}

/* Stack and histories of what has a session now; what there is already stays. */
static int equip(struct mv_loop *loop, struct mv_watched *w, int pid)
{
	const bool machine = w == &loop->machine;
	const struct mv_place place = {.pid = pid};
	int err = w->delta ? 0 : mv_delta_new(&w->delta);

	if (!err && machine && !loop->history)
		err = mv_machine_history_new(&loop->history);
	if (!err && !w->stack)
		err = mv_stack_new(machine ? MV_VIEW_MACHINE : MV_VIEW_MAP, &place, &w->stack);
	return err;
}

int mv_loop_prepare(struct mv_loop *loop)
{
	return equip(loop, loop->shown, 0);
}

/* ---- what views see ---- */

void mv_loop_refresh_context(struct mv_loop *loop)
{
	const struct mv_watched *w = loop->shown;
	struct mv_context *ctx = &loop->ctx;

	ctx->snap = mv_session_snapshot(w->session);
	ctx->delta = w->delta;
	ctx->machine = loop->machine.session ? mv_session_machine(loop->machine.session) : NULL;
	ctx->history = loop->machine.session ? loop->history : NULL;
	ctx->status = mv_session_status(w->session);
	ctx->lost = w->lost;
	ctx->now_ns = mv_source_now(loop->source);
	ctx->now_real_ns = mv_source_now_real(loop->source);
	ctx->ascii = loop->options->ascii || mv_term_wants_ascii(loop->term);
	loop->canvas.ascii = ctx->ascii;
	ctx->page_cols = loop->choice.theme.cell ? loop->choice.theme.cell : 1;
	ctx->mono = loop->choice.theme.mono || !mv_term_colours(loop->term);
	ctx->theme = mv_clean_trusted(loop->choice.theme.name);
	ctx->has_output = loop->options->mode == MV_MODE_COMMAND;
	ctx->command = ctx->has_output ? mv_session_status(loop->home.session) : NULL;
	if (ctx->has_output)
		ctx->output = mv_session_output(loop->home.session, &ctx->output_len);
	ctx->has_machine = loop->machine.session != NULL;
	ctx->home =
	    w == &loop->machine && loop->home.session ? mv_session_status(loop->home.session)->pid : 0;
	ctx->users = loop->users.at;
	ctx->users_count = loop->users.count;
	ctx->user = ctx->snap && mv_have(&ctx->snap->status.uid)
			? mv_loop_user(loop, (uint32_t)ctx->snap->status.uid.value)
			: MV_TEXT("");
}

/* ---- what is wanted ---- */

/* Of what is not shown: histories go on, at the same pace. */
static void want_history(const struct mv_loop *loop, struct mv_session *session)
{
	const uint32_t interval_ms = loop->ctx.paused ? 0 : loop->ctx.interval_ms;
	const struct mv_want process = {
	    .facts = MV_FACT_MAPS | MV_FACT_PAGES, .interval_ms = interval_ms, .cell_pages = 1};
	const struct mv_machine_want machine = {
	    .facts = MV_MACHINE_TASKS, .interval_ms = interval_ms, .cell_frames = 1};

	mv_session_want(session, &process);
	mv_session_machine_want(session, &machine);
}

void mv_loop_state_wants(struct mv_loop *loop)
{
	struct mv_watched *all[WATCHED_MAX], *w = loop->shown;

	each_watched(loop, all);
	for (size_t i = 0; i < WATCHED_MAX; i++)
		if (all[i]->session && all[i] != w)
			want_history(loop, all[i]->session);
	if (w == &loop->machine) {
		struct mv_machine_want want;

		mv_stack_want_machine(w->stack, &loop->ctx, loop->canvas.rows, loop->canvas.cols, &want);
		mv_session_machine_want(w->session, &want);
	} else {
		struct mv_want want;

		mv_stack_want(w->stack, &loop->ctx, loop->canvas.rows, loop->canvas.cols, &want);
		mv_session_want(w->session, &want);
	}
}

/* ---- what arrives ---- */

/* What is lit fades by time alone, without news. */
static void note_lit(struct mv_loop *loop, struct mv_watched *w)
{
	const struct mv_snapshot *snap = mv_session_snapshot(w->session);
	size_t ghosts;

	mv_delta_ghosts(w->delta, &ghosts);
	if (w == loop->shown && (ghosts || snap->maps_gen != w->maps_gen))
		loop->lit_until_ns = loop->ctx.now_ns + MV_LIT_NS + MV_FADING_NS;
	w->maps_gen = snap->maps_gen;
}

/* `memview demo` opens on its mapping's pages, once that is there. */
static void open_demo(struct mv_loop *loop)
{
	struct mv_place place = {0};
	struct mv_stack *stack;

	if (loop->options->mode != MV_MODE_DEMO || loop->opened_demo || loop->shown != &loop->home)
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
	mv_stack_free(loop->home.stack);
	loop->home.stack = stack;
}

/* `memview NAME` where several bear the name; the kernel keeps MV_COMM_BYTES of it. */
static void filter(struct mv_loop *loop)
{
	char name[MV_COMM_BYTES];

	if (!loop->filter || loop->shown != &loop->machine)
		return;
	snprintf(name, sizeof(name), "%s", loop->filter);
	loop->filter = NULL;
	mv_stack_filter(loop->machine.stack, &loop->ctx, name);
}

/* Every picture is fed, shown or not: what grew meanwhile is asked for afterwards. Without memory a change is
 * lost. */
static void feed(struct mv_loop *loop, struct mv_watched *w, unsigned events)
{
	const struct mv_machine_snapshot *machine = mv_session_machine(w->session);
	const struct mv_snapshot *snap = mv_session_snapshot(w->session);

	if ((events & MV_EVENT_STATUS) && w != &loop->machine)
		mv_delta_feed_counters(w->delta, &mv_session_status(w->session)->counters);
	if (!(events & MV_EVENT_SNAPSHOT) || (!machine && !snap))
		return;
	if (w == loop->shown && !w->seen)
		loop->at_once = true;
	w->seen = true;
	if (machine) {
		mv_machine_history_feed(loop->history, machine);
		filter(loop);
	} else {
		mv_delta_feed(w->delta, snap);
		note_lit(loop, w);
		open_demo(loop);
	}
	mv_loop_name_users(loop);
}

void mv_loop_take_sessions(struct mv_loop *loop)
{
	struct mv_watched *all[WATCHED_MAX];

	each_watched(loop, all);
	for (size_t i = 0; i < WATCHED_MAX; i++) {
		struct mv_watched *w = all[i];
		const unsigned events = w->session ? mv_session_dispatch(w->session) : 0;

		if (!events)
			continue;
		w->lost = w->lost || events & MV_EVENT_LOST;
		mv_loop_refresh_context(loop);
		feed(loop, w, events);
		loop->dirty = true;
	}
}

size_t mv_loop_fds(const struct mv_loop *loop, int *fds, size_t cap)
{
	const struct mv_watched *all[] = {&loop->machine, &loop->home, &loop->guest};
	size_t n = 0;

	for (size_t i = 0; i < MV_COUNT_OF(all); i++)
		if (all[i]->session)
			n += mv_session_fds(all[i]->session, fds + n, cap - n);
	return n;
}

/* ---- from one to the other ---- */

/* Neither waits for the end of what is left. A COMMAND is never left so. */
static void forget(struct mv_watched *w)
{
	if (w->session)
		mv_session_end(w->session, MV_LEAVE_RUNNING);
	mv_stack_free(w->stack);
	mv_delta_free(w->delta);
	*w = (struct mv_watched){0};
}

static void show(struct mv_loop *loop, struct mv_watched *w)
{
	loop->shown = w;
	loop->lit_until_ns = 0;
	mv_loop_refresh_context(loop);
	loop->dirty = loop->at_once = true;
}

static void say(struct mv_loop *loop, const char *words)
{
	char clean[256];
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, mv_clean_into(clean, sizeof(clean), words, strlen(words)));
	mv_loop_hint(loop, &b);
}

static void say_why_not(struct mv_loop *loop, int pid, int err)
{
	char words[200];

	if (err == -EPIPE)
		snprintf(words, sizeof(words), "memview's reader has gone: start it again to open a process");
	else if (err == -ETIMEDOUT || err == -EAGAIN)
		snprintf(words, sizeof(words), "memview's reader does not answer: try again");
	else if (err == -ESRCH && mv_source_thread_group(loop->source, pid) <= 0)
		snprintf(words, sizeof(words), "%d has ended", pid);
	else
		mv_choose_words(loop->source, pid, err, loop->ctx.root, words, sizeof(words));
	say(loop, words);
}

/* Is it the process that memview was started for? Another may bear its number after its end. */
static bool is_home(const struct mv_loop *loop, int pid)
{
	const struct mv_keeper_status *status =
	    loop->home.session ? mv_session_status(loop->home.session) : NULL;
	const struct mv_task *task = loop->ctx.machine ? mv_machine_task(loop->ctx.machine, pid) : NULL;

	return status && status->pid == pid &&
	       (!task || !status->counters.start_ticks || task->start_ticks == status->counters.start_ticks);
}

void mv_loop_open(struct mv_loop *loop, int pid)
{
	const struct mv_session_opts opts = {.pid = pid};
	struct mv_watched next = {0};
	int err;

	if (loop->shown != &loop->machine)
		return;
	if (is_home(loop, pid)) {
		show(loop, &loop->home);
		return;
	}
	err = mv_session_start_from(loop->machine.session, &opts, &next.session);
	if (!err)
		err = equip(loop, &next, 0);
	if (err) {
		forget(&next);
		say_why_not(loop, pid, err);
		return;
	}
	forget(&loop->guest);
	/* One process at a time, but for a COMMAND, which would end with it. */
	if (!is_command(loop))
		forget(&loop->home);
	loop->guest = next;
	show(loop, &loop->guest);
}

static void say_home_goes_on(struct mv_loop *loop)
{
	char words[120];

	snprintf(words, sizeof(words), "%d %s: 0 or Enter on its row goes back", loop->ctx.home,
		 is_command(loop) ? "goes on" : "is still watched");
	say(loop, words);
}

void mv_loop_to_machine(struct mv_loop *loop)
{
	const struct mv_session_opts opts = {.machine = true};
	struct mv_watched *from = loop->shown, *w = &loop->machine;
	struct mv_session *session;
	int err = 0;

	if (from == w)
		return;
	if (w->session && w->lost) {
		mv_session_end(w->session, MV_LEAVE_RUNNING);
		w->session = NULL;
		w->lost = false;
	}
	if (!w->session) {
		err = mv_session_start_from(from->session, &opts, &session);
		if (!err) {
			w->session = session;
			err = equip(loop, w, mv_session_status(from->session)->pid);
		}
	}
	if (err) {
		if (w->session)
			mv_session_end(w->session, MV_LEAVE_RUNNING);
		w->session = NULL;
		say_why_not(loop, mv_session_status(from->session)->pid, err);
		return;
	}
	show(loop, w);
	if (from == &loop->guest)
		forget(from);
	else
		say_home_goes_on(loop);
}

/* ---- end ---- */

static void end(struct mv_watched *w, enum mv_leave leave)
{
	if (w->session)
		mv_session_end(w->session, leave);
	w->session = NULL;
	forget(w);
}

/* The newest keeper first: it is reaped by the older one that it was forked from. */
void mv_loop_end_sessions(struct mv_loop *loop)
{
	end(&loop->guest, MV_LEAVE_END);
	end(&loop->machine, MV_LEAVE_END);
	end(&loop->home, loop->leave);
	mv_machine_history_free(loop->history);
}
