/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_map.h"

/*
 * Which rows in which order. Made once per snapshot at most, and not at all while only tallies change and the
 * order is by address: a process of 60,000 mappings must scroll within a frame.
 */

void map_rows_release(struct map_rows *rows)
{
	free(rows->at);
	free(rows->groups);
	free(rows->members);
	free(rows->sums);
	free(rows->unfolded);
	memset(rows, 0, sizeof(*rows));
}

int map_reserve(void *at, uint32_t *cap, uint32_t need, size_t size)
{
	void *old, *grown;

	if (need <= *cap)
		return 0;
	memcpy(&old, at, sizeof(old));
	uint32_t more = need + need / 4 + 64;
	grown = reallocarray(old, more, size);
	if (!grown)
		return -ENOMEM;
	memcpy(at, &grown, sizeof(grown));
	*cap = more;
	return 0;
}

static bool ghost_is_lit(const struct mv_context *ctx, const struct mv_ghost *ghost)
{
	return ctx->now_ns < ghost->at_ns + MV_LIT_NS;
}

static uint32_t count_ghosts(const struct mv_context *ctx)
{
	size_t count;
	const struct mv_ghost *ghosts = mv_delta_ghosts(ctx->delta, &count);
	uint32_t lit = 0;

	for (size_t i = 0; i < count; i++)
		lit += ghost_is_lit(ctx, &ghosts[i]);
	return lit;
}

static bool kind_shown(const struct map_order *order, unsigned kind)
{
	return !order->kinds || (order->kinds >> kind & 1);
}

/* ---- grouping ---- */

/* Rows of groups, each where its first mapping is; those of one mapping stay mappings. */
static void add_groups(struct map_rows *rows, const struct mv_context *ctx)
{
	rows->mappings = 0;
	for (uint32_t g = 0; g < rows->groups_count; g++) {
		struct map_group *group = &rows->groups[g];

		rows->mappings += group->count;
		group->unfolded = map_group_is_unfolded(rows, ctx, group);
		if (group->count > 1)
			rows->at[rows->count++] = (struct map_row){.index = g, .kind = ROW_GROUP};
		else
			rows->at[rows->count++] = (struct map_row){.index = rows->members[group->first]};
	}
}

/* After sorting: the members of unfolded groups go below them. There is room: a group and its members are
 * fewer than twice the mappings. */
static void insert_children(struct map_rows *rows)
{
	uint32_t more = 0;

	for (uint32_t g = 0; g < rows->groups_count; g++)
		more += rows->groups[g].unfolded ? rows->groups[g].count : 0;
	if (!more)
		return;
	uint32_t to = rows->count + more;
	uint32_t total = to;
	for (uint32_t from = rows->count; from-- > 0;) {
		struct map_row row = rows->at[from];

		if (row.kind == ROW_GROUP && rows->groups[row.index].unfolded) {
			const struct map_group *group = &rows->groups[row.index];

			for (uint32_t j = group->count; j-- > 0;)
				rows->at[--to] =
				    (struct map_row){.index = rows->members[group->first + j], .child = true};
		}
		rows->at[--to] = row;
	}
	rows->count = total;
}

static void add_mappings(struct map_rows *rows, const struct mv_snapshot *snap, const struct map_order *order)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);
	uint32_t count = mv_snapshot_count(snap);

	for (uint32_t i = 0; i < count; i++)
		if (kind_shown(order, maps[i].kind))
			rows->at[rows->count++] = (struct map_row){.index = i};
	rows->mappings = rows->count;
}

static void add_ghosts(struct map_rows *rows, const struct mv_context *ctx, const struct map_order *order)
{
	size_t count;
	const struct mv_ghost *ghosts = mv_delta_ghosts(ctx->delta, &count);

	for (size_t i = 0; i < count; i++)
		if (ghost_is_lit(ctx, &ghosts[i]) && kind_shown(order, ghosts[i].kind))
			rows->at[rows->count++] = (struct map_row){.index = (uint32_t)i, .kind = ROW_GHOST};
}

static int make(struct map_rows *rows, const struct mv_context *ctx, const struct map_order *order,
		uint32_t ghosts)
{
	int r =
	    map_reserve(&rows->at, &rows->cap, 2 * mv_snapshot_count(ctx->snap) + ghosts, sizeof(*rows->at));

	if (!r && order->grouped)
		r = map_groups_settle(rows, ctx, order->kinds);
	if (r < 0)
		return r;
	rows->count = 0;
	if (order->grouped)
		add_groups(rows, ctx);
	else
		add_mappings(rows, ctx->snap, order);
	add_ghosts(rows, ctx, order);
	/* The mappings come by address already. */
	if (order->grouped || ghosts || order->reverse || order->sort != COL_ADDRESS)
		r = map_rows_sort(rows, ctx, order);
	if (order->grouped)
		insert_children(rows);
	return r;
}

/* By these columns the order stays as long as the list of mappings does. */
static bool is_still(enum map_column sort)
{
	return sort == COL_ADDRESS || sort == COL_SIZE || sort == COL_KIND || sort == COL_NAME ||
	       sort == COL_PERM || sort == COL_END || sort == COL_OFFSET || sort == COL_INODE ||
	       sort == COL_DEVICE;
}

static uint64_t mark_of(const struct mv_context *ctx)
{
	const struct mv_growth_mark *mark = mv_against(ctx);

	return mark ? mark->at_ns : 0;
}

static bool is_current(const struct map_rows *rows, const struct mv_context *ctx, const struct map_order *order,
		       uint32_t ghosts)
{
	const struct mv_snapshot *snap = ctx->snap;

	if (rows->mark_ns != mark_of(ctx))
		return false;
	if (!rows->made || rows->maps_gen != snap->maps_gen || rows->epoch != snap->epoch ||
	    rows->ghosts != ghosts || rows->folds != rows->folds_now)
		return false;
	if (rows->order.sort != order->sort || rows->order.reverse != order->reverse ||
	    rows->order.grouped != order->grouped || rows->order.kinds != order->kinds)
		return false;
	/* Ghosts are named by their place in delta's list, which any snapshot may change. */
	return rows->seq == snap->seq || (is_still(order->sort) && !ghosts);
}

bool map_rows_settle(struct map_rows *rows, const struct mv_context *ctx, const struct map_order *order)
{
	if (!ctx->snap)
		return false;
	uint32_t ghosts = count_ghosts(ctx);
	if (is_current(rows, ctx, order, ghosts))
		return false;
	rows->failed = make(rows, ctx, order, ghosts) < 0;
	rows->made = true;
	rows->seq = ctx->snap->seq;
	rows->maps_gen = ctx->snap->maps_gen;
	rows->epoch = ctx->snap->epoch;
	rows->ghosts = ghosts;
	rows->mark_ns = mark_of(ctx);
	rows->order = *order;
	rows->folds = rows->folds_now;
	if (rows->failed)
		rows->count = 0;
	return true;
}

/* ---- identity ---- */

static struct mv_range range_of(const struct map_rows *rows, const struct mv_context *ctx,
				const struct map_row *row)
{
	uint32_t index = row->kind == ROW_GROUP ? rows->members[rows->groups[row->index].first] : row->index;

	if (row->kind == ROW_GHOST)
		return mv_delta_ghosts(ctx->delta, &(size_t){0})[index].range;
	const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[index];
	return (struct mv_range){m->start, m->end};
}

struct map_identity map_rows_identity(const struct map_rows *rows, const struct mv_context *ctx, uint32_t row)
{
	if (!ctx->snap || row >= rows->count)
		return (struct map_identity){0};
	struct mv_range range = range_of(rows, ctx, &rows->at[row]);
	return (struct map_identity){
	    .kind = rows->at[row].kind, .set = true, .start = range.start, .end = range.end};
}

/* How well a row answers to an identity, 0 not at all. */
static int likeness(const struct map_rows *rows, const struct mv_context *ctx, const struct map_row *row,
		    const struct map_identity *who)
{
	struct mv_range range = range_of(rows, ctx, row);

	if (range.start == who->start)
		return row->kind == who->kind ? 4 : 3;
	if (who->kind == ROW_MAPPING && row->kind == ROW_MAPPING && range.end == who->end)
		return 2;
	/* Grouped meanwhile, and folded: the group that holds it. */
	if (row->kind == ROW_GROUP) {
		const struct map_group *group = &rows->groups[row->index];
		const struct mv_mapping *maps = mv_snapshot_mappings(ctx->snap);

		for (uint32_t i = 0; i < group->count; i++)
			if (maps[rows->members[group->first + i]].start == who->start)
				return 1;
	}
	return 0;
}

uint32_t map_rows_find(const struct map_rows *rows, const struct mv_context *ctx,
		       const struct map_identity *who, uint32_t near)
{
	uint32_t best = near < rows->count ? near : rows->count ? rows->count - 1 : 0;
	int best_like = 0;

	if (!who->set || !ctx->snap)
		return best;
	if (near < rows->count && likeness(rows, ctx, &rows->at[near], who) == 4)
		return near;
	for (uint32_t i = 0; i < rows->count && best_like < 4; i++) {
		int like = likeness(rows, ctx, &rows->at[i], who);

		if (like > best_like) {
			best_like = like;
			best = i;
		}
	}
	return best;
}

/* ---- finding ---- */

static bool holds_text(const char *name, const char *text)
{
	return strcasestr(name, text) != NULL;
}

bool map_row_matches(const struct map_rows *rows, const struct mv_context *ctx, const struct map_row *row,
		     const char *text)
{
	uint32_t index = row->kind == ROW_GROUP ? rows->members[rows->groups[row->index].first] : row->index;

	if (row->kind == ROW_GHOST)
		return holds_text(mv_delta_ghosts(ctx->delta, &(size_t){0})[index].name, text);
	return holds_text(map_name(ctx, index).text, text) ||
	       holds_text(mv_kind_name((enum mv_kind)mv_snapshot_mappings(ctx->snap)[index].kind), text);
}

uint32_t map_rows_search(const struct map_rows *rows, const struct mv_context *ctx, uint32_t from,
			 bool backwards, const char *text)
{
	for (uint32_t n = 1; n <= rows->count; n++) {
		uint32_t i = (from + (backwards ? rows->count - n : n)) % rows->count;

		if (map_row_matches(rows, ctx, &rows->at[i], text))
			return i;
	}
	return rows->count;
}

void map_rows_count_kinds(const struct mv_snapshot *snap, uint32_t ret_counts[static MV_KIND__N])
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);

	memset(ret_counts, 0, MV_KIND__N * sizeof(*ret_counts));
	for (uint32_t i = 0; i < mv_snapshot_count(snap); i++)
		if (maps[i].kind < MV_KIND__N)
			ret_counts[maps[i].kind]++;
}
