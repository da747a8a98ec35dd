/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file that a client has open for reading, and says so: opened anew, by way of its
 * /proc/PID/fd. The daemon gives nobody more to read by that than they have.
 */
#ifndef DAEMON_BORROW_H
#define DAEMON_BORROW_H

#include <stdbool.h>
#include <stdint.h>

#include "peer.h"

/* Number, device and inode are what the client says. -EPERM: it has no such file open
 * for reading, or is no process that it may observe itself. */
int borrow_file(const struct peer *peer, int number, uint64_t dev, uint64_t ino);

/* The parser by itself: a file of fdinfo. False: it lacks one of these. */
struct borrow_info {
	unsigned int flags;
	uint64_t mount, ino;
};
bool borrow_parse_info(const char *text, struct borrow_info *ret);
/* Are they the same file, the first of them open for reading? */
bool borrow_is_readable(const struct borrow_info *theirs, const struct borrow_info *ours);

#endif
