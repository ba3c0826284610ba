/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TERM_H
#define MV_TERM_H

/*
 * canvas -> curses -> a pipe -> the terminal; keys and mouse <- curses. The only includer of curses (HOUSE.md, "The
 * terminal"): newterm on a 1 MiB pipe that the loop drains to a private non-blocking open of /dev/tty, so that a
 * stalled terminal never holds us. Owns termios and the window size.
 */

#include "tui/canvas.h"
#include "tui/keys.h"
#include "tui/theme.h"

struct mv_term;

/* Before anything is touched: is there a terminal we can use? 0, or -ENOTTY (no terminal), -EINVAL (TERM unset, unknown
 * or dumb); *ret_message then is one line that says what to do. */
int mv_term_probe(char *ret_message, size_t cap);
int mv_term_open(const struct mv_theme *theme, bool mouse, struct mv_term **ret_term);
void mv_term_close(struct mv_term *term); /* restores the terminal; bounded even when it is stalled */

int mv_term_fd(const struct mv_term *term);	  /* the tty: POLLIN for keys, POLLOUT when mv_term_pending */
bool mv_term_pending(const struct mv_term *term); /* output waits to be drained: don't draw another frame yet */
int mv_term_drain(struct mv_term *term);	  /* write what the tty takes; 0, or -EIO when it has gone */
/* Next key or mouse input that has arrived; false when none. */
bool mv_term_input(struct mv_term *term, struct mv_input *ret_input);
void mv_term_size(struct mv_term *term, int *ret_rows, int *ret_cols); /* asks the kernel; resizes curses */
void mv_term_theme(struct mv_term *term, const struct mv_theme *theme);
void mv_term_show(struct mv_term *term, const struct mv_canvas *canvas); /* only changed cells reach curses */
void mv_term_redraw(struct mv_term *term); /* ^L: everything anew */
/* Ctrl-Z: give the terminal back and stop; returns after SIGCONT with the terminal taken again. */
void mv_term_suspend(struct mv_term *term);
/* After a SIGCONT that nobody announced: take the terminal again if a shell has changed its modes, and redraw. */
void mv_term_resume(struct mv_term *term);
/* True when the terminal draws ambiguous-width glyphs double, LC_CTYPE has no UTF-8, or it is the Linux console, whose
 * font lacks most of ours: use the ASCII set. Ask before each frame: when the terminal's answer comes late, it turns
 * true after mv_term_input has returned a ^L. */
bool mv_term_wants_ascii(const struct mv_term *term);
int mv_term_colours(const struct mv_term *term); /* 0, 8, 16, 256, 1<<24 */
/* Async-signal-safe: write the restoring sequences and termios; for crash handlers. */
void mv_term_emergency(void);

#endif
