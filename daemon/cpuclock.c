// SPDX-License-Identifier: GPL-2.0-only
/* Exact CPU time; see cpuclock.h. */
#include "cpuclock.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "proc.h"

static int counter_open(pid_t tid)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_TASK_CLOCK,
		/* Threads that it starts, not processes: those have clocks of their own. */
		.inherit = 1,
		.inherit_thread = 1,
	};

	return syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void cpuclock_done(struct cpuclock *clock)
{
	while (clock->n > 0)
		close(clock->fd[--clock->n]);
}

/* False: there are too many threads, or no counter can be had. */
static bool counters_open(struct cpuclock *clock, DIR *dir, size_t most)
{
	struct dirent *entry;
	pid_t tid;
	int fd;

	while ((entry = readdir(dir))) {
		tid = atoi(entry->d_name);
		if (tid <= 0)
			continue;
		if (clock->n == CPUCLOCK_THREADS_MAX || clock->n == most)
			return false;
		fd = counter_open(tid);
		if (fd < 0 && errno != ESRCH)
			return false;
		if (fd >= 0)
			clock->fd[clock->n++] = fd;
	}
	return clock->n > 0;
}

int cpuclock_start(struct cpuclock *clock, pid_t pid, size_t most)
{
	_cleanup_dir_ DIR *dir = NULL;
	char path[64];

	clock->pid = pid;
	clock->n = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	if (counters_open(clock, dir, most))
		return 0;
	cpuclock_done(clock);
	return proc_cpu_ns(pid, &clock->begun_ns);
}

uint64_t cpuclock_read(const struct cpuclock *clock)
{
	uint64_t sum = 0, one;
	size_t i;

	if (!clock->n)
		return proc_cpu_ns(clock->pid, &one) < 0 || one < clock->begun_ns
			       ? 0
			       : one - clock->begun_ns;
	for (i = 0; i < clock->n; i++) {
		if (read(clock->fd[i], &one, sizeof(one)) == sizeof(one))
			sum += one;
	}
	return sum;
}
