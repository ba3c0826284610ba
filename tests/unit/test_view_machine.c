/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/snapbuild_machine.h"
#include "tui/view_machine.h"

/* The machine view: RAM in parts, the processes in their order, filters, trees, and the way into a process.
 */

#define MIB (UINT64_C(1) << 20)

static struct snapbuild_rig rig;
static struct snapbuild_task tasks[8];
static struct snapbuild_cgroup_row groups[3];

static int start(void **state)
{
	(void)state;
	snapbuild_machine_init(&rig.machine);
	tasks[0] = snapbuild_process(1, 0, "init", 0, 8);
	tasks[1] = snapbuild_process(2, 0, "kthreadd", 0, 0);
	tasks[1].plain.flags = MV_TASK_KERNEL;
	tasks[2] = snapbuild_process(100, 1, "large", 1000, 900);
	tasks[3] = snapbuild_process(200, 1, "shell", 1000, 16);
	tasks[4] = snapbuild_process(210, 200, "leaker", 1000, 60);
	tasks[5] = snapbuild_process(300, 1, "daemon", 33, 120);
	tasks[6] = snapbuild_process(400, 200, "late", 1000, 1);
	groups[0] = snapbuild_cgroup("/", "/", 0, 0, 0);
	groups[1] = snapbuild_cgroup("/user", "user", 0, 1000, 2048);
	groups[2] = snapbuild_cgroup("/daemon.service", "daemon.service", 0, 130, 0);
	for (int i = 0; i < 6; i++)
		tasks[i].plain.group = i == 5 ? 2 : i < 2 ? 0 : 1;
	rig.machine.tasks = tasks;
	rig.machine.tasks_count = 6;
	rig.machine.groups = groups;
	rig.machine.groups_count = 3;
	snapbuild_rig_start(&rig, MV_VIEW_MACHINE, 30, 160);
	return 0;
}

static int end(void **state)
{
	(void)state;
	snapbuild_rig_end(&rig);
	return 0;
}

static void parts_add_up_to_all_ram(void **state)
{
	struct mv_share parts[MV_RAM_PART__N];
	uint64_t sum = 0;

	(void)state;
	assert_true(mv_ram_parts(&rig.ctx, parts));
	for (int i = 0; i < MV_RAM_PART__N; i++)
		sum += parts[i].bytes;
	assert_int_equal(sum, UINT64_C(8) << 30);
	/* cache = Cached + SReclaimable, shared inside it. */
	assert_int_equal(parts[MV_RAM_PART_SHARED].bytes, 512 * MIB);
	assert_int_equal(parts[MV_RAM_PART_CACHE].bytes, (3072 + 256 - 512) * MIB);
	assert_true(snapbuild_rig_shows(&rig, "available 4.0G"));
	assert_true(snapbuild_rig_shows(&rig, "used 4.0G"));
	assert_true(snapbuild_rig_shows(&rig, "shared 512M"));
	assert_true(snapbuild_rig_shows(&rig, "512M of 2.0G"));
	/* Each part has a glyph of its own. */
	for (int i = 0; i < MV_RAM_PART__N; i++)
		for (int j = 0; j < i; j++)
			assert_true(parts[i].glyph != parts[j].glyph && parts[i].ascii != parts[j].ascii &&
				    parts[i].role != parts[j].role);
}

static void without_available_there_is_no_mark(void **state)
{
	(void)state;
	rig.machine.head.ram.meminfo[MV_MEM_AVAILABLE] = mv_val_missing(MV_WHY_NO_KERNEL);
	snapbuild_rig_look(&rig, 1000);
	assert_false(snapbuild_rig_shows(&rig, "available"));
	assert_true(snapbuild_rig_shows(&rig, "free 1.0G"));
}

/* In each of ten looks it is larger: it stands first, above what is fifteen times as large; and it is said in
 * words. */
static void who_only_grows_stands_first(void **state)
{
	(void)state;
	assert_true(snapbuild_rig_row(&rig, "large") < snapbuild_rig_row(&rig, "leaker"));
	assert_true(snapbuild_rig_shows(&rig, "no process only grows"));
	for (int i = 0; i < 10; i++) {
		tasks[4].plain.rss_bytes += 4 * MIB;
		tasks[2].plain.rss_bytes = (i % 2 ? 960 : 860) * MIB;
		snapbuild_rig_look(&rig, 1000);
	}
	int leaker = snapbuild_rig_row(&rig, "1 leaker"), large = snapbuild_rig_row(&rig, "1 large");
	assert_true(leaker >= 0 && leaker < large);
	assert_true(large < snapbuild_rig_row(&rig, "daemon"));
	assert_true(
	    snapbuild_rig_shows(&rig, "leaker 210 only grows: +40.0M in 10 s, 4.0M/s; available RAM lasts"));
	assert_true(strstr(snapbuild_line(&rig.canvas, leaker), "^") != NULL);
	assert_true(strstr(snapbuild_line(&rig.canvas, leaker), "+4.0M/s") != NULL);
}

static void kernel_threads_are_shown_on_demand(void **state)
{
	(void)state;
	assert_false(snapbuild_rig_shows(&rig, "[kthreadd]"));
	assert_true(snapbuild_rig_shows(&rig, "5 processes   1 kernel thread not shown"));
	snapbuild_rig_press(&rig, "f<Space><Esc>");
	assert_true(snapbuild_rig_shows(&rig, "[kthreadd]"));
}

static void users_and_names_filter(void **state)
{
	struct mv_user_name user = {.uid = 33, .name = MV_TEXT("www")};

	(void)state;
	rig.ctx.users = &user;
	rig.ctx.users_count = 1;
	rig.ctx.own_uid = 33;
	rig.ctx.own_uid_known = true;
	/* Kernel threads, a name, all, mine. */
	snapbuild_rig_press(&rig, "fjjj<Enter><Esc>");
	assert_true(snapbuild_rig_shows(&rig, "1 process of www, 4 others not shown (f)"));
	assert_false(snapbuild_rig_shows(&rig, "large"));
	snapbuild_rig_press(&rig, "fjj<Enter><Esc>");
	assert_true(snapbuild_rig_shows(&rig, "large"));
	/* As `memview NAME` does where several bear it. */
	mv_stack_filter(rig.stack, &rig.ctx, "e");
	assert_true(snapbuild_rig_shows(&rig, "4 processes with e, 1 other not shown (f)"));
	assert_true(snapbuild_rig_shows(&rig, "leaker"));
	assert_false(snapbuild_rig_shows(&rig, " init"));
}

/* What is selected is a process, not a row: it stays when others come and go and the order changes. */
static void the_cursor_stays_on_its_process(void **state)
{
	(void)state;
	snapbuild_rig_press(&rig, "/shell<Enter>");
	assert_int_equal(snapbuild_rig_cursor(&rig), snapbuild_rig_row(&rig, "shell"));
	tasks[3].plain.rss_bytes = 2000 * MIB;
	rig.machine.tasks_count = 7;
	snapbuild_rig_look(&rig, 1000);
	assert_int_equal(snapbuild_rig_cursor(&rig), snapbuild_rig_row(&rig, "1 shell"));
	assert_int_equal(snapbuild_rig_press(&rig, "<Enter>"), MV_EFFECT_OPEN);
	assert_int_equal(mv_stack_opens(rig.stack), 200);
}

/* Nobody has chosen: the cursor is on whoever comes first. */
static void before_it_is_moved_the_cursor_is_on_the_first(void **state)
{
	(void)state;
	assert_int_equal(snapbuild_rig_cursor(&rig), snapbuild_rig_row(&rig, "large"));
	tasks[5].plain.rss_bytes = 2000 * MIB;
	snapbuild_rig_look(&rig, 1000);
	assert_int_equal(snapbuild_rig_cursor(&rig), snapbuild_rig_row(&rig, "daemon"));
}

static void a_number_finds_its_process_alone(void **state)
{
	(void)state;
	snapbuild_rig_press(&rig, "/10<Enter>");
	assert_true(snapbuild_rig_shows(&rig, "no process that is shown has this name or PID"));
	snapbuild_rig_press(&rig, "/210<Enter>");
	assert_int_equal(snapbuild_rig_cursor(&rig), snapbuild_rig_row(&rig, "leaker"));
}

static void below_their_parents(void **state)
{
	(void)state;
	snapbuild_rig_press(&rig, "x");
	assert_true(snapbuild_rig_shows(&rig, "▾ init"));
	assert_true(snapbuild_rig_shows(&rig, "▾ shell"));
	assert_int_equal(snapbuild_rig_row(&rig, "leaker"), snapbuild_rig_row(&rig, "shell") + 1);
	/* Folded, it says how many are below; opened again, they are there. */
	snapbuild_rig_press(&rig, "/shell<Enter><Left>");
	assert_true(snapbuild_rig_shows(&rig, "▸ shell (+1)"));
	assert_false(snapbuild_rig_shows(&rig, "leaker"));
	snapbuild_rig_press(&rig, "<Right>");
	assert_true(snapbuild_rig_shows(&rig, "leaker"));
}

static void a_ring_of_parents_ends(void **state)
{
	(void)state;
	tasks[3].plain.ppid = 210;
	snapbuild_rig_look(&rig, 1000);
	snapbuild_rig_press(&rig, "x");
	assert_true(snapbuild_rig_shows(&rig, "shell"));
	assert_true(snapbuild_rig_shows(&rig, "leaker"));
	assert_true(snapbuild_rig_shows(&rig, "5 processes"));
}

static void folded_into_their_services(void **state)
{
	(void)state;
	snapbuild_rig_press(&rig, "xx");
	assert_true(rig.want.facts & MV_MACHINE_GROUPS);
	assert_true(snapbuild_rig_shows(&rig, "▸ user (3)  1000M of 2.0G"));
	assert_true(snapbuild_rig_shows(&rig, "▸ daemon.service (1)  130M"));
	assert_false(snapbuild_rig_shows(&rig, "leaker"));
	/* The sum of its three: 900 + 16 + 60 and 4 MiB of files each. */
	assert_non_null(strstr(snapbuild_line(&rig.canvas, snapbuild_rig_row(&rig, "▸ user")), " 988M"));
	snapbuild_rig_press(&rig, "<Enter>");
	assert_true(snapbuild_rig_shows(&rig, "leaker"));
}

/* Reading a process's PSS costs: only the rows in sight, and only while the column is there. */
static void pss_is_wanted_of_visible_rows_alone(void **state)
{
	(void)state;
	assert_int_equal(rig.want.visible_count, 5);
	for (uint32_t i = 0; i < rig.want.visible_count; i++)
		assert_int_not_equal(rig.want.visible[i], 2);
	/* Six down: PSS. */
	snapbuild_rig_press(&rig, "Cjjjjjj<Space><Esc>");
	assert_false(snapbuild_rig_shows(&rig, " PSS"));
	assert_int_equal(rig.want.visible_count, 0);
}

static void what_cannot_be_seen_is_said(void **state)
{
	(void)state;
	rig.machine.head.tasks_hidden = 1;
	rig.machine.head.tasks_left_out = 12;
	rig.machine.head.ram.container_limit = mv_val_of(512 * MIB);
	rig.machine.head.ram.container_usage = mv_val_of(500 * MIB);
	snapbuild_rig_look(&rig, 1000);
	assert_true(snapbuild_rig_shows(&rig, "others' are hidden: /proc is mounted with hidepid"));
	assert_true(snapbuild_rig_shows(&rig, "12 more have no room here"));
	assert_true(snapbuild_rig_shows(&rig, "500M of 512M"));
}

static void no_swap_no_bar(void **state)
{
	(void)state;
	rig.machine.head.ram.meminfo[MV_MEM_SWAP_TOTAL] = rig.machine.head.ram.meminfo[MV_MEM_SWAP_FREE] =
	    mv_val_of(0);
	snapbuild_rig_look(&rig, 1000);
	assert_true(snapbuild_rig_shows(&rig, "swap none"));
	assert_false(snapbuild_rig_shows(&rig, " of 2.0G"));
}

static void any_size_can_be_drawn(void **state)
{
	static const int sizes[][2] = {{1, 1},	 {2, 7},   {3, 3},    {5, 20}, {8, 30},
				       {10, 40}, {24, 80}, {60, 200}, {9, 300}};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(sizes); i++) {
		assert_int_equal(mv_canvas_resize(&rig.canvas, sizes[i][0], sizes[i][1]), 0);
		snapbuild_rig_press(&rig, "j");
		snapbuild_rig_shows(&rig, "");
		snapbuild_rig_press(&rig, "xC");
		snapbuild_rig_shows(&rig, "");
		snapbuild_rig_press(&rig, "<Esc>");
	}
}

static void an_empty_picture_says_what_is_done(void **state)
{
	(void)state;
	rig.machine.tasks_count = 0;
	rig.machine.head.tasks_ns = 0;
	snapbuild_rig_look(&rig, 1000);
	assert_true(snapbuild_rig_shows(&rig, "reading the processes"));
	snapbuild_rig_press(&rig, "<Enter>");
	assert_true(snapbuild_rig_shows(&rig, "there is no process to open"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(parts_add_up_to_all_ram, start, end),
	    cmocka_unit_test_setup_teardown(without_available_there_is_no_mark, start, end),
	    cmocka_unit_test_setup_teardown(who_only_grows_stands_first, start, end),
	    cmocka_unit_test_setup_teardown(kernel_threads_are_shown_on_demand, start, end),
	    cmocka_unit_test_setup_teardown(users_and_names_filter, start, end),
	    cmocka_unit_test_setup_teardown(the_cursor_stays_on_its_process, start, end),
	    cmocka_unit_test_setup_teardown(before_it_is_moved_the_cursor_is_on_the_first, start, end),
	    cmocka_unit_test_setup_teardown(a_number_finds_its_process_alone, start, end),
	    cmocka_unit_test_setup_teardown(below_their_parents, start, end),
	    cmocka_unit_test_setup_teardown(a_ring_of_parents_ends, start, end),
	    cmocka_unit_test_setup_teardown(folded_into_their_services, start, end),
	    cmocka_unit_test_setup_teardown(pss_is_wanted_of_visible_rows_alone, start, end),
	    cmocka_unit_test_setup_teardown(what_cannot_be_seen_is_said, start, end),
	    cmocka_unit_test_setup_teardown(no_swap_no_bar, start, end),
	    cmocka_unit_test_setup_teardown(any_size_can_be_drawn, start, end),
	    cmocka_unit_test_setup_teardown(an_empty_picture_says_what_is_done, start, end),
	};

	return cmocka_run_group_tests_name("view_machine", tests, NULL, NULL);
}
