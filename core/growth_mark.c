/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/growth_private.h"

/* The baseline: what there was when it was marked. */

static void mark_track(struct track *t, const struct mv_snapshot *s)
{
	struct mv_val pss = mv_snapshot_field(s, t->index, MV_SMAPS_PSS);
	struct mv_growth_amounts a = growth_amounts_of(s, t->index);

	t->pub.marked = true;
	t->pub.mark_start = t->pub.start;
	t->pub.mark_end = t->pub.end;
	t->pub.mark = a.have & 1u << MV_GROWTH_RSS ? a : t->pub.now;
	t->pub.mark_pss = pss.value * 1024;
	t->pub.mark_pss_have = mv_have(&pss);
	t->pub.mark_dirty = a.value[MV_GROWTH_DIRTY];
	t->pub.mark_dirty_have = a.have >> MV_GROWTH_DIRTY & 1u;
}

void mv_growth_mark(struct mv_growth *g, const struct mv_snapshot *s, uint64_t now_ns, uint64_t real_ns)
{
	bool same = s->mappings.count && s->maps_gen == g->maps_gen;

	g->mark = (struct mv_growth_mark){.set = true, .at_ns = now_ns, .real_ns = real_ns};
	g->mark.at_s = now_ns > g->base_ns && g->base_ns ? (double)(now_ns - g->base_ns) / 1e9 : 0;
	g->process.pub.marked = true;
	g->process.pub.mark = g->process.pub.now;
	for (uint32_t i = 0; i < g->count; i++) {
		if (same) {
			mark_track(&g->tracks[i], s);
			continue;
		}
		g->tracks[i].pub.marked = g->tracks[i].seen;
		g->tracks[i].pub.mark_start = g->tracks[i].pub.start;
		g->tracks[i].pub.mark_end = g->tracks[i].pub.end;
		g->tracks[i].pub.mark = g->tracks[i].pub.now;
	}
	page_marks_clear(&g->pages);
	page_marks_feed(&g->pages, s);
}

const struct mv_growth_mark *mv_growth_marked(const struct mv_growth *g)
{
	return &g->mark;
}

struct mv_range mv_growth_pages_todo(const struct mv_growth *g, struct mv_range range, uint64_t now_ns)
{
	if (!g->mark.set || now_ns > g->mark.at_ns + MV_GROWTH_MARK_NS)
		return (struct mv_range){0, 0};
	return page_marks_todo(&g->pages, range);
}

struct mv_growth_pages mv_growth_pages_at(const struct mv_growth *g, struct mv_range range)
{
	return page_marks_at(&g->pages, range);
}

struct mv_growth_pages mv_growth_pages_then(const struct mv_growth *g, const struct mv_growth_track *track,
					    struct mv_range range)
{
	uint64_t bytes = g->page_bytes ? g->page_bytes : 4096, start = range.start, end = range.end;
	struct mv_growth_pages pages = {0};

	if (track->marked) {
		start = start > track->mark_start ? start : track->mark_start;
		end = end < track->mark_end ? end : track->mark_end;
	}
	if (!track->marked || start >= end)
		return (struct mv_growth_pages){.known = (range.end - range.start) / bytes};
	pages = page_marks_at(&g->pages, (struct mv_range){start, end});
	pages.known += (range.end - range.start - (end - start)) / bytes;
	return pages;
}
