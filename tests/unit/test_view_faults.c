/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/pagesim.h"
#include "tui/view_faults.h"
#include "tui/view_private.h"

#define HEAP UINT64_C(0x55d1c2a00000)
#define ANON UINT64_C(0x7f3a12000000)
#define LIBC UINT64_C(0x7f3a20026000)
#define S    MV_NS_PER_SEC
#define MS   UINT64_C(1000000)

// clang-format off
#define INGEST "std::vector<net::Packet, std::allocator<net::Packet> >::_M_realloc_insert<net::Packet>(net::Packet&&)"

static const struct snapbuild_function functions[] = {
    {"memset", "libc.so.6", MV_FUNCTION_NAMED, 0},	{"_start", "python3.11", MV_FUNCTION_NAMED, 0},
    {"main", "python3.11", MV_FUNCTION_NAMED, 0},	{"load_row", "libtable.so", MV_FUNCTION_NAMED, 0},
    {"libtable.so+0x4f21", "libtable.so", 0, 0},	{"[jit]", "", MV_FUNCTION_JIT, 0},
    {"clone3", "libc.so.6", MV_FUNCTION_NAMED, 0},	{"읽기_루프", "libtable.so", MV_FUNCTION_NAMED, 0},
    {INGEST, "libnet.so", MV_FUNCTION_NAMED, 0},
};
static const struct snapbuild_fault_stack stacks[] = {
    {"_start;__libc_start_main;main;run_batch;load_table;load_row;memset",
     {.tid = 4711, .faults = 6000, .pages = 6000, .last_page = ANON + 0x5000, .last_ns = 99 * S}},
    {"_start;__libc_start_main;main;run_batch;load_table;load_row;parse_cell;[jit]",
     {.tid = 4711, .faults = 2000, .pages = 2000, .last_page = HEAP + 0x3000, .last_ns = 99 * S + 900 * MS}},
    {"clone3;start_thread;읽기_루프;" INGEST,
     {.tid = 4712, .faults = 1500, .pages = 1500, .last_page = ANON + 0x90000, .last_ns = 98 * S}},
    {"_start;__libc_start_main;main;run_batch;load_table;load_row;libtable.so+0x4f21",
     {.tid = 4711, .faults = 300, .pages = 300, .last_page = HEAP + 0x1000, .last_ns = 97 * S}},
    {"_start;__libc_start_main;main;run_batch;load_table",
     {.tid = 4711, .faults = 150, .pages = 150, .last_page = HEAP, .last_ns = 96 * S}},
    {"_start;_dl_start;_dl_relocate_object",
     {.tid = 4711, .faults = 40, .pages = 40, .last_page = LIBC, .last_ns = 60 * S}},
    {"", {.tid = 4713, .faults = 10, .pages = 10, .last_page = LIBC + 0x1000, .last_ns = 70 * S, .end = MV_STACK_NOT_UNWOUND}},
};
static const struct snapbuild_fault_mapping mappings[] = {
    {"", {.start = ANON, .end = 0x7f3a18400000, .faults = 7500, .pages = 7500, .last_page = ANON + 0x5000, .last_ns = 99 * S, .kind = MV_KIND_ANON, .by_kind = {[MV_FAULT_ZERO] = 7500}}},
    {"[heap]", {.start = HEAP, .end = HEAP + 0x21000, .faults = 2450, .pages = 2450, .last_page = HEAP + 0x3000, .last_ns = 99 * S + 900 * MS, .kind = MV_KIND_HEAP, .by_kind = {[MV_FAULT_ZERO] = 1960, [MV_FAULT_COW] = 490}}},
    {"/usr/lib/x86_64-linux-gnu/libc.so.6", {.start = LIBC, .end = 0x7f3a2017b000, .faults = 50, .pages = 50, .last_page = LIBC + 0x1000, .last_ns = 70 * S, .kind = MV_KIND_TEXT, .by_kind = {[MV_FAULT_FILE] = 40, [MV_FAULT_DISK] = 10}}},
    {"/tmp/\\x1b[31mgone", {.start = 0x7f3a30000000, .end = 0x7f3a30100000, .faults = 5, .pages = 5, .last_page = 0x7f3a30001000, .last_ns = 50 * S, .kind = MV_KIND_FILE, .gone = 1, .by_kind = {[MV_FAULT_FILE] = 5}}},
};
static const struct snapbuild_fault_thread threads[] = {
    {"python3", {.tid = 4711, .faults = 8490, .pages = 8490, .last_page = HEAP + 0x3000, .last_ns = 99 * S + 900 * MS}},
    {"읽기", {.tid = 4712, .faults = 1500, .pages = 1500, .last_page = ANON + 0x90000, .last_ns = 98 * S}},
    {"", {.tid = 4713, .faults = 10, .pages = 10, .last_page = LIBC + 0x1000, .last_ns = 70 * S}},
};
static const struct snapbuild_fault_entry entries[] = {
    {"[jit]", "[heap]", {.at_ns = 99 * S + 900 * MS, .addr = HEAP + 0x3010, .tid = 4711, .weight = 31, .kind = MV_FAULT_COW, .mapping_kind = MV_KIND_HEAP}},
    {"memset", "", {.at_ns = 99 * S + 700 * MS, .addr = ANON + 0x5008, .tid = 4711, .weight = 31, .kind = MV_FAULT_ZERO, .mapping_kind = MV_KIND_ANON}},
    {"memset", "", {.at_ns = 99 * S + 500 * MS, .addr = ANON + 0x4008, .tid = 4711, .weight = 31, .kind = MV_FAULT_ZERO, .mapping_kind = MV_KIND_ANON}},
    {INGEST, "", {.at_ns = 98 * S, .addr = ANON + 0x90040, .tid = 4712, .weight = 31, .kind = MV_FAULT_ZERO, .mapping_kind = MV_KIND_ANON}},
    {"?", "/usr/lib/x86_64-linux-gnu/libc.so.6", {.at_ns = 70 * S, .addr = LIBC + 0x1234, .tid = 4713, .weight = 31, .kind = MV_FAULT_DISK, .major = 1, .in_kernel = 1, .mapping_kind = MV_KIND_TEXT}},
};

// clang-format on

struct rig {
	struct pagesim sim;
	struct mv_faults_view *v;
	struct mv_rect area;
	struct snapbuild_fault_stack stacks[MV_COUNT_OF(stacks)];
	struct snapbuild_fault_mapping mappings[MV_COUNT_OF(mappings)];
	struct snapbuild_fault_thread threads[MV_COUNT_OF(threads)];
	struct snapbuild_fault_entry log[MV_COUNT_OF(entries)];
};

/* The stack of views asks for the tracing; here we do. */
static void want_traced(const void *state, const struct mv_context *ctx, struct mv_want *want)
{
	mv_view_faults.want(state, ctx, want);
	want->facts |= MV_FACT_FAULTS;
}

static void turn(struct rig *r)
{
	struct mv_view_ops ops = mv_view_faults;

	ops.want = want_traced;
	pagesim_turn(&r->sim, &ops, r->v, r->area, 1);
	assert_int_equal(mv_snapshot_check(r->sim.snap, r->sim.snap->length), 0);
}

static void add_trace(struct snapbuild *b)
{
	struct mv_trace *t = &b->head.trace;

	t->why = t->stacks_why = t->threads_why = MV_WHY_HAVE;
	t->running = t->kernel_side = true;
	t->threads = t->threads_covered = 3;
	t->since_ns = 58 * S;
	t->until_ns = 100 * S;
	t->minor = 10020;
	t->major = 12;
	t->period = 31;
	t->sampled = 323;
	t->faults[MV_FAULT_ZERO] = t->pages[MV_FAULT_ZERO] = 9460;
	t->faults[MV_FAULT_COW] = t->pages[MV_FAULT_COW] = 490;
	t->faults[MV_FAULT_FILE] = t->pages[MV_FAULT_FILE] = 40;
	t->faults[MV_FAULT_DISK] = t->pages[MV_FAULT_DISK] = 10;
}

/* Half a minute of it, so that there are rates. */
static void add_history(struct rig *r)
{
	struct snapbuild b = r->sim.build;
	struct mv_trace *t = &b.head.trace;
	uint64_t now = b.head.taken_ns, zero = t->faults[MV_FAULT_ZERO], minor = b.head.stat.minor_faults;

	for (unsigned i = 30; i-- > 0;) {
		uint64_t back = i * 200 + (i % 7) * 30;

		b.head.facts = MV_FACT_FAULTS;
		b.head.taken_ns = b.head.counters_ns = now - i * S;
		t->faults[MV_FAULT_ZERO] = zero - back;
		b.head.stat.minor_faults = minor - back;
		t->faults[MV_FAULT_COW] = 490 - i * 3;
		struct mv_snapshot *snap = snapbuild_make(&b);
		assert_int_equal(mv_delta_feed(r->sim.delta, snap), 0);
		free(snap);
	}
}

static void begin(struct rig *r, int rows, int cols)
{
	struct mv_place place = {0};

	memset(r, 0, sizeof(*r));
	pagesim_start(&r->sim);
	memcpy(r->stacks, stacks, sizeof(stacks));
	memcpy(r->mappings, mappings, sizeof(mappings));
	memcpy(r->threads, threads, sizeof(threads));
	memcpy(r->log, entries, sizeof(entries));
	r->sim.build.trace = (struct snapbuild_trace){functions,   MV_COUNT_OF(functions),
						      r->stacks,   MV_COUNT_OF(stacks),
						      r->mappings, MV_COUNT_OF(mappings),
						      r->threads,  MV_COUNT_OF(threads),
						      r->log,	   MV_COUNT_OF(entries),
						      NULL,	   0,
						      NULL,	   0};
	add_trace(&r->sim.build);
	r->area = (struct mv_rect){0, 0, rows, cols};
	r->v = calloc(1, mv_view_faults.state_bytes);
	assert_non_null(r->v);
	assert_int_equal(mv_view_faults.init(r->v, &place), 0);
}

static void start(struct rig *r, int rows, int cols)
{
	begin(r, rows, cols);
	add_history(r);
	turn(r);
}

static void finish(struct rig *r)
{
	mv_view_faults.release(r->v);
	free(r->v);
	pagesim_end(&r->sim);
}

static struct mv_outcome press(struct rig *r, enum mv_action action)
{
	struct mv_outcome out = mv_view_faults.act(r->v, &r->sim.ctx, action, (struct mv_input){0});

	turn(r);
	return out;
}

static bool shows(struct rig *r, const char *text)
{
	struct mv_canvas c;
	bool found;

	assert_int_equal(mv_canvas_init(&c, r->area.rows, r->area.cols), 0);
	mv_view_faults.draw(r->v, &r->sim.ctx, &c, r->area);
	found = snapbuild_shows(&c, text);
	mv_canvas_release(&c);
	return found;
}

/* ---- what is drawn ---- */

static void test_shown(void **state)
{
	static struct rig r;

	(void)state;
	start(&r, 40, 120);
	assert_true(shows(&r, "demand zero"));
	assert_true(shows(&r, "copy on write"));
	assert_true(shows(&r, "read from disk"));
	assert_false(shows(&r, "swap in  "));
	assert_true(shows(&r, "load_table"));
	assert_true(shows(&r, "9,460"));
	finish(&r);
}

static void test_sizes(void **state)
{
	static const int sizes[][2] = {{23, 80}, {39, 120}, {59, 200}, {9, 40}, {3, 20}, {1, 1}};
	static struct rig r;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(sizes); i++) {
		start(&r, sizes[i][0], sizes[i][1]);
		for (int pane = 0; pane < MV_FAULTS_PANES; pane++) {
			press(&r, MV_ACT_LAST);
			shows(&r, "");
			press(&r, MV_ACT_PANE);
		}
		assert_int_equal(r.v->pane, MV_FAULTS_STACKS);
		finish(&r);
	}
}

static void test_warnings(void **state)
{
	static struct rig r;

	(void)state;
	begin(&r, 40, 120);
	r.sim.build.head.trace.kernel_side = false;
	r.sim.build.head.trace.lost = 77;
	r.sim.build.head.trace.threads_covered = 2;
	r.sim.build.head.trace.threads_why = MV_WHY_NEEDS_FILES;
	turn(&r);
	assert_true(shows(&r, "inside system calls"));
	assert_true(shows(&r, "77"));
	assert_true(shows(&r, "2 of 3"));
	finish(&r);
}

static void test_refused(void **state)
{
	static struct rig r;

	(void)state;
	begin(&r, 24, 80);
	r.sim.build.trace = (struct snapbuild_trace){0};
	r.sim.build.head.trace = (struct mv_trace){.why = MV_WHY_NEEDS_PERFMON};
	turn(&r);
	assert_true(shows(&r, "page faults cannot be traced"));
	assert_true(shows(&r, "kernel.perf_event_paranoid=2"));
	assert_int_equal(press(&r, MV_ACT_DOWN).kind, MV_OUT_NONE);
	assert_int_equal(press(&r, MV_ACT_ENTER).kind, MV_OUT_NONE);
	finish(&r);
}

/* ---- keys ---- */

static void turn_to(struct rig *r, enum mv_faults_pane pane)
{
	for (int i = 0; i < MV_FAULTS_PANES && r->v->pane != pane; i++)
		press(r, MV_ACT_PANE);
	assert_int_equal(r->v->pane, pane);
}

static void test_enter(void **state)
{
	static struct rig r;
	struct mv_outcome out;

	(void)state;
	start(&r, 40, 120);
	turn_to(&r, MV_FAULTS_MAPPINGS);
	press(&r, MV_ACT_FIRST);
	out = press(&r, MV_ACT_ENTER);
	assert_int_equal(out.kind, MV_OUT_PUSH);
	assert_int_equal(out.view, MV_VIEW_PAGES);
	assert_int_equal(out.place.mapping, ANON);
	assert_int_equal(out.place.page, ANON + 0x5000);
	press(&r, MV_ACT_LAST);
	assert_int_equal(press(&r, MV_ACT_ENTER).kind, MV_OUT_HINT); /* it is not mapped any more */
	turn_to(&r, MV_FAULTS_LOG);
	press(&r, MV_ACT_FIRST);
	out = press(&r, MV_ACT_ENTER);
	assert_int_equal(out.kind, MV_OUT_PUSH);
	assert_int_equal(out.place.page, HEAP + 0x3000);
	assert_int_equal(out.place.thread, 4711);
	finish(&r);
}

static void test_thread_stacks(void **state)
{
	static struct rig r;

	(void)state;
	start(&r, 40, 120);
	turn_to(&r, MV_FAULTS_THREADS);
	press(&r, MV_ACT_FIRST);
	press(&r, MV_ACT_DOWN);
	press(&r, MV_ACT_RIGHT);
	assert_int_equal(r.v->pane, MV_FAULTS_STACKS);
	assert_int_equal(r.v->only, 4712);
	assert_int_equal(r.v->tree.nodes[0].pages, 1500);
	assert_true(shows(&r, "start_thread"));
	assert_false(shows(&r, "load_table"));
	finish(&r);
}

static void test_turned_round(void **state)
{
	static struct rig r;
	const struct mv_calltree_node *first;

	(void)state;
	start(&r, 40, 120);
	first = &r.v->tree.nodes[r.v->tree.nodes[0].first_child];
	assert_string_equal(mv_snapshot_function_name(r.sim.snap, first->function).text, "_start");
	assert_int_equal(first->pages, 8490);
	press(&r, MV_ACT_GROUP);
	assert_int_equal(r.v->order, MV_CALLTREE_CALLED);
	first = &r.v->tree.nodes[r.v->tree.nodes[0].first_child];
	assert_string_equal(mv_snapshot_function_name(r.sim.snap, first->function).text, "memset");
	assert_int_equal(first->pages, 6000);
	turn_to(&r, MV_FAULTS_LOG);
	assert_int_equal(press(&r, MV_ACT_GROUP).kind, MV_OUT_HINT);
	finish(&r);
}

static void test_find(void **state)
{
	static struct rig r;

	(void)state;
	start(&r, 40, 120);
	assert_int_equal(press(&r, MV_ACT_FIND_NEXT).kind, MV_OUT_HINT);
	assert_int_equal(press(&r, MV_ACT_FIND).kind, MV_OUT_ASK);
	assert_int_equal(mv_view_faults.answer(r.v, &r.sim.ctx, "parse_cell").kind, MV_OUT_STAY);
	turn(&r);
	assert_true(shows(&r, "parse_cell"));
	assert_int_equal(mv_view_faults.answer(r.v, &r.sim.ctx, "nobody").kind, MV_OUT_HINT);
	turn_to(&r, MV_FAULTS_MAPPINGS);
	assert_int_equal(mv_view_faults.answer(r.v, &r.sim.ctx, "libc").kind, MV_OUT_STAY);
	assert_int_equal(r.v->at[MV_FAULTS_MAPPINGS], 2);
	finish(&r);
}

/* The selection stays with whom it is on, whatever the order. */
static void test_stays_selected(void **state)
{
	static struct rig r;

	(void)state;
	start(&r, 40, 120);
	turn_to(&r, MV_FAULTS_THREADS);
	press(&r, MV_ACT_FIRST);
	press(&r, MV_ACT_DOWN);
	assert_int_equal(r.v->selected[MV_FAULTS_THREADS].tid, 4712);
	r.threads[0] = threads[1];
	r.threads[1] = threads[0];
	turn(&r);
	assert_int_equal(r.v->at[MV_FAULTS_THREADS], 0);
	finish(&r);
}

static void test_meanings(void **state)
{
	static struct rig r;
	struct mv_meaning meaning;
	unsigned n = 0;

	(void)state;
	start(&r, 40, 120);
	while (memset(&meaning, 0, sizeof(meaning)), mv_view_faults.meaning(r.v, &r.sim.ctx, n, &meaning)) {
		assert_true(meaning.title.len > 0);
		assert_true(meaning.formula.len > 0);
		n++;
	}
	assert_true(n >= 4);
	finish(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shown),	   cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_warnings),	   cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_enter),	   cmocka_unit_test(test_thread_stacks),
	    cmocka_unit_test(test_turned_round),   cmocka_unit_test(test_find),
	    cmocka_unit_test(test_stays_selected), cmocka_unit_test(test_meanings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
