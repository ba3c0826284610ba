/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_faults_words.h"
#include "tui/view_pages_draw.h"

static void note_cells(struct mv_pages_seen *seen, const struct mv_grid_cell *cells, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct mv_tally *t = &cells[i].tally;
		uint64_t touched = 0;

		if (!(cells[i].flags & MV_GRID_READ)) {
			seen->unread++;
			continue;
		}
		for (unsigned s = 0; s < MV_PAGE__N; s++) {
			if (t->state[s])
				seen->states |= UINT32_C(1) << s;
			touched += t->state[s];
		}
		if (touched < cells[i].pages)
			seen->states |= UINT32_C(1) << MV_PAGE_NONE;
		seen->fresh |= cells[i].fresh && cells[i].newest_ds < 30;
		seen->huge |= t->huge != 0;
	}
}

static void draw_name(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c, int y,
		      const struct mv_pages_row *row)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[row->mapping];
	struct mv_build b;

	int used = 0;
	if (p->geo.name_cols >= 22) {
		mv_build_init(&b);
		mv_words_perms(&b, m->perms);
		mv_canvas_build(c, y, p->geo.name_x, 4, ROLE_DIM, &b);
		used = 5;
	}
	mv_build_init(&b);
	mv_words_name(&b, ctx->snap, row->mapping, true);
	used += mv_canvas_build(c, y, p->geo.name_x + used, p->geo.name_cols - used, mv_role_of_kind(m->kind),
				&b);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT(" "));
	mv_build_size(&b, mv_mapping_bytes(m));
	if (used + (int)mv_clean_width(mv_build_text(&b)) <= p->geo.name_cols)
		mv_canvas_build(c, y, p->geo.name_x + used, -1, ROLE_DIM, &b);
}

/* "· 1.0T never touched (268,435,456 pages)" for a mapping in one row. */
static void draw_folded(const struct mv_pages *p, struct mv_canvas *c, int y, const struct mv_pages_row *row,
			struct mv_pages_seen *seen)
{
	const struct mv_pages_geometry *g = &p->geo;
	uint64_t bytes = row->range.end - row->range.start;
	struct mv_pages_pen pen = {c, y, g->grid_x, g->grid_x + g->cells * g->cell_cols};
	struct mv_build b;

	pen_glyph(&pen, ROLE_PAGE_NONE, U'·', p->cell_pages > 1 ? '_' : '.');
	pen.x = g->grid_x + g->cell_cols + 1;
	mv_build_init(&b);
	mv_build_size(&b, bytes);
	mv_build_clean(&b, MV_TEXT(" never touched"));
	int brief = (int)mv_clean_width(mv_build_text(&b));
	mv_build_clean(&b, MV_TEXT(" ("));
	mv_build_count(&b, bytes / p->page_bytes);
	mv_build_clean(&b, MV_TEXT(" pages)"));
	if ((int)mv_clean_width(mv_build_text(&b)) > pen.end - pen.x && brief <= pen.end - pen.x) {
		mv_build_init(&b);
		mv_build_size(&b, bytes);
		mv_build_clean(&b, MV_TEXT(" never touched"));
	}
	pen_build(&pen, ROLE_DIM, &b);
	seen->states |= UINT32_C(1) << MV_PAGE_NONE;
}

/*
 * Where a fault fell within the last second. The newest wins a cell, whatever its pages are coloured by.
 */
static void draw_flashes(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c, int y,
			 const struct mv_pages_row *row, struct mv_pages_seen *seen)
{
	const struct mv_pages_geometry *g = &p->geo;
	uint64_t cell_bytes = mv_pages_cell_bytes(p), cells = mv_pages_row_cells(p, row);
	uint32_t recent = mv_faults_recent(ctx->snap), count;

	if (!recent || row->folded || p->gone || !cells)
		return;
	const struct mv_fault_entry *log = mv_snapshot_fault_log(ctx->snap, &count);
	for (uint32_t i = recent; i-- > 0;) {
		struct mv_range pages = mv_faults_pages(ctx->snap, &log[i]);

		if (pages.start >= row->range.end || pages.end <= row->range.start)
			continue;
		uint64_t first =
		    pages.start > row->range.start ? (pages.start - row->range.start) / cell_bytes : 0;
		uint64_t end = (pages.end - row->range.start + cell_bytes - 1) / cell_bytes;
		for (uint64_t k = first; k < end && k < cells; k++)
			mv_grid_flash(c, y, g->grid_x + (int)k * g->cell_cols, g->cell_cols,
				      mv_role_of_fault(log[i].kind));
		seen->faults |= UINT32_C(1) << log[i].kind;
	}
}

/* One row: its address, its cells, in the whole process its mapping's name. */
static void draw_row(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c, int y,
		     const struct mv_pages_row *row, bool at_cursor, struct mv_pages_seen *seen)
{
	const struct mv_pages_geometry *g = &p->geo;
	uint32_t want = mv_pages_row_cells(p, row), count = 0;
	const struct mv_grid_cell *cells = mv_pages_cells(p, ctx->snap, row->range.start, &count);
	struct mv_build b;

	if (g->grid_x > g->text_x) {
		enum mv_role role = at_cursor ? ROLE_STRONG : p->whole && row->first ? ROLE_TEXT : ROLE_DIM;
		mv_build_init(&b);
		mv_words_addr(&b, row->range.start);
		mv_canvas_text_right(c, y, g->text_x, g->addr_cols, role, mv_build_text(&b));
		if (at_cursor)
			mv_canvas_glyph2(c, y, g->grid_x - 1, ROLE_KEY, U'▸', '>');
	}
	if ((row->first || y == g->grid_y) && p->whole && g->name_cols > 0)
		draw_name(p, ctx, c, y, row);
	if (row->folded) {
		draw_folded(p, c, y, row, seen);
		return;
	}
	count = !cells || p->gone ? 0 : count < want ? count : want;
	if (count)
		mv_grid_draw(c, y, g->grid_x, cells, (int)count, g->cell_cols, p->cell_pages, p->colour);
	if (count && mv_against(ctx))
		mv_pages_mark_row(p, ctx, c, y, row, cells, count);
	if (count < want) {
		int x = g->grid_x + (int)count * g->cell_cols;
		mv_canvas_fill(c, (struct mv_rect){y, x, 1, (int)(want - count) * g->cell_cols},
			       ROLE_PAGE_UNREAD, U' ');
	}
	if (never_read(ctx->snap, row->mapping)) {
		mv_canvas_text(c, y, g->grid_x + 2 * g->cell_cols, g->cells * g->cell_cols, ROLE_DIM,
			       MV_TEXT("never read: it belongs to the kernel"));
	} else {
		seen->cells += count;
		note_cells(seen, cells, count);
	}
}

/* Where the screen is among all rows: a slim bar in the right margin. */
static void draw_scrollbar(const struct mv_pages *p, struct mv_canvas *c)
{
	const struct mv_pages_geometry *g = &p->geo;
	uint64_t total = mv_pages_rows(p), shown = (uint64_t)g->grid_rows;
	int x = g->area.x + g->area.cols - 1;

	if (total <= shown || g->grid_rows < 3 || x < g->text_x + g->text_cols)
		return;
	double rows = (double)g->grid_rows, scale = rows / (double)total;
	int size = (int)((double)shown * scale);
	size = size < 1 ? 1 : size;
	int room = g->grid_rows - size, first = (int)((double)p->top / (double)(total - shown) * room + 0.5);
	/* The ends are told only at the ends. */
	if (first == 0 && p->top > 0 && room > 1)
		first = 1;
	if (first == room && p->top < total - shown && room > 1)
		first = room - 1;
	for (int i = 0; i < g->grid_rows; i++) {
		bool on = i >= first && i < first + size;
		mv_canvas_glyph2(c, g->grid_y + i, x, on ? ROLE_LABEL : ROLE_FRAME, on ? U'┃' : U'│',
				 on ? '#' : '|');
	}
}

static void draw_grid(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c,
		      struct mv_pages_seen *seen)
{
	const struct mv_pages_geometry *g = &p->geo;
	struct mv_pages_row row, at;
	struct mv_range cell;
	uint32_t column = 0;
	bool has = mv_pages_cursor_cell(p, ctx->snap, &at, &column, &cell);

	for (int i = 0; i < g->grid_rows; i++) {
		if (!mv_pages_row(p, ctx->snap, p->top + (uint64_t)i, &row))
			break;
		bool here = has && row.range.start == at.range.start;
		draw_row(p, ctx, c, g->grid_y + i, &row, here, seen);
		draw_flashes(p, ctx, c, g->grid_y + i, &row, seen);
		if (here)
			mv_grid_mark(c, g->grid_y + i, g->grid_x + (int)column * g->cell_cols, g->cell_cols);
	}
	draw_scrollbar(p, c);
}

static void build_zoom(const struct mv_pages *p, bool exact, struct mv_build *b)
{
	mv_build_init(b);
	if (p->cell_pages == 1) {
		mv_build_clean(b, MV_TEXT("one cell = one page ("));
	} else {
		mv_build_clean(b, MV_TEXT("one cell = "));
		mv_build_count(b, p->cell_pages);
		mv_build_clean(b, MV_TEXT(" pages ("));
	}
	mv_words_size(b, mv_pages_cell_bytes(p), exact);
	mv_build_clean(b, MV_TEXT(")"));
}

static void build_short(const struct mv_snapshot *snap, uint32_t mapping, struct mv_build *b)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[mapping];

	mv_words_addr(b, m->start);
	mv_build_clean(b, MV_TEXT(" "));
	mv_words_name(b, snap, mapping, true);
	mv_build_clean(b, MV_TEXT(" "));
	mv_build_size(b, mv_mapping_bytes(m));
}

/* brief 1: the name's last part, rounded figures; 2: no permissions, and not the size of it all. */
static void build_place(const struct mv_pages *p, const struct mv_context *ctx, int brief, struct mv_build *b)
{
	const struct mv_snapshot *snap = ctx->snap;

	if (!p->whole) {
		if (p->gone)
			mv_build_clean(b, mv_build_text(&p->gone_name));
		else if (p->index >= mv_snapshot_count(snap))
			return;
		else if (brief == 2)
			build_short(snap, p->index, b);
		else
			mv_words_mapping(b, snap, p->index, brief, ctx->exact && !brief);
		return;
	}
	mv_build_clean(b, MV_TEXT("whole process"));
	if (!mv_snapshot_count(snap))
		return; /* none, or not to be read: the middle of the screen says which */
	mv_build_clean(b, MV_TEXT(": "));
	mv_build_count(b, mv_snapshot_count(snap));
	mv_build_clean(b, MV_TEXT(" mappings"));
	if (brief < 2 && mv_have(&snap->figure[MV_FIG_SIZE])) {
		mv_build_clean(b, MV_TEXT(", "));
		mv_words_size(b, snap->figure[MV_FIG_SIZE].value, ctx->exact && !brief);
	}
}

/* "python3 4711 > 7f3a12000000 [anon] rw-p 100M"; what is narrow loses words, then the process, before
 * letters. */
static void draw_place(const struct mv_pages *p, const struct mv_context *ctx, struct mv_pages_pen *pen)
{
	struct mv_build process, place;
	int room = pen->end - pen->x, left = 0;

	mv_build_init(&process);
	mv_words_process(&process, ctx);
	mv_build_init(&place);
	for (int brief = 0; ctx->snap && brief < 3; brief++) {
		mv_build_init(&place);
		build_place(p, ctx, brief, &place);
		left = room - (int)mv_clean_width(mv_build_text(&place));
		if (left >= (int)mv_clean_width(mv_build_text(&process)))
			break;
	}
	if (left >= (int)mv_clean_width(mv_build_text(&process)) || !ctx->snap)
		pen_build(pen, ROLE_DIM, &process);
	pen_build(pen, ROLE_TITLE, &place);
}

static void draw_path(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c,
		      const struct mv_pages_seen *seen)
{
	const struct mv_rect area = p->geo.area;
	struct mv_pages_pen pen = {c, p->geo.path_y, p->geo.text_x, p->geo.text_x + p->geo.text_cols};
	struct mv_build b, zoom;

	if (p->geo.path_y < 0)
		return;
	build_zoom(p, ctx->exact && area.cols >= 110, &zoom);
	int zoom_cols = (int)mv_clean_width(mv_build_text(&zoom)) + 5;
	if (area.cols < zoom_cols + 30) {
		mv_build_init(&zoom);
		mv_build_clean(&zoom, MV_TEXT("cell = "));
		mv_words_size(&zoom, mv_pages_cell_bytes(p), false);
		zoom_cols = (int)mv_clean_width(mv_build_text(&zoom)) + 5;
	}
	if (p->known && !p->gone && area.cols >= zoom_cols + 30) {
		struct mv_pages_pen right = {c, pen.y, pen.end - zoom_cols, pen.end};
		pen_build(&right, ROLE_LABEL, &zoom);
		pen_text(&right, ROLE_KEY, MV_TEXT("  + -"));
		pen.end -= zoom_cols + 1;
	}
	mv_build_init(&b);
	if (p->gone && !p->whole)
		mv_build_clean(&b, MV_TEXT("this mapping has gone"));
	else if (p->search.on)
		mv_build_clean(&b, MV_TEXT("searching"));
	else if (p->known && seen->unread && ctx->snap->life == MV_LIFE_ALIVE &&
		 ctx->snap->part_why[MV_PART_PAGES] <= MV_WHY_HAVE)
		mv_build_fmt(&b, "reading %u%%",
			     (unsigned)((seen->cells - seen->unread) * 100 / seen->cells));
	int told = (int)mv_clean_width(mv_build_text(&b));
	if (told && pen.end - pen.x > told + 2) {
		mv_canvas_build(c, pen.y, pen.end - told - 1, told, p->gone ? ROLE_GONE : ROLE_WARN, &b);
		pen.end -= told + 2;
	}
	draw_place(p, ctx, &pen);
}

static void draw_centred(const struct mv_pages *p, struct mv_canvas *c, int y, enum mv_role role,
			 struct mv_clean text)
{
	int left = p->geo.area.cols - (int)mv_clean_width(text);

	mv_canvas_text(c, y, p->geo.area.x + (left > 0 ? left / 2 : 0), p->geo.area.cols, role, text);
}

/* Why there is no grid, in its place. */
static void draw_reason(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	int y = p->geo.grid_y + p->geo.grid_rows / 2;
	struct mv_clean advice = {""};
	struct mv_build b;

	mv_build_init(&b);
	if (p->gone && !p->whole)
		mv_build_clean(&b, MV_TEXT("this mapping has gone"));
	else if (p->first_row_short)
		mv_build_why(&b, MV_WHY_NO_MEMORY);
	else if (!mv_words_nothing(ctx, MV_PART_PAGES, &b, &advice))
		return;
	draw_centred(p, c, y, ROLE_WARN, mv_build_text(&b));
	if (p->geo.grid_rows > 3)
		draw_centred(p, c, y + 1, ROLE_DIM, advice);
}

void mv_pages_draw(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_pages_geometry *g = &p->geo;
	struct mv_pages_seen seen = {0};

	if (g->header_rows)
		mv_header_draw(ctx, c, g->area);
	bool grid = ctx->snap && p->known && mv_snapshot_count(ctx->snap) && !p->first_row_short;
	if (grid)
		draw_grid(p, ctx, c, &seen);
	draw_path(p, ctx, c, &seen);
	draw_reason(p, ctx, c);
	if (!grid)
		return;
	mv_pages_draw_lines(p, ctx, c, &seen);
}
