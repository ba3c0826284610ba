/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/sampler.h"
#include "tui/batch.h"
#include "tui/demo.h"
#include "tui/privilege.h"

/* How long a picture may stay out after the process has ended. */
#define LAST_WORD_NS (2 * MV_NS_PER_SEC)
#define SLICE_NS     (MV_NS_PER_SEC / 10) /* how soon SIGINT is noticed */

struct mv_batch {
	struct mv_source *source;
	bool root;		    /* started as root, whoever we are now */
	struct mv_session *session; /* live */
	struct mv_want want;	    /* the last one sent; seq goes in step with the session's own */
	bool lost;		    /* the session's processes have gone */
	int pid;
	struct mv_target *target; /* fixture */
	struct mv_sampler *sampler;
	struct mv_snapshot *snap;
};

/* Signals keep their meaning: SIGPIPE and SIGINT end us, and with us the keeper. */
static int start_session(struct mv_batch *batch, const struct mv_options *options,
			 const struct mv_source_opts *source_opts)
{
	struct mv_session_opts opts = {.pid = batch->pid, .source = *source_opts};
	int err;

	if (options->mode == MV_MODE_COMMAND)
		opts.command = options->command;
	if (options->mode == MV_MODE_DEMO)
		opts.workload = mv_demo_run;
	opts.drop_command_user = options->mode == MV_MODE_COMMAND && geteuid() == 0 && getenv("SUDO_UID");
	err = mv_session_start(&opts, &batch->session);
	if (err && options->mode == MV_MODE_COMMAND) {
		mv_choose_explain_command(options->command[0], err);
		return MV_EXIT_COULD_NOT;
	}
	if (err == -ESRCH) /* it was there a moment ago */
		return mv_choose_ended(batch->pid);
	if (err)
		return mv_choose_explain(batch->source, batch->pid, err);
	err = mv_privilege_drop();
	if (err)
		fprintf(stderr, "memview: can't drop its privileges: %s\n", strerror(-err));
	return err ? MV_EXIT_COULD_NOT : MV_EXIT_DONE;
}

static int open_fixture(struct mv_batch *batch)
{
	int err = mv_target_open(batch->source, batch->pid, &batch->target);

	if (!err)
		err = mv_sampler_new(batch->source, batch->target, &batch->sampler);
	return err ? mv_choose_explain(batch->source, batch->pid, err) : MV_EXIT_DONE;
}

int mv_batch_open(const struct mv_options *options, struct mv_batch **ret_batch)
{
	struct mv_batch *batch = calloc(1, sizeof(*batch));
	struct mv_source_opts source_opts;
	int status;

	if (!batch) {
		fputs("memview: out of memory\n", stderr);
		return MV_EXIT_COULD_NOT;
	}
	batch->root = geteuid() == 0 && !options->proc_root;
	status = mv_choose_source(options, &source_opts, &batch->source);
	if (!status && options->who)
		status = mv_choose_process(batch->source, options, &batch->pid);
	if (!status)
		status =
		    options->proc_root ? open_fixture(batch) : start_session(batch, options, &source_opts);
	/* Give a process that has just been started a second to be worth a report. */
	if (!status && !options->who)
		mv_batch_wait(batch, mv_batch_now(batch) + MV_NS_PER_SEC);
	if (status) {
		mv_batch_close(batch);
		return status;
	}
	*ret_batch = batch;
	return MV_EXIT_DONE;
}

void mv_batch_close(struct mv_batch *batch)
{
	if (!batch)
		return;
	if (batch->session)
		mv_session_end(batch->session, MV_LEAVE_END);
	free(batch->snap);
	mv_sampler_free(batch->sampler);
	mv_target_close(batch->target);
	mv_source_free(batch->source);
	free(batch);
}

const struct mv_keeper_status *mv_batch_status(const struct mv_batch *batch)
{
	return batch->session ? mv_session_status(batch->session) : NULL;
}

int mv_batch_pid(const struct mv_batch *batch)
{
	return batch->session ? mv_session_status(batch->session)->pid : batch->pid;
}

uint64_t mv_batch_now(const struct mv_batch *batch)
{
	return mv_source_now(batch->source);
}

uint64_t mv_batch_now_real(const struct mv_batch *batch)
{
	return mv_source_now_real(batch->source);
}

unsigned mv_batch_poll(struct mv_session *session, uint64_t now_ns, uint64_t at_ns)
{
	struct pollfd waiters[8];
	int fds[MV_COUNT_OF(waiters)];
	size_t count = mv_session_fds(session, fds, MV_COUNT_OF(fds));
	uint64_t left_ms = at_ns > now_ns ? (at_ns - now_ns + 999999) / 1000000 : 0;

	for (size_t i = 0; i < count; i++)
		waiters[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	poll(waiters, (nfds_t)count, left_ms > 1000 ? 1000 : (int)left_ms);
	return mv_session_dispatch(session);
}

static unsigned wait_events(struct mv_batch *batch, uint64_t at_ns)
{
	unsigned events = mv_batch_poll(batch->session, mv_batch_now(batch), at_ns);

	batch->lost |= (events & MV_EVENT_LOST) != 0;
	return events;
}

bool mv_batch_wait(struct mv_batch *batch, uint64_t at_ns)
{
	if (!batch->session)
		return false;
	while (!mv_session_status(batch->session)->exited && mv_batch_now(batch) < at_ns) {
		if (wait_events(batch, at_ns) & MV_EVENT_LOST)
			return true;
	}
	return mv_session_status(batch->session)->exited;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

void mv_batch_await_interrupt(void)
{
	struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
}

void mv_batch_pass(struct mv_batch *batch, uint64_t end_ns)
{
	while (!interrupted && mv_batch_now(batch) < end_ns && !mv_batch_is_lost(batch) &&
	       !mv_batch_status(batch)->gave_up) {
		const uint64_t slice_ns = mv_batch_now(batch) + SLICE_NS;

		if (mv_batch_wait(batch, slice_ns < end_ns ? slice_ns : end_ns))
			return;
	}
}

bool mv_batch_is_lost(const struct mv_batch *batch)
{
	return batch->lost;
}

int mv_batch_explain_lost(const struct mv_batch *batch)
{
	fprintf(stderr, "memview: %d can't be read any more: the process that read it has gone\n",
		mv_batch_pid(batch));
	return MV_EXIT_COULD_NOT;
}

static int explain_given_up(const struct mv_keeper_status *status)
{
	if (!status->stuck) {
		fprintf(
		    stderr,
		    "memview: %d can't be read: the process that reads it could not start or go on (too few "
		    "descriptors, processes or too little memory?)\n",
		    status->pid);
		return MV_EXIT_COULD_NOT;
	}
	fprintf(stderr,
		"memview: %d does not answer: reading its memory blocks in %s; try again once it moves\n",
		status->pid, status->wchan[0] ? status->wchan : "the kernel");
	return MV_EXIT_COULD_NOT;
}

/* The session counts wants that differ: so do we. */
static void send_want(struct mv_batch *batch, struct mv_want *want)
{
	if (!want->cell_pages)
		want->cell_pages = 1;
	want->seq = batch->want.seq;
	if (want->seq && memcmp(want, &batch->want, sizeof(*want)) == 0)
		return;
	want->seq++;
	batch->want = *want;
	if (batch->session)
		mv_session_want(batch->session, want);
}

void mv_batch_follow(struct mv_batch *batch, struct mv_want *want)
{
	send_want(batch, want);
}

const struct mv_snapshot *mv_batch_newest(const struct mv_batch *batch)
{
	const struct mv_snapshot *snap = batch->session ? mv_session_snapshot(batch->session) : batch->snap;

	return snap && snap->want_seq == batch->want.seq ? snap : NULL;
}

const struct mv_snapshot *mv_batch_next(struct mv_batch *batch, uint64_t after_ns, uint64_t until_ns)
{
	for (;;) {
		const struct mv_snapshot *snap = mv_batch_newest(batch);

		if (snap && snap->taken_ns >= after_ns)
			return snap;
		if (mv_session_status(batch->session)->exited || mv_batch_now(batch) >= until_ns ||
		    (wait_events(batch, until_ns) & MV_EVENT_LOST))
			return NULL;
	}
}

static int take_live(struct mv_batch *batch, const struct mv_snapshot **ret_snap)
{
	uint64_t ended_ns = 0;

	for (;;) {
		const struct mv_keeper_status *status = mv_session_status(batch->session);
		const struct mv_snapshot *snap = mv_batch_newest(batch);

		if (snap) {
			*ret_snap = snap;
			return MV_EXIT_DONE;
		}
		if (status->gave_up)
			return explain_given_up(status);
		if (status->exited && !ended_ns)
			ended_ns = mv_batch_now(batch);
		if (ended_ns && mv_batch_now(batch) - ended_ns > LAST_WORD_NS)
			return mv_choose_ended(status->pid);
		if (wait_events(batch, mv_batch_now(batch) + MV_NS_PER_SEC / 4) & MV_EVENT_LOST)
			return mv_batch_explain_lost(batch);
	}
}

const struct mv_snapshot *mv_batch_last(struct mv_batch *batch, mv_batch_enough *enough)
{
	const uint64_t until_ns = mv_batch_now(batch) + LAST_WORD_NS;

	while (!batch->lost && !mv_session_status(batch->session)->gave_up &&
	       mv_batch_now(batch) < until_ns) {
		const struct mv_snapshot *snap = mv_batch_newest(batch);

		if (snap && (!enough || enough(snap)))
			return snap;
		wait_events(batch, until_ns);
	}
	return mv_session_snapshot(batch->session);
}

int mv_batch_trouble(const struct mv_batch *batch)
{
	if (batch->lost)
		return mv_batch_explain_lost(batch);
	if (mv_session_status(batch->session)->gave_up)
		return explain_given_up(mv_session_status(batch->session));
	return MV_EXIT_DONE;
}

int mv_batch_take(struct mv_batch *batch, struct mv_want *want, const struct mv_snapshot **ret_snap)
{
	struct mv_snapshot *snap;
	int err;

	want->facts |= MV_FACT_WHOLE;
	want->interval_ms = 0;
	send_want(batch, want);
	if (batch->session)
		return take_live(batch, ret_snap);
	err = mv_sampler_once(batch->sampler, want, &snap);
	if (err)
		return mv_choose_explain(batch->source, batch->pid, err);
	free(batch->snap);
	*ret_snap = batch->snap = snap;
	return MV_EXIT_DONE;
}

int mv_batch_judge(const struct mv_batch *batch, const struct mv_snapshot *snap)
{
	const enum mv_why why = (enum mv_why)snap->part_why[MV_PART_MAPS];
	const int pid = mv_batch_pid(batch);

	if (snap->life == MV_LIFE_KERNEL_THREAD || snap->life == MV_LIFE_ZOMBIE || why == MV_WHY_HAVE)
		return MV_EXIT_DONE;
	if (snap->life == MV_LIFE_GONE || why == MV_WHY_GONE)
		return mv_choose_ended(pid);
	const bool refused =
	    why == MV_WHY_NEEDS_PTRACE || why == MV_WHY_NEEDS_PTRACE_DAC || why == MV_WHY_NEEDS_ROOT;
	if (refused && batch->root)
		fprintf(stderr,
			"memview: the mappings of %d can't be read, even by root: a security module or a "
			"container forbids it (%s)\n",
			pid, mv_why_text(why));
	else if (refused)
		fprintf(stderr,
			"memview: %d belongs to another user, its mappings can't be read (%s): try sudo "
			"memview %d\n",
			pid, mv_why_text(why), pid);
	else
		fprintf(stderr, "memview: the mappings of %d can't be read: %s\n", pid,
			mv_why_text(why == MV_WHY_NOT_READ ? MV_WHY_IO : why));
	return MV_EXIT_COULD_NOT;
}

struct mv_clean mv_batch_no_memory(const struct mv_snapshot *snap)
{
	if (snap->life == MV_LIFE_KERNEL_THREAD)
		return MV_TEXT("kernel thread: no user memory");
	if (snap->life == MV_LIFE_ZOMBIE)
		return MV_TEXT("zombie: it has ended and holds no memory; it waits for its parent to take "
			       "its exit status");
	return (struct mv_clean){NULL};
}

bool mv_batch_is_deleted(const struct mv_mapping *m)
{
	return (m->flags & MV_MAPPING_DELETED) && m->kind != MV_KIND_SHARED && m->kind != MV_KIND_HUGE;
}

void mv_batch_print_end(int pid, bool exit_known, int exit_status)
{
	if (!exit_known)
		fprintf(stderr, "memview: %d has ended\n", pid);
	else if (WIFSIGNALED(exit_status))
		fprintf(stderr, "memview: %d was ended by signal %d (%s)\n", pid, WTERMSIG(exit_status),
			strsignal(WTERMSIG(exit_status)));
	else
		fprintf(stderr, "memview: %d ended with status %d\n", pid, WEXITSTATUS(exit_status));
}

/* Lines as they are; anything else that a terminal would obey is escaped when stdout is one. */
void mv_batch_print_output(const char *output, size_t len)
{
	const bool terminal = isatty(STDOUT_FILENO);
	size_t at = 0;

	if (!terminal)
		fwrite(output, 1, len, stdout);
	while (terminal && at < len) {
		char clean[4096];
		size_t n = 0;

		while (at + n < len && n < 256 && output[at + n] != '\n' && output[at + n] != '\t')
			n++;
		if (n)
			fputs(mv_clean_into(clean, sizeof(clean), output + at, n).text, stdout);
		at += n;
		if (at < len && (output[at] == '\n' || output[at] == '\t'))
			putchar(output[at++]);
	}
	if (len && output[len - 1] != '\n' && terminal)
		putchar('\n');
	fflush(stdout);
}
