/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TESTS_THREADSIM_H
#define MV_TESTS_THREADSIM_H

/*
 * A server of six threads for tests of the threads and stack views: main waits, three workers of which one runs, one
 * has a large call and a stack that was nearly full, one has ended. Included once by a test program, after pagesim.h.
 */

#include <stdio.h>

#include "tests/unit/pagesim.h"

#define MAIN_STACK UINT64_C(0x7ffe5d500000)
#define MAIN_END   UINT64_C(0x7ffe5d521000)
#define POOL_STACK UINT64_C(0x7f3a0b800000)
#define POOL_END   UINT64_C(0x7f3a0c000000)
#define RUNS_STACK UINT64_C(0x7f3a0b000000)
#define RUNS_END   UINT64_C(0x7f3a0b7ff000)
#define DEEP_STACK UINT64_C(0x7f3a0a800000)
#define DEEP_END   UINT64_C(0x7f3a0b000000)
#define KIB	   UINT64_C(1024)

static const struct snapbuild_function threadsim_functions[] = {
    {"epoll_wait", "/usr/lib/x86_64-linux-gnu/libc.so.6", MV_FUNCTION_NAMED, 0x7f3a20126000},
    {"uv__io_poll", "/usr/lib/x86_64-linux-gnu/libuv.so.1", MV_FUNCTION_NAMED, 0x7f3a20400000},
    {"uv_run", "/usr/lib/x86_64-linux-gnu/libuv.so.1", MV_FUNCTION_NAMED, 0x7f3a20401000},
    {"main", "/usr/bin/python3.11", MV_FUNCTION_NAMED, 0x55d1c0a20000},
    {"python3.11+0x41a7", "/usr/bin/python3.11", 0, 0},
    {"[jit]", "", MV_FUNCTION_JIT, 0},
};

static const struct snapbuild_call threadsim_main[] = {
    {"epoll_wait", 0x7f3a2012601a, MAIN_END - 9421, 0},
    {"uv__io_poll", 0x7f3a2040052c, MAIN_END - 9280, 0},
    {"uv_run", 0x7f3a20401080, MAIN_END - 5136, 0},
    {"python3.11+0x41a7", 0x55d1c0a241a7, MAIN_END - 5000, 0},
    {"main", 0x55d1c0a20040, MAIN_END - 4400, 0},
    {"__libc_start_main", 0x7f3a20027123, MAIN_END - 4200, 0},
    {"_start", 0x55d1c0a21234, MAIN_END - 4100, 0},
};
static const struct snapbuild_call threadsim_pool[] = {
    {"__futex_abstimed_wait_common", 0x7f3a200a1000, POOL_END - 3400, 0},
    {"pthread_cond_wait@@GLIBC_2.3.2", 0x7f3a200a2000, POOL_END - 3300, 0},
    {"std::condition_variable::wait(std::unique_lock<std::mutex>&)", 0x7f3a20500000, POOL_END - 3200, 0},
    {"worker", 0x55d1c0a30000, POOL_END - 3100, 0},
    {"start_thread", 0x7f3a200a5000, POOL_END - 2900, 0},
    {"clone3", 0x7f3a200b5000, POOL_END - 2800, 0},
};
static const struct snapbuild_call threadsim_deep[] = {
    {"read", 0x7f3a20120000, DEEP_END - 7930 * KIB, 0},
    {"fill_buffer", 0x55d1c0a31000, DEEP_END - 7929 * KIB, 0},
    {"handler", 0x55d1c0a32000, DEEP_END - 200 * KIB, 0},
    {"[jit]", 0x7f3a12001234, DEEP_END - 150 * KIB, MV_CALL_SIGNAL},
};

#define THREAD_COMMON .counters_ns = 100 * MV_NS_PER_SEC, .calls_ns = 100 * MV_NS_PER_SEC - 100000000
static const struct snapbuild_thread threadsim_threads[] = {
    {"python3",
     threadsim_main,
     7,
     {.tid = 4711,
      .state = 'S',
      .how = MV_HOW_UNSTOPPED,
      .calls_why = MV_WHY_HAVE,
      .minor_faults = 26645,
      .major_faults = 12,
      .cpu_ns = {2100000000, MV_WHY_HAVE, 0},
      .stack = {MAIN_STACK, MAIN_END},
      .used = {9421, MV_WHY_HAVE, 0},
      .touched = {36 * 1024, MV_WHY_HAVE, 0},
      .guard = {0, MV_WHY_NOT_HERE, 0},
      THREAD_COMMON}},
    {"uv-worker",
     threadsim_pool,
     6,
     {.tid = 4712,
      .state = 'S',
      .how = MV_HOW_UNSTOPPED,
      .calls_why = MV_WHY_HAVE,
      .minor_faults = 120,
      .cpu_ns = {1000000, MV_WHY_HAVE, 0},
      .stack = {POOL_STACK, POOL_END},
      .used = {3400, MV_WHY_HAVE, 0},
      .touched = {132 * 1024, MV_WHY_HAVE, 0},
      .guard = {4096, MV_WHY_HAVE, 0},
      THREAD_COMMON}},
    {"uv-worker",
     NULL,
     0,
     {.tid = 4713,
      .state = 'R',
      .calls_why = MV_WHY_RUNNING,
      .minor_faults = 812345,
      .cpu_ns = {9000000000, MV_WHY_HAVE, 0},
      .stack = {RUNS_STACK, RUNS_END},
      .used = {0, MV_WHY_RUNNING, 0},
      .touched = {20 * 1024, MV_WHY_HAVE, 0},
      .guard = {4096, MV_WHY_HAVE, 0},
      THREAD_COMMON}},
    {"deep one",
     threadsim_deep,
     4,
     {.tid = 4714,
      .state = 'D',
      .how = MV_HOW_SAMPLED,
      .end = MV_STACK_TRUNCATED,
      .calls_why = MV_WHY_HAVE,
      .minor_faults = 2000,
      .major_faults = 3,
      .cpu_ns = {0, MV_WHY_NO_KERNEL, 0},
      .stack = {DEEP_STACK, DEEP_END},
      .used = {7930 * 1024, MV_WHY_HAVE, 0},
      .touched = {7940 * 1024, MV_WHY_HAVE, 0},
      .guard = {4096, MV_WHY_HAVE, 0},
      THREAD_COMMON}},
    {"gone",
     threadsim_pool,
     3,
     {.tid = 4720,
      .state = 'S',
      .how = MV_HOW_STOPPED,
      .gone = 1,
      .calls_why = MV_WHY_HAVE,
      .minor_faults = 7,
      .cpu_ns = {1000000, MV_WHY_HAVE, 0},
      THREAD_COMMON}},
};

static const struct snapbuild_line threadsim_lines[] = {
    {0x55d1c0a20040, "/usr/src/python/Programs/python.c", 15},
    {0x7f3a2012601a, "/build/glibc/sysdeps/unix/sysv/linux/epoll_wait.c", 30},
    {0x7f3a2040052c, "/build/libuv/src/unix/linux.c", 1523},
};

static const struct pagesim_run threadsim_runs[] = {
    {DEEP_END - 7940 * KIB, DEEP_END, MV_PAGE_ANON},
    {RUNS_END - 20 * KIB, RUNS_END, MV_PAGE_ANON},
    {POOL_END - 132 * KIB, POOL_END, MV_PAGE_ANON},
    {MAIN_END - 36 * KIB, MAIN_END, MV_PAGE_ANON},
};

struct threadsim {
	struct pagesim sim;
	const struct mv_view_ops *ops;
	void *v;
	struct mv_rect area;
	struct snapbuild_row rows[64];
	struct snapbuild_thread threads[64];
	struct mv_want want; /* the last */
};

static void threadsim_take(struct threadsim *r, int times)
{
	for (int i = 0; i < times; i++) {
		r->ops->settle(r->v, &r->sim.ctx, r->area);
		memset(&r->want, 0, sizeof(r->want));
		r->want.cell_pages = 1;
		r->ops->want(r->v, &r->sim.ctx, &r->want);
		pagesim_answer(&r->sim, &r->want);
		if (mv_delta_feed(r->sim.delta, r->sim.snap))
			abort();
	}
	r->ops->settle(r->v, &r->sim.ctx, r->area);
}

/* Two looks, one second apart: rates are known. */
static void threadsim_second(struct threadsim *r)
{
	r->sim.build.head.taken_ns += MV_NS_PER_SEC;
	r->sim.build.head.counters_ns = r->sim.build.head.taken_ns;
	for (size_t i = 0; i < r->sim.build.trace.threads_count; i++) {
		struct mv_thread *t = &r->threads[i].plain;
		t->counters_ns += MV_NS_PER_SEC;
		t->calls_ns += MV_NS_PER_SEC;
		if (t->state == 'R') {
			t->cpu_ns.value += 973000000;
			t->minor_faults += 2560;
		}
	}
}

static void threadsim_start(struct threadsim *r, const struct mv_view_ops *ops, const struct mv_place *place,
			    int rows, int cols)
{
	(void)pagesim_turn; /* threadsim_take feeds rates as well */
	memset(r, 0, sizeof(*r));
	pagesim_start(&r->sim);
	r->ops = ops;
	r->area = (struct mv_rect){0, 0, rows, cols};
	r->v = calloc(1, ops->state_bytes);
	memcpy(r->threads, threadsim_threads, sizeof(threadsim_threads));
	/* The stacks of the deep thread and of the one that runs are mappings of their own. */
	for (size_t i = 0, n = 0; i < snapbuild_python_count; i++) {
		if (snapbuild_python[i].start == UINT64_C(0x7f3a0b7ff000)) {
			r->rows[n++] = (struct snapbuild_row){.start = DEEP_STACK,
							      .end = DEEP_END,
							      .perms = "rw-p",
							      .kind = MV_KIND_THREAD_STACK,
							      .name = ""};
			r->rows[n] = r->rows[n - 1];
			r->rows[n].start = RUNS_STACK;
			r->rows[n++].end = RUNS_END;
			r->sim.build.count += 2;
		}
		r->rows[n++] = snapbuild_python[i];
	}
	r->sim.build.rows = r->rows;
	r->sim.runs = threadsim_runs;
	r->sim.runs_count = MV_COUNT_OF(threadsim_runs);
	r->sim.build.trace = (struct snapbuild_trace){.functions = threadsim_functions,
						      .functions_count = MV_COUNT_OF(threadsim_functions),
						      .threads = r->threads,
						      .threads_count = MV_COUNT_OF(threadsim_threads),
						      .lines = threadsim_lines,
						      .lines_count = MV_COUNT_OF(threadsim_lines)};
	r->sim.build.head.threads_head = (struct mv_threads_head){
	    .why = MV_WHY_HAVE, .calls_why = MV_WHY_HAVE, .total = 5, .at_ns = 100 * MV_NS_PER_SEC};
	if (ops->init(r->v, place))
		abort();
	threadsim_take(r, 2);
	threadsim_second(r);
	threadsim_take(r, 2);
}

static void threadsim_end(struct threadsim *r)
{
	if (r->ops->release)
		r->ops->release(r->v);
	free(r->v);
	pagesim_end(&r->sim);
}

static struct mv_outcome threadsim_press(struct threadsim *r, enum mv_action action)
{
	struct mv_outcome out = r->ops->act(r->v, &r->sim.ctx, action, (struct mv_input){0});

	threadsim_take(r, 1);
	return out;
}

/* The screen as text. */
static const char *threadsim_screen(struct threadsim *r)
{
	static char text[1 << 20];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct mv_canvas c;

	if (!out || mv_canvas_init(&c, r->area.rows, r->area.cols))
		abort();
	c.ascii = r->sim.ctx.ascii;
	c.mono = r->sim.ctx.mono;
	r->ops->draw(r->v, &r->sim.ctx, &c, r->area);
	if (mv_canvas_dump(&c, out))
		abort();
	fclose(out);
	mv_canvas_release(&c);
	return text;
}

static bool threadsim_shows(struct threadsim *r, const char *words)
{
	const char *screen = threadsim_screen(r), *roles = strstr(screen, "--- roles"), *at = strstr(screen, words);

	return at && (!roles || at < roles);
}

#endif
