/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_THREADS_PRIVATE_H
#define MV_THREADS_PRIVATE_H

/* What the two sides of a stop share: threads_hold.c begins it and takes the results, threads_stop.c is the child that does it. */

#include "core/threads.h"

#define STOP_VECTOR_BYTES ((size_t)2752) /* of the XSAVE area: up to the 512-bit registers */

/* How far the child is with a thread. Its own business, but for what goes into stopped.result. */
enum phase {
	PHASE_LISTED,
	PHASE_SEIZED, /* interrupted soon, or begun by one that was seized: it stops by itself */
	PHASE_STOPPED,
	PHASE_DONE, /* ended, refused or not ours */
};

struct entry {
	struct mv_stopped stopped;
	uint32_t phase;
	int32_t signal; /* that it was about to get when it stopped: handed on */
};

/* What parent and child share. */
struct shared {
	uint32_t count;		     /* of entries; grows only */
	uint32_t asked;		     /* it was held until the caller asked to let go */
	uint64_t began_ns, ended_ns; /* first interrupt, last release; 0 not yet */
	struct entry entries[];
};

struct mv_stop {
	struct shared *shared;
	size_t shared_bytes;
	uint8_t *arena;
	size_t arena_bytes, arena_used;
	uint32_t cap; /* entries */
	size_t stack_cap;
	const struct mv_maps *maps; /* the child's copy */
	struct mv_target *target;
	int child, pidfd;
	uint64_t deadline_ns; /* the child's */
	bool registers;	      /* vector registers instead of stacks */
	int hold[2]; /* ours and the child's end: a byte says that all stand, another lets go; -1 not held */
	bool held;   /* all stand now */
	bool reaped, taken;
	struct mv_stopped *results;
	uint32_t results_count;
	uint64_t stopped_ns;
};

struct entry *stop_add_entry(struct mv_stop *stop, int tid, enum phase phase);
void stop_run_child(struct mv_stop *stop, pid_t parent);

#endif
