/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/filecache.h"
#include "core/sampler_private.h"
#include "core/text.h"

/* The files that the process maps and what of them is in the page cache: one after the other, at a pace. */

#define SLICE_BYTES (UINT64_C(256) << 20) /* of a file: 3.5 ms at worst */
#define SHARE	    49 /* of time between two slices: 2 % of a core; half a core until all were read once */

struct files {
	struct mv_cached_file *at;
	uint32_t count;
	uint32_t *file_of; /* by mapping */
	uint32_t gen;	   /* of the list of mappings that this is of */
	bool made, active; /* active: a round over all of them is under way */
	bool whole;	   /* one has ended */
	uint32_t next;
	int fd; /* of the file under work, -1 none */
	uint64_t offset, bytes;
	struct mv_cached work;
	uint64_t due_ns;
};

static void close_file(struct files *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

void files_release(struct mv_sampler *s)
{
	if (!s->files)
		return;
	close_file(s->files);
	free(s->files->at);
	free(s->files->file_of);
	free(s->files);
	s->files = NULL;
}

/* From behind the one found last: two lists are in nearly the same order. */
static struct mv_cached_file *find_file(struct files *f, const struct mv_cached_file *like, uint32_t *hint)
{
	for (uint32_t k = 0; k < f->count; k++) {
		const uint32_t i = *hint + k < f->count ? *hint + k : *hint + k - f->count;
		struct mv_cached_file *have = &f->at[i];

		if (have->inode == like->inode && have->dev_major == like->dev_major &&
		    have->dev_minor == like->dev_minor) {
			*hint = i + 1 < f->count ? i + 1 : 0;
			return have;
		}
	}
	return NULL;
}

/* The list of mappings has changed: what was read of files that are still mapped stays. */
static void make_list(struct mv_sampler *s)
{
	struct files *f = s->files;
	uint32_t *file_of = calloc(s->maps.count ? s->maps.count : 1, sizeof(*file_of));
	struct mv_cached_file *files = NULL;
	uint32_t hint = 0;
	ssize_t n = file_of ? mv_cached_files(s->maps.at, s->maps.count, &files, file_of) : -ENOMEM;

	if (n < 0) {
		free(file_of);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		const struct mv_cached_file *before = find_file(f, &files[i], &hint);

		if (!before)
			continue;
		files[i].size_bytes = before->size_bytes;
		files[i].cached = before->cached;
		files[i].read_ns = before->read_ns;
	}
	close_file(f);
	free(f->at);
	free(f->file_of);
	f->at = files;
	f->count = (uint32_t)n;
	f->file_of = file_of;
	f->gen = s->maps_gen;
	f->made = true;
	f->next = 0;
	f->active = f->count > 0;
	s->changed = true;
}

static void put_answer(struct mv_sampler *s, struct mv_cached_file *file, const struct mv_cached *cached,
		       struct mv_val size)
{
	file->cached = *cached;
	file->size_bytes = size;
	file->read_ns = mv_source_now(s->source);
}

static void put_refusal(struct mv_sampler *s, struct mv_cached_file *file, enum mv_why why)
{
	const struct mv_val none = mv_val_missing(why);
	const struct mv_cached cached = {none, none, none, none, none, MV_CACHE_NOT_ASKED, 0};

	put_answer(s, file, &cached, none);
}

static enum mv_why why_of(int err)
{
	switch (err) {
	case -EPERM:
		return MV_WHY_NEEDS_OWNER;
	case -EACCES:
		return MV_WHY_NEEDS_ROOT;
	case -EMFILE:
	case -ENFILE:
		return MV_WHY_NEEDS_FILES;
	case -ENOMEM:
		return MV_WHY_NO_MEMORY;
	case -ESRCH:
		return MV_WHY_GONE;
	case -EINVAL:
		return MV_WHY_NOT_ORDINARY;
	default:
		return MV_WHY_NO_FILE;
	}
}

static int open_file(struct mv_sampler *s, const struct mv_cached_file *file)
{
	const struct mv_mapping *m = &s->maps.at[file->mapping];
	char path[4096];
	const char *name = s->maps.names ? s->maps.names + m->name : "";

	if (mv_clean_undo(name, path, sizeof(path)) < 0)
		path[0] = '\0';
	return mv_target_open_image(s->target, (struct mv_range){m->start, m->end}, m->inode, path);
}

/* A slice of the file under work. True when that one is done. */
static bool step_file(struct mv_sampler *s)
{
	struct files *f = s->files;
	struct mv_cached_file *file = &f->at[f->next];
	uint64_t bytes;
	int err = 0;

	if (f->fd < 0) {
		f->fd = open_file(s, file);
		err = f->fd < 0 ? f->fd : mv_cached_begin(f->fd, false, &f->work, &f->bytes);
		f->offset = 0;
	}
	bytes = !err && f->bytes > f->offset ? f->bytes - f->offset : 0;
	bytes = bytes < SLICE_BYTES ? bytes : SLICE_BYTES;
	if (!err)
		err = mv_cached_add(f->fd, f->offset, bytes, s->page_bytes, &f->work);
	f->offset += bytes;
	if (!err && f->offset < f->bytes)
		return false;
	close_file(f);
	if (err)
		put_refusal(s, file, why_of(err));
	else
		put_answer(s, file, &f->work, mv_val_of(f->bytes));
	return true;
}

/* ---- fixtures: PID/filecache ---- */

static struct mv_val scan_val(struct mv_scan *line)
{
	uint64_t value;

	mv_scan_spaces(line);
	if (mv_scan_dec(line, &value))
		return mv_val_of(value);
	mv_scan_char(line, '-');
	return mv_val_missing(MV_WHY_NO_KERNEL);
}

/* "MAJOR:MINOR INODE SIZE CACHED DIRTY WRITEBACK EVICTED RECENTLY" or "MAJOR:MINOR INODE refused" */
static void parse_line(struct mv_sampler *s, struct mv_scan line)
{
	struct mv_cached_file like = {0}, *file;
	struct mv_cached cached = {0};
	struct mv_val size;
	uint32_t hint = 0;
	uint64_t major, minor;

	if (!mv_scan_hex(&line, &major) || !mv_scan_char(&line, ':') || !mv_scan_hex(&line, &minor))
		return;
	mv_scan_spaces(&line);
	if (!mv_scan_dec(&line, &like.inode))
		return;
	like.dev_major = (uint32_t)major;
	like.dev_minor = (uint32_t)minor;
	file = find_file(s->files, &like, &hint);
	if (!file)
		return;
	mv_scan_spaces(&line);
	if (mv_scan_char(&line, 'r')) {
		put_refusal(s, file, MV_WHY_NEEDS_OWNER);
		return;
	}
	size = scan_val(&line);
	cached.cached = scan_val(&line);
	cached.dirty = scan_val(&line);
	cached.writeback = scan_val(&line);
	cached.evicted = scan_val(&line);
	cached.recently_evicted = scan_val(&line);
	cached.way = mv_have(&cached.dirty) ? MV_CACHE_CACHESTAT : MV_CACHE_MINCORE;
	put_answer(s, file, &cached, size);
}

static void play_fixture(struct mv_sampler *s)
{
	static const size_t cap = (size_t)64 << 10;
	struct files *f = s->files;
	char *text = malloc(cap);
	ssize_t n = text ? mv_target_read_named(s->target, "filecache", text, cap) : -ENOMEM;
	struct mv_scan all = {text, text + (n > 0 ? n : 0)}, line;

	for (uint32_t i = 0; i < f->count; i++)
		put_refusal(s, &f->at[i], MV_WHY_NO_FILE);
	while (n > 0 && mv_scan_line(&all, &line))
		parse_line(s, line);
	free(text);
	f->next = f->count;
}

/* ---- what is due ---- */

void files_want(struct mv_sampler *s, const struct mv_want *want)
{
	if (!(want->facts & MV_FACT_FILES)) {
		files_release(s);
		return;
	}
	if (!s->files) {
		s->files = calloc(1, sizeof(*s->files));
		if (!s->files)
			return;
		s->files->fd = -1;
	}
	if (want->facts & MV_FACT_WHOLE) {
		s->files->whole = false;
		s->files->made = false;
	}
}

/* A new look at them all, once the last has ended. */
void files_tick(struct mv_sampler *s)
{
	struct files *f = s->files;

	if (f && f->made && !f->active && f->count && mv_source_now(s->source) >= f->due_ns) {
		f->next = 0;
		f->active = true;
	}
}

bool files_work(struct mv_sampler *s, uint64_t *ret_next_ns)
{
	struct files *f = s->files;
	uint64_t began_ns = mv_source_now(s->source), now_ns;
	bool done = true;

	if (!f || !s->maps_gen)
		return false;
	if (!f->made || f->gen != s->maps_gen) {
		make_list(s);
		return f->made;
	}
	if (!f->active)
		return false;
	if (!WHOLE(s) && began_ns < f->due_ns) {
		if (f->due_ns < *ret_next_ns)
			*ret_next_ns = f->due_ns;
		return false;
	}
	if (!mv_source_is_live(s->source))
		play_fixture(s);
	else
		done = step_file(s);
	if (done)
		f->next++;
	now_ns = mv_source_now(s->source);
	f->due_ns = now_ns + (now_ns - began_ns) * (f->whole ? SHARE : 1);
	if (f->next >= f->count) {
		f->active = false;
		f->whole = true;
		s->changed = true;
	}
	return true;
}

/* ---- telling ---- */

uint64_t files_count(const struct mv_sampler *s)
{
	return s->files && s->files->made && s->files->gen == s->maps_gen ? s->files->count : 0;
}

bool files_all_read(const struct mv_sampler *s)
{
	return s->files && s->files->whole;
}

void files_write(const struct mv_sampler *s, struct mv_cached_file *ret_files)
{
	const struct files *f = s->files;
	const uint64_t n = files_count(s);

	if (!n)
		return;
	memcpy(ret_files, f->at, n * sizeof(*ret_files));
	for (uint64_t i = 0; i < n; i++)
		ret_files[i].resident = mv_val_of(0);
	for (uint32_t i = 0; i < s->maps.count; i++) {
		struct mv_val *resident =
		    f->file_of[i] == UINT32_MAX ? NULL : &ret_files[f->file_of[i]].resident;

		if (!resident || !mv_have(resident))
			continue;
		if (s->seen[i] & MV_SEEN_PAGES)
			resident->value += mv_tally_file(&s->tallies[i]);
		else
			*resident = mv_val_missing(s->pages_pace.why == MV_WHY_HAVE ? MV_WHY_NOT_READ
										    : s->pages_pace.why);
	}
}
