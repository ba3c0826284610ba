/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tui/batch_json.h"

/* Where jansson has no memory for a value, or for a key that it prints, it goes on without: that would be a
 * lie. */
static bool lost_value;

static void *alloc(size_t bytes)
{
	void *at = malloc(bytes);

	lost_value |= !at;
	return at;
}

/* JSON is UTF-8 whatever the user's locale; before anything is cleaned. */
static void use_utf8(void)
{
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0 && !setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "C"); /* where all but ASCII is escaped */
}

void mv_json_begin(void)
{
	use_utf8();
	json_set_alloc_funcs(alloc, free);
}

bool mv_json_goes_on(const struct mv_json *j)
{
	return !j->failed && !lost_value && !j->out.err;
}

int mv_json_end(struct mv_json *j, int status)
{
	if (j->failed || lost_value) {
		fputs("memview: out of memory\n", stderr);
		return MV_EXIT_COULD_NOT;
	}
	return status ? status : mv_out_end(&j->out);
}

static int give_bytes(const char *bytes, size_t n, void *arg)
{
	mv_out_ascii(arg, bytes, n);
	return 0;
}

void mv_json_give(struct mv_json *j, json_t *take_value)
{
	if (!take_value ||
	    json_dump_callback(take_value, give_bytes, &j->out, JSON_ENSURE_ASCII | JSON_ENCODE_ANY) < 0)
		j->failed = true;
	json_decref(take_value);
}

void mv_json_give_open(struct mv_json *j, json_t *take_object)
{
	char *dumped = take_object ? json_dumps(take_object, JSON_ENSURE_ASCII) : NULL;
	size_t len = dumped ? strlen(dumped) : 0;

	if (len < 2)
		j->failed = true;
	else
		mv_out_ascii(&j->out, dumped, len - 1);
	free(dumped);
	json_decref(take_object);
}

void mv_json_literal(struct mv_json *j, const char *literal)
{
	mv_out_ascii(&j->out, literal, strlen(literal));
}

void mv_json_set(json_t *object, const char *key, json_t *take_value)
{
	json_object_set_new_nocheck(object, key, take_value);
}

void mv_json_append(json_t *array, json_t *take_value)
{
	json_array_append_new(array, take_value);
}

json_t *mv_json_number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *mv_json_val(const struct mv_val *v)
{
	return mv_have(v) ? mv_json_number(v->value) : json_null();
}

json_t *mv_json_text(struct mv_clean clean)
{
	json_t *string = json_string(clean.text);

	return string ? string : json_null(); /* not UTF-8: only when the locale has none */
}

json_t *mv_json_address(uint64_t address)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "0x%" PRIx64, address);
	return json_string_nocheck(digits);
}

json_t *mv_json_time(uint64_t real_ns)
{
	time_t seconds = (time_t)(real_ns / MV_NS_PER_SEC);
	char out[40];
	struct tm tm;
	size_t n;

	if (!gmtime_r(&seconds, &tm))
		return json_null();
	n = strftime(out, sizeof(out), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, sizeof(out) - n, ".%03uZ", (unsigned)(real_ns / 1000000 % 1000));
	return json_string_nocheck(out);
}

void mv_json_set_origin(json_t *head, const char *schema, const struct mv_snapshot *snap)
{
	mv_json_set(head, "schema", json_string(schema));
	mv_json_set(head, "memview", json_string(PACKAGE_VERSION));
	mv_json_set(head, "taken_at", mv_json_time(snap->taken_real_ns));
}

/* ---- what could not be read ---- */

/* Not asked for is not unavailable. */
bool mv_json_is_unavailable(uint32_t why)
{
	return why != MV_WHY_HAVE && why != MV_WHY_NOT_ASKED && why != MV_WHY_NOT_READ &&
	       why != MV_WHY_NO_LIMIT && why != MV_WHY_NOT_HERE;
}

/* A part and a figure may bear the same name: once is enough. */
void mv_json_unavailable(json_t *list, const char *what, const char *why)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *said = json_string_value(json_object_get(item, "what"));

		if (said && !strcmp(said, what))
			return;
	}
	item = json_object();
	mv_json_set(item, "what", json_string(what));
	mv_json_set(item, "why", json_string(why));
	mv_json_append(list, item);
}
