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

/* Why there are no names and no stacks below the first call; MV_WHY_HAVE when there are. NULL: of one that did not start. */
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
 * Ask for a stack. token comes back with the answer. known: a bit for each register known. Of a stack of more than 64 KiB the
 * first are taken.
 * -EAGAIN: its queue is full, or it is still opening files it was told of (some ms): take answers in first; -EPIPE: it is
 * not there (mv_symboliser_why).
 */
int mv_symboliser_unwind(struct mv_symboliser *symboliser, uint64_t token, const struct mv_regs *regs, uint32_t known,
			 const uint8_t *stack, size_t stack_bytes);
/*
 * Ask for the source line of an address; the answer stays, see mv_symboliser_line_of, until some file is not mapped any more:
 * then other code may lie there, and it is asked for anew. Asked once each. -EPIPE; -ENOMEM (also when there are too many).
 */
int mv_symboliser_line(struct mv_symboliser *symboliser, uint64_t pc);
/*
 * Ask for the name of the function or object at an address of data, as a vtable's; code: the start of any executable mapping
 * of the same file. The answer comes as a line's does, with the offset in the object as its number.
 */
int mv_symboliser_object(struct mv_symboliser *symboliser, uint64_t address, uint64_t code);

int mv_symboliser_fd(const struct mv_symboliser *symboliser); /* to poll; -1 none */
/*
 * When to dispatch even though nothing comes (an answer is overdue, it has to be started anew, or something waits to be told),
 * by mv_source_now; 0 at once, UINT64_MAX never.
 */
uint64_t mv_symboliser_due_ns(const struct mv_symboliser *symboliser);

/*
 * Take in answers. take gets each stack; calls are innermost first with functions filled in. Stacks that it was given but lost
 * in a crash come back as MV_STACK_NOT_UNWOUND with no calls: every token asked for comes back once. take may ask for more, but
 * neither dispatch nor free.
 */
typedef void mv_take_stack(void *arg, uint64_t token, const struct mv_call *calls, size_t count, enum mv_stack_end end);
void mv_symboliser_dispatch(struct mv_symboliser *symboliser, mv_take_stack *take, void *arg);
size_t mv_symboliser_pending(const struct mv_symboliser *symboliser); /* stacks asked for and not yet back */

/*
 * A name is a symbol's, demangled. Without a symbol: FILE+0xADDRESS, the file's own address (as addr2line takes it) of where its
 * unwind table says that the code begins, else of the call; of a file that can't be read the offset into it. [jit] is all
 * code in anonymous memory, and what is in no code at all has its address.
 */
/* Functions met so far; ids stay valid as long as the symboliser lives, over restarts too. Text is clean. */
struct mv_function_info {
	const char *name;  /* see below */
	const char *image; /* base name of its file, "" none */
	uint64_t start;	   /* address of its first byte where it was met last; 0 unknown */
	uint32_t flags;	   /* enum mv_function_flag */
};
uint32_t mv_symboliser_functions(const struct mv_symboliser *symboliser);
const struct mv_function_info *mv_symboliser_function(const struct mv_symboliser *symboliser, uint32_t id);
/*
 * 0 with *ret_file NULL: there is none; -EAGAIN: not known yet; -ENOENT: never asked. file is clean, and valid until the next
 * dispatch or list of mappings.
 */
int mv_symboliser_line_of(const struct mv_symboliser *symboliser, uint64_t pc, const char **ret_file, uint32_t *ret_line);

/* CPU that it (and its predecessors) have used. */
uint64_t mv_symboliser_cpu_ns(const struct mv_symboliser *symboliser);

/* memview-symbols itself: answers requests on the socket until it closes. Returns an exit status. In symboliser_serve.c. */
int mv_symboliser_serve(int socket);

#endif
