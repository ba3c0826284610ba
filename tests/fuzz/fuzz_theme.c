/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A theme file: what is accepted can be drawn with, what is refused names a line. */

#include "config.h"

#include "tests/fuzz/fuzz.h"
#include "tui/theme.h"

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
	char message[80];
	struct mv_theme theme;
	int line = 0;

	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	mv_theme_mono(&theme);
	if (mv_theme_parse(text, &theme, &line, message, sizeof(message)) == 0) {
		MUST(memchr(theme.name, '\0', sizeof(theme.name)));
		MUST(theme.cell == 1 || theme.cell == 2);
		for (unsigned role = 0; role < ROLE__N; role++) {
			struct mv_style style = mv_theme_style(&theme, role, 0);

			MUST(style.fg >= -1 && style.fg <= 0xffffff);
			MUST(style.bg >= -1 && style.bg <= 0xffffff);
			if (style.fg >= 0)
				MUST(mv_theme_to_256(style.fg) >= 16 && mv_theme_to_256(style.fg) <= 255);
		}
	} else {
		MUST(line >= 0);
		MUST(memchr(message, '\0', sizeof(message)));
	}
	free(text);
	return 0;
}
