/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_SOURCE_PRIVATE_H
#define MV_SOURCE_PRIVATE_H

/*
 * Shared by source.c (live files), source_machine.c (of the machine), source_scan.c (page categories),
 * source_image.c (the files it maps) and source_fixture.c (a directory that plays a machine). Nobody else
 * includes it.
 */

#include "core/source.h"

struct mv_fixture;

/* Below /sys. */
enum mv_tree { MV_TREE_CGROUP, MV_TREE_NODE, MV_TREE_MM, MV_TREE_MODULE, MV_TREE__N };
enum mv_kpage { MV_KPAGE_FLAGS, MV_KPAGE_COUNT, MV_KPAGE_CGROUP, MV_KPAGE__N };

struct mv_source {
	bool live;
	bool no_pagemap_scan, no_procmap_query;
	const char *helper; /* of the options */
	uint32_t page_bytes;
	int root_fd;		   /* /proc, or the fixture's directory */
	int log_fd;		   /* the kernel's log once it was needed, else -1 */
	uint64_t log_done;	   /* fixture: records that were handed out */
	int tree_fd[MV_TREE__N];   /* once needed, else -1 */
	int kpage_fd[MV_KPAGE__N]; /* once needed, else -1 */
	int *pids;		   /* ascending, of the last mv_source_next_pid(source, 0) */
	size_t pids_count, pids_cap;
	bool probed;
	struct mv_features features;
	uint64_t scan_end;   /* PAGEMAP_SCAN refuses ranges that end above it */
	uint64_t zero_frame; /* of the shared page of zeroes; 0 unknown */
	/* The block of frames that was asked last whether it is the huge page of zeroes. */
	uint64_t asked_block;
	bool asked_block_zero;
	struct mv_fixture *fixture;
};

/* Names one after the other, a NUL after each. */
struct mv_names {
	char *text; /* malloc'ed */
	size_t used, cap, count;
};

/* One line of a fixture's pages file. */
struct mv_fixture_run {
	uint64_t start, end;
	uint64_t cats;
	uint64_t pfn; /* of the first page; 0 unknown */
	bool exclusive;
};

struct mv_target {
	struct mv_source *source;
	int pid;
	int via_tid;	   /* 0: the process itself; see mv_target_via */
	int dir_fd, pidfd; /* -1 for fixtures */
	int file_fd[MV_FILE__N];
	int pagemap_fd;
	bool pagemap_empty; /* it was opened on a process without memory */
	char *stream;	    /* mv_target_stream's buffer, kept */
	size_t stream_cap;
	struct mv_fixture_run *pages; /* fixture: parsed pages file of pages_step */
	size_t pages_count;
	unsigned pages_step;
	bool pages_loaded;
};

/* Flags that every open here takes. */
#define MV_OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY)

/*
 * Read fd from its start until its end or until cap - 1 bytes are there; NUL added. one_record: a short read
 * that ends with a newline is the end (saves a call on single-record files). -E2BIG when more follows.
 */
ssize_t mv_source_slurp(int fd, char *buf, size_t cap, bool one_record);
extern const char *const mv_source_file_names[MV_FILE__N];
/* Open a file below the process; -ESRCH when it is gone, -ENOENT when only the file is missing. */
int mv_target_open_below(struct mv_target *target, const char *name);
/* The same for what belongs to the whole process: by way of a living thread if need be. */
int mv_target_open_memory(struct mv_target *target, const char *name);
bool mv_target_is_there(const struct mv_target *target);

/* source_scan.c */
void mv_source_probe(struct mv_source *source);

/* source_fixture.c. pid 0: machine files. Take ownership of nothing; open returns a descriptor or -errno. */
int mv_fixture_new(int root_fd, struct mv_fixture **ret_fixture);
void mv_fixture_free(struct mv_fixture *fixture);
void mv_fixture_step(struct mv_fixture *fixture);
uint64_t mv_fixture_clock(const struct mv_fixture *fixture, bool real);
uint32_t mv_fixture_page_bytes(struct mv_fixture *fixture);
int mv_fixture_open(struct mv_fixture *fixture, int pid, const char *name);
/* 0 when the process is in the picture, else -ESRCH or what PID/errors says for "." */
int mv_fixture_find_pid(struct mv_fixture *fixture, int pid);
/* Numeric entries of a directory (pid 0: of the fixture itself), as mv_target_list. */
ssize_t mv_fixture_list(struct mv_fixture *fixture, int pid, const char *name, int *out, size_t cap);
/* Names of the directories inside a directory, of all steps so far, without those that are gone; some may
 * come twice. */
int mv_fixture_names(struct mv_fixture *fixture, const char *name, struct mv_names *names);
void mv_fixture_features(struct mv_fixture *fixture, struct mv_features *ret_features);
void mv_fixture_frames(struct mv_fixture *fixture, uint64_t pfn, size_t n, uint64_t *const out[MV_KPAGE__N],
		       enum mv_why ret_why[static 3]);
ssize_t mv_fixture_scan(struct mv_target *target, struct mv_range range, uint64_t return_cats,
			uint64_t max_pages, struct mv_run *runs, size_t cap, uint64_t *ret_walked);
ssize_t mv_fixture_words(struct mv_target *target, uint64_t addr, size_t n, uint64_t *words);
ssize_t mv_fixture_bytes(struct mv_target *target, uint64_t addr, void *buf, size_t n);

/* Sort and drop what comes twice; returns how many are left. */
size_t mv_source_sort_ids(int *ids, size_t n);
/* Collect the numeric names of an open directory (the descriptor is taken) behind out[n]; -errno or the new
 * n, which may exceed cap. */
ssize_t mv_source_collect_ids(int take_fd, int *out, size_t n, size_t cap);
/* Add the names of the directories in an open directory (the descriptor is taken), symbolic links left out. 0
 * or -errno. */
int mv_source_collect_names(int take_fd, struct mv_names *names);
/* It neither leads out of the tree it is below, nor is it empty. */
bool mv_source_name_is_inside(const char *name);

#endif
