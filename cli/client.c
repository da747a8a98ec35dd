// SPDX-License-Identifier: GPL-2.0-only
/* Talks to hotpathd over its socket. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/progress.h"
#include "lib/cleanup.h"
#include "lib/wire.h"

static uint64_t silence_ns; /* 0: any */

void client_limit_silence(uint64_t ns)
{
	silence_ns = ns;
}

/* Each piece that is sent or received has so long; progress is one. */
static void limit_silence(int fd)
{
	const struct timeval limit = {(time_t)(silence_ns / 1000000000),
				      (suseconds_t)(silence_ns % 1000000000 / 1000)};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

int client_connect(const char *path, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_fd_ int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	limit_silence(fd);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;

	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* What keeps it from answering is in its log; systemd has that of the usual one. */
void client_hint_at_log(const char *path)
{
	if (strcmp(path, WIRE_SOCKET))
		complain_hint("what it wrote to its standard error says why; it is the hotpathd "
			      "with --socket %s",
			      path);
	else
		complain_hint("its log says why: journalctl -u hotpathd; start it: sudo hotpathd");
}

static void tell_broken(const char *path, int r)
{
	if (r == -EPIPE || r == -ECONNRESET)
		complain("hotpathd at %s went away before it answered", path);
	else if (r == -EAGAIN)
		complain("hotpathd at %s does not answer: it said nothing for %g s", path,
			 (double)silence_ns / 1e9);
	else if (r == -EBADMSG)
		complain("what answers at %s is not hotpathd, or broke off in its answer", path);
	else if (r == -EMSGSIZE || r == -E2BIG)
		complain("the request is too large for hotpathd: give fewer patterns");
	else
		complain("cannot talk to hotpathd at %s: %s", path, strerror(-r));
	if (r == -EPIPE || r == -ECONNRESET)
		client_hint_at_log(path);
}

void client_unreachable(const char *path, int r)
{
	if (r == -EAGAIN) {
		tell_broken(path, r);
		return;
	}
	complain("cannot reach hotpathd at %s: %s", path, strerror(-r));
	if (r == -EACCES || r == -EPERM)
		complain_hint("be of its group: sudo usermod -aG hotpath $USER; newgrp hotpath");
	else if (r == -ENAMETOOLONG)
		complain_hint("a path of a socket has at most 107 bytes; see --socket");
	else
		complain_hint("start it: sudo hotpathd%s%s",
			      strcmp(path, WIRE_SOCKET) ? " --socket " : "",
			      strcmp(path, WIRE_SOCKET) ? path : "");
}

static int receive_one(int fd, Hotpath__Reply **ret)
{
	ProtobufCMessage *message = NULL;
	int r;

	do
		r = wire_receive(fd, &hotpath__reply__descriptor, WIRE_REPLY_MAX, &message);
	while (r == -EINTR);
	if (r < 0)
		return r;

	*ret = (Hotpath__Reply *)message;
	return 0;
}

/* The first reply that is not about progress. */
static int receive_last(int fd, Hotpath__Reply **ret)
{
	struct progress progress = {0};
	int r;

	for (;;) {
		r = receive_one(fd, ret);
		if (r < 0 || (*ret)->body_case != HOTPATH__REPLY__BODY_PROGRESS)
			break;
		progress_show(&progress, (*ret)->progress);
		client_reply_free(*ret);
	}
	progress_end(&progress);

	return r;
}

static int judge(const char *path, const Hotpath__Reply *reply, Hotpath__Reply__BodyCase wanted)
{
	if (reply->body_case == HOTPATH__REPLY__BODY_ERROR) {
		complain("%s",
			 *reply->error->text ? reply->error->text : strerror(reply->error->code));
		if (*reply->error->hint)
			complain_hint("%s", reply->error->hint);
		return -EREMOTEIO;
	}
	if (reply->version != WIRE_VERSION || reply->body_case != wanted) {
		complain("hotpathd at %s answers in version %u, this hotpath speaks %u", path,
			 reply->version, WIRE_VERSION);
		complain_hint("restart the daemon of the same installation as hotpath");
		return -EPROTO;
	}

	return 0;
}

int client_call(const char *path, Hotpath__Request *request, Hotpath__Reply__BodyCase wanted,
		Hotpath__Reply **ret)
{
	Hotpath__Reply *reply = NULL;
	_cleanup_fd_ int fd = -1;
	int r;

	r = client_connect(path, &fd);
	if (r < 0) {
		client_unreachable(path, r);
		return r;
	}

	request->version = WIRE_VERSION;
	r = wire_send(fd, &request->base, WIRE_REQUEST_MAX);
	/* A daemon that refuses may answer and close before it has read all. */
	if (r == 0 || r == -EPIPE || r == -ECONNRESET)
		r = receive_last(fd, &reply);
	if (r < 0) {
		tell_broken(path, r);
		return r;
	}

	r = judge(path, reply, wanted);
	if (r < 0) {
		client_reply_free(reply);
		return r;
	}

	*ret = reply;
	return 0;
}

void client_reply_free(Hotpath__Reply *reply)
{
	if (reply)
		hotpath__reply__free_unpacked(reply, NULL);
}
