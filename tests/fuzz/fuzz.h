/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TESTS_FUZZ_H
#define MV_TESTS_FUZZ_H

/* What libFuzzer ("make fuzz") and replay.c ("make check") call, and a check that no build leaves out. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

#endif
