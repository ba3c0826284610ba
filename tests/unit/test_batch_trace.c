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

/* What faults and stacks print, of snapshots made by hand. */

/* All that is printed; says where it differs. */
static void assert_all(const char *text)
{
	const char *is = printed();
	size_t same = 0;

	while (is[same] && is[same] == text[same])
		same++;
	if (is[same] != text[same])
		fail_msg("\"%.60s\" where there should be \"%.60s\"", is + same, text + same);
}

/* ---- a trace ---- */

static const struct snapbuild_fault_stack stacks[] = {
    {"_start;main;fill;memset", {.tid = 4711, .pages = 600, .faults = 600}},
    {"_start;main;fill", {.tid = 4711, .pages = 200, .faults = 200}},
    {"clone3;worker;fill", {.tid = 4712, .pages = 150, .faults = 150}},
    {"_start;main;fill;memset", {.tid = 4713, .pages = 40, .faults = 40}},
    {"deep;copy", {.tid = 4713, .pages = 8, .faults = 8, .end = MV_STACK_TRUNCATED}},
    {"clone3;worker;once", {.tid = 4712, .pages = 1, .faults = 1}},
    {"", {.tid = 4712, .pages = 1, .faults = 1, .end = MV_STACK_NOT_UNWOUND}},
};

static const struct snapbuild_fault_mapping mappings[] = {
    {"",
     {.start = 0x7f63ae000000,
      .end = 0x7f63b4400000,
      .faults = 990,
      .pages = 990,
      .kind = MV_KIND_ANON,
      .by_kind = {[MV_FAULT_ZERO] = 980, [MV_FAULT_COW] = 10}}},
    {"[heap]",
     {.start = 0x1000000,
      .end = 0x1021000,
      .faults = 8,
      .pages = 8,
      .kind = MV_KIND_HEAP,
      .gone = 1,
      .by_kind = {[MV_FAULT_COW] = 8}}},
    {NULL,
     {.start = 0x5000,
      .end = 0x6000,
      .faults = 2,
      .pages = 2,
      .kind = MV_KIND__N,
      .by_kind = {[MV_FAULT_UNKNOWN] = 2}}},
};

static const struct snapbuild_fault_thread fault_threads[] = {
    {"python3", {.tid = 4711, .faults = 800, .pages = 800}},
    {"worker", {.tid = 4712, .faults = 152, .pages = 152}},
    {NULL, {.tid = 4713, .faults = 48, .pages = 48}},
};

static void init_trace(struct snapbuild *b)
{
	struct mv_trace *t;

	snapbuild_init(b);
	t = &b->head.trace;
	b->head.facts |= MV_FACT_FAULTS;
	b->trace.stacks = stacks;
	b->trace.stacks_count = MV_COUNT_OF(stacks);
	b->trace.mappings = mappings;
	b->trace.mappings_count = MV_COUNT_OF(mappings);
	b->trace.fault_threads = fault_threads;
	b->trace.fault_threads_count = MV_COUNT_OF(fault_threads);
	t->why = t->stacks_why = t->threads_why = MV_WHY_HAVE;
	t->running = t->kernel_side = true;
	t->threads = t->threads_covered = 3;
	t->since_ns = b->head.taken_ns - 4 * MV_NS_PER_SEC;
	t->until_ns = b->head.taken_ns;
	t->minor = 1000;
	t->major = 8;
	t->period = 7;
	t->sampled = 144;
	t->faults[MV_FAULT_ZERO] = t->pages[MV_FAULT_ZERO] = 980;
	t->faults[MV_FAULT_COW] = t->pages[MV_FAULT_COW] = 18;
	t->faults[MV_FAULT_UNKNOWN] = t->pages[MV_FAULT_UNKNOWN] = 2;
}

static void make(const struct snapbuild *b)
{
	json.snap = snapbuild_make(b);
	json.pid = 4711;
	assert_int_equal(mv_snapshot_check(json.snap, json.snap->length), 0);
}

static void test_faults_text(void **state)
{
	struct snapbuild b;

	(void)state;
	init_trace(&b);
	make(&b);
	assert_int_equal(mv_batch_print_faults(&json.out, json.snap), 0);
	assert_all(
	    "python3 4711   page faults of 4.0 s   2023-11-14 22:13:20 UTC\n"
	    "minor            1,000   +250/s\n"
	    "major                8   +2/s\n"
	    "sampled            144   one fault in 7 at the end; 0 lost\n"
	    "threads   3 of 3 covered, and those begun since\n"
	    "\n"
	    "By kind (samples times period; shares are of pages):\n"
	    "      FAULTS       PAGES   BYTES  SHARE  KIND\n"
	    "         980         980    3.8M  98.0%  demand zero    first touch of anonymous memory: the "
	    "kernel gives a zeroed page\n"
	    "          18          18     72K   1.8%  copy on write  first write to a page that was shared: "
	    "the writer gets its own copy\n"
	    "           2           2      8K   0.2%  unknown        what the page was before, or is now, is "
	    "not known well enough\n"
	    "\n"
	    "By mapping:\n"
	    "      FAULTS       PAGES   BYTES  SHARE  ADDRESS      KIND         MOSTLY         NAME\n"
	    "         990         990    3.9M  99.0%  7f63ae000000 anon         demand zero    [anon]\n"
	    "           8           8     32K   0.8%  000001000000 heap         copy on write  [heap] "
	    "(unmapped since)\n"
	    "           2           2      8K   0.2%  000000005000 -            unknown        no mapping "
	    "was known there\n"
	    "\n"
	    "By call stack, callers first (whoever is on one line has the same pages):\n"
	    "       PAGES   BYTES  SHARE  FUNCTION\n"
	    "         840    3.3M  84.0%  _start > main > fill\n"
	    "         200    800K  20.0%    (itself)\n"
	    "         640    2.5M  64.0%    memset\n"
	    "         151    604K  15.1%  clone3 > worker\n"
	    "         150    600K  15.0%    fill\n"
	    "           1      4K   0.1%    (1 more below 1 %)\n"
	    "           9     36K   0.9%  (2 more below 1 %)\n"
	    "1 page by stacks that do not reach their thread's start: no stack was taken, only the address\n"
	    "8 pages by stacks that do not reach their thread's start: the stack is deeper than what was "
	    "copied\n"
	    "\n"
	    "By thread:\n"
	    "      FAULTS       PAGES   BYTES  SHARE      TID  NAME\n"
	    "         800         800    3.1M  80.0%     4711  python3\n"
	    "         152         152    608K  15.2%     4712  worker\n"
	    "          48          48    192K   4.8%     4713  - (it has ended)\n");
}

static void test_faults_lacks(void **state)
{
	struct snapbuild b;

	(void)state;
	init_trace(&b);
	b.head.trace.running = b.head.trace.kernel_side = false;
	b.head.trace.until_ns = b.head.taken_ns - MV_NS_PER_SEC;
	b.head.trace.threads_covered = 2;
	b.head.trace.threads_why = MV_WHY_NEEDS_FILES;
	b.head.trace.stacks_why = MV_WHY_NO_UNWINDER;
	b.head.trace.lost = 12;
	b.head.trace.no_stack = 5;
	b.head.trace.stacks_left_out = 1234;
	make(&b);
	assert_int_equal(mv_batch_print_faults(&json.out, json.snap), 0);
	assert_printed("page faults of 3.0 s");
	assert_printed("the process has ended");
	assert_printed("2 of 3 covered, and those begun since - (needs more open files");
	assert_printed("not seen  faults inside system calls");
	assert_printed("stacks    - (memview was built without libunwind and libdw)");
	assert_printed("12 lost: ");
	assert_printed("5 samples have none");
	assert_printed("1,234 pages by stacks that are not in the tree");
}

static void test_faults_every(void **state)
{
	struct snapbuild b;

	(void)state;
	init_trace(&b);
	b.head.trace.period = 1;
	b.head.trace.sampled = 1008;
	make(&b);
	assert_int_equal(mv_batch_print_faults(&json.out, json.snap), 0);
	assert_printed("1,008   every fault; 0 lost");
	assert_not_printed("one fault in");
}

static void test_faults_none(void **state)
{
	struct snapbuild b;

	(void)state;
	init_trace(&b);
	memset(b.head.trace.faults, 0, sizeof(b.head.trace.faults));
	memset(b.head.trace.pages, 0, sizeof(b.head.trace.pages));
	b.trace.stacks_count = b.trace.mappings_count = b.trace.fault_threads_count = 0;
	make(&b);
	assert_int_equal(mv_batch_print_faults(&json.out, json.snap), 0);
	assert_printed("No page fault was seen.");
	assert_not_printed("By ");
}

static void test_faults_refused(void **state)
{
	struct snapbuild b;

	(void)state;
	init_trace(&b);
	b.head.trace.why = MV_WHY_NEEDS_PERFMON;
	b.head.figure[MV_FIG_MAJOR] = mv_val_missing(MV_WHY_NEEDS_PTRACE);
	make(&b);
	assert_int_equal(mv_batch_print_faults(&json.out, json.snap), 0);
	assert_printed("minor     26,645   since it began\n");
	assert_printed("major     - (needs CAP_SYS_PTRACE)");
	assert_printed("traced    - (needs CAP_PERFMON, or kernel.perf_event_paranoid at 2 or less)\n");
	assert_not_printed("By ");
}

/* Two levels each with as many pages as the one above are one line; far too long a line is broken. */
static void test_tree_chains(void **state)
{
	static const struct snapbuild_fault_stack chain[] = {
	    {"a_function_with_quite_a_long_name_0;a_function_with_quite_a_long_name_1;"
	     "a_function_with_quite_a_long_name_2;leaf",
	     {.tid = 4711, .pages = 10, .faults = 10}},
	};
	struct snapbuild b;

	(void)state;
	init_trace(&b);
	b.trace.stacks = chain;
	b.trace.stacks_count = 1;
	make(&b);
	assert_int_equal(mv_batch_print_faults(&json.out, json.snap), 0);
	assert_printed("          10     40K 100.0%  a_function_with_quite_a_long_name_0 > "
		       "a_function_with_quite_a_long_name_1 >\n"
		       "                                 a_function_with_quite_a_long_name_2 > leaf\n");
}

/* A recursion that keeps pages on every level is cut, and says so. */
static void test_tree_depth(void **state)
{
	char calls[60][512];
	struct snapbuild_fault_stack deep[60];
	struct snapbuild b;

	(void)state;
	init_trace(&b);
	for (size_t i = 0; i < 60; i++) {
		snprintf(calls[i], sizeof(calls[i]), "%s%s", i ? calls[i - 1] : "r", i ? ";r" : "");
		deep[i] =
		    (struct snapbuild_fault_stack){calls[i], {.tid = 4711, .pages = 100, .faults = 100}};
	}
	b.trace.stacks = deep;
	b.trace.stacks_count = MV_COUNT_OF(deep);
	make(&b);
	assert_int_equal(mv_batch_print_faults(&json.out, json.snap), 0);
	assert_printed("(deeper)\n");
}

static void test_folded(void **state)
{
	struct snapbuild b;

	(void)state;
	init_trace(&b);
	b.title = "a;b";
	b.head.trace.stacks_left_out = 3;
	make(&b);
	assert_int_equal(mv_batch_print_folded(&json.out, json.snap), 0);
	assert_printed("a:b;_start;main;fill;memset 640\n");
	assert_printed("a:b;_start;main;fill 200\n");
	assert_printed("a:b;clone3;worker;fill 150\n");
	assert_printed("a:b;clone3;worker;once 1\n");
	assert_printed("a:b;deep;copy 8\n");
	assert_printed("a:b;[no stack] 1\n");
	assert_printed("a:b;[beyond the stacks kept] 3\n");
	/* Nothing else. */
	assert_int_equal(strlen(printed()),
			 strlen("a:b;_start;main;fill;memset 640\na:b;_start;main;fill 200\n"
				"a:b;clone3;worker;fill 150\na:b;clone3;worker;once 1\na:b;deep;copy 8\n"
				"a:b;[no stack] 1\na:b;[beyond the stacks kept] 3\n"));
}

static const char *string_at(json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	if (!value)
		fail_msg("no string at %s", key);
	return value;
}

static void test_faults_json(void **state)
{
	struct snapbuild b;
	json_t *root, *item;

	(void)state;
	init_trace(&b);
	b.head.trace.stacks_left_out = 3;
	make(&b);
	mv_json_give_faults(&json);
	root = parsed();
	assert_string_equal(string_at(root, "schema"), "memview.faults/1");
	assert_string_equal(string_at(root, "name"), "python3");
	assert_int_equal(number_at(root, "pid", NULL), 4711);
	assert_true(json_real_value(json_object_get(root, "seconds")) == 4.0);
	assert_int_equal(number_at(root, "faults", "minor"), 1000);
	assert_int_equal(number_at(root, "faults", "major"), 8);
	assert_int_equal(number_at(root, "sampled", NULL), 144);
	assert_int_equal(number_at(root, "lost", NULL), 0);
	assert_int_equal(number_at(root, "period", NULL), 7);
	assert_int_equal(number_at(root, "threads_covered", NULL), 3);
	assert_true(json_is_true(json_object_get(root, "kernel_side")));
	assert_int_equal(json_object_size(json_object_get(root, "kinds")), MV_FAULT__N);
	assert_int_equal(number_at(json_object_get(root, "kinds"), "demand_zero", "pages"), 980);
	assert_int_equal(number_at(json_object_get(root, "kinds"), "disk", "faults"), 0);

	item = json_array_get(json_object_get(root, "mappings"), 1);
	assert_string_equal(string_at(item, "start"), "0x1000000");
	assert_string_equal(string_at(item, "kind"), "heap");
	assert_string_equal(string_at(item, "name"), "[heap]");
	assert_int_equal(json_object_size(json_object_get(item, "kinds")), 1);
	assert_int_equal(number_at(item, "kinds", "copy_on_write"), 8);
	item = json_array_get(json_object_get(root, "mappings"), 2);
	assert_true(json_is_null(json_object_get(item, "kind")));

	assert_int_equal(json_array_size(json_object_get(root, "stacks")), MV_COUNT_OF(stacks));
	item = json_array_get(json_object_get(root, "stacks"), 4);
	assert_string_equal(json_string_value(json_array_get(json_object_get(item, "frames"), 0)), "deep");
	assert_string_equal(json_string_value(json_array_get(json_object_get(item, "frames"), 1)), "copy");
	assert_string_equal(string_at(item, "end"), "truncated");
	assert_int_equal(number_at(item, "pages", NULL), 8);
	assert_int_equal(number_at(item, "thread", NULL), 4713);
	item = json_array_get(json_object_get(root, "unavailable"), 0);
	assert_string_equal(string_at(item, "what"), "stacks");
	assert_string_equal(string_at(item, "why"), "3 pages are of stacks beyond those kept");
	json_decref(root);
}

static void test_faults_json_refused(void **state)
{
	struct snapbuild b;
	json_t *root, *item;

	(void)state;
	init_trace(&b);
	b.head.trace.why = MV_WHY_NEEDS_PERFMON;
	make(&b);
	mv_json_give_faults(&json);
	root = parsed();
	assert_true(json_is_null(json_object_get(root, "stacks")));
	assert_true(json_is_null(json_object_get(root, "mappings")));
	assert_true(json_is_null(json_object_get(root, "kinds")));
	assert_true(json_is_null(json_object_get(json_object_get(root, "faults"), "minor")));
	assert_int_equal(json_array_size(json_object_get(root, "unavailable")), 1);
	item = json_array_get(json_object_get(root, "unavailable"), 0);
	assert_string_equal(string_at(item, "what"), "faults");
	json_decref(root);
}

/* ---- threads ---- */

static const struct snapbuild_function functions[] = {
    {.name = "poll", .image = "libc.so.6", .flags = MV_FUNCTION_NAMED, .start = 0x7f0000001000},
    {.name = "main", .image = "prog", .flags = MV_FUNCTION_NAMED, .start = 0x401000},
    {.name = "lib.so+0x20", .image = "lib.so", .start = 0x500000},
};
static const struct snapbuild_call calls[] = {
    {"poll", 0x7f000000104f, 0x7ffc00000010, 0},
    {"lib.so+0x20", 0x500020, 0x7ffc00000020, MV_CALL_SIGNAL},
    {"main", 0x401012, 0x7ffc00000040, 0},
    {"?", 0x601000, 0x7ffc00000080, 0},
};
static const struct snapbuild_line lines[] = {{0x401012, "main.c", 12}, {0x500020, NULL, 0}};

static const struct snapbuild_thread threads[] = {
    {"python3",
     calls,
     4,
     {.tid = 4711,
      .state = 'S',
      .how = MV_HOW_UNSTOPPED,
      .end = MV_STACK_NO_TABLE,
      .calls_why = MV_WHY_HAVE,
      .stack = {0x7ffc00000000, 0x7ffc00800000},
      .used = {9421, MV_WHY_HAVE, 0},
      .touched = {135168, MV_WHY_HAVE, 0},
      .guard = {4096, MV_WHY_HAVE, 0}}},
    {"worker", NULL, 0, {.tid = 4712, .state = 'R', .calls_why = MV_WHY_RUNNING}},
    {"gone",
     calls,
     1,
     {.tid = 4713, .state = 'S', .how = MV_HOW_STOPPED, .gone = 1, .calls_why = MV_WHY_HAVE}},
};

static void init_threads(struct snapbuild *b)
{
	struct mv_threads_head *h;

	snapbuild_init(b);
	h = &b->head.threads_head;
	b->head.facts |= MV_FACT_THREADS | MV_FACT_LINES;
	b->trace.functions = functions;
	b->trace.functions_count = MV_COUNT_OF(functions);
	b->trace.threads = threads;
	b->trace.threads_count = MV_COUNT_OF(threads);
	b->trace.lines = lines;
	b->trace.lines_count = MV_COUNT_OF(lines);
	h->why = h->calls_why = MV_WHY_HAVE;
	h->total = MV_COUNT_OF(threads);
	h->at_ns = b->head.taken_ns;
}

static void test_stacks_text(void **state)
{
	struct snapbuild b;

	(void)state;
	init_threads(&b);
	make(&b);
	mv_batch_print_stacks(&json.out, json.snap);
	assert_all("python3 4711   3 threads   2023-11-14 22:13:20 UTC\n"
		   "\n"
		   "thread 4711 python3  sleeping  in use 9.2K of 8.0M, touched 132K, guard 4K  (unstopped)\n"
		   "  #0   0x7f000000104f poll+0x4f  libc.so.6\n"
		   "  #1   0x000000500020 lib.so+0x20  (interrupted by a signal)\n"
		   "  #2   0x000000401012 main+0x12  main.c:12\n"
		   "  #3   0x000000601000 ?\n"
		   "  - (code without unwind tables (generated, or built without))\n"
		   "\n"
		   "thread 4712 worker  running  in use -, touched -, guard -  (no calls)\n"
		   "  - (it was running: --exact takes an exact picture by a stop)\n"
		   "\n"
		   "thread 4713 gone  ended since  in use -, touched -, guard -  (stopped)\n"
		   "  #0   0x7f000000104f poll+0x4f  libc.so.6\n");
}

static void test_stacks_exact(void **state)
{
	struct snapbuild b;

	(void)state;
	init_threads(&b);
	b.head.threads_head.stop_state = MV_STOP_DONE;
	b.head.threads_head.stop_taken = 2;
	b.head.threads_head.stop_failed = 1;
	b.head.threads_head.stopped_ns = 410000;
	b.head.threads_head.total = 5000;
	b.head.threads_head.calls_why = MV_WHY_NO_UNWINDER;
	make(&b);
	mv_batch_print_stacks(&json.out, json.snap);
	assert_printed("stopped for 0.41 ms: 2 taken, 1 could not be\n");
	assert_printed("\n4,997 more threads are not shown");
	assert_printed("stacks    - (memview was built without libunwind and libdw)\n");
}

static void test_stacks_refused(void **state)
{
	struct snapbuild b;

	(void)state;
	init_threads(&b);
	b.head.threads_head.why = MV_WHY_NEEDS_PTRACE;
	b.trace.threads_count = 0;
	make(&b);
	mv_batch_print_stacks(&json.out, json.snap);
	assert_printed("threads   - (needs CAP_SYS_PTRACE)\n");
	json.out.len = 0;
	mv_json_give_stacks(&json);
	json_t *root = parsed();
	assert_true(json_is_null(json_object_get(root, "threads")));
	assert_int_equal(json_array_size(json_object_get(root, "unavailable")), 1);
	json_decref(root);
}

static void test_stacks_json(void **state)
{
	struct snapbuild b;
	json_t *root, *thread, *frame, *item;

	(void)state;
	init_threads(&b);
	make(&b);
	mv_json_give_stacks(&json);
	root = parsed();
	assert_string_equal(string_at(root, "schema"), "memview.stacks/1");
	assert_int_equal(json_array_size(json_object_get(root, "threads")), 3);
	thread = json_array_get(json_object_get(root, "threads"), 0);
	assert_int_equal(number_at(thread, "tid", NULL), 4711);
	assert_string_equal(string_at(thread, "name"), "python3");
	assert_string_equal(string_at(thread, "state"), "S");
	assert_string_equal(string_at(thread, "how"), "unstopped");
	assert_string_equal(string_at(thread, "end"), "no_table");
	assert_string_equal(string_at(json_object_get(thread, "stack"), "start"), "0x7ffc00000000");
	assert_int_equal(number_at(thread, "stack", "used"), 9421);
	assert_int_equal(number_at(thread, "stack", "touched"), 135168);
	assert_int_equal(json_array_size(json_object_get(thread, "frames")), 4);
	frame = json_array_get(json_object_get(thread, "frames"), 2);
	assert_string_equal(string_at(frame, "pc"), "0x401012");
	assert_string_equal(string_at(frame, "function"), "main");
	assert_int_equal(number_at(frame, "offset", NULL), 0x12);
	assert_string_equal(string_at(frame, "file"), "main.c");
	assert_int_equal(number_at(frame, "line", NULL), 12);
	frame = json_array_get(json_object_get(thread, "frames"), 1);
	assert_string_equal(string_at(frame, "function"), "lib.so+0x20");
	assert_true(json_is_null(json_object_get(frame, "offset")));
	assert_true(json_is_null(json_object_get(frame, "file")));
	frame = json_array_get(json_object_get(thread, "frames"), 3);
	assert_true(json_is_null(json_object_get(frame, "function")));

	thread = json_array_get(json_object_get(root, "threads"), 1);
	assert_true(json_is_null(json_object_get(thread, "how")));
	assert_true(json_is_null(json_object_get(json_object_get(thread, "stack"), "start")));
	assert_true(json_is_null(json_object_get(json_object_get(thread, "stack"), "used")));
	assert_int_equal(json_array_size(json_object_get(thread, "frames")), 0);
	assert_int_equal(json_array_size(json_object_get(root, "unavailable")), 1);
	item = json_array_get(json_object_get(root, "unavailable"), 0);
	assert_string_equal(string_at(item, "what"), "frames of 4712");
	assert_string_equal(string_at(item, "why"),
			    "it was running: --exact takes an exact picture by a stop");
	json_decref(root);
}

int main(void)
{
#define PRINT(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    PRINT(test_faults_text),	     PRINT(test_faults_lacks),	 PRINT(test_faults_every),
	    PRINT(test_faults_none),	     PRINT(test_faults_refused), PRINT(test_tree_chains),
	    PRINT(test_tree_depth),	     PRINT(test_folded),	 PRINT(test_faults_json),
	    PRINT(test_faults_json_refused), PRINT(test_stacks_text),	 PRINT(test_stacks_exact),
	    PRINT(test_stacks_refused),	     PRINT(test_stacks_json),
	};
#undef PRINT

	return cmocka_run_group_tests(tests, NULL, NULL);
}
