/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TEST_FIXTURE_H
#define MV_TEST_FIXTURE_H

/* Opens a process of tests/fixtures; include after cmocka.h. */

#include <stdio.h>
#include <stdlib.h>

#include "core/source.h"

struct fixture {
	struct mv_source *source;
	struct mv_target *target;
};

static inline void fixture_path(char *path, size_t cap, const char *name)
{
	const char *root = getenv("MV_FIXTURES");

	snprintf(path, cap, "%s/%s", root ? root : "tests/fixtures", name);
}

static inline struct fixture fixture_open(const char *name, int pid)
{
	struct fixture f = {0};
	struct mv_source_opts opts = {0};
	char path[1024];

	fixture_path(path, sizeof(path), name);
	opts.root = path;
	assert_int_equal(mv_source_new(&opts, &f.source), 0);
	assert_int_equal(mv_target_open(f.source, pid, &f.target), 0);
	return f;
}

static inline void fixture_close(struct fixture *f)
{
	mv_target_close(f->target);
	mv_source_free(f->source);
}

#endif
