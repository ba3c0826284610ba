/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/pagetable.h"
#include "tui/view_tables.h"

/* ---- drawing: the levels ---- */

static const struct mv_column level_columns[] = {
    {.heading = {"LEVEL"}, .width = 7, .min_width = 5, .on = true},
    {.heading = {"TABLES"}, .width = 9, .min_width = 8, .on = true, .right = true},
    {.heading = {"RAM"}, .width = 8, .min_width = 8, .on = true, .right = true},
    {.heading = {"AN ENTRY MAPS"}, .width = 15, .min_width = 13, .on = true, .right = true, .give_up = 2},
    {.heading = {"ENTRIES USED"}, .width = 14, .min_width = 12, .on = true, .right = true},
    {.heading = {"CAPACITY"}, .width = 13, .min_width = 11, .on = true, .right = true, .give_up = 1},
    {.heading = {"  FULL"}, .width = 20, .min_width = 15, .on = true, .give_up = 3},
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
	mv_words_size(&b, bytes, exact);
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

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

static void draw_levels(const struct mv_tables *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_snapshot *snap = ctx->snap;
	struct mv_column col[MV_COUNT_OF(level_columns)];
	unsigned levels = mv_words_levels(snap);
	struct mv_build b;

	if (v->levels_y < 0)
		return;
	memcpy(col, level_columns, sizeof(col));
	/* A wider screen makes the bars longer, to as long as the eye compares them. */
	col[6].width += clamp(v->text.cols - 98, 0, 48);
	mv_table_layout(col, MV_COUNT_OF(col), v->text.cols, -1);
	headings(c, v->text, v->levels_y, col, MV_COUNT_OF(col), -1, false);
	for (unsigned level = levels; level >= 1; level--) {
		int y = v->levels_y + 1 + (int)(levels - level);
		uint64_t tables = snap->tables[level - 1];
		uint64_t used = level > 1 ? snap->tables[level - 2] : v->entries;
		mv_build_init(&b);
		mv_build_clean(&b, mv_words_level(level, levels));
		put(c, v->text, y, &col[0], ROLE_TITLE, &b);
		put_count(c, v->text, y, &col[1], ROLE_STRONG, tables);
		put_size(c, v->text, y, &col[2], ROLE_TEXT, tables * MV_TABLE_BYTES, ctx->exact);
		put_size(c, v->text, y, &col[3], ROLE_TEXT, mv_pagetable_span(level), false);
		put_count(c, v->text, y, &col[4], ROLE_TEXT, used);
		put_count(c, v->text, y, &col[5], ROLE_DIM, tables * MV_TABLE_ENTRIES);
		col[6].x += 2;
		col[6].w -= col[6].w > 2 ? 2 : 0;
		put_full(c, v->text, y, &col[6], used, tables * MV_TABLE_ENTRIES);
		col[6].x -= 2;
		col[6].w += col[6].w > 0 ? 2 : 0;
	}
}

/* The sum, and how it compares with what the kernel says. */
static void draw_sums(const struct mv_tables *v, const struct mv_context *ctx, struct mv_canvas *c)
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
	mv_build_clean(&b, MV_TEXT("  VmPTE "));
	if (!mv_have(pte)) {
		mv_build_why(&b, pte->why);
		mv_canvas_build(c, v->sums_y, x, end - x, ROLE_WARN, &b);
		return;
	}
	mv_words_size(&b, pte->value * 1024, ctx->exact);
	x += mv_canvas_build(c, v->sums_y, x, end - x, ROLE_TEXT, &b);
	mv_build_init(&b);
	if (pte->value == snap->tables_kib) {
		mv_canvas_text(c, v->sums_y, x, end - x, ROLE_GOOD, MV_TEXT("  equal, to the table"));
		return;
	}
	bool more = pte->value > snap->tables_kib;
	mv_build_clean(&b, MV_TEXT("  the kernel has "));
	mv_words_size(&b, (more ? pte->value - snap->tables_kib : snap->tables_kib - pte->value) * 1024,
		      ctx->exact);
	mv_build_clean(&b, more ? MV_TEXT(" more") : MV_TEXT(" less"));
	struct mv_clean because =
	    more ? MV_TEXT(": emptied tables stay") : MV_TEXT(": it changed between the reads");
	if ((int)(mv_clean_width(mv_build_text(&b)) + mv_clean_width(because)) <= end - x)
		mv_build_clean(&b, because);
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
static void draw_flat(const struct mv_tables *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_snapshot *snap = ctx->snap;
	unsigned levels = mv_words_levels(snap);
	uint64_t flat = mv_pagetable_flat_bytes(snap->page_bytes, levels);
	uint64_t tree = (snap->tables_kib + MV_TABLE_BYTES / 1024) * 1024;
	struct mv_rect text = v->text;
	struct mv_build b;

	if (v->flat_y < 0)
		return;
	text.cols = clamp(text.cols, 0, 150);
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

static const struct mv_column table_columns[MV_TABLES__N] = {
    [MV_TABLES_ADDRESS] = {.heading = {"ADDRESS"}, .width = 12, .min_width = 12, .on = true},
    [MV_TABLES_SIZE] =
	{.heading = {"SIZE"}, .width = 8, .min_width = 5, .on = true, .right = true, .give_up = 3},
    [MV_TABLES_RSS] =
	{.heading = {"RSS"}, .width = 8, .min_width = 5, .on = true, .right = true, .give_up = 2},
    [MV_TABLES_PTE] =
	{.heading = {"PTE"}, .width = 8, .min_width = 6, .on = true, .right = true, .give_up = 5},
    [MV_TABLES_PMD] =
	{.heading = {"PMD"}, .width = 6, .min_width = 4, .on = true, .right = true, .give_up = 6},
    [MV_TABLES_PUD] =
	{.heading = {"PUD"}, .width = 5, .min_width = 3, .on = true, .right = true, .give_up = 7},
    [MV_TABLES_COST] = {.heading = {"COST"}, .width = 8, .min_width = 6, .on = true, .right = true},
    [MV_TABLES_FULL] = {.heading = {" PTE FULL"}, .width = 21, .min_width = 13, .on = true, .give_up = 1},
    [MV_TABLES_NAME] = {.heading = {"NAME"}, .width = 12, .min_width = 8, .on = true, .give_up = 4},
};

static void draw_mapping(const struct mv_tables *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
			 struct mv_column *col, uint32_t i, bool selected)
{
	const struct mv_snapshot *snap = ctx->snap;
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[i];
	const struct mv_mapping_tables *t = mv_snapshot_tables(snap, i);
	struct mv_val rss = mv_snapshot_rss(snap, i);
	struct mv_build b;

	mv_build_init(&b);
	mv_words_addr(&b, m->start);
	mv_canvas_text_right(c, y, v->text.x + col[MV_TABLES_ADDRESS].x, col[MV_TABLES_ADDRESS].w, ROLE_TEXT,
			     mv_build_text(&b));
	put_size(c, v->text, y, &col[MV_TABLES_SIZE], ROLE_TEXT, mv_mapping_bytes(m), ctx->exact);
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("-"));
	if (mv_have(&rss))
		put_size(c, v->text, y, &col[MV_TABLES_RSS], ROLE_TEXT, rss.value, ctx->exact);
	else
		put(c, v->text, y, &col[MV_TABLES_RSS], ROLE_DIM, &b);
	for (int k = 0; k < 3; k++) {
		if (t)
			put_count(c, v->text, y, &col[MV_TABLES_PTE + k], ROLE_TEXT, t->tables[k]);
		else
			put(c, v->text, y, &col[MV_TABLES_PTE + k], ROLE_DIM, &b);
	}
	if (t)
		put_size(c, v->text, y, &col[MV_TABLES_COST], ROLE_STRONG, mv_tables_of(t) * MV_TABLE_BYTES,
			 ctx->exact);
	else
		put(c, v->text, y, &col[MV_TABLES_COST], ROLE_DIM, &b);
	if (t && col[MV_TABLES_FULL].w) {
		struct mv_column full = col[MV_TABLES_FULL];
		full.x++;
		full.w--;
		put_full(c, v->text, y, &full, t->entries, (uint64_t)t->tables[0] * MV_TABLE_ENTRIES);
	}
	mv_build_init(&b);
	mv_words_name(&b, snap, i, v->text.cols < 110);
	put(c, v->text, y, &col[MV_TABLES_NAME], mv_role_of_kind(m->kind), &b);
	if (selected)
		mv_canvas_attr(c, (struct mv_rect){y, v->area.x, 1, v->area.cols}, MV_ATTR_CURSOR);
}

void mv_tables_layout(const struct mv_tables *v, const struct mv_context *ctx,
		      struct mv_column col[static MV_TABLES__N])
{
	memcpy(col, table_columns, sizeof(table_columns));
	col[MV_TABLES_ADDRESS].width = col[MV_TABLES_ADDRESS].min_width = mv_words_addr_cols(ctx->snap);
	if (ctx->exact)
		col[MV_TABLES_SIZE].width = col[MV_TABLES_RSS].width = col[MV_TABLES_SIZE].min_width =
		    col[MV_TABLES_RSS].min_width = 14;
	/* What a wide screen has over goes to the bars as well as to the names. */
	col[MV_TABLES_FULL].width += clamp((v->text.cols - 110) / 2, 0, 40);
	mv_table_layout(col, MV_TABLES__N, v->text.cols, MV_TABLES_NAME);
}

/* Addresses and names ascend, figures begin with the largest. */
static bool ascends(enum mv_tables_column column)
{
	return column == MV_TABLES_ADDRESS || column == MV_TABLES_NAME;
}

static void draw_list(const struct mv_tables *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_column col[MV_TABLES__N];

	mv_tables_layout(v, ctx, col);
	if (v->head_y >= 0)
		headings(c, v->text, v->head_y, col, MV_TABLES__N, (int)v->sorted,
			 v->reverse != ascends(v->sorted));
	for (int i = 0; i < v->list_rows; i++) {
		uint32_t row = v->top + (uint32_t)i;
		if (row >= v->count)
			break;
		draw_mapping(v, ctx, c, v->list_y + i, col, v->order[row].index, row == v->at);
	}
}

static void draw_path(const struct mv_tables *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_build b;
	int x = v->text.x, end = x + v->text.cols;

	if (v->path_y < 0)
		return;
	mv_build_init(&b);
	mv_words_process(&b, ctx);
	x += mv_canvas_build(c, v->path_y, x, end - x, ROLE_DIM, &b);
	x += mv_canvas_text(c, v->path_y, x, end - x, ROLE_TITLE, MV_TEXT("page tables"));
	if (v->only != MV_KIND__N) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT(", listed: "));
		mv_build_clean(&b, mv_words_kind(v->only));
		x += mv_canvas_build(c, v->path_y, x, end - x, ROLE_FOUND, &b);
	}
	if (!ctx->snap)
		return;
	unsigned levels = mv_words_levels(ctx->snap);
	mv_build_init(&b);
	mv_build_fmt(&b, "%u-bit addresses, %u levels, 512 entries of 8 bytes a table",
		     levels == 5 ? 57u : 48u, levels);
	if (end - x > (int)mv_clean_width(mv_build_text(&b)) + 2)
		mv_canvas_text_right(c, v->path_y, x, end - x, ROLE_LABEL, mv_build_text(&b));
}

/* What stands in the place of the figures while there are none. */
static bool build_reason(const struct mv_tables *v, const struct mv_context *ctx, struct mv_build *b,
			 struct mv_clean *ret_advice)
{
	const struct mv_snapshot *snap = ctx->snap;

	if (mv_words_nothing(ctx, MV_PART_TABLES, b, ret_advice))
		return true;
	if (v->order_short)
		mv_build_why(b, MV_WHY_NO_MEMORY);
	else if (snap->page_bytes != MV_TABLE_BYTES)
		mv_build_clean(b, MV_TEXT("the shape of page tables is known for pages of 4K only"));
	else if (!snap->tables_ns && snap->life != MV_LIFE_ALIVE)
		mv_build_clean(b, MV_TEXT("the process ended before its tables were counted"));
	else if (!snap->tables_ns && snap->round_of)
		mv_build_fmt(b, "counting: %u of %u mappings", snap->pages_done, snap->round_of);
	else if (!snap->tables_ns)
		mv_build_clean(b, MV_TEXT("counting"));
	else
		return false;
	return true;
}

void mv_tables_draw(const struct mv_tables *v, const struct mv_context *ctx, struct mv_canvas *canvas)
{
	struct mv_clean advice;
	struct mv_build b;

	if (v->area.rows >= 13)
		mv_header_draw(ctx, canvas, v->area);
	draw_path(v, ctx, canvas);
	if (build_reason(v, ctx, &b, &advice)) {
		int y = v->levels_y >= 0 ? v->levels_y + 1 : v->sums_y >= 0 ? v->sums_y : v->list_y;
		mv_canvas_build(canvas, y, v->text.x, v->text.cols, ROLE_WARN, &b);
		if (v->list_rows > 1)
			mv_canvas_text(canvas, y + 1, v->text.x, v->text.cols, ROLE_DIM, advice);
		return;
	}
	draw_levels(v, ctx, canvas);
	draw_sums(v, ctx, canvas);
	draw_flat(v, ctx, canvas);
	draw_list(v, ctx, canvas);
}
