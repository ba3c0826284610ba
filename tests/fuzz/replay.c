/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Feeds one fuzz target every file of its corpus, and every beginning of each short one, without libFuzzer.
 * usage: fuzz_NAME, with FUZZ_CORPUS naming the folder that holds NAME/. Output: TAP.
 */

#include "config.h"

#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define BEGINNINGS 2048 /* a file up to that long is also cut short at each byte */

/* A copy of exactly that size, so that a sanitizer sees a read beyond it. */
static void feed(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	MUST(copy);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static int replay(const char *path)
{
	static uint8_t data[1 << 20];
	size_t size;
	FILE *f = fopen(path, "rb");

	if (!f)
		return -1;
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	feed(data, size);
	for (size_t n = 0; size <= BEGINNINGS && n < size; n++)
		feed(data, n);
	return 0;
}

int main(int argc, char **argv)
{
	const char *corpus = getenv("FUZZ_CORPUS");
	const char *name = strrchr(argv[0], '/');
	struct dirent **entries;
	char path[4096];
	int count, n = 0, failed = 0;

	name = strstr(name ? name : argv[0], "fuzz_");
	if (!corpus || !name)
		return 99;
	LLVMFuzzerInitialize(&argc, &argv);
	snprintf(path, sizeof(path), "%s/%s", corpus, name + strlen("fuzz_"));
	count = scandir(path, &entries, NULL, alphasort);
	if (count < 0) {
		perror(path);
		return 99;
	}
	for (int i = 0; i < count; i++) {
		if (entries[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s/%s", corpus, name + strlen("fuzz_"),
				 entries[i]->d_name);
			/* Before it is tried: a crash then names its input. */
			printf("# %s\n", entries[i]->d_name);
			fflush(stdout);
			if (replay(path)) {
				failed = 1;
				printf("not ok %d - %s\n", ++n, entries[i]->d_name);
			} else {
				printf("ok %d - %s\n", ++n, entries[i]->d_name);
			}
			fflush(stdout);
		}
		free(entries[i]);
	}
	free(entries);
	printf("1..%d\n", n);
	return failed;
}
