/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_THEME_CHOICE_H
#define MV_THEME_CHOICE_H

/* Which theme is worn: by name, by default, without colours; and the next one. Reads files: not for views. */

#include "tui/theme.h"

struct mv_theme_choice {
	struct mv_theme_list list;
	struct mv_theme *kept; /* NULL, or the list's themes as read by mv_theme_choose_keep; name "" where that failed */
	size_t at;	       /* in list; count when none of it is worn */
	struct mv_theme theme;
	struct mv_build warning; /* empty when all went well */
};

/*
 * Find and read them all now. For root itself, before it becomes nobody: who may not be able to read them where they
 * lie (a build in /root). Not under sudo: the invoking user's own rights decide then.
 */
void mv_theme_choose_keep(struct mv_theme_choice *choice);
void mv_theme_choose_release(struct mv_theme_choice *choice);
/*
 * name NULL: the default. no_colour, or NO_COLOR set and not empty, without a name: mono. A theme that is not
 * found or has errors is named in the warning (with its line) and the default is worn instead.
 */
void mv_theme_choose(struct mv_theme_choice *choice, const char *name, bool no_colour);
/* The next one of the list that can be read. */
void mv_theme_choose_next(struct mv_theme_choice *choice);

#endif
