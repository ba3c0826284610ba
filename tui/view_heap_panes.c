/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/text.h"
#include "tui/view_heap.h"

/* The panes of arenas, of mallinfo2's figures, and of other allocators; what the tables of this view share.
 */

/* ---- cells ---- */

void heap_put(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role,
	      const struct mv_build *b)
{
	if (!col->w)
		return;
	if (col->right)
		mv_canvas_text_right(c, y, col->x, col->w, role, mv_build_text(b));
	else
		mv_canvas_build(c, y, col->x, col->w, role, b);
}

void heap_put_size(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, uint64_t bytes,
		   bool exact)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_size_build(&b, bytes, exact);
	heap_put(c, y, col, bytes ? role : ROLE_DIM, &b);
}

void heap_put_count(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, uint64_t n)
{
	struct mv_build b;
	char text[8];

	mv_build_init(&b);
	mv_build_count(&b, n);
	if ((int)b.len > col->w) {
		mv_build_init(&b);
		mv_text_short(text, n);
		mv_build_clean(&b, mv_words(text));
	}
	heap_put(c, y, col, n ? role : ROLE_DIM, &b);
}

void heap_mark_row(const struct heap_view *v, struct mv_canvas *c, int y, bool has_keys)
{
	const struct mv_rect *t = &v->geo.table;

	mv_canvas_glyph(c, y, t->x - 2, has_keys ? ROLE_CURSOR : ROLE_DIM, U'>');
	if (has_keys)
		mv_canvas_attr(c, (struct mv_rect){y, t->x - 2, 1, t->cols + 2}, MV_ATTR_CURSOR);
}

/* ---- arenas ---- */

// clang-format off
#define COLUMNS(X)                                              \
	X(ARENA_NAME, "ARENA", 18, 12, 0, false)                \
	X(ARENA_SYSTEM, "SYSTEM", 6, 6, 0, true)                \
	X(ARENA_USED, "IN USE", 6, 6, 0, true)                  \
	X(ARENA_BLOCKS, "BLOCKS", 9, 6, 3, true)                \
	X(ARENA_FREE, "FREE", 5, 5, 1, true)                    \
	X(ARENA_CACHED, "CACHED", 6, 6, 6, true)                \
	X(ARENA_TOP, "TOP", 5, 5, 5, true)                      \
	X(ARENA_FREE_RESIDENT, "FREE RES.", 9, 9, 2, true)      \
	X(ARENA_TRIM, "TRIM", 5, 5, 4, true)                    \
	X(ARENA_SEGMENTS, "SEGMENTS", 8, 8, 7, true)
// clang-format on

static const struct {
	struct mv_clean heading;
	int width, min_width, give_up;
	bool right;
} infos[ARENA__COLUMNS] = {
#define X(id, heading, width, min, give, right) [id] = {{heading}, width, min, give, right},
    COLUMNS(X)
#undef X
};

void heap_arenas_layout(struct heap_view *v, const struct mv_context *ctx)
{
	for (int i = 0; i < ARENA__COLUMNS; i++) {
		v->arena_cols[i] = (struct mv_column){.heading = infos[i].heading,
						      .width = infos[i].width,
						      .min_width = infos[i].min_width,
						      .give_up = infos[i].give_up,
						      .right = infos[i].right,
						      .on = true};
		if (ctx->exact && i != ARENA_NAME && i != ARENA_BLOCKS && i != ARENA_SEGMENTS)
			v->arena_cols[i].width = v->arena_cols[i].min_width = 14;
	}
	mv_table_layout(v->arena_cols, ARENA__COLUMNS, v->geo.table.cols, ARENA_NAME);
	for (int i = 0; i < ARENA__COLUMNS; i++)
		v->arena_cols[i].x += v->geo.table.x;
}

static void draw_arena(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		       const struct mv_heap_arena *a)
{
	const struct mv_column *col = v->arena_cols;
	const struct mv_heap_sum *sum = a->sum;
	struct mv_build b;

	mv_build_init(&b);
	if (a->is_main) {
		mv_build_clean(&b, a->contiguous ? MV_TEXT("main") : MV_TEXT("main (mmapped)"));
	} else {
		mv_words_addr(&b, a->address);
	}
	heap_put(c, y, &col[ARENA_NAME], a->is_main ? ROLE_STRONG : ROLE_TEXT, &b);
	heap_put_size(c, y, &col[ARENA_SYSTEM], ROLE_TEXT, a->system_bytes, ctx->exact);
	heap_put_size(c, y, &col[ARENA_USED], ROLE_PAGE_ANON, sum[MV_BLOCK_IN_USE].bytes, ctx->exact);
	heap_put_count(c, y, &col[ARENA_BLOCKS], ROLE_TEXT, sum[MV_BLOCK_IN_USE].blocks);
	heap_put_size(c, y, &col[ARENA_FREE], ROLE_TEXT, sum[MV_BLOCK_FREE].bytes, ctx->exact);
	heap_put_size(c, y, &col[ARENA_CACHED], ROLE_TEXT,
		      sum[MV_BLOCK_TCACHE].bytes + sum[MV_BLOCK_FASTBIN].bytes, ctx->exact);
	heap_put_size(c, y, &col[ARENA_TOP], ROLE_TEXT, sum[MV_BLOCK_TOP].bytes, ctx->exact);
	heap_put_size(c, y, &col[ARENA_FREE_RESIDENT], ROLE_WARN, a->free_resident_bytes, ctx->exact);
	heap_put_size(c, y, &col[ARENA_TRIM], ROLE_TEXT, a->trimmable_bytes, ctx->exact);
	heap_put_count(c, y, &col[ARENA_SEGMENTS], ROLE_DIM, a->segments);
}

void heap_arenas_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->geo.table;
	uint32_t count;
	const struct mv_heap_arena *a = mv_snapshot_heap_arenas(ctx->snap, &count);
	struct mv_build b;

	if (v->geo.note_y >= 0) {
		mv_build_init(&b);
		mv_build_count(&b, count);
		mv_build_clean(&b, count == 1 ? MV_TEXT(" arena, ") : MV_TEXT(" arenas, "));
		mv_build_count(&b, ctx->snap->heap.tcaches);
		mv_build_clean(&b, ctx->snap->heap.tcaches == 1 ? MV_TEXT(" thread with a tcache")
								: MV_TEXT(" threads with a tcache"));
		mv_build_clean(&b, MV_TEXT("; fragmentation "));
		mv_build_fmt(&b, "%.1f %%", (double)ctx->snap->heap.fragmentation / 10);
		mv_build_clean(&b, MV_TEXT(", largest free block "));
		mv_size_build(&b, ctx->snap->heap.max_free_bytes, ctx->exact);
		mv_canvas_build(c, v->geo.note_y, v->geo.text.x, v->geo.text.cols, ROLE_DIM, &b);
	}
	if (v->geo.table_head_y >= 0)
		mv_table_headings(c, v->geo.table_head_y, v->arena_cols, ARENA__COLUMNS, -1, false);
	for (int i = 0; i < t->rows && v->arena_top + (uint32_t)i < count; i++) {
		draw_arena(v, ctx, c, t->y + i, &a[v->arena_top + (uint32_t)i]);
		if (v->arena_top + (uint32_t)i == v->arena_at)
			heap_mark_row(v, c, t->y + i, v->focus == HEAP_ARENAS);
	}
}

/* ---- mallinfo2 ---- */

static const struct {
	struct mv_clean name, words;
	bool bytes;
} figures[] = {
    {{"arena"}, {"taken from the system, without mmapped blocks"}, true},
    {{"ordblks"}, {"free blocks in bins, and a top for each arena"}, false},
    {{"smblks"}, {"free blocks in fastbins"}, false},
    {{"hblks"}, {"mmapped blocks"}, false},
    {{"hblkhd"}, {"in mmapped blocks"}, true},
    {{"usmblks"}, {"always 0"}, true},
    {{"fsmblks"}, {"in fastbins"}, true},
    {{"uordblks"}, {"in use as glibc counts: tcache and malloc's own with it"}, true},
    {{"fordblks"}, {"free: bins, fastbins and tops"}, true},
    {{"keepcost"}, {"top of the main arena: what trimming could give back at most"}, true},
};
_Static_assert(MV_COUNT_OF(figures) == HEAP_FIGURES_COUNT, "mallinfo2 has ten fields");

void heap_figures_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->geo.table;
	const struct mv_mallinfo *m = &ctx->snap->heap.mallinfo;
	const uint64_t values[] = {
#define X(field) m->field,
		MV_MALLINFO_FIELDS(X)
#undef X
	};
	struct mv_build b;

	if (v->geo.note_y >= 0)
		mv_canvas_text(c, v->geo.note_y, v->geo.text.x, v->geo.text.cols, ROLE_DIM,
			       MV_TEXT("what mallinfo2(3) would say inside the process"));
	if (v->geo.table_head_y >= 0)
		mv_canvas_text(c, v->geo.table_head_y, t->x, t->cols, ROLE_HEADING,
			       MV_TEXT("FIELD              VALUE  MEANING"));
	for (int i = 0; i < t->rows && v->figure_top + (uint32_t)i < HEAP_FIGURES_COUNT; i++) {
		uint32_t n = v->figure_top + (uint32_t)i;

		mv_canvas_text(c, t->y + i, t->x, t->cols, ROLE_TEXT, figures[n].name);
		mv_build_init(&b);
		mv_build_count(&b, values[n]);
		mv_canvas_text_right(c, t->y + i, t->x + 9, 15, values[n] ? ROLE_STRONG : ROLE_DIM,
				     mv_build_text(&b));
		mv_canvas_text(c, t->y + i, t->x + 26, t->cols - 26, ROLE_DIM, figures[n].words);
		if (n == v->figure_at)
			heap_mark_row(v, c, t->y + i, v->focus == HEAP_FIGURES);
	}
}

/* ---- other allocators ---- */

void heap_owners_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->geo.table;
	uint32_t count;
	const struct mv_heap_owner *o = mv_snapshot_heap_owners(ctx->snap, &count);
	struct mv_build b;

	if (!count || !t->rows)
		return;
	if (v->geo.note_y >= 0)
		mv_canvas_text(c, v->geo.note_y, v->geo.text.x, v->geo.text.cols, ROLE_LABEL,
			       MV_TEXT("allocators seen in the mappings:"));
	for (int i = 0; i < t->rows && (uint32_t)i < count; i++) {
		mv_build_init(&b);
		mv_build_clean(&b, mv_words(mv_allocator_name((enum mv_allocator)o[i].allocator)));
		mv_build_pad(&b, 18);
		mv_build_clean(&b, MV_TEXT("  "));
		if (mv_have(&o[i].bytes)) {
			mv_size_build(&b, o[i].bytes.value, ctx->exact);
			mv_build_clean(&b, MV_TEXT(" of addresses in "));
			mv_build_count(&b, o[i].mappings);
			mv_build_clean(&b, o[i].mappings == 1 ? MV_TEXT(" mapping") : MV_TEXT(" mappings"));
			if (o[i].guessed)
				mv_build_clean(&b, MV_TEXT(", as no other owner is left"));
		} else {
			mv_build_clean(&b, MV_TEXT("its mappings can't be told from others"));
		}
		mv_canvas_build(c, t->y + i, t->x, t->cols, ROLE_TEXT, &b);
	}
}
