/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/smaps.h"
#include "core/stat.h"
#include "tests/unit/fixture.h"

struct both {
	struct mv_maps maps;
	struct mv_smaps smaps;
};

static void init(struct both *b)
{
	mv_maps_init(&b->maps);
	mv_smaps_init(&b->smaps);
}

static void release(struct both *b)
{
	mv_maps_release(&b->maps);
	mv_smaps_release(&b->smaps);
}

static int parse(struct both *b, const char *text)
{
	return mv_smaps_parse(&b->maps, &b->smaps, text, strlen(text));
}

static void read_fixture(struct both *b, const char *name, int pid)
{
	struct fixture f = fixture_open(name, pid);

	init(b);
	assert_int_equal(mv_smaps_read(f.target, &b->maps, &b->smaps, NULL, 0), 0);
	assert_int_equal(b->maps.count, b->smaps.count);
	fixture_close(&f);
}

static uint64_t sum_of(const struct both *b, enum mv_smaps_field field)
{
	uint64_t kib = 0;

	for (uint32_t i = 0; i < b->smaps.count; i++)
		kib += b->smaps.at[i].kib[field];
	return kib;
}

/* The mappings are those of maps, and the sums are those of status and of the rollup. */
static void test_python(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct both b;
	struct mv_maps maps;
	struct mv_status status;
	struct mv_smaps_row rollup;

	(void)state;
	init(&b);
	mv_maps_init(&maps);
	for (int step = 0; step < 2; step++) {
		assert_int_equal(mv_smaps_read(f.target, &b.maps, &b.smaps, NULL, 0), 0);
		assert_int_equal(mv_maps_read(f.target, &maps, NULL, 0), 0);
		assert_int_equal(maps.count, b.maps.count);
		assert_int_equal(maps.names_len, b.maps.names_len);
		assert_memory_equal(maps.at, b.maps.at, maps.count * sizeof(*maps.at));
		assert_memory_equal(maps.names, b.maps.names, maps.names_len);

		assert_int_equal(mv_status_read(f.target, &status), 0);
		assert_int_equal(sum_of(&b, MV_SMAPS_RSS), status.rss_anon_kib.value +
							       status.rss_file_kib.value +
							       status.rss_shmem_kib.value);
		assert_int_equal(sum_of(&b, MV_SMAPS_ANON), status.rss_anon_kib.value);

		assert_int_equal(mv_rollup_read(f.target, &rollup), 0);
		assert_int_equal(rollup.kib[MV_SMAPS_RSS], sum_of(&b, MV_SMAPS_RSS));
		assert_int_equal(rollup.kib[MV_SMAPS_PRIVATE_DIRTY], sum_of(&b, MV_SMAPS_PRIVATE_DIRTY));
		assert_int_equal(rollup.kib[MV_SMAPS_SHARED_CLEAN], sum_of(&b, MV_SMAPS_SHARED_CLEAN));
		assert_int_equal(rollup.seen >> MV_SMAPS_KERNEL_PAGE & 1, 0);
		for (uint32_t i = 0; i < b.smaps.count; i++) {
			assert_int_equal(b.smaps.at[i].seen, (UINT32_C(1) << MV_SMAPS__N) - 1);
			assert_int_equal(b.smaps.at[i].kib[MV_SMAPS_KERNEL_PAGE], 4);
			assert_true((b.smaps.at[i].vm_flags >> MV_VM_WR & 1) ==
				    !!(b.maps.at[i].perms & MV_PERM_W));
		}
		mv_source_step(f.source);
	}
	assert_int_equal(mv_smaps_read(f.target, &b.maps, &b.smaps, NULL, 0), -ESRCH);
	assert_int_equal(mv_rollup_read(f.target, &rollup), -ESRCH);
	mv_maps_release(&maps);
	release(&b);
	fixture_close(&f);
}

/* Fed in pieces of every number of lines, the result is the same. */
static void test_pieces(void **state)
{
	static char text[1 << 17];
	char path[1024];
	struct both whole, pieces;
	size_t len;
	FILE *in;

	(void)state;
	fixture_path(path, sizeof(path), "python/4711/smaps");
	in = fopen(path, "r");
	assert_non_null(in);
	len = fread(text, 1, sizeof(text), in);
	fclose(in);
	init(&whole);
	assert_int_equal(mv_smaps_parse(&whole.maps, &whole.smaps, text, len), 0);
	for (unsigned lines = 1; lines < 60; lines += 7) {
		size_t at = 0;

		init(&pieces);
		while (at < len) {
			size_t end = at;

			for (unsigned i = 0; i < lines && end < len; i++)
				end = (size_t)((char *)memchr(text + end, '\n', len - end) - text) + 1;
			assert_int_equal(mv_smaps_parse(&pieces.maps, &pieces.smaps, text + at, end - at), 0);
			at = end;
		}
		assert_int_equal(pieces.smaps.count, whole.smaps.count);
		assert_memory_equal(pieces.smaps.at, whole.smaps.at,
				    whole.smaps.count * sizeof(*whole.smaps.at));
		release(&pieces);
	}
	release(&whole);
}

static bool saw(const struct both *b, uint32_t i, enum mv_smaps_field field)
{
	return b->smaps.at[i].seen >> field & 1;
}

/* Amounts that repeat the last mapping's are copied; what differs by one digit, or behind them, is not. */
static void test_repeated(void **state)
{
#define AMOUNTS(rss) \
	"Size:                  4 kB\nRss:                   " rss " kB\nPss:                   4 kB\n"
	struct both b;

	(void)state;
	init(&b);
	assert_int_equal(
	    parse(&b, "1000-2000 rw-p 0 0:0 0 \n" AMOUNTS(
			  "4") "THPeligible:    0\nVmFlags: rd wr \n"
			       "2000-3000 r--p 0 0:0 0 \n" AMOUNTS(
				   "4") "THPeligible:    0\nVmFlags: rd \n"
					"3000-4000 rw-p 0 0:0 0 \n" AMOUNTS(
					    "8") "VmFlags: rd wr \n"
						 "4000-5000 rw-p 0 0:0 0 \n" AMOUNTS(
						     "8") "Swap:                 12 kB\nVmFlags: rd \n"),
	    0);
	assert_int_equal(b.smaps.count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(b.smaps.at[i].kib[MV_SMAPS_RSS], i < 2 ? 4 : 8);
		assert_int_equal(b.smaps.at[i].kib[MV_SMAPS_PSS], 4);
		assert_int_equal(b.smaps.at[i].vm_flags >> MV_VM_WR & 1, i == 0 || i == 2);
		assert_int_equal(b.smaps.at[i].kib[MV_SMAPS_SWAP], i == 3 ? 12 : 0);
		assert_int_equal(saw(&b, i, MV_SMAPS_SWAP), i == 3);
	}
	release(&b);
#undef AMOUNTS
}

static void test_kernels(void **state)
{
	struct both b;
	struct mv_smaps_row rollup;
	struct fixture f = fixture_open("k61", 1234);

	(void)state;
	read_fixture(&b, "k419", 1234);
	assert_int_equal(sum_of(&b, MV_SMAPS_RSS), 1204);
	assert_false(saw(&b, 0, MV_SMAPS_PSS_DIRTY));
	assert_false(saw(&b, 0, MV_SMAPS_KSM));
	assert_false(saw(&b, 0, MV_SMAPS_FILE_HUGE));
	assert_true(saw(&b, 0, MV_SMAPS_LOCKED));
	assert_true(b.smaps.at[10].vm_flags >> MV_VM_GD & 1);
	assert_true(b.smaps.at[0].vm_flags >> MV_VM_SD & 1);
	release(&b);
	read_fixture(&b, "k510", 1234);
	assert_true(saw(&b, 0, MV_SMAPS_FILE_HUGE));
	assert_false(saw(&b, 0, MV_SMAPS_PSS_DIRTY));
	assert_int_equal(sum_of(&b, MV_SMAPS_ANON), 88);
	release(&b);
	read_fixture(&b, "k61", 1234);
	assert_true(saw(&b, 13, MV_SMAPS_PSS_DIRTY));
	assert_false(saw(&b, 13, MV_SMAPS_KSM));
	assert_int_equal(sum_of(&b, MV_SMAPS_PSS_DIRTY), 88);
	assert_int_equal(mv_rollup_read(f.target, &rollup), 0);
	assert_int_equal(rollup.kib[MV_SMAPS_PSS], 1204);
	assert_int_equal(rollup.kib[MV_SMAPS_ANON], 88);
	fixture_close(&f);
	release(&b);
	read_fixture(&b, "k612", 1234);
	assert_true(saw(&b, 14, MV_SMAPS_KSM));
	/* "zz" is no flag that is known */
	assert_true(b.smaps.at[5].vm_flags ==
		    (UINT64_C(1) << MV_VM_RD | UINT64_C(1) << MV_VM_WR | UINT64_C(1) << MV_VM_MR |
		     UINT64_C(1) << MV_VM_MW | UINT64_C(1) << MV_VM_ME | UINT64_C(1) << MV_VM_AC |
		     UINT64_C(1) << MV_VM_SL | UINT64_C(1) << MV_VM_SD));
	release(&b);

	f = fixture_open("k419", 1234);
	assert_int_equal(mv_rollup_read(f.target, &rollup), -ENOENT);
	fixture_close(&f);
}

static void test_machines(void **state)
{
	struct both b;

	(void)state;
	read_fixture(&b, "aarch64-64k", 77);
	assert_int_equal(b.smaps.at[4].kib[MV_SMAPS_KERNEL_PAGE], 64);
	assert_int_equal(b.smaps.at[4].kib[MV_SMAPS_ANON_HUGE], 524288);
	assert_true(b.smaps.at[4].vm_flags >> MV_VM_MT & 1);
	release(&b);
	read_fixture(&b, "i386", 99);
	assert_int_equal(sum_of(&b, MV_SMAPS_RSS), 32);
	release(&b);
	read_fixture(&b, "la57", 57);
	assert_int_equal(b.smaps.at[3].kib[MV_SMAPS_RSS], 132);
	release(&b);
}

static void test_huge(void **state)
{
	struct both b;

	(void)state;
	read_fixture(&b, "huge", 88);
	for (uint32_t i = 2; i < 5; i++) {
		assert_int_equal(b.maps.at[i].kind, MV_KIND_HUGE);
		assert_int_equal(b.maps.at[i].flags & MV_MAPPING_FILE, 0);
		assert_int_equal(b.smaps.at[i].kib[MV_SMAPS_KERNEL_PAGE], 2048);
		assert_int_equal(b.smaps.at[i].kib[MV_SMAPS_RSS], 0);
	}
	assert_int_equal(b.maps.at[1].kind, MV_KIND_ANON);
	assert_int_equal(b.smaps.at[1].kib[MV_SMAPS_ANON_HUGE], 6144);
	assert_int_equal(sum_of(&b, MV_SMAPS_PRIVATE_HUGETLB), 4096);
	assert_int_equal(sum_of(&b, MV_SMAPS_SHARED_HUGETLB), 6144);
	release(&b);
}

static void test_without_memory(void **state)
{
	struct fixture f = fixture_open("zombie", 55);
	struct mv_smaps_row rollup;
	struct both b;

	(void)state;
	init(&b);
	assert_int_equal(mv_smaps_read(f.target, &b.maps, &b.smaps, NULL, 0), 0);
	assert_int_equal(b.smaps.count, 0);
	assert_string_equal(b.maps.names, "");
	assert_int_equal(mv_rollup_read(f.target, &rollup), -ESRCH);
	fixture_close(&f);
	f = fixture_open("vanishing", 9);
	assert_int_equal(mv_smaps_read(f.target, &b.maps, &b.smaps, NULL, 0), -ESRCH);
	fixture_close(&f);
	release(&b);
}

#define FIRST "1000-2000 rw-p 00000000 00:00 0 \n"

static void test_hostile(void **state)
{
	struct both b;

	(void)state;
	read_fixture(&b, "hostile", 666);
	assert_int_equal(b.smaps.count, 17);
	assert_int_equal(sum_of(&b, MV_SMAPS_RSS), 68);
	release(&b);
	/* a name that looks like a field stays a name: newlines in it are escaped by the kernel */
	init(&b);
	assert_int_equal(
	    parse(&b, "1000-2000 r--p 0 8:1 5 /tmp/x\\012Rss:                   8 kB\nPss:   3 kB\n"), 0);
	assert_int_equal(b.smaps.at[0].kib[MV_SMAPS_RSS], 0);
	assert_int_equal(b.smaps.at[0].kib[MV_SMAPS_PSS], 3);
	release(&b);
}

/* Lines in any order, of any width, with unknown ones between. */
static void test_odd_lines(void **state)
{
	static const char text[] = FIRST "Locked:               12 kB\n"
					 "Rss:             12345678 kB\n"
					 "Pss:            123456789 kB\n"
					 "Swap:          5000000000 kB\n"
					 "KSM:\t7 kB\n"
					 "Brand_New:             99 kB\n"
					 "Brand_New_And_Longer_Than_16: 99 kB\n"
					 "Rs:                     1 kB\n"
					 "THPeligible:           1\n"
					 "VmFlags: sd zz rd x wr\n"
					 "VmFlagsX: rd\n"
					 "Anonymous:             5 kB";
	const struct mv_smaps_row *row;
	struct both b;

	(void)state;
	init(&b);
	assert_int_equal(parse(&b, text), 0);
	row = &b.smaps.at[0];
	assert_int_equal(row->kib[MV_SMAPS_LOCKED], 12);
	assert_int_equal(row->kib[MV_SMAPS_RSS], 12345678);
	assert_int_equal(row->kib[MV_SMAPS_PSS], 123456789);
	assert_true(row->kib[MV_SMAPS_SWAP] == UINT32_MAX);
	assert_int_equal(row->kib[MV_SMAPS_KSM], 7);
	assert_int_equal(row->kib[MV_SMAPS_ANON], 5);
	assert_int_equal(__builtin_popcount(row->seen), 6);
	assert_true(row->vm_flags ==
		    (UINT64_C(1) << MV_VM_SD | UINT64_C(1) << MV_VM_RD | UINT64_C(1) << MV_VM_WR));
	release(&b);
}

static void test_broken(void **state)
{
	static const char *const broken[] = {
	    "Rss:                   8 kB\n", /* before any mapping */
	    FIRST "Rss no colon\n",
	    FIRST "Rss:                   x kB\n",
	    FIRST "Rss:                  1x kB\n",
	    FIRST "Rss:              x    1 kB\n",
	    FIRST "Rss:              \n    1 kB\n",
	    FIRST "Pss: -1 kB\n",
	    FIRST "Rss: \n",
	    FIRST "nonsense\n",
	    FIRST "\n",
	};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(broken); i++) {
		struct both b;

		init(&b);
		if (parse(&b, broken[i]) != -EBADMSG)
			fail_msg("taken: %s", broken[i]);
		assert_int_equal(b.maps.count, b.smaps.count);
		release(&b);
	}
}

static void test_torn(void **state)
{
	struct both b;

	(void)state;
	init(&b);
	assert_int_equal(parse(&b, FIRST "Rss: 4 kB\n1800-3000 rw-p 0 0:0 0 \nRss: 8 kB\n"), 0);
	assert_true(b.maps.torn);
	assert_int_equal(b.maps.count, 1);
	assert_int_equal(b.smaps.count, 1);
	assert_int_equal(b.smaps.at[0].kib[MV_SMAPS_RSS], 4);
	assert_int_equal(parse(&b, "Rss: 8 kB\n"), 0);
	assert_int_equal(b.smaps.at[0].kib[MV_SMAPS_RSS], 4);
	release(&b);
}

static void test_rollup(void **state)
{
	static const char good[] =
	    "1000-2000 ---p 00000000 00:00 0    [rollup]\nRss:                   8 kB\nPss_Anon: 3 kB\n";
	struct mv_smaps_row row = {.seen = 77};

	(void)state;
	assert_int_equal(mv_rollup_parse("", 0, &row), -EBADMSG);
	assert_int_equal(mv_rollup_parse("1000-2000 ---p", 14, &row), -EBADMSG);
	assert_int_equal(mv_rollup_parse("Rss", 3, &row), -EBADMSG);
	assert_int_equal(row.seen, 77);
	assert_int_equal(mv_rollup_parse(good, strlen(good), &row), 0);
	assert_int_equal(row.seen, 1 << MV_SMAPS_RSS);
	assert_int_equal(row.kib[MV_SMAPS_RSS], 8);
}

static void test_tables(void **state)
{
	(void)state;
	for (int i = 0; i < MV_SMAPS__N; i++)
		assert_true(strlen(mv_smaps_fields[i].key) > 0 && strlen(mv_smaps_fields[i].key) < 16);
	for (int i = 0; i < MV_VM__N; i++) {
		assert_int_equal(strlen(mv_vm_flag_letters((enum mv_vm_flag)i)), 2);
		assert_true(strlen(mv_vm_flag_meaning((enum mv_vm_flag)i)) > 0);
	}
	assert_string_equal(mv_vm_flag_letters(MV_VM__N), "");
	assert_string_equal(mv_vm_flag_meaning(MV_VM__N), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_python),	   cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_repeated),	   cmocka_unit_test(test_kernels),
	    cmocka_unit_test(test_machines),	   cmocka_unit_test(test_huge),
	    cmocka_unit_test(test_without_memory), cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_odd_lines),	   cmocka_unit_test(test_broken),
	    cmocka_unit_test(test_torn),	   cmocka_unit_test(test_rollup),
	    cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
