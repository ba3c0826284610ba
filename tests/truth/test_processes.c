/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * The live machine's processes: what memview says of them is what their own files say, its two lists are one,
 * and what it thinks the OOM killer would compare is what the kernel says.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/machine_sampler.h"
#include "core/oom.h"
#include "core/tasks.h"
#include "core/text.h"

#define ANON_BYTES (40u << 20)

/* A child of that name that has written so much, and then does nothing any more. */
static int child(const char *comm, size_t bytes)
{
	int ready[2], pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char *memory;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, comm);
		memory =
		    mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			_exit(1);
		memset(memory, 1, bytes);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		close(ready[0]);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	/* Its end of the pipe closes: it has nothing left to do but to wait. */
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	return pid;
}

static void end(int pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct mv_source *live(void)
{
	struct mv_source *source;

	assert_int_equal(mv_source_new(NULL, &source), 0);
	return source;
}

/* ---- the two lists ---- */

struct list {
	struct mv_stat at[65536];
	size_t count;
};

static int take(void *arg, const struct mv_stat *stat)
{
	struct list *list = arg;

	if (list->count < MV_COUNT_OF(list->at))
		list->at[list->count++] = *stat;
	return 0;
}

static struct list *read_list(struct mv_source *source, bool own)
{
	struct list *list = calloc(1, sizeof(*list));
	struct mv_machine_list *from;

	assert_non_null(list);
	assert_int_equal(mv_machine_list_new(source, own, &from), 0);
	/* Twice: the second time it is kept open. */
	for (int i = 0; i < 2; i++) {
		list->count = 0;
		assert_int_equal(mv_machine_list_read(from, take, list), 0);
	}
	mv_machine_list_free(from);
	return list;
}

static const struct mv_stat *find(const struct list *list, int pid)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].pid == pid)
			return &list->at[i];
	return NULL;
}

static void test_lists(void **state)
{
	static const char *const names[] = {"plain",	 "a) R 1 (b", "tab\tesc\033[31m",
					    "new\nline", "q?",	      "\xc3\xa4\xe2\x82\xac",
					    "\xff\xfe",	 "\\back",    "",
					    " "};
	struct mv_source *source = live();
	struct list *by_library, *own, *later;
	int pid[MV_COUNT_OF(names)];
	size_t both = 0;

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(names); i++)
		pid[i] = child(names[i], i << 20);
	by_library = read_list(source, false);
	own = read_list(source, true);
	later = read_list(source, false);
	/* Of ours, which do nothing, everything. */
	for (size_t i = 0; i < MV_COUNT_OF(names); i++) {
		const struct mv_stat *a = find(by_library, pid[i]), *b = find(own, pid[i]);

		assert_non_null(a);
		assert_non_null(b);
		assert_string_equal(b->comm, names[i]);
		assert_string_equal(a->comm, b->comm);
		assert_int_equal(a->ppid, b->ppid);
		assert_int_equal(a->ppid, getpid());
		assert_int_equal(a->state, b->state);
		assert_int_equal(a->threads, b->threads);
		assert_int_equal(a->flags, b->flags);
		assert_int_equal(a->minor_faults, b->minor_faults);
		assert_int_equal(a->major_faults, b->major_faults);
		assert_int_equal(a->utime_ticks, b->utime_ticks);
		assert_int_equal(a->stime_ticks, b->stime_ticks);
		assert_int_equal(a->start_ticks, b->start_ticks);
		assert_int_equal(a->vsize_bytes, b->vsize_bytes);
		assert_int_equal(a->rss_pages, b->rss_pages);
	}
	/* Of all others who they are. */
	for (size_t i = 0; i < own->count; i++) {
		const struct mv_stat *b = &own->at[i], *a = find(by_library, b->pid), *c = find(later, b->pid);

		if (!a || a->start_ticks != b->start_ticks || !c || c->start_ticks != b->start_ticks)
			continue;
		both++;
		if (strcmp(a->comm, c->comm) != 0) /* it has just been named, or exec'ed */
			continue;
		if (strncmp(b->comm, "kworker", 7) != 0) /* they are named after what they do just now */
			assert_string_equal(a->comm, b->comm);
		assert_int_equal(mv_stat_is_kernel_thread(a), mv_stat_is_kernel_thread(b));
	}
	assert_true(both >= MV_COUNT_OF(names) + 1);
	for (size_t i = 0; i < MV_COUNT_OF(names); i++)
		end(pid[i]);
	free(by_library);
	free(own);
	free(later);
	mv_source_free(source);
}

/* ---- what is told of one ---- */

static uint64_t field(int pid, const char *file, const char *key)
{
	char path[64], text[16384];
	uint64_t value = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text));
	close(fd);
	assert_true(n > 0);
	if (!mv_text_field(text, (size_t)n, key, &value))
		fail_msg("%s has no %s", path, key);
	return value * 1024;
}

static struct mv_machine_snapshot *look(struct mv_machine_sampler *s, uint32_t facts, int visible)
{
	struct mv_machine_want want = {
	    .facts = facts | MV_MACHINE_WHOLE, .interval_ms = 1000, .cell_frames = 1};
	struct mv_machine_snapshot *m;
	uint64_t due_ns;
	size_t bytes;

	want.visible_count = visible != 0;
	want.visible[0] = visible;
	mv_machine_sampler_want(s, &want);
	assert_int_equal(mv_machine_sampler_tick(s), 0);
	while (mv_machine_sampler_work(s, &due_ns) > 0)
		;
	bytes = mv_machine_sampler_bytes(s);
	m = aligned_alloc(8, bytes);
	assert_non_null(m);
	mv_machine_sampler_snapshot(s, m);
	assert_int_equal(mv_machine_check(m, bytes), 0);
	return m;
}

static void test_figures(void **state)
{
	struct mv_source *source = live();
	struct mv_machine_sampler *s;
	struct mv_machine_snapshot *m;
	const struct mv_task *t;
	int pid = child("mv figures", ANON_BYTES), zombie = fork();
	siginfo_t info;

	(void)state;
	if (zombie == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(mv_machine_sampler_new(source, NULL, &s), 0);
	m = look(s, MV_MACHINE_TASKS, pid);
	t = mv_machine_task(m, pid);
	assert_non_null(t);
	assert_string_equal(mv_machine_text(m, t->name).text, "mv figures");
	assert_int_equal(t->ppid, getpid());
	assert_int_equal(t->uid.value, geteuid());
	assert_int_equal(t->anon_bytes.value, field(pid, "status", "RssAnon"));
	assert_true(t->anon_bytes.value >= ANON_BYTES);
	assert_int_equal(t->file_bytes.value, field(pid, "status", "RssFile"));
	assert_int_equal(t->shmem_bytes.value, field(pid, "status", "RssShmem"));
	assert_int_equal(t->rss_bytes, field(pid, "status", "VmRSS"));
	assert_int_equal(t->size_bytes.value, field(pid, "status", "VmSize"));
	assert_int_equal(t->swap_bytes.value, field(pid, "status", "VmSwap"));
	assert_int_equal(t->tables_bytes.value, field(pid, "status", "VmPTE"));
	/* What it shares with others who come and go counts in part; nearly all of it is its own. */
	assert_int_equal(t->pss_bytes.why, MV_WHY_HAVE);
	assert_true(t->pss_bytes.value >= ANON_BYTES && t->pss_bytes.value <= t->rss_bytes);
	t = mv_machine_task(m, zombie);
	assert_non_null(t);
	assert_int_equal(t->flags, MV_TASK_ZOMBIE);
	assert_int_equal(t->anon_bytes.why, MV_WHY_ZOMBIE);
	t = mv_machine_task(m, getpid());
	assert_non_null(t);
	assert_true(t->flags & MV_TASK_OURS);
	free(m);
	end(pid);
	assert_int_equal(waitpid(zombie, NULL, 0), zombie);
	m = look(s, MV_MACHINE_TASKS, 0);
	assert_null(mv_machine_task(m, pid));
	assert_null(mv_machine_task(m, zombie));
	free(m);
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

/* ---- the OOM killer's arithmetic ---- */

/* -1: it has gone. */
static long kernel_score(int pid)
{
	char path[64], text[32] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/oom_score", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 10) : -1;
}

/* On its way out its memory has gone before itself, and its score is 0. */
static bool has_memory(int pid)
{
	char path[64], text[32] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && strtol(text, NULL, 10) > 0;
}

static void adjust(int pid, int value)
{
	char path[64], text[16];
	int fd, n = snprintf(text, sizeof(text), "%d", value);

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, (size_t)n), n);
	close(fd);
}

static void test_scores(void **state)
{
	struct mv_source *source = live();
	struct mv_machine_sampler *s;
	struct mv_machine_snapshot *m;
	const struct mv_task *t;
	uint32_t count, order[3];
	int pid[3] = {child("mv one", ANON_BYTES), child("mv two", 0), child("mv three", ANON_BYTES)};
	size_t compared = 0, scored = 0;

	(void)state;
	adjust(pid[0], 1000);
	adjust(pid[1], 900);
	adjust(pid[2], 800);
	assert_int_equal(mv_machine_sampler_new(source, NULL, &s), 0);
	m = look(s, MV_MACHINE_TASKS | MV_MACHINE_OOM, 0);
	t = mv_machine_tasks(m, &count);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t ours =
		    mv_oom_scale(mv_oom_badness(&t[i], m->page_bytes, m->total_pages), m->total_pages);
		long theirs = kernel_score(t[i].pid);

		scored += mv_have(&t[i].oom_score);
		/* One that has run since has other figures by now. */
		if (theirs < 0 || labs((long)ours - theirs) > 2) {
			if (theirs >= 0 && (t[i].pid == pid[0] || t[i].pid == pid[1] || t[i].pid == pid[2] ||
					    (t[i].state != 'R' && has_memory(t[i].pid))))
				fail_msg("%d (%s): %ju, the kernel says %ld", t[i].pid,
					 mv_machine_text(m, t[i].name).text, (uintmax_t)ours, theirs);
			continue;
		}
		compared++;
	}
	assert_true(compared >= 4);
	assert_true(scored >= 3 && scored <= MV_TASKS_SCORED);
	/* Nobody else has adjustments such as these, or then they come before all others as well. */
	assert_int_equal(mv_oom_order(m, MV_TASK_NO_GROUP, order, 3), 3);
	if (mv_machine_task(m, (int32_t)t[order[0]].pid)->oom_adjust.value == 2000 &&
	    t[order[0]].pid == pid[0]) {
		assert_int_equal(t[order[1]].pid, pid[1]);
		assert_int_equal(t[order[2]].pid, pid[2]);
	}
	for (int i = 0; i < 3; i++) {
		assert_true(mv_have(&mv_machine_task(m, pid[i])->oom_score));
		assert_int_equal(mv_machine_task(m, pid[i])->oom_adjust.value, 2000 - 100 * i);
		end(pid[i]);
	}
	free(m);
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_figures),
	    cmocka_unit_test(test_scores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
