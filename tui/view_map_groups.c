/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_map.h"

/* Mappings of one object as one line: which they are, their sums, folded or not. */

/* ---- which ---- */

/* Members by object, those of one object by address. */
static int collect(struct map_rows *rows, const struct mv_snapshot *snap, uint32_t kinds, uint32_t *ret_count)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);
	uint32_t count = mv_snapshot_count(snap), n = 0;
	struct map_key *keys = calloc(count ? count : 1, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		if (!kinds || (kinds >> maps[i].kind & 1))
			keys[n++] = (struct map_key){.number = maps[i].object, .row = {.index = i}};
	int r = map_keys_sort(keys, n);
	if (!r)
		r = map_reserve(&rows->members, &rows->members_cap, n, sizeof(*rows->members));
	for (uint32_t i = 0; !r && i < n; i++)
		rows->members[i] = keys[i].row.index;
	free(keys);
	*ret_count = n;
	return r;
}

static int divide(struct map_rows *rows, const struct mv_snapshot *snap, uint32_t n)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);
	int r = map_reserve(&rows->groups, &rows->groups_cap, n, sizeof(*rows->groups));

	if (r < 0)
		return r;
	rows->groups_count = rows->sums_count = 0;
	for (uint32_t i = 0, end; i < n; i = end) {
		uint32_t object = maps[rows->members[i]].object;

		for (end = i + 1; end < n && maps[rows->members[end]].object == object;)
			end++;
		rows->groups[rows->groups_count++] = (struct map_group){
		    .first = i,
		    .count = end - i,
		    .sums = end - i > GROUP_LARGE ? rows->sums_count++ : UINT32_MAX,
		};
	}
	return map_reserve(&rows->sums, &rows->sums_cap, rows->sums_count * COL__N, sizeof(*rows->sums));
}

int map_groups_settle(struct map_rows *rows, const struct mv_context *ctx, uint32_t kinds)
{
	const struct mv_snapshot *snap = ctx->snap;
	bool current = rows->groups_made && rows->groups_gen == snap->maps_gen &&
		       rows->groups_epoch == snap->epoch && rows->groups_kinds == kinds;
	uint32_t n = 0;

	if (!current) {
		rows->groups_made = false;
		int r = collect(rows, snap, kinds, &n);
		if (!r)
			r = divide(rows, snap, n);
		if (r < 0)
			return r;
		rows->groups_made = true;
		rows->groups_gen = snap->maps_gen;
		rows->groups_epoch = snap->epoch;
		rows->groups_kinds = kinds;
	}
	if (!current || rows->sums_seq != snap->seq)
		for (uint32_t i = 0; i < rows->sums_count * COL__N; i++)
			rows->sums[i].made = false;
	rows->sums_seq = snap->seq;
	return 0;
}

/* ---- sums ---- */

static struct map_sum sum_up(const struct map_rows *rows, const struct mv_context *ctx,
			     const struct map_group *group, enum map_column column)
{
	struct map_sum sum = {.value = mv_val_missing(MV_WHY_NOT_READ), .made = true};

	for (uint32_t i = 0; i < group->count; i++) {
		double rate = 0;
		struct mv_val v = map_value(ctx, rows->members[group->first + i], column, &rate);

		if (!mv_have(&v)) {
			if (!mv_have(&sum.value))
				sum.value = v;
			continue;
		}
		sum.value = mv_val_of(mv_have(&sum.value) ? sum.value.value + v.value : v.value);
		sum.rate += rate;
	}
	return sum;
}

static bool is_kept(const struct map_rows *rows, const struct mv_context *ctx, const struct map_group *group)
{
	/* Kept are the figures as they are. */
	return group->sums != UINT32_MAX && rows->sums_seq == ctx->snap->seq && !mv_against(ctx);
}

struct map_sum map_group_sum(const struct map_rows *rows, const struct mv_context *ctx,
			     const struct map_group *group, enum map_column column)
{
	if (is_kept(rows, ctx, group) && rows->sums[group->sums * COL__N + column].made)
		return rows->sums[group->sums * COL__N + column];
	return sum_up(rows, ctx, group, column);
}

struct map_sum map_group_sum_keep(struct map_rows *rows, const struct mv_context *ctx,
				  const struct map_group *group, enum map_column column)
{
	struct map_sum sum = map_group_sum(rows, ctx, group, column);

	if (is_kept(rows, ctx, group))
		rows->sums[group->sums * COL__N + column] = sum;
	return sum;
}

/* ---- folding ---- */

static bool has_start(const struct map_rows *rows, const struct mv_mapping *maps,
		      const struct map_group *group, uint64_t start)
{
	for (uint32_t j = 0; j < group->count; j++)
		if (maps[rows->members[group->first + j]].start == start)
			return true;
	return false;
}

bool map_group_is_unfolded(const struct map_rows *rows, const struct mv_context *ctx,
			   const struct map_group *group)
{
	for (uint32_t i = 0; group->count > 1 && i < rows->unfolded_count; i++)
		if (has_start(rows, mv_snapshot_mappings(ctx->snap), group, rows->unfolded[i]))
			return true;
	return false;
}

uint32_t map_rows_group_of(const struct map_rows *rows, uint32_t row)
{
	if (row >= rows->count || (rows->at[row].kind != ROW_GROUP && !rows->at[row].child))
		return UINT32_MAX;
	while (row > 0 && rows->at[row].kind != ROW_GROUP)
		row--;
	return rows->at[row].kind == ROW_GROUP ? rows->at[row].index : UINT32_MAX;
}

bool map_rows_fold(struct map_rows *rows, const struct mv_context *ctx, uint32_t row, bool unfold)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(ctx->snap);
	uint32_t g = map_rows_group_of(rows, row), kept = 0;

	if (g == UINT32_MAX || rows->groups[g].unfolded == unfold)
		return false;
	const struct map_group *group = &rows->groups[g];
	if (unfold) {
		if (map_reserve(&rows->unfolded, &rows->unfolded_cap, rows->unfolded_count + 1,
				sizeof(*rows->unfolded)))
			return false;
		rows->unfolded[rows->unfolded_count++] = maps[rows->members[group->first]].start;
	} else {
		for (uint32_t i = 0; i < rows->unfolded_count; i++)
			if (!has_start(rows, maps, group, rows->unfolded[i]))
				rows->unfolded[kept++] = rows->unfolded[i];
		rows->unfolded_count = kept;
	}
	rows->folds_now++;
	return true;
}
