/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_private.h"

/* The bottom line: the sides, and the keys that matter here; fewer when narrow. */

struct item {
	enum mv_action action;
	struct mv_clean words;
	int give_up;	      /* dropped first when higher */
	enum mv_view_id side; /* MV_VIEW__N: no side */
	char key[16];
	int x, w;   /* w 0: not shown */
	bool bare;  /* its key alone */
	bool tight; /* no blank between key and name */
	bool close; /* one blank before the next, not two */
};
#define ITEMS_MAX    32
#define GIVE_UP_SIDE 2
#define GIVE_UP_KEYS \
	4 /* Enter and Esc, which do not mean the same everywhere, are worth more than blanks \
	   */

static const struct item bottom_items[] = {
    {MV_ACT_SIDE_MAP, {"Map"}, GIVE_UP_SIDE, MV_VIEW_MAP, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_PAGES, {"Pages"}, GIVE_UP_SIDE, MV_VIEW_PAGES, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_FAULTS, {"Faults"}, GIVE_UP_SIDE, MV_VIEW_FAULTS, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_THREADS, {"Threads"}, GIVE_UP_SIDE, MV_VIEW_THREADS, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_GROWTH, {"Growth"}, GIVE_UP_SIDE, MV_VIEW_GROWTH, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_HEAP, {"Heap"}, GIVE_UP_SIDE, MV_VIEW_HEAP, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_TABLES, {"Tables"}, GIVE_UP_SIDE, MV_VIEW_TABLES, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_FILES, {"Files"}, GIVE_UP_SIDE, MV_VIEW_FILES, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_MACHINE, {"Machine"}, GIVE_UP_SIDE, MV_VIEW_MACHINE, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_MEMORY, {"Memory"}, GIVE_UP_SIDE, MV_VIEW_MEMORY, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_SERVICES, {"Services"}, GIVE_UP_SIDE, MV_VIEW_SERVICES, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_RECLAIM, {"Reclaim"}, GIVE_UP_SIDE, MV_VIEW_RECLAIM, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_ZONES, {"Zones"}, GIVE_UP_SIDE, MV_VIEW_ZONES, "", 0, 0, false, false, false},
    {MV_ACT_SIDE_ATLAS, {"Atlas"}, GIVE_UP_SIDE, MV_VIEW_ATLAS, "", 0, 0, false, false, false},
    {MV_ACT_ENTER, {"in"}, 4, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_BACK, {"out"}, 3, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_FIND, {"find"}, 5, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_SORT, {"sort"}, 8, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_FILTER, {"filter"}, 9, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_GROUP, {"group"}, 10, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_COLUMNS, {"columns"}, 11, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_ZOOM_IN, {"zoom"}, 8, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_COLOUR, {"colour"}, 10, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_PANE, {"pane"}, 6, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_LEAKS, {"lost?"}, 5, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_STOP, {"exact"}, 6, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_MEANING, {"what is it"}, 7, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_HELP, {"help"}, 0, MV_VIEW__N, "", 0, 0, false, false, false},
    {MV_ACT_QUIT, {"quit"}, 1, MV_VIEW__N, "", 0, 0, false, false, false},
};
_Static_assert(MV_COUNT_OF(bottom_items) <= ITEMS_MAX, "room for every item");

static bool works_here(const struct mv_bottom *bottom, const struct item *item)
{
	const enum mv_action action = item->action;
	const char *where = mv_actions[action].where;

	if (action == MV_ACT_BACK && bottom->outermost)
		return false;
	if (bottom->overlay && (action == MV_ACT_MEANING || action == MV_ACT_HELP))
		return false;
	if (item->side != MV_VIEW__N && !mv_view_of(item->side))
		return false;
	return strchr(where, '*') || strchr(where, bottom->machine ? '@' : '+') ||
	       strchr(where, bottom->letter);
}

static int place_items(struct item *items, size_t count)
{
	int x = count && items[0].tight ? 0 : 1, end = x;

	for (size_t i = 0; i < count; i++) {
		if (!items[i].w)
			continue;
		items[i].x = x;
		end = x + items[i].w;
		bool side_next =
		    i + 1 < count && items[i].side != MV_VIEW__N && items[i + 1].side != MV_VIEW__N;
		x = end + (side_next || items[i].close ? 1 : 2);
	}
	return end;
}

/* When all but the way in and out has gone, sides that are not shown keep their keys: all of them can be
 * turned to. */
static void shorten_sides(const struct mv_bottom *bottom, struct item *items, size_t count)
{
	for (size_t i = count; i-- > 0 && place_items(items, count) > bottom->cols;) {
		if (!items[i].w || items[i].side == MV_VIEW__N || items[i].side == bottom->shown)
			continue;
		items[i].bare = true;
		items[i].w = (int)strlen(items[i].key);
	}
}

/* As in "1Map 2Pages": the sides keep their names, and other keys come in beside them. */
static void tighten_sides(struct item *items, size_t count, bool tight)
{
	for (size_t i = 0; i < count; i++) {
		if (items[i].side == MV_VIEW__N || items[i].tight == tight)
			continue;
		items[i].tight = tight;
		items[i].w += tight ? -1 : 1;
	}
}

/* How to quit is known soonest: of q its key is enough. */
static void draw_together(struct item *items, size_t count, bool bare)
{
	for (size_t i = 0; i < count; i++) {
		items[i].close = true;
		if (!bare || items[i].action != MV_ACT_QUIT)
			continue;
		items[i].bare = true;
		items[i].w = (int)strlen(items[i].key);
	}
}

static void draw_apart(struct item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		items[i].close = false;
		if (!items[i].bare)
			continue;
		items[i].bare = false;
		items[i].w = (int)strlen(items[i].key) + 1 + (int)mv_clean_width(items[i].words);
	}
}

static bool drop_one(const struct mv_bottom *bottom, struct item *items, size_t count, int above)
{
	struct item *worst = NULL;

	for (size_t i = 0; i < count; i++) {
		bool on = items[i].side != MV_VIEW__N && items[i].side == bottom->shown;

		if (items[i].w && !on && items[i].give_up > above &&
		    (!worst || items[i].give_up >= worst->give_up))
			worst = &items[i];
	}
	if (worst)
		worst->w = 0;
	return worst != NULL;
}

static size_t layout_items(const struct mv_bottom *bottom, struct item *items)
{
	size_t count = 0;

	for (size_t i = 0; i < MV_COUNT_OF(bottom_items); i++) {
		struct item *item = &items[count];

		*item = bottom_items[i];
		if (!works_here(bottom, item))
			continue;
		if (item->action == MV_ACT_ENTER && bottom->enter.text)
			item->words = bottom->enter;
		if (item->action == MV_ACT_BACK && bottom->back.text)
			item->words = bottom->back;
		mv_keys_of(item->action, item->key, sizeof(item->key));
		item->w = (int)strlen(item->key) + 1 + (int)mv_clean_width(item->words);
		count++;
	}
	while (place_items(items, count) > bottom->cols && drop_one(bottom, items, count, GIVE_UP_KEYS))
		;
	if (place_items(items, count) > bottom->cols)
		tighten_sides(items, count, true);
	for (int bare = 0; bare < 2 && place_items(items, count) > bottom->cols; bare++)
		draw_together(items, count, bare);
	if (place_items(items, count) > bottom->cols)
		draw_apart(items, count);
	while (place_items(items, count) > bottom->cols && drop_one(bottom, items, count, GIVE_UP_SIDE))
		;
	if (place_items(items, count) > bottom->cols)
		tighten_sides(items, count, false);
	shorten_sides(bottom, items, count);
	while (place_items(items, count) > bottom->cols && drop_one(bottom, items, count, -1))
		;
	/* Not even the side that is shown. */
	for (size_t i = 0; i < count && place_items(items, count) > bottom->cols; i++)
		items[i].w = 0;
	return count;
}

void mv_bottom_draw(const struct mv_bottom *bottom, struct mv_canvas *c, int y)
{
	struct item items[ITEMS_MAX];
	size_t count = layout_items(bottom, items);

	for (size_t i = 0; i < count; i++) {
		const struct item *item = &items[i];
		bool side = item->side != MV_VIEW__N, on = item->side == bottom->shown;

		if (!item->w)
			continue;
		int x = item->x +
			mv_canvas_text(c, y, item->x, -1, on ? ROLE_SIDE_ON : ROLE_KEY, mv_words(item->key));
		if (!item->bare)
			mv_canvas_text(c, y, x + !item->tight, -1,
				       on     ? ROLE_SIDE_ON
				       : side ? ROLE_SIDE
					      : ROLE_KEY_TEXT,
				       item->words);
		if (on)
			mv_canvas_role(c, (struct mv_rect){y, item->x, 1, item->w}, ROLE_SIDE_ON);
	}
}

enum mv_action mv_bottom_at(const struct mv_bottom *bottom, int x)
{
	struct item items[ITEMS_MAX];
	size_t count = layout_items(bottom, items);

	for (size_t i = 0; i < count; i++)
		if (x >= items[i].x && x < items[i].x + items[i].w)
			return items[i].action;
	return MV_ACT_NONE;
}

/* ---- questions in its place ---- */

/* "sh " of a process, as far as anything that is shown knows it. */
static void build_name(struct mv_build *b, const struct mv_context *ctx, int pid)
{
	const struct mv_task *task = ctx->machine ? mv_machine_task(ctx->machine, pid) : NULL;

	if (ctx->snap && ctx->snap->stat.pid == pid)
		mv_build_clean(b, mv_snapshot_title(ctx->snap));
	else if (task)
		mv_build_clean(b, mv_machine_text(ctx->machine, task->name));
	if (b->len)
		mv_build_clean(b, MV_TEXT(" "));
}

void mv_quitting_draw(const struct mv_context *ctx, struct mv_canvas *c, int y)
{
	static const struct {
		struct mv_clean key, words;
	} answers[] = {{{"y"}, {"end it"}}, {{"l"}, {"leave it running"}}, {{"Esc"}, {"go on looking"}}};
	struct mv_build b;
	int x = 1;

	mv_build_init(&b);
	build_name(&b, ctx, ctx->command->pid);
	mv_build_fmt(&b, "%d still runs:  ", ctx->command->pid);
	x += mv_canvas_build(c, y, x, -1, ROLE_ALERT, &b);
	for (size_t i = 0; i < MV_COUNT_OF(answers); i++) {
		x += mv_canvas_text(c, y, x, -1, ROLE_KEY, answers[i].key) + 1;
		x += mv_canvas_text(c, y, x, -1, ROLE_KEY_TEXT, answers[i].words) + 2;
	}
}

/* A view's own question: any key but y lets it be. */
void mv_confirm_draw(const struct mv_build *prompt, struct mv_canvas *c, int y)
{
	int x = 1 + mv_canvas_build(c, y, 1, c->cols - 20, ROLE_ALERT, prompt) + 1;

	x += mv_canvas_text(c, y, x, -1, ROLE_KEY, MV_TEXT("y")) + 1;
	x += mv_canvas_text(c, y, x, -1, ROLE_KEY_TEXT, MV_TEXT("yes")) + 1;
	x += mv_canvas_text(c, y, x, -1, ROLE_KEY, MV_TEXT("Esc")) + 1;
	mv_canvas_text(c, y, x, -1, ROLE_KEY_TEXT, MV_TEXT("no"));
}
