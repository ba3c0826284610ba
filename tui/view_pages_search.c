/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_pages.h"

/*
 * The next page whose state differs, over any distance. Cells all of whose pages have the cursor's state are
 * passed; a mixed one is looked into with smaller cells, down to the page. What the screen shows answers
 * first; then a mapping is asked for in some thousand cells at a time, so that 1 TiB takes three questions.
 *
 * Whether others map an anonymous page is no state here: larger cells don't tell it.
 */

#define SPAN_CELLS 512
#define STEP_CELLS 4096

static unsigned folded(unsigned state)
{
	return state == MV_PAGE_ANON_SHARED ? MV_PAGE_ANON : state;
}

static uint64_t count_of(const struct mv_tally *t, uint64_t pages, unsigned state)
{
	if (state == MV_PAGE_ANON)
		return (uint64_t)t->state[MV_PAGE_ANON] + t->state[MV_PAGE_ANON_SHARED];
	if (state != MV_PAGE_NONE)
		return t->state[state];
	for (int i = 0; i < MV_PAGE__N; i++)
		pages -= t->state[i] < pages ? t->state[i] : pages;
	return pages;
}

/* The state that all pages have, or MV_PAGE__N. */
static unsigned only_state(const struct mv_tally *t, uint64_t pages)
{
	for (unsigned s = 0; s < MV_PAGE__N; s++)
		if (folded(s) == s && count_of(t, pages, s) == pages)
			return s;
	return MV_PAGE__N;
}

static bool is_empty(const struct mv_range *r)
{
	return r->start >= r->end;
}

enum found { FOUND_NOT, FOUND_PAGE, FOUND_CELL, FOUND_UNREAD };

/*
 * Look through the part of one row's cells that lies in s->left, in the search's direction. FOUND_PAGE: *ret
 * is the page; FOUND_CELL: *ret holds a mixed cell; FOUND_UNREAD: *ret.start or .end is how far it went.
 */
static enum found look(const struct mv_pages_search *s, struct mv_range row, uint64_t cell_bytes,
		       uint32_t page_bytes, const struct mv_grid_cell *cells, uint32_t count,
		       struct mv_range *ret)
{
	uint64_t total = (row.end - row.start + cell_bytes - 1) / cell_bytes;

	for (uint64_t k = 0; k < total; k++) {
		uint64_t i = s->back ? total - 1 - k : k;
		struct mv_range cell = {row.start + i * cell_bytes, row.start + (i + 1) * cell_bytes};
		if (cell.end > row.end)
			cell.end = row.end;
		if (cell.end <= s->left.start || cell.start >= s->left.end)
			continue;
		*ret = cell;
		if (!cells || i >= count || !(cells[i].flags & MV_GRID_READ))
			return FOUND_UNREAD;
		unsigned only = only_state(&cells[i].tally, cells[i].pages);
		if (only == s->state)
			continue;
		if (only == MV_PAGE__N && cell.end - cell.start > page_bytes)
			return FOUND_CELL;
		/* A cell that sticks out of what is left still begins or ends where the rest does. */
		ret->start = cell.start > s->left.start ? cell.start : s->left.start;
		ret->end = cell.end < s->left.end ? cell.end : s->left.end;
		ret->start = s->back ? ret->end - page_bytes : ret->start;
		return FOUND_PAGE;
	}
	return FOUND_NOT;
}

static void advance(struct mv_pages_search *s, uint64_t to)
{
	if (s->back)
		s->left.end = to < s->left.end ? to : s->left.end;
	else
		s->left.start = to > s->left.start ? to : s->left.start;
}

static void narrow_to(struct mv_pages_search *s, struct mv_range cell)
{
	advance(s, s->back ? cell.end : cell.start);
	s->narrow.start = cell.start > s->left.start ? cell.start : s->left.start;
	s->narrow.end = cell.end < s->left.end ? cell.end : s->left.end;
}

void mv_pages_search_stop(struct mv_pages *p)
{
	p->search.on = false;
	p->search.count = 0;
	free(p->kept.cells);
	p->kept.cells = NULL;
	p->kept.rows = 0;
	p->kept.cell_pages = 0;
}

/* Found: beyond the screen it is shown with some rows before it, since they are what it differs from. */
static void settle_on(struct mv_pages *p, const struct mv_snapshot *snap, uint64_t page)
{
	uint64_t number = mv_pages_row_of(p, snap, page), rows = (uint64_t)p->geo.grid_rows;

	if (number < p->top || number - p->top >= rows)
		p->anchor = p->geo.grid_rows / 2;
	p->cursor = page;
	mv_pages_search_stop(p);
}

/* A mapping whose every page is known to have the state: by its tally, unless that may be old. */
static bool is_uniform(const struct mv_pages *p, const struct mv_snapshot *snap, uint32_t i)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[i];
	const struct mv_tally *t = mv_snapshot_tally(snap, i);
	uint64_t pages = mv_mapping_pages(m, p->page_bytes);

	return m->kind == MV_KIND_VSYSCALL ||
	       (t && snap->pages_exact && count_of(t, pages, p->search.state) == pages);
}

static uint32_t cells_for(uint64_t pages)
{
	uint32_t zoom = 1;

	while (zoom < MV_PAGES_CELL_MAX && pages / zoom > STEP_CELLS)
		zoom *= 2;
	return zoom;
}

/* Cut a piece into spans, nearest first; returns false when there was no room for all of it. */
static bool cut(struct mv_pages_search *s, struct mv_range piece, uint64_t cell_bytes)
{
	while (!is_empty(&piece)) {
		struct mv_range span = piece;
		if (s->count == MV_COUNT_OF(s->spans))
			return false;
		if (span.end - span.start > SPAN_CELLS * cell_bytes) {
			if (s->back)
				span.start = span.end - SPAN_CELLS * cell_bytes;
			else
				span.end = span.start + SPAN_CELLS * cell_bytes;
		}
		s->spans[s->count++] = span;
		if (s->back)
			piece.end = span.start;
		else
			piece.start = span.end;
	}
	return true;
}

static void turn_round(struct mv_pages_search *s)
{
	for (uint32_t i = 0; i < s->count / 2; i++) {
		struct mv_range r = s->spans[i];
		s->spans[i] = s->spans[s->count - 1 - i];
		s->spans[s->count - 1 - i] = r;
	}
}

/* The next mapping, in the search's direction, that has something left: its index and its part; false: none.
 */
static bool next_piece(const struct mv_pages *p, const struct mv_snapshot *snap, struct mv_range *left,
		       uint32_t *ret_i, struct mv_range *ret_piece)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);
	uint32_t count = mv_snapshot_count(snap);

	while (!is_empty(left)) {
		uint32_t i = mv_maps_find(maps, count, p->search.back ? left->end - 1 : left->start);
		if (p->search.back && (i >= count || maps[i].start >= left->end)) {
			if (i == 0)
				return false;
			i--;
		}
		if (i >= count)
			return false;
		struct mv_range piece = {maps[i].start > left->start ? maps[i].start : left->start,
					 maps[i].end < left->end ? maps[i].end : left->end};
		if (is_empty(&piece))
			return false;
		if (p->search.back)
			left->end = piece.start;
		else
			left->start = piece.end;
		if (is_uniform(p, snap, i))
			continue;
		*ret_i = i;
		*ret_piece = piece;
		return true;
	}
	return false;
}

/* Say what to ask for next; false when nothing is left. */
static bool plan(struct mv_pages *p, const struct mv_snapshot *snap)
{
	struct mv_pages_search *s = &p->search;
	bool narrow = !is_empty(&s->narrow);
	struct mv_range left = narrow ? s->narrow : s->left, piece;
	uint64_t cells = 0, cell_bytes = 0;
	uint32_t i;

	s->count = 0;
	s->maps_gen = snap->maps_gen;
	while (cells < 2 * STEP_CELLS && next_piece(p, snap, &left, &i, &piece)) {
		uint64_t pages = (piece.end - piece.start) / p->page_bytes;
		if (!s->count) {
			s->cell_pages = cells_for(pages);
			cell_bytes = (uint64_t)s->cell_pages * p->page_bytes;
		} else if (cells + pages / s->cell_pages > 2 * STEP_CELLS) {
			break;
		}
		if (!cut(s, piece, cell_bytes))
			break;
		cells += pages / s->cell_pages + 1;
	}
	if (s->back)
		turn_round(s);
	return s->count > 0;
}

static void plan_or_end(struct mv_pages *p, const struct mv_snapshot *snap)
{
	struct mv_pages_search *s = &p->search;

	if (plan(p, snap))
		return;
	if (!is_empty(&s->narrow)) {
		/* What the cell held has changed since: go on behind it. */
		advance(s, s->back ? s->narrow.start : s->narrow.end);
		s->narrow = (struct mv_range){0, 0};
		if (plan(p, snap))
			return;
	}
	mv_pages_search_stop(p);
	p->note = MV_PAGES_NOTE_END;
}

void mv_pages_search_step(struct mv_pages *p, const struct mv_snapshot *snap)
{
	struct mv_pages_search *s = &p->search;
	struct mv_range at;

	if (!s->on)
		return;
	if (!snap || snap->life != MV_LIFE_ALIVE || p->gone) {
		mv_pages_search_stop(p);
		p->note = MV_PAGES_NOTE_CUT_OFF;
		return;
	}
	if (s->maps_gen != snap->maps_gen)
		plan_or_end(p, snap);
	if (!s->on || snap->cell_pages != s->cell_pages)
		return;
	for (uint32_t k = 0; k < s->count; k++) {
		struct mv_range span = s->spans[s->back ? s->count - 1 - k : k];
		uint32_t count = 0;
		const struct mv_grid_cell *cells = mv_snapshot_cells_at(snap, span.start, &count);
		switch (look(s, span, (uint64_t)s->cell_pages * p->page_bytes, p->page_bytes, cells, count,
			     &at)) {
		case FOUND_PAGE:
			settle_on(p, snap, at.start);
			return;
		case FOUND_CELL:
			narrow_to(s, at);
			plan_or_end(p, snap);
			return;
		case FOUND_UNREAD:
			return;
		case FOUND_NOT:
			advance(s, s->back ? span.start : span.end);
		}
	}
	if (!is_empty(&s->narrow))
		s->narrow = s->back ? (struct mv_range){s->narrow.start, s->left.end}
				    : (struct mv_range){s->left.start, s->narrow.end};
	plan_or_end(p, snap);
}

void mv_pages_keep(struct mv_pages *p, const struct mv_snapshot *snap)
{
	struct mv_pages_kept *kept = &p->kept;
	size_t room = (size_t)p->geo.grid_rows * (size_t)p->geo.cells;
	struct mv_pages_row row;
	uint32_t used = 0;

	struct mv_grid_cell *cells = malloc(room * sizeof(*cells));
	if (!cells)
		return;
	kept->rows = 0;
	for (int i = 0; i < p->geo.grid_rows && mv_pages_row(p, snap, p->top + (uint64_t)i, &row); i++) {
		uint32_t count = 0;
		const struct mv_grid_cell *from = mv_pages_cells(p, snap, row.range.start, &count);
		if (!from || used + count > room)
			continue;
		memcpy(cells + used, from, count * sizeof(*cells));
		kept->at[kept->rows].addr = row.range.start;
		kept->at[kept->rows].first = used;
		kept->at[kept->rows++].count = count;
		used += count;
	}
	free(kept->cells);
	kept->cells = cells;
	kept->cell_pages = p->cell_pages;
}

/* The state to differ from: the cursor's page, else what its cell shows. */
static unsigned state_here(const struct mv_pages *p, const struct mv_snapshot *snap, struct mv_pages_row row,
			   uint32_t column)
{
	const struct mv_page_detail *page = mv_words_detail(snap, p->cursor);
	uint32_t count = 0;
	const struct mv_grid_cell *cells = mv_pages_cells(p, snap, row.range.start, &count);
	bool read = cells && column < count && (cells[column].flags & MV_GRID_READ);

	if (read && cells[column].pages == 1)
		return mv_tally_summary(&cells[column].tally, 1).state;
	if (page && mv_have(&page->have))
		return page->state;
	return read ? mv_tally_summary(&cells[column].tally, cells[column].pages).state : MV_PAGE_NONE;
}

void mv_pages_search_start(struct mv_pages *p, const struct mv_snapshot *snap, bool back)
{
	struct mv_pages_search *s = &p->search;
	struct mv_pages_row row;
	struct mv_range cell, at;
	uint32_t column;

	if (!mv_pages_cursor_cell(p, snap, &row, &column, &cell))
		return;
	mv_pages_keep(p, snap);
	memset(s, 0, sizeof(*s));
	s->on = true;
	s->back = back;
	s->state = (uint8_t)folded(state_here(p, snap, row, column));
	s->left = p->whole ? (struct mv_range){0, UINT64_MAX} : p->range;
	advance(s, back ? cell.start : cell.end);

	/* What the screen shows, row by row from the cursor's. */
	uint64_t number = mv_pages_row_of(p, snap, p->cursor), here = number,
		 edge = back ? p->top : p->top + (uint64_t)p->geo.grid_rows - 1;
	for (; mv_pages_row(p, snap, number, &row); back ? number-- : number++) {
		uint32_t count = 0;
		const struct mv_grid_cell *cells = mv_pages_cells(p, snap, row.range.start, &count);
		if (row.folded && (s->state == MV_PAGE_NONE || number == here)) {
			advance(s, back ? row.range.start : row.range.end);
			if (number == edge)
				break;
			continue;
		}
		if (row.folded) {
			settle_on(p, snap, back ? row.range.end - p->page_bytes : row.range.start);
			return;
		}
		enum found found =
		    look(s, row.range, mv_pages_cell_bytes(p), p->page_bytes, cells, count, &at);
		if (found == FOUND_PAGE) {
			settle_on(p, snap, at.start);
			return;
		}
		if (found == FOUND_CELL)
			narrow_to(s, at);
		if (found == FOUND_UNREAD)
			advance(s, back ? at.end : at.start);
		if (found != FOUND_NOT)
			break;
		advance(s, back ? row.range.start : row.range.end);
		if (number == edge)
			break;
	}
	plan_or_end(p, snap);
}
