/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/machine.h"
#include "tui/batch.h"
#include "tui/dump.h"
#include "tui/loop.h"
#include "tui/options.h"
#include "tui/privilege.h"

/* A caller may have closed 0, 1 or 2: what is opened next must not become them. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int print_and_close(const char *text)
{
	if (fputs(text, stdout) < 0 || fclose(stdout) != 0) {
		if (errno != EPIPE)
			fprintf(stderr, "memview: can't write the output: %s\n", strerror(errno));
		return MV_EXIT_COULD_NOT;
	}
	return MV_EXIT_DONE;
}

/* What this build has of what is optional. Call stacks come from a program of their own, which alone links
 * libunwind. */
#ifdef HAVE_SYMBOLS
#define CALL_STACKS "libunwind and libdw, in memview-symbols"
#ifdef HAVE_DEMANGLE
#define NAMES "C++ and Rust as people write them"
#else
#define NAMES "C++ and Rust stay mangled (built without libiberty)"
#endif
#else
#define CALL_STACKS "none (built without libunwind and libdw)"
#define NAMES	    "none"
#endif

static int print_version(void)
{
	char text[384];

	snprintf(text, sizeof(text),
		 "memview %s\nprocess list: %s\ncall stacks: " CALL_STACKS "\nfunction names: " NAMES
		 "\nLicence GPL-3.0-or-later\n",
		 PACKAGE_VERSION, mv_machine_backend());
	return print_and_close(text);
}

static int print_machine(const struct mv_options *options)
{
	struct mv_options once = *options;

	once.mode = MV_MODE_MACHINE;
	once.lines = 1;
	return mv_batch_machine(&once);
}

/* What needs a screen prints a report where there is none. */
static int run_screen(const struct mv_options *options)
{
	if (options->dump || options->dump_svg)
		return mv_dump_run(options);
	if (!isatty(STDOUT_FILENO))
		return options->mode == MV_MODE_NOTHING ? print_machine(options) : mv_batch_report(options);
	return mv_loop_run(options);
}

static int run(const struct mv_options *options)
{
	switch (options->mode) {
	case MV_MODE_HELP:
		return print_and_close(mv_options_help);
	case MV_MODE_VERSION:
		return print_version();
	case MV_MODE_REPORT:
		return mv_batch_report(options);
	case MV_MODE_JSON:
		return mv_batch_json(options);
	case MV_MODE_WATCH:
		return mv_batch_watch(options);
	case MV_MODE_FAULTS:
		return mv_batch_faults(options);
	case MV_MODE_STACKS:
		return mv_batch_stacks(options);
	case MV_MODE_HEAP:
		return mv_batch_heap(options);
	case MV_MODE_LEAKS:
		return mv_batch_leaks(options);
	case MV_MODE_MACHINE:
		return mv_batch_machine(options);
	case MV_MODE_NOTHING:
	case MV_MODE_SCREEN:
	case MV_MODE_COMMAND:
	case MV_MODE_DEMO:
		return run_screen(options);
	default:
		fputs(mv_options_short_help, stderr);
		return MV_EXIT_USAGE;
	}
}

int main(int argc, char **argv)
{
	struct mv_options options;
	char message[512];

	fill_standard_descriptors();
	/* Before the environment, the locale or the command line can have any effect. */
	if (mv_privilege_is_borrowed()) {
		fputs("memview: it must not be installed setuid or with file capabilities: it would show its "
		      "users what "
		      "they may not see. Remove them (chmod u-s, setcap -r) and use sudo.\n",
		      stderr);
		return MV_EXIT_COULD_NOT;
	}
	/* Long lists come and go: back to the kernel with them, at once. (Otherwise glibc keeps what was
	 * freed once.) */
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	setlocale(LC_CTYPE, "");
	if (mv_options_parse(argc, argv, &options, message, sizeof(message)) < 0) {
		fprintf(stderr, "memview: %s\n", message);
		return MV_EXIT_USAGE;
	}
	return run(&options);
}
