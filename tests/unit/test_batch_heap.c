/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/printed.h"
#include "tui/batch_heap.h"

/* What heap and leaks print, of snapshots made by hand. */

/* ---- snapshots ---- */

/* The section at that offset of struct mv_snapshot gets a copy of count elements, at the end of the block. */
static struct mv_snapshot *append(struct mv_snapshot *take_snap, size_t which, const void *from, size_t count,
				  size_t size)
{
	const uint64_t start = (take_snap->length + 7) & ~UINT64_C(7);
	struct mv_snapshot *s = realloc(take_snap, start + count * size);
	struct mv_section *section;

	assert_non_null(s);
	section = (struct mv_section *)(void *)((char *)s + which);
	*section = (struct mv_section){.offset = start, .count = count};
	if (count)
		memcpy((char *)s + start, from, count * size);
	s->length = start + count * size;
	return s;
}
#define APPEND(snap, name, rows, count) \
	(append(snap, offsetof(struct mv_snapshot, name), rows, count, sizeof(*(rows))))

static const struct mv_heap_arena arenas[] = {
    {.address = 0x7f0000001c60,
     .top = 0x1020000,
     .system_bytes = 0x21000,
     .sum = {[MV_BLOCK_IN_USE] = {100, 50000}, [MV_BLOCK_TOP] = {1, 4096}},
     .resident_bytes = 0x10000,
     .is_main = true,
     .contiguous = false},
    {.address = 0x7e0000000030, .system_bytes = 0x84000},
};
static const struct mv_heap_size sizes[] = {
    {32, 32, {10, 320, 2, 64}},
    {96, 96, {500, 48000, 0, 0}},
    {65536, 73712, {2, 140000, 0, 0}},
};
static const struct mv_heap_owner owners[] = {
    {.allocator = MV_ALLOCATOR_PYMALLOC, .guessed = true, .mappings = 3, .bytes = {3 << 20, MV_WHY_HAVE, 0}},
    {.allocator = MV_ALLOCATOR_JEMALLOC, .bytes = {0, MV_WHY_NOT_HERE, 0}},
};

static void init_heap(struct snapbuild *b)
{
	struct mv_heap_head *h;

	snapbuild_init(b);
	h = &b->head.heap;
	b->head.facts |= MV_FACT_HEAP;
	h->reason = MV_HEAP_HAVE;
	h->allocator = MV_ALLOCATOR_GLIBC;
	h->asked_ns = h->at_ns = b->head.taken_ns;
	h->took_ns = 12300000;
	h->sum[MV_BLOCK_IN_USE] = (struct mv_heap_sum){510, 48320};
	h->sum[MV_BLOCK_FREE] = (struct mv_heap_sum){2, 64};
	h->sum[MV_BLOCK_MMAPPED] = (struct mv_heap_sum){2, 140000};
	h->sum[MV_BLOCK_TOP] = (struct mv_heap_sum){1, 4096};
	h->system_bytes = 0x21000;
	h->resident_bytes = 0x10000;
	h->free_resident_bytes = 8192;
	h->trimmable_bytes = 4096;
	h->max_free_bytes = 48;
	h->fragmentation = 250;
	h->tcaches = 1;
	h->version_first = 35;
	h->version_last = 41;
	h->mallinfo.uordblks = 48320;
	h->mallinfo.hblkhd = 140000;
	h->mallinfo.hblks = 2;
	h->mmapped_found = h->still = h->caches_exact = true;
	h->tries = 1;
}

static void make_heap(const struct snapbuild *b, bool have)
{
	struct mv_snapshot *s = snapbuild_make(b);

	if (have) {
		s = APPEND(s, heap_arenas, arenas, MV_COUNT_OF(arenas));
		s = APPEND(s, heap_sizes, sizes, MV_COUNT_OF(sizes));
	}
	s = APPEND(s, heap_owners, owners, MV_COUNT_OF(owners));
	json.snap = s;
	json.pid = 4711;
	assert_int_equal(mv_snapshot_check(s, s->length), 0);
}

/* ---- heap ---- */

static void test_heap_text(void **state)
{
	struct snapbuild b;

	(void)state;
	init_heap(&b);
	make_heap(&b, true);
	assert_int_equal(mv_batch_print_heap(&json.out, json.snap), 0);
	assert_printed("python3 4711   malloc heap   2023-11-14 22:13:20 UTC\n");
	assert_printed("allocator   glibc 2.35 to 2.41, by the layout of its structures\n");
	assert_printed("taken       132K from the system by 2 arenas, 64K of it in RAM\n");
	assert_printed("in use               510   47.2K  given to the program, not freed\n");
	assert_printed("free                   2     64B  ");
	assert_printed("; 8K of it in RAM, in whole pages; the largest 48B\n");
	assert_printed("fragmented  25.0 % of the free bytes are not in the largest free block\n");
	assert_printed("trimmable   4K of RAM");
	assert_printed("hblkhd 140000");
	assert_printed("read        in 12.3 ms; it did not change meanwhile\n");
	assert_printed("main, not contiguous: sbrk was refused\n");
	/* The most bytes first. */
	assert_printed("           2    137K  74.3%           0       0  65,536 to 73,712\n"
		       "         500   46.9K  25.5%           0       0  96\n"
		       "          10    320B   0.2%           2     64B  32\n");
	assert_printed(
	    "Python's pymalloc   3.0M of addresses in 3 mappings (guessed: they are nobody else's)\n");
	assert_printed("jemalloc            which mappings are its own is not known\n");
}

static void test_heap_doubts(void **state)
{
	struct snapbuild b;

	(void)state;
	init_heap(&b);
	b.head.heap.still = b.head.heap.caches_exact = b.head.heap.mmapped_found = false;
	b.head.heap.tries = 3;
	b.head.heap.version_last = UINT32_MAX;
	b.head.heap.sum[MV_BLOCK_FREE] = (struct mv_heap_sum){0, 0};
	make_heap(&b, true);
	assert_int_equal(mv_batch_print_heap(&json.out, json.snap), 0);
	assert_printed("glibc 2.35 or newer,");
	assert_printed("in 12.3 ms, at the 3. try; it changed meanwhile");
	assert_printed("may count as in use or as tcache");
	assert_printed("; malloc itself counts 2 blocks, 137K\n");
	assert_printed("fragmented  nothing is free\n");
}

/* Each reason, as text and as JSON, where all figures are null. */
static void test_heap_reasons(void **state)
{
	struct snapbuild b;
	json_t *root;
	char words[512];

	(void)state;
	for (int r = 0; r < MV_HEAP__N; r++) {
		if (r == MV_HEAP_HAVE)
			continue;
		init_heap(&b);
		b.head.heap.reason = (uint32_t)r;
		b.head.heap.at_ns = 0;
		b.head.heap.allocator = r == MV_HEAP_OTHER ? MV_ALLOCATOR_JEMALLOC : MV_ALLOCATOR_NONE;
		b.head.heap.broke_at = 0x1000;
		b.head.heap.broke_after = 0xff0;
		make_heap(&b, false);
		snprintf(words, sizeof(words), "%s%s%s",
			 mv_heap_reason_text(r == MV_HEAP_NOT_READ ? MV_HEAP_IO : (enum mv_heap_reason)r),
			 r == MV_HEAP_OTHER ? ": jemalloc" : "",
			 r == MV_HEAP_CORRUPT || r == MV_HEAP_CHANGING || r == MV_HEAP_SWAPPED
			     ? "; at 0x1000, the block after 0xff0"
			     : "");
		assert_int_equal(mv_batch_print_heap(&json.out, json.snap), 0);
		assert_printed(words);
		assert_not_printed("mallinfo2");
		json.out.len = 0;
		mv_json_give_heap(&json);
		root = parsed();
		assert_true(json_is_null(at(root, "in_use")) && json_is_null(at(root, "sizes")) &&
			    json_is_null(at(root, "arenas")) && json_is_null(at(root, "mallinfo2")) &&
			    json_is_null(at(root, "version_guess")));
		assert_string_equal(json_string_value(at(json_array_get(at(root, "unavailable"), 0), "why")),
				    words);
		json_decref(root);
		json.out.len = 0;
		free((void *)(uintptr_t)json.snap);
		json.snap = NULL;
	}
}

static void test_heap_json(void **state)
{
	struct snapbuild b;
	json_t *root, *item;

	(void)state;
	init_heap(&b);
	make_heap(&b, true);
	mv_json_give_heap(&json);
	root = parsed();
	assert_string_equal(json_string_value(at(root, "schema")), "memview.heap/1");
	assert_string_equal(json_string_value(at(root, "allocator")), "glibc");
	assert_string_equal(json_string_value(at(root, "version_guess")), "glibc 2.35 to 2.41");
	assert_int_equal(number_at(root, "in_use", "blocks"), 510);
	assert_int_equal(number_at(root, "free", "resident_bytes"), 8192);
	assert_int_equal(number_at(root, "mallinfo2", "uordblks"), 48320);
	assert_int_equal(json_object_size(at(root, "mallinfo2")), 10);
	assert_true(json_real_value(at(root, "fragmentation")) == 0.25);
	assert_int_equal(json_array_size(at(root, "sizes")), 3);
	item = json_array_get(at(root, "sizes"), 2);
	assert_int_equal(number_at(item, "size", NULL), 65536);
	assert_int_equal(number_at(item, "size_max", NULL), 73712);
	assert_int_equal(number_at(item, "blocks", NULL), 2);
	item = json_array_get(at(root, "arenas"), 0);
	assert_string_equal(json_string_value(at(item, "address")), "0x7f0000001c60");
	assert_true(json_is_true(at(item, "main")));
	assert_true(json_is_null(at(json_array_get(at(root, "owners"), 1), "bytes")));
	assert_int_equal(json_array_size(at(root, "unavailable")), 0);
	json_decref(root);
}

/* ---- leaks ---- */

static const char text[] = "\0vtable for Session\0\\x1b[31mhello";
static const struct mv_leak_group groups[] = {
    {.g = {.size = 104,
	   .first_word = 0x401d10,
	   .mapping = 0x401000,
	   .what = MV_FIRST_IMAGE,
	   .examples_count = 2,
	   .blocks = 8,
	   .bytes = 832,
	   .direct_blocks = 2,
	   .direct_bytes = 208,
	   .held_blocks = 3,
	   .held_bytes = 500,
	   .examples = {0x1000010, 0x1000080}},
     .name = 1},
    {.g = {.size = 48,
	   .first_word = 0x6c6c6568,
	   .what = MV_FIRST_TEXT,
	   .examples_count = 1,
	   .blocks = 1,
	   .bytes = 48,
	   .examples = {0x1000200}},
     .text = 20},
    {.g = {.size = 32, .what = MV_FIRST_UNSEEN, .blocks = 3, .bytes = 96}},
    {.g = {.size = 64,
	   .first_word = 0x77,
	   .mapping = 0x99000,
	   .what = MV_FIRST_IMAGE,
	   .blocks = 1,
	   .bytes = 64}},
};
static const struct mv_leaks_link links[] = {{.from = 0, .to = 1, .offset = 16, .blocks = 1, .bytes = 48}};

static void init_leaks(struct snapbuild *b)
{
	struct mv_leaks_head *l;

	init_heap(b);
	l = &b->head.leaks;
	l->state = MV_LEAKS_STATE_DONE;
	l->mode = MV_LEAKS_SCAN;
	l->heap_reason = MV_HEAP_HAVE;
	l->rounds = 4;
	l->at_ns = b->head.taken_ns;
	l->stopped_ns = 300000;
	l->took_ns = 41000000;
	l->scanned_bytes = 2 << 20;
	l->absent_bytes = 5 << 20;
	l->threads = 3;
	l->blocks = 512;
	l->bytes = 188320;
	l->lost = (struct mv_heap_sum){13, 1040};
	l->direct = (struct mv_heap_sum){5, 400};
	l->indirect = (struct mv_heap_sum){8, 640};
}

static void make_leaks(const struct snapbuild *b)
{
	struct mv_snapshot *s = snapbuild_make(b);
	const bool have = b->head.leaks.why == MV_LEAKS_WHY_NONE && b->head.leaks.lost.blocks;

	s = APPEND(s, leak_groups, groups, have ? MV_COUNT_OF(groups) : 0);
	s = APPEND(s, leak_links, links, have ? MV_COUNT_OF(links) : 0);
	s = append(s, offsetof(struct mv_snapshot, heap_text), text, sizeof(text), 1);
	json.snap = s;
	json.pid = 4711;
	assert_int_equal(mv_snapshot_check(s, s->length), 0);
}

/* The verdict is the first line. */
static void assert_verdict(const char *line)
{
	if (strncmp(printed(), line, strlen(line)) != 0)
		fail_msg("no \"%s\" at the start of:\n%s", line, printed());
}

static void test_leaks_text(void **state)
{
	struct snapbuild b;

	(void)state;
	init_leaks(&b);
	make_leaks(&b);
	assert_int_equal(mv_batch_print_leaks(&json.out, json.snap, NULL), 0);
	assert_verdict("13 blocks, 1.0K lost: nothing points to 5 of them, only lost blocks to the other 8\n"
		       "python3 4711   leak scan   2023-11-14 22:13:20 UTC\n");
	assert_printed("in use      512 blocks, 184K; lost 0.6 % of the bytes\n");
	assert_printed(
	    "how         4 looks at the running process; lost is what all found lost; it stood for 0.3 ms at "
	    "most, for its registers; 41.0 ms in all\n");
	assert_printed("left out    nothing that can hold a pointer\n");
	assert_printed("#1            8    832B         104         2    500B  vtable for Session\n"
		       "     as at 0x1000010 0x1000080\n");
	assert_printed("characters: \\x1b[31mhello\n     at 0x1000200\n");
	assert_printed("its page was not present\n");
	assert_printed("0x77 in a file that was mapped\n");
	assert_printed("#1 > #2       1 block, 48B, by the pointer at +16\n");
	assert_not_printed("Who makes it grow");
}

static void test_leaks_exact(void **state)
{
	struct snapbuild b;

	(void)state;
	init_leaks(&b);
	b.head.leaks.mode = MV_LEAKS_EXACT;
	b.head.leaks.indirect = (struct mv_heap_sum){0, 0};
	b.head.leaks.swapped_bytes = 1 << 20;
	b.head.leaks.unreadable_bytes = 4096;
	b.head.leaks.threads_unseen = 2;
	b.head.leaks.groups_left_out = 7;
	make_leaks(&b);
	assert_int_equal(mv_batch_print_leaks(&json.out, json.snap, NULL), 0);
	assert_verdict("13 blocks, 1.0K lost: nothing points to them, in what could be seen\n");
	assert_printed("how         exact: it stood for 0.3 ms while it was copied; 41.0 ms in all\n");
	assert_printed("left out    1.0M in swap, to be left there; 4K that could not be read; the registers "
		       "of 2 threads, "
		       "which did not stop; pointers there are not seen: some that seem lost may not be\n");
	assert_printed("7 smaller groups more\n");
}

static void test_leaks_nothing(void **state)
{
	struct snapbuild b;

	(void)state;
	init_leaks(&b);
	b.head.leaks.lost = b.head.leaks.direct = b.head.leaks.indirect = (struct mv_heap_sum){0, 0};
	b.head.leaks.interior_only = (struct mv_heap_sum){1, 32};
	b.head.leaks.rounds = 1;
	make_leaks(&b);
	assert_int_equal(mv_batch_print_leaks(&json.out, json.snap, NULL), 0);
	assert_verdict("nothing lost: all that is in use (512 blocks, 184K) can be reached\n");
	assert_printed("1 block, 32B can only be reached by addresses inside them");
	assert_printed("one look, for it did not change meanwhile");
	assert_not_printed("#1");
}

static void test_leaks_reasons(void **state)
{
	struct snapbuild b;
	json_t *root;

	(void)state;
	for (int w = MV_LEAKS_WHY_NONE + 1; w < MV_LEAKS_WHY__N; w++) {
		init_leaks(&b);
		b.head.leaks.why = (uint32_t)w;
		b.head.leaks.error = w == MV_LEAKS_WHY_FAILED ? ENOMEM : 0;
		b.head.leaks.cost_ns = w == MV_LEAKS_WHY_NO_ROOM;
		b.head.leaks.cost.need_bytes = UINT64_C(9) << 30;
		b.head.leaks.cost.room_bytes = UINT64_C(8) << 30;
		if (w == MV_LEAKS_WHY_NO_HEAP) {
			b.head.heap.reason = MV_HEAP_OTHER;
			b.head.heap.allocator = MV_ALLOCATOR_MUSL;
		}
		if (w == MV_LEAKS_WHY_TORN) {
			b.head.heap.reason = b.head.leaks.heap_reason = MV_HEAP_CORRUPT;
			b.head.heap.broke_at = 0x1000;
		}
		make_leaks(&b);
		assert_false(mv_leaks_have(json.snap));
		assert_int_equal(mv_batch_print_leaks(&json.out, json.snap, NULL), 0);
		assert_verdict("can't tell what is lost: ");
		if (w != MV_LEAKS_WHY_NO_HEAP)
			assert_printed(mv_leaks_whys[w].words);
		else
			assert_printed("lost: another allocator than glibc's is in use: musl\n");
		if (w == MV_LEAKS_WHY_TORN) {
			assert_printed("; at 0x1000; --exact can tell which\n");
			assert_not_printed("corrupt");
		}
		if (w == MV_LEAKS_WHY_NO_ROOM)
			assert_printed(" (9.0G needed, three fourths of 8.0G may be taken)\n");
		if (w == MV_LEAKS_WHY_FAILED)
			assert_printed(strerror(ENOMEM));
		json.out.len = 0;
		mv_json_give_leaks(&json, NULL);
		root = parsed();
		assert_true(json_is_null(at(root, "lost")) && json_is_null(at(root, "groups")) &&
			    json_is_null(at(root, "mode")) && json_is_null(at(root, "growth")));
		assert_string_equal(json_string_value(at(json_array_get(at(root, "unavailable"), 0), "what")),
				    "lost");
		json_decref(root);
		json.out.len = 0;
		free((void *)(uintptr_t)json.snap);
		json.snap = NULL;
	}
	/* No scan was made: it had no time to. */
	init_leaks(&b);
	b.head.leaks.state = MV_LEAKS_STATE_NONE;
	b.head.life = MV_LIFE_GONE;
	make_leaks(&b);
	assert_int_equal(mv_batch_print_leaks(&json.out, json.snap, NULL), 0);
	assert_verdict("can't tell what is lost: the process has ended\n");
}

/* What is corrupt while it stands, is. */
static void test_leaks_smashed(void **state)
{
	struct snapbuild b;

	(void)state;
	init_leaks(&b);
	b.head.leaks.mode = MV_LEAKS_EXACT;
	b.head.leaks.why = MV_LEAKS_WHY_TORN;
	b.head.heap.reason = b.head.leaks.heap_reason = MV_HEAP_CORRUPT;
	b.head.heap.broke_at = 0x1000;
	b.head.heap.broke_after = 0xf00;
	make_leaks(&b);
	assert_int_equal(mv_batch_print_leaks(&json.out, json.snap, NULL), 0);
	assert_printed("the chain of blocks breaks: it is corrupt; at 0x1000, the block after 0xf00\n");
}

static void test_leaks_json(void **state)
{
	struct snapbuild b;
	json_t *root, *item;

	(void)state;
	init_leaks(&b);
	b.head.leaks.swapped_bytes = 8192;
	b.head.leaks.unreadable_bytes = 4096;
	make_leaks(&b);
	mv_json_give_leaks(&json, NULL);
	root = parsed();
	assert_string_equal(json_string_value(at(root, "mode")), "scan");
	assert_int_equal(number_at(root, "stopped_ns", NULL), 300000);
	assert_int_equal(number_at(root, "left_out_bytes", NULL), 12288);
	assert_int_equal(number_at(root, "left_out", "absent_bytes"), 5 << 20);
	assert_int_equal(number_at(root, "blocks", NULL), 512);
	assert_int_equal(number_at(root, "lost", "direct_blocks"), 5);
	assert_int_equal(number_at(root, "lost", "indirect_blocks"), 8);
	assert_int_equal(json_array_size(at(root, "groups")), MV_COUNT_OF(groups));
	item = json_array_get(at(root, "groups"), 0);
	assert_string_equal(json_string_value(at(item, "first_word")), "0x401d10");
	assert_string_equal(json_string_value(at(item, "what")), "image");
	assert_string_equal(json_string_value(at(item, "symbol")), "vtable for Session");
	assert_string_equal(json_string_value(json_array_get(at(item, "examples"), 1)), "0x1000080");
	item = json_array_get(at(root, "groups"), 2);
	assert_true(json_is_null(at(item, "first_word")) && json_is_null(at(item, "symbol")));
	assert_int_equal(number_at(json_array_get(at(root, "links"), 0), "offset", NULL), 16);
	assert_true(json_is_null(at(root, "growth")));
	json_decref(root);
}

/* ---- growth ---- */

/* An anonymous mapping has grown in RAM, the heap too and moved on; a file's has not, nor have two that
 * merged. */
static const struct snapbuild_row rows_before[] = {
    {.start = 0x400000,
     .end = 0x500000,
     .perms = "r-xp",
     .kind = MV_KIND_TEXT,
     .name = "/bin/x",
     .state = {[MV_PAGE_FILE] = 10}},
    {.start = 0x1000000,
     .end = 0x1100000,
     .perms = "rw-p",
     .kind = MV_KIND_HEAP,
     .name = "[heap]",
     .state = {[MV_PAGE_ANON] = 100}},
    {.start = 0x7000000,
     .end = 0x7010000,
     .perms = "rw-p",
     .kind = MV_KIND_ANON,
     .state = {[MV_PAGE_ANON] = 16}},
    {.start = 0x7010000,
     .end = 0x7020000,
     .perms = "rw-p",
     .kind = MV_KIND_ANON,
     .state = {[MV_PAGE_ANON] = 16}},
};
static const struct snapbuild_row rows_after[] = {
    {.start = 0x400000,
     .end = 0x500000,
     .perms = "r-xp",
     .kind = MV_KIND_TEXT,
     .name = "/bin/x",
     .state = {[MV_PAGE_FILE] = 60}},
    {.start = 0x1000000,
     .end = 0x1200000,
     .perms = "rw-p",
     .kind = MV_KIND_HEAP,
     .name = "[heap]",
     .state = {[MV_PAGE_ANON] = 356}},
    {.start = 0x7000000,
     .end = 0x7020000,
     .perms = "rw-p",
     .kind = MV_KIND_ANON,
     .state = {[MV_PAGE_ANON] = 32}},
    {.start = 0x9000000,
     .end = 0x9100000,
     .perms = "rw-p",
     .kind = MV_KIND_ANON,
     .state = {[MV_PAGE_ANON] = 64}},
};
static const struct snapbuild_fault_stack stacks[] = {
    {"_start;main;load_row;malloc", {.tid = 1, .pages = 200, .faults = 200, .last_page = 0x1150000}},
    {"_start;main;load_row;malloc",
     {.tid = 2, .pages = 50, .faults = 50, .last_page = 0x1201000}}, /* beyond */
    {"_start;main;fill", {.tid = 1, .pages = 64, .faults = 64, .last_page = 0x9000000}},
    {"_start;main;read_code", {.tid = 1, .pages = 50, .faults = 50, .last_page = 0x410000}},
    {"_start;main;old", {.tid = 1, .pages = 7, .faults = 7, .last_page = 0x7001000}},
};

static struct mv_snapshot *make_look(bool second, bool traced)
{
	static const struct mv_heap_size before[] = {{32, 32, {10, 320, 0, 0}}, {96, 96, {500, 48000, 0, 0}}};
	static const struct mv_heap_size after[] = {
	    {32, 32, {9, 288, 1, 32}}, {96, 96, {600, 57600, 0, 0}}, {112, 112, {3, 336, 0, 0}}};
	struct snapbuild b;
	struct mv_snapshot *s;

	init_leaks(&b);
	b.rows = second ? rows_after : rows_before;
	b.count = 4;
	b.without_smaps = true;
	if (second) {
		b.head.taken_ns += 4 * MV_NS_PER_SEC;
		b.head.pages_ns = b.head.taken_ns;
		b.head.heap.at_ns = b.head.taken_ns;
		b.head.facts |= MV_FACT_FAULTS;
		b.trace.stacks = stacks;
		b.trace.stacks_count = traced ? MV_COUNT_OF(stacks) : 0;
		b.head.trace.why = traced ? MV_WHY_HAVE : MV_WHY_NEEDS_PERFMON;
		b.head.trace.stacks_why = MV_WHY_HAVE;
		b.head.trace.running = true;
		b.head.trace.since_ns = b.head.taken_ns - 4 * MV_NS_PER_SEC;
	}
	s = snapbuild_make(&b);
	s = second ? APPEND(s, heap_sizes, after, MV_COUNT_OF(after))
		   : APPEND(s, heap_sizes, before, MV_COUNT_OF(before));
	assert_int_equal(mv_snapshot_check(s, s->length), 0);
	return s;
}

static void test_growth(void **state)
{
	struct mv_snapshot *before = make_look(false, false), *after = make_look(true, true);
	struct mv_batch_growth g;

	(void)state;
	assert_int_equal(mv_batch_growth_work_out(&g, before, after), 0);
	assert_true(g.rss_known && g.seconds == 4.0 && g.heap_seconds == 4.0);
	assert_int_equal(g.mappings_count, 2);
	assert_int_equal(g.mappings[0].start, 0x1000000);
	assert_int_equal(g.mappings[0].bytes, 256 * 4096);
	assert_int_equal(g.mappings[1].bytes, 64 * 4096);
	assert_int_equal(g.stacks_count, 2);
	assert_int_equal(g.stacks[0].pages, 250);
	assert_int_equal(g.stacks[1].pages, 64);
	assert_int_equal(g.other_pages, 57);
	assert_int_equal(g.sizes_count, 2);
	assert_int_equal(g.sizes[0].now.first, 96);
	assert_int_equal(g.sizes[0].blocks, 100);
	assert_int_equal(g.sizes[0].bytes, 9600);
	assert_int_equal(g.sizes[1].now.first, 112);
	assert_int_equal(mv_batch_print_growth(&json.out, &g), 0);
	assert_printed("Who makes it grow, in 4.0 s: anonymous memory by 320 KiB/s\n");
	assert_printed("   256 KiB/s    1.0M  80.0%  000001000000 heap          [heap]\n");
	assert_printed("   250 KiB/s   1000K  79.6%  _start > main > load_row > malloc\n");
	assert_printed("    64 KiB/s    256K  20.4%  _start > main > fill\n");
	assert_printed("228K more were touched elsewhere");
	assert_printed("   2.3 KiB/s    9.4K         100  96\n");
	json.out.len = 0;
	json.snap = after;
	mv_json_give_leaks(&json, &g);
	json_t *root = parsed();
	assert_int_equal(number_at(at(root, "growth"), "bytes", NULL), 320 * 4096);
	assert_int_equal(number_at(json_array_get(at(at(root, "growth"), "stacks"), 0), "bytes", NULL),
			 250 * 4096);
	assert_int_equal(json_array_size(at(root, "unavailable")), 0);
	json_decref(root);
	mv_batch_growth_release(&g);
	free(before);
}

static void test_growth_lacks(void **state)
{
	struct mv_snapshot *before = make_look(false, false), *after = make_look(true, false);
	struct mv_batch_growth g;
	json_t *growth, *root;

	(void)state;
	before->heap.at_ns = 0;
	after->life = MV_LIFE_GONE;
	json.snap = after;
	assert_int_equal(mv_batch_growth_work_out(&g, before, after), 0);
	assert_false(g.rss_known);
	assert_int_equal(mv_batch_print_growth(&json.out, &g), 0);
	assert_printed("What of each mapping is in RAM was not known both times.");
	assert_printed("Call stacks - (needs CAP_PERFMON");
	assert_printed("Which block sizes grew is not known");
	json.out.len = 0;
	mv_json_give_leaks(&json, &g);
	root = parsed();
	growth = at(root, "growth");
	assert_true(json_is_null(at(growth, "bytes")) && json_is_null(at(growth, "stacks")) &&
		    json_is_null(at(growth, "sizes")));
	assert_int_equal(json_array_size(at(root, "unavailable")), 3);
	json_decref(root);
	mv_batch_growth_release(&g);
	free(before);
}

int main(void)
{
#define PRINT(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    PRINT(test_heap_text),     PRINT(test_heap_doubts),	  PRINT(test_heap_reasons),
	    PRINT(test_heap_json),     PRINT(test_leaks_text),	  PRINT(test_leaks_exact),
	    PRINT(test_leaks_nothing), PRINT(test_leaks_reasons), PRINT(test_leaks_smashed),
	    PRINT(test_leaks_json),    PRINT(test_growth),	  PRINT(test_growth_lacks),
	};
#undef PRINT

	return cmocka_run_group_tests(tests, NULL, NULL);
}
