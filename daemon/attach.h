/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The attach request: for each process in turn look, read (in the background),
 * judge, probe; all of them or none.
 */
#ifndef DAEMON_ATTACH_H
#define DAEMON_ATTACH_H

#include "ask.h"
#include "family.h"
#include "limits.h"
#include "registry.h"

void attach_start(struct registry *registry, const struct peer *peer,
		  const Hotpath__AttachRequest *request, struct reply *reply);
/* Is a request of that family being worked on? It may not be closed before. */
bool attach_is_busy(const struct family *family);
/* True: such a request was undone, with an error for an answer, and the family is gone.
 * So are requests that work on a target of the family which was one before. */
bool attach_cancel(const struct family *family);
/* The same for whatever works on that target, or has brought it in. */
void attach_cancel_target(struct registry *registry, const struct target *target);
/* Is a request under way, of one whom peer may see, that names this process? */
bool attach_names(const struct registry *registry, const struct peer *peer, pid_t pid);
/* The same for what a detach means; pids: of these requests, those that are no targets,
 * ATTACH_PIDS_MAX at most; how many. */
#define ATTACH_PIDS_MAX (LIMITS_IN_FLIGHT_ALL * ASK_PIDS_MAX)
size_t attach_cancel_meant(struct registry *registry, const struct peer *peer,
			   const Hotpath__DetachRequest *request, int32_t *pids);
/* Ends what is under way. */
void attach_cancel_all(struct registry *registry, const char *why);

#endif
