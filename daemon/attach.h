/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The attach request: for each process in turn look, read (in the background),
 * judge, probe; all of them or none.
 */
#ifndef DAEMON_ATTACH_H
#define DAEMON_ATTACH_H

#include "registry.h"

void attach_start(struct registry *registry, const struct peer *peer,
		  const Hotpath__AttachRequest *request, struct reply *reply);
/* Ends what is under way, without an answer. */
void attach_cancel_all(struct registry *registry);

#endif
