/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/sampler.h"
#include "tests/unit/fixture.h"

#define PAGE UINT64_C(4096)

static struct mv_mapping mapping(uint64_t page, uint64_t pages, uint64_t offset, uint64_t inode,
				 uint32_t minor)
{
	return (struct mv_mapping){.start = page * PAGE,
				   .end = (page + pages) * PAGE,
				   .offset = offset * PAGE,
				   .inode = inode,
				   .dev_minor = minor};
}

/* Files in order of appearance; what is mapped twice counts once. */
static void test_files_of_mappings(void **state)
{
	const struct mv_mapping maps[] = {
	    mapping(10, 4, 6, 7, 1),  /* file A: 6-10 */
	    mapping(20, 9, 0, 0, 0),  /* anonymous */
	    mapping(30, 5, 0, 7, 2),  /* the same inode of another device: B */
	    mapping(40, 8, 0, 7, 1),  /* A: 0-8 */
	    mapping(50, 2, 20, 7, 1), /* A: 20-22 */
	    mapping(60, 3, 1, 7, 2),  /* B: 1-4, inside 0-5 */
	    mapping(70, 1, 0, 3, 1),  /* C */
	};
	const uint32_t expected[] = {0, UINT32_MAX, 1, 0, 0, 1, 2};
	struct mv_cached_file *files;
	uint32_t file_of[MV_COUNT_OF(maps)];

	(void)state;
	assert_int_equal(mv_cached_files(maps, MV_COUNT_OF(maps), &files, file_of), 3);
	for (size_t i = 0; i < MV_COUNT_OF(maps); i++)
		assert_int_equal(file_of[i], expected[i]);
	assert_int_equal(files[0].mapping, 0);
	assert_int_equal(files[0].mappings, 3);
	assert_int_equal(files[0].mapped_bytes, 12 * PAGE);
	assert_int_equal(files[1].mapping, 2);
	assert_int_equal(files[1].dev_minor, 2);
	assert_int_equal(files[1].mapped_bytes, 5 * PAGE);
	assert_int_equal(files[2].inode, 3);
	assert_int_equal(files[0].cached.cached.why, MV_WHY_NOT_READ);
	assert_int_equal(files[0].read_ns, 0);
	free(files);
	assert_int_equal(mv_cached_files(maps + 1, 1, &files, file_of), 0);
	assert_int_equal(file_of[0], UINT32_MAX);
	free(files);
	assert_int_equal(mv_cached_files(NULL, 0, &files, file_of), 0);
	free(files);
}

static const struct mv_cached_file *find(const struct mv_snapshot *snap, const char *name)
{
	uint32_t count;
	const struct mv_cached_file *files = mv_snapshot_files(snap, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (strstr(mv_snapshot_name(snap, files[i].mapping).text, name))
			return &files[i];
	}
	fail_msg("no file %s", name);
	return NULL;
}

static struct mv_snapshot *sample(struct fixture *f, uint32_t facts)
{
	const struct mv_want want = {.facts = facts, .cell_pages = 1};
	struct mv_sampler *sampler;
	struct mv_snapshot *snap;

	assert_int_equal(mv_sampler_new(f->source, f->target, &sampler), 0);
	assert_int_equal(mv_sampler_once(sampler, &want, &snap), 0);
	assert_int_equal(mv_snapshot_check(snap, snap->length), 0);
	mv_sampler_free(sampler);
	return snap;
}

static void test_what_a_fixture_tells(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct mv_snapshot *snap = sample(&f, MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_FILES);
	const struct mv_cached_file *file = find(snap, "table.bin");

	(void)state;
	assert_true(snap->files_whole);
	assert_int_equal(file->size_bytes.value, 4 << 20);
	assert_int_equal(file->cached.way, MV_CACHE_CACHESTAT);
	assert_int_equal(file->cached.cached.value, 700);
	assert_int_equal(file->cached.dirty.value, 64);
	assert_int_equal(file->cached.writeback.value, 16);
	assert_int_equal(file->cached.evicted.value, 210);
	assert_int_equal(file->cached.recently_evicted.value, 33);
	assert_int_equal(file->mapped_bytes, 0x80000);
	assert_true(mv_have(&file->resident));
	assert_int_equal(file->read_ns, mv_source_now(f.source));
	/* Five mappings, of which the writable ones hold private copies: these are none of the file's. */
	file = find(snap, "bin/python3.11");
	assert_int_equal(file->mappings, 5);
	/* Its page at 0x544000 is shown by two of them. */
	assert_int_equal(file->mapped_bytes, 0x00a85000 - 0x00400000 - 0x1000);
	/* mincore alone. */
	file = find(snap, "_json");
	assert_int_equal(file->cached.way, MV_CACHE_MINCORE);
	assert_int_equal(file->cached.cached.value, 12);
	assert_int_equal(file->cached.dirty.why, MV_WHY_NO_KERNEL);
	file = find(snap, "LC_CTYPE");
	assert_int_equal(file->cached.cached.why, MV_WHY_NEEDS_OWNER);
	assert_int_equal(file->size_bytes.why, MV_WHY_NEEDS_OWNER);
	/* No line: it has gone. */
	file = find(snap, "ld-linux");
	assert_int_equal(file->cached.cached.why, MV_WHY_NO_FILE);
	assert_true(mv_have(&file->resident));
	free(snap);
	fixture_close(&f);
}

static void test_only_when_wanted(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct mv_snapshot *snap = sample(&f, MV_FACT_MAPS | MV_FACT_PAGES);
	uint32_t count = 1;

	(void)state;
	mv_snapshot_files(snap, &count);
	assert_int_equal(count, 0);
	assert_false(snap->files_whole);
	free(snap);
	fixture_close(&f);
}

/* A section that points outside is no snapshot. */
static void test_a_broken_section_is_refused(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct mv_snapshot *snap = sample(&f, MV_FACT_MAPS | MV_FACT_FILES);
	struct mv_cached_file *files = (struct mv_cached_file *)(void *)((char *)snap + snap->files.offset);

	(void)state;
	assert_true(snap->files.count > 0);
	files[0].mapping = (uint32_t)snap->mappings.count;
	assert_true(mv_snapshot_check(snap, snap->length) < 0);
	files[0].mapping = 0;
	files[0].cached.dirty.why = MV_WHY__N;
	assert_true(mv_snapshot_check(snap, snap->length) < 0);
	files[0].cached.dirty.why = MV_WHY_HAVE;
	assert_int_equal(mv_snapshot_check(snap, snap->length), 0);
	snap->files.count = snap->length;
	assert_true(mv_snapshot_check(snap, snap->length) < 0);
	free(snap);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files_of_mappings),
	    cmocka_unit_test(test_what_a_fixture_tells),
	    cmocka_unit_test(test_only_when_wanted),
	    cmocka_unit_test(test_a_broken_section_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
