/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/text.h"
#include "tui/widget.h"

/*
 * The address space in one line. True to scale, nearly all of it is gaps: 64-bit processes use a millionth of
 * their addresses. Evened out, the few largest gaps shrink to their names, and the mappings share the rest by
 * the square root of their sizes, so that libc can still be seen beside a heap of a gigabyte.
 */

#define GAPS_MAX      12
#define GAP_MIN_BYTES (UINT64_C(64) << 20)
#define KERNEL_HALF   (UINT64_C(1) << 63)
#define COLS_PER_GAP  14 /* a named gap is worth it only with so much room beside it */

/* A gap below mapping `before`. */
struct gap {
	uint64_t bytes;
	uint32_t before;
	int cols;
};
struct gaps {
	struct gap at[GAPS_MAX]; /* ascending by address at the end */
	int count, cols;
};

static int gap_cols(uint64_t bytes)
{
	char text[8];

	return (int)mv_text_size(text, bytes) + 2;
}

static void keep_largest(struct gaps *gaps, int max, uint64_t bytes, uint32_t before)
{
	int at = gaps->count;

	if (gaps->count == max) {
		if (max == 0 || gaps->at[max - 1].bytes >= bytes)
			return;
		at = max - 1;
	} else {
		gaps->count++;
	}
	for (; at > 0 && gaps->at[at - 1].bytes < bytes; at--)
		gaps->at[at] = gaps->at[at - 1];
	gaps->at[at] = (struct gap){.bytes = bytes, .before = before, .cols = gap_cols(bytes)};
}

static void find_gaps(const struct mv_mapping *maps, uint32_t count, int cols, struct gaps *gaps)
{
	int max = cols / COLS_PER_GAP;

	max = max > GAPS_MAX ? GAPS_MAX : max;
	gaps->count = gaps->cols = 0;
	for (uint32_t i = 1; i < count; i++) {
		uint64_t bytes = maps[i].start - maps[i - 1].end;

		if (bytes >= GAP_MIN_BYTES)
			keep_largest(gaps, max, bytes, i);
	}
	for (int i = 1; i < gaps->count; i++) {
		struct gap g = gaps->at[i];
		int at = i;

		for (; at > 0 && gaps->at[at - 1].before > g.before; at--)
			gaps->at[at] = gaps->at[at - 1];
		gaps->at[at] = g;
	}
	for (int i = 0; i < gaps->count; i++)
		gaps->cols += gaps->at[i].cols;
}

static double weight_of(const struct mv_mapping *m)
{
	return sqrt((double)(m->end - m->start));
}

/* One mapping over cells [from, to): each cell gets its part of the addresses. */
static void spread(const struct mv_mapping *m, uint32_t index, struct mv_strip_cell *cells, int from, int to)
{
	uint64_t bytes = m->end - m->start, n = (uint64_t)(to - from);

	for (int x = from; x < to; x++) {
		uint64_t k = (uint64_t)(x - from);

		cells[x] = (struct mv_strip_cell){.first = index,
						  .start = m->start + bytes / n * k,
						  .end = k + 1 == n ? m->end : m->start + bytes / n * (k + 1),
						  .boundary = x == from};
	}
}

/* Many more cells than mappings: each gets one, the rest goes by weight. */
static int lay_evenly(const struct mv_mapping *maps, uint32_t from, uint32_t to, struct mv_strip_cell *cells,
		      int x, double *sum, double all, int spare)
{
	for (uint32_t i = from; i < to; i++) {
		int before = (int)(*sum / all * spare);

		*sum += weight_of(&maps[i]);
		int n = 1 + (int)(*sum / all * spare) - before;
		spread(&maps[i], i, cells, x, x + n);
		x += n;
	}
	return x;
}

/* How mappings share the cells. */
enum crowd {
	CROWD_NONE,  /* each gets one, the rest goes by the square root of its size */
	CROWD_SOME,  /* by the square root of its size: small ones share a cell */
	CROWD_DENSE, /* more mappings than cells: segments by the square root, inside them by size */
};

static double share_of(const struct mv_mapping *m, enum crowd crowd)
{
	return crowd == CROWD_DENSE ? (double)(m->end - m->start) : weight_of(m);
}

/* A segment's n cells, equally much of its mappings' shares in each; gaps between them are left out. */
static void lay_crowded(const struct mv_mapping *maps, uint32_t from, uint32_t to,
			struct mv_strip_cell *cells, int n, enum crowd crowd)
{
	double all = 0, base = 0; /* base: shares of the segment before maps[i] */
	uint32_t i = from;

	for (uint32_t j = from; j < to; j++)
		all += share_of(&maps[j], crowd);
	for (int k = 0; k < n; k++) {
		double low = all * k / n, high = k + 1 == n ? all : all * (k + 1) / n, most = 0;

		for (;; i++) {
			double share = share_of(&maps[i], crowd), end = base + share;
			double a = base > low ? base : low, b = end < high ? end : high;
			double bytes = (double)(maps[i].end - maps[i].start);

			if (b > a && most == 0)
				cells[k].start = maps[i].start + (uint64_t)((a - base) / share * bytes);
			if (b > a)
				cells[k].end = b >= end
						   ? maps[i].end
						   : maps[i].start + (uint64_t)((b - base) / share * bytes);
			if (b - a > most) {
				most = b - a;
				cells[k].first = i;
			}
			if (end > high || i + 1 == to)
				break;
			base = end;
		}
		cells[k].boundary = k == 0 || cells[k].first != cells[k - 1].first;
	}
}

static double segment_weight(const struct mv_mapping *maps, uint32_t from, uint32_t to, enum crowd crowd)
{
	double sum = 0;

	for (uint32_t i = from; i < to; i++)
		sum += share_of(&maps[i], crowd);
	return crowd == CROWD_DENSE ? sqrt(sum) : sum;
}

static void lay_gap(const struct mv_mapping *maps, const struct gap *gap, struct mv_strip_cell *cells, int x)
{
	for (int i = 0; i < gap->cols; i++)
		cells[x + i] = (struct mv_strip_cell){.first = UINT32_MAX,
						      .start = maps[gap->before - 1].end,
						      .end = maps[gap->before].start,
						      .boundary = i == 0};
}

static void layout_even(const struct mv_mapping *maps, uint32_t count, int cols, struct mv_strip_cell *cells)
{
	struct gaps gaps;
	double all = 0, sum = 0;
	int x = 0;

	find_gaps(maps, count, cols, &gaps);
	int room = cols - gaps.cols;
	enum crowd crowd = count > (uint32_t)room	? CROWD_DENSE
			   : count > (uint32_t)room / 3 ? CROWD_SOME
							: CROWD_NONE;
	/* Segments are what lies between named gaps; each needs a cell at least. */
	int spare = room - (crowd == CROWD_NONE ? (int)count : gaps.count + 1);
	for (int s = 0; s <= gaps.count; s++)
		all += segment_weight(maps, s ? gaps.at[s - 1].before : 0,
				      s < gaps.count ? gaps.at[s].before : count, crowd);
	for (int s = 0; s <= gaps.count; s++) {
		uint32_t from = s ? gaps.at[s - 1].before : 0,
			 to = s < gaps.count ? gaps.at[s].before : count;

		if (crowd == CROWD_NONE) {
			x = lay_evenly(maps, from, to, cells, x, &sum, all, spare);
		} else {
			int before = (int)(sum / all * spare);

			sum += segment_weight(maps, from, to, crowd);
			int n = 1 + (int)(sum / all * spare) - before;
			lay_crowded(maps, from, to, cells + x, n, crowd);
			x += n;
		}
		if (s < gaps.count) {
			lay_gap(maps, &gaps.at[s], cells, x);
			x += gaps.at[s].cols;
		}
	}
	/* Rounding may leave the last cell: it belongs to the last mapping. */
	for (; x > 0 && x < cols; x++) {
		cells[x] = cells[x - 1];
		cells[x].boundary = false;
	}
}

static void layout_to_scale(const struct mv_mapping *maps, uint32_t count, int cols,
			    struct mv_strip_cell *cells)
{
	uint64_t low = maps[0].start, span = maps[count - 1].end - low;
	uint32_t i = 0;

	for (int x = 0; x < cols; x++) {
		struct mv_strip_cell *cell = &cells[x];
		uint64_t most = 0;

		*cell = (struct mv_strip_cell){.first = UINT32_MAX};
		cell->start = low + (uint64_t)((unsigned __int128)span * (unsigned)x / (unsigned)cols);
		cell->end = low + (uint64_t)((unsigned __int128)span * ((unsigned)x + 1) / (unsigned)cols);
		while (i < count && maps[i].end <= cell->start)
			i++;
		for (uint32_t j = i; j < count && maps[j].start < cell->end; j++) {
			uint64_t from = maps[j].start > cell->start ? maps[j].start : cell->start;
			uint64_t to = maps[j].end < cell->end ? maps[j].end : cell->end;

			if (to - from > most) {
				most = to - from;
				cell->first = j;
			}
			/* The next cell begins with the last mapping that reaches into it. */
			i = j;
		}
		cell->boundary = x == 0 || (cells[x - 1].first == UINT32_MAX) != (cell->first == UINT32_MAX);
	}
}

void mv_strip_layout(const struct mv_snapshot *snap, int cols, bool to_scale, struct mv_strip_cell *cells)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);
	uint32_t count = mv_snapshot_count(snap);

	if (cols < 1)
		return;
	for (int x = 0; x < cols; x++)
		cells[x] = (struct mv_strip_cell){.first = UINT32_MAX};
	/* vsyscall lies half the address space away and is nobody's memory. */
	while (count && maps[count - 1].start >= KERNEL_HALF)
		count--;
	if (!count)
		return;
	if (to_scale)
		layout_to_scale(maps, count, cols, cells);
	else
		layout_even(maps, count, cols, cells);
}

/* ---- drawing ---- */

static bool same_run(const struct mv_strip_cell *a, const struct mv_strip_cell *b)
{
	if (a->first != b->first)
		return false;
	return a->first != UINT32_MAX || (a->start == b->start && a->end == b->end) || !b->boundary;
}

/* "libc.so.6" of a path, "heap" of "[heap]", else the kind. */
static struct mv_clean short_name(const struct mv_snapshot *snap, uint32_t i, char *buf, size_t cap)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[i];
	const char *text = mv_snapshot_name(snap, i).text;
	const char *slash = strrchr(text, '/');

	if (m->flags & MV_MAPPING_FILE && slash && slash[1])
		return mv_clean_trusted(slash + 1);
	if (text[0] == '[' && strlen(text) < cap) {
		size_t len = strcspn(text + 1, "]");

		memcpy(buf, text + 1, len);
		buf[len] = '\0';
		return mv_clean_trusted(buf);
	}
	return mv_clean_trusted(mv_kind_name((enum mv_kind)m->kind));
}

static void draw_gap(struct mv_canvas *c, int y, int x, int n, uint64_t bytes)
{
	struct mv_build b;

	mv_build_init(&b);
	mv_build_size(&b, bytes);
	int w = (int)mv_clean_width(mv_build_text(&b));

	for (int i = 0; i < n; i++)
		mv_canvas_glyph(c, y, x + i, ROLE_GAP, U' ');
	if (n >= w + 2) {
		mv_canvas_glyph2(c, y, x, ROLE_FRAME, U'│', '|');
		mv_canvas_glyph2(c, y, x + n - 1, ROLE_FRAME, U'│', '|');
		mv_canvas_build(c, y, x + (n - w) / 2, w, ROLE_GAP, &b);
	} else if (n >= w) {
		mv_canvas_build(c, y, x + (n - w) / 2, w, ROLE_GAP, &b);
	}
}

static void draw_fill(struct mv_canvas *c, int y, int x, int n, enum mv_role role,
		      const struct mv_snapshot *snap, uint32_t index)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[index];
	struct mv_val rss = mv_snapshot_rss(snap, index);
	uint64_t bytes = m->end - m->start;

	for (int i = 0; i < n; i++)
		mv_canvas_glyph2(c, y, x + i, role, U'·', '.');
	if (!mv_have(&rss)) {
		for (int i = 0; i < n; i++)
			mv_canvas_glyph2(c, y, x + i, role, U'░', ':');
	} else if (rss.value) {
		uint64_t part = rss.value > bytes ? bytes : rss.value;
		uint64_t eighths = (uint64_t)((unsigned __int128)part * (unsigned)n * 8 / bytes);
		int used;

		eighths = eighths ? eighths : 1;
		used = (int)((eighths + 7) / 8);
		mv_bar_draw(c, y, x, used, role, eighths, (uint64_t)used * 8);
	}
}

/* Over the middle of a run, where there is room for that. */
static void draw_label_inside(struct mv_canvas *c, int y, int x, int n, const struct mv_snapshot *snap,
			      uint32_t index)
{
	char buf[64];
	struct mv_clean name = short_name(snap, index, buf, sizeof(buf));
	int w = (int)mv_clean_width(name);

	if (n >= w + 4)
		mv_canvas_text(c, y, x + (n - w) / 2, w,
			       mv_role_of_kind(mv_snapshot_mappings(snap)[index].kind), name);
}

/* A file's mappings that lie together have one label. */
static bool same_label(const struct mv_snapshot *snap, const struct mv_strip_cell *a,
		       const struct mv_strip_cell *b)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);

	if (a->first == UINT32_MAX || b->first == UINT32_MAX)
		return a->first == b->first;
	return a->first == b->first ||
	       ((maps[a->first].flags & MV_MAPPING_FILE) && maps[a->first].object == maps[b->first].object);
}

/* Below the cells, at the start of what they name. */
static void draw_labels_below(struct mv_canvas *c, int y, int x, const struct mv_snapshot *snap,
			      const struct mv_strip_cell *cells, int cols)
{
	char buf[64];

	for (int at = 0, n; at < cols; at += n) {
		uint32_t first = cells[at].first;

		for (n = 1; at + n < cols && same_label(snap, &cells[at], &cells[at + n]); n++)
			;
		if (first == UINT32_MAX)
			continue;
		struct mv_clean name = short_name(snap, first, buf, sizeof(buf));
		if (n > 5 || (int)mv_clean_width(name) < n)
			mv_canvas_text(c, y, x + at, n - 1,
				       mv_role_of_kind(mv_snapshot_mappings(snap)[first].kind), name);
	}
}

static bool holds(const struct mv_strip_cell *cell, const struct mv_snapshot *snap, uint64_t selected)
{
	if (cell->first == UINT32_MAX)
		return false;
	return mv_snapshot_mappings(snap)[cell->first].start == selected ||
	       (selected >= cell->start && selected < cell->end);
}

/* On the cursor's ground. A full block would hide that, so it becomes one that shines through. */
static void mark(struct mv_canvas *c, struct mv_rect area, int x)
{
	const struct mv_cell *cell = mv_canvas_at(c, area.y, x);

	if (cell && cell->ch[0] == U'█')
		mv_canvas_glyph(c, area.y, x, (enum mv_role)cell->role, U'▓');
	mv_canvas_attr(c, (struct mv_rect){area.y, x, area.rows > 2 ? 2 : area.rows, 1}, MV_ATTR_CURSOR);
}

void mv_strip_draw(struct mv_canvas *c, struct mv_rect area, const struct mv_snapshot *snap,
		   const struct mv_strip_cell *cells, int cols, uint64_t selected)
{
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);

	cols = cols > area.cols ? area.cols : cols;
	for (int x = 0; x < cols && area.rows > 0;) {
		const struct mv_strip_cell *cell = &cells[x];
		int n = 1;

		while (x + n < cols && same_run(cell, &cells[x + n]))
			n++;
		if (cell->first == UINT32_MAX)
			draw_gap(c, area.y, area.x + x, n, cells[x + n - 1].end - cell->start);
		else
			draw_fill(c, area.y, area.x + x, n, mv_role_of_kind(maps[cell->first].kind), snap,
				  cell->first);
		if (cell->first != UINT32_MAX && area.rows == 1)
			draw_label_inside(c, area.y, area.x + x, n, snap, cell->first);
		x += n;
	}
	if (area.rows > 1)
		draw_labels_below(c, area.y + 1, area.x, snap, cells, cols);
	for (int x = 0; x < cols && selected; x++)
		if (holds(&cells[x], snap, selected))
			mark(c, area, area.x + x);
}
