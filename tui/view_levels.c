/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_levels.h"

/* Which views there are, and the levels that they lie on. */

static const struct mv_view_ops *const views[MV_VIEW__N] = {
    [MV_VIEW_MAP] = &mv_view_map,	    [MV_VIEW_PAGES] = &mv_view_pages,
    [MV_VIEW_PAGE] = &mv_view_page,	    [MV_VIEW_TABLES] = &mv_view_tables,
    [MV_VIEW_FAULTS] = &mv_view_faults,	    [MV_VIEW_THREADS] = &mv_view_threads,
    [MV_VIEW_STACK] = &mv_view_stack,	    [MV_VIEW_GROWTH] = &mv_view_growth,
    [MV_VIEW_HEAP] = &mv_view_heap,	    [MV_VIEW_HELP] = &mv_view_help,
    [MV_VIEW_MEANING] = &mv_view_meaning,   [MV_VIEW_OUTPUT] = &mv_view_output,
    [MV_VIEW_MACHINE] = &mv_view_machine,   [MV_VIEW_MEMORY] = &mv_view_memory,
    [MV_VIEW_SERVICES] = &mv_view_services, [MV_VIEW_RECLAIM] = &mv_view_reclaim,
    [MV_VIEW_ZONES] = &mv_view_zones,	    [MV_VIEW_ATLAS] = &mv_view_atlas,
    [MV_VIEW_FRAME] = &mv_view_frame,	    [MV_VIEW_FILES] = &mv_view_files,
};

const struct mv_view_ops *mv_view_of(enum mv_view_id id)
{
	return views[id];
}

static void forget_side(struct level *level, enum mv_view_id id)
{
	if (!level->sides[id])
		return;
	if (views[id]->release)
		views[id]->release(level->sides[id]);
	free(level->sides[id]);
	level->sides[id] = NULL;
}

int level_show(struct level *level, enum mv_view_id id, const struct mv_place *place)
{
	const struct mv_view_ops *ops = views[id];
	int r;

	if (level->sides[id] && ops->go) {
		ops->go(level->sides[id], place);
		level->ops = ops;
		return 0;
	}
	void *state = calloc(1, ops->state_bytes ? ops->state_bytes : 1);
	if (!state)
		return -ENOMEM;
	r = ops->init ? ops->init(state, place) : 0;
	if (r < 0) {
		free(state);
		return r;
	}
	forget_side(level, id);
	level->sides[id] = state;
	level->ops = ops;
	return 0;
}

void level_pop(struct mv_stack *stack)
{
	struct level *level = level_top(stack);

	for (int id = 0; id < MV_VIEW__N; id++)
		forget_side(level, (enum mv_view_id)id);
	level->ops = NULL;
	stack->depth--;
}

int level_push(struct mv_stack *stack, enum mv_view_id id, const struct mv_place *place)
{
	if (stack->depth == LEVELS_MAX)
		return -E2BIG;
	memset(&stack->levels[stack->depth], 0, sizeof(stack->levels[0]));
	int r = level_show(&stack->levels[stack->depth], id, place);
	if (!r)
		stack->depth++;
	return r;
}

int mv_stack_new(enum mv_view_id first, const struct mv_place *place, struct mv_stack **ret_stack)
{
	struct mv_stack *stack = calloc(1, sizeof(*stack));

	if (!stack)
		return -ENOMEM;
	stack->rows = 24;
	stack->cols = 80;
	int r = level_push(stack, first, place);
	if (r < 0) {
		free(stack);
		return r;
	}
	*ret_stack = stack;
	return 0;
}

void mv_stack_free(struct mv_stack *stack)
{
	if (!stack)
		return;
	while (stack->depth)
		level_pop(stack);
	free(stack);
}

/*
 * Sides turn the picture round on its level. Where that would put the same whole-process side on two levels
 * that lie upon each other (Map > a mapping's pages, then 1), we go back to the lower one instead.
 */
int level_turn(struct mv_stack *stack, enum mv_view_id id, struct mv_place place)
{
	while (stack->depth > 1 && level_is_overlay(level_top(stack)))
		level_pop(stack);
	if (stack->depth > 1 && stack->levels[stack->depth - 2].ops->id == id && id != MV_VIEW_PAGES)
		level_pop(stack);
	return level_show(level_top(stack), id, &place);
}
