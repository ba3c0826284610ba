/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* The atlas of the machine's frames against what meminfo and zoneinfo count, and a child's frames in it
 * against its pagemap. */

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/atlas.h"
#include "core/pagemap.h"

#define STEP_FRAMES 32768
#define STEP_PAGES  4096
#define PAGES	    1024 /* of the child; every third one is written */

struct scene {
	struct mv_source *source;
	struct mv_atlas *atlas;
	struct mv_ram before, after; /* around the round */
	struct mv_machine_want want;
	struct mv_atlas_head head;
};

static void open_scene(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	assert_int_equal(mv_source_new(NULL, &s->source), 0);
	if (!mv_source_features(s->source)->kpageflags || !mv_source_features(s->source)->frame_numbers) {
		mv_source_free(s->source);
		print_message("# SKIP frames: needs root, and a kernel with kpageflags\n");
		skip();
	}
	assert_int_equal(mv_atlas_new(s->source, &s->atlas), 0);
	assert_int_equal(mv_ram_read(s->source, &s->before), 0);
	assert_int_equal(mv_atlas_lay_out(s->atlas, &s->before), 0);
}

static void close_scene(struct scene *s)
{
	mv_atlas_free(s->atlas);
	mv_source_free(s->source);
}

static void whole_round(struct scene *s)
{
	int more;

	assert_int_equal(mv_ram_read(s->source, &s->before), 0);
	while ((more = mv_atlas_step(s->atlas, &s->want, STEP_FRAMES)) > 0)
		;
	assert_int_equal(more, 0);
	assert_int_equal(mv_ram_read(s->source, &s->after), 0);
	mv_atlas_head(s->atlas, &s->want, &s->head);
	assert_true(mv_have(&s->head.have));
}

static void test_frames_sum_to_the_machines(void **state)
{
	const struct mv_atlas_stretch *stretches;
	struct scene s;
	uint64_t present = 0, spanned = 0, sum = 0;
	size_t count;

	(void)state;
	open_scene(&s);
	whole_round(&s);
	for (uint32_t i = 0; i < s.before.zones_count; i++) {
		present += s.before.zones[i].present;
		spanned += s.before.zones[i].spanned;
	}
	for (unsigned u = 0; u < MV_USE__N; u++)
		sum += s.head.uses[u];
	print_message("# %" PRIu64 " frames, present %" PRIu64 ", spanned %" PRIu64 "\n", s.head.frames,
		      present, spanned);
	assert_int_equal(sum, s.head.frames);
	/* Each frame of every zone but the holes between pieces of System RAM. */
	assert_int_equal(s.head.frames, present);
	count = mv_atlas_stretches(s.atlas, &stretches);
	for (size_t i = 0; i < count; i++) {
		const struct mv_zone *zone = &s.before.zones[stretches[i].zone];

		assert_true(stretches[i].start >= zone->start_pfn &&
			    stretches[i].end <= zone->start_pfn + zone->spanned);
		assert_true(i == 0 || stretches[i - 1].end <= stretches[i].start);
	}
	close_scene(&s);
}

static uint64_t mem(const struct mv_ram *ram, enum mv_meminfo_id id)
{
	return mv_have(&ram->meminfo[id]) ? ram->meminfo[id].value : 0;
}

/* What frames say lies between what meminfo said before and after, but for `slack` bytes. */
static void expect_between(const char *what, uint64_t told, uint64_t before, uint64_t after, uint64_t slack)
{
	uint64_t low = before < after ? before : after, high = before < after ? after : before;

	print_message("# %-8s %9" PRIu64 " KiB by frames, %9" PRIu64 " to %9" PRIu64 " by meminfo\n", what,
		      told >> 10, low >> 10, high >> 10);
	assert_true(told + slack >= low && told <= high + slack);
}

/*
 * Others work meanwhile: what meminfo says before and after a round bounds what can have changed, and a frame
 * can change while the round is under way. So each figure has its own movement as slack, and 1 % of RAM
 * besides.
 */
static void test_uses_are_meminfos(void **state)
{
	struct scene s;
	uint64_t page, file_before, file_after, slack;

	(void)state;
	open_scene(&s);
	whole_round(&s);
	page = mv_source_page_bytes(s.source);
	slack = mem(&s.before, MV_MEM_TOTAL) / 100;
#define USE(id) (s.head.uses[MV_USE_##id] * page)
	expect_between("free", USE(FREE) + USE(DEFERRED), mem(&s.before, MV_MEM_FREE),
		       mem(&s.after, MV_MEM_FREE), slack);
	expect_between("anon", USE(ANON) + USE(THP), mem(&s.before, MV_MEM_ANON), mem(&s.after, MV_MEM_ANON),
		       slack);
	/* Buffers and Cached hold shared memory, too. */
	file_before =
	    mem(&s.before, MV_MEM_CACHED) + mem(&s.before, MV_MEM_BUFFERS) - mem(&s.before, MV_MEM_SHMEM);
	file_after =
	    mem(&s.after, MV_MEM_CACHED) + mem(&s.after, MV_MEM_BUFFERS) - mem(&s.after, MV_MEM_SHMEM);
	expect_between("file", USE(FILE), file_before, file_after, slack);
	expect_between("shmem", USE(SHMEM), mem(&s.before, MV_MEM_SHMEM), mem(&s.after, MV_MEM_SHMEM),
		       slack / 8);
	expect_between("slab", USE(SLAB), mem(&s.before, MV_MEM_SLAB), mem(&s.after, MV_MEM_SLAB), slack / 8);
	expect_between("tables", USE(TABLES), mem(&s.before, MV_MEM_TABLES), mem(&s.after, MV_MEM_TABLES),
		       slack / 8);
	expect_between("hugetlb", USE(HUGETLB), mem(&s.before, MV_MEM_HUGETLB), mem(&s.after, MV_MEM_HUGETLB),
		       0);
#undef USE
	close_scene(&s);
}

/* ---- a child's frames ---- */

static pid_t child;
static char *pages; /* at the same address in the child */

static void start_child(struct scene *s)
{
	const size_t page = mv_source_page_bytes(s->source);
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		pages = mmap(pages, PAGES * page, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		madvise(pages, PAGES * page, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < PAGES; i += 3)
			pages[i * page] = (char)(1 + i);
		byte = pages == MAP_FAILED ? 'x' : 'r';
		_exit(write(ready[1], &byte, 1) == 1 ? pause() : 1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(byte, 'r');
}

static void stop_child(void)
{
	kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Frames of the child, by its pagemap: read here, mapping by mapping. */
struct frames {
	uint64_t *at;
	size_t count, cap;
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void read_frames(struct frames *f)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char name[64], line[4096];
	size_t kept = 0;
	FILE *maps, *pagemap;

	snprintf(name, sizeof(name), "/proc/%d/maps", child);
	maps = fopen(name, "re");
	snprintf(name, sizeof(name), "/proc/%d/pagemap", child);
	pagemap = fopen(name, "re");
	assert_true(maps && pagemap);
	while (fgets(line, sizeof(line), maps)) {
		uint64_t start, end, word;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2 || end >> 63)
			continue;
		for (; start < end; start += page) {
			assert_int_equal(fseeko(pagemap, (off_t)(start / page * sizeof(word)), SEEK_SET), 0);
			assert_int_equal(fread(&word, sizeof(word), 1, pagemap), 1);
			if (!(word & MV_WORD_PRESENT))
				continue;
			if (f->count == f->cap) {
				f->cap = f->cap ? 2 * f->cap : 4096;
				f->at = reallocarray(f->at, f->cap, sizeof(*f->at));
				assert_non_null(f->at);
			}
			f->at[f->count++] = MV_WORD_PFN(word);
		}
	}
	fclose(maps);
	fclose(pagemap);
	qsort(f->at, f->count, sizeof(*f->at), compare);
	for (size_t i = 0; i < f->count; i++) {
		if (!kept || f->at[kept - 1] != f->at[i])
			f->at[kept++] = f->at[i];
	}
	f->count = kept;
}

/* Every frame of the child is lit in a cell of one frame, and no other frame is. */
static void test_childs_frames_are_lit(void **state)
{
	static struct mv_atlas_cell cells[MV_ATLAS_CELLS];
	const struct mv_atlas_stretch *stretches;
	struct frames f = {0};
	struct scene s;
	uint64_t lit = 0, runs = 0, before = 0;
	size_t count, at = 0;
	int more;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	print_message("its shadow of 16 TiB can't be read page by page, as this test does\n");
	skip();
#endif
	open_scene(&s);
	pages =
	    mmap(NULL, PAGES * mv_source_page_bytes(s.source), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	start_child(&s);
	whole_round(&s);
	mv_atlas_light(s.atlas, child);
	while ((more = mv_atlas_step_lit(s.atlas, STEP_PAGES)) > 0)
		;
	assert_int_equal(more, 0);
	read_frames(&f);
	mv_atlas_head(s.atlas, &s.want, &s.head);
	assert_true(mv_have(&s.head.lit));
	s.want.cell_frames = 1;
	count = mv_atlas_stretches(s.atlas, &stretches);
	for (size_t i = 0; i < count; i++) {
		for (uint64_t pfn = stretches[i].start; pfn < stretches[i].end; pfn += MV_ATLAS_CELLS) {
			size_t n;

			s.want.atlas_start = pfn;
			s.want.atlas_end =
			    pfn + MV_ATLAS_CELLS < stretches[i].end ? pfn + MV_ATLAS_CELLS : stretches[i].end;
			n = mv_atlas_cells(s.atlas, &s.want, cells, MV_ATLAS_CELLS);
			assert_int_equal(n, s.want.atlas_end - s.want.atlas_start);
			for (size_t k = 0; k < n; k++) {
				while (at < f.count && f.at[at] < pfn + k)
					at++;
				assert_int_equal(cells[k].lit != 0, at < f.count && f.at[at] == pfn + k);
				if (!cells[k].lit)
					continue;
				lit++;
				runs += pfn + k != before + 1 || before == 0;
				before = pfn + k;
			}
		}
	}
	assert_true(lit >= PAGES / 3);
	assert_int_equal(lit, f.count);
	assert_int_equal(lit, s.head.lit.value);
	assert_int_equal(runs, s.head.lit_runs);
	stop_child();
	munmap(pages, PAGES * mv_source_page_bytes(s.source));
	free(f.at);
	close_scene(&s);
}

/* The detail of a frame finds the child at the right address, among others. */
static void test_frame_is_found_in_child(void **state)
{
	const struct mv_frame_detail *d;
	struct mv_target *target;
	struct scene s;
	uint64_t word, addr;
	int32_t pids[3];

	(void)state;
	open_scene(&s);
	pages =
	    mmap(NULL, PAGES * mv_source_page_bytes(s.source), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	start_child(&s);
	addr = (uintptr_t)pages + 300 * (uint64_t)mv_source_page_bytes(s.source);
	assert_int_equal(mv_target_open(s.source, child, &target), 0);
	assert_int_equal(mv_target_words(target, addr, 1, &word), 1);
	mv_target_close(target);
	assert_true(word & MV_WORD_PRESENT);
	pids[0] = (int32_t)getppid();
	pids[1] = (int32_t)child;
	pids[2] = (int32_t)getpid();
	mv_frame_begin(s.atlas, MV_WORD_PFN(word), pids, 3);
	while (mv_frame_step(s.atlas, STEP_PAGES) > 0)
		;
	d = mv_frame_detail_of(s.atlas);
	assert_true(mv_have(&d->flags) && mv_have(&d->count) && mv_have(&d->searched));
	assert_int_equal(d->pfn, MV_WORD_PFN(word));
	assert_int_equal(d->use, MV_USE_ANON);
	assert_int_equal(d->count.value, 1);
	assert_int_equal(d->searched.value, 3);
	assert_int_equal(d->mappers_count, 1);
	assert_int_equal(d->mappers[0].pid, child);
	assert_int_equal(d->mappers[0].address, addr);
	stop_child();
	munmap(pages, PAGES * mv_source_page_bytes(s.source));
	close_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frames_sum_to_the_machines),
	    cmocka_unit_test(test_uses_are_meminfos),
	    cmocka_unit_test(test_childs_frames_are_lit),
	    cmocka_unit_test(test_frame_is_found_in_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
