/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plans for all objects of a process: made and weighed before the first probe
 * is placed, so that what is refused changes nothing.
 */
#ifndef DAEMON_PLANS_H
#define DAEMON_PLANS_H

#include "limits.h"
#include "plan.h"

struct registry;

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
/* Are they to be probed in every process? Sessions are, whatever is said here. */
void plans_share(struct plans *plans, bool shared);
/* Under what budget a request has them, if any (govern_for()); nothing is linked then when
 * it is joined. */
int plans_govern(struct plans *plans, struct registry *registry,
		 const Hotpath__AttachRequest *request, const struct target *target,
		 struct govern **holder);
/* Device and inode of the files that other processes are probed in, too. */
size_t plans_shared_files(const struct plans *plans, const struct proc_objects *objects,
			  uint64_t (*files)[2], size_t room);
/* Their names: "libc.so.6, worker and 2 more". */
void plans_shared_names(const struct plans *plans, const struct proc_objects *objects, char *text,
			size_t size);
int plans_join(const struct plans *plans, struct groups *groups, struct target *target,
	       const struct proc_objects *objects, const Hotpath__ReaderReply *reply,
	       const void *by);
/* Functions that cannot be probed because their code was moved out of the file's mapping. */
uint32_t plans_moved(const struct plans *plans);
void plans_done(struct plans *plans);

#endif
