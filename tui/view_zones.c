/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_zones.h"

/* The zones view: where things are, keys. */

const struct mv_zone *zone_at(const struct zones_view *v, const struct mv_context *ctx, uint32_t row)
{
	if (!ctx->machine || row >= v->count)
		return NULL;
	if (v->has_sum && row == 0)
		return &v->sum;
	return &ctx->machine->ram.zones[v->at_zone[row - v->has_sum]];
}

uint64_t zone_blocks(const struct mv_zone *z, uint64_t page_bytes, uint64_t block_bytes)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < z->orders && i < MV_ORDERS; i++)
		if (page_bytes << i >= block_bytes)
			count += z->blocks[i] * ((page_bytes << i) / block_bytes);
	return count;
}

uint64_t zone_largest(const struct mv_zone *z, uint64_t page_bytes)
{
	for (uint32_t i = z->orders < MV_ORDERS ? z->orders : MV_ORDERS; i-- > 0;)
		if (z->blocks[i])
			return page_bytes << i;
	return 0;
}

/* ---- settling ---- */

static void make_rows(struct zones_view *v, const struct mv_context *ctx)
{
	const struct mv_ram *ram = ctx->machine ? &ctx->machine->ram : NULL;
	uint32_t zones = 0;

	memset(&v->sum, 0, sizeof(v->sum));
	v->count = 0;
	for (uint32_t i = 0; ram && i < ram->zones_count && i < MV_ZONES; i++) {
		const struct mv_zone *z = &ram->zones[i];

		/* Movable and Device have none on most machines. */
		if (!z->managed)
			continue;
		v->at_zone[zones++] = (uint8_t)i;
		v->sum.free += z->free;
		v->sum.min += z->min;
		v->sum.low += z->low;
		v->sum.high += z->high;
		v->sum.managed += z->managed;
		v->sum.orders = z->orders > v->sum.orders ? z->orders : v->sum.orders;
		for (uint32_t k = 0; k < z->orders && k < MV_ORDERS; k++)
			v->sum.blocks[k] += z->blocks[k];
	}
	v->has_sum = zones > 1;
	v->count = zones + v->has_sum;
}

static uint32_t row_of(const struct zones_view *v, const struct mv_context *ctx)
{
	if (!v->chosen || !v->name[0])
		return 0;
	for (uint32_t i = v->has_sum; i < v->count; i++) {
		const struct mv_zone *z = zone_at(v, ctx, i);

		if (z->node == v->node && strncmp(z->name, v->name, sizeof(v->name)) == 0)
			return i;
	}
	return v->at < v->count ? v->at : 0;
}

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

static void zones_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct zones_view *v = state;
	int y = area.y, end = area.y + area.rows, rows = area.rows, airy = rows >= 34;
	struct mv_build b;

	make_rows(v, ctx);
	v->at = row_of(v, ctx);
	v->area = area;
	v->path_y = v->head_y = v->title_y = -1;
	v->text = area.cols >= 40 ? (struct mv_rect){area.y, area.x + 1, rows, area.cols - 2} : area;
	v->header_rows = rows >= 13 ? mv_header_rows(rows) : rows >= 8;
	y += v->header_rows;
	if (rows >= 11)
		v->path_y = y++;
	y += airy;
	zones_words(&b, v, ctx);
	v->words = (struct mv_rect){
	    y, v->text.x, clamp(mv_wrap_rows(v->text.cols, mv_build_text(&b)), 0, rows >= 16 ? 2 : 1),
	    v->text.cols};
	y += v->words.rows + airy;
	if (end - y >= 4)
		v->head_y = y++;
	int left = end - y, zones = clamp((int)v->count, 0, left >= 12 ? left / 3 : left),
	    more = zones_more_draw(v, ctx, NULL);
	v->table = (struct mv_rect){y, area.x + 2, zones, area.cols > 3 ? area.cols - 3 : 0};
	y += zones + airy;
	left = end - y;
	more = left >= 12 ? clamp(more, 0, left / 2 - 2) : 0;
	v->more = (struct mv_rect){end - more, v->text.x, more, v->text.cols};
	left -= more + (more && airy);
	if (left >= 5) {
		v->title_y = y++;
		left--;
	}
	v->chart = (struct mv_rect){y, v->text.x, left >= 2 ? clamp(left, 0, 16) : 0, v->text.cols};
	/* What the chart has left over stands below, not between. */
	if (v->more.rows && v->chart.y + v->chart.rows + airy < v->more.y)
		v->more.y = v->chart.y + v->chart.rows + airy;
	zones_columns_layout(v, ctx);
	v->top = mv_table_scroll(v->top, v->at, v->count, v->table.rows);
}

static void zones_want(const void *state, const struct mv_context *ctx, struct mv_machine_want *want)
{
	(void)state;
	(void)ctx;
	(void)want;
}

static int zones_init(void *state, const struct mv_place *place)
{
	(void)state;
	(void)place;
	return 0;
}

static void zones_go(void *state, const struct mv_place *place)
{
	(void)state;
	(void)place;
}

/* ---- drawing ---- */

static void zones_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *c,
		       struct mv_rect area)
{
	const struct zones_view *v = state;
	struct mv_build b;

	if (area.rows < 1 || area.cols < 1)
		return;
	if (v->header_rows)
		mv_machine_header_draw(
		    ctx, c, (struct mv_rect){area.y, area.x, v->header_rows > 1 ? area.rows : 1, area.cols});
	mv_machine_path_draw(ctx, c, v->path_y, v->text.x, v->text.cols, MV_TEXT("zones"), ROLE_LABEL, NULL);
	if (!v->count) {
		mv_build_init(&b);
		if (!ctx->machine) {
			mv_build_clean(&b, MV_TEXT("reading the zones"));
		} else {
			mv_build_clean(&b, MV_TEXT("the zones can't be read: "));
			mv_build_clean(&b, mv_words(mv_why_text((enum mv_why)ctx->machine->ram.zones_why)));
		}
		if (v->words.y < area.y + area.rows)
			mv_canvas_build(c, v->words.y, v->text.x, v->text.cols,
					ctx->machine ? ROLE_WARN : ROLE_DIM, &b);
		zones_more_draw(v, ctx, c);
		return;
	}
	zones_words(&b, v, ctx);
	mv_wrap_draw(c, v->words, ROLE_STRONG, mv_build_text(&b));
	zones_table_draw(v, ctx, c);
	zones_chart_draw(v, ctx, c);
	zones_more_draw(v, ctx, c);
}

/* ---- keys ---- */

static struct mv_outcome select_row(struct zones_view *v, const struct mv_context *ctx, int64_t row)
{
	if (!v->count)
		return mv_outcome_stay();
	v->at = row < 0 ? 0 : row >= (int64_t)v->count ? v->count - 1 : (uint32_t)row;
	v->chosen = true;
	memset(v->name, 0, sizeof(v->name));
	if (!(v->has_sum && v->at == 0)) {
		const struct mv_zone *z = zone_at(v, ctx, v->at);

		v->node = z->node;
		memcpy(v->name, z->name, sizeof(v->name));
	}
	zones_settle(v, ctx, v->area);
	return mv_outcome_stay();
}

static struct mv_outcome zones_act(void *state, const struct mv_context *ctx, enum mv_action action,
				   struct mv_input input)
{
	struct zones_view *v = state;
	int64_t row;

	if (mv_move_to(action, v->at, v->table.rows, &row))
		return select_row(v, ctx, row);
	switch (action) {
	case MV_ACT_NONE:
		if (input.key == MV_KEY_CLICK && input.y >= v->table.y &&
		    input.y < v->table.y + v->table.rows)
			return select_row(v, ctx, (int64_t)v->top + input.y - v->table.y);
		return mv_outcome_none();
	default:
		return mv_outcome_none();
	}
}

static bool meaning(const void *state, const struct mv_context *ctx, unsigned n, struct mv_meaning *m)
{
	return zones_meaning(state, ctx, n, m);
}

const struct mv_view_ops mv_view_zones = {
    .id = MV_VIEW_ZONES,
    .letter = 'z',
    .name = {"Zones"},
    .state_bytes = sizeof(struct zones_view),
    .init = zones_init,
    .go = zones_go,
    .settle = zones_settle,
    .want_machine = zones_want,
    .draw = zones_draw,
    .act = zones_act,
    .meaning = meaning,
};
