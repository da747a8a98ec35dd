/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One client: its requests come in whole, its replies go out whole. Between
 * server.c and reply.c; the rest of the daemon sees server.h.
 *
 *	connection_new(context, fd, peer, &connection)	owns fd from then on
 *	  context->handler for each request, context->closed at the end
 *	connection_answer(connection, message, last)	from reply.c
 *	connection_free(connection)			from context->closed
 */
#ifndef DAEMON_CONNECTION_H
#define DAEMON_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "peer.h"
#include "server.h"

struct connection;

/* What the connections of a server share. */
struct connection_context {
	sd_event *event;
	server_handler handler;
	void *userdata;
	void (*closed)(struct connection *connection, void *owner);
	void *owner;
	uint64_t request_us; /* an incomplete request is waited for so long */
	uint64_t reply_us;   /* the same for a reply that is not read */
};

struct reply {
	struct connection *connection; /* NULL: the client is gone */
};

int connection_new(const struct connection_context *context, int fd, const struct peer *peer,
		   struct connection **ret);
struct connection *connection_free(struct connection *connection);

const struct peer *connection_peer(const struct connection *connection);

/* Sends message, or drops it when it is not the last and the client is behind. */
void connection_answer(struct connection *connection, Hotpath__Reply *message, bool last);

#endif
