/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "core/machine_history.h"

#define GROWTH_KNOWN_NS (5 * MV_NS_PER_SEC)
#define LEAST_RISES	8
#define LEAST_BYTES	((uint64_t)1 << 20)
#define CLOCK_STEP_NS \
	(2 * MV_NS_PER_SEC) /* the time of day against the monotonic clock: more is a sleep, or somebody set \
			       it */

/* A process, as it was seen in the newest list. */
struct past {
	uint64_t start_ticks;
	uint64_t first_ns;
	uint64_t first_bytes; /* of RSS and swap, when it was first seen */
	uint64_t base_bytes;  /* when it fell last, or at first */
	uint64_t last_bytes;
	uint64_t swap_bytes; /* as it was known last */
	uint64_t minor, major, cpu_ticks;
	float minor_rate, major_rate, cpu_rate; /* negative: not known */
	int32_t pid;
	uint8_t rises; /* looks one after the other that differed and were higher */
	bool swap_known, at_first;
};

struct mv_machine_history {
	struct mv_ram ram[2];
	unsigned now;	   /* which of the two is the newest */
	uint32_t pictures; /* 0, 1, 2 and more */
	bool gap;	   /* between the last two; no rate says anything */
	uint64_t pace_ns;  /* between the last two pictures; 0 not known yet */
	uint64_t real_ns;  /* the newest picture's time of day */
	struct mv_ram_value values[MV_RAM_FIG__N], pressure[2];
	struct mv_series series[MV_RAM_FIG__N], pressure_series[2];
	struct past *tasks, *spare; /* ascending by pid; room to merge into */
	size_t tasks_count, tasks_cap, spare_cap;
	uint64_t list_ns;      /* of the newest list; 0 there was none */
	uint64_t list_pace_ns; /* between the last two; 0 not known yet */
};

int mv_machine_history_new(struct mv_machine_history **ret_history)
{
	struct mv_machine_history *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	*ret_history = h;
	return 0;
}

void mv_machine_history_free(struct mv_machine_history *history)
{
	if (!history)
		return;
	free(history->tasks);
	free(history->spare);
	free(history);
}

/* ---- the machine ---- */

static void push(struct mv_series *series, uint64_t at_ns, struct mv_ram_value value)
{
	if (value.why == MV_WHY_HAVE)
		mv_series_push(series, at_ns, value.value);
	else
		mv_series_gap(series, at_ns);
}

/* Is what lies between this picture and the last not to be divided by? */
static bool is_gap(const struct mv_machine_history *h, const struct mv_machine_snapshot *m,
		   const struct mv_ram *before)
{
	int64_t step = (int64_t)(m->taken_real_ns - h->real_ns) - (int64_t)(m->ram.at_ns - before->at_ns);

	return mv_ram_gap(&m->ram, before, h->pace_ns) || step > (int64_t)CLOCK_STEP_NS ||
	       step < -(int64_t)CLOCK_STEP_NS;
}

static struct mv_ram_value share_waited(const struct mv_psi *now, const struct mv_psi *before,
					uint64_t elapsed_ns)
{
	double percent;

	if (now->why != MV_WHY_HAVE || before->why != MV_WHY_HAVE)
		return (struct mv_ram_value){.why = now->why != MV_WHY_HAVE ? now->why : before->why};
	if (now->total_us < before->total_us)
		return (struct mv_ram_value){.why = MV_WHY_CHANGED};
	percent = (double)(now->total_us - before->total_us) * 1e5 / (double)elapsed_ns;
	return (struct mv_ram_value){.value = percent < 100 ? percent : 100, .why = MV_WHY_HAVE};
}

static void feed_ram(struct mv_machine_history *h, const struct mv_machine_snapshot *m)
{
	const struct mv_ram *before = h->pictures ? &h->ram[h->now] : NULL;
	const bool gap = h->gap = before && is_gap(h, m, before);
	const struct mv_ram_value unknown = {.why = gap ? MV_WHY_CHANGED : MV_WHY_NOT_READ};
	const struct mv_ram *now = &m->ram;

	for (size_t i = 0; i < MV_RAM_FIG__N; i++) {
		h->values[i] = mv_ram_figure(now, gap ? NULL : before, (enum mv_ram_figure_id)i);
		if (gap && h->values[i].why == MV_WHY_NOT_READ)
			h->values[i] = unknown;
		push(&h->series[i], now->at_ns, h->values[i]);
	}
	for (size_t full = 0; full < 2; full++) {
		h->pressure[full] = unknown;
		if (before && !gap)
			h->pressure[full] =
			    full ? share_waited(&now->full, &before->full, now->at_ns - before->at_ns)
				 : share_waited(&now->some, &before->some, now->at_ns - before->at_ns);
		else if ((full ? now->full : now->some).why != MV_WHY_HAVE)
			h->pressure[full].why = (full ? now->full : now->some).why;
		push(&h->pressure_series[full], now->at_ns, h->pressure[full]);
	}
	if (before)
		h->pace_ns = now->at_ns - before->at_ns;
	h->now ^= 1;
	h->ram[h->now] = *now;
	h->real_ns = m->taken_real_ns;
	h->pictures += h->pictures < 2;
}

struct mv_ram_value mv_machine_figure(const struct mv_machine_history *history, enum mv_ram_figure_id id)
{
	return history->values[id];
}

const struct mv_series *mv_machine_series(const struct mv_machine_history *history, enum mv_ram_figure_id id)
{
	return &history->series[id];
}

struct mv_ram_value mv_machine_pressure(const struct mv_machine_history *history, bool full)
{
	return history->pressure[full];
}

const struct mv_series *mv_machine_pressure_series(const struct mv_machine_history *history, bool full)
{
	return &history->pressure_series[full];
}

/* ---- its processes ---- */

static float rate(uint64_t now, uint64_t before, double seconds)
{
	return now >= before && seconds > 0 ? (float)((double)(now - before) / seconds) : -1;
}

/* Swap is read after RSS, once a process has run: what it has then was there before, too. */
static void learn_swap(struct past *past, const struct mv_task *task)
{
	if (!mv_have(&task->swap_bytes))
		return;
	if (!past->swap_known) {
		past->first_bytes += task->swap_bytes.value;
		past->base_bytes += task->swap_bytes.value;
		past->last_bytes += task->swap_bytes.value;
		past->swap_known = true;
	}
	past->swap_bytes = task->swap_bytes.value;
}

static struct past begin_task(const struct mv_machine_history *h, const struct mv_task *task, uint64_t at_ns)
{
	struct past past = {
	    .start_ticks = task->start_ticks,
	    .first_ns = at_ns,
	    .minor = task->minor_faults,
	    .major = task->major_faults,
	    .cpu_ticks = task->cpu_ticks,
	    .minor_rate = -1,
	    .major_rate = -1,
	    .cpu_rate = -1,
	    .pid = task->pid,
	    .at_first = !h->list_ns,
	};

	past.first_bytes = past.base_bytes = past.last_bytes = task->rss_bytes;
	learn_swap(&past, task);
	return past;
}

/* seconds: since the list before; 0 when nothing is to be divided by it. */
static struct past go_on(struct past past, const struct mv_task *task, double seconds, uint32_t ticks_per_sec)
{
	uint64_t bytes;

	past.minor_rate = rate(task->minor_faults, past.minor, seconds);
	past.major_rate = rate(task->major_faults, past.major, seconds);
	past.cpu_rate = ticks_per_sec ? rate(task->cpu_ticks, past.cpu_ticks, seconds * ticks_per_sec) : -1;
	past.minor = task->minor_faults;
	past.major = task->major_faults;
	past.cpu_ticks = task->cpu_ticks;
	learn_swap(&past, task);
	bytes = task->rss_bytes + past.swap_bytes;
	if (bytes > past.last_bytes) {
		if (past.rises < UINT8_MAX)
			past.rises++;
	} else if (bytes < past.last_bytes) {
		past.rises = 0;
		past.base_bytes = bytes;
	}
	past.last_bytes = bytes;
	return past;
}

/* Since the list before; 0 when a rate would say nothing: nobody has asked for the processes meanwhile, or it
 * is a gap for all. */
static double seconds_between(const struct mv_machine_history *h, uint64_t at_ns)
{
	const struct mv_ram before = {.at_ns = h->list_ns}, now = {.at_ns = at_ns};

	if (!h->list_ns || h->gap ||
	    mv_ram_gap(&now, &before, h->list_pace_ns ? h->list_pace_ns : h->pace_ns))
		return 0;
	return (double)(at_ns - h->list_ns) / (double)MV_NS_PER_SEC;
}

/* Both are ascending by PID: what is in both under the same start goes on, what is only in the list begins.
 */
static int feed_tasks(struct mv_machine_history *h, const struct mv_machine_snapshot *m)
{
	uint32_t count;
	const struct mv_task *tasks = mv_machine_tasks(m, &count);
	double seconds = seconds_between(h, m->tasks_ns);
	size_t at = 0, cap;
	struct past *swap;

	if (count > h->spare_cap) {
		cap = (size_t)count + count / 4 + 64;
		swap = reallocarray(h->spare, cap, sizeof(*swap));
		if (!swap)
			return -ENOMEM;
		h->spare = swap;
		h->spare_cap = cap;
	}
	for (uint32_t i = 0; i < count; i++) {
		while (at < h->tasks_count && h->tasks[at].pid < tasks[i].pid)
			at++;
		if (at < h->tasks_count && h->tasks[at].pid == tasks[i].pid &&
		    h->tasks[at].start_ticks == tasks[i].start_ticks)
			h->spare[i] = go_on(h->tasks[at], &tasks[i], seconds, m->ticks_per_sec);
		else
			h->spare[i] = begin_task(h, &tasks[i], m->tasks_ns);
	}
	swap = h->tasks;
	h->tasks = h->spare;
	h->spare = swap;
	cap = h->tasks_cap;
	h->tasks_cap = h->spare_cap;
	h->spare_cap = cap;
	h->tasks_count = count;
	if (h->list_ns)
		h->list_pace_ns = m->tasks_ns - h->list_ns;
	h->list_ns = m->tasks_ns;
	return 0;
}

int mv_machine_history_feed(struct mv_machine_history *history, const struct mv_machine_snapshot *m)
{
	const uint64_t before_ns = history->ram[history->now].at_ns;

	if (history->pictures && m->ram.at_ns < before_ns)
		return 0;
	/* A picture can come again before the next look, with more of what is read in slices. */
	if (!history->pictures || m->ram.at_ns > before_ns)
		feed_ram(history, m);
	/* No view that shows processes was open: what is known of them stays. */
	if (!m->tasks.count || m->tasks_ns <= history->list_ns)
		return 0;
	return feed_tasks(history, m);
}

static const struct past *find_task(const struct mv_machine_history *h, int32_t pid)
{
	size_t low = 0, high = h->tasks_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (h->tasks[mid].pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < h->tasks_count && h->tasks[low].pid == pid ? &h->tasks[low] : NULL;
}

static struct mv_rate rate_of(float value)
{
	return (struct mv_rate){.per_second = value < 0 ? 0 : (double)value, .have = value >= 0};
}

static bool only_grows(const struct past *past)
{
	uint64_t grown = past->last_bytes - past->base_bytes; /* it has not fallen since */

	return past->rises >= LEAST_RISES && grown >= LEAST_BYTES && grown >= past->base_bytes / 100;
}

struct mv_task_change mv_machine_task_change(const struct mv_machine_history *history, int32_t pid,
					     uint64_t start_ticks)
{
	const struct past *past = find_task(history, pid);
	struct mv_task_change change = {0};
	uint64_t seen_ns;

	if (!past || past->start_ticks != start_ticks)
		return change;
	seen_ns = history->list_ns - past->first_ns;
	change.first_ns = past->first_ns;
	change.grown_bytes = (int64_t)(past->last_bytes - past->first_bytes);
	if (seen_ns >= GROWTH_KNOWN_NS)
		change.growth = (struct mv_rate){
		    (double)change.grown_bytes * (double)MV_NS_PER_SEC / (double)seen_ns, true};
	change.minor = rate_of(past->minor_rate);
	change.major = rate_of(past->major_rate);
	change.cpu = rate_of(past->cpu_rate);
	change.is_new = !past->at_first && seen_ns < MV_LIT_NS;
	change.only_grows = only_grows(past);
	return change;
}
