/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/symboliser_private.h"

#define DEADLINE_NS (60 * MV_NS_PER_SEC)

/* Can stacks be unwound here? */
#if defined(HAVE_SYMBOLS) && MV_REGS_HERE
#define LIVE 1
#else
#define LIVE 0
#endif

/* ---- a process that waits in known calls ---- */

__attribute__((noinline)) void waits_in_three(void);
__attribute__((noinline)) void waits_in_two(void);
__attribute__((noinline)) void waits_in_one(void);

void waits_in_three(void)
{
	for (;;) {
		pause();
		__asm__ volatile("" ::: "memory"); /* no tail call */
	}
}

void waits_in_two(void)
{
	waits_in_three();
	__asm__ volatile("" ::: "memory");
}

void waits_in_one(void)
{
	waits_in_two();
	__asm__ volatile("" ::: "memory");
}

static void on_exec(int number)
{
	char path[] = "/proc/self/exe", how[] = "--wait";
	char *const argv[] = {path, how, NULL};

	(void)number;
	execv(path, argv);
	_exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

struct scene {
	struct mv_source *source;
	struct mv_target *target;
	struct mv_symboliser *symboliser;
	struct mv_maps maps;
	pid_t pid;
	uint32_t gen;
	/* what came back */
	uint32_t back[64]; /* how often, by token */
	struct mv_call calls[MV_CALLS_MAX];
	size_t count;
	enum mv_stack_end end;
	size_t total;
};

static void take(void *arg, uint64_t token, const struct mv_call *calls, size_t count, enum mv_stack_end end)
{
	struct scene *t = arg;

	assert_true(token < MV_COUNT_OF(t->back));
	t->back[token]++;
	t->total++;
	t->count = count;
	t->end = end;
	if (count)
		memcpy(t->calls, calls, count * sizeof(*calls));
}

/* One turn as the collector does it. */
static void turn(struct scene *t)
{
	struct pollfd p = {.fd = mv_symboliser_fd(t->symboliser), .events = POLLIN};
	uint64_t due = mv_symboliser_due_ns(t->symboliser), at = now();
	int ms = due <= at ? 0 : due - at > 20 * 1000000 ? 20 : (int)((due - at) / 1000000) + 1;

	poll(&p, 1, ms);
	mv_symboliser_dispatch(t->symboliser, take, t);
}

#define wait_until(t, condition) \
	do { \
		uint64_t until_ = now() + DEADLINE_NS; \
		while (!(condition)) { \
			assert_true(now() < until_); \
			turn(t); \
		} \
	} while (0)

static void open_scene(struct scene *t, const char *helper)
{
	struct mv_source_opts opts = {.helper = helper};

	memset(t, 0, sizeof(*t));
	assert_int_equal(mv_source_new(&opts, &t->source), 0);
	mv_maps_init(&t->maps);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGUSR1, on_exec);
		waits_in_one();
		_exit(0);
	}
	assert_int_equal(mv_target_open(t->source, t->pid, &t->target), 0);
}

static void close_scene(struct scene *t)
{
	mv_symboliser_free(t->symboliser);
	mv_target_close(t->target);
	mv_source_free(t->source);
	mv_maps_release(&t->maps);
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
}

static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static const struct mv_function_info *function_of(const struct scene *t, const struct mv_call *call)
{
	return mv_symboliser_function(t->symboliser, call->function);
}

/* Everything that can be known of it without the program. */
static void test_ends_have_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < MV_STACK__N; i++) {
		assert_non_null(mv_stack_ends[i].json);
		assert_true(i == MV_STACK_COMPLETE || mv_stack_ends[i].words[0]);
	}
}

static void test_keys(void **state)
{
	struct mv_symbols_keys keys = {.limit = 5000};

	(void)state;
	assert_int_equal(mv_symbols_find(&keys, &(struct mv_symbols_key){0}), UINT32_MAX);
	for (uint32_t i = 0; i < 6000; i++) {
		struct mv_symbols_key key = {i % 3, i % 2, i * 4096ull};

		assert_int_equal(mv_symbols_intern(&keys, &key), i < 5000 ? i : UINT32_MAX);
	}
	for (uint32_t i = 0; i < 6000; i++) {
		struct mv_symbols_key key = {i % 3, i % 2, i * 4096ull}, other = {i % 3, 2, i * 4096ull};

		assert_int_equal(mv_symbols_find(&keys, &key), i < 5000 ? i : UINT32_MAX);
		assert_int_equal(mv_symbols_intern(&keys, &key), i < 5000 ? i : UINT32_MAX);
		assert_int_equal(mv_symbols_find(&keys, &other), UINT32_MAX);
	}
	mv_symbols_forget(&keys);
	assert_int_equal(mv_symbols_find(&keys, &(struct mv_symbols_key){0}), UINT32_MAX);
	assert_int_equal(mv_symbols_intern(&keys, &(struct mv_symbols_key){7, 0, 7}), 0);
	mv_symbols_release(&keys);
}

static void test_not_installed(void **state)
{
	struct scene t;

	(void)state;
	open_scene(&t, "/nonexistent/memview-symbols");
	assert_int_equal(mv_symboliser_start(t.source, t.target, &t.symboliser), -ENOENT);
#ifdef HAVE_SYMBOLS
	assert_int_equal(mv_symboliser_why(NULL), MV_WHY_NO_SYMBOLS);
#else
	assert_int_equal(mv_symboliser_why(NULL), MV_WHY_NO_UNWINDER);
#endif
	close_scene(&t);
}

/* ---- a server that lies ---- */

/* The other end is ours: nothing of it is trusted. */
static int open_fake(struct scene *t)
{
	int pair[2];

	open_scene(t, NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(mv_symboliser_on_socket(t->source, t->target, pair[0], &t->symboliser), 0);
	return pair[1];
}

static uint64_t next_serial(int fake, uint32_t type)
{
	static struct {
		struct mv_symbols_request head;
		uint8_t stack[MV_SYMBOLS_STACK_BYTES];
	} r;

	for (;;) {
		int fd;
		ssize_t n = mv_symbols_receive(fake, &r, sizeof(r), 0, &fd);

		assert_true(n >= (ssize_t)sizeof(r.head));
		if (fd >= 0)
			close(fd);
		if (r.head.type == type)
			return r.head.serial;
	}
}

static void say(int fake, const struct mv_symbols_answer *a, size_t tail)
{
	assert_int_equal(mv_symbols_send(fake, a, MV_SYMBOLS_ANSWER_HEAD + tail, NULL, 0, -1), 0);
}

/* Up to the first stack that is asked for, with token 1; its serial. */
static uint64_t settle_and_ask(struct scene *t, int fake)
{
	struct mv_symbols_answer settled = {.type = MV_SYMBOLS_SETTLE};
	const struct mv_regs regs = {0};
	int err;

	settled.serial = next_serial(fake, MV_SYMBOLS_SETTLE);
	say(fake, &settled, 0);
	turn(t);
	assert_int_equal(mv_maps_read(t->target, &t->maps, NULL, 0), 0);
	assert_int_equal(mv_symboliser_maps(t->symboliser, &t->maps, 1), 0);
	settled.serial = next_serial(fake, MV_SYMBOLS_SETTLE);
	say(fake, &settled, 0);
	turn(t);
	err = mv_symboliser_unwind(t->symboliser, 1, &regs, 0, NULL, 0);
	assert_int_equal(err, 0);
	assert_int_equal(mv_symboliser_pending(t->symboliser), 1);
	return next_serial(fake, MV_SYMBOLS_UNWIND);
}

static struct mv_symbols_answer good_function(uint32_t id, const char *name)
{
	struct mv_symbols_answer a = {
	    .type = MV_SYMBOLS_FUNCTION,
	    .id = id,
	    .kind = MV_SYMBOLS_NAMED,
	    .vaddr = 0x1000 + id,
	    .start = 0x5000 + id,
	    .count = (uint32_t)strlen(name),
	};

	memcpy(a.text, name, strlen(name));
	return a;
}

static void test_answers_are_cleaned(void **state)
{
	struct mv_symbols_answer a,
	    stack = {.type = MV_SYMBOLS_STACK, .count = 3, .value = MV_STACK_COMPLETE};
	struct scene t;
	int fake = open_fake(&t);
	const char *file;
	uint32_t line;

	(void)state;
	stack.serial = settle_and_ask(&t, fake);
	a = good_function(0, "evil\033[31m\\name\n");
	say(fake, &a, a.count);
	a = (struct mv_symbols_answer){
	    .type = MV_SYMBOLS_FUNCTION, .id = 1, .kind = MV_SYMBOLS_JIT, .image = MV_IMAGE_NONE};
	say(fake, &a, 0);
	a = (struct mv_symbols_answer){
	    .type = MV_SYMBOLS_FUNCTION, .id = 2, .kind = MV_SYMBOLS_OFFSET, .vaddr = 0xabc};
	say(fake, &a, 0);
	for (uint32_t i = 0; i < 3; i++)
		stack.calls[i] = (struct mv_call){.pc = 0x5000 + i, .function = i};
	say(fake, &stack, 3 * sizeof(stack.calls[0]));
	wait_until(&t, t.total == 1);
	assert_int_equal(t.back[1], 1);
	assert_int_equal(t.count, 3);
	assert_int_equal(t.end, MV_STACK_COMPLETE);
	assert_string_equal(function_of(&t, &t.calls[0])->name, "evil\\x1b[31m\\\\name\\x0a");
	assert_string_equal(function_of(&t, &t.calls[0])->image, t.symboliser->images[0].name);
	assert_int_equal(function_of(&t, &t.calls[0])->start, 0x5000);
	assert_string_equal(function_of(&t, &t.calls[1])->name, "[jit]");
	assert_int_equal(function_of(&t, &t.calls[1])->flags, MV_FUNCTION_JIT);
	assert_non_null(strstr(function_of(&t, &t.calls[2])->name, "+0xabc"));
	assert_int_equal(mv_symboliser_pending(t.symboliser), 0);

	assert_int_equal(mv_symboliser_line_of(t.symboliser, 0x77, &file, &line), -ENOENT);
	assert_int_equal(mv_symboliser_line(t.symboliser, 0x77), 0);
	assert_int_equal(mv_symboliser_line_of(t.symboliser, 0x77, &file, &line), -EAGAIN);
	a = (struct mv_symbols_answer){.type = MV_SYMBOLS_LINE, .count = 4, .value = 12, .text = "a\tb."};
	a.serial = next_serial(fake, MV_SYMBOLS_LINE);
	say(fake, &a, 4);
	wait_until(&t, mv_symboliser_line_of(t.symboliser, 0x77, &file, &line) == 0);
	assert_string_equal(file, "a\\x09b.");
	assert_int_equal(line, 12);
	close(fake);
	close_scene(&t);
}

/* What a liar says instead of an answer. */
struct lie {
	const char *what;
	struct mv_symbols_answer answer;
	size_t tail;
	bool own_serial; /* with the serial that is expected */
};

static const struct lie lies[] = {
    {"an unknown type", {.type = 99}, 0, true},
    {"a request's type", {.type = MV_SYMBOLS_UNWIND}, 0, true},
    {"another's serial", {.type = MV_SYMBOLS_STACK, .serial = 12345}, 0, false},
    {"settled, unasked", {.type = MV_SYMBOLS_SETTLE}, 0, true},
    {"a line, unasked", {.type = MV_SYMBOLS_LINE}, 0, true},
    {"more calls than there are", {.type = MV_SYMBOLS_STACK, .count = 5}, 4 * sizeof(struct mv_call), true},
    {"calls without end", {.type = MV_SYMBOLS_STACK, .count = UINT32_MAX}, 16, true},
    {"an end that is none", {.type = MV_SYMBOLS_STACK, .value = MV_STACK__N}, 0, true},
    {"a function never told",
     {.type = MV_SYMBOLS_STACK, .count = 1, .calls = {{.function = 0}}},
     sizeof(struct mv_call),
     true},
    {"a flag that is none",
     {.type = MV_SYMBOLS_STACK, .count = 1, .calls = {{.function = MV_FUNCTION_NONE, .flags = 2}}},
     sizeof(struct mv_call),
     true},
    {"a number left out", {.type = MV_SYMBOLS_FUNCTION, .id = 1, .kind = MV_SYMBOLS_CODE}, 0, false},
    {"a kind that is none", {.type = MV_SYMBOLS_FUNCTION, .kind = MV_SYMBOLS_KIND__N}, 0, false},
    {"a file that is none",
     {.type = MV_SYMBOLS_FUNCTION, .kind = MV_SYMBOLS_CODE, .image = 100000},
     0,
     false},
    {"code of no file",
     {.type = MV_SYMBOLS_FUNCTION, .kind = MV_SYMBOLS_CODE, .image = MV_IMAGE_NONE},
     0,
     false},
    {"an address in a file", {.type = MV_SYMBOLS_FUNCTION, .kind = MV_SYMBOLS_ADDRESS, .image = 0}, 0, false},
    {"a name that is empty", {.type = MV_SYMBOLS_FUNCTION, .kind = MV_SYMBOLS_NAMED}, 0, false},
    {"a name without letters", {.type = MV_SYMBOLS_FUNCTION, .kind = MV_SYMBOLS_NAMED, .count = 8}, 0, false},
    {"a name too long", {.type = MV_SYMBOLS_FUNCTION, .kind = MV_SYMBOLS_NAMED, .count = 2000}, 2000, false},
    {"a name where none is", {.type = MV_SYMBOLS_FUNCTION, .kind = MV_SYMBOLS_CODE, .count = 1}, 1, false},
    {"a debug file, late", {.type = MV_SYMBOLS_DEBUG, .count = 20}, 20, false},
    {"a debug file of nothing", {.type = MV_SYMBOLS_DEBUG, .image = 100000, .count = 20}, 20, false},
};

/* A symboliser that was lied to: it gives back what it was asked for, and no more is heard. */
static void assert_given_up(struct scene *t)
{
	const struct mv_regs regs = {0};

	wait_until(t, t->total == 1);
	assert_int_equal(t->back[1], 1);
	assert_int_equal(t->count, 0);
	assert_int_equal(t->end, MV_STACK_NOT_UNWOUND);
	assert_int_equal(mv_symboliser_why(t->symboliser), MV_WHY_SYMBOLS_FAILED);
	assert_int_equal(mv_symboliser_fd(t->symboliser), -1);
	assert_true(mv_symboliser_due_ns(t->symboliser) == UINT64_MAX);
	assert_int_equal(mv_symboliser_unwind(t->symboliser, 2, &regs, 0, NULL, 0), -EPIPE);
	assert_int_equal(mv_symboliser_line(t->symboliser, 1), -EPIPE);
}

static void test_lies_end_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(lies); i++) {
		struct mv_symbols_answer a = lies[i].answer;
		struct scene t;
		int fake = open_fake(&t);
		uint64_t serial = settle_and_ask(&t, fake);

		print_message("# %s\n", lies[i].what);
		if (lies[i].own_serial)
			a.serial = serial;
		say(fake, &a, lies[i].tail);
		assert_given_up(&t);
		close(fake);
		close_scene(&t);
	}
}

/* Too short, too long, and nothing. */
static void test_broken_packets(void **state)
{
	static char bytes[32768];

	(void)state;
	for (size_t n = 0; n < 3; n++) {
		const size_t sizes[] = {1, MV_SYMBOLS_ANSWER_HEAD - 1, sizeof(bytes)};
		struct scene t;
		int fake = open_fake(&t);

		settle_and_ask(&t, fake);
		assert_int_equal(mv_symbols_send(fake, bytes, sizes[n], NULL, 0, -1), 0);
		assert_given_up(&t);
		close(fake);
		close_scene(&t);
	}
}

/* Descriptors that are sent along are not taken. */
static void test_descriptors_are_refused(void **state)
{
	struct mv_symbols_answer a = {.type = MV_SYMBOLS_STACK, .value = MV_STACK_BROKEN};
	struct scene t;
	int fake = open_fake(&t);
	size_t before;

	(void)state;
	a.serial = settle_and_ask(&t, fake);
	before = count_fds();
	assert_int_equal(mv_symbols_send(fake, &a, MV_SYMBOLS_ANSWER_HEAD, NULL, 0, fake), 0);
	wait_until(&t, t.total == 1);
	assert_int_equal(count_fds(), before);
	close(fake);
	close_scene(&t);
}

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % limit;
}

/* Answers that are nearly right: it never breaks, and each stack comes back once. */
static void test_near_answers(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct scene t;
		int fake = open_fake(&t);
		uint64_t serial = settle_and_ask(&t, fake);
		uint32_t id = 0;

		for (unsigned i = 0; i < 50 && mv_symboliser_why(t.symboliser) == MV_WHY_HAVE && t.total == 0;
		     i++) {
			struct mv_symbols_answer a = good_function(id, "name");
			size_t tail = a.count;

			if (random_below(8) == 0) {
				a = (struct mv_symbols_answer){
				    .type = MV_SYMBOLS_STACK, .serial = serial, .count = 2};
				a.calls[1].function = random_below(id + 2);
				tail = 2 * sizeof(a.calls[0]);
			} else {
				id++;
			}
			if (random_below(16) == 0)
				((uint8_t *)&a)[random_below(MV_SYMBOLS_ANSWER_HEAD)] ^=
				    (uint8_t)(1u << random_below(8));
			say(fake, &a, tail);
			turn(&t);
		}
		close(fake);
		wait_until(&t, t.total == 1);
		assert_int_equal(t.back[1], 1);
		for (uint32_t i = 0; i < mv_symboliser_functions(t.symboliser); i++)
			assert_non_null(mv_symboliser_function(t.symboliser, i)->name);
		assert_null(mv_symboliser_function(t.symboliser, mv_symboliser_functions(t.symboliser)));
		close_scene(&t);
	}
}

/* Functions without an end, and nothing that was asked for. */
static void test_flood(void **state)
{
	struct scene t;
	int fake = open_fake(&t);

	(void)state;
	settle_and_ask(&t, fake);
	for (uint32_t i = 0; i <= MV_CALLS_MAX && mv_symboliser_why(t.symboliser) == MV_WHY_HAVE; i++) {
		struct mv_symbols_answer a = good_function(i, "f");

		say(fake, &a, a.count);
		turn(&t);
	}
	assert_given_up(&t);
	assert_int_equal(mv_symboliser_functions(t.symboliser), MV_CALLS_MAX);
	close(fake);
	close_scene(&t);
}

/* It goes away, and what is in its socket is lost. */
static void test_closed(void **state)
{
	struct scene t;
	int fake = open_fake(&t);

	(void)state;
	settle_and_ask(&t, fake);
	close(fake);
	assert_given_up(&t);
	close_scene(&t);
}

/* Nobody reads: the queue fills, nothing blocks, and all comes back in the end. */
static void test_queue_fills(void **state)
{
	static uint8_t stack[MV_SYMBOLS_STACK_BYTES];
	const struct mv_regs regs = {0};
	struct scene t;
	int fake = open_fake(&t), err = 0;
	size_t asked = 1;

	(void)state;
	settle_and_ask(&t, fake);
	while (asked < 100000 &&
	       (err = mv_symboliser_unwind(t.symboliser, 2, &regs, 0, stack, sizeof(stack))) == 0)
		asked++;
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(mv_symboliser_pending(t.symboliser), asked);
	close(fake);
	wait_until(&t, t.total == asked);
	assert_int_equal(t.back[1], 1);
	assert_int_equal(t.back[2], asked - 1);
	assert_int_equal(mv_symboliser_pending(t.symboliser), 0);
	close_scene(&t);
}

/* ---- the program itself ---- */

#if LIVE

static void rest(void)
{
	poll(NULL, 0, 1);
}

static char *program_path(void)
{
	const char *build = getenv("top_builddir");
	static char path[4096];

	snprintf(path, sizeof(path), "%s/memview-symbols", build ? build : ".");
	return path;
}

/* In pause() by now, and not still on its way there? */
static bool is_waiting(struct scene *t)
{
	char text[512], number[32];

	snprintf(number, sizeof(number), "%d ", SYS_pause);
	return mv_target_read_named(t->target, "syscall", text, sizeof(text)) > 0 &&
	       strncmp(text, number, strlen(number)) == 0;
}

/* All registers, by a stop; pause() goes on afterwards. */
static void read_registers(struct scene *t, struct mv_regs *regs)
{
	struct user_regs_struct u;
	int status;

	assert_int_equal(ptrace(PTRACE_SEIZE, t->pid, NULL, NULL), 0);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, t->pid, NULL, NULL), 0);
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	assert_int_equal(ptrace(PTRACE_GETREGS, t->pid, NULL, &u), 0);
	assert_int_equal(ptrace(PTRACE_DETACH, t->pid, NULL, NULL), 0);
	*regs = (struct mv_regs){{u.rax, u.rdx, u.rcx, u.rbx, u.rsi, u.rdi, u.rbp, u.rsp, u.r8, u.r9, u.r10,
				  u.r11, u.r12, u.r13, u.r14, u.r15, u.rip}};
}

/* What lies above the stack pointer. */
static size_t read_stack(struct scene *t, uint64_t sp, uint8_t *stack, size_t cap)
{
	uint32_t at = mv_maps_find(t->maps.at, t->maps.count, sp);
	ssize_t n;

	assert_true(at < t->maps.count);
	if (t->maps.at[at].end - sp < cap)
		cap = (size_t)(t->maps.at[at].end - sp);
	n = mv_target_bytes(t->target, sp, stack, cap);
	assert_true(n > 0);
	return (size_t)n;
}

static void tell_maps(struct scene *t)
{
	mv_target_reopen(t->target);
	assert_int_equal(mv_maps_read(t->target, &t->maps, NULL, 0), 0);
	assert_int_equal(mv_symboliser_maps(t->symboliser, &t->maps, ++t->gen), 0);
}

static int ask(struct scene *t, uint64_t token)
{
	static uint8_t stack[MV_SYMBOLS_STACK_BYTES];
	uint64_t until = now() + DEADLINE_NS;
	struct mv_regs regs;
	size_t bytes;

	while (!is_waiting(t)) {
		assert_true(now() < until);
		rest();
	}
	read_registers(t, &regs);
	bytes = read_stack(t, regs.r[MV_REG_SP], stack, sizeof(stack));
	return mv_symboliser_unwind(t->symboliser, token, &regs, (1u << MV_REGS) - 1, stack, bytes);
}

/* Ask, taking answers in while it is full or not settled yet. */
static void ask_surely(struct scene *t, uint64_t token)
{
	uint64_t until = now() + DEADLINE_NS;
	int err;

	while ((err = ask(t, token)) == -EAGAIN) {
		assert_true(now() < until);
		turn(t);
	}
	assert_int_equal(err, 0);
}

/* Where in the last stack the function is; count when it is not there. */
static size_t find_call(const struct scene *t, const char *name)
{
	size_t i = 0;

	while (i < t->count &&
	       (!function_of(t, &t->calls[i]) || strcmp(function_of(t, &t->calls[i])->name, name) != 0))
		i++;
	return i;
}

/* It waits below the three, called one by the other. */
static void assert_known_calls(const struct scene *t)
{
	size_t three = find_call(t, "waits_in_three");

	assert_true(three < t->count);
	assert_true(three + 2 < t->count);
	assert_int_equal(find_call(t, "waits_in_two"), three + 1);
	assert_int_equal(find_call(t, "waits_in_one"), three + 2);
	assert_int_equal(function_of(t, &t->calls[three])->flags, MV_FUNCTION_NAMED);
	assert_true(function_of(t, &t->calls[three])->start <= t->calls[three].pc);
}

static void start_scene(struct scene *t)
{
	open_scene(t, program_path());
	assert_int_equal(mv_symboliser_start(t->source, t->target, &t->symboliser), 0);
	wait_until(t, t->symboliser->answered);
	assert_int_equal(mv_symboliser_why(t->symboliser), MV_WHY_HAVE);
}

static void ask_and_take(struct scene *t, uint64_t token)
{
	size_t before = t->total;

	ask_surely(t, token);
	wait_until(t, t->total == before + 1);
}

static void test_live_stack(void **state)
{
	const char *file;
	struct scene t;
	uint32_t line;
	uint64_t pc;

	(void)state;
	start_scene(&t);
	tell_maps(&t);
	ask_and_take(&t, 1);
	assert_int_equal(t.end, MV_STACK_COMPLETE);
	assert_known_calls(&t);
	assert_string_equal(function_of(&t, &t.calls[find_call(&t, "waits_in_one")])->image,
			    "test_symboliser");
	pc = t.calls[find_call(&t, "waits_in_two")].pc;
	assert_int_equal(mv_symboliser_line(t.symboliser, pc), 0);
	assert_int_equal(mv_symboliser_line(t.symboliser, pc), 0);
	wait_until(&t, mv_symboliser_line_of(t.symboliser, pc, &file, &line) == 0);
	assert_non_null(file);
	assert_non_null(strstr(file, "test_symboliser.c"));
	assert_true(line > 10 && line < 100);
	assert_true(mv_symboliser_cpu_ns(t.symboliser) > 0);
	close_scene(&t);
}

/* Of a status line, the number behind its name. */
static uint64_t status_of(pid_t pid, const char *name, int base)
{
	char path[64], line[256];
	uint64_t value = UINT64_MAX;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			value = strtoull(line + strlen(name) + 1, NULL, base);
	}
	fclose(f);
	assert_true(value != UINT64_MAX);
	return value;
}

/* Is that one of our own descriptors? */
static bool is_ours(const char *link)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	bool found = false;
	char own[4096];

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, own, sizeof(own) - 1);

		if (len < 0)
			continue;
		own[len] = '\0';
		found |= strcmp(own, link) == 0;
	}
	closedir(dir);
	return found;
}

/* Its socket, and pipes that libunwind makes for itself. */
static void assert_own_descriptors(pid_t pid)
{
	char path[64], link[4096];
	DIR *dir;
	struct dirent *entry;
	size_t sockets = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir && errno == EACCES)
		return; /* not dumpable: only root may look */
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		if (len < 0)
			continue;
		link[len] = '\0';
		if (atoi(entry->d_name) < 3) {
			assert_string_equal(link, "/dev/null");
			continue;
		}
		sockets += strncmp(link, "socket:", 7) == 0;
		assert_true(strncmp(link, "socket:", 7) == 0 || strncmp(link, "pipe:", 5) == 0);
		assert_false(is_ours(link));
	}
	closedir(dir);
	assert_int_equal(sockets, 1);
}

static void test_has_no_rights(void **state)
{
	const int leaked = open("/dev/zero", O_RDONLY); /* not close-on-exec */
	struct scene t;
	pid_t pid;

	(void)state;
	start_scene(&t);
	pid = t.symboliser->child.pid;
	assert_int_equal(status_of(pid, "CapInh", 16), 0);
	assert_int_equal(status_of(pid, "CapPrm", 16), 0);
	assert_int_equal(status_of(pid, "CapEff", 16), 0);
	assert_int_equal(status_of(pid, "CapAmb", 16), 0);
	assert_int_equal(status_of(pid, "NoNewPrivs", 10), 1);
	assert_int_equal(status_of(pid, "PPid", 10), getpid());
	if (geteuid() == 0) {
		assert_int_not_equal(status_of(pid, "Uid", 10), 0);
		assert_int_not_equal(status_of(pid, "Gid", 10), 0);
	}
	assert_own_descriptors(pid);
	close(leaked);
	close_scene(&t);
}

static void test_leaves_nothing(void **state)
{
	struct scene t;
	size_t before;

	(void)state;
	open_scene(&t, program_path());
	before = count_fds();
	for (unsigned i = 0; i < 5; i++) {
		pid_t pid;

		assert_int_equal(mv_symboliser_start(t.source, t.target, &t.symboliser), 0);
		pid = t.symboliser->child.pid;
		if (i > 0) { /* the first is ended in its first moment */
			tell_maps(&t);
			ask_and_take(&t, 1);
		}
		mv_symboliser_free(t.symboliser);
		t.symboliser = NULL;
		assert_int_equal(kill(pid, 0), -1);
		assert_int_equal(errno, ESRCH);
		t.gen = 0;
	}
	mv_target_reopen(t.target);
	assert_int_equal(count_fds(), before);
	close_scene(&t);
}

/* It dies with requests in its queue: each comes back, and names have the same numbers afterwards. */
static void test_crash(void **state)
{
	struct scene t;
	uint32_t function, functions;
	pid_t pid;

	(void)state;
	start_scene(&t);
	tell_maps(&t);
	ask_and_take(&t, 1);
	assert_known_calls(&t);
	function = t.calls[find_call(&t, "waits_in_two")].function;
	functions = mv_symboliser_functions(t.symboliser);
	pid = t.symboliser->child.pid;
	kill(pid, SIGSTOP);
	for (uint64_t token = 10; token < 30; token++)
		ask_surely(&t, token);
	assert_int_equal(mv_symboliser_pending(t.symboliser), 20);
	kill(pid, SIGKILL);
	wait_until(&t, t.total == 21);
	assert_int_equal(t.count, 0);
	assert_int_equal(t.end, MV_STACK_NOT_UNWOUND);
	for (uint64_t token = 10; token < 30; token++)
		assert_int_equal(t.back[token], 1);
	ask_and_take(&t, 2);
	assert_int_not_equal(t.symboliser->child.pid, pid);
	assert_known_calls(&t);
	assert_int_equal(t.calls[find_call(&t, "waits_in_two")].function, function);
	assert_int_equal(mv_symboliser_functions(t.symboliser), functions);
	assert_int_equal(mv_symboliser_why(t.symboliser), MV_WHY_HAVE);
	close_scene(&t);
}

static void test_hang(void **state)
{
	struct scene t;
	pid_t pid;

	(void)state;
	start_scene(&t);
	tell_maps(&t);
	ask_and_take(&t, 1);
	pid = t.symboliser->child.pid;
	t.symboliser->patience_ns = MV_NS_PER_SEC / 20;
	kill(pid, SIGSTOP);
	ask_surely(&t, 2);
	assert_true(mv_symboliser_due_ns(t.symboliser) < UINT64_MAX);
	wait_until(&t, t.total == 2);
	assert_int_equal(t.back[2], 1);
	assert_int_equal(t.end, MV_STACK_NOT_UNWOUND);
	t.symboliser->patience_ns = DEADLINE_NS;
	ask_and_take(&t, 3);
	assert_known_calls(&t);
	assert_int_not_equal(t.symboliser->child.pid, pid);
	assert_int_equal(kill(pid, 0), -1);
	close_scene(&t);
}

static void test_fails_for_good(void **state)
{
	struct scene t;
	unsigned lives = 1;
	uint32_t functions;

	(void)state;
	start_scene(&t);
	tell_maps(&t);
	ask_and_take(&t, 0);
	functions = mv_symboliser_functions(t.symboliser);
	while (mv_symboliser_why(t.symboliser) == MV_WHY_HAVE) {
		pid_t pid = t.symboliser->child.pid;

		assert_true(lives < 20);
		kill(pid, SIGKILL);
		wait_until(&t, t.symboliser->child.pid != pid);
		lives += t.symboliser->child.pid != 0;
	}
	assert_int_equal(lives, 1 + MV_SYMBOLS_RESTARTS);
	assert_int_equal(mv_symboliser_why(t.symboliser), MV_WHY_SYMBOLS_FAILED);
	assert_int_equal(ask(&t, 3), -EPIPE);
	assert_int_equal(mv_symboliser_functions(t.symboliser), functions);
	assert_true(mv_symboliser_cpu_ns(t.symboliser) > 0);
	close_scene(&t);
}

/* Something else under its name: it is not tried for ever, and not blamed on the target. */
static void test_wrong_program(void **state)
{
	struct scene t;

	(void)state;
	open_scene(&t, "/bin/true");
	assert_int_equal(mv_symboliser_start(t.source, t.target, &t.symboliser), 0);
	wait_until(&t, mv_symboliser_why(t.symboliser) != MV_WHY_HAVE);
	assert_int_equal(mv_symboliser_why(t.symboliser), MV_WHY_NO_SYMBOLS);
	close_scene(&t);
}

/* By hand it does nothing. */
static void test_without_socket(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		close(MV_SYMBOLS_SOCKET);
		execl(program_path(), "memview-symbols", (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

/* The same program at other addresses. */
static void test_exec(void **state)
{
	struct scene t;
	uint32_t function;
	uint64_t pc, until = now() + DEADLINE_NS;

	(void)state;
	start_scene(&t);
	tell_maps(&t);
	ask_and_take(&t, 1);
	function = t.calls[find_call(&t, "waits_in_two")].function;
	pc = t.calls[find_call(&t, "waits_in_two")].pc;
	assert_int_equal(mv_symboliser_line(t.symboliser, pc), 0);
	kill(t.pid, SIGUSR1);
	do { /* until it waits again, behind its exec */
		char text[256];

		assert_true(now() < until);
		rest();
		assert_true(mv_target_read(t.target, MV_FILE_CMDLINE, text, sizeof(text)) >= 0);
		mv_target_reopen(t.target);
		if (memmem(text, sizeof(text), "--wait", 6))
			break;
	} while (true);
	do {
		rest();
		tell_maps(&t);
		ask_and_take(&t, 2);
		assert_true(now() < until);
	} while (find_call(&t, "waits_in_two") == t.count);
	assert_known_calls(&t);
	assert_int_equal(t.calls[find_call(&t, "waits_in_two")].function, function);
	close_scene(&t);
}

/* ---- a file that ends it ---- */

struct segment {
	uint64_t bias, vaddr, offset, bytes;
};

static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct segment *s = arg;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && (p->p_flags & PF_X))
			*s = (struct segment){info->dlpi_addr, p->p_vaddr, p->p_offset, p->p_filesz};
	}
	return 1; /* the first is the program */
}

static void copy_program(const char *path)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
	    out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	static char block[65536];
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, block, sizeof(block))) > 0)
		assert_int_equal(write(out, block, (size_t)n), n);
	assert_int_equal(n, 0);
	close(in);
	close(out);
}

static unsigned count_poisoned(const struct scene *t)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < t->symboliser->images_count; i++)
		n += t->symboliser->images[i].poisoned;
	return n;
}

/*
 * A file that is cut short under memview-symbols, which then gets SIGBUS: it is started anew without that
 * file, all others keep their names.
 */
static void test_poisoned_file(void **state)
{
	char path[] = "/tmp/memview-poison-XXXXXX";
	const uint32_t known = 1u << MV_REG_SP | 1u << MV_REG_PC;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct segment text = {0};
	struct mv_regs regs = {0};
	uint8_t stack[64] = {0};
	struct scene t;
	uint64_t start, slack;
	uint32_t lives;
	void *at;
	int fd;

	(void)state;
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	copy_program(path);
	dl_iterate_phdr(find_text, &text);
	slack = text.offset % page;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Mapped before the fork, so that the target has it. */
	at = mmap(NULL, text.bytes + slack, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd,
		  (off_t)(text.offset - slack));
	assert_true(at != MAP_FAILED);
	close(fd);
	start_scene(&t);
	tell_maps(&t);
	start =
	    (uint64_t)(uintptr_t)at + slack + ((uint64_t)(uintptr_t)waits_in_two - text.bias - text.vaddr);
	regs.r[MV_REG_PC] = start + 1;
	regs.r[MV_REG_SP] = 0x7000;
	wait_until(&t, !t.symboliser->pending_settles && !t.symboliser->debug_unsent &&
			   !t.symboliser->images_unsent);
	assert_int_equal(truncate(path, 0), 0);
	lives = t.symboliser->starts;
	assert_int_equal(mv_symboliser_unwind(t.symboliser, 1, &regs, known, stack, sizeof(stack)), 0);
	wait_until(&t, t.total == 1);
	assert_int_equal(t.end, MV_STACK_NOT_UNWOUND);
	assert_int_equal(t.count, 0);
	ask_and_take(&t, 2);
	assert_known_calls(&t);
	assert_int_equal(t.symboliser->starts, lives + 1);
	assert_int_equal(count_poisoned(&t), 1);
	assert_int_equal(mv_symboliser_unwind(t.symboliser, 3, &regs, known, stack, sizeof(stack)), 0);
	wait_until(&t, t.total == 3);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.symboliser->starts, lives + 1);
	assert_int_equal(strncmp(function_of(&t, &t.calls[0])->name, "memview-poison-", 15), 0);
	assert_non_null(strstr(function_of(&t, &t.calls[0])->name, "+0x"));
	munmap(at, text.bytes + slack);
	unlink(path);
	close_scene(&t);
}

#endif

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_have_words),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_not_installed),
		cmocka_unit_test(test_answers_are_cleaned),
		cmocka_unit_test(test_lies_end_it),
		cmocka_unit_test(test_broken_packets),
		cmocka_unit_test(test_descriptors_are_refused),
		cmocka_unit_test(test_near_answers),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_queue_fills),
#if LIVE
		cmocka_unit_test(test_live_stack),
		cmocka_unit_test(test_has_no_rights),
		cmocka_unit_test(test_leaves_nothing),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_hang),
		cmocka_unit_test(test_fails_for_good),
		cmocka_unit_test(test_wrong_program),
		cmocka_unit_test(test_without_socket),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_poisoned_file),
#endif
	};

	if (argc > 1 && strcmp(argv[1], "--wait") == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		waits_in_one();
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
