/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/text.h"
#include "tui/view_faults_words.h"
#include "tui/view_pages_draw.h"
#include "tui/view_private.h"

/* The lines below the grid: what the colours mean, how many pages there are, what the cursor is on. */

static void legend_full(struct mv_pages_pen *pen, uint32_t states)
{
	if (states & (UINT32_C(1) << MV_PAGE_NONE))
		pen_key(pen, ROLE_PAGE_NONE, U'·', '_', MV_TEXT("not touched"));
	if (!(states & ~(UINT32_C(1) << MV_PAGE_NONE)))
		return;
	pen_glyph(pen, ROLE_TEXT, U'▁', '.');
	pen_glyph(pen, ROLE_TEXT, U'▄', '=');
	/* Not as the last words: they announce what would not fit. */
	int room = pen->end - pen->x;
	struct mv_clean full = room >= 90   ? MV_TEXT("how full, coloured by most of it:")
			       : room >= 32 ? MV_TEXT("how full:")
					    : MV_TEXT("how full");
	pen_key(pen, ROLE_TEXT, U'█', '@', full);
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

/* From the most to the least; the last in fewer words where they would not fit: most pages have its colour.
 */
static void legend_scale(struct mv_pages_pen *pen, const struct mv_clean captions[5], struct mv_clean least)
{
	int cols = 0, room = pen->end - pen->x;

	for (int i = 4; i >= 0; i--)
		cols += 4 + (int)mv_clean_width(captions[i]);
	for (int i = 4; i >= 0; i--)
		pen_key(pen, (enum mv_role)(ROLE_SCALE_0 + i), U'█', '#',
			i == 0 && cols - 2 > room ? least : captions[i]);
}

/* What flashes: it comes first, since it is what is new. */
static void legend_faults(struct mv_pages_pen *pen, uint32_t kinds)
{
	bool said = false;

	for (unsigned k = 0; k < MV_FAULT__N; k++) {
		struct mv_build b;

		if (!(kinds >> k & 1))
			continue;
		mv_build_init(&b);
		mv_build_clean(&b, said ? MV_TEXT("") : MV_TEXT("fault now: "));
		mv_build_clean(&b, mv_words_fault(k));
		pen_key(pen, mv_role_of_fault(k), U'▼', 'v', mv_build_text(&b));
		said = true;
	}
}

static void draw_legend(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c,
			const struct mv_pages_seen *seen)
{
	static const struct mv_clean ages[5] = {
	    {"older, or before memview"}, {"10 min"}, {"1 min"}, {"10 s"}, {"3 s"}};
	static const struct mv_clean growth[5] = {
	    {"nothing new"}, {"a quarter"}, {"half"}, {"most"}, {"new within 3 s"}};
	struct mv_pages_pen pen = {c, p->geo.legend_y, p->geo.text_x, p->geo.text_x + p->geo.text_cols};

	if (pen.y < 0 || !p->known)
		return;
	if (mv_against(ctx)) {
		mv_pages_mark_legend(p, ctx, c, pen.y, pen.x, pen.end);
		return;
	}
	legend_faults(&pen, seen->faults);
	switch (p->colour) {
	case MV_GRID_AGE:
		pen_text(&pen, ROLE_LABEL, MV_TEXT("age below  "));
		legend_scale(&pen, ages, MV_TEXT("older"));
		return;
	case MV_GRID_GROWTH:
		pen_text(&pen, ROLE_LABEL, MV_TEXT("growth  "));
		legend_scale(&pen, growth, MV_TEXT("none"));
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
	if (seen->fresh)
		pen_key(&pen, ROLE_PAGE_FRESH, U'█', '#', MV_TEXT("fresh"));
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
static void draw_items(struct mv_pages_pen *pen, const struct item *items, size_t n)
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

/* What is counted: one mapping, or all of them. Base pages. */
struct counts {
	uint64_t pages, state[MV_PAGE__N], huge;
	bool zero_told; /* else some of the anonymous pages may be the zero page */
};

static size_t count_items(const struct counts *n, struct item items[static 9])
{
	uint64_t anon = n->state[MV_PAGE_COW] + n->state[MV_PAGE_ANON] + n->state[MV_PAGE_ANON_SHARED];
	uint64_t file = n->state[MV_PAGE_SHMEM] + n->state[MV_PAGE_FILE];
	uint64_t present = anon + file + n->state[MV_PAGE_ZERO];
	uint64_t touched = present + n->state[MV_PAGE_SWAPPED] + n->state[MV_PAGE_GUARD];
	size_t i = 0;

	items[i++] = (struct item){present, MV_TEXT("present"), ROLE_STRONG, true};
	items[i++] =
	    (struct item){anon, n->zero_told ? MV_TEXT("anon") : MV_TEXT("anon or zero"), ROLE_TEXT, false};
	items[i++] = (struct item){file, MV_TEXT("file"), ROLE_TEXT, false};
	if (n->zero_told)
		items[i++] = (struct item){n->state[MV_PAGE_ZERO], MV_TEXT("zero"), ROLE_TEXT, false};
	items[i++] = (struct item){n->state[MV_PAGE_SWAPPED], MV_TEXT("swapped"), ROLE_TEXT, false};
	items[i++] = (struct item){n->pages > touched ? n->pages - touched : 0, MV_TEXT("never touched"),
				   ROLE_TEXT, true};
	if (n->state[MV_PAGE_GUARD])
		items[i++] = (struct item){n->state[MV_PAGE_GUARD], MV_TEXT("guard"), ROLE_TEXT, false};
	if (n->huge)
		items[i++] = (struct item){n->huge, MV_TEXT("in huge pages"), ROLE_TEXT, false};
	return i;
}

static void draw_present_why(struct mv_pages_pen *pen, const struct mv_snapshot *snap)
{
	uint32_t why = snap->part_why[MV_PART_PAGES];
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("present "));
	mv_build_why(&b, why == MV_WHY_HAVE ? MV_WHY_NOT_READ : why);
	pen_build(pen, ROLE_WARN, &b);
}

/* All mappings together. */
static void draw_sum(const struct mv_pages *p, const struct mv_context *ctx, struct mv_pages_pen *pen)
{
	const struct mv_pages_sum *sum = &p->sum;
	struct counts n = {.pages = sum->pages, .huge = sum->huge};
	struct item items[10] = {{sum->pages, pages_word(sum->pages), ROLE_STRONG, true}};
	struct mv_build b;

	memcpy(n.state, sum->state, sizeof(n.state));
	n.zero_told = (ctx->snap->cats_told & MV_CAT_PFNZERO) || !n.state[MV_PAGE_ANON];
	if (sum->unread && sum->unread == sum->mappings) {
		draw_items(pen, items, 1);
		draw_present_why(pen, ctx->snap);
		return;
	}
	mv_build_init(&b);
	if (sum->unread) {
		mv_build_count(&b, sum->mappings - sum->unread);
		mv_build_clean(&b, MV_TEXT(" of "));
		mv_build_count(&b, sum->mappings);
		mv_build_clean(&b, MV_TEXT(" mappings read:  "));
		pen_build(pen, ROLE_WARN, &b);
	} else {
		pen_text(pen, ROLE_LABEL, MV_TEXT("in all  "));
	}
	size_t more = count_items(&n, items + 1);
	draw_items(pen, items, 1 + more);
}

/* The mapping: which of its pages the cursor is on, and the figures. */
static void draw_tally(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_pages_pen pen = {c, p->geo.tally_y, p->geo.text_x, p->geo.text_x + p->geo.text_cols};
	const struct mv_snapshot *snap = ctx->snap;
	struct mv_build b;

	if (pen.y < 0)
		return;
	if (p->whole) {
		draw_sum(p, ctx, &pen);
		return;
	}
	if (p->index >= mv_snapshot_count(snap))
		return;
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[p->index];
	const struct mv_tally *t = mv_snapshot_tally(snap, p->index);
	struct counts n = {.pages = mv_mapping_pages(m, snap->page_bytes)};
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("page "));
	mv_build_count(&b, p->cursor < m->start ? 1 : (p->cursor - m->start) / snap->page_bytes + 1);
	mv_build_clean(&b, MV_TEXT(" of "));
	mv_build_count(&b, n.pages);
	pen_build(&pen, ROLE_STRONG, &b);
	pen.x += 3;
	if (!t) {
		if (!never_read(snap, p->index))
			draw_present_why(&pen, snap);
		return;
	}
	for (unsigned s = 0; s < MV_PAGE__N; s++)
		n.state[s] = t->state[s];
	n.huge = t->huge;
	n.zero_told = (snap->cats_told & MV_CAT_PFNZERO) || !t->state[MV_PAGE_ANON];
	struct item items[9];
	size_t count = count_items(&n, items);
	draw_items(&pen, items, count);
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
	struct mv_pages_pen pen = {c, p->geo.cursor_y, p->geo.text_x, p->geo.text_x + p->geo.text_cols};
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
	pen_build(&pen, ROLE_TEXT, &b);
	if (age_below(p))
		return;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("  "));
	put_age(&b, page, ctx->now_ns);
	pen_build_whole(&pen, ROLE_TEXT, &b);
}

/* "this cell: 16 pages, 3 private, 13 not touched": parts that do not fit are left out whole. */
static void draw_cell_counts(struct mv_pages_pen *pen, const struct mv_grid_cell *cell)
{
	uint64_t touched = 0;
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("this cell: "));
	mv_build_count(&b, cell->pages);
	mv_build_clean(&b, MV_TEXT(" "));
	mv_build_clean(&b, pages_word(cell->pages));
	if (!pen_build_whole(pen, ROLE_LABEL, &b))
		return;
	for (unsigned s = 0; s <= MV_PAGE__N; s++) {
		bool rest = s == MV_PAGE__N;
		uint64_t n = !rest ? cell->tally.state[s] : cell->pages > touched ? cell->pages - touched : 0;
		touched += n;
		if (!n)
			continue;
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT(", "));
		mv_build_count(&b, n);
		mv_build_clean(&b, MV_TEXT(" "));
		mv_build_clean(&b, mv_words_state(rest ? MV_PAGE_NONE : s));
		if (!pen_build_whole(pen, ROLE_LABEL, &b))
			return;
	}
}

/* "faulted just now, demand zero by 4712 loader in load_row": parts that do not fit are left out whole. */
static void draw_fault(struct mv_pages_pen *pen, const struct mv_context *ctx, struct mv_range cell)
{
	const struct mv_fault_entry *e = mv_faults_newest(ctx->snap, cell);
	struct mv_build b;

	if (!e)
		return;
	mv_build_init(&b);
	uint64_t age_ns = ctx->now_ns > e->at_ns ? ctx->now_ns - e->at_ns : 0;
	mv_build_clean(&b, age_ns < MV_NS_PER_SEC ? MV_TEXT("faulted just now") : MV_TEXT("faulted "));
	if (age_ns >= MV_NS_PER_SEC) {
		mv_age_build(&b, age_ns);
		mv_build_clean(&b, MV_TEXT(" ago"));
	}
	mv_build_clean(&b, MV_TEXT(", "));
	mv_build_clean(&b, mv_words_fault(e->kind));
	if (!pen_build_whole(pen, mv_role_of_fault(e->kind), &b))
		return;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT(" by "));
	mv_words_fault_thread(&b, ctx->snap, e->tid);
	const struct mv_function *function = mv_snapshot_function(ctx->snap, e->function);
	if (pen_build_whole(pen, ROLE_TEXT, &b) && function) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT(" in "));
		mv_words_function(&b, mv_snapshot_text(ctx->snap, function->name), pen->end - pen->x - 6);
		pen_build_whole(pen, ROLE_TEXT, &b);
	}
	pen->x += 2;
}

/* Second line: what the state means, or what the cell of many pages holds; in the whole process, whose page
 * it is. */
static void draw_note_line(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_pages_pen pen = {c, p->geo.note_y, p->geo.text_x, p->geo.text_x + p->geo.text_cols};
	const struct mv_page_detail *page = mv_words_detail(ctx->snap, p->cursor);
	struct mv_pages_row row;
	struct mv_range cell;
	struct mv_build b;
	uint32_t column, count = 0;

	if (pen.y < 0 || !mv_pages_cursor_cell(p, ctx->snap, &row, &column, &cell))
		return;
	if (p->whole) {
		mv_build_init(&b);
		if (age_below(p))
			mv_words_name(&b, ctx->snap, row.mapping, true);
		else
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
	draw_fault(&pen, ctx, cell);
	const struct mv_grid_cell *cells = mv_pages_cells(p, ctx->snap, row.range.start, &count);
	if (never_read(ctx->snap, row.mapping))
		return;
	if (p->cell_pages > 1 && cells && column < count && (cells[column].flags & MV_GRID_READ))
		draw_cell_counts(&pen, &cells[column]);
	else if (page && mv_have(&page->have))
		pen_text(&pen, ROLE_LABEL, mv_words_page_meaning(ctx->snap, page));
}

void mv_pages_draw_lines(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c,
			 const struct mv_pages_seen *seen)
{
	draw_legend(p, ctx, c, seen);
	draw_tally(p, ctx, c);
	draw_cursor_line(p, ctx, c);
	draw_note_line(p, ctx, c);
}
