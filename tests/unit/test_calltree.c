/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/calltree.h"
#include "tests/unit/snapbuild.h"

/* ---- the builder of snapshots itself ---- */

static const struct snapbuild_function functions[] = {
    {.name = "memset", .image = "libc.so.6", .flags = MV_FUNCTION_NAMED, .start = 0x1000},
};
static const struct snapbuild_fault_stack stacks[] = {
    {"main;fill;memset", {.tid = 7, .pages = 100, .faults = 100}},
    {"main;?;memset", {.tid = 8, .pages = 50, .faults = 50}},
    {"", {.tid = 8, .pages = 1, .faults = 1, .end = MV_STACK_NOT_UNWOUND}},
};
static const struct snapbuild_call calls[] = {{"poll", 0x10, 0x20, 0}, {"main", 0x30, 0x40, MV_CALL_SIGNAL}};
static const struct snapbuild_thread threads[] = {
    {"main thread", calls, 2, {.tid = 7, .state = 'S', .how = MV_HOW_UNSTOPPED}},
    {"other", calls + 1, 1, {.tid = 8, .state = 'R'}},
};
static const struct snapbuild_line lines[] = {{0x10, NULL, 0}, {0x30, "main.c", 12}};
static const struct snapbuild_fault_mapping fault_mappings[] = {{"[heap]", {.start = 4096, .end = 8192}}};
static const struct snapbuild_fault_thread fault_threads[] = {{"other", {.tid = 8, .faults = 3}}};
static const struct snapbuild_fault_entry fault_log[] = {{"fill", "[heap]", {.tid = 7, .addr = 4096}},
							 {NULL, NULL, {.tid = 8}}};

static void test_builder(void **state)
{
	struct snapbuild b;
	uint32_t n, line = 0;

	(void)state;
	snapbuild_init(&b);
	b.rows = snapbuild_python;
	b.count = snapbuild_python_count;
	b.trace = (struct snapbuild_trace){
	    functions,	    MV_COUNT_OF(functions),	 stacks,	MV_COUNT_OF(stacks),
	    fault_mappings, MV_COUNT_OF(fault_mappings), fault_threads, MV_COUNT_OF(fault_threads),
	    fault_log,	    MV_COUNT_OF(fault_log),	 threads,	MV_COUNT_OF(threads),
	    lines,	    MV_COUNT_OF(lines)};
	struct mv_snapshot *s = snapbuild_make(&b);
	assert_int_equal(mv_snapshot_check(s, s->length), 0);

	const struct mv_fault_stack *k = mv_snapshot_fault_stacks(s, &n);
	assert_int_equal(n, 3);
	assert_int_equal(k[1].count, 3);
	assert_int_equal(k[2].count, 0);
	const uint32_t *c = mv_snapshot_fault_calls(s, &k[1]);
	assert_string_equal(mv_snapshot_function_name(s, c[0]).text, "main");
	assert_int_equal(c[1], MV_FUNCTION_NONE);
	assert_string_equal(mv_snapshot_function_name(s, c[2]).text, "memset");
	assert_string_equal(mv_snapshot_text(s, mv_snapshot_function(s, c[2])->image).text, "libc.so.6");
	/* one function for one name, in stacks and in threads */
	assert_int_equal(mv_snapshot_fault_calls(s, &k[0])[0], c[0]);
	const struct mv_thread *t = mv_snapshot_thread(s, 8);
	assert_string_equal(mv_snapshot_text(s, t->name).text, "other");
	assert_int_equal(mv_snapshot_thread_calls(s, t)[0].function, c[0]);
	assert_int_equal(mv_snapshot_thread_calls(s, t)[0].flags, MV_CALL_SIGNAL);
	assert_null(mv_snapshot_line(s, 0x10, &line).text);
	assert_string_equal(mv_snapshot_line(s, 0x30, &line).text, "main.c");
	assert_int_equal(line, 12);
	assert_string_equal(mv_snapshot_text(s, mv_snapshot_fault_mappings(s, &n)->name).text, "[heap]");
	assert_string_equal(mv_snapshot_text(s, mv_snapshot_fault_threads(s, &n)->name).text, "other");
	assert_int_equal(mv_snapshot_fault_log(s, &n)[1].function, MV_FUNCTION_NONE);
	assert_int_equal(mv_snapshot_fault_log(s, &n)->function, mv_snapshot_fault_calls(s, &k[0])[1]);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_builder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
