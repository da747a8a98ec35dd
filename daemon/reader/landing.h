/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Landing pads: where the unwinder enters a function that catches an exception or
 * cleans up, from the call-site table of its language specific data (LSDA, in
 * .gcc_except_table).
 */
#ifndef READER_LANDING_H
#define READER_LANDING_H

#include "daemon/reader/object.h"

struct landing {
	uint64_t start, end; /* of the calls that may throw */
	uint64_t pad;
};

/* Sorted by start within what one landings_read() appended. */
struct landings {
	struct landing *list;
	size_t n, room;
};

/* Of the code at vaddr, by its frame description. -EBADMSG: not understood; -ENOMEM. */
int landings_read(const struct object *o, uint64_t vaddr, struct landings *ret);
void landings_free(struct landings *l);

#endif
