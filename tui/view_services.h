/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_SERVICES_H
#define MV_VIEW_SERVICES_H

/*
 * The services view from inside: private to view_services*.c and its test. Memory cgroups as a tree: what each uses against the
 * limit that holds for it, and what has happened to it.
 */

#include "tui/view_machine_words.h"

enum service_column {
	SERVICE_USAGE, SERVICE_BAR, SERVICE_LIMIT, SERVICE_ANON, SERVICE_FILE, SERVICE_KERNEL, SERVICE_SHMEM, SERVICE_SLAB, SERVICE_SWAP,
	SERVICE_LOW, SERVICE_HIGH, SERVICE_MAX, SERVICE_OOM, SERVICE_KILL, SERVICE_PRESSURE, SERVICE_TASKS, SERVICE_NAME,
	SERVICE__COLUMNS
};

struct service_row {
	uint32_t group; /* index */
	uint32_t below; /* groups below it that are shown or folded */
	uint8_t depth;
	bool parent, open;
};

#define SERVICE_FOLDED_MAX 128

struct services_view {
	enum service_column sort;
	bool reverse;
	struct service_row *rows;
	uint32_t count, cap;
	uint32_t hidden;     /* empty ones */
	uint32_t *tasks;     /* processes in each group and below it */
	uint32_t *heads;     /* while it is made: first child, next sibling, by group */
	uint32_t groups_cap;
	uint64_t folded[SERVICE_FOLDED_MAX]; /* keys */
	uint32_t folded_count;
	bool made, short_of_memory;
	uint64_t made_seq, made_order, folds; /* of what the rows were made */
	uint64_t selected; /* key; 0: the first row, whatever comes there */
	uint32_t at, top;
	struct mv_column columns[SERVICE__COLUMNS];
	struct mv_rect area, text, table, detail;
	int header_rows, path_y, head_y, note_y;
	char find[64];
};

/* ---- view_services_table.c ---- */
const struct mv_group *service_groups(const struct mv_context *ctx, uint32_t *ret_count);
void services_rows_settle(struct services_view *v, const struct mv_context *ctx);
void services_columns_layout(struct services_view *v, const struct mv_context *ctx);
bool services_fold(struct services_view *v, const struct mv_context *ctx, bool open);
bool service_ascends(enum service_column column);
void services_table_draw(const struct services_view *v, const struct mv_context *ctx, struct mv_canvas *c);
bool service_column_meaning(const struct services_view *v, const struct mv_context *ctx, enum service_column column,
			    struct mv_meaning *m);

#endif
