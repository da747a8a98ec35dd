/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The debug hook of a dynamic loader, probed in every process that has the file:
 * once, whatever the number of families that want it, because a second probe would
 * count its runs twice.
 *
 *	hook_get(...)	a reference; probed from here on
 *	hook_put(...)	the last one removes the probe
 */
#ifndef DAEMON_HOOK_H
#define DAEMON_HOOK_H

#include "closing.h"
#include "collect-calls.h"

struct hook {
	uint64_t dev, ino, offset;
	uint64_t state; /* from there to what it is about to do, in memory; 0: not known */
	struct hp_exe key; /* by which BPF knows that it is a loader */
	int *fds;
	size_t n_fds;
	unsigned int refs;
	struct hook *next;
};

int hook_get(struct hook **all, struct calls *calls, const struct hook *wanted, int file_fd,
	     struct hook **ret);
void hook_put(struct hook **all, struct calls *calls, struct hook *hook,
	      struct closing *closing);

#endif
