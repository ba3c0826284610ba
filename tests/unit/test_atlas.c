/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/atlas.h"

#define BIT(n) (UINT64_C(1) << (n))
enum {
#define X(bit, name, meaning) F_##name = bit,
	MV_FRAME_FLAGS(X)
#undef X
};

static char root[64];
static struct mv_source *source;
static struct mv_atlas *atlas;
static struct mv_ram ram;
static struct mv_machine_want want;
static struct mv_atlas_head head;

static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/mv-atlas-XXXXXX");
	memset(&ram, 0, sizeof(ram));
	memset(&want, 0, sizeof(want));
	source = NULL;
	atlas = NULL;
	return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_root(void **state)
{
	(void)state;
	mv_atlas_free(atlas);
	mv_source_free(source);
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void put_dir(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void add_zone(uint32_t node, uint64_t start, uint64_t spanned, uint64_t present, uint64_t managed)
{
	ram.zones[ram.zones_count++] = (struct mv_zone){
	    .node = node, .start_pfn = start, .spanned = spanned, .present = present, .managed = managed};
}

static void open_atlas(void)
{
	const struct mv_source_opts opts = {.root = root};

	assert_int_equal(mv_source_new(&opts, &source), 0);
	assert_int_equal(mv_atlas_new(source, &atlas), 0);
	assert_int_equal(mv_atlas_lay_out(atlas, &ram), 0);
}

static void round_of(size_t frames)
{
	int more;

	while ((more = mv_atlas_step(atlas, &want, frames)) > 0)
		;
	assert_int_equal(more, 0);
	mv_atlas_head(atlas, &want, &head);
}

static struct mv_atlas_cell cell(uint64_t start, uint64_t end)
{
	struct mv_machine_want one = {
	    .atlas_start = start, .atlas_end = end, .cell_frames = (uint32_t)(end - start)};
	struct mv_atlas_cell got;

	assert_int_equal(mv_atlas_cells(atlas, &one, &got, 1), 1);
	return got;
}

static enum mv_frame_use use(uint64_t flags)
{
	return mv_frame_use_of(flags, mv_val_missing(MV_WHY_NOT_ASKED));
}

/* Words as Linux 6.18 gives them. */
static void test_use_of_flags(void **state)
{
	const uint64_t file = BIT(F_REFERENCED) | BIT(F_UPTODATE) | BIT(F_LRU),
		       anon = file | BIT(F_ANON) | BIT(F_SWAPBACKED);

	(void)state;
	assert_int_equal(use(0), MV_USE_KERNEL);
	assert_int_equal(use(BIT(F_NOPAGE)), MV_USE_NONE);
	assert_int_equal(use(BIT(F_OFFLINE)), MV_USE_NONE);
	assert_int_equal(use(BIT(F_BUDDY) | BIT(F_UPTODATE)), MV_USE_FREE);
	assert_int_equal(use(anon | BIT(F_MMAP)), MV_USE_ANON);
	assert_int_equal(use(anon | BIT(F_MMAP) | BIT(F_KSM)), MV_USE_ANON);
	assert_int_equal(use(anon | BIT(F_COMPOUND_TAIL) | BIT(F_THP)), MV_USE_THP);
	assert_int_equal(use(file), MV_USE_FILE);
	assert_int_equal(use(file | BIT(F_COMPOUND_HEAD) | BIT(F_THP) | BIT(F_PRIVATE)), MV_USE_FILE);
	/* Off the lists for a moment. */
	assert_int_equal(use(BIT(F_UPTODATE)), MV_USE_FILE);
	assert_int_equal(use(file | BIT(F_SWAPBACKED)), MV_USE_SHMEM);
	assert_int_equal(use(file | BIT(F_SWAPBACKED) | BIT(F_UNEVICTABLE)), MV_USE_SHMEM);
	/* What slab keeps in its frame reads like an anonymous, merged page. */
	assert_int_equal(use(BIT(F_SLAB) | BIT(F_ANON) | BIT(F_KSM)), MV_USE_SLAB);
	assert_int_equal(use(BIT(F_SLAB) | BIT(F_COMPOUND_TAIL)), MV_USE_SLAB);
	assert_int_equal(use(BIT(F_PGTABLE)), MV_USE_TABLES);
	assert_int_equal(use(BIT(F_HUGE) | BIT(F_COMPOUND_HEAD)), MV_USE_HUGETLB);
	assert_int_equal(use(BIT(F_HUGE) | anon), MV_USE_HUGETLB);
	assert_int_equal(use(BIT(F_RESERVED)), MV_USE_RESERVED);
	assert_int_equal(use(BIT(F_RESERVED) | BIT(F_ZERO_PAGE)), MV_USE_RESERVED);
	assert_int_equal(use(BIT(F_THP) | BIT(F_ZERO_PAGE)), MV_USE_KERNEL);
	assert_int_equal(use(BIT(F_COMPOUND_HEAD)), MV_USE_KERNEL);
	/* Broken comes before all else. */
	assert_int_equal(use(anon | BIT(F_HWPOISON)), MV_USE_POISON);
	assert_int_equal(use(BIT(F_BUDDY) | BIT(F_HWPOISON)), MV_USE_POISON);
}

static const char iomem[] = "00000000-00000fff : Reserved\n"
			    "00001000-0009fbff : System RAM\n" /* its last frame is half of one */
			    "000f0000-000fffff : System ROM\n"
			    "00100000-003fffff : System RAM\n"
			    "  00200000-002fffff : Kernel code\n"
			    "80000000-ffffffff : PCI Bus 0000:00\n"
			    "100000000-1000fffff : Persistent Memory\n"
			    "  100000000-1000fffff : dax0.0\n"
			    "    100000000-1000fffff : System RAM (kmem)\n";

static void test_lays_out_where_ram_is(void **state)
{
	const struct mv_atlas_stretch *at;

	(void)state;
	put("iomem", iomem);
	/* As zoneinfo lists them: by node, and a zone without RAM among them. */
	add_zone(1, 0x100000, 0x100, 0x100, 0x100);
	add_zone(0, 0, 0, 0, 0);
	add_zone(0, 0x200, 0x200, 0x200, 0x200);
	add_zone(0, 1, 0x1ff, 0x19e, 0x19e);
	open_atlas();
	assert_int_equal(mv_atlas_stretches(atlas, &at), 4);
	assert_int_equal(at[0].start, 0x1);
	assert_int_equal(at[0].end, 0x9f);
	assert_int_equal(at[0].zone, 3);
	assert_int_equal(at[1].start, 0x100);
	assert_int_equal(at[1].end, 0x200);
	assert_int_equal(at[2].start, 0x200);
	assert_int_equal(at[2].end, 0x400);
	assert_int_equal(at[2].zone, 2);
	assert_int_equal(at[3].start, 0x100000);
	assert_int_equal(at[3].end, 0x100100);
	assert_int_equal(at[3].node, 1);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.frames, 0x9e + 0x100 + 0x200 + 0x100);
	assert_int_equal(head.have.why, MV_WHY_NOT_READ);
}

/* Without iomem a zone is one stretch, and kpageflags says which of its frames are none. */
static void test_holes_by_flags(void **state)
{
	const struct mv_atlas_stretch *at;

	(void)state;
	put("kpage", "1-100 400 0 0\n180-200 400 0 0\n");
	add_zone(0, 1, 0x1ff, 0x17f, 0x17f);
	open_atlas();
	assert_int_equal(mv_atlas_stretches(atlas, &at), 1);
	round_of(64);
	assert_int_equal(head.frames, 0x1ff);
	assert_int_equal(head.uses[MV_USE_NONE], 0x80);
	assert_int_equal(head.uses[MV_USE_FREE], 0x17f);
	assert_int_equal(cell(0x100, 0x180).use, MV_USE_NONE);
	assert_int_equal(cell(0x100, 0x181).use, MV_USE_FREE);
	assert_int_equal(cell(0x4000, 0x5000).use, MV_USE_NONE);
}

static void test_a_round_sums_up(void **state)
{
	uint64_t sum = 0;

	(void)state;
	put("kpage", "0-800 400 0 0\n"	   /* free */
		     "800-c00 5828 1 1\n"  /* anonymous */
		     "c00-d00 828 0 0\n"   /* of files */
		     "900 85828 1 1\n"	   /* broken */
		     "d00-1000 80 0 0\n"); /* slab */
	add_zone(0, 0, 0x1000, 0x1000, 0x1000);
	open_atlas();
	assert_int_equal(mv_atlas_step(atlas, &want, 0x400), 1);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.read, 0x400);
	assert_int_equal(head.round_ns, 0);
	assert_int_equal(head.uses[MV_USE_FREE], 0x400); /* so far */
	round_of(0x400);
	assert_int_equal(head.read, 0);
	assert_int_equal(head.round_ns, mv_source_now(source));
	for (unsigned u = 0; u < MV_USE__N; u++)
		sum += head.uses[u];
	assert_int_equal(sum, head.frames);
	assert_int_equal(head.uses[MV_USE_FREE], 0x800);
	assert_int_equal(head.uses[MV_USE_ANON], 0x3ff);
	assert_int_equal(head.uses[MV_USE_POISON], 1);
	assert_int_equal(head.uses[MV_USE_FILE], 0x100);
	assert_int_equal(head.uses[MV_USE_SLAB], 0x300);
	/* Halfway through the next the figures are still those of a whole one. */
	put("kpage", "0-1000 828 0 0\n");
	assert_int_equal(mv_atlas_step(atlas, &want, 0x800), 1);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.uses[MV_USE_FREE], 0x800);
	assert_int_equal(head.read, 0x800);
	round_of(0x800);
	assert_int_equal(head.uses[MV_USE_FILE], 0x1000);
	assert_int_equal(head.uses[MV_USE_FREE], 0);
}

static void test_cells(void **state)
{
	struct mv_atlas_cell cells[16];

	(void)state;
	put("kpage",
	    "0-800 400 0 0\n800-a00 5828 1 1\na00-c00 828 0 0\nc00-c80 85828 1 1\nc80-1000 400 0 0\n");
	add_zone(0, 0, 0x1000, 0x1000, 0x1000);
	open_atlas();
	want = (struct mv_machine_want){.atlas_start = 0x800, .atlas_end = 0x1000, .cell_frames = 0x200};
	assert_int_equal(mv_atlas_cells(atlas, &want, cells, 16), 0);
	/* The window first: its 800 frames, then the rest. */
	assert_int_equal(mv_atlas_step(atlas, &want, 0x400), 1);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.oldest_ns, 0);
	assert_int_equal(mv_atlas_cells(atlas, &want, cells, 16), 4);
	assert_int_equal(cells[3].use, MV_USE__N);
	round_of(0x400);
	assert_int_equal(head.oldest_ns, mv_source_now(source));
	assert_int_equal(mv_atlas_cells(atlas, &want, cells, 16), 4);
	assert_int_equal(cells[0].use, MV_USE_ANON);
	assert_int_equal(cells[0].full, 255);
	assert_int_equal(cells[1].use, MV_USE_FILE);
	assert_int_equal(cells[2].use, MV_USE_FREE);
	assert_int_equal(cells[2].full, 1 + 0x80 * 253 / 0x200);
	assert_int_equal(cells[2].poison, 1);
	assert_int_equal(cells[3].full, 0);
	assert_int_equal(cells[3].poison, 0);
	assert_int_equal(mv_atlas_cells(atlas, &want, cells, 3), 3);
	/* The same by the frame as by sums of blocks; a cell that begins or ends inside a block, too. */
	want.cell_frames = 0x80;
	assert_int_equal(mv_atlas_cells(atlas, &want, cells, 16), 16);
	assert_int_equal(cells[7].use, MV_USE_FILE);
	assert_int_equal(cells[8].use, MV_USE_POISON);
	assert_int_equal(cells[9].use, MV_USE_FREE);
	assert_int_equal(cell(0x7ff, 0x801).full, 1 + 253 / 2);
	assert_int_equal(cell(0x7ff, 0xbff).use, MV_USE_ANON);
	assert_int_equal(cell(0x801, 0xc01).use, MV_USE_FILE);
}

/* A new window comes before all else; a small one goes on being read beside the round. */
static void test_window_is_read_first(void **state)
{
	struct mv_atlas_cell got;

	(void)state;
	put("kpage", "0-8000 400 0 0\n");
	add_zone(0, 0, 0x8000, 0x8000, 0x8000);
	open_atlas();
	want = (struct mv_machine_want){.atlas_start = 0x4000, .atlas_end = 0x4800, .cell_frames = 0x800};
	assert_int_equal(mv_atlas_step(atlas, &want, 0x800), 1);
	assert_int_equal(mv_atlas_cells(atlas, &want, &got, 1), 1);
	assert_int_equal(got.use, MV_USE_FREE);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.read, 0);
	put("kpage", "0-8000 828 0 0\n");
	for (int i = 0; i < 3; i++)
		assert_int_equal(mv_atlas_step(atlas, &want, 0x800), 1);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(mv_atlas_cells(atlas, &want, &got, 1), 1);
	assert_int_equal(got.use, MV_USE_FILE);
	assert_true(head.read > 0 && head.read < 0x4000);
}

/* Some kernels tell of a large page's first frame alone what it holds. */
static void test_tails_follow_their_head(void **state)
{
	char text[128];

	(void)state;
	snprintf(text, sizeof(text),
		 "0-10 400 0 0\n10 %" PRIx64 " 0 0\n11-18 %" PRIx64 " 0 0\n18-20 %" PRIx64 " 0 0\n15 %" PRIx64
		 " 0 0\n",
		 BIT(F_COMPOUND_HEAD) | BIT(F_LRU) | BIT(F_SWAPBACKED), BIT(F_COMPOUND_TAIL), BIT(F_LRU),
		 BIT(F_COMPOUND_TAIL) | BIT(F_HWPOISON));
	put("kpage", text);
	add_zone(0, 0, 0x20, 0x20, 0x20);
	open_atlas();
	round_of(512);
	assert_int_equal(head.uses[MV_USE_SHMEM], 7);
	assert_int_equal(head.uses[MV_USE_POISON], 1);
	assert_int_equal(head.uses[MV_USE_FILE], 8);
	assert_int_equal(head.uses[MV_USE_FREE], 16);
}

/* A zone's end that meminfo counts as memory and no zone manages has not been begun; the kernel's books lie
 * behind it. */
static void test_deferred(void **state)
{
	(void)state;
	put("kpage", "0-400 5828 1 0\n400-1000 0 0 0\n");
	add_zone(0, 0, 0x1000, 0x1000, 0x600);
	ram.meminfo[MV_MEM_TOTAL] = mv_val_of(0xf00 * 4096);
	open_atlas();
	round_of(512);
	assert_int_equal(head.uses[MV_USE_ANON], 0x400);
	/* 0x900 are owed; 0xa00 at the end are not managed. */
	assert_int_equal(head.uses[MV_USE_DEFERRED], 0x900);
	assert_int_equal(head.uses[MV_USE_KERNEL], 0x1000 - 0x400 - 0x900);
	assert_int_equal(cell(0x600, 0xf00).use, MV_USE_DEFERRED);
	assert_int_equal(cell(0x600, 0xf00).full, 0);
	assert_int_equal(cell(0x500, 0x600).use, MV_USE_KERNEL);
	assert_int_equal(cell(0xf00, 0x1000).use, MV_USE_KERNEL);
	/* More of it has been given away since. */
	put("kpage", "0-400 5828 1 0\n400-900 0 0 0\n900-a00 400 0 0\na00-1000 0 0 0\n");
	ram.zones[0].managed = 0xa00;
	assert_int_equal(mv_atlas_lay_out(atlas, &ram), 0);
	round_of(512);
	assert_int_equal(head.uses[MV_USE_DEFERRED], 0x500);
	assert_int_equal(head.uses[MV_USE_FREE], 0x100);
	assert_int_equal(cell(0x600, 0x900).use, MV_USE_KERNEL);
	assert_int_equal(cell(0xa00, 0xf00).use, MV_USE_DEFERRED);
	/* All of it: what has no flag is the kernel's. */
	ram.zones[0].managed = 0xf00;
	assert_int_equal(mv_atlas_lay_out(atlas, &ram), 0);
	round_of(512);
	assert_int_equal(head.uses[MV_USE_DEFERRED], 0);
}

static void test_layout_that_changes_is_read_anew(void **state)
{
	(void)state;
	put("kpage", "0-1000 400 0 0\n");
	add_zone(0, 0, 0x800, 0x800, 0x800);
	open_atlas();
	round_of(512);
	assert_int_equal(mv_atlas_lay_out(atlas, &ram), 0);
	mv_atlas_head(atlas, &want, &head);
	assert_int_not_equal(head.round_ns, 0);
	ram.zones[0].spanned = ram.zones[0].present = 0x1000;
	assert_int_equal(mv_atlas_lay_out(atlas, &ram), 0);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.round_ns, 0);
	assert_int_equal(head.uses[MV_USE_FREE], 0);
	round_of(512);
	assert_int_equal(head.uses[MV_USE_FREE], 0x1000);
}

static void test_refused(void **state)
{
	struct mv_atlas_cell got;

	(void)state;
	put("kpage", "0-1000 400 0 0\n");
	put("errors", "kpageflags EACCES\n");
	add_zone(0, 0, 0x1000, 0x1000, 0x1000);
	open_atlas();
	want = (struct mv_machine_want){.atlas_start = 0, .atlas_end = 0x1000, .cell_frames = 0x1000};
	assert_true(mv_atlas_step(atlas, &want, 512) < 0);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.have.why, MV_WHY_NEEDS_DAC);
	assert_int_equal(mv_atlas_cells(atlas, &want, &got, 1), 0);
	put("errors", "kpageflags ENOENT\n");
	assert_true(mv_atlas_step(atlas, &want, 512) < 0);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.have.why, MV_WHY_NO_KERNEL);
}

/* ---- processes ---- */

static void put_process(const char *pid, const char *maps, const char *pages)
{
	char name[64];

	put_dir(pid);
	snprintf(name, sizeof(name), "%s/maps", pid);
	put(name, maps);
	snprintf(name, sizeof(name), "%s/pages", pid);
	put(name, pages);
}

#define MAPS \
	"10000-20000 rw-p 00000000 00:00 0 \n20000-30000 r--p 00000000 00:00 0 \n" \
	"7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \nffffffffff600000-ffffffffff601000 --xp 00000000 " \
	"00:00 0 [vsyscall]\n"

static void light(int pid)
{
	int more;

	mv_atlas_light(atlas, pid);
	while ((more = mv_atlas_step_lit(atlas, 4)) > 0)
		;
	assert_int_equal(more, 0);
	mv_atlas_head(atlas, &want, &head);
}

static void test_lit(void **state)
{
	(void)state;
	put("kpage", "0-1000 5828 1 1\n");
	/* Runs of 4 and 1; a page shared with the first run; a swapped one; one that is no RAM of ours. */
	put_process("77", MAPS,
		    "10000-14000 p pfn=100\n15000-16000 p pfn=200\n2f000-30000 pf "
		    "pfn=103\n7f0000000000-7f0000001000 s\n"
		    "7f0000001000-7f0000002000 p pfn=9999\n");
	add_zone(0, 0, 0x1000, 0x1000, 0x1000);
	open_atlas();
	round_of(512);
	assert_int_equal(head.lit.why, MV_WHY_NOT_ASKED);
	light(77);
	assert_true(mv_have(&head.lit));
	assert_int_equal(head.lit.value, 5);
	assert_int_equal(head.lit_pages, 7);
	assert_int_equal(head.lit_runs, 2);
	assert_int_equal(cell(0xff, 0x100).lit, 0);
	assert_int_equal(cell(0x100, 0x104).lit, 255);
	assert_int_equal(cell(0x104, 0x105).lit, 0);
	assert_int_equal(cell(0x200, 0x201).lit, 255);
	assert_int_equal(cell(0, 0x1000).lit, 1 + 5 * 253 / 0x1000);
	/* Looked at again it is where it has moved to. */
	put("77/pages", "10000-11000 p pfn=300\n");
	mv_source_step(source);
	light(77);
	light(0);
	assert_int_equal(head.lit.why, MV_WHY_NOT_ASKED);
	assert_int_equal(cell(0x100, 0x104).lit, 0);
	light(77);
	assert_int_equal(head.lit.value, 1);
	assert_int_equal(cell(0x300, 0x301).lit, 255);
}

/* While it is looked at once more, what is shown is whole. */
static void test_lit_again(void **state)
{
	(void)state;
	put("kpage", "0-1000 5828 1 1\n");
	put_process("77", MAPS, "10000-14000 p pfn=100\n7f0000000000-7f0000004000 p pfn=200\n");
	add_zone(0, 0, 0x1000, 0x1000, 0x1000);
	open_atlas();
	round_of(512);
	mv_atlas_light(atlas, 77);
	assert_int_equal(mv_atlas_step_lit(atlas, 3), 1);
	mv_atlas_head(atlas, &want, &head);
	assert_in_range(head.lit.value, 1, 7); /* so far */
	light(77);
	assert_int_equal(head.lit.value, 8);
	assert_int_equal(mv_atlas_step_lit(atlas, 3), 1);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.lit.value, 8);
	assert_int_equal(head.lit_runs, 2);
	assert_int_equal(cell(0x200, 0x204).lit, 255);
}

static void test_lit_that_has_gone(void **state)
{
	(void)state;
	put("kpage", "0-1000 5828 1 1\n");
	put_process("77", MAPS, "10000-14000 p pfn=100\n");
	add_zone(0, 0, 0x1000, 0x1000, 0x1000);
	open_atlas();
	round_of(512);
	light(77);
	mv_atlas_light(atlas, 78);
	assert_true(mv_atlas_step_lit(atlas, 100) < 0);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.lit.why, MV_WHY_GONE);
	assert_int_equal(cell(0x100, 0x104).lit, 0);
}

static void test_lit_needs_frame_numbers(void **state)
{
	(void)state;
	put_process("77", MAPS, "10000-14000 p pfn=100\n");
	add_zone(0, 0, 0x1000, 0x1000, 0x1000);
	open_atlas();
	mv_atlas_light(atlas, 77);
	assert_true(mv_atlas_step_lit(atlas, 100) < 0);
	mv_atlas_head(atlas, &want, &head);
	assert_int_equal(head.lit.why, MV_WHY_NEEDS_SYS_ADMIN);
}

static void test_who_maps_a_frame(void **state)
{
	const int32_t pids[] = {76, 77, 78, 79};
	const struct mv_frame_detail *d;

	(void)state;
	put("kpage", "0-1000 5828 1 1\n103 828 3 1a5c\n");
	put_process("77", MAPS, "10000-14000 p pfn=100\n2f000-30000 pf pfn=103\n");
	put_process("78", MAPS, "10000-14000 p pfn=200\n");
	put_process("79", MAPS, "7f0000000000-7f0000010000 p pfn=f8\n");
	add_zone(0, 0, 0x1000, 0x1000, 0x1000);
	open_atlas();
	mv_frame_begin(atlas, 0x103, pids, 4);
	d = mv_frame_detail_of(atlas);
	assert_int_equal(d->flags.value, 0x828);
	assert_int_equal(d->count.value, 3);
	assert_int_equal(d->cgroup.value, 0x1a5c);
	assert_int_equal(d->use, MV_USE_FILE);
	assert_int_equal(d->searched.value, 0);
	while (mv_frame_step(atlas, 2) > 0)
		;
	/* 76 has gone: it has not been searched. */
	assert_int_equal(d->searched.value, 3);
	assert_int_equal(d->mappers_count, 3);
	assert_int_equal(d->mappers[0].pid, 77);
	assert_int_equal(d->mappers[0].address, 0x13000);
	assert_int_equal(d->mappers[1].pid, 77);
	assert_int_equal(d->mappers[1].address, 0x2f000);
	assert_int_equal(d->mappers[2].pid, 79);
	assert_int_equal(d->mappers[2].address, 0x7f000000b000);
	/* Looked for once more, what was found stays until it has been looked for everywhere. */
	put("77/maps", "20000-30000 r--p 00000000 00:00 0 \n");
	mv_frame_begin(atlas, 0x103, pids, 4);
	assert_int_equal(d->mappers_count, 3);
	assert_int_equal(mv_frame_step(atlas, 2), 1);
	assert_int_equal(d->mappers_count, 3);
	while (mv_frame_step(atlas, 2) > 0)
		;
	assert_int_equal(d->mappers_count, 2);
	mv_frame_begin(atlas, 0x104, pids, 4);
	assert_int_equal(d->mappers_count, 0);
	assert_int_equal(d->searched.value, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_use_of_flags),
	    TEST(test_lays_out_where_ram_is),
	    TEST(test_holes_by_flags),
	    TEST(test_a_round_sums_up),
	    TEST(test_cells),
	    TEST(test_window_is_read_first),
	    TEST(test_tails_follow_their_head),
	    TEST(test_deferred),
	    TEST(test_layout_that_changes_is_read_anew),
	    TEST(test_refused),
	    TEST(test_lit),
	    TEST(test_lit_again),
	    TEST(test_lit_that_has_gone),
	    TEST(test_lit_needs_frame_numbers),
	    TEST(test_who_maps_a_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
