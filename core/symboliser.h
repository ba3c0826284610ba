/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SYMBOLISER_H
#define MV_SYMBOLISER_H

/*
 * The collector's end of memview-symbols: a program of its own that unwinds stacks and looks names up in the target's
 * files. Those files are the target's to choose, so it runs as nobody (or the invoking user), without capabilities, with
 * limits on memory, and holds no descriptor but its socket and the files it is given. When it crashes or does not answer, it
 * is started anew without the file it had under work; after some times names stay away and the reason says so.
 *
 * Nothing here blocks: requests are queued in the socket, answers are taken in by mv_symboliser_dispatch. The same process
 * serves fault samples and threads' stacks.
 */

#include "core/calls.h"
#include "core/maps.h"

struct mv_symboliser;

/* Why there are no names and no stacks below the first call; MV_WHY_HAVE when there are. */
enum mv_why mv_symboliser_why(const struct mv_symboliser *symboliser);

/**
 * Start it.
 *
 * Program: memview-symbols beside our own executable, else in the compiled-in libexec folder (source_image.c knows).
 * Errors: -ENOENT not installed, or built without libunwind and libdw; -EAGAIN; -ENOMEM. Cost: a fork and an exec, about 3 ms,
 * of which we wait for nothing.
 */
int mv_symboliser_start(struct mv_source *source, struct mv_target *target, struct mv_symboliser **ret_symboliser);
void mv_symboliser_free(struct mv_symboliser *symboliser); /* also ends the process */

/*
 * Tell it the mappings, whenever the list has changed (gen differs from the last one told). Files are opened here, once
 * each: by map_files, else by root and path with the inode checked; the vdso is copied. Cost: 10 us a new file.
 */
int mv_symboliser_maps(struct mv_symboliser *symboliser, const struct mv_maps *maps, uint32_t gen);

/* It knows the mappings that it was told: a stack may be asked for. Else -EAGAIN is what asking gets. */
bool mv_symboliser_ready(const struct mv_symboliser *symboliser);

/*
 * Ask for a stack. token comes back with the answer. known: a bit for each register known.
 * -EAGAIN: its queue is full (take answers in first); -EPIPE: it is not there (mv_symboliser_why).
 */
int mv_symboliser_unwind(struct mv_symboliser *symboliser, uint64_t token, const struct mv_regs *regs, uint32_t known,
			 const uint8_t *stack, size_t stack_bytes);
/* Ask for the source line of an address; the answer stays, see mv_symboliser_line_of. Asked once each. */
int mv_symboliser_line(struct mv_symboliser *symboliser, uint64_t pc);

int mv_symboliser_fd(const struct mv_symboliser *symboliser); /* to poll; -1 none */
/* When it is to be looked after even though nothing comes (an answer is overdue); UINT64_MAX never. */
uint64_t mv_symboliser_due_ns(const struct mv_symboliser *symboliser);

/*
 * Take in answers. take gets each stack; calls are innermost first with functions filled in. Stacks that it was given but lost
 * in a crash come back as MV_STACK_NOT_UNWOUND with no calls: every token asked for comes back once.
 */
typedef void mv_take_stack(void *arg, uint64_t token, const struct mv_call *calls, size_t count, enum mv_stack_end end);
void mv_symboliser_dispatch(struct mv_symboliser *symboliser, mv_take_stack *take, void *arg);
size_t mv_symboliser_pending(const struct mv_symboliser *symboliser); /* stacks asked for and not yet back */

/* Functions met so far; ids stay valid as long as the symboliser lives, over restarts too. Text is clean. */
struct mv_function_info {
	const char *name;  /* demangled; or libc.so.6+0x1234; or [jit] */
	const char *image; /* base name of its file, "" none */
	uint64_t start;	   /* address of its first byte when it was met; 0 unknown */
	uint32_t flags;	   /* enum mv_function_flag */
};
uint32_t mv_symboliser_functions(const struct mv_symboliser *symboliser);
const struct mv_function_info *mv_symboliser_function(const struct mv_symboliser *symboliser, uint32_t id);
/* 0 with *ret_file NULL: there is none; -EAGAIN: not known yet; -ENOENT: never asked. file is clean. */
int mv_symboliser_line_of(const struct mv_symboliser *symboliser, uint64_t pc, const char **ret_file, uint32_t *ret_line);

/* CPU that it (and its predecessors) have used. */
uint64_t mv_symboliser_cpu_ns(const struct mv_symboliser *symboliser);

/* memview-symbols itself: answers requests on the socket until it closes. Returns an exit status. In symboliser_serve.c. */
int mv_symboliser_serve(int socket);

#endif
