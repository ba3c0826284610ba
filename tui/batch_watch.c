/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "core/text.h"
#include "tui/batch.h"

/* memview watch: one line an interval. */

#define HEADING_EVERY 20

/* What one line says. */
struct reading {
	uint64_t at_ns, at_real_ns, start_ticks;
	struct mv_val size, rss, pss, swap, minor, major;
};

struct watch {
	struct mv_out out;
	bool terminal;
	uint64_t lines;
	struct reading last; /* at_ns 0: none */
};

static void give_size(struct watch *w, const struct mv_val *bytes)
{
	char text[8] = "-";

	if (mv_have(bytes))
		mv_text_size(text, bytes->value);
	mv_out_right(&w->out, mv_clean_trusted(text), 8);
}

static void give_count(struct watch *w, const struct mv_val *count, unsigned columns)
{
	char text[32] = "-";

	if (mv_have(count))
		mv_text_count(text, count->value);
	mv_out_right(&w->out, mv_clean_trusted(text), columns);
}

/* Missing until there are two readings of the same process. */
static void give_rate(struct watch *w, const struct reading *r, const struct mv_val *now,
		      const struct mv_val *before)
{
	char text[40] = "-", digits[32];

	if (w->last.at_ns && r->at_ns > w->last.at_ns && w->last.start_ticks == r->start_ticks &&
	    mv_have(now) && mv_have(before) && now->value >= before->value) {
		double seconds = (double)(r->at_ns - w->last.at_ns) / (double)MV_NS_PER_SEC;

		mv_text_count(digits, (uint64_t)((double)(now->value - before->value) / seconds + 0.5));
		snprintf(text, sizeof(text), "+%s/s", digits);
	}
	mv_out_right(&w->out, mv_clean_trusted(text), 12);
}

static void give_heading(struct watch *w)
{
	mv_out_clean(&w->out, MV_TEXT("TIME         VSZ     RSS     PSS    SWAP         MINOR        RATE    "
				      " MAJOR        RATE\n"));
}

static void give_line(struct watch *w, const struct reading *r)
{
	if (w->lines == 0 || (w->terminal && w->lines % HEADING_EVERY == 0))
		give_heading(w);
	mv_out_clock(&w->out, r->at_real_ns);
	give_size(w, &r->size);
	give_size(w, &r->rss);
	give_size(w, &r->pss);
	give_size(w, &r->swap);
	give_count(w, &r->minor, 14);
	give_rate(w, r, &r->minor, &w->last.minor);
	give_count(w, &r->major, 10);
	give_rate(w, r, &r->major, &w->last.major);
	mv_out_char(&w->out, '\n', 1);
	w->lines++;
	w->last = *r;
}

static struct reading of_snapshot(const struct mv_snapshot *s)
{
	return (struct reading){
	    .at_ns = s->taken_ns,
	    .at_real_ns = s->taken_real_ns,
	    .start_ticks = s->stat.start_ticks,
	    .size = s->figure[MV_FIG_SIZE],
	    .rss = s->figure[MV_FIG_RSS],
	    .pss = s->figure[MV_FIG_PSS],
	    .swap = s->figure[MV_FIG_SWAP],
	    .minor = s->figure[MV_FIG_MINOR],
	    .major = s->figure[MV_FIG_MAJOR],
	};
}

/* The keeper's counters go on while reading the target's memory is stuck. */
static struct reading of_counters(const struct mv_batch *batch, const struct mv_counters *c)
{
	const struct mv_val none =
	    mv_val_missing(c->why == MV_WHY_HAVE ? MV_WHY_NOT_READ : (enum mv_why)c->why);
	const bool have = c->why == MV_WHY_HAVE;

	return (struct reading){
	    .at_ns = c->at_ns,
	    .at_real_ns = mv_batch_now_real(batch) - (mv_batch_now(batch) - c->at_ns),
	    .start_ticks = c->start_ticks,
	    .size = have ? mv_val_of(c->size_bytes) : none,
	    .rss = have ? mv_val_of(c->rss_bytes) : none,
	    .pss = none,
	    .swap = none,
	    .minor = have ? mv_val_of(c->minor_faults) : none,
	    .major = have ? mv_val_of(c->major_faults) : none,
	};
}

static int end_of_target(const struct watch *w, struct mv_batch *batch)
{
	const struct mv_keeper_status *status = mv_batch_status(batch);

	mv_batch_print_end(status->pid, status->exit_known, status->exit_status);
	return w->lines ? MV_EXIT_DONE : MV_EXIT_ENDED;
}

static bool has_ended(const struct mv_snapshot *snap)
{
	return snap->life == MV_LIFE_GONE || snap->life == MV_LIFE_ZOMBIE;
}

/* The first line: all there is, at once. */
static int first_line(struct watch *w, struct mv_batch *batch, const struct mv_options *options)
{
	struct mv_want want = {.facts = options->quick ? 0 : MV_FACT_ROLLUP};
	const struct mv_snapshot *snap;
	struct reading reading;
	int status = mv_batch_take(batch, &want, &snap);

	if (status)
		return status;
	if (has_ended(snap)) {
		mv_batch_print_end(snap->stat.pid, false, 0);
		return MV_EXIT_ENDED;
	}
	reading = of_snapshot(snap);
	give_line(w, &reading);
	return MV_EXIT_DONE;
}

static int further_lines(struct watch *w, struct mv_batch *batch, const struct mv_options *options)
{
	const uint64_t interval_ns = (uint64_t)options->interval_ms * 1000000;
	struct mv_want want = {.facts = options->quick ? 0 : MV_FACT_ROLLUP,
			       .interval_ms = options->interval_ms};
	uint64_t next_ns = mv_batch_now(batch) + interval_ns;

	mv_batch_follow(batch, &want);
	while (mv_out_flush(&w->out) == 0 && (!options->lines || w->lines < options->lines)) {
		/* Looks come in step with the interval, but not with us: a little early is meant for this
		 * line. */
		const struct mv_snapshot *snap =
		    mv_batch_next(batch, next_ns - interval_ns / 4, next_ns + interval_ns / 2);
		const struct mv_keeper_status *status = mv_batch_status(batch);
		struct reading reading;

		if (status->exited || (snap && has_ended(snap)))
			return end_of_target(w, batch);
		if (mv_batch_is_lost(batch))
			return mv_batch_explain_lost(batch);
		reading = snap ? of_snapshot(snap) : of_counters(batch, &status->counters);
		if (reading.at_ns > w->last.at_ns)
			give_line(w, &reading);
		next_ns += interval_ns;
		if (mv_batch_now(batch) > next_ns + interval_ns) /* stopped for a while: don't catch up */
			next_ns = mv_batch_now(batch) + interval_ns;
	}
	return MV_EXIT_DONE;
}

int mv_batch_watch(const struct mv_options *options)
{
	struct watch watch = {.terminal = isatty(STDOUT_FILENO)};
	struct mv_batch *batch;
	int status = mv_batch_open(options, &batch), ended;

	if (status)
		return status;
	status = mv_out_init(&watch.out, STDOUT_FILENO);
	if (status) {
		mv_batch_close(batch);
		return status;
	}
	status = first_line(&watch, batch, options);
	if (!status && !options->proc_root)
		status = further_lines(&watch, batch, options);
	ended = mv_out_end(&watch.out);
	mv_out_release(&watch.out);
	mv_batch_close(batch);
	return status ? status : ended;
}
