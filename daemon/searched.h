/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files in which a request's patterns match nothing, so that they are not read again
 * in each process that loads them.
 */
#ifndef DAEMON_SEARCHED_H
#define DAEMON_SEARCHED_H

#include "proc.h"

struct searched_file {
	uint64_t dev, ino, version;
};

struct searched {
	struct searched_file *file;
	size_t n, room;
};

bool searched_has(const struct searched *searched, const struct proc_object *object);
/* Without memory it is not remembered, and searched again. */
void searched_add(struct searched *searched, const struct proc_object *object);
void searched_done(struct searched *searched);

#endif
