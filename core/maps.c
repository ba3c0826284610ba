/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clean.h"
#include "core/maps.h"

/* What several mappings can be of: a file, or everything with one pseudo name. */
struct mv_maps_object {
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	uint32_t name;	/* 0 for files: they are told apart by device and inode, not by text */
	uint8_t is_run; /* mapped executable somewhere: its constants are a program's */
};

static const struct {
	const char *name, *meaning;
} kinds[MV_KIND__N] = {
#define X(id, name, meaning) [MV_KIND_##id] = {name, meaning},
    MV_KINDS(X)
#undef X
};

const char *mv_kind_name(enum mv_kind kind)
{
	return (unsigned)kind < MV_KIND__N ? kinds[kind].name : "";
}

const char *mv_kind_meaning(enum mv_kind kind)
{
	return (unsigned)kind < MV_KIND__N ? kinds[kind].meaning : "";
}

void mv_maps_init(struct mv_maps *maps)
{
	memset(maps, 0, sizeof(*maps));
}

void mv_maps_release(struct mv_maps *maps)
{
	free(maps->at);
	free(maps->names);
	free(maps->intern);
	free(maps->object_hash);
	free(maps->objects);
	mv_maps_init(maps);
}

void mv_maps_clear(struct mv_maps *maps)
{
	maps->count = 0;
	maps->names_len = 0;
	maps->torn = false;
	maps->intern_count = 0;
	maps->object_count = 0;
	if (maps->intern)
		memset(maps->intern, 0, maps->intern_cap * sizeof(*maps->intern));
	if (maps->object_hash)
		memset(maps->object_hash, 0, maps->object_hash_cap * sizeof(*maps->object_hash));
}

/* The array with room for `need` elements of `size` bytes, grown by half if it must; NULL without memory. */
static void *grown(void *array, uint32_t *cap, uint64_t need, size_t size)
{
	uint64_t wanted = *cap + (uint64_t)*cap / 2 + 64;
	void *moved;

	if (need <= *cap)
		return array;
	if (wanted < need)
		wanted = need;
	moved = wanted <= UINT32_MAX ? realloc(array, wanted * size) : NULL;
	if (moved)
		*cap = (uint32_t)wanted;
	return moved;
}

static int grow_names(struct mv_maps *maps, uint64_t room)
{
	char *names = grown(maps->names, &maps->names_cap, maps->names_len + room + 1, 1);

	if (!names)
		return -ENOMEM;
	maps->names = names;
	if (maps->names_len == 0)
		names[maps->names_len++] = '\0';
	return 0;
}

static int grow_mappings(struct mv_maps *maps)
{
	struct mv_mapping *at = grown(maps->at, &maps->cap, (uint64_t)maps->count + 1, sizeof(*at));

	if (!at)
		return -ENOMEM;
	maps->at = at;
	return 0;
}

static int grow_objects(struct mv_maps *maps)
{
	struct mv_maps_object *objects =
	    grown(maps->objects, &maps->objects_cap, (uint64_t)maps->object_count + 2, sizeof(*objects));

	if (!objects)
		return -ENOMEM;
	maps->objects = objects;
	if (maps->object_count == 0)
		objects[maps->object_count++] = (struct mv_maps_object){0};
	return 0;
}

static uint32_t hash_bytes(const char *text, size_t n)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; n >= 8; n -= 8, text += 8) {
		uint64_t word;

		memcpy(&word, text, 8);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	for (; n; n--, text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	hash ^= hash >> 32;
	return (uint32_t)hash;
}

static uint32_t hash_object(const struct mv_maps_object *o)
{
	uint64_t hash = o->inode * UINT64_C(0x9e3779b97f4a7c15) ^ o->name;

	hash = (hash ^ ((uint64_t)o->dev_major << 32 | o->dev_minor)) * UINT64_C(0xff51afd7ed558ccd);
	return (uint32_t)(hash >> 32);
}

/* An empty hash of twice the slots; the caller fills it and frees the old one. */
static uint32_t *larger_hash(uint32_t cap, uint32_t *ret_cap)
{
	uint32_t wanted = cap ? cap * 2 : 256;
	uint32_t *hash = wanted > cap ? calloc(wanted, sizeof(*hash)) : NULL;

	if (hash)
		*ret_cap = wanted;
	return hash;
}

static int grow_intern(struct mv_maps *maps)
{
	uint32_t cap, *hash = larger_hash(maps->intern_cap, &cap);

	if (!hash)
		return -ENOMEM;
	for (uint32_t i = 0; i < maps->intern_cap; i++) {
		uint32_t offset = maps->intern[i], slot;

		if (!offset)
			continue;
		slot = hash_bytes(maps->names + offset, strlen(maps->names + offset)) & (cap - 1);
		while (hash[slot])
			slot = (slot + 1) & (cap - 1);
		hash[slot] = offset;
	}
	free(maps->intern);
	maps->intern = hash;
	maps->intern_cap = cap;
	return 0;
}

/* The text of len bytes that lies at the pool's end: keep it, or drop it for an equal one. */
static int intern_tail(struct mv_maps *maps, size_t len, uint32_t *ret_offset)
{
	const char *tail = maps->names + maps->names_len;
	uint32_t slot;

	if (maps->intern_count * 2 >= maps->intern_cap) {
		int ret = grow_intern(maps);

		if (ret)
			return ret;
	}
	slot = hash_bytes(tail, len) & (maps->intern_cap - 1);
	while (maps->intern[slot]) {
		const char *other = maps->names + maps->intern[slot];

		if (memcmp(other, tail, len) == 0 && other[len] == '\0') {
			*ret_offset = maps->intern[slot];
			return 0;
		}
		slot = (slot + 1) & (maps->intern_cap - 1);
	}
	maps->intern[slot] = maps->names_len;
	maps->intern_count++;
	*ret_offset = maps->names_len;
	maps->names_len += (uint32_t)len + 1;
	return 0;
}

/* The one thing that the kernel escapes in a name is a newline, as \012. Returns the length, at most n. */
static size_t undo_newlines(char *out, const char *raw, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (raw[i] == '\\' && n - i >= 4 && memcmp(raw + i, "\\012", 4) == 0) {
			out[len++] = '\n';
			i += 3;
		} else {
			out[len++] = raw[i];
		}
	}
	return len;
}

static int add_name(struct mv_maps *maps, const char *raw, size_t n, uint32_t *ret_offset)
{
	/* Cleaning makes at most four bytes of one; behind that, room to undo newlines in. */
	size_t clean_cap = 4 * n + 1, len;
	int ret;

	if (n > UINT32_MAX / 16)
		return -ENOMEM;
	ret = grow_names(maps, clean_cap + n);
	if (ret)
		return ret;
	if (memchr(raw, '\\', n)) {
		char *unescaped = maps->names + maps->names_len + clean_cap;

		n = undo_newlines(unescaped, raw, n);
		raw = unescaped;
	}
	len = mv_clean_bytes(raw, n, maps->names + maps->names_len, clean_cap);
	return intern_tail(maps, len, ret_offset);
}

/* Whether a raw name is, letter for letter, one that is already in the pool (so it needs no cleaning). */
static bool equals_raw(const char *clean, const char *raw, size_t n)
{
	return strlen(clean) == n && memcmp(clean, raw, n) == 0 && !memchr(raw, '\\', n);
}

/* Names come in groups (a file's mappings, with at most one anonymous between): try the last two first. */
static int find_name(struct mv_maps *maps, const char *raw, size_t n, uint32_t *ret_offset)
{
	for (uint32_t back = 1; back <= 2 && back <= maps->count; back++) {
		uint32_t name = maps->at[maps->count - back].name;

		if (name && equals_raw(maps->names + name, raw, n)) {
			*ret_offset = name;
			return 0;
		}
	}
	return add_name(maps, raw, n, ret_offset);
}

static bool is_same_object(const struct mv_maps_object *a, const struct mv_maps_object *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor &&
	       a->name == b->name;
}

static int grow_object_hash(struct mv_maps *maps)
{
	uint32_t cap, *hash = larger_hash(maps->object_hash_cap, &cap);

	if (!hash)
		return -ENOMEM;
	for (uint32_t i = 1; i < maps->object_count; i++) {
		uint32_t slot = hash_object(&maps->objects[i]) & (cap - 1);

		while (hash[slot])
			slot = (slot + 1) & (cap - 1);
		hash[slot] = i;
	}
	free(maps->object_hash);
	maps->object_hash = hash;
	maps->object_hash_cap = cap;
	return 0;
}

static int find_object(struct mv_maps *maps, const struct mv_maps_object *key, uint32_t *ret_object)
{
	uint32_t slot;
	int ret;

	for (uint32_t back = 1; back <= 2 && back <= maps->count; back++) {
		uint32_t object = maps->at[maps->count - back].object;

		if (is_same_object(&maps->objects[object], key)) {
			*ret_object = object;
			return 0;
		}
	}
	ret = grow_objects(maps);
	if (!ret && maps->object_count * 2 >= maps->object_hash_cap)
		ret = grow_object_hash(maps);
	if (ret)
		return ret;
	if (is_same_object(&maps->objects[0], key)) {
		*ret_object = 0;
		return 0;
	}
	slot = hash_object(key) & (maps->object_hash_cap - 1);
	while (maps->object_hash[slot]) {
		if (is_same_object(&maps->objects[maps->object_hash[slot]], key)) {
			*ret_object = maps->object_hash[slot];
			return 0;
		}
		slot = (slot + 1) & (maps->object_hash_cap - 1);
	}
	maps->objects[maps->object_count] = *key;
	maps->object_hash[slot] = maps->object_count;
	*ret_object = maps->object_count++;
	return 0;
}

/* Value of a lower-case hex digit, 255 for anything else. */
// clang-format off
static const uint8_t hex_value[256] = {
	[0 ... '0' - 1] = 255,
	['0'] = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
	['9' + 1 ... 'a' - 1] = 255,
	['a'] = 10, 11, 12, 13, 14, 15,
	['g' ... 255] = 255,
};
// clang-format on

/* A hex number and the character that must follow it; NULL when the text is otherwise. */
static inline const char *take_hex(const char *at, const char *end, char after, uint64_t *ret_value)
{
	const char *first = at;
	uint64_t value = 0;

	for (; at < end; at++) {
		uint8_t digit = hex_value[(unsigned char)*at];

		if (digit > 15)
			break;
		value = value << 4 | digit;
	}
	if (at == first || at - first > 16 || at >= end || *at != after)
		return NULL;
	*ret_value = value;
	return at + 1;
}

static inline const char *take_perms(const char *at, const char *end, uint8_t *ret_perms)
{
	unsigned perms = 0;

	if (end - at < 5 || at[4] != ' ')
		return NULL;
	if ((at[0] != 'r' && at[0] != '-') || (at[1] != 'w' && at[1] != '-') ||
	    (at[2] != 'x' && at[2] != '-') || (at[3] != 's' && at[3] != 'p'))
		return NULL;
	perms |= at[0] == 'r' ? MV_PERM_R : 0;
	perms |= at[1] == 'w' ? MV_PERM_W : 0;
	perms |= at[2] == 'x' ? MV_PERM_X : 0;
	perms |= at[3] == 's' ? MV_PERM_SHARED : 0;
	*ret_perms = (uint8_t)perms;
	return at + 5;
}

/* "START-END PERMS OFFSET MAJOR:MINOR INODE  NAME". Returns where the name starts, or NULL. */
static const char *take_columns(const char *at, const char *end, struct mv_mapping *m)
{
	uint64_t major, minor, inode = 0;
	const char *digits;

	at = take_hex(at, end, '-', &m->start);
	at = at ? take_hex(at, end, ' ', &m->end) : NULL;
	at = at ? take_perms(at, end, &m->perms) : NULL;
	at = at ? take_hex(at, end, ' ', &m->offset) : NULL;
	at = at ? take_hex(at, end, ':', &major) : NULL;
	at = at ? take_hex(at, end, ' ', &minor) : NULL;
	if (!at || major > UINT32_MAX || minor > UINT32_MAX)
		return NULL;
	for (digits = at; at < end && *at >= '0' && *at <= '9'; at++)
		inode = inode * 10 + (unsigned)(*at - '0');
	if (at == digits || at - digits > 20 || (at < end && *at != ' '))
		return NULL;
	while (at < end && *at == ' ')
		at++;
	m->inode = inode;
	m->dev_major = (uint32_t)major;
	m->dev_minor = (uint32_t)minor;
	return at;
}

int mv_maps_parse_line(struct mv_maps *maps, const char *line, size_t len)
{
	static const char deleted[] = " (deleted)";
	const size_t deleted_len = sizeof(deleted) - 1;
	struct mv_mapping m = {0};
	struct mv_maps_object key = {0};
	const char *end = line + len;
	const char *name = take_columns(line, end, &m);
	size_t n;
	int ret;

	if (!name || m.start >= m.end)
		return -EBADMSG;
	if (maps->torn)
		return 0;
	if (maps->count && m.start < maps->at[maps->count - 1].end) {
		maps->torn = true;
		return 0;
	}
	ret = maps->count < maps->cap ? 0 : grow_mappings(maps);
	if (!ret && maps->names_len == 0)
		ret = grow_names(maps, 0);
	if (ret)
		return ret;
	n = (size_t)(end - name);
	if (m.inode && n >= deleted_len && memcmp(end - deleted_len, deleted, deleted_len) == 0) {
		m.flags |= MV_MAPPING_DELETED;
		n -= deleted_len;
	}
	if (n) {
		ret = find_name(maps, name, n, &m.name);
		if (ret)
			return ret;
	}
	key.inode = m.inode;
	key.dev_major = m.dev_major;
	key.dev_minor = m.dev_minor;
	key.name = m.inode || m.dev_major || m.dev_minor ? 0 : m.name;
	ret = find_object(maps, &key, &m.object);
	if (ret)
		return ret;
	maps->at[maps->count++] = m;
	return 0;
}

int mv_maps_parse(struct mv_maps *maps, const char *text, size_t len)
{
	const char *end = text + len;

	if (maps->names_len == 0 && grow_names(maps, 0))
		return -ENOMEM;
	while (text < end && !maps->torn) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;
		int ret = mv_maps_parse_line(maps, text, (size_t)(line_end - text));

		if (ret)
			return ret;
		text = line_end + 1;
	}
	return 0;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Of a mapping with a name in brackets and no inode. MV_KIND__N: the name says nothing of its kind. */
static enum mv_kind kind_of_pseudo(const char *name)
{
	static const struct {
		const char *prefix;
		enum mv_kind kind;
	} pseudo[] = {
	    // clang-format off
		{"[heap]", MV_KIND_HEAP},
		{"[stack", MV_KIND_STACK}, /* "[stack:TID]" too, before 4.5 */
		{"[vdso", MV_KIND_VDSO},   /* "[vdso32]" */
		{"[vvar", MV_KIND_VVAR},   /* "[vvar_vclock]" */
		{"[vsyscall]", MV_KIND_VSYSCALL},
		{"[anon_shmem:", MV_KIND_SHARED},
		{"[anon:", MV_KIND_ANON},
	    // clang-format on
	};

	for (size_t i = 0; i < MV_COUNT_OF(pseudo); i++) {
		if (has_prefix(name, pseudo[i].prefix))
			return pseudo[i].kind;
	}
	return MV_KIND__N;
}

static bool is_of_file(const struct mv_mapping *m)
{
	return m->inode || m->dev_major || m->dev_minor;
}

/*
 * Memory that only looks like a file. True files can bear its names too, but those don't lie on the kernel's
 * own devices (major 0) under these paths.
 */
static bool is_shared_memory(const struct mv_mapping *m, const char *name)
{
	return is_of_file(m) && m->dev_major == 0 &&
	       (has_prefix(name, "/memfd:") || has_prefix(name, "/SYSV") || has_prefix(name, "/dev/shm/") ||
		has_prefix(name, "[anon_shmem:") || strcmp(name, "/dev/zero") == 0);
}

static bool is_hugetlb(const struct mv_mapping *m, const char *name)
{
	/* Other mounts of hugetlbfs, memfds and segments are told by smaps' VmFlags only. */
	return m->inode && m->dev_major == 0 &&
	       (has_prefix(name, "/anon_hugepage") || has_prefix(name, "/dev/hugepages/"));
}

static enum mv_kind kind_of_file(const struct mv_maps *maps, const struct mv_mapping *m)
{
	if (m->perms & MV_PERM_X)
		return MV_KIND_TEXT;
	if (m->perms & MV_PERM_W)
		return MV_KIND_DATA;
	if (m->perms & MV_PERM_R && maps->objects[m->object].is_run)
		return MV_KIND_RODATA;
	return MV_KIND_FILE;
}

/*
 * Does anonymous memory right behind a file's data belong to it? maps does not say: malloc's arenas are often
 * placed there too. Behind the program itself (the first object) nothing else is ever placed; behind a
 * library it is taken for its own unless it is larger than all of the library.
 */
static bool is_bss(const struct mv_maps *maps, uint32_t i)
{
	const unsigned access = MV_PERM_R | MV_PERM_W | MV_PERM_X;
	const struct mv_mapping *m = &maps->at[i], *first;

	if (i == 0 || m[-1].kind != MV_KIND_DATA || m[-1].end != m->start ||
	    (m->perms & access) != (MV_PERM_R | MV_PERM_W))
		return false;
	for (first = m - 1;
	     first > maps->at && first[-1].end == first->start && first[-1].object == m[-1].object;)
		first--;
	return m[-1].object == 1 || m->end - m->start <= m->start - first->start;
}

static enum mv_kind kind_of_anonymous(const struct mv_maps *maps, uint32_t i, bool holds_stack_pointer)
{
	const unsigned access = MV_PERM_R | MV_PERM_W | MV_PERM_X;
	const struct mv_mapping *m = &maps->at[i];

	if (!(m->perms & access))
		return MV_KIND_RESERVED;
	if (holds_stack_pointer)
		return MV_KIND_THREAD_STACK;
	if (is_bss(maps, i))
		return MV_KIND_BSS;
	if (m->perms & MV_PERM_X)
		return MV_KIND_JIT;
	return MV_KIND_ANON;
}

static void classify_one(struct mv_maps *maps, uint32_t i, bool holds_stack_pointer)
{
	struct mv_mapping *m = &maps->at[i];
	const char *name = maps->names + m->name;
	enum mv_kind kind = MV_KIND__N;
	bool is_object;

	m->flags &= (uint8_t)~MV_MAPPING_FILE;
	/* A name given to shared memory hides the file behind it, but not its inode. */
	if (*name == '[' && (m->inode == 0 || (m->dev_major == 0 && has_prefix(name, "[anon_shmem:"))))
		kind = kind_of_pseudo(name);
	if (kind == MV_KIND__N && is_hugetlb(m, name))
		kind = MV_KIND_HUGE;
	is_object = m->name && is_shared_memory(m, name);
	if (kind == MV_KIND__N && is_object && m->perms & MV_PERM_SHARED)
		kind = MV_KIND_SHARED;
	if (is_of_file(m) && !is_object && kind != MV_KIND_HUGE)
		m->flags |= MV_MAPPING_FILE;
	/* A private mapping of /dev/zero is plain anonymous memory under an old name. */
	if (kind == MV_KIND__N && is_of_file(m) && !(is_object && strcmp(name, "/dev/zero") == 0))
		kind = kind_of_file(maps, m);
	if (kind == MV_KIND__N)
		kind = kind_of_anonymous(maps, i, holds_stack_pointer);
	if (kind == MV_KIND_BSS && m->object == 0)
		m->object = m[-1].object;
	m->kind = (uint8_t)kind;
}

void mv_maps_classify(struct mv_maps *maps, const uint64_t *stack_pointers, size_t n)
{
	size_t next = 0;

	for (uint32_t i = 0; i < maps->count; i++) {
		if (maps->at[i].perms & MV_PERM_X)
			maps->objects[maps->at[i].object].is_run = 1;
	}
	for (uint32_t i = 0; i < maps->count; i++) {
		while (next < n && stack_pointers[next] < maps->at[i].start)
			next++;
		classify_one(maps, i, next < n && stack_pointers[next] < maps->at[i].end);
	}
	for (uint32_t i = 0; i + 1 < maps->count; i++) {
		struct mv_mapping *m = &maps->at[i], *above = m + 1;

		if (m->kind == MV_KIND_RESERVED && m->end == above->start &&
		    (above->kind == MV_KIND_STACK || above->kind == MV_KIND_THREAD_STACK))
			m->kind = MV_KIND_GUARD;
	}
}

static int take_maps(void *arg, const char *text, size_t len)
{
	return mv_maps_parse(arg, text, len);
}

int mv_maps_read(struct mv_target *target, struct mv_maps *maps, const uint64_t *stack_pointers, size_t n)
{
	int ret;

	mv_maps_clear(maps);
	ret = mv_target_stream(target, MV_FILE_MAPS, take_maps, maps);
	if (!ret && maps->names_len == 0)
		ret = grow_names(maps, 0);
	if (ret)
		return ret;
	mv_maps_classify(maps, stack_pointers, n);
	return 0;
}

uint32_t mv_maps_find(const struct mv_mapping *at, uint32_t count, uint64_t addr)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (at[middle].end > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}
