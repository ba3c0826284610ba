/* SPDX-License-Identifier: GPL-3.0-or-later */

/* PID/maps, PID/smaps and smaps_rollup: whatever they say, mappings ascend, names lie in the pool, rows are
 * parallel. */

#include "config.h"

#include "core/smaps.h"
#include "tests/fuzz/fuzz.h"

#include <locale.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setlocale(LC_CTYPE, "C.UTF-8");
	return 0;
}

static void check_maps(struct mv_maps *maps)
{
	const uint64_t stack_pointers[] = {0x1000, 0x7f0000001000};

	mv_maps_classify(maps, stack_pointers, 2);
	for (uint32_t i = 0; i < maps->count; i++) {
		const struct mv_mapping *m = &maps->at[i];

		MUST(m->start < m->end);
		MUST(i == 0 || maps->at[i - 1].end <= m->start);
		MUST(m->name < maps->names_len);
		MUST(memchr(maps->names + m->name, '\0', maps->names_len - m->name));
		MUST(m->kind < MV_KIND__N);
		MUST(mv_maps_find(maps->at, maps->count, m->start) == i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct mv_maps maps;
	struct mv_smaps smaps;
	struct mv_smaps_row row;

	mv_maps_init(&maps);
	mv_maps_parse(&maps, text, size);
	check_maps(&maps);
	mv_maps_clear(&maps);

	mv_smaps_init(&smaps);
	if (mv_smaps_parse(&maps, &smaps, text, size) == 0)
		MUST(smaps.count == maps.count);
	check_maps(&maps);
	mv_smaps_release(&smaps);
	mv_maps_release(&maps);

	mv_rollup_parse(text, size, &row);
	return 0;
}
