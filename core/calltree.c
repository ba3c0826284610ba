/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/calltree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_NODES 256

/* While it is built: which node is the child of which for which function. Slots of node indices; 0 is free,
 * since the root is nobody's child. */
struct builder {
	struct mv_calltree *tree;
	uint32_t *slots;
	uint32_t mask; /* slots less one; a power of two of them, at most half of them taken */
};

void mv_calltree_init(struct mv_calltree *tree)
{
	*tree = (struct mv_calltree){0};
}

void mv_calltree_release(struct mv_calltree *tree)
{
	free(tree->nodes);
	mv_calltree_init(tree);
}

static uint32_t slot_of(const struct builder *b, uint32_t parent, uint32_t function)
{
	uint64_t key = ((uint64_t)parent << 32 | function) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(key >> 32) & b->mask;
}

/* Slots for twice as many nodes; all that there are get theirs. */
static int grow_slots(struct builder *b)
{
	uint32_t count = b->slots ? (b->mask + 1) * 2 : FIRST_NODES * 2;
	uint32_t *slots = count ? calloc(count, sizeof(*slots)) : NULL;

	if (!slots)
		return -ENOMEM;
	free(b->slots);
	b->slots = slots;
	b->mask = count - 1;
	for (uint32_t i = 1; i < b->tree->count; i++) {
		uint32_t at = slot_of(b, b->tree->nodes[i].parent, b->tree->nodes[i].function);

		while (slots[at])
			at = (at + 1) & b->mask;
		slots[at] = i;
	}
	return 0;
}

static int make_room(struct builder *b)
{
	struct mv_calltree *t = b->tree;
	struct mv_calltree_node *nodes;
	uint32_t cap;

	if (t->count == t->cap) {
		cap = t->cap ? t->cap * 2 : FIRST_NODES;
		nodes = cap > t->cap ? reallocarray(t->nodes, cap, sizeof(*nodes)) : NULL;
		if (!nodes)
			return -ENOMEM;
		t->nodes = nodes;
		t->cap = cap;
	}
	return !b->slots || t->count > b->mask / 2 ? grow_slots(b) : 0;
}

/* The child of parent for that function, made if there is none. 0: there is no memory for it. */
static uint32_t child_of(struct builder *b, uint32_t parent, uint32_t function)
{
	struct mv_calltree *t = b->tree;
	uint32_t at;

	for (at = slot_of(b, parent, function); b->slots[at]; at = (at + 1) & b->mask) {
		const struct mv_calltree_node *n = &t->nodes[b->slots[at]];

		if (n->parent == parent && n->function == function)
			return b->slots[at];
	}
	if (make_room(b) < 0)
		return 0;
	/* There may be other slots now. */
	for (at = slot_of(b, parent, function); b->slots[at];)
		at = (at + 1) & b->mask;
	t->nodes[t->count] = (struct mv_calltree_node){
	    .function = function, .parent = parent, .depth = t->nodes[parent].depth + 1};
	b->slots[at] = t->count;
	return t->count++;
}

static void add_to(struct mv_calltree_node *n, const struct mv_fault_stack *stack)
{
	/* A node without faults is one that this stack has made. */
	if (!n->faults || stack->last_ns > n->last_ns) {
		n->last_ns = stack->last_ns;
		n->last_page = stack->last_page;
	}
	n->pages += stack->pages;
	n->faults += stack->faults;
}

static int add_stack(struct builder *b, const struct mv_fault_stack *stack, const uint32_t *calls,
		     enum mv_calltree_order order)
{
	static const uint32_t none = MV_FUNCTION_NONE;
	const uint32_t count = stack->count ? stack->count : 1;
	uint32_t node = 0;

	if (!stack->count)
		calls = &none;
	add_to(&b->tree->nodes[0], stack);
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t function = calls[order == MV_CALLTREE_CALLERS ? i : count - 1 - i];

		node = child_of(b, node, function);
		if (!node)
			return -ENOMEM;
		add_to(&b->tree->nodes[node], stack);
		/* Whose own they are: of the one that touches, at either end of the path. */
		if (i == (order == MV_CALLTREE_CALLERS ? count - 1 : 0)) {
			b->tree->nodes[node].self_pages += stack->pages;
			b->tree->nodes[node].self_faults += stack->faults;
		}
	}
	return 0;
}

/* What decides a child's place among its siblings. */
struct place {
	uint64_t pages;
	uint32_t parent, node;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->pages != y->pages)
		return x->pages > y->pages ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

/* Nodes are in the order in which they were seen first, so their index breaks ties. */
static int link_children(struct mv_calltree *t)
{
	struct place *places;
	uint32_t n = t->count - 1;

	if (!n)
		return 0;
	places = calloc(n, sizeof(*places));
	/* Without memory for their order, as they came. */
	for (uint32_t i = t->count - 1; !places && i > 0; i--) {
		t->nodes[i].next = t->nodes[t->nodes[i].parent].first_child;
		t->nodes[t->nodes[i].parent].first_child = i;
	}
	if (!places)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		places[i] = (struct place){t->nodes[i + 1].pages, t->nodes[i + 1].parent, i + 1};
	qsort(places, n, sizeof(*places), compare_places);
	for (uint32_t i = n; i-- > 0;) {
		struct mv_calltree_node *parent = &t->nodes[places[i].parent];

		t->nodes[places[i].node].next = parent->first_child;
		parent->first_child = places[i].node;
	}
	free(places);
	return 0;
}

int mv_calltree_build(struct mv_calltree *tree, const struct mv_snapshot *snap, enum mv_calltree_order order,
		      int32_t tid)
{
	struct builder b = {.tree = tree};
	uint32_t count;
	const struct mv_fault_stack *stacks = mv_snapshot_fault_stacks(snap, &count);
	int r, linked;

	tree->count = 0;
	tree->cut = false;
	r = make_room(&b);
	if (r == 0) {
		tree->nodes[0] = (struct mv_calltree_node){.function = MV_FUNCTION_NONE};
		tree->count = 1;
	}
	for (uint32_t i = 0; r == 0 && i < count; i++)
		if (!tid || stacks[i].tid == tid)
			r = add_stack(&b, &stacks[i], mv_snapshot_fault_calls(snap, &stacks[i]), order);
	free(b.slots);
	if (tree->count) {
		linked = link_children(tree);
		r = r < 0 ? r : linked;
	}
	tree->cut = r < 0;
	return r;
}
