/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#ifdef HAVE_LIBPROC2
#include <dlfcn.h>
#include <libproc2/meminfo.h>
#endif

#include "core/machine_free.h"

#ifdef HAVE_LIBPROC2

/* Loaded when it is needed, not linked, as in machine.c; and it stays loaded. */
static struct {
	bool tried;
	__typeof__(procps_meminfo_new) *info_new;
	__typeof__(procps_meminfo_select) *info_select;
	__typeof__(procps_meminfo_unref) *info_unref;
} procps;

static bool load(void)
{
	void *library;

	if (!procps.tried) {
		procps.tried = true;
		library = dlopen("libproc2.so.0", RTLD_NOW | RTLD_LOCAL);
		if (library) {
			procps.info_new =
			    (__typeof__(procps.info_new))(uintptr_t)dlsym(library, "procps_meminfo_new");
			procps.info_select = (__typeof__(procps.info_select))(uintptr_t)dlsym(
			    library, "procps_meminfo_select");
			procps.info_unref =
			    (__typeof__(procps.info_unref))(uintptr_t)dlsym(library, "procps_meminfo_unref");
		}
	}
	return procps.info_new && procps.info_select && procps.info_unref;
}

/*
 * Opened and closed here: what it keeps open has no O_CLOEXEC, and programs that we start would inherit it.
 * By `select`, since `get` answers with what it read before until the second is over.
 */
void mv_machine_free_read(struct mv_val *ret_used, struct mv_val *ret_cached)
{
	enum { USED, CACHED, ITEMS };
	enum meminfo_item items[ITEMS] = {MEMINFO_MEM_USED, MEMINFO_MEM_CACHED_ALL};
	struct meminfo_info *info = NULL;
	struct meminfo_stack *stack;

	*ret_used = *ret_cached = mv_val_missing(MV_WHY_NOT_READ);
	if (!load() || procps.info_new(&info) < 0)
		return;
	stack = procps.info_select(info, items, ITEMS);
	if (stack) {
		*ret_used = mv_val_of((uint64_t)stack->head[USED].result.ul_int * 1024);
		*ret_cached = mv_val_of((uint64_t)stack->head[CACHED].result.ul_int * 1024);
	}
	procps.info_unref(&info);
}

#else

void mv_machine_free_read(struct mv_val *ret_used, struct mv_val *ret_cached)
{
	*ret_used = *ret_cached = mv_val_missing(MV_WHY_NOT_READ);
}

#endif
