/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tui/options.h"

#define WORDS_MAX 160

static char words_text[1024];
static char *words[WORDS_MAX + 1];
static char message[256];

/* Parse "memview LINE", words parted by blanks. */
static int parse(const char *line, struct mv_options *ret_options)
{
	char *rest = words_text, *word;
	int argc = 0;

	memset(ret_options, 0x5a, sizeof(*ret_options));
	assert_true(strlen(line) + 9 < sizeof(words_text));
	strcpy(words_text, "memview ");
	strcat(words_text, line);
	while ((word = strsep(&rest, " ")) != NULL) {
		assert_true(argc < WORDS_MAX);
		if (*word)
			words[argc++] = word;
	}
	words[argc] = NULL;
	message[0] = '\0';
	return mv_options_parse(argc, words, ret_options, message, sizeof(message));
}

static struct mv_options accept(const char *line)
{
	struct mv_options options;

	if (parse(line, &options) < 0)
		fail_msg("memview %s: %s", line, message);
	return options;
}

static void refuse(const char *line, const char *part)
{
	struct mv_options options, before;

	memset(&before, 0x5a, sizeof(before));
	if (parse(line, &options) != -EINVAL)
		fail_msg("memview %s: taken", line);
	assert_memory_equal(&options, &before, sizeof(options)); /* untouched */
	if (!strstr(message, part) || strchr(message, '\n'))
		fail_msg("memview %s: \"%s\" lacks \"%s\"", line, message, part);
}

static void test_modes(void **state)
{
	static const struct {
		const char *line;
		enum mv_mode mode;
		const char *who;
	} cases[] = {
	    {"", MV_MODE_NOTHING, NULL},
	    {"4711", MV_MODE_SCREEN, "4711"},
	    {"firefox", MV_MODE_SCREEN, "firefox"},
	    {"report 4711", MV_MODE_REPORT, "4711"},
	    {"json firefox", MV_MODE_JSON, "firefox"},
	    {"watch 1 -n 3", MV_MODE_WATCH, "1"},
	    {"-n 3 watch 1", MV_MODE_WATCH, "1"},
	    {"faults 1", MV_MODE_FAULTS, "1"},
	    {"-d 3 faults firefox --json", MV_MODE_FAULTS, "firefox"},
	    {"stacks --exact 4711", MV_MODE_STACKS, "4711"},
	    {"stacks faults", MV_MODE_STACKS, "faults"},
	    {"heap --json 4711", MV_MODE_HEAP, "4711"},
	    {"leaks -d 3 --exact firefox", MV_MODE_LEAKS, "firefox"},
	    {"leaks heap", MV_MODE_LEAKS, "heap"},
	    {"demo", MV_MODE_DEMO, NULL},
	    {"machine", MV_MODE_MACHINE, NULL},
	    {"-n 2 machine -i 3", MV_MODE_MACHINE, NULL},
	    {"machine --json 1 2 3", MV_MODE_MACHINE, NULL},
	    {"report machine", MV_MODE_REPORT, "machine"},
	    {"report -- 4711", MV_MODE_REPORT, "4711"},
	    {"report report", MV_MODE_REPORT, "report"},
	    {"--help", MV_MODE_HELP, NULL},
	    {"-h nonsense --bogus", MV_MODE_HELP, NULL},
	    {"report -V", MV_MODE_VERSION, NULL},
	};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(cases); i++) {
		struct mv_options o = accept(cases[i].line);

		if (o.mode != cases[i].mode)
			fail_msg("memview %s: mode %d", cases[i].line, (int)o.mode);
		if (!cases[i].who)
			assert_null(o.who);
		else
			assert_string_equal(o.who, cases[i].who);
		assert_false(o.who_is_name);
		assert_null(o.command);
	}
}

static void test_machine(void **state)
{
	struct mv_options o;
	char line[1024] = "machine --json";

	(void)state;
	o = accept("machine -i 2.5 -n 7");
	assert_int_equal(o.interval_ms, 2500);
	assert_int_equal(o.lines, 7);
	assert_int_equal(o.pids_count, 0);
	o = accept("machine 4711 --openmetrics dir/x.prom 2147483647");
	assert_string_equal(o.openmetrics, "dir/x.prom");
	assert_int_equal(o.pids_count, 2);
	assert_int_equal(o.pids[0], 4711);
	assert_int_equal(o.pids[1], INT32_MAX);
	for (int i = 0; i < MV_OPTIONS_PIDS; i++)
		strcat(line, " 1");
	assert_int_equal(accept(line).pids_count, MV_OPTIONS_PIDS);
	strcat(line, " 1");
	refuse(line, "one process too many");
}

static void test_names(void **state)
{
	struct mv_options o;

	(void)state;
	o = accept("-p demo");
	assert_int_equal(o.mode, MV_MODE_SCREEN);
	assert_string_equal(o.who, "demo");
	assert_true(o.who_is_name);
	o = accept("report -p 4711");
	assert_int_equal(o.mode, MV_MODE_REPORT);
	assert_string_equal(o.who, "4711");
	assert_true(o.who_is_name);
	o = accept("json --process=json");
	assert_int_equal(o.mode, MV_MODE_JSON);
	assert_string_equal(o.who, "json");
	refuse("-p one two", "one word too many");
	refuse("demo -p one", "demo");
	refuse("-p", "needs a value");
}

static void test_command(void **state)
{
	struct mv_options o = accept("--ascii -i 0.5 -- ls -l --color -- x");

	(void)state;
	assert_int_equal(o.mode, MV_MODE_COMMAND);
	assert_true(o.ascii);
	assert_int_equal(o.interval_ms, 500);
	assert_string_equal(o.command[0], "ls");
	assert_string_equal(o.command[1], "-l");
	assert_string_equal(o.command[2], "--color");
	assert_string_equal(o.command[3], "--");
	assert_string_equal(o.command[4], "x");
	assert_null(o.command[5]);
	o = accept("-- demo");
	assert_int_equal(o.mode, MV_MODE_COMMAND);
	assert_string_equal(o.command[0], "demo");
	refuse("--", "which command");
	/* These dashes are the theme's name. */
	o = accept("--theme -- 12");
	assert_int_equal(o.mode, MV_MODE_SCREEN);
	assert_string_equal(o.theme, "--");
	assert_string_equal(o.who, "12");
}

static void test_values(void **state)
{
	struct mv_options o = accept("12");

	(void)state;
	assert_int_equal(o.interval_ms, 1000);
	assert_true(o.mouse);
	assert_false(o.ascii || o.no_colour || o.quick || o.has_pages || o.dump);
	assert_int_equal(o.lines, 0);
	assert_int_equal(accept("12 -i 0.1").interval_ms, 100);
	assert_int_equal(accept("12 -i .25").interval_ms, 250);
	assert_int_equal(accept("12 --interval=10").interval_ms, 10000);
	assert_int_equal(accept("12 -i2.").interval_ms, 2000);
	assert_false(accept("12 --no-mouse").mouse);
	assert_true(accept("12 --no-color").no_colour);
	assert_string_equal(accept("12 --theme light").theme, "light");
	assert_int_equal(accept("watch 12 -n 18446744073709551615").lines == UINT64_MAX, 1);
	o = accept("json 12 --quick --pages 7f00-0x7fFF");
	assert_true(o.quick && o.has_pages);
	assert_int_equal(o.pages.start, 0x7f00);
	assert_int_equal(o.pages.end, 0x7fff);
	o = accept("faults 12");
	assert_int_equal(o.duration_ms, 5000);
	assert_int_equal(o.period, 0);
	assert_false(o.folded || o.json || o.exact);
	o = accept("faults 12 -d 0.25 --period 1 --folded");
	assert_int_equal(o.duration_ms, 250);
	assert_int_equal(o.period, 1);
	assert_true(o.folded && !o.json);
	assert_int_equal(accept("faults 12 --duration=86400").duration_ms, 86400000);
	assert_int_equal(accept("faults 12 --period 1000000000").period, 1000000000);
	o = accept("stacks 12 --json --exact");
	assert_true(o.json && o.exact && !o.folded);
	assert_int_equal(accept("leaks 12").duration_ms, 0);
	assert_int_equal(accept("leaks 12 -d 3").duration_ms, 3000);
	o = accept("leaks 12 --json --exact");
	assert_true(o.json && o.exact && !o.folded);
	o = accept("12 --dump --size 120x40 --keys jj --proc-root /x");
	assert_true(o.dump);
	assert_int_equal(o.cols, 120);
	assert_int_equal(o.rows, 40);
	assert_string_equal(o.keys, "jj");
	assert_string_equal(o.proc_root, "/x");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
	    {"1 2", "2: one word too many"},
	    {"machine 1", "machine: processes are told with"},
	    {"machine --json firefox", "firefox: no PID"},
	    {"machine --json 0", "0: no PID"},
	    {"machine --json 2147483648", "no PID"},
	    {"machine --json --openmetrics x", "--json: not together"},
	    {"machine --openmetrics", "--openmetrics: needs a value"},
	    {"machine --openmetrics=", "which file"},
	    {"watch 1 --openmetrics x", "only for memview machine"},
	    {"machine -p firefox", "machine: shows the machine"},
	    {"machine --quick", "--quick: only for"},
	    {"machine --theme dark", "--theme: only for the screen"},
	    {"machine -d 3", "-d: only for"},
	    {"machine --dump", "only for a process's screen"},
	    {"report", "which process"},
	    {"json 1 2", "one word too many"},
	    {"demo 1", "one word too many"},
	    {"watch 1 2 3", "one word too many"},
	    {"-5", "-5: no PID"},
	    {"report -12", "-12: no PID"},
	    {"-x", "-x: unknown option"},
	    {"-xh", "-x: unknown option"},
	    {"--bogus", "--bogus: unknown option"},
	    {"--bogus=3 1", "--bogus=3: unknown option"},
	    {"--quick=3 1", "takes no value"},
	    {"1 --theme", "--theme: needs a value"},
	    {"1 -i", "-i: needs a value"},
	    {"1 -i 0", "no interval"},
	    {"1 -i 0.099", "no interval"},
	    {"1 -i 10.1", "no interval"},
	    {"1 -i -1", "no interval"},
	    {"1 -i 1s", "no interval"},
	    {"1 -i .", "no interval"},
	    {"1 -i 99999999999999999999", "no interval"},
	    {"watch 1 -n 0", "no number of lines"},
	    {"watch 1 -n x", "no number of lines"},
	    {"1 -n 3", "only for memview watch"},
	    {"report 1 -i 3", "only for the screen"},
	    {"json 1 --pages 12", "no range"},
	    {"json 1 --pages 12-", "no range"},
	    {"json 1 --pages 12-10", "empty range"},
	    {"json 1 --pages 10000000000000000-2", "no range"},
	    {"report 1 --pages 1-2", "only for memview json"},
	    {"report 1 --dump", "only for a process's screen"},
	    {"report 1 --theme dark", "--theme: only for the screen"},
	    {"json 1 --ascii", "--ascii: only for the screen"},
	    {"--no-mouse watch 1", "--no-mouse: only for the screen"},
	    {"--mouse watch 1", "--mouse: only for the screen"},
	    {"report --no-colour 1", "--no-color: only for the screen"},
	    {"1 --quick", "--quick: only for"},
	    {"demo --quick", "--quick: only for"},
	    {"--quick -- ls", "--quick: only for"},
	    {"1 --size 80x24", "--size: only with --dump"},
	    {"1 --keys jj", "--keys: only with --dump"},
	    {"1 --size 80", "no size"},
	    {"1 --size 80x2000", "no size"},
	    {"--\033[31m", "\\x1b[31m: unknown option"},
	    {"faults", "which process"},
	    {"stacks", "which process"},
	    {"stacks 1 2", "one word too many"},
	    {"faults 1 -d 0", "no duration"},
	    {"faults 1 -d 0.099", "no duration"},
	    {"faults 1 -d 86400.001", "no duration"},
	    {"faults 1 -d -1", "no duration"},
	    {"faults 1 -d 1m", "no duration"},
	    {"faults 1 -d", "-d: needs a value"},
	    {"faults 1 --period 0", "no period"},
	    {"faults 1 --period x", "no period"},
	    {"faults 1 --period 1000000001", "no period"},
	    {"faults 1 --json --folded", "--folded: not together with --json"},
	    {"stacks 1 -d 3", "-d: only for memview faults and leaks"},
	    {"1 -d 3", "-d: only for memview faults and leaks"},
	    {"report 1 --period 3", "--period: only for memview faults"},
	    {"stacks 1 --folded", "--folded: only for memview faults"},
	    {"faults 1 --exact", "--exact: only for memview stacks and leaks"},
	    {"1 --exact", "--exact: only for memview stacks and leaks"},
	    {"report 1 --json", "--json: only for memview faults, stacks, heap, leaks and machine"},
	    {"1 --json", "--json: only for memview faults, stacks, heap, leaks and machine"},
	    {"heap 1 --exact", "--exact: only for memview stacks and leaks"},
	    {"heap 1 -d 3", "-d: only for memview faults and leaks"},
	    {"heap", "which process"},
	    {"leaks", "which process"},
	    {"leaks 1 --period 3", "--period: only for memview faults"},
	    {"leaks 1 --folded", "--folded: only for memview faults"},
	    {"leaks 1 --quick", "--quick: only for memview report"},
	    {"leaks 1 --ascii", "--ascii: only for the screen"},
	    {"leaks 1 -d 0", "no duration"},
	    {"faults 1 --quick", "--quick: only for memview report"},
	    {"stacks 1 -i 3", "only for the screen"},
	    {"stacks 1 --ascii", "--ascii: only for the screen"},
	};

	(void)state;
	for (size_t i = 0; i < MV_COUNT_OF(cases); i++)
		refuse(cases[i].line, cases[i].part);
}

static void test_interval_steps(void **state)
{
	(void)state;
	assert_int_equal(mv_interval_next(1000, true), 2000);
	assert_int_equal(mv_interval_next(1000, false), 500);
	assert_int_equal(mv_interval_next(700, true), 1000);
	assert_int_equal(mv_interval_next(700, false), 500);
	assert_int_equal(mv_interval_next(10000, true), 10000);
	assert_int_equal(mv_interval_next(100, false), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_modes),	   cmocka_unit_test(test_machine),
	    cmocka_unit_test(test_names),	   cmocka_unit_test(test_command),
	    cmocka_unit_test(test_values),	   cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_interval_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
