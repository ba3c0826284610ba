/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_FILECACHE_H
#define MV_FILECACHE_H

/* How much of a file is in the page cache, whoever brought it there, and how much of it a process maps. */

#include "core/maps.h"

enum mv_cache_way {
	MV_CACHE_NOT_ASKED,
	MV_CACHE_CACHESTAT, /* cachestat(2), Linux 6.5: all figures */
	MV_CACHE_MINCORE,   /* mincore(2) over a mapping of our own: `cached` alone */
	MV_CACHE__N
};

/* Pages of the base size. */
struct mv_cached {
	struct mv_val cached;	 /* in the page cache; shared memory and tmpfs: in RAM */
	struct mv_val dirty;	 /* of them, changed since they were written out */
	struct mv_val writeback; /* being written out now */
	struct mv_val evicted;	 /* were there once, and the kernel still knows that they have gone */
	struct mv_val recently_evicted; /* of them, so recently that a read now means memory is too small */
	uint32_t way;		 /* enum mv_cache_way */
	uint32_t unused;
};

/* A file that a process maps: mappings of one device and inode. */
struct mv_cached_file {
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	uint32_t mapping;  /* index of the first mapping of it */
	uint32_t mappings; /* how many there are */
	uint64_t mapped_bytes; /* of the file: a part that several mappings show counts once; may reach beyond its end */
	struct mv_val resident; /* pages of the file in the process's tables, one that is there twice counted twice */
	struct mv_val size_bytes; /* why: as for cached */
	struct mv_cached cached;
	uint64_t read_ns; /* 0 never */
};

/*
 * Begin with the file open for reading: its size. *ret_way: how it will be read; mincore where cachestat does not exist, or where
 * use_mincore says so. Either is told by the kernel only to who owns the file or may write it: where not, cachestat is refused, and
 * mincore would call every page present, so that it is not even asked. Neither brings a page in.
 * Errors: -EPERM not told to us; -EINVAL not a regular file, or one of reserved huge pages.
 */
int mv_cached_begin(int fd, bool use_mincore, struct mv_cached *ret_cached, uint64_t *ret_bytes);
/* Add the pages of [offset, offset + bytes), a multiple of the page. Cost: 55 ns a page that is there at worst. Errors: as above, -ENOMEM. */
int mv_cached_add(int fd, uint64_t offset, uint64_t bytes, uint32_t page_bytes, struct mv_cached *cached);

/*
 * The files among mappings, by device and inode, in order of appearance; *ret_files is malloc'ed and all but what is mapped is 0,
 * with reasons NOT_READ. file_of, of as many entries as there are mappings: index of each one's file, UINT32_MAX none.
 * Returns how many, or -ENOMEM. O(n log n).
 */
ssize_t mv_cached_files(const struct mv_mapping *at, uint32_t count, struct mv_cached_file **ret_files, uint32_t *file_of);

#endif
