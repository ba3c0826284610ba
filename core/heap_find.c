/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "core/heap_private.h"

/* Where glibc's malloc_state and mp_ are, by their structure; and from there, where the heap is. */

#define PIECE_MAX   (UINT64_C(64) << 20) /* of a file's data that is searched */
#define ARENAS_MAX  65536u
#define HEAPS_MAX   (UINT64_C(1) << 20)
#define SLACK_BYTES (UINT64_C(1) << 20) /* and a sixteenth: that a heap may grow by until it is copied */
#define BINS_SURE   4u			/* at least, of the 127 */

const uint8_t heap_top_offset[LAYOUT__N] = {[LAYOUT_226] = 0x58, [LAYOUT_227] = 0x60, [LAYOUT_243] = 8};

void heap_state_parse(uint32_t layout, uint64_t field, const uint8_t *bytes, struct heap_state *ret_state)
{
	const uint8_t *top = bytes + heap_top_offset[layout];
	uint32_t flags;

	memcpy(&flags, bytes + STATE_FLAGS, sizeof(flags));
	*ret_state = (struct heap_state){
	    .address = field - heap_top_offset[layout],
	    .field = field,
	    .top = heap_load(top),
	    .next = heap_load(top + STATE_NEXT),
	    .system_bytes = heap_load(top + STATE_SYSTEM),
	    .noncontiguous = flags & FLAG_NONCONTIGUOUS,
	};
	for (unsigned i = 0; layout != LAYOUT_243 && i < FASTBINS; i++)
		ret_state->fast[i] = heap_load(top - STATE_FASTBINS + 8u * i);
}

/* ---- malloc_state ---- */

static bool is_empty_bin(const uint8_t *at, uint64_t base, unsigned bin)
{
	const uint64_t self = base + 16u * bin;

	return heap_load(at + STATE_BINS + 16u * bin) == self &&
	       heap_load(at + STATE_BINS + 16u * bin + 8) == self;
}

/* Each bin is empty, and points to itself, or points to two chunks. */
static bool are_bins(const uint8_t *at, uint64_t base)
{
	for (unsigned i = 0; i < STATE_BIN_COUNT; i++) {
		const uint64_t fd = heap_load(at + STATE_BINS + 16u * i),
			       bk = heap_load(at + STATE_BINS + 16u * i + 8);

		if (!is_empty_bin(at, base, i) && (!fd || !bk || (fd | bk) & 15))
			return false;
	}
	return true;
}

/*
 * Pairs of pointers are found elsewhere, too: but some bins point to themselves here, or their first chunks
 * point back. In a heap with much that is free, of every size, hardly any is empty.
 */
static bool hold(struct mv_target *target, const uint8_t *at, uint64_t base)
{
	unsigned sure = 0;

	for (unsigned i = 0; i < STATE_BIN_COUNT && sure < BINS_SURE; i++)
		sure += is_empty_bin(at, base, i);
	for (unsigned i = 0; i < STATE_BIN_COUNT && sure < BINS_SURE; i++) {
		const uint64_t fd = heap_load(at + STATE_BINS + 16u * i), self = base + 16u * i;
		uint64_t back;

		sure += fd != self && heap_peek(target, fd + 24, &back, sizeof(back)) == 0 && back == self;
	}
	return sure >= BINS_SURE;
}

bool heap_bins_find(const uint8_t *bytes, size_t len, uint64_t base, size_t *at)
{
	for (size_t i = (*at + 7) & ~(size_t)7; i + STATE_BYTES <= len; i += 8)
		if (are_bins(bytes + i, base + i)) {
			*at = i;
			return true;
		}
	return false;
}

int heap_peek(struct mv_target *target, uint64_t address, void *buf, size_t bytes)
{
	const uint64_t page = mv_target_page_bytes(target), first = address / page;
	uint64_t words[20];
	const size_t pages = (size_t)((address + bytes - 1) / page - first + 1);
	ssize_t n;

	if (!bytes || address + bytes < address || pages > MV_COUNT_OF(words))
		return -EFAULT;
	n = mv_target_words(target, first * page, pages, words);
	if (n < 0)
		return (int)n;
	for (size_t i = 0; i < pages; i++)
		if ((size_t)n < pages || !(words[i] >> 63))
			return -EFAULT;
	n = mv_target_bytes(target, address, buf, bytes);
	if (n < 0)
		return (int)n;
	return (size_t)n == bytes ? 0 : -EFAULT;
}

static int read_state(struct mv_target *target, uint32_t layout, uint64_t field, struct heap_state *ret_state)
{
	uint8_t bytes[STATE_MAX];
	int r = heap_peek(target, field - heap_top_offset[layout], bytes, heap_state_bytes(layout));

	if (r == 0)
		heap_state_parse(layout, field, bytes, ret_state);
	return r;
}

uint64_t heap_states_hash(struct mv_target *target, const struct mv_heap_where *where)
{
	const uint32_t offset = heap_top_offset[where->layout];
	uint64_t hash = UINT64_C(14695981039346656037), field = where->state;

	for (unsigned i = 0; i < ARENAS_MAX; i++) {
		uint64_t words[STATE_BYTES / 8];

		if (heap_peek(target, field, words, sizeof(words)) < 0)
			return 0;
		for (size_t k = 0; k < MV_COUNT_OF(words); k++)
			hash = (hash ^ words[k]) * UINT64_C(1099511628211);
		if (words[STATE_NEXT / 8] == where->state - offset)
			return hash | 1;
		field = words[STATE_NEXT / 8] + offset;
	}
	return 0;
}

/* The arenas form a ring. Does this one close in that layout? */
static bool closes(struct mv_target *target, uint32_t layout, uint64_t field)
{
	const uint64_t address = field - heap_top_offset[layout];
	struct heap_state state;
	uint64_t at = field;

	for (unsigned i = 0; i < ARENAS_MAX; i++) {
		if (read_state(target, layout, at, &state) < 0 || !state.next || state.next & 7)
			return false;
		if (state.next == address)
			return true;
		at = state.next + heap_top_offset[layout];
	}
	return false;
}

static bool find_layout(struct mv_target *target, uint64_t field, uint32_t *ret_layout)
{
	for (uint32_t layout = 0; layout < LAYOUT__N; layout++)
		if (closes(target, layout, field)) {
			*ret_layout = layout;
			return true;
		}
	return false;
}

/* ---- mp_ ---- */

static int32_t load32(const uint8_t *at)
{
	int32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

void heap_params_parse(uint32_t layout, const uint8_t *bytes, struct heap_params *ret_params)
{
	const uint8_t *at = bytes + PARAMS_BEFORE;
	const bool old = layout == PARAMS_226;
	uint64_t test = heap_load(at - (old ? 0x30 : 0x48));

	/* One word more in 2.43: then that was arena_max. */
	if (!old && heap_load(at - 0x50) - 1 < 4095)
		test = heap_load(at - 0x50);
	*ret_params = (struct heap_params){
	    .sbrk_base = heap_load(at),
	    .mmapped_bytes = heap_load(at - 0x10),
	    .max_mmapped_bytes = heap_load(at - 8),
	    .huge_page = old ? 0 : heap_load(at - 0x30),
	    .tcache_bins = heap_load(at + 8),
	    .tcache_max = heap_load(at + 0x10),
	    .tcache_count = heap_load(at + 0x18),
	    .mmaps = load32(at - (old ? 0x20 : 0x24)),
	    .mmaps_max = load32(at - (old ? 0x1c : 0x20)),
	    .max_mmaps = load32(at - (old ? 0x18 : 0x1c)),
	    .no_threshold = load32(at - (old ? 0x14 : 0x18)),
	    .arena_test = test,
	};
}

/* arena_test is 8 unless it was set; in its old place lies the size of huge pages since. */
bool heap_params_likely(const uint8_t *bytes, uint32_t *ret_layout)
{
	const uint32_t layout = heap_load(bytes + PARAMS_BEFORE - 0x30) - 1 < 4095 ? PARAMS_226 : PARAMS_235;
	struct heap_params p;

	heap_params_parse(layout, bytes, &p);
	if (p.arena_test - 1 >= 4095 || p.tcache_bins > 128 || p.tcache_count > 65535 ||
	    p.tcache_max > UINT64_C(1) << 40 || p.mmaps < 0 || p.mmaps_max < 0 || p.max_mmaps < 0 ||
	    p.no_threshold & ~1 || p.mmapped_bytes & 4095 || p.huge_page & 4095)
		return false;
	/* Nothing tells it from other memory but its start values. */
	if (!p.sbrk_base && p.mmaps_max != 65536 && p.tcache_bins != 64)
		return false;
	*ret_layout = layout;
	return true;
}

static bool is_mapped(const struct mv_maps *maps, uint64_t address)
{
	const uint32_t i = mv_maps_find(maps->at, maps->count, address);

	return i < maps->count && maps->at[i].start <= address && mv_heap_may_hold(maps, &maps->at[i]);
}

/* How many of the values it starts with are there still. */
static unsigned params_score(const uint8_t *bytes, uint32_t layout)
{
	struct heap_params p;

	heap_params_parse(layout, bytes, &p);
	return (unsigned)((p.mmaps_max == 65536) + (p.arena_test == 8) + (p.tcache_bins == 64) +
			  (p.tcache_max != 0) + (p.tcache_count != 0));
}

/* The likeliest place, of equals the nearest to malloc_state. */
static void find_params(const struct mv_maps *maps, const uint8_t *bytes, size_t len, uint64_t base,
			const struct heap_state *main, struct mv_heap_where *where)
{
	uint64_t nearest = UINT64_MAX;
	unsigned best = 0, score;

	for (size_t i = 0; i + PARAMS_BEFORE + PARAMS_AFTER <= len; i += 8) {
		const uint64_t address = base + i + PARAMS_BEFORE;
		const uint64_t away =
		    address > where->state ? address - where->state : where->state - address;
		const uint64_t value = heap_load(bytes + i + PARAMS_BEFORE);
		uint32_t layout;

		if ((address >= main->address && address < where->state + STATE_BYTES) ||
		    !heap_params_likely(bytes + i, &layout))
			continue;
		score = params_score(bytes + i, layout);
		if (score < best || (score == best && away >= nearest))
			continue;
		if (value ? !is_mapped(maps, value) : main->system_bytes != 0)
			continue;
		nearest = away;
		best = score;
		where->params = address;
		where->params_layout = layout;
	}
}

/* ---- the search ---- */

/* A file's writable data, and its zero-initialised data right behind. */
static bool next_piece(const struct mv_maps *maps, uint32_t *i, struct mv_range *ret_piece,
		       const char **ret_name)
{
	for (; *i < maps->count; (*i)++) {
		const struct mv_mapping *m = &maps->at[*i];
		uint32_t next = *i + 1;

		if ((m->perms & (MV_PERM_R | MV_PERM_W | MV_PERM_SHARED)) != (MV_PERM_R | MV_PERM_W) ||
		    (m->kind != MV_KIND_DATA && m->kind != MV_KIND_BSS))
			continue;
		*ret_piece = (struct mv_range){m->start, m->end};
		*ret_name = maps->names + m->name;
		while (next < maps->count && maps->at[next].start == ret_piece->end &&
		       maps->at[next].kind == MV_KIND_BSS)
			ret_piece->end = maps->at[next++].end;
		if (ret_piece->end - ret_piece->start > PIECE_MAX)
			ret_piece->end = ret_piece->start + PIECE_MAX;
		*i = next;
		return true;
	}
	return false;
}

/* 1 found and in use; 0 not found, or found where nothing was ever allocated; -errno. */
static int search_piece(struct mv_target *target, const struct mv_maps *maps, struct mv_range piece,
			struct mv_heap_where *where)
{
	struct mv_memcopy copy;
	struct heap_state main;
	size_t at = 0;
	int r;

	mv_memcopy_init(&copy);
	r = mv_memcopy_plan(&copy, &piece, 1);
	if (r == 0)
		r = mv_memcopy_fill(&copy, target);
	for (; r == 0 && copy.count; at += 8) {
		const struct mv_memcopy_range *range = &copy.at[0];
		const size_t len = (size_t)(range->end - range->start);

		if (!heap_bins_find(range->bytes, len, range->start, &at))
			break;
		if (!hold(target, range->bytes + at, range->start + at) ||
		    !find_layout(target, range->start + at, &where->layout) ||
		    read_state(target, where->layout, range->start + at, &main) < 0)
			continue;
		where->state = range->start + at;
		where->params = 0;
		find_params(maps, range->bytes, len, range->start, &main, where);
		r = where->params && (main.system_bytes || main.next != main.address);
		if (r == 0 && where->params) {
			struct heap_params p;

			heap_params_parse(where->params_layout,
					  range->bytes + (where->params - range->start - PARAMS_BEFORE), &p);
			r = p.max_mmaps > 0;
		}
		break;
	}
	mv_memcopy_release(&copy);
	return r;
}

/* libc's own data first. */
static int search(struct mv_target *target, const struct mv_maps *maps, struct mv_heap_where *where)
{
	struct mv_range piece;
	const char *name;
	int r = 0;

	for (int others = 0; r == 0 && others < 2; others++)
		for (uint32_t i = 0; r == 0 && next_piece(maps, &i, &piece, &name);) {
			const char *slash = strrchr(name, '/');
			const bool libc =
			    slash && !strncmp(slash, "/libc", 5) && (slash[5] == '.' || slash[5] == '-');

			if (libc != !others)
				continue;
			r = search_piece(target, maps, piece, where);
		}
	return r;
}

/* ---- from there to the heap ---- */

void mv_heap_where_init(struct mv_heap_where *where)
{
	*where = (struct mv_heap_where){0};
}

void mv_heap_where_release(struct mv_heap_where *where)
{
	free(where->spots);
	mv_heap_where_init(where);
}

int heap_spot_add(struct mv_heap_where *where, struct mv_heap_spot spot)
{
	if (where->spot_count == where->spot_room) {
		const size_t room = where->spot_room ? where->spot_room * 2 : 64;
		struct mv_heap_spot *spots = reallocarray(where->spots, room, sizeof(*spots));

		if (!spots)
			return -ENOMEM;
		where->spots = spots;
		where->spot_room = room;
	}
	where->spots[where->spot_count++] = spot;
	return 0;
}

uint64_t heap_max_bytes(const struct heap_params *params)
{
	return params->huge_page && params->huge_page <= UINT64_C(1) << 40 ? params->huge_page * 4 : HEAP_MAX;
}

/* Little enough for the copy to be nearly full, and so in huge pages. */
static uint64_t slack_end(uint64_t start, uint64_t end, uint64_t limit, uint64_t page)
{
	const uint64_t slack = ((end - start) / 16 + SLACK_BYTES) / page * page;

	return limit - end > slack ? end + slack : limit;
}

/* [heap] from sbrk_base on, and what it may grow into. */
static int add_main(const struct mv_maps *maps, const struct heap_params *params, struct mv_heap_where *where)
{
	const uint64_t page = where->page_bytes;
	uint32_t i = mv_maps_find(maps->at, maps->count, params->sbrk_base);
	struct mv_heap_spot spot = {.kind = SPOT_MAIN};
	uint64_t limit;

	if (!params->sbrk_base || i == maps->count || maps->at[i].start > params->sbrk_base ||
	    maps->at[i].kind != MV_KIND_HEAP)
		return 0;
	spot.start = params->sbrk_base / page * page;
	while (i + 1 < maps->count && maps->at[i + 1].start == maps->at[i].end &&
	       maps->at[i + 1].kind == MV_KIND_HEAP)
		i++;
	spot.end = maps->at[i].end;
	limit = i + 1 < maps->count ? maps->at[i + 1].start : spot.end;
	spot.end = slack_end(spot.start, spot.end, limit, page);
	return heap_spot_add(where, spot);
}

/* The heaps of a thread arena: the newest holds its top, each leads to the one before. */
static int add_heaps(struct mv_target *target, const struct heap_params *params,
		     const struct heap_state *state, struct mv_heap_where *where)
{
	const uint64_t max = heap_max_bytes(params);
	uint64_t at = state->top & ~(max - 1);

	for (uint64_t i = 0; at && i < HEAPS_MAX; i++) {
		uint64_t info[3];
		int r = heap_peek(target, at, info, sizeof(info));

		if (r < 0)
			return r == -EFAULT ? 0 : r;
		if (info[0] != state->address)
			return 0;
		if (info[2] > max)
			info[2] = max;
		r = heap_spot_add(where, (struct mv_heap_spot){
					     .start = at,
					     .end = slack_end(at, at + info[2], at + max, where->page_bytes),
					     .kind = SPOT_HEAP});
		if (r < 0)
			return r;
		at = info[1];
		if (at & (max - 1))
			return 0;
	}
	return 0;
}

static int add_arenas(struct mv_target *target, const struct heap_params *params, struct mv_heap_where *where)
{
	const uint32_t offset = heap_top_offset[where->layout];
	struct heap_state state;
	uint64_t at = where->state;

	for (unsigned i = 0; i < ARENAS_MAX; i++) {
		int r = read_state(target, where->layout, at, &state);

		if (r < 0)
			return r;
		if (i == 0)
			where->noncontiguous = state.noncontiguous;
		else
			r = add_heaps(target, params, &state, where);
		if (r < 0)
			return r;
		if (!state.next || state.next == where->state - offset)
			return 0;
		at = state.next + offset;
	}
	return 0;
}

static int add_state(struct mv_heap_where *where)
{
	const struct mv_heap_spot state = {.start = where->state - heap_top_offset[where->layout],
					   .end = where->state + STATE_BYTES,
					   .kind = SPOT_STATE};
	const struct mv_heap_spot params = {
	    .start = where->params - PARAMS_BEFORE, .end = where->params + PARAMS_AFTER, .kind = SPOT_STATE};
	int r = heap_spot_add(where, state);

	return r < 0 ? r : heap_spot_add(where, params);
}

static int by_start(const void *a, const void *b)
{
	const struct mv_heap_spot *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static int add_spots(struct mv_target *target, const struct mv_maps *maps, struct mv_heap_where *where)
{
	uint8_t bytes[PARAMS_BEFORE + PARAMS_AFTER];
	struct heap_params params;
	int r = heap_peek(target, where->params - PARAMS_BEFORE, bytes, sizeof(bytes));

	if (r < 0)
		return r;
	heap_params_parse(where->params_layout, bytes, &params);
	where->spot_count = 0;
	r = add_state(where);
	if (r == 0)
		r = add_main(maps, &params, where);
	if (r == 0)
		r = add_arenas(target, &params, where);
	if (r == 0)
		r = heap_mapped_find(target, maps, &params, where);
	if (where->spot_count)
		qsort(where->spots, where->spot_count, sizeof(*where->spots), by_start);
	return r;
}

enum mv_heap_reason mv_heap_locate(struct mv_target *target, const struct mv_maps *maps,
				   struct mv_heap_where *where)
{
	uint8_t bytes[STATE_BYTES];
	int r;

	where->page_bytes = mv_target_page_bytes(target);
	if (!where->params || heap_peek(target, where->state, bytes, sizeof(bytes)) < 0 ||
	    !are_bins(bytes, where->state) || !closes(target, where->layout, where->state)) {
		where->state = where->params = 0;
		r = search(target, maps, where);
		if (r < 0)
			return heap_reason_of(r);
		if (r == 0) {
			const bool glibc = where->state != 0;

			where->state = where->params = 0;
			return glibc ? MV_HEAP_NO_HEAP : MV_HEAP_UNKNOWN;
		}
	}
	r = add_spots(target, maps, where);
	return r < 0 ? heap_reason_of(r) : MV_HEAP_HAVE;
}

size_t mv_heap_ranges(const struct mv_heap_where *where, bool whole, struct mv_range *ret_ranges, size_t cap)
{
	const uint64_t page = where->page_bytes;
	uint64_t end = 0;
	size_t n = 0;

	for (size_t i = 0; i < where->spot_count; i++) {
		const struct mv_heap_spot *spot = &where->spots[i];
		struct mv_range r = {spot->start / page * page, (spot->end + page - 1) / page * page};

		/* Their headers: at the start, and where memalign made another. */
		for (int part = 0; part < (!whole && spot->kind == SPOT_MMAPPED && spot->lead ? 2 : 1);
		     part++) {
			if (!whole && spot->kind == SPOT_MMAPPED) {
				r.start = (spot->start + (part ? spot->lead : 0)) / page * page;
				r.end = r.start + page;
			}
			if (r.end <= end)
				continue;
			/* What lies across a border is to be found in one piece. */
			if (!n || r.start > end) {
				if (n < cap)
					ret_ranges[n].start = r.start;
				n++;
			}
			if (n <= cap)
				ret_ranges[n - 1].end = r.end;
			end = r.end;
		}
	}
	return n;
}
