/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TRACE_H
#define MV_TRACE_H

/*
 * What a snapshot holds of traced page faults and of threads: plain data that lies in the block as it is. Text is an
 * offset into the section `trace_text` (clean, NUL-terminated; 0 is ""); functions are indices into `functions`.
 */

#include "core/calls.h"
#include "core/faults.h"

/* ---- faults: MV_FACT_FAULTS ---- */

/* How the tracing goes, and its sums. Faults are estimates (samples times period) but for minor and major. */
struct mv_trace {
	uint32_t why;	      /* enum mv_why: HAVE once it has begun; else why there is none */
	uint32_t stacks_why;  /* HAVE: stacks are unwound and named; else why addresses alone are shown */
	bool running;	      /* false: it has ended (the process is gone); what was seen stays */
	bool kernel_side;     /* faults inside system calls are seen */
	uint16_t unused;
	uint32_t threads, threads_covered; /* at the start; those begun later follow their parents */
	uint32_t threads_why; /* HAVE when all are covered */
	uint64_t since_ns, until_ns; /* CLOCK_MONOTONIC; until: of the newest sample taken in, or of the end */
	uint64_t minor, major; /* exact */
	uint64_t period;      /* now */
	uint64_t sampled, lost;
	uint64_t no_stack;    /* samples whose stack could not be unwound: the unwinder was busy, or has failed */
	uint64_t faults[MV_FAULT__N]; /* by kind */
	uint64_t pages[MV_FAULT__N];  /* base pages that these brought: 512 for a huge one */
	uint64_t stacks_left_out; /* pages of stacks beyond those kept */
};

/* Faults of one mapping, most first. */
struct mv_fault_mapping {
	uint64_t start, end; /* as it was when it faulted last */
	uint64_t faults, pages;
	uint64_t last_page;  /* page address of the newest fault */
	uint64_t last_ns;
	uint32_t name;	     /* text */
	uint8_t kind;	     /* enum mv_kind; MV_KIND__N: no mapping was known there */
	uint8_t gone;	     /* it is not mapped any more */
	uint8_t perms;
	uint8_t flags;
	uint64_t by_kind[MV_FAULT__N]; /* faults */
};

/* A distinct call stack in one thread, most pages first. */
struct mv_fault_stack {
	uint32_t first, count; /* in fault_calls: function indices, outermost first */
	int32_t tid;
	uint32_t end;	       /* enum mv_stack_end: why it begins where it begins */
	uint64_t faults, pages;
	uint64_t last_page, last_ns;
};

struct mv_fault_thread {
	int32_t tid;
	uint32_t name; /* text; "" when it had ended before it could be asked */
	uint64_t faults, pages;
	uint64_t last_page, last_ns;
};

/* One sampled fault; newest first. At most MV_FAULT_LOG of them. */
struct mv_fault_entry {
	uint64_t at_ns;
	uint64_t addr;
	int32_t tid;
	uint32_t function; /* innermost; MV_FUNCTION_NONE not known (yet) */
	uint32_t weight;
	uint8_t kind;	   /* enum mv_fault_kind */
	uint8_t major, in_kernel;
	uint8_t mapping_kind; /* enum mv_kind; MV_KIND__N none known */
	uint32_t mapping_name; /* text */
	uint32_t unused;
};
#define MV_FAULT_LOG	  2048
#define MV_FAULT_MAPPINGS 256
#define MV_FAULT_STACKS	  4096
#define MV_FAULT_THREADS  1024
#define MV_FLASH_NS	  (MV_NS_PER_SEC) /* a page flashes for so long after a fault */

/* A function that some call is in. */
struct mv_function {
	uint32_t name, image; /* text: "main", "libc.so.6+0x1234", "[jit]"; base name of the file or "" */
	uint32_t flags;	      /* enum mv_function_flag */
	uint32_t unused;
	uint64_t start;	      /* address of its first byte; 0 unknown */
};

/* ---- threads: MV_FACT_THREADS ---- */

enum mv_stack_how { MV_HOW_NONE, MV_HOW_UNSTOPPED, MV_HOW_SAMPLED, MV_HOW_STOPPED };

/* One thread; by tid. Rates are delta's business: these are sums. */
struct mv_thread {
	int32_t tid;
	uint32_t name; /* text */
	char state;
	uint8_t how;   /* enum mv_stack_how: how the calls were got */
	uint8_t end;   /* enum mv_stack_end */
	uint8_t gone;  /* it was there in the exact picture and has ended since */
	uint32_t calls_why; /* HAVE, or why there are no calls */
	uint64_t minor_faults, major_faults;
	struct mv_val cpu_ns;
	struct mv_range stack;	  /* the mapping its stack pointer was in last; 0,0 unknown */
	struct mv_val used;	  /* bytes from its stack pointer to the end */
	struct mv_val touched;	  /* bytes from the lowest page ever touched (present or swapped now) to the end */
	struct mv_val guard;	  /* bytes of the guard below */
	uint64_t counters_ns;	  /* when its counters were read */
	uint64_t calls_ns;	  /* when its calls were taken */
	uint32_t first, count;	  /* in thread_calls, innermost first */
};

/* How the list of threads is. */
struct mv_threads_head {
	uint32_t why;	     /* HAVE: the list is there */
	uint32_t calls_why;  /* HAVE: stacks can be unwound */
	uint32_t total;	     /* threads there are; more than the section holds when there are too many */
	uint32_t unused;
	uint64_t at_ns;	     /* when the last whole look ended */
	/* The last exact picture that was asked for. */
	uint32_t stop_seq;   /* of the want that asked; 0 none */
	uint32_t stop_state; /* enum mv_stop_state */
	uint32_t stop_taken, stop_failed; /* threads */
	uint64_t stopped_ns; /* how long the target stood */
	uint32_t stop_why;   /* with FAILED: REFUSED reasons */
	uint32_t unused2;
};
enum mv_stop_state { MV_STOP_NONE, MV_STOP_RUNNING, MV_STOP_DONE, MV_STOP_FAILED };
#define MV_THREADS_MAX 4096

/* Source lines, of calls in the thread that was wanted (want.thread). Ascending by pc. */
struct mv_line {
	uint64_t pc;
	uint32_t file; /* text; 0: none is known */
	uint32_t line;
};

#endif
