/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/snapshot.h"

#include <errno.h>
#include <string.h>

const struct mv_figure_info mv_figures[MV_FIG__N] = {
#define X(id, json, label, unit, source, meaning) [MV_FIG_##id] = {json, label, #unit[0], source, meaning},
    MV_FIGURES(X)
#undef X
};

static const char *const part_names[MV_PART__N] = {
#define X(id, json) [MV_PART_##id] = json,
    MV_PARTS(X)
#undef X
};

const char *mv_part_name(enum mv_part part)
{
	return part < MV_PART__N ? part_names[part] : "";
}

static const void *section(const struct mv_snapshot *s, const struct mv_section *sec)
{
	return (const char *)s + sec->offset;
}

static bool section_fits(const struct mv_snapshot *s, const struct mv_section *sec, size_t element)
{
	if (sec->offset % 8 || sec->offset > s->length)
		return false;
	return sec->count <= (s->length - sec->offset) / element;
}

/* A pool of strings must end in NUL, so that any offset below its count is a terminated string. */
static bool pool_ends(const struct mv_snapshot *s, const struct mv_section *sec)
{
	const char *p = section(s, sec);

	return sec->count && p[sec->count - 1] == '\0';
}

static bool parallel(const struct mv_snapshot *s, const struct mv_section *sec)
{
	return sec->count == 0 || sec->count == s->mappings.count;
}

static bool spans_fit(const struct mv_snapshot *s)
{
	const uint32_t *first = section(s, &s->span_first);

	if (s->span_first.count != (s->spans.count ? s->spans.count + 1 : 0))
		return false;
	for (uint64_t i = 0; i < s->spans.count; i++)
		if (first[i] > first[i + 1])
			return false;
	return !s->spans.count || first[s->spans.count] <= s->cells.count;
}

int mv_snapshot_check(const struct mv_snapshot *s, size_t mapped_bytes)
{
	const struct mv_mapping *m;

	if (mapped_bytes < sizeof(*s) || s->magic != MV_SNAPSHOT_MAGIC || s->length > mapped_bytes ||
	    s->length < sizeof(*s))
		return -EBADMSG;
	if (!section_fits(s, &s->mappings, sizeof(struct mv_mapping)) || s->mappings.count > UINT32_MAX ||
	    !section_fits(s, &s->names, 1) || !section_fits(s, &s->seen, 1) ||
	    !section_fits(s, &s->tallies, sizeof(struct mv_tally)) ||
	    !section_fits(s, &s->smaps, sizeof(struct mv_smaps_row)) ||
	    !section_fits(s, &s->mapping_tables, sizeof(struct mv_mapping_tables)) ||
	    !section_fits(s, &s->spans, sizeof(struct mv_range)) ||
	    !section_fits(s, &s->span_first, sizeof(uint32_t)) ||
	    !section_fits(s, &s->cells, sizeof(struct mv_grid_cell)) ||
	    !section_fits(s, &s->page_bytes_read, 1) || !section_fits(s, &s->cmdline, 1) ||
	    !section_fits(s, &s->title, 1))
		return -EBADMSG;
	if (!parallel(s, &s->seen) || !parallel(s, &s->tallies) || !parallel(s, &s->smaps) ||
	    !parallel(s, &s->mapping_tables) || !spans_fit(s))
		return -EBADMSG;
	if (!pool_ends(s, &s->names) || !pool_ends(s, &s->title) ||
	    (s->cmdline.count && !pool_ends(s, &s->cmdline)))
		return -EBADMSG;
	if (s->life > MV_LIFE_KERNEL_THREAD || s->page.state >= MV_PAGE__N || s->levels < 4 ||
	    s->levels > 5 || s->page_bytes < 1024 || (s->page_bytes & (s->page_bytes - 1)))
		return -EBADMSG;
	m = mv_snapshot_mappings(s);
	/* Ascending and apart: views search among them. */
	for (uint64_t i = 0; i < s->mappings.count; i++)
		if (m[i].name >= s->names.count || m[i].kind >= MV_KIND__N || m[i].start >= m[i].end ||
		    (i && m[i].start < m[i - 1].end))
			return -EBADMSG;
	return 0;
}

static bool seen(const struct mv_snapshot *s, uint32_t i, enum mv_mapping_seen what)
{
	return s->seen.count && (((const uint8_t *)section(s, &s->seen))[i] & what);
}

const struct mv_tally *mv_snapshot_tally(const struct mv_snapshot *s, uint32_t i)
{
	if (!s->tallies.count || !seen(s, i, MV_SEEN_PAGES))
		return NULL;
	return (const struct mv_tally *)section(s, &s->tallies) + i;
}

const struct mv_smaps_row *mv_snapshot_smaps(const struct mv_snapshot *s, uint32_t i)
{
	if (!s->smaps.count || !seen(s, i, MV_SEEN_SMAPS))
		return NULL;
	return (const struct mv_smaps_row *)section(s, &s->smaps) + i;
}

const struct mv_mapping_tables *mv_snapshot_tables(const struct mv_snapshot *s, uint32_t i)
{
	if (!s->mapping_tables.count || !seen(s, i, MV_SEEN_PAGES))
		return NULL;
	return (const struct mv_mapping_tables *)section(s, &s->mapping_tables) + i;
}

const struct mv_grid_cell *mv_snapshot_cells(const struct mv_snapshot *s, uint32_t i, uint32_t *ret_count)
{
	const uint32_t *first = section(s, &s->span_first);

	if (i >= s->spans.count)
		return NULL;
	*ret_count = first[i + 1] - first[i];
	return (const struct mv_grid_cell *)section(s, &s->cells) + first[i];
}

const struct mv_grid_cell *mv_snapshot_cells_at(const struct mv_snapshot *s, uint64_t addr,
						uint32_t *ret_count)
{
	const struct mv_range *spans = section(s, &s->spans);

	for (uint32_t i = 0; i < s->spans.count; i++)
		if (spans[i].start == addr)
			return mv_snapshot_cells(s, i, ret_count);
	return NULL;
}

struct mv_clean mv_snapshot_name(const struct mv_snapshot *s, uint32_t i)
{
	const char *names = section(s, &s->names);

	return mv_clean_trusted(names + mv_snapshot_mappings(s)[i].name);
}

struct mv_clean mv_snapshot_title(const struct mv_snapshot *s)
{
	return mv_clean_trusted(section(s, &s->title));
}

struct mv_clean mv_snapshot_argument(const struct mv_snapshot *s, uint32_t n)
{
	const char *at = section(s, &s->cmdline), *end = at + s->cmdline.count;

	for (; n && at < end; n--)
		at += strlen(at) + 1;
	return (struct mv_clean){at < end ? at : NULL};
}

struct mv_val mv_snapshot_field(const struct mv_snapshot *s, uint32_t i, enum mv_smaps_field field)
{
	const struct mv_smaps_row *row = mv_snapshot_smaps(s, i);

	if (row)
		return row->seen & (1u << field) ? mv_val_of(row->kib[field])
						 : mv_val_missing(MV_WHY_NO_KERNEL);
	if (s->part_why[MV_PART_SMAPS] != MV_WHY_HAVE)
		return mv_val_missing((enum mv_why)s->part_why[MV_PART_SMAPS]);
	return mv_val_missing(s->facts & MV_FACT_SMAPS ? MV_WHY_NOT_READ : MV_WHY_NOT_ASKED);
}

struct mv_val mv_snapshot_rss(const struct mv_snapshot *s, uint32_t i)
{
	const struct mv_tally *t = mv_snapshot_tally(s, i);
	const struct mv_mapping *m = mv_snapshot_mappings(s) + i;
	struct mv_val rss;

	/* vsyscall's page belongs to the kernel and pagemap does not cover it. hugetlb pages are not RSS. */
	if (m->kind == MV_KIND_VSYSCALL || m->kind == MV_KIND_HUGE)
		return mv_val_of(0);
	rss = mv_snapshot_field(s, i, MV_SMAPS_RSS);
	if (mv_have(&rss) && (!t || s->smaps_ns >= s->pages_ns || !(s->cats_told & MV_CAT_PFNZERO)))
		return mv_val_of(rss.value * 1024);
	if (t)
		return mv_val_of((mv_tally_present(t) - t->state[MV_PAGE_ZERO]) * s->page_bytes);
	if (s->part_why[MV_PART_PAGES] != MV_WHY_HAVE)
		return mv_val_missing((enum mv_why)s->part_why[MV_PART_PAGES]);
	return mv_val_missing(MV_WHY_NOT_READ);
}

uint64_t mv_mapping_bytes(const struct mv_mapping *m)
{
	return m->end - m->start;
}

uint64_t mv_mapping_pages(const struct mv_mapping *m, uint32_t page_bytes)
{
	return (m->end - m->start) / page_bytes;
}

uint32_t mv_snapshot_find(const struct mv_snapshot *s, uint64_t addr)
{
	const struct mv_mapping *m = mv_snapshot_mappings(s);
	uint32_t n = mv_snapshot_count(s), i = mv_maps_find(m, n, addr);

	return i < n && m[i].start <= addr ? i : n;
}
