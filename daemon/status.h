/* SPDX-License-Identifier: GPL-2.0-only */
/* The status request: how the daemon is. */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include "registry.h"

void status_answer(struct registry *registry, const struct peer *peer, struct reply *reply);

#endif
