/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/reader.h"

#define FIRST_BLOCK_BYTES (64u << 10)
#define FDS_MAX		  512			      /* rings: one a CPU */
#define PATIENCE_NS	  (30 * MV_NS_PER_SEC / 1000) /* a tick waits so long for its slices */
#define PSS_NS		  (20 * MV_NS_PER_SEC)

struct block {
	int fd;
	char *at;
	size_t bytes;
	bool sent; /* the screen has it */
	struct mv_stamp stamp;
};

struct collector {
	struct mv_source *source;
	const struct mv_reader_ops *ops;
	void *sampler;
	struct mv_pulse *pulse;
	struct mv_target *self;
	int socket;
	struct block pool[MV_POOL_BLOCKS];
	struct mv_pace pace; /* of the newest want */
	bool has_want;
	bool blocked;  /* no block was free */
	bool tick_due; /* a tick or a want has not been answered by a snapshot yet */
	uint64_t next_tick_ns, last_tick_ns, last_sent_ns, pss_ns;
	bool ended, failed;
};

/* A block grows under the reader's eyes but never shrinks, and the reader can never write: seals. */
static int open_block(struct block *b)
{
	b->fd = memfd_create("memview", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (b->fd < 0)
		return -errno;
	b->bytes = FIRST_BLOCK_BYTES;
	if (ftruncate(b->fd, (off_t)b->bytes) < 0)
		return -errno;
	b->at = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	if (b->at == MAP_FAILED)
		return -errno;
	/* FUTURE_WRITE came with 5.1: without it the reader merely promises not to write. */
	if (fcntl(b->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK) < 0 &&
	    fcntl(b->fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -errno;
	return 0;
}

static int grow_block(struct block *b, size_t bytes)
{
	size_t want = b->bytes;
	char *at;

	while (want < bytes)
		want += want / 2;
	want = (want + 0xffff) & ~(size_t)0xffff;
	if (ftruncate(b->fd, (off_t)want) < 0)
		return -errno;
	at = mremap(b->at, b->bytes, want, MREMAP_MAYMOVE);
	if (at == MAP_FAILED)
		return -errno;
	b->at = at;
	b->bytes = want;
	return 0;
}

static int open_pool(struct collector *c)
{
	struct mv_message m = {.type = MV_MSG_POOL};
	int fds[MV_POOL_BLOCKS];

	for (unsigned i = 0; i < MV_POOL_BLOCKS; i++) {
		int r = open_block(&c->pool[i]);

		if (r < 0)
			return r;
		fds[i] = c->pool[i].fd;
	}
	return mv_message_send(c->socket, &m, 0, fds, MV_POOL_BLOCKS);
}

/* Send a snapshot. -EAGAIN: no block is free; -EBUSY: the socket is full, nobody will wake us. */
static int publish(struct collector *c)
{
	size_t bytes = c->ops->bytes(c->sampler);
	struct mv_message m = {.type = MV_MSG_READY};
	struct timespec cpu = {0};
	unsigned i;
	int r;

	for (i = 0; i < MV_POOL_BLOCKS && c->pool[i].sent; i++)
		;
	if (i == MV_POOL_BLOCKS)
		return -EAGAIN;
	if (bytes > c->pool[i].bytes && (r = grow_block(&c->pool[i], bytes)) < 0)
		return r;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	m.block = i;
	m.length = c->ops->snapshot(c->sampler, c->pool[i].at, &c->pool[i].stamp,
				    (uint64_t)cpu.tv_sec * MV_NS_PER_SEC + (uint64_t)cpu.tv_nsec);
	c->last_sent_ns = mv_source_now(c->source);
	r = mv_message_send(c->socket, &m, 0, NULL, 0);
	if (r < 0)
		return r == -EAGAIN ? -EBUSY : r;
	c->pool[i].sent = true;
	c->tick_due = false;
	return 0;
}

static void take_want(struct collector *c, const struct mv_message *m)
{
	const struct mv_pace pace = c->ops->want(c->sampler, m);
	const bool faster = pace.interval_ms &&
			    (!c->has_want || pace.interval_ms < c->pace.interval_ms || !c->pace.interval_ms);

	c->pace = pace;
	c->has_want = true;
	if (faster || pace.whole)
		c->next_tick_ns = 0;
	c->tick_due = true;
	c->last_tick_ns = mv_source_now(c->source);
}

/* Take in all messages, keeping only the newest want. Returns false when the screen has gone. */
static bool take_messages(struct collector *c)
{
	struct mv_message m, newest;
	bool any = false;
	ssize_t n;

	while ((n = mv_message_receive(c->socket, &m, NULL, 0)) > 0) {
		if (m.type == MV_MSG_WANT && (size_t)n >= MV_MESSAGE_HEAD + c->ops->want_bytes) {
			newest = m;
			any = true;
		} else if (m.type == MV_MSG_RELEASE && m.block < MV_POOL_BLOCKS) {
			c->pool[m.block].sent = false;
		}
	}
	if (n == 0)
		return false;
	if (any)
		take_want(c, &newest);
	return true;
}

/* What memview itself costs is shown too. */
static void measure_self(struct collector *c, uint64_t now_ns)
{
	struct mv_smaps_row row;

	if (!c->self || now_ns - c->pss_ns < PSS_NS)
		return;
	c->pss_ns = now_ns;
	if (mv_rollup_read(c->self, &row) == 0)
		atomic_store(&c->pulse->pss_bytes, (uint64_t)row.kib[MV_SMAPS_PSS] * 1024);
}

static void tick_if_due(struct collector *c, uint64_t now_ns)
{
	const uint64_t interval_ns = c->pace.interval_ms * (MV_NS_PER_SEC / 1000);
	int r;

	if (!c->has_want || c->ended)
		return;
	if (c->next_tick_ns != 0 && (interval_ns == 0 || now_ns < c->next_tick_ns))
		return;
	c->next_tick_ns += interval_ns;
	if (c->next_tick_ns <= now_ns) /* the first, or we were held up: no burst */
		c->next_tick_ns = now_ns + interval_ns;
	atomic_store(&c->pulse->helper_cpu_ns, c->ops->helper_cpu_ns(c->sampler));
	r = c->ops->tick(c->sampler);
	c->ended = r == -ESRCH;
	c->failed = r < 0 && !c->ended;
	c->tick_due = true;
	c->last_tick_ns = now_ns;
}

static uint64_t progress_ns(const struct collector *c)
{
	return c->pace.progress_ms * (MV_NS_PER_SEC / 1000);
}

/* Is it time to send what there is? more: work for this very moment is left. */
static bool publish_due(const struct collector *c, bool more, uint64_t now_ns)
{
	if (!c->has_want || !(c->tick_due || c->ops->changed(c->sampler)))
		return false;
	if (c->pace.whole)
		return !more && !c->ops->waits(c->sampler);
	if (c->tick_due)
		return !more || now_ns - c->last_tick_ns >= PATIENCE_NS;
	return now_ns - c->last_sent_ns >= progress_ns(c);
}

/* Sleep until a message, the next tick or the next paced piece of work. */
static void wait_for(struct collector *c, uint64_t due_ns)
{
	uint64_t now_ns = mv_source_now(c->source), until_ns = due_ns;
	struct pollfd p[1 + FDS_MAX];
	int fds[FDS_MAX];
	size_t n = c->ops->fds(c->sampler, fds, FDS_MAX);
	struct timespec t;

	p[0] = (struct pollfd){.fd = c->socket, .events = POLLIN};
	for (size_t i = 0; i < n; i++)
		p[1 + i] = (struct pollfd){.fd = fds[i], .events = POLLIN};

	if (c->has_want && !c->ended && c->pace.interval_ms && c->next_tick_ns < until_ns)
		until_ns = c->next_tick_ns;
	if (!c->blocked && (c->tick_due || c->ops->changed(c->sampler)) && !c->ops->waits(c->sampler) &&
	    c->last_sent_ns + progress_ns(c) < until_ns)
		until_ns = c->last_sent_ns + progress_ns(c);
	until_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	t = (struct timespec){(time_t)(until_ns / MV_NS_PER_SEC), (long)(until_ns % MV_NS_PER_SEC)};
	if (c->has_want)
		atomic_fetch_add(&c->pulse->rests, 1);
	atomic_store(&c->pulse->busy, 0);
	ppoll(p, (nfds_t)n + 1, due_ns == UINT64_MAX && until_ns > 3600 * MV_NS_PER_SEC ? NULL : &t, NULL);
	atomic_store(&c->pulse->busy, 1);
	for (size_t i = 0; i < n; i++)
		if (p[1 + i].revents)
			c->ops->wake(c->sampler, fds[i]);
}

static void run(struct collector *c)
{
	while (take_messages(c)) {
		uint64_t now_ns = mv_source_now(c->source), due_ns = UINT64_MAX;
		bool more = false;

		tick_if_due(c, now_ns);
		if (c->failed)
			return;
		if (c->has_want)
			more = c->ops->work(c->sampler, &due_ns) > 0;
		now_ns = mv_source_now(c->source);
		if (publish_due(c, more, now_ns)) {
			int r = publish(c);

			if (r < 0 && r != -EAGAIN && r != -EBUSY)
				return;
			/* All blocks are with the screen: its RELEASE wakes us. */
			c->blocked = r == -EAGAIN;
		}
		if (more)
			continue;
		measure_self(c, now_ns);
		wait_for(c, due_ns);
	}
}

int mv_collector_run(struct mv_source *source, struct mv_target *target, int socket, struct mv_pulse *pulse)
{
	struct collector c = {.source = source,
			      .ops = target ? &mv_reader_process : &mv_reader_machine,
			      .socket = socket,
			      .pulse = pulse};

	atomic_store(&pulse->busy, 1);
	if (c.ops->open(source, target, pulse, &c.sampler) < 0 || open_pool(&c) < 0)
		return 1;
	if (mv_target_open(source, (int)getpid(), &c.self) < 0)
		c.self = NULL;
	/* First after two seconds: a batch command need not pay for it. */
	c.pss_ns = mv_source_now(source) + 2 * MV_NS_PER_SEC - PSS_NS;
	run(&c);
	/* The kernel frees the rest faster than we could. */
	return 0;
}
