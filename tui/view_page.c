/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "core/frames.h"
#include "core/pagetable.h"
#include "tui/view_pages.h"

/*
 * One page: how its address becomes a frame, what is known of the frame, and the bytes in it. Two panes: the
 * facts (left and right turn to the neighbouring page) and the bytes (the arrows move over them).
 */

#define LABEL_COLS 12
#define FACTS_MAX  64
#define HEX_COLS   80  /* sixteen bytes a row */
#define HEX_BESIDE 170 /* from so many columns on, the bytes stand beside the facts */
#define SPLIT_COLS 12  /* of one index */

struct page {
	uint64_t addr; /* of the page */
	unsigned byte; /* under the cursor */
	unsigned page_bytes;
	bool known, gone;
	bool bytes_pane;
	struct mv_range range; /* of its mapping */
	uint32_t index;
	unsigned facts_top, facts_count;
	unsigned hex_top;			/* first row shown */
	struct mv_rect text, split, facts, hex; /* where things are; rows 0: no room */
	struct mv_rect area;
	int path_y, bytes_y; /* -1 no room */
	unsigned per_row;
};

struct fact {
	struct mv_clean label;
	enum mv_role role;
	struct mv_build text;
};
struct facts {
	unsigned count;
	struct fact at[FACTS_MAX];
};

/* ---- the facts ---- */

static struct mv_build *add(struct facts *f, struct mv_clean label, enum mv_role role)
{
	struct fact *fact = &f->at[f->count < FACTS_MAX ? f->count++ : FACTS_MAX - 1];

	fact->label = label;
	fact->role = role;
	mv_build_init(&fact->text);
	return &fact->text;
}

static void add_why(struct facts *f, struct mv_clean label, uint32_t why)
{
	mv_build_why(add(f, label, ROLE_WARN), why);
}

static void add_frame(struct facts *f, const struct mv_page_detail *d, uint32_t page_bytes)
{
	if (!mv_have(&d->frame)) {
		add_why(f, MV_TEXT("frame"), d->frame.why);
	} else {
		mv_build_fmt(add(f, MV_TEXT("frame"), ROLE_STRONG), "0x%llx  at RAM address 0x%llx",
			     (unsigned long long)d->frame.value,
			     (unsigned long long)(d->frame.value * page_bytes));
	}
	if (!mv_have(&d->mapcount)) {
		add_why(f, MV_TEXT("mapped"), d->mapcount.why);
	} else if (d->mapcount.value == 1) {
		mv_build_clean(add(f, MV_TEXT("mapped"), ROLE_TEXT),
			       MV_TEXT("once: only this process has it"));
	} else {
		struct mv_build *b = add(f, MV_TEXT("mapped"), ROLE_TEXT);
		mv_build_count(b, d->mapcount.value);
		mv_build_clean(b, MV_TEXT(" times, over all processes"));
	}
	if (!mv_have(&d->cgroup))
		add_why(f, MV_TEXT("charged to"), d->cgroup.why);
	else
		mv_build_fmt(add(f, MV_TEXT("charged to"), ROLE_TEXT), "the memory cgroup with inode %llu",
			     (unsigned long long)d->cgroup.value);
}

static void add_flags(struct facts *f, const struct mv_page_detail *d)
{
	static const struct {
		unsigned bit;
		struct mv_clean name, meaning;
	} flags[] = {
#define X(b, name, meaning) {b, {#name}, {meaning}},
		MV_FRAME_FLAGS(X)
#undef X
	};
	bool first = true;

	if (!mv_have(&d->flags)) {
		add_why(f, MV_TEXT("flags"), d->flags.why);
		return;
	}
	for (size_t i = 0; i < MV_COUNT_OF(flags); i++) {
		if (!(d->flags.value >> flags[i].bit & 1))
			continue;
		struct mv_build *b = add(f, first ? MV_TEXT("flags") : MV_TEXT(""), ROLE_TEXT);
		mv_build_clean(b, flags[i].name);
		mv_build_pad(b, 15);
		mv_build_clean(b, flags[i].meaning);
		first = false;
	}
	if (first)
		mv_build_clean(add(f, MV_TEXT("flags"), ROLE_DIM), MV_TEXT("none set"));
}

static void add_state(struct facts *f, const struct mv_page_detail *d, const struct mv_context *ctx)
{
	const struct mv_snapshot *snap = ctx->snap;
	struct mv_build *b = add(f, MV_TEXT("state"), mv_role_of_state(d->state));

	mv_words_page(b, d, snap);
	mv_build_clean(b, MV_TEXT(": "));
	mv_build_clean(b, mv_words_state_meaning(d->state));
	if (d->state == MV_PAGE_SWAPPED && mv_have(&d->swap_type) && mv_have(&d->swap_offset))
		mv_build_fmt(add(f, MV_TEXT("swap"), ROLE_TEXT), "area %llu, slot 0x%llx",
			     (unsigned long long)d->swap_type.value,
			     (unsigned long long)d->swap_offset.value);
	if (d->state == MV_PAGE_NONE || d->state == MV_PAGE_GUARD)
		return;
	if (snap->part_why[MV_PART_SOFT_DIRTY] != MV_WHY_HAVE)
		add_why(f, MV_TEXT("soft-dirty"), snap->part_why[MV_PART_SOFT_DIRTY]);
	else
		mv_build_clean(add(f, MV_TEXT("soft-dirty"), ROLE_TEXT),
			       d->word & MV_WORD_SOFTDIRTY
				   ? MV_TEXT("yes: written since the marks were last cleared")
				   : MV_TEXT("no: not written since the marks were last cleared"));
	if (d->first_seen_ns.why == MV_WHY_NOT_HERE) {
		mv_build_clean(add(f, MV_TEXT("first seen"), ROLE_TEXT),
			       MV_TEXT("it was there before memview looked"));
	} else if (mv_have(&d->first_seen_ns)) {
		uint64_t s = ctx->now_ns > d->first_seen_ns.value
				 ? (ctx->now_ns - d->first_seen_ns.value) / MV_NS_PER_SEC
				 : 0;
		mv_build_fmt(add(f, MV_TEXT("first seen"), ROLE_TEXT), "%02u:%02u:%02u ago",
			     (unsigned)(s / 3600), (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	} else {
		add_why(f, MV_TEXT("first seen"), d->first_seen_ns.why);
	}
}

static unsigned levels_of(const struct mv_snapshot *snap)
{
	return snap->levels == 5 ? 5 : 4;
}

static struct mv_clean level_name(unsigned level, unsigned levels)
{
	static const struct mv_clean names[MV_LEVELS_MAX] = {{"PTE"}, {"PMD"}, {"PUD"}, {"P4D"}, {"PGD"}};

	return level == levels ? names[MV_LEVELS_MAX - 1] : names[level - 1];
}

static void add_tables(struct facts *f, const struct mv_snapshot *snap)
{
	unsigned levels = levels_of(snap);

	if (!snap->tables_ns) {
		uint32_t why = snap->part_why[MV_PART_TABLES];
		add_why(f, MV_TEXT("tables"), why == MV_WHY_HAVE ? MV_WHY_NOT_READ : why);
		return;
	}
	struct mv_build *b = add(f, MV_TEXT("tables"), ROLE_TEXT);
	for (unsigned level = levels; level >= 1; level--) {
		mv_build_count(b, snap->tables[level - 1]);
		mv_build_clean(b, MV_TEXT(" "));
		mv_build_clean(b, level_name(level, levels));
		mv_build_clean(b, level > 1 ? MV_TEXT(", ") : MV_TEXT(" pages = "));
	}
	mv_build_size(b, snap->tables_kib * 1024);
	mv_build_clean(b, MV_TEXT("; a flat table would take "));
	mv_build_size(b, mv_pagetable_flat_bytes(snap->page_bytes, levels));
}

static void collect(const struct page *p, const struct mv_context *ctx, struct facts *f)
{
	const struct mv_page_detail *d = mv_words_detail(ctx->snap, p->addr);

	f->count = 0;
	if (p->gone) {
		mv_build_clean(add(f, MV_TEXT("state"), ROLE_GONE),
			       MV_TEXT("nothing is mapped here any more"));
		return;
	}
	if (!d) {
		mv_build_clean(add(f, MV_TEXT("state"), ROLE_DIM), MV_TEXT("reading"));
		return;
	}
	if (!mv_have(&d->have)) {
		add_why(f, MV_TEXT("state"), d->have.why);
		return;
	}
	add_state(f, d, ctx);
	add_frame(f, d, ctx->snap->page_bytes);
	if (d->block_pages > 1) {
		struct mv_build *b = add(f, MV_TEXT("block"), ROLE_TEXT);
		mv_build_clean(b, MV_TEXT("one of "));
		mv_build_count(b, d->block_pages);
		mv_build_clean(b, MV_TEXT(" pages that one PMD entry maps together"));
	}
	add_flags(f, d);
	add_tables(f, ctx->snap);
}

/* ---- where things are ---- */

static unsigned hex_rows_all(const struct page *p)
{
	return p->page_bytes / p->per_row;
}

static void lay_out(struct page *p, struct mv_rect area, unsigned facts)
{
	int y = area.y, end = area.y + area.rows;

	p->area = area;
	p->text = area.cols >= 40 ? (struct mv_rect){y, area.x + 1, area.rows, area.cols - 2} : area;
	p->path_y = p->bytes_y = -1;
	p->split = p->facts = p->hex = (struct mv_rect){0};
	y += area.rows >= 13 ? mv_header_rows(area.rows) : 0;
	if (area.rows >= 2)
		p->path_y = y++;
	if (area.rows >= 28)
		y++;
	int split = area.rows >= 34 && p->text.cols >= 6 * SPLIT_COLS + 4 ? 6
		    : area.rows >= 14					  ? 3
		    : area.rows >= 8					  ? 1
									  : 0;
	p->split = (struct mv_rect){y, p->text.x, split, p->text.cols};
	y += split + (area.rows >= 28);
	int rest = end > y ? end - y : 0;
	p->per_row = area.cols >= HEX_COLS ? 16 : 8;
	if (area.cols >= HEX_BESIDE && rest > 1) {
		int x = area.x + area.cols - HEX_COLS - 1;
		p->facts = (struct mv_rect){y, p->text.x, rest, x - p->text.x - 2};
		p->bytes_y = y;
		p->hex = (struct mv_rect){y + 1, x, rest - 1, HEX_COLS};
		return;
	}
	int hex = rest < 6 ? (p->bytes_pane ? rest : 0) : rest - (int)facts - 1;
	if (rest >= 6 && hex < rest / 2 - 1)
		hex = rest / 2 - 1;
	bool bare = rest < 6;
	p->facts = (struct mv_rect){y, p->text.x, rest - hex - (hex && !bare), p->text.cols};
	p->hex = (struct mv_rect){end - hex, area.cols >= HEX_COLS + 2 ? p->text.x : area.x, hex, area.cols};
	if (hex && !bare)
		p->bytes_y = end - hex - 1;
}

static void keep_in_sight(struct page *p)
{
	unsigned row = p->byte / p->per_row, rows = (unsigned)p->hex.rows, shown = (unsigned)p->facts.rows;

	if (row < p->hex_top)
		p->hex_top = row;
	if (rows && row >= p->hex_top + rows)
		p->hex_top = row - rows + 1;
	if (hex_rows_all(p) <= rows)
		p->hex_top = 0;
	else if (p->hex_top > hex_rows_all(p) - rows)
		p->hex_top = hex_rows_all(p) - rows;
	if (p->facts_count <= shown)
		p->facts_top = 0;
	else if (p->facts_top > p->facts_count - shown)
		p->facts_top = p->facts_count - shown;
}

static int page_init(void *state, const struct mv_place *place)
{
	struct page *p = state;

	p->addr = place->page;
	p->page_bytes = 4096;
	p->per_row = 16;
	p->index = UINT32_MAX;
	return 0;
}

static void page_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct page *p = state;
	struct facts facts;

	if (ctx->snap && ctx->snap->maps_ns) {
		uint32_t i = mv_snapshot_find(ctx->snap, p->addr);
		p->page_bytes = ctx->snap->page_bytes;
		p->addr -= p->addr % p->page_bytes;
		p->gone = i >= mv_snapshot_count(ctx->snap) && ctx->snap->life == MV_LIFE_ALIVE;
		p->index = i < mv_snapshot_count(ctx->snap) ? i : UINT32_MAX;
		if (p->index != UINT32_MAX) {
			const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[i];
			p->range = (struct mv_range){m->start, m->end};
			p->known = true;
		}
	}
	collect(p, ctx, &facts);
	p->facts_count = facts.count;
	lay_out(p, area, facts.count);
	keep_in_sight(p);
}

static void page_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	const struct page *p = state;

	(void)ctx;
	want->facts |= MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_PAGE | MV_FACT_TABLES;
	want->page = p->addr;
	want->visible = p->range;
}

/* ---- drawing ---- */

static bool has_tables(const struct mv_snapshot *snap)
{
	return snap->page_bytes == 4096;
}

static void draw_path(const struct page *p, const struct mv_context *ctx, struct mv_canvas *c)
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
	if (before + 17 <= end - x)
		x += mv_canvas_build(c, p->path_y, x, end - x, ROLE_DIM, &b);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("page "));
	mv_words_addr(&b, p->addr);
	x += mv_canvas_build(c, p->path_y, x, end - x, ROLE_TITLE, &b);
	if (p->gone && end - x > 24)
		mv_canvas_text(c, p->path_y, x + 2, end - x - 2, ROLE_GONE, MV_TEXT("this mapping has gone"));
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

/* "PGD 254   PUD 232   …   offset 0x123" and the bits that each is made of. */
static void draw_indices(const struct page *p, const struct mv_path *path, struct mv_canvas *c, int y,
			 bool bits)
{
	int x = p->split.x, step = path->levels == 5 && p->split.cols < 14 + 6 * SPLIT_COLS ? 11 : SPLIT_COLS;
	struct mv_build b;

	mv_build_init(&b);
	mv_words_addr(&b, p->addr + p->byte);
	x += mv_canvas_build(c, y, x, p->split.cols, ROLE_STRONG, &b) + 2;
	for (unsigned level = path->levels + 1; level-- > 0; x += step) {
		unsigned low = low_bit(level), high = level ? low + 8 : 11;
		int room = p->split.x + p->split.cols - x;
		if (room < 4)
			return;
		mv_build_init(&b);
		if (level)
			mv_build_clean(&b, level_name(level, path->levels));
		else
			mv_build_clean(&b, MV_TEXT("offset"));
		int used = mv_canvas_build(c, y, x, room, ROLE_LABEL, &b) + 1;
		mv_build_init(&b);
		mv_build_fmt(&b, level ? "%u" : "0x%x", level ? path->index[level - 1] : p->byte);
		mv_canvas_build(c, y, x + used, room - used, ROLE_STRONG, &b);
		if (!bits)
			continue;
		mv_build_init(&b);
		mv_build_fmt(&b, level == path->levels ? "bits %u-%u" : "%u-%u", high, low);
		mv_canvas_build(c, y + 1, x, room, ROLE_DIM, &b);
	}
}

/* The walk in one line: PGD[254] ─▸ PUD[232] ─▸ … */
static void draw_walk_line(const struct page *p, const struct mv_path *path, const struct mv_page_detail *d,
			   struct mv_canvas *c, int y)
{
	int x = p->split.x, end = x + p->split.cols;
	struct mv_build b;

	for (unsigned level = path->levels; level >= lowest_level(d); level--) {
		mv_build_init(&b);
		mv_build_clean(&b, level_name(level, path->levels));
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
static void draw_walk_boxes(const struct page *p, const struct mv_path *path, const struct mv_page_detail *d,
			    struct mv_canvas *c, int y)
{
	int x = p->split.x + 14, end = p->split.x + p->split.cols;
	int step = path->levels == 5 && p->split.cols < 14 + 6 * SPLIT_COLS ? 11 : SPLIT_COLS;
	struct mv_build b;

	for (unsigned level = path->levels + 1; level-- > 0; x += step) {
		if (x + 12 <= end)
			draw_binary(c, y, x, level ? path->index[level - 1] : p->byte, level ? 9 : 12);
		if (level < lowest_level(d))
			continue;
		struct mv_rect in = mv_canvas_box(c, (struct mv_rect){y + 1, x, 3, step - 3},
						  level_name(level, path->levels));
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

static void draw_split(const struct page *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_page_detail *d = mv_words_detail(ctx->snap, p->addr);

	if (!p->split.rows || !ctx->snap)
		return;
	if (!has_tables(ctx->snap)) {
		mv_canvas_text(c, p->split.y, p->split.x, p->split.cols, ROLE_WARN,
			       MV_TEXT("the shape of page tables is known for pages of 4K only"));
		return;
	}
	struct mv_path path = mv_pagetable_path(p->addr + p->byte, levels_of(ctx->snap));
	draw_indices(p, &path, c, p->split.y, p->split.rows > 1);
	if (p->split.rows >= 6)
		draw_walk_boxes(p, &path, d, c, p->split.y + 2);
	else if (p->split.rows >= 3)
		draw_walk_line(p, &path, d, c, p->split.y + 2);
}

static void draw_facts(const struct page *p, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct facts f;

	collect(p, ctx, &f);
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
		mv_canvas_build(c, y, x + LABEL_COLS, more && room > 16 ? room - 12 : room, f.at[n].role,
				&f.at[n].text);
		if (more && room > 16)
			mv_canvas_text_right(c, y, x, p->facts.cols, ROLE_DIM, MV_TEXT("more below"));
	}
}

static void draw_bytes(const struct page *p, const struct mv_context *ctx, struct mv_canvas *c)
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

static void page_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
		      struct mv_rect area)
{
	const struct page *p = state;

	if (area.rows < 1 || area.cols < 1)
		return;
	if (area.rows >= 13)
		mv_header_draw(ctx, canvas, area);
	draw_path(p, ctx, canvas);
	draw_split(p, ctx, canvas);
	draw_facts(p, ctx, canvas);
	draw_bytes(p, ctx, canvas);
}

/* ---- keys ---- */

static struct mv_outcome stay(void)
{
	return (struct mv_outcome){.kind = MV_OUT_STAY};
}

static struct mv_outcome hint(struct mv_clean text)
{
	return (struct mv_outcome){.kind = MV_OUT_HINT, .text = text};
}

static struct mv_outcome turn_page(struct page *p, bool next)
{
	if (!p->known || p->gone)
		return hint(MV_TEXT("nothing is mapped here"));
	if (next ? p->addr + p->page_bytes >= p->range.end : p->addr <= p->range.start)
		return hint(next ? MV_TEXT("the mapping ends here") : MV_TEXT("the mapping begins here"));
	p->addr = next ? p->addr + p->page_bytes : p->addr - p->page_bytes;
	p->facts_top = 0;
	return stay();
}

/* Over the page's edge the neighbouring page goes on. */
static struct mv_outcome move_byte(struct page *p, int by)
{
	int to = (int)p->byte + by, size = (int)p->page_bytes;

	if (to < 0 || to >= size) {
		struct mv_outcome out = turn_page(p, by > 0);
		if (out.kind != MV_OUT_STAY)
			return out;
		to += by > 0 ? -size : size;
	}
	p->byte = (unsigned)to;
	return stay();
}

static struct mv_outcome act_on_bytes(struct page *p, enum mv_action action)
{
	int row = (int)p->per_row, screen = p->hex.rows > 1 ? p->hex.rows - 1 : 1;

	switch (action) {
	case MV_ACT_LEFT:
		return move_byte(p, -1);
	case MV_ACT_RIGHT:
		return move_byte(p, 1);
	case MV_ACT_UP:
		return move_byte(p, -row);
	case MV_ACT_DOWN:
		return move_byte(p, row);
	case MV_ACT_PAGE_UP:
		return move_byte(p, -row * screen);
	case MV_ACT_PAGE_DOWN:
		return move_byte(p, row * screen);
	case MV_ACT_FIRST:
		p->byte = 0;
		return stay();
	case MV_ACT_LAST:
		p->byte = p->page_bytes - 1;
		return stay();
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
}

static struct mv_outcome act_on_facts(struct page *p, enum mv_action action)
{
	unsigned shown = (unsigned)p->facts.rows, most = p->facts_count > shown ? p->facts_count - shown : 0;

	switch (action) {
	case MV_ACT_LEFT:
		return turn_page(p, false);
	case MV_ACT_RIGHT:
		return turn_page(p, true);
	case MV_ACT_UP:
		p->facts_top -= p->facts_top > 0;
		return stay();
	case MV_ACT_DOWN:
		p->facts_top += p->facts_top < most;
		return stay();
	case MV_ACT_PAGE_UP:
		p->facts_top -= p->facts_top < shown ? p->facts_top : shown;
		return stay();
	case MV_ACT_PAGE_DOWN:
		p->facts_top = p->facts_top + shown < most ? p->facts_top + shown : most;
		return stay();
	case MV_ACT_FIRST:
		p->addr = p->known ? p->range.start : p->addr;
		return stay();
	case MV_ACT_LAST:
		p->addr = p->known ? p->range.end - p->page_bytes : p->addr;
		return stay();
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
}

/* A click on a byte selects it, a click anywhere above turns to the facts. */
static struct mv_outcome click(struct page *p, struct mv_input input)
{
	int y = input.y - p->hex.y, x = input.x - p->hex.x - 14;

	if (input.key != MV_KEY_CLICK)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	p->bytes_pane = y >= 0 && y < p->hex.rows && x >= -14;
	if (!p->bytes_pane || x < 0)
		return stay();
	int text = (int)p->per_row * 3 + (p->per_row > 8) + 1;
	int i = x >= text ? x - text : (x - (x > 24)) / 3;
	unsigned at = (p->hex_top + (unsigned)y) * p->per_row + (unsigned)i;
	if (i < (int)p->per_row && at < p->page_bytes)
		p->byte = at;
	return stay();
}

static struct mv_outcome page_act(void *state, const struct mv_context *ctx, enum mv_action action,
				  struct mv_input input)
{
	struct page *p = state;

	(void)ctx;
	if (action == MV_ACT_NONE)
		return click(p, input);
	if (action == MV_ACT_PANE) {
		p->bytes_pane = !p->bytes_pane;
		return stay();
	}
	return p->bytes_pane ? act_on_bytes(p, action) : act_on_facts(p, action);
}

static bool page_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			 struct mv_meaning *ret_meaning)
{
	static const struct {
		struct mv_clean title, formula, source, unit, note;
	} all[] = {
	    {{"index into each table"},
	     {"bits of the address: 9 a level, 12 for the offset in the page"},
	     {"the address itself; levels by the la57 flag of /proc/cpuinfo"},
	     {"entry number, 0 to 511"},
	     {"A table has 512 entries of 8 bytes: one page. What was never touched has no table."}},
	    {{"state of the page"},
	     {"the first rule that fits: guard, swapped, zero page, private copy, anon, shared memory, file, "
	      "not touched"},
	     {"/proc/PID/pagemap: the page's word (63 present, 62 swapped, 61 file, 58 guard, 56 exclusive)"},
	     {"one page"},
	     {"Exclusive: bit 56, no other process maps it."}},
	    {{"frame"},
	     {"bits 0-54 of the pagemap word; RAM address = frame x bytes of a page"},
	     {"/proc/PID/pagemap; 0 without CAP_SYS_ADMIN"},
	     {"frame number"},
	     {"Which piece of RAM holds this page now. It changes when the page is moved or swapped."}},
	    {{"mapped"},
	     {"how often page tables point at this frame"},
	     {"/proc/kpagecount, 8 bytes at frame x 8"},
	     {"mappings"},
	     {"Needs CAP_SYS_ADMIN for the frame number and CAP_DAC_READ_SEARCH to open the file."}},
	    {{"charged to"},
	     {"the memory cgroup whose limit this page counts against"},
	     {"/proc/kpagecgroup, 8 bytes at frame x 8"},
	     {"inode of the cgroup's directory"},
	     {"0 is no cgroup: a page of the kernel's own, or the zero page."}},
	    {{"flags"},
	     {"one bit each"},
	     {"/proc/kpageflags, 8 bytes at frame x 8; Documentation/admin-guide/mm/pagemap.rst"},
	     {"set or not"},
	     {"What the kernel notes about the frame, not about this mapping of it."}},
	    {{"soft-dirty"},
	     {"bit 55 of the pagemap word"},
	     {"/proc/PID/pagemap"},
	     {"set or not"},
	     {"memview never clears the marks (that would be a write to /proc/PID/clear_refs)."}},
	    {{"first seen"},
	     {"time of the first look that found the page, where the look before did not"},
	     {"memview's own notes of PAGEMAP_SCAN"},
	     {"hours, minutes, seconds ago"},
	     {"Only as fine as the interval between two looks."}},
	    {{"tables of this process"},
	     {"a PTE table for every 2M, a PMD for every 1G, a PUD for every 512G that holds a page; x 4K"},
	     {"counted from /proc/PID/pagemap; compare VmPTE in /proc/PID/status"},
	     {"tables, bytes"},
	     {"A flat table would need 8 bytes for each of the 2^35 pages of the user's half: 256G."}},
	    {{"bytes"},
	     {"as they are in memory"},
	     {"process_vm_readv, only where pagemap says the page is present"},
	     {"bytes, hexadecimal"},
	     {"Reading a page that is not there would bring it in: memview doesn't."}},
	};

	(void)state;
	if (n < MV_COUNT_OF(all)) {
		mv_words_meaning(ret_meaning, all[n].title, all[n].formula, all[n].source, all[n].unit,
				 all[n].note);
		return true;
	}
	return mv_header_meaning(ctx, n - (unsigned)MV_COUNT_OF(all), ret_meaning);
}

static struct mv_place page_place(const void *state, const struct mv_context *ctx)
{
	const struct page *p = state;

	(void)ctx;
	return (struct mv_place){p->range.start, p->addr};
}

const struct mv_view_ops mv_view_page = {
    .id = MV_VIEW_PAGE,
    .letter = 'g',
    .name = {"Page"},
    .state_bytes = sizeof(struct page),
    .init = page_init,
    .settle = page_settle,
    .want = page_want,
    .draw = page_draw,
    .act = page_act,
    .meaning = page_meaning,
    .place = page_place,
};
