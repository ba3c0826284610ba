/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * glibc's heap in each of its layouts, written by hand into a fixture, and read from there; broken in all
 * kinds of places; and what works on blocks alone.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/heap.h"

#define PID	  77
#define LIBC	  UINT64_C(0x7f0000000000)
#define LIBC_LEN  0x2000u
#define HEAP	  UINT64_C(0x555500000000)
#define HEAP_LEN  0x20000u
#define ARENA	  UINT64_C(0x7e0000000000)
#define ARENA_LEN 0x21000u
#define BIG	  UINT64_C(0x7d0000000000)
#define BIG_LEN	  0x40000u

static const struct generation {
	const char *version;
	unsigned top_offset, table_chunk, count_bytes, bins, info_bytes;
	bool mangled, fastbins;
	unsigned params; /* words more between sbrk_base and arena_test than at first */
	unsigned big_less;
} generations[] = {
    {"glibc 2.26", 0x58, 0x250, 1, 64, 0x20, false, true, 0, 0},
    {"glibc 2.27 to 2.29", 0x60, 0x250, 1, 64, 0x20, false, true, 0, 0},
    {"glibc 2.30 to 2.31", 0x60, 0x290, 2, 64, 0x20, false, true, 0, 0},
    {"glibc 2.32 to 2.34", 0x60, 0x290, 2, 64, 0x20, true, true, 0, 0},
    {"glibc 2.35 to 2.41", 0x60, 0x290, 2, 64, 0x30, true, true, 3, 0},
    {"glibc 2.42", 0x60, 0x300, 2, 76, 0x30, true, true, 3, 0},
    {"glibc 2.43 or newer", 0x08, 0x300, 2, 76, 0x30, true, false, 4, 16},
};

struct piece {
	uint64_t start;
	size_t len;
	uint8_t bytes[0x21000];
};
static struct piece libc = {LIBC, LIBC_LEN, {0}}, heap_piece = {HEAP, HEAP_LEN, {0}},
		    arena_piece = {ARENA, 0x2000, {0}}, big_piece = {BIG, 0x1000, {0}};

/* Where things of the layout are, and what is expected of it. */
struct plan {
	const struct generation *g;
	uint64_t state, field, params, arena_state;
	uint64_t used, second_used, tcache[2], fast, freed, top;
	struct mv_heap_sum sum[MV_BLOCK__N];
};
static struct plan plan;
static char root[128];

static uint8_t *at(uint64_t address)
{
	struct piece *const pieces[] = {&libc, &heap_piece, &arena_piece, &big_piece};

	for (size_t i = 0; i < MV_COUNT_OF(pieces); i++)
		if (address >= pieces[i]->start && address < pieces[i]->start + pieces[i]->len)
			return pieces[i]->bytes + (address - pieces[i]->start);
	fail_msg("0x%llx is nowhere", (unsigned long long)address);
	return NULL;
}

static void put(uint64_t address, uint64_t value)
{
	memcpy(at(address), &value, 8);
}

static void put32(uint64_t address, uint32_t value)
{
	memcpy(at(address), &value, 4);
}

static uint64_t get(uint64_t address)
{
	uint64_t value;

	memcpy(&value, at(address), 8);
	return value;
}

static void count(enum mv_block_state state, uint64_t bytes)
{
	plan.sum[state].blocks++;
	plan.sum[state].bytes += bytes;
}

/* A chunk, and where the next begins. */
static uint64_t chunk(uint64_t address, uint64_t size, uint64_t flags, enum mv_block_state state)
{
	put(address + 8, size | flags);
	count(state, size);
	return address + size;
}

static void link_to(uint64_t place, uint64_t target)
{
	put(place, target ^ (plan.g->mangled ? place >> 12 : 0));
}

static void write_state(uint64_t field, uint64_t top, uint64_t next, uint64_t system)
{
	put(field, top);
	for (uint64_t i = 0; i < 127; i++) {
		put(field + 16 + 16 * i, field + 16 * i);
		put(field + 24 + 16 * i, field + 16 * i);
	}
	put(field + 0x810, next);
	put(field + 0x820, 1);
	put(field + 0x828, system);
	put(field + 0x830, system);
}

/* sbrk_base and what lies before it. */
static void write_params(void)
{
	const uint64_t p = plan.params, more = plan.g->params ? 0x18 + (plan.g->params - 3) * 8 : 0;
	const uint64_t mmaps = p - (more ? 0x24 : 0x20);

	put(p, HEAP);
	put(p - 8, BIG_LEN);
	put(p - 0x10, BIG_LEN);
	put32(mmaps, 1);
	put32(mmaps + 4, 65536);
	put32(mmaps + 8, 1);
	put(p - 0x30 - more, 8); /* arena_test */
	put(p - 0x38 - more, 131072);
	put(p - 0x40 - more, 131072);
	put(p - 0x48 - more, 131072);
	put(p + 8, 64);
	put(p + 0x10, 1032);
	put(p + 0x18, 7);
}

static void write_table(uint64_t memory)
{
	const struct generation *g = plan.g;
	const unsigned bin = (0x40 - 0x20) / 16;

	for (unsigned i = 0; i < g->bins; i++)
		if (g->bins == 76)
			memcpy(at(memory + i * 2), &(uint16_t){i == bin ? 5 : 7}, 2);
	if (g->bins != 76)
		*at(memory + bin * g->count_bytes) = 2;
	put(memory + g->bins * g->count_bytes + 8 * bin, plan.tcache[0] + 16);
	link_to(plan.tcache[0] + 16, plan.tcache[1] + 16);
	link_to(plan.tcache[1] + 16, 0);
}

static void write_main(void)
{
	const struct generation *g = plan.g;
	uint64_t a = chunk(HEAP, g->table_chunk, 1, MV_BLOCK_OWN);

	plan.used = a;
	a = chunk(a, 0x30, 1, MV_BLOCK_IN_USE);
	for (int i = 0; i < 2; i++) {
		plan.tcache[i] = a;
		a = chunk(a, 0x40, 1, MV_BLOCK_TCACHE);
	}
	plan.fast = a;
	a = chunk(a, 0x50, 1, g->fastbins ? MV_BLOCK_FASTBIN : MV_BLOCK_IN_USE);
	plan.freed = a;
	a = chunk(a, 0x5000, 1, MV_BLOCK_FREE);
	put(a, 0x5000);
	plan.second_used = a;
	a = chunk(a, 0x1230, 0, MV_BLOCK_IN_USE);
	plan.top = a;
	chunk(a, HEAP + HEAP_LEN - a, 1, MV_BLOCK_TOP);
	write_state(plan.field, plan.top, plan.arena_state, HEAP_LEN);
	put(plan.field + 16, plan.freed); /* unsorted */
	put(plan.field + 24, plan.freed);
	put(plan.freed + 16, plan.field);
	put(plan.freed + 24, plan.field);
	if (g->fastbins) {
		put(plan.field - 0x50 + 8 * 3, plan.fast);
		link_to(plan.fast + 16, 0);
	}
	write_table(HEAP + 16);
}

static void write_arena(void)
{
	const uint64_t field = plan.arena_state + plan.g->top_offset;
	const uint64_t first = (field + 0x838 + 15) & ~UINT64_C(15);
	uint64_t a;

	put(ARENA, plan.arena_state);
	put(ARENA + 16, ARENA_LEN);
	put(ARENA + 24, ARENA_LEN);
	if (plan.g->info_bytes == 0x30)
		put(ARENA + 32, 4096);
	count(MV_BLOCK_OWN, first - ARENA);
	a = chunk(first, 0x120, 5, MV_BLOCK_IN_USE);
	write_state(field, a, plan.state, ARENA_LEN);
	chunk(a, ARENA + ARENA_LEN - a, 1, MV_BLOCK_TOP);
}

static void lay_out(const struct generation *g)
{
	memset(libc.bytes, 0, sizeof(libc.bytes));
	memset(heap_piece.bytes, 0, sizeof(heap_piece.bytes));
	memset(arena_piece.bytes, 0, sizeof(arena_piece.bytes));
	memset(big_piece.bytes, 0, sizeof(big_piece.bytes));
	plan = (struct plan){.g = g,
			     .state = LIBC + 0x2c0,
			     .field = LIBC + 0x2c0 + g->top_offset,
			     .params = LIBC + 0x1200,
			     .arena_state = ARENA + g->info_bytes};
	write_main();
	write_arena();
	write_params();
	put(BIG + 8, (BIG_LEN - g->big_less) | 2);
	count(MV_BLOCK_MMAPPED, BIG_LEN);
}

/* ---- the fixture ---- */

static FILE *create(const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%d/%s", root, PID, name);
	f = fopen(path, "w");
	assert_non_null(f);
	return f;
}

static void write_bytes(FILE *f, const struct piece *piece)
{
	for (size_t i = 0; i < piece->len; i += 4096) {
		fprintf(f, "%llx ", (unsigned long long)(piece->start + i));
		for (size_t k = 0; k < 4096; k++)
			fprintf(f, "%02x", piece->bytes[i + k]);
		fputc('\n', f);
	}
}

static const char *heap_pages = "555500000000-555500008000 p\n", *errors;

static void write_fixture(void)
{
	FILE *f = create("stat");

	fprintf(f, "%d (prog) S 1 77 77 0 -1 4194560 9 0 0 0 1 1 0 0 20 0 1 0 500 10000000 100", PID);
	for (int i = 0; i < 28; i++)
		fprintf(f, " 0");
	fprintf(f, "\n");
	fclose(f);
	f = create("maps");
	fputs("555500000000-555500020000 rw-p 00000000 00:00 0 [heap]\n"
	      "7d0000000000-7d0000040000 rw-p 00000000 00:00 0\n"
	      "7e0000000000-7e0000021000 rw-p 00000000 00:00 0\n"
	      "7e0000021000-7e0004000000 ---p 00000000 00:00 0\n"
	      "7effffff0000-7f0000000000 r-xp 00000000 08:01 1234 /usr/lib/libc.so.6\n"
	      "7f0000000000-7f0000002000 rw-p 001d0000 08:01 1234 /usr/lib/libc.so.6\n"
	      "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]\n",
	      f);
	fclose(f);
	f = create("pages");
	fputs(heap_pages, f);
	fputs("7d0000000000-7d0000001000 p\n7e0000000000-7e0000002000 p\n7f0000000000-7f0000002000 p\n", f);
	fclose(f);
	f = create("bytes");
	write_bytes(f, &heap_piece);
	write_bytes(f, &big_piece);
	write_bytes(f, &arena_piece);
	write_bytes(f, &libc);
	fclose(f);
	f = create("errors");
	fputs(errors ? errors : "", f);
	fclose(f);
}

static struct mv_heap heap;
static struct mv_memcopy copy;
static struct mv_heap_where where;

static void read_fixture(void)
{
	const struct mv_source_opts opts = {.root = root};
	const struct mv_heap_opts heap_opts = {.limit_bytes = 64 << 20};
	struct mv_source *source;
	struct mv_target *target;

	write_fixture();
	mv_heap_release(&heap);
	mv_heap_where_release(&where);
	mv_memcopy_release(&copy);
	assert_int_equal(mv_source_new(&opts, &source), 0);
	assert_int_equal(mv_target_open(source, PID, &target), 0);
	assert_int_equal(mv_heap_read(source, target, &heap_opts, &where, &copy, &heap), 0);
	mv_target_close(target);
	mv_source_free(source);
}

static int make_root(void **state)
{
	char path[256];

	(void)state;
	snprintf(root, sizeof(root), "%s/mv-heap.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/%d", root, PID);
	mv_heap_init(&heap);
	mv_memcopy_init(&copy);
	mv_heap_where_init(&where);
	return mkdir(path, 0700);
}

static int remove_root(void **state)
{
	static const char *const names[] = {"stat", "maps", "pages", "bytes", "errors", "."};
	char path[256];

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(names) - 1; i++) {
		snprintf(path, sizeof(path), "%s/%d/%s", root, PID, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/%d", root, PID);
	rmdir(path);
	mv_heap_release(&heap);
	mv_heap_where_release(&where);
	mv_memcopy_release(&copy);
	return rmdir(root);
}

/* ---- whole ---- */

static void check_sums(void)
{
	char text[160];

	if (heap.reason != MV_HEAP_HAVE)
		fail_msg("%s: %s", plan.g->version, mv_heap_words(&heap, text).text);
	for (int i = 0; i < MV_BLOCK__N; i++) {
		if (plan.sum[i].bytes != heap.sum[i].bytes || plan.sum[i].blocks != heap.sum[i].blocks)
			print_message("%s: %s\n", plan.g->version, mv_block_states[i].json);
		assert_int_equal(heap.sum[i].blocks, plan.sum[i].blocks);
		assert_int_equal(heap.sum[i].bytes, plan.sum[i].bytes);
	}
}

static void test_generations(void **state)
{
	char text[48];

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(generations); i++) {
		lay_out(&generations[i]);
		read_fixture();
		check_sums();
		assert_true(heap.mmapped_found && heap.caches_exact && heap.still);
		assert_int_equal(heap.arena_count, 2);
		assert_int_equal(heap.tcaches, 1);
		assert_int_equal(heap.mallinfo.arena, HEAP_LEN + ARENA_LEN);
		assert_int_equal(heap.mallinfo.ordblks, 3);
		assert_int_equal(heap.mallinfo.hblks, 1);
		assert_int_equal(heap.mallinfo.hblkhd, BIG_LEN);
		assert_int_equal(heap.mallinfo.keepcost, HEAP + HEAP_LEN - plan.top);
		assert_int_equal(heap.mallinfo.smblks, plan.g->fastbins);
		/* Of the free chunk four pages are whole; the heap's first eight are there. */
		assert_int_equal(heap.free_resident_bytes, 4 * 4096);
		assert_int_equal(heap.arenas[0].resident_bytes, 8 * 4096);
		assert_string_equal(mv_heap_version(&heap, text).text, generations[i].version);
		assert_int_equal(mv_heap_find(&heap, plan.used + 0x2f)->start, plan.used);
		assert_int_equal(mv_block_state(mv_heap_find(&heap, plan.tcache[1])), MV_BLOCK_TCACHE);
		assert_null(mv_heap_find(&heap, HEAP - 1));
		assert_null(mv_heap_find(&heap, HEAP + HEAP_LEN));
	}
}

/* A thread's table is empty, and so is the heap but for it. */
static void test_empty_table(void **state)
{
	(void)state;
	lay_out(&generations[4]);
	memset(at(HEAP + 16), 0, 0x280);
	plan.sum[MV_BLOCK_IN_USE].blocks += 2;
	plan.sum[MV_BLOCK_IN_USE].bytes += 0x80;
	plan.sum[MV_BLOCK_TCACHE] = (struct mv_heap_sum){0, 0};
	read_fixture();
	check_sums();
}

/* A fastbin's head was read at another time than its chunks: they tell by themselves that they are on a list,
 * if links are mangled. */
static void test_torn_list(void **state)
{
	(void)state;
	for (size_t i = 2; i < 4; i++) {
		const enum mv_block_state seen = generations[i].mangled ? MV_BLOCK_FASTBIN : MV_BLOCK_IN_USE;

		lay_out(&generations[i]);
		put(plan.field - 0x50 + 8 * 3, plan.fast + 0x10);
		plan.sum[MV_BLOCK_FASTBIN] = (struct mv_heap_sum){0, 0};
		count(seen, 0x50);
		put(plan.tcache[0] + 24, 0x1234567890abcdef);
		put(plan.tcache[1] + 24, 0x1234567890abcdef);
		put(plan.used + 24, 0x1234567890abcdef);
		read_fixture();
		assert_int_equal(mv_heap_is_cached(&heap, &copy, mv_heap_find(&heap, plan.fast)), false);
		assert_int_equal(heap.cache_key, generations[i].mangled ? 0x1234567890abcdef : 0);
		if (generations[i].mangled) {
			/* It is on no list that can be followed, and has the key. */
			assert_int_equal(mv_block_state(mv_heap_find(&heap, plan.used)), MV_BLOCK_TCACHE);
			put(plan.used + 24, 0);
			read_fixture();
		}
		check_sums();
		assert_false(heap.caches_exact);
		assert_int_equal(mv_block_state(mv_heap_find(&heap, plan.used)), MV_BLOCK_IN_USE);
	}
}

/* ---- broken ---- */

static void broken(enum mv_heap_reason reason, uint64_t broke_at, uint64_t after)
{
	read_fixture();
	assert_int_equal(heap.reason, reason);
	assert_int_equal(heap.broke_at, broke_at);
	assert_int_equal(heap.broke_after, after);
}

static void test_corrupt(void **state)
{
	char text[160];

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(generations); i++) {
		lay_out(&generations[i]);
		put(plan.second_used + 8, 0x4141414141414140);
		broken(MV_HEAP_CORRUPT, plan.second_used, plan.freed);
		lay_out(&generations[i]);
		put(plan.second_used, 0x4ff0); /* prev_size */
		broken(MV_HEAP_CORRUPT, plan.freed, plan.fast);
		assert_non_null(strstr(mv_heap_words(&heap, text).text, "it is corrupt"));
		lay_out(&generations[i]);
		put(plan.used + 8, 0);
		broken(MV_HEAP_CORRUPT, plan.used, HEAP);
		lay_out(&generations[i]);
		put(plan.used + 8, 0x30 | 2 | 1); /* as if mapped */
		broken(MV_HEAP_CORRUPT, plan.used, HEAP);
		lay_out(&generations[i]);
		put(plan.top + 8, UINT64_MAX);
		broken(MV_HEAP_CORRUPT, plan.top, plan.second_used);
	}
}

static void test_unequal(void **state)
{
	(void)state;
	lay_out(&generations[4]);
	put(plan.arena_state + 0x60 + 0x828, ARENA_LEN + 4096);
	read_fixture();
	assert_int_equal(heap.reason, MV_HEAP_UNEQUAL);
	lay_out(&generations[4]);
	put(plan.field + 0x828, HEAP_LEN + 4096);
	read_fixture();
	assert_int_equal(heap.reason, MV_HEAP_CORRUPT);
	lay_out(&generations[4]);
	put(ARENA, 0);
	read_fixture();
	assert_true(heap.reason != MV_HEAP_HAVE);
}

/* mp_ counts more than is found: its own figures stay. */
static void test_mapped_missing(void **state)
{
	(void)state;
	lay_out(&generations[4]);
	put(BIG + 8, 0);
	read_fixture();
	assert_int_equal(heap.reason, MV_HEAP_HAVE);
	assert_false(heap.mmapped_found);
	assert_int_equal(heap.mallinfo.hblkhd, BIG_LEN);
	assert_int_equal(heap.sum[MV_BLOCK_MMAPPED].blocks, 1);
}

static void test_cut(void **state)
{
	(void)state;
	lay_out(&generations[4]);
	heap_pages = "555500000000-555500005000 p\n555500005000-555500008000 s\n";
	read_fixture();
	assert_int_equal(heap.reason, MV_HEAP_SWAPPED);
	heap_pages = "555500000000-555500005000 p\n";
	read_fixture();
	assert_int_equal(heap.reason, MV_HEAP_CORRUPT);
	heap_pages = "";
	read_fixture();
	assert_true(heap.reason != MV_HEAP_HAVE);
	heap_pages = "555500000000-555500008000 p\n";
	errors = "pagemap EACCES\nmem EACCES\n";
	read_fixture();
	assert_int_equal(heap.reason, MV_HEAP_NOT_ALLOWED);
	errors = NULL;
}

static void test_no_heap(void **state)
{
	(void)state;
	lay_out(&generations[4]);
	memset(libc.bytes, 0, sizeof(libc.bytes));
	read_fixture();
	assert_int_equal(heap.reason, MV_HEAP_NO_HEAP);
}

/* Every word of the state, the parameters and the first page in turn: never a crash, and what is read adds
 * up. */
static void test_any_word(void **state)
{
	static const uint64_t values[] = {0, 1, UINT64_MAX, HEAP, 0x21};

	(void)state;
	for (uint64_t i = 0; i < 60; i++) {
		const uint64_t places[] = {plan.field - 0x60 + 8 * i, LIBC + 0x1200 - 0x60 + 8 * i % 0x80,
					   HEAP + 8 * (i * 7 % 512), ARENA + 8 * i};
		uint64_t bytes = 0;

		lay_out(&generations[4]);
		put(places[i % 4] & ~UINT64_C(7), values[i % MV_COUNT_OF(values)]);
		read_fixture();
		if (heap.reason != MV_HEAP_HAVE)
			continue;
		for (int k = 0; k < MV_BLOCK__N; k++)
			bytes += k == MV_BLOCK_MMAPPED ? 0 : heap.sum[k].bytes;
		assert_int_equal(bytes, heap.system_bytes);
	}
	assert_true(get(plan.field) != 1);
}

/* ---- classes, cells, owners ---- */

static void test_classes(void **state)
{
	uint64_t first, last, before = 0;

	(void)state;
	for (uint32_t i = 0; i < MV_HEAP_CLASSES; i++) {
		mv_heap_class_sizes(i, &first, &last);
		assert_true(first <= last);
		assert_int_equal(first, i ? before + 16 : 0);
		assert_int_equal(mv_heap_class_of(first), i);
		assert_int_equal(mv_heap_class_of(last), i);
		before = last;
	}
	assert_int_equal(mv_heap_class_of(UINT64_MAX), MV_HEAP_CLASSES - 1);
}

static void test_cells(void **state)
{
	struct mv_heap_cell cells[8];

	(void)state;
	lay_out(&generations[4]);
	read_fixture();
	mv_heap_cells(&heap, (struct mv_range){HEAP, HEAP + 0x2a0}, 0x100, cells, 3);
	assert_int_equal(cells[0].bytes[MV_BLOCK_OWN], 0x100);
	assert_int_equal(cells[0].blocks, 1);
	assert_int_equal(cells[2].bytes[MV_BLOCK_OWN], 0x90);
	assert_int_equal(cells[2].bytes[MV_BLOCK_IN_USE], 0x10);
	assert_int_equal(cells[2].blocks, 1);
	mv_heap_cells(&heap, (struct mv_range){HEAP - 0x1000, HEAP + 0x1000}, 0x1000, cells, 2);
	assert_int_equal(cells[0].blocks, 0);
	assert_int_equal(cells[1].blocks, 6);
}

static struct mv_heap_owners see(const char *text)
{
	struct mv_heap_owners owners;
	struct mv_maps maps;

	mv_maps_init(&maps);
	assert_int_equal(mv_maps_parse(&maps, text, strlen(text)), 0);
	mv_maps_classify(&maps, NULL, 0);
	mv_heap_owners_see(&maps, &owners);
	mv_maps_release(&maps);
	return owners;
}

static void test_owners(void **state)
{
	static const struct {
		const char *line;
		enum mv_allocator allocator;
	} cases[] = {
	    {"7f0000000000-7f0000002000 r-xp 0 08:01 9 /usr/lib/libjemalloc.so.2\n", MV_ALLOCATOR_JEMALLOC},
	    {"7f0000000000-7f0000002000 r-xp 0 08:01 9 /usr/lib/libtcmalloc_minimal.so.4.5\n",
	     MV_ALLOCATOR_TCMALLOC},
	    {"7f0000000000-7f0000002000 r-xp 0 08:01 9 /usr/lib/libmimalloc.so.2.0\n", MV_ALLOCATOR_MIMALLOC},
	    {"7f0000000000-7f0000002000 r-xp 0 08:01 9 /lib/ld-musl-x86_64.so.1\n", MV_ALLOCATOR_MUSL},
	    {"7f0000000000-7f0000002000 r-xp 0 08:01 9 /usr/lib/x86_64-linux-musl/libc.so\n",
	     MV_ALLOCATOR_MUSL},
	    {"7f0000000000-7f0000002000 r-xp 0 08:01 9 /opt/jdk/lib/server/libjvm.so\n", MV_ALLOCATOR_JVM},
	    {"7f0000000000-7f0000002000 r-xp 0 08:01 9 /usr/bin/node\n", MV_ALLOCATOR_V8},
	    {"7f0000000000-7f0000002000 r-xp 0 08:01 9 /usr/bin/python3.11\n", MV_ALLOCATOR_PYMALLOC},
	    {"c000000000-c000400000 rw-p 0 00:00 0\n", MV_ALLOCATOR_GO},
	};
	struct mv_heap_owners owners;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(cases); i++) {
		owners = see(cases[i].line);
		assert_int_equal(owners.count, 1);
		assert_int_equal(owners.at[0].allocator, cases[i].allocator);
	}
	assert_int_equal(owners.at[0].bytes.value, 0x400000);
	assert_false(owners.at[0].guessed);
	owners = see("7f0000000000-7f0000002000 r-xp 0 08:01 9 /usr/bin/nodelist\n");
	assert_int_equal(owners.count, 0);
	owners = see("7f0000000000-7f0000002000 r-xp 0 08:01 9 /lib/x86_64-linux-gnu/libc.so.6\n");
	assert_true(owners.glibc && !owners.count && !owners.bits32);
	owners = see("ff800000-ff821000 rw-p 0 00:00 0 [stack]\n");
	assert_true(owners.bits32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_generations), cmocka_unit_test(test_empty_table),
	    cmocka_unit_test(test_torn_list),	cmocka_unit_test(test_corrupt),
	    cmocka_unit_test(test_unequal),	cmocka_unit_test(test_mapped_missing),
	    cmocka_unit_test(test_cut),		cmocka_unit_test(test_no_heap),
	    cmocka_unit_test(test_any_word),	cmocka_unit_test(test_classes),
	    cmocka_unit_test(test_cells),	cmocka_unit_test(test_owners),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
