/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * The least that any program must do: mv-floor quick|full PID reads maps (quick) or smaps (full) raw and scans all pages,
 * printing nothing, and without the dearer question which pages are a file's. What memview takes is told as a multiple of this.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct region {
	uint64_t start, end, categories;
};
struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask,
	    category_anyof_mask, return_mask;
};
#define SCAN _IOWR('f', 16, struct scan)
#define PRESENT_ETC  (8u | 16u | 256u)
#define FREE_CATS    (32u | 64u | 256u)

static void read_all(const char *pid, const char *name)
{
	static char buf[64 << 10];
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		exit(1);
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
}

static void scan_all(const char *pid)
{
	static struct region regions[256];
	struct scan arg;
	uint64_t at = 0, end = (UINT64_C(1) << 47) - 4096;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		exit(1);
	while (at < end) {
		memset(&arg, 0, sizeof(arg));
		arg.size = sizeof(arg);
		arg.start = at;
		arg.end = end;
		arg.vec = (uint64_t)(uintptr_t)regions;
		arg.vec_len = 256;
		arg.category_anyof_mask = PRESENT_ETC;
		arg.return_mask = PRESENT_ETC | FREE_CATS;
		if (ioctl(fd, SCAN, &arg) < 0)
			exit(1);
		at = arg.walk_end > at ? arg.walk_end : end;
	}
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	read_all(argv[2], strcmp(argv[1], "full") ? "maps" : "smaps");
	scan_all(argv[2]);
	return 0;
}
