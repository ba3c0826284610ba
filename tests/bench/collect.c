/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* Collecting alone: mv-collect quick|full PID samples a process into one snapshot and prints nothing. */

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "core/sampler.h"

int main(int argc, char **argv)
{
	struct mv_source_opts opts = {0};
	struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_PAGES, .cell_pages = 1};
	struct mv_source *source;
	struct mv_target *target;
	struct mv_sampler *sampler;
	struct mv_snapshot *snapshot;

	if (argc < 3)
		return 2;
	setlocale(LC_CTYPE, "");
	if (!strcmp(argv[1], "full"))
		want.facts |= MV_FACT_SMAPS;
	if (mv_source_new(&opts, &source) < 0 || mv_target_open(source, atoi(argv[2]), &target) < 0 ||
	    mv_sampler_new(source, target, &sampler) < 0 || mv_sampler_once(sampler, &want, &snapshot) < 0)
		return 1;
	return mv_snapshot_check(snapshot, snapshot->length) < 0;
}
