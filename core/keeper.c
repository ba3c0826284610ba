/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "core/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/collector.h"
#include "core/command.h"
#include "core/smaps.h"
#include "core/stat.h"
#include "core/text.h"

#define TICK_NS	    MV_NS_PER_SEC
#define STUCK_NS    (2 * MV_NS_PER_SEC) /* busy, and no CPU used for so long */
#define REPLACE_NS  (4 * MV_NS_PER_SEC)
#define GIVE_UP	    2			/* stuck collectors, or crashed ones, in a row */
#define STEADY_NS   (4 * MV_NS_PER_SEC) /* who lived so long did not crash at once */
#define LEAVE_NS    (2 * MV_NS_PER_SEC) /* from SIGTERM to SIGKILL */
#define BURY_MS	    100			/* a killed collector that can end has ended by then */
#define OUTPUT_RING (256u << 10)
#define OUTPUT_TURN (64u << 10) /* read at once: who prints without end must not keep us from the rest */
#define PSS_NS	    (20 * MV_NS_PER_SEC)

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

struct keeper {
	const struct mv_session_opts *opts;
	struct mv_source *source;
	struct mv_target *target;
	int socket;
	struct mv_keeper_status status;

	struct mv_pulse *pulse;
	int collector; /* pid, 0 none */
	struct mv_target *collector_target;
	uint64_t collector_ns; /* when it was started */
	uint64_t collector_cpu_ns, cpu_moved_ns;
	bool cpu_known;
	uint32_t rests; /* as the pulse said last */
	unsigned stuck_in_a_row, crashes_in_a_row;
	uint64_t replaced_cpu_ns; /* used by earlier collectors */

	struct mv_target *self;
	uint64_t pss_ns;

	struct mv_command command; /* pid 0 none; pty_fd -1 closed */
	char *ring;		   /* output not sent yet */
	size_t ring_from, ring_len;

	uint64_t next_tick_ns;
};

static uint64_t cpu_of_self(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * MV_NS_PER_SEC +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

/* ---- the collector ---- */

/* Hold neither the terminal nor a pipe that somebody reads to its end. */
static void drop_stdio(int socket)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3 && null_fd >= 0; fd++)
		if (fd != socket && fd != null_fd)
			dup2(null_fd, fd);
	if (null_fd > 2)
		close(null_fd);
}

static _Noreturn void be_collector(struct keeper *k, int socket)
{
	/* It must not outlive the keeper, nor hold its descriptors. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1)
		_exit(0);
	prctl(PR_SET_NAME, "memview-collect");
	close(k->socket);
	if (k->command.pty_fd >= 0)
		close(k->command.pty_fd);
	_exit(mv_collector_run(k->source, k->target, socket, k->pulse));
}

static int start_collector(struct keeper *k)
{
	struct mv_message m = {.type = MV_MSG_COLLECTOR};
	int pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	atomic_store(&k->pulse->busy, 0);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		be_collector(k, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -EAGAIN;
	}
	r = mv_message_send(k->socket, &m, 0, &pair[0], 1);
	close(pair[0]);
	mv_target_close(k->collector_target);
	k->collector_target = NULL;
	if (mv_target_open(k->source, pid, &k->collector_target) < 0)
		k->collector_target = NULL;
	k->collector = pid;
	k->replaced_cpu_ns += k->collector_cpu_ns;
	k->collector_cpu_ns = 0;
	k->cpu_known = false;
	k->rests = atomic_load(&k->pulse->rests);
	k->collector_ns = k->cpu_moved_ns = mv_source_now(k->source);
	k->status.collectors++;
	k->status.stuck = false;
	return r;
}

/* CPU time by the scheduler's own clock; stat's ticks of 10 ms would miss a slow walk. */
static uint64_t collector_cpu(struct keeper *k)
{
	char text[64];
	ssize_t n = k->collector_target
			? mv_target_read_named(k->collector_target, "schedstat", text, sizeof(text))
			: -1;
	struct mv_scan scan = {text, text + (n > 0 ? n : 0)};
	uint64_t ns;

	return n > 0 && mv_scan_dec(&scan, &ns) ? ns : 0;
}

static void note_wchan(struct keeper *k)
{
	char text[64];
	ssize_t n = mv_target_read(k->collector_target, MV_FILE_WCHAN, text, sizeof(text));
	size_t at = 0;

	for (ssize_t i = 0; i < n && at + 1 < sizeof(k->status.wchan); i++)
		if (text[i] > ' ' && text[i] < 0x7f)
			k->status.wchan[at++] = text[i];
	k->status.wchan[at] = '\0';
}

/* Without the means to start one (descriptors, processes) nothing more is read until somebody asks again. */
static void start_or_give_up(struct keeper *k)
{
	if (start_collector(k) < 0 && !k->collector)
		k->status.gave_up = true;
}

static void end_collector(struct keeper *k)
{
	if (k->collector)
		kill(k->collector, SIGKILL);
	k->collector = 0;
}

/* The last one: reaped here, since not every machine has an init that does. */
static void bury_collector(struct keeper *k)
{
	pid_t pid = k->collector;
	struct pollfd p = {.fd = k->collector_target ? mv_target_pidfd(k->collector_target) : -1,
			   .events = POLLIN};

	end_collector(k);
	if (pid && p.fd >= 0 && poll(&p, 1, BURY_MS) > 0)
		waitpid(pid, NULL, WNOHANG);
}

/*
 * Does it get on? Its CPU time is first known a tick after its start, since starting takes some too. One that
 * comes to rest has been stopped by nothing; one that waits may just not have been asked yet.
 */
static bool collector_moves(struct keeper *k)
{
	uint64_t cpu_ns = collector_cpu(k);
	uint32_t rests = atomic_load(&k->pulse->rests);
	bool rested = rests != k->rests;
	bool moved = k->cpu_known && cpu_ns != k->collector_cpu_ns;
	bool unknown = !k->cpu_known;

	if (rested)
		k->stuck_in_a_row = 0;
	if (rested || moved)
		k->status.stuck = false;
	k->rests = rests;
	k->collector_cpu_ns = cpu_ns;
	k->cpu_known = true;
	return rested || moved || unknown || !atomic_load(&k->pulse->busy);
}

/* Stuck: it is at work and its CPU time does not move. (A long smaps moves it.) */
static void check_collector(struct keeper *k, uint64_t now_ns)
{
	if (!k->collector)
		return;
	if (collector_moves(k)) {
		k->cpu_moved_ns = now_ns;
		return;
	}
	if (now_ns - k->cpu_moved_ns < STUCK_NS)
		return;
	if (!k->status.stuck && k->collector_target) {
		note_wchan(k);
		k->status.stuck_pid = atomic_load(&k->pulse->at_pid);
	}
	k->status.stuck = true;
	if (now_ns - k->cpu_moved_ns < REPLACE_NS)
		return;
	end_collector(k);
	if (++k->stuck_in_a_row >= GIVE_UP) {
		k->status.gave_up = true;
		return;
	}
	start_or_give_up(k);
	k->status.stuck = true; /* until the new one shows that it moves */
}

static void retry(struct keeper *k)
{
	if (!k->status.gave_up)
		return;
	k->status.gave_up = false;
	k->stuck_in_a_row = k->crashes_in_a_row = 0;
	start_or_give_up(k);
}

/* ---- the target ---- */

static void read_counters(struct keeper *k)
{
	struct mv_counters *c = &k->status.counters;
	struct mv_stat stat;
	struct mv_statm statm;
	uint64_t page = mv_source_page_bytes(k->source);

	if (!k->target || k->status.exited)
		return;
	/* A zombie's counters say nothing about the memory it had. */
	if (mv_stat_read(k->target, &stat) < 0 || mv_statm_read(k->target, &statm) < 0 || stat.state == 'Z') {
		c->why = MV_WHY_GONE;
		return;
	}
	/* Exiting: its memory has gone before itself. */
	if (statm.size_pages == 0 && c->size_bytes)
		return;
	*c = (struct mv_counters){
	    .at_ns = mv_source_now(k->source),
	    .start_ticks = stat.start_ticks,
	    .minor_faults = stat.minor_faults,
	    .major_faults = stat.major_faults,
	    .rss_bytes = statm.resident_pages * page,
	    .size_bytes = statm.size_pages * page,
	    .threads = stat.threads,
	    .state = stat.state,
	    .why = MV_WHY_HAVE,
	};
}

/* PIDFD_GET_INFO of Linux 6.15+, which the headers lack: tells the exit status even of somebody else's child.
 */
struct pidfd_info {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
};
#define PIDFD_GET_INFO	_IOWR(0xFF, 11, struct pidfd_info)
#define PIDFD_INFO_EXIT (UINT64_C(1) << 3)

/* The kernel tells it once the parent, whoever that is, has reaped. */
static void ask_exit_status(struct keeper *k)
{
	struct pidfd_info info = {.mask = PIDFD_INFO_EXIT};

	if (ioctl(mv_target_pidfd(k->target), PIDFD_GET_INFO, &info) == 0 && info.mask & PIDFD_INFO_EXIT) {
		k->status.exit_known = true;
		k->status.exit_status = info.exit_code;
	}
}

static void note_exit(struct keeper *k, bool known, int status)
{
	if (!k->status.exited)
		k->status.exit_real_ns = mv_source_now_real(k->source);
	k->status.exited = true;
	if (known) {
		k->status.exit_known = true;
		k->status.exit_status = status;
	} else if (!k->status.exit_known) {
		ask_exit_status(k);
	}
}

/* Reap what has ended: the COMMAND, collectors (also old ones that were stuck), keepers that were forked
 * here. */
static void reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == k->command.pid) {
			k->command.pid = 0;
			note_exit(k, true, status);
		} else if (pid == k->collector) {
			/* It crashed, or its socket broke: it isn't restarted for ever. */
			k->collector = 0;
			if (mv_source_now(k->source) - k->collector_ns >= STEADY_NS)
				k->crashes_in_a_row = 0;
			if (++k->crashes_in_a_row < GIVE_UP)
				start_or_give_up(k);
			else
				k->status.gave_up = true;
		}
	}
}

static int open_target(struct keeper *k)
{
	int pid = k->opts->pid, r;

	if (k->opts->machine)
		return 0;
	if (k->opts->command || k->opts->workload) {
		struct mv_user user;
		struct mv_command_opts o = {
		    .argv = k->opts->command, .workload = k->opts->workload, .tracer_pid = (int)getpid()};

		if (k->opts->drop_command_user) {
			mv_command_invoker(&user);
			o.user = &user;
		}
		k->ring = malloc(OUTPUT_RING);
		r = k->ring ? mv_command_start(&o, &k->command) : -ENOMEM;
		if (r < 0)
			return r;
		pid = k->command.pid;
		k->status.is_command = true;
	}
	k->status.pid = pid;
	return mv_target_open(k->source, pid, &k->target);
}

/* ---- a COMMAND's output ---- */

static void push_output(struct keeper *k, const char *text, size_t len)
{
	/* A full ring loses its oldest. */
	for (size_t i = 0; i < len; i++) {
		k->ring[(k->ring_from + k->ring_len) % OUTPUT_RING] = text[i];
		if (k->ring_len < OUTPUT_RING)
			k->ring_len++;
		else
			k->ring_from = (k->ring_from + 1) % OUTPUT_RING;
	}
}

static void send_output(struct keeper *k)
{
	while (k->ring_len && k->socket >= 0) {
		struct mv_message m = {.type = MV_MSG_OUTPUT};
		size_t n = k->ring_len < MV_OUTPUT_BYTES ? k->ring_len : MV_OUTPUT_BYTES;

		for (size_t i = 0; i < n; i++)
			m.text[i] = k->ring[(k->ring_from + i) % OUTPUT_RING];
		m.length = n;
		if (mv_message_send(k->socket, &m, n, NULL, 0) < 0)
			return;
		k->ring_from = (k->ring_from + n) % OUTPUT_RING;
		k->ring_len -= n;
	}
}

static void read_output(struct keeper *k)
{
	char text[4096];
	size_t total = 0;
	ssize_t n = 1;

	while (n > 0 && total < OUTPUT_TURN) {
		n = read(k->command.pty_fd, text, sizeof(text));
		if (n > 0)
			push_output(k, text, (size_t)n);
		total += n > 0 ? (size_t)n : 0;
	}
	/* EIO: all ends of the pty are closed. */
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(k->command.pty_fd);
		k->command.pty_fd = -1;
	}
	send_output(k);
}

/* ---- the loop ---- */

static void measure_self(struct keeper *k, uint64_t now_ns)
{
	struct mv_smaps_row row;

	k->status.keeper_cpu_ns = cpu_of_self();
	k->status.collector_cpu_ns =
	    k->replaced_cpu_ns + k->collector_cpu_ns + atomic_load(&k->pulse->helper_cpu_ns);
	k->status.collector_pss_bytes = atomic_load(&k->pulse->pss_bytes);
	if (!k->self || now_ns - k->pss_ns < PSS_NS)
		return;
	k->pss_ns = now_ns;
	if (mv_rollup_read(k->self, &row) == 0)
		k->status.keeper_pss_bytes = (uint64_t)row.kib[MV_SMAPS_PSS] * 1024;
}

static int send_status(struct keeper *k)
{
	struct mv_message m = {.type = MV_MSG_STATUS, .status = k->status};
	int r = mv_message_send(k->socket, &m, sizeof(m.status), NULL, 0);

	return r == -EAGAIN ? 0 : r;
}

static void tick(struct keeper *k, uint64_t now_ns)
{
	k->next_tick_ns = now_ns + TICK_NS;
	read_counters(k);
	if (k->status.exited && !k->status.exit_known)
		note_exit(k, false, 0);
	check_collector(k, now_ns);
	measure_self(k, now_ns);
	send_output(k);
	send_status(k);
}

/* ---- another keeper ---- */

/* Nothing of what is watched here goes along: no descriptor but the socket, no output of a COMMAND. */
static int shed(struct keeper *k, int socket)
{
	const int kept = STDERR_FILENO + 1;

	free(k->ring);
	munmap(k->pulse, sizeof(*k->pulse));
	mv_target_close(k->self);
	mv_target_close(k->collector_target);
	mv_target_close(k->target);
	mv_source_free(k->source);
	if (socket != kept && (dup3(socket, kept, O_CLOEXEC) < 0))
		return -errno;
	if (syscall(SYS_close_range, (unsigned)kept + 1, ~0u, 0) < 0)
		for (int fd = (int)sysconf(_SC_OPEN_MAX) - 1; fd > kept; fd--)
			close(fd);
	return kept;
}

static _Noreturn void be_keeper(struct keeper *k, int pid, int socket)
{
	const struct mv_session_opts opts = {.pid = pid, .machine = pid == 0, .source = k->opts->source};

	socket = shed(k, socket);
	_exit(socket < 0 ? 1 : mv_keeper_run(&opts, socket));
}

/* Without a fork the socket's end tells the screen. */
static void spawn(struct keeper *k, int pid, int socket)
{
	if (socket >= 0 && pid >= 0 && fork() == 0)
		be_keeper(k, pid, socket);
}

/* Returns false when the screen has gone; *ret_leave then says what becomes of the COMMAND. */
static bool take_messages(struct keeper *k, enum mv_leave *ret_leave)
{
	struct mv_message m;
	ssize_t n;
	int fd;

	while ((n = mv_message_receive(k->socket, &m, &fd, 1)) > 0) {
		if (m.type == MV_MSG_RETRY)
			retry(k);
		if (m.type == MV_MSG_LEAVE)
			*ret_leave = (enum mv_leave)m.leave;
		if (m.type == MV_MSG_SPAWN)
			spawn(k, m.pid, fd);
		if (fd >= 0)
			close(fd);
	}
	return n != 0;
}

static void poll_once(struct keeper *k, int timeout_ms, bool *ret_socket)
{
	const bool had_given_up = k->status.gave_up;
	struct pollfd p[4] = {
	    {.fd = k->socket, .events = POLLIN},
	    /* After its end a pidfd stays readable: then it is no longer polled. */
	    {.fd = k->status.exited || !k->target ? -1 : mv_target_pidfd(k->target), .events = POLLIN},
	    {.fd = k->command.pty_fd, .events = POLLIN},
	    {.fd = k->collector && k->collector_target ? mv_target_pidfd(k->collector_target) : -1,
	     .events = POLLIN},
	};

	poll(p, 4, timeout_ms);
	reap(k);
	if (k->status.gave_up && !had_given_up && k->socket >= 0)
		send_status(k);
	if (p[2].revents)
		read_output(k);
	if (p[1].revents & POLLIN) {
		/* Our own child is reaped with its status, unless somebody traces it: then later. */
		reap(k);
		note_exit(k, false, 0);
		if (k->socket >= 0)
			send_status(k);
	}
	*ret_socket = p[0].revents != 0;
}

static int until_ms(const struct keeper *k)
{
	uint64_t now_ns = mv_source_now(k->source);

	return k->next_tick_ns <= now_ns ? 0 : (int)((k->next_tick_ns - now_ns) / 1000000 + 1);
}

/* The COMMAND leads a session of its own: what it has started ends with it. */
static void signal_command(const struct keeper *k, int number)
{
	if (kill(-k->command.pid, number) < 0)
		kill(k->command.pid, number);
}

/* The screen has gone. LEAVE_RUNNING: read what the COMMAND prints, so that it doesn't block, until it ends.
 */
static void leave(struct keeper *k, enum mv_leave how)
{
	uint64_t began_ns = mv_source_now(k->source);
	bool ignored;

	close(k->socket);
	k->socket = -1;
	bury_collector(k);
	if (!k->command.pid)
		return;
	if (how == MV_LEAVE_END)
		signal_command(k, SIGTERM);
	while (k->command.pid) {
		poll_once(k, 100, &ignored);
		if (how == MV_LEAVE_END && mv_source_now(k->source) - began_ns > LEAVE_NS && k->command.pid) {
			signal_command(k, SIGKILL);
			began_ns = UINT64_MAX / 2;
		}
	}
}

static void set_signals(void)
{
	static const int ignored[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGPIPE, SIGWINCH};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, keep = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* The screen may block signals to take them by a descriptor. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (size_t i = 0; i < MV_COUNT_OF(ignored); i++)
		sigaction(ignored[i], &ignore, NULL);
	sigaction(SIGCHLD, &keep, NULL);
	sigaction(SIGTERM, &keep, NULL);
}

static int start(struct keeper *k)
{
	int r;

	k->pulse = mmap(NULL, sizeof(*k->pulse), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->pulse == MAP_FAILED)
		return -ENOMEM;
	r = mv_source_new(&k->opts->source, &k->source);
	if (r == 0)
		r = open_target(k);
	/* Probe before the fork: every collector inherits the answer. */
	if (r == 0)
		mv_source_features(k->source);
	return r;
}

int mv_keeper_run(const struct mv_session_opts *opts, int socket)
{
	struct keeper k = {.opts = opts, .socket = socket, .command = {.pty_fd = -1}};
	struct mv_message m = {.type = MV_MSG_STARTED, .keeper = (int32_t)getpid()};
	enum mv_leave how = MV_LEAVE_END;
	bool said = true;

	setsid();
	drop_stdio(socket);
	prctl(PR_SET_NAME, "memview-keep");
	set_signals();
	m.error = start(&k);
	m.pid = k.status.pid;
	mv_message_send(socket, &m, 0, NULL, 0);
	if (m.error < 0) {
		if (k.command.pid)
			leave(&k, MV_LEAVE_END);
		return 1;
	}
	start_or_give_up(&k);
	if (mv_target_open(k.source, (int)getpid(), &k.self) < 0)
		k.self = NULL;
	k.pss_ns = mv_source_now(k.source) + 3 * MV_NS_PER_SEC - PSS_NS;
	k.next_tick_ns = mv_source_now(k.source) + TICK_NS;
	do {
		poll_once(&k, until_ms(&k), &said);
		if (mv_source_now(k.source) >= k.next_tick_ns)
			tick(&k, mv_source_now(k.source));
	} while (!said || take_messages(&k, &how));
	leave(&k, how);
	reap(&k);
	return 0;
}
