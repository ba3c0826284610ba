/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/pagetable.h"
#include "tui/view_page.h"

#define LABEL_COLS  12
#define OFFSET_COLS 12 /* "offset 0xfff", or its bits */

static bool has_tables(const struct mv_snapshot *snap)
{
	return snap->page_bytes == 4096;
}

/* What the arrows do, in as many words as there is room for. */
static struct mv_clean arrows_hint(const struct mv_page *p, int room)
{
	static const struct mv_clean facts[] = {
	    {"Left Right: the neighbouring page   Up Down: scroll   Tab: the bytes"},
	    {"Left Right: the neighbouring page"},
	    {"Left Right: next page"},
	};
	static const struct mv_clean bytes[] = {
	    {"arrows: move over the bytes   Tab: back to the page"},
	    {"arrows: move over the bytes"},
	    {"arrows: bytes"},
	};

	for (size_t i = 0; i < MV_COUNT_OF(facts); i++) {
		struct mv_clean words = p->bytes_pane ? bytes[i] : facts[i];
		if ((int)mv_clean_width(words) + 2 <= room)
			return words;
	}
	return MV_TEXT("");
}

#define HINT_COLS 23 /* of the shortest, with its distance */

static void draw_path(const struct mv_page *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_build b;
	int x = p->text.x, end = p->text.x + p->text.cols;

	if (p->path_y < 0)
		return;
	mv_build_init(&b);
	mv_words_process(&b, ctx);
	if (ctx->snap && p->index != UINT32_MAX) {
		mv_words_mapping(&b, ctx->snap, p->index, true, false);
		mv_build_clean(&b, MV_TEXT(" > "));
	}
	int before = (int)mv_clean_width(mv_build_text(&b));
	/* The mapping's permissions and size give way to what the keys do. */
	if (before + 17 + HINT_COLS > end - x && ctx->snap && p->index != UINT32_MAX) {
		mv_build_init(&b);
		mv_words_process(&b, ctx);
		mv_words_name(&b, ctx->snap, p->index, true);
		mv_build_clean(&b, MV_TEXT(" > "));
		before = (int)mv_clean_width(mv_build_text(&b));
	}
	if (before + 17 <= end - x)
		x += mv_canvas_build(c, p->path_y, x, end - x, ROLE_DIM, &b);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("page "));
	mv_words_addr(&b, p->addr);
	x += mv_canvas_build(c, p->path_y, x, end - x, ROLE_TITLE, &b);
	if (p->gone && end - x > 24)
		mv_canvas_text(c, p->path_y, x + 2, end - x - 2, ROLE_GONE, MV_TEXT("this mapping has gone"));
	else if (p->known && end > x)
		mv_canvas_text_right(c, p->path_y, x, end - x, ROLE_KEY_TEXT, arrows_hint(p, end - x));
}

/* What the last table entry of the walk says: a frame, swap, nothing. */
static enum mv_role build_end(const struct mv_page_detail *d, struct mv_build *b)
{
	mv_build_init(b);
	if (!d || !mv_have(&d->have)) {
		mv_build_clean(b, MV_TEXT("?"));
		return ROLE_DIM;
	}
	switch (d->state) {
	case MV_PAGE_NONE:
		mv_build_clean(b, MV_TEXT("nothing yet"));
		return ROLE_PAGE_NONE;
	case MV_PAGE_GUARD:
		mv_build_clean(b, MV_TEXT("guard marker"));
		return ROLE_PAGE_GUARD;
	case MV_PAGE_SWAPPED:
		mv_build_clean(b, MV_TEXT("swap"));
		if (mv_have(&d->swap_offset))
			mv_build_fmt(b, " slot 0x%llx", (unsigned long long)d->swap_offset.value);
		return ROLE_PAGE_SWAPPED;
	default:
		mv_build_clean(b, MV_TEXT("frame "));
		if (mv_have(&d->frame))
			mv_build_fmt(b, "0x%llx", (unsigned long long)d->frame.value);
		else
			mv_build_why(b, d->frame.why);
		return mv_role_of_state(d->state);
	}
}

/* The levels that the walk goes through: a huge block ends it at the PMD. */
static unsigned lowest_level(const struct mv_page_detail *d)
{
	return d && mv_have(&d->have) && d->block_pages > 1 ? 2 : 1;
}

static unsigned low_bit(unsigned level) /* of that level's index; 0 for the offset */
{
	return level ? 12 + 9 * (level - 1) : 0;
}

static int address_cols(const struct mv_page *p)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_words_addr(&b, p->addr + p->byte);
	return (int)b.len;
}

/* Columns from one index to the next: five levels stand closer where they have to. */
static int step_of(const struct mv_page *p, unsigned levels)
{
	if (levels != 5 || p->split.cols >= 14 + 6 * MV_PAGE_SPLIT_COLS)
		return MV_PAGE_SPLIT_COLS;
	return p->split.cols >= 15 + 5 * 11 + OFFSET_COLS ? 11 : 10;
}

/* "PGD 254   PUD 232   …   offset 0x123" and the bits that each is made of. */
static void draw_indices(const struct mv_page *p, const struct mv_path *path, struct mv_canvas *c, int y,
			 bool bits)
{
	int x = p->split.x, step = step_of(p, path->levels);
	struct mv_build b;

	mv_build_init(&b);
	mv_words_addr(&b, p->addr + p->byte);
	mv_canvas_build(c, y, x, p->split.cols, ROLE_STRONG, &b);
	x += address_cols(p) + 2;
	for (unsigned level = path->levels + 1; level-- > 0; x += step) {
		unsigned low = low_bit(level), high = level ? low + 8 : 11;
		int room = p->split.x + p->split.cols - x;
		if (room < 4)
			return;
		mv_build_init(&b);
		if (level)
			mv_build_clean(&b, mv_words_level(level, path->levels));
		else
			mv_build_clean(&b, MV_TEXT("offset"));
		int used = mv_canvas_build(c, y, x, room, ROLE_LABEL, &b) + 1;
		mv_build_init(&b);
		mv_build_fmt(&b, level ? "%u" : "0x%x", level ? path->index[level - 1] : p->byte);
		mv_canvas_build(c, y, x + used, room - used, ROLE_STRONG, &b);
		if (!bits)
			continue;
		mv_build_init(&b);
		mv_build_fmt(&b, level == path->levels && step > 10 ? "bits %u-%u" : "%u-%u", high, low);
		mv_canvas_build(c, y + 1, x, room, ROLE_DIM, &b);
	}
}

/* The walk in one line: PGD[254] ─▸ PUD[232] ─▸ … */
static void draw_walk_line(const struct mv_page *p, const struct mv_path *path,
			   const struct mv_page_detail *d, struct mv_canvas *c, int y)
{
	int x = p->split.x, end = x + p->split.cols;
	struct mv_build b;

	for (unsigned level = path->levels; level >= lowest_level(d); level--) {
		mv_build_init(&b);
		mv_build_clean(&b, mv_words_level(level, path->levels));
		mv_build_fmt(&b, "[%u]", path->index[level - 1]);
		x += mv_canvas_build(c, y, x, end - x, ROLE_TEXT, &b) + 1;
		if (x + 3 > end)
			return;
		mv_canvas_glyph2(c, y, x, ROLE_DIM, U'─', '-');
		mv_canvas_glyph2(c, y, x + 1, ROLE_DIM, U'▸', '>');
		x += 3;
	}
	enum mv_role role = build_end(d, &b);
	mv_canvas_build(c, y, x, end - x, role, &b);
}

static void draw_binary(struct mv_canvas *c, int y, int x, unsigned value, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++) {
		bool one = value >> (bits - 1 - i) & 1;
		mv_canvas_glyph(c, y, x + (int)i, one ? ROLE_TEXT : ROLE_DIM, one ? U'1' : U'0');
	}
}

/* The walk as boxes below the bits of each index. */
static void draw_walk_boxes(const struct mv_page *p, const struct mv_path *path,
			    const struct mv_page_detail *d, struct mv_canvas *c, int y)
{
	int x = p->split.x + address_cols(p) + 2, end = p->split.x + p->split.cols;
	int step = step_of(p, path->levels);
	struct mv_build b;

	for (unsigned level = path->levels + 1; level-- > 0; x += step) {
		if (x + 12 <= end)
			draw_binary(c, y, x, level ? path->index[level - 1] : p->byte, level ? 9 : 12);
		if (level < lowest_level(d))
			continue;
		struct mv_rect in = mv_canvas_box(c, (struct mv_rect){y + 1, x, 3, step - 3},
						  mv_words_level(level, path->levels));
		mv_build_init(&b);
		mv_build_fmt(&b, "%u", path->index[level - 1]);
		mv_canvas_text_right(c, in.y, in.x, in.cols - 1, ROLE_STRONG, mv_build_text(&b));
		mv_canvas_glyph2(c, in.y, x + step - 3, ROLE_DIM, U'─', '-');
		mv_canvas_glyph2(c, in.y, x + step - 2, ROLE_DIM, U'▸', '>');
	}
	x -= (int)lowest_level(d) * step;
	enum mv_role role = build_end(d, &b);
	mv_canvas_build(c, y + 2, x, end - x, role, &b);
}

static void draw_split(const struct mv_page *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_page_detail *d = mv_words_detail(ctx->snap, p->addr);

	if (!p->split.rows || !ctx->snap)
		return;
	if (!has_tables(ctx->snap)) {
		mv_canvas_text(c, p->split.y, p->split.x, p->split.cols, ROLE_WARN,
			       MV_TEXT("the shape of page tables is known for pages of 4K only"));
		return;
	}
	struct mv_path path = mv_pagetable_path(p->addr + p->byte, mv_words_levels(ctx->snap));
	draw_indices(p, &path, c, p->split.y, p->split.rows > 1);
	if (p->split.rows >= 6)
		draw_walk_boxes(p, &path, d, c, p->split.y + 2);
	else if (p->split.rows >= 3)
		draw_walk_line(p, &path, d, c, p->split.y + 2);
}

static void draw_facts(const struct mv_page *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_page_facts f;

	mv_page_facts(p, ctx, &f);
	for (int i = 0; i < p->facts.rows; i++) {
		unsigned n = p->facts_top + (unsigned)i;
		int y = p->facts.y + i, x = p->facts.x;
		if (n >= f.count)
			break;
		bool more = i == p->facts.rows - 1 && n + 1 < f.count;
		int room = p->facts.cols - LABEL_COLS;
		mv_canvas_text(c, y, x, LABEL_COLS - 1, ROLE_LABEL, f.at[n].label);
		if (room <= 0)
			continue;
		mv_canvas_build(c, y, x + LABEL_COLS, more && room > 20 ? room - 17 : room, f.at[n].role,
				&f.at[n].text);
		if (more && room > 20)
			mv_canvas_text_right(c, y, x, p->facts.cols, ROLE_DIM,
					     p->bytes_pane ? MV_TEXT("Tab, Down: more")
							   : MV_TEXT("Down: more"));
	}
}

static void draw_bytes(const struct mv_page *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_snapshot *snap = ctx->snap;
	const struct mv_page_detail *d = mv_words_detail(snap, p->addr);
	int x = p->hex.x > p->area.x ? p->hex.x : p->text.x;
	struct mv_build b;

	if (p->bytes_y >= 0) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("bytes"));
		x += mv_canvas_build(c, p->bytes_y, x, -1, p->bytes_pane ? ROLE_SIDE_ON : ROLE_HEADING, &b);
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("  "));
		mv_words_addr(&b, p->addr + p->byte);
		mv_build_fmt(&b, " is byte %u of ", p->byte);
		mv_build_count(&b, p->page_bytes);
		mv_build_clean(&b, p->bytes_pane ? MV_TEXT("   Tab: the facts")
						 : MV_TEXT("   Tab: move in the bytes"));
		mv_canvas_build(c, p->bytes_y, x, p->text.x + p->text.cols - x, ROLE_DIM, &b);
	}
	if (!p->hex.rows || !d || p->gone)
		return;
	if (!mv_have(&d->bytes) || snap->page_bytes_read.count == 0) {
		mv_build_init(&b);
		mv_build_why(&b, mv_have(&d->bytes) ? MV_WHY_NOT_READ : d->bytes.why);
		mv_canvas_build(c, p->hex.y, p->text.x > p->hex.x ? p->text.x : p->hex.x, -1, ROLE_WARN, &b);
		return;
	}
	const uint8_t *bytes = (const uint8_t *)snap + snap->page_bytes_read.offset;
	size_t first = (size_t)p->hex_top * p->per_row, count = (size_t)snap->page_bytes_read.count;
	if (first >= count)
		return;
	mv_hexdump_draw(c, p->hex, p->addr + first, bytes + first, count - first, (int)p->per_row);
	int row = (int)(p->byte / p->per_row - p->hex_top), i = (int)(p->byte % p->per_row);
	int digits = (p->addr + count) >> 48 ? 16 : 12;
	int text = digits + 2 + (int)p->per_row * 3 + (p->per_row > 8) + 1;
	unsigned attr = p->bytes_pane ? MV_ATTR_CURSOR : MV_ATTR_UNDERLINE;
	if (row < 0 || row >= p->hex.rows)
		return;
	mv_canvas_attr(c, (struct mv_rect){p->hex.y + row, p->hex.x + digits + 2 + i * 3 + (i >= 8), 1, 2},
		       attr);
	mv_canvas_attr(c, (struct mv_rect){p->hex.y + row, p->hex.x + text + i, 1, 1}, attr);
}

void mv_page_draw(const struct mv_page *p, const struct mv_context *ctx, struct mv_canvas *canvas)
{
	if (p->area.rows >= 13)
		mv_header_draw(ctx, canvas, p->area);
	draw_path(p, ctx, canvas);
	draw_split(p, ctx, canvas);
	draw_facts(p, ctx, canvas);
	draw_bytes(p, ctx, canvas);
}
