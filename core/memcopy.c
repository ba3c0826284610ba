/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/crew.h"
#include "core/memcopy.h"

#define ADVISE_POPULATE_WRITE 23 /* MADV_POPULATE_WRITE, Linux 5.14 */

#define READ_BYTES ((uint64_t)64 * 1024)
#define HUGE_BYTES ((uint64_t)2 * 1024 * 1024)
#define WINDOW_BYTES \
	((uint64_t)2 * 1024 * 1024) /* present bytes that one scan finds: read before they change */
#define GROWS_BYTES ((uint64_t)1024 * 1024)
#define RUNS	    128
#define CREW_BYTES  ((uint64_t)8 * 1024 * 1024) /* less is copied before another thread has begun */
#define HURRY	    (-15)			/* the niceness of a copy that must not be interrupted */

/* One reservation, and what is left of it. */
struct mv_memcopy_slab {
	uint8_t *at;
	size_t bytes;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* ---- where it lies ---- */

void mv_memcopy_init(struct mv_memcopy *copy)
{
	*copy = (struct mv_memcopy){.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE)};
}

void mv_memcopy_release(struct mv_memcopy *copy)
{
	for (size_t i = 0; i < copy->slabs_count; i++)
		munmap(copy->slabs[i].at, copy->slabs[i].bytes);
	free(copy->slabs);
	free(copy->at);
	mv_memcopy_init(copy);
}

/* The ranges at page borders, joined where they touch. -EINVAL: not in order. */
static ssize_t widen(const struct mv_memcopy *copy, const struct mv_range *ranges, size_t count,
		     struct mv_memcopy_range *out)
{
	const uint64_t mask = ~(uint64_t)(copy->page_bytes - 1);
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const uint64_t start = ranges[i].start & mask, end = (ranges[i].end + ~mask) & mask;

		if (ranges[i].end < ranges[i].start || end < start ||
		    (i && ranges[i].start < ranges[i - 1].end))
			return -EINVAL;
		if (ranges[i].end == ranges[i].start)
			continue;
		if (n && start <= out[n - 1].end)
			out[n - 1].end = end;
		else
			out[n++] = (struct mv_memcopy_range){.start = start, .end = end};
	}
	return (ssize_t)n;
}

/* Where it was planned before, if it still fits there. */
static bool keep_place(const struct mv_memcopy *copy, struct mv_memcopy_range *range)
{
	const struct mv_memcopy_range *old = mv_memcopy_find(copy, range->start);

	if (!old || old->start != range->start || range->end - range->start > old->room_bytes)
		return false;
	range->bytes = old->bytes;
	range->bits = old->bits;
	range->room_bytes = old->room_bytes;
	range->filled = old->filled;
	return true;
}

static uint64_t align(uint64_t at, uint64_t to)
{
	return (at + to - 1) / to * to;
}

/* Offsets of one range's bytes and bits behind at; returns the end. */
static uint64_t lay_out(struct mv_memcopy_range *range, uint32_t page_bytes, uint64_t at, uint8_t *base)
{
	const uint64_t bytes = range->end - range->start;
	const uint64_t room = align(bytes + bytes / 8 + GROWS_BYTES, page_bytes);
	const uint64_t from = align(at, bytes >= HUGE_BYTES ? HUGE_BYTES : page_bytes);
	const uint64_t bits = align(from + room, 64);

	if (base) {
		range->room_bytes = room;
		range->bytes = base + from;
		range->bits = (uint64_t *)(void *)(base + bits);
	}
	return bits + align(room / page_bytes, 64) / 8;
}

/* Reserve one slab for those that have no place yet. */
static int reserve(struct mv_memcopy *copy, struct mv_memcopy_range *ranges, size_t count)
{
	struct mv_memcopy_slab *slabs;
	uint64_t bytes = 0, at;
	uint8_t *base;

	for (size_t i = 0; i < count; i++) {
		if (ranges[i].bytes)
			continue;
		if (ranges[i].end - ranges[i].start > SIZE_MAX / 4)
			return -ENOMEM;
		bytes = lay_out(&ranges[i], copy->page_bytes, bytes, NULL);
		if (bytes > SIZE_MAX / 4)
			return -ENOMEM;
	}
	if (!bytes)
		return 0;
	slabs = reallocarray(copy->slabs, copy->slabs_count + 1, sizeof(*slabs));
	if (!slabs)
		return -ENOMEM;
	copy->slabs = slabs;
	bytes = align(bytes + HUGE_BYTES, copy->page_bytes);
	base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -ENOMEM;
	slabs[copy->slabs_count++] = (struct mv_memcopy_slab){base, bytes};
	/* Small pages until it is known how full a range is; and a fork must not make the first write to each
	 * fault. */
	madvise(base, bytes, MADV_NOHUGEPAGE);
	madvise(base, bytes, MADV_DONTFORK);
	at = align((uintptr_t)base, HUGE_BYTES) - (uintptr_t)base;
	for (size_t i = 0; i < count; i++)
		if (!ranges[i].bytes)
			at = lay_out(&ranges[i], copy->page_bytes, at, base);
	return 0;
}

int mv_memcopy_plan(struct mv_memcopy *copy, const struct mv_range *ranges, size_t count)
{
	struct mv_memcopy_range *planned = calloc(count ? count : 1, sizeof(*planned));
	ssize_t n;
	int r;

	if (!planned)
		return -ENOMEM;
	n = widen(copy, ranges, count, planned);
	for (ssize_t i = 0; i < n; i++)
		keep_place(copy, &planned[i]);
	r = n < 0 ? (int)n : reserve(copy, planned, (size_t)n);
	if (r < 0) {
		free(planned);
		return r;
	}
	free(copy->at);
	copy->at = planned;
	copy->count = (size_t)n;
	return 0;
}

/* ---- taking the memory ---- */

static int populate(const struct mv_memcopy *copy, uint8_t *at, uint64_t bytes)
{
	if (madvise(at, bytes, ADVISE_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -ENOMEM;
	for (uint64_t i = 0; i < bytes; i += copy->page_bytes)
		*((volatile uint8_t *)at + i) += 0;
	return 0;
}

/* Is it worth huge pages: nine tenths of it are there? */
static int advise_huge(const struct mv_memcopy_range *range, struct mv_target *target)
{
	const uint64_t bytes = range->end - range->start;
	struct mv_memcopy_cost cost;
	int r;

	if (bytes < HUGE_BYTES)
		return 0;
	r = mv_memcopy_cost(target, &(struct mv_range){range->start, range->end}, 1, &cost);
	if (r == 0 && (cost.present_bytes - cost.zero_bytes) / 9 >= bytes / 10)
		madvise(range->bytes, bytes, MADV_HUGEPAGE);
	return r;
}

static int prefault_range(const struct mv_memcopy *copy, const struct mv_memcopy_range *range,
			  struct mv_target *target)
{
	struct mv_range r = {range->start, range->end};
	struct mv_run runs[RUNS];
	uint64_t walked, told;
	int err = advise_huge(range, target);

	while (!err && r.start < r.end) {
		ssize_t n = mv_target_scan(target, r, MV_CAT_PFNZERO, MV_SCAN_PAGES, runs, MV_COUNT_OF(runs),
					   &walked, &told);

		if (n < 0)
			return (int)n;
		for (ssize_t i = 0; !err && i < n; i++)
			if ((runs[i].cats & (MV_CAT_PRESENT | MV_CAT_PFNZERO)) == MV_CAT_PRESENT)
				err = populate(copy, range->bytes + (runs[i].start - range->start),
					       runs[i].end - runs[i].start);
		if (copy->deadline_ns && now_ns() > copy->deadline_ns)
			err = -ETIMEDOUT;
		r.start = walked;
	}
	return err;
}

int mv_memcopy_prefault(struct mv_memcopy *copy, struct mv_target *target)
{
	int r = 0;

	if (mv_target_page_bytes(target) != copy->page_bytes)
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < copy->count; i++)
		r = prefault_range(copy, &copy->at[i], target);
	return r;
}

/* ---- copying ---- */

/*
 * Several may copy at once (copy->hands). Which pages there are is asked by one after the other, each taking
 * what was found as its window: no two have the same page, and target and source are asked by one at a time.
 * Bytes are then read by all at once. Two windows may share a word of bits, so bits are set atomically. What
 * came is counted in the window, and added up when the next is taken.
 */
struct window {
	struct mv_memcopy_range *range;
	uint64_t start, end;
	struct mv_run runs[RUNS];
	ssize_t runs_count;
	uint64_t present_bytes, swapped_bytes, unreadable_bytes; /* as the range's */
};

static bool has_page(const struct mv_memcopy_range *range, uint64_t page)
{
	return __atomic_load_n(&range->bits[page / 64], __ATOMIC_RELAXED) >> (page % 64) & 1;
}

/* Of the word of bits that holds `page`: those from it on, before `last`. */
static uint64_t bits_from(uint64_t page, uint64_t last)
{
	const uint64_t first = page % 64, n = last - page < 64 - first ? last - page : 64 - first;

	return (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << first;
}

static void set_pages(const struct mv_memcopy *copy, struct window *w, uint64_t start, uint64_t end)
{
	const uint64_t last = (end - w->range->start) / copy->page_bytes;
	uint64_t p = (start - w->range->start) / copy->page_bytes;

	for (; p < last; p += 64 - p % 64)
		__atomic_fetch_or(&w->range->bits[p / 64], bits_from(p, last), __ATOMIC_RELAXED);
	w->present_bytes += end - start;
}

/* What was here at the last fill reads as zeroes again. */
static void clear_pages(const struct mv_memcopy *copy, const struct mv_memcopy_range *range, uint64_t start,
			uint64_t end)
{
	const uint64_t last = (end - range->start) / copy->page_bytes;
	uint64_t p = (start - range->start) / copy->page_bytes;

	if (!range->filled)
		return;
	for (; p < last; p += 64 - p % 64) {
		const uint64_t ours = bits_from(p, last);
		uint64_t had = __atomic_load_n(&range->bits[p / 64], __ATOMIC_RELAXED) & ours;

		/* No one else sets or clears these: what is clear need not be written. */
		if (had)
			__atomic_fetch_and(&range->bits[p / 64], ~ours, __ATOMIC_RELAXED);
		for (; had; had &= had - 1)
			memset(range->bytes +
				   (p / 64 * 64 + (uint64_t)__builtin_ctzll(had)) * copy->page_bytes,
			       0, copy->page_bytes);
	}
}

static int read_run(const struct mv_memcopy *copy, struct window *w, struct mv_target *target,
		    const struct mv_run *run)
{
	struct mv_memcopy_range *const range = w->range;
	const uint64_t page_bytes = copy->page_bytes;
	uint64_t at = run->start;

	while (at < run->end) {
		uint64_t want = run->end - at < READ_BYTES ? run->end - at : READ_BYTES;
		ssize_t n = mv_target_bytes(target, at, range->bytes + (at - range->start), want);
		uint64_t got = n > 0 ? (uint64_t)n / page_bytes * page_bytes : 0;

		if (n < 0 && n != -EFAULT)
			return (int)n;
		set_pages(copy, w, at, at + got);
		if (copy->done_bytes)
			__atomic_fetch_add(copy->done_bytes, got, __ATOMIC_RELAXED);
		at += got;
		if (got < want) {
			/* This page it is; a part of it may have come. */
			memset(range->bytes + (at - range->start), 0, page_bytes);
			clear_pages(copy, range, at, at + page_bytes);
			w->unreadable_bytes += page_bytes;
			at += page_bytes;
		}
	}
	return 0;
}

static int take_run(const struct mv_memcopy *copy, struct window *w, struct mv_target *target,
		    const struct mv_run *run)
{
	if ((run->cats & (MV_CAT_PRESENT | MV_CAT_PFNZERO)) == MV_CAT_PRESENT)
		return read_run(copy, w, target, run);
	clear_pages(copy, w->range, run->start, run->end);
	if (run->cats & MV_CAT_PRESENT)
		set_pages(copy, w, run->start, run->end);
	else if (!(run->cats & MV_CAT_GUARD))
		w->swapped_bytes += run->end - run->start;
	return 0;
}

/* Which pages there are from w->start on, up to `end` at most: w->end is how far the answer goes. */
static int look_at(const struct mv_memcopy *copy, struct window *w, struct mv_target *target, uint64_t end)
{
	const struct mv_range r = {w->start, end};
	uint64_t told;

	w->runs_count =
	    mv_target_scan(target, r, MV_CAT_PFNZERO | MV_CAT_GUARD, WINDOW_BYTES / copy->page_bytes, w->runs,
			   MV_COUNT_OF(w->runs), &w->end, &told);
	return w->runs_count < 0 ? (int)w->runs_count : 0;
}

/* And their bytes. */
static int copy_window(const struct mv_memcopy *copy, struct window *w, struct mv_target *target)
{
	uint64_t at = w->start;

	for (ssize_t i = 0; i < w->runs_count; i++) {
		int err;

		clear_pages(copy, w->range, at, w->runs[i].start);
		err = take_run(copy, w, target, &w->runs[i]);
		if (err)
			return err;
		at = w->runs[i].end;
	}
	if (w->end > at)
		clear_pages(copy, w->range, at, w->end);
	return copy->deadline_ns && now_ns() > copy->deadline_ns ? -ETIMEDOUT : 0;
}

static void add_counts(struct window *w)
{
	w->range->present_bytes += w->present_bytes;
	w->range->swapped_bytes += w->swapped_bytes;
	w->range->unreadable_bytes += w->unreadable_bytes;
	w->present_bytes = w->swapped_bytes = w->unreadable_bytes = 0;
}

/* What those who copy at once share. */
struct fill {
	struct mv_memcopy *copy;
	struct mv_target *target;
	pthread_mutex_t lock; /* for all below, the ranges' counts, and whoever asks about pages */
	size_t range;
	uint64_t at; /* in it: where the next window begins; 0: at its start */
	int err;     /* the first */
};

/* The window before is done, with err. False: there is no more, or someone had an error. */
static bool next_window(struct fill *fill, struct window *w, int err)
{
	struct mv_memcopy *const copy = fill->copy;
	bool more;

	pthread_mutex_lock(&fill->lock);
	if (w->range)
		add_counts(w);
	if (!fill->err)
		fill->err = err;
	if (fill->range < copy->count && fill->at >= copy->at[fill->range].end) {
		fill->range++;
		fill->at = 0;
	}
	more = !fill->err && fill->range < copy->count;
	if (more) {
		w->range = &copy->at[fill->range];
		w->start = fill->at ? fill->at : w->range->start;
		fill->err = look_at(copy, w, fill->target, w->range->end);
		fill->at = w->end;
		more = !fill->err;
	}
	pthread_mutex_unlock(&fill->lock);
	return more;
}

static void copy_windows(void *arg)
{
	struct fill *const fill = arg;
	struct window w = {0};
	int err = 0;

	while (next_window(fill, &w, err))
		err = copy_window(fill->copy, &w, fill->target);
}

unsigned mv_memcopy_hands(uint64_t bytes)
{
	return bytes < CREW_BYTES ? 1 : mv_crew_hands();
}

int mv_memcopy_fill(struct mv_memcopy *copy, struct mv_target *target)
{
	struct fill fill = {copy, target, PTHREAD_MUTEX_INITIALIZER, 0, 0, 0};

	if (mv_target_page_bytes(target) != copy->page_bytes)
		return -EINVAL;
	for (size_t i = 0; i < copy->count; i++)
		copy->at[i].present_bytes = copy->at[i].swapped_bytes = copy->at[i].unreadable_bytes = 0;
	mv_crew_work(copy->hands, copy_windows, &fill);
	for (size_t i = 0; i < copy->count && i <= fill.range; i++) {
		struct mv_memcopy_range *const r = &copy->at[i];

		r->absent_bytes =
		    r->end - r->start - r->present_bytes - r->swapped_bytes - r->unreadable_bytes;
		/* What has come so far is not told apart from what was there before. */
		r->filled = true;
	}
	return fill.err;
}

/* Pages [at, end) of a range. */
static int fill_part(const struct mv_memcopy *copy, struct mv_memcopy_range *range, struct mv_target *target,
		     uint64_t at, uint64_t end)
{
	struct window w = {.range = range, .start = at};
	int err = 0;

	for (; !err && w.start < end; w.start = w.end) {
		err = look_at(copy, &w, target, end);
		if (!err)
			err = copy_window(copy, &w, target);
	}
	return err;
}

static uint64_t count_pages(const struct mv_memcopy_range *range, uint64_t page, uint64_t last)
{
	uint64_t n = 0;

	for (; page < last; page++)
		n += has_page(range, page);
	return n;
}

/* What has come was not there, and the other way round. */
static void move_bytes(uint64_t *from, uint64_t *to, uint64_t *bytes)
{
	const uint64_t moved = *bytes < *from ? *bytes : *from;

	*from -= moved;
	*to += moved;
	*bytes -= moved;
}

int mv_memcopy_renew(struct mv_memcopy *copy, struct mv_target *target, uint64_t start, uint64_t end)
{
	struct mv_memcopy_range *range = (struct mv_memcopy_range *)(uintptr_t)mv_memcopy_find(copy, start);
	uint64_t *const done_bytes = copy->done_bytes;
	uint64_t page, last, before, after;
	int r;

	if (!range || !range->filled || end <= start)
		return -EINVAL;
	page = (start - range->start) / copy->page_bytes;
	end = end < range->end ? end : range->end;
	last = (end - range->start + copy->page_bytes - 1) / copy->page_bytes;
	before = count_pages(range, page, last) * copy->page_bytes;
	copy->done_bytes = NULL;
	r = fill_part(copy, range, target, range->start + page * copy->page_bytes,
		      range->start + last * copy->page_bytes);
	copy->done_bytes = done_bytes;
	after = count_pages(range, page, last) * copy->page_bytes;
	if (before > after) {
		before -= after;
		move_bytes(&range->present_bytes, &range->absent_bytes, &before);
		return r;
	}
	after -= before;
	move_bytes(&range->absent_bytes, &range->present_bytes, &after);
	move_bytes(&range->swapped_bytes, &range->present_bytes, &after);
	move_bytes(&range->unreadable_bytes, &range->present_bytes, &after);
	return r;
}

int mv_memcopy_hurry(void)
{
	const int before = getpriority(PRIO_PROCESS, 0);

	if (before > HURRY)
		setpriority(PRIO_PROCESS, 0, HURRY);
	return before;
}

void mv_memcopy_calm(int before)
{
	setpriority(PRIO_PROCESS, 0, before);
}

/* ---- looking at it ---- */

const struct mv_memcopy_range *mv_memcopy_find(const struct mv_memcopy *copy, uint64_t address)
{
	size_t low = 0, high = copy->count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (copy->at[mid].end <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low < copy->count && copy->at[low].start <= address ? &copy->at[low] : NULL;
}

const uint8_t *mv_memcopy_at(const struct mv_memcopy *copy, uint64_t address, size_t bytes)
{
	const struct mv_memcopy_range *range = mv_memcopy_find(copy, address);

	if (!range || bytes > range->end - address)
		return NULL;
	return range->bytes + (address - range->start);
}

bool mv_memcopy_has(const struct mv_memcopy *copy, uint64_t address)
{
	const struct mv_memcopy_range *range = mv_memcopy_find(copy, address);

	return range && has_page(range, (address - range->start) / copy->page_bytes);
}

/* The first page from `page` on, and before `last`, whose bit is `set`; last when there is none. */
static uint64_t next_page(const struct mv_memcopy_range *range, uint64_t page, uint64_t last, bool set)
{
	while (page < last) {
		uint64_t word = range->bits[page / 64];

		word = (set ? word : ~word) >> (page % 64);
		if (word) {
			page += (uint64_t)__builtin_ctzll(word);
			return page < last ? page : last;
		}
		page += 64 - page % 64;
	}
	return last;
}

bool mv_memcopy_run(const struct mv_memcopy *copy, const struct mv_memcopy_range *range, uint64_t at,
		    uint64_t end, struct mv_range *ret_run)
{
	const uint64_t page_bytes = copy->page_bytes;
	uint64_t last, first, stop;

	if (end > range->end)
		end = range->end;
	if (at >= end)
		return false;
	last = (end - range->start + page_bytes - 1) / page_bytes;
	first = next_page(range, (at - range->start) / page_bytes, last, true);
	if (first == last)
		return false;
	stop = next_page(range, first, last, false);
	first = range->start + first * page_bytes;
	stop = range->start + stop * page_bytes;
	*ret_run = (struct mv_range){first > at ? first : at, stop < end ? stop : end};
	return true;
}
