/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/loop_private.h"

#define USERS_MAX 256			     /* beyond these, numbers are shown */
#define TURN_NS	  (5 * MV_NS_PER_SEC / 1000) /* the names' server may be slow */

static size_t place_of(const struct mv_users *users, uint32_t uid)
{
	size_t at = 0;

	while (at < users->count && users->at[at].uid < uid)
		at++;
	return at;
}

static bool is_known(const struct mv_users *users, uint32_t uid)
{
	const size_t at = place_of(users, uid);

	return at < users->count && users->at[at].uid == uid;
}

static bool make_room(struct mv_users *users)
{
	if (!users->at)
		users->at = calloc(USERS_MAX, sizeof(*users->at));
	if (!users->names)
		users->names = calloc(USERS_MAX, sizeof(*users->names));
	return users->at && users->names && users->count < USERS_MAX;
}

/* One lookup a user: who has no name is remembered by the number. */
static void look_up(struct mv_users *users, uint32_t uid)
{
	const size_t at = place_of(users, uid);
	const struct passwd *entry;
	char *name;

	if (!make_room(users))
		return;
	name = users->names[users->count];
	entry = getpwuid((uid_t)uid);
	if (entry)
		mv_clean_into(name, sizeof(users->names[0]), entry->pw_name, strlen(entry->pw_name));
	else
		snprintf(name, sizeof(users->names[0]), "%u", (unsigned)uid);
	memmove(users->at + at + 1, users->at + at, (users->count - at) * sizeof(*users->at));
	users->at[at] = (struct mv_user_name){.uid = uid, .name = mv_clean_trusted(name)};
	users->count++;
}

static void name_tasks(struct mv_loop *loop)
{
	const uint64_t until_ns = mv_source_now(loop->source) + TURN_NS;
	uint32_t count = 0;
	const struct mv_task *tasks = loop->ctx.machine ? mv_machine_tasks(loop->ctx.machine, &count) : NULL;
	uint64_t last = UINT64_MAX; /* neighbours are often of one user */

	for (uint32_t i = 0; i < count && mv_source_now(loop->source) < until_ns; i++) {
		if (!mv_have(&tasks[i].uid) || tasks[i].uid.value == last)
			continue;
		last = tasks[i].uid.value;
		if (!is_known(&loop->users, (uint32_t)last))
			look_up(&loop->users, (uint32_t)last);
	}
}

void mv_loop_name_users(struct mv_loop *loop)
{
	const struct mv_snapshot *snap = loop->ctx.snap;

	if (snap && mv_have(&snap->status.uid) && !is_known(&loop->users, (uint32_t)snap->status.uid.value))
		look_up(&loop->users, (uint32_t)snap->status.uid.value);
	if (!snap)
		name_tasks(loop);
}

struct mv_clean mv_loop_user(const struct mv_loop *loop, uint32_t uid)
{
	const size_t at = place_of(&loop->users, uid);

	return is_known(&loop->users, uid) ? loop->users.at[at].name : MV_TEXT("");
}

void mv_loop_users_release(struct mv_loop *loop)
{
	free(loop->users.at);
	free(loop->users.names);
}
