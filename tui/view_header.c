/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_faults_words.h"
#include "tui/view_header.h"
#include "tui/view_private.h"

/* The header of a process: who it is, what it costs, how it faults. Laid out by view_header_line.c. */

#define ROWS_FOR_TWO 8 /* a screen of fewer rows gets one line */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

void mv_age_build(struct mv_build *b, uint64_t age_ns)
{
	char text[32];

	if (age_ns < 60 * MV_NS_PER_SEC) {
		mv_build_fmt(b, "%u s", (unsigned)(age_ns / MV_NS_PER_SEC));
		return;
	}
	mv_text_span(text, age_ns);
	mv_build_clean(b, mv_words(text));
}

void mv_size_build(struct mv_build *b, uint64_t bytes, bool exact)
{
	if (!exact) {
		mv_build_size(b, bytes);
		return;
	}
	mv_build_count(b, bytes);
}

static bool has_ended(const struct mv_context *ctx)
{
	return ctx->status->exited || (ctx->snap && ctx->snap->life == MV_LIFE_GONE);
}

static bool is_old(const struct mv_context *ctx, uint64_t read_ns)
{
	return !ctx->paused && !has_ended(ctx) && read_ns && ctx->now_ns > read_ns + mv_old_ns(ctx);
}

/* The keeper's counters are bare numbers: that there is no such figure, and why, only the snapshot says. */
static bool is_told_missing(const struct mv_context *ctx, enum mv_figure id)
{
	const struct mv_val *v = ctx->snap ? &ctx->snap->figure[id] : NULL;

	return v && !mv_have(v) && v->why != MV_WHY_NOT_READ;
}

/* A figure: the keeper's counters are newer than the snapshot's where they know it. */
static struct mv_val figure(const struct mv_context *ctx, enum mv_figure id)
{
	const struct mv_counters *counters = mv_delta_counters(ctx->delta);

	if (!is_told_missing(ctx, id) && counters && counters->why == MV_WHY_HAVE) {
		switch (id) {
		case MV_FIG_RSS:
			return mv_val_of(counters->rss_bytes);
		case MV_FIG_SIZE:
			return mv_val_of(counters->size_bytes);
		case MV_FIG_MINOR:
			return mv_val_of(counters->minor_faults);
		case MV_FIG_MAJOR:
			return mv_val_of(counters->major_faults);
		case MV_FIG_THREADS:
			return mv_val_of(counters->threads);
		default:
			break;
		}
	}
	return ctx->snap ? ctx->snap->figure[id] : mv_val_missing(MV_WHY_NOT_READ);
}

static struct mv_header_item *add_size(struct mv_header_line *line, const struct mv_context *ctx, enum mv_figure id, int give_up)
{
	struct mv_header_item *item = mv_header_add(line, mv_words(mv_figures[id].label), give_up);
	struct mv_val v = figure(ctx, id);

	item->value_cols = ctx->exact ? 11 : 5;
	if (mv_have(&v)) {
		mv_size_build(&item->value, v.value, ctx->exact);
	} else {
		mv_build_clean(&item->value, MV_TEXT("-"));
		item->role = ROLE_DIM;
	}
	return item;
}

static void add_pss(struct mv_header_line *line, const struct mv_context *ctx)
{
	struct mv_header_item *item = add_size(line, ctx, MV_FIG_PSS, 10);

	if (!ctx->snap || !mv_have(&ctx->snap->figure[MV_FIG_PSS]))
		return;
	uint64_t read_ns =
	    ctx->snap->rollup_ns > ctx->snap->smaps_ns ? ctx->snap->rollup_ns : ctx->snap->smaps_ns;
	if (is_old(ctx, read_ns)) {
		mv_age_build(&item->extra, ctx->now_ns - read_ns);
		mv_build_clean(&item->extra, MV_TEXT(" ago"));
		item->extra_role = ROLE_WARN;
	}
}

static char state_letter(const struct mv_context *ctx)
{
	const struct mv_counters *counters = mv_delta_counters(ctx->delta);

	if (ctx->status->exited)
		return 'X';
	if (counters && counters->why == MV_WHY_HAVE)
		return counters->state;
	return ctx->snap ? ctx->snap->stat.state : '\0';
}

static void add_identity(struct mv_header_line *line, const struct mv_context *ctx)
{
	struct mv_header_item *item = mv_header_add(line, MV_TEXT("memview"), 11);
	item = mv_header_add(line, MV_TEXT(""), 0);

	item->role = ROLE_TITLE;
	item->extra_role = ROLE_TITLE;
	if (ctx->snap && mv_snapshot_title(ctx->snap).text)
		mv_build_clean(&item->value, mv_snapshot_title(ctx->snap));
	if (!item->value.len)
		mv_build_clean(&item->value, MV_TEXT("PID"));
	mv_build_fmt(&item->extra, "%d",
		     ctx->status->pid ? ctx->status->pid
		     : ctx->snap      ? ctx->snap->stat.pid
				      : 0);
	if (ctx->snap && mv_have(&ctx->snap->status.uid)) {
		item = mv_header_add(line, MV_TEXT(""), 8);
		item->role = ROLE_TEXT;
		if (ctx->user.text && *ctx->user.text)
			mv_build_clean(&item->value, ctx->user);
		else
			mv_build_fmt(&item->value, "uid %u", (unsigned)ctx->snap->status.uid.value);
	}
	char letter = state_letter(ctx);
	if (letter) {
		item = mv_header_add(line, MV_TEXT(""), 5);
		item->role = letter == 'D' || letter == 'Z' || letter == 'X' ? ROLE_WARN : ROLE_TEXT;
		/* "running" and "sleeping" alternate often: keep their room. */
		item->value_cols = 8;
		mv_build_clean(&item->value,
			       mv_words(ctx->status->exited ? "ended" : mv_stat_state_text(letter)));
	}
	struct mv_val threads = figure(ctx, MV_FIG_THREADS);
	if (mv_have(&threads) && threads.value) {
		item = mv_header_add(line, MV_TEXT(""), 7);
		item->role = ROLE_TEXT;
		mv_build_count(&item->value, threads.value);
		mv_build_clean(&item->value, MV_TEXT(" thread"));
		mv_build_clean(&item->value, mv_words(plural(threads.value)));
	}
}

static void build_first(struct mv_header_line *line, const struct mv_context *ctx)
{
	line->count = 0;
	add_identity(line, ctx);
	struct mv_header_item *item = add_size(line, ctx, MV_FIG_RSS, MV_HEADER_KEEP);
	if (!is_told_missing(ctx, MV_FIG_RSS)) {
		item->series = mv_delta_series(ctx->delta, MV_SERIES_RSS);
		item->spark_role = ROLE_SPARK;
		item->spark = MV_HEADER_SPARK;
	}
	add_size(line, ctx, MV_FIG_SIZE, 4);
	add_pss(line, ctx);
	add_size(line, ctx, MV_FIG_SWAP, 6)->value_cols = 0;
}

static void add_faults(struct mv_header_line *line, const struct mv_context *ctx, enum mv_figure id,
		       struct mv_rate rate, enum mv_series_id series, enum mv_role role, int give_up)
{
	struct mv_header_item *item = mv_header_add(line, mv_words(mv_figures[id].label), give_up);
	struct mv_val v = figure(ctx, id);

	if (!mv_have(&v)) {
		mv_build_clean(&item->value, MV_TEXT("-"));
		return;
	}
	mv_build_count(&item->value, v.value);
	item->series = mv_delta_series(ctx->delta, series);
	item->spark_role = role;
	item->floor_zero = true;
	item->spark = MV_HEADER_SPARK;
	item->extra_cols = id == MV_FIG_MINOR ? 9 : 5;
	item->extra_role = rate.have && rate.per_second > 0 ? role : ROLE_DIM;
	if (rate.have && !has_ended(ctx)) {
		mv_build_clean(&item->extra, MV_TEXT("+"));
		mv_build_count(&item->extra, (uint64_t)llround(rate.per_second > 0 ? rate.per_second : 0));
		mv_build_clean(&item->extra, MV_TEXT("/s"));
	}
}

static void add_limit(struct mv_header_line *line, const struct mv_context *ctx)
{
	struct mv_val limit = ctx->snap ? ctx->snap->figure[MV_FIG_LIMIT] : mv_val_missing(MV_WHY_NOT_READ);
	struct mv_val usage = ctx->snap ? ctx->snap->figure[MV_FIG_USAGE] : mv_val_missing(MV_WHY_NOT_READ);
	struct mv_header_item *item = mv_header_add(line, MV_TEXT("limit"), 8);

	if (mv_have(&limit)) {
		if (mv_have(&usage)) {
			mv_size_build(&item->value, usage.value, ctx->exact);
			mv_build_clean(&item->value, MV_TEXT(" of "));
			if (usage.value >= limit.value / 10 * 9)
				item->role = ROLE_WARN;
		}
		mv_size_build(&item->value, limit.value, ctx->exact);
	} else {
		mv_build_clean(&item->value, limit.why == MV_WHY_NO_LIMIT ? MV_TEXT("none") : MV_TEXT("-"));
		item->role = ROLE_DIM;
	}
}

static void build_second(struct mv_header_line *line, const struct mv_context *ctx)
{
	line->count = 0;
	mv_header_add(line, MV_TEXT("faults"), 5);
	add_faults(line, ctx, MV_FIG_MINOR, mv_delta_minor_rate(ctx->delta), MV_SERIES_MINOR,
		   ROLE_FAULT_MINOR, MV_HEADER_KEEP);
	add_faults(line, ctx, MV_FIG_MAJOR, mv_delta_major_rate(ctx->delta), MV_SERIES_MAJOR,
		   ROLE_FAULT_MAJOR, 0);
	add_size(line, ctx, MV_FIG_PAGE_TABLES, 7);
	add_limit(line, ctx);
	struct mv_header_item *item = mv_header_add(line, mv_words(mv_figures[MV_FIG_OOM].label), 9);
	struct mv_val oom = figure(ctx, MV_FIG_OOM);
	if (mv_have(&oom))
		mv_build_count(&item->value, oom.value);
	else
		mv_build_clean(&item->value, MV_TEXT("-"));
	mv_header_add_own(line, ctx);
}

/* How fresh all this is, at the right edge. */
static enum mv_role build_chip(const struct mv_context *ctx, struct mv_build *b)
{
	mv_build_init(b);
	if (has_ended(ctx)) {
		mv_build_clean(b, MV_TEXT("ENDED"));
		return ROLE_ALERT;
	}
	if (ctx->lost) {
		mv_build_clean(b, MV_TEXT("LOST"));
		return ROLE_ALERT;
	}
	if (ctx->paused) {
		mv_build_clean(b, MV_TEXT("PAUSED"));
		return ROLE_WARN;
	}
	if (ctx->snap && ctx->now_ns > ctx->snap->taken_ns + 3 * MV_NS_PER_SEC &&
	    is_old(ctx, ctx->snap->taken_ns)) {
		mv_age_build(b, ctx->now_ns - ctx->snap->taken_ns);
		mv_build_clean(b, MV_TEXT(" OLD"));
		return ROLE_WARN;
	}
	mv_build_clean(b, MV_TEXT("LIVE "));
	if (ctx->interval_ms % 1000)
		mv_build_fmt(b, "%.1fs", ctx->interval_ms / 1000.0);
	else
		mv_build_fmt(b, "%us", ctx->interval_ms / 1000);
	return ROLE_LIVE;
}

/* That page faults are traced: below how fresh it is, beside the faults' figures. */
static struct mv_clean tracing_chip(const struct mv_context *ctx)
{
	return mv_faults_traced(ctx->snap) && ctx->snap->trace.running && !has_ended(ctx) ? MV_TEXT("TRACING")
											  : MV_TEXT("");
}

/* Of one line alone the edge says both: what is traced is alive. */
static enum mv_role build_edge(const struct mv_context *ctx, int rows, struct mv_build *b)
{
	enum mv_role role = build_chip(ctx, b);
	struct mv_clean tracing = tracing_chip(ctx);

	if (rows > 1 || role != ROLE_LIVE || !tracing.text[0])
		return role;
	mv_build_init(b);
	mv_build_clean(b, tracing);
	return ROLE_TRACE;
}

static void draw_second(const struct mv_context *ctx, struct mv_canvas *canvas, int y, int left, int end)
{
	struct mv_clean tracing = tracing_chip(ctx);
	int chip_cols = (int)mv_clean_width(tracing), room = end - left - (chip_cols ? chip_cols + 1 : 0);
	struct mv_header_line line;

	build_second(&line, ctx);
	mv_header_fit(&line, room);
	if (mv_header_line_width(&line) > room) {
		chip_cols = 0;
		build_second(&line, ctx);
		mv_header_fit(&line, end - left);
		mv_header_fit_hard(&line, end - left);
	}
	mv_header_line_draw(&line, canvas, y, left, end - (chip_cols ? chip_cols + 1 : 0));
	if (chip_cols)
		mv_canvas_text(canvas, y, end - chip_cols, chip_cols, ROLE_TRACE, tracing);
}

int mv_header_rows(int rows)
{
	return rows < 1 ? 0 : rows < ROWS_FOR_TWO ? 1 : 2;
}

int mv_header_draw(const struct mv_context *ctx, struct mv_canvas *canvas, struct mv_rect area)
{
	int rows = mv_header_rows(area.rows);
	struct mv_header_line line;
	struct mv_build chip;

	if (!rows || area.cols < 1)
		return 0;
	int left = area.x + (area.cols > 2), end = area.x + area.cols - (area.cols > 2);
	enum mv_role role = build_edge(ctx, rows, &chip);
	int chip_cols = (int)mv_clean_width(mv_build_text(&chip));

	build_first(&line, ctx);
	mv_header_fit(&line, end - left - chip_cols - 2);
	bool with_chip = mv_header_line_width(&line) <= end - left - chip_cols - 2;
	if (!with_chip) {
		build_first(&line, ctx);
		mv_header_fit(&line, end - left);
		mv_header_fit_hard(&line, end - left);
	}
	mv_header_line_draw(&line, canvas, area.y, left, end - (with_chip ? chip_cols + 1 : 0));
	if (with_chip)
		mv_canvas_build(canvas, area.y, end - chip_cols, chip_cols, role, &chip);
	if (rows < 2)
		return rows;
	draw_second(ctx, canvas, area.y + 1, left, end);
	return rows;
}

/* PSS costs a walk of the whole process: ask only when it is shown. */
void mv_header_want(const struct mv_context *ctx, int rows, int cols, struct mv_want *want)
{
	struct mv_header_line line;
	int chip_cols = 7;

	if (rows < 1 || cols < 40)
		return;
	build_first(&line, ctx);
	mv_header_fit(&line, cols - 2 - chip_cols - 2);
	for (size_t i = 0; i < line.count; i++)
		if (line.items[i].label.text == mv_figures[MV_FIG_PSS].label && !line.items[i].off)
			want->facts |= MV_FACT_ROLLUP;
}

/* ---- meaning ---- */

bool mv_header_meaning(const struct mv_context *ctx, unsigned n, struct mv_meaning *ret_meaning)
{
	static const enum mv_figure shown[] = {MV_FIG_RSS,   MV_FIG_SIZE,  MV_FIG_PSS,	       MV_FIG_USS,
					       MV_FIG_SWAP,  MV_FIG_ANON,  MV_FIG_FILE,	       MV_FIG_SHMEM,
					       MV_FIG_MINOR, MV_FIG_MAJOR, MV_FIG_PAGE_TABLES, MV_FIG_LIMIT,
					       MV_FIG_USAGE, MV_FIG_OOM,   MV_FIG_THREADS};
	struct mv_meaning *m = ret_meaning;

	if (n >= MV_COUNT_OF(shown))
		return false;
	const struct mv_figure_info *info = &mv_figures[shown[n]];
	struct mv_val v = figure(ctx, shown[n]);

	mv_build_init(&m->title);
	mv_build_init(&m->formula);
	mv_build_init(&m->source);
	mv_build_init(&m->unit);
	mv_build_init(&m->note);
	mv_build_clean(&m->title, mv_words(info->label));
	mv_build_clean(&m->title, MV_TEXT("  "));
	mv_build_clean(&m->formula, mv_words(info->meaning));
	mv_build_clean(&m->source, mv_words(info->source));
	mv_build_clean(&m->unit, info->unit == 'B'   ? MV_TEXT("bytes (K = 1024, M = 1024K, G = 1024M)")
				 : info->unit == 'S' ? MV_TEXT("a score without unit")
						     : MV_TEXT("a count"));
	if (!mv_have(&v)) {
		mv_build_why(&m->title, (enum mv_why)v.why);
		return true;
	}
	if (info->unit == 'B')
		mv_build_size(&m->title, v.value);
	else
		mv_build_count(&m->title, v.value);
	mv_build_clean(&m->note, MV_TEXT("exactly "));
	mv_build_count(&m->note, v.value);
	if (info->unit == 'B')
		mv_build_clean(&m->note, MV_TEXT(" bytes"));
	return true;
}
