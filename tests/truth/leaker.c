/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * A process whose lost blocks are known: mv-leaker SEED [busy | alone]. For each block that the truth is
 * about it prints a line "L ADDRESS KIND BYTES" (lost) or "K ADDRESS KIND BYTES" (kept), then "ready", and
 * waits for a byte: its end comes with the end of the input.
 *
 * No pointer to a lost block stays anywhere but where its kind says. busy: threads move pointers about
 * meanwhile, and allocate and free at full speed; none of what they do is ever lost. alone: no threads, what
 * every leak checker understands in the same way.
 */

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noipa))
#define FILLER	 3000

/* Built with LeakSanitizer: it looks into mapped memory only when told to. */
void __lsan_register_root_region(const void *start, size_t bytes) __attribute__((weak));

static uint64_t random_state;
static _Atomic unsigned waiting;
static void *volatile kept_global[FILLER];
static struct node *volatile kept_list, *volatile kept_tree, *volatile kept_ring;
static char *volatile kept_inside, *volatile kept_last_word, *volatile kept_big;
static void *volatile *kept_mapped;
static __thread void *volatile kept_in_tls;
static pthread_key_t key;
static pthread_mutex_t print_lock = PTHREAD_MUTEX_INITIALIZER;

struct node {
	struct node *next, *other;
	uint64_t number[4];
};

static uint32_t any(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % below;
}

/* Text holds no pointers; and printf's buffers are not used, so that no register's copy lies in a live stack.
 */
NOINLINE static void tell(char what, const void *block, const char *kind, size_t bytes)
{
	char line[96];
	int n =
	    snprintf(line, sizeof(line), "%c 0x%" PRIxPTR " %s %zu\n", what, (uintptr_t)block, kind, bytes);

	pthread_mutex_lock(&print_lock);
	if (write(1, line, (size_t)n) != n)
		_exit(3);
	pthread_mutex_unlock(&print_lock);
}

/* As much as malloc gives for that: what is asked for and what is taken are then the same to all who count.
 */
static size_t whole(size_t bytes)
{
	if (bytes < 100000)
		return ((bytes + 7) & ~(size_t)15) + 8;
	return ((bytes + 24 + 4095) & ~(size_t)4095) - 24;
}

NOINLINE static void *make(size_t bytes, char what, const char *kind)
{
	void *p = calloc(1, whole(bytes));

	if (!p)
		_exit(4);
	tell(what, p, kind, whole(bytes));
	return p;
}

NOINLINE static struct node *make_list(uint32_t n, char what, const char *kind)
{
	struct node *head = NULL;

	while (n--) {
		struct node *node = make(sizeof(*node), what, kind);

		node->next = head;
		head = node;
	}
	return head;
}

NOINLINE static struct node *make_ring(uint32_t n, char what, const char *kind)
{
	struct node *last = make(sizeof(*last), what, "ring-last"), *node = last;

	while (--n) {
		struct node *before = make(sizeof(*before), what, kind);

		before->next = node;
		node = before;
	}
	last->next = node;
	return last;
}

NOINLINE static struct node *make_tree(int depth, char what, const char *kind)
{
	struct node *node;

	if (!depth)
		return NULL;
	node = make(sizeof(*node) + any(100), what, kind);
	node->next = make_tree(depth - 1, what, kind);
	node->other = make_tree(depth - 1 - (int)any(2) * (depth > 1), what, kind);
	return node;
}

static const struct {
	void (*call)(int);
} table = {(void (*)(int))_exit}; /* stands for a vtable */

NOINLINE static void lose_some(void)
{
	struct node *node, *inner;

	switch (any(9)) {
	case 0:
		make(24 + any(500), 'L', "single");
		break;
	case 1:
		make_list(2 + any(20), 'L', "list");
		break;
	case 2:
		make_ring(2 + any(20), 'L', "ring");
		break;
	case 3:
		make_tree(2 + (int)any(4), 'L', "tree");
		break;
	case 4: /* held by its middle alone, by a lost one */
		node = make(sizeof(*node), 'L', "holder-of-middle");
		inner = make(sizeof(*node) * 8, 'L', "held-by-middle");
		node->next = inner + 4;
		break;
	case 5: /* the only pointer is in a freed block */
		node = malloc(sizeof(*node) * 9);
		if (!node)
			_exit(4);
		memset(node, 0, sizeof(*node));
		node->number[2] = (uintptr_t)make(88, 'L', "held-by-freed");
		free(node);
		break;
	case 6:
		if (any(4) == 0)
			make(300000 + any(200000), 'L', "mmapped");
		break;
	case 7:
		*(const void **)make(56, 'L', "object") = &table;
		break;
	case 8:
		memcpy(make(40, 'L', "text"), "lost and printable", 19);
		break;
	}
}

/* Filled between, freed in part: the heap is not tidy. */
NOINLINE static void build(void)
{
	for (uint32_t i = 0; i < FILLER; i++) {
		kept_global[i] = make(16 + any(300), 'K', "global");
		if (any(3) == 0) {
			void *p = malloc(24 + any(200));

			free(p);
		}
		if (any(3) == 0)
			lose_some();
	}
	kept_list = make_list(500, 'K', "list");
	kept_ring = make_ring(50, 'K', "ring");
	kept_tree = make_tree(9, 'K', "tree");
	kept_inside = (char *)make(400, 'K', "interior") + 200;
	kept_last_word = (char *)make(56, 'K', "last-word") + 48; /* 56 is all that a block of 64 holds */
	kept_big = make(1 << 20, 'K', "mmapped");
	*(void **)(void *)(kept_big + 700000) = make(64, 'K', "held-by-mmapped");
	*(void **)(void *)(kept_inside + 8) = make(72, 'K', "held-by-interior");
	kept_mapped = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if ((void *)kept_mapped == MAP_FAILED)
		_exit(4);
	if (__lsan_register_root_region)
		__lsan_register_root_region((const void *)kept_mapped, 1 << 16);
	kept_mapped[5000] = make(96, 'K', "in-mapped-memory");
	if (pthread_setspecific(key, make(48, 'K', "pthread-key")))
		_exit(4);
	kept_in_tls = make(48, 'K', "tls");
	free(make_list(1, 'K', "freed-again"));
}

#define WAIT_HOLDING(load, \
		     keep) /* in one register, in a system call that never ends; the stack has no copy */ \
	__asm__ volatile(load "\n" \
			      "movq $0, (%0)\n" \
			      "1: movq $34, %%rax\n" /* pause */ \
			      "syscall\n" \
			      "jmp 1b\n" ::"r"(at), \
			 "r"(count) \
			 : "rax", "rcx", "r11", "memory", keep)

/* Scrubs the stack below us of what calls have left there. */
NOINLINE static void scrub(void)
{
	volatile char bytes[65536];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = 0;
}

NOINLINE static void hold_in_register(void **at)
{
	_Atomic unsigned *count = &waiting;

	WAIT_HOLDING("movq (%0), %%r12; lock incl (%1)", "r12");
	__builtin_unreachable();
}

NOINLINE static void hold_in_vector(void **at)
{
	_Atomic unsigned *count = &waiting;

	WAIT_HOLDING("movq (%0), %%xmm9; lock incl (%1)", "xmm9");
	__builtin_unreachable();
}

static void *cell_of_register, *cell_of_vector;

static void *register_thread(void *unused)
{
	(void)unused;
	cell_of_register = make(104, 'K', "register");
	scrub();
	hold_in_register(&cell_of_register);
	return NULL;
}

static void *vector_thread(void *unused)
{
	(void)unused;
	cell_of_vector = make(104, 'K', "vector-register");
	scrub();
	hold_in_vector(&cell_of_vector);
	return NULL;
}

/* Holds blocks on its stack, in its own variables, and in an arena of its own; loses some of that. */
static void *stack_thread(void *unused)
{
	void *volatile on_stack[3];

	for (int i = 0; i < 3; i++)
		on_stack[i] = make(120, 'K', "thread-stack");
	kept_in_tls = make(120, 'K', "thread-tls");
	if (pthread_setspecific(key, make(120, 'K', "thread-key")))
		_exit(4);
	for (int i = 0; i < 100; i++)
		make(24 + (size_t)i, 'L', "thread-arena");
	scrub();
	waiting++;
	for (;;)
		syscall(SYS_pause, on_stack[0]);
	return unused;
}

static pthread_barrier_t ended;

/* Below what the next thread on this stack uses, but not so far that glibc gives it back. */
NOINLINE static void leave_deep(void)
{
	void *volatile on_stack[64];
	volatile char above[3000];

	above[sizeof(above) - 1] = 0;
	for (int i = 0; i < 64; i++)
		on_stack[i] = make(136, 'L', "dead-stack");
	kept_in_tls = make(136, 'L', "dead-tls");
	if (above[sizeof(above) - 1])
		tell('L', on_stack[0], "never", 0);
}

NOINLINE static void leave(void)
{
	volatile char above[3000];

	above[0] = 0;
	leave_deep();
	above[1] = above[0];
}

/* Ends with pointers left on its stack, which is kept for the next thread, and in its own variables. */
static void *short_thread(void *unused)
{
	leave();
	/* All at once, so that each has a stack of its own. */
	pthread_barrier_wait(&ended);
	return unused;
}

/* Its result is nowhere but in the thread's own block, since nobody has joined it yet. */
static void *result_thread(void *unused)
{
	(void)unused;
	return make(152, 'K', "thread-result");
}

/* ---- busy ---- */

#define SHELF 512
static struct node *_Atomic shelf[SHELF];
static _Atomic bool moving = true;

/* Pointers move from place to place, blocks come and go; each is always held somewhere. */
static void *busy_thread(void *arg)
{
	uint64_t state = (uintptr_t)arg * UINT64_C(0x9e3779b97f4a7c15) + 1;
	struct node *mine = NULL;

	waiting++;
	while (moving) {
		struct node *node, *old;

		state = state * UINT64_C(6364136223846793005) + 1;
		node = malloc(sizeof(*node) + (state >> 40) % 200);
		if (!node)
			_exit(4);
		node->next = NULL;
		node->other = mine;
		/* what was there comes to us, what we had hangs off the new one until that comes back */
		old = __atomic_exchange_n(&shelf[(state >> 33) % SHELF], node, __ATOMIC_SEQ_CST);
		mine = NULL;
		while (old) {
			struct node *next = old->other;

			if (!next && (state >> 20) % 4 == 0) {
				mine = old;
				break;
			}
			free(old);
			old = next;
		}
	}
	return NULL;
}

static void start(void *(*run)(void *), void *arg, pthread_t *ret_thread)
{
	if (pthread_create(ret_thread, NULL, run, arg))
		_exit(5);
}

static void start_threads(void)
{
	pthread_t thread, shorts[8];
	unsigned before = waiting;

	start(register_thread, NULL, &thread);
	start(vector_thread, NULL, &thread);
	start(stack_thread, NULL, &thread);
	start(stack_thread, NULL, &thread);
	if (pthread_barrier_init(&ended, NULL, 8))
		_exit(5);
	for (int i = 0; i < 8; i++)
		start(short_thread, NULL, &shorts[i]);
	for (int i = 0; i < 8; i++)
		pthread_join(shorts[i], NULL);
	while (waiting < before + 4)
		sched_yield();
}

static pthread_t unjoined;

/* The threads' numbers are addresses of their stacks, not of blocks. */
NOINLINE static void start_result(void)
{
	char name[64];

	start(result_thread, NULL, &unjoined);
	/* It has ended when its number is taken from its own block: that is what a join would wait for. */
	snprintf(name, sizeof(name), "%s", "ended");
	while (*(volatile int32_t *)((char *)unjoined + 0x2d0) != 0)
		sched_yield();
}

NOINLINE static void start_busy(void)
{
	pthread_t thread;
	unsigned before = waiting;

	for (uintptr_t i = 1; i <= 4; i++)
		start(busy_thread, (void *)i, &thread);
	while (waiting < before + 4)
		sched_yield();
}

NOINLINE static void clear_vectors(void)
{
	__asm__ volatile(
	    "pxor %%xmm0, %%xmm0\npxor %%xmm1, %%xmm1\npxor %%xmm2, %%xmm2\npxor %%xmm3, %%xmm3\n"
	    "pxor %%xmm4, %%xmm4\npxor %%xmm5, %%xmm5\npxor %%xmm6, %%xmm6\npxor %%xmm7, %%xmm7\n"
	    "pxor %%xmm8, %%xmm8\npxor %%xmm9, %%xmm9\npxor %%xmm10, %%xmm10\npxor %%xmm11, %%xmm11\n"
	    "pxor %%xmm12, %%xmm12\npxor %%xmm13, %%xmm13\npxor %%xmm14, %%xmm14\npxor %%xmm15, %%xmm15" ::
		: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
		  "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

int main(int argc, char **argv)
{
	const bool busy = argc > 2 && !strcmp(argv[2], "busy"), alone = argc > 2 && !strcmp(argv[2], "alone");
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	random_state = argc > 1 ? strtoull(argv[1], NULL, 10) * 2 + 1 : 1;
	if (pthread_key_create(&key, NULL))
		return 1;
	/* Before the threads, so that what they leave is overwritten by nothing of ours. */
	build();
	if (!alone) {
		start_threads();
		start_result();
	}
	if (busy)
		start_busy();
	scrub();
	clear_vectors();
	if (write(1, "ready\n", 6) != 6)
		return 1;
	while (read(0, &byte, 1) == 1)
		;
	return 0;
}
