/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_FAULTS_H
#define MV_FAULTS_H

/*
 * The fault tracer: every thread's page faults, sampled at a period that adapts so that the target keeps its pace.
 * It is started by an explicit command only and leaves nothing behind in the target.
 */

#include "core/perf.h"

/* X(ID, JSON name, caption, meaning). */
#define MV_FAULT_KINDS(X)                                                                                              \
	X(ZERO, "demand_zero", "demand zero", "first touch of anonymous memory: the kernel gives a zeroed page")       \
	X(COW, "copy_on_write", "copy on write", "first write to a page that was shared: the writer gets its own copy") \
	X(FILE, "file", "file", "a file's page that was in RAM already: only the page table was filled in")            \
	X(DISK, "disk", "read from disk", "a file's page that had to be read first, or waited for: a major fault")     \
	X(SWAP, "swap_in", "swap in", "an anonymous page that had been swapped out comes back")                        \
	X(STACK, "stack_growth", "stack growth", "a touch below the stack: the mapping grows, then a zeroed page")     \
	X(HUGE, "huge", "huge", "one fault that brought a whole huge page")                                            \
	X(SHMEM, "shared_memory", "shared memory", "shared memory: a new page, or one that another process made")      \
	X(UNKNOWN, "unknown", "unknown", "what the page was before, or is now, is not known well enough")

enum mv_fault_kind {
#define X(id, json, caption, meaning) MV_FAULT_##id,
	MV_FAULT_KINDS(X)
#undef X
	MV_FAULT__N
};
struct mv_fault_kind_info {
	const char *json, *caption, *meaning;
};
extern const struct mv_fault_kind_info mv_fault_kinds[MV_FAULT__N]; /* in faultkind.c */

struct mv_faults;

struct mv_faults_opts {
	uint64_t period;     /* 0: adapts; 1: every fault */
	uint32_t stack_bytes; /* 0: addresses only */
	double rate_hint;    /* faults a second lately, as the counters say; negative unknown */
};

/* How the tracing goes. */
struct mv_faults_state {
	uint64_t since_ns;
	uint64_t period;	 /* now */
	uint64_t sampled;	 /* samples handed out */
	uint64_t lost;		 /* records that the kernel could not store */
	uint64_t minor, major;	 /* exact: the events' own counts since the start (before 5.13 with those of child processes) */
	uint32_t threads;	 /* that there were when it began */
	uint32_t threads_covered; /* of these, followed; later ones follow their parents */
	enum mv_why threads_why; /* why not all; HAVE when all */
	bool kernel_side;	 /* faults inside system calls are seen */
	bool ended;		 /* all threads have ended */
	uint32_t forks;		 /* child processes that the target made meanwhile */
	uint32_t execs;
};

/* One fault that was sampled, or a change that matters for the next ones. */
struct mv_fault_event {
	const struct mv_perf_record *record; /* SAMPLE, FORK (of a process), EXEC, MMAP of the target itself */
	uint64_t weight;		     /* SAMPLE: faults it stands for */
};
typedef int mv_take_fault(void *arg, const struct mv_fault_event *event);

/**
 * Open events on every thread of the target and begin.
 *
 * Source: perf_event_open(2): PERF_COUNT_SW_PAGE_FAULTS_MIN and _MAJ, one ring a CPU.
 * Errors: -ESRCH; -EACCES perf is not allowed here at all, -EPERM it is, but not on this process: mv_faults_why says what would
 *         help; -EMFILE no thread could be covered; -ENOSYS no perf, or a fixture; -ENOMEM.
 * Cost:   15 ms and 160 us a thread and CPU; then what the samples cost (PERFORMANCE.md).
 */
int mv_faults_start(struct mv_source *source, struct mv_target *target, const struct mv_faults_opts *opts,
		    struct mv_faults **ret_faults);
void mv_faults_stop(struct mv_faults *faults); /* closes all; NULL is fine */
/* The reason for an error of mv_faults_start, for the screen. */
enum mv_why mv_faults_why(int error);

/* As mv_perf_fds: ask again after each drain. */
size_t mv_faults_fds(struct mv_faults *faults, int *fds, size_t cap);
/* Hand out what has come, at most max samples (0: all); adapts the period. Returns samples handed out. After the end
 * (mv_faults_state says it) one more drain brings the last. */
size_t mv_faults_drain(struct mv_faults *faults, size_t max, mv_take_fault *take, void *arg);
/* Cost: a read for each event, about 1 us; beyond 1 ms in all the counts may be as old as fifty times that. */
void mv_faults_state(struct mv_faults *faults, struct mv_faults_state *ret_state);

/*
 * The next period, from how many samples came in so many ns and whether any were lost. Pure. Aims at 300 to 1000 samples a
 * second, in steps of primes, so that no pattern of the program beats against it.
 */
uint64_t mv_faults_next_period(uint64_t period, uint64_t samples, uint64_t ns, uint64_t lost);

#endif
