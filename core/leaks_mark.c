/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/leaks_private.h"

/*
 * Marking. Addresses are looked up in two steps: windows of 16 MiB by a hash that stays in the first cache,
 * then granules of 512 bytes or 2 KiB, each of which knows the first block that reaches into it. From there
 * it is a few steps.
 */

#define WINDOW_BITS 24
#define WINDOW_SIZE (UINT64_C(1) << WINDOW_BITS)
#define HUGE_FROM   ((size_t)2 * 1024 * 1024)

struct mark_window {
	uint64_t number; /* address >> WINDOW_BITS; 0 free */
	uint32_t *granules;
};

static size_t place_of(const struct mark *m, uint64_t number)
{
	return (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & m->windows_mask;
}

static struct mark_window *find_window(const struct mark *m, uint64_t number)
{
	size_t i = place_of(m, number);

	while (m->windows[i].number && m->windows[i].number != number)
		i = (i + 1) & m->windows_mask;
	return &m->windows[i];
}

static void *reserve(size_t bytes)
{
	void *at =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	/* Of what is used all over, fewer pages are to be found. */
	if (bytes >= HUGE_FROM)
		madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

/* Windows that blocks lie in, each counted once. */
static size_t count_windows(const struct mark *m)
{
	uint64_t next = 0; /* first number that was not counted */
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++) {
		uint64_t first = m->blocks[i].start >> WINDOW_BITS;
		const uint64_t last = (block_end(&m->blocks[i]) - 1) >> WINDOW_BITS;

		if (first < next)
			first = next;
		if (last >= first)
			n += last - first + 1;
		next = last + 1;
	}
	return n;
}

/* Each granule that a block's usable bytes touch, and that no earlier block does. */
static void fill_granules(struct mark *m)
{
	const size_t a_window = (size_t)1 << (WINDOW_BITS - m->shift);
	struct mark_window *w = NULL;
	uint64_t next = 0;
	size_t used = 0;

	for (size_t i = 0; i < m->count; i++) {
		uint64_t g = m->blocks[i].start >> m->shift;
		const uint64_t last = (block_end(&m->blocks[i]) - 1) >> m->shift;

		for (g = g < next ? next : g; g <= last; g++) {
			const uint64_t number = g >> (WINDOW_BITS - m->shift);

			if (!w || w->number != number) {
				w = find_window(m, number);
				if (!w->number) {
					w->number = number;
					w->granules = m->granules + used++ * a_window;
				}
			}
			w->granules[g & (a_window - 1)] = (uint32_t)i + 1;
		}
		next = last + 1;
	}
}

int mark_init(struct mark *mark, const struct mv_block *blocks, size_t count, const struct mv_memcopy *copy)
{
	const size_t bitmap = (count / 64 + 1) * sizeof(uint64_t);
	struct mark m = {.blocks = blocks, .count = count, .copy = copy, .shift = 9};
	size_t windows, cap = 64;

	if (count >= MARK_NONE - 1)
		return -E2BIG;
	if (count) {
		const struct mv_block *last = &blocks[count - 1];

		m.low = blocks[0].start;
		m.span = block_end(last) - m.low;
	}
	windows = count_windows(&m);
	if (windows * (WINDOW_SIZE / 4096) > count)
		m.shift = 11;
	while (cap < windows * 4)
		cap *= 2;
	m.windows_mask = cap - 1;
	m.windows = calloc(cap, sizeof(*m.windows));
	m.granules_bytes = (windows << (WINDOW_BITS - m.shift)) * sizeof(*m.granules) + 4096;
	m.granules = reserve(m.granules_bytes);
	m.stack_bytes = (count + 1) * sizeof(*m.stack);
	m.stack = reserve(m.stack_bytes);
	m.marked = calloc(1, bitmap);
	m.started = calloc(1, bitmap);
	if (!m.windows || !m.granules || !m.stack || !m.marked || !m.started) {
		mark_release(&m);
		return -ENOMEM;
	}
	fill_granules(&m);
	*mark = m;
	return 0;
}

void mark_release(struct mark *mark)
{
	free(mark->windows);
	if (mark->granules)
		munmap(mark->granules, mark->granules_bytes);
	if (mark->stack)
		munmap(mark->stack, mark->stack_bytes);
	free(mark->marked);
	free(mark->started);
	*mark = (struct mark){0};
}

uint32_t mark_find(const struct mark *mark, uint64_t address)
{
	const struct mark_window *w;
	size_t i;

	if (address - mark->low >= mark->span)
		return MARK_NONE;
	w = find_window(mark, address >> WINDOW_BITS);
	if (!w->number)
		return MARK_NONE;
	i = w->granules[(address & (WINDOW_SIZE - 1)) >> mark->shift];
	if (!i)
		return MARK_NONE;
	/* The last usable bytes of one lie in the header of the next, and count as the first's. */
	for (i--; i < mark->count && block_end(&mark->blocks[i]) <= address; i++)
		;
	return i < mark->count && address >= block_user(&mark->blocks[i]) ? (uint32_t)i : MARK_NONE;
}

static inline void try_word(struct mark *m, uint64_t word)
{
	uint32_t i;

	if (word - m->low >= m->span)
		return;
	i = mark_find(m, word);
	if (i == MARK_NONE || !block_counts(&m->blocks[i]))
		return;
	if (word == block_user(&m->blocks[i]))
		bit_set(m->started, i);
	if (bit_get(m->marked, i))
		return;
	bit_set(m->marked, i);
	m->stack[m->stack_count++] = i;
}

void mark_words(struct mark *mark, const uint64_t *words, size_t count)
{
	mark->words += count;
	for (size_t i = 0; i < count; i++)
		try_word(mark, words[i]);
}

void mark_frames(struct mark *mark, const uint64_t *words, size_t count)
{
	mark->words += count;
	for (size_t i = 0; i < count; i++) {
		const uint64_t user = words[i] + 16;
		const uint32_t at = mark_find(mark, user);

		try_word(mark, at != MARK_NONE && block_user(&mark->blocks[at]) == user ? user : words[i]);
	}
}

static bool is_inside(const struct mv_memcopy_range *range, uint64_t address)
{
	return range && address >= range->start && address < range->end;
}

bool mark_block_words(struct mark *mark, const struct mv_block *block, uint64_t *at, uint64_t *ret_address,
		      const uint64_t **ret_words, size_t *ret_count)
{
	const struct mv_memcopy_range *range = mark->last;
	uint64_t end = block_end(block);
	struct mv_range run;

	if (*at >= end)
		return false;
	if (!is_inside(range, *at)) {
		range = mv_memcopy_find(mark->copy, *at);
		mark->last = range;
	}
	if (!range)
		return false;
	if (end > range->end)
		end = range->end;
	run = (struct mv_range){*at, end};
	/* What lies in one page is not worth a look whether it is there: else it reads as zeroes. */
	if (end - *at > mark->copy->page_bytes && !mv_memcopy_run(mark->copy, range, *at, end, &run))
		return false;
	*at = run.end;
	*ret_address = run.start;
	*ret_words = (const uint64_t *)(const void *)(range->bytes + (run.start - range->start));
	*ret_count = (run.end - run.start) / sizeof(uint64_t);
	return true;
}

/*
 * Blocks lie anywhere: each step of a look-up would wait for memory. So many are under way at once, and what
 * each needs next is asked for a while before: a word's granule, then its block and marks, then the block's
 * first bytes.
 */
#define PIPE 256

struct pipe {
	struct {
		uint64_t word;
		const uint32_t *granule;
	} words[PIPE];
	struct {
		uint64_t word;
		uint32_t block;
	} found[PIPE];
	uint32_t ready[PIPE];
	/* so many have gone in and come out */
	unsigned words_in, words_out, found_in, found_out, ready_in, ready_out;
};

static void ask_for_bytes(struct mark *m, const struct mv_block *b)
{
	const struct mv_memcopy_range *range = m->last;

	if (!is_inside(range, b->start))
		range = mv_memcopy_find(m->copy, b->start);
	if (!range)
		return;
	m->last = range;
	__builtin_prefetch(range->bytes + (b->start + 16 - range->start));
	__builtin_prefetch(range->bytes + (b->start + 80 - range->start));
}

static void make_ready(struct mark *m, struct pipe *p, uint32_t block)
{
	ask_for_bytes(m, &m->blocks[block]);
	p->ready[p->ready_in++ % PIPE] = block;
}

/* The oldest that was found: reached now. */
static void take_found(struct mark *m, struct pipe *p)
{
	const uint64_t word = p->found[p->found_out % PIPE].word;
	size_t i = p->found[p->found_out++ % PIPE].block;

	for (; i < m->count && block_end(&m->blocks[i]) <= word; i++)
		;
	if (i >= m->count || word < block_user(&m->blocks[i]) || !block_counts(&m->blocks[i]) ||
	    block_ends_at(&m->blocks[i], word))
		return;
	if (word == block_user(&m->blocks[i]))
		bit_set(m->started, i);
	if (bit_get(m->marked, i))
		return;
	bit_set(m->marked, i);
	if (p->ready_in - p->ready_out < PIPE)
		make_ready(m, p, (uint32_t)i);
	else
		m->stack[m->stack_count++] = (uint32_t)i;
}

static void take_word(struct mark *m, struct pipe *p)
{
	const uint64_t word = p->words[p->words_out % PIPE].word;
	const uint32_t i = *p->words[p->words_out++ % PIPE].granule;

	if (!i)
		return;
	if (p->found_in - p->found_out == PIPE)
		take_found(m, p);
	__builtin_prefetch(&m->blocks[i - 1]);
	__builtin_prefetch(&m->blocks[i + 3]); /* it may be one of a few: the next line, too */
	__builtin_prefetch(&m->marked[(i - 1) / 64]);
	__builtin_prefetch(&m->started[(i - 1) / 64]);
	p->found[p->found_in % PIPE].word = word;
	p->found[p->found_in++ % PIPE].block = i - 1;
}

static inline void give_word(struct mark *m, struct pipe *p, uint64_t word)
{
	const struct mark_window *w;

	if (word - m->low >= m->span)
		return;
	w = find_window(m, word >> WINDOW_BITS);
	if (!w->number)
		return;
	if (p->words_in - p->words_out == PIPE)
		take_word(m, p);
	p->words[p->words_in % PIPE].word = word;
	p->words[p->words_in % PIPE].granule = &w->granules[(word & (WINDOW_SIZE - 1)) >> m->shift];
	__builtin_prefetch(p->words[p->words_in++ % PIPE].granule);
}

static void look_into(struct mark *m, struct pipe *p, const struct mv_block *b)
{
	uint64_t at = block_user(b), address;
	const uint64_t *words;
	size_t count;

	while (mark_block_words(m, b, &at, &address, &words, &count)) {
		m->words += count;
		for (size_t i = 0; i < count; i++)
			give_word(m, p, words[i]);
	}
}

void mark_drain(struct mark *mark)
{
	struct pipe pipe = {0}, *p = &pipe;

	for (;;) {
		while (mark->stack_count && p->ready_in - p->ready_out < PIPE)
			make_ready(mark, p, mark->stack[--mark->stack_count]);
		if (p->ready_in != p->ready_out)
			look_into(mark, p, &mark->blocks[p->ready[p->ready_out++ % PIPE]]);
		else if (p->words_in != p->words_out)
			while (p->words_in != p->words_out)
				take_word(mark, p);
		else if (p->found_in != p->found_out)
			while (p->found_in != p->found_out)
				take_found(mark, p);
		else
			return;
	}
}

/* Present words of [start, end) of one range. */
static void mark_span(struct mark *m, const struct mv_memcopy_range *range, uint64_t start, uint64_t end)
{
	struct mv_range run;

	for (start = (start + 7) & ~UINT64_C(7); start < end; start = run.end) {
		if (!mv_memcopy_run(m->copy, range, start, end, &run))
			return;
		mark_words(m, (const uint64_t *)(const void *)(range->bytes + (run.start - range->start)),
			   (run.end - run.start) / sizeof(uint64_t));
	}
}

/* The same without one part. */
static void mark_around(struct mark *m, const struct mv_memcopy_range *range, uint64_t start, uint64_t end,
			struct mv_range own)
{
	if (own.end <= start || own.start >= end) {
		mark_span(m, range, start, end);
		return;
	}
	if (own.start > start)
		mark_span(m, range, start, own.start);
	if (own.end < end)
		mark_span(m, range, own.end, end);
}

void mark_rest(struct mark *mark, struct mv_range own)
{
	size_t next = 0;

	for (size_t i = 0; i < mark->copy->count; i++) {
		const struct mv_memcopy_range *range = &mark->copy->at[i];
		uint64_t at = range->start;

		while (next < mark->count && mark->blocks[next].start < range->end) {
			const struct mv_block *b = &mark->blocks[next++];

			if (b->start > at)
				mark_around(mark, range, at, b->start, own);
			if (b->start + mv_block_size(b) > at)
				at = b->start + mv_block_size(b);
		}
		if (at < range->end)
			mark_around(mark, range, at, range->end, own);
	}
}
