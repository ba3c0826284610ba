/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_machine_words.h"

/* ---- groups ---- */

uint64_t mv_group_key(const struct mv_machine_snapshot *m, const struct mv_group *group)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (const char *at = mv_machine_text(m, group->path).text; *at; at++)
		key = (key ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
	return key ? key : 1;
}

struct mv_val mv_group_limit(const struct mv_group *groups, const struct mv_group *group,
			     const struct mv_group **ret_at)
{
	const struct mv_group *least = NULL;

	for (const struct mv_group *g = group;; g = &groups[g->parent]) {
		if (mv_have(&g->limit) && (!least || g->limit.value < least->limit.value))
			least = g;
		if (&groups[g->parent] == g)
			break;
	}
	*ret_at = least;
	return least ? least->limit : mv_val_missing(MV_WHY_NO_LIMIT);
}

/* ---- figures ---- */

struct mv_ram_value mv_machine_value(const struct mv_context *ctx, enum mv_ram_figure_id id)
{
	if (!ctx->machine)
		return (struct mv_ram_value){.why = MV_WHY_NOT_READ};
	if (ctx->history)
		return mv_machine_figure(ctx->history, id);
	return mv_ram_figure(&ctx->machine->ram, NULL, id);
}

struct mv_val mv_machine_mem(const struct mv_context *ctx, enum mv_meminfo_id id)
{
	return ctx->machine ? ctx->machine->ram.meminfo[id] : mv_val_missing(MV_WHY_NOT_READ);
}

struct mv_val mv_machine_event(const struct mv_context *ctx, enum mv_vmstat_id id)
{
	return ctx->machine ? ctx->machine->ram.vmstat[id] : mv_val_missing(MV_WHY_NOT_READ);
}

void mv_percent_build(struct mv_build *b, double percent)
{
	mv_build_fmt(b, percent >= 99.95 ? "%.0f %%" : percent >= 9.995 ? "%.1f %%" : "%.2f %%", percent);
}

void mv_per_second_build(struct mv_build *b, double per_second)
{
	if (per_second >= 9.95)
		mv_build_count(b, (uint64_t)llround(per_second));
	else if (per_second > 0 && per_second < 0.05)
		mv_build_clean(b, MV_TEXT("<0.1"));
	else if (per_second > 0)
		mv_build_fmt(b, "%.1f", per_second);
	else
		mv_build_clean(b, MV_TEXT("0"));
	mv_build_clean(b, MV_TEXT("/s"));
}

enum mv_role mv_machine_value_build(struct mv_build *b, const struct mv_context *ctx, struct mv_ram_value v,
				    char unit)
{
	double value = v.value > 0 ? v.value : 0;

	if (v.why != MV_WHY_HAVE) {
		mv_build_clean(b, MV_TEXT("-"));
		return ROLE_DIM;
	}
	switch (unit) {
	case 'B':
		mv_size_build(b, (uint64_t)value, ctx->exact);
		break;
	case 'P':
		mv_percent_build(b, value);
		break;
	case 'K':
		if (ctx->exact) {
			mv_build_fmt(b, "%.2f", value);
			mv_build_clean(b, MV_TEXT(" KiB"));
		} else {
			mv_build_size(b, (uint64_t)(value * 1024));
		}
		mv_build_clean(b, MV_TEXT("/s"));
		break;
	default:
		mv_per_second_build(b, value);
	}
	return v.value > 0 ? ROLE_STRONG : ROLE_DIM;
}

void mv_user_build(struct mv_build *b, const struct mv_context *ctx, const struct mv_val *uid)
{
	if (!mv_have(uid)) {
		mv_build_clean(b, MV_TEXT("-"));
		return;
	}
	for (size_t i = 0; i < ctx->users_count; i++)
		if (ctx->users[i].uid == uid->value) {
			mv_build_clean(b, ctx->users[i].name);
			return;
		}
	mv_build_fmt(b, "%llu", (unsigned long long)uid->value);
}

/* ---- RAM in parts ---- */

static uint64_t bytes_of(const struct mv_context *ctx, enum mv_ram_figure_id id)
{
	struct mv_ram_value v = mv_machine_value(ctx, id);

	return v.why == MV_WHY_HAVE && v.value > 0 ? (uint64_t)v.value : 0;
}

/*
 * free's `used` (procps 4) is all that is not available and overlaps with its `shared` and `cache`; here each
 * byte is told once: the first part is what is neither free nor cached. The mark of available stands where
 * that `used` ends.
 */
bool mv_ram_parts(const struct mv_context *ctx, struct mv_share ret_parts[static MV_RAM_PART__N])
{
	static const struct mv_share looks[MV_RAM_PART__N] = {
	    [MV_RAM_PART_USED] = {0, ROLE_RAM_USED, U'█', '#', {"processes, kernel"}},
	    [MV_RAM_PART_SHARED] = {0, ROLE_RAM_SHARED, U'▚', '=', {"shared"}},
	    [MV_RAM_PART_BUFFERS] = {0, ROLE_RAM_BUFFERS, U'▓', '%', {"buffers"}},
	    [MV_RAM_PART_CACHE] = {0, ROLE_RAM_CACHE, U'▒', '+', {"cache"}},
	    [MV_RAM_PART_FREE] = {0, ROLE_RAM_FREE, U'·', '.', {"free"}},
	};
	uint64_t total = bytes_of(ctx, MV_RAM_FIG_FREE_TOTAL), shared = bytes_of(ctx, MV_RAM_FIG_FREE_SHARED),
		 cache = bytes_of(ctx, MV_RAM_FIG_FREE_CACHE), rest;

	memcpy(ret_parts, looks, sizeof(looks));
	if (!total)
		return false;
	/* Shared memory is counted in the cache. */
	shared = shared > cache ? cache : shared;
	ret_parts[MV_RAM_PART_SHARED].bytes = shared;
	ret_parts[MV_RAM_PART_CACHE].bytes = cache - shared;
	ret_parts[MV_RAM_PART_BUFFERS].bytes = bytes_of(ctx, MV_RAM_FIG_FREE_BUFFERS);
	ret_parts[MV_RAM_PART_FREE].bytes = bytes_of(ctx, MV_RAM_FIG_FREE_FREE);
	rest = cache + ret_parts[MV_RAM_PART_BUFFERS].bytes + ret_parts[MV_RAM_PART_FREE].bytes;
	ret_parts[MV_RAM_PART_USED].bytes = total > rest ? total - rest : 0;
	return true;
}

/* ---- the path ---- */

void mv_machine_age_build(struct mv_build *b, const struct mv_context *ctx, uint64_t at_ns)
{
	uint64_t age = ctx->now_ns > at_ns ? ctx->now_ns - at_ns : 0;

	mv_build_clean(b, MV_TEXT("read "));
	if (!at_ns) {
		mv_build_clean(b, MV_TEXT("not yet"));
	} else if (age < MV_NS_PER_SEC) {
		mv_build_clean(b, MV_TEXT("just now"));
	} else {
		mv_age_build(b, age);
		mv_build_clean(b, MV_TEXT(" ago"));
	}
}

void mv_machine_path_draw(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols,
			  struct mv_clean title, enum mv_role right_role, const struct mv_build *right)
{
	int end = x + cols, told = right ? (int)mv_clean_width(mv_build_text(right)) : 0;
	int name = (int)mv_clean_width(title);

	if (y < 0)
		return;
	if (told && told + name + 4 <= end - x) {
		mv_canvas_build(c, y, end - told, told, right_role, right);
		end -= told + 1;
	}
	if (ctx->machine && name + 20 <= end - x)
		x += mv_canvas_text(c, y, x, end - x, ROLE_DIM, MV_TEXT("machine > "));
	mv_canvas_text(c, y, x, end - x, ROLE_TITLE, title);
}

/* ---- cells ---- */

void mv_cell_put(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role,
		 const struct mv_build *b)
{
	if (!col->w)
		return;
	if (col->right)
		mv_canvas_text_right(c, y, col->x, col->w, role, mv_build_text(b));
	else
		mv_canvas_build(c, y, col->x, col->w, role, b);
}

void mv_cell_size(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, struct mv_val v,
		  bool exact)
{
	struct mv_build b;

	mv_build_init(&b);
	if (!mv_have(&v)) {
		mv_build_clean(&b, MV_TEXT("-"));
		mv_cell_put(c, y, col, ROLE_DIM, &b);
		return;
	}
	mv_size_build(&b, v.value, exact);
	if ((int)b.len > col->w) {
		mv_build_init(&b);
		mv_build_size(&b, v.value);
	}
	mv_cell_put(c, y, col, v.value ? role : ROLE_DIM, &b);
}

void mv_cell_count(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role,
		   struct mv_val v)
{
	struct mv_build b;
	char brief[8];

	mv_build_init(&b);
	if (!mv_have(&v)) {
		mv_build_clean(&b, MV_TEXT("-"));
		mv_cell_put(c, y, col, ROLE_DIM, &b);
		return;
	}
	mv_build_count(&b, v.value);
	if ((int)b.len > col->w) {
		mv_build_init(&b);
		mv_text_short(brief, v.value);
		mv_build_clean(&b, mv_words(brief));
	}
	mv_cell_put(c, y, col, v.value ? role : ROLE_DIM, &b);
}

void mv_cell_rate(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role,
		  struct mv_rate rate)
{
	struct mv_build b;

	if (rate.have && rate.per_second >= 9.95) {
		mv_cell_count(c, y, col, role, mv_val_of((uint64_t)llround(rate.per_second)));
		return;
	}
	mv_build_init(&b);
	if (!rate.have)
		mv_build_clean(&b, MV_TEXT("-"));
	else if (rate.per_second < 0.05)
		mv_build_clean(&b, rate.per_second > 0 ? MV_TEXT("<0.1") : MV_TEXT("0"));
	else
		mv_build_fmt(&b, "%.1f", rate.per_second);
	mv_cell_put(c, y, col, rate.have && rate.per_second > 0 ? role : ROLE_DIM, &b);
}

void mv_cell_cursor(struct mv_canvas *c, int y, struct mv_rect table, bool has_keys)
{
	mv_canvas_glyph(c, y, table.x - 2, has_keys ? ROLE_CURSOR : ROLE_DIM, U'>');
	if (has_keys)
		mv_canvas_attr(c, (struct mv_rect){y, table.x - 2, 1, table.cols + 2}, MV_ATTR_CURSOR);
}

void mv_rule_draw(struct mv_canvas *c, int y, int x, int cols, enum mv_role role, struct mv_clean title)
{
	int at = x + mv_canvas_text(c, y, x, cols, role, title) + 1;

	for (; at < x + cols; at++)
		mv_canvas_glyph2(c, y, at, ROLE_FRAME, U'─', '-');
}

bool mv_holds(struct mv_clean name, const char *text)
{
	return strcasestr(name.text, text) != NULL;
}

void mv_machine_meaning(struct mv_meaning *m, struct mv_clean title, struct mv_clean formula,
			struct mv_clean source, struct mv_clean unit, struct mv_clean note, struct mv_val v,
			char kind)
{
	mv_words_meaning(m, title, formula, source, unit, note);
	if (!kind)
		return;
	mv_build_clean(&m->title, MV_TEXT("  "));
	if (!mv_have(&v)) {
		mv_build_why(&m->title, (enum mv_why)v.why);
		return;
	}
	if (kind == 'B')
		mv_build_size(&m->title, v.value);
	else
		mv_build_count(&m->title, v.value);
	if (kind != 'B')
		return;
	mv_build_clean(&m->note, m->note.len ? MV_TEXT(" Exactly ") : MV_TEXT("exactly "));
	mv_build_count(&m->note, v.value);
	mv_build_clean(&m->note, MV_TEXT(" bytes."));
}
