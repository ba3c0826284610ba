/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/pagesim.h"
#include "tui/theme.h"
#include "tui/view_faults.h"
#include "tui/view_private.h"

#define HEAP UINT64_C(0x55d1c2a00000)
#define ANON UINT64_C(0x7f3a12000000)
#define LIBC UINT64_C(0x7f3a20026000)
#define S    MV_NS_PER_SEC
#define MS   UINT64_C(1000000)

static char text[1 << 20];

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
	r->sim.build.trace = (struct snapbuild_trace){
	    functions,	 MV_COUNT_OF(functions), r->stacks, MV_COUNT_OF(stacks),  r->mappings, MV_COUNT_OF(mappings),
	    r->threads, MV_COUNT_OF(threads),	 r->log,    MV_COUNT_OF(entries), NULL,	       0,
	    NULL,	 0};
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

int main(void)
{
	return 0;
}
