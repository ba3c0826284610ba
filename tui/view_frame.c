/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_atlas.h"

/* One frame of the machine: its flags in words, its count, its memory cgroup, and who maps it. */

struct frame_view {
	uint64_t frame;
	int32_t lit;
	uint32_t at, top; /* among the mappers */
	uint32_t page_bytes;
	struct mv_rect area, facts, list;
	int header_rows, path_y, mappers_y;
	bool settled;
};

static int frame_init(void *state, const struct mv_place *place)
{
	struct frame_view *v = state;

	v->frame = place->frame;
	v->lit = place->pid;
	v->page_bytes = 4096;
	return 0;
}

/* The frame's detail, when this picture has it. */
static const struct mv_frame_detail *detail_of(const struct frame_view *v, const struct mv_context *ctx)
{
	const struct mv_machine_snapshot *m = ctx->machine;

	return m && m->facts & MV_MACHINE_FRAME && m->frame.pfn == v->frame &&
		       m->frame.flags.why != MV_WHY_NOT_READ && m->frame.flags.why != MV_WHY_NOT_ASKED
		   ? &m->frame
		   : NULL;
}

static void frame_settle(void *state, const struct mv_context *ctx, struct mv_rect area)
{
	struct frame_view *v = state;
	const struct mv_frame_detail *d = detail_of(v, ctx);
	uint32_t count = d ? d->mappers_count : 0;
	int y = area.y, rest, list;

	if (ctx->machine)
		v->page_bytes = ctx->machine->page_bytes;
	v->area = area;
	v->settled = true;
	v->path_y = v->mappers_y = -1;
	v->header_rows = area.rows >= 13 ? mv_header_rows(area.rows) : 0;
	y += v->header_rows;
	if (area.rows >= 3)
		v->path_y = y++;
	if (area.rows >= 20)
		y++;
	rest = area.y + area.rows - y;
	/* The mappers below the facts, a third of the room at least. */
	list = rest >= 6 ? (rest / 3 > 3 ? rest / 3 : 3) : rest / 2;
	if (list > (int)count + 2)
		list = (int)count + 2;
	v->facts = (struct mv_rect){y, area.x + 1, rest - list, area.cols - 2};
	v->list =
	    (struct mv_rect){y + rest - list + (list > 1), area.x + 1, list - (list > 1), area.cols - 2};
	v->mappers_y = list > 1 ? y + rest - list : -1;
	if (v->at >= count)
		v->at = count ? count - 1 : 0;
	v->top = mv_table_scroll(v->top, v->at, count, v->list.rows);
}

/* Those most likely to map it first: the one that is lit, then by their size. */
static void name_processes(const struct frame_view *v, const struct mv_machine_snapshot *m,
			   struct mv_machine_want *want)
{
	uint32_t count, n = 0;
	const struct mv_task *tasks = mv_machine_tasks(m, &count);
	uint64_t rss[MV_MACHINE_VISIBLE];

	for (uint32_t i = 0; i < count; i++) {
		const uint64_t size = tasks[i].pid == v->lit ? UINT64_MAX : tasks[i].rss_bytes;
		uint32_t at = n < MV_MACHINE_VISIBLE ? n : MV_MACHINE_VISIBLE - 1;

		if (!size || tasks[i].flags & (MV_TASK_KERNEL | MV_TASK_ZOMBIE))
			continue;
		if (n == MV_MACHINE_VISIBLE && rss[at] >= size)
			continue;
		while (at > 0 && rss[at - 1] < size) {
			rss[at] = rss[at - 1];
			want->visible[at] = want->visible[at - 1];
			at--;
		}
		rss[at] = size;
		want->visible[at] = tasks[i].pid;
		n += n < MV_MACHINE_VISIBLE;
	}
	want->visible_count = n;
}

static void frame_want(const void *state, const struct mv_context *ctx, struct mv_machine_want *want)
{
	const struct frame_view *v = state;

	/* The atlas as well, so that it goes on and its lit frames stay known. */
	want->facts |= MV_MACHINE_FRAME | MV_MACHINE_ATLAS | MV_MACHINE_GROUPS;
	want->lit = v->lit;
	want->pfn = v->frame;
	if (ctx->machine)
		name_processes(v, ctx->machine, want);
}

/* ---- drawing ---- */

static void draw_label(const struct frame_view *v, struct mv_canvas *c, int y, struct mv_clean label)
{
	mv_canvas_text(c, y, v->facts.x, 12, ROLE_LABEL, label);
}

static int fact(const struct frame_view *v, struct mv_canvas *c, int y, struct mv_clean label,
		enum mv_role role, const struct mv_build *b)
{
	if (y >= v->facts.y + v->facts.rows)
		return y;
	draw_label(v, c, y, label);
	mv_canvas_build(c, y, v->facts.x + 12, v->facts.cols - 12, role, b);
	return y + 1;
}

static void group_build(struct mv_build *b, const struct mv_context *ctx, uint64_t inode)
{
	uint32_t count;
	const struct mv_group *groups = mv_machine_groups(ctx->machine, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (groups[i].inode == inode) {
			mv_build_clean(b, mv_machine_text(ctx->machine, groups[i].path));
			return;
		}
	}
	if (!inode) {
		mv_build_clean(b, MV_TEXT("none: it is charged to nobody"));
		return;
	}
	mv_build_clean(b, MV_TEXT("one with inode "));
	mv_build_count(b, inode);
	mv_build_clean(b, MV_TEXT(", which is not in the list"));
}

static void val_build(struct mv_build *b, const struct mv_val *v)
{
	if (mv_have(v))
		mv_build_count(b, v->value);
	else
		mv_build_why(b, (enum mv_why)v->why);
}

static int draw_flags(const struct frame_view *v, struct mv_canvas *c, int y, const struct mv_frame_detail *d)
{
	const int end = v->facts.y + v->facts.rows;
	struct mv_build b;

	mv_build_init(&b);
	if (!mv_have(&d->flags)) {
		mv_build_why(&b, (enum mv_why)d->flags.why);
		return fact(v, c, y, MV_TEXT("flags"), ROLE_WARN, &b);
	}
	mv_build_fmt(&b, "0x%llx", (unsigned long long)d->flags.value);
	if (!d->flags.value)
		mv_build_clean(&b, MV_TEXT(": none is set"));
	y = fact(v, c, y, MV_TEXT("flags"), ROLE_TEXT, &b);
	for (size_t i = 0; i < mv_frame_flags_count && y < end; i++) {
		if (!(d->flags.value >> mv_frame_flags[i].bit & 1))
			continue;
		int x = v->facts.x + 12;
		mv_canvas_text(c, y, x, 14, ROLE_STRONG, mv_words(mv_frame_flags[i].name));
		mv_canvas_text(c, y, x + 15, v->facts.cols - 27, ROLE_TEXT,
			       mv_words(mv_frame_flags[i].meaning));
		y++;
	}
	return y;
}

static void draw_facts(const struct frame_view *v, const struct mv_context *ctx, struct mv_canvas *c,
		       const struct mv_frame_detail *d)
{
	int y = v->facts.y;
	struct mv_build b;

	if (mv_have(&d->flags)) {
		mv_build_init(&b);
		mv_build_clean(&b, atlas_words_of(d->use));
		y = fact(v, c, y, MV_TEXT("used for"), atlas_role_of(d->use), &b);
	}
	mv_build_init(&b);
	val_build(&b, &d->count);
	if (mv_have(&d->count))
		mv_build_clean(&b, d->count.value == 1 ? MV_TEXT(" page table entry")
						       : MV_TEXT(" page table entries"));
	y = fact(v, c, y, MV_TEXT("mapped by"), mv_have(&d->count) ? ROLE_TEXT : ROLE_WARN, &b);
	mv_build_init(&b);
	if (mv_have(&d->cgroup))
		group_build(&b, ctx, d->cgroup.value);
	else
		mv_build_why(&b, (enum mv_why)d->cgroup.why);
	y = fact(v, c, y, MV_TEXT("charged to"), mv_have(&d->cgroup) ? ROLE_TEXT : ROLE_WARN, &b);
	draw_flags(v, c, y, d);
}

static void draw_mappers_head(const struct frame_view *v, const struct mv_context *ctx, struct mv_canvas *c,
			      const struct mv_frame_detail *d)
{
	struct mv_pages_pen pen = {c, v->mappers_y, v->list.x, v->list.x + v->list.cols};
	struct mv_build b;

	(void)ctx;
	if (v->mappers_y < 0)
		return;
	pen_text(&pen, ROLE_HEADING, MV_TEXT("who maps it  "));
	mv_build_init(&b);
	if (!mv_have(&d->searched)) {
		mv_build_why(&b, (enum mv_why)d->searched.why);
		pen_build(&pen, ROLE_WARN, &b);
		return;
	}
	mv_build_count(&b, d->searched.value);
	mv_build_clean(&b, d->searched.value == 1 ? MV_TEXT(" process has been searched")
						  : MV_TEXT(" processes have been searched"));
	pen_build(&pen, ROLE_DIM, &b);
}

static void draw_mappers(const struct frame_view *v, const struct mv_context *ctx, struct mv_canvas *c,
			 const struct mv_frame_detail *d)
{
	struct mv_build b;

	draw_mappers_head(v, ctx, c, d);
	if (!d->mappers_count && v->list.rows > 0 && mv_have(&d->searched))
		mv_canvas_text(c, v->list.y, v->list.x, v->list.cols, ROLE_DIM,
			       MV_TEXT("none of them so far"));
	for (int i = 0; i < v->list.rows && v->top + (uint32_t)i < d->mappers_count; i++) {
		const uint32_t k = v->top + (uint32_t)i;
		int y = v->list.y + i, x = v->list.x;

		mv_build_init(&b);
		mv_words_addr(&b, d->mappers[k].address);
		mv_canvas_text_right(c, y, x, 16, ROLE_HEX_ADDR, mv_build_text(&b));
		mv_build_init(&b);
		atlas_process_build(&b, ctx, d->mappers[k].pid);
		mv_canvas_build(c, y, x + 18, v->list.cols - 18, ROLE_TEXT, &b);
		if (k == v->at)
			mv_canvas_attr(c, (struct mv_rect){y, x, 1, v->list.cols}, MV_ATTR_CURSOR);
	}
}

static void frame_draw(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas,
		       struct mv_rect area)
{
	const struct frame_view *v = state;
	const struct mv_frame_detail *d = detail_of(v, ctx);
	struct mv_build b;

	if (!v->settled || area.rows < 1 || area.cols < 4)
		return;
	if (v->header_rows)
		mv_machine_header_draw(ctx, canvas, area);
	mv_build_init(&b);
	mv_build_fmt(&b, "Frame 0x%llx", (unsigned long long)v->frame);
	if (v->path_y >= 0) {
		int x = area.x + 1 +
			mv_canvas_build(canvas, v->path_y, area.x + 1, area.cols - 2, ROLE_TITLE, &b);
		mv_build_init(&b);
		mv_build_fmt(&b, " at physical address %llx", (unsigned long long)(v->frame * v->page_bytes));
		mv_canvas_build(canvas, v->path_y, x, area.x + area.cols - x, ROLE_DIM, &b);
	}
	if (!d) {
		mv_canvas_text(canvas, v->facts.y, v->facts.x, v->facts.cols, ROLE_DIM,
			       MV_TEXT("reading this frame ..."));
		return;
	}
	draw_facts(v, ctx, canvas, d);
	draw_mappers(v, ctx, canvas, d);
}

/* ---- keys ---- */

/* The neighbouring frame, where there is RAM. */
static struct mv_outcome turn_to(struct frame_view *v, const struct mv_context *ctx, bool back)
{
	const uint64_t to = back ? v->frame - 1 : v->frame + 1;

	if ((back && !v->frame) || !atlas_is_ram(ctx->machine, to, to + 1))
		return mv_outcome_hint(MV_TEXT("there is no RAM beside it"));
	v->frame = to;
	v->at = v->top = 0;
	return mv_outcome_stay();
}

static struct mv_outcome frame_act(void *state, const struct mv_context *ctx, enum mv_action action,
				   struct mv_input input)
{
	struct frame_view *v = state;
	const struct mv_frame_detail *d = detail_of(v, ctx);
	const uint32_t count = d ? d->mappers_count : 0;

	if (!ctx->machine)
		return mv_outcome_none();
	switch (action) {
	case MV_ACT_LEFT:
	case MV_ACT_RIGHT:
		return turn_to(v, ctx, action == MV_ACT_LEFT);
	case MV_ACT_UP:
		v->at -= v->at > 0;
		return mv_outcome_stay();
	case MV_ACT_DOWN:
		v->at += v->at + 1 < count;
		return mv_outcome_stay();
	case MV_ACT_FIRST:
	case MV_ACT_LAST:
		v->at = action == MV_ACT_LAST && count ? count - 1 : 0;
		return mv_outcome_stay();
	case MV_ACT_ENTER:
		if (!count)
			return mv_outcome_hint(MV_TEXT("no process that maps it has been found"));
		return (struct mv_outcome){
		    .kind = MV_OUT_OPEN,
		    .place = {.pid = d->mappers[v->at].pid, .page = d->mappers[v->at].address}};
	case MV_ACT_NONE:
		if ((input.key != MV_KEY_CLICK && input.key != MV_KEY_DOUBLE_CLICK) || input.y < v->list.y ||
		    input.y >= v->list.y + v->list.rows || v->top + (uint32_t)(input.y - v->list.y) >= count)
			return mv_outcome_none();
		v->at = v->top + (uint32_t)(input.y - v->list.y);
		return mv_outcome_stay();
	default:
		return mv_outcome_none();
	}
}

static struct mv_clean frame_enter_words(const void *state, const struct mv_context *ctx)
{
	(void)state;
	(void)ctx;
	return MV_TEXT("process");
}

static bool frame_meaning(const void *state, const struct mv_context *ctx, unsigned n,
			  struct mv_meaning *ret_meaning)
{
	static const struct {
		struct mv_clean title, formula, source, unit, note;
	} meanings[] = {
	    {{"flags"},
	     {"a bit each, as the kernel's names say"},
	     {"/proc/kpageflags, Documentation/admin-guide/mm/pagemap.rst"},
	     {""},
	     {"They change all the time: this is one look, anew at each tick."}},
	    {{"mapped by"},
	     {"how many page table entries, of all processes, point to it"},
	     {"/proc/kpagecount"},
	     {"entries"},
	     {"Newer kernels that no longer count each page of a larger folio tell its average here. The "
	      "page of zeroes counts none."}},
	    {{"charged to"},
	     {"the memory cgroup whose limit it counts against"},
	     {"/proc/kpagecgroup: the inode of its directory"},
	     {""},
	     {"A page of a file is charged to whoever read it first; when that group has gone, to the one "
	      "above it."}},
	    {{"who maps it"},
	     {"the frame is looked for among the present pages of the processes"},
	     {"/proc/PID/maps and /proc/PID/pagemap"},
	     {""},
	     {"The lit process first, then the largest, at most 128; each in slices, so it may take some "
	      "seconds."}},
	};

	(void)state;
	if (n < MV_COUNT_OF(meanings)) {
		mv_words_meaning(ret_meaning, meanings[n].title, meanings[n].formula, meanings[n].source,
				 meanings[n].unit, meanings[n].note);
		return true;
	}
	return mv_machine_header_meaning(ctx, n - (unsigned)MV_COUNT_OF(meanings), ret_meaning);
}

static struct mv_place frame_place(const void *state, const struct mv_context *ctx)
{
	const struct frame_view *v = state;

	(void)ctx;
	return (struct mv_place){.pid = v->lit, .frame = v->frame};
}

const struct mv_view_ops mv_view_frame = {
    .id = MV_VIEW_FRAME,
    .letter = 'b',
    .name = {"Frame"},
    .state_bytes = sizeof(struct frame_view),
    .init = frame_init,
    .settle = frame_settle,
    .want_machine = frame_want,
    .draw = frame_draw,
    .act = frame_act,
    .meaning = frame_meaning,
    .enter_words = frame_enter_words,
    .place = frame_place,
};
