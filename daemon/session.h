/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hotpathd profiles: the targets, the groups of probes they share, and the
 * requests that change them. The server calls session_request(); everything
 * else follows from the event loop.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include <stdbool.h>
#include <systemd/sd-event.h>
#include "config.h"
#include "server.h"

struct session;

/* Loads the BPF programs. Says on stderr what the kernel has and what is done
 * without the rest; an error is logged, naming the privilege or the feature. */
int session_new(sd_event *event, const struct config *config, struct session **ret);
/* Detaches everything; no probe, map or link stays. */
struct session *session_free(struct session *session);

/* Measures what probes cost here; unless the configuration says not to. At once, before
 * it returns, or when there is nothing else to do. What goes wrong is logged, and prices
 * stay unknown. */
void session_calibrate(struct session *session, bool at_once);

/* Whose figures `status` shows. */
void session_set_server(struct session *session, const struct server *server);

/* A server_handler; userdata is the session. */
void session_request(void *userdata, const struct peer *peer, const Hotpath__Request *request,
		     struct reply *reply);

#endif
