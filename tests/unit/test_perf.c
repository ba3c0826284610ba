/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/perf.h"
#include "tests/unit/puppet.h"

/* ---- records, word by word ---- */

static struct {
	uint64_t words[64];
	size_t count;
} built;

static void put(uint64_t word)
{
	assert_true(built.count < MV_COUNT_OF(built.words));
	built.words[built.count++] = word;
}

static void begin(uint32_t type, uint16_t misc)
{
	memset(&built, 0, sizeof(built));
	put((uint64_t)misc << 32 | type);
}

static uint64_t pair(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

static void trailer(void)
{
	put(pair(100, 101)); /* pid tid */
	put(5000);	     /* time */
	put(3);		     /* cpu */
	put(77);	     /* id */
}

/* The same in all samples. */
static void begin_sample(uint16_t misc)
{
	begin(PERF_RECORD_SAMPLE, misc);
	put(77);
	put(0x401000);
	put(pair(100, 101));
	put(5000);
	put(0x7f0000001008);
	put(3);
}

static void put_regs(uint64_t abi)
{
	put(abi);
	for (uint64_t i = 0; i < MV_REGS; i++)
		put(0x1000 + i);
}

static void put_stack(uint64_t size, uint64_t used)
{
	put(size);
	for (uint64_t i = 0; i < size / 8; i++)
		put(0x2000 + i);
	put(used);
}

static int decode(struct mv_perf_record *r)
{
	const size_t size = built.count * 8;

	built.words[0] |= (uint64_t)size << 48;
	memset(r, 0, sizeof(*r));
	return mv_perf_decode(built.words, size, r);
}

static void assert_common(const struct mv_perf_record *r)
{
	assert_int_equal(r->kind, MV_PERF_SAMPLE);
	assert_int_equal(r->id, 77);
	assert_int_equal(r->ip, 0x401000);
	assert_int_equal(r->pid, 100);
	assert_int_equal(r->tid, 101);
	assert_int_equal(r->at_ns, 5000);
	assert_int_equal(r->addr, 0x7f0000001008);
	assert_int_equal(r->cpu, 3);
}

static void test_plain_samples(void **state)
{
	struct mv_perf_record r;

	(void)state;
	begin_sample(PERF_RECORD_MISC_USER);
	assert_int_equal(decode(&r), 1);
	assert_common(&r);
	assert_int_equal(r.event, MV_PERF_MINOR);
	assert_false(r.in_kernel);
	assert_false(r.has_regs);
	assert_null(r.stack);
	begin_sample(PERF_RECORD_MISC_KERNEL);
	put(0);
	assert_int_equal(decode(&r), 1);
	assert_common(&r);
	assert_int_equal(r.event, MV_PERF_MAJOR);
	assert_true(r.in_kernel);
	begin_sample(PERF_RECORD_MISC_USER);
	put(0x5080021);
	put(0);
	assert_int_equal(decode(&r), 1);
	assert_int_equal(r.event, MV_PERF_CPU);
	assert_false(r.has_regs);
	begin_sample(PERF_RECORD_MISC_USER);
	for (int i = 0; i < 3; i++)
		put(7);
	assert_int_equal(decode(&r), -EBADMSG);
}

/* Each kind of event with a stack behind it, and a stack that is only partly used. */
static void test_stacks(void **state)
{
	/* As <asm/perf_regs.h> orders them, and as struct mv_regs does. */
	static const uint8_t place[MV_REGS] = {0, 3, 2, 1, 4, 5, 6, 7, 16, 8, 9, 10, 11, 12, 13, 14, 15};
	struct mv_perf_record r;

	(void)state;
	for (uint32_t event = MV_PERF_MINOR; MV_REGS_HERE && event <= MV_PERF_CPU; event++) {
		begin_sample(PERF_RECORD_MISC_USER);
		put_regs(PERF_SAMPLE_REGS_ABI_64);
		put_stack(64, 40);
		for (uint32_t i = 0; i < event; i++)
			put(0);
		assert_int_equal(decode(&r), 1);
		assert_common(&r);
		assert_int_equal(r.event, event);
		assert_true(r.has_regs);
		for (size_t i = 0; i < MV_REGS; i++)
			assert_int_equal(r.regs.r[place[i]], 0x1000 + i);
		assert_int_equal(r.regs.r[MV_REG_SP], 0x1007);
		assert_int_equal(r.regs.r[MV_REG_PC], 0x1008);
		assert_int_equal(r.regs.r[MV_REG_BP], 0x1006);
		assert_int_equal(r.stack_bytes, 40);
		assert_memory_equal(r.stack, (uint64_t[]){0x2000}, 8);
		/* Neither registers nor a stack could be had. */
		begin_sample(PERF_RECORD_MISC_USER);
		put(PERF_SAMPLE_REGS_ABI_NONE);
		put(0);
		for (uint32_t i = 0; i < event; i++)
			put(i == 0 && event == MV_PERF_CPU ? 0x5080021 : 0);
		assert_int_equal(decode(&r), 1);
		assert_int_equal(r.event, event);
		assert_false(r.has_regs);
		assert_int_equal(r.stack_bytes, 0);
	}
}

static void test_32_bit(void **state)
{
	struct mv_perf_record r;

	(void)state;
	if (!MV_REGS_HERE)
		return;
	begin_sample(PERF_RECORD_MISC_USER);
	put_regs(PERF_SAMPLE_REGS_ABI_32);
	put_stack(64, 64);
	assert_int_equal(decode(&r), 1);
	assert_common(&r);
	assert_false(r.has_regs);
	assert_int_equal(r.stack_bytes, 0);
}

static void test_bad_stacks(void **state)
{
	struct mv_perf_record r;

	(void)state;
	begin_sample(0);
	put_regs(3); /* no such machine */
	put_stack(8, 8);
	assert_int_equal(decode(&r), -EBADMSG);
	begin_sample(0);
	put_regs(PERF_SAMPLE_REGS_ABI_64);
	put_stack(64, 65); /* more used than there is */
	assert_int_equal(decode(&r), -EBADMSG);
	begin_sample(0);
	put_regs(PERF_SAMPLE_REGS_ABI_64);
	put(UINT64_MAX - 7); /* beyond the record */
	put(0);
	assert_int_equal(decode(&r), -EBADMSG);
}

static void test_tasks(void **state)
{
	struct mv_perf_record r;

	(void)state;
	begin(PERF_RECORD_FORK, 0);
	put(pair(200, 100)); /* pid ppid */
	put(pair(201, 101)); /* tid ptid */
	put(5000);
	trailer();
	assert_int_equal(decode(&r), 1);
	assert_int_equal(r.kind, MV_PERF_FORK);
	assert_int_equal(r.pid, 100);
	assert_int_equal(r.new_pid, 200);
	assert_int_equal(r.tid, 201);
	assert_int_equal(r.at_ns, 5000);
	assert_int_equal(r.id, 77);

	begin(PERF_RECORD_EXIT, 0);
	put(pair(100, 50));
	put(pair(101, 50));
	put(5000);
	trailer();
	assert_int_equal(decode(&r), 1);
	assert_int_equal(r.kind, MV_PERF_EXIT);
	assert_int_equal(r.pid, 100);
	assert_int_equal(r.tid, 101);

	begin(PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC);
	put(pair(100, 100));
	put(0x736c); /* "ls" */
	trailer();
	assert_int_equal(decode(&r), 1);
	assert_int_equal(r.kind, MV_PERF_EXEC);
	built.words[0] &= ~((uint64_t)PERF_RECORD_MISC_COMM_EXEC << 32); /* it has only named itself */
	assert_int_equal(mv_perf_decode(built.words, built.count * 8, &r), 0);

	begin(PERF_RECORD_THROTTLE, 0);
	put(0);
	put(0);
	put(0);
	trailer();
	assert_int_equal(decode(&r), 0);
}

static void test_lost(void **state)
{
	struct mv_perf_record r;

	(void)state;
	begin(PERF_RECORD_LOST, 0);
	put(77);
	put(42);
	trailer();
	assert_int_equal(decode(&r), 1);
	assert_int_equal(r.kind, MV_PERF_LOST);
	assert_int_equal(r.lost, 42);
	begin(PERF_RECORD_LOST_SAMPLES, 0);
	put(43);
	trailer();
	assert_int_equal(decode(&r), 1);
	assert_int_equal(r.lost, 43);
}

static void begin_mmap(uint16_t misc)
{
	begin(PERF_RECORD_MMAP2, misc);
	put(pair(100, 101));
	put(0x7f0000000000);
	put(0x3000);
	put(0x1000);
	put(pair(8, 1));
	put(1234);
	put(0);
	put(pair(PROT_READ | PROT_EXEC, MAP_SHARED));
}

static void test_mappings(void **state)
{
	struct mv_perf_record r;

	(void)state;
	begin_mmap(0);
	put(0x6f732e61); /* "a.so" */
	trailer();
	assert_int_equal(decode(&r), 1);
	assert_int_equal(r.kind, MV_PERF_MMAP);
	assert_int_equal(r.addr, 0x7f0000000000);
	assert_int_equal(r.len, 0x3000);
	assert_int_equal(r.offset, 0x1000);
	assert_int_equal(r.inode, 1234);
	assert_int_equal(r.prot, PROT_READ | PROT_EXEC);
	assert_true(r.shared);
	assert_string_equal(r.name, "a.so");
	begin_mmap(0);
	put(0x6161616161616161); /* a name without an end */
	trailer();
	assert_int_equal(decode(&r), -EBADMSG);
}

/* Cut short anywhere it does not add up, and nothing is touched. */
static void test_cut_short(void **state)
{
	struct mv_perf_record r, before;

	(void)state;
	memset(&r, 0x5a, sizeof(r));
	before = r;
	begin_mmap(0);
	put(0);
	trailer();
	built.words[0] |= (uint64_t)(built.count * 8) << 48;
	for (size_t n = 0; n < built.count * 8; n++)
		assert_int_equal(mv_perf_decode(built.words, n, &r), -EBADMSG);
	for (uint64_t n = 0; n < built.count * 8; n += 8) { /* one that says that it is shorter */
		built.words[0] = (built.words[0] & UINT64_C(0xffffffffffff)) | n << 48;
		assert_int_equal(mv_perf_decode(built.words, built.count * 8, &r), -EBADMSG);
	}
	assert_memory_equal(&r, &before, sizeof(r));
}

/* ---- live ---- */

static struct mv_source *source;
static struct puppet puppet;
static struct mv_perf *perf;

static struct {
	uint64_t samples, lost, inside, cpu, disorder, stack_bytes;
	uint64_t from, to; /* addresses to look for, in order */
	uint64_t next;	   /* the next of them */
	uint64_t last_ns;
	uint64_t stop_after;
	int stranger; /* samples of any other process */
} seen;
static bool every = true; /* fault is sampled */

static int take(void *arg, const struct mv_perf_record *r)
{
	(void)arg;
	seen.disorder += r->at_ns < seen.last_ns;
	seen.last_ns = r->at_ns;
	if (r->kind == MV_PERF_LOST)
		seen.lost += r->lost;
	if (r->kind != MV_PERF_SAMPLE)
		return 0;
	seen.samples++;
	seen.stranger += r->pid != puppet.pid;
	seen.cpu += r->event == MV_PERF_CPU;
	seen.stack_bytes += r->stack_bytes;
	if (r->event == MV_PERF_MINOR && r->addr >= seen.from && r->addr < seen.to) {
		seen.inside++;
		if (!seen.lost && every)
			assert_int_equal(r->addr / PUPPET_PAGE, seen.next / PUPPET_PAGE);
		seen.next = r->addr + PUPPET_PAGE;
	}
	return seen.stop_after && seen.samples >= seen.stop_after;
}

static void look_for(uint64_t at, uint64_t pages)
{
	memset(&seen, 0, sizeof(seen));
	seen.from = seen.next = at;
	seen.to = at + pages * PUPPET_PAGE;
}

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &source), 0);
	puppet_start(&puppet);
	puppet_ask(&puppet, PUPPET_TOUCH, 3, puppet_ask(&puppet, PUPPET_MAP, 3, 0));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mv_perf_free(perf);
	perf = NULL;
	puppet_end(&puppet);
	mv_source_free(source);
	return 0;
}

static void trace(uint32_t ring_pages, const struct mv_perf_opts *opts)
{
	assert_int_equal(mv_perf_new(source, ring_pages, &perf), 0);
	assert_int_equal(mv_perf_add(perf, MV_PERF_MINOR, puppet.pid, opts), 0);
	assert_int_equal(mv_perf_enable(perf), 0);
}

static void touch(uint64_t pages)
{
	const uint64_t at = puppet_ask(&puppet, PUPPET_MAP, pages, 0);

	look_for(at, pages);
	puppet_ask(&puppet, PUPPET_TOUCH, pages, at);
}

/* Records go over the end of a small ring again and again, at ever other places. */
static void test_round_the_ring(void **state)
{
	const struct mv_perf_opts opts = {.period = 1, .stack_bytes = 1000, .follow = true};
	uint64_t sum = 0;

	(void)state;
	puppet_need_perf();
	trace(8, &opts);
	for (uint64_t i = 0; i < 300; i++) {
		touch(20);
		mv_perf_drain(perf, 0, take, NULL);
		assert_int_equal(seen.lost, 0);
		assert_int_equal(seen.inside, 20);
		assert_int_equal(seen.disorder, 0);
		assert_int_equal(seen.stranger, 0);
		assert_int_equal(seen.stack_bytes, MV_REGS_HERE ? seen.samples * 1000 : 0);
		sum += seen.inside;
	}
	assert_int_equal(sum, 6000);
}

/* What a ring can't hold is counted: with what is lost, it is all. */
static void test_overrun(void **state)
{
	const struct mv_perf_opts opts = {.period = 1, .follow = true};
	uint64_t before, after, sum = 0;

	(void)state;
	puppet_need_perf();
	trace(8, &opts);
	every = false; /* what is lost is told later than what comes after it */
	assert_int_equal(mv_perf_count(perf, MV_PERF_MINOR, &before), 0);
	touch(20000);
	mv_perf_drain(perf, 0, take, NULL);
	sum = seen.samples;
	assert_in_range(seen.inside, 100, 19000);
	/* The kernel tells of it when there is room again, on each CPU that it happens on. */
	assert_int_equal(mv_perf_count(perf, MV_PERF_MINOR, &after), 0);
	for (int i = 0; i < 1000 && sum + seen.lost < after - before; i++) {
		const uint64_t lost = seen.lost;

		touch(20);
		seen.lost = lost;
		mv_perf_drain(perf, 0, take, NULL);
		sum += seen.samples;
		assert_int_equal(mv_perf_count(perf, MV_PERF_MINOR, &after), 0);
	}
	assert_int_equal(sum + seen.lost, after - before);
	every = true;
}

static void test_stop(void **state)
{
	const struct mv_perf_opts opts = {.period = 1, .follow = true};

	(void)state;
	puppet_need_perf();
	trace(0, &opts);
	touch(1000);
	assert_int_equal(mv_perf_drain(perf, 10, take, NULL), 10);
	seen.stop_after = seen.samples + 15;
	assert_int_equal(mv_perf_drain(perf, 0, take, NULL), 15);
	seen.stop_after = 0;
	mv_perf_drain(perf, 0, take, NULL);
	assert_int_equal(seen.inside, 1000);
	assert_int_equal(mv_perf_drain(perf, 0, take, NULL), 0);
}

/* A new period by ioctl, then by other events in their place, which takes the threads that follow along. */
static void assert_near(uint64_t weight, uint64_t counted)
{
	assert_in_range(counted, 10000, 10100 + PUPPET_SHADOW(10000));
	assert_in_range(weight, counted - 500, counted + 500);
}

static void test_periods(void **state)
{
	static const uint64_t periods[] = {7, 1, 101, 3};
	struct mv_perf_opts opts = {.period = 503, .follow = true};
	uint64_t before, after;

	(void)state;
	puppet_need_perf();
	trace(0, &opts);
	for (size_t i = 0; i < MV_COUNT_OF(periods); i++) {
		assert_int_equal(mv_perf_set_period(perf, MV_PERF_MINOR, periods[i]), 0);
		every = periods[i] == 1;
		assert_int_equal(mv_perf_count(perf, MV_PERF_MINOR, &before), 0);
		touch(10000);
		mv_perf_drain(perf, 0, take, NULL);
		assert_int_equal(mv_perf_count(perf, MV_PERF_MINOR, &after), 0);
		assert_near(seen.samples * periods[i], after - before);
	}
	for (size_t i = 0; i < MV_COUNT_OF(periods); i++) {
		const uint64_t newest = mv_perf_newest(perf);

		opts.period = periods[i];
		assert_int_equal(mv_perf_count(perf, MV_PERF_MINOR, &before), 0);
		assert_int_equal(mv_perf_add(perf, MV_PERF_MINOR, puppet.pid, &opts), 0);
		mv_perf_retire(perf, MV_PERF_MINOR, newest);
		assert_true(mv_perf_newest(perf) > newest);
		mv_perf_drain(perf, 0, take, NULL);
		every = periods[i] == 1;
		touch(10000);
		mv_perf_drain(perf, 0, take, NULL);
		assert_int_equal(mv_perf_count(perf, MV_PERF_MINOR, &after), 0);
		assert_near(seen.samples * periods[i], after - before);
	}
	every = true;
}

/* Two who look at the same process: each sees all, and knows its own. */
static void test_two_tracers(void **state)
{
	const struct mv_perf_opts opts = {.period = 1, .stack_bytes = 512, .follow = true};
	struct mv_perf *other;

	(void)state;
	puppet_need_perf();
	trace(0, &opts);
	other = perf;
	trace(0, &opts);
	touch(500);
	mv_perf_drain(perf, 0, take, NULL);
	assert_int_equal(seen.inside, 500);
	look_for(seen.from, 500);
	mv_perf_drain(other, 0, take, NULL);
	assert_int_equal(seen.inside, 500);
	assert_int_equal(seen.lost, 0);
	mv_perf_free(other);
}

/* A thread's own CPU time. */
static void test_cpu(void **state)
{
	const struct mv_perf_opts opts = {.period = 1000000, .stack_bytes = 512, .follow = true};
	struct timespec deadline, now;
	uint64_t at, ns;

	(void)state;
	puppet_need_perf();
	trace(0, &(struct mv_perf_opts){.period = 1009, .follow = true});
	assert_int_equal(mv_perf_add(perf, MV_PERF_CPU, puppet.pid, &opts), 0);
	assert_int_equal(mv_perf_enable(perf), 0);
	memset(&seen, 0, sizeof(seen));
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += PUPPET_DEADLINE;
	do {
		at = puppet_ask(&puppet, PUPPET_MAP, 5000, 0);
		puppet_ask(&puppet, PUPPET_TOUCH, 5000, at);
		mv_perf_drain(perf, 0, take, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		assert_true(now.tv_sec < deadline.tv_sec);
	} while (seen.cpu < 20);
	assert_int_equal(mv_perf_count(perf, MV_PERF_CPU, &ns), 0);
	assert_true(ns >= 20 * UINT64_C(1000000));
}

static size_t open_files(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_gone_and_removed(void **state)
{
	const struct mv_perf_opts opts = {.period = 1, .follow = true};
	const size_t before = open_files();
	size_t rings, with_one;
	uint64_t count;

	(void)state;
	puppet_need_perf();
	assert_int_equal(mv_perf_new(source, 0, &perf), 0);
	assert_int_equal(mv_perf_add(perf, MV_PERF_MINOR, INT32_MAX, &opts), -ESRCH);
	assert_false(mv_perf_ended(perf)); /* nothing has begun */
	rings = open_files() - before;
	assert_int_equal(rings, mv_perf_fds(perf, NULL, 0));
	assert_int_equal(mv_perf_add(perf, MV_PERF_MINOR, puppet.pid, &opts), 0);
	with_one = open_files() - before;
	assert_int_equal(with_one, 2 * rings);
	assert_int_equal(mv_perf_add(perf, MV_PERF_MAJOR, puppet.pid, &opts), 0);
	touch(100);
	mv_perf_drain(perf, 0, take, NULL);
	assert_int_equal(seen.inside, 100);
	assert_false(mv_perf_ended(perf));
	mv_perf_remove(perf, puppet.pid, 0);
	assert_int_equal(open_files() - before, rings);
	touch(100);
	mv_perf_drain(perf, 0, take, NULL);
	assert_int_equal(seen.samples, 0);
	assert_int_equal(mv_perf_count(perf, MV_PERF_MINOR, &count), 0);
	assert_int_equal(count, 0);
	mv_perf_free(perf);
	perf = NULL;
	assert_int_equal(open_files(), before);
}

static void test_paranoid(void **state)
{
	char root[] = "/tmp/mv-perf-XXXXXX", path[64];
	static const struct {
		const char *text;
		int is;
	} cases[] = {{"-1\n", -1}, {"0\n", 0}, {"2\n", 2}, {"4\n", 4}, {"9\n", 4}, {"x\n", 4}, {"", 4}};
	struct mv_source *played;

	(void)state;
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < MV_COUNT_OF(cases); i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/sys", root);
		mkdir(path, 0777);
		snprintf(path, sizeof(path), "%s/sys/kernel", root);
		mkdir(path, 0777);
		snprintf(path, sizeof(path), "%s/sys/kernel/perf_event_paranoid", root);
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(cases[i].text, f);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(mv_source_new(&(struct mv_source_opts){.root = root}, &played), 0);
		assert_int_equal(mv_perf_paranoid(played), cases[i].is);
		assert_int_equal(remove(path), 0);
		if (i == 0)
			assert_int_equal(mv_perf_paranoid(played), 4); /* none there */
		mv_source_free(played);
	}
	snprintf(path, sizeof(path), "%s/sys/kernel", root);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/sys", root);
	rmdir(path);
	assert_int_equal(rmdir(root), 0);
}

int main(int argc, char **argv)
{
#define LIVE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain_samples),
	    cmocka_unit_test(test_stacks),
	    cmocka_unit_test(test_32_bit),
	    cmocka_unit_test(test_bad_stacks),
	    cmocka_unit_test(test_tasks),
	    cmocka_unit_test(test_lost),
	    cmocka_unit_test(test_mappings),
	    cmocka_unit_test(test_cut_short),
	    LIVE(test_round_the_ring),
	    LIVE(test_overrun),
	    LIVE(test_stop),
	    LIVE(test_periods),
	    LIVE(test_two_tracers),
	    LIVE(test_cpu),
	    LIVE(test_gone_and_removed),
	    cmocka_unit_test(test_paranoid),
	};

	puppet_if_executed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
