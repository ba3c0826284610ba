/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/text.h"
#include "tui/view_header.h"
#include "tui/view_machine_words.h"

/* The header of the machine: how much of its RAM is taken, how it faults, whether anything waits for memory.
 */

/* Of snapshot fields that are clean ASCII. */
static void build_ascii(struct mv_build *b, const char *text, size_t cap)
{
	char clean[128];

	mv_build_clean(b, mv_clean_into(clean, sizeof(clean), text, strnlen(text, cap)));
}

static void build_of(struct mv_build *b, const struct mv_context *ctx, struct mv_val part,
		     struct mv_val whole)
{
	if (mv_have(&part))
		mv_size_build(b, part.value, ctx->exact);
	else
		mv_build_clean(b, MV_TEXT("-"));
	if (!mv_have(&whole))
		return;
	mv_build_clean(b, MV_TEXT(" of "));
	mv_size_build(b, whole.value, ctx->exact);
}

static struct mv_val whole_value(const struct mv_context *ctx, enum mv_ram_figure_id id)
{
	struct mv_ram_value v = mv_machine_value(ctx, id);

	return v.why == MV_WHY_HAVE && v.value >= 0 ? mv_val_of((uint64_t)v.value)
						    : mv_val_missing((enum mv_why)v.why);
}

static bool is_nearly(struct mv_val part, struct mv_val whole)
{
	return mv_have(&part) && mv_have(&whole) && whole.value && part.value >= whole.value / 10 * 9;
}

static void add_series(struct mv_header_item *item, const struct mv_series *series, enum mv_role role,
		       bool floor_zero)
{
	if (!series)
		return;
	item->series = series;
	item->spark_role = role;
	item->floor_zero = floor_zero;
	item->spark = MV_HEADER_SPARK;
}

static const struct mv_series *series_of(const struct mv_context *ctx, enum mv_ram_figure_id id)
{
	return ctx->history ? mv_machine_series(ctx->history, id) : NULL;
}

static void build_first(struct mv_header_line *line, const struct mv_context *ctx)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	struct mv_header_item *item;

	line->count = 0;
	mv_header_add(line, MV_TEXT("memview"), 11);
	item = mv_header_add(line, MV_TEXT(""), 1);
	item->role = ROLE_TITLE;
	if (m && m->host[0])
		build_ascii(&item->value, m->host, sizeof(m->host));
	else
		mv_build_clean(&item->value, MV_TEXT("machine"));
	if (m && m->kernel[0]) {
		item = mv_header_add(line, MV_TEXT("Linux"), 9);
		item->role = ROLE_TEXT;
		build_ascii(&item->value, m->kernel, sizeof(m->kernel));
	}
	struct mv_val used = whole_value(ctx, MV_RAM_FIG_FREE_USED),
		      total = whole_value(ctx, MV_RAM_FIG_FREE_TOTAL);
	item = mv_header_add(line, MV_TEXT("RAM"), MV_HEADER_KEEP);
	build_of(&item->value, ctx, used, total);
	item->value_cols = ctx->exact ? 30 : 13;
	item->role = is_nearly(used, total) ? ROLE_WARN : ROLE_STRONG;
	add_series(item, series_of(ctx, MV_RAM_FIG_FREE_USED), ROLE_SPARK, false);
	struct mv_val swap = whole_value(ctx, MV_RAM_FIG_SWAP_TOTAL),
		      swapped = whole_value(ctx, MV_RAM_FIG_SWAP_USED);
	item = mv_header_add(line, MV_TEXT("swap"), 6);
	if (mv_have(&swap) && !swap.value) {
		mv_build_clean(&item->value, MV_TEXT("none"));
		item->role = ROLE_DIM;
	} else {
		build_of(&item->value, ctx, swapped, swap);
		item->role = is_nearly(swapped, swap) ? ROLE_WARN : ROLE_STRONG;
	}
	if (m && mv_have(&m->ram.container_limit)) {
		item = mv_header_add(line, MV_TEXT("container"), 5);
		build_of(&item->value, ctx, m->ram.container_usage, m->ram.container_limit);
		item->role =
		    is_nearly(m->ram.container_usage, m->ram.container_limit) ? ROLE_WARN : ROLE_STRONG;
	}
}

static void add_rate(struct mv_header_line *line, const struct mv_context *ctx, enum mv_ram_figure_id id,
		     struct mv_clean label, enum mv_role role, int give_up)
{
	struct mv_header_item *item = mv_header_add(line, label, give_up);
	struct mv_ram_value v = mv_machine_value(ctx, id);

	item->value_cols = id == MV_RAM_FIG_FAULT ? 9 : 5;
	item->role = v.why == MV_WHY_HAVE && v.value > 0 ? role : ROLE_DIM;
	if (v.why != MV_WHY_HAVE)
		mv_build_clean(&item->value, MV_TEXT("-"));
	else
		mv_per_second_build(&item->value, v.value);
	add_series(item, series_of(ctx, id), role, true);
}

static void add_pressure(struct mv_header_line *line, const struct mv_context *ctx)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	struct mv_header_item *item = mv_header_add(line, MV_TEXT("pressure"), 3);

	item->value_cols = 6;
	if (m && m->ram.some.why != MV_WHY_HAVE) {
		mv_build_clean(&item->value, MV_TEXT("-"));
		item->role = ROLE_DIM;
		return;
	}
	struct mv_ram_value v = {.why = MV_WHY_NOT_READ};
	if (ctx->history)
		v = mv_machine_pressure(ctx->history, false);
	if (v.why != MV_WHY_HAVE && m)
		v = (struct mv_ram_value){.value = m->ram.some.avg10 / 100.0, .why = MV_WHY_HAVE};
	if (v.why != MV_WHY_HAVE) {
		mv_build_clean(&item->value, MV_TEXT("-"));
		item->role = ROLE_DIM;
		return;
	}
	mv_percent_build(&item->value, v.value);
	item->role = v.value >= 10  ? ROLE_ALERT
		     : v.value >= 1 ? ROLE_WARN
		     : v.value > 0  ? ROLE_STRONG
				    : ROLE_DIM;
	add_series(item, ctx->history ? mv_machine_pressure_series(ctx->history, false) : NULL, ROLE_WARN,
		   true);
}

static void build_second(struct mv_header_line *line, const struct mv_context *ctx)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	struct mv_header_item *item;
	uint32_t tasks = 0;

	line->count = 0;
	add_rate(line, ctx, MV_RAM_FIG_FAULT, MV_TEXT("faults"), ROLE_FAULT_MINOR, MV_HEADER_KEEP);
	add_rate(line, ctx, MV_RAM_FIG_MAJFLT, MV_TEXT("major"), ROLE_FAULT_MAJOR, 0);
	add_pressure(line, ctx);
	struct mv_val kills = mv_machine_event(ctx, MV_VMSTAT_OOM_KILL);
	item = mv_header_add(line, MV_TEXT("OOM kills"), 7);
	if (mv_have(&kills))
		mv_build_count(&item->value, kills.value);
	else
		mv_build_clean(&item->value, MV_TEXT("-"));
	item->role = mv_have(&kills) && kills.value ? ROLE_WARN : ROLE_DIM;
	if (m && m->tasks_ns) {
		mv_machine_tasks(m, &tasks);
		item = mv_header_add(line, MV_TEXT("processes"), 8);
		mv_build_count(&item->value, tasks + m->tasks_left_out);
		item->role = ROLE_TEXT;
	}
	mv_header_add_own(line, ctx);
}

/* How fresh all this is, at the right edge. */
static enum mv_role build_chip(const struct mv_context *ctx, struct mv_build *b)
{
	mv_build_init(b);
	if (ctx->lost) {
		mv_build_clean(b, MV_TEXT("LOST"));
		return ROLE_ALERT;
	}
	if (ctx->paused) {
		mv_build_clean(b, MV_TEXT("PAUSED"));
		return ROLE_WARN;
	}
	if (ctx->machine && ctx->now_ns > ctx->machine->taken_ns + 3 * MV_NS_PER_SEC &&
	    ctx->now_ns > ctx->machine->taken_ns + mv_old_ns(ctx)) {
		mv_age_build(b, ctx->now_ns - ctx->machine->taken_ns);
		mv_build_clean(b, MV_TEXT(" OLD"));
		return ROLE_WARN;
	}
	mv_build_clean(b, MV_TEXT("LIVE "));
	if (ctx->interval_ms % 1000)
		mv_build_fmt(b, "%.1fs", ctx->interval_ms / 1000.0);
	else
		mv_build_fmt(b, "%us", ctx->interval_ms / 1000);
	return ROLE_LIVE;
}

int mv_machine_header_draw(const struct mv_context *ctx, struct mv_canvas *canvas, struct mv_rect area)
{
	int rows = mv_header_rows(area.rows);
	struct mv_header_line line;
	struct mv_build chip;

	if (!rows || area.cols < 1)
		return 0;
	int left = area.x + (area.cols > 2), end = area.x + area.cols - (area.cols > 2);
	enum mv_role role = build_chip(ctx, &chip);
	int chip_cols = (int)mv_clean_width(mv_build_text(&chip));

	build_first(&line, ctx);
	mv_header_fit(&line, end - left - chip_cols - 2);
	bool with_chip = mv_header_line_width(&line) <= end - left - chip_cols - 2;
	if (!with_chip) {
		build_first(&line, ctx);
		mv_header_fit(&line, end - left);
		mv_header_fit_hard(&line, end - left);
	}
	mv_header_line_draw(&line, canvas, area.y, left, end - (with_chip ? chip_cols + 1 : 0));
	if (with_chip)
		mv_canvas_build(canvas, area.y, end - chip_cols, chip_cols, role, &chip);
	if (rows < 2)
		return rows;
	build_second(&line, ctx);
	mv_header_fit(&line, end - left);
	mv_header_fit_hard(&line, end - left);
	mv_header_line_draw(&line, canvas, area.y + 1, left, end);
	return rows;
}

/* ---- meaning ---- */

static const struct {
	struct mv_clean title, formula, source, unit, note;
} meanings[] = {
    {{"pressure"},
     {"share of the time since the last look in which at least one task waited for memory: a change of "
      "some's total / "
      "time"},
     {"/proc/pressure/memory, some total="},
     {"percent"},
     {"Waiting is for reclaim, for a page that was thrown out and is needed again, and for swap. Above 10 % "
      "work is "
      "visibly delayed. full: all tasks waited at once."}},
    {{"OOM kills"},
     {"processes that the OOM killer has ended since boot, machine-wide and in cgroups"},
     {"/proc/vmstat oom_kill"},
     {"a count"},
     {"Side 4, Reclaim, tells each of those that the kernel's log still has."}},
    {{"container"},
     {"usage and limit of memview's own memory cgroup, where that is less than the machine's RAM"},
     {"memory.current, memory.max (v1: memory.usage_in_bytes, memory.limit_in_bytes)"},
     {"bytes (K = 1024, M = 1024K, G = 1024M)"},
     {"/proc shows the machine's figures in a container as well: what may be used is this."}},
};

bool mv_machine_header_meaning(const struct mv_context *ctx, unsigned n, struct mv_meaning *m)
{
	if (n < MV_RAM_FIG__N) {
		const struct mv_ram_figure_info *info = &mv_ram_figures[n];
		static const struct mv_clean tools[] = {{"free"}, {"sar -r ALL"}, {"sar -B"}};
		struct mv_ram_value v = mv_machine_value(ctx, (enum mv_ram_figure_id)n);
		struct mv_build value;

		mv_build_init(&value);
		mv_machine_value_build(&value, ctx, v, info->unit);
		mv_words_meaning(m, mv_words(info->label), mv_words(info->meaning), mv_words(info->formula),
				 info->unit == 'B'   ? MV_TEXT("bytes (K = 1024, M = 1024K, G = 1024M)")
				 : info->unit == 'P' ? MV_TEXT("percent")
				 : info->unit == 'K' ? MV_TEXT("KiB a second, between the last two looks")
						     : MV_TEXT("a second, between the last two looks"),
				 MV_TEXT(""));
		mv_build_clean(&m->title, MV_TEXT("  "));
		if (v.why == MV_WHY_HAVE)
			mv_build_clean(&m->title, mv_build_text(&value));
		else
			mv_build_why(&m->title, (enum mv_why)v.why);
		mv_build_clean(&m->note, MV_TEXT("as "));
		mv_build_clean(&m->note, tools[info->tool]);
		mv_build_clean(&m->note, MV_TEXT(" prints it"));
		if (info->tool != MV_RAM_FREE && info->unit == 'B')
			mv_build_clean(&m->note, MV_TEXT(", there in KiB"));
		if (info->twin[0]) {
			mv_build_clean(&m->note, MV_TEXT("; elsewhere it is called "));
			mv_build_clean(&m->note, mv_words(info->twin));
		}
		if (v.why == MV_WHY_HAVE && info->unit == 'B') {
			mv_build_clean(&m->note, MV_TEXT(". Exactly "));
			mv_build_count(&m->note, (uint64_t)(v.value > 0 ? v.value : 0));
			mv_build_clean(&m->note, MV_TEXT(" bytes."));
		}
		return true;
	}
	n -= MV_RAM_FIG__N;
	if (n >= MV_COUNT_OF(meanings))
		return false;
	mv_words_meaning(m, meanings[n].title, meanings[n].formula, meanings[n].source, meanings[n].unit,
			 meanings[n].note);
	return true;
}
