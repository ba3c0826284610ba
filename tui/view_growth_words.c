/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/text.h"
#include "tui/view_faults_words.h"
#include "tui/view_growth.h"

/* What the growth view says: verdict, forecast, what the time shown is, what its figures mean. */

struct mv_range_s growth_span(const struct mv_context *ctx)
{
	const struct mv_growth_mark *mark = mv_against(ctx);
	struct mv_range_s span = {mark ? mark->at_s : 0,
				  mv_growth_about(mv_delta_growth(ctx->delta)).until_s};

	if (span.to < span.from + 1)
		span.to = span.from + 1;
	return span;
}

/* ---- verdict and forecast ---- */

void growth_verdict_settle(struct growth_view *v, const struct mv_context *ctx)
{
	const struct mv_growth *growth = mv_delta_growth(ctx->delta);
	struct mv_growth_evidence evidence = {.touch = {.function = MV_FUNCTION_NONE}};

	mv_build_init(&v->verdict.text);
	mv_build_init(&v->verdict.advice);
	for (unsigned i = 0; i < MV_LIMIT__N; i++)
		v->forecast[i] = (struct mv_growth_forecast){.why = MV_WHY_NOT_READ};
	if (!ctx->snap || !mv_growth_process(growth)) {
		mv_build_clean(&v->verdict.text,
			       ctx->snap && ctx->snap->life != MV_LIFE_ALIVE
				   ? MV_TEXT("nothing was watched: it has no memory of its own")
				   : MV_TEXT("nothing has been read yet"));
		return;
	}
	if (mv_faults_traced(ctx->snap) &&
	    mv_calltree_build(&v->tree, ctx->snap, MV_CALLTREE_CALLERS, 0) == 0)
		evidence.touch = mv_growth_touched(&v->tree, ctx->snap);
	evidence.heap = mv_delta_heap(ctx->delta);
	mv_growth_verdict(growth, ctx->snap, &evidence, &v->verdict);
	if (!ctx->status->exited && ctx->snap->life == MV_LIFE_ALIVE) {
		mv_growth_forecast(growth, ctx->snap, v->forecast);
		return;
	}
	/* What has ended goes on no more. */
	struct mv_build past = v->verdict.text;
	mv_build_init(&v->verdict.advice);
	mv_build_init(&v->verdict.text);
	mv_build_clean(&v->verdict.text, MV_TEXT("until it ended: "));
	mv_build_clean(&v->verdict.text, mv_build_text(&past));
}

/* By the clock as well, where there is room for it. */
static void build_at(struct mv_build *b, const struct mv_context *ctx, double in_s, int cols)
{
	struct mv_build whole = *b;

	mv_build_clean(&whole, MV_TEXT(", at "));
	mv_clock_build(&whole, ctx->now_real_ns + (uint64_t)(in_s * 1e9));
	if (in_s < 86400 && (int)mv_clean_width(mv_build_text(&whole)) <= cols)
		*b = whole;
}

int growth_forecast_lines(const struct growth_view *v, const struct mv_context *ctx,
			  struct mv_build lines[static MV_LIMIT__N])
{
	struct mv_growth_forecast left[MV_LIMIT__N];
	enum mv_growth_limit next;
	int n = 0;

	memcpy(left, v->forecast, sizeof(left));
	while ((next = mv_growth_nearest(left)) != MV_LIMIT__N) {
		mv_build_init(&lines[n]);
		mv_build_clean(&lines[n], n ? MV_TEXT("              ") : MV_TEXT("at this rate: "));
		mv_growth_forecast_build(&lines[n], next, &left[next]);
		build_at(&lines[n], ctx, left[next].in_s, v->geo.text.cols);
		left[next].why = MV_WHY_NOT_READ;
		n++;
	}
	return n;
}

/* ---- around it ---- */

void growth_path_draw(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct growth_geometry *g = &v->geo;
	const struct mv_growth_mark *mark = mv_against(ctx);
	struct mv_growth_about about = mv_growth_about(mv_delta_growth(ctx->delta));
	int x = g->text.x, end = x + g->text.cols;
	struct mv_build b;

	if (g->path_y < 0)
		return;
	mv_build_init(&b);
	if (about.since_ns) {
		double from = mark ? mark->at_s : 0;

		mv_build_clean(&b, mark ? MV_TEXT("against the mark of ") : MV_TEXT("watched since "));
		mv_clock_build(&b,
			       mark ? mark->real_ns
				    : ctx->now_real_ns -
					  (ctx->now_ns > about.since_ns ? ctx->now_ns - about.since_ns : 0));
		mv_build_clean(&b, MV_TEXT(" ("));
		mv_growth_time_build(&b, about.until_s > from ? about.until_s - from : 0);
		mv_build_clean(&b, MV_TEXT(")"));
	}
	int told = (int)mv_clean_width(mv_build_text(&b));
	if (told && told + 10 <= end - x) {
		mv_canvas_build(c, g->path_y, end - told, told, mark ? ROLE_WARN : ROLE_LABEL, &b);
		end -= told + 1;
	}
	mv_build_init(&b);
	mv_words_process(&b, ctx);
	if ((int)mv_clean_width(mv_build_text(&b)) + 6 <= end - x)
		x += mv_canvas_build(c, g->path_y, x, end - x, ROLE_DIM, &b);
	mv_canvas_text(c, g->path_y, x, end - x, ROLE_TITLE, MV_TEXT("growth"));
}

static enum mv_role verdict_role(enum mv_growth_state state)
{
	switch (state) {
	case MV_GROWTH_GROWS:
	case MV_GROWTH_STEPS:
		return ROLE_ALERT;
	case MV_GROWTH_SHORT:
		return ROLE_WARN;
	default:
		return ROLE_GOOD;
	}
}

void growth_verdict_draw(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct growth_geometry *g = &v->geo;
	bool told = ctx->snap && mv_growth_process(mv_delta_growth(ctx->delta));
	struct mv_build lines[MV_LIMIT__N];
	int n = growth_forecast_lines(v, ctx, lines);

	mv_wrap_draw(c, g->verdict, told ? verdict_role(v->verdict.state) : ROLE_WARN,
		     mv_build_text(&v->verdict.text));
	if (g->advice_y >= 0)
		mv_canvas_build(c, g->advice_y, g->text.x, g->text.cols, ROLE_DIM, &v->verdict.advice);
	for (int i = 0; i < n && i < g->forecast_rows; i++)
		mv_canvas_build(c, g->forecast_y + i, g->text.x, g->text.cols, i ? ROLE_TEXT : ROLE_STRONG,
				&lines[i]);
}

static void add(struct mv_build *b, uint64_t n, struct mv_clean words)
{
	if (!n)
		return;
	if (b->len)
		mv_build_clean(b, MV_TEXT("   "));
	mv_build_count(b, n);
	mv_build_clean(b, words);
}

void growth_note_draw(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_growth *growth = mv_delta_growth(ctx->delta);
	const struct mv_growth_mark *mark = mv_against(ctx);
	struct mv_growth_about about = mv_growth_about(growth);
	uint64_t gone = mark ? mark->gone : about.gone;
	struct mv_build b;

	if (v->geo.note_y < 0)
		return;
	mv_build_init(&b);
	mv_build_count(&b, v->count);
	mv_build_clean(&b, MV_TEXT(" of "));
	mv_build_count(&b, v->followed);
	mv_build_clean(&b, MV_TEXT(" mappings changed"));
	add(&b, gone, MV_TEXT(" gone since"));
	if (gone) {
		mv_build_clean(&b, MV_TEXT(" with "));
		mv_build_size(&b, mark ? mark->gone_bytes : about.gone_bytes);
	}
	add(&b, about.left_out, MV_TEXT(" not followed"));
	add(&b, about.no_history, MV_TEXT(" histories given up for lack of memory"));
	add(&b, about.gaps, about.gaps == 1 ? MV_TEXT(" gap") : MV_TEXT(" gaps"));
	if (!mv_growth_marked(growth)->set)
		mv_build_clean(&b, MV_TEXT("   m marks a baseline"));
	else if (!mark)
		mv_build_clean(&b, MV_TEXT("   d shows it against the mark"));
	mv_canvas_build(c, v->geo.note_y, v->geo.table.x, v->geo.table.cols, ROLE_DIM, &b);
}

/* ---- what it is ---- */

#define HISTORY "/proc/PID/statm, status, maps and pagemap, since memview began to watch"

static const struct {
	struct mv_clean title, formula, source, unit, note;
} meanings[] = {
    {{"the verdict"},
     {"from the history of RSS + swap: it grows when its slope is above nothing for certain (95 %) and the "
      "rise is more than its "
      "noise; up and down when it gives much back at least twice: then only its low points count; stopped "
      "when it "
      "rose and has been level since"},
     {HISTORY},
     {"bytes a second"},
     {"RSS + swap: what is swapped out has not been given back. Fewer than 8 s tell nothing, nor does a gap "
      "in the watching."}},
    {{"GROWN"},
     {"(RSS + swap now) - (RSS + swap when the watching began, or at the mark)"},
     {HISTORY},
     {"bytes (K = 1024, M = 1024K, G = 1024M)"},
     {"A mapping that came later (+) had nothing then. What was merged into a neighbour or split off keeps "
      "its past."}},
    {{"SHARE"}, {"GROWN of this mapping / GROWN of all mappings that grew"}, {HISTORY}, {"percent"}, {""}},
    {{"SLOPE"},
     {"median of the slopes between any two looks (Theil and Sen), since the last bend of the curve; of what "
      "goes up and "
      "down, of its low points"},
     {HISTORY},
     {"bytes a second, a minute or an hour"},
     {"Single jumps weigh nothing in a median. No slope leads across a gap."}},
    {{"+/-"},
     {"half the width of the interval that holds the slope with 95 % (Kendall's statistic)"},
     {HISTORY},
     {"as SLOPE"},
     {"Wider for looks that hang together: sqrt((1 + r) / (1 - r)), r the correlation of one with the next."}},
    {{"TREND and charts"},
     {"the figure over time, from the beginning (or the mark) to now; the scale of each trend is its own"},
     {HISTORY},
     {"bytes"},
     {"Older looks are thinned: the last 48, then one of 4, one of 16 ... Nothing is drawn where nobody "
      "looked. Tab shows "
      "another figure."}},
    {{"at this rate"},
     {"(limit - used) / slope; the range from the slope's interval"},
     {"memory.max and memory.current of the cgroup; RLIMIT_AS (/proc/PID/limits) and VSZ; MemAvailable "
      "(/proc/meminfo)"},
     {"time from now"},
     {"As if all else stood still. What runs out of available memory is swapped, if there is swap, before it "
      "is killed."}},
};

bool growth_meaning(const struct growth_view *v, const struct mv_context *ctx, unsigned n,
		    struct mv_meaning *m)
{
	(void)v;
	if (n >= MV_COUNT_OF(meanings))
		return mv_header_meaning(ctx, n - (unsigned)MV_COUNT_OF(meanings), m);
	mv_words_meaning(m, meanings[n].title, meanings[n].formula, meanings[n].source, meanings[n].unit,
			 meanings[n].note);
	return true;
}
