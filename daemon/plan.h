/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is to be probed of one object in one target, and by which kind of probe:
 * the reader's functions, the verdict on returns and the kernel's features in,
 * groups to join out.
 */
#ifndef DAEMON_PLAN_H
#define DAEMON_PLAN_H

#include "features.h"
#include "proc.h"
#include "reader.pb-c.h"
#include "returns.h"
#include "target.h"

struct plan {
	uint32_t *chosen[PROBE_EXITS];
	size_t count[PROBE_EXITS];
	uint32_t moved; /* their code is no longer the file's: probes would never fire */
	struct govern *govern; /* the budget that it is under; NULL: none */
	bool shared; /* probed in every process, so that children are seen from the start */
	uint32_t skipped, already, cheap, expensive;
	uint32_t session, sites, entry_only; /* functions, by how their returns are seen */
};

int plan_make(const struct features *features, const struct target *target,
	      const struct proc_object *file, const Hotpath__ReaderObjectReply *object,
	      const struct returns_verdict *verdict, struct plan *plan);
/* Acts on it: after this the chosen functions are counted. */
int plan_join(struct groups *groups, struct target *target, const struct proc_object *file,
	      const Hotpath__ReaderObjectReply *object, const struct plan *plan, const void *by);
/* Do processes that are no target pay for these probes as well? */
bool plan_is_shared(const struct plan *plan);
uint32_t plan_functions(const struct plan *plan);
/* How many groups it will make, and how much kernel memory they need. */
uint32_t plan_groups(const struct plan *plan);
uint64_t plan_bytes(const struct plan *plan);
void plan_done(struct plan *plan);

#endif
