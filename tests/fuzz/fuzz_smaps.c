/* SPDX-License-Identifier: GPL-3.0-or-later */

/* PID/smaps in pieces: rows go with mappings, and it does not matter how whole lines were cut. */

#include "config.h"

#include <string.h>

#include "core/smaps.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static int parse(struct mv_maps *maps, struct mv_smaps *smaps, const char *text, size_t len)
{
	int ret = mv_smaps_parse(maps, smaps, text, len);

	MUST(maps->count == smaps->count);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct mv_maps maps, maps2;
	struct mv_smaps smaps, smaps2;
	struct mv_smaps_row row = {0};
	int ret, ret2 = 0;

	mv_maps_init(&maps);
	mv_maps_init(&maps2);
	mv_smaps_init(&smaps);
	mv_smaps_init(&smaps2);
	ret = parse(&maps, &smaps, text, size);
	for (size_t at = 0; at < size && !ret2;) {
		const char *newline = memchr(text + at, '\n', size - at);
		size_t len = newline ? (size_t)(newline - text) + 1 - at : size - at;

		ret2 = parse(&maps2, &smaps2, text + at, len);
		at += len;
	}
	MUST(ret == ret2 && smaps.count == smaps2.count);
	MUST(smaps.count == 0 || memcmp(smaps.at, smaps2.at, smaps.count * sizeof(row)) == 0);
	if (mv_rollup_parse(text, size, &row) == 0)
		MUST(row.seen != 0);
	mv_maps_release(&maps);
	mv_maps_release(&maps2);
	mv_smaps_release(&smaps);
	mv_smaps_release(&smaps2);
	return 0;
}
