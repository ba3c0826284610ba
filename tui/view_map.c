/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_faults_words.h"
#include "tui/view_map.h"

/* ---- life ---- */

static int init(void *state, const struct mv_place *place)
{
	struct map_state *s = state;

	s->columns_on = map_columns_default();
	s->order.sort = COL_ADDRESS;
	if (place && place->mapping)
		s->selected = (struct map_identity){.set = true, .start = place->mapping};
	return 0;
}

static void release(void *state)
{
	struct map_state *s = state;

	map_rows_release(&s->rows);
	free(s->cells);
}

static void go(void *state, const struct mv_place *place)
{
	struct map_state *s = state;

	if (place->mapping && !(place->unchosen && s->selected.set))
		s->selected = (struct map_identity){.set = true, .start = place->mapping};
}

/* ---- layout ---- */

static struct map_layout layout_of(struct mv_rect area)
{
	struct map_layout l = {.headings = -1, .note = -1};
	int y = area.y + mv_header_rows(area.rows), left = area.y + area.rows - y;

	if (left >= 9 && area.cols >= 20) {
		int rows = left >= 28 ? 2 : 1;

		l.strip_box = (struct mv_rect){y, area.x, rows + 2, area.cols};
		l.strip = (struct mv_rect){y + 1, area.x + 2, rows, area.cols - 4};
	} else if (left >= 1) {
		l.strip = (struct mv_rect){y, area.x, 1, area.cols};
	}
	y += l.strip_box.rows ? l.strip_box.rows : l.strip.rows;
	left = area.y + area.rows - y;
	if (left >= 8)
		l.note = area.y + area.rows - 1;
	if (left >= 3)
		l.headings = y++;
	l.table = (struct mv_rect){y, area.x + 2, area.y + area.rows - y - (l.note >= 0), area.cols - 3};
	if (l.table.rows < 0)
		l.table.rows = 0;
	if (l.table.cols < 0)
		l.table.cols = 0;
	return l;
}

static void settle_strip(struct map_state *s, const struct mv_context *ctx)
{
	int cols = s->layout.strip.rows ? s->layout.strip.cols : 0;

	if (cols < 1 || !ctx->snap) {
		s->cells_made = false;
		return;
	}
	if (s->cells_made && s->cells_cols == cols && s->cells_scale == s->to_scale &&
	    s->cells_gen == ctx->snap->maps_gen && s->cells_epoch == ctx->snap->epoch)
		return;
	struct mv_strip_cell *cells = reallocarray(s->cells, (size_t)cols, sizeof(*cells));
	s->cells_made = cells != NULL;
	if (!cells)
		return;
	s->cells = cells;
	s->cells_cols = cols;
	s->cells_scale = s->to_scale;
	s->cells_gen = ctx->snap->maps_gen;
	s->cells_epoch = ctx->snap->epoch;
	mv_strip_layout(ctx->snap, cols, s->to_scale, cells);
}

static void select_row(struct map_state *s, const struct mv_context *ctx, uint32_t row)
{
	if (row >= s->rows.count)
		row = s->rows.count ? s->rows.count - 1 : 0;
	s->cursor = row;
	s->selected = map_rows_identity(&s->rows, ctx, row);
	s->top = mv_table_scroll(s->top, s->cursor, s->rows.count, s->layout.table.rows);
}

/* Sums of the groups in sight, made once a snapshot. */
static void settle_sums(struct map_state *s, const struct mv_context *ctx)
{
	if (!s->order.grouped || !ctx->snap || map_groups_settle(&s->rows, ctx, s->order.kinds) < 0)
		return;
	for (uint32_t i = s->top; i < s->rows.count && i < s->top + (uint32_t)s->layout.table.rows; i++) {
		const struct map_row *row = &s->rows.at[i];

		for (int column = 0; row->kind == ROW_GROUP && column < COL__N; column++)
			if (s->columns[column].w || column == COL_RSS || column == COL_SIZE)
				map_group_sum_keep(&s->rows, ctx, &s->rows.groups[row->index],
						   (enum map_column)column);
	}
}

static void settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct map_state *s = state;
	bool moved = s->area.rows != area.rows || s->area.cols != area.cols;

	s->area = area;
	s->layout = layout_of(area);
	map_columns_layout(s, ctx, s->layout.table.cols);
	settle_strip(s, ctx);
	bool anew = map_rows_settle(&s->rows, ctx, &s->order);
	bool elsewhere = s->selected.set && s->cursor < s->rows.count &&
			 map_rows_identity(&s->rows, ctx, s->cursor).start != s->selected.start;
	/* While there are no rows yet, the place we were sent to stays selected. */
	if (s->rows.count && (anew || moved || elsewhere))
		select_row(s, ctx, map_rows_find(&s->rows, ctx, &s->selected, s->cursor));
	settle_sums(s, ctx);
}

/* ---- want ---- */

static void want(const void *state, const struct mv_context *ctx, struct mv_want *ret_want)
{
	const struct map_state *s = state;
	uint64_t low = UINT64_MAX, high = 0;

	ret_want->facts |= MV_FACT_MAPS | MV_FACT_PAGES;
	for (int i = 0; i < COL__N; i++)
		if (map_column_needs_smaps((enum map_column)i) &&
		    (s->columns[i].w || s->order.sort == (enum map_column)i))
			ret_want->facts |= MV_FACT_SMAPS;
	for (uint32_t i = s->top; i < s->rows.count && i < s->top + (uint32_t)s->layout.table.rows; i++) {
		const struct map_row *row = &s->rows.at[i];
		struct map_identity who = map_rows_identity(&s->rows, ctx, i);

		if (row->kind == ROW_GHOST || !who.set)
			continue;
		low = who.start < low ? who.start : low;
		high = who.end > high ? who.end : high;
	}
	if (low < high)
		ret_want->visible = (struct mv_range){low, high};
}

/* ---- drawing ---- */

static bool holds_selected(const struct map_state *s, const struct mv_context *ctx,
			   const struct mv_strip_cell *cell)
{
	uint64_t start = s->selected.start;

	return s->selected.set && cell->first != UINT32_MAX &&
	       (mv_snapshot_mappings(ctx->snap)[cell->first].start == start ||
		(start >= cell->start && start < cell->end));
}

/* The selected mapping's extent again in the box's lower edge, where that holds no address. */
static void draw_bracket(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct map_layout *l = &s->layout;
	int y = l->strip_box.y + l->strip_box.rows - 1;

	for (int i = 0; i < s->cells_cols; i++) {
		const struct mv_cell *edge = mv_canvas_at(c, y, l->strip.x + i);

		if (edge && holds_selected(s, ctx, &s->cells[i]) &&
		    (edge->ch[0] == U'─' || edge->ch[0] == U'-'))
			mv_canvas_glyph2(c, y, l->strip.x + i, ROLE_KEY, U'━', '=');
	}
}

/*
 * Where faults fell within the last second: on the box's upper edge, above the cell that holds the address.
 * The title gives way to them as a whole while faults are traced; what the mark means stands in the lower
 * edge.
 */
static void draw_faults(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct map_layout *l = &s->layout;
	uint32_t recent = mv_faults_recent(ctx->snap), count;
	const struct mv_fault_entry *log = recent ? mv_snapshot_fault_log(ctx->snap, &count) : NULL;
	bool box = l->strip_box.rows > 0;

	for (uint32_t i = recent; i-- > 0;)
		for (int x = 0; x < s->cells_cols && x < l->strip.cols; x++)
			if (s->cells[x].first != UINT32_MAX && log[i].addr >= s->cells[x].start &&
			    log[i].addr < s->cells[x].end) {
				mv_grid_flash(c, box ? l->strip_box.y : l->strip.y, l->strip.x + x, 1,
					      mv_role_of_fault(log[i].kind));
				break;
			}
	if (recent && l->strip_box.cols >= 60) {
		int y = l->strip_box.y + l->strip_box.rows - 1,
		    x = l->strip_box.x + l->strip_box.cols / 2 - 8;

		x += mv_canvas_text(c, y, x, -1, ROLE_LABEL, MV_TEXT(" "));
		mv_canvas_glyph2(c, y, x, ROLE_TRACE, U'▼', 'v');
		mv_canvas_text(c, y, x + 1, -1, ROLE_LABEL, MV_TEXT(" faults fall here "));
	}
}

static void draw_strip(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct map_layout *l = &s->layout;
	const struct mv_mapping *maps = mv_snapshot_mappings(ctx->snap);
	uint32_t count = mv_snapshot_count(ctx->snap);
	struct mv_build b;

	if (l->strip_box.rows) {
		struct mv_clean title =
		    s->to_scale ? MV_TEXT("address space, true to scale") : MV_TEXT("address space");

		if (mv_faults_recent(ctx->snap) && s->pane != PANE_STRIP)
			title = MV_TEXT("");
		mv_canvas_box(c, l->strip_box, title);
		int bottom = l->strip_box.y + l->strip_box.rows - 1, end = l->strip_box.x + l->strip_box.cols;

		if (s->pane == PANE_STRIP)
			mv_canvas_role(c,
				       (struct mv_rect){l->strip_box.y, l->strip_box.x + 2, 1,
							(int)mv_clean_width(title)},
				       ROLE_SIDE_ON);
		/* vsyscall is not in the strip, so it is not its last address either. */
		while (count && maps[count - 1].kind == MV_KIND_VSYSCALL)
			count--;
		if (count && l->strip_box.cols >= 40) {
			mv_build_init(&b);
			mv_build_fmt(&b, " %llx ", (unsigned long long)maps[0].start);
			mv_canvas_build(c, bottom, l->strip_box.x + 2, -1, ROLE_DIM, &b);
			mv_build_init(&b);
			mv_build_fmt(&b, " %llx ", (unsigned long long)maps[count - 1].end);
			int w = (int)b.len;
			mv_canvas_build(c, bottom, end - 2 - w, w, ROLE_DIM, &b);
		}
	}
	if (!s->cells_made || !l->strip.rows)
		return;
	/* Reverse video would show full as empty: without colours the bracket alone marks it. */
	bool marked = s->selected.set && !(ctx->mono && l->strip_box.rows);
	mv_strip_draw(c, l->strip, ctx->snap, s->cells, s->cells_cols, marked ? s->selected.start : 0);
	draw_faults(s, ctx, c);
	if (l->strip_box.rows)
		draw_bracket(s, ctx, c);
}

/* Reverse video would turn the bar inside out, full into empty: without colours it stays as it is. */
static void draw_cursor(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c,
			struct mv_rect row)
{
	const struct mv_column *bar = &s->columns[COL_RESIDENT];
	int end = row.x + row.cols;

	if (ctx->mono && bar->w) {
		int x = s->layout.table.x + bar->x;

		mv_canvas_attr(c, (struct mv_rect){row.y, row.x, 1, x - row.x}, MV_ATTR_CURSOR);
		row.x = x + bar->w;
	}
	row.cols = end - row.x;
	mv_canvas_attr(c, row, MV_ATTR_CURSOR);
}

static void draw_rows(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &s->layout.table;

	if (s->layout.headings >= 0) {
		struct mv_column shifted[COL__N];

		memcpy(shifted, s->columns, sizeof(shifted));
		for (int i = 0; i < COL__N; i++)
			shifted[i].x += t->x;
		mv_table_headings(c, s->layout.headings, shifted, COL__N, (int)s->order.sort,
				  map_column_ascends(s->order.sort) != s->order.reverse);
	}
	for (int i = 0; i < t->rows && s->top + (uint32_t)i < s->rows.count; i++) {
		uint32_t n = s->top + (uint32_t)i;

		map_row_draw(s, ctx, c, t->y + i, t->x, &s->rows.at[n]);
		if (n != s->cursor)
			continue;
		mv_canvas_glyph(c, t->y + i, t->x - 2, ROLE_CURSOR, U'>');
		if (s->pane == PANE_TABLE)
			draw_cursor(s, ctx, c, (struct mv_rect){t->y + i, t->x - 2, 1, t->cols + 3});
	}
}

static void draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
		 struct mv_rect area)
{
	const struct map_state *s = state;

	mv_header_draw(ctx, canvas, area);
	if (ctx->snap && mv_snapshot_count(ctx->snap))
		draw_strip(s, ctx, canvas);
	if (ctx->snap && s->rows.count)
		draw_rows(s, ctx, canvas);
	else if (s->layout.table.rows)
		map_nothing_draw(s, ctx, canvas);
	if (s->layout.note >= 0)
		map_note_draw(s, ctx, canvas);
	if (s->chooser != CHOOSE_NOTHING)
		map_chooser_draw(s, ctx, canvas);
}

/* ---- acting ---- */

#define NONE ((struct mv_outcome){.kind = MV_OUT_NONE})

static struct mv_outcome say(struct map_state *s, struct mv_clean text)
{
	mv_build_init(&s->hint);
	mv_build_clean(&s->hint, text);
	return mv_outcome_hint(mv_build_text(&s->hint));
}

static struct mv_outcome resettle(struct map_state *s, const struct mv_context *ctx)
{
	settle(s, ctx, s->area);
	return mv_outcome_stay();
}

static struct mv_outcome open_chooser(struct map_state *s, enum map_chooser chooser)
{
	s->chooser = chooser;
	s->chooser_cursor = 0;
	return mv_outcome_stay();
}

static struct mv_outcome move(struct map_state *s, const struct mv_context *ctx, enum mv_action action)
{
	uint32_t at = s->cursor, last = s->rows.count ? s->rows.count - 1 : 0;
	uint32_t page = s->layout.table.rows > 1 ? (uint32_t)s->layout.table.rows - 1 : 1;

	switch (action) {
	case MV_ACT_UP:
		at -= at > 0;
		break;
	case MV_ACT_DOWN:
		at += at < last;
		break;
	case MV_ACT_PAGE_UP:
		at -= at > page ? page : at;
		break;
	case MV_ACT_PAGE_DOWN:
		at = last - at > page ? at + page : last;
		break;
	case MV_ACT_FIRST:
		at = 0;
		break;
	default:
		at = last;
	}
	select_row(s, ctx, at);
	return mv_outcome_stay();
}

/* The next row up or down the address space, whatever the table is sorted by. */
static struct mv_outcome step_in_strip(struct map_state *s, const struct mv_context *ctx, bool up)
{
	uint64_t here = s->selected.start, best_start = 0;
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < s->rows.count; i++) {
		uint64_t start = map_rows_identity(&s->rows, ctx, i).start;

		if (s->rows.at[i].kind == ROW_GHOST || (up ? start <= here : start >= here))
			continue;
		if (best == UINT32_MAX || (up ? start < best_start : start > best_start)) {
			best = i;
			best_start = start;
		}
	}
	if (best != UINT32_MAX)
		select_row(s, ctx, best);
	return mv_outcome_stay();
}

static struct mv_outcome fold(struct map_state *s, const struct mv_context *ctx, bool unfold)
{
	uint32_t group = map_rows_group_of(&s->rows, s->cursor);

	if (group == UINT32_MAX || !map_rows_fold(&s->rows, ctx, s->cursor, unfold))
		return mv_outcome_stay();
	/* Folding puts the cursor on the group's line. */
	uint32_t row = s->cursor;
	while (row > 0 && s->rows.at[row].kind != ROW_GROUP)
		row--;
	select_row(s, ctx, row);
	return resettle(s, ctx);
}

static struct mv_outcome enter(struct map_state *s, const struct mv_context *ctx)
{
	if (!ctx->snap || s->cursor >= s->rows.count)
		return say(s, MV_TEXT("there is no mapping to open"));
	const struct map_row *row = &s->rows.at[s->cursor];
	if (row->kind == ROW_GHOST)
		return say(s, MV_TEXT("this mapping has gone"));
	if (row->kind == ROW_GROUP)
		return fold(s, ctx, !s->rows.groups[row->index].unfolded);
	return (struct mv_outcome){
	    .kind = MV_OUT_PUSH, .view = MV_VIEW_PAGES, .place = {.mapping = s->selected.start}};
}

/* The order has changed: one wants to see what is first now. */
static struct mv_outcome reordered(struct map_state *s, const struct mv_context *ctx)
{
	settle(s, ctx, s->area);
	select_row(s, ctx, 0);
	return mv_outcome_stay();
}

static struct mv_outcome sort_by(struct map_state *s, const struct mv_context *ctx, enum map_column column)
{
	if (s->order.sort == column) {
		s->order.reverse = !s->order.reverse;
	} else {
		s->order.sort = column;
		s->order.reverse = false;
	}
	return reordered(s, ctx);
}

static struct mv_outcome sort_next(struct map_state *s, const struct mv_context *ctx)
{
	int column = (int)s->order.sort;

	do {
		column = (column + 1) % COL__N;
	} while (column != (int)s->order.sort && !s->columns[column].w);
	s->order.reverse = false;
	s->order.sort = (enum map_column)column;
	return reordered(s, ctx);
}

static struct mv_outcome search(struct map_state *s, const struct mv_context *ctx, uint32_t from,
				bool backwards)
{
	if (!s->find[0])
		return say(s, MV_TEXT("nothing was looked for yet; / finds"));
	uint32_t row = ctx->snap && s->rows.count ? map_rows_search(&s->rows, ctx, from, backwards, s->find)
						  : s->rows.count;
	if (row == s->rows.count)
		return say(s, MV_TEXT("no mapping is named so"));
	select_row(s, ctx, row);
	return mv_outcome_stay();
}

static struct mv_outcome click(struct map_state *s, const struct mv_context *ctx, struct mv_input input)
{
	const struct map_layout *l = &s->layout;
	const struct mv_rect *t = &l->table;

	if (input.y >= t->y && input.y < t->y + t->rows) {
		uint32_t row = s->top + (uint32_t)(input.y - t->y);

		if (row >= s->rows.count)
			return NONE;
		s->pane = PANE_TABLE;
		select_row(s, ctx, row);
		return mv_outcome_stay();
	}
	if (l->headings >= 0 && input.y == l->headings) {
		for (int i = 0; i < COL__N; i++)
			if (s->columns[i].w && input.x >= t->x + s->columns[i].x &&
			    input.x < t->x + s->columns[i].x + s->columns[i].w)
				return sort_by(s, ctx, (enum map_column)i);
		return NONE;
	}
	int x = input.x - l->strip.x;
	if (!s->cells_made || !ctx->snap || input.y < l->strip.y || input.y >= l->strip.y + l->strip.rows ||
	    x < 0 || x >= s->cells_cols)
		return NONE;
	uint32_t first = s->cells[x].first;
	if (first == UINT32_MAX || first >= mv_snapshot_count(ctx->snap))
		return mv_outcome_stay();
	const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[first];
	struct map_identity who = {.set = true, .start = m->start, .end = m->end};
	s->pane = PANE_STRIP;
	select_row(s, ctx, map_rows_find(&s->rows, ctx, &who, s->cursor));
	return mv_outcome_stay();
}

static struct mv_outcome act(void *state, const struct mv_context *ctx, enum mv_action action,
			     struct mv_input input)
{
	struct map_state *s = state;

	if (s->chooser != CHOOSE_NOTHING) {
		struct mv_outcome out = map_chooser_act(s, ctx, action, input);

		settle(s, ctx, s->area);
		return out;
	}
	if (input.key == MV_KEY_CLICK)
		return click(s, ctx, input);
	switch (action) {
	case MV_ACT_UP:
	case MV_ACT_DOWN:
	case MV_ACT_PAGE_UP:
	case MV_ACT_PAGE_DOWN:
	case MV_ACT_FIRST:
	case MV_ACT_LAST:
		return move(s, ctx, action);
	case MV_ACT_LEFT:
	case MV_ACT_RIGHT:
		if (s->pane == PANE_STRIP)
			return step_in_strip(s, ctx, action == MV_ACT_RIGHT);
		return fold(s, ctx, action == MV_ACT_RIGHT);
	case MV_ACT_ENTER:
		return enter(s, ctx);
	case MV_ACT_PANE:
		s->pane = s->pane == PANE_TABLE ? PANE_STRIP : PANE_TABLE;
		return mv_outcome_stay();
	case MV_ACT_SCALE:
		s->to_scale = !s->to_scale;
		return resettle(s, ctx);
	case MV_ACT_SORT:
		return sort_next(s, ctx);
	case MV_ACT_REVERSE:
		s->order.reverse = !s->order.reverse;
		return reordered(s, ctx);
	case MV_ACT_GROUP:
		s->order.grouped = !s->order.grouped;
		return resettle(s, ctx);
	case MV_ACT_FILTER:
		return open_chooser(s, CHOOSE_KINDS);
	case MV_ACT_COLUMNS:
		return open_chooser(s, CHOOSE_COLUMNS);
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK,
					   .text = MV_TEXT("find a name, or an address as 0x...: ")};
	case MV_ACT_FIND_NEXT:
		return search(s, ctx, s->cursor, false);
	case MV_ACT_FIND_PREV:
		return search(s, ctx, s->cursor, true);
	default:
		return NONE;
	}
}

static struct mv_outcome find_address(struct map_state *s, const struct mv_context *ctx, uint64_t addr)
{
	uint32_t i = mv_snapshot_find(ctx->snap, addr);

	if (i >= mv_snapshot_count(ctx->snap))
		return say(s, MV_TEXT("no mapping holds this address"));
	const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[i];
	if (s->order.kinds && !(s->order.kinds >> m->kind & 1))
		return say(s, MV_TEXT("the filter (f) hides the mapping that holds this address"));
	struct map_identity who = {.set = true, .start = m->start, .end = m->end};
	uint32_t row = map_rows_find(&s->rows, ctx, &who, s->cursor);
	if (row < s->rows.count && s->rows.at[row].kind == ROW_GROUP &&
	    map_rows_fold(&s->rows, ctx, row, true)) {
		map_rows_settle(&s->rows, ctx, &s->order);
		row = map_rows_find(&s->rows, ctx, &who, row);
	}
	select_row(s, ctx, row);
	return mv_outcome_stay();
}

static struct mv_outcome answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct map_state *s = state;
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	if (!ctx->snap)
		return say(s, MV_TEXT("nothing has been read yet"));
	if (len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		struct mv_scan scan = {text + 2, text + len};
		uint64_t addr;

		if (mv_scan_hex(&scan, &addr) && scan.at == scan.end)
			return find_address(s, ctx, addr);
		return say(s, MV_TEXT("an address is 0x and up to 16 hexadecimal digits"));
	}
	if (len >= sizeof(s->find))
		len = sizeof(s->find) - 1;
	memcpy(s->find, text, len);
	s->find[len] = '\0';
	if (!len)
		return mv_outcome_stay();
	/* The row under the cursor counts too. */
	return search(s, ctx, s->cursor ? s->cursor - 1 : s->rows.count ? s->rows.count - 1 : 0, false);
}

/* ---- what it is ---- */

static bool meaning(const void *state, const struct mv_context *ctx, unsigned n,
		    struct mv_meaning *ret_meaning)
{
	const struct map_state *s = state;

	/* First what one looks at: the column sorted by, RSS in the order of addresses; then from left to
	 * right. */
	int first = s->order.sort == COL_ADDRESS ? COL_RSS : (int)s->order.sort;

	if (n == 0)
		return map_column_meaning(s, ctx, (enum map_column)first, ret_meaning);
	for (int i = 0; i < COL__N; i++)
		if (s->columns[i].w && i != first && --n == 0)
			return map_column_meaning(s, ctx, (enum map_column)i, ret_meaning);
	return false;
}

static struct mv_clean enter_words(const void *state, const struct mv_context *ctx)
{
	const struct map_state *s = state;

	(void)ctx;
	if (s->chooser == CHOOSE_COLUMNS || s->chooser == CHOOSE_KINDS)
		return MV_TEXT("choose");
	if (s->cursor >= s->rows.count || s->rows.at[s->cursor].kind != ROW_GROUP)
		return (struct mv_clean){0};
	return s->rows.groups[s->rows.at[s->cursor].index].unfolded ? MV_TEXT("fold") : MV_TEXT("unfold");
}

static struct mv_place place(const void *state, const struct mv_context *ctx)
{
	const struct map_state *s = state;

	(void)ctx;
	if (!s->selected.set || s->selected.kind == ROW_GHOST)
		return (struct mv_place){0};
	return (struct mv_place){.mapping = s->selected.start};
}

const struct mv_view_ops mv_view_map = {
    .id = MV_VIEW_MAP,
    .letter = 'm',
    .name = {"Map"},
    .state_bytes = sizeof(struct map_state),
    .init = init,
    .release = release,
    .go = go,
    .settle = settle,
    .want = want,
    .draw = draw,
    .act = act,
    .answer = answer,
    .meaning = meaning,
    .enter_words = enter_words,
    .place = place,
};
