/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <dirent.h>
#include <ftw.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/machine_sampler.h"
#include "tests/unit/fixture.h"
#include "tui/view_atlas.h"

/* The atlas and its frames over the machine's fixture, read by the machine's sampler. */

static struct {
	struct mv_source *source;
	struct mv_machine_sampler *sampler;
	struct mv_machine_snapshot *machine;
	struct mv_delta *delta;
	struct mv_stack *stack;
	struct mv_keeper_status status;
	struct mv_context ctx;
	struct mv_canvas canvas;
	struct mv_machine_want want;
	char *text;
	int rows, cols;
	char root[1024], own[64]; /* own: a directory made here */
} rig;

static void draw(void)
{
	size_t len;
	FILE *out;

	free(rig.text);
	out = open_memstream(&rig.text, &len);
	assert_int_equal(mv_canvas_resize(&rig.canvas, rig.rows, rig.cols), 0);
	mv_stack_draw(rig.stack, &rig.ctx, &rig.canvas);
	assert_int_equal(mv_canvas_dump(&rig.canvas, out), 0);
	fclose(out);
	*strstr(rig.text, "--- roles") = '\0';
}

/* Ask, read all of it and show it: a search goes on with each picture. */
static void looks(void)
{
	for (int i = 0; i < 3; i++) {
		uint64_t due_ns;
		size_t bytes;

		mv_stack_want_machine(rig.stack, &rig.ctx, rig.rows, rig.cols, &rig.want);
		rig.want.facts |= MV_MACHINE_WHOLE;
		mv_machine_sampler_want(rig.sampler, &rig.want);
		assert_int_equal(mv_machine_sampler_tick(rig.sampler), 0);
		while (mv_machine_sampler_work(rig.sampler, &due_ns) > 0)
			;
		free(rig.machine);
		bytes = mv_machine_sampler_bytes(rig.sampler);
		rig.machine = aligned_alloc(8, (bytes + 7) & ~(size_t)7);
		assert_non_null(rig.machine);
		mv_machine_sampler_snapshot(rig.sampler, rig.machine);
		assert_int_equal(mv_machine_check(rig.machine, bytes), 0);
		rig.ctx.machine = rig.machine;
		rig.ctx.now_ns = mv_source_now(rig.source);
	}
	draw();
}

static void open_rig(const char *root, enum mv_view_id view, const struct mv_place *place)
{
	const struct mv_source_opts opts = {.root = root};

	setlocale(LC_ALL, "C.UTF-8");
	rig.rows = 24;
	rig.cols = 80;
	assert_int_equal(mv_source_new(&opts, &rig.source), 0);
	assert_int_equal(mv_machine_sampler_new(rig.source, NULL, &rig.sampler), 0);
	assert_int_equal(mv_delta_new(&rig.delta), 0);
	assert_int_equal(mv_stack_new(view, place, &rig.stack), 0);
	assert_int_equal(mv_canvas_init(&rig.canvas, rig.rows, rig.cols), 0);
	rig.ctx = (struct mv_context){.delta = rig.delta,
				      .status = &rig.status,
				      .interval_ms = 1000,
				      .page_cols = 1,
				      .root = true,
				      .own_cpu_percent = -1};
	looks();
}

static int set_up(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof(rig));
	fixture_path(rig.root, sizeof(rig.root), "machine");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	mv_stack_free(rig.stack);
	mv_delta_free(rig.delta);
	mv_machine_sampler_free(rig.sampler);
	mv_source_free(rig.source);
	mv_canvas_release(&rig.canvas);
	free(rig.machine);
	free(rig.text);
	if (rig.own[0])
		nftw(rig.own, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

static void open_atlas(int32_t lit)
{
	open_rig(rig.root, MV_VIEW_ATLAS, &(struct mv_place){.pid = lit});
}

static enum mv_effect press(const char *keys)
{
	enum mv_effect effect = MV_EFFECT_NONE;
	struct mv_input input;

	while (*keys) {
		int n = mv_keys_parse(keys, &input);

		assert_true(n > 0);
		keys += n;
		effect = mv_stack_input(rig.stack, &rig.ctx, input);
		looks();
	}
	return effect;
}

static bool shows(const char *text)
{
	return strstr(rig.text, text) != NULL;
}

#define assert_shows(wanted) \
	do { \
		if (!shows(wanted)) \
			fail_msg("no \"%s\" in:\n%s", wanted, rig.text); \
	} while (0)

static void asks_for_all_of_it(void **state)
{
	(void)state;
	open_atlas(0);
	assert_true(rig.want.facts & MV_MACHINE_ATLAS);
	assert_int_equal(rig.want.lit, 0);
	assert_int_equal(rig.want.atlas_start, 0);
	assert_int_equal(rig.want.atlas_end, 0x280000);
	assert_int_equal(rig.want.cell_frames, 4096);
	assert_shows("Atlas of 2,101,150 frames");
	assert_shows("one cell = 4,096 frames (16.0M)");
	assert_shows("node 0 DMA32");
	assert_shows("node 1 Normal");
	assert_shows("/ lights the frames of a process");
}

/* As meminfo has them: MemFree 812,648 kB, AnonPages less AnonHugePages 3,072,000, Shmem 307,200, Slab
 * 409,600. */
static void says_the_sizes(void **state)
{
	(void)state;
	open_atlas(0);
	assert_shows("free 794M");
	assert_shows("anon 2.9G");
	assert_shows("shared 300M");
	assert_shows("anon, huge 600M");
	assert_shows("hugetlb 128M");
	assert_shows("slab 400M");
	assert_shows("page tables 48.0M");
	assert_shows("broken 4K");
}

static void lights_a_process(void **state)
{
	(void)state;
	open_atlas(2048);
	assert_int_equal(rig.want.lit, 2048);
	assert_shows("lit: python3 2048  53,504 frames in 21 runs");
	assert_shows("■");
	press("/<Enter>");
	assert_int_equal(rig.want.lit, 0);
	assert_false(shows("lit:"));
	press("/python<Enter>");
	assert_int_equal(rig.want.lit, 2048);
	press("/2<Enter>");
	assert_int_equal(rig.want.lit, 2048);
	assert_shows("a kernel thread has no frames of its own");
	press("/77777<Enter>");
	assert_shows("there is no such process");
	press("/nobody is called so<Enter>");
	assert_shows("no process has that name");
	/* nginx is three processes. */
	press("/nginx<Enter>");
	assert_int_equal(rig.want.lit, 990);
	press("n");
	assert_int_equal(rig.want.lit, 991);
	press("N");
	assert_int_equal(rig.want.lit, 990);
	assert_shows("lit: nginx 990");
}

static void zooms_at_the_cursor(void **state)
{
	uint64_t start;

	(void)state;
	open_atlas(0);
	press("jjj");
	start = 0x61000; /* DMA32's third row */
	assert_shows("frames 0x61000 to 0x61fff  node 0 DMA32");
	press("+");
	assert_int_equal(rig.want.cell_frames, 2048);
	assert_shows("frames 0x61000 to 0x617ff");
	press("<Enter><Enter><Enter>");
	assert_int_equal(rig.want.cell_frames, 1);
	assert_true(rig.want.atlas_start <= start && start < rig.want.atlas_end);
	assert_shows("frame 0x61000 ");
	press("-");
	assert_int_equal(rig.want.cell_frames, 2);
	for (int i = 0; i < 20; i++)
		press("-");
	assert_int_equal(rig.want.cell_frames, 4096);
	/* To the ends. */
	press("G");
	assert_shows("node 1 Normal");
	press("g");
	assert_shows("node 0 DMA");
}

/* kpage: 1000-3000 of files, 3000-4000 anonymous, 4000-8000 of files. */
static void finds_the_next_use(void **state)
{
	(void)state;
	open_rig(rig.root, MV_VIEW_ATLAS, &(struct mv_place){.frame = 0x1000});
	press("<Enter><Enter><Enter>");
	assert_int_equal(rig.want.cell_frames, 1);
	assert_shows("frame 0x1000  node 0 DMA32: page cache: pages of files");
	press("e");
	assert_shows("frame 0x3000  node 0 DMA32: anonymous memory of processes");
	press("e");
	assert_shows("frame 0x4000 ");
	press("E");
	assert_shows("frame 0x3fff ");
	press("E");
	assert_shows("frame 0x2fff ");
	press("E");
	assert_shows("frame 0xfff  node 0 DMA: kept by firmware");
	/* Over the hole at 0x9f. */
	press("E");
	assert_shows("no further change");
	assert_shows("frame 0xfff ");
}

static void a_frame_in_full(void **state)
{
	(void)state;
	open_rig(rig.root, MV_VIEW_ATLAS, &(struct mv_place){.frame = 0x102300, .pid = 2048});
	press("<Enter><Enter><Enter><Enter>");
	assert_int_equal(rig.want.pfn, 0x102300);
	assert_true(rig.want.facts & MV_MACHINE_FRAME);
	assert_int_equal(rig.want.visible[0], 2048);
	assert_shows("Frame 0x102300 at physical address 102300000");
	assert_shows("anonymous memory of processes");
	assert_shows("1 page table entry");
	assert_shows("SWAPBACKED     goes to swap when reclaimed, not to a file");
	assert_shows("55d0c0100000  python3 2048");
	assert_int_equal(press("<Enter>"), MV_EFFECT_OPEN);
	assert_int_equal(mv_stack_opens(rig.stack), 2048);
	press("l");
	assert_shows("Frame 0x102301");
	assert_shows("55d0c0101000  python3 2048");
	press("<Esc>");
	assert_shows("Atlas of");
}

static void no_frame_no_mapper(void **state)
{
	(void)state;
	/* Between the pieces of RAM below 1 MiB. */
	open_rig(rig.root, MV_VIEW_ATLAS, &(struct mv_place){.frame = 0xa0});
	press("<Enter><Enter><Enter>");
	/* A hole that would fill more than a row is left out: the cursor stays beside it. */
	assert_shows("frame 0x9e ");
	press("-l");
	assert_shows("frames 0xa0 to 0xa1  node 0 DMA: no RAM");
	press("ll");
	assert_shows("frames 0xa4 ");
}

/* The same machine, but kpageflags is refused. */
static void says_what_it_needs(void **state)
{
	char from[2048], to[2048];
	struct dirent *entry;
	FILE *errors;
	DIR *dir;

	(void)state;
	snprintf(rig.own, sizeof(rig.own), "/tmp/mv-view-atlas-XXXXXX");
	assert_non_null(mkdtemp(rig.own));
	dir = opendir(rig.root);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "%s%s/%s", rig.root[0] == '/' ? "" : "./", rig.root,
			 entry->d_name);
		snprintf(to, sizeof(to), "%s/%s", rig.own, entry->d_name);
		if (rig.root[0] != '/') {
			char *whole = realpath(from, NULL);
			assert_non_null(whole);
			assert_int_equal(symlink(whole, to), 0);
			free(whole);
		} else {
			assert_int_equal(symlink(from, to), 0);
		}
	}
	closedir(dir);
	snprintf(to, sizeof(to), "%s/errors", rig.own);
	errors = fopen(to, "we");
	assert_non_null(errors);
	fputs("kpageflags EACCES\n", errors);
	fclose(errors);
	open_rig(rig.own, MV_VIEW_ATLAS, &(struct mv_place){0});
	assert_shows("what each frame is used for: - (needs CAP_DAC_READ_SEARCH)");
	assert_shows("sudo memview shows each frame");
	assert_shows("node 0 DMA32      2.0G");
	assert_shows("node 1 Normal     4.0G");
	press("<Enter>");
	assert_shows("there is no frame to look into");
	press("e");
	assert_shows("this cell has not been read yet");
}

static void small_screens(void **state)
{
	static const int sizes[][2] = {{1, 1}, {3, 10}, {5, 20}, {7, 40}, {10, 40}, {13, 30}, {60, 200}};

	(void)state;
	open_atlas(2048);
	for (size_t i = 0; i < MV_COUNT_OF(sizes); i++) {
		rig.rows = sizes[i][0];
		rig.cols = sizes[i][1];
		looks();
		press("jl+-");
	}
	assert_shows("lit: python3 2048");
}

static void every_use_is_explained(void **state)
{
	struct mv_meaning m;
	struct atlas_view v = {.cell_frames = 1};
	unsigned n = 0;

	(void)state;
	open_atlas(0);
	while (n < 200) {
		memset(&m, 0, sizeof(m));
		if (!atlas_meaning(&v, &rig.ctx, n, &m))
			break;
		assert_true(m.title.len && m.formula.len);
		n++;
	}
	assert_true(n > 2 + MV_USE__N);
	press("w");
	assert_shows("kpageflags");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(asks_for_all_of_it),	  TEST(says_the_sizes),	    TEST(lights_a_process),
	    TEST(zooms_at_the_cursor),	  TEST(finds_the_next_use), TEST(a_frame_in_full),
	    TEST(no_frame_no_mapper),	  TEST(says_what_it_needs), TEST(small_screens),
	    TEST(every_use_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
