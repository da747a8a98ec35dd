/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An attach request as such: does it make sense, and whom does it mean besides those
 * it names?
 */
#ifndef DAEMON_ASK_H
#define DAEMON_ASK_H

#include <stdbool.h>

#include "collect-calls.h"
#include "server.h"
#include "wire.pb-c.h"

#define ASK_PIDS_MAX 768 /* of HP_TARGETS_MAX: children need some, too */

/* False: refused, and said. */
/* Or is it what an object has, all of it? */
bool ask_names_functions(const Hotpath__AttachRequest *request);
bool ask_is_sane(const Hotpath__AttachRequest *request, struct reply *reply);
/* Does it wait for processes, instead of naming some? */
bool ask_selects(const Hotpath__AttachRequest *request);
Hotpath__AttachRequest *ask_copy(const Hotpath__AttachRequest *request);
/* -ENOMEM; -E2BIG: they would be more than ASK_PIDS_MAX, and none is added. */
int ask_add(Hotpath__AttachRequest *request, const int32_t *pids, size_t n);
/* What came of it: descendants that were added; that are targets already; that the peer
 * may not observe. */
struct ask_kin {
	size_t added, already, refused;
};
/* Adds the descendants of its processes. As ask_add(), and then ret is not filled in. */
int ask_add_descendants(Hotpath__AttachRequest *request, const struct peer *peer,
			struct calls *calls, struct ask_kin *ret);

bool ask_has_children(pid_t pid);

#endif
