/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/stat.h"
#include "core/text.h"

/* Numbers of /proc/PID/stat's fields, man 5 proc. */
enum {
	FIELD_PPID = 4,
	FIELD_FLAGS = 9,
	FIELD_MINFLT = 10,
	FIELD_MAJFLT = 12,
	FIELD_UTIME = 14,
	FIELD_STIME = 15,
	FIELD_THREADS = 20,
	FIELD_START = 22,
	FIELD_VSIZE = 23,
	FIELD_RSS = 24
};

/* Fields ppid to rss into values[], a minus sign (tty, tpgid, priority, nice) counted as 0. */
static bool scan_fields(struct mv_scan *s, uint64_t values[static FIELD_RSS + 1])
{
	for (int i = FIELD_PPID; i <= FIELD_RSS; i++) {
		bool negative;

		mv_scan_spaces(s);
		negative = mv_scan_char(s, '-');
		if (!mv_scan_dec(s, &values[i]))
			return false;
		if (negative)
			values[i] = 0;
	}
	return true;
}

int mv_stat_parse(const char *text, size_t len, struct mv_stat *ret_stat)
{
	struct mv_scan s = {text, text + len};
	struct mv_stat stat = {0};
	uint64_t pid, values[FIELD_RSS + 1] = {0};
	const char *close = memrchr(text, ')', len);
	size_t comm_len;

	if (!close || !mv_scan_dec(&s, &pid) || pid > INT32_MAX || !mv_scan_char(&s, ' ') ||
	    !mv_scan_char(&s, '(') || s.at > close)
		return -EBADMSG;
	comm_len = (size_t)(close - s.at);
	if (comm_len >= sizeof(stat.comm))
		comm_len = sizeof(stat.comm) - 1;
	memcpy(stat.comm, s.at, comm_len);
	stat.pid = (int32_t)pid;

	s.at = close + 1;
	if (!mv_scan_char(&s, ' ') || s.at >= s.end)
		return -EBADMSG;
	stat.state = *s.at++;
	if (!scan_fields(&s, values) || values[FIELD_PPID] > INT32_MAX)
		return -EBADMSG;
	stat.ppid = (int32_t)values[FIELD_PPID];
	stat.flags = (uint32_t)values[FIELD_FLAGS];
	stat.minor_faults = values[FIELD_MINFLT];
	stat.major_faults = values[FIELD_MAJFLT];
	stat.utime_ticks = values[FIELD_UTIME];
	stat.stime_ticks = values[FIELD_STIME];
	stat.threads = (uint32_t)values[FIELD_THREADS];
	stat.start_ticks = values[FIELD_START];
	stat.vsize_bytes = values[FIELD_VSIZE];
	stat.rss_pages = values[FIELD_RSS];
	*ret_stat = stat;
	return 0;
}

static bool has_ended(char state)
{
	return state == 'Z' || state == 'X';
}

/* The state of one thread; false: it has gone. */
static bool thread_state(struct mv_target *target, int tid, char *ret_state)
{
	char name[48], text[2048];
	struct mv_stat stat;
	ssize_t len;

	snprintf(name, sizeof(name), "task/%d/stat", tid);
	len = mv_target_read_named(target, name, text, sizeof(text));
	if (len < 0 || mv_stat_parse(text, (size_t)len, &stat) < 0)
		return false;
	*ret_state = stat.state;
	return true;
}

/* The main thread has ended and others have not: one of these stands for the process from now on. */
static void go_by_thread(struct mv_target *target, struct mv_stat *stat)
{
	int tids[64];
	char state;
	ssize_t n;

	if (mv_target_via_tid(target) && thread_state(target, mv_target_via_tid(target), &state) &&
	    !has_ended(state)) {
		stat->state = state;
		return;
	}
	n = mv_target_list(target, "task", tids, MV_COUNT_OF(tids));
	for (ssize_t i = 0; i < n && i < (ssize_t)MV_COUNT_OF(tids); i++) {
		if (tids[i] == stat->pid || !thread_state(target, tids[i], &state) || has_ended(state))
			continue;
		mv_target_via(target, tids[i]);
		stat->state = state;
		return;
	}
}

int mv_stat_read(struct mv_target *target, struct mv_stat *ret_stat)
{
	char text[2048];
	ssize_t len = mv_target_read(target, MV_FILE_STAT, text, sizeof(text));
	int r = len < 0 ? (int)len : mv_stat_parse(text, (size_t)len, ret_stat);

	if (r == 0 && has_ended(ret_stat->state) && ret_stat->threads > 1)
		go_by_thread(target, ret_stat);
	return r;
}

int mv_statm_parse(const char *text, size_t len, struct mv_statm *ret_statm)
{
	struct mv_scan s = {text, text + len};
	uint64_t values[6]; /* size resident shared text lib data */

	for (size_t i = 0; i < MV_COUNT_OF(values); i++) {
		mv_scan_spaces(&s);
		if (!mv_scan_dec(&s, &values[i]))
			return -EBADMSG;
	}
	*ret_statm = (struct mv_statm){
	    .size_pages = values[0],
	    .resident_pages = values[1],
	    .shared_pages = values[2],
	    .data_pages = values[5],
	};
	return 0;
}

int mv_statm_read(struct mv_target *target, struct mv_statm *ret_statm)
{
	char text[256];
	ssize_t len = mv_target_read(target, MV_FILE_STATM, text, sizeof(text));

	return len < 0 ? (int)len : mv_statm_parse(text, (size_t)len, ret_statm);
}

/* Lines of status that are kept, in the kernel's order. */
static const struct status_line {
	const char *key;
	size_t at;
} status_lines[] = {
    {"TracerPid:", offsetof(struct mv_status, tracer_pid)},
    {"VmPeak:", offsetof(struct mv_status, vm_peak_kib)},
    {"VmLck:", offsetof(struct mv_status, vm_lck_kib)},
    {"VmHWM:", offsetof(struct mv_status, vm_hwm_kib)},
    {"RssAnon:", offsetof(struct mv_status, rss_anon_kib)},
    {"RssFile:", offsetof(struct mv_status, rss_file_kib)},
    {"RssShmem:", offsetof(struct mv_status, rss_shmem_kib)},
    {"VmPTE:", offsetof(struct mv_status, vm_pte_kib)},
    {"VmSwap:", offsetof(struct mv_status, vm_swap_kib)},
    {"HugetlbPages:", offsetof(struct mv_status, hugetlb_kib)},
};

static struct mv_val *status_slot(struct mv_status *status, const struct status_line *line)
{
	return (struct mv_val *)(void *)((char *)status + line->at);
}

static bool starts_with(const struct mv_scan *line, const char *key)
{
	size_t len = strlen(key);

	return (size_t)(line->end - line->at) >= len && memcmp(line->at, key, len) == 0;
}

/* The number after the key, or missing. */
static struct mv_val scan_val(struct mv_scan *line)
{
	uint64_t value;

	mv_scan_spaces(line);
	return mv_scan_dec(line, &value) ? mv_val_of(value) : mv_val_missing(MV_WHY_MALFORMED);
}

static void parse_status_line(struct mv_scan line, struct mv_status *status, char *state, int *kthread)
{
	switch (*line.at) {
	case 'S':
		if (starts_with(&line, "State:")) {
			line.at += strlen("State:");
			mv_scan_spaces(&line);
			*state = line.at < line.end ? *line.at : '?';
		}
		return;
	case 'U':
		if (starts_with(&line, "Uid:")) {
			line.at += strlen("Uid:");
			status->uid = scan_val(&line);
			status->euid = scan_val(&line);
		}
		return;
	case 'K':
		if (starts_with(&line, "Kthread:")) {
			struct mv_val val;

			line.at += strlen("Kthread:");
			val = scan_val(&line);
			*kthread = mv_have(&val) && val.value == 1;
		}
		return;
	case 'T':
	case 'V':
	case 'R':
	case 'H':
		break;
	default:
		return;
	}
	for (size_t i = 0; i < MV_COUNT_OF(status_lines); i++) {
		if (!starts_with(&line, status_lines[i].key))
			continue;
		line.at += strlen(status_lines[i].key);
		*status_slot(status, &status_lines[i]) = scan_val(&line);
		return;
	}
}

int mv_status_parse(const char *text, size_t len, struct mv_status *ret_status)
{
	struct mv_scan all = {text, text + len}, line;
	struct mv_status status = {0};
	enum mv_why why = MV_WHY_NO_KERNEL;
	int kthread = -1; /* the line is not there before 6.7 */
	char state = '\0';

	while (mv_scan_line(&all, &line)) {
		if (line.at < line.end)
			parse_status_line(line, &status, &state, &kthread);
	}
	if (!mv_have(&status.uid) || state == '\0')
		return -EBADMSG;
	status.kernel_thread = kthread == 1;
	if (!mv_have(&status.vm_peak_kib)) {
		/* Without any memory: none of the lines is there, and that is not the kernel's age. */
		if (kthread == 1)
			why = MV_WHY_KERNEL_THREAD;
		else if (state == 'Z')
			why = MV_WHY_ZOMBIE;
		else
			why = kthread == 0 ? MV_WHY_GONE : MV_WHY_NOT_HERE;
	}
	for (size_t i = 0; i < MV_COUNT_OF(status_lines); i++) {
		struct mv_val *val = status_slot(&status, &status_lines[i]);

		if (val->why == MV_WHY_NOT_READ)
			*val = mv_val_missing(why);
	}
	*ret_status = status;
	return 0;
}

int mv_status_read(struct mv_target *target, struct mv_status *ret_status)
{
	/* 65,536 supplementary groups make the line Groups that long. */
	enum { SMALL = 8192, LARGE = 1 << 20 };
	char small[SMALL], *large;
	ssize_t len = mv_target_read(target, MV_FILE_STATUS, small, SMALL);
	int ret;

	if (len >= 0)
		return mv_status_parse(small, (size_t)len, ret_status);
	if (len != -E2BIG)
		return (int)len;
	large = malloc(LARGE);
	if (!large)
		return -ENOMEM;
	len = mv_target_read(target, MV_FILE_STATUS, large, LARGE);
	ret = len < 0 ? (int)len : mv_status_parse(large, (size_t)len, ret_status);
	free(large);
	return ret;
}

const char *mv_stat_state_text(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "disk sleep";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
		return "zombie";
	case 'X':
	case 'x':
		return "dead";
	case 'I':
		return "idle";
	case 'P':
		return "parked";
	default:
		return "unknown";
	}
}
