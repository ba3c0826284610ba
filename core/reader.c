/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/reader.h"

#include <errno.h>

#include "core/machine_sampler.h"

#define PROGRESS_MS 250
#define TRACE_MS    100 /* faults are to be seen there and then */

/* ---- a process ---- */

static int process_open(struct mv_source *source, struct mv_target *target, struct mv_pulse *pulse,
			void **ret_sampler)
{
	struct mv_sampler *s;
	int r = mv_sampler_new(source, target, &s);

	(void)pulse;
	if (r == 0)
		*ret_sampler = s;
	return r;
}

static struct mv_pace process_want(void *sampler, const struct mv_message *m)
{
	mv_sampler_want(sampler, &m->want);
	return (struct mv_pace){
	    .interval_ms = m->want.interval_ms,
	    .progress_ms = m->want.facts & (MV_FACT_FAULTS | MV_FACT_THREADS) ? TRACE_MS : PROGRESS_MS,
	    .whole = m->want.facts & MV_FACT_WHOLE,
	};
}

static int process_tick(void *sampler)
{
	return mv_sampler_tick(sampler);
}

static int process_work(void *sampler, uint64_t *ret_due_ns)
{
	return mv_sampler_work(sampler, ret_due_ns);
}

static bool process_changed(const void *sampler)
{
	return mv_sampler_changed(sampler);
}

static bool process_waits(const void *sampler)
{
	return mv_sampler_waits(sampler);
}

static size_t process_fds(const void *sampler, int *fds, size_t cap)
{
	return mv_sampler_fds(sampler, fds, cap);
}

static void process_wake(void *sampler, int fd)
{
	mv_sampler_wake(sampler, fd);
}

static uint64_t process_helper_cpu_ns(const void *sampler)
{
	return mv_sampler_helper_cpu_ns(sampler);
}

static size_t process_bytes(void *sampler)
{
	return mv_sampler_snapshot_bytes(sampler);
}

static uint64_t process_snapshot(void *sampler, void *block, struct mv_stamp *stamp, uint64_t cpu_ns)
{
	struct mv_snapshot *s = block;

	mv_sampler_snapshot(sampler, s, stamp);
	s->cpu_ns = cpu_ns;
	return s->length;
}

const struct mv_reader_ops mv_reader_process = {
    .want_bytes = sizeof(struct mv_want),
    .open = process_open,
    .want = process_want,
    .tick = process_tick,
    .work = process_work,
    .changed = process_changed,
    .waits = process_waits,
    .fds = process_fds,
    .wake = process_wake,
    .helper_cpu_ns = process_helper_cpu_ns,
    .bytes = process_bytes,
    .snapshot = process_snapshot,
};

/* ---- the machine: nobody helps it, and nothing wakes it but time ---- */

static int machine_open(struct mv_source *source, struct mv_target *target, struct mv_pulse *pulse,
			void **ret_sampler)
{
	struct mv_machine_sampler *s;
	int r = mv_machine_sampler_new(source, &pulse->at_pid, &s);

	(void)target;
	if (r == 0)
		*ret_sampler = s;
	return r;
}

static struct mv_pace machine_want(void *sampler, const struct mv_message *m)
{
	mv_machine_sampler_want(sampler, &m->machine_want);
	return (struct mv_pace){
	    .interval_ms = m->machine_want.interval_ms,
	    .progress_ms = PROGRESS_MS,
	    .whole = m->machine_want.facts & MV_MACHINE_WHOLE,
	};
}

static int machine_tick(void *sampler)
{
	int r = mv_machine_sampler_tick(sampler);

	return r == -ESRCH ? -EIO : r; /* it does not end */
}

static int machine_work(void *sampler, uint64_t *ret_due_ns)
{
	return mv_machine_sampler_work(sampler, ret_due_ns);
}

static bool machine_changed(const void *sampler)
{
	return mv_machine_sampler_changed(sampler);
}

static bool machine_waits(const void *sampler)
{
	(void)sampler;
	return false;
}

static size_t machine_fds(const void *sampler, int *fds, size_t cap)
{
	(void)sampler;
	(void)fds;
	(void)cap;
	return 0;
}

static void machine_wake(void *sampler, int fd)
{
	(void)sampler;
	(void)fd;
}

static uint64_t machine_helper_cpu_ns(const void *sampler)
{
	(void)sampler;
	return 0;
}

static size_t machine_bytes(void *sampler)
{
	return mv_machine_sampler_bytes(sampler);
}

static uint64_t machine_snapshot(void *sampler, void *block, struct mv_stamp *stamp, uint64_t cpu_ns)
{
	struct mv_machine_snapshot *m = block;

	(void)stamp;
	mv_machine_sampler_snapshot(sampler, m);
	m->cpu_ns = cpu_ns;
	return m->length;
}

const struct mv_reader_ops mv_reader_machine = {
    .want_bytes = sizeof(struct mv_machine_want),
    .open = machine_open,
    .want = machine_want,
    .tick = machine_tick,
    .work = machine_work,
    .changed = machine_changed,
    .waits = machine_waits,
    .fds = machine_fds,
    .wake = machine_wake,
    .helper_cpu_ns = machine_helper_cpu_ns,
    .bytes = machine_bytes,
    .snapshot = machine_snapshot,
};
