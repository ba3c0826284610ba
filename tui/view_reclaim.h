/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_RECLAIM_H
#define MV_VIEW_RECLAIM_H

/*
 * The reclaim view from inside: private to view_reclaim*.c and its test. What could be had of RAM now and what could not; who would
 * be killed and why; who was.
 */

#include "core/oom.h"
#include "tui/view_machine_words.h"

enum reclaim_pane { RECLAIM_MACHINE, RECLAIM_GROUPS, RECLAIM_KILLS, RECLAIM__PANES };
enum victim_column {
	VICTIM_PID, VICTIM_USER, VICTIM_BADNESS, VICTIM_RSS, VICTIM_SWAP, VICTIM_TABLES, VICTIM_ADJUST, VICTIM_SCORE, VICTIM_FREES,
	VICTIM_NAME, VICTIM__COLUMNS
};
enum kill_column {
	KILL_WHEN, KILL_PID, KILL_ANON, KILL_FILE, KILL_SHMEM, KILL_TABLES, KILL_WHERE, KILL_NAME, KILL__COLUMNS
};

/* A line of the table of victims: a group, or one who would be killed for it. */
struct victim_row {
	uint32_t task;	/* index, unless it is a group's line */
	uint32_t group; /* index; MV_TASK_NO_GROUP: the machine */
	bool is_group;
};
#define VICTIMS_OF_GROUP 5
#define RECLAIM_PARTS	 11

struct reclaim_view {
	enum reclaim_pane pane;
	struct victim_row *rows;
	uint32_t *order; /* while it is made */
	uint32_t count, cap, order_cap;
	uint32_t limited; /* groups with a limit */
	bool made, short_of_memory;
	uint64_t made_seq;
	enum reclaim_pane made_pane;
	int32_t selected; /* PID; 0: the first row */
	uint64_t selected_group;
	uint64_t selected_kill; /* its boot_us; 0: the newest */
	uint32_t at, top;
	struct mv_column victims[VICTIM__COLUMNS], kills[KILL__COLUMNS];
	struct mv_rect area, text, table, detail;
	int header_rows, path_y, bar_y, tabs_y, head_y; /* -1: none */
	struct mv_rect sums;				 /* the lines that say what can be had */
	struct mv_rect answer;				 /* who is next */
	char find[64];
};

/* ---- view_reclaim_words.c ---- */
/* What can be had at once, with work, not at all: three runs of parts, in this order. */
struct reclaim_sums {
	struct mv_share parts[RECLAIM_PARTS];
	size_t first[4]; /* parts[first[i] .. first[i + 1]) are of the i-th run */
	bool have;
};
void reclaim_sums_make(struct reclaim_sums *sums, const struct mv_context *ctx);
/* Draws them, or only counts the rows (c NULL). */
int reclaim_sums_draw(struct mv_canvas *c, struct mv_rect r, const struct reclaim_sums *sums, bool exact);
/* Who would be killed first and why, in a sentence. */
enum mv_role reclaim_answer(struct mv_build *b, const struct reclaim_view *v, const struct mv_context *ctx);
bool reclaim_meaning(const struct reclaim_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m);

/* ---- view_reclaim_victims.c ---- */
void reclaim_rows_settle(struct reclaim_view *v, const struct mv_context *ctx);
void reclaim_victims_layout(struct reclaim_view *v, const struct mv_context *ctx);
void reclaim_victims_draw(const struct reclaim_view *v, const struct mv_context *ctx, struct mv_canvas *c);
/* Badness taken apart, in bytes; adjust may be negative. total: pages it is compared with. */
struct badness {
	uint64_t rss, swap, tables, total;
	int64_t adjust, sum;
};
struct badness badness_of(const struct mv_context *ctx, const struct mv_task *task, uint32_t group);

/* ---- view_reclaim_kills.c ---- */
void reclaim_kills_layout(struct reclaim_view *v, const struct mv_context *ctx);
void reclaim_kills_draw(const struct reclaim_view *v, const struct mv_context *ctx, struct mv_canvas *c);

#endif
