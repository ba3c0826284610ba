/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_BATCH_JSON_H
#define MV_BATCH_JSON_H

/* Shared by batch_json.c and batch_json_pages.c; nobody else includes it. */

#include <inttypes.h>
#include <jansson.h>

#include "tui/batch.h"

struct mv_json {
	struct mv_out out;
	const struct mv_snapshot *snap;
	int pid;
	bool quick;
	bool failed; /* jansson had no memory */
};
void mv_json_give(struct mv_json *j, json_t *take_value);
void mv_json_literal(struct mv_json *j, const char *literal);
json_t *mv_json_address(uint64_t address);
/* Reads more: the snapshot of j is gone afterwards. Returns an exit status. */
int mv_json_page_runs(struct mv_json *j, struct mv_batch *batch, struct mv_range pages);

#endif
