/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/threadsim.h"
#include "tui/view_threads.h"

static struct threadsim r;

static void start(int rows, int cols)
{
	struct mv_place place = {0};

	threadsim_start(&r, &mv_view_threads, &place, rows, cols);
}

static struct mv_threads *view(void)
{
	return r.v;
}

static void test_look(void **state)
{
	static const int sizes[][2] = {{24, 80}, {40, 120}, {60, 200}, {10, 40}};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(sizes); i++) {
		start(sizes[i][0] - 1, sizes[i][1]);
		assert_true(threadsim_shows(&r, "uv-"));
		assert_true(threadsim_shows(&r, "epoll_wait"));
		threadsim_end(&r);
	}
	start(39, 120);
	assert_true(threadsim_shows(&r, "5 threads, 1 running, 1 ended"));
	assert_true(threadsim_shows(&r, "epoll_wait < uv__io_poll"));
	assert_true(threadsim_shows(&r, "running: ! shows where"));
	assert_true(threadsim_shows(&r, "~ read < fill_buffer"));
	assert_true(
	    threadsim_shows(&r, "without stopping it, ~ sampled as it ran; ! takes an exact picture"));
	assert_true(threadsim_shows(&r, "97.3"));
	threadsim_end(&r);
}

/* Where room is short a rate loses its sign, not a digit; the functions have their columns first. */
static void test_rates_are_whole(void **state)
{
	(void)state;
	for (int cols = 80; cols <= 200; cols++) {
		start(39, cols);
		r.threads[2].plain.minor_faults += 250000;
		threadsim_second(&r);
		threadsim_take(&r, 2);
		assert_false(threadsim_shows(&r, "…53k/s") || threadsim_shows(&r, "…253k/s"));
		if (threadsim_shows(&r, "+MINOR"))
			assert_true(threadsim_shows(&r, "253k/s"));
		if (cols >= 112)
			assert_true(threadsim_shows(&r, "epoll_wait < uv__io_poll < uv_run"));
		threadsim_end(&r);
	}
}

static void test_order(void **state)
{
	(void)state;
	start(23, 120);
	while (view()->sorted != MV_THREAD_COL_CPU)
		threadsim_press(&r, MV_ACT_SORT);
	assert_true(threadsim_shows(&r, "CPU%▾"));
	threadsim_press(&r, MV_ACT_FIRST);
	assert_int_equal(view()->selected, 4713);
	threadsim_press(&r, MV_ACT_REVERSE);
	threadsim_press(&r, MV_ACT_LAST);
	assert_int_equal(view()->selected, 4713);
	threadsim_end(&r);
}

static void test_enter_opens_its_stack(void **state)
{
	struct mv_outcome out;

	(void)state;
	start(23, 80);
	threadsim_press(&r, MV_ACT_DOWN);
	out = threadsim_press(&r, MV_ACT_ENTER);
	assert_int_equal(out.kind, MV_OUT_PUSH);
	assert_int_equal(out.view, MV_VIEW_STACK);
	assert_int_equal(out.place.thread, 4712);
	threadsim_end(&r);
}

static void test_find(void **state)
{
	(void)state;
	start(23, 80);
	assert_int_equal(threadsim_press(&r, MV_ACT_FIND_NEXT).kind, MV_OUT_HINT);
	assert_int_equal(r.ops->answer(r.v, &r.sim.ctx, "deep").kind, MV_OUT_STAY);
	threadsim_take(&r, 1);
	assert_int_equal(view()->selected, 4714);
	assert_int_equal(r.ops->answer(r.v, &r.sim.ctx, "nobody").kind, MV_OUT_HINT);
	threadsim_end(&r);
}

/* Only a yes stops the target, and only once. */
static void test_a_stop_is_asked_for(void **state)
{
	struct mv_outcome out;

	(void)state;
	start(23, 80);
	out = threadsim_press(&r, MV_ACT_STOP);
	assert_int_equal(out.kind, MV_OUT_CONFIRM);
	assert_non_null(strstr(out.text.text, "Stop 5 threads"));
	assert_non_null(strstr(out.text.text, "EINTR"));
	assert_int_equal(r.want.stop_seq, 0);
	r.ops->confirm(r.v, &r.sim.ctx);
	threadsim_take(&r, 1);
	assert_int_not_equal(r.want.stop_seq, 0);
	assert_true(threadsim_shows(&r, "stopping the threads for an exact picture"));
	r.sim.build.head.threads_head.stop_seq = r.want.stop_seq;
	r.sim.build.head.threads_head.stop_state = MV_STOP_DONE;
	r.sim.build.head.threads_head.stop_taken = 5;
	r.sim.build.head.threads_head.stopped_ns = 210000;
	threadsim_take(&r, 2);
	assert_int_equal(r.want.stop_seq, 0);
	assert_true(threadsim_shows(&r, "exact: stopped for 0.21 ms, 5 threads taken"));
	threadsim_end(&r);
}

/* Mappings that are refused are never read: that is not "reading". */
static void test_refused(void **state)
{
	(void)state;
	start(23, 80);
	r.sim.build.trace.threads_count = 0;
	r.sim.build.head.threads_head = (struct mv_threads_head){.why = MV_WHY_NOT_READ};
	threadsim_take(&r, 1);
	assert_true(threadsim_shows(&r, "reading the threads"));
	r.sim.build.head.part_why[MV_PART_MAPS] = MV_WHY_NEEDS_PTRACE;
	threadsim_take(&r, 1);
	assert_true(threadsim_shows(&r, "the threads cannot be read: needs CAP_SYS_PTRACE"));
	assert_false(threadsim_shows(&r, "reading the threads"));
	assert_int_equal(threadsim_press(&r, MV_ACT_ENTER).kind, MV_OUT_HINT);
	threadsim_end(&r);
}

/* The dead have no stack, and of what has ended no exact picture can be taken. */
static void test_the_end(void **state)
{
	static const struct snapbuild_call nowhere[] = {{"?", 0, 0, 0}};

	(void)state;
	start(23, 80);
	r.threads[0].plain.state = 'Z';
	r.threads[0].calls = nowhere;
	r.threads[0].calls_count = 1;
	r.sim.build.head.life = MV_LIFE_GONE;
	threadsim_take(&r, 2);
	assert_false(threadsim_shows(&r, "0x0"));
	assert_true(threadsim_shows(&r, "where each was when it was last read"));
	assert_false(threadsim_shows(&r, "takes an exact picture"));
	threadsim_end(&r);
}

static void test_any_size(void **state)
{
	(void)state;
	for (int rows = 1; rows <= 62; rows += rows < 24 ? 1 : 7)
		for (int cols = 1; cols <= 200; cols += cols < 44 ? 3 : 31) {
			start(rows, cols);
			threadsim_press(&r, MV_ACT_LAST);
			threadsim_screen(&r);
			threadsim_end(&r);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_look),     cmocka_unit_test(test_rates_are_whole),
	    cmocka_unit_test(test_order),    cmocka_unit_test(test_enter_opens_its_stack),
	    cmocka_unit_test(test_find),     cmocka_unit_test(test_a_stop_is_asked_for),
	    cmocka_unit_test(test_refused),  cmocka_unit_test(test_the_end),
	    cmocka_unit_test(test_any_size),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests_name("view_threads", tests, NULL, NULL);
}
