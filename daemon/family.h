/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A family: what one attach or run brought in, and the processes that come of it.
 * It has the authority of who asked, and ends with its last process.
 *
 *	family_new(registry, request, ...)
 *	family_adopt(family, t, ...)	what t forks and execs is followed from here on
 *	family_event(registry, event)	BPF gave a spare to a process, or one ended
 *	family_settle(registry)		what has ended is final now, not in a moment
 *	family_close(family, state)	nobody is followed, and what it had is final
 */
#ifndef DAEMON_FAMILY_H
#define DAEMON_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

#include "hook.h"
#include "peer.h"
#include "select.h"
#include "snapshot.pb-c.h"
#include "target.h"
#include "wire.pb-c.h"

struct kit;
struct registry;

#define FAMILY_HOOKS_MAX 8

/* An executable of which nothing is probed. The open file keeps its inode from
 * becoming another's. */
#define NOTHING_MAX 128
struct nothing {
	struct hp_exe key;
	int fd; /* -1: none */
};

#define DEALT_MAX 1024 /* a power of two */

struct family {
	uint32_t id;	 /* never used again */
	uint32_t number; /* in BPF */
	struct registry *registry;
	struct peer peer;
	uid_t owner; /* who may see its children, besides root */
	Hotpath__AttachRequest *request;
	struct kit *kits, *passive;
	struct nothing nothing[NOTHING_MAX];
	size_t n_nothing; /* ever; the last NOTHING_MAX stand */
	struct hook *hook[FAMILY_HOOKS_MAX];
	size_t n_hooks;
	struct govern *govern; /* of what it probes; NULL: none, or not yet */
	struct searched searched; /* where nothing of its request is */
	uint64_t seen; /* processes so far */
	uint64_t not_measured; /* of those that it should probe: gone, unread, over a limit */
	uint32_t dealt[DEALT_MAX]; /* follow.c's: who was measured, or is in that number */
	bool waits;    /* for those that its selectors name */
	struct select_set selectors;
	sd_event_source *ttl_source, *asker_source; /* of one that waits */
	int asker_fd;
	struct family *next;
};

/* Takes over the request, also when it fails. */
int family_new(struct registry *registry, const struct peer *peer,
	       Hotpath__AttachRequest *request, struct family **ret);
struct family *family_find(const struct registry *registry, uint32_t id);

/* Waits for processes, as its request says; text: why it cannot. */
int family_select(struct family *family, char *text, size_t size);
/* Ends after that time, 0: never, and with that process, 0: none. */
int family_limit(struct family *family, uint64_t ttl_ns, pid_t asker);

/* The hook of the loader t has is probed in every process. */
int family_hook_file(struct family *family, int loader_fd, uint64_t offset, uint64_t state);
int family_hook(struct family *family, struct target *t);
int family_adopt(struct family *family, struct target *t, bool is_static);
/* Undoes that, for one that was a target before. */
void family_disown(struct family *family, struct target *t);

void family_event(struct registry *registry, const struct hp_event *event);
void family_settle(struct registry *registry);

/* state: what becomes of those that run. Frees it. */
void family_close(struct family *family, Hotpath__TargetState state);
/* Has it no process, and waits for none? */
bool family_is_over(const struct family *family);
/* What it is of: "pid 4242", "--exe /usr/bin/worker". */
#define FAMILY_WHAT_MAX 128
void family_what(const struct family *family, char ret[FAMILY_WHAT_MAX]);
uint32_t family_processes(const struct family *family);
/* Programs that it should have probed and did not. */
uint64_t family_not_measured(const struct family *family);
uint64_t family_kernel_bytes(const struct family *family);

#endif
