/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_H
#define MV_VIEW_H

/*
 * What a view is: it states its want, draws what there is, and turns actions into outcomes. Views do no I/O, read no
 * clock and keep no pointer into a snapshot: they keep identities (a mapping's start, a page's address) and find them
 * again in `settle`, which runs before want and draw whenever snapshot, size or state may have changed.
 */

#include "core/delta.h"
#include "core/machine_history.h"
#include "core/session.h"
#include "tui/canvas.h"
#include "tui/keys.h"

/* A user of the machine by number, as the loop has looked its name up. */
struct mv_user_name {
	uint32_t uid;
	uint32_t unused;
	struct mv_clean name;
};

/* What a view may look at, for the length of one call. */
struct mv_context {
	const struct mv_snapshot *snap;		/* NULL until the first has come */
	const struct mv_delta *delta;		/* never NULL */
	const struct mv_machine_snapshot *machine; /* NULL until the first has come, and where only a process is watched */
	const struct mv_machine_history *history;  /* NULL where only a process is watched */
	const struct mv_keeper_status *status;	/* never NULL */
	uint64_t now_ns, now_real_ns;		/* of this frame */
	uint32_t interval_ms;
	bool paused;
	bool exact;	      /* `u`: exact figures */
	bool against;	      /* `d`: what has changed since the mark (mv_growth_marked) is shown; there is one */
	bool ascii;
	bool root;	      /* started with privileges */
	bool mono;	      /* no colours: the cursor is reverse video */
	bool lost;	      /* the reading processes have gone: nothing comes any more */
	bool has_output;      /* there is a COMMAND */
	uint8_t page_cols;    /* theme's cell width: columns a page takes */
	struct mv_clean theme; /* its name */
	const char *output;   /* a COMMAND's output, raw */
	size_t output_len;
	struct mv_clean user; /* name of the target's user; text NULL or "": show the number */
	const struct mv_user_name *users; /* those known by name, ascending by uid; others are shown by number */
	size_t users_count;
	uint32_t own_uid; /* whose processes are "mine" */
	bool own_uid_known;
	const struct mv_keeper_status *command; /* of the COMMAND, also while something else is shown; NULL none */
	bool has_machine;	/* beyond the outermost level of a process lies the machine, which has been shown before */
	int32_t home;		/* the machine: the process that memview was started for and that is still watched; 0 none */
	double own_cpu_percent; /* memview's own processes, of one core; negative unknown */
	uint64_t own_bytes;	/* their PSS; 0 unknown */
};

/* Where a view is to look: identities only. */
struct mv_place {
	uint64_t mapping; /* start of the mapping; 0: the whole process */
	uint64_t page;	  /* page address, 0 none; for MV_VIEW_PAGE also an address inside: of the byte to show */
	int32_t thread;	  /* tid, 0 none */
	int32_t pid;	  /* of the machine's views: the process, 0 none */
	uint64_t frame;	  /* of the machine's views: a frame number, 0 none */
	uint64_t group;	  /* of the machine's views: a memory cgroup (mv_group_key), 0 none */
	bool unchosen;	  /* the cursor is where the view put it: a side that has a selection keeps it */
};

enum mv_view_id { MV_VIEW_MAP, MV_VIEW_PAGES, MV_VIEW_PAGE, MV_VIEW_TABLES, MV_VIEW_FAULTS, MV_VIEW_THREADS, MV_VIEW_STACK, MV_VIEW_GROWTH, MV_VIEW_HEAP, MV_VIEW_FILES,
	/* Of the machine: its sides. */
	MV_VIEW_MACHINE, MV_VIEW_MEMORY, MV_VIEW_SERVICES, MV_VIEW_RECLAIM, MV_VIEW_ZONES, MV_VIEW_ATLAS, MV_VIEW_FRAME,
	MV_VIEW_HELP, MV_VIEW_MEANING, MV_VIEW_OUTPUT, MV_VIEW__N };

enum mv_outcome_kind {
	MV_OUT_NONE,	/* not my key */
	MV_OUT_STAY,	/* done: draw again */
	MV_OUT_PUSH,	/* open `view` at `place`, one level in */
	MV_OUT_POP,	/* one level out */
	MV_OUT_SIDE,	/* turn to `view` on the same level */
	MV_OUT_ASK,	/* open the line editor with `prompt`; the text comes back by `answer` */
	MV_OUT_CONFIRM,	/* ask `text`; y comes back by `confirm`, any other key lets it be */
	MV_OUT_OPEN,	/* from the machine to the process `place.pid` */
	MV_OUT_HINT,	/* show `hint` in the bottom line for some seconds */
};
struct mv_outcome {
	enum mv_outcome_kind kind;
	enum mv_view_id view;
	struct mv_place place;
	struct mv_clean text; /* prompt or hint; a literal, or owned by the view's state */
};
static inline struct mv_outcome mv_outcome_none(void)
{
	return (struct mv_outcome){.kind = MV_OUT_NONE};
}
static inline struct mv_outcome mv_outcome_stay(void)
{
	return (struct mv_outcome){.kind = MV_OUT_STAY};
}
static inline struct mv_outcome mv_outcome_hint(struct mv_clean text)
{
	return (struct mv_outcome){.kind = MV_OUT_HINT, .text = text};
}

/* Where a key moves the cursor in a list of which `rows` are shown: a row before the first or beyond the last is for the view to clip. */
static inline bool mv_move_to(enum mv_action action, int64_t at, int64_t rows, int64_t *ret_row)
{
	const int64_t screen = rows > 1 ? rows - 1 : 1;

	switch (action) {
	case MV_ACT_UP:
		*ret_row = at - 1;
		return true;
	case MV_ACT_DOWN:
		*ret_row = at + 1;
		return true;
	case MV_ACT_PAGE_UP:
		*ret_row = at - screen;
		return true;
	case MV_ACT_PAGE_DOWN:
		*ret_row = at + screen;
		return true;
	case MV_ACT_FIRST:
		*ret_row = 0;
		return true;
	case MV_ACT_LAST:
		*ret_row = INT64_MAX;
		return true;
	default:
		return false;
	}
}

/* What `w` explains: lines of a title, formula, source, unit, and notes. */
struct mv_meaning {
	struct mv_build title, formula, source, unit, note;
};

struct mv_view_ops {
	enum mv_view_id id;
	char letter; /* in actions.h's `where` */
	struct mv_clean name;
	size_t state_bytes; /* plain data: allocated, zeroed and freed by the stack of views */
	int (*init)(void *state, const struct mv_place *place);
	void (*release)(void *state); /* may be NULL */
	/* Go to a place in a state that is kept (a side turned away from and back); NULL: start anew with init. */
	void (*go)(void *state, const struct mv_place *place);
	void (*settle)(void *state, const struct mv_context *ctx, struct mv_rect area);
	/* Add facts, spans, page, visible to a want that has the interval set already. */
	void (*want)(const void *state, const struct mv_context *ctx, struct mv_want *want);
	/* The same of the machine's views. */
	void (*want_machine)(const void *state, const struct mv_context *ctx, struct mv_machine_want *want);
	void (*draw)(const void *state, const struct mv_context *ctx, struct mv_canvas *canvas, struct mv_rect area);
	struct mv_outcome (*act)(void *state, const struct mv_context *ctx, enum mv_action action, struct mv_input input);
	/* The text typed after MV_OUT_ASK, UTF-8 as typed; may be NULL if it never asks. */
	struct mv_outcome (*answer)(void *state, const struct mv_context *ctx, const char *text);
	/*
	 * A question (or hint) that a key has led to, and that only what came meanwhile makes possible; looked for before each
	 * drawing, while nothing else is asked and no other view lies over this one. NONE: nothing is ready. May be NULL.
	 */
	struct mv_outcome (*ready)(void *state, const struct mv_context *ctx);
	/* The answer to MV_OUT_CONFIRM was yes; may be NULL if it never asks. */
	struct mv_outcome (*confirm)(void *state, const struct mv_context *ctx);
	/* What is under the cursor, for `w`. false: nothing to say. */
	bool (*meaning)(const void *state, const struct mv_context *ctx, unsigned n, struct mv_meaning *ret_meaning);
	/* What Enter does here, for the bottom line: a literal; NULL: "in". */
	struct mv_clean (*enter_words)(const void *state, const struct mv_context *ctx);
	/* Where the view is now, for turning to another side, and for the title line's path. */
	struct mv_place (*place)(const void *state, const struct mv_context *ctx);
};
extern const struct mv_view_ops mv_view_map, mv_view_pages, mv_view_page, mv_view_tables, mv_view_faults, mv_view_threads,
	mv_view_stack, mv_view_growth, mv_view_heap, mv_view_files, mv_view_help, mv_view_meaning, mv_view_output;
extern const struct mv_view_ops mv_view_machine, mv_view_memory, mv_view_services, mv_view_reclaim, mv_view_zones, mv_view_atlas, mv_view_frame;

/*
 * The stack of views, and what is around them: header lines, side bar, hint line, banners, the line editor.
 * Pure as well: loop.c feeds it inputs and contexts and carries out what it returns.
 */
struct mv_stack;
int mv_stack_new(enum mv_view_id first, const struct mv_place *place, struct mv_stack **ret_stack);
void mv_stack_free(struct mv_stack *stack);
void mv_stack_want(struct mv_stack *stack, const struct mv_context *ctx, int rows, int cols, struct mv_want *ret_want);
/* Of a stack whose outermost view is the machine: what it wants; of another: nothing but the interval. */
void mv_stack_want_machine(struct mv_stack *stack, const struct mv_context *ctx, int rows, int cols, struct mv_machine_want *ret_want);
void mv_stack_draw(struct mv_stack *stack, const struct mv_context *ctx, struct mv_canvas *canvas);

/* What the loop must do after an input. */
enum mv_effect {
	MV_EFFECT_NONE, MV_EFFECT_DRAW, MV_EFFECT_QUIT, MV_EFFECT_LEAVE_RUNNING, MV_EFFECT_PAUSE, MV_EFFECT_SLOWER,
	MV_EFFECT_FASTER, MV_EFFECT_THEME, MV_EFFECT_REDRAW, MV_EFFECT_SAVE, MV_EFFECT_RETRY, MV_EFFECT_EXACT,
	MV_EFFECT_MARK, MV_EFFECT_AGAINST,
	MV_EFFECT_OPEN,	   /* the machine's stack: show the process mv_stack_opens */
	MV_EFFECT_MACHINE, /* a process's stack: show the machine */
};
enum mv_effect mv_stack_input(struct mv_stack *stack, const struct mv_context *ctx, struct mv_input input);
int mv_stack_opens(const struct mv_stack *stack); /* with MV_EFFECT_OPEN: its PID */
/* As if f and / were pressed in the outermost view and text typed: only what bears it is listed, when the view can do so. */
void mv_stack_filter(struct mv_stack *stack, const struct mv_context *ctx, const char *text);
/* Show a message in the bottom line until until_ns. */
void mv_stack_hint(struct mv_stack *stack, struct mv_clean text, uint64_t until_ns);

/* Shared by map, pages and the rest: the process header (two lines, fewer when rows are few). In view_header.c.
 * Returns the rows it took. */
int mv_header_rows(int rows); /* what it will take of so many */
int mv_header_draw(const struct mv_context *ctx, struct mv_canvas *canvas, struct mv_rect area);
/* Meaning of the n-th header figure, for `w`; false past the last. */
bool mv_header_meaning(const struct mv_context *ctx, unsigned n, struct mv_meaning *ret_meaning);
/* The same of the machine, in as many rows. In view_machine_header.c. */
int mv_machine_header_draw(const struct mv_context *ctx, struct mv_canvas *canvas, struct mv_rect area);
bool mv_machine_header_meaning(const struct mv_context *ctx, unsigned n, struct mv_meaning *ret_meaning);

#endif
