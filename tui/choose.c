/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clean.h"
#include "core/machine.h"
#include "core/text.h"
#include "tui/choose.h"

static bool is_number(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
	}
	return true;
}

int mv_choose_source(const struct mv_options *options, struct mv_source_opts *ret_opts,
		     struct mv_source **ret_source)
{
	const char *no_ioctl = getenv("MEMVIEW_NO_IOCTL");
	const bool plain = no_ioctl && *no_ioctl && strcmp(no_ioctl, "0") != 0;
	const struct mv_source_opts opts = {
	    .root = options->proc_root, .no_pagemap_scan = plain, .no_procmap_query = plain};
	int err = mv_source_new(&opts, ret_source);

	if (err == -ENOENT && options->proc_root)
		fputs("memview: --proc-root: there is no such directory\n", stderr);
	else if (err == -ENOENT)
		fputs("memview: /proc is not mounted: mount -t proc proc /proc\n", stderr);
	else if (err)
		fprintf(stderr, "memview: can't read /proc: %s\n", strerror(-err));
	if (err)
		return MV_EXIT_COULD_NOT;
	*ret_opts = opts;
	return MV_EXIT_DONE;
}

void mv_choose_words(struct mv_source *source, int pid, int err, bool root, char *out, size_t cap)
{
	int group = err == -ESRCH ? mv_source_thread_group(source, pid) : 0;

	if (group > 0 && group != pid)
		snprintf(out, cap, "%d is a thread of %d, and shares its memory: memview %d", pid, group,
			 group);
	else if (err == -ESRCH)
		snprintf(out, cap, "%d: there is no such process; ps -e lists them", pid);
	else if (err == -EPERM)
		snprintf(out, cap,
			 "%d is hidden from you (/proc is mounted with hidepid): try sudo memview %d", pid,
			 pid);
	else if (err == -EACCES && root)
		snprintf(out, cap,
			 "%d can't be watched, even by root: a security module or a container forbids it",
			 pid);
	else if (err == -EACCES)
		snprintf(out, cap, "%d belongs to another user: try sudo memview %d", pid, pid);
	else
		snprintf(out, cap, "can't watch %d: %s", pid, strerror(-err));
}

int mv_choose_explain(struct mv_source *source, int pid, int err)
{
	char words[160];

	mv_choose_words(source, pid, err, geteuid() == 0, words, sizeof(words));
	fprintf(stderr, "memview: %s\n", words);
	return MV_EXIT_COULD_NOT;
}

int mv_choose_ended(int pid)
{
	fprintf(stderr, "memview: %d ended before it could be read\n", pid);
	return MV_EXIT_ENDED;
}

void mv_choose_explain_command(const char *command, int err)
{
	char clean[160];

	mv_clean_into(clean, sizeof(clean), command, strlen(command));
	if (err == -ENOENT)
		fprintf(stderr, "memview: %s: there is no such command in PATH\n", clean);
	else if (err == -EACCES)
		fprintf(stderr, "memview: %s: not executable: chmod +x makes it so\n", clean);
	else
		fprintf(stderr, "memview: %s: can't be started: %s\n", clean, strerror(-err));
}

static int choose_by_number(struct mv_source *source, const char *text, int *ret_pid)
{
	struct mv_scan scan = {text, text + strlen(text)};
	struct mv_target *target;
	uint64_t pid;
	int err;

	if (!mv_scan_dec(&scan, &pid) || pid > INT32_MAX) {
		fprintf(stderr, "memview: %.40s%s: no PID is that big; ps -e lists the processes\n", text,
			strlen(text) > 40 ? "..." : "");
		return MV_EXIT_USAGE;
	}
	if (pid == 0) {
		fputs("memview: 0 is no process: a PID is 1 or more; ps -e lists them\n", stderr);
		return MV_EXIT_USAGE;
	}
	err = mv_target_open(source, (int)pid, &target);
	if (err)
		return mv_choose_explain(source, (int)pid, err);
	mv_target_close(target);
	*ret_pid = (int)pid;
	return MV_EXIT_DONE;
}

/* The command line, cleaned, arguments parted by blanks; the name where it can't be read. */
static struct mv_clean command_line(struct mv_source *source, const struct mv_process *process, char *out,
				    size_t cap)
{
	struct mv_target *target;
	char raw[512];
	ssize_t n = 0;

	/* In a disk sleep its memory may be locked, and this read would wait with it. */
	if (process->state != 'D' && mv_target_open(source, process->pid, &target) == 0) {
		n = mv_target_read(target, MV_FILE_CMDLINE, raw, sizeof(raw));
		if (n == -E2BIG)
			n = sizeof(raw) - 1;
		mv_target_close(target);
	}
	while (n > 0 && raw[n - 1] == '\0')
		n--;
	if (n <= 0)
		return mv_clean_into(out, cap, process->comm, strlen(process->comm));
	for (ssize_t i = 0; i < n; i++) {
		if (raw[i] == '\0')
			raw[i] = ' ';
	}
	return mv_clean_into(out, cap, raw, (size_t)n);
}

static void user_name(const struct mv_process *process, char out[static 36])
{
	const struct passwd *entry = mv_have(&process->uid) ? getpwuid((uid_t)process->uid.value) : NULL;

	if (entry)
		mv_clean_into(out, 36, entry->pw_name, strlen(entry->pw_name));
	else if (mv_have(&process->uid))
		snprintf(out, 36, "%u", (unsigned)process->uid.value);
	else
		strcpy(out, "-");
}

/* Several bear the name: show them, and leave the choice. */
static void list_candidates(struct mv_source *source, const struct mv_process *list, size_t count)
{
	fprintf(stderr, "%9s  %-12s %7s  %s\n", "PID", "USER", "RSS", "COMMAND");
	for (size_t i = 0; i < count; i++) {
		char line[200], user[36], rss[8];

		mv_text_size(rss, list[i].rss_bytes);
		user_name(&list[i], user);
		fprintf(stderr, "%9d  %-12s %7s  %s\n", list[i].pid, user, rss,
			command_line(source, &list[i], line, sizeof(line)).text);
	}
}

/* several: more than one are no failure, and the PID is 0. */
static int choose_by_name(struct mv_source *source, const char *name, bool several, int *ret_pid)
{
	struct mv_process *list = NULL;
	size_t count = 0;
	char clean[160];
	int err = mv_machine_find(source, name, &list, &count);
	bool chosen = count == 1 || (count > 1 && several);

	mv_clean_into(clean, sizeof(clean), name, strlen(name));
	if (err) {
		fprintf(stderr, "memview: can't list the processes: %s\n", strerror(-err));
		return MV_EXIT_COULD_NOT;
	}
	if (chosen)
		*ret_pid = count == 1 ? list[0].pid : 0;
	else if (count == 0)
		fprintf(stderr,
			"memview: no process is called \"%s\" (nor is it a command of memview): ps -e lists "
			"them\n",
			clean);
	if (count > 1 && !several) {
		fprintf(stderr, "memview: %zu processes are called \"%s\": choose one by its PID\n", count,
			clean);
		list_candidates(source, list, count);
	}
	free(list);
	return chosen ? MV_EXIT_DONE : MV_EXIT_COULD_NOT;
}

static int choose(struct mv_source *source, const struct mv_options *options, bool several, int *ret_pid)
{
	if (!options->who_is_name && is_number(options->who))
		return choose_by_number(source, options->who, ret_pid);
	return choose_by_name(source, options->who, several, ret_pid);
}

int mv_choose_process(struct mv_source *source, const struct mv_options *options, int *ret_pid)
{
	return choose(source, options, false, ret_pid);
}

int mv_choose_or_list(struct mv_source *source, const struct mv_options *options, int *ret_pid)
{
	return choose(source, options, true, ret_pid);
}
