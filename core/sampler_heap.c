/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sampler_heap.h"
#include "core/sampler_trace.h"

/*
 * The malloc heap and its lost blocks: a helper process (leaks.h) copies and walks, now and then for the heap
 * alone, on demand for a leak scan; here its runs are begun and ended and what they found is kept for the
 * next snapshots.
 */

#define SHARE_HEAP  20			 /* a reading takes at most a twentieth of a core */
#define LEAST_NS    MV_NS_PER_SEC	 /* between two readings */
#define FAILED_NS   (3 * MV_NS_PER_SEC)	 /* after one without figures */
#define PROGRESS_NS (MV_NS_PER_SEC / 10) /* how often a scan's progress is told */
#define DEADLINE_MS 60000
#define TORN_MAX    5
#define NAMES_NS    (5 * MV_NS_PER_SEC) /* what blocks begin with is waited for so long */
#define KEEP_NS \
	(10 * MV_NS_PER_SEC) /* the blocks stay so long when nobody looks: one looks at a side again */

struct heap {
	struct heap_picture pic;
	bool wanted, whole;	  /* whole: a reading that began after the want is still to come */
	struct mv_leaks_run *run; /* under way */
	enum mv_leaks_mode mode;
	struct mv_leaks_run *kept; /* of the newest figures: its blocks are what the picture is made of */
	uint32_t seq;		   /* of the newest want that asked for a scan */
	uint32_t asked, flags;	   /* that scan, not begun yet; 0 none */
	uint32_t gen, sized_gen;
	struct mv_heap_sized sized; /* of the reading sized_gen */
	unsigned torn;		    /* scans in a row that did not add up */
	bool unnamed;		    /* what groups begin with is being asked for */
	uint64_t name_until_ns;	    /* and waited for so long */
	uint64_t due_ns, told_ns, idle_ns, played_ns;
};

static void let_go(struct heap *h)
{
	mv_leaks_free(h->run);
	mv_leaks_free(h->kept);
	h->run = h->kept = NULL;
	if (!h->pic.heap_owned)
		h->pic.heap = NULL;
}

void heap_release(struct mv_sampler *s)
{
	if (!s->heap)
		return;
	let_go(s->heap);
	mv_heap_fixture_release(&s->heap->pic);
	free(s->heap);
	s->heap = NULL;
}

/* Another program: nothing that was known holds. */
void heap_exec(struct mv_sampler *s)
{
	struct heap *h = s->heap;

	if (!h)
		return;
	let_go(h);
	mv_heap_fixture_release(&h->pic);
	h->due_ns = 0;
}

void heap_want(struct mv_sampler *s, const struct mv_want *want)
{
	struct heap *h = s->heap;

	if (!h && !(want->facts & MV_FACT_HEAP))
		return;
	if (!h)
		h = s->heap = calloc(1, sizeof(*h));
	if (!h)
		return;
	h->wanted = want->facts & MV_FACT_HEAP;
	h->idle_ns = h->wanted ? 0 : mv_source_now(s->source);
	/* A scan that was asked for goes on. */
	if (!h->wanted && h->run && h->mode == MV_LEAKS_HEAP) {
		mv_leaks_free(h->run);
		h->run = NULL;
	}
	if (h->wanted && want->leaks_seq && want->leaks_seq != h->seq) {
		h->seq = h->asked = want->leaks_seq;
		h->flags = want->leaks_flags;
	}
	h->whole = h->wanted && want->facts & MV_FACT_WHOLE;
	if (h->whole)
		h->due_ns = 0;
}

/* ---- what a run has found ---- */

static enum mv_heap_reason reason_of(const struct mv_leaks *l)
{
	if (l->heap.reason != MV_HEAP_NOT_READ && l->heap.reason < MV_HEAP__N)
		return (enum mv_heap_reason)l->heap.reason;
	switch ((enum mv_leaks_why)l->why) {
	case MV_LEAKS_WHY_GONE:
		return MV_HEAP_GONE;
	case MV_LEAKS_WHY_NO_HEAP:
		return MV_HEAP_NO_HEAP;
	case MV_LEAKS_WHY_TORN:
		return MV_HEAP_CHANGING;
	case MV_LEAKS_WHY_DENIED:
		return MV_HEAP_NOT_ALLOWED;
	case MV_LEAKS_WHY_FOREIGN:
		return MV_HEAP_BITS32;
	case MV_LEAKS_WHY_NO_ROOM:
		return MV_HEAP_TOO_BIG;
	case MV_LEAKS_WHY_LATE:
	case MV_LEAKS_WHY_NO_TIME:
		return MV_HEAP_LATE;
	default:
		return MV_HEAP_IO;
	}
}

/* A copy of an array; NULL and a count of 0 when memory runs out. */
static void *copied(const void *from, uint64_t count, size_t size, uint32_t *ret_count)
{
	void *to = count && count <= UINT32_MAX ? malloc((size_t)count * size) : NULL;

	*ret_count = to ? (uint32_t)count : 0;
	return to ? memcpy(to, from, (size_t)count * size) : NULL;
}

static void take_sizes(struct heap_picture *p, const struct mv_heap *heap)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MV_HEAP_CLASSES; i++)
		count += heap->classes[i].used_blocks || heap->classes[i].free_blocks;
	free(p->sizes);
	p->sizes = count ? malloc(count * sizeof(*p->sizes)) : NULL;
	p->sizes_count = 0;
	for (uint32_t i = 0; p->sizes && i < MV_HEAP_CLASSES; i++) {
		struct mv_heap_size *z = &p->sizes[p->sizes_count];

		if (!heap->classes[i].used_blocks && !heap->classes[i].free_blocks)
			continue;
		mv_heap_class_sizes(i, &z->first, &z->last);
		z->c = heap->classes[i];
		p->sizes_count++;
	}
}

static uint64_t region_bytes(const struct mv_heap_region *r)
{
	return r->end - r->start;
}

/* The size from which on a region is among the largest so many. */
static uint64_t least_bytes(const struct mv_heap *heap, uint32_t most)
{
	uint64_t low = 0, high = UINT64_C(1) << 57;

	while (low + 1 < high) {
		uint64_t middle = low + (high - low) / 2;
		size_t n = 0;

		for (size_t i = 0; i < heap->region_count; i++)
			n += region_bytes(&heap->regions[i]) >= middle;
		if (n > most)
			low = middle;
		else
			high = middle;
	}
	return high;
}

static void take_stretches(struct heap_picture *p, const struct mv_heap *heap)
{
	uint64_t least = 0;

	free(p->stretches);
	p->stretches = NULL;
	p->stretches_count = 0;
	if (!heap->regions) /* they come with the blocks */
		return;
	if (heap->region_count > MV_HEAP_STRETCHES)
		least = least_bytes(heap, MV_HEAP_STRETCHES);
	p->stretches = heap->region_count ? malloc(heap->region_count * sizeof(*p->stretches)) : NULL;
	for (size_t i = 0; p->stretches && i < heap->region_count; i++) {
		const struct mv_heap_region *r = &heap->regions[i];

		if (region_bytes(r) >= least && r->start < r->end)
			p->stretches[p->stretches_count++] =
			    (struct mv_heap_stretch){r->start, r->end, r->arena, r->kind, r->count};
	}
}

static void take_figures(struct mv_heap_head *d, const struct mv_leaks *l, uint64_t now_ns)
{
	const struct mv_heap *h = &l->heap;

	/* A scan does not say when it made its copies: it has ended just now. */
	d->at_ns = h->began_ns ? h->began_ns : now_ns;
	d->took_ns = h->began_ns ? h->ended_ns - h->began_ns : l->took_ns;
	memcpy(d->sum, h->sum, sizeof(d->sum));
	d->mallinfo = h->mallinfo;
	d->system_bytes = h->system_bytes;
	d->resident_bytes = h->resident_bytes;
	d->free_resident_bytes = h->free_resident_bytes;
	d->top_resident_bytes = h->top_resident_bytes;
	d->trimmable_bytes = h->trimmable_bytes;
	d->max_free_bytes = h->max_free_bytes;
	d->fragmentation = h->fragmentation;
	d->tcaches = h->tcaches;
	d->version_first = h->version_first;
	d->version_last = h->version_last;
	d->mmapped_found = h->mmapped_found;
	d->still = h->still;
	d->caches_exact = h->caches_exact;
	d->tries = h->tries;
}

static bool take_heap(struct mv_sampler *s, const struct mv_leaks *l)
{
	struct heap *h = s->heap;
	struct heap_picture *p = &h->pic;
	const enum mv_heap_reason reason = reason_of(l);

	p->head.reason = reason;
	p->head.allocator = l->heap.allocator;
	p->head.broke_at = l->heap.broke_at;
	p->head.broke_after = l->heap.broke_after;
	p->head.asked_ns = mv_source_now(s->source);
	free(p->owners);
	p->owners =
	    copied(l->heap.owners.at, l->heap.owners.count <= MV_ALLOCATOR__N ? l->heap.owners.count : 0,
		   sizeof(*p->owners), &p->owners_count);
	if (reason != MV_HEAP_HAVE)
		return false;
	take_figures(&p->head, l, mv_source_now(s->source));
	p->head.gen = ++h->gen;
	free(p->arenas);
	p->arenas = copied(l->heap.arenas, l->heap.arena_count, sizeof(*p->arenas), &p->arenas_count);
	take_sizes(p, &l->heap);
	take_stretches(p, &l->heap);
	return true;
}

static struct mv_heap_sum sum_of(uint64_t blocks, uint64_t bytes)
{
	return (struct mv_heap_sum){.blocks = blocks, .bytes = bytes};
}

/* Offset of a copy, cleaned; 0 when memory runs out. */
static uint32_t add_text(struct heap_picture *p, const char *raw, size_t bytes)
{
	char clean[1024];
	const char *text = mv_clean_into(clean, sizeof(clean), raw, bytes).text;
	const uint32_t at = p->text_len ? p->text_len : 1;
	const size_t len = strlen(text) + 1;
	char *more = realloc(p->text, at + len);

	if (!more)
		return 0;
	more[0] = '\0';
	memcpy(more + at, text, len);
	p->text = more;
	p->text_len = at + (uint32_t)len;
	return at;
}

static void take_leaks(struct mv_sampler *s, const struct mv_leaks *l)
{
	struct heap_picture *p = &s->heap->pic;
	struct mv_leaks_head *d = &p->leaks;
	const struct mv_leaks_head had = *d;

	*d = (struct mv_leaks_head){
	    .state = MV_LEAKS_STATE_DONE,
	    .seq = had.seq,
	    .mode = had.mode,
	    .progress = had.progress,
	    .why = l->why,
	    .heap_reason = l->heap.reason,
	    .error = l->error,
	    .rounds = l->rounds,
	    .at_ns = mv_source_now(s->source),
	    .stopped_ns = l->stopped_ns,
	    .took_ns = l->took_ns,
	    .scanned_bytes = l->scanned_bytes,
	    .heap_bytes = l->heap_bytes,
	    .roots_bytes = l->roots_bytes,
	    .swapped_bytes = l->swapped_bytes,
	    .absent_bytes = l->absent_bytes,
	    .unreadable_bytes = l->unreadable_bytes,
	    .threads = l->threads,
	    .threads_unseen = l->threads_unseen,
	    .dead_stacks = l->dead_stacks,
	    .groups_left_out = l->groups_left_out,
	    .blocks = l->blocks,
	    .bytes = l->bytes,
	    .lost = sum_of(l->lost.blocks, l->lost.bytes),
	    .direct = sum_of(l->direct.blocks, l->direct.bytes),
	    .indirect = sum_of(l->indirect.blocks, l->indirect.bytes),
	    .interior_only = sum_of(l->interior_only.blocks, l->interior_only.bytes),
	    .cost_ns = had.cost_ns,
	    .cost = had.cost,
	};
	free(p->groups);
	free(p->links);
	free(p->text);
	p->groups = NULL;
	p->links = NULL;
	p->text = NULL;
	p->groups_count = p->links_count = p->text_len = 0;
	if (l->why != MV_LEAKS_WHY_NONE || !l->groups_count)
		return;
	p->groups = calloc(l->groups_count, sizeof(*p->groups));
	for (uint32_t i = 0; p->groups && i < l->groups_count; i++) {
		struct mv_leak_group *g = &p->groups[i];

		g->g = l->groups[i];
		if (g->g.what == MV_FIRST_TEXT)
			g->text = add_text(p, g->g.text, strnlen(g->g.text, sizeof(g->g.text)));
		p->groups_count++;
	}
	if (p->groups)
		p->links = copied(l->links, l->links_count, sizeof(*p->links), &p->links_count);
}

/* ---- names of what lost blocks begin with ---- */

/* Code of the same file as a mapping's; 0 none. */
static uint64_t code_beside(const struct mv_maps *maps, uint32_t mapping)
{
	const struct mv_mapping *m = &maps->at[mapping];

	for (uint32_t i = 0; i < maps->count; i++)
		if (maps->at[i].perms & MV_PERM_X && maps->at[i].object == m->object && m->inode)
			return maps->at[i].start;
	return 0;
}

/* True: its answer is still to come. */
static bool name_group(struct mv_sampler *s, struct mv_leak_group *g)
{
	struct mv_symboliser *symboliser = s->calls->symboliser;
	const uint64_t address = g->g.first_word;
	const uint32_t mapping = mv_maps_find(s->maps.at, s->maps.count, address);
	uint32_t offset;
	const char *name;
	char text[1100];
	uint64_t code;

	if (g->g.what != MV_FIRST_IMAGE || g->name || mapping >= s->maps.count ||
	    s->maps.at[mapping].start > address)
		return false;
	code = code_beside(&s->maps, mapping);
	if (!code || mv_symboliser_object(symboliser, address, code) < 0)
		return false;
	if (mv_symboliser_line_of(symboliser, address, &name, &offset) < 0)
		return true;
	if (!name)
		return false;
	/* An object's first word points behind the two words that a vtable begins with. */
	if (offset == 0 || (offset == 16 && strncmp(name, "vtable for ", 11) == 0))
		snprintf(text, sizeof(text), "%s", name);
	else
		snprintf(text, sizeof(text), "%s+0x%x", name, offset);
	g->name = add_text(&s->heap->pic, text, strlen(text));
	s->changed = true;
	return false;
}

static void name_groups(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct heap *h = s->heap;
	const uint64_t now_ns = mv_source_now(s->source);
	bool pending = false;

	if (now_ns < h->name_until_ns && calls_want_objects(s, true)) {
		if (calls_settling(s, ret_next_ns))
			return;
		for (uint32_t i = 0; i < h->pic.groups_count; i++)
			pending |= name_group(s, &h->pic.groups[i]);
	}
	if (pending) {
		*ret_next_ns = h->name_until_ns < *ret_next_ns ? h->name_until_ns : *ret_next_ns;
		return;
	}
	calls_want_objects(s, false);
	h->unnamed = false;
	s->changed = true;
}

static void take_run(struct mv_sampler *s, const struct mv_leaks *l)
{
	struct heap *h = s->heap;
	const uint64_t now_ns = mv_source_now(s->source);
	bool have;

	/* One look at a busy heap may be torn; several in a row say something. */
	if (h->mode == MV_LEAKS_SCAN && l->why == MV_LEAKS_WHY_TORN && ++h->torn < TORN_MAX) {
		h->asked = h->pic.leaks.seq;
		mv_leaks_free(h->run);
		h->run = NULL;
		return;
	}
	h->torn = 0;
	have = take_heap(s, l);
	if (h->mode != MV_LEAKS_HEAP) {
		take_leaks(s, l);
		h->unnamed = h->pic.groups_count != 0;
		h->name_until_ns = now_ns + NAMES_NS;
	}
	h->due_ns = now_ns + (have ? LEAST_NS : FAILED_NS);
	if (l->took_ns * SHARE_HEAP > h->due_ns - now_ns)
		h->due_ns = now_ns + l->took_ns * SHARE_HEAP;
	if (have) {
		mv_leaks_free(h->kept);
		h->kept = h->run;
		h->pic.heap = &l->heap;
	} else {
		mv_leaks_free(h->run);
	}
	h->run = NULL;
	h->whole = false;
	s->changed = true;
}

/* ---- runs ---- */

static void begin(struct mv_sampler *s, enum mv_leaks_mode mode)
{
	struct heap *h = s->heap;
	const struct mv_leaks_options options = {
	    .mode = mode, .deadline_ms = DEADLINE_MS, .want_blocks = !WHOLE(s) || h->flags};
	int r = mv_leaks_begin(s->source, s->target, &options, &h->run);

	h->mode = mode;
	if (mode != MV_LEAKS_HEAP) {
		h->pic.leaks.state = MV_LEAKS_STATE_RUNS;
		h->pic.leaks.seq = h->asked;
		h->pic.leaks.mode = mode;
		h->asked = 0;
		s->changed = true;
	}
	if (r < 0) {
		const struct mv_leaks failed = {.mode = mode, .why = MV_LEAKS_WHY_FAILED, .error = -r};

		h->run = NULL;
		take_run(s, &failed);
	}
}

static void work_out_cost(struct mv_sampler *s)
{
	struct heap *h = s->heap;
	struct mv_leaks_head *d = &h->pic.leaks;

	if (mv_leaks_cost(s->source, s->target, &s->maps, MV_LEAKS_EXACT, &d->cost) < 0)
		d->cost = (struct mv_leaks_cost){0};
	d->cost_ns = mv_source_now(s->source);
	d->seq = h->asked;
	h->asked = 0;
	s->changed = true;
}

static bool follow(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct heap *h = s->heap;
	const uint64_t now_ns = mv_source_now(s->source);
	uint64_t due_ns = mv_leaks_deadline_ns(h->run);
	const struct mv_leaks *l;

	if (mv_leaks_finish(h->run, &l) == 0) {
		take_run(s, l);
		return true;
	}
	if (h->mode != MV_LEAKS_HEAP) {
		if (now_ns - h->told_ns >= PROGRESS_NS) {
			h->pic.leaks.progress = mv_leaks_progress(h->run);
			h->told_ns = now_ns;
			s->changed = true;
		}
		due_ns = h->told_ns + PROGRESS_NS < due_ns ? h->told_ns + PROGRESS_NS : due_ns;
	}
	*ret_next_ns = due_ns < *ret_next_ns ? due_ns : *ret_next_ns;
	return false;
}

bool heap_work(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct heap *h = s->heap;
	const uint64_t now_ns = mv_source_now(s->source);

	if (!h)
		return false;
	if (!mv_source_is_live(s->source)) {
		if (h->wanted && (h->played_ns != s->counters_ns || h->asked))
			mv_heap_fixture_read(s->target, now_ns, h->seq, h->flags, &h->pic);
		h->played_ns = s->counters_ns;
		h->asked = 0;
		h->whole = false;
		return false;
	}
	if (h->unnamed)
		name_groups(s, ret_next_ns);
	if (h->run)
		return follow(s, ret_next_ns);
	if (!h->wanted) {
		if (now_ns - h->idle_ns >= KEEP_NS)
			let_go(h);
		else if (h->kept && h->idle_ns + KEEP_NS < *ret_next_ns)
			*ret_next_ns = h->idle_ns + KEEP_NS;
		return false;
	}
	if (s->life != MV_LIFE_ALIVE && h->pic.head.reason == MV_HEAP_HAVE) {
		h->pic.head.reason = MV_HEAP_GONE; /* the figures stay */
		s->changed = true;
	}
	if (s->life != MV_LIFE_ALIVE || list_is_to_come(s))
		return false;
	if (h->asked && h->flags & MV_LEAKS_WANT_COST) {
		work_out_cost(s);
		return true;
	}
	if (h->asked) {
		begin(s, h->flags & MV_LEAKS_WANT_EXACT ? MV_LEAKS_EXACT : MV_LEAKS_SCAN);
		return true;
	}
	if (!h->whole && (!s->want.interval_ms || WHOLE(s)) && h->pic.head.asked_ns)
		return false;
	if (now_ns >= h->due_ns) {
		begin(s, MV_LEAKS_HEAP);
		return true;
	}
	*ret_next_ns = h->due_ns < *ret_next_ns ? h->due_ns : *ret_next_ns;
	return false;
}

bool heap_waiting(const struct mv_sampler *s)
{
	const struct heap *h = s->heap;

	return h && h->wanted && WHOLE(s) && mv_source_is_live(s->source) && s->life == MV_LIFE_ALIVE &&
	       (h->run || h->asked || h->whole || h->unnamed);
}

size_t heap_fds(const struct mv_sampler *s, int *fds, size_t cap)
{
	if (!s->heap || !s->heap->run || !cap)
		return 0;
	fds[0] = mv_leaks_fd(s->heap->run);
	return 1;
}

/* ---- snapshots ---- */

/* Wants come from a process with fewer rights: a window that makes no sense is none. */
static uint64_t cells_count(const struct mv_sampler *s)
{
	const struct mv_range *w = &s->want.heap_window;
	uint64_t n;

	if (!s->heap || w->start >= w->end || s->want.heap_cell_bytes < 16 || !s->heap->pic.heap)
		return 0;
	n = (w->end - w->start - 1) / s->want.heap_cell_bytes + 1;
	return n <= MV_HEAP_CELLS ? n : 0;
}

void heap_lay_out(const struct mv_sampler *s, struct mv_arena *a, struct heap_layout *l)
{
	static const struct heap_picture none;
	const struct heap_picture *p = s->heap && WANTS(s, HEAP) ? &s->heap->pic : &none;

	l->arenas = section_take(a, p->arenas_count, sizeof(struct mv_heap_arena));
	l->sizes = section_take(a, p->sizes_count, sizeof(struct mv_heap_size));
	l->stretches = section_take(a, p->stretches_count, sizeof(struct mv_heap_stretch));
	l->cells = section_take(a, p == &none ? 0 : cells_count(s), sizeof(struct mv_heap_cell));
	l->marks = section_take(a, s->want.heap_size ? l->cells.count : 0, sizeof(uint64_t));
	l->owners = section_take(a, p->owners_count, sizeof(struct mv_heap_owner));
	l->groups = section_take(a, p->groups_count, sizeof(struct mv_leak_group));
	l->links = section_take(a, p->links_count, sizeof(struct mv_leaks_link));
	l->text = section_take(a, p->text_len, 1);
}

static void put(struct mv_snapshot *b, const struct mv_section *sec, const void *from, size_t size)
{
	if (sec->count)
		memcpy((char *)b + sec->offset, from, (size_t)sec->count * size);
}

static void write_cells(const struct mv_sampler *s, struct mv_snapshot *b, const struct mv_section *sec)
{
	const struct heap *h = s->heap;
	struct mv_heap_cell *cells = (struct mv_heap_cell *)(void *)((char *)b + sec->offset);

	b->heap.window = (struct mv_range){0, 0};
	b->heap.cell_bytes = 0;
	if (!sec->count)
		return;
	b->heap.window = s->want.heap_window;
	b->heap.cell_bytes = s->want.heap_cell_bytes;
	mv_heap_cells(h->pic.heap, b->heap.window, b->heap.cell_bytes, cells, (size_t)sec->count);
}

/* A pass over all blocks is not made again for the same reading. */
static const struct mv_heap_sized *sized_of(const struct mv_sampler *s)
{
	struct heap *h = s->heap;
	const struct mv_want *want = &s->want;

	if (h->sized_gen == h->gen && mv_source_is_live(s->source) && h->sized.size == want->heap_size &&
	    h->sized.near == want->heap_near)
		return &h->sized;
	mv_heap_sized_find(h->pic.heap, want->heap_size, want->heap_near, &h->sized);
	h->sized_gen = h->gen;
	return &h->sized;
}

static void write_sized(const struct mv_sampler *s, struct mv_snapshot *b, const struct mv_section *marks)
{
	const struct mv_heap *heap = s->heap->pic.heap;
	const struct mv_want *want = &s->want;

	if (!heap || !want->heap_size)
		return;
	b->heap_sized = *sized_of(s);
	if (marks->count)
		mv_heap_sized_mark(heap, want->heap_size, want->heap_window, want->heap_cell_bytes,
				   (uint64_t *)(void *)((char *)b + marks->offset), (size_t)marks->count);
}

void heap_write(const struct mv_sampler *s, struct mv_snapshot *b, const struct heap_layout *l)
{
	const struct heap_picture *p;

	b->heap_arenas = l->arenas;
	b->heap_sizes = l->sizes;
	b->heap_stretches = l->stretches;
	b->heap_cells = l->cells;
	b->heap_marks = l->marks;
	b->heap_owners = l->owners;
	b->heap_sized = (struct mv_heap_sized){0};
	b->leak_groups = l->groups;
	b->leak_links = l->links;
	b->heap_text = l->text;
	if (!s->heap || !WANTS(s, HEAP))
		return;
	p = &s->heap->pic;
	b->heap = p->head;
	b->leaks = p->leaks;
	put(b, &l->arenas, p->arenas, sizeof(*p->arenas));
	put(b, &l->sizes, p->sizes, sizeof(*p->sizes));
	put(b, &l->stretches, p->stretches, sizeof(*p->stretches));
	put(b, &l->owners, p->owners, sizeof(*p->owners));
	put(b, &l->groups, p->groups, sizeof(*p->groups));
	put(b, &l->links, p->links, sizeof(*p->links));
	put(b, &l->text, p->text, 1);
	write_cells(s, b, &l->cells);
	write_sized(s, b, &l->marks);
}
