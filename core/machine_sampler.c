/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/machine_sampler_private.h"
#include "core/text.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Shares of one core that each kind of reading may take in the long run, as 1/n: after one that took t, the
 * next waits n * t. The first look at anything is not paced.
 */
#define SHARE_PSS    50
#define SHARE_GROUPS 50
#define SHARE_ATLAS  33
#define SHARE_LIT    100
#define SHARE_FRAME  100
/* What is read of processes between two looks: no more than a twentieth of that time. */
#define SHARE_TASKS 20

#define SLICE_NS     (2 * MV_NS_PER_SEC / 1000)
#define GROUPS_NS    (5 * MV_NS_PER_SEC)
#define LIT_NS	     MV_NS_PER_SEC
#define ROUND_NS     (MV_NS_PER_SEC / 2) /* of the atlas, at least */
#define TASKS_STEP   16
#define GROUPS_STEP  4
#define ATLAS_FRAMES 16384
#define LIT_PAGES    65536
#define LOG_RECORDS  2000

static uint64_t now_of(const struct mv_machine_sampler *s)
{
	return mv_source_now(s->source);
}

/* ---- what stays as it is ---- */

/* A line of text, in ASCII that is safe to show. */
static void read_word(struct mv_source *source, const char *name, char *out, size_t cap)
{
	char text[256];
	ssize_t n = mv_source_read(source, name, text, sizeof(text));
	size_t used = 0;

	for (ssize_t i = 0; i < n && text[i] != '\n' && used + 1 < cap; i++)
		out[used++] = text[i] > ' ' && text[i] <= '~' && text[i] != '\\' ? text[i] : '?';
	out[used] = '\0';
}

static struct mv_val read_number(struct mv_source *source, const char *name)
{
	char text[64];
	ssize_t n = mv_source_read(source, name, text, sizeof(text));
	struct mv_scan s = {text, text + (n > 0 ? n : 0)};
	uint64_t value;

	if (n < 0)
		return mv_val_missing(MV_WHY_NO_KERNEL);
	return mv_scan_dec(&s, &value) ? mv_val_of(value) : mv_val_missing(MV_WHY_MALFORMED);
}

/* When the machine was started: start times of processes count from there. */
static uint64_t booted(struct mv_source *source)
{
	char text[128];
	ssize_t n = mv_source_read(source, "uptime", text, sizeof(text));
	struct mv_scan s = {text, text + (n > 0 ? n : 0)};
	uint64_t up_s, up_cs;

	if (!mv_scan_dec(&s, &up_s) || !mv_scan_char(&s, '.') || !mv_scan_dec(&s, &up_cs))
		return mv_source_now_real(source) - mv_source_now(source);
	return mv_source_now_real(source) - (up_s * 100 + up_cs) * (MV_NS_PER_SEC / 100);
}

static uint32_t count_cpus(struct mv_source *source)
{
	char text[1 << 14];
	ssize_t n = mv_source_is_live(source) ? -ENOENT : mv_source_read(source, "stat", text, sizeof(text));
	struct mv_scan all = {text, text + (n > 0 ? n : 0)}, line;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t cpus = 0;

	if (mv_source_is_live(source))
		return online > 0 ? (uint32_t)online : 1;
	while (mv_scan_line(&all, &line))
		if (line.end - line.at > 4 && !memcmp(line.at, "cpu", 3) && line.at[3] != ' ')
			cpus++;
	return cpus ? cpus : 1;
}

int mv_machine_sampler_new(struct mv_source *source, _Atomic int32_t *at_pid,
			   struct mv_machine_sampler **ret_sampler)
{
	struct mv_machine_sampler *s = calloc(1, sizeof(*s));
	long hz = sysconf(_SC_CLK_TCK);
	int err;

	if (!s)
		return -ENOMEM;
	s->source = source;
	s->at_pid = at_pid;
	s->stuck_pid = at_pid ? atomic_load(at_pid) : 0;
	s->page_bytes = mv_source_page_bytes(source);
	s->ticks_per_sec = mv_source_is_live(source) && hz > 0 ? (uint32_t)hz : 100;
	s->cpus = count_cpus(source);
	s->booted_real_ns = booted(source);
	read_word(source, "sys/kernel/hostname", s->host, sizeof(s->host));
	read_word(source, "sys/kernel/osrelease", s->kernel, sizeof(s->kernel));
	err = mv_tasks_new(source, false, &s->tasks);
	if (!err)
		err = mv_groups_new(&s->groups);
	if (!err)
		err = mv_kills_new(&s->kills);
	if (err) {
		mv_machine_sampler_free(s);
		return err;
	}
	s->kills_why = s->groups_why = s->atlas_why = mv_val_missing(MV_WHY_NOT_ASKED);
	*ret_sampler = s;
	return 0;
}

void mv_machine_sampler_free(struct mv_machine_sampler *s)
{
	if (!s)
		return;
	mv_atlas_free(s->atlas);
	mv_tasks_free(s->tasks);
	mv_groups_free(s->groups);
	mv_kills_free(s->kills);
	free(s);
}

/* ---- what is asked for ---- */

/* Wants come from a process with fewer rights: a window that can't be is none. */
static void settle_want(struct mv_machine_want *want)
{
	if (want->visible_count > MV_MACHINE_VISIBLE)
		want->visible_count = 0;
	if (!want->cell_frames || want->cell_frames & (want->cell_frames - 1) ||
	    want->atlas_end < want->atlas_start ||
	    (want->atlas_end - want->atlas_start) / want->cell_frames >= MV_ATLAS_CELLS)
		want->atlas_start = want->atlas_end = 0;
	if (!want->cell_frames || want->cell_frames & (want->cell_frames - 1))
		want->cell_frames = 1;
}

static bool same_visible(const struct mv_machine_want *a, const struct mv_machine_want *b)
{
	return a->visible_count == b->visible_count &&
	       memcmp(a->visible, b->visible, a->visible_count * sizeof(a->visible[0])) == 0;
}

static int make_atlas(struct mv_machine_sampler *s)
{
	int err = s->atlas ? 0 : mv_atlas_new(s->source, &s->atlas);

	if (err)
		s->atlas_why = mv_val_missing(err == -ENOMEM ? MV_WHY_NO_MEMORY : MV_WHY_IO);
	return err;
}

void mv_machine_sampler_want(struct mv_machine_sampler *s, const struct mv_machine_want *want)
{
	const struct mv_machine_want old = s->want;
	uint32_t fresh = want->facts & ~old.facts;

	s->want = *want;
	settle_want(&s->want);
	if (fresh & MV_MACHINE_GROUPS)
		s->groups_pace.due_ns = 0;
	if (s->want.facts & (MV_MACHINE_ATLAS | MV_MACHINE_FRAME))
		make_atlas(s);
	if (s->atlas && s->want.lit != s->lit) {
		s->lit = s->want.lit;
		mv_atlas_light(s->atlas, s->lit);
		s->lit_pace = (struct pace){.active = s->lit != 0};
	}
	if (s->atlas && WANTS(s, FRAME) &&
	    (!s->frame_known || fresh & MV_MACHINE_FRAME || s->want.pfn != old.pfn ||
	     !same_visible(&s->want, &old))) {
		mv_frame_begin(s->atlas, s->want.pfn, s->want.visible, s->want.visible_count);
		s->frame_known = true;
		s->frame_pace = (struct pace){.active = true};
	}
	if (s->want.atlas_start != old.atlas_start || s->want.atlas_end != old.atlas_end) {
		s->atlas_pace.due_ns = 0;
		s->window_left = s->want.atlas_end - s->want.atlas_start + ATLAS_FRAMES;
	}
	/* Complete means of now, not what an earlier want was answered with. */
	if (WHOLE(s))
		s->groups_pace = s->pss_pace = (struct pace){0};
	s->changed = true;
}

/* ---- the cheap things ---- */

/* PID 1 is always there: who can't read it sees his own processes alone. */
static bool are_hidden(struct mv_machine_sampler *s)
{
	char text[16];
	ssize_t n = mv_source_task_read(s->source, 1, MV_FILE_STAT, text, sizeof(text));

	return n == -EPERM || n == -EACCES;
}

static void settle_total(struct mv_machine_sampler *s)
{
	const struct mv_val *ram = &s->ram.meminfo[MV_MEM_TOTAL], *swap = &s->ram.meminfo[MV_MEM_SWAP_TOTAL];

	s->total_pages =
	    ((mv_have(ram) ? ram->value : 0) + (mv_have(swap) ? swap->value : 0)) / s->page_bytes;
}

static void lay_out_atlas(struct mv_machine_sampler *s)
{
	int err = make_atlas(s);

	if (!err)
		err = mv_atlas_lay_out(s->atlas, &s->ram);
	if (err)
		s->atlas_why = mv_val_missing(err == -ENOMEM ? MV_WHY_NO_MEMORY : MV_WHY_IO);
	else
		s->atlas_why = mv_val_of(1);
}

int mv_machine_sampler_tick(struct mv_machine_sampler *s)
{
	int err = mv_ram_read(s->source, &s->ram);

	if (err)
		return err;
	settle_total(s);
	if (WANTS_TASKS(s)) {
		err = mv_tasks_read(s->tasks);
		if (err)
			return err;
		s->tasks_ns = now_of(s);
		s->tasks_cost_ns = 0;
		s->tasks_due = true;
		s->tasks_hidden = are_hidden(s);
		if (s->stuck_pid)
			mv_tasks_refuse_pss(s->tasks, s->stuck_pid);
	}
	/* A fixture's look is all that there is of that moment. */
	if (!mv_source_is_live(s->source))
		s->groups_pace.due_ns = s->pss_pace.due_ns = 0;
	if (WANTS(s, OOM)) {
		s->panic_on_oom = read_number(s->source, "sys/vm/panic_on_oom");
		s->kill_allocating = read_number(s->source, "sys/vm/oom_kill_allocating_task");
		s->weigh_due = true;
	}
	if (WANTS(s, KILLS))
		s->log_due = true;
	if (s->want.facts & (MV_MACHINE_ATLAS | MV_MACHINE_FRAME))
		lay_out_atlas(s);
	s->changed = true;
	return 0;
}

/* ---- slices ---- */

/* Is it time? Else *ret_next_ns comes down to when it is. While it is paused, what is known stays as it is.
 */
static bool due(const struct mv_machine_sampler *s, const struct pace *p, uint64_t *ret_next_ns)
{
	if (WHOLE(s))
		return true;
	if (!s->want.interval_ms && p->done_ns)
		return false;
	if (now_of(s) >= p->due_ns)
		return true;
	if (p->due_ns < *ret_next_ns)
		*ret_next_ns = p->due_ns;
	return false;
}

static unsigned how_tasks(const struct mv_machine_sampler *s)
{
	const bool all = WHOLE(s) || !mv_source_is_live(s->source);

	return (WANTS(s, GROUPS) ? MV_TASKS_GROUPS : 0u) | (all ? MV_TASKS_ALL : 0u);
}

/* Status, and what goes with it, of those that are due since the look. */
static bool work_tasks(struct mv_machine_sampler *s)
{
	const uint64_t began_ns = now_of(s);
	const uint64_t most_ns = s->want.interval_ms * (MV_NS_PER_SEC / 1000) / SHARE_TASKS;
	bool first, more = true;

	if (!s->tasks_due || !WANTS_TASKS(s))
		return false;
	first = !mv_tasks_whole(s->tasks);
	while (more && now_of(s) - began_ns < SLICE_NS)
		more = mv_tasks_step(s->tasks, how_tasks(s), TASKS_STEP) > 0;
	s->tasks_cost_ns += now_of(s) - began_ns;
	if (!first && !WHOLE(s) && most_ns && s->tasks_cost_ns > most_ns)
		more = false;
	s->tasks_due = more;
	if (!more && first)
		s->changed = true;
	return true;
}

static bool work_scores(struct mv_machine_sampler *s)
{
	if (!s->weigh_due || s->tasks_due || !WANTS(s, OOM))
		return false;
	mv_tasks_weigh(s->tasks, s->total_pages);
	mv_tasks_score(s->tasks, MV_TASKS_SCORED);
	s->weigh_due = false;
	return true;
}

struct log_slice {
	struct mv_machine_sampler *s;
	size_t left;
};

static int take_record(void *arg, const char *record, size_t len)
{
	struct log_slice *slice = arg;
	int ret = mv_kills_take(slice->s->kills, record, len);

	if (ret < 0)
		return ret;
	if (ret)
		slice->s->changed = true;
	return --slice->left == 0;
}

static bool work_log(struct mv_machine_sampler *s)
{
	struct log_slice slice = {s, LOG_RECORDS};
	int ret;

	if (!s->log_due || !WANTS(s, KILLS))
		return false;
	ret = mv_source_log(s->source, take_record, &slice);
	s->log_due = ret > 0;
	if (ret < 0)
		s->kills_why = mv_val_missing(ret == -EPERM    ? MV_WHY_NEEDS_SYSLOG
					      : ret == -ENOENT ? MV_WHY_NO_KERNEL
					      : ret == -ENOMEM ? MV_WHY_NO_MEMORY
							       : MV_WHY_IO);
	else if (ret == 0)
		s->kills_why = mv_val_of(1);
	return true;
}

/* A round has ended: when may the next begin? */
static void end_round(struct mv_machine_sampler *s, struct pace *p, uint64_t least_ns, unsigned share)
{
	const uint64_t now_ns = now_of(s), wait_ns = p->cost_ns * share;

	*p = (struct pace){.done_ns = now_ns ? now_ns : 1,
			   .due_ns = now_ns + (wait_ns > least_ns ? wait_ns : least_ns)};
}

static void fail_groups(struct mv_machine_sampler *s, int err)
{
	s->groups_why = mv_val_missing(err == -ENOENT	? MV_WHY_NO_KERNEL
				       : err == -ENOMEM ? MV_WHY_NO_MEMORY
							: MV_WHY_IO);
	end_round(s, &s->groups_pace, GROUPS_NS, SHARE_GROUPS);
}

static bool work_groups(struct mv_machine_sampler *s, uint64_t *ret_next_ns)
{
	struct pace *p = &s->groups_pace;
	const uint64_t began_ns = now_of(s);
	int ret = 1;

	if (!WANTS(s, GROUPS))
		return false;
	if (!p->active) {
		if (WHOLE(s) ? p->done_ns != 0 : !due(s, p, ret_next_ns))
			return false;
		ret = mv_groups_begin(s->groups, s->source);
		if (ret) {
			fail_groups(s, ret);
			return true;
		}
		p->active = true;
		p->cost_ns = 0;
		ret = 1;
	}
	while (ret > 0 && now_of(s) - began_ns < SLICE_NS)
		ret = mv_groups_step(s->groups, GROUPS_STEP);
	p->cost_ns += now_of(s) - began_ns;
	if (ret > 0)
		return true;
	if (ret < 0) {
		fail_groups(s, ret);
		return true;
	}
	s->groups_why = mv_val_of((uint64_t)mv_groups_version(s->groups));
	mv_tasks_place(s->tasks, s->groups);
	s->changed = true;
	end_round(s, p, GROUPS_NS, SHARE_GROUPS);
	return true;
}

/* Whose turn it is: of those whose time has come the one that has waited longest. 0 nobody's. */
static int32_t next_pss(const struct mv_machine_sampler *s, uint64_t *ret_next_ns)
{
	const uint64_t now_ns = now_of(s);
	uint64_t oldest = UINT64_MAX;
	int32_t pid = 0;

	for (uint32_t i = 0; i < s->want.visible_count; i++) {
		uint64_t due_ns = mv_tasks_pss_due(s->tasks, s->want.visible[i]);

		if (due_ns == UINT64_MAX || ((WHOLE(s) || !s->want.interval_ms) && due_ns))
			continue;
		if (due_ns > now_ns) {
			*ret_next_ns = due_ns < *ret_next_ns ? due_ns : *ret_next_ns;
		} else if (due_ns < oldest) {
			oldest = due_ns;
			pid = s->want.visible[i];
		}
	}
	return pid;
}

static bool work_pss(struct mv_machine_sampler *s, uint64_t *ret_next_ns)
{
	struct pace *p = &s->pss_pace;
	const uint64_t began_ns = now_of(s);
	int32_t pid;

	if (!WANTS_TASKS(s) || !s->want.visible_count)
		return false;
	if (!due(s, p, ret_next_ns))
		return false;
	pid = next_pss(s, ret_next_ns);
	if (!pid)
		return false;
	if (s->at_pid)
		atomic_store(s->at_pid, pid);
	mv_tasks_read_pss(s->tasks, pid);
	if (s->at_pid)
		atomic_store(s->at_pid, 0);
	p->cost_ns = now_of(s) - began_ns;
	p->due_ns = now_of(s) + p->cost_ns * SHARE_PSS;
	s->changed = true;
	return true;
}

/* After a slice of a picture that is kept live: on at once in the first round, then at the pace. */
static void end_slice(struct mv_machine_sampler *s, struct pace *p, uint64_t began_ns, bool ended,
		      unsigned share)
{
	const uint64_t now_ns = now_of(s), cost_ns = now_ns - began_ns;

	if (ended && !p->done_ns)
		p->done_ns = now_ns ? now_ns : 1;
	p->due_ns = p->done_ns ? now_ns + cost_ns * share : now_ns;
	/* A machine of few frames, or of none that can be told, is looked through in no time. */
	if (ended && p->due_ns < now_ns + ROUND_NS)
		p->due_ns = now_ns + ROUND_NS;
	s->changed = true;
}

static bool work_atlas(struct mv_machine_sampler *s, uint64_t *ret_next_ns)
{
	struct pace *p = &s->atlas_pace;
	const uint64_t began_ns = now_of(s);
	int ret;

	if (!WANTS(s, ATLAS) || !s->atlas || !mv_have(&s->atlas_why))
		return false;
	/* A new window is looked at even while it is paused. */
	if (WHOLE(s) ? p->done_ns != 0 : !due(s, p, ret_next_ns) && (s->want.interval_ms || !s->window_left))
		return false;
	s->window_left -= s->window_left < ATLAS_FRAMES ? s->window_left : ATLAS_FRAMES;
	ret = mv_atlas_step(s->atlas, &s->want, ATLAS_FRAMES);
	end_slice(s, p, began_ns, ret <= 0, SHARE_ATLAS);
	if (ret < 0)
		p->due_ns = UINT64_MAX; /* refused; the head says why */
	return true;
}

static bool work_lit(struct mv_machine_sampler *s, uint64_t *ret_next_ns)
{
	struct pace *p = &s->lit_pace;
	const uint64_t began_ns = now_of(s);
	int ret;

	if (!WANTS(s, ATLAS) || !s->atlas || !s->lit || !mv_have(&s->atlas_why))
		return false;
	/* Frames are lit among those that are known. */
	if (!s->atlas_pace.done_ns || (WHOLE(s) ? p->done_ns != 0 : !due(s, p, ret_next_ns)))
		return false;
	ret = mv_atlas_step_lit(s->atlas, LIT_PAGES);
	p->cost_ns += now_of(s) - began_ns;
	if (ret <= 0)
		end_round(s, p, ret < 0 ? 10 * LIT_NS : LIT_NS, SHARE_LIT);
	s->changed = true;
	return true;
}

static bool work_frame(struct mv_machine_sampler *s, uint64_t *ret_next_ns)
{
	struct pace *p = &s->frame_pace;
	const uint64_t began_ns = now_of(s);

	if (!WANTS(s, FRAME) || !s->atlas || !s->frame_known)
		return false;
	if (!p->active) {
		if (WHOLE(s) ? p->done_ns != 0 : !due(s, p, ret_next_ns))
			return false;
		mv_frame_begin(s->atlas, s->want.pfn, s->want.visible, s->want.visible_count);
		p->active = true;
		p->cost_ns = 0;
	}
	if (mv_frame_step(s->atlas, LIT_PAGES) > 0) {
		p->cost_ns += now_of(s) - began_ns;
		return true;
	}
	p->cost_ns += now_of(s) - began_ns;
	end_round(s, p, LIT_NS, SHARE_FRAME);
	s->changed = true;
	return true;
}

int mv_machine_sampler_work(struct mv_machine_sampler *s, uint64_t *ret_due_ns)
{
	uint64_t next_ns = UINT64_MAX;

	*ret_due_ns = UINT64_MAX;
	if (work_tasks(s) || work_log(s) || work_groups(s, &next_ns) || work_scores(s) ||
	    work_pss(s, &next_ns) || work_frame(s, &next_ns) || work_atlas(s, &next_ns) ||
	    work_lit(s, &next_ns))
		return 1;
	*ret_due_ns = next_ns;
	return 0;
}

bool mv_machine_sampler_changed(const struct mv_machine_sampler *s)
{
	return s->changed;
}
