/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_BATCH_HEAP_H
#define MV_BATCH_HEAP_H

/* What the commands heap and leaks share: batch_heap*.c, batch_leaks*.c; nobody else includes it but their tests. */

#include "tui/batch_json.h"

/* HAVE: the newest reading has figures. Else why not; never NOT_READ, for a batch command has asked and waited. */
enum mv_heap_reason mv_batch_heap_reason(const struct mv_snapshot *snap);
/* That reason in words, with the addresses where a chain breaks. */
void mv_batch_heap_why(struct mv_build *b, const struct mv_snapshot *snap);
/* "; at 0x…, the block after 0x…", where it is known. */
void mv_batch_build_break(struct mv_build *b, const struct mv_heap_head *h);
/* "glibc 2.32 to 2.41" */
void mv_batch_heap_version(struct mv_build *b, const struct mv_heap_head *h);
/* Said on stderr, with the exit status, when there are no figures. */
int mv_batch_heap_judge(const struct mv_batch *batch, const struct mv_snapshot *snap);

/* "96", or "65,536 to 73,712" */
void mv_batch_build_size_class(struct mv_build *b, const struct mv_heap_size *z);
/* "1 block", "12 blocks" */
void mv_batch_build_blocks(struct mv_build *b, uint64_t blocks);

json_t *mv_json_heap_sum(const struct mv_heap_sum *sum);
json_t *mv_json_heap_size(const struct mv_heap_size *z);
/* The whole object, but for the flush. */
void mv_json_give_heap(struct mv_json *j);
/* -1: no memory for all of it. */
int mv_batch_print_heap(struct mv_out *out, const struct mv_snapshot *snap);

/* ---- leaks ---- */

/* One mapping of anonymous memory that grew. */
struct mv_grown_mapping {
	uint64_t start, end;
	uint32_t kind; /* enum mv_kind */
	uint32_t index; /* in the snapshot at the end */
	uint64_t bytes; /* that its RSS rose by */
};
/* Equal call stacks of all threads, whose newest page lies in memory that grew. */
struct mv_grown_stack {
	uint32_t first, count; /* in fault_calls, outermost first */
	uint32_t end;	       /* enum mv_stack_end */
	uint32_t unused;
	uint64_t pages;
};
/* A class of block sizes that has more bytes in use than before. */
struct mv_grown_size {
	struct mv_heap_size now;
	uint64_t blocks, bytes; /* more than before; blocks 0: not more of them */
};
struct mv_batch_growth {
	const struct mv_snapshot *snap; /* at the end: text, functions and stacks are its own */
	double seconds;			/* that faults were traced for */
	uint32_t why;			/* enum mv_why: HAVE: they were */
	double heap_seconds;		/* between the two readings of the heap; 0: not both could be made */
	struct mv_heap_head heap_before;
	bool rss_known;			/* both looks tell what of each mapping is in RAM */
	uint64_t grown_bytes;		/* of the mappings below */
	struct mv_grown_mapping *mappings; /* most first */
	uint32_t mappings_count;
	struct mv_grown_stack *stacks; /* most first */
	uint32_t stacks_count;
	uint64_t pages;		   /* of these stacks */
	uint64_t other_pages;	   /* of all others: files, memory that did not grow */
	struct mv_grown_size *sizes; /* most bytes first */
	uint32_t sizes_count;
};
/*
 * In batch_growth.c. before and after: snapshots of one process, with MAPS, PAGES and HEAP; after with FAULTS. growth refers to after.
 * Errors: -ENOMEM. Cost: O(mappings + stacks log stacks).
 */
int mv_batch_growth_work_out(struct mv_batch_growth *growth, const struct mv_snapshot *before,
			     const struct mv_snapshot *after);
void mv_batch_growth_release(struct mv_batch_growth *growth);

/* The answer of a scan is there. */
bool mv_leaks_have(const struct mv_snapshot *snap);
/* Why it is not, in words. */
void mv_batch_leaks_why(struct mv_build *b, const struct mv_snapshot *snap);
/* What a group's first word is, in words: "vtable for Session", "printable characters \"abc\"". */
void mv_batch_build_first_word(struct mv_build *b, const struct mv_snapshot *snap,
			       const struct mv_leak_group *g);
/* growth: NULL: not asked for. -ENOMEM: not all of it is printed. */
int mv_batch_print_leaks(struct mv_out *out, const struct mv_snapshot *snap, const struct mv_batch_growth *growth);
/* In batch_growth_text.c. -ENOMEM: not all of it is printed. */
int mv_batch_print_growth(struct mv_out *out, const struct mv_batch_growth *growth);
void mv_json_give_leaks(struct mv_json *j, const struct mv_batch_growth *growth);

#endif
