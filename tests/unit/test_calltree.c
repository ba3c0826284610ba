/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/calltree.h"
#include "tests/unit/snapbuild.h"

/* ---- the builder of snapshots itself ---- */

static const struct snapbuild_function functions[] = {
    {.name = "memset", .image = "libc.so.6", .flags = MV_FUNCTION_NAMED, .start = 0x1000},
};
static const struct snapbuild_fault_stack stacks[] = {
    {"main;fill;memset", {.tid = 7, .pages = 100, .faults = 100}},
    {"main;?;memset", {.tid = 8, .pages = 50, .faults = 50}},
    {"", {.tid = 8, .pages = 1, .faults = 1, .end = MV_STACK_NOT_UNWOUND}},
};
static const struct snapbuild_call calls[] = {{"poll", 0x10, 0x20, 0}, {"main", 0x30, 0x40, MV_CALL_SIGNAL}};
static const struct snapbuild_thread threads[] = {
    {"main thread", calls, 2, {.tid = 7, .state = 'S', .how = MV_HOW_UNSTOPPED}},
    {"other", calls + 1, 1, {.tid = 8, .state = 'R'}},
};
static const struct snapbuild_line lines[] = {{0x10, NULL, 0}, {0x30, "main.c", 12}};
static const struct snapbuild_fault_mapping fault_mappings[] = {{"[heap]", {.start = 4096, .end = 8192}}};
static const struct snapbuild_fault_thread fault_threads[] = {{"other", {.tid = 8, .faults = 3}}};
static const struct snapbuild_fault_entry fault_log[] = {{"fill", "[heap]", {.tid = 7, .addr = 4096}},
							 {NULL, NULL, {.tid = 8}}};

static void test_builder(void **state)
{
	struct snapbuild b;
	uint32_t n, line = 0;

	(void)state;
	snapbuild_init(&b);
	b.rows = snapbuild_python;
	b.count = snapbuild_python_count;
	b.trace = (struct snapbuild_trace){
	    functions,	    MV_COUNT_OF(functions),	 stacks,	MV_COUNT_OF(stacks),
	    fault_mappings, MV_COUNT_OF(fault_mappings), fault_threads, MV_COUNT_OF(fault_threads),
	    fault_log,	    MV_COUNT_OF(fault_log),	 threads,	MV_COUNT_OF(threads),
	    lines,	    MV_COUNT_OF(lines)};
	struct mv_snapshot *s = snapbuild_make(&b);
	assert_int_equal(mv_snapshot_check(s, s->length), 0);

	const struct mv_fault_stack *k = mv_snapshot_fault_stacks(s, &n);
	assert_int_equal(n, 3);
	assert_int_equal(k[1].count, 3);
	assert_int_equal(k[2].count, 0);
	const uint32_t *c = mv_snapshot_fault_calls(s, &k[1]);
	assert_string_equal(mv_snapshot_function_name(s, c[0]).text, "main");
	assert_int_equal(c[1], MV_FUNCTION_NONE);
	assert_string_equal(mv_snapshot_function_name(s, c[2]).text, "memset");
	assert_string_equal(mv_snapshot_text(s, mv_snapshot_function(s, c[2])->image).text, "libc.so.6");
	/* one function for one name, in stacks and in threads */
	assert_int_equal(mv_snapshot_fault_calls(s, &k[0])[0], c[0]);
	const struct mv_thread *t = mv_snapshot_thread(s, 8);
	assert_string_equal(mv_snapshot_text(s, t->name).text, "other");
	assert_int_equal(mv_snapshot_thread_calls(s, t)[0].function, c[0]);
	assert_int_equal(mv_snapshot_thread_calls(s, t)[0].flags, MV_CALL_SIGNAL);
	assert_null(mv_snapshot_line(s, 0x10, &line).text);
	assert_string_equal(mv_snapshot_line(s, 0x30, &line).text, "main.c");
	assert_int_equal(line, 12);
	assert_string_equal(mv_snapshot_text(s, mv_snapshot_fault_mappings(s, &n)->name).text, "[heap]");
	assert_string_equal(mv_snapshot_text(s, mv_snapshot_fault_threads(s, &n)->name).text, "other");
	assert_int_equal(mv_snapshot_fault_log(s, &n)[1].function, MV_FUNCTION_NONE);
	assert_int_equal(mv_snapshot_fault_log(s, &n)->function, mv_snapshot_fault_calls(s, &k[0])[1]);
	free(s);
}

/* ---- the tree ---- */

static struct mv_snapshot *snap_of(const struct snapbuild_fault_stack *rows, size_t count)
{
	struct snapbuild b;

	snapbuild_init(&b);
	b.trace.stacks = rows;
	b.trace.stacks_count = count;
	struct mv_snapshot *s = snapbuild_make(&b);
	assert_int_equal(mv_snapshot_check(s, s->length), 0);
	return s;
}

/* "name pages/self" of a node and its children, depth first: "root 3/0(main 3/1(f 2/2))". */
static void spell(const struct mv_snapshot *s, const struct mv_calltree *t, uint32_t node, char *out,
		  size_t cap)
{
	const struct mv_calltree_node *n = &t->nodes[node];
	size_t len = strlen(out);

	len += (size_t)snprintf(out + len, cap - len, "%s %d/%d",
				node ? mv_snapshot_function_name(s, n->function).text : "root", (int)n->pages,
				(int)n->self_pages);
	if (!n->first_child)
		return;
	for (uint32_t i = n->first_child; i; i = t->nodes[i].next) {
		strcat(out, i == n->first_child ? "(" : ", ");
		assert_int_equal(t->nodes[i].parent, node);
		assert_int_equal(t->nodes[i].depth, n->depth + 1);
		spell(s, t, i, out, cap);
	}
	strcat(out, ")");
}

static void assert_tree(const struct mv_snapshot *s, enum mv_calltree_order order, int32_t tid,
			const char *want)
{
	char got[1024] = "";
	struct mv_calltree t;

	mv_calltree_init(&t);
	assert_int_equal(mv_calltree_build(&t, s, order, tid), 0);
	assert_false(t.cut);
	spell(s, &t, 0, got, sizeof(got));
	assert_string_equal(got, want);
	mv_calltree_release(&t);
	assert_null(t.nodes);
}

static void test_shapes(void **state)
{
	static const struct snapbuild_fault_stack rows[] = {
	    {"main;f;g", {.tid = 1, .pages = 4, .faults = 4}},
	    {"main;h;g", {.tid = 2, .pages = 3, .faults = 1}},
	    {"main;f", {.tid = 1, .pages = 2, .faults = 2}},
	    {"main;?;g", {.tid = 2, .pages = 1, .faults = 1}},
	    {NULL, {.tid = 3, .pages = 1, .faults = 1, .end = MV_STACK_NOT_UNWOUND}},
	};
	struct mv_snapshot *s = snap_of(rows, MV_COUNT_OF(rows));

	(void)state;
	assert_tree(s, MV_CALLTREE_CALLERS, 0,
		    "root 11/0(main 10/0(f 6/2(g 4/4), h 3/0(g 3/3), ? 1/0(g 1/1)), ? 1/1)");
	assert_tree(
	    s, MV_CALLTREE_CALLED, 0,
	    "root 11/0(g 8/8(f 4/0(main 4/0), h 3/0(main 3/0), ? 1/0(main 1/0)), f 2/2(main 2/0), ? 1/1)");
	assert_tree(s, MV_CALLTREE_CALLERS, 2, "root 4/0(main 4/0(h 3/0(g 3/3), ? 1/0(g 1/1)))");
	assert_tree(s, MV_CALLTREE_CALLERS, 9, "root 0/0");
	free(s);
}

/* A function that calls itself is a level of its own each time, and counted once on each. */
static void test_recursion(void **state)
{
	static const struct snapbuild_fault_stack rows[] = {
	    {"f;f;f", {.tid = 1, .pages = 1, .faults = 1}},
	    {"f;f", {.tid = 1, .pages = 1, .faults = 1}},
	};
	struct mv_snapshot *s = snap_of(rows, MV_COUNT_OF(rows));

	(void)state;
	assert_tree(s, MV_CALLTREE_CALLERS, 0, "root 2/0(f 2/0(f 2/1(f 1/1)))");
	assert_tree(s, MV_CALLTREE_CALLED, 0, "root 2/0(f 2/2(f 2/0(f 1/0)))");
	free(s);
}

static void test_order_and_newest(void **state)
{
	static const struct snapbuild_fault_stack rows[] = {
	    {"main;a", {.tid = 1, .pages = 2, .faults = 2, .last_page = 0x1000, .last_ns = 5}},
	    {"main;b", {.tid = 1, .pages = 3, .faults = 2, .last_page = 0x2000, .last_ns = 9}},
	    {"main;c", {.tid = 1, .pages = 2, .faults = 2, .last_page = 0x3000, .last_ns = 7}},
	    {"main;a", {.tid = 2, .pages = 0, .faults = 1, .last_page = 0x4000, .last_ns = 6}},
	};
	struct mv_snapshot *s = snap_of(rows, MV_COUNT_OF(rows));
	struct mv_calltree t;

	(void)state;
	/* most pages first, then as seen */
	assert_tree(s, MV_CALLTREE_CALLERS, 0, "root 7/0(main 7/0(b 3/3, a 2/2, c 2/2))");
	mv_calltree_init(&t);
	assert_int_equal(mv_calltree_build(&t, s, MV_CALLTREE_CALLERS, 0), 0);
	assert_int_equal(t.nodes[0].last_page, 0x2000);
	assert_int_equal(t.nodes[0].faults, 7);
	const struct mv_calltree_node *main_node = &t.nodes[t.nodes[0].first_child];
	assert_int_equal(main_node->last_ns, 9);
	const struct mv_calltree_node *a = &t.nodes[t.nodes[main_node->first_child].next];
	assert_int_equal(a->last_page, 0x4000);
	assert_int_equal(a->last_ns, 6);
	assert_int_equal(a->self_faults, 3);
	/* built anew, in the same memory */
	assert_int_equal(mv_calltree_build(&t, s, MV_CALLTREE_CALLERS, 2), 0);
	assert_int_equal(t.count, 3);
	assert_int_equal(t.nodes[0].faults, 1);
	mv_calltree_release(&t);
	free(s);
}

static void test_empty(void **state)
{
	struct mv_snapshot *s = snap_of(NULL, 0);

	(void)state;
	assert_tree(s, MV_CALLTREE_CALLERS, 0, "root 0/0");
	free(s);
}

/* ---- against a model that compares paths ---- */

#define RANDOM_STACKS 600
#define RANDOM_DEPTH  24
#define NAMES	      "abcdefgh?"

static unsigned seed;

static unsigned roll(unsigned below)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % below;
}

struct model {
	char path[RANDOM_STACKS][2 * RANDOM_DEPTH + 1]; /* of one-letter calls, as the order has them */
	struct snapbuild_fault_stack rows[RANDOM_STACKS];
};

static void make_model(struct model *m, enum mv_calltree_order order, char text[][2 * RANDOM_DEPTH + 1])
{
	for (size_t i = 0; i < RANDOM_STACKS; i++) {
		size_t depth = roll(8) ? 1 + roll(RANDOM_DEPTH - 1) : roll(3);

		memset(m->path[i], 0, sizeof(m->path[i]));
		memset(text[i], 0, sizeof(text[i]));
		/* most share their beginnings */
		for (size_t k = 0; k < depth; k++) {
			char c = roll(3) ? NAMES[k % 8] : NAMES[roll(sizeof(NAMES) - 1)];

			m->path[i][order == MV_CALLTREE_CALLERS ? k : depth - 1 - k] = c;
			text[i][2 * k] = c;
			text[i][2 * k + 1] = k + 1 < depth ? ';' : '\0';
		}
		if (!depth)
			m->path[i][0] = '?';
		m->rows[i] = (struct snapbuild_fault_stack){text[i],
							    {.tid = 1 + (int32_t)roll(3),
							     .pages = roll(50),
							     .faults = 1 + roll(9),
							     .last_ns = roll(1000)}};
		m->rows[i].plain.last_page = m->rows[i].plain.last_ns * 4096;
	}
}

/* The sums of a node are those of all stacks that begin as its path does. */
static void assert_node(const struct mv_snapshot *s, const struct model *m, enum mv_calltree_order order,
			int32_t tid, const struct mv_calltree *t, uint32_t node, char *path)
{
	const struct mv_calltree_node *n = &t->nodes[node];
	uint64_t pages = 0, faults = 0, self = 0, newest = 0, below = 0, last = UINT64_MAX;
	size_t len = n->depth;

	for (size_t i = 0; i < RANDOM_STACKS; i++) {
		const struct mv_fault_stack *k = &m->rows[i].plain;

		if ((tid && k->tid != tid) || strncmp(m->path[i], path, len) != 0)
			continue;
		pages += k->pages;
		faults += k->faults;
		newest = k->last_ns > newest ? k->last_ns : newest;
		if (order == MV_CALLTREE_CALLERS ? strlen(m->path[i]) == len : len == 1)
			self += k->pages;
	}
	assert_int_equal(n->pages, pages);
	assert_int_equal(n->faults, faults);
	assert_int_equal(n->self_pages, self);
	assert_int_equal(n->last_ns, newest);
	assert_int_equal(n->last_page, newest * 4096);
	for (uint32_t i = n->first_child; i; i = t->nodes[i].next) {
		path[len] = mv_snapshot_function_name(s, t->nodes[i].function).text[0];
		path[len + 1] = '\0';
		assert_true(t->nodes[i].pages <= last);
		last = t->nodes[i].pages;
		assert_node(s, m, order, tid, t, i, path);
		below += t->nodes[i].pages;
	}
	path[len] = '\0';
	if (order == MV_CALLTREE_CALLERS)
		assert_int_equal(below + n->self_pages, n->pages);
}

/* How many different beginnings there are. */
static uint32_t count_paths(const struct model *m, int32_t tid)
{
	uint32_t count = 1;

	for (size_t i = 0; i < RANDOM_STACKS; i++) {
		if (tid && m->rows[i].plain.tid != tid)
			continue;
		for (size_t len = 1; len <= strlen(m->path[i]); len++) {
			bool seen = false;

			for (size_t j = 0; j < i && !seen; j++)
				seen = (!tid || m->rows[j].plain.tid == tid) &&
				       strncmp(m->path[i], m->path[j], len) == 0;
			count += !seen;
		}
	}
	return count;
}

static void test_model(void **state)
{
	static struct model m;
	static char text[RANDOM_STACKS][2 * RANDOM_DEPTH + 1];
	char path[RANDOM_DEPTH + 2];
	struct mv_calltree t;

	(void)state;
	mv_calltree_init(&t);
	for (unsigned turn = 0; turn < 12; turn++) {
		const enum mv_calltree_order order = turn % 2 ? MV_CALLTREE_CALLED : MV_CALLTREE_CALLERS;
		const int32_t tid = (int32_t)(turn % 3);

		seed = turn;
		make_model(&m, order, text);
		struct mv_snapshot *s = snap_of(m.rows, RANDOM_STACKS);
		assert_int_equal(mv_calltree_build(&t, s, order, tid), 0);
		assert_int_equal(t.count, count_paths(&m, tid));
		path[0] = '\0';
		assert_node(s, &m, order, tid, &t, 0, path);
		free(s);
	}
	mv_calltree_release(&t);
}

/* As wide and as deep as a snapshot can be. */
static void test_large(void **state)
{
	const size_t bytes = sizeof(struct mv_snapshot) + MV_FAULT_STACKS * sizeof(struct mv_fault_stack) +
			     (size_t)MV_FAULT_STACKS * MV_CALLS_MAX * sizeof(uint32_t);
	struct mv_snapshot *s = calloc(1, bytes);
	struct mv_calltree t;

	(void)state;
	assert_non_null(s);
	s->fault_stacks = (struct mv_section){sizeof(*s), MV_FAULT_STACKS};
	s->fault_calls = (struct mv_section){sizeof(*s) + MV_FAULT_STACKS * sizeof(struct mv_fault_stack),
					     (uint64_t)MV_FAULT_STACKS * MV_CALLS_MAX};
	struct mv_fault_stack *k = (struct mv_fault_stack *)(void *)((char *)s + s->fault_stacks.offset);
	uint32_t *c = (uint32_t *)(void *)((char *)s + s->fault_calls.offset);
	for (uint32_t i = 0; i < MV_FAULT_STACKS; i++) {
		k[i] = (struct mv_fault_stack){
		    .first = i * MV_CALLS_MAX, .count = MV_CALLS_MAX, .tid = 1, .faults = 1, .pages = 1};
		/* all apart from the first call on */
		for (uint32_t n = 0; n < MV_CALLS_MAX; n++)
			c[i * MV_CALLS_MAX + n] = i;
	}
	mv_calltree_init(&t);
	assert_int_equal(mv_calltree_build(&t, s, MV_CALLTREE_CALLERS, 0), 0);
	assert_int_equal(t.count, 1 + MV_FAULT_STACKS * MV_CALLS_MAX);
	assert_int_equal(t.nodes[0].pages, MV_FAULT_STACKS);
	uint32_t children = 0;
	for (uint32_t i = t.nodes[0].first_child; i; i = t.nodes[i].next)
		assert_int_equal(t.nodes[i].function, children++);
	assert_int_equal(children, MV_FAULT_STACKS);
	mv_calltree_release(&t);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_builder),   cmocka_unit_test(test_shapes),
	    cmocka_unit_test(test_recursion), cmocka_unit_test(test_order_and_newest),
	    cmocka_unit_test(test_empty),     cmocka_unit_test(test_model),
	    cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
