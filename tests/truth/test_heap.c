/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* What is read of a live heap from outside, against what its own mallinfo2 says, and against how it was made.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/heap.h"

struct load {
	pid_t child;
	int in;
	FILE *out;
	char line[512], ready[512];
	struct mv_source *source;
	struct mv_target *target;
	struct mv_heap_where where;
	struct mv_memcopy copy;
	struct mv_heap heap;
};
static struct load load;

static uint64_t value_of(const char *line, const char *key)
{
	char wanted[32];
	const char *at;

	snprintf(wanted, sizeof(wanted), " %s=", key);
	at = strstr(line, wanted);
	assert_non_null(at);
	return strtoull(at + strlen(wanted), NULL, 10);
}

static void open_target(struct load *l, int pid)
{
	assert_int_equal(mv_source_new(&(struct mv_source_opts){0}, &l->source), 0);
	assert_int_equal(mv_target_open(l->source, pid, &l->target), 0);
	mv_heap_init(&l->heap);
	mv_heap_where_init(&l->where);
	mv_memcopy_init(&l->copy);
}

static void spawn(struct load *l, const char *const argv[], const char *setting)
{
	int in[2], out[2];

	memset(l, 0, sizeof(*l));
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
		if (setting)
			putenv((char *)(uintptr_t)setting);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	l->in = in[1];
	l->out = fdopen(out[0], "r");
	assert_non_null(l->out);
}

static void start_as(struct load *l, const char *setting, const char *name, const char *arg)
{
	const char *program = getenv("MV_HEAPSTER");
	const char *const argv[] = {program, name, arg, NULL};

	if (!program || access(program, X_OK) < 0) {
		print_message("# SKIP %s: MV_HEAPSTER does not name the built mv-heapster\n", name);
		skip();
	}
	spawn(l, argv, setting);
	if (!fgets(l->ready, sizeof(l->ready), l->out))
		fail_msg("%s did not begin", name);
	open_target(l, l->child);
}

static void start(struct load *l, const char *name, const char *arg)
{
	start_as(l, NULL, name, arg);
}

static void stop(struct load *l)
{
	close(l->in);
	fclose(l->out);
	kill(l->child, SIGKILL);
	while (waitpid(l->child, NULL, 0) < 0 && errno == EINTR)
		;
	mv_heap_release(&l->heap);
	mv_heap_where_release(&l->where);
	mv_memcopy_release(&l->copy);
	mv_target_close(l->target);
	mv_source_free(l->source);
}

static void ask(struct load *l, const char *what)
{
	assert_int_equal(write(l->in, what, strlen(what)), (ssize_t)strlen(what));
	assert_non_null(fgets(l->line, sizeof(l->line), l->out));
}

static void read_heap(struct load *l)
{
	const struct mv_heap_opts opts = {0};

	assert_int_equal(mv_heap_read(l->source, l->target, &opts, &l->where, &l->copy, &l->heap), 0);
}

static void read_well(struct load *l)
{
	char text[160];

	read_heap(l);
	if (l->heap.reason != MV_HEAP_HAVE)
		fail_msg("%s (0x%" PRIx64 " after 0x%" PRIx64 ")", mv_heap_words(&l->heap, text).text,
			 l->heap.broke_at, l->heap.broke_after);
}

/* What must hold of any reading that is handed out. */
static void check_whole(const struct mv_heap *h)
{
	struct mv_heap_sum sum[MV_BLOCK__N] = {{0}};
	uint64_t end = 0, used = 0, freed = 0, all = 0;

	for (size_t i = 0; i < h->block_count; i++) {
		const struct mv_block *b = &h->blocks[i];

		assert_true(b->start >= end && !(b->start & 15) && mv_block_size(b) >= 16);
		assert_true(mv_block_state(b) < MV_BLOCK__N);
		end = b->start + mv_block_size(b);
		sum[mv_block_state(b)].blocks++;
		sum[mv_block_state(b)].bytes += mv_block_size(b);
	}
	for (int i = 0; i < MV_BLOCK__N; i++) {
		if (i == MV_BLOCK_MMAPPED && !h->mmapped_found)
			continue;
		assert_int_equal(sum[i].blocks, h->sum[i].blocks);
		assert_int_equal(sum[i].bytes, h->sum[i].bytes);
	}
	for (int i = 0; i < MV_HEAP_CLASSES; i++) {
		used += h->classes[i].used_bytes;
		freed += h->classes[i].free_bytes;
	}
	assert_int_equal(used, sum[MV_BLOCK_IN_USE].bytes + sum[MV_BLOCK_MMAPPED].bytes);
	assert_int_equal(freed,
			 sum[MV_BLOCK_FREE].bytes + sum[MV_BLOCK_TCACHE].bytes + sum[MV_BLOCK_FASTBIN].bytes);
	for (size_t i = 0; i < h->arena_count; i++) {
		assert_true(h->arenas[i].reconciled);
		all += h->arenas[i].system_bytes;
	}
	assert_int_equal(all, h->system_bytes);
	assert_int_equal(h->mallinfo.uordblks + h->mallinfo.fordblks, h->mallinfo.arena);
	assert_true(h->free_resident_bytes <= h->sum[MV_BLOCK_FREE].bytes);
	assert_true(h->resident_bytes <= h->system_bytes + h->arena_count * 2 * 4096);
}

/* Addresses lead to their blocks, and cells add up to what the blocks do. */
static void check_lookup(const struct mv_heap *h)
{
	static struct mv_heap_cell cells[1000];

	for (size_t i = 0; i < h->block_count; i += 1 + h->block_count / 5000) {
		const struct mv_block *b = &h->blocks[i];

		assert_ptr_equal(mv_heap_find(h, b->start), b);
		assert_ptr_equal(mv_heap_find(h, b->start + mv_block_size(b) - 1), b);
		assert_int_equal(mv_heap_from(h, b->start), i);
		assert_int_equal(mv_heap_from(h, b->start + mv_block_size(b) - 1), i);
	}
	for (size_t i = 0; i < h->region_count; i++) {
		const struct mv_range range = {h->regions[i].start, h->regions[i].end};
		const uint64_t cell_bytes = (range.end - range.start) / 999 + 1;
		uint64_t bytes = 0, blocks = 0;

		mv_heap_cells(h, range, cell_bytes, cells,
			      (size_t)((range.end - range.start + cell_bytes - 1) / cell_bytes));
		for (size_t k = 0; k < (range.end - range.start + cell_bytes - 1) / cell_bytes; k++) {
			for (int s = 0; s < MV_BLOCK__N; s++)
				bytes += cells[k].bytes[s];
			blocks += cells[k].blocks;
		}
		assert_int_equal(bytes, range.end - range.start);
		assert_int_equal(blocks, h->regions[i].count);
	}
	assert_null(mv_heap_find(h, 0));
	assert_null(mv_heap_find(h, UINT64_MAX));
	assert_int_equal(mv_heap_from(h, UINT64_MAX), h->block_count);
}

/* Standing still: every figure as the target itself has it. */
static void check_exact(struct load *l)
{
	ask(l, "\n");
	read_well(l);
	assert_true(l->heap.still);
	assert_true(l->heap.caches_exact);
	assert_true(l->heap.mmapped_found);
	check_whole(&l->heap);
	check_lookup(&l->heap);
#define X(field) assert_int_equal(l->heap.mallinfo.field, value_of(l->line, #field));
	MV_MALLINFO_FIELDS(X)
#undef X
	assert_int_equal(l->heap.sum[MV_BLOCK_IN_USE].bytes + l->heap.sum[MV_BLOCK_TCACHE].bytes +
			     l->heap.sum[MV_BLOCK_OWN].bytes + l->heap.arenas[0].foreign_bytes,
			 l->heap.mallinfo.uordblks +
			     (l->heap.sum[MV_BLOCK_MMAPPED].bytes < l->heap.mallinfo.hblkhd
				  ? l->heap.mallinfo.hblkhd - l->heap.sum[MV_BLOCK_MMAPPED].bytes
				  : 0));
}

static void exact(const char *name, const char *arg)
{
	start(&load, name, arg);
	check_exact(&load);
	check_exact(&load);
	stop(&load);
}

static void test_none(void **state)
{
	(void)state;
	start(&load, "none", NULL);
	read_heap(&load);
	assert_int_equal(load.heap.reason, MV_HEAP_NO_HEAP);
	ask(&load, "\n");
	read_heap(&load);
	assert_int_equal(load.heap.reason, MV_HEAP_NO_HEAP);
	stop(&load);
}

static void test_sizes(void **state)
{
	(void)state;
	exact("sizes", "1");
	exact("sizes", "2");
	exact("sizes", "3");
}

static void test_threads(void **state)
{
	(void)state;
	start(&load, "threads", "12");
	check_exact(&load);
	assert_true(load.heap.arena_count > 2);
	assert_int_equal(load.heap.tcaches, 13);
	stop(&load);
}

/* Arenas of more than one heap. */
static void test_large_arenas(void **state)
{
	(void)state;
	start_as(&load, "GLIBC_TUNABLES=glibc.malloc.mmap_threshold=33554432:glibc.malloc.arena_max=2",
		 "threads", "300");
	check_exact(&load);
	assert_int_equal(load.heap.arena_count, 2);
	assert_true(load.heap.arenas[1].segments > 1);
	stop(&load);
}

static void test_one_arena(void **state)
{
	(void)state;
	start(&load, "one-arena", "6");
	check_exact(&load);
	assert_int_equal(load.heap.arena_count, 1);
	stop(&load);
}

static void test_foreign(void **state)
{
	(void)state;
	start(&load, "foreign", NULL);
	check_exact(&load);
	assert_true(load.heap.arenas[0].segments > 1);
	assert_true(load.heap.arenas[0].foreign_bytes > 0);
	stop(&load);
}

static void test_blocked(void **state)
{
	(void)state;
	start(&load, "blocked", NULL);
	check_exact(&load);
	assert_false(load.heap.arenas[0].contiguous);
	assert_true(load.heap.arenas[0].segments > 5);
	stop(&load);
}

static void test_mapped(void **state)
{
	(void)state;
	exact("mapped", NULL);
}

static void test_fast(void **state)
{
	(void)state;
	start(&load, "fast", NULL);
	check_exact(&load);
	assert_true(load.heap.sum[MV_BLOCK_FASTBIN].blocks > 100);
	assert_true(load.heap.sum[MV_BLOCK_TCACHE].blocks > 40);
	stop(&load);
}

/* Free pages that are still resident: malloc_trim gives back just those. */
static void test_trim(void **state)
{
	uint64_t resident, trimmable, given_back;

	(void)state;
	start(&load, "fragments", NULL);
	check_exact(&load);
	resident = load.heap.free_resident_bytes;
	trimmable = load.heap.trimmable_bytes;
	assert_true(resident > 2000 * 3 * 4096);
	assert_true(trimmable >= resident);
	assert_true(load.heap.fragmentation > 900);
	ask(&load, "trim\n");
	given_back = value_of(load.line, "rss_before") - value_of(load.line, "rss_after");
	assert_in_range(given_back, trimmable / 1024 * 99 / 100, trimmable / 1024 * 101 / 100);
	/* All but the top's pages, and it has touched next to none of these. */
	assert_in_range(resident / 1024, given_back * 99 / 100, given_back * 101 / 100);
	check_exact(&load);
	assert_int_equal(load.heap.free_resident_bytes, 0);
	assert_true(load.heap.trimmable_bytes <= 4096);
	stop(&load);
}

/* Reading it changes nothing: pages not present stay so. */
static void test_untouched(void **state)
{
	uint64_t resident;

	(void)state;
	start(&load, "fragments", NULL);
	ask(&load, "trim\n");
	read_well(&load);
	resident = load.heap.resident_bytes;
	read_well(&load);
	assert_int_equal(load.heap.resident_bytes, resident);
	ask(&load, "trim\n");
	assert_in_range(value_of(load.line, "rss_before"), value_of(load.line, "rss_after"),
			value_of(load.line, "rss_after") + 64);
	stop(&load);
}

static void test_smashed(void **state)
{
	char text[160], wanted[32];

	(void)state;
	start(&load, "smashed", NULL);
	read_heap(&load);
	assert_int_equal(load.heap.reason, MV_HEAP_CORRUPT);
	assert_int_equal(load.heap.broke_at, value_of(load.ready, "smashed"));
	assert_true(load.heap.broke_after < load.heap.broke_at);
	snprintf(wanted, sizeof(wanted), "breaks at 0x%" PRIx64, load.heap.broke_at);
	assert_non_null(strstr(mv_heap_words(&load.heap, text).text, wanted));
	stop(&load);
}

static void test_settings(void **state)
{
	static const char *const settings[] = {
	    "GLIBC_TUNABLES=glibc.malloc.tcache_count=0",
	    "GLIBC_TUNABLES=glibc.malloc.tcache_count=200",
	    "GLIBC_TUNABLES=glibc.malloc.tcache_max=256",
	    "GLIBC_TUNABLES=glibc.malloc.mmap_max=0",
	    "GLIBC_TUNABLES=glibc.malloc.arena_test=3:glibc.malloc.arena_max=3",
	    "GLIBC_TUNABLES=glibc.malloc.mxfast=0",
	    "GLIBC_TUNABLES=glibc.malloc.hugetlb=1",
	    "GLIBC_TUNABLES=glibc.malloc.top_pad=10000000",
	};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(settings); i++) {
		start_as(&load, settings[i], "sizes", "5");
		check_exact(&load);
		stop(&load);
		start_as(&load, settings[i], "threads", "4");
		check_exact(&load);
		stop(&load);
	}
}

/* The copied bytes of an address, to be made what a copy made too slowly would hold. */
static uint64_t *copied(uint64_t address)
{
	return (uint64_t *)(uintptr_t)mv_memcopy_at(&load.copy, address, sizeof(uint64_t));
}

/*
 * A copy with headers of another time, and a state from before the heap grew, is refused as it is; and mended
 * from a target that is there.
 */
static void test_mended(void **state)
{
	const uint32_t sums[] = {MV_BLOCK_IN_USE, MV_BLOCK_FREE, MV_BLOCK_TCACHE, MV_BLOCK_FASTBIN};
	const struct mv_heap_opts opts = {.whole = true};
	struct mv_heap_sum before[MV_BLOCK__N];
	size_t blocks;

	(void)state;
	start(&load, "threads", "4");
	assert_int_equal(mv_heap_read(load.source, load.target, &opts, &load.where, &load.copy, &load.heap),
			 0);
	assert_int_equal(load.heap.reason, MV_HEAP_HAVE);
	blocks = load.heap.block_count;
	memcpy(before, load.heap.sum, sizeof(before));
	for (size_t i = 0; i < load.heap.region_count; i++) {
		const struct mv_heap_region *r = &load.heap.regions[i];

		for (size_t k = r->count / 4; r->kind == MV_REGION_ARENA && k < r->count;
		     k += r->count / 4 + 1)
			copied(load.heap.blocks[r->first + k].start)[1] = 0x4141414141414141;
	}
	/* top, and what it took from the system */
	*copied(load.where.state) -= 4096;
	*copied(load.where.state + 0x828) -= 4096;
	assert_int_equal(mv_heap_walk(&load.where, &load.copy, SIZE_MAX / 2, &load.heap), 0);
	assert_int_equal(load.heap.reason, MV_HEAP_CORRUPT);
	assert_int_equal(mv_heap_walk_live(&load.where, &load.copy, load.target, SIZE_MAX / 2, &load.heap),
			 0);
	assert_int_equal(load.heap.reason, MV_HEAP_HAVE);
	assert_int_equal(load.heap.block_count, blocks);
	for (size_t i = 0; i < MV_COUNT_OF(sums); i++)
		assert_int_equal(load.heap.sum[sums[i]].bytes, before[sums[i]].bytes);
	check_whole(&load.heap);
	/* now the copy is as it should be */
	assert_int_equal(mv_heap_walk(&load.where, &load.copy, SIZE_MAX / 2, &load.heap), 0);
	assert_int_equal(load.heap.reason, MV_HEAP_HAVE);
	stop(&load);
}

/* Eight threads at full rate: it adds up, and what is in use is what they can have in use; or there is a
 * reason. */
static void test_change(void **state)
{
	unsigned read = 0;

	(void)state;
	start(&load, "change", "8");
	for (int i = 0; i < 60; i++) {
		uint64_t used;

		read_heap(&load);
		if (load.heap.reason != MV_HEAP_HAVE) {
			assert_int_equal(load.heap.reason, MV_HEAP_CHANGING);
			continue;
		}
		read++;
		check_whole(&load.heap);
		used = load.heap.sum[MV_BLOCK_IN_USE].bytes;
		assert_in_range(used, value_of(load.ready, "live_min"), value_of(load.ready, "live_max"));
	}
	print_message("# read %u of 60\n", read);
	stop(&load);
}

static void test_bounded(void **state)
{
	const struct mv_heap_opts opts = {.limit_bytes = 1 << 20};

	(void)state;
	start(&load, "fragments", NULL);
	assert_int_equal(mv_heap_read(load.source, load.target, &opts, &load.where, &load.copy, &load.heap),
			 0);
	assert_int_equal(load.heap.reason, MV_HEAP_TOO_BIG);
	stop(&load);
}

static void test_ended(void **state)
{
	(void)state;
	start(&load, "sizes", "1");
	read_well(&load);
	kill(load.child, SIGKILL);
	while (waitid(P_PID, (id_t)load.child, &(siginfo_t){0}, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	read_heap(&load);
	assert_int_equal(load.heap.reason, MV_HEAP_GONE);
	stop(&load);
}

/* How many huge pages are reserved; sets them to count first unless that is negative. -1: not allowed. */
static long reserve(long count)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", count < 0 ? "r" : "r+");
	long now = -1;

	if (!f)
		return -1;
	if (count >= 0) {
		fprintf(f, "%ld\n", count);
		fflush(f);
		rewind(f);
	}
	if (fscanf(f, "%ld", &now) != 1)
		now = -1;
	fclose(f);
	return now;
}

/* A heap in huge pages, of which some are reserved for that long, where it is allowed. */
static void test_huge(void **state)
{
	const long before = reserve(-1);
	char text[160];
	bool equal;

	(void)state;
	if (before < 0 || reserve(before + 32) < before + 32) {
		if (before >= 0)
			reserve(before);
		print_message("# SKIP huge: huge pages can't be reserved\n");
		skip();
	}
	start_as(&load, "GLIBC_TUNABLES=glibc.malloc.hugetlb=2", "huge", NULL);
	ask(&load, "\n");
	read_heap(&load);
	equal = load.heap.reason == MV_HEAP_HAVE &&
		load.heap.mallinfo.uordblks == value_of(load.line, "uordblks") &&
		load.heap.mallinfo.fordblks == value_of(load.line, "fordblks") &&
		load.heap.mallinfo.hblkhd == value_of(load.line, "hblkhd");
	if (!equal)
		print_message("%s\n%s", mv_heap_words(&load.heap, text).text, load.line);
	if (load.heap.reason == MV_HEAP_HAVE)
		check_whole(&load.heap);
	stop(&load);
	reserve(before);
	assert_true(equal);
}

/* Programs that know nothing of us, once they wait for input. */
static void check_foreign(const char *const argv[], const char *setting)
{
	static const char say[] = "ok";
	struct pollfd p;
	char text[160];

	spawn(&load, argv, setting);
	p = (struct pollfd){.fd = fileno(load.out), .events = POLLIN};
	if (poll(&p, 1, 60000) != 1 || !fgets(load.line, sizeof(load.line), load.out) ||
	    strncmp(load.line, say, 2) != 0) {
		open_target(&load, (int)getpid());
		stop(&load);
		print_message("# SKIP %s: is not there\n", argv[0]);
		skip();
	}
	open_target(&load, load.child);
	read_heap(&load);
	if (load.heap.reason != MV_HEAP_HAVE)
		fail_msg("%s: %s", argv[0], mv_heap_words(&load.heap, text).text);
	check_whole(&load.heap);
	assert_true(load.heap.mmapped_found);
	assert_true(load.heap.block_count > 10);
	stop(&load);
}

static void test_bash(void **state)
{
	static const char *const argv[] = {"bash", "-c", "echo ok; read x", NULL};

	(void)state;
	check_foreign(argv, NULL);
}

static void test_perl(void **state)
{
	static const char *const argv[] = {
	    "perl", "-e", "use POSIX; $|=1; @a=map{[$_]}1..20000; print qq(ok\\n); <STDIN>", NULL};

	(void)state;
	check_foreign(argv, NULL);
}

static void test_python(void **state)
{
	static const char *const argv[] = {"python3", "-c",
					   "import sys,json\na=[bytes(600+i%900) for i in "
					   "range(20000)]\nprint('ok',flush=True)\nsys.stdin.readline()",
					   NULL};

	(void)state;
	check_foreign(argv, NULL);
}

static void test_gdb(void **state)
{
	static const char *const argv[] = {"gdb",	 "-q",	"-nx",		"-batch", "-ex",
					   "echo ok\\n", "-ex", "shell read x", NULL};

	(void)state;
	check_foreign(argv, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_none),      cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_threads),   cmocka_unit_test(test_large_arenas),
	    cmocka_unit_test(test_one_arena), cmocka_unit_test(test_foreign),
	    cmocka_unit_test(test_blocked),   cmocka_unit_test(test_mapped),
	    cmocka_unit_test(test_fast),      cmocka_unit_test(test_trim),
	    cmocka_unit_test(test_untouched), cmocka_unit_test(test_smashed),
	    cmocka_unit_test(test_settings),  cmocka_unit_test(test_mended),
	    cmocka_unit_test(test_change),    cmocka_unit_test(test_bounded),
	    cmocka_unit_test(test_ended),     cmocka_unit_test(test_huge),
	    cmocka_unit_test(test_bash),      cmocka_unit_test(test_perl),
	    cmocka_unit_test(test_python),    cmocka_unit_test(test_gdb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
