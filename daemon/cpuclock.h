/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPU time of a process between two moments that may be a millisecond apart. The clock
 * of another process is only as exact as the kernel's tick (10 ms); a perf counter of a
 * thread is read from the CPU on which it runs.
 *
 *	cpuclock_start(&clock, pid, most) counters on its threads; those that they start count, too
 *	cpuclock_read(&clock)		ns since then
 *	cpuclock_done(&clock)
 */
#ifndef DAEMON_CPUCLOCK_H
#define DAEMON_CPUCLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Of more threads the process's own clock must do: each counter is an interrupt. */
#define CPUCLOCK_THREADS_MAX 64

struct cpuclock {
	pid_t pid;
	int fd[CPUCLOCK_THREADS_MAX];
	size_t n; /* 0: by the process's clock, from... */
	uint64_t begun_ns;
};

/* most: so many counters, else the process's own clock must do. -ESRCH: it has ended. */
int cpuclock_start(struct cpuclock *clock, pid_t pid, size_t most);
uint64_t cpuclock_read(const struct cpuclock *clock);
void cpuclock_done(struct cpuclock *clock);

#endif
