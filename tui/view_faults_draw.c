/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_faults_draw.h"
#include "tui/view_private.h"

/* What lies above the panes: the path, what must be known of the tracing, how fast each kind goes. */

/* ---- figures ---- */

void mv_faults_put(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role,
		   const struct mv_build *b)
{
	if (!col->w)
		return;
	if (col->right)
		mv_canvas_text_right(c, y, col->x, col->w, role, mv_build_text(b));
	else
		mv_canvas_build(c, y, col->x, col->w, role, b);
}

void mv_faults_put_count(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role,
			 uint64_t n)
{
	struct mv_build b;
	char brief[8];

	mv_build_init(&b);
	mv_build_count(&b, n);
	if ((int)b.len > col->w) {
		mv_text_short(brief, n);
		mv_build_init(&b);
		mv_build_clean(&b, mv_words(brief));
	}
	mv_faults_put(c, y, col, n ? role : ROLE_DIM, &b);
}

void mv_faults_put_size(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role,
			uint64_t bytes, bool exact)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_words_size(&b, bytes, exact);
	if ((int)b.len > col->w) {
		mv_build_init(&b);
		mv_build_size(&b, bytes);
	}
	mv_faults_put(c, y, col, bytes ? role : ROLE_DIM, &b);
}

/* "12,345", "3.4" below ten: what is rare is not nothing. */
void mv_faults_put_rate(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role,
			struct mv_rate rate)
{
	struct mv_build b;

	if (rate.have && rate.per_second >= 9.95) {
		mv_faults_put_count(c, y, col, role, (uint64_t)llround(rate.per_second));
		return;
	}
	mv_build_init(&b);
	if (!rate.have)
		mv_build_clean(&b, MV_TEXT("-"));
	else if (rate.per_second < 0.05)
		mv_build_clean(&b, rate.per_second > 0 ? MV_TEXT("<0.1") : MV_TEXT("0"));
	else
		mv_build_fmt(&b, "%.1f", rate.per_second);
	mv_faults_put(c, y, col, rate.have && rate.per_second > 0 ? role : ROLE_DIM, &b);
}

/* "███▌     34%" */
void mv_faults_put_share(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role,
			 uint64_t part, uint64_t whole)
{
	struct mv_build b;
	uint64_t tenths = whole ? (uint64_t)((unsigned __int128)part * 1000 / whole) : 0;

	if (!col->w || !whole)
		return;
	mv_build_init(&b);
	if (part && tenths == 0)
		mv_build_clean(&b, MV_TEXT("<0.1%"));
	else if (part && tenths < 100)
		mv_build_fmt(&b, "%u.%u%%", (unsigned)(tenths / 10), (unsigned)(tenths % 10));
	else
		mv_build_fmt(&b, "%u%%", (unsigned)(tenths / 10));
	if (col->w >= 10)
		mv_bar_draw(c, y, col->x, col->w - 6, role, part, whole);
	mv_canvas_text_right(c, y, col->x + col->w - 5, 5, part ? ROLE_TEXT : ROLE_DIM, mv_build_text(&b));
}

void mv_faults_shift(struct mv_column *columns, size_t count, int x)
{
	for (size_t i = 0; i < count; i++)
		columns[i].x += x;
}

/* ---- the path, and how the tracing goes ---- */

static void put_ordinal(struct mv_build *b, uint64_t n)
{
	unsigned last = (unsigned)(n % 10), tens = (unsigned)(n / 10 % 10);

	mv_build_count(b, n);
	mv_build_clean(b, tens == 1   ? MV_TEXT("th")
			  : last == 1 ? MV_TEXT("st")
			  : last == 2 ? MV_TEXT("nd")
			  : last == 3 ? MV_TEXT("rd")
				      : MV_TEXT("th"));
}

static void put_period(struct mv_build *b, uint64_t period)
{
	mv_build_clean(b, MV_TEXT("every "));
	if (period > 1) {
		put_ordinal(b, period);
		mv_build_clean(b, MV_TEXT(" "));
	}
	mv_build_clean(b, MV_TEXT("fault"));
}

static void put_span(struct mv_build *b, uint64_t ns)
{
	char span[32];

	mv_text_span(span, ns);
	mv_build_clean(b, mv_words(span));
}

/* While it runs until this picture, then until its end. */
static uint64_t traced_ns(const struct mv_snapshot *snap)
{
	const struct mv_trace *t = &snap->trace;
	uint64_t until = t->running ? snap->taken_ns : t->until_ns;

	return until > t->since_ns ? until - t->since_ns : 0;
}

/* "traced for 0:42   every 31st fault   12,345 samples", as much as there is room for, at the right edge. */
static void draw_how(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int end)
{
	const struct mv_trace *t = &ctx->snap->trace;
	struct mv_build parts[3], b;
	int room = end - x - 2;

	for (size_t i = 0; i < MV_COUNT_OF(parts); i++)
		mv_build_init(&parts[i]);
	mv_build_clean(&parts[0], t->running ? MV_TEXT("traced for ") : MV_TEXT("was traced for "));
	put_span(&parts[0], traced_ns(ctx->snap));
	put_period(&parts[1], t->period);
	mv_build_count(&parts[2], t->sampled);
	mv_build_clean(&parts[2], t->sampled == 1 ? MV_TEXT(" sample") : MV_TEXT(" samples"));
	mv_build_init(&b);
	for (size_t i = 0; i < MV_COUNT_OF(parts); i++) {
		if ((int)(b.len + parts[i].len) + (b.len ? 3 : 0) > room)
			break;
		if (b.len)
			mv_build_clean(&b, MV_TEXT("   "));
		mv_build_clean(&b, mv_build_text(&parts[i]));
	}
	mv_canvas_text_right(c, y, x, end - x, ROLE_LABEL, mv_build_text(&b));
}

static void draw_path(const struct mv_faults_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	int y = v->geo.path_y, x = v->geo.text.x, end = x + v->geo.text.cols;
	static const struct mv_clean title = {"page faults"};
	struct mv_build b;

	if (y < 0)
		return;
	mv_build_init(&b);
	mv_words_process(&b, ctx);
	if ((int)(mv_clean_width(mv_build_text(&b)) + mv_clean_width(title)) <= end - x)
		x += mv_canvas_build(c, y, x, end - x, ROLE_DIM, &b);
	x += mv_canvas_text(c, y, x, end - x, ROLE_TITLE, title);
	if (mv_faults_traced(ctx->snap))
		draw_how(ctx, c, y, x, end);
}

/* ---- what must be known ---- */

struct warning {
	struct mv_build text, brief;
	enum mv_role role;
};
#define WARNINGS 6

static struct warning *add_warning(struct warning *list, size_t *count, enum mv_role role)
{
	struct warning *w = &list[(*count)++];

	mv_build_init(&w->text);
	mv_build_init(&w->brief);
	w->role = role;
	return w;
}

static void warn_lost(struct warning *w, const struct mv_trace *t)
{
	mv_build_count(&w->text, t->lost);
	mv_build_clean(&w->text, t->lost == 1 ? MV_TEXT(" sample was lost") : MV_TEXT(" samples were lost"));
	w->brief = w->text;
	mv_build_clean(&w->text, MV_TEXT(": the kernel's buffer was full"));
}

static void warn_threads(struct warning *w, const struct mv_trace *t)
{
	mv_build_count(&w->text, t->threads_covered);
	mv_build_clean(&w->text, MV_TEXT(" of "));
	mv_build_count(&w->text, t->threads);
	mv_build_clean(&w->text, MV_TEXT(" threads"));
	w->brief = w->text;
	mv_build_clean(&w->text, MV_TEXT(": "));
	mv_build_clean(&w->text, mv_words(mv_why_text((enum mv_why)t->threads_why)));
	mv_build_clean(&w->brief, MV_TEXT(" are followed"));
}

static size_t warnings_of(const struct mv_snapshot *snap, struct warning list[static WARNINGS])
{
	const struct mv_trace *t = &snap->trace;
	struct warning *w;
	size_t count = 0;

	if (t->lost)
		warn_lost(add_warning(list, &count, ROLE_WARN), t);
	if (t->threads_why != MV_WHY_HAVE && t->threads_covered < t->threads)
		warn_threads(add_warning(list, &count, ROLE_WARN), t);
	if (t->stacks_why > MV_WHY_HAVE) {
		w = add_warning(list, &count, ROLE_WARN);
		mv_build_clean(&w->text, MV_TEXT("no call stacks: "));
		mv_build_clean(&w->text, mv_words(mv_why_text((enum mv_why)t->stacks_why)));
		mv_build_clean(&w->brief, MV_TEXT("no call stacks: w says why"));
	}
	if (!t->kernel_side) {
		w = add_warning(list, &count, ROLE_LABEL);
		mv_build_clean(&w->text,
			       MV_TEXT("faults inside system calls are not seen (needs CAP_PERFMON)"));
		mv_build_clean(&w->brief, MV_TEXT("not seen: those in system calls"));
	}
	if (t->no_stack && t->stacks_why <= MV_WHY_HAVE) {
		w = add_warning(list, &count, ROLE_LABEL);
		mv_build_count(&w->text, t->no_stack);
		mv_build_clean(&w->text, t->no_stack == 1 ? MV_TEXT(" sample has no stack")
							  : MV_TEXT(" samples have no stack"));
		w->brief = w->text;
	}
	if (t->stacks_left_out) {
		w = add_warning(list, &count, ROLE_LABEL);
		mv_build_count(&w->text, t->stacks_left_out);
		mv_build_clean(&w->text, MV_TEXT(" pages in stacks beyond those kept"));
		mv_build_init(&w->brief);
		mv_build_count(&w->brief, t->stacks_left_out);
		mv_build_clean(&w->brief, MV_TEXT(" pages in stacks not kept"));
	}
	return count;
}

/* Whole ones, as many as the lines hold. Drawn when there is a canvas; returns the lines. */
static int lay_warnings(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols, int most)
{
	struct warning list[WARNINGS];
	size_t count = mv_faults_traced(ctx->snap) ? warnings_of(ctx->snap, list) : 0;
	int at = 0, lines = 0;

	for (size_t i = 0; i < count; i++) {
		const struct mv_build *b = &list[i].text;

		if ((int)mv_clean_width(mv_build_text(b)) > cols)
			b = &list[i].brief;
		int width = (int)mv_clean_width(mv_build_text(b));
		if (!lines || at + 3 + width > cols) {
			if (lines == most)
				break;
			lines++;
			at = 0;
		} else {
			at += 3;
		}
		if (c)
			mv_canvas_build(c, y + lines - 1, x + at, cols - at, list[i].role, b);
		at += width;
	}
	return lines;
}

int mv_faults_warnings(const struct mv_context *ctx, int cols, int most)
{
	return lay_warnings(ctx, NULL, 0, 0, cols, most);
}

/* ---- how fast each kind goes ---- */

enum { KIND_NAME, KIND_RATE, KIND_SPARK, KIND_FAULTS, KIND_BROUGHT, KIND_SHARE, KIND__N };
static const struct mv_column kind_columns[KIND__N] = {
    [KIND_NAME] = {.heading = {"KIND"}, .width = 15, .min_width = 15, .on = true},
    [KIND_RATE] = {.heading = {"FAULTS/S"}, .width = 9, .min_width = 8, .on = true, .right = true},
    [KIND_SPARK] = {.heading = {"OVER TIME"}, .width = 12, .min_width = 9, .on = true, .give_up = 2},
    [KIND_FAULTS] =
	{.heading = {"FAULTS"}, .width = 12, .min_width = 10, .on = true, .right = true, .give_up = 3},
    [KIND_BROUGHT] =
	{.heading = {"MEMORY"}, .width = 7, .min_width = 6, .on = true, .right = true, .give_up = 4},
    [KIND_SHARE] = {.heading = {"SHARE"}, .width = 19, .min_width = 12, .on = true, .give_up = 1},
};

static uint64_t all_faults(const struct mv_trace *t)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < MV_FAULT__N; k++)
		sum += t->faults[k];
	return sum;
}

static struct mv_rate sum_rate(const struct mv_delta *delta)
{
	struct mv_rate sum = {0};

	for (unsigned k = 0; k < MV_FAULT__N; k++) {
		struct mv_rate rate = mv_delta_fault_rate(delta, (enum mv_fault_kind)k);

		sum.have |= rate.have;
		sum.per_second += rate.have ? rate.per_second : 0;
	}
	return sum;
}

/* Of what has ended nothing goes on a second. */
static struct mv_rate counted_rate(const struct mv_context *ctx)
{
	struct mv_rate minor = mv_delta_minor_rate(ctx->delta), major = mv_delta_major_rate(ctx->delta);

	return (struct mv_rate){minor.per_second + major.per_second,
				ctx->snap->trace.running && minor.have && major.have};
}

static void draw_kind(const struct mv_context *ctx, struct mv_canvas *c, int y, const struct mv_column *col,
		      unsigned k)
{
	const struct mv_trace *t = &ctx->snap->trace;
	enum mv_role role = mv_role_of_fault(k);
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, mv_words_fault(k));
	mv_faults_put(c, y, &col[KIND_NAME], role, &b);
	mv_faults_put_rate(c, y, &col[KIND_RATE], ROLE_STRONG,
			   mv_delta_fault_rate(ctx->delta, (enum mv_fault_kind)k));
	if (col[KIND_SPARK].w)
		mv_spark_draw(c, y, col[KIND_SPARK].x, col[KIND_SPARK].w, role,
			      mv_delta_fault_series(ctx->delta, (enum mv_fault_kind)k), true);
	mv_faults_put_count(c, y, &col[KIND_FAULTS], ROLE_TEXT, t->faults[k]);
	mv_faults_put_size(c, y, &col[KIND_BROUGHT], ROLE_TEXT, t->pages[k] * ctx->snap->page_bytes,
			   ctx->exact);
	mv_faults_put_share(c, y, &col[KIND_SHARE], role, t->faults[k], all_faults(t));
}

/* "none yet: read from disk, swap in, …": whole names, then how many more. */
static void draw_quiet(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols)
{
	uint32_t kinds = mv_faults_kinds(ctx->snap);
	unsigned left = MV_FAULT__N - (unsigned)__builtin_popcount(kinds);
	struct mv_build b, more;

	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("none yet: "));
	for (unsigned k = 0, said = 0; k < MV_FAULT__N; k++) {
		if (kinds >> k & 1)
			continue;
		mv_build_init(&more);
		mv_build_clean(&more, said ? MV_TEXT(", ") : MV_TEXT(""));
		mv_build_clean(&more, mv_words_fault(k));
		/* Room for " and 3 more" unless this is the last. */
		if ((int)(b.len + more.len) + (left > 1 ? 11 : 0) > cols) {
			mv_build_fmt(&b, said ? " and %u more" : "%u kinds", left);
			break;
		}
		mv_build_clean(&b, mv_build_text(&more));
		said++;
		left--;
	}
	mv_canvas_build(c, y, x, cols, ROLE_DIM, &b);
}

static void draw_sum(struct mv_canvas *c, int y, const struct mv_column *col, struct mv_clean name,
		     struct mv_rate rate, uint64_t faults)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, name);
	mv_faults_put(c, y, &col[KIND_NAME], ROLE_LABEL, &b);
	mv_faults_put_rate(c, y, &col[KIND_RATE], ROLE_STRONG, rate);
	mv_faults_put_count(c, y, &col[KIND_FAULTS], ROLE_STRONG, faults);
}

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

static void draw_kinds_table(const struct mv_faults_view *v, const struct mv_context *ctx,
			     struct mv_canvas *c)
{
	const struct mv_trace *t = &ctx->snap->trace;
	const struct mv_rect *text = &v->geo.text;
	uint32_t kinds = mv_faults_kinds(ctx->snap);
	struct mv_column col[KIND__N];
	int y = v->geo.kinds_y, spare = clamp(text->cols - 80, 0, 100);

	memcpy(col, kind_columns, sizeof(col));
	col[KIND_BROUGHT].width = ctx->exact ? 16 : col[KIND_BROUGHT].width;
	/* What a wide screen has over: the past and the bars, as far as the eye compares them. */
	col[KIND_SPARK].width += clamp(spare / 2, 0, 48);
	col[KIND_SHARE].width += clamp(spare / 2, 0, 40);
	mv_table_layout(col, KIND__N, text->cols, -1);
	mv_faults_shift(col, KIND__N, text->x);
	mv_table_headings(c, y++, col, KIND__N, -1, false);
	for (unsigned k = 0; k < MV_FAULT__N; k++)
		if (kinds >> k & 1)
			draw_kind(ctx, c, y++, col, k);
	if (v->geo.quiet_line)
		draw_quiet(ctx, c, y++, text->x, text->cols);
	draw_sum(c, y++, col, MV_TEXT("all, estimated"), sum_rate(ctx->delta), all_faults(t));
	draw_sum(c, y, col, MV_TEXT("all, counted"), counted_rate(ctx), t->minor + t->major);
	if (col[KIND_SPARK].w)
		mv_spark_draw(c, y, col[KIND_SPARK].x, col[KIND_SPARK].w, ROLE_FAULT_MINOR,
			      mv_delta_series(ctx->delta, MV_SERIES_MINOR), true);
	if (col[KIND_SHARE].w) {
		struct mv_build b;
		int end = text->x + text->cols, x = col[KIND_SHARE].x;

		mv_build_init(&b);
		mv_build_count(&b, t->major);
		mv_build_clean(&b, MV_TEXT(" of them major"));
		if ((int)b.len <= end - x)
			mv_canvas_build(c, y, x, end - x, t->major ? ROLE_FAULT_MAJOR : ROLE_DIM, &b);
	}
}

/* Few rows: the fastest first, whole or not at all. */
static void draw_kinds_brief(const struct mv_faults_view *v, const struct mv_context *ctx,
			     struct mv_canvas *c)
{
	int x = v->geo.text.x, y = v->geo.kinds_y, end = x + v->geo.text.cols, left = v->geo.kinds_rows;
	uint32_t kinds = mv_faults_kinds(ctx->snap);
	struct mv_build b;

	while (kinds) {
		double most = -1;
		unsigned best = 0;

		for (unsigned k = 0; k < MV_FAULT__N; k++) {
			struct mv_rate rate = mv_delta_fault_rate(ctx->delta, (enum mv_fault_kind)k);
			double n = rate.have ? rate.per_second : 0;

			if ((kinds >> k & 1) && n > most) {
				most = n;
				best = k;
			}
		}
		kinds &= ~(UINT32_C(1) << best);
		mv_build_init(&b);
		if (mv_delta_fault_rate(ctx->delta, (enum mv_fault_kind)best).have) {
			mv_build_count(&b, (uint64_t)llround(most));
			mv_build_clean(&b, MV_TEXT("/s"));
		} else {
			mv_build_clean(&b, MV_TEXT("-"));
		}
		int name = (int)mv_clean_width(mv_words_fault(best)), width = name + 1 + (int)b.len;
		if (x + width > end && --left > 0) {
			x = v->geo.text.x;
			y++;
		}
		if (x + width > end)
			return;
		mv_canvas_text(c, y, x, name, mv_role_of_fault(best), mv_words_fault(best));
		mv_canvas_build(c, y, x + name + 1, (int)b.len, ROLE_STRONG, &b);
		x += width + 3;
	}
}

/* ---- instead of a picture ---- */

static void build_reason(const struct mv_context *ctx, struct mv_build *b, struct mv_clean *ret_advice)
{
	const struct mv_snapshot *snap = ctx->snap;
	uint32_t why = snap && (snap->facts & MV_FACT_FAULTS) ? snap->trace.why : MV_WHY_NOT_READ;

	mv_build_init(b);
	*ret_advice = MV_TEXT("");
	if (snap && snap->life == MV_LIFE_KERNEL_THREAD) {
		mv_build_clean(b, MV_TEXT("no faults: a kernel thread has no user memory"));
	} else if (snap && snap->life != MV_LIFE_ALIVE && why <= MV_WHY_HAVE) {
		mv_build_clean(b, MV_TEXT("the process ended before its faults could be traced"));
	} else if (why <= MV_WHY_HAVE) {
		mv_build_clean(b, MV_TEXT("beginning to trace"));
	} else {
		mv_build_clean(b, MV_TEXT("page faults cannot be traced: "));
		mv_build_clean(b, mv_words(mv_why_text((enum mv_why)why)));
		if (why == MV_WHY_NEEDS_PERFMON)
			*ret_advice = MV_TEXT(
			    "What helps: memview as root (sudo), or sysctl kernel.perf_event_paranoid=2");
		else if (why == MV_WHY_NEEDS_PTRACE || why == MV_WHY_NEEDS_ROOT)
			*ret_advice =
			    MV_TEXT("What helps: memview as root (sudo), or as the owner of the process");
		else if (why == MV_WHY_NO_KERNEL)
			*ret_advice = MV_TEXT("A kernel with CONFIG_PERF_EVENTS offers it.");
	}
}

static void draw_counter(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols,
			 bool major)
{
	struct mv_val v = ctx->snap ? ctx->snap->figure[major ? MV_FIG_MAJOR : MV_FIG_MINOR]
				    : mv_val_missing(MV_WHY_NOT_READ);
	struct mv_column count = {.x = x + 7, .w = 13, .right = true},
			 rate = {.x = x + 21, .w = 10, .right = true};
	enum mv_role role = major ? ROLE_FAULT_MAJOR : ROLE_FAULT_MINOR;

	if (cols < 34)
		return;
	mv_canvas_text(c, y, x, 6, role, major ? MV_TEXT("major") : MV_TEXT("minor"));
	if (mv_have(&v))
		mv_faults_put_count(c, y, &count, ROLE_STRONG, v.value);
	else
		mv_canvas_text_right(c, y, count.x, count.w, ROLE_DIM, MV_TEXT("-"));
	mv_faults_put_rate(c, y, &rate, role,
			   major ? mv_delta_major_rate(ctx->delta) : mv_delta_minor_rate(ctx->delta));
	mv_canvas_text(c, y, x + 31, 2, ROLE_LABEL, MV_TEXT("/s"));
	mv_spark_draw(c, y, x + 35, clamp(cols - 35, 0, 60), role,
		      mv_delta_series(ctx->delta, major ? MV_SERIES_MAJOR : MV_SERIES_MINOR), true);
}

/* Why nothing is traced, what would help, and what is known all the same. */
static void draw_reason(const struct mv_faults_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_faults_geometry *g = &v->geo;
	int x = g->text.x, y = g->kinds_y >= 0 ? g->kinds_y : g->path_y + 1, end = g->area.y + g->area.rows;
	struct mv_clean advice;
	struct mv_build b;

	build_reason(ctx, &b, &advice);
	if (end - y > 8)
		y++;
	y += mv_wrap_draw(c, (struct mv_rect){y, x, end - y, g->text.cols}, ROLE_WARN, mv_build_text(&b));
	if (advice.text[0])
		y += mv_wrap_draw(c, (struct mv_rect){y, x, end - y, g->text.cols}, ROLE_TEXT, advice);
	if (end - y < 4 || !ctx->snap)
		return;
	mv_canvas_text(c, ++y, x, g->text.cols, ROLE_LABEL, MV_TEXT("What the kernel counts goes on:"));
	draw_counter(ctx, c, ++y, x, g->text.cols, false);
	draw_counter(ctx, c, ++y, x, g->text.cols, true);
}

/* ---- the panes' names ---- */

static void draw_tabs(const struct mv_faults_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	int y = v->geo.tabs_y, end = v->geo.text.x + v->geo.text.cols, x = end;
	struct mv_build b;

	if (y < 0)
		return;
	for (int i = 0; i < MV_FAULTS_PANES; i++) {
		enum mv_faults_pane pane = (enum mv_faults_pane)i;
		struct mv_clean name = mv_faults_pane_name(pane);
		bool on = pane == v->pane;
		int width = (int)mv_clean_width(name);

		x = mv_faults_tab_x(v, pane);
		if (on)
			mv_canvas_fill(c, (struct mv_rect){y, x, 1, width + 2}, ROLE_SIDE_ON, U' ');
		mv_canvas_text(c, y, x + 1, end - x - 1, on ? ROLE_SIDE_ON : ROLE_SIDE, name);
		x += width + 2;
	}
	x += 1 + mv_canvas_text(c, y, x + 1, end - x - 1 < 3 ? 0 : 3, ROLE_KEY, MV_TEXT("Tab")) + 2;
	mv_build_init(&b);
	if (v->pane != MV_FAULTS_STACKS)
		return;
	if (v->only) {
		mv_build_clean(&b, MV_TEXT("only thread "));
		mv_words_fault_thread(&b, ctx->snap, v->only);
		if ((int)mv_clean_width(mv_build_text(&b)) <= end - x)
			x += mv_canvas_build(c, y, x, end - x, ROLE_FOUND, &b) + 2;
	}
	struct mv_clean words = v->order == MV_CALLTREE_CALLERS ? MV_TEXT(" from the callers down")
								: MV_TEXT(" from who touches, up");
	int width = 1 + (int)mv_clean_width(words);
	if (width > end - x)
		return;
	mv_canvas_text(c, y, end - width, 1, ROLE_KEY, MV_TEXT("x"));
	mv_canvas_text(c, y, end - width + 1, width - 1, ROLE_LABEL, words);
}

static void draw_second(const struct mv_faults_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_faults_geometry *g = &v->geo;
	int y = g->log_y - 1, x = g->text.x;

	if (g->log_y < 0)
		return;
	for (int i = 0; i < g->text.cols; i++)
		mv_canvas_glyph2(c, y, x + i, ROLE_FRAME, U'─', '-');
	mv_canvas_text(c, y, x + 2, g->text.cols, ROLE_LABEL, MV_TEXT(" the latest "));
	mv_faults_pane_draw(v, ctx, c, MV_FAULTS_LOG, g->log_y,
			    (struct mv_rect){g->log_y + 1, x, g->log_rows - 1, g->text.cols}, 0, UINT32_MAX);
}

void mv_faults_draw(const struct mv_faults_view *v, const struct mv_context *ctx, struct mv_canvas *canvas)
{
	const struct mv_faults_geometry *g = &v->geo;

	if (g->header_rows)
		mv_header_draw(ctx, canvas,
			       (struct mv_rect){g->area.y, g->area.x, g->header_rows > 1 ? g->area.rows : 1,
						g->area.cols});
	draw_path(v, ctx, canvas);
	if (!mv_faults_traced(ctx->snap)) {
		draw_reason(v, ctx, canvas);
		return;
	}
	if (g->warn_y >= 0)
		lay_warnings(ctx, canvas, g->warn_y, g->text.x, g->text.cols, g->warn_rows);
	if (g->kinds_y >= 0 && g->table)
		draw_kinds_table(v, ctx, canvas);
	else if (g->kinds_y >= 0)
		draw_kinds_brief(v, ctx, canvas);
	draw_tabs(v, ctx, canvas);
	mv_faults_pane_draw(v, ctx, canvas, v->pane, g->head_y,
			    (struct mv_rect){g->list_y, g->text.x, g->list_rows, g->text.cols},
			    v->top[v->pane], v->at[v->pane]);
	draw_second(v, ctx, canvas);
}
