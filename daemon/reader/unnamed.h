/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of stripped objects: .eh_frame, which no program that may be unwound can
 * do without, says where each begins and ends. They get the names that addr2line and
 * perf go by: the file's name, "+0x", the address in it (not the offset in the file):
 *
 *	cmake+0xe3290
 *
 * What begins in the middle of a frame (the cold part of a function), stubs of the PLT
 * and what a symbol covers are left out. A cold part that begins before its function
 * has touched the stack can not be told from a function, and is listed as one.
 */
#ifndef READER_UNNAMED_H
#define READER_UNNAMED_H

#include "daemon/reader/functions.h"

/* Call it when every table was added; functions_finish() again after it. *ret_names
 * holds their names: to be freed after f. 0, or -ENOMEM. */
int unnamed_add(struct functions *f, const struct object *o, struct text file, char **ret_names);

/* A pattern that may mean one of these by its name: it holds "+0x". */
bool unnamed_is_meant(struct text pattern);

#endif
