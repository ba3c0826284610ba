/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/atlas_private.h"
#include "core/pagemap.h"
#include "core/text.h"

/* Frames of processes: those of one that is lit, and who maps the frame under the loupe. */

/* ---- the present pages of a process ---- */

static void walk_close(struct atlas_walk *w)
{
	mv_target_close(w->target);
	free(w->ranges);
	*w = (struct atlas_walk){0};
}

static int take_mappings(void *arg, const char *text, size_t len)
{
	struct atlas_walk *w = arg;
	struct mv_scan all = {text, text + len}, line;

	while (mv_scan_line(&all, &line)) {
		struct mv_range range;

		if (!mv_scan_hex(&line, &range.start) || !mv_scan_char(&line, '-') ||
		    !mv_scan_hex(&line, &range.end) || range.end <= range.start || range.end >> 63)
			continue;
		if (w->count && w->ranges[w->count - 1].end == range.start) {
			w->ranges[w->count - 1].end = range.end;
			continue;
		}
		if (w->count == w->cap) {
			size_t cap = w->cap ? 2 * w->cap : 64;
			struct mv_range *grown = reallocarray(w->ranges, cap, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			w->ranges = grown;
			w->cap = cap;
		}
		w->ranges[w->count++] = range;
	}
	return 0;
}

static int walk_open(struct atlas_walk *w, struct mv_source *source, int pid)
{
	int err = mv_target_open(source, pid, &w->target);

	if (!err)
		err = mv_target_stream(w->target, MV_FILE_MAPS, take_mappings, w);
	if (err) {
		walk_close(w);
		return err;
	}
	w->addr = w->count ? w->ranges[0].start : 0;
	return 0;
}

typedef void take_page(void *arg, uint64_t addr, uint64_t pfn);

/* The present pages of one run. */
static int walk_run(struct atlas_walk *w, struct mv_range run, take_page *take, void *arg)
{
	const uint64_t page_bytes = mv_target_page_bytes(w->target);
	uint64_t words[ATLAS_WALK_WORDS];

	while (run.start < run.end) {
		uint64_t want = (run.end - run.start) / page_bytes;
		ssize_t n = mv_target_words(w->target, run.start,
					    want < ATLAS_WALK_WORDS ? (size_t)want : ATLAS_WALK_WORDS, words);

		if (n <= 0)
			return (int)n;
		for (ssize_t i = 0; i < n; i++, run.start += page_bytes) {
			if (words[i] & MV_WORD_PRESENT && MV_WORD_PFN(words[i]))
				take(arg, run.start, MV_WORD_PFN(words[i]));
		}
	}
	return 0;
}

/* On by about so many pages: those found, and one for each call. 1: more; 0: done; -errno. */
static int walk_step(struct atlas_walk *w, size_t pages, take_page *take, void *arg)
{
	const uint64_t page_bytes = mv_target_page_bytes(w->target);
	struct mv_run runs[64];

	while (w->at < w->count && pages > 0) {
		uint64_t walked, told;
		ssize_t n = mv_target_scan(w->target, (struct mv_range){w->addr, w->ranges[w->at].end}, 0,
					   pages < MV_SCAN_PAGES ? pages : MV_SCAN_PAGES, runs,
					   MV_COUNT_OF(runs), &walked, &told);

		if (n < 0)
			return (int)n;
		pages--;
		for (ssize_t i = 0; i < n; i++) {
			uint64_t found = (runs[i].end - runs[i].start) / page_bytes;
			int err = runs[i].cats & MV_CAT_PRESENT
				      ? walk_run(w, (struct mv_range){runs[i].start, runs[i].end}, take, arg)
				      : 0;

			if (err)
				return err;
			pages -= found < pages ? (size_t)found : pages;
		}
		w->addr = walked;
		if (walked >= w->ranges[w->at].end && ++w->at < w->count)
			w->addr = w->ranges[w->at].start;
	}
	return w->at < w->count;
}

static enum mv_why why_of(int err)
{
	switch (err) {
	case -ESRCH:
		return MV_WHY_GONE;
	case -ENOMEM:
		return MV_WHY_NO_MEMORY;
	case -EACCES:
	case -EPERM:
		return MV_WHY_NEEDS_PTRACE;
	default:
		return MV_WHY_IO;
	}
}

/* ---- the lit process ---- */

static void lit_free_bits(struct atlas_lit *lit)
{
	if (lit->found != lit->shown)
		free(lit->found);
	free(lit->shown);
	lit->found = lit->shown = NULL;
	lit->whole = false;
	lit->frames = lit->pages = lit->runs = 0;
}

void atlas_lit_forget(struct mv_atlas *atlas)
{
	walk_close(&atlas->lit.walk);
	atlas->lit.open = false;
	lit_free_bits(&atlas->lit);
}

void mv_atlas_light(struct mv_atlas *atlas, int pid)
{
	if (pid == atlas->lit.pid)
		return;
	atlas_lit_forget(atlas);
	atlas->lit.pid = pid;
	atlas->lit.why = MV_WHY_NOT_READ;
}

static void take_lit(void *arg, uint64_t addr, uint64_t pfn)
{
	struct mv_atlas *a = arg;
	struct atlas_lit *lit = &a->lit;
	uint64_t number;

	(void)addr;
	lit->pages_found++;
	if (!atlas_part_of(a, pfn, &number) || lit->found[number / 64] >> number % 64 & 1)
		return;
	lit->found[number / 64] |= UINT64_C(1) << number % 64;
	lit->frames_found++;
}

/* Stretches of neighbouring frames; a gap between two stretches of RAM parts them as well. */
static uint64_t count_runs(const struct mv_atlas *a, const uint64_t *bits)
{
	uint64_t runs = 0, before = 0;

	for (uint64_t i = 0; i < (a->frames + 63) / 64; i++) {
		runs += (uint64_t)__builtin_popcountll(bits[i] & ~(bits[i] << 1 | before));
		before = bits[i] >> 63;
	}
	for (size_t i = 1; i < a->count; i++) {
		uint64_t k = a->parts[i].frame;

		if (a->stretches[i - 1].end < a->stretches[i].start && bits[k / 64] >> k % 64 & 1 &&
		    bits[(k - 1) / 64] >> (k - 1) % 64 & 1)
			runs++;
	}
	return runs;
}

/* What has been found so far is shown the first time; later only a whole walk takes the place of the one
 * before. */
static int lit_begin(struct mv_atlas *a)
{
	struct atlas_lit *lit = &a->lit;
	int err;

	if (!mv_source_features(a->source)->frame_numbers) {
		lit->why = MV_WHY_NEEDS_SYS_ADMIN;
		return -EPERM;
	}
	if (!lit->found || lit->found == lit->shown) {
		uint64_t *bits = calloc(a->frames / 64 + 1, sizeof(*bits));

		if (!bits) {
			lit->why = MV_WHY_NO_MEMORY;
			return -ENOMEM;
		}
		lit->found = bits;
		if (!lit->shown)
			lit->shown = bits;
	} else {
		memset(lit->found, 0, (a->frames / 64 + 1) * sizeof(*lit->found));
	}
	lit->frames_found = lit->pages_found = 0;
	err = walk_open(&lit->walk, a->source, lit->pid);
	lit->open = !err;
	if (err)
		lit->why = why_of(err);
	return err;
}

static void lit_end(struct mv_atlas *a)
{
	struct atlas_lit *lit = &a->lit;
	uint64_t *before = lit->shown;

	walk_close(&lit->walk);
	lit->open = false;
	lit->runs = count_runs(a, lit->found);
	lit->shown = lit->found;
	if (before != lit->found)
		lit->found = before;
	lit->whole = true;
}

int mv_atlas_step_lit(struct mv_atlas *atlas, size_t pages)
{
	struct atlas_lit *lit = &atlas->lit;
	int err = 0;

	if (!lit->pid || !atlas->frames)
		return 0;
	if (!lit->open)
		err = lit_begin(atlas);
	if (!err)
		err = walk_step(&lit->walk, pages, take_lit, atlas);
	if (err < 0) {
		const enum mv_why why = lit->open ? why_of(err) : lit->why;

		atlas_lit_forget(atlas);
		lit->why = why;
		return err;
	}
	lit->why = MV_WHY_HAVE;
	if (err == 0)
		lit_end(atlas);
	if (err == 0 || !lit->whole) {
		lit->frames = lit->frames_found;
		lit->pages = lit->pages_found;
	}
	return err;
}

/* ---- who maps a frame ---- */

/* A list of mappers that empties and fills again and again can't be read. */
static void tell(struct atlas_search *s)
{
	const bool whole = !mv_have(&s->detail.searched) || s->at >= s->count;

	if (whole || !s->again)
		s->told = s->detail;
}

void mv_frame_begin(struct mv_atlas *atlas, uint64_t pfn, const int32_t *pids, size_t count)
{
	struct atlas_search *s = &atlas->search;
	uint64_t flags = 0, maps = 0, group = 0;
	enum mv_why why[3];

	walk_close(&s->walk);
	s->again = s->told.pfn == pfn && s->told.flags.why != MV_WHY_NOT_READ;
	s->open = false;
	s->at = 0;
	s->detail = (struct mv_frame_detail){.pfn = pfn};
	s->count = count < MV_COUNT_OF(s->pids) ? count : MV_COUNT_OF(s->pids);
	if (s->count)
		memcpy(s->pids, pids, s->count * sizeof(*pids));
	mv_source_frames(atlas->source, pfn, 1, &flags, &maps, &group, why);
	s->detail.flags = why[0] == MV_WHY_HAVE ? mv_val_of(flags) : mv_val_missing(why[0]);
	s->detail.count = why[1] == MV_WHY_HAVE ? mv_val_of(maps) : mv_val_missing(why[1]);
	s->detail.cgroup = why[2] == MV_WHY_HAVE ? mv_val_of(group) : mv_val_missing(why[2]);
	if (why[0] == MV_WHY_HAVE)
		s->detail.use = (uint32_t)mv_frame_use_of(flags, s->detail.count);
	s->detail.searched = mv_source_features(atlas->source)->frame_numbers
				 ? mv_val_of(0)
				 : mv_val_missing(MV_WHY_NEEDS_SYS_ADMIN);
	tell(s);
}

static void take_mapper(void *arg, uint64_t addr, uint64_t pfn)
{
	struct atlas_search *s = arg;
	struct mv_frame_detail *d = &s->detail;

	if (pfn != d->pfn || d->mappers_count == MV_COUNT_OF(d->mappers))
		return;
	d->mappers[d->mappers_count].pid = s->pids[s->at];
	d->mappers[d->mappers_count].address = addr;
	d->mappers_count++;
}

int mv_frame_step(struct mv_atlas *atlas, size_t pages)
{
	struct atlas_search *s = &atlas->search;
	int left;

	if (!mv_have(&s->detail.searched) || s->at >= s->count)
		return 0;
	/* Who has gone, or may not be read, maps nothing that we could tell. */
	if (!s->open && walk_open(&s->walk, atlas->source, s->pids[s->at]) < 0) {
		s->at++;
		tell(s);
		return s->at < s->count;
	}
	s->open = true;
	left = walk_step(&s->walk, pages, take_mapper, s);
	if (left > 0) {
		tell(s);
		return 1;
	}
	walk_close(&s->walk);
	s->open = false;
	s->at++;
	if (left == 0)
		s->detail.searched.value++;
	tell(s);
	return s->at < s->count;
}

const struct mv_frame_detail *mv_frame_detail_of(const struct mv_atlas *atlas)
{
	return &atlas->search.told;
}

void atlas_walks_release(struct mv_atlas *atlas)
{
	atlas_lit_forget(atlas);
	walk_close(&atlas->search.walk);
}
