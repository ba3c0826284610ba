/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/atlas_private.h"

#define FLAG(name) (UINT64_C(1) << FLAG_##name)
enum {
#define X(bit, name, meaning) FLAG_##name = bit,
	MV_FRAME_FLAGS(X)
#undef X
};

const struct mv_frame_use_info mv_frame_uses[MV_USE__N] = {
#define X(id, json, glyph, ascii, words) {json, glyph, ascii, words},
    MV_FRAME_USES(X)
#undef X
};

/*
 * SLAB comes before ANON: what the kernel's small objects keep in their frame reads like ANON and KSM. FREE
 * is told of each frame of a free block, not only of its first.
 */
enum mv_frame_use mv_frame_use_of(uint64_t flags, struct mv_val count)
{
	if (flags & FLAG(HWPOISON))
		return MV_USE_POISON;
	if (flags & (FLAG(NOPAGE) | FLAG(OFFLINE)))
		return MV_USE_NONE;
	if (flags & FLAG(BUDDY))
		return MV_USE_FREE;
	if (flags & FLAG(RESERVED))
		return MV_USE_RESERVED;
	if (flags & FLAG(PGTABLE))
		return MV_USE_TABLES;
	if (flags & FLAG(SLAB))
		return MV_USE_SLAB;
	if (flags & FLAG(HUGE))
		return MV_USE_HUGETLB;
	if (flags & FLAG(ZERO_PAGE))
		return MV_USE_KERNEL;
	if (flags & FLAG(ANON))
		return flags & FLAG(THP) ? MV_USE_THP : MV_USE_ANON;
	/* Off the lists of reclaim for the moment, a page of a file still has its content. */
	if (!(flags & (FLAG(LRU) | FLAG(UPTODATE))) &&
	    !(mv_have(&count) && count.value && flags & FLAG(MMAP)))
		return MV_USE_KERNEL;
	return flags & FLAG(SWAPBACKED) ? MV_USE_SHMEM : MV_USE_FILE;
}

int mv_atlas_new(struct mv_source *source, struct mv_atlas **ret_atlas)
{
	struct mv_atlas *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->source = source;
	a->tail_at = UINT64_MAX;
	*ret_atlas = a;
	return 0;
}

void mv_atlas_free(struct mv_atlas *atlas)
{
	if (!atlas)
		return;
	atlas_walks_release(atlas);
	atlas_layout_forget(atlas);
	free(atlas);
}

/* Index of the first stretch that ends above pfn. */
static size_t find_stretch(const struct mv_atlas *a, uint64_t pfn)
{
	size_t low = 0, high = a->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (a->stretches[mid].end > pfn)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

const struct atlas_part *atlas_part_of(const struct mv_atlas *atlas, uint64_t pfn, uint64_t *ret_number)
{
	const size_t i = find_stretch(atlas, pfn);

	if (i == atlas->count || atlas->stretches[i].start > pfn)
		return NULL;
	*ret_number = atlas->parts[i].frame + pfn - atlas->stretches[i].start;
	return &atlas->parts[i];
}

/* ---- reading ---- */

static unsigned use_of_byte(uint8_t byte)
{
	return byte & 0x7f;
}

static struct atlas_block *block_of(const struct mv_atlas *a, size_t i, uint64_t pfn)
{
	return &a->blocks[a->parts[i].block + pfn / ATLAS_BLOCK - a->stretches[i].start / ATLAS_BLOCK];
}

/* Change what a frame is known to be used for. */
static void put_use(struct mv_atlas *a, struct atlas_block *block, uint8_t *byte, uint8_t now)
{
	if (*byte != ATLAS_UNREAD) {
		block->uses[use_of_byte(*byte)]--;
		a->counts[use_of_byte(*byte)]--;
	}
	block->uses[use_of_byte(now)]++;
	a->counts[use_of_byte(now)]++;
	*byte = now;
}

/* Of some kernels' large pages only the first frame tells what they hold. */
static enum mv_frame_use use_of_word(struct mv_atlas *a, uint64_t pfn, uint64_t word)
{
	enum mv_frame_use use = mv_frame_use_of(word, mv_val_missing(MV_WHY_NOT_ASKED));

	if (word & FLAG(COMPOUND_HEAD)) {
		a->tail_use = use;
		a->tail_at = pfn + 1;
	} else if (word & FLAG(COMPOUND_TAIL) && a->tail_at == pfn) {
		a->tail_at++;
		if (use != MV_USE_POISON)
			use = a->tail_use;
	}
	return use;
}

static void take_words(struct mv_atlas *a, size_t i, uint64_t pfn, size_t n, uint64_t now_ns)
{
	struct atlas_part *part = &a->parts[i];
	uint8_t *byte = &a->uses[part->frame + pfn - a->stretches[i].start];
	uint64_t last = ~a->words[0];
	uint8_t now = 0;

	for (size_t at = 0; at < n; at++, pfn++, byte++) {
		struct atlas_block *block = block_of(a, i, pfn);
		uint64_t word = a->words[at];

		if (word != last || word & (FLAG(COMPOUND_HEAD) | FLAG(COMPOUND_TAIL)))
			now = word ? (uint8_t)use_of_word(a, pfn, word) : ATLAS_PLAIN;
		last = word;
		block->read_ns = now_ns;
		if (now == ATLAS_PLAIN && pfn >= part->deferred.start && pfn < part->deferred.end) {
			if (*byte != MV_USE_DEFERRED)
				put_use(a, block, byte, MV_USE_DEFERRED);
		} else if (*byte != now) {
			put_use(a, block, byte, now);
		}
	}
}

/* Read of one stretch from pfn on; whole blocks, so that a block has one age. Returns frames read, or -errno.
 */
static ssize_t read_some(struct mv_atlas *a, size_t i, uint64_t pfn, uint64_t end, size_t frames)
{
	enum mv_why why[3];
	uint64_t n;

	if (end > a->stretches[i].end)
		end = a->stretches[i].end;
	n = end - pfn;
	if (frames > ATLAS_READ)
		frames = ATLAS_READ;
	if (n > frames) {
		n = (pfn + frames) / ATLAS_BLOCK * ATLAS_BLOCK;
		n = n > pfn ? n - pfn : frames;
	}
	mv_source_frames(a->source, pfn, (size_t)n, a->words, NULL, NULL, why);
	if (why[0] == MV_WHY_IO) { /* beyond what this kernel keeps books of */
		for (uint64_t k = 0; k < n; k++)
			a->words[k] = FLAG(NOPAGE);
		why[0] = MV_WHY_HAVE;
	}
	a->why = why[0];
	if (why[0] != MV_WHY_HAVE)
		return why[0] == MV_WHY_NO_KERNEL ? -ENOENT : -EACCES;
	take_words(a, i, pfn, (size_t)n, mv_source_now(a->source));
	return (ssize_t)n;
}

/* The run of frames without any flag at the end of a stretch. */
static struct mv_range plain_tail(const struct mv_atlas *a, size_t i)
{
	const struct mv_atlas_stretch *s = &a->stretches[i];
	const uint8_t *bytes = &a->uses[a->parts[i].frame];
	uint64_t n = s->end - s->start, most = a->parts[i].unmanaged < n ? a->parts[i].unmanaged : n,
		 plain = 0;

	while (plain < most &&
	       (bytes[n - plain - 1] == ATLAS_PLAIN || bytes[n - plain - 1] == MV_USE_DEFERRED))
		plain++;
	return (struct mv_range){s->end - plain, s->end};
}

static bool is_between(struct mv_range range, uint64_t pfn)
{
	return pfn >= range.start && pfn < range.end;
}

/*
 * A kernel can put off giving the end of a zone to its allocator until it is needed. Such frames have no
 * flags, as many of the kernel's own have none. Meminfo tells how many there are, since it counts them as
 * memory and no zone does; the rest of that end are the kernel's books about frames, which were laid down
 * from the end of RAM.
 */
static void find_deferred(struct mv_atlas *a)
{
	uint64_t owed = a->owed;

	for (size_t i = 0; i < a->count; i++) {
		struct atlas_part *part = &a->parts[i];
		struct mv_range now = {0}, change = part->deferred;

		if (!part->last)
			continue;
		if (owed)
			now = plain_tail(a, i);
		if (now.end - now.start > owed)
			now.end = now.start + owed;
		owed -= now.end - now.start;
		part->deferred = now;
		if (change.start == change.end || now.start < change.start)
			change.start = now.start;
		if (now.end > change.end)
			change.end = now.end;
		for (uint64_t pfn = change.start; pfn < change.end; pfn++) {
			uint8_t *byte = &a->uses[part->frame + pfn - a->stretches[i].start];
			const uint8_t use = is_between(now, pfn) ? MV_USE_DEFERRED : ATLAS_PLAIN;

			if (*byte != use && (*byte == ATLAS_PLAIN || *byte == MV_USE_DEFERRED))
				put_use(a, block_of(a, i, pfn), byte, use);
		}
	}
}

static void end_round(struct mv_atlas *a)
{
	find_deferred(a);
	memcpy(a->told, a->counts, sizeof(a->told));
	a->round_ns = mv_source_now(a->source);
	a->round_at = 0;
}

/* On with the round, by so many frames. 1, 0 at its end, -errno. */
static int step_round(struct mv_atlas *a, size_t frames)
{
	while (frames > 0) {
		size_t i = 0;
		ssize_t n;

		while (i + 1 < a->count && a->parts[i + 1].frame <= a->round_at)
			i++;
		n = read_some(a, i, a->stretches[i].start + a->round_at - a->parts[i].frame, UINT64_MAX,
			      frames);
		if (n < 0)
			return (int)n;
		a->round_at += (uint64_t)n;
		frames -= (size_t)n < frames ? (size_t)n : frames;
		if (a->round_at == a->frames) {
			end_round(a);
			return 0;
		}
	}
	return 1;
}

/* On through the window, by so many frames or to its end. 0 or -errno; *ret_left: frames that were not
 * needed. */
static int step_window(struct mv_atlas *a, size_t frames, size_t *ret_left)
{
	while (frames > 0) {
		size_t i = find_stretch(a, a->window_at);
		ssize_t n;

		if (i == a->count || a->stretches[i].start >= a->window_end ||
		    a->window_at >= a->window_end) {
			a->window_at = a->window_start;
			a->window_done = true;
			break;
		}
		if (a->window_at < a->stretches[i].start)
			a->window_at = a->stretches[i].start;
		/* To the block's end, so that it has one age. */
		n = read_some(a, i, a->window_at,
			      (a->window_end + ATLAS_BLOCK - 1) / ATLAS_BLOCK * ATLAS_BLOCK, frames);
		if (n < 0)
			return (int)n;
		a->window_at += (uint64_t)n;
		frames -= (size_t)n < frames ? (size_t)n : frames;
	}
	*ret_left = frames;
	return 0;
}

/* Frames of a window that are in some stretch. */
static uint64_t frames_between(const struct mv_atlas *a, uint64_t start, uint64_t end)
{
	uint64_t sum = 0;

	for (size_t i = find_stretch(a, start); i < a->count && a->stretches[i].start < end; i++) {
		const struct mv_atlas_stretch *s = &a->stretches[i];

		sum += (s->end < end ? s->end : end) - (s->start > start ? s->start : start);
	}
	return sum;
}

int mv_atlas_step(struct mv_atlas *atlas, const struct mv_machine_want *want, size_t frames)
{
	size_t left = 0, part = frames;
	bool small;

	if (!atlas->count)
		return 0;
	if (want->atlas_start != atlas->window_start || want->atlas_end != atlas->window_end) {
		atlas->window_start = want->atlas_start;
		atlas->window_end = want->atlas_end;
		atlas->window_at = want->atlas_start / ATLAS_BLOCK * ATLAS_BLOCK;
		atlas->window_done = false;
	}
	small = frames_between(atlas, atlas->window_start, atlas->window_end) <= atlas->frames / 4;
	if (small && atlas->window_start < atlas->window_end) {
		int err;

		if (atlas->window_done)
			part = frames / 2;
		err = step_window(atlas, part, &left);
		if (err)
			return err;
		left += frames - part;
	} else {
		left = frames;
	}
	return left ? step_round(atlas, left) : 1;
}

/* ---- telling ---- */

/* Neighbours are alike more often than not: eight at a time where they are. */
static uint64_t tally_bytes(const uint8_t *at, uint64_t n, uint32_t uses[static MV_USE__N])
{
	const uint8_t *end = at + n;
	uint64_t read = 0;

	while (at < end) {
		const uint8_t byte = *at;
		uint64_t eight = ~(byte * UINT64_C(0x0101010101010101)), alike = 1;

		if (end - at >= 8)
			memcpy(&eight, at, sizeof(eight));
		if (eight == byte * UINT64_C(0x0101010101010101))
			alike = 8;
		at += alike;
		if (byte == ATLAS_UNREAD)
			continue;
		uses[use_of_byte(byte)] += (uint32_t)alike;
		read += alike;
	}
	return read;
}

/* Frames of [start, end) by use; returns how many have been read. */
static uint64_t tally(const struct mv_atlas *a, uint64_t start, uint64_t end, uint32_t uses[static MV_USE__N])
{
	uint64_t read = 0;

	memset(uses, 0, MV_USE__N * sizeof(*uses));
	for (size_t i = find_stretch(a, start); i < a->count && a->stretches[i].start < end; i++) {
		const struct mv_atlas_stretch *s = &a->stretches[i];
		const uint8_t *bytes = &a->uses[a->parts[i].frame];
		uint64_t pfn = start > s->start ? start : s->start, stop = end < s->end ? end : s->end;

		while (pfn < stop) {
			uint64_t next = (pfn / ATLAS_BLOCK + 1) * ATLAS_BLOCK;

			next = next < s->end ? next : s->end;
			if ((pfn % ATLAS_BLOCK == 0 || pfn == s->start) && next <= stop) {
				const struct atlas_block *block = block_of(a, i, pfn);

				for (unsigned u = 0; u < MV_USE__N; u++) {
					uses[u] += block->uses[u];
					read += block->uses[u];
				}
				pfn = next;
				continue;
			}
			next = next < stop ? next : stop;
			read += tally_bytes(bytes + (pfn - s->start), next - pfn, uses);
			pfn = next;
		}
	}
	return read;
}

static uint64_t lit_between(const struct mv_atlas *a, uint64_t start, uint64_t end)
{
	uint64_t sum = 0;

	for (size_t i = find_stretch(a, start); a->lit.shown && i < a->count && a->stretches[i].start < end;
	     i++) {
		const struct mv_atlas_stretch *s = &a->stretches[i];
		uint64_t from = a->parts[i].frame + (start > s->start ? start - s->start : 0);
		uint64_t to = a->parts[i].frame + (end < s->end ? end : s->end) - s->start;

		while (from < to) {
			uint64_t word = a->lit.shown[from / 64] >> from % 64, n = 64 - from % 64;

			if (n > to - from) {
				n = to - from;
				word &= (UINT64_C(1) << n) - 1;
			}
			sum += (uint64_t)__builtin_popcountll(word);
			from += n;
		}
	}
	return sum;
}

/* A share in 255ths: 0 for none at all alone, 255 for all alone. */
static uint8_t share_of(uint64_t part, uint64_t whole)
{
	if (!part || !whole)
		return 0;
	if (part >= whole)
		return 255;
	return (uint8_t)(1 + part * 253 / whole);
}

static struct mv_atlas_cell cell_of(const struct mv_atlas *a, uint64_t start, uint64_t end)
{
	uint32_t uses[MV_USE__N];
	uint64_t read = tally(a, start, end, uses), in_use;
	struct mv_atlas_cell cell = {.use = MV_USE_NONE};

	if (!read) {
		if (frames_between(a, start, end))
			cell.use = MV_USE__N;
		return cell;
	}
	for (unsigned u = 1; u < MV_USE__N; u++) {
		if (uses[u] > (cell.use ? uses[cell.use] : 0))
			cell.use = (uint8_t)u;
	}
	in_use = read - uses[MV_USE_NONE] - uses[MV_USE_FREE] - uses[MV_USE_DEFERRED];
	cell.full = share_of(in_use, read - uses[MV_USE_NONE]);
	cell.lit = share_of(lit_between(a, start, end), read - uses[MV_USE_NONE]);
	cell.poison = uses[MV_USE_POISON] != 0;
	return cell;
}

size_t mv_atlas_cells(const struct mv_atlas *atlas, const struct mv_machine_want *want,
		      struct mv_atlas_cell *ret_cells, size_t cap)
{
	size_t n = 0;

	if (atlas->why != MV_WHY_HAVE || !want->cell_frames)
		return 0;
	for (uint64_t pfn = want->atlas_start; pfn < want->atlas_end && n < cap; n++) {
		uint64_t end =
		    want->atlas_end - pfn > want->cell_frames ? pfn + want->cell_frames : want->atlas_end;

		ret_cells[n] = cell_of(atlas, pfn, end);
		pfn = end;
	}
	return n;
}

size_t mv_atlas_stretches(const struct mv_atlas *atlas, const struct mv_atlas_stretch **ret_stretches)
{
	*ret_stretches = atlas->stretches;
	return atlas->count;
}

static uint64_t oldest_between(const struct mv_atlas *a, uint64_t start, uint64_t end)
{
	uint64_t oldest = UINT64_MAX;

	for (size_t i = find_stretch(a, start); i < a->count && a->stretches[i].start < end; i++) {
		const struct mv_atlas_stretch *s = &a->stretches[i];
		const struct atlas_block *block = block_of(a, i, start > s->start ? start : s->start);
		const struct atlas_block *last = block_of(a, i, (end < s->end ? end : s->end) - 1);

		for (; block <= last; block++) {
			if (block->read_ns < oldest)
				oldest = block->read_ns;
		}
	}
	return oldest == UINT64_MAX ? 0 : oldest;
}

void mv_atlas_head(const struct mv_atlas *atlas, const struct mv_machine_want *want,
		   struct mv_atlas_head *ret_head)
{
	const struct atlas_lit *lit = &atlas->lit;
	const bool have = atlas->why == MV_WHY_HAVE;
	struct mv_atlas_head head = {
	    .have = have ? mv_val_of(1) : mv_val_missing(atlas->why),
	    .frames = atlas->frames,
	    .read = atlas->round_at,
	    .round_ns = atlas->round_ns,
	    .oldest_ns = have ? oldest_between(atlas, want->atlas_start, want->atlas_end) : 0,
	    .lit = lit->pid && lit->why == MV_WHY_HAVE
		       ? mv_val_of(lit->frames)
		       : mv_val_missing(lit->pid ? lit->why : MV_WHY_NOT_ASKED),
	    .lit_pages = lit->pages,
	    .lit_runs = lit->runs,
	    .start = want->atlas_start,
	    .end = want->atlas_end,
	    .cell_frames = want->cell_frames,
	};

	memcpy(head.uses, atlas->round_ns ? atlas->told : atlas->counts, sizeof(head.uses));
	*ret_head = head;
}
