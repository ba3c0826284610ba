/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/oom.h"

#define PAGE  4096
#define TOTAL UINT64_C(2000000) /* pages of RAM and swap */
#define NONE  MV_TASK_NO_GROUP

static struct mv_task task(int pid, uint64_t rss_pages, int adjust)
{
	return (struct mv_task){
	    .pid = pid,
	    .start_ticks = (uint64_t)pid,
	    .group = NONE,
	    .rss_bytes = rss_pages * PAGE,
	    .oom_adjust = mv_val_of((uint64_t)(1000 + adjust)),
	    .swap_bytes = mv_val_of(0),
	    .tables_bytes = mv_val_of(0),
	};
}

static void test_badness(void **state)
{
	struct mv_task t = task(5, 1000, 0);

	(void)state;
	t.swap_bytes = mv_val_of(200 * PAGE);
	t.tables_bytes = mv_val_of(30 * PAGE);
	assert_int_equal(mv_oom_badness(&t, PAGE, TOTAL), 1230);
	t.oom_adjust = mv_val_of(1000 + 300);
	assert_int_equal(mv_oom_badness(&t, PAGE, TOTAL), 1230 + 300 * 2000);
	t.oom_adjust = mv_val_of(1000 - 999);
	assert_int_equal(mv_oom_badness(&t, PAGE, TOTAL), 1230 - 999 * 2000);
	/* Missing counts as none. */
	t = task(5, 1000, 0);
	t.oom_adjust = t.swap_bytes = t.tables_bytes = mv_val_missing(MV_WHY_NOT_READ);
	assert_int_equal(mv_oom_badness(&t, PAGE, TOTAL), 1000);
}

static void test_passed_by(void **state)
{
	static const uint32_t flags[] = {MV_TASK_KERNEL, MV_TASK_ZOMBIE, MV_TASK_UNKILLABLE};
	struct mv_task t = task(5, 1000, -1000);

	(void)state;
	assert_int_equal(mv_oom_badness(&t, PAGE, TOTAL), 0);
	for (size_t i = 0; i < MV_COUNT_OF(flags); i++) {
		t = task(5, 1000, 500);
		t.flags = flags[i];
		assert_int_equal(mv_oom_badness(&t, PAGE, TOTAL), 0);
	}
	/* One that has nothing can still be taken, when all others are passed by. */
	t = task(5, 0, 0);
	assert_true(mv_oom_badness(&t, PAGE, TOTAL) < 0);
	assert_int_equal(mv_oom_scale(mv_oom_badness(&t, PAGE, TOTAL), TOTAL), 666);
}

static void test_scale(void **state)
{
	(void)state;
	assert_int_equal(mv_oom_scale(0, TOTAL), 0);
	assert_int_equal(mv_oom_scale(1, TOTAL), 666);
	assert_int_equal(mv_oom_scale((int64_t)TOTAL / 2, TOTAL), 1000);
	assert_int_equal(mv_oom_scale((int64_t)TOTAL, TOTAL), 1333);
	assert_int_equal(mv_oom_scale((int64_t)TOTAL * 2, TOTAL), 2000);
	assert_int_equal(mv_oom_scale(-(int64_t)TOTAL / 2, TOTAL), 333);
	assert_int_equal(mv_oom_scale(-(int64_t)TOTAL * 2, TOTAL), 0);
	assert_int_equal(mv_oom_scale(100, 0), 0);
}

/* A picture of tasks and groups, as lies in memory. */
struct picture {
	struct mv_machine_snapshot m;
	struct mv_task tasks[6];
	struct mv_group groups[4];
	char text[8];
};

static void lay_out(struct picture *p)
{
	p->m.magic = MV_MACHINE_MAGIC;
	p->m.length = sizeof(*p);
	p->m.page_bytes = PAGE;
	p->m.ticks_per_sec = 100;
	p->m.total_pages = TOTAL;
	p->m.tasks = (struct mv_section){offsetof(struct picture, tasks), MV_COUNT_OF(p->tasks)};
	p->m.groups = (struct mv_section){offsetof(struct picture, groups), MV_COUNT_OF(p->groups)};
	p->m.kills = p->m.stretches = p->m.cells = (struct mv_section){offsetof(struct picture, text), 0};
	p->m.text = (struct mv_section){offsetof(struct picture, text), sizeof(p->text)};
	for (uint32_t i = 1; i < 4; i++)
		p->groups[i] = (struct mv_group){.parent = i == 3 ? 1 : 0, .depth = i == 3 ? 2 : 1};
	for (uint32_t i = 0; i < 4; i++)
		p->groups[i].limit = mv_val_missing(MV_WHY_NO_LIMIT);
}

static void assert_order(const struct picture *p, uint32_t group, size_t n, const uint32_t *want)
{
	uint32_t got[8];

	assert_int_equal(mv_machine_check(&p->m, sizeof(*p)), 0);
	assert_int_equal(mv_oom_order(&p->m, group, got, MV_COUNT_OF(got)), n);
	assert_memory_equal(got, want, n * sizeof(*want));
	/* No more than there is room for. */
	got[1] = 77;
	assert_int_equal(mv_oom_order(&p->m, group, got, 1), 1);
	assert_int_equal(got[0], want[0]);
	assert_int_equal(got[1], 77);
}

static void test_order(void **state)
{
	struct picture p = {0};
	uint32_t none[2];

	(void)state;
	lay_out(&p);
	p.tasks[0] = task(1, 90000, 0);
	p.tasks[0].flags = MV_TASK_UNKILLABLE;
	p.tasks[1] = task(20, 50000, 0);
	p.tasks[2] = task(21, 80000, -100);
	p.tasks[3] = task(22, 100, 100);
	p.tasks[4] = task(23, 50000, 0);
	p.tasks[5] = task(24, 60000, 0);
	/* Of 20 and 23, which are equal, the kernel takes the later one. 21 has 200000 pages less than none.
	 */
	assert_order(&p, NONE, 5, (const uint32_t[]){3, 5, 4, 1, 2});

	/* In group 1 and below: against its limit the adjustments weigh less. */
	p.tasks[1].group = 1;
	p.tasks[2].group = 3;
	p.tasks[3].group = 1;
	p.tasks[4].group = 2;
	p.groups[1].limit = mv_val_of(UINT64_C(100000) * PAGE);
	assert_order(&p, 1, 3, (const uint32_t[]){2, 1, 3});
	/* Swap that the group may use counts as well; as much as the machine has of it. */
	p.m.ram.meminfo[MV_MEM_SWAP_TOTAL] = mv_val_of(UINT64_C(500000) * PAGE);
	p.groups[1].swap_limit = mv_val_missing(MV_WHY_NO_LIMIT);
	assert_order(&p, 1, 3, (const uint32_t[]){3, 1, 2});
	p.groups[1].swap_limit = mv_val_of(0);
	assert_order(&p, 1, 3, (const uint32_t[]){2, 1, 3});
	assert_order(&p, 3, 1, (const uint32_t[]){2});
	assert_int_equal(mv_oom_order(&p.m, 4, none, 2), 0);
	p.tasks[4].flags = MV_TASK_KERNEL;
	assert_int_equal(mv_oom_order(&p.m, 2, none, 2), 0);
}

static void test_frees(void **state)
{
	struct mv_task t = task(5, 1000, 0);
	struct mv_val v;

	(void)state;
	v = mv_oom_frees(&t);
	assert_int_equal(v.why, MV_WHY_NOT_READ);
	t.anon_bytes = mv_val_of(700 * PAGE);
	t.swap_bytes = mv_val_of(50 * PAGE);
	t.tables_bytes = mv_val_of(3 * PAGE);
	v = mv_oom_frees(&t);
	assert_int_equal(v.value, 753 * PAGE);
}

static void assert_val(struct mv_val got, uint64_t want)
{
	assert_int_equal(got.why, MV_WHY_HAVE);
	assert_int_equal(got.value, want);
}

static void test_reclaim(void **state)
{
	struct mv_ram ram = {0};
	struct mv_reclaim r = mv_reclaim_of(&ram);

	(void)state;
	assert_int_equal(r.cache_clean.why, MV_WHY_NOT_READ);
	assert_int_equal(r.swappable.why, MV_WHY_NOT_READ);
	assert_int_equal(r.reserve.why, MV_WHY_NOT_READ);
#define SET(id, v) ram.meminfo[MV_MEM_##id] = mv_val_of(v)
	SET(TOTAL, UINT64_C(300) << 20);
	SET(ACTIVE_FILE, 1000);
	SET(INACTIVE_FILE, 500);
	SET(DIRTY, 70);
	SET(WRITEBACK, 30);
	SET(SRECLAIMABLE, 44);
	SET(ACTIVE_ANON, 600);
	SET(INACTIVE_ANON, 400);
	SET(SWAP_FREE, 300);
	SET(UNEVICTABLE, 20);
	SET(SUNRECLAIM, 5);
	SET(KSTACK, 6);
	SET(TABLES, 7);
	SET(PERCPU, 8);
	SET(VMALLOC_USED, 90);
	SET(HUGE_TOTAL, 3);
	SET(HUGE_SIZE, 2 << 20);
	ram.meminfo[MV_MEM_HUGETLB] = mv_val_missing(MV_WHY_NO_KERNEL);
	ram.meminfo[MV_MEM_SEC_TABLES] = mv_val_missing(MV_WHY_NO_KERNEL);
	ram.zones_why = MV_WHY_HAVE;
	ram.zones_count = 2;
	ram.zones[0] = (struct mv_zone){.managed = 800, .low = 10};
	ram.zones[1] = (struct mv_zone){.managed = 4000, .low = 5};
	r = mv_reclaim_of(&ram);
	assert_val(r.cache_clean, 1400);
	assert_val(r.cache_dirty, 100);
	assert_val(r.slab, 44);
	assert_val(r.swappable, 300);
	assert_val(r.stuck_anon, 700);
	assert_val(r.locked, 20);
	assert_val(r.kernel, 5 + 90 + 7 + 8); /* stacks are in what vmalloc maps */
	assert_val(r.huge, 6 << 20);
	assert_val(r.reserve, 15 * 65536); /* 300 MiB are 4800 pages: of 64 KiB each */
	SET(SWAP_FREE, 5000);
	SET(DIRTY, 4000);
	SET(HUGETLB, 123);
	r = mv_reclaim_of(&ram);
	assert_val(r.swappable, 1000);
	assert_val(r.stuck_anon, 0);
	assert_val(r.cache_clean, 0);
	assert_val(r.cache_dirty, 1500);
	assert_val(r.huge, 123);
#undef SET
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_badness), cmocka_unit_test(test_passed_by), cmocka_unit_test(test_scale),
	    cmocka_unit_test(test_order),   cmocka_unit_test(test_frees),     cmocka_unit_test(test_reclaim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
