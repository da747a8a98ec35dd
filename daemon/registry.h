/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is profiled now: all targets, the groups they share, and what everybody
 * who works on them needs. One daemon has one.
 */
#ifndef DAEMON_REGISTRY_H
#define DAEMON_REGISTRY_H

#include <systemd/sd-event.h>

#include "config.h"
#include "features.h"
#include "limits.h"
#include "server.h"
#include "target.h"

struct registry {
	sd_event *event;
	const struct config *config;
	struct features features;
	struct calls *calls;
	struct blocks *blocks;
	const struct server *server; /* for its figures only; set when it listens */
	struct groups groups;
	struct target *targets; /* newest first */
	struct attaching *attaching; /* attach.c's, under way */
	struct probing *probing;     /* probes.c's, under way */
	uint64_t started_ns;
};

/* The newest target with that pid that peer may see. */
struct target *registry_find(struct registry *registry, const struct peer *peer, pid_t pid);
/* The one that is not finished, whoever may see it. */
struct target *registry_running(struct registry *registry, pid_t pid);

/* Takes a reference, and watches for the target's exit. */
int registry_add(struct registry *registry, struct target *target);
void registry_remove(struct registry *registry, struct target *target);
/* Detach after ns from now, keeping the figures; 0: never. */
int registry_set_ttl(struct registry *registry, struct target *target, uint64_t ns);
/* Removes the target when that process, which asked for it, ends. */
int registry_follow_asker(struct registry *registry, struct target *target, pid_t asker);
/* Final figures, a log line, and the oldest finished ones of that owner dropped. */
void registry_finish(struct registry *registry, struct target *target,
		     Hotpath__TargetState state);

uint32_t registry_count(const struct registry *registry);
/* What a user has now, of all that is limited. */
struct limits_use registry_use(const struct registry *registry, uid_t requester);
uint64_t registry_kernel_bytes(const struct registry *registry);

#endif
