/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "core/crew.h"
#include "core/memcopy.h"
#include "core/stat.h"
#include "tests/unit/puppet.h"

#define PAGE PUPPET_PAGE

static struct puppet puppet;
static struct mv_source *source;
static struct mv_target *target;
static struct mv_memcopy copy;

static int set_up(void **state)
{
	(void)state;
	puppet_start(&puppet);
	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &source), 0);
	assert_int_equal(mv_target_open(source, puppet.pid, &target), 0);
	mv_memcopy_init(&copy);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mv_memcopy_release(&copy);
	mv_target_close(target);
	mv_source_free(source);
	puppet_end(&puppet);
	return 0;
}

/* What a look must not change. */
struct body {
	char statm[256];
	uint64_t minor, major, tables_kib, swap_kib;
};

static uint64_t status_field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static struct body read_body(void)
{
	struct body b = {0};
	struct mv_stat stat;
	char status[8192];

	assert_true(mv_target_read(target, MV_FILE_STATM, b.statm, sizeof(b.statm)) > 0);
	assert_int_equal(mv_stat_read(target, &stat), 0);
	b.minor = stat.minor_faults;
	b.major = stat.major_faults;
	assert_true(mv_target_read(target, MV_FILE_STATUS, status, sizeof(status)) > 0);
	b.tables_kib = status_field(status, "VmPTE:");
	b.swap_kib = status_field(status, "VmSwap:");
	return b;
}

static void assert_same_body(const struct body *a, const struct body *b)
{
	assert_string_equal(a->statm, b->statm);
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->major, b->major);
	assert_int_equal(a->tables_kib, b->tables_kib);
	assert_int_equal(a->swap_kib, b->swap_kib);
}

/* Only what is present comes, and nothing of the target changes. */
static void test_present(void **state)
{
	const uint64_t at = puppet_ask(&puppet, PUPPET_MAP, 2048, 0);
	const struct mv_range range = {at + 8, at + 2048 * PAGE - 8};
	struct mv_memcopy_cost cost;
	struct mv_range run;
	struct body before, after;
	uint64_t done = 0;

	(void)state;
	puppet_ask(&puppet, PUPPET_TOUCH, 3, at + 10 * PAGE);
	puppet_ask(&puppet, PUPPET_TOUCH, 600, at + 1000 * PAGE);
	before = read_body();
	assert_int_equal(mv_memcopy_cost(target, &range, 1, &cost), 0);
	assert_int_equal(cost.present_bytes, 603 * PAGE);
	assert_int_equal(cost.swapped_bytes, 0);
	assert_int_equal(cost.absent_bytes, (2048 - 603) * PAGE);

	assert_int_equal(mv_memcopy_plan(&copy, &range, 1), 0);
	assert_int_equal(mv_memcopy_prefault(&copy, target), 0);
	copy.done_bytes = &done;
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	after = read_body();
	assert_same_body(&before, &after);

	assert_int_equal(copy.count, 1);
	assert_int_equal(copy.at[0].start, at);
	assert_int_equal(copy.at[0].end, at + 2048 * PAGE);
	assert_int_equal(copy.at[0].present_bytes, 603 * PAGE);
	assert_int_equal(copy.at[0].absent_bytes, (2048 - 603) * PAGE);
	assert_int_equal(copy.at[0].unreadable_bytes, 0);
	assert_int_equal(done, 603 * PAGE);
	for (uint64_t p = 0; p < 2048; p++) {
		const bool there = (p >= 10 && p < 13) || (p >= 1000 && p < 1600);

		assert_int_equal(mv_memcopy_has(&copy, at + p * PAGE + 99), there);
		assert_int_equal(*mv_memcopy_at(&copy, at + p * PAGE, PAGE), there);
	}
	assert_true(mv_memcopy_run(&copy, &copy.at[0], at, at + 2048 * PAGE, &run));
	assert_int_equal(run.start, at + 10 * PAGE);
	assert_int_equal(run.end, at + 13 * PAGE);
	assert_true(mv_memcopy_run(&copy, &copy.at[0], at + 11 * PAGE + 16, at + 12 * PAGE + 8, &run));
	assert_int_equal(run.start, at + 11 * PAGE + 16);
	assert_int_equal(run.end, at + 12 * PAGE + 8);
	assert_true(mv_memcopy_run(&copy, &copy.at[0], run.end + PAGE, at + 2048 * PAGE, &run));
	assert_int_equal(run.start, at + 1000 * PAGE);
	assert_int_equal(run.end, at + 1600 * PAGE);
	assert_false(mv_memcopy_run(&copy, &copy.at[0], at + 1600 * PAGE, at + 2048 * PAGE, &run));
	assert_null(mv_memcopy_at(&copy, at - 1, 1));
	assert_null(mv_memcopy_at(&copy, at + 2048 * PAGE - 8, 9));
	assert_non_null(mv_memcopy_at(&copy, at + 2048 * PAGE - 8, 8));
	assert_false(mv_memcopy_has(&copy, at + 2048 * PAGE));
}

/* A fresh copy shows what is new, and forgets what has gone. */
static void test_again(void **state)
{
	const uint64_t at = puppet_ask(&puppet, PUPPET_MAP, 64, 0);
	const struct mv_range range = {at, at + 64 * PAGE};
	struct iovec here = {(char[1]){7}, 1}, there = {(void *)(uintptr_t)at, 1};

	(void)state;
	puppet_ask(&puppet, PUPPET_TOUCH, 2, at);
	assert_int_equal(mv_memcopy_plan(&copy, &range, 1), 0);
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	assert_int_equal(*mv_memcopy_at(&copy, at, 1), 1);
	puppet_ask(&puppet, PUPPET_TOUCH, 1, at + 63 * PAGE);
	assert_int_equal(process_vm_writev(puppet.pid, &here, 1, &there, 1, 0), 1);
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	assert_int_equal(*mv_memcopy_at(&copy, at, 1), 7);
	assert_true(mv_memcopy_has(&copy, at + 63 * PAGE));
	assert_int_equal(copy.at[0].present_bytes, 3 * PAGE);
	assert_int_equal(*mv_memcopy_at(&copy, at + PAGE, 1), 1);

	/* It goes away, all of it: every page is left out, and no byte of the old copy is seen. */
	const uint8_t *bytes = mv_memcopy_at(&copy, at, 64 * PAGE);

	puppet_ask(&puppet, PUPPET_EXEC, 0, 0);
	assert_int_equal(mv_memcopy_fill(&copy, target), -ESRCH);
	mv_target_reopen(target);
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	assert_int_equal(copy.at[0].present_bytes, 0);
	for (uint64_t i = 0; i < 64 * PAGE; i++)
		assert_int_equal(bytes[i], 0);
	puppet_end(&puppet);
	assert_int_equal(mv_memcopy_fill(&copy, target), -ESRCH);
	puppet_start(&puppet);
}

/* A part alone is as it is now; the rest stays as it was copied, and the counts add up. */
static void test_renew(void **state)
{
	const uint64_t at = puppet_ask(&puppet, PUPPET_MAP, 64, 0);
	const struct mv_range range = {at, at + 64 * PAGE};
	uint64_t byte;

	(void)state;
	puppet_ask(&puppet, PUPPET_TOUCH, 2, at);
	assert_int_equal(mv_memcopy_plan(&copy, &range, 1), 0);
	assert_int_equal(mv_memcopy_renew(&copy, target, at, at + PAGE), -EINVAL);
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	puppet_ask(&puppet, PUPPET_TOUCH, 4, at + 10 * PAGE);
	for (byte = at; byte < at + 2 * PAGE; byte += PAGE)
		assert_int_equal(process_vm_writev(puppet.pid, &(struct iovec){(char[1]){7}, 1}, 1,
						   &(struct iovec){(void *)(uintptr_t)byte, 1}, 1, 0),
				 1);
	assert_int_equal(mv_memcopy_renew(&copy, target, at + PAGE + 8, at + 12 * PAGE - 8), 0);
	assert_int_equal(*mv_memcopy_at(&copy, at, 1), 1);
	assert_int_equal(*mv_memcopy_at(&copy, at + PAGE, 1), 7);
	assert_true(mv_memcopy_has(&copy, at + 11 * PAGE));
	assert_false(mv_memcopy_has(&copy, at + 12 * PAGE));
	assert_int_equal(copy.at[0].present_bytes, 4 * PAGE);
	assert_int_equal(copy.at[0].absent_bytes, 60 * PAGE);
	/* beyond the end is cut off, and what lies in no range is refused */
	assert_int_equal(mv_memcopy_renew(&copy, target, at + 12 * PAGE, at + 99 * PAGE), 0);
	assert_int_equal(copy.at[0].present_bytes, 6 * PAGE);
	assert_int_equal(mv_memcopy_renew(&copy, target, at + 64 * PAGE, at + 65 * PAGE), -EINVAL);
}

static void test_plan(void **state)
{
	const uint64_t big = UINT64_C(1) << 36;
	const struct mv_range two[] = {
	    {big, big + 100}, {big + 200, big + 3 * PAGE}, {big + 8 * PAGE, big + 9 * PAGE}};
	const struct mv_range grown[] = {
	    {big - 3 * PAGE, big - PAGE}, {big, big + 7 * PAGE}, {big + 8 * PAGE, big + 9 * PAGE}};
	const struct mv_range wrong[] = {{big, big + PAGE}, {big - 5 * PAGE, big - PAGE}};
	const struct mv_range empty[] = {{big, big}};
	const uint8_t *first, *second;

	(void)state;
	assert_int_equal(mv_memcopy_plan(&copy, NULL, 0), 0);
	assert_null(mv_memcopy_at(&copy, big, 1));
	assert_int_equal(mv_memcopy_plan(&copy, two, 3), 0);
	assert_int_equal(copy.count, 2);
	assert_int_equal(copy.at[0].end, big + 3 * PAGE);
	first = mv_memcopy_at(&copy, big, 1);
	second = mv_memcopy_at(&copy, big + 8 * PAGE, 1);
	/* in another order: nothing has changed */
	assert_int_equal(mv_memcopy_plan(&copy, wrong, 2), -EINVAL);
	assert_ptr_equal(mv_memcopy_at(&copy, big, 1), first);
	/* what begins where it began keeps its place */
	assert_int_equal(mv_memcopy_plan(&copy, grown, 3), 0);
	assert_int_equal(copy.count, 3);
	assert_ptr_equal(mv_memcopy_at(&copy, big, 7 * PAGE), first);
	assert_ptr_equal(mv_memcopy_at(&copy, big + 8 * PAGE, PAGE), second);
	assert_non_null(mv_memcopy_at(&copy, big - 3 * PAGE, 2 * PAGE));
	assert_null(mv_memcopy_at(&copy, big - PAGE, 1));
	/* what touches is one */
	assert_int_equal(
	    mv_memcopy_plan(&copy, (struct mv_range[]){{big, big + PAGE}, {big + PAGE, big + 2 * PAGE}}, 2),
	    0);
	assert_ptr_equal(mv_memcopy_at(&copy, big, 2 * PAGE), first);
	assert_int_equal(copy.count, 1);
	assert_int_equal(mv_memcopy_plan(&copy, empty, 1), 0);
	assert_int_equal(copy.count, 0);
	/* more than there are addresses */
	assert_int_equal(mv_memcopy_plan(&copy, &(struct mv_range){0, UINT64_C(1) << 62}, 1), -ENOMEM);
	assert_int_equal(copy.count, 0);
}

static void test_deadline(void **state)
{
	const uint64_t at = puppet_ask(&puppet, PUPPET_MAP, 8, 0);
	const struct mv_range range = {at, at + 8 * PAGE};

	(void)state;
	puppet_ask(&puppet, PUPPET_TOUCH, 8, at);
	assert_int_equal(mv_memcopy_plan(&copy, &range, 1), 0);
	copy.deadline_ns = 1;
	assert_int_equal(mv_memcopy_fill(&copy, target), -ETIMEDOUT);
	copy.deadline_ns = 0;
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A process whose pages are told and of whose bytes some are known. */
struct machine {
	char dir[32];
	struct mv_source *source;
	struct mv_target *process;
};

static void make_machine(struct machine *m, const char *pages, const char *bytes)
{
	char path[64];

	strcpy(m->dir, "/tmp/mv-memcopy-XXXXXX");
	assert_non_null(mkdtemp(m->dir));
	snprintf(path, sizeof(path), "%s/7", m->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	write_file(m->dir, "7/stat", "7 (main) S 1 7 7 0 -1 64 10 0 2 0 3 4 0 0 20 0 2 0 50 4096 1\n");
	write_file(m->dir, "7/pages", pages);
	write_file(m->dir, "7/bytes", bytes);
	assert_int_equal(mv_source_new(&(struct mv_source_opts){.root = m->dir}, &m->source), 0);
	assert_int_equal(mv_target_open(m->source, 7, &m->process), 0);
}

static void drop_machine(struct machine *m)
{
	static const char *const names[] = {"7/stat", "7/pages", "7/bytes", "meminfo", "7", ""};
	char path[64];

	mv_target_close(m->process);
	mv_source_free(m->source);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", m->dir, names[i]);
		remove(path);
	}
	assert_int_equal(access(m->dir, F_OK), -1);
}

/* Swapped pages are counted apart and never asked for: this machine would refuse them all. */
static void test_swapped(void **state)
{
	struct mv_range range = {0x10000, 0x20000};
	struct mv_memcopy_cost cost;
	struct mv_memcopy c;
	struct machine m;
	uint64_t room;

	(void)state;
	make_machine(&m, "10000-12000 s\n12000-14000 p\n14000-15000 pz\n16000-18000 g\n1f000-20000 s\n",
		     "12000 0102030405060708\n13000 ff\n");
	assert_int_equal(mv_memcopy_room(m.source, &room), -ENOENT);
	write_file(m.dir, "meminfo", "MemTotal:  9000 kB\nMemAvailable:   5000 kB\n");
	assert_int_equal(mv_memcopy_room(m.source, &room), 0);
	assert_int_equal(room, 5000 * 1024);

	assert_int_equal(mv_memcopy_cost(m.process, &range, 1, &cost), 0);
	assert_int_equal(cost.present_bytes, 0x3000);
	assert_int_equal(cost.swapped_bytes, 0x3000);
	assert_int_equal(cost.zero_bytes, 0x1000);
	assert_int_equal(cost.absent_bytes, 0xa000);
	mv_memcopy_init(&c);
	assert_int_equal(mv_memcopy_plan(&c, &range, 1), 0);
	assert_int_equal(mv_memcopy_fill(&c, m.process), 0);
	assert_int_equal(c.at[0].swapped_bytes, 0x3000);
	assert_int_equal(c.at[0].present_bytes + c.at[0].unreadable_bytes, 0x3000);
	assert_int_equal(c.at[0].absent_bytes, 0xa000);
	assert_false(mv_memcopy_has(&c, 0x10000));
	assert_true(mv_memcopy_has(&c, 0x14000));
	assert_false(mv_memcopy_has(&c, 0x16000));
	mv_memcopy_release(&c);
	drop_machine(&m);
}

/* ---- by several at once ---- */

static void assert_same_copy(const struct mv_memcopy *a, const struct mv_memcopy *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct mv_memcopy_range *x = &a->at[i], *y = &b->at[i];

		assert_int_equal(x->start, y->start);
		assert_int_equal(x->end, y->end);
		assert_int_equal(x->present_bytes, y->present_bytes);
		assert_int_equal(x->swapped_bytes, y->swapped_bytes);
		assert_int_equal(x->absent_bytes, y->absent_bytes);
		assert_int_equal(x->unreadable_bytes, y->unreadable_bytes);
		assert_memory_equal(x->bytes, y->bytes, x->end - x->start);
		for (uint64_t at = x->start; at < x->end; at += PAGE)
			assert_int_equal(mv_memcopy_has(a, at), mv_memcopy_has(b, at));
	}
}

/* Runs of pages of every length up to `longest`, each page with its own number in it; then as many that are
 * not there. Returns pages that are. */
static uint64_t touch_runs(uint64_t at, uint64_t pages, uint64_t longest)
{
	uint64_t touched = 0;

	for (uint64_t p = 0, n = 1; p + n <= pages; p += 2 * n, n = n % longest + 1) {
		puppet_ask(&puppet, PUPPET_TOUCH, n, at + p * PAGE);
		touched += n;
		for (uint64_t i = p; i < p + n; i++)
			assert_int_equal(
			    process_vm_writev(
				puppet.pid, &(struct iovec){&i, sizeof(i)}, 1,
				&(struct iovec){(void *)(uintptr_t)(at + i * PAGE + 64), sizeof(i)}, 1, 0),
			    sizeof(i));
	}
	return touched;
}

/* Byte for byte and count for count as by one, the first time and again when pages have come and gone. */
static void test_at_once(void **state)
{
	enum { PAGES = 6000 };
	const uint64_t a = puppet_ask(&puppet, PUPPET_MAP, 2 * PAGES + 100, 0), b = a + (PAGES + 10) * PAGE;
	const uint64_t c = b + 10 * PAGE;
	const struct mv_range ranges[] = {{a, a + PAGES * PAGE}, {b, b + PAGE}, {c + PAGE, c + PAGES * PAGE}};
	struct mv_memcopy alone;
	uint64_t done = 0, touched;

	(void)state;
	touched = touch_runs(a, PAGES, 3) + touch_runs(c, PAGES, 700) - 1; /* its first page is in no range */
	puppet_ask(&puppet, PUPPET_TOUCH, 1, b);
	touched++;
	mv_memcopy_init(&alone);
	assert_int_equal(mv_memcopy_plan(&alone, ranges, 3), 0);
	assert_int_equal(mv_memcopy_fill(&alone, target), 0);
	assert_int_equal(mv_memcopy_plan(&copy, ranges, 3), 0);
	copy.hands = 3;
	copy.done_bytes = &done;
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	assert_int_equal(done, touched * PAGE);
	assert_same_copy(&copy, &alone);

	puppet_ask(&puppet, PUPPET_DROP, PAGES / 3, a + 77 * PAGE);
	puppet_ask(&puppet, PUPPET_TOUCH, 900, c + 1000 * PAGE);
	assert_int_equal(mv_memcopy_fill(&alone, target), 0);
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	assert_same_copy(&copy, &alone);
	mv_memcopy_release(&alone);
}

/* What is swapped, refused, of zeroes or a guard is left out and counted alike. */
static void test_at_once_left_out(void **state)
{
	const struct mv_range range = {0x100000, 0x500000};
	struct mv_memcopy alone, both;
	char pages[40960], bytes[8192];
	size_t p = 0, b = 0;
	struct machine m;

	(void)state;
	/* five kinds of pages in turn; every seventh present one has its bytes, the others are refused */
	for (uint64_t at = range.start, i = 0; at < range.end; at += 0x1000, i++) {
		static const char *const kinds[] = {"p", "s", "pz", "g", ""};

		if (kinds[i % 5][0])
			p += (size_t)snprintf(pages + p, sizeof(pages) - p, "%lx-%lx %s\n", (unsigned long)at,
					      (unsigned long)at + 0x1000, kinds[i % 5]);
		if (i % 35 == 0)
			b += (size_t)snprintf(bytes + b, sizeof(bytes) - b, "%lx %02lx\n", (unsigned long)at,
					      (unsigned long)i / 35 + 1);
	}
	make_machine(&m, pages, bytes);
	mv_memcopy_init(&alone);
	mv_memcopy_init(&both);
	both.hands = 2;
	assert_int_equal(mv_memcopy_plan(&alone, &range, 1), 0);
	assert_int_equal(mv_memcopy_plan(&both, &range, 1), 0);
	assert_int_equal(mv_memcopy_fill(&alone, m.process), 0);
	assert_int_equal(mv_memcopy_fill(&both, m.process), 0);
	assert_int_equal(both.at[0].swapped_bytes, 205 * 0x1000);
	assert_true(both.at[0].unreadable_bytes > 0);
	assert_same_copy(&both, &alone);
	mv_memcopy_release(&alone);
	mv_memcopy_release(&both);
	drop_machine(&m);
}

struct killer {
	uint64_t done; /* bytes that have come */
	bool over;
};

/* Ends the puppet when some bytes have come. */
static void *be_killer(void *arg)
{
	struct killer *const k = arg;

	while (!__atomic_load_n(&k->done, __ATOMIC_RELAXED) && !__atomic_load_n(&k->over, __ATOMIC_RELAXED))
		sched_yield();
	kill(puppet.pid, SIGKILL);
	return NULL;
}

/* A deadline and the target's end are the same errors, whoever of them meets it. */
static void test_at_once_ends(void **state)
{
	enum { PAGES = 16384 };
	const uint64_t at = puppet_ask(&puppet, PUPPET_MAP, PAGES, 0);
	const struct mv_range range = {at, at + PAGES * PAGE};
	struct killer killer = {0};
	pthread_t thread;
	int r;

	(void)state;
	puppet_ask(&puppet, PUPPET_TOUCH, PAGES, at);
	assert_int_equal(mv_memcopy_plan(&copy, &range, 1), 0);
	copy.hands = 2;
	copy.deadline_ns = 1;
	assert_int_equal(mv_memcopy_fill(&copy, target), -ETIMEDOUT);
	assert_true(copy.at[0].present_bytes < PAGES * PAGE);
	copy.deadline_ns = 0;
	assert_int_equal(mv_memcopy_fill(&copy, target), 0);
	assert_int_equal(copy.at[0].present_bytes, PAGES * PAGE);

	/* In the midst of it; or, if it dies slowly, all has come. */
	copy.done_bytes = &killer.done;
	assert_int_equal(pthread_create(&thread, NULL, be_killer, &killer), 0);
	r = mv_memcopy_fill(&copy, target);
	__atomic_store_n(&killer.over, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (r != -ESRCH)
		assert_int_equal(r, 0);
	assert_int_equal(waitpid(puppet.pid, NULL, 0), puppet.pid);
	puppet.pid = 0;
	assert_int_equal(mv_memcopy_fill(&copy, target), -ESRCH);
	puppet_end(&puppet);
	puppet_start(&puppet);
}

/* A few MiB are not worth a thread. */
static void test_hands(void **state)
{
	(void)state;
	assert_int_equal(mv_memcopy_hands(0), 1);
	assert_int_equal(mv_memcopy_hands((uint64_t)4 << 20), 1);
	assert_int_equal(mv_memcopy_hands((uint64_t)64 << 20), mv_crew_hands());
}

static void test_room(void **state)
{
	uint64_t room = 0;

	(void)state;
	assert_int_equal(mv_memcopy_room(source, &room), 0);
	assert_true(room > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_present, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_renew, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_plan, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_swapped, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_at_once, set_up, tear_down),
	    cmocka_unit_test(test_at_once_left_out),
	    cmocka_unit_test_setup_teardown(test_at_once_ends, set_up, tear_down),
	    cmocka_unit_test(test_hands),
	    cmocka_unit_test_setup_teardown(test_room, set_up, tear_down),
	};

	puppet_if_executed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
