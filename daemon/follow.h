/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process of a family has become a program that the family has no kit for: looks at
 * it while the gate holds it, and makes one.
 *
 *	follow_held(registry, hold, held)	the gate's handler
 *	follow_cancel(registry, family)		nobody waits for a kit of it any more
 */
#ifndef DAEMON_FOLLOW_H
#define DAEMON_FOLLOW_H

#include "family.h"
#include "gate.h"

void follow_held(void *registry, const struct hp_hold *hold, bool held);
void follow_cancel(struct registry *registry, const struct family *family);

#endif
