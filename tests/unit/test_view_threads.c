/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

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
		threadsim_end(&r);
	}
	(void)view;
	(void)threadsim_press;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_look)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
