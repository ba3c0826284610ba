/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_LOOP_PRIVATE_H
#define MV_LOOP_PRIVATE_H

/* Shared by loop.c and loop_*.c; nobody else includes it. */

#include "tui/choose.h"
#include "tui/term.h"
#include "tui/theme_choice.h"
#include "tui/view.h"

#define MV_HINT_NS (6 * MV_NS_PER_SEC)

/* CPU time of all our processes at a time, to tell the last seconds' share. */
struct mv_cost_point {
	uint64_t at_ns, cpu_ns;
};
#define MV_COST_POINTS 5

/* What is watched: the machine, or a process. */
struct mv_watched {
	struct mv_session *session; /* NULL: nothing */
	struct mv_stack *stack;
	struct mv_delta *delta; /* of the machine: empty */
	uint32_t maps_gen;
	bool seen; /* a first picture has come */
	bool lost; /* its reading processes have gone */
};

/* Names of users, ascending by uid: each is looked up once. */
struct mv_users {
	struct mv_user_name *at;
	char (*names)[36];
	size_t count;
};

struct mv_loop {
	const struct mv_options *options;
	struct mv_source *source; /* for the clock, messages and our own PSS: never the target */
	struct mv_term *term;
	struct mv_canvas canvas;
	struct mv_theme_choice choice;
	struct mv_context ctx;

	/*
	 * The machine, once it has been shown; the process that memview was started for, which is kept while one is at the
	 * machine; and the one that was opened from there, which ends when it is left.
	 */
	struct mv_watched machine, home, guest;
	struct mv_watched *shown; /* one of them */
	struct mv_machine_history *history;
	const char *filter; /* the name that several processes bear, until the machine's list has taken it */
	struct mv_users users;

	int signal_fd, timer_fd;
	bool dirty;   /* something changed since the last frame */
	bool at_once; /* a key was pressed or the first picture came: the next frame does not wait */
	uint64_t drawn_ns;     /* when that was */
	uint64_t lit_until_ns; /* something on the screen fades until then */
	bool opened_demo;
	bool quit;
	int signal; /* that ends us; 0 none */
	enum mv_leave leave;
	struct mv_cost_point cost[MV_COST_POINTS];
	size_t cost_count;
	uint64_t cost_due_ns, own_pss_due_ns, own_pss_bytes;
};

#define MV_FADING_NS (250 * UINT64_C(1000000)) /* between frames while something fades */

/* loop_sessions.c */
/* Start what the command line asks for, with the privileges that memview has: an exit status, and stderr has been told. */
int mv_loop_start_session(struct mv_loop *loop);
/* Its stack and history, after that. 0 or -errno. */
int mv_loop_prepare(struct mv_loop *loop);
void mv_loop_refresh_context(struct mv_loop *loop);
void mv_loop_state_wants(struct mv_loop *loop);
/* Take in what has arrived from any session. */
void mv_loop_take_sessions(struct mv_loop *loop);
size_t mv_loop_fds(const struct mv_loop *loop, int *fds, size_t cap);
void mv_loop_open(struct mv_loop *loop, int pid); /* from the machine to a process */
void mv_loop_to_machine(struct mv_loop *loop);	  /* from a process to the machine */
void mv_loop_end_sessions(struct mv_loop *loop);

/* loop_users.c: names for the users of the machine's processes and of the target, a few milliseconds' worth at a time. */
void mv_loop_name_users(struct mv_loop *loop);
struct mv_clean mv_loop_user(const struct mv_loop *loop, uint32_t uid); /* "" unknown */
void mv_loop_users_release(struct mv_loop *loop);

/* loop_effects.c */
void mv_loop_effect(struct mv_loop *loop, enum mv_effect effect);
void mv_loop_hint(struct mv_loop *loop, const struct mv_build *text);
void mv_loop_measure_cost(struct mv_loop *loop);

/* loop_signals.c: -errno or the signalfd; afterwards signals arrive only there. */
int mv_loop_take_signals(void);
/* Restore the terminal when memview crashes, then crash as if nothing had been caught. */
void mv_loop_guard_crashes(void);
/* Give signals their plain meaning again, and end by this one. */
void mv_loop_die_by(int signal);

#endif
