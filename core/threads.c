/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/pagemap.h"
#include "core/text.h"
#include "core/threads.h"

#define WORDS	    128 /* pages that are asked about at a time */
#define WHERE_BYTES 256

/* One of a thread's small files. The thread has ended, or this kernel lacks the file: its stat tells which.
 */
static ssize_t read_of(struct mv_target *target, int tid, const char *file, char *text, size_t cap)
{
	char name[48], stat[8];
	ssize_t n;

	snprintf(name, sizeof(name), "task/%d/%s", tid, file);
	n = mv_target_read_named(target, name, text, cap);
	if (n != -ENOENT)
		return n;
	snprintf(name, sizeof(name), "task/%d/stat", tid);
	return mv_target_read_named(target, name, stat, sizeof(stat)) == -ENOENT ? -ESRCH : -ENOENT;
}

/* Without schedstat the ticks of stat are as exact as it gets. */
static struct mv_val cpu_time(struct mv_target *target, int tid, const struct mv_stat *stat)
{
	const long hz = sysconf(_SC_CLK_TCK);
	char text[128];
	ssize_t n = read_of(target, tid, "schedstat", text, sizeof(text));
	struct mv_scan scan = {text, text + (n > 0 ? n : 0)};
	uint64_t ns;

	if (n > 0 && mv_scan_dec(&scan, &ns))
		return mv_val_of(ns);
	if (hz <= 0)
		return mv_val_missing(MV_WHY_NO_KERNEL);
	return mv_val_of((stat->utime_ticks + stat->stime_ticks) * (MV_NS_PER_SEC / (uint64_t)hz));
}

int mv_thread_stat_read(struct mv_target *target, int tid, struct mv_thread_stat *ret_stat)
{
	char text[2048];
	struct mv_thread_stat thread = {0};
	struct mv_stat stat;
	ssize_t n = read_of(target, tid, "stat", text, sizeof(text));
	int r = n < 0 ? (int)n : mv_stat_parse(text, (size_t)n, &stat);

	if (r < 0)
		return r;
	thread.tid = tid;
	thread.state = stat.state;
	memcpy(thread.comm, stat.comm, sizeof(thread.comm));
	thread.minor_faults = stat.minor_faults;
	thread.major_faults = stat.major_faults;
	thread.cpu_ns = cpu_time(target, tid, &stat);
	*ret_stat = thread;
	return 0;
}

/* " 0x7f…" */
static bool scan_word(struct mv_scan *s, uint64_t *ret_value)
{
	return mv_scan_char(s, ' ') && mv_scan_char(s, '0') && mv_scan_char(s, 'x') &&
	       mv_scan_hex(s, ret_value);
}

int mv_thread_where_parse(const char *text, size_t len, struct mv_thread_where *ret_where)
{
	static const char running[] = "running";
	struct mv_scan whole = {text, text + len}, s;
	struct mv_thread_where where = {0};
	uint64_t number, argument;
	bool negative;

	if (!mv_scan_line(&whole, &s))
		return -EBADMSG;
	if ((size_t)(s.end - s.at) == sizeof(running) - 1 && !memcmp(s.at, running, sizeof(running) - 1)) {
		*ret_where = (struct mv_thread_where){.running = true, .syscall = -1};
		return 0;
	}
	negative = mv_scan_char(&s, '-');
	if (!mv_scan_dec(&s, &number) || number > INT32_MAX)
		return -EBADMSG;
	where.syscall = negative ? -1 : (int64_t)number;
	for (int i = 0; !negative && i < 6; i++)
		if (!scan_word(&s, &argument))
			return -EBADMSG;
	if (!scan_word(&s, &where.sp) || !scan_word(&s, &where.pc) || s.at != s.end)
		return -EBADMSG;
	*ret_where = where;
	return 0;
}

int mv_thread_where_read(struct mv_target *target, int tid, struct mv_thread_where *ret_where)
{
	char text[WHERE_BYTES];
	ssize_t n = read_of(target, tid, "syscall", text, sizeof(text));

	return n < 0 ? (int)n : mv_thread_where_parse(text, (size_t)n, ret_where);
}

/* Where the stack that sp is in ends; 0: that is no private anonymous memory. A main stack may have grown
 * since the list was read. */
static uint64_t stack_end(const struct mv_maps *maps, uint64_t sp)
{
	const uint32_t i = mv_maps_find(maps->at, maps->count, sp);
	const struct mv_mapping *m;

	if (i >= maps->count)
		return 0;
	m = &maps->at[i];
	if (m->start > sp && m->kind != MV_KIND_STACK)
		return 0;
	if (m->inode || m->dev_major || m->dev_minor || (m->perms & MV_PERM_SHARED) ||
	    m->kind == MV_KIND_VDSO || m->kind == MV_KIND_VVAR || m->kind == MV_KIND_VSYSCALL)
		return 0;
	return m->end;
}

/* A page that a read does not change: there, and not a file's. */
static bool is_readable(uint64_t word)
{
	return (word & MV_WORD_PRESENT) && !(word & (MV_WORD_FILE | MV_WORD_GUARD));
}

ssize_t mv_thread_stack_copy(struct mv_target *target, const struct mv_maps *maps, uint64_t sp, void *out,
			     size_t cap)
{
	const uint64_t page_bytes = mv_target_page_bytes(target), end = stack_end(maps, sp);
	uint64_t words[WORDS];
	size_t done = 0, bytes;

	if (!end)
		return -EFAULT;
	if (cap > end - sp)
		cap = (size_t)(end - sp);
	while (done < cap) {
		const uint64_t at = sp + done, first = at & ~(page_bytes - 1);
		uint64_t pages = (sp + cap - first + page_bytes - 1) / page_bytes;
		ssize_t n = mv_target_words(target, first, pages < WORDS ? (size_t)pages : WORDS, words);
		ssize_t present = 0;

		if (n < 0)
			return done ? (ssize_t)done : n;
		while (present < n && is_readable(words[present]))
			present++;
		if (!present)
			break;
		bytes = (size_t)(first + (uint64_t)present * page_bytes - at);
		if (bytes > cap - done)
			bytes = cap - done;
		n = mv_target_bytes(target, at, (char *)out + done, bytes);
		if (n < 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
		if ((size_t)n < bytes || present < WORDS)
			break;
	}
	return (ssize_t)done;
}

int mv_thread_waiting_read(struct mv_target *target, const struct mv_maps *maps, int tid,
			   struct mv_thread_where *ret_where, void *out, size_t cap, size_t *ret_bytes)
{
	char before[WHERE_BYTES], after[WHERE_BYTES];
	struct mv_thread_where where;
	ssize_t n = read_of(target, tid, "syscall", before, sizeof(before)), copied, again;
	int r = n < 0 ? (int)n : mv_thread_where_parse(before, (size_t)n, &where);

	if (r < 0)
		return r;
	if (where.running)
		return -EAGAIN;
	copied = mv_thread_stack_copy(target, maps, where.sp, out, cap);
	if (copied < 0 && copied != -EFAULT)
		return (int)copied;
	again = read_of(target, tid, "syscall", after, sizeof(after));
	if (again < 0)
		return (int)again;
	if (again != n || memcmp(before, after, (size_t)n) != 0)
		return -EAGAIN;
	*ret_where = where;
	*ret_bytes = copied > 0 ? (size_t)copied : 0;
	return 0;
}
