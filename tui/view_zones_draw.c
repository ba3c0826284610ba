/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/text.h"
#include "tui/view_zones.h"

/* Zones against their marks; the free lists as a picture and in words; nodes and pools of huge pages. */

// clang-format off
#define COLUMNS(X)                                              \
	X(NAME, "NODE ZONE", 12, 12, 0, false)                  \
	X(FREE, "FREE", 6, 6, 0, true)                          \
	X(BAR, "AGAINST MARKS", 32, 13, 1, false)                \
	X(TIMES, "X HIGH", 6, 6, 2, true)                       \
	X(MIN, "MIN", 5, 5, 6, true)                            \
	X(LOW, "LOW", 5, 5, 7, true)                            \
	X(HIGH, "HIGH", 5, 5, 8, true)                          \
	X(MANAGED, "OF", 6, 6, 3, true)                         \
	X(LARGEST, "LARGEST", 7, 7, 5, true)                    \
	X(HUGE, "HUGE", 6, 6, 4, true)
// clang-format on

static const struct {
	struct mv_clean heading;
	int width, min_width, give_up;
	bool right;
} infos[ZONE__COLUMNS] = {
#define X(id, heading, width, min, give, right) [ZONE_##id] = {{heading}, width, min, give, right},
    COLUMNS(X)
#undef X
};

void zones_columns_layout(struct zones_view *v, const struct mv_context *ctx)
{
	for (int i = 0; i < ZONE__COLUMNS; i++) {
		v->columns[i] = (struct mv_column){.heading = infos[i].heading,
						   .width = infos[i].width,
						   .min_width = infos[i].min_width,
						   .give_up = infos[i].give_up,
						   .right = infos[i].right,
						   .on = true};
		if (ctx->exact && (i == ZONE_FREE || i == ZONE_MANAGED || (i >= ZONE_MIN && i <= ZONE_HIGH)))
			v->columns[i].width = v->columns[i].min_width = 15;
	}
	mv_table_layout(v->columns, ZONE__COLUMNS, v->table.cols, -1);
	for (int i = 0; i < ZONE__COLUMNS; i++)
		v->columns[i].x += v->table.x;
}

static uint64_t page_of(const struct mv_context *ctx)
{
	return ctx->machine && ctx->machine->page_bytes ? ctx->machine->page_bytes : 4096;
}

static uint64_t huge_of(const struct mv_context *ctx)
{
	struct mv_val v = mv_machine_mem(ctx, MV_MEM_HUGE_SIZE);

	return mv_have(&v) && v.value ? v.value : UINT64_C(2) << 20;
}

/* "4K", "2M": powers of two need no decimals. */
static void build_block(struct mv_build *b, uint64_t bytes)
{
	static const struct mv_clean units[] = {{"B"}, {"K"}, {"M"}, {"G"}};
	size_t i = 0;

	while (i + 1 < MV_COUNT_OF(units) && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	mv_build_fmt(b, "%llu", (unsigned long long)bytes);
	mv_build_clean(b, units[i]);
}

/* ---- zones ---- */

/* The bar ends at twice the high mark: what matters is how near the marks are. */
static void draw_marks(struct mv_canvas *c, int y, const struct mv_column *col, const struct mv_zone *z)
{
	uint64_t whole = 2 * z->high;
	const uint64_t marks[] = {z->min, z->low, z->high};
	enum mv_role role = z->free < z->min ? ROLE_ALERT : z->free < z->low ? ROLE_WARN : ROLE_GOOD;

	if (!col->w)
		return;
	if (!whole) {
		mv_canvas_text(c, y, col->x, col->w, ROLE_DIM, MV_TEXT("no marks"));
		return;
	}
	mv_bar_draw(c, y, col->x, col->w, role, z->free > whole ? whole : z->free, whole);
	if (z->free > whole)
		mv_canvas_glyph2(c, y, col->x + col->w - 1, role, U'»', '>');
	for (size_t i = 0; i < MV_COUNT_OF(marks); i++) {
		int x = (int)((unsigned __int128)marks[i] * (unsigned)col->w / whole);

		mv_canvas_glyph2(c, y, col->x + (x < col->w ? x : col->w - 1), ROLE_STRONG, U'┃', '|');
	}
}

static void draw_times(struct mv_canvas *c, int y, const struct mv_column *col, const struct mv_zone *z)
{
	struct mv_build b;

	mv_build_init(&b);
	if (!z->high) {
		mv_build_clean(&b, MV_TEXT("-"));
	} else {
		double times = (double)z->free / (double)z->high;

		mv_build_fmt(&b, times < 9.95 ? "%.1f" : "%.0f", times);
	}
	mv_cell_put(c, y, col, z->free < z->low ? ROLE_WARN : ROLE_TEXT, &b);
}

static void draw_zone(const struct zones_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		      uint32_t row)
{
	const struct mv_zone *z = zone_at(v, ctx, row);
	const struct mv_column *col = v->columns;
	uint64_t page = page_of(ctx);
	char name[16];
	struct mv_build b;

	mv_build_init(&b);
	if (v->has_sum && row == 0) {
		mv_build_clean(&b, MV_TEXT("all zones"));
	} else {
		mv_build_fmt(&b, "%4u ", z->node);
		mv_build_clean(&b,
			       mv_clean_into(name, sizeof(name), z->name, strnlen(z->name, sizeof(z->name))));
	}
	mv_cell_put(c, y, &col[ZONE_NAME], v->has_sum && row == 0 ? ROLE_STRONG : ROLE_TEXT, &b);
	mv_cell_size(c, y, &col[ZONE_FREE], ROLE_STRONG, mv_val_of(z->free * page), ctx->exact);
	draw_marks(c, y, &col[ZONE_BAR], z);
	draw_times(c, y, &col[ZONE_TIMES], z);
	mv_cell_size(c, y, &col[ZONE_MIN], ROLE_TEXT, mv_val_of(z->min * page), ctx->exact);
	mv_cell_size(c, y, &col[ZONE_LOW], ROLE_TEXT, mv_val_of(z->low * page), ctx->exact);
	mv_cell_size(c, y, &col[ZONE_HIGH], ROLE_TEXT, mv_val_of(z->high * page), ctx->exact);
	mv_cell_size(c, y, &col[ZONE_MANAGED], ROLE_TEXT, mv_val_of(z->managed * page), ctx->exact);
	mv_build_init(&b);
	build_block(&b, zone_largest(z, page));
	mv_cell_put(c, y, &col[ZONE_LARGEST], ROLE_TEXT, &b);
	mv_cell_count(c, y, &col[ZONE_HUGE], ROLE_TEXT, mv_val_of(zone_blocks(z, page, huge_of(ctx))));
}

void zones_table_draw(const struct zones_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->table;

	if (v->head_y >= 0)
		mv_table_headings(c, v->head_y, v->columns, ZONE__COLUMNS, -1, false);
	for (int i = 0; i < t->rows && v->top + (uint32_t)i < v->count; i++) {
		draw_zone(v, ctx, c, t->y + i, v->top + (uint32_t)i);
		if (v->top + (uint32_t)i != v->at)
			continue;
		mv_canvas_glyph(c, t->y + i, t->x - 2, ROLE_CURSOR, U'>');
		/* Reverse video would turn the bar inside out. */
		int cols =
		    ctx->mono && v->columns[ZONE_BAR].w ? v->columns[ZONE_BAR].x - t->x + 2 : t->cols + 2;
		mv_canvas_attr(c, (struct mv_rect){t->y + i, t->x - 2, 1, cols}, MV_ATTR_CURSOR);
	}
}

/* ---- the free lists ---- */

/* As high as the memory that lies in blocks of this size: of a thousand single pages there is less than of
 * four blocks of 4M. */
static void draw_column(struct mv_canvas *c, struct mv_rect r, uint64_t bytes, uint64_t most,
			enum mv_role role)
{
	static const char32_t glyphs[] = U" ▁▂▃▄▅▆▇█";
	static const char ascii[] = " .:-=+*##";
	uint64_t eighths = most ? (uint64_t)((unsigned __int128)bytes * (unsigned)r.rows * 8 / most) : 0;

	if (bytes && !eighths)
		eighths = 1;
	for (int y = 0; y < r.rows; y++) {
		uint64_t below = (uint64_t)(r.rows - 1 - y) * 8, here = eighths > below ? eighths - below : 0;

		here = here > 8 ? 8 : here;
		for (int x = 0; here && x < r.cols; x++)
			mv_canvas_glyph2(c, r.y + y, r.x + x, role, glyphs[here], ascii[here]);
	}
}

static void draw_title(const struct zones_view *v, const struct mv_zone *z, struct mv_canvas *c)
{
	char name[16];
	struct mv_build b;

	if (v->title_y < 0)
		return;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("free blocks by size, "));
	if (v->has_sum && v->at == 0) {
		mv_build_clean(&b, MV_TEXT("all zones"));
	} else {
		mv_build_fmt(&b, "node %u ", z->node);
		mv_build_clean(&b,
			       mv_clean_into(name, sizeof(name), z->name, strnlen(z->name, sizeof(z->name))));
	}
	mv_rule_draw(c, v->title_y, v->text.x, v->text.cols, ROLE_STRONG, mv_build_text(&b));
}

void zones_chart_draw(const struct zones_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_zone *z = zone_at(v, ctx, v->at);
	const struct mv_rect *r = &v->chart;
	uint64_t page = page_of(ctx), most = 0;
	int orders = z ? (int)z->orders : 0, label = r->cols >= 76 ? 8 : 0, each;
	struct mv_build b;
	char brief[8];

	if (!z || r->rows < 2)
		return;
	draw_title(v, z, c);
	if (!orders)
		return;
	each = (r->cols - label) / orders;
	each = each > 12 ? 12 : each;
	for (int i = 0; i < orders; i++)
		most = (z->blocks[i] * page) << i > most ? (z->blocks[i] * page) << i : most;
	int bars = r->rows > 3 ? r->rows - 3 : 0, y = r->y + bars;
	static const struct mv_clean labels[] = {{"blocks"}, {"of"}, {"hold"}};
	for (int i = 0; label && i < 3 && y + i < r->y + r->rows; i++)
		mv_canvas_text(c, y + i, r->x, label, ROLE_LABEL, labels[i]);
	for (int i = 0; i < orders && each >= 3; i++) {
		int x = r->x + label + i * each, w = each - 1;
		uint64_t bytes = (z->blocks[i] * page) << i;
		bool huge = page << i >= huge_of(ctx);

		draw_column(c, (struct mv_rect){r->y, x, bars, w}, bytes, most, huge ? ROLE_GOOD : ROLE_BAR);
		mv_text_short(brief, z->blocks[i]);
		mv_canvas_text_right(c, y, x, w, z->blocks[i] ? ROLE_TEXT : ROLE_DIM, mv_words(brief));
		mv_build_init(&b);
		build_block(&b, page << i);
		mv_canvas_text_right(c, y + 1, x, w, huge ? ROLE_GOOD : ROLE_LABEL, mv_build_text(&b));
		if (r->rows < 3)
			continue;
		mv_build_init(&b);
		mv_build_size(&b, bytes);
		mv_canvas_text_right(c, y + 2, x, w, ROLE_DIM, mv_build_text(&b));
	}
}

void zones_words(struct mv_build *b, const struct zones_view *v, const struct mv_context *ctx)
{
	const struct mv_zone *z = zone_at(v, ctx, v->at);
	uint64_t page = page_of(ctx), huge = huge_of(ctx), small = 0, all = 0;

	mv_build_init(b);
	if (!z)
		return;
	uint64_t largest = zone_largest(z, page), times = zone_blocks(z, page, huge);
	for (uint32_t i = 0; i < z->orders && i < MV_ORDERS; i++) {
		all += (z->blocks[i] * page) << i;
		small += page << i < huge ? (z->blocks[i] * page) << i : 0;
	}
	if (!largest) {
		mv_build_clean(b, MV_TEXT("no block is free here"));
		return;
	}
	mv_build_clean(b, MV_TEXT("the largest free block is "));
	build_block(b, largest);
	mv_build_clean(b, MV_TEXT("; a huge page ("));
	build_block(b, huge);
	mv_build_clean(b, MV_TEXT(") could be had "));
	mv_build_count(b, times);
	mv_build_clean(b, times == 1 ? MV_TEXT(" time without compaction")
				     : MV_TEXT(" times without compaction"));
	if (!all)
		return;
	mv_build_fmt(b, "; %.0f %% of what is free", (double)small * 100 / (double)all);
	mv_build_clean(b, MV_TEXT(" lies in smaller blocks"));
}

/* ---- nodes, pools ---- */

static void build_node(struct mv_build *b, const struct mv_context *ctx, const struct mv_node *n, int cols)
{
	static const struct mv_clean words[] = {{" free"}, {" anon"}, {" file"}, {" slab"}};
	const uint64_t sizes[] = {n->free_bytes, n->anon_bytes, n->file_bytes, n->slab_bytes};
	const struct mv_val counts[] = {n->hit, n->miss, n->foreign};
	static const struct mv_clean names[] = {{"  hit "}, {"  miss "}, {"  foreign "}};
	char brief[8];

	mv_build_init(b);
	mv_build_fmt(b, "node %u", n->node);
	mv_build_pad(b, 8);
	mv_size_build(b, n->total_bytes, ctx->exact);
	mv_build_clean(b, MV_TEXT(":"));
	for (size_t i = 0; i < MV_COUNT_OF(words) - (cols < 90); i++) {
		mv_build_clean(b, i ? MV_TEXT(", ") : MV_TEXT(" "));
		mv_size_build(b, sizes[i], ctx->exact);
		mv_build_clean(b, words[i]);
	}
	for (size_t i = 0; i < MV_COUNT_OF(counts); i++) {
		if (!mv_have(&counts[i]))
			continue;
		mv_build_clean(b, names[i]);
		mv_text_short(brief, counts[i].value);
		mv_build_clean(b, mv_words(brief));
	}
}

static void build_pool(struct mv_build *b, const struct mv_huge_pool *p)
{
	mv_build_init(b);
	mv_build_clean(b, MV_TEXT("pool "));
	build_block(b, p->page_bytes);
	mv_build_pad(b, 8);
	if (!p->total && !p->surplus) {
		mv_build_clean(b, MV_TEXT("no huge page of this size is set aside"));
		return;
	}
	mv_build_count(b, p->total);
	mv_build_clean(b, MV_TEXT(" huge pages ("));
	mv_build_size(b, p->total * p->page_bytes);
	mv_build_clean(b, MV_TEXT("), "));
	mv_build_count(b, p->free);
	mv_build_clean(b, MV_TEXT(" free, "));
	mv_build_count(b, p->reserved);
	mv_build_clean(b, MV_TEXT(" of these promised, "));
	mv_build_count(b, p->surplus);
	mv_build_clean(b, MV_TEXT(" surplus"));
}

int zones_more_draw(const struct zones_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_ram *ram = ctx->machine ? &ctx->machine->ram : NULL;
	const struct mv_rect *r = &v->more;
	struct mv_build b;
	int y = 0;

	if (!ram)
		return 0;
	for (uint32_t i = 0; i < ram->nodes_count && i < MV_NODES; i++, y++) {
		build_node(&b, ctx, &ram->nodes[i], r->cols);
		if (c && y < r->rows)
			mv_canvas_build(c, r->y + y, r->x, r->cols, ROLE_TEXT, &b);
	}
	if (!ram->nodes_count) {
		mv_build_init(&b);
		mv_build_clean(&b, ram->nodes_why == MV_WHY_NOT_HERE ? MV_TEXT("one memory node: no NUMA")
								     : MV_TEXT("nodes: "));
		if (ram->nodes_why != MV_WHY_NOT_HERE)
			mv_build_why(&b, (enum mv_why)ram->nodes_why);
		if (c && y < r->rows)
			mv_canvas_build(c, r->y + y, r->x, r->cols, ROLE_DIM, &b);
		y++;
	}
	for (uint32_t i = 0; i < ram->huge_count && i < MV_HUGE_SIZES; i++, y++) {
		build_pool(&b, &ram->huge[i]);
		if (c && y < r->rows)
			mv_canvas_build(c, r->y + y, r->x, r->cols, ram->huge[i].total ? ROLE_TEXT : ROLE_DIM,
					&b);
	}
	return y;
}

/* ---- what it is ---- */

static const struct {
	struct mv_clean title, formula, source, unit, note;
} meanings[] = {
    {{"AGAINST MARKS"},
     {"free memory of the zone, up to twice its high mark. Below low the kernel's thread kswapd begins to "
      "reclaim, and goes on until high is "
      "reached; below min whoever asks must reclaim for himself, and waits"},
     {"/proc/zoneinfo: pages free, min, low, high"},
     {"the marks ┃ stand at min, low and high"},
     {"vm.min_free_kbytes and vm.watermark_scale_factor set them."}},
    {{"free blocks"},
     {"free memory is kept in blocks of 1, 2, 4, ... pages. A bar is as high as the memory that lies in "
      "blocks of its size"},
     {"/proc/buddyinfo"},
     {"blocks; their size; bytes that they hold together"},
     {"Where all is in small blocks RAM is fragmented: a huge page, or a driver's large buffer, can be had "
      "only after pages were moved "
      "together (compaction)."}},
    {{"HUGE"},
     {"huge pages that could be taken from the free lists as they are"},
     {"/proc/buddyinfo, /proc/meminfo Hugepagesize"},
     {"a count"},
     {""}},
    {{"node, hit, miss, foreign"},
     {"hit: pages that were wanted on this node and came from it. miss: they came from it although wanted "
      "elsewhere. foreign: they were wanted "
      "here and came from elsewhere"},
     {"/sys/devices/system/node/node*/meminfo, numastat"},
     {"bytes; pages since boot"},
     {"Memory of another node is slower to reach."}},
    {{"pool"},
     {"huge pages set aside for hugetlbfs, by size: in the pool, free, promised but not touched, and beyond "
      "the pool's size"},
     {"hugepages-*kB below /sys/kernel/mm/hugepages"},
     {"pages of that size"},
     {"What the pool holds nothing else can use, whether it is free or not."}},
};

bool zones_meaning(const struct zones_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m)
{
	(void)v;
	(void)ctx;
	if (n >= MV_COUNT_OF(meanings))
		return false;
	mv_words_meaning(m, meanings[n].title, meanings[n].formula, meanings[n].source, meanings[n].unit,
			 meanings[n].note);
	return true;
}
