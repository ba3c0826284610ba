/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/snapbuild.h"

/* The sections of faults and threads. Names are shared by linear search: tables of tests are short. */
struct builder {
	struct mv_snapshot *s;
	size_t cap;
	char *text;
	uint32_t text_len;
	struct mv_function *functions;
	uint32_t functions_count;
	uint32_t *calls;
	uint32_t calls_count;
};

static void *grown(void *p, size_t bytes)
{
	p = realloc(p, bytes);
	if (!p)
		abort();
	return p;
}

static uint32_t text_of(struct builder *b, const char *text)
{
	uint32_t bytes;

	if (!text || !*text)
		return 0;
	for (uint32_t at = 0; at < b->text_len; at += (uint32_t)strlen(b->text + at) + 1)
		if (!strcmp(b->text + at, text))
			return at;
	bytes = (uint32_t)strlen(text) + 1;
	b->text = grown(b->text, b->text_len + bytes);
	memcpy(b->text + b->text_len, text, bytes);
	b->text_len += bytes;
	return b->text_len - bytes;
}

static uint32_t add_function(struct builder *b, const char *name, const char *image, uint32_t flags,
			     uint64_t start)
{
	struct mv_function f = {text_of(b, name), text_of(b, image), flags, 0, start};

	b->functions = grown(b->functions, (b->functions_count + 1) * sizeof(f));
	b->functions[b->functions_count] = f;
	return b->functions_count++;
}

static uint32_t function_of(struct builder *b, const char *name)
{
	uint32_t text;

	if (!name || !strcmp(name, "?"))
		return MV_FUNCTION_NONE;
	text = text_of(b, name);
	for (uint32_t i = 0; i < b->functions_count; i++)
		if (b->functions[i].name == text)
			return i;
	return add_function(b, name, "", MV_FUNCTION_NAMED, 0);
}

/* Append the functions of "a;b;c" to the calls; returns how many. */
static uint32_t add_calls(struct builder *b, const char *names)
{
	uint32_t count = 0;

	while (names && *names) {
		size_t len = strcspn(names, ";");
		char *name = strndup(names, len);

		if (!name)
			abort();
		b->calls = grown(b->calls, (b->calls_count + 1) * sizeof(*b->calls));
		b->calls[b->calls_count++] = function_of(b, name);
		free(name);
		count++;
		names += len + (names[len] == ';');
	}
	return count;
}

/* Room for count elements at the block's end; which is the section's offset in struct mv_snapshot. */
static void *append(struct builder *b, size_t which, size_t count, size_t size)
{
	struct mv_section *sec;
	uint64_t at = b->s->length;
	size_t bytes = (count * size + 7) & ~(size_t)7;

	b->s = grown(b->s, at + bytes);
	memset((char *)b->s + at, 0, bytes);
	b->s->length = at + bytes;
	sec = (struct mv_section *)(void *)((char *)b->s + which);
	sec->offset = at;
	sec->count = count;
	return (char *)b->s + at;
}
#define APPEND(b, name, count, size) append(b, offsetof(struct mv_snapshot, name), count, size)

static void add_faults(struct builder *b, const struct snapbuild_trace *t)
{
	struct mv_fault_stack *stacks = APPEND(b, fault_stacks, t->stacks_count, sizeof(*stacks));
	for (size_t i = 0; i < t->stacks_count; i++) {
		stacks[i] = t->stacks[i].plain;
		stacks[i].first = b->calls_count;
		stacks[i].count = add_calls(b, t->stacks[i].calls);
	}
	struct mv_fault_mapping *mappings = APPEND(b, fault_mappings, t->mappings_count, sizeof(*mappings));
	for (size_t i = 0; i < t->mappings_count; i++) {
		mappings[i] = t->mappings[i].plain;
		mappings[i].name = text_of(b, t->mappings[i].name);
	}
	struct mv_fault_thread *threads = APPEND(b, fault_threads, t->fault_threads_count, sizeof(*threads));
	for (size_t i = 0; i < t->fault_threads_count; i++) {
		threads[i] = t->fault_threads[i].plain;
		threads[i].name = text_of(b, t->fault_threads[i].name);
	}
	struct mv_fault_entry *log = APPEND(b, fault_log, t->log_count, sizeof(*log));
	for (size_t i = 0; i < t->log_count; i++) {
		log[i] = t->log[i].plain;
		log[i].function = function_of(b, t->log[i].function);
		log[i].mapping_name = text_of(b, t->log[i].mapping_name);
	}
}

static void add_threads(struct builder *b, const struct snapbuild_trace *t)
{
	uint32_t calls_count = 0, first = 0;

	struct mv_thread *threads = APPEND(b, threads, t->threads_count, sizeof(*threads));
	for (size_t i = 0; i < t->threads_count; i++) {
		threads[i] = t->threads[i].plain;
		threads[i].name = text_of(b, t->threads[i].name);
		threads[i].first = calls_count;
		threads[i].count = t->threads[i].calls_count;
		calls_count += t->threads[i].calls_count;
	}
	struct mv_call *calls = APPEND(b, thread_calls, calls_count, sizeof(*calls));
	for (size_t i = 0; i < t->threads_count; i++)
		for (uint32_t k = 0; k < t->threads[i].calls_count; k++) {
			const struct snapbuild_call *call = &t->threads[i].calls[k];

			calls[first++] =
			    (struct mv_call){call->pc, call->sp, function_of(b, call->function), call->flags};
		}
	struct mv_line *lines = APPEND(b, lines, t->lines_count, sizeof(*lines));
	for (size_t i = 0; i < t->lines_count; i++)
		lines[i] = (struct mv_line){t->lines[i].pc, text_of(b, t->lines[i].file), t->lines[i].line};
}

struct mv_snapshot *snapbuild_add_trace(struct mv_snapshot *take_snap, const struct snapbuild_trace *trace)
{
	struct builder b = {.s = take_snap, .text = grown(NULL, 1), .text_len = 1};

	b.text[0] = '\0';
	for (size_t i = 0; i < trace->functions_count; i++) {
		const struct snapbuild_function *f = &trace->functions[i];

		add_function(&b, f->name, f->image, f->flags, f->start);
	}
	add_faults(&b, trace);
	add_threads(&b, trace);
	/* What the rows above have gathered. */
	void *to = APPEND(&b, functions, b.functions_count, sizeof(*b.functions));
	if (b.functions_count)
		memcpy(to, b.functions, b.functions_count * sizeof(*b.functions));
	to = APPEND(&b, fault_calls, b.calls_count, sizeof(*b.calls));
	if (b.calls_count)
		memcpy(to, b.calls, b.calls_count * sizeof(*b.calls));
	to = APPEND(&b, trace_text, b.text_len, 1);
	memcpy(to, b.text, b.text_len);
	free(b.functions);
	free(b.calls);
	free(b.text);
	return b.s;
}
