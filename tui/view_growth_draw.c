/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_growth.h"

/* The charts: what the process held, over time. */

#define LABEL_COLS 7 /* of the sizes at the left */
#define APART_COLS 3 /* between two charts */

void growth_curve_make(struct growth_curve *curve, const struct mv_growth_sample *s, size_t n, double from_s,
		       double to_s, int cols)
{
	int most = (int)MV_COUNT_OF(curve->value);
	size_t i = 0;

	*curve = (struct growth_curve){.cols = cols < 0 ? 0 : cols > most ? most : cols};
	for (int x = 0; x < curve->cols; x++) {
		/* Up to the column's end; the last one reaches to now. */
		double end = from_s + (to_s - from_s) * (x + 1) / curve->cols,
		       begin = end - (to_s - from_s) / curve->cols;
		bool inside = false;

		while (i < n && s[i].at_s <= end + 1e-6) {
			inside = s[i].at_s >= begin - 1e-6;
			i++;
		}
		/* Between two looks it was what it was, unless nobody looked. */
		bool known = i > 0 && (inside || (i < n && s[i].segment == s[i - 1].segment) ||
				       (i == n && end <= s[n - 1].at_s + 1e-6));
		/* Fewer looks than columns: the last one lies to the left of the edge. */
		if (i == n && n && s[n - 1].at_s >= to_s - 1e-6)
			known = true;
		curve->gap[x] = !known;
		if (!known)
			continue;
		curve->value[x] = s[i - 1].value;
		curve->low = !curve->any || s[i - 1].value < curve->low ? s[i - 1].value : curve->low;
		curve->high = !curve->any || s[i - 1].value > curve->high ? s[i - 1].value : curve->high;
		curve->any = true;
	}
}

/* The scale begins at nothing, unless the changes could not be seen there. */
static void choose_scale(const struct growth_curve *curve, double *ret_low, double *ret_high)
{
	double range = curve->high - curve->low;

	*ret_low = range >= curve->high / 3 ? 0 : curve->low - range / 8;
	*ret_high = curve->high;
	if (*ret_low < 0)
		*ret_low = 0;
	if (*ret_high <= *ret_low) {
		/* A level line: half way up. */
		*ret_low = 0;
		*ret_high = curve->high > 0 ? curve->high * 2 : 1;
	}
}

static enum mv_role role_of(enum mv_growth_metric metric)
{
	return metric == MV_GROWTH_ANON	   ? ROLE_PAGE_ANON
	       : metric == MV_GROWTH_SWAP  ? ROLE_PAGE_SWAPPED
	       : metric == MV_GROWTH_DIRTY ? ROLE_WARN
	       : metric == MV_GROWTH_SIZE  ? ROLE_BAR
					   : ROLE_SPARK;
}

static void draw_bars(struct mv_canvas *c, struct mv_rect r, const struct growth_curve *curve, double low,
		      double high, enum mv_role role)
{
	static const char32_t glyphs[] = U" ▁▂▃▄▅▆▇█";
	static const char ascii[] = " .:-=+*##";

	for (int x = 0; x < curve->cols; x++) {
		int eighths = (int)((curve->value[x] - low) / (high - low) * r.rows * 8 + 0.5);

		if (curve->gap[x])
			continue;
		eighths = eighths < 1 && curve->value[x] > 0 ? 1 : eighths;
		for (int y = 0; y < r.rows && eighths > 0; y++, eighths -= 8) {
			int part = eighths > 8 ? 8 : eighths;

			mv_canvas_glyph2(c, r.y + r.rows - 1 - y, r.x + x, role, glyphs[part], ascii[part]);
		}
	}
}

/* Top and bottom of the scale; where they read the same, how far the bottom lies below. */
static void draw_labels(struct mv_canvas *c, int y, int x, int rows, double low, double high)
{
	struct mv_build top, bottom;

	mv_build_init(&top);
	mv_build_init(&bottom);
	mv_build_size(&top, (uint64_t)high);
	mv_build_size(&bottom, (uint64_t)low);
	if (strcmp(top.text, bottom.text) == 0 && high > low) {
		mv_build_init(&bottom);
		mv_build_clean(&bottom, MV_TEXT("-"));
		mv_build_size(&bottom, (uint64_t)(high - low));
	}
	if (high > 0)
		mv_canvas_text_right(c, y, x, LABEL_COLS - 1, ROLE_LABEL, mv_build_text(&top));
	if (rows > 1)
		mv_canvas_text_right(c, y + rows - 1, x, LABEL_COLS - 1, ROLE_LABEL, mv_build_text(&bottom));
}

static void build_ago(struct mv_build *b, double seconds)
{
	char text[32];

	mv_text_span(text, (uint64_t)(seconds * 1e9));
	mv_build_clean(b, MV_TEXT("-"));
	mv_build_clean(b, mv_words(text));
}

/* "-6:12 ... -3:06 ... now"; the mark where it was made. */
static void draw_times(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols,
		       struct mv_range_s span)
{
	const struct mv_growth_mark *mark = mv_growth_marked(mv_delta_growth(ctx->delta));
	double seconds = span.to - span.from;
	struct mv_build b;

	for (int i = 0; i < cols; i++)
		mv_canvas_glyph2(c, y, x + i, ROLE_FRAME, U'─', '-');
	for (int part = 0; cols >= 30 && part < 2; part++) {
		mv_build_init(&b);
		build_ago(&b, seconds * (2 - part) / 2);
		mv_canvas_build(c, y, x + part * cols / 2, -1, ROLE_LABEL, &b);
	}
	mv_canvas_text(c, y, x + cols - 3, 3, ROLE_LABEL, MV_TEXT("now"));
	if (mark->set && mark->at_s >= span.from && seconds > 0 && cols > 8) {
		int at = (int)((mark->at_s - span.from) / seconds * (cols - 1));

		mv_canvas_glyph2(c, y, x + (at < cols - 4 ? at : cols - 4), ROLE_KEY, U'▲', '^');
	}
}

static void draw_chart(const struct mv_context *ctx, struct mv_canvas *c, struct mv_rect r,
		       enum mv_growth_metric metric, bool chosen)
{
	const struct mv_growth *growth = mv_delta_growth(ctx->delta);
	const struct mv_growth_track *process = mv_growth_process(growth);
	struct mv_rect plot = {r.y + 1, r.x + LABEL_COLS, r.rows - 2, r.cols - LABEL_COLS};
	struct mv_growth_sample samples[MV_GROWTH_SAMPLES];
	struct mv_range_s span = growth_span(ctx);
	size_t n = mv_growth_samples(growth, process, metric, samples, MV_GROWTH_SAMPLES);
	struct growth_curve curve;
	double low, high;
	struct mv_build b;

	int x = plot.x + mv_canvas_text(c, r.y, plot.x, plot.cols, chosen ? ROLE_SIDE_ON : ROLE_LABEL,
					mv_growth_metric_words(metric));
	if (!n) {
		mv_canvas_text(c, r.y, x + 2, r.x + r.cols - x - 2, ROLE_DIM,
			       metric == MV_GROWTH_DIRTY ? MV_TEXT("- (read while a view shows it: Map)")
							 : MV_TEXT("-"));
		return;
	}
	growth_curve_make(&curve, samples, n, span.from, span.to, plot.cols);
	choose_scale(&curve, &low, &high);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT(" "));
	mv_size_build(&b, (uint64_t)samples[n - 1].value, ctx->exact);
	x += mv_canvas_build(c, r.y, x, r.x + r.cols - x, ROLE_STRONG, &b);
	uint64_t then = (mv_against(ctx) ? &process->mark : &process->first)->value[metric];
	double by = samples[n - 1].value - (double)then;
	mv_build_init(&b);
	mv_build_clean(&b, by < 0 ? MV_TEXT("  -") : MV_TEXT("  +"));
	mv_size_build(&b, (uint64_t)fabs(by), ctx->exact);
	mv_canvas_build(c, r.y, x, r.x + r.cols - x, by > 0 ? ROLE_GREW : ROLE_DIM, &b);
	if (curve.any)
		draw_bars(c, plot, &curve, low, high, role_of(metric));
	draw_labels(c, plot.y, r.x, plot.rows, low, curve.high > 0 ? high : 0);
	draw_times(ctx, c, r.y + r.rows - 1, plot.x, plot.cols, span);
}

void growth_charts_draw(const struct growth_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct growth_geometry *g = &v->geo;
	int cols = (g->charts.cols - (g->charts_count - 1) * APART_COLS) / g->charts_count;

	for (int i = 0; i < g->charts_count; i++) {
		struct mv_rect r = {g->charts.y, g->charts.x + i * (cols + APART_COLS), g->charts.rows, cols};

		draw_chart(ctx, c, r, (enum mv_growth_metric)((v->metric + (unsigned)i) % MV_GROWTH__METRICS),
			   i == 0);
	}
}
