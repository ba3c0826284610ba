/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tui/view_faults.h"

/* Rows of the panes: how many, who each is, where it is found again. */

uint32_t mv_faults_count(const struct mv_faults_view *v, const struct mv_snapshot *snap, enum mv_faults_pane pane)
{
	uint32_t count = 0;

	if (!mv_faults_traced(snap))
		return 0;
	switch (pane) {
	case MV_FAULTS_STACKS:
		return v->rows_count;
	case MV_FAULTS_MAPPINGS:
		mv_snapshot_fault_mappings(snap, &count);
		return count;
	case MV_FAULTS_THREADS:
		mv_snapshot_fault_threads(snap, &count);
		return count;
	default:
		mv_snapshot_fault_log(snap, &count);
		return count;
	}
}

struct mv_faults_identity mv_faults_identity(const struct mv_faults_view *v, const struct mv_snapshot *snap,
					     enum mv_faults_pane pane, uint32_t row)
{
	struct mv_faults_identity who = {.set = true};
	uint32_t count;

	switch (pane) {
	case MV_FAULTS_STACKS:
		who.a = v->rows[row].path;
		break;
	case MV_FAULTS_MAPPINGS:
		who.a = mv_snapshot_fault_mappings(snap, &count)[row].start;
		break;
	case MV_FAULTS_THREADS:
		who.tid = mv_snapshot_fault_threads(snap, &count)[row].tid;
		break;
	default: {
		const struct mv_fault_entry *e = &mv_snapshot_fault_log(snap, &count)[row];

		who.a = e->at_ns;
		who.b = e->addr;
		who.tid = e->tid;
	}
	}
	return who;
}

uint32_t mv_faults_row_of(const struct mv_faults_view *v, const struct mv_snapshot *snap, enum mv_faults_pane pane)
{
	const struct mv_faults_identity *sel = &v->selected[pane];
	uint32_t count = mv_faults_count(v, snap, pane), at = v->at[pane];

	if (!sel->set || !count)
		return 0;
	for (uint32_t row = 0; row < count; row++) {
		struct mv_faults_identity who = mv_faults_identity(v, snap, pane, row);

		if (who.a == sel->a && who.b == sel->b && who.tid == sel->tid)
			return row;
	}
	return at < count ? at : count - 1;
}

uint64_t mv_faults_address(const struct mv_faults_view *v, const struct mv_snapshot *snap, enum mv_faults_pane pane,
			   uint32_t row)
{
	uint32_t count;

	if (row >= mv_faults_count(v, snap, pane))
		return 0;
	switch (pane) {
	case MV_FAULTS_STACKS:
		return v->tree.nodes[v->rows[row].node].last_page;
	case MV_FAULTS_MAPPINGS:
		return mv_snapshot_fault_mappings(snap, &count)[row].last_page;
	case MV_FAULTS_THREADS:
		return mv_snapshot_fault_threads(snap, &count)[row].last_page;
	default:
		return mv_snapshot_fault_log(snap, &count)[row].addr;
	}
}

/* "0x7f3a12000000" */
static bool parse_address(const char *text, uint64_t *ret_addr)
{
	char *end;

	if (text[0] != '0' || (text[1] | 32) != 'x' || !text[2])
		return false;
	*ret_addr = strtoull(text + 2, &end, 16);
	return !*end;
}

static bool names(const struct mv_snapshot *snap, uint32_t name, const char *text)
{
	return strcasestr(mv_snapshot_text(snap, name).text, text) != NULL;
}

static bool is_number(int32_t number, const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text && !*end && n == number;
}

bool mv_faults_matches(const struct mv_snapshot *snap, enum mv_faults_pane pane, uint32_t row, const char *text)
{
	uint64_t addr = 0, page = ~(uint64_t)(snap->page_bytes - 1);
	bool address = parse_address(text, &addr);
	uint32_t count;

	switch (pane) {
	case MV_FAULTS_MAPPINGS: {
		const struct mv_fault_mapping *m = &mv_snapshot_fault_mappings(snap, &count)[row];

		if (address)
			return addr >= m->start && addr < m->end;
		return names(snap, m->name, text) ||
		       (m->kind < MV_KIND__N && strcasestr(mv_words_kind(m->kind).text, text));
	}
	case MV_FAULTS_THREADS: {
		const struct mv_fault_thread *t = &mv_snapshot_fault_threads(snap, &count)[row];

		if (address)
			return (t->last_page & page) == (addr & page);
		return names(snap, t->name, text) || is_number(t->tid, text);
	}
	default: {
		const struct mv_fault_entry *e = &mv_snapshot_fault_log(snap, &count)[row];

		if (address)
			return (e->addr & page) == (addr & page);
		return names(snap, e->mapping_name, text) || is_number(e->tid, text) ||
		       strcasestr(mv_snapshot_function_name(snap, e->function).text, text) ||
		       strcasestr(mv_words_fault(e->kind).text, text);
	}
	}
}
