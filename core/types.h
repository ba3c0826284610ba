/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TYPES_H
#define MV_TYPES_H

/*
 * Plain types that every room shares. Addresses and sizes are bytes unless a name says _pages, _kib or _ns.
 * Clocks are CLOCK_MONOTONIC unless a name says _real.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MV_NS_PER_SEC UINT64_C(1000000000)
#define MV_COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* A half-open span of virtual addresses. */
struct mv_range {
	uint64_t start;
	uint64_t end;
};

/*
 * Why a value is there or is not. The zero value is "not read", so a cleared struct claims nothing.
 * X(id, text): the text completes the sentence "- (…)" on the screen and is JSON's "why".
 */
#define MV_WHYS(X)                                                                                            \
	X(NOT_READ, "not read yet")                                                                           \
	X(HAVE, "")                                                                                           \
	X(NEEDS_PTRACE, "needs CAP_SYS_PTRACE")                                                               \
	X(NEEDS_PTRACE_DAC, "needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH")                                   \
	X(NEEDS_SYS_ADMIN, "needs CAP_SYS_ADMIN")                                                             \
	X(NEEDS_DAC, "needs CAP_DAC_READ_SEARCH")                                                             \
	X(NEEDS_ROOT, "needs root")                                                                           \
	X(NEEDS_PERFMON, "needs CAP_PERFMON, or kernel.perf_event_paranoid at 2 or less")                     \
	X(NEEDS_FILES, "needs more open files: raise ulimit -n")                                              \
	X(NEEDS_SYSLOG, "needs CAP_SYSLOG, or kernel.dmesg_restrict at 0")                                     \
	X(NEEDS_OWNER, "the kernel tells only its owner, who may write it, and root")                          \
	X(NO_FILE, "it is no regular file, or has gone from its place")                                       \
	X(NO_UNWINDER, "memview was built without libunwind and libdw")                                       \
	X(NO_SYMBOLS, "memview-symbols can't be started: is it installed?")                                   \
	X(SYMBOLS_FAILED, "memview-symbols failed too often on this process's files")                         \
	X(RUNNING, "it was running: ! takes an exact picture by a stop")                                      \
	X(LATE, "it did not stop in time: it waits in the kernel, uninterruptibly")                           \
	X(TRACED, "another debugger has it")                                                                  \
	X(NO_KERNEL, "this kernel does not offer it")                                                         \
	X(NO_LIMIT, "no limit is set")                                                                        \
	X(NOT_ASKED, "not read in this mode")                                                                 \
	X(NOT_HERE, "does not apply here")                                                                    \
	X(NOT_PRESENT, "no page is present here")                                                             \
	X(NOT_ORDINARY, "not anonymous or ordinary file memory")                                              \
	X(TOO_MANY, "too many pages on the screen to follow each one")                                        \
	X(GONE, "the process has ended")                                                                      \
	X(ZOMBIE, "a zombie has no memory left")                                                              \
	X(KERNEL_THREAD, "a kernel thread has no user memory")                                                \
	X(MALFORMED, "the kernel's text was not understood")                                                  \
	X(CHANGED, "it changed while it was read")                                                            \
	X(NO_MEMORY, "memview ran out of memory")                                                             \
	X(IO, "the read failed")

enum mv_why {
#define X(id, text) MV_WHY_##id,
	MV_WHYS(X)
#undef X
	MV_WHY__N
};

/* The text of a reason, "" for MV_WHY_HAVE. Never NULL. In text.c. */
const char *mv_why_text(enum mv_why why);

/* A value that may be missing. value is meaningless unless why is MV_WHY_HAVE. */
struct mv_val {
	uint64_t value;
	uint32_t why; /* enum mv_why */
	uint32_t unused;
};

static inline bool mv_have(const struct mv_val *v)
{
	return v->why == MV_WHY_HAVE;
}
static inline struct mv_val mv_val_of(uint64_t value)
{
	return (struct mv_val){.value = value, .why = MV_WHY_HAVE};
}
static inline struct mv_val mv_val_missing(enum mv_why why)
{
	return (struct mv_val){.why = (uint32_t)why};
}

#endif
