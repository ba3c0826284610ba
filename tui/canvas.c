/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "core/faults.h"
#include "core/pagemap.h"
#include "tui/canvas.h"

/* mv_role_of_kind, mv_role_of_state and mv_role_of_fault count on the roles standing in the order of their tables. */
#define X(id, name, meaning) \
	static_assert((int)ROLE_KIND_##id == (int)ROLE_KIND_HEAP + (int)MV_KIND_##id, "role order: " #id);
MV_KINDS(X)
#undef X
#define X(id, json, glyph, ascii, caption, meaning) \
	static_assert((int)ROLE_PAGE_##id == (int)ROLE_PAGE_NONE + (int)MV_PAGE_##id, "role order: " #id);
MV_PAGE_STATES(X)
#undef X
#define X(id, json, caption, meaning) \
	static_assert((int)ROLE_FAULT_##id == (int)ROLE_FAULT_ZERO + (int)MV_FAULT_##id, "role order: " #id);
MV_FAULT_KINDS(X)
#undef X
static_assert(ROLE__N <= UINT8_MAX, "a cell keeps its role in a byte");

static const struct mv_cell blank = {.ch = {U' '}, .role = ROLE_TEXT, .width = 1};

/*
 * One ASCII character for what memview draws itself. Ascending. Anything else beyond ASCII becomes '?'.
 */
static const struct {
	char32_t from;
	char to;
} stand_ins[] = {
    {U'\u00a0', ' '}, {U'°', 'o'},  {U'±', '~'}, {U'²', '2'}, {U'³', '3'}, {U'µ', 'u'}, {U'·', '.'},
    {U'»', '>'},      {U'×', 'x'},  {U'÷', '/'}, {U'Δ', 'd'}, {U'μ', 'u'}, {U'–', '-'}, {U'—', '-'},
    {U'‘', '\''},     {U'’', '\''}, {U'“', '"'}, {U'”', '"'}, {U'•', '*'}, {U'…', '.'}, {U'‹', '<'},
    {U'›', '>'},      {U'←', '<'},  {U'↑', '^'}, {U'→', '>'}, {U'↓', 'v'}, {U'↔', '-'}, {U'↕', '|'},
    {U'↳', '`'},      {U'⇒', '>'},  {U'−', '-'}, {U'≈', '~'}, {U'≤', '<'}, {U'≥', '>'}, {U'─', '-'},
    {U'━', '='},      {U'│', '|'},  {U'┃', '|'}, {U'┄', '-'}, {U'┆', '|'}, {U'┈', '-'}, {U'┊', '|'},
    {U'╌', '-'},      {U'╎', '|'},  {U'═', '='}, {U'║', '|'}, {U'╴', '-'}, {U'╵', '|'}, {U'╶', '-'},
    {U'╷', '|'},      {U'▀', '"'},  {U'▁', '.'}, {U'▂', ':'}, {U'▃', '-'}, {U'▄', '='}, {U'▅', '+'},
    {U'▆', '*'},      {U'▇', '#'},  {U'█', '#'}, {U'▉', '='}, {U'▊', '='}, {U'▋', '='}, {U'▌', '='},
    {U'▍', '-'},      {U'▎', '-'},  {U'▏', '-'}, {U'▐', '|'}, {U'░', ':'}, {U'▒', '+'}, {U'▓', '%'},
    {U'▕', '|'},      {U'▚', '='},  {U'■', '#'}, {U'□', 'o'}, {U'▪', '*'}, {U'▲', '^'}, {U'▴', '^'},
    {U'▶', '>'},      {U'▸', '>'},  {U'▼', 'v'}, {U'▾', 'v'}, {U'◀', '<'}, {U'◂', '<'}, {U'◆', '*'},
    {U'◇', 'o'},      {U'○', 'o'},  {U'●', '*'}, {U'✓', '+'}, {U'✗', 'x'},
};

static char32_t to_ascii(char32_t ch)
{
	size_t low = 0, high = MV_COUNT_OF(stand_ins);

	if (ch < 0x80)
		return ch;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ch > stand_ins[middle].from)
			low = middle + 1;
		else if (ch < stand_ins[middle].from)
			high = middle;
		else
			return (unsigned char)stand_ins[middle].to;
	}
	/* The rest of box drawing: corners and crossings. */
	return ch >= 0x2500 && ch < 0x2580 ? U'+' : U'?';
}

/* Columns of a character: 0 for a combining one. What this locale can't tell is one of our own glyphs: 1. */
static int width_of(char32_t ch)
{
	int width;

	if (ch >= 0x20 && ch < 0x7f)
		return 1;
	width = wcwidth((wchar_t)ch);
	return width < 0 ? 1 : width;
}

/*
 * Next character of clean text. By hand and not by mbrtowc: our literals are UTF-8 in any locale, and clean
 * text is ASCII where the locale is not UTF-8.
 */
static char32_t next_char(const char **at)
{
	const unsigned char *s = (const unsigned char *)*at;
	unsigned more = *s < 0x80	      ? 0
			: (*s & 0xe0) == 0xc0 ? 1
			: (*s & 0xf0) == 0xe0 ? 2
			: (*s & 0xf8) == 0xf0 ? 3
					      : 4;
	char32_t ch = more == 0 ? *s : more == 4 ? U'?' : *s & (0x3fu >> more);

	(*at)++;
	if (more == 0)
		return ch >= 0x20 && ch != 0x7f ? ch : U'?';
	for (unsigned i = 1; more < 4 && i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return U'?';
		ch = ch << 6 | (s[i] & 0x3fu);
		(*at)++;
	}
	/* No C1 control either, should one ever come here. */
	return ch < 0xa0 || ch > 0x10ffff ? U'?' : ch;
}

/* Columns of text on this canvas, where the locale of mv_clean_width may know less. */
static int text_width(const char *text)
{
	int width = 0;

	while (*text)
		width += width_of(next_char(&text));
	return width;
}

int mv_canvas_init(struct mv_canvas *c, int rows, int cols)
{
	*c = (struct mv_canvas){0};
	return mv_canvas_resize(c, rows, cols);
}

int mv_canvas_resize(struct mv_canvas *c, int rows, int cols)
{
	size_t count;
	struct mv_cell *cells;

	rows = rows < 0 ? 0 : rows;
	cols = cols < 0 ? 0 : cols;
	count = (size_t)rows * (size_t)cols;
	cells = reallocarray(c->cells, count ? count : 1, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	c->cells = cells;
	c->rows = rows;
	c->cols = cols;
	mv_canvas_clear(c);
	return 0;
}

void mv_canvas_release(struct mv_canvas *c)
{
	free(c->cells);
	*c = (struct mv_canvas){0};
}

void mv_canvas_clear(struct mv_canvas *c)
{
	size_t count = (size_t)c->rows * (size_t)c->cols;

	for (size_t i = 0; i < count; i++)
		c->cells[i] = blank;
}

static struct mv_cell *cell_at(const struct mv_canvas *c, int y, int x)
{
	if (y < 0 || x < 0 || y >= c->rows || x >= c->cols)
		return NULL;
	return &c->cells[(size_t)y * (size_t)c->cols + (size_t)x];
}

const struct mv_cell *mv_canvas_at(const struct mv_canvas *c, int y, int x)
{
	return cell_at(c, y, x);
}

/* Before a cell is overwritten: the other half of a wide character goes blank. */
static void part_halves(struct mv_cell *cell)
{
	struct mv_cell *other = cell->width == 0 ? cell - 1 : cell->width == 2 ? cell + 1 : NULL;

	if (other) {
		other->ch[0] = U' ';
		other->ch[1] = other->ch[2] = 0;
		other->width = 1;
	}
}

static void put_narrow(struct mv_canvas *c, int y, int x, enum mv_role role, char32_t ch)
{
	struct mv_cell *cell = cell_at(c, y, x);

	if (!cell)
		return;
	part_halves(cell);
	*cell = (struct mv_cell){.ch = {ch}, .role = (uint8_t)role, .width = 1};
}

static void put_wide(struct mv_canvas *c, int y, int x, enum mv_role role, char32_t ch)
{
	struct mv_cell *left = cell_at(c, y, x), *right = cell_at(c, y, x + 1);

	if (!left || !right) {
		/* Only half of it would show: nothing does. */
		put_narrow(c, y, left ? x : x + 1, role, U' ');
		return;
	}
	part_halves(left);
	part_halves(right);
	*left = (struct mv_cell){.ch = {ch}, .role = (uint8_t)role, .width = 2};
	*right = (struct mv_cell){.role = (uint8_t)role, .width = 0};
}

/* A combining character joins the character that ends left of column x. */
static void put_combining(struct mv_canvas *c, int y, int x, char32_t ch)
{
	struct mv_cell *cell = cell_at(c, y, x - 1);

	if (cell && cell->width == 0)
		cell--;
	if (!cell)
		return;
	for (size_t i = 1; i < MV_COUNT_OF(cell->ch); i++) {
		if (cell->ch[i] == 0) {
			cell->ch[i] = ch;
			return;
		}
	}
}

/* Put one character of width columns; returns width. */
static int put(struct mv_canvas *c, int y, int x, enum mv_role role, char32_t ch, int width)
{
	if (c->ascii) {
		ch = to_ascii(ch);
		for (int i = 0; i < width; i++)
			put_narrow(c, y, x + i, role, ch);
	} else if (width == 0) {
		put_combining(c, y, x, ch);
	} else if (width == 2) {
		put_wide(c, y, x, role, ch);
	} else {
		put_narrow(c, y, x, role, ch);
	}
	return width;
}

static int put_cut_mark(struct mv_canvas *c, int y, int x, enum mv_role role)
{
	put_narrow(c, y, x, role, c->ascii ? U'>' : U'…');
	return 1;
}

int mv_canvas_text(struct mv_canvas *c, int y, int x, int max_cols, enum mv_role role, struct mv_clean text)
{
	const char *at = text.text;
	int room = c->cols - x, used = 0;
	bool fits;

	if (max_cols >= 0 && max_cols < room)
		room = max_cols;
	if (room <= 0)
		return 0;
	fits = text_width(text.text) <= room;
	while (*at) {
		char32_t ch = next_char(&at);
		int width = width_of(ch);

		if (!fits && used + width > room - 1)
			return used + put_cut_mark(c, y, x + used, role);
		if (width == 0 && used == 0)
			continue; /* nothing of this text to sit on */
		used += put(c, y, x + used, role, ch, width);
	}
	return used;
}

int mv_canvas_text_right(struct mv_canvas *c, int y, int x, int cols, enum mv_role role, struct mv_clean text)
{
	const char *at = text.text;
	int width = text_width(at), used = 0;

	if (cols <= 0)
		return 0;
	if (width > cols) {
		while (width > cols - 1)
			width -= width_of(next_char(&at));
		used = put_cut_mark(c, y, x + cols - width - 1, role);
	}
	for (int to = x + cols - width; *at;) {
		char32_t ch = next_char(&at);
		int n = width_of(ch);

		if (n == 0 && to == x + cols - width)
			continue;
		to += put(c, y, to, role, ch, n);
		used += n;
	}
	return used;
}

int mv_canvas_build(struct mv_canvas *c, int y, int x, int max_cols, enum mv_role role,
		    const struct mv_build *b)
{
	return mv_canvas_text(c, y, x, max_cols, role, mv_build_text(b));
}

void mv_canvas_glyph(struct mv_canvas *c, int y, int x, enum mv_role role, char32_t glyph)
{
	put(c, y, x, role, glyph, width_of(glyph));
}

void mv_canvas_glyph2(struct mv_canvas *c, int y, int x, enum mv_role role, char32_t glyph, char ascii)
{
	if (c->ascii)
		put_narrow(c, y, x, role, (unsigned char)ascii);
	else
		mv_canvas_glyph(c, y, x, role, glyph);
}

/* The part of a rectangle that lies on the canvas. */
static struct mv_rect clip(const struct mv_canvas *c, struct mv_rect r)
{
	int64_t bottom = (int64_t)r.y + (r.rows > 0 ? r.rows : 0),
		right = (int64_t)r.x + (r.cols > 0 ? r.cols : 0);

	r.y = r.y < 0 ? 0 : r.y;
	r.x = r.x < 0 ? 0 : r.x;
	bottom = bottom > c->rows ? c->rows : bottom;
	right = right > c->cols ? c->cols : right;
	r.rows = bottom > r.y ? (int)(bottom - r.y) : 0;
	r.cols = right > r.x ? (int)(right - r.x) : 0;
	return r;
}

void mv_canvas_fill(struct mv_canvas *c, struct mv_rect r, enum mv_role role, char32_t glyph)
{
	int step = width_of(glyph) == 2 ? 2 : 1;

	r = clip(c, r);
	for (int y = r.y; y < r.y + r.rows; y++) {
		for (int x = r.x; x + step <= r.x + r.cols; x += step)
			mv_canvas_glyph(c, y, x, role, glyph);
	}
}

void mv_canvas_attr(struct mv_canvas *c, struct mv_rect r, unsigned attrs)
{
	r = clip(c, r);
	for (int y = r.y; y < r.y + r.rows; y++) {
		for (int x = r.x; x < r.x + r.cols; x++)
			cell_at(c, y, x)->attrs |= (uint8_t)attrs;
	}
}

void mv_canvas_role(struct mv_canvas *c, struct mv_rect r, enum mv_role role)
{
	r = clip(c, r);
	for (int y = r.y; y < r.y + r.rows; y++) {
		for (int x = r.x; x < r.x + r.cols; x++)
			cell_at(c, y, x)->role = (uint8_t)role;
	}
}

struct mv_rect mv_canvas_box(struct mv_canvas *c, struct mv_rect r, struct mv_clean title)
{
	int bottom = r.y + r.rows - 1, right = r.x + r.cols - 1;

	if (r.rows < 2 || r.cols < 2)
		return (struct mv_rect){r.y, r.x, 0, 0};
	for (int x = r.x + 1; x < right; x++) {
		mv_canvas_glyph(c, r.y, x, ROLE_FRAME, U'─');
		mv_canvas_glyph(c, bottom, x, ROLE_FRAME, U'─');
	}
	for (int y = r.y + 1; y < bottom; y++) {
		mv_canvas_glyph(c, y, r.x, ROLE_FRAME, U'│');
		mv_canvas_glyph(c, y, right, ROLE_FRAME, U'│');
	}
	mv_canvas_glyph(c, r.y, r.x, ROLE_FRAME, U'╭');
	mv_canvas_glyph(c, r.y, right, ROLE_FRAME, U'╮');
	mv_canvas_glyph(c, bottom, r.x, ROLE_FRAME, U'╰');
	mv_canvas_glyph(c, bottom, right, ROLE_FRAME, U'╯');
	if (*title.text && r.cols >= 6) {
		int used = mv_canvas_text(c, r.y, r.x + 2, r.cols - 4, ROLE_LABEL, title);

		mv_canvas_glyph(c, r.y, r.x + 1, ROLE_FRAME, U' ');
		mv_canvas_glyph(c, r.y, r.x + 2 + used, ROLE_FRAME, U' ');
	}
	return (struct mv_rect){r.y + 1, r.x + 1, r.rows - 2, r.cols - 2};
}

static size_t put_utf8(char *out, char32_t ch)
{
	size_t n = ch < 0x80 ? 1 : ch < 0x800 ? 2 : ch < 0x10000 ? 3 : 4;

	if (n == 1) {
		out[0] = (char)ch;
		return 1;
	}
	for (size_t i = n; i-- > 1; ch >>= 6)
		out[i] = (char)(0x80 | (ch & 0x3f));
	out[0] = (char)((0xf00u >> n & 0xff) | ch);
	return n;
}

size_t mv_canvas_utf8(const struct mv_cell *cell, char out[static 16])
{
	size_t n = 0;

	for (size_t i = 0; i < MV_COUNT_OF(cell->ch) && cell->ch[i]; i++)
		n += put_utf8(out + n, cell->ch[i]);
	out[n] = '\0';
	return n;
}
