/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>

#include "core/perf_private.h"

#if MV_REGS_HERE
const uint8_t mv_perf_reg_bits[MV_REGS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 18, 19, 20, 21, 22, 23};
/* AX BX CX DX SI DI BP SP IP R8..R15 -> their places in struct mv_regs */
static const uint8_t reg_ours[MV_REGS] = {0, 3, 2, 1, 4, 5, 6, 7, 16, 8, 9, 10, 11, 12, 13, 14, 15};
#endif

static uint64_t get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/*
 * The registers and the stack behind a sample's fixed part: ABI [REGISTERS] SIZE [BYTES USED]. Returns the
 * bytes that these take; what is left says which event it was.
 */
#if MV_REGS_HERE
static ssize_t decode_stack(const uint8_t *at, size_t left, struct mv_perf_record *r)
{
	const size_t regs_bytes = MV_REGS * 8;
	uint64_t abi, size, used;
	size_t taken = 8;

	if (left < 16)
		return -EBADMSG;
	abi = get64(at);
	if (abi > PERF_SAMPLE_REGS_ABI_64)
		return -EBADMSG;
	if (abi != PERF_SAMPLE_REGS_ABI_NONE) {
		if (left < 16 + regs_bytes)
			return -EBADMSG;
		for (size_t i = 0; i < MV_REGS; i++)
			r->regs.r[reg_ours[i]] = get64(at + taken + i * 8);
		taken += regs_bytes;
	}
	r->has_regs = abi == PERF_SAMPLE_REGS_ABI_64; /* of 32-bit code they would mean something else */
	size = get64(at + taken);
	taken += 8;
	if (size == 0)
		return (ssize_t)taken;
	if (size > left - taken || left - taken - size < 8 || size % 8)
		return -EBADMSG;
	used = get64(at + taken + size);
	if (used > size)
		return -EBADMSG;
	if (r->has_regs && used > 0) {
		r->stack = at + taken;
		r->stack_bytes = (uint32_t)used;
	}
	return (ssize_t)(taken + size + 8);
}
#else
static ssize_t decode_stack(const uint8_t *at, size_t left, struct mv_perf_record *r)
{
	(void)at;
	(void)left;
	(void)r;
	return -EBADMSG; /* none was asked for */
}
#endif

static int decode_sample(const uint8_t *p, size_t size, uint16_t misc, struct mv_perf_record *r)
{
	size_t left = size - MV_PERF_SAMPLE_BYTES;

	if (size < MV_PERF_SAMPLE_BYTES)
		return -EBADMSG;
	r->kind = MV_PERF_SAMPLE;
	r->id = get64(p + 8);
	r->ip = get64(p + 16);
	r->pid = (int32_t)get32(p + 24);
	r->tid = (int32_t)get32(p + 28);
	r->at_ns = get64(p + MV_PERF_SAMPLE_TIME_OFFSET);
	r->addr = get64(p + 40);
	r->cpu = get32(p + 48);
	r->in_kernel = (misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
	p += MV_PERF_SAMPLE_BYTES;
	/* Two words are the mark of CPU, whose first is never 0, or a stack that could not be had: 0, 0. */
	if (left > 16 || (left == 16 && get64(p) == 0)) {
		const ssize_t taken = decode_stack(p, left, r);

		if (taken < 0)
			return -EBADMSG;
		left -= (size_t)taken;
	}
	if (left % 8 || left / 8 > MV_PERF_CPU)
		return -EBADMSG;
	r->event = (uint32_t)(left / 8);
	return 1;
}

/* pid ppid tid ptid time */
static int decode_task(const uint8_t *body, size_t len, bool is_fork, struct mv_perf_record *r)
{
	if (len != 24)
		return -EBADMSG;
	r->kind = is_fork ? MV_PERF_FORK : MV_PERF_EXIT;
	r->pid = (int32_t)get32(body + (is_fork ? 4 : 0));
	r->new_pid = is_fork ? (int32_t)get32(body) : 0;
	r->tid = (int32_t)get32(body + 8);
	return 1;
}

/* pid tid addr len pgoff maj min ino ino_generation prot flags name */
static int decode_mmap(const uint8_t *body, size_t len, uint16_t misc, struct mv_perf_record *r)
{
	if (len < 72 || !memchr(body + 64, '\0', len - 64))
		return -EBADMSG;
	r->kind = MV_PERF_MMAP;
	r->pid = (int32_t)get32(body);
	r->tid = (int32_t)get32(body + 4);
	r->addr = get64(body + 8);
	r->len = get64(body + 16);
	r->offset = get64(body + 24);
	if (!(misc & PERF_RECORD_MISC_MMAP_BUILD_ID))
		r->inode = get64(body + 40);
	r->prot = get32(body + 56);
	r->shared = get32(body + 60) & MAP_SHARED;
	r->name = (const char *)(body + 64);
	return 1;
}

static int decode_other(const uint8_t *body, size_t len, const struct perf_event_header *h,
			struct mv_perf_record *r)
{
	switch (h->type) {
	case PERF_RECORD_LOST: /* id lost */
		if (len != 16)
			return -EBADMSG;
		r->kind = MV_PERF_LOST;
		r->lost = get64(body + 8);
		return 1;
	case PERF_RECORD_LOST_SAMPLES:
		if (len != 8)
			return -EBADMSG;
		r->kind = MV_PERF_LOST;
		r->lost = get64(body);
		return 1;
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		return decode_task(body, len, h->type == PERF_RECORD_FORK, r);
	case PERF_RECORD_COMM: /* pid tid name */
		if (len < 16)
			return -EBADMSG;
		r->kind = MV_PERF_EXEC;
		r->pid = (int32_t)get32(body);
		r->tid = (int32_t)get32(body + 4);
		return h->misc & PERF_RECORD_MISC_COMM_EXEC ? 1 : 0; /* else a thread has named itself */
	case PERF_RECORD_MMAP2:
		return decode_mmap(body, len, h->misc, r);
	}
	return 0;
}

int mv_perf_decode(const void *record, size_t size, struct mv_perf_record *ret_record)
{
	const uint8_t *p = record;
	struct perf_event_header h;
	struct mv_perf_record r;
	int known;

	if (size < sizeof(h))
		return -EBADMSG;
	memcpy(&h, p, sizeof(h));
	if (h.size < sizeof(h) || h.size > size)
		return -EBADMSG;
	memset(&r, 0, sizeof(r));
	if (h.type == PERF_RECORD_SAMPLE) {
		known = decode_sample(p, h.size, h.misc, &r);
	} else {
		const uint8_t *trailer = p + h.size - MV_PERF_TRAILER_BYTES;

		if (h.size < sizeof(h) + MV_PERF_TRAILER_BYTES)
			return -EBADMSG;
		r.pid = (int32_t)get32(trailer);
		r.tid = (int32_t)get32(trailer + 4);
		r.at_ns = get64(trailer + 8);
		r.cpu = get32(trailer + 16);
		r.id = get64(trailer + 24);
		known = decode_other(p + sizeof(h), h.size - sizeof(h) - MV_PERF_TRAILER_BYTES, &h, &r);
	}
	if (known > 0)
		*ret_record = r;
	return known;
}
