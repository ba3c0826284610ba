/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_ATLAS_H
#define MV_ATLAS_H

/*
 * Every page frame of the machine and what it is used for. Source: kpageflags in slices; where there is RAM: zoneinfo (start_pfn,
 * spanned) and what iomem calls System RAM (Linux 6.18 no longer says NOPAGE of a hole). Used by the machine's sampler alone.
 * Memory: a byte a frame (6 MiB for 24 GiB), an eleventh of that for sums, and two bits a frame while a process is lit.
 * Cost: 90 ns of CPU a frame, 0.6 s for 24 GiB; 3 % of a core is a round in 20 s. A step of 32,768 frames takes 3 ms.
 */

#include "core/machine_snapshot.h"

struct mv_atlas;

int mv_atlas_new(struct mv_source *source, struct mv_atlas **ret_atlas);
void mv_atlas_free(struct mv_atlas *atlas);
/* Where there is RAM, as zoneinfo says now; costs nothing while that stays the same. What was read is forgotten when it
 * changes. Errors: -ENOMEM. */
int mv_atlas_lay_out(struct mv_atlas *atlas, const struct mv_ram *ram);
/* Whose frames are lit; 0 nobody's. */
void mv_atlas_light(struct mv_atlas *atlas, int pid);
/*
 * Read so many frames more: of a new window first, then round and round; half of them go on being the window's while that is a
 * small part of all. 1: a round is under way; 0: it has just ended; -errno: refused (the head says why).
 */
int mv_atlas_step(struct mv_atlas *atlas, const struct mv_machine_want *want, size_t frames);
/* Look in so many pages more of the lit process for its frames; once done, anew. 1: more; 0: done, or nobody is lit; -errno (the
 * head says why). Cost: 30 ns a page. */
int mv_atlas_step_lit(struct mv_atlas *atlas, size_t pages);
void mv_atlas_head(const struct mv_atlas *atlas, const struct mv_machine_want *want, struct mv_atlas_head *ret_head);
size_t mv_atlas_stretches(const struct mv_atlas *atlas, const struct mv_atlas_stretch **ret_stretches);
/* The cells of the want's window; returns how many. */
size_t mv_atlas_cells(const struct mv_atlas *atlas, const struct mv_machine_want *want, struct mv_atlas_cell *ret_cells, size_t cap);

/* One frame, looked for in the visible processes: begin with a pfn, step through so many pages; 1: more. Begun again with the same
 * one, the detail stays as it was until that search is whole. */
void mv_frame_begin(struct mv_atlas *atlas, uint64_t pfn, const int32_t *pids, size_t count);
int mv_frame_step(struct mv_atlas *atlas, size_t pages);
const struct mv_frame_detail *mv_frame_detail_of(const struct mv_atlas *atlas);

#endif
