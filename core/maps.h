/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_MAPS_H
#define MV_MAPS_H

/* PID/maps -> mappings and their kinds. */

#include "core/source.h"

/* Kinds of a mapping, first rule that fits (PRODUCT.md). X(ID, name, meaning); the name is JSON's too. */
#define MV_KINDS(X)                                                                                           \
	X(HEAP, "heap", "the brk heap: what malloc takes first")                                              \
	X(STACK, "stack", "the main thread's stack")                                                          \
	X(VDSO, "vdso", "code the kernel lends to every process")                                             \
	X(VVAR, "vvar", "data the kernel lends to the vdso")                                                  \
	X(VSYSCALL, "vsyscall", "the old fixed system-call page; never read")                                 \
	X(HUGE, "huge", "hugetlb pages, reserved beforehand")                                                 \
	X(SHARED, "shared", "shared anonymous memory, memfd, SysV or /dev/shm")                               \
	X(TEXT, "text", "a file's code")                                                                      \
	X(DATA, "data", "a file's writable data")                                                             \
	X(RODATA, "rodata", "a program file's constants")                                                     \
	X(FILE, "file", "a file that is read or written as memory")                                           \
	X(GUARD, "guard", "no access, right below a stack: catches overflow")                                 \
	X(RESERVED, "reserved", "addresses taken, no access: costs no RAM")                                   \
	X(THREAD_STACK, "thread-stack", "a thread's stack")                                                   \
	X(BSS, "bss", "a program file's zero-initialised data")                                               \
	X(JIT, "jit", "anonymous executable memory: generated code")                                          \
	X(ANON, "anon", "anonymous memory: malloc's big blocks, arenas, runtimes")

enum mv_kind {
#define X(id, name, meaning) MV_KIND_##id,
	MV_KINDS(X)
#undef X
	MV_KIND__N
};
const char *mv_kind_name(enum mv_kind kind);
const char *mv_kind_meaning(enum mv_kind kind);

enum mv_perm { MV_PERM_R = 1, MV_PERM_W = 2, MV_PERM_X = 4, MV_PERM_SHARED = 8 };

enum mv_mapping_flag {
	MV_MAPPING_DELETED = 1, /* the kernel appended " (deleted)" and the inode is not 0 */
	MV_MAPPING_FILE = 2,	/* inode or device is not 0, and not a shared-memory object */
};

/* One line of maps. 56 bytes, no pointers: it lives in snapshots as it is. */
struct mv_mapping {
	uint64_t start, end; /* bytes */
	uint64_t offset;     /* bytes into the file */
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	uint32_t name;	 /* offset of the cleaned name in the pool; 0 is "" (anonymous) */
	uint32_t object; /* equal for the mappings of one object, see mv_maps_classify */
	uint8_t perms;	 /* enum mv_perm */
	uint8_t kind;	 /* enum mv_kind */
	uint8_t flags;	 /* enum mv_mapping_flag */
	uint8_t pad[5];
};

/* Mappings ascending by start, never overlapping, and the pool of their cleaned names. */
struct mv_maps {
	struct mv_mapping *at;
	uint32_t count;
	uint32_t cap;
	char *names; /* names[0] is "" (NULL before any parse): NUL-terminated clean strings, equal ones shared */
	uint32_t names_len;
	uint32_t names_cap;
	bool torn; /* an order violation was seen while reading: it changed under us, the rest was left out */
	uint32_t object_count; /* after classify: every mapping's object is below it */
	/* private: hashes of name -> offset and of object -> index, and the objects */
	uint32_t *intern, intern_cap, intern_count;
	uint32_t *object_hash, object_hash_cap;
	struct mv_maps_object *objects;
	uint32_t objects_cap;
};

void mv_maps_init(struct mv_maps *maps);
void mv_maps_release(struct mv_maps *maps);
void mv_maps_clear(struct mv_maps *maps); /* empties, keeps the memory */

/**
 * Append the mappings of whole lines of text.
 *
 * Source: <root>/<pid>/maps; man 5 proc. Accepts any address width up to 64 bit and the formats of 4.19 to 6.18.
 * Errors: -EBADMSG names no mapping line (the text before it is kept); -ENOMEM.
 * Cost:   one pass, about 0.07 us a line beyond the read.
 */
int mv_maps_parse(struct mv_maps *maps, const char *text, size_t len);

/* Parse one line (without its \n) of maps or the same line inside smaps, appending it. */
int mv_maps_parse_line(struct mv_maps *maps, const char *line, size_t len);

/*
 * Set the kind and object of every mapping; needs them all, since neighbours decide (bss, guard, rodata).
 * Objects are dense indices: 0 is plain anonymous memory (whether or not there is any), the others follow in
 * order of appearance: one for each file (device and inode; its bss included), one for each pseudo name.
 * stack_pointers: of the other threads, ascending, may be NULL with n 0 (then thread stacks are recognised
 * only by a guard below and the pthread size pattern is not guessed at: they stay anon).
 */
void mv_maps_classify(struct mv_maps *maps, const uint64_t *stack_pointers, size_t n);

/* Clear, stream, parse and classify. Errors: -ESRCH, -EACCES, -EBADMSG, -ENOMEM. */
int mv_maps_read(struct mv_target *target, struct mv_maps *maps, const uint64_t *stack_pointers, size_t n);

/* Index of the mapping that holds addr, or of the next above it; count when there is none. O(log n). */
uint32_t mv_maps_find(const struct mv_mapping *at, uint32_t count, uint64_t addr);

#endif
