/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_map.h"

/* The chooser: columns, or kinds to show, with check marks; a box over the table. */

static uint32_t chooser_list(const struct map_state *s, const struct mv_context *ctx, uint8_t *list,
			     uint32_t *counts)
{
	uint32_t n = 0;

	if (s->chooser == CHOOSE_COLUMNS) {
		for (uint8_t i = 0; i < COL__N; i++)
			if (i != COL_ADDRESS && i != COL_NAME && map_column_exists((enum map_column)i))
				list[n++] = i;
		return n;
	}
	if (!ctx->snap)
		return 0;
	map_rows_count_kinds(ctx->snap, counts);
	for (uint8_t i = 0; i < MV_KIND__N; i++)
		if (counts[i] || (s->order.kinds >> i & 1))
			list[n++] = i;
	return n;
}

static void draw_choice(const struct map_state *s, struct mv_canvas *c, int y, int x, int cols, uint8_t id,
			uint32_t count)
{
	bool on = s->chooser == CHOOSE_COLUMNS ? s->columns_on >> id & 1 : s->order.kinds >> id & 1;
	enum mv_role role = ROLE_TEXT;
	struct mv_build b;
	struct mv_clean name, words;
	bool no_room = false;

	mv_canvas_text(c, y, x, 3, ROLE_KEY, on ? MV_TEXT("[x]") : MV_TEXT("[ ]"));
	if (s->chooser == CHOOSE_COLUMNS) {
		name = map_column_heading((enum map_column)id);
		words = map_column_words((enum map_column)id);
		no_room = on && !s->columns[id].w;
	} else {
		name = mv_words(mv_kind_name((enum mv_kind)id));
		words = mv_words(mv_kind_meaning((enum mv_kind)id));
		role = mv_role_of_kind(id);
	}
	mv_canvas_text(c, y, x + 4, 12, no_room ? ROLE_DIM : role, name);
	if (no_room) {
		mv_canvas_text(c, y, x + 17, cols - 17, ROLE_DIM, MV_TEXT("no room:"));
		x += 9;
		cols -= 9;
	}
	if (s->chooser == CHOOSE_KINDS) {
		mv_build_init(&b);
		mv_build_count(&b, count);
		mv_canvas_text_right(c, y, x + 16, 7, ROLE_TEXT, mv_build_text(&b));
		x += 8;
	}
	mv_canvas_text(c, y, x + 17, cols - 17 - (s->chooser == CHOOSE_KINDS ? 8 : 0), ROLE_DIM, words);
}

void map_chooser_draw(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c)
{
	uint8_t list[COL__N];
	uint32_t counts[MV_KIND__N], n = chooser_list(s, ctx, list, counts);
	int rows = (int)n + 2, cols = s->area.cols - 4;
	int y = s->layout.headings >= 0 ? s->layout.headings : s->layout.table.y;

	cols = cols > 84 ? 84 : cols;
	rows = rows > s->area.y + s->area.rows - y ? s->area.y + s->area.rows - y : rows;
	if (rows < 3 && s->area.rows > 3) {
		y = s->area.y;
		rows = s->area.rows;
	}
	struct mv_rect r = {y, s->area.x + 2, rows, cols};
	/* What would peep out beside it is too little to read. */
	bool alone = cols + 40 > s->area.cols;
	mv_canvas_fill(c, alone ? (struct mv_rect){y, s->area.x, rows, s->area.cols} : r, ROLE_TEXT, U' ');
	struct mv_rect in = mv_canvas_box(c, r,
					  s->chooser == CHOOSE_COLUMNS
					      ? MV_TEXT("columns  Space chooses, Esc closes")
					      : MV_TEXT("only these kinds  Space chooses, Esc closes"));
	uint32_t top = mv_table_scroll(0, s->chooser_cursor, n, in.rows);
	for (int i = 0; i < in.rows && top + (uint32_t)i < n; i++) {
		uint8_t id = list[top + (uint32_t)i];

		draw_choice(s, c, in.y + i, in.x + 1, in.cols - 2, id,
			    s->chooser == CHOOSE_KINDS ? counts[id] : 0);
		if (top + (uint32_t)i == s->chooser_cursor)
			mv_canvas_attr(c, (struct mv_rect){in.y + i, in.x, 1, in.cols}, MV_ATTR_CURSOR);
	}
}

struct mv_outcome map_chooser_act(struct map_state *s, const struct mv_context *ctx, enum mv_action action,
				  struct mv_input input)
{
	uint8_t list[COL__N];
	uint32_t counts[MV_KIND__N], n = chooser_list(s, ctx, list, counts), at = s->chooser_cursor;

	if (input.key == ' ' || action == MV_ACT_ENTER) {
		if (at < n && s->chooser == CHOOSE_COLUMNS)
			s->columns_on ^= UINT64_C(1) << list[at];
		else if (at < n)
			s->order.kinds ^= UINT32_C(1) << list[at];
		return mv_outcome_stay();
	}
	switch (action) {
	case MV_ACT_UP:
		at -= at > 0;
		break;
	case MV_ACT_DOWN:
		at += at + 1 < n;
		break;
	case MV_ACT_PAGE_UP:
		at -= at > 10 ? 10 : at;
		break;
	case MV_ACT_PAGE_DOWN:
		at = at + 10 < n ? at + 10 : n ? n - 1 : 0;
		break;
	case MV_ACT_FIRST:
		at = 0;
		break;
	case MV_ACT_LAST:
		at = n ? n - 1 : 0;
		break;
	case MV_ACT_QUIT:
	case MV_ACT_HELP:
	case MV_ACT_REDRAW:
	case MV_ACT_THEME:
	case MV_ACT_SAVE:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	case MV_ACT_BACK:
	case MV_ACT_COLUMNS:
	case MV_ACT_FILTER:
		s->chooser = CHOOSE_NOTHING;
		break;
	default:
		break;
	}
	s->chooser_cursor = at;
	return mv_outcome_stay();
}
