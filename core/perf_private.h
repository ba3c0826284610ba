/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_PERF_PRIVATE_H
#define MV_PERF_PRIVATE_H

/* The layout of the records that we ask for: perf.c asks and merges, perf_record.c decodes. */

#include "core/perf.h"

/* What every record that is no sample ends in (sample_id_all): TID TIME CPU IDENTIFIER. */
#define MV_PERF_TRAILER_BYTES	    32
#define MV_PERF_TRAILER_TIME_OFFSET 8
/* What every sample begins with: header IDENTIFIER IP TID TIME ADDR CPU. */
#define MV_PERF_SAMPLE_BYTES	   56
#define MV_PERF_SAMPLE_TIME_OFFSET 32

#if MV_REGS_HERE
/* Our registers as bits of <asm/perf_regs.h>, ascending: the order in which a sample holds them. */
extern const uint8_t mv_perf_reg_bits[MV_REGS];
#endif

#endif
