/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_THREADS_H
#define MV_THREADS_H

/*
 * A process's threads: counters, where each waits, a copy of its stack; without stopping it. threads_stop.c: the same by
 * a stop, on demand.
 */

#include "core/calls.h"
#include "core/maps.h"
#include "core/stat.h"

/**
 * One thread's identity and counters.
 *
 * Source: <root>/<pid>/task/<tid>/stat fields 2, 3, 10, 12, and schedstat field 1 (fields 14 and 15 of stat where this kernel
 *         has no schedstat: ticks of 10 ms); man 5 proc.
 * Units:  faults since it began; cpu in ns.
 */
struct mv_thread_stat {
	int32_t tid;
	char state; /* R S D T t Z X I */
	char comm[MV_COMM_BYTES]; /* raw */
	char pad[3];
	uint64_t minor_faults, major_faults;
	struct mv_val cpu_ns;
};
/* Errors: -ESRCH it has ended; -EACCES hidden; -EBADMSG. Cost: two opens and reads, about 10 us. */
int mv_thread_stat_read(struct mv_target *target, int tid, struct mv_thread_stat *ret_stat);

/* Where a thread waits. */
struct mv_thread_where {
	bool running;	/* on a CPU: nothing else is known */
	int64_t syscall; /* its number, -1: not in one (a fault, a stop) */
	uint64_t sp, pc; /* of user mode; both 0: it has no stack any more */
};
/**
 * Source: <root>/<pid>/task/<tid>/syscall: "NR a1..a6 SP PC", "-1 SP PC" or "running". Needs PTRACE_MODE_ATTACH.
 * Errors: -ESRCH; -EACCES, -EPERM; -ENOENT no CONFIG_HAVE_ARCH_TRACEHOOK; -EBADMSG. Cost: 5 us.
 */
int mv_thread_where_parse(const char *text, size_t len, struct mv_thread_where *ret_where);
int mv_thread_where_read(struct mv_target *target, int tid, struct mv_thread_where *ret_where);

/**
 * Copy [sp, end of its mapping), at most cap bytes, as far as the pages are present: nothing is faulted in. The
 * mapping must be private and anonymous. Returns bytes, 0 when the first page is not present, or -errno: -EFAULT no such
 * mapping there; else as mv_target_words and mv_target_bytes. Cost: 5 us and 4 us a 64 KiB. No allocation.
 */
ssize_t mv_thread_stack_copy(struct mv_target *target, const struct mv_maps *maps, uint64_t sp, void *out, size_t cap);

/**
 * Where it waits and its stack, consistent: read again after the copy and compared. -EAGAIN: it moved meanwhile, or
 * runs. Bytes are 0 where no stack can be copied (not anonymous, not present, mappings that are older than it): what is
 * known is where it waits. Else errors as of both. Cost: 20-60 us.
 */
int mv_thread_waiting_read(struct mv_target *target, const struct mv_maps *maps, int tid, struct mv_thread_where *ret_where,
			   void *out, size_t cap, size_t *ret_bytes);

/*
 * The exact picture: stops every thread, copies registers and stacks, lets go. It disturbs: a system call that waits in
 * epoll_wait, recv with a timeout, semtimedop or sigtimedwait returns EINTR in the target. Done by a child of ours with a deadline,
 * so that a target in D state, under a debugger, frozen or dying neither hangs us nor stays stopped.
 */
enum mv_stop_result {
	MV_STOP_TAKEN,	 /* registers and stack are there */
	MV_STOP_GONE,	 /* it ended meanwhile */
	MV_STOP_REFUSED, /* not allowed, or another debugger has it (EPERM); a 32-bit program's registers (ENOEXEC) */
	MV_STOP_LATE,	 /* it did not stop in time: in the kernel, uninterruptible */
};
struct mv_stopped {
	int32_t tid;
	uint32_t result; /* enum mv_stop_result */
	int32_t error;	 /* errno with REFUSED */
	uint32_t stack_bytes;
	struct mv_regs regs;
	uint64_t fs_base, gs_base;
	const uint8_t *stack; /* owned by the struct mv_stop; with mv_poke_registers the vector registers (XSAVE area) */
};
struct mv_stop;
/*
 * Begin; ends by itself within deadline_ms. Every thread is stopped and reported, those in tids (that are known, or were) and
 * those begun since, at most a quarter and 64 more; in any order. maps: where stacks are, of a moment ago; without, registers alone.
 * Threads in D state keep the others for 50 ms at most after the last of them stood. Target and maps are used during the call only.
 * Errors: -EAGAIN, -ENOMEM, -EMFILE, -ENOSYS (registers of this machine are not known; a fixture; no pidfd).
 * Cost to the target: 1 thread 0.1 ms, 100 threads 3 to 6 ms.
 */
int mv_poke_stop(struct mv_target *target, const struct mv_maps *maps, const int *tids, size_t count, size_t stack_cap,
		 unsigned deadline_ms, struct mv_stop **ret_stop);
/*
 * Registers alone, the vector ones instead of stacks: all that may hold a pointer. hold: and the target stays stopped, so that the
 * caller can copy from it, until mv_stop_release, the deadline, or the caller's own end, whatever comes first. As above else.
 * Cost to the target: 100 threads 2 to 5 ms, and what it is held for.
 */
int mv_poke_registers(struct mv_target *target, const int *tids, size_t count, unsigned deadline_ms, bool hold,
		      struct mv_stop **ret_stop);
/* Wait until all stand, but those that are late. Then mv_stop_take may be called already. Errors: -ETIMEDOUT nothing stands. */
int mv_stop_wait_held(struct mv_stop *stop);
/* Let go. Errors: -ETIMEDOUT it had been let go before, at the deadline: what was copied is of no one moment. */
int mv_stop_release(struct mv_stop *stop);
int mv_stop_fd(const struct mv_stop *stop); /* readable when it is over */
uint64_t mv_stop_deadline_ns(const struct mv_stop *stop); /* when to look at the latest: it is killed then */
/* 0 and the results; -EAGAIN: not over yet, never after the deadline: then the child is killed, and what it has copied so far is
 * the result. stopped_ns: how long the target stood, from the first interrupt to the last release. Results live as long as
 * the stop. */
int mv_stop_take(struct mv_stop *stop, const struct mv_stopped **ret_threads, size_t *ret_count, uint64_t *ret_stopped_ns);
void mv_stop_free(struct mv_stop *stop); /* kills the child if it still runs */

#endif
