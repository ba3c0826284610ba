/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_THREADS_H
#define MV_VIEW_THREADS_H

/* The threads view from inside, and what it shares with the view of one thread's stack: private to view_threads*.c,
 * view_stack*.c and their tests. */

#include "tui/view.h"
#include "tui/widget.h"

/*
 * One table of columns: headings, cells, order and `w` derive from it. Given up when narrow: highest first, 0 never.
 * X(ID, heading, width, width at least, given up, right-aligned, ascends, what it is, where it is from, unit)
 */
// clang-format off
#define MV_THREAD_COLUMNS(X)                                                                                          \
	X(TID, "TID", 7, 5, 0, true, true, "the thread's number; that of the main thread is the process's",              \
	  "/proc/PID/task", "")                                                                                          \
	X(NAME, "NAME", 15, 6, 0, false, true, "what the thread calls itself", "/proc/PID/task/TID/stat field 2 (comm)", "") \
	X(STATE, "STATE", 10, 1, 0, false, false, "what it does now; disk sleep: in the kernel, no signal wakes it",        \
	  "/proc/PID/task/TID/stat field 3", "")                                                                         \
	X(CPU, "CPU%", 5, 5, 4, true, false, "time on a CPU between the last two looks / time between them",             \
	  "/proc/PID/task/TID/schedstat field 1", "percent of one core")                                                 \
	X(MINOR, "MINOR", 9, 6, 6, true, false, "page faults that needed no disk, since it began",                      \
	  "/proc/PID/task/TID/stat field 10", "faults")                                                                  \
	X(MINOR_RATE, "+MINOR", 8, 7, 5, true, false, "its minor faults a second, between the last two looks",          \
	  "difference of field 10 / seconds", "faults a second")                                                         \
	X(MAJOR, "MAJOR", 6, 5, 9, true, false, "page faults that waited for a disk, since it began",                   \
	  "/proc/PID/task/TID/stat field 12", "faults")                                                                  \
	X(MAJOR_RATE, "+MAJOR", 7, 6, 10, true, false, "its major faults a second, between the last two looks",         \
	  "difference of field 12 / seconds", "faults a second")                                                         \
	X(STACK, "STACK", 6, 5, 7, true, false, "addresses its stack may take: the mapping its stack pointer is in",    \
	  "/proc/PID/task/TID/syscall and /proc/PID/maps", "bytes")                                                      \
	X(USED, "IN USE", 7, 6, 0, true, false, "from its stack pointer to the end of the mapping: the calls it is in", \
	  "/proc/PID/task/TID/syscall and /proc/PID/maps", "bytes")                                                      \
	X(TOUCHED, "TOUCHED", 7, 7, 3, true, false, "from the lowest page ever touched to the end: as deep as it was",  \
	  "/proc/PID/pagemap: pages present or swapped", "bytes")                                                        \
	X(FULL, "FULL", 12, 8, 8, false, false, "how much of the mapping was ever touched, brighter what is in use now", \
	  "TOUCHED / STACK and IN USE / STACK", "")                                                                      \
	X(GUARD, "GUARD", 6, 5, 11, true, false, "addresses below the stack that no access is allowed to",              \
	  "/proc/PID/maps, or guard pages in /proc/PID/pagemap", "bytes")                                                \
	X(WHERE, "WHERE", 30, 12, 0, false, true, "the functions it is in: innermost < its caller < that one's caller",  \
	  "/proc/PID/task/TID/syscall, its stack and the files' unwind tables", "")
// clang-format on

enum mv_thread_column {
#define X(id, ...) MV_THREAD_COL_##id,
	MV_THREAD_COLUMNS(X)
#undef X
	MV_THREAD_COL__N
};
struct mv_thread_column_info {
	const char *heading;
	int width, min_width, give_up;
	bool right, ascends;
	const char *words, *source, *unit;
};
extern const struct mv_thread_column_info mv_thread_columns[MV_THREAD_COL__N]; /* in view_threads_draw.c */

struct mv_threads_key {
	uint64_t value;
	uint32_t index;
};

/* An exact picture that was asked for in this view. */
struct mv_stop_ask {
	uint32_t seq; /* goes into the want until it is answered; 0 none */
	struct mv_build question;
};

/* Sums over the threads of a snapshot. */
struct mv_threads_sum {
	uint32_t running, gone, stacks;
	uint64_t reserved, touched, used; /* bytes */
};

struct mv_threads {
	int32_t selected;   /* tid; 0: none chosen yet */
	uint64_t came_from; /* the mapping that another side had selected: its thread is gone to, once */
	bool look_up;	    /* came_from is still to be looked up */
	uint32_t at, top;   /* row of the cursor, first row on the screen */
	enum mv_thread_column sorted;
	bool reverse;
	struct mv_threads_key *order; /* of the threads of the snapshot settled with */
	uint32_t count, cap;
	uint64_t order_for[5]; /* seq, time, epoch, their number, sort */
	bool order_short;      /* memory ran out */
	struct mv_threads_sum sum;
	struct mv_stop_ask stop;
	struct mv_rect area, text;
	int path_y, note_y, head_y, list_y, list_rows; /* y -1: no room */
	char find[256];
};

/* ---- view_threads_draw.c ---- */
void mv_threads_draw(const struct mv_threads *v, const struct mv_context *ctx, struct mv_canvas *canvas);
void mv_threads_layout(const struct mv_threads *v, const struct mv_context *ctx,
		       struct mv_column col[static MV_THREAD_COL__N]);

/* ---- view_threads_words.c: shared with the stack view ---- */
struct mv_clean mv_threads_state(const struct mv_thread *t); /* "running", "ended" */
enum mv_role mv_threads_state_role(const struct mv_thread *t);
/* The stack is the main thread's, which the kernel makes longer as it is touched. */
bool mv_threads_grows(const struct mv_snapshot *snap, const struct mv_thread *t);
/* "without stopping it, 0.3 s ago", or "0.3 s ago"; false: no calls were taken. */
bool mv_threads_how(struct mv_build *b, const struct mv_context *ctx, const struct mv_thread *t, bool brief);
/* Why the calls of a thread, or all of them (t NULL), are missing. false: nothing to say. */
bool mv_threads_calls_why(struct mv_build *b, const struct mv_snapshot *snap, const struct mv_thread *t,
			  struct mv_clean *ret_advice);
/* Why there are no threads at all; false when there are. */
bool mv_threads_nothing(struct mv_build *b, const struct mv_context *ctx, struct mv_clean *ret_advice);
/* What is to be said of the exact picture; false: nothing. */
bool mv_threads_stop_note(struct mv_build *b, const struct mv_context *ctx, const struct mv_stop_ask *ask,
			  enum mv_role *ret_role);
/* How near to its end a stack is. */
enum mv_stack_danger { MV_STACK_CALM, MV_STACK_WAS_NEAR, MV_STACK_NEAR };
enum mv_stack_danger mv_threads_danger(const struct mv_snapshot *snap, const struct mv_thread *t);
/* A bar of cols columns: touched of the whole mapping, what is in use brighter. */
void mv_threads_bar(struct mv_canvas *c, int y, int x, int cols, const struct mv_snapshot *snap,
		    const struct mv_thread *t);
struct mv_outcome mv_stop_ask(struct mv_stop_ask *ask, const struct mv_context *ctx);	  /* on `!` */
struct mv_outcome mv_stop_confirm(struct mv_stop_ask *ask, const struct mv_context *ctx); /* on its y */
/* Withdraw what was answered: a want that comes back must not stop the target again. */
void mv_stop_settle(struct mv_stop_ask *ask, const struct mv_snapshot *snap);
bool mv_threads_meaning(const struct mv_threads *v, const struct mv_context *ctx, unsigned n,
			struct mv_meaning *ret_meaning);

#endif
