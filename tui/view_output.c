/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_private.h"

/*
 * What the COMMAND printed, line by line, cleaned: it can't reach the terminal raw. Follows the end until one
 * scrolls up. Lines are counted from the end, so that the picture stands still while the ring loses its
 * oldest.
 */

struct output_state {
	size_t back; /* lines between the last one shown and the end; 0 follows */
	size_t seen; /* lines at the last settle: what was added meanwhile is added to back */
	int rows;
};

static size_t count_lines(const struct mv_context *ctx)
{
	size_t lines = 0;
	const char *at = ctx->output, *end = at ? at + ctx->output_len : NULL;

	while (at && at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));

		lines++;
		at = nl ? nl + 1 : end;
	}
	return lines;
}

static int init(void *state, const struct mv_place *place)
{
	(void)state;
	(void)place;
	return 0;
}

static void settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct output_state *s = state;
	size_t lines = count_lines(ctx);

	s->rows = area.rows - 1 > 0 ? area.rows - 1 : area.rows;
	if (s->back && lines > s->seen)
		s->back += lines - s->seen;
	s->seen = lines;
	size_t most = lines > (size_t)s->rows ? lines - (size_t)s->rows : 0;
	s->back = s->back > most ? most : s->back;
}

/* A line as a terminal would leave it: without the CR of its CRLF, and only what follows an inner CR. */
static void trim(const char **at, size_t *len)
{
	const char *cr;

	while (*len && (*at)[*len - 1] == '\r')
		(*len)--;
	cr = memrchr(*at, '\r', *len);
	if (cr) {
		*len -= (size_t)(cr + 1 - *at);
		*at = cr + 1;
	}
}

/* Tabs to the next eighth column; the rest is cleaned. */
static void build_line(const char *at, size_t len, char *out, size_t cap)
{
	size_t used = 0;

	out[0] = '\0';
	while (len && used + 9 < cap) {
		const char *tab = memchr(at, '\t', len);
		size_t n = tab ? (size_t)(tab - at) : len;

		mv_clean_bytes(at, n, out + used, cap - used);
		used += strlen(out + used);
		if (tab) {
			unsigned to = (mv_clean_width(mv_clean_trusted(out)) / 8 + 1) * 8;

			while (used + 1 < cap && mv_clean_width(mv_clean_trusted(out)) < to) {
				out[used++] = ' ';
				out[used] = '\0';
			}
			n++;
		}
		at += n;
		len -= n;
	}
}

static void draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
		 struct mv_rect area)
{
	const struct output_state *s = state;
	int y = area.y;
	size_t first, line = 0;
	const char *at = ctx->output, *end = at ? at + ctx->output_len : NULL;
	char text[4096];

	if (area.rows > 1) {
		int x = area.x + 1;

		x += mv_canvas_text(canvas, y, x, -1, ROLE_TITLE, MV_TEXT("what the COMMAND printed")) + 3;
		mv_canvas_text(canvas, y, x, area.cols - x, ROLE_DIM,
			       s->back ? MV_TEXT("G follows the end again") : MV_TEXT("following the end"));
		y++;
	}
	if (!s->seen)
		mv_canvas_text(canvas, y, area.x + 1, -1, ROLE_DIM, MV_TEXT("nothing yet"));
	first = s->seen > (size_t)s->rows + s->back ? s->seen - (size_t)s->rows - s->back : 0;
	for (; at && at < end && line < first + (size_t)s->rows; line++) {
		const char *nl = memchr(at, '\n', (size_t)(end - at)), *next = nl ? nl + 1 : end;
		size_t len = (size_t)((nl ? nl : end) - at);

		if (line >= first) {
			trim(&at, &len);
			build_line(at, len, text, sizeof(text));
			mv_canvas_text(canvas, y + (int)(line - first), area.x + 1, area.cols - 1, ROLE_TEXT,
				       mv_clean_trusted(text));
		}
		at = next;
	}
}

static struct mv_outcome act(void *state, const struct mv_context *ctx, enum mv_action action,
			     struct mv_input input)
{
	struct output_state *s = state;
	size_t page = (size_t)(s->rows > 1 ? s->rows - 1 : 1);

	(void)input;
	switch (action) {
	case MV_ACT_UP:
		s->back++;
		break;
	case MV_ACT_DOWN:
		s->back -= s->back > 0;
		break;
	case MV_ACT_PAGE_UP:
		s->back += page;
		break;
	case MV_ACT_PAGE_DOWN:
		s->back -= s->back < page ? s->back : page;
		break;
	case MV_ACT_FIRST:
		s->back = s->seen;
		break;
	case MV_ACT_LAST:
		s->back = 0;
		break;
	case MV_ACT_LEFT:
	case MV_ACT_RIGHT:
		return (struct mv_outcome){.kind = MV_OUT_STAY};
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
	settle(s, ctx, (struct mv_rect){.rows = s->rows + 1});
	return (struct mv_outcome){.kind = MV_OUT_STAY};
}

const struct mv_view_ops mv_view_output = {
    .id = MV_VIEW_OUTPUT,
    .letter = 'o',
    .name = {"Output"},
    .state_bytes = sizeof(struct output_state),
    .init = init,
    .settle = settle,
    .draw = draw,
    .act = act,
};
