/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* What the scan says of memory laid out to the page by mv-workload, against that and against the kernel's
 * sums. */

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/pagemap.h"
#include "core/pagetable.h"
#include "core/stat.h"
#include "core/text.h"

#define ALL_CATS ((uint64_t)(MV_CAT_FILE | MV_CAT_HUGE | MV_CAT_PFNZERO | MV_CAT_GUARD))

struct load {
	pid_t child; /* what we started; pid is what to look at */
	int pid;
	int in; /* write end of its stdin */
	FILE *out;
	char line[512]; /* the last it said */
	struct mv_range range;
	struct mv_source *source;
	struct mv_target *target;
};

static bool use_ioctl; /* each test runs both ways */

/* A reader's answer is waited for, however long it takes. */
static bool read_answer(struct load *l)
{
	const char *dash;

	if (!fgets(l->line, sizeof(l->line), l->out))
		return false;
	if (strncmp(l->line, "ready ", 6) == 0) {
		l->range.start = strtoull(l->line + 6, NULL, 16);
		dash = strchr(l->line, '-');
		l->range.end = dash ? strtoull(dash + 1, NULL, 16) : 0;
	}
	return true;
}

static int64_t value_of(const struct load *l, const char *key)
{
	char wanted[32];
	const char *at;

	snprintf(wanted, sizeof(wanted), " %s=", key);
	at = strstr(l->line, wanted);
	return at ? strtoll(at + strlen(wanted), NULL, 10) : -1;
}

static void step(struct load *l)
{
	assert_int_equal(write(l->in, "\n", 1), 1);
	assert_true(read_answer(l));
}

static void stop(struct load *l)
{
	close(l->in);
	fclose(l->out);
	while (waitpid(l->child, NULL, 0) < 0 && errno == EINTR)
		;
	mv_target_close(l->target);
	mv_source_free(l->source);
}

static void start(struct load *l, const char *name, const char *arg)
{
	const char *program = getenv("MV_WORKLOAD");
	const struct mv_source_opts opts = {.no_pagemap_scan = !use_ioctl};
	int in[2], out[2];

	memset(l, 0, sizeof(*l));
	if (!program || access(program, X_OK) < 0) {
		print_message("# SKIP %s: MV_WORKLOAD does not name the built mv-workload\n", name);
		skip();
	}
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	l->child = fork();
	assert_true(l->child >= 0);
	if (l->child == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		execl(program, "mv-workload", name, arg, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	l->in = in[1];
	l->out = fdopen(out[0], "r");
	assert_non_null(l->out);
	assert_true(read_answer(l));
	l->pid = (int)value_of(l, "pid");
	assert_int_equal(mv_source_new(&opts, &l->source), 0);
	assert_int_equal(mv_target_open(l->source, l->pid, &l->target), 0);
}

#define SKIP_LOAD(l, ...) \
	do { \
		stop(l); \
		print_message("# SKIP " __VA_ARGS__); \
		skip(); \
	} while (0)

/* Every run of range, in as many calls as it takes; tables are counted along when asked for. */
static struct mv_tally scan(struct load *l, struct mv_range range, const struct mv_mapping *mapping,
			    struct mv_table_count *tables, uint64_t *told)
{
	struct mv_run runs[MV_SCAN_RUNS];
	struct mv_tally tally = {0};
	uint64_t before = 0;

	while (range.start < range.end) {
		uint64_t walked;
		ssize_t n = mv_target_scan(l->target, range, ALL_CATS, MV_SCAN_PAGES, runs, MV_SCAN_RUNS,
					   &walked, told);

		assert_true(n >= 0);
		assert_true(walked > range.start && walked <= range.end);
		for (ssize_t i = 0; i < n; i++) {
			assert_true(runs[i].start < runs[i].end && runs[i].start >= before);
			assert_true(runs[i].start >= range.start && runs[i].end <= walked);
			before = runs[i].end;
			mv_tally_count(&tally, &runs[i], mapping, mv_source_page_bytes(l->source));
			if (tables)
				mv_table_count_run(tables, runs[i].start, runs[i].end, false);
		}
		range.start = walked;
	}
	return tally;
}

static const struct mv_mapping private_anon = {.perms = MV_PERM_R | MV_PERM_W, .kind = MV_KIND_ANON};
static const struct mv_mapping shared_anon = {.perms = MV_PERM_R | MV_PERM_W | MV_PERM_SHARED,
					      .kind = MV_KIND_SHARED};
static const struct mv_mapping private_file = {
    .perms = MV_PERM_R | MV_PERM_W, .kind = MV_KIND_DATA, .flags = MV_MAPPING_FILE};

/* smaps: Rss of the mappings in range, of all of them, and where each one is. */
struct smaps_sum {
	struct mv_range range;
	uint64_t kib, all_kib;
	bool inside;
	struct mv_range at[4096];
	size_t count;
};

static int take_smaps(void *arg, const char *text, size_t len)
{
	struct smaps_sum *sum = arg;
	struct mv_scan all = {text, text + len}, line;

	while (mv_scan_line(&all, &line)) {
		const char *const line_start = line.at;
		const size_t line_len = (size_t)(line.end - line.at);
		uint64_t start_addr, end_addr, kib;

		if (mv_scan_hex(&line, &start_addr) && mv_scan_char(&line, '-') &&
		    mv_scan_hex(&line, &end_addr)) {
			sum->inside = start_addr < sum->range.end && end_addr > sum->range.start;
			if (sum->count < MV_COUNT_OF(sum->at))
				sum->at[sum->count++] = (struct mv_range){start_addr, end_addr};
		} else if (mv_text_field(line_start, line_len, "Rss", &kib)) {
			sum->all_kib += kib;
			sum->kib += sum->inside ? kib : 0;
		}
	}
	return 0;
}

static void read_smaps(struct load *l, struct mv_range range, struct smaps_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
	sum->range = range;
	assert_int_equal(mv_target_stream(l->target, MV_FILE_SMAPS, take_smaps, sum), 0);
}

static uint64_t status_field(struct load *l, const char *key)
{
	char text[8192];
	uint64_t value = UINT64_MAX;
	ssize_t n = mv_target_read(l->target, MV_FILE_STATUS, text, sizeof(text));

	assert_true(n > 0);
	assert_true(mv_text_field(text, (size_t)n, key, &value));
	return value;
}

/* Of the whole process: pages add up to smaps and to VmRSS, tables to VmPTE. */
static void check_whole(struct load *l)
{
	static struct smaps_sum sum;
	const uint64_t page_kib = mv_source_page_bytes(l->source) / 1024;
	struct mv_table_count tables;
	uint64_t present = 0, zero = 0, told = 0;

	read_smaps(l, l->range, &sum);
	mv_table_count_init(&tables);
	for (size_t i = 0; i < sum.count; i++) {
		struct mv_tally t = scan(l, sum.at[i], &private_anon, &tables, &told);

		present += mv_tally_present(&t);
		zero += t.state[MV_PAGE_ZERO];
	}
	if (told & MV_CAT_PFNZERO) {
		assert_int_equal((present - zero) * page_kib, sum.all_kib);
		assert_int_equal((present - zero) * page_kib, status_field(l, "VmRSS"));
	}
	if (page_kib == 4)
		assert_int_equal(mv_table_count_kib(&tables, 4), status_field(l, "VmPTE"));
}

/* A private anonymous pattern, exactly as it was laid out. */
static void check_anon(const char *name, const char *arg)
{
	static struct smaps_sum sum;
	struct load l;
	struct mv_tally t;
	uint64_t told = 0;

	start(&l, name, arg);
	t = scan(&l, l.range, &private_anon, NULL, &told);
	assert_int_equal((told & MV_CAT_HUGE) != 0, mv_source_features(l.source)->pagemap_scan);
	assert_int_equal(mv_tally_present(&t), value_of(&l, "present"));
	assert_int_equal(mv_tally_anon(&t), value_of(&l, "anon"));
	assert_int_equal(mv_tally_file(&t), 0);
	assert_int_equal(t.state[MV_PAGE_SWAPPED], 0);
	read_smaps(&l, l.range, &sum);
	assert_int_equal(sum.kib, mv_tally_present(&t) * mv_source_page_bytes(l.source) / 1024);
	check_whole(&l);
	stop(&l);
}

static void test_23of100(void **state)
{
	struct load l;
	uint64_t told;

	(void)state;
	check_anon("23of100", NULL);
	start(&l, "23of100", NULL); /* and page by page */
	for (uint64_t i = 0; i < 100; i++) {
		const uint64_t addr = l.range.start + i * mv_source_page_bytes(l.source);
		struct mv_range page = {addr, addr + mv_source_page_bytes(l.source)};
		struct mv_tally t = scan(&l, page, &private_anon, NULL, &told);
		uint64_t word = 0;

		assert_int_equal(mv_tally_present(&t), i >= 7 && i < 30);
		assert_int_equal(mv_target_words(l.target, addr, 1, &word), 1);
		assert_int_equal((word & MV_WORD_PRESENT) != 0, i >= 7 && i < 30);
	}
	stop(&l);
}

static void test_every_second(void **state)
{
	(void)state;
	check_anon("every-second", NULL);
}

static void test_one_per_2m(void **state)
{
	(void)state;
	check_anon("one-per-2m", NULL);
}

static void test_protnone(void **state)
{
	(void)state;
	check_anon("protnone-with-pages", NULL);
}

static void test_mlock(void **state)
{
	(void)state;
	check_anon("mlock", NULL);
}

static void test_many_mappings(void **state)
{
	(void)state;
	check_anon("many-mappings", "2000");
}

static void test_sparse_1t(void **state)
{
	(void)state;
	if (!use_ioctl) {
		print_message("# SKIP sparse-1t: pagemap alone takes 2 s for a terabyte\n");
		skip();
	}
	check_anon("sparse-1t", NULL);
}

static void test_zero(void **state)
{
	struct load l;
	struct mv_tally t;
	uint64_t told;

	(void)state;
	start(&l, "zero", NULL);
	t = scan(&l, l.range, &private_anon, NULL, &told);
	assert_int_equal(mv_tally_present(&t), 50);
	if (told & MV_CAT_PFNZERO) {
		assert_int_equal(t.state[MV_PAGE_ZERO], 40);
		assert_int_equal(mv_tally_anon(&t), 10);
	}
	check_whole(&l);
	stop(&l);
}

static void test_cow_fork(void **state)
{
	struct load l;
	uint64_t words[100], told;
	int64_t exclusive = 0;

	(void)state;
	start(&l, "cow-fork", NULL);
	assert_int_equal(mv_target_words(l.target, l.range.start, 100, words), 100);
	for (size_t i = 0; i < 100; i++) {
		assert_true(words[i] & MV_WORD_PRESENT);
		assert_int_equal((words[i] & MV_WORD_EXCLUSIVE) != 0, i < 50);
		exclusive += (words[i] & MV_WORD_EXCLUSIVE) != 0;
	}
	assert_int_equal(exclusive, value_of(&l, "exclusive"));
	assert_int_equal(scan(&l, l.range, &private_anon, NULL, &told).state[MV_PAGE_ANON], 100);
	check_whole(&l);
	stop(&l);
}

static void test_huge(void **state)
{
	struct load l;
	struct mv_tally t;
	uint64_t told;

	(void)state;
	start(&l, "huge", NULL);
	if (value_of(&l, "huge") != 512)
		SKIP_LOAD(&l, "huge: the kernel gave no huge page\n");
	t = scan(&l, l.range, &private_anon, NULL, &told);
	assert_int_equal(mv_tally_present(&t), 512);
	if (told & MV_CAT_HUGE)
		assert_int_equal(t.huge, 512);
	check_whole(&l);
	stop(&l);
}

static void test_file_half(void **state)
{
	static struct smaps_sum sum;
	struct load l;
	struct mv_tally t;
	uint64_t told;

	(void)state;
	start(&l, "file-half", NULL);
	t = scan(&l, l.range, &private_file, NULL, &told);
	read_smaps(&l, l.range, &sum);
	assert_true(t.state[MV_PAGE_FILE] >= 32);
	assert_int_equal(mv_tally_anon(&t), 0);
	assert_int_equal(mv_tally_present(&t) * mv_source_page_bytes(l.source) / 1024, sum.kib);
	check_whole(&l);
	stop(&l);
}

static void test_private_file_cow(void **state)
{
	struct load l;
	struct mv_tally t;
	uint64_t told;

	(void)state;
	start(&l, "private-file-cow", NULL);
	t = scan(&l, l.range, &private_file, NULL, &told);
	assert_int_equal(t.state[MV_PAGE_COW], 16);
	assert_int_equal(t.state[MV_PAGE_FILE], 48);
	check_whole(&l);
	stop(&l);
}

static void check_shared(const char *name)
{
	struct load l;
	struct mv_tally t;
	uint64_t told;

	start(&l, name, NULL);
	t = scan(&l, l.range, &shared_anon, NULL, &told);
	assert_int_equal(t.state[MV_PAGE_SHMEM], value_of(&l, "shmem"));
	assert_int_equal(mv_tally_present(&t), value_of(&l, "present"));
	check_whole(&l);
	stop(&l);
}

static void test_shared_memory(void **state)
{
	(void)state;
	check_shared("shmem");
	check_shared("memfd");
}

static void test_guard(void **state)
{
	struct load l;
	struct mv_tally t;
	uint64_t told;

	(void)state;
	start(&l, "guard", NULL);
	if (value_of(&l, "guard") != 10 || !mv_source_features(l.source)->guard_category)
		SKIP_LOAD(&l, "guard: this kernel has no guard markers, or does not show them\n");
	t = scan(&l, l.range, &private_anon, NULL, &told);
	assert_true(told & MV_CAT_GUARD);
	assert_int_equal(t.state[MV_PAGE_GUARD], 10);
	assert_int_equal(t.state[MV_PAGE_SWAPPED], 0);
	assert_int_equal(mv_tally_present(&t), 30);
	check_whole(&l);
	stop(&l);
}

static void test_swap(void **state)
{
	struct load l;
	struct mv_tally t;
	uint64_t told;

	(void)state;
	start(&l, "swap", NULL);
	if (value_of(&l, "swap") == 0)
		SKIP_LOAD(&l, "swap: nothing was swapped out: no swap here\n");
	t = scan(&l, l.range, &private_anon, NULL, &told);
	assert_int_equal(t.state[MV_PAGE_SWAPPED], value_of(&l, "swap"));
	assert_int_equal(mv_tally_present(&t), value_of(&l, "present"));
	check_whole(&l);
	stop(&l);
}

static void test_hugetlb(void **state)
{
	struct load l;
	struct mv_tally t;
	uint64_t told;

	(void)state;
	start(&l, "hugetlb", NULL);
	if (value_of(&l, "hugetlb") != 1)
		SKIP_LOAD(&l, "hugetlb: no hugetlb pages are reserved\n");
	t = scan(&l, l.range, &private_anon, NULL, &told);
	assert_int_equal(mv_tally_present(&t), 512);
	stop(&l);
}

static void test_hundred_mib_is_25600_faults(void **state)
{
	struct load l;
	struct mv_tally t;
	struct mv_stat before, after;
	uint64_t told;

	(void)state;
	start(&l, "hundred-mib", NULL);
	t = scan(&l, l.range, &private_anon, NULL, &told);
	assert_int_equal(mv_tally_present(&t), 0);
	assert_int_equal(mv_stat_read(l.target, &before), 0);
	step(&l);
	assert_int_equal(mv_stat_read(l.target, &after), 0);
	t = scan(&l, l.range, &private_anon, NULL, &told);
	assert_int_equal(mv_tally_anon(&t), value_of(&l, "present"));
	/* a few more: the answer's own code may fault */
	assert_in_range(after.minor_faults - before.minor_faults, (uint64_t)value_of(&l, "faults"),
			(uint64_t)value_of(&l, "faults") + 8);
	assert_int_equal(after.major_faults, before.major_faults);
	check_whole(&l);
	stop(&l);
}

static void test_growing(void **state)
{
	struct load l;
	uint64_t told;

	(void)state;
	start(&l, "growing", NULL);
	for (uint64_t i = 1; i <= 20; i++) {
		struct mv_tally t;

		step(&l);
		t = scan(&l, l.range, &private_anon, NULL, &told);
		assert_int_equal(mv_tally_anon(&t), i);
	}
	stop(&l);
}

static int count_lines(void *arg, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*(int *)arg += text[i] == '\n';
	return 0;
}

/* Kept descriptors look at the old, empty memory until they are opened anew. */
static void test_exec(void **state)
{
	struct load l;
	struct mv_range old;
	struct mv_run run;
	struct mv_tally t;
	uint64_t told, walked;
	int lines = 0;

	(void)state;
	start(&l, "exec", NULL);
	t = scan(&l, l.range, &private_anon, NULL, &told);
	assert_int_equal(mv_tally_anon(&t), 10);
	assert_int_equal(mv_target_stream(l.target, MV_FILE_MAPS, count_lines, &lines), 0);
	assert_true(lines > 5);
	old = l.range;
	step(&l);
	assert_int_equal(value_of(&l, "pid"), l.pid);
	assert_int_equal(mv_target_scan(l.target, old, 0, 64, &run, 1, &walked, &told), -ESRCH);
	lines = 0;
	assert_int_equal(mv_target_stream(l.target, MV_FILE_MAPS, count_lines, &lines), 0);
	assert_int_equal(lines, 0);
	mv_target_reopen(l.target);
	t = scan(&l, l.range, &private_anon, NULL, &told);
	assert_int_equal(mv_tally_anon(&t), 23);
	assert_int_equal(mv_target_stream(l.target, MV_FILE_MAPS, count_lines, &lines), 0);
	assert_true(lines > 5);
	stop(&l);
}

static void test_end(void **state)
{
	struct load l;
	uint64_t told, walked, word;
	struct mv_run run;
	char text[64], bytes[16];

	(void)state;
	start(&l, "23of100", NULL);
	scan(&l, l.range, &private_anon, NULL, &told);
	assert_int_equal(
	    mv_target_bytes(l.target, l.range.start + 7 * mv_source_page_bytes(l.source), bytes, 16), 16);
	assert_int_equal(bytes[0], 1);
	assert_true(mv_target_read(l.target, MV_FILE_STATM, text, sizeof(text)) > 0);
	close(l.in);
	l.in = -1;
	while (waitpid(l.child, NULL, 0) < 0 && errno == EINTR)
		;
	walked = 7;
	assert_int_equal(mv_target_scan(l.target, l.range, 0, 64, &run, 1, &walked, &told), -ESRCH);
	assert_int_equal(walked, 7);
	assert_int_equal(mv_target_read(l.target, MV_FILE_STATM, text, sizeof(text)), -ESRCH);
	assert_int_equal(mv_target_read(l.target, MV_FILE_LIMITS, text, sizeof(text)), -ESRCH);
	assert_int_equal(mv_target_bytes(l.target, l.range.start, bytes, 16), -ESRCH);
	assert_int_equal(mv_target_list(l.target, "task", NULL, 0), -ESRCH);
	mv_target_reopen(l.target);
	assert_int_equal(mv_target_words(l.target, l.range.start, 1, &word), -ESRCH);
	stop(&l);
}

static int with_ioctl(void **state)
{
	(void)state;
	use_ioctl = true;
	return 0;
}

static int without_ioctl(void **state)
{
	(void)state;
	use_ioctl = false;
	return 0;
}

int main(void)
{
#define BOTH_WAYS(name) \
	{#name ", ioctl allowed", name, with_ioctl, NULL, NULL}, \
	{ \
#name ", by pagemap", name, without_ioctl, NULL, NULL \
	}
	const struct CMUnitTest tests[] = {
	    BOTH_WAYS(test_23of100),
	    BOTH_WAYS(test_every_second),
	    BOTH_WAYS(test_one_per_2m),
	    BOTH_WAYS(test_protnone),
	    BOTH_WAYS(test_mlock),
	    BOTH_WAYS(test_many_mappings),
	    BOTH_WAYS(test_sparse_1t),
	    BOTH_WAYS(test_zero),
	    BOTH_WAYS(test_cow_fork),
	    BOTH_WAYS(test_huge),
	    BOTH_WAYS(test_file_half),
	    BOTH_WAYS(test_private_file_cow),
	    BOTH_WAYS(test_shared_memory),
	    BOTH_WAYS(test_guard),
	    BOTH_WAYS(test_swap),
	    BOTH_WAYS(test_hugetlb),
	    BOTH_WAYS(test_hundred_mib_is_25600_faults),
	    BOTH_WAYS(test_growing),
	    BOTH_WAYS(test_exec),
	    BOTH_WAYS(test_end),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
