/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/heapsim.h"

/* What the heap view says, shows and asks for. */

/* ---- what is said ---- */

static void the_answer_comes_first(void **state)
{
	(void)state;
	assert_true(rig.want.facts & MV_FACT_HEAP);
	assert_true(
	    shows("glibc 2.36 heap: 39.1K in use by 1,000 blocks; 8K free but still resident; malloc_trim"));
	assert_true(shows("would give back 12K"));
	assert_true(shows("read just now in 3.10 ms"));
	assert_false(shows("while it changed"));
	rig.b.head.heap.still = false;
	rig.b.head.heap.free_resident_bytes = 0;
	rig.b.head.heap.trimmable_bytes = 0;
	looks();
	assert_true(shows("while it changed"));
	assert_true(shows("no page of it is free and still resident"));
	assert_false(shows("malloc_trim"));
}

static void why_there_are_no_figures(void **state)
{
	struct mv_heap_head *h = &rig.b.head.heap;
	struct snapbuild_heap none = {.owners = rig.owners};

	(void)state;
	h->at_ns = 0;
	rig.b.heap = none;
	for (unsigned reason = 2; reason < MV_HEAP__N; reason++) {
		h->reason = reason;
		h->allocator = MV_ALLOCATOR_GLIBC;
		looks();
		assert_true(shows("the heap can't be read: "));
		assert_true(shows(mv_heap_reason_text((enum mv_heap_reason)reason)));
	}
	/* And what can be done. */
	h->reason = MV_HEAP_NOT_ALLOWED;
	looks();
	assert_true(shows("Start memview as root"));
	h->reason = MV_HEAP_CHANGING;
	looks();
	assert_true(shows("It is tried again every 3 s"));
	h->reason = MV_HEAP_CORRUPT;
	h->broke_at = 0x555500001230;
	h->broke_after = 0x5555000011c0;
	looks();
	assert_true(shows("at 555500001230 after the block at 5555000011c0"));
	h->reason = MV_HEAP_NOT_READ;
	looks();
	assert_true(shows("reading the heap"));
	h->reason = MV_HEAP_OTHER;
	h->allocator = MV_ALLOCATOR_JEMALLOC;
	rig.owners[0] = (struct mv_heap_owner){
	    .allocator = MV_ALLOCATOR_JEMALLOC, .mappings = 3, .bytes = mv_val_of(24 << 20), .guessed = true};
	rig.b.heap.owners_count = 1;
	looks();
	assert_true(shows("jemalloc is in use instead of glibc's malloc"));
	assert_true(shows("24.0M of addresses in 3 mappings, as no other owner is left"));
	/* Nothing to scan there. */
	press("L");
	assert_true(shows("only blocks of glibc's malloc can be scanned"));
	assert_int_equal(rig.want.leaks_seq, 0);
}

static void older_figures_say_so(void **state)
{
	(void)state;
	rig.b.head.taken_ns += 5 * SECOND;
	rig.b.head.heap.reason = MV_HEAP_CHANGING;
	looks();
	assert_true(shows("the heap can't be read now: it changes too fast; figures of 5 s ago"));
	assert_true(shows("main heap"));
	/* Of a process that has ended the last picture stays. */
	rig.b.head.heap.reason = MV_HEAP_GONE;
	rig.b.head.life = MV_LIFE_GONE;
	looks();
	assert_true(shows("in use by 1,000 blocks"));
}

/* ---- the picture ---- */

static void cells_follow_the_window(void **state)
{
	(void)state;
	assert_int_equal(rig.want.heap_window.start, HEAP);
	assert_int_equal(rig.want.heap_window.end, HEAP + 0x10000);
	uint64_t fits = rig.want.heap_cell_bytes;
	press("-");
	assert_true(shows("all of this stretch is in sight"));
	assert_int_equal(rig.want.heap_cell_bytes, fits);
	press("+");
	assert_int_equal(rig.want.heap_cell_bytes, fits / 2);
	press("++++++++++++");
	assert_int_equal(rig.want.heap_cell_bytes, 16);
	assert_true(shows("a cell is 16 bytes already"));
	assert_true(rig.want.heap_window.end - rig.want.heap_window.start < 0x10000);
	/* The arrows scroll, and go on to the next stretch and back. */
	press("<PgDn><PgDn>");
	assert_true(rig.want.heap_window.start > HEAP);
	press("G");
	assert_int_equal(rig.want.heap_window.end, ARENA + 0x8000);
	assert_true(shows("thread arena"));
	press("g");
	assert_int_equal(rig.want.heap_window.start, HEAP);
	press("<Left>");
	assert_int_equal(rig.want.heap_window.start, HEAP);
	press("------------");
	assert_int_equal(rig.want.heap_cell_bytes, fits);
	press("<PgDn><PgDn><PgDn>");
	assert_int_equal(rig.want.heap_window.start, ARENA);
	press("<PgUp><PgUp><PgUp>");
	assert_int_equal(rig.want.heap_window.start, HEAP);
}

static void the_cursor_tells_its_cell(void **state)
{
	(void)state;
	rig.cell.bytes[MV_BLOCK_FREE] = 48;
	looks();
	assert_true(shows("555500000000  3 blocks begin  in use 16B, free 48B"));
	/* No block begins in any cell: it goes on beyond what is known. */
	rig.cell = (struct mv_heap_cell){.blocks = 0};
	rig.cell.bytes[MV_BLOCK_FREE] = 16;
	looks();
	assert_true(shows("free, a block of") || shows("free, more than"));
	rig.cell = (struct mv_heap_cell){.blocks = 0};
	looks();
	assert_true(shows("outside the heap"));
}

static void enter_opens_the_bytes(void **state)
{
	(void)state;
	press("+++++++++++<Right><Right><Enter>");
	assert_true(rig.want.facts & MV_FACT_PAGE);
	assert_int_equal(rig.want.page, HEAP);
	assert_true(shows("555500000020 is byte 32 of 4,096"));
	press("<Esc>");
	assert_true(shows("main heap"));
	/* An address leads there, too. */
	press("/0x7f0000000040<Enter>");
	assert_int_equal(rig.want.heap_window.start, ARENA);
	press("/nonsense<Enter>");
	assert_true(shows("an address is hexadecimal"));
	press("/ffff<Enter>");
	assert_true(shows("that address is not in the heap"));
}

/* ---- sizes ---- */

static void the_size_that_grows_stands_out(void **state)
{
	(void)state;
	press("<Tab>");
	assert_true(shows("not read again yet"));
	later(SECOND);
	assert_true(shows("as many blocks of each size"));
	rig.sizes[1] = size_of(112, 112, 2690);
	later(SECOND);
	assert_true(shows("+263K in use, +2,400 blocks; most by +2,400 of 112 bytes"));
	assert_true(shows(">           112     2,690   294K   +2,400   +263K 100 %"));
	/* A size that has gone is told, too. */
	rig.b.heap.sizes_count = 2;
	later(SECOND);
	assert_true(shows("-64K"));
	/* Against the mark nothing has grown. */
	press("m");
	later(SECOND);
	assert_true(shows("against the mark of "));
	assert_true(shows("as many blocks of each size"));
	rig.sizes[0] = size_of(32, 32, 701);
	later(SECOND);
	assert_true(shows("most by +1 of 32 bytes"));
}

static void sizes_have_an_order(void **state)
{
	(void)state;
	press("<Tab>");
	assert_true(shows(">     64K-72.0K"));
	for (int i = 0; i < 12 && !shows("SIZE▴"); i++)
		press("s");
	assert_true(shows("SIZE▴"));
	assert_true(shows(">            32"));
	press("S");
	assert_true(shows(">     64K-72.0K"));
	press("<Down><Down>");
	assert_true(shows(">            32"));
	/* The cursor stays on its size. */
	rig.b.heap.sizes = rig.sizes;
	rig.b.heap.sizes_count = 1;
	later(SECOND);
	assert_true(shows(">            32"));
}

static void panes_turn(void **state)
{
	(void)state;
	press("<Tab><Tab>");
	assert_true(shows("2 arenas, 2 threads with a tcache"));
	assert_true(shows("7f0000000030"));
	press("<Down><Enter>");
	assert_int_equal(rig.want.heap_window.start, ARENA);
	press("<Tab><Tab><Tab><Tab>");
	assert_true(shows("what mallinfo2(3) would say"));
	assert_true(shows("keepcost"));
	press("<Tab>");
	assert_true(shows("mallinfo2"));
}

/* ---- lost blocks ---- */

static void a_scan_is_asked_for_once(void **state)
{
	(void)state;
	press("L");
	assert_true(shows("Scan for lost blocks?"));
	assert_int_equal(rig.want.leaks_seq, 0);
	press("n");
	assert_int_equal(rig.want.leaks_seq, 0);
	press("Ly");
	uint32_t seq = rig.want.leaks_seq;
	assert_int_not_equal(seq, 0);
	assert_int_equal(rig.want.leaks_flags, 0);
	assert_true(shows("a scan is asked for"));
	press("L");
	assert_true(shows("a scan is under way already"));
	rig.b.head.leaks.seq = seq;
	rig.b.head.leaks.state = MV_LEAKS_STATE_RUNS;
	rig.b.head.leaks.progress = (struct mv_leaks_progress){MV_LEAKS_COPIES, 1, 1 << 20, 4 << 20};
	looks();
	assert_true(shows("scan: look 2, copies 1.0M of 4.0M"));
	rig.want.leaks_seq = seq;
	answer(201);
	look();
	look();
	/* Taken up: the want must not begin it again. */
	assert_int_equal(rig.want.leaks_seq, 0);
	assert_true(shows("201 blocks, 22.0K lost: 1 direct, 200 hang off them"));
	assert_true(shows("Leaks 201 lost"));
	assert_true(shows("vtable for Session"));
	assert_true(shows("holds at +24 blocks of 32 (\"hello\"): 9 blocks, 288B"));
	/* Left and entered again the answer is there. */
	press("16");
	assert_true(shows("201 blocks, 22.0K lost"));
	assert_int_equal(rig.want.leaks_seq, 0);
}

static void nothing_lost_says_so(void **state)
{
	(void)state;
	press("Ly");
	answer(0);
	looks();
	assert_true(shows("nothing lost: each of 1,000 blocks in use is reachable"));
	rig.b.head.leaks.swapped_bytes = 48 << 10;
	rig.b.head.leaks.threads_unseen = 1;
	rig.b.head.leaks.threads = 3;
	looks();
	assert_true(
	    shows("not seen: 48K in swap, registers of 1 of 4 threads: what only these point to seems lost"));
	press("<Enter>");
	assert_true(shows("there is no example to open"));
}

static void what_is_no_loss_is_told_beside(void **state)
{
	struct mv_leaks_head *l = &rig.b.head.leaks;

	(void)state;
	press("L");
	press("y");
	answer(0);
	looks();
	assert_false(shows("reached by"));
	l->interior_only = (struct mv_heap_sum){2, 832};
	l->dead_stacks = 1;
	looks();
	assert_true(
	    shows("2 blocks, 832B, reached by their inside alone: not lost; 1 ended stack"));
}

static void every_failure_of_a_scan_is_told(void **state)
{
	(void)state;
	press("Ly");
	answer(0);
	for (unsigned why = 1; why < MV_LEAKS_WHY__N; why++) {
		rig.b.head.leaks.why = why;
		looks();
		assert_true(shows("no answer: "));
		assert_true(shows(mv_leaks_whys[why].words));
		assert_false(shows("nothing lost"));
	}
}

static void an_exact_scan_says_first_what_it_takes(void **state)
{
	struct mv_leaks_head *l = &rig.b.head.leaks;

	(void)state;
	press("!");
	assert_int_not_equal(rig.want.leaks_seq, 0);
	assert_int_equal(rig.want.leaks_flags, MV_LEAKS_WANT_COST);
	assert_true(shows("working out what an exact scan would take"));
	press("!");
	assert_true(shows("is being worked out"));
	l->cost_ns = rig.b.head.taken_ns;
	looks();
	assert_int_equal(rig.want.leaks_seq, 0);
	assert_true(shows("what an exact scan would take can't be told"));
	/* The question comes with the answer, without another key. */
	later(60 * SECOND);
	l->cost = (struct mv_leaks_cost){
	    .stop_ns = 61000000, .need_bytes = 88 << 20, .room_bytes = UINT64_C(5) << 30};
	press("!");
	assert_false(shows("Stop it"));
	l->cost_ns = rig.b.head.taken_ns;
	looks();
	assert_int_equal(rig.want.leaks_seq, 0);
	assert_true(shows("it would stand for about 61.0 ms, and needs 88.0M of 5.0G free memory"));
	assert_true(shows("Stop it ~61.0 ms to copy its heap (88.0M of 5.0G free)?"));
	/* Let be; once more, with what is known already. */
	press("n");
	assert_false(shows("Stop it"));
	assert_int_equal(rig.want.leaks_seq, 0);
	press("!");
	assert_true(shows("Stop it ~61.0 ms"));
	press("y");
	assert_int_not_equal(rig.want.leaks_seq, 0);
	assert_int_equal(rig.want.leaks_flags, MV_LEAKS_WANT_EXACT);
	answer(201);
	looks();
	assert_true(shows("exact just now, stood for 0.41 ms"));
	/* What does not fit is refused beforehand; an old prediction is made anew. */
	l->cost.need_bytes = UINT64_C(4) << 30;
	looks();
	press("!");
	assert_true(shows("there is not enough free memory for an exact scan"));
	later(60 * SECOND);
	press("!");
	assert_int_equal(rig.want.leaks_flags, MV_LEAKS_WANT_COST);
}

static void a_question_to_come_can_be_let_be(void **state)
{
	struct mv_leaks_head *l = &rig.b.head.leaks;

	(void)state;
	l->cost = (struct mv_leaks_cost){.stop_ns = 61000000, .need_bytes = 8, .room_bytes = 800};
	press("!");
	assert_int_not_equal(rig.want.leaks_seq, 0);
	press("<Esc>");
	assert_true(shows("let be: nothing was stopped"));
	assert_int_equal(rig.want.leaks_seq, 0);
	l->cost_ns = rig.b.head.taken_ns;
	looks();
	assert_false(shows("Stop it"));
	/* Other keys do what they always do meanwhile; another question goes first. */
	later(60 * SECOND);
	press("!<Tab>");
	assert_true(shows("mallinfo2(3) would say"));
	press("/");
	l->cost_ns = rig.b.head.taken_ns;
	looks();
	assert_true(shows("go to the block at an address"));
	press("<Esc>");
	assert_true(shows("Stop it ~61.0 ms"));
	press("n");
	/* Nor is it put over what explains the keys, or on another side. */
	later(60 * SECOND);
	press("!?");
	l->cost_ns = rig.b.head.taken_ns;
	looks();
	assert_false(shows("Stop it"));
	press("<Esc>");
	assert_true(shows("Stop it ~61.0 ms"));
	press("n");
	later(60 * SECOND);
	press("!1");
	l->cost_ns = rig.b.head.taken_ns;
	press("6");
	assert_false(shows("Stop it"));
	/* It may end before that. */
	later(60 * SECOND);
	press("!");
	rig.b.head.life = MV_LIFE_GONE;
	looks();
	assert_true(shows("there is nothing left to scan"));
	looks();
	assert_int_equal(rig.want.leaks_seq, 0);
}

/* ---- the blocks of a size ---- */

static void blocks_of_a_size_are_gone_through(void **state)
{
	(void)state;
	rig.sized[0] = HEAP + 0x100;
	rig.sized[1] = HEAP + 0x5000;
	rig.sized[2] = ARENA + 0x40;
	rig.sized_count = 3;
	press("n");
	assert_true(shows("Enter on a size first"));
	assert_int_equal(rig.want.heap_size, 0);
	press("<Tab><Down>"); /* behind the most bytes */
	press("<Enter>");
	assert_int_equal(rig.want.heap_size, 112);
	assert_true(shows("112 bytes: 1 of 3"));
	assert_true(shows("555500000100  in use, a block of 112 bytes; Enter"));
	press("n");
	assert_true(shows("112 bytes: 2 of 3"));
	press("n");
	assert_true(shows("thread arena"));
	assert_true(shows("112 bytes: 3 of 3"));
	/* Round and back; held down, each press is a step. */
	press("n");
	assert_true(shows("112 bytes: 1 of 3"));
	press("N");
	assert_true(shows("112 bytes: 3 of 3"));
	struct mv_input next;
	assert_int_equal(mv_keys_parse("n", &next), 1);
	for (int i = 0; i < 5; i++)
		mv_stack_input(rig.stack, &rig.ctx, next);
	looks();
	looks();
	assert_true(shows("112 bytes: 2 of 3"));
	/* From where the cursor was moved to. */
	press("g");
	assert_false(shows("a block of 112 bytes"));
	press("n");
	assert_true(shows("112 bytes: 1 of 3"));
	/* What malloc returned is opened. */
	press("<Enter>");
	assert_int_equal(rig.want.page & ~UINT64_C(0xfff), HEAP);
	assert_true(rig.want.facts & MV_FACT_PAGE);
	assert_true(shows("555500000110"));
	press("<Esc>");
	assert_true(shows("112 bytes: 1 of 3"));
	/* Freed since; then none is left; then let be. */
	rig.sized_count = 0;
	looks();
	assert_true(shows("112 bytes: none in use any more"));
	rig.sized[0] = HEAP + 0x2000;
	rig.sized_count = 1;
	looks();
	assert_true(shows("112 bytes: freed, of 1"));
	press("<Esc>");
	assert_int_equal(rig.want.heap_size, 0);
	assert_false(shows("112 bytes: "));
	press("<Esc>");
	assert_true(shows("outermost level"));
}

static void groups_keep_their_cursor(void **state)
{
	(void)state;
	press("Ly");
	answer(201);
	looks();
	press("<Down>");
	assert_true(shows("example 1 of 1: 555500003450"));
	struct snapbuild_group first = rig.groups[0];
	rig.groups[0] = rig.groups[1];
	rig.groups[1] = first;
	rig.links[0] = (struct mv_leaks_link){1, 0, 24, 9, 288};
	looks();
	assert_true(shows("example 1 of 1: 555500003450"));
	press("<Down><Right>");
	assert_true(shows("example 2 of 2: 555500002340"));
	press("<Right>");
	assert_true(shows("example 1 of 2: 555500001230"));
	press("<Left><Enter>");
	assert_int_equal(rig.want.page, HEAP + 0x2000);
	assert_true(shows("555500002340 is byte 832 of 4,096"));
}

/* Other sides' selections are gone to where blocks are, and not disturbed by a cursor that nobody moved. */
static void sides_share_what_was_chosen(void **state)
{
	(void)state;
	press("1");
	assert_true(shows("> 555500000000"));
	press("<Down>6");
	assert_int_equal(rig.want.heap_window.start, ARENA);
	press("1");
	assert_true(shows("> 7f0000000000"));
	press("<Up>6");
	assert_int_equal(rig.want.heap_window.start, HEAP);
	press("<PgDn><PgDn><PgDn>1");
	assert_true(shows("> 7f0000000000"));
}

static void what_has_ended_is_not_scanned(void **state)
{
	(void)state;
	rig.b.head.life = MV_LIFE_GONE;
	looks();
	press("L");
	assert_true(shows("there is nothing left to scan"));
	press("!");
	assert_int_equal(rig.want.leaks_seq, 0);
	rig.b.head.life = MV_LIFE_ALIVE;
	looks();
	/* It ends while the question is open. */
	press("L");
	rig.b.head.life = MV_LIFE_GONE;
	looks();
	press("y");
	assert_int_equal(rig.want.leaks_seq, 0);
}

/* ---- anything ---- */

static void fill_hostile(void)
{
	memset(&rig.b.head.heap.sum, 0xff, sizeof(rig.b.head.heap.sum));
	memset(&rig.b.head.heap.mallinfo, 0xff, sizeof(rig.b.head.heap.mallinfo));
	rig.b.head.heap.free_resident_bytes = rig.b.head.heap.trimmable_bytes = UINT64_MAX;
	rig.b.head.heap.took_ns = rig.b.head.heap.broke_at = rig.b.head.heap.broke_after = UINT64_MAX;
	rig.b.head.heap.fragmentation = rig.b.head.heap.tcaches = UINT32_MAX;
	memset(rig.arenas, 0xff, sizeof(rig.arenas));
	rig.arenas[0].is_main = rig.arenas[1].is_main = false;
	rig.sizes[0] = (struct mv_heap_size){0, 0, {0, 0, 0, 0}};
	rig.sizes[1] = (struct mv_heap_size){0, UINT64_MAX, {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	rig.sizes[2] = (struct mv_heap_size){UINT64_MAX, 1, {1, UINT64_MAX, 0, 1}};
	rig.stretches[0] = (struct mv_heap_stretch){0, 1, 0, MV_REGION_MAIN, UINT64_MAX};
	rig.stretches[1] = (struct mv_heap_stretch){2, UINT64_MAX, 1, MV_REGION_ARENA, 0};
	memset(&rig.cell, 0xff, sizeof(rig.cell));
	answer(UINT64_MAX);
	rig.b.head.leaks.rounds = UINT32_MAX;
	rig.b.head.leaks.swapped_bytes = rig.b.head.leaks.unreadable_bytes = UINT64_MAX;
	rig.b.head.leaks.threads = rig.b.head.leaks.threads_unseen = UINT32_MAX;
	rig.b.head.leaks.stopped_ns = rig.b.head.leaks.took_ns = UINT64_MAX;
	rig.b.head.leaks.cost_ns = UINT64_MAX;
	memset(&rig.b.head.leaks.cost, 0xff, sizeof(rig.b.head.leaks.cost));
	rig.groups[0].g.size = rig.groups[0].g.blocks = rig.groups[0].g.bytes = UINT64_MAX;
	rig.groups[0].g.examples[0] = rig.groups[0].g.examples[1] = UINT64_MAX;
	rig.groups[1].g = (struct mv_leaks_group){.what = MV_FIRST_STACK};
	rig.links[0] = (struct mv_leaks_link){1, 1, UINT64_MAX, UINT64_MAX, UINT64_MAX};
}

/* Contradicting and impossible figures show nonsense, at most; at any size, in any pane. */
static void hostile_figures_at_any_size(void **state)
{
	static const int heights[] = {1, 2, 3, 5, 8, 10, 13, 17, 24, 40, 60},
			 widths[] = {1, 2, 10, 30, 40, 80, 120, 200};
	static const char *const keys[] = {"",	   "<Tab>",	   "G",	      "s", "+", "-", "<PgDn>",
					   "<Up>", "<Enter><Esc>", "<Right>", "L", "y", "!", "n",
					   "u"};

	(void)state;
	fill_hostile();
	for (size_t k = 0; k < 3 * MV_COUNT_OF(keys); k++) {
		press(keys[k % MV_COUNT_OF(keys)]);
		for (size_t i = 0; i < MV_COUNT_OF(heights); i++)
			for (size_t j = 0; j < MV_COUNT_OF(widths); j++) {
				rig.ctx.exact = (i ^ j) & 1;
				rig.canvas.ascii = k & 1;
				assert_int_equal(mv_canvas_resize(&rig.canvas, heights[i], widths[j]), 0);
				look();
				draw();
				for (int y = 0; rig.canvas.ascii && y < rig.canvas.rows; y++)
					for (int x = 0; x < rig.canvas.cols; x++)
						assert_true(mv_canvas_at(&rig.canvas, y, x)->ch[0] < 128);
			}
		resize(40, 120);
	}
}

/* The heap changes under the view: fewer stretches, none, other ones. */
static void the_heap_changes_under_it(void **state)
{
	(void)state;
	press("G+++");
	rig.b.heap.stretches_count = 1;
	later(SECOND);
	assert_true(rig.want.heap_window.start >= HEAP && rig.want.heap_window.end <= HEAP + 0x10000);
	rig.b.heap.stretches_count = 0;
	later(SECOND);
	assert_int_equal(rig.want.heap_window.start, rig.want.heap_window.end);
	press("<Down><Enter>+-G");
	rig.b.heap.stretches_count = 2;
	later(SECOND);
	assert_true(rig.want.heap_window.end > rig.want.heap_window.start);
}

static void every_figure_is_explained(void **state)
{
	struct mv_meaning m;
	unsigned n = 0;

	(void)state;
	while (mv_view_heap.meaning(&(struct heap_view){0}, &rig.ctx, n, &m)) {
		assert_true(m.title.len && m.formula.len && m.source.len);
		n++;
	}
	assert_true(n > 9);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
	    TEST(the_answer_comes_first),
	    TEST(why_there_are_no_figures),
	    TEST(older_figures_say_so),
	    TEST(cells_follow_the_window),
	    TEST(the_cursor_tells_its_cell),
	    TEST(enter_opens_the_bytes),
	    TEST(the_size_that_grows_stands_out),
	    TEST(sizes_have_an_order),
	    TEST(panes_turn),
	    TEST(a_scan_is_asked_for_once),
	    TEST(nothing_lost_says_so),
	    TEST(what_is_no_loss_is_told_beside),
	    TEST(every_failure_of_a_scan_is_told),
	    TEST(an_exact_scan_says_first_what_it_takes),
	    TEST(a_question_to_come_can_be_let_be),
	    TEST(blocks_of_a_size_are_gone_through),
	    TEST(groups_keep_their_cursor),
	    TEST(sides_share_what_was_chosen),
	    TEST(what_has_ended_is_not_scanned),
	    TEST(hostile_figures_at_any_size),
	    TEST(the_heap_changes_under_it),
	    TEST(every_figure_is_explained),
	};

	setlocale(LC_ALL, "C.UTF-8");
	setenv("TZ", "UTC0", 1);
	return cmocka_run_group_tests_name("view_heap", tests, NULL, NULL);
}
