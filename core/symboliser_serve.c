/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/symboliser_private.h"

#define CALLED_MAX (1u << 16) /* addresses whose functions are remembered */

struct image {
	struct mv_image *image; /* NULL: not here */
	bool read;		/* its symbols have been */
	uint64_t start;		/* of its first mapping */
	bool listed;
};

struct server {
	int socket;
	struct mv_unwinder *unwinder;
	struct mv_symbols_hint *hint;
	struct image *images;
	uint32_t images_count;
	struct mv_unwind_map *maps;
	uint32_t maps_count;
	/* What was told since functions_before were; their numbers come behind. */
	struct mv_symbols_keys functions;
	uint32_t functions_before;
	/* Address of a call -> function, until the list of mappings changes. */
	struct mv_symbols_keys called;
	uint32_t *called_function, called_cap;
	struct mv_symbols_answer answer;
	struct {
		struct mv_symbols_request head;
		uint8_t stack[MV_SYMBOLS_STACK_BYTES];
	} request;
};

static int reply(struct server *s, size_t tail_bytes)
{
	return mv_symbols_send(s->socket, &s->answer, MV_SYMBOLS_ANSWER_HEAD + tail_bytes, NULL, 0, -1);
}

/* ---- what is under work, in case that it is the end ---- */

static void work_on(struct server *s, uint32_t image, bool slow)
{
	if (!s->hint)
		return;
	atomic_store_explicit(&s->hint->working, image == MV_IMAGE_NONE ? 0 : image + 1,
			      memory_order_relaxed);
	atomic_store_explicit(&s->hint->slow, slow, memory_order_relaxed);
}

static void rest(struct server *s)
{
	work_on(s, MV_IMAGE_NONE, false);
}

/* ---- being told ---- */

static int take_start(struct server *s, int fd)
{
	void *at = MAP_FAILED;

	if (s->request.head.count != MV_SYMBOLS_PROTOCOL)
		return -EPROTO;
	if (fd >= 0)
		at = mmap(NULL, sizeof(*s->hint), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return 0;
	s->hint = at;
	mv_unwinder_watch(s->unwinder, &s->hint->working);
	return 0;
}

static void close_image(struct server *s, uint32_t id)
{
	if (!s->images[id].image)
		return;
	mv_unwinder_image(s->unwinder, id, NULL);
	mv_image_close(s->images[id].image);
	s->images[id].image = NULL;
	s->images[id].read = false;
}

static int read_list(int fd, struct mv_unwind_map *list, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(fd, (char *)list + done, bytes - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* Room for the image of that number. */
static int grow_images(struct server *s, uint32_t id)
{
	struct image *grown;

	if (id < s->images_count)
		return 0;
	if (id >= MV_SYMBOLS_IDENTITIES)
		return -EPROTO;
	grown = reallocarray(s->images, id + 1u, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memset(grown + s->images_count, 0, (id + 1u - s->images_count) * sizeof(*grown));
	s->images = grown;
	s->images_count = id + 1u;
	return 0;
}

/* Close the images that the list has no more. ret_moved: some are gone or lie elsewhere. */
static int list_images(struct server *s, bool *ret_moved)
{
	for (uint32_t i = 0; i < s->images_count; i++)
		s->images[i].listed = false;
	for (uint32_t i = 0; i < s->maps_count; i++) {
		const struct mv_unwind_map *m = &s->maps[i];
		int err = m->image == MV_IMAGE_NONE ? 0 : grow_images(s, m->image);

		if (err)
			return err;
		if (m->image == MV_IMAGE_NONE || s->images[m->image].listed)
			continue;
		*ret_moved |= s->images[m->image].start && s->images[m->image].start != m->start;
		s->images[m->image].listed = true;
		s->images[m->image].start = m->start;
	}
	for (uint32_t i = 0; i < s->images_count; i++) {
		if (s->images[i].listed)
			continue;
		*ret_moved |= s->images[i].start != 0;
		s->images[i].start = 0;
		close_image(s, i);
	}
	return 0;
}

static int take_maps(struct server *s, int fd)
{
	uint32_t count = s->request.head.count;
	struct mv_unwind_map *list = calloc(count + 1u, sizeof(*list));
	int err = !list || count > MV_SYMBOLS_MAPS ? -ENOMEM : read_list(fd, list, count * sizeof(*list));
	bool moved = false;

	if (err) {
		free(list);
		return err;
	}
	free(s->maps);
	s->maps = list;
	s->maps_count = count;
	err = list_images(s, &moved);
	if (err)
		return err;
	/* Functions are told anew, with where they are now. */
	if (moved) {
		s->functions_before += s->functions.count;
		mv_symbols_forget(&s->functions);
		s->functions.limit = MV_SYMBOLS_FUNCTIONS - s->functions_before;
	}
	mv_symbols_forget(&s->called);
	return mv_unwinder_maps(s->unwinder, list, count);
}

static int ask_debug(struct server *s, uint32_t id)
{
	struct mv_build_id build = {0};

	mv_image_build_id(s->images[id].image, &build);
	if (build.len < 2 || build.len > sizeof(build.bytes))
		return 0;
	memset(&s->answer, 0, MV_SYMBOLS_ANSWER_HEAD);
	s->answer.type = MV_SYMBOLS_DEBUG;
	s->answer.image = id;
	s->answer.count = build.len;
	memcpy(s->answer.text, build.bytes, build.len);
	return reply(s, build.len);
}

/* A file that is not understood is no error: its code is told by offsets. */
static int take_image(struct server *s, int *fd)
{
	uint32_t id = s->request.head.image;
	struct mv_image *image;
	int err;

	err = grow_images(s, id);
	if (err || *fd < 0)
		return err;
	close_image(s, id);
	work_on(s, id, true);
	err = mv_image_open(*fd, &image);
	*fd = -1;
	if (err)
		return 0;
	s->images[id].image = image;
	mv_symbols_forget(&s->called);
	err = mv_unwinder_image(s->unwinder, id, image);
	return err ? err : ask_debug(s, id);
}

static void take_debug(struct server *s, int *fd)
{
	uint32_t id = s->request.head.image;

	if (id >= s->images_count || !s->images[id].image || *fd < 0)
		return;
	work_on(s, id, true);
	mv_image_add_debug(s->images[id].image, *fd); /* one that does not fit is left out */
	*fd = -1;
	s->images[id].read = false;
	mv_symbols_forget(&s->called);
}

/* ---- naming ---- */

/* Where the unwind table says that the code around vaddr begins; vaddr itself when it says nothing. */
static uint64_t code_start(struct mv_image *image, uint64_t vaddr)
{
	struct mv_unwind_table table;
	int32_t pair[2];
	uint64_t low = 0, high, start = vaddr;

	if (mv_image_unwind_table(image, &table) < 0)
		return vaddr;
	high = table.count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2, at;

		if (table.synthetic)
			memcpy(pair, (const char *)table.synthetic + middle * sizeof(pair), sizeof(pair));
		else if (!mv_image_read(image, table.table_vaddr + middle * sizeof(pair), pair, sizeof(pair)))
			return vaddr;
		at = table.segbase_vaddr + (uint64_t)(int64_t)pair[0];
		if (at <= vaddr) {
			start = at;
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return start;
}

/* In no image that is here: the file's offset, generated code, or nothing but the address. */
static void key_without_image(const struct server *s, uint64_t pc, struct mv_symbols_key *ret_key)
{
	uint32_t low = 0, high = s->maps_count;
	const struct mv_unwind_map *m;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->maps[middle].end <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	m = low < s->maps_count && s->maps[low].start <= pc ? &s->maps[low] : NULL;
	if (m && m->image != MV_IMAGE_NONE)
		*ret_key = (struct mv_symbols_key){m->image, MV_SYMBOLS_OFFSET, pc - m->start + m->offset};
	else if (m)
		*ret_key = (struct mv_symbols_key){MV_IMAGE_NONE, MV_SYMBOLS_JIT, 0};
	else
		*ret_key = (struct mv_symbols_key){MV_IMAGE_NONE, MV_SYMBOLS_ADDRESS, pc};
}

/* What holds an address: its key, its start in the process, and the name in s->answer.text, whose length is
 * returned. */
static uint32_t identify(struct server *s, uint64_t pc, struct mv_symbols_key *ret_key, uint64_t *ret_start)
{
	uint64_t vaddr;
	uint32_t id;
	struct mv_image *image = mv_unwinder_find(s->unwinder, pc, &vaddr, &id);
	struct mv_symbol symbol;
	size_t len = 0;

	if (!image || id >= s->images_count) {
		key_without_image(s, pc, ret_key);
		*ret_start = ret_key->kind == MV_SYMBOLS_JIT ? 0 : pc;
		return 0;
	}
	work_on(s, id, !s->images[id].read);
	if (mv_image_symbol(image, vaddr, &symbol) == 0 && symbol.name[0])
		len = mv_symbol_demangle(symbol.name, s->answer.text, sizeof(s->answer.text));
	s->images[id].read = true;
	if (len > 0)
		*ret_key = (struct mv_symbols_key){id, MV_SYMBOLS_NAMED, symbol.vaddr};
	else
		*ret_key = (struct mv_symbols_key){id, MV_SYMBOLS_CODE, code_start(image, vaddr)};
	*ret_start = pc - vaddr + ret_key->vaddr;
	return (uint32_t)(len < sizeof(s->answer.text) ? len : sizeof(s->answer.text));
}

/* The number of the function at an address, told to the other side if it is new. */
static int name_call(struct server *s, uint64_t pc, uint32_t *ret_function)
{
	const struct mv_symbols_key address = {.vaddr = pc};
	uint32_t at = mv_symbols_find(&s->called, &address), known = s->functions.count, len;
	struct mv_symbols_key key;
	uint64_t start;

	if (at != UINT32_MAX) {
		*ret_function = s->called_function[at];
		return 0;
	}
	memset(&s->answer, 0, MV_SYMBOLS_ANSWER_HEAD);
	len = identify(s, pc, &key, &start);
	*ret_function = mv_symbols_intern(&s->functions, &key);
	if (*ret_function != MV_FUNCTION_NONE)
		*ret_function += s->functions_before;
	if (s->called.count == s->called.limit)
		mv_symbols_forget(&s->called);
	if (mv_symbols_reserve(&s->called_function, &s->called_cap, s->called.count,
			       sizeof(*s->called_function))) {
		at = mv_symbols_intern(&s->called, &address);
		if (at != UINT32_MAX)
			s->called_function[at] = *ret_function;
	}
	if (s->functions.count == known)
		return 0;
	s->answer.type = MV_SYMBOLS_FUNCTION;
	s->answer.id = *ret_function;
	s->answer.kind = key.kind;
	s->answer.image = key.image;
	s->answer.vaddr = key.vaddr;
	s->answer.start = start;
	s->answer.count = len;
	return reply(s, len);
}

/* ---- being asked ---- */

static int unwind(struct server *s, size_t stack_bytes)
{
	struct mv_call calls[MV_CALLS_MAX];
	enum mv_stack_end end = MV_STACK_NOT_UNWOUND;
	size_t count;
	int err;

	if (s->request.head.count != stack_bytes)
		return -EPROTO;
	count = mv_unwind(s->unwinder, &s->request.head.regs, s->request.head.known, s->request.stack,
			  stack_bytes, calls, MV_CALLS_MAX, &end);
	for (size_t i = 0; i < count; i++) {
		err = name_call(s, calls[i].pc, &calls[i].function);
		if (err)
			return err;
	}
	rest(s);
	memset(&s->answer, 0, MV_SYMBOLS_ANSWER_HEAD);
	s->answer.type = MV_SYMBOLS_STACK;
	s->answer.serial = s->request.head.serial;
	s->answer.count = (uint32_t)count;
	s->answer.value = (uint32_t)end;
	memcpy(s->answer.calls, calls, count * sizeof(calls[0]));
	return reply(s, count * sizeof(calls[0]));
}

/* The name of what lies at an address of data, told from code of the same file. */
static size_t name_object(struct mv_image *image, uint64_t vaddr, char *out, size_t cap, uint32_t *ret_offset)
{
	struct mv_symbol symbol;
	size_t len;

	if (mv_image_symbol(image, vaddr, &symbol) < 0 || !symbol.name[0] ||
	    vaddr - symbol.vaddr > UINT32_MAX)
		return 0;
	len = mv_symbol_demangle(symbol.name, out, cap);
	*ret_offset = (uint32_t)(vaddr - symbol.vaddr);
	return len < cap ? len : cap;
}

static int find_line(struct server *s)
{
	const uint64_t pc = s->request.head.pc, code = s->request.head.code;
	uint64_t vaddr;
	uint32_t id, number = 0;
	struct mv_image *image = mv_unwinder_find(s->unwinder, code ? code : pc, &vaddr, &id);
	const char *file = NULL;
	size_t len = 0;

	if (image)
		work_on(s, id, true);
	if (image && code) {
		len =
		    name_object(image, vaddr + (pc - code), s->answer.text, sizeof(s->answer.text), &number);
	} else if (image && mv_image_line(image, vaddr, &file, &number) == 0) {
		len = strnlen(file, MV_SYMBOLS_NAME_BYTES);
		memcpy(s->answer.text, file, len);
	}
	memset(&s->answer, 0, MV_SYMBOLS_ANSWER_HEAD);
	s->answer.type = MV_SYMBOLS_LINE;
	s->answer.serial = s->request.head.serial;
	s->answer.count = (uint32_t)len;
	s->answer.value = number;
	rest(s);
	return reply(s, len);
}

static int settle(struct server *s)
{
	memset(&s->answer, 0, MV_SYMBOLS_ANSWER_HEAD);
	s->answer.type = MV_SYMBOLS_SETTLE;
	s->answer.serial = s->request.head.serial;
	return reply(s, 0);
}

static int answer_request(struct server *s, size_t stack_bytes, int *fd)
{
	int err = 0;

	switch (s->request.head.type) {
	case MV_SYMBOLS_START:
		return take_start(s, *fd);
	case MV_SYMBOLS_MAPS_LIST:
		return take_maps(s, *fd);
	case MV_SYMBOLS_IMAGE:
		err = take_image(s, fd);
		rest(s);
		return err;
	case MV_SYMBOLS_DEBUG:
		take_debug(s, fd);
		rest(s);
		return 0;
	case MV_SYMBOLS_SETTLE:
		return settle(s);
	case MV_SYMBOLS_UNWIND:
		return unwind(s, stack_bytes);
	case MV_SYMBOLS_LINE:
		return find_line(s);
	default:
		return -EPROTO;
	}
}

static void release(struct server *s)
{
	for (uint32_t i = 0; i < s->images_count; i++)
		close_image(s, i);
	mv_unwinder_free(s->unwinder);
	mv_symbols_release(&s->functions);
	mv_symbols_release(&s->called);
	if (s->hint)
		munmap(s->hint, sizeof(*s->hint));
	free(s->called_function);
	free(s->images);
	free(s->maps);
	free(s);
}

int mv_symboliser_serve(int socket)
{
	struct server *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return 1;
	s->socket = socket;
	s->functions.limit = MV_SYMBOLS_FUNCTIONS;
	s->called.limit = CALLED_MAX;
	err = mv_unwinder_new(&s->unwinder);
	while (!err) {
		int fd = -1;
		ssize_t n = mv_symbols_receive(socket, &s->request, sizeof(s->request), 0, &fd);

		if (n == 0)
			break;
		err = n < (ssize_t)sizeof(s->request.head) ? -EPROTO : 0;
		if (!err)
			err = answer_request(s, (size_t)n - sizeof(s->request.head), &fd);
		if (fd >= 0)
			close(fd);
	}
	release(s);
	return err && err != -EPIPE ? 1 : 0;
}
