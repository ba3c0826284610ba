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
#include "tui/view_stack.h"

static struct threadsim r;

static void start(int32_t tid, int rows, int cols)
{
	struct mv_place place = {.thread = tid};

	threadsim_start(&r, &mv_view_stack, &place, rows, cols);
}

static struct mv_stack_view *view(void)
{
	return r.v;
}

static void test_look(void **state)
{
	static const int sizes[][2] = {{24, 80}, {40, 120}, {60, 200}, {10, 40}};

	(void)state;
	for (int32_t tid = 4711; tid < 4715; tid++) {
		for (size_t i = 0; i < MV_COUNT_OF(sizes); i++) {
			start(tid, sizes[i][0] - 1, sizes[i][1]);
			assert_true(threadsim_shows(&r, "thread"));
			threadsim_end(&r);
		}
	}
	start(4711, 23, 80);
	assert_true(threadsim_shows(&r, "7 calls, without stopping it"));
	assert_true(threadsim_shows(&r, "0 epoll_wait"));
	assert_true(threadsim_shows(&r, "6 _start"));
	assert_true(threadsim_shows(&r, "linux.c:1523"));
	threadsim_end(&r);
	start(4714, 39, 120);
	assert_true(threadsim_shows(&r, "4 calls, sampled while it ran"));
	threadsim_end(&r);
}

/* A call's page in the page grid of its mapping. */
static void test_enter_goes_to_the_page(void **state)
{
	struct mv_outcome out;

	(void)state;
	start(4711, 23, 80);
	out = threadsim_press(&r, MV_ACT_ENTER);
	assert_int_equal(out.kind, MV_OUT_PUSH);
	assert_int_equal(out.view, MV_VIEW_PAGES);
	assert_int_equal(out.place.mapping, MAIN_STACK);
	assert_int_equal(out.place.page, (MAIN_END - 9421) & ~UINT64_C(4095));
	threadsim_press(&r, MV_ACT_LAST);
	out = threadsim_press(&r, MV_ACT_ENTER);
	assert_int_equal(out.place.page, (MAIN_END - 4100) & ~UINT64_C(4095));
	threadsim_end(&r);
}

/* What runs has no calls: why, and what shows them. */
static void test_running(void **state)
{
	(void)state;
	start(4713, 23, 80);
	assert_true(threadsim_shows(&r, "it was running: ! takes an exact picture by a stop"));
	assert_true(threadsim_shows(&r, "sampled when it is on a CPU"));
	threadsim_end(&r);
}

/* The thread ends while it is looked at: the last picture stays. */
static void test_ends_under_the_eye(void **state)
{
	(void)state;
	start(4712, 23, 80);
	assert_true(threadsim_shows(&r, "pthread_cond_wait"));
	r.threads[1] = r.threads[2];
	r.threads[2] = r.threads[3];
	r.threads[3] = r.threads[4];
	r.sim.build.trace.threads_count--;
	/* A list that leaves some out does not say that one has ended. */
	threadsim_take(&r, 2);
	assert_false(view()->gone);
	r.sim.build.head.threads_head.total = 4;
	threadsim_take(&r, 2);
	assert_true(view()->gone);
	assert_true(threadsim_shows(&r, "pthread_cond_wait"));
	assert_true(threadsim_shows(&r, "ended"));
	threadsim_end(&r);
}

/* A zombie is at no address: its last picture stays. */
static void test_dies_under_the_eye(void **state)
{
	(void)state;
	start(4711, 23, 80);
	r.threads[0].plain.state = 'Z';
	r.threads[0].calls = NULL;
	r.threads[0].calls_count = 0;
	threadsim_take(&r, 2);
	assert_true(view()->gone);
	assert_true(threadsim_shows(&r, "0 epoll_wait"));
	assert_true(threadsim_shows(&r, "it has ended; the last picture: 7 calls"));
	threadsim_end(&r);
}

static void test_a_stop_is_asked_for(void **state)
{
	(void)state;
	start(4711, 23, 80);
	assert_int_equal(threadsim_press(&r, MV_ACT_STOP).kind, MV_OUT_CONFIRM);
	assert_int_equal(r.want.stop_seq, 0);
	r.ops->confirm(r.v, &r.sim.ctx);
	threadsim_take(&r, 1);
	assert_int_not_equal(r.want.stop_seq, 0);
	threadsim_end(&r);
}

static void test_any_size(void **state)
{
	(void)state;
	for (int32_t tid = 4711; tid < 4715; tid++)
		for (int rows = 1; rows <= 62; rows += rows < 24 ? 1 : 9)
			for (int cols = 1; cols <= 200; cols += cols < 44 ? 3 : 31) {
				start(tid, rows, cols);
				threadsim_press(&r, MV_ACT_LAST);
				threadsim_screen(&r);
				threadsim_end(&r);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_look),
	    cmocka_unit_test(test_enter_goes_to_the_page),
	    cmocka_unit_test(test_running),
	    cmocka_unit_test(test_ends_under_the_eye),
	    cmocka_unit_test(test_dies_under_the_eye),
	    cmocka_unit_test(test_a_stop_is_asked_for),
	    cmocka_unit_test(test_any_size),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests_name("view_stack", tests, NULL, NULL);
}
