/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TEST_TEMPDIR_H
#define MV_TEST_TEMPDIR_H

/* A directory of its own for a test that makes its machine itself: setup and teardown of cmocka; include after cmocka.h. */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/source.h"

static char tempdir[64];

static inline int tempdir_make(void **state)
{
	(void)state;
	strcpy(tempdir, "/tmp/mv-test-XXXXXX");
	return mkdtemp(tempdir) ? 0 : -1;
}

static inline int tempdir_remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static inline int tempdir_remove(void **state)
{
	(void)state;
	return nftw(tempdir, tempdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A file, and the directories it lies in. */
static inline void tempdir_put(const char *name, const char *text)
{
	char path[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", tempdir, name);
	for (char *slash = path + strlen(tempdir); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static inline struct mv_source *tempdir_open(void)
{
	struct mv_source_opts opts = {.root = tempdir};
	struct mv_source *source;

	assert_int_equal(mv_source_new(&opts, &source), 0);
	return source;
}

#endif
