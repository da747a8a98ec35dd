/* SPDX-License-Identifier: GPL-2.0-only */
/* A protobuf message as a whole, of whatever type. */
#ifndef LIB_MESSAGE_H
#define LIB_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

/* A deep copy of a message of our own making, of the same type; the caller frees it as an
 * unpacked one. NULL: no memory. */
void *message_copy(const ProtobufCMessage *message);

#endif
