/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Feeds the ELF target the distribution's own libraries, broken in ways that a seed decides. Each round runs
 * in a child, so that one that crashes or hangs is counted, and named by its seed. usage: mutate_elf [FILE
 * [SEED]]; MV_LONG: more rounds; MUTATE_SECONDS: as long as that. Output: TAP.
 */

#include "config.h"

#include "tests/fuzz/fuzz.h"

#include <elf.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX   ((size_t)8 << 20)
#define ROUND_CPU  60 /* seconds a round of several inputs may take, sanitizers and all */
#define PER_ROUND  5
#define SHORT_RUNS 100/* rounds of a plain make check */

static uint64_t state;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* A place where breaking matters: headers, tables and notes more than code. */
static size_t choose_place(const uint8_t *data, size_t size)
{
	Elf64_Ehdr e;
	Elf64_Shdr s;
	size_t at;

	memcpy(&e, data, sizeof(e));
	switch (next() % 8) {
	case 0:
		return next() % sizeof(e);
	case 1:
		return e.e_phoff + next() % (1 + (size_t)e.e_phnum * sizeof(Elf64_Phdr));
	case 2:
		return e.e_shoff + next() % (1 + (size_t)e.e_shnum * sizeof(s));
	case 3:
	case 4:
	case 5:
	case 6:
		/* In a section that is not code. */
		for (int tries = 0; e.e_shnum && tries < 20; tries++) {
			at = e.e_shoff + next() % e.e_shnum * sizeof(s);
			if (at > size || size - at < sizeof(s))
				break;
			memcpy(&s, data + at, sizeof(s));
			if (s.sh_size && !(s.sh_flags & SHF_EXECINSTR) && s.sh_type != SHT_NOBITS)
				return s.sh_offset + next() % s.sh_size;
		}
		return next() % size;
	default:
		return next() % size;
	}
}

static void mutate(uint8_t *data, size_t *size)
{
	static const uint64_t odd[] = {0,	   1,	       0x7f,	   0x80,      0xff,  0xffff,
				       0x7fffffff, 0xffffffff, UINT64_MAX, INT64_MAX, 0x1000};
	unsigned count = 1 + (unsigned)(next() % 24);

	while (count--) {
		size_t at = choose_place(data, *size), width = (size_t)1 << next() % 4;
		uint64_t value = next() % 3 ? odd[next() % (sizeof(odd) / sizeof(odd[0]))] : next();

		if (at >= *size || *size - at < width)
			continue;
		if (next() % 4 == 0)
			data[at] = (uint8_t)(data[at] + (next() % 2 ? 1 : 255));
		else
			memcpy(data + at, &value, width);
	}
	if (next() % 16 == 0)
		*size = next() % *size + 1;
}

static uint8_t *load(const char *path, size_t *ret_size)
{
	uint8_t *data = malloc(FILE_MAX);
	FILE *f = fopen(path, "rb");

	*ret_size = data && f ? fread(data, 1, FILE_MAX, f) : 0;
	if (f)
		fclose(f);
	if (*ret_size < 4096 || *ret_size == FILE_MAX || memcmp(data, ELFMAG, SELFMAG) != 0) {
		free(data);
		return NULL;
	}
	return data;
}

/* In the child. */
static void round_of(const uint8_t *original, size_t size, uint64_t seed)
{
	struct rlimit cpu = {ROUND_CPU, ROUND_CPU};

	setrlimit(RLIMIT_CPU, &cpu);
	state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	for (int i = 0; i < PER_ROUND; i++) {
		size_t n = size;
		uint8_t *copy = malloc(size);

		MUST(copy);
		memcpy(copy, original, size);
		mutate(copy, &n);
		LLVMFuzzerTestOneInput(copy, n);
		free(copy);
	}
}

static int run_round(const uint8_t *data, size_t size, uint64_t seed)
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		round_of(data, size, seed);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, &status, 0);
	return status;
}

static int seconds_of(void)
{
	const char *seconds = getenv("MUTATE_SECONDS");

	return seconds ? atoi(seconds) : 0;
}

int main(int argc, char **argv)
{
	static const char *const patterns[] = {"/lib/*-linux-gnu*/*.so*", "/usr/lib/*-linux-gnu*/*.so*",
					       "/lib64/*.so*", "/usr/lib/*.so*", "/lib/ld-musl*"};
	int seconds = seconds_of(), rounds = getenv("MV_LONG") ? 20 * SHORT_RUNS : SHORT_RUNS, ran = 0,
	    bad = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	time_t until = time(NULL) + seconds;
	glob_t files = {.gl_pathc = 0};

	if (argc > 1)
		glob(argv[1], 0, NULL, &files);
	for (size_t i = 0; argc < 2 && i < sizeof(patterns) / sizeof(patterns[0]); i++)
		glob(patterns[i], files.gl_pathc ? GLOB_APPEND : 0, NULL, &files);
	LLVMFuzzerInitialize(&argc, &argv);
	for (size_t tries = 0;
	     files.gl_pathc && tries < 100000 && (seconds ? time(NULL) < until : ran < rounds); tries++) {
		const char *path = files.gl_pathv[seed * 7919 % files.gl_pathc];
		size_t size;
		uint8_t *data = load(path, &size);
		int status;

		if (!data) {
			seed++;
			continue;
		}
		status = run_round(data, size, seed);
		if (status) {
			bad++;
			printf("# %s %llu: %s %d\n", path, (unsigned long long)seed,
			       WIFSIGNALED(status) ? "signal" : "status",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		}
		ran++;
		seed++;
		free(data);
		if (argc > 2)
			break;
	}
	globfree(&files);
	if (ran)
		printf("%sok 1 - %d rounds of %d broken libraries\n", bad ? "not " : "", ran, PER_ROUND);
	else
		printf("ok 1 - broken libraries # SKIP no library found\n");
	printf("1..1\n");
	return bad > 0;
}
