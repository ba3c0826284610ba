/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_private.h"

#include <string.h>

/* The sampler's state -> one flat block. */

struct layout {
	struct mv_section mappings, names, seen, tallies, smaps, mapping_tables, spans, span_first, cells,
	    bytes, cmdline, title, files;
	struct trace_layout trace;
	struct heap_layout heap;
	size_t length;
};

static struct layout lay_out(const struct mv_sampler *s)
{
	struct mv_arena a = {.used = sizeof(struct mv_snapshot)};
	bool grid = WANTS(s, GRID) && s->grid.cells;
	uint64_t n = s->maps.count, spans = grid ? s->want.spans_count : 0;
	struct layout l;

	l.mappings = section_take(&a, n, sizeof(struct mv_mapping));
	l.names = section_take(&a, s->maps.names_len ? s->maps.names_len : 1, 1);
	l.seen = section_take(&a, n, 1);
	l.tallies = section_take(&a, n, sizeof(struct mv_tally));
	l.smaps =
	    section_take(&a, WANTS(s, SMAPS) && s->rows.count == n ? n : 0, sizeof(struct mv_smaps_row));
	l.mapping_tables =
	    section_take(&a, WANTS(s, TABLES) && s->tables_ns ? n : 0, sizeof(struct mv_mapping_tables));
	l.spans = section_take(&a, spans, sizeof(struct mv_range));
	l.span_first = section_take(&a, spans ? spans + 1 : 0, sizeof(uint32_t));
	l.cells = section_take(&a, spans ? s->grid.first[spans] : 0, sizeof(struct mv_grid_cell));
	l.bytes = section_take(&a, WANTS(s, PAGE) && mv_have(&s->page.bytes) ? s->page.bytes.value : 0, 1);
	l.cmdline = section_take(&a, s->cmdline_len, 1);
	/* A name of n bytes is at most 10 n long when each becomes \u{10ffff}. */
	l.title = section_take(&a, MV_COMM_BYTES * 10, 1);
	trace_lay_out(s, &a, &l.trace);
	heap_lay_out(s, &a, &l.heap);
	l.files = section_take(&a, files_count(s), sizeof(struct mv_cached_file));
	l.length = (a.used + 7) & ~(size_t)7;
	return l;
}

size_t mv_sampler_snapshot_bytes(const struct mv_sampler *sampler)
{
	return lay_out(sampler).length;
}

static struct mv_val kib(struct mv_val v)
{
	v.value *= 1024;
	return v;
}

/* A figure that adds up several fields of smaps; missing when this kernel prints none of them. */
static struct mv_val total_of(const struct mv_sampler *s, uint32_t fields)
{
	uint64_t sum = 0;

	if (!s->total_have) {
		enum mv_why why = WANTS(s, SMAPS) ? s->smaps_pace.why : s->rollup_pace.why;

		if (s->life == MV_LIFE_KERNEL_THREAD)
			return mv_val_missing(MV_WHY_KERNEL_THREAD);
		if (s->life == MV_LIFE_ZOMBIE)
			return mv_val_missing(MV_WHY_ZOMBIE);
		if (why != MV_WHY_HAVE && why != MV_WHY_NOT_READ)
			return mv_val_missing(why);
		return mv_val_missing(WANTS(s, SMAPS) || WANTS(s, ROLLUP) ? MV_WHY_NOT_READ
									  : MV_WHY_NOT_ASKED);
	}
	if (!(s->total.seen & fields))
		return mv_val_missing(MV_WHY_NO_KERNEL);
	for (unsigned f = 0; f < MV_SMAPS__N; f++)
		if (fields & (1u << f))
			sum += s->total.kib[f];
	return mv_val_of(sum * 1024);
}

#define FIELD(id) (1u << MV_SMAPS_##id)

static void write_totals(const struct mv_sampler *s, struct mv_val *fig)
{
	fig[MV_FIG_PSS] = total_of(s, FIELD(PSS));
	fig[MV_FIG_USS] = total_of(s, FIELD(PRIVATE_CLEAN) | FIELD(PRIVATE_DIRTY));
	fig[MV_FIG_DIRTY] = total_of(s, FIELD(SHARED_DIRTY) | FIELD(PRIVATE_DIRTY));
	fig[MV_FIG_LOCKED] = total_of(s, FIELD(LOCKED));
	fig[MV_FIG_HUGE] = total_of(s, FIELD(ANON_HUGE) | FIELD(SHMEM_HUGE) | FIELD(FILE_HUGE));
}

static void write_figures(const struct mv_sampler *s, struct mv_val *fig)
{
	enum mv_why why =
	    s->counters_why == MV_WHY_HAVE && !s->counters_ns ? MV_WHY_NOT_READ : s->counters_why;

	if (why == MV_WHY_NOT_READ && s->life == MV_LIFE_ZOMBIE)
		why = MV_WHY_ZOMBIE;
	for (unsigned i = 0; i < MV_FIG__N; i++)
		fig[i] = mv_val_missing(why);
	write_totals(s, fig);
	fig[MV_FIG_LIMIT] =
	    s->cgroup_why == MV_WHY_HAVE ? s->cgroup.limit_bytes : mv_val_missing(s->cgroup_why);
	fig[MV_FIG_USAGE] =
	    s->cgroup_why == MV_WHY_HAVE ? s->cgroup.usage_bytes : mv_val_missing(s->cgroup_why);
	fig[MV_FIG_OOM] = s->oom.score;
	if (why != MV_WHY_HAVE)
		return;
	fig[MV_FIG_THREADS] = mv_val_of(s->stat.threads);
	fig[MV_FIG_MINOR] = mv_val_of(s->stat.minor_faults);
	fig[MV_FIG_MAJOR] = mv_val_of(s->stat.major_faults);
	if (s->life == MV_LIFE_KERNEL_THREAD) {
		for (unsigned i = MV_FIG_SIZE; i <= MV_FIG_PEAK_RSS; i++)
			fig[i] = mv_val_missing(MV_WHY_KERNEL_THREAD);
		return;
	}
	fig[MV_FIG_SIZE] = mv_val_of(s->statm.size_pages * s->page_bytes);
	fig[MV_FIG_RSS] = mv_val_of(s->statm.resident_pages * s->page_bytes);
	fig[MV_FIG_SWAP] = kib(s->status.vm_swap_kib);
	fig[MV_FIG_ANON] = kib(s->status.rss_anon_kib);
	fig[MV_FIG_FILE] = kib(s->status.rss_file_kib);
	fig[MV_FIG_SHMEM] = kib(s->status.rss_shmem_kib);
	fig[MV_FIG_PAGE_TABLES] = kib(s->status.vm_pte_kib);
	fig[MV_FIG_PEAK_RSS] = kib(s->status.vm_hwm_kib);
}

static void write_parts(struct mv_sampler *s, uint32_t *why)
{
	const struct mv_features *f = mv_source_features(s->source);
	enum mv_why none = s->life == MV_LIFE_KERNEL_THREAD ? MV_WHY_KERNEL_THREAD
			   : s->life == MV_LIFE_ZOMBIE	    ? MV_WHY_ZOMBIE
			   : s->life == MV_LIFE_GONE	    ? MV_WHY_GONE
							    : MV_WHY_NOT_READ;

	why[MV_PART_COUNTERS] = s->counters_why;
	why[MV_PART_MAPS] = s->maps_gen				  ? MV_WHY_HAVE
			    : s->maps_pace.why != MV_WHY_NOT_READ ? s->maps_pace.why
								  : none;
	why[MV_PART_PAGES] =
	    s->pages_pace.why == MV_WHY_NOT_READ && s->pages_ns ? MV_WHY_HAVE : s->pages_pace.why;
	why[MV_PART_SMAPS] = s->smaps_pace.why;
	why[MV_PART_FRAMES] = f->frame_numbers ? MV_WHY_HAVE : MV_WHY_NEEDS_SYS_ADMIN;
	why[MV_PART_KPAGE] = f->kpageflags ? MV_WHY_HAVE : MV_WHY_NEEDS_DAC;
	why[MV_PART_BYTES] = s->page.bytes.why;
	why[MV_PART_CGROUP] = s->cgroup_why;
	why[MV_PART_CMDLINE] = s->cmdline_why;
	why[MV_PART_TABLES] = s->pages_pace.why;
	why[MV_PART_FAULTS] = why[MV_PART_THREADS] = why[MV_PART_STACKS] = MV_WHY_NOT_ASKED;
	why[MV_PART_SOFT_DIRTY] = f->soft_dirty ? MV_WHY_HAVE : MV_WHY_NO_KERNEL;
	for (unsigned i = 0; i < MV_PART__N; i++)
		if (why[i] == MV_WHY_NOT_READ)
			why[i] = none;
}

static void put(char *base, const struct mv_section *sec, const void *from, size_t size)
{
	if (sec->count) /* else from may be NULL */
		memcpy(base + sec->offset, from, sec->count * size);
}

static bool holds(const struct mv_section *held, const struct mv_section *wanted, uint32_t held_gen,
		  uint32_t gen)
{
	return held_gen == gen && held->offset == wanted->offset && held->count == wanted->count;
}

/* The sections whose length goes with the list: only what has changed since this block was written last. */
static void write_list(const struct mv_sampler *s, char *base, const struct layout *l, struct mv_stamp *stamp)
{
	if (!holds(&stamp->mappings, &l->mappings, stamp->maps_gen, s->maps_gen))
		put(base, &l->mappings, s->maps.at, sizeof(struct mv_mapping));
	if (!holds(&stamp->names, &l->names, stamp->maps_gen, s->maps_gen))
		put(base, &l->names, s->maps.names_len ? s->maps.names : "", 1);
	put(base, &l->seen, s->seen, 1);
	if (!holds(&stamp->tallies, &l->tallies, stamp->pages_gen, s->pages_gen))
		put(base, &l->tallies, s->tallies, sizeof(struct mv_tally));
	if (!holds(&stamp->tables, &l->mapping_tables, stamp->pages_gen, s->pages_gen))
		put(base, &l->mapping_tables, s->tables, sizeof(struct mv_mapping_tables));
	if (!holds(&stamp->smaps, &l->smaps, stamp->rows_gen, s->rows_gen))
		put(base, &l->smaps, s->rows.at, sizeof(struct mv_smaps_row));
	*stamp = (struct mv_stamp){
	    .maps_gen = s->maps_gen,
	    .pages_gen = s->pages_gen,
	    .rows_gen = s->rows_gen,
	    .mappings = l->mappings,
	    .names = l->names,
	    .tallies = l->tallies,
	    .tables = l->mapping_tables,
	    .smaps = l->smaps,
	};
}

static void write_sections(const struct mv_sampler *s, struct mv_snapshot *b, const struct layout *l,
			   struct mv_stamp *stamp)
{
	char *base = (char *)b;
	struct mv_stamp nothing = {0};

	write_list(s, base, l, stamp ? stamp : &nothing);
	put(base, &l->spans, s->want.spans, sizeof(struct mv_range));
	put(base, &l->span_first, s->grid.first, sizeof(uint32_t));
	put(base, &l->cells, s->grid.cells, sizeof(struct mv_grid_cell));
	put(base, &l->bytes, s->page_bytes_read, 1);
	put(base, &l->cmdline, s->cmdline, 1);
	memset(base + l->title.offset, 0, l->title.count);
	mv_clean_bytes(s->stat.comm, strnlen(s->stat.comm, sizeof(s->stat.comm)), base + l->title.offset,
		       l->title.count);
}

void mv_sampler_snapshot(struct mv_sampler *sampler, struct mv_snapshot *block, struct mv_stamp *stamp)
{
	struct mv_sampler *s = sampler;
	struct layout l = lay_out(s);
	struct gate now = sampler_gate(s);

	*block = (struct mv_snapshot){
	    .magic = MV_SNAPSHOT_MAGIC,
	    .page_bytes = s->page_bytes,
	    .length = l.length,
	    .seq = ++s->seq,
	    .want_seq = s->want.seq,
	    .facts = s->want.facts,
	    .cell_pages = s->want.cell_pages,
	    .epoch = s->epoch,
	    .life = s->life,
	    .levels = s->levels,
	    .taken_ns = mv_source_now(s->source),
	    .taken_real_ns = mv_source_now_real(s->source),
	    .counters_ns = s->counters_ns,
	    .started_real_ns = s->started_real_ns,
	    .stat = s->stat,
	    .status = s->status,
	    .cgroup = s->cgroup,
	    .oom = s->oom,
	    .limits = s->limits,
	    .features = *mv_source_features(s->source),
	    .maps_ns = s->maps_pace.done_ns,
	    .smaps_ns = s->smaps_pace.done_ns,
	    .rollup_ns = s->total_ns,
	    .pages_ns = s->pages_ns,
	    .pages_done = s->round.active ? s->round.done : s->maps.count,
	    .maps_gen = s->maps_gen,
	    .maps_torn = s->maps_torn,
	    .pages_exact = s->pages_ns && sampler_gate_equal(&now, &s->pages_pace.gate),
	    .round_of = s->maps.count,
	    .cats_told = s->cats_told,
	    .tables_ns = s->tables_ns,
	    .tables_kib = s->tables_kib,
	    .page = s->page,
	    .mappings = l.mappings,
	    .names = l.names,
	    .seen = l.seen,
	    .tallies = l.tallies,
	    .smaps = l.smaps,
	    .mapping_tables = l.mapping_tables,
	    .spans = l.spans,
	    .span_first = l.span_first,
	    .cells = l.cells,
	    .page_bytes_read = l.bytes,
	    .cmdline = l.cmdline,
	    .title = l.title,
	    .files = l.files,
	    .files_whole = files_all_read(s),
	};
	memcpy(block->tables, s->table_counts, sizeof(block->tables));
	write_figures(s, block->figure);
	write_parts(s, block->part_why);
	write_sections(s, block, &l, stamp);
	trace_write(s, block, &l.trace);
	heap_write(s, block, &l.heap);
	files_write(s, (struct mv_cached_file *)(void *)((char *)block + l.files.offset));
	s->changed = s->urgent = false;
}
