/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/leaks_private.h"

/*
 * What is lost, sorted out: what hangs off what, and what looks alike.
 *
 * Direct is a lost block that no other lost block points to. Of a cycle that nothing points into, the first
 * block by address stands for all; so every lost block is direct, or hangs off a direct one.
 */

#define GROUPS_MAX \
	((size_t)1 << 16) /* told apart; what comes beyond falls into the group of its size and kind */
#define LINKS_MAX ((size_t)4096)
#define TEXT_MIN  4

struct sorter {
	struct mark *mark;
	const uint64_t *is_lost;
	const struct mv_maps *maps;
	struct lost *lost;
	uint32_t *ranks;   /* lost blocks before each 64 blocks */
	uint32_t *owner;   /* by rank: rank of what it hangs off; its own: direct */
	uint32_t *group;   /* by rank */
	uint32_t *stack;   /* ranks */
	uint64_t *pointed; /* bit a rank */
	size_t stack_count, groups_cap, links_cap;
	uint32_t *group_hash, *link_hash; /* 1 + index */
	size_t group_mask, link_mask;
};

static uint32_t rank_of(const struct sorter *s, uint32_t block)
{
	const uint64_t below = s->is_lost[block / 64] & ((UINT64_C(1) << (block % 64)) - 1);

	return s->ranks[block / 64] + (uint32_t)__builtin_popcountll(below);
}

static const struct mv_block *block_at(const struct sorter *s, uint32_t rank)
{
	return &s->mark->blocks[s->lost->blocks[rank]];
}

/* Rank of the lost block that a word points into; MARK_NONE. */
static uint32_t lost_at(const struct sorter *s, uint64_t word)
{
	const uint32_t i = mark_find(s->mark, word);

	if (i == MARK_NONE || !bit_get(s->is_lost, i) || block_ends_at(&s->mark->blocks[i], word))
		return MARK_NONE;
	return rank_of(s, i);
}

static int list_lost(struct sorter *s)
{
	const size_t words = s->mark->count / 64 + 1;
	size_t n = 0;

	s->ranks = calloc(words, sizeof(*s->ranks));
	if (!s->ranks)
		return -ENOMEM;
	for (size_t i = 0; i < words; i++) {
		s->ranks[i] = (uint32_t)n;
		n += (size_t)__builtin_popcountll(s->is_lost[i]);
	}
	s->lost->blocks = calloc(n + 1, sizeof(*s->lost->blocks));
	s->owner = calloc(n + 1, sizeof(*s->owner));
	s->group = calloc(n + 1, sizeof(*s->group));
	s->stack = calloc(n + 1, sizeof(*s->stack));
	s->pointed = calloc(n / 64 + 1, sizeof(*s->pointed));
	if (!s->lost->blocks || !s->owner || !s->group || !s->stack || !s->pointed)
		return -ENOMEM;
	for (size_t i = 0; i < words; i++)
		for (uint64_t left = s->is_lost[i]; left; left &= left - 1)
			s->lost->blocks[s->lost->count++] =
			    (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(left);
	for (size_t i = 0; i < n; i++)
		s->owner[i] = MARK_NONE;
	return 0;
}

/* ---- groups ---- */

static bool is_printable(unsigned char c)
{
	return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n' || c == '\r';
}

/* Eight characters, or fewer and then only zeroes. */
static bool is_text(uint64_t word)
{
	unsigned char bytes[sizeof(word)];
	size_t n = 0;

	memcpy(bytes, &word, sizeof(word));
	while (n < sizeof(bytes) && is_printable(bytes[n]))
		n++;
	for (size_t i = n; i < sizeof(bytes); i++)
		if (bytes[i])
			return false;
	return n >= TEXT_MIN;
}

/* What a word means where no block is: by the mapping that it points into. */
static enum mv_first_word meaning_in_maps(const struct mv_maps *maps, uint64_t word, uint64_t *ret_mapping)
{
	const uint32_t i = mv_maps_find(maps->at, maps->count, word);
	const struct mv_mapping *m = i < maps->count ? &maps->at[i] : NULL;

	if (!m || m->start > word || !(m->perms & (MV_PERM_R | MV_PERM_W | MV_PERM_X)))
		return MV_FIRST_NUMBER;
	*ret_mapping = m->start;
	if (m->kind == MV_KIND_STACK || m->kind == MV_KIND_THREAD_STACK)
		return MV_FIRST_STACK;
	if ((m->flags & MV_MAPPING_FILE) || m->kind == MV_KIND_BSS || m->kind == MV_KIND_VDSO)
		return MV_FIRST_IMAGE;
	return MV_FIRST_MEMORY;
}

static void find_meaning(const struct sorter *s, const struct mv_block *b, struct mv_leaks_group *ret_group)
{
	const uint64_t user = block_user(b);
	const uint8_t *at = mv_memcopy_at(s->mark->copy, user, sizeof(uint64_t));
	uint64_t word = 0;
	uint32_t i;

	*ret_group = (struct mv_leaks_group){.size = mv_block_size(b), .what = MV_FIRST_UNSEEN};
	if (!at || !mv_memcopy_has(s->mark->copy, user))
		return;
	memcpy(&word, at, sizeof(word));
	ret_group->first_word = word;
	i = mark_find(s->mark, word);
	if (!word)
		ret_group->what = MV_FIRST_ZERO;
	else if (i != MARK_NONE && block_counts(&s->mark->blocks[i]))
		ret_group->what = bit_get(s->is_lost, i) ? MV_FIRST_LOST : MV_FIRST_BLOCK;
	else
		ret_group->what = (uint32_t)meaning_in_maps(s->maps, word, &ret_group->mapping);
	if (ret_group->what != MV_FIRST_NUMBER || !is_text(word))
		return;
	ret_group->what = MV_FIRST_TEXT;
	for (size_t n = 0; n < MV_LEAKS_TEXT - 1 && user + n < block_end(b); n++) {
		at = mv_memcopy_at(s->mark->copy, user + n, 1);
		if (!at || !is_printable(*at))
			break;
		ret_group->text[n] = (char)*at;
	}
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
	return a ^ a >> 29;
}

static bool is_same(const struct mv_leaks_group *a, const struct mv_leaks_group *b)
{
	return a->size == b->size && a->what == b->what && a->mapping == b->mapping &&
	       (a->what != MV_FIRST_IMAGE || a->first_word == b->first_word);
}

static void *grow(void *at, size_t *cap, size_t each)
{
	const size_t more = *cap ? *cap * 2 : 64;
	void *grown = reallocarray(at, more, each);

	if (grown)
		*cap = more;
	return grown;
}

/* Its group's index; MARK_NONE without memory. */
static uint32_t group_of(struct sorter *s, struct mv_leaks_group *key)
{
	struct lost *l = s->lost;
	struct mv_leaks_group *grown;
	size_t i;

	if (l->groups_count >= GROUPS_MAX) {
		key->mapping = 0;
		key->what = key->what == MV_FIRST_IMAGE ? MV_FIRST_MEMORY : key->what;
	}
	i = (size_t)mix(mix(key->size, key->what),
			key->what == MV_FIRST_IMAGE ? key->first_word : key->mapping) &
	    s->group_mask;
	for (; s->group_hash[i]; i = (i + 1) & s->group_mask)
		if (is_same(&l->groups[s->group_hash[i] - 1], key))
			return s->group_hash[i] - 1;
	/* Sizes and kinds alone beyond that: if there are too many of those, too, the last takes the rest. */
	if (l->groups_count >= 2 * GROUPS_MAX)
		return (uint32_t)l->groups_count - 1;
	if (l->groups_count == s->groups_cap) {
		grown = grow(l->groups, &s->groups_cap, sizeof(*l->groups));
		if (!grown)
			return MARK_NONE;
		l->groups = grown;
	}
	l->groups[l->groups_count++] = *key;
	s->group_hash[i] = (uint32_t)l->groups_count;
	return s->group_hash[i] - 1;
}

static int find_groups(struct sorter *s)
{
	s->group_mask = 4 * GROUPS_MAX - 1;
	s->group_hash = calloc(s->group_mask + 1, sizeof(*s->group_hash));
	if (!s->group_hash)
		return -ENOMEM;
	for (size_t rank = 0; rank < s->lost->count; rank++) {
		const struct mv_block *b = block_at(s, (uint32_t)rank);
		struct mv_leaks_group key;

		find_meaning(s, b, &key);
		s->group[rank] = group_of(s, &key);
		if (s->group[rank] == MARK_NONE)
			return -ENOMEM;
		s->lost->groups[s->group[rank]].blocks++;
		s->lost->groups[s->group[rank]].bytes += mv_block_size(b);
		s->lost->bytes += mv_block_size(b);
	}
	return 0;
}

/* ---- what hangs off what ---- */

static int add_link(struct sorter *s, uint32_t from, uint32_t to, uint64_t offset)
{
	const uint32_t a = s->group[from], b = s->group[to];
	struct lost *l = s->lost;
	size_t i = (size_t)mix(a, b) & s->link_mask;
	struct mv_leaks_link *grown;

	while (s->link_hash[i] &&
	       (l->links[s->link_hash[i] - 1].from != a || l->links[s->link_hash[i] - 1].to != b))
		i = (i + 1) & s->link_mask;
	if (!s->link_hash[i]) {
		if (l->links_count >= s->link_mask / 2)
			return 0;
		if (l->links_count == s->links_cap) {
			grown = grow(l->links, &s->links_cap, sizeof(*l->links));
			if (!grown)
				return -ENOMEM;
			l->links = grown;
		}
		l->links[l->links_count++] = (struct mv_leaks_link){.from = a, .to = b, .offset = offset};
		s->link_hash[i] = (uint32_t)l->links_count;
	}
	l->links[s->link_hash[i] - 1].blocks++;
	l->links[s->link_hash[i] - 1].bytes += mv_block_size(block_at(s, to));
	return 0;
}

/* Which lost blocks do others point to? Pointers into oneself don't count. */
static void find_pointed(struct sorter *s)
{
	for (size_t rank = 0; rank < s->lost->count; rank++) {
		const struct mv_block *b = block_at(s, (uint32_t)rank);
		uint64_t at = block_user(b), address;
		const uint64_t *words;
		size_t count;

		while (mark_block_words(s->mark, b, &at, &address, &words, &count))
			for (size_t i = 0; i < count; i++) {
				const uint32_t to = lost_at(s, words[i]);

				if (to != MARK_NONE && to != rank)
					bit_set(s->pointed, to);
			}
	}
}

/* All that hangs off one, and that nobody else has. A cycle's leader that is met hangs off this one now. */
static int take_all(struct sorter *s, uint32_t leader)
{
	s->owner[leader] = leader;
	s->stack[0] = leader;
	s->stack_count = 1;
	while (s->stack_count) {
		const uint32_t rank = s->stack[--s->stack_count];
		const struct mv_block *b = block_at(s, rank);
		uint64_t at = block_user(b), address;
		const uint64_t *words;
		size_t count;

		while (mark_block_words(s->mark, b, &at, &address, &words, &count))
			for (size_t i = 0; i < count; i++) {
				const uint32_t to = lost_at(s, words[i]);

				if (to == MARK_NONE || to == leader ||
				    (s->owner[to] != MARK_NONE && s->owner[to] != to))
					continue;
				if (s->owner[to] == MARK_NONE)
					s->stack[s->stack_count++] = to;
				s->owner[to] = leader;
				if (add_link(s, rank, to, address + i * 8 - block_user(b)) < 0)
					return -ENOMEM;
			}
	}
	return 0;
}

static int find_owners(struct sorter *s)
{
	int r = 0;

	s->link_mask = 4 * LINKS_MAX - 1;
	s->link_hash = calloc(s->link_mask + 1, sizeof(*s->link_hash));
	if (!s->link_hash)
		return -ENOMEM;
	find_pointed(s);
	for (uint32_t rank = 0; r == 0 && rank < s->lost->count; rank++)
		if (!bit_get(s->pointed, rank))
			r = take_all(s, rank);
	for (uint32_t rank = 0; r == 0 && rank < s->lost->count; rank++)
		if (s->owner[rank] == MARK_NONE)
			r = take_all(s, rank);
	return r;
}

static uint32_t direct_of(struct sorter *s, uint32_t rank)
{
	uint32_t top = rank, next;

	while (s->owner[top] != top)
		top = s->owner[top];
	for (; s->owner[rank] != top; rank = next) {
		next = s->owner[rank];
		s->owner[rank] = top;
	}
	return top;
}

static void add_example(struct mv_leaks_group *g, const struct mv_block *b)
{
	if (g->examples_count < MV_LEAKS_EXAMPLES)
		g->examples[g->examples_count++] = block_user(b);
}

static void sum_up(struct sorter *s)
{
	struct lost *l = s->lost;

	for (uint32_t rank = 0; rank < l->count; rank++) {
		const struct mv_block *b = block_at(s, rank);
		const uint32_t direct = direct_of(s, rank);
		struct mv_leaks_group *g = &l->groups[s->group[direct]];

		if (direct != rank) {
			g->held_blocks++;
			g->held_bytes += mv_block_size(b);
			continue;
		}
		g->direct_blocks++;
		g->direct_bytes += mv_block_size(b);
		l->direct_blocks++;
		l->direct_bytes += mv_block_size(b);
		add_example(g, b);
	}
	for (uint32_t rank = 0; rank < l->count; rank++)
		if (s->owner[rank] != rank)
			add_example(&l->groups[s->group[rank]], block_at(s, rank));
}

/* ---- the biggest ---- */

static int compare_groups(const void *a, const void *b)
{
	const struct mv_leaks_group *x = *(struct mv_leaks_group *const *)a,
				    *y = *(struct mv_leaks_group *const *)b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return (x > y) - (x < y);
}

static int compare_links(const void *a, const void *b)
{
	const struct mv_leaks_link *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

/* Sort, cut, and give the links the new places. */
static int choose(struct lost *l, size_t groups_max)
{
	const size_t n = l->groups_count, kept = n < groups_max ? n : groups_max;
	struct mv_leaks_group **order = calloc(n + 1, sizeof(*order)),
			      *groups = calloc(kept + 1, sizeof(*groups));
	uint32_t *places = calloc(n + 1, sizeof(*places));
	size_t links = 0;

	if (!order || !groups || !places) {
		free(order);
		free(groups);
		free(places);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		order[i] = &l->groups[i];
		places[i] = MARK_NONE;
	}
	qsort(order, n, sizeof(struct mv_leaks_group *), compare_groups);
	for (size_t i = 0; i < kept; i++) {
		groups[i] = *order[i];
		places[order[i] - l->groups] = (uint32_t)i;
	}
	for (size_t i = 0; i < l->links_count; i++) {
		struct mv_leaks_link link = l->links[i];

		link.from = places[link.from];
		link.to = places[link.to];
		if (link.from != MARK_NONE && link.to != MARK_NONE)
			l->links[links++] = link;
	}
	if (links)
		qsort(l->links, links, sizeof(*l->links), compare_links);
	l->links_count = links < LINKS_MAX ? links : LINKS_MAX;
	free(l->groups);
	l->groups = groups;
	l->groups_count = kept;
	l->groups_left_out = n - kept;
	free(order);
	free(places);
	return 0;
}

int lost_sort(struct mark *mark, const uint64_t *is_lost, const struct mv_maps *maps, size_t groups_max,
	      struct lost *ret_lost)
{
	struct lost lost = {0};
	struct sorter s = {.mark = mark, .is_lost = is_lost, .maps = maps, .lost = &lost};
	int r = list_lost(&s);

	if (r == 0)
		r = find_groups(&s);
	if (r == 0)
		r = find_owners(&s);
	if (r == 0) {
		sum_up(&s);
		r = choose(&lost, groups_max);
	}
	free(s.ranks);
	free(s.owner);
	free(s.group);
	free(s.stack);
	free(s.pointed);
	free(s.group_hash);
	free(s.link_hash);
	if (r < 0)
		lost_release(&lost);
	else
		*ret_lost = lost;
	return r;
}

void lost_release(struct lost *lost)
{
	free(lost->blocks);
	free(lost->groups);
	free(lost->links);
	*lost = (struct lost){0};
}
