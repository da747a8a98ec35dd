// SPDX-License-Identifier: GPL-2.0-only
/*
 * Framing, buffers and time limits of one client.
 *
 *	READING --request complete--> ANSWERING --last reply--> READING
 *	   `-------- what came is no request --> CLOSING
 *
 * Never more is read than the request needs, so what follows waits in the
 * socket, and so does its sender. Output is written at once when it fits, else
 * by the event loop. A connection ends in on_io() and on_timeout() only, never
 * below a handler that is writing to it.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "connection.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/wire.h"

/* Reading that much of a reply buys its reader another period. */
#define REPLY_STEP (1u << 20)

enum state { READING, ANSWERING, CLOSING };

struct connection {
	const struct connection_context *context;
	struct peer peer;
	int fd;
	enum state state;
	sd_event_source *io;
	sd_event_source *timer; /* made when first needed; off when nothing is awaited */
	struct reply *reply;	/* ANSWERING: the handler's */

	/* The request that is coming in. */
	uint8_t header[sizeof(uint32_t)];
	size_t header_done;
	uint8_t *body; /* NULL until its size is known */
	size_t body_size, body_done;

	/* Replies that go out. */
	uint8_t *out;
	size_t out_size, out_done;
	size_t out_timed; /* out_done when the timer was set */
};

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata);

static bool has_output(const struct connection *c)
{
	return c->out_done < c->out_size;
}

/* EPOLLHUP comes unasked: that is how a client is seen to vanish meanwhile. */
static void update_events(struct connection *c)
{
	uint32_t events = 0;

	if (has_output(c) || c->state == CLOSING)
		events = EPOLLOUT;
	else if (c->state == READING)
		events = EPOLLIN;

	(void)sd_event_source_set_io_events(c->io, events);
}

static int start_timer(struct connection *c, uint64_t usec)
{
	int r;

	if (!c->timer)
		return sd_event_add_time_relative(c->context->event, &c->timer, CLOCK_MONOTONIC,
						  usec, 0, on_timeout, c);

	r = sd_event_source_set_time_relative(c->timer, usec);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

static void stop_timer(struct connection *c)
{
	(void)sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
}

/* --- output ------------------------------------------------------------------ */

static void drop_output(struct connection *c)
{
	free(c->out);
	c->out = NULL;
	c->out_size = c->out_done = c->out_timed = 0;
}

static int append_output(struct connection *c, uint8_t *data, size_t size)
{
	uint8_t *bigger;

	if (!has_output(c)) {
		drop_output(c);
		c->out = data;
		c->out_size = size;
		return 0;
	}

	bigger = realloc(c->out, c->out_size + size);
	if (bigger) {
		memcpy(bigger + c->out_size, data, size);
		c->out = bigger;
		c->out_size += size;
	}
	free(data);
	return bigger ? 0 : -ENOMEM;
}

/* As much as the client takes now. -EAGAIN: not all. */
static int write_output(struct connection *c)
{
	while (has_output(c)) {
		ssize_t n = send(c->fd, c->out + c->out_done, c->out_size - c->out_done,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		c->out_done += (size_t)n;
	}
	drop_output(c);
	return 0;
}

/* Starts the clock for what is left, or stops it. */
static int watch_output(struct connection *c)
{
	bool fresh = c->out_timed == 0, progress = c->out_done >= c->out_timed + REPLY_STEP;

	if (!has_output(c)) {
		stop_timer(c);
		return 0;
	}
	if (!fresh && !progress)
		return 0;

	/* Never 0, which means that no timer runs for this output. */
	c->out_timed = c->out_done + 1;
	return start_timer(c, c->context->reply_us);
}

static int flush(struct connection *c)
{
	int r;

	r = write_output(c);
	if (r < 0 && r != -EAGAIN)
		return r;
	if (r == 0 && c->state == CLOSING)
		return -EPIPE;

	r = watch_output(c);
	if (r < 0)
		return r;

	update_events(c);
	return 0;
}

static int pack(Hotpath__Reply *message, uint8_t **ret, size_t *ret_size)
{
	Hotpath__Error error = HOTPATH__ERROR__INIT;
	Hotpath__Reply instead = HOTPATH__REPLY__INIT;
	int r;

	message->version = WIRE_VERSION;
	r = wire_pack(&message->base, WIRE_REPLY_MAX, ret, ret_size);
	if (r != -EMSGSIZE)
		return r;

	error.code = EMSGSIZE;
	error.text = (char *)"the reply is larger than a reply may be (256 MiB)";
	error.hint = (char *)"ask for fewer processes at a time";
	instead.version = WIRE_VERSION;
	instead.body_case = HOTPATH__REPLY__BODY_ERROR;
	instead.error = &error;
	return wire_pack(&instead.base, WIRE_REPLY_MAX, ret, ret_size);
}

/* Ends the connection, but from the event loop: the hang-up calls on_io(). */
static void abandon(struct connection *c)
{
	drop_output(c);
	c->state = CLOSING;
	(void)shutdown(c->fd, SHUT_RDWR);
}

/* An error of write_output() is found again, and dealt with, in on_io(). */
static void queue(struct connection *c, Hotpath__Reply *message)
{
	uint8_t *data;
	size_t size;
	int r;

	r = pack(message, &data, &size);
	if (r == 0)
		r = append_output(c, data, size);
	if (r == 0) {
		(void)write_output(c);
		r = watch_output(c);
	}
	if (r < 0) {
		log_error_errno(r, "reply to uid %u", c->peer.uid);
		abandon(c);
	}
	update_events(c);
}

void connection_answer(struct connection *c, Hotpath__Reply *message, bool last)
{
	if (last) {
		c->reply = NULL;
		c->state = READING;
	} else if (has_output(c)) {
		return;
	}
	queue(c, message);
}

/* --- input ------------------------------------------------------------------- */

static void drop_input(struct connection *c)
{
	free(c->body);
	c->body = NULL;
	c->header_done = c->body_size = c->body_done = 0;
}

/* Answers what was no request, and is done with the client. */
static void refuse(struct connection *c, int code, const char *text, const char *hint)
{
	Hotpath__Error error = HOTPATH__ERROR__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;

	log_debug("connection of uid %u closed: %s", c->peer.uid, text);
	error.code = code;
	error.text = (char *)text;
	error.hint = (char *)hint;
	message.body_case = HOTPATH__REPLY__BODY_ERROR;
	message.error = &error;
	drop_input(c);
	c->state = CLOSING;
	queue(c, &message);
}

static void dispatch(struct connection *c, const Hotpath__Request *request)
{
	const struct connection_context *context = c->context;
	struct reply *reply = calloc(1, sizeof(*reply));

	if (!reply) {
		refuse(c, ENOMEM, "hotpathd is out of memory", "try again later");
		return;
	}
	reply->connection = c;
	c->reply = reply;
	c->state = ANSWERING;
	update_events(c);
	context->handler(context->userdata, &c->peer, request, reply);
}

static void finish_request(struct connection *c)
{
	Hotpath__Request *request;

	stop_timer(c);
	request = hotpath__request__unpack(NULL, c->body_size, c->body);
	drop_input(c);
	if (!request) {
		refuse(c, EBADMSG, "that was not a request", "is this a hotpath client?");
		return;
	}
	if (request->version == WIRE_VERSION)
		dispatch(c, request);
	else
		refuse(c, EPROTONOSUPPORT, "client and hotpathd speak different versions",
		       "use the hotpath and the hotpathd of one release");
	hotpath__request__free_unpacked(request, NULL);
}

static int finish_header(struct connection *c)
{
	uint32_t length;

	memcpy(&length, c->header, sizeof(length));
	length = le32toh(length);
	if (length == 0 || length > WIRE_REQUEST_MAX) {
		stop_timer(c);
		refuse(c, EMSGSIZE, "a request has 1 byte to 1 MiB", "is this a hotpath client?");
		return 0;
	}

	c->body = malloc(length);
	if (!c->body)
		return -ENOMEM;

	c->body_size = length;
	return 0;
}

/* 1: some came; 0: nothing there now. */
static int read_some(struct connection *c, uint8_t *at, size_t size, size_t *done)
{
	ssize_t n;

	do
		n = recv(c->fd, at + *done, size - *done, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);

	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -EPIPE;

	*done += (size_t)n;
	return 1;
}

static int read_request(struct connection *c)
{
	int r;

	if (!c->body) {
		bool first = c->header_done == 0;

		r = read_some(c, c->header, sizeof(c->header), &c->header_done);
		if (r <= 0)
			return r;
		if (first) {
			r = start_timer(c, c->context->request_us);
			if (r < 0)
				return r;
		}
		if (c->header_done == sizeof(c->header))
			return finish_header(c);
		return 0;
	}

	r = read_some(c, c->body, c->body_size, &c->body_done);
	if (r <= 0)
		return r;
	if (c->body_done == c->body_size)
		finish_request(c);
	return 0;
}

/* --- life -------------------------------------------------------------------- */

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct connection *c = userdata;
	int r = 0;

	if (has_output(c) || c->state == CLOSING)
		r = flush(c);
	else if (c->state == READING && (revents & EPOLLIN))
		r = read_request(c);
	else if (revents & (EPOLLHUP | EPOLLERR))
		r = -EPIPE;

	if (r < 0)
		c->context->closed(c, c->context->owner);
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct connection *c = userdata;

	log_debug("connection of uid %u closed: too slow", c->peer.uid);
	c->context->closed(c, c->context->owner);
	return 0;
}

int connection_new(const struct connection_context *context, int fd, const struct peer *peer,
		   struct connection **ret)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		close_fd(fd);
		return -ENOMEM;
	}
	c->context = context;
	c->peer = *peer;
	c->fd = fd;
	r = sd_event_add_io(context->event, &c->io, fd, EPOLLIN, on_io, c);
	if (r < 0) {
		connection_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct connection *connection_free(struct connection *c)
{
	if (!c)
		return NULL;

	/* The handler may still hold the reply: it learns that nobody listens. */
	if (c->reply)
		c->reply->connection = NULL;
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->timer);
	drop_input(c);
	drop_output(c);
	close_fd(c->fd);
	free(c);
	return NULL;
}

const struct peer *connection_peer(const struct connection *connection)
{
	return &connection->peer;
}
