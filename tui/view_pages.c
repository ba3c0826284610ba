/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_pages.h"

static int pages_init(void *state, const struct mv_place *place)
{
	struct mv_pages *p = state;

	p->whole = place->mapping == 0;
	p->range = (struct mv_range){place->mapping, place->mapping + 1};
	p->index = UINT32_MAX;
	p->cursor = place->page ? place->page : place->mapping;
	p->cell_pages = 1;
	p->anchor = place->page ? 4 : -1;
	mv_build_init(&p->gone_name);
	mv_words_addr(&p->gone_name, place->mapping);
	return 0;
}

/* Shown again, at another place perhaps: what is looked at already keeps its zoom. */
static void pages_go(void *state, const struct mv_place *place)
{
	struct mv_pages *p = state;
	enum mv_grid_colour colour = p->colour;

	mv_pages_search_stop(p);
	if (p->known && !p->gone && p->whole == (place->mapping == 0) &&
	    (p->whole || p->range.start == place->mapping)) {
		if (place->page)
			p->cursor = place->page;
		return;
	}
	free(p->first_row);
	memset(p, 0, sizeof(*p));
	pages_init(p, place);
	p->colour = colour;
}

static void pages_release(void *state)
{
	struct mv_pages *p = state;

	free(p->first_row);
	free(p->kept.cells);
}

static void pages_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct mv_pages *p = state;

	mv_pages_settle(p, ctx->snap, area, ctx->page_cols);
	if (p->marking) {
		struct mv_want probe = {0};

		p->marking = mv_pages_mark_want(p, ctx, &probe);
	}
	if (!p->search.on)
		return;
	mv_pages_search_step(p, ctx->snap);
	if (!p->search.on)
		mv_pages_settle(p, ctx->snap, area, ctx->page_cols);
}

static void pages_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	const struct mv_pages *p = state;
	struct mv_pages_row row;

	want->facts |= MV_FACT_MAPS | MV_FACT_PAGES;
	want->cell_pages = p->cell_pages;
	if (!ctx->snap || !p->known || p->gone)
		return;
	want->facts |= MV_FACT_GRID | MV_FACT_PAGE;
	want->page = p->cursor;
	if (p->marking && mv_pages_mark_want(p, ctx, want))
		return;
	if (p->search.on) {
		want->cell_pages = p->search.cell_pages;
		want->spans_count = p->search.count;
		memcpy(want->spans, p->search.spans, p->search.count * sizeof(want->spans[0]));
		return;
	}
	if (p->cell_pages == 1)
		want->facts |= MV_FACT_SHARING;
	want->spans_count = 0;
	for (int i = 0; i < p->geo.grid_rows && mv_pages_row(p, ctx->snap, p->top + (uint64_t)i, &row); i++) {
		if (i == 0)
			want->visible.start = row.range.start;
		want->visible.end = row.range.end;
		if (!row.folded)
			want->spans[want->spans_count++] = row.range;
	}
}

static void pages_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
		       struct mv_rect area)
{
	const struct mv_pages *p = state;

	if (p->geo_known && area.rows > 0 && area.cols > 0)
		mv_pages_draw(p, ctx, canvas);
}

/* The page to look into is the cursor's: in a cell of many, its first, or the one that a search or a zoom
 * came to. */
static struct mv_place place_here(const struct mv_pages *p, const struct mv_snapshot *snap)
{
	struct mv_place place = {.mapping = p->whole ? 0 : p->range.start, .page = p->cursor};
	uint32_t i = mv_snapshot_find(snap, p->cursor);

	if (i < mv_snapshot_count(snap))
		place.mapping = mv_snapshot_mappings(snap)[i].start;
	return place;
}

static struct mv_outcome enter(struct mv_pages *p, const struct mv_snapshot *snap)
{
	if (p->gone)
		return mv_outcome_hint(MV_TEXT("this mapping has gone"));
	if (!mv_pages_rows(p))
		return mv_outcome_hint(MV_TEXT("there is no page to look into"));
	return (struct mv_outcome){.kind = MV_OUT_PUSH, .view = MV_VIEW_PAGE, .place = place_here(p, snap)};
}

static struct mv_outcome next_change(struct mv_pages *p, const struct mv_snapshot *snap, bool back)
{
	if (p->gone || !mv_pages_rows(p))
		return mv_outcome_hint(MV_TEXT("nothing to search"));
	mv_pages_search_start(p, snap, back);
	if (p->note == MV_PAGES_NOTE_END) {
		p->note = MV_PAGES_NOTE_NONE;
		return mv_outcome_hint(MV_TEXT("no further change"));
	}
	return mv_outcome_stay();
}

static struct mv_outcome next_colour(struct mv_pages *p)
{
	p->colour = (enum mv_grid_colour)((p->colour + 1) % MV_GRID_COLOUR__N);
	switch (p->colour) {
	case MV_GRID_AGE:
		return mv_outcome_hint(MV_TEXT("colour: how long ago a page appeared"));
	case MV_GRID_SHARE:
		return mv_outcome_hint(MV_TEXT("colour: whether other processes map it too"));
	case MV_GRID_GROWTH:
		return mv_outcome_hint(MV_TEXT("colour: how much of a cell appeared within 3 s"));
	default:
		return mv_outcome_hint(MV_TEXT("colour: state"));
	}
}

static struct mv_outcome mouse(struct mv_pages *p, const struct mv_snapshot *snap, struct mv_input input)
{
	const struct mv_pages_geometry *g = &p->geo;
	struct mv_pages_row row;

	if (input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	if (input.y < g->grid_y || input.y >= g->grid_y + g->grid_rows || input.x < g->grid_x ||
	    !mv_pages_row(p, snap, p->top + (uint64_t)(input.y - g->grid_y), &row))
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	uint32_t column = (uint32_t)((input.x - g->grid_x) / g->cell_cols);
	if (row.folded)
		column = 0;
	if (column >= mv_pages_row_cells(p, &row))
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	p->cursor = row.range.start + column * mv_pages_cell_bytes(p);
	return input.key == MV_KEY_DOUBLE_CLICK ? enter(p, snap) : mv_outcome_stay();
}

/* From the mapping after (before) the cursor's, round the list, the one whose name has `text` in it. */
static struct mv_outcome find_name(struct mv_pages *p, const struct mv_snapshot *snap, bool back)
{
	uint32_t count = mv_snapshot_count(snap), i = mv_snapshot_find(snap, p->cursor);

	if (!p->find[0])
		return mv_outcome_hint(
		    MV_TEXT("nothing searched for yet: / finds an address or a mapping's name"));
	if (i >= count)
		i = 0;
	for (uint32_t k = 0; k < count; k++) {
		i = back ? (i + count - 1) % count : (i + 1) % count;
		if (strcasestr(mv_snapshot_name(snap, i).text, p->find)) {
			mv_pages_go(p, snap, mv_snapshot_mappings(snap)[i].start);
			return mv_outcome_stay();
		}
	}
	return mv_outcome_hint(MV_TEXT("no mapping has that name"));
}

/* "0x7f3a12000000"; also without 0x when it is nothing but hexadecimal digits. */
static bool parse_address(const char *text, uint64_t *ret_addr)
{
	char *end;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	size_t digits = strspn(text, "0123456789abcdefABCDEF");
	if (digits == 0 || digits > 16 || text[digits])
		return false;
	*ret_addr = strtoull(text, &end, 16);
	return true;
}

static struct mv_outcome find(struct mv_pages *p, const struct mv_snapshot *snap, bool back)
{
	uint64_t addr;

	if (!parse_address(p->find, &addr))
		return find_name(p, snap, back);
	if (!mv_pages_go(p, snap, addr))
		return mv_outcome_hint(MV_TEXT("nothing is mapped at that address"));
	return mv_outcome_stay();
}

static struct mv_outcome pages_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct mv_pages *p = state;

	if (!text[0] || !ctx->snap)
		return mv_outcome_stay();
	strncpy(p->find, text, sizeof(p->find) - 1);
	p->find[sizeof(p->find) - 1] = '\0';
	return find(p, ctx->snap, false);
}

/* Cursor moves and the rest of what needs rows; false: not one of these. */
static bool move(struct mv_pages *p, const struct mv_snapshot *snap, enum mv_action action)
{
	int screen = p->geo.grid_rows > 1 ? p->geo.grid_rows - 1 : 1;

	switch (action) {
	case MV_ACT_UP:
		mv_pages_move_rows(p, snap, -1);
		return true;
	case MV_ACT_DOWN:
		mv_pages_move_rows(p, snap, 1);
		return true;
	case MV_ACT_LEFT:
		mv_pages_move_cells(p, snap, -1);
		return true;
	case MV_ACT_RIGHT:
		mv_pages_move_cells(p, snap, 1);
		return true;
	case MV_ACT_PAGE_UP:
	case MV_ACT_PAGE_DOWN:
		/* The screen moves with the cursor, which keeps its place on it. */
		p->anchor = (int)(mv_pages_row_of(p, snap, p->cursor) - p->top);
		mv_pages_move_rows(p, snap, action == MV_ACT_PAGE_UP ? -screen : screen);
		return true;
	case MV_ACT_FIRST:
	case MV_ACT_LAST:
		mv_pages_move_end(p, snap, action == MV_ACT_LAST);
		return true;
	case MV_ACT_ZOOM_IN:
	case MV_ACT_ZOOM_OUT:
		mv_pages_zoom(p, snap, action == MV_ACT_ZOOM_IN);
		return true;
	case MV_ACT_SIDE_PAGES:
		mv_pages_turn(p, snap);
		return true;
	default:
		return false;
	}
}

static struct mv_outcome pages_act(void *state, const struct mv_context *ctx, enum mv_action action,
				   struct mv_input input)
{
	struct mv_pages *p = state;
	bool searching = p->search.on;

	if (!ctx->snap || !p->geo_known)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	p->note = MV_PAGES_NOTE_NONE;
	mv_pages_search_stop(p);
	if (searching && action == MV_ACT_BACK)
		return mv_outcome_hint(MV_TEXT("search stopped"));
	if (move(p, ctx->snap, action))
		return mv_outcome_stay();
	switch (action) {
	case MV_ACT_ENTER:
		return enter(p, ctx->snap);
	case MV_ACT_NEXT_STATE:
	case MV_ACT_PREV_STATE:
		return next_change(p, ctx->snap, action == MV_ACT_PREV_STATE);
	case MV_ACT_MARK:
		/* The mark itself is made for all views; here its pages are looked at as well. */
		mv_pages_keep(p, ctx->snap);
		p->marking = true;
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	case MV_ACT_COLOUR:
		return next_colour(p);
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK,
					   .text = MV_TEXT("find a name, or an address as 0x...: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find(p, ctx->snap, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return mouse(p, ctx->snap, input);
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
}

static const struct {
	struct mv_clean title, formula;
} tally_meaning[] = {
    {{"pages"}, {"(end - start) of the mapping / bytes of a base page"}},
    {{"present"},
     {"pages with PRESENT set. Not the same as resident: the zero page is present and not in RSS"}},
    {{"anon"}, {"present - file - zero: belongs to no file, private copies of file pages included"}},
    {{"file"}, {"present pages with FILE set: page cache and shared memory"}},
    {{"zero"}, {"present pages with PFNZERO set: the shared page of zeroes, read before written"}},
    {{"swapped"}, {"pages with SWAPPED set that are no guards"}},
    {{"never touched"}, {"pages - present - swapped - guard: no page table entry"}},
};

static bool pages_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			  struct mv_meaning *ret_meaning)
{
	const struct mv_pages *p = state;
	const struct mv_page_detail *page = mv_words_detail(ctx->snap, p->cursor);

	if (n == 0) {
		mv_words_meaning(
		    ret_meaning, MV_TEXT("page under the cursor"),
		    MV_TEXT("the first rule that fits: guard, swapped, zero page, private copy, anon, shared "
			    "memory, file, not touched"),
		    MV_TEXT("/proc/PID/pagemap: PAGEMAP_SCAN's categories and the page's word"),
		    MV_TEXT("one base page"), MV_TEXT(""));
		if (page && mv_have(&page->have)) {
			mv_build_clean(&ret_meaning->note, mv_words_state(page->state));
			mv_build_clean(&ret_meaning->note, MV_TEXT(": "));
			mv_build_clean(&ret_meaning->note, mv_words_page_meaning(ctx->snap, page));
		}
		return true;
	}
	if (n == 1) {
		mv_words_meaning(ret_meaning, MV_TEXT("one cell of the grid"),
				 MV_TEXT("height = touched pages / pages of the cell in eighths, rounded up; "
					 "colour = the state "
					 "that most touched pages have"),
				 MV_TEXT("/proc/PID/pagemap by PAGEMAP_SCAN"), MV_TEXT("base pages"),
				 MV_TEXT("Swap and guard are never averaged away: s, × and & mark a cell "
					 "that holds any. Bright (■ where there are no colours): "
					 "appeared within 3 s."));
		return true;
	}
	if (n - 2 < MV_COUNT_OF(tally_meaning)) {
		mv_words_meaning(ret_meaning, tally_meaning[n - 2].title, tally_meaning[n - 2].formula,
				 n == 2 ? MV_TEXT("/proc/PID/maps")
					: MV_TEXT("/proc/PID/pagemap by PAGEMAP_SCAN"),
				 MV_TEXT("base pages"),
				 p->whole ? MV_TEXT("of all mappings together; the kernel's [vsyscall] "
						    "is not counted")
					  : MV_TEXT("of this mapping"));
		return true;
	}
	return mv_header_meaning(ctx, n - 2 - (unsigned)MV_COUNT_OF(tally_meaning), ret_meaning);
}

static struct mv_place pages_place(const void *state, const struct mv_context *ctx)
{
	const struct mv_pages *p = state;

	if (!ctx->snap)
		return (struct mv_place){.mapping = p->whole ? 0 : p->range.start, .page = p->cursor};
	return place_here(p, ctx->snap);
}

const struct mv_view_ops mv_view_pages = {
    .id = MV_VIEW_PAGES,
    .letter = 'p',
    .name = {"Pages"},
    .state_bytes = sizeof(struct mv_pages),
    .init = pages_init,
    .go = pages_go,
    .release = pages_release,
    .settle = pages_settle,
    .want = pages_want,
    .draw = pages_draw,
    .act = pages_act,
    .answer = pages_answer,
    .meaning = pages_meaning,
    .place = pages_place,
};
