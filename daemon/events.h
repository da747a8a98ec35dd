/* SPDX-License-Identifier: GPL-2.0-only */
/* What BPF tells of processes (enum hp_event_kind), and what follows from it. */
#ifndef DAEMON_EVENTS_H
#define DAEMON_EVENTS_H

#include "bpf/hotpath.h"

/* A calls_event_handler; userdata is the registry. */
void events_handle(void *userdata, const struct hp_event *event);

#endif
