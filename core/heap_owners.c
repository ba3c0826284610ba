/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/heap_private.h"

/* Whose memory a mapping is, as far as names of files and of anonymous mappings tell. */

#define LOW_4G	  (UINT64_C(1) << 32)
#define GO_ARENA  UINT64_C(0xc000000000) /* where Go puts its heap on 64-bit Linux */
#define GO_ALIGN  (UINT64_C(4) << 20)
#define PY_ARENA  (UINT64_C(1) << 20) /* since Python 3.10; 256 KiB before: a fourth of it */
#define PY_BEFORE (UINT64_C(256) << 10)

/* A library or program, by the start of its file's name. */
static const struct mark {
	const char *start;
	enum mv_allocator allocator;
	bool library; /* else a whole name, or one with digits and dots behind */
} marks[] = {
    {"ld-musl-", MV_ALLOCATOR_MUSL, true},
    {"libc.musl-", MV_ALLOCATOR_MUSL, true},
    {"libjemalloc", MV_ALLOCATOR_JEMALLOC, true},
    {"libtcmalloc", MV_ALLOCATOR_TCMALLOC, true},
    {"libmimalloc", MV_ALLOCATOR_MIMALLOC, true},
    {"libjvm.so", MV_ALLOCATOR_JVM, true},
    {"libnode.so", MV_ALLOCATOR_V8, true},
    {"libv8", MV_ALLOCATOR_V8, true},
    {"node", MV_ALLOCATOR_V8, false},
    {"nodejs", MV_ALLOCATOR_V8, false},
    {"chrome", MV_ALLOCATOR_V8, false},
    {"chromium", MV_ALLOCATOR_V8, false},
    {"electron", MV_ALLOCATOR_V8, false},
    {"deno", MV_ALLOCATOR_V8, false},
    {"python", MV_ALLOCATOR_PYMALLOC, false},
    {"libpython", MV_ALLOCATOR_PYMALLOC, true},
};
/* Anonymous mappings that say whose they are. */
static const struct mark names[] = {
    {"[anon: Go", MV_ALLOCATOR_GO, true},
    {"[anon:Go", MV_ALLOCATOR_GO, true},
    {"[anon:v8", MV_ALLOCATOR_V8, true},
    {"[anon:tcmalloc", MV_ALLOCATOR_TCMALLOC, true},
    {"[anon:jemalloc", MV_ALLOCATOR_JEMALLOC, true},
    {"[anon:mimalloc", MV_ALLOCATOR_MIMALLOC, true},
    {"[anon:partition_alloc", MV_ALLOCATOR_V8, true},
};

static bool fits(const struct mark *mark, const char *name)
{
	const size_t n = strlen(mark->start);

	return !strncmp(name, mark->start, n) &&
	       (mark->library || strspn(name + n, "0123456789.") == strlen(name + n));
}

static enum mv_allocator by_name(const struct mark *table, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (fits(&table[i], name))
			return table[i].allocator;
	return MV_ALLOCATOR_NONE;
}

bool mv_heap_may_hold(const struct mv_maps *maps, const struct mv_mapping *mapping)
{
	const char *name = maps->names ? maps->names + mapping->name : "";

	if ((mapping->perms & (MV_PERM_R | MV_PERM_W | MV_PERM_SHARED)) != (MV_PERM_R | MV_PERM_W))
		return false;
	switch ((enum mv_kind)mapping->kind) {
	case MV_KIND_HEAP:
	case MV_KIND_ANON:
	case MV_KIND_HUGE:
	case MV_KIND_JIT:
		return true;
	case MV_KIND_BSS: /* right behind a library's data it looks like that */
		return mapping->inode == 0;
	default:
		return !strncmp(name, "/anon_hugepage", 14);
	}
}

struct tally {
	uint64_t bytes[MV_ALLOCATOR__N], rest;
	uint32_t mappings[MV_ALLOCATOR__N], rest_mappings;
	uint64_t python;
	uint32_t python_mappings;
	bool seen[MV_ALLOCATOR__N];
};

static void see_file(struct tally *t, struct mv_heap_owners *owners, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;

	t->seen[by_name(marks, MV_COUNT_OF(marks), base)] = true;
	/* Where its loader is a link to it. */
	if (!strcmp(base, "libc.so") && strstr(name, "musl"))
		t->seen[MV_ALLOCATOR_MUSL] = true;
	if (!strncmp(base, "libc.so.6", 9) || (!strncmp(base, "libc-2.", 7) && strstr(base, ".so")))
		owners->glibc = true;
}

static void see_anonymous(struct tally *t, const struct mv_maps *maps, const struct mv_mapping *m)
{
	const uint64_t bytes = m->end - m->start;
	enum mv_allocator a = by_name(names, MV_COUNT_OF(names), maps->names ? maps->names + m->name : "");

	if (a == MV_ALLOCATOR_NONE && m->start >= GO_ARENA && m->start < GO_ARENA + LOW_4G * 64 &&
	    !(m->start % GO_ALIGN) && !(m->end % GO_ALIGN))
		a = MV_ALLOCATOR_GO;
	if (a != MV_ALLOCATOR_NONE) {
		t->seen[a] = true;
		t->bytes[a] += bytes;
		t->mappings[a]++;
	} else if (mv_heap_may_hold(maps, m) && m->kind != MV_KIND_HEAP && m->kind != MV_KIND_BSS) {
		t->rest += bytes;
		t->rest_mappings++;
		if (bytes % PY_BEFORE == 0 && (bytes % PY_ARENA == 0 || bytes < PY_ARENA)) {
			t->python += bytes;
			t->python_mappings++;
		}
	}
}

static void fill(struct tally *t, enum mv_allocator a, struct mv_heap_owner *owner)
{
	*owner = (struct mv_heap_owner){.allocator = (uint32_t)a};
	if (t->mappings[a]) {
		owner->bytes = mv_val_of(t->bytes[a]);
		owner->mappings = t->mappings[a];
		return;
	}
	owner->guessed = true;
	owner->mappings = a == MV_ALLOCATOR_PYMALLOC ? t->python_mappings : t->rest_mappings;
	owner->bytes = mv_val_of(a == MV_ALLOCATOR_PYMALLOC ? t->python : t->rest);
}

void mv_heap_owners_see(const struct mv_maps *maps, struct mv_heap_owners *ret_owners)
{
	struct mv_heap_owners owners = {0};
	struct tally t = {0};

	for (uint32_t i = 0; i < maps->count; i++) {
		const struct mv_mapping *m = &maps->at[i];

		if (m->flags & MV_MAPPING_FILE && m->kind != MV_KIND_HUGE)
			see_file(&t, &owners, maps->names + m->name);
		else
			see_anonymous(&t, maps, m);
		if (m->kind == MV_KIND_STACK && m->end <= LOW_4G)
			owners.bits32 = true;
	}
	for (int a = MV_ALLOCATOR_GLIBC + 1; a < MV_ALLOCATOR__N; a++)
		if (t.seen[a])
			fill(&t, (enum mv_allocator)a, &owners.at[owners.count++]);
	*ret_owners = owners;
}

const char *mv_allocator_name(enum mv_allocator allocator)
{
	static const char *const texts[MV_ALLOCATOR__N] = {
#define X(id, json, name) [MV_ALLOCATOR_##id] = name,
		MV_ALLOCATORS(X)
#undef X
	};
	return allocator < MV_ALLOCATOR__N ? texts[allocator] : "";
}

const char *mv_allocator_json(enum mv_allocator allocator)
{
	static const char *const texts[MV_ALLOCATOR__N] = {
#define X(id, json, name) [MV_ALLOCATOR_##id] = json,
		MV_ALLOCATORS(X)
#undef X
	};
	return allocator < MV_ALLOCATOR__N ? texts[allocator] : "";
}
