/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <locale.h>
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

static const char *screen_of(struct rig *r, const struct mv_view_ops *ops, const void *state)
{
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct mv_canvas c;

	assert_non_null(out);
	assert_int_equal(mv_canvas_init(&c, r->area.rows, r->area.cols), 0);
	c.ascii = r->sim.ctx.ascii;
	ops->draw(state, &r->sim.ctx, &c, r->area);
	assert_int_equal(mv_canvas_dump(&c, out), 0);
	fclose(out);
	mv_canvas_release(&c);
	char *roles = strstr(text, "--- roles");
	if (roles)
		*roles = '\0';
	return text;
}

static bool shows(struct rig *r, const char *words)
{
	return strstr(screen_of(r, &mv_view_faults, r->v), words);
}

static struct mv_outcome press(struct rig *r, enum mv_action action)
{
	struct mv_outcome out = mv_view_faults.act(r->v, &r->sim.ctx, action, (struct mv_input){0});

	turn(r);
	return out;
}

static struct mv_outcome find(struct rig *r, const char *words)
{
	struct mv_outcome out = mv_view_faults.answer(r->v, &r->sim.ctx, words);

	turn(r);
	return out;
}

static void test_kinds(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 23, 80);
	assert_true(shows(&r, "demand zero"));
	assert_true(shows(&r, "9,460"));
	assert_true(shows(&r, "copy on write"));
	assert_true(shows(&r, "none yet: swap in, stack growth"));
	assert_true(shows(&r, "all, estimated"));
	assert_true(shows(&r, "10,000"));
	assert_true(shows(&r, "10,032"));
	assert_true(shows(&r, "12 of them major"));
	assert_true(shows(&r, "traced for 0:42   every 31st fault   323 samples"));
	assert_true(shows(&r, "Stacks   Mappings   Threads   Log  Tab"));
	finish(&r);
}

/* Of what has ended nothing goes on a second, by samples or by counters. */
static void test_no_rates_after_the_end(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 23, 80);
	assert_false(shows(&r, "all, counted            -"));
	r.sim.build.head.trace.running = false;
	r.sim.build.head.life = MV_LIFE_GONE;
	turn(&r);
	assert_true(shows(&r, "was traced for 0:42"));
	assert_true(shows(&r, "all, counted            -"));
	finish(&r);
}

static void test_warnings(void **state)
{
	struct rig r;
	struct mv_trace *t = &r.sim.build.head.trace;

	(void)state;
	start(&r, 39, 120);
	assert_false(shows(&r, "lost"));
	assert_false(shows(&r, "system calls"));
	t->lost = 5;
	t->kernel_side = false;
	t->threads_why = MV_WHY_NEEDS_FILES;
	t->threads_covered = 2;
	turn(&r);
	assert_true(shows(&r, "5 samples were lost"));
	assert_true(shows(&r, "faults inside system calls are not seen (needs CAP_PERFMON)"));
	assert_true(shows(&r, "2 of 3 threads"));
	t->stacks_why = MV_WHY_NO_UNWINDER;
	turn(&r);
	assert_true(shows(&r, "no call stacks: "));
	finish(&r);
}

/* Why nothing is traced, what would help, and the counters all the same. */
static void test_reasons(void **state)
{
	static const struct {
		enum mv_why why;
		const char *says, *helps;
	} all[] = {{MV_WHY_NEEDS_PERFMON, "kernel.perf_event_paranoid",
		    "What helps: memview as root (sudo), or sysctl"},
		   {MV_WHY_NEEDS_PTRACE, "needs CAP_SYS_PTRACE", "as the owner of the process"},
		   {MV_WHY_NO_KERNEL, "page faults cannot be traced: ", "CONFIG_PERF_EVENTS"}};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(all); i++) {
		start(&r, 23, 120);
		r.sim.build.head.trace.why = all[i].why;
		turn(&r);
		assert_true(shows(&r, all[i].says));
		assert_true(shows(&r, all[i].helps));
		assert_true(shows(&r, "What the kernel counts goes on:"));
		assert_false(shows(&r, "Stacks"));
		/* No key does harm. */
		for (int a = MV_ACT_NONE; a < MV_ACT__N; a++)
			press(&r, (enum mv_action)a);
		finish(&r);
	}
}

static void test_tree_and_its_inverse(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 39, 120);
	assert_true(shows(&r, "x from the callers down"));
	assert_true(shows(&r, "▾ _start"));
	assert_true(shows(&r, "memset"));
	press(&r, MV_ACT_FIRST);
	press(&r, MV_ACT_LEFT);
	assert_true(shows(&r, "▸ _start"));
	press(&r, MV_ACT_RIGHT);
	assert_true(shows(&r, "▾ _start"));
	press(&r, MV_ACT_GROUP);
	assert_true(shows(&r, "x from who touches, up"));
	assert_true(shows(&r, "memset < load_row < load_table"));
	finish(&r);
}

static void test_find(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 39, 120);
	assert_int_equal(press(&r, MV_ACT_FIND_NEXT).kind, MV_OUT_HINT);
	assert_int_equal(press(&r, MV_ACT_FIND).kind, MV_OUT_ASK);
	assert_int_equal(find(&r, "parse_cell").kind, MV_OUT_STAY);
	assert_int_equal(find(&r, "no such function").kind, MV_OUT_HINT);
	assert_int_equal(find(&r, "0x55d1c2a03000").kind, MV_OUT_HINT);
	press(&r, MV_ACT_PANE);
	assert_int_equal(find(&r, "0x55d1c2a03000").kind, MV_OUT_STAY);
	assert_int_equal(r.v->at[MV_FAULTS_MAPPINGS], 1);
	assert_int_equal(find(&r, "libc").kind, MV_OUT_STAY);
	assert_int_equal(r.v->at[MV_FAULTS_MAPPINGS], 2);
	finish(&r);
}

static void test_panes(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 30, 120);
	press(&r, MV_ACT_PANE);
	assert_true(shows(&r, "[heap]"));
	assert_true(shows(&r, "(gone)"));
	assert_true(shows(&r, "demand zero 80%"));
	assert_false(shows(&r, "\x1b"));
	press(&r, MV_ACT_PANE);
	assert_true(shows(&r, "THREAD"));
	assert_true(shows(&r, "읽기"));
	press(&r, MV_ACT_PANE);
	assert_true(shows(&r, "55d1c2a03010"));
	assert_true(shows(&r, "(not known)"));
	press(&r, MV_ACT_PANE);
	assert_true(shows(&r, "FUNCTION"));
	assert_int_equal(r.v->pane, MV_FAULTS_STACKS);
	finish(&r);
}

/* Into the page grid of the mapping, the cursor on the page that faulted. */
static void test_enter_goes_to_the_page(void **state)
{
	struct rig r;
	struct mv_outcome out;

	(void)state;
	start(&r, 39, 120);
	for (int i = 0; i < 3; i++)
		press(&r, MV_ACT_PANE);
	out = press(&r, MV_ACT_ENTER);
	assert_int_equal(out.kind, MV_OUT_PUSH);
	assert_int_equal(out.view, MV_VIEW_PAGES);
	assert_int_equal(out.place.mapping, HEAP);
	assert_int_equal(out.place.page, HEAP + 0x3000);
	assert_false(out.place.unchosen);
	press(&r, MV_ACT_DOWN);
	assert_int_equal(press(&r, MV_ACT_ENTER).place.page, ANON + 0x5000);
	/* Not mapped any more: that is said, and one stays. */
	press(&r, MV_ACT_PANE);
	press(&r, MV_ACT_PANE);
	press(&r, MV_ACT_LAST);
	assert_int_equal(press(&r, MV_ACT_ENTER).kind, MV_OUT_HINT);
	finish(&r);
}

static void test_stacks_of_one_thread(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 39, 120);
	press(&r, MV_ACT_PANE);
	press(&r, MV_ACT_PANE);
	press(&r, MV_ACT_DOWN);
	press(&r, MV_ACT_RIGHT);
	assert_true(shows(&r, "only thread 4712 읽기"));
	assert_true(shows(&r, "clone3"));
	assert_false(shows(&r, "run_batch"));
	for (int i = 0; i < 4; i++)
		press(&r, MV_ACT_LEFT);
	assert_int_equal(r.v->only, 0);
	finish(&r);
}

/* On the other sides: the header says so, the strip and the grid show where. */
static void test_marks_on_other_sides(void **state)
{
	static const struct mv_view_ops *const sides[] = {&mv_view_map, &mv_view_pages};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(sides); i++) {
		for (int traced = 0; traced < 2; traced++) {
			struct mv_place place = {.mapping = HEAP, .page = HEAP + 0x3000};
			struct mv_view_ops ops = *sides[i];

			begin(&r, 30, 120);
			add_history(&r);
			void *side = calloc(1, ops.state_bytes);
			assert_int_equal(ops.init(side, &place), 0);
			pagesim_turn(&r.sim, &ops, side, r.area, 2);
			if (traced) {
				r.sim.build.head.facts = 0;
				static struct mv_want want;
				memset(&want, 0, sizeof(want));
				want.cell_pages = 1;
				ops.want(side, &r.sim.ctx, &want);
				want.facts |= MV_FACT_FAULTS;
				pagesim_answer(&r.sim, &want);
				ops.settle(side, &r.sim.ctx, r.area);
			}
			const char *screen = screen_of(&r, &ops, side);
			assert_int_equal(strstr(screen, "TRACING") != NULL, traced);
			assert_int_equal(strstr(screen, "▼") != NULL, traced);
			if (ops.id == MV_VIEW_PAGES) {
				assert_int_equal(
				    strstr(screen,
					   "faulted just now, copy on write by 4711 python3 in [jit]") !=
					NULL,
				    traced);
				assert_int_equal(strstr(screen, "fault now: copy on write") != NULL, traced);
			} else {
				assert_int_equal(strstr(screen, "faults fall here") != NULL, traced);
			}
			/* What is older than a second is no news. */
			if (traced) {
				for (size_t k = 0; k < MV_COUNT_OF(entries); k++)
					r.log[k].plain.at_ns = 90 * S;
				static struct mv_want want;
				memset(&want, 0, sizeof(want));
				want.cell_pages = 1;
				ops.want(side, &r.sim.ctx, &want);
				want.facts |= MV_FACT_FAULTS;
				pagesim_answer(&r.sim, &want);
				ops.settle(side, &r.sim.ctx, r.area);
				screen = screen_of(&r, &ops, side);
				assert_non_null(strstr(screen, "TRACING"));
				assert_null(strstr(screen, "▼"));
			}
			if (ops.release)
				ops.release(side);
			free(side);
			finish(&r);
		}
	}
}

static void test_any_size(void **state)
{
	struct rig r;

	(void)state;
	for (int rows = 1; rows <= 62; rows += rows < 24 ? 1 : 7) {
		for (int cols = 1; cols <= 200; cols += cols < 44 ? 3 : 31) {
			begin(&r, rows, cols);
			turn(&r);
			for (int pane = 0; pane < MV_FAULTS_PANES; pane++) {
				press(&r, MV_ACT_LAST);
				screen_of(&r, &mv_view_faults, r.v);
				press(&r, MV_ACT_PANE);
			}
			finish(&r);
		}
	}
}

static void test_every_meaning_is_told(void **state)
{
	struct mv_meaning m;
	struct rig r;
	unsigned n = 0;

	(void)state;
	start(&r, 39, 120);
	for (; mv_view_faults.meaning(r.v, &r.sim.ctx, n, &m); n++)
		assert_true(m.title.len && m.formula.len);
	assert_true(n > MV_FAULT__N);
	finish(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_no_rates_after_the_end),
	    cmocka_unit_test(test_warnings),
	    cmocka_unit_test(test_reasons),
	    cmocka_unit_test(test_tree_and_its_inverse),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_panes),
	    cmocka_unit_test(test_enter_goes_to_the_page),
	    cmocka_unit_test(test_stacks_of_one_thread),
	    cmocka_unit_test(test_marks_on_other_sides),
	    cmocka_unit_test(test_any_size),
	    cmocka_unit_test(test_every_meaning_is_told),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests_name("view_faults", tests, NULL, NULL);
}
