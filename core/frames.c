/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/frames.h"

const struct mv_frame_flag_info mv_frame_flags[] = {
#define X(bit, name, meaning) {bit, #name, meaning},
    MV_FRAME_FLAGS(X)
#undef X
};
const size_t mv_frame_flags_count = MV_COUNT_OF(mv_frame_flags);
