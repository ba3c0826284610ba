/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/source_private.h"
#include "core/text.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define STREAM_BYTES	 ((size_t)64 * 1024)
#define STREAM_MAX_BYTES ((size_t)64 * 1024 * 1024) /* a line longer than this is no line */

const char *const mv_source_file_names[MV_FILE__N] = {
#define X(id, name) [MV_FILE_##id] = name,
    MV_FILES(X)
#undef X
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int mv_source_new(const struct mv_source_opts *opts, struct mv_source **ret_source)
{
	const bool live = !opts || !opts->root;
	struct mv_source *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->live = live;
	s->no_pagemap_scan = opts && opts->no_pagemap_scan;
	s->no_procmap_query = opts && opts->no_procmap_query;
	s->helper = opts ? opts->helper : NULL;
	s->log_fd = -1;
	for (size_t i = 0; i < MV_TREE__N; i++)
		s->tree_fd[i] = -1;
	for (size_t i = 0; i < MV_KPAGE__N; i++)
		s->kpage_fd[i] = -1;
	s->root_fd = open(live ? "/proc" : opts->root, MV_OPEN_FLAGS | O_DIRECTORY);
	if (s->root_fd < 0)
		err = errno == ENOTDIR ? -ENOENT : -errno;
	else if (live && faccessat(s->root_fd, "self/stat", F_OK, 0) < 0)
		err = -ENOENT; /* a bare directory: /proc is not mounted */
	else if (live)
		s->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
	else
		err = mv_fixture_new(s->root_fd, &s->fixture);
	if (err) {
		mv_source_free(s);
		return err;
	}
	if (!live)
		s->page_bytes = mv_fixture_page_bytes(s->fixture);
	*ret_source = s;
	return 0;
}

void mv_source_free(struct mv_source *source)
{
	if (!source)
		return;
	mv_fixture_free(source->fixture);
	close_fd(&source->root_fd);
	close_fd(&source->log_fd);
	for (size_t i = 0; i < MV_TREE__N; i++)
		close_fd(&source->tree_fd[i]);
	for (size_t i = 0; i < MV_KPAGE__N; i++)
		close_fd(&source->kpage_fd[i]);
	free(source->pids);
	free(source);
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * MV_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t mv_source_now(const struct mv_source *source)
{
	return source->live ? clock_ns(CLOCK_MONOTONIC) : mv_fixture_clock(source->fixture, false);
}

uint64_t mv_source_now_real(const struct mv_source *source)
{
	return source->live ? clock_ns(CLOCK_REALTIME) : mv_fixture_clock(source->fixture, true);
}

bool mv_source_is_live(const struct mv_source *source)
{
	return source->live;
}

uint32_t mv_source_page_bytes(const struct mv_source *source)
{
	return source->page_bytes;
}

void mv_source_step(struct mv_source *source)
{
	if (!source->live)
		mv_fixture_step(source->fixture);
}

ssize_t mv_source_slurp(int fd, char *buf, size_t cap, bool one_record)
{
	size_t used = 0;
	char probe;

	assert(cap > 0);
	while (used < cap - 1) {
		ssize_t n = pread(fd, buf + used, cap - 1 - used, (off_t)used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		used += (size_t)n;
		buf[used] = '\0';
		if (n == 0 || (one_record && used < cap - 1 && buf[used - 1] == '\n'))
			return (ssize_t)used;
	}
	buf[used] = '\0';
	return pread(fd, &probe, 1, (off_t)used) == 1 ? -E2BIG : (ssize_t)used;
}

static int compare_ids(const void *a, const void *b)
{
	const int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

size_t mv_source_sort_ids(int *ids, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(ids, n, sizeof(*ids), compare_ids);
	for (size_t i = 0; i < n; i++) {
		if (!kept || ids[kept - 1] != ids[i])
			ids[kept++] = ids[i];
	}
	return kept;
}

ssize_t mv_source_collect_ids(int take_fd, int *out, size_t n, size_t cap)
{
	DIR *dir = fdopendir(take_fd);
	struct dirent *entry;
	int err;

	if (!dir) {
		err = -errno;
		close(take_fd);
		return err;
	}
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		const char *end = entry->d_name + strlen(entry->d_name);
		struct mv_scan scan = {entry->d_name, end};
		uint64_t id;

		if (!mv_scan_dec(&scan, &id) || scan.at != end || id == 0 || id > INT32_MAX)
			continue;
		if (n < cap)
			out[n] = (int)id;
		n++;
	}
	err = -errno;
	closedir(dir);
	return err ? err : (ssize_t)n;
}

static ssize_t list_processes(struct mv_source *source)
{
	int fd;

	if (!source->live)
		return mv_fixture_list(source->fixture, 0, ".", source->pids, source->pids_cap);
	fd = openat(source->root_fd, ".", MV_OPEN_FLAGS | O_DIRECTORY);
	if (fd < 0)
		return -errno;
	return mv_source_collect_ids(fd, source->pids, 0, source->pids_cap);
}

/* The list is read once a round, at after == 0, so that a round is not quadratic. */
static void refresh_pids(struct mv_source *source)
{
	source->pids_count = 0;
	for (;;) {
		ssize_t n = list_processes(source);
		size_t cap;
		int *grown;

		if (n < 0)
			return;
		if ((size_t)n <= source->pids_cap) {
			source->pids_count = mv_source_sort_ids(source->pids, (size_t)n);
			return;
		}
		cap = (size_t)n + (size_t)n / 4 + 64;
		grown = reallocarray(source->pids, cap, sizeof(*grown));
		if (!grown)
			return;
		source->pids = grown;
		source->pids_cap = cap;
	}
}

int mv_source_next_pid(struct mv_source *source, int after)
{
	size_t low = 0, high;

	if (after <= 0)
		refresh_pids(source);
	high = source->pids_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (source->pids[mid] > after)
			high = mid;
		else
			low = mid + 1;
	}
	return low < source->pids_count ? source->pids[low] : 0;
}

static enum mv_why read_kpage(struct mv_source *source, enum mv_kpage which, uint64_t pfn, size_t n,
			      uint64_t *out)
{
	static const char *const names[MV_KPAGE__N] = {"kpageflags", "kpagecount", "kpagecgroup"};
	int *fd = &source->kpage_fd[which];
	size_t done = 0;

	if (*fd < 0)
		*fd = openat(source->root_fd, names[which], MV_OPEN_FLAGS);
	if (*fd < 0)
		return errno == ENOENT			   ? MV_WHY_NO_KERNEL
		       : errno == EACCES || errno == EPERM ? MV_WHY_NEEDS_DAC
							   : MV_WHY_IO;
	while (done < n) {
		ssize_t got =
		    pread(*fd, out + done, (n - done) * sizeof(*out), (off_t)((pfn + done) * sizeof(*out)));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < (ssize_t)sizeof(*out))
			return got < 0 && errno == EPERM ? MV_WHY_NEEDS_DAC : MV_WHY_IO;
		done += (size_t)got / sizeof(*out);
	}
	return MV_WHY_HAVE;
}

void mv_source_frames(struct mv_source *source, uint64_t pfn, size_t n, uint64_t *flags, uint64_t *counts,
		      uint64_t *cgroups, enum mv_why ret_why[static 3])
{
	uint64_t *const out[MV_KPAGE__N] = {flags, counts, cgroups};

	if (!source->live) {
		mv_fixture_frames(source->fixture, pfn, n, out, ret_why);
		return;
	}
	for (size_t i = 0; i < MV_KPAGE__N; i++)
		ret_why[i] = out[i] ? read_kpage(source, (enum mv_kpage)i, pfn, n, out[i]) : MV_WHY_NOT_ASKED;
}

const struct mv_features *mv_source_features(struct mv_source *source)
{
	if (!source->probed) {
		if (source->live)
			mv_source_probe(source);
		else
			mv_fixture_features(source->fixture, &source->features);
		if (source->no_pagemap_scan)
			source->features.pagemap_scan = false;
		if (source->no_procmap_query)
			source->features.procmap_query = false;
		source->probed = true;
	}
	return &source->features;
}

int mv_source_thread_group(struct mv_source *source, int tid)
{
	char name[32], text[4096];
	uint64_t tgid;
	ssize_t n;

	if (tid <= 0)
		return -ESRCH;
	snprintf(name, sizeof(name), "%d/status", tid);
	n = mv_source_read(source, name, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	if (!mv_text_field(text, (size_t)n, "Tgid", &tgid) || tgid == 0 || tgid > INT32_MAX)
		return -EBADMSG;
	return (int)tgid;
}

#define FORKED_NO_EXEC 0x40 /* PF_FORKNOEXEC of stat's flags */
#define SAME_MEMORY    1    /* KCMP_VM of <linux/kcmp.h> */

/* Field 9 of stat, after the name in parentheses; 0 when it can't be read. */
static uint64_t process_flags(struct mv_source *source, int pid)
{
	char name[32], text[1024], *at;
	struct mv_scan s;
	uint64_t flags;
	ssize_t n;

	snprintf(name, sizeof(name), "%d/stat", pid);
	n = mv_source_read(source, name, text, sizeof(text));
	at = n > 0 ? strrchr(text, ')') : NULL;
	for (int field = 2; at && field < 9; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return 0;
	s = (struct mv_scan){at + 1, text + n};
	return mv_scan_dec(&s, &flags) ? flags : 0;
}

enum mv_fork mv_source_forked(struct mv_source *source, int parent, int child)
{
	long same = syscall(SYS_kcmp, parent, child, SAME_MEMORY, 0L, 0L);

	if (same == 0)
		return MV_FORK_BORROWS;
	/* An exec would have given it memory of its own as well: only without one it was a copy. */
	return same > 0 && process_flags(source, child) & FORKED_NO_EXEC ? MV_FORK_COPIES : MV_FORK_UNKNOWN;
}

/* The pidfd comes first: if its process still exists once the directory is open, both mean the same one. */
static int open_live(struct mv_target *t)
{
	char name[16];

	t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	if (t->pidfd < 0 && errno == ESRCH)
		return -ESRCH;
	snprintf(name, sizeof(name), "%d", t->pid);
	t->dir_fd = openat(t->source->root_fd, name, MV_OPEN_FLAGS | O_DIRECTORY);
	if (t->dir_fd < 0 && errno == ENOENT)
		return kill(t->pid, 0) < 0 && errno == EPERM ? -EPERM : -ESRCH;
	if (t->dir_fd < 0)
		return -errno;
	return mv_target_is_there(t) ? 0 : -ESRCH;
}

/* /proc/TID opens although readdir hides it. Only status tells on every kernel: pidfd_open gives EINVAL or
 * ENOENT. */
static int refuse_thread(struct mv_target *t)
{
	int tgid = mv_source_thread_group(t->source, t->pid);

	if (tgid == -EPERM || tgid == -ESRCH)
		return t->source->live ? tgid : 0; /* a fixture may do without status */
	return tgid > 0 && tgid != t->pid ? -ESRCH : 0;
}

int mv_target_open(struct mv_source *source, int pid, struct mv_target **ret_target)
{
	struct mv_target *t;
	int err;

	if (pid <= 0)
		return -ESRCH;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->source = source;
	t->pid = pid;
	t->dir_fd = t->pidfd = t->pagemap_fd = -1;
	for (size_t i = 0; i < MV_FILE__N; i++)
		t->file_fd[i] = -1;
	err = source->live ? open_live(t) : mv_fixture_find_pid(source->fixture, pid);
	if (!err)
		err = refuse_thread(t);
	if (err) {
		mv_target_close(t);
		return err;
	}
	*ret_target = t;
	return 0;
}

void mv_target_reopen(struct mv_target *target)
{
	for (size_t i = 0; i < MV_FILE__N; i++)
		close_fd(&target->file_fd[i]);
	close_fd(&target->pagemap_fd);
	target->pages_loaded = false;
}

void mv_target_close(struct mv_target *target)
{
	if (!target)
		return;
	mv_target_reopen(target);
	close_fd(&target->dir_fd);
	close_fd(&target->pidfd);
	free(target->stream);
	free(target->pages);
	free(target);
}

int mv_target_pid(const struct mv_target *target)
{
	return target->pid;
}

uint32_t mv_target_page_bytes(const struct mv_target *target)
{
	return target->source->page_bytes;
}

int mv_target_pidfd(const struct mv_target *target)
{
	return target->pidfd;
}

bool mv_target_is_there(const struct mv_target *target)
{
	struct mv_source *source = target->source;

	if (!source->live)
		return mv_fixture_find_pid(source->fixture, target->pid) != -ESRCH;
	return faccessat(target->dir_fd, "stat", F_OK, 0) == 0 || (errno != ENOENT && errno != ESRCH);
}

int mv_target_open_below(struct mv_target *target, const char *name)
{
	struct mv_source *source = target->source;
	int fd;

	if (!mv_source_name_is_inside(name))
		return -ENOENT;
	if (source->live) {
		fd = openat(target->dir_fd, name, MV_OPEN_FLAGS);
		if (fd < 0)
			fd = -errno;
	} else {
		fd = mv_fixture_open(source->fixture, target->pid, name);
	}
	return fd == -ENOENT && !mv_target_is_there(target) ? -ESRCH : fd;
}

int mv_target_open_memory(struct mv_target *target, const char *name)
{
	char below[64];

	if (!target->via_tid)
		return mv_target_open_below(target, name);
	snprintf(below, sizeof(below), "task/%d/%s", target->via_tid, name);
	return mv_target_open_below(target, below);
}

void mv_target_via(struct mv_target *target, int tid)
{
	if (tid == target->via_tid)
		return;
	mv_target_reopen(target);
	target->via_tid = tid;
}

int mv_target_via_tid(const struct mv_target *target)
{
	return target->via_tid;
}

/* Kept when live. A fixture's files change from step to step, so they are opened anew, and *ret_close is set.
 */
static int open_kept(struct mv_target *target, enum mv_file file, bool *ret_close)
{
	int fd = target->file_fd[file];

	if (fd < 0)
		fd = file == MV_FILE_STAT ? mv_target_open_below(target, mv_source_file_names[file])
					  : mv_target_open_memory(target, mv_source_file_names[file]);
	*ret_close = fd >= 0 && !target->source->live;
	if (target->source->live && fd >= 0)
		target->file_fd[file] = fd;
	return fd;
}

ssize_t mv_target_read(struct mv_target *target, enum mv_file file, char *buf, size_t cap)
{
	const bool one_record = file != MV_FILE_MAPS && file != MV_FILE_SMAPS && file != MV_FILE_CMDLINE;
	bool must_close;
	ssize_t n;
	int fd = open_kept(target, file, &must_close);

	if (fd < 0)
		return fd;
	n = mv_source_slurp(fd, buf, cap, one_record);
	if (must_close)
		close(fd);
	return n;
}

/* Make room for a line longer than the buffer. */
static int grow_stream(struct mv_target *target)
{
	size_t cap = target->stream_cap ? target->stream_cap * 2 : STREAM_BYTES;
	char *grown;

	if (cap > STREAM_MAX_BYTES)
		return -E2BIG;
	grown = realloc(target->stream, cap);
	if (!grown)
		return -ENOMEM;
	target->stream = grown;
	target->stream_cap = cap;
	return 0;
}

static int stream_lines(struct mv_target *target, int fd, mv_take_lines *take, void *arg)
{
	size_t used = 0;
	off_t at = 0;

	for (;;) {
		const char *newline;
		size_t whole;
		ssize_t n;
		int err = used == target->stream_cap ? grow_stream(target) : 0;

		if (err)
			return err;
		n = pread(fd, target->stream + used, target->stream_cap - used, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return used ? take(arg, target->stream, used) : 0;
		at += n;
		newline = memrchr(target->stream + used, '\n', (size_t)n);
		used += (size_t)n;
		if (!newline)
			continue;
		whole = (size_t)(newline + 1 - target->stream);
		err = take(arg, target->stream, whole);
		if (err)
			return err;
		used -= whole;
		memmove(target->stream, target->stream + whole, used);
	}
}

int mv_target_stream(struct mv_target *target, enum mv_file file, mv_take_lines *take, void *arg)
{
	bool must_close;
	int err;
	int fd = open_kept(target, file, &must_close);

	if (fd < 0)
		return fd;
	err = stream_lines(target, fd, take, arg);
	if (must_close)
		close(fd);
	return err;
}

ssize_t mv_target_read_named(struct mv_target *target, const char *name, char *buf, size_t cap)
{
	ssize_t n;
	int fd = mv_target_open_below(target, name);

	if (fd < 0)
		return fd;
	n = mv_source_slurp(fd, buf, cap, false);
	close(fd);
	return n;
}

ssize_t mv_target_list(struct mv_target *target, const char *name, int *out, size_t cap)
{
	ssize_t n;

	if (target->source->live) {
		int fd = mv_target_open_below(target, name);

		if (fd < 0)
			return fd;
		n = mv_source_collect_ids(fd, out, 0, cap);
	} else {
		n = mv_fixture_list(target->source->fixture, target->pid, name, out, cap);
	}
	if (n > 0)
		mv_source_sort_ids(out, (size_t)n < cap ? (size_t)n : cap);
	return n;
}

ssize_t mv_target_bytes(struct mv_target *target, uint64_t addr, void *buf, size_t n)
{
	struct iovec here = {buf, n}, there = {(void *)(uintptr_t)addr, n};
	ssize_t got;

	if (!target->source->live)
		return mv_fixture_bytes(target, addr, buf, n);
	got = process_vm_readv(target->via_tid ? target->via_tid : target->pid, &here, 1, &there, 1, 0);
	if (got < 0)
		got = -errno;
	/* The call goes by number. If our process still exists, the number was its own all the time. */
	return mv_target_is_there(target) ? got : -ESRCH;
}
