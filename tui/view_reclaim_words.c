/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/text.h"
#include "tui/view_reclaim.h"

/* What of RAM could be had now, and what could not; who is next, in a sentence; what `w` says. */

static uint64_t known(struct mv_val v)
{
	return mv_have(&v) ? v.value : 0;
}

void reclaim_sums_make(struct reclaim_sums *sums, const struct mv_context *ctx)
{
	struct mv_val total = mv_machine_mem(ctx, MV_MEM_TOTAL),
		      free_bytes = mv_machine_mem(ctx, MV_MEM_FREE);
	struct reclaim_sums *s = sums;
	uint64_t told = 0;

	*s = (struct reclaim_sums){.have = mv_have(&total) && mv_have(&free_bytes)};
	if (!s->have)
		return;
	struct mv_reclaim r = mv_reclaim_of(&ctx->machine->ram);
	uint64_t reserve = known(r.reserve) < free_bytes.value ? known(r.reserve) : free_bytes.value;
	const struct mv_share parts[RECLAIM_PARTS] = {
	    {free_bytes.value - reserve, ROLE_RAM_FREE, U'·', '.', {"free"}},
	    {known(r.cache_clean), ROLE_RAM_CACHE, U'▒', '+', {"clean page cache"}},
	    {known(r.slab), ROLE_RAM_BUFFERS, U'░', ':', {"slab"}},
	    {known(r.cache_dirty), ROLE_WARN, U'▓', '%', {"page cache, once written"}},
	    {known(r.swappable), ROLE_RAM_SWAP, U's', 's', {"to swap"}},
	    {known(r.stuck_anon), ROLE_RAM_USED, U'█', '#', {"processes' own and shared memory"}},
	    {known(r.locked), ROLE_RAM_LOCKED, U'×', 'x', {"locked"}},
	    {known(r.kernel), ROLE_RAM_KERNEL, U'▪', 'k', {"kernel"}},
	    {known(r.huge), ROLE_RAM_LOCKED, U'H', 'H', {"huge pages"}},
	    {reserve, ROLE_RAM_KERNEL, U'=', '=', {"reserve"}},
	    {0, ROLE_DIM, U'?', '?', {"not told by meminfo"}},
	};
	for (size_t i = 0; i < RECLAIM_PARTS; i++) {
		s->parts[i] = parts[i];
		told += parts[i].bytes;
	}
	s->parts[RECLAIM_PARTS - 1].bytes = total.value > told ? total.value - told : 0;
	s->first[0] = 0;
	s->first[1] = 3;
	s->first[2] = 5;
	s->first[3] = RECLAIM_PARTS;
}

/* "18.2G can be had at once:  · free 16.8G  ▒ clean page cache 1.2G" */
int reclaim_sums_draw(struct mv_canvas *c, struct mv_rect r, const struct reclaim_sums *sums, bool exact)
{
	static const struct mv_clean words[] = {
	    {" can be had at once"}, {" with some work"}, {" not at all"}};
	int y = r.y, indent = r.cols >= 90 ? 30 : r.cols >= 60 ? 26 : 0;

	for (int run = 0; run < 3 && y < r.y + r.rows; run++) {
		struct mv_share shown[RECLAIM_PARTS];
		size_t count = 0;
		uint64_t sum = 0;
		struct mv_build b;

		for (size_t i = sums->first[run]; i < sums->first[run + 1]; i++) {
			sum += sums->parts[i].bytes;
			if (sums->parts[i].bytes)
				shown[count++] = sums->parts[i];
		}
		mv_build_init(&b);
		mv_size_build(&b, sum, exact);
		mv_build_pad(&b, exact ? 0 : 5);
		mv_build_clean(&b, words[run]);
		if (c)
			mv_canvas_build(c, y, r.x, r.cols, run == 2 ? ROLE_TEXT : ROLE_STRONG, &b);
		int head = (int)mv_clean_width(mv_build_text(&b)) + 2, in = head > indent ? head : indent;
		if (!indent || in + 20 > r.cols) {
			y++;
			continue;
		}
		int rows = mv_parts_legend(c, (struct mv_rect){y, r.x + in, r.y + r.rows - y, r.cols - in},
					   shown, count, exact);
		y += rows > 1 ? rows : 1;
	}
	return y - r.y;
}

/* ---- who is next ---- */

enum mv_role reclaim_answer(struct mv_build *b, const struct reclaim_view *v, const struct mv_context *ctx)
{
	const struct mv_machine_snapshot *m = ctx->machine;
	uint32_t count;

	mv_build_init(b);
	if (!m || !m->tasks_ns) {
		mv_build_clean(b, MV_TEXT("reading the processes"));
		return ROLE_DIM;
	}
	if (mv_have(&m->panic_on_oom) && m->panic_on_oom.value) {
		mv_build_clean(b, MV_TEXT("out of memory, the machine would panic: vm.panic_on_oom is set"));
		return ROLE_ALERT;
	}
	const struct mv_task *tasks = mv_machine_tasks(m, &count);
	const struct victim_row *first = NULL;
	for (uint32_t i = 0; i < v->count && !first; i++)
		if (!v->rows[i].is_group)
			first = &v->rows[i];
	if (v->pane != RECLAIM_MACHINE || !first || first->task >= count) {
		if (v->pane == RECLAIM_GROUPS && v->limited)
			mv_build_clean(b, MV_TEXT("at a group's limit only its own processes are compared, "
						  "against that limit; the machine may have plenty"));
		else if (v->pane == RECLAIM_MACHINE)
			mv_build_clean(b, MV_TEXT("no process could be killed"));
		return ROLE_DIM;
	}
	const struct mv_task *task = &tasks[first->task];
	struct badness bad = badness_of(ctx, task, first->group);
	struct mv_val frees = mv_oom_frees(task);
	mv_build_clean(b, mv_machine_text(m, task->name));
	mv_build_fmt(b, " %d would be killed first: RSS ", task->pid);
	mv_size_build(b, bad.rss, ctx->exact);
	mv_build_clean(b, MV_TEXT(" + swap "));
	mv_size_build(b, bad.swap, ctx->exact);
	mv_build_clean(b, MV_TEXT(" + tables "));
	mv_size_build(b, bad.tables, ctx->exact);
	if (bad.adjust) {
		mv_build_clean(b,
			       bad.adjust > 0 ? MV_TEXT(" + oom_score_adj ") : MV_TEXT(" - oom_score_adj "));
		mv_size_build(b, (uint64_t)(bad.adjust > 0 ? bad.adjust : -bad.adjust), ctx->exact);
	}
	mv_build_clean(b, MV_TEXT(" is more than of any other"));
	if (mv_have(&frees)) {
		mv_build_clean(b, MV_TEXT("; its end would free "));
		mv_size_build(b, frees.value, ctx->exact);
	}
	if (mv_have(&m->kill_allocating) && m->kill_allocating.value)
		mv_build_clean(b,
			       MV_TEXT(". But whoever asks is killed: vm.oom_kill_allocating_task is set"));
	return ROLE_STRONG;
}

/* ---- what it is ---- */

#define MEMINFO "/proc/meminfo, /proc/zoneinfo"
#define BADNESS \
	"the kernel's own arithmetic, mm/oom_kill.c: RSS + swap + page tables + oom_score_adj x all pages " \
	"/ 1000"

static const struct {
	struct mv_clean title, formula, source, unit, note;
} meanings[] = {
    {{"can be had at once"},
     {"free memory above the zones' low marks, page cache that is the same on disk, and slab objects that "
      "nobody holds"},
     {MEMINFO},
     {"bytes (K = 1024, M = 1024K, G = 1024M)"},
     {"Dropping it costs whoever needs it again a read from disk. MemAvailable is the kernel's more careful "
      "estimate of the same."}},
    {{"with some work"},
     {"page cache that must be written first; anonymous and shared memory, as far as swap has room for it"},
     {MEMINFO},
     {"bytes"},
     {"Without swap no anonymous page can be moved out of RAM."}},
    {{"not at all"},
     {"anonymous and shared memory that no swap can take, what is locked, the kernel's own, reserved huge "
      "pages, and the reserve below the low marks"},
     {MEMINFO},
     {"bytes"},
     {"When this is all there is, only the end of a process frees memory: the OOM killer chooses one."}},
    {{"BADNESS"},
     {BADNESS},
     {"/proc/PID/status VmRSS, VmSwap, VmPTE; /proc/PID/oom_score_adj"},
     {"bytes"},
     {"The highest is killed. With oom_score_adj at -1000 it is never killed, nor is PID 1, nor a part of "
      "the kernel. All pages: RAM and swap; in a memory cgroup, its limit."}},
    {{"ADJ"},
     {"oom_score_adj x all pages / 1000: what was set for this process, as bytes"},
     {"/proc/PID/oom_score_adj"},
     {"bytes; the setting goes from -1000 to 1000"},
     {"systemd's OOMScoreAdjust= and container engines set it."}},
    {{"SCORE"},
     {"(1000 + badness x 1000 / all pages) x 2 / 3"},
     {"/proc/PID/oom_score"},
     {"a number from 0 to 1333"},
     {"666 means: nothing of it, and nothing set."}},
    {{"FREES"},
     {"what its end would give back: anonymous memory, its room in swap, page tables"},
     {"/proc/PID/status RssAnon, VmSwap, VmPTE"},
     {"bytes"},
     {"Pages of files stay as page cache, shared memory stays for as long as it has a name or another "
      "user."}},
    {{"past kills"},
     {"what the kernel's log still has of the OOM killer, newest first"},
     {"/dev/kmsg"},
     {""},
     {"The log is a ring: older kills are gone from it. OOM kills above counts all since boot."}},
};

bool reclaim_meaning(const struct reclaim_view *v, const struct mv_context *ctx, unsigned n,
		     struct mv_meaning *m)
{
	(void)v;
	(void)ctx;
	if (n >= MV_COUNT_OF(meanings))
		return false;
	mv_words_meaning(m, meanings[n].title, meanings[n].formula, meanings[n].source, meanings[n].unit,
			 meanings[n].note);
	return true;
}
