/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_map.h"

/*
 * Sorting the map's rows. Numbers go through a radix sort, byte by byte and stable, so that 60,000 rows take
 * about a millisecond and equal ones stay in the order of addresses; only names are compared.
 */

/* One pass over byte `shift`; false when all keys have the same byte there and nothing was moved. */
static bool sort_byte(const struct map_key *from, struct map_key *to, uint32_t count, unsigned shift)
{
	uint32_t starts[256] = {0}, sum = 0;

	for (uint32_t i = 0; i < count; i++)
		starts[from[i].number >> shift & 255]++;
	if (starts[from[0].number >> shift & 255] == count)
		return false;
	for (unsigned b = 0; b < 256; b++) {
		uint32_t n = starts[b];

		starts[b] = sum;
		sum += n;
	}
	for (uint32_t i = 0; i < count; i++)
		to[starts[from[i].number >> shift & 255]++] = from[i];
	return true;
}

int map_keys_sort(struct map_key *keys, uint32_t count)
{
	struct map_key *from = keys, *to, *other;

	if (count < 2)
		return 0;
	other = to = reallocarray(NULL, count, sizeof(*other));
	if (!other)
		return -ENOMEM;
	for (unsigned shift = 0; shift < 64; shift += 8) {
		if (!sort_byte(from, to, count, shift))
			continue;
		struct map_key *swap = from;

		from = to;
		to = swap;
	}
	if (from != keys)
		memcpy(keys, from, count * sizeof(*keys));
	free(other);
	return 0;
}

/* ---- keys ---- */

#define KEY_MISSING UINT64_MAX /* last in either direction */

/* Doubles as integers of the same order. */
static uint64_t order_of(double rate)
{
	uint64_t bits;

	memcpy(&bits, &rate, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static struct map_sum value_of(const struct mv_context *ctx, uint32_t index, enum map_column column)
{
	struct map_sum sum = {.rate = 0};

	sum.value = map_value(ctx, index, column, &sum.rate);
	return sum;
}

/* A group is sorted by the sum of its members; by the first one's kind, rights and address. */
static struct map_sum value_of_group(struct map_rows *rows, const struct mv_context *ctx,
				     const struct map_group *group, enum map_column column)
{
	if (map_column_ascends(column))
		return value_of(ctx, rows->members[group->first], column);
	return map_group_sum_keep(rows, ctx, group, column);
}

static struct map_sum value_of_ghost(const struct mv_ghost *ghost, enum map_column column)
{
	struct map_sum sum = {.value = mv_val_missing(MV_WHY_NOT_HERE)};

	if (column == COL_SIZE)
		sum.value = mv_val_of(ghost->range.end - ghost->range.start);
	else if (column == COL_ADDRESS)
		sum.value = mv_val_of(ghost->range.start);
	else if (column == COL_END)
		sum.value = mv_val_of(ghost->range.end);
	else if (column == COL_KIND)
		sum.value = mv_val_of(ghost->kind);
	else if (column == COL_PERM)
		sum.value = mv_val_of(ghost->perms);
	return sum;
}

static uint64_t key_of(struct map_rows *rows, const struct mv_context *ctx, const struct map_row *row,
		       enum map_column column, bool downwards)
{
	struct map_sum sum;

	if (row->kind == ROW_GHOST)
		sum = value_of_ghost(&mv_delta_ghosts(ctx->delta, &(size_t){0})[row->index], column);
	else if (row->kind == ROW_GROUP)
		sum = value_of_group(rows, ctx, &rows->groups[row->index], column);
	else
		sum = value_of(ctx, row->index, column);
	if (!mv_have(&sum.value))
		return KEY_MISSING;
	bool signed_number = column == COL_GROWTH || map_column_is_delta(ctx, column);
	uint64_t key = signed_number ? order_of(sum.rate) : sum.value.value;
	key = downwards ? ~key : key;
	return key == KEY_MISSING ? key - 1 : key;
}

/* ---- names ---- */

struct named {
	const char *name;
	struct map_row row;
	uint32_t tie;
};

static int compare_names(const void *pa, const void *pb, void *arg)
{
	const struct named *a = pa, *b = pb;
	int r = a->name == b->name ? 0 : strcmp(a->name, b->name);

	if (*(const bool *)arg)
		r = -r;
	return r ? r : (a->tie > b->tie) - (a->tie < b->tie);
}

static int sort_by_name(struct map_rows *rows, const struct mv_context *ctx, bool downwards)
{
	struct named *named = calloc(rows->count ? rows->count : 1, sizeof(*named));
	const struct mv_ghost *ghosts = mv_delta_ghosts(ctx->delta, &(size_t){0});

	if (!named)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct map_row *row = &rows->at[i];
		uint32_t index = row->index;

		if (row->kind == ROW_GROUP)
			index = rows->members[rows->groups[row->index].first];
		named[i].name = row->kind == ROW_GHOST ? ghosts[index].name : map_name(ctx, index).text;
		named[i].row = *row;
		named[i].tie = i;
	}
	qsort_r(named, rows->count, sizeof(*named), compare_names, &downwards);
	for (uint32_t i = 0; i < rows->count; i++)
		rows->at[i] = named[i].row;
	free(named);
	return 0;
}

int map_rows_sort(struct map_rows *rows, const struct mv_context *ctx, const struct map_order *order)
{
	bool downwards = map_column_ascends(order->sort) == order->reverse;

	if (order->sort == COL_NAME)
		return sort_by_name(rows, ctx, downwards);
	struct map_key *keys = calloc(rows->count ? rows->count : 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->count; i++) {
		keys[i].number = key_of(rows, ctx, &rows->at[i], order->sort, downwards);
		keys[i].row = rows->at[i];
	}
	int r = map_keys_sort(keys, rows->count);
	for (uint32_t i = 0; i < rows->count; i++)
		rows->at[i] = keys[i].row;
	free(keys);
	return r;
}
