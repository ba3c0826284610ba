/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/maps.h"
#include "tests/unit/fixture.h"

static int parse(struct mv_maps *maps, const char *text)
{
	return mv_maps_parse(maps, text, strlen(text));
}

static const char *name_of(const struct mv_maps *maps, uint32_t i)
{
	return maps->names + maps->at[i].name;
}

/* The only mapping of that kind and name, or the first of several. */
static const struct mv_mapping *find(const struct mv_maps *maps, enum mv_kind kind, const char *name)
{
	for (uint32_t i = 0; i < maps->count; i++) {
		if (maps->at[i].kind == kind && strcmp(name_of(maps, i), name) == 0)
			return &maps->at[i];
	}
	fail_msg("no %s named \"%s\"", mv_kind_name(kind), name);
	return NULL;
}

static void read_fixture(struct mv_maps *maps, const char *name, int pid)
{
	struct fixture f = fixture_open(name, pid);

	mv_maps_init(maps);
	assert_int_equal(mv_maps_read(f.target, maps, NULL, 0), 0);
	fixture_close(&f);
}

static void check_kinds(const struct mv_maps *maps, const char *expected)
{
	char line[4096] = "";

	for (uint32_t i = 0; i < maps->count; i++) {
		strcat(line, i ? " " : "");
		strcat(line, mv_kind_name(maps->at[i].kind));
	}
	assert_string_equal(line, expected);
}

static void test_line(void **state)
{
	struct mv_maps maps;
	const struct mv_mapping *m;

	(void)state;
	mv_maps_init(&maps);
	assert_int_equal(
	    parse(&maps, "7f3a12000000-7f3a121b1000 r-xs 0001b000 103:0a 18446744073709551615    /a b\n"), 0);
	assert_int_equal(maps.count, 1);
	m = &maps.at[0];
	assert_true(m->start == 0x7f3a12000000 && m->end == 0x7f3a121b1000 && m->offset == 0x1b000);
	assert_int_equal(m->perms, MV_PERM_R | MV_PERM_X | MV_PERM_SHARED);
	assert_int_equal(m->dev_major, 0x103);
	assert_int_equal(m->dev_minor, 0xa);
	assert_true(m->inode == UINT64_MAX);
	assert_string_equal(name_of(&maps, 0), "/a b");
	assert_string_equal(maps.names, "");
	mv_maps_release(&maps);
}

static void test_broken(void **state)
{
	static const char *const broken[] = {
	    "\n",
	    "x",
	    "1000",
	    "1000-2000",
	    "1000-2000 r--p",
	    "1000-2000 r--p 0",
	    "1000-2000 r--p 0 0",
	    "1000-2000 r--p 0 0:0",
	    "1000-2000 r--p 0 0:0 ",
	    "1000-2000 r--p 0 0:0 x",
	    "1000-2000 r--p 0 0:0 12x",
	    "1000-2000 r--p 0 0:0 123456789012345678901",
	    "1000-2000 r--p 0 100000000:0 1",
	    "1000-2000 r--p 0 0:100000000 1",
	    "1000-2000 R--p 0 0:0 1",
	    "1000-2000 rr-p 0 0:0 1",
	    "1000-2000 r-wp 0 0:0 1",
	    "1000-2000 r--x 0 0:0 1",
	    "1000-2000  r-p 0 0:0 1",
	    "1000-2000 r--p0 0:0 1",
	    "-2000 r--p 0 0:0 1",
	    "1000 2000 r--p 0 0:0 1",
	    "2000-1000 r--p 0 0:0 1",
	    "1000-1000 r--p 0 0:0 1",
	    "11111111111111111-1111111111111111f r--p 0 0:0 1",
	    "Rss:                   8 kB",
	};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(broken); i++) {
		struct mv_maps maps;
		char text[256];

		snprintf(text, sizeof(text), "100-200 r--p 0 00:00 0 \n%s\n5000-6000 r--p 0 00:00 0 \n",
			 broken[i]);
		mv_maps_init(&maps);
		assert_int_equal(parse(&maps, text), -EBADMSG);
		assert_int_equal(maps.count, 1);
		mv_maps_release(&maps);
	}
}

static void test_torn(void **state)
{
	struct mv_maps maps;

	(void)state;
	mv_maps_init(&maps);
	assert_int_equal(
	    parse(&maps, "1000-3000 r--p 0 0:0 0 \n2000-4000 r--p 0 0:0 0 \n5000-6000 r--p 0 0:0 0 \n"), 0);
	assert_true(maps.torn);
	assert_int_equal(maps.count, 1);
	assert_int_equal(mv_maps_parse_line(&maps, "7000-8000 r--p 0 0:0 0", 22), 0);
	assert_int_equal(maps.count, 1);
	mv_maps_clear(&maps);
	assert_false(maps.torn);
	assert_int_equal(parse(&maps, "1000-3000 r--p 0 0:0 0 \n3000-4000 r--p 0 0:0 0"), 0);
	assert_int_equal(maps.count, 2);
	mv_maps_release(&maps);
}

/* malloc's arenas often lie right behind a library's data; only behind the program may bss be larger than it.
 */
static void test_bss(void **state)
{
	static const uint8_t kinds[] = {MV_KIND_TEXT, MV_KIND_DATA, MV_KIND_BSS,  MV_KIND_TEXT, MV_KIND_DATA,
					MV_KIND_ANON, MV_KIND_TEXT, MV_KIND_DATA, MV_KIND_BSS};
	struct mv_maps maps;

	(void)state;
	mv_maps_init(&maps);
	assert_int_equal(parse(&maps, "1000-2000 r-xp 0 1:2 3 /bin/a\n2000-3000 rw-p 0 1:2 3 /bin/a\n"
				      "3000-900000 rw-p 0 0:0 0 \n"
				      "a00000-a01000 r-xp 0 1:2 4 /lib/b\na01000-a02000 rw-p 0 1:2 4 /lib/b\n"
				      "a02000-a05000 rw-p 0 0:0 0 \n"
				      "b00000-b01000 r-xp 0 1:2 5 /lib/c\nb01000-b02000 rw-p 0 1:2 5 /lib/c\n"
				      "b02000-b04000 rw-p 0 0:0 0 \n"),
			 0);
	mv_maps_classify(&maps, NULL, 0);
	for (size_t i = 0; i < MV_COUNT_OF(kinds); i++)
		assert_int_equal(maps.at[i].kind, kinds[i]);
	mv_maps_release(&maps);
}

static void test_python(void **state)
{
	struct mv_maps maps;
	const struct mv_mapping *m;
	uint32_t libc = 0, libc_object = 0;

	(void)state;
	read_fixture(&maps, "python", 4711);
	assert_int_equal(maps.count, 83);
	assert_false(maps.torn);
	m = find(&maps, MV_KIND_TEXT, "/usr/bin/python3.11");
	assert_int_equal(m->start, 0x41f000);
	assert_int_equal(m->flags, MV_MAPPING_FILE);
	assert_int_equal(find(&maps, MV_KIND_RODATA, "/usr/bin/python3.11")->object, m->object);
	assert_int_equal(find(&maps, MV_KIND_DATA, "/usr/bin/python3.11")->object, m->object);
	assert_int_equal(find(&maps, MV_KIND_BSS, "")->object, m->object);
	assert_int_equal(find(&maps, MV_KIND_HEAP, "[heap]")->flags, 0);
	find(&maps, MV_KIND_STACK, "[stack]");
	find(&maps, MV_KIND_VDSO, "[vdso]");
	find(&maps, MV_KIND_VVAR, "[vvar]");
	find(&maps, MV_KIND_VVAR, "[vvar_vclock]");
	find(&maps, MV_KIND_VSYSCALL, "[vsyscall]");
	find(&maps, MV_KIND_RESERVED, "");
	find(&maps, MV_KIND_FILE, "/var/lib/grow/index.db");
	find(&maps, MV_KIND_DATA, "/var/lib/grow/table.bin");
	m = find(&maps, MV_KIND_SHARED, "/memfd:frames");
	assert_int_equal(m->flags, MV_MAPPING_DELETED);
	assert_int_equal(find(&maps, MV_KIND_SHARED, "/dev/zero")->flags, MV_MAPPING_DELETED);
	assert_int_equal(find(&maps, MV_KIND_ANON, "")->object, 0);
	for (uint32_t i = 0; i < maps.count; i++) {
		assert_true(maps.at[i].object < maps.object_count);
		if (strcmp(name_of(&maps, i), "/usr/lib/x86_64-linux-gnu/libc.so.6") == 0) {
			libc_object = maps.at[i].object;
			libc++;
			assert_int_equal(maps.at[i + 1].object, libc_object);
		}
		assert_true(maps.at[i].kind != MV_KIND_THREAD_STACK && maps.at[i].kind != MV_KIND_GUARD);
	}
	assert_int_equal(libc, 5);
	mv_maps_release(&maps);
}

static void test_thread_stacks(void **state)
{
	static const uint64_t pointers[] = {0x1000, 0x7f63cac8d840, 0x7f63cb492840, 0x7ffdb6219ea0};
	struct fixture f = fixture_open("python", 4711);
	struct mv_maps maps;
	unsigned stacks = 0, guards = 0;

	(void)state;
	mv_maps_init(&maps);
	assert_int_equal(mv_maps_read(f.target, &maps, pointers, MV_COUNT_OF(pointers)), 0);
	for (uint32_t i = 0; i < maps.count; i++) {
		const struct mv_mapping *m = &maps.at[i];

		stacks += m->kind == MV_KIND_THREAD_STACK;
		guards += m->kind == MV_KIND_GUARD;
		if (m->kind == MV_KIND_THREAD_STACK)
			assert_int_equal(m[-1].kind, MV_KIND_GUARD);
	}
	assert_int_equal(stacks, 2);
	assert_int_equal(guards, 2);
	find(&maps, MV_KIND_STACK, "[stack]");
	mv_maps_release(&maps);
	fixture_close(&f);
}

static void test_steps(void **state)
{
	struct fixture f = fixture_open("python", 4711);
	struct mv_maps before, after;

	(void)state;
	mv_maps_init(&before);
	mv_maps_init(&after);
	assert_int_equal(mv_maps_read(f.target, &before, NULL, 0), 0);
	mv_source_step(f.source);
	assert_int_equal(mv_maps_read(f.target, &after, NULL, 0), 0);
	assert_true(find(&after, MV_KIND_HEAP, "[heap]")->end > find(&before, MV_KIND_HEAP, "[heap]")->end);
	for (uint32_t i = 0; i < after.count; i++)
		assert_string_not_equal(name_of(&after, i), "/var/lib/grow/table.bin");
	mv_source_step(f.source);
	assert_int_equal(mv_maps_read(f.target, &after, NULL, 0), -ESRCH);
	mv_maps_release(&before);
	mv_maps_release(&after);
	fixture_close(&f);
}

static void test_kernels(void **state)
{
	struct mv_maps maps;

	(void)state;
	read_fixture(&maps, "k419", 1234);
	check_kinds(&maps, "text rodata data bss heap text file rodata data bss stack vvar vdso vsyscall");
	mv_maps_release(&maps);
	read_fixture(&maps, "k510", 1234);
	assert_int_equal(maps.count, 14);
	mv_maps_release(&maps);
	read_fixture(&maps, "k61", 1234);
	assert_int_equal(maps.at[13].perms, MV_PERM_X);
	assert_int_equal(maps.at[13].kind, MV_KIND_VSYSCALL);
	mv_maps_release(&maps);
	read_fixture(&maps, "k612", 1234);
	assert_int_equal(find(&maps, MV_KIND_ANON, "[anon: glibc: malloc arena]")->flags, 0);
	assert_int_equal(find(&maps, MV_KIND_SHARED, "[anon_shmem:frames]")->flags & MV_MAPPING_DELETED, 0);
	mv_maps_release(&maps);
}

static void test_machines(void **state)
{
	struct mv_maps maps;

	(void)state;
	read_fixture(&maps, "i386", 99);
	check_kinds(&maps, "text data heap jit vdso stack");
	assert_int_equal(maps.at[5].end, 0xc0000000);
	mv_maps_release(&maps);
	read_fixture(&maps, "aarch64-64k", 77);
	check_kinds(&maps, "text rodata data heap anon vdso stack");
	mv_maps_release(&maps);
	read_fixture(&maps, "la57", 57);
	check_kinds(&maps, "text stack anon anon vsyscall");
	assert_true(maps.at[3].end == UINT64_C(0xffffffff021000));
	mv_maps_release(&maps);
	read_fixture(&maps, "huge", 88);
	check_kinds(&maps, "text anon huge shared file stack");
	assert_int_equal(maps.at[2].flags, MV_MAPPING_DELETED);
	mv_maps_release(&maps);
}

static void test_without_memory(void **state)
{
	struct fixture f = fixture_open("vanishing", 9);
	struct mv_maps maps;

	(void)state;
	read_fixture(&maps, "zombie", 55);
	assert_int_equal(maps.count, 0);
	assert_string_equal(maps.names, "");
	mv_maps_release(&maps);
	mv_maps_init(&maps);
	assert_int_equal(mv_maps_read(f.target, &maps, NULL, 0), -ESRCH);
	mv_maps_release(&maps);
	fixture_close(&f);
}

static void test_hostile(void **state)
{
	static const struct {
		const char *name;
		enum mv_kind kind;
		unsigned flags;
	} expected[] = {
	    {"/tmp/\\x1b[31mred\\x1b]0;owned\\x07", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/c1-\\u{9b}31m", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/\\u{202e}gnp.exe", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/broken-\\xff\\xc3(\\xe2\\x82", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/new\\x0aline", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/[heap]", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/(deleted)", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/gone", MV_KIND_FILE, MV_MAPPING_FILE | MV_MAPPING_DELETED},
	    {"/tmp/zero\\u{200b}width", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/e\xcc\x81\xcc\x81\\u{301}\\u{301}", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/back\\\\slash", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/\xed\x95\x9c\xea\xb8\x80", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/ two  spaces ", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"/tmp/del\\x7f\\x09tab", MV_KIND_FILE, MV_MAPPING_FILE},
	    {"[heap]", MV_KIND_HEAP, 0},
	    {"[anon:\\x1b[2J\\u{9b}]", MV_KIND_ANON, 0},
	    {"/SYSV00000000 (deleted)", MV_KIND_SHARED, 0},
	};
	struct mv_maps maps;

	(void)state;
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	read_fixture(&maps, "hostile", 666);
	assert_int_equal(maps.count, MV_COUNT_OF(expected));
	for (uint32_t i = 0; i < maps.count; i++) {
		assert_string_equal(name_of(&maps, i), expected[i].name);
		assert_int_equal(maps.at[i].kind, expected[i].kind);
		assert_int_equal(maps.at[i].flags, expected[i].flags);
	}
	mv_maps_release(&maps);
	setlocale(LC_ALL, "C");
}

static void check_kinds_of(const char *text, const char *expected)
{
	struct mv_maps maps;

	mv_maps_init(&maps);
	assert_int_equal(parse(&maps, text), 0);
	mv_maps_classify(&maps, NULL, 0);
	check_kinds(&maps, expected);
	mv_maps_release(&maps);
}

static void test_kinds(void **state)
{
	(void)state;
	/* bss needs the file's data right before it and rw-; another file's constants are no program's */
	check_kinds_of("1000-2000 rw-p 0 8:1 5 /a\n3000-4000 rw-p 0 0:0 0 \n", "data anon");
	check_kinds_of("1000-2000 rw-p 0 8:1 5 /a\n2000-4000 rw-p 0 0:0 0 \n", "data bss");
	check_kinds_of("1000-2000 rw-p 0 8:1 5 /a\n2000-4000 r--p 0 0:0 0 \n", "data anon");
	check_kinds_of("1000-2000 rw-p 0 8:1 5 /a\n2000-4000 ---p 0 0:0 0 \n", "data reserved");
	check_kinds_of("1000-2000 rw-p 0 8:1 5 /a\n2000-4000 rw-p 0 0:0 0 [heap]\n", "data heap");
	check_kinds_of("1000-2000 r--p 0 8:1 5 /a\n2000-4000 r-xp 0 8:2 5 /a\n", "file text");
	check_kinds_of("1000-2000 r--p 0 8:1 5 /a\n2000-4000 r-xp 0 8:1 5 /a\n", "rodata text");
	check_kinds_of("1000-2000 ---p 0 8:1 5 /a\n2000-4000 r-xp 0 8:1 5 /a\n", "file text");
	check_kinds_of("1000-2000 rwxp 0 0:0 0 \n", "jit");
	/* a guard lies right below a stack */
	check_kinds_of("1000-2000 ---p 0 0:0 0 \n2000-4000 rw-p 0 0:0 0 [stack]\n", "guard stack");
	check_kinds_of("1000-2000 ---p 0 0:0 0 \n3000-4000 rw-p 0 0:0 0 [stack:12]\n", "reserved stack");
	/* names of shared memory count only where the kernel gives them */
	check_kinds_of(
	    "1000-2000 rw-s 0 0:1 5 /memfd:x (deleted)\n2000-3000 rw-p 0 0:1 5 /memfd:x (deleted)\n"
	    "4000-5000 rw-s 0 8:1 5 /memfd:x\n5000-6000 rw-s 0 0:1b 7 /dev/shm/x\n",
	    "shared data data shared");
	check_kinds_of("1000-2000 rw-p 0 0:6 5 /dev/zero\n2000-3000 r-xp 0 0:6 5 /dev/zero\n", "anon jit");
	check_kinds_of(
	    "1000-2000 rw-p 0 0:10 5 /anon_hugepage (deleted)\n2000-3000 rw-p 0 8:1 5 /anon_hugepage\n",
	    "huge data");
	/* brackets with an inode are a file's; unknown ones are what they seem */
	check_kinds_of("1000-2000 rw-p 0 8:1 5 [heap]\n2000-3000 r-xp 0 0:0 0 [uprobes]\n", "data jit");
	check_kinds_of("1000-2000 rw-p 0 0:0 0 [anon:a]\n2000-3000 rw-s 0 0:1 5 [anon_shmem:a]\n",
		       "anon shared");
}

static void test_objects(void **state)
{
	static const char text[] = "1000-2000 rw-p 0 0:0 0 \n"
				   "2000-3000 rw-p 0 8:1 5 /a\n"
				   "3000-4000 rw-p 0 8:1 6 /a\n"
				   "4000-5000 rw-p 0 8:2 5 /a\n"
				   "5000-6000 rw-p 0 0:0 0 [anon:a]\n"
				   "6000-7000 rw-p 0 8:1 5 /b\n"
				   "8000-9000 rw-p 0 0:0 0 [anon:b]\n"
				   "9000-a000 rw-p 0 0:0 0 [anon:a]\n"
				   "a000-b000 r--p 0 0:0 0 \n";
	static const uint32_t expected[] = {0, 1, 2, 3, 4, 1, 5, 4, 0};
	struct mv_maps maps;

	(void)state;
	mv_maps_init(&maps);
	assert_int_equal(parse(&maps, text), 0);
	for (int round = 0; round < 2; round++) {
		mv_maps_classify(&maps, NULL, 0);
		assert_int_equal(maps.object_count, 6);
		for (uint32_t i = 0; i < maps.count; i++)
			assert_int_equal(maps.at[i].object, expected[i]);
	}
	assert_int_equal(maps.at[4].name, maps.at[7].name);
	assert_int_equal(maps.at[1].name, maps.at[2].name);
	mv_maps_release(&maps);
}

static void test_find(void **state)
{
	struct mv_maps maps;

	(void)state;
	mv_maps_init(&maps);
	assert_int_equal(mv_maps_find(maps.at, maps.count, 0), 0);
	assert_int_equal(
	    parse(&maps, "1000-2000 rw-p 0 0:0 0 \n3000-4000 rw-p 0 0:0 0 \n4000-5000 rw-p 0 0:0 0 \n"), 0);
	assert_int_equal(mv_maps_find(maps.at, maps.count, 0), 0);
	assert_int_equal(mv_maps_find(maps.at, maps.count, 0x1fff), 0);
	assert_int_equal(mv_maps_find(maps.at, maps.count, 0x2000), 1);
	assert_int_equal(mv_maps_find(maps.at, maps.count, 0x4000), 2);
	assert_int_equal(mv_maps_find(maps.at, maps.count, 0x5000), 3);
	mv_maps_release(&maps);
}

/* 65,000 mappings, 10,000 names and files: all found again, and once more after a clear. */
static void test_many(void **state)
{
	enum { MAPPINGS = 65000, NAMES = 10000 };
	struct mv_maps maps;
	char line[256];

	(void)state;
	mv_maps_init(&maps);
	for (int round = 0; round < 2; round++) {
		mv_maps_clear(&maps);
		for (unsigned i = 0; i < MAPPINGS; i++) {
			uint64_t start = UINT64_C(0x7f0000000000) + i * UINT64_C(0x2000);
			unsigned file = i * 7 % NAMES;
			int n = snprintf(line, sizeof(line),
					 "%" PRIx64 "-%" PRIx64 " r%c-p 00000000 08:01 %u   /lib/%u\n", start,
					 start + 0x1000, i % 2 ? 'w' : '-', file + 1, file);

			assert_int_equal(mv_maps_parse(&maps, line, (size_t)n), 0);
		}
		mv_maps_classify(&maps, NULL, 0);
		assert_int_equal(maps.count, MAPPINGS);
		assert_int_equal(maps.object_count, NAMES + 1);
		for (unsigned i = 0; i < MAPPINGS; i++) {
			snprintf(line, sizeof(line), "/lib/%u", i * 7 % NAMES);
			assert_string_equal(name_of(&maps, i), line);
			assert_int_equal(maps.at[i].object, i % NAMES + 1);
			assert_int_equal(maps.at[i].name, maps.at[i % NAMES].name);
			assert_int_equal(mv_maps_find(maps.at, maps.count, maps.at[i].start + 5), i);
		}
	}
	mv_maps_release(&maps);
}

static void test_tables(void **state)
{
	(void)state;
	for (int kind = 0; kind < MV_KIND__N; kind++) {
		assert_true(strlen(mv_kind_name((enum mv_kind)kind)) > 0);
		assert_true(strlen(mv_kind_meaning((enum mv_kind)kind)) > 0);
	}
	assert_string_equal(mv_kind_name(MV_KIND_THREAD_STACK), "thread-stack");
	assert_string_equal(mv_kind_name(MV_KIND__N), "");
	assert_string_equal(mv_kind_meaning(MV_KIND__N), "");
	assert_int_equal(sizeof(struct mv_mapping), 56);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_line),     cmocka_unit_test(test_broken),
	    cmocka_unit_test(test_torn),     cmocka_unit_test(test_python),
	    cmocka_unit_test(test_bss),	     cmocka_unit_test(test_thread_stacks),
	    cmocka_unit_test(test_steps),    cmocka_unit_test(test_kernels),
	    cmocka_unit_test(test_machines), cmocka_unit_test(test_without_memory),
	    cmocka_unit_test(test_hostile),  cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_objects),  cmocka_unit_test(test_find),
	    cmocka_unit_test(test_many),     cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
