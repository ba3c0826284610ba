/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/filecache.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

/* As in <linux/mman.h>, which older headers lack. */
struct cachestat_range {
	uint64_t off, len;
};
struct cachestat_answer {
	uint64_t cache, dirty, writeback, evicted, recently_evicted;
};

static int ask_cachestat(int fd, uint64_t offset, uint64_t bytes, struct cachestat_answer *answer)
{
	struct cachestat_range range = {offset, bytes};

	return syscall(SYS_cachestat, fd, &range, answer, 0) < 0 ? -errno : 0;
}

/*
 * The kernel's rule for mincore: the owner, or who may write. To anybody else it says that all pages are
 * there. Kernels before 5.8 can't be asked for the second part by a descriptor; then only the owner is sure.
 */
static bool may_ask_mincore(int fd, const struct stat *st)
{
	return st->st_uid == geteuid() ||
	       syscall(SYS_faccessat2, fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0;
}

int mv_cached_begin(int fd, bool use_mincore, struct mv_cached *ret_cached, uint64_t *ret_bytes)
{
	struct mv_cached cached = {.way = MV_CACHE_MINCORE};
	struct cachestat_answer answer;
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < 0)
		return -EINVAL;
	err = use_mincore ? -ENOSYS : ask_cachestat(fd, 0, 1, &answer);
	if (!err)
		cached.way = MV_CACHE_CACHESTAT;
	else if (err == -EPERM)
		return -EPERM;
	else if (err != -ENOSYS)
		return -EINVAL; /* EOPNOTSUPP: hugetlbfs */
	else if (!may_ask_mincore(fd, &st))
		return -EPERM;
	cached.cached = mv_val_of(0);
	cached.dirty = cached.writeback = cached.evicted = cached.recently_evicted =
	    cached.way == MV_CACHE_CACHESTAT ? mv_val_of(0) : mv_val_missing(MV_WHY_NO_KERNEL);
	*ret_cached = cached;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static int add_mincore(int fd, uint64_t offset, uint64_t bytes, uint32_t page_bytes, struct mv_cached *cached)
{
	const size_t pages = (size_t)((bytes + page_bytes - 1) / page_bytes);
	unsigned char *there = malloc(pages);
	void *at;
	int err = 0;

	if (!there)
		return -ENOMEM;
	at = mmap(NULL, (size_t)bytes, PROT_NONE, MAP_SHARED, fd, (off_t)offset);
	if (at == MAP_FAILED || mincore(at, (size_t)bytes, there) < 0)
		err = errno == ENOMEM ? -ENOMEM : -EINVAL;
	for (size_t i = 0; !err && i < pages; i++)
		cached->cached.value += there[i] & 1;
	if (at != MAP_FAILED)
		munmap(at, (size_t)bytes);
	free(there);
	return err;
}

int mv_cached_add(int fd, uint64_t offset, uint64_t bytes, uint32_t page_bytes, struct mv_cached *cached)
{
	struct cachestat_answer answer;
	int err;

	if (!bytes)
		return 0;
	if (cached->way == MV_CACHE_MINCORE)
		return add_mincore(fd, offset, bytes, page_bytes, cached);
	err = ask_cachestat(fd, offset, bytes, &answer);
	if (err)
		return err == -EPERM ? -EPERM : -EINVAL;
	cached->cached.value += answer.cache;
	cached->dirty.value += answer.dirty;
	cached->writeback.value += answer.writeback;
	cached->evicted.value += answer.evicted;
	cached->recently_evicted.value += answer.recently_evicted;
	return 0;
}

/* ---- which files ---- */

struct piece {
	uint32_t mapping;
	const struct mv_mapping *m;
};

static int compare_pieces(const void *a, const void *b)
{
	const struct mv_mapping *x = ((const struct piece *)a)->m, *y = ((const struct piece *)b)->m;

#define BY(field) \
	if (x->field != y->field) \
	return x->field < y->field ? -1 : 1
	BY(dev_major);
	BY(dev_minor);
	BY(inode);
	BY(offset);
	BY(start);
#undef BY
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	const uint32_t x = ((const struct mv_cached_file *)a)->mapping,
		       y = ((const struct mv_cached_file *)b)->mapping;

	return (x > y) - (x < y);
}

static bool same_file(const struct mv_mapping *a, const struct mv_mapping *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/* Pieces of one file, by offset: each byte that is mapped counts once. */
static struct mv_cached_file make_file(const struct piece *at, size_t n)
{
	struct mv_cached_file f = {.inode = at->m->inode,
				   .dev_major = at->m->dev_major,
				   .dev_minor = at->m->dev_minor,
				   .mapping = UINT32_MAX,
				   .mappings = (uint32_t)n};
	uint64_t reached = 0;

	for (size_t i = 0; i < n; i++) {
		const uint64_t start = at[i].m->offset, bytes = at[i].m->end - at[i].m->start;
		const uint64_t end = bytes > UINT64_MAX - start ? UINT64_MAX : start + bytes;

		if (at[i].mapping < f.mapping)
			f.mapping = at[i].mapping;
		if (end <= reached)
			continue;
		f.mapped_bytes += end - (start > reached ? start : reached);
		reached = end;
	}
	return f;
}

ssize_t mv_cached_files(const struct mv_mapping *at, uint32_t count, struct mv_cached_file **ret_files,
			uint32_t *file_of)
{
	struct piece *pieces = malloc((count ? count : 1) * sizeof(*pieces));
	struct mv_cached_file *files = NULL;
	uint32_t *first = NULL; /* mapping -> file, at the file's first mapping */
	size_t n = 0, found = 0;

	if (!pieces)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		file_of[i] = UINT32_MAX;
		if (at[i].inode)
			pieces[n++] = (struct piece){i, &at[i]};
	}
	qsort(pieces, n, sizeof(*pieces), compare_pieces);
	files = malloc((n ? n : 1) * sizeof(*files));
	first = malloc((count ? count : 1) * sizeof(*first));
	if (!files || !first) {
		free(pieces);
		free(files);
		free(first);
		return -ENOMEM;
	}
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && same_file(pieces[i].m, pieces[end].m); end++)
			;
		files[found++] = make_file(&pieces[i], end - i);
	}
	qsort(files, found, sizeof(*files), compare_files);
	for (size_t i = 0; i < found; i++)
		first[files[i].mapping] = (uint32_t)i;
	for (size_t i = 0, end; i < n; i = end) {
		uint32_t lowest = pieces[i].mapping;

		for (end = i + 1; end < n && same_file(pieces[i].m, pieces[end].m); end++)
			lowest = pieces[end].mapping < lowest ? pieces[end].mapping : lowest;
		for (size_t k = i; k < end; k++)
			file_of[pieces[k].mapping] = first[lowest];
	}
	free(first);
	free(pieces);
	*ret_files = files;
	return (ssize_t)found;
}
