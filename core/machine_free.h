/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_MACHINE_FREE_H
#define MV_MACHINE_FREE_H

#include "core/types.h"

/*
 * What free prints as used and as cache, of the live machine, bytes.
 *
 * Source: libproc2's meminfo, as free itself; it reads /proc/meminfo once more. Without it both are NOT_READ.
 * Cost: 60 us; the first call loads the library.
 */
void mv_machine_free_read(struct mv_val *ret_used, struct mv_val *ret_cached);

#endif
