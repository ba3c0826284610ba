/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/source_private.h"
#include "core/text.h"

/* What is read once and let go: the kernel's log, record by record, and small files of many processes. */

#define RECORD_BYTES 16384 /* the kernel makes none above 8 KiB and a bit */

static int open_log(struct mv_source *source)
{
	int fd;

	if (!source->live)
		return mv_fixture_open(source->fixture, 0, "kmsg");
	if (source->log_fd < 0) {
		fd = open("/dev/kmsg", MV_OPEN_FLAGS | O_NONBLOCK);
		if (fd < 0)
			return errno == EACCES ? -EPERM : -errno;
		source->log_fd = fd;
	}
	return source->log_fd;
}

static int read_live_log(int fd, mv_take_log *take, void *arg)
{
	char record[RECORD_BYTES];

	for (;;) {
		ssize_t n = read(fd, record, sizeof(record));
		int ret;

		/* EPIPE: records that were next have been overwritten meanwhile; it goes on with the oldest.
		 */
		if (n < 0 && (errno == EINTR || errno == EPIPE))
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : errno == EACCES ? -EPERM : -errno;
		if (n == 0)
			return 0;
		ret = take(arg, record, (size_t)n);
		if (ret)
			return ret;
	}
}

/* The log of a fixture only gets longer from step to step. */
static int read_fixture_log(struct mv_source *source, int fd, mv_take_log *take, void *arg)
{
	const size_t cap = 1 << 20;
	char *text = malloc(cap);
	ssize_t n = text ? mv_source_slurp(fd, text, cap, false) : -ENOMEM;
	struct mv_scan all = {text, text + (n > 0 ? n : 0)}, line;
	int ret = n < 0 ? (int)n : 0;

	for (uint64_t at = 0; !ret && mv_scan_line(&all, &line); at++) {
		if (at < source->log_done)
			continue;
		source->log_done++;
		ret = take(arg, line.at, (size_t)(line.end - line.at));
	}
	free(text);
	return ret;
}

int mv_source_log(struct mv_source *source, mv_take_log *take, void *arg)
{
	int fd = open_log(source), ret;

	if (fd < 0)
		return fd == -EACCES ? -EPERM : fd;
	if (source->live)
		return read_live_log(fd, take, arg);
	ret = read_fixture_log(source, fd, take, arg);
	close(fd);
	return ret;
}

static bool is_hidden(int pid)
{
	return kill(pid, 0) < 0 && errno == EPERM;
}

/* Why there is no such file: it is hidden, it has gone, or this kernel lacks the file. */
static int why_missing(struct mv_source *source, int pid)
{
	char name[32];

	if (!source->live) {
		int err = mv_fixture_find_pid(source->fixture, pid);

		return err ? err : -ENOENT;
	}
	snprintf(name, sizeof(name), "%d/stat", pid);
	if (faccessat(source->root_fd, name, F_OK, 0) == 0)
		return -ENOENT;
	return is_hidden(pid) ? -EPERM : -ESRCH;
}

ssize_t mv_source_task_read(struct mv_source *source, int pid, enum mv_file file, char *buf, size_t cap)
{
	const bool one_record = file != MV_FILE_MAPS && file != MV_FILE_SMAPS && file != MV_FILE_CMDLINE;
	char name[64];
	ssize_t n;
	int fd;

	if (source->live) {
		snprintf(name, sizeof(name), "%d/%s", pid, mv_source_file_names[file]);
		fd = openat(source->root_fd, name, MV_OPEN_FLAGS);
		if (fd < 0)
			fd = -errno;
	} else {
		fd = mv_fixture_find_pid(source->fixture, pid);
		if (fd == 0)
			fd = mv_fixture_open(source->fixture, pid, mv_source_file_names[file]);
	}
	if (fd < 0)
		return fd == -ENOENT ? why_missing(source, pid) : fd;
	n = mv_source_slurp(fd, buf, cap, one_record);
	close(fd);
	return n;
}
