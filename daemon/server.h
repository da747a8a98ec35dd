/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The socket: listens, frames, limits, and hands each request to one handler.
 * Knows nothing of what a request means.
 *
 *	server_new(event, config, handler, userdata, &server)
 *	  handler(userdata, peer, request, reply) once per request
 *	    reply_progress(reply, ...) any number of times
 *	    reply_finish(reply, message) or reply_error(reply, ...) exactly once
 *	server_free(server)
 *
 * A struct reply belongs to the handler from the call on until one of the two
 * finishing calls, which free it. The handler may keep it and answer later from
 * the event loop. When the client vanishes meanwhile the reply stays valid and
 * what is written to it is dropped. The next request of a client is read only
 * when the one before is answered. peer and request last as long as the call.
 */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "config.h"
#include "peer.h"
#include "wire.pb-c.h"

struct server;
struct reply;

typedef void (*server_handler)(void *userdata, const struct peer *peer,
			       const Hotpath__Request *request, struct reply *reply);

/* Takes over the socket of systemd when it passed one, else binds config->socket.
 * Why it can not is logged. */
int server_new(sd_event *event, const struct config *config, server_handler handler,
	       void *userdata, struct server **ret);
struct server *server_free(struct server *server);

/* The path that it listens on. */
const char *server_path(const struct server *server);

/* For tests: how long a request may take to arrive, a reply to be read. */
void server_set_timeouts(struct server *server, uint64_t request_us, uint64_t reply_us);

/* Open connections of a uid, for `status`. */
uint32_t server_connections(const struct server *server, uid_t uid);

void reply_progress(struct reply *reply, const char *what, uint32_t done, uint32_t total);
/* Fills in message->version; the message stays the caller's. */
void reply_finish(struct reply *reply, Hotpath__Reply *message);
/* code: a positive errno. hint may be NULL. */
void reply_error(struct reply *reply, int code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool reply_gone(const struct reply *reply);

#endif
