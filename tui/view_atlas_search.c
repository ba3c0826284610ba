/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_atlas.h"

/* `e` and `E`: the next cell whose frames are used for something else, over any distance: one window of cells
 * after the other. */

/* The next window to look at; false: there is none. Holes are passed over. */
static bool plan(struct atlas_view *v)
{
	const uint64_t most = (uint64_t)ATLAS_WINDOW_CELLS * v->cell_frames;
	struct atlas_search *q = &v->search;

	for (uint32_t k = 0; k < v->segments_count; k++) {
		const struct atlas_segment *s = &v->segments[q->back ? v->segments_count - 1 - k : k];

		if (q->back ? s->start >= q->at : s->end <= q->at)
			continue;
		if (q->back) {
			q->end = q->at < s->end ? q->at : s->end;
			q->start = q->end - s->start > most ? q->end - most : s->start;
		} else {
			q->start = q->at > s->start ? q->at : s->start;
			q->end = s->end - q->start > most ? q->start + most : s->end;
		}
		return true;
	}
	return false;
}

bool atlas_search_start(struct atlas_view *v, const struct mv_context *ctx, bool back)
{
	const uint64_t at = v->cursor / v->cell_frames * v->cell_frames;
	const struct mv_atlas_cell *cell = ctx->machine ? atlas_cell_at(v, ctx->machine, at) : NULL;

	if (!cell || cell->use == MV_USE__N)
		return false;
	v->search = (struct atlas_search){
	    .on = true, .back = back, .use = cell->use, .at = back ? at : at + v->cell_frames};
	atlas_search_step(v, ctx);
	return true;
}

/* On through the cells that this picture tells. 1: found; 0: at the end of them; -1: what comes has not been
 * read yet. */
static int look(struct atlas_view *v, const struct mv_machine_snapshot *m)
{
	struct atlas_search *q = &v->search;

	while (q->back ? q->at > q->start : q->at < q->end) {
		const uint64_t at = q->back ? q->at - v->cell_frames : q->at;
		const struct mv_atlas_cell *cell = atlas_cell_at(v, m, at);

		if (!cell || cell->use == MV_USE__N)
			return -1;
		if (cell->use != q->use &&
		    (cell->use != MV_USE_NONE || atlas_is_ram(m, at, at + v->cell_frames))) {
			v->cursor = at;
			return 1;
		}
		q->at = q->back ? at : at + v->cell_frames;
	}
	return 0;
}

void atlas_search_step(struct atlas_view *v, const struct mv_context *ctx)
{
	struct atlas_search *q = &v->search;
	int r = 0;

	while (q->on && r == 0) {
		if (!plan(v)) {
			q->on = false;
			mv_build_init(&v->hint);
			mv_build_clean(&v->hint, MV_TEXT("no further change"));
			return;
		}
		if (!q->back && q->at < q->start)
			q->at = q->start;
		if (q->back && q->at > q->end)
			q->at = q->end;
		r = look(v, ctx->machine);
	}
	if (r > 0)
		q->on = false;
}
