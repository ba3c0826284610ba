/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_files.h"

/* The files that a process maps, and how much of each is in RAM: state, rows, keys. */

static int files_init(void *state, const struct mv_place *place)
{
	struct files_view *v = state;

	(void)place;
	v->sort = FILE_CACHED;
	return 0;
}

static void files_view_release(void *state)
{
	struct files_view *v = state;

	free(v->order);
}

/* A side that has a selection keeps it; another comes by the mapping, which only a picture tells the file of.
 */
static void files_go(void *state, const struct mv_place *place)
{
	(void)state;
	(void)place;
}

const struct mv_cached_file *files_row(const struct files_view *v, const struct mv_snapshot *snap,
				       uint32_t row)
{
	uint32_t count;
	const struct mv_cached_file *files = snap ? mv_snapshot_files(snap, &count) : NULL;

	if (!files || row >= v->count || v->order[row].index >= count)
		return NULL;
	return &files[v->order[row].index];
}

static struct mv_val times(struct mv_val v, uint64_t by)
{
	v.value *= by;
	return v;
}

struct mv_val files_value(const struct mv_snapshot *snap, const struct mv_cached_file *f,
			  enum file_column column)
{
	const uint64_t page = snap->page_bytes;

	switch (column) {
	case FILE_SIZE:
		return f->size_bytes;
	case FILE_CACHED:
		return times(f->cached.cached, page);
	case FILE_SHARE:
	case FILE_BAR:
		if (!mv_have(&f->size_bytes) || !mv_have(&f->cached.cached))
			return mv_val_missing((enum mv_why)f->cached.cached.why);
		if (!f->size_bytes.value)
			return mv_val_missing(MV_WHY_NOT_HERE);
		/* In pages: the last one may be half a page of the file. */
		return mv_val_of(f->cached.cached.value * 10000 / ((f->size_bytes.value + page - 1) / page));
	case FILE_MAPPED:
		return mv_val_of(f->mapped_bytes);
	case FILE_RESIDENT:
		return times(f->resident, page);
	case FILE_DIRTY:
		return times(f->cached.dirty, page);
	case FILE_WRITEBACK:
		return times(f->cached.writeback, page);
	default:
		return mv_val_missing(MV_WHY_NOT_HERE);
	}
}

/* ---- rows ---- */

static int compare(const void *a, const void *b, void *arg)
{
	const struct files_key *x = a, *y = b;
	const struct files_view *v = arg;
	int r = (x->value < y->value) - (x->value > y->value);

	r = r ? r : (x->index > y->index) - (x->index < y->index);
	return v->reverse ? -r : r;
}

struct by_name {
	const struct mv_snapshot *snap;
	const struct mv_cached_file *files;
	bool reverse;
};

static int compare_names(const void *a, const void *b, void *arg)
{
	const struct by_name *by = arg;
	const uint32_t x = ((const struct files_key *)a)->index, y = ((const struct files_key *)b)->index;
	int r = strcmp(mv_snapshot_name(by->snap, by->files[x].mapping).text,
		       mv_snapshot_name(by->snap, by->files[y].mapping).text);

	r = r ? r : (x > y) - (x < y);
	return by->reverse ? -r : r;
}

static void add_up(struct files_view *v, const struct mv_snapshot *snap, const struct mv_cached_file *f)
{
	struct files_sum *s = &v->sum;
	const uint64_t page = snap->page_bytes;

	s->files++;
	s->mapped += f->mapped_bytes;
	if (mv_have(&f->resident)) {
		s->resident += f->resident.value * page;
		s->resident_told = true;
	}
	if (!f->read_ns) {
		s->unread++;
		return;
	}
	if (!mv_have(&f->cached.cached)) {
		if (!s->refused++)
			s->why = (enum mv_why)f->cached.cached.why;
		return;
	}
	s->told++;
	s->cached += f->cached.cached.value * page;
	if (mv_have(&f->cached.dirty)) {
		s->dirty += f->cached.dirty.value * page;
		s->writeback += f->cached.writeback.value * page;
		s->dirty_told = true;
	}
}

static void make_rows(struct files_view *v, const struct mv_snapshot *snap)
{
	const unsigned order = 2 * v->sort + v->reverse;
	struct by_name by = {.snap = snap, .reverse = v->reverse};
	uint32_t count;

	if (v->made_seq == snap->seq && v->made_order == order)
		return;
	v->made_seq = snap->seq;
	v->made_order = order;
	by.files = mv_snapshot_files(snap, &count);
	v->count = 0;
	memset(&v->sum, 0, sizeof(v->sum));
	if (count > v->cap) {
		struct files_key *grown = reallocarray(v->order, count + count / 4, sizeof(*grown));

		if (!grown)
			return;
		v->order = grown;
		v->cap = count + count / 4;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct mv_val value = files_value(snap, &by.files[i], v->sort);

		/* What is not told comes last, whatever the order is by. */
		v->order[v->count++] = (struct files_key){mv_have(&value) ? (double)value.value : -1, i};
		add_up(v, snap, &by.files[i]);
	}
	if (v->count)
		qsort_r(v->order, v->count, sizeof(*v->order), v->sort == FILE_NAME ? compare_names : compare,
			v->sort == FILE_NAME ? (void *)&by : (void *)v);
}

static void follow(struct files_view *v, const struct mv_snapshot *snap)
{
	if (v->at >= v->count)
		v->at = v->count ? v->count - 1 : 0;
	for (uint32_t i = 0; v->inode && i < v->count; i++) {
		const struct mv_cached_file *f = files_row(v, snap, i);

		if (f->inode == v->inode && f->dev_major == v->dev_major && f->dev_minor == v->dev_minor) {
			v->at = i;
			return;
		}
	}
}

static void select_row(struct files_view *v, const struct mv_snapshot *snap, uint32_t row)
{
	const struct mv_cached_file *f = files_row(v, snap, row);

	if (!f)
		return;
	v->at = row;
	v->inode = f->inode;
	v->dev_major = f->dev_major;
	v->dev_minor = f->dev_minor;
}

static void lay_out(struct files_view *v, struct mv_rect area)
{
	int y = area.y, end = area.y + area.rows;

	v->area = area;
	v->settled = true;
	v->path_y = v->total_y = v->headings_y = v->note_y = -1;
	v->header_rows = area.rows >= 13 ? mv_header_rows(area.rows) : 0;
	y += v->header_rows;
	if (area.rows >= 4)
		v->total_y = y++;
	if (area.rows >= 7)
		v->path_y = y++;
	if (area.rows >= 20)
		y++;
	if (area.rows >= 3)
		v->headings_y = y++;
	if (area.rows >= 6)
		v->note_y = --end;
	v->table = (struct mv_rect){y, area.x + 2, end > y ? end - y : 0, area.cols > 4 ? area.cols - 3 : 1};
}

static void files_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct files_view *v = state;

	lay_out(v, area);
	if (!ctx->snap)
		return;
	make_rows(v, ctx->snap);
	follow(v, ctx->snap);
	v->top = mv_table_scroll(v->top, v->at, v->count, v->table.rows);
}

static void files_view_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	(void)state;
	(void)ctx;
	want->facts |= MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_FILES;
}

static void files_view_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
			    struct mv_rect area)
{
	const struct files_view *v = state;

	if (v->settled && area.rows > 0 && area.cols > 0)
		files_draw(v, ctx, canvas);
}

/* ---- keys ---- */

static struct mv_outcome enter(struct files_view *v, const struct mv_snapshot *snap)
{
	const struct mv_cached_file *f = files_row(v, snap, v->at);

	if (!f)
		return mv_outcome_hint(MV_TEXT("no file is mapped"));
	return (struct mv_outcome){.kind = MV_OUT_PUSH,
				   .view = MV_VIEW_PAGES,
				   .place = {.mapping = mv_snapshot_mappings(snap)[f->mapping].start}};
}

static struct mv_outcome find(struct files_view *v, const struct mv_snapshot *snap, bool back)
{
	if (!v->find[0])
		return mv_outcome_hint(MV_TEXT("nothing searched for yet: / finds a file by its name"));
	for (uint32_t k = 1; k <= v->count; k++) {
		uint32_t i = back ? (v->at + v->count - k) % v->count : (v->at + k) % v->count;

		if (mv_holds(mv_snapshot_name(snap, files_row(v, snap, i)->mapping), v->find)) {
			select_row(v, snap, i);
			return mv_outcome_stay();
		}
	}
	return mv_outcome_hint(MV_TEXT("no file has that in its name"));
}

static struct mv_outcome files_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct files_view *v = state;

	if (!text[0] || !ctx->snap)
		return mv_outcome_stay();
	strncpy(v->find, text, sizeof(v->find) - 1);
	v->find[sizeof(v->find) - 1] = '\0';
	return find(v, ctx->snap, false);
}

static struct mv_outcome sort_by_next(struct files_view *v)
{
	do
		v->sort = (enum file_column)((v->sort + 1) % FILE__COLUMNS);
	while (v->sort == FILE_BAR);
	v->reverse = false;
	return mv_outcome_stay();
}

static struct mv_outcome mouse(struct files_view *v, const struct mv_snapshot *snap, struct mv_input input)
{
	if ((input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK) || input.y < v->table.y ||
	    input.y >= v->table.y + v->table.rows || v->top + (uint32_t)(input.y - v->table.y) >= v->count)
		return mv_outcome_none();
	select_row(v, snap, v->top + (uint32_t)(input.y - v->table.y));
	return input.key == MV_KEY_DOUBLE_CLICK ? enter(v, snap) : mv_outcome_stay();
}

/* The row that a move leads to; false: not a move. */
static bool moved_to(const struct files_view *v, enum mv_action action, uint32_t *ret_row)
{
	const uint32_t last = v->count ? v->count - 1 : 0,
		       screen = v->table.rows > 1 ? (uint32_t)v->table.rows - 1 : 1;

	switch (action) {
	case MV_ACT_UP:
		*ret_row = v->at ? v->at - 1 : 0;
		return true;
	case MV_ACT_DOWN:
		*ret_row = v->at < last ? v->at + 1 : last;
		return true;
	case MV_ACT_PAGE_UP:
		*ret_row = v->at > screen ? v->at - screen : 0;
		return true;
	case MV_ACT_PAGE_DOWN:
		*ret_row = last - v->at > screen ? v->at + screen : last;
		return true;
	case MV_ACT_FIRST:
		*ret_row = 0;
		return true;
	case MV_ACT_LAST:
		*ret_row = last;
		return true;
	default:
		return false;
	}
}

static struct mv_outcome files_act(void *state, const struct mv_context *ctx, enum mv_action action,
				   struct mv_input input)
{
	struct files_view *v = state;
	uint32_t row;

	if (!ctx->snap || !v->settled)
		return mv_outcome_none();
	if (moved_to(v, action, &row)) {
		select_row(v, ctx->snap, row);
		return mv_outcome_stay();
	}
	switch (action) {
	case MV_ACT_ENTER:
		return enter(v, ctx->snap);
	case MV_ACT_SORT:
		return sort_by_next(v);
	case MV_ACT_REVERSE:
		v->reverse = !v->reverse;
		return mv_outcome_stay();
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK, .text = MV_TEXT("find a file's name: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find(v, ctx->snap, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return mouse(v, ctx->snap, input);
	default:
		return mv_outcome_none();
	}
}

static struct mv_clean files_enter_words(const void *state, const struct mv_context *ctx)
{
	(void)state;
	(void)ctx;
	return MV_TEXT("its pages");
}

static bool files_view_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			       struct mv_meaning *ret_meaning)
{
	return files_meaning(state, ctx, n, ret_meaning);
}

static struct mv_place files_place(const void *state, const struct mv_context *ctx)
{
	const struct files_view *v = state;
	const struct mv_cached_file *f = files_row(v, ctx->snap, v->at);

	if (!f)
		return (struct mv_place){.unchosen = true};
	return (struct mv_place){.mapping = mv_snapshot_mappings(ctx->snap)[f->mapping].start,
				 .unchosen = !v->inode};
}

const struct mv_view_ops mv_view_files = {
    .id = MV_VIEW_FILES,
    .letter = 'i',
    .name = {"Files"},
    .state_bytes = sizeof(struct files_view),
    .init = files_init,
    .release = files_view_release,
    .go = files_go,
    .settle = files_settle,
    .want = files_view_want,
    .draw = files_view_draw,
    .act = files_act,
    .answer = files_answer,
    .meaning = files_view_meaning,
    .enter_words = files_enter_words,
    .place = files_place,
};
