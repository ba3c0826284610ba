/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_UNWIND_H
#define MV_UNWIND_H

/*
 * Registers and a copy of the stack -> calls. The only user of libunwind. Touches neither the target nor a file: what it
 * reads comes from the copy and from images (symbols.h). Part of libsymbols.a.
 */

#include "core/calls.h"
#include "core/symbols.h"

/* A mapping that matters for unwinding: of a file with code, or executable. Ascending, apart. */
struct mv_unwind_map {
	uint64_t start, end, offset;
	uint32_t image; /* id; MV_IMAGE_NONE: anonymous */
	uint32_t perms; /* enum mv_perm */
};
#define MV_IMAGE_NONE UINT32_MAX

struct mv_unwinder;
int mv_unwinder_new(struct mv_unwinder **ret_unwinder);
void mv_unwinder_free(struct mv_unwinder *unwinder);
/* A new list of mappings (copied); what was cached of the old one is forgotten. */
int mv_unwinder_maps(struct mv_unwinder *unwinder, const struct mv_unwind_map *maps, size_t count);
/* The image of an id; NULL: it can't be read. Kept, not owned: must outlive the unwinder or be replaced. */
int mv_unwinder_image(struct mv_unwinder *unwinder, uint32_t id, struct mv_image *image);

/* Where to write the id, plus 1, of each image that is about to be read: what a crash leaves behind. NULL: nowhere. */
void mv_unwinder_watch(struct mv_unwinder *unwinder, _Atomic uint32_t *working);

/* The image and vaddr of an address; NULL none. */
struct mv_image *mv_unwinder_find(struct mv_unwinder *unwinder, uint64_t addr, uint64_t *ret_vaddr, uint32_t *ret_id);
/* Is addr in an executable mapping; in one without a file? */
bool mv_unwinder_is_code(const struct mv_unwinder *unwinder, uint64_t addr, bool *ret_anonymous);

/**
 * Unwind one stack.
 *
 * regs: known has a bit for each register that is known (a waiting thread's: only SP and PC); stack: bytes from
 * regs->r[MV_REG_SP] on. Calls innermost first, at most cap. functions are left MV_FUNCTION_NONE.
 * A call whose code has no unwind entry ends the stack (MV_STACK_NO_TABLE): no guessing by the frame pointer.
 * Returns the number of calls (at least 1).
 * Cost: 10-12 us for 14 levels, warm; 2-3 us in memview-symbols, where sigprocmask costs nothing.
 */
size_t mv_unwind(struct mv_unwinder *unwinder, const struct mv_regs *regs, uint32_t known, const uint8_t *stack,
		 size_t stack_bytes, struct mv_call *calls, size_t cap, enum mv_stack_end *ret_end);

#endif
