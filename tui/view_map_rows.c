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
	free(rows->unfolded);
	memset(rows, 0, sizeof(*rows));
}

/* Room for `need` elements in *at; what is there is kept. */
static int reserve(void *at, uint32_t *cap, uint32_t need, size_t size)
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

/* ---- sorting ---- */

struct key {
	double number; /* missing values have none and come last */
	const char *text;
	struct map_row row;
	uint32_t tie; /* address order */
	bool missing;
};

struct sorter {
	bool reverse, by_text;
};

static int compare(const void *pa, const void *pb, void *arg)
{
	const struct key *a = pa, *b = pb;
	const struct sorter *sorter = arg;
	int r = 0;

	if (a->missing != b->missing)
		return a->missing ? 1 : -1;
	if (!a->missing) {
		r = sorter->by_text ? strcmp(a->text, b->text)
				    : (a->number > b->number) - (a->number < b->number);
		if (sorter->reverse)
			r = -r;
	}
	return r ? r : (a->tie > b->tie) - (a->tie < b->tie);
}

static void key_mapping(const struct mv_context *ctx, uint32_t index, enum map_column column, struct key *key)
{
	double rate = 0;

	if (column == COL_NAME) {
		key->text = map_name(ctx, index).text;
		key->missing = !*key->text;
		return;
	}
	struct mv_val v = map_value(ctx, index, column, &rate);
	key->missing = !mv_have(&v);
	key->number = column == COL_GROWTH ? rate : (double)v.value;
}

/* A group is sorted by the sum of its members, by the first one's name, kind and address. */
static void key_group(const struct map_rows *rows, const struct mv_context *ctx,
		      const struct map_group *group, enum map_column column, struct key *key)
{
	const uint32_t *members = rows->members + group->first;

	key_mapping(ctx, members[0], column, key);
	if (column == COL_NAME || column == COL_ADDRESS || column == COL_KIND || column == COL_PERM)
		return;
	for (uint32_t i = 1; i < group->count; i++) {
		struct key other = {0};

		key_mapping(ctx, members[i], column, &other);
		if (other.missing)
			continue;
		key->number = key->missing ? other.number : key->number + other.number;
		key->missing = false;
	}
}

static void key_ghost(const struct mv_ghost *ghost, enum map_column column, struct key *key)
{
	key->missing = true;
	if (column == COL_SIZE || column == COL_ADDRESS || column == COL_KIND) {
		key->missing = false;
		key->number = column == COL_SIZE   ? (double)(ghost->range.end - ghost->range.start)
			      : column == COL_KIND ? ghost->kind
						   : (double)ghost->range.start;
	} else if (column == COL_NAME) {
		key->missing = !ghost->name[0];
		key->text = ghost->name;
	}
}

static int sort_rows(struct map_rows *rows, const struct mv_context *ctx, const struct map_order *order)
{
	bool ascends = map_column_ascends(order->sort);
	struct sorter sorter = {.reverse = ascends == order->reverse, .by_text = order->sort == COL_NAME};
	const struct mv_ghost *ghosts = mv_delta_ghosts(ctx->delta, &(size_t){0});
	struct key *keys = calloc(rows->count ? rows->count : 1, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct map_row *row = &rows->at[i];

		keys[i].row = *row;
		keys[i].tie = i;
		if (row->kind == ROW_GHOST)
			key_ghost(&ghosts[row->index], order->sort, &keys[i]);
		else if (row->kind == ROW_GROUP)
			key_group(rows, ctx, &rows->groups[row->index], order->sort, &keys[i]);
		else
			key_mapping(ctx, row->index, order->sort, &keys[i]);
	}
	qsort_r(keys, rows->count, sizeof(*keys), compare, &sorter);
	for (uint32_t i = 0; i < rows->count; i++)
		rows->at[i] = keys[i].row;
	free(keys);
	return 0;
}

/* ---- grouping ---- */

static int compare_members(const void *pa, const void *pb, void *arg)
{
	const struct mv_mapping *maps = arg, *a = &maps[*(const uint32_t *)pa],
				*b = &maps[*(const uint32_t *)pb];

	if (a->object != b->object)
		return a->object > b->object ? 1 : -1;
	return (a->start > b->start) - (a->start < b->start);
}

static bool was_unfolded(const struct map_rows *rows, const struct mv_mapping *maps,
			 const struct map_group *group)
{
	for (uint32_t i = 0; i < rows->unfolded_count; i++)
		for (uint32_t j = 0; j < group->count; j++)
			if (maps[rows->members[group->first + j]].start == rows->unfolded[i])
				return true;
	return false;
}

static int make_groups(struct map_rows *rows, const struct mv_snapshot *snap, const struct map_order *order)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);
	uint32_t count = mv_snapshot_count(snap), n = 0;

	int r = reserve(&rows->members, &rows->members_cap, count, sizeof(*rows->members));
	if (!r)
		r = reserve(&rows->groups, &rows->groups_cap, count, sizeof(*rows->groups));
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < count; i++)
		if (kind_shown(order, maps[i].kind))
			rows->members[n++] = i;
	qsort_r(rows->members, n, sizeof(*rows->members), compare_members, (void *)(uintptr_t)maps);
	rows->groups_count = 0;
	for (uint32_t i = 0, end; i < n; i = end) {
		struct map_group *group = &rows->groups[rows->groups_count++];

		for (end = i + 1;
		     end < n && maps[rows->members[end]].object == maps[rows->members[i]].object;)
			end++;
		*group = (struct map_group){.first = i, .count = end - i};
		group->unfolded = group->count > 1 && was_unfolded(rows, maps, group);
	}
	rows->mappings = n;
	return 0;
}

/* Rows of groups, each where its first mapping is; those of one mapping stay mappings. */
static void add_groups(struct map_rows *rows)
{
	for (uint32_t g = 0; g < rows->groups_count; g++) {
		const struct map_group *group = &rows->groups[g];

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
	int r = reserve(&rows->at, &rows->cap, 2 * mv_snapshot_count(ctx->snap) + ghosts, sizeof(*rows->at));

	if (!r && order->grouped)
		r = make_groups(rows, ctx->snap, order);
	if (r < 0)
		return r;
	rows->count = 0;
	if (order->grouped)
		add_groups(rows);
	else
		add_mappings(rows, ctx->snap, order);
	add_ghosts(rows, ctx, order);
	/* The mappings come by address already. */
	if (order->grouped || ghosts || order->reverse || order->sort != COL_ADDRESS)
		r = sort_rows(rows, ctx, order);
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

static bool is_current(const struct map_rows *rows, const struct mv_snapshot *snap,
		       const struct map_order *order, uint32_t ghosts)
{
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
	if (is_current(rows, ctx->snap, order, ghosts))
		return false;
	rows->failed = make(rows, ctx, order, ghosts) < 0;
	rows->made = true;
	rows->seq = ctx->snap->seq;
	rows->maps_gen = ctx->snap->maps_gen;
	rows->epoch = ctx->snap->epoch;
	rows->ghosts = ghosts;
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

/* ---- folding ---- */

uint32_t map_rows_group_of(const struct map_rows *rows, const struct mv_context *ctx, uint32_t row)
{
	(void)ctx;
	if (row >= rows->count)
		return UINT32_MAX;
	if (rows->at[row].kind == ROW_GROUP)
		return rows->at[row].index;
	if (!rows->at[row].child)
		return UINT32_MAX;
	while (row > 0 && rows->at[row].kind != ROW_GROUP)
		row--;
	return rows->at[row].kind == ROW_GROUP ? rows->at[row].index : UINT32_MAX;
}

bool map_rows_fold(struct map_rows *rows, const struct mv_context *ctx, uint32_t row, bool unfold)
{
	uint32_t g = map_rows_group_of(rows, ctx, row);

	if (g == UINT32_MAX || rows->groups[g].unfolded == unfold)
		return false;
	const struct mv_mapping *maps = mv_snapshot_mappings(ctx->snap);
	const struct map_group *group = &rows->groups[g];
	if (unfold) {
		if (reserve(&rows->unfolded, &rows->unfolded_cap, rows->unfolded_count + 1,
			    sizeof(*rows->unfolded)))
			return false;
		rows->unfolded[rows->unfolded_count++] = maps[rows->members[group->first]].start;
	} else {
		uint32_t kept = 0;

		for (uint32_t i = 0; i < rows->unfolded_count; i++) {
			bool here = false;

			for (uint32_t j = 0; j < group->count; j++)
				here |= maps[rows->members[group->first + j]].start == rows->unfolded[i];
			if (!here)
				rows->unfolded[kept++] = rows->unfolded[i];
		}
		rows->unfolded_count = kept;
	}
	rows->folds_now++;
	return true;
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
