/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TTY_H
#define MV_TTY_H

/*
 * The terminal below curses: a private non-blocking descriptor, its modes, a queue of output that never
 * blocks, and the way back. Used by term.c alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct mv_tty {
	int fd;
	int pipe_fd; /* where what curses writes comes out */
	char *data;  /* what waits for the terminal: data[start..start + len) */
	size_t start, len, cap;
};

/* A private open of the controlling terminal, else of the one on stdout or stdin: descriptor or -ENOTTY. */
int mv_tty_open_fd(void);
/* Open the terminal, and for curses a stream to read keys from and one into a pipe that holds ret_pipe_bytes.
 * -ENOTTY, or what pipe says. The streams stay open, also after mv_tty_release: the caller closes them. */
int mv_tty_init(struct mv_tty *tty, FILE **ret_in, FILE **ret_out, size_t *ret_pipe_bytes);
void mv_tty_release(struct mv_tty *tty);

/* Raw mode; what was there before is what mv_tty_rescue brings back. 0 or -errno. */
int mv_tty_take(struct mv_tty *tty);
bool mv_tty_is_raw(const struct mv_tty *tty); /* still, or has a shell changed it meanwhile? */

/* Move what is in the pipe to the queue. -ENOMEM: it was thrown away, with what waited. */
int mv_tty_collect(struct mv_tty *tty);
int mv_tty_queue(struct mv_tty *tty, const char *text);
/* Throw away what waits in the queue and in the pipe. */
void mv_tty_discard(struct mv_tty *tty);
/* Write what the terminal takes; 0, or -EIO when it has gone. */
int mv_tty_drain(struct mv_tty *tty);

/* The sequences that restore the terminal: begin, add each, arm. add takes terminfo strings; absent ones are
 * skipped. */
void mv_tty_rescue_begin(void);
void mv_tty_rescue_add(const char *text);
void mv_tty_rescue_arm(const struct mv_tty *tty);
/* Write them and the old modes, once for each arming. Async-signal-safe, never waits. */
void mv_tty_rescue(void);
/* The same in order: waits at most 100 ms for a stalled terminal, then throws away what it has not taken. */
void mv_tty_give_back(struct mv_tty *tty, bool drop_input);

#endif
