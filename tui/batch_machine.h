/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_BATCH_MACHINE_H
#define MV_BATCH_MACHINE_H

/* What the files of memview machine share: batch_machine.c, batch_machine_json.c, batch_machine_metrics.c;
 * nobody else includes it. */

#include "core/machine_history.h"
#include "tui/batch_json.h"

/* A picture of the machine as JSON, on a line of its own. before_ns: when the reading was taken that rates
 * are against; 0 none. */
void mv_machine_give_json(struct mv_json *j, const struct mv_machine_snapshot *m,
			  const struct mv_machine_history *history, uint64_t before_ns,
			  const struct mv_options *options);

/* As text for Prometheus: nothing but m counts. */
void mv_machine_give_metrics(struct mv_out *out, const struct mv_machine_snapshot *m,
			     const struct mv_options *options);
/* Written beside `path`, and put in its place once it is whole. Exit status; says what went wrong. */
int mv_machine_write_metrics(const struct mv_machine_snapshot *m, const struct mv_options *options);

#endif
