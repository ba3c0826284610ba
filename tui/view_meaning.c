/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_private.h"

/* `w`: a box over the view below that explains its figures one by one, then those of the header. */

struct meaning_state {
	const struct mv_view_ops *below;
	const void *below_state; /* lives as long as the level below, which outlives this one */
	unsigned n, views;	 /* figure shown; how many the view has, the header's come after them */
	unsigned total;
};

static bool explain(const struct meaning_state *s, const struct mv_context *ctx, unsigned n,
		    struct mv_meaning *ret_meaning)
{
	if (n < s->views)
		return s->below->meaning(s->below_state, ctx, n, ret_meaning);
	return mv_header_meaning(ctx, n - s->views, ret_meaning);
}

static void count(struct meaning_state *s, const struct mv_context *ctx)
{
	struct mv_meaning m;

	s->views = 0;
	while (s->below && s->below->meaning && s->views < 1000 &&
	       s->below->meaning(s->below_state, ctx, s->views, &m))
		s->views++;
	s->total = s->views;
	while (mv_header_meaning(ctx, s->total - s->views, &m))
		s->total++;
	if (s->n >= s->total)
		s->n = s->total ? s->total - 1 : 0;
}

void mv_meaning_over(void *state, const struct mv_view_ops *below, const void *below_state,
		     const struct mv_context *ctx)
{
	struct meaning_state *s = state;

	s->below = below;
	s->below_state = below_state;
	count(s, ctx);
}

static void settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	(void)area;
	count(state, ctx);
}

/* ---- wrapping ---- */

/* Bytes of the next line of at most cols columns, and of the blanks after it. */
static size_t next_line(const char *text, int cols, char *line, size_t cap, size_t *ret_skip)
{
	size_t at = 0, fits = 0;

	/* Word by word; a word longer than the line is cut by the canvas. */
	while (text[at]) {
		size_t end = at + strspn(text + at, " ");

		end += strcspn(text + end, " ");
		if (end >= cap)
			break;
		memcpy(line, text, end);
		line[end] = '\0';
		if (fits && mv_clean_width(mv_clean_trusted(line)) > (unsigned)cols)
			break;
		fits = end;
		at = end;
	}
	if (!fits)
		fits = strnlen(text, cap - 1);
	memcpy(line, text, fits);
	line[fits] = '\0';
	*ret_skip = fits + strspn(text + fits, " ");
	return fits;
}

static int wrap(struct mv_canvas *c, struct mv_rect area, enum mv_role role, struct mv_clean text)
{
	const char *at = text.text;
	char line[512];
	int rows = 0;

	while (*at && rows < area.rows) {
		size_t skip;

		next_line(at, area.cols, line, sizeof(line), &skip);
		if (c)
			mv_canvas_text(c, area.y + rows, area.x, area.cols, role, mv_clean_trusted(line));
		at += skip;
		rows++;
	}
	return rows;
}

int mv_wrap_draw(struct mv_canvas *c, struct mv_rect area, enum mv_role role, struct mv_clean text)
{
	return wrap(c, area, role, text);
}

int mv_wrap_rows(int cols, struct mv_clean text)
{
	return wrap(NULL, (struct mv_rect){0, 0, 1000, cols}, ROLE_TEXT, text);
}

void mv_wrap_line(struct mv_canvas *c, int y, int x, int cols, enum mv_role role, struct mv_clean text, int n)
{
	const char *at = text.text;
	char line[512];
	size_t skip;

	for (int i = 0; *at && i <= n; i++, at += skip) {
		next_line(at, cols, line, sizeof(line), &skip);
		if (i == n)
			mv_canvas_text(c, y, x, cols, role, mv_clean_trusted(line));
	}
}

/* ---- drawing ---- */

struct part {
	struct mv_clean label;
	const struct mv_build *words;
};

static void draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
		 struct mv_rect area)
{
	const struct meaning_state *s = state;
	struct mv_meaning m;
	struct mv_build foot;
	int cols = area.cols - 4 > 72 ? 72 : area.cols - 4, rows = 2;

	if (cols < 16)
		cols = area.cols;
	if (!s->below || !explain(s, ctx, s->n, &m))
		return;
	const struct part parts[] = {
	    {{"what"}, &m.formula}, {{"from"}, &m.source}, {{"unit"}, &m.unit}, {{"note"}, &m.note}};
	const int label_cols = 7;
	int inner = cols - 4 - label_cols;
	for (size_t i = 0; i < MV_COUNT_OF(parts); i++)
		rows += parts[i].words->len ? mv_wrap_rows(inner, mv_build_text(parts[i].words)) : 0;
	rows += 4; /* the title above, the foot below, a blank line each */
	rows = rows > area.rows ? area.rows : rows;
	struct mv_rect r = {area.y + (area.rows - rows) / 2, area.x + (area.cols - cols) / 2, rows, cols};
	mv_canvas_fill(canvas, r, ROLE_TEXT, U' ');
	struct mv_rect in = mv_canvas_box(canvas, r, MV_TEXT("what is this figure"));
	int y = in.y, end = in.y + in.rows;
	if (y < end)
		mv_canvas_build(canvas, y, in.x + 1, in.cols - 2, ROLE_STRONG, &m.title);
	y += 2;
	for (size_t i = 0; i < MV_COUNT_OF(parts) && y < end; i++) {
		if (!parts[i].words->len)
			continue;
		mv_canvas_text(canvas, y, in.x + 1, label_cols, ROLE_LABEL, parts[i].label);
		y += mv_wrap_draw(canvas, (struct mv_rect){y, in.x + 1 + label_cols, end - y, inner},
				  ROLE_TEXT, mv_build_text(parts[i].words));
	}
	if (y < end) {
		mv_build_init(&foot);
		mv_build_fmt(&foot, "%u of %u   ", s->n + 1, s->total);
		mv_build_clean(&foot, MV_TEXT("Up, Down: other figures   Esc: back"));
		mv_canvas_build(canvas, end - 1, in.x + 1, in.cols - 2, ROLE_DIM, &foot);
	}
}

static struct mv_outcome act(void *state, const struct mv_context *ctx, enum mv_action action,
			     struct mv_input input)
{
	struct meaning_state *s = state;
	unsigned last = s->total ? s->total - 1 : 0;

	(void)ctx;
	(void)input;
	switch (action) {
	case MV_ACT_UP:
	case MV_ACT_LEFT:
		s->n = s->n ? s->n - 1 : last;
		break;
	case MV_ACT_DOWN:
	case MV_ACT_RIGHT:
	case MV_ACT_PANE:
		s->n = s->n < last ? s->n + 1 : 0;
		break;
	case MV_ACT_FIRST:
	case MV_ACT_PAGE_UP:
		s->n = 0;
		break;
	case MV_ACT_LAST:
	case MV_ACT_PAGE_DOWN:
		s->n = last;
		break;
	case MV_ACT_ENTER:
		return (struct mv_outcome){.kind = MV_OUT_POP};
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
	return (struct mv_outcome){.kind = MV_OUT_STAY};
}

const struct mv_view_ops mv_view_meaning = {
    .id = MV_VIEW_MEANING,
    .letter = 'w',
    .name = {"Meaning"},
    .state_bytes = sizeof(struct meaning_state),
    .settle = settle,
    .draw = draw,
    .act = act,
};
