/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/text.h"
#include "tui/view_files.h"

/* Files in RAM: its drawing, and what `w` says. */

static struct mv_val whole_or_part(const struct mv_cached_file *f)
{
	return f->read_ns ? f->cached.cached : mv_val_missing(MV_WHY_NOT_READ);
}

/* Cached pages against the file's size; a line where what the process maps of it ends. */
static void draw_bar(struct mv_canvas *c, int y, const struct mv_column *col, const struct mv_snapshot *snap,
		     const struct mv_cached_file *f)
{
	const uint64_t page = snap->page_bytes;
	uint64_t size, mapped;

	if (!col->w || !mv_have(&f->size_bytes) || !mv_have(&f->cached.cached) || !f->size_bytes.value)
		return;
	size = (f->size_bytes.value + page - 1) / page * page;
	mapped = f->mapped_bytes < size ? f->mapped_bytes : size;
	mv_canvas_fill(c, (struct mv_rect){y, col->x, 1, col->w}, ROLE_GAP, c->ascii ? U'.' : U'·');
	if (f->cached.cached.value) {
		/* Only the cells that hold any: the ground shows how large the file is. */
		int cells = (int)((f->cached.cached.value * page * (uint64_t)col->w + size - 1) / size);

		cells = cells < 1 ? 1 : cells > col->w ? col->w : cells;
		mv_bar_draw(c, y, col->x, cells, ROLE_PAGE_FILE,
			    f->cached.cached.value * page * (uint64_t)col->w, size * (uint64_t)cells);
	}
	int at = (int)(mapped * (uint64_t)col->w / size);
	mv_canvas_glyph2(c, y, col->x + (at < col->w ? at : col->w - 1), ROLE_KEY, U'┃', '|');
}

static void draw_row(const struct files_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		     const struct mv_column *columns, uint32_t row)
{
	const struct mv_cached_file *f = files_row(v, ctx->snap, row);
	const struct mv_clean name = mv_snapshot_name(ctx->snap, f->mapping);
	struct mv_build b;

	if (columns[FILE_NAME].w)
		mv_canvas_text(c, y, columns[FILE_NAME].x, columns[FILE_NAME].w, ROLE_TEXT,
			       (int)mv_clean_width(name) > columns[FILE_NAME].w ? mv_words_base(name) : name);
	for (int i = FILE_SIZE; i < FILE__COLUMNS; i++) {
		struct mv_val value = files_value(ctx->snap, f, (enum file_column)i);

		if (i == FILE_BAR) {
			draw_bar(c, y, &columns[i], ctx->snap, f);
		} else if (i == FILE_SHARE) {
			mv_build_init(&b);
			if (mv_have(&value))
				mv_build_fmt(&b, value.value >= 1000 || value.value == 0 ? "%.0f" : "%.1f",
					     (double)value.value / 100);
			else
				mv_build_clean(&b, MV_TEXT("-"));
			mv_cell_put(c, y, &columns[i], mv_have(&value) && value.value ? ROLE_TEXT : ROLE_DIM,
				    &b);
		} else {
			mv_cell_size(c, y, &columns[i],
				     i == FILE_CACHED			      ? ROLE_STRONG
				     : i == FILE_DIRTY || i == FILE_WRITEBACK ? ROLE_WARN
									      : ROLE_TEXT,
				     value, ctx->exact);
		}
	}
	if (row == v->at)
		mv_cell_cursor(c, y, v->table, true);
}

static void draw_table(const struct files_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_column columns[FILE__COLUMNS] = {
#define X(id, words, wide, least, gives_up) \
	[FILE_##id] = {.heading = {words}, \
		       .width = wide, \
		       .min_width = least, \
		       .give_up = gives_up, \
		       .right = FILE_##id != FILE_NAME && FILE_##id != FILE_BAR, \
		       .on = true},
		FILE_COLUMNS(X)
#undef X
	};

	for (int i = FILE_SIZE; ctx->exact && i < FILE__COLUMNS; i++)
		if (i != FILE_SHARE && i != FILE_BAR)
			columns[i].width = 14;
	mv_table_layout(columns, FILE__COLUMNS, v->table.cols, FILE_NAME);
	for (int i = 0; i < FILE__COLUMNS; i++)
		columns[i].x += v->table.x;
	if (v->headings_y >= 0)
		mv_table_headings(c, v->headings_y, columns, FILE__COLUMNS, v->sort, v->reverse);
	for (int i = 0; i < v->table.rows && v->top + (uint32_t)i < v->count; i++)
		draw_row(v, ctx, c, v->table.y + i, columns, v->top + (uint32_t)i);
}

/* "312M of 25 files is in the page cache; the process maps 41M of them, 12M resident" */
static void draw_total(const struct files_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct files_sum *s = &v->sum;
	struct mv_pages_pen pen = {c, v->total_y, v->area.x + 1, v->area.x + v->area.cols - 1};
	struct mv_build b;

	if (v->total_y < 0)
		return;
	if (s->told) {
		mv_build_init(&b);
		mv_size_build(&b, s->cached, ctx->exact);
		pen_build(&pen, ROLE_STRONG, &b);
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT(" of "));
		mv_build_count(&b, s->told);
		mv_build_clean(&b, s->told == 1 ? MV_TEXT(" file") : MV_TEXT(" files"));
		pen_build(&pen, ROLE_TEXT, &b);
		pen_text(&pen, ROLE_LABEL,
			 pen.end - pen.x > 50 ? MV_TEXT(" is in the page cache; the process maps ")
					      : MV_TEXT(" in RAM; maps "));
	} else {
		pen_text(&pen, ROLE_LABEL,
			 pen.end - pen.x > 50
			     ? MV_TEXT("what of them is in the page cache is not told; the process maps ")
			     : MV_TEXT("cache not told; maps "));
	}
	mv_build_init(&b);
	mv_size_build(&b, s->mapped, ctx->exact);
	pen_build(&pen, ROLE_STRONG, &b);
	if (s->resident_told) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT(", "));
		mv_size_build(&b, s->resident, ctx->exact);
		mv_build_clean(&b, MV_TEXT(" resident"));
		pen_build_whole(&pen, ROLE_TEXT, &b);
	}
	if (s->dirty_told && (s->dirty || s->writeback)) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("; "));
		mv_size_build(&b, s->dirty, ctx->exact);
		mv_build_clean(&b, MV_TEXT(" to be written"));
		pen_build_whole(&pen, ROLE_WARN, &b);
	}
}

/* What must be known of it: files that are not told, or not yet. */
static void draw_path(const struct files_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct files_sum *s = &v->sum;
	struct mv_pages_pen pen = {c, v->path_y, v->area.x + 1, v->area.x + v->area.cols - 1};
	struct mv_build b;

	(void)ctx;
	if (v->path_y < 0)
		return;
	mv_build_init(&b);
	if (s->unread) {
		mv_build_clean(&b, MV_TEXT("reading: "));
		mv_build_count(&b, s->files - s->unread);
		mv_build_clean(&b, MV_TEXT(" of "));
		mv_build_count(&b, s->files);
		pen_build(&pen, ROLE_WARN, &b);
	} else if (s->refused) {
		mv_build_count(&b, s->refused);
		mv_build_clean(&b, s->refused == 1 ? MV_TEXT(" is not told: ") : MV_TEXT(" are not told: "));
		mv_build_clean(&b, mv_words(mv_why_text(s->why)));
		pen_build(&pen, ROLE_DIM, &b);
	} else if (v->count) {
		pen_glyph(&pen, ROLE_PAGE_FILE, U'█', '#');
		pen_text(&pen, ROLE_LABEL, MV_TEXT(" of the file in RAM, whoever read it   "));
		pen_glyph(&pen, ROLE_KEY, U'┃', '|');
		pen_text(&pen, ROLE_LABEL, MV_TEXT(" so much of it this process maps"));
	}
}

/* The selected file in full. */
static void draw_note(const struct files_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_cached_file *f = files_row(v, ctx->snap, v->at);
	struct mv_pages_pen pen = {c, v->note_y, v->area.x + 1, v->area.x + v->area.cols - 1};
	struct mv_val cached;
	struct mv_build b;

	if (v->note_y < 0 || !f)
		return;
	cached = whole_or_part(f);
	mv_build_init(&b);
	if (!mv_have(&cached)) {
		mv_build_why(&b, (enum mv_why)cached.why);
		pen_build(&pen, cached.why == MV_WHY_NOT_READ ? ROLE_DIM : ROLE_WARN, &b);
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("  "));
	}
	mv_build_count(&b, f->mappings);
	mv_build_clean(&b, f->mappings == 1 ? MV_TEXT(" mapping") : MV_TEXT(" mappings"));
	if (mv_have(&f->cached.evicted) && f->cached.evicted.value) {
		mv_build_clean(&b, MV_TEXT(", "));
		mv_build_count(&b, f->cached.evicted.value);
		mv_build_clean(&b, f->cached.evicted.value == 1 ? MV_TEXT(" page was evicted, ")
								: MV_TEXT(" pages were evicted, "));
		mv_build_count(&b, f->cached.recently_evicted.value);
		mv_build_clean(&b, MV_TEXT(" of them lately"));
	}
	if (f->read_ns && ctx->now_ns > f->read_ns + mv_old_ns(ctx)) {
		mv_build_clean(&b, MV_TEXT(", read "));
		mv_age_build(&b, ctx->now_ns - f->read_ns);
		mv_build_clean(&b, MV_TEXT(" ago"));
	}
	mv_build_clean(&b, MV_TEXT("  "));
	pen_build(&pen, ROLE_LABEL, &b);
	pen_text(&pen, ROLE_TEXT, mv_snapshot_name(ctx->snap, f->mapping));
}

static void draw_nothing(const struct files_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	int y = v->table.y + v->table.rows / 2;
	struct mv_clean advice = {""};
	struct mv_build b;

	mv_build_init(&b);
	if (!mv_words_nothing(ctx, MV_PART_MAPS, &b, &advice))
		mv_build_clean(&b, ctx->snap && ctx->snap->files_whole ? MV_TEXT("this process maps no file")
								       : MV_TEXT("reading ..."));
	int left = v->area.cols - (int)mv_clean_width(mv_build_text(&b));
	mv_canvas_build(c, y, v->area.x + (left > 0 ? left / 2 : 0), v->area.cols, ROLE_WARN, &b);
	left = v->area.cols - (int)mv_clean_width(advice);
	if (v->table.rows > 3)
		mv_canvas_text(c, y + 1, v->area.x + (left > 0 ? left / 2 : 0), v->area.cols, ROLE_DIM,
			       advice);
}

void files_draw(const struct files_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	if (v->header_rows)
		mv_header_draw(ctx, c, v->area);
	if (!ctx->snap || !v->count) {
		draw_nothing(v, ctx, c);
		return;
	}
	draw_total(v, ctx, c);
	draw_path(v, ctx, c);
	draw_table(v, ctx, c);
	draw_note(v, ctx, c);
}

bool files_meaning(const struct files_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m)
{
	static const struct {
		struct mv_clean title, formula, source, unit, note;
	} meanings[] = {
	    {{"cached"},
	     {"pages of the file in the page cache, times the page"},
	     {"cachestat(2) on the file that the mapping shows, Linux 6.5; else mincore(2) over a mapping of "
	      "our own"},
	     {"bytes"},
	     {"Whoever read or wrote it: it is there for all processes. Told by the kernel only to the "
	      "file's owner and to who may "
	      "write it. Reading it brings nothing in. Of shared memory and tmpfs: what is in RAM."}},
	    {{"%"}, {"cached / pages of the file"}, {"as above; fstat for the size"}, {"percent"}, {""}},
	    {{"mapped"},
	     {"bytes of the file that some mapping of this process shows; what two show counts once"},
	     {"/proc/PID/maps: offset, end - start"},
	     {"bytes"},
	     {"Mapped is not read: a page comes in when it is touched. May reach beyond the file's end, to a "
	      "whole page."}},
	    {{"resident"},
	     {"pages of the file in this process's page tables, times the page; private copies do not count"},
	     {"/proc/PID/pagemap by PAGEMAP_SCAN"},
	     {"bytes"},
	     {"The kernel maps neighbours of a touched page that are in the cache as well (fault-around)."}},
	    {{"dirty"},
	     {"cached pages that were changed since they were written out"},
	     {"cachestat(2)"},
	     {"bytes"},
	     {"Not told by mincore. They can be freed only once they are written."}},
	    {{"writeback"},
	     {"cached pages that are being written out"},
	     {"cachestat(2)"},
	     {"bytes"},
	     {"Not told by mincore."}},
	    {{"evicted"},
	     {"pages that were in the cache and whose eviction the kernel still remembers; lately: so short "
	      "a time ago that with more "
	      "RAM they would still be there"},
	     {"cachestat(2)"},
	     {"pages"},
	     {""}},
	};

	(void)v;
	if (n < MV_COUNT_OF(meanings)) {
		mv_words_meaning(m, meanings[n].title, meanings[n].formula, meanings[n].source,
				 meanings[n].unit, meanings[n].note);
		return true;
	}
	return mv_header_meaning(ctx, n - (unsigned)MV_COUNT_OF(meanings), m);
}
