/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* Targets that change while they are read: mappings that come and go, one exec after another, sudden ends. */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/unit/live.h"

#define SPACE_BYTES (UINT64_C(64) << 20)

static struct mv_want want;
static pid_t target;

static int setup(void **state)
{
	(void)state;
	want = (struct mv_want){
	    .facts = 0x1ff & ~(uint32_t)MV_FACT_CMDLINE, .interval_ms = 20, .cell_pages = 16};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mv_session_end(session, MV_LEAVE_END);
	session = NULL;
	if (target > 0) {
		kill(target, SIGKILL);
		waitpid(target, NULL, 0);
	}
	target = 0;
	return 0;
}

/* Whatever changed meanwhile, one picture agrees with itself. */
static void check(const struct mv_snapshot *s)
{
	assert_int_equal(mv_snapshot_check(s, s->length), 0);
	assert_true(s->pages_done <= s->round_of);
	for (uint32_t i = 0; i < mv_snapshot_count(s); i++) {
		const struct mv_tally *t = mv_snapshot_tally(s, i);
		const struct mv_mapping *m = &mv_snapshot_mappings(s)[i];
		struct mv_val rss = mv_snapshot_field(s, i, MV_SMAPS_RSS);

		if (t)
			assert_true(mv_tally_present(t) + t->state[MV_PAGE_SWAPPED] +
					t->state[MV_PAGE_GUARD] <=
				    mv_mapping_pages(m, s->page_bytes));
		if (mv_have(&rss))
			assert_true(rss.value * 1024 <= mv_mapping_bytes(m));
	}
	for (uint32_t i = 0; i < s->spans.count; i++) {
		uint32_t n;
		const struct mv_grid_cell *c = mv_snapshot_cells(s, i, &n);

		for (uint32_t k = 0; k < n; k++)
			assert_true(mv_tally_present(&c[k].tally) <= c[k].pages);
	}
}

static uint64_t pictures;

static bool has_pictures(uint64_t n)
{
	static uint64_t last_ns;
	const struct mv_snapshot *s = mv_session_snapshot(session);

	if (s && s->taken_ns != last_ns && s->pages_ns) {
		last_ns = s->taken_ns;
		check(s);
		pictures++;
	}
	return pictures >= n;
}

static _Noreturn void churn(char *space)
{
	uint64_t seed = 88172645463325252;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
#ifdef PR_SET_PTRACER
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
#endif
	for (;;) {
		char *at;
		size_t bytes;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		at = space + (seed >> 8) % (SPACE_BYTES - (4 << 20)) / 4096 * 4096;
		bytes = ((seed >> 40) % 512 + 1) * 4096;
		if (seed % 4 == 0)
			munmap(at, bytes);
		else if (seed % 4 == 1)
			mprotect(at, bytes, seed & 64 ? PROT_READ : PROT_READ | PROT_WRITE);
		else if (mmap(at, bytes, PROT_READ | PROT_WRITE,
			      MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | (seed & 64 ? MAP_POPULATE : 0), -1,
			      0) == MAP_FAILED)
			_exit(1);
	}
}

static void test_mappings_come_and_go(void **state)
{
	char *space = mmap(NULL, SPACE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mv_session_opts opts = {0};

	(void)state;
	assert_ptr_not_equal(space, MAP_FAILED);
	target = fork();
	if (target == 0)
		churn(space);
	munmap(space, SPACE_BYTES);
	opts.pid = target;
	assert_int_equal(mv_session_start(&opts, &session), 0);
	for (uint32_t i = 0; i < 10; i++) {
		want.spans[i].start = (uintptr_t)space + i * (4 << 20);
		want.spans[i].end = want.spans[i].start + (4 << 20);
	}
	want.spans_count = 10;
	want.visible = (struct mv_range){want.spans[2].start, want.spans[7].end};
	want.page = (uintptr_t)space;
	/* With smaps, and without the tables: then the visible part is read first. */
	for (pictures = 0; pictures < 100;) {
		mv_session_want(session, &want);
		assert_true(wait_for(has_pictures, pictures + 25));
		want.facts ^= MV_FACT_TABLES | MV_FACT_SMAPS;
	}
	assert_true(mv_session_status(session)->collectors <= 1); /* none crashed */
	assert_int_equal(mv_session_snapshot(session)->epoch, 0);
	assert_int_equal(kill(target, 0), 0);
}

static bool has_epochs(uint64_t n)
{
	has_pictures(0);
	return mv_session_snapshot(session) && mv_session_snapshot(session)->epoch >= n;
}

static void test_exec_after_exec(void **state)
{
	static char script[] = "exec sh -c \"$0\" \"$0\"";
	struct mv_session_opts opts = {.command = (char *[]){"sh", "-c", script, script, NULL}};

	(void)state;
	assert_int_equal(mv_session_start(&opts, &session), 0);
	mv_session_want(session, &want);
	assert_true(wait_for(has_epochs, 10));
	assert_true(mv_session_status(session)->collectors <= 1); /* none crashed */
	assert_false(mv_session_status(session)->exited);
}

static bool is_over(uint64_t unused)
{
	const struct mv_snapshot *s = mv_session_snapshot(session);

	(void)unused;
	if (s)
		check(s);
	return mv_session_status(session)->exited && s &&
	       (s->life == MV_LIFE_GONE || s->life == MV_LIFE_ZOMBIE);
}

/* It ends at every moment of being looked at: later each time, by its own work. */
static void test_sudden_ends(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 25; i++) {
		struct mv_session_opts opts = {0};
		int r;

		target = fork();
		if (target == 0) {
			for (unsigned k = 0; k < i * 8; k++) {
				char *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

				if (k % 4)
					munmap(at, 1 << 20);
			}
			_exit(0);
		}
		opts.pid = target;
		r = mv_session_start(&opts, &session);
		if (r == 0) {
			mv_session_want(session, &want);
			assert_true(wait_for(is_over, 0));
		} else {
			assert_int_equal(r, -ESRCH);
		}
		teardown(state);
	}
	assert_int_equal(live_find((int)getpid(), NULL), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_mappings_come_and_go),
	    T(test_exec_after_exec),
	    T(test_sudden_ends),
	};

	return cmocka_run_group_tests_name("churn", tests, NULL, NULL);
}
