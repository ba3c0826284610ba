/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* Until they are merged: the machine's figures and history, which know nothing. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/machine_history.h"

int mv_ram_read(struct mv_source *source, struct mv_ram *ret_ram)
{
	memset(ret_ram, 0, sizeof(*ret_ram));
	ret_ram->at_ns = mv_source_now(source);
	return 0;
}

struct mv_machine_history {
	uint64_t fed;
};

int mv_machine_history_new(struct mv_machine_history **ret_history)
{
	*ret_history = calloc(1, sizeof(**ret_history));
	return *ret_history ? 0 : -ENOMEM;
}

void mv_machine_history_free(struct mv_machine_history *history)
{
	free(history);
}

int mv_machine_history_feed(struct mv_machine_history *history, const struct mv_machine_snapshot *m)
{
	(void)m;
	history->fed++;
	return 0;
}

void mv_psi_parse(const char *text, size_t len, struct mv_psi *ret_some, struct mv_psi *ret_full)
{
	(void)text;
	(void)len;
	ret_some->why = ret_full->why = MV_WHY_NO_KERNEL;
}
