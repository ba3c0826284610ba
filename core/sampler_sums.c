/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/sampler_trace.h"

#include <stdlib.h>
#include <string.h>

/* What traced faults add up to: by kind, mapping, thread and call stack, and the log of the latest. */

#define MAPPINGS_MAX 4096
#define CALLS_MAX    (1u << 20)

/* Room for one more element. */
static bool room(void **at, uint32_t count, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? *cap * 2 : 64;
	void *bigger;

	if (count < *cap)
		return true;
	bigger = realloc(*at, more * size);
	if (!bigger)
		return false;
	*at = bigger;
	*cap = more;
	return true;
}

/* ---- by mapping ---- */

/* The same object's, perhaps grown: mappings that have merged since count as one. */
static bool same_mapping(const struct mv_fault_mapping *old, const struct mv_mapping *m, uint32_t name)
{
	return old->kind == m->kind && old->perms == m->perms && old->name == name && old->start < m->end &&
	       m->start < old->end;
}

static void merge_mappings(struct sums *u, uint32_t into, const struct mv_mapping *m, uint32_t name)
{
	struct mv_fault_mapping *a = &u->mappings[into];

	for (uint32_t i = u->mappings_count; i-- > into + 1;) {
		struct mv_fault_mapping *b = &u->mappings[i];

		if (!same_mapping(b, m, name))
			continue;
		a->faults += b->faults;
		a->pages += b->pages;
		for (unsigned k = 0; k < MV_FAULT__N; k++)
			a->by_kind[k] += b->by_kind[k];
		*b = u->mappings[--u->mappings_count];
	}
	a->start = m->start;
	a->end = m->end;
}

static struct mv_fault_mapping *mapping_of(struct sums *u, const struct mv_mapping *m, uint32_t name)
{
	uint32_t i = u->mapping_hit;

	if (i < u->mappings_count && same_mapping(&u->mappings[i], m, name) &&
	    u->mappings[i].start == m->start && u->mappings[i].end == m->end)
		return &u->mappings[i];
	for (i = 0; i < u->mappings_count; i++)
		if (same_mapping(&u->mappings[i], m, name)) {
			merge_mappings(u, i, m, name);
			u->mapping_hit = i;
			return &u->mappings[i];
		}
	if (u->mappings_count >= MAPPINGS_MAX ||
	    !room((void **)&u->mappings, u->mappings_count, &u->mappings_cap, sizeof(*u->mappings)))
		return NULL;
	u->mapping_hit = u->mappings_count++;
	u->mappings[u->mapping_hit] = (struct mv_fault_mapping){.start = m->start,
								.end = m->end,
								.name = name,
								.kind = m->kind,
								.perms = m->perms,
								.flags = m->flags};
	return &u->mappings[u->mapping_hit];
}

/* ---- by thread ---- */

static struct mv_fault_thread *thread_of(struct sums *u, int32_t tid)
{
	if (u->thread_hit < u->threads_count && u->threads[u->thread_hit].tid == tid)
		return &u->threads[u->thread_hit];
	for (uint32_t i = 0; i < u->threads_count; i++)
		if (u->threads[i].tid == tid) {
			u->thread_hit = i;
			return &u->threads[i];
		}
	/* One place is kept for all that find no other. */
	if (u->threads_count == MV_FAULT_THREADS - 1)
		tid = 0;
	if (u->threads_count >= MV_FAULT_THREADS ||
	    !room((void **)&u->threads, u->threads_count, &u->threads_cap, sizeof(*u->threads)))
		return u->threads_count ? &u->threads[u->threads_count - 1] : NULL;
	u->thread_hit = u->threads_count++;
	u->threads[u->thread_hit] = (struct mv_fault_thread){.tid = tid};
	return &u->threads[u->thread_hit];
}

void sums_thread_name(struct sums *u, int32_t tid, uint32_t name)
{
	struct mv_fault_thread *t = thread_of(u, tid);

	if (t && t->tid == tid)
		t->name = name;
}

/* ---- one fault ---- */

uint64_t sums_fault(struct sums *u, struct names *n, const struct sum_fault *f)
{
	static const struct mv_mapping nowhere = {.kind = MV_KIND__N};
	const struct mv_mapping *m = f->mapping ? f->mapping : &nowhere;
	uint64_t page = f->addr & ~(uint64_t)(f->page_bytes - 1);
	uint64_t pages = f->weight * (f->kind == MV_FAULT_HUGE ? f->huge_pages : 1);
	uint32_t name = f->mapping ? names_text(n, f->mapping_name.text) : 0;
	struct mv_fault_mapping *by_mapping;
	struct mv_fault_thread *by_thread = thread_of(u, f->tid);

	u->faults[f->kind] += f->weight;
	u->pages[f->kind] += pages;
	by_mapping = f->mapping ? mapping_of(u, m, name) : NULL;
	if (by_mapping) {
		by_mapping->faults += f->weight;
		by_mapping->pages += pages;
		by_mapping->by_kind[f->kind] += f->weight;
		by_mapping->last_page = page;
		by_mapping->last_ns = f->at_ns;
	}
	if (by_thread) {
		by_thread->faults += f->weight;
		by_thread->pages += pages;
		by_thread->last_page = page;
		by_thread->last_ns = f->at_ns;
	}
	if (!u->log)
		u->log = calloc(MV_FAULT_LOG, sizeof(*u->log));
	if (u->log)
		u->log[u->seq % MV_FAULT_LOG] = (struct mv_fault_entry){
		    .at_ns = f->at_ns,
		    .addr = f->addr,
		    .tid = f->tid,
		    .function = MV_FUNCTION_NONE,
		    .weight = f->weight > UINT32_MAX ? UINT32_MAX : (uint32_t)f->weight,
		    .kind = (uint8_t)f->kind,
		    .major = f->major,
		    .in_kernel = f->in_kernel,
		    .mapping_kind = m->kind,
		    .mapping_name = name,
		};
	return u->seq++;
}

/* ---- by stack ---- */

static bool grow_stack_hash(struct sums *u)
{
	uint32_t cap = u->stack_hash_cap ? u->stack_hash_cap * 2 : 512;
	uint32_t *hash = calloc(cap, sizeof(*hash));

	if (!hash)
		return false;
	for (uint32_t i = 0; i < u->stacks_count; i++) {
		uint32_t slot = u->stacks[i].hash & (cap - 1);

		while (hash[slot])
			slot = (slot + 1) & (cap - 1);
		hash[slot] = i + 1;
	}
	free(u->stack_hash);
	u->stack_hash = hash;
	u->stack_hash_cap = cap;
	return true;
}

/* calls come innermost first, and are kept outermost first */
static bool same_calls(const struct sums *u, const struct sum_stack *k, const struct mv_call *calls,
		       size_t count)
{
	const uint32_t *kept = u->calls + k->first;

	if (k->count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (kept[i] != calls[count - 1 - i].function)
			return false;
	return true;
}

static struct sum_stack *add_stack(struct sums *u, uint32_t slot, struct sum_stack *k,
				   const struct mv_call *calls, size_t count)
{
	uint32_t want = u->calls_count + (uint32_t)count;

	if (u->stacks_count >= MV_FAULT_STACKS || want > CALLS_MAX ||
	    !room((void **)&u->stacks, u->stacks_count, &u->stacks_cap, sizeof(*u->stacks)))
		return NULL;
	if (want > u->calls_cap) {
		uint32_t cap = want + want / 2 + 256, *more = realloc(u->calls, cap * sizeof(*more));

		if (!more)
			return NULL;
		u->calls = more;
		u->calls_cap = cap;
	}
	k->first = u->calls_count;
	k->count = (uint32_t)count;
	for (size_t i = 0; i < count; i++)
		u->calls[u->calls_count++] = calls[count - 1 - i].function;
	u->stacks[u->stacks_count] = *k;
	u->stack_hash[slot] = ++u->stacks_count;
	return &u->stacks[u->stacks_count - 1];
}

static struct sum_stack *stack_of(struct sums *u, int32_t tid, const struct mv_call *calls, size_t count,
				  enum mv_stack_end end)
{
	struct sum_stack k = {.hash = UINT32_C(2166136261) ^ (uint32_t)tid, .tid = tid, .end = end};
	uint32_t slot;

	if (u->stacks_count * 2 >= u->stack_hash_cap && !grow_stack_hash(u))
		return NULL;
	for (size_t i = 0; i < count; i++)
		k.hash = (k.hash ^ calls[i].function) * UINT32_C(16777619);
	k.hash ^= k.hash >> 15;
	slot = k.hash & (u->stack_hash_cap - 1);
	while (u->stack_hash[slot]) {
		struct sum_stack *old = &u->stacks[u->stack_hash[slot] - 1];

		if (old->hash == k.hash && old->tid == tid && old->end == end &&
		    same_calls(u, old, calls, count))
			return old;
		slot = (slot + 1) & (u->stack_hash_cap - 1);
	}
	return add_stack(u, slot, &k, calls, count);
}

void sums_stack(struct sums *u, uint64_t seq, int32_t tid, uint64_t faults, uint64_t pages, uint64_t page,
		uint64_t at_ns, const struct mv_call *calls, size_t count, enum mv_stack_end end)
{
	struct sum_stack *k = stack_of(u, tid, calls, count, end);

	if (u->log && count && u->seq - seq <= MV_FAULT_LOG)
		u->log[seq % MV_FAULT_LOG].function = calls[0].function;
	if (!count)
		u->no_stack++;
	if (!k) {
		u->stacks_left_out += pages;
		return;
	}
	k->faults += faults;
	k->pages += pages;
	if (at_ns >= k->last_ns) {
		k->last_page = page;
		k->last_ns = at_ns;
	}
}

void sums_release(struct sums *u)
{
	free(u->mappings);
	free(u->threads);
	free(u->stacks);
	free(u->stack_hash);
	free(u->calls);
	free(u->log);
	*u = (struct sums){0};
}
