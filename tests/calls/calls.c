/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A program whose call stack is known: it stops itself by a breakpoint in stop_here, having got there by a
 * known way. usage: mv-calls plain|callback|signal|altstack|thread|library FILE|bare|generated|deep LEVELS
 */

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A function that stays one, and its call a call: not inlined, not cloned, not made a jump. */
#define CALL	   __attribute__((noipa, noinline))
#define AFTERWARDS __asm__ volatile("" ::: "memory")

void stop_here(void);
void inner(char *room, size_t size);
void middle(int size);
void outer(int size);
void plain(void);
int by_value(const void *a, const void *b);
void callback(void);
void on_signal(int signal);
void crash_here(void);
void signalled(int on_stack);
void *thread_body(void *arg);
void threaded(void);
void from_library(void);
void library(const char *path);
void bare(void);
void generated(void);
void deep(int levels);

CALL void stop_here(void)
{
	__asm__ volatile("int3");
	AFTERWARDS;
}

CALL void inner(char *room, size_t size)
{
	memset(room, 1, size);
	stop_here();
	AFTERWARDS;
}

/* Of a size known at run time only: it needs a frame pointer, whatever the options. */
CALL void middle(int size)
{
	char room[size];

	inner(room, (size_t)size);
	AFTERWARDS;
}

CALL void outer(int size)
{
	middle(size * 2);
	AFTERWARDS;
}

CALL void plain(void)
{
	outer(333);
	AFTERWARDS;
}

CALL int by_value(const void *a, const void *b)
{
	static int stopped;

	if (!stopped++)
		stop_here();
	return *(const int *)a - *(const int *)b;
}

CALL void callback(void)
{
	int values[] = {3, 1, 2};

	qsort(values, 3, sizeof(values[0]), by_value);
	AFTERWARDS;
}

CALL void on_signal(int signal)
{
	(void)signal;
	stop_here();
	AFTERWARDS;
}

/* The first instruction is the one that is interrupted: less one, the address would be another function's. */
__asm__(".text\n"
	".globl crash_here\n"
	".type crash_here, @function\n"
	"crash_here:\n"
	"	.cfi_startproc\n"
	"	ud2\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size crash_here, . - crash_here\n");

CALL void signalled(int on_stack)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = on_stack ? SA_ONSTACK : 0};
	stack_t stack = {.ss_size = 65536, .ss_sp = calloc(1, 65536)};

	sigaltstack(&stack, NULL);
	sigaction(SIGILL, &action, NULL);
	crash_here();
	AFTERWARDS;
}

CALL void *thread_body(void *arg)
{
	stop_here();
	AFTERWARDS;
	return arg;
}

CALL void threaded(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_body, NULL);
	pthread_join(thread, NULL);
}

CALL void from_library(void)
{
	stop_here();
	AFTERWARDS;
}

CALL void library(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW);
	void (*call)(void (*)(void)) = NULL;

	if (handle)
		*(void **)&call = dlsym(handle, "library_call");
	if (!call) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	call(from_library);
	AFTERWARDS;
}

/* Code without an unwind entry. */
void no_entry(void);
__asm__(".text\n"
	".globl no_entry\n"
	".type no_entry, @function\n"
	"no_entry:\n"
	"	sub $8, %rsp\n"
	"	call stop_here\n"
	"	add $8, %rsp\n"
	"	ret\n"
	".size no_entry, . - no_entry\n");

CALL void bare(void)
{
	no_entry();
	AFTERWARDS;
}

/* sub $8, %rsp; call *%rdi; add $8, %rsp; ret: generated at run time. */
CALL void generated(void)
{
	static const unsigned char code[] = {0x48, 0x83, 0xec, 8, 0xff, 0xd7, 0x48, 0x83, 0xc4, 8, 0xc3};
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*call)(void (*)(void));

	if (at == MAP_FAILED)
		exit(1);
	memcpy(at, code, sizeof(code));
	*(void **)&call = at;
	call(stop_here);
	AFTERWARDS;
}

CALL void deep(int levels)
{
	char room[200];

	memset(room, levels, sizeof(room));
	__asm__ volatile("" ::"r"(room) : "memory");
	if (levels)
		deep(levels - 1);
	else
		stop_here();
	AFTERWARDS;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "plain";

	if (strcmp(way, "callback") == 0)
		callback();
	else if (strcmp(way, "signal") == 0)
		signalled(0);
	else if (strcmp(way, "altstack") == 0)
		signalled(1);
	else if (strcmp(way, "thread") == 0)
		threaded();
	else if (strcmp(way, "library") == 0 && argc > 2)
		library(argv[2]);
	else if (strcmp(way, "bare") == 0)
		bare();
	else if (strcmp(way, "generated") == 0)
		generated();
	else if (strcmp(way, "deep") == 0 && argc > 2)
		deep(atoi(argv[2]));
	else
		plain();
	return 0;
}
