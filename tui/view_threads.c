/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view.h"

static void draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas, struct mv_rect area)
{
	(void)state;
	(void)ctx;
	(void)canvas;
	(void)area;
}

static struct mv_outcome act(void *state, const struct mv_context *ctx, enum mv_action action, struct mv_input input)
{
	(void)state;
	(void)ctx;
	(void)action;
	(void)input;
	return (struct mv_outcome){.kind = MV_OUT_NONE};
}

const struct mv_view_ops mv_view_threads = {
    .id = MV_VIEW_THREADS,
    .letter = 'r',
    .name = {"Threads"},
    .draw = draw,
    .act = act,
};
