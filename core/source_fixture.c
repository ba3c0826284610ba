/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/pagemap.h"
#include "core/source_private.h"
#include "core/text.h"

#define PATH_BYTES	 512
#define DEFAULT_CLOCK_NS (1000 * MV_NS_PER_SEC)
#define DEFAULT_REAL_NS	 (UINT64_C(1704067200) * MV_NS_PER_SEC) /* 2024-01-01 */

/* A directory that plays a machine, and how far the play has gone. */
struct mv_fixture {
	int root_fd; /* the source's */
	unsigned step;
	uint64_t now_ns, now_real_ns;
};

static bool exists(struct mv_fixture *f, unsigned step, const char *path, size_t len, const char *suffix)
{
	char name[PATH_BYTES + 32];

	if (step)
		snprintf(name, sizeof(name), "step%u/%.*s%s", step, (int)len, path, suffix);
	else
		snprintf(name, sizeof(name), "%.*s%s", (int)len, path, suffix);
	return faccessat(f->root_fd, name, F_OK, 0) == 0;
}

/* path, or a directory it lies in, has vanished in that step. */
static bool is_hidden(struct mv_fixture *f, unsigned step, const char *path)
{
	const char *slash = path;

	while ((slash = strchr(slash, '/')) != NULL) {
		if (exists(f, step, path, (size_t)(slash - path), ".gone"))
			return true;
		slash++;
	}
	return exists(f, step, path, strlen(path), ".gone");
}

/* The step whose copy of path is the current one, or -1. */
static int find_step(struct mv_fixture *f, const char *path)
{
	for (unsigned step = f->step;; step--) {
		if (is_hidden(f, step, path))
			return -1;
		if (exists(f, step, path, strlen(path), ""))
			return (int)step;
		if (step == 0)
			return -1;
	}
}

static int open_current(struct mv_fixture *f, const char *path)
{
	char name[PATH_BYTES + 32];
	int step = find_step(f, path);
	int fd;

	if (step < 0)
		return -ENOENT;
	if (step > 0)
		snprintf(name, sizeof(name), "step%d/%s", step, path);
	else
		snprintf(name, sizeof(name), "%s", path);
	fd = openat(f->root_fd, name, MV_OPEN_FLAGS);
	return fd < 0 ? -errno : fd;
}

/* The whole of a file as a new string, NULL when it is not there. */
static char *load(struct mv_fixture *f, const char *path, size_t *ret_len)
{
	size_t cap = 4096;
	char *text = NULL;
	ssize_t n = -E2BIG;
	int fd = open_current(f, path);

	while (fd >= 0 && n == -E2BIG) {
		char *grown = realloc(text, cap);

		if (!grown)
			break;
		text = grown;
		n = mv_source_slurp(fd, text, cap, false);
		cap *= 4;
	}
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	*ret_len = (size_t)n;
	return text;
}

/* Returns whether it fits. */
static bool make_path(char path[PATH_BYTES], int pid, const char *name)
{
	int n = pid ? snprintf(path, PATH_BYTES, "%d/%s", pid, name) : snprintf(path, PATH_BYTES, "%s", name);

	return n > 0 && n < PATH_BYTES;
}

static int errno_of_name(const char *name, size_t len)
{
	static const struct {
		const char *name;
		int number;
	} known[] = {
	    {"EACCES", EACCES}, {"EPERM", EPERM}, {"ENOENT", ENOENT}, {"ESRCH", ESRCH}, {"EIO", EIO}};

	for (size_t i = 0; i < MV_COUNT_OF(known); i++) {
		if (strlen(known[i].name) == len && !memcmp(known[i].name, name, len))
			return known[i].number;
	}
	return EIO;
}

/* 0, or the -errno that the errors file wants for name. */
static int wanted_error(struct mv_fixture *f, int pid, const char *name)
{
	const size_t name_len = strlen(name);
	char path[PATH_BYTES];
	struct mv_scan all, line;
	size_t len;
	char *text = make_path(path, pid, "errors") ? load(f, path, &len) : NULL;
	int err = 0;

	if (!text)
		return 0;
	all = (struct mv_scan){text, text + len};
	while (!err && mv_scan_line(&all, &line)) {
		if ((size_t)(line.end - line.at) <= name_len || memcmp(line.at, name, name_len) != 0)
			continue;
		line.at += name_len;
		if (!mv_scan_char(&line, ' '))
			continue;
		mv_scan_spaces(&line);
		err = -errno_of_name(line.at, (size_t)(line.end - line.at));
	}
	free(text);
	return err;
}

static void read_clock(struct mv_fixture *f, unsigned step)
{
	uint64_t now_ns, real_ns;
	struct mv_scan scan;
	size_t len;
	char *text;

	if (!exists(f, step, "clock", 5, ""))
		return;
	text = load(f, "clock", &len);
	if (!text)
		return;
	scan = (struct mv_scan){text, text + len};
	if (mv_scan_dec(&scan, &now_ns)) {
		f->now_ns = now_ns;
		mv_scan_spaces(&scan);
		if (mv_scan_dec(&scan, &real_ns))
			f->now_real_ns = real_ns;
	}
	free(text);
}

int mv_fixture_new(int root_fd, struct mv_fixture **ret_fixture)
{
	struct mv_fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->root_fd = root_fd;
	f->now_ns = DEFAULT_CLOCK_NS;
	f->now_real_ns = DEFAULT_REAL_NS;
	read_clock(f, 0);
	*ret_fixture = f;
	return 0;
}

void mv_fixture_free(struct mv_fixture *fixture)
{
	free(fixture);
}

void mv_fixture_step(struct mv_fixture *fixture)
{
	char name[32];
	int n = snprintf(name, sizeof(name), "step%u", fixture->step + 1);

	fixture->now_ns += MV_NS_PER_SEC;
	fixture->now_real_ns += MV_NS_PER_SEC;
	if (!exists(fixture, 0, name, (size_t)n, ""))
		return;
	fixture->step++;
	read_clock(fixture, fixture->step);
}

uint64_t mv_fixture_clock(const struct mv_fixture *fixture, bool real)
{
	return real ? fixture->now_real_ns : fixture->now_ns;
}

uint32_t mv_fixture_page_bytes(struct mv_fixture *fixture)
{
	uint64_t bytes = 0;
	struct mv_scan scan;
	size_t len;
	char *text = load(fixture, "page_bytes", &len);

	if (text) {
		scan = (struct mv_scan){text, text + len};
		if (!mv_scan_dec(&scan, &bytes))
			bytes = 0;
		free(text);
	}
	return bytes >= 4096 && bytes <= 1 << 20 && !(bytes & (bytes - 1)) ? (uint32_t)bytes : 4096;
}

int mv_fixture_open(struct mv_fixture *fixture, int pid, const char *name)
{
	char path[PATH_BYTES];
	int err = wanted_error(fixture, pid, name);

	if (err)
		return err;
	return make_path(path, pid, name) ? open_current(fixture, path) : -ENOENT;
}

int mv_fixture_find_pid(struct mv_fixture *fixture, int pid)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%d", pid);
	if (find_step(fixture, path) < 0)
		return -ESRCH;
	return wanted_error(fixture, pid, ".");
}

/* The directory's entries of all steps so far, without those that are gone. */
ssize_t mv_fixture_list(struct mv_fixture *fixture, int pid, const char *name, int *out, size_t cap)
{
	char path[PATH_BYTES - 32], entry[PATH_BYTES];
	size_t kept = 0, room = 1024;
	ssize_t n = 0;
	int *ids = calloc(room, sizeof(*ids));
	int err = wanted_error(fixture, pid, name);

	if (pid)
		snprintf(path, sizeof(path), "%d/%s", pid, name);
	else
		snprintf(path, sizeof(path), "%s", name);
	if (!err && pid && find_step(fixture, path) < 0)
		err = mv_fixture_find_pid(fixture, pid) == -ESRCH ? -ESRCH : -ENOENT;
	for (unsigned step = 0; ids && !err && step <= fixture->step; step++) {
		char dir[PATH_BYTES];
		int fd;

		if (step)
			snprintf(dir, sizeof(dir), "step%u/%s", step, path);
		else
			snprintf(dir, sizeof(dir), "%s", path);
		fd = openat(fixture->root_fd, dir, MV_OPEN_FLAGS | O_DIRECTORY);
		if (fd < 0)
			continue;
		n = mv_source_collect_ids(fd, ids, (size_t)n, room);
		if (n < 0)
			err = (int)n;
		else if ((size_t)n > room)
			err = -E2BIG; /* no fixture is so large */
	}
	if (!ids || err) {
		free(ids);
		return err ? err : -ENOMEM;
	}
	room = mv_source_sort_ids(ids, (size_t)n);
	for (size_t i = 0; i < room; i++) {
		snprintf(entry, sizeof(entry), "%s/%d", pid ? path : ".", ids[i]);
		if (find_step(fixture, pid ? entry : entry + 2) < 0)
			continue;
		if (kept < cap)
			out[kept] = ids[i];
		kept++;
	}
	free(ids);
	return (ssize_t)kept;
}

int mv_fixture_names(struct mv_fixture *fixture, const char *name, struct mv_names *names)
{
	size_t kept = 0;
	char *at;
	int err = wanted_error(fixture, 0, name);

	if (!err && find_step(fixture, name) < 0)
		err = -ENOENT;
	for (unsigned step = 0; !err && step <= fixture->step; step++) {
		char dir[PATH_BYTES + 32];
		int fd;

		if (step)
			snprintf(dir, sizeof(dir), "step%u/%s", step, name);
		else
			snprintf(dir, sizeof(dir), "%s", name);
		fd = openat(fixture->root_fd, dir, MV_OPEN_FLAGS | O_DIRECTORY);
		if (fd >= 0)
			err = mv_source_collect_names(fd, names);
	}
	if (err)
		return err;
	at = names->text;
	for (size_t i = 0, left = names->count; i < left; i++) {
		char path[PATH_BYTES];
		size_t bytes = strlen(at) + 1;

		if (snprintf(path, sizeof(path), "%s/%s", name, at) < PATH_BYTES &&
		    find_step(fixture, path) >= 0) {
			memmove(names->text + kept, at, bytes);
			kept += bytes;
		} else {
			names->count--;
		}
		at += bytes;
	}
	names->used = kept;
	return 0;
}

/* "PFN[-END] FLAGS COUNT CGROUP-INO": of the frames [PFN, END). */
static bool parse_frames(struct mv_scan line, struct mv_range *ret_frames, uint64_t values[MV_KPAGE__N])
{
	struct mv_range frames;

	if (!mv_scan_hex(&line, &frames.start))
		return false;
	frames.end = frames.start + 1;
	if (mv_scan_char(&line, '-') && !mv_scan_hex(&line, &frames.end))
		return false;
	for (size_t i = 0; i < MV_KPAGE__N; i++) {
		mv_scan_spaces(&line);
		if (!mv_scan_hex(&line, &values[i]))
			values[i] = 0;
	}
	*ret_frames = frames;
	return true;
}

void mv_fixture_frames(struct mv_fixture *fixture, uint64_t pfn, size_t n, uint64_t *const out[MV_KPAGE__N],
		       enum mv_why ret_why[static 3])
{
	static const char *const names[MV_KPAGE__N] = {"kpageflags", "kpagecount", "kpagecgroup"};
	static const uint64_t none[MV_KPAGE__N] = {UINT64_C(1) << 20, 0, 0}; /* NOPAGE */
	size_t len = 0;
	char *text = load(fixture, "kpage", &len);
	struct mv_scan all = {text, text ? text + len : NULL}, line;

	for (size_t i = 0; i < MV_KPAGE__N; i++) {
		int err = wanted_error(fixture, 0, names[i]);

		ret_why[i] = !out[i]			       ? MV_WHY_NOT_ASKED
			     : err == -EACCES || err == -EPERM ? MV_WHY_NEEDS_DAC
			     : err || !text		       ? MV_WHY_NO_KERNEL
							       : MV_WHY_HAVE;
		for (size_t at = 0; ret_why[i] == MV_WHY_HAVE && at < n; at++)
			out[i][at] = none[i];
	}
	while (text && mv_scan_line(&all, &line)) {
		uint64_t values[MV_KPAGE__N];
		struct mv_range frames;

		if (!parse_frames(line, &frames, values))
			continue;
		if (frames.start < pfn)
			frames.start = pfn;
		if (frames.end > pfn + n)
			frames.end = pfn + n;
		for (uint64_t at = frames.start; at < frames.end; at++) {
			for (size_t i = 0; i < MV_KPAGE__N; i++) {
				if (ret_why[i] == MV_WHY_HAVE)
					out[i][at - pfn] = values[i];
			}
		}
	}
	free(text);
}

void mv_fixture_features(struct mv_fixture *fixture, struct mv_features *ret_features)
{
	bool frames = find_step(fixture, "kpage") >= 0;

	*ret_features = (struct mv_features){
	    .pagemap_scan = true,
	    .procmap_query = false, /* no descriptor to ask */
	    .frame_numbers = frames,
	    .kpageflags = frames && !wanted_error(fixture, 0, "kpageflags"),
	    .guard_category = true,
	};
}

/* "START-END LETTERS [pfn=HEX]" */
static bool parse_run(struct mv_scan line, struct mv_fixture_run *ret_run)
{
	struct mv_fixture_run run = {0};

	if (!mv_scan_hex(&line, &run.start) || !mv_scan_char(&line, '-') || !mv_scan_hex(&line, &run.end))
		return false;
	mv_scan_spaces(&line);
	for (; line.at < line.end && *line.at != ' '; line.at++) {
		switch (*line.at) {
		case 'p':
			run.cats |= MV_CAT_PRESENT;
			break;
		case 's':
			run.cats |= MV_CAT_SWAPPED;
			break;
		case 'f':
			run.cats |= MV_CAT_FILE;
			break;
		case 'z':
			run.cats |= MV_CAT_PFNZERO;
			break;
		case 'h':
			run.cats |= MV_CAT_HUGE;
			break;
		case 'g':
			run.cats |= MV_CAT_GUARD | MV_CAT_SWAPPED;
			break;
		case 'x':
			run.exclusive = true;
			break;
		default:
			return false;
		}
	}
	if (!(run.cats & MV_CAT_SWAPPED))
		run.cats |= MV_CAT_PRESENT;
	mv_scan_spaces(&line);
	if (line.end - line.at > 4 && !memcmp(line.at, "pfn=", 4)) {
		line.at += 4;
		if (!mv_scan_hex(&line, &run.pfn))
			return false;
	}
	*ret_run = run;
	return run.start < run.end;
}

/* Parse the current step's pages file, once. A process without one has no pages. */
static int load_pages(struct mv_target *target)
{
	struct mv_fixture *f = target->source->fixture;
	char path[PATH_BYTES];
	struct mv_scan all, line;
	size_t len = 0, cap = 0;
	char *text;
	int err = mv_fixture_find_pid(f, target->pid);

	if (!err)
		err = wanted_error(f, target->pid, "pagemap");
	if (err)
		return err;
	if (target->pages_loaded && target->pages_step == f->step)
		return 0;
	make_path(path, target->pid, "pages");
	text = load(f, path, &len);
	all = (struct mv_scan){text, text ? text + len : NULL};
	target->pages_count = 0;
	while (text && mv_scan_line(&all, &line)) {
		if (target->pages_count == cap) {
			struct mv_fixture_run *grown;

			cap = cap ? cap * 2 : 64;
			grown = reallocarray(target->pages, cap, sizeof(*grown));
			if (!grown) {
				free(text);
				return -ENOMEM;
			}
			target->pages = grown;
		}
		if (parse_run(line, &target->pages[target->pages_count]))
			target->pages_count++;
		else if (line.at < line.end && *line.at != '#')
			err = -EBADMSG;
	}
	free(text);
	target->pages_loaded = !err;
	target->pages_step = f->step;
	return err;
}

/* Index of the first run that ends above addr. */
static size_t find_run(const struct mv_target *target, uint64_t addr)
{
	size_t low = 0, high = target->pages_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (target->pages[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

ssize_t mv_fixture_scan(struct mv_target *target, struct mv_range range, uint64_t return_cats,
			uint64_t max_pages, struct mv_run *runs, size_t cap, uint64_t *ret_walked)
{
	const uint64_t page_bytes = target->source->page_bytes;
	uint64_t budget_bytes = max_pages > UINT64_MAX / page_bytes ? UINT64_MAX : max_pages * page_bytes;
	size_t used = 0;
	int err = load_pages(target);

	if (err)
		return err;
	if (!target->source->features.pagemap_scan && range.end - range.start > budget_bytes)
		range.end = range.start + budget_bytes; /* pagemap's budget is of pages walked, not found */
	*ret_walked = range.end;
	for (size_t i = find_run(target, range.start); i < target->pages_count; i++) {
		const struct mv_fixture_run *from = &target->pages[i];
		struct mv_run run = {from->start, from->end, from->cats & return_cats};

		if (run.start >= range.end)
			break;
		if (run.start < range.start)
			run.start = range.start;
		if (run.end > range.end)
			run.end = range.end;
		if (budget_bytes == 0) {
			*ret_walked = run.start;
			break;
		}
		if (run.end - run.start > budget_bytes)
			run.end = run.start + budget_bytes;
		if (used && runs[used - 1].end == run.start && runs[used - 1].cats == run.cats) {
			runs[used - 1].end = run.end;
		} else if (used == cap) {
			*ret_walked = run.start;
			break;
		} else {
			runs[used++] = run;
		}
		budget_bytes -= run.end - run.start;
		if (budget_bytes == 0) {
			*ret_walked = run.end;
			break;
		}
	}
	return (ssize_t)used;
}

static uint64_t word_of_run(const struct mv_fixture_run *run, uint64_t pages_in)
{
	uint64_t word = 0;

	if (run->cats & MV_CAT_PRESENT)
		word |= MV_WORD_PRESENT | (run->pfn ? run->pfn + pages_in : 0);
	if (run->cats & MV_CAT_SWAPPED)
		word |= MV_WORD_SWAPPED;
	if (run->cats & MV_CAT_FILE)
		word |= MV_WORD_FILE;
	if (run->cats & MV_CAT_GUARD)
		word |= MV_WORD_GUARD;
	if (run->exclusive)
		word |= MV_WORD_EXCLUSIVE;
	return word;
}

ssize_t mv_fixture_words(struct mv_target *target, uint64_t addr, size_t n, uint64_t *words)
{
	const uint64_t page_bytes = target->source->page_bytes;
	int err = load_pages(target);
	size_t at;

	if (err)
		return err;
	at = find_run(target, addr);
	for (size_t i = 0; i < n; i++, addr += page_bytes) {
		while (at < target->pages_count && target->pages[at].end <= addr)
			at++;
		words[i] = 0;
		if (at < target->pages_count && target->pages[at].start <= addr)
			words[i] =
			    word_of_run(&target->pages[at], (addr - target->pages[at].start) / page_bytes);
	}
	return (ssize_t)n;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Copy what line "ADDR HEXBYTES" has of [addr, addr + n); returns whether it has the byte at addr + done. */
static size_t copy_bytes(struct mv_scan line, uint64_t addr, unsigned char *buf, size_t n, size_t done)
{
	uint64_t start;
	const char *at;

	if (!mv_scan_hex(&line, &start))
		return done;
	mv_scan_spaces(&line);
	at = line.at;
	if (start > addr + done || addr + done - start > (uint64_t)(line.end - at) / 2)
		return done;
	at += (addr + done - start) * 2;
	for (; done < n && line.end - at >= 2 && hex_digit(at[0]) >= 0 && hex_digit(at[1]) >= 0; at += 2)
		buf[done++] = (unsigned char)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
	return done;
}

ssize_t mv_fixture_bytes(struct mv_target *target, uint64_t addr, void *buf, size_t n)
{
	struct mv_fixture *f = target->source->fixture;
	char path[PATH_BYTES];
	struct mv_scan all, line;
	size_t len = 0, done = 0;
	char *text;
	int err = mv_fixture_find_pid(f, target->pid);

	if (!err)
		err = wanted_error(f, target->pid, "mem");
	if (err)
		return err;
	make_path(path, target->pid, "bytes");
	text = load(f, path, &len);
	all = (struct mv_scan){text, text ? text + len : NULL};
	while (text && done < n && mv_scan_line(&all, &line))
		done = copy_bytes(line, addr, buf, n, done);
	free(text);
	return done || !n ? (ssize_t)done : -EFAULT;
}
