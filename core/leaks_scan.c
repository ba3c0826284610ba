/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/leaks_private.h"

/*
 * In the helper: one look after another, until there is an answer.
 *
 * A look: where the heap is, what of it is present, registers of all threads, copy, walk, marks. The live
 * scan takes several, and what is lost must be lost in all: a pointer that moved behind our back moves
 * elsewhere the next time. Where blocks are replaced so fast that many of them seem lost in each look, it
 * looks on until hardly any of those drop out. The exact one takes a single look while the target stands, its
 * memory for the copy taken before.
 */

#define TRIES	    5	/* of a look that does not add up */
#define GAP_MS	    100 /* between two looks at least: what moves is to have moved */
#define STOP_MS	    500 /* for registers alone */
#define THREADS_MAX ((size_t)32768)
#define STATE_BYTES 0x838 /* of malloc_state, from its top field on: glibc 2.26 to 2.43 */
#define AGREE_STILL 2	  /* looks at a process that did not run during either are enough */
#define AGREE_PART  200	  /* when no more than one of so many candidates was dropped, the looks agree */

struct scan {
	const struct leaks_job *job;
	struct mv_target *target;
	struct mv_maps maps;
	struct mv_heap_where where;
	struct mv_memcopy copy;
	struct mv_heap heap;
	struct mark mark;
	struct roots roots;
	struct mv_range *ranges;
	int *tids;
	size_t tids_count, ranges_cap;
	struct mv_stop *stop;
	const struct mv_stopped *threads;
	size_t threads_count;
	uint64_t limit_bytes;
	struct mv_block *candidates; /* lost in all looks so far */
	size_t candidates_count;
	bool still; /* it did not run during this look */
	bool sure;  /* nor between it and its registers */
	struct mv_leaks leaks;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void enter(struct scan *s, enum mv_leaks_phase phase)
{
	__atomic_store_n(&s->job->shared->phase, (uint32_t)phase, __ATOMIC_RELAXED);
}

/* An errno as the reason that it is. */
static enum mv_leaks_why why_of(int error)
{
	switch (error) {
	case -ESRCH:
		return MV_LEAKS_WHY_GONE;
	case -EACCES:
	case -EPERM:
		return MV_LEAKS_WHY_DENIED;
	case -ENOMEM:
	case -E2BIG:
		return MV_LEAKS_WHY_NO_ROOM;
	case -ETIMEDOUT:
		return MV_LEAKS_WHY_NO_TIME;
	default:
		return MV_LEAKS_WHY_FAILED;
	}
}

static enum mv_leaks_why why_of_heap(uint32_t reason)
{
	switch (reason) {
	case MV_HEAP_HAVE:
		return MV_LEAKS_WHY_NONE;
	case MV_HEAP_CHANGING:
	case MV_HEAP_CORRUPT:
	case MV_HEAP_UNEQUAL:
		return MV_LEAKS_WHY_TORN;
	case MV_HEAP_BITS32:
		return MV_LEAKS_WHY_FOREIGN;
	case MV_HEAP_NOT_ALLOWED:
		return MV_LEAKS_WHY_DENIED;
	case MV_HEAP_GONE:
		return MV_LEAKS_WHY_GONE;
	case MV_HEAP_TOO_BIG:
		return MV_LEAKS_WHY_NO_ROOM;
	case MV_HEAP_LATE:
		return MV_LEAKS_WHY_NO_TIME;
	default:
		return MV_LEAKS_WHY_NO_HEAP;
	}
}

/* Whatever was found odd, its end is why. */
static bool has_ended(const struct scan *s)
{
	struct pollfd p = {.fd = mv_target_pidfd(s->target), .events = POLLIN};

	uint64_t word;

	/* Its memory goes before it does. */
	return poll(&p, 1, 0) > 0 || mv_target_words(s->target, 0, 1, &word) == -ESRCH;
}

static enum mv_leaks_why fail(struct scan *s, int error)
{
	s->leaks.error = -error;
	return why_of(error);
}

static enum mv_leaks_why fail_heap(struct scan *s, uint32_t reason)
{
	s->heap.reason = reason;
	return why_of_heap(reason);
}

/* ---- what there is ---- */

static int list_threads(struct scan *s)
{
	size_t cap = 64;

	for (;;) {
		ssize_t n;
		int *grown = reallocarray(s->tids, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->tids = grown;
		n = mv_target_list(s->target, "task", s->tids, cap);
		if (n < 0)
			return (int)n;
		s->tids_count = (size_t)n;
		if ((size_t)n <= cap)
			return 0;
		cap = (size_t)n + (size_t)n / 4;
		if (cap > THREADS_MAX * 2)
			return -E2BIG;
	}
}

/* Mappings, malloc's state, what to copy: as of now. */
static enum mv_leaks_why find_all(struct scan *s)
{
	enum mv_heap_reason reason;
	size_t n;
	int r = mv_maps_read(s->target, &s->maps, NULL, 0);

	if (r < 0)
		return fail(s, r);
	reason = mv_heap_seek(s->target, &s->maps, &s->where, &s->heap);
	if (reason != MV_HEAP_HAVE)
		return fail_heap(s, reason);
	n = mv_heap_ranges(&s->where, true, s->ranges, s->ranges_cap);
	if (n > s->ranges_cap) {
		struct mv_range *grown = reallocarray(s->ranges, n + n / 4, sizeof(*grown));

		if (!grown)
			return fail(s, -ENOMEM);
		s->ranges = grown;
		s->ranges_cap = n + n / 4;
		mv_heap_ranges(&s->where, true, s->ranges, s->ranges_cap);
	}
	r = mv_memcopy_plan(&s->copy, s->ranges, n);
	return r < 0 ? fail(s, r) : MV_LEAKS_WHY_NONE;
}

/* Is there room, beside what has been taken already? Then take it. */
static enum mv_leaks_why take_room(struct scan *s, bool first)
{
	struct mv_memcopy_cost cost;
	uint64_t room;
	int r;

	enter(s, MV_LEAKS_PREPARES);
	for (size_t i = 0; i < s->copy.count && first; i++)
		s->ranges[i] = (struct mv_range){s->copy.at[i].start, s->copy.at[i].end};
	r = first ? mv_memcopy_cost(s->target, s->ranges, s->copy.count, &cost) : 0;
	if (r == 0 && first) {
		__atomic_store_n(&s->job->shared->total_bytes, cost.present_bytes - cost.zero_bytes,
				 __ATOMIC_RELAXED);
		r = mv_memcopy_room(s->job->source, &room);
		room = r == 0 ? room / 4 * 3 : UINT64_MAX / 2;
		r = 0;
		if (cost.present_bytes - cost.zero_bytes > room)
			return fail(s, -ENOMEM);
		s->limit_bytes = room - (cost.present_bytes - cost.zero_bytes);
	}
	if (r == 0)
		r = mv_memcopy_prefault(&s->copy, s->target);
	return r < 0 ? fail(s, r) : MV_LEAKS_WHY_NONE;
}

/* Processor time of all threads, and whether any runs now. False: it runs, or can't be told. */
static bool read_cpu(struct scan *s, uint64_t *ret_ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->tids_count; i++) {
		struct mv_thread_stat stat;

		if (mv_thread_stat_read(s->target, s->tids[i], &stat) < 0 || stat.state == 'R' ||
		    !mv_have(&stat.cpu_ns))
			return false;
		sum += stat.cpu_ns.value;
	}
	*ret_ns = sum;
	return true;
}

/* ---- stops ---- */

static void end_stop(struct scan *s)
{
	mv_stop_free(s->stop);
	s->stop = NULL;
	s->threads = NULL;
	s->threads_count = 0;
}

/* What the stop has found. When nothing was seen because another has it, that is the answer. */
static enum mv_leaks_why judge_stop(struct scan *s, uint64_t stopped_ns)
{
	size_t taken = 0, refused = 0, foreign = 0, gone = 0;

	for (size_t i = 0; i < s->threads_count; i++) {
		const struct mv_stopped *t = &s->threads[i];

		taken += t->result == MV_STOP_TAKEN;
		gone += t->result == MV_STOP_GONE;
		refused += t->result == MV_STOP_REFUSED;
		foreign += t->result == MV_STOP_REFUSED && t->error == ENOEXEC;
	}
	if (stopped_ns > s->leaks.stopped_ns)
		s->leaks.stopped_ns = stopped_ns;
	s->leaks.threads = (uint32_t)taken;
	s->leaks.threads_unseen = (uint32_t)(s->threads_count - taken - gone);
	if (taken)
		return MV_LEAKS_WHY_NONE;
	return foreign			  ? MV_LEAKS_WHY_FOREIGN
	       : refused		  ? MV_LEAKS_WHY_TRACED
	       : gone == s->threads_count ? MV_LEAKS_WHY_GONE
					  : MV_LEAKS_WHY_LATE;
}

/* Registers of all, and let go at once. */
static enum mv_leaks_why take_registers(struct scan *s)
{
	struct pollfd p = {.events = POLLIN};
	uint64_t stopped_ns;
	int r = list_threads(s);

	enter(s, MV_LEAKS_STOPS);
	if (r == 0)
		r = mv_poke_registers(s->target, s->tids, s->tids_count, STOP_MS, false, &s->stop);
	if (r < 0)
		return fail(s, r);
	p.fd = mv_stop_fd(s->stop);
	while ((r = mv_stop_take(s->stop, &s->threads, &s->threads_count, &stopped_ns)) == -EAGAIN)
		poll(&p, 1, STOP_MS);
	return judge_stop(s, stopped_ns);
}

static bool same_registers(const struct mv_stopped *a, const struct mv_stopped *b)
{
	return a->tid == b->tid && a->result == MV_STOP_TAKEN && b->result == MV_STOP_TAKEN &&
	       !memcmp(&a->regs, &b->regs, sizeof(a->regs)) && a->fs_base == b->fs_base &&
	       a->gs_base == b->gs_base && a->stack_bytes == b->stack_bytes &&
	       (!a->stack_bytes || !memcmp(a->stack, b->stack, a->stack_bytes));
}

/*
 * It did not run while it was copied. If its registers are now what they were before, the copy and they are
 * of one moment, as if it had stood.
 */
static bool is_one_moment(struct scan *s)
{
	struct mv_stop *const before = s->stop;
	const struct mv_stopped *const threads = s->threads;
	const size_t count = s->threads_count;
	bool same;

	s->stop = NULL;
	same = take_registers(s) == MV_LEAKS_WHY_NONE && s->threads_count == count;
	for (size_t i = 0; same && i < count; i++)
		same = same_registers(&threads[i], &s->threads[i]);
	mv_stop_free(before);
	return same;
}

/* ---- a look ---- */

static enum mv_leaks_why copy_all(struct scan *s)
{
	int r;

	enter(s, MV_LEAKS_COPIES);
	__atomic_store_n(&s->job->shared->done_bytes, 0, __ATOMIC_RELAXED);
	r = roots_read(&s->roots, s->target, &s->maps, &s->copy, s->threads, s->threads_count);
	if (r == 0)
		r = mv_memcopy_fill(&s->copy, s->target);
	return r < 0 ? fail(s, r) : MV_LEAKS_WHY_NONE;
}

static enum mv_leaks_why look_live(struct scan *s, bool first)
{
	enum mv_leaks_why why;
	uint64_t before, after;

	enter(s, MV_LEAKS_FINDS);
	why = find_all(s);
	if (why == MV_LEAKS_WHY_NONE)
		why = take_room(s, first);
	if (why == MV_LEAKS_WHY_NONE)
		why = take_registers(s);
	s->still = why == MV_LEAKS_WHY_NONE && read_cpu(s, &before);
	if (why == MV_LEAKS_WHY_NONE)
		why = copy_all(s);
	s->still = s->still && read_cpu(s, &after) && before == after;
	s->sure = s->still && is_one_moment(s);
	end_stop(s);
	return why;
}

/* The mappings are read anew, since it ran until now. */
static enum mv_leaks_why copy_standing(struct scan *s)
{
	enum mv_leaks_why why;

	s->copy.deadline_ns = s->roots.deadline_ns = mv_stop_deadline_ns(s->stop);
	s->copy.hands = mv_memcopy_hands(s->job->shared->total_bytes);
	why = find_all(s);
	if (why == MV_LEAKS_WHY_NONE)
		why = copy_all(s);
	s->copy.hands = 1;
	s->copy.deadline_ns = s->roots.deadline_ns = s->job->deadline_ns;
	return why == MV_LEAKS_WHY_NO_TIME ? MV_LEAKS_WHY_LATE : why;
}

/* While it stands. */
static enum mv_leaks_why copy_held(struct scan *s)
{
	uint64_t stopped_ns;
	enum mv_leaks_why why;
	int r = mv_stop_wait_held(s->stop);

	if (r == 0)
		r = mv_stop_take(s->stop, &s->threads, &s->threads_count, &stopped_ns);
	if (r < 0)
		return MV_LEAKS_WHY_LATE;
	why = judge_stop(s, stopped_ns);
	if (why != MV_LEAKS_WHY_NONE)
		return why;
	why = copy_standing(s);
	r = mv_stop_release(s->stop);
	if (r < 0 && why == MV_LEAKS_WHY_NONE)
		why = MV_LEAKS_WHY_LATE;
	if (mv_stop_take(s->stop, &s->threads, &s->threads_count, &stopped_ns) == 0 &&
	    stopped_ns > s->leaks.stopped_ns)
		s->leaks.stopped_ns = stopped_ns;
	return why;
}

/* In a hurry from the first thread's stop to the last one's going on: the others wait for us then, not it. */
static enum mv_leaks_why stop_and_copy(struct scan *s)
{
	const int before = mv_memcopy_hurry();
	int r = mv_poke_registers(s->target, s->tids, s->tids_count, s->job->options.stop_deadline_ms, true,
				  &s->stop);
	const enum mv_leaks_why why = r < 0 ? fail(s, r) : copy_held(s);

	end_stop(s);
	mv_memcopy_calm(before);
	return why;
}

static enum mv_leaks_why look_exact(struct scan *s, bool first)
{
	enum mv_leaks_why why;
	int r;

	enter(s, MV_LEAKS_FINDS);
	why = find_all(s);
	if (why == MV_LEAKS_WHY_NONE)
		why = take_room(s, first);
	if (why != MV_LEAKS_WHY_NONE)
		return why;
	enter(s, MV_LEAKS_STOPS);
	r = list_threads(s);
	if (r < 0)
		return fail(s, r);
	why = stop_and_copy(s);
	s->still = true;
	return why;
}

static enum mv_leaks_why walk(struct scan *s)
{
	int r;

	enter(s, MV_LEAKS_WALKS);
	r = s->job->options.mode == MV_LEAKS_EXACT
		? mv_heap_walk(&s->where, &s->copy, s->limit_bytes, &s->heap)
		: mv_heap_walk_live(&s->where, &s->copy, s->target, s->limit_bytes, &s->heap);
	return r < 0 ? fail(s, r) : why_of_heap(s->heap.reason);
}

static enum mv_leaks_why mark_all(struct scan *s)
{
	int r;

	enter(s, MV_LEAKS_MARKS);
	r = mark_init(&s->mark, s->heap.blocks, s->heap.block_count, &s->copy);
	if (r < 0)
		return fail(s, r);
	mark_frames(&s->mark, s->roots.words, s->roots.frames);
	mark_words(&s->mark, s->roots.words + s->roots.frames, s->roots.count - s->roots.frames);
	s->mark.words = s->roots.read_bytes / sizeof(uint64_t); /* those left out were looked at, too */
	mark_rest(&s->mark, (struct mv_range){s->heap.arenas[0].address, s->where.state + STATE_BYTES});
	mark_drain(&s->mark);
	return MV_LEAKS_WHY_NONE;
}

/* A look that adds up; tried again when the heap changed under it. */
static enum mv_leaks_why look(struct scan *s, bool first)
{
	enum mv_leaks_why why = MV_LEAKS_WHY_NONE;

	for (int try = 0; try < TRIES; try++) {
		const bool hurry = try > 0 && s->job->options.mode == MV_LEAKS_SCAN;
		const int before = hurry ? mv_memcopy_hurry() : 0;

		s->leaks.error = 0;
		why = s->job->options.mode == MV_LEAKS_EXACT ? look_exact(s, first) : look_live(s, first);
		if (why == MV_LEAKS_WHY_NONE)
			why = walk(s);
		if (hurry)
			mv_memcopy_calm(before);
		if (why != MV_LEAKS_WHY_TORN)
			break;
		if (now_ns() > s->job->deadline_ns)
			return MV_LEAKS_WHY_NO_TIME;
	}
	return why == MV_LEAKS_WHY_NONE ? mark_all(s) : why;
}

/* ---- what all looks agree on ---- */

/* What lies in a tcache whose lists could not be followed is free, not lost. */
static bool is_lost(const struct scan *s, size_t i)
{
	const struct mv_block *b = &s->mark.blocks[i];

	return block_counts(b) && !bit_get(s->mark.marked, i) && !mv_heap_is_cached(&s->heap, &s->copy, b);
}

static int first_candidates(struct scan *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->mark.count; i++)
		n += is_lost(s, i);
	s->candidates = calloc(n + 1, sizeof(*s->candidates));
	if (!s->candidates)
		return -ENOMEM;
	for (size_t i = 0; i < s->mark.count; i++)
		if (is_lost(s, i))
			s->candidates[s->candidates_count++] = s->mark.blocks[i];
	return 0;
}

/* Those that are still there and still lost. True: hardly any was dropped. */
static bool fewer_candidates(struct scan *s)
{
	const size_t had = s->candidates_count;
	size_t n = 0;

	for (size_t i = 0; i < s->candidates_count; i++) {
		const struct mv_block *c = &s->candidates[i];
		const uint32_t at = mark_find(&s->mark, block_user(c));

		if (at != MARK_NONE && s->mark.blocks[at].start == c->start &&
		    s->mark.blocks[at].size_state == c->size_state && is_lost(s, at))
			s->candidates[n++] = *c;
	}
	s->candidates_count = n;
	return had - n <= had / AGREE_PART;
}

/* Until the next look. False: it has ended, or time is up. */
static bool wait_gap(struct scan *s)
{
	struct pollfd p = {.fd = mv_target_pidfd(s->target), .events = POLLIN};

	poll(&p, 1, GAP_MS);
	return now_ns() < s->job->deadline_ns;
}

static enum mv_leaks_why look_again(struct scan *s)
{
	const unsigned rounds = s->job->options.mode == MV_LEAKS_SCAN ? s->job->options.rounds : 1;
	enum mv_leaks_why why = MV_LEAKS_WHY_NONE;
	unsigned round = 0, stills = 0;
	bool agreed = true; /* by itself the first look tells nothing else */

	while (why == MV_LEAKS_WHY_NONE) {
		__atomic_store_n(&s->job->shared->round, round, __ATOMIC_RELAXED);
		mark_release(&s->mark);
		why = look(s, round == 0);
		if (why != MV_LEAKS_WHY_NONE)
			break;
		if (round == 0 && first_candidates(s) < 0)
			return fail(s, -ENOMEM);
		if (round > 0)
			agreed = fewer_candidates(s);
		stills = s->still ? stills + 1 : 0;
		s->leaks.rounds = ++round;
		if ((round >= rounds && (agreed || round >= LEAKS_ROUNDS_MAX)) || stills >= AGREE_STILL ||
		    s->sure || !s->candidates_count)
			break;
		if (!wait_gap(s))
			why = MV_LEAKS_WHY_NO_TIME;
	}
	return why;
}

static void count_blocks(struct scan *s)
{
	struct mv_leaks *l = &s->leaks;

	for (size_t i = 0; i < s->mark.count; i++) {
		const uint64_t bytes = mv_block_size(&s->mark.blocks[i]);

		if (!block_counts(&s->mark.blocks[i]))
			continue;
		l->blocks++;
		l->bytes += bytes;
		if (bit_get(s->mark.marked, i) && !bit_get(s->mark.started, i)) {
			l->interior_only.blocks++;
			l->interior_only.bytes += bytes;
		}
	}
}

static void count_left_out(struct scan *s)
{
	struct mv_leaks *l = &s->leaks;

	l->swapped_bytes = s->roots.swapped_bytes;
	l->absent_bytes = s->roots.absent_bytes;
	l->unreadable_bytes = s->roots.unreadable_bytes;
	l->roots_bytes = s->roots.read_bytes;
	l->dead_stacks = s->roots.dead_stacks;
	for (size_t i = 0; i < s->copy.count; i++) {
		l->heap_bytes += s->copy.at[i].present_bytes;
		l->swapped_bytes += s->copy.at[i].swapped_bytes;
		l->absent_bytes += s->copy.at[i].absent_bytes;
		l->unreadable_bytes += s->copy.at[i].unreadable_bytes;
	}
	l->scanned_bytes = s->mark.words * sizeof(uint64_t);
}

static enum mv_leaks_why sort_lost(struct scan *s, struct lost *ret_lost)
{
	struct mv_leaks *l = &s->leaks;
	uint64_t *lost = calloc(s->mark.count / 64 + 1, sizeof(*lost));
	int r = lost ? 0 : -ENOMEM;

	enter(s, MV_LEAKS_GROUPS);
	count_blocks(s);
	count_left_out(s);
	for (size_t i = 0; r == 0 && i < s->candidates_count; i++)
		bit_set(lost, mark_find(&s->mark, block_user(&s->candidates[i])));
	if (r == 0)
		r = lost_sort(&s->mark, lost, &s->maps, s->job->options.groups, ret_lost);
	free(lost);
	if (r < 0)
		return fail(s, r);
	l->lost.blocks = ret_lost->count;
	l->lost.bytes = ret_lost->bytes;
	l->direct.blocks = ret_lost->direct_blocks;
	l->direct.bytes = ret_lost->direct_bytes;
	l->indirect.blocks = l->lost.blocks - l->direct.blocks;
	l->indirect.bytes = l->lost.bytes - l->direct.bytes;
	l->groups = ret_lost->groups;
	l->groups_count = (uint32_t)ret_lost->groups_count;
	l->groups_left_out = (uint32_t)ret_lost->groups_left_out;
	l->links = ret_lost->links;
	l->links_count = (uint32_t)ret_lost->links_count;
	if (s->job->options.want_lost)
		l->lost_blocks = s->candidates;
	return MV_LEAKS_WHY_NONE;
}

/* The heap alone. */
static enum mv_leaks_why read_heap(struct scan *s)
{
	const struct mv_heap_opts opts = {.deadline_ns = s->job->deadline_ns};
	int r;

	enter(s, MV_LEAKS_WALKS);
	r = mv_heap_read(s->job->source, s->target, &opts, &s->where, &s->copy, &s->heap);
	s->leaks.rounds = 1;
	if (r == 0 && s->heap.reason == MV_HEAP_HAVE)
		count_left_out(s);
	return r < 0 ? fail(s, r) : why_of_heap(s->heap.reason);
}

void leaks_work(const struct leaks_job *job)
{
	struct scan *s = calloc(1, sizeof(*s));
	struct lost lost = {0};
	enum mv_leaks_why why = MV_LEAKS_WHY_NONE;

	if (!s)
		return;
	s->job = job;
	s->target = job->target;
	mv_maps_init(&s->maps);
	mv_heap_where_init(&s->where);
	mv_memcopy_init(&s->copy);
	mv_heap_init(&s->heap);
	s->copy.deadline_ns = job->deadline_ns;
	s->copy.done_bytes = &job->shared->done_bytes;
	/* Kept descriptors are the caller's, of whatever ran then. */
	mv_target_reopen(s->target);
	if (job->options.mode == MV_LEAKS_HEAP) {
		why = read_heap(s);
	} else {
		why = roots_init(&s->roots) < 0 ? fail(s, -ENOMEM) : MV_LEAKS_WHY_NONE;
		s->roots.deadline_ns = job->deadline_ns;
		if (why == MV_LEAKS_WHY_NONE)
			why = look_again(s);
		if (why == MV_LEAKS_WHY_NONE)
			why = sort_lost(s, &lost);
	}
	if (why != MV_LEAKS_WHY_NONE && has_ended(s))
		why = MV_LEAKS_WHY_GONE;
	s->leaks.mode = job->options.mode;
	s->leaks.why = why;
	s->leaks.heap = s->heap;
	s->leaks.took_ns = now_ns() - job->began_ns;
	if (leaks_write(job->results, &s->leaks, &job->options) == 0)
		__atomic_store_n(&job->shared->finished, 1, __ATOMIC_RELEASE);
	enter(s, MV_LEAKS_READY);
	/* What was taken goes with the process. */
}
