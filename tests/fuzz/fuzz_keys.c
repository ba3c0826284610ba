/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The notation of keys: each step takes at least one character and none beyond the end. */

#include "config.h"

#include "tests/fuzz/fuzz.h"
#include "tui/keys.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *at = text;

	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	for (;;) {
		struct mv_input input;
		char name[32];
		int taken = mv_keys_parse(at, &input);

		if (taken <= 0)
			break;
		MUST((size_t)taken <= strlen(at));
		at += taken;
		mv_keys_name(input.key, name, sizeof(name));
		MUST(memchr(name, '\0', sizeof(name)));
		MUST((unsigned)mv_keys_action(input.key, 'm') < MV_ACT__N);
		MUST((unsigned)mv_keys_action(input.key, 'M') < MV_ACT__N);
	}
	free(text);
	return 0;
}
