/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* What the leak scan says of a process whose lost blocks are known (mv-leaker), of some that lose none, and
 * of bad targets. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/leaks.h"
#include "core/stat.h"

#define DEADLINE_MS 120000

struct known {
	uint64_t address;
	bool lost;
	char kind[32];
};
static struct {
	int pid, in;
	struct known *known;
	size_t count, lost_count;
	struct mv_source *source;
	struct mv_target *target;
	struct mv_leaks_run *run;
	const struct mv_leaks *leaks;
} t;

static int compare_known(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static void read_truth(FILE *out)
{
	char line[128];
	size_t cap = 0;

	while (fgets(line, sizeof(line), out) && strcmp(line, "ready\n") != 0) {
		struct known k = {0};
		char what;

		assert_int_equal(sscanf(line, "%c 0x%" SCNx64 " %31s", &what, &k.address, k.kind), 3);
		/* What was freed again may have become another. */
		if (!strcmp(k.kind, "freed-again"))
			continue;
		k.lost = what == 'L';
		if (t.count == cap) {
			cap = cap ? cap * 2 : 1024;
			t.known = realloc(t.known, cap * sizeof(*t.known));
			assert_non_null(t.known);
		}
		t.known[t.count++] = k;
		t.lost_count += k.lost;
	}
	assert_string_equal(line, "ready\n");
	qsort(t.known, t.count, sizeof(*t.known), compare_known);
}

/* A program with a pipe to its input, and one from its output if out is asked for. */
static void start(char *const argv[], FILE **out)
{
	const int parent = (int)getpid();
	int in[2], from[2];

	memset(&t, 0, sizeof(t));
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	t.pid = fork();
	assert_true(t.pid >= 0);
	if (t.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(2);
		dup2(in[0], 0);
		dup2(from[1], 1);
		if (!out)
			dup2(from[1], 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(from[1]);
	t.in = in[1];
	if (out)
		*out = fdopen(from[0], "r");
	else
		close(from[0]);
	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &t.source), 0);
	assert_int_equal(mv_target_open(t.source, t.pid, &t.target), 0);
}

static void start_leaker(unsigned seed, bool busy)
{
	char number[16], *path = getenv("MV_LEAKER");
	char *argv[] = {path, number, busy ? (char[]){"busy"} : NULL, NULL};
	FILE *out;

	assert_non_null(path);
	snprintf(number, sizeof(number), "%u", seed);
	start(argv, &out);
	read_truth(out);
	fclose(out);
	/* The list of what it was before its exec is of no use. */
	mv_target_reopen(t.target);
}

static void end(void)
{
	mv_leaks_free(t.run);
	mv_target_close(t.target);
	mv_source_free(t.source);
	if (t.pid > 0) {
		kill(t.pid, SIGKILL);
		assert_int_equal(waitpid(t.pid, NULL, 0), t.pid);
	}
	close(t.in);
	free(t.known);
	memset(&t, 0, sizeof(t));
}

static void begin_look(enum mv_leaks_mode mode)
{
	const struct mv_leaks_options options = {.mode = mode,
						 .deadline_ms = DEADLINE_MS,
						 .stop_deadline_ms = 20000,
						 .want_blocks = true,
						 .want_lost = true};

	mv_leaks_free(t.run);
	t.run = NULL;
	assert_int_equal(mv_leaks_begin(t.source, t.target, &options, &t.run), 0);
}

static void finish_look(void)
{
	struct pollfd p = {.fd = mv_leaks_fd(t.run), .events = POLLIN};
	int r;

	while ((r = mv_leaks_finish(t.run, &t.leaks)) == -EAGAIN)
		poll(&p, 1, 1000);
	assert_int_equal(r, 0);
}

static void look(enum mv_leaks_mode mode)
{
	begin_look(mode);
	finish_look();
	if (t.leaks->why != MV_LEAKS_WHY_NONE)
		print_message("# %s (%s), errno %d\n", mv_leaks_whys[t.leaks->why].words,
			      mv_heap_reason_text((enum mv_heap_reason)t.leaks->heap.reason), t.leaks->error);
}

struct score {
	size_t found, missed, wrong;
};

static void count_miss(const struct known *k, const char *what)
{
	static unsigned told;

	if (told++ < 20)
		print_message("# %s: 0x%" PRIx64 " %s\n", what, k->address, k->kind);
}

static struct score compare(void)
{
	struct score s = {0};

	for (uint64_t i = 0; i < t.leaks->lost.blocks; i++) {
		struct known key = {.address = t.leaks->lost_blocks[i].start + 16, .kind = "unknown"};
		const struct known *k = bsearch(&key, t.known, t.count, sizeof(*t.known), compare_known);

		if (k && k->lost) {
			s.found++;
			continue;
		}
		s.wrong++;
		count_miss(k ? k : &key, "not lost");
	}
	s.missed = t.lost_count - s.found;
	for (size_t i = 0; s.missed && i < t.count; i++) {
		bool found = false;

		for (uint64_t k = 0; t.known[i].lost && !found && k < t.leaks->lost.blocks; k++)
			found = t.leaks->lost_blocks[k].start + 16 == t.known[i].address;
		if (t.known[i].lost && !found)
			count_miss(&t.known[i], "missed");
	}
	return s;
}

/* Sums that must agree whatever was found. */
static void check_sums(void)
{
	const struct mv_leaks *l = t.leaks;
	uint64_t blocks = 0, bytes = 0, direct = 0, held = 0;

	assert_true(l->groups_count > 0 && l->links_count > 0);
	for (uint32_t i = 0; i < l->groups_count; i++) {
		const struct mv_leaks_group *g = &l->groups[i];

		blocks += g->blocks;
		bytes += g->bytes;
		direct += g->direct_blocks;
		held += g->held_blocks;
		assert_int_equal(g->bytes, g->blocks * g->size);
		assert_true(g->examples_count > 0 && g->examples_count <= g->blocks);
		if (i)
			assert_true(g->bytes <= g[-1].bytes);
	}
	if (!l->groups_left_out) {
		assert_int_equal(blocks, l->lost.blocks);
		assert_int_equal(bytes, l->lost.bytes);
		assert_int_equal(direct, l->direct.blocks);
		assert_int_equal(held, l->indirect.blocks);
	}
	assert_int_equal(l->direct.blocks + l->indirect.blocks, l->lost.blocks);
	assert_true(l->lost.blocks <= l->blocks && l->lost.bytes <= l->bytes);
}

static const unsigned seeds[] = {1, 2, 3, 4, 5};

static void check_exact(bool busy)
{
	for (size_t i = 0; i < MV_COUNT_OF(seeds); i++) {
		struct score s;

		start_leaker(seeds[i], busy);
		look(MV_LEAKS_EXACT);
		assert_int_equal(t.leaks->why, MV_LEAKS_WHY_NONE);
		s = compare();
		assert_int_equal(s.wrong, 0);
		assert_int_equal(s.missed, 0);
		assert_true(t.leaks->stopped_ns > 0);
		assert_int_equal(t.leaks->threads_unseen, 0);
		assert_true(t.leaks->dead_stacks >= 1);
		assert_true(t.leaks->interior_only.blocks >= 2);
		check_sums();
		end();
	}
}

static void test_exact_idle(void **state)
{
	(void)state;
	check_exact(false);
}

static void test_exact_busy(void **state)
{
	(void)state;
	check_exact(true);
}

static void check_scan(bool busy)
{
	struct score sum = {0};

	for (size_t i = 0; i < MV_COUNT_OF(seeds); i++) {
		struct score s;

		start_leaker(seeds[i], busy);
		look(MV_LEAKS_SCAN);
		assert_int_equal(t.leaks->why, MV_LEAKS_WHY_NONE);
		s = compare();
		sum.found += s.found;
		sum.missed += s.missed;
		sum.wrong += s.wrong;
		if (!busy)
			assert_int_equal(s.wrong + s.missed, 0);
		check_sums();
		end();
	}
	print_message("# scan%s: found %zu, missed %zu, not lost %zu\n", busy ? " busy" : "", sum.found,
		      sum.missed, sum.wrong);
	assert_true(sum.wrong * 100 <= (sum.found + sum.wrong) * 2);
	assert_true(sum.missed * 100 <= sum.found + sum.missed);
}

static void test_scan_idle(void **state)
{
	(void)state;
	check_scan(false);
}

static void test_scan_busy(void **state)
{
	(void)state;
	check_scan(true);
}

/* ---- what looking does to the target ---- */

static uint64_t status_field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

struct body {
	char statm[256];
	uint64_t minor, major, tables_kib, swap_kib;
};

static void read_body(struct body *b)
{
	struct mv_stat stat;
	char status[8192];

	assert_true(mv_target_read(t.target, MV_FILE_STATM, b->statm, sizeof(b->statm)) > 0);
	assert_int_equal(mv_stat_read(t.target, &stat), 0);
	b->minor = stat.minor_faults;
	b->major = stat.major_faults;
	assert_true(mv_target_read(t.target, MV_FILE_STATUS, status, sizeof(status)) > 0);
	b->tables_kib = status_field(status, "VmPTE:");
	b->swap_kib = status_field(status, "VmSwap:");
}

static void test_unchanged(void **state)
{
	static const enum mv_leaks_mode modes[] = {MV_LEAKS_HEAP, MV_LEAKS_SCAN, MV_LEAKS_EXACT};
	struct body before = {0}, after = {0};

	(void)state;
	start_leaker(7, false);
	read_body(&before);
	for (size_t i = 0; i < MV_COUNT_OF(modes); i++) {
		look(modes[i]);
		assert_int_equal(t.leaks->why, MV_LEAKS_WHY_NONE);
		assert_true(t.leaks->heap.block_count > 0);
		assert_non_null(t.leaks->heap.blocks);
		assert_non_null(mv_heap_find(&t.leaks->heap, t.known[0].address));
		read_body(&after);
		assert_string_equal(before.statm, after.statm);
		assert_int_equal(before.minor, after.minor);
		assert_int_equal(before.major, after.major);
		assert_int_equal(before.tables_kib, after.tables_kib);
		assert_int_equal(before.swap_kib, after.swap_kib);
	}
	end();
}

/* ---- bad targets ---- */

static char state_of(int pid)
{
	struct mv_stat stat = {0};
	struct mv_target *target;

	if (mv_target_open(t.source, pid, &target) < 0)
		return 0;
	if (mv_stat_read(target, &stat) < 0)
		stat.state = 0;
	mv_target_close(target);
	return stat.state;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void await_state(const char *states)
{
	const uint64_t until = now_ms() + DEADLINE_MS;
	char state;

	while (!(state = state_of(t.pid)) || !strchr(states, state)) {
		assert_true(now_ms() < until);
		sched_yield();
	}
}

static void test_ends_meanwhile(void **state)
{
	(void)state;
	for (unsigned phase = 0; phase < MV_LEAKS_READY; phase++) {
		start_leaker(phase + 1, true);
		begin_look(phase % 2 ? MV_LEAKS_EXACT : MV_LEAKS_SCAN);
		while (mv_leaks_progress(t.run).phase < phase)
			sched_yield();
		kill(t.pid, SIGKILL);
		finish_look();
		if (t.leaks->why != MV_LEAKS_WHY_GONE && t.leaks->why != MV_LEAKS_WHY_NONE)
			print_message("# phase %u: %s, errno %d\n", phase, mv_leaks_whys[t.leaks->why].words,
				      t.leaks->error);
		/* It may have been quick enough. */
		assert_true(t.leaks->why == MV_LEAKS_WHY_GONE || t.leaks->why == MV_LEAKS_WHY_NONE);
		end();
	}
}

/* A stopped process is looked at as it stands, and stays stopped. */
static void test_stopped(void **state)
{
	(void)state;
	start_leaker(11, true);
	kill(t.pid, SIGSTOP);
	await_state("T");
	for (int mode = MV_LEAKS_SCAN; mode <= MV_LEAKS_EXACT; mode++) {
		struct score s;

		look((enum mv_leaks_mode)mode);
		/* Stopped in the middle of malloc its heap does not add up, however often one looks:
		 * elsewhere, then. */
		for (int i = 0; i < 50 && t.leaks->why == MV_LEAKS_WHY_TORN; i++) {
			kill(t.pid, SIGCONT);
			await_state("SR");
			kill(t.pid, SIGSTOP);
			await_state("T");
			look((enum mv_leaks_mode)mode);
		}
		assert_int_equal(t.leaks->why, MV_LEAKS_WHY_NONE);
		s = compare();
		assert_int_equal(s.wrong + s.missed, 0);
		await_state("T");
	}
	kill(t.pid, SIGCONT);
	await_state("SR");
	end();
}

/* Another debugger has its threads: their registers can't be known, and it says so. */
static void test_traced(void **state)
{
	(void)state;
	start_leaker(12, false);
	assert_int_equal(ptrace(PTRACE_SEIZE, t.pid, NULL, NULL), 0);
	look(MV_LEAKS_EXACT);
	assert_true(t.leaks->why == MV_LEAKS_WHY_TRACED || t.leaks->threads_unseen > 0);
	end();
}

/* Whoever looks may die at any time: the target runs on. */
static void test_let_go(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		start_leaker(13, false);
		begin_look(MV_LEAKS_EXACT);
		while (mv_leaks_progress(t.run).phase < MV_LEAKS_STOPS + (unsigned)i % 2)
			sched_yield();
		mv_leaks_free(t.run);
		t.run = NULL;
		await_state("S");
		/* It answers: its main thread reads, and ends with its input. */
		close(t.in);
		assert_int_equal(waitpid(t.pid, NULL, 0), t.pid);
		t.pid = 0;
		t.in = -1;
		end();
	}
}

static void test_no_time(void **state)
{
	const struct mv_leaks_options options = {
	    .mode = MV_LEAKS_EXACT, .deadline_ms = 60000, .stop_deadline_ms = 1};

	(void)state;
	start_leaker(14, true);
	assert_int_equal(mv_leaks_begin(t.source, t.target, &options, &t.run), 0);
	finish_look();
	assert_true(t.leaks->why == MV_LEAKS_WHY_LATE || t.leaks->why == MV_LEAKS_WHY_NONE);
	await_state("SR");
	end();
}

static void test_no_heap(void **state)
{
	const int parent = (int)getpid();

	(void)state;
	start_leaker(15, false);
	kill(t.pid, SIGKILL);
	waitid(P_PID, (id_t)t.pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
	look(MV_LEAKS_SCAN);
	assert_int_equal(t.leaks->why, MV_LEAKS_WHY_GONE);
	assert_int_equal(parent, getpid());
	end();
}

static void copy_file(const char *from, const char *to)
{
	static char bytes[1 << 16];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* A program that allocates nothing by glibc's malloc and has another's library: a scan says whose it is, as
 * a reading of the heap does. */
static void test_other(void **state)
{
	char dir[] = "/tmp/mv-leaked-XXXXXX", library[64], setting[96], built[4096], line[512];
	char *argv[] = {getenv("MV_HEAPSTER"), (char[]){"none"}, NULL};
	FILE *out;

	(void)state;
	assert_non_null(argv[0]);
	assert_non_null(getenv("top_builddir"));
	assert_non_null(mkdtemp(dir));
	snprintf(library, sizeof(library), "%s/libjemalloc.so.2", dir);
	snprintf(built, sizeof(built), "%s/mv-library.so", getenv("top_builddir"));
	copy_file(built, library);
	snprintf(setting, sizeof(setting), "LD_PRELOAD=%s", library);
	assert_int_equal(putenv(setting), 0);
	start(argv, &out);
	assert_int_equal(unsetenv("LD_PRELOAD"), 0);
	assert_non_null(fgets(line, sizeof(line), out));
	fclose(out);
	mv_target_reopen(t.target);
	for (int mode = MV_LEAKS_SCAN; mode <= MV_LEAKS_HEAP; mode++) {
		look((enum mv_leaks_mode)mode);
		assert_int_equal(t.leaks->why, MV_LEAKS_WHY_NO_HEAP);
		assert_int_equal(t.leaks->heap.reason, MV_HEAP_OTHER);
		assert_int_equal(t.leaks->heap.allocator, MV_ALLOCATOR_JEMALLOC);
		assert_true(t.leaks->heap.owners.count > 0);
	}
	end();
	unlink(library);
	assert_int_equal(rmdir(dir), 0);
}

static void test_cost(void **state)
{
	struct mv_leaks_cost cost;
	struct mv_maps maps;

	(void)state;
	start_leaker(16, false);
	mv_maps_init(&maps);
	assert_int_equal(mv_maps_read(t.target, &maps, NULL, 0), 0);
	assert_int_equal(mv_leaks_cost(t.source, t.target, &maps, MV_LEAKS_EXACT, &cost), 0);
	mv_maps_release(&maps);
	look(MV_LEAKS_EXACT);
	assert_int_equal(t.leaks->why, MV_LEAKS_WHY_NONE);
	assert_int_equal(t.leaks->heap_bytes, cost.copy_bytes);
	assert_true(cost.stop_ns > 0 && cost.need_bytes > cost.copy_bytes && cost.room_bytes > 0);
	assert_true(cost.stream_bytes >= t.leaks->roots_bytes / 2);
	end();
}

/* ---- programs that lose nothing ---- */

/* It has nothing to do any more when it waits for our input. False: it is not installed. */
static bool await_reading(void)
{
	const uint64_t until = now_ms() + DEADLINE_MS;
	char text[256];
	int status;

	for (;;) {
		ssize_t n = mv_target_read_named(t.target, "syscall", text, sizeof(text));

		if (n > 0 && !strncmp(text, "0 0x0 ", 6))
			return true;
		if (waitpid(t.pid, &status, WNOHANG) == t.pid) {
			t.pid = 0;
			return false;
		}
		assert_true(now_ms() < until);
		sched_yield();
	}
}

static void check_innocent(char *const argv[])
{
	start(argv, NULL);
	if (!await_reading()) {
		print_message("# %s is not here\n", argv[0]);
		end();
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		mv_target_reopen(t.target);
		look(i % 2 ? MV_LEAKS_SCAN : MV_LEAKS_EXACT);
		assert_int_equal(t.leaks->why, MV_LEAKS_WHY_NONE);
		print_message("# %s: lost %" PRIu64 " of %" PRIu64 " blocks\n", argv[0], t.leaks->lost.blocks,
			      t.leaks->blocks);
		assert_int_equal(t.leaks->lost.blocks, 0);
	}
	end();
}

static void test_innocent(void **state)
{
	char *const python[] = {
	    (char[]){"python3"}, (char[]){"-c"},
	    (char[]){"import json,re,ast,decimal,threading,sys;x=[json.loads('{\"a\":[1,2]}') for i in "
		     "range(1000)];sys.stdin.read()"},
	    NULL};
	char *const perl[] = {(char[]){"perl"}, (char[]){"-e"},
			      (char[]){"use strict; my %h; $h{$_}=[1..9] for 1..5000; <STDIN>;"}, NULL};

	(void)state;
	check_innocent(python);
	check_innocent(perl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exact_idle), cmocka_unit_test(test_exact_busy),
	    cmocka_unit_test(test_scan_idle),  cmocka_unit_test(test_scan_busy),
	    cmocka_unit_test(test_unchanged),  cmocka_unit_test(test_ends_meanwhile),
	    cmocka_unit_test(test_stopped),    cmocka_unit_test(test_traced),
	    cmocka_unit_test(test_let_go),     cmocka_unit_test(test_no_time),
	    cmocka_unit_test(test_no_heap),    cmocka_unit_test(test_other),
	    cmocka_unit_test(test_cost),       cmocka_unit_test(test_innocent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
