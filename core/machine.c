/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef HAVE_LIBPROC2
#include <dlfcn.h>
#include <libproc2/pids.h>
#endif

#include "core/machine.h"

#define KERNEL_COMM_BYTES 15

struct list {
	struct mv_process *at;
	size_t count, cap;
};

static int list_add(struct list *list, const struct mv_process *process)
{
	if (list->count == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		struct mv_process *grown = reallocarray(list->at, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->at = grown;
		list->cap = cap;
	}
	list->at[list->count++] = *process;
	return 0;
}

static bool bears(const char *comm, const char *name)
{
	return strcmp(comm, name) == 0 ||
	       (strlen(comm) == KERNEL_COMM_BYTES && strncmp(comm, name, KERNEL_COMM_BYTES) == 0);
}

/* libproc2 alters control characters in names; what it may have altered is looked up by ourselves. */
static bool is_plain(const char *name)
{
	for (; *name; name++) {
		if (*name < ' ' || *name > '~' || *name == '\\')
			return false;
	}
	return true;
}

/* Fill in one process by its own files. */
static int read_process(struct mv_source *source, int pid, const char *name, struct list *list)
{
	struct mv_process process = {.pid = pid};
	struct mv_status status;
	struct mv_target *target;
	struct mv_statm statm;
	struct mv_stat stat;
	int err = mv_target_open(source, pid, &target);

	if (err)
		return err == -ENOMEM ? err : 0;
	if (mv_stat_read(target, &stat) == 0 && bears(stat.comm, name)) {
		process.state = stat.state;
		memcpy(process.comm, stat.comm, sizeof(process.comm));
		process.uid = mv_val_missing(MV_WHY_IO);
		if (mv_status_read(target, &status) == 0)
			process.uid = status.euid;
		if (mv_statm_read(target, &statm) == 0)
			process.rss_bytes = statm.resident_pages * mv_source_page_bytes(source);
		err = list_add(list, &process);
	}
	mv_target_close(target);
	return err;
}

static int find_by_own_list(struct mv_source *source, const char *name, struct list *list)
{
	for (int pid = 0; (pid = mv_source_next_pid(source, pid)) != 0;) {
		int err = read_process(source, pid, name, list);

		if (err)
			return err;
	}
	return 0;
}

static int read_stat(struct mv_source *source, int pid, struct mv_stat *ret_stat)
{
	char text[2048];
	ssize_t n = mv_source_task_read(source, pid, MV_FILE_STAT, text, sizeof(text));

	return n < 0 ? (int)n : mv_stat_parse(text, (size_t)n, ret_stat);
}

#ifdef HAVE_LIBPROC2

#if MV_PIDS_VAL_ARGS == 4
#define VALUE(item, type, stack, info) PIDS_VAL(item, type, stack, info)
#else
#define VALUE(item, type, stack, info) PIDS_VAL(item, type, stack)
#endif

/*
 * Loaded when a name is looked up, not linked: it brings seven more libraries along (libsystemd, libgcrypt,
 * …), a third of the time that a short report takes.
 */
struct procps {
	void *library;
	__typeof__(procps_pids_new) *pids_new;
	__typeof__(procps_pids_reap) *pids_reap;
	__typeof__(procps_pids_unref) *pids_unref;
};

struct mv_machine_list {
	struct mv_source *source;
	bool own;
	struct procps procps;
	struct pids_info *info; /* NULL: not in use */
};

/* It stays loaded: it keeps buffers for the next call in its own variables. */
static int open_procps(struct procps *ret_procps)
{
	struct procps p = {.library = dlopen("libproc2.so.0", RTLD_NOW | RTLD_LOCAL)};

	if (!p.library)
		return -ENOSYS;
	p.pids_new = (__typeof__(p.pids_new))(uintptr_t)dlsym(p.library, "procps_pids_new");
	p.pids_reap = (__typeof__(p.pids_reap))(uintptr_t)dlsym(p.library, "procps_pids_reap");
	p.pids_unref = (__typeof__(p.pids_unref))(uintptr_t)dlsym(p.library, "procps_pids_unref");
	if (!p.pids_new || !p.pids_reap || !p.pids_unref)
		return -ENOSYS;
	*ret_procps = p;
	return 0;
}

static int find_by_libproc2(const char *name, struct list *list)
{
	enum { PID, COMM, STATE, EUID, RSS, ITEMS };
	enum pids_item items[ITEMS] = {PIDS_ID_PID, PIDS_CMD, PIDS_STATE, PIDS_ID_EUID, PIDS_MEM_RES};
	struct pids_info *info = NULL;
	struct pids_fetch *fetch;
	struct procps procps;
	int err = open_procps(&procps);

	if (err < 0)
		return err;
	err = procps.pids_new(&info, items, ITEMS);
	if (err < 0)
		return err;
	fetch = procps.pids_reap(info, PIDS_FETCH_TASKS_ONLY);
	if (!fetch)
		err = errno ? -errno : -EIO;
	for (int i = 0; fetch && !err && i < fetch->counts->total; i++) {
		struct pids_stack *stack = fetch->stacks[i];
		const char *comm = VALUE(COMM, str, stack, info);
		struct mv_process process = {
		    .pid = VALUE(PID, s_int, stack, info),
		    .state = VALUE(STATE, s_ch, stack, info),
		    .uid = mv_val_of(VALUE(EUID, u_int, stack, info)),
		    .rss_bytes = (uint64_t)VALUE(RSS, ul_int, stack, info) * 1024,
		};

		if (!comm || !bears(comm, name))
			continue;
		strncpy(process.comm, comm, sizeof(process.comm) - 1);
		err = list_add(list, &process);
	}
	procps.pids_unref(&info);
	return err;
}

/* Items of PID/stat alone, so that it opens no other file. */
enum {
	L_PID,
	L_PPID,
	L_COMM,
	L_STATE,
	L_FLAGS,
	L_MINOR,
	L_MAJOR,
	L_USER,
	L_SYSTEM,
	L_THREADS,
	L_START,
	L_SIZE,
	L_RSS,
	L__N
};

static int open_list(struct mv_machine_list *list)
{
	enum pids_item items[L__N] = {
	    [L_PID] = PIDS_ID_PID,    [L_PPID] = PIDS_ID_PPID,	   [L_COMM] = PIDS_CMD,
	    [L_STATE] = PIDS_STATE,   [L_FLAGS] = PIDS_FLAGS,	   [L_MINOR] = PIDS_FLT_MIN,
	    [L_MAJOR] = PIDS_FLT_MAJ, [L_USER] = PIDS_TICS_USER,   [L_SYSTEM] = PIDS_TICS_SYSTEM,
	    [L_THREADS] = PIDS_NLWP,  [L_START] = PIDS_TICS_BEGAN, [L_SIZE] = PIDS_VSIZE_BYTES,
	    [L_RSS] = PIDS_RSS,
	};
	int err = open_procps(&list->procps);

	if (err)
		return err;
	err = list->procps.pids_new(&list->info, items, L__N);
	return err < 0 ? err : 0;
}

static void close_list(struct mv_machine_list *list)
{
	if (list->info)
		list->procps.pids_unref(&list->info);
}

/*
 * It has '?' for what it does not show as it is, without a UTF-8 locale '.' as well: then the name is read
 * anew, unless the number has been taken again.
 */
static void mend_name(struct mv_source *source, struct mv_stat *stat)
{
	struct mv_stat own;

	if (strpbrk(stat->comm, MB_CUR_MAX > 1 ? "?" : "?.") && read_stat(source, stat->pid, &own) == 0 &&
	    own.start_ticks == stat->start_ticks)
		memcpy(stat->comm, own.comm, sizeof(stat->comm));
}

static int read_by_libproc2(struct mv_machine_list *list, mv_take_process *take, void *arg)
{
	struct pids_fetch *fetch = list->procps.pids_reap(list->info, PIDS_FETCH_TASKS_ONLY);
	int err = 0;

	if (!fetch)
		return errno ? -errno : -EIO;
	for (int i = 0; !err && i < fetch->counts->total; i++) {
		struct pids_stack *stack = fetch->stacks[i];
		const char *comm = VALUE(L_COMM, str, stack, list->info);
		struct mv_stat stat = {
		    .pid = VALUE(L_PID, s_int, stack, list->info),
		    .ppid = VALUE(L_PPID, s_int, stack, list->info),
		    .state = (char)VALUE(L_STATE, s_ch, stack, list->info),
		    .threads = (uint32_t)VALUE(L_THREADS, s_int, stack, list->info),
		    .flags = (uint32_t)VALUE(L_FLAGS, ul_int, stack, list->info),
		    .minor_faults = VALUE(L_MINOR, ul_int, stack, list->info),
		    .major_faults = VALUE(L_MAJOR, ul_int, stack, list->info),
		    .utime_ticks = VALUE(L_USER, ull_int, stack, list->info),
		    .stime_ticks = VALUE(L_SYSTEM, ull_int, stack, list->info),
		    .start_ticks = VALUE(L_START, ull_int, stack, list->info),
		    .vsize_bytes = VALUE(L_SIZE, ul_int, stack, list->info),
		    .rss_pages = VALUE(L_RSS, ul_int, stack, list->info),
		};

		strncpy(stat.comm, comm ? comm : "?", sizeof(stat.comm) - 1);
		mend_name(list->source, &stat);
		err = take(arg, &stat);
	}
	return err;
}

const char *mv_machine_backend(void)
{
	return "libproc2";
}

#else

struct mv_machine_list {
	struct mv_source *source;
	bool own;
};

static int find_by_libproc2(const char *name, struct list *list)
{
	(void)name;
	(void)list;
	return -ENOSYS;
}

static int open_list(struct mv_machine_list *list)
{
	(void)list;
	return -ENOSYS;
}

static void close_list(struct mv_machine_list *list)
{
	(void)list;
}

static int read_by_libproc2(struct mv_machine_list *list, mv_take_process *take, void *arg)
{
	(void)list;
	(void)take;
	(void)arg;
	return -ENOSYS;
}

const char *mv_machine_backend(void)
{
	return "its own list";
}

#endif

static int by_pid(const void *a, const void *b)
{
	const struct mv_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void leave_out_self(struct list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (list->at[i].pid != getpid())
			list->at[kept++] = list->at[i];
	}
	list->count = kept;
}

int mv_machine_find(struct mv_source *source, const char *name, struct mv_process **ret_list,
		    size_t *ret_count)
{
	struct list list = {0};
	int err = -ENOSYS;

	if (mv_source_is_live(source) && is_plain(name))
		err = find_by_libproc2(name, &list);
	if (err == -ENOSYS)
		err = find_by_own_list(source, name, &list);
	if (err) {
		free(list.at);
		return err;
	}
	if (mv_source_is_live(source))
		leave_out_self(&list);
	if (list.count)
		qsort(list.at, list.count, sizeof(*list.at), by_pid);
	*ret_list = list.at;
	*ret_count = list.count;
	return 0;
}

int mv_machine_list_new(struct mv_source *source, bool own, struct mv_machine_list **ret_list)
{
	struct mv_machine_list *list = calloc(1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list->source = source;
	/* Without it, whatever the reason, the list is our own. */
	list->own = own || !mv_source_is_live(source) || open_list(list) < 0;
	*ret_list = list;
	return 0;
}

void mv_machine_list_free(struct mv_machine_list *list)
{
	if (!list)
		return;
	close_list(list);
	free(list);
}

static int read_own(struct mv_source *source, mv_take_process *take, void *arg)
{
	for (int pid = 0; (pid = mv_source_next_pid(source, pid)) != 0;) {
		struct mv_stat stat;
		int err = read_stat(source, pid, &stat) == 0 ? take(arg, &stat) : 0;

		if (err)
			return err;
	}
	return 0;
}

int mv_machine_list_read(struct mv_machine_list *list, mv_take_process *take, void *arg)
{
	return list->own ? read_own(list->source, take, arg) : read_by_libproc2(list, take, arg);
}
