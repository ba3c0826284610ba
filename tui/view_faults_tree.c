/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_faults.h"

/*
 * The lines of the call tree: what is open, and chains of calls that lead nowhere else as one line. Calls are known by
 * a hash of the names on their path, since a function's number holds for one snapshot.
 */

#define OPEN_SHARE 20 /* a call that has a part in so many of the pages is open until it is closed */
#define DEPTH_MAX  MV_CALLS_MAX

/* ---- who a call is ---- */

static uint64_t mix_text(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

static uint64_t root_path(const struct mv_faults_view *v)
{
	return UINT64_C(0xcbf29ce484222325) + (uint64_t)v->order;
}

static uint64_t path_of(const struct mv_snapshot *snap, uint64_t parent, uint32_t function)
{
	const struct mv_function *f = mv_snapshot_function(snap, function);
	uint64_t h = mix_text(parent, mv_snapshot_function_name(snap, function).text);

	return f ? mix_text(h, mv_snapshot_text(snap, f->image).text) : h;
}

/* ---- what is open ---- */

/* Index of the first fold whose path is not below. */
static uint32_t fold_at(const struct mv_faults_view *v, uint64_t path)
{
	uint32_t low = 0, high = v->folds_count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (v->folds[mid].path < path)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool set_fold(struct mv_faults_view *v, uint64_t path, bool open)
{
	uint32_t i = fold_at(v, path);

	if (i < v->folds_count && v->folds[i].path == path) {
		v->folds[i].open = open;
		return true;
	}
	if (v->folds_count == MV_FAULTS_FOLDS)
		return false;
	if (v->folds_count == v->folds_cap) {
		uint32_t cap = v->folds_cap ? v->folds_cap * 2 : 64;
		struct mv_faults_fold *bigger = reallocarray(v->folds, cap, sizeof(*bigger));

		if (!bigger)
			return false;
		v->folds = bigger;
		v->folds_cap = cap;
	}
	memmove(&v->folds[i + 1], &v->folds[i], (v->folds_count - i) * sizeof(*v->folds));
	v->folds[i] = (struct mv_faults_fold){path, open};
	v->folds_count++;
	return true;
}

/* What was opened, by the user or for its share, stays open: lines that come and go by themselves can't be read. */
static bool is_open(struct mv_faults_view *v, const struct mv_calltree_node *n, uint64_t path)
{
	uint32_t i = fold_at(v, path);

	if (i < v->folds_count && v->folds[i].path == path)
		return v->folds[i].open;
	if (!n->first_child || n->pages < v->tree.nodes[0].pages / OPEN_SHARE)
		return false;
	set_fold(v, path, true);
	return true;
}

/* ---- the lines ---- */

static struct mv_faults_row *new_row(struct mv_faults_view *v)
{
	if (v->rows_count == v->rows_cap) {
		uint32_t cap = v->rows_cap ? v->rows_cap * 2 : 128;
		struct mv_faults_row *bigger = reallocarray(v->rows, cap, sizeof(*bigger));

		if (!bigger) {
			v->rows_short = true;
			return NULL;
		}
		v->rows = bigger;
		v->rows_cap = cap;
	}
	return &v->rows[v->rows_count++];
}

/* Calls that lead to one other and touch nothing themselves. */
static bool is_link(const struct mv_calltree *t, uint32_t node)
{
	const struct mv_calltree_node *n = &t->nodes[node];

	return n->first_child && !t->nodes[n->first_child].next && n->pages == t->nodes[n->first_child].pages &&
	       n->faults == t->nodes[n->first_child].faults;
}

/* As deep as a stack can be. */
static void add_lines(struct mv_faults_view *v, const struct mv_snapshot *snap, uint32_t node, uint64_t parent,
		      unsigned depth, uint64_t guides)
{
	const struct mv_calltree *t = &v->tree;

	for (; node && !v->rows_short; node = t->nodes[node].next) {
		uint32_t head = node, last = node;
		uint64_t path = path_of(snap, parent, t->nodes[node].function);
		struct mv_faults_row *row = new_row(v);

		if (!row)
			return;
		while (is_link(t, last)) {
			last = t->nodes[last].first_child;
			path = path_of(snap, path, t->nodes[last].function);
		}
		*row = (struct mv_faults_row){.head = head,
					      .node = last,
					      .path = path,
					      .guides = guides,
					      .depth = (uint16_t)depth,
					      .children = t->nodes[last].first_child != 0,
					      .more = t->nodes[head].next != 0};
		row->open = row->children && is_open(v, &t->nodes[last], path);
		if (row->open && depth < DEPTH_MAX)
			add_lines(v, snap, t->nodes[last].first_child, path, depth + 1,
				  guides | (depth < 64 && row->more ? UINT64_C(1) << depth : 0));
	}
}

void mv_faults_tree_settle(struct mv_faults_view *v, const struct mv_snapshot *snap)
{
	uint64_t now[5] = {snap->seq + 1, snap->epoch, (uint64_t)v->order, (uint64_t)(uint32_t)v->only, v->folds_gen};

	if (!memcmp(now, v->rows_for, sizeof(now)))
		return;
	v->rows_short = false;
	v->rows_count = 0;
	/* What other folds ask of the same tree needs no new one. */
	if (memcmp(now, v->rows_for, 4 * sizeof(now[0])) && mv_calltree_build(&v->tree, snap, v->order, v->only) < 0)
		v->rows_short = true;
	memcpy(v->rows_for, now, sizeof(now));
	if (v->tree.count)
		add_lines(v, snap, v->tree.nodes[0].first_child, root_path(v), 0, 0);
	v->rows_short |= v->tree.cut;
}

void mv_faults_tree_release(struct mv_faults_view *v)
{
	mv_calltree_release(&v->tree);
	free(v->rows);
	free(v->folds);
}

/* ---- moving ---- */

bool mv_faults_tree_fold(struct mv_faults_view *v, const struct mv_snapshot *snap, uint32_t row, bool open)
{
	if (row >= v->rows_count || !v->rows[row].children || v->rows[row].open == open)
		return false;
	if (!set_fold(v, v->rows[row].path, open))
		return false;
	v->folds_gen++;
	mv_faults_tree_settle(v, snap);
	return true;
}

uint32_t mv_faults_tree_parent(const struct mv_faults_view *v, uint32_t row)
{
	uint32_t i = row;

	while (i > 0 && row < v->rows_count && v->rows[i].depth >= v->rows[row].depth)
		i--;
	return row < v->rows_count && v->rows[i].depth < v->rows[row].depth ? i : row;
}

/* The path of a node, and all that lies above it opened. */
static uint64_t open_to(struct mv_faults_view *v, const struct mv_snapshot *snap, uint32_t node)
{
	uint32_t above[DEPTH_MAX + 1], count = 0;
	uint64_t path = root_path(v);

	for (uint32_t i = node; i && count < MV_COUNT_OF(above); i = v->tree.nodes[i].parent)
		above[count++] = i;
	while (count--) {
		path = path_of(snap, path, v->tree.nodes[above[count]].function);
		if (count && !is_link(&v->tree, above[count]))
			set_fold(v, path, true);
	}
	/* It is known by the last call of its line. */
	while (is_link(&v->tree, node)) {
		node = v->tree.nodes[node].first_child;
		path = path_of(snap, path, v->tree.nodes[node].function);
	}
	return path;
}

static uint32_t node_after(const struct mv_calltree *t, uint32_t node)
{
	if (t->nodes[node].first_child)
		return t->nodes[node].first_child;
	while (node && !t->nodes[node].next)
		node = t->nodes[node].parent;
	return t->nodes[node].next;
}

/* The nodes in the tree's order, which begins with the one after `from` and ends with it. */
static uint32_t find_node(const struct mv_faults_view *v, const struct mv_snapshot *snap, uint32_t from,
			  const char *text, bool back)
{
	const struct mv_calltree *t = &v->tree;
	uint32_t node = from, best = 0;

	for (uint32_t k = 0; k < t->count; k++) {
		node = node_after(t, node);
		if (!node || !strcasestr(mv_snapshot_function_name(snap, t->nodes[node].function).text, text))
			continue;
		/* Backwards: the last one before we come round; where we are only when there is no other. */
		if (node != from || !best)
			best = node;
		if (!back)
			break;
	}
	return best;
}

bool mv_faults_tree_find(struct mv_faults_view *v, const struct mv_snapshot *snap, const char *text, bool back)
{
	uint32_t at = v->at[MV_FAULTS_STACKS], from = 0;

	if (v->tree.count < 2)
		return false;
	/* Forwards from the last call of the line, backwards from its first: what the line itself shows is found already. */
	if (at < v->rows_count)
		from = back ? v->rows[at].head : v->rows[at].node;
	uint32_t node = find_node(v, snap, from, text, back);
	if (!node)
		return false;
	v->selected[MV_FAULTS_STACKS] = (struct mv_faults_identity){.set = true, .a = open_to(v, snap, node)};
	v->folds_gen++;
	mv_faults_tree_settle(v, snap);
	return true;
}
