/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_VIEW_FAULTS_DRAW_H
#define MV_VIEW_FAULTS_DRAW_H

/* What the drawing of the faults view's parts shares: figures in columns that lie where they are drawn. */

#include "tui/view_faults.h"

void mv_faults_put(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, const struct mv_build *b);
void mv_faults_put_count(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, uint64_t n);
void mv_faults_put_size(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, uint64_t bytes,
			bool exact);
void mv_faults_put_rate(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, struct mv_rate rate);
void mv_faults_put_share(struct mv_canvas *c, int y, const struct mv_column *col, enum mv_role role, uint64_t part,
			 uint64_t whole);
/* After mv_table_layout: to where the text begins. */
void mv_faults_shift(struct mv_column *columns, size_t count, int x);

#endif
