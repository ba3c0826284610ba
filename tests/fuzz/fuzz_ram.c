/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The machine's texts: meminfo, vmstat, zoneinfo, buddyinfo, swaps, pressure; and the figures of whatever
 * they said. */

#include "config.h"

#include "core/ram.h"
#include "core/ram_figures.h"
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
	static struct mv_ram ram, before;
	const char *text = (const char *)data;

	memset(&ram, 0, sizeof(ram));
	memset(&before, 0, sizeof(before));
	ram.at_ns = 1;
	mv_meminfo_parse(text, size, ram.meminfo);
	mv_vmstat_parse(text, size, ram.vmstat);
	mv_vmstat_parse(text, size / 2, before.vmstat);
	mv_zoneinfo_parse(text, size, &ram);
	mv_buddyinfo_parse(text, size, &ram);
	mv_swaps_parse(text, size, &ram);
	mv_psi_parse(text, size, &ram.some, &ram.full);
	MUST(ram.zones_count <= MV_ZONES && ram.swaps_count <= MV_SWAPS);
	for (uint32_t i = 0; i < ram.zones_count; i++) {
		MUST(ram.zones[i].orders <= MV_ORDERS);
		MUST(memchr(ram.zones[i].name, '\0', sizeof(ram.zones[i].name)));
		for (const char *c = ram.zones[i].name; *c; c++)
			MUST(*c > ' ' && *c <= '~');
	}
	for (uint32_t i = 0; i < ram.swaps_count; i++) {
		MUST(memchr(ram.swaps[i].name, '\0', sizeof(ram.swaps[i].name)));
		MUST(memchr(ram.swaps[i].kind, '\0', sizeof(ram.swaps[i].kind)));
	}
	MUST(ram.some.avg10 <= 10099 && ram.full.avg300 <= 10099);
	for (int i = 0; i < MV_RAM_FIG__N; i++) {
		struct mv_ram_value value = mv_ram_figure(&ram, &before, (enum mv_ram_figure_id)i);

		MUST(value.why < MV_WHY__N && (value.why != MV_WHY_HAVE || value.value >= 0));
	}
	return 0;
}
