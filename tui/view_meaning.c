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
	int top, most, page; /* first line of its words shown, the last that can be, lines in sight */
};

/* The header's figures, of the process or of the machine. */
static bool explain_header(const struct meaning_state *s, const struct mv_context *ctx, unsigned n,
			   struct mv_meaning *ret_meaning)
{
	if (s->below && s->below->want_machine)
		return mv_machine_header_meaning(ctx, n, ret_meaning);
	return mv_header_meaning(ctx, n, ret_meaning);
}

static bool explain(const struct meaning_state *s, const struct mv_context *ctx, unsigned n,
		    struct mv_meaning *ret_meaning)
{
	if (n < s->views)
		return s->below->meaning(s->below_state, ctx, n, ret_meaning);
	return explain_header(s, ctx, n - s->views, ret_meaning);
}

static void count(struct meaning_state *s, const struct mv_context *ctx)
{
	struct mv_meaning m;

	s->views = 0;
	while (s->below && s->below->meaning && s->views < 1000 &&
	       s->below->meaning(s->below_state, ctx, s->views, &m))
		s->views++;
	s->total = s->views;
	while (explain_header(s, ctx, s->total - s->views, &m))
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

#define PARTS	   4
#define LABEL_COLS 7

/* Where a figure's words go: what has no room is scrolled to. */
struct box {
	struct mv_rect r;
	struct part parts[PARTS];
	int inner;	  /* columns of the words */
	int lines, shown; /* of the words: all, and those in sight */
	bool airy;	  /* a blank line below the title and above the foot */
};

static struct box box_of(const struct mv_meaning *m, struct mv_rect area)
{
	struct box box = {
	    .parts = {
		{{"what"}, &m->formula}, {{"from"}, &m->source}, {{"unit"}, &m->unit}, {{"note"}, &m->note}}};
	int cols = area.cols - 4 > 72 ? 72 : area.cols - 4;

	if (cols < 16)
		cols = area.cols;
	box.inner = cols - 4 - LABEL_COLS;
	for (size_t i = 0; i < PARTS; i++)
		if (box.parts[i].words->len)
			box.lines += mv_wrap_rows(box.inner, mv_build_text(box.parts[i].words));
	/* The frame's two lines, the title and the foot. */
	box.airy = box.lines + 6 <= area.rows;
	int rows = box.lines + (box.airy ? 6 : 4);
	rows = rows > area.rows ? area.rows : rows;
	box.shown = rows - (box.airy ? 6 : 4);
	box.shown = box.shown < 0 ? 0 : box.shown;
	box.r =
	    (struct mv_rect){area.y + (area.rows - rows) / 2, area.x + (area.cols - cols) / 2, rows, cols};
	return box;
}

static void settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct meaning_state *s = state;
	struct mv_meaning m;

	count(s, ctx);
	s->most = s->page = 0;
	if (s->below && explain(s, ctx, s->n, &m)) {
		struct box box = box_of(&m, area);

		s->page = box.shown;
		s->most = box.lines > box.shown ? box.lines - box.shown : 0;
	}
	s->top = s->top > s->most ? s->most : s->top;
}

static void draw_words(const struct box *box, struct mv_canvas *c, int y, int x, int top)
{
	int line = -top;

	for (size_t i = 0; i < PARTS; i++) {
		struct mv_clean words = mv_build_text(box->parts[i].words);
		int rows = words.text[0] ? mv_wrap_rows(box->inner, words) : 0;

		for (int n = 0; n < rows; n++, line++) {
			if (line < 0 || line >= box->shown)
				continue;
			if (n == 0 || line == 0)
				mv_canvas_text(c, y + line, x, LABEL_COLS, ROLE_LABEL, box->parts[i].label);
			mv_wrap_line(c, y + line, x + LABEL_COLS, box->inner, ROLE_TEXT, words, n);
		}
	}
}

static void draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
		 struct mv_rect area)
{
	const struct meaning_state *s = state;
	struct mv_meaning m;
	struct mv_build foot;

	if (!s->below || !explain(s, ctx, s->n, &m))
		return;
	struct box box = box_of(&m, area);
	mv_canvas_fill(canvas, box.r, ROLE_TEXT, U' ');
	struct mv_rect in = mv_canvas_box(canvas, box.r, MV_TEXT("what is this figure"));
	if (in.rows < 1)
		return;
	mv_canvas_build(canvas, in.y, in.x + 1, in.cols - 2, ROLE_STRONG, &m.title);
	draw_words(&box, canvas, in.y + 1 + box.airy, in.x + 1, s->top);
	if (in.rows < 2)
		return;
	mv_build_init(&foot);
	mv_build_fmt(&foot, "%u of %u   ", s->n + 1, s->total);
	if (s->top < s->most)
		mv_build_clean(&foot, MV_TEXT("PgDn: there is more"));
	else if (s->most)
		mv_build_clean(&foot, MV_TEXT("PgUp: back up"));
	else
		mv_build_clean(&foot, MV_TEXT("Up, Down: other figures   Esc: back"));
	mv_canvas_build(canvas, in.y + in.rows - 1, in.x + 1, in.cols - 2, ROLE_DIM, &foot);
}

static struct mv_outcome to(struct meaning_state *s, unsigned n)
{
	s->n = n;
	s->top = 0;
	return (struct mv_outcome){.kind = MV_OUT_STAY};
}

static struct mv_outcome scroll(struct meaning_state *s, int by)
{
	s->top += by;
	s->top = s->top > s->most ? s->most : s->top < 0 ? 0 : s->top;
	return (struct mv_outcome){.kind = MV_OUT_STAY};
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
		return to(s, s->n ? s->n - 1 : last);
	case MV_ACT_DOWN:
	case MV_ACT_RIGHT:
	case MV_ACT_PANE:
		return to(s, s->n < last ? s->n + 1 : 0);
	case MV_ACT_FIRST:
		return to(s, 0);
	case MV_ACT_LAST:
		return to(s, last);
	case MV_ACT_PAGE_UP:
		return s->most ? scroll(s, -s->page) : to(s, 0);
	case MV_ACT_PAGE_DOWN:
		return s->most ? scroll(s, s->page) : to(s, last);
	case MV_ACT_PAUSE: /* nothing here would show it */
		return (struct mv_outcome){.kind = MV_OUT_STAY};
	case MV_ACT_ENTER:
		return (struct mv_outcome){.kind = MV_OUT_POP};
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
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
