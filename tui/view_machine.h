/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_MACHINE_H
#define MV_VIEW_MACHINE_H

/*
 * The machine view from inside: private to view_machine*.c and its test. RAM as one bar, and the processes below it. What it
 * shows: core/machine_snapshot.h, core/machine_history.h.
 */

#include "tui/view_machine_words.h"

enum task_column {
	TASK_PID, TASK_USER, TASK_RSS, TASK_ANON, TASK_FILE, TASK_SHMEM, TASK_SWAP, TASK_PSS, TASK_FAULTS, TASK_MAJOR, TASK_GROWTH,
	TASK_OOM, TASK_TABLES, TASK_THREADS, TASK_GROWN, TASK_SIZE, TASK_CPU, TASK_STATE, TASK_ADJUST, TASK_PARENT, TASK_SERVICE,
	TASK_NAME, TASK__COLUMNS
};
_Static_assert(TASK__COLUMNS <= 32, "one bit for each column");

enum task_tree { TASK_FLAT, TASK_BY_PARENT, TASK_BY_SERVICE, TASK_TREE__N };

enum task_row_kind { TASK_ROW_PROCESS, TASK_ROW_SERVICE };
struct task_row {
	uint32_t index; /* of the task or of the group */
	uint8_t kind;	/* enum task_row_kind */
	uint8_t depth;
	bool parent; /* it has rows below it */
	bool open;   /* and they are shown */
	uint32_t below; /* how many there are, shown or not */
};

/* Who is selected, or folded: found again in the next picture. */
struct task_identity {
	bool set;
	uint8_t kind;
	int32_t pid;
	uint64_t start, group;
};

/* What decides which rows there are and in which order. */
struct task_order {
	enum task_column sort;
	bool reverse;
	enum task_tree tree;
	bool kernel;	/* kernel threads too */
	bool by_user;
	uint32_t uid;	/* of whom, with by_user */
	uint64_t group; /* only processes of this memory cgroup and below; 0: all */
	char name[48];	/* only those whose name holds this; "" all. As typed */
};

/* A task under construction as a row. */
struct task_node {
	double key;
	uint32_t index; /* of the task */
	uint32_t parent; /* node; UINT32_MAX none */
	uint32_t first, next; /* child, sibling: nodes */
	uint32_t below;
};

#define TASK_TURNED_MAX 256

struct task_rows {
	struct task_row *at;
	uint32_t count, cap;
	uint32_t processes; /* that pass the filters */
	uint32_t kernel_hidden, others_hidden; /* by the filters */
	struct task_node *nodes;
	uint32_t nodes_count, nodes_cap;
	uint32_t *order, order_cap; /* nodes as sorted; then groups */
	struct task_node *services;
	uint32_t services_cap;
	/* Rows that are not as they are by default: folded parents, unfolded services. */
	struct task_identity turned[TASK_TURNED_MAX];
	uint32_t turned_count, turns;
	/* What this was made from. */
	bool made, failed;
	uint64_t seq;
	uint32_t made_turns;
	struct task_order made_order;
};

struct task_geometry {
	struct mv_rect area;
	int header_rows;
	struct mv_rect box, bar;  /* rows 0: none */
	struct mv_rect legend;
	int swap_y, container_y, answer_y, headings_y, note_y; /* -1: none */
	struct mv_rect table;
};

enum task_chooser { TASK_CHOOSE_NOTHING, TASK_CHOOSE_COLUMNS, TASK_CHOOSE_FILTER };
#define TASK_USERS_MAX 64

struct machine_view {
	struct task_order order;
	struct task_rows rows;
	struct task_identity selected; /* unset: the first row, whatever comes there */
	uint32_t at, top;
	uint32_t columns_on; /* bit per enum task_column */
	struct mv_column columns[TASK__COLUMNS];
	enum task_chooser chooser;
	uint32_t chooser_at;
	struct task_geometry geo;
	char find[128];
	bool asking_name; /* the line that is being typed is a filter, not what is to be found */
	struct mv_build hint;
};

/* ---- view_machine_rows.c ---- */
void task_rows_release(struct task_rows *rows);
/* Make the rows anew if the picture or the order has changed; true when they were. O(n log n). */
bool task_rows_settle(struct task_rows *rows, const struct mv_context *ctx, const struct task_order *order);
struct task_identity task_identity_of(const struct task_rows *rows, const struct mv_context *ctx, uint32_t row);
uint32_t task_rows_find(const struct task_rows *rows, const struct mv_context *ctx, const struct task_identity *who, uint32_t near);
/* Show or hide what is below a row; false: it is so, or nothing is. */
bool task_rows_turn(struct task_rows *rows, const struct mv_context *ctx, uint32_t row, bool open);
bool task_row_matches(const struct mv_context *ctx, const struct task_row *row, const char *text);
const struct mv_task *task_at(const struct mv_context *ctx, const struct task_row *row); /* NULL: not a process */
struct mv_clean task_name(const struct mv_context *ctx, const struct mv_task *task);
const struct mv_group *group_of_key(const struct mv_context *ctx, uint64_t key);

/* ---- view_machine_columns.c ---- */
struct task_value {
	struct mv_val v;
	double rate; /* of columns that are one, when v is there */
};
uint32_t task_columns_default(void);
struct mv_clean task_column_heading(enum task_column column);
struct mv_clean task_column_words(enum task_column column);
bool task_column_ascends(enum task_column column);
bool task_column_adds_up(enum task_column column); /* over the processes of a service */
void task_columns_layout(struct machine_view *v, const struct mv_context *ctx);
struct task_value task_value_of(const struct mv_context *ctx, const struct mv_task *task, enum task_column column);
/* What rows are sorted by, larger first: missing ones are negative. */
double task_key_of(const struct mv_context *ctx, const struct mv_task *task, enum task_column column);
void task_row_draw(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c, int y, const struct task_row *row);
bool task_column_meaning(const struct machine_view *v, const struct mv_context *ctx, enum task_column column, struct mv_meaning *m);

/* ---- view_machine_draw.c ---- */
void machine_lay_out(struct machine_view *v, const struct mv_context *ctx, struct mv_rect area);
void machine_ram_draw(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c);
/* The answer: who only grows; its role. */
enum mv_role machine_answer(struct mv_build *b, const struct machine_view *v, const struct mv_context *ctx);
void machine_note_draw(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c);
void machine_nothing_draw(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c);

/* ---- view_machine.c ---- */
/* Ask for the name that those shown are to hold. */
struct mv_outcome machine_ask_name(struct machine_view *v);

/* ---- view_machine_chooser.c ---- */
void machine_chooser_draw(const struct machine_view *v, const struct mv_context *ctx, struct mv_canvas *c);
struct mv_outcome machine_chooser_act(struct machine_view *v, const struct mv_context *ctx, enum mv_action action, struct mv_input input);

#endif
