/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tui/batch_machine.h"

/*
 * memview machine --openmetrics FILE: OpenMetrics 1.0 text, which the textfile collector of Prometheus'
 * node_exporter takes as well. What is missing is left out: a metric says what is known, or nothing. Counters
 * are as the kernel has them; rates are Prometheus' to make.
 */

struct metrics {
	struct mv_out *out;
	const struct mv_machine_snapshot *m;
};

static void literal(struct metrics *x, const char *text)
{
	mv_out_ascii(x->out, text, strlen(text));
}

static void number(struct metrics *x, double value)
{
	char digits[40];
	int n = value == (double)(int64_t)value ? snprintf(digits, sizeof(digits), "%lld", (long long)value)
						: snprintf(digits, sizeof(digits), "%.6f", value);

	mv_out_ascii(x->out, digits, (size_t)n);
}

/* Of our own tables, or clean: but for these three it may stand between quotes, and in HELP. */
static void escaped(struct metrics *x, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			literal(x, "\\n");
		else if (*text == '"' || *text == '\\')
			literal(x, *text == '"' ? "\\\"" : "\\\\");
		else
			mv_out_char(x->out, *text, 1);
	}
}

/* "# TYPE …" and "# HELP …" of a family. Names are put together of parts, NULL for none. */
static void family(struct metrics *x, const char *name, const char *unit, const char *type, const char *help)
{
	const char *const words[] = {"TYPE", "HELP"};

	for (size_t i = 0; i < MV_COUNT_OF(words); i++) {
		literal(x, "# ");
		literal(x, words[i]);
		literal(x, " memview_");
		literal(x, name);
		literal(x, unit);
		literal(x, " ");
		if (i == 0)
			literal(x, type);
		else
			escaped(x, help);
		literal(x, "\n");
	}
}

static void sample_name(struct metrics *x, const char *name, const char *unit, const char *suffix)
{
	literal(x, "memview_");
	literal(x, name);
	literal(x, unit);
	literal(x, suffix);
}

static void value_line(struct metrics *x, double value)
{
	literal(x, " ");
	number(x, value);
	literal(x, "\n");
}

static void gauge(struct metrics *x, const char *name, const char *unit, const char *help, double value)
{
	family(x, name, unit, "gauge", help);
	sample_name(x, name, unit, "");
	value_line(x, value);
}

/* ---- free, sar, vmstat ---- */

/* "kbmemfree" is "memfree" once it is in bytes; "%memused" is a ratio. */
static void give_figures(struct metrics *x)
{
	for (size_t i = 0; i < MV_RAM_FIG__N; i++) {
		const struct mv_ram_figure_info *info = &mv_ram_figures[i];
		struct mv_ram_value value = mv_ram_figure(&x->m->ram, NULL, (enum mv_ram_figure_id)i);
		const char *key = info->key;
		char name[64], help[512];

		if (value.why != MV_WHY_HAVE || info->tool == MV_RAM_SAR_B)
			continue;
		if (info->tool == MV_RAM_SAR_R && *key == '%')
			key++;
		else if (info->tool == MV_RAM_SAR_R && !strncmp(key, "kb", 2))
			key += 2;
		snprintf(name, sizeof(name), "machine_%s_%s", info->tool == MV_RAM_FREE ? "free" : "sar",
			 key);
		snprintf(help, sizeof(help), "%s %s: %s", info->tool == MV_RAM_FREE ? "free's" : "sar -r's",
			 info->label, info->meaning);
		if (info->unit == 'P')
			gauge(x, name, "_ratio", help, value.value / 100);
		else
			gauge(x, name, "_bytes", help, value.value);
	}
}

static void counter(struct metrics *x, const char *name, const char *unit, const char *help, double value)
{
	family(x, name, unit, "counter", help);
	sample_name(x, name, unit, "_total");
	value_line(x, value);
}

static void give_counters(struct metrics *x)
{
	for (size_t i = 0; i < MV_VMSTAT__N; i++) {
		const struct mv_val *value = &x->m->ram.vmstat[i];
		const bool kib = i == MV_VMSTAT_PGPGIN || i == MV_VMSTAT_PGPGOUT;
		char name[64], help[96];
		size_t len;

		if (!mv_have(value))
			continue;
		len = (size_t)snprintf(name, sizeof(name), "machine_vmstat_%s", mv_vmstat_names[i]);
		while (name[len - 1] == '*' || name[len - 1] == '_')
			name[--len] = '\0';
		snprintf(help, sizeof(help), "%s of /proc/vmstat%s, since boot.", mv_vmstat_names[i],
			 kib ? ", in bytes" : "");
		counter(x, name, kib ? "_bytes" : "", help, (double)value->value * (kib ? 1024 : 1));
	}
}

static void give_pressure(struct metrics *x)
{
	const struct mv_ram *ram = &x->m->ram;

	if (ram->some.why == MV_WHY_HAVE)
		counter(x, "machine_pressure_some", "_seconds", "Time that some task waited for memory.",
			(double)ram->some.total_us / 1e6);
	if (ram->full.why == MV_WHY_HAVE)
		counter(x, "machine_pressure_full", "_seconds",
			"Time that all tasks waited for memory at once.", (double)ram->full.total_us / 1e6);
}

/* ---- zones, nodes, huge pages, swap ---- */

static void label(struct metrics *x, const char *before, const char *name, const char *value)
{
	literal(x, before);
	literal(x, name);
	literal(x, "=\"");
	escaped(x, value);
	literal(x, "\"");
}

static void number_label(struct metrics *x, const char *before, const char *name, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	label(x, before, name, digits);
}

static void give_zones(struct metrics *x)
{
	static const char *const names[] = {"machine_zone_free", "machine_zone_min", "machine_zone_low",
					    "machine_zone_high", "machine_zone_managed"};
	static const char *const helps[] = {"Free pages of the zone.", "Below it only the kernel may take.",
					    "Below it kswapd wakes.", "Above it kswapd sleeps again.",
					    "Pages of the zone that the kernel gives out."};
	const struct mv_ram *ram = &x->m->ram;

	for (size_t k = 0; k < MV_COUNT_OF(names) && ram->zones_count; k++) {
		family(x, names[k], "_bytes", "gauge", helps[k]);
		for (uint32_t i = 0; i < ram->zones_count; i++) {
			const struct mv_zone *zone = &ram->zones[i];
			const uint64_t pages[] = {zone->free, zone->min, zone->low, zone->high,
						  zone->managed};

			sample_name(x, names[k], "_bytes", "");
			number_label(x, "{", "node", zone->node);
			label(x, ",", "zone", zone->name);
			literal(x, "}");
			value_line(x, (double)pages[k] * x->m->page_bytes);
		}
	}
	if (ram->zones_count)
		family(x, "machine_buddy_free_blocks", "", "gauge",
		       "Free blocks of 2^order pages that lie together.");
	for (uint32_t i = 0; i < ram->zones_count; i++) {
		for (uint32_t order = 0; order < ram->zones[i].orders; order++) {
			sample_name(x, "machine_buddy_free_blocks", "", "");
			number_label(x, "{", "node", ram->zones[i].node);
			label(x, ",", "zone", ram->zones[i].name);
			number_label(x, ",", "order", order);
			literal(x, "}");
			value_line(x, (double)ram->zones[i].blocks[order]);
		}
	}
}

static void give_nodes(struct metrics *x)
{
	static const char *const names[] = {"machine_node_memory", "machine_node_free", "machine_node_file",
					    "machine_node_anon", "machine_node_slab"};
	static const char *const helps[] = {"RAM of the NUMA node.", "Free RAM of the node.",
					    "Page cache on the node.", "Anonymous memory on the node.",
					    "The kernel's small objects on the node."};
	const struct mv_ram *ram = &x->m->ram;

	for (size_t k = 0; k < MV_COUNT_OF(names) && ram->nodes_count; k++) {
		family(x, names[k], "_bytes", "gauge", helps[k]);
		for (uint32_t i = 0; i < ram->nodes_count; i++) {
			const struct mv_node *node = &ram->nodes[i];
			const uint64_t bytes[] = {node->total_bytes, node->free_bytes, node->file_bytes,
						  node->anon_bytes, node->slab_bytes};

			sample_name(x, names[k], "_bytes", "");
			number_label(x, "{", "node", node->node);
			literal(x, "}");
			value_line(x, (double)bytes[k]);
		}
	}
}

static void give_huge(struct metrics *x)
{
	static const char *const names[] = {"machine_hugepages", "machine_hugepages_free",
					    "machine_hugepages_reserved", "machine_hugepages_surplus"};
	static const char *const helps[] = {"Huge pages that are set aside.", "Those nobody uses.",
					    "Free ones that are promised.",
					    "Those beyond what was set aside."};
	const struct mv_ram *ram = &x->m->ram;

	for (size_t k = 0; k < MV_COUNT_OF(names) && ram->huge_count; k++) {
		family(x, names[k], "", "gauge", helps[k]);
		for (uint32_t i = 0; i < ram->huge_count; i++) {
			const struct mv_huge_pool *pool = &ram->huge[i];
			const uint64_t pages[] = {pool->total, pool->free, pool->reserved, pool->surplus};

			sample_name(x, names[k], "", "");
			number_label(x, "{", "page_bytes", pool->page_bytes);
			literal(x, "}");
			value_line(x, (double)pages[k]);
		}
	}
}

static void give_swaps(struct metrics *x)
{
	static const char *const names[] = {"machine_swap_size", "machine_swap_used"};
	static const char *const helps[] = {"Room of the swap area.", "What of it is used."};
	const struct mv_ram *ram = &x->m->ram;

	for (size_t k = 0; k < MV_COUNT_OF(names) && ram->swaps_count; k++) {
		family(x, names[k], "_bytes", "gauge", helps[k]);
		for (uint32_t i = 0; i < ram->swaps_count; i++) {
			const struct mv_swap *swap = &ram->swaps[i];
			char clean[4 * sizeof(swap->name)];

			sample_name(x, names[k], "_bytes", "");
			label(x, "{", "device",
			      mv_clean_into(clean, sizeof(clean), swap->name, strlen(swap->name)).text);
			literal(x, "}");
			value_line(x, (double)(k ? swap->used_bytes : swap->size_bytes));
		}
	}
	if (mv_have(&ram->container_limit))
		gauge(x, "machine_container_limit", "_bytes", "Limit of memview's own memory cgroup.",
		      (double)ram->container_limit.value);
	if (mv_have(&ram->container_limit) && mv_have(&ram->container_usage))
		gauge(x, "machine_container_usage", "_bytes", "Usage of the memory cgroup with that limit.",
		      (double)ram->container_usage.value);
}

/* ---- processes ---- */

/* What is told of each process. */
static const struct task_metric {
	const char *name, *unit;
	bool is_counter;
	const char *help;
} task_metrics[] = {
    {"process_resident", "_bytes", false, "RSS: pages in RAM, shared ones whole."},
    {"process_virtual", "_bytes", false, "Size of the address space."},
    {"process_anon", "_bytes", false, "Anonymous pages in RAM."},
    {"process_file", "_bytes", false, "Pages of mapped files in RAM."},
    {"process_shmem", "_bytes", false, "Pages of shared memory in RAM."},
    {"process_swap", "_bytes", false, "Anonymous pages in swap."},
    {"process_page_tables", "_bytes", false, "Its page tables."},
    {"process_pss", "_bytes", false, "PSS: pages in RAM, each divided by how many map it."},
    {"process_oom_badness", "_bytes", false, "What the OOM killer compares."},
    {"process_oom_score", "", false, "The kernel's oom_score."},
    {"process_minor_faults", "", true, "Page faults without reading from disk."},
    {"process_major_faults", "", true, "Page faults that had to read from disk or swap."},
};

static struct mv_val task_value(const struct mv_task *task, size_t metric)
{
	const struct mv_val values[] = {mv_val_of(task->rss_bytes),
					task->size_bytes,
					task->anon_bytes,
					task->file_bytes,
					task->shmem_bytes,
					task->swap_bytes,
					task->tables_bytes,
					task->pss_bytes,
					task->badness_bytes,
					task->oom_score,
					mv_val_of(task->minor_faults),
					mv_val_of(task->major_faults)};

	_Static_assert(MV_COUNT_OF(values) == MV_COUNT_OF(task_metrics), "one value a metric");
	return values[metric];
}

static bool is_first(const struct mv_options *options, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++) {
		if (options->pids[i] == options->pids[at])
			return false;
	}
	return true;
}

static void give_tasks(struct metrics *x, const struct mv_options *options)
{
	for (size_t k = 0; k < MV_COUNT_OF(task_metrics); k++) {
		const struct task_metric *metric = &task_metrics[k];
		bool begun = false;

		for (uint32_t i = 0; i < options->pids_count; i++) {
			const struct mv_task *task = mv_machine_task(x->m, options->pids[i]);
			struct mv_val value = task ? task_value(task, k) : mv_val_missing(MV_WHY_GONE);

			if (!mv_have(&value) || !is_first(options, i))
				continue;
			if (!begun)
				family(x, metric->name, metric->unit,
				       metric->is_counter ? "counter" : "gauge", metric->help);
			begun = true;
			sample_name(x, metric->name, metric->unit, metric->is_counter ? "_total" : "");
			number_label(x, "{", "pid", (uint64_t)task->pid);
			label(x, ",", "name", mv_machine_text(x->m, task->name).text);
			literal(x, "}");
			value_line(x, (double)value.value);
		}
	}
}

void mv_machine_give_metrics(struct mv_out *out, const struct mv_machine_snapshot *m,
			     const struct mv_options *options)
{
	struct metrics x = {out, m};

	gauge(&x, "machine_taken_timestamp", "_seconds", "When this was read.",
	      (double)m->taken_real_ns / 1e9);
	give_figures(&x);
	give_counters(&x);
	give_pressure(&x);
	give_zones(&x);
	give_nodes(&x);
	give_huge(&x);
	give_swaps(&x);
	give_tasks(&x, options);
	literal(&x, "# EOF\n");
}

/* ---- the file ---- */

static int say_failed(const char *what, const char *path, int err)
{
	char clean[512];

	fprintf(stderr, "memview: can't %s %s: %s\n", what,
		mv_clean_into(clean, sizeof(clean), path, strlen(path)).text, strerror(err));
	return MV_EXIT_COULD_NOT;
}

/* Whole and on the disk, or an errno. */
static int write_whole(int fd, const struct mv_machine_snapshot *m, const struct mv_options *options)
{
	const mode_t mask = umask(0);
	struct mv_out out;
	int err = 0;

	umask(mask);
	if (mv_out_init(&out, fd))
		return ENOMEM;
	mv_machine_give_metrics(&out, m, options);
	if (mv_out_flush(&out))
		err = -out.err;
	/* It was made for us alone; what reads it runs as somebody else. */
	else if (fchmod(fd, 0666 & ~mask) < 0 || fsync(fd) < 0)
		err = errno;
	mv_out_release(&out);
	return err;
}

/* The directory holds the new name from now on, also when the power fails. Not every file system can say so.
 */
static void sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(folder);
}

static int write_beside(const struct mv_machine_snapshot *m, const struct mv_options *options)
{
	const size_t len = strlen(options->openmetrics);
	char *beside = malloc(len + sizeof(".XXXXXX"));
	int fd, err;

	if (!beside)
		return say_failed("write", options->openmetrics, ENOMEM);
	memcpy(beside, options->openmetrics, len);
	memcpy(beside + len, ".XXXXXX", sizeof(".XXXXXX")); /* not *.prom: nobody reads it half written */
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		free(beside);
		return say_failed("write", options->openmetrics, err);
	}
	err = write_whole(fd, m, options);
	if (close(fd) < 0 && !err)
		err = errno;
	if (!err && rename(beside, options->openmetrics) < 0)
		err = errno;
	if (err)
		unlink(beside);
	else
		sync_directory(options->openmetrics);
	free(beside);
	return err ? say_failed("write", options->openmetrics, err) : MV_EXIT_DONE;
}

/* A signal that ends us waits until nothing half written would be left behind. */
int mv_machine_write_metrics(const struct mv_machine_snapshot *m, const struct mv_options *options)
{
	sigset_t ends, before;
	int status;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	status = write_beside(m, options);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}
