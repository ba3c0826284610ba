/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "tui/batch.h"

/*
 * memview report: header figures, mapping table, totals, page states. The table is built by hand, a number at
 * a time: with 60,000 mappings a printf a field would cost as much as the kernel's own work.
 */

enum column { COL_SIZE, COL_RSS, COL_PSS, COL_DIRTY, COL_SWAP, COL_PAGES, COL__N };

static const struct {
	struct mv_clean heading;
	bool smaps; /* left out with --quick */
} columns[COL__N] = {
    [COL_SIZE] = {{"SIZE"}, false},  [COL_RSS] = {{"RSS"}, false},   [COL_PSS] = {{"PSS"}, true},
    [COL_DIRTY] = {{"DIRTY"}, true}, [COL_SWAP] = {{"SWAP"}, false}, [COL_PAGES] = {{"PRESENT"}, false},
};

struct report {
	struct mv_out out;
	const struct mv_snapshot *snap;
	bool quick;
	struct mv_val sum[COL__N]; /* KiB, but for COL_PAGES; missing when a row was */
	struct mv_tally tally;
	uint64_t pages;
	unsigned width[COL__N];
	unsigned address_digits;
};

static struct mv_val scaled(struct mv_val kib_or_bytes, uint64_t divisor)
{
	kib_or_bytes.value /= divisor;
	return kib_or_bytes;
}

/* One cell of the table. KiB, but for COL_PAGES. */
static struct mv_val cell(const struct report *r, uint32_t i, enum column column)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(r->snap)[i];
	const struct mv_tally *tally = mv_snapshot_tally(r->snap, i);
	const struct mv_smaps_row *row = mv_snapshot_smaps(r->snap, i);
	const uint64_t page_kib = r->snap->page_bytes / 1024;

	switch (column) {
	case COL_SIZE:
		return mv_val_of(mv_mapping_bytes(m) / 1024);
	case COL_RSS:
		return scaled(mv_snapshot_rss(r->snap, i), 1024);
	case COL_PSS:
		return mv_snapshot_field(r->snap, i, MV_SMAPS_PSS);
	case COL_DIRTY:
		if (!row)
			return mv_snapshot_field(r->snap, i, MV_SMAPS_PRIVATE_DIRTY);
		return mv_val_of((uint64_t)row->kib[MV_SMAPS_PRIVATE_DIRTY] +
				 row->kib[MV_SMAPS_SHARED_DIRTY]);
	case COL_SWAP:
		if (row || !tally)
			return mv_snapshot_field(r->snap, i, MV_SMAPS_SWAP);
		return mv_val_of(tally->state[MV_PAGE_SWAPPED] * page_kib);
	case COL_PAGES:
	default:
		return tally ? mv_val_of(mv_tally_present(tally))
			     : mv_val_missing((enum mv_why)r->snap->part_why[MV_PART_PAGES]);
	}
}

static bool is_shown(const struct report *r, enum column column)
{
	return !r->quick || !columns[column].smaps;
}

static unsigned digits_of(uint64_t number, unsigned base)
{
	unsigned n = 1;

	while (number /= base)
		n++;
	return n;
}

static void add_up(struct report *r)
{
	const struct mv_mapping *mappings = mv_snapshot_mappings(r->snap);
	const uint32_t count = mv_snapshot_count(r->snap);

	for (int c = 0; c < COL__N; c++)
		r->sum[c] = mv_val_of(0);
	for (uint32_t i = 0; i < count; i++) {
		const struct mv_tally *tally = mv_snapshot_tally(r->snap, i);

		for (int c = 0; c < COL__N; c++) {
			struct mv_val val = cell(r, i, (enum column)c);

			if (mv_have(&val))
				r->sum[c].value += val.value;
			else if (mappings[i].kind != MV_KIND_VSYSCALL)
				r->sum[c].why = val.why;
		}
		r->pages += mv_mapping_pages(&mappings[i], r->snap->page_bytes);
		if (tally)
			mv_tally_add(&r->tally, tally);
	}
	for (int c = 0; c < COL__N; c++) {
		unsigned heading = (unsigned)strlen(columns[c].heading.text);

		r->width[c] = digits_of(r->sum[c].value, 10);
		if (r->width[c] < heading)
			r->width[c] = heading;
	}
	r->address_digits = 12;
	for (uint32_t i = count; i > 0 && i + 2 > count;
	     i--) { /* [vsyscall], if any, is the last, and beyond the rest */
		if (mappings[i - 1].kind != MV_KIND_VSYSCALL && digits_of(mappings[i - 1].start, 16) > 12)
			r->address_digits = 16;
	}
}

/* ---- who ---- */

static void print_identity(struct report *r)
{
	const struct mv_snapshot *s = r->snap;
	struct mv_clean argument;
	struct mv_build b;

	mv_build_init(&b);
	mv_build_clean(&b, mv_snapshot_title(s));
	mv_build_fmt(&b, " %d   uid ", s->stat.pid);
	if (mv_have(&s->status.uid))
		mv_build_fmt(&b, "%u", (unsigned)s->status.uid.value);
	else
		mv_build_why(&b, (enum mv_why)s->status.uid.why);
	mv_build_fmt(&b, "   ");
	mv_build_clean(&b, mv_clean_trusted(mv_stat_state_text(s->stat.state)));
	mv_build_fmt(&b, "   %u thread", s->stat.threads);
	if (s->stat.threads != 1)
		mv_build_clean(&b, MV_TEXT("s"));
	mv_build_clean(&b, MV_TEXT("   "));
	mv_out_build_time(&b, s->taken_real_ns);
	mv_out_line(&r->out, mv_build_text(&b));
	for (uint32_t i = 0; (argument = mv_snapshot_argument(s, i)).text != NULL; i++) {
		mv_out_clean(&r->out, i ? MV_TEXT(" ") : MV_TEXT("command  "));
		mv_out_clean(&r->out, argument);
	}
	if (mv_snapshot_argument(s, 0).text)
		mv_out_char(&r->out, '\n', 1);
}

static void print_figure(struct report *r, enum mv_figure figure)
{
	const struct mv_figure_info *info = &mv_figures[figure];
	const struct mv_val *val = &r->snap->figure[figure];
	struct mv_build b;

	if (r->quick && val->why == MV_WHY_NOT_ASKED)
		return;
	mv_build_init(&b);
	if (!mv_have(val)) {
		mv_build_why(&b, (enum mv_why)val->why);
	} else if (info->unit == 'B') {
		mv_build_size(&b, val->value);
		mv_build_pad(&b, 8);
		mv_build_count(&b, val->value);
		mv_build_fmt(&b, " bytes");
	} else {
		mv_build_count(&b, val->value);
	}
	mv_out_field(&r->out, mv_clean_trusted(info->label), 10);
	mv_out_line(&r->out, mv_build_text(&b));
}

/* ---- the table ---- */

static void print_headings(struct report *r)
{
	mv_out_line(&r->out, MV_TEXT("Sizes in KiB, PRESENT in pages:"));
	mv_out_field(&r->out, MV_TEXT("ADDRESS"), r->address_digits);
	for (int c = 0; c < COL__N; c++) {
		if (is_shown(r, (enum column)c))
			mv_out_right(&r->out, columns[c].heading, r->width[c] + 1);
	}
	mv_out_line(&r->out, MV_TEXT(" PERM KIND         NAME"));
}

static void print_row(struct report *r, uint32_t i)
{
	const struct mv_mapping *m = &mv_snapshot_mappings(r->snap)[i];
	const char perms[] = {' ',
			      m->perms & MV_PERM_R ? 'r' : '-',
			      m->perms & MV_PERM_W ? 'w' : '-',
			      m->perms & MV_PERM_X ? 'x' : '-',
			      m->perms & MV_PERM_SHARED ? 's' : 'p',
			      ' '};
	const char *kind = mv_kind_name((enum mv_kind)m->kind);
	const size_t kind_len = strlen(kind);

	mv_out_hex(&r->out, m->start, r->address_digits);
	for (int c = 0; c < COL__N; c++) {
		if (is_shown(r, (enum column)c)) {
			struct mv_val val = cell(r, i, (enum column)c);

			mv_out_val(&r->out, &val, r->width[c] + 1);
		}
	}
	mv_out_ascii(&r->out, perms, sizeof(perms));
	mv_out_ascii(&r->out, kind, kind_len);
	mv_out_char(&r->out, ' ', kind_len < 12 ? (unsigned)(13 - kind_len) : 1);
	if (m->name)
		mv_out_clean(&r->out, mv_snapshot_name(r->snap, i));
	else
		mv_out_ascii(&r->out, "[anon]", 6);
	if (mv_batch_is_deleted(m))
		mv_out_ascii(&r->out, " (deleted)", 10);
	mv_out_char(&r->out, '\n', 1);
}

static void print_sums(struct report *r)
{
	struct mv_build b;

	mv_out_field(&r->out, MV_TEXT("total"), r->address_digits);
	for (int c = 0; c < COL__N; c++) {
		if (is_shown(r, (enum column)c))
			mv_out_val(&r->out, &r->sum[c], r->width[c] + 1);
	}
	mv_build_init(&b);
	mv_build_fmt(&b, " KiB, %u mapping", mv_snapshot_count(r->snap));
	if (mv_snapshot_count(r->snap) != 1)
		mv_build_fmt(&b, "s");
	mv_out_line(&r->out, mv_build_text(&b));
}

/* The sum over mappings and VmRSS come from different counters: name the difference. */
static void print_difference(struct report *r)
{
	const struct mv_val *rss = &r->snap->figure[MV_FIG_RSS];
	struct mv_build b;
	int64_t difference;

	if (!mv_have(rss) || !mv_have(&r->sum[COL_RSS]))
		return;
	difference = (int64_t)r->sum[COL_RSS].value - (int64_t)(rss->value / 1024);
	if (difference == 0)
		return;
	mv_build_init(&b);
	mv_build_fmt(&b,
		     "The mappings' RSS adds up to %+lld KiB of the process's: its counters lag a little in "
		     "each thread, or it"
		     " changed between the two reads.",
		     (long long)difference);
	mv_out_line(&r->out, mv_build_text(&b));
}

static void print_states(struct report *r)
{
	const enum mv_why why = (enum mv_why)r->snap->part_why[MV_PART_PAGES];
	const struct mv_tally *t = &r->tally;
	uint64_t touched = mv_tally_present(t) + t->state[MV_PAGE_SWAPPED] + t->state[MV_PAGE_GUARD];
	struct mv_build b;

	mv_build_init(&b);
	mv_build_count(&b, r->pages);
	mv_build_fmt(&b, " pages of %u KiB: ", r->snap->page_bytes / 1024);
	if (why != MV_WHY_HAVE) {
		mv_build_clean(&b, MV_TEXT("states "));
		mv_build_why(&b, why);
		mv_out_line(&r->out, mv_build_text(&b));
		return;
	}
	mv_build_count(&b, mv_tally_present(t));
	mv_build_clean(&b, MV_TEXT(" present"));
	for (int s = MV_PAGE_NONE + 1; s < MV_PAGE__N; s++) {
		if (!t->state[s])
			continue;
		mv_build_clean(&b, MV_TEXT(", "));
		mv_build_count(&b, t->state[s]);
		mv_build_clean(&b, MV_TEXT(" "));
		mv_build_clean(&b, mv_clean_trusted(mv_page_states[s].caption));
	}
	mv_build_clean(&b, MV_TEXT(", "));
	mv_build_count(&b, r->pages > touched ? r->pages - touched : 0);
	mv_build_clean(&b, MV_TEXT(" not touched"));
	if (t->huge) {
		mv_build_clean(&b, MV_TEXT("; "));
		mv_build_count(&b, t->huge);
		mv_build_clean(&b, MV_TEXT(" in huge pages"));
	}
	mv_out_line(&r->out, mv_build_text(&b));
}

static void print_table(struct report *r)
{
	const uint32_t count = mv_snapshot_count(r->snap);

	add_up(r);
	print_headings(r);
	for (uint32_t i = 0; i < count; i++)
		print_row(r, i);
	print_sums(r);
	mv_out_char(&r->out, '\n', 1);
	print_states(r);
	print_difference(r);
	if (r->snap->maps_torn)
		mv_out_line(&r->out, MV_TEXT("The list of mappings changed while it was read."));
}

static void print_memory(struct report *r)
{
	const struct mv_snapshot *s = r->snap;

	mv_out_char(&r->out, '\n', 1);
	for (int f = 0; f < MV_FIG__N; f++)
		print_figure(r, (enum mv_figure)f);
	mv_out_char(&r->out, '\n', 1);
	if (s->part_why[MV_PART_MAPS] == MV_WHY_HAVE) {
		print_table(r);
	} else {
		struct mv_build b;

		mv_build_init(&b);
		mv_build_clean(&b, MV_TEXT("mappings  "));
		mv_build_why(&b, (enum mv_why)s->part_why[MV_PART_MAPS]);
		mv_out_line(&r->out, mv_build_text(&b));
	}
}

static int print_report(struct report *r)
{
	const struct mv_clean none = mv_batch_no_memory(r->snap);

	print_identity(r);
	if (none.text)
		mv_out_line(&r->out, none);
	else
		print_memory(r);
	return mv_out_end(&r->out);
}

int mv_batch_report(const struct mv_options *options)
{
	struct mv_want want = {.facts = MV_FACT_MAPS | MV_FACT_PAGES | MV_FACT_CMDLINE};
	struct report r = {.quick = options->quick};
	struct mv_batch *batch;
	int printed, status;

	if (!options->quick)
		want.facts |= MV_FACT_SMAPS;
	status = mv_batch_open(options, &batch);
	if (status)
		return status;
	status = mv_out_init(&r.out, STDOUT_FILENO);
	if (!status)
		status = mv_batch_take(batch, &want, &r.snap);
	if (!status) {
		status = mv_batch_judge(batch, r.snap);
		printed = status == MV_EXIT_ENDED ? status : print_report(&r);
		status = status ? status : printed;
	}
	mv_out_release(&r.out);
	mv_batch_close(batch);
	return status;
}
