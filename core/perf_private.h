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

/*
 * And what every sample ends in: as many words as its enum mv_perf_event says, which mean nothing (of a software event
 * they are constants). The ids would tell the events apart, too, but for Linux 6.18: when two events on a thread sample the
 * same fault, and be it another program's, both records bear the id of the first.
 */
#define MV_PERF_MARK_MAJOR PERF_SAMPLE_TRANSACTION
#define MV_PERF_MARK_CPU   (PERF_SAMPLE_DATA_SRC | PERF_SAMPLE_TRANSACTION)

#if MV_REGS_HERE
/* Our registers as bits of <asm/perf_regs.h>, ascending: the order in which a sample holds them. */
extern const uint8_t mv_perf_reg_bits[MV_REGS];
#endif

#endif
