/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sampler.h"
#include "tui/choose.h"
#include "tui/dump.h"
#include "tui/theme_choice.h"
#include "tui/view.h"

/* What a view wants can depend on what it got; it comes to rest within that many rounds. */
#define ROUNDS_MAX 4

struct dump {
	const struct mv_options *options;
	struct mv_source *source;
	struct mv_target *target;
	struct mv_sampler *sampler;
	struct mv_snapshot *snap;
	struct mv_delta *delta;
	struct mv_stack *stack;
	struct mv_canvas canvas;
	struct mv_keeper_status status;
	struct mv_theme_choice choice;
	struct mv_context ctx;
	struct mv_want want;
	bool quit;
};

static void refresh_context(struct dump *d)
{
	const struct mv_counters *counters = mv_delta_counters(d->delta);

	if (counters)
		d->status.counters = *counters;
	d->status.pid = mv_target_pid(d->target);
	d->status.collectors = 1;
	d->status.exited = d->snap && d->snap->life == MV_LIFE_GONE;
	if (d->status.exited && !d->status.exit_real_ns)
		d->status.exit_real_ns = mv_source_now_real(d->source);
	d->ctx.snap = d->snap;
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
static int settle(struct dump *d, bool anew)
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
	/* A key answers what was on the screen before it. */
	if (!err)
		mv_stack_draw(d->stack, &d->ctx, &d->canvas);
	return err;
}

static void carry_out(struct dump *d, enum mv_effect effect)
{
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
	default:
		break;
	}
	refresh_context(d);
}

static int feed_key(struct dump *d, struct mv_input input)
{
	if (input.key == MV_KEY_TICK) {
		mv_source_step(d->source);
		refresh_context(d);
		return settle(d, true);
	}
	carry_out(d, mv_stack_input(d->stack, &d->ctx, input));
	return d->quit ? 0 : settle(d, false);
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

	mv_stack_draw(d->stack, &d->ctx, &d->canvas);
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
	const struct mv_place nowhere = {0};
	int pid = 0, status, err;
	struct mv_source_opts source_opts;

	status = mv_choose_source(d->options, &source_opts, &d->source);
	if (!status)
		status = mv_choose_process(d->source, d->options, &pid);
	if (status)
		return status;
	err = mv_target_open(d->source, pid, &d->target);
	if (!err)
		err = mv_sampler_new(d->source, d->target, &d->sampler);
	if (!err)
		err = mv_delta_new(&d->delta);
	if (!err)
		err = mv_stack_new(MV_VIEW_MAP, &nowhere, &d->stack);
	if (!err)
		err = mv_canvas_init(&d->canvas, d->options->rows, d->options->cols);
	if (err)
		return mv_choose_explain(d->source, pid, err);
	d->canvas.ascii = d->options->ascii;
	d->ctx.interval_ms = d->options->interval_ms;
	d->ctx.root = geteuid() == 0 && !d->options->proc_root;
	mv_theme_choose(&d->choice, d->options->theme, d->options->no_colour);
	if (d->choice.warning.len)
		fprintf(stderr, "memview: %s\n", mv_build_text(&d->choice.warning).text);
	refresh_context(d);
	return MV_EXIT_DONE;
}

static void release(struct dump *d)
{
	mv_canvas_release(&d->canvas);
	mv_stack_free(d->stack);
	mv_delta_free(d->delta);
	free(d->snap);
	mv_sampler_free(d->sampler);
	mv_target_close(d->target);
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
			mv_choose_explain(d->source, mv_target_pid(d->target), err);
		status = err == -EINVAL ? MV_EXIT_USAGE : err ? MV_EXIT_COULD_NOT : print(d);
	}
	release(d);
	return status;
}
