/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_COLLECTOR_H
#define MV_COLLECTOR_H

/*
 * The process that runs a sampler, of a process or of the machine: it does everything that can block for ever on a stuck
 * target, and nothing else. It answers wants with snapshots in a pool of three shared blocks, and looks for a newer want
 * between slices of work.
 */

#include "core/protocol.h"

/*
 * Runs until the socket closes or the target has ended and all is said; returns an exit status. source and
 * target (NULL: the machine) are the keeper's, inherited. pulse is shared with the keeper.
 */
int mv_collector_run(struct mv_source *source, struct mv_target *target, int socket, struct mv_pulse *pulse);

#endif
