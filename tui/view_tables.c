/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/pagetable.h"
#include "tui/view_pages.h"

/*
 * What the page tables cost: per level, against VmPTE and a flat table; and per mapping, the dearest first.
 */

#define TABLE_BYTES 4096u
#define ENTRIES	    512u

enum column {
	COL_ADDRESS,
	COL_SIZE,
	COL_RSS,
	COL_PTE,
	COL_PMD,
	COL_PUD,
	COL_COST,
	COL_FULL,
	COL_NAME,
	COL__N
};

struct key {
	uint64_t value;
	uint32_t index;
};

struct tables {
	uint64_t selected; /* start of a mapping; 0: none yet */
	uint32_t at;	   /* its row in the order */
	uint32_t top;
	enum column sorted;
	bool reverse;
	struct key *order; /* of the mappings of the snapshot settled with */
	uint32_t count, cap;
	uint64_t order_for[4]; /* tables read at, list of mappings, epoch, sort */
	bool order_short;      /* memory ran out */
	uint64_t entries;      /* used at the lowest level, summed over the mappings */
	uint64_t page;	       /* where we came from */
	struct mv_rect area, text;
	int path_y, levels_y, sums_y, flat_y, head_y, list_y, list_rows; /* y -1: no room */
	char find[256];
};

static unsigned levels_of(const struct mv_snapshot *snap)
{
	return snap->levels == 5 ? 5 : 4;
}

static struct mv_clean level_name(unsigned level, unsigned levels)
{
	static const struct mv_clean names[MV_LEVELS_MAX] = {{"PTE"}, {"PMD"}, {"PUD"}, {"P4D"}, {"PGD"}};

	return level == levels ? names[MV_LEVELS_MAX - 1] : names[level - 1];
}

static uint64_t tables_of(const struct mv_mapping_tables *t)
{
	return t ? (uint64_t)t->tables[0] + t->tables[1] + t->tables[2] : 0;
}

/* ---- the order of the mappings ---- */

static int compare_names(const void *a, const void *b, void *arg)
{
	const struct mv_snapshot *snap = arg;
	uint32_t i = ((const struct key *)a)->index, j = ((const struct key *)b)->index;
	int by_name = strcmp(mv_snapshot_name(snap, i).text, mv_snapshot_name(snap, j).text);

	return by_name ? by_name : (i > j) - (i < j);
}

/* Largest first, equals by address; the address itself ascends. */
static int compare_values(const void *a, const void *b, void *arg)
{
	const struct key *x = a, *y = b;

	(void)arg;
	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return (x->index > y->index) - (x->index < y->index);
}

static uint64_t value_of(const struct mv_snapshot *snap, uint32_t i, enum column by)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[i];
	const struct mv_mapping_tables *t = mv_snapshot_tables(snap, i);
	struct mv_val rss;

	switch (by) {
	case COL_SIZE:
		return mv_mapping_bytes(m);
	case COL_RSS:
		rss = mv_snapshot_rss(snap, i);
		return mv_have(&rss) ? rss.value : 0;
	case COL_PTE:
	case COL_PMD:
	case COL_PUD:
		return t ? t->tables[by - COL_PTE] : 0;
	case COL_COST:
		return tables_of(t);
	case COL_FULL:
		return t && t->tables[0] ? t->entries * UINT64_C(1000) / t->tables[0] : 0;
	default:
		return UINT64_MAX - i;
	}
}

static bool make_room(struct tables *v, uint32_t count)
{
	if (count <= v->cap)
		return true;
	uint32_t cap = count + count / 2;
	struct key *bigger = realloc(v->order, cap * sizeof(*bigger));
	if (!bigger)
		return false;
	v->order = bigger;
	v->cap = cap;
	return true;
}

/* Sort anew when the tables were read anew. O(n log n) then, else nothing. */
static void sort(struct tables *v, const struct mv_snapshot *snap)
{
	uint64_t now[4] = {snap->tables_ns, snap->maps_gen, snap->epoch,
			   (uint64_t)v->sorted * 2 + v->reverse};
	uint32_t count = mv_snapshot_count(snap);

	if (v->order && v->count == count && !memcmp(now, v->order_for, sizeof(now)))
		return;
	v->order_short = !make_room(v, count);
	v->count = v->order_short ? 0 : count;
	v->entries = 0;
	for (uint32_t i = 0; i < v->count; i++) {
		const struct mv_mapping_tables *t = mv_snapshot_tables(snap, i);
		v->order[i] = (struct key){value_of(snap, i, v->sorted), i};
		v->entries += t ? t->entries : 0;
	}
	if (v->count)
		qsort_r(v->order, v->count, sizeof(*v->order),
			v->sorted == COL_NAME ? compare_names : compare_values, (void *)(uintptr_t)snap);
	for (uint32_t i = 0; v->reverse && i < v->count / 2; i++) {
		struct key k = v->order[i];
		v->order[i] = v->order[v->count - 1 - i];
		v->order[v->count - 1 - i] = k;
	}
	memcpy(v->order_for, now, sizeof(now));
}

/* The row of the selected mapping; when it has gone, the row stays and selects what is there now. */
static void follow(struct tables *v, const struct mv_snapshot *snap)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);

	if (!v->count)
		return;
	uint32_t i = v->selected ? mv_snapshot_find(snap, v->selected) : v->count;
	if (v->at < v->count && v->order[v->at].index == i)
		return;
	for (uint32_t row = 0; i < v->count && row < v->count; row++) {
		if (v->order[row].index == i) {
			v->at = row;
			return;
		}
	}
	if (v->at >= v->count)
		v->at = v->count - 1;
	v->selected = maps[v->order[v->at].index].start;
}

/* ---- where things are ---- */

static void lay_out(struct tables *v, struct mv_rect area, unsigned levels)
{
	int y = area.y, end = area.y + area.rows, rows = area.rows;

	v->area = area;
	v->text = area.cols >= 40 ? (struct mv_rect){area.y, area.x + 1, rows, area.cols - 2} : area;
	v->path_y = v->levels_y = v->sums_y = v->flat_y = v->head_y = -1;
	y += rows >= 13 ? mv_header_rows(rows) : 0;
	if (rows >= 2)
		v->path_y = y++;
	if (rows >= 30)
		y++;
	if (rows >= 16) {
		v->levels_y = y;
		y += 1 + (int)levels;
	}
	if (rows >= 6)
		v->sums_y = y++;
	if (rows >= 28)
		y++;
	if (rows >= 20) {
		v->flat_y = y;
		y += rows >= 22 ? 3 : 2;
	}
	if (rows >= 30)
		y++;
	if (rows >= 4)
		v->head_y = y++;
	v->list_y = y;
	v->list_rows = end > y ? end - y : 0;
}

static int tables_init(void *state, const struct mv_place *place)
{
	struct tables *v = state;

	v->sorted = COL_COST;
	v->selected = place->mapping;
	v->page = place->page;
	return 0;
}

static void tables_go(void *state, const struct mv_place *place)
{
	struct tables *v = state;

	if (place->mapping)
		v->selected = place->mapping;
	v->page = place->page;
}

static void tables_release(void *state)
{
	free(((struct tables *)state)->order);
}

static void tables_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct tables *v = state;

	lay_out(v, area, ctx->snap ? levels_of(ctx->snap) : 4);
	if (!ctx->snap) {
		v->count = 0;
		return;
	}
	sort(v, ctx->snap);
	follow(v, ctx->snap);
	v->top = mv_table_scroll(v->top, v->at, v->count, v->list_rows);
}

static void tables_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	(void)state;
	(void)ctx;
	want->facts |= MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_TABLES;
}

/* ---- drawing: the levels ---- */

static const struct mv_column level_columns[] = {
    {.heading = {"LEVEL"}, .width = 7, .min_width = 5, .on = true},
    {.heading = {"TABLES"}, .width = 10, .min_width = 8, .on = true, .right = true},
    {.heading = {"RAM"}, .width = 8, .min_width = 6, .on = true, .right = true},
    {.heading = {"AN ENTRY MAPS"}, .width = 15, .min_width = 13, .on = true, .right = true, .give_up = 2},
    {.heading = {"ENTRIES USED"}, .width = 15, .min_width = 12, .on = true, .right = true},
    {.heading = {"OF"}, .width = 13, .min_width = 10, .on = true, .right = true, .give_up = 1},
    {.heading = {"FULL"}, .width = 16, .min_width = 6, .on = true, .give_up = 3},
};

static void put(struct mv_canvas *c, struct mv_rect text, int y, const struct mv_column *col,
		enum mv_role role, const struct mv_build *b)
{
	if (!col->w)
		return;
	if (col->right)
		mv_canvas_text_right(c, y, text.x + col->x, col->w, role, mv_build_text(b));
	else
		mv_canvas_build(c, y, text.x + col->x, col->w, role, b);
}

static void put_count(struct mv_canvas *c, struct mv_rect text, int y, const struct mv_column *col,
		      enum mv_role role, uint64_t n)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_count(&b, n);
	put(c, text, y, col, n ? role : ROLE_DIM, &b);
}

static void put_size(struct mv_canvas *c, struct mv_rect text, int y, const struct mv_column *col,
		     enum mv_role role, uint64_t bytes, bool exact)
{
	struct mv_build b;

	mv_build_init(&b);
	if (exact) {
		mv_build_count(&b, bytes / 1024);
		mv_build_clean(&b, MV_TEXT("K"));
	} else {
		mv_build_size(&b, bytes);
	}
	put(c, text, y, col, bytes ? role : ROLE_DIM, &b);
}

/* "███▌      34%" */
static void put_full(struct mv_canvas *c, struct mv_rect text, int y, const struct mv_column *col,
		     uint64_t used, uint64_t of)
{
	struct mv_build b;
	uint64_t tenths = of ? used * 1000 / of : 0;

	if (!col->w || !of)
		return;
	mv_build_init(&b);
	if (used && tenths < 100)
		mv_build_fmt(&b, "%u.%u%%", (unsigned)(tenths / 10), (unsigned)(tenths % 10));
	else
		mv_build_fmt(&b, "%u%%", (unsigned)(tenths / 10));
	if (col->w >= 10)
		mv_bar_draw(c, y, text.x + col->x, col->w - 6, ROLE_BAR, used, of);
	mv_canvas_text_right(c, y, text.x + col->x + col->w - 5, 5, ROLE_TEXT, mv_build_text(&b));
}

static void headings(struct mv_canvas *c, struct mv_rect text, int y, struct mv_column *columns, size_t count,
		     int sorted, bool reverse)
{
	for (size_t i = 0; i < count; i++)
		columns[i].x += text.x;
	mv_table_headings(c, y, columns, count, sorted, reverse);
	for (size_t i = 0; i < count; i++)
		columns[i].x -= text.x;
}

static void draw_levels(const struct tables *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_snapshot *snap = ctx->snap;
	struct mv_column col[MV_COUNT_OF(level_columns)];
	unsigned levels = levels_of(snap);
	struct mv_build b;

	if (v->levels_y < 0)
		return;
	memcpy(col, level_columns, sizeof(col));
	mv_table_layout(col, MV_COUNT_OF(col), v->text.cols, -1);
	headings(c, v->text, v->levels_y, col, MV_COUNT_OF(col), -1, false);
	for (unsigned level = levels; level >= 1; level--) {
		int y = v->levels_y + 1 + (int)(levels - level);
		uint64_t tables = snap->tables[level - 1];
		uint64_t used = level > 1 ? snap->tables[level - 2] : v->entries;
		mv_build_init(&b);
		mv_build_clean(&b, level_name(level, levels));
		put(c, v->text, y, &col[0], ROLE_TITLE, &b);
		put_count(c, v->text, y, &col[1], ROLE_STRONG, tables);
		put_size(c, v->text, y, &col[2], ROLE_TEXT, tables * TABLE_BYTES, ctx->exact);
		put_size(c, v->text, y, &col[3], ROLE_TEXT, mv_pagetable_span(level), false);
		put_count(c, v->text, y, &col[4], ROLE_TEXT, used);
		put_count(c, v->text, y, &col[5], ROLE_DIM, tables * ENTRIES);
		col[6].x += 2;
		col[6].w -= col[6].w > 2 ? 2 : 0;
		put_full(c, v->text, y, &col[6], used, tables * ENTRIES);
		col[6].x -= 2;
		col[6].w += col[6].w > 0 ? 2 : 0;
	}
}

/* The sum, and how it compares with what the kernel says. */
static void draw_sums(const struct tables *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_snapshot *snap = ctx->snap;
	const struct mv_val *pte = &snap->status.vm_pte_kib;
	int x = v->text.x, end = v->text.x + v->text.cols;
	struct mv_build b;

	if (v->sums_y < 0)
		return;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("all but the PGD "));
	mv_words_size(&b, snap->tables_kib * 1024, ctx->exact);
	x += mv_canvas_build(c, v->sums_y, x, end - x, ROLE_STRONG, &b);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("   VmPTE "));
	if (!mv_have(pte)) {
		mv_build_why(&b, pte->why);
		mv_canvas_build(c, v->sums_y, x, end - x, ROLE_WARN, &b);
		return;
	}
	mv_words_size(&b, pte->value * 1024, ctx->exact);
	x += mv_canvas_build(c, v->sums_y, x, end - x, ROLE_TEXT, &b);
	mv_build_init(&b);
	if (pte->value == snap->tables_kib) {
		mv_canvas_text(c, v->sums_y, x, end - x, ROLE_GOOD, MV_TEXT("   equal, to the table"));
		return;
	}
	bool more = pte->value > snap->tables_kib;
	mv_build_clean(&b, MV_TEXT("   the kernel counts "));
	mv_words_size(&b, (more ? pte->value - snap->tables_kib : snap->tables_kib - pte->value) * 1024,
		      ctx->exact);
	mv_build_clean(&b, more ? MV_TEXT(" more: tables whose pages were all dropped stay")
				: MV_TEXT(" less: memory changed between the two reads"));
	mv_canvas_build(c, v->sums_y, x, end - x, ROLE_WARN, &b);
}

static unsigned log2_of(uint64_t n)
{
	return n ? 63u - (unsigned)__builtin_clzll(n) : 0;
}

static void draw_log_bar(struct mv_canvas *c, struct mv_rect text, int y, struct mv_clean name,
			 enum mv_role role, uint64_t bytes, uint64_t longest)
{
	struct mv_build b;
	int bar = text.cols - 12 - 7;

	mv_canvas_text(c, y, text.x, 11, ROLE_LABEL, name);
	if (bar > 0)
		mv_bar_draw(c, y, text.x + 12, bar, role, log2_of(bytes), log2_of(longest));
	mv_build_init(&b);
	mv_build_size(&b, bytes);
	mv_canvas_text_right(c, y, text.x + text.cols - 6, 6, ROLE_STRONG, mv_build_text(&b));
}

/* This tree against one flat array with an entry for every page that could be. */
static void draw_flat(const struct tables *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_snapshot *snap = ctx->snap;
	unsigned levels = levels_of(snap);
	uint64_t flat = mv_pagetable_flat_bytes(snap->page_bytes, levels);
	uint64_t tree = (snap->tables_kib + TABLE_BYTES / 1024) * 1024;
	struct mv_rect text = v->text;
	struct mv_build b;

	if (v->flat_y < 0)
		return;
	text.cols = text.cols > 110 ? 110 : text.cols;
	draw_log_bar(c, text, v->flat_y, MV_TEXT("flat table"), ROLE_GAP, flat, flat);
	draw_log_bar(c, text, v->flat_y + 1, MV_TEXT("this tree"), ROLE_BAR, tree, flat);
	if (v->area.rows < 22)
		return;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("bars on a log scale: each doubling is one step. A flat table would be "));
	mv_build_count(&b, flat / tree);
	mv_build_clean(&b, MV_TEXT(" times the size."));
	if ((int)mv_clean_width(mv_build_text(&b)) > text.cols) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("log scale; the flat table would be "));
		mv_build_count(&b, flat / tree);
		mv_build_clean(&b, MV_TEXT(" times the size"));
	}
	mv_canvas_build(c, v->flat_y + 2, text.x, text.cols, ROLE_LABEL, &b);
}

/* ---- drawing: the mappings ---- */

static const struct mv_column list_columns[COL__N] = {
    [COL_ADDRESS] = {.heading = {"ADDRESS"}, .width = 12, .min_width = 12, .on = true},
    [COL_SIZE] = {.heading = {"SIZE"}, .width = 8, .min_width = 5, .on = true, .right = true, .give_up = 3},
    [COL_RSS] = {.heading = {"RSS"}, .width = 8, .min_width = 5, .on = true, .right = true, .give_up = 2},
    [COL_PTE] = {.heading = {"PTE"}, .width = 8, .min_width = 6, .on = true, .right = true, .give_up = 5},
    [COL_PMD] = {.heading = {"PMD"}, .width = 6, .min_width = 4, .on = true, .right = true, .give_up = 6},
    [COL_PUD] = {.heading = {"PUD"}, .width = 5, .min_width = 3, .on = true, .right = true, .give_up = 7},
    [COL_COST] = {.heading = {"COST"}, .width = 8, .min_width = 6, .on = true, .right = true},
    [COL_FULL] = {.heading = {" PTE FULL"}, .width = 21, .min_width = 13, .on = true, .give_up = 1},
    [COL_NAME] = {.heading = {"NAME"}, .width = 12, .min_width = 8, .on = true, .give_up = 4},
};

static void draw_mapping(const struct tables *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
			 struct mv_column *col, uint32_t i, bool selected)
{
	const struct mv_snapshot *snap = ctx->snap;
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[i];
	const struct mv_mapping_tables *t = mv_snapshot_tables(snap, i);
	struct mv_val rss = mv_snapshot_rss(snap, i);
	struct mv_build b;

	mv_build_init(&b);
	mv_words_addr(&b, m->start);
	mv_canvas_text_right(c, y, v->text.x + col[COL_ADDRESS].x, col[COL_ADDRESS].w, ROLE_TEXT,
			     mv_build_text(&b));
	put_size(c, v->text, y, &col[COL_SIZE], ROLE_TEXT, mv_mapping_bytes(m), ctx->exact);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("-"));
	if (mv_have(&rss))
		put_size(c, v->text, y, &col[COL_RSS], ROLE_TEXT, rss.value, ctx->exact);
	else
		put(c, v->text, y, &col[COL_RSS], ROLE_DIM, &b);
	for (int k = 0; k < 3; k++) {
		if (t)
			put_count(c, v->text, y, &col[COL_PTE + k], ROLE_TEXT, t->tables[k]);
		else
			put(c, v->text, y, &col[COL_PTE + k], ROLE_DIM, &b);
	}
	if (t)
		put_size(c, v->text, y, &col[COL_COST], ROLE_STRONG, tables_of(t) * TABLE_BYTES, ctx->exact);
	else
		put(c, v->text, y, &col[COL_COST], ROLE_DIM, &b);
	if (t && col[COL_FULL].w) {
		struct mv_column full = col[COL_FULL];
		full.x++;
		full.w--;
		put_full(c, v->text, y, &full, t->entries, (uint64_t)t->tables[0] * ENTRIES);
	}
	mv_build_init(&b);
	mv_words_name(&b, snap, i, v->text.cols < 110);
	put(c, v->text, y, &col[COL_NAME], mv_role_of_kind(m->kind), &b);
	if (selected)
		mv_canvas_attr(c, (struct mv_rect){y, v->area.x, 1, v->area.cols}, MV_ATTR_CURSOR);
}

static void draw_list(const struct tables *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_column col[COL__N];

	memcpy(col, list_columns, sizeof(col));
	if (ctx->exact)
		col[COL_SIZE].width = col[COL_RSS].width = col[COL_SIZE].min_width = col[COL_RSS].min_width =
		    13;
	mv_table_layout(col, COL__N, v->text.cols, COL_NAME);
	if (v->head_y >= 0)
		headings(c, v->text, v->head_y, col, COL__N, (int)v->sorted, v->reverse);
	for (int i = 0; i < v->list_rows; i++) {
		uint32_t row = v->top + (uint32_t)i;
		if (row >= v->count)
			break;
		draw_mapping(v, ctx, c, v->list_y + i, col, v->order[row].index, row == v->at);
	}
}

static void draw_path(const struct tables *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_build b;
	int x = v->text.x, end = x + v->text.cols;

	if (v->path_y < 0)
		return;
	mv_build_init(&b);
	mv_words_process(&b, ctx);
	x += mv_canvas_build(c, v->path_y, x, end - x, ROLE_DIM, &b);
	x += mv_canvas_text(c, v->path_y, x, end - x, ROLE_TITLE, MV_TEXT("page tables"));
	if (!ctx->snap)
		return;
	unsigned levels = levels_of(ctx->snap);
	mv_build_init(&b);
	mv_build_fmt(&b, "%u-bit addresses, %u levels, 512 entries of 8 bytes a table",
		     levels == 5 ? 57u : 48u, levels);
	if (end - x > (int)mv_clean_width(mv_build_text(&b)) + 2)
		mv_canvas_text_right(c, v->path_y, x, end - x, ROLE_LABEL, mv_build_text(&b));
}

/* What stands in the place of the figures while there are none. */
static bool build_reason(const struct tables *v, const struct mv_context *ctx, struct mv_build *b)
{
	const struct mv_snapshot *snap = ctx->snap;

	mv_build_init(b);
	if (!snap)
		mv_build_clean(b, MV_TEXT("reading"));
	else if (v->order_short)
		mv_build_why(b, MV_WHY_NO_MEMORY);
	else if (snap->page_bytes != TABLE_BYTES)
		mv_build_clean(b, MV_TEXT("the shape of page tables is known for pages of 4K only"));
	else if (snap->part_why[MV_PART_TABLES] > MV_WHY_HAVE)
		mv_build_why(b, snap->part_why[MV_PART_TABLES]);
	else if (snap->part_why[MV_PART_PAGES] > MV_WHY_HAVE)
		mv_build_why(b, snap->part_why[MV_PART_PAGES]);
	else if (!snap->tables_ns && snap->round_of)
		mv_build_fmt(b, "counting: %u of %u mappings", snap->pages_done, snap->round_of);
	else if (!snap->tables_ns)
		mv_build_clean(b, MV_TEXT("counting"));
	else
		return false;
	return true;
}

static void tables_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
			struct mv_rect area)
{
	const struct tables *v = state;
	struct mv_build b;

	if (area.rows < 1 || area.cols < 1)
		return;
	if (area.rows >= 13)
		mv_header_draw(ctx, canvas, area);
	draw_path(v, ctx, canvas);
	if (build_reason(v, ctx, &b)) {
		int y = v->levels_y >= 0 ? v->levels_y + 1 : v->sums_y >= 0 ? v->sums_y : v->list_y;
		mv_canvas_build(canvas, y, v->text.x, v->text.cols, ROLE_WARN, &b);
		return;
	}
	draw_levels(v, ctx, canvas);
	draw_sums(v, ctx, canvas);
	draw_flat(v, ctx, canvas);
	draw_list(v, ctx, canvas);
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

static void select_row(struct tables *v, const struct mv_snapshot *snap, int64_t row)
{
	if (!v->count)
		return;
	if (row < 0)
		row = 0;
	v->at = row >= (int64_t)v->count ? v->count - 1 : (uint32_t)row;
	v->selected = mv_snapshot_mappings(snap)[v->order[v->at].index].start;
	v->page = 0;
}

static struct mv_outcome find(struct tables *v, const struct mv_snapshot *snap, bool back)
{
	char *end;
	uint64_t addr;

	if (!v->find[0])
		return hint(MV_TEXT("nothing searched for yet: / finds an address or a mapping's name"));
	addr = strtoull(v->find, &end, 16);
	if (v->find[0] == '0' && (v->find[1] | 32) == 'x' && !*end) {
		uint32_t i = mv_snapshot_find(snap, addr);
		if (i >= mv_snapshot_count(snap))
			return hint(MV_TEXT("nothing is mapped at that address"));
		v->selected = mv_snapshot_mappings(snap)[i].start;
		return stay();
	}
	for (uint32_t k = 1; k <= v->count; k++) {
		uint32_t row = (v->at + (back ? v->count - k : k)) % v->count;
		if (strcasestr(mv_snapshot_name(snap, v->order[row].index).text, v->find)) {
			select_row(v, snap, row);
			return stay();
		}
	}
	return hint(MV_TEXT("no mapping has that name"));
}

static struct mv_outcome tables_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct tables *v = state;

	if (!text[0] || !ctx->snap)
		return stay();
	strncpy(v->find, text, sizeof(v->find) - 1);
	return find(v, ctx->snap, false);
}

static struct mv_outcome open_mapping(const struct tables *v)
{
	if (v->at >= v->count)
		return hint(MV_TEXT("nothing has been read yet"));
	return (struct mv_outcome){.kind = MV_OUT_PUSH, .view = MV_VIEW_PAGES, .place = {v->selected, 0}};
}

static struct mv_outcome sort_by(struct tables *v, enum column column)
{
	if (v->sorted == column)
		v->reverse = !v->reverse;
	else
		v->reverse = false;
	v->sorted = column;
	return stay();
}

static struct mv_outcome click(struct tables *v, const struct mv_snapshot *snap, struct mv_input input)
{
	struct mv_column col[COL__N];

	if (input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	if (input.y == v->head_y) {
		memcpy(col, list_columns, sizeof(col));
		mv_table_layout(col, COL__N, v->text.cols, COL_NAME);
		for (int i = 0; i < COL__N; i++)
			if (col[i].w && input.x - v->text.x >= col[i].x &&
			    input.x - v->text.x < col[i].x + col[i].w)
				return sort_by(v, (enum column)i);
	}
	int64_t row = (int64_t)v->top + input.y - v->list_y;
	if (input.y < v->list_y || row >= (int64_t)v->count)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	select_row(v, snap, row);
	return input.key == MV_KEY_DOUBLE_CLICK ? open_mapping(v) : stay();
}

static struct mv_outcome tables_act(void *state, const struct mv_context *ctx, enum mv_action action,
				    struct mv_input input)
{
	struct tables *v = state;
	int64_t at = v->at, screen = v->list_rows > 1 ? v->list_rows - 1 : 1;

	if (!ctx->snap)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	switch (action) {
	case MV_ACT_UP:
		select_row(v, ctx->snap, at - 1);
		return stay();
	case MV_ACT_DOWN:
		select_row(v, ctx->snap, at + 1);
		return stay();
	case MV_ACT_PAGE_UP:
		select_row(v, ctx->snap, at - screen);
		return stay();
	case MV_ACT_PAGE_DOWN:
		select_row(v, ctx->snap, at + screen);
		return stay();
	case MV_ACT_FIRST:
		select_row(v, ctx->snap, 0);
		return stay();
	case MV_ACT_LAST:
		select_row(v, ctx->snap, v->count);
		return stay();
	case MV_ACT_ENTER:
		return open_mapping(v);
	case MV_ACT_SORT:
		v->sorted = (enum column)((v->sorted + 1) % COL__N);
		v->reverse = false;
		return stay();
	case MV_ACT_REVERSE:
		v->reverse = !v->reverse;
		return stay();
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK, .text = MV_TEXT("address (0x...) or name: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find(v, ctx->snap, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return click(v, ctx->snap, input);
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
}

static bool tables_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			   struct mv_meaning *ret_meaning)
{
	static const struct {
		struct mv_clean title, formula, source, unit, note;
	} all[] = {
	    {{"tables per level"},
	     {"distinct blocks of 2M (PTE), 1G (PMD), 512G (PUD) that hold a present, swapped or guard page"},
	     {"counted from /proc/PID/pagemap by PAGEMAP_SCAN"},
	     {"tables of 4096 bytes"},
	     {"A huge page keeps its PTE table in reserve, so it counts as well. The PGD is always one."}},
	    {{"entries used"},
	     {"at the lowest level pages that are present, swapped or guard; above it the tables of the "
	      "level below"},
	     {"counted from /proc/PID/pagemap"},
	     {"entries, of 512 a table"},
	     {""}},
	    {{"sum against VmPTE"},
	     {"(PTE + PMD + PUD (+ P4D) tables) x 4096 bytes; the PGD is not in VmPTE"},
	     {"/proc/PID/status VmPTE"},
	     {"bytes"},
	     {"The kernel counts more after memory was dropped (MADV_DONTNEED): its empty tables stay until "
	      "munmap."}},
	    {{"flat table"},
	     {"8 bytes x every page of the user's half of the address space"},
	     {"arithmetic: 2^47 / 4096 x 8 with 48-bit addresses"},
	     {"bytes"},
	     {"Why page tables are trees: what is not used needs no table."}},
	    {{"cost of a mapping"},
	     {"(PTE + PMD + PUD tables that hold entries of it) x 4096 bytes"},
	     {"counted from /proc/PID/pagemap"},
	     {"bytes"},
	     {"A table that two mappings share counts for both, so the column adds up to more than the "
	      "sum."}},
	    {{"PTE full"},
	     {"entries in use / (512 x PTE tables of the mapping)"},
	     {"counted from /proc/PID/pagemap"},
	     {"percent"},
	     {"Low: the pages are strewn, and each costs a good part of a table."}},
	};

	(void)state;
	if (n < MV_COUNT_OF(all)) {
		mv_words_meaning(ret_meaning, all[n].title, all[n].formula, all[n].source, all[n].unit,
				 all[n].note);
		return true;
	}
	return mv_header_meaning(ctx, n - (unsigned)MV_COUNT_OF(all), ret_meaning);
}

static struct mv_place tables_place(const void *state, const struct mv_context *ctx)
{
	const struct tables *v = state;

	(void)ctx;
	return (struct mv_place){v->selected, v->page};
}

const struct mv_view_ops mv_view_tables = {
    .id = MV_VIEW_TABLES,
    .letter = 't',
    .name = {"Tables"},
    .state_bytes = sizeof(struct tables),
    .init = tables_init,
    .go = tables_go,
    .release = tables_release,
    .settle = tables_settle,
    .want = tables_want,
    .draw = tables_draw,
    .act = tables_act,
    .answer = tables_answer,
    .meaning = tables_meaning,
    .place = tables_place,
};
