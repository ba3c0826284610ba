/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_RAM_H
#define MV_RAM_H

/*
 * The machine's memory as the kernel counts it: raw counters, read at one time. What free and sar make of them is in
 * ram_figures.h.
 */

#include "core/source.h"

/*
 * /proc/meminfo. X(ID, its name there). Sizes are kept in bytes; HugePages_* are counts. A name that this kernel lacks is
 * MV_WHY_NO_KERNEL.
 */
#define MV_MEMINFO(X)                                                                                          \
	X(TOTAL, "MemTotal") X(FREE, "MemFree") X(AVAILABLE, "MemAvailable") X(BUFFERS, "Buffers")             \
	X(CACHED, "Cached") X(SWAP_CACHED, "SwapCached") X(ACTIVE, "Active") X(INACTIVE, "Inactive")           \
	X(ACTIVE_ANON, "Active(anon)") X(INACTIVE_ANON, "Inactive(anon)") X(ACTIVE_FILE, "Active(file)")       \
	X(INACTIVE_FILE, "Inactive(file)") X(UNEVICTABLE, "Unevictable") X(MLOCKED, "Mlocked")                 \
	X(SWAP_TOTAL, "SwapTotal") X(SWAP_FREE, "SwapFree") X(ZSWAP, "Zswap") X(ZSWAPPED, "Zswapped")          \
	X(DIRTY, "Dirty") X(WRITEBACK, "Writeback") X(ANON, "AnonPages") X(MAPPED, "Mapped")                   \
	X(SHMEM, "Shmem") X(KRECLAIMABLE, "KReclaimable") X(SLAB, "Slab") X(SRECLAIMABLE, "SReclaimable")      \
	X(SUNRECLAIM, "SUnreclaim") X(KSTACK, "KernelStack") X(TABLES, "PageTables")                           \
	X(SEC_TABLES, "SecPageTables") X(COMMIT_LIMIT, "CommitLimit") X(COMMITTED, "Committed_AS")             \
	X(VMALLOC_USED, "VmallocUsed") X(PERCPU, "Percpu") X(HW_CORRUPTED, "HardwareCorrupted")                \
	X(ANON_HUGE, "AnonHugePages") X(SHMEM_HUGE, "ShmemHugePages") X(FILE_HUGE, "FileHugePages")            \
	X(CMA_TOTAL, "CmaTotal") X(CMA_FREE, "CmaFree") X(BALLOON, "Balloon")                                  \
	X(HUGE_TOTAL, "HugePages_Total") X(HUGE_FREE, "HugePages_Free") X(HUGE_RSVD, "HugePages_Rsvd")         \
	X(HUGE_SURP, "HugePages_Surp") X(HUGE_SIZE, "Hugepagesize") X(HUGETLB, "Hugetlb")
enum mv_meminfo_id {
#define X(id, name) MV_MEM_##id,
	MV_MEMINFO(X)
#undef X
	MV_MEM__N
};
extern const char *const mv_meminfo_names[MV_MEM__N];

/*
 * /proc/vmstat: events since boot, in the kernel's own units (pgpgin and pgpgout: KiB; pages else). X(ID, name or, when it ends
 * with *, what names start with: they count by zone or by who did it, and the sum is kept). What only begins alike is left out:
 * pgscan_direct_throttle counts waits, and pgsteal_anon and pgsteal_file tell the same pages as the others once more.
 */
#define MV_VMSTAT(X)                                                                                           \
	X(PGPGIN, "pgpgin") X(PGPGOUT, "pgpgout") X(PSWPIN, "pswpin") X(PSWPOUT, "pswpout")                    \
	X(PGFAULT, "pgfault") X(PGMAJFAULT, "pgmajfault") X(PGFREE, "pgfree") X(PGALLOC, "pgalloc_*")          \
	X(SCAN_KSWAPD, "pgscan_kswapd*") X(SCAN_DIRECT, "pgscan_direct*") X(STEAL, "pgsteal_*")                \
	X(STALL, "allocstall*") X(OOM_KILL, "oom_kill") X(REFAULT_ANON, "workingset_refault_anon")             \
	X(REFAULT_FILE, "workingset_refault_file") X(COMPACT_STALL, "compact_stall")                           \
	X(COMPACT_FAIL, "compact_fail") X(COMPACT_SUCCESS, "compact_success") X(THP_FAULT, "thp_fault_alloc")  \
	X(THP_FALLBACK, "thp_fault_fallback") X(THP_COLLAPSE, "thp_collapse_alloc")                            \
	X(THP_SPLIT, "thp_split_page") X(DROP_PAGECACHE, "drop_pagecache") X(ZSWPIN, "zswpin")                 \
	X(ZSWPOUT, "zswpout")
enum mv_vmstat_id {
#define X(id, name) MV_VMSTAT_##id,
	MV_VMSTAT(X)
#undef X
	MV_VMSTAT__N
};
extern const char *const mv_vmstat_names[MV_VMSTAT__N];

#define MV_ORDERS     16 /* of free blocks: 2^order pages; the kernel has 11 */
#define MV_ZONES      32
#define MV_NODES      16
#define MV_HUGE_SIZES 8
#define MV_SWAPS      8

/* Free memory of one zone of one node. Pages. Source: zoneinfo, buddyinfo. */
struct mv_zone {
	uint32_t node;
	uint32_t orders;   /* filled of blocks */
	char name[12];	   /* "DMA32"; clean ASCII */
	uint32_t unused;
	uint64_t free, min, low, high, spanned, present, managed;
	uint64_t start_pfn;
	uint64_t blocks[MV_ORDERS]; /* free blocks of 2^i pages */
};
/* Source: /sys/devices/system/node/nodeN/{meminfo,numastat}. */
struct mv_node {
	uint32_t node;
	uint32_t unused;
	uint64_t total_bytes, free_bytes, file_bytes, anon_bytes, slab_bytes;
	struct mv_val hit, miss, foreign; /* numastat: events since boot */
};
/* Source: /sys/kernel/mm/hugepages/hugepages-*kB. Pages of that size. */
struct mv_huge_pool {
	uint64_t page_bytes, total, free, reserved, surplus;
};
/* Source: /proc/swaps. */
struct mv_swap {
	uint64_t size_bytes, used_bytes;
	int32_t priority;
	bool zram; /* compressed, in RAM itself */
	char kind[11];
	char name[64]; /* raw, cut: clean before showing */
};
/* One line of /proc/pressure/memory: the share of time that some (all) tasks waited for memory. */
struct mv_psi {
	uint32_t avg10, avg60, avg300; /* hundredths of a percent */
	uint32_t why;		       /* enum mv_why: NO_KERNEL without PSI */
	uint64_t total_us;
};

struct mv_ram {
	uint64_t at_ns; /* when meminfo and vmstat were read */
	struct mv_val meminfo[MV_MEM__N];
	struct mv_val vmstat[MV_VMSTAT__N];
	/* As free shows them, from libproc2 (which free prints from); NOT_READ for fixtures and without it: then by the formulae of
	 * ram_figures.h. Bytes. */
	struct mv_val free_used, free_cached;
	struct mv_psi some, full;
	struct mv_val overcommit;	/* sys/vm/overcommit_memory: 0, 1, 2 */
	struct mv_val swappiness;	/* sys/vm/swappiness */
	struct mv_val zswap_on;		/* /sys/module/zswap/parameters/enabled: 0, 1 */
	struct mv_val container_limit, container_usage; /* of memview's own memory cgroup, when it limits below the machine's RAM; NO_LIMIT */
	uint32_t zones_count, nodes_count, huge_count, swaps_count;
	uint32_t zones_why, nodes_why, huge_why, swaps_why; /* enum mv_why: nodes NOT_HERE on a machine without NUMA */
	struct mv_zone zones[MV_ZONES];
	struct mv_node nodes[MV_NODES];
	struct mv_huge_pool huge[MV_HUGE_SIZES];
	struct mv_swap swaps[MV_SWAPS];
};

/*
 * Read it all; what can't be read says so in its why. Cost: 0.5 ms: zoneinfo 110 us, vmstat 75, meminfo 60, many small files. Errors: -ENOENT
 * no meminfo at all, -errno of reading it; -ENOMEM; else what is missing is data.
 */
int mv_ram_read(struct mv_source *source, struct mv_ram *ret_ram);

/* The parsers, pure. Text need not end with NUL. What is not understood stays as it was. */
void mv_meminfo_parse(const char *text, size_t len, struct mv_val ret_values[static MV_MEM__N]);
void mv_vmstat_parse(const char *text, size_t len, struct mv_val ret_values[static MV_VMSTAT__N]);
void mv_zoneinfo_parse(const char *text, size_t len, struct mv_ram *ram);
void mv_buddyinfo_parse(const char *text, size_t len, struct mv_ram *ram); /* after zoneinfo; joins by node and name */
void mv_swaps_parse(const char *text, size_t len, struct mv_ram *ram);
void mv_psi_parse(const char *text, size_t len, struct mv_psi *ret_some, struct mv_psi *ret_full);

#endif
