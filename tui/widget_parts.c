/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/text.h"
#include "tui/widget.h"

/* A whole in its parts, each with a glyph of its own: one bar, and a legend that names them with their sizes.
 */

static int largest(const int *cells, size_t count)
{
	size_t at = 0;

	for (size_t i = 1; i < count; i++)
		if (cells[i] > cells[at])
			at = i;
	return (int)at;
}

/* By largest remainders; what is there at all gets a cell while there is one for each. */
void mv_parts_layout(const struct mv_share *parts, size_t count, int cols, int *ret_cells)
{
	uint64_t whole = 0, rest[MV_PARTS_MAX] = {0};
	int used = 0;

	count = count > MV_PARTS_MAX ? MV_PARTS_MAX : count;
	cols = cols < 0 ? 0 : cols;
	for (size_t i = 0; i < count; i++) {
		whole += parts[i].bytes;
		ret_cells[i] = 0;
	}
	if (!whole)
		return;
	for (size_t i = 0; i < count; i++) {
		unsigned __int128 share = (unsigned __int128)parts[i].bytes * (unsigned)cols;

		ret_cells[i] = (int)(share / whole);
		rest[i] = (uint64_t)(share % whole);
		if (parts[i].bytes && !ret_cells[i]) {
			ret_cells[i] = 1;
			rest[i] = 0;
		}
		used += ret_cells[i];
	}
	for (; used > cols; used--)
		ret_cells[largest(ret_cells, count)]--;
	for (; used < cols; used++) {
		size_t next = 0;

		for (size_t i = 1; i < count; i++)
			if (rest[i] > rest[next])
				next = i;
		ret_cells[next]++;
		rest[next] = 0;
	}
}

void mv_parts_draw(struct mv_canvas *c, struct mv_rect area, const struct mv_share *parts, size_t count)
{
	int cells[MV_PARTS_MAX], x = area.x;

	mv_parts_layout(parts, count, area.cols, cells);
	for (size_t i = 0; i < count && i < MV_PARTS_MAX; i++)
		for (int n = 0; n < cells[i]; n++, x++)
			for (int y = 0; y < area.rows; y++)
				mv_canvas_glyph2(c, area.y + y, x, parts[i].role, parts[i].glyph,
						 parts[i].ascii);
}

/* "5.4G"; exact: "5,834,120,192". */
static void build_entry(struct mv_build *b, const struct mv_share *part, bool exact)
{
	mv_build_init(b);
	mv_build_clean(b, part->words);
	mv_build_clean(b, MV_TEXT(" "));
	if (exact)
		mv_build_count(b, part->bytes);
	else
		mv_build_size(b, part->bytes);
}

/* What it takes in one line, with so many columns between two entries. */
static int line_cols(const struct mv_share *parts, size_t count, bool exact, int apart)
{
	struct mv_build b;
	int cols = 0;

	for (size_t i = 0; i < count; i++) {
		build_entry(&b, &parts[i], exact);
		cols += (i ? apart : 0) + 2 + (int)mv_clean_width(mv_build_text(&b));
	}
	return cols;
}

int mv_parts_legend(struct mv_canvas *c, struct mv_rect area, const struct mv_share *parts, size_t count,
		    bool exact)
{
	int x = area.x, y = area.y, end = area.x + area.cols;
	/* Closer together rather than one line more. */
	int apart =
	    line_cols(parts, count, exact, 2) > area.cols && line_cols(parts, count, exact, 1) <= area.cols
		? 1
		: 2;
	struct mv_build b;

	for (size_t i = 0; i < count; i++) {
		build_entry(&b, &parts[i], exact);
		int w = 2 + (int)mv_clean_width(mv_build_text(&b));

		if (x > area.x && x + w > end) {
			x = area.x;
			y++;
		}
		if (y >= area.y + area.rows || w > area.cols)
			break;
		if (c) {
			enum mv_role role = parts[i].bytes ? ROLE_TEXT : ROLE_DIM;

			mv_canvas_glyph2(c, y, x, parts[i].role, parts[i].glyph, parts[i].ascii);
			int at =
			    x + 2 + mv_canvas_text(c, y, x + 2, end - x - 2, ROLE_LABEL, parts[i].words) + 1;
			build_entry(&b, &(struct mv_share){.bytes = parts[i].bytes, .words = MV_TEXT("")},
				    exact);
			mv_canvas_build(c, y, at - 1, end - at + 1, role, &b);
		}
		x += w + apart;
	}
	return x > area.x ? y - area.y + 1 : y - area.y;
}
