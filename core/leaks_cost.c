/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "core/crew.h"
#include "core/leaks_private.h"

/*
 * What a scan will cost. How long a copy takes depends on the machine, on what else it does, and on how the
 * target's memory lies: so pieces from all over the heap are copied here and now, and their times say how
 * long all of it will take. By as many at once as will copy.
 */

#define PIECES	    48
#define PIECE_BYTES ((uint64_t)64 * 1024)
#define LEAST_BYTES ((uint64_t)256 * 1024) /* that must have come for their time to say something */
#define BUDGET_NS   (3 * UINT64_C(1000000))
#define MEET_NS	    (2 * UINT64_C(1000000)) /* until all who copy at once are there */
#define STOP_NS	    UINT64_C(3000000)	    /* to stop and to let go, to find what there is */

/* Where too little is there to be measured: picoseconds a byte. */
#define COPY_PS UINT64_C(300)
/* Beside the copying: taking the memory, marking. */
#define TAKE_PS UINT64_C(450)
#define MARK_PS UINT64_C(700)

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

struct measuring {
	struct mv_target *target;
	struct mv_range pieces[PIECES];
	uint64_t ps[PIECES]; /* a byte; 0: nothing was copied, or too little */
	uint8_t *to;	     /* memory that is there already, as in a scan: for each piece its own */
	size_t count, next;  /* next: taken by whoever is free */
	unsigned hands;	     /* who are to copy at once */
	unsigned came;	     /* who are there */
	bool late;	     /* one of them was not, when the others had to begin */
	uint64_t meet_until_ns, until_ns;
	uint64_t bytes;	      /* copied so far */
	pthread_mutex_t lock; /* for who asks about pages */
};

/* Copies what is present of one piece. Returns bytes; 0: nothing, or it was refused. */
static uint64_t copy_piece(struct measuring *m, struct mv_range piece, uint8_t *to)
{
	struct mv_run runs[16];
	uint64_t walked, told, bytes = 0;
	ssize_t n;

	pthread_mutex_lock(&m->lock);
	n = mv_target_scan(m->target, piece, MV_CAT_PFNZERO | MV_CAT_GUARD, MV_SCAN_PAGES, runs,
			   MV_COUNT_OF(runs), &walked, &told);
	pthread_mutex_unlock(&m->lock);
	for (ssize_t i = 0; i < n; i++) {
		const uint64_t end = runs[i].end < piece.end ? runs[i].end : piece.end;
		ssize_t got;

		if ((runs[i].cats & (MV_CAT_PRESENT | MV_CAT_PFNZERO)) != MV_CAT_PRESENT ||
		    runs[i].start < piece.start || runs[i].start >= end)
			continue;
		got = mv_target_bytes(m->target, runs[i].start, to + bytes, end - runs[i].start);
		bytes += got > 0 ? (uint64_t)got : 0;
	}
	return bytes;
}

/* Those who are to copy at once wait for each other, for a while. */
static void meet(struct measuring *m)
{
	__atomic_fetch_add(&m->came, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&m->came, __ATOMIC_RELAXED) < m->hands) {
		if (now_ns() > m->meet_until_ns) {
			__atomic_store_n(&m->late, true, __ATOMIC_RELAXED);
			break;
		}
		sched_yield();
	}
}

static void copy_pieces(void *arg)
{
	struct measuring *const m = arg;
	size_t i;

	meet(m);
	while ((i = __atomic_fetch_add(&m->next, 1, __ATOMIC_RELAXED)) < m->count) {
		const uint64_t began_ns = now_ns();
		const uint64_t got =
		    began_ns < m->until_ns ? copy_piece(m, m->pieces[i], m->to + i * PIECE_BYTES) : 0;

		/* A small one tells of the call alone. */
		if (got >= PIECE_BYTES / 2)
			m->ps[i] = (now_ns() - began_ns) * 1000 / got;
		__atomic_fetch_add(&m->bytes, got, __ATOMIC_RELAXED);
	}
}

/* So many bytes into all ranges, a piece. */
static struct mv_range piece_at(const struct mv_range *ranges, size_t count, uint64_t offset)
{
	for (size_t i = 0; i < count; i++) {
		const uint64_t bytes = ranges[i].end - ranges[i].start;

		if (offset < bytes) {
			const uint64_t start = ranges[i].start + offset / PIECE_BYTES * PIECE_BYTES;

			return (struct mv_range){
			    start, ranges[i].end - start > PIECE_BYTES ? start + PIECE_BYTES : ranges[i].end};
		}
		offset -= bytes;
	}
	return (struct mv_range){0, 0};
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void choose_pieces(struct measuring *m, const struct mv_range *ranges, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += ranges[i].end - ranges[i].start;
	for (size_t i = 0; i < PIECES && total >= PIECES; i++) {
		const struct mv_range piece = piece_at(ranges, count, total / PIECES * i);

		if (piece.start < piece.end)
			m->pieces[m->count++] = piece;
	}
}

/* Of all pieces the time is taken that three fourths keep to. 0: too little has come. */
static uint64_t usual_ps(const struct measuring *m)
{
	uint64_t ps[PIECES];
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++)
		if (m->ps[i])
			ps[n++] = m->ps[i];
	if (m->bytes < LEAST_BYTES || !n)
		return 0;
	qsort(ps, n, sizeof(ps[0]), compare);
	return ps[n * 3 / 4];
}

/*
 * Picoseconds that a byte takes one of those who copy while all do: they get into each other's way. Where
 * they do not come together in time, *hands becomes 1: then they would not either while it stands. A fourth
 * is added, since what little is copied here stays in caches: rather too long than too short.
 */
static uint64_t measure(struct mv_target *target, const struct mv_range *ranges, size_t count,
			unsigned *hands)
{
	struct measuring m = {.target = target, .hands = *hands, .lock = PTHREAD_MUTEX_INITIALIZER};
	uint64_t ps;

	m.to = mmap(NULL, PIECES * PIECE_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m.to == MAP_FAILED)
		return COPY_PS;
	choose_pieces(&m, ranges, count);
	m.meet_until_ns = now_ns() + MEET_NS;
	m.until_ns = m.meet_until_ns + BUDGET_NS;
	mv_crew_work(m.hands, copy_pieces, &m);
	munmap(m.to, PIECES * PIECE_BYTES);
	if (m.late)
		*hands = 1;
	ps = usual_ps(&m);
	return ps ? ps * 5 / 4 : COPY_PS;
}

static int add_costs(struct mv_target *target, const struct mv_maps *maps, enum mv_leaks_mode mode,
		     const struct mv_range *ranges, size_t count, struct mv_leaks_cost *cost)
{
	struct mv_memcopy_cost heap = {0}, roots = {0};
	int r = mv_memcopy_cost(target, ranges, count, &heap);
	uint64_t ps; /* a byte, for one who copies */
	unsigned hands;

	if (r == 0 && mode != MV_LEAKS_HEAP)
		r = roots_cost(target, maps, ranges, count, &roots);
	if (r < 0)
		return r;
	cost->copy_bytes = heap.present_bytes - heap.zero_bytes;
	hands = mode == MV_LEAKS_EXACT ? mv_memcopy_hands(cost->copy_bytes) : 1;
	ps = measure(target, ranges, count, &hands);
	cost->stream_bytes = roots.present_bytes - roots.zero_bytes;
	cost->swapped_bytes = heap.swapped_bytes + roots.swapped_bytes;
	/* A block of malloc takes 32 bytes at least, commonly more than 96: then 24 a block are a fourth. */
	cost->need_bytes = cost->copy_bytes + cost->copy_bytes / 4 + 8 * 1024 * 1024;
	if (mode == MV_LEAKS_EXACT)
		cost->stop_ns = (cost->copy_bytes * ps / hands + cost->stream_bytes * ps) / 1000 + STOP_NS;
	cost->took_ns = (cost->copy_bytes * (ps / hands + MARK_PS) + cost->stream_bytes * ps) / 1000;
	cost->took_ns =
	    cost->took_ns * (mode == MV_LEAKS_SCAN ? LEAKS_ROUNDS : 1) + cost->copy_bytes * TAKE_PS / 1000;
	return 0;
}

int mv_leaks_cost(struct mv_source *source, struct mv_target *target, const struct mv_maps *maps,
		  enum mv_leaks_mode mode, struct mv_leaks_cost *ret_cost)
{
	struct mv_leaks_cost cost = {0};
	struct mv_heap_where where;
	struct mv_range *ranges = NULL;
	size_t count = 0;
	int r;

	mv_heap_where_init(&where);
	r = mv_heap_locate(target, maps, &where) == MV_HEAP_HAVE ? 0 : -ENOENT;
	if (r == 0) {
		count = mv_heap_ranges(&where, true, NULL, 0);
		ranges = calloc(count + 1, sizeof(*ranges));
		r = ranges ? 0 : -ENOMEM;
	}
	if (r == 0) {
		mv_heap_ranges(&where, true, ranges, count);
		r = add_costs(target, maps, mode, ranges, count, &cost);
	}
	free(ranges);
	mv_heap_where_release(&where);
	if (r == 0)
		r = mv_memcopy_room(source, &cost.room_bytes);
	if (r == 0)
		*ret_cost = cost;
	return r;
}
