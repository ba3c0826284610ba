/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/pagemap.h"
#include "core/source_private.h"

/* <linux/fs.h> of Linux 6.7 and 6.11; older headers lack both. The names are ours, so newer headers do no
 * harm. */
struct scan_arg {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};
#define IOC_PAGEMAP_SCAN _IOWR('f', 16, struct scan_arg)

struct procmap_arg {
	uint64_t size, flags, addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, name_size, build_id_size;
	uint64_t name_addr, build_id_addr;
};
#define IOC_PROCMAP_QUERY	 _IOWR('f', 17, struct procmap_arg)
#define PROCMAP_COVERING_OR_NEXT 0x10

_Static_assert(sizeof(struct scan_arg) == 96, "the kernel's struct pm_scan_arg");
_Static_assert(sizeof(struct procmap_arg) == 104, "the kernel's struct procmap_query");

#define ADVISE_GUARD_INSTALL 102 /* MADV_GUARD_INSTALL, Linux 6.13 */

#define FALLBACK_WORDS ((size_t)8192) /* 64 KiB of pagemap a read */
#define NO_USER_ABOVE  (UINT64_C(1) << 63)
#define BLOCK_FRAMES   ((uint64_t)512)	   /* of a huge page, for 4 KiB pages */
#define FRAME_IS_ZERO  (UINT64_C(1) << 24) /* KPF_ZERO_PAGE */
#define CATS_ALWAYS    ((uint64_t)(MV_CAT_PRESENT | MV_CAT_SWAPPED))
#define CATS_ASKED     ((uint64_t)(MV_CAT_FILE | MV_CAT_HUGE | MV_CAT_PFNZERO | MV_CAT_GUARD))

/* Regions found, or -errno. A guard reports SWAPPED too, so two categories find all three. */
static int ask_kernel(int fd, struct mv_range range, uint64_t return_cats, uint64_t max_pages,
		      struct mv_run *runs, size_t cap, uint64_t *ret_walked)
{
	struct scan_arg arg = {
	    .size = sizeof(arg),
	    .start = range.start,
	    .end = range.end,
	    .vec = (uintptr_t)runs,
	    .vec_len = cap,
	    .max_pages = max_pages,
	    .category_anyof_mask = CATS_ALWAYS,
	    .return_mask = CATS_ALWAYS | return_cats,
	};
	int n;

	do
		n = ioctl(fd, IOC_PAGEMAP_SCAN, &arg);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*ret_walked = arg.walk_end;
	return n;
}

/* The highest end the ioctl takes here: what access_ok() allows depends on processor and kernel. */
static uint64_t find_scan_end(int fd, uint64_t page_bytes)
{
	static const unsigned bits[] = {56, 52, 48, 47};

	for (size_t i = 0; i < MV_COUNT_OF(bits); i++) {
		const uint64_t end = (UINT64_C(1) << bits[i]) - page_bytes;
		struct mv_run run;
		uint64_t walked;

		if (ask_kernel(fd, (struct mv_range){end - page_bytes, end}, 0, 1, &run, 1, &walked) >= 0)
			return end;
	}
	return 0;
}

static uint64_t word_at(int fd, const void *page, uint64_t page_bytes)
{
	uint64_t word = 0;
	off_t offset = (off_t)((uintptr_t)page / page_bytes * sizeof(word));

	return pread(fd, &word, sizeof(word), offset) == (ssize_t)sizeof(word) ? word : 0;
}

/* Three pages of our own: the first touched, the second a guard where the kernel has such, the third only
 * read. */
static void probe_pages(struct mv_source *source, int fd, char *pages)
{
	struct mv_features *f = &source->features;
	const uint64_t page_bytes = source->page_bytes;
	char *const guard = pages + page_bytes;
	const struct mv_range first = {(uintptr_t)pages, (uintptr_t)guard};
	const struct mv_range second = {(uintptr_t)guard, (uintptr_t)guard + page_bytes};
	const char *const zero = guard + page_bytes;
	bool installed = madvise(guard, page_bytes, ADVISE_GUARD_INSTALL) == 0;
	struct mv_run run = {0};
	uint64_t walked, word;

	*(volatile char *)pages = 1;
	word = word_at(fd, pages, page_bytes);
	f->frame_numbers = (word & MV_WORD_PRESENT) && MV_WORD_PFN(word) != 0;
	f->soft_dirty = (word & MV_WORD_SOFTDIRTY) != 0;
	(void)*(const volatile char *)zero;
	word = word_at(fd, zero, page_bytes);
	if (f->frame_numbers && (word & MV_WORD_PRESENT) && !(word & MV_WORD_EXCLUSIVE))
		source->zero_frame = MV_WORD_PFN(word);
	if (source->no_pagemap_scan) {
		f->guard_category = installed && (word_at(fd, guard, page_bytes) & MV_WORD_GUARD);
		return;
	}
	f->pagemap_scan = ask_kernel(fd, first, 0, 1, &run, 1, &walked) == 1 && (run.cats & MV_CAT_PRESENT);
	if (!f->pagemap_scan) {
		f->guard_category = installed && (word_at(fd, guard, page_bytes) & MV_WORD_GUARD);
		return;
	}
	f->guard_category = installed && ask_kernel(fd, second, MV_CAT_GUARD, 1, &run, 1, &walked) == 1 &&
			    (run.cats & MV_CAT_GUARD);
	source->scan_end = find_scan_end(fd, page_bytes);
}

static bool probe_procmap(struct mv_source *source)
{
	struct procmap_arg arg = {.size = sizeof(arg), .flags = PROCMAP_COVERING_OR_NEXT};
	int fd = openat(source->root_fd, "self/maps", MV_OPEN_FLAGS);
	bool works;

	if (fd < 0)
		return false;
	works = ioctl(fd, IOC_PROCMAP_QUERY, &arg) == 0;
	close(fd);
	return works;
}

void mv_source_probe(struct mv_source *source)
{
	struct mv_features *f = &source->features;
	const size_t bytes = 3 * (size_t)source->page_bytes;
	int fd = openat(source->root_fd, "self/pagemap", MV_OPEN_FLAGS);
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	enum mv_why why[3];
	uint64_t flags;

	if (fd >= 0 && pages != MAP_FAILED)
		probe_pages(source, fd, pages);
	if (pages != MAP_FAILED)
		munmap(pages, bytes);
	if (fd >= 0)
		close(fd);
	mv_source_frames(source, 0, 1, &flags, NULL, NULL, why);
	f->kpageflags = why[0] == MV_WHY_HAVE;
	f->procmap_query = !source->no_procmap_query && probe_procmap(source);
}

/* Reads of pagemap end at once when the memory it was opened on is gone; page 0 can be asked about always. */
static bool has_memory(int pagemap_fd)
{
	uint64_t word;

	return pread(pagemap_fd, &word, sizeof(word), 0) != 0;
}

/*
 * The descriptor keeps the memory it was opened on. A kernel thread or a zombie has none; the ioctl is never
 * tried on such, since kernels have differed in how they take that.
 */
static int open_pagemap(struct mv_target *target)
{
	if (target->pagemap_fd < 0) {
		int fd = mv_target_open_memory(target, "pagemap");

		if (fd < 0)
			return fd;
		target->pagemap_fd = fd;
		target->pagemap_empty = !has_memory(fd);
	}
	return target->pagemap_empty ? -ESRCH : 0;
}

ssize_t mv_target_words(struct mv_target *target, uint64_t addr, size_t n, uint64_t *words)
{
	const uint64_t first = addr / target->source->page_bytes;
	size_t done = 0;
	int err;

	if (!target->source->live)
		return mv_fixture_words(target, addr, n, words);
	err = open_pagemap(target);
	if (err)
		return err;
	if (addr >= NO_USER_ABOVE)
		return 0;
	while (done < n) {
		size_t want = n - done < FALLBACK_WORDS ? n - done : FALLBACK_WORDS;
		ssize_t got = pread(target->pagemap_fd, words + done, want * sizeof(*words),
				    (off_t)((first + done) * sizeof(*words)));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return done ? (ssize_t)done : -errno;
		if (got < (ssize_t)sizeof(*words))
			break;
		done += (size_t)got / sizeof(*words);
	}
	return done || n == 0 || has_memory(target->pagemap_fd) ? (ssize_t)done : -ESRCH;
}

/*
 * Without PAGEMAP_SCAN the zero page is known by its frame number, the huge one by the flags of its frame.
 * Neither counts as mapped by one process alone, so only pages that others map too are looked at.
 */
static bool is_zero_page(struct mv_source *source, uint64_t word, uint64_t page)
{
	const uint64_t frame = MV_WORD_PFN(word), block = frame / BLOCK_FRAMES;
	enum mv_why why[3];
	uint64_t flags = 0;

	if (!(word & MV_WORD_PRESENT) || (word & (MV_WORD_FILE | MV_WORD_EXCLUSIVE)) || !frame)
		return false;
	if (frame == source->zero_frame)
		return true;
	if (frame % BLOCK_FRAMES != page % BLOCK_FRAMES)
		return false;
	if (block != source->asked_block) {
		mv_source_frames(source, frame, 1, &flags, NULL, NULL, why);
		source->asked_block = block;
		source->asked_block_zero = why[0] == MV_WHY_HAVE && (flags & FRAME_IS_ZERO);
	}
	return source->asked_block_zero;
}

static uint64_t cats_of_word(uint64_t word, uint64_t told)
{
	uint64_t cats = 0;

	if (word & MV_WORD_PRESENT)
		cats |= MV_CAT_PRESENT;
	if (word & MV_WORD_SWAPPED)
		cats |= MV_CAT_SWAPPED;
	if (cats && (word & MV_WORD_FILE))
		cats |= MV_CAT_FILE;
	if (word & MV_WORD_GUARD)
		cats |= MV_CAT_GUARD | MV_CAT_SWAPPED;
	return cats & told;
}

/* At most one read, since a read is as long as the target's lock should be held. */
static ssize_t scan_words(struct mv_target *target, struct mv_range range, uint64_t told, uint64_t max_pages,
			  struct mv_run *runs, size_t cap, uint64_t *ret_walked)
{
	const uint64_t page_bytes = target->source->page_bytes;
	const uint64_t pages = (range.end - range.start) / page_bytes;
	uint64_t words[FALLBACK_WORDS];
	uint64_t want = pages < max_pages ? pages : max_pages;
	uint64_t addr = range.start;
	size_t used = 0;
	ssize_t got;

	if (want > FALLBACK_WORDS)
		want = FALLBACK_WORDS;
	got = mv_target_words(target, range.start, (size_t)want, words);
	if (got < 0)
		return got;
	for (size_t i = 0; i < (size_t)got; i++, addr += page_bytes) {
		uint64_t cats = words[i] ? cats_of_word(words[i], told) : 0;

		if (!cats)
			continue;
		if ((told & MV_CAT_PFNZERO) && is_zero_page(target->source, words[i], addr / page_bytes))
			cats |= MV_CAT_PFNZERO;
		if (used && runs[used - 1].end == addr && runs[used - 1].cats == cats) {
			runs[used - 1].end = addr + page_bytes;
			continue;
		}
		if (used == cap) {
			*ret_walked = addr;
			return (ssize_t)used;
		}
		runs[used++] = (struct mv_run){addr, addr + page_bytes, cats};
	}
	/* Fewer than wanted: the end of user addresses. */
	*ret_walked = got < (ssize_t)want ? range.end : addr;
	return (ssize_t)used;
}

/* What the words of pagemap can't tell. */
static uint64_t untold_by_words(const struct mv_source *source)
{
	const bool knows_zero = source->zero_frame && source->features.kpageflags;

	return MV_CAT_HUGE | (knows_zero ? 0 : (uint64_t)MV_CAT_PFNZERO);
}

static uint64_t find_told(struct mv_source *source, uint64_t return_cats)
{
	const struct mv_features *f = mv_source_features(source);
	uint64_t told = CATS_ALWAYS | (return_cats & CATS_ASKED);

	if (!f->guard_category)
		told &= ~(uint64_t)MV_CAT_GUARD;
	if (!f->pagemap_scan)
		told &= ~untold_by_words(source);
	return told;
}

static ssize_t scan_live(struct mv_target *target, struct mv_range range, uint64_t *told, uint64_t max_pages,
			 struct mv_run *runs, size_t cap, uint64_t *ret_walked)
{
	struct mv_source *source = target->source;
	int err = open_pagemap(target);
	ssize_t n;

	if (err)
		return err;
	if (!source->features.pagemap_scan || range.start >= source->scan_end) {
		const uint64_t less = *told & ~untold_by_words(source);

		n = scan_words(target, range, less, max_pages, runs, cap, ret_walked);

		if (n > 0) /* no runs leave nothing untold */
			*told = less;
		return n;
	}
	if (range.end > source->scan_end)
		range.end = source->scan_end;
	n = ask_kernel(target->pagemap_fd, range, *told, max_pages, runs, cap, ret_walked);
	/* Where memory has gone, some kernels say ESRCH and some find nothing. */
	return n == 0 && !has_memory(target->pagemap_fd) ? -ESRCH : n;
}

ssize_t mv_target_scan(struct mv_target *target, struct mv_range range, uint64_t return_cats,
		       uint64_t max_pages, struct mv_run *runs, size_t cap, uint64_t *ret_walked,
		       uint64_t *ret_told)
{
	struct mv_source *source = target->source;
	const uint64_t page_mask = ~(uint64_t)(source->page_bytes - 1);
	uint64_t told = find_told(source, return_cats);
	uint64_t walked = range.end;
	ssize_t n = 0;

	assert(cap > 0 && max_pages > 0 && range.start <= range.end);
	if (cap > MV_SCAN_RUNS)
		cap = MV_SCAN_RUNS;
	if (range.start < NO_USER_ABOVE && range.start < range.end) {
		struct mv_range aligned = {range.start & page_mask, range.end};

		if (aligned.end > NO_USER_ABOVE)
			aligned.end = NO_USER_ABOVE;
		aligned.end = (aligned.end + source->page_bytes - 1) & page_mask;
		if (source->live)
			n = scan_live(target, aligned, &told, max_pages, runs, cap, &walked);
		else
			n = mv_fixture_scan(target, aligned, told, max_pages, runs, cap, &walked);
	}
	if (n < 0)
		return n;
	*ret_walked = walked;
	*ret_told = told;
	return n;
}
