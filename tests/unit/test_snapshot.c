/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/snapshot.h"
#include "tests/unit/snapbuild.h"

/* A picture with something in every section. */
static struct mv_snapshot *sample;

static const struct mv_range spans[] = {{0x1000, 0x5000}, {0x10000, 0x12000}};
static const uint32_t span_cells[] = {4, 2};
static const struct mv_grid_cell cells[6] = {{.pages = 1, .flags = MV_GRID_READ},
					     {.pages = 2},
					     {.pages = 3},
					     {.pages = 4},
					     {.pages = 5},
					     {.pages = 6}};
static const uint8_t bytes[16] = "sixteen bytes..";
static const struct snapbuild_row rows[] = {
    {.start = 0x1000,
     .end = 0x5000,
     .perms = "rw-p",
     .kind = MV_KIND_HEAP,
     .name = "[heap]",
     .state[MV_PAGE_ANON] = 3,
     .state[MV_PAGE_ZERO] = 1},
    {.start = 0x10000,
     .end = 0x12000,
     .perms = "r-xp",
     .kind = MV_KIND_TEXT,
     .name = "/bin/x",
     .state[MV_PAGE_FILE] = 2,
     .inode = 7},
    {.start = 0x20000,
     .end = 0x30000,
     .perms = "rw-p",
     .kind = MV_KIND_ANON,
     .no_tally = true,
     .no_smaps = true},
};

static const struct snapbuild_fault_stack stacks[] = {
    {"_start;main;fill", {.tid = 4711, .faults = 2, .pages = 2, .last_page = 0x1000}},
    {"clone;?", {.tid = 4712, .end = MV_STACK_NO_TABLE, .faults = 1, .pages = 1}},
};
static const struct snapbuild_fault_mapping fault_mappings[] = {
    {"[heap]", {.start = 0x1000, .end = 0x5000, .faults = 3, .pages = 3}}};
static const struct snapbuild_fault_thread fault_threads[] = {{"x", {.tid = 4711, .faults = 3}}};
static const struct snapbuild_fault_entry fault_log[] = {
    {"fill", "[heap]", {.addr = 0x1008, .tid = 4711, .kind = MV_FAULT_ZERO}}};
static const struct snapbuild_call calls[] = {{"fill", 0x10010, 0x4f00, 0}, {"main", 0x10020, 0x4f80, 0}};
static const struct snapbuild_thread threads[] = {
    {"x", calls, 2, {.tid = 4711, .how = MV_HOW_UNSTOPPED}},
    {"y", NULL, 0, {.tid = 4712, .calls_why = MV_WHY_RUNNING}},
};
static const struct snapbuild_line lines[] = {{0x10010, "x.c", 7}, {0x10020, NULL, 0}};

static int build_sample(void **state)
{
	struct snapbuild b;

	(void)state;
	snapbuild_init(&b);
	b.rows = rows;
	b.count = MV_COUNT_OF(rows);
	b.spans = spans;
	b.span_cells = span_cells;
	b.spans_count = 2;
	b.cells = cells;
	b.page_bytes = bytes;
	b.page_bytes_count = sizeof(bytes);
	b.cmdline = "x\0-v\0";
	b.cmdline_len = 5;
	b.title = "x";
	b.trace = (struct snapbuild_trace){
	    .stacks = stacks,
	    .stacks_count = MV_COUNT_OF(stacks),
	    .mappings = fault_mappings,
	    .mappings_count = MV_COUNT_OF(fault_mappings),
	    .fault_threads = fault_threads,
	    .fault_threads_count = MV_COUNT_OF(fault_threads),
	    .log = fault_log,
	    .log_count = MV_COUNT_OF(fault_log),
	    .threads = threads,
	    .threads_count = MV_COUNT_OF(threads),
	    .lines = lines,
	    .lines_count = MV_COUNT_OF(lines),
	};
	sample = snapbuild_make(&b);
	return 0;
}

static int free_sample(void **state)
{
	(void)state;
	free(sample);
	return 0;
}

/* Memory that ends right where nobody may read. */
struct fence {
	char *base;
	size_t bytes; /* readable ones */
};

static struct fence fence_new(size_t at_least)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct fence f = {.bytes = (at_least + page - 1) / page * page};

	f.base = mmap(NULL, f.bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(f.base, MAP_FAILED);
	assert_int_equal(mprotect(f.base + f.bytes, page, PROT_NONE), 0);
	return f;
}

static struct mv_snapshot *fence_put(const struct fence *f, const void *from, size_t n)
{
	char *at = f->base + f->bytes - n;

	memcpy(at, from, n);
	return (struct mv_snapshot *)(void *)at;
}

static void fence_free(const struct fence *f)
{
	munmap(f->base, f->bytes + (size_t)sysconf(_SC_PAGESIZE));
}

static uint64_t use_faults(const struct mv_snapshot *s)
{
	uint64_t sum = 0;
	uint32_t count;
	const struct mv_fault_mapping *m = mv_snapshot_fault_mappings(s, &count);

	for (uint32_t i = 0; i < count; i++)
		sum += m[i].faults + strlen(mv_snapshot_text(s, m[i].name).text);
	const struct mv_fault_stack *k = mv_snapshot_fault_stacks(s, &count);
	for (uint32_t i = 0; i < count; i++) {
		sum += k[i].pages + strlen(mv_stack_ends[k[i].end].json);
		for (uint32_t c = 0; c < k[i].count; c++)
			sum +=
			    strlen(mv_snapshot_function_name(s, mv_snapshot_fault_calls(s, &k[i])[c]).text);
	}
	const struct mv_fault_thread *t = mv_snapshot_fault_threads(s, &count);
	for (uint32_t i = 0; i < count; i++)
		sum += t[i].faults + strlen(mv_snapshot_text(s, t[i].name).text);
	const struct mv_fault_entry *e = mv_snapshot_fault_log(s, &count);
	for (uint32_t i = 0; i < count; i++)
		sum += e[i].addr + strlen(mv_snapshot_text(s, e[i].mapping_name).text) +
		       strlen(mv_snapshot_function_name(s, e[i].function).text) +
		       strlen(mv_fault_kinds[e[i].kind].json);
	return sum;
}

static uint64_t use_threads(const struct mv_snapshot *s)
{
	uint64_t sum = 0;
	uint32_t count, line;
	const struct mv_thread *t = mv_snapshot_threads(s, &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct mv_call *c = mv_snapshot_thread_calls(s, &t[i]);

		sum += strlen(mv_snapshot_text(s, t[i].name).text) +
		       strlen(mv_why_text((enum mv_why)t[i].calls_why)) +
		       strlen(mv_stack_ends[t[i].end].json) + (mv_snapshot_thread(s, t[i].tid) == &t[i]);
		for (uint32_t k = 0; k < t[i].count; k++) {
			const struct mv_function *f = mv_snapshot_function(s, c[k].function);
			struct mv_clean file = mv_snapshot_line(s, c[k].pc, &line);

			sum += c[k].pc + (f ? strlen(mv_snapshot_text(s, f->image).text) : 0);
			sum += file.text ? strlen(file.text) : 0;
		}
	}
	return sum;
}

/* Use everything the accessors give, to the last byte. */
static uint64_t use_all(const struct mv_snapshot *s)
{
	uint64_t sum = strlen(mv_snapshot_title(s).text);
	struct mv_clean text;
	uint32_t count;

	for (uint32_t i = 0; i < mv_snapshot_count(s); i++) {
		const struct mv_tally *tally = mv_snapshot_tally(s, i);
		const struct mv_mapping_tables *tables = mv_snapshot_tables(s, i);
		struct mv_val field = mv_snapshot_field(s, i, MV_SMAPS_SWAP);
		struct mv_val rss = mv_snapshot_rss(s, i);

		sum += strlen(mv_snapshot_name(s, i).text) + field.value + rss.value;
		sum += strlen(mv_kind_name((enum mv_kind)mv_snapshot_mappings(s)[i].kind));
		sum += mv_snapshot_find(s, mv_snapshot_mappings(s)[i].start);
		sum += tally ? mv_tally_present(tally) : 0;
		sum += tables ? tables->entries : 0;
	}
	for (uint32_t i = 0; i < s->spans.count; i++) {
		const struct mv_grid_cell *c = mv_snapshot_cells(s, i, &count);

		for (uint32_t k = 0; k < count; k++)
			sum += c[k].pages;
	}
	for (uint32_t i = 0; (text = mv_snapshot_argument(s, i)).text; i++)
		sum += strlen(text.text);
	for (uint64_t i = 0; i < s->page_bytes_read.count; i++)
		sum += ((const uint8_t *)s + s->page_bytes_read.offset)[i];
	for (unsigned i = 0; i < MV_PART__N; i++)
		sum += strlen(mv_why_text((enum mv_why)s->part_why[i]));
	sum += strlen(mv_page_states[s->page.state].json);
	sum += strlen(mv_why_text((enum mv_why)s->trace.why)) +
	       strlen(mv_why_text((enum mv_why)s->threads_head.stop_why));
	return sum + use_faults(s) + use_threads(s);
}

static void test_good_block(void **state)
{
	(void)state;
	assert_int_equal(mv_snapshot_check(sample, sample->length), 0);
	assert_int_equal(mv_snapshot_check(sample, sample->length + 4096), 0);
	assert_true(use_all(sample) > 0);
}

static void test_truncated(void **state)
{
	struct fence f = fence_new(sample->length);

	(void)state;
	for (size_t n = 0; n < sample->length; n += 8) {
		struct mv_snapshot *s = fence_put(&f, sample, n);

		assert_int_equal(mv_snapshot_check(s, n), -EBADMSG);
		/* What is left says that this is all there is. */
		if (n >= sizeof(*s)) {
			s->length = n;
			assert_int_equal(mv_snapshot_check(s, n), -EBADMSG);
		}
	}
	fence_free(&f);
}

/* Every word of the header and of the sections becomes every nasty value: refused, or harmless. */
static void test_every_word_hostile(void **state)
{
	struct fence f = fence_new(sample->length);
	const uint64_t nasty[] = {0,
				  1,
				  7,
				  8,
				  sample->length - 8,
				  sample->length - 1,
				  sample->length,
				  sample->length + 8,
				  UINT32_MAX,
				  UINT64_C(1) << 32,
				  INT64_MAX,
				  UINT64_C(1) << 63,
				  UINT64_MAX - 7,
				  UINT64_MAX};
	uint64_t sum = 0;

	(void)state;
	for (size_t at = 0; at + 4 <= sample->length; at += 4)
		for (size_t i = 0; i < MV_COUNT_OF(nasty); i++)
			for (size_t n = 4; n <= 8 && at + n <= sample->length; n += 4) {
				struct mv_snapshot *s = fence_put(&f, sample, sample->length);

				memcpy((char *)s + at, &nasty[i], n);
				if (mv_snapshot_check(s, sample->length) == 0)
					sum += use_all(s);
			}
	assert_true(sum > 0);
	fence_free(&f);
}

static void test_noise(void **state)
{
	struct fence f = fence_new(sample->length);
	uint64_t seed = 0x9e3779b97f4a7c15, sum = 0;

	(void)state;
	for (unsigned round = 0; round < 50000; round++) {
		struct mv_snapshot *s = fence_put(&f, sample, sample->length);

		for (unsigned k = 0; k <= round % 5; k++) {
			seed = seed * 6364136223846793005 + 1442695040888963407;
			((char *)s)[(seed >> 20) % sample->length] ^= (char)(seed >> 56 | 1);
		}
		if (mv_snapshot_check(s, sample->length) == 0)
			sum += use_all(s);
	}
	assert_true(sum > 0);
	fence_free(&f);
}

/* What must be refused, one by one: each is a promise that views rely on. */
static void test_refusals(void **state)
{
	struct mv_snapshot *s = malloc(sample->length);
	struct mv_mapping *m;
	uint32_t *first;

	(void)state;
	assert_non_null(s);
#define REFUSED(...) \
	do { \
		memcpy(s, sample, sample->length); \
		m = (struct mv_mapping *)(uintptr_t)mv_snapshot_mappings(s); \
		first = (uint32_t *)(void *)((char *)s + s->span_first.offset); \
		__VA_ARGS__; \
		assert_int_equal(mv_snapshot_check(s, sample->length), -EBADMSG); \
	} while (0)
	REFUSED(s->magic ^= 1);
	REFUSED(s->length = sample->length + 1);
	REFUSED(s->length = sizeof(*s) - 1);
	REFUSED(s->mappings.offset += 4);
	REFUSED(s->mappings.count = UINT64_C(1) << 60); /* times the element's size wraps to little */
	REFUSED(s->names.count = 0);
	REFUSED(((char *)s)[s->names.offset + s->names.count - 1] = 'x');
	REFUSED(((char *)s)[s->title.offset + s->title.count - 1] = 'x');
	REFUSED(((char *)s)[s->cmdline.offset + s->cmdline.count - 1] = 'x');
	REFUSED(s->title.count = 0);
	REFUSED(s->seen.count--);
	REFUSED(s->tallies.count--);
	REFUSED(s->smaps.count--);
	REFUSED(s->mapping_tables.count--);
	REFUSED(s->span_first.count--);
	REFUSED(first[1] = 7);
	REFUSED(first[2] = 7);
	REFUSED(first[0] = 5);
	REFUSED(s->spans.count = 0);
	REFUSED(m[1].name = (uint32_t)s->names.count);
	REFUSED(m[2].kind = MV_KIND__N);
	REFUSED(m[0].end = m[0].start);
	REFUSED(m[1].start = m[0].end - 0x1000);	 /* overlaps */
	REFUSED(m[2].start = 0x9000, m[2].end = 0xa000); /* out of order */
	REFUSED(s->functions.count--);
	REFUSED(s->fault_calls.count--);
	REFUSED(s->thread_calls.count--);
	REFUSED(((char *)s)[s->trace_text.offset + s->trace_text.count - 1] = 'x');
	REFUSED(s->trace_text.count = 0);
	REFUSED(((struct mv_thread *)(void *)((char *)s + s->threads.offset))[1].tid = 4711);
	REFUSED(((struct mv_line *)(void *)((char *)s + s->lines.offset))[1].pc = 0x10010);
	REFUSED(s->trace.stacks_why = MV_WHY__N);
	REFUSED(s->threads_head.stop_why = MV_WHY__N);
	REFUSED(s->life = MV_LIFE_KERNEL_THREAD + 1);
	REFUSED(s->page.state = MV_PAGE__N);
	REFUSED(s->levels = 3);
	REFUSED(s->levels = 6);
	REFUSED(s->page_bytes = 0);
	REFUSED(s->page_bytes = 5000);
#undef REFUSED
	free(s);
}

static void test_accessors(void **state)
{
	const struct mv_grid_cell *c;
	struct mv_val v;
	uint32_t n = 99;

	(void)state;
	assert_int_equal(mv_snapshot_count(sample), 3);
	assert_string_equal(mv_snapshot_name(sample, 0).text, "[heap]");
	assert_string_equal(mv_snapshot_name(sample, 2).text, "");
	assert_string_equal(mv_snapshot_argument(sample, 0).text, "x");
	assert_string_equal(mv_snapshot_argument(sample, 1).text, "-v");
	assert_null(mv_snapshot_argument(sample, 2).text);
	assert_null(mv_snapshot_argument(sample, UINT32_MAX).text);
	c = mv_snapshot_cells(sample, 1, &n);
	assert_int_equal(n, 2);
	assert_int_equal(c[0].pages, 5);
	assert_null(mv_snapshot_cells(sample, 2, &n));
	c = mv_snapshot_cells_at(sample, 0x1000, &n);
	assert_int_equal(n, 4);
	assert_int_equal(c[3].pages, 4);
	assert_null(mv_snapshot_cells_at(sample, 0x2000, &n));
	assert_int_equal(mv_snapshot_find(sample, 0x4fff), 0);
	assert_int_equal(mv_snapshot_find(sample, 0x5000), 3);
	assert_int_equal(mv_snapshot_find(sample, 0x10000), 1);
	assert_int_equal(mv_snapshot_find(sample, UINT64_MAX), 3);
	assert_null(mv_snapshot_tally(sample, 2));
	assert_null(mv_snapshot_smaps(sample, 2));
	v = mv_snapshot_field(sample, 2, MV_SMAPS_PSS);
	assert_int_equal(v.why, MV_WHY_NOT_READ);
	sample->facts &= ~(uint32_t)MV_FACT_SMAPS;
	v = mv_snapshot_field(sample, 2, MV_SMAPS_PSS);
	assert_int_equal(v.why, MV_WHY_NOT_ASKED);
	sample->part_why[MV_PART_SMAPS] = MV_WHY_NEEDS_PTRACE;
	v = mv_snapshot_field(sample, 2, MV_SMAPS_PSS);
	assert_int_equal(v.why, MV_WHY_NEEDS_PTRACE);
	assert_string_equal(mv_part_name(MV_PART_FRAMES), "pfn");
	assert_string_equal(mv_snapshot_line(sample, 0x10010, &n).text, "x.c");
	assert_int_equal(n, 7);
	assert_null(mv_snapshot_line(sample, 0x10020, &n).text);
	assert_null(mv_snapshot_line(sample, 0x10011, &n).text);
	assert_null(mv_snapshot_thread(sample, 4710));
	assert_int_equal(mv_snapshot_thread(sample, 4712)->calls_why, MV_WHY_RUNNING);
	assert_string_equal(mv_snapshot_function_name(sample, MV_FUNCTION_NONE).text, "?");
	assert_string_equal(mv_part_name(MV_PART__N), "");
}

/* The newer of smaps and pages tells RSS; a zero page is in neither. */
static void test_rss(void **state)
{
	struct mv_smaps_row *row = (struct mv_smaps_row *)(void *)((char *)sample + sample->smaps.offset);
	struct mv_val v = mv_snapshot_rss(sample, 0);

	(void)state;
	assert_int_equal(v.value, 3 * 4096);
	row[0].kib[MV_SMAPS_RSS] = 4;
	sample->smaps_ns = sample->pages_ns + 1;
	assert_int_equal(mv_snapshot_rss(sample, 0).value, 4096);
	sample->smaps_ns = sample->pages_ns - 1;
	assert_int_equal(mv_snapshot_rss(sample, 0).value, 3 * 4096);
	/* A kernel that does not tell zero pages cannot leave them out: smaps is right, however old. */
	sample->cats_told &= ~(uint64_t)MV_CAT_PFNZERO;
	assert_int_equal(mv_snapshot_rss(sample, 0).value, 4096);
	v = mv_snapshot_rss(sample, 2);
	assert_int_equal(v.why, MV_WHY_NOT_READ);
	sample->part_why[MV_PART_PAGES] = MV_WHY_NEEDS_PTRACE_DAC;
	v = mv_snapshot_rss(sample, 2);
	assert_int_equal(v.why, MV_WHY_NEEDS_PTRACE_DAC);
	((struct mv_mapping *)(uintptr_t)mv_snapshot_mappings(sample))[2].kind = MV_KIND_VSYSCALL;
	v = mv_snapshot_rss(sample, 2);
	assert_true(mv_have(&v));
	assert_int_equal(v.value, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, build_sample, free_sample)
	const struct CMUnitTest tests[] = {
	    T(test_good_block), T(test_truncated), T(test_every_word_hostile),
	    T(test_noise),	T(test_refusals),  T(test_accessors),
	    T(test_rss),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
