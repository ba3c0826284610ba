/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TESTS_HEAPSIM_H
#define MV_TESTS_HEAPSIM_H

/* The heap view in its stack, over snapshots that answer its want as a sampler does. Include after cmocka.h. */

#include <stdlib.h>
#include <string.h>

#include "tests/unit/snapbuild.h"
#include "tui/view_heap.h"

#define HEAP   UINT64_C(0x555500000000)
#define ARENA  UINT64_C(0x7f0000000000)
#define SECOND MV_NS_PER_SEC

static const struct snapbuild_row rows[] = {
    {.start = HEAP, .end = HEAP + 0x10000, .perms = "rw-p", .kind = MV_KIND_HEAP, .name = "[heap]"},
    {.start = ARENA, .end = ARENA + 0x8000, .perms = "rw-p", .kind = MV_KIND_ANON},
};

static struct {
	struct snapbuild b;
	struct mv_heap_arena arenas[2];
	struct mv_heap_size sizes[3];
	struct mv_heap_stretch stretches[2];
	struct mv_heap_owner owners[1];
	struct snapbuild_group groups[3];
	struct mv_leaks_link links[1];
	struct mv_heap_cell cells[MV_HEAP_CELLS];
	struct mv_heap_cell cell; /* what all cells are */
	uint64_t sized[4];	  /* starts of the blocks of 112 bytes, ascending */
	unsigned sized_count;
	uint64_t marks[MV_HEAP_CELLS];
	struct mv_snapshot *snap;
	struct mv_delta *delta;
	struct mv_stack *stack;
	struct mv_keeper_status status;
	struct mv_context ctx;
	struct mv_canvas canvas;
	struct mv_want want;
} rig;

static void draw(void)
{
	mv_stack_draw(rig.stack, &rig.ctx, &rig.canvas);
}

static bool shows(const char *text)
{
	draw();
	return snapbuild_shows(&rig.canvas, text);
}

/* As sampler_sized.c: of blocks of 112 bytes alone. */
static void fill_sized(void)
{
	struct mv_heap_sized f = {.size = rig.want.heap_size, .near = rig.want.heap_near};
	struct mv_range window = rig.want.heap_window;

	memset(rig.marks, 0, sizeof(rig.marks));
	for (unsigned i = 0; i < rig.sized_count && f.size == 112; i++) {
		uint64_t at = rig.sized[i];

		f.blocks++;
		f.first = f.first ? f.first : at;
		f.last = at;
		f.passed += at < f.near;
		f.before = at < f.near ? at : f.before;
		if (!f.at && at >= f.near) {
			f.at = at;
			f.at_bytes = 112;
		}
		f.after = !f.after && at > f.near ? at : f.after;
		if (at >= window.start && at < window.end)
			rig.marks[(at - window.start) / rig.want.heap_cell_bytes] += 112;
	}
	rig.b.head.heap_sized = f.size ? f : (struct mv_heap_sized){0};
	rig.b.heap.marks = rig.marks;
	rig.b.heap.marks_count = f.size ? rig.b.heap.cells_count : 0;
}

/* A snapshot that answers the want of now. */
static void look(void)
{
	struct mv_heap_head *h = &rig.b.head.heap;
	uint64_t bytes;
	bool against = rig.ctx.against;

	mv_stack_want(rig.stack, &rig.ctx, rig.canvas.rows, rig.canvas.cols, &rig.want);
	rig.b.head.facts = rig.want.facts;
	rig.b.head.want_seq = rig.want.seq;
	rig.b.head.seq++;
	h->window = rig.want.heap_window;
	h->cell_bytes = rig.want.heap_cell_bytes;
	bytes = h->window.end - h->window.start;
	rig.b.heap.cells_count = h->cell_bytes ? (bytes + h->cell_bytes - 1) / h->cell_bytes : 0;
	assert_true(rig.b.heap.cells_count <= MV_HEAP_CELLS);
	for (size_t i = 0; i < rig.b.heap.cells_count; i++)
		rig.cells[i] = rig.cell;
	fill_sized();
	free(rig.snap);
	rig.snap = snapbuild_make(&rig.b);
	assert_int_equal(mv_snapshot_check(rig.snap, rig.snap->length), 0);
	assert_int_equal(mv_delta_feed(rig.delta, rig.snap), 0);
	snapbuild_context(&rig.ctx, rig.snap, rig.delta, &rig.status);
	rig.ctx.against = against;
}

static void looks(void)
{
	for (int i = 0; i < 3; i++)
		look();
	draw();
}

static void later(uint64_t ns)
{
	rig.b.head.taken_ns += ns;
	rig.b.head.taken_real_ns += ns;
	rig.b.head.heap.at_ns += ns;
	rig.b.head.heap.asked_ns += ns;
	looks();
}

static void press(const char *keys)
{
	struct mv_input input;

	for (int n; (n = mv_keys_parse(keys, &input)) > 0; keys += n) {
		if (mv_stack_input(rig.stack, &rig.ctx, input) == MV_EFFECT_MARK)
			mv_delta_mark(rig.delta, rig.snap, rig.ctx.now_ns, rig.ctx.now_real_ns);
		looks();
	}
}

static void resize(int rows_now, int cols)
{
	assert_int_equal(mv_canvas_resize(&rig.canvas, rows_now, cols), 0);
	looks();
}

static struct mv_heap_size size_of(uint64_t first, uint64_t last, uint64_t blocks)
{
	return (struct mv_heap_size){first, last, {blocks, blocks * first, 0, 0}};
}

static void fill_heap(void)
{
	struct mv_heap_head *h = &rig.b.head.heap;

	h->reason = MV_HEAP_HAVE;
	h->allocator = MV_ALLOCATOR_GLIBC;
	h->at_ns = h->asked_ns = rig.b.head.taken_ns;
	h->took_ns = 3100000;
	h->version_first = h->version_last = 36;
	h->still = true;
	h->tcaches = 2;
	h->sum[MV_BLOCK_IN_USE] = (struct mv_heap_sum){1000, 40000};
	h->sum[MV_BLOCK_FREE] = (struct mv_heap_sum){10, 20000};
	h->sum[MV_BLOCK_TCACHE] = (struct mv_heap_sum){5, 160};
	h->sum[MV_BLOCK_TOP] = (struct mv_heap_sum){2, 38000};
	h->free_resident_bytes = 8192;
	h->trimmable_bytes = 12288;
	rig.arenas[0] = (struct mv_heap_arena){.is_main = true, .contiguous = true, .system_bytes = 0x10000};
	rig.arenas[1] = (struct mv_heap_arena){.address = ARENA + 0x30, .system_bytes = 0x8000};
	rig.sizes[0] = size_of(32, 32, 700);
	rig.sizes[1] = size_of(112, 112, 290);
	rig.sizes[2] = size_of(65536, 73712, 1);
	rig.stretches[0] = (struct mv_heap_stretch){HEAP, HEAP + 0x10000, 0, MV_REGION_MAIN, 1000};
	rig.stretches[1] = (struct mv_heap_stretch){ARENA, ARENA + 0x8000, 1, MV_REGION_ARENA, 17};
	rig.b.heap = (struct snapbuild_heap){.arenas = rig.arenas,
					     .arenas_count = 2,
					     .sizes = rig.sizes,
					     .sizes_count = 3,
					     .stretches = rig.stretches,
					     .stretches_count = 2,
					     .cells = rig.cells,
					     .owners = rig.owners};
	rig.cell = (struct mv_heap_cell){.blocks = 3};
	rig.cell.bytes[MV_BLOCK_IN_USE] = 16;
}

/* What a sampler does of a want: the answer to a scan, at once. */
static void answer(uint64_t lost)
{
	struct mv_leaks_head *l = &rig.b.head.leaks;

	l->state = MV_LEAKS_STATE_DONE;
	l->seq = rig.want.leaks_seq;
	l->mode = rig.want.leaks_flags & MV_LEAKS_WANT_EXACT ? MV_LEAKS_EXACT : MV_LEAKS_SCAN;
	l->why = MV_LEAKS_WHY_NONE;
	l->heap_reason = MV_HEAP_HAVE;
	l->at_ns = rig.b.head.taken_ns;
	l->rounds = 4;
	l->stopped_ns = 410000;
	l->blocks = 1000;
	l->lost = (struct mv_heap_sum){lost, lost * 112};
	l->direct = (struct mv_heap_sum){lost ? 1 : 0, lost ? 112 : 0};
	l->indirect = (struct mv_heap_sum){lost ? lost - 1 : 0, 0};
	if (!lost)
		return;
	rig.groups[0] = (struct snapbuild_group){.name = "vtable for Session",
						 .g = {.size = 112,
						       .what = MV_FIRST_IMAGE,
						       .first_word = 0x1000,
						       .blocks = 200,
						       .bytes = 22400,
						       .direct_blocks = 1,
						       .held_blocks = 40,
						       .held_bytes = 4096,
						       .examples_count = 2,
						       .examples = {HEAP + 0x1230, HEAP + 0x2340}}};
	rig.groups[1] = (struct snapbuild_group){.text = "hello",
						 .g = {.size = 32,
						       .what = MV_FIRST_TEXT,
						       .blocks = 9,
						       .bytes = 288,
						       .examples_count = 1,
						       .examples = {HEAP + 0x3450}}};
	rig.links[0] = (struct mv_leaks_link){0, 1, 24, 9, 288};
	rig.b.heap.groups = rig.groups;
	rig.b.heap.groups_count = 2;
	rig.b.heap.links = rig.links;
	rig.b.heap.links_count = 1;
}

static int start(void **state)
{
	struct mv_place nowhere = {0};

	(void)state;
	memset(&rig, 0, sizeof(rig));
	snapbuild_init(&rig.b);
	rig.b.rows = rows;
	rig.b.count = MV_COUNT_OF(rows);
	fill_heap();
	if (mv_delta_new(&rig.delta) || mv_stack_new(MV_VIEW_HEAP, &nowhere, &rig.stack) ||
	    mv_canvas_init(&rig.canvas, 40, 120))
		return -1;
	snapbuild_context(&rig.ctx, NULL, rig.delta, &rig.status);
	looks();
	return 0;
}

static int end(void **state)
{
	(void)state;
	mv_stack_free(rig.stack);
	mv_delta_free(rig.delta);
	mv_canvas_release(&rig.canvas);
	free(rig.snap);
	return 0;
}

#endif
