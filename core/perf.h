/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_PERF_H
#define MV_PERF_H

/*
 * perf_event_open: software events on threads, one ring a CPU, records in order of time. Knows nothing of what they
 * mean (faults.h, threads.h). Reads of the kernel's own buffers only: nothing here can block on the target.
 */

#include "core/source.h"

/*
 * The registers that unwinding needs, in libunwind's order for x86-64: RAX RDX RCX RBX RSI RDI RBP RSP R8-R15 RIP.
 * On other machines samples carry no registers (MV_REGS_HERE 0), and stacks are what the sample's own address tells.
 */
#define MV_REGS 17
enum { MV_REG_BP = 6, MV_REG_SP = 7, MV_REG_PC = 16 };
#if defined(__x86_64__)
#define MV_REGS_HERE 1
#else
#define MV_REGS_HERE 0
#endif
struct mv_regs {
	uint64_t r[MV_REGS];
};

enum mv_perf_event {
	MV_PERF_MINOR, /* page faults that needed no reading from a device */
	MV_PERF_MAJOR, /* those that did, or had to wait */
	MV_PERF_CPU,   /* the thread's own CPU time, period in ns */
};

struct mv_perf_opts {
	uint64_t period;	 /* an event counts so many; 1: each */
	uint32_t stack_bytes;	 /* user stack beside each sample, a multiple of 8 up to 65,528 less the record's head; 0: no registers and no stack */
	bool exclude_kernel;	 /* what paranoid 2 demands of the unprivileged: faults inside system calls are not seen */
	bool follow;		 /* threads begun later too; their children are filtered by pid */
	bool records;		 /* also forks, exits, execs and every new mapping */
};

enum mv_perf_kind { MV_PERF_SAMPLE, MV_PERF_LOST, MV_PERF_FORK, MV_PERF_EXIT, MV_PERF_EXEC, MV_PERF_MMAP };

/* One record, decoded. Pointers are valid during the call that hands it out. */
struct mv_perf_record {
	enum mv_perf_kind kind;
	uint64_t id;		/* of the event that wrote it, the kernel's number */
	uint32_t event;		/* MV_PERF_SAMPLE: enum mv_perf_event */
	int32_t opened_on;	/* by mv_perf_drain alone, from the id: the thread that its event was opened on; 0 unknown.
				 * SAMPLE: another than tid: tid follows it */
	uint64_t at_ns;
	int32_t pid, tid;	/* FORK: the parent's pid and the new tid; new_pid tells whether it is a thread */
	int32_t new_pid;
	uint32_t cpu;
	uint64_t addr;		/* SAMPLE: the faulting address; MMAP: start */
	uint64_t ip;		/* SAMPLE; with in_kernel an address of the kernel */
	bool in_kernel;		/* SAMPLE: taken inside a system call */
	bool has_regs;
	struct mv_regs regs;	/* of user mode, also when in_kernel */
	const uint8_t *stack;	/* from regs.r[MV_REG_SP] on */
	uint32_t stack_bytes;	/* what was really copied */
	uint64_t lost;		/* LOST: records */
	/* MMAP */
	uint64_t len, offset, inode;
	uint32_t prot;		/* PROT_ bits */
	bool shared;
	const char *name;	/* raw, NUL-terminated within the record */
};

/*
 * Decode one record of the kernel's layout (header included, `size` bytes readable). Pure: the fuzz target.
 * Returns 1 with *ret_record filled, 0 for a kind that is of no interest, -EBADMSG when it does not add up.
 */
int mv_perf_decode(const void *record, size_t size, struct mv_perf_record *ret_record);

struct mv_perf;

/*
 * No event yet. ring_pages: data pages of each CPU's ring, a power of two; 0: 4 MiB. All rings together stay below
 * 64 MiB, and smaller where the kernel does not allow so much (perf_event_mlock_kb a CPU and RLIMIT_MEMLOCK). CPUs that are
 * offline then are never covered. Raises the soft limit of open files to the hard one.
 */
int mv_perf_new(struct mv_source *source, uint32_t ring_pages, struct mv_perf **ret_perf);
void mv_perf_free(struct mv_perf *perf);

/*
 * Open one event on a thread, on every CPU.
 * Errors: -EACCES or -EPERM not allowed (paranoid, rights); -ESRCH it has ended; -EMFILE; -ENOSYS, -ENOENT no perf in this
 * kernel; -EPERM of mmap is retried with smaller rings. Cost: about 80 us a CPU, the first 15 ms.
 */
int mv_perf_add(struct mv_perf *perf, enum mv_perf_event event, int tid, const struct mv_perf_opts *opts);
/* The id of the newest event: those opened later have higher ones. 0: none yet. */
uint64_t mv_perf_newest(const struct mv_perf *perf);
/* Close the events that were opened on a thread after that one (0: all); it, and what follows it, is counted no more. */
void mv_perf_remove(struct mv_perf *perf, int tid, uint64_t after_id);
/* Close the events of a kind up to that one, whose place others have taken: mv_perf_count goes on from what they counted,
 * less what the others counted beside them. */
void mv_perf_retire(struct mv_perf *perf, enum mv_perf_event event, uint64_t upto_id);
/* Begin with all that were added. Those that follow threads have begun already: it is the only way that misses none. */
int mv_perf_enable(struct mv_perf *perf);
/*
 * Change the period of every event of that kind. It does not reach threads that follow, nor always those which they have
 * followed, whose events the kernel may have exchanged with theirs (seen on 6.18): then open others and retire these.
 */
int mv_perf_set_period(struct mv_perf *perf, enum mv_perf_event event, uint64_t period);
/* How often the event has happened on the threads added and those that follow, exactly. */
int mv_perf_count(struct mv_perf *perf, enum mv_perf_event event, uint64_t *ret_count);
/* Descriptors to poll for POLLIN (a quarter of a ring is full) and POLLHUP (a thread has ended, perhaps the last). Ask
 * again after each drain: they change as threads end. Returns how many there are, which may exceed cap. */
size_t mv_perf_fds(struct mv_perf *perf, int *fds, size_t cap);
/* All threads have ended: what is in the rings is the last. */
bool mv_perf_ended(struct mv_perf *perf);

/*
 * Hand out what lies in the rings now, all rings merged by time, at most max records (0: all). take returns non-zero to
 * stop; that record counts as taken. Returns the records handed out. What a CPU stores while another's ring is looked at
 * comes in the next drain, so records of two CPUs within some microseconds may change places there.
 */
typedef int mv_take_record(void *arg, const struct mv_perf_record *record);
size_t mv_perf_drain(struct mv_perf *perf, size_t max, mv_take_record *take, void *arg);

/* kernel.perf_event_paranoid, 4 (most forbidding) when it can't be read. */
int mv_perf_paranoid(struct mv_source *source);

#endif
