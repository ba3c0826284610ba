/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The kernel's records of events: whatever they say, what is handed out lies inside the record. */

#include "config.h"

#include "core/perf.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static bool inside(const uint8_t *data, size_t size, const void *at, size_t n)
{
	const uint8_t *p = at;

	return p >= data && p <= data + size && n <= (size_t)(data + size - p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mv_perf_record r, untouched;
	int known;

	memset(&r, 0x5a, sizeof(r));
	untouched = r;
	known = mv_perf_decode(data, size, &r);
	if (known != 1) {
		MUST(known <= 0);
		MUST(memcmp(&r, &untouched, sizeof(r)) == 0);
		return 0;
	}
	MUST(r.kind <= MV_PERF_MMAP);
	MUST(r.stack_bytes == 0 || (r.kind == MV_PERF_SAMPLE && r.has_regs));
	if (r.stack_bytes)
		MUST(inside(data, size, r.stack, r.stack_bytes));
	if (r.kind == MV_PERF_MMAP) {
		MUST(inside(data, size, r.name, 1));
		MUST(memchr(r.name, '\0', (size_t)(data + size - (const uint8_t *)r.name)));
	} else {
		MUST(!r.name);
	}
	return 0;
}
