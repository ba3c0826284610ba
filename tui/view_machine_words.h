/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_MACHINE_WORDS_H
#define MV_VIEW_MACHINE_WORDS_H

/* What the machine's views say and draw alike. */

#include "tui/view_pages.h"
#include "tui/view_private.h"
#include "tui/widget.h"

/* A memory cgroup's identity: of its path, which outlives the order of the list. Never 0. */
uint64_t mv_group_key(const struct mv_machine_snapshot *m, const struct mv_group *group);
/* The limit that holds for a group: its own or the nearest above it. ret_at: whose; NULL none. */
struct mv_val mv_group_limit(const struct mv_group *groups, const struct mv_group *group,
			     const struct mv_group **ret_at);

/* A figure of free or sar as of now: from the history, else of the picture alone. */
struct mv_ram_value mv_machine_value(const struct mv_context *ctx, enum mv_ram_figure_id id);
/* "5.4G", "23.5 %", "1,204/s", "1.2M/s"; "-" when it is missing. Returns the role it is to be drawn in. */
enum mv_role mv_machine_value_build(struct mv_build *b, const struct mv_context *ctx, struct mv_ram_value v, char unit);
/* Bytes of a counter of meminfo; missing before the first picture. */
struct mv_val mv_machine_mem(const struct mv_context *ctx, enum mv_meminfo_id id);
struct mv_val mv_machine_event(const struct mv_context *ctx, enum mv_vmstat_id id);

/* The user's name, or the number. */
void mv_user_build(struct mv_build *b, const struct mv_context *ctx, const struct mv_val *uid);
/* "12,345/s", "3.4/s" below ten. */
void mv_per_second_build(struct mv_build *b, double per_second);
/* "0.00 %" of hundredths of a percent. */
void mv_percent_build(struct mv_build *b, double percent);

/* Where we are, at the left, and what must be known of it, at the right: "vm > services      read 3 s ago". */
void mv_machine_path_draw(const struct mv_context *ctx, struct mv_canvas *c, int y, int x, int cols, struct mv_clean title,
			  enum mv_role right_role, const struct mv_build *right);
/* "read 3 s ago" of what is read more seldom than each tick; nothing of what is fresh. */
void mv_machine_age_build(struct mv_build *b, const struct mv_context *ctx, uint64_t at_ns);

/* RAM as free splits it. */
enum mv_ram_part { MV_RAM_PART_USED, MV_RAM_PART_SHARED, MV_RAM_PART_BUFFERS, MV_RAM_PART_CACHE, MV_RAM_PART_FREE, MV_RAM_PART__N };
/* false: nothing is known yet. The parts add up to all RAM. */
bool mv_ram_parts(const struct mv_context *ctx, struct mv_share ret_parts[static MV_RAM_PART__N]);

/* ---- cells of tables ---- */
void mv_cell_put(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, const struct mv_build *b);
/* Sizes and counts; what does not fit exactly is rounded, what is missing "-". */
void mv_cell_size(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, struct mv_val v, bool exact);
void mv_cell_count(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, struct mv_val v);
void mv_cell_rate(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, struct mv_rate rate);
/* The cursor's row; paler where another pane has the keys. */
void mv_cell_cursor(struct mv_canvas *c, int y, struct mv_rect table, bool has_keys);
/* A title, and a rule to the end of the line. */
void mv_rule_draw(struct mv_canvas *c, int y, int x, int cols, enum mv_role role, struct mv_clean title);
/* Is text, looked for without regard to case, in a name? */
bool mv_holds(struct mv_clean name, const char *text);
/* A meaning of literals, and what the figure is now. */
void mv_machine_meaning(struct mv_meaning *m, struct mv_clean title, struct mv_clean formula, struct mv_clean source,
			struct mv_clean unit, struct mv_clean note, struct mv_val v, char kind);

#endif
