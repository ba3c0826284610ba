/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clean.h"
#include "core/symboliser_private.h"

#define CLEAN_BYTES (2 * MV_SYMBOLS_NAME_BYTES)

/* ---- text that stays ---- */

/* NULL: the text of all functions and lines together is too much, or memory is out. */
static char *keep_text(struct mv_symboliser *s, const char *clean)
{
	size_t bytes = strlen(clean) + 1;
	char *kept = s->text_bytes + bytes <= MV_SYMBOLS_TEXT_BYTES ? malloc(bytes) : NULL;

	if (kept) {
		memcpy(kept, clean, bytes);
		s->text_bytes += bytes;
	}
	return kept;
}

/* ---- what is pending ---- */

static struct mv_symbols_pending *oldest(struct mv_symboliser *s)
{
	return s->pending_count ? &s->pending[s->pending_head] : NULL;
}

void mv_symbols_settle(struct mv_symboliser *s)
{
	const struct mv_symbols_pending *p = oldest(s);

	s->pending_stacks -= p->type == MV_SYMBOLS_UNWIND;
	s->pending_settles -= p->type == MV_SYMBOLS_SETTLE;
	s->pending_head = (s->pending_head + 1) % MV_SYMBOLS_PENDING;
	s->pending_count--;
	s->between = 0;
	s->answered = s->was_answered = true;
	s->busy_since_ns = mv_source_now(s->source);
}

/* Is this the answer to the oldest request? */
static bool answers(struct mv_symboliser *s, uint32_t type)
{
	const struct mv_symbols_pending *p = oldest(s);

	return p && !p->lost && p->type == type && p->serial == s->answer.serial;
}

/* ---- functions ---- */

/* What it is called: a demangled symbol, file+0xoffset, [jit] or an address. Clean. */
static void compose_name(struct mv_symboliser *s, const struct mv_symbols_answer *a,
			 char out[static CLEAN_BYTES])
{
	const char *file = a->image < s->images_count ? s->images[a->image].name : "";

	if (a->kind == MV_SYMBOLS_NAMED)
		mv_clean_bytes(a->text, a->count, out, CLEAN_BYTES);
	else if (a->kind == MV_SYMBOLS_JIT)
		snprintf(out, CLEAN_BYTES, "[jit]");
	else if (a->kind == MV_SYMBOLS_ADDRESS)
		snprintf(out, CLEAN_BYTES, "0x%" PRIx64, a->vaddr);
	else
		snprintf(out, CLEAN_BYTES, "%s+0x%" PRIx64, file, a->vaddr);
}

static uint32_t flags_of(uint32_t kind)
{
	return kind == MV_SYMBOLS_NAMED ? MV_FUNCTION_NAMED : kind == MV_SYMBOLS_JIT ? MV_FUNCTION_JIT : 0;
}

/* Our number of it. MV_FUNCTION_NONE: there are too many. */
static uint32_t learn_function(struct mv_symboliser *s)
{
	const struct mv_symbols_answer *a = &s->answer;
	const struct mv_symbols_key key = {a->image, a->kind, a->vaddr};
	uint32_t id = mv_symbols_find(&s->functions, &key);
	char name[CLEAN_BYTES], *kept;

	if (id != UINT32_MAX) {
		s->infos[id].start = a->start; /* it may lie elsewhere now */
		return id;
	}
	if (!mv_symbols_reserve(&s->infos, &s->infos_cap, s->functions.count, sizeof(*s->infos)))
		return MV_FUNCTION_NONE;
	compose_name(s, a, name);
	kept = keep_text(s, name);
	if (!kept)
		return MV_FUNCTION_NONE;
	id = mv_symbols_intern(&s->functions, &key);
	if (id == UINT32_MAX) {
		free(kept);
		return MV_FUNCTION_NONE;
	}
	s->infos[id] = (struct mv_function_info){
	    .name = kept,
	    .image = a->image < s->images_count ? s->images[a->image].name : "",
	    .start = a->start,
	    .flags = flags_of(a->kind),
	};
	return id;
}

static int take_function(struct mv_symboliser *s)
{
	const struct mv_symbols_answer *a = &s->answer;
	const bool in_file = a->kind <= MV_SYMBOLS_OFFSET;

	if (a->kind >= MV_SYMBOLS_KIND__N || a->count > MV_SYMBOLS_NAME_BYTES || !s->pending_count)
		return -EBADMSG;
	/* The file may have left the list meanwhile: the stack is older. */
	if (in_file ? a->image >= s->images_count : a->image != MV_IMAGE_NONE)
		return -EBADMSG;
	if ((a->kind == MV_SYMBOLS_NAMED) != (a->count > 0) || (a->kind == MV_SYMBOLS_JIT && a->vaddr))
		return -EBADMSG;
	/* A stack has no more functions than calls; and each has the next number. */
	if (a->id != s->function_of_count || a->id >= MV_SYMBOLS_FUNCTIONS || ++s->between > MV_CALLS_MAX)
		return -EBADMSG;
	if (!mv_symbols_reserve(&s->function_of, &s->function_of_cap, s->function_of_count,
				sizeof(*s->function_of)))
		return -ENOMEM;
	s->function_of[s->function_of_count] = learn_function(s);
	s->function_of_count++;
	return 0;
}

/* ---- stacks ---- */

static int take_stack(struct mv_symboliser *s, mv_take_stack *take, void *arg)
{
	struct mv_symbols_answer *a = &s->answer;
	struct mv_call calls[MV_CALLS_MAX];
	uint64_t token;

	if (!answers(s, MV_SYMBOLS_UNWIND) || a->value >= MV_STACK__N)
		return -EBADMSG;
	for (uint32_t i = 0; i < a->count; i++) {
		calls[i] = a->calls[i];
		if (calls[i].flags & ~(uint32_t)MV_CALL_SIGNAL)
			return -EBADMSG;
		if (calls[i].function == MV_FUNCTION_NONE)
			continue;
		if (calls[i].function >= s->function_of_count)
			return -EBADMSG;
		calls[i].function = s->function_of[calls[i].function];
	}
	token = oldest(s)->value;
	mv_symbols_settle(s);
	/* Last: it may ask for more, so nothing of s is in our hands now. */
	take(arg, token, calls, a->count, (enum mv_stack_end)a->value);
	return 0;
}

/* ---- lines ---- */

void mv_symbols_know_line(struct mv_symboliser *s, uint64_t pc, const char *raw, size_t n, uint32_t number)
{
	const struct mv_symbols_key key = {.vaddr = pc};
	uint32_t at = mv_symbols_find(&s->lines, &key);
	char clean[CLEAN_BYTES];
	struct mv_symbols_line *line;

	/* Forgotten meanwhile, or asked anew since: then the second answer is the right one. */
	if (at == UINT32_MAX || s->line_infos[at].state == MV_LINE_UNSENT)
		return;
	line = &s->line_infos[at];
	if (line->file)
		s->text_bytes -= strlen(line->file) + 1;
	free(line->file);
	mv_clean_bytes(raw, n, clean, sizeof(clean));
	*line = (struct mv_symbols_line){.file = n ? keep_text(s, clean) : NULL, .state = MV_LINE_KNOWN};
	line->line = line->file ? number : 0;
}

static int take_line(struct mv_symboliser *s)
{
	const struct mv_symbols_answer *a = &s->answer;
	uint64_t pc;

	if (!answers(s, MV_SYMBOLS_LINE) || a->count > MV_SYMBOLS_NAME_BYTES)
		return -EBADMSG;
	pc = oldest(s)->value;
	mv_symbols_settle(s);
	mv_symbols_know_line(s, pc, a->text, a->count, a->value);
	return 0;
}

void mv_symbols_forget_lines(struct mv_symboliser *s)
{
	for (uint32_t i = 0; i < s->lines.count; i++) {
		if (s->line_infos[i].file)
			s->text_bytes -= strlen(s->line_infos[i].file) + 1;
		free(s->line_infos[i].file);
	}
	mv_symbols_forget(&s->lines);
	s->lines_unsent = 0;
}

/* ---- all ---- */

static int take_debug(struct mv_symboliser *s)
{
	const struct mv_symbols_answer *a = &s->answer;
	struct mv_symbols_image *image = a->image < s->images_count ? &s->images[a->image] : NULL;

	if (!image || a->count < 2 || a->count > sizeof(image->debug.bytes))
		return -EBADMSG;
	/* Files are opened while a SETTLE waits; a file may come, go and come again before that. */
	if (!s->pending_settles || ++s->between > 4 * MV_SYMBOLS_IMAGES)
		return -EBADMSG;
	if (!image->sent || image->debug_asked)
		return 0;
	memcpy(image->debug.bytes, a->text, a->count);
	image->debug.len = a->count;
	image->debug_asked = image->debug_unsent = s->debug_unsent = true;
	return 0;
}

/* Does it have what it says that it has? */
static bool is_whole(const struct mv_symbols_answer *a, size_t bytes)
{
	size_t size = a->type == MV_SYMBOLS_STACK ? sizeof(a->calls[0]) : 1;
	size_t cap = a->type == MV_SYMBOLS_STACK ? MV_CALLS_MAX : MV_SYMBOLS_NAME_BYTES;

	return bytes >= MV_SYMBOLS_ANSWER_HEAD && a->count <= cap &&
	       bytes == MV_SYMBOLS_ANSWER_HEAD + a->count * size;
}

int mv_symbols_take_answer(struct mv_symboliser *s, size_t bytes, mv_take_stack *take, void *arg)
{
	if (!is_whole(&s->answer, bytes))
		return -EBADMSG;
	switch (s->answer.type) {
	case MV_SYMBOLS_SETTLE:
		if (!answers(s, MV_SYMBOLS_SETTLE) || s->answer.count)
			return -EBADMSG;
		mv_symbols_settle(s);
		return 0;
	case MV_SYMBOLS_DEBUG:
		return take_debug(s);
	case MV_SYMBOLS_FUNCTION:
		return take_function(s);
	case MV_SYMBOLS_STACK:
		return take_stack(s, take, arg);
	case MV_SYMBOLS_LINE:
		return take_line(s);
	default:
		return -EBADMSG;
	}
}
