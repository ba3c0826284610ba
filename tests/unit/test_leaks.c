/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/leaks_private.h"

/*
 * Marking, sorting and the results' file over a heap made by hand: memory of our own plays it, and is copied
 * from ourselves.
 */

#define HEAP_BYTES ((size_t)64 * 1024 * 1024)

static struct {
	struct mv_source *source;
	struct mv_target *self;
	uint8_t *heap;
	struct mv_block blocks[4096];
	size_t count, used;
	struct mv_memcopy copy;
	struct mark mark;
	struct mv_maps maps;
	struct lost lost;
} t;

static int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &t.source), 0);
	assert_int_equal(mv_target_open(t.source, (int)getpid(), &t.self), 0);
	t.heap = mmap(NULL, HEAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(t.heap != MAP_FAILED);
	mv_memcopy_init(&t.copy);
	mv_maps_init(&t.maps);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lost_release(&t.lost);
	mark_release(&t.mark);
	mv_maps_release(&t.maps);
	mv_memcopy_release(&t.copy);
	munmap(t.heap, HEAP_BYTES);
	mv_target_close(t.self);
	mv_source_free(t.source);
	return 0;
}

/* The next block: its index. */
static size_t block(size_t bytes, enum mv_block_state state)
{
	t.blocks[t.count] = (struct mv_block){(uintptr_t)t.heap + t.used, bytes | (uint64_t)state};
	t.used += bytes;
	assert_true(t.used < HEAP_BYTES && t.count < MV_COUNT_OF(t.blocks));
	return t.count++;
}

static uint64_t user(size_t i)
{
	return t.blocks[i].start + 16;
}

static void store(size_t i, size_t offset, uint64_t word)
{
	*(uint64_t *)(uintptr_t)(user(i) + offset) = word;
}

static void copy_all(void)
{
	const struct mv_range range = {(uintptr_t)t.heap, (uintptr_t)t.heap + HEAP_BYTES};

	assert_int_equal(mv_memcopy_plan(&t.copy, &range, 1), 0);
	assert_int_equal(mv_memcopy_fill(&t.copy, t.self), 0);
	assert_int_equal(mv_maps_read(t.self, &t.maps, NULL, 0), 0);
}

static void mark_from(const uint64_t *roots, size_t count)
{
	copy_all();
	assert_int_equal(mark_init(&t.mark, t.blocks, t.count, &t.copy), 0);
	mark_words(&t.mark, roots, count);
	mark_drain(&t.mark);
}

static bool is_marked(size_t i)
{
	return bit_get(t.mark.marked, i);
}

static void sort(size_t groups_max)
{
	uint64_t bits[64] = {0};

	for (size_t i = 0; i < t.count; i++)
		if (block_counts(&t.blocks[i]) && !is_marked(i))
			bit_set(bits, i);
	assert_int_equal(lost_sort(&t.mark, bits, &t.maps, groups_max, &t.lost), 0);
}

static const struct mv_leaks_group *group(uint64_t size)
{
	for (size_t i = 0; i < t.lost.groups_count; i++)
		if (t.lost.groups[i].size == size)
			return &t.lost.groups[i];
	fail();
	return NULL;
}

/* Every address maps to the block whose usable bytes hold it, and no other does. */
static void test_find(void **state)
{
	static const size_t sizes[] = {32, 48, 32, 4096, 64, 20 * 1024 * 1024, 32, 1040, 33 * 1024 * 1024,
				       32};
	const struct mv_block *b;

	(void)state;
	t.used = 4096 - 64;
	for (size_t i = 0; i < MV_COUNT_OF(sizes); i++)
		block(sizes[i], MV_BLOCK_IN_USE);
	assert_int_equal(mark_init(&t.mark, t.blocks, t.count, &t.copy), 0);
	for (size_t i = 0; i < t.count; i++) {
		b = &t.blocks[i];
		for (uint64_t at = b->start; at < b->start + mv_block_size(b) + 8;
		     at += at - b->start < 8192 ? 1 : 4093) {
			/* The first 8 bytes of a header are the last of the block before. */
			const uint32_t want = at < b->start + 8	   ? (i ? (uint32_t)i - 1 : MARK_NONE)
					      : at < b->start + 16 ? MARK_NONE
								   : (uint32_t)i;

			assert_int_equal(mark_find(&t.mark, at), want);
		}
	}
	assert_int_equal(mark_find(&t.mark, t.blocks[0].start - 1), MARK_NONE);
	b = &t.blocks[t.count - 1];
	assert_int_equal(mark_find(&t.mark, b->start + mv_block_size(b) + 8), MARK_NONE);
	assert_int_equal(mark_find(&t.mark, 0), MARK_NONE);
	assert_int_equal(mark_find(&t.mark, UINT64_MAX), MARK_NONE);
}

static void test_mark(void **state)
{
	const size_t root = block(64, MV_BLOCK_IN_USE), next = block(32, MV_BLOCK_IN_USE);
	const size_t inner = block(128, MV_BLOCK_IN_USE), freed = block(64, MV_BLOCK_FREE);
	const size_t behind_freed = block(32, MV_BLOCK_IN_USE), cached = block(32, MV_BLOCK_TCACHE);
	const size_t own = block(656, MV_BLOCK_OWN), behind_own = block(48, MV_BLOCK_IN_USE);
	const size_t last = block(32, MV_BLOCK_IN_USE), past_end = block(32, MV_BLOCK_IN_USE);
	const size_t huge = block(1024 * 1024, MV_BLOCK_IN_USE), far = block(32, MV_BLOCK_IN_USE);
	const size_t lost = block(32, MV_BLOCK_IN_USE);

	(void)state;
	store(root, 0, user(next));
	store(root, 48, user(inner) + 40);  /* its last word, in the next header */
	store(inner, 112, user(last) + 17); /* the last 8 bytes of a block, which lie in the header behind */
	store(next, 0, user(freed));
	store(next, 8, user(cached));
	store(freed, 16, user(behind_freed));
	store(own, 16, user(behind_own));
	store(inner, 0, user(past_end) + 24); /* just behind it: no address of it */
	store(inner, 8, user(past_end) - 8);  /* nor of its header */
	store(inner, 16, user(huge) + 500000);
	store(huge, 900000, user(far));
	store(inner, 24,
	      t.blocks[lost].start); /* what malloc has left, not far's last word, nor lost's header */
	store(lost, 0, user(lost));
	mark_from((uint64_t[]){1, user(root), 0x7000, user(own)}, 4);

	assert_true(is_marked(root) && is_marked(next) && is_marked(inner) && is_marked(last));
	assert_true(is_marked(huge) && is_marked(far));
	assert_false(is_marked(freed) || is_marked(behind_freed) || is_marked(cached) || is_marked(own) ||
		     is_marked(behind_own) || is_marked(past_end) || is_marked(lost));
	assert_true(bit_get(t.mark.started, next) && bit_get(t.mark.started, far));
	assert_false(bit_get(t.mark.started, inner) || bit_get(t.mark.started, huge));
}

/* In a stack a header's address is malloc's own, of a block on its way; elsewhere it is the last word of the
 * block before. */
static void test_frames(void **state)
{
	const size_t before = block(64, MV_BLOCK_IN_USE), moving = block(64, MV_BLOCK_IN_USE);
	const uint64_t word = t.blocks[moving].start;

	(void)state;
	copy_all();
	assert_int_equal(mark_init(&t.mark, t.blocks, t.count, &t.copy), 0);
	mark_frames(&t.mark, &word, 1);
	assert_true(is_marked(moving));
	assert_false(is_marked(before));
	mark_release(&t.mark);
	assert_int_equal(mark_init(&t.mark, t.blocks, t.count, &t.copy), 0);
	mark_words(&t.mark, &word, 1);
	assert_true(is_marked(before));
	assert_false(is_marked(moving));
}

/* Words of the copied memory that are in no block are roots. */
static void test_rest(void **state)
{
	size_t a, b;

	(void)state;
	t.used = 8192;
	a = block(64, MV_BLOCK_IN_USE);
	t.used += 4096;
	b = block(64, MV_BLOCK_IN_USE);
	*(uint64_t *)(void *)(t.heap + 4096) = user(a);
	copy_all();
	assert_int_equal(mark_init(&t.mark, t.blocks, t.count, &t.copy), 0);
	mark_rest(&t.mark, (struct mv_range){0});
	mark_drain(&t.mark);
	assert_true(is_marked(a));
	assert_false(is_marked(b));
	mark_release(&t.mark);
	/* but for what is malloc's own */
	assert_int_equal(mark_init(&t.mark, t.blocks, t.count, &t.copy), 0);
	mark_rest(&t.mark, (struct mv_range){(uintptr_t)t.heap + 4096, (uintptr_t)t.heap + 4104});
	assert_false(is_marked(a));
	mark_release(&t.mark);
	*(uint64_t *)(void *)(t.heap + 8192 + 64 + 1024) = user(b);
	copy_all();
	assert_int_equal(mark_init(&t.mark, t.blocks, t.count, &t.copy), 0);
	mark_rest(&t.mark, (struct mv_range){0});
	assert_true(is_marked(b));
}

/* A list, a tree with an inner pointer, a cycle with a tail before and behind it, and a block that points to
 * itself. */
static void test_chains(void **state)
{
	const size_t tail_below = block(48, MV_BLOCK_IN_USE);
	const size_t a = block(64, MV_BLOCK_IN_USE), b = block(80, MV_BLOCK_IN_USE),
		     c = block(96, MV_BLOCK_IN_USE);
	const size_t ring1 = block(112, MV_BLOCK_IN_USE), ring2 = block(128, MV_BLOCK_IN_USE);
	const size_t self = block(144, MV_BLOCK_IN_USE), live = block(160, MV_BLOCK_IN_USE);
	const struct mv_leaks_group *g;

	(void)state;
	store(a, 8, user(b));
	store(b, 16, user(c) + 8);
	store(a, 16, user(c));
	store(ring1, 8, user(ring2));
	store(ring2, 8, user(ring1));
	store(ring2, 16, user(tail_below));
	store(self, 0, user(self));
	mark_from((uint64_t[]){user(live)}, 1);
	sort(100);

	assert_int_equal(t.lost.count, 7);
	assert_int_equal(t.lost.bytes, 48 + 64 + 80 + 96 + 112 + 128 + 144);
	assert_int_equal(t.lost.direct_blocks, 3);
	g = group(64);
	assert_int_equal(g->direct_blocks, 1);
	assert_int_equal(g->held_blocks, 2);
	assert_int_equal(g->held_bytes, 80 + 96);
	assert_int_equal(g->examples[0], user(a));
	/* One of the ring stands for it, not what hangs off it, although that comes first. */
	assert_int_equal(group(48)->direct_blocks, 0);
	assert_int_equal(group(112)->direct_blocks + group(128)->direct_blocks, 1);
	assert_int_equal(group(112)->held_blocks + group(128)->held_blocks, 2);
	assert_int_equal(group(144)->direct_blocks, 1);
	assert_int_equal(group(144)->held_blocks, 0);
	/* a -> b, a -> c or b -> c, the ring, its tail */
	assert_int_equal(t.lost.links_count, 4);
	for (size_t i = 0; i < t.lost.links_count; i++) {
		const struct mv_leaks_link *l = &t.lost.links[i];

		if (t.lost.groups[l->from].size == 64 && t.lost.groups[l->to].size == 80)
			assert_int_equal(l->offset, 8);
		assert_int_equal(l->blocks, 1);
		assert_int_equal(l->bytes, t.lost.groups[l->to].size);
	}
}

static const int image = 3; /* something in a file's mapping */

static void test_groups(void **state)
{
	static const char text[] = "Hello, lost world of text";
	const uint64_t words[] = {0, 5, (uintptr_t)&image, (uintptr_t)&words, 0};
	const struct mv_leaks_group *g;
	size_t live;

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		for (size_t k = 0; k < 4; k++)
			store(block(32 + 16 * k, MV_BLOCK_IN_USE), 0, words[k]);
		memcpy((void *)(uintptr_t)user(block(112, MV_BLOCK_IN_USE)), text, sizeof(text));
	}
	live = block(128, MV_BLOCK_IN_USE);
	store(block(160, MV_BLOCK_IN_USE), 0, user(live));
	store(block(176, MV_BLOCK_IN_USE), 0, (uintptr_t)&image + 1); /* another object: another group */
	store(block(176, MV_BLOCK_IN_USE), 0, (uintptr_t)&image);
	store(block(64 * 1024, MV_BLOCK_IN_USE), 0, user(live));
	mark_from((uint64_t[]){user(live)}, 1);
	sort(100);
	assert_int_equal(group(32)->what, MV_FIRST_ZERO);
	assert_int_equal(group(48)->what, MV_FIRST_NUMBER);
	g = group(64);
	assert_int_equal(g->what, MV_FIRST_IMAGE);
	assert_int_equal(g->first_word, (uintptr_t)&image);
	assert_true(g->mapping != 0 && g->mapping <= (uintptr_t)&image);
	assert_int_equal(g->blocks, 10);
	assert_int_equal(g->bytes, 640);
	assert_int_equal(g->direct_blocks, 10);
	assert_int_equal(g->examples_count, MV_LEAKS_EXAMPLES);
	assert_int_equal(group(80)->what, MV_FIRST_STACK);
	g = group(112);
	assert_int_equal(g->what, MV_FIRST_TEXT);
	assert_memory_equal(g->text, text, MV_LEAKS_TEXT - 1);
	assert_int_equal(g->text[MV_LEAKS_TEXT - 1], 0);
	assert_int_equal(group(160)->what, MV_FIRST_BLOCK);
	assert_int_equal(group(176)->blocks, 1);
	/* the most bytes first */
	assert_int_equal(t.lost.groups[0].size, 64 * 1024);
	assert_int_equal(t.lost.groups_count, 9);
	assert_int_equal(t.lost.groups_left_out, 0);
	lost_release(&t.lost);
	sort(2);
	assert_int_equal(t.lost.groups_count, 2);
	assert_int_equal(t.lost.groups_left_out, 7);
	assert_int_equal(t.lost.count, 54);
}

/* A long list must not take a deep stack, nor quadratic time. */
static void test_long_list(void **state)
{
	size_t n = 4000;

	(void)state;
	for (size_t i = 0; i < n; i++)
		block(32, MV_BLOCK_IN_USE);
	for (size_t i = 0; i + 1 < n; i++)
		store(i + 1, 0, user(i)); /* backwards: the head comes last */
	mark_from(NULL, 0);
	sort(10);
	assert_int_equal(t.lost.count, n);
	assert_int_equal(t.lost.direct_blocks, 1);
	assert_int_equal(t.lost.groups[0].what, MV_FIRST_LOST);
	assert_int_equal(t.lost.groups[0].held_blocks + t.lost.groups[1].held_blocks, n - 1);
}

/* The results' file comes back as it was, and a cut one is not believed. */
static void test_file(void **state)
{
	struct mv_leaks leaks = {.mode = MV_LEAKS_EXACT, .blocks = 7};
	struct mv_leaks_group groups[3] = {{.size = 32}, {.size = 48}, {.size = 64, .text = "abc"}};
	struct mv_leaks_link links[2] = {{.from = 0, .to = 1}, {.from = 1, .to = 2, .blocks = 9}};
	struct mv_block blocks[2] = {{4096, 32}, {4128, 64}};
	uint32_t index[8] = {0, 0, 1, 1, 1, 1, 1, 1};
	struct mv_heap_region region = {.start = 4096, .end = 8192, .count = 2, .index = index};
	const struct mv_leaks_options options = {.want_blocks = true, .want_lost = true};
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct leaks_file *file;
	size_t bytes;

	(void)state;
	leaks.groups = groups;
	leaks.groups_count = 3;
	leaks.links = links;
	leaks.links_count = 2;
	leaks.lost_blocks = blocks;
	leaks.lost.blocks = 2;
	leaks.heap.blocks = blocks;
	leaks.heap.block_count = 2;
	leaks.heap.regions = &region;
	leaks.heap.region_count = 1;
	assert_int_equal(leaks_write(fd, &leaks, &options), 0);
	bytes = (size_t)lseek(fd, 0, SEEK_END);
	for (int pass = 0; pass < 2; pass++) {
		file = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		assert_true(file != MAP_FAILED);
		if (pass == 0) {
			assert_int_equal(leaks_check(file, bytes), 0);
			assert_int_equal(file->leaks.blocks, 7);
			assert_int_equal(file->leaks.groups[1].size, 48);
			assert_string_equal(file->leaks.groups[2].text, "abc");
			assert_int_equal(file->leaks.links[1].blocks, 9);
			assert_int_equal(file->leaks.lost_blocks[1].start, 4128);
			assert_int_equal(file->leaks.heap.blocks[1].start, 4128);
			assert_int_equal(file->leaks.heap.regions[0].index[2], 1);
			assert_null(file->leaks.heap.arenas);
		} else {
			file->leaks.groups_count = UINT32_MAX;
			assert_int_equal(leaks_check(file, bytes), -EBADMSG);
		}
		munmap(file, bytes);
	}
	file = calloc(1, sizeof(*file));
	assert_non_null(file);
	assert_int_equal(leaks_check(file, sizeof(*file) - 1), -EBADMSG);
	free(file);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_mark, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_frames, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_rest, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_chains, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_groups, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_long_list, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
