/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/source_private.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* As in <linux/openat2.h>, which older headers lack. */
struct how_to_open {
	uint64_t flags, mode, resolve;
};
#define NO_MAGIC_LINKS 0x02
#define IN_ROOT	       0x10

#define ANY_INODE UINT64_MAX
#define LOOK_ONLY (O_PATH | O_CLOEXEC)
#define TRIES	  8 /* a rename during the walk makes openat2 give up */

/*
 * Open for reading what a descriptor that only looks refers to, if it is a regular file and the right one.
 * Takes look_fd. Through our own /proc: so it is the very file that was looked at.
 */
static int open_looked_at(struct mv_source *source, int look_fd, uint64_t inode)
{
	char name[48];
	struct stat st;
	int fd;

	if (look_fd < 0)
		return look_fd;
	if (fstat(look_fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (inode != ANY_INODE && (uint64_t)st.st_ino != inode)) {
		close(look_fd);
		return -ENOENT;
	}
	snprintf(name, sizeof(name), "self/fd/%d", look_fd);
	fd = openat(source->root_fd, name, MV_OPEN_FLAGS | O_NONBLOCK);
	if (fd < 0)
		fd = -errno;
	close(look_fd);
	return fd;
}

/* Before openat2 (Linux 5.6): name by name, and no link is followed. The kernel's names of mapped files have
 * none. */
static int walk_inside(int root_fd, const char *path)
{
	int at = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);

	while (at >= 0) {
		size_t len;
		char part[256];
		int next;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			return at;
		if (len >= sizeof(part) || (len == 2 && memcmp(path, "..", 2) == 0)) {
			close(at);
			return -ENOENT;
		}
		memcpy(part, path, len);
		part[len] = '\0';
		path += len;
		next = openat(at, part, LOOK_ONLY | O_NOFOLLOW);
		if (next < 0)
			next = -errno;
		close(at);
		at = next;
		if (at < 0)
			return at;
	}
	return -errno;
}

/* A descriptor that only looks, or -errno. Links are followed, but they lead nowhere outside root_fd. */
static int look_inside(int root_fd, const char *path)
{
	const struct how_to_open how = {.flags = LOOK_ONLY, .resolve = IN_ROOT | NO_MAGIC_LINKS};

	for (unsigned i = 0; i < TRIES; i++) {
		long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == EAGAIN || errno == EINTR)
			continue;
		/* EPERM: a filter of system calls that does not know it. */
		return errno == ENOSYS || errno == EPERM ? walk_inside(root_fd, path) : -errno;
	}
	return -ENOENT;
}

static int open_inside(struct mv_source *source, int root_fd, const char *path, uint64_t inode)
{
	int fd;

	if (root_fd < 0)
		return -errno;
	fd = open_looked_at(source, look_inside(root_fd, path), inode);
	close(root_fd);
	return fd;
}

/* What a link of the process leads to (exe, map_files/…). */
static int open_link(struct mv_target *target, const char *name, uint64_t inode)
{
	int fd = openat(target->dir_fd, name, LOOK_ONLY);

	return open_looked_at(target->source, fd < 0 ? -errno : fd, inode);
}

static int open_in_target(struct mv_target *target, const char *path, uint64_t inode)
{
	int root_fd = openat(target->dir_fd, "root", LOOK_ONLY | O_DIRECTORY);

	return open_inside(target->source, root_fd, path, inode);
}

/* The one errno of several tries, and whether the process is still there. */
static int settle_error(struct mv_target *target, int err)
{
	if (!mv_target_is_there(target))
		return -ESRCH;
	if (err == -EPERM)
		return -EACCES;
	return err == -EACCES || err == -EMFILE || err == -ENFILE || err == -ENOMEM ? err : -ENOENT;
}

int mv_target_open_image(struct mv_target *target, struct mv_range mapping, uint64_t inode, const char *path)
{
	char name[64];
	int fd;

	if (!target->source->live)
		return -ENOENT;
	snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, mapping.start, mapping.end);
	fd = open_link(target, name, inode);
	if (fd < 0 && path[0] == '/')
		fd = open_in_target(target, path, inode);
	if (fd < 0) {
		int again = open_link(target, "exe", inode);

		fd = again >= 0 ? again : fd;
	}
	return fd < 0 ? settle_error(target, fd) : fd;
}

int mv_target_open_debug(struct mv_target *target, const char *path)
{
	int fd;

	if (!target->source->live)
		return -ENOENT;
	fd = open_inside(target->source, open("/", LOOK_ONLY | O_DIRECTORY), path, ANY_INODE);
	if (fd < 0)
		fd = open_in_target(target, path, ANY_INODE);
	return fd < 0 ? settle_error(target, fd) : fd;
}

int mv_source_open_helper(struct mv_source *source)
{
	static const char program[] = "/memview-symbols";
	char path[4096];
	ssize_t n;
	int fd;

	if (!source->live)
		return -ENOENT;
	if (source->helper) {
		fd = open(source->helper, MV_OPEN_FLAGS);
		return fd < 0 ? -ENOENT : fd;
	}
	n = readlinkat(source->root_fd, "self/exe", path, sizeof(path) - sizeof(program));
	while (n > 0 && path[n - 1] != '/')
		n--;
	if (n > 0) {
		memcpy(path + n - 1, program, sizeof(program));
		fd = open(path, MV_OPEN_FLAGS);
		if (fd >= 0)
			return fd;
	}
	fd = open(MV_LIBEXECDIR "/memview-symbols", MV_OPEN_FLAGS);
	return fd < 0 ? -ENOENT : fd;
}
