/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/machine_history.h"

#define SEC MV_NS_PER_SEC
#define MIB ((uint64_t)1 << 20)

/* A picture of some processes, as the sampler lays it out. */
struct picture {
	struct mv_machine_snapshot m;
	struct mv_task tasks[16];
	char text[8];
};

static struct picture picture_at(uint64_t seconds)
{
	struct picture p = {.m = {.magic = MV_MACHINE_MAGIC,
				  .page_bytes = 4096,
				  .length = sizeof(p),
				  .facts = MV_MACHINE_TASKS,
				  .ticks_per_sec = 100,
				  .taken_ns = seconds * SEC,
				  .taken_real_ns = (1750000000 + seconds) * SEC,
				  .tasks_ns = seconds * SEC}};

	p.m.ram.at_ns = seconds * SEC;
	p.m.tasks.offset = offsetof(struct picture, tasks);
	p.m.text = (struct mv_section){offsetof(struct picture, text), sizeof(p.text)};
	for (size_t i = 0; i < MV_MEM__N; i++)
		p.m.ram.meminfo[i] = mv_val_of(1000);
	for (size_t i = 0; i < MV_VMSTAT__N; i++)
		p.m.ram.vmstat[i] = mv_val_of(100 * seconds);
	p.m.ram.some = p.m.ram.full = (struct mv_psi){.why = MV_WHY_HAVE};
	return p;
}

static struct mv_task *add(struct picture *p, int pid, uint64_t start, uint64_t rss)
{
	struct mv_task *task = &p->tasks[p->m.tasks.count++];

	*task =
	    (struct mv_task){.pid = pid, .start_ticks = start, .rss_bytes = rss, .group = MV_TASK_NO_GROUP};
	return task;
}

static struct mv_machine_history *begin(void)
{
	struct mv_machine_history *h;

	assert_int_equal(mv_machine_history_new(&h), 0);
	return h;
}

static void feed(struct mv_machine_history *h, const struct picture *p)
{
	assert_int_equal(mv_machine_history_feed(h, &p->m), 0);
}

static void assert_figure(struct mv_machine_history *h, enum mv_ram_figure_id id, double want)
{
	struct mv_ram_value value = mv_machine_figure(h, id);

	assert_int_equal(value.why, MV_WHY_HAVE);
	assert_true(value.value > want - 1e-9 && value.value < want + 1e-9);
}

static void test_rates_and_series(void **state)
{
	struct mv_machine_history *h = begin();
	struct picture p = picture_at(10);

	(void)state;
	assert_int_equal(mv_machine_figure(h, MV_RAM_FIG_FREE_TOTAL).why, MV_WHY_NOT_READ);
	assert_int_equal(mv_machine_pressure(h, true).why, MV_WHY_NOT_READ);
	feed(h, &p);
	assert_figure(h, MV_RAM_FIG_FREE_TOTAL, 1000);
	assert_int_equal(mv_machine_figure(h, MV_RAM_FIG_FAULT).why, MV_WHY_NOT_READ);
	assert_true(mv_series_back(mv_machine_series(h, MV_RAM_FIG_FAULT), 0)->gap);
	p = picture_at(12);
	p.m.ram.some.total_us = 500000;
	feed(h, &p);
	assert_figure(h, MV_RAM_FIG_FAULT, 100);
	assert_int_equal(mv_machine_pressure(h, false).why, MV_WHY_HAVE);
	assert_true(mv_machine_pressure(h, false).value == 25);
	assert_true(mv_machine_pressure(h, true).value == 0);
	assert_int_equal(mv_machine_series(h, MV_RAM_FIG_FAULT)->count, 2);
	assert_true(mv_series_back(mv_machine_series(h, MV_RAM_FIG_FAULT), 0)->value == 100);
	assert_true(mv_series_back(mv_machine_pressure_series(h, false), 0)->value == 25);
	/* The same look again, and an older one: nothing moves. */
	p.m.ram.meminfo[MV_MEM_TOTAL] = mv_val_of(5);
	feed(h, &p);
	p = picture_at(11);
	feed(h, &p);
	assert_figure(h, MV_RAM_FIG_FREE_TOTAL, 1000);
	assert_int_equal(mv_machine_series(h, MV_RAM_FIG_FAULT)->count, 2);
	/* What the kernel does not tell is a gap, with its reason. */
	p = picture_at(14);
	p.m.ram.some.why = MV_WHY_NO_KERNEL;
	p.m.ram.vmstat[MV_VMSTAT_PGFAULT] = mv_val_missing(MV_WHY_NO_KERNEL);
	feed(h, &p);
	assert_int_equal(mv_machine_pressure(h, false).why, MV_WHY_NO_KERNEL);
	assert_int_equal(mv_machine_figure(h, MV_RAM_FIG_FAULT).why, MV_WHY_NO_KERNEL);
	assert_true(mv_series_back(mv_machine_series(h, MV_RAM_FIG_FAULT), 0)->gap);
	mv_machine_history_free(h);
	mv_machine_history_free(NULL);
}

static void test_sleep_stop_and_clock(void **state)
{
	struct mv_machine_history *h = begin();
	struct picture p;

	(void)state;
	for (uint64_t t = 10; t < 13; t++) {
		p = picture_at(t);
		add(&p, 7, 1, MIB)->minor_faults = 10 * t;
		feed(h, &p);
	}
	assert_true(mv_machine_task_change(h, 7, 1).minor.have);
	/* Stopped for a minute. */
	p = picture_at(72);
	add(&p, 7, 1, MIB)->minor_faults = 100000;
	feed(h, &p);
	assert_int_equal(mv_machine_figure(h, MV_RAM_FIG_FAULT).why, MV_WHY_CHANGED);
	assert_int_equal(mv_machine_pressure(h, false).why, MV_WHY_CHANGED);
	assert_figure(h, MV_RAM_FIG_FREE_TOTAL, 1000);
	assert_false(mv_machine_task_change(h, 7, 1).minor.have);
	assert_false(mv_machine_task_change(h, 7, 1).cpu.have);
	p = picture_at(73);
	add(&p, 7, 1, MIB)->minor_faults = 100010;
	feed(h, &p);
	assert_figure(h, MV_RAM_FIG_FAULT, 100);
	assert_true(mv_machine_task_change(h, 7, 1).minor.per_second == 10);
	/* It slept for an hour: the monotonic clock did not go on, the time of day did. */
	p = picture_at(74);
	p.m.taken_real_ns += 3600 * SEC;
	add(&p, 7, 1, MIB);
	feed(h, &p);
	assert_int_equal(mv_machine_figure(h, MV_RAM_FIG_FAULT).why, MV_WHY_CHANGED);
	assert_true(mv_series_back(mv_machine_series(h, MV_RAM_FIG_FAULT), 0)->gap);
	assert_false(mv_machine_task_change(h, 7, 1).minor.have);
	p = picture_at(75); /* and is set back */
	feed(h, &p);
	assert_int_equal(mv_machine_figure(h, MV_RAM_FIG_FAULT).why, MV_WHY_CHANGED);
	/* Another pace costs one gap. */
	p = picture_at(85);
	feed(h, &p);
	assert_int_equal(mv_machine_figure(h, MV_RAM_FIG_FAULT).why, MV_WHY_CHANGED);
	p = picture_at(95);
	feed(h, &p);
	assert_figure(h, MV_RAM_FIG_FAULT, 100);
	mv_machine_history_free(h);
}

static void test_growth(void **state)
{
	struct mv_machine_history *h = begin();
	struct mv_task_change change;
	struct picture p;

	(void)state;
	/* 5 grows by a MiB a second, 6 does and falls at the eighth, 7 grows by less than a hundredth, 8 by
	 * less than a MiB. */
	for (uint64_t t = 0; t <= 9; t++) {
		p = picture_at(100 + t);
		add(&p, 5, 1, (10 + t) * MIB);
		add(&p, 6, 1, (t == 8 ? 1 : 10 + t) * MIB);
		add(&p, 7, 1, (100000 + t) * MIB);
		add(&p, 8, 1, 4096 * t);
		feed(h, &p);
		change = mv_machine_task_change(h, 5, 1);
		assert_int_equal(change.first_ns, 100 * SEC);
		assert_int_equal(change.grown_bytes, t * MIB);
		assert_int_equal(change.growth.have, t >= 5);
		assert_int_equal(change.only_grows, t >= 8);
	}
	assert_true(change.growth.per_second == (double)MIB);
	assert_false(mv_machine_task_change(h, 6, 1).only_grows);
	assert_int_equal(mv_machine_task_change(h, 6, 1).grown_bytes, 9 * MIB);
	assert_false(mv_machine_task_change(h, 7, 1).only_grows);
	assert_false(mv_machine_task_change(h, 8, 1).only_grows);
	/* Looks that did not differ neither count nor break it. */
	p = picture_at(110);
	add(&p, 5, 1, 19 * MIB);
	feed(h, &p);
	assert_true(mv_machine_task_change(h, 5, 1).only_grows);
	p = picture_at(111);
	add(&p, 5, 1, 18 * MIB);
	feed(h, &p);
	assert_false(mv_machine_task_change(h, 5, 1).only_grows);
	assert_int_equal(mv_machine_task_change(h, 5, 1).grown_bytes, 8 * (int64_t)MIB);
	p = picture_at(112);
	add(&p, 5, 1, 2 * MIB);
	feed(h, &p);
	assert_int_equal(mv_machine_task_change(h, 5, 1).grown_bytes, -8 * (int64_t)MIB);
	mv_machine_history_free(h);
}

/* What is swapped out has not gone; and that it was read late is no growth. */
static void test_swap_counts(void **state)
{
	struct mv_machine_history *h = begin();
	struct picture p = picture_at(1);

	(void)state;
	add(&p, 5, 1, 10 * MIB)->swap_bytes = mv_val_missing(MV_WHY_NOT_READ);
	feed(h, &p);
	p = picture_at(2);
	add(&p, 5, 1, 10 * MIB)->swap_bytes = mv_val_of(100 * MIB);
	feed(h, &p);
	assert_int_equal(mv_machine_task_change(h, 5, 1).grown_bytes, 0);
	p = picture_at(3);
	add(&p, 5, 1, 2 * MIB)->swap_bytes = mv_val_of(108 * MIB);
	feed(h, &p);
	assert_int_equal(mv_machine_task_change(h, 5, 1).grown_bytes, 0);
	p = picture_at(4);
	add(&p, 5, 1, 3 * MIB)->swap_bytes = mv_val_missing(MV_WHY_IO);
	feed(h, &p);
	assert_int_equal(mv_machine_task_change(h, 5, 1).grown_bytes, MIB);
	mv_machine_history_free(h);
}

static void test_come_and_go(void **state)
{
	struct mv_machine_history *h = begin();
	struct mv_task_change change;
	struct picture p = picture_at(10);
	struct mv_task *task;

	(void)state;
	add(&p, 3, 1, MIB);
	add(&p, 5, 2, MIB);
	add(&p, 9, 3, MIB);
	feed(h, &p);
	assert_false(mv_machine_task_change(h, 5, 2).is_new); /* in the first picture */
	assert_int_equal(mv_machine_task_change(h, 5, 99).first_ns, 0);
	assert_int_equal(mv_machine_task_change(h, 4, 2).first_ns, 0);
	/* 5 has ended and its number was taken again, 4 and 20 are new, 9 is gone. */
	p = picture_at(12);
	task = add(&p, 3, 1, 2 * MIB);
	task->minor_faults = 50;
	task->major_faults = 4;
	task->cpu_ticks = 100;
	add(&p, 4, 80, MIB);
	add(&p, 5, 81, 50 * MIB)->minor_faults = 1000;
	add(&p, 20, 82, MIB);
	feed(h, &p);
	change = mv_machine_task_change(h, 3, 1);
	assert_true(change.minor.have && change.minor.per_second == 25);
	assert_true(change.major.have && change.major.per_second == 2);
	assert_true(change.cpu.have && change.cpu.per_second == 0.5);
	assert_int_equal(change.grown_bytes, MIB);
	assert_false(change.is_new);
	assert_int_equal(mv_machine_task_change(h, 5, 2).first_ns, 0);
	change = mv_machine_task_change(h, 5, 81);
	assert_true(change.is_new);
	assert_int_equal(change.grown_bytes, 0);
	assert_false(change.minor.have);
	assert_int_equal(mv_machine_task_change(h, 9, 3).first_ns, 0);
	assert_true(mv_machine_task_change(h, 20, 82).is_new);
	/* Another view, without processes: then they are here again. */
	p = picture_at(13);
	p.m.tasks_ns = 12 * SEC;
	feed(h, &p);
	assert_true(mv_machine_task_change(h, 20, 82).is_new);
	p = picture_at(33);
	p.m.tasks_ns = 12 * SEC;
	feed(h, &p);
	p = picture_at(34);
	add(&p, 3, 1, 3 * MIB)->minor_faults = 90;
	feed(h, &p);
	change = mv_machine_task_change(h, 3, 1);
	assert_int_equal(change.grown_bytes, 2 * MIB);
	assert_true(change.growth.have);
	assert_false(change.minor.have); /* of 22 s, not of now */
	assert_int_equal(mv_machine_task_change(h, 20, 82).first_ns, 0);
	mv_machine_history_free(h);
}

/* A thousand rounds of a list of which half is another each time: it follows, and its answers are of the
 * newest. */
static void test_many(void **state)
{
	enum { TASKS = 2000 };
	struct mv_machine_snapshot *m = calloc(1, sizeof(*m) + TASKS * sizeof(struct mv_task));
	struct mv_task *tasks = (struct mv_task *)(m + 1);
	struct mv_machine_history *h = begin();

	(void)state;
	m->tasks.offset = sizeof(*m);
	for (uint64_t round = 1; round <= 1000; round++) {
		m->ram.at_ns = m->tasks_ns = m->taken_ns = m->taken_real_ns = round * SEC;
		m->tasks.count = round % 100 ? TASKS : 1;
		for (int i = 0; i < (int)m->tasks.count; i++)
			tasks[i] = (struct mv_task){.pid = 2 * i + (i % 2 ? (int)(round % 2) : 0) + 1,
						    .start_ticks = i % 2 ? round : 1,
						    .rss_bytes = round * MIB};
		assert_int_equal(mv_machine_history_feed(h, m), 0);
		if (m->tasks.count > 1)
			assert_int_equal(mv_machine_task_change(h, tasks[1].pid, round).first_ns,
					 round * SEC);
	}
	assert_int_equal(mv_machine_task_change(h, 1, 1).grown_bytes, 999 * MIB);
	free(m);
	mv_machine_history_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rates_and_series), cmocka_unit_test(test_sleep_stop_and_clock),
	    cmocka_unit_test(test_growth),	     cmocka_unit_test(test_swap_counts),
	    cmocka_unit_test(test_come_and_go),	     cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
