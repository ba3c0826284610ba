/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "tui/canvas.h"
#include "tui/theme.h"

/* A canvas as text: planes for golden screens, and lines with terminal colours. */

static const struct mv_cell *row_of(const struct mv_canvas *c, int y)
{
	return c->cells + (size_t)y * (size_t)c->cols;
}

/*
 * One character a role, with a second one for the same role under the cursor. A role takes the first letter
 * of its name that is free, so a plane can be read without its key most of the time.
 */
static const char plain[] = "abcdefghijklmnopqrstuvwxyz1234567890-[;,/=`'";
static const char shifted[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!@#$%^&*()_{><?+~\"";
static_assert(sizeof(plain) == sizeof(shifted), "each letter has its shifted one");

struct letters {
	char plain[ROLE__N], shifted[ROLE__N];
};

static const char *const role_keys[ROLE__N] = {
#define X(id, key, fallback) key,
    MV_ROLES(X)
#undef X
};

static void choose_letter(struct letters *letters, bool taken[static sizeof(plain)], unsigned role)
{
	const char *from = NULL;

	for (const char *s = role_keys[role]; *s && !from; s++) {
		const char *at = *s == '-' ? NULL : strchr(plain, *s);

		from = at && !taken[at - plain] ? at : NULL;
	}
	for (size_t i = 0; i + 1 < sizeof(plain) && !from; i++)
		from = taken[i] ? NULL : plain + i;
	if (!from) { /* more roles in one picture than characters */
		letters->plain[role] = letters->shifted[role] = '|';
		return;
	}
	taken[from - plain] = true;
	letters->plain[role] = *from;
	letters->shifted[role] = shifted[from - plain];
}

static void choose_letters(const struct mv_canvas *c, struct letters *letters)
{
	size_t count = (size_t)c->rows * (size_t)c->cols;
	bool used[ROLE__N] = {false}, taken[sizeof(plain)] = {false};

	memset(letters, 0, sizeof(*letters));
	for (size_t i = 0; i < count; i++)
		used[c->cells[i].role] = true;
	letters->plain[ROLE_TEXT] = '.';
	letters->shifted[ROLE_TEXT] = ':';
	for (unsigned role = 0; role < ROLE__N; role++) {
		if (used[role] && role != ROLE_TEXT)
			choose_letter(letters, taken, role);
	}
}

static char role_letter(const struct letters *letters, const struct mv_cell *cell)
{
	if (cell->attrs & MV_ATTR_CURSOR)
		return letters->shifted[cell->role];
	return cell->role == ROLE_TEXT && cell->ch[0] == U' ' ? ' ' : letters->plain[cell->role];
}

static char attr_letter(const struct mv_cell *cell)
{
	switch (cell->attrs & ~(unsigned)MV_ATTR_CURSOR) {
	case 0:
		return ' ';
	case MV_ATTR_BOLD:
		return 'b';
	case MV_ATTR_UNDERLINE:
		return 'u';
	case MV_ATTR_REVERSE:
		return 'r';
	default:
		return '*';
	}
}

/* One line of a plane of one character a cell; letters NULL: attributes. */
static void dump_plane_row(const struct mv_canvas *c, int y, const struct letters *letters, FILE *out)
{
	const struct mv_cell *row = row_of(c, y);
	int pending = 0; /* blanks */

	for (int x = 0; x < c->cols; x++) {
		char letter = letters ? role_letter(letters, &row[x]) : attr_letter(&row[x]);

		if (letter == ' ') {
			pending++;
			continue;
		}
		for (; pending > 0; pending--)
			fputc(' ', out);
		fputc(letter, out);
	}
	fputc('\n', out);
}

static void dump_text_row(const struct mv_canvas *c, int y, FILE *out)
{
	const struct mv_cell *row = row_of(c, y);
	int pending = 0;

	for (int x = 0; x < c->cols; x++) {
		char text[16];

		if (row[x].ch[0] == U' ' && row[x].ch[1] == 0) {
			pending++;
			continue;
		}
		for (; pending > 0; pending--)
			fputc(' ', out);
		mv_canvas_utf8(&row[x], text);
		fputs(text, out);
	}
	fputc('\n', out);
}

static bool any_attrs(const struct mv_canvas *c)
{
	size_t count = (size_t)c->rows * (size_t)c->cols;

	for (size_t i = 0; i < count; i++) {
		if (attr_letter(&c->cells[i]) != ' ')
			return true;
	}
	return false;
}

int mv_canvas_dump(const struct mv_canvas *c, FILE *out)
{
	struct letters letters;

	choose_letters(c, &letters);
	for (int y = 0; y < c->rows; y++)
		dump_text_row(c, y, out);
	fputs("--- roles\n", out);
	for (int y = 0; y < c->rows; y++)
		dump_plane_row(c, y, &letters, out);
	for (unsigned role = 0; role < ROLE__N; role++) {
		if (letters.plain[role] && role != ROLE_TEXT)
			fprintf(out, "%c %s\n", letters.plain[role], role_keys[role]);
	}
	if (any_attrs(c)) {
		fputs("--- attributes\n", out);
		for (int y = 0; y < c->rows; y++)
			dump_plane_row(c, y, NULL, out);
	}
	return ferror(out) ? -EIO : 0;
}

static void put_colour(FILE *out, int what, int32_t rgb)
{
	if (rgb >= 0)
		fprintf(out, ";%d;2;%d;%d;%d", what, (int)(rgb >> 16 & 0xff), (int)(rgb >> 8 & 0xff),
			(int)(rgb & 0xff));
}

static void put_style(FILE *out, const struct mv_style *style)
{
	fputs("\033[0", out);
	if (style->attrs & MV_ATTR_BOLD)
		fputs(";1", out);
	if (style->attrs & MV_ATTR_DIM)
		fputs(";2", out);
	if (style->attrs & MV_ATTR_UNDERLINE)
		fputs(";4", out);
	if (style->attrs & MV_ATTR_REVERSE)
		fputs(";7", out);
	put_colour(out, 38, style->fg);
	put_colour(out, 48, style->bg);
	fputc('m', out);
}

int mv_canvas_ansi(const struct mv_canvas *c, const struct mv_theme *theme, FILE *out)
{
	for (int y = 0; y < c->rows; y++) {
		const struct mv_cell *row = row_of(c, y);
		int look = -1; /* role and attributes that are set */

		for (int x = 0; x < c->cols; x++) {
			int wanted = row[x].role << 8 | row[x].attrs;
			char text[16];

			if (row[x].width == 0)
				continue;
			if (wanted != look) {
				struct mv_style style = mv_theme_style(theme, row[x].role, row[x].attrs);

				put_style(out, &style);
				look = wanted;
			}
			mv_canvas_utf8(&row[x], text);
			fputs(text, out);
		}
		fputs("\033[0m\n", out);
	}
	return ferror(out) ? -EIO : 0;
}
