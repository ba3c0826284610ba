/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "core/text.h"
#include "tui/batch.h"

/* memview watch: one line an interval. */

#define HEADING_EVERY 20
#define ROLLUP_SHARE  50 /* PSS may take a fiftieth of the time: it holds the target's lock */

struct watch {
	struct mv_out out;
	bool quick, terminal;
	uint64_t lines;
	/* Of the line before. */
	bool have_last;
	uint64_t last_ns, last_minor, last_major, last_start_ticks;
	struct mv_val pss;
	uint64_t pss_due_ns;
};

static void give_size(struct watch *w, const struct mv_val *bytes)
{
	char text[8] = "-";

	if (mv_have(bytes))
		mv_text_size(text, bytes->value);
	mv_out_right(&w->out, mv_clean_trusted(text), 8);
}

static void give_count(struct watch *w, uint64_t number, bool have, unsigned columns)
{
	char text[32] = "-";

	if (have)
		mv_text_count(text, number);
	mv_out_right(&w->out, mv_clean_trusted(text), columns);
}

static void give_rate(struct watch *w, uint64_t now, uint64_t before, uint64_t span_ns, bool have)
{
	char text[40] = "-", digits[32];

	if (have && span_ns && now >= before) {
		mv_text_count(
		    digits,
		    (uint64_t)((double)(now - before) * (double)MV_NS_PER_SEC / (double)span_ns + 0.5));
		snprintf(text, sizeof(text), "+%s/s", digits);
	}
	mv_out_right(&w->out, mv_clean_trusted(text), 12);
}

static void give_heading(struct watch *w)
{
	mv_out_clean(&w->out, MV_TEXT("TIME         VSZ     RSS     PSS    SWAP         MINOR        RATE    "
				      " MAJOR        RATE\n"));
}

static void give_time(struct watch *w, uint64_t real_ns)
{
	time_t seconds = (time_t)(real_ns / MV_NS_PER_SEC);
	char text[16] = "--:--:--";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	mv_out_clean(&w->out, mv_clean_trusted(text));
}

static void give_line(struct watch *w, const struct mv_snapshot *s)
{
	const struct mv_val *figure = s->figure;
	const struct mv_val *minor = &figure[MV_FIG_MINOR], *major = &figure[MV_FIG_MAJOR];
	const bool same =
	    w->have_last && w->last_start_ticks == s->stat.start_ticks && s->taken_ns > w->last_ns;

	if (w->lines == 0 || (w->terminal && w->lines % HEADING_EVERY == 0))
		give_heading(w);
	give_time(w, s->taken_real_ns);
	give_size(w, &figure[MV_FIG_SIZE]);
	give_size(w, &figure[MV_FIG_RSS]);
	give_size(w, &w->pss);
	give_size(w, &figure[MV_FIG_SWAP]);
	give_count(w, minor->value, mv_have(minor), 14);
	give_rate(w, minor->value, w->last_minor, s->taken_ns - w->last_ns, same && mv_have(minor));
	give_count(w, major->value, mv_have(major), 10);
	give_rate(w, major->value, w->last_major, s->taken_ns - w->last_ns, same && mv_have(major));
	mv_out_char(&w->out, '\n', 1);
	w->lines++;
	w->have_last = mv_have(minor) && mv_have(major);
	w->last_ns = s->taken_ns;
	w->last_minor = minor->value;
	w->last_major = major->value;
	w->last_start_ticks = s->stat.start_ticks;
}

/* Counters, and PSS when its share of time allows. */
static int look(struct watch *w, struct mv_batch *batch, const struct mv_snapshot **ret_snap)
{
	const uint64_t now = mv_batch_now(batch);
	const bool pss = !w->quick && now >= w->pss_due_ns;
	struct mv_want want = {.facts = pss ? MV_FACT_ROLLUP : 0};
	int status = mv_batch_take(batch, &want, ret_snap);

	if (!status && pss) {
		w->pss = (*ret_snap)->figure[MV_FIG_PSS];
		w->pss_due_ns = now + (mv_batch_now(batch) - now) * ROLLUP_SHARE;
	}
	return status;
}

static int end_of_target(const struct watch *w, struct mv_batch *batch, int pid)
{
	const struct mv_keeper_status *status = mv_batch_status(batch);

	mv_batch_print_end(pid, status && status->exit_known, status ? status->exit_status : 0);
	return w->lines ? MV_EXIT_DONE : MV_EXIT_ENDED;
}

static int watch_loop(struct watch *w, struct mv_batch *batch, const struct mv_options *options)
{
	uint64_t next_ns = mv_batch_now(batch);

	for (;;) {
		const struct mv_snapshot *snap;
		int status = look(w, batch, &snap);

		if (status == MV_EXIT_ENDED && w->lines)
			return MV_EXIT_DONE; /* it has been said */
		if (status)
			return status;
		if (snap->life == MV_LIFE_GONE || snap->life == MV_LIFE_ZOMBIE)
			return end_of_target(w, batch, snap->stat.pid);
		give_line(w, snap);
		if (mv_out_flush(&w->out) < 0 || (options->lines && w->lines >= options->lines) ||
		    options->proc_root)
			return MV_EXIT_DONE;
		next_ns += (uint64_t)options->interval_ms * 1000000;
		if (mv_batch_wait(batch, next_ns))
			return end_of_target(w, batch, mv_batch_status(batch)->pid);
		if (mv_batch_now(batch) > next_ns + MV_NS_PER_SEC) /* stopped for a while: don't catch up */
			next_ns = mv_batch_now(batch);
	}
}

int mv_batch_watch(const struct mv_options *options)
{
	struct watch watch = {.quick = options->quick, .terminal = isatty(STDOUT_FILENO)};
	struct mv_batch *batch;
	int status = mv_batch_open(options, &batch), ended;

	if (status)
		return status;
	if (mv_out_init(&watch.out, STDOUT_FILENO) < 0) {
		mv_batch_close(batch);
		return MV_EXIT_COULD_NOT;
	}
	status = watch_loop(&watch, batch, options);
	ended = mv_out_end(&watch.out);
	mv_out_release(&watch.out);
	mv_batch_close(batch);
	return status ? status : ended;
}
