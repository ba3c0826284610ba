/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <jansson.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "tui/batch_json.h"

/*
 * memview json: schema memview.process/1. The tree is never whole in memory: the head, then one mapping's
 * object at a time, then what closes it. jansson keeps integers in 63 bits, so addresses are strings.
 */

/* Where jansson has no memory for a value, or for a key that it prints, it goes on without: that would be a
 * lie. */
static bool lost_value;

static void *alloc(size_t bytes)
{
	void *at = malloc(bytes);

	lost_value |= !at;
	return at;
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

void mv_json_literal(struct mv_json *j, const char *literal)
{
	mv_out_ascii(&j->out, literal, strlen(literal));
}

static void set(json_t *object, const char *key, json_t *take_value)
{
	json_object_set_new_nocheck(object, key, take_value);
}

static void append(json_t *array, json_t *take_value)
{
	json_array_append_new(array, take_value);
}

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *val(const struct mv_val *v)
{
	return mv_have(v) ? number(v->value) : json_null();
}

static json_t *text(struct mv_clean clean)
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

static json_t *time_of(uint64_t real_ns)
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

/* ---- head ---- */

static json_t *process_object(const struct mv_json *j)
{
	const struct mv_snapshot *s = j->snap;
	const char state[2] = {s->stat.state, '\0'};
	json_t *process = json_object(), *arguments = json_array();
	struct mv_clean argument;

	for (uint32_t i = 0; (argument = mv_snapshot_argument(s, i)).text != NULL; i++)
		append(arguments, text(argument));
	if (s->part_why[MV_PART_CMDLINE] != MV_WHY_HAVE && json_array_size(arguments) == 0) {
		json_decref(arguments);
		arguments = json_null();
	}
	set(process, "pid", json_integer(j->pid));
	set(process, "name", text(mv_snapshot_title(s)));
	set(process, "cmdline", arguments);
	set(process, "state", state[0] ? json_string(state) : json_null());
	set(process, "uid", val(&s->status.uid));
	set(process, "threads", json_integer(s->stat.threads));
	set(process, "start_ticks", number(s->stat.start_ticks));
	return process;
}

static json_t *totals_object(const struct mv_json *j)
{
	json_t *totals = json_object();

	for (int f = 0; f < MV_FIG__N; f++) {
		const struct mv_val *v = &j->snap->figure[f];

		if (mv_figures[f].json[0] && !(j->quick && v->why == MV_WHY_NOT_ASKED))
			set(totals, mv_figures[f].json, val(v));
	}
	return totals;
}

static json_t *head_object(const struct mv_json *j)
{
	const struct mv_snapshot *s = j->snap;
	json_t *head = json_object(), *faults = json_object();
	struct utsname host;

	set(head, "schema", json_string("memview.process/1"));
	set(head, "memview", json_string(PACKAGE_VERSION));
	set(head, "taken_at", time_of(s->taken_real_ns));
	set(head, "kernel", uname(&host) == 0 ? json_string(host.release) : json_null());
	set(head, "page_bytes", json_integer(s->page_bytes));
	set(head, "process", process_object(j));
	set(head, "totals", totals_object(j));
	set(faults, "minor", val(&s->figure[MV_FIG_MINOR]));
	set(faults, "major", val(&s->figure[MV_FIG_MAJOR]));
	set(head, "faults", faults);
	return head;
}

/* The head without its closing brace. */
static void give_head(struct mv_json *j)
{
	json_t *head = head_object(j);
	char *dumped = head ? json_dumps(head, JSON_ENSURE_ASCII) : NULL;
	size_t len = dumped ? strlen(dumped) : 0;

	if (len < 2)
		j->failed = true;
	else
		mv_out_ascii(&j->out, dumped, len - 1);
	free(dumped);
	json_decref(head);
}

/* ---- mappings ---- */

static json_t *flags_array(const struct mv_smaps_row *row)
{
	json_t *flags = json_array();

	for (unsigned f = 0; f < MV_VM__N; f++) {
		if (row->vm_flags >> f & 1)
			append(flags, json_string_nocheck(mv_vm_flag_letters((enum mv_vm_flag)f)));
	}
	return flags;
}

static void set_smaps(const struct mv_json *j, json_t *mapping, uint32_t i)
{
	const struct mv_smaps_row *row = mv_snapshot_smaps(j->snap, i);

	for (int f = 0; f < MV_SMAPS__N; f++) {
		struct mv_val kib = mv_snapshot_field(j->snap, i, (enum mv_smaps_field)f);

		if (!mv_smaps_fields[f].json[0] || f == MV_SMAPS_RSS)
			continue;
		kib.value *= 1024;
		set(mapping, mv_smaps_fields[f].json, val(&kib));
	}
	set(mapping, "vm_flags", row && row->vm_flags ? flags_array(row) : json_null());
}

static json_t *pages_object(const struct mv_json *j, uint32_t i)
{
	const struct mv_tally *t = mv_snapshot_tally(j->snap, i);
	const uint64_t told = j->snap->cats_told;
	bool anon_told;
	json_t *pages;

	if (!t)
		return json_null();
	/* Some of them may be the zero page. */
	anon_told = (told & MV_CAT_PFNZERO) || !(t->state[MV_PAGE_ANON] || t->state[MV_PAGE_ANON_SHARED]);
	pages = json_object();
	set(pages, "present", number(mv_tally_present(t)));
	set(pages, "anon", anon_told ? number(mv_tally_anon(t)) : json_null());
	set(pages, "file", number(mv_tally_file(t)));
	set(pages, "zero", told & MV_CAT_PFNZERO ? json_integer(t->state[MV_PAGE_ZERO]) : json_null());
	set(pages, "swapped", json_integer(t->state[MV_PAGE_SWAPPED]));
	set(pages, "huge", told & MV_CAT_HUGE ? json_integer(t->huge) : json_null());
	set(pages, "guard", told & MV_CAT_GUARD ? json_integer(t->state[MV_PAGE_GUARD]) : json_null());
	return pages;
}

static json_t *mapping_name(const struct mv_json *j, uint32_t i)
{
	struct mv_clean name = mv_snapshot_name(j->snap, i);
	json_t *said;

	if (!mv_batch_is_deleted(&mv_snapshot_mappings(j->snap)[i]))
		return text(name);
	said = json_sprintf("%s (deleted)", name.text);
	return said ? said : json_null();
}

static json_t *mapping_object(const struct mv_json *j, uint32_t i)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(j->snap)[i];
	const char perms[5] = {m->perms & MV_PERM_R ? 'r' : '-', m->perms & MV_PERM_W ? 'w' : '-',
			       m->perms & MV_PERM_X ? 'x' : '-', m->perms & MV_PERM_SHARED ? 's' : 'p', '\0'};
	struct mv_val rss = mv_snapshot_rss(j->snap, i);
	json_t *mapping = json_object();

	set(mapping, "start", mv_json_address(m->start));
	set(mapping, "end", mv_json_address(m->end));
	set(mapping, "size", number(mv_mapping_bytes(m)));
	set(mapping, "perms", json_string_nocheck(perms));
	set(mapping, "offset", number(m->offset));
	set(mapping, "inode", number(m->inode));
	set(mapping, "kind", json_string_nocheck(mv_kind_name((enum mv_kind)m->kind)));
	set(mapping, "name", mapping_name(j, i));
	set(mapping, "rss", val(&rss));
	if (!j->quick)
		set_smaps(j, mapping, i);
	set(mapping, "pages", pages_object(j, i));
	return mapping;
}

static bool has_no_memory(const struct mv_snapshot *s)
{
	return s->life == MV_LIFE_KERNEL_THREAD || s->life == MV_LIFE_ZOMBIE;
}

static void give_mappings(struct mv_json *j)
{
	const uint32_t count = mv_snapshot_count(j->snap);

	mv_json_literal(j, ",\n\"mappings\": ");
	if (j->snap->part_why[MV_PART_MAPS] != MV_WHY_HAVE && !has_no_memory(j->snap)) {
		mv_json_literal(j, "null");
		return;
	}
	mv_json_literal(j, "[");
	for (uint32_t i = 0; i < count && !j->failed && !lost_value && !j->out.err; i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, mapping_object(j, i));
	}
	mv_json_literal(j, "]");
}

/* ---- what could not be read ---- */

/* Not asked for is not unavailable. */
static bool is_unavailable(uint32_t why)
{
	return why != MV_WHY_HAVE && why != MV_WHY_NOT_ASKED && why != MV_WHY_NOT_READ &&
	       why != MV_WHY_NO_LIMIT && why != MV_WHY_NOT_HERE;
}

/* A part and a figure may bear the same name: once is enough. */
static void add_unavailable(json_t *list, const char *what, uint32_t why)
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
	set(item, "what", json_string(what));
	set(item, "why", json_string(mv_why_text((enum mv_why)why)));
	append(list, item);
}

static json_t *unavailable_array(const struct mv_json *j)
{
	static const struct {
		uint64_t cat;
		const char *what;
	} told[] = {{MV_CAT_PFNZERO, "pages.zero"},
		    {MV_CAT_PFNZERO, "pages.anon"},
		    {MV_CAT_HUGE, "pages.huge"},
		    {MV_CAT_GUARD, "pages.guard"}};
	const struct mv_snapshot *s = j->snap;
	json_t *list = json_array();

	if (s->maps_torn)
		add_unavailable(list, mv_part_name(MV_PART_MAPS), MV_WHY_CHANGED);
	for (int p = 0; p < MV_PART__N; p++) {
		if (is_unavailable(s->part_why[p]))
			add_unavailable(list, mv_part_name((enum mv_part)p), s->part_why[p]);
	}
	for (int f = 0; f < MV_FIG__N; f++) {
		if (mv_figures[f].json[0] && is_unavailable(s->figure[f].why))
			add_unavailable(list, mv_figures[f].json, s->figure[f].why);
	}
	for (size_t i = 0; i < MV_COUNT_OF(told) && s->part_why[MV_PART_PAGES] == MV_WHY_HAVE; i++) {
		if (!(s->cats_told & told[i].cat))
			add_unavailable(list, told[i].what, MV_WHY_NO_KERNEL);
	}
	return list;
}

static int print_json(struct mv_json *j, struct mv_batch *batch, const struct mv_options *options)
{
	json_t *unavailable = unavailable_array(j);
	int status = MV_EXIT_DONE;

	give_head(j);
	give_mappings(j);
	if (options->has_pages)
		status = mv_json_page_runs(j, batch, options->pages);
	mv_json_literal(j, ",\n\"unavailable\": ");
	mv_json_give(j, unavailable);
	mv_json_literal(j, "}\n");
	if (j->failed || lost_value) {
		fputs("memview: out of memory\n", stderr);
		return MV_EXIT_COULD_NOT;
	}
	return status ? status : mv_out_end(&j->out);
}

/* JSON is UTF-8 whatever the user's locale; before anything is cleaned. */
static void use_utf8(void)
{
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0 && !setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "C"); /* where all but ASCII is escaped */
}

int mv_batch_json(const struct mv_options *options)
{
	struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_CMDLINE};
	struct mv_json json = {.quick = options->quick};
	struct mv_batch *batch;
	int status, printed;

	if (!options->quick)
		want.facts |= MV_FACT_SMAPS;
	use_utf8();
	json_set_alloc_funcs(alloc, free);
	status = mv_batch_open(options, &batch);
	if (status)
		return status;
	json.pid = mv_batch_pid(batch);
	status = mv_out_init(&json.out, STDOUT_FILENO);
	if (!status)
		status = mv_batch_take(batch, &want, &json.snap);
	if (!status) {
		status = mv_batch_judge(batch, json.snap);
		printed = status == MV_EXIT_ENDED ? status : print_json(&json, batch, options);
		status = status ? status : printed;
	}
	mv_out_release(&json.out);
	mv_batch_close(batch);
	return status;
}
