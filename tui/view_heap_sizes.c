/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_heap.h"

/*
 * Blocks by size, against a baseline: what the first reading told, or the one that there was at the mark. The
 * class that grows is what leaks, or what fills.
 */

// clang-format off
/* X(ID, heading, width, width at least, given up when narrow (highest first), right-aligned) */
#define COLUMNS(X)                                              \
	X(SIZE_SIZE, "SIZE", 13, 10, 0, true)                   \
	X(SIZE_BLOCKS, "BLOCKS", 9, 6, 0, true)                 \
	X(SIZE_BYTES, "BYTES", 6, 6, 0, true)                   \
	X(SIZE_MORE_BLOCKS, "+BLOCKS", 8, 7, 3, true)           \
	X(SIZE_MORE_BYTES, "+BYTES", 7, 7, 1, true)             \
	X(SIZE_SHARE, "SHARE", 5, 5, 4, true)                   \
	X(SIZE_FREE_BLOCKS, "FREE BLKS", 9, 9, 7, true)         \
	X(SIZE_FREE_BYTES, "FREE BYTES", 10, 10, 5, true)       \
	X(SIZE_BAR, "IN USE", 40, 8, 6, false)
// clang-format on

static const struct {
	struct mv_clean heading;
	int width, min_width, give_up;
	bool right;
} infos[SIZE__COLUMNS] = {
#define X(id, heading, width, min, give, right) [id] = {{heading}, width, min, give, right},
    COLUMNS(X)
#undef X
};

/* ---- the baseline ---- */

static bool room_for(void **array, uint32_t *cap, uint32_t count, size_t bytes)
{
	void *more;

	if (count <= *cap)
		return true;
	more = reallocarray(*array, count, bytes);
	if (!more)
		return false;
	*array = more;
	*cap = count;
	return true;
}

static void take_baseline(struct heap_view *v, const struct mv_context *ctx, uint64_t mark_ns)
{
	const struct mv_heap_head *h = &ctx->snap->heap;
	uint32_t count;
	const struct mv_heap_size *s = mv_snapshot_heap_sizes(ctx->snap, &count);
	uint64_t age = ctx->now_ns > h->at_ns ? ctx->now_ns - h->at_ns : 0;

	v->short_of_memory = !room_for((void **)&v->base, &v->base_cap, count, sizeof(*v->base));
	if (v->short_of_memory)
		return;
	for (uint32_t i = 0; i < count; i++)
		v->base[i] = (struct heap_base){s[i].first, s[i].c.used_blocks, s[i].c.used_bytes};
	v->base_count = count;
	v->base_ns = h->at_ns;
	v->base_real_ns = ctx->now_real_ns > age ? ctx->now_real_ns - age : 0;
	v->base_mark_ns = mark_ns;
	v->base_set = true;
}

/* ---- rows ---- */

/* A difference of any two figures, hostile ones too. */
static int64_t difference(uint64_t now, uint64_t then)
{
	uint64_t by = now > then ? now - then : then - now;
	int64_t most = by > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)by;

	return now > then ? most : -most;
}

static void add_up(int64_t *sum, int64_t by)
{
	if (__builtin_add_overflow(*sum, by, sum))
		*sum = by < 0 ? INT64_MIN / 2 : INT64_MAX / 2;
}

struct key {
	enum heap_size_column by;
	bool reverse;
};

static int compare_u(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct heap_size_row *x = a, *y = b;
	const struct key *key = arg;
	int r = 0;

	switch (key->by) {
	case SIZE_SIZE:
		r = -compare_u(x->first, y->first);
		break;
	case SIZE_BLOCKS:
		r = compare_u(x->c.used_blocks, y->c.used_blocks);
		break;
	case SIZE_MORE_BLOCKS:
		r = (x->more_blocks < y->more_blocks) - (x->more_blocks > y->more_blocks);
		break;
	case SIZE_MORE_BYTES:
	case SIZE_SHARE:
		r = (x->more_bytes < y->more_bytes) - (x->more_bytes > y->more_bytes);
		break;
	case SIZE_FREE_BLOCKS:
		r = compare_u(x->c.free_blocks, y->c.free_blocks);
		break;
	case SIZE_FREE_BYTES:
		r = compare_u(x->c.free_bytes, y->c.free_bytes);
		break;
	default:
		break;
	}
	if (!r)
		r = compare_u(x->c.used_bytes, y->c.used_bytes);
	if (!r)
		r = -compare_u(x->first, y->first);
	return key->reverse ? -r : r;
}

/* Sizes of now and of the baseline, both ascending, as one list. */
static void merge(struct heap_view *v, const struct mv_heap_size *s, uint32_t count)
{
	uint32_t i = 0, k = 0, n = 0;

	while ((i < count || k < v->base_count) && n < v->sizes_cap) {
		struct heap_size_row *row = &v->sizes[n++];
		bool now = i < count && (k >= v->base_count || s[i].first <= v->base[k].first);
		bool then = k < v->base_count && (i >= count || v->base[k].first <= s[i].first);
		struct heap_base was = {0};

		*row = (struct heap_size_row){0};
		if (then) {
			was = v->base[k++];
			row->first = row->last = was.first;
		}
		if (now) {
			row->first = s[i].first;
			row->last = s[i].last;
			row->c = s[i++].c;
		}
		row->more_blocks = difference(row->c.used_blocks, was.used_blocks);
		row->more_bytes = difference(row->c.used_bytes, was.used_bytes);
		add_up(&v->more_blocks, row->more_blocks);
		add_up(&v->more_bytes, row->more_bytes);
		if (row->more_bytes > v->most_more)
			v->most_more = row->more_bytes;
	}
	v->sizes_count = n;
}

static void find_row(struct heap_view *v)
{
	if (v->size_at >= v->sizes_count)
		v->size_at = v->sizes_count ? v->sizes_count - 1 : 0;
	if (!v->size_chosen)
		v->size_at = 0;
	for (uint32_t i = 0; v->size_chosen && i < v->sizes_count; i++)
		if (v->sizes[i].first == v->size_selected)
			v->size_at = i;
}

void heap_sizes_settle(struct heap_view *v, const struct mv_context *ctx)
{
	const struct mv_growth_mark *mark = mv_growth_marked(mv_delta_growth(ctx->delta));
	uint64_t mark_ns = mark->set ? mark->at_ns : 0;
	const struct mv_heap_size *s;
	uint32_t count;

	if (!heap_have(ctx))
		return;
	s = mv_snapshot_heap_sizes(ctx->snap, &count);
	/* What is marked is the newest reading, though it was made a little before. */
	if (!v->base_set || mark_ns != v->base_mark_ns || ctx->snap->heap.at_ns < v->base_ns)
		take_baseline(v, ctx, mark_ns);
	uint64_t made[5] = {ctx->snap->heap.at_ns, ctx->snap->epoch, v->base_ns,
			    (uint64_t)v->sort << 1 | v->reverse, count};
	if (!v->sizes || memcmp(made, v->sizes_made, sizeof(made))) {
		memcpy(v->sizes_made, made, sizeof(made));
		v->more_blocks = v->more_bytes = v->most_more = 0;
		v->sizes_count = 0;
		if (room_for((void **)&v->sizes, &v->sizes_cap, count + v->base_count, sizeof(*v->sizes)))
			merge(v, s, count);
		else
			v->short_of_memory = true;
		struct key key = {v->sort, v->reverse};
		if (v->sizes_count)
			qsort_r(v->sizes, v->sizes_count, sizeof(*v->sizes), compare, &key);
	}
	find_row(v);
	v->size_top = mv_table_scroll(v->size_top, v->size_at, v->sizes_count, v->geo.table.rows);
}

void heap_sizes_select(struct heap_view *v, int64_t row)
{
	if (!v->sizes_count)
		return;
	v->size_at = row < 0 ? 0 : row >= (int64_t)v->sizes_count ? v->sizes_count - 1 : (uint32_t)row;
	v->size_selected = v->sizes[v->size_at].first;
	v->size_chosen = true;
	v->size_top = mv_table_scroll(v->size_top, v->size_at, v->sizes_count, v->geo.table.rows);
}

struct mv_outcome heap_sizes_sort(struct heap_view *v, const struct mv_context *ctx, int column)
{
	int next = column;

	if (column < 0) {
		next = (int)v->sort;
		/* A bar and a share are no order of their own. */
		do
			next = (next + 1) % SIZE__COLUMNS;
		while (next != (int)v->sort &&
		       (!v->size_cols[next].w || next == SIZE_BAR || next == SIZE_SHARE));
	}
	v->reverse = column >= 0 && (int)v->sort == next && !v->reverse;
	v->sort = (enum heap_size_column)next;
	v->size_chosen = false;
	v->size_top = 0;
	heap_sizes_settle(v, ctx);
	return mv_outcome_stay();
}

/* ---- drawing ---- */

void heap_sizes_layout(struct heap_view *v, const struct mv_context *ctx)
{
	for (int i = 0; i < SIZE__COLUMNS; i++) {
		v->size_cols[i] = (struct mv_column){.heading = infos[i].heading,
						     .width = infos[i].width,
						     .min_width = infos[i].min_width,
						     .give_up = infos[i].give_up,
						     .right = infos[i].right,
						     .on = true};
		if (ctx->exact && (i == SIZE_BYTES || i == SIZE_MORE_BYTES || i == SIZE_FREE_BYTES))
			v->size_cols[i].width = v->size_cols[i].min_width = 14;
	}
	mv_table_layout(v->size_cols, SIZE__COLUMNS, v->geo.table.cols, SIZE_BAR);
	for (int i = 0; i < SIZE__COLUMNS; i++)
		v->size_cols[i].x += v->geo.table.x;
}

static void build_change(struct mv_build *b, int64_t by, bool size, bool exact)
{
	uint64_t much = by < 0 ? (uint64_t)-by : (uint64_t)by;

	mv_build_init(b);
	if (!by)
		return;
	mv_build_clean(b, by < 0 ? MV_TEXT("-") : MV_TEXT("+"));
	if (size)
		mv_size_build(b, much, exact);
	else
		mv_build_count(b, much);
}

static void draw_row(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		     const struct heap_size_row *row)
{
	const struct mv_column *col = v->size_cols;
	uint64_t all = heap_used_bytes(ctx->snap->heap.sum);
	/* What stands out: a size that has at least a quarter of what was added. */
	bool much = row->more_bytes > 0 && row->more_bytes >= v->most_more / 4;
	enum mv_role role = much ? ROLE_GREW : ROLE_TEXT;
	struct mv_build b;

	mv_build_init(&b);
	heap_build_size(&b, row->first, row->last);
	heap_put(c, y, &col[SIZE_SIZE], role, &b);
	heap_put_count(c, y, &col[SIZE_BLOCKS], role, row->c.used_blocks);
	heap_put_size(c, y, &col[SIZE_BYTES], role, row->c.used_bytes, ctx->exact);
	build_change(&b, row->more_blocks, false, false);
	heap_put(c, y, &col[SIZE_MORE_BLOCKS], much ? ROLE_GREW : ROLE_DIM, &b);
	build_change(&b, row->more_bytes, true, ctx->exact);
	heap_put(c, y, &col[SIZE_MORE_BYTES], much ? ROLE_GREW : ROLE_DIM, &b);
	mv_build_init(&b);
	if (row->more_bytes > 0 && v->more_bytes > 0 && row->more_bytes <= v->more_bytes)
		mv_build_fmt(&b, "%.0f %%", (double)row->more_bytes * 100 / (double)v->more_bytes);
	heap_put(c, y, &col[SIZE_SHARE], ROLE_STRONG, &b);
	if (row->c.free_blocks) {
		heap_put_count(c, y, &col[SIZE_FREE_BLOCKS], ROLE_DIM, row->c.free_blocks);
		heap_put_size(c, y, &col[SIZE_FREE_BYTES], ROLE_DIM, row->c.free_bytes, ctx->exact);
	}
	if (col[SIZE_BAR].w && row->c.used_bytes && all)
		mv_bar_draw(c, y, col[SIZE_BAR].x, col[SIZE_BAR].w, much ? ROLE_GREW : ROLE_BAR,
			    row->c.used_bytes < all ? row->c.used_bytes : all, all);
}

/* "since 12:03:04: +262K in 2,400 blocks more, 96 % of it 112 bytes each" */
static void draw_note(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct heap_size_row *top = NULL;
	struct mv_build b, by;

	if (v->geo.note_y < 0)
		return;
	mv_build_init(&b);
	mv_build_clean(&b, v->base_mark_ns ? MV_TEXT("against the mark of ") : MV_TEXT("since "));
	mv_clock_build(&b, v->base_real_ns);
	for (uint32_t i = 0; i < v->sizes_count; i++)
		if (v->sizes[i].more_bytes > 0 && (!top || v->sizes[i].more_bytes > top->more_bytes))
			top = &v->sizes[i];
	if (v->base_ns == ctx->snap->heap.at_ns) {
		mv_build_clean(&b, MV_TEXT(": not read again yet"));
	} else if (!v->more_bytes && !top) {
		mv_build_clean(&b, MV_TEXT(": as many blocks of each size"));
	} else {
		mv_build_clean(&b, MV_TEXT(": "));
		build_change(&by, v->more_bytes, true, ctx->exact);
		mv_build_clean(&b, v->more_bytes ? mv_build_text(&by) : MV_TEXT("as many bytes"));
		mv_build_clean(&b, MV_TEXT(" in use"));
		build_change(&by, v->more_blocks, false, false);
		if (v->more_blocks) {
			mv_build_clean(&b, MV_TEXT(", "));
			mv_build_clean(&b, mv_build_text(&by));
			mv_build_clean(&b, MV_TEXT(" blocks"));
		}
		if (top) {
			mv_build_clean(&b, MV_TEXT("; most by "));
			build_change(&by, top->more_blocks, false, false);
			mv_build_clean(&b, mv_build_text(&by));
			mv_build_clean(&b, MV_TEXT(" of "));
			mv_build_count(&b, top->first);
			mv_build_clean(&b, top->first == top->last ? MV_TEXT(" bytes")
								   : MV_TEXT(" bytes and more"));
		}
	}
	mv_canvas_build(c, v->geo.note_y, v->geo.text.x, v->geo.text.cols,
			v->most_more > 0 ? ROLE_WARN : ROLE_DIM, &b);
}

void heap_sizes_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->geo.table;

	draw_note(v, ctx, c);
	if (v->geo.table_head_y >= 0)
		mv_table_headings(c, v->geo.table_head_y, v->size_cols, SIZE__COLUMNS, (int)v->sort,
				  (v->sort == SIZE_SIZE) != v->reverse);
	for (int i = 0; i < t->rows && v->size_top + (uint32_t)i < v->sizes_count; i++) {
		uint32_t n = v->size_top + (uint32_t)i;

		draw_row(v, ctx, c, t->y + i, &v->sizes[n]);
		if (n == v->size_at)
			heap_mark_row(v, c, t->y + i, v->focus == HEAP_SIZES);
	}
	if (!v->sizes_count && t->rows)
		mv_canvas_text(c, t->y, t->x, t->cols, ROLE_DIM,
			       v->short_of_memory ? MV_TEXT("memview ran out of memory for the table")
						  : MV_TEXT("no block is in use"));
}
