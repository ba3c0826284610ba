/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_pages_draw.h"
#include "tui/view_private.h"
#include "tui/view_stack.h"

/*
 * The pages of a stack. Cells are counted from its end, where it began: the first cell may be a part of one.
 * A digit on a cell says how many calls have their stack pointer on it; from the first digit on, all is in
 * use.
 */

static uint64_t cell_bytes(const struct mv_stack_grid *g)
{
	return (uint64_t)g->cell_pages * g->page_bytes;
}

static uint64_t up(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) / unit;
}

struct mv_range mv_stack_call_range(const struct mv_stack_view *v, uint32_t call)
{
	const struct mv_stack_call *c = call < v->count ? &v->calls[call] : NULL;

	if (!c || c->sp < v->stack.start || c->sp >= v->stack.end)
		return (struct mv_range){0, 0};
	/* The outermost has no caller to end at: its first byte stands for it. */
	return (struct mv_range){c->sp,
				 c->bytes && c->bytes < v->stack.end - c->sp ? c->sp + c->bytes : c->sp + 1};
}

/* ---- what is shown ---- */

/* Lowest address in use, rounded to its page; the end when that is not known. */
static uint64_t used_from(const struct mv_stack_view *v, uint64_t page_bytes)
{
	uint64_t from = v->stack.end, size = v->stack.end - v->stack.start;

	if (mv_have(&v->thread.used) && v->thread.used.value && v->thread.used.value <= size)
		from -= v->thread.used.value;
	return from & ~(page_bytes - 1);
}

static uint64_t touched_from(const struct mv_stack_view *v, uint64_t page_bytes)
{
	uint64_t from = v->stack.end, size = v->stack.end - v->stack.start, used = used_from(v, page_bytes);

	if (mv_have(&v->thread.touched))
		from -= v->thread.touched.value <= size ? v->thread.touched.value : size;
	from &= ~(page_bytes - 1);
	return from < used ? from : used;
}

/* Cells kept are found again by their addresses, in a grid of another shape too. */
static void keep_shape(struct mv_stack_view *v)
{
	struct mv_stack_cells *k = &v->cells;
	const struct mv_stack_grid *g = &v->grid;
	uint64_t bytes = cell_bytes(g);
	uint32_t count = bytes ? (uint32_t)up(g->shown.end - g->shown.start, bytes) : 0;

	if (k->range.start == g->shown.start && k->range.end == g->shown.end &&
	    k->cell_pages == g->cell_pages)
		return;
	struct mv_grid_cell *at = calloc(count + 1, sizeof(*at));
	bool same = k->cell_pages == g->cell_pages && k->range.end == g->shown.end;
	/* Both are counted from the end. */
	for (uint32_t i = 0; at && same && i < count && i < k->count; i++)
		at[count - 1 - i] = k->at[k->count - 1 - i];
	free(k->at);
	k->at = at;
	k->count = at ? count : 0;
	k->range = g->shown;
	k->cell_pages = g->cell_pages;
}

void mv_stack_grid_settle(struct mv_stack_view *v, const struct mv_context *ctx)
{
	struct mv_stack_grid *g = &v->grid;
	int most = g->rows;

	g->shown = (struct mv_range){0, 0};
	if (ctx->snap && ctx->snap->page_bytes)
		g->page_bytes = ctx->snap->page_bytes;
	g->rows = 0;
	if (most < 1 || g->cells < 1 || v->stack.end <= v->stack.start || !g->page_bytes)
		return;
	uint64_t size = v->stack.end - v->stack.start;
	uint64_t used = v->stack.end - used_from(v, g->page_bytes);
	uint64_t touched = v->stack.end - touched_from(v, g->page_bytes);
	/* What is in use must be seen whole; of what was only touched, what there is room for. */
	g->cell_pages = 1;
	while (up(used, cell_bytes(g) * (unsigned)g->cells) > (unsigned)most)
		g->cell_pages *= 2;
	uint64_t row = cell_bytes(g) * (unsigned)g->cells;
	uint64_t rows = up(touched + 1, row), all = up(size, row);
	/* All of it rather than all but a row. */
	rows = all <= rows + 1 ? all : rows;
	g->rows = rows > (unsigned)most ? most : (int)rows;
	if (g->rows == 1 && all == 1)
		g->cells = (int)up(size, cell_bytes(g));
	uint64_t shown = cell_bytes(g) * (unsigned)g->cells * (unsigned)g->rows;
	g->shown = (struct mv_range){v->stack.end - (shown < size ? shown : size), v->stack.end};
	keep_shape(v);
}

/* Addresses of a row, the lowest first. */
static struct mv_range row_range(const struct mv_stack_grid *g, int row)
{
	uint64_t bytes = cell_bytes(g) * (unsigned)g->cells;
	struct mv_range r = {0, g->shown.end - bytes * (unsigned)(g->rows - 1 - row)};

	r.start = r.end - g->shown.start > bytes ? r.end - bytes : g->shown.start;
	return r;
}

static void add_span(struct mv_want *want, uint64_t start, uint64_t end)
{
	if (start < end && want->spans_count < MV_WANT_SPANS)
		want->spans[want->spans_count++] = (struct mv_range){start, end};
}

void mv_stack_grid_want(const struct mv_stack_view *v, struct mv_want *want)
{
	const struct mv_stack_grid *g = &v->grid;

	if (!g->rows || v->stack_kind == MV_KIND__N)
		return;
	want->facts |= MV_FACT_GRID | (g->cell_pages == 1 ? MV_FACT_SHARING : 0);
	want->cell_pages = g->cell_pages;
	for (int row = 0; row < g->rows; row++) {
		struct mv_range r = row_range(g, row);
		uint64_t part = (r.end - r.start) % cell_bytes(g);
		add_span(want, r.start, r.start + part);
		add_span(want, r.start + part, r.end);
	}
}

/* Index of the cell that holds an address of the stack. */
static uint32_t cell_of(const struct mv_stack_view *v, uint64_t addr)
{
	return v->cells.count - 1 - (uint32_t)((v->grid.shown.end - 1 - addr) / cell_bytes(&v->grid));
}

static void take_span(struct mv_stack_view *v, const struct mv_snapshot *snap, uint64_t start, uint64_t end)
{
	uint32_t count = 0;
	const struct mv_grid_cell *cells = start < end ? mv_snapshot_cells_at(snap, start, &count) : NULL;
	uint32_t first = start < end ? cell_of(v, start) : 0;

	for (uint32_t i = 0; cells && i < count && first + i < v->cells.count; i++)
		if (cells[i].flags & MV_GRID_READ)
			v->cells.at[first + i] = cells[i];
}

void mv_stack_grid_take(struct mv_stack_view *v, const struct mv_snapshot *snap)
{
	const struct mv_stack_grid *g = &v->grid;

	if (!v->cells.count || snap->cell_pages != g->cell_pages || !(snap->facts & MV_FACT_GRID))
		return;
	for (int row = 0; row < g->rows; row++) {
		struct mv_range r = row_range(g, row);
		uint64_t part = (r.end - r.start) % cell_bytes(g);
		take_span(v, snap, r.start, r.start + part);
		take_span(v, snap, r.start + part, r.end);
	}
}

/* ---- drawing ---- */

/* Columns before the cells. */
static int grid_x(const struct mv_stack_view *v)
{
	return v->side.x + (v->grid.addr_cols ? v->grid.addr_cols + 1 : 0);
}

/* A cell's place on the screen. */
static void place_of(const struct mv_stack_view *v, uint32_t cell, int *ret_y, int *ret_x)
{
	const struct mv_stack_grid *g = &v->grid;
	uint32_t from_end = v->cells.count - 1 - cell;
	uint32_t cells = (uint32_t)g->cells;

	*ret_y = v->grid_y + g->rows - 1 - (int)(from_end / cells);
	*ret_x = grid_x(v) + (g->cells - 1 - (int)(from_end % cells)) * g->cell_cols;
}

static void draw_cells(const struct mv_stack_view *v, struct mv_canvas *c)
{
	uint64_t used = used_from(v, v->grid.page_bytes);
	int y, x;

	for (uint32_t i = 0; i < v->cells.count; i++) {
		uint64_t end = v->grid.shown.end - cell_bytes(&v->grid) * (v->cells.count - 1 - i);
		place_of(v, i, &y, &x);
		mv_grid_draw(c, y, x, &v->cells.at[i], 1, v->grid.cell_cols, v->grid.cell_pages,
			     MV_GRID_STATE);
		const struct mv_cell *cell = mv_canvas_at(c, y, x);
		/* In use now: the stacks' own colour. */
		if (end > used && cell &&
		    (cell->role == ROLE_PAGE_ANON || cell->role == ROLE_PAGE_ANON_SHARED))
			mv_canvas_role(c, (struct mv_rect){y, x, 1, v->grid.cell_cols}, ROLE_KIND_STACK);
	}
}

/* How many calls have their stack pointer on a cell. Calls ascend by address, so equal cells follow each
 * other. */
static void draw_counts(const struct mv_stack_view *v, struct mv_canvas *c)
{
	struct mv_range shown = v->grid.shown;
	uint32_t n = 0;
	int y, x;

	for (uint32_t i = 0; i < v->count; i++) {
		uint64_t sp = v->calls[i].sp, next = i + 1 < v->count ? v->calls[i + 1].sp : 0;
		if (sp < shown.start || sp >= shown.end)
			continue;
		n++;
		if (next >= shown.start && next < shown.end && cell_of(v, next) == cell_of(v, sp))
			continue;
		place_of(v, cell_of(v, sp), &y, &x);
		const struct mv_cell *cell = mv_canvas_at(c, y, x);
		/* A page in swap, or one not there, is told rather than counted. */
		bool plain = cell && (cell->role == ROLE_KIND_STACK || cell->role == ROLE_PAGE_FRESH);
		if (plain)
			mv_canvas_glyph(c, y, x, (enum mv_role)cell->role, n > 9 ? U'+' : U'0' + n);
		if (plain)
			mv_canvas_attr(c, (struct mv_rect){y, x, 1, 1}, MV_ATTR_REVERSE);
		n = 0;
	}
}

/* Lit: the cursor's ground, and on it the digit, if there is one. Without colours a block needs a glyph that
 * lets the ground be seen. */
static void light_up(const struct mv_stack_view *v, struct mv_canvas *c, int y, int x)
{
	struct mv_rect at = {y, x, 1, v->grid.cell_cols};
	const struct mv_cell *cell = mv_canvas_at(c, y, x);
	char32_t digit = cell && cell->attrs & MV_ATTR_REVERSE ? cell->ch[0] : 0;

	if (digit || (cell && cell->role == ROLE_KIND_STACK && !c->mono && !c->ascii))
		mv_canvas_fill(c, at, ROLE_PAGE_ANON, U' ');
	else if (cell && cell->role == ROLE_KIND_STACK)
		mv_canvas_role(c, at, ROLE_PAGE_ANON);
	if (digit) /* drawn anew: what is marked is not reversed as well */
		mv_canvas_glyph(c, y, x, ROLE_PAGE_ANON, digit);
	mv_grid_mark(c, y, x, v->grid.cell_cols);
}

/* The pages of the selected call. */
static void draw_mark(const struct mv_stack_view *v, struct mv_canvas *c)
{
	struct mv_range r = mv_stack_call_range(v, v->at), shown = v->grid.shown;
	int y, x;

	if (r.end <= shown.start || r.start >= shown.end)
		return;
	uint32_t last = cell_of(v, r.end - 1);
	for (uint32_t i = cell_of(v, r.start < shown.start ? shown.start : r.start); i <= last; i++) {
		place_of(v, i, &y, &x);
		light_up(v, c, y, x);
	}
}

static void draw_addresses(const struct mv_stack_view *v, struct mv_canvas *c)
{
	struct mv_range at = mv_stack_call_range(v, v->at);
	struct mv_build b;

	for (int row = 0; v->grid.addr_cols && row < v->grid.rows; row++) {
		struct mv_range r = row_range(&v->grid, row);
		bool here = at.start < r.end && at.end > r.start;
		mv_build_init(&b);
		mv_words_addr(&b, r.start);
		mv_canvas_text_right(c, v->grid_y + row, v->side.x, v->grid.addr_cols,
				     here ? ROLE_STRONG : ROLE_DIM, mv_build_text(&b));
	}
}

/* ---- words around it ---- */

/* What lies between the stack's lowest address and the grid: "7.9M never touched". */
static void build_gap(const struct mv_stack_view *v, bool exact, struct mv_build *b)
{
	uint64_t gap = v->grid.shown.start - v->stack.start, touched = v->thread.touched.value;
	uint64_t shown = v->grid.shown.end - v->grid.shown.start;

	if (!mv_have(&v->thread.touched)) {
		mv_words_size(b, gap, exact);
		mv_build_clean(b, MV_TEXT(" more"));
		return;
	}
	uint64_t part = touched > shown ? touched - shown : 0;
	part = part > gap ? gap : part;
	if (part) {
		mv_words_size(b, part, exact);
		mv_build_clean(b, MV_TEXT(" touched once"));
	}
	if (part && gap > part)
		mv_build_clean(b, MV_TEXT(", "));
	if (gap > part) {
		mv_words_size(b, gap - part, exact);
		mv_build_clean(b, MV_TEXT(" never touched"));
	}
}

static void build_cell(const struct mv_stack_view *v, struct mv_build *b)
{
	mv_build_clean(b, MV_TEXT("one cell = "));
	if (v->grid.cell_pages > 1) {
		mv_build_count(b, v->grid.cell_pages);
		mv_build_clean(b, MV_TEXT(" pages, "));
	} else {
		mv_build_clean(b, MV_TEXT("one page, "));
	}
	mv_build_size(b, cell_bytes(&v->grid));
}

static void draw_line(const struct mv_stack_view *v, struct mv_canvas *c, int y, uint64_t addr,
		      enum mv_role role, char32_t glyph, char ascii, const struct mv_build *words)
{
	struct mv_pages_pen pen = {c, y, v->side.x, v->side.x + v->side.cols};
	struct mv_build b;

	if (v->grid.addr_cols) {
		mv_build_init(&b);
		mv_words_addr(&b, addr);
		mv_canvas_text_right(c, y, v->side.x, v->grid.addr_cols, ROLE_DIM, mv_build_text(&b));
		pen.x = grid_x(v);
	}
	pen_glyph(&pen, role, glyph, ascii);
	pen.x++;
	pen_build(&pen, ROLE_LABEL, words);
}

int mv_stack_grid_above(const struct mv_stack_view *v)
{
	bool guard =
	    mv_have(&v->thread.guard) && v->thread.guard.value && v->thread.guard.value <= v->stack.start;

	return (v->grid.shown.start > v->stack.start) + (v->grows || guard);
}

/* Above the grid: the guard and what was never touched. */
static void draw_above(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_val *guard = &v->thread.guard;
	bool gap = v->grid.shown.start > v->stack.start;
	int y = v->grid_y - 1;
	struct mv_build b;

	mv_build_init(&b);
	if (gap) {
		build_gap(v, ctx->exact, &b);
		draw_line(v, c, y--, v->stack.start, ROLE_PAGE_NONE, U'·', '.', &b);
	}
	mv_build_init(&b);
	if (v->grows) {
		mv_build_clean(&b, MV_TEXT("grows, up to ulimit -s"));
		draw_line(v, c, y, v->stack.start, ROLE_DIM, U'↑', '^', &b);
	} else if (mv_have(guard) && guard->value && guard->value <= v->stack.start) {
		mv_build_clean(&b, MV_TEXT("guard "));
		mv_words_size(&b, guard->value, ctx->exact);
		draw_line(v, c, y, v->stack.start - guard->value, ROLE_PAGE_GUARD, U'×', 'x', &b);
	}
}

/* The same in one line, where the grid lies below the calls. */
static void draw_beneath(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_pages_pen pen = {c, v->legend_y, v->side.x, v->side.x + v->side.cols};
	struct mv_build b;

	if (v->legend_y < 0)
		return;
	mv_build_init(&b);
	build_cell(v, &b);
	pen_build(&pen, ROLE_HEADING, &b);
	mv_build_init(&b);
	if (v->grid.shown.start > v->stack.start) {
		mv_build_clean(&b, MV_TEXT("   before it: "));
		build_gap(v, ctx->exact, &b);
	}
	if (!v->grows && mv_have(&v->thread.guard) && v->thread.guard.value) {
		mv_build_clean(&b, b.len ? MV_TEXT(", guard ") : MV_TEXT("   before it: guard "));
		mv_words_size(&b, v->thread.guard.value, ctx->exact);
	}
	pen_build_whole(&pen, ROLE_LABEL, &b);
}

/* In two lines. Without colours the digits alone tell what is in use. */
static void draw_legend(const struct mv_stack_view *v, struct mv_canvas *c, int y)
{
	struct mv_pages_pen pen = {c, y, v->side.x, v->side.x + v->side.cols};
	uint32_t states = 0;

	pen_text(&pen, ROLE_KIND_STACK, MV_TEXT("1-9"));
	pen_text(&pen, ROLE_LABEL,
		 c->mono ? MV_TEXT(" calls there; all after it is in use") : MV_TEXT(" calls there  "));
	if (!c->mono) {
		pen_key(&pen, ROLE_KIND_STACK, U'█', '#', MV_TEXT("in use"));
		pen_key(&pen, ROLE_PAGE_ANON, U'█', '#', MV_TEXT("was in use"));
	}
	for (uint32_t i = 0; i < v->cells.count; i++)
		for (unsigned s = MV_PAGE_GUARD; s < MV_PAGE__N; s++)
			if (s != MV_PAGE_ANON && v->cells.at[i].tally.state[s])
				states |= UINT32_C(1) << s;
	pen = (struct mv_pages_pen){c, y + 1, v->side.x, v->side.x + v->side.cols};
	pen_key(&pen, ROLE_PAGE_NONE, U'·', v->grid.cell_pages > 1 ? '_' : '.', MV_TEXT("not touched"));
	for (unsigned s = MV_PAGE_GUARD; s < MV_PAGE__N; s++)
		if (states >> s & 1)
			pen_key(&pen, mv_role_of_state(s), mv_page_states[s].glyph, mv_page_states[s].ascii,
				mv_words_state(s));
}

/* "#2 uv_run: 144 bytes from 7f3a0bffe2c8, on 1 page" */
static void draw_cursor_line(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_range r = mv_stack_call_range(v, v->at);
	const struct mv_stack_call *call = v->at < v->count ? &v->calls[v->at] : NULL;
	struct mv_pages_pen pen = {c, v->cursor_y, v->side.x, v->side.x + v->side.cols};
	struct mv_build b;

	if (v->cursor_y < 0 || !call)
		return;
	mv_build_init(&b);
	mv_build_fmt(&b, "#%u ", v->at);
	pen_build(&pen, ROLE_STRONG, &b);
	mv_build_init(&b);
	if (!r.end) {
		mv_build_clean(&b, MV_TEXT("where it lies on the stack is not known"));
		pen_build(&pen, ROLE_LABEL, &b);
		return;
	}
	if (call->bytes) {
		mv_words_size(&b, call->bytes, ctx->exact);
		mv_build_clean(&b, ctx->exact ? MV_TEXT(" bytes") : MV_TEXT(""));
		mv_build_clean(&b, MV_TEXT(" from "));
	} else {
		mv_build_clean(&b, MV_TEXT("the outermost, from "));
	}
	mv_words_addr(&b, r.start);
	uint64_t pages = (r.end - 1) / v->grid.page_bytes - r.start / v->grid.page_bytes + 1;
	mv_build_clean(&b, MV_TEXT(", on "));
	mv_build_count(&b, pages);
	mv_build_clean(&b, pages == 1 ? MV_TEXT(" page") : MV_TEXT(" pages"));
	pen_build(&pen, ROLE_LABEL, &b);
}

void mv_stack_grid_draw(const struct mv_stack_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_build b;

	if (!v->grid.rows || !v->cells.count || v->grid_y < 0)
		return;
	draw_addresses(v, c);
	draw_cells(v, c);
	draw_counts(v, c);
	draw_mark(v, c);
	draw_cursor_line(v, ctx, c);
	if (!v->beside) {
		draw_beneath(v, ctx, c);
		return;
	}
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("ITS PAGES  "));
	build_cell(v, &b);
	mv_canvas_build(c, v->side.y, v->side.x, v->side.cols, ROLE_HEADING, &b);
	draw_above(v, ctx, c);
	if (v->legend_y >= 0)
		draw_legend(v, c, v->legend_y);
}

uint32_t mv_stack_grid_call_at(const struct mv_stack_view *v, int y, int x)
{
	int row = y - v->grid_y, column = v->grid.cell_cols ? (x - grid_x(v)) / v->grid.cell_cols : 0;
	struct mv_range r;

	if (!v->grid.rows || v->grid_y < 0 || row < 0 || row >= v->grid.rows || x < grid_x(v) ||
	    column >= v->grid.cells)
		return UINT32_MAX;
	r = row_range(&v->grid, row);
	uint64_t end = r.end - cell_bytes(&v->grid) * (unsigned)(v->grid.cells - 1 - column);
	uint64_t start = end - cell_bytes(&v->grid);
	for (uint32_t i = 0; i < v->count; i++) {
		struct mv_range call = mv_stack_call_range(v, i);
		if (call.start < end && call.end > start)
			return i;
	}
	return UINT32_MAX;
}
