/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_BATCH_JSON_H
#define MV_BATCH_JSON_H

/*
 * What the commands that print JSON share: batch_json.c, batch_json_files.c, batch_json_pages.c, batch_faults.c, batch_stacks.c; nobody else
 * includes it. Built a part at a time, never as one tree. jansson keeps integers in 63 bits, so addresses are strings.
 */

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

/* Before the process is opened: JSON's character set, and memory that is watched. */
void mv_json_begin(void);
bool mv_json_goes_on(const struct mv_json *j); /* memory has not run out, and the output takes it */
/* Flush and close; status is handed on when it is not MV_EXIT_DONE. Returns the exit status. */
int mv_json_end(struct mv_json *j, int status);

void mv_json_give(struct mv_json *j, json_t *take_value);
void mv_json_give_open(struct mv_json *j, json_t *take_object); /* without its closing brace */
void mv_json_literal(struct mv_json *j, const char *literal);

/* Both take NULL for a value that there was no memory for: mv_json_goes_on knows. */
void mv_json_set(json_t *object, const char *key, json_t *take_value);
void mv_json_append(json_t *array, json_t *take_value);
json_t *mv_json_number(uint64_t value);
json_t *mv_json_val(const struct mv_val *v); /* null when missing */
json_t *mv_json_text(struct mv_clean clean);
json_t *mv_json_address(uint64_t address);
json_t *mv_json_time(uint64_t real_ns);
void mv_json_set_origin(json_t *head, const char *schema, const struct mv_snapshot *snap); /* schema, memview, taken_at */

/* The array of what could not be read. Reasons that only say it was not asked for do not count. */
bool mv_json_is_unavailable(uint32_t why);
void mv_json_unavailable(json_t *list, const char *what, const char *why);

/* memview json's "files", and what is to be said of those that are not told. In batch_json_files.c. */
void mv_json_give_files(struct mv_json *j);
void mv_json_files_unavailable(const struct mv_json *j, json_t *list);
/* The whole object, but for the flush. */
void mv_json_give_faults(struct mv_json *j);
void mv_json_give_stacks(struct mv_json *j);
/* Reads more: the snapshot of j is gone afterwards. Returns an exit status. */
int mv_json_page_runs(struct mv_json *j, struct mv_batch *batch, struct mv_range pages);

#endif
