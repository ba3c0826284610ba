/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_ROLES_H
#define MV_ROLES_H

/*
 * What a colour means. X(ID, key in theme files, fallback role when a theme leaves it out).
 * Views name roles, themes give them colours; page states and kinds have one role each, named after them.
 */
// clang-format off
#define MV_ROLES(X)                                                          \
	X(TEXT, "text", TEXT)             /* the ground: everything unsaid */     \
	X(DIM, "dim", TEXT)               /* less important */                    \
	X(STRONG, "strong", TEXT)         /* the answer */                        \
	X(TITLE, "title", STRONG)         /* who is shown */                      \
	X(LABEL, "label", DIM)            /* names of figures */                  \
	X(HEADING, "heading", LABEL)      /* column heads */                      \
	X(SORTED, "sorted", STRONG)       /* the head of the column sorted by */  \
	X(FRAME, "frame", DIM)            /* boxes and rules */                   \
	X(CURSOR, "cursor", TEXT)         /* the selected row or cell */          \
	X(CURSOR_CELL, "cursor-cell", TEXT) /* the selected page: no page's colour */ \
	X(KEY, "key", STRONG)             /* a key one can press */               \
	X(KEY_TEXT, "key-text", TEXT)     /* what it does */                      \
	X(SIDE_ON, "side-on", STRONG)     /* the side that is shown */            \
	X(SIDE, "side", DIM)              /* the others */                        \
	X(FOUND, "found", STRONG)         /* a search's hit */                    \
	X(ALERT, "alert", STRONG)         /* ended, stuck, refused */             \
	X(WARN, "warn", STRONG)           /* old data, missing rights */          \
	X(GOOD, "good", STRONG)           /* as it should be */                   \
	X(LIVE, "live", GOOD)             /* figures are moving */                \
	X(FAULT_MINOR, "fault-minor", TEXT)                                       \
	X(FAULT_MAJOR, "fault-major", ALERT)                                      \
	X(TRACE, "trace", WARN)           /* page faults are being traced */      \
	X(FAULT_ZERO, "fault-zero", FAULT_MINOR) /* kinds of faults */            \
	X(FAULT_COW, "fault-cow", FAULT_MINOR)                                    \
	X(FAULT_FILE, "fault-file", FAULT_MINOR)                                  \
	X(FAULT_DISK, "fault-disk", FAULT_MAJOR)                                  \
	X(FAULT_SWAP, "fault-swap", FAULT_MAJOR)                                  \
	X(FAULT_STACK, "fault-stack", FAULT_MINOR)                                \
	X(FAULT_HUGE, "fault-huge", FAULT_MINOR)                                  \
	X(FAULT_SHMEM, "fault-shmem", FAULT_MINOR)                                \
	X(FAULT_UNKNOWN, "fault-unknown", DIM)                                    \
	X(SPARK, "spark", STRONG)         /* sparklines */                        \
	X(GAP, "gap", DIM)                /* unmapped address space */            \
	X(BAR, "bar", STRONG)             /* residency bars */                    \
	X(NEW, "new", GOOD)               /* a mapping that appeared */           \
	X(GREW, "grew", WARN)             /* one that grew */                     \
	X(GONE, "gone", ALERT)            /* one that vanished */                 \
	X(HEX_ADDR, "hex-addr", DIM)                                              \
	X(HEX_BYTE, "hex-byte", TEXT)                                             \
	X(HEX_ZERO, "hex-zero", DIM)                                              \
	X(HEX_TEXT, "hex-text", STRONG)                                           \
	X(PAGE_NONE, "page-none", DIM)                                            \
	X(PAGE_GUARD, "page-guard", ALERT)                                        \
	X(PAGE_SWAPPED, "page-swapped", ALERT)                                    \
	X(PAGE_ZERO, "page-zero", DIM)                                            \
	X(PAGE_COW, "page-cow", STRONG)                                           \
	X(PAGE_ANON, "page-anon", STRONG)                                         \
	X(PAGE_ANON_SHARED, "page-anon-shared", PAGE_ANON)                        \
	X(PAGE_SHMEM, "page-shmem", STRONG)                                       \
	X(PAGE_FILE, "page-file", STRONG)                                         \
	X(PAGE_FRESH, "page-fresh", STRONG) /* appeared within 3 s */             \
	X(PAGE_UNREAD, "page-unread", DIM)                                        \
	X(KIND_HEAP, "kind-heap", TEXT)                                           \
	X(KIND_STACK, "kind-stack", TEXT)                                         \
	X(KIND_VDSO, "kind-kernel", TEXT)                                         \
	X(KIND_VVAR, "kind-kernel-data", KIND_VDSO)                               \
	X(KIND_VSYSCALL, "kind-vsyscall", KIND_VDSO)                              \
	X(KIND_HUGE, "kind-huge", TEXT)                                           \
	X(KIND_SHARED, "kind-shared", TEXT)                                       \
	X(KIND_TEXT, "kind-text", TEXT)                                           \
	X(KIND_DATA, "kind-data", TEXT)                                           \
	X(KIND_RODATA, "kind-rodata", TEXT)                                       \
	X(KIND_FILE, "kind-file", TEXT)                                           \
	X(KIND_GUARD, "kind-guard", DIM)                                          \
	X(KIND_RESERVED, "kind-reserved", DIM)                                    \
	X(KIND_THREAD_STACK, "kind-thread-stack", KIND_STACK)                     \
	X(KIND_BSS, "kind-bss", KIND_DATA)                                        \
	X(KIND_JIT, "kind-jit", KIND_TEXT)                                        \
	X(KIND_ANON, "kind-anon", TEXT)                                           \
	X(SCALE_0, "scale-0", DIM)        /* age, growth: the least … */          \
	X(SCALE_1, "scale-1", TEXT)                                               \
	X(SCALE_2, "scale-2", TEXT)                                               \
	X(SCALE_3, "scale-3", STRONG)                                             \
	X(SCALE_4, "scale-4", STRONG)     /* … to the most */                     \
	X(SHARED_NO, "sharing-private", STRONG)                                   \
	X(SHARED_YES, "sharing-shared", WARN)                                     \
	X(RAM_USED, "ram-used", PAGE_ANON)       /* the machine's RAM: processes and kernel */ \
	X(RAM_SHARED, "ram-shared", PAGE_SHMEM)                                   \
	X(RAM_BUFFERS, "ram-buffers", KIND_DATA)                                  \
	X(RAM_CACHE, "ram-cache", PAGE_FILE)                                      \
	X(RAM_FREE, "ram-free", PAGE_NONE)                                        \
	X(RAM_SWAP, "ram-swap", PAGE_SWAPPED)                                     \
	X(RAM_KERNEL, "ram-kernel", KIND_VDSO)   /* what only the kernel can give back */ \
	X(RAM_LOCKED, "ram-locked", PAGE_GUARD)  /* mlock, reserved huge pages */
// clang-format on

enum mv_role {
#define X(id, key, fallback) ROLE_##id,
	MV_ROLES(X)
#undef X
	ROLE__N
};
static inline enum mv_role mv_role_of_kind(unsigned kind)
{
	return (enum mv_role)(ROLE_KIND_HEAP + kind); /* same order as MV_KINDS: see canvas.c's static assert */
}
static inline enum mv_role mv_role_of_state(unsigned state)
{
	return (enum mv_role)(ROLE_PAGE_NONE + state); /* same order as MV_PAGE_STATES */
}
static inline enum mv_role mv_role_of_fault(unsigned kind)
{
	return (enum mv_role)(ROLE_FAULT_ZERO + kind); /* same order as MV_FAULT_KINDS */
}

#endif
