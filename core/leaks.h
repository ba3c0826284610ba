/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_LEAKS_H
#define MV_LEAKS_H

/*
 * Blocks of malloc that nothing points to any more, in a process that runs on; and a walk over its heap for its own sake. A
 * helper process does the work and holds the copy, with a deadline; what it found comes back in shared memory.
 *
 * A block is reachable when a word of the roots holds an address inside it, or a word of a reachable block does. Roots: the
 * registers of all threads (vector registers, fs_base and gs_base too), stacks from 128 bytes below the stack pointer on, and
 * every other readable and writable mapping but malloc's own. Not roots: the stacks of threads that have ended, which glibc
 * keeps for the next (a mapping with a guard below, no thread's stack pointer in it, and a thread's block at its top that says
 * that it has ended; that block itself is a root, for a thread that waits to be joined has its result there). Any other mapping
 * without a stack pointer is taken whole. Contents of free blocks are no roots, contents of mmapped blocks only if they are reachable.
 *
 * An address of a block's header counts only out of a register or stack, where malloc is about to give the block away or to take it back.
 *
 * What is not present is not looked at (rule: nothing is faulted in): a pointer that lies in a swapped page is not seen, so what
 * it points to seems lost. left_out says how much that is.
 */

#include "core/heap.h"
#include "core/maps.h"

enum mv_leaks_mode {
	MV_LEAKS_SCAN,	/* several looks at the running process; lost is what all of them found lost */
	MV_LEAKS_EXACT, /* the process stands while it is copied */
	MV_LEAKS_HEAP,	/* the heap alone: nothing is stopped, nothing is marked */
};

/* Why there is no answer. X(ID, JSON name, words) */
#define MV_LEAKS_WHYS(X)                                                                                       \
	X(NONE, "", "")                                                                                        \
	X(GONE, "gone", "the process has ended, or runs another program now")                                  \
	X(NO_HEAP, "no_heap", "it has no heap of glibc's malloc that could be read")                           \
	X(TORN, "torn", "its heap did not add up: it changes too fast, or is damaged")                         \
	X(DENIED, "denied", "not allowed to read its memory: needs CAP_SYS_PTRACE")                            \
	X(TRACED, "traced", "another debugger has it, or it must not be stopped: its registers are unknown")   \
	X(FOREIGN, "foreign", "a 32-bit program")                                                              \
	X(LATE, "late", "it did not stop in time, or stood too long for its size")                             \
	X(NO_ROOM, "no_room", "not enough memory is free for a copy of its heap")                              \
	X(NO_TIME, "no_time", "the deadline has passed")                                                       \
	X(FAILED, "failed", "the helper has ended without an answer")
enum mv_leaks_why {
#define X(id, json, words) MV_LEAKS_WHY_##id,
	MV_LEAKS_WHYS(X)
#undef X
	MV_LEAKS_WHY__N
};
struct mv_leaks_why_info {
	const char *json, *words;
};
extern const struct mv_leaks_why_info mv_leaks_whys[MV_LEAKS_WHY__N];

/* What the first word of a lost block is. X(ID, JSON name, words) */
#define MV_FIRST_WORDS(X)                                                                                      \
	X(ZERO, "zero", "zero")                                                                                \
	X(NUMBER, "number", "a number, or no address of anything")                                             \
	X(TEXT, "text", "printable characters")                                                                \
	X(IMAGE, "image", "an address in a file's mapping: a vtable, function or static object")               \
	X(BLOCK, "block", "the address of a block that is not lost")                                           \
	X(LOST, "lost", "the address of a lost block")                                                         \
	X(STACK, "stack", "an address in a stack")                                                             \
	X(MEMORY, "memory", "an address in other memory")                                                      \
	X(UNSEEN, "unseen", "its page was not present")
enum mv_first_word {
#define X(id, json, words) MV_FIRST_##id,
	MV_FIRST_WORDS(X)
#undef X
	MV_FIRST__N
};
struct mv_first_word_info {
	const char *json, *words;
};
extern const struct mv_first_word_info mv_first_words[MV_FIRST__N];

#define MV_LEAKS_EXAMPLES 8
#define MV_LEAKS_TEXT	  24

/* Lost blocks of one size whose first words mean the same. */
struct mv_leaks_group {
	uint64_t size;	     /* of a block, malloc's header included: usable are 8 bytes less (mmapped: 16) */
	uint64_t first_word; /* of the first example; with IMAGE that of all: an address for the symboliser */
	uint64_t mapping;    /* IMAGE, STACK, MEMORY: start of the mapping that the word points into */
	uint32_t what;	     /* enum mv_first_word */
	uint32_t examples_count;
	uint64_t blocks, bytes;
	uint64_t direct_blocks, direct_bytes;
	uint64_t held_blocks, held_bytes; /* indirect ones that hang off the direct ones, over all levels */
	uint64_t examples[MV_LEAKS_EXAMPLES]; /* addresses as malloc returned them; direct ones first */
	char text[MV_LEAKS_TEXT];	      /* TEXT: raw bytes of the first example; NUL-terminated; clean before showing */
};

/* How groups hang together: so many blocks of `to` were first reached from a block of `from`, by its word at `offset`. */
struct mv_leaks_link {
	uint32_t from, to; /* indices of groups */
	uint64_t offset;   /* in bytes from what malloc returned; of the first such pointer */
	uint64_t blocks, bytes;
};

struct mv_leaks_options {
	enum mv_leaks_mode mode;
	unsigned deadline_ms;	   /* of all of it; 0: 60 s */
	unsigned stop_deadline_ms; /* EXACT: how long the target may stand; 0: 5 s */
	unsigned rounds;	   /* SCAN: looks at least; 0: 4. Up to 16 while they don't agree */
	unsigned groups;	   /* at most so many, the biggest; 0: 256 */
	bool want_blocks;	   /* the block index, too */
	bool want_lost;		   /* each lost block, too */
};

struct mv_leaks {
	uint32_t mode;	       /* enum mv_leaks_mode */
	uint32_t why;	       /* enum mv_leaks_why: not NONE: nothing below is known but what heap.why and error say */
	int32_t error;	       /* errno with it, or 0 */
	uint32_t rounds;       /* looks; what all of them found lost is lost; fewer than asked for when it did not run during a look or two */
	uint64_t stopped_ns;   /* the longest time the target stood at once */
	uint64_t took_ns;      /* all of it */
	uint64_t scanned_bytes; /* words looked at, of roots and reachable blocks, in the last look */
	uint64_t heap_bytes, roots_bytes; /* present: copied, and streamed */
	/* What the last look could not see, of the heap's and the roots' ranges. Swapped and unreadable bytes may hide pointers: then
	 * some that seem lost are not. Absent ones hold none. */
	uint64_t swapped_bytes, absent_bytes, unreadable_bytes;
	uint32_t threads;	 /* that were seen */
	uint32_t threads_unseen; /* whose registers are not known (late, refused): what only they hold seems lost */
	uint32_t dead_stacks;	 /* of ended threads, not roots */
	uint32_t links_count;
	uint64_t blocks, bytes; /* in use, lost or not */
	struct {
		uint64_t blocks, bytes;
	} lost, direct, indirect, interior_only; /* the last: reachable, but only by addresses that are not a block's start */
	uint32_t groups_count, groups_left_out; /* left out: beyond options.groups */
	const struct mv_leaks_group *groups; /* by bytes, the most first */
	const struct mv_leaks_link *links;   /* by bytes, the most first; between the groups above */
	const struct mv_block *lost_blocks;  /* ascending, lost.blocks of them; NULL: not asked for */
	/* The heap of the last look. Its arrays are here as well; blocks only when asked for. */
	struct mv_heap heap;
};

/* What it will take. */
struct mv_leaks_cost {
	uint64_t copy_bytes;   /* present of the heap: copied */
	uint64_t stream_bytes; /* present of the roots: read through */
	uint64_t swapped_bytes;
	uint64_t need_bytes; /* memory of ours, at most */
	uint64_t room_bytes; /* what we may take (mv_memcopy_room); need > 3/4 of it is refused */
	uint64_t stop_ns;    /* EXACT: how long the target will stand, predicted */
	uint64_t took_ns;    /* all of it, predicted */
};
/* Errors: as mv_target_scan and the heap's. Cost: a scan of its page tables, 1 ms a GiB, and 4 to 6 ms: pieces of its heap
 * are copied to see how long that takes, for EXACT by as many at once as will copy while it stands. */
int mv_leaks_cost(struct mv_source *source, struct mv_target *target, const struct mv_maps *maps, enum mv_leaks_mode mode,
		  struct mv_leaks_cost *ret_cost);

/* How far it is. */
enum mv_leaks_phase {
	MV_LEAKS_STARTS,
	MV_LEAKS_FINDS,	   /* malloc's state, and what to copy */
	MV_LEAKS_PREPARES, /* takes the memory for the copy */
	MV_LEAKS_STOPS,	   /* the target stands */
	MV_LEAKS_COPIES,
	MV_LEAKS_WALKS,
	MV_LEAKS_MARKS,
	MV_LEAKS_GROUPS,
	MV_LEAKS_READY,
};
struct mv_leaks_progress {
	uint32_t phase; /* enum mv_leaks_phase */
	uint32_t round; /* from 0 */
	uint64_t done_bytes, total_bytes; /* copied, of this round */
};

struct mv_leaks_run;
/*
 * Start the helper. Source and target are used during the call only. It ends by itself within options.deadline_ms, and
 * is killed a little later otherwise. It takes at most the present bytes of the heap, and 24 bytes a block.
 * Errors: -EAGAIN, -ENOMEM, -EMFILE; -ENOSYS a fixture, or no pidfd. What the target refuses is an answer, not an error.
 */
int mv_leaks_begin(struct mv_source *source, struct mv_target *target,
		   const struct mv_leaks_options *options, struct mv_leaks_run **ret_run);
int mv_leaks_fd(const struct mv_leaks_run *run);		 /* readable when it is over */
uint64_t mv_leaks_deadline_ns(const struct mv_leaks_run *run);	 /* when to look at the latest */
struct mv_leaks_progress mv_leaks_progress(const struct mv_leaks_run *run); /* any time */
/* 0 and the result, which lives as long as the run; -EAGAIN: not over yet, never after the deadline. */
int mv_leaks_finish(struct mv_leaks_run *run, const struct mv_leaks **ret_leaks);
void mv_leaks_free(struct mv_leaks_run *run); /* ends the helper if it still runs; the target is let go */

#endif
