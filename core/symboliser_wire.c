/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/symboliser_private.h"

/* ---- packets ---- */

int mv_symbols_send(int socket, const void *head, size_t head_bytes, const void *tail, size_t tail_bytes,
		    int fd)
{
	struct iovec parts[2] = {{(void *)(uintptr_t)head, head_bytes},
				 {(void *)(uintptr_t)tail, tail_bytes}};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = tail_bytes ? 2 : 1};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do
		n = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	/* ETOOMANYREFS: too many descriptors are under way; they become fewer as they are received. */
	if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS)
		return -EAGAIN;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

ssize_t mv_symbols_receive(int socket, void *buf, size_t cap, int flags, int *ret_fd)
{
	struct iovec part = {buf, cap};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t n;

	if (ret_fd) {
		*ret_fd = -1;
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	do
		n = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	c = ret_fd ? CMSG_FIRSTHDR(&message) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len >= CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	if (!(message.msg_flags & MSG_TRUNC))
		return n;
	if (ret_fd && *ret_fd >= 0) {
		close(*ret_fd);
		*ret_fd = -1;
	}
	return -EMSGSIZE;
}

/* ---- keys ---- */

/* The other side chooses the keys: a seed that it does not know keeps it from choosing ones that collide. */
static uint64_t seed(void)
{
	static uint64_t kept;

	if (!kept) {
		const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);

		if (random)
			memcpy(&kept, random, sizeof(kept));
		kept |= 1;
	}
	return kept;
}

static uint32_t hash(const struct mv_symbols_key *key)
{
	uint64_t h = key->vaddr ^ seed();

	h *= UINT64_C(0x9e3779b97f4a7c15);
	h ^= h >> 32;
	h = (h + ((uint64_t)key->image << 3 | key->kind)) * (seed() | 1);
	h ^= h >> 29;
	h *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(h >> 32);
}

/* The slot of a key, or the free one where it belongs. slots_cap is a power of two and never full. */
static uint32_t slot_of(const struct mv_symbols_keys *keys, const struct mv_symbols_key *key)
{
	uint32_t at = hash(key) & (keys->slots_cap - 1);

	for (;; at = (at + 1) & (keys->slots_cap - 1)) {
		const struct mv_symbols_key *k;

		if (!keys->slots[at])
			return at;
		k = &keys->at[keys->slots[at] - 1];
		if (k->vaddr == key->vaddr && k->image == key->image && k->kind == key->kind)
			return at;
	}
}

uint32_t mv_symbols_find(const struct mv_symbols_keys *keys, const struct mv_symbols_key *key)
{
	uint32_t number = keys->slots_cap ? keys->slots[slot_of(keys, key)] : 0;

	return number ? number - 1 : UINT32_MAX;
}

static bool grow_slots(struct mv_symbols_keys *keys)
{
	uint32_t cap = keys->slots_cap ? keys->slots_cap * 2 : 256;
	uint32_t *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return false;
	free(keys->slots);
	keys->slots = slots;
	keys->slots_cap = cap;
	for (uint32_t i = 0; i < keys->count; i++)
		slots[slot_of(keys, &keys->at[i])] = i + 1;
	return true;
}

uint32_t mv_symbols_intern(struct mv_symbols_keys *keys, const struct mv_symbols_key *key)
{
	uint32_t slot;

	if (keys->count >= keys->slots_cap / 2 && keys->count < keys->limit && !grow_slots(keys))
		return UINT32_MAX;
	slot = slot_of(keys, key);
	if (keys->slots[slot])
		return keys->slots[slot] - 1;
	if (keys->count >= keys->limit ||
	    !mv_symbols_reserve(&keys->at, &keys->cap, keys->count, sizeof(*keys->at)))
		return UINT32_MAX;
	keys->at[keys->count] = *key;
	keys->slots[slot] = ++keys->count;
	return keys->count - 1;
}

void mv_symbols_forget(struct mv_symbols_keys *keys)
{
	if (keys->count)
		memset(keys->slots, 0, keys->slots_cap * sizeof(*keys->slots));
	keys->count = 0;
}

void mv_symbols_release(struct mv_symbols_keys *keys)
{
	free(keys->at);
	free(keys->slots);
	*keys = (struct mv_symbols_keys){0};
}

bool mv_symbols_reserve(void *array_pointer, uint32_t *cap, uint32_t count, size_t size)
{
	uint32_t grown = *cap ? *cap * 2 : 64;
	void *array;

	if (count < *cap)
		return true;
	memcpy(&array, array_pointer, sizeof(array));
	array = reallocarray(array, grown, size);
	if (!array)
		return false;
	memcpy(array_pointer, &array, sizeof(array));
	*cap = grown;
	return true;
}
