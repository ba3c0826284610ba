/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/perf_private.h"
#include "core/text.h"

#define RING_BYTES     ((size_t)4 << 20)  /* a CPU, by default */
#define RINGS_BYTES    ((size_t)64 << 20) /* all of them */
#define RING_PAGES_MIN 8
#define RECORD_BYTES   ((size_t)UINT16_MAX + 1) /* no record is longer */
#define CPUS_MAX       8192
#define FILES_KEPT     32 /* descriptors left for the rest of the program */

#define SAMPLE_TYPE \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR | \
	 PERF_SAMPLE_CPU)

/* One open event: a kind on a thread on a CPU. */
struct event {
	uint64_t id; /* ascending, since the kernel counts up */
	int fd;	     /* -1: removed */
	int tid;
	uint32_t ring;
	enum mv_perf_event kind;
	bool begun;
};

/* One CPU's ring. It hangs on an event of our own that never happens, so that no thread's end takes it away.
 */
struct ring {
	int fd;
	int cpu;
	struct perf_event_mmap_page *page;
	uint8_t *data;
	size_t bytes;
	/* while draining */
	uint64_t at, head, released;
	uint64_t next_ns;
	struct event *last; /* the event that wrote the last sample: mostly that of the next, too */
};

struct mv_perf {
	struct mv_source *source;
	uint32_t ring_pages;
	struct ring *rings;
	size_t ring_count;
	struct event *events;
	size_t event_count, event_cap;
	int64_t carried[MV_PERF_CPU + 1]; /* what retired events have counted */
	size_t alive;			  /* all events before that one have ended */
	bool no_inherit_thread;
	uint8_t *scratch; /* a record that goes over a ring's end */
};

/* ---- opening ---- */

static int open_event(struct perf_event_attr *attr, int tid, int cpu)
{
	long fd = syscall(SYS_perf_event_open, attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit); /* as before when it is refused */
	}
}

/* Numbers are given from below: one this high says that hardly any is left. */
static bool is_too_high(int fd)
{
	struct rlimit limit;
	rlim_t kept;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return false;
	kept = limit.rlim_cur / 4 < FILES_KEPT ? limit.rlim_cur / 4 : FILES_KEPT;
	return (rlim_t)fd >= limit.rlim_cur - kept;
}

int mv_perf_new(struct mv_source *source, uint32_t ring_pages, struct mv_perf **ret_perf)
{
	struct mv_perf *perf;

	assert((ring_pages & (ring_pages - 1)) == 0);
	perf = calloc(1, sizeof(*perf));
	if (!perf)
		return -ENOMEM;
	perf->source = source;
	perf->ring_pages = ring_pages;
	perf->scratch = malloc(RECORD_BYTES);
	if (!perf->scratch) {
		free(perf);
		return -ENOMEM;
	}
	raise_file_limit();
	*ret_perf = perf;
	return 0;
}

static void unmap_rings(struct mv_perf *perf)
{
	const size_t page = mv_source_page_bytes(perf->source);

	for (size_t i = 0; i < perf->ring_count; i++) {
		if (perf->rings[i].page)
			munmap(perf->rings[i].page, perf->rings[i].bytes + page);
		perf->rings[i].page = NULL;
	}
}

static void close_rings(struct mv_perf *perf)
{
	unmap_rings(perf);
	for (size_t i = 0; i < perf->ring_count; i++)
		close(perf->rings[i].fd);
	free(perf->rings);
	perf->rings = NULL;
	perf->ring_count = 0;
}

void mv_perf_free(struct mv_perf *perf)
{
	if (!perf)
		return;
	for (size_t i = 0; i < perf->event_count; i++) {
		if (perf->events[i].fd >= 0)
			close(perf->events[i].fd);
	}
	close_rings(perf);
	free(perf->events);
	free(perf->scratch);
	free(perf);
}

static void set_clock(struct perf_event_attr *attr)
{
	attr->size = sizeof(*attr);
	attr->type = PERF_TYPE_SOFTWARE;
	attr->use_clockid = 1;
	attr->clockid = CLOCK_MONOTONIC;
	attr->watermark = 1;
	attr->exclude_hv = 1;
}

static int add_ring(struct mv_perf *perf, int fd, int cpu)
{
	struct ring *grown = reallocarray(perf->rings, perf->ring_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	perf->rings = grown;
	grown[perf->ring_count++] = (struct ring){.fd = fd, .cpu = cpu};
	return 0;
}

/* An event that never happens, of our own thread on each CPU that is online. EINVAL: there is no CPU so high.
 */
static int open_rings(struct mv_perf *perf, uint32_t watermark)
{
	struct perf_event_attr attr = {.config = PERF_COUNT_SW_DUMMY, .exclude_kernel = 1};

	set_clock(&attr);
	attr.wakeup_watermark = watermark;
	attr.disabled = 1;
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		int fd = open_event(&attr, 0, cpu);
		int err = fd;

		if (fd == -ENODEV)
			continue;
		if (fd == -EINVAL && cpu > 0)
			break;
		if (fd >= 0)
			err = add_ring(perf, fd, cpu);
		if (fd >= 0 && err < 0)
			close(fd);
		if (err < 0)
			return err == -EINVAL ? -ENOSYS : err; /* before 4.1: no clock can be chosen */
	}
	return perf->ring_count ? 0 : -ENODEV;
}

static int map_rings(struct mv_perf *perf, size_t pages)
{
	const size_t page = mv_source_page_bytes(perf->source);

	for (size_t i = 0; i < perf->ring_count; i++) {
		struct ring *r = &perf->rings[i];
		void *at = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);

		if (at == MAP_FAILED) {
			int err = -errno;

			unmap_rings(perf);
			return err;
		}
		r->page = at;
		r->data = (uint8_t *)at + page;
		r->bytes = pages * page;
	}
	return 0;
}

/* The wakeup lies in the event that a ring hangs on, so other sizes need other events. */
static int make_rings(struct mv_perf *perf)
{
	const size_t page = mv_source_page_bytes(perf->source);
	size_t pages = perf->ring_pages ? perf->ring_pages : RING_BYTES / page;
	int err;

	for (;; pages /= 2) {
		err = open_rings(perf, (uint32_t)(pages * page / 4));
		if (!err && perf->ring_count * pages * page > RINGS_BYTES && pages > RING_PAGES_MIN)
			err = -EPERM;
		else if (!err)
			err = map_rings(perf, pages);
		if (!err)
			return 0;
		close_rings(perf);
		if ((err != -EPERM && err != -ENOMEM) || pages <= RING_PAGES_MIN)
			return err;
	}
}

static void fill_attr(struct perf_event_attr *attr, enum mv_perf_event event, const struct mv_perf_opts *opts)
{
	static const struct {
		uint64_t config, mark;
	} kinds[] = {
	    [MV_PERF_MINOR] = {PERF_COUNT_SW_PAGE_FAULTS_MIN, 0},
	    [MV_PERF_MAJOR] = {PERF_COUNT_SW_PAGE_FAULTS_MAJ, MV_PERF_MARK_MAJOR},
	    [MV_PERF_CPU] = {PERF_COUNT_SW_TASK_CLOCK, MV_PERF_MARK_CPU},
	};

	set_clock(attr);
	attr->config = kinds[event].config;
	attr->sample_period = opts->period;
	attr->sample_type =
	    SAMPLE_TYPE | kinds[event].mark; /* with PERIOD in it, software events would sample each event */
	attr->sample_id_all = 1;
	/* Enabled later, an event may leave those for ever disabled that a thread hands down just then (seen
	 * on 6.18). */
	attr->disabled = !opts->follow;
	attr->inherit = opts->follow;
	attr->exclude_kernel = opts->exclude_kernel;
	if (opts->records)
		attr->mmap = attr->mmap2 = attr->mmap_data = attr->comm = attr->comm_exec = attr->task = 1;
#if MV_REGS_HERE
	if (opts->stack_bytes) {
		attr->sample_type |= PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
		attr->sample_stack_user = opts->stack_bytes;
		for (size_t i = 0; i < MV_REGS; i++)
			attr->sample_regs_user |= UINT64_C(1) << mv_perf_reg_bits[i];
	}
#endif
}

/* Threads only, not child processes, where the kernel can tell them apart (5.13); else the pid in each record
 * does. */
static int open_following(struct mv_perf *perf, struct perf_event_attr *attr, int tid, int cpu)
{
#ifdef PERF_ATTR_SIZE_VER7
	if (attr->inherit && !perf->no_inherit_thread) {
		int fd;

		attr->inherit_thread = 1;
		fd = open_event(attr, tid, cpu);
		if (fd != -EINVAL)
			return fd;
		attr->inherit_thread = 0;
		fd = open_event(attr, tid, cpu);
		perf->no_inherit_thread = fd >= 0;
		return fd;
	}
#endif
	return open_event(attr, tid, cpu);
}

/* Open one event on one CPU and lead it to that CPU's ring. */
static int add_on_cpu(struct mv_perf *perf, struct perf_event_attr *attr, struct event *e)
{
	const struct ring *ring = &perf->rings[e->ring];
	int err = 0;

	e->fd = open_following(perf, attr, e->tid, ring->cpu);
	if (e->fd < 0)
		return e->fd;
	if (is_too_high(e->fd))
		err = -EMFILE;
	else if (ioctl(e->fd, PERF_EVENT_IOC_ID, &e->id) < 0 ||
		 ioctl(e->fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) < 0)
		err = -errno;
	if (err) {
		close(e->fd);
		e->fd = -1;
	}
	return err;
}

static int reserve_events(struct mv_perf *perf, size_t more)
{
	size_t cap = perf->event_cap ? perf->event_cap : 64;
	struct event *grown;

	while (cap < perf->event_count + more)
		cap *= 2;
	if (cap == perf->event_cap)
		return 0;
	grown = reallocarray(perf->events, cap, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	for (size_t i = 0; i < perf->ring_count; i++)
		perf->rings[i].last = NULL;
	perf->events = grown;
	perf->event_cap = cap;
	return 0;
}

int mv_perf_add(struct mv_perf *perf, enum mv_perf_event event, int tid, const struct mv_perf_opts *opts)
{
	struct perf_event_attr attr = {0};
	const size_t before = perf->event_count;
	int err = 0;

	assert(opts->period > 0 && opts->stack_bytes % 8 == 0 && opts->stack_bytes <= UINT16_MAX);
	if (!mv_source_is_live(perf->source))
		return -ENOSYS;
	if (!perf->ring_count)
		err = make_rings(perf);
	if (!err)
		err = reserve_events(perf, perf->ring_count);
	if (err)
		return err;
	fill_attr(&attr, event, opts);
	for (uint32_t i = 0; i < perf->ring_count; i++) {
		struct event e = {.tid = tid, .ring = i, .kind = event, .begun = opts->follow};

		err = add_on_cpu(perf, &attr, &e);
		if (err == -ENODEV) /* has gone offline since */
			err = 0;
		else if (err < 0)
			break;
		else
			perf->events[perf->event_count++] = e;
	}
	while (err < 0 && perf->event_count > before)
		close(perf->events[--perf->event_count].fd);
	return err < 0 ? err : 0;
}

static void close_event(struct event *e)
{
	close(e->fd);
	e->fd = -1;
}

uint64_t mv_perf_newest(const struct mv_perf *perf)
{
	return perf->event_count ? perf->events[perf->event_count - 1].id : 0;
}

void mv_perf_remove(struct mv_perf *perf, int tid, uint64_t after_id)
{
	for (size_t i = 0; i < perf->event_count; i++) {
		struct event *e = &perf->events[i];

		if (e->tid == tid && e->id > after_id && e->fd >= 0)
			close_event(e);
	}
}

/* Forget events that were closed: all that they had in the rings has been handed out. */
static void drop_closed(struct mv_perf *perf)
{
	size_t kept = 0;

	for (size_t i = 0; i < perf->event_count; i++) {
		if (perf->events[i].fd >= 0)
			perf->events[kept++] = perf->events[i];
	}
	perf->event_count = kept;
	perf->alive = 0;
	for (size_t i = 0; i < perf->ring_count; i++)
		perf->rings[i].last = NULL;
}

static uint64_t count_of(const struct event *e)
{
	uint64_t count;

	/* 0 bytes: it could not be put on its CPU, and has counted nothing. */
	return read(e->fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

void mv_perf_retire(struct mv_perf *perf, enum mv_perf_event event, uint64_t upto_id)
{
	drop_closed(perf);
	for (size_t i = 0; i < perf->event_count; i++) {
		struct event *e = &perf->events[i];

		if (e->kind != event)
			continue;
		perf->carried[event] += (int64_t)(e->id <= upto_id ? count_of(e) : -count_of(e));
	}
	for (size_t i = 0; i < perf->event_count; i++) {
		if (perf->events[i].kind == event && perf->events[i].id <= upto_id)
			close_event(&perf->events[i]);
	}
}

int mv_perf_enable(struct mv_perf *perf)
{
	for (size_t i = 0; i < perf->event_count; i++) {
		struct event *e = &perf->events[i];

		if (!e->begun && e->fd >= 0 && ioctl(e->fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
			return -errno;
		e->begun = true;
	}
	return 0;
}

int mv_perf_set_period(struct mv_perf *perf, enum mv_perf_event event, uint64_t period)
{
	int err = 0;

	assert(period > 0);
	for (size_t i = 0; i < perf->event_count; i++) {
		const struct event *e = &perf->events[i];

		if (e->kind == event && e->fd >= 0 && ioctl(e->fd, PERF_EVENT_IOC_PERIOD, &period) < 0)
			err = -errno;
	}
	return err;
}

int mv_perf_count(struct mv_perf *perf, enum mv_perf_event event, uint64_t *ret_count)
{
	int64_t sum = perf->carried[event];

	for (size_t i = 0; i < perf->event_count; i++) {
		if (perf->events[i].kind == event && perf->events[i].fd >= 0)
			sum += (int64_t)count_of(&perf->events[i]);
	}
	*ret_count = sum > 0 ? (uint64_t)sum : 0;
	return 0;
}

/* Whether the thread that it was opened on and all that follow it have ended; once so, for ever. */
static bool has_ended(const struct event *e)
{
	struct pollfd p = {.fd = e->fd, .events = 0};

	return e->fd < 0 || (poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)));
}

bool mv_perf_ended(struct mv_perf *perf)
{
	while (perf->alive < perf->event_count && has_ended(&perf->events[perf->alive]))
		perf->alive++;
	return perf->event_count > 0 && perf->alive == perf->event_count;
}

size_t mv_perf_fds(struct mv_perf *perf, int *fds, size_t cap)
{
	const size_t from = mv_perf_ended(perf) ? 0 : perf->alive;
	size_t n = 0;

	for (size_t i = 0; i < perf->ring_count; i++) {
		size_t at = from;

		while (at < perf->event_count && (perf->events[at].ring != i || perf->events[at].fd < 0))
			at++;
		if (n < cap)
			fds[n] = at < perf->event_count ? perf->events[at].fd : perf->rings[i].fd;
		n++;
	}
	return n;
}

/* ---- draining ---- */

static struct perf_event_header header_at(const struct ring *r, uint64_t at)
{
	struct perf_event_header h;

	memcpy(&h, r->data + (at & (r->bytes - 1)),
	       sizeof(h)); /* records are multiples of 8: it never wraps */
	return h;
}

/* A word of the record at r->at, which may lie beyond the ring's end. */
static uint64_t word_of(const struct ring *r, uint64_t offset)
{
	uint64_t word;

	memcpy(&word, r->data + ((r->at + offset) & (r->bytes - 1)), sizeof(word));
	return word;
}

static void release_ring(struct ring *r)
{
	__atomic_store_n(&r->page->data_tail, r->at, __ATOMIC_RELEASE);
	r->released = r->at;
}

/* See when the next record was written. One that can't be is the end: what the kernel writes adds up. */
static void look_ahead(struct ring *r)
{
	struct perf_event_header h;
	uint64_t at;

	if (r->at == r->head)
		return;
	h = header_at(r, r->at);
	if (h.size < sizeof(h) || h.size % 8 || h.size > r->head - r->at || h.size > r->bytes) {
		r->at = r->head;
		return;
	}
	at = h.type == PERF_RECORD_SAMPLE
		 ? MV_PERF_SAMPLE_TIME_OFFSET
		 : (uint64_t)h.size - MV_PERF_TRAILER_BYTES + MV_PERF_TRAILER_TIME_OFFSET;
	r->next_ns = at + 8 <= h.size ? word_of(r, at) : 0;
}

static struct event *find_event(struct mv_perf *perf, uint64_t id)
{
	size_t low = 0, high = perf->event_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (perf->events[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < perf->event_count && perf->events[low].id == id ? &perf->events[low] : NULL;
}

/* Decode the record at r->at and step beyond it. 1 when it is of interest. */
static int next_record(struct mv_perf *perf, struct ring *r, struct mv_perf_record *ret_record)
{
	const size_t size = header_at(r, r->at).size;
	const size_t offset = r->at & (r->bytes - 1);
	const uint8_t *p = r->data + offset;
	int known;

	if (size > r->bytes - offset) {
		memcpy(perf->scratch, p, r->bytes - offset);
		memcpy(perf->scratch + (r->bytes - offset), r->data, size - (r->bytes - offset));
		p = perf->scratch;
	}
	r->at += size;
	known = mv_perf_decode(p, size, ret_record);
	if (known < 0) { /* what can't be read is lost, and not unseen */
		*ret_record = (struct mv_perf_record){.kind = MV_PERF_LOST, .at_ns = r->next_ns, .lost = 1};
		return 1;
	}
	if (known == 0)
		return 0;
	if (!r->last || r->last->id != ret_record->id)
		r->last = find_event(perf, ret_record->id);
	ret_record->opened_on = r->last ? r->last->tid : 0;
	return 1;
}

/* The ring whose next record is the oldest, and until when it stays so. */
static struct ring *oldest_ring(struct mv_perf *perf, uint64_t *ret_until)
{
	struct ring *oldest = NULL;
	uint64_t until = UINT64_MAX;

	for (size_t i = 0; i < perf->ring_count; i++) {
		struct ring *r = &perf->rings[i];

		if (r->at == r->head)
			continue;
		if (!oldest || r->next_ns < oldest->next_ns) {
			if (oldest)
				until = oldest->next_ns;
			oldest = r;
		} else if (r->next_ns < until) {
			until = r->next_ns;
		}
	}
	*ret_until = until;
	return oldest;
}

size_t mv_perf_drain(struct mv_perf *perf, size_t max, mv_take_record *take, void *arg)
{
	struct mv_perf_record record;
	struct ring *r;
	uint64_t until;
	size_t taken = 0;
	bool stop = false;

	for (size_t i = 0; i < perf->ring_count; i++) {
		r = &perf->rings[i];
		r->head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
		r->at = r->released = r->page->data_tail;
		look_ahead(r);
	}
	while (!stop && (r = oldest_ring(perf, &until)) != NULL) {
		while (!stop && r->at != r->head && r->next_ns <= until) {
			if (next_record(perf, r, &record) == 1) {
				taken++;
				stop = take(arg, &record) != 0 || taken == max;
			}
			look_ahead(r);
			if (r->at - r->released >= r->bytes / 8) /* room for what comes meanwhile */
				release_ring(r);
		}
	}
	for (size_t i = 0; i < perf->ring_count; i++)
		release_ring(&perf->rings[i]);
	return taken;
}

int mv_perf_paranoid(struct mv_source *source)
{
	char text[32];
	ssize_t n = mv_source_read(source, "sys/kernel/perf_event_paranoid", text, sizeof(text));
	struct mv_scan scan = {text, text + (n > 0 ? n : 0)};
	const bool negative = n > 0 && text[0] == '-';
	uint64_t value;

	scan.at += negative;
	if (n <= 0 || !mv_scan_dec(&scan, &value))
		return 4;
	return negative ? -1 : value > 4 ? 4 : (int)value;
}
