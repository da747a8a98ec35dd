/* SPDX-License-Identifier: GPL-2.0-only */
/* The probes request: what could be probed in a process, and how. */
#ifndef DAEMON_PROBES_H
#define DAEMON_PROBES_H

#include "registry.h"

void probes_start(struct registry *registry, const struct peer *peer,
		  const Hotpath__ProbesRequest *request, struct reply *reply);
void probes_cancel_all(struct registry *registry);

#endif
