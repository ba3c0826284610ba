/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/smaps.h"
#include "tui/loop_private.h"

#define SAVE_TRIES	 100
#define COST_EVERY_NS	 MV_NS_PER_SEC
#define OWN_PSS_EVERY_NS (10 * MV_NS_PER_SEC)

void mv_loop_hint(struct mv_loop *loop, const struct mv_build *text)
{
	mv_stack_hint(loop->shown->stack, mv_build_text(text), loop->ctx.now_ns + MV_HINT_NS);
	loop->dirty = true;
}

/* ---- p: save ---- */

/* Never an existing file and never through a link: the directory may be anybody's. */
static FILE *create(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (fd >= 0 && !file)
		close(fd);
	return file;
}

typedef int write_picture(const struct mv_canvas *canvas, const struct mv_theme *theme, FILE *out);

static int save_as(const struct mv_loop *loop, const char *name, write_picture *write)
{
	FILE *file = create(name);
	int err;

	if (!file)
		return -errno;
	err = write(&loop->canvas, &loop->choice.theme, file);
	if (fclose(file) != 0 && !err)
		err = -errno;
	if (err)
		unlink(name); /* ours: it was created just now */
	return err;
}

static void add_raw(struct mv_build *b, const char *raw)
{
	char clean[256];

	mv_build_clean(b, mv_clean_into(clean, sizeof(clean), raw, strlen(raw)));
}

/* Who we are, when that is not who started us; where; and why. */
static void build_not_saved(struct mv_build *b, int err, bool was_root)
{
	const struct passwd *entry = getpwuid(geteuid());
	char directory[PATH_MAX];

	if (was_root && geteuid() != 0) {
		mv_build_clean(b, MV_TEXT("not saved: user "));
		if (entry)
			add_raw(b, entry->pw_name);
		else
			mv_build_fmt(b, "%u", (unsigned)geteuid());
		mv_build_clean(b, MV_TEXT(" can't write in "));
	} else {
		mv_build_clean(b, MV_TEXT("not saved: can't write in "));
	}
	if (getcwd(directory, sizeof(directory)))
		add_raw(b, directory);
	else
		mv_build_clean(b, MV_TEXT("the current directory"));
	mv_build_clean(b, MV_TEXT(": "));
	add_raw(b, strerror(-err));
}

static void save(struct mv_loop *loop)
{
	const int pid = mv_session_status(loop->shown->session)->pid;
	char what[16], stem[64], text_name[80], svg_name[80], when[32] = "";
	time_t now = (time_t)(loop->ctx.now_real_ns / MV_NS_PER_SEC);
	struct mv_build words;
	int err = -EEXIST;
	struct tm tm;

	if (pid)
		snprintf(what, sizeof(what), "%d", pid);
	else
		strcpy(what, "machine");
	if (localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	for (int n = 1; err == -EEXIST && n <= SAVE_TRIES; n++) {
		snprintf(stem, sizeof(stem), n == 1 ? "memview-%s-%s" : "memview-%s-%s-%d", what, when, n);
		snprintf(text_name, sizeof(text_name), "%s.txt", stem);
		snprintf(svg_name, sizeof(svg_name), "%s.svg", stem);
		err = save_as(loop, text_name, mv_canvas_ansi);
		if (!err)
			err = save_as(loop, svg_name, mv_canvas_svg);
	}
	mv_build_init(&words);
	if (err) {
		build_not_saved(&words, err, loop->ctx.root);
	} else {
		mv_build_clean(&words, MV_TEXT("saved as "));
		mv_build_clean(&words, mv_clean_trusted(text_name));
		mv_build_clean(&words, MV_TEXT(" and .svg"));
	}
	mv_loop_hint(loop, &words);
}

/* ---- the others ---- */

static void next_theme(struct mv_loop *loop)
{
	struct mv_build words;

	mv_theme_choose_next(&loop->choice);
	mv_term_theme(loop->term, &loop->choice.theme);
	mv_build_init(&words);
	if (loop->choice.warning.len) {
		mv_build_clean(&words, mv_build_text(&loop->choice.warning));
	} else {
		mv_build_clean(&words, MV_TEXT("theme "));
		mv_build_clean(&words, mv_clean_trusted(loop->choice.theme.name));
	}
	mv_loop_hint(loop, &words);
}

static void change_interval(struct mv_loop *loop, bool longer)
{
	struct mv_build words;

	loop->ctx.interval_ms = mv_interval_next(loop->ctx.interval_ms, longer);
	mv_build_init(&words);
	mv_build_fmt(&words, "a look every %g s", (double)loop->ctx.interval_ms / 1000);
	mv_loop_hint(loop, &words);
}

void mv_loop_effect(struct mv_loop *loop, enum mv_effect effect)
{
	if (effect == MV_EFFECT_NONE)
		return;
	loop->dirty = true;
	switch (effect) {
	case MV_EFFECT_QUIT:
		loop->quit = true;
		break;
	case MV_EFFECT_LEAVE_RUNNING:
		loop->quit = true;
		loop->leave = MV_LEAVE_RUNNING;
		break;
	case MV_EFFECT_PAUSE:
		loop->ctx.paused = !loop->ctx.paused;
		break;
	case MV_EFFECT_SLOWER:
	case MV_EFFECT_FASTER:
		change_interval(loop, effect == MV_EFFECT_SLOWER);
		break;
	case MV_EFFECT_THEME:
		next_theme(loop);
		break;
	case MV_EFFECT_REDRAW:
		mv_term_redraw(loop->term);
		break;
	case MV_EFFECT_SAVE:
		save(loop);
		break;
	case MV_EFFECT_RETRY:
		mv_session_retry(loop->shown->session);
		break;
	case MV_EFFECT_EXACT:
		loop->ctx.exact = !loop->ctx.exact;
		break;
	case MV_EFFECT_MARK:
		mv_delta_mark(loop->shown->delta, loop->ctx.snap, loop->ctx.now_ns, loop->ctx.now_real_ns);
		break;
	case MV_EFFECT_AGAINST:
		loop->ctx.against = !loop->ctx.against;
		break;
	case MV_EFFECT_OPEN:
		mv_loop_open(loop, mv_stack_opens(loop->shown->stack));
		break;
	case MV_EFFECT_MACHINE:
		mv_loop_to_machine(loop);
		break;
	case MV_EFFECT_NONE:
	case MV_EFFECT_DRAW:
		break;
	}
}

/* ---- what memview itself costs ---- */

static uint64_t own_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * MV_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void measure_own_pss(struct mv_loop *loop)
{
	struct mv_smaps_row row;
	struct mv_target *self;

	loop->own_pss_due_ns = loop->ctx.now_ns + OWN_PSS_EVERY_NS;
	if (mv_target_open(loop->source, getpid(), &self) < 0)
		return;
	if (mv_rollup_read(self, &row) == 0 && row.seen >> MV_SMAPS_PSS & 1)
		loop->own_pss_bytes = (uint64_t)row.kib[MV_SMAPS_PSS] * 1024;
	mv_target_close(self);
}

/* Keepers and collectors of all sessions, shown or not. */
struct others {
	uint64_t cpu_ns, pss_bytes;
	bool pss_known;
};

static struct others measure_others(const struct mv_loop *loop)
{
	const struct mv_watched *all[] = {&loop->machine, &loop->home, &loop->guest};
	struct others sum = {.pss_known = true};

	for (size_t i = 0; i < MV_COUNT_OF(all); i++) {
		const struct mv_keeper_status *status;

		if (!all[i]->session)
			continue;
		status = mv_session_status(all[i]->session);
		sum.cpu_ns += status->collector_cpu_ns + status->keeper_cpu_ns;
		sum.pss_bytes += status->collector_pss_bytes + status->keeper_pss_bytes;
		sum.pss_known = sum.pss_known && status->collector_pss_bytes && status->keeper_pss_bytes;
	}
	return sum;
}

void mv_loop_measure_cost(struct mv_loop *loop)
{
	const struct others others = measure_others(loop);
	const struct mv_cost_point now = {loop->ctx.now_ns, own_cpu_ns() + others.cpu_ns};
	const struct mv_cost_point *first = &loop->cost[0];

	if (loop->ctx.now_ns < loop->cost_due_ns)
		return;
	loop->cost_due_ns = loop->ctx.now_ns + COST_EVERY_NS;
	if (loop->cost_count == MV_COST_POINTS)
		memmove(loop->cost, loop->cost + 1, sizeof(loop->cost[0]) * --loop->cost_count);
	/* A new collector starts from nothing, and a session may have gone: so do we. */
	if (loop->cost_count && now.cpu_ns < loop->cost[loop->cost_count - 1].cpu_ns)
		loop->cost_count = 0;
	loop->cost[loop->cost_count++] = now;
	loop->ctx.own_cpu_percent = -1;
	if (loop->cost_count > 1 && now.at_ns > first->at_ns)
		loop->ctx.own_cpu_percent =
		    100.0 * (double)(now.cpu_ns - first->cpu_ns) / (double)(now.at_ns - first->at_ns);
	if (loop->ctx.now_ns >= loop->own_pss_due_ns)
		measure_own_pss(loop);
	loop->ctx.own_bytes = 0;
	if (loop->own_pss_bytes && others.pss_known)
		loop->ctx.own_bytes = loop->own_pss_bytes + others.pss_bytes;
}
