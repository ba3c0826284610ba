/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_services.h"

/* The services view: where things are, the line about the group under the cursor, keys. */

/* ---- life ---- */

static int services_init(void *state, const struct mv_place *place)
{
	struct services_view *v = state;

	v->sort = SERVICE_USAGE;
	v->selected = place->group;
	return 0;
}

static void services_go(void *state, const struct mv_place *place)
{
	struct services_view *v = state;

	if (place->group)
		v->selected = place->group;
}

static void services_release(void *state)
{
	struct services_view *v = state;

	free(v->rows);
	free(v->tasks);
	free(v->heads);
}

/* ---- settling ---- */

static void lay_out(struct services_view *v, struct mv_rect area)
{
	int y = area.y, end = area.y + area.rows, rows = area.rows, detail;

	v->area = area;
	v->path_y = v->head_y = v->note_y = -1;
	v->text = area.cols >= 40 ? (struct mv_rect){area.y, area.x + 1, rows, area.cols - 2} : area;
	v->header_rows = rows >= 13 ? mv_header_rows(rows) : rows >= 7;
	y += v->header_rows;
	if (rows >= 9)
		v->path_y = y++;
	if (rows >= 30)
		y++;
	detail = rows >= 30 ? 5 : rows >= 20 ? 3 : rows >= 14 ? 1 : 0;
	v->detail = (struct mv_rect){end - detail, v->text.x, detail, v->text.cols};
	end -= detail;
	if (end - y >= 3)
		v->head_y = y++;
	v->table = (struct mv_rect){y, area.x + 2, end > y ? end - y : 0, area.cols > 3 ? area.cols - 3 : 0};
}

static const struct mv_group *group_at(const struct services_view *v, const struct mv_context *ctx,
				       uint32_t row)
{
	uint32_t count;
	const struct mv_group *groups = service_groups(ctx, &count);

	return row < v->count && v->rows[row].group < count ? &groups[v->rows[row].group] : NULL;
}

static uint32_t row_of(const struct services_view *v, const struct mv_context *ctx)
{
	for (uint32_t i = 0; v->selected && i < v->count; i++)
		if (mv_group_key(ctx->machine, group_at(v, ctx, i)) == v->selected)
			return i;
	return !v->selected ? 0 : v->at < v->count ? v->at : v->count ? v->count - 1 : 0;
}

static void services_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct services_view *v = state;

	lay_out(v, area);
	services_rows_settle(v, ctx);
	services_columns_layout(v, ctx);
	v->at = row_of(v, ctx);
	v->top = mv_table_scroll(v->top, v->at, v->count, v->table.rows);
}

static void services_want(const void *state, const struct mv_context *ctx, struct mv_machine_want *want)
{
	(void)state;
	(void)ctx;
	want->facts |= MV_MACHINE_TASKS | MV_MACHINE_GROUPS;
}

/* ---- drawing ---- */

static uint64_t known(struct mv_val v)
{
	return mv_have(&v) ? v.value : 0;
}

/* "112M of 512M, its own limit: 400M are left" */
static enum mv_role build_words(struct mv_build *b, const struct mv_context *ctx, const struct mv_group *g)
{
	uint32_t count;
	const struct mv_group *groups = service_groups(ctx, &count), *at;
	struct mv_val limit = mv_group_limit(groups, g, &at);

	mv_build_init(b);
	mv_build_clean(b, mv_machine_text(ctx->machine, g->path));
	mv_build_clean(b, MV_TEXT(": "));
	if (!mv_have(&g->usage) && g == &groups[g->parent]) {
		mv_build_clean(
		    b, MV_TEXT("the whole machine, for which the kernel counts no usage; side 2 does"));
		return ROLE_TEXT;
	}
	if (!mv_have(&g->usage)) {
		mv_build_why(b, (enum mv_why)g->usage.why);
		return ROLE_DIM;
	}
	mv_size_build(b, g->usage.value, ctx->exact);
	if (!mv_have(&limit)) {
		mv_build_clean(b, MV_TEXT(", no limit but the machine's RAM"));
		return ROLE_TEXT;
	}
	mv_build_clean(b, MV_TEXT(" of "));
	mv_size_build(b, limit.value, ctx->exact);
	if (at == g) {
		mv_build_clean(b, MV_TEXT(", its own limit"));
	} else {
		mv_build_clean(b, MV_TEXT(", the limit of "));
		mv_build_clean(b, mv_machine_text(ctx->machine, at->name));
	}
	uint64_t used = known(at->usage);
	mv_build_clean(b, MV_TEXT(": "));
	mv_size_build(b, limit.value > used ? limit.value - used : 0, ctx->exact);
	mv_build_clean(b, MV_TEXT(" left"));
	return used >= limit.value / 10 * 9 ? ROLE_WARN : ROLE_TEXT;
}

/* What is charged to it, split; what no figure names is "other". */
static size_t make_parts(const struct mv_group *g, struct mv_share parts[static 5])
{
	uint64_t usage = known(g->usage), anon = known(g->anon), shmem = known(g->shmem),
		 file = known(g->file), kernel = known(g->kernel);
	uint64_t kernel_or_slab = kernel ? kernel : known(g->slab);

	file = file > shmem ? file - shmem : 0;
	uint64_t told = anon + shmem + file + kernel_or_slab;
	parts[0] = (struct mv_share){anon, ROLE_RAM_USED, U'█', '#', MV_TEXT("anon")};
	parts[1] = (struct mv_share){shmem, ROLE_RAM_SHARED, U'▚', '=', MV_TEXT("shmem")};
	parts[2] = (struct mv_share){file, ROLE_RAM_CACHE, U'▒', '+', MV_TEXT("file")};
	parts[3] = (struct mv_share){kernel_or_slab, ROLE_RAM_KERNEL, U'▓', '%', MV_TEXT("kernel")};
	parts[4] =
	    (struct mv_share){usage > told ? usage - told : 0, ROLE_RAM_FREE, U'░', ':', MV_TEXT("other")};
	return 5;
}

static void add_event(struct mv_build *b, struct mv_val events, struct mv_clean one, struct mv_clean many)
{
	if (!mv_have(&events) || !events.value)
		return;
	mv_build_clean(b, b->len ? MV_TEXT(", ") : MV_TEXT(""));
	mv_build_count(b, events.value);
	mv_build_clean(b, events.value == 1 ? one : many);
}

static enum mv_role build_events(struct mv_build *b, const struct mv_group *g)
{
	mv_build_init(b);
	add_event(b, g->oom_kills, MV_TEXT(" process killed for want of memory"),
		  MV_TEXT(" processes killed for want of memory"));
	add_event(b, g->oom_events, MV_TEXT(" time out of memory"), MV_TEXT(" times out of memory"));
	add_event(b, g->max_events, MV_TEXT(" time at its limit"), MV_TEXT(" times at its limit"));
	add_event(b, g->high_events, MV_TEXT(" time throttled (high)"), MV_TEXT(" times throttled (high)"));
	add_event(b, g->low_events, MV_TEXT(" time reclaimed below low"),
		  MV_TEXT(" times reclaimed below low"));
	if (b->len)
		return known(g->oom_kills) ? ROLE_ALERT : ROLE_WARN;
	if (mv_have(&g->max_events) || mv_have(&g->oom_kills))
		mv_build_clean(b, MV_TEXT("it has never been short of memory"));
	return ROLE_DIM;
}

static void draw_detail(const struct services_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_group *g = group_at(v, ctx, v->at);
	struct mv_rect r = v->detail;
	struct mv_share parts[5];
	struct mv_build b;
	int y = r.y;

	if (!g || !r.rows)
		return;
	if (r.rows >= 5) {
		mv_rule_draw(c, y++, r.x, r.cols, ROLE_STRONG, mv_machine_text(ctx->machine, g->name));
	}
	enum mv_role role = build_words(&b, ctx, g);
	mv_canvas_build(c, y++, r.x, r.cols, role, &b);
	size_t count = make_parts(g, parts);
	if (r.rows >= 5)
		mv_parts_draw(c, (struct mv_rect){y++, r.x, 1, r.cols}, parts, count);
	if (r.rows >= 3)
		mv_parts_legend(c, (struct mv_rect){y++, r.x, 1, r.cols}, parts, count, ctx->exact);
	if (r.rows < 3)
		return;
	role = build_events(&b, g);
	mv_canvas_build(c, y, r.x, r.cols, role, &b);
}

static void draw_path(const struct services_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	struct mv_build b;

	mv_build_init(&b);
	if (m && mv_have(&m->groups_why)) {
		mv_build_count(&b, v->count);
		mv_build_clean(&b, v->count == 1 ? MV_TEXT(" memory cgroup") : MV_TEXT(" memory cgroups"));
		if (v->hidden) {
			mv_build_clean(&b, MV_TEXT(" and "));
			mv_build_count(&b, v->hidden);
			mv_build_clean(&b, MV_TEXT(" empty"));
		}
		mv_build_clean(&b, m->groups_why.value == 3   ? MV_TEXT(", v1 beside v2")
				   : m->groups_why.value == 1 ? MV_TEXT(", v1")
							      : MV_TEXT(", v2"));
		if (m->groups_ns && ctx->now_ns > m->groups_ns + mv_old_ns(ctx)) {
			mv_build_clean(&b, MV_TEXT(", "));
			mv_machine_age_build(&b, ctx, m->groups_ns);
		}
	}
	mv_machine_path_draw(ctx, c, v->path_y, v->text.x, v->text.cols, MV_TEXT("services"), ROLE_LABEL,
			     b.len ? &b : NULL);
}

static void draw_nothing(const struct services_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	struct mv_rect t = v->table;
	enum mv_role role = ROLE_DIM;
	struct mv_build b;

	if (!t.rows)
		return;
	mv_build_init(&b);
	if (v->short_of_memory) {
		mv_build_clean(&b, MV_TEXT("memview ran out of memory for the table"));
		role = ROLE_WARN;
	} else if (!m || m->groups_why.why == MV_WHY_NOT_READ || m->groups_why.why == MV_WHY_NOT_ASKED) {
		mv_build_clean(&b, MV_TEXT("reading the memory cgroups"));
	} else if (!mv_have(&m->groups_why)) {
		mv_build_clean(&b, MV_TEXT("there are no memory cgroups: "));
		mv_build_clean(&b, mv_words(mv_why_text((enum mv_why)m->groups_why.why)));
		role = ROLE_WARN;
	} else {
		mv_build_clean(&b, MV_TEXT("no memory cgroup is to be seen"));
	}
	mv_wrap_draw(c, (struct mv_rect){t.y + (t.rows > 2), t.x, t.rows, t.cols}, role, mv_build_text(&b));
}

static void services_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *c,
			  struct mv_rect area)
{
	const struct services_view *v = state;

	if (area.rows < 1 || area.cols < 1)
		return;
	if (v->header_rows)
		mv_machine_header_draw(
		    ctx, c, (struct mv_rect){area.y, area.x, v->header_rows > 1 ? area.rows : 1, area.cols});
	draw_path(v, ctx, c);
	if (!v->count) {
		draw_nothing(v, ctx, c);
		return;
	}
	services_table_draw(v, ctx, c);
	draw_detail(v, ctx, c);
}

/* ---- keys ---- */

static struct mv_outcome select_row(struct services_view *v, const struct mv_context *ctx, int64_t row)
{
	if (!v->count)
		return mv_outcome_stay();
	v->at = row < 0 ? 0 : row >= (int64_t)v->count ? v->count - 1 : (uint32_t)row;
	v->selected = mv_group_key(ctx->machine, group_at(v, ctx, v->at));
	v->top = mv_table_scroll(v->top, v->at, v->count, v->table.rows);
	return mv_outcome_stay();
}

static struct mv_outcome resettle(struct services_view *v, const struct mv_context *ctx)
{
	services_settle(v, ctx, v->area);
	return mv_outcome_stay();
}

static struct mv_outcome sort_by(struct services_view *v, const struct mv_context *ctx,
				 enum service_column column, bool turn)
{
	v->reverse = turn && v->sort == column && !v->reverse;
	v->sort = column;
	v->selected = 0;
	v->top = 0;
	return resettle(v, ctx);
}

static struct mv_outcome sort_next(struct services_view *v, const struct mv_context *ctx)
{
	int column = (int)v->sort;

	do
		column = (column + 1) % SERVICE__COLUMNS;
	while (column != (int)v->sort && !v->columns[column].w);
	return sort_by(v, ctx, (enum service_column)column, false);
}

static struct mv_outcome fold(struct services_view *v, const struct mv_context *ctx, bool open)
{
	if (v->at < v->count && services_fold(v, ctx, open)) {
		v->selected = mv_group_key(ctx->machine, group_at(v, ctx, v->at));
		return resettle(v, ctx);
	}
	if (!open && v->at < v->count && v->rows[v->at].depth) {
		uint32_t row = v->at;

		while (row > 0 && v->rows[row].depth >= v->rows[v->at].depth)
			row--;
		return select_row(v, ctx, row);
	}
	return mv_outcome_stay();
}

static struct mv_outcome enter(struct services_view *v, const struct mv_context *ctx)
{
	const struct mv_group *g = group_at(v, ctx, v->at);

	if (!g)
		return mv_outcome_hint(MV_TEXT("there is no group to open"));
	v->selected = mv_group_key(ctx->machine, g);
	return (struct mv_outcome){
	    .kind = MV_OUT_PUSH, .view = MV_VIEW_MACHINE, .place = {.group = v->selected}};
}

static struct mv_outcome find(struct services_view *v, const struct mv_context *ctx, uint32_t from, bool back)
{
	if (!v->find[0])
		return mv_outcome_hint(MV_TEXT("nothing was looked for yet; / finds a group by its name"));
	for (uint32_t k = 1; k <= v->count; k++) {
		uint32_t row = (from + (back ? v->count - k : k)) % v->count;

		if (mv_holds(mv_machine_text(ctx->machine, group_at(v, ctx, row)->name), v->find))
			return select_row(v, ctx, row);
	}
	return mv_outcome_hint(MV_TEXT("no group that is shown is named so"));
}

static struct mv_outcome services_answer(void *state, const struct mv_context *ctx, const char *text)
{
	struct services_view *v = state;

	if (!text[0])
		return mv_outcome_stay();
	strncpy(v->find, text, sizeof(v->find) - 1);
	v->find[sizeof(v->find) - 1] = '\0';
	return find(v, ctx, v->at ? v->at - 1 : v->count ? v->count - 1 : 0, false);
}

static struct mv_outcome click(struct services_view *v, const struct mv_context *ctx, struct mv_input input)
{
	const struct mv_rect *t = &v->table;
	int64_t row = (int64_t)v->top + input.y - t->y;

	if (input.key != MV_KEY_CLICK)
		return mv_outcome_none();
	if (v->head_y >= 0 && input.y == v->head_y) {
		for (int i = 0; i < SERVICE__COLUMNS; i++)
			if (v->columns[i].w && input.x >= v->columns[i].x &&
			    input.x < v->columns[i].x + v->columns[i].w)
				return sort_by(v, ctx, (enum service_column)i, true);
		return mv_outcome_none();
	}
	if (input.y < t->y || input.y >= t->y + t->rows || row >= (int64_t)v->count)
		return mv_outcome_none();
	return select_row(v, ctx, row);
}

static struct mv_outcome services_act(void *state, const struct mv_context *ctx, enum mv_action action,
				      struct mv_input input)
{
	struct services_view *v = state;
	int64_t at = v->at, row;

	if (mv_move_to(action, at, v->table.rows, &row))
		return select_row(v, ctx, row);
	switch (action) {
	case MV_ACT_LEFT:
	case MV_ACT_RIGHT:
		return fold(v, ctx, action == MV_ACT_RIGHT);
	case MV_ACT_ENTER:
		return enter(v, ctx);
	case MV_ACT_SORT:
		return sort_next(v, ctx);
	case MV_ACT_REVERSE:
		v->reverse = !v->reverse;
		v->selected = 0;
		v->top = 0;
		return resettle(v, ctx);
	case MV_ACT_FIND:
		return (struct mv_outcome){.kind = MV_OUT_ASK, .text = MV_TEXT("find a group by its name: ")};
	case MV_ACT_FIND_NEXT:
	case MV_ACT_FIND_PREV:
		return find(v, ctx, v->at, action == MV_ACT_FIND_PREV);
	case MV_ACT_NONE:
		return click(v, ctx, input);
	default:
		return mv_outcome_none();
	}
}

/* ---- what it is ---- */

static bool services_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			     struct mv_meaning *m)
{
	const struct services_view *v = state;

	if (n == 0)
		return service_column_meaning(v, ctx, v->sort, m);
	for (int i = 0; i < SERVICE__COLUMNS; i++)
		if (v->columns[i].w && i != (int)v->sort && --n == 0)
			return service_column_meaning(v, ctx, (enum service_column)i, m);
	return false;
}

static struct mv_clean services_enter_words(const void *state, const struct mv_context *ctx)
{
	(void)state;
	(void)ctx;
	return MV_TEXT("its processes");
}

const struct mv_view_ops mv_view_services = {
    .id = MV_VIEW_SERVICES,
    .letter = 'v',
    .name = {"Services"},
    .state_bytes = sizeof(struct services_view),
    .init = services_init,
    .release = services_release,
    .go = services_go,
    .settle = services_settle,
    .want_machine = services_want,
    .draw = services_draw,
    .act = services_act,
    .answer = services_answer,
    .meaning = services_meaning,
    .enter_words = services_enter_words,
};
