// SPDX-License-Identifier: GPL-2.0-only
/* Waits for whatever comes first: the time, a signal, the targets' or the daemon's end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/wait.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

enum { POLL_SIGNAL, POLL_DAEMON, POLL_PIDS };

/* Blocked for good: a second one must not cut the report short. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);

	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* A process that is gone already has no pidfd, and poll() skips -1. */
static size_t open_pidfds(const struct pids *pids, struct pollfd *p)
{
	size_t running = 0;

	for (size_t i = 0; i < pids->count; i++) {
		p[i] = (struct pollfd){.fd = (int)syscall(SYS_pidfd_open, pids->pid[i], 0),
				       .events = POLLIN};
		running += p[i].fd >= 0;
	}

	return running;
}

static size_t count_running(struct pollfd *p, size_t n)
{
	size_t running = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i].revents)
			p[i].fd = close_fd(p[i].fd);
		running += p[i].fd >= 0;
	}

	return running;
}

/* The daemon may close idle connections; it is dead when there is no new one. */
static int check_daemon(const char *socket, struct pollfd *p)
{
	int r;

	p->fd = close_fd(p->fd);
	r = client_connect(socket, &p->fd);
	if (r < 0) {
		complain("hotpathd at %s died; what it had measured is lost", socket);
		client_hint_at_log(socket);
		return -EPIPE;
	}

	return 0;
}

static int wait_until(const char *socket, struct pollfd *p, size_t pids, size_t running,
		      uint64_t end_ns)
{
	while (running) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC), left = end_ns > now ? end_ns - now : 0;
		struct timespec timeout = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
		int n = ppoll(p, POLL_PIDS + pids, &timeout, NULL);

		if (n == 0 || (n > 0 && p[POLL_SIGNAL].revents))
			return 0;
		if (n > 0 && p[POLL_DAEMON].revents && check_daemon(socket, &p[POLL_DAEMON]) < 0)
			return -EPIPE;
		if (pids)
			running = count_running(p + POLL_PIDS, pids);
	}

	return 1;
}

int wait_for_pids(const char *socket, const struct pids *pids, bool others_come, uint64_t end_ns)
{
	size_t count = others_come ? 0 : pids->count;
	_cleanup_free_ struct pollfd *p = calloc(POLL_PIDS + count, sizeof(*p));
	int r;

	if (!p) {
		complain("out of memory");
		return -ENOMEM;
	}

	p[POLL_SIGNAL] = (struct pollfd){.fd = open_signals(), .events = POLLIN};
	p[POLL_DAEMON] = (struct pollfd){.fd = -1, .events = POLLIN | POLLRDHUP};
	r = check_daemon(socket, &p[POLL_DAEMON]);
	if (r == 0)
		r = wait_until(socket, p, count,
			       others_come ? 1 : open_pidfds(pids, p + POLL_PIDS), end_ns);

	for (size_t i = 0; i < POLL_PIDS + count; i++)
		close_fd(p[i].fd);
	return r;
}

bool wait_is_running(int32_t pid)
{
	_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&p, 1, 0) == 0;
}
