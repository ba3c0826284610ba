/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/faultkind.h"
#include "core/pagemap.h"

#define PAGE   4096u
#define GIB    (UINT64_C(1) << 30)
#define PLENTY ((size_t)64 << 20)

enum {
	K = MV_KNOWN, /* known to be absent */
	P = MV_KNOWN | MV_KNOWN_PRESENT,
	S = MV_KNOWN | MV_KNOWN_SWAPPED,
	F = MV_KNOWN_FILE,
	Z = MV_KNOWN_ZERO,
	H = MV_KNOWN_HUGE,
	SH = MV_KNOWN_SHARED,
	OLD = MV_KNOWN_STALE,
};

struct rule {
	const char *what;
	uint8_t kind, perms, flags;
	bool major;
	uint8_t before, after;
	enum mv_fault_kind is;
};

#define RW	    (MV_PERM_R | MV_PERM_W)
#define ANON	    MV_KIND_ANON, RW, 0
#define PRIVATE	    MV_KIND_DATA, RW, MV_MAPPING_FILE
#define TEXT	    MV_KIND_TEXT, MV_PERM_R | MV_PERM_X, MV_MAPPING_FILE
#define SHARED_FILE MV_KIND_FILE, RW | MV_PERM_SHARED, MV_MAPPING_FILE
#define SHMEM	    MV_KIND_SHARED, RW | MV_PERM_SHARED, 0
#define MEMFD	    MV_KIND_SHARED, RW, 0
#define HUGETLB	    MV_KIND_HUGE, RW, MV_MAPPING_FILE

static const struct rule rules[] = {
    {"a first write", ANON, false, K, P, MV_FAULT_ZERO},
    {"a first read", ANON, false, K, P | Z, MV_FAULT_ZERO},
    {"a first read of what nothing was known of", ANON, false, 0, P | Z, MV_FAULT_ZERO},
    {"a first write, whose page a child shares now", ANON, false, K, P | SH, MV_FAULT_ZERO},
    {"a first touch of a huge page", ANON, false, K, P | H, MV_FAULT_HUGE},
    {"a first read of a huge page", ANON, false, K, P | H | Z, MV_FAULT_HUGE},
    {"dropped and written again", ANON, false, K | OLD, P, MV_FAULT_ZERO},
    {"a first write, not looked at after", ANON, false, K, 0, MV_FAULT_UNKNOWN},
    {"a first write, dropped again", ANON, false, K, K, MV_FAULT_UNKNOWN},
    {"a first write, swapped out again", ANON, false, K, S, MV_FAULT_UNKNOWN},
    {"a first touch that a handler served", ANON, true, K, P, MV_FAULT_UNKNOWN},
    {"nothing known before", ANON, false, 0, P, MV_FAULT_UNKNOWN},
    {"nothing known before, huge", ANON, false, 0, P | H, MV_FAULT_UNKNOWN},
    {"nothing known, major", ANON, true, 0, P, MV_FAULT_UNKNOWN},
    {"nothing known at all", ANON, false, 0, 0, MV_FAULT_UNKNOWN},
    {"a write to the zero page", ANON, false, P | Z, P, MV_FAULT_COW},
    {"a write to the huge zero page", ANON, false, P | Z | H, P | H, MV_FAULT_HUGE},
    {"a write to the huge zero page that was split", ANON, false, P | Z | H, P, MV_FAULT_COW},
    {"the zero page as before", ANON, false, P | Z, P | Z, MV_FAULT_UNKNOWN},
    {"a zero page that may have been dropped", ANON, false, P | Z | OLD, P, MV_FAULT_UNKNOWN},
    {"a zero page that must have been dropped", ANON, false, P | Z | OLD, P | Z, MV_FAULT_ZERO},
    {"a page that must have been dropped", ANON, false, P | OLD, P | Z, MV_FAULT_ZERO},
    {"a write after a fork", ANON, false, P | SH, P, MV_FAULT_COW},
    {"a hint on a shared page", ANON, false, P | SH, P | SH, MV_FAULT_UNKNOWN},
    {"shared once", ANON, false, P | SH | OLD, P, MV_FAULT_UNKNOWN},
    {"its own and present", ANON, false, P, P, MV_FAULT_UNKNOWN},
    {"its own, and perhaps dropped", ANON, false, P | OLD, P, MV_FAULT_UNKNOWN},
    {"swapped, read from disk", ANON, true, S, P, MV_FAULT_SWAP},
    {"swapped, in the swap cache", ANON, false, S, P, MV_FAULT_SWAP},
    {"swapped, not looked at after", ANON, false, S, 0, MV_FAULT_SWAP},
    {"swapped, perhaps dropped, yet major", ANON, true, S | OLD, P, MV_FAULT_SWAP},
    {"swapped, perhaps dropped", ANON, false, S | OLD, P, MV_FAULT_UNKNOWN},
    {"another mapping came in its place", ANON, false, K, P | F, MV_FAULT_UNKNOWN},

    {"a file's page in RAM", PRIVATE, false, K, P | F, MV_FAULT_FILE},
    {"a file's page, nothing known before", TEXT, false, 0, P | F, MV_FAULT_FILE},
    {"a file's page, dropped by reclaim", TEXT, false, P | F, P | F, MV_FAULT_FILE},
    {"a file's page from disk", TEXT, true, K, P | F, MV_FAULT_DISK},
    {"code, not looked at after", TEXT, false, K, 0, MV_FAULT_UNKNOWN},
    {"code, not looked at after, major", TEXT, true, K, 0, MV_FAULT_DISK},
    {"code, nothing known, major", TEXT, true, 0, 0, MV_FAULT_UNKNOWN},
    {"a write to a file's page", PRIVATE, false, P | F, P, MV_FAULT_COW},
    {"a write to an absent page of a file", PRIVATE, false, K, P, MV_FAULT_COW},
    {"a write to what had to be read first", PRIVATE, true, K, P, MV_FAULT_DISK},
    {"a copy, nothing known before", PRIVATE, false, 0, P, MV_FAULT_UNKNOWN},
    {"a copy or a swap-in", PRIVATE, true, 0, P, MV_FAULT_UNKNOWN},
    {"a copy that was there", PRIVATE, false, P, P, MV_FAULT_UNKNOWN},
    {"a copy that may have been dropped", PRIVATE, false, P | OLD, P, MV_FAULT_UNKNOWN},
    {"a copy that a child shares", PRIVATE, false, P | SH, P, MV_FAULT_COW},
    {"a copy that was swapped", PRIVATE, true, S, P, MV_FAULT_SWAP},
    {"a copy that was swapped, in the swap cache", PRIVATE, false, S, P, MV_FAULT_SWAP},

    {"a shared file in RAM", SHARED_FILE, false, 0, 0, MV_FAULT_FILE},
    {"a shared file, made dirty", SHARED_FILE, false, P | F, P | F, MV_FAULT_FILE},
    {"a shared file from disk", SHARED_FILE, true, K, P | F, MV_FAULT_DISK},
    {"a device's frames", SHARED_FILE, false, K, P, MV_FAULT_UNKNOWN},

    {"shared memory", SHMEM, false, K, P | F, MV_FAULT_SHMEM},
    {"shared memory, nothing known", SHMEM, false, 0, 0, MV_FAULT_SHMEM},
    {"shared memory that was swapped", SHMEM, true, S, P | F, MV_FAULT_SWAP},
    {"shared memory, major", SHMEM, true, K, P | F, MV_FAULT_UNKNOWN},
    {"shared memory that was mapped", SHMEM, false, P | F, P | F, MV_FAULT_UNKNOWN},
    {"a private look at shared memory", MEMFD, false, K, P | F, MV_FAULT_SHMEM},
    {"a private copy of shared memory", MEMFD, false, P | F, P, MV_FAULT_COW},
    {"a private look at shared memory, major", MEMFD, true, K, P | F, MV_FAULT_UNKNOWN},

    {"hugetlb", HUGETLB, false, K, P | H, MV_FAULT_HUGE},
    {"hugetlb, nothing known", HUGETLB, false, 0, 0, MV_FAULT_HUGE},
    {"hugetlb that was there", HUGETLB, false, P | H, P | H, MV_FAULT_UNKNOWN},
    {"hugetlb after a fork", HUGETLB, false, P | H | SH, P | H, MV_FAULT_COW},
    {"the vdso", MV_KIND_VDSO, MV_PERM_R | MV_PERM_X, 0, false, K, P, MV_FAULT_UNKNOWN},
};

static enum mv_fault_kind kind_of(const struct rule *r)
{
	const struct mv_fault_facts facts = {
	    .major = r->major,
	    .have_mapping = true,
	    .kind = r->kind,
	    .perms = r->perms,
	    .flags = r->flags,
	    .before = r->before,
	    .after = r->after,
	};

	return mv_fault_kind_of(&facts);
}

static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(rules); i++) {
		if (kind_of(&rules[i]) != rules[i].is)
			fail_msg("%s: %s, not %s", rules[i].what, mv_fault_kinds[kind_of(&rules[i])].json,
				 mv_fault_kinds[rules[i].is].json);
	}
}

static void test_stack(void **state)
{
	struct mv_fault_facts f = {
	    .have_mapping = true, .kind = MV_KIND_STACK, .perms = RW, .below_stack = true};

	(void)state;
	assert_int_equal(mv_fault_kind_of(&f), MV_FAULT_STACK);
	f.after = P;
	assert_int_equal(mv_fault_kind_of(&f), MV_FAULT_STACK);
	f.major = true; /* new pages are not read from anywhere */
	assert_int_equal(mv_fault_kind_of(&f), MV_FAULT_UNKNOWN);
	f.major = false;
	f.before = K;
	f.below_stack = false;
	assert_int_equal(mv_fault_kind_of(&f), MV_FAULT_ZERO);
	f.below_stack = true;
	f.before = P; /* it was there: then it is not below */
	assert_int_equal(mv_fault_kind_of(&f), MV_FAULT_UNKNOWN);
	f.before = K;
	f.kind = MV_KIND_THREAD_STACK; /* these don't grow */
	assert_int_equal(mv_fault_kind_of(&f), MV_FAULT_ZERO);
	f.have_mapping = false;
	assert_int_equal(mv_fault_kind_of(&f), MV_FAULT_UNKNOWN);
}

/* What must hold whatever is known, over all there can be. */
static void check_sense(const struct mv_fault_facts *f, enum mv_fault_kind is)
{
	const bool swapped = (f->before & S) == S;
	const bool file = (f->flags & MV_MAPPING_FILE) || f->kind == MV_KIND_SHARED;

	assert_in_range(is, 0, MV_FAULT__N - 1);
	if (is == MV_FAULT_SWAP)
		assert_true(swapped);
	if (is == MV_FAULT_ZERO || is == MV_FAULT_HUGE || is == MV_FAULT_COW || is == MV_FAULT_STACK ||
	    is == MV_FAULT_FILE || is == MV_FAULT_SHMEM)
		assert_true(!f->major || f->kind == MV_KIND_HUGE);
	if (is == MV_FAULT_DISK)
		assert_true(f->major && (f->flags & MV_MAPPING_FILE));
	if (is == MV_FAULT_FILE)
		assert_true(f->flags & MV_MAPPING_FILE);
	if (is == MV_FAULT_SHMEM)
		assert_int_equal(f->kind, MV_KIND_SHARED);
	if (is == MV_FAULT_ZERO)
		assert_true(!file && (f->after & P) == P);
	/* Nothing known before and after settles only what the mapping settles. */
	if (!(f->before & MV_KNOWN) && !(f->after & MV_KNOWN) && !(f->perms & MV_PERM_SHARED) &&
	    f->kind != MV_KIND_HUGE && !f->below_stack)
		assert_int_equal(is, MV_FAULT_UNKNOWN);
}

static void test_all_combinations(void **state)
{
	static const uint8_t perms[] = {0, RW, RW | MV_PERM_SHARED, MV_PERM_R | MV_PERM_X};

	(void)state;
	for (unsigned kind = 0; kind <= MV_KIND__N; kind++)
		for (size_t p = 0; p < MV_COUNT_OF(perms); p++)
			for (unsigned bits = 0; bits < 8; bits++)
				for (unsigned pair = 0; pair < 65536; pair++) {
					const struct mv_fault_facts f = {
					    .have_mapping = true,
					    .kind = (uint8_t)kind,
					    .perms = perms[p],
					    .major = bits & 1,
					    .flags = bits & 2 ? MV_MAPPING_FILE : 0,
					    .below_stack = bits & 4,
					    .before = (uint8_t)pair,
					    .after = (uint8_t)(pair >> 8),
					};

					check_sense(&f, mv_fault_kind_of(&f));
				}
}

static void test_known_of(void **state)
{
	const uint64_t both = MV_CAT_PRESENT | MV_CAT_SWAPPED,
		       all = both | MV_CAT_FILE | MV_CAT_HUGE | MV_CAT_PFNZERO;

	(void)state;
	assert_int_equal(mv_known_of(0, all, 0), K);
	assert_int_equal(mv_known_of(0, MV_CAT_PRESENT, 0), 0);
	assert_int_equal(mv_known_of(MV_CAT_PRESENT, all, 0), P);
	assert_int_equal(mv_known_of(MV_CAT_PRESENT, both, 0), 0); /* a file's or not? */
	assert_int_equal(mv_known_of(MV_CAT_PRESENT | MV_CAT_FILE, all, 0), P | F);
	assert_int_equal(mv_known_of(MV_CAT_PRESENT | MV_CAT_PFNZERO, all, 0), P | Z);
	assert_int_equal(mv_known_of(MV_CAT_PRESENT | MV_CAT_HUGE, all, 0), P | H);
	assert_int_equal(mv_known_of(MV_CAT_SWAPPED, all, 0), S);
	assert_int_equal(mv_known_of(MV_CAT_SWAPPED | MV_CAT_GUARD, all, 0), K);
	assert_int_equal(mv_known_of(MV_CAT_PRESENT, both, MV_WORD_PRESENT), P | SH);
	assert_int_equal(mv_known_of(MV_CAT_PRESENT, both, MV_WORD_PRESENT | MV_WORD_EXCLUSIVE), P);
	assert_int_equal(mv_known_of(MV_CAT_PRESENT | MV_CAT_PFNZERO, all, MV_WORD_PRESENT), P | Z);
	assert_int_equal(mv_known_of(0, 0, MV_WORD_PRESENT | MV_WORD_FILE), P | F);
	assert_int_equal(mv_known_of(0, 0, MV_WORD_SWAPPED | 0x123), S);
	assert_int_equal(mv_known_of(0, 0, MV_WORD_SWAPPED | MV_WORD_GUARD), K);
}

/* ---- the book ---- */

static struct mv_pagebook *new_book(size_t max_bytes)
{
	struct mv_pagebook *book;

	assert_int_equal(mv_pagebook_new(PAGE, max_bytes, &book), 0);
	return book;
}

static struct mv_range pages(uint64_t first, uint64_t count)
{
	return (struct mv_range){first * PAGE, (first + count) * PAGE};
}

static void test_book(void **state)
{
	struct mv_pagebook *b = new_book(PLENTY);

	(void)state;
	assert_int_equal(mv_pagebook_get(b, 7 * PAGE), 0);
	mv_pagebook_note(b, pages(10, 2), P);
	mv_pagebook_baseline(b, pages(0, GIB)); /* whichever comes first */
	assert_int_equal(mv_pagebook_get(b, 9 * PAGE), K);
	assert_int_equal(mv_pagebook_get(b, 10 * PAGE + 123), P);
	assert_int_equal(mv_pagebook_get(b, 11 * PAGE), P);
	assert_int_equal(mv_pagebook_get(b, 12 * PAGE), K);
	assert_int_equal(mv_pagebook_get(b, GIB * PAGE - 1), K);
	assert_int_equal(mv_pagebook_get(b, GIB * PAGE), 0);

	mv_pagebook_note(b, pages(511, 2), P | F); /* over the edge of two blocks */
	mv_pagebook_note(b, pages(600, 1), P | Z);
	mv_pagebook_note(b, pages(601, 1), S);
	mv_pagebook_forked(b);
	assert_int_equal(mv_pagebook_get(b, 10 * PAGE), P | SH);
	assert_int_equal(mv_pagebook_get(b, 511 * PAGE), P | F);
	assert_int_equal(mv_pagebook_get(b, 512 * PAGE), P | F);
	assert_int_equal(mv_pagebook_get(b, 600 * PAGE), P | Z);
	assert_int_equal(mv_pagebook_get(b, 601 * PAGE), S);

	mv_pagebook_stale(b, pages(11, 595));
	assert_int_equal(mv_pagebook_get(b, 10 * PAGE), P | SH);
	assert_int_equal(mv_pagebook_get(b, 11 * PAGE), P | SH | OLD);
	assert_int_equal(mv_pagebook_get(b, 12 * PAGE), K); /* absent stays absent */
	assert_int_equal(mv_pagebook_get(b, 601 * PAGE), S | OLD);

	mv_pagebook_fresh(b, pages(11, 500)); /* up to 510 */
	assert_int_equal(mv_pagebook_get(b, 10 * PAGE), P | SH);
	assert_int_equal(mv_pagebook_get(b, 11 * PAGE), K);
	assert_int_equal(mv_pagebook_get(b, 511 * PAGE), P | F | OLD);

	mv_pagebook_note(b, pages(10, 1), 0); /* not known any more, though the baseline is there */
	assert_int_equal(mv_pagebook_get(b, 10 * PAGE), 0);
	mv_pagebook_note(b, pages(0, 5000), MV_KNOWN);
	assert_int_equal(mv_pagebook_get(b, 10 * PAGE), K);

	mv_pagebook_clear(b);
	assert_int_equal(mv_pagebook_get(b, 11 * PAGE), 0);
	mv_pagebook_free(b);
	mv_pagebook_free(NULL);
}

/* Beyond its bound the book says that it does not know, never that something is absent. */
static void test_book_bound(void **state)
{
	struct mv_pagebook *b = new_book(16384);
	uint64_t known = 0;

	(void)state;
	mv_pagebook_baseline(b, pages(0, GIB));
	for (uint64_t i = 0; i < 1000; i++)
		mv_pagebook_note(b, pages(i * 512 + 7, 1), P);
	for (uint64_t i = 0; i < 1000; i++) {
		const uint8_t got = mv_pagebook_get(b, (i * 512 + 7) * PAGE);

		assert_true(got == P || got == 0);
		known += got == P;
	}
	assert_in_range(known, 10, 31);
	assert_int_equal(mv_pagebook_get(b, 6 * PAGE), K);
	mv_pagebook_note(b, pages(0, 1000 * 512), P | F); /* as far as it goes */
	for (uint64_t i = 0; i < 1000; i++) {
		const uint8_t got = mv_pagebook_get(b, (i * 512 + 8) * PAGE);

		assert_true(got == (P | F) || got == 0);
	}
	mv_pagebook_free(b);
	b = new_book(0);
	mv_pagebook_baseline(b, pages(0, 10));
	mv_pagebook_note(b, pages(0, 10), P);
	assert_int_equal(mv_pagebook_get(b, 0), 0);
	mv_pagebook_free(b);
}

#define MODEL_PAGES 4096u

/* The same operations on a plain array. */
static void model_apply(uint8_t *model, unsigned op, uint64_t from, uint64_t to, uint8_t known)
{
	for (uint64_t i = 0; i < MODEL_PAGES; i++) {
		const bool in = i >= from && i < to;

		if (op == 0 && in && model[i] == 0)
			model[i] = K;
		else if (op == 1 && in)
			model[i] = known;
		else if (op == 2 && in)
			model[i] = K;
		else if (op == 3 && (model[i] & P) == P && !(model[i] & (F | Z)))
			model[i] |= SH;
		else if (op == 4 && in && (model[i] & (MV_KNOWN_PRESENT | MV_KNOWN_SWAPPED)))
			model[i] |= OLD;
	}
}

static void book_apply(struct mv_pagebook *b, unsigned op, struct mv_range range, uint8_t known)
{
	if (op == 0)
		mv_pagebook_baseline(b, range);
	else if (op == 1)
		mv_pagebook_note(b, range, known);
	else if (op == 2)
		mv_pagebook_fresh(b, range);
	else if (op == 3)
		mv_pagebook_forked(b);
	else
		mv_pagebook_stale(b, range);
}

static void test_book_against_model(void **state)
{
	static const uint8_t some[] = {K, P, P | F, P | Z, S, P | H, P | OLD};
	static uint8_t model[MODEL_PAGES];
	struct mv_pagebook *b = new_book(PLENTY);
	uint64_t x = 88172645463325252u;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		unsigned op;
		uint64_t from, to;
		uint8_t known;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		op = (unsigned)(x % 16);
		op = op < 5 ? op : op < 12 ? 1 : 2;
		from = (x >> 8) % MODEL_PAGES;
		to = from + (x >> 24) % (x & (1 << 20) ? 1500 : 20);
		to = to < MODEL_PAGES ? to : MODEL_PAGES;
		known = some[(x >> 40) % MV_COUNT_OF(some)];
		model_apply(model, op, from, to, known);
		book_apply(b, op, (struct mv_range){from * PAGE, to * PAGE}, known);
		for (uint64_t i = 0; i < MODEL_PAGES; i++)
			assert_int_equal(mv_pagebook_get(b, i * PAGE), model[i]);
	}
	mv_pagebook_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_stack),
	    cmocka_unit_test(test_all_combinations),
	    cmocka_unit_test(test_known_of),
	    cmocka_unit_test(test_book),
	    cmocka_unit_test(test_book_bound),
	    cmocka_unit_test(test_book_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
