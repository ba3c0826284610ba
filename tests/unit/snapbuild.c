/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/snapbuild.h"

#define MIB (UINT64_C(1) << 20)

void snapbuild_init(struct snapbuild *b)
{
	struct mv_snapshot *h = &b->head;

	memset(b, 0, sizeof(*b));
	b->title = "python3";
	h->page_bytes = 4096;
	h->seq = 1;
	h->want_seq = 1;
	h->facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_SMAPS | MV_FACT_ROLLUP;
	h->cell_pages = 1;
	h->life = MV_LIFE_ALIVE;
	h->levels = 4;
	h->taken_ns = 100 * MV_NS_PER_SEC;
	h->taken_real_ns = UINT64_C(1700000000) * MV_NS_PER_SEC;
	h->started_real_ns = UINT64_C(1699990000) * MV_NS_PER_SEC;
	memcpy(h->stat.comm, "python3", sizeof("python3"));
	h->stat.pid = 4711;
	h->stat.ppid = 1;
	h->stat.state = 'S';
	h->stat.threads = 3;
	h->stat.minor_faults = 26645;
	h->stat.start_ticks = 123;
	h->status.uid = mv_val_of(65534);
	h->status.euid = mv_val_of(65534);
	h->status.vm_pte_kib = mv_val_of(268);
	h->cgroup.version = 2;
	h->cgroup.limit_bytes = mv_val_of(512 * MIB);
	h->cgroup.usage_bytes = mv_val_of(112 * MIB);
	h->oom.score = mv_val_of(666);
	for (size_t i = 0; i < MV_PART__N; i++)
		h->part_why[i] = MV_WHY_HAVE;
	for (size_t i = 0; i < MV_FIG__N; i++)
		h->figure[i] = mv_val_of(0);
	h->figure[MV_FIG_RSS] = mv_val_of(98 * MIB + 200 * 1024);
	h->figure[MV_FIG_SIZE] = mv_val_of(117 * MIB);
	h->figure[MV_FIG_PSS] = mv_val_of(91 * MIB);
	h->figure[MV_FIG_USS] = mv_val_of(90 * MIB);
	h->figure[MV_FIG_PAGE_TABLES] = mv_val_of(268 * 1024);
	h->figure[MV_FIG_LIMIT] = h->cgroup.limit_bytes;
	h->figure[MV_FIG_USAGE] = h->cgroup.usage_bytes;
	h->figure[MV_FIG_OOM] = h->oom.score;
	h->figure[MV_FIG_THREADS] = mv_val_of(3);
	h->figure[MV_FIG_MINOR] = mv_val_of(26645);
	h->maps_ns = h->smaps_ns = h->rollup_ns = h->pages_ns = h->taken_ns;
	h->pages_exact = true;
	h->maps_gen = 1;
	h->cats_told = UINT64_MAX;
}

static void *section(struct mv_snapshot *s, struct mv_section *sec, uint64_t *at, size_t count, size_t size)
{
	void *start = (char *)s + *at;

	sec->offset = *at;
	sec->count = count;
	*at = (*at + count * size + 7) & ~UINT64_C(7);
	return start;
}

static uint8_t perms_of(const char *text)
{
	unsigned perms = 0;

	for (; text && *text; text++)
		perms |= *text == 'r'	? MV_PERM_R
			 : *text == 'w' ? MV_PERM_W
			 : *text == 'x' ? MV_PERM_X
			 : *text == 's' ? MV_PERM_SHARED
					: 0u;
	return (uint8_t)perms;
}

static const char *name_of(const struct snapbuild_row *row)
{
	return row->name ? row->name : "";
}

/* Equal neighbours share a name, as core/maps.h promises; an object is a name's first row, anonymous ones
 * alone. */
static void fill_mappings(const struct snapbuild *b, struct mv_mapping *maps, char *names)
{
	uint32_t len = 1;

	names[0] = '\0';
	for (size_t i = 0; i < b->count; i++) {
		const struct snapbuild_row *row = &b->rows[i];
		struct mv_mapping *m = &maps[i];
		size_t first = i;

		*m = (struct mv_mapping){.start = row->start,
					 .end = row->end,
					 .offset = row->offset,
					 .inode = row->inode,
					 .dev_minor = row->dev_minor,
					 .perms = perms_of(row->perms),
					 .kind = (uint8_t)row->kind};
		if (row->inode || row->dev_minor)
			m->flags = MV_MAPPING_FILE;
		if (*name_of(row)) {
			/* A test with tens of thousands of rows compares with its neighbours only. */
			size_t low = i > 64 ? i - 64 : 0;
			for (size_t j = i; j-- > low;)
				if (!strcmp(name_of(&b->rows[j]), row->name))
					first = j;
			if (first < i) {
				m->name = maps[first].name;
			} else {
				m->name = len;
				strcpy(names + len, row->name);
				len += (uint32_t)strlen(row->name) + 1;
			}
		}
		m->object = row->object ? row->object
			    : first < i ? maps[first].object
					: (uint32_t)i + 1000000;
	}
}

static void fill_smaps(const struct snapbuild *b, struct mv_smaps_row *smaps)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct snapbuild_row *row = &b->rows[i];
		uint64_t pages = 0;

		for (int s = MV_PAGE_ZERO + 1; s < MV_PAGE__N; s++)
			pages += row->state[s];
		memcpy(smaps[i].kib, row->kib, sizeof(row->kib));
		if (!smaps[i].kib[MV_SMAPS_RSS])
			smaps[i].kib[MV_SMAPS_RSS] = (uint32_t)(pages * b->head.page_bytes / 1024);
		smaps[i].seen = row->no_smaps ? 0 : (1u << MV_SMAPS__N) - 1;
		smaps[i].vm_flags = row->vm_flags;
	}
}

static size_t bytes_needed(const struct snapbuild *b, size_t *ret_names, size_t *ret_cells)
{
	size_t names = 1, cells = 0;

	for (size_t i = 0; i < b->count; i++)
		names += strlen(name_of(&b->rows[i])) + 1;
	for (size_t i = 0; i < b->spans_count; i++)
		cells += b->span_cells[i];
	*ret_names = names;
	*ret_cells = cells;
	return sizeof(struct mv_snapshot) + 256 + names + cells * sizeof(struct mv_grid_cell) +
	       b->count * (sizeof(struct mv_mapping) + 1 + sizeof(struct mv_tally) +
			   sizeof(struct mv_smaps_row) + sizeof(struct mv_mapping_tables)) +
	       (b->spans_count + 1) * (sizeof(struct mv_range) + sizeof(uint32_t)) + b->page_bytes_count +
	       b->cmdline_len + strlen(b->title);
}

static void fill_grid(const struct snapbuild *b, struct mv_snapshot *s, uint64_t *at, size_t cells_count)
{
	struct mv_range *spans = section(s, &s->spans, at, b->spans_count, sizeof(*spans));
	uint32_t *first =
	    section(s, &s->span_first, at, b->spans_count ? b->spans_count + 1 : 0, sizeof(*first));
	struct mv_grid_cell *cells = section(s, &s->cells, at, cells_count, sizeof(*cells));
	uint32_t next = 0;

	for (size_t i = 0; i < b->spans_count; i++) {
		spans[i] = b->spans[i];
		first[i] = next;
		next += b->span_cells[i];
	}
	if (b->spans_count)
		first[b->spans_count] = next;
	if (cells_count)
		memcpy(cells, b->cells, cells_count * sizeof(*cells));
}

struct mv_snapshot *snapbuild_make(const struct snapbuild *b)
{
	size_t names_len, cells_count;
	size_t total = bytes_needed(b, &names_len, &cells_count);
	struct mv_snapshot *s = calloc(1, total);
	uint64_t at = (sizeof(*s) + 7) & ~UINT64_C(7);

	if (!s)
		abort();
	*s = b->head;
	s->magic = MV_SNAPSHOT_MAGIC;
	if (!s->counters_ns)
		s->counters_ns = s->taken_ns;
	struct mv_mapping *maps = section(s, &s->mappings, &at, b->count, sizeof(*maps));
	char *names = section(s, &s->names, &at, names_len, 1);
	fill_mappings(b, maps, names);
	uint8_t *seen = section(s, &s->seen, &at, b->count, 1);
	for (size_t i = 0; i < b->count; i++)
		seen[i] = (uint8_t)((b->rows[i].no_tally || b->without_tallies ? 0 : MV_SEEN_PAGES) |
				    (b->rows[i].no_smaps || b->without_smaps ? 0 : MV_SEEN_SMAPS));
	struct mv_tally *tallies =
	    section(s, &s->tallies, &at, b->without_tallies ? 0 : b->count, sizeof(*tallies));
	for (size_t i = 0; i < s->tallies.count; i++) {
		memcpy(tallies[i].state, b->rows[i].state, sizeof(tallies[i].state));
		tallies[i].huge = b->rows[i].huge;
	}
	struct mv_smaps_row *smaps =
	    section(s, &s->smaps, &at, b->without_smaps ? 0 : b->count, sizeof(*smaps));
	if (s->smaps.count)
		fill_smaps(b, smaps);
	struct mv_mapping_tables *tables =
	    section(s, &s->mapping_tables, &at, b->without_tables ? 0 : b->count, sizeof(*tables));
	for (size_t i = 0; i < s->mapping_tables.count; i++)
		tables[i] = b->rows[i].tables;
	fill_grid(b, s, &at, cells_count);
	uint8_t *bytes = section(s, &s->page_bytes_read, &at, b->page_bytes_count, 1);
	if (b->page_bytes_count)
		memcpy(bytes, b->page_bytes, b->page_bytes_count);
	char *cmdline = section(s, &s->cmdline, &at, b->cmdline_len, 1);
	if (b->cmdline_len)
		memcpy(cmdline, b->cmdline, b->cmdline_len);
	char *title = section(s, &s->title, &at, strlen(b->title) + 1, 1);
	strcpy(title, b->title);
	s->length = at;
	return snapbuild_add_heap(snapbuild_add_trace(s, &b->trace), &b->heap);
}

void snapbuild_context(struct mv_context *ctx, const struct mv_snapshot *snap, const struct mv_delta *delta,
		       struct mv_keeper_status *status)
{
	memset(ctx, 0, sizeof(*ctx));
	memset(status, 0, sizeof(*status));
	status->pid = snap ? snap->stat.pid : 4711;
	status->collectors = 1;
	ctx->snap = snap;
	ctx->delta = delta;
	ctx->status = status;
	ctx->now_ns = (snap ? snap->taken_ns : 100 * MV_NS_PER_SEC) + MV_NS_PER_SEC / 5;
	ctx->now_real_ns =
	    (snap ? snap->taken_real_ns : UINT64_C(1700000000) * MV_NS_PER_SEC) + MV_NS_PER_SEC / 5;
	ctx->interval_ms = 1000;
	ctx->page_cols = 1;
	ctx->theme = MV_TEXT("dark");
	ctx->own_cpu_percent = -1;
}

static size_t put_utf8(char *out, char32_t ch)
{
	if (ch < 0x80) {
		out[0] = (char)ch;
		return 1;
	}
	size_t n = ch < 0x800 ? 2 : ch < 0x10000 ? 3 : 4;
	static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = n; i-- > 1; ch >>= 6)
		out[i] = (char)(0x80 | (ch & 0x3f));
	out[0] = (char)(lead[n] | ch);
	return n;
}

const char *snapbuild_line(const struct mv_canvas *c, int y)
{
	static char lines[4][8192];
	static unsigned turn;
	char *out = lines[turn++ % 4];
	size_t len = 0;

	for (int x = 0; x < c->cols && len + 16 < sizeof(lines[0]); x++) {
		const struct mv_cell *cell = mv_canvas_at(c, y, x);

		for (int i = 0; cell && i < 3 && cell->ch[i]; i++)
			len += put_utf8(out + len, cell->ch[i]);
	}
	while (len && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
	return out;
}

bool snapbuild_shows(const struct mv_canvas *c, const char *text)
{
	for (int y = 0; y < c->rows; y++)
		if (strstr(snapbuild_line(c, y), text))
			return true;
	return false;
}

#define PY   "/usr/bin/python3.11"
#define LIBC "/usr/lib/x86_64-linux-gnu/libc.so.6"
const struct snapbuild_row snapbuild_python[] = {
    {.start = 0x55d1c0a00000,
     .end = 0x55d1c0a1f000,
     .perms = "r--p",
     .kind = MV_KIND_RODATA,
     .name = PY,
     .inode = 100,
     .dev_minor = 1,
     .state[MV_PAGE_FILE] = 31,
     .kib[MV_SMAPS_PSS] = 40},
    {.start = 0x55d1c0a1f000,
     .end = 0x55d1c0cff000,
     .perms = "r-xp",
     .kind = MV_KIND_TEXT,
     .name = PY,
     .offset = 0x1f000,
     .inode = 100,
     .dev_minor = 1,
     .state[MV_PAGE_FILE] = 420,
     .kib[MV_SMAPS_PSS] = 560},
    {.start = 0x55d1c0cff000,
     .end = 0x55d1c0d47000,
     .perms = "rw-p",
     .kind = MV_KIND_DATA,
     .name = PY,
     .offset = 0x2ff000,
     .inode = 100,
     .dev_minor = 1,
     .state[MV_PAGE_COW] = 60,
     .state[MV_PAGE_FILE] = 12,
     .kib[MV_SMAPS_PSS] = 264,
     .kib[MV_SMAPS_PRIVATE_DIRTY] = 240},
    {.start = 0x55d1c2a00000,
     .end = 0x55d1c2a21000,
     .perms = "rw-p",
     .kind = MV_KIND_HEAP,
     .name = "[heap]",
     .state[MV_PAGE_ANON] = 31,
     .kib[MV_SMAPS_PSS] = 124,
     .kib[MV_SMAPS_PRIVATE_DIRTY] = 124},
    {.start = 0x7f3a0b7ff000, .end = 0x7f3a0b800000, .perms = "---p", .kind = MV_KIND_GUARD, .name = ""},
    {.start = 0x7f3a0b800000,
     .end = 0x7f3a0c000000,
     .perms = "rw-p",
     .kind = MV_KIND_THREAD_STACK,
     .name = "",
     .state[MV_PAGE_ANON] = 4,
     .kib[MV_SMAPS_PSS] = 16,
     .kib[MV_SMAPS_PRIVATE_DIRTY] = 16},
    {.start = 0x7f3a12000000,
     .end = 0x7f3a18400000,
     .perms = "rw-p",
     .kind = MV_KIND_ANON,
     .name = "",
     .state[MV_PAGE_ANON] = 10560,
     .kib[MV_SMAPS_PSS] = 42240,
     .kib[MV_SMAPS_PRIVATE_DIRTY] = 42240},
    {.start = 0x7f3a20000000,
     .end = 0x7f3a20026000,
     .perms = "r--p",
     .kind = MV_KIND_RODATA,
     .name = LIBC,
     .inode = 200,
     .dev_minor = 1,
     .state[MV_PAGE_FILE] = 38,
     .kib[MV_SMAPS_PSS] = 3},
    {.start = 0x7f3a20026000,
     .end = 0x7f3a2017b000,
     .perms = "r-xp",
     .kind = MV_KIND_TEXT,
     .name = LIBC,
     .offset = 0x26000,
     .inode = 200,
     .dev_minor = 1,
     .state[MV_PAGE_FILE] = 240,
     .kib[MV_SMAPS_PSS] = 24},
    {.start = 0x7f3a2017b000,
     .end = 0x7f3a201ce000,
     .perms = "r--p",
     .kind = MV_KIND_RODATA,
     .name = LIBC,
     .offset = 0x17b000,
     .inode = 200,
     .dev_minor = 1,
     .state[MV_PAGE_FILE] = 64,
     .kib[MV_SMAPS_PSS] = 9},
    {.start = 0x7f3a201ce000,
     .end = 0x7f3a201d2000,
     .perms = "r--p",
     .kind = MV_KIND_DATA,
     .name = LIBC,
     .offset = 0x1ce000,
     .inode = 200,
     .dev_minor = 1,
     .state[MV_PAGE_COW] = 4,
     .kib[MV_SMAPS_PSS] = 16,
     .kib[MV_SMAPS_PRIVATE_DIRTY] = 16},
    {.start = 0x7f3a201d2000,
     .end = 0x7f3a201d4000,
     .perms = "rw-p",
     .kind = MV_KIND_DATA,
     .name = LIBC,
     .offset = 0x1d2000,
     .inode = 200,
     .dev_minor = 1,
     .state[MV_PAGE_COW] = 2,
     .kib[MV_SMAPS_PSS] = 8,
     .kib[MV_SMAPS_PRIVATE_DIRTY] = 8},
    {.start = 0x7f3a201d4000,
     .end = 0x7f3a201e1000,
     .perms = "rw-p",
     .kind = MV_KIND_BSS,
     .name = "",
     .state[MV_PAGE_ANON] = 5,
     .kib[MV_SMAPS_PSS] = 20,
     .kib[MV_SMAPS_PRIVATE_DIRTY] = 20},
    {.start = 0x7f3a20300000,
     .end = 0x7f3a20304000,
     .perms = "rw-s",
     .kind = MV_KIND_SHARED,
     .name = "/dev/shm/한국어 이름",
     .inode = 7,
     .dev_minor = 22,
     .state[MV_PAGE_SHMEM] = 3,
     .kib[MV_SMAPS_PSS] = 6,
     .kib[MV_SMAPS_SHARED_DIRTY] = 12},
    {.start = 0x7ffe5d500000,
     .end = 0x7ffe5d521000,
     .perms = "rw-p",
     .kind = MV_KIND_STACK,
     .name = "[stack]",
     .state[MV_PAGE_ANON] = 9,
     .kib[MV_SMAPS_PSS] = 36,
     .kib[MV_SMAPS_PRIVATE_DIRTY] = 36},
    {.start = 0x7ffe5d5f0000, .end = 0x7ffe5d5f4000, .perms = "r--p", .kind = MV_KIND_VVAR, .name = "[vvar]"},
    {.start = 0x7ffe5d5f4000,
     .end = 0x7ffe5d5f6000,
     .perms = "r-xp",
     .kind = MV_KIND_VDSO,
     .name = "[vdso]",
     .state[MV_PAGE_FILE] = 1},
};
const size_t snapbuild_python_count = MV_COUNT_OF(snapbuild_python);
