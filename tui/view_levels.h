/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_LEVELS_H
#define MV_VIEW_LEVELS_H

/* The stack of views from within: shared by view.c, view_levels.c and view_input.c, and by nobody else. */

#include "tui/view_private.h"

#define LEVELS_MAX 12

/* One level of the zoom. Its sides keep their state while another side is shown. */
struct level {
	const struct mv_view_ops *ops;
	void *sides[MV_VIEW__N];
};

struct mv_stack {
	struct level levels[LEVELS_MAX];
	unsigned depth; /* at least 1 */
	int rows, cols; /* of the last want or draw */
	struct mv_build hint;
	uint64_t hint_until_ns;
	bool asking;
	struct mv_build prompt;
	struct mv_editor editor;
	bool quitting;	 /* the question for a running COMMAND is open */
	bool confirming; /* a view's question is open: `prompt` */
	bool tracing;	 /* `F`: page faults are traced whatever is shown */
	int opens;	 /* the process that is to be shown, with MV_EFFECT_OPEN */
	bool epoch_known;
	uint32_t epoch;
	uint64_t exec_ns, exec_real_ns;
};

static inline struct level *level_top(struct mv_stack *stack)
{
	return &stack->levels[stack->depth - 1];
}

static inline void *level_state(const struct level *level)
{
	return level->sides[level->ops->id];
}

/* Views that lie over another one and have no want of their own. */
static inline bool level_is_overlay(const struct level *level)
{
	return level->ops->id == MV_VIEW_HELP || level->ops->id == MV_VIEW_MEANING ||
	       level->ops->id == MV_VIEW_OUTPUT;
}

static inline bool level_is_machine_side(enum mv_view_id id)
{
	return id >= MV_VIEW_MACHINE && id <= MV_VIEW_ATLAS;
}

/* A stack is the machine's or a process's for all its life. */
static inline bool level_is_machine(const struct mv_stack *stack)
{
	return level_is_machine_side(stack->levels[0].ops->id);
}

static inline struct level *level_picture(struct mv_stack *stack)
{
	unsigned n = stack->depth - 1;

	while (n > 0 && level_is_overlay(&stack->levels[n]))
		n--;
	return &stack->levels[n];
}

/* In view_levels.c. -E2BIG so deep and no deeper; -ENOMEM. */
int level_show(struct level *level, enum mv_view_id id, const struct mv_place *place); /* as a side */
int level_push(struct mv_stack *stack, enum mv_view_id id, const struct mv_place *place);
void level_pop(struct mv_stack *stack);
int level_turn(struct mv_stack *stack, enum mv_view_id id, struct mv_place place);

/* In view.c: where things are on the screen. */
struct frame {
	struct mv_rect area; /* of the view */
	int bottom;	     /* row of the bottom line, -1 none */
	int banner;	     /* row of the banner, -1 none */
	struct mv_banner what;
};
struct frame level_frame(const struct mv_stack *stack, const struct mv_context *ctx);
struct mv_bottom level_bottom(const struct mv_stack *stack, const struct mv_context *ctx);
void level_settle(struct mv_stack *stack, const struct mv_context *ctx);
bool level_traces(const struct mv_stack *stack);

/* In view_input.c: ask what a view has ready to be asked. */
void level_put_ready(struct mv_stack *stack, const struct mv_context *ctx);

#endif
