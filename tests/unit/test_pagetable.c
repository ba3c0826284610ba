/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/pagetable.h"

#define MIB2   (UINT64_C(1) << 21)
#define GIB    (UINT64_C(1) << 30)
#define GIB512 (UINT64_C(1) << 39)
#define TIB256 (UINT64_C(1) << 48)

static void test_path(void **state)
{
	struct mv_path p = mv_pagetable_path(UINT64_C(0x7f3a12940123), 4);

	(void)state;
	assert_int_equal(p.levels, 4);
	assert_int_equal(p.index[3], 254);
	assert_int_equal(p.index[2], 232);
	assert_int_equal(p.index[1], 148);
	assert_int_equal(p.index[0], 320);
	assert_int_equal(p.offset, 0x123);
	p = mv_pagetable_path(UINT64_C(0x00ff7f3a12940fff), 5);
	assert_int_equal(p.index[4], 255);
	assert_int_equal(p.index[3], 254);
	assert_int_equal(p.offset, 0xfff);
}

/* The indices put together again give the address. */
static void test_path_is_reversible(void **state)
{
	(void)state;
	srand(11);
	for (int i = 0; i < 1000; i++) {
		uint64_t addr = ((uint64_t)rand() << 31 ^ (uint64_t)rand()) & ((UINT64_C(1) << 56) - 1),
			 back = 0;
		struct mv_path p = mv_pagetable_path(addr, 5);

		for (unsigned level = 1; level <= 5; level++)
			back += p.index[level - 1] * mv_pagetable_span(level);
		assert_int_equal(back + p.offset, addr);
	}
}

static void test_names_and_spans(void **state)
{
	(void)state;
	assert_string_equal(mv_pagetable_level_name(1, 4), "PTE");
	assert_string_equal(mv_pagetable_level_name(3, 4), "PUD");
	assert_string_equal(mv_pagetable_level_name(4, 4), "PGD");
	assert_string_equal(mv_pagetable_level_name(4, 5), "P4D");
	assert_string_equal(mv_pagetable_level_name(5, 5), "PGD");
	assert_int_equal(mv_pagetable_span(1), 4096);
	assert_int_equal(mv_pagetable_span(2), MIB2);
	assert_int_equal(mv_pagetable_span(3), GIB);
	assert_int_equal(mv_pagetable_span(4), GIB512);
	assert_int_equal(mv_pagetable_flat_bytes(4096, 4), 256 * GIB);
	assert_int_equal(mv_pagetable_flat_bytes(4096, 5), 128 * 1024 * GIB);
}

static void count_is(const struct mv_table_count *c, uint64_t pte, uint64_t pmd, uint64_t pud)
{
	assert_int_equal(c->tables[0], pte);
	assert_int_equal(c->tables[1], pmd);
	assert_int_equal(c->tables[2], pud);
	assert_int_equal(mv_table_count_kib(c, 4), (pte + pmd + pud) * 4);
}

static void test_count(void **state)
{
	struct mv_table_count c;

	(void)state;
	mv_table_count_init(&c);
	count_is(&c, 0, 0, 0);
	assert_int_equal(c.tables[3], 1);
	mv_table_count_run(&c, 0, 0, false); /* an empty run needs nothing */
	count_is(&c, 0, 0, 0);
	mv_table_count_run(&c, 0x1000, 0x2000, false);
	count_is(&c, 1, 1, 1);
	mv_table_count_run(&c, 0x5000, 0x6000, false); /* the same tables */
	count_is(&c, 1, 1, 1);
	mv_table_count_run(&c, MIB2 - 4096, MIB2 + 4096, false); /* across a border */
	count_is(&c, 2, 1, 1);
	mv_table_count_run(&c, MIB2 + 8192, 4 * MIB2, false); /* begins in a table that is counted */
	count_is(&c, 4, 1, 1);
	mv_table_count_run(&c, GIB, 3 * GIB, false);
	count_is(&c, 4 + 1024, 3, 1);
	mv_table_count_run(&c, 2 * GIB512, 2 * GIB512 + 4096, false);
	count_is(&c, 4 + 1024 + 1, 4, 2);
	assert_int_equal(c.tables[3], 1);
	assert_int_equal(c.tables[4], 1);
	assert_int_equal(c.pages, 1 + 1 + 2 + 1534 + 2 * 512 * 512 + 1);
}

static void test_count_huge_and_five_levels(void **state)
{
	struct mv_table_count c;

	(void)state;
	mv_table_count_init(&c);
	mv_table_count_run(&c, GIB, GIB + 4 * MIB2, true);
	count_is(&c, 0, 1, 1);
	mv_table_count_run(&c, GIB + 4 * MIB2, GIB + 5 * MIB2, false);
	count_is(&c, 1, 1, 1);
	mv_table_count_run(&c, TIB256, TIB256 + 4096, false);
	count_is(&c, 2, 2, 2);
	assert_int_equal(c.tables[3], 2); /* a second P4D table, which VmPTE leaves out */
	assert_int_equal(mv_table_count_kib(&c, 5), 6 * 4);
}

/* Random runs against a walk page by page. */
static void test_count_against_a_walk(void **state)
{
	(void)state;
	srand(5);
	for (int round = 0; round < 50; round++) {
		struct mv_table_count c;
		uint64_t addr = 0, last[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX}, tables[3] = {0};

		mv_table_count_init(&c);
		for (int i = 0; i < 60; i++) {
			uint64_t start =
			    addr + ((uint64_t)rand() % (UINT64_C(1) << (12 + rand() % 30)) & ~UINT64_C(4095));
			uint64_t end = start + 4096 * (1 + (uint64_t)rand() % 2000);

			mv_table_count_run(&c, start, end, false);
			for (uint64_t page = start; page < end; page += 4096) {
				for (unsigned level = 0; level < 3; level++) {
					uint64_t table = page / mv_pagetable_span(level + 2);

					tables[level] += table != last[level];
					last[level] = table;
				}
			}
			addr = end;
		}
		count_is(&c, tables[0], tables[1], tables[2]);
	}
}

static unsigned levels_with(const char *cpuinfo)
{
	char dir[] = "/tmp/mv-pagetable-XXXXXX", path[64];
	struct mv_source *source;
	unsigned levels;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/cpuinfo", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(cpuinfo, f);
	for (int i = 0; i < 2000; i++) /* longer than any buffer */
		fputs("processor\t: 1\nflags\t\t: fpu\n", f);
	fclose(f);
	assert_int_equal(mv_source_new(&(struct mv_source_opts){.root = dir}, &source), 0);
	levels = mv_pagetable_levels(source);
	mv_source_free(source);
	unlink(path);
	rmdir(dir);
	return levels;
}

static void test_levels(void **state)
{
	(void)state;
	assert_int_equal(levels_with("processor\t: 0\nflags\t\t: fpu vme\nbugs\t\t: la57\n"), 4);
	assert_int_equal(levels_with("processor\t: 0\nflags\t\t: fpu la57 vme\nbugs\t\t:\n"), 5);
	assert_int_equal(levels_with("processor\t: 0\nflags\t\t: fpu la57\nbugs\t\t:\n"), 5);
	assert_int_equal(levels_with("processor\t: 0\nflags\t\t: fpu la57x\nbugs\t\t:\n"), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_path),
	    cmocka_unit_test(test_path_is_reversible),
	    cmocka_unit_test(test_names_and_spans),
	    cmocka_unit_test(test_count),
	    cmocka_unit_test(test_count_huge_and_five_levels),
	    cmocka_unit_test(test_count_against_a_walk),
	    cmocka_unit_test(test_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
