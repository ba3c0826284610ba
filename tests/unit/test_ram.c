/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/ram.h"
#include "core/ram_figures.h"
#include "tests/unit/tempdir.h"

#define KIB		       UINT64_C(1024)
#define FIG(id)		       mv_ram_figure(now, before, MV_RAM_FIG_##id)
#define FIGURES(now_, before_) const struct mv_ram *now = (now_), *before = (before_)

static void assert_value(struct mv_ram_value got, double want)
{
	assert_int_equal(got.why, MV_WHY_HAVE);
	if (got.value > want + 1e-6 || got.value < want - 1e-6)
		fail_msg("%f is not %f", got.value, want);
}

static struct mv_source *open_root(const char *root)
{
	struct mv_source_opts opts = {.root = root};
	struct mv_source *source;

	assert_int_equal(mv_source_new(&opts, &source), 0);
	return source;
}

static struct mv_source *open_fixture(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", getenv("MV_FIXTURES"), name);
	return open_root(path);
}

/* ---- the machine of the fixture, by hand ---- */

static struct mv_ram looks[4];

static int read_looks(void **state)
{
	struct mv_source *source = open_fixture("machine");

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(looks); i++) {
		assert_int_equal(mv_ram_read(source, &looks[i]), 0);
		mv_source_step(source);
	}
	mv_source_free(source);
	return 0;
}

static void test_figures_of_free(void **state)
{
	FIGURES(&looks[1], NULL);

	(void)state;
	assert_value(FIG(FREE_TOTAL), 8126464 * 1024.0);
	assert_value(FIG(FREE_USED), (8126464 - 3244032 + 102400) * 1024.0);
	assert_value(FIG(FREE_FREE), (812648 - 102400) * 1024.0);
	assert_value(FIG(FREE_SHARED), 307200 * 1024.0);
	assert_value(FIG(FREE_BUFFERS), 204800 * 1024.0);
	assert_value(FIG(FREE_CACHE), (2457600 + 286720) * 1024.0);
	assert_value(FIG(FREE_BUFF_CACHE), (204800 + 2457600 + 286720) * 1024.0);
	assert_value(FIG(FREE_AVAILABLE), (3244032 - 102400) * 1024.0);
	assert_value(FIG(SWAP_TOTAL), 2621440 * 1024.0);
	assert_value(FIG(SWAP_USED), 671744 * 1024.0);
	assert_value(FIG(SWAP_FREE), 1949696 * 1024.0);
}

static void test_figures_of_sar_r(void **state)
{
	FIGURES(&looks[0], NULL);
	const double used = 8126464 - 812648 - 204800 - 2457600 - 409600;

	(void)state;
	assert_value(FIG(KBMEMFREE), 812648 * 1024.0);
	assert_value(FIG(KBAVAIL), 3244032 * 1024.0);
	assert_value(FIG(KBMEMUSED), used * 1024);
	assert_value(FIG(MEMUSED), used * 100 / 8126464);
	assert_value(FIG(KBBUFFERS), 204800 * 1024.0);
	assert_value(FIG(KBCACHED), 2457600 * 1024.0);
	assert_value(FIG(KBCOMMIT), 9437184 * 1024.0);
	assert_value(FIG(COMMIT), 9437184 * 100.0 / (8126464 + 2621440));
	assert_value(FIG(KBACTIVE), 4096000 * 1024.0);
	assert_value(FIG(KBINACT), 2240512 * 1024.0);
	assert_value(FIG(KBDIRTY), 20480 * 1024.0);
	assert_value(FIG(KBANONPG), 3686400 * 1024.0);
	assert_value(FIG(KBSLAB), 409600 * 1024.0);
	assert_value(FIG(KBKSTACK), 16384 * 1024.0);
	assert_value(FIG(KBPGTBL), 49152 * 1024.0);
	assert_value(FIG(KBVMUSED), 40960 * 1024.0);
	assert_int_equal(FIG(FAULT).why, MV_WHY_NOT_READ);
	assert_int_equal(FIG(VMEFF).why, MV_WHY_NOT_READ);
}

/* make.py's RATES. The second look comes two seconds later. */
static void test_rates(void **state)
{
	static const struct {
		enum mv_ram_figure_id id;
		double want[3]; /* negative: CHANGED */
	} rates[] = {
	    {MV_RAM_FIG_PGPGIN, {4096, 2048, 0}},    {MV_RAM_FIG_PGPGOUT, {1024, 8192, 51200}},
	    {MV_RAM_FIG_FAULT, {50000, 20000, -1}},  {MV_RAM_FIG_MAJFLT, {25, 10, 4}},
	    {MV_RAM_FIG_PGFREE, {60000, 30000, -1}}, {MV_RAM_FIG_PGSCANK, {1000, 400, 14000}},
	    {MV_RAM_FIG_PGSCAND, {250, 0, 2000}},    {MV_RAM_FIG_PGSTEAL, {1000, 400, 12800}},
	    {MV_RAM_FIG_VMEFF, {80, 100, 80}},
	};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(rates); i++) {
		for (size_t step = 0; step < 3; step++) {
			struct mv_ram_value got = mv_ram_figure(&looks[step + 1], &looks[step], rates[i].id);

			if (rates[i].want[step] < 0)
				assert_int_equal(got.why, MV_WHY_CHANGED);
			else
				assert_value(got, rates[i].want[step]);
		}
	}
}

static void test_rest_of_the_machine(void **state)
{
	const struct mv_ram *ram = &looks[3];
	uint64_t pages = 0;

	(void)state;
	assert_int_equal(ram->at_ns, 1004 * MV_NS_PER_SEC);
	assert_int_equal(ram->zones_why, MV_WHY_HAVE);
	assert_int_equal(ram->zones_count, 4); /* Movable is empty */
	assert_string_equal(ram->zones[3].name, "Normal");
	assert_int_equal(ram->zones[3].node, 1);
	assert_int_equal(ram->zones[1].start_pfn, 4096);
	assert_int_equal(ram->zones[1].spanned, 1044480);
	assert_int_equal(ram->zones[1].present, 524288);
	assert_int_equal(ram->zones[1].managed, 520192);
	assert_int_equal(ram->zones[1].min, 2900);
	assert_int_equal(ram->zones[1].low, 3625);
	assert_int_equal(ram->zones[1].high, 4350);
	assert_int_equal(ram->zones[1].orders, 11);
	assert_int_equal(ram->zones[1].blocks[10], 66);
	for (uint32_t i = 0; i < ram->zones_count; i++) {
		uint64_t in_blocks = 0;

		for (uint32_t order = 0; order < ram->zones[i].orders; order++)
			in_blocks += ram->zones[i].blocks[order] << order;
		assert_int_equal(in_blocks, ram->zones[i].free);
		pages += in_blocks;
	}
	assert_int_equal(pages * 4096, ram->meminfo[MV_MEM_FREE].value);
	assert_int_equal(ram->nodes_why, MV_WHY_HAVE);
	assert_int_equal(ram->nodes_count, 2);
	assert_int_equal(ram->nodes[1].node, 1);
	assert_int_equal(ram->nodes[0].total_bytes + ram->nodes[1].total_bytes,
			 ram->meminfo[MV_MEM_TOTAL].value);
	assert_int_equal(ram->nodes[0].free_bytes + ram->nodes[1].free_bytes,
			 ram->meminfo[MV_MEM_FREE].value);
	assert_int_equal(ram->nodes[0].anon_bytes, 1843200 * KIB);
	assert_int_equal(ram->nodes[0].file_bytes, 1228800 * KIB);
	assert_int_equal(ram->nodes[1].slab_bytes, 245760 * KIB);
	assert_int_equal(ram->nodes[1].miss.value, 310);
	assert_int_equal(ram->nodes[0].foreign.value, 310);
	assert_int_equal(ram->huge_count, 2);
	assert_int_equal(ram->huge[0].page_bytes, 2048 * KIB);
	assert_int_equal(ram->huge[0].total, 64);
	assert_int_equal(ram->huge[0].free, 32);
	assert_int_equal(ram->huge[0].reserved, 4);
	assert_int_equal(ram->huge[1].page_bytes, 1048576 * KIB);
	assert_int_equal(ram->swaps_count, 2);
	assert_string_equal(ram->swaps[0].name, "/dev/sda2");
	assert_string_equal(ram->swaps[0].kind, "partition");
	assert_int_equal(ram->swaps[0].priority, -2);
	assert_false(ram->swaps[0].zram);
	assert_true(ram->swaps[1].zram);
	assert_int_equal(ram->swaps[0].used_bytes + ram->swaps[1].used_bytes, (671744 + 51200) * KIB);
	assert_int_equal(ram->some.why, MV_WHY_HAVE);
	assert_int_equal(ram->some.avg10, 780);
	assert_int_equal(ram->full.avg300, 44);
	assert_int_equal(ram->some.total_us, 12550000);
	assert_int_equal(ram->overcommit.value, 0);
	assert_int_equal(ram->swappiness.value, 60);
	assert_int_equal(ram->zswap_on.value, 1);
	assert_int_equal(ram->meminfo[MV_MEM_ZSWAPPED].value, 245760 * KIB);
	assert_int_equal(ram->meminfo[MV_MEM_HUGE_TOTAL].value, 64); /* a count, no size */
	assert_int_equal(ram->vmstat[MV_VMSTAT_OOM_KILL].value, 3);
	assert_int_equal(ram->vmstat[MV_VMSTAT_STALL].value, 1 + 50 + 20);
	assert_int_equal(ram->free_used.why, MV_WHY_NOT_READ); /* libproc2 reads /proc alone */
}

/* ---- a machine that lacks things ---- */

static void test_what_is_not_there(void **state)
{
	struct mv_source *source;
	struct mv_ram ram = {.at_ns = 7};
	FIGURES(&ram, NULL);

	(void)state;
	source = tempdir_open();
	assert_int_equal(mv_ram_read(source, &ram), -ENOENT);
	assert_int_equal(ram.at_ns, 7);
	mv_source_free(source);

	tempdir_put("meminfo", "MemTotal: 1000 kB\nMemFree: 600 kB\n");
	tempdir_put("errors", "buddyinfo EACCES\nzoneinfo EACCES\nswaps EIO\n");
	source = tempdir_open();
	assert_int_equal(mv_ram_read(source, &ram), 0);
	assert_int_equal(ram.zones_why, MV_WHY_NEEDS_ROOT);
	assert_int_equal(ram.swaps_why, MV_WHY_IO);
	assert_int_equal(ram.nodes_why, MV_WHY_NOT_HERE);
	assert_int_equal(ram.huge_why, MV_WHY_NO_KERNEL);
	assert_int_equal(ram.some.why, MV_WHY_NO_KERNEL);
	assert_int_equal(ram.full.why, MV_WHY_NO_KERNEL);
	assert_int_equal(ram.overcommit.why, MV_WHY_NO_KERNEL);
	assert_int_equal(ram.zswap_on.why, MV_WHY_NO_KERNEL);
	assert_int_equal(ram.container_limit.why, MV_WHY_NO_KERNEL);
	assert_int_equal(ram.vmstat[MV_VMSTAT_PGFAULT].why, MV_WHY_NO_KERNEL);
	assert_int_equal(FIG(FREE_AVAILABLE).why, MV_WHY_NO_KERNEL);
	assert_int_equal(FIG(KBMEMUSED).why, MV_WHY_NO_KERNEL);
	assert_int_equal(FIG(SWAP_USED).why, MV_WHY_NO_KERNEL);
	assert_value(FIG(FREE_USED), 400 * 1024.0); /* what free has without MemAvailable */
	mv_source_free(source);
}

static void test_container(void **state)
{
	struct mv_source *source;
	struct mv_ram ram;

	(void)state;
	tempdir_put("meminfo", "MemTotal: 1000 kB\n");
	tempdir_put("self/cgroup", "0::/box/inner\n");
	tempdir_put("cgroup/box/memory.max", "409600\n");
	tempdir_put("cgroup/box/memory.current", "81920\n");
	tempdir_put("cgroup/box/inner/memory.max", "max\n");
	tempdir_put("step1/cgroup/box/memory.max", "1024000\n"); /* all the machine has */
	source = tempdir_open();
	assert_int_equal(mv_ram_read(source, &ram), 0);
	assert_int_equal(ram.container_limit.value, 409600);
	assert_int_equal(ram.container_usage.value, 81920);
	mv_source_step(source);
	assert_int_equal(mv_ram_read(source, &ram), 0);
	assert_int_equal(ram.container_limit.why, MV_WHY_NO_LIMIT);
	mv_source_free(source);
}

/* A machine of many CPUs: zoneinfo beyond the first buffer, whose last zone must not be lost. */
static void test_long_zoneinfo(void **state)
{
	size_t cap = (size_t)300 * 1024, len = 0;
	char *text = malloc(cap);
	struct mv_source *source;
	struct mv_ram ram;

	(void)state;
	len += (size_t)sprintf(text, "Node 0, zone Normal\n  pages free 5\n  present 9\n  pagesets\n");
	for (int cpu = 0; len < cap - 512; cpu++)
		len += (size_t)sprintf(text + len, "    cpu: %d\n              high:  77\n", cpu);
	sprintf(text + len, "Node 1, zone Normal\n  pages free 6\n        high 3\n  present 9\n");
	tempdir_put("meminfo", "MemTotal: 1000 kB\n");
	tempdir_put("zoneinfo", text);
	free(text);
	source = tempdir_open();
	assert_int_equal(mv_ram_read(source, &ram), 0);
	assert_int_equal(ram.zones_count, 2);
	assert_int_equal(ram.zones[0].free, 5);
	assert_int_equal(ram.zones[0].high, 0);
	assert_int_equal(ram.zones[1].free, 6);
	assert_int_equal(ram.zones[1].high, 3);
	mv_source_free(source);
}

/* ---- texts of other kernels ---- */

static void test_meminfo_texts(void **state)
{
	static const char text[] = "MemTotal:        2048000 kB\n"
				   "MemFree:          512000 kB\n"
				   "Cached :             7 kB\n"
				   "MemTotalX:             9 kB\n"
				   "Active(anon):     1000 kB\n"
				   "Inactive(anon):   2000 kB\n"
				   "Dirty:            none kB\n"
				   "Slab:             18446744073709551615 kB\n"
				   "HugePages_Total:     3\n"
				   "no colon\n"
				   ":\n"
				   "MemAvailable:     77";
	struct mv_val v[MV_MEM__N];

	(void)state;
	memset(v, 0, sizeof(v));
	v[MV_MEM_DIRTY] = mv_val_missing(MV_WHY_IO);
	mv_meminfo_parse(text, sizeof(text) - 2, v); /* the file's end cuts a number: 7 */
	assert_int_equal(v[MV_MEM_TOTAL].value, 2048000 * KIB);
	assert_int_equal(v[MV_MEM_FREE].value, 512000 * KIB);
	assert_int_equal(v[MV_MEM_CACHED].why, MV_WHY_NOT_READ);
	assert_int_equal(v[MV_MEM_ACTIVE].why, MV_WHY_NOT_READ);
	assert_int_equal(v[MV_MEM_ACTIVE_ANON].value, 1000 * KIB);
	assert_int_equal(v[MV_MEM_INACTIVE_ANON].value, 2000 * KIB);
	assert_int_equal(v[MV_MEM_DIRTY].why, MV_WHY_IO);
	assert_int_equal(v[MV_MEM_SLAB].why, MV_WHY_NOT_READ);
	assert_int_equal(v[MV_MEM_HUGE_TOTAL].value, 3);
	assert_int_equal(v[MV_MEM_AVAILABLE].value, 7);
}

static void vmstat_is(const char *text, enum mv_vmstat_id id, uint64_t want)
{
	struct mv_val v[MV_VMSTAT__N];

	memset(v, 0, sizeof(v));
	mv_vmstat_parse(text, strlen(text), v);
	mv_vmstat_parse(text, strlen(text), v); /* again: no sum of sums */
	assert_int_equal(v[id].why, MV_WHY_HAVE);
	assert_int_equal(v[id].value, want);
}

static void test_vmstat_texts(void **state)
{
	static const char by_zone[] =
	    "pgalloc_dma 1\npgalloc_normal 2\nallocstall 5\n"
	    "pgsteal_kswapd_dma 3\npgsteal_kswapd_normal 4\npgsteal_direct_normal 50\n"
	    "pgscan_kswapd_dma 6\npgscan_kswapd_normal 7\npgscan_direct_dma 8\n"
	    "pgscan_direct_normal 9\npgscan_direct_throttle 1000\n"
	    "pgfault 10\npgfaults 11\npgmajfault 12\n";
	static const char k419[] = "pgsteal_kswapd 30\npgsteal_direct 4\npgscan_kswapd 50\npgscan_direct 6\n"
				   "pgscan_direct_throttle 1000\nallocstall_dma 0\nallocstall_normal 3\n"
				   "workingset_refault 5\n";
	static const char k618[] =
	    "pgsteal_kswapd 30\npgsteal_direct 4\npgsteal_khugepaged 5\npgsteal_proactive 6\n"
	    "pgscan_kswapd 50\npgscan_direct 6\npgscan_khugepaged 7\n"
	    "pgscan_direct_throttle 1000\npgscan_anon 40\npgscan_file 23\n"
	    "pgsteal_anon 20\npgsteal_file 25\nworkingset_refault_anon 1\n";
	struct mv_val v[MV_VMSTAT__N];

	(void)state;
	vmstat_is(by_zone, MV_VMSTAT_PGALLOC, 3);
	vmstat_is(by_zone, MV_VMSTAT_STALL, 5);
	vmstat_is(by_zone, MV_VMSTAT_STEAL, 57);
	vmstat_is(by_zone, MV_VMSTAT_SCAN_KSWAPD, 13);
	vmstat_is(by_zone, MV_VMSTAT_SCAN_DIRECT, 17);
	vmstat_is(by_zone, MV_VMSTAT_PGFAULT, 10);
	vmstat_is(k419, MV_VMSTAT_STEAL, 34);
	vmstat_is(k419, MV_VMSTAT_SCAN_DIRECT, 6);
	vmstat_is(k419, MV_VMSTAT_STALL, 3);
	vmstat_is(k618, MV_VMSTAT_STEAL, 45);
	vmstat_is(k618, MV_VMSTAT_SCAN_KSWAPD, 50);
	vmstat_is(k618, MV_VMSTAT_SCAN_DIRECT, 6);
	memset(v, 0, sizeof(v));
	mv_vmstat_parse(k419, sizeof(k419) - 1, v);
	assert_int_equal(v[MV_VMSTAT_REFAULT_ANON].why, MV_WHY_NOT_READ); /* told together before 5.9 */
	assert_int_equal(v[MV_VMSTAT_OOM_KILL].why, MV_WHY_NOT_READ);
}

static void test_zone_texts(void **state)
{
	/* Before 4.8 a zone had no statistics of its node, and told what was scanned of it. */
	static const char old[] = "Node 0, zone      DMA\n"
				  "  pages free     3964\n        min      67\n        low      83\n"
				  "        high     100\n        scanned  0\n        spanned  4095\n"
				  "        present  3998\n        managed  3977\n    nr_free_pages 3964\n"
				  "        protection: (0, 1919, 1919, 1919)\n  pagesets\n    cpu: 0\n"
				  "              count: 0\n              high:  0\n              batch: 1\n"
				  "  all_unreclaimable: 0\n  start_pfn:         1\n  inactive_ratio:    1\n";
	static const char buddy[] = "Node 0, zone      DMA      0      1      2\n"
				    "Node 3, zone   Normal   9\n"
				    "Node x, zone   Normal   9\n"
				    "Node 4, zone   a-name-beyond-all   9\n"
				    "Node 4, zone   od\x1b[m   9\n";
	struct mv_ram ram = {0};

	(void)state;
	mv_zoneinfo_parse(old, sizeof(old) - 1, &ram);
	assert_int_equal(ram.zones_count, 1);
	assert_int_equal(ram.zones[0].free, 3964);
	assert_int_equal(ram.zones[0].high, 100);
	assert_int_equal(ram.zones[0].managed, 3977);
	assert_int_equal(ram.zones[0].start_pfn, 1);
	mv_buddyinfo_parse(buddy, sizeof(buddy) - 1, &ram);
	assert_int_equal(ram.zones[0].orders, 3);
	assert_int_equal(ram.zones[0].blocks[2], 2);
	assert_int_equal(ram.zones_count, 3);
	assert_int_equal(ram.zones[1].node, 3);
	assert_int_equal(ram.zones[1].blocks[0], 9);
	assert_string_equal(ram.zones[2].name, "od??m");
	for (int i = 0; i < 2 * MV_ZONES; i++) {
		char line[96];

		snprintf(line, sizeof(line), "Node %d, zone Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\n",
			 i + 9);
		mv_buddyinfo_parse(line, strlen(line), &ram);
	}
	assert_int_equal(ram.zones_count, MV_ZONES);
	assert_int_equal(ram.zones[MV_ZONES - 1].orders, MV_ORDERS);
}

static void test_swap_and_pressure_texts(void **state)
{
	static const char swaps[] = "Filename Type Size Used Priority\n"
				    "/swap\\040file\\040(deleted) file 1024 12 -3\n"
				    "/dev/zram1 partition 10 0 32767\n"
				    "broken\n"
				    "/x partition 1 2\n";
	static const char psi[] = "some avg10=1.05 avg60=100.00 avg300=0.00 total=18446744073709551615\n"
				  "full avg10=x avg60=0.00 avg300=0.00 total=1\n";
	struct mv_psi some = {0}, full = {.why = MV_WHY_MALFORMED};
	struct mv_ram ram = {0};

	(void)state;
	mv_swaps_parse(swaps, sizeof(swaps) - 1, &ram);
	assert_int_equal(ram.swaps_count, 2);
	assert_string_equal(ram.swaps[0].name, "/swap\\040file\\040(deleted)");
	assert_string_equal(ram.swaps[0].kind, "file");
	assert_int_equal(ram.swaps[0].priority, -3);
	assert_int_equal(ram.swaps[0].used_bytes, 12 * KIB);
	assert_true(ram.swaps[1].zram);
	assert_int_equal(ram.swaps[1].priority, 32767);
	mv_psi_parse(psi, sizeof(psi) - 1, &some, &full);
	assert_int_equal(some.why, MV_WHY_HAVE);
	assert_int_equal(some.avg10, 105);
	assert_int_equal(some.avg60, 10000);
	assert_true(some.total_us == UINT64_MAX);
	assert_int_equal(full.why, MV_WHY_MALFORMED);
}

/* ---- arithmetic ---- */

static void test_wrap_and_reset(void **state)
{
	struct mv_ram a = {.at_ns = 10 * MV_NS_PER_SEC}, b = {.at_ns = 12 * MV_NS_PER_SEC};
	FIGURES(&b, &a);

	(void)state;
	a.vmstat[MV_VMSTAT_PGFAULT] = mv_val_of(UINT64_C(4294967000));
	b.vmstat[MV_VMSTAT_PGFAULT] = mv_val_of(704);
	assert_value(FIG(FAULT), 500);				   /* (296 + 704) / 2 s */
	b.vmstat[MV_VMSTAT_PGFREE] = mv_val_of(UINT64_C(1) << 32); /* so these are 64-bit counters */
	assert_int_equal(FIG(FAULT).why, MV_WHY_CHANGED);
	b.vmstat[MV_VMSTAT_PGFREE] = mv_val_missing(MV_WHY_NO_KERNEL);
	assert_value(FIG(FAULT), 500);
	a.vmstat[MV_VMSTAT_PGFAULT] = mv_val_of(UINT64_C(2000000000));
	assert_int_equal(FIG(FAULT).why, MV_WHY_CHANGED);
	b.vmstat[MV_VMSTAT_PGFAULT] = mv_val_of(UINT64_C(2000000001));
	assert_value(FIG(FAULT), 0.5);
	b.at_ns = a.at_ns;
	assert_int_equal(FIG(FAULT).why, MV_WHY_CHANGED);
	b.at_ns--;
	assert_int_equal(FIG(FAULT).why, MV_WHY_CHANGED);
	b.at_ns = a.at_ns + 1;
	a.vmstat[MV_VMSTAT_PGFAULT] = mv_val_missing(MV_WHY_IO);
	assert_int_equal(FIG(FAULT).why, MV_WHY_IO);
}

static void test_nothing_scanned(void **state)
{
	struct mv_ram a = {.at_ns = 1}, b = {.at_ns = 2};
	FIGURES(&b, &a);

	(void)state;
	for (size_t i = 0; i < MV_VMSTAT__N; i++)
		a.vmstat[i] = b.vmstat[i] = mv_val_of(5);
	assert_int_equal(FIG(VMEFF).why, MV_WHY_NOT_HERE);
	b.vmstat[MV_VMSTAT_SCAN_DIRECT].value = 9;
	assert_value(FIG(VMEFF), 0);
	b.vmstat[MV_VMSTAT_STEAL].value = 8;
	assert_value(FIG(VMEFF), 75);
}

static void test_bounds_of_sums(void **state)
{
	struct mv_ram ram = {0};
	FIGURES(&ram, NULL);

	(void)state;
	for (size_t i = 0; i < MV_MEM__N; i++)
		ram.meminfo[i] = mv_val_of(0);
	assert_int_equal(FIG(MEMUSED).why, MV_WHY_MALFORMED);
	assert_int_equal(FIG(COMMIT).why, MV_WHY_MALFORMED);
	ram.meminfo[MV_MEM_TOTAL] = mv_val_of(1000);
	ram.meminfo[MV_MEM_CACHED] = mv_val_of(900);
	ram.meminfo[MV_MEM_SLAB] = mv_val_of(300);
	assert_value(FIG(KBMEMUSED), 0);
	assert_value(FIG(MEMUSED), 0);
	ram.meminfo[MV_MEM_AVAILABLE] = mv_val_of(2000); /* a container that is told somebody else's */
	ram.meminfo[MV_MEM_FREE] = mv_val_of(100);
	assert_value(FIG(FREE_USED), 900);
	ram.free_used = mv_val_of(77);
	ram.free_cached = mv_val_of(78);
	ram.meminfo[MV_MEM_BUFFERS] = mv_val_of(2);
	assert_value(FIG(FREE_USED), 77);
	assert_value(FIG(FREE_CACHE), 78);
	assert_value(FIG(FREE_BUFF_CACHE), 80);
}

static void test_gap(void **state)
{
	struct mv_ram a = {.at_ns = 10 * MV_NS_PER_SEC}, b = a;

	(void)state;
	b.at_ns += 4 * MV_NS_PER_SEC - 1;
	assert_false(mv_ram_gap(&b, &a, MV_NS_PER_SEC));
	b.at_ns++;
	assert_true(mv_ram_gap(&b, &a, MV_NS_PER_SEC));
	assert_false(mv_ram_gap(&b, &a, 2 * MV_NS_PER_SEC));
	assert_false(mv_ram_gap(&b, &a, 0));
	assert_false(mv_ram_gap(&a, &b, MV_NS_PER_SEC));
}

static void test_table(void **state)
{
	FIGURES(&looks[1], &looks[0]);

	(void)state;
	for (size_t i = 0; i < MV_RAM_FIG__N; i++) {
		const struct mv_ram_figure_info *info = &mv_ram_figures[i];

		assert_true(*info->key && *info->label && *info->formula && *info->meaning);
		assert_non_null(strchr("BPRK", info->unit));
		/* None is forgotten where they are worked out. */
		assert_int_equal(mv_ram_figure(now, before, (enum mv_ram_figure_id)i).why, MV_WHY_HAVE);
		for (size_t k = 0; k < i; k++)
			assert_false(mv_ram_figures[k].tool == info->tool &&
				     !strcmp(mv_ram_figures[k].key, info->key));
	}
}

/* ---- this machine ---- */

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void test_live(void **state)
{
	struct mv_source *source;
	struct mv_ram ram;
	uint64_t pages = 0;
	int before;

	(void)state;
	assert_int_equal(mv_source_new(NULL, &source), 0);
	assert_int_equal(mv_ram_read(source, &ram), 0);
	before = count_fds();
	assert_int_equal(mv_ram_read(source, &ram), 0);
	assert_int_equal(count_fds(), before);
	assert_int_equal(ram.meminfo[MV_MEM_TOTAL].why, MV_WHY_HAVE);
	assert_int_equal(ram.vmstat[MV_VMSTAT_PGFAULT].why, MV_WHY_HAVE);
	assert_true(ram.zones_count > 0);
	/* A node's total is what its zones manage. Guests are given memory and are taken it away meanwhile:
	 * until it holds. */
	for (int tries = 0; tries < 100 && !pages && ram.nodes_count && ram.zones_count < MV_ZONES; tries++) {
		uint64_t nodes = 0;

		assert_int_equal(mv_ram_read(source, &ram), 0);
		for (uint32_t i = 0; i < ram.zones_count; i++)
			pages += ram.zones[i].managed;
		for (uint32_t i = 0; i < ram.nodes_count; i++)
			nodes += ram.nodes[i].total_bytes;
		pages = pages * mv_source_page_bytes(source) == nodes ? pages : 0;
	}
	assert_true(pages || !ram.nodes_count || ram.zones_count == MV_ZONES);
#ifdef HAVE_LIBPROC2
	assert_int_equal(ram.free_used.why, MV_WHY_HAVE);
	assert_int_equal(ram.free_cached.why, MV_WHY_HAVE);
	assert_true(ram.free_used.value < ram.meminfo[MV_MEM_TOTAL].value);
#endif
	mv_source_free(source);
}

int main(void)
{
#define ROOT_TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_make, tempdir_remove)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_figures_of_free),
	    cmocka_unit_test(test_figures_of_sar_r),
	    cmocka_unit_test(test_rates),
	    cmocka_unit_test(test_rest_of_the_machine),
	    ROOT_TEST(test_what_is_not_there),
	    ROOT_TEST(test_container),
	    ROOT_TEST(test_long_zoneinfo),
	    cmocka_unit_test(test_meminfo_texts),
	    cmocka_unit_test(test_vmstat_texts),
	    cmocka_unit_test(test_zone_texts),
	    cmocka_unit_test(test_swap_and_pressure_texts),
	    cmocka_unit_test(test_wrap_and_reset),
	    cmocka_unit_test(test_nothing_scanned),
	    cmocka_unit_test(test_bounds_of_sums),
	    cmocka_unit_test(test_gap),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_live),
	};

	return cmocka_run_group_tests(tests, read_looks, NULL);
}
