/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/symboliser_private.h"

#define PATIENCE_NS	 (2 * MV_NS_PER_SEC)
#define SLOW_PATIENCE_NS (10 * MV_NS_PER_SEC)
#define RETRY_NS	 (2 * MV_NS_PER_SEC / 1000) /* what did not fit is tried again */
#define REAP_NS		 (50 * MV_NS_PER_SEC / 1000)
#define END_MS		 1000	/* freeing waits so long for the process to be gone */
#define PACKETS_MAX	 16384u /* taken in at a time */
#define SILENT_STARTS	 2	/* so many that never said a word: it can't be started */

const struct mv_stack_end_info mv_stack_ends[MV_STACK__N] = {
#define X(id, json, words) [MV_STACK_##id] = {json, words},
    MV_STACK_ENDS(X)
#undef X
};

/* ---- one life ---- */

/* A page that only we and this life's process have. It can't be shrunk, so that a read of it can't fault. */
static int share_hint(struct mv_symboliser *s)
{
	int fd = memfd_create("hint", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *at = MAP_FAILED;

	if (fd < 0)
		return -EAGAIN;
	if (ftruncate(fd, (off_t)sizeof(*s->hint)) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		at = mmap(NULL, sizeof(*s->hint), PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		close(fd);
		return -EAGAIN;
	}
	s->hint = at;
	return fd;
}

static int queue(struct mv_symboliser *s, uint32_t type, uint64_t value, uint64_t *ret_serial)
{
	if (s->pending_count == MV_SYMBOLS_PENDING)
		return -EAGAIN;
	if (s->pending_count == 0)
		s->busy_since_ns = mv_source_now(s->source);
	*ret_serial = ++s->serial;
	s->pending[(s->pending_head + s->pending_count) % MV_SYMBOLS_PENDING] =
	    (struct mv_symbols_pending){.type = type, .serial = *ret_serial, .value = value};
	s->pending_count++;
	s->pending_stacks += type == MV_SYMBOLS_UNWIND;
	s->pending_settles += type == MV_SYMBOLS_SETTLE;
	return 0;
}

/* What was queued last has not been sent after all. */
static void unqueue(struct mv_symboliser *s, uint32_t type)
{
	s->pending_count--;
	s->pending_stacks -= type == MV_SYMBOLS_UNWIND;
	s->pending_settles -= type == MV_SYMBOLS_SETTLE;
}

/* Its first words are ready to be sent; what it knew before has to be told again. */
static void begin_life(struct mv_symboliser *s)
{
	s->answered = false;
	s->start_unsent = s->settle_unsent = true;
	s->maps_unsent = s->has_maps;
	s->images_unsent = s->images_count > 0;
	s->debug_unsent = false;
	s->function_of_count = s->between = 0;
	for (uint32_t i = 0; i < s->images_count; i++) {
		struct mv_symbols_image *image = &s->images[i];

		image->sent = image->debug_asked = image->debug_unsent = false;
	}
	s->starts++;
}

static int start_life(struct mv_symboliser *s)
{
	int err = mv_symbols_spawn(s->source, &s->socket, &s->child);

	if (!err)
		begin_life(s);
	return err;
}

static void drop_hint(struct mv_symboliser *s)
{
	if (s->hint)
		munmap(s->hint, sizeof(*s->hint));
	s->hint = NULL;
}

/* Leave the process to be reaped later; false: there are too many that don't go. */
static bool put_away(struct mv_symboliser *s)
{
	if (mv_symbols_reap(&s->child, 0, &s->cpu_ns))
		return true;
	for (size_t i = 0; i < MV_SYMBOLS_ZOMBIES; i++) {
		if (!s->zombies[i].pid) {
			s->zombies[i] = s->child;
			s->child = (struct mv_symbols_child){.pidfd = -1};
			return true;
		}
	}
	return mv_symbols_reap(&s->child, END_MS, &s->cpu_ns);
}

/* What was asked of it will not be answered; but lines can be asked again, all but the one that it worked on.
 */
static void lose_pending(struct mv_symboliser *s)
{
	bool first = true;

	for (uint32_t i = 0; i < s->pending_count; i++) {
		struct mv_symbols_pending *p = &s->pending[(s->pending_head + i) % MV_SYMBOLS_PENDING];
		const struct mv_symbols_key key = {.vaddr = p->value};
		uint32_t line;

		if (p->lost)
			continue;
		p->lost = true;
		s->pending_settles -= p->type == MV_SYMBOLS_SETTLE;
		line = p->type == MV_SYMBOLS_LINE ? mv_symbols_find(&s->lines, &key) : UINT32_MAX;
		if (line != UINT32_MAX && s->line_infos[line].state == MV_LINE_ASKED && !first) {
			s->line_infos[line].state = MV_LINE_UNSENT;
			s->lines_unsent++;
		} else if (line != UINT32_MAX) {
			mv_symbols_know_line(s, p->value, NULL, 0, 0);
		}
		first = false;
	}
}

/* For good. What it knew stays; lines that it will not tell are none. */
static void fail(struct mv_symboliser *s, enum mv_why why)
{
	s->why = why;
	s->lines_unsent = 0;
	for (uint32_t i = 0; i < s->lines.count; i++)
		s->line_infos[i].state = MV_LINE_KNOWN;
}

/* It has ended, hangs or lies. The file that it says it had under work is not given to its successor. */
static void end_life(struct mv_symboliser *s)
{
	uint32_t working = s->hint ? atomic_load_explicit(&s->hint->working, memory_order_relaxed) : 0;

	if (s->socket < 0)
		return;
	close(s->socket);
	s->socket = -1;
	mv_symbols_kill(&s->child);
	if (working && working - 1 < s->images_count && s->pending_count)
		s->images[working - 1].poisoned = true;
	drop_hint(s);
	lose_pending(s);
	mv_symbols_close_images(s);
	if (!put_away(s) || s->only_life)
		fail(s, MV_WHY_SYMBOLS_FAILED);
	else if (!s->was_answered && s->starts >= SILENT_STARTS)
		fail(s, MV_WHY_NO_SYMBOLS);
}

/* Start its successor, unless it has ended too often of late. */
static void succeed(struct mv_symboliser *s)
{
	const uint64_t now_ns = mv_source_now(s->source);
	uint64_t *oldest_ns = &s->restart_ns[(s->starts - 1) % MV_SYMBOLS_RESTARTS];

	if (*oldest_ns && now_ns - *oldest_ns < MV_SYMBOLS_RESTART_S * MV_NS_PER_SEC) {
		fail(s, MV_WHY_SYMBOLS_FAILED);
		return;
	}
	if (start_life(s) < 0) {
		fail(s, MV_WHY_NO_SYMBOLS);
		return;
	}
	*oldest_ns = now_ns;
}

/* ---- sending ---- */

/* A send has failed. -EAGAIN: it is full, or its end has been noticed. */
static int after_send(struct mv_symboliser *s, int err)
{
	if (!err || err == -EAGAIN)
		return err;
	end_life(s);
	return -EAGAIN;
}

static int send_request(struct mv_symboliser *s, const struct mv_symbols_request *r, int fd)
{
	return after_send(s, mv_symbols_send(s->socket, r, sizeof(*r), NULL, 0, fd));
}

static int send_start(struct mv_symboliser *s)
{
	const struct mv_symbols_request r = {.type = MV_SYMBOLS_START, .count = MV_SYMBOLS_PROTOCOL};
	int fd, err;

	drop_hint(s);
	fd = share_hint(s);
	if (fd < 0)
		return fd;
	err = send_request(s, &r, fd);
	close(fd);
	s->start_unsent = err < 0;
	return err;
}

static int send_maps(struct mv_symboliser *s)
{
	const struct mv_symbols_request r = {.type = MV_SYMBOLS_MAPS_LIST, .count = s->maps_count};
	int fd = mv_symbols_maps_fd(s), err;

	if (fd < 0)
		return -EAGAIN;
	err = send_request(s, &r, fd);
	close(fd);
	s->maps_unsent = err < 0;
	return err;
}

static int send_image(struct mv_symboliser *s, uint32_t number)
{
	struct mv_symbols_image *image = &s->images[number];
	const struct mv_symbols_request r = {.type = MV_SYMBOLS_IMAGE, .image = number};
	int err;

	if (image->fd < 0)
		image->fd = mv_symbols_open_image(s, image);
	if (image->fd == -EMFILE || image->fd == -ENFILE || image->fd == -ENOMEM) {
		image->fd = -1;
		return -EAGAIN;
	}
	if (image->fd < 0) { /* gone since: its functions are told by their offsets */
		image->fd = -1;
		image->sent = true;
		return 0;
	}
	err = send_request(s, &r, image->fd);
	if (err)
		return err;
	close(image->fd);
	image->fd = -1;
	image->sent = s->settle_unsent = true;
	return 0;
}

static int send_images(struct mv_symboliser *s)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < s->images_count; i++) {
		const struct mv_symbols_image *image = &s->images[i];

		if (image->current && !image->sent && !image->unreadable && !image->poisoned)
			err = send_image(s, i);
	}
	mv_symbols_close_images(s); /* hundreds may be open: they are opened again when there is room */
	s->images_unsent = err < 0;
	return err;
}

static int send_settle(struct mv_symboliser *s)
{
	struct mv_symbols_request r = {.type = MV_SYMBOLS_SETTLE};
	int err = queue(s, MV_SYMBOLS_SETTLE, 0, &r.serial);

	if (err)
		return err;
	err = mv_symbols_send(s->socket, &r, sizeof(r), NULL, 0, -1);
	if (err)
		unqueue(s, MV_SYMBOLS_SETTLE);
	s->settle_unsent = err < 0;
	return after_send(s, err);
}

static int send_debugs(struct mv_symboliser *s)
{
	for (uint32_t i = 0; i < s->images_count; i++) {
		struct mv_symbols_image *image = &s->images[i];
		const struct mv_symbols_request r = {.type = MV_SYMBOLS_DEBUG, .image = i};
		int fd, err;

		if (!image->debug_unsent)
			continue;
		fd = mv_symbols_open_debug(s, image);
		if (fd < 0) { /* most have none, and the server waits for nothing */
			image->debug_unsent = false;
			continue;
		}
		err = send_request(s, &r, fd);
		close(fd);
		if (err)
			return err;
		image->debug_unsent = false;
	}
	s->debug_unsent = false;
	return 0;
}

static int send_lines(struct mv_symboliser *s)
{
	for (uint32_t i = 0; s->lines_unsent && i < s->lines.count; i++) {
		struct mv_symbols_request r = {.type = MV_SYMBOLS_LINE,
					       .pc = s->lines.at[i].vaddr,
					       .code = s->line_infos[i].code};
		int err;

		if (s->line_infos[i].state != MV_LINE_UNSENT)
			continue;
		err = queue(s, MV_SYMBOLS_LINE, r.pc, &r.serial);
		if (err)
			return err;
		err = mv_symbols_send(s->socket, &r, sizeof(r), NULL, 0, -1);
		if (err) {
			unqueue(s, MV_SYMBOLS_LINE);
			return after_send(s, err);
		}
		s->line_infos[i].state = MV_LINE_ASKED;
		s->lines_unsent--;
	}
	return 0;
}

/* Is something to be said before a stack may be asked for? */
static bool is_unsettled(const struct mv_symboliser *s)
{
	return s->start_unsent || s->maps_unsent || s->images_unsent || s->settle_unsent || s->debug_unsent ||
	       s->pending_settles;
}

/* Say what is to be said, in this order. -EAGAIN: not all of it fits now. */
static int flush(struct mv_symboliser *s)
{
	int err = s->socket < 0 ? -EAGAIN : 0;

	if (!err && s->start_unsent)
		err = send_start(s);
	if (!err && s->maps_unsent)
		err = send_maps(s);
	if (!err && s->images_unsent)
		err = send_images(s);
	if (!err && s->settle_unsent)
		err = send_settle(s);
	if (!err && s->debug_unsent)
		err = send_debugs(s);
	if (!err && s->lines_unsent && !is_unsettled(s))
		err = send_lines(s);
	return err;
}

/* ---- beginning and end ---- */

static struct mv_symboliser *new_symboliser(struct mv_source *source, struct mv_target *target)
{
	struct mv_symboliser *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->source = source;
	s->target = target;
	s->why = MV_WHY_HAVE;
	s->patience_ns = PATIENCE_NS;
	s->slow_patience_ns = SLOW_PATIENCE_NS;
	s->socket = -1;
	s->child.pidfd = -1;
	s->functions.limit = MV_SYMBOLS_FUNCTIONS;
	s->lines.limit = MV_SYMBOLS_LINES;
	return s;
}

int mv_symboliser_start(struct mv_source *source, struct mv_target *target,
			struct mv_symboliser **ret_symboliser)
{
	struct mv_symboliser *s;
	int err;

#ifndef HAVE_SYMBOLS
	return -ENOENT;
#endif
	s = new_symboliser(source, target);
	if (!s)
		return -ENOMEM;
	err = start_life(s);
	if (err) {
		mv_symboliser_free(s);
		return err;
	}
	flush(s);
	*ret_symboliser = s;
	return 0;
}

int mv_symboliser_on_socket(struct mv_source *source, struct mv_target *target, int take_socket,
			    struct mv_symboliser **ret_symboliser)
{
	struct mv_symboliser *s = new_symboliser(source, target);
	int err = s ? mv_symbols_prepare(take_socket) : -ENOMEM;

	if (err) {
		close(take_socket);
		free(s);
		return err;
	}
	s->socket = take_socket;
	s->only_life = true;
	begin_life(s);
	flush(s);
	*ret_symboliser = s;
	return 0;
}

void mv_symboliser_free(struct mv_symboliser *symboliser)
{
	struct mv_symboliser *s = symboliser;

	if (!s)
		return;
	if (s->socket >= 0)
		close(s->socket);
	mv_symbols_kill(&s->child);
	mv_symbols_reap(&s->child, END_MS, &s->cpu_ns);
	for (size_t i = 0; i < MV_SYMBOLS_ZOMBIES; i++)
		mv_symbols_reap(&s->zombies[i], END_MS, &s->cpu_ns);
	drop_hint(s);
	mv_symbols_forget_lines(s);
	for (uint32_t i = 0; i < s->functions.count; i++)
		free((void *)(uintptr_t)s->infos[i].name);
	mv_symbols_release(&s->functions);
	mv_symbols_release(&s->lines);
	mv_symbols_free_images(s);
	free(s->infos);
	free(s->line_infos);
	free(s->function_of);
	free(s);
}

/* ---- asking ---- */

int mv_symboliser_maps(struct mv_symboliser *symboliser, const struct mv_maps *maps, uint32_t gen)
{
	struct mv_symboliser *s = symboliser;
	bool vanished;
	int err;

	if (s->has_maps && gen == s->gen)
		return 0;
	err = mv_symbols_take_maps(s, maps, &vanished);
	if (err)
		return err;
	s->gen = gen;
	/* Other code may come to lie at the same addresses. */
	if (vanished)
		mv_symbols_forget_lines(s);
	flush(s);
	mv_symbols_close_images(s);
	return 0;
}

bool mv_symboliser_ready(const struct mv_symboliser *symboliser)
{
	return symboliser->why == MV_WHY_HAVE && symboliser->socket >= 0 && !is_unsettled(symboliser);
}

int mv_symboliser_unwind(struct mv_symboliser *symboliser, uint64_t token, const struct mv_regs *regs,
			 uint32_t known, const uint8_t *stack, size_t stack_bytes)
{
	struct mv_symboliser *s = symboliser;
	struct mv_symbols_request r = {.type = MV_SYMBOLS_UNWIND, .known = known, .regs = *regs};
	int err;

	if (s->why != MV_WHY_HAVE)
		return -EPIPE;
	err = flush(s);
	if (!err && is_unsettled(s))
		err = -EAGAIN;
	if (!err)
		err = queue(s, MV_SYMBOLS_UNWIND, token, &r.serial);
	if (err)
		return err;
	r.count = stack_bytes < MV_SYMBOLS_STACK_BYTES ? (uint32_t)stack_bytes : MV_SYMBOLS_STACK_BYTES;
	err = mv_symbols_send(s->socket, &r, sizeof(r), stack, r.count, -1);
	if (err)
		unqueue(s, MV_SYMBOLS_UNWIND);
	return after_send(s, err);
}

static int ask_text(struct mv_symboliser *s, uint64_t at_address, uint64_t code)
{
	const struct mv_symbols_key key = {.vaddr = at_address};
	uint32_t before = s->lines.count, at;

	if (s->why != MV_WHY_HAVE)
		return -EPIPE;
	if (!mv_symbols_reserve(&s->line_infos, &s->line_infos_cap, before, sizeof(*s->line_infos)))
		return -ENOMEM;
	at = mv_symbols_intern(&s->lines, &key);
	if (at == UINT32_MAX)
		return -ENOMEM;
	if (s->lines.count > before) {
		s->line_infos[at] = (struct mv_symbols_line){.code = code, .state = MV_LINE_UNSENT};
		s->lines_unsent++;
	}
	flush(s);
	return 0;
}

int mv_symboliser_line(struct mv_symboliser *symboliser, uint64_t pc)
{
	return ask_text(symboliser, pc, 0);
}

int mv_symboliser_object(struct mv_symboliser *symboliser, uint64_t address, uint64_t code)
{
	assert(code);
	return ask_text(symboliser, address, code);
}

/* ---- answers ---- */

/* How long the oldest request may take: when tables are read for the first time, or lines looked up, it is
 * longer. */
static uint64_t patience(const struct mv_symboliser *s)
{
	const struct mv_symbols_pending *p = &s->pending[s->pending_head];
	bool slow = !s->answered || p->type != MV_SYMBOLS_UNWIND;

	if (s->hint && atomic_load_explicit(&s->hint->slow, memory_order_relaxed))
		slow = true;
	return slow ? s->slow_patience_ns : s->patience_ns;
}

static bool is_overdue(const struct mv_symboliser *s)
{
	return s->socket >= 0 && s->pending_count && !s->pending[s->pending_head].lost &&
	       mv_source_now(s->source) - s->busy_since_ns >= patience(s);
}

static void take_answers(struct mv_symboliser *s, mv_take_stack *take, void *arg)
{
	for (uint32_t i = 0; s->socket >= 0 && i < PACKETS_MAX; i++) {
		ssize_t n = mv_symbols_receive(s->socket, &s->answer, sizeof(s->answer), MSG_DONTWAIT, NULL);

		if (n == -EAGAIN)
			return;
		if (n <= 0 || mv_symbols_take_answer(s, (size_t)n, take, arg) < 0)
			end_life(s);
	}
}

/* Give back what was asked of a process that has ended. */
static void return_lost(struct mv_symboliser *s, mv_take_stack *take, void *arg)
{
	while (s->pending_count && s->pending[s->pending_head].lost) {
		const struct mv_symbols_pending p = s->pending[s->pending_head];

		s->pending_head = (s->pending_head + 1) % MV_SYMBOLS_PENDING;
		s->pending_count--;
		if (p.type != MV_SYMBOLS_UNWIND)
			continue;
		s->pending_stacks--;
		take(arg, p.value, NULL, 0, MV_STACK_NOT_UNWOUND);
	}
}

void mv_symboliser_dispatch(struct mv_symboliser *symboliser, mv_take_stack *take, void *arg)
{
	struct mv_symboliser *s = symboliser;

	for (size_t i = 0; i < MV_SYMBOLS_ZOMBIES; i++)
		mv_symbols_reap(&s->zombies[i], 0, &s->cpu_ns);
	take_answers(s, take, arg);
	if (is_overdue(s))
		end_life(s);
	return_lost(s, take, arg);
	if (s->socket < 0 && s->why == MV_WHY_HAVE)
		succeed(s);
	flush(s);
}

/* ---- what is known ---- */

enum mv_why mv_symboliser_why(const struct mv_symboliser *symboliser)
{
#ifndef HAVE_SYMBOLS
	if (!symboliser)
		return MV_WHY_NO_UNWINDER;
#endif
	return symboliser ? symboliser->why : MV_WHY_NO_SYMBOLS;
}

int mv_symboliser_fd(const struct mv_symboliser *symboliser)
{
	return symboliser->socket;
}

static bool has_zombies(const struct mv_symboliser *s)
{
	for (size_t i = 0; i < MV_SYMBOLS_ZOMBIES; i++) {
		if (s->zombies[i].pid)
			return true;
	}
	return false;
}

uint64_t mv_symboliser_due_ns(const struct mv_symboliser *symboliser)
{
	const struct mv_symboliser *s = symboliser;
	const uint64_t now_ns = mv_source_now(s->source);
	uint64_t due_ns = UINT64_MAX, at_ns;

	if ((s->socket < 0 && s->why == MV_WHY_HAVE) ||
	    (s->pending_count && s->pending[s->pending_head].lost))
		return 0;
	if (s->socket >= 0 && s->pending_count)
		due_ns = s->busy_since_ns + patience(s);
	if (s->socket >= 0 && (s->start_unsent || s->maps_unsent || s->images_unsent || s->settle_unsent ||
			       s->debug_unsent || (s->lines_unsent && !s->pending_settles))) {
		at_ns = now_ns + RETRY_NS;
		due_ns = at_ns < due_ns ? at_ns : due_ns;
	}
	if (has_zombies(s)) {
		at_ns = now_ns + REAP_NS;
		due_ns = at_ns < due_ns ? at_ns : due_ns;
	}
	return due_ns;
}

size_t mv_symboliser_pending(const struct mv_symboliser *symboliser)
{
	return symboliser->pending_stacks;
}

uint32_t mv_symboliser_functions(const struct mv_symboliser *symboliser)
{
	return symboliser->functions.count;
}

const struct mv_function_info *mv_symboliser_function(const struct mv_symboliser *symboliser, uint32_t id)
{
	return id < symboliser->functions.count ? &symboliser->infos[id] : NULL;
}

int mv_symboliser_line_of(const struct mv_symboliser *symboliser, uint64_t pc, const char **ret_file,
			  uint32_t *ret_line)
{
	const struct mv_symbols_key key = {.vaddr = pc};
	uint32_t at = mv_symbols_find(&symboliser->lines, &key);

	if (at == UINT32_MAX)
		return -ENOENT;
	if (symboliser->line_infos[at].state != MV_LINE_KNOWN)
		return -EAGAIN;
	*ret_file = symboliser->line_infos[at].file;
	*ret_line = symboliser->line_infos[at].line;
	return 0;
}

uint64_t mv_symboliser_cpu_ns(const struct mv_symboliser *symboliser)
{
	return symboliser->cpu_ns + mv_symbols_cpu(&symboliser->child);
}
