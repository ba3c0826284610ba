/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/kills.h"
#include "core/text.h"

#define KEPT	    64
#define LINE_BYTES  1024 /* of the kernel's line: longer than any it writes */
#define NAME_BYTES  64
#define PATH_BYTES  512
#define ADJUST_ZERO 1000
#define GROUP_US    1000000 /* the tasks of a group are killed within */

const struct mv_oom_constraint_info mv_oom_constraints[MV_OOM_BY__N] = {
#define X(id, kernel, words) [MV_OOM_BY_##id] = {kernel, words},
    MV_OOM_CONSTRAINTS(X)
#undef X
};

struct kill {
	struct mv_kill k;
	char name[NAME_BYTES], invoker[NAME_BYTES];
	char group[PATH_BYTES], limited[PATH_BYTES];
	char line[LINE_BYTES];
};

/* What was said of a kill before the line that tells it. */
struct before {
	char invoker[NAME_BYTES];
	char limited[PATH_BYTES];
	/* "task_memcg=..." up to ",pid=": where the path ends and the name begins is known only once the name
	 * is. */
	char group_and_task[PATH_BYTES + NAME_BYTES];
	enum mv_oom_constraint constraint;
	uint64_t pid; /* 0: not said */
	struct mv_val uid;
	uint64_t whole_group_us; /* memory.oom.group: all of the group's tasks are being killed since then, a
				    line each; 0 not */
};

struct mv_kills {
	struct kill *ring[KEPT];
	size_t count, next; /* the newest is at next - 1 */
	struct before before;
};

int mv_kills_new(struct mv_kills **ret_kills)
{
	struct mv_kills *kills = calloc(1, sizeof(*kills));

	if (!kills)
		return -ENOMEM;
	*ret_kills = kills;
	return 0;
}

void mv_kills_free(struct mv_kills *kills)
{
	if (!kills)
		return;
	for (size_t i = 0; i < KEPT; i++)
		free(kills->ring[i]);
	free(kills);
}

size_t mv_kills_count(const struct mv_kills *kills)
{
	return kills->count;
}

static struct kill *newest(const struct mv_kills *kills, size_t i)
{
	return kills->ring[(kills->next + 2 * KEPT - 1 - i) % KEPT];
}

const struct mv_kill *mv_kills_at(const struct mv_kills *kills, size_t i)
{
	return &newest(kills, i)->k;
}

struct mv_kill_texts mv_kills_texts(const struct mv_kills *kills, size_t i)
{
	const struct kill *k = newest(kills, i);

	return (struct mv_kill_texts){k->name, k->group, k->limited, k->invoker, k->line};
}

/* ---- scanning ---- */

static bool skip(struct mv_scan *s, const char *literal)
{
	size_t len = strlen(literal);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, literal, len) != 0)
		return false;
	s->at += len;
	return true;
}

/* The last, or first, place of a literal; NULL when it has none. */
static const char *last_of(struct mv_scan s, const char *literal)
{
	const size_t len = strlen(literal), room = (size_t)(s.end - s.at);

	for (size_t i = room >= len ? room - len + 1 : 0; i-- > 0;)
		if (memcmp(s.at + i, literal, len) == 0)
			return s.at + i;
	return NULL;
}

static const char *first_of(struct mv_scan s, const char *literal)
{
	return memmem(s.at, (size_t)(s.end - s.at), literal, strlen(literal));
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The log writes \xNN for control characters, backslashes and what is not ASCII: back to the bytes. Cuts at
 * cap. */
static void unescape(struct mv_scan s, char *out, size_t cap)
{
	size_t n = 0;

	while (s.at < s.end && n + 1 < cap) {
		if (s.end - s.at >= 4 && s.at[0] == '\\' && s.at[1] == 'x' && hex_digit(s.at[2]) >= 0 &&
		    hex_digit(s.at[3]) >= 0) {
			out[n++] = (char)(hex_digit(s.at[2]) << 4 | hex_digit(s.at[3]));
			s.at += 4;
		} else {
			out[n++] = *s.at++;
		}
	}
	out[n] = '\0';
}

/* "KEY" and a decimal after it, from s on; s goes behind it. */
static bool field(struct mv_scan *s, const char *key, uint64_t *ret_value)
{
	const char *at = first_of(*s, key);
	struct mv_scan rest;

	if (!at)
		return false;
	rest = (struct mv_scan){at + strlen(key), s->end};
	if (!mv_scan_dec(&rest, ret_value))
		return false;
	*s = rest;
	return true;
}

static struct mv_val kib_field(struct mv_scan s, const char *key)
{
	uint64_t value;

	if (!field(&s, key, &value))
		return mv_val_missing(MV_WHY_NO_KERNEL);
	/* Linux 5.3 wrote the page tables in bytes. */
	return mv_val_of(skip(&s, "kB") ? value * 1024 : value);
}

static struct mv_val adjust_field(struct mv_scan s)
{
	const char *at = first_of(s, " oom_score_adj:");
	uint64_t value;
	bool negative;

	if (!at)
		return mv_val_missing(MV_WHY_NO_KERNEL);
	s.at = at + strlen(" oom_score_adj:");
	negative = mv_scan_char(&s, '-');
	if (!mv_scan_dec(&s, &value) || value > ADJUST_ZERO)
		return mv_val_missing(MV_WHY_MALFORMED);
	return mv_val_of(negative ? ADJUST_ZERO - value : ADJUST_ZERO + value);
}

/* ---- what comes before ---- */

/* "NAME invoked oom-killer: gfp_mask=..." */
static bool take_invoker(struct mv_kills *kills, struct mv_scan line)
{
	const char *at = last_of(line, " invoked oom-killer: gfp_mask=");

	if (!at)
		return false;
	kills->before = (struct before){0};
	unescape((struct mv_scan){line.at, at}, kills->before.invoker, sizeof(kills->before.invoker));
	return true;
}

/* Linux before 5.0: "Task in GROUP killed as a result of limit of LIMITED" */
static bool take_task_in(struct mv_kills *kills, struct mv_scan line)
{
	static const char between[] = " killed as a result of limit of ";
	struct before *b = &kills->before;
	const char *at;

	if (!skip(&line, "Task in "))
		return false;
	at = last_of(line, between);
	if (!at)
		return false;
	unescape((struct mv_scan){line.at, at}, b->group_and_task, sizeof(b->group_and_task));
	unescape((struct mv_scan){at + strlen(between), line.end}, b->limited, sizeof(b->limited));
	b->constraint = MV_OOM_BY_MEMCG;
	return true;
}

static enum mv_oom_constraint constraint_of(struct mv_scan *s)
{
	for (unsigned i = MV_OOM_BY_NONE; i < MV_OOM_BY__N; i++) {
		struct mv_scan rest = *s;

		if (skip(&rest, mv_oom_constraints[i].kernel) && mv_scan_char(&rest, ',')) {
			*s = rest;
			return (enum mv_oom_constraint)i;
		}
	}
	return MV_OOM_BY_UNKNOWN;
}

/* "...,oom_memcg=LIMITED,task_memcg=GROUP,task=NAME": paths may hold anything, and the task is in the limited
 * group or below it. */
static void take_paths(struct before *b, struct mv_scan s)
{
	static const char key[] = ",task_memcg=";
	const char *limited = b->constraint == MV_OOM_BY_MEMCG ? first_of(s, ",oom_memcg=") : NULL;
	const char *at;

	if (limited)
		s.at = limited + strlen(",oom_memcg=");
	at = first_of(s, key);
	while (limited && at) {
		size_t len = (size_t)(at - s.at);
		const char *group = at + strlen(key);

		if ((size_t)(s.end - group) >= len && memcmp(s.at, group, len) == 0)
			break;
		at = first_of((struct mv_scan){at + 1, s.end}, key);
	}
	if (!at)
		return;
	if (limited)
		unescape((struct mv_scan){s.at, at}, b->limited, sizeof(b->limited));
	unescape((struct mv_scan){at + strlen(key), s.end}, b->group_and_task, sizeof(b->group_and_task));
}

/* "oom-kill:constraint=...,nodemask=...,cpuset=...,mems_allowed=...,...,task=NAME,pid=PID,uid=UID" */
static bool take_oom_kill(struct mv_kills *kills, struct mv_scan line)
{
	struct before *b = &kills->before;
	const char *uid_at, *pid_at;
	struct mv_scan s;
	uint64_t value;

	if (!skip(&line, "oom-kill:constraint="))
		return false;
	b->pid = b->whole_group_us = 0;
	b->limited[0] = b->group_and_task[0] = '\0';
	/* A name may hold what looks like fields: they are looked for from the end. */
	uid_at = last_of(line, ",uid=");
	pid_at = uid_at ? last_of((struct mv_scan){line.at, uid_at}, ",pid=") : NULL;
	if (!pid_at)
		return true; /* torn */
	b->constraint = constraint_of(&line);
	s = (struct mv_scan){pid_at + strlen(",pid="), uid_at};
	if (mv_scan_dec(&s, &value) && value <= INT32_MAX)
		b->pid = value;
	s = (struct mv_scan){uid_at + strlen(",uid="), line.end};
	b->uid = mv_scan_dec(&s, &value) ? mv_val_of(value) : mv_val_missing(MV_WHY_MALFORMED);
	take_paths(b, (struct mv_scan){line.at - 1, pid_at});
	return true;
}

/* ---- the kill itself ---- */

static struct kill *add(struct mv_kills *kills)
{
	struct kill **place = &kills->ring[kills->next];

	if (!*place)
		*place = malloc(sizeof(**place));
	if (!*place)
		return NULL;
	memset(*place, 0, sizeof(**place));
	kills->next = (kills->next + 1) % KEPT;
	if (kills->count < KEPT)
		kills->count++;
	return *place;
}

/* The path before ",task=NAME" or, where the line had no name, all of it. */
static void settle_group(const struct before *b, struct kill *kill)
{
	char tail[NAME_BYTES + 8] = ",task=";
	size_t len = strlen(b->group_and_task), tail_len;

	strcat(tail, kill->name);
	tail_len = strlen(tail);
	if (len >= tail_len && strcmp(b->group_and_task + len - tail_len, tail) == 0) {
		len -= tail_len;
	} else {
		/* A child of the task that was chosen (before 5.2). */
		const char *at =
		    last_of((struct mv_scan){b->group_and_task, b->group_and_task + len}, ",task=");

		if (at)
			len = (size_t)(at - b->group_and_task);
	}
	if (len >= sizeof(kill->group))
		len = sizeof(kill->group) - 1;
	memcpy(kill->group, b->group_and_task, len);
	kill->group[len] = '\0';
}

static bool is_of_group(const struct before *b, uint64_t boot_us)
{
	return b->whole_group_us && boot_us - b->whole_group_us < GROUP_US;
}

/*
 * memory.oom.group: "Tasks in GROUP are going to be killed due to memory.oom.group set". It follows the kill
 * of the one that was chosen, and what was said of that one holds for all.
 */
static bool take_whole_group(struct mv_kills *kills, struct mv_scan line, uint64_t boot_us)
{
	struct before *b = &kills->before;
	const char *at = last_of(line, " are going to be killed due to memory.oom.group set");
	const struct kill *chosen = kills->count ? newest(kills, 0) : NULL;

	if (!at || !skip(&line, "Tasks in ") || at < line.at)
		return false;
	*b = (struct before){.whole_group_us = boot_us ? boot_us : 1};
	unescape((struct mv_scan){line.at, at}, b->group_and_task, sizeof(b->group_and_task));
	if (!chosen || boot_us - chosen->k.boot_us >= GROUP_US)
		return true;
	b->constraint = (enum mv_oom_constraint)chosen->k.constraint;
	memcpy(b->invoker, chosen->invoker, sizeof(b->invoker));
	memcpy(b->limited, chosen->limited, sizeof(b->limited));
	return true;
}

/* The one that was chosen is among those of its group, and told once more when it has not ended yet. */
static bool is_told(const struct mv_kills *kills, uint64_t pid, uint64_t boot_us)
{
	if (!is_of_group(&kills->before, boot_us))
		return false;
	for (size_t i = 0; i < kills->count; i++) {
		const struct mv_kill *k = mv_kills_at(kills, i);

		if ((uint64_t)k->pid == pid && boot_us - k->boot_us < 2 * GROUP_US)
			return true;
	}
	return false;
}

/* Is what was said before said of this one? */
static void join(struct mv_kills *kills, struct kill *kill, bool by_group)
{
	struct before *b = &kills->before;
	const bool whole = is_of_group(b, kill->k.boot_us);
	const bool same = !whole && (!b->pid || b->pid == (uint64_t)kill->k.pid);

	if (same || whole) {
		kill->k.constraint = b->constraint;
		if (same && kill->k.uid.why == MV_WHY_NO_KERNEL && b->uid.why != MV_WHY_NOT_READ)
			kill->k.uid = b->uid;
		memcpy(kill->invoker, b->invoker, sizeof(kill->invoker));
		memcpy(kill->limited, b->limited, sizeof(kill->limited));
		settle_group(b, kill);
	}
	if (by_group && kill->k.constraint == MV_OOM_BY_UNKNOWN)
		kill->k.constraint = MV_OOM_BY_MEMCG;
	/* Said once: what is left out later (the kernel limits how much it writes) must not be taken from
	 * here. */
	if (same)
		*b = (struct before){0};
}

/* "[Out of memory: |Memory cgroup out of memory: ]Killed process PID (NAME) total-vm:...kB, anon-rss:...kB,
 * ..." */
static int take_killed(struct mv_kills *kills, struct mv_scan line, uint64_t boot_us)
{
	const struct mv_scan whole = line;
	const bool by_group = skip(&line, "Memory cgroup out of memory");
	const char *close,
	    *at = by_group || skip(&line, "Out of memory") ? first_of(line, ": Killed process ") : NULL;
	struct kill *kill;
	uint64_t pid;

	if (at)
		line.at = at + 2;
	if (!skip(&line, "Killed process ") || !mv_scan_dec(&line, &pid) || pid > INT32_MAX)
		return 0;
	/* Linux 5.1 alone had a comma there. */
	mv_scan_char(&line, ',');
	close = last_of(line, ") total-vm:");
	if (!skip(&line, " (") || !close || close < line.at)
		return 0;
	if (is_told(kills, pid, boot_us))
		return 0;
	kill = add(kills);
	if (!kill)
		return -ENOMEM;
	unescape((struct mv_scan){line.at, close}, kill->name, sizeof(kill->name));
	unescape(whole, kill->line, sizeof(kill->line));
	line.at = close + 1;
	kill->k = (struct mv_kill){
	    .boot_us = boot_us,
	    .pid = (int32_t)pid,
	    .total_vm = kib_field(line, " total-vm:"),
	    .anon = kib_field(line, " anon-rss:"),
	    .file = kib_field(line, " file-rss:"),
	    .shmem = kib_field(line, " shmem-rss:"),
	    .tables = kib_field(line, " pgtables:"),
	    .adjust = adjust_field(line),
	    .uid = mv_val_missing(MV_WHY_NO_KERNEL),
	};
	if (field(&line, " UID:", &pid))
		kill->k.uid = mv_val_of(pid);
	join(kills, kill, by_group);
	return 1;
}

/* Before 5.2 the name of what has run out stands in a line of its own: "Memory cgroup out of memory: Kill
 * process PID (NAME) score ..." */
static bool take_kill(struct mv_kills *kills, struct mv_scan line)
{
	if (skip(&line, "Memory cgroup out of memory: Kill process ")) {
		kills->before.constraint = MV_OOM_BY_MEMCG;
		return true;
	}
	return skip(&line, "Out of memory: Kill process ");
}

/* "oom_reaper: reaped process PID (NAME), now anon-rss:..." */
static int take_reaped(struct mv_kills *kills, struct mv_scan line)
{
	uint64_t pid;

	if (!skip(&line, "oom_reaper: reaped process ") || !mv_scan_dec(&line, &pid))
		return 0;
	for (size_t i = 0; i < kills->count; i++) {
		struct kill *kill = newest(kills, i);

		if ((uint64_t)kill->k.pid != pid)
			continue;
		if (kill->k.reaped)
			return 0;
		kill->k.reaped = true;
		return 1;
	}
	return 0;
}

/* "PRIO,SEQ,USEC,FLAGS[,...];TEXT", of the kernel itself: others may write into the log. */
static bool take_head(struct mv_scan *record, uint64_t *ret_boot_us)
{
	const char *text = memchr(record->at, ';', (size_t)(record->end - record->at));
	const char *newline;
	uint64_t priority, seq;

	if (!text || !mv_scan_dec(record, &priority) || priority >= 8 || !mv_scan_char(record, ',') ||
	    !mv_scan_dec(record, &seq) || !mv_scan_char(record, ',') || !mv_scan_dec(record, ret_boot_us))
		return false;
	record->at = text + 1;
	newline = memchr(record->at, '\n', (size_t)(record->end - record->at));
	if (newline)
		record->end = newline;
	return true;
}

int mv_kills_take(struct mv_kills *kills, const char *record, size_t len)
{
	struct mv_scan line = {record, record + len};
	uint64_t boot_us;

	if (!take_head(&line, &boot_us))
		return 0;
	if (take_whole_group(kills, line, boot_us) || take_oom_kill(kills, line) ||
	    take_task_in(kills, line) || take_kill(kills, line) || take_invoker(kills, line))
		return 0;
	if (skip(&(struct mv_scan){line.at, line.end}, "oom_reaper: "))
		return take_reaped(kills, line);
	return take_killed(kills, line, boot_us);
}
