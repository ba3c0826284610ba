/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_FRAMES_H
#define MV_FRAMES_H

/* The physical side of one page: kpageflags, kpagecount, kpagecgroup. Pure tables; reading is mv_source_frames'. */

#include "core/types.h"

/* X(bit, NAME, meaning in words). Source: Documentation/admin-guide/mm/pagemap.rst, include/uapi/linux/kernel-page-flags.h. */
#define MV_FRAME_FLAGS(X)                                                                                     \
	X(0, LOCKED, "locked for exclusive access, as during I/O")                                            \
	X(1, ERROR, "an I/O error happened on it")                                                            \
	X(2, REFERENCED, "used since it was last looked at by reclaim")                                       \
	X(3, UPTODATE, "its content is valid")                                                                \
	X(4, DIRTY, "changed since it was last written out")                                                  \
	X(5, LRU, "on one of reclaim's lists")                                                                \
	X(6, ACTIVE, "on the active list: reclaim leaves it alone for now")                                   \
	X(7, SLAB, "holds the kernel's own small objects")                                                    \
	X(8, WRITEBACK, "being written to disk or swap")                                                      \
	X(9, RECLAIM, "to be reclaimed as soon as it is written")                                             \
	X(10, BUDDY, "free, in the buddy allocator")                                                          \
	X(11, MMAP, "mapped by a process")                                                                    \
	X(12, ANON, "anonymous: belongs to no file")                                                          \
	X(13, SWAPCACHE, "also has a place in swap")                                                          \
	X(14, SWAPBACKED, "goes to swap when reclaimed, not to a file")                                       \
	X(15, COMPOUND_HEAD, "first frame of a larger page")                                                  \
	X(16, COMPOUND_TAIL, "a later frame of a larger page")                                                \
	X(17, HUGE, "part of a hugetlb page")                                                                 \
	X(18, UNEVICTABLE, "locked into RAM: reclaim skips it")                                               \
	X(19, HWPOISON, "broken hardware: never used again")                                                  \
	X(20, NOPAGE, "no such frame")                                                                        \
	X(21, KSM, "merged with equal pages")                                                                 \
	X(22, THP, "part of a transparent huge page")                                                         \
	X(23, OFFLINE, "taken offline, as by a balloon driver")                                               \
	X(24, ZERO_PAGE, "the shared page of zeroes")                                                         \
	X(25, IDLE, "not used since it was marked idle")                                                      \
	X(26, PGTABLE, "holds page tables")                                                                   \
	X(32, RESERVED, "kept out of the page allocator")                                                     \
	X(33, MLOCKED, "locked by mlock")                                                                     \
	X(35, PRIVATE, "carries private data of a file system")                                               \
	X(36, PRIVATE_2, "carries more private data")                                                         \
	X(37, OWNER_PRIVATE, "marked by its owner")                                                           \
	X(38, ARCH, "the architecture's own mark")                                                            \
	X(39, UNCACHED, "mapped uncached")                                                                    \
	X(40, SOFTDIRTY, "written since soft-dirty was cleared")                                              \
	X(41, ARCH_2, "the architecture's own mark")

struct mv_frame_flag_info {
	unsigned bit;
	const char *name, *meaning;
};
extern const struct mv_frame_flag_info mv_frame_flags[];
extern const size_t mv_frame_flags_count;

#endif
