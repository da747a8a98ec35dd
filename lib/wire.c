// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages on a stream: a little-endian u32 length in front of each. What the
 * messages mean is left to both ends.
 */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/wire.h"

#define READ_STEP (64u << 10)

int wire_pack(const ProtobufCMessage *message, size_t max, uint8_t **ret, size_t *ret_size)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint32_t length = htole32((uint32_t)size);
	uint8_t *data;

	if (size > max || size > UINT32_MAX)
		return -EMSGSIZE;

	data = malloc(sizeof(length) + size);
	if (!data)
		return -ENOMEM;

	memcpy(data, &length, sizeof(length));
	protobuf_c_message_pack(message, data + sizeof(length));
	*ret = data;
	*ret_size = sizeof(length) + size;
	return 0;
}

static int send_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int wire_send(int fd, const ProtobufCMessage *message, size_t max)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;
	int r;

	r = wire_pack(message, max, &data, &size);
	if (r < 0)
		return r;

	return send_all(fd, data, size);
}

/* Number of bytes read: less than size only at the end of the stream. */
static int read_full(int fd, uint8_t *data, size_t size, bool interruptible, size_t *ret)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, data + done, size - done);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR && !(interruptible && done == 0))
			continue;
		/* A daemon that died with our request unread resets instead of closing. */
		if (n < 0 && errno == ECONNRESET)
			break;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	*ret = done;
	return 0;
}

static int receive_length(int fd, size_t max, uint32_t *ret)
{
	uint32_t length;
	size_t n;
	int r;

	r = read_full(fd, (uint8_t *)&length, sizeof(length), true, &n);
	if (r < 0)
		return r;
	if (n == 0)
		return -EPIPE;
	if (n < sizeof(length))
		return -EBADMSG;

	length = le32toh(length);
	/* Every message carries its version, so none is empty. */
	if (length == 0 || length > max)
		return -EBADMSG;

	*ret = length;
	return 0;
}

int wire_receive(int fd, const ProtobufCMessageDescriptor *type, size_t max, ProtobufCMessage **ret)
{
	_cleanup_free_ uint8_t *data = NULL;
	ProtobufCMessage *message;
	uint32_t length;
	size_t n;
	int r;

	r = receive_length(fd, max, &length);
	if (r < 0)
		return r;

	data = malloc(length);
	if (!data)
		return -ENOMEM;

	r = read_full(fd, data, length, false, &n);
	if (r < 0)
		return r;
	if (n < length)
		return -EBADMSG;

	message = protobuf_c_message_unpack(type, NULL, length, data);
	if (!message)
		return -EBADMSG;

	*ret = message;
	return 0;
}

/* Room for at least one byte more than max, so that too much is seen to be. */
static int grow(uint8_t **data, size_t *room, size_t max)
{
	size_t want = *room ? *room * 2 : READ_STEP;
	uint8_t *bigger;

	if (want > max + 1)
		want = max + 1;

	bigger = realloc(*data, want);
	if (!bigger)
		return -ENOMEM;

	*data = bigger;
	*room = want;
	return 0;
}

int wire_read_all(int fd, size_t max, uint8_t **ret, size_t *ret_size)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t room = 0, size = 0, n;
	int r;

	do {
		r = grow(&data, &room, max);
		if (r < 0)
			return r;

		r = read_full(fd, data + size, room - size, false, &n);
		if (r < 0)
			return r;

		size += n;
		if (size > max)
			return -EMSGSIZE;
	} while (size == room);

	*ret = TAKE(data);
	*ret_size = size;
	return 0;
}

/* On a pipe SIGPIPE is the caller's business: both programs ignore it. */
int wire_write_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}
