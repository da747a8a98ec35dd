/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Framing of lib/wire.proto: a little-endian u32 length, then that many bytes.
 * The blocking half is for the CLI; hotpathd reads by itself, in its event loop.
 */
#ifndef LIB_WIRE_H
#define LIB_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>

#define WIRE_VERSION	 1u
#define WIRE_REQUEST_MAX (1u << 20)
#define WIRE_REPLY_MAX	 (256u << 20)
#define WIRE_SOCKET	 "/run/hotpath/hotpath.sock"

/* Packs a message with its length in front; the caller frees *ret. */
int wire_pack(const ProtobufCMessage *message, size_t max, uint8_t **ret, size_t *ret_size);

/* Sends the whole message. -EPIPE when the other side is gone, never SIGPIPE. */
int wire_send(int fd, const ProtobufCMessage *message, size_t max);

/*
 * Receives one message. -EPIPE: closed between messages; -EBADMSG: closed within
 * one, larger than max, or not a message of that type; -EINTR is passed on when
 * nothing was read yet, so that a signal can stop the wait.
 */
int wire_receive(int fd, const ProtobufCMessageDescriptor *type, size_t max,
		 ProtobufCMessage **ret);

/*
 * Any message from or to a whole file descriptor without a length in front:
 * how hotpath-reader is talked to.
 */
int wire_read_all(int fd, size_t max, uint8_t **ret, size_t *ret_size);
int wire_write_all(int fd, const uint8_t *data, size_t size);

#endif
