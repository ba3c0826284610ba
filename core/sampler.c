/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_private.h"
#include "core/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Shares of one core that each kind of reading may take in the long run, as 1/n: after a reading that took t,
 * the next waits n * t. Together they stay below PERFORMANCE.md's 3 %.
 */
#define SHARE_MAPS  100
#define SHARE_PAGES 100
#define SHARE_SMAPS 150
#define SHARE_FIRST 1			   /* the first look at a process: half a core */
#define BURST_NS    (MV_NS_PER_SEC / 1000) /* a round this short is done at once, and paced as a whole */

#define MAPS_NS	    MV_NS_PER_SEC	 /* an mprotect moves no counter */
#define PAGES_NS    (5 * MV_NS_PER_SEC)	 /* khugepaged and populate move none either */
#define SMAPS_NS    (10 * MV_NS_PER_SEC) /* others' sharing changes PSS */
#define CGROUP_NS   (2 * MV_NS_PER_SEC)
#define AGES_BYTES  (16u << 20)
#define THREADS_MAX 4096

struct gate sampler_gate(const struct mv_sampler *s)
{
	return (struct gate){
	    .size_pages = s->statm.size_pages,
	    .resident_pages = s->statm.resident_pages,
	    .shared_pages = s->statm.shared_pages,
	    .minor_faults = s->stat.minor_faults,
	    .major_faults = s->stat.major_faults,
	    .swap_kib = s->status.vm_swap_kib.value,
	};
}

bool sampler_gate_equal(const struct gate *a, const struct gate *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Note the end of a costly reading that began at began_ns, and when it may be done again. */
static void paced_done(struct mv_sampler *s, struct paced *p, uint64_t began_ns, unsigned share)
{
	uint64_t now_ns = mv_source_now(s->source);

	p->done_ns = now_ns;
	p->cost_ns = now_ns - began_ns;
	p->due_ns = now_ns + p->cost_ns * share;
	p->wanted_now = false;
}

int mv_sampler_new(struct mv_source *source, struct mv_target *target, struct mv_sampler **ret_sampler)
{
	struct mv_sampler *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->source = source;
	s->target = target;
	s->page_bytes = mv_source_page_bytes(source);
	s->levels = mv_pagetable_levels(source);
	mv_maps_init(&s->maps);
	mv_maps_init(&s->maps_next);
	mv_smaps_init(&s->smaps_next);
	mv_smaps_init(&s->rows);
	s->page_bytes_read = malloc(s->page_bytes);
	r = mv_ages_new(s->page_bytes, AGES_BYTES, &s->ages);
	if (r < 0 || !s->page_bytes_read) {
		mv_sampler_free(s);
		return -ENOMEM;
	}
	*ret_sampler = s;
	return 0;
}

void mv_sampler_free(struct mv_sampler *sampler)
{
	if (!sampler)
		return;
	mv_maps_release(&sampler->maps);
	mv_maps_release(&sampler->maps_next);
	mv_smaps_release(&sampler->smaps_next);
	mv_smaps_release(&sampler->rows);
	mv_ages_free(sampler->ages);
	grid_release(sampler);
	free(sampler->cmdline);
	free(sampler->seen);
	free(sampler->tallies);
	free(sampler->tables);
	free(sampler->tids);
	free(sampler->stack_pointers);
	free(sampler->page_bytes_read);
	free(sampler);
}

static bool same_spans(const struct mv_want *a, const struct mv_want *b)
{
	return a->cell_pages == b->cell_pages && a->spans_count == b->spans_count &&
	       (a->facts & (MV_FACT_GRID | MV_FACT_SHARING)) ==
		   (b->facts & (MV_FACT_GRID | MV_FACT_SHARING)) &&
	       memcmp(a->spans, b->spans, a->spans_count * sizeof(a->spans[0])) == 0;
}

/* Wants come from a process with fewer rights: spans that are not whole pages are none. */
static bool spans_fit(const struct mv_want *want, uint32_t page_bytes)
{
	if (want->spans_count > MV_WANT_SPANS)
		return false;
	for (uint32_t i = 0; i < want->spans_count; i++) {
		const struct mv_range *r = &want->spans[i];

		if (r->start > r->end || (r->start | r->end) & (page_bytes - 1))
			return false;
	}
	return true;
}

void mv_sampler_want(struct mv_sampler *sampler, const struct mv_want *want)
{
	struct mv_want *old = &sampler->want;
	uint32_t fresh = want->facts & ~old->facts;
	bool spans = !same_spans(old, want);

	if (fresh & MV_FACT_SMAPS)
		sampler->smaps_pace.wanted_now = sampler->smaps_pace.done_ns == 0;
	if (fresh & MV_FACT_ROLLUP)
		sampler->rollup_pace.wanted_now = sampler->total_ns == 0;
	if (fresh & MV_FACT_TABLES && !sampler->tables_ns)
		sampler->pages_pace.wanted_now = true;
	if (want->facts & MV_FACT_PAGE && (fresh & MV_FACT_PAGE || want->page != old->page))
		sampler->page_due = true;
	*old = *want;
	if (!spans_fit(old, sampler->page_bytes))
		old->spans_count = 0;
	if (old->cell_pages == 0)
		old->cell_pages = 1;
	if (spans && grid_want(sampler) < 0)
		old->spans_count = 0;
	sampler->urgent = true;
	sampler->changed = true;
}

/* ---- the cheap things ---- */

static void read_cgroup(struct mv_sampler *s, uint64_t now_ns)
{
	if (s->cgroup_ns && now_ns - s->cgroup_ns < CGROUP_NS)
		return;
	s->cgroup_ns = now_ns;
	s->cgroup_why = mv_cgroup_read(s->source, s->target, &s->cgroup) < 0 ? MV_WHY_IO : MV_WHY_HAVE;
	if (s->cgroup_why == MV_WHY_HAVE && s->cgroup.version == 0)
		s->cgroup_why = MV_WHY_NOT_HERE;
	if (mv_oom_read(s->target, &s->oom) < 0)
		s->oom.score = mv_val_missing(MV_WHY_IO);
}

/* Read once: it lies in the target's memory and could fault pages of it in. */
static void read_cmdline(struct mv_sampler *s)
{
	size_t cap = 128 << 10, room;
	char *raw, *out;
	ssize_t n;
	size_t at = 0;

	if (s->cmdline || s->cmdline_why != MV_WHY_NOT_READ)
		return;
	raw = malloc(cap);
	if (!raw)
		return;
	n = mv_target_read(s->target, MV_FILE_CMDLINE, raw, cap);
	s->cmdline_why = n >= 0 ? MV_WHY_HAVE : n == -EACCES ? MV_WHY_NEEDS_PTRACE : MV_WHY_IO;
	room = n > 0 ? mv_clean_bytes(raw, (size_t)n, NULL, 0) + (size_t)n + 1 : 0;
	out = room ? malloc(room) : NULL;
	for (ssize_t i = 0; out && i < n;) {
		size_t len = strnlen(raw + i, (size_t)(n - i));

		at += mv_clean_bytes(raw + i, len, out + at, room - at) + 1;
		i += (ssize_t)len + 1;
	}
	s->cmdline = out;
	s->cmdline_len = at;
	free(raw);
}

static uint64_t start_of(struct mv_sampler *s)
{
	long hz = sysconf(_SC_CLK_TCK);
	char text[128];
	uint64_t up_s, up_cs;
	struct mv_scan scan;
	ssize_t n = mv_source_read(s->source, "uptime", text, sizeof(text));

	if (n <= 0 || hz <= 0)
		return 0;
	scan = (struct mv_scan){text, text + n};
	if (!mv_scan_dec(&scan, &up_s) || !mv_scan_char(&scan, '.') || !mv_scan_dec(&scan, &up_cs))
		return 0;
	return mv_source_now_real(s->source) - (up_s * 100 + up_cs) * 10000000 +
	       s->stat.start_ticks * (MV_NS_PER_SEC / (uint64_t)hz);
}

/* The process has ended: what was known stays as the last picture. */
static int note_end(struct mv_sampler *s)
{
	if (s->life != MV_LIFE_GONE)
		s->changed = s->urgent = true;
	s->life = MV_LIFE_GONE;
	if (s->counters_why != MV_WHY_HAVE)
		s->counters_why = MV_WHY_GONE;
	return -ESRCH;
}

static int read_counters(struct mv_sampler *s)
{
	struct mv_stat stat;
	struct mv_statm statm;
	struct mv_status status;
	int r = mv_stat_read(s->target, &stat);

	if (r == -ESRCH)
		return note_end(s);
	if (r < 0) {
		s->counters_why = r == -EBADMSG ? MV_WHY_MALFORMED : MV_WHY_IO;
		return 0;
	}
	if (stat.state == 'Z' || stat.state == 'X') {
		/* Its memory has gone already: keep the last figures, if there were any. */
		s->life = MV_LIFE_ZOMBIE;
		s->stat.state = stat.state;
		if (s->counters_why != MV_WHY_HAVE)
			s->stat = stat;
		s->changed = true;
		return 0;
	}
	r = mv_statm_read(s->target, &statm);
	if (r == 0)
		r = mv_status_read(s->target, &status);
	if (r == -ESRCH)
		return note_end(s);
	if (r < 0) {
		s->counters_why = MV_WHY_MALFORMED;
		return 0;
	}
	s->life =
	    mv_stat_is_kernel_thread(&stat) || status.kernel_thread ? MV_LIFE_KERNEL_THREAD : MV_LIFE_ALIVE;
	s->stat = stat;
	s->statm = statm;
	s->status = status;
	s->counters_ns = mv_source_now(s->source);
	s->counters_why = MV_WHY_HAVE;
	if (!s->started_real_ns)
		s->started_real_ns = start_of(s);
	s->changed = true;
	return 0;
}

/* ---- mappings ---- */

/* Columns for count mappings, nothing known of any. */
static int fresh_columns(struct mv_sampler *s, uint32_t count)
{
	uint32_t cap = count ? count : 1;
	uint8_t *seen = calloc(cap, 1);
	struct mv_tally *tallies = malloc(cap * sizeof(*tallies));
	struct mv_mapping_tables *tables = malloc(cap * sizeof(*tables));

	if (!seen || !tallies || !tables) {
		free(seen);
		free(tallies);
		free(tables);
		return -ENOMEM;
	}
	free(s->seen);
	free(s->tallies);
	free(s->tables);
	s->seen = seen;
	s->tallies = tallies;
	s->tables = tables;
	return 0;
}

/* The same mapping, perhaps grown, and not another object put in its place. */
static bool same_place(const struct mv_mapping *old, const struct mv_mapping *now)
{
	return (old->start == now->start || old->end == now->end) &&
	       old->end - old->start <= now->end - now->start && old->inode == now->inode &&
	       old->dev_major == now->dev_major && old->dev_minor == now->dev_minor;
}

/* Where each mapping of the new list was in the old one; UINT32_MAX: nowhere. By start, else by end. */
static uint32_t *match_old(const struct mv_maps *old, const struct mv_maps *now)
{
	uint32_t *from = malloc((now->count ? now->count : 1) * sizeof(*from));
	uint32_t i = 0;

	if (!from)
		return NULL;
	for (uint32_t j = 0; j < now->count; j++) {
		const struct mv_mapping *m = &now->at[j];

		while (i < old->count && old->at[i].start < m->start && old->at[i].end < m->end)
			i++;
		from[j] = i < old->count && same_place(&old->at[i], m) ? i : UINT32_MAX;
	}
	return from;
}

/* Rows of smaps in the order of the new list. */
static int realign_rows(struct mv_sampler *s, const uint32_t *from, uint32_t count)
{
	struct mv_smaps_row *rows;

	if (!s->rows.count)
		return 0;
	rows = malloc((count ? count : 1) * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (uint32_t j = 0; j < count; j++)
		if (from[j] != UINT32_MAX)
			rows[j] = s->rows.at[from[j]];
	free(s->rows.at);
	s->rows = (struct mv_smaps){.at = rows, .count = count, .cap = count ? count : 1};
	return 0;
}

/* Bring the columns of the old list into the order of the new one. */
static int realign(struct mv_sampler *s, const struct mv_maps *now)
{
	uint8_t *seen = s->seen;
	struct mv_tally *tallies = s->tallies;
	struct mv_mapping_tables *tables = s->tables;
	uint32_t *from;
	int r;

	if (s->maps.count == 0)
		return fresh_columns(s, now->count);
	from = match_old(&s->maps, now);
	r = from ? realign_rows(s, from, now->count) : -ENOMEM;
	s->seen = NULL;
	s->tallies = NULL;
	s->tables = NULL;
	if (r == 0)
		r = fresh_columns(s, now->count);
	if (r < 0) {
		free(from);
		s->seen = seen;
		s->tallies = tallies;
		s->tables = tables;
		return r;
	}
	for (uint32_t j = 0; j < now->count; j++) {
		if (from[j] == UINT32_MAX)
			continue;
		s->seen[j] = seen[from[j]];
		s->tallies[j] = tallies[from[j]];
		s->tables[j] = tables[from[j]];
	}
	free(from);
	free(seen);
	free(tallies);
	free(tables);
	return 0;
}

static bool same_list(const struct mv_maps *a, const struct mv_maps *b)
{
	return a->count == b->count && a->names_len == b->names_len &&
	       memcmp(a->at, b->at, a->count * sizeof(*a->at)) == 0 &&
	       memcmp(a->names, b->names, a->names_len) == 0;
}

/* maps_next has been read: make it the list. */
static int take_maps(struct mv_sampler *s)
{
	struct mv_maps old;
	int r;

	s->maps_torn = s->maps_next.torn;
	if (s->maps_gen && same_list(&s->maps, &s->maps_next))
		return 0;
	r = realign(s, &s->maps_next);
	if (r < 0)
		return r;
	old = s->maps;
	s->maps = s->maps_next;
	s->maps_next = old;
	/* Starts from the clock: the successor of a replaced collector must not repeat its generations. */
	s->maps_gen = s->maps_gen ? s->maps_gen + 1 : (uint32_t)(mv_source_now(s->source) / 1000000) | 1;
	s->changed = true;
	round_relist(s);
	return 0;
}

static int compare_addr(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t read_stack_pointer(struct mv_sampler *s, int tid)
{
	char name[48], text[256];
	struct mv_scan scan;
	uint64_t sp;
	ssize_t n;
	int i, len = 0;

	/* "task/TID/syscall" */
	memcpy(name, "task/", 5);
	for (i = tid, len = 1; i >= 10; i /= 10)
		len++;
	for (i = len; i > 0; i--, tid /= 10)
		name[4 + i] = (char)('0' + tid % 10);
	memcpy(name + 5 + len, "/syscall", 9);
	n = mv_target_read_named(s->target, name, text, sizeof(text));
	if (n <= 0 || text[0] == 'r') /* "running" */
		return 0;
	/* "NR a1 … a6 SP PC", or "-1 SP PC": the last but one */
	scan = (struct mv_scan){text, text + n};
	for (i = (int)n; i > 0 && text[i - 1] != ' '; i--)
		;
	for (i--; i > 0 && text[i - 1] != ' '; i--)
		;
	scan.at = text + (i > 0 ? i : 0) + 2;
	return scan.at < scan.end && mv_scan_hex(&scan, &sp) ? sp : 0;
}

/* Where the threads' stacks are. A thread that runs keeps the pointer it had when it was seen waiting. */
static void read_threads(struct mv_sampler *s, uint64_t now_ns)
{
	int *tids;
	uint64_t *sps;
	ssize_t n;

	if (s->stat.threads < 2 || s->stat.threads > THREADS_MAX) {
		s->threads = 0;
		return;
	}
	if (s->threads_ns && s->threads_count == s->stat.threads &&
	    now_ns - s->threads_ns < 10 * MV_NS_PER_SEC)
		return;
	tids = calloc(THREADS_MAX, sizeof(*tids));
	sps = calloc(THREADS_MAX, sizeof(*sps));
	n = tids && sps ? mv_target_list(s->target, "task", tids, THREADS_MAX) : -ENOMEM;
	if (n > THREADS_MAX)
		n = THREADS_MAX;
	for (ssize_t i = 0; i < n; i++) {
		/* The main thread's stack is [stack]. */
		sps[i] = tids[i] == s->stat.pid ? 0 : read_stack_pointer(s, tids[i]);
		for (size_t k = 0; !sps[i] && k < s->threads; k++)
			if (s->tids[k] == tids[i])
				sps[i] = s->stack_pointers[k];
	}
	if (n < 0) {
		free(tids);
		free(sps);
		return;
	}
	free(s->tids);
	free(s->stack_pointers);
	s->tids = tids;
	s->stack_pointers = sps;
	s->threads = (size_t)n;
	s->threads_ns = now_ns;
	s->threads_count = s->stat.threads;
}

/* Stack pointers ascending, in a scratch array; *ret_n of them. NULL when there are none. */
static uint64_t *sorted_stacks(const struct mv_sampler *s, size_t *ret_n)
{
	uint64_t *sorted;
	size_t n = 0;

	*ret_n = 0;
	if (!s->threads)
		return NULL;
	sorted = malloc(s->threads * sizeof(*sorted));
	if (!sorted)
		return NULL;
	for (size_t i = 0; i < s->threads; i++)
		if (s->stack_pointers[i])
			sorted[n++] = s->stack_pointers[i];
	qsort(sorted, n, sizeof(*sorted), compare_addr);
	*ret_n = n;
	return sorted;
}

static enum mv_why why_of(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return MV_WHY_NEEDS_PTRACE;
	case -ESRCH:
		return MV_WHY_GONE;
	case -ENOENT:
		return MV_WHY_NO_KERNEL;
	case -EBADMSG:
		return MV_WHY_MALFORMED;
	case -ENOMEM:
		return MV_WHY_NO_MEMORY;
	default:
		return MV_WHY_IO;
	}
}

/* Another program runs now: nothing that was read of the old one holds. */
static void note_exec(struct mv_sampler *s)
{
	s->emptied = false;
	s->epoch++;
	mv_maps_clear(&s->maps);
	s->rows.count = 0;
	mv_ages_clear(s->ages);
	s->round.active = false;
	s->pages_ns = s->tables_ns = s->total_ns = 0;
	s->total_have = false;
	s->smaps_pace = s->rollup_pace = s->pages_pace = (struct paced){0};
	s->threads_ns = 0;
	free(s->cmdline);
	s->cmdline = NULL;
	s->cmdline_len = 0;
	s->cmdline_why = MV_WHY_NOT_READ;
	s->page_due = true;
	grid_want(s);
}

static int read_next(struct mv_sampler *s, bool with_smaps, const uint64_t *stacks, size_t n)
{
	return with_smaps ? mv_smaps_read(s->target, &s->maps_next, &s->smaps_next, stacks, n)
			  : mv_maps_read(s->target, &s->maps_next, stacks, n);
}

/* Read the list, alone or with smaps. */
static int read_list(struct mv_sampler *s, bool with_smaps)
{
	size_t n;
	uint64_t *stacks = sorted_stacks(s, &n);
	int r = read_next(s, with_smaps, stacks, n);

	/* The address space we had open is empty though the process lives: exec has given it another, or it
	 * is on its way out. */
	if (r == 0 && s->maps_next.count == 0 && s->life == MV_LIFE_ALIVE) {
		s->emptied = s->maps.count != 0;
		mv_target_reopen(s->target);
		r = read_next(s, with_smaps, stacks, n);
		/* The last picture of one that ends is worth more than none. */
		if (r == 0 && s->maps_next.count == 0)
			r = -ESRCH;
	}
	free(stacks);
	if (r < 0)
		return r;
	if (s->emptied)
		note_exec(s);
	return take_maps(s);
}

static void read_maps(struct mv_sampler *s)
{
	uint64_t began_ns = mv_source_now(s->source);
	int r;

	read_threads(s, began_ns);
	s->maps_pace.gate = sampler_gate(s);
	r = read_list(s, false);
	if (r != -ESRCH || !s->maps_gen)
		s->maps_pace.why = r < 0 ? why_of(r) : MV_WHY_HAVE;
	paced_done(s, &s->maps_pace, began_ns, SHARE_MAPS);
	s->changed = true;
}

/* ---- smaps ---- */

static void add_up(struct mv_smaps_row *total, const struct mv_smaps_row *rows, uint32_t count)
{
	memset(total, 0, sizeof(*total));
	for (uint32_t i = 0; i < count; i++) {
		total->seen |= rows[i].seen;
		for (unsigned f = 0; f < MV_SMAPS__N; f++)
			total->kib[f] += rows[i].kib[f];
	}
}

static void read_smaps(struct mv_sampler *s)
{
	uint64_t began_ns = mv_source_now(s->source);
	struct mv_smaps rows;
	int r;

	if (WHOLE(s))
		read_threads(s, began_ns);
	s->smaps_pace.gate = sampler_gate(s);
	r = read_list(s, true);
	if (r == 0) {
		/* parallel to the list that came with them */
		rows = s->rows;
		s->rows = s->smaps_next;
		s->smaps_next = rows;
		for (uint32_t i = 0; i < s->maps.count; i++)
			s->seen[i] |= MV_SEEN_SMAPS;
		add_up(&s->total, s->rows.at, s->rows.count);
		s->total_have = true;
		s->total_ns = mv_source_now(s->source);
		s->maps_pace.why = MV_WHY_HAVE;
		s->maps_pace.gate = s->smaps_pace.gate;
		s->maps_pace.done_ns = s->total_ns;
	}
	if (r != -ESRCH || !s->maps_gen)
		s->smaps_pace.why = r < 0 ? why_of(r) : MV_WHY_HAVE;
	paced_done(s, &s->smaps_pace, began_ns, SHARE_SMAPS);
	s->changed = true;
}

static void read_rollup(struct mv_sampler *s)
{
	uint64_t began_ns = mv_source_now(s->source);
	struct mv_smaps_row row;
	int r;

	s->rollup_pace.gate = sampler_gate(s);
	r = mv_rollup_read(s->target, &row);
	/* The address space it was opened on is gone. Who reads no list learns of an exec here. */
	if (r == -ESRCH && !s->maps_gen) {
		mv_target_reopen(s->target);
		r = mv_rollup_read(s->target, &row);
		if (r == 0 && s->total_have)
			note_exec(s);
	}
	if (r == 0) {
		s->total = row;
		s->total_have = true;
		s->total_ns = mv_source_now(s->source);
	}
	if (r != -ESRCH || !s->total_have)
		s->rollup_pace.why = r < 0 ? why_of(r) : MV_WHY_HAVE;
	paced_done(s, &s->rollup_pace, began_ns, SHARE_SMAPS);
	s->changed = true;
}

/* ---- what is due ---- */

static bool readable(const struct paced *p)
{
	return p->why == MV_WHY_NOT_READ || p->why == MV_WHY_HAVE;
}

/* May it be read now: wanted at once, or its time has come and there is a reason (a counter moved, or it is
 * old)? */
static bool due(struct mv_sampler *s, const struct paced *p, uint64_t old_ns, uint64_t *ret_next_ns)
{
	uint64_t now_ns = mv_source_now(s->source);
	struct gate gate = sampler_gate(s);

	if (!readable(p))
		return false;
	if (p->wanted_now || p->done_ns == 0)
		return true;
	if (now_ns < p->due_ns) {
		if (p->due_ns < *ret_next_ns)
			*ret_next_ns = p->due_ns;
		return false;
	}
	return !sampler_gate_equal(&gate, &p->gate) || now_ns - p->done_ns >= old_ns;
}

static bool maps_due(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	uint64_t now_ns = mv_source_now(s->source);
	const struct paced *p = &s->maps_pace;

	if (!readable(p))
		return false;
	if (!p->done_ns)
		return true;
	if (p->gate.size_pages == s->statm.size_pages && now_ns - p->done_ns < MAPS_NS)
		return false;
	if (now_ns >= p->due_ns)
		return true;
	if (p->due_ns < *ret_next_ns)
		*ret_next_ns = p->due_ns;
	return false;
}

static bool has_memory(const struct mv_sampler *s)
{
	return s->life == MV_LIFE_ALIVE && s->counters_why == MV_WHY_HAVE;
}

int mv_sampler_tick(struct mv_sampler *sampler)
{
	int r = sampler->life == MV_LIFE_GONE ? -ESRCH : read_counters(sampler);

	if (r < 0)
		return r;
	read_cgroup(sampler, mv_source_now(sampler->source));
	if (WANTS(sampler, CMDLINE) && has_memory(sampler))
		read_cmdline(sampler);
	if (WANTS(sampler, GRID))
		grid_start(sampler);
	if (WANTS(sampler, PAGE))
		sampler->page_due = true;
	return 0;
}

/* A slice of the round took cost_ns: when may the next come? */
static void pace_round(struct mv_sampler *s, uint64_t cost_ns)
{
	struct round *r = &s->round;
	unsigned share = r->first ? SHARE_FIRST : SHARE_PAGES;
	uint64_t now_ns = mv_source_now(s->source);

	r->cost_ns += cost_ns;
	if (r->cost_ns <= BURST_NS)
		s->pages_pace.due_ns = r->active ? now_ns : now_ns + r->cost_ns * share;
	else
		s->pages_pace.due_ns = now_ns + cost_ns * share;
}

/* The costly things that are due now, dearest last; true when one was done. */
static bool work_paced(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct paced *p = &s->pages_pace;

	if (s->round.active) {
		uint64_t began_ns = mv_source_now(s->source);

		if (!s->round.first && !WHOLE(s) && !p->wanted_now && began_ns < p->due_ns) {
			if (p->due_ns < *ret_next_ns)
				*ret_next_ns = p->due_ns;
		} else {
			round_step(s);
			pace_round(s, mv_source_now(s->source) - began_ns);
			return true;
		}
	} else if (s->want.facts & (MV_FACT_PAGES | MV_FACT_TABLES) && s->maps.count &&
		   due(s, p, PAGES_NS, ret_next_ns)) {
		round_start(s);
		return true;
	}
	if (WANTS(s, SMAPS) && due(s, &s->smaps_pace, SMAPS_NS, ret_next_ns)) {
		read_smaps(s);
		return true;
	}
	if (WANTS(s, ROLLUP) && !WANTS(s, SMAPS) && due(s, &s->rollup_pace, SMAPS_NS, ret_next_ns)) {
		read_rollup(s);
		return true;
	}
	return false;
}

int mv_sampler_work(struct mv_sampler *sampler, uint64_t *ret_due_ns)
{
	uint64_t next_ns = UINT64_MAX;

	*ret_due_ns = UINT64_MAX;
	if (!has_memory(sampler))
		return 0;
	/* In batch mode smaps brings the list along: reading maps as well would be done twice. */
	if (!(WHOLE(sampler) && WANTS(sampler, SMAPS) && readable(&sampler->smaps_pace)) &&
	    sampler->want.facts & ~(uint32_t)(MV_FACT_ROLLUP | MV_FACT_CMDLINE | MV_FACT_WHOLE) &&
	    maps_due(sampler, &next_ns)) {
		read_maps(sampler);
		return 1;
	}
	if (WHOLE(sampler) && WANTS(sampler, SMAPS) && !sampler->smaps_pace.done_ns) {
		read_smaps(sampler);
		return 1;
	}
	if (sampler->grid.active) {
		uint64_t began_ns = mv_source_now(sampler->source);

		if (began_ns >= sampler->grid.pace.due_ns || WHOLE(sampler) ||
		    sampler->grid.pace.wanted_now) {
			grid_step(sampler);
			return 1;
		}
		next_ns = sampler->grid.pace.due_ns < next_ns ? sampler->grid.pace.due_ns : next_ns;
	}
	if (sampler->page_due && WANTS(sampler, PAGE)) {
		page_read(sampler);
		return 1;
	}
	if (work_paced(sampler, &next_ns))
		return 1;
	*ret_due_ns = next_ns;
	return 0;
}

bool mv_sampler_changed(const struct mv_sampler *sampler)
{
	return sampler->changed;
}

int mv_sampler_once(struct mv_sampler *sampler, const struct mv_want *want, struct mv_snapshot **ret_snapshot)
{
	struct mv_want whole = *want;
	struct mv_snapshot *block;
	uint64_t due_ns;

	whole.facts |= MV_FACT_WHOLE;
	sampler->grid.pace.wanted_now = true;
	sampler->maps_pace.done_ns = sampler->smaps_pace.done_ns = sampler->rollup_pace.done_ns = 0;
	sampler->pages_pace.done_ns = sampler->cgroup_ns = 0;
	mv_sampler_want(sampler, &whole);
	mv_sampler_tick(sampler);
	while (mv_sampler_work(sampler, &due_ns) > 0)
		;
	block = aligned_alloc(8, (mv_sampler_snapshot_bytes(sampler) + 7) & ~(size_t)7);
	if (!block)
		return -ENOMEM;
	mv_sampler_snapshot(sampler, block);
	*ret_snapshot = block;
	return 0;
}
