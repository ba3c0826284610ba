/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_DUMP_H
#define MV_DUMP_H

#include "tui/options.h"

/*
 * --dump, --dump-svg: run the views without a terminal, in this process, key by key, and print the last
 * screen (or write its picture). Deterministic on a fixture: the clock is the fixture's. Returns the exit
 * status.
 */
int mv_dump_run(const struct mv_options *options);

#endif
