/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_LOOP_PRIVATE_H
#define MV_LOOP_PRIVATE_H

/* Shared by loop.c, loop_effects.c and loop_signals.c; nobody else includes it. */

#include "tui/choose.h"
#include "tui/term.h"
#include "tui/theme_choice.h"
#include "tui/view.h"

#define MV_HINT_NS (6 * MV_NS_PER_SEC)

/* CPU time of all three processes at a time, to tell the last seconds' share. */
struct mv_cost_point {
	uint64_t at_ns, cpu_ns;
};
#define MV_COST_POINTS 5

struct mv_loop {
	const struct mv_options *options;
	struct mv_source *source; /* for the clock, messages and our own PSS: never the target */
	struct mv_session *session;
	struct mv_term *term;
	struct mv_stack *stack;
	struct mv_canvas canvas;
	struct mv_delta *delta;
	struct mv_theme_choice choice;
	struct mv_context ctx;
	struct mv_want want;
	int signal_fd, timer_fd;
	bool dirty;   /* something changed since the last frame */
	bool at_once; /* a key was pressed or the first picture came: the next frame does not wait */
	bool seen_any;
	uint64_t drawn_ns;     /* when that was */
	uint64_t lit_until_ns; /* something on the screen fades until then */
	uint32_t maps_gen;
	bool opened_demo;
	bool quit;
	int signal; /* that ends us; 0 none */
	enum mv_leave leave;
	uint32_t user_uid;
	char user[36];
	struct mv_cost_point cost[MV_COST_POINTS];
	size_t cost_count;
	uint64_t cost_due_ns, own_pss_due_ns, own_pss_bytes;
};

/* loop_effects.c */
void mv_loop_effect(struct mv_loop *loop, enum mv_effect effect);
void mv_loop_measure_cost(struct mv_loop *loop);

/* loop_signals.c: -errno or the signalfd; afterwards signals arrive only there. */
int mv_loop_take_signals(void);
/* Restore the terminal when memview crashes, then crash as if nothing had been caught. */
void mv_loop_guard_crashes(void);
/* Give signals their plain meaning again, and end by this one. */
void mv_loop_die_by(int signal);

#endif
