/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_heap.h"
#include "core/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A fixture's PID/heap plays the reading of the heap and the leak scan: its form is told in source.h. What
 * follows from the blocks (sums, sizes, stretches, mallinfo) is worked out here, so that nothing in a file
 * can contradict itself.
 */

#define FILE_BYTES (1u << 20)
#define FIELDS_MAX 24
#define BLOCKS_MAX (1u << 22)

struct reading {
	struct heap_picture *p;
	struct mv_heap *heap;
	struct mv_heap_class *classes;
	uint64_t now_ns, end;	   /* end: of the region so far */
	struct mv_leaks_head scan; /* what a scan would answer */
	struct mv_leaks_cost cost;
	bool have_heap, have_scan, runs;
	int error;
};

static uint64_t hex(const char *text)
{
	return strtoull(text, NULL, 16);
}

static uint64_t dec(const char *text)
{
	return strtoull(text, NULL, 10);
}

static uint32_t dec32(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 10);
}

/* Room for one more element; NULL and the error noted when there is none. */
static void *one_more(struct reading *r, void **array, uint64_t count, size_t bytes)
{
	void *more = reallocarray(*array, count + 1, bytes);

	if (!more) {
		r->error = -ENOMEM;
		return NULL;
	}
	*array = more;
	memset((char *)more + count * bytes, 0, bytes);
	return (char *)more + count * bytes;
}

static uint32_t add_text(struct reading *r, const char *raw)
{
	struct heap_picture *p = r->p;
	size_t bytes = mv_clean_bytes(raw, strlen(raw), NULL, 0) + 1;
	uint32_t at = p->text_len ? p->text_len : 1;
	char *more;

	if (bytes == 1)
		return 0;
	more = realloc(p->text, at + bytes);
	if (!more) {
		r->error = -ENOMEM;
		return 0;
	}
	more[0] = '\0';
	mv_clean_bytes(raw, strlen(raw), more + at, bytes);
	p->text = more;
	p->text_len = at + (uint32_t)bytes;
	return at;
}

/* ---- names of tables; the last when there is none such ---- */

static uint32_t reason_named(const char *json)
{
	for (uint32_t i = 0; i < MV_HEAP__N; i++)
		if (!strcmp(mv_heap_reason_json((enum mv_heap_reason)i), json))
			return i;
	return MV_HEAP_HAVE;
}

static uint32_t allocator_named(const char *json)
{
	for (uint32_t i = 0; i < MV_ALLOCATOR__N; i++)
		if (!strcmp(mv_allocator_json((enum mv_allocator)i), json))
			return i;
	return MV_ALLOCATOR_NONE;
}

static uint32_t state_named(const char *json, size_t len)
{
	for (uint32_t i = 0; i < MV_BLOCK__N; i++)
		if (strlen(mv_block_states[i].json) == len && !strncmp(mv_block_states[i].json, json, len))
			return i;
	return MV_BLOCK_IN_USE;
}

static uint32_t word_named(const char *json)
{
	for (uint32_t i = 0; i < MV_FIRST__N; i++)
		if (!strcmp(mv_first_words[i].json, json))
			return i;
	return MV_FIRST_NUMBER;
}

static uint32_t why_named(const char *json)
{
	for (uint32_t i = 0; i < MV_LEAKS_WHY__N; i++)
		if (!strcmp(mv_leaks_whys[i].json, json))
			return i;
	return MV_LEAKS_WHY_NONE;
}

/* ---- the heap ---- */

/* "heap REASON ALLOCATOR AGO_MS FIGURES_AGO_MS TOOK_US TRIES FIRST LAST FLAGS" */
static void take_heap(struct reading *r, char **f, unsigned n)
{
	struct mv_heap_head *h = &r->p->head;

	if (n < 10)
		return;
	h->reason = strcmp(f[1], "-") ? reason_named(f[1]) : MV_HEAP_HAVE;
	h->allocator = allocator_named(f[2]);
	h->asked_ns = r->now_ns - dec(f[3]) * 1000000;
	h->at_ns = strcmp(f[4], "-") ? r->now_ns - dec(f[4]) * 1000000 : 0;
	h->took_ns = dec(f[5]) * 1000;
	h->tries = (uint8_t)dec32(f[6]);
	h->version_first = dec32(f[7]);
	h->version_last = strcmp(f[8], "-") ? dec32(f[8]) : UINT32_MAX;
	h->still = strchr(f[9], 's');
	h->mmapped_found = strchr(f[9], 'm');
	h->caches_exact = strchr(f[9], 'c');
	h->gen = h->at_ns ? (uint32_t)(h->at_ns / MV_NS_PER_SEC) : 0;
	r->have_heap = true;
}

/* "broke AT AFTER" */
static void take_broke(struct reading *r, char **f, unsigned n)
{
	if (n < 3)
		return;
	r->p->head.broke_at = hex(f[1]);
	r->p->head.broke_after = hex(f[2]);
}

/* "arena ADDRESS SYSTEM RESIDENT FREE_RESIDENT TOP_RESIDENT TRIMMABLE SEGMENTS TCACHES FLAGS" */
static void take_arena(struct reading *r, char **f, unsigned n)
{
	struct mv_heap_head *h = &r->p->head;
	struct mv_heap_arena *a;

	if (n < 10 || !(a = one_more(r, (void **)&r->p->arenas, r->p->arenas_count, sizeof(*a))))
		return;
	r->p->arenas_count++;
	a->address = hex(f[1]);
	a->system_bytes = dec(f[2]);
	a->resident_bytes = dec(f[3]);
	a->free_resident_bytes = dec(f[4]);
	a->top_resident_bytes = dec(f[5]);
	a->trimmable_bytes = dec(f[6]);
	a->segments = dec32(f[7]);
	a->is_main = strchr(f[9], 'M');
	a->contiguous = strchr(f[9], 'c');
	a->reconciled = true;
	h->tcaches += dec32(f[8]);
	h->system_bytes += a->system_bytes;
	h->resident_bytes += a->resident_bytes;
	h->free_resident_bytes += a->free_resident_bytes;
	h->top_resident_bytes += a->top_resident_bytes;
	h->trimmable_bytes += a->trimmable_bytes;
}

static uint32_t kind_named(const char *name)
{
	return !strcmp(name, "mmapped") ? MV_REGION_MMAPPED
	       : !strcmp(name, "arena") ? MV_REGION_ARENA
					: MV_REGION_MAIN;
}

/* "region KIND START": of the arena before it */
static void take_region(struct reading *r, char **f, unsigned n)
{
	struct mv_heap_region *region;
	struct mv_heap_stretch *stretch;

	if (n < 3)
		return;
	region = one_more(r, (void **)&r->heap->regions, r->heap->region_count, sizeof(*region));
	stretch = one_more(r, (void **)&r->p->stretches, r->p->stretches_count, sizeof(*stretch));
	if (!region || !stretch)
		return;
	r->heap->region_count++;
	r->p->stretches_count++;
	r->end = hex(f[2]);
	*region = (struct mv_heap_region){.start = r->end,
					  .end = r->end,
					  .kind = kind_named(f[1]),
					  .arena = r->p->arenas_count ? r->p->arenas_count - 1 : 0,
					  .first = r->heap->block_count};
	*stretch = (struct mv_heap_stretch){region->start, region->end, region->arena, region->kind, 0};
}

static void count_block(struct reading *r, uint64_t size, uint32_t state, bool in_arena)
{
	struct mv_heap_class *c = &r->classes[mv_heap_class_of(size)];
	struct mv_heap_head *h = &r->p->head;

	h->sum[state].blocks++;
	h->sum[state].bytes += size;
	if (in_arena && r->p->arenas_count) {
		struct mv_heap_arena *a = &r->p->arenas[r->p->arenas_count - 1];

		a->sum[state].blocks++;
		a->sum[state].bytes += size;
		if (state == MV_BLOCK_TOP)
			a->top = r->end;
		if (state == MV_BLOCK_FREE && size > a->max_free_bytes)
			a->max_free_bytes = size;
	}
	if (state == MV_BLOCK_FREE && size > h->max_free_bytes)
		h->max_free_bytes = size;
	if (state == MV_BLOCK_IN_USE || state == MV_BLOCK_MMAPPED) {
		c->used_blocks++;
		c->used_bytes += size;
	} else if (state != MV_BLOCK_TOP && state != MV_BLOCK_OWN) {
		c->free_blocks++;
		c->free_bytes += size;
	}
}

static void add_block(struct reading *r, uint64_t size, uint32_t state)
{
	struct mv_heap *heap = r->heap;
	struct mv_heap_region *region = &heap->regions[heap->region_count - 1];
	struct mv_heap_stretch *stretch = &r->p->stretches[r->p->stretches_count - 1];

	if (heap->block_count == heap->block_room) {
		size_t room = heap->block_room ? heap->block_room * 2 : 1024;
		struct mv_block *more = reallocarray(heap->blocks, room, sizeof(*more));

		if (!more) {
			r->error = -ENOMEM;
			return;
		}
		heap->blocks = more;
		heap->block_room = room;
	}
	heap->blocks[heap->block_count++] = (struct mv_block){r->end, size | state};
	count_block(r, size, state, region->kind != MV_REGION_MMAPPED);
	r->end += size;
	region->end = stretch->end = r->end;
	region->count++;
	stretch->blocks++;
}

/* "blocks TIMES SIZE:STATE SIZE:STATE ...": one after the other, so many times over; decimal sizes, multiples
 * of 16 */
static void take_blocks(struct reading *r, char **f, unsigned n)
{
	uint64_t times = n > 1 ? dec(f[1]) : 0;

	if (!r->heap->region_count)
		return;
	for (uint64_t i = 0; i < times && r->heap->block_count < BLOCKS_MAX && !r->error; i++)
		for (unsigned k = 2; k < n; k++) {
			const char *colon = strchr(f[k], ':');
			uint64_t size = dec(f[k]) & ~UINT64_C(15);

			if (colon && size)
				add_block(r, size, state_named(colon + 1, strlen(colon + 1)));
		}
}

/* "owner ALLOCATOR MAPPINGS BYTES FLAGS": BYTES - unknown, FLAGS g guessed */
static void take_owner(struct reading *r, char **f, unsigned n)
{
	struct mv_heap_owner *o;

	if (n < 5 || !(o = one_more(r, (void **)&r->p->owners, r->p->owners_count, sizeof(*o))))
		return;
	r->p->owners_count++;
	o->allocator = allocator_named(f[1]);
	o->mappings = dec32(f[2]);
	o->bytes = strcmp(f[3], "-") ? mv_val_of(dec(f[3])) : mv_val_missing(MV_WHY_NOT_HERE);
	o->guessed = strchr(f[4], 'g');
}

/* ---- lost blocks ---- */

/* "leaks MODE WHY ROUNDS STOPPED_US TOOK_MS SCANNED HEAP ROOTS SWAPPED ABSENT UNREADABLE THREADS UNSEEN DEAD
 * LEFT_OUT" */
static void take_leaks(struct reading *r, char **f, unsigned n)
{
	struct mv_leaks_head *l = &r->scan;

	if (n < 16)
		return;
	l->mode = !strcmp(f[1], "exact") ? MV_LEAKS_EXACT : MV_LEAKS_SCAN;
	l->why = strcmp(f[2], "-") ? why_named(f[2]) : MV_LEAKS_WHY_NONE;
	l->heap_reason = MV_HEAP_HAVE;
	l->rounds = dec32(f[3]);
	l->stopped_ns = dec(f[4]) * 1000;
	l->took_ns = dec(f[5]) * 1000000;
	l->scanned_bytes = dec(f[6]);
	l->heap_bytes = dec(f[7]);
	l->roots_bytes = dec(f[8]);
	l->swapped_bytes = dec(f[9]);
	l->absent_bytes = dec(f[10]);
	l->unreadable_bytes = dec(f[11]);
	l->threads = dec32(f[12]);
	l->threads_unseen = dec32(f[13]);
	l->dead_stacks = dec32(f[14]);
	l->groups_left_out = dec32(f[15]);
	r->have_scan = true;
}

/* "runs PHASE ROUND DONE TOTAL": what is asked for is not over in this step */
static void take_runs(struct reading *r, char **f, unsigned n)
{
	if (n < 5)
		return;
	r->scan.progress = (struct mv_leaks_progress){dec32(f[1]), dec32(f[2]), dec(f[3]), dec(f[4])};
	r->runs = true;
}

static void add_sum(struct mv_heap_sum *sum, uint64_t blocks, uint64_t bytes)
{
	sum->blocks += blocks;
	sum->bytes += bytes;
}

/* "group SIZE FIRST_WORD WHAT BLOCKS DIRECT HELD_BLOCKS HELD_BYTES NAME TEXT EXAMPLE,EXAMPLE,..." (- for no
 * name, no text) */
static void take_group(struct reading *r, char **f, unsigned n)
{
	struct mv_leak_group *group;
	struct mv_leaks_group *g;

	if (n < 11 || !(group = one_more(r, (void **)&r->p->groups, r->p->groups_count, sizeof(*group))))
		return;
	r->p->groups_count++;
	group->name = strcmp(f[8], "-") ? add_text(r, f[8]) : 0;
	group->text = strcmp(f[9], "-") ? add_text(r, f[9]) : 0;
	g = &group->g;
	g->size = dec(f[1]);
	g->first_word = hex(f[2]);
	g->what = word_named(f[3]);
	g->blocks = dec(f[4]);
	g->bytes = g->blocks * g->size;
	g->direct_blocks = dec(f[5]);
	g->direct_bytes = g->direct_blocks * g->size;
	g->held_blocks = dec(f[6]);
	g->held_bytes = dec(f[7]);
	for (char *at = f[10]; at && *at && g->examples_count < MV_LEAKS_EXAMPLES;) {
		g->examples[g->examples_count++] = strtoull(at, &at, 16);
		at = *at == ',' ? at + 1 : NULL;
	}
	add_sum(&r->scan.lost, g->blocks, g->bytes);
	add_sum(&r->scan.direct, g->direct_blocks, g->direct_bytes);
	add_sum(&r->scan.indirect, g->blocks - g->direct_blocks, g->bytes - g->direct_bytes);
}

/* "link FROM TO OFFSET BLOCKS BYTES" */
static void take_link(struct reading *r, char **f, unsigned n)
{
	struct mv_leaks_link *link;

	if (n < 6 || !(link = one_more(r, (void **)&r->p->links, r->p->links_count, sizeof(*link))))
		return;
	r->p->links_count++;
	*link = (struct mv_leaks_link){dec32(f[1]), dec32(f[2]), dec(f[3]), dec(f[4]), dec(f[5])};
}

/* "cost COPY STREAM SWAPPED NEED ROOM STOP_US TOOK_MS" */
static void take_cost(struct reading *r, char **f, unsigned n)
{
	if (n >= 8)
		r->cost = (struct mv_leaks_cost){dec(f[1]), dec(f[2]),	      dec(f[3]),	  dec(f[4]),
						 dec(f[5]), dec(f[6]) * 1000, dec(f[7]) * 1000000};
}

/* ---- the file ---- */

static void take_line(struct reading *r, char *line)
{
	static const struct {
		const char *word;
		void (*take)(struct reading *r, char **f, unsigned n);
	} lines[] = {{"heap", take_heap},     {"broke", take_broke},   {"arena", take_arena},
		     {"region", take_region}, {"blocks", take_blocks}, {"owner", take_owner},
		     {"leaks", take_leaks},   {"runs", take_runs},     {"group", take_group},
		     {"link", take_link},     {"cost", take_cost}};
	char *fields[FIELDS_MAX];
	unsigned n = 0;

	for (char *at = line; at && n < FIELDS_MAX; n++) {
		fields[n] = at;
		at = strchr(at, '\t');
		if (at)
			*at++ = '\0';
	}
	for (size_t i = 0; i < MV_COUNT_OF(lines); i++)
		if (!strcmp(fields[0], lines[i].word))
			lines[i].take(r, fields, n);
}

static ssize_t take_file(struct reading *r, struct mv_target *target)
{
	char *text = malloc(FILE_BYTES), *rest = text;
	ssize_t len = text ? mv_target_read_named(target, "heap", text, FILE_BYTES) : -ENOMEM;

	if (len == -ENOMEM)
		r->error = -ENOMEM;
	while (len > 0 && rest && *rest) {
		char *line = rest;

		rest = strchr(line, '\n');
		if (rest)
			*rest++ = '\0';
		if (*line && *line != '#')
			take_line(r, line);
	}
	free(text);
	return len;
}

/* ---- what follows from the blocks ---- */

static void write_sizes(struct reading *r)
{
	struct heap_picture *p = r->p;

	for (uint32_t i = 0; i < MV_HEAP_CLASSES; i++) {
		const struct mv_heap_class *c = &r->classes[i];
		struct mv_heap_size *size;

		if (!c->used_blocks && !c->free_blocks)
			continue;
		size = one_more(r, (void **)&p->sizes, p->sizes_count, sizeof(*size));
		if (!size)
			return;
		p->sizes_count++;
		mv_heap_class_sizes(i, &size->first, &size->last);
		size->c = *c;
	}
}

static void write_mallinfo(struct mv_heap_head *h, const struct heap_picture *p)
{
	const struct mv_heap_sum *sum = h->sum;
	uint64_t cached = sum[MV_BLOCK_FREE].bytes + sum[MV_BLOCK_TCACHE].bytes + sum[MV_BLOCK_FASTBIN].bytes;

	h->mallinfo = (struct mv_mallinfo){
	    .arena = h->system_bytes,
	    .ordblks = sum[MV_BLOCK_FREE].blocks + p->arenas_count,
	    .smblks = sum[MV_BLOCK_FASTBIN].blocks,
	    .hblks = sum[MV_BLOCK_MMAPPED].blocks,
	    .hblkhd = sum[MV_BLOCK_MMAPPED].bytes,
	    .fsmblks = sum[MV_BLOCK_FASTBIN].bytes,
	    .fordblks = sum[MV_BLOCK_FREE].bytes + sum[MV_BLOCK_FASTBIN].bytes + sum[MV_BLOCK_TOP].bytes,
	};
	h->mallinfo.uordblks =
	    h->system_bytes > h->mallinfo.fordblks ? h->system_bytes - h->mallinfo.fordblks : 0;
	if (p->arenas_count)
		h->mallinfo.keepcost = p->arenas[0].sum[MV_BLOCK_TOP].bytes;
	if (cached)
		h->fragmentation = (uint32_t)((cached - h->max_free_bytes) * 1000 / cached);
}

/* What a reading that failed says when there is no such file, or none that may be read. */
static void write_missing(struct reading *r, ssize_t len)
{
	r->p->head.reason = len == -EACCES || len == -EPERM ? MV_HEAP_NOT_ALLOWED
			    : len == -ESRCH		    ? MV_HEAP_GONE
							    : MV_HEAP_UNKNOWN;
	r->p->head.asked_ns = r->now_ns;
}

static void write_leaks(struct reading *r, const struct mv_leaks_head *before, uint32_t seq, uint32_t flags)
{
	struct mv_leaks_head *l = &r->p->leaks;
	bool cost = flags & MV_LEAKS_WANT_COST, asked = seq && !cost && seq != before->seq && r->have_scan;

	*l = *before;
	if (asked || before->state != MV_LEAKS_STATE_NONE) {
		*l = r->scan;
		l->seq = asked ? seq : before->seq;
		l->mode =
		    asked ? (flags & MV_LEAKS_WANT_EXACT ? MV_LEAKS_EXACT : MV_LEAKS_SCAN) : before->mode;
		l->at_ns = asked || !before->at_ns ? r->now_ns : before->at_ns;
		l->state = r->runs ? MV_LEAKS_STATE_RUNS : MV_LEAKS_STATE_DONE;
		l->rounds = l->mode == MV_LEAKS_EXACT ? 1 : l->rounds;
		if (r->runs)
			l->at_ns = 0;
		l->blocks = r->p->head.sum[MV_BLOCK_IN_USE].blocks + r->p->head.sum[MV_BLOCK_MMAPPED].blocks;
		l->bytes = r->p->head.sum[MV_BLOCK_IN_USE].bytes + r->p->head.sum[MV_BLOCK_MMAPPED].bytes;
	}
	if (l->state != MV_LEAKS_STATE_DONE || l->why != MV_LEAKS_WHY_NONE)
		r->p->groups_count = r->p->links_count = 0;
	l->cost_ns = before->cost_ns;
	l->cost = before->cost;
	if (seq && cost) {
		l->cost_ns = r->now_ns;
		l->cost = r->cost;
	}
}

void mv_heap_fixture_release(struct heap_picture *p)
{
	if (p->heap && p->heap_owned) {
		struct mv_heap *heap = (struct mv_heap *)(uintptr_t)p->heap;

		/* A fixture's blocks are malloc's, not mapped. */
		free(heap->blocks);
		heap->blocks = NULL;
		mv_heap_release(heap);
		free(heap);
	}
	free(p->arenas);
	free(p->sizes);
	free(p->stretches);
	free(p->owners);
	free(p->groups);
	free(p->links);
	free(p->text);
	*p = (struct heap_picture){0};
}

int mv_heap_fixture_read(struct mv_target *target, uint64_t now_ns, uint32_t leaks_seq, uint32_t leaks_flags,
			 struct heap_picture *p)
{
	const struct mv_leaks_head before = p->leaks;
	struct reading r = {.p = p, .now_ns = now_ns};
	ssize_t len;

	/* What was known of a process that has ended stays. */
	if (p->head.at_ns && mv_target_read_named(target, "stat", (char[8]){0}, 8) == -ESRCH) {
		p->head.reason = MV_HEAP_GONE;
		p->head.asked_ns = now_ns;
		return 0;
	}
	mv_heap_fixture_release(p);
	r.heap = calloc(1, sizeof(*r.heap));
	r.classes = calloc(MV_HEAP_CLASSES, sizeof(*r.classes));
	if (!r.heap || !r.classes) {
		free(r.heap);
		free(r.classes);
		return -ENOMEM;
	}
	mv_heap_init(r.heap);
	p->heap = r.heap;
	p->heap_owned = true;
	len = take_file(&r, target);
	if (r.have_heap) {
		write_sizes(&r);
		write_mallinfo(&p->head, p);
	} else {
		write_missing(&r, len);
	}
	write_leaks(&r, &before, leaks_seq, leaks_flags);
	free(r.classes);
	if (r.error)
		mv_heap_fixture_release(p);
	return r.error;
}
