/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TESTS_UNWOUND_H
#define MV_TESTS_UNWOUND_H

/* A process that is stopped, its mappings and files given to an unwinder, and its stack unwound. */

#include "core/maps.h"
#include "core/unwind.h"

#define SUBJECT_FILES 64

struct subject {
	int pid, tid; /* traced by us, stopped */
	struct mv_maps maps;
	struct mv_unwind_map *list;
	size_t list_count;
	struct mv_image *images[SUBJECT_FILES];
	uint32_t image_count;
	struct mv_unwinder *unwinder;
	struct mv_regs regs;
	uint8_t *stack;
	size_t stack_bytes; /* what was copied: all of it, to the end of its mapping */
	struct mv_call calls[MV_CALLS_MAX];
	size_t count;
	enum mv_stack_end end;
};

/* Start a program and let it run to its breakpoint. false: it didn't get there. */
bool subject_start(struct subject *subject, const char *const *argv);
/* Read the mappings and files of subject->pid, live; then the registers and stack of the stopped subject->tid. */
bool subject_open(struct subject *subject);
bool subject_read_stack(struct subject *subject);
/* Unwind with all registers, or those of known, and at most so many bytes of the stack. */
void subject_unwind(struct subject *subject, uint32_t known, size_t stack_bytes, size_t cap);
#define SUBJECT_ALL ((UINT32_C(1) << MV_REGS) - 1)
/* The function of a call as people write it; "?" none. In a static buffer. */
const char *subject_name(struct subject *subject, size_t call);
void subject_end(struct subject *subject); /* and the process with it, when it was started */

#endif
