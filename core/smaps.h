/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SMAPS_H
#define MV_SMAPS_H

/* PID/smaps, smaps_rollup -> what each mapping costs. */

#include "core/maps.h"

/*
 * smaps' fields, in KiB. X(ID, key in smaps, JSON key or "" when it is not in the schema, heading, meaning).
 * Enum, parser, columns, `w`, JSON derive from this table.
 */
#define MV_SMAPS_FIELDS(X)                                                                                    \
	X(RSS, "Rss", "rss", "RSS", "pages of this mapping that are in RAM, zero page excluded")              \
	X(PSS, "Pss", "pss", "PSS", "RSS with each page divided by the number of processes that map it")     \
	X(PSS_DIRTY, "Pss_Dirty", "", "PSS-DIRTY", "the dirty part of PSS")                                   \
	X(SHARED_CLEAN, "Shared_Clean", "shared_clean", "SH-CLEAN", "mapped more than once, as on disk")      \
	X(SHARED_DIRTY, "Shared_Dirty", "shared_dirty", "SH-DIRTY", "mapped more than once, changed")         \
	X(PRIVATE_CLEAN, "Private_Clean", "private_clean", "PR-CLEAN", "mapped only here, as on disk")        \
	X(PRIVATE_DIRTY, "Private_Dirty", "private_dirty", "PR-DIRTY", "mapped only here, changed")           \
	X(REFERENCED, "Referenced", "", "REFD", "marked accessed since the mark was last cleared")            \
	X(ANON, "Anonymous", "anon", "ANON", "belongs to no file (copies of file pages included)")           \
	X(KSM, "KSM", "", "KSM", "merged with equal pages by KSM")                                            \
	X(LAZYFREE, "LazyFree", "", "LAZYFREE", "MADV_FREE: given back when RAM is short")                    \
	X(ANON_HUGE, "AnonHugePages", "huge", "THP", "in transparent huge pages, anonymous")                  \
	X(SHMEM_HUGE, "ShmemPmdMapped", "", "SHM-THP", "in huge pages, shared memory")                        \
	X(FILE_HUGE, "FilePmdMapped", "", "FILE-THP", "in huge pages, page cache")                            \
	X(SHARED_HUGETLB, "Shared_Hugetlb", "", "SH-HTLB", "hugetlb pages mapped more than once (not in RSS)") \
	X(PRIVATE_HUGETLB, "Private_Hugetlb", "", "PR-HTLB", "hugetlb pages mapped only here (not in RSS)")   \
	X(SWAP, "Swap", "swap", "SWAP", "in swap")                                                            \
	X(SWAP_PSS, "SwapPss", "", "SWAP-PSS", "swap with each page divided by its users")                    \
	X(LOCKED, "Locked", "locked", "LOCKED", "locked into RAM by mlock")                                   \
	X(KERNEL_PAGE, "KernelPageSize", "", "KPAGE", "page size the kernel uses for this mapping")           \
	X(MMU_PAGE, "MMUPageSize", "", "MMUPAGE", "page size the MMU uses for this mapping")

enum mv_smaps_field {
#define X(id, key, json, head, meaning) MV_SMAPS_##id,
	MV_SMAPS_FIELDS(X)
#undef X
	MV_SMAPS__N
};
struct mv_smaps_field_info {
	const char *key, *json, *heading, *meaning;
};
extern const struct mv_smaps_field_info mv_smaps_fields[MV_SMAPS__N];

/* VmFlags' two-letter marks, bit i of a row's flags. X(ID, letters, meaning), in the kernel's order. */
#define MV_VM_FLAGS(X)                                                                                        \
	X(RD, "rd", "readable") X(WR, "wr", "writable") X(EX, "ex", "executable") X(SH, "sh", "shared")       \
	X(MR, "mr", "may read") X(MW, "mw", "may write") X(ME, "me", "may execute") X(MS, "ms", "may share")  \
	X(GD, "gd", "grows down") X(PF, "pf", "raw frames") X(DW, "dw", "deny write")                         \
	X(LO, "lo", "locked") X(IO, "io", "device memory") X(SR, "sr", "read sequentially")                   \
	X(RR, "rr", "read randomly") X(DC, "dc", "not copied by fork") X(DE, "de", "not expandable")          \
	X(AC, "ac", "accountable") X(NR, "nr", "no swap reserved") X(HT, "ht", "hugetlb")                     \
	X(SF, "sf", "synchronous page faults") X(NL, "nl", "non-linear") X(AR, "ar", "architecture's own")    \
	X(WF, "wf", "wiped in a forked child") X(DD, "dd", "not in core dumps") X(SD, "sd", "soft-dirty")     \
	X(MM, "mm", "mixed map") X(HG, "hg", "huge pages advised") X(NH, "nh", "no huge pages advised")       \
	X(MG, "mg", "mergeable by KSM") X(BT, "bt", "ARM BTI guarded") X(MT, "mt", "ARM memory tags")         \
	X(UM, "um", "userfaultfd missing") X(UW, "uw", "userfaultfd write-protect")                           \
	X(UI, "ui", "userfaultfd minor") X(SS, "ss", "shadow stack") X(SL, "sl", "sealed")                    \
	X(GU, "gu", "has guard regions") X(LF, "lf", "locked on fault") X(DP, "dp", "droppable")
enum mv_vm_flag {
#define X(id, letters, meaning) MV_VM_##id,
	MV_VM_FLAGS(X)
#undef X
	MV_VM__N /* at most 64 */
};
const char *mv_vm_flag_letters(enum mv_vm_flag flag);
const char *mv_vm_flag_meaning(enum mv_vm_flag flag);

/* One mapping's fields. KiB, saturating at UINT32_MAX (4 TiB) is impossible for RAM; sizes are not kept here. */
struct mv_smaps_row {
	uint32_t kib[MV_SMAPS__N];
	uint32_t seen;	   /* bit per field: this kernel printed it */
	uint64_t vm_flags; /* bit per enum mv_vm_flag; 0 when the line is absent */
};

/* Rows parallel to maps->at[]. */
struct mv_smaps {
	struct mv_smaps_row *at;
	uint32_t count;
	uint32_t cap;
	/* private: the text of the last mapping's amounts, and what they were */
	char last[1024];
	uint32_t last_len;
	struct mv_smaps_row last_row;
};
void mv_smaps_init(struct mv_smaps *smaps);
void mv_smaps_release(struct mv_smaps *smaps);

/**
 * Read smaps once: both the mappings and their fields. maps is cleared first, then classified (stack_pointers
 * as for mv_maps_classify; kind huge also by VmFlags ht); smaps->count == maps->count afterwards.
 *
 * Source: <root>/<pid>/smaps; man 5 proc. An unknown key is skipped, a missing one leaves its seen bit clear.
 * Errors: -ESRCH, -EACCES, -EBADMSG, -ENOMEM. A tear sets maps->torn.
 * Cost:   the kernel's walk (110 ms for 8 GiB of 4K pages, 284 ms for 60,000 mappings) + at most 8 %; holds the
 *         target's mmap_lock while it walks: pace it.
 */
int mv_smaps_read(struct mv_target *target, struct mv_maps *maps, struct mv_smaps *smaps,
		  const uint64_t *stack_pointers, size_t n);
/* Incremental parser behind it: feed whole lines in any number of pieces. */
int mv_smaps_parse(struct mv_maps *maps, struct mv_smaps *smaps, const char *text, size_t len);

/* smaps_rollup: one row for the process. Errors as above, and -ENOENT before Linux 4.14. */
int mv_rollup_parse(const char *text, size_t len, struct mv_smaps_row *ret_row);
int mv_rollup_read(struct mv_target *target, struct mv_smaps_row *ret_row);

#endif
