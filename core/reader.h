/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MV_READER_H
#define MV_READER_H

/*
 * What a collector serves wants by: the sampler of a process or that of the machine. The collector itself knows neither
 * (collector.c): how a snapshot is sent and when is the same for both.
 */

#include "core/protocol.h"
#include "core/sampler.h"

/* What a want says of its answers, whatever it is of. */
struct mv_pace {
	uint32_t interval_ms;
	uint32_t progress_ms; /* between snapshots while something long is read */
	bool whole;	      /* each wanted fact complete before the first snapshot */
};

struct mv_reader_ops {
	size_t want_bytes; /* of what stands in a WANT */
	/* pulse outlives the sampler, and the collector. */
	int (*open)(struct mv_source *source, struct mv_target *target, struct mv_pulse *pulse, void **ret_sampler);
	struct mv_pace (*want)(void *sampler, const struct mv_message *m);
	int (*tick)(void *sampler);			      /* -ESRCH: the process has ended; another error: there is nothing to show */
	int (*work)(void *sampler, uint64_t *ret_due_ns);     /* as mv_sampler_work */
	bool (*changed)(const void *sampler);
	bool (*waits)(const void *sampler);
	size_t (*fds)(const void *sampler, int *fds, size_t cap);
	void (*wake)(void *sampler, int fd);
	uint64_t (*helper_cpu_ns)(const void *sampler);
	size_t (*bytes)(void *sampler);
	/* Returns the snapshot's length. stamp: what the block holds already. */
	uint64_t (*snapshot)(void *sampler, void *block, struct mv_stamp *stamp, uint64_t cpu_ns);
};
extern const struct mv_reader_ops mv_reader_process, mv_reader_machine;

#endif
