/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_tables.h"

/*
 * What the page tables cost: per level, against VmPTE and a flat table; and per mapping, the dearest first.
 */

uint64_t mv_tables_of(const struct mv_mapping_tables *t)
{
	return t ? (uint64_t)t->tables[0] + t->tables[1] + t->tables[2] : 0;
}

/* ---- the order of the mappings ---- */

static int compare_names(const void *a, const void *b, void *arg)
{
	const struct mv_snapshot *snap = arg;
	uint32_t i = ((const struct mv_tables_key *)a)->index, j = ((const struct mv_tables_key *)b)->index;
	int by_name = strcmp(mv_snapshot_name(snap, i).text, mv_snapshot_name(snap, j).text);

	return by_name ? by_name : (i > j) - (i < j);
}

/* Largest first, equals by address; the address itself ascends. */
static int compare_values(const void *a, const void *b, void *arg)
{
	const struct mv_tables_key *x = a, *y = b;

	(void)arg;
	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return (x->index > y->index) - (x->index < y->index);
}

static uint64_t value_of(const struct mv_snapshot *snap, uint32_t i, enum mv_tables_column by)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(snap)[i];
	const struct mv_mapping_tables *t = mv_snapshot_tables(snap, i);
	struct mv_val rss;

	switch (by) {
	case MV_TABLES_SIZE:
		return mv_mapping_bytes(m);
	case MV_TABLES_RSS:
		rss = mv_snapshot_rss(snap, i);
		return mv_have(&rss) ? rss.value : 0;
	case MV_TABLES_PTE:
	case MV_TABLES_PMD:
	case MV_TABLES_PUD:
		return t ? t->tables[by - MV_TABLES_PTE] : 0;
	case MV_TABLES_COST:
		return mv_tables_of(t);
	case MV_TABLES_FULL:
		return t && t->tables[0] ? t->entries * UINT64_C(1000) / t->tables[0] : 0;
	default:
		return UINT64_MAX - i;
	}
}

static bool make_room(struct mv_tables *v, uint32_t count)
{
	if (count <= v->cap)
		return true;
	uint32_t cap = count + count / 2;
	struct mv_tables_key *bigger = realloc(v->order, cap * sizeof(*bigger));
	if (!bigger)
		return false;
	v->order = bigger;
	v->cap = cap;
	return true;
}

/* Sort anew when the tables were read anew. O(n log n) then, else nothing. */
static void sort(struct mv_tables *v, const struct mv_snapshot *snap)
{
	uint32_t count = mv_snapshot_count(snap);
	uint64_t now[5] = {snap->tables_ns, snap->maps_gen, count, snap->epoch,
			   ((uint64_t)v->only * MV_TABLES__N + v->sorted) * 2 + v->reverse};
	const struct mv_mapping *maps = mv_snapshot_mappings(snap);

	if (v->order && !memcmp(now, v->order_for, sizeof(now)))
		return;
	v->order_short = !make_room(v, count);
	v->count = 0;
	v->entries = 0;
	for (uint32_t i = 0; !v->order_short && i < count; i++) {
		const struct mv_mapping_tables *t = mv_snapshot_tables(snap, i);
		v->entries += t ? t->entries : 0;
		if (v->only == MV_KIND__N || maps[i].kind == v->only)
			v->order[v->count++] = (struct mv_tables_key){value_of(snap, i, v->sorted), i};
	}
	if (v->count)
		qsort_r(v->order, v->count, sizeof(*v->order),
			v->sorted == MV_TABLES_NAME ? compare_names : compare_values,
			(void *)(uintptr_t)snap);
	for (uint32_t i = 0; v->reverse && i < v->count / 2; i++) {
		struct mv_tables_key k = v->order[i];
		v->order[i] = v->order[v->count - 1 - i];
		v->order[v->count - 1 - i] = k;
	}
	memcpy(v->order_for, now, sizeof(now));
}

/* The row of the selected mapping; when it has gone, the row stays and selects what is there now. Until a
 * mapping is chosen the cursor stays on the first row, whatever comes there. */
static void follow(struct mv_tables *v, const struct mv_snapshot *snap)
{
	uint32_t i;

	if (v->at >= v->count)
		v->at = v->count ? v->count - 1 : 0;
	if (!v->selected || !v->count)
		return;
	i = mv_snapshot_find(snap, v->selected);
	if (v->order[v->at].index == i)
		return;
	for (uint32_t row = 0; row < v->count; row++) {
		if (v->order[row].index == i) {
			v->at = row;
			return;
		}
	}
	v->selected = mv_snapshot_mappings(snap)[v->order[v->at].index].start;
}

static uint64_t selected(const struct mv_tables *v, const struct mv_snapshot *snap)
{
	if (!snap || v->at >= v->count)
		return v->selected;
	return mv_snapshot_mappings(snap)[v->order[v->at].index].start;
}

/* ---- where things are ---- */

static void lay_out(struct mv_tables *v, struct mv_rect area, unsigned levels)
{
	int y = area.y, end = area.y + area.rows, rows = area.rows;

	v->area = area;
	v->text = area.cols >= 40 ? (struct mv_rect){area.y, area.x + 1, rows, area.cols - 2} : area;
	v->path_y = v->levels_y = v->sums_y = v->flat_y = v->head_y = -1;
	y += rows >= 13 ? mv_header_rows(rows) : 0;
	if (rows >= 2)
		v->path_y = y++;
	if (rows >= 30)
		y++;
	if (rows >= 16) {
		v->levels_y = y;
		y += 1 + (int)levels;
	}
	if (rows >= 6)
		v->sums_y = y++;
	if (rows >= 28)
		y++;
	if (rows >= 20) {
		v->flat_y = y;
		y += rows >= 22 ? 3 : 2;
	}
	if (rows >= 30)
		y++;
	if (rows >= 4)
		v->head_y = y++;
	v->list_y = y;
	v->list_rows = end > y ? end - y : 0;
}

static int tables_init(void *state, const struct mv_place *place)
{
	struct mv_tables *v = state;

	v->sorted = MV_TABLES_COST;
	v->only = MV_KIND__N;
	v->came_from = place->mapping;
	/* Sorted by cost, one wants to see the dearest; a page's tables are its mapping's. */
	v->selected = place->page ? place->mapping : 0;
	v->page = place->page;
	return 0;
}

static void tables_go(void *state, const struct mv_place *place)
{
	struct mv_tables *v = state;

	v->page = place->page;
	if (place->page) {
		v->selected = place->mapping;
	} else if (place->mapping && place->mapping != v->came_from && place->mapping != v->selected) {
		v->selected = 0;
		v->at = 0;
	}
	v->came_from = place->mapping;
}

static void tables_release(void *state)
{
	free(((struct mv_tables *)state)->order);
}

static void tables_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct mv_tables *v = state;

	lay_out(v, area, ctx->snap ? mv_words_levels(ctx->snap) : 4);
	if (!ctx->snap) {
		v->count = 0;
		return;
	}
	sort(v, ctx->snap);
	follow(v, ctx->snap);
	v->top = mv_table_scroll(v->top, v->at, v->count, v->list_rows);
}

static void tables_want(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	(void)state;
	(void)ctx;
	want->facts |= MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_TABLES;
}

static void tables_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
			struct mv_rect area)
{
	if (area.rows > 0 && area.cols > 0)
		mv_tables_draw(state, ctx, canvas);
}

/* ---- keys ---- */

static void select_row(struct mv_tables *v, const struct mv_snapshot *snap, int64_t row)
{
	if (!v->count)
		return;
	if (row < 0)
		row = 0;
	v->at = row >= (int64_t)v->count ? v->count - 1 : (uint32_t)row;
	v->selected = mv_snapshot_mappings(snap)[v->order[v->at].index].start;
	v->page = 0;
}

static struct mv_outcome find(struct mv_tables *v, const struct mv_snapshot *snap, bool back)
{
	char *end;
	uint64_t addr;

	if (!v->find[0])
		return mv_outcome_hint(
		    MV_TEXT("nothing searched for yet: / finds an address or a mapping's name"));
	addr = strtoull(v->find, &end, 16);
	if (v->find[0] == '0' && (v->find[1] | 32) == 'x' && !*end) {
		uint32_t i = mv_snapshot_find(snap, addr);
		if (i >= mv_snapshot_count(snap))
			return mv_outcome_hint(MV_TEXT("nothing is mapped at that address"));
		if (v->only != MV_KIND__N && mv_snapshot_mappings(snap)[i].kind != v->only)
			return mv_outcome_hint(
			    MV_TEXT("the filter (f) hides the mapping that holds this address"));
		v->selected = mv_snapshot_mappings(snap)[i].start;
		return mv_outcome_stay();
	}
	for (uint32_t k = 1; k <= v->count; k++) {
		uint32_t row = (v->at + (back ? v->count - k : k)) % v->count;
		if (strcasestr(mv_snapshot_name(snap, v->order[row].index).text, v->find)) {
			select_row(v, snap, row);
			return mv_outcome_stay();
		}
	}
	return mv_outcome_hint(MV_TEXT("no mapping has that name"));
}

static struct mv_outcome tables_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct mv_tables *v = state;

	if (!text[0] || !ctx->snap)
		return mv_outcome_stay();
	strncpy(v->find, text, sizeof(v->find) - 1);
	return find(v, ctx->snap, false);
}

static struct mv_outcome open_mapping(const struct mv_tables *v, const struct mv_snapshot *snap)
{
	if (v->at >= v->count)
		return mv_outcome_hint(MV_TEXT("there is no mapping to open"));
	return (struct mv_outcome){
	    .kind = MV_OUT_PUSH, .view = MV_VIEW_PAGES, .place = {.mapping = selected(v, snap)}};
}

static struct mv_outcome sort_by(struct mv_tables *v, enum mv_tables_column column)
{
	if (v->sorted == column)
		v->reverse = !v->reverse;
	else
		v->reverse = false;
	v->sorted = column;
	return mv_outcome_stay();
}

/* All, then one kind after the other of those that occur, then all again. */
static struct mv_outcome next_filter(struct mv_tables *v, const struct mv_snapshot *snap)
{
	uint32_t kinds = 0;

	for (uint32_t i = 0; i < mv_snapshot_count(snap); i++)
		kinds |= UINT32_C(1) << mv_snapshot_mappings(snap)[i].kind;
	do {
		v->only = v->only == MV_KIND__N ? 0 : v->only + 1;
	} while (v->only < MV_KIND__N && !(kinds >> v->only & 1));
	mv_build_init(&v->said);
	if (v->only == MV_KIND__N) {
		mv_build_clean(&v->said, MV_TEXT("mappings of every kind"));
	} else {
		mv_build_clean(&v->said, MV_TEXT("only mappings of kind "));
		mv_build_clean(&v->said, mv_words_kind(v->only));
	}
	return mv_outcome_hint(mv_build_text(&v->said));
}

static struct mv_outcome click(struct mv_tables *v, const struct mv_context *ctx, struct mv_input input)
{
	const struct mv_snapshot *snap = ctx->snap;
	struct mv_column col[MV_TABLES__N];

	if (input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	if (input.y == v->head_y) {
		mv_tables_layout(v, ctx, col);
		for (int i = 0; i < MV_TABLES__N; i++)
			if (col[i].w && input.x - v->text.x >= col[i].x &&
			    input.x - v->text.x < col[i].x + col[i].w)
				return sort_by(v, (enum mv_tables_column)i);
	}
	int64_t row = (int64_t)v->top + input.y - v->list_y;
	if (input.y < v->list_y || row >= (int64_t)v->count)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	select_row(v, snap, row);
	return input.key == MV_KEY_DOUBLE_CLICK ? open_mapping(v, snap) : mv_outcome_stay();
}

static struct mv_outcome tables_act(void *state, const struct mv_context *ctx, enum mv_action action,
				    struct mv_input input)
{
	struct mv_tables *v = state;
	int64_t at = v->at, screen = v->list_rows > 1 ? v->list_rows - 1 : 1;

	if (!ctx->snap)
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	switch (action) {
	case MV_ACT_UP:
		select_row(v, ctx->snap, at - 1);
		return mv_outcome_stay();
	case MV_ACT_DOWN:
		select_row(v, ctx->snap, at + 1);
		return mv_outcome_stay();
	case MV_ACT_PAGE_UP:
		select_row(v, ctx->snap, at - screen);
		return mv_outcome_stay();
	case MV_ACT_PAGE_DOWN:
		select_row(v, ctx->snap, at + screen);
		return mv_outcome_stay();
	case MV_ACT_FIRST:
		select_row(v, ctx->snap, 0);
		return mv_outcome_stay();
	case MV_ACT_LAST:
		select_row(v, ctx->snap, v->count);
		return mv_outcome_stay();
	case MV_ACT_ENTER:
		return open_mapping(v, ctx->snap);
	case MV_ACT_SORT:
		v->sorted = (enum mv_tables_column)((v->sorted + 1) % MV_TABLES__N);
		v->reverse = false;
		return mv_outcome_stay();
	case MV_ACT_REVERSE:
		v->reverse = !v->reverse;
		return mv_outcome_stay();
	case MV_ACT_FILTER:
		return next_filter(v, ctx->snap);
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK,
					   .text = MV_TEXT("find a name, or an address as 0x...: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find(v, ctx->snap, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return click(v, ctx, input);
	default:
		return (struct mv_outcome){.kind = MV_OUT_NONE};
	}
}

static bool tables_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			   struct mv_meaning *ret_meaning)
{
	static const struct {
		struct mv_clean title, formula, source, unit, note;
	} all[] = {
	    {{"tables per level"},
	     {"distinct blocks of 2M (PTE), 1G (PMD), 512G (PUD) that hold a present, swapped or guard page"},
	     {"counted from /proc/PID/pagemap by PAGEMAP_SCAN"},
	     {"tables of 4096 bytes"},
	     {"A huge page keeps its PTE table in reserve, so it counts as well. The PGD is always one."}},
	    {{"entries used"},
	     {"at the lowest level pages that are present, swapped or guard; above it the tables of the "
	      "level below"},
	     {"counted from /proc/PID/pagemap"},
	     {"entries, of 512 a table"},
	     {""}},
	    {{"sum against VmPTE"},
	     {"(PTE + PMD + PUD (+ P4D) tables) x 4096 bytes; the PGD is not in VmPTE"},
	     {"/proc/PID/status VmPTE"},
	     {"bytes"},
	     {"The kernel counts more after memory was dropped (MADV_DONTNEED): its empty tables stay until "
	      "munmap."}},
	    {{"flat table"},
	     {"8 bytes x every page of the user's half of the address space"},
	     {"arithmetic: 2^47 / 4096 x 8 with 48-bit addresses"},
	     {"bytes"},
	     {"Why page tables are trees: what is not used needs no table."}},
	    {{"cost of a mapping"},
	     {"(PTE + PMD + PUD tables that hold entries of it) x 4096 bytes"},
	     {"counted from /proc/PID/pagemap"},
	     {"bytes"},
	     {"A table that two mappings share counts for both, so the column adds up to more than the "
	      "sum."}},
	    {{"PTE full"},
	     {"entries in use / (512 x PTE tables of the mapping)"},
	     {"counted from /proc/PID/pagemap"},
	     {"percent"},
	     {"Low: the pages are strewn, and each costs a good part of a table."}},
	};

	(void)state;
	if (n < MV_COUNT_OF(all)) {
		mv_words_meaning(ret_meaning, all[n].title, all[n].formula, all[n].source, all[n].unit,
				 all[n].note);
		return true;
	}
	return mv_header_meaning(ctx, n - (unsigned)MV_COUNT_OF(all), ret_meaning);
}

static struct mv_place tables_place(const void *state, const struct mv_context *ctx)
{
	const struct mv_tables *v = state;

	return (struct mv_place){
	    .mapping = selected(v, ctx->snap), .page = v->page, .unchosen = !v->selected};
}

const struct mv_view_ops mv_view_tables = {
    .id = MV_VIEW_TABLES,
    .letter = 't',
    .name = {"Tables"},
    .state_bytes = sizeof(struct mv_tables),
    .init = tables_init,
    .go = tables_go,
    .release = tables_release,
    .settle = tables_settle,
    .want = tables_want,
    .draw = tables_draw,
    .act = tables_act,
    .answer = tables_answer,
    .meaning = tables_meaning,
    .place = tables_place,
};
