/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/machine_sampler.h"
#include "core/text.h"
#include "tui/batch_machine.h"
#include "tui/privilege.h"

/* memview machine: one line an interval, the whole picture as JSON, or a file for Prometheus. */

#define HEADING_EVERY 20

/* Where pictures come from: a session, or for fixtures the sampler in this process. */
struct feed {
	const struct mv_options *options;
	struct mv_source *source;
	struct mv_session *session;
	struct mv_machine_sampler *sampler;
	struct mv_machine_snapshot *block; /* of the sampler's last picture */
	struct mv_machine_history *history;
	uint64_t last_ns, before_ns; /* when the last two pictures were taken; 0 none */
};

static int say_no_memory(void)
{
	fputs("memview: out of memory\n", stderr);
	return MV_EXIT_COULD_NOT;
}

static struct mv_machine_want want_of(const struct mv_options *options)
{
	struct mv_machine_want want = {
	    .facts = MV_MACHINE_WHOLE, .interval_ms = options->interval_ms, .cell_frames = 1, .seq = 1};

	if (options->json)
		want.facts |= MV_MACHINE_TASKS | MV_MACHINE_GROUPS | MV_MACHINE_OOM | MV_MACHINE_KILLS;
	if (options->pids_count)
		want.facts |= MV_MACHINE_TASKS | MV_MACHINE_OOM;
	want.visible_count = options->pids_count;
	memcpy(want.visible, options->pids, sizeof(options->pids[0]) * options->pids_count);
	return want;
}

static int start(struct feed *feed, const struct mv_source_opts *source_opts)
{
	struct mv_session_opts opts = {.machine = true, .source = *source_opts};
	const struct mv_machine_want want = want_of(feed->options);
	int err;

	if (!mv_source_is_live(feed->source)) {
		err = mv_machine_sampler_new(feed->source, NULL, &feed->sampler);
		if (err)
			return say_no_memory();
		mv_machine_sampler_want(feed->sampler, &want);
		return MV_EXIT_DONE;
	}
	err = mv_session_start(&opts, &feed->session);
	if (err) {
		fprintf(stderr, "memview: can't start the processes that read the machine: %s\n",
			strerror(-err));
		return MV_EXIT_COULD_NOT;
	}
	err = feed->options->openmetrics ? mv_privilege_drop_but_files() : mv_privilege_drop();
	if (err) {
		fprintf(stderr, "memview: can't drop its privileges: %s\n", strerror(-err));
		return MV_EXIT_COULD_NOT;
	}
	mv_session_machine_want(feed->session, &want);
	return MV_EXIT_DONE;
}

static int open_feed(struct feed *feed, const struct mv_options *options)
{
	struct mv_source_opts source_opts;
	int status;

	*feed = (struct feed){.options = options};
	status = mv_choose_source(options, &source_opts, &feed->source);
	if (!status && mv_machine_history_new(&feed->history))
		status = say_no_memory();
	return status ? status : start(feed, &source_opts);
}

static void close_feed(struct feed *feed)
{
	if (feed->session)
		mv_session_end(feed->session, MV_LEAVE_END);
	mv_machine_sampler_free(feed->sampler);
	mv_machine_history_free(feed->history);
	mv_source_free(feed->source);
	free(feed->block);
}

/* A fixture's next step, read whole. */
static int sample(struct feed *feed, const struct mv_machine_snapshot **ret_m)
{
	uint64_t due_ns;
	size_t bytes;
	int err;

	if (feed->last_ns)
		mv_source_step(feed->source);
	err = mv_machine_sampler_tick(feed->sampler);
	if (err) {
		fprintf(stderr, "memview: the machine can't be read: %s\n", strerror(-err));
		return MV_EXIT_COULD_NOT;
	}
	while (mv_machine_sampler_work(feed->sampler, &due_ns))
		;
	bytes = mv_machine_sampler_bytes(feed->sampler);
	free(feed->block);
	feed->block = malloc(bytes);
	if (!feed->block)
		return say_no_memory();
	mv_machine_sampler_snapshot(feed->sampler, feed->block);
	*ret_m = feed->block;
	return MV_EXIT_DONE;
}

/* The session's next look. */
static int await(struct feed *feed, const struct mv_machine_snapshot **ret_m)
{
	for (;;) {
		const struct mv_machine_snapshot *m = mv_session_machine(feed->session);
		const uint64_t now_ns = mv_source_now(feed->source);

		if (m && m->ram.at_ns > feed->last_ns) {
			*ret_m = m;
			return MV_EXIT_DONE;
		}
		if (mv_session_status(feed->session)->gave_up) {
			fputs("memview: the machine can't be read: the process that reads it could not start "
			      "or go on (too few "
			      "descriptors, processes or too little memory?)\n",
			      stderr);
			return MV_EXIT_COULD_NOT;
		}
		if (mv_batch_poll(feed->session, now_ns, now_ns + MV_NS_PER_SEC) & MV_EVENT_LOST) {
			fputs("memview: the machine can't be read any more: the process that read it has "
			      "gone\n",
			      stderr);
			return MV_EXIT_COULD_NOT;
		}
	}
}

/* The next picture; the history has it. Valid until the next call. */
static int next_picture(struct feed *feed, const struct mv_machine_snapshot **ret_m)
{
	const struct mv_machine_snapshot *m;
	int status = feed->session ? await(feed, &m) : sample(feed, &m);

	if (status)
		return status;
	if (mv_machine_history_feed(feed->history, m))
		return say_no_memory();
	feed->before_ns = feed->last_ns;
	feed->last_ns = m->ram.at_ns;
	*ret_m = m;
	return MV_EXIT_DONE;
}

/* ---- lines ---- */

/* What a column shows: one figure, the sum of two, or the share of the time that somebody waited. */
static const struct column {
	const char *heading;
	unsigned columns;
	enum { SIZE, RATE, WAITED } kind;
	enum mv_ram_figure_id figure, also; /* of WAITED: some, all */
} columns[] = {
    {"TOTAL", 8, SIZE, MV_RAM_FIG_FREE_TOTAL, MV_RAM_FIG__N},
    {"USED", 7, SIZE, MV_RAM_FIG_FREE_USED, MV_RAM_FIG__N},
    {"FREE", 7, SIZE, MV_RAM_FIG_FREE_FREE, MV_RAM_FIG__N},
    {"BUFF/CACHE", 12, SIZE, MV_RAM_FIG_FREE_BUFF_CACHE, MV_RAM_FIG__N},
    {"AVAILABLE", 11, SIZE, MV_RAM_FIG_FREE_AVAILABLE, MV_RAM_FIG__N},
    {"SWAP USED", 11, SIZE, MV_RAM_FIG_SWAP_USED, MV_RAM_FIG__N},
    {"FAULT/S", 11, RATE, MV_RAM_FIG_FAULT, MV_RAM_FIG__N},
    {"MAJFLT/S", 10, RATE, MV_RAM_FIG_MAJFLT, MV_RAM_FIG__N},
    {"PGSCAN/S", 11, RATE, MV_RAM_FIG_PGSCANK, MV_RAM_FIG_PGSCAND},
    {"PGSTEAL/S", 11, RATE, MV_RAM_FIG_PGSTEAL, MV_RAM_FIG__N},
    {"PSI SOME", 10, WAITED, false, MV_RAM_FIG__N},
    {"PSI FULL", 10, WAITED, true, MV_RAM_FIG__N},
};

static struct mv_ram_value value_of(const struct feed *feed, const struct column *column)
{
	struct mv_ram_value value, also;

	if (column->kind == WAITED)
		return mv_machine_pressure(feed->history, column->figure);
	value = mv_machine_figure(feed->history, column->figure);
	if (value.why != MV_WHY_HAVE || column->also == MV_RAM_FIG__N)
		return value;
	also = mv_machine_figure(feed->history, column->also);
	also.value += value.value;
	return also;
}

static void give_value(struct mv_out *out, const struct column *column, struct mv_ram_value value)
{
	char text[40] = "-";

	if (value.why == MV_WHY_HAVE && column->kind == SIZE)
		mv_text_size(text, (uint64_t)value.value);
	else if (value.why == MV_WHY_HAVE && column->kind == RATE)
		mv_text_count(text, (uint64_t)(value.value + 0.5));
	else if (value.why == MV_WHY_HAVE)
		snprintf(text, sizeof(text), "%.1f%%", value.value);
	mv_out_right(out, mv_clean_trusted(text), column->columns);
}

static void give_line(struct mv_out *out, const struct feed *feed, const struct mv_machine_snapshot *m,
		      bool heading)
{
	if (heading) {
		mv_out_clean(out, MV_TEXT("TIME    "));
		for (size_t i = 0; i < MV_COUNT_OF(columns); i++)
			mv_out_right(out, mv_clean_trusted(columns[i].heading), columns[i].columns);
		mv_out_char(out, '\n', 1);
	}
	mv_out_clock(out, m->taken_real_ns);
	for (size_t i = 0; i < MV_COUNT_OF(columns); i++)
		give_value(out, &columns[i], value_of(feed, &columns[i]));
	mv_out_char(out, '\n', 1);
}

static int give_lines(struct feed *feed, struct mv_out *out)
{
	/* A fixture ends by itself, as memview watch of one does. */
	const uint64_t limit = feed->options->lines || feed->session ? feed->options->lines : 1;
	const bool terminal = isatty(out->fd);
	int status = MV_EXIT_DONE;

	for (uint64_t lines = 0; !status && (!limit || lines < limit); lines++) {
		const struct mv_machine_snapshot *m;

		status = next_picture(feed, &m);
		if (!status) {
			give_line(out, feed, m, lines == 0 || (terminal && lines % HEADING_EVERY == 0));
			if (mv_out_flush(out))
				break;
		}
	}
	return status;
}

/*
 * Of those that go on, pictures are what a screen shows: what has not run since is not read again, and
 * cgroups at their pace. Whole ones of 2,000 processes a second would take a tenth of a core.
 */
static void go_on(struct feed *feed)
{
	struct mv_machine_want want = want_of(feed->options);

	want.facts &= ~(uint32_t)MV_MACHINE_WHOLE;
	if (feed->session)
		mv_session_machine_want(feed->session, &want);
}

/* One picture unless more are asked for; the first reading is only there for the rates of the next. */
static int give_pictures(struct feed *feed, struct mv_json *j)
{
	const uint64_t limit = feed->options->lines ? feed->options->lines : 1;
	const struct mv_machine_snapshot *m;
	int status = next_picture(feed, &m);

	for (uint64_t pictures = 0; !status && pictures < limit; pictures++) {
		status = next_picture(feed, &m);
		if (status)
			break;
		mv_machine_give_json(j, m, feed->history, feed->before_ns, feed->options);
		if (pictures == 0 && limit > 1)
			go_on(feed);
		mv_out_flush(&j->out);
		if (!mv_json_goes_on(j))
			break;
	}
	return status;
}

static int write_files(struct feed *feed)
{
	const uint64_t limit = feed->options->lines || feed->session ? feed->options->lines : 1;
	int status = MV_EXIT_DONE;

	for (uint64_t files = 0; !status && (!limit || files < limit); files++) {
		const struct mv_machine_snapshot *m;

		status = next_picture(feed, &m);
		if (!status)
			status = mv_machine_write_metrics(m, feed->options);
	}
	return status;
}

/* What goes to stdout. */
static int print(struct feed *feed)
{
	struct mv_json j = {0};
	int status = mv_out_init(&j.out, STDOUT_FILENO), ended;

	if (status)
		return status;
	if (feed->options->json) {
		status = mv_json_end(&j, give_pictures(feed, &j));
	} else {
		status = give_lines(feed, &j.out);
		ended = mv_out_end(&j.out);
		status = status ? status : ended;
	}
	mv_out_release(&j.out);
	return status;
}

int mv_batch_machine(const struct mv_options *options)
{
	struct feed feed;
	int status;

	if (options->json || options->openmetrics)
		mv_json_begin(); /* both are UTF-8 in any locale */
	status = open_feed(&feed, options);
	if (!status)
		status = options->openmetrics ? write_files(&feed) : print(&feed);
	close_feed(&feed);
	return status;
}
