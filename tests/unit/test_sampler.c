/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/sampler.h"
#include "tests/unit/fixture.h"

#define PID	  42
#define PAGE	  UINT64_C(4096)
#define WORK_MOST 100000 /* slices: more means that it never ends */

/* ---- a play of its own in a scratch directory ---- */

static char root[64];
static struct fixture f;
static struct mv_sampler *sampler;
static struct mv_want want;

static void put(const char *path, const char *text)
{
	char full[256];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		mkdir(full, 0777);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* stat, statm and status of the process in a step: faults and sizes in pages are what gates look at. */
static void put_counters(const char *step, unsigned minor, unsigned size, unsigned resident)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "%s%d/stat", step, PID);
	snprintf(
	    text, sizeof(text),
	    "%d (play) S 1 %d %d 0 -1 4194304 %u 0 0 0 7 3 0 0 20 0 1 0 90000 %u %u 18446744073709551615 1 1 "
	    "0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
	    PID, PID, PID, minor, size * 4096, resident);
	put(path, text);
	snprintf(path, sizeof(path), "%s%d/statm", step, PID);
	snprintf(text, sizeof(text), "%u %u 0 0 0 0 0\n", size, resident);
	put(path, text);
	snprintf(path, sizeof(path), "%s%d/status", step, PID);
	snprintf(
	    text, sizeof(text),
	    "Name:\tplay\nState:\tS (sleeping)\nPid:\t%d\nUid:\t1\t1\t1\t1\nVmPTE:\t48 kB\nVmSwap:\t0 kB\n",
	    PID);
	put(path, text);
}

static void put_of(const char *step, const char *name, const char *text)
{
	char path[96];

	snprintf(path, sizeof(path), "%s%d/%s", step, PID, name);
	put(path, text);
}

static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/mv-sampler-XXXXXX");
	want = (struct mv_want){.facts = MV_FACT_MAPS | MV_FACT_PAGES, .interval_ms = 1000, .cell_pages = 1};
	return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void open_play(void)
{
	struct mv_source_opts opts = {.root = root};

	assert_int_equal(mv_source_new(&opts, &f.source), 0);
	assert_int_equal(mv_target_open(f.source, PID, &f.target), 0);
	assert_int_equal(mv_sampler_new(f.source, f.target, &sampler), 0);
	mv_sampler_want(sampler, &want);
}

#define KEPT_BYTES (8u << 20)
static struct {
	struct mv_snapshot *block;
	struct mv_stamp stamp;
} kept;

static void open_fixture(const char *name, int pid)
{
	f = fixture_open(name, pid);
	assert_int_equal(mv_sampler_new(f.source, f.target, &sampler), 0);
}

static int end_play(void **state)
{
	(void)state;
	mv_sampler_free(sampler);
	mv_sampler_free(NULL);
	sampler = NULL;
	free(kept.block);
	kept.block = NULL;
	if (f.source)
		fixture_close(&f);
	f = (struct fixture){0};
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void same_section(const struct mv_snapshot *a, const struct mv_snapshot *b, const struct mv_section *x,
			 const struct mv_section *y, size_t element)
{
	assert_int_equal(x->count, y->count);
	assert_int_equal(x->offset, y->offset);
	assert_memory_equal((const char *)a + x->offset, (const char *)b + y->offset, x->count * element);
}

/* A block that is written again and again, each time only what has changed, ends up the same as a new one. */
static void same_in_kept_block(const struct mv_snapshot *fresh)
{
	struct mv_snapshot *s;

	if (!kept.block) {
		kept.block = aligned_alloc(8, KEPT_BYTES);
		assert_non_null(kept.block);
		memset(kept.block, 0xa5, KEPT_BYTES);
		kept.stamp = (struct mv_stamp){0};
	}
	s = kept.block;
	assert_true(fresh->length <= KEPT_BYTES);
	mv_sampler_snapshot(sampler, s, &kept.stamp);
	same_section(s, fresh, &s->mappings, &fresh->mappings, sizeof(struct mv_mapping));
	same_section(s, fresh, &s->names, &fresh->names, 1);
	same_section(s, fresh, &s->seen, &fresh->seen, 1);
	same_section(s, fresh, &s->tallies, &fresh->tallies, sizeof(struct mv_tally));
	same_section(s, fresh, &s->smaps, &fresh->smaps, sizeof(struct mv_smaps_row));
	same_section(s, fresh, &s->mapping_tables, &fresh->mapping_tables, sizeof(struct mv_mapping_tables));
	same_section(s, fresh, &s->cells, &fresh->cells, sizeof(struct mv_grid_cell));
}

static struct mv_snapshot *picture(void)
{
	size_t bytes = mv_sampler_snapshot_bytes(sampler);
	struct mv_snapshot *s = aligned_alloc(8, bytes);

	assert_non_null(s);
	mv_sampler_snapshot(sampler, s, NULL);
	assert_true(s->length <= bytes);
	assert_int_equal(mv_snapshot_check(s, bytes), 0);
	same_in_kept_block(s);
	return s;
}

/* Tick and work until nothing is left for this moment. */
static struct mv_snapshot *settle(void)
{
	uint64_t due_ns;
	unsigned slices = 0;

	mv_sampler_tick(sampler);
	while (mv_sampler_work(sampler, &due_ns) > 0)
		assert_true(++slices < WORK_MOST);
	return picture();
}

static struct mv_snapshot *step_and_settle(void)
{
	mv_source_step(f.source);
	return settle();
}

static struct mv_snapshot *once(void)
{
	struct mv_snapshot *s;

	assert_int_equal(mv_sampler_once(sampler, &want, &s), 0);
	assert_int_equal(mv_snapshot_check(s, s->length), 0);
	return s;
}

static const struct mv_tally *tally_at(const struct mv_snapshot *s, uint64_t addr)
{
	uint32_t i = mv_snapshot_find(s, addr);

	assert_true(i < mv_snapshot_count(s));
	return mv_snapshot_tally(s, i);
}

static void want_spans(uint32_t cell_pages, size_t n, const struct mv_range *spans)
{
	want.facts |= MV_FACT_GRID;
	want.cell_pages = cell_pages;
	want.spans_count = (uint32_t)n;
	memcpy(want.spans, spans, n * sizeof(*spans));
}

/* ---- the fixtures ---- */

static const struct {
	const char *name;
	int pid;
} plays[] = {{"python", 4711}, {"hostile", 666}, {"aarch64-64k", 77}, {"huge", 88},   {"i386", 99},
	     {"k419", 1234},   {"k510", 1234},	 {"k61", 1234},	      {"k612", 1234}, {"la57", 57},
	     {"kthread", 317}, {"zombie", 55},	 {"vanishing", 9}};

/* Everything at once, of every machine: whole, well-formed, and twice the same. */
static void test_all_fixtures(void **state)
{
	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(plays); i++) {
		struct mv_snapshot *a, *b;

		open_fixture(plays[i].name, plays[i].pid);
		want.facts = 0x1ff & ~(uint32_t)MV_FACT_SHARING;
		want.page = 0x400000;
		a = once();
		b = once();
		assert_int_equal(a->length, b->length);
		assert_int_equal(a->seq + 1, b->seq);
		assert_int_equal(a->maps_gen, b->maps_gen);
		assert_int_equal(a->facts, want.facts | MV_FACT_WHOLE);
		for (unsigned p = 0; p < MV_PART__N; p++)
			assert_int_equal(a->part_why[p], b->part_why[p]);
		free(a);
		free(b);
		mv_sampler_free(sampler);
		sampler = NULL;
		fixture_close(&f);
		f = (struct fixture){0};
	}
}

/* What the parts say adds up to what the whole says. */
static void test_sums(void **state)
{
	uint64_t present = 0, zero = 0, kib = 0, entries = 0;
	struct mv_snapshot *s;

	(void)state;
	open_fixture("python", 4711);
	want.facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_SMAPS | MV_FACT_TABLES;
	s = once();
	assert_true(mv_snapshot_count(s) > 50);
	for (uint32_t i = 0; i < mv_snapshot_count(s); i++) {
		const struct mv_tally *t = mv_snapshot_tally(s, i);
		struct mv_val rss = mv_snapshot_field(s, i, MV_SMAPS_RSS);

		if (!t) {
			assert_int_equal(mv_snapshot_mappings(s)[i].kind, MV_KIND_VSYSCALL);
			continue;
		}
		present += mv_tally_present(t);
		zero += t->state[MV_PAGE_ZERO];
		kib += rss.value;
		entries += mv_snapshot_tables(s, i)->entries;
		assert_true(mv_have(&rss));
	}
	assert_true(present > 0);
	assert_int_equal((present - zero) * 4, kib);
	assert_int_equal(entries, present);
	assert_int_equal(s->figure[MV_FIG_RSS].value, 13710 * PAGE);
	assert_int_equal(s->figure[MV_FIG_SIZE].value, 86180 * PAGE);
	assert_true(s->pages_exact);
	free(s);
}

static void test_python_lives_and_ends(void **state)
{
	struct mv_snapshot *a, *b, *c;

	(void)state;
	open_fixture("python", 4711);
	mv_sampler_want(sampler, &want);
	a = settle();
	b = step_and_settle();
	c = step_and_settle();
	assert_int_equal(a->life, MV_LIFE_ALIVE);
	assert_int_equal(b->life, MV_LIFE_ALIVE);
	assert_true(b->counters_ns > a->counters_ns);
	/* The last picture stays, and says of when it is. */
	assert_int_equal(c->life, MV_LIFE_GONE);
	assert_int_equal(c->counters_ns, b->counters_ns);
	assert_int_equal(c->mappings.count, b->mappings.count);
	assert_memory_equal(mv_snapshot_mappings(c), mv_snapshot_mappings(b),
			    b->mappings.count * sizeof(struct mv_mapping));
	assert_int_equal(c->figure[MV_FIG_RSS].value, b->figure[MV_FIG_RSS].value);
	assert_int_equal(mv_sampler_tick(sampler), -ESRCH);
	free(a);
	free(b);
	free(c);
}

static void test_kernel_thread(void **state)
{
	struct mv_snapshot *s;

	(void)state;
	open_fixture("kthread", 317);
	want.facts |= MV_FACT_SMAPS | MV_FACT_ROLLUP | MV_FACT_CMDLINE;
	s = once();
	assert_int_equal(s->life, MV_LIFE_KERNEL_THREAD);
	assert_int_equal(s->mappings.count, 0);
	assert_int_equal(s->part_why[MV_PART_MAPS], MV_WHY_KERNEL_THREAD);
	assert_int_equal(s->part_why[MV_PART_PAGES], MV_WHY_KERNEL_THREAD);
	assert_int_equal(s->figure[MV_FIG_RSS].why, MV_WHY_KERNEL_THREAD);
	assert_int_equal(s->figure[MV_FIG_PSS].why, MV_WHY_KERNEL_THREAD);
	assert_int_equal(s->figure[MV_FIG_THREADS].why, MV_WHY_HAVE);
	free(s);
}

static void test_zombie(void **state)
{
	struct mv_snapshot *s;

	(void)state;
	open_fixture("zombie", 55);
	want.facts |= MV_FACT_SMAPS;
	s = once();
	assert_int_equal(s->life, MV_LIFE_ZOMBIE);
	assert_int_equal(s->stat.state, 'Z');
	assert_int_equal(s->part_why[MV_PART_MAPS], MV_WHY_ZOMBIE);
	assert_int_equal(s->part_why[MV_PART_SMAPS], MV_WHY_ZOMBIE);
	assert_int_equal(s->figure[MV_FIG_RSS].why, MV_WHY_ZOMBIE);
	assert_int_equal(s->figure[MV_FIG_PSS].why, MV_WHY_ZOMBIE);
	free(s);
}

/* It goes away between stat and maps: nothing is claimed to come yet. */
static void test_vanishing(void **state)
{
	struct mv_snapshot *s;

	(void)state;
	open_fixture("vanishing", 9);
	want.facts |= MV_FACT_SMAPS | MV_FACT_ROLLUP;
	s = once();
	assert_int_equal(s->part_why[MV_PART_MAPS], MV_WHY_GONE);
	assert_int_equal(s->part_why[MV_PART_SMAPS], MV_WHY_GONE);
	free(s);
}

/* ---- plays ---- */

static void put_simple(void)
{
	put_counters("", 100, 1000, 10);
	put_of("", "maps",
	       "10000-20000 rw-p 00000000 00:00 0 \n"
	       "40000-60000 rw-p 00000000 00:00 0 \n"
	       "100000-200000 r--p 00000000 08:01 77 /tmp/file\n");
	put_of("", "pages", "10000-14000 p\n40000-41000 s\n42000-43000 pz\n100000-108000 pf\n");
}

static void test_ended_before_it_was_read(void **state)
{
	struct mv_snapshot *s;

	(void)state;
	put_simple();
	put("step1/42.gone", "");
	open_play();
	mv_source_step(f.source);
	s = once();
	assert_int_equal(s->life, MV_LIFE_GONE);
	assert_int_equal(s->part_why[MV_PART_COUNTERS], MV_WHY_GONE);
	assert_int_equal(s->part_why[MV_PART_MAPS], MV_WHY_GONE);
	assert_int_equal(s->part_why[MV_PART_PAGES], MV_WHY_GONE);
	free(s);
}

static void test_zombie_keeps_last_picture(void **state)
{
	struct mv_snapshot *a, *b;

	(void)state;
	put_simple();
	put_of("step1/", "stat",
	       "42 (play) Z 1 42 42 0 -1 4194304 0 0 0 0 7 3 0 0 20 0 1 0 90000 0 0 18446744073709551615 0 0 "
	       "0 0 0 0 0 "
	       "0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
	put_of("step1/", "maps", "");
	put_of("step1/", "statm", "0 0 0 0 0 0 0\n");
	open_play();
	a = settle();
	b = step_and_settle();
	assert_int_equal(b->life, MV_LIFE_ZOMBIE);
	assert_int_equal(b->stat.state, 'Z');
	assert_int_equal(b->stat.minor_faults, 100);
	assert_int_equal(b->mappings.count, a->mappings.count);
	assert_int_equal(b->figure[MV_FIG_RSS].value, a->figure[MV_FIG_RSS].value);
	assert_int_equal(b->epoch, a->epoch);
	free(a);
	free(b);
}

/* Between the end of its memory and the zombie, stat looks alive and maps reads empty. */
static void test_exiting_keeps_last_picture(void **state)
{
	struct mv_snapshot *a, *b, *c;

	(void)state;
	put_simple();
	put_counters("step1/", 100, 0, 0);
	put_of("step1/", "maps", "");
	put_of("step1/", "errors", "pagemap ESRCH\n");
	put("step2/42.gone", "");
	open_play();
	a = settle();
	b = step_and_settle();
	c = step_and_settle();
	assert_int_equal(b->mappings.count, 3);
	assert_int_equal(b->epoch, a->epoch);
	assert_int_equal(b->figure[MV_FIG_RSS].value, a->figure[MV_FIG_RSS].value);
	assert_int_equal(b->figure[MV_FIG_SIZE].value, a->figure[MV_FIG_SIZE].value);
	assert_int_equal(c->life, MV_LIFE_GONE);
	assert_int_equal(c->mappings.count, 3);
	assert_int_equal(tally_at(c, 0x10000)->state[MV_PAGE_ANON], 4);
	free(a);
	free(b);
	free(c);
}

static void test_exec(void **state)
{
	struct mv_snapshot *a, *b;

	(void)state;
	put_simple();
	put_of("", "cmdline", "old");
	put_counters("step1/", 110, 1, 1);
	put_of("step1/", "maps", "");
	put_counters("step2/", 120, 500, 5);
	put_of("step2/", "maps", "10000-20000 rw-p 00000000 00:00 0 \n80000-90000 rw-p 00000000 00:00 0 \n");
	put_of("step2/", "pages", "80000-81000 p\n");
	put_of("step2/", "cmdline", "new\0");
	want.facts |= MV_FACT_CMDLINE;
	open_play();
	a = settle();
	assert_string_equal(mv_snapshot_argument(a, 0).text, "old");
	free(step_and_settle());
	b = step_and_settle();
	assert_int_equal(b->epoch, a->epoch + 1);
	assert_int_not_equal(b->maps_gen, a->maps_gen);
	assert_int_equal(b->mappings.count, 2);
	/* Nothing of the old program's figures lives on. */
	assert_non_null(tally_at(b, 0x10000));
	assert_int_equal(mv_tally_present(tally_at(b, 0x10000)), 0);
	assert_int_equal(tally_at(b, 0x80000)->state[MV_PAGE_ANON], 1);
	free(b);
	b = step_and_settle();
	assert_string_equal(mv_snapshot_argument(b, 0).text, "new");
	free(a);
	free(b);
}

static void test_not_allowed(void **state)
{
	static const char *const errors[] = {
	    "maps EACCES\nsmaps EACCES\nsmaps_rollup EACCES\npagemap EACCES\n",
	    "smaps EACCES\nsmaps_rollup EACCES\n", "pagemap EACCES\n"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct mv_snapshot *s;

		put_simple();
		put_of("", "errors", errors[i]);
		want.facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_SMAPS | MV_FACT_ROLLUP | MV_FACT_PAGE;
		want.page = 0x10000;
		open_play();
		s = once();
		assert_int_equal(s->life, MV_LIFE_ALIVE);
		assert_int_equal(s->figure[MV_FIG_RSS].value, 10 * PAGE);
		assert_int_equal(s->part_why[MV_PART_MAPS], i ? MV_WHY_HAVE : MV_WHY_NEEDS_PTRACE);
		if (i < 2) {
			assert_int_equal(s->part_why[MV_PART_SMAPS], MV_WHY_NEEDS_PTRACE);
			assert_int_equal(s->figure[MV_FIG_PSS].why, MV_WHY_NEEDS_PTRACE);
		}
		if (i == 1) {
			struct mv_val v = mv_snapshot_field(s, 0, MV_SMAPS_PSS);

			assert_int_equal(v.why, MV_WHY_NEEDS_PTRACE);
			v = mv_snapshot_rss(s, 0);
			assert_int_equal(v.value, 4 * PAGE);
		}
		if (i == 2) {
			assert_int_equal(s->part_why[MV_PART_PAGES], MV_WHY_NEEDS_PTRACE_DAC);
			assert_int_equal(s->page.have.why, MV_WHY_NEEDS_PTRACE_DAC);
			assert_null(mv_snapshot_tally(s, 0));
		}
		free(s);
		mv_sampler_free(sampler);
		sampler = NULL;
		fixture_close(&f);
		f = (struct fixture){0};
	}
}

/* Memory that is gone for the scan while the rest is still there must not keep the collector spinning. */
static void test_pages_gone_alone(void **state)
{
	struct mv_snapshot *s;

	(void)state;
	put_simple();
	put_of("", "errors", "pagemap ESRCH\n");
	want_spans(1, 1, &(struct mv_range){0x10000, 0x20000});
	want.facts |= MV_FACT_TABLES | MV_FACT_PAGE;
	open_play();
	free(settle());
	s = step_and_settle();
	assert_int_equal(s->mappings.count, 3);
	assert_null(mv_snapshot_tally(s, 0));
	free(s);
	free(once());
}

/* Cells of nothing that could be read are not cells in which nothing is. */
static void test_grid_without_maps(void **state)
{
	const struct mv_grid_cell *c;
	struct mv_snapshot *s;
	uint32_t n = 0;

	(void)state;
	put_simple();
	put_of("", "errors", "maps EACCES\n");
	want_spans(1, 1, &(struct mv_range){0x10000, 0x20000});
	open_play();
	s = settle();
	c = mv_snapshot_cells_at(s, 0x10000, &n);
	for (uint32_t i = 0; c && i < n; i++)
		assert_int_equal(c[i].flags & MV_GRID_READ, 0);
	free(s);
}

/* ---- the grid ---- */

/* At every zoom the cells of a mapping add up to its tally, and so do their pages to its size. */
static void test_grid_adds_up(void **state)
{
	static const uint32_t zooms[] = {1, 2, 16, 512, 1 << 20};
	struct mv_snapshot *s;

	(void)state;
	open_fixture("python", 4711);
	for (size_t z = 0; z < MV_COUNT_OF(zooms); z++) {
		uint32_t spans = 0;

		want.facts = MV_FACT_MAPS | MV_FACT_PAGES;
		s = once();
		for (uint32_t i = 0; i < mv_snapshot_count(s) && spans < MV_WANT_SPANS; i++) {
			const struct mv_mapping *m = &mv_snapshot_mappings(s)[i];

			if (mv_mapping_pages(m, 4096) / zooms[z] < 5000)
				want.spans[spans++] = (struct mv_range){m->start, m->end};
		}
		free(s);
		want.facts |= MV_FACT_GRID;
		want.spans_count = spans;
		want.cell_pages = zooms[z];
		s = once();
		assert_true(s->spans.count > 20);
		for (uint32_t i = 0; i < s->spans.count; i++) {
			struct mv_tally sum = {0};
			uint64_t pages = 0;
			uint32_t n;
			const struct mv_grid_cell *c = mv_snapshot_cells(s, i, &n);
			const struct mv_tally *t = tally_at(s, want.spans[i].start);

			for (uint32_t k = 0; k < n; k++) {
				assert_true(c[k].flags & MV_GRID_READ);
				assert_true(mv_tally_present(&c[k].tally) <= c[k].pages);
				mv_tally_add(&sum, &c[k].tally);
				pages += c[k].pages;
			}
			assert_int_equal(pages, (want.spans[i].end - want.spans[i].start) / PAGE);
			if (t)
				assert_memory_equal(&sum, t, sizeof(sum));
		}
		free(s);
	}
}

static void test_sharing(void **state)
{
	const struct mv_grid_cell *c;
	struct mv_snapshot *s;
	uint32_t n;

	(void)state;
	put_simple();
	put_of("", "pages", "10000-14000 p\n14000-16000 px\n16000-17000 s\n");
	want_spans(1, 1, &(struct mv_range){0x10000, 0x20000});
	want.facts |= MV_FACT_SHARING;
	open_play();
	s = settle();
	c = mv_snapshot_cells_at(s, 0x10000, &n);
	assert_int_equal(n, 16);
	for (uint32_t i = 0; i < 16; i++) {
		assert_true(c[i].flags & MV_GRID_SHARING);
		assert_int_equal(c[i].tally.state[MV_PAGE_ANON_SHARED], i < 4);
		assert_int_equal(c[i].tally.state[MV_PAGE_ANON], i >= 4 && i < 6);
		assert_int_equal(c[i].tally.state[MV_PAGE_SWAPPED], i == 6);
	}
	free(s);
	/* At a coarser zoom it can't be told, and isn't claimed. */
	want.cell_pages = 2;
	want.seq++;
	mv_sampler_want(sampler, &want);
	s = settle();
	c = mv_snapshot_cells_at(s, 0x10000, &n);
	assert_int_equal(n, 8);
	assert_int_equal(c[0].flags & MV_GRID_SHARING, 0);
	assert_int_equal(c[0].tally.state[MV_PAGE_ANON], 2);
	free(s);
}

static void test_grid_follows_pages(void **state)
{
	const struct mv_grid_cell *c;
	struct mv_snapshot *s;
	uint32_t n;

	(void)state;
	put_simple();
	put_counters("step1/", 101, 1000, 11);
	put_of("step1/", "pages", "10000-15000 p\n");
	want_spans(1, 1, &(struct mv_range){0x10000, 0x20000});
	open_play();
	s = settle();
	c = mv_snapshot_cells_at(s, 0x10000, &n);
	assert_int_equal(c[3].tally.state[MV_PAGE_ANON], 1);
	assert_int_equal(c[3].newest_ds, MV_AGE_BEFORE);
	assert_int_equal(c[3].fresh, 0);
	assert_int_equal(mv_tally_present(&c[4].tally), 0);
	free(s);
	s = step_and_settle();
	c = mv_snapshot_cells_at(s, 0x10000, &n);
	assert_int_equal(c[4].tally.state[MV_PAGE_ANON], 1);
	assert_int_equal(c[4].fresh, 1);
	assert_int_equal(c[3].fresh, 0);
	free(s);
	/* It fades though no counter moves any more. */
	for (int i = 0; i < 4; i++)
		free(step_and_settle());
	s = picture();
	c = mv_snapshot_cells_at(s, 0x10000, &n);
	assert_int_equal(c[4].fresh, 0);
	assert_in_range(c[4].newest_ds, 30, 60);
	free(s);
}

/* The mapping under a span goes, shrinks or splits: its cells tell what is there now. */
static void test_mapping_changes_under_the_grid(void **state)
{
	const struct mv_grid_cell *c;
	struct mv_snapshot *s;
	uint32_t n;

	(void)state;
	put_simple();
	put_of("", "pages", "10000-20000 p\n40000-60000 p\n");
	put_counters("step1/", 101, 900, 11);
	put_of("step1/", "maps",
	       "40000-50000 rw-p 00000000 00:00 0 \n"
	       "50000-60000 r--p 00000000 00:00 0 \n"
	       "100000-200000 r--p 00000000 08:01 77 /tmp/file\n");
	put_of("step1/", "pages", "40000-60000 p\n");
	put_counters("step2/", 102, 800, 11);
	put_of("step2/", "maps", "100000-200000 r--p 00000000 08:01 77 /tmp/file\n");
	put_of("step2/", "pages", "");
	want_spans(16, 2, (struct mv_range[]){{0x10000, 0x20000}, {0x40000, 0x60000}});
	open_play();
	s = settle();
	assert_int_equal(mv_snapshot_cells(s, 0, &n)->tally.state[MV_PAGE_ANON], 16);
	free(s);
	s = step_and_settle();
	assert_int_equal(mv_tally_present(&mv_snapshot_cells(s, 0, &n)->tally), 0);
	c = mv_snapshot_cells(s, 1, &n);
	assert_int_equal(n, 2);
	assert_int_equal(c[0].tally.state[MV_PAGE_ANON], 16);
	assert_int_equal(c[1].tally.state[MV_PAGE_ANON], 16);
	free(s);
	s = step_and_settle();
	c = mv_snapshot_cells(s, 1, &n);
	assert_int_equal(mv_tally_present(&c[0].tally), 0);
	assert_int_equal(mv_tally_present(&c[1].tally), 0);
	free(s);
}

/* The screen has fewer rights than the collector: whatever it wants, nothing is written outside. */
static void test_hostile_wants(void **state)
{
	static const struct mv_range spans[] = {
	    {0x10800, 0x12800}, {0x10000, 0x10001},	 {0x20000, 0x10000},
	    {0, UINT64_MAX},	{0x10001, 0x1ffff},	 {UINT64_MAX - 1, UINT64_MAX},
	    {0x10000, 0x10000}, {0xfffffffffffff000, 0}, {0x12800, 0x14001}};
	static const uint32_t zooms[] = {0, 1, 2, 3, 1u << 31, UINT32_MAX};

	(void)state;
	put_simple();
	open_play();
	for (size_t i = 0; i < MV_COUNT_OF(spans); i++)
		for (size_t z = 0; z < MV_COUNT_OF(zooms); z++) {
			want_spans(zooms[z], 1, &spans[i]);
			want.facts = 0x1ff;
			want.page = spans[i].start;
			want.visible = spans[i];
			mv_sampler_want(sampler, &want);
			free(settle());
		}
	want.spans_count = UINT32_MAX;
	mv_sampler_want(sampler, &want);
	free(settle());
	want.spans_count = MV_WANT_SPANS + 1;
	want.facts = UINT32_MAX & ~(uint32_t)MV_FACT_WHOLE;
	want.page = UINT64_MAX;
	mv_sampler_want(sampler, &want);
	free(settle());
	/* And a decent one is answered still. */
	want_spans(1, 1, &(struct mv_range){0x10000, 0x20000});
	want.facts = MV_FACT_GRID;
	mv_sampler_want(sampler, &want);
	{
		struct mv_snapshot *s = settle();
		uint32_t n;

		assert_int_equal(mv_snapshot_cells(s, 0, &n)[3].tally.state[MV_PAGE_ANON], 1);
		assert_int_equal(n, 16);
		free(s);
	}
}

/* ---- rounds ---- */

static void check_same_tallies(const struct mv_snapshot *a, const struct mv_snapshot *b)
{
	assert_int_equal(a->mappings.count, b->mappings.count);
	for (uint32_t i = 0; i < mv_snapshot_count(a); i++) {
		const struct mv_tally *x = mv_snapshot_tally(a, i), *y = mv_snapshot_tally(b, i);

		assert_int_equal(x == NULL, y == NULL);
		if (x)
			assert_memory_equal(x, y, sizeof(*x));
	}
}

/* In slices, with the visible part first, the same comes out as in one go. */
static void test_slices_equal_whole(void **state)
{
	static const struct mv_range visible[] = {
	    {0, 0}, {0x500000, 0x2fb70000}, {0, UINT64_MAX}, {0x7ffffffff000, UINT64_MAX}, {1, 2}};
	struct mv_snapshot *whole, *sliced;

	(void)state;
	open_fixture("python", 4711);
	whole = once();
	for (size_t i = 0; i < MV_COUNT_OF(visible); i++) {
		mv_sampler_free(sampler);
		assert_int_equal(mv_sampler_new(f.source, f.target, &sampler), 0);
		want.visible = visible[i];
		mv_sampler_want(sampler, &want);
		sliced = settle();
		assert_true(sliced->pages_ns != 0);
		assert_int_equal(sliced->pages_done, sliced->round_of);
		check_same_tallies(whole, sliced);
		free(sliced);
	}
	free(whole);
}

/* The list changes while a round is under way: what the round then says of each mapping is whole. */
static void test_list_changes_within_a_round(void **state)
{
	uint64_t due_ns;

	(void)state;
	/* 100 MiB of pages take a dozen slices. */
	put_counters("", 100, 30000, 25600);
	put_of("", "maps",
	       "10000000-13000000 rw-p 00000000 00:00 0 \n"
	       "13000000-16000000 rw-p 00000000 00:00 0 \n"
	       "20000000-21000000 rw-p 00000000 00:00 0 \n");
	put_of("", "pages", "10000000-16000000 p\n20000000-21000000 p\n");
	/* The first two merge across the border of what is visible, and one more comes. */
	put_counters("step1/", 101, 31000, 25601);
	put_of("step1/", "maps",
	       "10000000-16000000 rw-p 00000000 00:00 0 \n"
	       "20000000-21000000 rw-p 00000000 00:00 0 \n"
	       "30000000-30001000 rw-p 00000000 00:00 0 \n");
	for (unsigned slices = 0; slices < 24; slices++)
		for (unsigned v = 0; v < 3; v++) {
			struct mv_snapshot *s;

			want.visible = v == 0	? (struct mv_range){0x13000000, 0x16000000}
				       : v == 1 ? (struct mv_range){0x10000000, 0x13000000}
						: (struct mv_range){0};
			open_play();
			mv_sampler_tick(sampler);
			for (unsigned i = 0; i < slices; i++)
				mv_sampler_work(sampler, &due_ns);
			s = step_and_settle();
			assert_int_equal(s->mappings.count, 3);
			assert_int_equal(tally_at(s, 0x10000000)->state[MV_PAGE_ANON], 0x6000);
			assert_int_equal(tally_at(s, 0x20000000)->state[MV_PAGE_ANON], 0x1000);
			assert_non_null(tally_at(s, 0x30000000));
			assert_true(s->pages_done <= s->round_of);
			free(s);
			mv_sampler_free(sampler);
			sampler = NULL;
			fixture_close(&f);
			f = (struct fixture){0};
		}
}

/* ---- columns follow their mappings ---- */

/* Before the pages are read again, each figure stands beside the mapping it was read of, or is missing. */
static void test_realign(void **state)
{
	const struct mv_tally *t;
	struct mv_snapshot *s;
	uint64_t due_ns;

	(void)state;
	put_counters("", 100, 1000, 10);
	put_of("", "maps",
	       "10000-20000 rw-p 00000000 00:00 0 \n"
	       "40000-60000 rw-p 00000000 00:00 0 \n"
	       "70000-80000 rw-p 00000000 00:00 0 \n"
	       "90000-a0000 rw-p 00000000 00:00 0 \n"
	       "b0000-c0000 rw-p 00000000 00:00 0 \n");
	put_of("", "pages", "10000-11000 p\n40000-42000 p\n70000-73000 p\n90000-94000 p\nb0000-b5000 p\n");
	put_counters("step1/", 100, 1001, 10);
	put_of("step1/", "maps",
	       "8000-9000 rw-p 00000000 00:00 0 \n"   /* new */
	       "40000-50000 rw-p 00000000 00:00 0 \n" /* split */
	       "50000-60000 r--p 00000000 00:00 0 \n"
	       "68000-80000 rw-p 00000000 00:00 0 \n"	      /* grown down */
	       "90000-a8000 rw-p 00000000 00:00 0 \n"	      /* grown up */
	       "b0000-c0000 r--p 00000000 08:01 9 /tmp/x\n"); /* another in its place */
	open_play();
	free(settle());
	mv_source_step(f.source);
	mv_sampler_tick(sampler);
	assert_int_equal(mv_sampler_work(sampler, &due_ns), 1); /* the list alone */
	s = picture();
	assert_int_equal(s->mappings.count, 6);
	assert_null(tally_at(s, 0x8000));
	t = tally_at(s, 0x40000);
	assert_true(!t || mv_tally_present(t) <= 16);
	assert_null(tally_at(s, 0x50000));
	assert_int_equal(tally_at(s, 0x68000)->state[MV_PAGE_ANON], 3);
	assert_int_equal(tally_at(s, 0x90000)->state[MV_PAGE_ANON], 4);
	assert_null(tally_at(s, 0xb0000));
	free(s);
	s = settle();
	assert_int_equal(tally_at(s, 0x40000)->state[MV_PAGE_ANON], 2);
	assert_int_equal(mv_tally_present(tally_at(s, 0x50000)), 0);
	assert_int_equal(tally_at(s, 0xb0000)->state[MV_PAGE_COW], 5);
	free(s);
}

/* ---- one page ---- */

static void test_page(void **state)
{
	struct mv_snapshot *s;

	(void)state;
	put_simple();
	put_of("", "pages", "10000-14000 px pfn=100\n40000-41000 s\n42000-43000 pz\n100000-108000 pf\n");
	put_of("", "bytes", "11000 68656c6c6f\n");
	put("kpage", "101 1068 1 7\n");
	want.facts |= MV_FACT_PAGE;
	want.page = 0x11123;
	open_play();
	s = settle();
	assert_int_equal(s->page.addr, 0x11000);
	assert_int_equal(s->page.have.why, MV_WHY_HAVE);
	assert_int_equal(s->page.state, MV_PAGE_ANON);
	assert_int_equal(s->page.frame.value, 0x101);
	assert_int_equal(s->page.mapcount.value, 1);
	assert_int_equal(s->page.bytes.value, 5);
	assert_int_equal(s->page_bytes_read.count, 5);
	assert_memory_equal((const char *)s + s->page_bytes_read.offset, "hello", 5);
	free(s);
	want.page = 0x40000;
	mv_sampler_want(sampler, &want);
	s = settle();
	assert_int_equal(s->page.state, MV_PAGE_SWAPPED);
	assert_int_equal(s->page.bytes.why, MV_WHY_NOT_PRESENT);
	assert_int_equal(s->page_bytes_read.count, 0);
	free(s);
	want.page = 0x44000;
	mv_sampler_want(sampler, &want);
	s = settle();
	assert_int_equal(s->page.have.why, MV_WHY_HAVE);
	assert_int_equal(s->page.state, MV_PAGE_NONE);
	free(s);
	want.page = 0x30000;
	mv_sampler_want(sampler, &want);
	s = settle();
	assert_int_equal(s->page.have.why, MV_WHY_NOT_HERE);
	free(s);
}

/* ---- pacing ---- */

/* Nothing moved: nothing is read; something moved: it is. */
static void test_gate(void **state)
{
	struct mv_snapshot *a, *b;

	(void)state;
	put_simple();
	put_of("step1/", "pages", "10000-20000 p\n");
	put_counters("step2/", 101, 1000, 10);
	open_play();
	a = settle();
	b = step_and_settle();
	assert_int_equal(a->pages_ns, b->pages_ns);
	assert_int_equal(tally_at(b, 0x10000)->state[MV_PAGE_ANON], 4);
	free(b);
	b = step_and_settle();
	assert_true(b->pages_ns > a->pages_ns);
	assert_int_equal(tally_at(b, 0x10000)->state[MV_PAGE_ANON], 16);
	free(a);
	/* And after some seconds in any case: khugepaged moves no counter. */
	a = b;
	for (int i = 0; i < 6; i++)
		free(step_and_settle());
	b = picture();
	assert_true(b->pages_ns > a->pages_ns);
	free(a);
	free(b);
}

/* once reads all anew each time it is called. */
static void test_once_is_fresh(void **state)
{
	struct mv_snapshot *s;
	uint32_t n;

	(void)state;
	put_simple();
	put_of("step1/", "pages", "10000-20000 p\n");
	want_spans(16, 1, &(struct mv_range){0x10000, 0x20000});
	open_play();
	s = once();
	assert_int_equal(mv_snapshot_cells(s, 0, &n)->tally.state[MV_PAGE_ANON], 4);
	free(s);
	mv_source_step(f.source);
	s = once();
	assert_int_equal(tally_at(s, 0x10000)->state[MV_PAGE_ANON], 16);
	assert_int_equal(mv_snapshot_cells(s, 0, &n)->tally.state[MV_PAGE_ANON], 16);
	free(s);
}

/* The view lays its rows out anew when the end takes a line of the screen: the cells of the last picture
 * stay. */
static void test_grid_stays_after_the_end(void **state)
{
	static const struct mv_range before[] = {{0x7f63ae000000, 0x7f63ae100000},
						 {0x7f63ae100000, 0x7f63ae200000}};
	static const struct mv_range after[] = {{0x7f63ae080000, 0x7f63ae180000}};
	struct mv_grid_cell known[32];
	const struct mv_grid_cell *cells;
	struct mv_snapshot *s;
	uint32_t n;

	(void)state;
	open_fixture("python", 4711);
	want.facts |= MV_FACT_MAPS;
	want_spans(16, 2, before);
	mv_sampler_want(sampler, &want);
	s = settle();
	cells = mv_snapshot_cells(s, 0, &n);
	assert_int_equal(n, 16);
	memcpy(known, cells, sizeof(known)); /* both rows, one behind the other */
	assert_true(known[8].flags & MV_GRID_READ);
	free(s);
	mv_source_step(f.source);
	mv_source_step(f.source);
	want_spans(16, 1, after);
	mv_sampler_want(sampler, &want);
	s = settle();
	assert_int_equal(s->life, MV_LIFE_GONE);
	cells = mv_snapshot_cells(s, 0, &n);
	assert_int_equal(n, 16);
	assert_memory_equal(cells, known + 8, 16 * sizeof(*cells));
	free(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make_root, end_play)
	const struct CMUnitTest tests[] = {
	    T(test_all_fixtures),
	    T(test_sums),
	    T(test_python_lives_and_ends),
	    T(test_kernel_thread),
	    T(test_zombie),
	    T(test_vanishing),
	    T(test_ended_before_it_was_read),
	    T(test_zombie_keeps_last_picture),
	    T(test_exiting_keeps_last_picture),
	    T(test_exec),
	    T(test_not_allowed),
	    T(test_pages_gone_alone),
	    T(test_grid_without_maps),
	    T(test_grid_adds_up),
	    T(test_sharing),
	    T(test_grid_follows_pages),
	    T(test_grid_stays_after_the_end),
	    T(test_mapping_changes_under_the_grid),
	    T(test_hostile_wants),
	    T(test_slices_equal_whole),
	    T(test_list_changes_within_a_round),
	    T(test_realign),
	    T(test_page),
	    T(test_gate),
	    T(test_once_is_fresh),
	};

	return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
