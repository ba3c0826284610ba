/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_CALLS_H
#define MV_CALLS_H

/* What a call stack is made of. "Call" for one level of it, since a frame is physical memory in this house. */

#include "core/perf.h"

/* One level of a call stack. Lives in snapshots and messages as it is. */
struct mv_call {
	uint64_t pc;	   /* the instruction that calls (the return address less one), innermost: that runs */
	uint64_t sp;	   /* the stack pointer in it; 0 unknown */
	uint32_t function; /* index into a table of functions; MV_FUNCTION_NONE not looked up */
	uint32_t flags;	   /* enum mv_call_flag */
};
#define MV_FUNCTION_NONE UINT32_MAX
enum mv_call_flag {
	MV_CALL_SIGNAL = 1, /* it was interrupted by a signal: pc is the instruction itself */
};

/* Why a stack ends where it ends. X(ID, JSON name, words) */
#define MV_STACK_ENDS(X)                                                                                       \
	X(COMPLETE, "complete", "")                                                                            \
	X(NOT_UNWOUND, "not_unwound", "no stack was taken, only the address")                                  \
	X(TRUNCATED, "truncated", "the stack is deeper than what was copied")                                  \
	X(NO_TABLE, "no_table", "code without unwind tables (generated, or built without)")                    \
	X(BROKEN, "broken", "the return address leads out of all code")                                        \
	X(DEEP, "deep", "more calls than are shown")                                                           \
	X(CHANGED, "changed", "it changed while it was read")                                                  \
	X(FOREIGN, "foreign", "another architecture's stack (a 32-bit program)")
enum mv_stack_end {
#define X(id, json, words) MV_STACK_##id,
	MV_STACK_ENDS(X)
#undef X
	MV_STACK__N
};
struct mv_stack_end_info {
	const char *json, *words;
};
extern const struct mv_stack_end_info mv_stack_ends[MV_STACK__N]; /* in symboliser.c */

#define MV_CALLS_MAX 256 /* levels of one stack */

enum mv_function_flag {
	MV_FUNCTION_NAMED = 1, /* a symbol; else the name is file+0xoffset, [jit] or an address */
	MV_FUNCTION_JIT = 2,   /* in anonymous executable memory */
};

#endif
