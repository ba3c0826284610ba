/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clean.h"
#include "core/text.h"
#include "tui/options.h"

const char mv_options_short_help[] =
    "memview shows the machine's memory, and a process's, live.\n"
    "  memview                 the machine, on a terminal; Enter opens a process\n"
    "  memview PID             a process by its number\n"
    "  memview NAME            or by its name\n"
    "  memview -- COMMAND      start COMMAND and watch it from its first page\n"
    "  memview demo            a process that takes memory, to look around\n"
    "  memview --help          everything else\n";

const char mv_options_help[] =
    "usage: memview [OPTION...] [PID | NAME | -p NAME | -- COMMAND [ARG...] | demo]\n"
    "       memview report | json | watch | faults | stacks | heap | leaks  [OPTION...] PID | NAME\n"
    "       memview machine [OPTION...] [PID...]\n"
    "\n"
    "Shows a live process's memory: its mappings, their pages, its page faults. Looking changes nothing in "
    "it.\n"
    "Without an argument it shows the machine: where all the RAM is, and every process; Enter opens one.\n"
    "\n"
    "  PID, NAME             the process, on a screen with keys (? lists them); a report when stdout is no "
    "terminal\n"
    "  -- COMMAND [ARG...]   start COMMAND and watch it from its first page\n"
    "  demo                  watch a built-in workload touch 100 MiB, 10 MiB a second\n"
    "  report PID            the same as text, once\n"
    "  json PID              the same as JSON, once (schema memview.process/1)\n"
    "  watch PID             one line an interval: sizes, faults, rates\n"
    "  faults PID            trace page faults for a while: by kind, mapping, call stack, thread\n"
    "  stacks PID            the call stack of each thread, and how much of its stack it uses\n"
    "  heap PID              the malloc heap: what is in use, what is free, and what of that stays in RAM\n"
    "  leaks PID             blocks of the heap that nothing points to any more; -d S: who makes it grow\n"
    "  machine               one line an interval: the machine's RAM as free and sar tell it, faults, "
    "reclaim, pressure\n"
    "\n"
    "  -p, --process NAME    a process by name, even one that looks like a PID or a command\n"
    "  -i, --interval S      seconds between looks, 0.1 to 10 (default 1)\n"
    "  -n, --lines N         watch, machine: end after N lines (pictures with --json, files written with "
    "--openmetrics)\n"
    "      --quick           report, json, watch: leave out what needs smaps\n"
    "      --pages A-B       json: also the state of each page from address A to B (hexadecimal)\n"
    "  -d, --duration S      faults, leaks: seconds to trace for, 0.1 to 86400 (faults: 5 unless given; "
    "leaks: "
    "none; SIGINT ends it early)\n"
    "      --period N        faults: look at one fault in N; 1 at each (default: as the process can bear)\n"
    "      --folded          faults: a line a call stack, with the pages it touched: for flame graphs\n"
    "      --json            faults, stacks, heap, leaks, machine: JSON (schemas memview.faults/1, "
    "memview.stacks/1, ...)\n"
    "      --openmetrics FILE  machine: write FILE anew each interval, with the processes PID..., for "
    "Prometheus\n"
    "      --exact           stacks, leaks: stop the process for a moment, for an exact picture\n"
    "      --theme NAME      screen: dark, light, projector, colour-blind, mono, or one of your own\n"
    "      --ascii           screen: draw with ASCII characters only\n"
    "      --no-color        screen: no colours (also: NO_COLOR set)\n"
    "      --mouse, --no-mouse   screen: take mouse clicks (default), or leave them to the terminal\n"
    "  -h, --help, -V, --version\n"
    "\n"
    "Exit status: 0 done; 1 could not do it; 2 wrong usage; 3 the process ended before it could be read;\n"
    "10 leaks: blocks are lost.\n"
    "Another user's process needs sudo; the screen itself then runs as you.\n";

enum {
	OPT_THEME = 256,
	OPT_ASCII,
	OPT_QUICK,
	OPT_PAGES,
	OPT_PERIOD,
	OPT_FOLDED,
	OPT_JSON,
	OPT_EXACT,
	OPT_OPENMETRICS,
	OPT_MOUSE,
	OPT_NO_MOUSE,
	OPT_NO_COLOUR,
	OPT_PROC_ROOT,
	OPT_SIZE,
	OPT_KEYS,
	OPT_DUMP,
	OPT_DUMP_SVG,
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"process", required_argument, NULL, 'p'},
    {"interval", required_argument, NULL, 'i'},
    {"lines", required_argument, NULL, 'n'},
    {"theme", required_argument, NULL, OPT_THEME},
    {"ascii", no_argument, NULL, OPT_ASCII},
    {"quick", no_argument, NULL, OPT_QUICK},
    {"pages", required_argument, NULL, OPT_PAGES},
    {"duration", required_argument, NULL, 'd'},
    {"period", required_argument, NULL, OPT_PERIOD},
    {"folded", no_argument, NULL, OPT_FOLDED},
    {"json", no_argument, NULL, OPT_JSON},
    {"exact", no_argument, NULL, OPT_EXACT},
    {"openmetrics", required_argument, NULL, OPT_OPENMETRICS},
    {"mouse", no_argument, NULL, OPT_MOUSE},
    {"no-mouse", no_argument, NULL, OPT_NO_MOUSE},
    {"no-color", no_argument, NULL, OPT_NO_COLOUR},
    {"no-colour", no_argument, NULL, OPT_NO_COLOUR},
    {"proc-root", required_argument, NULL, OPT_PROC_ROOT},
    {"size", required_argument, NULL, OPT_SIZE},
    {"keys", required_argument, NULL, OPT_KEYS},
    {"dump", no_argument, NULL, OPT_DUMP},
    {"dump-svg", required_argument, NULL, OPT_DUMP_SVG},
    {NULL, 0, NULL, 0},
};

uint32_t mv_interval_next(uint32_t interval_ms, bool longer)
{
	static const uint32_t steps[] = {100, 200, 500, 1000, 2000, 5000, 10000};
	const size_t count = MV_COUNT_OF(steps);
	size_t i = 0;

	if (longer) {
		while (i < count - 1 && steps[i] <= interval_ms)
			i++;
		return steps[i];
	}
	for (i = count - 1; i > 0 && steps[i] >= interval_ms; i--)
		;
	return steps[i];
}

struct parsing {
	struct mv_options *options;
	char *message;
	size_t cap;
	const char *operands[2];
	size_t operands_count;
	bool interval_given, lines_given, size_given, duration_given;
	const char *screen_option; /* the last given of those that only a screen heeds */
};

/* "WHAT: RULE", with what the user typed made safe to print. */
static int refuse(struct parsing *p, const char *what, const char *rule)
{
	char clean[160];

	mv_clean_into(clean, sizeof(clean), what, strlen(what));
	snprintf(p->message, p->cap, "%s: %s", clean, rule);
	return -EINVAL;
}

/* Seconds with up to three decimals, as milliseconds. No locale. */
static bool scan_seconds(const char *text, uint64_t *ret_ms)
{
	struct mv_scan s = {text, text + strlen(text)};
	uint64_t seconds = 0, ms = 0, unit = 100;
	bool some = mv_scan_dec(&s, &seconds);

	if (mv_scan_char(&s, '.')) {
		for (; s.at < s.end && isdigit((unsigned char)*s.at); s.at++, unit /= 10, some = true)
			ms += (uint64_t)(*s.at - '0') * unit;
	}
	if (!some || s.at != s.end || seconds > 1000000)
		return false;
	*ret_ms = seconds * 1000 + ms;
	return true;
}

static int take_interval(struct parsing *p, const char *text)
{
	uint64_t ms;

	if (!scan_seconds(text, &ms) || ms < MV_INTERVAL_MIN_MS || ms > MV_INTERVAL_MAX_MS)
		return refuse(p, text, "no interval: give seconds from 0.1 to 10");
	p->options->interval_ms = (uint32_t)ms;
	p->interval_given = true;
	return 0;
}

static int take_lines(struct parsing *p, const char *text)
{
	struct mv_scan s = {text, text + strlen(text)};
	uint64_t lines;

	if (!mv_scan_dec(&s, &lines) || s.at != s.end || lines == 0)
		return refuse(p, text, "no number of lines: give 1 or more");
	p->options->lines = lines;
	p->lines_given = true;
	return 0;
}

static int take_duration(struct parsing *p, const char *text)
{
	uint64_t ms;

	if (!scan_seconds(text, &ms) || ms < MV_DURATION_MIN_MS || ms > MV_DURATION_MAX_MS)
		return refuse(p, text, "no duration: give seconds from 0.1 to 86400");
	p->options->duration_ms = (uint32_t)ms;
	p->duration_given = true;
	return 0;
}

static int take_period(struct parsing *p, const char *text)
{
	struct mv_scan s = {text, text + strlen(text)};
	uint64_t period;

	if (!mv_scan_dec(&s, &period) || s.at != s.end || period == 0 || period > MV_PERIOD_MAX)
		return refuse(p, text,
			      "no period: give 1 for every fault, or up to 1000000000 for one in so many");
	p->options->period = period;
	return 0;
}

static bool scan_address(struct mv_scan *s, uint64_t *ret_address)
{
	if (s->end - s->at > 2 && s->at[0] == '0' && (s->at[1] == 'x' || s->at[1] == 'X'))
		s->at += 2;
	return mv_scan_hex(s, ret_address);
}

static int take_pages(struct parsing *p, const char *text)
{
	struct mv_scan s = {text, text + strlen(text)};
	struct mv_range range;

	if (!scan_address(&s, &range.start) || !mv_scan_char(&s, '-') || !scan_address(&s, &range.end) ||
	    s.at != s.end)
		return refuse(p, text,
			      "no range of addresses: give START-END in hexadecimal, as in /proc/PID/maps");
	if (range.start >= range.end)
		return refuse(p, text, "an empty range: START must lie below END");
	p->options->pages = range;
	p->options->has_pages = true;
	return 0;
}

static int take_size(struct parsing *p, const char *text)
{
	struct mv_scan s = {text, text + strlen(text)};
	uint64_t cols, rows;

	if (!mv_scan_dec(&s, &cols) || !mv_scan_char(&s, 'x') || !mv_scan_dec(&s, &rows) || s.at != s.end ||
	    cols > 1000 || rows > 1000)
		return refuse(p, text, "no size: give COLUMNSxROWS, as in 80x24");
	p->size_given = true;
	p->options->cols = (int)cols;
	p->options->rows = (int)rows;
	return 0;
}

static enum mv_mode mode_of_word(const char *word)
{
	static const struct {
		const char *word;
		enum mv_mode mode;
	} words[] = {
	    {"report", MV_MODE_REPORT}, {"json", MV_MODE_JSON},	    {"watch", MV_MODE_WATCH},
	    {"faults", MV_MODE_FAULTS}, {"stacks", MV_MODE_STACKS}, {"heap", MV_MODE_HEAP},
	    {"leaks", MV_MODE_LEAKS},	{"demo", MV_MODE_DEMO},	    {"machine", MV_MODE_MACHINE},
	};

	for (size_t i = 0; i < MV_COUNT_OF(words); i++) {
		if (!strcmp(word, words[i].word))
			return words[i].mode;
	}
	return MV_MODE_SCREEN;
}

/* Of memview machine. */
static int take_pid(struct parsing *p, const char *text)
{
	struct mv_scan s = {text, text + strlen(text)};
	uint64_t pid;

	if (!mv_scan_dec(&s, &pid) || s.at != s.end || pid == 0 || pid > INT32_MAX)
		return refuse(p, text, "no PID: memview machine takes process numbers");
	if (p->options->pids_count == MV_OPTIONS_PIDS)
		return refuse(p, text, "one process too many: 128 at most");
	p->options->pids[p->options->pids_count++] = (int32_t)pid;
	return 0;
}

static int take_operand(struct parsing *p, const char *text)
{
	if (p->operands_count && mode_of_word(p->operands[0]) == MV_MODE_MACHINE)
		return take_pid(p, text);
	if (p->operands_count == MV_COUNT_OF(p->operands))
		return refuse(p, text, "one word too many; see memview --help");
	p->operands[p->operands_count++] = text;
	return 0;
}

static int refuse_option(struct parsing *p, char *const *argv, int code)
{
	const char *word = argv[optind - 1];
	const char *digits = word + 1;
	char letter[3] = {'-', (char)optopt, '\0'};
	int i = optind < 1 ? 1 : optind;

	/* getopt stays on a word of several letters; "-12" is meant as a number. */
	if (argv[i] && argv[i][0] == '-' && isdigit((unsigned char)argv[i][1])) {
		word = argv[i];
		digits = word + 1;
	}
	if (word[0] == '-' && isdigit((unsigned char)*digits))
		return refuse(p, word, "no PID: a process number is 1 or more");
	if (code == ':')
		return refuse(p, optopt > 0 && optopt < 256 ? letter : word,
			      "needs a value; see memview --help");
	if (optopt > 0 && optopt < 256)
		return refuse(p, letter, "unknown option; see memview --help");
	return refuse(p, word,
		      optopt ? "takes no value; see memview --help" : "unknown option; see memview --help");
}

static int take_option(struct parsing *p, char *const *argv, int code)
{
	struct mv_options *o = p->options;

	switch (code) {
	case 1:
		return take_operand(p, optarg);
	case 'h':
		o->mode = MV_MODE_HELP;
		return 0;
	case 'V':
		o->mode = MV_MODE_VERSION;
		return 0;
	case 'p':
		o->who = optarg;
		o->who_is_name = true;
		return 0;
	case 'i':
		return take_interval(p, optarg);
	case 'n':
		return take_lines(p, optarg);
	case 'd':
		return take_duration(p, optarg);
	case OPT_PERIOD:
		return take_period(p, optarg);
	case OPT_FOLDED:
		o->folded = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_EXACT:
		o->exact = true;
		return 0;
	case OPT_OPENMETRICS:
		o->openmetrics = optarg;
		return 0;
	case OPT_THEME:
		o->theme = optarg;
		p->screen_option = "--theme";
		return 0;
	case OPT_ASCII:
		o->ascii = true;
		p->screen_option = "--ascii";
		return 0;
	case OPT_QUICK:
		o->quick = true;
		return 0;
	case OPT_PAGES:
		return take_pages(p, optarg);
	case OPT_MOUSE:
	case OPT_NO_MOUSE:
		o->mouse = code == OPT_MOUSE;
		p->screen_option = o->mouse ? "--mouse" : "--no-mouse";
		return 0;
	case OPT_NO_COLOUR:
		o->no_colour = true;
		p->screen_option = "--no-color";
		return 0;
	case OPT_PROC_ROOT:
		o->proc_root = optarg;
		return 0;
	case OPT_SIZE:
		return take_size(p, optarg);
	case OPT_KEYS:
		o->keys = optarg;
		return 0;
	case OPT_DUMP_SVG:
		o->dump_svg = optarg;
		return 0;
	case OPT_DUMP:
		o->dump = true;
		return 0;
	default:
		return refuse_option(p, argv, code);
	}
}

static bool is_screen(enum mv_mode mode)
{
	return mode == MV_MODE_NOTHING || mode == MV_MODE_SCREEN || mode == MV_MODE_COMMAND || mode == MV_MODE_DEMO;
}

/* Report, json and watch: what reads smaps. */
static bool is_plain(enum mv_mode mode)
{
	return mode == MV_MODE_REPORT || mode == MV_MODE_JSON || mode == MV_MODE_WATCH;
}

/* What looks inside, and prints JSON by an option. */
static bool is_inside(enum mv_mode mode)
{
	return mode == MV_MODE_FAULTS || mode == MV_MODE_STACKS || mode == MV_MODE_HEAP ||
	       mode == MV_MODE_LEAKS;
}

/* Operands -> mode and process. */
static int settle_mode(struct parsing *p)
{
	struct mv_options *o = p->options;
	size_t next = 0;

	if (p->operands_count) {
		o->mode = mode_of_word(p->operands[0]);
		next = o->mode == MV_MODE_SCREEN ? 0 : 1;
	} else if (o->who) {
		o->mode = MV_MODE_SCREEN;
	}
	if (next < p->operands_count) {
		if (o->who || o->mode == MV_MODE_DEMO)
			return refuse(p, p->operands[next], "one word too many; see memview --help");
		o->who = p->operands[next++];
	}
	if (next < p->operands_count)
		return refuse(p, p->operands[next], "one word too many; see memview --help");
	if (o->mode == MV_MODE_DEMO && o->who)
		return refuse(p, "demo", "watches its own process, not another");
	if (o->mode == MV_MODE_MACHINE && o->who)
		return refuse(p, "machine", "shows the machine; processes are given by their PIDs");
	if ((is_plain(o->mode) || is_inside(o->mode)) && !o->who)
		return refuse(p, p->operands[0], "which process? Give its PID or its name");
	return 0;
}

static int check_fit_inside(struct parsing *p)
{
	const struct mv_options *o = p->options;

	if (p->duration_given && o->mode != MV_MODE_FAULTS && o->mode != MV_MODE_LEAKS)
		return refuse(p, "-d", "only for memview faults and leaks");
	if (o->period && o->mode != MV_MODE_FAULTS)
		return refuse(p, "--period", "only for memview faults");
	if (o->folded && o->mode != MV_MODE_FAULTS)
		return refuse(p, "--folded", "only for memview faults");
	if (o->exact && o->mode != MV_MODE_STACKS && o->mode != MV_MODE_LEAKS)
		return refuse(p, "--exact", "only for memview stacks and leaks");
	if (o->json && !is_inside(o->mode) && o->mode != MV_MODE_MACHINE)
		return refuse(p, "--json",
			      "only for memview faults, stacks, heap, leaks and machine; memview json prints "
			      "a process");
	if (o->json && o->folded)
		return refuse(p, "--folded", "not together with --json");
	return 0;
}

static int check_fit_machine(struct parsing *p)
{
	const struct mv_options *o = p->options;

	if (o->openmetrics && o->mode != MV_MODE_MACHINE)
		return refuse(p, "--openmetrics", "only for memview machine");
	if (o->openmetrics && !*o->openmetrics)
		return refuse(p, "--openmetrics", "which file? Give its name");
	if (o->openmetrics && o->json)
		return refuse(p, "--json", "not together with --openmetrics");
	if (o->pids_count && !o->openmetrics && !o->json)
		return refuse(
		    p, "machine",
		    "processes are told with --json or --openmetrics only; memview watch PID has lines");
	return 0;
}

/* Options that would have no effect are mistakes: say so. */
static int check_fit(struct parsing *p)
{
	const struct mv_options *o = p->options;
	const bool screen = is_screen(o->mode);

	if (o->has_pages && o->mode != MV_MODE_JSON)
		return refuse(p, "--pages", "only for memview json");
	if (p->lines_given && o->mode != MV_MODE_WATCH && o->mode != MV_MODE_MACHINE)
		return refuse(p, "-n", "only for memview watch and machine");
	if (p->screen_option && !screen)
		return refuse(p, p->screen_option,
			      "only for the screen: the other commands print plain text");
	if (o->quick && !is_plain(o->mode))
		return refuse(p, "--quick", "only for memview report, json and watch");
	if (p->interval_given && !screen && o->mode != MV_MODE_WATCH && o->mode != MV_MODE_MACHINE)
		return refuse(p, "-i", "only for the screen, memview watch and memview machine");
	if ((o->dump || o->dump_svg) && o->mode != MV_MODE_SCREEN && o->mode != MV_MODE_NOTHING)
		return refuse(p, "--dump", "only for a process's screen and the machine's");
	if ((p->size_given || o->keys) && !o->dump && !o->dump_svg)
		return refuse(p, p->size_given ? "--size" : "--keys", "only with --dump or --dump-svg");
	if (o->who && !*o->who)
		return refuse(p, "\"\"", "an empty name; give a PID or a name");
	return check_fit_machine(p) ? -EINVAL : check_fit_inside(p);
}

int mv_options_parse(int argc, char **argv, struct mv_options *ret_options, char *message, size_t cap)
{
	struct mv_options options = {
	    .mouse = true, .interval_ms = 1000, .duration_ms = 5000, .rows = 24, .cols = 80};
	struct parsing p = {.options = &options, .message = message, .cap = cap};
	const char *value = NULL;
	bool dashes;
	int code, err = 0;

	opterr = 0;
	optind = 0; /* anew, also when called again */
	while (!err && (code = getopt_long(argc, argv, "-:hVp:i:n:d:", long_options, NULL)) != -1) {
		value = optarg;
		err = take_option(&p, argv, code);
		if (!err && (options.mode == MV_MODE_HELP || options.mode == MV_MODE_VERSION)) {
			*ret_options = options;
			return 0;
		}
	}
	if (err)
		return err;
	dashes = optind > 1 && argv[optind - 1] != value && !strcmp(argv[optind - 1], "--");
	if (dashes && !p.operands_count && !options.who) {
		if (optind == argc)
			return refuse(&p, "--", "which command? Give it after the two dashes");
		options.mode = MV_MODE_COMMAND;
		options.command = argv + optind;
	} else {
		for (; !err && optind < argc; optind++)
			err = take_operand(&p, argv[optind]);
		if (!err)
			err = settle_mode(&p);
	}
	if (!err)
		err = check_fit(&p);
	if (options.mode == MV_MODE_LEAKS && !p.duration_given)
		options.duration_ms = 0; /* tracing is asked for, or isn't done */
	if (!err)
		*ret_options = options;
	return err;
}
