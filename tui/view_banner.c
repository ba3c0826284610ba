/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "tui/view_private.h"

#define EXEC_SHOWN_NS (10 * MV_NS_PER_SEC)

void mv_clock_build(struct mv_build *b, uint64_t real_ns)
{
	time_t t = (time_t)(real_ns / MV_NS_PER_SEC);
	struct tm tm;

	if (localtime_r(&t, &tm))
		mv_build_fmt(b, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static const struct {
	int number;
	struct mv_clean words;
} signals[] = {
    {SIGKILL, {"SIGKILL (the OOM killer's too)"}},
    {SIGSEGV, {"SIGSEGV (touched an address it may not)"}},
    {SIGBUS, {"SIGBUS (touched memory that is not there)"}},
    {SIGABRT, {"SIGABRT (gave up by abort)"}},
    {SIGTERM, {"SIGTERM (asked to end)"}},
    {SIGINT, {"SIGINT (interrupted)"}},
    {SIGHUP, {"SIGHUP (its terminal went)"}},
    {SIGILL, {"SIGILL (not an instruction)"}},
    {SIGFPE, {"SIGFPE (an impossible sum)"}},
    {SIGPIPE, {"SIGPIPE (nobody reads its output)"}},
    {SIGQUIT, {"SIGQUIT (quit)"}},
    {SIGTRAP, {"SIGTRAP (trap)"}},
    {SIGSYS, {"SIGSYS (a forbidden system call)"}},
};

static void build_exit(struct mv_build *b, const struct mv_keeper_status *status)
{
	if (!status->exit_known) {
		mv_build_clean(b, MV_TEXT("the process has ended"));
	} else if (WIFSIGNALED(status->exit_status)) {
		int number = WTERMSIG(status->exit_status);

		mv_build_clean(b, MV_TEXT("ended by "));
		for (size_t i = 0; i < MV_COUNT_OF(signals); i++) {
			if (signals[i].number == number) {
				mv_build_clean(b, signals[i].words);
				number = 0;
			}
		}
		if (number)
			mv_build_fmt(b, "signal %d", number);
	} else {
		mv_build_fmt(b, "ended with exit status %d", WEXITSTATUS(status->exit_status));
	}
	if (status->exit_real_ns) {
		mv_build_clean(b, MV_TEXT(" at "));
		mv_clock_build(b, status->exit_real_ns);
	}
	mv_build_clean(b, MV_TEXT("; the last picture stays"));
}

static void build_stuck(struct mv_build *b, const struct mv_context *ctx)
{
	char wchan[sizeof(ctx->status->wchan) * 4];
	size_t len = strnlen(ctx->status->wchan, sizeof(ctx->status->wchan));

	if (ctx->status->gave_up && !ctx->status->stuck)
		mv_build_clean(b, MV_TEXT("R tries again: the reader could not start or go on"));
	else
		mv_build_clean(b, ctx->status->gave_up
				      ? MV_TEXT("R tries again: reading was given up, blocked")
				      : MV_TEXT("the reader is blocked"));
	if (len) {
		mv_build_clean(b, MV_TEXT(" in "));
		mv_build_clean(b, mv_clean_into(wchan, sizeof(wchan), ctx->status->wchan, len));
	}
	const uint64_t taken_ns = ctx->snap ? ctx->snap->taken_ns : ctx->machine ? ctx->machine->taken_ns : 0;
	if (ctx->status->stuck_pid)
		mv_build_fmt(b, " at process %d, which will be left out", ctx->status->stuck_pid);
	if (taken_ns && ctx->now_ns > taken_ns) {
		mv_build_clean(b, MV_TEXT("; data is "));
		mv_age_build(b, ctx->now_ns - taken_ns);
		mv_build_clean(b, MV_TEXT(" old"));
	}
	if (ctx->status->pid)
		mv_build_clean(b, MV_TEXT("; counters go on"));
}

bool mv_banner_of(const struct mv_context *ctx, uint64_t exec_ns, uint64_t exec_real_ns,
		  struct mv_banner *ret_banner)
{
	uint32_t life = ctx->snap ? ctx->snap->life : (uint32_t)MV_LIFE_ALIVE;
	struct mv_build *b = &ret_banner->text;

	mv_build_init(b);
	ret_banner->role = ROLE_WARN;
	if (ctx->status->exited || life == MV_LIFE_GONE) {
		build_exit(b, ctx->status);
		ret_banner->role = ROLE_ALERT;
	} else if (ctx->lost) {
		mv_build_clean(
		    b, MV_TEXT("memview's reader has gone: nothing more is read, the last picture stays"));
		ret_banner->role = ROLE_ALERT;
	} else if (ctx->status->gave_up || ctx->status->stuck) {
		build_stuck(b, ctx);
		ret_banner->role = ROLE_ALERT;
	} else if (life == MV_LIFE_KERNEL_THREAD) {
		mv_build_clean(b, MV_TEXT("a kernel thread has no user memory"));
	} else if (life == MV_LIFE_ZOMBIE) {
		mv_build_clean(
		    b, MV_TEXT("a zombie: it has ended, its parent has not asked for its exit status yet"));
	} else if (exec_ns && ctx->now_ns < exec_ns + EXEC_SHOWN_NS) {
		mv_build_clean(b, MV_TEXT("exec: a new program since "));
		mv_clock_build(b, exec_real_ns);
	} else {
		return false;
	}
	return true;
}
