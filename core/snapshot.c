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

static bool text_fits(const struct mv_snapshot *s, uint32_t text)
{
	return text < s->trace_text.count;
}

static bool function_fits(const struct mv_snapshot *s, uint32_t function)
{
	return function == MV_FUNCTION_NONE || function < s->functions.count;
}

static bool run_fits(uint32_t first, uint32_t count, const struct mv_section *sec)
{
	return first <= sec->count && count <= sec->count - first;
}

static bool trace_sections_fit(const struct mv_snapshot *s)
{
	return section_fits(s, &s->fault_mappings, sizeof(struct mv_fault_mapping)) &&
	       section_fits(s, &s->fault_stacks, sizeof(struct mv_fault_stack)) &&
	       section_fits(s, &s->fault_calls, sizeof(uint32_t)) &&
	       section_fits(s, &s->fault_threads, sizeof(struct mv_fault_thread)) &&
	       section_fits(s, &s->fault_log, sizeof(struct mv_fault_entry)) &&
	       section_fits(s, &s->threads, sizeof(struct mv_thread)) &&
	       section_fits(s, &s->thread_calls, sizeof(struct mv_call)) &&
	       section_fits(s, &s->lines, sizeof(struct mv_line)) &&
	       section_fits(s, &s->functions, sizeof(struct mv_function)) &&
	       section_fits(s, &s->trace_text, 1) && (!s->trace_text.count || pool_ends(s, &s->trace_text)) &&
	       s->trace.why < MV_WHY__N && s->trace.stacks_why < MV_WHY__N &&
	       s->trace.threads_why < MV_WHY__N && s->threads_head.why < MV_WHY__N &&
	       s->threads_head.calls_why < MV_WHY__N && s->threads_head.stop_why < MV_WHY__N;
}

static bool fault_sections_add_up(const struct mv_snapshot *s)
{
	const struct mv_fault_mapping *m = section(s, &s->fault_mappings);
	const struct mv_fault_stack *k = section(s, &s->fault_stacks);
	const uint32_t *c = section(s, &s->fault_calls);
	const struct mv_fault_thread *t = section(s, &s->fault_threads);
	const struct mv_fault_entry *e = section(s, &s->fault_log);

	for (uint64_t i = 0; i < s->fault_mappings.count; i++)
		if (!text_fits(s, m[i].name) || m[i].kind > MV_KIND__N)
			return false;
	for (uint64_t i = 0; i < s->fault_stacks.count; i++)
		if (!run_fits(k[i].first, k[i].count, &s->fault_calls) || k[i].end >= MV_STACK__N)
			return false;
	for (uint64_t i = 0; i < s->fault_calls.count; i++)
		if (!function_fits(s, c[i]))
			return false;
	for (uint64_t i = 0; i < s->fault_threads.count; i++)
		if (!text_fits(s, t[i].name))
			return false;
	for (uint64_t i = 0; i < s->fault_log.count; i++)
		if (!text_fits(s, e[i].mapping_name) || !function_fits(s, e[i].function) ||
		    e[i].kind >= MV_FAULT__N || e[i].mapping_kind > MV_KIND__N)
			return false;
	return true;
}

static bool thread_sections_add_up(const struct mv_snapshot *s)
{
	const struct mv_thread *t = section(s, &s->threads);
	const struct mv_call *c = section(s, &s->thread_calls);
	const struct mv_line *l = section(s, &s->lines);
	const struct mv_function *f = section(s, &s->functions);

	for (uint64_t i = 0; i < s->threads.count; i++)
		if (!text_fits(s, t[i].name) || t[i].how > MV_HOW_STOPPED || t[i].end >= MV_STACK__N ||
		    t[i].calls_why >= MV_WHY__N || (i && t[i].tid <= t[i - 1].tid) ||
		    !run_fits(t[i].first, t[i].count, &s->thread_calls))
			return false;
	for (uint64_t i = 0; i < s->thread_calls.count; i++)
		if (!function_fits(s, c[i].function))
			return false;
	for (uint64_t i = 0; i < s->lines.count; i++)
		if (!text_fits(s, l[i].file) || (i && l[i].pc <= l[i - 1].pc))
			return false;
	for (uint64_t i = 0; i < s->functions.count; i++)
		if (!text_fits(s, f[i].name) || !text_fits(s, f[i].image))
			return false;
	return true;
}

static bool heap_sections_fit(const struct mv_snapshot *s)
{
	return section_fits(s, &s->heap_arenas, sizeof(struct mv_heap_arena)) &&
	       section_fits(s, &s->heap_sizes, sizeof(struct mv_heap_size)) &&
	       section_fits(s, &s->heap_stretches, sizeof(struct mv_heap_stretch)) &&
	       section_fits(s, &s->heap_cells, sizeof(struct mv_heap_cell)) &&
	       section_fits(s, &s->heap_marks, sizeof(uint64_t)) &&
	       section_fits(s, &s->heap_owners, sizeof(struct mv_heap_owner)) &&
	       section_fits(s, &s->leak_groups, sizeof(struct mv_leak_group)) &&
	       section_fits(s, &s->leak_links, sizeof(struct mv_leaks_link)) &&
	       section_fits(s, &s->heap_text, 1) && (!s->heap_text.count || pool_ends(s, &s->heap_text)) &&
	       s->heap.reason < MV_HEAP__N && s->heap.allocator < MV_ALLOCATOR__N &&
	       s->leaks.why < MV_LEAKS_WHY__N && s->leaks.heap_reason < MV_HEAP__N &&
	       s->leaks.mode <= MV_LEAKS_HEAP && s->leaks.progress.phase <= MV_LEAKS_READY;
}

static bool heap_sections_add_up(const struct mv_snapshot *s)
{
	const struct mv_heap_stretch *t = section(s, &s->heap_stretches);
	const struct mv_heap_owner *o = section(s, &s->heap_owners);
	const struct mv_leak_group *g = section(s, &s->leak_groups);
	const struct mv_leaks_link *l = section(s, &s->leak_links);

	for (uint64_t i = 0; i < s->heap_stretches.count; i++)
		if (t[i].start >= t[i].end || (i && t[i].start < t[i - 1].end) || t[i].kind > MV_REGION_MMAPPED ||
		    (t[i].kind != MV_REGION_MMAPPED && t[i].arena >= s->heap_arenas.count))
			return false;
	for (uint64_t i = 0; i < s->heap_owners.count; i++)
		if (o[i].allocator >= MV_ALLOCATOR__N || o[i].bytes.why >= MV_WHY__N)
			return false;
	for (uint64_t i = 0; i < s->leak_groups.count; i++)
		if (g[i].g.what >= MV_FIRST__N || g[i].g.examples_count > MV_LEAKS_EXAMPLES ||
		    (g[i].name && g[i].name >= s->heap_text.count) ||
		    (g[i].text && g[i].text >= s->heap_text.count))
			return false;
	for (uint64_t i = 0; i < s->leak_links.count; i++)
		if (l[i].from >= s->leak_groups.count || l[i].to >= s->leak_groups.count)
			return false;
	return true;
}

static bool files_add_up(const struct mv_snapshot *s)
{
	const struct mv_cached_file *f;

	if (!section_fits(s, &s->files, sizeof(*f)))
		return false;
	f = section(s, &s->files);
	for (uint64_t i = 0; i < s->files.count; i++)
		if (f[i].mapping >= s->mappings.count || f[i].cached.way >= MV_CACHE__N ||
		    f[i].resident.why >= MV_WHY__N || f[i].size_bytes.why >= MV_WHY__N ||
		    f[i].cached.cached.why >= MV_WHY__N || f[i].cached.dirty.why >= MV_WHY__N ||
		    f[i].cached.writeback.why >= MV_WHY__N || f[i].cached.evicted.why >= MV_WHY__N ||
		    f[i].cached.recently_evicted.why >= MV_WHY__N)
			return false;
	return true;
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
	if (!trace_sections_fit(s) || !fault_sections_add_up(s) || !thread_sections_add_up(s) ||
	    !heap_sections_fit(s) || !heap_sections_add_up(s) || !files_add_up(s))
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

/* ---- the trace and the threads ---- */

#define COUNTED(type, name) \
	const type *mv_snapshot_##name(const struct mv_snapshot *s, uint32_t *ret_count) \
	{ \
		*ret_count = (uint32_t)s->name.count; \
		return section(s, &s->name); \
	}
COUNTED(struct mv_fault_mapping, fault_mappings)
COUNTED(struct mv_fault_stack, fault_stacks)
COUNTED(struct mv_fault_thread, fault_threads)
COUNTED(struct mv_fault_entry, fault_log)
COUNTED(struct mv_thread, threads)
COUNTED(struct mv_heap_arena, heap_arenas)
COUNTED(struct mv_heap_size, heap_sizes)
COUNTED(struct mv_heap_stretch, heap_stretches)
COUNTED(struct mv_heap_cell, heap_cells)
COUNTED(uint64_t, heap_marks)
COUNTED(struct mv_heap_owner, heap_owners)
COUNTED(struct mv_leak_group, leak_groups)
COUNTED(struct mv_leaks_link, leak_links)

const struct mv_cached_file *mv_snapshot_files(const struct mv_snapshot *s, uint32_t *ret_count)
{
	*ret_count = (uint32_t)s->files.count;
	return section(s, &s->files);
}

struct mv_clean mv_snapshot_heap_text(const struct mv_snapshot *s, uint32_t text)
{
	return s->heap_text.count ? mv_clean_trusted((const char *)section(s, &s->heap_text) + text)
				  : MV_TEXT("");
}

const uint32_t *mv_snapshot_fault_calls(const struct mv_snapshot *s, const struct mv_fault_stack *stack)
{
	return (const uint32_t *)section(s, &s->fault_calls) + stack->first;
}

const struct mv_call *mv_snapshot_thread_calls(const struct mv_snapshot *s, const struct mv_thread *thread)
{
	return (const struct mv_call *)section(s, &s->thread_calls) + thread->first;
}

const struct mv_thread *mv_snapshot_thread(const struct mv_snapshot *s, int32_t tid)
{
	const struct mv_thread *t = section(s, &s->threads);
	uint64_t low = 0, high = s->threads.count;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (t[mid].tid < tid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->threads.count && t[low].tid == tid ? &t[low] : NULL;
}

const struct mv_function *mv_snapshot_function(const struct mv_snapshot *s, uint32_t function)
{
	return function < s->functions.count
		   ? (const struct mv_function *)section(s, &s->functions) + function
		   : NULL;
}

struct mv_clean mv_snapshot_text(const struct mv_snapshot *s, uint32_t text)
{
	return s->trace_text.count ? mv_clean_trusted((const char *)section(s, &s->trace_text) + text)
				   : MV_TEXT("");
}

struct mv_clean mv_snapshot_function_name(const struct mv_snapshot *s, uint32_t function)
{
	const struct mv_function *f = mv_snapshot_function(s, function);

	return f ? mv_snapshot_text(s, f->name) : MV_TEXT("?");
}

struct mv_clean mv_snapshot_line(const struct mv_snapshot *s, uint64_t pc, uint32_t *ret_line)
{
	const struct mv_line *l = section(s, &s->lines);
	uint64_t low = 0, high = s->lines.count;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (l[mid].pc < pc)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == s->lines.count || l[low].pc != pc || !l[low].file)
		return (struct mv_clean){NULL};
	*ret_line = l[low].line;
	return mv_snapshot_text(s, l[low].file);
}
