/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_pages_draw.h"

/* Pages against the mark: which are there now and were not then. What was where then, core/growth remembers.
 */

bool mv_pages_mark_want(const struct mv_pages *p, const struct mv_context *ctx, struct mv_want *want)
{
	const struct mv_growth *growth = mv_delta_growth(ctx->delta);
	const struct mv_mapping *maps;
	uint32_t first, count;
	uint64_t room = MV_GROWTH_MARK_PAGES;

	if (!ctx->snap || !p->known || p->gone || !p->page_bytes)
		return false;
	maps = mv_snapshot_mappings(ctx->snap);
	first = p->whole ? 0 : p->index;
	count = p->whole ? mv_snapshot_count(ctx->snap) : p->index + 1;
	want->spans_count = 0;
	for (uint32_t i = first; i < count && count <= mv_snapshot_count(ctx->snap) && room; i++) {
		const struct mv_tally *tally = mv_snapshot_tally(ctx->snap, i);
		struct mv_range todo = {maps[i].start, maps[i].end};

		/* Of all mappings together only those that have pages. */
		if (never_read(ctx->snap, i) || (p->whole && tally && !mv_tally_present(tally)))
			continue;
		todo = mv_growth_pages_todo(growth, todo, ctx->now_ns);
		if (todo.end > todo.start + room * p->page_bytes)
			todo.end = todo.start + room * p->page_bytes;
		if (todo.start >= todo.end)
			continue;
		room -= (todo.end - todo.start) / p->page_bytes;
		want->spans[want->spans_count++] = todo;
		if (want->spans_count == MV_WANT_SPANS)
			break;
	}
	want->cell_pages = 1;
	return want->spans_count > 0;
}

static const struct mv_growth_track *track_of(const struct mv_context *ctx, uint32_t mapping)
{
	return mv_growth_find(mv_delta_growth(ctx->delta), mv_snapshot_mappings(ctx->snap)[mapping].start);
}

void mv_pages_mark_row(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c, int y,
		       const struct mv_pages_row *row, const struct mv_grid_cell *cells, uint32_t count)
{
	const struct mv_growth *growth = mv_delta_growth(ctx->delta);
	const struct mv_growth_track *track = track_of(ctx, row->mapping);
	uint64_t bytes = mv_pages_cell_bytes(p);
	int x = p->geo.grid_x;

	for (uint32_t i = 0; i < count; i++, x += p->geo.cell_cols) {
		struct mv_range range = {row->range.start + i * bytes, row->range.start + (i + 1) * bytes};
		uint64_t present = mv_tally_present(&cells[i].tally);
		struct mv_growth_pages then = {0};

		range.end = range.end > row->range.end ? row->range.end : range.end;
		if (!(cells[i].flags & MV_GRID_READ))
			continue;
		if (track)
			then = mv_growth_pages_then(growth, track, range);
		bool unknown = then.known < cells[i].pages && present > then.present;
		bool fresh = !unknown && present > then.present;
		struct mv_rect at = {y, x, 1, p->geo.cell_cols};
		mv_canvas_role(c, at, unknown ? ROLE_WARN : fresh ? ROLE_NEW : ROLE_DIM);
		/* What a colour says needs a glyph where there is none. */
		if (unknown)
			mv_canvas_glyph(c, y, x, ROLE_WARN, U'?');
		else if (fresh && (c->mono || c->ascii))
			mv_canvas_glyph(c, y, x, ROLE_NEW, U'+');
	}
}

/* "present +1,234 since": all of what is shown, where all of it is known. */
static void put_sum(const struct mv_pages *p, const struct mv_context *ctx, struct mv_pages_pen *pen)
{
	const struct mv_tally *tally = p->whole ? NULL : mv_snapshot_tally(ctx->snap, p->index);
	const struct mv_growth_track *track =
	    p->index < mv_snapshot_count(ctx->snap) ? track_of(ctx, p->index) : NULL;
	struct mv_build b;

	if (!tally || !track)
		return;
	const struct mv_mapping *m = &mv_snapshot_mappings(ctx->snap)[p->index];
	struct mv_growth_pages then =
	    mv_growth_pages_then(mv_delta_growth(ctx->delta), track, (struct mv_range){m->start, m->end});
	if (then.known < mv_mapping_pages(m, ctx->snap->page_bytes))
		return;
	uint64_t now = mv_tally_present(tally);
	mv_build_init(&b);
	mv_build_clean(&b, now < then.present ? MV_TEXT("present -") : MV_TEXT("present +"));
	mv_build_count(&b, now < then.present ? then.present - now : now - then.present);
	pen_build_whole(pen, ROLE_STRONG, &b);
}

void mv_pages_mark_legend(const struct mv_pages *p, const struct mv_context *ctx, struct mv_canvas *c, int y,
			  int x, int end)
{
	const struct mv_growth_mark *mark = mv_against(ctx);
	struct mv_pages_pen pen = {c, y, x, end};
	bool glyph = c->mono || c->ascii;
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("against the mark of "));
	mv_clock_build(&b, mark->real_ns);
	mv_build_clean(&b, MV_TEXT("  "));
	pen_build(&pen, ROLE_WARN, &b);
	if (p->marking) {
		pen_text(&pen, ROLE_WARN, MV_TEXT("remembering what is there"));
		return;
	}
	pen_key(&pen, ROLE_NEW, glyph ? U'+' : U'█', '+', MV_TEXT("new since"));
	pen_key(&pen, ROLE_DIM, U'█', '#', MV_TEXT("there then"));
	pen_key(&pen, ROLE_WARN, U'?', '?',
		mark->pages_short ? MV_TEXT("too many to know") : MV_TEXT("not known (m here)"));
	put_sum(p, ctx, &pen);
}
