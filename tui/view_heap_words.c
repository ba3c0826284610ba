/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_heap.h"

/* What the heap view says on top: the answer, the bar of the whole heap; and what its figures mean. */

void heap_duration(struct mv_build *b, uint64_t ns)
{
	double ms = (double)ns / 1e6;

	if (ms < 1000)
		mv_build_fmt(b, ms < 10 ? "%.2f ms" : ms < 100 ? "%.1f ms" : "%.0f ms", ms);
	else
		mv_build_fmt(b, ms < 100000 ? "%.1f s" : "%.0f s", ms / 1000);
}

void heap_ago(struct mv_build *b, const struct mv_context *ctx, uint64_t at_ns)
{
	uint64_t age = ctx->now_ns > at_ns ? ctx->now_ns - at_ns : 0;

	if (age < MV_NS_PER_SEC) {
		mv_build_clean(b, MV_TEXT("just now"));
		return;
	}
	mv_age_build(b, age);
	mv_build_clean(b, MV_TEXT(" ago"));
}

/* ---- the answer ---- */

/* "glibc 2.36", "glibc 2.43 or newer" */
static void build_version(struct mv_build *b, const struct mv_heap_head *h)
{
	mv_build_clean(b, MV_TEXT("glibc"));
	if (!h->version_first || !h->version_last)
		return;
	mv_build_fmt(b, " 2.%u", h->version_first);
	if (h->version_last == UINT32_MAX)
		mv_build_clean(b, MV_TEXT(" or newer"));
	else if (h->version_last != h->version_first)
		mv_build_fmt(b, " to 2.%u", h->version_last);
}

static void build_figures(struct mv_build *b, const struct mv_context *ctx)
{
	const struct mv_heap_head *h = &ctx->snap->heap;
	uint64_t blocks = heap_used_blocks(h->sum);

	build_version(b, h);
	mv_build_clean(b, MV_TEXT(" heap: "));
	mv_size_build(b, heap_used_bytes(h->sum), ctx->exact);
	mv_build_clean(b, MV_TEXT(" in use by "));
	mv_build_count(b, blocks);
	mv_build_clean(b, blocks == 1 ? MV_TEXT(" block; ") : MV_TEXT(" blocks; "));
	if (!h->free_resident_bytes) {
		mv_build_clean(b, MV_TEXT("no page of it is free and still resident"));
	} else {
		mv_size_build(b, h->free_resident_bytes, ctx->exact);
		mv_build_clean(b, MV_TEXT(" free but still resident"));
	}
	if (h->trimmable_bytes) {
		mv_build_clean(b, MV_TEXT("; malloc_trim would give back "));
		mv_size_build(b, h->trimmable_bytes, ctx->exact);
	} else if (h->free_resident_bytes) {
		mv_build_clean(b, MV_TEXT("; malloc_trim would give back nothing"));
	}
	if (heap_leaks_told(ctx) && ctx->snap->leaks.lost.blocks) {
		mv_build_clean(b, MV_TEXT("; "));
		mv_size_build(b, ctx->snap->leaks.lost.bytes, ctx->exact);
		mv_build_clean(b, MV_TEXT(" lost in "));
		mv_build_count(b, ctx->snap->leaks.lost.blocks);
		mv_build_clean(b, MV_TEXT(" blocks"));
	}
}

static void build_reason(struct mv_build *b, const struct mv_context *ctx)
{
	const struct mv_heap_head *h = &ctx->snap->heap;

	if (h->reason == MV_HEAP_OTHER && h->allocator > MV_ALLOCATOR_GLIBC) {
		mv_build_clean(b, mv_words(mv_allocator_name((enum mv_allocator)h->allocator)));
		mv_build_clean(
		    b,
		    MV_TEXT(
			" is in use instead of glibc's malloc: its blocks can't be told, its mappings can"));
		return;
	}
	mv_build_clean(b, h->at_ns ? MV_TEXT("the heap can't be read now: ")
				   : MV_TEXT("the heap can't be read: "));
	mv_build_clean(b, mv_words(mv_heap_reason_text((enum mv_heap_reason)h->reason)));
	if (h->broke_at) {
		mv_build_clean(b, MV_TEXT(", at "));
		mv_words_addr(b, h->broke_at);
		if (h->broke_after) {
			mv_build_clean(b, MV_TEXT(" after the block at "));
			mv_words_addr(b, h->broke_after);
		}
	}
	if (h->at_ns) {
		mv_build_clean(b, MV_TEXT("; figures of "));
		heap_ago(b, ctx, h->at_ns);
	}
}

enum mv_role heap_headline(struct mv_build *b, const struct mv_context *ctx)
{
	const struct mv_snapshot *snap = ctx->snap;

	mv_build_init(b);
	if (snap && snap->life == MV_LIFE_KERNEL_THREAD) {
		mv_build_clean(b, MV_TEXT("a kernel thread has no heap"));
		return ROLE_WARN;
	}
	if (!snap || !(snap->facts & MV_FACT_HEAP) ||
	    (snap->heap.reason == MV_HEAP_NOT_READ && !snap->heap.at_ns)) {
		mv_build_clean(b, snap && snap->life != MV_LIFE_ALIVE ? MV_TEXT("its heap has gone with it")
								      : MV_TEXT("reading the heap"));
		return ROLE_WARN;
	}
	/* The banner says that it has ended: the last picture stays. */
	if (snap->heap.reason > MV_HEAP_HAVE && (snap->life == MV_LIFE_ALIVE || !snap->heap.at_ns)) {
		if (snap->life == MV_LIFE_ZOMBIE) {
			mv_build_clean(b, MV_TEXT("a zombie has no heap left"));
			return ROLE_WARN;
		}
		build_reason(b, ctx);
		return snap->heap.reason == MV_HEAP_CORRUPT ? ROLE_ALERT : ROLE_WARN;
	}
	build_figures(b, ctx);
	return ROLE_STRONG;
}

/* By reason; what is tried again by itself says so. */
static const struct mv_clean next_words[MV_HEAP__N] = {
    [MV_HEAP_CHANGING] = {"It is tried again every 3 s. A moment in which less is allocated is enough."},
    [MV_HEAP_CORRUPT] = {"/ goes to an address: look at the bytes there. valgrind, or a build with "
			 "-fsanitize=address, tells who wrote over it."},
    [MV_HEAP_UNEQUAL] = {"It is tried again every 3 s. 5 Growth tells what grows without looking at blocks."},
    [MV_HEAP_NO_HEAP] = {"Once it allocates, it is shown here. 1 Map has all of its memory."},
    [MV_HEAP_OTHER] = {"5 Growth tells which of these mappings grow, F which code touches their new pages."},
    [MV_HEAP_UNKNOWN] = {"1 Map has its memory, 5 Growth what of it grows, F which code touches new pages."},
    [MV_HEAP_BITS32] = {"1 Map has its memory, 5 Growth what of it grows, F which code touches new pages."},
    [MV_HEAP_NOT_ALLOWED] = {"Start memview as root (sudo memview PID), or as the process's user where "
			     "kernel.yama.ptrace_scope is 0."},
    [MV_HEAP_SWAPPED] = {"Once it is back in RAM, it is shown here. 1 Map shows what is swapped out where."},
    [MV_HEAP_TOO_BIG] = {"It is tried again every 3 s: memory that is freed on this machine helps."},
    [MV_HEAP_LATE] = {"It is tried again every 3 s."},
    [MV_HEAP_IO] = {"It is tried again every 3 s."},
};

struct mv_clean heap_next_words(const struct mv_context *ctx)
{
	const struct mv_snapshot *snap = ctx->snap;

	if (!snap || !(snap->facts & MV_FACT_HEAP) || snap->life != MV_LIFE_ALIVE || heap_have(ctx) ||
	    !next_words[snap->heap.reason].text)
		return MV_TEXT("");
	return next_words[snap->heap.reason];
}

/* ---- the bar ---- */

struct part {
	struct mv_clean words;
	char32_t glyph;
	char ascii;
	enum mv_role role;
	uint64_t bytes;
};
#define PARTS 5

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Figures that contradict each other (of a hostile snapshot) make a wrong bar, nothing else. */
static uint64_t make_parts(const struct mv_heap_head *h, struct part parts[static PARTS])
{
	uint64_t free = h->sum[MV_BLOCK_FREE].bytes, resident = least(h->free_resident_bytes, free),
		 whole = 0;

	parts[0] = (struct part){{"in use"}, U'█', '#', ROLE_PAGE_ANON, heap_used_bytes(h->sum)};
	parts[1] = (struct part){{"cached"},
				 U't',
				 't',
				 ROLE_PAGE_SHMEM,
				 h->sum[MV_BLOCK_TCACHE].bytes + h->sum[MV_BLOCK_FASTBIN].bytes};
	parts[2] = (struct part){{"free, resident"}, U'▄', 'r', ROLE_WARN, resident};
	parts[3] = (struct part){{"other free"}, U'░', '-', ROLE_PAGE_FILE, free - resident};
	parts[4] = (struct part){{"top"}, U'·', '.', ROLE_DIM, h->sum[MV_BLOCK_TOP].bytes};
	for (int i = 0; i < PARTS; i++)
		whole = whole + parts[i].bytes < whole ? UINT64_MAX : whole + parts[i].bytes;
	return whole;
}

/* Each part that has something has a cell; the rest goes by size. */
static void draw_bar(struct mv_canvas *c, int y, int x, int cols, const struct part parts[static PARTS],
		     uint64_t whole)
{
	uint64_t seen = 0;
	int at = 0;

	for (int i = 0; i < PARTS && whole; i++) {
		int left = 0, end;

		if (!parts[i].bytes)
			continue;
		for (int k = i + 1; k < PARTS; k++)
			left += parts[k].bytes != 0;
		seen = seen + parts[i].bytes < seen ? UINT64_MAX : seen + parts[i].bytes;
		end = (int)((unsigned __int128)least(seen, whole) * (unsigned)cols / whole);
		end = end <= at ? at + 1 : end;
		end = end > cols - left ? cols - left : end;
		for (; at < end; at++)
			mv_canvas_glyph2(c, y, x + at, parts[i].role, parts[i].glyph, parts[i].ascii);
	}
}

static void draw_legend(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols,
			const struct part parts[static PARTS])
{
	int end = x + cols;
	struct mv_build b;

	for (int i = 0; i < PARTS; i++) {
		mv_build_init(&b);
		mv_build_clean(&b, parts[i].words);
		mv_build_clean(&b, MV_TEXT(" "));
		mv_size_build(&b, parts[i].bytes, ctx->exact);
		if (x + 2 + (int)b.len > end)
			break;
		mv_canvas_glyph2(c, y, x, parts[i].role, parts[i].glyph, parts[i].ascii);
		x += 2 +
		     mv_canvas_build(c, y, x + 2, end - x - 2, parts[i].bytes ? ROLE_LABEL : ROLE_DIM, &b) +
		     2;
	}
}

/* "beside malloc: V8 (JavaScript) 180M, ...": what has most of the memory of many programs. */
static void draw_beside(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols)
{
	uint32_t count;
	const struct mv_heap_owner *o = mv_snapshot_heap_owners(ctx->snap, &count);
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, MV_TEXT("beside malloc, not in these figures: "));
	for (uint32_t i = 0; i < count; i++) {
		if (i)
			mv_build_clean(&b, MV_TEXT(", "));
		mv_build_clean(&b, mv_words(mv_allocator_name((enum mv_allocator)o[i].allocator)));
		if (!mv_have(&o[i].bytes))
			continue;
		mv_build_clean(&b, MV_TEXT(" with "));
		mv_size_build(&b, o[i].bytes.value, ctx->exact);
		mv_build_clean(&b, MV_TEXT(" of addresses"));
	}
	mv_canvas_build(c, y, x, cols, ROLE_LABEL, &b);
}

static void draw_path(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct heap_geometry *g = &v->geo;
	int x = g->text.x, end = x + g->text.cols;
	struct mv_build b;

	if (g->path_y < 0)
		return;
	mv_build_init(&b);
	if (heap_have(ctx)) {
		const struct mv_heap_head *h = &ctx->snap->heap;

		mv_build_clean(&b, MV_TEXT("read "));
		heap_ago(&b, ctx, h->at_ns);
		mv_build_clean(&b, MV_TEXT(" in "));
		heap_duration(&b, h->took_ns);
		if (!h->still)
			mv_build_clean(&b, MV_TEXT(", while it changed"));
	}
	int told = (int)mv_clean_width(mv_build_text(&b));
	if (told && told + 10 <= end - x) {
		mv_canvas_build(c, g->path_y, end - told, told, ROLE_LABEL, &b);
		end -= told + 1;
	}
	mv_build_init(&b);
	mv_words_process(&b, ctx);
	if ((int)mv_clean_width(mv_build_text(&b)) + 4 <= end - x)
		x += mv_canvas_build(c, g->path_y, x, end - x, ROLE_DIM, &b);
	mv_canvas_text(c, g->path_y, x, end - x, ROLE_TITLE, MV_TEXT("heap"));
}

void heap_top_draw(const struct heap_view *v, const struct mv_context *ctx, struct mv_canvas *c)
{
	const struct heap_geometry *g = &v->geo;
	struct part parts[PARTS];
	struct mv_build b;
	enum mv_role role = heap_headline(&b, ctx);

	draw_path(v, ctx, c);
	mv_wrap_draw(c, g->head, role, mv_build_text(&b));
	if (g->next.rows)
		mv_wrap_draw(c, g->next, ROLE_LABEL, heap_next_words(ctx));
	if (!heap_have(ctx))
		return;
	uint64_t whole = make_parts(&ctx->snap->heap, parts);
	if (g->bar_y >= 0)
		draw_bar(c, g->bar_y, g->text.x, g->text.cols, parts, whole);
	if (g->legend_y >= 0)
		draw_legend(ctx, c, g->legend_y, g->text.x, g->text.cols, parts);
	if (g->beside_y >= 0)
		draw_beside(ctx, c, g->beside_y, g->text.x, g->text.cols);
}

/* ---- what it is ---- */

#define WALK "a copy of the heap's pages, walked from block to block; checked against glibc's own sums"

/* What belongs to the pane in which w is pressed comes first. */
static const struct {
	enum heap_pane pane;
	struct mv_clean title, formula, source, unit, note;
} meanings[] = {
    {HEAP_PICTURE,
     {"in use"},
     {"sizes of the blocks that were given out and not freed, malloc's headers and mmapped blocks included"},
     {WALK},
     {"bytes (K = 1024, M = 1024K, G = 1024M)"},
     {"The process is not stopped. A reading that does not add up is made again, and never shown."}},
    {HEAP_PICTURE,
     {"free but still resident"},
     {"pages wholly inside free blocks that are present in RAM: given back to malloc, not to the system"},
     {"free blocks of the walk, joined with /proc/PID/pagemap"},
     {"bytes"},
     {"malloc_trim(0) gives back what it can: whole pages inside free blocks, and the top. Fastbins and "
      "tcache stay."}},
    {HEAP_PICTURE,
     {"cached (tcache, fastbins)"},
     {"freed, but kept aside by a thread or by size for the next malloc; not joined with free neighbours"},
     {WALK},
     {"bytes"},
     {"glibc counts a tcache's blocks as in use: uordblks does, in use here does not."}},
    {HEAP_PICTURE,
     {"top"},
     {"the end of an arena, what new blocks are cut from when no free one fits"},
     {WALK},
     {"bytes"},
     {"Freed memory below the last block in use can't be returned by shrinking the top: one block may hold "
      "all of it."}},
    {HEAP_PICTURE,
     {"the picture"},
     {"a cell stands for so many bytes, and shows what has seven eighths of it or more, else how much is in "
      "use"},
     {WALK},
     {"█ in use  ░ free  t tcache  f fastbin  · top  ▚ mmapped  o malloc's own  ▓ mostly used  ▒ mostly free "
      " ▐ a block begins"},
     {"+ and - zoom, the arrows go on to the next stretch, Enter opens the page with its bytes. ◆ more than "
      "half "
      "of a cell is blocks of the size that was entered, ◇ less."}},
    {HEAP_PICTURE,
     {"beside malloc"},
     {"allocators and runtimes that take memory from the system themselves, and the addresses that are "
      "theirs"},
     {"names of mappings and of the libraries that are loaded"},
     {"bytes of addresses, in RAM or not"},
     {"Their blocks can't be told from outside. 5 Growth tells whether their mappings grow."}},
    {HEAP_SIZES,
     {"SIZE, +BLOCKS, +BYTES, SHARE"},
     {"blocks in use by size, malloc's header included (usable: 8 bytes less); against the first reading, or "
      "the first "
      "after the mark (m)"},
     {WALK},
     {"bytes, blocks; SHARE: percent of what was added in all"},
     {"A size that only ever grows is what leaks, or what a cache fills with. Enter marks its blocks in the "
      "picture and goes to the first, n and N to others."}},
    {HEAP_SIZES,
     {"FREE BLKS, FREE BYTES, IN USE"},
     {"blocks of the size that were freed and not given back (bins, tcache, fastbins); the bar: BYTES / all "
      "in "
      "use"},
     {WALK},
     {"blocks, bytes"},
     {"Free blocks of a size that is in use much are its next ones: no loss."}},
    {HEAP_ARENAS,
     {"SYSTEM, FREE, CACHED, TOP"},
     {"what an arena took from the system, and what of that is free in bins, kept aside, not cut into blocks "
      "yet"},
     {WALK},
     {"bytes"},
     {"Threads get arenas of their own, up to 8 a core: each keeps what was freed in it for itself."}},
    {HEAP_ARENAS,
     {"FREE RES., TRIM, fragmentation"},
     {"free pages that are in RAM; what malloc_trim would give back of them and of the top; 1 - largest free "
      "block / all free"},
     {"free blocks of the walk, joined with /proc/PID/pagemap"},
     {"bytes, percent"},
     {"Near 100 % what is free lies in many small pieces: a large block needs new memory though much is "
      "free."}},
    {HEAP_LEAKS,
     {"lost blocks"},
     {"blocks in use that no register, stack, static data, other writable memory or reachable block points "
      "into"},
     {"the copy of the heap, and all other readable and writable memory that is present"},
     {"blocks, bytes; direct: nothing at all points to them; HOLD: what hangs off them"},
     {"L looks four times or more at the running process, ! stops it. What is in swap is not read in: what it alone "
      "points to seems lost."}},
    {HEAP_LEAKS,
     {"DIRECT, HOLD"},
     {"DIRECT: blocks that not even a lost one points to; HOLD: bytes that are lost with them, over all "
      "levels"},
     {"the copy of the heap"},
     {"blocks, bytes"},
     {"Free the direct ones, and what they hold can be freed: look for the code that forgot these."}},
    {HEAP_LEAKS,
     {"reached by their inside alone"},
     {"blocks that no word points to the start of, but some word points into: not counted as lost"},
     {"the same words that tell what is reachable"},
     {"blocks, bytes"},
     {"Usual for C++ objects with several bases and for allocators above malloc; seldom, a number that looks "
      "like an address."}},
    {HEAP_LEAKS,
     {"ended stacks"},
     {"stacks of threads that have ended, which glibc keeps for the next: what lies in them holds no block"},
     {"/proc/PID/maps, the threads' stack pointers, and the thread's block at the stack's top"},
     {"stacks"},
     {"Such a stack may still hold the last pointer to a block: nobody can use it, so the block is lost."}},
    {HEAP_LEAKS,
     {"FIRST WORD"},
     {"what lies at the block's start: an object's vtable, a text, a pointer, a number"},
     {"the copy of the heap; names from the files' symbol tables"},
     {""},
     {"Blocks of one size whose first words mean the same are one group."}},
    {HEAP_FIGURES,
     {"arena, ordblks ... keepcost"},
     {"the figures of mallinfo2(3), as the process itself would report them now"},
     {WALK},
     {"bytes and blocks"},
     {"uordblks counts tcache and malloc's own as in use; hblkhd (mmapped blocks) is in neither of uordblks "
      "and fordblks."}},
};

/* The n-th of all, with those of one pane before the others; MV_COUNT_OF(meanings): past the last. */
static size_t meaning_at(enum heap_pane pane, size_t n)
{
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < MV_COUNT_OF(meanings); i++)
			if ((meanings[i].pane == pane) == (round == 0) && n-- == 0)
				return i;
	return MV_COUNT_OF(meanings);
}

bool heap_meaning(const struct heap_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m)
{
	size_t i = meaning_at(v->focus, n);

	if (i == MV_COUNT_OF(meanings))
		return mv_header_meaning(ctx, n - (unsigned)MV_COUNT_OF(meanings), m);
	mv_words_meaning(m, meanings[i].title, meanings[i].formula, meanings[i].source, meanings[i].unit,
			 meanings[i].note);
	return true;
}
