/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/ram.h"
#include "core/ram_figures.h"

#define WRAP (UINT64_C(1) << 32)

const struct mv_ram_figure_info mv_ram_figures[MV_RAM_FIG__N] = {
#define X(id, tool, key, label, unit, twin, formula, meaning) \
	[MV_RAM_FIG_##id] = {MV_RAM_##tool, #unit[0], key, label, twin, formula, meaning},
    MV_RAM_FIGURES(X)
#undef X
};

static struct mv_ram_value have(double value)
{
	return (struct mv_ram_value){.value = value, .why = MV_WHY_HAVE};
}

static struct mv_ram_value missing(uint32_t why)
{
	return (struct mv_ram_value){.why = why};
}

static struct mv_ram_value of(struct mv_val value)
{
	return mv_have(&value) ? have((double)value.value) : missing(value.why);
}

/* From the first `count` of a list of meminfo's fields; when one is missing, so is what needs it. */
static bool fields(const struct mv_ram *ram, const enum mv_meminfo_id *ids, size_t count, uint64_t *values,
		   uint32_t *ret_why)
{
	for (size_t i = 0; i < count; i++) {
		if (!mv_have(&ram->meminfo[ids[i]])) {
			*ret_why = ram->meminfo[ids[i]].why;
			return false;
		}
		values[i] = ram->meminfo[ids[i]].value;
	}
	return true;
}

/* a - b, at least 0. */
static struct mv_ram_value less(const struct mv_ram *ram, enum mv_meminfo_id a, enum mv_meminfo_id b)
{
	const enum mv_meminfo_id ids[] = {a, b};
	uint64_t v[2];
	uint32_t why;

	return fields(ram, ids, 2, v, &why) ? have(v[0] > v[1] ? (double)(v[0] - v[1]) : 0) : missing(why);
}

static struct mv_ram_value free_used(const struct mv_ram *ram)
{
	const struct mv_val *total = &ram->meminfo[MV_MEM_TOTAL],
			    *available = &ram->meminfo[MV_MEM_AVAILABLE];

	if (mv_have(&ram->free_used))
		return of(ram->free_used);
	/* As free has it: what is free stands in where there is no sensible figure for available. */
	if (!mv_have(available) || (mv_have(total) && available->value > total->value))
		return less(ram, MV_MEM_TOTAL, MV_MEM_FREE);
	return less(ram, MV_MEM_TOTAL, MV_MEM_AVAILABLE);
}

static struct mv_ram_value free_cache(const struct mv_ram *ram)
{
	static const enum mv_meminfo_id ids[] = {MV_MEM_CACHED, MV_MEM_SRECLAIMABLE};
	uint64_t v[2];
	uint32_t why;

	if (mv_have(&ram->free_cached))
		return of(ram->free_cached);
	return fields(ram, ids, 2, v, &why) ? have((double)(v[0] + v[1])) : missing(why);
}

static struct mv_ram_value free_buff_cache(const struct mv_ram *ram)
{
	struct mv_ram_value cache = free_cache(ram), buffers = of(ram->meminfo[MV_MEM_BUFFERS]);

	if (cache.why != MV_WHY_HAVE)
		return cache;
	return buffers.why == MV_WHY_HAVE ? have(buffers.value + cache.value) : buffers;
}

static struct mv_ram_value sar_used(const struct mv_ram *ram, bool share)
{
	static const enum mv_meminfo_id ids[] = {MV_MEM_TOTAL, MV_MEM_FREE, MV_MEM_BUFFERS, MV_MEM_CACHED,
						 MV_MEM_SLAB};
	uint64_t v[5], unused;
	uint32_t why;
	double used;

	if (!fields(ram, ids, 5, v, &why))
		return missing(why);
	unused = v[1] + v[2] + v[3] + v[4];
	used = unused < v[0] ? (double)(v[0] - unused) : 0;
	if (!share)
		return have(used);
	return v[0] ? have(used * 100 / (double)v[0]) : missing(MV_WHY_MALFORMED);
}

static struct mv_ram_value sar_commit(const struct mv_ram *ram)
{
	static const enum mv_meminfo_id ids[] = {MV_MEM_COMMITTED, MV_MEM_TOTAL, MV_MEM_SWAP_TOTAL};
	uint64_t v[3];
	uint32_t why;

	if (!fields(ram, ids, 3, v, &why))
		return missing(why);
	return v[1] + v[2] ? have((double)v[0] * 100 / (double)(v[1] + v[2])) : missing(MV_WHY_MALFORMED);
}

/* ---- rates ---- */

/* Do its counters go beyond 32 bits? Then one that fell has not wrapped. */
static bool is_wide(const struct mv_ram *ram)
{
	for (size_t i = 0; i < MV_VMSTAT__N; i++) {
		if (mv_have(&ram->vmstat[i]) && ram->vmstat[i].value >= WRAP)
			return true;
	}
	return false;
}

/* What was counted between two readings. */
static struct mv_ram_value counted(const struct mv_ram *now, const struct mv_ram *before,
				   enum mv_vmstat_id id)
{
	const struct mv_val *new, *old;

	if (!before)
		return missing(MV_WHY_NOT_READ);
	new = &now->vmstat[id];
	old = &before->vmstat[id];
	if (!mv_have(new))
		return missing(new->why);
	if (!mv_have(old))
		return missing(old->why);
	if (now->at_ns <= before->at_ns)
		return missing(MV_WHY_CHANGED);
	if (new->value >= old->value)
		return have((double)(new->value - old->value));
	/* Near its end before and near its beginning now. */
	if (old->value >= WRAP - WRAP / 4 && new->value < WRAP / 4 && !is_wide(now) && !is_wide(before))
		return have((double)(new->value + WRAP - old->value));
	return missing(MV_WHY_CHANGED);
}

static struct mv_ram_value rate(const struct mv_ram *now, const struct mv_ram *before, enum mv_vmstat_id id)
{
	struct mv_ram_value events = counted(now, before, id);

	if (events.why == MV_WHY_HAVE)
		events.value = events.value * (double)MV_NS_PER_SEC / (double)(now->at_ns - before->at_ns);
	return events;
}

static struct mv_ram_value efficiency(const struct mv_ram *now, const struct mv_ram *before)
{
	struct mv_ram_value background = counted(now, before, MV_VMSTAT_SCAN_KSWAPD);
	struct mv_ram_value direct = counted(now, before, MV_VMSTAT_SCAN_DIRECT);
	struct mv_ram_value stolen = counted(now, before, MV_VMSTAT_STEAL);

	if (background.why != MV_WHY_HAVE)
		return background;
	if (direct.why != MV_WHY_HAVE)
		return direct;
	if (stolen.why != MV_WHY_HAVE)
		return stolen;
	if (background.value + direct.value <= 0)
		return missing(MV_WHY_NOT_HERE);
	return have(stolen.value * 100 / (background.value + direct.value));
}

/* What is a field of meminfo as it is. */
static const struct {
	enum mv_ram_figure_id figure;
	enum mv_meminfo_id field;
} plain[] = {
    {MV_RAM_FIG_FREE_TOTAL, MV_MEM_TOTAL},
    {MV_RAM_FIG_FREE_FREE, MV_MEM_FREE},
    {MV_RAM_FIG_FREE_SHARED, MV_MEM_SHMEM},
    {MV_RAM_FIG_FREE_BUFFERS, MV_MEM_BUFFERS},
    {MV_RAM_FIG_FREE_AVAILABLE, MV_MEM_AVAILABLE},
    {MV_RAM_FIG_SWAP_TOTAL, MV_MEM_SWAP_TOTAL},
    {MV_RAM_FIG_SWAP_FREE, MV_MEM_SWAP_FREE},
    {MV_RAM_FIG_KBMEMFREE, MV_MEM_FREE},
    {MV_RAM_FIG_KBAVAIL, MV_MEM_AVAILABLE},
    {MV_RAM_FIG_KBBUFFERS, MV_MEM_BUFFERS},
    {MV_RAM_FIG_KBCACHED, MV_MEM_CACHED},
    {MV_RAM_FIG_KBCOMMIT, MV_MEM_COMMITTED},
    {MV_RAM_FIG_KBACTIVE, MV_MEM_ACTIVE},
    {MV_RAM_FIG_KBINACT, MV_MEM_INACTIVE},
    {MV_RAM_FIG_KBDIRTY, MV_MEM_DIRTY},
    {MV_RAM_FIG_KBANONPG, MV_MEM_ANON},
    {MV_RAM_FIG_KBSLAB, MV_MEM_SLAB},
    {MV_RAM_FIG_KBKSTACK, MV_MEM_KSTACK},
    {MV_RAM_FIG_KBPGTBL, MV_MEM_TABLES},
    {MV_RAM_FIG_KBVMUSED, MV_MEM_VMALLOC_USED},
};

static const struct {
	enum mv_ram_figure_id figure;
	enum mv_vmstat_id counter;
} rates[] = {
    {MV_RAM_FIG_PGPGIN, MV_VMSTAT_PGPGIN},	 {MV_RAM_FIG_PGPGOUT, MV_VMSTAT_PGPGOUT},
    {MV_RAM_FIG_FAULT, MV_VMSTAT_PGFAULT},	 {MV_RAM_FIG_MAJFLT, MV_VMSTAT_PGMAJFAULT},
    {MV_RAM_FIG_PGFREE, MV_VMSTAT_PGFREE},	 {MV_RAM_FIG_PGSCANK, MV_VMSTAT_SCAN_KSWAPD},
    {MV_RAM_FIG_PGSCAND, MV_VMSTAT_SCAN_DIRECT}, {MV_RAM_FIG_PGSTEAL, MV_VMSTAT_STEAL},
};

struct mv_ram_value mv_ram_figure(const struct mv_ram *now, const struct mv_ram *before,
				  enum mv_ram_figure_id id)
{
	switch (id) {
	case MV_RAM_FIG_FREE_USED:
		return free_used(now);
	case MV_RAM_FIG_FREE_CACHE:
		return free_cache(now);
	case MV_RAM_FIG_FREE_BUFF_CACHE:
		return free_buff_cache(now);
	case MV_RAM_FIG_SWAP_USED:
		return less(now, MV_MEM_SWAP_TOTAL, MV_MEM_SWAP_FREE);
	case MV_RAM_FIG_KBMEMUSED:
		return sar_used(now, false);
	case MV_RAM_FIG_MEMUSED:
		return sar_used(now, true);
	case MV_RAM_FIG_COMMIT:
		return sar_commit(now);
	case MV_RAM_FIG_VMEFF:
		return efficiency(now, before);
	default:
		break;
	}
	for (size_t i = 0; i < MV_COUNT_OF(plain); i++) {
		if (plain[i].figure == id)
			return of(now->meminfo[plain[i].field]);
	}
	for (size_t i = 0; i < MV_COUNT_OF(rates); i++) {
		if (rates[i].figure == id)
			return rate(now, before, rates[i].counter);
	}
	return missing(MV_WHY_NOT_READ);
}

bool mv_ram_gap(const struct mv_ram *now, const struct mv_ram *before, uint64_t interval_ns)
{
	return interval_ns && now->at_ns > before->at_ns &&
	       now->at_ns - before->at_ns >= 3 * interval_ns + MV_NS_PER_SEC;
}
