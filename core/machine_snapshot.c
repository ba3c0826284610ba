/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "core/machine_snapshot.h"

static const void *section(const struct mv_machine_snapshot *m, const struct mv_section *sec)
{
	return (const char *)m + sec->offset;
}

static bool section_fits(const struct mv_machine_snapshot *m, const struct mv_section *sec, size_t element)
{
	if (sec->offset % 8 || sec->offset < sizeof(*m) || sec->offset > m->length || sec->count > UINT32_MAX)
		return false;
	return sec->count <= (m->length - sec->offset) / element;
}

/* A pool of strings must end in NUL, so that any offset below its count is a terminated string. */
static bool pool_ends(const struct mv_machine_snapshot *m)
{
	const char *p = section(m, &m->text);

	return m->text.count && p[m->text.count - 1] == '\0';
}

static bool text_fits(const struct mv_machine_snapshot *m, uint32_t text)
{
	return text < m->text.count;
}

static bool ends(const char *text, size_t cap)
{
	return memchr(text, '\0', cap) != NULL;
}

static bool vals_fit(const struct mv_val *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (values[i].why >= MV_WHY__N)
			return false;
	return true;
}

static bool psi_fits(const struct mv_psi *psi)
{
	return psi->why < MV_WHY__N;
}

static bool swaps_fit(const struct mv_ram *r)
{
	for (uint32_t i = 0; i < r->swaps_count; i++)
		if (!ends(r->swaps[i].kind, sizeof(r->swaps[i].kind)) ||
		    !ends(r->swaps[i].name, sizeof(r->swaps[i].name)))
			return false;
	return true;
}

static bool zones_fit(const struct mv_ram *r)
{
	for (uint32_t i = 0; i < r->zones_count; i++)
		if (r->zones[i].orders > MV_ORDERS || !ends(r->zones[i].name, sizeof(r->zones[i].name)))
			return false;
	for (uint32_t i = 0; i < r->nodes_count; i++)
		if (!vals_fit(&r->nodes[i].hit, 1) || !vals_fit(&r->nodes[i].miss, 1) ||
		    !vals_fit(&r->nodes[i].foreign, 1))
			return false;
	return true;
}

static bool ram_fits(const struct mv_ram *r)
{
	const struct mv_val singles[] = {r->free_used, r->free_cached,	   r->overcommit,     r->swappiness,
					 r->zswap_on,  r->container_limit, r->container_usage};

	return r->zones_count <= MV_ZONES && r->nodes_count <= MV_NODES && r->huge_count <= MV_HUGE_SIZES &&
	       r->swaps_count <= MV_SWAPS && r->zones_why < MV_WHY__N && r->nodes_why < MV_WHY__N &&
	       r->huge_why < MV_WHY__N && r->swaps_why < MV_WHY__N && psi_fits(&r->some) &&
	       psi_fits(&r->full) && vals_fit(r->meminfo, MV_MEM__N) && vals_fit(r->vmstat, MV_VMSTAT__N) &&
	       vals_fit(singles, MV_COUNT_OF(singles)) && swaps_fit(r) && zones_fit(r);
}

/* oom_score_adj, moved up by 1000: it is reckoned with. */
static bool adjust_fits(const struct mv_val *v)
{
	return v->why < MV_WHY__N && (!mv_have(v) || v->value <= 2000);
}

static bool tasks_fit(const struct mv_machine_snapshot *m)
{
	const struct mv_task *t = section(m, &m->tasks);

	for (uint64_t i = 0; i < m->tasks.count; i++) {
		const struct mv_val values[] = {
		    t[i].uid,	     t[i].size_bytes,	t[i].anon_bytes, t[i].file_bytes, t[i].shmem_bytes,
		    t[i].swap_bytes, t[i].tables_bytes, t[i].pss_bytes,	 t[i].oom_score,  t[i].badness_bytes};

		/* Ascending: they are searched. */
		if ((i && t[i].pid <= t[i - 1].pid) || !text_fits(m, t[i].name) ||
		    (t[i].group != MV_TASK_NO_GROUP && t[i].group >= m->groups.count) ||
		    (t[i].state && (t[i].state < ' ' || t[i].state > '~')) ||
		    !adjust_fits(&t[i].oom_adjust) || !vals_fit(values, MV_COUNT_OF(values)))
			return false;
	}
	return true;
}

static bool group_vals_fit(const struct mv_group *g)
{
	const struct mv_val values[] = {
	    g->usage,	    g->limit,	   g->high,	     g->low,	   g->swap_usage,
	    g->swap_limit,  g->peak,	   g->anon,	     g->file,	   g->kernel,
	    g->shmem,	    g->slab,	   g->inactive_file, g->dirty,	   g->low_events,
	    g->high_events, g->max_events, g->oom_events,    g->oom_kills,
	};

	return vals_fit(values, MV_COUNT_OF(values)) && psi_fits(&g->some) && psi_fits(&g->full);
}

static bool groups_fit(const struct mv_machine_snapshot *m)
{
	const struct mv_group *g = section(m, &m->groups);

	/* A parent stands before its child, and at the top before itself: so a walk upwards ends. */
	for (uint64_t i = 0; i < m->groups.count; i++)
		if (!text_fits(m, g[i].path) || !text_fits(m, g[i].name) || g[i].parent > i ||
		    (g[i].parent == i) != (g[i].depth == 0) ||
		    (g[i].depth && g[g[i].parent].depth != g[i].depth - 1) || !group_vals_fit(&g[i]))
			return false;
	return true;
}

static bool kills_fit(const struct mv_machine_snapshot *m)
{
	const struct mv_kill *k = section(m, &m->kills);

	for (uint64_t i = 0; i < m->kills.count; i++) {
		const struct mv_val values[] = {k[i].total_vm, k[i].anon,   k[i].file,
						k[i].shmem,    k[i].tables, k[i].uid};

		if (!text_fits(m, k[i].name) || !text_fits(m, k[i].group) || !text_fits(m, k[i].limited) ||
		    !text_fits(m, k[i].invoker) || !text_fits(m, k[i].line) ||
		    k[i].constraint >= MV_OOM_BY__N || !adjust_fits(&k[i].adjust) ||
		    !vals_fit(values, MV_COUNT_OF(values)))
			return false;
	}
	return true;
}

static bool atlas_fits(const struct mv_machine_snapshot *m)
{
	const struct mv_atlas_head *a = &m->atlas;
	const struct mv_atlas_stretch *s = section(m, &m->stretches);
	const struct mv_atlas_cell *c = section(m, &m->cells);

	if (a->have.why >= MV_WHY__N || a->lit.why >= MV_WHY__N || m->cells.count > MV_ATLAS_CELLS ||
	    a->start > a->end || (a->cell_frames & (a->cell_frames - 1)))
		return false;
	for (uint64_t i = 0; i < m->stretches.count; i++)
		if (s[i].start >= s[i].end || (i && s[i].start < s[i - 1].end) ||
		    s[i].zone >= m->ram.zones_count)
			return false;
	for (uint64_t i = 0; i < m->cells.count; i++)
		if (c[i].use > MV_USE__N)
			return false;
	return true;
}

static bool frame_fits(const struct mv_frame_detail *f)
{
	return f->use < MV_USE__N && f->mappers_count <= MV_COUNT_OF(f->mappers) &&
	       f->flags.why < MV_WHY__N && f->count.why < MV_WHY__N && f->cgroup.why < MV_WHY__N &&
	       f->searched.why < MV_WHY__N;
}

static bool head_fits(const struct mv_machine_snapshot *m)
{
	const struct mv_val values[] = {m->groups_why, m->kills_why, m->panic_on_oom, m->kill_allocating};

	return m->page_bytes >= 1024 && !(m->page_bytes & (m->page_bytes - 1)) && m->ticks_per_sec &&
	       m->total_pages <= UINT64_C(1) << 52 && vals_fit(values, MV_COUNT_OF(values)) &&
	       ends(m->host, sizeof(m->host)) && ends(m->kernel, sizeof(m->kernel));
}

int mv_machine_check(const struct mv_machine_snapshot *m, size_t mapped_bytes)
{
	if (mapped_bytes < sizeof(*m) || m->magic != MV_MACHINE_MAGIC || m->length > mapped_bytes ||
	    m->length < sizeof(*m))
		return -EBADMSG;
	if (!section_fits(m, &m->tasks, sizeof(struct mv_task)) ||
	    !section_fits(m, &m->groups, sizeof(struct mv_group)) ||
	    !section_fits(m, &m->kills, sizeof(struct mv_kill)) ||
	    !section_fits(m, &m->stretches, sizeof(struct mv_atlas_stretch)) ||
	    !section_fits(m, &m->cells, sizeof(struct mv_atlas_cell)) || !section_fits(m, &m->text, 1) ||
	    !pool_ends(m))
		return -EBADMSG;
	if (!head_fits(m) || !ram_fits(&m->ram) || !tasks_fit(m) || !groups_fit(m) || !kills_fit(m) ||
	    !atlas_fits(m) || !frame_fits(&m->frame))
		return -EBADMSG;
	return 0;
}

#define ACCESSOR(name, type, field) \
	const struct type *name(const struct mv_machine_snapshot *m, uint32_t *ret_count) \
	{ \
		*ret_count = (uint32_t)m->field.count; \
		return section(m, &m->field); \
	}

ACCESSOR(mv_machine_tasks, mv_task, tasks)
ACCESSOR(mv_machine_groups, mv_group, groups)
ACCESSOR(mv_machine_kills, mv_kill, kills)
ACCESSOR(mv_machine_stretches, mv_atlas_stretch, stretches)
ACCESSOR(mv_machine_cells, mv_atlas_cell, cells)

const struct mv_task *mv_machine_task(const struct mv_machine_snapshot *m, int32_t pid)
{
	const struct mv_task *t = section(m, &m->tasks);
	size_t low = 0, high = m->tasks.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t[mid].pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->tasks.count && t[low].pid == pid ? &t[low] : NULL;
}

struct mv_clean mv_machine_text(const struct mv_machine_snapshot *m, uint32_t text)
{
	return mv_clean_trusted((const char *)section(m, &m->text) + text);
}
