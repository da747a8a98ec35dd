/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plans for all objects of a process: made and weighed before the first probe
 * is placed, so that what is refused changes nothing.
 */
#ifndef DAEMON_PLANS_H
#define DAEMON_PLANS_H

#include "limits.h"
#include "plan.h"

struct plans {
	struct plan *of; /* one for each object of the reader's reply */
	size_t n;
};

/* The file of the nth object of the reader's reply. */
const struct proc_object *plans_file(const struct proc_objects *objects, size_t nth);

int plans_make(const struct features *features, const struct target *target,
	       const struct proc_objects *objects, const Hotpath__ReaderReply *reply,
	       const struct returns_verdict *verdict, struct plans *ret);
/* What they ask of the limits, targets aside. */
void plans_weigh(const struct plans *plans, struct limits_use *ret);
/* Device and inode of the files that other processes are probed in, too. */
size_t plans_shared_files(const struct plans *plans, const struct proc_objects *objects,
			  uint64_t (*files)[2], size_t room);
int plans_join(const struct plans *plans, struct groups *groups, struct target *target,
	       const struct proc_objects *objects, const Hotpath__ReaderReply *reply,
	       const void *by);
void plans_done(struct plans *plans);

#endif
