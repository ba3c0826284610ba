/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Stacks of programs whose calls are known by name (tests/calls), and stacks that are not what they seem. */

#include "config.h"

#include "tests/unit/unwound.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KNOWN_FEW (UINT32_C(1) << MV_REG_SP | UINT32_C(1) << MV_REG_PC)

static struct subject subject;
static char scratch[] = "/tmp/mv-unwind-XXXXXX";

static const char *built(const char *name)
{
	static char path[4096];
	const char *build = getenv("top_builddir");

	snprintf(path, sizeof(path), "%s/%s", build ? build : ".", name);
	return path;
}

static void start(const char *program, const char *way, const char *what)
{
	const char *argv[] = {program, way, what, NULL};

	if (!subject_start(&subject, argv))
		fail_msg("%s %s did not reach its breakpoint", program, way ? way : "");
}

static int end(void **state)
{
	(void)state;
	if (subject.pid)
		subject_end(&subject);
	return 0;
}

static void print_stack(void)
{
	for (size_t i = 0; i < subject.count; i++)
		print_message("# %2zu %#lx sp %#lx %s\n", i, subject.calls[i].pc, subject.calls[i].sp,
			      subject_name(&subject, i));
	print_message("# %s\n", subject.end == MV_STACK_COMPLETE ? "complete" : "not complete");
}

/* Calls from..: exactly these names, one after the other. Returns the index behind the last. */
static size_t expect(size_t from, const char *const *names)
{
	for (; *names; names++, from++)
		if (strcmp(subject_name(&subject, from), *names) != 0) {
			print_stack();
			fail_msg("call %zu is %s, not %s", from, subject_name(&subject, from), *names);
		}
	return from;
}

/* The index of the first call of that name from `from` on. */
static size_t find(size_t from, const char *name)
{
	while (from < subject.count && strcmp(subject_name(&subject, from), name) != 0)
		from++;
	if (from == subject.count) {
		print_stack();
		fail_msg("no call of %s", name);
	}
	return from;
}

/* Down to where the kernel began, and every pointer above the one before. */
static void expect_whole(size_t at, const char *outermost)
{
	if (subject.end != MV_STACK_COMPLETE)
		print_stack();
	assert_int_equal(subject.end, MV_STACK_COMPLETE);
	assert_in_range(at, 1, subject.count);
	if (outermost)
		assert_string_equal(subject_name(&subject, subject.count - 1), outermost);
	for (size_t i = 1; i < subject.count; i++)
		assert_true(subject.calls[i].sp > subject.calls[i - 1].sp);
}

static void unwind_all(void)
{
	subject_unwind(&subject, SUBJECT_ALL, SIZE_MAX, MV_CALLS_MAX);
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PLAIN	   NAMES("stop_here", "inner", "middle", "outer", "plain", "main")

static void test_plain(void **state)
{
	(void)state;
	start(built("mv-calls"), "plain", NULL);
	unwind_all();
	expect_whole(expect(0, PLAIN), "_start");
	assert_int_equal(subject.calls[0].sp, subject.regs.r[MV_REG_SP]);
	assert_int_equal(subject.calls[0].pc, subject.regs.r[MV_REG_PC]);
}

static void test_callback_through_libc(void **state)
{
	(void)state;
	start(built("mv-calls"), "callback", NULL);
	unwind_all();
	expect(0, NAMES("stop_here", "by_value"));
	expect_whole(expect(find(2, "callback"), NAMES("callback", "main")), "_start");
}

static void test_signal_handler(void **state)
{
	size_t at;

	(void)state;
	start(built("mv-calls"), "signal", NULL);
	unwind_all();
	at = expect(0, NAMES("stop_here", "on_signal")) + 1; /* the kernel's way back lies in libc */
	expect_whole(expect(at, NAMES("crash_here", "signalled", "main")), "_start");
	for (size_t i = 0; i < subject.count; i++)
		assert_int_equal(subject.calls[i].flags, i == at ? MV_CALL_SIGNAL : 0);
}

/* The interrupted stack is another one than what was copied. */
static void test_signal_on_its_own_stack(void **state)
{
	size_t at;

	(void)state;
	start(built("mv-calls"), "altstack", NULL);
	unwind_all();
	at = expect(0, NAMES("stop_here", "on_signal")) + 1;
	assert_int_equal(expect(at, NAMES("crash_here")), subject.count);
	assert_int_equal(subject.end, MV_STACK_TRUNCATED);
}

static void test_thread(void **state)
{
	(void)state;
	start(built("mv-calls"), "thread", NULL);
	assert_int_not_equal(subject.tid, subject.pid);
	unwind_all();
	expect_whole(expect(0, NAMES("stop_here", "thread_body")), NULL);
	assert_in_range(subject.count, 3, 5); /* start_thread and clone3 */
}

static void test_library(void **state)
{
	char path[4096];

	(void)state;
	snprintf(path, sizeof(path), "%s", built("mv-library.so"));
	start(built("mv-calls"), "library", path);
	unwind_all();
	expect_whole(
	    expect(0, NAMES("stop_here", "from_library", "hidden_step", "library_call", "library", "main")),
	    "_start");
}

static void test_no_entry(void **state)
{
	(void)state;
	start(built("mv-calls"), "bare", NULL);
	unwind_all();
	assert_int_equal(expect(0, NAMES("stop_here", "no_entry")), subject.count);
	assert_int_equal(subject.end, MV_STACK_NO_TABLE);
}

static void test_generated(void **state)
{
	bool anonymous = false;

	(void)state;
	start(built("mv-calls"), "generated", NULL);
	unwind_all();
	assert_int_equal(expect(0, NAMES("stop_here")), 1);
	assert_int_equal(subject.count, 2);
	assert_true(mv_unwinder_is_code(subject.unwinder, subject.calls[1].pc, &anonymous));
	assert_true(anonymous);
	assert_int_equal(subject.end, MV_STACK_NO_TABLE);
}

static void test_deeper_than_copied(void **state)
{
	size_t whole;

	(void)state;
	start(built("mv-calls"), "deep", "100");
	unwind_all();
	whole = subject.count;
	expect_whole(find(0, "main"), "_start");
	assert_in_range(whole, 104, 110);
	/* Less of the stack, fewer calls, and each time it says so. */
	for (size_t bytes = subject.calls[90].sp - subject.calls[0].sp; bytes >= 8; bytes /= 2) {
		subject_unwind(&subject, SUBJECT_ALL, bytes, MV_CALLS_MAX);
		assert_true(subject.count < whole);
		if (bytes >= 16)
			assert_int_equal(subject.end, MV_STACK_TRUNCATED);
	}
	subject_unwind(&subject, SUBJECT_ALL, SIZE_MAX, whole - 1);
	assert_int_equal(subject.count, whole - 1);
	assert_int_equal(subject.end, MV_STACK_DEEP);
	subject_unwind(&subject, SUBJECT_ALL, SIZE_MAX, whole);
	assert_int_equal(subject.end, MV_STACK_COMPLETE);
	subject_unwind(&subject, SUBJECT_ALL, 0, MV_CALLS_MAX);
	assert_int_equal(subject.count, 1);
	assert_int_equal(subject.end, MV_STACK_NOT_UNWOUND);
}

/* Of a waiting thread only two registers are known. */
static void test_two_registers(void **state)
{
	(void)state;
	start(built("mv-calls"), "callback", NULL);
	subject_unwind(&subject, KNOWN_FEW, SIZE_MAX, MV_CALLS_MAX);
	expect(0, NAMES("stop_here", "by_value"));
	expect_whole(expect(find(2, "callback"), NAMES("callback", "main")), "_start");
	/* Without one of the two there is nothing to begin with. */
	subject_unwind(&subject, UINT32_C(1) << MV_REG_PC, SIZE_MAX, MV_CALLS_MAX);
	assert_int_equal(subject.count, 1);
	assert_int_equal(subject.end, MV_STACK_NOT_UNWOUND);
}

/* Here a step needs the frame pointer, which nobody below has saved: it ends there, and makes nothing up. */
static void test_register_unknown(void **state)
{
	(void)state;
	start(built("mv-calls"), "plain", NULL);
	subject_unwind(&subject, KNOWN_FEW, SIZE_MAX, MV_CALLS_MAX);
	if (subject.end == MV_STACK_COMPLETE) {
		/* This compiler saved it. */
		expect(0, PLAIN);
		return;
	}
	assert_int_equal(expect(0, NAMES("stop_here", "inner", "middle")), subject.count);
	assert_int_equal(subject.end, MV_STACK_BROKEN);
}

/* Where on the stack call i's return address lies: below its caller's pointer. */
static uint8_t *return_address(size_t call)
{
	return subject.stack + (subject.calls[call + 1].sp - subject.regs.r[MV_REG_SP]) - 8;
}

static void test_return_address_overwritten(void **state)
{
	uint64_t bad[] = {0x1234, UINT64_MAX, 0, 0};
	const enum mv_stack_end ends[] = {MV_STACK_BROKEN, MV_STACK_BROKEN, MV_STACK_BROKEN,
					  MV_STACK_COMPLETE};
	uint64_t good;
	uint8_t *at;

	(void)state;
	start(built("mv-calls"), "deep", "5");
	unwind_all();
	at = return_address(2);
	memcpy(&good, at, 8);
	bad[2] = subject.regs.r[MV_REG_SP]; /* data */
	for (size_t i = 0; i < MV_COUNT_OF(bad); i++) {
		memcpy(at, &bad[i], 8);
		unwind_all();
		assert_int_equal(subject.count, 3);
		assert_int_equal(subject.end, ends[i]);
	}
	memcpy(at, &good, 8);
	unwind_all();
	expect_whole(find(0, "main"), "_start");
}

static void test_nowhere(void **state)
{
	uint64_t pc;

	(void)state;
	start(built("mv-calls"), "plain", NULL);
	pc = subject.regs.r[MV_REG_PC];
	subject.regs.r[MV_REG_PC] = 0x10;
	unwind_all();
	assert_int_equal(subject.count, 1);
	assert_int_equal(subject.end, MV_STACK_BROKEN);
	/* A new list of mappings takes effect at once, whatever was kept of the old one. */
	subject.regs.r[MV_REG_PC] = pc;
	unwind_all();
	assert_int_equal(subject.end, MV_STACK_COMPLETE);
	assert_int_equal(mv_unwinder_maps(subject.unwinder, NULL, 0), 0);
	unwind_all();
	assert_int_equal(subject.count, 1);
	assert_int_equal(subject.end, MV_STACK_BROKEN);
	assert_int_equal(mv_unwinder_maps(subject.unwinder, subject.list, subject.list_count), 0);
	unwind_all();
	expect_whole(expect(0, PLAIN), "_start");
	/* And so does an image that can't be read any more. */
	for (uint32_t i = 0; i < subject.image_count; i++)
		assert_int_equal(mv_unwinder_image(subject.unwinder, i, NULL), 0);
	unwind_all();
	assert_int_equal(subject.count, 1);
	assert_int_equal(subject.end, MV_STACK_NO_TABLE);
}

static void test_lists_that_are_none(void **state)
{
	const struct mv_unwind_map backward[] = {{0x2000, 0x3000, 0, MV_IMAGE_NONE, 0},
						 {0x1000, 0x2000, 0, MV_IMAGE_NONE, 0}};
	const struct mv_unwind_map empty[] = {{0x2000, 0x2000, 0, MV_IMAGE_NONE, 0}};
	struct mv_unwinder *unwinder;

	(void)state;
	assert_int_equal(mv_unwinder_new(&unwinder), 0);
	assert_int_equal(mv_unwinder_maps(unwinder, backward, 2), -22);
	assert_int_equal(mv_unwinder_maps(unwinder, empty, 1), -22);
	assert_int_equal(mv_unwinder_image(unwinder, UINT32_MAX - 1, NULL), -22);
	mv_unwinder_free(unwinder);
}

/* --- Programs made on the spot
 * ----------------------------------------------------------------------------------- */

/* Run a command line; false when it can't be done here. */
static bool can(const char *command)
{
	char line[9000];
	int status;

	snprintf(line, sizeof(line), "{ %s; } >%s/log 2>&1", command, scratch);
	status = system(line); /* NOLINT */
	return status == 0;
}

static const char *made(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	return path;
}

static const char *source_dir(void)
{
	const char *top = getenv("top_srcdir");

	return top ? top : ".";
}

static void test_static(void **state)
{
	char command[8192];

	(void)state;
	snprintf(command, sizeof(command),
		 "cc -O2 -fomit-frame-pointer -static -pthread -o %s/static %s/tests/calls/calls.c", scratch,
		 source_dir());
	if (!can(command)) {
		print_message("# SKIP no static program can be linked here\n");
		skip();
	}
	start(made("static"), "plain", NULL);
	unwind_all();
	expect_whole(expect(0, PLAIN), "_start");
	end(NULL);
	start(made("static"), "signal", NULL);
	unwind_all();
	expect_whole(expect(find(0, "crash_here"), NAMES("crash_here", "signalled", "main")), "_start");
}

/* Without a name of its own each call still has its place. */
static void test_stripped(void **state)
{
	char command[8192];
	size_t whole;

	(void)state;
	snprintf(command, sizeof(command), "strip -o %s/stripped %s", scratch, built("mv-calls"));
	if (!can(command)) {
		print_message("# SKIP no strip here\n");
		skip();
	}
	start(built("mv-calls"), "plain", NULL);
	unwind_all();
	whole = subject.count;
	end(NULL);
	start(made("stripped"), "plain", NULL);
	unwind_all();
	expect_whole(whole, NULL);
	assert_int_equal(subject.count, whole);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(subject_name(&subject, i), "?");
}

static void test_cxx(void **state)
{
	char command[8192];

	(void)state;
	snprintf(command, sizeof(command), "c++ -O2 -fomit-frame-pointer -o %s/cxx %s/tests/calls/calls.cc",
		 scratch, source_dir());
	if (!can(command)) {
		print_message("# SKIP no C++ compiler here\n");
		skip();
	}
	start(made("cxx"), NULL, NULL);
	unwind_all();
	expect(0, NAMES("stop_here", "shapes::Guard::~Guard()"));
	/* Between them may be libgcc's, when the landing pad is entered by it; here it has been left. */
	expect_whole(expect(find(2, "void shapes::apply<unsigned long, 7>(shapes::Shape&)"),
			    NAMES("void shapes::apply<unsigned long, 7>(shapes::Shape&)", "main")),
		     "_start");
}

static int make_scratch(void **state)
{
	(void)state;
	return mkdtemp(scratch) ? 0 : -1;
}

static int drop_scratch(void **state)
{
	char line[64];

	(void)state;
	snprintf(line, sizeof(line), "rm -rf %s", scratch);
	return system(line); /* NOLINT */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_plain, end),
	    cmocka_unit_test_teardown(test_callback_through_libc, end),
	    cmocka_unit_test_teardown(test_signal_handler, end),
	    cmocka_unit_test_teardown(test_signal_on_its_own_stack, end),
	    cmocka_unit_test_teardown(test_thread, end),
	    cmocka_unit_test_teardown(test_library, end),
	    cmocka_unit_test_teardown(test_no_entry, end),
	    cmocka_unit_test_teardown(test_generated, end),
	    cmocka_unit_test_teardown(test_deeper_than_copied, end),
	    cmocka_unit_test_teardown(test_two_registers, end),
	    cmocka_unit_test_teardown(test_register_unknown, end),
	    cmocka_unit_test_teardown(test_return_address_overwritten, end),
	    cmocka_unit_test_teardown(test_nowhere, end),
	    cmocka_unit_test(test_lists_that_are_none),
	    cmocka_unit_test_teardown(test_static, end),
	    cmocka_unit_test_teardown(test_stripped, end),
	    cmocka_unit_test_teardown(test_cxx, end),
	};

	return cmocka_run_group_tests(tests, make_scratch, drop_scratch);
}
