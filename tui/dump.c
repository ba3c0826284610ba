/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/machine_sampler.h"
#include "core/sampler.h"
#include "tui/choose.h"
#include "tui/dump.h"
#include "tui/theme_choice.h"
#include "tui/view.h"

/* What a view wants can depend on what it got; it comes to rest within that many rounds. */
#define ROUNDS_MAX 4

/* Shows a process, or the machine and the processes that are opened from there. */
struct dump {
	const struct mv_options *options;
	struct mv_source *source;
	/* The process; target NULL: none is open. */
	struct mv_target *target;
	struct mv_sampler *sampler;
	struct mv_snapshot *snap;
	struct mv_delta *delta;
	struct mv_stack *stack;
	struct mv_keeper_status status;
	struct mv_want want;
	/* The machine; stack NULL: it was never shown. */
	struct mv_machine_sampler *machine_sampler;
	struct mv_machine_snapshot *machine;
	struct mv_machine_history *history;
	struct mv_stack *machine_stack;
	struct mv_machine_want machine_want;
	bool on_machine; /* it is what is shown */
	struct mv_canvas canvas;
	struct mv_theme_choice choice;
	struct mv_context ctx;
	bool quit;
};

static struct mv_stack *shown(const struct dump *d)
{
	return d->on_machine ? d->machine_stack : d->stack;
}

static void refresh_process(struct dump *d)
{
	const struct mv_counters *counters = mv_delta_counters(d->delta);

	if (counters)
		d->status.counters = *counters;
	d->status.pid = d->target ? mv_target_pid(d->target) : 0;
	d->status.collectors = 1;
	d->status.exited = d->snap && d->snap->life == MV_LIFE_GONE;
	if (d->status.exited && !d->status.exit_real_ns)
		d->status.exit_real_ns = mv_source_now_real(d->source);
}

static void refresh_context(struct dump *d)
{
	refresh_process(d);
	d->ctx.snap = d->on_machine ? NULL : d->snap;
	d->ctx.machine = d->machine;
	d->ctx.history = d->on_machine ? d->history : NULL;
	d->ctx.has_machine = d->machine_stack != NULL;
	d->ctx.delta = d->delta;
	d->ctx.status = &d->status;
	d->ctx.now_ns = mv_source_now(d->source);
	d->ctx.now_real_ns = mv_source_now_real(d->source);
	d->ctx.ascii = d->canvas.ascii;
	d->ctx.page_cols = d->choice.theme.cell ? d->choice.theme.cell : 1;
	d->ctx.mono = d->choice.theme.mono;
	d->ctx.theme = mv_clean_trusted(d->choice.theme.name);
	d->ctx.own_cpu_percent = -1;
}

static int sample(struct dump *d)
{
	struct mv_snapshot *snap;
	int err = mv_sampler_once(d->sampler, &d->want, &snap);

	if (err)
		return err;
	err = mv_delta_feed(d->delta, snap);
	free(d->snap);
	d->snap = snap;
	refresh_context(d);
	return err;
}

/* Take what is wanted now, until nothing else is wanted. */
static int settle_process(struct dump *d, bool anew)
{
	int err = 0;

	for (int round = 0; !err && round < ROUNDS_MAX; round++) {
		struct mv_want want;

		mv_stack_want(d->stack, &d->ctx, d->canvas.rows, d->canvas.cols, &want);
		want.facts |= MV_FACT_WHOLE;
		want.seq = d->want.seq;
		if (d->snap && !anew && memcmp(&want, &d->want, sizeof(want)) == 0)
			break;
		want.seq++;
		anew = false;
		d->want = want;
		err = sample(d);
	}
	return err;
}

/* ---- the machine ---- */

/* One look, and all the work that it makes: no pace holds. */
static int sample_machine(struct dump *d)
{
	struct mv_machine_snapshot *machine;
	uint64_t due_ns;

	mv_machine_sampler_want(d->machine_sampler, &d->machine_want);
	int err = mv_machine_sampler_tick(d->machine_sampler);
	if (err)
		return err;
	while (mv_machine_sampler_work(d->machine_sampler, &due_ns))
		;
	size_t bytes = mv_machine_sampler_bytes(d->machine_sampler);
	machine = malloc(bytes);
	if (!machine)
		return -ENOMEM;
	mv_machine_sampler_snapshot(d->machine_sampler, machine);
	err = mv_machine_check(machine, bytes);
	if (!err)
		err = mv_machine_history_feed(d->history, machine);
	free(d->machine);
	d->machine = machine;
	refresh_context(d);
	return err;
}

static int settle_machine(struct dump *d, bool anew)
{
	int err = 0;

	for (int round = 0; !err && round < ROUNDS_MAX; round++) {
		struct mv_machine_want want;

		mv_stack_want_machine(d->machine_stack, &d->ctx, d->canvas.rows, d->canvas.cols, &want);
		want.facts |= MV_MACHINE_WHOLE;
		want.seq = d->machine_want.seq;
		if (d->machine && !anew && memcmp(&want, &d->machine_want, sizeof(want)) == 0)
			break;
		want.seq++;
		anew = false;
		d->machine_want = want;
		err = sample_machine(d);
	}
	return err;
}

static int settle(struct dump *d, bool anew)
{
	return d->on_machine ? settle_machine(d, anew) : settle_process(d, anew);
}

/* Show the machine: for the first time, or again. */
static int show_machine(struct dump *d)
{
	const struct mv_place nowhere = {0};
	int err = 0;

	if (!d->machine_stack) {
		err = mv_machine_sampler_new(d->source, NULL, &d->machine_sampler);
		if (!err)
			err = mv_machine_history_new(&d->history);
		if (!err)
			err = mv_stack_new(MV_VIEW_MACHINE, &nowhere, &d->machine_stack);
	}
	d->on_machine = !err;
	refresh_context(d);
	return err;
}

/* ---- a process ---- */

static void close_process(struct dump *d)
{
	mv_stack_free(d->stack);
	free(d->snap);
	mv_sampler_free(d->sampler);
	mv_target_close(d->target);
	d->stack = NULL;
	d->snap = NULL;
	d->sampler = NULL;
	d->target = NULL;
}

static int show_process(struct dump *d, int pid)
{
	const struct mv_place nowhere = {0};

	close_process(d);
	mv_delta_free(d->delta);
	d->delta = NULL;
	memset(&d->status, 0, sizeof(d->status));
	int err = mv_delta_new(&d->delta);
	if (!err)
		err = mv_target_open(d->source, pid, &d->target);
	if (!err)
		err = mv_sampler_new(d->source, d->target, &d->sampler);
	if (!err)
		err = mv_stack_new(MV_VIEW_MAP, &nowhere, &d->stack);
	if (err)
		return err;
	d->on_machine = false;
	refresh_context(d);
	return 0;
}

static int carry_out(struct dump *d, enum mv_effect effect)
{
	int err = 0;

	switch (effect) {
	case MV_EFFECT_QUIT:
	case MV_EFFECT_LEAVE_RUNNING:
		d->quit = true;
		break;
	case MV_EFFECT_EXACT:
		d->ctx.exact = !d->ctx.exact;
		break;
	case MV_EFFECT_PAUSE:
		d->ctx.paused = !d->ctx.paused;
		break;
	case MV_EFFECT_SLOWER:
	case MV_EFFECT_FASTER:
		d->ctx.interval_ms = mv_interval_next(d->ctx.interval_ms, effect == MV_EFFECT_SLOWER);
		break;
	case MV_EFFECT_MARK:
		mv_delta_mark(d->delta, d->snap, d->ctx.now_ns, d->ctx.now_real_ns);
		break;
	case MV_EFFECT_AGAINST:
		d->ctx.against = !d->ctx.against;
		break;
	case MV_EFFECT_THEME:
		mv_theme_choose_next(&d->choice);
		break;
	case MV_EFFECT_OPEN:
		err = show_process(d, mv_stack_opens(shown(d)));
		break;
	case MV_EFFECT_MACHINE:
		err = show_machine(d);
		break;
	default:
		break;
	}
	refresh_context(d);
	return err;
}

static int feed_key(struct dump *d, struct mv_input input)
{
	if (input.key == MV_KEY_TICK) {
		mv_source_step(d->source);
		refresh_context(d);
		return settle(d, true);
	}
	bool on_machine = d->on_machine;
	int err = carry_out(d, mv_stack_input(shown(d), &d->ctx, input));
	return err || d->quit ? err : settle(d, on_machine != d->on_machine);
}

/* -EINVAL: a key that the notation does not know. */
static int feed_keys(struct dump *d, const char *keys)
{
	int err = settle(d, true);

	while (!err && !d->quit && keys && *keys) {
		struct mv_input input = {0};
		int taken = mv_keys_parse(keys, &input);

		if (taken <= 0)
			return taken < 0 ? taken : 0;
		keys += taken;
		err = feed_key(d, input);
	}
	return err;
}

static int write_svg(struct dump *d, const char *path)
{
	FILE *file = fopen(path, "we");
	int err;

	if (!file)
		return -errno;
	err = mv_canvas_svg(&d->canvas, &d->choice.theme, file);
	if (fclose(file) != 0 && !err)
		err = -errno;
	return err;
}

static int print(struct dump *d)
{
	int err = 0;

	mv_stack_draw(shown(d), &d->ctx, &d->canvas);
	if (d->options->dump_svg)
		err = write_svg(d, d->options->dump_svg);
	if (!err && d->options->dump) {
		errno = 0;
		err = mv_canvas_dump(&d->canvas, stdout);
		if (err == -EIO && errno) /* the stream knows only that it failed */
			err = -errno;
	}
	if (fclose(stdout) != 0 && !err)
		err = -errno;
	if (err && err != -EPIPE)
		fprintf(stderr, "memview: can't write the picture: %s\n", strerror(-err));
	return err ? MV_EXIT_COULD_NOT : MV_EXIT_DONE;
}

static int prepare(struct dump *d)
{
	int pid = 0, status, err;
	struct mv_source_opts source_opts;

	status = mv_choose_source(d->options, &source_opts, &d->source);
	if (!status && d->options->who)
		status = mv_choose_process(d->source, d->options, &pid);
	if (status)
		return status;
	d->ctx.interval_ms = d->options->interval_ms;
	d->ctx.root = geteuid() == 0 && !d->options->proc_root;
	err = mv_delta_new(&d->delta);
	if (!err)
		err = mv_canvas_init(&d->canvas, d->options->rows, d->options->cols);
	d->canvas.ascii = d->options->ascii;
	mv_theme_choose(&d->choice, d->options->theme, d->options->no_colour);
	if (!err)
		err = d->options->who ? show_process(d, pid) : show_machine(d);
	if (err)
		return mv_choose_explain(d->source, pid, err);
	if (d->choice.warning.len)
		fprintf(stderr, "memview: %s\n", mv_build_text(&d->choice.warning).text);
	refresh_context(d);
	return MV_EXIT_DONE;
}

static void release(struct dump *d)
{
	close_process(d);
	mv_delta_free(d->delta);
	mv_stack_free(d->machine_stack);
	mv_machine_history_free(d->history);
	mv_machine_sampler_free(d->machine_sampler);
	free(d->machine);
	mv_canvas_release(&d->canvas);
	mv_source_free(d->source);
	free(d);
}

int mv_dump_run(const struct mv_options *options)
{
	struct dump *d = calloc(1, sizeof(*d));
	int status, err;

	if (!d) {
		fputs("memview: out of memory\n", stderr);
		return MV_EXIT_COULD_NOT;
	}
	d->options = options;
	status = prepare(d);
	if (!status) {
		err = feed_keys(d, options->keys);
		if (err == -EINVAL)
			fputs("memview: --keys: there is a key that it doesn't know\n", stderr);
		else if (err)
			mv_choose_explain(d->source, d->target ? mv_target_pid(d->target) : mv_stack_opens(shown(d)), err);
		status = err == -EINVAL ? MV_EXIT_USAGE : err ? MV_EXIT_COULD_NOT : print(d);
	}
	release(d);
	return status;
}
