/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_PAGETABLE_H
#define MV_PAGETABLE_H

/* Address -> indices per level; the tables a process needs per level, counted from its pages. x86_64 shapes. */

#include "core/source.h"

#define MV_LEVELS_MAX 5

/* Level 1 is PTE (4 KiB a page), 2 PMD (2 MiB), 3 PUD (1 GiB), 4 PGD or P4D (512 GiB), 5 PGD (256 TiB). */
struct mv_path {
	unsigned levels;		/* 4 or 5 */
	unsigned index[MV_LEVELS_MAX]; /* [0] is the PTE's index, [levels-1] the PGD's */
	unsigned offset;		/* within the page */
};
struct mv_path mv_pagetable_path(uint64_t addr, unsigned levels);
const char *mv_pagetable_level_name(unsigned level, unsigned levels); /* 1: "PTE", …; level 4 of 4: "PGD" */
uint64_t mv_pagetable_span(unsigned level);			       /* bytes that one entry of that level maps */

/* Levels of this machine: 5 when cpuinfo has la57 (an aside: user addresses above 1<<47 only on request). */
unsigned mv_pagetable_levels(struct mv_source *source);

/*
 * Counts distinct tables as runs go by in ascending order, of one process or of one mapping.
 * A run counts when PRESENT, SWAPPED or GUARD. A huge block needs its PMD, and its deposited PTE table when it
 * is anonymous (the kernel keeps one: measured to match VmPTE); `huge` pages of hugetlb need none: pass
 * hugetlb. Counted as 2 MiB pages; a 1 GiB one would not need the PMD table that is counted here.
 */
struct mv_table_count {
	uint64_t tables[MV_LEVELS_MAX]; /* [0] PTE tables, [1] PMD, [2] PUD; [levels-1] is the PGD: 1 */
	uint64_t pages;			/* entries in use at the lowest level, in base pages */
	uint64_t last[MV_LEVELS_MAX];	/* private: index + 1 of the last table counted */
};
void mv_table_count_init(struct mv_table_count *c);
void mv_table_count_run(struct mv_table_count *c, uint64_t start, uint64_t end, bool hugetlb);
/* KiB as VmPTE counts them: PTE + PMD + PUD tables; the kernel leaves out P4D and PGD. */
uint64_t mv_table_count_kib(const struct mv_table_count *c, unsigned levels);
/* What a flat, single-level table of 8-byte entries would take for 47 bits of user addresses: 256 GiB. */
uint64_t mv_pagetable_flat_bytes(uint32_t page_bytes, unsigned levels);

#endif
