/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/sampler_heap.h"
#include "core/snapshot.h"
#include "tests/unit/fixture.h"

/* A fixture's heap: sums follow from its blocks, a scan answers once it is asked for. */

#define NOW (1000 * MV_NS_PER_SEC)

static void sums_follow_from_the_blocks(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct heap_picture p = {0};
	struct mv_heap_cell cells[16];
	uint64_t sum = 0, blocks = 0, used = 0, cell_bytes = 0;

	(void)state;
	assert_int_equal(mv_heap_fixture_read(f.target, NOW, 0, 0, &p), 0);
	assert_int_equal(p.head.reason, MV_HEAP_HAVE);
	assert_int_equal(p.head.allocator, MV_ALLOCATOR_GLIBC);
	assert_int_equal(p.head.asked_ns, NOW);
	assert_int_equal(p.head.version_first, 36);
	assert_true(p.head.still && p.head.mmapped_found && p.head.caches_exact);
	assert_int_equal(p.arenas_count, 3);
	assert_int_equal(p.stretches_count, 4);
	/* Each arena's blocks add up to what it has from the system: so a fixture can be trusted. */
	for (uint32_t i = 0; i < p.arenas_count; i++) {
		sum = 0;
		for (unsigned s = 0; s < MV_BLOCK__N; s++)
			sum += p.arenas[i].sum[s].bytes;
		assert_int_equal(sum, p.arenas[i].system_bytes);
		assert_int_equal(p.stretches[i].end - p.stretches[i].start, p.arenas[i].system_bytes);
	}
	for (uint32_t i = 0; i < p.stretches_count; i++)
		blocks += p.stretches[i].blocks;
	assert_int_equal(blocks, p.heap->block_count);
	for (uint32_t i = 0; i < p.sizes_count; i++) {
		assert_true(p.sizes[i].first <= p.sizes[i].last &&
			    (!i || p.sizes[i].first > p.sizes[i - 1].last));
		used += p.sizes[i].c.used_bytes;
	}
	assert_int_equal(used, p.head.sum[MV_BLOCK_IN_USE].bytes + p.head.sum[MV_BLOCK_MMAPPED].bytes);
	assert_int_equal(p.head.mallinfo.arena, p.head.system_bytes);
	assert_int_equal(p.head.mallinfo.uordblks + p.head.mallinfo.fordblks, p.head.system_bytes);
	/* The picture: its cells add up to the stretch. */
	struct mv_range all = {p.stretches[1].start, p.stretches[1].end};
	mv_heap_cells(p.heap, all, (all.end - all.start + 15) / 16, cells, 16);
	for (unsigned i = 0; i < 16; i++)
		for (unsigned s = 0; s < MV_BLOCK__N; s++)
			cell_bytes += cells[i].bytes[s];
	assert_int_equal(cell_bytes, all.end - all.start);
	mv_heap_fixture_release(&p);
	assert_null(p.heap);
	fixture_close(&f);
}

static void blocks_of_a_size_are_found(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct heap_picture p = {0};
	struct mv_heap_sized at, next;
	static uint64_t marks[4096];
	uint64_t marked = 0, used = 0, seen = 0;

	(void)state;
	assert_int_equal(mv_heap_fixture_read(f.target, NOW, 0, 0, &p), 0);
	for (uint32_t i = 0; i < p.sizes_count; i++)
		if (p.sizes[i].first == 112) {
			used = p.sizes[i].c.used_bytes;
			seen = p.sizes[i].c.used_blocks;
		}
	/* From one to the next, through all of them. */
	mv_heap_sized_find(p.heap, 112, 0, &at);
	assert_int_equal(at.blocks, seen);
	assert_int_equal(at.passed, 0);
	assert_int_equal(at.before, 0);
	assert_int_equal(at.at, at.first);
	assert_int_equal(at.at_bytes, 112);
	mv_heap_sized_find(p.heap, 112, at.first, &at);
	for (uint64_t n = 0; n + 1 < seen; n++, at = next) {
		if (n == 8) { /* so many are enough; then the last */
			mv_heap_sized_find(p.heap, 112, at.last, &at);
			break;
		}
		assert_int_equal(at.passed, n);
		assert_int_equal(at.at, at.near);
		assert_true(at.after > at.near);
		mv_heap_sized_find(p.heap, 112, at.after, &next);
		assert_int_equal(next.before, at.near);
	}
	assert_int_equal(at.passed, seen - 1);
	assert_int_equal(at.after, 0);
	/* Beyond the last, and of a size that there is none of. */
	mv_heap_sized_find(p.heap, 112, at.last + 1, &at);
	assert_int_equal(at.at, 0);
	assert_int_equal(at.before, at.last);
	mv_heap_sized_find(p.heap, 96, 0, &at); /* free ones alone */
	assert_int_equal(at.blocks, 0);
	assert_int_equal(at.first, 0);
	/* Cells of whatever size hold all of their bytes; one that lies in several is shared out. */
	for (uint32_t i = 0; i < p.stretches_count; i++) {
		struct mv_range all = {p.stretches[i].start, p.stretches[i].end};

		mv_heap_sized_mark(p.heap, 112, all, 1000, marks, 4096);
		for (uint64_t k = 0; k < 4096; k++) {
			assert_true(marks[k] <= 1000);
			marked += marks[k];
		}
	}
	assert_int_equal(marked, used);
	mv_heap_fixture_release(&p);
	fixture_close(&f);
}

static void a_scan_answers_when_it_is_asked_for(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct heap_picture p = {0};

	(void)state;
	assert_int_equal(mv_heap_fixture_read(f.target, NOW, 0, 0, &p), 0);
	assert_int_equal(p.leaks.state, MV_LEAKS_STATE_NONE);
	assert_int_equal(p.groups_count, 0);
	/* What it would cost is no scan. */
	assert_int_equal(mv_heap_fixture_read(f.target, NOW, 5, MV_LEAKS_WANT_COST, &p), 0);
	assert_int_equal(p.leaks.cost_ns, NOW);
	assert_int_equal(p.leaks.cost.stop_ns, 61000000);
	assert_int_equal(p.leaks.state, MV_LEAKS_STATE_NONE);
	assert_int_equal(mv_heap_fixture_read(f.target, NOW + 1, 7, MV_LEAKS_WANT_EXACT, &p), 0);
	assert_int_equal(p.leaks.state, MV_LEAKS_STATE_DONE);
	assert_int_equal(p.leaks.seq, 7);
	assert_int_equal(p.leaks.mode, MV_LEAKS_EXACT);
	assert_int_equal(p.leaks.at_ns, NOW + 1);
	assert_int_equal(p.leaks.cost_ns, NOW);
	assert_int_equal(p.groups_count, 4);
	assert_int_equal(p.links_count, 3);
	assert_string_equal(p.text + p.groups[1].name, "vtable for Session");
	assert_string_equal(p.text + p.groups[2].text, "sessions, user=guest");
	assert_int_equal(p.leaks.lost.blocks, p.leaks.direct.blocks + p.leaks.indirect.blocks);
	/* The want that asked is withdrawn: the answer stays. */
	assert_int_equal(mv_heap_fixture_read(f.target, NOW + 2, 0, 0, &p), 0);
	assert_int_equal(p.leaks.seq, 7);
	assert_int_equal(p.leaks.at_ns, NOW + 1);
	assert_int_equal(p.groups_count, 4);
	mv_heap_fixture_release(&p);
	fixture_close(&f);
}

static void what_has_ended_keeps_its_picture(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct heap_picture p = {0};

	(void)state;
	assert_int_equal(mv_heap_fixture_read(f.target, NOW, 3, 0, &p), 0);
	mv_source_step(f.source);
	assert_int_equal(mv_heap_fixture_read(f.target, NOW + 1, 0, 0, &p), 0);
	uint64_t blocks = p.head.sum[MV_BLOCK_IN_USE].blocks;
	mv_source_step(f.source);
	assert_int_equal(mv_heap_fixture_read(f.target, NOW + 2, 0, 0, &p), 0);
	assert_int_equal(p.head.reason, MV_HEAP_GONE);
	assert_int_equal(p.head.sum[MV_BLOCK_IN_USE].blocks, blocks);
	assert_int_equal(p.groups_count, 4);
	mv_heap_fixture_release(&p);
	fixture_close(&f);
}

static void reasons_are_told(void **state)
{
	static const struct {
		const char *name;
		int pid;
		uint32_t reason;
	} cases[] = {{"i386", 99, MV_HEAP_BITS32},	{"la57", 57, MV_HEAP_OTHER},
		     {"huge", 88, MV_HEAP_CORRUPT},	{"refused", 31, MV_HEAP_NOT_ALLOWED},
		     {"vanishing", 9, MV_HEAP_UNKNOWN}, {"k419", 1234, MV_HEAP_CHANGING}};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(cases); i++) {
		struct fixture f = fixture_open(cases[i].name, cases[i].pid);
		struct heap_picture p = {0};

		assert_int_equal(mv_heap_fixture_read(f.target, NOW, 1, 0, &p), 0);
		assert_int_equal(p.head.reason, cases[i].reason);
		assert_true((p.head.at_ns != 0) == (cases[i].reason == MV_HEAP_CHANGING));
		mv_heap_fixture_release(&p);
		fixture_close(&f);
	}
}

static void hostile_text_is_clean(void **state)
{
	struct fixture f = fixture_open("hostile", 666);
	struct heap_picture p = {0};

	(void)state;
	assert_int_equal(mv_heap_fixture_read(f.target, NOW, 1, 0, &p), 0);
	assert_int_equal(p.groups_count, 2);
	for (uint32_t i = 0; i < p.text_len; i++)
		assert_true(!p.text[i] || (unsigned char)p.text[i] >= ' ');
	mv_heap_fixture_release(&p);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sums_follow_from_the_blocks),
	    cmocka_unit_test(blocks_of_a_size_are_found),
	    cmocka_unit_test(a_scan_answers_when_it_is_asked_for),
	    cmocka_unit_test(what_has_ended_keeps_its_picture),
	    cmocka_unit_test(reasons_are_told),
	    cmocka_unit_test(hostile_text_is_clean),
	};

	return cmocka_run_group_tests_name("heap_fixture", tests, NULL, NULL);
}
