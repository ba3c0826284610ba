/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/command.h"
#include "tui/privilege.h"

bool mv_privilege_is_borrowed(void)
{
	return getauxval(AT_SECURE) != 0;
}

/* Any capability in effect or within reach. */
static bool has_capabilities(void)
{
	cap_t now = cap_get_proc(), none = cap_init();
	bool has = !now || !none || cap_compare(now, none) != 0;

	cap_free(now);
	cap_free(none);
	return has;
}

bool mv_privilege_is_held(void)
{
	return geteuid() == 0 || getuid() == 0 || has_capabilities();
}

/* All, or all but the one that lets root write where others may. */
static int drop_capabilities(bool but_files)
{
	const cap_value_t files = CAP_DAC_OVERRIDE;
	cap_t now = cap_get_proc(), kept = cap_init();
	cap_flag_value_t had = CAP_CLEAR;
	int err = 0;

	if (now && but_files)
		cap_get_flag(now, files, CAP_PERMITTED, &had);
	if (kept && had == CAP_SET) {
		cap_set_flag(kept, CAP_PERMITTED, 1, &files, CAP_SET);
		cap_set_flag(kept, CAP_EFFECTIVE, 1, &files, CAP_SET);
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (!now || !kept)
		err = -ENOMEM;
	else if (cap_set_proc(kept) < 0)
		err = -errno;
	cap_free(now);
	cap_free(kept);
	return err;
}

static int drop_root(void)
{
	struct mv_user user;
	int err;

	mv_command_invoker(&user);
	err = mv_command_become(&user);
	/* EINVAL: no such user in this namespace; EPERM: root without the right to become another. */
	if (err == -EINVAL || (err == -EPERM && geteuid() == 0))
		return 0;
	if (err)
		return err;
	/* What is read from now on is that user's own. */
	unsetenv("XDG_CONFIG_HOME");
	return setenv("HOME", user.home[0] ? user.home : "/", 1) < 0 ? -ENOMEM : 0;
}

int mv_privilege_drop(void)
{
	const bool root = geteuid() == 0 || getuid() == 0;
	int err = root ? drop_root() : 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (!err && (root || has_capabilities()))
		err = drop_capabilities(false);
	if (!err && has_capabilities())
		err = -EPERM;
	return err;
}

int mv_privilege_drop_but_files(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return has_capabilities() ? drop_capabilities(true) : 0;
}
