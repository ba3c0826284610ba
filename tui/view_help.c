/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "core/pagemap.h"
#include "tui/view_private.h"

/*
 * All keys, out of the table of actions; then what the glyphs and kinds mean. Made of sections that flow into
 * as many columns as the width has room for.
 */

#define COLUMN_COLS 46
#define KEY_COLS    15

struct help_state {
	int top; /* first line shown */
	int rows, cols;
};

/* One line of the help: what it is about, and which. */
enum line_kind { LINE_BLANK, LINE_TITLE, LINE_ACTION, LINE_STATE, LINE_KIND, LINE_MARK };
struct help_line {
	uint8_t kind, n;
	uint8_t part; /* of what it says, when that is wrapped */
};
#define LINES_MAX 512
struct help_text {
	struct help_line at[LINES_MAX];
	int count;
	int cols; /* of one column */
};

enum {
	TITLE_STATES,
	TITLE_KINDS,
	TITLE_MARKS,
	TITLE_GROUPS
}; /* an action's group: TITLE_GROUPS + its first action */

static const struct {
	enum mv_role role;
	char32_t glyph;
	char ascii;
	struct mv_clean words;
} marks[] = {
    {ROLE_NEW, U'+', '+', {"new: appeared within the last 3 seconds"}},
    {ROLE_GREW, U'^', '^', {"grew: its size did, within the last 3 seconds"}},
    {ROLE_GONE, U'-', '-', {"gone: unmapped within the last 3 seconds"}},
    {ROLE_TRACE, U'▼', 'v', {"a page fault fell here within the last second (3 or F traces them)"}},
};

/* Where a line's words begin, and what they are. */
static int words_of(enum line_kind kind, int n, struct mv_clean *ret_words)
{
	switch (kind) {
	case LINE_ACTION:
		*ret_words = mv_words(mv_actions[n].help);
		return KEY_COLS;
	case LINE_STATE:
		*ret_words = mv_words(mv_page_states[n].meaning);
		return 4;
	case LINE_KIND:
		*ret_words = mv_words(mv_kind_meaning((enum mv_kind)n));
		return KEY_COLS;
	case LINE_MARK:
		*ret_words = marks[n].words;
		return 4;
	default:
		*ret_words = MV_TEXT("");
		return 0;
	}
}

/* As many lines as its words take when they are wrapped. */
static void add(struct help_text *text, enum line_kind kind, int n)
{
	struct mv_clean words;
	int indent = words_of(kind, n, &words), rows = mv_wrap_rows(text->cols - indent, words);

	for (int part = 0; (part < rows || part == 0) && text->count < LINES_MAX; part++)
		text->at[text->count++] = (struct help_line){(uint8_t)kind, (uint8_t)n, (uint8_t)part};
}

static bool is_first_of_group(int action)
{
	for (int i = MV_ACT_NONE + 1; i < action; i++)
		if (!strcmp(mv_actions[i].group, mv_actions[action].group))
			return false;
	return true;
}

static void make(struct help_text *text, int cols)
{
	text->count = 0;
	text->cols = cols;
	for (int a = MV_ACT_NONE + 1; a < MV_ACT__N; a++) {
		if (!is_first_of_group(a))
			continue;
		if (text->count)
			add(text, LINE_BLANK, 0);
		add(text, LINE_TITLE, TITLE_GROUPS + a);
		for (int b = a; b < MV_ACT__N; b++)
			if (!strcmp(mv_actions[a].group, mv_actions[b].group))
				add(text, LINE_ACTION, b);
	}
	add(text, LINE_BLANK, 0);
	add(text, LINE_TITLE, TITLE_MARKS);
	for (int i = 0; i < (int)MV_COUNT_OF(marks); i++)
		add(text, LINE_MARK, i);
	add(text, LINE_BLANK, 0);
	add(text, LINE_TITLE, TITLE_STATES);
	for (int i = 0; i < MV_PAGE__N; i++)
		add(text, LINE_STATE, i);
	add(text, LINE_BLANK, 0);
	add(text, LINE_TITLE, TITLE_KINDS);
	for (int i = 0; i < MV_KIND__N; i++)
		add(text, LINE_KIND, i);
}

/* The keys as one reads them: "Up k" for "<Up> k". */
static void build_keys(struct mv_build *b, const char *keys)
{
	mv_build_init(b);
	while (*keys) {
		struct mv_input input;
		char name[16], clean[64];
		int n = mv_keys_parse(keys, &input);

		if (n <= 0)
			break;
		keys += n;
		while (*keys == ' ')
			keys++;
		if (b->len)
			mv_build_clean(b, MV_TEXT(" "));
		mv_keys_name(input.key, name, sizeof(name));
		mv_build_clean(b, mv_clean_into(clean, sizeof(clean), name, strlen(name)));
	}
}

static void draw_title(struct mv_canvas *c, int y, int x, int cols, int n)
{
	struct mv_clean words = n == TITLE_STATES  ? MV_TEXT("a page, one glyph")
				: n == TITLE_KINDS ? MV_TEXT("kinds of mappings")
				: n == TITLE_MARKS ? MV_TEXT("marks of a mapping, of a page")
						   : mv_words(mv_actions[n - TITLE_GROUPS].group);

	mv_canvas_text(c, y, x, cols, ROLE_HEADING, words);
}

static void draw_line(struct mv_canvas *c, int y, int x, int cols, struct help_line line)
{
	struct mv_build b;
	struct mv_clean words;
	int indent = words_of((enum line_kind)line.kind, line.n, &words);

	if (line.kind == LINE_TITLE) {
		draw_title(c, y, x, cols, line.n);
	} else if (line.part == 0 && line.kind == LINE_ACTION) {
		build_keys(&b, mv_actions[line.n].keys);
		mv_canvas_build(c, y, x + 1, KEY_COLS - 2, ROLE_KEY, &b);
	} else if (line.part == 0 && line.kind == LINE_STATE) {
		mv_canvas_glyph2(c, y, x + 1, mv_role_of_state(line.n), mv_page_states[line.n].glyph,
				 mv_page_states[line.n].ascii);
	} else if (line.part == 0 && line.kind == LINE_MARK) {
		mv_canvas_glyph2(c, y, x + 1, marks[line.n].role, marks[line.n].glyph, marks[line.n].ascii);
	} else if (line.part == 0 && line.kind == LINE_KIND) {
		mv_canvas_text(c, y, x + 1, KEY_COLS, mv_role_of_kind(line.n),
			       mv_words(mv_kind_name((enum mv_kind)line.n)));
	}
	mv_wrap_line(c, y, x + indent, cols - indent, ROLE_TEXT, words, line.part);
}

static int columns_of(int cols)
{
	int n = (cols - 1) / COLUMN_COLS;

	return n < 1 ? 1 : n > 3 ? 3 : n;
}

static int width_of(int cols)
{
	return (cols - 2) / columns_of(cols) - 2;
}

/*
 * Where each column of text begins: sections are never torn, columns are about equally long. starts has
 * columns + 1 entries; returns the longest column.
 */
static int flow(const struct help_text *text, int columns, int *starts)
{
	int longest = 0, at = 0;

	for (int i = 0; i < columns; i++) {
		int left = text->count - at, goal = (left + columns - i - 1) / (columns - i), end = at;

		starts[i] = at;
		for (int j = at + 1; j <= text->count; j++) {
			if (j < text->count && text->at[j].kind != LINE_BLANK)
				continue;
			/* The section's end that comes closest to the goal. */
			if (end == at || (j - at - goal < goal - (end - at) && i + 1 < columns))
				end = j;
		}
		if (i + 1 == columns)
			end = text->count;
		longest = end - at > longest ? end - at : longest;
		at = end < text->count ? end + 1 : end;
	}
	starts[columns] = text->count + 1;
	return longest;
}

static int length_of(int cols)
{
	struct help_text text;
	int starts[4];

	make(&text, width_of(cols));
	return flow(&text, columns_of(cols), starts);
}

static void settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct help_state *s = state;
	int most;

	(void)ctx;
	s->rows = area.rows - 2 > 0 ? area.rows - 2 : area.rows;
	s->cols = area.cols;
	most = length_of(area.cols) - s->rows;
	s->top = s->top > most ? most : s->top;
	s->top = s->top < 0 ? 0 : s->top;
}

static void draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
		 struct mv_rect area)
{
	const struct help_state *s = state;
	int columns = columns_of(area.cols), width = width_of(area.cols);
	struct help_text text;
	int starts[4], y = area.y;

	(void)ctx;
	make(&text, width);
	int longest = flow(&text, columns, starts);
	if (area.rows - 2 > 0) {
		int x = area.x + 1 +
			mv_canvas_text(canvas, y, area.x + 1, -1, ROLE_TITLE, MV_TEXT("memview: keys"));

		if (longest > s->rows)
			mv_canvas_text(canvas, y, x + 3, area.cols - x - 3, ROLE_DIM,
				       s->top + s->rows < longest ? MV_TEXT("there is more below")
								  : MV_TEXT("this is the end"));
		y += 2;
	}
	for (int i = 0; i < columns; i++)
		for (int row = 0; row < s->rows; row++) {
			int line = starts[i] + s->top + row;

			if (line < starts[i + 1] - 1 && line < text.count)
				draw_line(canvas, y + row, area.x + 1 + i * (width + 2), width,
					  text.at[line]);
		}
}

static struct mv_outcome act(void *state, const struct mv_context *ctx, enum mv_action action,
			     struct mv_input input)
{
	struct help_state *s = state;

	(void)input;
	switch (action) {
	case MV_ACT_UP:
		s->top--;
		break;
	case MV_ACT_DOWN:
		s->top++;
		break;
	case MV_ACT_PAGE_UP:
		s->top -= s->rows;
		break;
	case MV_ACT_PAGE_DOWN:
		s->top += s->rows;
		break;
	case MV_ACT_FIRST:
		s->top = 0;
		break;
	case MV_ACT_LAST:
		s->top = LINES_MAX;
		break;
	case MV_ACT_PAUSE: /* nothing here would show it */
	case MV_ACT_LEFT:
	case MV_ACT_RIGHT:
		return (struct mv_outcome){.kind = MV_OUT_STAY};
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
	settle(s, ctx, (struct mv_rect){0, 0, s->rows + 2, s->cols});
	return (struct mv_outcome){.kind = MV_OUT_STAY};
}

const struct mv_view_ops mv_view_help = {
    .id = MV_VIEW_HELP,
    .letter = 'h',
    .name = {"Help"},
    .state_bytes = sizeof(struct help_state),
    .settle = settle,
    .draw = draw,
    .act = act,
};
