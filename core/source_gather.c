/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <sys/uio.h>

#include "core/source_private.h"

/* Many small pieces of a target's memory in one call. */

#define PIECES 512

ssize_t mv_target_gather(struct mv_target *target, const uint64_t *addresses, size_t count, size_t bytes_each,
			 void *buf)
{
	struct iovec there[PIECES], here = {buf, 0};
	ssize_t got;

	if (count > PIECES)
		count = PIECES;
	if (!target->source->live) {
		got = count ? mv_fixture_bytes(target, addresses[0], buf, bytes_each) : 0;
		return got < 0 ? got : (ssize_t)(got == (ssize_t)bytes_each);
	}
	for (size_t i = 0; i < count; i++)
		there[i] = (struct iovec){(void *)(uintptr_t)addresses[i], bytes_each};
	here.iov_len = count * bytes_each;
	got = process_vm_readv(target->via_tid ? target->via_tid : target->pid, &here, 1, there, count, 0);
	if (got < 0)
		got = -errno;
	if (!mv_target_is_there(target))
		return -ESRCH;
	return got < 0 ? got : (ssize_t)((size_t)got / bytes_each);
}
