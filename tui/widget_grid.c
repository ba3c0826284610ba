/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/widget.h"

/* How full a cell of many pages is, in eighths. The empty cell has a glyph of its own in ASCII too, since '.'
 * is an eighth there. */
static const char32_t eighth_glyph[9] = {U'·', U'▁', U'▂', U'▃', U'▄', U'▅', U'▆', U'▇', U'█'};
static const char eighth_ascii[9] = {'_', '.', ':', '-', '=', '+', '*', '#', '@'};

/* How a cell looks before it is put on the canvas. */
struct look {
	char32_t glyph;
	char ascii;
	enum mv_role role;
	unsigned attrs;
};

static enum mv_role age_role(const struct mv_grid_cell *cell)
{
	if (cell->newest_ds == MV_AGE_UNKNOWN)
		return ROLE_PAGE_NONE;
	if (cell->newest_ds < 30)
		return ROLE_SCALE_4;
	if (cell->newest_ds < 100)
		return ROLE_SCALE_3;
	if (cell->newest_ds < 600)
		return ROLE_SCALE_2;
	return cell->newest_ds < 6000 ? ROLE_SCALE_1 : ROLE_SCALE_0;
}

static enum mv_role growth_role(const struct mv_grid_cell *cell)
{
	uint64_t pages = cell->pages ? cell->pages : 1;

	if (!cell->fresh)
		return ROLE_SCALE_0;
	return (enum mv_role)(ROLE_SCALE_1 + ((uint64_t)cell->fresh * 4 - 1) / pages);
}

/* Only anonymous pages of single-page cells tell whether others map them. */
static enum mv_role sharing_role(const struct mv_grid_cell *cell, enum mv_page_state state,
				 uint32_t cell_pages)
{
	if (cell_pages > 1 || !(cell->flags & MV_GRID_SHARING))
		return ROLE_DIM;
	if (state == MV_PAGE_ANON)
		return ROLE_SHARED_NO;
	return state == MV_PAGE_ANON_SHARED ? ROLE_SHARED_YES : ROLE_DIM;
}

static bool is_touched(const struct mv_cell_summary *sum)
{
	return sum->state != MV_PAGE_NONE || sum->has_swap || sum->has_guard;
}

/* Fresh pages are bright, then less so, then only bold, then as the rest. */
static void light_up(struct look *look, const struct mv_grid_cell *cell)
{
	if (!cell->fresh || cell->newest_ds >= 30)
		return;
	if (cell->newest_ds < 20)
		look->role = ROLE_PAGE_FRESH;
	if (cell->newest_ds < 10 || cell->newest_ds >= 20)
		look->attrs |= MV_ATTR_BOLD;
}

static struct look look_of(const struct mv_grid_cell *cell, uint32_t cell_pages, enum mv_grid_colour colour)
{
	struct mv_cell_summary sum = mv_tally_summary(&cell->tally, cell->pages);
	const struct mv_page_state_info *info = &mv_page_states[sum.state];
	struct look look = {info->glyph, info->ascii, mv_role_of_state(sum.state), 0};

	if (cell_pages > 1) {
		look.glyph = eighth_glyph[sum.eighths];
		look.ascii = eighth_ascii[sum.eighths];
		/* Swap and guard are never averaged away: their letter stands for the cell. */
		if (sum.has_swap) {
			look.glyph = sum.has_guard ? U'&' : U's';
			look.ascii = sum.has_guard ? '&' : 's';
			look.role = ROLE_PAGE_SWAPPED;
		} else if (sum.has_guard) {
			look.glyph = U'×';
			look.ascii = 'x';
			look.role = ROLE_PAGE_GUARD;
		}
	}
	if (sum.has_huge)
		look.attrs |= MV_ATTR_UNDERLINE;
	if (!is_touched(&sum))
		return look;
	switch (colour) {
	case MV_GRID_AGE:
		look.role = age_role(cell);
		break;
	case MV_GRID_SHARE:
		look.role = sharing_role(cell, sum.state, cell_pages);
		break;
	case MV_GRID_GROWTH:
		look.role = growth_role(cell);
		break;
	default:
		light_up(&look, cell);
	}
	return look;
}

/* Blocks fill a wide cell; letters and dots stand once in it. */
static bool fills(char32_t glyph)
{
	return glyph >= U'▀' && glyph <= U'▟';
}

void mv_grid_draw(struct mv_canvas *c, int y, int x, const struct mv_grid_cell *cells, int count,
		  int cell_cols, uint32_t cell_pages, enum mv_grid_colour colour)
{
	for (int i = 0; i < count; i++, x += cell_cols) {
		if (!(cells[i].flags & MV_GRID_READ)) {
			mv_canvas_fill(c, (struct mv_rect){y, x, 1, cell_cols}, ROLE_PAGE_UNREAD, U' ');
			continue;
		}
		struct look look = look_of(&cells[i], cell_pages, colour);
		/* Neither bold nor a line below shows on a full block. */
		if (c->mono && look.role == ROLE_PAGE_FRESH && look.glyph == U'█')
			look.glyph = U'■';
		for (int k = 0; k < cell_cols; k++) {
			bool again = k == 0 || fills(look.glyph);
			mv_canvas_glyph2(c, y, x + k, look.role, again ? look.glyph : U' ',
					 again ? look.ascii : ' ');
		}
		if (look.attrs)
			mv_canvas_attr(c, (struct mv_rect){y, x, 1, cell_cols}, look.attrs);
	}
}

void mv_grid_flash(struct mv_canvas *c, int y, int x, int cell_cols, enum mv_role role)
{
	for (int k = 0; k < cell_cols; k++)
		mv_canvas_glyph2(c, y, x + k, role, k ? U' ' : U'▼', k ? ' ' : 'v');
	mv_canvas_attr(c, (struct mv_rect){y, x, 1, cell_cols}, MV_ATTR_BOLD);
}

/* Reverse video would make one shade look like another. */
static bool hides_ground(const struct mv_canvas *c, char32_t glyph)
{
	bool shows_some = glyph == U'▓' || glyph == U'▒' || glyph == U'▚';

	return fills(glyph) && (c->mono || !shows_some);
}

/* A block would hide the cursor's ground: it gives way to a glyph that lets the ground be seen all round. */
void mv_grid_mark(struct mv_canvas *c, int y, int x, int cell_cols)
{
	static const char32_t wide[2] = {U'[', U']'};

	for (int k = 0; k < cell_cols; k++) {
		const struct mv_cell *cell = mv_canvas_at(c, y, x + k);
		if (!cell || !hides_ground(c, cell->ch[0]))
			continue;
		unsigned attrs = cell->attrs;
		enum mv_role role = (enum mv_role)cell->role;
		mv_canvas_glyph(c, y, x + k, role,
				cell_cols == 1	     ? U'■'
				: k == 0	     ? wide[0]
				: k == cell_cols - 1 ? wide[1]
						     : U' ');
		mv_canvas_attr(c, (struct mv_rect){y, x + k, 1, 1}, attrs);
	}
	mv_canvas_attr(c, (struct mv_rect){y, x, 1, cell_cols}, MV_ATTR_CURSOR);
}
