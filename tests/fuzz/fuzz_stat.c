/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The small texts below a PID: stat, statm, status, cgroup. */

#include "config.h"

#include "core/cgroup.h"
#include "core/stat.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct mv_stat stat, untouched;
	struct mv_statm statm;
	struct mv_status status;
	uint64_t value;
	char path[16];
	int version;

	memset(&stat, 0x5a, sizeof(stat));
	untouched = stat;
	if (mv_stat_parse(text, size, &stat) == 0)
		MUST(memchr(stat.comm, '\0', sizeof(stat.comm)));
	else
		MUST(memcmp(&stat, &untouched, sizeof(stat)) == 0);
	mv_statm_parse(text, size, &statm);
	mv_status_parse(text, size, &status);
	mv_text_field(text, size, "VmPTE", &value);
	version = mv_cgroup_parse_path(text, size, path, sizeof(path));
	MUST(version >= 0 && version <= 2);
	MUST(version == 0 || memchr(path, '\0', sizeof(path)));
	return 0;
}
