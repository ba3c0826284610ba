/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * A process that the OOM killer takes, in a memory cgroup of its own: the kill, its decoded line, and the
 * cgroup's events come out right. Needs root, and a memory controller that lets us make a cgroup.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/machine_sampler.h"
#include "core/oom.h"

#define LIMIT_BYTES (UINT64_C(32) << 20)
/* As long as a name can be, with what is hard to read: it must come out of the log as it is. */
#define NAME "mv a,b=\"c\")\n(d"

static char dir[128]; /* of our cgroup; "" none */
static bool v2;
static int hog; /* its process; 0 none */

static bool put(const char *where, const char *file, const char *text)
{
	char path[256];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", where, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static bool has(const char *path, const char *word)
{
	char text[1024] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		close(fd);
	return n > 0 && strstr(text, word);
}

/* Why there can be no cgroup of ours, or NULL: it is there, limited. */
static const char *make_group(void)
{
	char limit[32], both[32];

	snprintf(limit, sizeof(limit), "%ju", (uintmax_t)LIMIT_BYTES);
	snprintf(both, sizeof(both), "%ju", (uintmax_t)LIMIT_BYTES * 2);
	v2 = access("/sys/fs/cgroup/memory/memory.limit_in_bytes", F_OK) < 0;
	if (geteuid() != 0)
		return "needs root";
	if (v2 && !has("/sys/fs/cgroup/cgroup.subtree_control", "memory"))
		return "no memory controller that is handed on to cgroups at the root";
	snprintf(dir, sizeof(dir), "/sys/fs/cgroup%s/mv-killed-%d", v2 ? "" : "/memory", (int)getpid());
	if (mkdir(dir, 0755) < 0) {
		dir[0] = '\0';
		return "no cgroup can be made here";
	}
	if (!put(dir, v2 ? "memory.max" : "memory.limit_in_bytes", limit))
		return "no limit can be set here";
	/* Where there is swap, little goes there. (Linux 6.18 does not count what v1's limit on both stops: it is the higher one.) */
	put(dir, v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes", v2 ? "0" : both);
	return NULL;
}

/* The kernel is done with one that has ended soon after its parent knows it. */
static int remove_group(void **state)
{
	(void)state;
	if (hog) {
		kill(hog, SIGKILL);
		waitpid(hog, NULL, 0);
		hog = 0;
	}
	if (!dir[0])
		return 0;
	for (int tries = 0; rmdir(dir) < 0; tries++) {
		if (errno != EBUSY || tries > 1000000) {
			print_message("# %s can't be removed: %s\n", dir, strerror(errno));
			return -1;
		}
		sched_yield();
	}
	dir[0] = '\0';
	return 0;
}

/* Takes memory once it is told to, until it is killed. */
static int start_hog(int *ret_go)
{
	int go[2], pid;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char byte;
		int fd;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, NAME);
		close(go[1]);
		fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "123", 3) != 3 || read(go[0], &byte, 1) != 1)
			_exit(1);
		for (;;) {
			char *memory =
			    mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (memory == MAP_FAILED)
				_exit(2);
			memset(memory, 1, 1 << 20);
		}
	}
	close(go[0]);
	*ret_go = go[1];
	return hog = pid;
}

static struct mv_machine_snapshot *look(struct mv_machine_sampler *s)
{
	struct mv_machine_want want = {.facts = MV_MACHINE_TASKS | MV_MACHINE_GROUPS | MV_MACHINE_KILLS |
						MV_MACHINE_OOM | MV_MACHINE_WHOLE,
				       .interval_ms = 1000,
				       .cell_frames = 1};
	struct mv_machine_snapshot *m;
	uint64_t due_ns;
	size_t bytes;

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

/* Our group's index; MV_TASK_NO_GROUP: it is not in the picture. */
static uint32_t our_group(const struct mv_machine_snapshot *m)
{
	uint32_t count;
	const struct mv_group *g = mv_machine_groups(m, &count);

	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(mv_machine_text(m, g[i].name).text, strrchr(dir, '/') + 1))
			return i;
	return MV_TASK_NO_GROUP;
}

static const struct mv_kill *kill_of(const struct mv_machine_snapshot *m, int pid, uint64_t since_us)
{
	uint32_t count;
	const struct mv_kill *k = mv_machine_kills(m, &count);

	for (uint32_t i = 0; i < count; i++)
		if (k[i].pid == pid && k[i].boot_us >= since_us)
			return &k[i];
	return NULL;
}

static void check_before(const struct mv_machine_snapshot *m, int pid)
{
	uint32_t group = our_group(m), count, order[4];
	const struct mv_group *g;
	const struct mv_task *t = mv_machine_task(m, pid);

	assert_int_not_equal(group, MV_TASK_NO_GROUP);
	g = &mv_machine_groups(m, &count)[group];
	assert_int_equal(g->limit.value, LIMIT_BYTES);
	assert_int_equal(g->tasks, 1);
	assert_int_equal(g->version, v2 ? 2 : 1);
	assert_true(g->inode != 0);
	if (mv_have(&g->oom_kills))
		assert_int_equal(g->oom_kills.value, 0);
	assert_non_null(t);
	assert_int_equal(t->group, group);
	assert_int_equal(t->oom_adjust.value, 1123);
	assert_string_equal(mv_machine_text(m, t->name).text, "mv a,b=\"c\")\\x0a(d");
	/* In its group it is the only one, so it comes first. */
	assert_int_equal(mv_oom_order(m, group, order, 4), 1);
	assert_int_equal(mv_machine_tasks(m, &count)[order[0]].pid, pid);
}

/* brought_bytes: what it had before it came into its cgroup, which is not charged there. */
static void check_after(const struct mv_machine_snapshot *m, const struct mv_kill *k, uint64_t killed_real_ns,
			uint64_t brought_bytes)
{
	const char *name = strrchr(dir, '/');
	const char *limited = mv_machine_text(m, k->limited).text;
	uint32_t group = our_group(m), count;
	const struct mv_group *g;

	assert_int_equal(k->constraint, MV_OOM_BY_MEMCG);
	assert_string_equal(mv_machine_text(m, k->name).text, "mv a,b=\"c\")\\x0a(d");
	assert_string_equal(mv_machine_text(m, k->invoker).text, "mv a,b=\"c\")\\x0a(d");
	assert_string_equal(limited, name);
	assert_string_equal(mv_machine_text(m, k->group).text, name);
	assert_non_null(strstr(mv_machine_text(m, k->line).text, "Killed process"));
	assert_true(k->anon.value > LIMIT_BYTES / 2 && k->anon.value <= LIMIT_BYTES + brought_bytes);
	assert_true(k->total_vm.value > k->anon.value);
	assert_true(mv_have(&k->file) && mv_have(&k->shmem));
	if (mv_have(&k->uid))
		assert_int_equal(k->uid.value, 0);
	if (mv_have(&k->adjust))
		assert_int_equal(k->adjust.value, 1123);
	if (mv_have(&k->tables))
		assert_true(k->tables.value > 0 && k->tables.value < LIMIT_BYTES);
	/* The log's clock runs a little apart from others. */
	assert_true(k->real_ns < killed_real_ns + 10 * MV_NS_PER_SEC &&
		    k->real_ns + 10 * MV_NS_PER_SEC > killed_real_ns);
	assert_null(mv_machine_task(m, k->pid));
	assert_int_not_equal(group, MV_TASK_NO_GROUP);
	g = &mv_machine_groups(m, &count)[group];
	assert_int_equal(g->tasks, 0);
	if (mv_have(&g->oom_kills))
		assert_int_equal(g->oom_kills.value, 1);
	assert_true(g->max_events.value > 0);
	if (mv_have(&g->peak))
		assert_true(g->peak.value > LIMIT_BYTES / 2 && g->peak.value <= LIMIT_BYTES);
}

static void test_killed(void **state)
{
	const char *why = make_group();
	struct mv_source *source;
	struct mv_machine_sampler *s;
	struct mv_machine_snapshot *before, *after;
	const struct mv_kill *k;
	uint64_t since_us, real_ns;
	int pid, go, status;
	char number[16];

	(void)state;
	if (why) {
		print_message("# SKIP killed: %s\n", why);
		skip();
	}
	assert_int_equal(mv_source_new(NULL, &source), 0);
	assert_int_equal(mv_machine_sampler_new(source, NULL, &s), 0);
	pid = start_hog(&go);
	snprintf(number, sizeof(number), "%d", pid);
	assert_true(put(dir, "cgroup.procs", number));
	before = look(s);
	if (before->kills_why.why == MV_WHY_NEEDS_SYSLOG || before->kills_why.why == MV_WHY_NO_KERNEL) {
		print_message("# SKIP killed: the kernel's log can't be read here\n");
		skip();
	}
	assert_int_equal(before->kills_why.why, MV_WHY_HAVE);
	check_before(before, pid);
	since_us = before->taken_ns / 1000 > 1000000 ? before->taken_ns / 1000 - 1000000 : 0;
	assert_null(kill_of(before, pid, since_us));
	assert_int_equal(write(go, "", 1), 1);
	close(go);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	hog = 0;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	real_ns = mv_source_now_real(source);
	after = look(s);
	k = kill_of(after, pid, since_us);
	assert_non_null(k);
	check_after(after, k, real_ns, mv_machine_task(before, pid)->rss_bytes);
	if (mv_have(&before->ram.vmstat[MV_VMSTAT_OOM_KILL]))
		assert_true(after->ram.vmstat[MV_VMSTAT_OOM_KILL].value >
			    before->ram.vmstat[MV_VMSTAT_OOM_KILL].value);
	free(before);
	free(after);
	mv_machine_sampler_free(s);
	mv_source_free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_killed, remove_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
