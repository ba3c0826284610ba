/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_heap.h"

/*
 * The heap block by block: one stretch of addresses at a time, in cells of a size that can be changed. Cells
 * begin at the stretch's start; the cursor is an address, and what comes into the window follows from it.
 */

#define CELL_MIN     16 /* no block is smaller than two of these */
#define CELL_MAX     (UINT64_C(1) << 40)
#define HEADER_BYTES 16 /* from a block's start to what malloc returned */

/* In a cell that several kinds share: mostly in use, mostly not. */
static const struct heap_look mixed[2] = {{U'▒', '+', ROLE_PAGE_COW}, {U'▓', '%', ROLE_PAGE_ANON}};

const struct heap_look heap_looks[MV_BLOCK__N] = {
    [MV_BLOCK_IN_USE] = {U'█', '#', ROLE_PAGE_ANON},  [MV_BLOCK_FREE] = {U'░', '-', ROLE_PAGE_FILE},
    [MV_BLOCK_TCACHE] = {U't', 't', ROLE_PAGE_SHMEM}, [MV_BLOCK_FASTBIN] = {U'f', 'f', ROLE_PAGE_SHMEM},
    [MV_BLOCK_TOP] = {U'·', '.', ROLE_DIM},	      [MV_BLOCK_MMAPPED] = {U'▚', '=', ROLE_PAGE_ANON_SHARED},
    [MV_BLOCK_OWN] = {U'o', 'o', ROLE_DIM},
};

/* ---- where it is ---- */

uint64_t heap_zoom_bytes(const struct heap_view *v)
{
	uint64_t bytes = v->cell_bytes ? v->cell_bytes : v->fit_bytes;

	return bytes < CELL_MIN ? CELL_MIN : bytes;
}

static uint64_t cells_of(const struct heap_view *v)
{
	return (uint64_t)v->geo.grid.rows * (uint64_t)v->geo.grid.cols;
}

/* The stretch that holds an address, else the next one above, else the last; count when there are none. */
static uint32_t stretch_near(const struct mv_heap_stretch *s, uint32_t count, uint64_t address)
{
	for (uint32_t i = 0; i < count; i++)
		if (address < s[i].end)
			return i;
	return count ? count - 1 : 0;
}

/* At first the main heap: it holds the most in most programs; else the largest. */
static uint32_t stretch_first(const struct mv_heap_stretch *s, uint32_t count)
{
	uint32_t most = 0;

	for (uint32_t i = 1; i < count; i++)
		if (s[i].end - s[i].start > s[most].end - s[most].start)
			most = i;
	return most;
}

static void fit(struct heap_view *v)
{
	uint64_t bytes = v->stretch.end - v->stretch.start, cells = cells_of(v);

	v->fit_bytes = CELL_MIN;
	while (cells && v->fit_bytes < CELL_MAX && (bytes + v->fit_bytes - 1) / v->fit_bytes > cells)
		v->fit_bytes *= 2;
}

/* Rows of cells from the stretch's start on; the window is moved as little as keeps the cursor inside. */
static void place_window(struct heap_view *v)
{
	const struct mv_rect *g = &v->geo.grid;
	uint64_t cell = heap_zoom_bytes(v), row = cell * (uint64_t)(g->cols > 0 ? g->cols : 1);
	uint64_t bytes = v->stretch.end - v->stretch.start, rows = bytes / row + (bytes % row != 0);
	uint64_t shown = (uint64_t)(g->rows > 0 ? g->rows : 0), at = (v->cursor - v->stretch.start) / row,
		 top = 0;

	if (!shown) {
		v->window = (struct mv_range){0, 0};
		return;
	}
	if (v->window.start >= v->stretch.start && v->window.start < v->stretch.end)
		top = (v->window.start - v->stretch.start) / row;
	if (at < top)
		top = at;
	if (at - top >= shown)
		top = at - shown + 1;
	if (rows <= shown)
		top = 0;
	else if (top > rows - shown)
		top = rows - shown;
	v->window.start = v->stretch.start + top * row;
	v->window.end =
	    v->stretch.end - v->window.start > shown * row ? v->window.start + shown * row : v->stretch.end;
}

/* The first stretch in the mapping that another side had selected. */
static void look_up(struct heap_view *v, const struct mv_snapshot *snap, const struct mv_heap_stretch *s,
		    uint32_t count)
{
	uint32_t at = mv_snapshot_find(snap, v->came_from);
	uint64_t address = v->came_from;

	v->came_from = 0;
	if (at >= mv_snapshot_count(snap))
		return;
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[at];
	/* One in it that is shown already stays. */
	if (v->cursor >= m->start && v->cursor < m->end)
		return;
	for (uint32_t i = 0; i < count; i++)
		if (s[i].start < m->end && s[i].end > m->start) {
			v->cursor = address > s[i].start && address < s[i].end ? address : s[i].start;
			return;
		}
}

void heap_picture_settle(struct heap_view *v, const struct mv_context *ctx)
{
	const struct mv_heap_stretch *s;
	uint32_t count = 0;

	if (!ctx->snap || !(ctx->snap->facts & MV_FACT_HEAP))
		return; /* what was shown stays: the next snapshot tells */
	s = mv_snapshot_heap_stretches(ctx->snap, &count);
	v->stretches = count;
	if (!count) {
		v->stretch = v->window = (struct mv_range){0, 0};
		return;
	}
	if (v->came_from)
		look_up(v, ctx->snap, s, count);
	v->stretch_at = v->cursor ? stretch_near(s, count, v->cursor) : stretch_first(s, count);
	v->stretch = (struct mv_range){s[v->stretch_at].start, s[v->stretch_at].end};
	if (v->cursor < v->stretch.start)
		v->cursor = v->stretch.start;
	if (v->cursor >= v->stretch.end)
		v->cursor = v->stretch.end - 1;
	fit(v);
	v->cursor -= (v->cursor - v->stretch.start) % heap_zoom_bytes(v);
	place_window(v);
}

void heap_picture_want(const struct heap_view *v, struct mv_want *want)
{
	want->heap_window = v->window;
	want->heap_cell_bytes = heap_zoom_bytes(v);
}

const struct mv_heap_cell *heap_shown_cells(const struct heap_view *v, const struct mv_context *ctx,
					    uint32_t *ret_count)
{
	const struct mv_snapshot *snap = ctx->snap;
	const struct mv_heap_cell *cells;
	uint32_t count = 0;

	*ret_count = 0;
	if (!heap_have(ctx) || snap->heap.cell_bytes != heap_zoom_bytes(v) ||
	    snap->heap.window.start != v->window.start)
		return NULL;
	cells = mv_snapshot_heap_cells(snap, &count);
	*ret_count = count;
	return count ? cells : NULL;
}

void heap_picture_go(struct heap_view *v, const struct mv_context *ctx, uint64_t address)
{
	v->cursor = address ? address : 1;
	v->chosen = true;
	heap_picture_settle(v, ctx);
}

/* ---- drawing ---- */

static uint64_t sum_of(const struct mv_heap_cell *cell)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < MV_BLOCK__N; i++)
		sum = sum + cell->bytes[i] < sum ? UINT64_MAX : sum + cell->bytes[i];
	return sum;
}

static unsigned most_of(const struct mv_heap_cell *cell)
{
	unsigned most = 0;

	for (unsigned i = 1; i < MV_BLOCK__N; i++)
		if (cell->bytes[i] > cell->bytes[most])
			most = i;
	return most;
}

/* One kind has at least seven eighths: it is shown; else how much is in use. */
static struct heap_look look_of(const struct mv_heap_cell *cell)
{
	uint64_t sum = sum_of(cell), used = cell->bytes[MV_BLOCK_IN_USE] + cell->bytes[MV_BLOCK_MMAPPED];
	unsigned most = most_of(cell);

	if (!sum)
		return (struct heap_look){U' ', ' ', ROLE_TEXT};
	if (cell->bytes[most] >= sum / 8 * 7)
		return heap_looks[most];
	return mixed[used >= sum / 2];
}

static void draw_grid(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *g = &v->geo.grid;
	uint32_t count, marked;
	const struct mv_heap_cell *cells = heap_shown_cells(v, ctx, &count);
	const uint64_t *marks = heap_sized_marks(v, ctx, &marked);
	uint64_t cell_bytes = heap_zoom_bytes(v), bytes = v->window.end - v->window.start;
	uint64_t all = bytes / cell_bytes + (bytes % cell_bytes != 0);

	for (uint64_t i = 0; i < all && i < cells_of(v); i++) {
		int y = g->y + (int)(i / (uint64_t)g->cols), x = g->x + (int)(i % (uint64_t)g->cols);
		struct heap_look look;

		if (i >= count) {
			mv_canvas_glyph2(c, y, x, ROLE_PAGE_UNREAD, U'?', '?');
			continue;
		}
		look = look_of(&cells[i]);
		if (i < marked && marks[i]) {
			bool most = marks[i] >= cell_bytes / 2;

			mv_canvas_glyph2(c, y, x, ROLE_FOUND, most ? U'◆' : U'◇', most ? '*' : '~');
			continue;
		}
		/* A block that goes on in the next cell alone: where it begins, so that its neighbour is told
		 * from it. */
		if (cells[i].blocks == 1 && i + 1 < count && !cells[i + 1].blocks && sum_of(&cells[i + 1]) &&
		    most_of(&cells[i + 1]) != MV_BLOCK_TOP)
			look = (struct heap_look){U'▐', '[', heap_looks[most_of(&cells[i + 1])].role};
		mv_canvas_glyph2(c, y, x, look.role, look.glyph, look.ascii);
	}
	if (v->cursor >= v->window.start && v->cursor < v->window.end) {
		uint64_t i = (v->cursor - v->window.start) / cell_bytes;
		struct mv_rect at = {g->y + (int)(i / (uint64_t)g->cols), g->x + (int)(i % (uint64_t)g->cols),
				     1, 1};

		if (v->focus == HEAP_PICTURE)
			mv_canvas_role(c, at, ROLE_CURSOR_CELL);
		mv_canvas_attr(c, at,
			       v->focus == HEAP_PICTURE ? MV_ATTR_REVERSE | MV_ATTR_BOLD : MV_ATTR_UNDERLINE);
	}
}

static struct mv_clean kind_words(uint32_t kind)
{
	return kind == MV_REGION_MAIN	 ? MV_TEXT("main heap")
	       : kind == MV_REGION_ARENA ? MV_TEXT("thread arena")
					 : MV_TEXT("mmapped block");
}

/* "main heap 2f8f8000 2.5M: 12,345 blocks   1 cell = 1K   stretch 1 of 4" */
static void draw_title(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct heap_geometry *g = &v->geo;
	uint32_t count;
	const struct mv_heap_stretch *s = mv_snapshot_heap_stretches(ctx->snap, &count);
	struct mv_build b, cell;
	int x = g->text.x, end = g->text.x + g->text.cols;

	if (g->title_y < 0 || v->stretch_at >= count)
		return;
	s += v->stretch_at;
	mv_build_init(&cell);
	mv_build_clean(&cell, MV_TEXT("a cell "));
	mv_build_size(&cell, heap_zoom_bytes(v));
	if (count > 1)
		mv_build_fmt(&cell, "  stretch %u of %u", v->stretch_at + 1, count);
	int w = (int)mv_clean_width(mv_build_text(&cell));
	if (w + 16 <= g->text.cols) {
		mv_canvas_build(c, g->title_y, end - w, w, ROLE_LABEL, &cell);
		end -= w + 2;
	}
	x += mv_canvas_text(c, g->title_y, x, end - x, v->focus == HEAP_PICTURE ? ROLE_SIDE_ON : ROLE_LABEL,
			    s->kind == MV_REGION_MMAPPED && s->blocks != 1 ? MV_TEXT("mmapped blocks")
									   : kind_words(s->kind)) +
	     1;
	if (v->sized.size) {
		heap_sized_words(&b, v, ctx, end - x - 2);
		if (end - x > 3) {
			mv_canvas_glyph2(c, g->title_y, x, ROLE_FOUND, U'◆', '*');
			mv_canvas_build(c, g->title_y, x + 2, end - x - 2, ROLE_STRONG, &b);
		}
		return;
	}
	mv_build_init(&b);
	mv_build_size(&b, s->end - s->start);
	if (s->blocks > 1 || s->kind != MV_REGION_MMAPPED) {
		mv_build_clean(&b, MV_TEXT(", "));
		mv_build_count(&b, s->blocks);
		mv_build_clean(&b, s->blocks == 1 ? MV_TEXT(" block") : MV_TEXT(" blocks"));
	}
	if (end - x > 60) {
		mv_build_clean(&b, MV_TEXT(", "));
		mv_words_addr(&b, s->start);
		mv_build_clean(&b, MV_TEXT("-"));
		mv_words_addr(&b, s->end);
	}
	mv_canvas_build(c, g->title_y, x, end - x, ROLE_DIM, &b);
}

static void add_parts(struct mv_build *b, const struct mv_heap_cell *cell, bool exact)
{
	bool first = true;

	for (unsigned i = 0; i < MV_BLOCK__N; i++) {
		if (!cell->bytes[i])
			continue;
		mv_build_clean(b, first ? MV_TEXT("  ") : MV_TEXT(", "));
		mv_build_clean(b, mv_words(mv_block_states[i].caption));
		mv_build_clean(b, MV_TEXT(" "));
		mv_size_build(b, cell->bytes[i], exact);
		first = false;
	}
}

/* Of a block that begins in this cell and fills more of them: its size is told as far as cells on the screen
 * show it. */
static bool add_block(struct mv_build *b, const struct heap_view *v, const struct mv_heap_cell *cells,
		      uint32_t count, uint64_t i, bool exact)
{
	uint64_t first = i, last, cell_bytes = heap_zoom_bytes(v), bytes = 0;
	unsigned state = most_of(&cells[i]);
	bool cut;

	if (cells[i].blocks > 1 || !sum_of(&cells[i]))
		return false;
	while (first > 0 && !cells[first].blocks)
		first--;
	for (last = i + 1; last < count && !cells[last].blocks; last++)
		;
	cut = !cells[first].blocks || (last == count && v->window.end < v->stretch.end);
	/* What a neighbour has of the border cells would count: only at whole cells is the size known. */
	if (cells[first].blocks > 1 || sum_of(&cells[first]) != cells[first].bytes[state])
		return false;
	for (uint64_t k = first; k < last; k++)
		bytes += cells[k].bytes[state];
	if (last < count && cell_bytes > CELL_MIN)
		return false;
	mv_build_clean(b, MV_TEXT("  "));
	mv_build_clean(b, mv_words(mv_block_states[state].caption));
	mv_build_clean(b, cut ? MV_TEXT(", more than ") : MV_TEXT(", a block of "));
	mv_size_build(b, bytes, exact || bytes < 65536);
	mv_build_clean(b, exact || bytes < 65536 ? MV_TEXT(" bytes at ") : MV_TEXT(" at "));
	mv_words_addr(b, v->window.start + first * cell_bytes);
	return true;
}

static void draw_cursor_line(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct heap_geometry *g = &v->geo;
	uint32_t count;
	const struct mv_heap_cell *cells = heap_shown_cells(v, ctx, &count);
	uint64_t i = (v->cursor - v->window.start) / heap_zoom_bytes(v);
	struct mv_build b;

	if (g->cursor_y < 0)
		return;
	mv_build_init(&b);
	if (heap_sized_block(&b, v, ctx)) {
		mv_canvas_build(c, g->cursor_y, g->text.x, g->text.cols, ROLE_STRONG, &b);
		return;
	}
	mv_words_addr(&b, v->cursor);
	if (!cells || i >= count) {
		mv_build_clean(&b, MV_TEXT("  not read yet"));
	} else if (!add_block(&b, v, cells, count, i, ctx->exact)) {
		if (!sum_of(&cells[i])) {
			mv_build_clean(&b, MV_TEXT("  outside the heap"));
		} else if (cells[i].blocks) {
			mv_build_clean(&b, MV_TEXT("  "));
			mv_build_count(&b, cells[i].blocks);
			mv_build_clean(&b, cells[i].blocks == 1 ? MV_TEXT(" block begins")
								: MV_TEXT(" blocks begin"));
		} else {
			mv_build_clean(&b, MV_TEXT("  inside a block"));
		}
		add_parts(&b, &cells[i], ctx->exact);
	}
	mv_canvas_build(c, g->cursor_y, g->text.x, g->text.cols,
			v->focus == HEAP_PICTURE ? ROLE_STRONG : ROLE_DIM, &b);
}

void heap_picture_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	if (!heap_have(ctx) || v->stretch.end <= v->stretch.start || v->geo.grid.rows < 1)
		return;
	draw_title(v, ctx, c);
	draw_grid(v, ctx, c);
	draw_cursor_line(v, ctx, c);
}

/* ---- keys ---- */

/* Move by so many cells; beyond an end: to the neighbouring stretch. */
static struct mv_outcome move(struct heap_view *v, const struct mv_context *ctx, int64_t cells)
{
	uint32_t count;
	const struct mv_heap_stretch *s = mv_snapshot_heap_stretches(ctx->snap, &count);
	uint64_t cell = heap_zoom_bytes(v), by = (uint64_t)(cells < 0 ? -cells : cells);

	if (v->stretch_at >= count)
		return mv_outcome_stay();
	v->chosen = true;
	by = by > UINT64_MAX / cell ? UINT64_MAX : by * cell;
	if (cells < 0 && v->cursor - v->stretch.start >= by)
		v->cursor -= by;
	else if (cells < 0 && v->cursor - v->stretch.start >= cell)
		v->cursor = v->stretch.start;
	else if (cells < 0 && v->stretch_at > 0)
		v->cursor = s[v->stretch_at - 1].end - 1;
	else if (cells > 0 && v->stretch.end - v->cursor > by)
		v->cursor += by;
	else if (cells > 0 && v->stretch.end - v->cursor > cell)
		v->cursor = v->stretch.end - 1;
	else if (cells > 0 && v->stretch_at + 1 < count)
		v->cursor = s[v->stretch_at + 1].start;
	heap_picture_settle(v, ctx);
	return mv_outcome_stay();
}

static struct mv_outcome zoom(struct heap_view *v, const struct mv_context *ctx, bool in)
{
	uint64_t cell = heap_zoom_bytes(v);

	if (in && cell <= CELL_MIN)
		return mv_outcome_hint(MV_TEXT("a cell is 16 bytes already: no block is smaller than two"));
	if (!in && cell >= v->fit_bytes)
		return mv_outcome_hint(
		    MV_TEXT("all of this stretch is in sight; the arrows go on to the next"));
	v->cell_bytes = in ? cell / 2 : cell * 2;
	/* As fits: it goes on fitting when the heap or the screen changes. */
	if (v->cell_bytes == v->fit_bytes)
		v->cell_bytes = 0;
	heap_picture_settle(v, ctx);
	return mv_outcome_stay();
}

struct mv_outcome heap_picture_act(struct heap_view *v, const struct mv_context *ctx, enum mv_action action)
{
	const struct mv_rect *g = &v->geo.grid;
	int64_t row = g->cols > 0 ? g->cols : 1, screen = row * (g->rows > 1 ? g->rows - 1 : 1);
	uint32_t count, i;
	uint64_t address;
	const struct mv_heap_stretch *s;

	if (!heap_have(ctx) || v->stretch.end <= v->stretch.start)
		return mv_outcome_stay();
	switch (action) {
	case MV_ACT_LEFT:
		return move(v, ctx, -1);
	case MV_ACT_RIGHT:
		return move(v, ctx, 1);
	case MV_ACT_UP:
		return move(v, ctx, -row);
	case MV_ACT_DOWN:
		return move(v, ctx, row);
	case MV_ACT_PAGE_UP:
		return move(v, ctx, -screen);
	case MV_ACT_PAGE_DOWN:
		return move(v, ctx, screen);
	case MV_ACT_FIRST:
	case MV_ACT_LAST:
		s = mv_snapshot_heap_stretches(ctx->snap, &count);
		heap_picture_go(v, ctx, action == MV_ACT_FIRST ? s[0].start : s[count - 1].end - 1);
		return mv_outcome_stay();
	case MV_ACT_ZOOM_IN:
	case MV_ACT_ZOOM_OUT:
		return zoom(v, ctx, action == MV_ACT_ZOOM_IN);
	case MV_ACT_ENTER:
		/* Of a block that was gone to: what malloc returned. */
		address = heap_sized_found(v) ? heap_sized_found(v) + HEADER_BYTES : v->cursor;
		i = mv_snapshot_find(ctx->snap, address);
		if (i >= mv_snapshot_count(ctx->snap))
			return mv_outcome_hint(MV_TEXT("no mapping is there any more"));
		return (struct mv_outcome){
		    .kind = MV_OUT_PUSH,
		    .view = MV_VIEW_PAGE,
		    .place = {.mapping = mv_snapshot_mappings(ctx->snap)[i].start, .page = address}};
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
}
