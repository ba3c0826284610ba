/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SYMBOLS_H
#define MV_SYMBOLS_H

/*
 * ELF files: where code lies, what it is called, which line it comes from, and the tables that unwinding reads. The only
 * user of libelf, libdw and libiberty. It is meant for hostile files: everything is checked against the file's size, and
 * it runs in memview-symbols, a process without privileges and with limits (symboliser.h). Part of libsymbols.a, which
 * only that program and tests link.
 *
 * Addresses named vaddr are the file's own (unrelocated); vaddr + bias is the process's address.
 */

#include "core/types.h"

struct mv_image;

/* What a debug file is looked up by. */
struct mv_build_id {
	uint8_t bytes[20];
	uint32_t len; /* 0 none */
};

/**
 * Open an ELF file (or a copy of the vdso) for reading. Of the names compressed into a .gnu_debugdata nothing is known.
 *
 * Takes fd, and closes it on failure too. Source: elf(5). The file stays mapped: when it is cut short meanwhile, a read of
 * what is gone is a SIGBUS for the process that reads. That is memview-symbols, which is started anew without the file.
 * Errors: -ENOEXEC no ELF of this machine's class and byte order (then addresses are named file+offset); -EIO; -ENOMEM.
 * Cost:   program headers and section headers only; symbols are read at the first mv_image_symbol (4-30 ms for a large
 *         library), lines at the first mv_image_line of a unit (2-160 ms).
 */
int mv_image_open(int take_fd, struct mv_image **ret_image);
void mv_image_close(struct mv_image *image);

void mv_image_build_id(const struct mv_image *image, struct mv_build_id *ret_id);
/* Its separate debug file: symbols and lines then come from there too. Takes fd. -ESTALE: another build's. */
int mv_image_add_debug(struct mv_image *image, int take_fd);

/*
 * How far an instance of the file is displaced, from one mapping of it (start address and file offset, page-aligned by
 * the kernel). One bias an instance, never one a mapping: neighbouring segments share file pages. -ENOENT: no PT_LOAD
 * holds that offset.
 */
int mv_image_bias(const struct mv_image *image, uint64_t map_start, uint64_t map_offset, uint32_t perms, uint64_t *ret_bias);

/* Would a mapping of the file at that address and offset belong to an instance with that bias? */
bool mv_image_fits(const struct mv_image *image, uint64_t bias, uint64_t map_start, uint64_t map_offset);

/* Bytes of a segment as the file has them (zero beyond filesz up to memsz). false: not inside. */
bool mv_image_read(const struct mv_image *image, uint64_t vaddr, void *out, size_t n);

/*
 * The sorted table of unwind entries, in the layout of .eh_frame_hdr's binary search table: pairs of int32 (function
 * start, FDE), both relative to segbase_vaddr. With synthetic the file has none (static programs): it was built from
 * .eh_frame and is not in the file. -ENOENT: no unwind information at all.
 */
struct mv_unwind_table {
	uint64_t segbase_vaddr;
	uint64_t table_vaddr;	/* of the first pair; meaningless when synthetic */
	const void *synthetic;	/* the pairs, or NULL; owned by the image */
	uint64_t count;
};
int mv_image_unwind_table(struct mv_image *image, struct mv_unwind_table *ret_table);

/* A function. name is raw (mangled), owned by the image; size 0 when the symbol has none. */
struct mv_symbol {
	const char *name;
	uint64_t vaddr, size;
};
/*
 * The symbol that holds vaddr: from .symtab, .dynsym and the debug file, by size; a symbol without size reaches to the
 * next one of its section. -ENOENT: none (never the nearest below).
 */
int mv_image_symbol(struct mv_image *image, uint64_t vaddr, struct mv_symbol *ret_symbol);

/* Source line, from DWARF. file is raw, owned by the image. -ENOENT none. */
int mv_image_line(struct mv_image *image, uint64_t vaddr, const char **ret_file, uint32_t *ret_line);

/*
 * C++ and Rust names as people write them; others as they are; a symbol's version ("@@GLIBC_2.14") is dropped. Cut at cap,
 * which bounds the time too: a mangled name of a few bytes can stand for gigabytes. Returns the length.
 */
size_t mv_symbol_demangle(const char *raw, char *out, size_t cap);

#endif
