/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DWARF of an object, opened with libdw. The one part of the reader that leaves hostile
 * bytes to a library: main.c has a reply ready before it comes here, and sends that if
 * libdw falls or takes too long.
 */
#ifndef READER_DEBUGINFO_H
#define READER_DEBUGINFO_H

#include <elfutils/libdw.h>

#include "daemon/reader/object.h"

struct debuginfo {
	Dwarf *dwarf; /* NULL: none that libdw can read */
	Elf *elf;
	void *copy;
};

bool debuginfo_has(const struct object *o);
void debuginfo_open(const struct object *o, struct debuginfo *ret);
void debuginfo_close(struct debuginfo *info);

#endif
