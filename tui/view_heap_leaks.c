/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_heap.h"

/* Lost blocks: how far a scan is, what it found, and what weakens that. What is asked first: view_heap_ask.c.
 */

// clang-format off
#define COLUMNS(X)                                              \
	X(LEAK_BLOCKS, "BLOCKS", 9, 6, 0, true)                 \
	X(LEAK_BYTES, "BYTES", 6, 6, 0, true)                   \
	X(LEAK_SIZE, "SIZE", 9, 5, 2, true)                     \
	X(LEAK_DIRECT, "DIRECT", 9, 6, 3, true)                 \
	X(LEAK_HELD, "HOLD", 6, 5, 4, true)                     \
	X(LEAK_WHAT, "FIRST WORD", 40, 12, 0, false)
// clang-format on

static const struct {
	struct mv_clean heading;
	int width, min_width, give_up;
	bool right;
} infos[LEAK__COLUMNS] = {
#define X(id, heading, width, min, give, right) [id] = {{heading}, width, min, give, right},
    COLUMNS(X)
#undef X
};

bool heap_leaks_told(const struct mv_context *ctx)
{
	const struct mv_leaks_head *l = heap_leaks_head(ctx);

	return l && l->at_ns && l->why == MV_LEAKS_WHY_NONE;
}

static const struct mv_leak_group *groups_of(const struct mv_context *ctx, uint32_t *ret_count)
{
	*ret_count = 0;
	return heap_leaks_told(ctx) ? mv_snapshot_leak_groups(ctx->snap, ret_count) : NULL;
}

/* ---- finding things again ---- */

static bool is_selected(const struct heap_view *v, const struct mv_leaks_group *g)
{
	/* Only of an image's addresses is the first word that of all. */
	return g->size == v->leak_selected.size && g->what == v->leak_selected.what &&
	       (g->what != MV_FIRST_IMAGE || g->first_word == v->leak_selected.first_word);
}

void heap_leaks_settle(struct heap_view *v, const struct mv_context *ctx)
{
	const struct mv_leaks_head *l = heap_leaks_head(ctx);
	uint32_t count;
	const struct mv_leak_group *g = groups_of(ctx, &count);

	if (!l)
		return;
	heap_ask_settle(&v->ask, l);
	if (v->leak_at >= count)
		v->leak_at = count ? count - 1 : 0;
	if (!v->leak_selected.set)
		v->leak_at = 0;
	for (uint32_t i = 0; v->leak_selected.set && i < count; i++)
		if (is_selected(v, &g[i].g)) {
			v->leak_at = i;
			break;
		}
	if (count && v->example >= g[v->leak_at].g.examples_count)
		v->example = 0;
	v->leak_top = mv_table_scroll(v->leak_top, v->leak_at, count, v->geo.table.rows);
}

void heap_leaks_select(struct heap_view *v, const struct mv_context *ctx, int64_t row)
{
	uint32_t count;
	const struct mv_leak_group *g = groups_of(ctx, &count);

	if (!count)
		return;
	v->leak_at = row < 0 ? 0 : row >= (int64_t)count ? count - 1 : (uint32_t)row;
	v->leak_selected.size = g[v->leak_at].g.size;
	v->leak_selected.what = g[v->leak_at].g.what;
	v->leak_selected.first_word = g[v->leak_at].g.first_word;
	v->leak_selected.set = true;
	v->example = 0;
	v->leak_top = mv_table_scroll(v->leak_top, v->leak_at, count, v->geo.table.rows);
}

struct mv_outcome heap_leaks_example(struct heap_view *v, const struct mv_context *ctx, int step)
{
	uint32_t count;
	const struct mv_leak_group *g = groups_of(ctx, &count);
	uint32_t n = v->leak_at < count ? g[v->leak_at].g.examples_count : 0;

	if (n)
		v->example = (v->example + n + (uint32_t)(step + (int)n)) % n;
	return mv_outcome_stay();
}

struct mv_outcome heap_leaks_open(struct heap_view *v, const struct mv_context *ctx)
{
	uint32_t count, i;
	const struct mv_leak_group *g = groups_of(ctx, &count);

	if (!heap_leaks_told(ctx))
		return heap_say(v, MV_TEXT("nothing was scanned yet: L looks for lost blocks"));
	if (v->leak_at >= count || v->example >= g[v->leak_at].g.examples_count)
		return heap_say(v, MV_TEXT("there is no example to open"));
	uint64_t address = g[v->leak_at].g.examples[v->example];
	i = mv_snapshot_find(ctx->snap, address);
	if (i >= mv_snapshot_count(ctx->snap))
		return heap_say(v, MV_TEXT("this block's mapping has gone since"));
	return (struct mv_outcome){
	    .kind = MV_OUT_PUSH,
	    .view = MV_VIEW_PAGE,
	    .place = {.mapping = mv_snapshot_mappings(ctx->snap)[i].start, .page = address}};
}

/* ---- words ---- */

static struct mv_clean phase_words(uint32_t phase)
{
	switch (phase) {
	case MV_LEAKS_STARTS:
		return MV_TEXT("starts");
	case MV_LEAKS_FINDS:
		return MV_TEXT("finds malloc's state");
	case MV_LEAKS_PREPARES:
		return MV_TEXT("takes memory for the copy");
	case MV_LEAKS_STOPS:
		return MV_TEXT("stops the threads");
	case MV_LEAKS_COPIES:
		return MV_TEXT("copies");
	case MV_LEAKS_WALKS:
		return MV_TEXT("walks the blocks");
	case MV_LEAKS_MARKS:
		return MV_TEXT("marks what is reachable");
	case MV_LEAKS_GROUPS:
		return MV_TEXT("groups what is lost");
	default:
		return MV_TEXT("is ready");
	}
}

static void build_progress(struct mv_build *b, const struct mv_leaks_head *l)
{
	mv_build_clean(b, l->mode == MV_LEAKS_EXACT ? MV_TEXT("exact scan: ") : MV_TEXT("scan: "));
	if (l->mode != MV_LEAKS_EXACT)
		mv_build_fmt(b, "look %u, ", l->progress.round + 1);
	mv_build_clean(b, phase_words(l->progress.phase));
	if (l->progress.phase == MV_LEAKS_COPIES && l->progress.total_bytes) {
		mv_build_clean(b, MV_TEXT(" "));
		mv_build_size(b, l->progress.done_bytes);
		mv_build_clean(b, MV_TEXT(" of "));
		mv_build_size(b, l->progress.total_bytes);
	}
}

static void build_failure(struct mv_build *b, const struct mv_leaks_head *l)
{
	mv_build_clean(b, MV_TEXT("no answer: "));
	mv_build_clean(b, mv_words(mv_leaks_whys[l->why].words));
	if (l->heap_reason > MV_HEAP_HAVE) {
		mv_build_clean(b, MV_TEXT(" ("));
		mv_build_clean(b, mv_words(mv_heap_reason_text((enum mv_heap_reason)l->heap_reason)));
		mv_build_clean(b, MV_TEXT(")"));
	}
	if (l->error > 0)
		mv_build_fmt(b, " (errno %d)", (int)l->error);
}

static void add_blocks(struct mv_build *b, uint64_t n)
{
	mv_build_count(b, n);
	mv_build_clean(b, n == 1 ? MV_TEXT(" block") : MV_TEXT(" blocks"));
}

static void build_answer(struct mv_build *b, const struct mv_leaks_head *l, const struct mv_context *ctx)
{
	if (!l->lost.blocks) {
		mv_build_clean(b, MV_TEXT("nothing lost: each of "));
		add_blocks(b, l->blocks);
		mv_build_clean(b, MV_TEXT(" in use is reachable"));
		return;
	}
	add_blocks(b, l->lost.blocks);
	mv_build_clean(b, MV_TEXT(", "));
	mv_size_build(b, l->lost.bytes, ctx->exact);
	mv_build_clean(b, MV_TEXT(" lost: "));
	mv_build_count(b, l->direct.blocks);
	mv_build_clean(b, MV_TEXT(" direct, "));
	mv_build_count(b, l->indirect.blocks);
	mv_build_clean(b, MV_TEXT(" hang off them"));
	if (l->groups_left_out) {
		mv_build_clean(b, MV_TEXT("; "));
		mv_build_count(b, l->groups_left_out);
		mv_build_clean(b, MV_TEXT(" smaller groups not listed"));
	}
}

enum mv_role heap_leaks_verdict(struct mv_build *b, const struct heap_view *v, const struct mv_context *ctx)
{
	const struct mv_leaks_head *l = heap_leaks_head(ctx);

	mv_build_init(b);
	if (!l)
		return ROLE_DIM;
	if (l->state == MV_LEAKS_STATE_RUNS) {
		build_progress(b, l);
		return ROLE_WARN;
	}
	if (v->ask.seq) {
		mv_build_clean(b, v->ask.flags & MV_LEAKS_WANT_COST
				      ? MV_TEXT("working out what an exact scan would take; Esc: let it be")
				      : MV_TEXT("a scan is asked for"));
		return ROLE_WARN;
	}
	if (l->state == MV_LEAKS_STATE_NONE || !l->at_ns) {
		mv_build_clean(b, MV_TEXT("not scanned yet: L looks for blocks that nothing points to"));
		return ROLE_WARN;
	}
	if (l->why != MV_LEAKS_WHY_NONE) {
		build_failure(b, l);
		return ROLE_ALERT;
	}
	build_answer(b, l, ctx);
	return l->lost.blocks ? ROLE_ALERT : ROLE_GOOD;
}

/* "exact, 3.1 s ago, stood for 61 ms; ..." */
static void build_how(struct mv_build *b, const struct mv_leaks_head *l, const struct mv_context *ctx)
{
	mv_build_init(b);
	if (l->mode == MV_LEAKS_EXACT) {
		mv_build_clean(b, MV_TEXT("exact"));
	} else {
		mv_build_fmt(b, "%u", l->rounds);
		mv_build_clean(b, l->rounds == 1 ? MV_TEXT(" look") : MV_TEXT(" looks"));
	}
	mv_build_clean(b, MV_TEXT(" "));
	heap_ago(b, ctx, l->at_ns);
	mv_build_clean(b, MV_TEXT(", stood for "));
	heap_duration(b, l->stopped_ns);
	mv_build_clean(b, l->rounds > 1 ? MV_TEXT(" at most; took ") : MV_TEXT("; took "));
	heap_duration(b, l->took_ns);
	mv_build_clean(b, MV_TEXT(", looked at "));
	mv_build_size(b, l->scanned_bytes);
}

/* What could not be looked at, and so may hide pointers. */
static bool build_left_out(struct mv_build *b, const struct mv_leaks_head *l)
{
	uint64_t hidden = l->swapped_bytes + l->unreadable_bytes;

	mv_build_init(b);
	if (!hidden && !l->threads_unseen)
		return false;
	mv_build_clean(b, MV_TEXT("not seen: "));
	if (l->swapped_bytes) {
		mv_build_size(b, l->swapped_bytes);
		mv_build_clean(b, MV_TEXT(" in swap"));
	}
	if (l->unreadable_bytes) {
		mv_build_clean(b, l->swapped_bytes ? MV_TEXT(", ") : MV_TEXT(""));
		mv_build_size(b, l->unreadable_bytes);
		mv_build_clean(b, MV_TEXT(" unreadable"));
	}
	if (l->threads_unseen) {
		mv_build_clean(b, hidden ? MV_TEXT(", registers of ") : MV_TEXT("registers of "));
		mv_build_count(b, l->threads_unseen);
		mv_build_clean(b, MV_TEXT(" of "));
		mv_build_count(b, (uint64_t)l->threads_unseen + l->threads);
		mv_build_clean(b, MV_TEXT(" threads"));
	}
	mv_build_clean(b, MV_TEXT(": what only these point to seems lost, and is not"));
	return true;
}

static void build_first_word(struct mv_build *b, const struct mv_snapshot *snap,
			     const struct mv_leak_group *group)
{
	const struct mv_leaks_group *g = &group->g;

	if (group->name) {
		mv_build_clean(b, mv_snapshot_heap_text(snap, group->name));
		return;
	}
	if (g->what == MV_FIRST_TEXT && group->text) {
		mv_build_clean(b, MV_TEXT("\""));
		mv_build_clean(b, mv_snapshot_heap_text(snap, group->text));
		mv_build_clean(b, MV_TEXT("\""));
		return;
	}
	if (g->what == MV_FIRST_IMAGE) {
		uint32_t i = mv_snapshot_find(snap, g->first_word);

		mv_words_addr(b, g->first_word);
		if (i < mv_snapshot_count(snap)) {
			mv_build_clean(b, MV_TEXT(" in "));
			mv_words_name(b, snap, i, true);
		}
		return;
	}
	mv_build_clean(b, mv_words(mv_first_words[g->what].words));
}

/* ---- drawing ---- */

void heap_leaks_layout(struct heap_view *v, const struct mv_context *ctx)
{
	for (int i = 0; i < LEAK__COLUMNS; i++) {
		v->leak_cols[i] = (struct mv_column){.heading = infos[i].heading,
						     .width = infos[i].width,
						     .min_width = infos[i].min_width,
						     .give_up = infos[i].give_up,
						     .right = infos[i].right,
						     .on = true};
		if (ctx->exact && (i == LEAK_BYTES || i == LEAK_HELD))
			v->leak_cols[i].width = v->leak_cols[i].min_width = 14;
	}
	mv_table_layout(v->leak_cols, LEAK__COLUMNS, v->geo.table.cols, LEAK_WHAT);
	for (int i = 0; i < LEAK__COLUMNS; i++)
		v->leak_cols[i].x += v->geo.table.x;
}

static void draw_group(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		       const struct mv_leak_group *group)
{
	const struct mv_column *col = v->leak_cols;
	const struct mv_leaks_group *g = &group->g;
	struct mv_build b;

	heap_put_count(c, y, &col[LEAK_BLOCKS], ROLE_TEXT, g->blocks);
	heap_put_size(c, y, &col[LEAK_BYTES], ROLE_STRONG, g->bytes, ctx->exact);
	heap_put_count(c, y, &col[LEAK_SIZE], ROLE_TEXT, g->size);
	heap_put_count(c, y, &col[LEAK_DIRECT], g->direct_blocks ? ROLE_ALERT : ROLE_DIM, g->direct_blocks);
	heap_put_size(c, y, &col[LEAK_HELD], ROLE_TEXT, g->held_bytes, ctx->exact);
	mv_build_init(&b);
	build_first_word(&b, ctx->snap, group);
	heap_put(c, y, &col[LEAK_WHAT], group->name || g->what == MV_FIRST_TEXT ? ROLE_STRONG : ROLE_DIM, &b);
}

static void build_group(struct mv_build *b, const struct mv_context *ctx, const struct mv_leak_group *g)
{
	mv_build_count(b, g->g.size);
	if (g->name || (g->g.what == MV_FIRST_TEXT && g->text)) {
		mv_build_clean(b, MV_TEXT(" ("));
		build_first_word(b, ctx->snap, g);
		mv_build_clean(b, MV_TEXT(")"));
	}
}

/* "from 112 (vtable for Session), at +24: 800 blocks, 87.5K" */
static void draw_link(const struct mv_context *ctx, struct mv_canvas *c, const struct mv_rect *r, int y,
		      const struct mv_leaks_link *l, uint32_t self)
{
	uint32_t count;
	const struct mv_leak_group *g = groups_of(ctx, &count);
	bool out = l->from == self;
	uint32_t other = out ? l->to : l->from;
	struct mv_build b;

	if (other >= count)
		return;
	mv_build_init(&b);
	mv_build_clean(&b, out && l->to == self ? MV_TEXT("holds its own kind at +")
			   : out		? MV_TEXT("holds at +")
						: MV_TEXT("hangs at +"));
	mv_build_count(&b, l->offset);
	if (other != self) {
		mv_build_clean(&b, out ? MV_TEXT(" blocks of ") : MV_TEXT(" of blocks of "));
		build_group(&b, ctx, &g[other]);
	}
	mv_build_clean(&b, MV_TEXT(": "));
	add_blocks(&b, l->blocks);
	mv_build_clean(&b, MV_TEXT(", "));
	mv_size_build(&b, l->bytes, ctx->exact);
	mv_canvas_build(c, y, r->x, r->cols, ROLE_TEXT, &b);
}

/* Of the selected group: its examples, and what it hangs off and holds. */
static int draw_detail(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c, int rows)
{
	struct mv_rect whole = v->geo.detail, *r = &whole;
	uint32_t count, links, y = 0;
	const struct mv_leak_group *g = groups_of(ctx, &count);
	const struct mv_leaks_link *l = mv_snapshot_leak_links(ctx->snap, &links);
	struct mv_build b;

	r->rows = rows;
	if (v->leak_at >= count || r->rows < 1)
		return 0;
	g += v->leak_at;
	mv_build_init(&b);
	if (v->example < g->g.examples_count) {
		mv_build_fmt(&b, "example %u of %u: ", v->example + 1, g->g.examples_count);
		mv_words_addr(&b, g->g.examples[v->example]);
		mv_build_clean(&b, MV_TEXT("  (left, right: others; Enter: its bytes)"));
	} else {
		mv_build_clean(&b, MV_TEXT("no example"));
	}
	mv_canvas_build(c, r->y, r->x, r->cols, ROLE_LABEL, &b);
	y++;
	for (uint32_t i = 0; i < links && (int)y < r->rows; i++)
		if (l[i].from == v->leak_at || l[i].to == v->leak_at)
			draw_link(ctx, c, r, r->y + (int)y++, &l[i], v->leak_at);
	return (int)y;
}

/* What L and ! do, while nothing has been scanned. */
static void draw_before(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	static const struct mv_clean lines[] = {
	    {"L  looks four times at the running process: its heap is copied while it runs, and only its "
	     "registers are read in "
	     "stops of milliseconds; more often while the looks don't agree. Lost is what all found lost. "
	     "Takes "
	     "some seconds."},
	    {"!  exact: the process stands while its heap is copied. Asks first, and says for how long and "
	     "how "
	     "much memory that needs."},
	    {"A block is lost when no register, stack, static variable, other memory or reachable block "
	     "holds an address inside it."}};
	const struct mv_leaks_head *l = heap_leaks_head(ctx);
	struct mv_rect r = v->geo.table;
	struct mv_build b;

	if (v->geo.table_head_y >= 0) {
		r.y = v->geo.table_head_y;
		r.rows += v->geo.table.y - v->geo.table_head_y;
	}
	if (l->state == MV_LEAKS_STATE_RUNS) {
		uint64_t total = l->progress.total_bytes, done = l->progress.done_bytes;

		if (total && r.rows)
			mv_bar_draw(c, r.y, r.x, r.cols, ROLE_BAR, done < total ? done : total, total);
		return;
	}
	if (l->cost_ns && l->cost.stop_ns && r.rows) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("exact: it would stand for about "));
		heap_duration(&b, l->cost.stop_ns);
		mv_build_clean(&b, MV_TEXT(", and needs "));
		mv_build_size(&b, l->cost.need_bytes);
		mv_build_clean(&b, MV_TEXT(" of "));
		mv_build_size(&b, l->cost.room_bytes);
		mv_build_clean(&b, MV_TEXT(" free memory"));
		int used = mv_wrap_draw(c, r, ROLE_STRONG, mv_build_text(&b));
		r.y += used;
		r.rows -= used;
	}
	for (size_t i = 0; i < MV_COUNT_OF(lines) && r.rows > 0; i++) {
		int used = mv_wrap_draw(c, r, ROLE_DIM, lines[i]);

		r.y += used;
		r.rows -= used;
	}
}

/* What is no loss and may be looked for here: blocks that are held by their inside, stacks that count no
 * more.
 */
static bool build_aside(struct mv_build *b, const struct mv_leaks_head *l, bool exact)
{
	mv_build_init(b);
	if (l->interior_only.blocks) {
		add_blocks(b, l->interior_only.blocks);
		mv_build_clean(b, MV_TEXT(", "));
		mv_size_build(b, l->interior_only.bytes, exact);
		mv_build_clean(b, MV_TEXT(", reached by their inside alone: not lost"));
	}
	if (l->dead_stacks) {
		mv_build_clean(b, b->len ? MV_TEXT("; ") : MV_TEXT(""));
		mv_build_count(b, l->dead_stacks);
		mv_build_clean(b, l->dead_stacks == 1 ? MV_TEXT(" ended stack") : MV_TEXT(" ended stacks"));
	}
	return b->len;
}

#define NOTES 3

/* Below the groups: the selected one; what weakens the answer, how it came or what an exact one would take,
 * what is no loss. In few rows what comes first counts more. */
static void draw_below(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_leaks_head *l = heap_leaks_head(ctx);
	const struct mv_rect *d = &v->geo.detail;
	struct mv_build notes[NOTES];
	enum mv_role roles[NOTES];
	int n = 0, most = d->rows >= 8 ? NOTES : d->rows >= 4 ? 2 : d->rows >= 2, y;

	if (heap_cost_known(l, ctx) && l->cost_ns > l->at_ns) {
		mv_build_init(&notes[n]);
		mv_build_clean(&notes[n], MV_TEXT("exact: it would stand for about "));
		heap_duration(&notes[n], l->cost.stop_ns);
		roles[n++] = ROLE_STRONG;
	}
	if (build_left_out(&notes[n], l))
		roles[n++] = ROLE_WARN;
	if (n < NOTES) {
		build_how(&notes[n], l, ctx);
		roles[n++] = ROLE_DIM;
	}
	if (n < NOTES && build_aside(&notes[n], l, ctx->exact))
		roles[n++] = ROLE_DIM;
	n = n < most ? n : most;
	y = d->y + draw_detail(v, ctx, c, d->rows - n);
	for (int i = 0; i < n; i++)
		mv_canvas_build(c, y + i, d->x, d->cols, roles[i], &notes[i]);
}

void heap_leaks_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->geo.table;
	uint32_t count;
	const struct mv_leak_group *g = groups_of(ctx, &count);
	struct mv_build b;
	enum mv_role role;

	if (!heap_leaks_head(ctx))
		return;
	role = heap_leaks_verdict(&b, v, ctx);
	if (v->geo.note_y >= 0)
		mv_canvas_build(c, v->geo.note_y, v->geo.text.x, v->geo.text.cols, role, &b);
	if (!heap_leaks_told(ctx)) {
		draw_before(v, ctx, c);
		return;
	}
	draw_below(v, ctx, c);
	if (!count)
		return;
	if (v->geo.table_head_y >= 0)
		mv_table_headings(c, v->geo.table_head_y, v->leak_cols, LEAK__COLUMNS, LEAK_BYTES, false);
	for (int i = 0; i < t->rows && v->leak_top + (uint32_t)i < count; i++) {
		draw_group(v, ctx, c, t->y + i, &g[v->leak_top + (uint32_t)i]);
		if (v->leak_top + (uint32_t)i == v->leak_at)
			heap_mark_row(v, c, t->y + i, v->focus == HEAP_LEAKS);
	}
}
