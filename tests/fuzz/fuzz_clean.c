/* SPDX-License-Identifier: GPL-3.0-or-later */

/* clean: any bytes come out as well-formed text that no terminal obeys, and a short buffer gets a prefix of
 * it. */

#include "config.h"

#include "core/clean.h"
#include "tests/fuzz/fuzz.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setlocale(LC_CTYPE, "C.UTF-8");
	return 0;
}

static int is_forbidden(wchar_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xe000 && c <= 0xf8ff) || (c >= 0xfff9 && c <= 0xfffb);
}

static void check_text(const char *text)
{
	mbstate_t state = {0};

	while (*text) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, strlen(text), &state);

		MUST(n != (size_t)-1 && n != (size_t)-2 && n > 0);
		MUST(!is_forbidden(c));
		text += n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *raw = (const char *)data;
	size_t need = mv_clean_bytes(raw, size, NULL, 0);
	char *whole = malloc(need + 1);
	char cut[24];

	MUST(whole);
	MUST(mv_clean_bytes(raw, size, whole, need + 1) == need);
	MUST(strlen(whole) == need);
	check_text(whole);
	mv_clean_width(mv_clean_trusted(whole));

	MUST(mv_clean_bytes(raw, size, cut, sizeof(cut)) == need);
	MUST(strlen(cut) < sizeof(cut));
	MUST(strncmp(whole, cut, strlen(cut)) == 0);
	check_text(cut);
	free(whole);
	return 0;
}
