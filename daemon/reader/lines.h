/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source file and line of functions, from DWARF by libdw. The one part of the
 * reader that leaves hostile bytes to a library: main.c has the reply ready
 * before it comes here, and sends that if libdw falls or takes too long.
 */
#ifndef READER_LINES_H
#define READER_LINES_H

#include "daemon/reader/object.h"

struct line {
	uint64_t vaddr;
	char *file; /* NULL: unknown; the caller frees it */
	uint32_t line;
};

/* Fills what it finds; list must be sorted by vaddr. */
void lines_find(const struct object *o, struct line *list, size_t n);

#endif
