/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tui/view_faults_words.h"

#define HUGE_PAGES 512

struct mv_clean mv_words_fault(unsigned kind)
{
	switch (kind) {
#define X(id, json, caption, meaning) \
	case MV_FAULT_##id: \
		return MV_TEXT(caption);
		MV_FAULT_KINDS(X)
#undef X
	}
	return MV_TEXT("");
}

struct mv_clean mv_words_fault_meaning(unsigned kind)
{
	switch (kind) {
#define X(id, json, caption, meaning) \
	case MV_FAULT_##id: \
		return MV_TEXT(meaning);
		MV_FAULT_KINDS(X)
#undef X
	}
	return MV_TEXT("");
}

/* ---- the log ---- */

uint32_t mv_faults_recent(const struct mv_snapshot *snap)
{
	uint32_t count, n = 0;

	if (!mv_faults_traced(snap))
		return 0;
	const struct mv_fault_entry *log = mv_snapshot_fault_log(snap, &count);
	while (n < count && log[n].at_ns + MV_FLASH_NS > snap->taken_ns)
		n++;
	return n;
}

struct mv_range mv_faults_pages(const struct mv_snapshot *snap, const struct mv_fault_entry *entry)
{
	uint64_t bytes = entry->kind == MV_FAULT_HUGE ? (uint64_t)HUGE_PAGES * snap->page_bytes : snap->page_bytes;
	uint64_t start = entry->addr & ~(bytes - 1);

	return (struct mv_range){start, start + bytes};
}

const struct mv_fault_entry *mv_faults_newest(const struct mv_snapshot *snap, struct mv_range range)
{
	uint32_t count;

	if (!mv_faults_traced(snap))
		return NULL;
	const struct mv_fault_entry *log = mv_snapshot_fault_log(snap, &count);
	for (uint32_t i = 0; i < count; i++) {
		struct mv_range pages = mv_faults_pages(snap, &log[i]);

		if (pages.start < range.end && range.start < pages.end)
			return &log[i];
	}
	return NULL;
}

struct mv_faults_window mv_faults_window(const struct mv_snapshot *snap)
{
	struct mv_faults_window w = {0};
	uint32_t count;
	uint64_t from;

	if (!mv_faults_traced(snap) || !snap->trace.running)
		return w;
	const struct mv_fault_entry *log = mv_snapshot_fault_log(snap, &count);
	from = snap->taken_ns > MV_NS_PER_SEC ? snap->taken_ns - MV_NS_PER_SEC : 0;
	if (from < snap->trace.since_ns)
		from = snap->trace.since_ns;
	/* A log that is full may not reach back so far. */
	if (count >= MV_FAULT_LOG && log[count - 1].at_ns > from)
		from = log[count - 1].at_ns;
	while (w.count < count && log[w.count].at_ns >= from)
		w.count++;
	/* Of too short a time nothing can be told a second. */
	if (snap->taken_ns > from + MV_NS_PER_SEC / 1000)
		w.seconds = (double)(snap->taken_ns - from) / (double)MV_NS_PER_SEC;
	return w;
}

/* ---- names ---- */

/* Past "operator" and its sign, which may look like a bracket. */
static const char *skip_operator(const char *at)
{
	at += strlen("operator");
	if (at[0] == '(' && at[1] == ')')
		return at + 2;
	return at + strspn(at, "<>=-!+*/%^&|~,[]");
}

static bool is_operator(const char *text, const char *at)
{
	return !strncmp(at, "operator", strlen("operator")) && (at == text || at[-1] == ':' || at[-1] == ' ');
}

/* Cut at the last bracket of the outermost level: that of the arguments. */
static void drop_arguments(char *text)
{
	int angles = 0, rounds = 0;
	char *args = NULL;

	for (const char *at = text; *at; at++) {
		if (is_operator(text, at)) {
			at = skip_operator(at) - 1;
			continue;
		}
		angles += *at == '<' ? 1 : *at == '>' && angles && at[-1] != '-' ? -1 : 0;
		/* "(anonymous namespace)::f" begins with one that is none. */
		if (*at == '(' && !angles && !rounds && at > text && at[-1] != ':' && at[-1] != ' ')
			args = text + (at - text);
		rounds += *at == '(' ? 1 : *at == ')' && rounds ? -1 : 0;
	}
	if (args)
		*args = '\0';
}

/* What stands between angles of the outermost level goes; the angles say that something was there. */
static void drop_templates(char *text)
{
	int angles = 0;
	char *to = text;

	for (const char *at = text; *at; at++) {
		if (!angles && is_operator(text, at)) {
			const char *end = skip_operator(at);

			memmove(to, at, (size_t)(end - at));
			to += end - at;
			at = end - 1;
			continue;
		}
		if (*at == '>' && angles && at[-1] != '-')
			angles--;
		if (!angles)
			*to++ = *at;
		angles += *at == '<';
	}
	*to = '\0';
}

static const char *own_name(const char *text)
{
	const char *own = text;

	for (const char *at = text; *at; at++) {
		if (is_operator(text, at))
			break;
		if (at[0] == ':' && at[1] == ':' && at[2])
			own = at + 2;
	}
	return own;
}

void mv_words_function(struct mv_build *b, struct mv_clean name, int cols)
{
	char text[sizeof(b->text)];
	struct mv_build whole;
	struct mv_clean now;

	mv_build_init(&whole);
	mv_build_clean(&whole, name);
	memcpy(text, whole.text, whole.len + 1);
	now = mv_clean_trusted(text);
	if ((int)mv_clean_width(now) > cols)
		drop_arguments(text);
	if ((int)mv_clean_width(now) > cols)
		drop_templates(text);
	if ((int)mv_clean_width(now) > cols)
		now = mv_clean_trusted(own_name(text));
	mv_build_clean(b, now);
}

void mv_words_fault_thread(struct mv_build *b, const struct mv_snapshot *snap, int32_t tid)
{
	uint32_t count;
	const struct mv_fault_thread *t = mv_snapshot_fault_threads(snap, &count);

	mv_build_fmt(b, "%d", tid);
	for (uint32_t i = 0; i < count; i++) {
		if (t[i].tid == tid && mv_snapshot_text(snap, t[i].name).text[0]) {
			mv_build_clean(b, MV_TEXT(" "));
			mv_build_clean(b, mv_snapshot_text(snap, t[i].name));
			return;
		}
	}
}
