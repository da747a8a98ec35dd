/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One process under observation: identity, members (a group and this target's
 * cell in it), and what becomes of it.
 *
 *	target_new(...)		 identity fixed by pidfd and start time; known to BPF
 *	target_join(...)	 the functions of a group are counted from here on
 *	target_begin(target)	 the clock of `observed` starts, again at reset
 *	target_finish(target, s) final figures kept, everything in the kernel released
 *	target_unref(target)
 */
#ifndef DAEMON_TARGET_H
#define DAEMON_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "authority.h"
#include "cell.h"
#include "contention.h"
#include "group.h"
#include "reading.h"
#include "samples.h"
#include "searched.h"
#include "snapshot.pb-c.h"
#include "wire.pb-c.h"

struct member {
	const void *by; /* the request that is joining it, NULL when that has succeeded */
	struct group *group;
	struct cell cell;
	int *fds; /* links of this target's own */
	size_t n_fds;
};

/* A mapped file, to tell whether a judgement still stands. */
struct judged_object {
	uint64_t dev, ino, version;
};

struct account;
struct kit;

struct target {
	struct calls *calls;
	struct blocks *blocks;
	struct groups *groups;
	unsigned int refs;
	pid_t pid;
	int pidfd;
	uint64_t start_ticks;
	char comm[64];
	char *exe;
	uid_t owner;	 /* who may see it, besides root */
	gid_t gid;
	uid_t requester; /* whose limits it counts against */
	uint32_t slot, gen;
	uint64_t exe_dev, exe_ino;
	Hotpath__TargetState state;
	bool complete, finished, goroutines;
	bool by_exits; /* what sessions sit on is timed by its ways out now */
	struct kit *kit; /* what its children are given; NULL: it is not followed */
	uint32_t family; /* number of what brought it in */
	pid_t parent_pid;
	bool spawned; /* BPF made it one, from a spare; its end is told by an event */
	bool named;   /* a request was for this very process */
	bool exited, hushed;
	bool muted, quiet; /* BPF does not count in it; and a barrier has passed since */
	bool unfiltered; /* links of its own are for every process all the same */
	bool hooked;	    /* its loader's hook is probed for every process (hook.h) */
	char **note;
	size_t n_notes;

	struct member *member;
	size_t n_members;
	struct judged_object *judged;
	size_t n_judged;
	char returns_reason[256];
	int loader_fd; /* file of the dynamic loader */
	uint64_t loader_hook, loader_state; /* as in struct hook */
	int *loader_fds;
	size_t n_loader_fds;

	uint64_t begun_ns, begun_unix_ns, ended_ns, cpu_begun_ns, cpu_ns;
	uint64_t ttl_end_ns; /* 0: none */
	uint32_t bystander_processes;
	uint32_t moved; /* functions whose code has left its file: moved.h */
	struct account *account; /* govern.c's; NULL: it is under no budget, or not seen yet */
	struct registry *registry;		    /* set by registry.c, as these: */
	sd_event_source *exit_source, *ttl_source, *asker_source;
	int asker_fd; /* pidfd of who waits for the figures, -1: nobody does */
	struct reading *judging;		    /* set by judge.c */
	bool judge_again, returns_forbidden;
	Hotpath__AttachRequest *asked; /* set by arrive.c, as these: of one not followed */
	struct peer asked_by;
	struct searched searched;
	struct samples samples; /* sampling.c's, like the next */
	struct contention contention;
	uint32_t first_gen;	/* the generation in which they began */
	uint8_t *final; /* packed Target, once finished */
	size_t final_size;
	Hotpath__Target *sum; /* instead of final: of several that have ended (fold.h) */
	struct target *next;
};

struct target_identity {
	pid_t pid;
	uid_t owner, requester;
	gid_t gid;
	uint64_t exe_dev, exe_ino;
	bool followed; /* BPF has it already, in a slot that others share */
};

int target_new(struct calls *calls, struct blocks *blocks, struct groups *groups,
	       const struct target_identity *identity, struct target **ret);
/* The registry holds one reference, whoever works on it across events another. */
struct target *target_ref(struct target *target);
struct target *target_unref(struct target *target);

/* Releases everything that the kernel holds for it; its figures are gone. */
void target_stop(struct target *target);

/* Is the process that was attached still there? */
bool target_is_alive(const struct target *target);
/* Is what has its pid now that process, alive or a zombie? */
bool target_is_same_process(const struct target *target);
bool target_is_finished(const struct target *target);
/* Do other processes count in it? */
bool target_is_shared(const struct target *target);

int target_join(struct target *target, struct group *group, const void *by);
/* Undoes what a request has joined, or, with settle, makes it last. */
void target_leave(struct target *target, const void *by);
void target_settle(struct target *target, const void *by);
bool target_has_site(const struct target *target, uint64_t dev, uint64_t ino, uint64_t offset);
uint32_t target_count_functions(const struct target *target);
uint64_t target_kernel_bytes(const struct target *target);

/* It is Go: its open calls go with its goroutines. Before it joins any group. */
void target_has_goroutines(struct target *target);
/* Returns are armed unless this says otherwise. Clearing fails, false, when
 * something has arrived since `seen` (target_state) was read. */
uint64_t target_state(const struct target *target);
void target_forbid_returns(struct target *target);
bool target_allow_returns(struct target *target, uint64_t seen);

/* For good: what can be timed by its ways out is, from here on. */
int target_probe_exits(struct target *target);

/* Is what it loads noticed? */
bool target_has_hook(const struct target *target);
/* The loader's hook, and every link of the target's own, anew after exec. */
int target_relink(struct target *target);

void target_begin(struct target *target);
int target_reset(struct target *target);
/* A sentence for the report; printf-like. */
void target_note(struct target *target, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Its process is another target now, or none; others may go on counting in it. */
void target_end(struct target *target, Hotpath__TargetState state);
/* How it ended, if it has. */
Hotpath__TargetState target_end_state(const struct target *target);
uint64_t target_cpu_ns(struct target *target);
void target_finish(struct target *target, Hotpath__TargetState state);
/* Its figures are final, and what it began is not measured to the end: why. */
void target_amend(struct target *target, const char *note);

/* For those who make targets otherwise (spare.c): tells BPF its cells and who it is; and
 * the final figures alone, when nothing is counted any more. */
void target_publish(struct target *target);
void target_hush(struct target *target); /* nothing more is counted, a barrier later */
void target_conclude(struct target *target, Hotpath__TargetState state);
/* Of several that are about to be finished or stopped: one barrier is then for all, after
 * which the caller sets quiet. */
void target_mute(struct target *target);

#endif
