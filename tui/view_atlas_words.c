/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_atlas.h"

/* What is said of frames, and what `w` explains. */

static const enum mv_role roles[MV_USE__N] = {
    [MV_USE_NONE] = ROLE_GAP,		[MV_USE_FREE] = ROLE_PAGE_NONE,
    [MV_USE_DEFERRED] = ROLE_PAGE_NONE, [MV_USE_ANON] = ROLE_PAGE_ANON,
    [MV_USE_FILE] = ROLE_PAGE_FILE,	[MV_USE_SHMEM] = ROLE_PAGE_SHMEM,
    [MV_USE_THP] = ROLE_PAGE_COW,	[MV_USE_HUGETLB] = ROLE_KIND_HUGE,
    [MV_USE_SLAB] = ROLE_KIND_HEAP,	[MV_USE_TABLES] = ROLE_KIND_STACK,
    [MV_USE_KERNEL] = ROLE_KIND_VDSO,	[MV_USE_RESERVED] = ROLE_KIND_RESERVED,
    [MV_USE_POISON] = ROLE_ALERT,
};

static const struct {
	struct mv_clean name, rule;
} uses[MV_USE__N] = {
    [MV_USE_NONE] = {{"no RAM"}, {"NOPAGE or OFFLINE; and addresses that iomem does not call System RAM"}},
    [MV_USE_FREE] =
	{{"free"},
	 {"BUDDY: set for every frame of a free block. Frames that a processor keeps at hand have no flag "
	  "and count as other kernel; MemFree leaves them out as well"}},
    [MV_USE_DEFERRED] =
	{{"not begun"},
	 {"no flag, at a zone's end: as many frames as MemTotal has more than the zones' managed pages"}},
    [MV_USE_ANON] = {{"anon"}, {"ANON without THP: AnonPages of meminfo, less what is in large pages"}},
    [MV_USE_FILE] = {{"page cache"},
		     {"LRU or UPTODATE, neither ANON nor SWAPBACKED: Cached + Buffers - Shmem of meminfo"}},
    [MV_USE_SHMEM] = {{"shared"}, {"LRU and SWAPBACKED without ANON: Shmem of meminfo"}},
    [MV_USE_THP] = {{"anon, huge"},
		    {"ANON and THP: in a transparent huge page, or on newer kernels in any larger folio"}},
    [MV_USE_HUGETLB] = {{"hugetlb"}, {"HUGE: Hugetlb of meminfo, used or not"}},
    [MV_USE_SLAB] = {{"slab"},
		     {"SLAB: Slab of meminfo, but for its largest blocks, whose frames only say COMPOUND"}},
    [MV_USE_TABLES] = {{"page tables"}, {"PGTABLE: PageTables of meminfo"}},
    [MV_USE_KERNEL] = {{"other kernel"},
		       {"what no other rule fits: vmalloc, stacks of threads, drivers, per-CPU data, free "
			"frames at a processor's "
			"hand"}},
    [MV_USE_RESERVED] = {{"reserved"}, {"RESERVED: never given to the allocator"}},
    [MV_USE_POISON] = {{"broken"}, {"HWPOISON: HardwareCorrupted of meminfo"}},
};

enum mv_role atlas_role_of(unsigned use)
{
	return use < MV_USE__N ? roles[use] : ROLE_PAGE_UNREAD;
}

struct mv_clean atlas_words_of(unsigned use)
{
	return use < MV_USE__N ? mv_words(mv_frame_uses[use].words) : MV_TEXT("not read yet");
}

struct mv_clean atlas_name_of(unsigned use)
{
	return use < MV_USE__N ? uses[use].name : MV_TEXT("not read yet");
}

void atlas_zone_build(struct mv_build *b, const struct mv_machine_snapshot *m, uint32_t zone)
{
	char name[2 * sizeof(m->ram.zones[0].name)];

	if (zone >= m->ram.zones_count)
		return;
	mv_build_fmt(b, "node %u ", m->ram.zones[zone].node);
	mv_build_clean(b, mv_clean_into(name, sizeof(name), m->ram.zones[zone].name,
					strnlen(m->ram.zones[zone].name, sizeof(m->ram.zones[zone].name))));
}

void atlas_process_build(struct mv_build *b, const struct mv_context *ctx, int32_t pid)
{
	const struct mv_task *task = ctx->machine ? mv_machine_task(ctx->machine, pid) : NULL;

	if (task) {
		mv_build_clean(b, mv_machine_text(ctx->machine, task->name));
		mv_build_clean(b, MV_TEXT(" "));
	}
	mv_build_fmt(b, "%d", pid);
}

bool atlas_nothing(const struct mv_context *ctx, struct mv_build *ret_why, struct mv_clean *ret_advice)
{
	const struct mv_val *have = ctx->machine ? &ctx->machine->atlas.have : NULL;

	mv_build_init(ret_why);
	*ret_advice = MV_TEXT("");
	if (have && mv_have(have))
		return false;
	if (!have || have->why == MV_WHY_NOT_READ || have->why == MV_WHY_NOT_ASKED) {
		mv_build_clean(ret_why, MV_TEXT("reading the machine's frames ..."));
		return true;
	}
	mv_build_clean(ret_why, MV_TEXT("what each frame is used for: "));
	mv_build_why(ret_why, (enum mv_why)have->why);
	if (have->why == MV_WHY_NEEDS_DAC || have->why == MV_WHY_NEEDS_ROOT)
		*ret_advice =
		    MV_TEXT("sudo memview shows each frame; without it, the zones that they lie in:");
	return true;
}

static void explain_use(const struct mv_context *ctx, unsigned use, struct mv_meaning *m)
{
	mv_words_meaning(
	    m, MV_TEXT("frames used for: "), MV_TEXT(""),
	    MV_TEXT("/proc/kpageflags, a word a frame; /proc/zoneinfo and /proc/iomem for where RAM is"),
	    MV_TEXT("frames of a base page"), MV_TEXT(""));
	mv_build_clean(&m->title, atlas_name_of(use));
	mv_build_clean(&m->formula, uses[use].rule);
	mv_build_clean(&m->note, atlas_words_of(use));
	if (ctx->machine && mv_have(&ctx->machine->atlas.have)) {
		mv_build_clean(&m->note, MV_TEXT(". In all "));
		mv_build_count(&m->note, ctx->machine->atlas.uses[use]);
		mv_build_clean(&m->note, MV_TEXT(" frames, "));
		mv_size_build(&m->note, ctx->machine->atlas.uses[use] * ctx->machine->page_bytes, ctx->exact);
		mv_build_clean(&m->note, MV_TEXT("."));
	}
}

bool atlas_meaning(const struct atlas_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m)
{
	const struct mv_atlas_cell *cell =
	    ctx->machine ? atlas_cell_at(v, ctx->machine, v->cursor / v->cell_frames * v->cell_frames) : NULL;

	if (n == 0 && cell && cell->use < MV_USE__N) {
		explain_use(ctx, cell->use, m);
		return true;
	}
	n -= cell && cell->use < MV_USE__N;
	if (n == 0) {
		mv_words_meaning(m, MV_TEXT("one cell of the atlas"),
				 MV_TEXT("height = frames in use / frames of RAM in the cell, in eighths, "
					 "rounded up; colour = what "
					 "most of them are used for"),
				 MV_TEXT("/proc/kpageflags"),
				 MV_TEXT("2^n neighbouring frames; an address is n times the page"),
				 MV_TEXT("A broken frame is never averaged away: ! marks a cell that holds "
					 "one. Frames are read in "
					 "slices, round and round, what is on the screen first: the line at "
					 "the bottom says how old "
					 "the oldest of them is."));
		return true;
	}
	if (n == 1) {
		mv_words_meaning(m, MV_TEXT("lit frames"),
				 MV_TEXT("frame numbers of the process's present pages; runs = stretches of "
					 "neighbouring ones"),
				 MV_TEXT("/proc/PID/maps, PAGEMAP_SCAN and the words of /proc/PID/pagemap"),
				 MV_TEXT("frames"),
				 MV_TEXT("Addresses that follow each other in a process lie anywhere in RAM. "
					 "Pages that share a frame, as "
					 "the page of zeroes, light it once."));
		return true;
	}
	if (n - 2 < MV_USE__N) {
		explain_use(ctx, n - 2, m);
		return true;
	}
	return mv_machine_header_meaning(ctx, n - 2 - MV_USE__N, m);
}
