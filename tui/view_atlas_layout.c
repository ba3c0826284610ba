/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_atlas.h"

/* Which frames lie where on the screen; moves of the cursor; zoom. */

#define NAME_COLS 14 /* "node 0 Normal" and a blank */

static uint64_t row_frames(const struct atlas_view *v)
{
	return (uint64_t)v->geo.grid.cols * v->cell_frames;
}

static uint64_t down_to(uint64_t frame, uint64_t cell)
{
	return frame / cell * cell;
}

static uint64_t up_to(uint64_t frame, uint64_t cell)
{
	return (frame + cell - 1) / cell * cell;
}

/* Zones as rows. Two zones can share a cell at their border: each shows it. */
static void make_segments(struct atlas_view *v, const struct mv_machine_snapshot *m)
{
	const uint64_t cell = v->cell_frames, row = row_frames(v);
	uint32_t count;
	const struct mv_atlas_stretch *stretches = mv_machine_stretches(m, &count);
	struct atlas_segment *last = NULL;

	v->segments_count = 0;
	v->rows = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct mv_atlas_stretch *s = &stretches[i];
		const bool goes_on =
		    last && (v->segments_count == ATLAS_SEGMENTS ||
			     (last->zone == s->zone && down_to(s->start, cell) <= last->end + row));

		if (!goes_on) {
			last = &v->segments[v->segments_count++];
			*last = (struct atlas_segment){.start = down_to(s->start, cell), .zone = s->zone};
		}
		last->end = up_to(s->end, cell);
	}
	for (uint32_t i = 0; i < v->segments_count; i++) {
		v->segments[i].first_row = v->rows;
		v->rows += (v->segments[i].end - v->segments[i].start + row - 1) / row;
	}
}

/* The line of sizes takes up to three rows, on tall screens. */
static void make_geometry(struct atlas_view *v, struct mv_rect area)
{
	struct atlas_geometry *g = &v->geo;
	int y = area.y, end = area.y + area.rows;

	*g = (struct atlas_geometry){.area = area, .path_y = -1, .legend_y = -1, .lit_y = -1, .cursor_y = -1};
	g->text_x = area.x + (area.cols >= 40);
	g->text_cols = area.cols - 2 * (area.cols >= 40);
	g->header_rows = area.rows >= 13 ? mv_header_rows(area.rows) : 0;
	y += g->header_rows;
	if (area.rows >= 3)
		g->path_y = y++;
	if (area.rows >= 24)
		y++;
	if (area.rows >= 4)
		g->cursor_y = --end;
	if (area.rows >= 9)
		g->lit_y = --end;
	if (area.rows >= 7) {
		g->legend_rows = area.rows >= 20 ? (area.cols >= 150 ? 2 : 3) : 1;
		end -= g->legend_rows;
		g->legend_y = end;
		end -= area.rows >= 24;
	}
	g->addr_cols = g->text_cols >= 50 ? 12 : 0;
	g->name_cols = g->text_cols >= 70 ? NAME_COLS : 0;
	g->grid.y = y;
	g->grid.x = g->text_x + (g->addr_cols ? g->addr_cols + 2 : 0);
	g->grid.rows = end > y ? end - y : 0;
	g->grid.cols = g->text_x + g->text_cols - g->name_cols - g->grid.x;
	if (g->grid.cols > 16)
		g->grid.cols = g->grid.cols / 8 * 8;
	if (g->grid.cols < 1)
		g->grid.cols = 1;
	g->name_x = g->grid.x + g->grid.cols + 1;
	if (g->name_cols) /* what the grid leaves over */
		g->name_cols = g->text_x + g->text_cols - g->name_x;
}

/* Into some row that there is. */
static void keep_inside(struct atlas_view *v)
{
	const struct atlas_segment *near = NULL;

	for (uint32_t i = 0; i < v->segments_count; i++) {
		const struct atlas_segment *s = &v->segments[i];

		if (!near || s->start <= v->cursor)
			near = s;
	}
	if (!near)
		return;
	if (v->cursor < near->start)
		v->cursor = near->start;
	if (v->cursor >= near->end)
		v->cursor = near->end - 1;
}

static void scroll(struct atlas_view *v)
{
	const uint64_t shown = (uint64_t)v->geo.grid.rows, row = atlas_row_of(v, v->cursor);

	if (!shown)
		return;
	if (v->anchor >= 0)
		v->top = row > (uint64_t)v->anchor ? row - (uint64_t)v->anchor : 0;
	v->anchor = -1;
	if (row < v->top)
		v->top = row;
	if (row >= v->top + shown)
		v->top = row - shown + 1;
	if (v->rows <= shown)
		v->top = 0;
	else if (v->top > v->rows - shown)
		v->top = v->rows - shown;
}

void atlas_lay_out(struct atlas_view *v, const struct mv_context *ctx, struct mv_rect area)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	uint32_t chosen = v->cell_frames, count = 0;

	make_geometry(v, area);
	v->settled = true;
	if (m) {
		v->page_bytes = m->page_bytes;
		mv_machine_stretches(m, &count);
	}
	if (!count) {
		v->segments_count = 0;
		v->rows = 0;
		return;
	}
	v->cell_frames = 1;
	make_segments(v, m);
	while (v->rows > (uint64_t)v->geo.grid.rows && v->cell_frames < ATLAS_CELL_MAX) {
		v->cell_frames *= 2;
		make_segments(v, m);
	}
	v->fit_frames = v->cell_frames;
	if (v->zoom_chosen && chosen < v->fit_frames) {
		v->cell_frames = chosen ? chosen : 1;
		make_segments(v, m);
	}
	keep_inside(v);
	scroll(v);
}

bool atlas_row_at(const struct atlas_view *v, uint64_t number, struct atlas_row *ret_row)
{
	for (uint32_t i = v->segments_count; i-- > 0;) {
		const struct atlas_segment *s = &v->segments[i];
		uint64_t start;

		if (s->first_row > number)
			continue;
		start = s->start + (number - s->first_row) * row_frames(v);
		if (start >= s->end)
			return false;
		*ret_row = (struct atlas_row){s, start, start + row_frames(v), number == s->first_row};
		if (ret_row->end > s->end)
			ret_row->end = s->end;
		return true;
	}
	return false;
}

/* Where two zones share a cell, the later one has its frames. */
static const struct atlas_segment *segment_of(const struct atlas_view *v, uint64_t frame)
{
	for (uint32_t i = v->segments_count; i-- > 0;) {
		if (frame >= v->segments[i].start)
			return &v->segments[i];
	}
	return v->segments_count ? &v->segments[0] : NULL;
}

uint64_t atlas_row_of(const struct atlas_view *v, uint64_t frame)
{
	const struct atlas_segment *s = segment_of(v, frame);

	return s && frame >= s->start ? s->first_row + (frame - s->start) / row_frames(v) : 0;
}

bool atlas_is_ram(const struct mv_machine_snapshot *m, uint64_t start, uint64_t end)
{
	uint32_t count;
	const struct mv_atlas_stretch *s = mv_machine_stretches(m, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (s[i].start < end && s[i].end > start)
			return true;
	}
	return false;
}

const struct mv_atlas_cell *atlas_cell_at(const struct atlas_view *v, const struct mv_machine_snapshot *m,
					  uint64_t frame)
{
	uint32_t count;
	const struct mv_atlas_cell *cells = mv_machine_cells(m, &count);
	uint64_t i;

	if (m->atlas.cell_frames != v->cell_frames || frame < m->atlas.start || frame >= m->atlas.end ||
	    (frame - m->atlas.start) % v->cell_frames)
		return NULL;
	i = (frame - m->atlas.start) / v->cell_frames;
	return i < count ? &cells[i] : NULL;
}

void atlas_move_cells(struct atlas_view *v, int64_t by)
{
	const struct atlas_segment *s = segment_of(v, v->cursor);
	uint64_t at = down_to(v->cursor, v->cell_frames);

	if (!s)
		return;
	if (by > 0) {
		if (at + v->cell_frames < s->end)
			v->cursor = at + v->cell_frames;
		else if (s + 1 < v->segments + v->segments_count)
			v->cursor = (s + 1)->start > v->cursor ? (s + 1)->start : at + v->cell_frames;
	} else if (at > s->start) {
		v->cursor = at - v->cell_frames;
	} else if (s > v->segments) {
		v->cursor = (s - 1)->end - v->cell_frames;
		if (v->cursor >= s->start) /* the cell that both share */
			v->cursor = s->start ? s->start - 1 : 0;
	}
}

void atlas_move_rows(struct atlas_view *v, int64_t by)
{
	const struct atlas_segment *s = segment_of(v, v->cursor);
	uint64_t row = atlas_row_of(v, v->cursor), column, to;
	struct atlas_row there;

	if (!s || !v->rows)
		return;
	column = (v->cursor - s->start) % row_frames(v);
	to = by < 0 && (uint64_t)-by > row ? 0 : row + (uint64_t)by;
	if (to >= v->rows)
		to = v->rows - 1;
	if (to == row || !atlas_row_at(v, to, &there))
		return;
	v->cursor = there.start + column < there.end ? there.start + column : there.end - 1;
}

void atlas_zoom(struct atlas_view *v, int steps)
{
	const uint64_t row = atlas_row_of(v, v->cursor);
	uint32_t to = v->cell_frames;

	for (; steps > 0 && to > 1; steps--)
		to /= 2;
	for (; steps < 0 && to < v->fit_frames; steps++)
		to *= 2;
	v->zoom_chosen = to != v->fit_frames;
	v->cell_frames = to;
	v->anchor = row >= v->top ? (int)(row - v->top) : 0;
}

void atlas_window(const struct atlas_view *v, uint64_t *ret_start, uint64_t *ret_end)
{
	const uint64_t most = (uint64_t)ATLAS_WINDOW_CELLS * v->cell_frames;
	struct atlas_row row;
	uint64_t start = UINT64_MAX, end = 0;

	for (int i = 0; i < v->geo.grid.rows && atlas_row_at(v, v->top + (uint64_t)i, &row); i++) {
		if (row.start < start)
			start = row.start;
		if (row.end > end)
			end = row.end;
	}
	if (start >= end) {
		*ret_start = *ret_end = 0;
		return;
	}
	/* A hole between zones can be wider than a window: then the part with the cursor is told. */
	if (end - start > most && v->cursor - start > most / 2)
		start = down_to(v->cursor - most / 2, v->cell_frames);
	if (end - start > most)
		end = start + most;
	*ret_start = start;
	*ret_end = end;
}
