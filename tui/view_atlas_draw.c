/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_atlas.h"

/* The grid of frames, and the lines around it. */

static const char32_t eighth_glyph[9] = {U'·', U'▁', U'▂', U'▃', U'▄', U'▅', U'▆', U'▇', U'█'};
static const char eighth_ascii[9] = {'_', '.', ':', '-', '=', '+', '*', '#', '@'};

/* Our own tables' glyphs: one character of UTF-8. */
static char32_t decode(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (s[0] < 0x80)
		return s[0];
	if (s[0] < 0xe0)
		return (char32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
	return (char32_t)(s[0] & 0x0f) << 12 | (char32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
}

static unsigned eighths(uint8_t share)
{
	return ((unsigned)share * 8 + 254) / 255;
}

static void draw_cell(const struct atlas_view *v, struct mv_canvas *c, int y, int x,
		      const struct mv_atlas_cell *cell)
{
	const unsigned full = eighths(cell->full);

	if (cell->use >= MV_USE__N) {
		mv_canvas_glyph(c, y, x, ROLE_PAGE_UNREAD, U' ');
		return;
	}
	/* A process's frames stand out of all others; how many of a cell they are is told at the cursor. */
	if (v->lit && cell->lit) {
		const bool most = cell->lit >= 128;

		mv_canvas_glyph2(c, y, x, ROLE_PAGE_FRESH, most ? U'■' : U'▪', most ? 'L' : 'l');
		mv_canvas_attr(c, (struct mv_rect){y, x, 1, 1}, MV_ATTR_BOLD);
		return;
	}
	if (cell->poison)
		mv_canvas_glyph(c, y, x, ROLE_ALERT, U'!');
	else if (cell->use == MV_USE_NONE)
		mv_canvas_glyph(c, y, x, ROLE_GAP, U' ');
	else if (v->cell_frames == 1)
		mv_canvas_glyph2(c, y, x, v->lit ? ROLE_DIM : atlas_role_of(cell->use),
				 decode(mv_frame_uses[cell->use].glyph), mv_frame_uses[cell->use].ascii[0]);
	else
		mv_canvas_glyph2(c, y, x, v->lit ? ROLE_DIM : atlas_role_of(cell->use), eighth_glyph[full],
				 eighth_ascii[full]);
}

/* Addresses as one reads them in iomem: "1fc000000". */
static void draw_row_ends(const struct atlas_view *v, const struct mv_context *ctx, struct mv_canvas *c,
			  int y, const struct atlas_row *row, bool here)
{
	const struct atlas_geometry *g = &v->geo;
	struct mv_build b;

	mv_build_init(&b);
	if (g->addr_cols) {
		mv_build_fmt(&b, "%llx", (unsigned long long)(row->start * v->page_bytes));
		mv_canvas_text_right(c, y, g->text_x, g->addr_cols,
				     here	  ? ROLE_STRONG
				     : row->first ? ROLE_TEXT
						  : ROLE_DIM,
				     mv_build_text(&b));
		if (here)
			mv_canvas_glyph2(c, y, g->grid.x - 1, ROLE_KEY, U'▸', '>');
	}
	if (g->name_cols && (row->first || y == g->grid.y)) {
		mv_build_init(&b);
		atlas_zone_build(&b, ctx->machine, row->segment->zone);
		mv_canvas_build(c, y, g->name_x, g->name_cols, row->first ? ROLE_LABEL : ROLE_DIM, &b);
	}
	/* Where a node or zone begins: a line above its name, or before its first row's cells. */
	if (row->first)
		mv_canvas_attr(c,
			       (struct mv_rect){y, g->name_cols ? g->name_x : g->text_x, 1,
						g->name_cols ? g->name_cols : 1},
			       MV_ATTR_BOLD);
}

/* Where the screen is among all rows: a slim bar in the right margin. */
static void draw_scrollbar(const struct atlas_view *v, struct mv_canvas *c)
{
	const struct mv_rect *grid = &v->geo.grid;
	const uint64_t shown = (uint64_t)grid->rows;
	int x = v->geo.area.x + v->geo.area.cols - 1;

	if (v->rows <= shown || grid->rows < 3 || x < v->geo.text_x + v->geo.text_cols)
		return;
	int size = (int)(shown * shown / v->rows), room;
	size = size < 1 ? 1 : size;
	room = grid->rows - size;
	int first = (int)((double)v->top / (double)(v->rows - shown) * room + 0.5);
	for (int i = 0; i < grid->rows; i++) {
		bool on = i >= first && i < first + size;

		mv_canvas_glyph2(c, grid->y + i, x, on ? ROLE_LABEL : ROLE_FRAME, on ? U'┃' : U'│',
				 on ? '#' : '|');
	}
}

static void draw_grid(const struct atlas_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *grid = &v->geo.grid;
	const uint64_t at = v->cursor / v->cell_frames * v->cell_frames, at_row = atlas_row_of(v, v->cursor);
	struct atlas_row row;

	for (int i = 0; i < grid->rows && atlas_row_at(v, v->top + (uint64_t)i, &row); i++) {
		const bool here = v->top + (uint64_t)i == at_row;
		int x = grid->x;

		draw_row_ends(v, ctx, c, grid->y + i, &row, here);
		for (uint64_t frame = row.start; frame < row.end; frame += v->cell_frames, x++) {
			const struct mv_atlas_cell *cell = atlas_cell_at(v, ctx->machine, frame);

			if (cell)
				draw_cell(v, c, grid->y + i, x, cell);
			else
				mv_canvas_glyph(c, grid->y + i, x, ROLE_PAGE_UNREAD, U' ');
			if (here && frame == at)
				mv_grid_mark(c, grid->y + i, x, 1);
		}
	}
	draw_scrollbar(v, c);
}

/* ---- the lines around it ---- */

static void zoom_build(const struct atlas_view *v, struct mv_build *b)
{
	mv_build_init(b);
	if (v->cell_frames == 1) {
		mv_build_clean(b, MV_TEXT("one cell = one frame ("));
	} else {
		mv_build_clean(b, MV_TEXT("one cell = "));
		mv_build_count(b, v->cell_frames);
		mv_build_clean(b, MV_TEXT(" frames ("));
	}
	mv_build_size(b, (uint64_t)v->cell_frames * v->page_bytes);
	mv_build_clean(b, MV_TEXT(")"));
}

/* What is under way, or how old the figures are. */
static enum mv_role state_build(const struct atlas_view *v, const struct mv_context *ctx, struct mv_build *b)
{
	const struct mv_atlas_head *head = &ctx->machine->atlas;

	mv_build_init(b);
	if (v->search.on)
		mv_build_clean(b, MV_TEXT("searching"));
	else if (v->hint.len)
		mv_build_clean(b, mv_build_text(&v->hint));
	else if (!head->round_ns && head->frames && mv_have(&head->have))
		mv_build_fmt(b, "reading %u%%", (unsigned)(head->read * 100 / head->frames));
	else if (head->oldest_ns && ctx->now_ns > head->oldest_ns + mv_old_ns(ctx)) {
		mv_build_clean(b, MV_TEXT("read within "));
		mv_age_build(b, ctx->now_ns - head->oldest_ns);
		return ROLE_LABEL;
	}
	return ROLE_WARN;
}

static void draw_path(const struct atlas_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct atlas_geometry *g = &v->geo;
	struct mv_pages_pen pen = {c, g->path_y, g->text_x, g->text_x + g->text_cols};
	struct mv_build b;
	enum mv_role role;
	int cols;

	if (g->path_y < 0)
		return;
	if (v->segments_count && mv_have(&ctx->machine->atlas.have)) {
		zoom_build(v, &b);
		cols = (int)mv_clean_width(mv_build_text(&b)) + 5;
		if (g->text_cols < cols + 20) {
			mv_build_init(&b);
			mv_build_clean(&b, MV_TEXT("cell = "));
			mv_build_size(&b, (uint64_t)v->cell_frames * v->page_bytes);
			cols = (int)mv_clean_width(mv_build_text(&b)) + 5;
		}
		if (g->text_cols >= cols + 6) {
			struct mv_pages_pen right = {c, pen.y, pen.end - cols, pen.end};

			pen_build(&right, ROLE_LABEL, &b);
			pen_text(&right, ROLE_KEY, MV_TEXT("  + -"));
			pen.end -= cols + 1;
		}
		role = state_build(v, ctx, &b);
		cols = (int)mv_clean_width(mv_build_text(&b));
		if (cols && pen.end - pen.x >= cols + 6) {
			mv_canvas_build(c, pen.y, pen.end - cols - 1, cols, role, &b);
			pen.end -= cols + 2;
		}
	}
	pen_text(&pen, ROLE_TITLE, MV_TEXT("Atlas"));
	if (!ctx->machine || !ctx->machine->atlas.frames)
		return;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT(" of "));
	mv_build_count(&b, ctx->machine->atlas.frames);
	mv_build_clean(&b, MV_TEXT(" frames, "));
	mv_size_build(&b, ctx->machine->atlas.frames * v->page_bytes, ctx->exact);
	pen_build_whole(&pen, ROLE_DIM, &b);
}

/* Uses with their sizes, over as many rows as there are. */
static void draw_legend(const struct atlas_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct atlas_geometry *g = &v->geo;
	const struct mv_atlas_head *head = &ctx->machine->atlas;
	struct mv_pages_pen pen = {c, g->legend_y, g->text_x, g->text_x + g->text_cols};

	if (g->legend_y < 0)
		return;
	if (v->lit) {
		mv_canvas_glyph2(c, pen.y, pen.x++, ROLE_PAGE_FRESH, U'■', 'L');
		pen.x++;
		pen_text(&pen, ROLE_LABEL, MV_TEXT("lit"));
		pen.x += 2;
	}
	for (unsigned u = 1; u < MV_USE__N; u++) {
		const bool block = v->cell_frames > 1 && u != MV_USE_FREE && u != MV_USE_DEFERRED;
		struct mv_build b;

		if (!head->uses[u])
			continue;
		mv_build_init(&b);
		mv_build_clean(&b, atlas_name_of(u));
		mv_build_clean(&b, MV_TEXT(" "));
		mv_size_build(&b, head->uses[u] * v->page_bytes, ctx->exact);
		if (pen.x + 2 + (int)mv_clean_width(mv_build_text(&b)) > pen.end) {
			if (pen.y + 1 >= g->legend_y + g->legend_rows)
				return;
			pen.y++;
			pen.x = g->text_x;
		}
		pen_key(&pen, atlas_role_of(u),
			u == MV_USE_POISON ? U'!'
			: block		   ? U'█'
					   : decode(mv_frame_uses[u].glyph),
			u == MV_USE_POISON   ? '!'
			: block		     ? '#'
			: v->cell_frames > 1 ? '_'
					     : mv_frame_uses[u].ascii[0],
			mv_build_text(&b));
	}
}

/* "lit: python3 4711: 25,733 frames in 4,410 runs, of 26,001 present pages" */
static void draw_lit(const struct atlas_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct atlas_geometry *g = &v->geo;
	const struct mv_atlas_head *head = &ctx->machine->atlas;
	struct mv_pages_pen pen = {c, g->lit_y, g->text_x, g->text_x + g->text_cols};
	struct mv_build b;

	if (g->lit_y < 0)
		return;
	if (!v->lit) {
		pen_text(&pen, ROLE_KEY, MV_TEXT("/"));
		pen_text(&pen, ROLE_LABEL, MV_TEXT(" lights the frames of a process"));
		return;
	}
	mv_build_init(&b);
	atlas_process_build(&b, ctx, v->lit);
	pen_text(&pen, ROLE_LABEL, MV_TEXT("lit: "));
	pen_build(&pen, ROLE_TITLE, &b);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("  "));
	if (!mv_have(&head->lit)) {
		const bool asked = head->lit.why != MV_WHY_NOT_ASKED && head->lit.why != MV_WHY_NOT_READ;

		if (asked)
			mv_build_why(&b, (enum mv_why)head->lit.why);
		else
			mv_build_clean(&b, MV_TEXT("its frames are being looked for"));
		pen_build(&pen, asked ? ROLE_WARN : ROLE_DIM, &b);
		return;
	}
	mv_build_count(&b, head->lit.value);
	mv_build_clean(&b, head->lit.value == 1 ? MV_TEXT(" frame") : MV_TEXT(" frames"));
	if (head->lit_runs) {
		mv_build_clean(&b, MV_TEXT(" in "));
		mv_build_count(&b, head->lit_runs);
		mv_build_clean(&b, head->lit_runs == 1 ? MV_TEXT(" run") : MV_TEXT(" runs"));
	}
	pen_build(&pen, ROLE_STRONG, &b);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT(" of neighbours, for "));
	mv_build_count(&b, head->lit_pages);
	mv_build_clean(&b, MV_TEXT(" present pages"));
	if (head->lit_runs)
		pen_build_whole(&pen, ROLE_LABEL, &b);
}

static unsigned percent(uint8_t share)
{
	unsigned p = ((unsigned)share * 100 + 127) / 255;

	/* Neither none nor all unless it is. */
	return share && !p ? 1 : share < 255 && p == 100 ? 99 : p;
}

/* What the cell under the cursor holds. */
static void draw_cursor(const struct atlas_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct atlas_geometry *g = &v->geo;
	const uint64_t at = v->cursor / v->cell_frames * v->cell_frames;
	const struct mv_atlas_cell *cell = atlas_cell_at(v, ctx->machine, at);
	struct mv_pages_pen pen = {c, g->cursor_y, g->text_x, g->text_x + g->text_cols};
	struct atlas_row row;
	struct mv_build b;

	if (g->cursor_y < 0 || !v->rows)
		return;
	mv_build_init(&b);
	mv_build_fmt(&b, v->cell_frames == 1 ? "frame 0x%llx" : "frames 0x%llx", (unsigned long long)at);
	if (v->cell_frames > 1 && g->text_cols >= 60)
		mv_build_fmt(&b, " to 0x%llx", (unsigned long long)(at + v->cell_frames - 1));
	pen_build(&pen, ROLE_STRONG, &b);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("  "));
	if (atlas_row_at(v, atlas_row_of(v, v->cursor), &row) && g->text_cols >= 76)
		atlas_zone_build(&b, ctx->machine, row.segment->zone);
	mv_build_clean(&b, g->text_cols >= 76 ? MV_TEXT(": ") : MV_TEXT(""));
	pen_build(&pen, ROLE_LABEL, &b);
	mv_build_init(&b);
	if (!cell || cell->use >= MV_USE__N)
		mv_build_clean(&b, MV_TEXT("not read yet"));
	else if (v->cell_frames == 1)
		mv_build_clean(&b, atlas_words_of(cell->use));
	else
		mv_build_clean(&b, atlas_name_of(cell->use));
	pen_build(&pen, cell && cell->use < MV_USE__N ? atlas_role_of(cell->use) : ROLE_DIM, &b);
	if (!cell || cell->use >= MV_USE__N || v->cell_frames == 1)
		return;
	mv_build_init(&b);
	if (cell->use != MV_USE_NONE) {
		mv_build_fmt(&b, " most, %u%% in use", percent(cell->full));
		if (v->lit)
			mv_build_fmt(&b, ", %u%% lit", percent(cell->lit));
	}
	pen_build_whole(&pen, ROLE_LABEL, &b);
	if (cell->poison)
		pen_text(&pen, ROLE_ALERT, MV_TEXT(", a broken one among them"));
}

static void draw_centred(const struct atlas_view *v, struct mv_canvas *c, int y, enum mv_role role,
			 struct mv_clean text)
{
	int left = v->geo.area.cols - (int)mv_clean_width(text);

	mv_canvas_text(c, y, v->geo.area.x + (left > 0 ? left / 2 : 0), v->geo.area.cols, role, text);
}

/* Without rights: how much RAM each zone has, which everybody may know. */
static void draw_zones(const struct atlas_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		       int end)
{
	const struct mv_ram *ram = &ctx->machine->ram;
	const int x = v->geo.area.x + (v->geo.area.cols > 64 ? (v->geo.area.cols - 60) / 2 : 1);
	struct mv_build b;

	for (uint32_t i = 0; i < ram->zones_count && y < end; i++) {
		const struct mv_zone *zone = &ram->zones[i];

		if (!zone->present)
			continue;
		mv_build_init(&b);
		atlas_zone_build(&b, ctx->machine, i);
		mv_canvas_build(c, y, x, 16, ROLE_LABEL, &b);
		mv_build_init(&b);
		mv_size_build(&b, zone->present * v->page_bytes, false);
		mv_canvas_text_right(c, y, x + 16, 6, ROLE_STRONG, mv_build_text(&b));
		if (v->geo.area.cols > 64)
			mv_bar_draw(c, y, x + 24, 16, ROLE_BAR,
				    zone->managed > zone->free ? zone->managed - zone->free : 0,
				    zone->present);
		mv_build_init(&b);
		mv_size_build(&b, zone->free * v->page_bytes, false);
		mv_build_clean(&b, MV_TEXT(" free"));
		mv_canvas_build(c, y, x + (v->geo.area.cols > 64 ? 42 : 24), -1, ROLE_TEXT, &b);
		y++;
	}
}

void atlas_draw(const struct atlas_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct atlas_geometry *g = &v->geo;
	struct mv_clean advice;
	struct mv_build why;

	if (g->header_rows)
		mv_machine_header_draw(ctx, c, g->area);
	draw_path(v, ctx, c);
	if (atlas_nothing(ctx, &why, &advice)) {
		const bool waits = !ctx->machine || ctx->machine->atlas.have.why == MV_WHY_NOT_READ ||
				   ctx->machine->atlas.have.why == MV_WHY_NOT_ASKED;
		int y = g->grid.y + (waits ? g->grid.rows / 2 : g->grid.rows > 8 ? 2 : 0);

		draw_centred(v, c, y, waits ? ROLE_DIM : ROLE_WARN, mv_build_text(&why));
		draw_centred(v, c, y + 1, ROLE_DIM, advice);
		if (!waits && advice.text[0])
			draw_zones(v, ctx, c, y + 3, g->area.y + g->area.rows);
		return;
	}
	draw_grid(v, ctx, c);
	draw_legend(v, ctx, c);
	draw_lit(v, ctx, c);
	draw_cursor(v, ctx, c);
}
