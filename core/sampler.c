/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_private.h"
#include "core/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHARE_PAGES 100			   /* as SHARE_MAPS */
#define SHARE_FIRST 1			   /* the first look at a process: half a core */
#define BURST_NS    (MV_NS_PER_SEC / 1000) /* a round this short is done at once, and paced as a whole */

#define MAPS_NS	   MV_NS_PER_SEC	/* an mprotect moves no counter */
#define PAGES_NS   (5 * MV_NS_PER_SEC)	/* khugepaged and populate move none either */
#define SMAPS_NS   (10 * MV_NS_PER_SEC) /* others' sharing changes PSS */
#define CGROUP_NS  (2 * MV_NS_PER_SEC)
#define AGES_BYTES (16u << 20)

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
	calls_release(sampler);
	heap_release(sampler);
	files_release(sampler);
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
	/* Complete means of now, not what an earlier want was answered with. */
	if (want->facts & MV_FACT_WHOLE) {
		sampler->maps_pace.done_ns = sampler->smaps_pace.done_ns = 0;
		sampler->rollup_pace.done_ns = sampler->pages_pace.done_ns = sampler->cgroup_ns = 0;
	}
	*old = *want;
	if (!spans_fit(old, sampler->page_bytes))
		old->spans_count = 0;
	if (old->cell_pages == 0)
		old->cell_pages = 1;
	if (spans && grid_want(sampler, true) < 0)
		old->spans_count = 0;
	calls_want(sampler, want);
	heap_want(sampler, want);
	files_want(sampler, want);
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
	if (mv_limits_read(s->source, s->target, &s->limits) < 0)
		s->limits.address_bytes = mv_val_missing(MV_WHY_IO);
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

static double rate_of(uint64_t count, uint64_t ns)
{
	return ns ? (double)count * 1e9 / (double)ns : -1;
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
	/* A process that is exiting gives its memory back before it is a zombie: the figures it had stay. */
	if (statm.size_pages == 0 && s->statm.size_pages)
		return 0;
	s->life =
	    mv_stat_is_kernel_thread(&stat) || status.kernel_thread ? MV_LIFE_KERNEL_THREAD : MV_LIFE_ALIVE;
	s->fault_rate =
	    s->counters_ns && s->counters_why == MV_WHY_HAVE && stat.minor_faults >= s->stat.minor_faults
		? rate_of(stat.minor_faults - s->stat.minor_faults, mv_source_now(s->source) - s->counters_ns)
		: -1;
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
	files_tick(sampler);
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
		list_read_smaps(s);
		return true;
	}
	if (WANTS(s, ROLLUP) && !WANTS(s, SMAPS) && due(s, &s->rollup_pace, SMAPS_NS, ret_next_ns)) {
		list_read_rollup(s);
		return true;
	}
	return false;
}

int mv_sampler_work(struct mv_sampler *sampler, uint64_t *ret_due_ns)
{
	uint64_t next_ns = UINT64_MAX;

	*ret_due_ns = UINT64_MAX;
	/* Before all else: rings run over, and the last samples of a process that has ended are still in
	 * them. */
	if (calls_work(sampler, &next_ns) || heap_work(sampler, &next_ns))
		return 1;
	if (!has_memory(sampler)) {
		*ret_due_ns = next_ns;
		return 0;
	}
	/* In batch mode smaps brings the list along: reading maps as well would be done twice. */
	if (!(WHOLE(sampler) && WANTS(sampler, SMAPS) && readable(&sampler->smaps_pace)) &&
	    sampler->want.facts & ~(uint32_t)(MV_FACT_ROLLUP | MV_FACT_CMDLINE | MV_FACT_WHOLE) &&
	    maps_due(sampler, &next_ns)) {
		list_read_maps(sampler);
		return 1;
	}
	if (WHOLE(sampler) && WANTS(sampler, SMAPS) && !sampler->smaps_pace.done_ns) {
		list_read_smaps(sampler);
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
	if (work_paced(sampler, &next_ns) || files_work(sampler, &next_ns))
		return 1;
	*ret_due_ns = next_ns;
	return 0;
}

size_t mv_sampler_fds(const struct mv_sampler *sampler, int *fds, size_t cap)
{
	size_t n = heap_fds(sampler, fds, cap);

	return n + calls_fds(sampler, fds + n, cap - n);
}

void mv_sampler_wake(struct mv_sampler *sampler, int fd)
{
	int of_heap;

	if (!heap_fds(sampler, &of_heap, 1) || of_heap != fd)
		calls_wake(sampler, fd);
}

bool mv_sampler_waits(const struct mv_sampler *sampler)
{
	return calls_waiting(sampler) || heap_waiting(sampler);
}

uint64_t mv_sampler_helper_cpu_ns(const struct mv_sampler *sampler)
{
	return calls_cpu_ns(sampler);
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
	mv_sampler_want(sampler, &whole);
	mv_sampler_tick(sampler);
	while (mv_sampler_work(sampler, &due_ns) > 0)
		;
	block = aligned_alloc(8, (mv_sampler_snapshot_bytes(sampler) + 7) & ~(size_t)7);
	if (!block)
		return -ENOMEM;
	mv_sampler_snapshot(sampler, block, NULL);
	*ret_snapshot = block;
	return 0;
}
