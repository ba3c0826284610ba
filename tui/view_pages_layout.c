/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_pages.h"

static int clamp_int(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

/* Lines are given out by worth: the grid, the path, the cursor's line, the tally, the legend, the header. */
void mv_pages_geometry(struct mv_rect area, int addr_cols, int cell_cols, bool whole,
		       struct mv_pages_geometry *ret_geo)
{
	struct mv_pages_geometry g = {
	    .area = area, .path_y = -1, .legend_y = -1, .tally_y = -1, .cursor_y = -1, .note_y = -1};
	int top = area.y, bottom = area.y + area.rows, rows = area.rows;

	g.header_rows = rows >= 13 ? mv_header_rows(rows) : 0;
	top += g.header_rows;
	if (rows >= 2)
		g.path_y = top++;
	if (rows >= 20)
		g.note_y = --bottom;
	if (rows >= 3)
		g.cursor_y = --bottom;
	if (rows >= 5)
		g.tally_y = --bottom;
	if (rows >= 6)
		g.legend_y = --bottom;
	if (rows >= 30)
		bottom--; /* a blank line between the grid and the words */
	g.grid_y = top;
	g.grid_rows = clamp_int(bottom - top, rows > 0 ? 1 : 0, MV_WANT_SPANS);

	if (area.cols >= 40) { /* the header's margins */
		area.x++;
		area.cols -= 2;
	}
	g.text_x = area.x;
	g.text_cols = area.cols;
	g.cell_cols = cell_cols > 0 ? cell_cols : 1;
	g.addr_cols = area.cols >= addr_cols + 12 ? addr_cols : 0;
	g.grid_x = area.x + (g.addr_cols ? g.addr_cols + 1 : 0);
	if (whole && area.cols >= 60)
		g.name_cols = clamp_int(area.cols / 4, 14, 36);
	int room = (area.x + area.cols - g.grid_x - (g.name_cols ? g.name_cols + 1 : 0)) / g.cell_cols;
	g.cells = room >= 64 ? room - room % 16 : room >= 8 ? room - room % 8 : room > 1 ? room : 1;
	g.name_x = g.grid_x + g.cells * g.cell_cols + 1;
	if (g.name_cols)
		g.name_cols = area.x + area.cols - g.name_x;
	*ret_geo = g;
}

uint64_t mv_pages_cell_bytes(const struct mv_pages *p)
{
	return (uint64_t)p->cell_pages * p->page_bytes;
}

static uint64_t row_bytes(const struct mv_pages *p)
{
	return mv_pages_cell_bytes(p) * (uint64_t)p->geo.cells;
}

static uint64_t div_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

uint64_t mv_pages_rows(const struct mv_pages *p)
{
	if (!p->known || !p->geo_known || p->first_row_short)
		return 0;
	if (p->whole)
		return p->first_row_count ? p->first_row[p->first_row_count] : 0;
	return div_up(p->range.end - p->range.start, row_bytes(p));
}

/* Read, and nothing was there. */
static bool is_untouched(const struct mv_snapshot *snap, uint32_t i)
{
	const struct mv_tally *t = mv_snapshot_tally(snap, i);

	for (unsigned s = 0; t && s < MV_PAGE__N; s++)
		if (t->state[s])
			return false;
	return t != NULL;
}

static void add_up(struct mv_pages_sum *sum, const struct mv_snapshot *snap, uint32_t i)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[i];
	const struct mv_tally *t = mv_snapshot_tally(snap, i);

	sum->mappings++;
	if (m->kind == MV_KIND_VSYSCALL)
		return;
	sum->pages += mv_mapping_pages(m, snap->page_bytes);
	sum->unread += t == NULL;
	for (unsigned s = 0; t && s < MV_PAGE__N; s++)
		sum->state[s] += t->state[s];
	sum->huge += t ? t->huge : 0;
}

/* Count rows of every mapping, once a snapshot, and when the zoom or the width has changed. O(mappings) then,
 * else O(1). */
static void count_rows(struct mv_pages *p, const struct mv_snapshot *snap)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);
	uint32_t count = mv_snapshot_count(snap);
	uint64_t key[4] = {snap->seq, snap->maps_gen, snap->epoch, row_bytes(p)};

	if (count == p->first_row_count && p->first_row && !memcmp(key, p->first_row_key, sizeof(key)))
		return;
	if (count >= p->first_row_cap) {
		uint32_t cap = count + count / 2 + 64;
		uint64_t *bigger = realloc(p->first_row, cap * sizeof(*bigger));
		if (!bigger) {
			p->first_row_short = true;
			return;
		}
		p->first_row = bigger;
		p->first_row_cap = cap;
	}
	p->first_row_short = false;
	p->first_row[0] = 0;
	p->sum = (struct mv_pages_sum){0};
	for (uint32_t i = 0; i < count; i++) {
		uint64_t rows = div_up(maps[i].end - maps[i].start, row_bytes(p));
		p->first_row[i + 1] = p->first_row[i] + (rows > 1 && is_untouched(snap, i) ? 1 : rows);
		add_up(&p->sum, snap, i);
	}
	p->first_row_count = count;
	memcpy(p->first_row_key, key, sizeof(key));
}

/* Index of the mapping that has row `number`: the last whose first row is not above it. */
static uint32_t mapping_of_row(const struct mv_pages *p, uint64_t number)
{
	uint32_t low = 0, high = p->first_row_count;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;
		if (p->first_row[mid] <= number)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static bool is_folded(const struct mv_pages *p, uint32_t i, struct mv_range range)
{
	return p->whole && p->first_row[i + 1] - p->first_row[i] == 1 &&
	       range.end - range.start > row_bytes(p);
}

bool mv_pages_row(const struct mv_pages *p, const struct mv_snapshot *snap, uint64_t number,
		  struct mv_pages_row *ret_row)
{
	struct mv_range range = p->range;
	uint32_t index = p->index;

	if (number >= mv_pages_rows(p))
		return false;
	if (p->whole) {
		index = mapping_of_row(p, number);
		const struct mv_mapping *m = &mv_snapshot_mappings(snap)[index];
		range = (struct mv_range){m->start, m->end};
		number -= p->first_row[index];
	}
	ret_row->mapping = index;
	ret_row->first = number == 0;
	ret_row->folded = is_folded(p, index, range);
	if (ret_row->folded) {
		ret_row->range = range;
		return true;
	}
	ret_row->range.start = range.start + number * row_bytes(p);
	ret_row->range.end =
	    range.end - ret_row->range.start > row_bytes(p) ? ret_row->range.start + row_bytes(p) : range.end;
	return true;
}

uint64_t mv_pages_row_of(const struct mv_pages *p, const struct mv_snapshot *snap, uint64_t addr)
{
	uint64_t total = mv_pages_rows(p);
	struct mv_range range = p->range;
	uint64_t first = 0;

	if (!total)
		return 0;
	if (p->whole) {
		const struct mv_mapping *maps = mv_snapshot_mappings(snap);
		uint32_t i = mv_maps_find(maps, p->first_row_count, addr);
		if (i >= p->first_row_count)
			return total - 1;
		range = (struct mv_range){maps[i].start, maps[i].end};
		first = p->first_row[i];
		if (is_folded(p, i, range))
			return first;
	}
	if (addr >= range.end)
		addr = range.end - 1;
	return addr <= range.start ? first : first + (addr - range.start) / row_bytes(p);
}

uint32_t mv_pages_row_cells(const struct mv_pages *p, const struct mv_pages_row *row)
{
	return row->folded ? 1 : (uint32_t)div_up(row->range.end - row->range.start, mv_pages_cell_bytes(p));
}

bool mv_pages_cursor_cell(const struct mv_pages *p, const struct mv_snapshot *snap,
			  struct mv_pages_row *ret_row, uint32_t *ret_column, struct mv_range *ret_cell)
{
	uint64_t bytes = mv_pages_cell_bytes(p);

	if (!mv_pages_row(p, snap, mv_pages_row_of(p, snap, p->cursor), ret_row))
		return false;
	if (ret_row->folded) {
		*ret_column = 0;
		*ret_cell = ret_row->range;
		return true;
	}
	*ret_column =
	    p->cursor < ret_row->range.start ? 0 : (uint32_t)((p->cursor - ret_row->range.start) / bytes);
	ret_cell->start = ret_row->range.start + *ret_column * bytes;
	ret_cell->end =
	    ret_row->range.end - ret_cell->start > bytes ? ret_cell->start + bytes : ret_row->range.end;
	return true;
}

void mv_pages_move_cells(struct mv_pages *p, const struct mv_snapshot *snap, int by)
{
	struct mv_pages_row row;
	struct mv_range cell;
	uint32_t column;

	if (!mv_pages_cursor_cell(p, snap, &row, &column, &cell))
		return;
	uint64_t number = mv_pages_row_of(p, snap, p->cursor);
	if (by > 0 && ++column >= mv_pages_row_cells(p, &row)) {
		if (!mv_pages_row(p, snap, number + 1, &row))
			return;
		column = 0;
	} else if (by < 0 && column-- == 0) {
		if (number == 0 || !mv_pages_row(p, snap, number - 1, &row))
			return;
		column = mv_pages_row_cells(p, &row) - 1;
	}
	p->cursor = row.range.start + column * mv_pages_cell_bytes(p);
}

void mv_pages_move_rows(struct mv_pages *p, const struct mv_snapshot *snap, int64_t by)
{
	struct mv_pages_row row;
	struct mv_range cell;
	uint32_t column;
	uint64_t total = mv_pages_rows(p);

	if (!mv_pages_cursor_cell(p, snap, &row, &column, &cell))
		return;
	uint64_t number = mv_pages_row_of(p, snap, p->cursor), to;
	if (by < 0)
		to = number < (uint64_t)-by ? 0 : number - (uint64_t)-by;
	else
		to = total - 1 - number < (uint64_t)by ? total - 1 : number + (uint64_t)by;
	if (to == number || !mv_pages_row(p, snap, to, &row))
		return;
	uint32_t cells = mv_pages_row_cells(p, &row);
	p->cursor = row.range.start + (column < cells ? column : cells - 1) * mv_pages_cell_bytes(p);
}

void mv_pages_move_end(struct mv_pages *p, const struct mv_snapshot *snap, bool last)
{
	uint64_t total = mv_pages_rows(p);
	struct mv_pages_row row;

	if (!total || !mv_pages_row(p, snap, last ? total - 1 : 0, &row))
		return;
	p->cursor = row.range.start;
	if (last)
		p->cursor += (mv_pages_row_cells(p, &row) - 1) * mv_pages_cell_bytes(p);
}

static uint64_t top_max(const struct mv_pages *p)
{
	uint64_t total = mv_pages_rows(p), rows = (uint64_t)p->geo.grid_rows;

	return total > rows ? total - rows : 0;
}

void mv_pages_zoom(struct mv_pages *p, const struct mv_snapshot *snap, bool in)
{
	uint64_t number = mv_pages_row_of(p, snap, p->cursor);

	p->zoom_chosen = true;
	p->anchor = number >= p->top ? (int)(number - p->top) : 0;
	/* What is one cell already gets no smaller. */
	bool whole_in_one = !p->whole && (p->range.end - p->range.start) / p->page_bytes <= p->cell_pages;
	if (in && p->cell_pages > 1)
		p->cell_pages /= 2;
	else if (!in && p->cell_pages < MV_PAGES_CELL_MAX && !whole_in_one)
		p->cell_pages *= 2;
}

void mv_pages_turn(struct mv_pages *p, const struct mv_snapshot *snap)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);
	uint32_t count = mv_snapshot_count(snap), i = mv_maps_find(maps, count, p->cursor);

	if (i >= count)
		return;
	if (p->whole)
		p->range = (struct mv_range){maps[i].start, maps[i].end};
	p->whole = !p->whole;
	p->gone = false;
	p->zoom_chosen = false;
	memset(p->fit_for, 0, sizeof(p->fit_for));
	p->anchor = p->geo.grid_rows / 3;
}

bool mv_pages_go(struct mv_pages *p, const struct mv_snapshot *snap, uint64_t addr)
{
	uint32_t count = mv_snapshot_count(snap), i = mv_snapshot_find(snap, addr);

	if (i >= count || !p->page_bytes)
		return false;
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[i];
	if (!p->whole && (addr < p->range.start || addr >= p->range.end || p->gone)) {
		p->range = (struct mv_range){m->start, m->end};
		p->gone = false;
		p->zoom_chosen = false;
	}
	p->cursor = addr - addr % p->page_bytes;
	return true;
}

/* Find our mapping again: by its start, by its end if it grows down, else by what took it in. */
static void follow(struct mv_pages *p, const struct mv_snapshot *snap)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);
	uint32_t count = mv_snapshot_count(snap), i = mv_maps_find(maps, count, p->range.start);
	bool same = !p->known || p->epoch == snap->epoch;

	if (i < count && maps[i].start > p->range.start && maps[i].end != p->range.end)
		i = count; /* only the next one above */
	if (i < count && same) {
		p->index = i;
		p->range = (struct mv_range){maps[i].start, maps[i].end};
		p->epoch = snap->epoch;
		p->known = true;
		p->gone = false;
		mv_build_init(&p->gone_name);
		mv_words_mapping(&p->gone_name, snap, i, true, false);
		return;
	}
	p->index = UINT32_MAX;
	if (snap->maps_ns)
		p->gone = true;
}

/* The smallest zoom that shows `pages` in so many rows. */
static uint32_t fit(const struct mv_pages *p, uint64_t pages, uint64_t rows)
{
	uint32_t zoom = 1;

	while (zoom < MV_PAGES_CELL_MAX && div_up(pages, (uint64_t)p->geo.cells * zoom) > (rows ? rows : 1))
		zoom *= 2;
	return zoom;
}

/* In the whole process: what has pages gets three screens, or a quarter more rows than it has mappings. */
static uint32_t fit_process(const struct mv_pages *p, const struct mv_snapshot *snap)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);
	uint32_t count = mv_snapshot_count(snap), zoom = 1;
	uint64_t most = count + count / 4;

	if (most < 3 * (uint64_t)p->geo.grid_rows)
		most = 3 * (uint64_t)p->geo.grid_rows;
	for (; zoom < MV_PAGES_CELL_MAX; zoom *= 2) {
		uint64_t row_pages = (uint64_t)p->geo.cells * zoom, rows = 0;
		for (uint32_t i = 0; i < count && rows <= most; i++) {
			/* What is not read yet may be all empty: it is not to make the rest small. */
			bool has_pages = mv_snapshot_tally(snap, i) && !is_untouched(snap, i);
			rows += has_pages ? div_up(mv_mapping_pages(&maps[i], p->page_bytes), row_pages) : 1;
		}
		if (rows <= most)
			break;
	}
	return zoom;
}

static void choose_zoom(struct mv_pages *p, const struct mv_snapshot *snap)
{
	if (p->zoom_chosen)
		return;
	if (!p->whole) {
		p->cell_pages =
		    fit(p, (p->range.end - p->range.start) / p->page_bytes, (uint64_t)p->geo.grid_rows);
		return;
	}
	uint64_t now[3] = {snap->seq, (uint64_t)p->geo.grid_rows, (uint64_t)p->geo.cells};
	if (!memcmp(now, p->fit_for, sizeof(now)))
		return;
	memcpy(p->fit_for, now, sizeof(now));
	p->cell_pages = fit_process(p, snap);
	p->zoom_chosen = snap->pages_ns != 0; /* every mapping's pages are known: it stays */
}

static void keep_cursor_inside(struct mv_pages *p, const struct mv_snapshot *snap)
{
	struct mv_range range = p->range;

	if (p->whole) {
		const struct mv_mapping *maps = mv_snapshot_mappings(snap);
		uint32_t count = mv_snapshot_count(snap), i = mv_maps_find(maps, count, p->cursor);
		if (!count)
			return;
		i = i < count ? i : count - 1;
		range = (struct mv_range){maps[i].start, maps[i].end};
	}
	if (p->cursor < range.start)
		p->cursor = range.start;
	if (p->cursor >= range.end)
		p->cursor = range.end - p->page_bytes;
}

static void settle_scroll(struct mv_pages *p, const struct mv_snapshot *snap)
{
	uint64_t number = mv_pages_row_of(p, snap, p->cursor), rows = (uint64_t)p->geo.grid_rows;
	struct mv_pages_row row;

	if (p->anchor >= 0)
		p->top = number > (uint64_t)p->anchor ? number - (uint64_t)p->anchor : 0;
	else
		p->top = mv_pages_row_of(p, snap, p->top_addr);
	p->anchor = -1;
	if (number < p->top)
		p->top = number;
	if (rows && number - p->top >= rows)
		p->top = number - rows + 1;
	if (p->top > top_max(p))
		p->top = top_max(p);
	if (mv_pages_row(p, snap, p->top, &row))
		p->top_addr = row.range.start;
}

void mv_pages_settle(struct mv_pages *p, const struct mv_snapshot *snap, struct mv_rect area, int cell_cols)
{
	mv_pages_geometry(area, snap ? mv_words_addr_cols(snap) : 12, cell_cols, p->whole, &p->geo);
	p->geo_known = true;
	if (!snap || !mv_snapshot_count(snap)) {
		p->index = UINT32_MAX;
		/* Rows are counted by a list that is not there. */
		p->first_row_count = 0;
		if (snap && snap->maps_ns && !p->whole && snap->life == MV_LIFE_ALIVE)
			p->gone = true;
		return;
	}
	p->page_bytes = snap->page_bytes;
	if (p->whole) {
		p->known = true;
		p->epoch = snap->epoch;
	} else {
		follow(p, snap);
	}
	if (!p->known)
		return;
	choose_zoom(p, snap);
	if (p->whole)
		count_rows(p, snap);
	keep_cursor_inside(p, snap);
	settle_scroll(p, snap);
}

const struct mv_grid_cell *mv_pages_cells(const struct mv_pages *p, const struct mv_snapshot *snap,
					  uint64_t addr, uint32_t *ret_count)
{
	const struct mv_grid_cell *cells =
	    snap->cell_pages == p->cell_pages ? mv_snapshot_cells_at(snap, addr, ret_count) : NULL;

	if (cells || p->kept.cell_pages != p->cell_pages)
		return cells;
	for (uint32_t i = 0; i < p->kept.rows; i++) {
		if (p->kept.at[i].addr == addr) {
			*ret_count = p->kept.at[i].count;
			return p->kept.cells + p->kept.at[i].first;
		}
	}
	return NULL;
}
