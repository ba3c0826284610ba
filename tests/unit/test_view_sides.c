/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/snapbuild_machine.h"
#include "tui/view_memory.h"
#include "tui/view_reclaim.h"
#include "tui/view_services.h"
#include "tui/view_zones.h"

/* The machine's other sides: figures of free and sar, memory cgroups, what could be reclaimed and who would
 * be killed, zones. */

#define MIB (UINT64_C(1) << 20)

static struct snapbuild_rig rig;
static struct snapbuild_task tasks[4];
static struct snapbuild_cgroup_row groups[4];
static struct snapbuild_kill kills[1];

static void build(void)
{
	snapbuild_machine_init(&rig.machine);
	tasks[0] = snapbuild_process(1, 0, "init", 0, 8);
	tasks[0].plain.flags = MV_TASK_UNKILLABLE;
	tasks[0].plain.badness_bytes = mv_val_of(0);
	tasks[1] = snapbuild_process(100, 1, "large", 1000, 900);
	tasks[2] = snapbuild_process(200, 1, "marked", 1000, 100);
	tasks[2].plain.oom_adjust = mv_val_of(1000 + 500);
	tasks[2].plain.badness_bytes = mv_val_of(5 * 1024 * MIB);
	tasks[3] = snapbuild_process(300, 1, "spared", 1000, 2000);
	tasks[3].plain.oom_adjust = mv_val_of(0);
	tasks[3].plain.flags = MV_TASK_UNKILLABLE;
	tasks[3].plain.badness_bytes = mv_val_of(0);
	groups[0] = snapbuild_cgroup("/", "/", 0, 0, 0);
	groups[0].plain.usage = mv_val_missing(MV_WHY_NOT_HERE);
	groups[1] = snapbuild_cgroup("/user", "user", 0, 1000, 2048);
	groups[2] = snapbuild_cgroup("/user/web", "web", 1, 900, 0);
	groups[2].plain.oom_kills = mv_val_of(3);
	groups[3] = snapbuild_cgroup("/empty", "empty", 0, 0, 0);
	tasks[0].plain.group = 0;
	for (int i = 1; i < 4; i++)
		tasks[i].plain.group = i == 1 ? 2 : 1;
	kills[0] = (struct snapbuild_kill){.name = "victim",
					   .group = "/user/web",
					   .limited = "/user",
					   .invoker = "asker",
					   .line = "Memory cgroup out of memory: Killed process 77 (victim)",
					   .plain = {.boot_us = 50000000,
						     .real_ns = UINT64_C(1699999950) * MV_NS_PER_SEC,
						     .constraint = MV_OOM_BY_MEMCG,
						     .pid = 77,
						     .anon = mv_val_of(60 * MIB),
						     .file = mv_val_of(2 * MIB),
						     .shmem = mv_val_of(0),
						     .tables = mv_val_of(MIB),
						     .total_vm = mv_val_of(100 * MIB),
						     .uid = mv_val_of(1000),
						     .adjust = mv_val_of(1300),
						     .reaped = true}};
	rig.machine.tasks = tasks;
	rig.machine.tasks_count = 4;
	rig.machine.groups = groups;
	rig.machine.groups_count = 4;
	rig.machine.kills = kills;
	rig.machine.kills_count = 1;
}

static int end(void **state)
{
	(void)state;
	snapbuild_rig_end(&rig);
	return 0;
}

/* ---- memory ---- */

static int start_memory(void **state)
{
	(void)state;
	build();
	snapbuild_rig_start(&rig, MV_VIEW_MEMORY, 60, 200);
	return 0;
}

static bool shows_label(const char *label)
{
	for (int y = 0; y < rig.canvas.rows; y++)
		if (strstr(snapbuild_line(&rig.canvas, y), label))
			return true;
	return false;
}

static void every_figure_is_there(void **state)
{
	(void)state;
	/* Rows enough for the longest column. */
	assert_true(snapbuild_rig_shows(&rig, "free ─"));
	for (int i = 0; i < MV_RAM_FIG__N; i++)
		if (!shows_label(mv_ram_figures[i].label))
			fail_msg("%s is not shown", mv_ram_figures[i].label);
	assert_true(snapbuild_rig_shows(&rig, "= kbmemfree"));
	assert_true(snapbuild_rig_shows(&rig, "4.0G of 8.0G (50 %) can be had without swapping"));
}

static void rates_come_with_the_second_look(void **state)
{
	(void)state;
	rig.machine.head.ram.vmstat[MV_VMSTAT_PGFAULT] = mv_val_of(2000);
	snapbuild_rig_look(&rig, 1000);
	assert_non_null(strstr(snapbuild_line(&rig.canvas, snapbuild_rig_row(&rig, "fault/s")), "2,000/s"));
	/* A counter that fell is a gap, no rate. */
	rig.machine.head.ram.vmstat[MV_VMSTAT_PGFAULT] = mv_val_of(5);
	snapbuild_rig_look(&rig, 1000);
	assert_null(strstr(snapbuild_line(&rig.canvas, snapbuild_rig_row(&rig, "fault/s")), "2,000/s"));
}

static void pressure_is_told_as_it_is(void **state)
{
	(void)state;
	rig.machine.head.ram.some.total_us = 250000;
	snapbuild_rig_look(&rig, 1000);
	assert_true(snapbuild_rig_shows(&rig, "tasks waited for memory in 25.0 % of the last interval"));
	rig.machine.head.ram.some.why = rig.machine.head.ram.full.why = MV_WHY_NO_KERNEL;
	snapbuild_rig_look(&rig, 1000);
	assert_false(snapbuild_rig_shows(&rig, "tasks waited"));
	assert_non_null(strstr(snapbuild_line(&rig.canvas, snapbuild_rig_row(&rig, "some avg10")),
			       "this kernel does not offer it"));
}

/* On a narrow screen all of it is one list, which scrolls; each figure can be reached and explained. */
static void the_cursor_reaches_every_figure(void **state)
{
	unsigned seen = 0;

	(void)state;
	assert_int_equal(mv_canvas_resize(&rig.canvas, 24, 80), 0);
	snapbuild_rig_press(&rig, "<Home>");
	assert_true(snapbuild_rig_shows(&rig, "> total"));
	while (!snapbuild_rig_shows(&rig, "> Hugetlb") && seen++ < 200)
		snapbuild_rig_press(&rig, "<Down>");
	assert_true(seen > MV_RAM_FIG__N && seen < 200);
	snapbuild_rig_press(&rig, "/vmeff<Enter>");
	assert_true(snapbuild_rig_shows(&rig, "> %vmeff"));
	snapbuild_rig_press(&rig, "w");
	assert_true(snapbuild_rig_shows(&rig, "pgsteal / (pgscank + pgscand)"));
	assert_true(snapbuild_rig_shows(&rig, "as sar -B prints it"));
}

/* ---- services ---- */

static int start_services(void **state)
{
	(void)state;
	build();
	snapbuild_rig_start(&rig, MV_VIEW_SERVICES, 40, 160);
	return 0;
}

static void limits_hold_for_what_is_below(void **state)
{
	(void)state;
	assert_true(rig.want.facts & MV_MACHINE_GROUPS);
	assert_non_null(strstr(snapbuild_line(&rig.canvas, snapbuild_rig_row(&rig, "▾ user")), "2.0G"));
	assert_non_null(strstr(snapbuild_line(&rig.canvas, snapbuild_rig_row(&rig, "  web")), "(2.0G)"));
	assert_true(snapbuild_rig_shows(&rig, "3 memory cgroups and 1 empty, v2"));
	assert_false(snapbuild_rig_shows(&rig, "  empty"));
	snapbuild_rig_press(&rig, "/web<Enter>");
	assert_true(snapbuild_rig_shows(&rig, "/user/web: 900M of 2.0G, the limit of user: 1.0G left"));
	assert_true(snapbuild_rig_shows(&rig, "3 processes killed for want of memory"));
}

/* In: the group's processes alone. Out: the same row. */
static void enter_shows_its_processes(void **state)
{
	(void)state;
	snapbuild_rig_press(&rig, "/user<Enter><Enter>");
	assert_true(snapbuild_rig_shows(&rig, "/user: 3 processes, 1000M of 2.0G"));
	assert_true(snapbuild_rig_shows(&rig, "large"));
	assert_false(snapbuild_rig_shows(&rig, " init"));
	snapbuild_rig_press(&rig, "<Esc>");
	assert_int_equal(snapbuild_rig_cursor(&rig), snapbuild_rig_row(&rig, "▾ user"));
}

static void folding_hides_what_is_below(void **state)
{
	(void)state;
	snapbuild_rig_press(&rig, "/user<Enter><Left>");
	assert_true(snapbuild_rig_shows(&rig, "▸ user"));
	assert_false(snapbuild_rig_shows(&rig, "  web"));
	snapbuild_rig_look(&rig, 1000);
	assert_true(snapbuild_rig_shows(&rig, "▸ user"));
}

static void without_cgroups_it_says_why(void **state)
{
	(void)state;
	rig.machine.groups_count = 0;
	for (int i = 0; i < 4; i++)
		tasks[i].plain.group = MV_TASK_NO_GROUP;
	rig.machine.head.groups_why = mv_val_missing(MV_WHY_NO_KERNEL);
	snapbuild_rig_look(&rig, 1000);
	assert_true(snapbuild_rig_shows(&rig, "there are no memory cgroups: this kernel does not offer it"));
	snapbuild_rig_press(&rig, "<Enter>");
	assert_true(snapbuild_rig_shows(&rig, "there is no group to open"));
}

/* ---- reclaim ---- */

static int start_reclaim(void **state)
{
	(void)state;
	build();
	snapbuild_rig_start(&rig, MV_VIEW_RECLAIM, 40, 160);
	return 0;
}

static void sums_add_up_to_all_ram(void **state)
{
	struct reclaim_sums sums;
	uint64_t sum = 0;

	(void)state;
	reclaim_sums_make(&sums, &rig.ctx);
	assert_true(sums.have);
	for (size_t i = 0; i < RECLAIM_PARTS; i++) {
		sum += sums.parts[i].bytes;
		for (size_t j = 0; j < i; j++)
			assert_true(sums.parts[i].glyph != sums.parts[j].glyph &&
				    sums.parts[i].ascii != sums.parts[j].ascii);
	}
	assert_int_equal(sum, UINT64_C(8) << 30);
	assert_true(snapbuild_rig_shows(&rig, "can be had at once"));
}

/* 104 + 1 MiB and half of 10 GiB: more than 904; init and who is set to -1000 are passed by. */
static void the_order_and_its_sum(void **state)
{
	(void)state;
	assert_true(snapbuild_rig_shows(
	    &rig, "marked 200 would be killed first: RSS 104M + swap 0 + tables 1.0M + oom_score_adj 5.0G"));
	int marked = snapbuild_rig_row(&rig, "(+500)"), large = snapbuild_rig_row(&rig, " large");
	assert_true(marked >= 0 && marked < large);
	assert_false(snapbuild_rig_shows(&rig, "spared"));
	assert_false(snapbuild_rig_shows(&rig, " init"));
	assert_int_equal(snapbuild_rig_press(&rig, "<Down><Enter>"), MV_EFFECT_OPEN);
	assert_int_equal(mv_stack_opens(rig.stack), 100);
}

static void in_a_group_its_limit_is_what_counts(void **state)
{
	(void)state;
	snapbuild_rig_press(&rig, "<Tab>");
	assert_true(snapbuild_rig_shows(&rig, "/user  1000M of 2.0G"));
	/* 500 thousandths of 2 GiB, in whole pages. */
	assert_true(snapbuild_rig_shows(&rig, "+1023M (+500)"));
	snapbuild_rig_press(&rig, "<Home><Enter>");
	assert_true(snapbuild_rig_shows(&rig, "/user: 3 processes"));
}

static void a_kill_is_told_field_by_field(void **state)
{
	(void)state;
	snapbuild_rig_press(&rig, "<Tab><Tab>");
	assert_true(snapbuild_rig_shows(&rig, "victim, pid 77, user 1000, in /user/web"));
	assert_true(snapbuild_rig_shows(
	    &rig, "a memory cgroup had reached its limit, while the machine may have had plenty: /user"));
	assert_true(snapbuild_rig_shows(&rig, "asker asked for memory when there was none"));
	assert_non_null(strstr(snapbuild_line(&rig.canvas, snapbuild_rig_row(&rig, "anon-rss")), "60.0M"));
	assert_non_null(strstr(snapbuild_line(&rig.canvas, snapbuild_rig_row(&rig, "oom_score_adj")), "300"));
	assert_true(snapbuild_rig_shows(&rig, "Killed process 77 (victim)"));
}

static void what_the_log_needs_is_said(void **state)
{
	(void)state;
	rig.machine.kills_count = 0;
	rig.machine.head.kills_why = mv_val_missing(MV_WHY_NEEDS_SYSLOG);
	snapbuild_rig_look(&rig, 1000);
	snapbuild_rig_press(&rig, "<Tab><Tab>");
	assert_true(snapbuild_rig_shows(
	    &rig, "the kernel's log can't be read: needs CAP_SYSLOG, or kernel.dmesg_restrict at 0"));
	rig.machine.head.panic_on_oom = mv_val_of(1);
	snapbuild_rig_look(&rig, 1000);
	snapbuild_rig_press(&rig, "<Tab>");
	assert_true(snapbuild_rig_shows(&rig, "the machine would panic"));
}

/* ---- zones ---- */

static int start_zones(void **state)
{
	(void)state;
	build();
	snapbuild_rig_start(&rig, MV_VIEW_ZONES, 40, 160);
	return 0;
}

static void blocks_are_counted(void **state)
{
	const struct mv_zone *z = &rig.machine.head.ram.zones[0];

	(void)state;
	assert_int_equal(zone_largest(z, 4096), 4 * MIB);
	assert_int_equal(zone_blocks(z, 4096, 2 * MIB), 510);
	assert_int_equal(zone_blocks(z, 4096, 4096), 1024 + 255 * 1024);
	assert_true(snapbuild_rig_shows(
	    &rig,
	    "the largest free block is 4M; a huge page (2M) could be had 510 times without compaction"));
	assert_true(snapbuild_rig_shows(&rig, "0 % of what is free lies in smaller blocks"));
	assert_true(snapbuild_rig_shows(&rig, "one memory node: no NUMA"));
}

static void fragmented_memory_is_seen(void **state)
{
	struct mv_zone *z = &rig.machine.head.ram.zones[0];

	(void)state;
	z->blocks[10] = 0;
	z->blocks[1] = 100;
	z->free = 1224;
	snapbuild_rig_look(&rig, 1000);
	assert_true(
	    snapbuild_rig_shows(&rig, "the largest free block is 8K; a huge page (2M) could be had 0 times"));
	assert_true(snapbuild_rig_shows(&rig, "100 % of what is free lies in smaller blocks"));
	/* Below its min mark. */
	assert_non_null(strstr(snapbuild_line(&rig.canvas, snapbuild_rig_row(&rig, "0 Normal")), "0.2"));
}

static void several_zones_have_a_sum(void **state)
{
	struct mv_ram *r = &rig.machine.head.ram;

	(void)state;
	r->zones[1] = r->zones[0];
	memcpy(r->zones[1].name, "DMA", sizeof("DMA"));
	r->zones[2] = r->zones[0];
	r->zones[2].managed = 0;
	r->zones_count = 3;
	r->nodes_count = 1;
	r->nodes[0] =
	    (struct mv_node){.total_bytes = 8192 * MIB, .hit = mv_val_of(1234567), .miss = mv_val_of(0)};
	r->huge_count = 1;
	r->huge[0] = (struct mv_huge_pool){2 * MIB, 16, 12, 2, 0};
	snapbuild_rig_look(&rig, 1000);
	assert_true(snapbuild_rig_shows(&rig, "> all zones"));
	assert_true(snapbuild_rig_shows(&rig, "could be had 1,020 times"));
	snapbuild_rig_press(&rig, "<Down>");
	assert_true(snapbuild_rig_shows(&rig, "could be had 510 times"));
	assert_true(snapbuild_rig_shows(&rig, "hit 1.2m"));
	assert_true(
	    snapbuild_rig_shows(&rig, "16 huge pages (32.0M), 12 free, 2 of these promised, 0 surplus"));
}

/* ---- all ---- */

static void any_size_can_be_drawn(void **state)
{
	static const int sizes[][2] = {{1, 1},	 {2, 7},   {3, 3},    {5, 20}, {8, 30},
				       {10, 40}, {24, 80}, {60, 200}, {9, 300}};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(sizes); i++) {
		assert_int_equal(mv_canvas_resize(&rig.canvas, sizes[i][0], sizes[i][1]), 0);
		for (const char *side = "12345"; *side; side++) {
			char key[2] = {*side, '\0'};

			snapbuild_rig_press(&rig, key);
			for (int pane = 0; pane < 3; pane++) {
				snapbuild_rig_press(&rig, "<Tab>u<Down><End>s<Home>");
				snapbuild_rig_shows(&rig, "");
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_figure_is_there, start_memory, end),
	    cmocka_unit_test_setup_teardown(rates_come_with_the_second_look, start_memory, end),
	    cmocka_unit_test_setup_teardown(pressure_is_told_as_it_is, start_memory, end),
	    cmocka_unit_test_setup_teardown(the_cursor_reaches_every_figure, start_memory, end),
	    cmocka_unit_test_setup_teardown(limits_hold_for_what_is_below, start_services, end),
	    cmocka_unit_test_setup_teardown(enter_shows_its_processes, start_services, end),
	    cmocka_unit_test_setup_teardown(folding_hides_what_is_below, start_services, end),
	    cmocka_unit_test_setup_teardown(without_cgroups_it_says_why, start_services, end),
	    cmocka_unit_test_setup_teardown(sums_add_up_to_all_ram, start_reclaim, end),
	    cmocka_unit_test_setup_teardown(the_order_and_its_sum, start_reclaim, end),
	    cmocka_unit_test_setup_teardown(in_a_group_its_limit_is_what_counts, start_reclaim, end),
	    cmocka_unit_test_setup_teardown(a_kill_is_told_field_by_field, start_reclaim, end),
	    cmocka_unit_test_setup_teardown(what_the_log_needs_is_said, start_reclaim, end),
	    cmocka_unit_test_setup_teardown(blocks_are_counted, start_zones, end),
	    cmocka_unit_test_setup_teardown(fragmented_memory_is_seen, start_zones, end),
	    cmocka_unit_test_setup_teardown(several_zones_have_a_sum, start_zones, end),
	    cmocka_unit_test_setup_teardown(any_size_can_be_drawn, start_zones, end),
	};

	return cmocka_run_group_tests_name("view_sides", tests, NULL, NULL);
}
