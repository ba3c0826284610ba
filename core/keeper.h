/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_KEEPER_H
#define MV_KEEPER_H

/*
 * The process that keeps the privileges memview was started with. It never makes a call that can block on the
 * target: it reads stat and statm, watches the collector and replaces a stuck one, parents a COMMAND, and
 * ends everything when the screen's socket closes.
 * Asked to (SPAWN), it forks another keeper, for the machine or for a process, which shares nothing with it but the privileges.
 */

#include "core/protocol.h"

/* In the forked child: runs until the screen goes; returns an exit status. opts as for mv_session_start. */
int mv_keeper_run(const struct mv_session_opts *opts, int socket);

#endif
