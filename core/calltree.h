/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_CALLTREE_H
#define MV_CALLTREE_H

/* The call stacks of a trace -> a tree: who calls whom, and how many pages each touched first. Pure. */

#include "core/snapshot.h"

struct mv_calltree_node {
	uint32_t function; /* as in the snapshot; MV_FUNCTION_NONE: calls that are not known */
	uint32_t parent;   /* index; the root is its own */
	uint32_t first_child, next; /* index; 0 none (the root is nobody's child). Children: most pages first */
	uint32_t depth;	   /* the root: 0 */
	uint64_t pages, faults;		  /* below it and itself */
	uint64_t self_pages, self_faults; /* of stacks where it is the innermost; CALLED: so at depth 1 alone */
	uint64_t last_page, last_ns;	  /* of the newest fault below it */
};
struct mv_calltree {
	struct mv_calltree_node *nodes; /* nodes[0] is the root: all stacks */
	uint32_t count, cap;
	bool cut; /* memory ran out: the tree is not whole */
};
enum mv_calltree_order {
	MV_CALLTREE_CALLERS, /* outermost first: from the thread's start to who touches */
	MV_CALLTREE_CALLED,  /* innermost first: by the function that touches, then who called it */
};
void mv_calltree_init(struct mv_calltree *tree);
void mv_calltree_release(struct mv_calltree *tree);
/*
 * Build anew from the snapshot's fault stacks; tid: of that thread alone, 0 of all. A stack without calls is one call that
 * is not known. Equal children stand in the order in which they were seen.
 * Errors: -ENOMEM (what fits is there, cut; count 0 when not even a root does).
 * Cost: O(calls + nodes log nodes), about 0.1 us a call.
 */
int mv_calltree_build(struct mv_calltree *tree, const struct mv_snapshot *snap, enum mv_calltree_order order, int32_t tid);

#endif
