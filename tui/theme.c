/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clean.h"
#include "tui/theme.h"

static const struct {
	const char *key;
	enum mv_role fallback;
} roles[ROLE__N] = {
#define X(id, key, fallback) {key, ROLE_##fallback},
    MV_ROLES(X)
#undef X
};

/* ---- parsing ---- */

struct parser {
	const char *at; /* rest of the text */
	int line;	/* of what inih was given last */
	int error_line; /* 0: none yet */
	char message[160];
	bool coloured;
	struct mv_theme theme;
};

static void complain(struct parser *p, const char *what, const char *raw)
{
	char shown[64];

	if (p->error_line)
		return;
	p->error_line = p->line;
	mv_clean_bytes(raw, strlen(raw), shown, sizeof(shown));
	snprintf(p->message, sizeof(p->message), "%s: \"%s\"", what, shown);
}

/* inih's reader: one line a call, without leading blanks (inih would take it for the last line going on). */
static char *read_line(char *out, int cap, void *stream)
{
	struct parser *p = stream;
	size_t len = strcspn(p->at, "\n"), n;
	const char *text;

	if (*p->at == '\0')
		return NULL;
	p->line++;
	text = p->at;
	p->at += len + (p->at[len] == '\n');
	n = strspn(text, " \t");
	text += n;
	len -= n;
	if (len + 2 > (size_t)cap) {
		len = (size_t)cap - 2;
		memcpy(out, text, len);
		out[len] = '\0';
		complain(p, "the line is too long", out);
	}
	memcpy(out, text, len);
	memcpy(out + len, "\n", 2);
	return out;
}

static bool parse_colour(const char *text, int32_t *ret_rgb)
{
	char *end;
	long value;

	if (text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6 || text[7] != '\0')
		return false;
	value = strtol(text + 1, &end, 16);
	*ret_rgb = (int32_t)value;
	return true;
}

static unsigned attr_of(const char *word)
{
	static const struct {
		const char *word;
		unsigned attr;
	} words[] = {
	    {"bold", MV_ATTR_BOLD},
	    {"underline", MV_ATTR_UNDERLINE},
	    {"reverse", MV_ATTR_REVERSE},
	    {"dim", MV_ATTR_DIM},
	};

	for (size_t i = 0; i < MV_COUNT_OF(words); i++) {
		if (strcmp(words[i].word, word) == 0)
			return words[i].attr;
	}
	return 0;
}

static bool parse_style(struct parser *p, const char *value, struct mv_style *ret_style)
{
	struct mv_style style = {.fg = -1, .bg = -1, .set = true};
	char copy[200], *rest = NULL;
	bool first = true, ground = false;

	snprintf(copy, sizeof(copy), "%s", value);
	for (char *word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		if (ground || (first && *word == '#')) {
			if (!parse_colour(word, ground ? &style.bg : &style.fg)) {
				complain(p, "not a colour (#rrggbb)", word);
				return false;
			}
			ground = false;
		} else if (strcmp(word, "on") == 0) {
			ground = true;
		} else if (attr_of(word)) {
			style.attrs |= (uint8_t)attr_of(word);
		} else {
			complain(p, "not a colour or attribute", word);
			return false;
		}
		first = false;
	}
	if (ground) {
		complain(p, "no colour after \"on\"", value);
		return false;
	}
	if (style.fg >= 0 || style.bg >= 0)
		p->coloured = true;
	*ret_style = style;
	return true;
}

static bool take_role(struct parser *p, const char *key, const char *value)
{
	for (size_t i = 0; i < ROLE__N; i++) {
		if (strcmp(roles[i].key, key) == 0)
			return parse_style(p, value, &p->theme.style[i]);
	}
	complain(p, "no such role", key);
	return false;
}

static bool take_colour(struct parser *p, const char *value, int32_t *ret_rgb)
{
	if (!parse_colour(value, ret_rgb)) {
		complain(p, "not a colour (#rrggbb)", value);
		return false;
	}
	p->coloured = true;
	return true;
}

static bool take_setting(struct parser *p, const char *key, const char *value)
{
	if (strcmp(key, "name") == 0) {
		char shown[sizeof(p->theme.name)];

		if (mv_clean_bytes(value, strlen(value), shown, sizeof(shown)) >= sizeof(shown) ||
		    strcmp(shown, value) != 0 || *value == '\0') {
			complain(p, "not a name of 1 to 31 printable bytes", value);
			return false;
		}
		memcpy(p->theme.name, shown, sizeof(shown));
		return true;
	}
	if (strcmp(key, "ground") == 0)
		return take_colour(p, value, &p->theme.ground);
	if (strcmp(key, "ink") == 0)
		return take_colour(p, value, &p->theme.ink);
	if (strcmp(key, "cell") == 0) {
		if ((value[0] != '1' && value[0] != '2') || value[1] != '\0') {
			complain(p, "cell is 1 or 2, not", value);
			return false;
		}
		p->theme.cell = (uint8_t)(value[0] - '0');
		return true;
	}
	complain(p, "no such setting (name, ground, ink, cell)", key);
	return false;
}

static int take_line(void *user, const char *section, const char *key, const char *value)
{
	struct parser *p = user;

	if (strcmp(section, "roles") == 0)
		return take_role(p, key, value);
	if (strcmp(section, "theme") == 0)
		return take_setting(p, key, value);
	complain(p, "no such section ([theme], [roles])", section);
	return 0;
}

/* A role that the theme leaves out looks like its fallback; fallbacks are never deeper than a few roles. */
static void resolve(struct mv_theme *theme)
{
	if (!theme->style[ROLE_TEXT].set)
		theme->style[ROLE_TEXT] = (struct mv_style){.fg = -1, .bg = -1, .set = true};
	for (size_t i = 0; i < ROLE__N; i++) {
		size_t from = i;

		while (!theme->style[from].set)
			from = roles[from].fallback;
		theme->style[i] = theme->style[from];
	}
}

static void init_theme(struct mv_theme *theme)
{
	*theme = (struct mv_theme){.ground = -1, .ink = -1, .cell = 1};
	for (size_t i = 0; i < ROLE__N; i++)
		theme->style[i] = (struct mv_style){.fg = -1, .bg = -1};
}

/* A cursor that looks like the text around it would be none. */
static void ensure_cursor(struct mv_theme *theme)
{
	struct mv_style *cursor = &theme->style[ROLE_CURSOR];

	if (cursor->bg < 0 && cursor->attrs == 0)
		cursor->attrs = MV_ATTR_REVERSE;
}

int mv_theme_parse(const char *text, struct mv_theme *ret_theme, int *ret_line, char *ret_message, size_t cap)
{
	struct parser p = {.at = text};
	int line;

	init_theme(&p.theme);
	line = ini_parse_stream(read_line, &p, take_line, &p);
	if (line < 0) {
		complain(&p, "out of memory", "");
		line = p.line;
	}
	/* inih's own complaints have a line and no text. */
	if (line > 0 && (p.error_line == 0 || line < p.error_line)) {
		p.error_line = line;
		snprintf(p.message, sizeof(p.message), "neither [section] nor KEY = VALUE");
	}
	if (p.error_line) {
		*ret_line = p.error_line;
		snprintf(ret_message, cap, "%s", p.message);
		return -EINVAL;
	}
	p.theme.mono = !p.coloured;
	resolve(&p.theme);
	ensure_cursor(&p.theme);
	*ret_theme = p.theme;
	return 0;
}

#define THEME_BYTES_MAX 65536

int mv_theme_load(const char *path, struct mv_theme *ret_theme, int *ret_line, char *ret_message, size_t cap)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t n;
	int err;

	if (!file) {
		err = errno;
		*ret_line = 0;
		snprintf(ret_message, cap, "%s", strerror(err));
		return -err;
	}
	text = malloc(THEME_BYTES_MAX);
	n = text ? fread(text, 1, THEME_BYTES_MAX, file) : 0;
	err = !text ? ENOMEM : ferror(file) ? EIO : n == THEME_BYTES_MAX ? EFBIG : 0;
	fclose(file);
	if (err) {
		*ret_line = 0;
		snprintf(ret_message, cap, "%s", strerror(err));
		free(text);
		return -err;
	}
	text[n] = '\0';
	err = mv_theme_parse(text, ret_theme, ret_line, ret_message, cap);
	free(text);
	return err;
}

void mv_theme_mono(struct mv_theme *ret_theme)
{
	static const struct {
		enum mv_role role;
		unsigned attrs;
	} styles[] = {
	    {ROLE_DIM, MV_ATTR_DIM},
	    {ROLE_STRONG, MV_ATTR_BOLD},
	    {ROLE_LABEL, 0},
	    {ROLE_HEADING, MV_ATTR_UNDERLINE},
	    {ROLE_SORTED, MV_ATTR_BOLD | MV_ATTR_UNDERLINE},
	    {ROLE_CURSOR, MV_ATTR_REVERSE},
	    {ROLE_CURSOR_CELL, MV_ATTR_REVERSE},
	    {ROLE_SIDE_ON, MV_ATTR_REVERSE},
	    {ROLE_SIDE, 0},
	    {ROLE_FOUND, MV_ATTR_BOLD | MV_ATTR_UNDERLINE},
	    {ROLE_ALERT, MV_ATTR_REVERSE | MV_ATTR_BOLD},
	    {ROLE_SPARK, 0},
	    {ROLE_BAR, 0},
	    {ROLE_FAULT_MAJOR, MV_ATTR_BOLD},
	    {ROLE_TRACE, MV_ATTR_BOLD},
	    {ROLE_FAULT_DISK, MV_ATTR_BOLD},
	    {ROLE_FAULT_SWAP, MV_ATTR_BOLD},
	    {ROLE_FAULT_UNKNOWN, MV_ATTR_DIM},
	    {ROLE_GONE, MV_ATTR_DIM},
	    {ROLE_HEX_TEXT, 0},
	    {ROLE_PAGE_GUARD, MV_ATTR_BOLD},
	    {ROLE_PAGE_SWAPPED, MV_ATTR_BOLD},
	    {ROLE_PAGE_COW, 0},
	    {ROLE_PAGE_ANON, 0},
	    {ROLE_PAGE_SHMEM, 0},
	    {ROLE_PAGE_FILE, 0},
	    {ROLE_PAGE_FRESH, MV_ATTR_BOLD | MV_ATTR_UNDERLINE},
	};

	init_theme(ret_theme);
	memcpy(ret_theme->name, "mono", sizeof("mono"));
	ret_theme->mono = true;
	for (size_t i = 0; i < MV_COUNT_OF(styles); i++)
		ret_theme->style[styles[i].role] =
		    (struct mv_style){.fg = -1, .bg = -1, .attrs = (uint8_t)styles[i].attrs, .set = true};
	resolve(ret_theme);
}

#define LEAST_CONTRAST 4.5

/* Roles of a page grid's cells. */
static bool is_grid_role(unsigned role)
{
	return (role >= ROLE_PAGE_NONE && role <= ROLE_PAGE_UNREAD) ||
	       (role >= ROLE_SCALE_0 && role <= ROLE_SHARED_YES);
}

/*
 * A grid is full of blocks, which hide their ground: the cell under the cursor has a ground that no page has
 * as its colour, and keeps nothing of its own but the line below a huge page. A theme that does not name it
 * gets its ink for a ground.
 */
static void put_cell_cursor(const struct mv_theme *theme, struct mv_style *style)
{
	const struct mv_style *cell = &theme->style[ROLE_CURSOR_CELL];
	uint8_t line = style->attrs & MV_ATTR_UNDERLINE;

	*style = *cell;
	style->attrs |= line;
	if (cell->bg >= 0) {
		style->fg = cell->fg >= 0 ? cell->fg : theme->ground;
		return;
	}
	bool reverse = theme->mono || theme->ink < 0 || theme->ground < 0;
	style->fg = reverse ? theme->ink : theme->ground;
	style->bg = reverse ? theme->ground : theme->ink;
	style->attrs |= reverse ? MV_ATTR_REVERSE : 0;
}

/* The cell keeps its own colour where it can be read, so that a kind can be told under the cursor too. */
static void put_cursor(const struct mv_theme *theme, unsigned role, struct mv_style *style)
{
	const struct mv_style *cursor = &theme->style[ROLE_CURSOR];
	int32_t ink = cursor->fg >= 0 ? cursor->fg : theme->ink;

	if (cursor->bg >= 0) {
		style->bg = cursor->bg;
		if (role == ROLE_TEXT || style->fg < 0 ||
		    mv_theme_contrast(style->fg, style->bg) < LEAST_CONTRAST)
			style->fg = ink;
	}
	/* What is reverse already (an alert) is turned back: the cursor shows either way. */
	style->attrs ^= cursor->attrs & MV_ATTR_REVERSE;
	style->attrs |= (uint8_t)(cursor->attrs & ~(unsigned)MV_ATTR_REVERSE);
}

struct mv_style mv_theme_style(const struct mv_theme *theme, unsigned role, unsigned attrs)
{
	struct mv_style style = theme->style[role];

	assert(role < ROLE__N);
	style.attrs |= (uint8_t)(attrs & ~(unsigned)MV_ATTR_CURSOR);
	if (style.fg < 0)
		style.fg = theme->ink;
	if (style.bg < 0)
		style.bg = theme->ground;
	if ((attrs & MV_ATTR_CURSOR) && is_grid_role(role))
		put_cell_cursor(theme, &style);
	else if (attrs & MV_ATTR_CURSOR)
		put_cursor(theme, role, &style);
	return style;
}

/* ---- finding ---- */

static const char *const shipped[] = {"dark", "light", "projector", "colour-blind", "mono"};

static void add_theme(struct mv_theme_list *list, const char *name, const char *path)
{
	size_t i = 0;

	while (i < list->count && strcmp(list->at[i].name, name) != 0)
		i++;
	if (i == MV_COUNT_OF(list->at) || strlen(name) >= sizeof(list->at[i].name) ||
	    strlen(path) >= sizeof(list->at[i].path))
		return;
	snprintf(list->at[i].name, sizeof(list->at[i].name), "%s", name);
	snprintf(list->at[i].path, sizeof(list->at[i].path), "%s", path);
	if (i == list->count)
		list->count++;
}

static int is_theme_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".ini") == 0;
}

static void add_themes_of(struct mv_theme_list *list, const char *dir)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, is_theme_file, alphasort);

	for (int i = 0; i < n; i++) {
		char path[1024], name[256], shown[256];
		int len = (int)strlen(entries[i]->d_name) - 4;

		snprintf(name, sizeof(name), "%.*s", len, entries[i]->d_name);
		mv_clean_bytes(name, strlen(name), shown, sizeof(shown));
		/* Names are shown: one that would need escapes is left out. */
		if (strcmp(name, shown) == 0 &&
		    snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name) < (int)sizeof(path))
			add_theme(list, name, path);
		free(entries[i]);
	}
	free(entries);
}

void mv_theme_find(struct mv_theme_list *ret_list)
{
	const char *dir = getenv("MEMVIEW_THEMES"), *config = getenv("XDG_CONFIG_HOME"),
		   *home = getenv("HOME");
	char path[1024];

	ret_list->count = 0;
	if (!dir || *dir == '\0')
		dir = MV_THEMES_DIR;
	for (size_t i = 0; i < MV_COUNT_OF(shipped); i++) {
		FILE *file = NULL;

		if (snprintf(path, sizeof(path), "%s/%s.ini", dir, shipped[i]) < (int)sizeof(path))
			file = fopen(path, "re");
		if (!file)
			continue;
		fclose(file);
		add_theme(ret_list, shipped[i], path);
	}
	add_themes_of(ret_list, dir);
	/* The base directory specification says that a relative path is none. */
	if (config && *config == '/')
		snprintf(path, sizeof(path), "%s/memview/themes", config);
	else if (home && *home == '/')
		snprintf(path, sizeof(path), "%s/.config/memview/themes", home);
	else
		return;
	add_themes_of(ret_list, path);
}
