/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/unit/unwound.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_MAX ((size_t)64 << 20)

/* One stop of any of its threads. Returns 1 at the breakpoint, 0 to go on waiting, -1 when it has ended. */
static int one_stop(struct subject *s)
{
	int status, signal;
	siginfo_t info;
	pid_t tid = waitpid(-1, &status, __WALL);

	if (tid < 0 || (tid == s->pid && !WIFSTOPPED(status)))
		return -1;
	if (!WIFSTOPPED(status))
		return 0;
	signal = WSTOPSIG(status);
	if (signal == SIGTRAP && status >> 16 == 0 && ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) == 0 &&
	    info.si_code == SI_KERNEL) {
		s->tid = tid;
		return 1;
	}
	/* Events, exec's trap and a new thread's stop are ours; the rest is the program's. */
	if (signal == SIGTRAP || signal == SIGSTOP)
		signal = 0;
	ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)signal);
	return 0;
}

bool subject_start(struct subject *s, const char *const *argv)
{
	int status, got;

	memset(s, 0, sizeof(*s));
	s->pid = fork();
	if (s->pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (s->pid < 0 || waitpid(s->pid, &status, 0) != s->pid || !WIFSTOPPED(status))
		return false;
	ptrace(PTRACE_SETOPTIONS, s->pid, NULL, (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE));
	ptrace(PTRACE_CONT, s->pid, NULL, NULL);
	do
		got = one_stop(s);
	while (got == 0);
	return got > 0 && subject_open(s) && subject_read_stack(s);
}

static int copy_vdso(int pid, const struct mv_mapping *m)
{
	size_t size = (size_t)(m->end - m->start);
	uint8_t *bytes = malloc(size);
	struct iovec here = {bytes, size}, there = {(void *)(uintptr_t)m->start, size};
	int fd = memfd_create("vdso", MFD_CLOEXEC);

	if (!bytes || fd < 0 || process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)size ||
	    write(fd, bytes, size) != (ssize_t)size) {
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	free(bytes);
	return fd;
}

/* The image of a mapping; each file is opened once. */
static uint32_t image_of(struct subject *s, uint32_t index, const uint32_t *ids)
{
	const struct mv_mapping *m = &s->maps.at[index];
	char path[4096];
	int fd = -1;

	for (uint32_t i = index; i-- > 0;)
		if (ids[i] != MV_IMAGE_NONE && s->maps.at[i].inode == m->inode && m->inode)
			return ids[i];
	if (strcmp(s->maps.names + m->name, "[vdso]") == 0) {
		fd = copy_vdso(s->pid, m);
	} else if (m->inode) {
		snprintf(path, sizeof(path), "/proc/%d/root%s", s->pid, s->maps.names + m->name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0 || s->image_count == SUBJECT_FILES || mv_image_open(fd, &s->images[s->image_count]) != 0)
		return MV_IMAGE_NONE;
	return s->image_count++;
}

static bool read_maps(struct subject *s)
{
	char path[64], *text = malloc(1 << 20);
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", s->pid);
	f = fopen(path, "r");
	if (!f || !text)
		return false;
	len = fread(text, 1, 1 << 20, f);
	fclose(f);
	mv_maps_init(&s->maps);
	mv_maps_parse(&s->maps, text, len);
	free(text);
	return s->maps.count > 0;
}

bool subject_open(struct subject *s)
{
	uint32_t *ids;

	if (!read_maps(s) || mv_unwinder_new(&s->unwinder) != 0)
		return false;
	ids = calloc(s->maps.count, sizeof(*ids));
	s->list = calloc(s->maps.count, sizeof(*s->list));
	for (uint32_t i = 0; i < s->maps.count; i++) {
		const struct mv_mapping *m = &s->maps.at[i];

		ids[i] = image_of(s, i, ids);
		if (ids[i] != MV_IMAGE_NONE || (m->perms & MV_PERM_X))
			s->list[s->list_count++] =
			    (struct mv_unwind_map){m->start, m->end, m->offset, ids[i], m->perms};
	}
	free(ids);
	if (mv_unwinder_maps(s->unwinder, s->list, s->list_count) != 0)
		return false;
	for (uint32_t i = 0; i < s->image_count; i++)
		if (mv_unwinder_image(s->unwinder, i, s->images[i]) != 0)
			return false;
	return true;
}

bool subject_read_stack(struct subject *s)
{
	struct user_regs_struct r;
	struct iovec regs = {&r, sizeof(r)}, here, there;
	uint32_t at;

	if (ptrace(PTRACE_GETREGSET, s->tid, (void *)1L, &regs) != 0)
		return false;
	s->regs = (struct mv_regs){{r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10,
				    r.r11, r.r12, r.r13, r.r14, r.r15, r.rip}};
	at = mv_maps_find(s->maps.at, s->maps.count, r.rsp);
	if (at == s->maps.count || s->maps.at[at].start > r.rsp)
		return false;
	s->stack_bytes = (size_t)(s->maps.at[at].end - r.rsp);
	if (s->stack_bytes > STACK_MAX)
		s->stack_bytes = STACK_MAX;
	free(s->stack);
	s->stack = malloc(s->stack_bytes);
	here = (struct iovec){s->stack, s->stack_bytes};
	there = (struct iovec){(void *)(uintptr_t)r.rsp, s->stack_bytes};
	return s->stack && process_vm_readv(s->tid, &here, 1, &there, 1, 0) == (ssize_t)s->stack_bytes;
}

void subject_unwind(struct subject *s, uint32_t known, size_t stack_bytes, size_t cap)
{
	if (stack_bytes > s->stack_bytes)
		stack_bytes = s->stack_bytes;
	s->count = mv_unwind(s->unwinder, &s->regs, known, s->stack, stack_bytes, s->calls, cap, &s->end);
}

const char *subject_name(struct subject *s, size_t call)
{
	static char name[512];
	struct mv_symbol symbol;
	uint64_t vaddr;
	uint32_t id;
	struct mv_image *image;

	if (call >= s->count)
		return "(none)";
	image = mv_unwinder_find(s->unwinder, s->calls[call].pc, &vaddr, &id);
	if (!image || mv_image_symbol(image, vaddr, &symbol) != 0)
		return "?";
	mv_symbol_demangle(symbol.name, name, sizeof(name));
	return name;
}

void subject_end(struct subject *s)
{
	int status;

	mv_unwinder_free(s->unwinder);
	for (uint32_t i = 0; i < s->image_count; i++)
		mv_image_close(s->images[i]);
	mv_maps_release(&s->maps);
	free(s->list);
	free(s->stack);
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		while (waitpid(-1, &status, __WALL) > 0)
			;
	}
	memset(s, 0, sizeof(*s));
}
