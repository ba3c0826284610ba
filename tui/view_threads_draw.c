/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_pages_draw.h"
#include "tui/view_private.h"
#include "tui/view_threads.h"

const struct mv_thread_column_info mv_thread_columns[MV_THREAD_COL__N] = {
#define X(id, heading, width, min, give, right, ascends, words, source, unit) \
	[MV_THREAD_COL_##id] = {heading, width, min, give, right, ascends, words, source, unit},
    MV_THREAD_COLUMNS(X)
#undef X
};

/* ---- columns ---- */

static int digits(uint32_t n)
{
	int d = 1;

	for (; n >= 10; n /= 10)
		d++;
	return d;
}

static int tid_cols(const struct mv_snapshot *snap)
{
	uint32_t count = 0;
	const struct mv_thread *t = snap ? mv_snapshot_threads(snap, &count) : NULL;
	int widest = count ? digits((uint32_t)t[count - 1].tid) : 0;

	return widest > 5 ? widest : 5;
}

static bool is_size(int column)
{
	return column == MV_THREAD_COL_STACK || column == MV_THREAD_COL_USED ||
	       column == MV_THREAD_COL_TOUCHED || column == MV_THREAD_COL_GUARD;
}

void mv_threads_layout(const struct mv_threads *v, const struct mv_context *ctx,
		       struct mv_column col[static MV_THREAD_COL__N])
{
	int cols = v->text.cols;

	for (int i = 0; i < MV_THREAD_COL__N; i++) {
		const struct mv_thread_column_info *info = &mv_thread_columns[i];
		col[i] = (struct mv_column){.heading = mv_words(info->heading),
					    .width = info->width,
					    .min_width = info->min_width,
					    .give_up = info->give_up,
					    .right = info->right,
					    .on = true};
		if (ctx->exact && is_size(i))
			col[i].width = col[i].min_width = i == MV_THREAD_COL_GUARD ? 9 : 11;
	}
	col[MV_THREAD_COL_TID].width = col[MV_THREAD_COL_TID].min_width = tid_cols(ctx->snap);
	/* Wide enough for words and names before the figures that matter less come in. */
	if (cols >= 60) {
		col[MV_THREAD_COL_STATE].min_width = cols >= 76 ? 10 : 8;
		col[MV_THREAD_COL_NAME].min_width = 12;
		col[MV_THREAD_COL_WHERE].width = cols >= 150 ? 56 : cols >= 110 ? 40 : 30;
		col[MV_THREAD_COL_WHERE].min_width = cols >= 110 ? col[MV_THREAD_COL_WHERE].width : 24;
	} else if (cols >= 36) {
		col[MV_THREAD_COL_NAME].min_width = 8;
	}
	mv_table_layout(col, MV_THREAD_COL__N, cols, MV_THREAD_COL_WHERE);
	if (col[MV_THREAD_COL_STATE].w < 5)
		col[MV_THREAD_COL_STATE].heading = MV_TEXT("S");
}

/* ---- cells ---- */

struct cell {
	struct mv_build text;
	enum mv_role role;
};

static void dash(struct cell *cell)
{
	mv_build_init(&cell->text);
	mv_build_clean(&cell->text, MV_TEXT("-"));
	cell->role = ROLE_DIM;
}

static void size_cell(struct cell *cell, const struct mv_val *v, bool exact)
{
	if (!mv_have(v)) {
		dash(cell);
		return;
	}
	mv_words_size(&cell->text, v->value, exact);
	if (!v->value)
		cell->role = ROLE_DIM;
}

/* What has not changed is quiet. Where room is short the heading alone bears the sign. */
static void rate_cell(struct cell *cell, struct mv_rate r, enum mv_role role, int cols)
{
	char text[8];

	if (!r.have) {
		dash(cell);
		return;
	}
	uint64_t n = (uint64_t)llround(r.per_second > 0 ? r.per_second : 0);
	cell->role = n ? role : ROLE_DIM;
	mv_text_short(text, n);
	mv_build_clean(&cell->text, n && (int)strlen(text) + 3 <= cols ? MV_TEXT("+") : MV_TEXT(""));
	mv_build_clean(&cell->text, mv_words(text));
	mv_build_clean(&cell->text, n ? MV_TEXT("/s") : MV_TEXT(""));
}

static void count_cell(struct cell *cell, uint64_t n, int cols)
{
	char text[32];

	if (mv_text_count(text, n) > (size_t)cols)
		mv_text_short(text, n);
	mv_build_clean(&cell->text, mv_words(text));
	if (!n)
		cell->role = ROLE_DIM;
}

static void cpu_cell(struct cell *cell, struct mv_rate r)
{
	if (!r.have) {
		dash(cell);
		return;
	}
	double percent = r.per_second < 0 ? 0 : r.per_second * 100;
	if (percent < 0.05) {
		mv_build_clean(&cell->text, MV_TEXT("0"));
		cell->role = ROLE_DIM;
		return;
	}
	mv_build_fmt(&cell->text, percent < 99.95 ? "%.1f" : "%.0f", percent);
	if (percent >= 10)
		cell->role = ROLE_STRONG;
}

static void state_cell(struct cell *cell, const struct mv_thread *t, int cols)
{
	cell->role = mv_threads_state_role(t);
	if (cols >= 5) {
		mv_build_clean(&cell->text, mv_threads_state(t));
		return;
	}
	char upper = (char)(t->state & ~0x20), letter[2] = {t->state, '\0'};
	mv_build_clean(&cell->text, t->gone || upper < 'A' || upper > 'Z' ? MV_TEXT("-") : mv_words(letter));
}

static struct cell cell_of(const struct mv_context *ctx, const struct mv_thread *t, int column, int cols)
{
	struct mv_thread_rates rates = mv_delta_thread(ctx->delta, t->tid);
	struct mv_val size =
	    t->stack.end ? mv_val_of(t->stack.end - t->stack.start) : mv_val_missing(MV_WHY_NOT_READ);
	enum mv_stack_danger danger = mv_threads_danger(ctx->snap, t);
	struct cell cell = {.role = ROLE_TEXT};

	mv_build_init(&cell.text);
	switch (column) {
	case MV_THREAD_COL_TID:
		mv_build_fmt(&cell.text, "%d", t->tid);
		cell.role = ROLE_DIM;
		break;
	case MV_THREAD_COL_NAME:
		mv_build_clean(&cell.text, mv_snapshot_text(ctx->snap, t->name));
		cell.role = ROLE_TITLE;
		break;
	case MV_THREAD_COL_STATE:
		state_cell(&cell, t, cols);
		break;
	case MV_THREAD_COL_CPU:
		cpu_cell(&cell, rates.cpu);
		break;
	case MV_THREAD_COL_MINOR:
		count_cell(&cell, t->minor_faults, cols);
		break;
	case MV_THREAD_COL_MINOR_RATE:
		rate_cell(&cell, rates.minor, ROLE_FAULT_MINOR, cols);
		break;
	case MV_THREAD_COL_MAJOR:
		count_cell(&cell, t->major_faults, cols);
		break;
	case MV_THREAD_COL_MAJOR_RATE:
		rate_cell(&cell, rates.major, ROLE_FAULT_MAJOR, cols);
		break;
	case MV_THREAD_COL_STACK:
		size_cell(&cell, &size, ctx->exact);
		break;
	case MV_THREAD_COL_USED:
		cell.role = danger == MV_STACK_NEAR ? ROLE_WARN : ROLE_STRONG;
		size_cell(&cell, &t->used, ctx->exact);
		break;
	case MV_THREAD_COL_TOUCHED:
		cell.role = danger != MV_STACK_CALM ? ROLE_WARN : ROLE_TEXT;
		size_cell(&cell, &t->touched, ctx->exact);
		break;
	default:
		size_cell(&cell, &t->guard, ctx->exact);
	}
	/* Ended: a picture of the past. */
	if (t->gone && column != MV_THREAD_COL_STATE)
		cell.role = ROLE_DIM;
	return cell;
}

static void draw_full(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols,
		      const struct mv_thread *t)
{
	if (mv_threads_grows(ctx->snap, t))
		mv_canvas_text(c, y, x, cols, ROLE_DIM, MV_TEXT("grows"));
	else if (!t->stack.end)
		mv_canvas_text(c, y, x, cols, ROLE_DIM, MV_TEXT("-"));
	else
		mv_threads_bar(c, y, x, cols, ctx->snap, t);
}

/* Why this thread has no calls; the reason that holds for all of them is said once, above the list. */
static void draw_no_calls(const struct mv_context *ctx, const struct mv_thread *t, struct mv_pages_pen *pen)
{
	struct mv_clean advice;
	struct mv_build b;

	mv_build_init(&b);
	if (t->calls_why == MV_WHY_RUNNING)
		mv_build_clean(&b, MV_TEXT("running: ! shows where"));
	else if (ctx->snap->threads_head.calls_why != MV_WHY_HAVE ||
		 !mv_threads_calls_why(&b, ctx->snap, t, &advice))
		mv_build_clean(&b, MV_TEXT("-"));
	pen_build(pen, ROLE_DIM, &b);
}

static void draw_where(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols,
		       const struct mv_thread *t)
{
	const struct mv_call *calls = mv_snapshot_thread_calls(ctx->snap, t);
	struct mv_pages_pen pen = {c, y, x, x + cols};
	struct mv_build b;

	/* What is dead has no stack, whatever address it is said to be at. */
	if (!t->gone && (t->state == 'Z' || t->state == 'X')) {
		pen_text(&pen, ROLE_DIM, MV_TEXT("-"));
		return;
	}
	if (!t->count) {
		draw_no_calls(ctx, t, &pen);
		return;
	}
	if (t->how == MV_HOW_SAMPLED)
		pen_text(&pen, ROLE_DIM, MV_TEXT("~ "));
	for (uint32_t i = 0; i < t->count && pen.x < pen.end; i++) {
		if (i)
			pen_text(&pen, ROLE_DIM, MV_TEXT(" < "));
		mv_build_init(&b);
		if (calls[i].function == MV_FUNCTION_NONE)
			mv_words_addr(&b, calls[i].pc);
		else
			mv_build_clean(&b, mv_snapshot_function_name(ctx->snap, calls[i].function));
		pen_build(&pen, i || t->gone ? ROLE_DIM : ROLE_TEXT, &b);
	}
}

/* ---- lines ---- */

static void draw_thread(const struct mv_threads *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
			const struct mv_column *col, const struct mv_thread *t, bool selected)
{
	for (int i = 0; i < MV_THREAD_COL__N; i++) {
		int x = v->text.x + col[i].x;
		if (!col[i].w)
			continue;
		if (i == MV_THREAD_COL_FULL) {
			draw_full(ctx, c, y, x, col[i].w, t);
		} else if (i == MV_THREAD_COL_WHERE) {
			draw_where(ctx, c, y, x, col[i].w, t);
		} else {
			struct cell cell = cell_of(ctx, t, i, col[i].w);
			if (col[i].right)
				mv_canvas_text_right(c, y, x, col[i].w, cell.role, mv_build_text(&cell.text));
			else
				mv_canvas_build(c, y, x, col[i].w, cell.role, &cell.text);
		}
	}
	if (selected)
		mv_canvas_attr(c, (struct mv_rect){y, v->area.x, 1, v->area.cols}, MV_ATTR_CURSOR);
}

static void draw_list(const struct mv_threads *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_column col[MV_THREAD_COL__N], head[MV_THREAD_COL__N];
	uint32_t count;
	const struct mv_thread *t = mv_snapshot_threads(ctx->snap, &count);

	mv_threads_layout(v, ctx, col);
	memcpy(head, col, sizeof(head));
	for (int i = 0; i < MV_THREAD_COL__N; i++)
		head[i].x += v->text.x;
	if (v->head_y >= 0)
		mv_table_headings(c, v->head_y, head, MV_THREAD_COL__N, (int)v->sorted,
				  v->reverse != mv_thread_columns[v->sorted].ascends);
	for (int i = 0; i < v->list_rows; i++) {
		uint32_t row = v->top + (uint32_t)i;
		if (row >= v->count)
			break;
		draw_thread(v, ctx, c, v->list_y + i, col, &t[v->order[row].index], row == v->at);
	}
}

/* "12 threads", "4,096 of 6,200 threads" */
static void build_threads(struct mv_build *b, const struct mv_snapshot *snap, uint32_t count)
{
	uint32_t total = snap->threads_head.total;

	mv_build_count(b, count);
	if (total > count) {
		mv_build_clean(b, MV_TEXT(" of "));
		mv_build_count(b, total);
	}
	mv_build_clean(b, count == 1 && total <= 1 ? MV_TEXT(" thread") : MV_TEXT(" threads"));
}

/* Reserved is addresses, touched is RAM: the sums tell the difference. */
static void draw_sums(const struct mv_threads *v, bool exact, struct mv_canvas *c, struct mv_pages_pen *pen)
{
	struct mv_build b;

	if (!v->sum.stacks)
		return;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("their stacks: "));
	mv_words_size(&b, v->sum.used, exact);
	mv_build_clean(&b, MV_TEXT(" in use, "));
	mv_words_size(&b, v->sum.touched, exact);
	mv_build_clean(&b, MV_TEXT(" touched, "));
	mv_words_size(&b, v->sum.reserved, exact);
	mv_build_clean(&b, MV_TEXT(" reserved"));
	int cols = (int)mv_clean_width(mv_build_text(&b));
	if (pen->end - pen->x < cols + 3)
		return;
	mv_canvas_build(c, pen->y, pen->end - cols, cols, ROLE_LABEL, &b);
	pen->end -= cols + 2;
}

static void draw_path(const struct mv_threads *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_pages_pen pen = {c, v->path_y, v->text.x, v->text.x + v->text.cols};
	struct mv_build b;

	if (v->path_y < 0)
		return;
	mv_build_init(&b);
	mv_words_process(&b, ctx);
	pen_build(&pen, ROLE_DIM, &b);
	mv_build_init(&b);
	if (!v->count) {
		pen_text(&pen, ROLE_TITLE, MV_TEXT("threads"));
		return;
	}
	build_threads(&b, ctx->snap, v->count);
	pen_build(&pen, ROLE_TITLE, &b);
	if (v->sum.running) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT(", "));
		mv_build_count(&b, v->sum.running);
		mv_build_clean(&b, MV_TEXT(" running"));
		pen_build_whole(&pen, ROLE_LIVE, &b);
	}
	if (v->sum.gone) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT(", "));
		mv_build_count(&b, v->sum.gone);
		mv_build_clean(&b, MV_TEXT(" ended"));
		pen_build_whole(&pen, ROLE_GONE, &b);
	}
	draw_sums(v, ctx->exact, c, &pen);
}

/* One line: the exact picture, else why there are no calls, else how they were got. */
static void draw_note(const struct mv_threads *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_pages_pen pen = {c, v->note_y, v->text.x, v->text.x + v->text.cols};
	struct mv_clean advice = MV_TEXT("");
	enum mv_role role;
	struct mv_build b;

	if (v->note_y < 0)
		return;
	mv_build_init(&b);
	if (mv_threads_stop_note(&b, ctx, &v->stop, &role)) {
		pen_build(&pen, role, &b);
		return;
	}
	if (ctx->snap->threads_head.calls_why > MV_WHY_HAVE &&
	    mv_threads_calls_why(&b, ctx->snap, NULL, &advice)) {
		pen_text(&pen, ROLE_WARN, MV_TEXT("no calls: "));
		pen_build(&pen, ROLE_WARN, &b);
		mv_build_init(&b);
		mv_build_clean(&b, advice.text[0] ? MV_TEXT("; ") : MV_TEXT(""));
		mv_build_clean(&b, advice);
		pen_build_whole(&pen, ROLE_DIM, &b);
		return;
	}
	if (ctx->snap->life != MV_LIFE_ALIVE) {
		pen_text(&pen, ROLE_DIM, MV_TEXT("where each was when it was last read"));
		return;
	}
	bool sampled = false;
	uint32_t count;
	const struct mv_thread *t = mv_snapshot_threads(ctx->snap, &count);
	for (uint32_t i = 0; i < count && !sampled; i++)
		sampled = t[i].how == MV_HOW_SAMPLED;
	mv_build_clean(&b,
		       sampled && v->text.cols >= 100
			   ? MV_TEXT("where each waits is read without stopping it, ~ sampled as it ran; ")
			   : MV_TEXT("where each waits is read without stopping it; "));
	if (pen_build_whole(&pen, ROLE_DIM, &b) && pen.end - pen.x > 26) {
		pen_text(&pen, ROLE_KEY, MV_TEXT("!"));
		pen_text(&pen, ROLE_DIM, MV_TEXT(" takes an exact picture"));
	} else if (pen.x == v->text.x) {
		pen_text(&pen, ROLE_DIM, MV_TEXT("read without stopping it"));
	}
}

void mv_threads_draw(const struct mv_threads *v, const struct mv_context *ctx, struct mv_canvas *canvas)
{
	struct mv_clean advice;
	struct mv_build b;

	if (v->area.rows >= 13)
		mv_header_draw(ctx, canvas, v->area);
	draw_path(v, ctx, canvas);
	mv_build_init(&b);
	bool nothing = mv_threads_nothing(&b, ctx, &advice);
	if (!nothing && v->order_short)
		mv_build_why(&b, MV_WHY_NO_MEMORY);
	if (nothing || v->order_short) {
		int y = v->list_y + (v->list_rows > 4 ? 1 : 0);
		mv_canvas_build(canvas, y, v->text.x, v->text.cols, ROLE_WARN, &b);
		if (v->list_rows > 1)
			mv_canvas_text(canvas, y + 1, v->text.x, v->text.cols, ROLE_DIM, advice);
		return;
	}
	draw_note(v, ctx, canvas);
	draw_list(v, ctx, canvas);
}
