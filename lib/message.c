// SPDX-License-Identifier: GPL-2.0-only
/* Copies of messages; see message.h. */
#include <stdint.h>
#include <stdlib.h>
#include "lib/cleanup.h"
#include "lib/message.h"

void *message_copy(const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	_cleanup_free_ uint8_t *packed = malloc(size ?: 1);

	if (!packed)
		return NULL;
	protobuf_c_message_pack(message, packed);
	return protobuf_c_message_unpack(message->descriptor, NULL, size, packed);
}
