/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_faults_draw.h"
#include "tui/view_private.h"

/* The panes: call stacks as a tree, mappings, threads, the log. */

/* What a pane's rows are drawn with. */
struct pane {
	const struct mv_faults_view *v;
	const struct mv_context *ctx;
	struct mv_canvas *c;
	struct mv_rect list;
	struct mv_faults_window window; /* of the log, for rates */
};

static int clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

/* Names: what is too long loses its beginning, since a path ends in what it is. */
static void put_name(const struct pane *p, int y, const struct mv_column *col, enum mv_role role, struct mv_clean name)
{
	if (!col->w)
		return;
	if ((int)mv_clean_width(name) > col->w)
		mv_canvas_text_right(p->c, y, col->x, col->w, role, name);
	else
		mv_canvas_text(p->c, y, col->x, col->w, role, name);
}

/* Functions: what they are called in themselves; "file+0x1234" loses its beginning like a path. */
static int put_function(const struct pane *p, int y, int x, int cols, enum mv_role role, struct mv_clean name)
{
	struct mv_build b;

	if (cols <= 0)
		return 0;
	mv_build_init(&b);
	mv_words_function(&b, name, cols);
	if ((int)mv_clean_width(mv_build_text(&b)) > cols && strstr(b.text, "+0x")) {
		mv_canvas_text_right(p->c, y, x, cols, role, mv_build_text(&b));
		return cols;
	}
	return mv_canvas_build(p->c, y, x, cols, role, &b);
}

/* By the log: faults a second at addresses in a range, or of a thread. */
static struct mv_rate rate_of(const struct pane *p, const struct mv_fault_mapping *m, int32_t tid)
{
	uint32_t count;
	const struct mv_fault_entry *log = mv_snapshot_fault_log(p->ctx->snap, &count);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->window.count; i++)
		if (m ? log[i].addr >= m->start && log[i].addr < m->end : log[i].tid == tid)
			sum += log[i].weight;
	if (p->window.seconds <= 0)
		return (struct mv_rate){0};
	return (struct mv_rate){(double)sum / p->window.seconds, true};
}

/* ---- call stacks ---- */

enum { STACK_PAGES, STACK_BYTES, STACK_SHARE, STACK_CALL, STACK__N };
static const struct mv_column stack_columns[STACK__N] = {
    [STACK_PAGES] = {.heading = {"PAGES"}, .width = 11, .min_width = 9, .on = true, .right = true, .give_up = 2},
    [STACK_BYTES] = {.heading = {"TOUCHED"}, .width = 7, .min_width = 7, .on = true, .right = true},
    [STACK_SHARE] = {.heading = {"SHARE"}, .width = 16, .min_width = 5, .on = true, .give_up = 1},
    [STACK_CALL] = {.heading = {"FUNCTION"}, .width = 30, .min_width = 16, .on = true},
};

static struct mv_clean call_name(const struct mv_snapshot *snap, uint32_t function)
{
	if (function == MV_FUNCTION_NONE)
		return MV_TEXT("(not known)");
	return mv_snapshot_function_name(snap, function);
}

/* "│ ├─▾ ": where the line hangs. Deep ones show the last few levels, in at most half of the room. */
static int draw_guides(const struct pane *p, int y, int x, int cols, const struct mv_faults_row *row)
{
	unsigned shown = (unsigned)clamp(cols / 4, 0, 60), first = row->depth > shown ? row->depth - shown : 0;
	int at = x;

	for (unsigned d = first; d < row->depth; d++, at += 2) {
		bool last = d + 1 == row->depth, goes_on = d + 1 < 64 && row->guides >> (d + 1) & 1;

		if (d == first && first)
			mv_canvas_glyph2(p->c, y, at, ROLE_FRAME, U'…', '.');
		else if (last) {
			mv_canvas_glyph2(p->c, y, at, ROLE_FRAME, row->more ? U'├' : U'└', row->more ? '|' : '`');
			mv_canvas_glyph2(p->c, y, at + 1, ROLE_FRAME, U'─', '-');
		} else if (goes_on)
			mv_canvas_glyph2(p->c, y, at, ROLE_FRAME, U'│', '|');
	}
	if (row->children)
		mv_canvas_glyph2(p->c, y, at, ROLE_KEY, row->open ? U'▾' : U'▸', row->open ? 'v' : '>');
	else if (row->depth)
		mv_canvas_glyph2(p->c, y, at, ROLE_FRAME, U'─', '-');
	return at + 2 - x;
}

/* " > " between all calls of a line, or the first and the last alone, or "…": what stands before the last one. */
static void build_before(const struct pane *p, const struct mv_faults_row *row, int cols, struct mv_build *all)
{
	const struct mv_snapshot *snap = p->ctx->snap;
	const struct mv_calltree_node *nodes = p->v->tree.nodes;
	struct mv_build b;

	mv_build_init(all);
	/* From the inside out, since nodes know their parents. */
	for (uint32_t i = nodes[row->node].parent;; i = nodes[i].parent) {
		mv_build_init(&b);
		mv_build_clean(&b, call_name(snap, nodes[i].function));
		mv_build_clean(&b, MV_TEXT(" > "));
		if ((int)(mv_clean_width(mv_build_text(&b)) + mv_clean_width(mv_build_text(all))) > cols)
			break;
		mv_build_clean(&b, mv_build_text(all));
		*all = b;
		if (i == row->head)
			return;
	}
	mv_build_init(all);
	mv_words_function(all, call_name(snap, nodes[row->head].function), cols - 3);
	mv_build_clean(all, MV_TEXT(" … "));
	if ((int)mv_clean_width(mv_build_text(all)) <= cols)
		return;
	mv_build_init(all);
	mv_build_clean(all, MV_TEXT("… "));
}

/* From the callers down: the last call is the one that matters, and has most of the room. */
static int draw_down(const struct pane *p, int y, int x, int cols, const struct mv_faults_row *row)
{
	uint32_t function = p->v->tree.nodes[row->node].function;
	struct mv_clean last = call_name(p->ctx->snap, function);
	struct mv_build name, before;
	int used = 0;

	mv_build_init(&name);
	if (row->head != row->node) {
		mv_words_function(&name, last, cols - clamp(cols / 3, 2, 14));
		build_before(p, row, cols - (int)mv_clean_width(mv_build_text(&name)), &before);
		used = mv_canvas_build(p->c, y, x, cols, ROLE_DIM, &before);
	}
	enum mv_role role = function == MV_FUNCTION_NONE ? ROLE_DIM : ROLE_STRONG;
	return used + put_function(p, y, x + used, cols - used, role, last);
}

/* From who touches, up: the first is the one that matters; its callers follow, as many as there is room for. */
static int draw_up(const struct pane *p, int y, int x, int cols, const struct mv_faults_row *row)
{
	const struct mv_calltree_node *nodes = p->v->tree.nodes;
	uint32_t function = nodes[row->head].function;
	int used = put_function(p, y, x, cols, function == MV_FUNCTION_NONE ? ROLE_DIM : ROLE_STRONG,
				call_name(p->ctx->snap, function));
	struct mv_build b;

	for (uint32_t i = row->head; i != row->node;) {
		i = nodes[i].first_child;
		struct mv_clean caller = call_name(p->ctx->snap, nodes[i].function);
		int rest = i == row->node ? 0 : 2; /* for " …" */

		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT(" < "));
		mv_words_function(&b, caller, clamp(cols - used - 3 - rest, 1, 40));
		if ((int)mv_clean_width(mv_build_text(&b)) > cols - used - rest) {
			if (cols - used >= 2)
				used += mv_canvas_text(p->c, y, x + used, cols - used, ROLE_DIM, MV_TEXT(" …"));
			break;
		}
		used += mv_canvas_build(p->c, y, x + used, cols - used, ROLE_DIM, &b);
	}
	return used;
}

/* After the name, where there is room: how much of it is the function's own; whose function it is. */
static void draw_call_more(const struct pane *p, int y, int x, int end, const struct mv_faults_row *row)
{
	bool down = p->v->order == MV_CALLTREE_CALLERS;
	const struct mv_calltree_node *n = &p->v->tree.nodes[down ? row->node : row->head];
	const struct mv_function *f = mv_snapshot_function(p->ctx->snap, n->function);
	struct mv_build b;

	if (down && row->children && n->self_pages) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("  itself "));
		mv_build_size(&b, n->self_pages * p->ctx->snap->page_bytes);
		if ((int)b.len <= end - x)
			x += mv_canvas_build(p->c, y, x, end - x, ROLE_TEXT, &b);
	}
	if (!f || !mv_snapshot_text(p->ctx->snap, f->image).text[0] || !(f->flags & MV_FUNCTION_NAMED))
		return;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("  "));
	mv_build_clean(&b, mv_snapshot_text(p->ctx->snap, f->image));
	if ((int)mv_clean_width(mv_build_text(&b)) <= end - x)
		mv_canvas_build(p->c, y, x, end - x, ROLE_DIM, &b);
}

static void lay_stacks(const struct pane *p, struct mv_column col[STACK__N])
{
	int spare = clamp(p->list.cols - 80, 0, 100);

	memcpy(col, stack_columns, sizeof(stack_columns));
	col[STACK_BYTES].width = p->ctx->exact ? 16 : 7;
	col[STACK_SHARE].width += clamp(spare / 3, 0, 24);
	/* The names have their room first, then the bars. */
	col[STACK_CALL].width = clamp(p->list.cols - 37, 16, 90);
	mv_table_layout(col, STACK__N, p->list.cols, STACK_CALL);
	mv_faults_shift(col, STACK__N, p->list.x);
}

static void draw_stack(const struct pane *p, int y, const struct mv_column *col, uint32_t i)
{
	const struct mv_faults_row *row = &p->v->rows[i];
	const struct mv_calltree_node *n = &p->v->tree.nodes[row->node];
	int x = col[STACK_CALL].x, end = x + col[STACK_CALL].w;

	mv_faults_put_count(p->c, y, &col[STACK_PAGES], ROLE_TEXT, n->pages);
	mv_faults_put_size(p->c, y, &col[STACK_BYTES], ROLE_STRONG, n->pages * p->ctx->snap->page_bytes, p->ctx->exact);
	mv_faults_put_share(p->c, y, &col[STACK_SHARE], ROLE_BAR, n->pages, p->v->tree.nodes[0].pages);
	x += draw_guides(p, y, x, end - x, row);
	x += p->v->order == MV_CALLTREE_CALLERS ? draw_down(p, y, x, end - x, row) : draw_up(p, y, x, end - x, row);
	draw_call_more(p, y, x, end, row);
}

/* ---- mappings ---- */

enum { MAP_RATE, MAP_FAULTS, MAP_PAGES, MAP_SHARE, MAP_KINDS, MAP_LAST, MAP_NAME, MAP__N };
static const struct mv_column mapping_columns[MAP__N] = {
    [MAP_RATE] = {.heading = {"FAULTS/S"}, .width = 9, .min_width = 8, .on = true, .right = true},
    [MAP_FAULTS] = {.heading = {"FAULTS"}, .width = 11, .min_width = 9, .on = true, .right = true, .give_up = 3},
    [MAP_PAGES] = {.heading = {"PAGES"}, .width = 11, .min_width = 9, .on = true, .right = true, .give_up = 5},
    [MAP_SHARE] = {.heading = {"SHARE"}, .width = 14, .min_width = 11, .on = true, .give_up = 1},
    [MAP_KINDS] = {.heading = {"MOSTLY"}, .width = 18, .min_width = 18, .on = true, .give_up = 4},
    [MAP_LAST] = {.heading = {"LAST PAGE"}, .width = 12, .min_width = 12, .on = true, .give_up = 6},
    [MAP_NAME] = {.heading = {"MAPPING"}, .width = 22, .min_width = 12, .on = true},
};

static void lay_mappings(const struct pane *p, struct mv_column col[MAP__N])
{
	memcpy(col, mapping_columns, sizeof(mapping_columns));
	col[MAP_SHARE].width += clamp((p->list.cols - 110) / 3, 0, 24);
	col[MAP_LAST].width = col[MAP_LAST].min_width = mv_words_addr_cols(p->ctx->snap);
	mv_table_layout(col, MAP__N, p->list.cols, MAP_NAME);
	mv_faults_shift(col, MAP__N, p->list.x);
}

/* "copy on write 62%": the kind that most of its faults are. */
static void draw_mostly(const struct pane *p, int y, const struct mv_column *col, const struct mv_fault_mapping *m)
{
	struct mv_build b;
	unsigned best = 0;

	if (!col->w || !m->faults)
		return;
	for (unsigned k = 1; k < MV_FAULT__N; k++)
		if (m->by_kind[k] > m->by_kind[best])
			best = k;
	mv_build_init(&b);
	mv_build_clean(&b, mv_words_fault(best));
	if (m->by_kind[best] < m->faults)
		mv_build_fmt(&b, " %u%%", (unsigned)((unsigned __int128)m->by_kind[best] * 100 / m->faults));
	mv_faults_put(p->c, y, col, mv_role_of_fault(best), &b);
}

/* "libc.so.6", "[heap]", "[anon]"; what is gone says so. */
static void build_mapping(const struct mv_snapshot *snap, struct mv_build *b, uint32_t name, unsigned kind, bool brief)
{
	struct mv_clean text = mv_snapshot_text(snap, name);

	if (text.text[0])
		mv_build_clean(b, brief ? mv_words_base(text) : text);
	else if (kind >= MV_KIND__N)
		mv_build_clean(b, MV_TEXT("(no mapping was known)"));
	else if (kind == MV_KIND_ANON)
		mv_build_clean(b, MV_TEXT("[anon]"));
	else
		mv_build_clean(b, mv_words_kind(kind));
}

static void draw_mapping(const struct pane *p, int y, const struct mv_column *col, uint32_t i)
{
	const struct mv_snapshot *snap = p->ctx->snap;
	uint32_t count;
	const struct mv_fault_mapping *m = &mv_snapshot_fault_mappings(snap, &count)[i];
	uint64_t all = 0;
	struct mv_build b;

	for (unsigned k = 0; k < MV_FAULT__N; k++)
		all += snap->trace.faults[k];
	mv_faults_put_rate(p->c, y, &col[MAP_RATE], ROLE_STRONG, rate_of(p, m, 0));
	mv_faults_put_count(p->c, y, &col[MAP_FAULTS], ROLE_TEXT, m->faults);
	mv_faults_put_count(p->c, y, &col[MAP_PAGES], ROLE_TEXT, m->pages);
	mv_faults_put_share(p->c, y, &col[MAP_SHARE], ROLE_BAR, m->faults, all);
	draw_mostly(p, y, &col[MAP_KINDS], m);
	mv_build_init(&b);
	mv_words_addr(&b, m->last_page);
	mv_faults_put(p->c, y, &col[MAP_LAST], ROLE_TEXT, &b);
	mv_build_init(&b);
	build_mapping(snap, &b, m->name, m->kind, true);
	if (m->gone)
		mv_build_clean(&b, MV_TEXT(" (gone)"));
	enum mv_role role = m->gone || m->kind >= MV_KIND__N ? ROLE_GONE : mv_role_of_kind(m->kind);
	put_name(p, y, &col[MAP_NAME], role, mv_build_text(&b));
}

/* ---- threads ---- */

enum { THREAD_TID, THREAD_RATE, THREAD_FAULTS, THREAD_PAGES, THREAD_SHARE, THREAD_NAME, THREAD__N };
static const struct mv_column thread_columns[THREAD__N] = {
    [THREAD_TID] = {.heading = {"THREAD"}, .width = 8, .min_width = 7, .on = true, .right = true},
    [THREAD_RATE] = {.heading = {"FAULTS/S"}, .width = 9, .min_width = 8, .on = true, .right = true},
    [THREAD_FAULTS] = {.heading = {"FAULTS"}, .width = 12, .min_width = 9, .on = true, .right = true, .give_up = 2},
    [THREAD_PAGES] = {.heading = {"PAGES"}, .width = 12, .min_width = 9, .on = true, .right = true, .give_up = 3},
    [THREAD_SHARE] = {.heading = {"SHARE"}, .width = 16, .min_width = 5, .on = true, .give_up = 1},
    [THREAD_NAME] = {.heading = {"NAME"}, .width = 16, .min_width = 10, .on = true},
};

static void lay_threads(const struct pane *p, struct mv_column col[THREAD__N])
{
	memcpy(col, thread_columns, sizeof(thread_columns));
	col[THREAD_SHARE].width += clamp((p->list.cols - 80) / 2, 0, 32);
	mv_table_layout(col, THREAD__N, p->list.cols, THREAD_NAME);
	mv_faults_shift(col, THREAD__N, p->list.x);
}

static void draw_thread(const struct pane *p, int y, const struct mv_column *col, uint32_t i)
{
	const struct mv_snapshot *snap = p->ctx->snap;
	uint32_t count;
	const struct mv_fault_thread *t = &mv_snapshot_fault_threads(snap, &count)[i];
	struct mv_clean name = mv_snapshot_text(snap, t->name);
	uint64_t all = 0;
	struct mv_build b;

	for (unsigned k = 0; k < MV_FAULT__N; k++)
		all += snap->trace.faults[k];
	mv_build_init(&b);
	mv_build_fmt(&b, "%d", t->tid);
	mv_faults_put(p->c, y, &col[THREAD_TID], ROLE_TITLE, &b);
	mv_faults_put_rate(p->c, y, &col[THREAD_RATE], ROLE_STRONG, rate_of(p, NULL, t->tid));
	mv_faults_put_count(p->c, y, &col[THREAD_FAULTS], ROLE_TEXT, t->faults);
	mv_faults_put_count(p->c, y, &col[THREAD_PAGES], ROLE_TEXT, t->pages);
	mv_faults_put_share(p->c, y, &col[THREAD_SHARE], ROLE_BAR, t->faults, all);
	if (name.text[0])
		mv_canvas_text(p->c, y, col[THREAD_NAME].x, col[THREAD_NAME].w, ROLE_TEXT, name);
	else
		mv_canvas_text(p->c, y, col[THREAD_NAME].x, col[THREAD_NAME].w, ROLE_DIM, MV_TEXT("ended"));
}

/* ---- the log ---- */

enum { LOG_TIME, LOG_THREAD, LOG_ADDRESS, LOG_KIND, LOG_MAPPING, LOG_CALL, LOG__N };
static const struct mv_column log_columns[LOG__N] = {
    [LOG_TIME] = {.heading = {"SECONDS"}, .width = 9, .min_width = 9, .on = true, .right = true, .give_up = 1},
    [LOG_THREAD] = {.heading = {"THREAD"}, .width = 8, .min_width = 7, .on = true, .right = true, .give_up = 3},
    [LOG_ADDRESS] = {.heading = {"ADDRESS"}, .width = 12, .min_width = 12, .on = true},
    [LOG_KIND] = {.heading = {"KIND"}, .width = 15, .min_width = 14, .on = true, .give_up = 2},
    [LOG_MAPPING] = {.heading = {"MAPPING"}, .width = 18, .min_width = 10, .on = true, .give_up = 4},
    [LOG_CALL] = {.heading = {"FUNCTION"}, .width = 24, .min_width = 10, .on = true},
};

static void lay_log(const struct pane *p, struct mv_column col[LOG__N])
{
	int spare = clamp(p->list.cols - 80, 0, 120);

	memcpy(col, log_columns, sizeof(log_columns));
	col[LOG_ADDRESS].width = col[LOG_ADDRESS].min_width = mv_words_addr_cols(p->ctx->snap);
	/* The thread's name beside its number. */
	col[LOG_THREAD].width = spare >= 20 ? 8 + 1 + 15 : 8;
	col[LOG_THREAD].right = spare < 20;
	col[LOG_MAPPING].width = 14 + clamp(spare / 3, 0, 30);
	mv_table_layout(col, LOG__N, p->list.cols, LOG_CALL);
	mv_faults_shift(col, LOG__N, p->list.x);
}

static void draw_entry(const struct pane *p, int y, const struct mv_column *col, uint32_t i)
{
	const struct mv_snapshot *snap = p->ctx->snap;
	uint32_t count;
	const struct mv_fault_entry *e = &mv_snapshot_fault_log(snap, &count)[i];
	uint64_t since = e->at_ns > snap->trace.since_ns ? e->at_ns - snap->trace.since_ns : 0;
	const struct mv_column *call = &col[LOG_CALL];
	struct mv_build b;

	mv_build_init(&b);
	mv_build_fmt(&b, "%llu.%03u", (unsigned long long)(since / MV_NS_PER_SEC),
		     (unsigned)(since % MV_NS_PER_SEC / 1000000));
	mv_faults_put(p->c, y, &col[LOG_TIME], ROLE_DIM, &b);
	mv_build_init(&b);
	if (col[LOG_THREAD].right)
		mv_build_fmt(&b, "%d", e->tid);
	else
		mv_words_fault_thread(&b, snap, e->tid);
	mv_faults_put(p->c, y, &col[LOG_THREAD], ROLE_TEXT, &b);
	mv_build_init(&b);
	mv_words_addr(&b, e->addr);
	mv_faults_put(p->c, y, &col[LOG_ADDRESS], ROLE_STRONG, &b);
	mv_build_init(&b);
	mv_build_clean(&b, mv_words_fault(e->kind));
	mv_faults_put(p->c, y, &col[LOG_KIND], mv_role_of_fault(e->kind), &b);
	mv_build_init(&b);
	build_mapping(snap, &b, e->mapping_name, e->mapping_kind, true);
	put_name(p, y, &col[LOG_MAPPING], e->mapping_kind < MV_KIND__N ? mv_role_of_kind(e->mapping_kind) : ROLE_DIM,
		 mv_build_text(&b));
	if (!call->w)
		return;
	int x = call->x, end = call->x + call->w;
	if (e->function == MV_FUNCTION_NONE)
		x += mv_canvas_text(p->c, y, x, end - x, ROLE_DIM, MV_TEXT("(not known)"));
	else
		x += put_function(p, y, x, end - x, ROLE_TEXT, mv_snapshot_function_name(snap, e->function));
	if (e->in_kernel && end - x >= 19)
		mv_canvas_text(p->c, y, x, end - x, ROLE_DIM, MV_TEXT("  in a system call"));
}

/* ---- any of them ---- */

#define COLUMNS_MAX 8

/* Lay out its columns; draw a row. */
typedef void lay_pane(const struct pane *p, struct mv_column *col);
typedef void draw_row(const struct pane *p, int y, const struct mv_column *col, uint32_t i);
static const struct {
	lay_pane *lay;
	draw_row *draw;
	size_t columns;
	int sorted, bar; /* columns: that it is sorted by, most first; that holds a bar, -1 none */
} panes[MV_FAULTS_PANES] = {
    [MV_FAULTS_STACKS] = {lay_stacks, draw_stack, STACK__N, STACK_PAGES, STACK_SHARE},
    [MV_FAULTS_MAPPINGS] = {lay_mappings, draw_mapping, MAP__N, MAP_FAULTS, MAP_SHARE},
    [MV_FAULTS_THREADS] = {lay_threads, draw_thread, THREAD__N, THREAD_FAULTS, THREAD_SHARE},
    [MV_FAULTS_LOG] = {lay_log, draw_entry, LOG__N, LOG_TIME, -1},
};

/* Reverse video would turn a bar inside out: without colours it stays as it is. */
static void mark_row(const struct pane *p, int y, const struct mv_column *bar)
{
	struct mv_rect row = {y, p->v->geo.area.x, 1, p->v->geo.area.cols};
	int end = row.x + row.cols;

	if (p->ctx->mono && bar && bar->w >= 10) {
		mv_canvas_attr(p->c, (struct mv_rect){y, row.x, 1, bar->x - row.x}, MV_ATTR_CURSOR);
		row.x = bar->x + bar->w - 6;
		row.cols = end - row.x;
	}
	mv_canvas_attr(p->c, row, MV_ATTR_CURSOR);
}

static void draw_nothing(const struct pane *p, enum mv_faults_pane which)
{
	const struct mv_trace *t = &p->ctx->snap->trace;
	struct mv_build b;

	mv_build_init(&b);
	if (which == MV_FAULTS_STACKS && p->v->rows_short)
		mv_build_why(&b, MV_WHY_NO_MEMORY);
	else if (which == MV_FAULTS_STACKS && t->sampled && t->stacks_why > MV_WHY_HAVE)
		mv_build_clean(&b, MV_TEXT("no call stacks: the other panes (Tab) show addresses"));
	else if (t->sampled)
		mv_build_clean(&b, p->v->only && which == MV_FAULTS_STACKS ? MV_TEXT("no fault of this thread yet")
									  : MV_TEXT("being put together"));
	else if (!t->running)
		mv_build_clean(&b, MV_TEXT("there was no fault while it was traced"));
	else
		mv_build_clean(&b, MV_TEXT("no fault yet: it touches nothing new"));
	mv_canvas_build(p->c, p->list.y + (p->list.rows > 4), p->list.x, p->list.cols, ROLE_DIM, &b);
}

void mv_faults_pane_draw(const struct mv_faults_view *v, const struct mv_context *ctx, struct mv_canvas *c,
			 enum mv_faults_pane pane, int head_y, struct mv_rect list, uint32_t top, uint32_t at)
{
	struct pane p = {v, ctx, c, list, mv_faults_window(ctx->snap)};
	uint32_t count = mv_faults_count(v, ctx->snap, pane);
	struct mv_column col[COLUMNS_MAX];

	if (list.rows < 1 || list.cols < 1)
		return;
	if (!count) {
		draw_nothing(&p, pane);
		return;
	}
	panes[pane].lay(&p, col);
	if (head_y >= 0)
		mv_table_headings(c, head_y, col, panes[pane].columns, panes[pane].sorted, false);
	for (int i = 0; i < list.rows && top + (uint32_t)i < count; i++) {
		panes[pane].draw(&p, list.y + i, col, top + (uint32_t)i);
		if (top + (uint32_t)i == at)
			mark_row(&p, list.y + i, panes[pane].bar >= 0 ? &col[panes[pane].bar] : NULL);
	}
}
