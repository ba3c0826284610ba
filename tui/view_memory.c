/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_memory.h"

/* The memory view: where things are, drawing, keys. */

#define LABEL_COLS 15
#define TWIN_COLS  12 /* less of the other tool's name is not worth it */

static int memory_init(void *state, const struct mv_place *place)
{
	struct memory_view *v = state;

	(void)place;
	memory_rows_make(v);
	v->at = MV_RAM_FIG_FREE_USED;
	return 0;
}

static void memory_go(void *state, const struct mv_place *place)
{
	(void)state;
	(void)place;
}

static void memory_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct memory_view *v = state;
	int y = area.y, end = area.y + area.rows, margin = area.cols >= 40;

	(void)ctx;
	v->area = area;
	v->path_y = v->answer_y = v->note_y = -1;
	v->header_rows = area.rows >= 12 ? mv_header_rows(area.rows) : area.rows >= 7;
	y += v->header_rows;
	if (area.rows >= 10)
		v->path_y = y++;
	if (area.rows >= 6)
		v->answer_y = y++;
	v->note_rows = area.rows >= 34 ? 3 : area.rows >= 18 ? 2 : area.rows >= 14 ? 1 : 0;
	if (v->note_rows) {
		end -= v->note_rows;
		v->note_y = end;
	}
	if (area.rows >= 30)
		y++;
	v->body = (struct mv_rect){y, area.x + margin, end > y ? end - y : 0, area.cols - 2 * margin};
	memory_rows_lay_out(v);
	/* A section's title comes along with its first figure. */
	int from = v->at_line > 0 && v->lines[v->at_column][v->at_line - 1].section >= 0 ? v->at_line - 1
											 : v->at_line;
	v->top = (int)mv_table_scroll((uint32_t)(v->top > from ? from : v->top), (uint32_t)v->at_line,
				      (uint32_t)v->most_lines, v->body.rows);
}

/* All of it comes with every picture. */
static void memory_want(const void *state, const struct mv_context *ctx, struct mv_machine_want *want)
{
	(void)state;
	(void)ctx;
	(void)want;
}

/* ---- drawing ---- */

static enum mv_role build_answer(struct mv_build *b, const struct mv_context *ctx)
{
	struct mv_ram_value total = mv_machine_value(ctx, MV_RAM_FIG_FREE_TOTAL),
			    available = mv_machine_value(ctx, MV_RAM_FIG_FREE_AVAILABLE),
			    some = {.why = MV_WHY_NOT_READ};
	enum mv_role role = ROLE_GOOD;

	mv_build_init(b);
	if (!ctx->machine) {
		mv_build_clean(b, MV_TEXT("reading the machine"));
		return ROLE_DIM;
	}
	if (total.why == MV_WHY_HAVE && available.why == MV_WHY_HAVE && total.value > 0) {
		double percent = available.value / total.value * 100;

		mv_size_build(b, (uint64_t)available.value, ctx->exact);
		mv_build_clean(b, MV_TEXT(" of "));
		mv_size_build(b, (uint64_t)total.value, ctx->exact);
		mv_build_fmt(b, " (%.0f %%) can be had without swapping", percent);
		role = percent < 5 ? ROLE_ALERT : percent < 15 ? ROLE_WARN : ROLE_GOOD;
	}
	if (ctx->history && ctx->machine->ram.some.why == MV_WHY_HAVE)
		some = mv_machine_pressure(ctx->history, false);
	if (some.why != MV_WHY_HAVE)
		return role;
	if (some.value < 0.005) {
		mv_build_clean(b, MV_TEXT("; nothing waits for memory"));
		return role;
	}
	mv_build_clean(b, MV_TEXT("; tasks waited for memory in "));
	mv_percent_build(b, some.value);
	mv_build_clean(b, MV_TEXT(" of the last interval"));
	return some.value >= 10 ? ROLE_ALERT : some.value >= 1 && role == ROLE_GOOD ? ROLE_WARN : role;
}

static void draw_row(const struct memory_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		     int x, unsigned n)
{
	const struct memory_row *row = &v->rows[n];
	int end = x + v->column_cols, value_cols = ctx->exact ? 18 : 10;
	const struct mv_series *series = memory_series(ctx, row);
	struct mv_clean twin = memory_twin(row);
	bool hit = v->find[0] && mv_holds(memory_label(row), v->find);
	struct mv_build b;

	enum mv_role role = memory_value_build(&b, ctx, row);
	x += 2;
	mv_canvas_text(c, y, x, LABEL_COLS, hit ? ROLE_FOUND : ROLE_TEXT, memory_label(row));
	x += LABEL_COLS + 1;
	if (memory_why(ctx, row) != MV_WHY_HAVE && memory_why(ctx, row) != MV_WHY_NOT_READ) {
		mv_build_init(&b);
		mv_build_why(&b, memory_why(ctx, row));
		mv_canvas_build(c, y, x + value_cols - 1, end - x - value_cols + 1, ROLE_DIM, &b);
		return;
	}
	mv_canvas_text_right(c, y, x, value_cols < end - x ? value_cols : end - x, role, mv_build_text(&b));
	x += value_cols + 2;
	/* Sparklines and names stand in columns, whatever each row has. */
	int room = end - x, spark = room >= TWIN_COLS + 14 ? room - TWIN_COLS - 4 : room;
	spark = spark > 24 ? 24 : spark;
	if (spark >= 4 && series)
		mv_spark_draw(c, y, x, spark, row->section == MEMORY_PRESSURE ? ROLE_WARN : ROLE_SPARK,
			      series, row->section != MEMORY_FREE && row->section != MEMORY_SAR_R);
	x += spark + 2;
	if (!twin.text[0] || end - x < TWIN_COLS)
		return;
	mv_canvas_text(c, y, x, 2, ROLE_DIM, MV_TEXT("="));
	mv_canvas_text(c, y, x + 2, end - x - 2, ROLE_DIM, twin);
}

static void draw_body(const struct memory_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	for (int column = 0; column < v->columns; column++) {
		int x = v->body.x + column * (v->column_cols + 3);

		for (int i = 0; i < v->body.rows && v->top + i < v->lines_count[column]; i++) {
			const struct memory_line *line = &v->lines[column][v->top + i];
			int y = v->body.y + i;

			if (line->section >= 0)
				mv_rule_draw(c, y, x, v->column_cols, ROLE_STRONG,
					     memory_section_title((enum memory_section)line->section));
			if (line->row < 0)
				continue;
			draw_row(v, ctx, c, y, x, (unsigned)line->row);
			if ((unsigned)line->row != v->at)
				continue;
			mv_canvas_glyph(c, y, x, ROLE_CURSOR, U'>');
			mv_canvas_attr(c, (struct mv_rect){y, x, 1, v->column_cols}, MV_ATTR_CURSOR);
		}
	}
}

/* What the figure under the cursor is, without asking. */
static void draw_note(const struct memory_view *v, struct mv_canvas *c)
{
	const struct memory_row *row = &v->rows[v->at];
	struct mv_build b;

	if (v->note_y < 0)
		return;
	mv_build_init(&b);
	mv_build_clean(&b, memory_label(row));
	mv_build_clean(&b, MV_TEXT(" = "));
	mv_build_clean(&b, memory_formula(row));
	mv_build_clean(&b, MV_TEXT(".  "));
	mv_build_clean(&b, memory_words(row));
	mv_wrap_draw(c, (struct mv_rect){v->note_y, v->body.x, v->note_rows, v->body.cols}, ROLE_LABEL,
		     mv_build_text(&b));
}

static void memory_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *c,
			struct mv_rect area)
{
	const struct memory_view *v = state;
	struct mv_build b;

	if (area.rows < 1 || area.cols < 1)
		return;
	if (v->header_rows)
		mv_machine_header_draw(
		    ctx, c, (struct mv_rect){area.y, area.x, v->header_rows > 1 ? area.rows : 1, area.cols});
	mv_machine_path_draw(ctx, c, v->path_y, v->body.x, v->body.cols, MV_TEXT("memory"), ROLE_LABEL, NULL);
	if (v->answer_y >= 0) {
		enum mv_role role = build_answer(&b, ctx);

		mv_canvas_build(c, v->answer_y, v->body.x, v->body.cols, role, &b);
	}
	if (!ctx->machine)
		return;
	draw_body(v, ctx, c);
	draw_note(v, c);
}

/* ---- keys ---- */

static struct mv_outcome select_line(struct memory_view *v, const struct mv_context *ctx, int column,
				     int line)
{
	int last = v->lines_count[column] - 1;

	line = line < 0 ? 0 : line > last ? last : line;
	/* From a title down to its first figure, from below the last up to it. */
	while (line < last && v->lines[column][line].row < 0)
		line++;
	if (v->lines[column][line].row >= 0)
		v->at = (unsigned)v->lines[column][line].row;
	memory_settle(v, ctx, v->area);
	return mv_outcome_stay();
}

static struct mv_outcome move(struct memory_view *v, const struct mv_context *ctx, int by)
{
	int line = v->at_line + by, column = v->at_column, last = v->lines_count[column] - 1;

	/* At the end of a column the next one begins. */
	if (by == 1 && v->at_line == last && column + 1 < v->columns)
		return select_line(v, ctx, column + 1, 0);
	if (by == -1 && column > 0 && v->at_line <= 1)
		return select_line(v, ctx, column - 1, v->lines_count[column - 1] - 1);
	line = line < 0 ? 0 : line > last ? last : line;
	while (by < 0 && line > 0 && v->lines[column][line].row < 0)
		line--;
	return select_line(v, ctx, column, line);
}

static struct mv_outcome next_section(struct memory_view *v, const struct mv_context *ctx)
{
	enum memory_section next = (enum memory_section)((v->rows[v->at].section + 1) % MEMORY__SECTIONS);

	for (unsigned i = 0; i < v->count; i++)
		if (v->rows[i].section == next) {
			v->at = i;
			break;
		}
	memory_settle(v, ctx, v->area);
	return mv_outcome_stay();
}

static struct mv_outcome find(struct memory_view *v, const struct mv_context *ctx, unsigned from, bool back)
{
	if (!v->find[0])
		return mv_outcome_hint(MV_TEXT("nothing was looked for yet; / finds a figure by its name"));
	for (unsigned k = 1; k <= v->count; k++) {
		unsigned row = (from + (back ? v->count - k : k)) % v->count;

		if (!mv_holds(memory_label(&v->rows[row]), v->find) &&
		    !mv_holds(memory_twin(&v->rows[row]), v->find))
			continue;
		v->at = row;
		memory_settle(v, ctx, v->area);
		return mv_outcome_stay();
	}
	return mv_outcome_hint(MV_TEXT("no figure is named so"));
}

static struct mv_outcome memory_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct memory_view *v = state;

	if (!text[0])
		return mv_outcome_stay();
	strncpy(v->find, text, sizeof(v->find) - 1);
	v->find[sizeof(v->find) - 1] = '\0';
	return find(v, ctx, v->at ? v->at - 1 : v->count - 1, false);
}

static struct mv_outcome click(struct memory_view *v, const struct mv_context *ctx, struct mv_input input)
{
	int column = v->column_cols > 0 ? (input.x - v->body.x) / (v->column_cols + 3) : 0,
	    line = v->top + input.y - v->body.y;

	if (input.key != MV_KEY_CLICK || input.y < v->body.y || input.y >= v->body.y + v->body.rows ||
	    input.x < v->body.x || column >= v->columns || line >= v->lines_count[column] ||
	    v->lines[column][line].row < 0)
		return mv_outcome_none();
	return select_line(v, ctx, column, line);
}

static struct mv_outcome memory_act(void *state, const struct mv_context *ctx, enum mv_action action,
				    struct mv_input input)
{
	struct memory_view *v = state;
	int screen = v->body.rows > 1 ? v->body.rows - 1 : 1;

	switch (action) {
	case MV_ACT_UP:
		return move(v, ctx, -1);
	case MV_ACT_DOWN:
		return move(v, ctx, 1);
	case MV_ACT_PAGE_UP:
		return move(v, ctx, -screen);
	case MV_ACT_PAGE_DOWN:
		return move(v, ctx, screen);
	case MV_ACT_FIRST:
		return select_line(v, ctx, 0, 0);
	case MV_ACT_LAST:
		return select_line(v, ctx, v->columns - 1, v->lines_count[v->columns - 1] - 1);
	case MV_ACT_LEFT:
		return v->at_column > 0 ? select_line(v, ctx, v->at_column - 1, v->at_line)
					: mv_outcome_stay();
	case MV_ACT_RIGHT:
		return v->at_column + 1 < v->columns ? select_line(v, ctx, v->at_column + 1, v->at_line)
						     : mv_outcome_stay();
	case MV_ACT_PANE:
		return next_section(v, ctx);
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK,
					   .text = MV_TEXT("find a figure by its name: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find(v, ctx, v->at, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return click(v, ctx, input);
	default:
		return mv_outcome_none();
	}
}

static bool meaning(const void *state, const struct mv_context *ctx, unsigned n, struct mv_meaning *m)
{
	return memory_meaning(state, ctx, n, m);
}

const struct mv_view_ops mv_view_memory = {
    .id = MV_VIEW_MEMORY,
    .letter = 'y',
    .name = {"Memory"},
    .state_bytes = sizeof(struct memory_view),
    .init = memory_init,
    .go = memory_go,
    .settle = memory_settle,
    .want_machine = memory_want,
    .draw = memory_draw,
    .act = memory_act,
    .answer = memory_answer,
    .meaning = meaning,
};
