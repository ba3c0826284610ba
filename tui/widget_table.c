/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/widget.h"

#define GAP_COLS 1 /* between two columns */

static int min_width_of(const struct mv_column *column)
{
	return column->min_width < column->width ? column->min_width : column->width;
}

/* Columns that the kept ones need at the least, gaps included. */
static int needed(const struct mv_column *columns, size_t count)
{
	int sum = 0;

	for (size_t i = 0; i < count; i++) {
		if (columns[i].w > 0)
			sum += columns[i].w + (sum > 0 ? GAP_COLS : 0);
	}
	return sum;
}

/* The one to leave out next: highest give_up, of equals the rightmost. NULL: all must stay. */
static struct mv_column *next_to_go(struct mv_column *columns, size_t count)
{
	struct mv_column *next = NULL;

	for (size_t i = 0; i < count; i++) {
		if (columns[i].w > 0 && columns[i].give_up > 0 &&
		    (!next || columns[i].give_up >= next->give_up))
			next = &columns[i];
	}
	return next;
}

static int widen(struct mv_column *column, int spare)
{
	int more = column->width - column->w;

	if (column->w == 0 || more <= 0)
		return spare;
	more = more > spare ? spare : more;
	column->w += more;
	return spare - more;
}

void mv_table_layout(struct mv_column *columns, size_t count, int cols, int stretch)
{
	struct mv_column *elastic = stretch >= 0 && (size_t)stretch < count ? &columns[stretch] : NULL, *gone;
	int spare, x = 0;

	for (size_t i = 0; i < count; i++)
		columns[i].w = columns[i].on ? min_width_of(&columns[i]) : 0;
	while (needed(columns, count) > cols && (gone = next_to_go(columns, count)))
		gone->w = 0;
	spare = cols - needed(columns, count);
	spare = spare < 0 ? 0 : spare;
	if (elastic)
		spare = widen(elastic, spare);
	for (size_t i = 0; i < count; i++)
		spare = widen(&columns[i], spare);
	if (elastic && elastic->w > 0)
		elastic->w += spare;
	for (size_t i = 0; i < count; i++) {
		columns[i].x = x;
		if (columns[i].w == 0)
			continue;
		/* What must stay and has no room is cut at the edge. */
		if (columns[i].w > cols - x)
			columns[i].w = cols > x ? cols - x : 0;
		x += columns[i].w + GAP_COLS;
	}
}

void mv_table_headings(struct mv_canvas *c, int y, const struct mv_column *columns, size_t count, int sorted,
		       bool reverse)
{
	for (size_t i = 0; i < count; i++) {
		const struct mv_column *column = &columns[i];
		bool by = sorted >= 0 && (size_t)sorted == i;
		enum mv_role role = by ? ROLE_SORTED : ROLE_HEADING;
		int used = (int)mv_clean_width(column->heading), arrow = by && used < column->w,
		    room = column->w - arrow, x;

		if (column->w <= 0)
			continue;
		used = used > room ? room : used;
		x = column->x + (column->right ? room - used : 0);
		used = mv_canvas_text(c, y, x, used, role, column->heading);
		if (arrow)
			mv_canvas_glyph(c, y, x + used, role, reverse ? U'▴' : U'▾');
	}
}

uint32_t mv_table_scroll(uint32_t top, uint32_t cursor, uint32_t count, int rows)
{
	uint32_t shown = rows > 0 ? (uint32_t)rows : 0;

	if (shown == 0 || count <= shown)
		return 0;
	if (cursor >= count)
		cursor = count - 1;
	if (top > cursor)
		top = cursor;
	if (cursor - top >= shown)
		top = cursor - shown + 1;
	/* No empty rows below the last one. */
	return top > count - shown ? count - shown : top;
}
