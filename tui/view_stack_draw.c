/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "tui/view_pages_draw.h"
#include "tui/view_private.h"
#include "tui/view_stack.h"

/* ---- where things are ---- */

#define BESIDE_COLS 112 /* from so many on, the pages lie beside the calls */

/* Rows of the grid below the calls, at most. */
static int rows_below(int rows)
{
	return rows >= 24 ? 8 : rows >= 14 ? 5 : rows >= 9 ? 3 : rows >= 6 ? 1 : 0;
}

static void lay_beside(struct mv_stack_view *v, int y, int end, int addr_cols)
{
	struct mv_stack_grid *g = &v->grid;
	int cells = v->text.cols >= 168 ? 32 : 16;

	/* Two columns make a page a square, as it were. */
	if (v->text.cols >= 110)
		g->cell_cols = g->cell_cols > 2 ? g->cell_cols : 2;

	g->addr_cols = addr_cols;
	g->cells = cells;
	v->side.cols = addr_cols + 1 + cells * g->cell_cols;
	v->side.x = v->text.x + v->text.cols - v->side.cols;
	v->side.y = y;
	v->side.rows = end - y;
	v->list_cols = v->text.cols - v->side.cols - 3;
	v->head_y = y;
	v->list_y = y + 1;
	v->list_rows = end - v->list_y;
	/* Above it a heading, the guard and the untouched; below it a blank, the legend, the selected call.
	 */
	g->rows = v->side.rows - 6;
	v->grid_y = y + 3;
}

static void lay_below(struct mv_stack_view *v, int y, int end, int addr_cols)
{
	struct mv_stack_grid *g = &v->grid;
	int cols = v->text.cols, rows = end - y;

	g->addr_cols = cols >= 45 ? addr_cols : 0;
	g->cells = (cols - (g->addr_cols ? g->addr_cols + 1 : 0)) / g->cell_cols;
	g->cells = g->cells > 64 ? 64 : g->cells >= 16 ? g->cells & ~15 : g->cells;
	v->side = v->text;
	v->list_cols = cols;
	g->rows = rows_below(rows);
	if (rows >= 5)
		v->head_y = y++;
	v->list_y = y;
	v->list_rows = end - y;
}

/* The rows that the grid took are known now. */
static void lay_grid(struct mv_stack_view *v, int end)
{
	int rows = v->grid.rows, room = v->list_rows;

	if (!rows)
		return;
	if (v->beside) {
		v->grid_y = v->side.y + 1 + mv_stack_grid_above(v);
		v->cursor_y = v->grid_y + rows + 1;
		v->legend_y = v->grid_y + rows + 2;
		return;
	}
	if (room >= 11)
		v->cursor_y = --end;
	v->grid_y = end -= rows;
	if (room >= 8)
		v->legend_y = --end;
	if (room >= 18)
		end--;
	v->list_rows = end - v->list_y;
}

void mv_stack_view_layout(struct mv_stack_view *v, const struct mv_context *ctx, struct mv_rect area)
{
	int y = area.y, end = area.y + area.rows, rows = area.rows;
	int addr_cols = ctx->snap ? mv_words_addr_cols(ctx->snap) : 12;

	v->area = area;
	v->text = area.cols >= 40 ? (struct mv_rect){area.y, area.x + 1, rows, area.cols - 2} : area;
	v->path_y = v->how_y = v->size_y = v->head_y = v->grid_y = v->legend_y = v->cursor_y = -1;
	v->grid.cell_cols = ctx->page_cols ? ctx->page_cols : 1;
	y += rows >= 13 ? mv_header_rows(rows) : 0;
	if (rows >= 2)
		v->path_y = y++;
	if (rows >= 7)
		v->how_y = y++;
	if (rows >= 5)
		v->size_y = y++;
	if (rows >= 26)
		y++;
	v->beside = area.cols >= BESIDE_COLS && end - y >= 10;
	if (v->beside)
		lay_beside(v, y, end, addr_cols);
	else
		lay_below(v, y, end, addr_cols);
	mv_stack_grid_settle(v, ctx);
	lay_grid(v, end);
	if (v->list_rows < 0)
		v->list_rows = 0;
}

/* ---- the calls ---- */

enum column { COL_NUMBER, COL_FUNCTION, COL_OFFSET, COL_SOURCE, COL_BYTES, COL_PAGE, COL__N };
static const struct mv_column call_columns[COL__N] = {
    [COL_NUMBER] = {.heading = {"#"}, .width = 3, .min_width = 2, .on = true, .right = true},
    [COL_FUNCTION] = {.heading = {"FUNCTION"}, .width = 24, .min_width = 20, .on = true},
    [COL_OFFSET] = {.heading = {"+OFFSET"}, .width = 8, .min_width = 7, .on = true, .give_up = 4},
    [COL_SOURCE] = {.heading = {"SOURCE"}, .width = 28, .min_width = 18, .on = true, .give_up = 3},
    [COL_BYTES] = {.heading = {"BYTES"}, .width = 7, .min_width = 6, .on = true, .right = true, .give_up = 1},
    [COL_PAGE] = {.heading = {"STACK PAGE"}, .width = 12, .min_width = 12, .on = true, .give_up = 2},
};

static void put(struct mv_canvas *c, const struct mv_stack_view *v, int y, const struct mv_column *col,
		enum mv_role role, const struct mv_build *b)
{
	int x = v->text.x + col->x;

	if (!col->w)
		return;
	if (col->right)
		mv_canvas_text_right(c, y, x, col->w, role, mv_build_text(b));
	else
		mv_canvas_build(c, y, x, col->w, role, b);
}

static void draw_function(const struct mv_stack_view *v, struct mv_canvas *c, int y,
			  const struct mv_column *col, const struct mv_stack_call *call)
{
	int x = v->text.x + col->x;
	struct mv_pages_pen pen = {c, y, x, x + col->w};
	struct mv_build b;

	mv_build_init(&b);
	if (call->name)
		mv_build_clean(&b, mv_stack_view_text(v, call->name));
	else
		mv_words_addr(&b, call->pc);
	/* The mark of a signal matters more than the end of a long name. */
	int mark = call->flags & MV_CALL_SIGNAL ? 9 : 0;
	pen.end -= col->w > 2 * mark ? mark : 0;
	pen_build(&pen, call->named && !v->gone ? ROLE_STRONG : ROLE_DIM, &b);
	pen.end = x + col->w;
	if (mark)
		pen_text(&pen, ROLE_WARN, MV_TEXT(" (signal)"));
}

static void draw_source(const struct mv_stack_view *v, struct mv_canvas *c, int y,
			const struct mv_column *col, const struct mv_stack_call *call)
{
	struct mv_clean file = mv_stack_view_text(v, call->file);
	struct mv_build b;

	if (!col->w)
		return;
	mv_build_init(&b);
	if (!call->file) {
		mv_build_clean(&b, mv_words_base(mv_stack_view_text(v, call->image)));
		mv_canvas_build(c, y, v->text.x + col->x, col->w, ROLE_DIM, &b);
		return;
	}
	mv_build_clean(&b, file);
	mv_build_fmt(&b, ":%u", call->line);
	if ((int)mv_clean_width(mv_build_text(&b)) > col->w) {
		mv_build_init(&b);
		mv_build_clean(&b, mv_words_base(file));
		mv_build_fmt(&b, ":%u", call->line);
	}
	mv_canvas_build(c, y, v->text.x + col->x, col->w, ROLE_TEXT, &b);
}

/* Its page, once for the calls that share it: the line beside them says that they do. */
static void draw_page(const struct mv_stack_view *v, struct mv_canvas *c, int y, const struct mv_column *col,
		      uint32_t i, bool first)
{
	uint64_t page_bytes = v->grid.page_bytes ? v->grid.page_bytes : 4096;
	uint64_t sp = v->calls[i].sp, before = i ? v->calls[i - 1].sp : 0;
	struct mv_build b;

	if (!col->w)
		return;
	mv_build_init(&b);
	if (sp && i && !first && before / page_bytes == sp / page_bytes) {
		mv_canvas_glyph2(c, y, v->text.x + col->x + 4, ROLE_FRAME, U'│', '|');
		return;
	}
	if (sp)
		mv_words_addr(&b, sp & ~(page_bytes - 1));
	else
		mv_build_clean(&b, MV_TEXT("-"));
	put(c, v, y, col, sp ? ROLE_TEXT : ROLE_DIM, &b);
}

static void draw_call(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		      const struct mv_column *col, uint32_t i, bool first)
{
	const struct mv_stack_call *call = &v->calls[i];
	struct mv_build b;

	mv_build_init(&b);
	mv_build_fmt(&b, "%u", i);
	put(c, v, y, &col[COL_NUMBER], ROLE_DIM, &b);
	draw_function(v, c, y, &col[COL_FUNCTION], call);
	mv_build_init(&b);
	if (call->offset != UINT64_MAX)
		mv_build_fmt(&b, "+0x%llx", (unsigned long long)call->offset);
	put(c, v, y, &col[COL_OFFSET], ROLE_DIM, &b);
	draw_source(v, c, y, &col[COL_SOURCE], call);
	mv_build_init(&b);
	if (call->bytes)
		mv_words_size(&b, call->bytes, ctx->exact);
	else
		mv_build_clean(&b, MV_TEXT("-"));
	put(c, v, y, &col[COL_BYTES], call->bytes ? ROLE_TEXT : ROLE_DIM, &b);
	draw_page(v, c, y, &col[COL_PAGE], i, first);
	if (i == v->at)
		mv_canvas_attr(c, (struct mv_rect){y, v->area.x, 1, v->text.x - v->area.x + v->list_cols},
			       MV_ATTR_CURSOR);
}

static struct mv_clean end_words(unsigned end)
{
	switch (end) {
#define X(id, json, words) \
	case MV_STACK_##id: \
		return MV_TEXT(words);
		MV_STACK_ENDS(X)
#undef X
	}
	return MV_TEXT("");
}

static void draw_end(const struct mv_stack_view *v, struct mv_canvas *c, int y)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, c->ascii ? MV_TEXT("... ") : MV_TEXT("… "));
	mv_build_clean(&b, end_words(v->thread.end));
	mv_canvas_build(c, y, v->text.x + 4, v->list_cols - 4, ROLE_WARN, &b);
}

static void draw_calls(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_column col[COL__N], head[COL__N];

	memcpy(col, call_columns, sizeof(col));
	col[COL_PAGE].width = col[COL_PAGE].min_width = ctx->snap ? mv_words_addr_cols(ctx->snap) : 12;
	if (v->list_cols >= 110) {
		col[COL_SOURCE].width = 44;
		col[COL_FUNCTION].width = 40;
	}
	if (ctx->exact)
		col[COL_BYTES].width = col[COL_BYTES].min_width = 9;
	mv_table_layout(col, COL__N, v->list_cols, COL_FUNCTION);
	memcpy(head, col, sizeof(head));
	for (int i = 0; i < COL__N; i++)
		head[i].x += v->text.x;
	if (v->head_y >= 0)
		mv_table_headings(c, v->head_y, head, COL__N, -1, false);
	for (int row = 0; row < v->list_rows; row++) {
		uint32_t i = v->top + (uint32_t)row;
		if (i < v->count)
			draw_call(v, ctx, c, v->list_y + row, col, i, row == 0);
		else if (i == v->count && v->thread.end != MV_STACK_COMPLETE)
			draw_end(v, c, v->list_y + row);
	}
}

/* ---- the lines above ---- */

static void draw_path(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_pages_pen pen = {c, v->path_y, v->text.x, v->text.x + v->text.cols};
	struct mv_build b, who;

	if (v->path_y < 0)
		return;
	mv_build_init(&who);
	mv_build_fmt(&who, "thread %d", v->tid);
	if (v->name) {
		mv_build_clean(&who, MV_TEXT(" "));
		mv_build_clean(&who, mv_stack_view_text(v, v->name));
	}
	mv_build_init(&b);
	mv_words_process(&b, ctx);
	int both = (int)(mv_clean_width(mv_build_text(&b)) + mv_clean_width(mv_build_text(&who)));
	if (both + 10 <= v->text.cols)
		pen_build(&pen, ROLE_DIM, &b);
	pen_build(&pen, ROLE_TITLE, &who);
	if (!v->known)
		return;
	pen.x += 2;
	struct mv_thread t = v->thread;
	t.gone = v->gone;
	pen_text(&pen, mv_threads_state_role(&t), mv_threads_state(&t));
	if (v->gone || !v->rates.cpu.have)
		return;
	mv_build_init(&b);
	mv_build_fmt(&b, "  CPU %.1f%%", v->rates.cpu.per_second * 100);
	mv_build_clean(&b, MV_TEXT("  minor faults +"));
	mv_build_count(&b, (uint64_t)llround(v->rates.minor.per_second));
	mv_build_clean(&b, MV_TEXT("/s"));
	if (v->rates.major.have && v->rates.major.per_second >= 0.5)
		mv_build_fmt(&b, "  major +%u/s", (unsigned)llround(v->rates.major.per_second));
	if (pen.end - pen.x >= (int)mv_clean_width(mv_build_text(&b)))
		mv_canvas_text_right(c, pen.y, pen.x, pen.end - pen.x, ROLE_LABEL, mv_build_text(&b));
}

/* How the calls were got and when; what came of an exact picture. */
static void draw_how(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_pages_pen pen = {c, v->how_y, v->text.x, v->text.x + v->text.cols};
	enum mv_role role = ROLE_WARN;
	struct mv_build b, note;

	if (v->how_y < 0 || !ctx->snap)
		return;
	mv_build_init(&note);
	bool has_note = mv_threads_stop_note(&note, ctx, &v->stop, &role);
	bool done = has_note && !v->stop.seq && ctx->snap->threads_head.stop_state == MV_STOP_DONE;
	if (has_note && !done && !v->gone) {
		pen_build(&pen, role, &note);
		return;
	}
	mv_build_init(&b);
	if (v->gone)
		mv_build_clean(&b, MV_TEXT("it has ended; the last picture: "));
	if (v->count) {
		mv_build_count(&b, v->count);
		mv_build_clean(&b, v->count == 1 ? MV_TEXT(" call, ") : MV_TEXT(" calls, "));
		size_t len = b.len;
		mv_threads_how(&b, ctx, &v->thread, false);
		if ((int)mv_clean_width(mv_build_text(&b)) > v->text.cols) {
			b.len = len;
			b.text[len] = '\0';
			mv_threads_how(&b, ctx, &v->thread, true);
		}
	} else if (v->gone) {
		mv_build_clean(&b, MV_TEXT("no calls"));
	}
	pen_build(&pen, v->gone ? ROLE_GONE : v->thread.how == MV_HOW_STOPPED ? ROLE_GOOD : ROLE_DIM, &b);
	if (v->gone || v->thread.how == MV_HOW_STOPPED || !v->count)
		return;
	if (pen.end - pen.x > 30) {
		pen_text(&pen, ROLE_DIM, MV_TEXT("; "));
		pen_text(&pen, ROLE_KEY, MV_TEXT("!"));
		pen_text(&pen, ROLE_DIM, MV_TEXT(" takes an exact picture"));
	}
}

static bool size_piece(struct mv_pages_pen *pen, enum mv_role role, const char *before,
		       const struct mv_val *size, const char *after, bool exact)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, mv_words(before));
	if (mv_have(size))
		mv_words_size(&b, size->value, exact);
	else
		mv_build_clean(&b, MV_TEXT("-"));
	mv_build_clean(&b, mv_words(after));
	return pen_build_whole(pen, role, &b);
}

/* "in use 9.2K, touched 132K, 8.0M reserved, guard 4.0K" */
static void draw_size(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_pages_pen pen = {c, v->size_y, v->text.x, v->text.x + v->text.cols};
	struct mv_val size = mv_val_of(v->stack.end - v->stack.start);
	const struct mv_thread *t = &v->thread;

	if (v->size_y < 0 || !v->known)
		return;
	if (!v->stack.end) {
		pen_text(&pen, ROLE_DIM, MV_TEXT("where its stack lies is not known"));
		return;
	}
	size_piece(&pen, v->danger == MV_STACK_NEAR ? ROLE_ALERT : ROLE_STRONG, "in use ", &t->used, "",
		   ctx->exact);
	if (v->danger == MV_STACK_NEAR)
		pen_text(&pen, ROLE_ALERT, MV_TEXT(": nearly full"));
	size_piece(&pen, v->danger != MV_STACK_CALM ? ROLE_WARN : ROLE_TEXT, ", touched ", &t->touched, "",
		   ctx->exact);
	size_piece(&pen, ROLE_TEXT, ", ", &size, v->grows ? " mapped, grows when touched" : " reserved",
		   ctx->exact);
	if (!v->grows && mv_have(&t->guard))
		size_piece(&pen, ROLE_TEXT, ", guard ", &t->guard, "", ctx->exact);
	if (v->danger != MV_STACK_CALM && ctx->snap && pen.end - pen.x >= 24)
		mv_threads_bar(c, pen.y, pen.x + 3, 20, ctx->snap, t);
}

/* ---- all of it ---- */

/* Why there are no calls, in their place. */
static void draw_reason(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_clean advice = MV_TEXT("");
	struct mv_build b;
	int y = v->list_y + (v->list_rows > 4 ? 1 : 0);

	mv_build_init(&b);
	if (v->short_of_memory)
		mv_build_why(&b, MV_WHY_NO_MEMORY);
	else if (!v->known && !mv_threads_nothing(&b, ctx, &advice))
		mv_build_clean(&b, MV_TEXT("there is no such thread any more"));
	else if (v->known && !v->gone && !mv_threads_calls_why(&b, ctx->snap, &v->thread, &advice))
		mv_build_clean(&b, MV_TEXT("no calls"));
	int rows = mv_wrap_draw(c, (struct mv_rect){y, v->text.x, v->list_rows, v->list_cols}, ROLE_WARN,
				mv_build_text(&b));
	mv_wrap_draw(
	    c, (struct mv_rect){y + rows, v->text.x, v->list_rows - rows - (y - v->list_y), v->list_cols},
	    ROLE_DIM, advice);
}

void mv_stack_view_draw(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	if (v->area.rows >= 13)
		mv_header_draw(ctx, c, v->area);
	draw_path(v, ctx, c);
	draw_how(v, ctx, c);
	draw_size(v, ctx, c);
	if (v->count)
		draw_calls(v, ctx, c);
	else if (v->list_rows > 0)
		draw_reason(v, ctx, c);
	mv_stack_grid_draw(v, ctx, c);
}

bool mv_stack_view_meaning(const struct mv_stack_view *v, const struct mv_context *ctx, unsigned n,
			   struct mv_meaning *ret_meaning)
{
	static const struct {
		struct mv_clean title, formula, source, unit, note;
	} own[] = {
	    {{"FUNCTION"},
	     {"the function whose code holds the call's address; its caller is in the line below"},
	     {"/proc/PID/task/TID/syscall (or a stop), its stack, the files' unwind tables and symbols"},
	     {""},
	     {"The stack grows towards lower addresses: the innermost call has the lowest. [jit] is "
	      "generated code; "
	      "file+0x... has no symbol."}},
	    {{"+OFFSET"},
	     {"address of the call - the function's first byte"},
	     {"the file's symbol table"},
	     {"bytes"},
	     {"Of the instruction that calls, not of the one it returns to."}},
	    {{"BYTES"},
	     {"stack pointer of the caller - its own"},
	     {"the stack pointers that unwinding found"},
	     {"bytes of stack"},
	     {"Its variables, saved registers and return address. The outermost has no caller to compare "
	      "with."}},
	    {{"STACK PAGE"},
	     {"its stack pointer, rounded down to a page"},
	     {"the stack pointers that unwinding found"},
	     {"address of a page"},
	     {"Calls joined by a line share a page. Enter opens the page."}},
	    {{"digits on the pages"},
	     {"how many calls have their stack pointer on the page; + more than nine"},
	     {"stack pointers, and /proc/PID/pagemap"},
	     {"calls"},
	     {"A large call covers pages after its own that have no digit. From the first digit on, all is "
	      "in use."}},
	};
	static const enum mv_thread_column shared[] = {MV_THREAD_COL_USED, MV_THREAD_COL_TOUCHED,
						       MV_THREAD_COL_STACK, MV_THREAD_COL_GUARD,
						       MV_THREAD_COL__N /* the exact picture */};

	(void)v;
	if (n < MV_COUNT_OF(own)) {
		mv_words_meaning(ret_meaning, own[n].title, own[n].formula, own[n].source, own[n].unit,
				 own[n].note);
		return true;
	}
	n -= (unsigned)MV_COUNT_OF(own);
	return n < MV_COUNT_OF(shared) && mv_threads_meaning(NULL, ctx, shared[n], ret_meaning);
}
