/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_BATCH_H
#define MV_BATCH_H

/*
 * Commands that print: report, json, watch, faults, stacks, heap, leaks, machine. They run the same keeper
 * and collector as the screen does, so that a stuck target can be given up here as well; a fixture is sampled
 * in-process.
 */

#include "core/calltree.h"
#include "core/session.h"
#include "tui/choose.h"
#include "tui/options.h"

/* ---- output: one buffer, one write a quarter of a megabyte, errors remembered ---- */

struct mv_out {
	char *buffer;
	size_t len;
	int fd;
	int err; /* the first that happened; nothing is written after it */
};
int mv_out_init(struct mv_out *out, int fd); /* an exit status: it says so when there is no memory */
void mv_out_release(struct mv_out *out);
void mv_out_clean(struct mv_out *out, struct mv_clean text);
void mv_out_ascii(struct mv_out *out, const char *bytes,
		  size_t n); /* made by us, known to be safe: numbers, JSON */
void mv_out_char(struct mv_out *out, char c, unsigned times);
void mv_out_field(struct mv_out *out, struct mv_clean text, unsigned columns); /* left-aligned */
void mv_out_right(struct mv_out *out, struct mv_clean text, unsigned columns); /* right-aligned */
void mv_out_number(struct mv_out *out, uint64_t number, unsigned columns);     /* decimal, right-aligned */
void mv_out_hex(struct mv_out *out, uint64_t number, unsigned digits);	       /* at least that many digits */
void mv_out_size(struct mv_out *out, uint64_t bytes, unsigned columns);	       /* 61.2M, right-aligned */
void mv_out_count(struct mv_out *out, uint64_t number, unsigned columns);      /* 312,004, right-aligned */
/* "12.3%" and two blanks; of 0: 0.0%. */
void mv_out_share(struct mv_out *out, uint64_t part, uint64_t of);
void mv_out_val(struct mv_out *out, const struct mv_val *val, unsigned columns); /* "-" when missing */
void mv_out_line(struct mv_out *out, struct mv_clean text);			 /* and a newline */
void mv_out_clock(struct mv_out *out, uint64_t real_ns);			 /* 15:06:40, here */
void mv_out_build_time(struct mv_build *b, uint64_t real_ns);			 /* 2025-06-15 15:06:40 UTC */
int mv_out_flush(struct mv_out *out);
/* Flush and close, so that a full disk is noticed. Returns the exit status; says what went wrong, but for
 * EPIPE. */
int mv_out_end(struct mv_out *out);

/* ---- the process being read ---- */

struct mv_batch;

/* Find the process (or start the workload or COMMAND) that the options name. Returns an exit status. */
int mv_batch_open(const struct mv_options *options, struct mv_batch **ret_batch);
/* Read what is wanted, whole; seq and pacing are set here. The snapshot lives until the next call. Exit
 * status. */
int mv_batch_take(struct mv_batch *batch, struct mv_want *want, const struct mv_snapshot **ret_snap);
/* From now on a snapshot every interval of want (counters each time, what is dear at its own pace). Not for
 * fixtures. */
void mv_batch_follow(struct mv_batch *batch, struct mv_want *want);
/* Wait for a snapshot taken at after_ns or later, at most until until_ns or the target's end; NULL: none
 * came. */
const struct mv_snapshot *mv_batch_next(struct mv_batch *batch, uint64_t after_ns, uint64_t until_ns);
/* The newest snapshot that answers the last want; NULL: none has come. */
const struct mv_snapshot *mv_batch_newest(const struct mv_batch *batch);
/* The last word, at the end of what was followed: wait for a snapshot that answers the last want and is
 * enough (NULL: any); after 2 s, or when nothing comes any more, the newest of an earlier want has to do.
 * NULL: there is none. Not for fixtures. */
typedef bool mv_batch_enough(const struct mv_snapshot *snap);
const struct mv_snapshot *mv_batch_last(struct mv_batch *batch, mv_batch_enough *enough);
/* What keeps snapshots from coming is said on stderr, with the exit status. MV_EXIT_DONE: nothing does. */
int mv_batch_trouble(const struct mv_batch *batch);
/* Wait for what the session sends until at_ns, a second at most, and take it in: its events. */
unsigned mv_batch_poll(struct mv_session *session, uint64_t now_ns, uint64_t at_ns);
/* Wait until at_ns (CLOCK_MONOTONIC) or the target's end; true when it has ended. */
bool mv_batch_wait(struct mv_batch *batch, uint64_t at_ns);
/* The first SIGINT from now on ends what mv_batch_pass waits for, even one that comes before; the next one
 * us. */
void mv_batch_await_interrupt(void);
/* Until that time, the target's end, SIGINT, or nothing more will come. */
void mv_batch_pass(struct mv_batch *batch, uint64_t end_ns);
const struct mv_keeper_status *mv_batch_status(const struct mv_batch *batch); /* NULL for fixtures */
/* Nothing comes any more: the keeper has gone, or what it sends can't be used. Said on stderr; exit status.
 */
bool mv_batch_is_lost(const struct mv_batch *batch);
int mv_batch_explain_lost(const struct mv_batch *batch);
int mv_batch_pid(const struct mv_batch *batch);
uint64_t mv_batch_now(const struct mv_batch *batch);
uint64_t mv_batch_now_real(const struct mv_batch *batch);
void mv_batch_close(struct mv_batch *batch);
/* Said on stderr, with the exit status, when a picture lacks what the command is about. MV_EXIT_DONE: it has
 * all. */
int mv_batch_judge(const struct mv_batch *batch, const struct mv_snapshot *snap);

/* What COMMAND printed, safe for a terminal when stdout is one, and how it ended (stderr). */
void mv_batch_print_output(const char *output, size_t len);
void mv_batch_print_end(int pid, bool exit_known, int exit_status);

/* ---- the commands; each returns the exit status ---- */

/* Its file has been deleted or replaced; of memfds and the like the kernel always says so, and it means
 * nothing. */
bool mv_batch_is_deleted(const struct mv_mapping *m);

/* What there is to say of a process without memory of its own; text NULL: it has some. */
struct mv_clean mv_batch_no_memory(const struct mv_snapshot *snap);

int mv_batch_report(const struct mv_options *options);
int mv_batch_json(const struct mv_options *options);
int mv_batch_watch(const struct mv_options *options);
int mv_batch_faults(const struct mv_options *options);
int mv_batch_stacks(const struct mv_options *options);
int mv_batch_heap(const struct mv_options *options);
int mv_batch_leaks(const struct mv_options *options);
int mv_batch_machine(const struct mv_options *options);

/* What faults and stacks print, from a snapshot alone. -ENOMEM: not all of it is printed. */
int mv_batch_print_faults(struct mv_out *out, const struct mv_snapshot *snap);
int mv_batch_print_folded(struct mv_out *out, const struct mv_snapshot *snap);
void mv_batch_print_stacks(struct mv_out *out, const struct mv_snapshot *snap);
/* What a level of the call tree is called. */
struct mv_clean mv_batch_level_name(const struct mv_snapshot *snap, const struct mv_calltree_node *node);
/* Seconds that the trace of a snapshot covers; 0 when there is none. */
double mv_batch_trace_seconds(const struct mv_snapshot *snap);

#endif
