/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "tui/canvas.h"
#include "tui/theme.h"

/*
 * A canvas as a picture that needs nothing else. A cell is CELL_W x CELL_H; text is set in runs whose length
 * is given, so that no font can push columns out of line; blocks, bars, boxes and page states are drawn as
 * shapes, because fonts differ in them most.
 */

#define CELL_W	 9
#define CELL_H	 18
#define BASELINE 13.5
#define FONT	 15 /* monospaced fonts advance 0.6 em */
#define MARGIN	 14
#define SHADES	 64 /* different (colour, shade) pairs in one picture */

struct shade {
	int32_t rgb;
	char32_t glyph;
};
struct picture {
	FILE *out;
	const struct mv_canvas *canvas;
	const struct mv_theme *theme;
	int32_t ground, ink; /* a mono theme has none of its own */
	struct shade shades[SHADES];
	size_t shades_count;
};

/* How a cell looks, reverse resolved. */
struct look {
	int32_t fg, bg;
	bool bold, underline, dim;
};

static struct look look_of(const struct picture *p, const struct mv_cell *cell)
{
	struct mv_style style = mv_theme_style(p->theme, cell->role, cell->attrs);
	int32_t fg = style.fg >= 0 ? style.fg : p->ink, bg = style.bg >= 0 ? style.bg : p->ground;
	bool reverse = style.attrs & MV_ATTR_REVERSE;

	return (struct look){
	    .fg = reverse ? bg : fg,
	    .bg = reverse ? fg : bg,
	    .bold = style.attrs & MV_ATTR_BOLD,
	    .underline = style.attrs & MV_ATTR_UNDERLINE,
	    .dim = style.attrs & MV_ATTR_DIM,
	};
}

static bool looks_same(const struct look *a, const struct look *b)
{
	return a->fg == b->fg && a->bg == b->bg && a->bold == b->bold && a->underline == b->underline &&
	       a->dim == b->dim;
}

static const struct mv_cell *cell_of(const struct picture *p, int y, int x)
{
	return mv_canvas_at(p->canvas, y, x);
}

/* ---- shapes ---- */

/* A filled part of a cell, in eighths. */
struct part {
	int x, y, w, h;
};

static bool part_of(char32_t glyph, struct part *ret_part)
{
	if (glyph >= U'▁' && glyph <= U'█') {
		int n = (int)(glyph - U'▁') + 1;

		*ret_part = (struct part){0, 8 - n, 8, n};
	} else if (glyph >= U'▉' && glyph <= U'▏') {
		*ret_part = (struct part){0, 0, 8 - (int)(glyph - U'▉') - 1, 8};
	} else if (glyph == U'▀') {
		*ret_part = (struct part){0, 0, 8, 4};
	} else if (glyph == U'▐') {
		*ret_part = (struct part){4, 0, 4, 8};
	} else if (glyph >= U'░' && glyph <= U'▓') {
		*ret_part = (struct part){0, 0, 8, 8};
	} else {
		return false;
	}
	return true;
}

static bool is_shade(char32_t glyph)
{
	return glyph >= U'░' && glyph <= U'▓';
}

/* Arms of a line glyph: 1 up, 2 right, 4 down, 8 left; 16 rounded. 0: not one. */
static unsigned arms_of(char32_t glyph)
{
	static const struct {
		char32_t glyph;
		unsigned arms;
	} lines[] = {
	    {U'─', 10}, {U'│', 5},	{U'┌', 6},	 {U'┐', 12},	 {U'└', 3},
	    {U'┘', 9},	{U'├', 7},	{U'┤', 13},	 {U'┬', 14},	 {U'┴', 11},
	    {U'┼', 15}, {U'╭', 6 | 16}, {U'╮', 12 | 16}, {U'╯', 9 | 16}, {U'╰', 3 | 16},
	    {U'╴', 8},	{U'╵', 1},	{U'╶', 2},	 {U'╷', 4},
	};

	for (size_t i = 0; i < MV_COUNT_OF(lines); i++) {
		if (lines[i].glyph == glyph)
			return lines[i].arms;
	}
	return 0;
}

static void draw_lines(const struct picture *p, double x, double y, unsigned arms, int32_t rgb)
{
	double mx = x + CELL_W / 2.0, my = y + CELL_H / 2.0, r = 4;

	fputs("<path d=\"", p->out);
	if (arms & 16) {
		double dx = arms & 2 ? 1 : -1, dy = arms & 4 ? 1 : -1;

		fprintf(p->out, "M%g %gV%gQ%g %g %g %gH%g", mx, dy > 0 ? y + CELL_H : y, my + dy * r, mx, my,
			mx + dx * r, my, dx > 0 ? x + CELL_W : x);
	} else {
		if (arms & 5)
			fprintf(p->out, "M%g %gV%g", mx, arms & 1 ? y : my, arms & 4 ? y + CELL_H : my);
		if (arms & 10)
			fprintf(p->out, "M%g %gH%g", arms & 8 ? x : mx, my, arms & 2 ? x + CELL_W : mx);
	}
	fprintf(p->out, "\" fill=\"none\" stroke=\"#%06x\"/>\n", (unsigned)rgb);
}

/* Page states and marks that are neither text nor blocks. False: not one. */
static bool draw_mark(const struct picture *p, double x, double y, char32_t glyph, int32_t rgb)
{
	double mx = x + CELL_W / 2.0, my = y + CELL_H / 2.0;
	unsigned colour = (unsigned)rgb;

	switch (glyph) {
	case U'·':
		fprintf(p->out, "<circle cx=\"%g\" cy=\"%g\" r=\"1.1\" fill=\"#%06x\"/>\n", mx, my, colour);
		return true;
	case U'○':
		fprintf(p->out,
			"<circle cx=\"%g\" cy=\"%g\" r=\"3\" fill=\"none\" stroke=\"#%06x\" "
			"stroke-width=\"1.3\"/>\n",
			mx, my, colour);
		return true;
	case U'◆':
		fprintf(p->out, "<path d=\"M%g %gl4 5l-4 5l-4 -5z\" fill=\"#%06x\"/>\n", mx, my - 5, colour);
		return true;
	case U'▚':
		fprintf(p->out, "<path d=\"M%g %gh%gv%dh%gz\" fill=\"#%06x\"/>\n", x, y, CELL_W / 2.0,
			CELL_H / 2, -CELL_W / 2.0, colour);
		fprintf(p->out, "<path d=\"M%g %gh%gv%dh%gz\" fill=\"#%06x\"/>\n", mx, my, CELL_W / 2.0,
			CELL_H / 2, -CELL_W / 2.0, colour);
		return true;
	default:
		return false;
	}
}

static bool is_mark(char32_t glyph)
{
	return glyph == U'·' || glyph == U'○' || glyph == U'◆' || glyph == U'▚';
}

/* ---- shades: one pattern a colour ---- */

static int find_shade(const struct picture *p, int32_t rgb, char32_t glyph)
{
	for (size_t i = 0; i < p->shades_count; i++) {
		if (p->shades[i].rgb == rgb && p->shades[i].glyph == glyph)
			return (int)i;
	}
	return -1;
}

static void collect_shades(struct picture *p)
{
	const struct mv_canvas *c = p->canvas;
	size_t count = (size_t)c->rows * (size_t)c->cols;

	for (size_t i = 0; i < count && p->shades_count < SHADES; i++) {
		const struct mv_cell *cell = &c->cells[i];
		int32_t fg;

		if (!is_shade(cell->ch[0]))
			continue;
		fg = look_of(p, cell).fg;
		if (find_shade(p, fg, cell->ch[0]) < 0)
			p->shades[p->shades_count++] = (struct shade){fg, cell->ch[0]};
	}
}

static void define_shades(const struct picture *p)
{
	if (p->shades_count == 0)
		return;
	fputs("<defs>\n", p->out);
	for (size_t i = 0; i < p->shades_count; i++) {
		unsigned rgb = (unsigned)p->shades[i].rgb;
		double base = p->shades[i].glyph == U'░' ? 0.1 : p->shades[i].glyph == U'▒' ? 0.25 : 0.6;

		fprintf(p->out,
			"<pattern id=\"s%zu\" width=\"3\" height=\"3\" patternUnits=\"userSpaceOnUse\">"
			"<path d=\"M0 0h3v3h-3z\" fill=\"#%06x\" fill-opacity=\"%g\"/>"
			"<path d=\"M0 0h1.5v1.5h1.5v1.5h-1.5v-1.5h-1.5z\" fill=\"#%06x\" "
			"fill-opacity=\"%g\"/></pattern>\n",
			i, rgb, base, rgb, p->shades[i].glyph == U'░' ? 0.5 : 0.9);
	}
	fputs("</defs>\n", p->out);
}

/* ---- rows ---- */

/* Rectangles have crisp edges: softened ones would leave a seam between two that meet. */
static void draw_grounds(const struct picture *p, int y)
{
	const struct mv_canvas *c = p->canvas;

	for (int x = 0; x < c->cols;) {
		int32_t bg = look_of(p, cell_of(p, y, x)).bg;
		int end = x + 1;

		while (end < c->cols && look_of(p, cell_of(p, y, end)).bg == bg)
			end++;
		if (bg != p->ground)
			fprintf(p->out,
				"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
				"shape-rendering=\"crispEdges\" fill=\"#%06x\"/>\n",
				MARGIN + x * CELL_W, MARGIN + y * CELL_H, (end - x) * CELL_W, CELL_H,
				(unsigned)bg);
		x = end;
	}
}

static void draw_part(const struct picture *p, int y, int x, int cells, char32_t glyph,
		      const struct part *part, int32_t rgb)
{
	double left = MARGIN + x * CELL_W + part->x * CELL_W / 8.0,
	       top = MARGIN + y * CELL_H + part->y * CELL_H / 8.0;
	double width = cells > 1 ? cells * CELL_W : part->w * CELL_W / 8.0;
	int shade = is_shade(glyph) ? find_shade(p, rgb, glyph) : -1;

	fprintf(p->out,
		"<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" shape-rendering=\"crispEdges\" fill=\"",
		left, top, width, part->h * CELL_H / 8.0);
	if (shade >= 0)
		fprintf(p->out, "url(#s%d)\"/>\n", shade);
	else
		fprintf(p->out, "#%06x\"/>\n", (unsigned)rgb);
}

static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static void draw_text(const struct picture *p, int y, int x, int end, const struct look *look)
{
	fprintf(p->out, "<text x=\"%d\" y=\"%g\" textLength=\"%d\" fill=\"#%06x\"%s%s>", MARGIN + x * CELL_W,
		MARGIN + y * CELL_H + BASELINE, (end - x) * CELL_W, (unsigned)look->fg,
		look->bold ? " font-weight=\"700\"" : "", look->dim ? " opacity=\"0.7\"" : "");
	for (; x < end; x++) {
		char text[16];

		mv_canvas_utf8(cell_of(p, y, x), text);
		put_escaped(p->out, text);
	}
	fputs("</text>\n", p->out);
}

static bool is_ascii(const struct mv_cell *cell)
{
	return cell->width == 1 && cell->ch[0] < 0x7f && cell->ch[1] == 0;
}

static bool is_blank(const struct mv_cell *cell)
{
	return cell->ch[0] == U' ' && cell->ch[1] == 0;
}

/* A run of ASCII in one look from x on; two blanks end it, so that few spaces need keeping. Other text goes
 * one by one: it may come from another font. Returns the column behind it. */
static int text_run(const struct picture *p, int y, int x, const struct look *look)
{
	const struct mv_cell *cell = cell_of(p, y, x);
	int end = x + 1;

	if (!is_ascii(cell))
		return x + (cell->width ? cell->width : 1);
	for (; end < p->canvas->cols; end++) {
		const struct mv_cell *next = cell_of(p, y, end), *after = cell_of(p, y, end + 1);
		struct look here = look_of(p, next);

		if (!is_ascii(next) || !looks_same(&here, look))
			break;
		if (is_blank(next) && (!after || !is_ascii(after) || is_blank(after)))
			break;
	}
	/* A style may end right behind a blank. */
	while (end > x + 1 && is_blank(cell_of(p, y, end - 1)))
		end--;
	return end;
}

/* Cells from x on that show the same full-width part in the same look. */
static int part_run(const struct picture *p, int y, int x, const struct part *part, const struct look *look)
{
	char32_t glyph = cell_of(p, y, x)->ch[0];
	int end = x + 1;

	while (part->w == 8 && end < p->canvas->cols && cell_of(p, y, end)->ch[0] == glyph) {
		struct look here = look_of(p, cell_of(p, y, end));

		if (!looks_same(&here, look))
			break;
		end++;
	}
	return end;
}

static void draw_underline(const struct picture *p, int y, int x, int end, int32_t rgb)
{
	fprintf(p->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"1\" fill=\"#%06x\"/>\n",
		MARGIN + x * CELL_W, MARGIN + (y + 1) * CELL_H - 2, (end - x) * CELL_W, (unsigned)rgb);
}

static void draw_row(const struct picture *p, int y)
{
	const struct mv_canvas *c = p->canvas;

	for (int x = 0; x < c->cols;) {
		const struct mv_cell *cell = cell_of(p, y, x);
		struct look look = look_of(p, cell);
		double left = MARGIN + x * CELL_W, top = MARGIN + y * CELL_H;
		struct part part;
		int end = x + 1;

		if (part_of(cell->ch[0], &part)) {
			end = part_run(p, y, x, &part, &look);
			draw_part(p, y, x, end - x, cell->ch[0], &part, look.fg);
		} else if (is_mark(cell->ch[0])) {
			draw_mark(p, left, top, cell->ch[0], look.fg);
		} else if (arms_of(cell->ch[0])) {
			draw_lines(p, left, top, arms_of(cell->ch[0]), look.fg);
		} else if (!is_blank(cell) && cell->width) {
			end = text_run(p, y, x, &look);
			draw_text(p, y, x, end, &look);
		}
		if (look.underline)
			draw_underline(p, y, x, end, look.fg);
		x = end;
	}
}

int mv_canvas_svg(const struct mv_canvas *c, const struct mv_theme *theme, FILE *out)
{
	struct picture p = {
	    .out = out, .canvas = c, .theme = theme, .ground = theme->ground, .ink = theme->ink};
	int width = c->cols * CELL_W + 2 * MARGIN, height = c->rows * CELL_H + 2 * MARGIN;

	if (p.ground < 0)
		p.ground = 0x111418;
	if (p.ink < 0)
		p.ink = mv_theme_contrast(p.ground, 0) > mv_theme_contrast(p.ground, 0xffffff) ? 0 : 0xe8eaed;
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
		"role=\"img\" "
		"font-family=\"'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace\" "
		"font-size=\"%d\">\n"
		"<title>memview</title>\n",
		width, height, width, height, FONT);
	fprintf(
	    out,
	    "<rect x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"9\" fill=\"#%06x\" stroke=\"#%06x\" "
	    "stroke-opacity=\"0.35\"/>\n",
	    width - 1, height - 1, (unsigned)p.ground, (unsigned)p.ink);
	collect_shades(&p);
	define_shades(&p);
	for (int y = 0; y < c->rows; y++) {
		draw_grounds(&p, y);
		draw_row(&p, y);
	}
	fputs("</svg>\n", out);
	return ferror(out) ? -EIO : 0;
}
