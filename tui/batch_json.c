/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <jansson.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tui/batch_json.h"

/*
 * memview json: schema memview.process/1. The tree is never whole in memory: the head, then one mapping's
 * object at a time, then what closes it. jansson keeps integers in 63 bits, so addresses are strings.
 */

/* ---- head ---- */

static json_t *process_object(const struct mv_json *j)
{
	const struct mv_snapshot *s = j->snap;
	const char state[2] = {s->stat.state, '\0'};
	json_t *process = json_object(), *arguments = json_array();
	struct mv_clean argument;

	for (uint32_t i = 0; (argument = mv_snapshot_argument(s, i)).text != NULL; i++)
		mv_json_append(arguments, mv_json_text(argument));
	if (s->part_why[MV_PART_CMDLINE] != MV_WHY_HAVE && json_array_size(arguments) == 0) {
		json_decref(arguments);
		arguments = json_null();
	}
	mv_json_set(process, "pid", json_integer(j->pid));
	mv_json_set(process, "name", mv_json_text(mv_snapshot_title(s)));
	mv_json_set(process, "cmdline", arguments);
	mv_json_set(process, "state", state[0] ? json_string(state) : json_null());
	mv_json_set(process, "uid", mv_json_val(&s->status.uid));
	mv_json_set(process, "threads", json_integer(s->stat.threads));
	mv_json_set(process, "start_ticks", mv_json_number(s->stat.start_ticks));
	return process;
}

static json_t *totals_object(const struct mv_json *j)
{
	json_t *totals = json_object();

	for (int f = 0; f < MV_FIG__N; f++) {
		const struct mv_val *v = &j->snap->figure[f];

		if (mv_figures[f].json[0] && !(j->quick && v->why == MV_WHY_NOT_ASKED))
			mv_json_set(totals, mv_figures[f].json, mv_json_val(v));
	}
	return totals;
}

static json_t *head_object(const struct mv_json *j)
{
	const struct mv_snapshot *s = j->snap;
	json_t *head = json_object(), *faults = json_object();
	struct utsname host;

	mv_json_set_origin(head, "memview.process/1", s);
	mv_json_set(head, "kernel", uname(&host) == 0 ? json_string(host.release) : json_null());
	mv_json_set(head, "page_bytes", json_integer(s->page_bytes));
	mv_json_set(head, "process", process_object(j));
	mv_json_set(head, "totals", totals_object(j));
	mv_json_set(faults, "minor", mv_json_val(&s->figure[MV_FIG_MINOR]));
	mv_json_set(faults, "major", mv_json_val(&s->figure[MV_FIG_MAJOR]));
	mv_json_set(head, "faults", faults);
	return head;
}

/* ---- mappings ---- */

static json_t *flags_array(const struct mv_smaps_row *row)
{
	json_t *flags = json_array();

	for (unsigned f = 0; f < MV_VM__N; f++) {
		if (row->vm_flags >> f & 1)
			mv_json_append(flags, json_string_nocheck(mv_vm_flag_letters((enum mv_vm_flag)f)));
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
		mv_json_set(mapping, mv_smaps_fields[f].json, mv_json_val(&kib));
	}
	mv_json_set(mapping, "vm_flags", row && row->vm_flags ? flags_array(row) : json_null());
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
	mv_json_set(pages, "present", mv_json_number(mv_tally_present(t)));
	mv_json_set(pages, "anon", anon_told ? mv_json_number(mv_tally_anon(t)) : json_null());
	mv_json_set(pages, "file", mv_json_number(mv_tally_file(t)));
	mv_json_set(pages, "zero",
		    told & MV_CAT_PFNZERO ? json_integer(t->state[MV_PAGE_ZERO]) : json_null());
	mv_json_set(pages, "swapped", json_integer(t->state[MV_PAGE_SWAPPED]));
	mv_json_set(pages, "huge", told & MV_CAT_HUGE ? json_integer(t->huge) : json_null());
	mv_json_set(pages, "guard",
		    told & MV_CAT_GUARD ? json_integer(t->state[MV_PAGE_GUARD]) : json_null());
	return pages;
}

static json_t *mapping_name(const struct mv_json *j, uint32_t i)
{
	struct mv_clean name = mv_snapshot_name(j->snap, i);
	json_t *said;

	if (!mv_batch_is_deleted(&mv_snapshot_mappings(j->snap)[i]))
		return mv_json_text(name);
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

	mv_json_set(mapping, "start", mv_json_address(m->start));
	mv_json_set(mapping, "end", mv_json_address(m->end));
	mv_json_set(mapping, "size", mv_json_number(mv_mapping_bytes(m)));
	mv_json_set(mapping, "perms", json_string_nocheck(perms));
	mv_json_set(mapping, "offset", mv_json_number(m->offset));
	mv_json_set(mapping, "inode", mv_json_number(m->inode));
	mv_json_set(mapping, "kind", json_string_nocheck(mv_kind_name((enum mv_kind)m->kind)));
	mv_json_set(mapping, "name", mapping_name(j, i));
	mv_json_set(mapping, "rss", mv_json_val(&rss));
	if (!j->quick)
		set_smaps(j, mapping, i);
	mv_json_set(mapping, "pages", pages_object(j, i));
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
	for (uint32_t i = 0; i < count && mv_json_goes_on(j); i++) {
		mv_json_literal(j, i ? ",\n" : "\n");
		mv_json_give(j, mapping_object(j, i));
	}
	mv_json_literal(j, "]");
}

/* ---- what could not be read ---- */

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
		mv_json_unavailable(list, mv_part_name(MV_PART_MAPS), mv_why_text(MV_WHY_CHANGED));
	for (int p = 0; p < MV_PART__N; p++) {
		if (mv_json_is_unavailable(s->part_why[p]))
			mv_json_unavailable(list, mv_part_name((enum mv_part)p),
					    mv_why_text((enum mv_why)s->part_why[p]));
	}
	for (int f = 0; f < MV_FIG__N; f++) {
		if (mv_figures[f].json[0] && mv_json_is_unavailable(s->figure[f].why))
			mv_json_unavailable(list, mv_figures[f].json,
					    mv_why_text((enum mv_why)s->figure[f].why));
	}
	for (size_t i = 0; i < MV_COUNT_OF(told) && s->part_why[MV_PART_PAGES] == MV_WHY_HAVE; i++) {
		if (!(s->cats_told & told[i].cat))
			mv_json_unavailable(list, told[i].what, mv_why_text(MV_WHY_NO_KERNEL));
	}
	mv_json_files_unavailable(j, list);
	return list;
}

static int print_json(struct mv_json *j, struct mv_batch *batch, const struct mv_options *options)
{
	json_t *unavailable = unavailable_array(j);
	int status = MV_EXIT_DONE;

	mv_json_give_open(j, head_object(j));
	give_mappings(j);
	if (!j->quick)
		mv_json_give_files(j);
	if (options->has_pages)
		status = mv_json_page_runs(j, batch, options->pages);
	mv_json_literal(j, ",\n\"unavailable\": ");
	mv_json_give(j, unavailable);
	mv_json_literal(j, "}\n");
	return mv_json_end(j, status);
}

int mv_batch_json(const struct mv_options *options)
{
	struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_CMDLINE};
	struct mv_json json = {.quick = options->quick};
	struct mv_batch *batch;
	int status, printed;

	if (!options->quick)
		want.facts |= MV_FACT_SMAPS | MV_FACT_FILES;
	mv_json_begin();
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
