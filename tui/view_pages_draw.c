/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/text.h"
#include "tui/view_pages.h"

/* What the screen's cells have in common, for legend and progress. */
struct seen {
	uint32_t states; /* bit per enum mv_page_state */
	bool fresh, huge;
	uint64_t cells,
	    unread; /* of those that a snapshot has brought: what was asked for just now is no news */
};

/* Draws from left to right, and stops at the right edge. */
struct pen {
	struct mv_canvas *c;
	int y, x, end;
};

static void pen_text(struct pen *pen, enum mv_role role, struct mv_clean text)
{
	if (pen->x < pen->end)
		pen->x += mv_canvas_text(pen->c, pen->y, pen->x, pen->end - pen->x, role, text);
}

static void pen_build(struct pen *pen, enum mv_role role, const struct mv_build *b)
{
	pen_text(pen, role, mv_build_text(b));
}

static void pen_glyph(struct pen *pen, enum mv_role role, char32_t glyph, char ascii)
{
	if (pen->x < pen->end)
		mv_canvas_glyph2(pen->c, pen->y, pen->x++, role, glyph, ascii);
}

/* A glyph and its caption, only when all of it fits. */
static void pen_key(struct pen *pen, enum mv_role role, char32_t glyph, char ascii, struct mv_clean caption)
{
	if (pen->x + 2 + (int)mv_clean_width(caption) > pen->end)
		return;
	pen_glyph(pen, role, glyph, ascii);
	pen->x++;
	pen_text(pen, ROLE_LABEL, caption);
	pen->x += 2;
}

static bool never_read(const struct mv_snapshot *snap, uint32_t mapping)
{
	return mapping < mv_snapshot_count(snap) &&
	       mv_snapshot_mappings(snap)[mapping].kind == MV_KIND_VSYSCALL;
}

static void note_cells(struct seen *seen, const struct mv_grid_cell *cells, uint32_t count)
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

/* One row: its address, its cells, in the whole process its mapping's name. */
static void draw_row(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c, int y,
		     const struct mv_pages_row *row, bool at_cursor, struct seen *seen)
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
	}
	count = !cells || p->gone ? 0 : count < want ? count : want;
	if (count)
		mv_grid_draw(c, y, g->grid_x, cells, (int)count, g->cell_cols, p->cell_pages, p->colour);
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
	if ((row->first || y == g->grid_y) && p->whole && g->name_cols > 0)
		draw_name(p, ctx, c, y, row);
}

static void draw_grid(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c,
		      struct seen *seen)
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
		if (here)
			mv_canvas_attr(c,
				       (struct mv_rect){g->grid_y + i, g->grid_x + (int)column * g->cell_cols,
							1, g->cell_cols},
				       MV_ATTR_CURSOR);
	}
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

static void build_place(const struct mv_pages *p, const struct mv_context *ctx, bool brief,
			struct mv_build *b)
{
	const struct mv_snapshot *snap = ctx->snap;

	if (!p->whole) {
		if (p->gone)
			mv_build_clean(b, mv_build_text(&p->gone_name));
		else if (p->index < mv_snapshot_count(snap))
			mv_words_mapping(b, snap, p->index, brief, ctx->exact && !brief);
		return;
	}
	mv_build_clean(b, MV_TEXT("whole process"));
	if (!mv_snapshot_count(snap))
		return; /* none, or not to be read: the middle of the screen says which */
	mv_build_clean(b, MV_TEXT(": "));
	mv_build_count(b, mv_snapshot_count(snap));
	mv_build_clean(b, MV_TEXT(" mappings"));
	if (mv_have(&snap->figure[MV_FIG_SIZE])) {
		mv_build_clean(b, MV_TEXT(", "));
		mv_words_size(b, snap->figure[MV_FIG_SIZE].value, ctx->exact && !brief);
	}
}

static void draw_path(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c,
		      const struct seen *seen)
{
	const struct mv_rect area = p->geo.area;
	struct pen pen = {c, p->geo.path_y, p->geo.text_x, p->geo.text_x + p->geo.text_cols};
	struct mv_build b, zoom;

	if (p->geo.path_y < 0)
		return;
	build_zoom(p, ctx->exact && area.cols >= 110, &zoom);
	int zoom_cols = (int)mv_clean_width(mv_build_text(&zoom)) + 5;
	if (p->known && !p->gone && area.cols >= zoom_cols + 30) {
		struct pen right = {c, pen.y, pen.end - zoom_cols, pen.end};
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
	mv_build_init(&b);
	mv_words_process(&b, ctx);
	pen_build(&pen, ROLE_DIM, &b);
	for (int brief = 0; ctx->snap && brief < 2; brief++) {
		mv_build_init(&b);
		build_place(p, ctx, brief, &b);
		if (brief || (int)mv_clean_width(mv_build_text(&b)) <= pen.end - pen.x) {
			pen_build(&pen, ROLE_TITLE, &b);
			break;
		}
	}
}

static void legend_full(struct pen *pen, uint32_t states)
{
	if (states & (UINT32_C(1) << MV_PAGE_NONE))
		pen_key(pen, ROLE_PAGE_NONE, U'·', '_', MV_TEXT("not touched"));
	if (!(states & ~(UINT32_C(1) << MV_PAGE_NONE)))
		return;
	pen_glyph(pen, ROLE_TEXT, U'▁', '.');
	pen_glyph(pen, ROLE_TEXT, U'▄', '=');
	pen_key(pen, ROLE_TEXT, U'█', '@', MV_TEXT("how full, coloured by most of it:"));
	for (unsigned s = MV_PAGE_ZERO; s < MV_PAGE__N; s++)
		if (states & (UINT32_C(1) << s))
			pen_key(pen, mv_role_of_state(s), U'█', '#', mv_words_state(s));
	bool swap = states & (UINT32_C(1) << MV_PAGE_SWAPPED),
	     guard = states & (UINT32_C(1) << MV_PAGE_GUARD);
	if (swap)
		pen_key(pen, ROLE_PAGE_SWAPPED, U's', 's', MV_TEXT("holds swapped ones"));
	if (guard)
		pen_key(pen, ROLE_PAGE_GUARD, U'×', 'x', MV_TEXT("holds a guard"));
	if (swap && guard)
		pen_key(pen, ROLE_PAGE_SWAPPED, U'&', '&', MV_TEXT("holds both"));
}

static void legend_scale(struct pen *pen, const struct mv_clean captions[5])
{
	for (int i = 4; i >= 0; i--)
		pen_key(pen, (enum mv_role)(ROLE_SCALE_0 + i), U'█', '#', captions[i]);
}

static void draw_legend(const struct mv_pages *p, struct mv_canvas *c, const struct seen *seen)
{
	static const struct mv_clean ages[5] = {
	    {"older, or there before"}, {"10 min"}, {"1 min"}, {"10 s"}, {"3 s"}};
	static const struct mv_clean growth[5] = {
	    {"nothing new"}, {"a quarter"}, {"half"}, {"most"}, {"new within 3 s"}};
	struct pen pen = {c, p->geo.legend_y, p->geo.text_x, p->geo.text_x + p->geo.text_cols};

	if (pen.y < 0 || !p->known)
		return;
	switch (p->colour) {
	case MV_GRID_AGE:
		pen_text(&pen, ROLE_LABEL, MV_TEXT("age below  "));
		legend_scale(&pen, ages);
		return;
	case MV_GRID_GROWTH:
		pen_text(&pen, ROLE_LABEL, MV_TEXT("growth  "));
		legend_scale(&pen, growth);
		return;
	case MV_GRID_SHARE:
		pen_text(&pen, ROLE_LABEL, MV_TEXT("sharing  "));
		if (p->cell_pages > 1) {
			pen_text(&pen, ROLE_WARN, MV_TEXT("told at one page a cell only: zoom in with +"));
			return;
		}
		pen_key(&pen, ROLE_SHARED_NO, U'█', '#', MV_TEXT("only this process"));
		pen_key(&pen, ROLE_SHARED_YES, U'▓', '%', MV_TEXT("other processes too"));
		pen_key(&pen, ROLE_DIM, U'▒', '+', MV_TEXT("not told for these"));
		return;
	default:
		break;
	}
	if (p->cell_pages == 1) {
		int used = mv_legend_draw(c, pen.y, pen.x, pen.end - pen.x, seen->states);
		pen.x += used ? used + 2 : 0;
	} else {
		legend_full(&pen, seen->states);
	}
	if (seen->huge && pen.x + 16 <= pen.end) {
		mv_canvas_attr(c, (struct mv_rect){pen.y, pen.x, 1, 2}, MV_ATTR_UNDERLINE);
		pen.x += 3;
		pen_text(&pen, ROLE_LABEL, MV_TEXT("huge page"));
		pen.x += 2;
	}
	if (seen->fresh && pen.x + 13 <= pen.end) {
		pen_text(&pen, ROLE_PAGE_FRESH, MV_TEXT("bright"));
		pen_text(&pen, ROLE_LABEL, MV_TEXT(" fresh"));
	}
}

static struct mv_clean pages_word(uint64_t pages)
{
	return pages == 1 ? MV_TEXT("page") : MV_TEXT("pages");
}

struct item {
	uint64_t count;
	struct mv_clean label;
	enum mv_role role;
	bool always; /* shown even when it is 0 and room is short */
};

static int items_width(const struct item *items, size_t n, int gap, bool zeroes)
{
	int cols = 0;

	for (size_t i = 0; i < n; i++) {
		char text[32];
		if (zeroes || items[i].always || items[i].count)
			cols += (int)mv_text_count(text, items[i].count) + 1 +
				(int)mv_clean_width(items[i].label) + gap;
	}
	return cols - gap;
}

/* What does not fit is left out: a figure cut short is a wrong one. */
static void draw_items(struct pen *pen, const struct item *items, size_t n)
{
	int room = pen->end - pen->x, gap = items_width(items, n, 3, true) <= room ? 3 : 2;
	bool zeroes = items_width(items, n, gap, true) <= room;
	struct mv_build b;

	for (size_t i = 0; i < n; i++) {
		if (!zeroes && !items[i].always && !items[i].count)
			continue;
		if (i && items_width(&items[i], 1, 0, true) > pen->end - pen->x)
			return;
		mv_build_init(&b);
		mv_build_count(&b, items[i].count);
		pen_build(pen, items[i].count ? items[i].role : ROLE_DIM, &b);
		pen->x++;
		pen_text(pen, ROLE_LABEL, items[i].label);
		pen->x += gap;
	}
}

/* The figures of the mapping under the cursor. */
static void draw_tally(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct pen pen = {c, p->geo.tally_y, p->geo.text_x, p->geo.text_x + p->geo.text_cols};
	const struct mv_snapshot *snap = ctx->snap;
	uint32_t i = p->whole ? mv_snapshot_find(snap, p->cursor) : p->index;

	if (pen.y < 0 || i >= mv_snapshot_count(snap))
		return;
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[i];
	const struct mv_tally *t = mv_snapshot_tally(snap, i);
	uint64_t pages = mv_mapping_pages(m, snap->page_bytes);
	if (!t) {
		struct mv_build b;
		uint32_t why = snap->part_why[MV_PART_PAGES];
		draw_items(&pen, &(struct item){pages, pages_word(pages), ROLE_STRONG, true}, 1);
		if (never_read(snap, i))
			return;
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("present "));
		mv_build_why(&b, why == MV_WHY_HAVE ? MV_WHY_NOT_READ : why);
		pen_build(&pen, ROLE_WARN, &b);
		return;
	}
	/* Without it some of the anonymous pages may be the zero page. */
	bool zero_told = (snap->cats_told & MV_CAT_PFNZERO) || !t->state[MV_PAGE_ANON];
	uint64_t gone = mv_tally_present(t) + t->state[MV_PAGE_SWAPPED] + t->state[MV_PAGE_GUARD];
	struct item items[9] = {
	    {pages, pages_word(pages), ROLE_STRONG, true},
	    {mv_tally_present(t), MV_TEXT("present"), ROLE_STRONG, true},
	    {mv_tally_anon(t), zero_told ? MV_TEXT("anon") : MV_TEXT("anon or zero"), ROLE_TEXT, false},
	    {mv_tally_file(t), MV_TEXT("file"), ROLE_TEXT, false},
	    {t->state[MV_PAGE_SWAPPED], MV_TEXT("swapped"), ROLE_TEXT, false},
	    {pages > gone ? pages - gone : 0, MV_TEXT("never touched"), ROLE_TEXT, true},
	};
	size_t n = 6;
	if (zero_told) {
		memmove(&items[5], &items[4], 2 * sizeof(items[0]));
		items[4] = (struct item){t->state[MV_PAGE_ZERO], MV_TEXT("zero"), ROLE_TEXT, false};
		n++;
	}
	if (t->state[MV_PAGE_GUARD])
		items[n++] = (struct item){t->state[MV_PAGE_GUARD], MV_TEXT("guard"), ROLE_TEXT, false};
	if (t->huge)
		items[n++] = (struct item){t->huge, MV_TEXT("in huge pages"), ROLE_TEXT, false};
	draw_items(&pen, items, n);
}

static void put_age(struct mv_build *b, const struct mv_page_detail *page, uint64_t now_ns)
{
	if (page->first_seen_ns.why == MV_WHY_NOT_HERE) {
		mv_build_clean(b, MV_TEXT("there before"));
		return;
	}
	mv_build_clean(b, MV_TEXT("first seen "));
	if (!mv_have(&page->first_seen_ns)) {
		mv_build_why(b, page->first_seen_ns.why);
		return;
	}
	uint64_t s =
	    now_ns > page->first_seen_ns.value ? (now_ns - page->first_seen_ns.value) / MV_NS_PER_SEC : 0;
	mv_build_fmt(b, "%02u:%02u:%02u", (unsigned)(s / 3600), (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	mv_build_clean(b, MV_TEXT(" ago"));
}

static bool is_present(const struct mv_page_detail *page)
{
	return mv_have(&page->have) && page->state != MV_PAGE_NONE && page->state != MV_PAGE_GUARD &&
	       page->state != MV_PAGE_SWAPPED;
}

/* On narrow screens the age goes to the second line. */
static bool age_below(const struct mv_pages *p)
{
	return p->geo.note_y >= 0 && p->geo.text_cols < 98;
}

static void draw_cursor_line(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct pen pen = {c, p->geo.cursor_y, p->geo.text_x, p->geo.text_x + p->geo.text_cols};
	const struct mv_page_detail *page = mv_words_detail(ctx->snap, p->cursor);
	struct mv_build b;

	if (pen.y < 0)
		return;
	mv_build_init(&b);
	mv_words_addr(&b, p->cursor);
	mv_build_clean(&b, MV_TEXT("  "));
	pen_build(&pen, ROLE_STRONG, &b);
	if (p->gone)
		return;
	if (p->note == MV_PAGES_NOTE_END)
		pen_text(&pen, ROLE_WARN, MV_TEXT("no further change  "));
	if (p->note == MV_PAGES_NOTE_CUT_OFF)
		pen_text(&pen, ROLE_WARN, MV_TEXT("the search was cut off  "));
	if (!page && ctx->snap->life != MV_LIFE_ALIVE) {
		mv_build_init(&b);
		mv_build_why(&b, MV_WHY_GONE);
		pen_build(&pen, ROLE_WARN, &b);
		return;
	}
	if (!page) {
		pen_text(&pen, ROLE_DIM, MV_TEXT("reading"));
		return;
	}
	mv_build_init(&b);
	mv_words_page(&b, page, ctx->snap);
	pen_build(&pen, mv_have(&page->have) ? mv_role_of_state(page->state) : ROLE_WARN, &b);
	if (!is_present(page))
		return;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("  frame "));
	if (mv_have(&page->frame))
		mv_build_fmt(&b, "0x%llx", (unsigned long long)page->frame.value);
	else
		mv_build_why(&b, page->frame.why);
	if ((int)mv_clean_width(mv_build_text(&b)) > pen.end - pen.x) {
		pen_text(&pen, ROLE_TEXT, mv_have(&page->frame) ? MV_TEXT("") : MV_TEXT("  frame -"));
		return;
	}
	if (!age_below(p)) {
		mv_build_clean(&b, MV_TEXT("  "));
		put_age(&b, page, ctx->now_ns);
	}
	pen_build(&pen, ROLE_TEXT, &b);
}

/* Second line: what the state means, or what the cell of many pages holds; in the whole process, whose page
 * it is. */
static void draw_note_line(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct pen pen = {c, p->geo.note_y, p->geo.text_x, p->geo.text_x + p->geo.text_cols};
	const struct mv_page_detail *page = mv_words_detail(ctx->snap, p->cursor);
	struct mv_pages_row row;
	struct mv_range cell;
	struct mv_build b;
	uint32_t column, count = 0;

	if (pen.y < 0 || !mv_pages_cursor_cell(p, ctx->snap, &row, &column, &cell))
		return;
	if (p->whole) {
		mv_build_init(&b);
		mv_words_mapping(&b, ctx->snap, row.mapping, true, false);
		mv_build_clean(&b, MV_TEXT("  "));
		pen_build(&pen, mv_role_of_kind(mv_snapshot_mappings(ctx->snap)[row.mapping].kind), &b);
	}
	if (page && is_present(page) && age_below(p)) {
		mv_build_init(&b);
		put_age(&b, page, ctx->now_ns);
		mv_build_clean(&b, MV_TEXT("  "));
		pen_build(&pen, ROLE_TEXT, &b);
	}
	const struct mv_grid_cell *cells = mv_pages_cells(p, ctx->snap, row.range.start, &count);
	if (never_read(ctx->snap, row.mapping))
		return;
	if (p->cell_pages > 1 && cells && column < count && (cells[column].flags & MV_GRID_READ)) {
		const struct mv_grid_cell *at = &cells[column];
		uint64_t touched = 0;
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("this cell: "));
		mv_build_count(&b, at->pages);
		mv_build_clean(&b, MV_TEXT(" "));
		mv_build_clean(&b, pages_word(at->pages));
		for (unsigned s = 0; s < MV_PAGE__N; s++) {
			touched += at->tally.state[s];
			if (!at->tally.state[s])
				continue;
			mv_build_clean(&b, MV_TEXT(", "));
			mv_build_count(&b, at->tally.state[s]);
			mv_build_clean(&b, MV_TEXT(" "));
			mv_build_clean(&b, mv_words_state(s));
		}
		if (touched < at->pages) {
			mv_build_clean(&b, MV_TEXT(", "));
			mv_build_count(&b, at->pages - touched);
			mv_build_clean(&b, MV_TEXT(" not touched"));
		}
		pen_build(&pen, ROLE_LABEL, &b);
	} else if (page && mv_have(&page->have)) {
		pen_text(&pen, ROLE_LABEL, mv_words_state_meaning(page->state));
	}
}

/* Why there is no grid, in its place. */
static void draw_reason(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_snapshot *snap = ctx->snap;
	struct mv_build b;
	int y = p->geo.grid_y + p->geo.grid_rows / 2;

	mv_build_init(&b);
	if (p->gone && !p->whole)
		mv_build_clean(&b, MV_TEXT("this mapping has gone"));
	else if (p->first_row_short)
		mv_build_why(&b, MV_WHY_NO_MEMORY);
	else if (snap && snap->part_why[MV_PART_MAPS] > MV_WHY_HAVE)
		mv_build_why(&b, snap->part_why[MV_PART_MAPS]);
	else if (snap && mv_snapshot_count(snap) && snap->part_why[MV_PART_PAGES] > MV_WHY_HAVE)
		mv_build_why(&b, snap->part_why[MV_PART_PAGES]);
	else if (!snap || !mv_snapshot_count(snap))
		mv_build_clean(&b, snap && snap->maps_ns ? MV_TEXT("no mappings") : MV_TEXT("reading"));
	else
		return;
	int cols = (int)mv_clean_width(mv_build_text(&b)), left = p->geo.area.cols - cols;
	mv_canvas_build(c, y, p->geo.area.x + (left > 0 ? left / 2 : 0), p->geo.area.cols, ROLE_WARN, &b);
}

void mv_pages_draw(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_pages_geometry *g = &p->geo;
	struct seen seen = {0};

	if (g->header_rows)
		mv_header_draw(ctx, c, g->area);
	bool grid = ctx->snap && p->known && mv_snapshot_count(ctx->snap) && !p->first_row_short;
	if (grid)
		draw_grid(p, ctx, c, &seen);
	draw_path(p, ctx, c, &seen);
	draw_reason(p, ctx, c);
	if (!grid)
		return;
	draw_legend(p, c, &seen);
	draw_tally(p, ctx, c);
	draw_cursor_line(p, ctx, c);
	draw_note_line(p, ctx, c);
}
