/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_LOOP_H
#define MV_LOOP_H

#include "tui/options.h"

/* The interactive program: poll on terminal, session, timer and signals until it is left. Returns the exit
 * status. */
int mv_loop_run(const struct mv_options *options);

#endif
