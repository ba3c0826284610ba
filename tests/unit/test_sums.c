/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "core/sampler_trace.h"

/* What traced faults add up to, and the text and functions they refer to. */

static struct names names;
static struct sums sums;

static int clear(void **state)
{
	(void)state;
	sums_release(&sums);
	names_release(&names);
	return 0;
}

static uint64_t fault(const struct mv_mapping *m, const char *name, uint64_t addr, int tid,
		      enum mv_fault_kind kind, uint64_t weight)
{
	return sums_fault(&sums, &names,
			  &(struct sum_fault){.at_ns = sums.seq + 1,
					      .addr = addr,
					      .weight = weight,
					      .tid = tid,
					      .kind = kind,
					      .mapping = m,
					      .mapping_name = mv_clean_trusted(name),
					      .page_bytes = 4096,
					      .huge_pages = 512});
}

static void test_text(void **state)
{
	char name[16];
	uint32_t first = names_text(&names, "main");

	(void)state;
	assert_int_equal(names_text(&names, ""), 0);
	assert_int_not_equal(first, 0);
	assert_int_equal(names_text(&names, "main"), first);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		/* The text may move to where there is room for it. */
		uint32_t at = names_text(&names, name);

		assert_string_equal(names.text + at, name);
	}
	assert_int_equal(names_text(&names, "main"), first);
	assert_int_equal(names_text(&names, "f77"), names_text(&names, "f77"));
	assert_string_equal(names.text + names_raw(&names, "a\033b", 3), "a\\x1bb");
}

static void test_kinds_and_pages(void **state)
{
	const struct mv_mapping m = {
	    .start = 0x10000, .end = 0x20000, .kind = MV_KIND_ANON, .perms = MV_PERM_R};

	(void)state;
	fault(&m, "", 0x10123, 1, MV_FAULT_ZERO, 31);
	fault(&m, "", 0x11000, 2, MV_FAULT_HUGE, 2);
	fault(NULL, "", 0x500000, 2, MV_FAULT_UNKNOWN, 1);
	assert_int_equal(sums.faults[MV_FAULT_ZERO], 31);
	assert_int_equal(sums.pages[MV_FAULT_HUGE], 1024);
	assert_int_equal(sums.mappings_count, 1);
	assert_int_equal(sums.mappings[0].faults, 33);
	assert_int_equal(sums.mappings[0].pages, 31 + 1024);
	assert_int_equal(sums.mappings[0].by_kind[MV_FAULT_HUGE], 2);
	assert_int_equal(sums.mappings[0].last_page, 0x11000);
	assert_int_equal(sums.threads_count, 2);
	assert_int_equal(sums.threads[1].faults, 3);
	assert_int_equal(sums.log[0].addr, 0x10123);
	assert_int_equal(sums.log[2].mapping_kind, MV_KIND__N);
}

/* A mapping that grows, down or up, or swallows another stays one line. */
static void test_growing_mapping(void **state)
{
	struct mv_mapping a = {.start = 0x10000, .end = 0x20000, .kind = MV_KIND_ANON},
			  b = {.start = 0x30000, .end = 0x40000, .kind = MV_KIND_ANON},
			  other = {
			      .start = 0x20000, .end = 0x30000, .kind = MV_KIND_ANON, .perms = MV_PERM_X};

	(void)state;
	fault(&a, "", 0x10000, 1, MV_FAULT_ZERO, 1);
	fault(&b, "", 0x30000, 1, MV_FAULT_ZERO, 1);
	fault(&other, "", 0x20000, 1, MV_FAULT_ZERO, 1);
	assert_int_equal(sums.mappings_count, 3);
	a.end = 0x18000; /* shrunk, then one that covers both */
	fault(&a, "", 0x11000, 1, MV_FAULT_ZERO, 1);
	assert_int_equal(sums.mappings_count, 3);
	b.start = 0x8000;
	fault(&b, "", 0x9000, 1, MV_FAULT_ZERO, 1);
	assert_int_equal(sums.mappings_count, 2);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(sums.mappings[i].faults, sums.mappings[i].perms == MV_PERM_X ? 1 : 4);
}

static void test_stacks(void **state)
{
	struct mv_call calls[3] = {{.function = 2}, {.function = 1}, {.function = 0}};
	uint64_t seq = fault(NULL, "", 0x1000, 7, MV_FAULT_ZERO, 31);

	(void)state;
	sums_stack(&sums, seq, 7, 31, 31, 0x1000, 5, calls, 3, MV_STACK_COMPLETE);
	sums_stack(&sums, seq, 7, 31, 31, 0x2000, 9, calls, 3, MV_STACK_COMPLETE);
	sums_stack(&sums, seq, 8, 31, 31, 0x3000, 9, calls, 3, MV_STACK_COMPLETE);
	sums_stack(&sums, seq, 7, 31, 31, 0x4000, 9, calls, 2, MV_STACK_TRUNCATED);
	sums_stack(&sums, seq, 7, 31, 31, 0x5000, 9, NULL, 0, MV_STACK_NOT_UNWOUND);
	assert_int_equal(sums.stacks_count, 4);
	assert_int_equal(sums.stacks[0].pages, 62);
	assert_int_equal(sums.stacks[0].last_page, 0x2000);
	assert_int_equal(sums.calls[sums.stacks[0].first], 0);
	assert_int_equal(sums.calls[sums.stacks[0].first + 2], 2);
	assert_int_equal(sums.log[seq].function, 2);
	assert_int_equal(sums.no_stack, 1);
}

/* Beyond the bounds nothing is lost unseen. */
static void test_bounds(void **state)
{
	uint64_t pages = 0;

	(void)state;
	for (uint32_t i = 0; i < MV_FAULT_STACKS + 100; i++) {
		struct mv_call call = {.function = i};
		uint64_t seq = fault(NULL, "", (uint64_t)i << 12, (int)i + 1, MV_FAULT_ZERO, 1);

		sums_stack(&sums, seq, 1, 1, 1, 0, i, &call, 1, MV_STACK_COMPLETE);
	}
	assert_int_equal(sums.stacks_count, MV_FAULT_STACKS);
	assert_int_equal(sums.stacks_left_out, 100);
	assert_int_equal(sums.threads_count, MV_FAULT_THREADS);
	for (uint32_t i = 0; i < sums.threads_count; i++)
		pages += sums.threads[i].pages;
	assert_int_equal(pages, MV_FAULT_STACKS + 100);
	assert_int_equal(sums.threads[MV_FAULT_THREADS - 1].tid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_text, clear),
	    cmocka_unit_test_teardown(test_kinds_and_pages, clear),
	    cmocka_unit_test_teardown(test_growing_mapping, clear),
	    cmocka_unit_test_teardown(test_stacks, clear),
	    cmocka_unit_test_teardown(test_bounds, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
