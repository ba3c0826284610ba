/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "core/leaks_private.h"

/*
 * The roots: read through a small buffer, of which only those words are kept that lie in what was copied of
 * the heap. So roots of any size cost no memory, and it is as quick as a copy.
 */

#define BUFFER_BYTES ((uint64_t)64 * 1024)
#define WINDOW_BITS  24
#define ADDRESS_BITS 47 /* of user addresses; those above are found by the ranges alone */
#define RED_ZONE     128
#define RUNS	     128
#define SCAN_PAGES   ((uint64_t)512)
#define SEGMENTS     64

/* A thread's own block of glibc (struct pthread): it names itself, and the number of its thread until that
 * ends. */
#define TCB_SELF  16
#define TCB_TID	  0x2d0
#define TCB_ALIGN ((uint64_t)64)
#define TCB_SEEN  ((uint64_t)1024)
#define STACK_MAX ((uint64_t)64 * 1024 * 1024) /* so far the end of a stack is looked for */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* ---- words that are kept ---- */

int roots_init(struct roots *roots)
{
	const size_t windows = (size_t)1 << (ADDRESS_BITS - WINDOW_BITS - 3);

	*roots = (struct roots){.buffer = malloc(BUFFER_BYTES), .windows = calloc(1, windows)};
	if (roots->buffer && roots->windows)
		return 0;
	roots_release(roots);
	return -ENOMEM;
}

void roots_release(struct roots *roots)
{
	free(roots->words);
	free(roots->buffer);
	free(roots->windows);
	*roots = (struct roots){0};
}

static void mark_windows(struct roots *roots, const struct mv_memcopy *copy)
{
	memset(roots->windows, 0, (size_t)1 << (ADDRESS_BITS - WINDOW_BITS - 3));
	for (size_t i = 0; i < copy->count; i++)
		for (uint64_t w = copy->at[i].start >> WINDOW_BITS;
		     w <= (copy->at[i].end - 1) >> WINDOW_BITS && w >> (ADDRESS_BITS - WINDOW_BITS) == 0; w++)
			bit_set(roots->windows, w);
}

static bool may_be_block(struct roots *roots, const struct mv_memcopy *copy, uint64_t word)
{
	const struct mv_memcopy_range *last = roots->last;

	if (word >> ADDRESS_BITS == 0 && !bit_get(roots->windows, word >> WINDOW_BITS))
		return false;
	if (last && word >= last->start && word < last->end)
		return true;
	last = mv_memcopy_find(copy, word);
	if (last)
		roots->last = last;
	return last != NULL;
}

static int keep_words(struct roots *roots, const struct mv_memcopy *copy, size_t count)
{
	const uint64_t low = copy->count ? copy->at[0].start : 0;
	const uint64_t span = copy->count ? copy->at[copy->count - 1].end - low : 0;

	if (roots->cap - roots->count < count) {
		const size_t cap = roots->cap * 2 + count;
		uint64_t *grown = reallocarray(roots->words, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		roots->words = grown;
		roots->cap = cap;
	}
	for (size_t i = 0; i < count; i++) {
		const uint64_t word = roots->buffer[i];

		if (word - low < span && may_be_block(roots, copy, word))
			roots->words[roots->count++] = word;
	}
	return 0;
}

/* ---- reading ---- */

static int read_run(struct roots *roots, struct mv_target *target, const struct mv_memcopy *copy,
		    uint64_t start, uint64_t end)
{
	const uint64_t page_bytes = copy->page_bytes;

	while (start < end) {
		const uint64_t want = end - start < BUFFER_BYTES ? end - start : BUFFER_BYTES;
		ssize_t n = mv_target_bytes(target, start, roots->buffer, want);
		int r;

		if (n < 0 && n != -EFAULT)
			return (int)n;
		n = n > 0 ? n & ~(ssize_t)7 : 0;
		roots->read_bytes += (uint64_t)n;
		r = keep_words(roots, copy, (size_t)n / sizeof(uint64_t));
		if (r < 0)
			return r;
		start += (uint64_t)n;
		if ((uint64_t)n < want) {
			const uint64_t next = (start / page_bytes + 1) * page_bytes;

			roots->unreadable_bytes += (next < end ? next : end) - start;
			start = next;
		}
	}
	return 0;
}

/* [start, end), as far as it is present. skip_file: but for pages of files. */
static int read_range(struct roots *roots, struct mv_target *target, const struct mv_memcopy *copy,
		      struct mv_range range, bool skip_file)
{
	const uint64_t skip = MV_CAT_PFNZERO | (skip_file ? (uint64_t)MV_CAT_FILE : 0);
	struct mv_run runs[RUNS];
	uint64_t walked, told, seen = 0;
	const uint64_t total = range.end - range.start;

	while (range.start < range.end) {
		ssize_t n = mv_target_scan(target, range, skip | MV_CAT_GUARD, SCAN_PAGES, runs,
					   MV_COUNT_OF(runs), &walked, &told);
		int r = n < 0 ? (int)n : 0;

		for (ssize_t i = 0; r == 0 && i < n; i++) {
			const uint64_t start = runs[i].start > range.start ? runs[i].start : range.start;
			const uint64_t end = runs[i].end < range.end ? runs[i].end : range.end;

			if (!(runs[i].cats & MV_CAT_PRESENT)) {
				if (!(runs[i].cats & MV_CAT_GUARD)) {
					roots->swapped_bytes += end - start;
					seen += end - start;
				}
				continue;
			}
			seen += end - start;
			if (!(runs[i].cats & skip))
				r = read_run(roots, target, copy, start, end);
		}
		if (r == 0 && roots->deadline_ns && now_ns() > roots->deadline_ns)
			r = -ETIMEDOUT;
		if (r < 0)
			return r;
		range.start = walked;
	}
	roots->absent_bytes += total - seen;
	return 0;
}

/* Index of the first copied range that ends beyond an address. */
static size_t first_copied(const struct mv_memcopy *copy, uint64_t address)
{
	size_t low = 0, high = copy->count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (copy->at[mid].end <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* A range without what was copied. */
static int read_uncopied(struct roots *roots, struct mv_target *target, const struct mv_memcopy *copy,
			 struct mv_range range, bool skip_file)
{
	int r = 0;

	for (size_t i = first_copied(copy, range.start);
	     r == 0 && i < copy->count && copy->at[i].start < range.end; i++) {
		if (copy->at[i].start > range.start)
			r = read_range(roots, target, copy, (struct mv_range){range.start, copy->at[i].start},
				       skip_file);
		range.start = copy->at[i].end;
	}
	return r < 0 || range.start >= range.end ? r : read_range(roots, target, copy, range, skip_file);
}

/* ---- which mappings ---- */

/* Devices are never read. Without the right to write, only what was copied for this process alone may hold
 * pointers: it was writable once. */
static bool is_root(const struct mv_maps *maps, const struct mv_mapping *m, bool *ret_skip_file)
{
	const char *name = maps->names ? maps->names + m->name : "";

	if (!(m->perms & MV_PERM_R) || m->kind == MV_KIND_VSYSCALL || m->kind == MV_KIND_VVAR ||
	    m->kind == MV_KIND_VDSO)
		return false;
	if (!strncmp(name, "/dev/", 5) && strncmp(name, "/dev/shm/", 9) && strncmp(name, "/dev/zero", 9))
		return false;
	*ret_skip_file = !(m->perms & MV_PERM_W);
	return (m->perms & MV_PERM_W) || !(m->perms & MV_PERM_SHARED);
}

int roots_cost(struct mv_target *target, const struct mv_maps *maps, const struct mv_range *heap,
	       size_t heap_count, struct mv_memcopy_cost *ret_cost)
{
	struct mv_memcopy_cost sum = {0}, one;
	bool skip_file;
	int r;

	for (uint32_t i = 0; i < maps->count; i++) {
		const struct mv_mapping *m = &maps->at[i];

		if (!is_root(maps, m, &skip_file) || skip_file)
			continue;
		r = mv_memcopy_cost(target, &(struct mv_range){m->start, m->end}, 1, &one);
		if (r < 0)
			return r;
		sum.present_bytes += one.present_bytes;
		sum.swapped_bytes += one.swapped_bytes;
		sum.absent_bytes += one.absent_bytes;
		sum.zero_bytes += one.zero_bytes;
	}
	r = mv_memcopy_cost(target, heap, heap_count, &one);
	if (r < 0)
		return r;
	sum.present_bytes -= one.present_bytes < sum.present_bytes ? one.present_bytes : sum.present_bytes;
	sum.swapped_bytes -= one.swapped_bytes < sum.swapped_bytes ? one.swapped_bytes : sum.swapped_bytes;
	*ret_cost = sum;
	return 0;
}

/* ---- stacks ---- */

/* One stack, or what may be one: what lies between a guard and the next. */
struct segment {
	uint64_t start, end;
};

static bool is_inside(uint64_t address, uint64_t start, uint64_t end)
{
	return address >= start && address < end;
}

static bool holds_any(const struct mv_mapping *m, const struct mv_stopped *threads, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (threads[i].result == MV_STOP_TAKEN &&
		    (is_inside(threads[i].regs.r[MV_REG_SP], m->start, m->end) ||
		     is_inside(threads[i].fs_base, m->start, m->end)))
			return true;
	return false;
}

/* No access right below it. */
static bool is_guarded(const struct mv_maps *maps, uint32_t i)
{
	return i > 0 && maps->at[i - 1].end == maps->at[i].start &&
	       !(maps->at[i - 1].perms & (MV_PERM_R | MV_PERM_W | MV_PERM_X));
}

static bool begins_with_guard(struct mv_target *target, const struct mv_mapping *m, uint32_t page_bytes)
{
	const struct mv_range first = {m->start, m->start + page_bytes};
	struct mv_run run;
	uint64_t walked, told;

	return mv_target_scan(target, first, MV_CAT_GUARD, 1, &run, 1, &walked, &told) == 1 &&
	       (run.cats & told & MV_CAT_GUARD);
}

/* Parts of a mapping that begin above a guard, newer stacks' guards being inside one mapping. Returns how
 * many, SEGMENTS at most. */
static size_t find_segments(struct mv_target *target, const struct mv_mapping *m, bool guarded,
			    struct segment *out)
{
	struct mv_range range = {m->start, m->end};
	struct mv_run runs[RUNS];
	uint64_t walked, told;
	size_t n = 0;

	if (guarded)
		out[n++] = (struct segment){m->start, m->end};
	while (range.start < range.end) {
		ssize_t k = mv_target_scan(target, range, MV_CAT_GUARD, MV_SCAN_PAGES, runs,
					   MV_COUNT_OF(runs), &walked, &told);

		if (k < 0)
			return 0;
		for (ssize_t i = 0; i < k; i++) {
			if (!(runs[i].cats & told & MV_CAT_GUARD) || runs[i].end <= m->start)
				continue;
			if (n && out[n - 1].end == m->end)
				out[n - 1].end = runs[i].start;
			if (n == SEGMENTS)
				return n;
			out[n++] = (struct segment){runs[i].end, m->end};
		}
		range.start = walked;
	}
	return n;
}

/* A thread's own block among so many bytes of `at`; 0: none. */
static uint64_t find_thread(const uint64_t *words, uint64_t at, uint64_t bytes)
{
	for (uint64_t i = 0; i + TCB_TID + 8 <= bytes; i += TCB_ALIGN)
		if (words[i / 8] == at + i && words[(i + TCB_SELF) / 8] == at + i)
			return at + i;
	return 0;
}

/*
 * The block of a thread that has ended, at the end of its stack; 0: none. What lies above may be another's
 * memory, which the kernel has joined with the stack's mapping.
 */
static uint64_t find_dead_thread(struct roots *roots, struct mv_target *target, const struct segment *s)
{
	struct mv_range range = {s->start, s->end - s->start > STACK_MAX ? s->start + STACK_MAX : s->end};
	uint64_t *const words = roots->buffer;
	struct mv_run runs[RUNS];
	uint64_t walked, told;

	while (range.start < range.end) {
		ssize_t n =
		    mv_target_scan(target, range, 0, SCAN_PAGES, runs, MV_COUNT_OF(runs), &walked, &told);

		for (ssize_t i = 0; i < n; i++) {
			const uint64_t end = runs[i].end < range.end ? runs[i].end : range.end;

			/* Steps overlap by what has to be seen of one. */
			for (uint64_t at = runs[i].start; (runs[i].cats & MV_CAT_PRESENT) && at < end;
			     at += BUFFER_BYTES - TCB_SEEN) {
				const uint64_t want = end - at < BUFFER_BYTES ? end - at : BUFFER_BYTES;
				ssize_t got = mv_target_bytes(target, at, words, want);
				const uint64_t found = got > 0 ? find_thread(words, at, (uint64_t)got) : 0;

				if (found)
					return (int32_t)words[(found - at + TCB_TID) / 8] <= 0 ? found : 0;
			}
		}
		if (n < 0)
			return 0;
		range.start = walked;
	}
	return 0;
}

/* Where in a segment the roots begin: above what no thread uses any more. */
static uint64_t live_from(struct roots *roots, struct mv_target *target, const struct segment *s,
			  bool main_stack, const struct mv_stopped *threads, size_t count)
{
	uint64_t lowest = 0, dead;

	for (size_t i = 0; i < count; i++) {
		const uint64_t sp = threads[i].regs.r[MV_REG_SP];

		if (threads[i].result != MV_STOP_TAKEN || !is_inside(sp, s->start, s->end))
			continue;
		/* Somebody else's memory is its stack: a coroutine's, a signal's. */
		if (!main_stack && !is_inside(threads[i].fs_base, sp, s->end))
			return s->start;
		if (!lowest || sp < lowest)
			lowest = sp;
	}
	if (lowest)
		return lowest - s->start > RED_ZONE ? (lowest - RED_ZONE) & ~UINT64_C(7) : s->start;
	dead = main_stack ? 0 : find_dead_thread(roots, target, s);
	if (!dead)
		return s->start;
	roots->dead_stacks++;
	return dead;
}

/* Is it anonymous memory of this process alone? Stacks are, whoever made them. */
static bool may_be_stack(const struct mv_mapping *m)
{
	return (m->perms & (MV_PERM_W | MV_PERM_SHARED)) == MV_PERM_W && !(m->flags & MV_MAPPING_FILE) &&
	       m->kind != MV_KIND_HEAP;
}

static int read_mapping(struct roots *roots, struct mv_target *target, const struct mv_maps *maps,
			uint32_t index, const struct mv_memcopy *copy, const struct mv_stopped *threads,
			size_t count, bool skip_file)
{
	const struct mv_mapping *m = &maps->at[index];
	const bool main_stack = m->kind == MV_KIND_STACK;
	struct segment segments[SEGMENTS];
	uint64_t at = m->start;
	size_t n = 0;
	int r = 0;

	if (may_be_stack(m)) {
		const bool guarded = is_guarded(maps, index) || main_stack;

		if (guarded || holds_any(m, threads, count) || begins_with_guard(target, m, copy->page_bytes))
			n = find_segments(target, m, guarded, segments);
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct segment *s = &segments[i];
		const size_t next = first_copied(copy, s->start);
		uint64_t from;

		/* Blocks that were mapped above it are no part of it. */
		if (next < copy->count && copy->at[next].start < s->end)
			s->end = copy->at[next].start;
		if (s->end <= s->start)
			continue;
		from = live_from(roots, target, s, main_stack, threads, count);
		if (s->start > at)
			r = read_uncopied(roots, target, copy, (struct mv_range){at, s->start}, skip_file);
		if (r == 0 && from < s->end)
			r = read_uncopied(roots, target, copy, (struct mv_range){from, s->end}, skip_file);
		at = s->end;
	}
	return r < 0 || at >= m->end
		   ? r
		   : read_uncopied(roots, target, copy, (struct mv_range){at, m->end}, skip_file);
}

static int keep_registers(struct roots *roots, const struct mv_memcopy *copy, const struct mv_stopped *t)
{
	size_t n = 0;

	for (size_t i = 0; i < MV_REGS; i++)
		roots->buffer[n++] = t->regs.r[i];
	roots->buffer[n++] = t->fs_base;
	roots->buffer[n++] = t->gs_base;
	if (t->stack_bytes)
		memcpy(&roots->buffer[n], t->stack, t->stack_bytes & ~UINT32_C(7));
	return keep_words(roots, copy, n + t->stack_bytes / 8);
}

/* A mapping that has gone since, or changed its rights, is of no use any more. */
static int tolerate(int r)
{
	return r == -EFAULT || r == -EINVAL ? 0 : r;
}

int roots_read(struct roots *roots, struct mv_target *target, const struct mv_maps *maps,
	       const struct mv_memcopy *copy, const struct mv_stopped *threads, size_t count)
{
	int r = 0;

	roots->count = 0;
	roots->read_bytes = roots->swapped_bytes = roots->absent_bytes = roots->unreadable_bytes = 0;
	roots->threads = roots->threads_unseen = roots->dead_stacks = 0;
	roots->last = NULL;
	mark_windows(roots, copy);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (threads[i].result == MV_STOP_TAKEN) {
			roots->threads++;
			r = keep_registers(roots, copy, &threads[i]);
		} else if (threads[i].result != MV_STOP_GONE) {
			roots->threads_unseen++;
		}
	}
	/* Stacks first: they change the most. */
	for (int stacks = 1; stacks >= 0; stacks--) {
		for (uint32_t i = 0; r == 0 && i < maps->count; i++) {
			bool skip_file;

			if (is_root(maps, &maps->at[i], &skip_file) &&
			    holds_any(&maps->at[i], threads, count) == (stacks == 1))
				r = tolerate(
				    read_mapping(roots, target, maps, i, copy, threads, count, skip_file));
		}
		if (stacks)
			roots->frames = roots->count;
	}
	return r;
}
