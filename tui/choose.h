/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_CHOOSE_H
#define MV_CHOOSE_H

/* What the user typed for a process -> its PID, or one line that says why not and what to do. */

#include "core/source.h"
#include "tui/options.h"

/* Exit statuses of the program (PRODUCT.md). */
enum mv_status_code {
	MV_EXIT_DONE,
	MV_EXIT_COULD_NOT,
	MV_EXIT_USAGE,
	MV_EXIT_ENDED,
	MV_EXIT_LOST = 10, /* leaks: blocks are lost */
};

/* MV_EXIT_DONE with the PID, else the exit status: stderr has been told. */
int mv_choose_process(struct mv_source *source, const struct mv_options *options, int *ret_pid);
/* The same for a screen: MV_EXIT_DONE with 0 when several bear the name, for the machine's list can show them. */
int mv_choose_or_list(struct mv_source *source, const struct mv_options *options, int *ret_pid);
/* Why a process can't be watched, in one line. root: we were started with privileges. */
void mv_choose_words(struct mv_source *source, int pid, int err, bool root, char *out, size_t cap);
/* Say why a process can't be watched (an error of mv_target_open or mv_session_start); returns the exit
 * status. */
int mv_choose_explain(struct mv_source *source, int pid, int err);
/* Say that a process that was there has ended; returns the exit status. */
int mv_choose_ended(int pid);
/* Say why a COMMAND did not start. */
void mv_choose_explain_command(const char *command, int err);
/* Open the source; explains a missing /proc. */
int mv_choose_source(const struct mv_options *options, struct mv_source_opts *ret_opts,
		     struct mv_source **ret_source);

#endif
