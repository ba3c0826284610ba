/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/theme_choice.h"

static size_t find(const struct mv_theme_list *list, const char *name)
{
	size_t i = 0;

	while (i < list->count && strcmp(list->at[i].name, name) != 0)
		i++;
	return i;
}

static void add_raw(struct mv_build *b, const char *raw)
{
	char clean[200];

	mv_build_clean(b, mv_clean_into(clean, sizeof(clean), raw, strlen(raw)));
}

/* Wear the i-th; on an error the theme stays what it was and the warning says why. */
static bool wear(struct mv_theme_choice *choice, size_t i)
{
	char message[200] = "";
	int line = 0;

	if (choice->kept && choice->kept[i].name[0]) {
		choice->theme = choice->kept[i];
		choice->at = i;
		return true;
	}
	if (mv_theme_load(choice->list.at[i].path, &choice->theme, &line, message, sizeof(message)) == 0) {
		choice->at = i;
		return true;
	}
	mv_build_init(&choice->warning);
	mv_build_clean(&choice->warning, MV_TEXT("theme "));
	add_raw(&choice->warning, choice->list.at[i].path);
	if (line > 0)
		mv_build_fmt(&choice->warning, " line %d", line);
	mv_build_clean(&choice->warning, MV_TEXT(": "));
	add_raw(&choice->warning, message);
	return false;
}

static void wear_mono(struct mv_theme_choice *choice)
{
	mv_theme_mono(&choice->theme);
	choice->at = find(&choice->list, "mono");
}

/* The first shipped theme that can be worn; where none is installed, the one that needs no file. */
static void wear_default(struct mv_theme_choice *choice)
{
	size_t dark = find(&choice->list, "dark");

	if (dark == choice->list.count || !wear(choice, dark))
		wear_mono(choice);
}

static void not_found(struct mv_theme_choice *choice, const char *name)
{
	mv_build_init(&choice->warning);
	mv_build_clean(&choice->warning, MV_TEXT("no theme is called \""));
	add_raw(&choice->warning, name);
	mv_build_clean(&choice->warning, MV_TEXT("\"; there are:"));
	for (size_t i = 0; i < choice->list.count; i++) {
		mv_build_clean(&choice->warning, MV_TEXT(" "));
		add_raw(&choice->warning, choice->list.at[i].name);
	}
}

void mv_theme_choose_keep(struct mv_theme_choice *choice)
{
	char message[8];
	int line;

	mv_theme_find(&choice->list);
	choice->kept = calloc(choice->list.count ? choice->list.count : 1, sizeof(*choice->kept));
	for (size_t i = 0; choice->kept && i < choice->list.count; i++) {
		struct mv_theme *theme = &choice->kept[i];

		if (mv_theme_load(choice->list.at[i].path, theme, &line, message, sizeof(message)) == 0)
			memcpy(theme->name, choice->list.at[i].name, sizeof(theme->name));
	}
}

void mv_theme_choose_release(struct mv_theme_choice *choice)
{
	free(choice->kept);
	choice->kept = NULL;
}

void mv_theme_choose(struct mv_theme_choice *choice, const char *name, bool no_colour)
{
	const char *convention = getenv("NO_COLOR");
	size_t i;

	mv_build_init(&choice->warning);
	if (!choice->kept)
		mv_theme_find(&choice->list);
	if (no_colour || (!name && convention && *convention)) {
		wear_mono(choice);
		return;
	}
	if (!name) {
		wear_default(choice);
		return;
	}
	i = find(&choice->list, name);
	if (i < choice->list.count && wear(choice, i))
		return;
	if (i == choice->list.count)
		not_found(choice, name);
	wear_default(choice);
	mv_build_clean(&choice->warning, MV_TEXT(" (the default is used)"));
}

void mv_theme_choose_next(struct mv_theme_choice *choice)
{
	const size_t count = choice->list.count;

	mv_build_init(&choice->warning);
	for (size_t n = 1; n <= count; n++) {
		if (wear(choice, (choice->at + n) % count))
			return;
	}
}
