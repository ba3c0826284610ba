/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_trace.h"

#include <errno.h>
#include <stdlib.h>

/* What tracing faults and looking at threads share: the symboliser, and whose turn it is. */

#define SETTLE_NS MV_NS_PER_SEC
#define AGAIN_NS  (2 * MV_NS_PER_SEC / 1000)
#define IDLE_NS \
	(5 * MV_NS_PER_SEC) /* the symboliser stays so long when nobody needs it: one looks at a side again \
			     */

static bool needed(const struct calls *c)
{
	return c->trace.wanted || c->looks.wanted || c->objects_wanted;
}

bool calls_ready(struct mv_sampler *s)
{
	struct calls *c = s->calls;

	if (!c->tried && mv_source_is_live(s->source)) {
		int r = mv_symboliser_start(s->source, s->target, &c->symboliser);

		c->tried = true;
		if (r < 0) {
			c->symboliser = NULL;
#ifdef HAVE_SYMBOLS
			c->why = r == -ENOENT ? MV_WHY_NO_SYMBOLS : MV_WHY_NO_MEMORY;
#else
			c->why = MV_WHY_NO_UNWINDER;
#endif
		}
	}
	if (!c->symboliser)
		return false;
	if (s->maps_gen && s->life == MV_LIFE_ALIVE)
		mv_symboliser_maps(c->symboliser, &s->maps, s->maps_gen);
	c->why = mv_symboliser_why(c->symboliser);
	return c->why == MV_WHY_HAVE;
}

uint64_t calls_cpu_ns(const struct mv_sampler *s)
{
	return s->helpers_cpu_ns +
	       (s->calls && s->calls->symboliser ? mv_symboliser_cpu_ns(s->calls->symboliser) : 0);
}

bool calls_want_objects(struct mv_sampler *s, bool wanted)
{
	if (!s->calls && wanted)
		s->calls = calloc(1, sizeof(*s->calls));
	if (!s->calls)
		return false;
	s->calls->objects_wanted = wanted;
	s->calls->idle_ns = needed(s->calls) ? 0 : mv_source_now(s->source);
	return wanted && calls_ready(s);
}

bool calls_settling(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct calls *c = s->calls;
	uint64_t now_ns = mv_source_now(s->source);

	if (!calls_ready(s) || mv_symboliser_ready(c->symboliser)) {
		c->settling_ns = 0;
		return false;
	}
	if (!c->settling_ns)
		c->settling_ns = now_ns;
	if (now_ns - c->settling_ns >= SETTLE_NS)
		return false;
	if (now_ns + AGAIN_NS < *ret_next_ns)
		*ret_next_ns = now_ns + AGAIN_NS;
	return true;
}

/* Functions are numbered by the symboliser: with it goes all that refers to them. */
static void let_go(struct mv_sampler *s)
{
	struct calls *c = s->calls;

	looks_release(&c->looks);
	trace_release(&c->trace);
	s->helpers_cpu_ns = calls_cpu_ns(s);
	mv_symboliser_free(c->symboliser);
	names_release(&c->names);
	*c = (struct calls){.why = MV_WHY_NOT_READ};
}

void calls_want(struct mv_sampler *s, const struct mv_want *want)
{
	if (!s->calls && !(want->facts & (MV_FACT_FAULTS | MV_FACT_THREADS)))
		return;
	if (!s->calls)
		s->calls = calloc(1, sizeof(*s->calls));
	if (!s->calls)
		return;
	trace_want(s, want);
	looks_want(s, want);
	s->calls->idle_ns = needed(s->calls) ? 0 : mv_source_now(s->source);
}

static void take_stack(void *arg, uint64_t token, const struct mv_call *calls, size_t count,
		       enum mv_stack_end end)
{
	struct mv_sampler *s = arg;

	names_follow(&s->calls->names, s->calls->symboliser);
	if (token & 1)
		looks_stack_came(s, token, calls, count, end);
	else
		trace_stack_came(s, token, calls, count, end);
	s->changed = true;
}

bool calls_work(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct calls *c = s->calls;
	bool did = false;

	if (!c)
		return false;
	if (!needed(c) && mv_source_now(s->source) - c->idle_ns >= IDLE_NS) {
		let_go(s);
		free(c);
		s->calls = NULL;
		return false;
	}
	if (!needed(c) && c->idle_ns + IDLE_NS < *ret_next_ns)
		*ret_next_ns = c->idle_ns + IDLE_NS;
	if (c->symboliser) {
		uint64_t due_ns;

		mv_symboliser_dispatch(c->symboliser, take_stack, s);
		if (c->looks.wanted)
			looks_follow_lines(s);
		c->why = mv_symboliser_why(c->symboliser);
		due_ns = mv_symboliser_due_ns(c->symboliser);
		if (due_ns < *ret_next_ns)
			*ret_next_ns = due_ns;
	}
	if (c->trace.wanted)
		did |= trace_work(s, ret_next_ns);
	if (c->looks.wanted && !did)
		did |= looks_work(s, ret_next_ns);
	return did;
}

bool calls_waiting(const struct mv_sampler *s)
{
	const struct calls *c = s->calls;

	return c && WHOLE(s) &&
	       ((c->looks.wanted && looks_waiting(s)) || (c->trace.wanted && trace_waiting(s)));
}

size_t calls_fds(const struct mv_sampler *s, int *fds, size_t cap)
{
	const struct calls *c = s->calls;
	size_t n = 0;

	if (!c)
		return 0;
	if (c->symboliser && mv_symboliser_fd(c->symboliser) >= 0 && n < cap)
		fds[n++] = mv_symboliser_fd(c->symboliser);
	if (c->looks.stop && n < cap)
		fds[n++] = mv_stop_fd(c->looks.stop);
	/* Rings last: there is one a CPU. One that has ended stays readable for ever. */
	if (c->trace.faults && !c->trace.ended)
		n += mv_faults_fds(c->trace.faults, fds + n, cap - n);
	if (c->looks.cpu)
		n += mv_perf_fds(c->looks.cpu, fds + n, cap - n);
	return n;
}

void calls_wake(struct mv_sampler *s, int fd)
{
	struct calls *c = s->calls;

	if (!c || (c->symboliser && fd == mv_symboliser_fd(c->symboliser)) ||
	    (c->looks.stop && fd == mv_stop_fd(c->looks.stop)))
		return;
	c->trace.filling = true;
	c->trace.drain_due_ns = 0;
}

void calls_exec(struct mv_sampler *s)
{
	if (s->calls)
		trace_exec(s);
}

void calls_release(struct mv_sampler *s)
{
	if (!s->calls)
		return;
	let_go(s);
	free(s->calls);
	s->calls = NULL;
}
