/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "core/text.h"
#include "tui/view_memory.h"

/* Which figures there are, under which names, and what they say; how they lie in one, two or three columns.
 */

/*
 * What stands beside the figures of free and sar.
 * X(section, kind, id, label, source, meaning)
 */
// clang-format off
#define OTHERS(X)                                                                                                       \
	X(PRESSURE, NOW, 0, "some", "/proc/pressure/memory, change of some total / time", "Share of the last interval in which at least one task waited for memory.") \
	X(PRESSURE, AVERAGE, 10, "some avg10", "/proc/pressure/memory", "The same, the kernel's average over 10 s.")           \
	X(PRESSURE, AVERAGE, 60, "some avg60", "/proc/pressure/memory", "The same, over a minute.")                           \
	X(PRESSURE, AVERAGE, 300, "some avg300", "/proc/pressure/memory", "The same, over five minutes.")                       \
	X(PRESSURE, NOW, 1, "full", "/proc/pressure/memory, change of full total / time", "Share of the last interval in which all tasks that wanted to run waited for memory: lost altogether.") \
	X(PRESSURE, AVERAGE, 1010, "full avg10", "/proc/pressure/memory", "The same, the kernel's average over 10 s.")         \
	X(PRESSURE, AVERAGE, 1060, "full avg60", "/proc/pressure/memory", "The same, over a minute.")                         \
	X(PRESSURE, AVERAGE, 1300, "full avg300", "/proc/pressure/memory", "The same, over five minutes.")                     \
	X(WRITE, BYTES, MV_MEM_DIRTY, "Dirty", "/proc/meminfo Dirty", "Page cache that differs from the disk: it must be written before it can be dropped.") \
	X(WRITE, BYTES, MV_MEM_WRITEBACK, "Writeback", "/proc/meminfo Writeback", "What is being written to disk right now.")          \
	X(WRITE, BYTES, MV_MEM_MAPPED, "Mapped", "/proc/meminfo Mapped", "Page cache that processes map: libraries, programs, mmapped files.") \
	X(WRITE, BYTES, MV_MEM_UNEVICTABLE, "Unevictable", "/proc/meminfo Unevictable", "Pages that reclaim leaves alone: locked, or of a ramdisk.") \
	X(WRITE, BYTES, MV_MEM_MLOCKED, "Mlocked", "/proc/meminfo Mlocked", "Locked into RAM by mlock(2).")                    \
	X(WRITE, BYTES, MV_MEM_KRECLAIMABLE, "KReclaimable", "/proc/meminfo KReclaimable", "Memory of the kernel that it gives back under pressure.") \
	X(WRITE, BYTES, MV_MEM_SUNRECLAIM, "SUnreclaim", "/proc/meminfo SUnreclaim", "The kernel's small objects that can't be given back. One that only grows is a leak in the kernel.") \
	X(WRITE, BYTES, MV_MEM_PERCPU, "Percpu", "/proc/meminfo Percpu", "Memory of which each CPU has its own copy.")       \
	X(WRITE, BYTES, MV_MEM_COMMIT_LIMIT, "CommitLimit", "/proc/meminfo CommitLimit", "How much may be promised, where overcommit_memory is 2.") \
	X(WRITE, SETTING, 0, "overcommit", "/proc/sys/vm/overcommit_memory", "0: the kernel guesses, and refuses only what is absurd. 1: it promises anything. 2: it promises no more than CommitLimit.") \
	X(SWAP, BYTES, MV_MEM_SWAP_CACHED, "SwapCached", "/proc/meminfo SwapCached", "In RAM and in swap: it can be dropped without writing it again.") \
	X(SWAP, BYTES, MV_MEM_ZSWAPPED, "Zswapped", "/proc/meminfo Zswapped", "What zswap keeps, before compression.")         \
	X(SWAP, BYTES, MV_MEM_ZSWAP, "Zswap", "/proc/meminfo Zswap", "The RAM that takes, after compression.")             \
	X(SWAP, EVENTS, MV_VMSTAT_PSWPIN, "pswpin", "/proc/vmstat pswpin", "Pages read from swap since boot.")                \
	X(SWAP, EVENTS, MV_VMSTAT_PSWPOUT, "pswpout", "/proc/vmstat pswpout", "Pages written to swap since boot.")             \
	X(SWAP, EVENTS, MV_VMSTAT_ZSWPIN, "zswpin", "/proc/vmstat zswpin", "Pages that came back out of zswap since boot.")   \
	X(SWAP, EVENTS, MV_VMSTAT_ZSWPOUT, "zswpout", "/proc/vmstat zswpout", "Pages that went into zswap since boot.")        \
	X(SWAP, EVENTS, MV_VMSTAT_REFAULT_ANON, "refault anon", "/proc/vmstat workingset_refault_anon", "Anonymous pages that were needed again soon after they had been thrown out.") \
	X(SWAP, EVENTS, MV_VMSTAT_REFAULT_FILE, "refault file", "/proc/vmstat workingset_refault_file", "The same of files' pages: many mean that the cache is too small for the work.") \
	X(SWAP, SETTING, 1, "swappiness", "/proc/sys/vm/swappiness", "How willingly anonymous pages are swapped instead of dropping cache: 0 hardly, 100 as willingly, 200 rather.") \
	X(SWAP, SETTING, 2, "zswap", "/sys/module/zswap/parameters/enabled", "Whether pages on their way to swap are kept in RAM, compressed.") \
	X(HUGE, BYTES, MV_MEM_ANON_HUGE, "AnonHugePages", "/proc/meminfo AnonHugePages", "Anonymous memory in transparent huge pages: one table entry, one TLB entry for 2 MiB.") \
	X(HUGE, BYTES, MV_MEM_SHMEM_HUGE, "ShmemHugePages", "/proc/meminfo ShmemHugePages", "Shared memory in transparent huge pages.") \
	X(HUGE, BYTES, MV_MEM_FILE_HUGE, "FileHugePages", "/proc/meminfo FileHugePages", "Page cache in transparent huge pages.")   \
	X(HUGE, EVENTS, MV_VMSTAT_THP_FAULT, "thp_fault", "/proc/vmstat thp_fault_alloc", "Page faults that got a huge page at once.") \
	X(HUGE, EVENTS, MV_VMSTAT_THP_FALLBACK, "thp_fallback", "/proc/vmstat thp_fault_fallback", "Faults that would have liked one and found none free: RAM is fragmented (side 5).") \
	X(HUGE, EVENTS, MV_VMSTAT_THP_COLLAPSE, "thp_collapse", "/proc/vmstat thp_collapse_alloc", "Huge pages that khugepaged has put together afterwards.") \
	X(HUGE, EVENTS, MV_VMSTAT_THP_SPLIT, "thp_split", "/proc/vmstat thp_split_page", "Huge pages that were split up again.")    \
	X(HUGE, EVENTS, MV_VMSTAT_COMPACT_STALL, "compact_stall", "/proc/vmstat compact_stall", "Times a task had to move pages about itself to get a large free block.") \
	X(HUGE, EVENTS, MV_VMSTAT_COMPACT_SUCCESS, "compact_success", "/proc/vmstat compact_success", "Of these, with success.")       \
	X(HUGE, EVENTS, MV_VMSTAT_COMPACT_FAIL, "compact_fail", "/proc/vmstat compact_fail", "Of these, in vain.")                  \
	X(HUGE, COUNT, MV_MEM_HUGE_TOTAL, "HugePages_Total", "/proc/meminfo HugePages_Total", "Huge pages set aside for hugetlbfs: nothing else may use them.") \
	X(HUGE, COUNT, MV_MEM_HUGE_FREE, "HugePages_Free", "/proc/meminfo HugePages_Free", "Of these, not in use.")           \
	X(HUGE, COUNT, MV_MEM_HUGE_RSVD, "HugePages_Rsvd", "/proc/meminfo HugePages_Rsvd", "Promised to a process, not touched yet.") \
	X(HUGE, BYTES, MV_MEM_HUGETLB, "Hugetlb", "/proc/meminfo Hugetlb", "RAM in huge pages of all sizes together.")
// clang-format on

static const struct {
	enum memory_section section;
	enum memory_kind kind;
	unsigned id;
	struct mv_clean label, source, meaning;
} others[] = {
#define X(section, kind, id, label, source, meaning) \
	{MEMORY_##section, MEMORY_##kind, id, {label}, {source}, {meaning}},
    OTHERS(X)
#undef X
};
_Static_assert(MV_RAM_FIG__N + MV_COUNT_OF(others) <= MEMORY_ROWS_MAX, "room for every figure");

void memory_rows_make(struct memory_view *v)
{
	v->count = 0;
	for (unsigned i = 0; i < MV_RAM_FIG__N; i++)
		v->rows[v->count++] = (struct memory_row){
		    .section = (enum memory_section)mv_ram_figures[i].tool, .kind = MEMORY_FIGURE, .id = i};
	for (unsigned i = 0; i < MV_COUNT_OF(others); i++)
		v->rows[v->count++] = (struct memory_row){
		    .section = others[i].section, .kind = others[i].kind, .id = others[i].id};
}

/* Index in `others`; only of rows that are no figures. */
static size_t other_of(const struct memory_row *row)
{
	for (size_t i = 0; i < MV_COUNT_OF(others); i++)
		if (others[i].section == row->section && others[i].kind == row->kind &&
		    others[i].id == row->id)
			return i;
	return 0;
}

struct mv_clean memory_label(const struct memory_row *row)
{
	return row->kind == MEMORY_FIGURE ? mv_words(mv_ram_figures[row->id].label)
					  : others[other_of(row)].label;
}

struct mv_clean memory_twin(const struct memory_row *row)
{
	return row->kind == MEMORY_FIGURE ? mv_words(mv_ram_figures[row->id].twin) : MV_TEXT("");
}

struct mv_clean memory_formula(const struct memory_row *row)
{
	return row->kind == MEMORY_FIGURE ? mv_words(mv_ram_figures[row->id].formula)
					  : others[other_of(row)].source;
}

struct mv_clean memory_words(const struct memory_row *row)
{
	return row->kind == MEMORY_FIGURE ? mv_words(mv_ram_figures[row->id].meaning)
					  : others[other_of(row)].meaning;
}

struct mv_clean memory_section_title(enum memory_section section)
{
	static const struct mv_clean titles[MEMORY__SECTIONS] = {
	    [MEMORY_FREE] = {"free"},
	    [MEMORY_SAR_R] = {"sar -r ALL"},
	    [MEMORY_SAR_B] = {"sar -B"},
	    [MEMORY_PRESSURE] = {"pressure"},
	    [MEMORY_WRITE] = {"cache and kernel"},
	    [MEMORY_SWAP] = {"swap"},
	    [MEMORY_HUGE] = {"huge pages"},
	};

	return titles[section];
}

/* ---- values ---- */

static struct mv_ram_value of_pressure(const struct mv_context *ctx, const struct memory_row *row)
{
	const struct mv_psi *psi;
	unsigned id = row->id;

	if (!ctx->machine)
		return (struct mv_ram_value){.why = MV_WHY_NOT_READ};
	psi = row->kind == MEMORY_NOW ? (id ? &ctx->machine->ram.full : &ctx->machine->ram.some)
				      : (id > 1000 ? &ctx->machine->ram.full : &ctx->machine->ram.some);
	if (psi->why != MV_WHY_HAVE)
		return (struct mv_ram_value){.why = psi->why};
	if (row->kind == MEMORY_NOW)
		return ctx->history ? mv_machine_pressure(ctx->history, id != 0)
				    : (struct mv_ram_value){.why = MV_WHY_NOT_READ};
	id %= 1000;
	uint32_t hundredths = id == 10 ? psi->avg10 : id == 60 ? psi->avg60 : psi->avg300;
	return (struct mv_ram_value){.value = hundredths / 100.0, .why = MV_WHY_HAVE};
}

static struct mv_val of_setting(const struct mv_context *ctx, unsigned id)
{
	const struct mv_ram *ram = ctx->machine ? &ctx->machine->ram : NULL;

	return !ram	 ? mv_val_missing(MV_WHY_NOT_READ)
	       : id == 0 ? ram->overcommit
	       : id == 1 ? ram->swappiness
			 : ram->zswap_on;
}

static struct mv_val of_counter(const struct mv_context *ctx, const struct memory_row *row)
{
	return row->kind == MEMORY_SETTING  ? of_setting(ctx, row->id)
	       : row->kind == MEMORY_EVENTS ? mv_machine_event(ctx, (enum mv_vmstat_id)row->id)
					    : mv_machine_mem(ctx, (enum mv_meminfo_id)row->id);
}

static struct mv_ram_value of_figure(const struct mv_context *ctx, const struct memory_row *row)
{
	return row->kind == MEMORY_FIGURE ? mv_machine_value(ctx, (enum mv_ram_figure_id)row->id)
					  : of_pressure(ctx, row);
}

static bool is_figure(const struct memory_row *row)
{
	return row->kind == MEMORY_FIGURE || row->kind == MEMORY_NOW || row->kind == MEMORY_AVERAGE;
}

enum mv_why memory_why(const struct mv_context *ctx, const struct memory_row *row)
{
	return (enum mv_why)(is_figure(row) ? of_figure(ctx, row).why : of_counter(ctx, row).why);
}

enum mv_role memory_value_build(struct mv_build *b, const struct mv_context *ctx,
				const struct memory_row *row)
{
	mv_build_init(b);
	if (is_figure(row)) {
		struct mv_ram_value v = of_figure(ctx, row);
		enum mv_role role = mv_machine_value_build(
		    b, ctx, v, row->kind == MEMORY_FIGURE ? mv_ram_figures[row->id].unit : 'P');

		if (row->section == MEMORY_PRESSURE && v.why == MV_WHY_HAVE && v.value >= 1)
			return v.value >= 10 ? ROLE_ALERT : ROLE_WARN;
		return role;
	}
	struct mv_val v = of_counter(ctx, row);
	if (!mv_have(&v)) {
		mv_build_clean(b, MV_TEXT("-"));
		return ROLE_DIM;
	}
	if (row->kind == MEMORY_SETTING && row->id == 2)
		mv_build_clean(b, v.value ? MV_TEXT("on") : MV_TEXT("off"));
	else if (row->kind == MEMORY_BYTES)
		mv_size_build(b, v.value, ctx->exact);
	else
		mv_build_count(b, v.value);
	return v.value || row->kind == MEMORY_SETTING ? ROLE_STRONG : ROLE_DIM;
}

const struct mv_series *memory_series(const struct mv_context *ctx, const struct memory_row *row)
{
	if (!ctx->history)
		return NULL;
	if (row->kind == MEMORY_FIGURE)
		return mv_machine_series(ctx->history, (enum mv_ram_figure_id)row->id);
	if (row->kind == MEMORY_NOW)
		return mv_machine_pressure_series(ctx->history, row->id != 0);
	/* Some of meminfo are figures of sar as well. */
	if (row->kind == MEMORY_BYTES && row->id == MV_MEM_DIRTY)
		return mv_machine_series(ctx->history, MV_RAM_FIG_KBDIRTY);
	return NULL;
}

/* ---- columns ---- */

/* Which sections stand in which column, from above. */
static const int8_t plans[MEMORY_COLUMNS][MEMORY_COLUMNS][MEMORY__SECTIONS + 1] = {
    {{MEMORY_FREE, MEMORY_SAR_R, MEMORY_SAR_B, MEMORY_PRESSURE, MEMORY_WRITE, MEMORY_SWAP, MEMORY_HUGE, -1},
     {-1},
     {-1}},
    {{MEMORY_FREE, MEMORY_SAR_B, MEMORY_PRESSURE, MEMORY_HUGE, -1},
     {MEMORY_SAR_R, MEMORY_WRITE, MEMORY_SWAP, -1},
     {-1}},
    {{MEMORY_FREE, MEMORY_PRESSURE, MEMORY_HUGE, -1},
     {MEMORY_SAR_R, MEMORY_SWAP, -1},
     {MEMORY_SAR_B, MEMORY_WRITE, -1}},
};

static void add_section(struct memory_view *v, int column, enum memory_section section)
{
	struct memory_line *lines = v->lines[column];
	int *n = &v->lines_count[column];

	if (*n)
		lines[(*n)++] = (struct memory_line){-1, -1};
	lines[(*n)++] = (struct memory_line){-1, (int16_t)section};
	for (unsigned i = 0; i < v->count; i++) {
		if (v->rows[i].section != section)
			continue;
		if (i == v->at) {
			v->at_column = column;
			v->at_line = *n;
		}
		lines[(*n)++] = (struct memory_line){(int16_t)i, -1};
	}
}

void memory_rows_lay_out(struct memory_view *v)
{
	v->columns = v->body.cols >= 165 ? 3 : v->body.cols >= 105 ? 2 : 1;
	v->column_cols = (v->body.cols - 3 * (v->columns - 1)) / v->columns;
	v->most_lines = 0;
	for (int column = 0; column < MEMORY_COLUMNS; column++) {
		v->lines_count[column] = 0;
		for (int i = 0; column < v->columns && plans[v->columns - 1][column][i] >= 0; i++)
			add_section(v, column, (enum memory_section)plans[v->columns - 1][column][i]);
		if (v->lines_count[column] > v->most_lines)
			v->most_lines = v->lines_count[column];
	}
}

/* ---- what it is ---- */

bool memory_meaning(const struct memory_view *v, const struct mv_context *ctx, unsigned n,
		    struct mv_meaning *m)
{
	struct mv_build b;

	if (n >= v->count)
		return false;
	/* First the one under the cursor, then on from there. */
	const struct memory_row *row = &v->rows[(v->at + n) % v->count];
	if (row->kind == MEMORY_FIGURE)
		return mv_machine_header_meaning(ctx, row->id, m);
	mv_words_meaning(m, memory_label(row), memory_words(row), memory_formula(row),
			 row->kind == MEMORY_BYTES     ? MV_TEXT("bytes (K = 1024, M = 1024K, G = 1024M)")
			 : row->kind == MEMORY_COUNT   ? MV_TEXT("pages of that size")
			 : row->kind == MEMORY_EVENTS  ? MV_TEXT("a count since boot")
			 : row->kind == MEMORY_SETTING ? MV_TEXT("a setting")
						       : MV_TEXT("percent of the time"),
			 MV_TEXT(""));
	mv_build_clean(&m->title, MV_TEXT("  "));
	if (memory_why(ctx, row) != MV_WHY_HAVE) {
		mv_build_why(&m->title, memory_why(ctx, row));
		return true;
	}
	memory_value_build(&b, ctx, row);
	mv_build_clean(&m->title, mv_build_text(&b));
	return true;
}
