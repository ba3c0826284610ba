/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/text.h"
#include "tui/view_machine.h"

/* Above the table: RAM as one bar with the mark of available, swap, the container; who only grows. Below it:
 * the note. */

static uint64_t swap_total(const struct mv_context *ctx)
{
	struct mv_val v = mv_machine_mem(ctx, MV_MEM_SWAP_TOTAL);

	return mv_have(&v) ? v.value : 0;
}

static bool in_container(const struct mv_context *ctx)
{
	return ctx->machine && mv_have(&ctx->machine->ram.container_limit);
}

/* zswap keeps what would go to disk in RAM; it can be there without a swap partition that is large. */
static bool has_swap(const struct mv_context *ctx)
{
	return swap_total(ctx) > 0;
}

void machine_lay_out(struct machine_view *v, const struct mv_context *ctx, struct mv_rect area)
{
	struct task_geometry *g = &v->geo;
	int y = area.y, end = area.y + area.rows, left, x = area.x + (area.cols >= 40);
	struct mv_share parts[MV_RAM_PART__N];

	*g = (struct task_geometry){
	    .area = area, .swap_y = -1, .container_y = -1, .answer_y = -1, .headings_y = -1, .note_y = -1};
	g->header_rows = mv_header_rows(area.rows);
	y += g->header_rows;
	left = end - y;
	if (left >= 9 && area.cols >= 20) {
		int rows = left >= 28 ? 2 : 1;

		g->box = (struct mv_rect){y, area.x, rows + 2, area.cols};
		g->bar = (struct mv_rect){y + 1, area.x + 2, rows, area.cols - 4};
		y += rows + 2;
	} else if (left >= 3) {
		g->bar = (struct mv_rect){y++, area.x, 1, area.cols};
	}
	if (left >= 10 && mv_ram_parts(ctx, parts)) {
		struct mv_rect room = {y, x, left >= 16 ? 3 : 1, area.cols - 2 * (area.cols >= 40)};

		room.rows = mv_parts_legend(NULL, room, parts, MV_RAM_PART__N, ctx->exact);
		g->legend = room;
		y += room.rows;
	}
	if (left >= 14 && has_swap(ctx))
		g->swap_y = y++;
	if (left >= 14 && in_container(ctx))
		g->container_y = y++;
	if (left >= 16)
		g->answer_y = y++;
	if (left >= 30)
		y++;
	if (end - y >= 8)
		g->note_y = --end;
	if (end - y >= 3)
		g->headings_y = y++;
	g->table = (struct mv_rect){y, area.x + 2, end > y ? end - y : 0, area.cols > 3 ? area.cols - 3 : 0};
}

/* ---- RAM ---- */

/*
 * Available, again as an extent in the box's lower edge: free's `used` (procps 4) is all that is left of it.
 * It is an estimate, so that it rarely ends where a part does.
 */
static void draw_available(const struct task_geometry *g, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_ram_value total = mv_machine_value(ctx, MV_RAM_FIG_FREE_TOTAL),
			    available = mv_machine_value(ctx, MV_RAM_FIG_FREE_AVAILABLE),
			    used = mv_machine_value(ctx, MV_RAM_FIG_FREE_USED);
	int y = g->box.y + g->box.rows - 1, cols = g->bar.cols;
	struct mv_build b;

	if (total.why != MV_WHY_HAVE || available.why != MV_WHY_HAVE || total.value <= 0 || g->box.rows < 3)
		return;
	int at = (int)((total.value - available.value) / total.value * cols + 0.5);
	at = at < 0 ? 0 : at >= cols ? cols - 1 : at;
	for (int i = at; i < cols; i++)
		mv_canvas_glyph2(c, y, g->bar.x + i, ROLE_GOOD,
				 i == at	 ? U'┗'
				 : i == cols - 1 ? U'┛'
						 : U'━',
				 '=');
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT(" available "));
	mv_size_build(&b, (uint64_t)available.value, ctx->exact);
	mv_build_clean(&b, MV_TEXT(" "));
	int w = (int)b.len;
	/* Where it has no room inside the extent, it ends at the edge. */
	int x = g->bar.x + at + (cols - at - w) / 2;
	x = cols - at < w + 2 ? g->bar.x + cols - w : x;
	if (w <= cols)
		mv_canvas_build(c, y, x, w, ROLE_GOOD, &b);
	if (used.why != MV_WHY_HAVE)
		return;
	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT(" used "));
	mv_size_build(&b, (uint64_t)used.value, ctx->exact);
	mv_build_clean(&b, MV_TEXT(" "));
	w = (int)b.len;
	if (w + 2 <= at && g->bar.x + (at - w) / 2 + w < x)
		mv_canvas_build(c, y, g->bar.x + (at - w) / 2, w, ROLE_STRONG, &b);
}

/* Names inside the parts that have the room, over their lower row. */
static void draw_names(const struct task_geometry *g, struct mv_canvas *c, const struct mv_share *parts)
{
	int cells[MV_RAM_PART__N], x = g->bar.x, y = g->bar.y + g->bar.rows - 1;

	if (g->bar.rows < 2)
		return;
	mv_parts_layout(parts, MV_RAM_PART__N, g->bar.cols, cells);
	mv_canvas_fill(c, (struct mv_rect){y, g->bar.x, 1, g->bar.cols}, ROLE_TEXT, U' ');
	for (int i = 0; i < MV_RAM_PART__N; x += cells[i], i++) {
		int w = (int)mv_clean_width(parts[i].words);

		if (w + 1 <= cells[i])
			mv_canvas_text(c, y, x, w, parts[i].role, parts[i].words);
	}
}

/* "swap  ███▏      412M of 2.0G" */
static void draw_line_bar(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols,
			  struct mv_clean label, enum mv_role role, uint64_t part, uint64_t whole,
			  const struct mv_build *more)
{
	struct mv_build b;
	int bar = cols / 4 > 40 ? 40 : cols / 4, end = x + cols;

	x += mv_canvas_text(c, y, x, 10, ROLE_LABEL, label) + 1;
	if (bar >= 6) {
		struct mv_share parts[] = {{part, role, U'█', '#', {""}},
					   {whole > part ? whole - part : 0, ROLE_RAM_FREE, U'·', '.', {""}}};

		mv_parts_draw(c, (struct mv_rect){y, x, 1, bar}, parts, 2);
		x += bar + 1;
	}
	mv_build_init(&b);
	mv_size_build(&b, part, ctx->exact);
	mv_build_clean(&b, MV_TEXT(" of "));
	mv_size_build(&b, whole, ctx->exact);
	x += mv_canvas_build(c, y, x, end - x, part >= whole / 10 * 9 ? ROLE_WARN : ROLE_STRONG, &b) + 2;
	if (more && x < end)
		mv_canvas_build(c, y, x, end - x, ROLE_LABEL, more);
}

/* What lies in swap that isn't on a disk: zswap and zram keep it in RAM, smaller. */
static void build_compressed(struct mv_build *b, const struct mv_context *ctx)
{
	struct mv_val zswap = mv_machine_mem(ctx, MV_MEM_ZSWAP),
		      zswapped = mv_machine_mem(ctx, MV_MEM_ZSWAPPED);
	const struct mv_ram *ram = &ctx->machine->ram;
	uint64_t zram = 0;

	mv_build_init(b);
	if (mv_have(&zswapped) && zswapped.value && mv_have(&zswap)) {
		mv_build_clean(b, MV_TEXT("zswap: "));
		mv_size_build(b, zswapped.value, ctx->exact);
		mv_build_clean(b, MV_TEXT(" in "));
		mv_size_build(b, zswap.value, ctx->exact);
		mv_build_clean(b, MV_TEXT(" of RAM"));
	} else if (mv_have(&ram->zswap_on)) {
		mv_build_clean(b, ram->zswap_on.value ? MV_TEXT("zswap on, empty") : MV_TEXT("zswap off"));
	}
	for (uint32_t i = 0; i < ram->swaps_count && i < MV_SWAPS; i++)
		zram += ram->swaps[i].zram ? ram->swaps[i].size_bytes : 0;
	if (zram)
		mv_build_clean(b, b->len ? MV_TEXT(", zram") : MV_TEXT("zram"));
}

void machine_ram_draw(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct task_geometry *g = &v->geo;
	struct mv_share parts[MV_RAM_PART__N];
	int x = g->area.x + (g->area.cols >= 40), cols = g->area.cols - 2 * (g->area.cols >= 40);
	struct mv_build b;

	if (!g->bar.rows || !mv_ram_parts(ctx, parts))
		return;
	if (g->box.rows) {
		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("RAM "));
		mv_size_build(&b, (uint64_t)mv_machine_value(ctx, MV_RAM_FIG_FREE_TOTAL).value, ctx->exact);
		mv_canvas_box(c, g->box, mv_build_text(&b));
	}
	mv_parts_draw(c, g->bar, parts, MV_RAM_PART__N);
	draw_names(g, c, parts);
	draw_available(g, ctx, c);
	if (g->legend.rows)
		mv_parts_legend(c, g->legend, parts, MV_RAM_PART__N, ctx->exact);
	if (g->swap_y >= 0) {
		struct mv_val free_swap = mv_machine_mem(ctx, MV_MEM_SWAP_FREE);
		uint64_t whole = swap_total(ctx),
			 used = mv_have(&free_swap) && free_swap.value < whole ? whole - free_swap.value : 0;

		build_compressed(&b, ctx);
		draw_line_bar(ctx, c, g->swap_y, x, cols, MV_TEXT("swap"), ROLE_RAM_SWAP, used, whole, &b);
	}
	if (g->container_y >= 0) {
		const struct mv_ram *ram = &ctx->machine->ram;

		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("all that may be used in here"));
		draw_line_bar(ctx, c, g->container_y, x, cols, MV_TEXT("container"), ROLE_RAM_USED,
			      mv_have(&ram->container_usage) ? ram->container_usage.value : 0,
			      ram->container_limit.value, &b);
	}
}

/* ---- the answer ---- */

static void build_group(struct mv_build *b, const struct machine_view *v, const struct mv_context *ctx)
{
	const struct mv_group *group = group_of_key(ctx, v->order.group), *at;
	uint32_t count;
	const struct mv_group *groups = mv_machine_groups(ctx->machine, &count);

	if (!group) {
		mv_build_clean(b, ctx->machine->groups_ns ? MV_TEXT("this memory cgroup has gone")
							  : MV_TEXT("reading the memory cgroups"));
		return;
	}
	mv_build_clean(b, mv_machine_text(ctx->machine, group->path));
	mv_build_clean(b, MV_TEXT(": "));
	mv_build_count(b, v->rows.processes);
	mv_build_clean(b, v->rows.processes == 1 ? MV_TEXT(" process") : MV_TEXT(" processes"));
	if (mv_have(&group->usage)) {
		struct mv_val limit = mv_group_limit(groups, group, &at);

		mv_build_clean(b, MV_TEXT(", "));
		mv_size_build(b, group->usage.value, ctx->exact);
		if (mv_have(&limit)) {
			mv_build_clean(b, MV_TEXT(" of "));
			mv_size_build(b, limit.value, ctx->exact);
		}
	}
}

enum mv_role machine_answer(struct mv_build *b, const struct machine_view *v, const struct mv_context *ctx)
{
	uint32_t count = 0, growers = 0, first = 0;
	const struct mv_task *tasks = ctx->machine ? mv_machine_tasks(ctx->machine, &count) : NULL;
	struct mv_task_change most = {0};

	mv_build_init(b);
	if (!ctx->machine || !ctx->machine->tasks_ns)
		return ROLE_DIM;
	if (v->order.group) {
		build_group(b, v, ctx);
		return ROLE_TITLE;
	}
	for (uint32_t i = 0; ctx->history && i < count; i++) {
		struct mv_task_change change =
		    mv_machine_task_change(ctx->history, tasks[i].pid, tasks[i].start_ticks);

		if (!change.only_grows)
			continue;
		if (!growers || change.growth.per_second > most.growth.per_second) {
			most = change;
			first = i;
		}
		growers++;
	}
	if (!growers) {
		mv_build_clean(b, MV_TEXT("no process only grows"));
		return ROLE_DIM;
	}
	uint64_t span_ns = ctx->now_ns > most.first_ns ? ctx->now_ns - most.first_ns : 0;
	mv_build_clean(b, task_name(ctx, &tasks[first]));
	mv_build_fmt(b, " %d only grows: ", tasks[first].pid);
	if (most.grown_bytes > 0) {
		mv_build_clean(b, MV_TEXT("+"));
		mv_size_build(b, (uint64_t)most.grown_bytes, ctx->exact);
		mv_build_clean(b, MV_TEXT(" in "));
		mv_age_build(b, span_ns);
	}
	struct mv_ram_value available = mv_machine_value(ctx, MV_RAM_FIG_FREE_AVAILABLE);
	if (most.growth.have && most.growth.per_second > 0) {
		mv_build_clean(b, MV_TEXT(", "));
		mv_build_size(b, (uint64_t)most.growth.per_second);
		mv_build_clean(b, MV_TEXT("/s"));
		if (available.why == MV_WHY_HAVE && available.value / most.growth.per_second < 2 * 86400.0) {
			mv_build_clean(b, MV_TEXT("; available RAM lasts "));
			mv_growth_time_build(b, available.value / most.growth.per_second);
		}
	}
	if (growers > 1)
		mv_build_fmt(b, "   and %u more", growers - 1);
	return ROLE_GREW;
}

/* ---- the note ---- */

static void build_order(struct mv_build *b, const struct machine_view *v)
{
	if (v->order.tree == TASK_BY_PARENT)
		mv_build_clean(b, MV_TEXT("   below their parents"));
	if (v->order.tree == TASK_BY_SERVICE)
		mv_build_clean(b, MV_TEXT("   by service"));
	if (!v->columns[v->order.sort].w) {
		mv_build_clean(b, MV_TEXT("   by "));
		mv_build_clean(b, task_column_heading(v->order.sort));
	}
}

void machine_note_draw(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	int y = v->geo.note_y, x = v->geo.table.x, end = v->geo.area.x + v->geo.area.cols;
	struct mv_build b;

	if (y < 0 || !m || !m->tasks_ns)
		return;
	mv_build_init(&b);
	mv_build_count(&b, v->rows.processes);
	mv_build_clean(&b, v->rows.processes == 1 ? MV_TEXT(" process") : MV_TEXT(" processes"));
	if (v->order.by_user) {
		mv_build_clean(&b, MV_TEXT(" of "));
		mv_user_build(&b, ctx, &(struct mv_val){.value = v->order.uid, .why = MV_WHY_HAVE});
	}
	if (v->order.name[0]) {
		char clean[128];

		mv_build_clean(&b, MV_TEXT(" with "));
		mv_build_clean(&b, mv_clean_into(clean, sizeof(clean), v->order.name, strlen(v->order.name)));
	}
	if (v->rows.others_hidden) {
		mv_build_clean(&b, MV_TEXT(", "));
		mv_build_count(&b, v->rows.others_hidden);
		mv_build_clean(&b, v->rows.others_hidden == 1 ? MV_TEXT(" other not shown (f)")
							      : MV_TEXT(" others not shown (f)"));
	}
	if (v->rows.kernel_hidden) {
		mv_build_clean(&b, MV_TEXT("   "));
		mv_build_count(&b, v->rows.kernel_hidden);
		mv_build_clean(&b, v->rows.kernel_hidden == 1 ? MV_TEXT(" kernel thread not shown")
							      : MV_TEXT(" kernel threads not shown"));
	}
	build_order(&b, v);
	x += mv_canvas_build(c, y, x, end - x, ROLE_DIM, &b) + 3;
	mv_build_init(&b);
	if (m->tasks_hidden)
		mv_build_clean(&b, MV_TEXT("others' are hidden: /proc is mounted with hidepid   "));
	if (m->tasks_left_out) {
		mv_build_count(&b, m->tasks_left_out);
		mv_build_clean(&b, MV_TEXT(" more have no room here   "));
	}
	if (v->order.tree == TASK_BY_SERVICE && !mv_have(&m->groups_why) &&
	    m->groups_why.why != MV_WHY_NOT_READ) {
		mv_build_clean(&b, MV_TEXT("memory cgroups: "));
		mv_build_why(&b, (enum mv_why)m->groups_why.why);
	}
	if (x < end)
		mv_canvas_build(c, y, x, end - x, ROLE_WARN, &b);
}

void machine_nothing_draw(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &v->geo.table;
	const struct mv_machine_snapshot *m = ctx->machine;
	struct mv_clean words = MV_TEXT("no process is to be seen");
	enum mv_role role = ROLE_DIM;

	if (!t->rows)
		return;
	if (v->rows.failed) {
		words = MV_TEXT("memview ran out of memory for the table");
		role = ROLE_WARN;
	} else if (!m || !m->tasks_ns) {
		words = MV_TEXT("reading the processes");
	} else if (v->order.group) {
		words = MV_TEXT("no process is in this memory cgroup");
	} else if (v->order.by_user || v->order.name[0]) {
		words = MV_TEXT("no process passes the filter; f chooses others");
	}
	mv_wrap_draw(c, (struct mv_rect){t->y + (t->rows > 2), t->x, t->rows, t->cols}, role, words);
}
