/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_header.h"
#include "tui/widget.h"

/* How the items of a header share a line. */

#define SPARK_SMALL 5
#define NAME_ENOUGH 24 /* columns of a process's name beside all figures */
#define NAME_LEAST  4  /* columns of a process's name beside the chip */

struct mv_header_item *mv_header_add(struct mv_header_line *line, struct mv_clean label, int give_up)
{
	struct mv_header_item *item = &line->items[line->count++];

	memset(item, 0, sizeof(*item));
	item->label = label;
	item->give_up = give_up;
	item->role = ROLE_STRONG;
	item->extra_role = ROLE_TEXT;
	mv_build_init(&item->value);
	mv_build_init(&item->extra);
	return item;
}

void mv_header_add_own(struct mv_header_line *line, const struct mv_context *ctx)
{
	struct mv_header_item *item;

	if (ctx->own_cpu_percent < 0)
		return;
	item = mv_header_add(line, MV_TEXT("memview"), 11);
	item->role = ROLE_DIM;
	mv_build_fmt(&item->value, "%.1f%%", ctx->own_cpu_percent);
	if (ctx->own_bytes) {
		mv_build_clean(&item->value, MV_TEXT(" "));
		mv_build_size(&item->value, ctx->own_bytes);
	}
}

static int width_of_build(const struct mv_build *b, unsigned at_least)
{
	unsigned w = mv_clean_width(mv_build_text(b));

	return (int)(w < at_least ? at_least : w);
}

static int width_of_value(const struct mv_header_item *item)
{
	int w = width_of_build(&item->value, item->value_cols);

	return item->value_most && w > (int)item->value_most ? (int)item->value_most : w;
}

static int width_of(const struct mv_header_item *item)
{
	int label = (int)mv_clean_width(item->label);
	int value = width_of_value(item);
	int extra = width_of_build(&item->extra, item->extra_cols);

	return label + (label && value ? 1 : 0) + value + (extra ? 1 + extra : 0) +
	       (item->spark ? 1 + item->spark : 0);
}

int mv_header_line_width(const struct mv_header_line *line)
{
	int w = 0;

	for (size_t i = 0; i < line->count; i++)
		if (!line->items[i].off)
			w += width_of(&line->items[i]) + (w ? 2 : 0);
	return w;
}

static void shrink_sparks(struct mv_header_line *line, int cols)
{
	for (size_t i = 0; i < line->count; i++)
		if (line->items[i].spark > cols)
			line->items[i].spark = cols;
}

static bool drop_one(struct mv_header_line *line, int above)
{
	struct mv_header_item *worst = NULL;

	for (size_t i = 0; i < line->count; i++) {
		struct mv_header_item *item = &line->items[i];

		if (!item->off && item->give_up > above && (!worst || item->give_up > worst->give_up))
			worst = item;
	}
	if (worst)
		worst->off = true;
	return worst != NULL;
}

/* Cut the process's name by what is too much, down to at_least columns. */
static void shorten_name(struct mv_header_line *line, int cols, int at_least)
{
	int over = mv_header_line_width(line) - cols;

	for (size_t i = 0; i < line->count && over > 0; i++) {
		struct mv_header_item *item = &line->items[i];
		int w = width_of_value(item);

		if (item->role == ROLE_TITLE && !item->off && w > at_least)
			item->value_most = (unsigned)(w - over > at_least ? w - over : at_least);
	}
}

void mv_header_fit(struct mv_header_line *line, int cols)
{
	while (mv_header_line_width(line) > cols && drop_one(line, 10))
		;
	if (mv_header_line_width(line) > cols)
		shrink_sparks(line, SPARK_SMALL);
	shorten_name(line, cols, NAME_ENOUGH);
	while (mv_header_line_width(line) > cols && drop_one(line, 4))
		;
	if (mv_header_line_width(line) > cols)
		shrink_sparks(line, 0);
	while (mv_header_line_width(line) > cols && drop_one(line, 0))
		;
	for (size_t i = 0; i < line->count && mv_header_line_width(line) > cols; i++) {
		if (line->items[i].role == ROLE_TITLE)
			continue;
		mv_build_init(&line->items[i].extra);
		line->items[i].extra_cols = 0;
		line->items[i].value_cols = 0;
	}
	shorten_name(line, cols, NAME_LEAST);
}

/* Where even a short name is too much: the number alone, then nothing but the figure. */
void mv_header_fit_hard(struct mv_header_line *line, int cols)
{
	for (size_t i = 0; i < line->count && mv_header_line_width(line) > cols; i++) {
		struct mv_header_item *item = &line->items[i];

		if (item->role != ROLE_TITLE || item->off)
			continue;
		item->value = item->extra;
		item->value_most = 0;
		mv_build_init(&item->extra);
	}
	while (mv_header_line_width(line) > cols && drop_one(line, MV_HEADER_KEEP))
		;
	for (size_t i = 0; i < line->count && mv_header_line_width(line) > cols; i++)
		line->items[i].label = MV_TEXT("");
	for (size_t i = 0; i < line->count && mv_header_line_width(line) > cols; i++) {
		/* No figure rather than the half of one. */
		line->items[i].value_cols = 0;
		mv_build_init(&line->items[i].value);
		mv_build_clean(&line->items[i].value, MV_TEXT("…"));
	}
}

void mv_header_line_draw(const struct mv_header_line *line, struct mv_canvas *c, int y, int x, int end)
{
	for (size_t i = 0; i < line->count && x < end; i++) {
		const struct mv_header_item *item = &line->items[i];
		int at = x;

		if (item->off)
			continue;
		at += mv_canvas_text(c, y, at, end - at, ROLE_LABEL, item->label);
		if (at > x && item->value.len)
			at++;
		if (at < end)
			mv_canvas_build(c, y, at,
					width_of_value(item) < end - at ? width_of_value(item) : end - at,
					item->role, &item->value);
		at += width_of_value(item);
		int extra = width_of_build(&item->extra, item->extra_cols);
		if (extra && item->role == ROLE_TITLE) /* name and number are one */
			mv_canvas_text(c, y, at, 1, ROLE_TITLE, MV_TEXT(" "));
		if (extra && at + 1 < end)
			mv_canvas_build(c, y, at + 1, end - at - 1, item->extra_role, &item->extra);
		at += extra ? extra + 1 : 0;
		if (item->spark && item->series && at + 1 + item->spark <= end)
			mv_spark_draw(c, y, at + 1, item->spark, item->spark_role, item->series,
				      item->floor_zero);
		x += width_of(item) + 2;
	}
}
