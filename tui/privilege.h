/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_PRIVILEGE_H
#define MV_PRIVILEGE_H

/* What the screen process may do: nothing beyond the user who called it, once its terminal is open. */

#include "core/types.h"

/* True when setuid, setgid or file capabilities gave this process what its caller lacks (AT_SECURE). */
bool mv_privilege_is_borrowed(void);
/* True when there is something to drop: root, or any capability. */
bool mv_privilege_is_held(void);
/*
 * Become the invoking user for good: SUDO_UID's identity, else nobody; no capability, none to be gained by
 * exec. HOME becomes that user's. Does nothing but the latter when there is nothing to drop. Where that user
 * doesn't exist (a namespace with one user), the capabilities go all the same. Errors: -EPERM the way back
 * stayed open.
 */
int mv_privilege_drop(void);
/* The same for one that is to write a file by its starter's rights: it stays who it is, with CAP_DAC_OVERRIDE if it had that. */
int mv_privilege_drop_but_files(void);

#endif
