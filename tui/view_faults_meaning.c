/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tui/view_faults.h"

/* What `w` says of the faults view's figures. */

#define SAMPLES "perf_event_open(2): PERF_COUNT_SW_PAGE_FAULTS_MIN and _MAJ, on every thread"

struct words {
	struct mv_clean title, formula, source, unit, note;
};

static const struct words general[] = {
    {{"faults/s of a kind"},
     {"(estimated faults now - at the last look) / seconds between; estimated faults = sum over the samples of the period "
      "each was taken with"},
     {SAMPLES},
     {"faults a second"},
     {"Every n-th fault is a sample; n adapts so that the process keeps its pace. At every fault (n = 1) it is exact."}},
    {{"all, counted"},
     {"minor + major: a second, from the process's counters; since the tracing began, from the events' own counts"},
     {"/proc/PID/stat fields 10 and 12; the perf events' counts"},
     {"faults, exact"},
     {"What is estimated may differ a little; by much when samples were lost or faults in system calls are not seen."}},
    {{"samples and their period"},
     {"one sample every n faults of a thread; n is one of a row of primes, so that no pattern of the program beats "
      "against it"},
     {SAMPLES},
     {"samples; faults a sample"},
     {"Lost: samples that found the kernel's buffer full. They are counted, never guessed."}},
    {{"memory that faults brought"},
     {"pages that the faults mapped x bytes of a page; a huge fault brings 512 pages"},
     {SAMPLES},
     {"bytes, estimated like the faults"},
     {""}},
};

static const struct words of_stacks[] = {
    {{"touched, by function"},
     {"sum of the pages that faults brought while the function was on the stack: its own and those of what it called"},
     {SAMPLES ", with registers and a copy of the stack; unwound by libunwind, named by libdw"},
     {"pages, estimated; bytes = pages x page size"},
     {"First touches: memory that grows is touched for the first time by somebody. A page that is freed and touched again "
      "counts again. Calls that lead nowhere else stand in one line: first > ... > last."}},
    {{"share of the pages"},
     {"pages of this line / pages of all stacks (of this thread, if only one is shown)"},
     {SAMPLES},
     {"percent"},
     {"Lines inside a line are parts of it; what is missing of it the function touched itself."}},
};

static const struct words of_mappings[] = {
    {{"faults/s of a mapping"},
     {"sum of the weights of its entries in the log of the last second / that time"},
     {SAMPLES},
     {"faults a second"},
     {"The log keeps 2,048 entries: when it reaches back less than a second, of as much as it has."}},
    {{"faults of a mapping"},
     {"sum of the weights of the samples whose address lay in it"},
     {SAMPLES "; /proc/PID/maps"},
     {"faults, estimated, since the tracing began"},
     {"(gone): it is not mapped any more."}},
};

static const struct words of_threads[] = {
    {{"faults of a thread"},
     {"sum of the weights of its samples; faults/s from the log of the last second"},
     {SAMPLES},
     {"faults, estimated, since the tracing began"},
     {"The right arrow shows its call stacks alone, the left one all again."}},
};

static const struct words of_log[] = {
    {{"the log"},
     {"samples, newest first; SECONDS: since the tracing began"},
     {SAMPLES},
     {"one sampled fault a line"},
     {"The function is the innermost of the program's own, also where the kernel touched the page for it."}},
};

static const struct words *words_of(enum mv_faults_pane pane, unsigned *ret_count)
{
	switch (pane) {
	case MV_FAULTS_STACKS:
		*ret_count = MV_COUNT_OF(of_stacks);
		return of_stacks;
	case MV_FAULTS_MAPPINGS:
		*ret_count = MV_COUNT_OF(of_mappings);
		return of_mappings;
	case MV_FAULTS_THREADS:
		*ret_count = MV_COUNT_OF(of_threads);
		return of_threads;
	default:
		*ret_count = MV_COUNT_OF(of_log);
		return of_log;
	}
}

static void say(struct mv_meaning *m, const struct words *w)
{
	mv_words_meaning(m, w->title, w->formula, w->source, w->unit, w->note);
}

static void say_kind(struct mv_meaning *m, unsigned kind)
{
	mv_words_meaning(m, mv_words_fault(kind), mv_words_fault_meaning(kind),
			 MV_TEXT(SAMPLES "; the page before and after, from /proc/PID/pagemap; its mapping"),
			 MV_TEXT("faults, estimated"),
			 MV_TEXT("Told from what was known of the page; where that does not settle it, the kind is unknown."));
}

/* First what the pane shows, then what lies above it, then the kinds that occurred, then the header. */
bool mv_faults_meaning(const struct mv_faults_view *v, const struct mv_context *ctx, unsigned n, struct mv_meaning *m)
{
	unsigned count;
	const struct words *w = words_of(v->pane, &count);
	uint32_t kinds = mv_faults_kinds(ctx->snap);

	if (n < count) {
		say(m, &w[n]);
		return true;
	}
	n -= count;
	if (n < MV_COUNT_OF(general)) {
		say(m, &general[n]);
		return true;
	}
	n -= (unsigned)MV_COUNT_OF(general);
	for (unsigned k = 0; k < MV_FAULT__N; k++) {
		if (!(kinds >> k & 1))
			continue;
		if (n-- == 0) {
			say_kind(m, k);
			return true;
		}
	}
	return mv_header_meaning(ctx, n, m);
}
