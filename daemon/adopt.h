/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a process becomes a target: between the first look at it and the first probe
 * it may have called exec, exited, or loaded something.
 *
 *	adopt_target(...)	the target that it is or now becomes; BPF watches it
 *	adopt_changed(...)	is it still what was looked at?
 *	adopt_hook(...)		what it loads from here on is noticed
 */
#ifndef DAEMON_ADOPT_H
#define DAEMON_ADOPT_H

#include "family.h"
#include "proc.h"
#include "reader.pb-c.h"
#include "registry.h"

/* What the first look found. */
struct adoption {
	pid_t pid;
	const struct peer *peer;
	const struct process_facts *facts;
	const struct proc_objects *objects;
	uint64_t start_ticks;
};

/* A reference in *ret, also when the error is one that comes after it was made. */
int adopt_target(struct registry *registry, const struct adoption *looked, struct target **ret,
		 int *ret_existed);
/* NULL, or why it must not be probed; adopt_execed by address: then it may be looked at
 * again. */
extern const char adopt_execed[];
const char *adopt_changed(const struct adoption *looked);
/* family: in every process, as its children are followed; NULL: in this one. */
int adopt_hook(struct target *target, struct family *family, const struct proc_objects *objects,
	       const Hotpath__ReaderReply *reply);

#endif
