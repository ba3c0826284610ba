/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_CREW_H
#define MV_CREW_H

/*
 * The same work by several threads at once, for as long as one call takes: where a target stands until it is done. What else
 * goes on in the process goes on in one thread, as everywhere (HACKING.md, decisions); a process that waits for a blocked
 * thread is ended like one that is blocked itself.
 */

#define MV_CREW_MOST 4 /* copying gains nothing by more: they wait for the same memory */

/* How many can run at once: the processors that we may use, MV_CREW_MOST at most. Source: sched_getaffinity(2). */
unsigned mv_crew_hands(void);
/*
 * Call work(arg) in so many threads, the caller's being one of them; returns when all have. 0 and 1: here alone. Fewer
 * do it when threads can't be had, so work takes its share itself until nothing is left. Cost: 0.05 ms a thread.
 */
void mv_crew_work(unsigned hands, void (*work)(void *arg), void *arg);

#endif
