/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_OPTIONS_H
#define MV_OPTIONS_H

/* The command line as plain data. */

#include "core/types.h"

enum mv_mode {
	MV_MODE_NOTHING, /* neither a process nor a command was named: the machine's screen */
	MV_MODE_HELP,
	MV_MODE_VERSION,
	MV_MODE_SCREEN,
	MV_MODE_COMMAND,
	MV_MODE_DEMO,
	MV_MODE_REPORT,
	MV_MODE_JSON,
	MV_MODE_WATCH,
	MV_MODE_FAULTS,
	MV_MODE_STACKS,
	MV_MODE_HEAP,
	MV_MODE_LEAKS,
	MV_MODE_MACHINE, /* memview machine: the machine, without a screen */
};

#define MV_INTERVAL_MIN_MS 100
#define MV_INTERVAL_MAX_MS 10000
#define MV_DURATION_MIN_MS 100
#define MV_DURATION_MAX_MS (24 * 60 * 60 * 1000)
#define MV_PERIOD_MAX	   1000000000
#define MV_OPTIONS_PIDS	   128

struct mv_options {
	enum mv_mode mode;
	const char *who;   /* the process as typed; NULL with COMMAND and demo */
	bool who_is_name;  /* -p: a name even when it looks like a PID or a command */
	char **command;	   /* of MV_MODE_COMMAND, ends with NULL */
	const char *theme; /* NULL: the default */
	bool ascii, no_colour, mouse, quick;
	uint32_t interval_ms;
	uint64_t lines; /* of watch and machine; 0: until the process ends, for ever */
	bool has_pages;
	struct mv_range pages;	       /* --pages */
	uint32_t duration_ms;	       /* of faults; of leaks, where 0 is not to trace */
	uint64_t period;	       /* of faults: one fault in so many is looked at; 0: adapts */
	bool folded, json;	       /* faults, stacks, heap, leaks: other output than text */
	bool exact;		       /* stacks, leaks: by a stop */
	const char *openmetrics;       /* machine: the file to write; NULL none */
	int32_t pids[MV_OPTIONS_PIDS]; /* machine: the processes that are told with it */
	uint32_t pids_count;
	/* For tests and pictures. */
	const char *proc_root, *keys, *dump_svg;
	bool dump;
	int rows, cols;
};

/* Read the command line. Strings point into argv. On -EINVAL message is one line that says what is wrong with
 * it. */
int mv_options_parse(int argc, char **argv, struct mv_options *ret_options, char *message, size_t cap);

/* The next longer or shorter interval of `<` and `>`: 100 ms to 10 s in steps of 1, 2, 5. */
uint32_t mv_interval_next(uint32_t interval_ms, bool longer);

/* The text of --help, and the few lines for whoever typed nothing. */
extern const char mv_options_help[], mv_options_short_help[];

#endif
