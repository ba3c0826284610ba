/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/delta.h"
#include "tests/unit/snapbuild.h"

#define S MV_NS_PER_SEC

static struct mv_delta *delta;
static struct snapbuild build;

static int start(void **state)
{
	(void)state;
	snapbuild_init(&build);
	return mv_delta_new(&delta);
}

static int end(void **state)
{
	(void)state;
	mv_delta_free(delta);
	mv_delta_free(NULL);
	delta = NULL;
	return 0;
}

/* Feed what build says now, at second at_s, with these mappings. */
static void feed(uint64_t at_s, const struct snapbuild_row *rows, size_t count)
{
	struct mv_snapshot *snap;

	build.rows = rows;
	build.count = count;
	build.head.taken_ns = build.head.counters_ns = at_s * S;
	build.head.pages_ns = build.head.smaps_ns = at_s * S;
	build.head.maps_gen++;
	snap = snapbuild_make(&build);
	assert_int_equal(mv_delta_feed(delta, snap), 0);
	free(snap);
}

static enum mv_change change_of(uint64_t at)
{
	return mv_delta_mapping(delta, at).change;
}

static size_t ghosts(void)
{
	size_t n;

	mv_delta_ghosts(delta, &n);
	return n;
}

#define ROW(start_, end_, ...) \
	{ \
		.start = (start_), .end = (end_), __VA_ARGS__ \
	}

static void test_rates(void **state)
{
	(void)state;
	assert_false(mv_delta_minor_rate(delta).have);
	feed(100, NULL, 0);
	assert_false(mv_delta_minor_rate(delta).have);
	assert_false(mv_delta_rss_rate(delta).have);
	build.head.stat.minor_faults += 5120;
	build.head.stat.major_faults += 3;
	build.head.figure[MV_FIG_RSS].value += 20 << 20;
	feed(102, NULL, 0);
	assert_float_equal(mv_delta_minor_rate(delta).per_second, 2560, 1e-6);
	assert_float_equal(mv_delta_major_rate(delta).per_second, 1.5, 1e-6);
	assert_float_equal(mv_delta_rss_rate(delta).per_second, 10485760, 1e-6);
	build.head.figure[MV_FIG_RSS].value -= 1 << 20;
	feed(103, NULL, 0);
	assert_float_equal(mv_delta_minor_rate(delta).per_second, 0, 1e-6);
	assert_float_equal(mv_delta_rss_rate(delta).per_second, -1048576, 1e-6);
	assert_int_equal(mv_delta_series(delta, MV_SERIES_RSS)->count, 3);
	assert_true(mv_series_back(mv_delta_series(delta, MV_SERIES_MINOR), 2)->gap);
}

/* A counter that falls, or another process under the same PID, is a gap and no rate. */
static void test_rates_of_two_processes(void **state)
{
	(void)state;
	feed(100, NULL, 0);
	build.head.stat.minor_faults = 1;
	feed(101, NULL, 0);
	assert_false(mv_delta_minor_rate(delta).have);
	assert_true(mv_series_back(mv_delta_series(delta, MV_SERIES_MINOR), 0)->gap);
	build.head.stat.minor_faults = 10;
	build.head.stat.start_ticks++;
	feed(102, NULL, 0);
	assert_false(mv_delta_minor_rate(delta).have);
	build.head.stat.minor_faults = 20;
	feed(103, NULL, 0);
	assert_float_equal(mv_delta_minor_rate(delta).per_second, 10, 1e-6);
}

static void test_counters_not_readable(void **state)
{
	(void)state;
	feed(100, NULL, 0);
	build.head.part_why[MV_PART_COUNTERS] = MV_WHY_IO;
	feed(101, NULL, 0);
	assert_false(mv_delta_minor_rate(delta).have);
	assert_true(mv_series_back(mv_delta_series(delta, MV_SERIES_RSS), 0)->gap);
	assert_int_equal(mv_delta_counters(delta)->why, MV_WHY_IO);
}

/* Several snapshots of one tick (slices of a long reading) carry the same counters: one point. */
static void test_counters_once(void **state)
{
	struct mv_snapshot *snap;

	(void)state;
	feed(100, NULL, 0);
	build.head.stat.minor_faults += 10;
	feed(101, NULL, 0);
	build.head.taken_ns = 101 * S + 1;
	build.head.counters_ns = 101 * S;
	snap = snapbuild_make(&build);
	assert_int_equal(mv_delta_feed(delta, snap), 0);
	free(snap);
	assert_int_equal(mv_delta_series(delta, MV_SERIES_MINOR)->count, 2);
	assert_float_equal(mv_delta_minor_rate(delta).per_second, 10, 1e-6);
}

static struct mv_counters counters_at(uint64_t at_ns)
{
	return (struct mv_counters){.at_ns = at_ns,
				    .start_ticks = build.head.stat.start_ticks,
				    .minor_faults = build.head.stat.minor_faults,
				    .major_faults = build.head.stat.major_faults,
				    .rss_bytes = 5 << 20,
				    .why = MV_WHY_HAVE};
}

/* The keeper's counters take over when snapshots stay away, and never run beside them. */
static void test_counters_of_the_keeper(void **state)
{
	struct mv_counters c;

	(void)state;
	c = counters_at(0);
	mv_delta_feed_counters(delta, &c); /* it has read none yet */
	assert_int_equal(mv_delta_series(delta, MV_SERIES_RSS)->count, 0);
	feed(100, NULL, 0);
	/* Between the first two snapshots as well: no point of its own, so no rate over a moment. */
	c = counters_at(100 * S + S * 9 / 10);
	mv_delta_feed_counters(delta, &c);
	assert_int_equal(mv_delta_series(delta, MV_SERIES_RSS)->count, 1);
	feed(101, NULL, 0);
	c = counters_at(101 * S + S / 2 - 1);
	mv_delta_feed_counters(delta, &c);
	assert_int_equal(mv_delta_series(delta, MV_SERIES_RSS)->count, 2);
	c = counters_at(100 * S);
	mv_delta_feed_counters(delta, &c);
	assert_int_equal(mv_delta_series(delta, MV_SERIES_RSS)->count, 2);
	c = counters_at(103 * S);
	c.minor_faults += 14;
	mv_delta_feed_counters(delta, &c);
	assert_int_equal(mv_delta_series(delta, MV_SERIES_RSS)->count, 3);
	assert_float_equal(mv_delta_minor_rate(delta).per_second, 7, 1e-6);
	assert_int_equal(mv_delta_counters(delta)->rss_bytes, 5 << 20);
	/* Snapshots come again: theirs. */
	build.head.stat.minor_faults += 16;
	feed(104, NULL, 0);
	assert_float_equal(mv_delta_minor_rate(delta).per_second, 2, 1e-6);
}

static void test_first_list_is_not_news(void **state)
{
	static const struct snapbuild_row rows[] = {ROW(0x1000, 0x3000), ROW(0x5000, 0x6000)};

	(void)state;
	feed(100, rows, 2);
	assert_int_equal(change_of(0x1000), MV_CHANGE_NONE);
	assert_int_equal(change_of(0x5000), MV_CHANGE_NONE);
	assert_int_equal(change_of(0x2000), MV_CHANGE_NONE); /* no start of a mapping */
	assert_int_equal(ghosts(), 0);
}

static void test_changes(void **state)
{
	static const struct snapbuild_row before[] = {
	    ROW(0x1000, 0x3000), ROW(0x5000, 0x9000, .name = "/usr/lib/gone.so", .kind = MV_KIND_TEXT),
	    ROW(0x10000, 0x14000), ROW(0x20000, 0x24000), ROW(0x7000000, 0x7002000)};
	static const struct snapbuild_row after[] = {ROW(0x1000, 0x4000),	 /* grew */
						     ROW(0xa000, 0xb000),	 /* new */
						     ROW(0x10000, 0x12000),	 /* shrank */
						     ROW(0x20000, 0x24000),	 /* as before */
						     ROW(0x6ffe000, 0x7002000)}; /* a stack, grown down */
	const struct mv_ghost *g;
	size_t n;

	(void)state;
	feed(100, before, 5);
	feed(101, after, 5);
	assert_int_equal(change_of(0x1000), MV_CHANGE_GREW);
	assert_int_equal(change_of(0xa000), MV_CHANGE_NEW);
	assert_int_equal(mv_delta_mapping(delta, 0xa000).at_ns, 101 * S);
	assert_int_equal(change_of(0x10000), MV_CHANGE_SHRANK);
	assert_int_equal(change_of(0x20000), MV_CHANGE_NONE);
	assert_int_equal(change_of(0x6ffe000), MV_CHANGE_GREW);
	g = mv_delta_ghosts(delta, &n);
	assert_int_equal(n, 1);
	assert_int_equal(g->range.start, 0x5000);
	assert_int_equal(g->range.end, 0x9000);
	assert_int_equal(g->kind, MV_KIND_TEXT);
	assert_string_equal(g->name, "/usr/lib/gone.so");
	/* A change stays told while nothing newer happens, a ghost for three seconds. */
	feed(103, after, 5);
	assert_int_equal(mv_delta_mapping(delta, 0x1000).at_ns, 101 * S);
	assert_int_equal(ghosts(), 1);
	feed(104, after, 5);
	assert_int_equal(ghosts(), 0);
}

/* What became part of a neighbour has not vanished. */
static void test_merge_leaves_no_ghost(void **state)
{
	static const struct snapbuild_row before[] = {
	    ROW(0x1000, 0x3000), ROW(0x3000, 0x5000, .perms = "r--p"), ROW(0x5000, 0x8000)};
	static const struct snapbuild_row merged[] = {ROW(0x1000, 0x8000)};

	(void)state;
	feed(100, before, 3);
	feed(101, merged, 1);
	assert_int_equal(change_of(0x1000), MV_CHANGE_GREW);
	assert_int_equal(ghosts(), 0);
	feed(102, before, 3);
	assert_int_equal(change_of(0x1000), MV_CHANGE_SHRANK);
	assert_int_equal(change_of(0x5000), MV_CHANGE_NEW);
	assert_int_equal(ghosts(), 0);
}

static void test_ghosts_are_bounded_and_sorted(void **state)
{
	static struct snapbuild_row rows[2000];
	const struct mv_ghost *g;
	size_t n;

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		rows[i] = (struct snapbuild_row)ROW((i + 1) * 0x10000, (i + 1) * 0x10000 + 0x1000);
	feed(100, rows, 2000);
	feed(101, rows + 1999, 1);
	g = mv_delta_ghosts(delta, &n);
	assert_true(n > 100 && n < 2000);
	for (size_t i = 1; i < n; i++)
		assert_true(g[i - 1].range.start < g[i].range.start);
}

static void test_long_names_are_cut_whole(void **state)
{
	static char name[300];
	struct snapbuild_row rows[] = {ROW(0x1000, 0x2000), ROW(0x5000, 0x6000, .name = name)};
	const struct mv_ghost *g;
	size_t n;

	(void)state;
	for (size_t i = 0; i + 4 < sizeof(name); i += 3)
		memcpy(name + i, "\xed\x95\x9c", 3); /* U+D55C */
	feed(100, rows, 2);
	feed(101, rows, 1);
	g = mv_delta_ghosts(delta, &n);
	assert_int_equal(n, 1);
	assert_int_equal(strlen(g->name) % 3, 0);
	assert_in_range(strlen(g->name), sizeof(g->name) - 3, sizeof(g->name) - 1);
	assert_memory_equal(g->name, name, strlen(g->name));
}

static void test_exec_matches_nothing(void **state)
{
	static const struct snapbuild_row before[] = {ROW(0x1000, 0x3000), ROW(0x5000, 0x6000)};
	static const struct snapbuild_row after[] = {ROW(0x1000, 0x4000), ROW(0x9000, 0xa000)};

	(void)state;
	feed(100, before, 2);
	build.head.epoch++;
	feed(101, after, 2);
	assert_int_equal(change_of(0x1000), MV_CHANGE_NONE);
	assert_int_equal(change_of(0x9000), MV_CHANGE_NONE);
	assert_int_equal(ghosts(), 0);
}

/* The new program's list may come later than the news of the exec. */
static void test_exec_told_before_its_list(void **state)
{
	static const struct snapbuild_row before[] = {ROW(0x1000, 0x3000), ROW(0x5000, 0x6000)};
	static const struct snapbuild_row after[] = {ROW(0x1000, 0x4000), ROW(0x9000, 0xa000)};

	(void)state;
	feed(100, before, 2);
	build.head.epoch++;
	feed(101, NULL, 0);
	assert_int_equal(change_of(0x5000), MV_CHANGE_NONE);
	feed(102, after, 2);
	assert_int_equal(change_of(0x1000), MV_CHANGE_NONE);
	assert_int_equal(change_of(0x9000), MV_CHANGE_NONE);
	assert_int_equal(ghosts(), 0);
	assert_false(mv_delta_mapping(delta, 0x1000).growth.have);
}

/* A snapshot without mappings says nothing about them. */
static void test_no_list_is_no_change(void **state)
{
	static const struct snapbuild_row rows[] = {ROW(0x1000, 0x3000)};

	(void)state;
	feed(100, rows, 1);
	feed(101, NULL, 0);
	feed(102, rows, 1);
	assert_int_equal(change_of(0x1000), MV_CHANGE_NONE);
	assert_int_equal(ghosts(), 0);
}

static void test_older_snapshots_are_ignored(void **state)
{
	static const struct snapbuild_row rows[] = {ROW(0x1000, 0x3000)};
	static const struct snapbuild_row other[] = {ROW(0x1000, 0x9000)};

	(void)state;
	feed(100, rows, 1);
	feed(99, other, 1);
	assert_int_equal(change_of(0x1000), MV_CHANGE_NONE);
	assert_int_equal(mv_delta_series(delta, MV_SERIES_RSS)->count, 1);
}

static void test_growth(void **state)
{
	struct snapbuild_row rows[] = {ROW(0x1000, 0x10001000, .state[MV_PAGE_ANON] = 100),
				       ROW(0x20000000, 0x20001000, .state[MV_PAGE_ANON] = 1)};
	struct mv_rate rate;

	(void)state;
	build.without_smaps = true;
	feed(100, rows, 2);
	assert_false(mv_delta_mapping(delta, 0x1000).growth.have);
	rows[0].state[MV_PAGE_ANON] += 2560;
	feed(101, rows, 2);
	rate = mv_delta_mapping(delta, 0x1000).growth;
	assert_true(rate.have);
	assert_float_equal(rate.per_second, 2560 * 4096, 1e-3);
	assert_float_equal(mv_delta_mapping(delta, 0x20000000).growth.per_second, 0, 0);
	/* Over two seconds the same: the same rate. */
	rows[0].state[MV_PAGE_ANON] += 2 * 2560;
	feed(103, rows, 2);
	assert_float_equal(mv_delta_mapping(delta, 0x1000).growth.per_second, 2560 * 4096, 1e-3);
	/* Still again: it comes down to zero in the end, and not to a tail of fractions. */
	for (uint64_t i = 104; i < 130; i++)
		feed(i, rows, 2);
	assert_float_equal(mv_delta_mapping(delta, 0x1000).growth.per_second, 0, 0);
}

/* Pages not read again are not pages that stand still. */
static void test_growth_needs_a_new_reading(void **state)
{
	static const struct snapbuild_row rows[] = {ROW(0x1000, 0x10001000, .state[MV_PAGE_ANON] = 100)};
	struct mv_snapshot *snap;

	(void)state;
	build.without_smaps = true;
	feed(100, rows, 1);
	build.head.pages_exact = false; /* counters have moved */
	build.head.taken_ns = build.head.counters_ns = 101 * S;
	snap = snapbuild_make(&build);
	assert_int_equal(mv_delta_feed(delta, snap), 0);
	free(snap);
	assert_false(mv_delta_mapping(delta, 0x1000).growth.have);
}

/* While no counter moves the pages are not read again: that is no growth, not an unknown one. */
static void test_growth_of_what_is_still(void **state)
{
	static const struct snapbuild_row rows[] = {ROW(0x1000, 0x10001000, .state[MV_PAGE_ANON] = 100)};
	struct mv_snapshot *snap;

	(void)state;
	build.without_smaps = true;
	feed(100, rows, 1);
	build.head.pages_exact = true;
	build.head.taken_ns = build.head.counters_ns = 101 * S;
	snap = snapbuild_make(&build);
	assert_int_equal(mv_delta_feed(delta, snap), 0);
	free(snap);
	assert_true(mv_delta_mapping(delta, 0x1000).growth.have);
	assert_float_equal(mv_delta_mapping(delta, 0x1000).growth.per_second, 0, 1e-9);
}

/* Unread rows have no growth, and become no fall to zero. */
static void test_growth_of_what_is_not_read(void **state)
{
	struct snapbuild_row rows[] = {ROW(0x1000, 0x10001000, .state[MV_PAGE_ANON] = 100)};

	(void)state;
	build.without_smaps = true;
	feed(100, rows, 1);
	rows[0].no_tally = true;
	feed(101, rows, 1);
	assert_false(mv_delta_mapping(delta, 0x1000).growth.have);
	rows[0].no_tally = false;
	rows[0].state[MV_PAGE_ANON] = 120;
	feed(102, rows, 1);
	assert_float_equal(mv_delta_mapping(delta, 0x1000).growth.per_second, 10 * 4096, 1e-3);
}

/* One more second of a trace that began at since_s and has counted so many faults of two kinds. */
static void feed_trace(uint64_t at_s, uint64_t since_s, uint64_t zero, uint64_t cow)
{
	build.head.facts |= MV_FACT_FAULTS;
	build.head.trace = (struct mv_trace){.why = MV_WHY_HAVE, .running = true, .since_ns = since_s * S};
	build.head.trace.faults[MV_FAULT_ZERO] = zero;
	build.head.trace.faults[MV_FAULT_COW] = cow;
	feed(at_s, NULL, 0);
}

/* Rates of kinds need two looks at the same trace; another trace, or none, begins anew. */
static void test_fault_rates(void **state)
{
	(void)state;
	feed_trace(100, 99, 10, 5);
	assert_false(mv_delta_fault_rate(delta, MV_FAULT_ZERO).have);
	feed_trace(102, 99, 30, 5);
	assert_float_equal(mv_delta_fault_rate(delta, MV_FAULT_ZERO).per_second, 10, 1e-9);
	assert_float_equal(mv_delta_fault_rate(delta, MV_FAULT_COW).per_second, 0, 1e-9);
	assert_int_equal(mv_delta_fault_series(delta, MV_FAULT_ZERO)->count, 2);
	feed_trace(103, 102, 5, 5);
	assert_false(mv_delta_fault_rate(delta, MV_FAULT_ZERO).have);
	assert_int_equal(mv_delta_fault_series(delta, MV_FAULT_ZERO)->count, 1);
	build.head.facts &= ~(uint32_t)MV_FACT_FAULTS;
	feed(104, NULL, 0);
	assert_false(mv_delta_fault_rate(delta, MV_FAULT_ZERO).have);
}

static void feed_thread(uint64_t at_s, int tid, uint64_t cpu_ms, uint64_t minor)
{
	struct snapbuild_thread t = {.name = "t",
				     .plain = {.tid = tid,
					       .cpu_ns = mv_val_of(cpu_ms * 1000000),
					       .minor_faults = minor,
					       .counters_ns = at_s * S}};

	build.trace.threads = &t;
	build.trace.threads_count = 1;
	feed(at_s, NULL, 0);
	build.trace = (struct snapbuild_trace){0};
}

/* A thread's rates are between its own readings, not between snapshots; a number used again is another
 * thread. */
static void test_thread_rates(void **state)
{
	struct mv_thread_rates r;

	(void)state;
	feed_thread(100, 7, 1000, 10);
	assert_false(mv_delta_thread(delta, 7).cpu.have);
	feed_thread(102, 7, 2000, 30);
	r = mv_delta_thread(delta, 7);
	assert_float_equal(r.cpu.per_second, 0.5, 1e-9);
	assert_float_equal(r.minor.per_second, 10, 1e-9);
	feed_thread(102, 7, 2000, 30);
	assert_float_equal(mv_delta_thread(delta, 7).cpu.per_second, 0.5, 1e-9);
	feed_thread(103, 7, 5, 1);
	assert_false(mv_delta_thread(delta, 7).cpu.have);
	feed_thread(104, 8, 5, 1);
	assert_false(mv_delta_thread(delta, 7).minor.have);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
	    T(test_rates),
	    T(test_rates_of_two_processes),
	    T(test_counters_not_readable),
	    T(test_counters_once),
	    T(test_counters_of_the_keeper),
	    T(test_first_list_is_not_news),
	    T(test_changes),
	    T(test_merge_leaves_no_ghost),
	    T(test_ghosts_are_bounded_and_sorted),
	    T(test_long_names_are_cut_whole),
	    T(test_exec_matches_nothing),
	    T(test_exec_told_before_its_list),
	    T(test_no_list_is_no_change),
	    T(test_older_snapshots_are_ignored),
	    T(test_growth),
	    T(test_growth_needs_a_new_reading),
	    T(test_growth_of_what_is_still),
	    T(test_growth_of_what_is_not_read),
	    T(test_fault_rates),
	    T(test_thread_rates),
	};

	return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
