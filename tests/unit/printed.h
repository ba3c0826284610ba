/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_TEST_PRINTED_H
#define MV_TEST_PRINTED_H

/* What a batch command prints of a snapshot made by hand: kept in memory, looked at as text or as JSON. Include after cmocka.h. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/snapbuild.h"
#include "tui/batch_json.h"

static struct mv_json json;

static inline int set_up(void **state)
{
	(void)state;
	memset(&json, 0, sizeof(json));
	return mv_out_init(&json.out, -1);
}

static inline int tear_down(void **state)
{
	(void)state;
	free((void *)(uintptr_t)json.snap);
	mv_out_release(&json.out);
	return 0;
}

static inline const char *printed(void)
{
	assert_int_equal(json.out.err, 0);
	json.out.buffer[json.out.len] = '\0';
	return json.out.buffer;
}

/* Is text printed, and only once? */
static inline void assert_printed(const char *text)
{
	const char *at = strstr(printed(), text);

	if (!at || strstr(at + 1, text))
		fail_msg("%s \"%s\" in:\n%s", at ? "more than one" : "no", text, printed());
}

static inline void assert_not_printed(const char *text)
{
	if (strstr(printed(), text))
		fail_msg("\"%s\" in:\n%s", text, printed());
}

static inline json_t *parsed(void)
{
	json_error_t error;
	json_t *value = json_loads(printed(), JSON_REJECT_DUPLICATES, &error);

	if (!value)
		fail_msg("%s at %d in:\n%s", error.text, error.position, printed());
	return value;
}

static inline json_t *at(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (!value)
		fail_msg("no %s", key);
	return value;
}

static inline json_int_t number_at(json_t *object, const char *first, const char *second)
{
	json_t *value = at(object, first);

	if (second)
		value = at(value, second);
	if (!json_is_integer(value))
		fail_msg("no number at %s.%s", first, second ? second : "");
	return json_integer_value(value);
}

#endif
