/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses in the middle of functions that other code of the object holds, in an
 * instruction: what lies there may be that code's data. One look at all of the code, for
 * bytes that may be such an operand; only where there are some it is decoded.
 *
 *	references_read(&r, o, &functions)
 *	references_find(&r, start, size)     behind start, before start + size
 *	references_free(&r)
 */
#ifndef READER_REFERENCES_H
#define READER_REFERENCES_H

#include "daemon/reader/functions.h"

#define REFERENCES_BYTES_MAX   (1ull << 28)
#define REFERENCES_DECODED_MAX (1u << 23) /* instructions */

struct references {
	uint64_t *list; /* sorted */
	size_t n, room;
	bool known;
};

/* 0, or -ENOMEM. */
int references_read(struct references *r, const struct object *o, const struct functions *f);
bool references_find(const struct references *r, uint64_t start, uint64_t size);
void references_free(struct references *r);

#endif
