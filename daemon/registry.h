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
#include "prices.h"
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
	uint64_t windows_from_ns; /* govern-window.c's: none is opened before */
	struct hook *hooks;	  /* hook.c's, shared */
	struct family *families;  /* newest first */
	sd_event_source *gather_source; /* family.c's, as this: */
	uint64_t events_lost;		/* when it was last looked for what they told */
	struct target *targets; /* newest first */
	struct gate *gate;
	struct unfollowing *unfollowing; /* unfollow.c's */
	struct following *following; /* follow.c's, under way */
	struct arrival *arriving;    /* arrive.c's, under way */
	struct attaching *attaching; /* attach.c's, under way */
	struct probing *probing;     /* probes.c's, under way */
	struct reporting *reporting; /* report.c's, under way */
	struct prices prices;	     /* all 0 until calibrated; pricing.c's, as these: */
	uint64_t priced_ns, priced_first_ns; /* when; 0: not yet */
	struct sampling *sampling;   /* NULL: on-CPU time is not sampled */
	struct closer *closer;	     /* of links, beside the event loop */
	uint64_t started_ns;
};

/* The newest target with that pid that peer may see. */
struct target *registry_find(struct registry *registry, const struct peer *peer, pid_t pid);
/* The one that is not finished, whoever may see it. */
struct target *registry_running(struct registry *registry, pid_t pid);
/* The family that follows it, in a target of its own or not; NULL: none does. */
struct family *registry_follower(const struct registry *registry, pid_t pid);

/* Takes a reference, and watches for the target's exit. */
int registry_add(struct registry *registry, struct target *target);
/* The same for one whose exit is told by an event. */
void registry_list(struct registry *registry, struct target *target);
/* Finished targets of one owner are kept up to a limit. */
void registry_trim(struct registry *registry, uid_t owner);
void registry_remove(struct registry *registry, struct target *target);
/* The same, and when it is the last of what a request named, all that came of that; but
 * what waits for others goes on, and so does what is not for that user to see. */
void registry_drop(struct registry *registry, struct target *target, uid_t by);
/* Those that are meant are about to go, all: BPF is waited for once, not for each. */
void registry_mute(struct registry *registry, bool (*is_meant)(const struct target *, const void *),
		   const void *what);
/* All targets of a family that is closed, but those that are not for that user to see. */
void registry_forget(struct registry *registry, uint32_t family, uid_t by);
/* Detach after ns from now, keeping the figures; 0: never. */
int registry_set_ttl(struct registry *registry, struct target *target, uint64_t ns);
/* Removes the target when that process, which asked for it, ends. */
int registry_follow_asker(struct registry *registry, struct target *target, pid_t asker);
/* Final figures, a log line, and the oldest finished ones of that owner dropped. */
void registry_finish(struct registry *registry, struct target *target,
		     Hotpath__TargetState state);

uint32_t registry_count(const struct registry *registry);
/* What a user has now, of all that is limited: a group once, however many use it. */
struct limits_use registry_use(const struct registry *registry, uid_t requester);
uint64_t registry_kernel_bytes(const struct registry *registry);
/* Is that much more within a user's limits, and everybody's? False: text says why not. */
bool registry_allows(const struct registry *registry, uid_t uid, const struct limits_use *want,
		     char *text, size_t size);

#endif
