// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accepts clients, knows who they are, and how many a user may have. A client
 * by itself is connection.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "connection.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/wire.h"
#include "listener.h"
#include "server.h"

#define CONNECTIONS_MAX 512 /* of all users */
#define REQUEST_US	(10 * 1000000ull)
#define REPLY_US	(30 * 1000000ull)
#define PAUSE_US	(1 * 1000000ull)

struct server {
	struct connection_context context;
	struct listener *listener;
	sd_event_source *accepts;
	sd_event_source *pause; /* on while there is nothing to accept with */
	uint32_t max_per_uid;
	struct connection *connection[CONNECTIONS_MAX];
	size_t n_connections;
};

DEFINE_CLEANUP(struct server *, server_free)

static void on_closed(struct connection *connection, void *owner)
{
	struct server *server = owner;

	for (size_t i = 0; i < server->n_connections; i++) {
		if (server->connection[i] != connection)
			continue;
		server->connection[i] = server->connection[--server->n_connections];
		break;
	}
	connection_free(connection);
}

static int read_peer(int fd, struct peer *ret)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	struct peer peer = {0};

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;

	peer.uid = credentials.uid;
	peer.gid = credentials.gid;
	peer.pid = credentials.pid;
	size = sizeof(peer.groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups, &size) == 0)
		peer.n_groups = size / sizeof(peer.groups[0]);

	*ret = peer;
	return 0;
}

/* One that is too many: a word of explanation, which fits into an empty socket. */
static void turn_away(int fd, const char *text, const char *hint)
{
	Hotpath__Error error = HOTPATH__ERROR__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;

	error.code = EUSERS;
	error.text = (char *)text;
	error.hint = (char *)hint;
	message.version = WIRE_VERSION;
	message.body_case = HOTPATH__REPLY__BODY_ERROR;
	message.error = &error;
	if (wire_pack(&message.base, WIRE_REPLY_MAX, &data, &size) == 0)
		(void)send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool has_room(const struct server *server, const struct peer *peer, int fd)
{
	char text[96];

	if (server->n_connections == CONNECTIONS_MAX) {
		snprintf(text, sizeof(text), "hotpathd has %d connections, the most that it takes",
			 CONNECTIONS_MAX);
		turn_away(fd, text, "close some, or try again later");
		return false;
	}
	if (server_connections(server, peer->uid) >= server->max_per_uid) {
		snprintf(text, sizeof(text), "uid %u has %u connections to hotpathd already",
			 peer->uid, server->max_per_uid);
		turn_away(fd, text, "close some, or start hotpathd with --max-connections");
		return false;
	}
	return true;
}

static int admit(struct server *server, int fd)
{
	_cleanup_fd_ int owned = fd;
	struct peer peer;
	int r;

	r = read_peer(fd, &peer);
	if (r < 0)
		return r;
	if (!has_room(server, &peer, fd))
		return 0;

	r = connection_new(&server->context, TAKE_FD(owned), &peer,
			   &server->connection[server->n_connections]);
	if (r < 0)
		return r;

	server->n_connections++;
	return 0;
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct server *server = userdata;

	return sd_event_source_set_enabled(server->accepts, SD_EVENT_ON);
}

/* Made beforehand, and off: when it is needed there is no descriptor for a
 * timer, neither for this one nor for those of the connections. */
static int make_pause(struct server *server)
{
	int r;

	r = sd_event_add_time(server->context.event, &server->pause, CLOCK_MONOTONIC, 0, 0,
			      on_pause_over, server);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(server->pause, SD_EVENT_OFF);
}

/* Without descriptors or memory accept() fails at once, again and again, for as
 * long as a client waits: look away for a while. */
static int pause_accepting(struct server *server, int error)
{
	int r;

	log_warning_errno(error, "accept a connection; trying again in a second");
	r = sd_event_source_set_time_relative(server->pause, PAUSE_US);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(server->pause, SD_EVENT_ONESHOT);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(server->accepts, SD_EVENT_OFF);
}

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == ECONNABORTED;
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct server *server = userdata;
	int client, r;

	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client < 0)
		return is_passing(errno) ? 0 : pause_accepting(server, -errno);

	r = admit(server, client);
	if (r < 0)
		log_warning_errno(r, "serve a connection");
	return 0;
}

int server_new(sd_event *event, const struct config *config, server_handler handler, void *userdata,
	       struct server **ret)
{
	_cleanup_(server_freep) struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return log_error_errno(-ENOMEM, "start the server");

	server->max_per_uid = config->max_connections;
	server->context = (struct connection_context){
		.event = sd_event_ref(event),
		.handler = handler,
		.userdata = userdata,
		.closed = on_closed,
		.owner = server,
		.request_us = REQUEST_US,
		.reply_us = REPLY_US,
	};
	r = listener_open(config, &server->listener);
	if (r < 0)
		return r;

	r = sd_event_add_io(event, &server->accepts, listener_fd(server->listener), EPOLLIN,
			    on_accept, server);
	if (r < 0)
		return log_error_errno(r, "watch %s", listener_path(server->listener));
	r = make_pause(server);
	if (r < 0)
		return log_error_errno(r, "make a timer");

	*ret = TAKE(server);
	return 0;
}

struct server *server_free(struct server *server)
{
	if (!server)
		return NULL;

	while (server->n_connections > 0)
		connection_free(server->connection[--server->n_connections]);
	sd_event_source_disable_unref(server->accepts);
	sd_event_source_disable_unref(server->pause);
	listener_close(server->listener);
	sd_event_unref(server->context.event);
	free(server);
	return NULL;
}

const char *server_path(const struct server *server)
{
	return listener_path(server->listener);
}

void server_set_timeouts(struct server *server, uint64_t request_us, uint64_t reply_us)
{
	server->context.request_us = request_us;
	server->context.reply_us = reply_us;
}

uint32_t server_connections(const struct server *server, uid_t uid)
{
	uint32_t count = 0;

	for (size_t i = 0; i < server->n_connections; i++)
		count += connection_peer(server->connection[i])->uid == uid;
	return count;
}
