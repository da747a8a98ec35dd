/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rest of a stripped object: its separate debug file, found by build-id or
 * .gnu_debuglink under /usr/lib/debug and beside the object, and the small
 * symbol table that some distributions leave in .gnu_debugdata. Local files
 * only, never the network.
 */
#ifndef READER_DEBUGFILE_H
#define READER_DEBUGFILE_H

#include "daemon/reader/object.h"

/* -ENOENT: none that belongs to it. *ret_path is the caller's to free. */
int debugfile_open(const struct object *o, struct text path, struct object **ret, char **ret_path);
/* The object within .gnu_debugdata; -ENOENT, -EBADMSG, -EFBIG. */
int debugfile_embedded(const struct object *o, struct object **ret);

#endif
