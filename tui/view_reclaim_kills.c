/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/text.h"
#include "tui/view_reclaim.h"

/* Past kills: a line each, and the one under the cursor field by field, in words. */

// clang-format off
#define COLUMNS(X)                                              \
	X(WHEN, "WHEN", 22, 10, 1, false)                       \
	X(PID, "PID", 7, 7, 0, true)                            \
	X(ANON, "ANON", 5, 5, 2, true)                          \
	X(FILE, "FILE", 5, 5, 4, true)                          \
	X(SHMEM, "SHMEM", 5, 5, 5, true)                        \
	X(TABLES, "TABLES", 6, 6, 6, true)                      \
	X(WHERE, "RAN OUT", 24, 12, 3, false)                   \
	X(NAME, "NAME", 16, 10, 0, false)
// clang-format on

static const struct {
	struct mv_clean heading;
	int width, min_width, give_up;
	bool right;
} infos[KILL__COLUMNS] = {
#define X(id, heading, width, min, give, right) [KILL_##id] = {{heading}, width, min, give, right},
    COLUMNS(X)
#undef X
};

void reclaim_kills_layout(struct reclaim_view *v, const struct mv_context *ctx)
{
	for (int i = 0; i < KILL__COLUMNS; i++) {
		v->kills[i] = (struct mv_column){.heading = infos[i].heading,
						 .width = infos[i].width,
						 .min_width = infos[i].min_width,
						 .give_up = infos[i].give_up,
						 .right = infos[i].right,
						 .on = true};
		if (ctx->exact && i >= KILL_ANON && i <= KILL_TABLES)
			v->kills[i].width = v->kills[i].min_width = 14;
	}
	mv_table_layout(v->kills, KILL__COLUMNS, v->table.cols, KILL_WHERE);
	for (int i = 0; i < KILL__COLUMNS; i++)
		v->kills[i].x += v->table.x;
}

/* "12:03:04  3:12:09 ago", where there is room for both. */
static void build_when(struct mv_build *b, const struct mv_context *ctx, const struct mv_kill *kill, int cols)
{
	mv_build_init(b);
	mv_clock_build(b, kill->real_ns);
	if (ctx->now_real_ns < kill->real_ns + MV_NS_PER_SEC)
		return;
	struct mv_build clock = *b;
	mv_build_clean(b, MV_TEXT("  "));
	mv_age_build(b, ctx->now_real_ns - kill->real_ns);
	mv_build_clean(b, MV_TEXT(" ago"));
	if ((int)b->len > cols)
		*b = clock;
}

/* Who had run out: the machine, or a group. */
static struct mv_clean where_of(const struct mv_context *ctx, const struct mv_kill *kill)
{
	struct mv_clean limited = mv_machine_text(ctx->machine, kill->limited);

	return limited.text[0]			    ? limited
	       : kill->constraint == MV_OOM_BY_NONE ? MV_TEXT("the machine")
						    : MV_TEXT("-");
}

static void draw_row(const struct reclaim_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y,
		     const struct mv_kill *kill)
{
	const struct mv_column *col = v->kills;
	struct mv_build b;

	build_when(&b, ctx, kill, col[KILL_WHEN].w);
	mv_cell_put(c, y, &col[KILL_WHEN], ROLE_TEXT, &b);
	mv_build_init(&b);
	mv_build_fmt(&b, "%d", kill->pid);
	mv_cell_put(c, y, &col[KILL_PID], ROLE_TEXT, &b);
	mv_cell_size(c, y, &col[KILL_ANON], ROLE_STRONG, kill->anon, ctx->exact);
	mv_cell_size(c, y, &col[KILL_FILE], ROLE_TEXT, kill->file, ctx->exact);
	mv_cell_size(c, y, &col[KILL_SHMEM], ROLE_TEXT, kill->shmem, ctx->exact);
	mv_cell_size(c, y, &col[KILL_TABLES], ROLE_TEXT, kill->tables, ctx->exact);
	mv_canvas_text(c, y, col[KILL_WHERE].x, col[KILL_WHERE].w, ROLE_LABEL, where_of(ctx, kill));
	mv_canvas_text(c, y, col[KILL_NAME].x, col[KILL_NAME].w, ROLE_ALERT,
		       mv_machine_text(ctx->machine, kill->name));
}

/* ---- field by field ---- */

#define FIELD_COLS 14
#define VALUE_COLS 10

struct detail {
	struct mv_canvas *c;
	const struct mv_context *ctx;
	struct mv_rect r;
	int y;
};

static void put_line(struct detail *d, struct mv_clean field, enum mv_role role, const struct mv_build *value)
{
	int x = d->r.x + FIELD_COLS, rows = d->r.y + d->r.rows - d->y;

	if (rows <= 0)
		return;
	mv_canvas_text(d->c, d->y, d->r.x, FIELD_COLS - 1, ROLE_LABEL, field);
	rows = mv_wrap_draw(d->c, (struct mv_rect){d->y, x, rows > 2 ? 2 : rows, d->r.cols - FIELD_COLS},
			    role, mv_build_text(value));
	d->y += rows > 0 ? rows : 1;
}

static void put_size(struct detail *d, struct mv_clean field, struct mv_val v, struct mv_clean words)
{
	struct mv_build b;

	mv_build_init(&b);
	if (mv_have(&v))
		mv_size_build(&b, v.value, d->ctx->exact);
	else
		mv_build_clean(&b, MV_TEXT("-"));
	mv_build_pad(&b, VALUE_COLS);
	mv_build_clean(&b, words);
	put_line(d, field, ROLE_TEXT, &b);
}

static void put_who(struct detail *d, const struct mv_kill *kill)
{
	const struct mv_machine_snapshot *m = d->ctx->machine;
	struct mv_clean group = mv_machine_text(m, kill->group), invoker = mv_machine_text(m, kill->invoker);
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, mv_machine_text(m, kill->name));
	mv_build_fmt(&b, ", pid %d", kill->pid);
	if (mv_have(&kill->uid)) {
		mv_build_clean(&b, MV_TEXT(", user "));
		mv_user_build(&b, d->ctx, &kill->uid);
	}
	if (group.text[0]) {
		mv_build_clean(&b, MV_TEXT(", in "));
		mv_build_clean(&b, group);
	}
	put_line(d, MV_TEXT("task"), ROLE_STRONG, &b);
	mv_build_init(&b);
	mv_build_clean(
	    &b, mv_words(mv_oom_constraints[kill->constraint < MV_OOM_BY__N ? kill->constraint : 0].words));
	struct mv_clean limited = mv_machine_text(m, kill->limited);
	if (limited.text[0]) {
		mv_build_clean(&b, MV_TEXT(": "));
		mv_build_clean(&b, limited);
	}
	put_line(d, MV_TEXT("constraint"), ROLE_TEXT, &b);
	if (!invoker.text[0])
		return;
	mv_build_init(&b);
	mv_build_clean(&b, invoker);
	mv_build_clean(&b, MV_TEXT(" asked for memory when there was none"));
	put_line(d, MV_TEXT("invoked by"), ROLE_TEXT, &b);
}

static void draw_detail(const struct reclaim_view *v, const struct mv_context *ctx, struct mv_canvas *c,
			const struct mv_kill *kill)
{
	struct detail d = {c, ctx, v->detail, v->detail.y};
	struct mv_build b;

	if (!d.r.rows)
		return;
	put_who(&d, kill);
	put_size(&d, MV_TEXT("anon-rss"), kill->anon,
		 MV_TEXT("heap, stacks, private copies: what its end gave back"));
	put_size(&d, MV_TEXT("file-rss"), kill->file,
		 MV_TEXT("pages of files that it mapped: they stay as page cache"));
	put_size(&d, MV_TEXT("shmem-rss"), kill->shmem,
		 MV_TEXT("shared memory: it stays while it has a name or another user"));
	put_size(&d, MV_TEXT("pgtables"), kill->tables, MV_TEXT("its page tables, given back as well"));
	put_size(&d, MV_TEXT("total-vm"), kill->total_vm,
		 MV_TEXT("addresses it had reserved: not a measure of RAM"));
	mv_build_init(&b);
	if (mv_have(&kill->adjust))
		mv_build_fmt(&b, "%d", (int)kill->adjust.value - 1000);
	else
		mv_build_clean(&b, MV_TEXT("-"));
	mv_build_pad(&b, VALUE_COLS);
	mv_build_clean(&b, !mv_have(&kill->adjust)     ? MV_TEXT("this kernel does not say it")
			   : kill->adjust.value > 1000 ? MV_TEXT("it was set to be killed sooner")
			   : kill->adjust.value < 1000 ? MV_TEXT("it was protected, and still the worst")
						       : MV_TEXT("nothing was set: its size alone decided"));
	put_line(&d, MV_TEXT("oom_score_adj"), ROLE_TEXT, &b);
	mv_build_init(&b);
	mv_build_clean(&b, kill->reaped ? MV_TEXT("yes       the memory was taken back before it had ended")
					: MV_TEXT("no        the log does not say so: it ended by itself"));
	put_line(&d, MV_TEXT("oom_reaper"), ROLE_TEXT, &b);
	mv_build_init(&b);
	mv_build_clean(&b, mv_machine_text(ctx->machine, kill->line));
	put_line(&d, MV_TEXT("in the log"), ROLE_DIM, &b);
}

void reclaim_kills_draw(const struct reclaim_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	const struct mv_rect *t = &v->table;
	uint32_t count = 0;
	const struct mv_kill *kills = m ? mv_machine_kills(m, &count) : NULL;
	struct mv_build b;

	if (!count) {
		mv_build_init(&b);
		if (m && !mv_have(&m->kills_why) && m->kills_why.why != MV_WHY_NOT_READ &&
		    m->kills_why.why != MV_WHY_NOT_ASKED) {
			mv_build_clean(&b, MV_TEXT("the kernel's log can't be read: "));
			mv_build_clean(&b, mv_words(mv_why_text((enum mv_why)m->kills_why.why)));
		} else {
			mv_build_clean(&b, m && mv_have(&m->kills_why)
					       ? MV_TEXT("the kernel's log tells of no kill")
					       : MV_TEXT("reading the kernel's log"));
		}
		if (t->rows)
			mv_wrap_draw(c, *t, m && mv_have(&m->kills_why) ? ROLE_DIM : ROLE_WARN,
				     mv_build_text(&b));
		return;
	}
	if (v->head_y >= 0)
		mv_table_headings(c, v->head_y, v->kills, KILL__COLUMNS, KILL_WHEN, false);
	for (int i = 0; i < t->rows && v->top + (uint32_t)i < count; i++) {
		draw_row(v, ctx, c, t->y + i, &kills[v->top + (uint32_t)i]);
		if (v->top + (uint32_t)i == v->at)
			mv_cell_cursor(c, t->y + i, *t, true);
	}
	if (v->at < count)
		draw_detail(v, ctx, c, &kills[v->at]);
}
