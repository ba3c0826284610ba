/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/oom.h"
#include "tui/batch_machine.h"

/*
 * memview machine --json: schema memview.machine/1. Sizes in bytes, but for sar's kb…, which are KiB as sar
 * prints them. The lists are printed an element at a time.
 */

#define NEXT_SHOWN 16 /* of those that would be killed first */

struct picture {
	struct mv_json *j;
	const struct mv_machine_snapshot *m;
	const struct mv_machine_history *history;
	const struct mv_options *options;
	json_t *unavailable;
};

/* Three decimals are more than was measured. */
static json_t *real(double value)
{
	return json_real(round(value * 1000) / 1000);
}

static void miss(struct picture *p, const char *what, uint32_t why)
{
	if (mv_json_is_unavailable(why))
		mv_json_unavailable(p->unavailable, what, mv_why_text((enum mv_why)why));
}

/* ---- the figures of free and sar ---- */

static json_t *figure_value(const struct mv_ram_figure_info *info, double value)
{
	if (info->unit == 'B')
		return mv_json_number((uint64_t)value / (info->tool == MV_RAM_SAR_R ? 1024 : 1));
	return real(value);
}

static json_t *figures_object(struct picture *p, enum mv_ram_tool tool, const char *name)
{
	json_t *object = json_object();

	for (size_t i = 0; i < MV_RAM_FIG__N; i++) {
		const struct mv_ram_figure_info *info = &mv_ram_figures[i];
		struct mv_ram_value value = mv_machine_figure(p->history, (enum mv_ram_figure_id)i);
		char what[64];

		if (info->tool != tool)
			continue;
		mv_json_set(object, info->key,
			    value.why == MV_WHY_HAVE ? figure_value(info, value.value) : json_null());
		snprintf(what, sizeof(what), "%s.%s", name, info->key);
		miss(p, what, value.why);
	}
	return object;
}

static json_t *psi_object(const struct mv_psi *psi, struct mv_ram_value share)
{
	json_t *object;

	if (psi->why != MV_WHY_HAVE)
		return json_null();
	object = json_object();
	mv_json_set(object, "avg10", real(psi->avg10 / 100.0));
	mv_json_set(object, "avg60", real(psi->avg60 / 100.0));
	mv_json_set(object, "avg300", real(psi->avg300 / 100.0));
	mv_json_set(object, "total_us", mv_json_number(psi->total_us));
	mv_json_set(object, "share", share.why == MV_WHY_HAVE ? real(share.value) : json_null());
	return object;
}

static json_t *pressure_object(struct picture *p)
{
	json_t *pressure = json_object();

	mv_json_set(pressure, "some", psi_object(&p->m->ram.some, mv_machine_pressure(p->history, false)));
	mv_json_set(pressure, "full", psi_object(&p->m->ram.full, mv_machine_pressure(p->history, true)));
	miss(p, "pressure", p->m->ram.some.why);
	return pressure;
}

/* ---- zones, nodes, huge pages, swap ---- */

static json_t *zone_object(const struct mv_zone *zone)
{
	json_t *object = json_object(), *blocks = json_array();
	const struct {
		const char *key;
		uint64_t value;
	} pages[] = {{"free", zone->free},	{"min", zone->min},	    {"low", zone->low},
		     {"high", zone->high},	{"spanned", zone->spanned}, {"present", zone->present},
		     {"managed", zone->managed}};

	mv_json_set(object, "node", json_integer(zone->node));
	mv_json_set(object, "zone", json_string(zone->name));
	for (size_t i = 0; i < MV_COUNT_OF(pages); i++)
		mv_json_set(object, pages[i].key, mv_json_number(pages[i].value));
	for (uint32_t i = 0; i < zone->orders; i++)
		mv_json_append(blocks, mv_json_number(zone->blocks[i]));
	mv_json_set(object, "blocks", blocks);
	return object;
}

static json_t *zones_array(struct picture *p)
{
	json_t *zones = json_array();

	for (uint32_t i = 0; i < p->m->ram.zones_count; i++)
		mv_json_append(zones, zone_object(&p->m->ram.zones[i]));
	miss(p, "buddy", p->m->ram.zones_why);
	return zones;
}

static json_t *huge_array(struct picture *p)
{
	json_t *pools = json_array();

	for (uint32_t i = 0; i < p->m->ram.huge_count; i++) {
		const struct mv_huge_pool *pool = &p->m->ram.huge[i];
		json_t *object = json_object();

		mv_json_set(object, "page_bytes", mv_json_number(pool->page_bytes));
		mv_json_set(object, "total", mv_json_number(pool->total));
		mv_json_set(object, "free", mv_json_number(pool->free));
		mv_json_set(object, "reserved", mv_json_number(pool->reserved));
		mv_json_set(object, "surplus", mv_json_number(pool->surplus));
		mv_json_append(pools, object);
	}
	miss(p, "huge", p->m->ram.huge_why);
	return pools;
}

static json_t *nodes_array(struct picture *p)
{
	json_t *nodes = json_array();

	for (uint32_t i = 0; i < p->m->ram.nodes_count; i++) {
		const struct mv_node *node = &p->m->ram.nodes[i];
		json_t *object = json_object();

		mv_json_set(object, "node", json_integer(node->node));
		mv_json_set(object, "total", mv_json_number(node->total_bytes));
		mv_json_set(object, "free", mv_json_number(node->free_bytes));
		mv_json_set(object, "file", mv_json_number(node->file_bytes));
		mv_json_set(object, "anon", mv_json_number(node->anon_bytes));
		mv_json_set(object, "slab", mv_json_number(node->slab_bytes));
		mv_json_set(object, "hit", mv_json_val(&node->hit));
		mv_json_set(object, "miss", mv_json_val(&node->miss));
		mv_json_set(object, "foreign", mv_json_val(&node->foreign));
		mv_json_append(nodes, object);
	}
	miss(p, "nodes", p->m->ram.nodes_why);
	return nodes;
}

static json_t *swaps_array(struct picture *p)
{
	json_t *swaps = json_array();

	for (uint32_t i = 0; i < p->m->ram.swaps_count; i++) {
		const struct mv_swap *swap = &p->m->ram.swaps[i];
		json_t *object = json_object();
		char name[4 * sizeof(swap->name)];

		mv_json_set(object, "name",
			    mv_json_text(mv_clean_into(name, sizeof(name), swap->name, strlen(swap->name))));
		mv_json_set(object, "kind", json_string(swap->kind));
		mv_json_set(object, "size", mv_json_number(swap->size_bytes));
		mv_json_set(object, "used", mv_json_number(swap->used_bytes));
		mv_json_set(object, "priority", json_integer(swap->priority));
		mv_json_set(object, "zram", json_boolean(swap->zram));
		mv_json_append(swaps, object);
	}
	miss(p, "swaps", p->m->ram.swaps_why);
	return swaps;
}

static json_t *zswap_object(const struct mv_ram *ram)
{
	json_t *zswap = json_object();

	mv_json_set(zswap, "enabled",
		    mv_have(&ram->zswap_on) ? json_boolean(ram->zswap_on.value != 0) : json_null());
	mv_json_set(zswap, "pool", mv_json_val(&ram->meminfo[MV_MEM_ZSWAP]));
	mv_json_set(zswap, "stored", mv_json_val(&ram->meminfo[MV_MEM_ZSWAPPED]));
	return zswap;
}

/* ---- OOM ---- */

static json_t *adjust(const struct mv_val *stored)
{
	return mv_have(stored) ? json_integer((json_int_t)stored->value - 1000) : json_null();
}

static json_t *kill_object(const struct mv_machine_snapshot *m, const struct mv_kill *kill)
{
	const char *constraint = mv_oom_constraints[kill->constraint].kernel;
	json_t *object = json_object();
	const struct {
		const char *key;
		const struct mv_val *value;
	} sizes[] = {{"total_vm", &kill->total_vm}, {"anon", &kill->anon},	    {"file", &kill->file},
		     {"shmem", &kill->shmem},	    {"page_tables", &kill->tables}, {"uid", &kill->uid}};

	mv_json_set(object, "at", mv_json_time(kill->real_ns));
	mv_json_set(object, "pid", json_integer(kill->pid));
	mv_json_set(object, "name", mv_json_text(mv_machine_text(m, kill->name)));
	mv_json_set(object, "constraint", *constraint ? json_string(constraint) : json_null());
	mv_json_set(object, "group", mv_json_text(mv_machine_text(m, kill->group)));
	mv_json_set(object, "limited_group", mv_json_text(mv_machine_text(m, kill->limited)));
	mv_json_set(object, "invoker", mv_json_text(mv_machine_text(m, kill->invoker)));
	for (size_t i = 0; i < MV_COUNT_OF(sizes); i++)
		mv_json_set(object, sizes[i].key, mv_json_val(sizes[i].value));
	mv_json_set(object, "oom_score_adj", adjust(&kill->adjust));
	mv_json_set(object, "reaped", json_boolean(kill->reaped));
	mv_json_set(object, "line", mv_json_text(mv_machine_text(m, kill->line)));
	return object;
}

static json_t *next_array(const struct mv_machine_snapshot *m)
{
	uint32_t order[NEXT_SHOWN], count;
	size_t filled = mv_oom_order(m, MV_TASK_NO_GROUP, order, MV_COUNT_OF(order));
	const struct mv_task *tasks = mv_machine_tasks(m, &count);
	json_t *next = json_array();

	for (size_t i = 0; i < filled; i++) {
		const struct mv_task *task = &tasks[order[i]];
		struct mv_val frees = mv_oom_frees(task);
		json_t *object = json_object();

		mv_json_set(object, "pid", json_integer(task->pid));
		mv_json_set(object, "name", mv_json_text(mv_machine_text(m, task->name)));
		mv_json_set(object, "badness", mv_json_val(&task->badness_bytes));
		mv_json_set(object, "oom_score", mv_json_val(&task->oom_score));
		mv_json_set(object, "frees", mv_json_val(&frees));
		mv_json_append(next, object);
	}
	return next;
}

static json_t *oom_object(struct picture *p)
{
	json_t *oom = json_object(), *log = json_null();
	uint32_t count;
	const struct mv_kill *kills = mv_machine_kills(p->m, &count);

	if (p->m->kills_why.why == MV_WHY_HAVE) {
		log = json_array();
		for (uint32_t i = 0; i < count; i++)
			mv_json_append(log, kill_object(p->m, &kills[i]));
	}
	mv_json_set(oom, "kills", mv_json_val(&p->m->ram.vmstat[MV_VMSTAT_OOM_KILL]));
	mv_json_set(oom, "panic_on_oom", mv_json_val(&p->m->panic_on_oom));
	mv_json_set(oom, "kill_allocating_task", mv_json_val(&p->m->kill_allocating));
	mv_json_set(oom, "next", next_array(p->m));
	mv_json_set(oom, "log", log);
	miss(p, "oom.log", p->m->kills_why.why);
	return oom;
}

/* ---- cgroups, processes ---- */

static json_t *group_object(const struct mv_machine_snapshot *m, const struct mv_group *group)
{
	const struct mv_ram_value unknown = {.why = MV_WHY_NOT_READ};
	json_t *object = json_object(), *events = json_object(), *pressure = json_object();
	const struct {
		json_t *in;
		const char *key;
		const struct mv_val *value;
	} values[] = {
	    {object, "usage", &group->usage},
	    {object, "limit", &group->limit},
	    {object, "high", &group->high},
	    {object, "low", &group->low},
	    {object, "peak", &group->peak},
	    {object, "swap_usage", &group->swap_usage},
	    {object, "swap_limit", &group->swap_limit},
	    {object, "anon", &group->anon},
	    {object, "file", &group->file},
	    {object, "shmem", &group->shmem},
	    {object, "kernel", &group->kernel},
	    {object, "slab", &group->slab},
	    {object, "inactive_file", &group->inactive_file},
	    {object, "dirty", &group->dirty},
	    {events, "low", &group->low_events},
	    {events, "high", &group->high_events},
	    {events, "max", &group->max_events},
	    {events, "oom", &group->oom_events},
	    {events, "oom_kill", &group->oom_kills},
	};

	mv_json_set(object, "path", mv_json_text(mv_machine_text(m, group->path)));
	mv_json_set(object, "version", json_integer(group->version));
	mv_json_set(object, "tasks", json_integer(group->tasks));
	for (size_t i = 0; i < MV_COUNT_OF(values); i++)
		mv_json_set(values[i].in, values[i].key, mv_json_val(values[i].value));
	mv_json_set(object, "events", events);
	mv_json_set(pressure, "some", psi_object(&group->some, unknown));
	mv_json_set(pressure, "full", psi_object(&group->full, unknown));
	mv_json_set(object, "pressure", pressure);
	return object;
}

/* Processes are many: their numbers go out as they are, without a tree of values, for a quarter of the time.
 */
static void key(const struct picture *p, const char *name)
{
	mv_json_literal(p->j, ",\"");
	mv_json_literal(p->j, name);
	mv_json_literal(p->j, "\":");
}

static void give_number(const struct picture *p, const char *name, uint64_t value)
{
	key(p, name);
	mv_out_number(&p->j->out, value < INT64_MAX ? value : INT64_MAX, 0);
}

static void give_signed(const struct picture *p, const char *name, int64_t value)
{
	key(p, name);
	mv_json_literal(p->j, value < 0 ? "-" : "");
	mv_out_number(&p->j->out, value < 0 ? (uint64_t)-value : (uint64_t)value, 0);
}

static void give_val(const struct picture *p, const char *name, const struct mv_val *value)
{
	if (mv_have(value)) {
		give_number(p, name, value->value);
		return;
	}
	key(p, name);
	mv_json_literal(p->j, "null");
}

static void give_rate(const struct picture *p, const char *name, struct mv_rate rate)
{
	char digits[40] = "null";

	if (rate.have)
		snprintf(digits, sizeof(digits), "%.3f", rate.per_second);
	key(p, name);
	mv_json_literal(p->j, digits);
}

static void give_text(const struct picture *p, const char *name, json_t *take_text)
{
	key(p, name);
	mv_json_give(p->j, take_text);
}

static void give_task(const struct picture *p, const struct mv_task *task)
{
	const struct mv_task_change change = mv_machine_task_change(p->history, task->pid, task->start_ticks);
	const char state[2] = {task->state, '\0'};
	uint32_t groups_count;
	const struct mv_group *groups = mv_machine_groups(p->m, &groups_count);
	const struct {
		const char *key;
		const struct mv_val *value;
	} values[] = {
	    {"uid", &task->uid},
	    {"size", &task->size_bytes},
	    {"anon", &task->anon_bytes},
	    {"file", &task->file_bytes},
	    {"shmem", &task->shmem_bytes},
	    {"swap", &task->swap_bytes},
	    {"page_tables", &task->tables_bytes},
	    {"pss", &task->pss_bytes},
	    {"oom_score", &task->oom_score},
	    {"badness", &task->badness_bytes},
	};

	mv_json_literal(p->j, "{\"pid\":");
	mv_out_number(&p->j->out, (uint64_t)task->pid, 0);
	give_number(p, "ppid", (uint64_t)task->ppid);
	give_text(p, "name", mv_json_text(mv_machine_text(p->m, task->name)));
	give_text(p, "state", state[0] >= '!' && state[0] <= '~' ? json_string(state) : json_null());
	give_number(p, "threads", task->threads);
	give_number(p, "start_ticks", task->start_ticks);
	key(p, "kernel_thread");
	mv_json_literal(p->j, task->flags & MV_TASK_KERNEL ? "true" : "false");
	give_text(p, "group",
		  task->group < groups_count ? mv_json_text(mv_machine_text(p->m, groups[task->group].path))
					     : json_null());
	give_number(p, "rss", task->rss_bytes);
	for (size_t i = 0; i < MV_COUNT_OF(values); i++)
		give_val(p, values[i].key, values[i].value);
	if (mv_have(&task->oom_adjust))
		give_signed(p, "oom_score_adj", (int64_t)task->oom_adjust.value - 1000);
	else
		give_val(p, "oom_score_adj", &task->oom_adjust);
	give_number(p, "minor_faults", task->minor_faults);
	give_number(p, "major_faults", task->major_faults);
	give_rate(p, "minor/s", change.minor);
	give_rate(p, "major/s", change.major);
	give_rate(p, "cpu", change.cpu);
	give_signed(p, "grown", change.grown_bytes);
	mv_json_literal(p->j, "}");
}

static void give_groups(struct picture *p)
{
	uint32_t count;
	const struct mv_group *groups = mv_machine_groups(p->m, &count);

	for (uint32_t i = 0; i < count && mv_json_goes_on(p->j); i++) {
		mv_json_literal(p->j, i ? "," : "");
		mv_json_give(p->j, group_object(p->m, &groups[i]));
	}
	miss(p, "groups", p->m->groups_why.why);
}

/* All, or those that were named. */
static void give_tasks(struct picture *p)
{
	const uint32_t named = p->options->pids_count;
	uint32_t count;
	const struct mv_task *tasks = mv_machine_tasks(p->m, &count);
	bool any = false;

	for (uint32_t i = 0; i < (named ? named : count) && mv_json_goes_on(p->j); i++) {
		const struct mv_task *task = named ? mv_machine_task(p->m, p->options->pids[i]) : &tasks[i];
		char what[32];

		if (task) {
			mv_json_literal(p->j, any ? "," : "");
			give_task(p, task);
			any = true;
		} else {
			snprintf(what, sizeof(what), "process %d", p->options->pids[i]);
			mv_json_unavailable(p->unavailable, what, "no such process");
		}
	}
	if (p->m->tasks_hidden)
		mv_json_unavailable(p->unavailable, "processes",
				    "those of other users are hidden: /proc is mounted with hidepid");
	if (p->m->tasks_left_out)
		mv_json_unavailable(p->unavailable, "processes", "there are more than memview keeps");
}

/* ---- all of it ---- */

static json_t *head_object(struct picture *p, uint64_t before_ns)
{
	const struct mv_ram *ram = &p->m->ram;
	json_t *head = json_object(), *container = json_object();

	mv_json_set(head, "schema", json_string("memview.machine/1"));
	mv_json_set(head, "memview", json_string(PACKAGE_VERSION));
	mv_json_set(head, "taken_at", mv_json_time(p->m->taken_real_ns));
	mv_json_set(head, "host", json_string(p->m->host));
	mv_json_set(head, "kernel", json_string(p->m->kernel));
	mv_json_set(head, "page_bytes", json_integer(p->m->page_bytes));
	mv_json_set(head, "seconds",
		    before_ns ? real((double)(ram->at_ns - before_ns) / (double)MV_NS_PER_SEC) : json_null());
	mv_json_set(head, "free", figures_object(p, MV_RAM_FREE, "free"));
	mv_json_set(head, "sar_r", figures_object(p, MV_RAM_SAR_R, "sar_r"));
	mv_json_set(head, "sar_B", figures_object(p, MV_RAM_SAR_B, "sar_B"));
	mv_json_set(head, "pressure", pressure_object(p));
	mv_json_set(head, "buddy", zones_array(p));
	mv_json_set(head, "huge", huge_array(p));
	mv_json_set(head, "nodes", nodes_array(p));
	mv_json_set(head, "swaps", swaps_array(p));
	mv_json_set(head, "zswap", zswap_object(ram));
	mv_json_set(container, "limit", mv_json_val(&ram->container_limit));
	mv_json_set(container, "usage", mv_json_val(&ram->container_usage));
	mv_json_set(head, "container", container);
	mv_json_set(head, "oom", oom_object(p));
	return head;
}

void mv_machine_give_json(struct mv_json *j, const struct mv_machine_snapshot *m,
			  const struct mv_machine_history *history, uint64_t before_ns,
			  const struct mv_options *options)
{
	struct picture p = {j, m, history, options, json_array()};

	mv_json_give_open(j, head_object(&p, before_ns));
	mv_json_literal(j, ",\"groups\":[");
	give_groups(&p);
	mv_json_literal(j, "],\"processes\":[");
	give_tasks(&p);
	mv_json_literal(j, "],\"unavailable\":");
	mv_json_give(j, p.unavailable);
	mv_json_literal(j, "}\n");
}
