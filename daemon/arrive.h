/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects that a target loads while it runs: what matches its patterns there is probed
 * while the gate holds it at the loader's hook, before their constructors run.
 *
 *	arrive_expect(t, ...)	what is searched for, of one that no family has
 *	arrive_held(...)	it is at the hook; is let go when all is in place
 *	arrive_look(...)	nobody holds it: has anything come?
 *	arrive_remember(...)	these were searched
 *	arrive_cancel(...)	nobody waits for that any more
 */
#ifndef DAEMON_ARRIVE_H
#define DAEMON_ARRIVE_H

#include "family.h"
#include "proc.h"
#include "registry.h"

/* Of what its first request asked; -ENOMEM. */
int arrive_expect(struct target *target, const struct peer *peer,
		  const Hotpath__AttachRequest *request);
/* Is what it loads searched for just these patterns? */
bool arrive_expects(const struct target *target, const Hotpath__AttachRequest *request);

void arrive_held(struct registry *registry, struct target *target, const struct hp_hold *hold,
		 bool held);
void arrive_look(struct registry *registry, struct target *target);

/* Those of them in which nothing of the target is probed need no second search. */
void arrive_remember(struct target *target, const struct proc_objects *objects);
/* Is there one in which nobody has looked yet? */
bool arrive_is_new(const struct target *target, const struct proc_objects *objects);

/* It began by a kit that was made ahead, and the hook of its loader is not probed yet:
 * what it loads would go unseen. */
bool arrive_lacks_hook(const struct target *target);

/* family: NULL for all there are. */
void arrive_cancel(struct registry *registry, const struct family *family);

#endif
