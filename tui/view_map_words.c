/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_map.h"

/* Words about the columns: what `w` says, and the line that tells why there is no value or how old it is. */

bool map_column_meaning(const struct map_state *state, const struct mv_context *ctx, enum map_column column,
			struct mv_meaning *m)
{
	unsigned field = map_column_field(column);
	struct map_cell cell;
	double rate = 0;

	mv_build_init(&m->title);
	mv_build_init(&m->formula);
	mv_build_init(&m->source);
	mv_build_init(&m->unit);
	mv_build_init(&m->note);
	mv_build_clean(&m->title, map_column_heading(column));
	mv_build_clean(&m->formula, map_column_words(column));
	if (field < MV_SMAPS__N) {
		mv_build_clean(&m->source, MV_TEXT("/proc/PID/smaps "));
		mv_build_clean(&m->source, mv_words(mv_smaps_fields[field].key));
	} else {
		mv_build_clean(&m->source, map_column_source(column));
	}
	if (map_column_is_size(column))
		mv_build_clean(&m->unit, MV_TEXT("bytes (K = 1024, M = 1024K, G = 1024M)"));
	else if (column == COL_GROWTH)
		mv_build_clean(&m->unit, MV_TEXT("bytes a second"));
	else if (column == COL_PAGES)
		mv_build_fmt(&m->unit, "pages of %u bytes", ctx->snap ? ctx->snap->page_bytes : 0);
	if (!ctx->snap || state->cursor >= state->rows.count)
		return true;
	const struct map_row *row = &state->rows.at[state->cursor];
	if (row->kind == ROW_GHOST || column == COL_NAME)
		return true;
	struct mv_val v = map_row_value(state, ctx, row, column, &rate);
	mv_build_clean(&m->title, MV_TEXT("  "));
	if (!mv_have(&v)) {
		mv_build_why(&m->title, (enum mv_why)v.why);
	} else if (column == COL_RESIDENT) {
		if (row->kind == ROW_MAPPING)
			mv_build_fmt(&m->title, "%.1f %%", (double)v.value / 1e4);
	} else if (row->kind == ROW_MAPPING || map_column_is_size(column) || column == COL_GROWTH ||
		   column == COL_PAGES) {
		map_cell_build(ctx, column, v, rate, &cell);
		mv_build_clean(&m->title, mv_build_text(&cell.text));
	}
	if (mv_have(&v) && map_column_is_delta(ctx, column)) {
		mv_build_clean(&m->note, MV_TEXT("now less at the mark (m); 0 then for a mapping that came later. d shows it as it is"));
	} else if (mv_have(&v) && map_column_is_size(column)) {
		mv_build_clean(&m->note, MV_TEXT("exactly "));
		mv_build_count(&m->note, v.value);
		mv_build_clean(&m->note, MV_TEXT(" bytes"));
	} else if (mv_have(&v) && column == COL_KIND && row->kind == ROW_MAPPING) {
		mv_build_clean(&m->note, mv_words(mv_kind_meaning((enum mv_kind)v.value)));
	} else if (mv_have(&v) && column == COL_FLAGS && row->kind == ROW_MAPPING) {
		for (unsigned i = 0; i < MV_VM__N; i++) {
			if (!(v.value >> i & 1))
				continue;
			if (m->note.len)
				mv_build_clean(&m->note, MV_TEXT(", "));
			mv_build_clean(&m->note, mv_words(mv_vm_flag_letters((enum mv_vm_flag)i)));
			mv_build_clean(&m->note, MV_TEXT(" "));
			mv_build_clean(&m->note, mv_words(mv_vm_flag_meaning((enum mv_vm_flag)i)));
		}
	}
	return true;
}

/* "PSS, DIRTY": those of the columns that are shown; false: none. */
static bool note_columns(const struct map_state *state, struct mv_build *b, uint64_t columns)
{
	bool any = false;

	for (int i = 0; i < COL__N; i++) {
		if (!(columns >> i & 1) || !state->columns[i].w)
			continue;
		mv_build_clean(b, any ? MV_TEXT(", ") : b->len ? MV_TEXT("   ") : MV_TEXT(""));
		mv_build_clean(b, state->columns[i].heading);
		any = true;
	}
	return any;
}

/* "PSS, DIRTY: - (needs …)" for the shown columns that come from a part that cannot be read. */
static void note_part(const struct map_state *state, struct mv_build *b, uint64_t columns, uint32_t why)
{
	if (why == MV_WHY_HAVE || why == MV_WHY_NOT_READ || !note_columns(state, b, columns))
		return;
	mv_build_clean(b, MV_TEXT(": "));
	mv_build_why(b, (enum mv_why)why);
}

bool map_columns_note(const struct map_state *state, const struct mv_context *ctx, struct mv_build *b)
{
	const struct mv_snapshot *snap = ctx->snap;
	uint64_t from_smaps = 0, limit_ns = mv_old_ns(ctx);
	uint64_t from_pages = UINT64_C(1) << COL_RSS | UINT64_C(1) << COL_SWAP | UINT64_C(1) << COL_RESIDENT;

	mv_build_init(b);
	if (!snap || !mv_snapshot_count(snap))
		return false;
	for (int i = 0; i < COL__N; i++) {
		if (!map_column_needs_smaps((enum map_column)i))
			continue;
		from_smaps |= UINT64_C(1) << i;
	}
	if (snap->maps_torn)
		mv_build_clean(b, MV_TEXT("the mappings changed while they were read"));
	note_part(state, b, from_pages, snap->part_why[MV_PART_PAGES]);
	note_part(state, b, from_smaps, snap->part_why[MV_PART_SMAPS]);
	if (!ctx->paused && snap->part_why[MV_PART_PAGES] == MV_WHY_HAVE && !snap->pages_ns &&
	    snap->round_of) {
		mv_build_clean(b, b->len ? MV_TEXT("   reading pages: ") : MV_TEXT("reading pages: "));
		mv_build_count(b, snap->pages_done);
		mv_build_clean(b, MV_TEXT(" of ~"));
		mv_build_count(b, snap->round_of);
		mv_build_clean(b, MV_TEXT(" mappings"));
	}
	if (!ctx->paused && !ctx->lost && !ctx->status->exited && snap->smaps_ns &&
	    ctx->now_ns > snap->smaps_ns + limit_ns && note_columns(state, b, from_smaps)) {
		mv_build_clean(b, MV_TEXT(" "));
		mv_age_build(b, ctx->now_ns - snap->smaps_ns);
		mv_build_clean(b, MV_TEXT(" ago"));
	}
	return b->len > 0;
}

/* ---- around the rows ---- */

static bool needs_rights(uint32_t why)
{
	return why == MV_WHY_NEEDS_PTRACE || why == MV_WHY_NEEDS_PTRACE_DAC ||
	       why == MV_WHY_NEEDS_SYS_ADMIN || why == MV_WHY_NEEDS_DAC || why == MV_WHY_NEEDS_ROOT;
}

void map_nothing_draw(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct mv_rect *t = &s->layout.table;
	const struct mv_snapshot *snap = ctx->snap;
	enum mv_role role = ROLE_DIM;
	struct mv_build b;
	uint32_t why = snap ? snap->part_why[MV_PART_MAPS] : (uint32_t)MV_WHY_NOT_READ;

	mv_build_init(&b);
	if (s->rows.failed) {
		mv_build_clean(&b, MV_TEXT("memview ran out of memory for the table"));
		role = ROLE_WARN;
	} else if (!snap || (why == MV_WHY_NOT_READ && snap->life == MV_LIFE_ALIVE)) {
		mv_build_clean(&b, MV_TEXT("reading the mappings"));
		if (snap && snap->round_of) {
			mv_build_clean(&b, MV_TEXT(": "));
			mv_build_count(&b, snap->pages_done);
			mv_build_clean(&b, MV_TEXT(" of ~"));
			mv_build_count(&b, snap->round_of);
		}
	} else if (snap->life != MV_LIFE_ALIVE) {
		mv_build_clean(&b, snap->life == MV_LIFE_KERNEL_THREAD
				       ? MV_TEXT("no mappings: it is a part of the kernel")
				   : snap->life == MV_LIFE_ZOMBIE
				       ? MV_TEXT("no mappings are left of a zombie")
				       : MV_TEXT("no mappings were read in time"));
	} else if (why != MV_WHY_HAVE) {
		mv_build_clean(&b, MV_TEXT("the mappings cannot be read: "));
		mv_build_clean(&b, mv_words(mv_why_text((enum mv_why)why)));
		role = ROLE_WARN;
	} else if (s->order.kinds) {
		mv_build_clean(&b, MV_TEXT("no mapping of the kinds shown; f chooses others"));
	} else {
		mv_build_clean(&b, MV_TEXT("no mappings"));
	}
	int y = t->y + (t->rows > 2);
	int end = t->y + t->rows;
	y += mv_wrap_draw(c, (struct mv_rect){y, t->x, end - y, t->cols}, role, mv_build_text(&b));
	if (snap && snap->life == MV_LIFE_ALIVE && needs_rights(why) && t->rows > 3)
		mv_wrap_draw(c, (struct mv_rect){y, t->x, end - y, t->cols}, ROLE_DIM,
			     ctx->root
				 ? MV_TEXT("even root may not: a security module or a container forbids it")
				 : MV_TEXT("run memview as root (sudo), or as the owner of the process"));
}

void map_note_draw(const struct map_state *s, const struct mv_context *ctx, struct mv_canvas *c)
{
	struct mv_build left, right;
	int y = s->layout.note, x = s->layout.table.x;
	uint32_t all = ctx->snap ? mv_snapshot_count(ctx->snap) : 0;

	mv_build_init(&left);
	if (all && s->order.kinds) {
		mv_build_count(&left, s->rows.mappings);
		mv_build_clean(&left, MV_TEXT(" of "));
	}
	/* Of none, the place of the table says why. */
	if (all) {
		mv_build_count(&left, all);
		mv_build_clean(&left, all == 1 ? MV_TEXT(" mapping") : MV_TEXT(" mappings"));
	}
	if (s->order.kinds) {
		mv_build_clean(&left, MV_TEXT(", only"));
		for (unsigned k = 0; k < MV_KIND__N; k++) {
			if (!(s->order.kinds >> k & 1))
				continue;
			mv_build_clean(&left, MV_TEXT(" "));
			mv_build_clean(&left, mv_words(mv_kind_name((enum mv_kind)k)));
		}
	}
	if (!s->columns[s->order.sort].w) {
		mv_build_clean(&left, MV_TEXT(", by "));
		mv_build_clean(&left, map_column_heading(s->order.sort));
	}
	if (s->order.grouped) {
		mv_build_clean(&left, MV_TEXT(" in "));
		mv_build_count(&left, s->rows.groups_count);
		mv_build_clean(&left, MV_TEXT(" objects"));
	}
	x += mv_canvas_build(c, y, x, s->layout.table.cols, ROLE_DIM, &left) + 3;
	const struct mv_growth_mark *mark = mv_against(ctx);
	if (mark) {
		mv_build_init(&left);
		mv_build_clean(&left, MV_TEXT("against the mark of "));
		mv_clock_build(&left, mark->real_ns);
		if (mark->gone) {
			mv_build_clean(&left, MV_TEXT(", "));
			mv_build_count(&left, mark->gone);
			mv_build_clean(&left, MV_TEXT(" gone since"));
		}
		x += mv_canvas_build(c, y, x, s->area.x + s->area.cols - x, ROLE_WARN, &left) + 3;
	}
	if (map_columns_note(s, ctx, &right))
		mv_canvas_build(c, y, x, s->area.x + s->area.cols - x, ROLE_WARN, &right);
}
