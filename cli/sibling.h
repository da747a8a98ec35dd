/* SPDX-License-Identifier: GPL-2.0-only */
/* The other programs of this installation, or of this build directory. */
#ifndef CLI_SIBLING_H
#define CLI_SIBLING_H

/* Beside our own binary, then in these folders relative to it; NULL ends them.
 * -ENOENT. The caller frees. */
int sibling_find(const char *name, const char *const *folders, char **ret);
/* In PATH and, when that has none, /usr/local/sbin, /usr/sbin, /sbin. */
int sibling_find_in_path(const char *name, char **ret);

#endif
