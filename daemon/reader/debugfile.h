/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rest of a stripped object: its separate debug file, found by build-id or
 * .gnu_debuglink under /usr/lib/debug and beside the object, and the small
 * symbol table that some distributions leave in .gnu_debugdata. Local files
 * only, never the network.
 *
 * A build-id and a checksum can be forged, and the object's path is one of the
 * target's mount namespace but is looked up in ours: a debug file counts only when
 * nobody but root and the owner of the object's own file (user) can have written it.
 */
#ifndef READER_DEBUGFILE_H
#define READER_DEBUGFILE_H

#include "daemon/reader/object.h"

/*
 * -ENOENT: none that belongs to it. *ret_path is the caller's to free, and so is
 * *ret_refused, set whatever is returned: a file that others could have written.
 */
int debugfile_open(const struct object *o, struct text path, uid_t user, struct object **ret,
		   char **ret_path, char **ret_refused);
/* The object within .gnu_debugdata; -ENOENT, -EBADMSG, -EFBIG. */
int debugfile_embedded(const struct object *o, struct object **ret);

#endif
