/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/growth_private.h"
#include "tests/unit/snapbuild.h"

#define MIB   (1024.0 * 1024)
#define LEAST 65536.0
#define S     MV_NS_PER_SEC

/* cmocka's own takes floats, which hold no byte counts. */
#define assert_near(a, b, within) assert_true(fabs((a) - (b)) <= (within))

/* ---- histories of every shape, as the fit sees them ---- */

static struct mv_growth_sample samples[MV_GROWTH_SAMPLES];
static size_t count;

static void add(double at_s, double value)
{
	samples[count++] =
	    (struct mv_growth_sample){.at_s = at_s, .value = value, .low = value, .high = value};
}

static struct mv_growth_fit fit(void)
{
	return mv_growth_fit(samples, count, LEAST);
}

/* The same noise in every run: between -1 and 1. */
static double noise(unsigned i)
{
	uint32_t x = i * 2654435761u + 12345;

	x ^= x >> 15;
	x *= 2246822519u;
	x ^= x >> 13;
	return (double)(x & 0xffff) / 32767.5 - 1;
}

static void a_leak_grows(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 60; i++)
		add(i, 50 * MIB + i * MIB);
	struct mv_growth_fit f = fit();
	assert_int_equal(f.state, MV_GROWTH_GROWS);
	assert_near(f.slope, MIB, 1);
	assert_true(f.slope_low <= f.slope && f.slope <= f.slope_high);
	assert_false(f.saw);
	assert_near(f.since_s, 0, 1e-9);
}

static void a_noisy_leak_grows_within_its_range(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 20; seed++) {
		count = 0;
		for (unsigned i = 0; i < 200; i++)
			add(i, 50 * MIB + i * 0.1 * MIB + noise(seed * 1000 + i) * MIB);
		struct mv_growth_fit f = fit();
		assert_int_equal(f.state, MV_GROWTH_GROWS);
		assert_near(f.slope, 0.1 * MIB, 0.02 * MIB);
		assert_true(f.slope_low < 0.1 * MIB * 1.05 && f.slope_high > 0.1 * MIB * 0.95);
	}
}

static void noise_alone_is_no_growth(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 20; seed++) {
		count = 0;
		for (unsigned i = 0; i < 200; i++)
			add(i, 50 * MIB + noise(seed * 1000 + i) * MIB);
		enum mv_growth_state s = fit().state;
		assert_true(s == MV_GROWTH_STEADY || s == MV_GROWTH_SAWTOOTH);
	}
	count = 0;
	for (unsigned i = 0; i < 200; i++)
		add(i, 50 * MIB + (i % 3) * 4096);
	assert_int_equal(fit().state, MV_GROWTH_STEADY);
}

static void one_jump_weighs_nothing(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 60; i++)
		add(i, 50 * MIB + i * MIB + (i == 30 ? 500 * MIB : 0));
	struct mv_growth_fit f = fit();
	assert_near(f.slope, MIB, MIB / 10);
}

static void a_sawtooth_is_no_leak(void **state)
{
	(void)state;
	for (unsigned phase = 0; phase < 10; phase++) {
		count = 0;
		for (unsigned i = 0; i < 95; i++)
			add(i, 50 * MIB + (i + phase) % 10 * 3 * MIB + noise(i) * 0.1 * MIB);
		struct mv_growth_fit f = fit();
		assert_int_equal(f.state, MV_GROWTH_SAWTOOTH);
		assert_true(f.falls >= 8);
		assert_near(f.fall, 27 * MIB, 3 * MIB);
	}
}

static void a_sawtooth_whose_troughs_rise_is_one(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 120; i++)
		add(i, 50 * MIB + i % 10 * 3 * MIB + i * 0.3 * MIB);
	struct mv_growth_fit f = fit();
	assert_int_equal(f.state, MV_GROWTH_GROWS);
	assert_true(f.saw);
	assert_near(f.slope, 0.3 * MIB, 0.05 * MIB);
}

/* Of a thinned history only lowest and highest tell of the teeth. */
static void a_thinned_sawtooth_is_still_one(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 40; i++) {
		add(i * 64, 50 * MIB + (i * 7 % 10) * 3 * MIB);
		samples[i].low = 50 * MIB;
		samples[i].high = 77 * MIB;
	}
	assert_int_equal(fit().state, MV_GROWTH_SAWTOOTH);
}

static void what_gave_back_once_is_not_judged(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 30; i++)
		add(i, 50 * MIB + i * MIB);
	for (unsigned i = 30; i < 45; i++)
		add(i, 50 * MIB + (i - 30) * MIB);
	struct mv_growth_fit f = fit();
	assert_int_equal(f.state, MV_GROWTH_SHORT);
	assert_true(f.fell_once);
	/* Far beyond where it turned it is a leak again. */
	for (unsigned i = 45; i < 100; i++)
		add(i, 50 * MIB + (i - 30) * MIB);
	assert_int_equal(fit().state, MV_GROWTH_GROWS);
}

static void steps_are_told_from_a_slope(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 60; i++)
		add(i, 50 * MIB + i / 10 * 8 * MIB);
	struct mv_growth_fit f = fit();
	assert_int_equal(f.state, MV_GROWTH_STEPS);
	assert_near(f.slope, 0.8 * MIB, 0.25 * MIB);
	/* The last pause is far longer than those before. */
	for (unsigned i = 60; i < 120; i++)
		add(i, 90 * MIB);
	f = fit();
	assert_int_equal(f.state, MV_GROWTH_STOPPED);
	assert_near(f.since_s, 50, 1);
}

static void a_cache_that_fills_has_stopped(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 80; i++)
		add(i, 50 * MIB + (i < 40 ? i : 40) * MIB);
	struct mv_growth_fit f = fit();
	assert_int_equal(f.state, MV_GROWTH_STOPPED);
	assert_near(f.since_s, 40, 3);
	assert_near(f.rise, 40 * MIB, 4 * MIB);
	/* The soft way: ever slower. */
	count = 0;
	for (unsigned i = 0; i < 100; i++)
		add(i, 50 * MIB + 40 * MIB * (1 - exp(-(double)i / 10)));
	assert_int_equal(fit().state, MV_GROWTH_STOPPED);
}

static void a_start_is_not_the_slope_of_later(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 100; i++)
		add(i, i < 10 ? i * 10 * MIB : 100 * MIB + (i - 10) * 0.2 * MIB);
	struct mv_growth_fit f = fit();
	assert_int_equal(f.state, MV_GROWTH_GROWS);
	assert_near(f.slope, 0.2 * MIB, 0.02 * MIB);
	assert_true(f.faster_before);
	assert_near(f.since_s, 10, 3);
	/* And a leak that began late is seen from its beginning on. */
	count = 0;
	for (unsigned i = 0; i < 100; i++)
		add(i, 50 * MIB + (i < 60 ? 0 : (i - 60) * MIB));
	f = fit();
	assert_int_equal(f.state, MV_GROWTH_GROWS);
	assert_near(f.slope, MIB, 0.1 * MIB);
	assert_near(f.since_s, 60, 3);
}

static void what_shrinks_shrinks(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 60; i++)
		add(i, 200 * MIB - i * MIB);
	struct mv_growth_fit f = fit();
	assert_int_equal(f.state, MV_GROWTH_SHRINKS);
	assert_near(f.slope, -MIB, 1);
}

static void no_slope_leads_across_a_gap(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 30; i++)
		add(i, 50 * MIB);
	for (unsigned i = 0; i < 30; i++) {
		add(3600 + i, 450 * MIB);
		samples[count - 1].segment = 1;
	}
	struct mv_growth_fit f = fit();
	assert_true(f.state != MV_GROWTH_GROWS && f.state != MV_GROWTH_STEPS);
	assert_near(f.slope, 0, 1e-6);
}

/* Nor one of troughs: what happened while nobody looked is not known. */
static void no_trough_rises_across_a_gap(void **state)
{
	(void)state;
	count = 0;
	for (unsigned i = 0; i < 80; i++) {
		add(i + (i >= 40 ? 3600 : 0), (i >= 40 ? 90 : 50) * MIB + i % 10 * 5 * MIB);
		samples[count - 1].segment = i >= 40;
	}
	assert_int_equal(fit().state, MV_GROWTH_SAWTOOTH);
}

static void too_little_is_too_short(void **state)
{
	(void)state;
	count = 0;
	assert_int_equal(fit().state, MV_GROWTH_SHORT);
	for (unsigned i = 0; i < 5; i++)
		add(i, 50 * MIB + i * MIB);
	assert_int_equal(fit().state, MV_GROWTH_SHORT);
}

/* ---- snapshots ---- */

static struct mv_growth *growth;
static struct snapbuild build;
static struct snapbuild_row rows[600];

static int start(void **state)
{
	(void)state;
	snapbuild_init(&build);
	build.head.maps_gen = 0;
	return mv_growth_new(&growth);
}

static int end(void **state)
{
	(void)state;
	mv_growth_free(growth);
	mv_growth_free(NULL);
	growth = NULL;
	return 0;
}

static struct mv_snapshot *make(double at_s, size_t n, bool new_list)
{
	uint64_t rss = 0;

	for (size_t i = 0; i < n; i++)
		rss += (uint64_t)(rows[i].state[MV_PAGE_ANON] + rows[i].state[MV_PAGE_FILE]) * 4096;
	build.rows = rows;
	build.count = n;
	build.without_smaps = true;
	build.head.facts = MV_FACT_MAPS | MV_FACT_PAGES;
	build.head.taken_ns = build.head.counters_ns = build.head.pages_ns = (uint64_t)(at_s * 1e9);
	build.head.smaps_ns = 0;
	build.head.figure[MV_FIG_RSS] = build.head.figure[MV_FIG_ANON] = mv_val_of(rss);
	build.head.figure[MV_FIG_SWAP] = mv_val_of(0);
	build.head.maps_gen += new_list || !build.head.maps_gen;
	return snapbuild_make(&build);
}

static void feed(double at_s, size_t n, bool new_list)
{
	struct mv_snapshot *snap = make(at_s, n, new_list);

	assert_int_equal(mv_growth_feed(growth, snap), 0);
	free(snap);
}

static void set_row(size_t i, uint64_t start, uint64_t end, const char *name, uint32_t pages)
{
	rows[i] = (struct snapbuild_row){
	    .start = start, .end = end, .perms = "rw-p", .kind = MV_KIND_ANON, .name = name};
	rows[i].state[MV_PAGE_ANON] = pages;
}

static double delta_of(uint64_t at)
{
	const struct mv_growth_track *t = mv_growth_find(growth, at);

	assert_non_null(t);
	return ((double)t->now.value[MV_GROWTH_HELD] - (double)t->first.value[MV_GROWTH_HELD]) / 4096;
}

static void mappings_are_followed_and_judged(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		set_row(0, 0x10000, 0x20000, "[heap]", 10 + i * 256);
		rows[0].end += i * 0x100000;
		set_row(1, 0x7f0000000000, 0x7f0000100000, "", 100);
		feed(100 + i, 2, true);
	}
	assert_int_equal(mv_growth_count(growth), 2);
	const struct mv_growth_track *heap = mv_growth_find(growth, 0x10000);
	assert_int_equal(heap->fit.state, MV_GROWTH_GROWS);
	assert_near(heap->fit.slope, MIB, 100);
	assert_near(delta_of(0x10000), 39 * 256, 0.1);
	assert_int_equal(mv_growth_find(growth, 0x7f0000000000)->fit.state, MV_GROWTH_STEADY);
	assert_int_equal(mv_growth_process(growth)->fit.state, MV_GROWTH_GROWS);
	assert_near(mv_growth_held_at(growth, heap, 10), (10 + 10 * 256) * 4096.0, 1);
	assert_null(mv_growth_find(growth, 0x11000));
	assert_int_equal(mv_growth_about(growth).gaps, 0);
}

/* Its start moves down, its end stays. */
static void what_grows_downwards_stays_the_same(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		set_row(0, 0x7fff00000000 - i * 0x10000, 0x7fff00100000, "[stack]", 10 + i * 16);
		feed(100 + i, 1, true);
	}
	assert_near(delta_of(0x7fff00000000 - 19 * 0x10000), 19 * 16, 0.1);
	assert_int_equal(mv_growth_about(growth).gone, 0);
}

static void what_is_merged_brings_its_past(void **state)
{
	(void)state;
	set_row(0, 0x100000, 0x200000, "", 100);
	set_row(1, 0x200000, 0x300000, "", 50);
	feed(100, 2, true);
	set_row(0, 0x100000, 0x200000, "", 110);
	feed(101, 2, false);
	set_row(0, 0x100000, 0x300000, "", 160);
	feed(102, 1, true);
	assert_near(delta_of(0x100000), 10, 0.1);
	assert_int_equal(mv_growth_about(growth).gone, 0);
	assert_int_equal(mv_growth_find(growth, 0x100000)->fit.state, MV_GROWTH_SHORT);
	assert_near(mv_growth_held_at(growth, mv_growth_find(growth, 0x100000), 1), 160 * 4096.0, 1);
}

static void what_is_cut_off_takes_its_part(void **state)
{
	(void)state;
	set_row(0, 0x100000, 0x300000, "", 150);
	feed(100, 1, true);
	set_row(0, 0x100000, 0x200000, "", 100);
	set_row(1, 0x200000, 0x300000, "", 50);
	feed(101, 2, true);
	assert_near(delta_of(0x100000), 0, 0.1);
	assert_near(delta_of(0x200000), 0, 0.1);
	assert_false(mv_growth_find(growth, 0x200000)->appeared);
}

static void what_comes_is_new_and_what_goes_is_counted(void **state)
{
	(void)state;
	set_row(0, 0x100000, 0x200000, "", 100);
	set_row(1, 0x400000, 0x500000, "other", 50);
	feed(100, 2, true);
	set_row(1, 0x800000, 0x900000, "third", 70);
	feed(101, 2, true);
	assert_true(mv_growth_find(growth, 0x800000)->appeared);
	assert_near(delta_of(0x800000), 70, 0.1);
	assert_int_equal(mv_growth_about(growth).gone, 1);
	assert_int_equal(mv_growth_about(growth).gone_bytes, 50 * 4096);
}

static void an_exec_begins_anew(void **state)
{
	(void)state;
	set_row(0, 0x100000, 0x200000, "", 100);
	feed(100, 1, true);
	set_row(0, 0x100000, 0x200000, "", 200);
	build.head.epoch++;
	feed(101, 1, true);
	assert_near(delta_of(0x100000), 0, 0.1);
	assert_near(mv_growth_about(growth).until_s, 0, 1e-9);
}

static void a_late_look_is_a_gap_and_an_old_one_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		set_row(0, 0x100000, 0x90000000, "", 100 + i * 100);
		feed(100 + i + (i >= 10 ? 600 : 0), 1, false);
	}
	struct mv_growth_sample s[MV_GROWTH_SAMPLES];
	size_t n = mv_growth_samples(growth, mv_growth_process(growth), MV_GROWTH_HELD, s, MV_GROWTH_SAMPLES);
	assert_int_equal(n, 20);
	assert_int_equal(s[9].segment, 0);
	assert_int_equal(s[10].segment, 1);
	assert_int_equal(mv_growth_about(growth).gaps, 1);
	/* Clocks that jump back: what is older than the newest is not taken in. */
	set_row(0, 0x100000, 0x90000000, "", 5);
	feed(50, 1, false);
	assert_int_equal(mv_growth_process(growth)->now.value[MV_GROWTH_RSS], 2000 * 4096);
	/* Looks that come too fast are not kept either. */
	feed(719.2, 1, false);
	assert_int_equal(
	    mv_growth_samples(growth, mv_growth_process(growth), MV_GROWTH_HELD, s, MV_GROWTH_SAMPLES), 20);
}

/* A longer pace is a pace, not one gap after the other. */
static void a_slower_pace_is_learnt(void **state)
{
	(void)state;
	set_row(0, 0x100000, 0x90000000, "", 100);
	for (unsigned i = 0; i < 10; i++)
		feed(100 + i, 1, false);
	for (unsigned i = 0; i < 20; i++)
		feed(120 + i * 10, 1, false);
	assert_true(mv_growth_about(growth).gaps <= 2);
}

/* One look a second for two days: of each time there is something, of the last the most, and no low point is
 * lost. */
static void a_history_is_thinned(void **state)
{
	const uint32_t seconds = 2 * 86400;
	static struct history_point points[HISTORY_MOST];
	struct history h = {0};
	size_t bytes = 0, n;

	(void)state;
	for (uint32_t t = 0; t < seconds; t++) {
		uint32_t rss = t == 5000 ? 7 : 1000 + t;
		struct history_point p = {.t_ds = t * 10 & 0x1fffffff, .rss = rss, .low = rss, .high = rss};

		assert_int_equal(history_push(&h, &p, &bytes), 0);
	}
	assert_int_equal(bytes, sizeof(points));
	assert_true(700 * bytes <= MV_GROWTH_BYTES);
	n = history_read(&h, points);
	uint32_t low = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		uint32_t age = seconds * 10 - points[i].t_ds,
			 step = i ? points[i].t_ds - points[i - 1].t_ds : 10;

		assert_true(!i || points[i].t_ds > points[i - 1].t_ds);
		assert_true(step <= 40 || step * 9 <= age * 2);
		low = points[i].low < low ? points[i].low : low;
	}
	assert_int_equal(low, 7);
	assert_true(points[0].t_ds < 40960 * 2);
	history_release(&h, &bytes);
	assert_int_equal(bytes, 0);
}

/* A day at one look a second, hundreds of mappings that all change, others that come and go: within the
 * bound. */
static void a_day_fits(void **state)
{
	const unsigned looks = getenv("MV_LONG") ? 86400 : 700, n = 400;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		set_row(i, 0x100000000 + i * UINT64_C(0x10000000),
			0x100000000 + i * UINT64_C(0x10000000) + 0x8000000, "", 100);
	for (unsigned k = 0; k < looks; k++) {
		for (unsigned i = 0; i < n; i++)
			rows[i].state[MV_PAGE_ANON] = 100 + (k + i) % 2000;
		/* One that is there for a while, at another place each time. */
		set_row(n, 0x7f0000000000 + k / 10 * UINT64_C(0x200000),
			0x7f0000000000 + k / 10 * UINT64_C(0x200000) + 0x100000, "passing", 5 + k % 10);
		feed(100 + k, n + 1, k % 10 == 0);
		assert_true(mv_growth_bytes(growth) <= MV_GROWTH_BYTES);
	}
	assert_int_equal(mv_growth_count(growth), n + 1);
	assert_int_equal(mv_growth_about(growth).gone, (looks - 1) / 10);
	struct mv_growth_sample s[MV_GROWTH_SAMPLES];
	size_t got =
	    mv_growth_samples(growth, mv_growth_process(growth), MV_GROWTH_HELD, s, MV_GROWTH_SAMPLES);
	for (size_t i = 1; i < got; i++)
		assert_true(s[i].at_s > s[i - 1].at_s);
	assert_true(s[0].at_s < looks / 2.0);
	assert_near(s[got - 1].at_s, looks - 1, 0.2);
	/* Thinned, but the last minute is whole. */
	assert_near(s[got - 1].at_s - s[got - 40].at_s, 39, 0.2);
}

/* When they are too many, the histories of those that changed least go, never the sums. */
static void what_does_not_fit_is_said(void **state)
{
	static struct snapbuild_row many[5000];

	(void)state;
	for (unsigned k = 0; k < 70; k++) {
		for (unsigned i = 0; i < 5000; i++) {
			many[i] = (struct snapbuild_row){.start = 0x100000000 + i * UINT64_C(0x10000),
							 .end = 0x100000000 + i * UINT64_C(0x10000) + 0x8000,
							 .perms = "rw-p",
							 .kind = MV_KIND_ANON};
			many[i].state[MV_PAGE_ANON] = 1 + k % 7;
		}
		struct mv_snapshot *snap;
		memcpy(&rows[0], &many[0], sizeof(rows[0]));
		build.rows = many;
		build.count = 5000;
		build.without_smaps = true;
		build.head.taken_ns = build.head.counters_ns = build.head.pages_ns = (100 + k) * S;
		build.head.smaps_ns = 0;
		build.head.maps_gen = 1;
		snap = snapbuild_make(&build);
		assert_int_equal(mv_growth_feed(growth, snap), 0);
		free(snap);
		assert_true(mv_growth_bytes(growth) <= MV_GROWTH_BYTES);
	}
	assert_int_equal(mv_growth_count(growth), MV_GROWTH_TRACKS);
	assert_int_equal(mv_growth_about(growth).left_out, 5000 - MV_GROWTH_TRACKS);
	assert_true(mv_growth_about(growth).no_history > 0);
	assert_near(delta_of(0x100000000), (double)(69 % 7), 0.1);
}

/* ---- the mark ---- */

static void what_there_was_at_the_mark_is_remembered(void **state)
{
	(void)state;
	set_row(0, 0x100000, 0x200000, "[heap]", 100);
	feed(100, 1, true);
	assert_false(mv_growth_marked(growth)->set);
	set_row(0, 0x100000, 0x200000, "[heap]", 130);
	struct mv_snapshot *snap = make(101, 1, false);
	mv_growth_feed(growth, snap);
	mv_growth_mark(growth, snap, 101 * S, 5 * S);
	free(snap);
	set_row(0, 0x100000, 0x300000, "[heap]", 150);
	set_row(1, 0x400000, 0x500000, "", 7);
	feed(102, 2, true);
	const struct mv_growth_track *heap = mv_growth_find(growth, 0x100000);
	assert_true(heap->marked);
	assert_int_equal(heap->mark.value[MV_GROWTH_RSS], 130 * 4096);
	assert_int_equal(heap->mark_end, 0x200000);
	assert_false(mv_growth_find(growth, 0x400000)->marked);
	assert_int_equal(mv_growth_process(growth)->mark.value[MV_GROWTH_RSS], 130 * 4096);
	assert_int_equal(mv_growth_marked(growth)->real_ns, 5 * S);
	set_row(0, 0x800000, 0x900000, "elsewhere", 1);
	feed(103, 1, true);
	assert_int_equal(mv_growth_marked(growth)->gone, 1);
	assert_int_equal(mv_growth_marked(growth)->gone_bytes, 130 * 4096);
}

static void feed_grid(double at_s, uint64_t start, const char *pages, bool mark)
{
	struct mv_grid_cell cells[1024] = {0};
	struct mv_range span = {start, start + strlen(pages) * 4096};
	uint32_t n = (uint32_t)strlen(pages);
	struct mv_snapshot *snap;

	for (uint32_t i = 0; i < n; i++) {
		cells[i].pages = 1;
		cells[i].flags = pages[i] == '?' ? 0 : MV_GRID_READ;
		cells[i].tally.state[MV_PAGE_ANON] = pages[i] == '#';
	}
	build.spans = &span;
	build.span_cells = &n;
	build.spans_count = 1;
	build.cells = cells;
	build.head.cell_pages = 1;
	snap = make(at_s, 1, false);
	mv_growth_feed(growth, snap);
	if (mark)
		mv_growth_mark(growth, snap, build.head.taken_ns, 1);
	free(snap);
	build.spans_count = 0;
}

static void pages_at_the_mark_are_remembered(void **state)
{
	struct mv_range all = {0x100000, 0x110000}, todo;

	(void)state;
	set_row(0, 0x100000, 0x110000, "", 3);
	feed(100, 1, true);
	assert_int_equal(mv_growth_pages_todo(growth, all, 100 * S).end, 0);
	feed_grid(101, 0x100000, "##.?", true);
	todo = mv_growth_pages_todo(growth, all, 101 * S);
	assert_int_equal(todo.start, 0x103000);
	assert_int_equal(todo.end, 0x110000);
	/* The look at the mark counts, not a later one. */
	feed_grid(102, 0x100000, "..##############", false);
	assert_int_equal(mv_growth_pages_todo(growth, all, 102 * S).end, 0);
	struct mv_growth_pages p = mv_growth_pages_at(growth, all);
	assert_int_equal(p.known, 16);
	assert_int_equal(p.present, 2 + 13);
	p = mv_growth_pages_at(growth, (struct mv_range){0x102000, 0x104000});
	assert_int_equal(p.known, 2);
	assert_int_equal(p.present, 1);
	/* Beyond where it ended then there was none. */
	set_row(0, 0x100000, 0x120000, "", 3);
	feed(103, 1, true);
	const struct mv_growth_track *t = mv_growth_find(growth, 0x100000);
	p = mv_growth_pages_then(growth, t, (struct mv_range){0x10f000, 0x112000});
	assert_int_equal(p.known, 3);
	assert_int_equal(p.present, 1);
	/* Too late. */
	feed_grid(110, 0x110000, "####", false);
	assert_int_equal(mv_growth_pages_at(growth, (struct mv_range){0x110000, 0x114000}).known, 0);
	assert_int_equal(mv_growth_pages_todo(growth, (struct mv_range){0x110000, 0x114000}, 110 * S).end, 0);
}

/* ---- forecast and verdict ---- */

static struct mv_snapshot *grow(unsigned seconds, double pages_a_second)
{
	struct mv_snapshot *snap = NULL;

	for (unsigned i = 0; i <= seconds; i++) {
		set_row(0, 0x100000, 0x80000000, "[heap]", (uint32_t)(1000 + i * pages_a_second));
		set_row(1, 0x7f0000000000, 0x7f0000100000, "/usr/lib/libm.so", 100);
		free(snap);
		build.head.figure[MV_FIG_USAGE] = mv_val_of((uint64_t)((1100 + i * pages_a_second) * 4096));
		snap = make(100 + i, 2, false);
		mv_growth_feed(growth, snap);
	}
	return snap;
}

static void limits_are_foretold(void **state)
{
	struct mv_growth_forecast f[MV_LIMIT__N];
	struct mv_build b;

	(void)state;
	build.head.figure[MV_FIG_LIMIT] = mv_val_of(400 << 20);
	build.head.limits.address_bytes = mv_val_missing(MV_WHY_NO_LIMIT);
	build.head.limits.available_bytes = mv_val_of(UINT64_C(8) << 30);
	struct mv_snapshot *snap = grow(60, 256);
	mv_growth_forecast(growth, snap, f);
	assert_int_equal(f[MV_LIMIT_CGROUP].why, MV_WHY_HAVE);
	double left = 400 - (1100 + 60 * 256) * 4096 / MIB;
	assert_near(f[MV_LIMIT_CGROUP].in_s, left, 1);
	assert_true(f[MV_LIMIT_CGROUP].early_s <= f[MV_LIMIT_CGROUP].in_s);
	assert_true(f[MV_LIMIT_CGROUP].late_s >= f[MV_LIMIT_CGROUP].in_s);
	assert_int_equal(f[MV_LIMIT_ADDRESS_SPACE].why, MV_WHY_NO_LIMIT);
	assert_near(f[MV_LIMIT_AVAILABLE].in_s, 8192, 10);
	assert_int_equal(mv_growth_nearest(f), MV_LIMIT_CGROUP);
	mv_build_init(&b);
	assert_true(mv_growth_forecast_build(&b, MV_LIMIT_CGROUP, &f[MV_LIMIT_CGROUP]));
	assert_string_equal(b.text, "the cgroup's limit (400M) reached in 5.6 min");
	free(snap);
	/* What does not grow reaches nothing. */
	end(NULL);
	assert_int_equal(mv_growth_new(&growth), 0);
	snap = grow(60, 0);
	mv_growth_forecast(growth, snap, f);
	assert_int_equal(mv_growth_nearest(f), MV_LIMIT__N);
	free(snap);
}

static void verdicts_are_plain(void **state)
{
	struct mv_growth_evidence e = {.touch = {.function = MV_FUNCTION_NONE}};
	struct mv_growth_verdict v;
	struct mv_snapshot *snap = grow(60, 261.12);

	(void)state;
	mv_growth_verdict(growth, snap, &e, &v);
	assert_int_equal(v.state, MV_GROWTH_GROWS);
	assert_string_equal(v.text.text, "grows 1.02 MiB/s for 60 s, all of it in [heap] at 100000");
	assert_non_null(strstr(v.advice.text, "F traces"));
	e.heap = (struct mv_growth_heap){.known = true, .in_use_slope = MIB, .free_slope = 10};
	mv_growth_verdict(growth, snap, &e, &v);
	assert_non_null(strstr(v.text.text, "; heap: in use grows, free does not: live or lost blocks"));
	assert_non_null(strstr(v.advice.text, "L there tells live blocks from lost ones"));
	e.heap = (struct mv_growth_heap){.known = true, .in_use_slope = 0, .free_slope = MIB};
	mv_growth_verdict(growth, snap, &e, &v);
	assert_non_null(strstr(v.text.text, "freed, but not given back"));
	struct mv_growth_share most = mv_growth_most(growth, snap, 0);
	assert_int_equal(most.mappings, 1);
	assert_int_equal(most.start, 0x100000);
	assert_near(most.share, 1, 1e-9);
	free(snap);
}

/* Many small mappings of one name are one cause. */
static void many_mappings_are_named_together(void **state)
{
	struct mv_growth_evidence e = {.touch = {.function = MV_FUNCTION_NONE}};
	struct mv_growth_verdict v;
	struct mv_snapshot *snap = NULL;

	(void)state;
	for (unsigned k = 0; k <= 30; k++) {
		set_row(0, 0x100000, 0x200000, "[heap]", 100 + k);
		for (unsigned i = 0; i < k; i++)
			set_row(1 + i, 0x7f0000000000 + i * 0x200000, 0x7f0000100000 + i * 0x200000, "", 256);
		free(snap);
		snap = make(100 + k, 1 + k, true);
		mv_growth_feed(growth, snap);
	}
	struct mv_growth_share most = mv_growth_most(growth, snap, 0);
	assert_int_equal(most.mappings, 30);
	assert_near(most.share, 30 * 256.0 / (30 * 256 + 30), 1e-6);
	mv_growth_verdict(growth, snap, &e, &v);
	assert_non_null(strstr(v.text.text, "all of it in 30 mappings named [anon]"));
	free(snap);
}

static const struct snapbuild_function functions[] = {
    {.name = "main", .image = "app", .flags = MV_FUNCTION_NAMED},
    {.name = "load_row", .image = "app", .flags = MV_FUNCTION_NAMED},
    {.name = "other", .image = "app", .flags = MV_FUNCTION_NAMED},
    {.name = "malloc", .image = "libc.so.6", .flags = MV_FUNCTION_NAMED},
};
static const struct snapbuild_fault_stack stacks[] = {
    {"main;load_row;malloc", {.tid = 7, .pages = 970, .faults = 970}},
    {"main;other;malloc", {.tid = 7, .pages = 30, .faults = 30}},
};

static void who_touches_is_the_deepest_that_has_nearly_all(void **state)
{
	struct mv_growth_evidence e = {0};
	struct mv_growth_verdict v;
	struct mv_calltree tree;

	(void)state;
	build.trace.functions = functions;
	build.trace.functions_count = MV_COUNT_OF(functions);
	build.trace.stacks = stacks;
	build.trace.stacks_count = MV_COUNT_OF(stacks);
	build.head.trace.why = build.head.trace.stacks_why = MV_WHY_HAVE;
	struct mv_snapshot *snap = grow(60, 256);
	snap->facts |= MV_FACT_FAULTS;
	mv_calltree_init(&tree);
	assert_int_equal(mv_calltree_build(&tree, snap, MV_CALLTREE_CALLERS, 0), 0);
	e.touch = mv_growth_touched(&tree, snap);
	assert_true(e.touch.known);
	assert_string_equal(mv_snapshot_function_name(snap, e.touch.function).text, "load_row");
	assert_near(e.touch.share, 0.97, 1e-9);
	mv_growth_verdict(growth, snap, &e, &v);
	assert_non_null(strstr(v.text.text, "; 97 % of the new pages first touched below load_row()"));
	assert_null(strstr(v.advice.text, "F traces"));
	mv_calltree_release(&tree);
	free(snap);
}

static void times_and_rates_read_well(void **state)
{
	static const struct {
		double value;
		const char *text;
	} times[] = {{5, "5 s"},       {99, "99 s"},	{150, "2.5 min"},
		     {1200, "20 min"}, {7200, "2.0 h"}, {86400 * 3, "3 days"}},
	  rates[] = {{1.02 * MIB, "1.02 MiB/s"}, {20 * MIB, "20 MiB/s"}, {31 * 1024, "31 KiB/s"},
		     {100, "5.9 KiB/min"},	 {1, "3.5 KiB/h"},	 {-2 * MIB, "-2.00 MiB/s"},
		     {1001 * 1024, "0.98 MiB/s"}};
	struct mv_build b;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(times); i++) {
		mv_build_init(&b);
		mv_growth_time_build(&b, times[i].value);
		assert_string_equal(b.text, times[i].text);
	}
	for (size_t i = 0; i < MV_COUNT_OF(rates); i++) {
		mv_build_init(&b);
		mv_growth_rate_build(&b, rates[i].value);
		assert_string_equal(b.text, rates[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_leak_grows),
	    cmocka_unit_test(a_noisy_leak_grows_within_its_range),
	    cmocka_unit_test(noise_alone_is_no_growth),
	    cmocka_unit_test(one_jump_weighs_nothing),
	    cmocka_unit_test(a_sawtooth_is_no_leak),
	    cmocka_unit_test(a_sawtooth_whose_troughs_rise_is_one),
	    cmocka_unit_test(a_thinned_sawtooth_is_still_one),
	    cmocka_unit_test(what_gave_back_once_is_not_judged),
	    cmocka_unit_test(steps_are_told_from_a_slope),
	    cmocka_unit_test(a_cache_that_fills_has_stopped),
	    cmocka_unit_test(a_start_is_not_the_slope_of_later),
	    cmocka_unit_test(what_shrinks_shrinks),
	    cmocka_unit_test(no_slope_leads_across_a_gap),
	    cmocka_unit_test(no_trough_rises_across_a_gap),
	    cmocka_unit_test(too_little_is_too_short),
	    cmocka_unit_test_setup_teardown(mappings_are_followed_and_judged, start, end),
	    cmocka_unit_test_setup_teardown(what_grows_downwards_stays_the_same, start, end),
	    cmocka_unit_test_setup_teardown(what_is_merged_brings_its_past, start, end),
	    cmocka_unit_test_setup_teardown(what_is_cut_off_takes_its_part, start, end),
	    cmocka_unit_test_setup_teardown(what_comes_is_new_and_what_goes_is_counted, start, end),
	    cmocka_unit_test_setup_teardown(an_exec_begins_anew, start, end),
	    cmocka_unit_test_setup_teardown(a_late_look_is_a_gap_and_an_old_one_nothing, start, end),
	    cmocka_unit_test_setup_teardown(a_slower_pace_is_learnt, start, end),
	    cmocka_unit_test(a_history_is_thinned),
	    cmocka_unit_test_setup_teardown(a_day_fits, start, end),
	    cmocka_unit_test_setup_teardown(what_does_not_fit_is_said, start, end),
	    cmocka_unit_test_setup_teardown(what_there_was_at_the_mark_is_remembered, start, end),
	    cmocka_unit_test_setup_teardown(pages_at_the_mark_are_remembered, start, end),
	    cmocka_unit_test_setup_teardown(limits_are_foretold, start, end),
	    cmocka_unit_test_setup_teardown(verdicts_are_plain, start, end),
	    cmocka_unit_test_setup_teardown(many_mappings_are_named_together, start, end),
	    cmocka_unit_test_setup_teardown(who_touches_is_the_deepest_that_has_nearly_all, start, end),
	    cmocka_unit_test(times_and_rates_read_well),
	};

	return cmocka_run_group_tests_name("growth", tests, NULL, NULL);
}
