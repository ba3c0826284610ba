/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_THEME_H
#define MV_THEME_H

/*
 * role -> colours, from INI files:
 *   [theme] name=…, ground=#rrggbb, ink=#rrggbb, cell=1|2 (a page is that many columns wide: projector 2)
 *   [roles] KEY = [#rrggbb] [on #rrggbb] [bold] [underline] [reverse] [dim]
 * A role left out looks like its fallback (roles.h). A theme without any colour is a mono one.
 * Shipped ones lie in $MEMVIEW_THEMES or the installed themes directory, a user's own in
 * ${XDG_CONFIG_HOME:-~/.config}/memview/themes/ (same name wins).
 */

#include "tui/canvas.h"

struct mv_style {
	int32_t fg, bg; /* 0xrrggbb; -1: the ground's */
	uint8_t attrs;	/* enum mv_attr */
	bool set;
};
struct mv_theme {
	char name[32];
	int32_t ground, ink; /* -1: the terminal's own */
	bool mono;	     /* uses attributes only */
	uint8_t cell;	     /* columns a page takes: 1 or 2 */
	struct mv_style style[ROLE__N]; /* fallbacks resolved */
};

/* Parse one file's text. On an error the theme is untouched and *ret_line says which line (1-based). Errors: -EINVAL. */
int mv_theme_parse(const char *text, struct mv_theme *ret_theme, int *ret_line, char *ret_message, size_t cap);
int mv_theme_load(const char *path, struct mv_theme *ret_theme, int *ret_line, char *ret_message, size_t cap);
/* A theme that needs no file: attributes only. */
void mv_theme_mono(struct mv_theme *ret_theme);

/* Names and paths of all themes found, shipped order first (dark light projector colour-blind mono), then the user's. */
struct mv_theme_list {
	size_t count;
	struct {
		char name[32];
		char path[512];
	} at[64];
};
void mv_theme_find(struct mv_theme_list *ret_list);

/*
 * How a cell of this role and these attributes (enum mv_attr) looks: colours of ground, ink and cursor filled in
 * (-1: the terminal's own), attributes of the style added; MV_ATTR_CURSOR is resolved away
 * (cells of a page grid take ROLE_CURSOR_CELL's colours: a full block would hide its ground). Pure.
 */
struct mv_style mv_theme_style(const struct mv_theme *theme, unsigned role, unsigned attrs);

/* Nearest colour of the 256-colour cube (16-255), of the 16, of the 8. Pure. */
int mv_theme_to_256(int32_t rgb);
int mv_theme_to_16(int32_t rgb);
int mv_theme_to_8(int32_t rgb);
/* WCAG contrast ratio of two colours, 1.0 to 21.0. */
double mv_theme_contrast(int32_t a, int32_t b);

#endif
